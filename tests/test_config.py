"""TrainConfig: presets, ranges, and the command line made of its fields."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.config import PRESETS, RANGES, TrainConfig
from core.errors import AffectoscopeError
from core.options import parse_train_config, parse_train_options


def test_original_is_the_studys_network():
    config = PRESETS["original"]
    assert config.filters == (64, 128, 256)  # M = 3
    assert config.dense == (128, 128)  # N = 2
    assert (config.colour, config.size, config.dropout, config.normalisation) == ("grey", 50, 0.25, "none")


@pytest.mark.parametrize("name", [name for name in RANGES if "." not in name])
@pytest.mark.parametrize("side", [0, 1])
def test_a_value_outside_its_range_is_refused_with_the_range(name, side):
    value = RANGES[name][side] + (1 if side else -1)
    value = (value,) if isinstance(getattr(TrainConfig(), name), tuple) else value
    with pytest.raises(AffectoscopeError, match="out of range; expected") as error:
        replace(TrainConfig(), **{name: value})
    assert str(RANGES[name][0]) in str(error.value) and str(RANGES[name][1]) in str(error.value)


def test_augmentation_has_ranges_too():
    with pytest.raises(
        AffectoscopeError, match=r"--augment.rotation 90.* out of range; expected 0.0 to 45.0"
    ):
        replace(TrainConfig(), augment=replace(TrainConfig().augment, rotation=90.0))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"filters": ()}, "--filters has 0 blocks; expected 1 to 8"),
        ({"filters": (8,) * 9}, "--filters has 9 blocks"),
        ({"dense": (16,) * 5}, "--dense has 5 layers; expected 0 to 4"),
        (
            {"repeats": (1, 2), "filters": (8, 16, 32)},
            "--repeats has 2 numbers; expected 1, or one per block",
        ),
    ],
)
def test_a_network_of_another_shape_is_refused(changes, message):
    with pytest.raises(AffectoscopeError, match=message):
        replace(TrainConfig(), **changes)


def test_options_override_the_preset():
    config = parse_train_config(
        ["--preset", "original", "--epochs", "3", "--filters", "16", "32", "--augment.no-flip"]
    )
    assert config == replace(
        PRESETS["original"],
        epochs=3,
        filters=(16, 32),
        augment=replace(PRESETS["original"].augment, flip=False),
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["--preset", "quick", "--preset", "standard"],
        ["--preset=quick", "--epochs", "3", "--preset=standard"],
        ["--preset=quick", "--preset", "standard"],
    ],
)
def test_the_last_preset_decides(arguments):
    epochs = 3 if "--epochs" in arguments else PRESETS["standard"].epochs
    expected = replace(PRESETS["standard"], epochs=epochs)
    assert parse_train_config(arguments) == expected
    assert parse_train_options(arguments)[0] == expected


def test_without_options_the_quick_preset_on_drawn_faces():
    assert parse_train_config([]) == PRESETS["quick"]
    assert PRESETS["quick"].data is None


def test_an_unknown_preset_is_named():
    with pytest.raises(AffectoscopeError, match="preset 'huge'; expected one of original, quick, standard"):
        parse_train_config(["--preset=huge"])


def test_help_explains_every_option(capsys):
    with pytest.raises(SystemExit) as status:
        parse_train_config(["--help"])
    assert status.value.code == 0
    shown = capsys.readouterr().out
    for option in ("--data", "--filters", "--imbalance", "--augment.erasing", "--resume", "--thumbnails"):
        assert option in shown


def test_a_config_tells_no_path():
    config = replace(TrainConfig(), data=Path("/home/somebody/AffectNet"))
    assert config.as_dict()["data"] == "AffectNet"
    assert "somebody" not in str(config.as_dict())


def test_options_that_exclude_each_other_are_refused():
    with pytest.raises(AffectoscopeError, match="--mixup and --cutmix"):
        TrainConfig(mixup=0.2, cutmix=1.0)
    with pytest.raises(AffectoscopeError, match="--stochastic-depth .* needs --residual"):
        TrainConfig(stochastic_depth=0.1, residual=False)
