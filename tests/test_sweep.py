"""Sweeps end to end on drawn faces: resumed, shared, pruned, taken over; what they keep, and what they refuse."""

import json
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from core.config import PRESETS, TrainConfig
from core.errors import AffectoscopeError
from core.options import parse_train_config, train_command
from core.runs.catalogue import list_runs, open_run
from core.runs.sweeps import list_sweeps, open_sweep
from core.sweep import run as command
from core.sweep import search
from core.sweep.spaces import CHANGES, SPACES, trial_config
from tests.trained import sweep_in, tiny_config


def use_folder_and_tiny_space(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Sweeps lie under `folder`, and "factors" is a space of four trainings of seconds."""
    space = replace(
        SPACES["factors"],
        parameters={"M": (1, 2), "N": (1,), "filters": ("32 each",), "dropout": (0.0, 0.25)},
        reference={"M": 1, "dropout": 0.0},
        apply=lambda base, chosen: replace(base, filters=(4,) * chosen["M"], dropout=chosen["dropout"]),
    )
    patch.setattr(command, "sweep_folder", lambda name: folder / "sweeps" / name)
    patch.setitem(SPACES, "factors", space)


@pytest.fixture
def artifacts(tmp_path, monkeypatch):
    """Where the sweeps of a test lie, all of the tiny space."""
    use_folder_and_tiny_space(monkeypatch, tmp_path / "artifacts")
    return tmp_path / "artifacts"


@pytest.fixture(scope="module")
def finished(drawn_tree, tmp_path_factory):
    """The sweep "first" over the tiny space, to its end. Not to be changed."""
    with pytest.MonkeyPatch.context() as patch:
        use_folder_and_tiny_space(patch, tmp_path_factory.mktemp("artifacts"))
        return command.sweep(options(), tiny_config(drawn_tree))


@pytest.fixture
def copied(finished, artifacts):
    """`finished`, copied to where the sweeps of a test lie."""
    return open_sweep(shutil.copytree(finished.path, artifacts / "sweeps" / "first"))


def options(**changes) -> command.SweepOptions:
    return command.SweepOptions(**{"name": "first", "space": "factors"} | changes)


def test_every_combination_is_a_run_scored_on_validation_faces(finished):
    trials = finished.trials()
    assert list(trials["state"]) == ["complete"] * 4
    assert sorted(zip(trials["M"], trials["dropout"], strict=True)) == [
        (1, 0.0),
        (1, 0.25),
        (2, 0.0),
        (2, 0.25),
    ]
    for trial in trials.itertuples():
        run = open_run(finished.path / f"trial-{trial.trial:04d}")
        assert run.scores.faces == finished.validation_faces
        assert run.scores.headline["accuracy"].value == pytest.approx(trial.accuracy, abs=1e-5)
        assert run.info["config"]["dropout"] == trial.dropout
        assert set(run.predictions().frame["split"]) == {"validation"}
    assert list_runs(finished.path.parent.parent) == []
    assert set(finished.epochs()["trial"]) == set(trials["trial"])


def test_a_stopped_sweep_goes_on_from_its_checkpoint_and_ends_as_an_uninterrupted_one(
    finished, artifacts, drawn_tree, monkeypatch
):
    base = tiny_config(drawn_tree)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    monkeypatch.setattr(search, "_worker", lambda: f"{search.platform.node()}:{gone.pid}")
    seen, original = [], search.train

    def ctrl_c_in_the_third_trial(config, *, after_epoch, **settings):
        seen.append((config.name, config.resume))

        def and_stop(row):
            after_epoch(row)
            if len(seen) == 3 and row["epoch"] == 1:
                signal.raise_signal(signal.SIGINT)

        return original(config, after_epoch=and_stop, **settings)

    monkeypatch.setattr(search, "train", ctrl_c_in_the_third_trial)
    with pytest.raises(KeyboardInterrupt):
        command.sweep(options(name="stopped"), base)
    assert (artifacts / "sweeps/stopped/.trial-0002.partial/checkpoint/state.npz").exists()
    with pytest.raises(AffectoscopeError, match="already exists; pass --resume"):
        command.sweep(options(name="stopped"), base)
    resumed = command.sweep(options(name="stopped", resume=True), base)
    assert seen[2:] == [("trial-0002", False), ("trial-0003", False), ("trial-0002", True)]
    assert list(resumed.trials()["state"]) == ["complete", "complete", "fail", "complete", "complete"]
    columns = ["M", "dropout", "accuracy", "loss", "best_epoch"]
    ended = [
        each.trials().query("state == 'complete'").sort_values(["M", "dropout"])[columns].to_numpy()
        for each in (finished, resumed)
    ]
    assert ended[1] == pytest.approx(ended[0])


@pytest.mark.usefixtures("copied")
def test_a_sweep_begun_otherwise_is_not_gone_on_with(drawn_tree):
    base = tiny_config(drawn_tree)
    with pytest.raises(AffectoscopeError, match="config; resume"):
        command.sweep(options(resume=True), replace(base, learning_rate=0.01))
    with pytest.raises(AffectoscopeError, match="objective; resume"):
        command.sweep(options(resume=True, objective="loss"), base)
    with pytest.raises(AffectoscopeError, match="'other' not found"):
        command.sweep(options(name="other", resume=True), base)


def test_a_trial_that_falls_behind_is_pruned_and_leaves_no_run(artifacts, drawn_tree, monkeypatch, capsys):
    class PruneSecond(optuna.pruners.BasePruner):
        def prune(self, study, trial):
            return trial.number == 1

    monkeypatch.setattr(search.optuna.pruners, "MedianPruner", lambda **_: PruneSecond())
    found = command.sweep(options(prune=True, trials=2), tiny_config(drawn_tree))
    trials = found.trials().set_index("trial")
    assert list(trials["state"]) == ["complete", "pruned"] and trials.loc[1, "epochs"] == 1
    assert 0 <= trials.loc[1, "accuracy"] <= 1
    assert [path.name for path in found.path.glob("trial-*")] == ["trial-0000"]
    assert "--resume" not in capsys.readouterr().out


def test_a_training_that_fails_is_counted_and_stops_no_other(artifacts, drawn_tree, monkeypatch):
    original = search.train

    def fails_once(config, **settings):
        if config.name == "trial-0000":
            raise AffectoscopeError("no good")
        return original(config, **settings)

    monkeypatch.setattr(search, "train", fails_once)
    states = command.sweep(options(trials=2), tiny_config(drawn_tree, epochs=1)).trials()["state"]
    assert list(states) == ["fail", "complete"]


def test_when_every_training_fails_the_sweep_still_ends(artifacts, drawn_tree, monkeypatch, capsys):
    def fails(config, **settings):
        raise AffectoscopeError("no good")

    monkeypatch.setattr(search, "train", fails)
    trials = command.sweep(options(trials=3), tiny_config(drawn_tree, epochs=1)).trials()
    assert list(trials["state"]) == ["fail"] * 3
    assert "Trial 0 failed: no good" in capsys.readouterr().out


def test_two_workers_share_one_storage(tmp_path, project_root, drawn_tree):
    target, logs = sweep_in(tmp_path, project_root, drawn_tree, "--trials", "2", "--workers", "2")
    trials = open_sweep(target).trials()
    assert set(trials["state"]) == {"complete"}
    assert len(trials) in (2, 3)  # both may begin the last one at once
    assert not trials.duplicated(["M", "N", "filters", "dropout"]).any()
    assert sum(log.count("is ready after") for log in logs) == len(trials)
    assert all("Drawn faces" in log for log in logs)


def test_workers_are_given_the_sweep_and_not_what_this_process_was_given(artifacts, drawn_tree, monkeypatch):
    begun = []

    class Ended:
        count = 2

        def __init__(self, count, arguments, folder):
            begun.append(arguments)

        running = stop = staticmethod(lambda: False)
        failed = staticmethod(list)

    monkeypatch.setattr(command, "Processes", Ended)
    monkeypatch.setattr(sys, "argv", ["somebody-else", "--else"])
    base = tiny_config(drawn_tree)
    command.sweep(options(workers=2), base)
    (arguments,) = begun
    given, config = command.parse_sweep(arguments)
    assert (given, config) == (options(resume=True), base)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--name", "x", "--workers", "0"], "--workers 0 is out of range; expected 1 or more"),
        (["--name", "x", "--trials", "0"], "--trials 0 is out of range"),
        (["--name", "x", "--dropout", "2"], "dropout"),
        (["--name", "x", "--preset", "best"], "Unknown preset 'best'"),
    ],
)
def test_bad_options_are_refused_in_one_sentence(arguments, message):
    with pytest.raises(AffectoscopeError, match=message):
        command.parse_sweep(arguments)


@pytest.mark.parametrize("name", ["../up", "", ".hidden", "a/b", "x" * 61])
def test_a_name_that_is_no_folder_is_refused(name, drawn_tree):
    with pytest.raises(AffectoscopeError, match="Invalid sweep name"):
        command.sweep(options(name=name), tiny_config(drawn_tree))


def test_a_space_with_ranges_makes_no_grid(artifacts, drawn_tree):
    with pytest.raises(AffectoscopeError, match="pass --sampler random or tpe"):
        command.sweep(options(space="search", sampler="grid"), tiny_config(drawn_tree))
    with pytest.raises(AffectoscopeError, match="--trials 82 .* 4 combinations"):
        command.sweep(options(trials=82), tiny_config(drawn_tree))


def test_every_choice_of_every_space_is_a_configuration():
    base = PRESETS["standard"]
    for name, space in SPACES.items():
        least = {
            key: values[0] if isinstance(values, tuple) else values.low
            for key, values in space.parameters.items()
        }
        for key, values in space.parameters.items():
            for value in values if isinstance(values, tuple) else (values.low, values.high):
                assert isinstance(space.apply(base, least | {key: value}), TrainConfig), (name, key, value)
    factors = SPACES["factors"].apply(base, {"M": 4, "N": 3, "filters": "32 doubling", "dropout": 0.4})
    assert factors.filters == (32, 64, 128, 256) and factors.dense == (128,) * 3 and factors.dropout == 0.4


def test_every_change_of_the_ablation_changes_something_and_only_that():
    standard = PRESETS["standard"]
    base = replace(standard, augment=replace(standard.augment, shift=0.05))
    for change in CHANGES:
        changed = SPACES["ablation"].apply(base, {"change": change, "seed": base.seed})
        assert changed.seed_of_split == base.seed_of_split
        assert (replace(changed, split_seed=base.split_seed) == base) == (change == "none"), change
    other = SPACES["ablation"].apply(base, {"change": "none", "seed": 5})
    assert other.seed == 5 and other.seed_of_split == base.seed_of_split


def test_a_trial_becomes_a_command_that_trains_it(drawn_tree):
    base = replace(PRESETS["standard"], limit=100)
    chosen = {"M": 2.0, "N": 3.0, "filters": "64 each", "dropout": 0.5}
    config = trial_config("factors", json.loads(json.dumps(base.recipe())), chosen)
    assert config.limit is None and config.filters == (64, 64) and config.dense == (128, 128, 128)
    assert parse_train_config(train_command(config).split()[3:]) == config


@pytest.mark.parametrize("preset", PRESETS)
def test_the_command_of_a_configuration_gives_it_again(preset):
    base = PRESETS[preset]
    for config in (
        base,
        replace(
            base, filters=(8, 16), repeats=(2,), dense=(), teacher=("one", "two"), residual=not base.residual
        ),
        replace(
            base, augment=replace(base.augment, flip=not base.augment.flip, erasing=0.5), seed=4, split_seed=2
        ),
    ):
        assert parse_train_config(train_command(config).split()[3:]) == config
        assert TrainConfig.from_dict(json.loads(json.dumps(config.as_dict()))) == config


def test_a_configuration_that_is_none_is_refused():
    for document in ({}, {"preset": "best"}, {"preset": "quick", "augment": {"twist": 1}}):
        with pytest.raises(AffectoscopeError, match="The configuration cannot be read"):
            TrainConfig.from_dict(document)
    with pytest.raises(AffectoscopeError, match="Unknown search space 'all'"):
        trial_config("all", {}, {})


def test_damaged_and_newer_sweeps_are_listed_with_their_reason(copied, artifacts):
    beside = artifacts / "sweeps"
    kept = json.loads((copied.path / "sweep.json").read_text())
    for name, document in (
        ("damaged", "{"),
        ("none", "[]"),
        ("newer", json.dumps(kept | {"schema_version": 99})),
        ("lacking", json.dumps({key: value for key, value in kept.items() if key != "data"})),
        ("aimless", json.dumps(kept | {"objective": "fame"})),
    ):
        (beside / name).mkdir()
        (beside / name / "sweep.json").write_text(document)
    sweeps, damaged = list_sweeps(artifacts)
    assert [sweep.name for sweep in sweeps] == ["first"]
    assert "cannot be read" in damaged["damaged"] and "no schema_version" in damaged["none"]
    assert "newer version of Affectoscope" in damaged["newer"] and "has no data" in damaged["lacking"]
    assert "known objective" in damaged["aimless"]


def test_a_damaged_table_is_named(copied):
    (copied.path / "trials.csv").write_text("trial\n0\n")
    with pytest.raises(AffectoscopeError, match=r"trials\.csv of 'first' has no column state"):
        copied.trials()
    (copied.path / "epochs.csv").write_bytes(b"")
    with pytest.raises(AffectoscopeError, match=r"epochs\.csv of 'first' cannot be read"):
        copied.epochs()
