"""A pretrained start: weights of another run or file, frozen layers, and a user's backbone."""

import hashlib
import re
import shutil
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from core.config import TrainConfig
from core.data.preprocessing import PreprocessingConfig
from core.data.training_data import load_training_data
from core.errors import AffectoscopeError
from core.network import fit
from core.network.backbone import takes_any_size
from core.network.batch_statistics import recompute_batch_statistics
from core.network.distillation import rebuild_teacher
from core.network.gradcam import explain, split_network
from core.network.model import build_model
from core.network.precision import FusedBatchNormalization
from core.network.pretrained import load_pretrained, start_training
from core.network.training_job import TrainingJob
from core.options import parse_train_options
from core.report.wording import starting_weights
from core.runs.parent import find_parent, training_recipe
from core.runtime.console import Console
from core.sweep.cross_validation import _fold_config
from core.train import train
from tests.conftest import ROOT
from tests.pages import problems, text_of
from tests.trained import fit_epochs, made, small_config, tiny_config

COLOUR = PreprocessingConfig(colour="rgb", size=24)


def network_of(config: TrainConfig, labels: int = 8, *, affect: bool = True) -> keras.Model:
    return build_model(
        config, PreprocessingConfig(colour=config.colour, size=config.size), labels, affect=affect
    )


def weights_of(network: keras.Model) -> dict[str, list[np.ndarray]]:
    return {layer.name: layer.get_weights() for layer in network.layers if layer.weights}


def equal(some: list[np.ndarray], others: list[np.ndarray]) -> bool:
    return all(np.array_equal(one, other) for one, other in zip(some, others, strict=True))


def test_the_same_architecture_gives_the_outputs_of_its_parent(trained_run, drawn_tree):
    config = small_config(drawn_tree, start_from=trained_run.path, seed=5)
    network = network_of(config)
    faces = np.random.default_rng(0).integers(0, 256, (4, 24, 24, 1), np.uint8)
    expected = trained_run.load_model().predict_on_batch(faces)
    assert np.abs(network.predict_on_batch(faces)["expression"] - expected["expression"]).max() > 0.01
    pretrained = load_pretrained(network, config, trained_run.labels)
    for name, values in network.predict_on_batch(faces).items():
        np.testing.assert_array_equal(values, expected[name])
    assert pretrained.fresh == {} and {"logits", "affect"} <= set(pretrained.layers)
    assert not {"logits", "affect"} & set(pretrained.frozen)
    sha256 = hashlib.sha256((trained_run.path / "model.keras").read_bytes()).hexdigest()
    assert pretrained.parent == {"name": "small", "sha256": sha256}


def test_what_does_not_fit_is_named_with_both_shapes(trained_run, drawn_tree):
    config = small_config(drawn_tree, start_from=trained_run.path, colour="rgb", filters=(8, 16, 4), size=32)
    said = []
    pretrained = start_training(network_of(config, 7), config, trained_run.labels[:7], said.append)
    assert set(pretrained.layers) == {"block1_norm1", "block2_conv1", "block2_norm1", "affect"}
    assert pretrained.fresh["block1_conv1"] == "shapes 3x3x3x8, in the parent 3x3x1x8"
    assert "no layer of this name" in pretrained.fresh["block3_conv1"]
    assert pretrained.fresh["logits"] == "shapes 16x7, 7, in the parent 16x8, 8"
    assert said[0] == "4 of 9 layers with weights start from 'small'"
    assert [line.split()[0] for line in said[1:]] == list(pretrained.fresh)


def test_outputs_for_other_labels_start_fresh(trained_run, drawn_tree):
    config = small_config(drawn_tree, start_from=trained_run.path)
    pretrained = load_pretrained(network_of(config), config, trained_run.labels[::-1])
    assert "the parent has the labels neutral, happy" in pretrained.fresh["logits"]


def test_a_file_is_a_start_too(trained_run, drawn_tree, tmp_path):
    path = tmp_path / "copy.keras"
    shutil.copy(trained_run.path / "model.keras", path)
    config = small_config(drawn_tree, start_from=path)
    network = network_of(config)
    assert load_pretrained(network, config, ()).parent["name"] == "copy.keras"
    assert equal(network.get_weights(), trained_run.load_model().get_weights())


def test_a_parent_that_is_of_no_use_is_refused(trained_run, drawn_tree, tmp_path):
    config = small_config(
        drawn_tree,
        start_from=trained_run.path,
        filters=(5,),
        normalisation="none",
        dense=(),
        affect_weight=0.0,
    )
    with pytest.raises(AffectoscopeError, match="No layer of 'small' has the name and shapes"):
        load_pretrained(network_of(config, affect=False), config, trained_run.labels)
    with pytest.raises(AffectoscopeError, match="'nobody' not found"):
        train(tiny_config(drawn_tree, name="child", start_from=Path("nobody")), folder=tmp_path / "artifacts")
    with pytest.raises(AffectoscopeError, match=r"no\.keras cannot be read"):
        train(
            tiny_config(drawn_tree, name="child", start_from=tmp_path / "no.keras"),
            folder=tmp_path / "artifacts",
        )
    assert not (tmp_path / "artifacts").exists()
    with pytest.raises(AffectoscopeError, match="--freeze-epochs .* needs --start-from or --backbone"):
        tiny_config(drawn_tree, freeze_epochs=1)


def test_a_training_resumes_only_from_the_same_parent(trained_run, drawn_tree, tmp_path):
    path = tmp_path / "copy.keras"
    shutil.copy(trained_run.path / "model.keras", path)
    config = tiny_config(drawn_tree, start_from=path)
    recipe = training_recipe(config)
    assert recipe["start_from"] == "copy.keras" and recipe["start_from_sha256"] == find_parent(path).sha256
    assert "start_from_sha256" not in training_recipe(tiny_config(drawn_tree))
    network = trained_run.load_model()
    network.get_layer("logits").set_weights([-each for each in network.get_layer("logits").get_weights()])
    network.save(path)
    assert training_recipe(config)["start_from_sha256"] != recipe["start_from_sha256"]


@pytest.fixture
def raw_weights(monkeypatch) -> list[dict[str, list[np.ndarray]]]:
    """The weights of the trained network before its first epoch and after each one."""
    found, original = [], fit.TrainingCallback.on_epoch_end
    begin = fit.TrainingCallback.on_epoch_begin

    def on_epoch_begin(self, epoch, logs=None):
        if not found:
            found.append(weights_of(self.network))
        begin(self, epoch, logs)

    def on_epoch_end(self, epoch, logs=None):
        found.append(weights_of(self.network))
        original(self, epoch, logs)

    monkeypatch.setattr(fit.TrainingCallback, "on_epoch_begin", on_epoch_begin)
    monkeypatch.setattr(fit.TrainingCallback, "on_epoch_end", on_epoch_end)
    return found


def test_pretrained_layers_are_frozen_in_the_first_epochs_and_a_killed_training_repeats(
    trained_run, drawn_tree, tmp_path, raw_weights, monkeypatch, open_page
):
    config = tiny_config(
        drawn_tree,
        name="child",
        start_from=trained_run.path,
        filters=(8,),
        pooling="average",
        freeze_epochs=1,
        ema=0.5,
        epochs=3,
    )
    run = train(config, folder=tmp_path / "artifacts")
    before, frozen, after, _ = raw_weights
    parent = weights_of(trained_run.load_model())
    fitting = {"block1_conv1", "block1_norm1"}
    assert set(run.info["parent"]["layers"]) == fitting
    for name in before:
        assert equal(before[name], frozen[name]) == (name in fitting)
        assert not equal(frozen[name], after[name])
    assert all(equal(before[name], parent[name]) for name in fitting)
    sha256 = find_parent(trained_run.path).sha256
    assert run.info["parent"]["name"] == "small" and run.info["parent"]["sha256"] == sha256
    assert run.info["digests"] == {"start_from_sha256": sha256}
    assert "'small'" in starting_weights(run) and sha256 in run.card
    shown = open_page("training", folder=tmp_path / "artifacts", run="child")
    assert problems(shown) == [] and starting_weights(run) in text_of(shown)

    save = fit.TrainingCallback.save

    def save_then_die(self):
        save(self)
        if self.epochs_done == 1:
            raise SystemError("killed")

    monkeypatch.setattr(fit.TrainingCallback, "save", save_then_die)
    folder = made(tmp_path / "killed")
    with pytest.raises(SystemError):
        fit_epochs(config, folder)
    monkeypatch.setattr(fit.TrainingCallback, "save", save)
    resumed, fitted = fit_epochs(config, folder)
    assert equal(resumed.get_weights(), run.load_model().get_weights())
    np.testing.assert_allclose(fitted.history["learning_rate"], run.history["learning_rate"], rtol=1e-4)


def test_the_schedule_goes_on_after_the_frozen_epochs():
    from core.network.objective import optimizer

    config = TrainConfig(epochs=5, warmup_epochs=1.0)
    whole, later = optimizer(config, 10), optimizer(config, 10, first_epoch=2)
    for step in (0, 7, 29):
        assert float(later._learning_rate(step)) == pytest.approx(float(whole._learning_rate(step + 20)))


def test_a_frozen_normalisation_uses_and_keeps_its_statistics():
    values = np.random.default_rng(0).normal(3, 2, (16, 4, 4, 5)).astype(np.float32)
    layer = FusedBatchNormalization()
    layer.build(values.shape)
    layer.trainable = False
    np.testing.assert_array_equal(layer(values, training=True), layer(values, training=False))
    np.testing.assert_array_equal(layer.moving_mean, np.zeros(5))
    network = network_of(TrainConfig(size=24, filters=(4, 4), dense=(), pooling="average"), 7)
    before = weights_of(network)
    recompute_batch_statistics(network, faces(20), frozen=("block1_norm1",))
    after = weights_of(network)
    assert equal(before["block1_norm1"], after["block1_norm1"])
    assert not equal(before["block2_norm1"], after["block2_norm1"])


def faces(count: int, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, 24, 24, channels), np.uint8)


def features(*, rescaled: bool = True, vector: bool = False, side: int | None = 24) -> keras.Model:
    """A small pretrained network with a nested one, batch normalisation and a residual connection."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input((side, side, 3))
    x = layers.Rescaling(1 / 255)(inputs) if rescaled else inputs
    stem = [keras.Input((None, None, 3)), layers.Conv2D(4, 3, strides=2, name="conv"), layers.ReLU()]
    x = keras.Sequential(stem, name="stem")(x)
    y = layers.BatchNormalization(name="norm")(layers.Conv2D(4, 3, padding="same", name="dense1")(x))
    x = layers.Add()([x, y]) * 1.0  # an operation that is no layer
    if vector:
        x = layers.Dense(6, activation="relu", name="projection")(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, x)


@pytest.fixture
def saved(tmp_path):
    def save(network: keras.Model, name: str = "features.keras") -> Path:
        network.save(tmp_path / name)
        return tmp_path / name

    return save


def on_backbone(path: Path | None, **changes) -> TrainConfig:
    return TrainConfig(**{"backbone": path, "colour": "rgb", "size": 24, "dense": (8,)} | changes)


@pytest.mark.parametrize("vector", [False, True])
def test_a_backbone_computes_what_it_did_in_its_file(saved, vector):
    backbone = features(vector=vector)
    network = build_model(on_backbone(saved(backbone), dense=()), COLOUR, 7, affect=True)
    pixels = faces(5, 3)
    expected = backbone.predict_on_batch(pixels.astype(np.float32))
    found = keras.Model(
        network.input, [network.get_layer(name).output for name in ("last_features", "embedding")]
    ).predict_on_batch(pixels)
    np.testing.assert_allclose(found[1], expected if vector else expected.mean(axis=(1, 2)), atol=1e-5)
    assert found[0].shape == (5, 11, 11, 4)
    assert all(type(layer).__module__.startswith("keras.") for layer in network.layers)
    assert not any(isinstance(layer, keras.Model) for layer in network.layers)
    assert {"backbone_conv", "backbone_dense1"} <= {layer.name for layer in network.layers}


def test_the_range_of_pixels_is_stated_by_the_file_or_the_user(saved):
    path = saved(features(rescaled=False))
    with pytest.raises(AffectoscopeError, match=r"pass --backbone-scale 0\.\.255, 0\.\.1 or -1\.\.1"):
        build_model(on_backbone(path), COLOUR, 7)
    pixels, backbone = faces(3, 3), features(rescaled=False)
    for scale, scaled in (("0..255", pixels), ("0..1", pixels / 255), ("-1..1", pixels / 127.5 - 1)):
        network = build_model(on_backbone(path, backbone_scale=scale, dense=()), COLOUR, 7)
        found = keras.Model(network.input, network.get_layer("embedding").output).predict_on_batch(pixels)
        expected = backbone.predict_on_batch(scaled.astype(np.float32)).mean(axis=(1, 2))
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_a_run_on_a_backbone_is_whole_without_its_file(drawn_tree, saved, tmp_path):
    path = saved(features())
    config = tiny_config(
        drawn_tree,
        name="on-it",
        backbone=path,
        filters=(32, 48, 64, 96),
        colour="rgb",
        freeze_epochs=2,
        epochs=1,
    )
    theirs = keras.saving.load_model(path).get_layer("norm").get_weights()
    run = train(config, folder=tmp_path / "artifacts")
    path.unlink()
    network = run.load_model()
    assert equal(network.get_layer("backbone_norm").get_weights(), theirs)
    data = load_training_data(replace(config, backbone=None, freeze_epochs=0), Console())
    pixels = data.part("test")[1][:3]
    np.testing.assert_allclose(
        network.predict_on_batch(pixels)["expression"], run.predictions().probabilities[:3], atol=1e-5
    )
    heat = explain(split_network(network), pixels[0], 1).heat
    assert heat.shape == (11, 11) and np.isfinite(heat).all()
    assert run.predictions(with_embeddings=True).embeddings.shape[1] == 4
    digest = run.info["digests"]["backbone_sha256"]
    assert run.info["config"]["backbone"] == "features.keras" and digest in run.card
    trained = TrainConfig.from_dict(run.info["config"])
    assert rebuild_teacher(network, trained, run.preprocessing, precision="float32") is network
    with pytest.raises(ValueError, match="cannot be changed"):
        rebuild_teacher(network, trained, replace(run.preprocessing, size=20), precision="float32")
    with pytest.raises(
        AffectoscopeError, match="--backbone features.keras, whose file is not part of the run"
    ):
        _fold_config(run, None)


def test_sides_are_those_that_the_backbone_accepts(saved, drawn_tree):
    whole = tiny_config(drawn_tree, filters=(32, 48, 64, 96), colour="rgb", crop=20)
    data = load_training_data(whole, Console())
    for side, expected in ((None, (20, 22, 24)), (20, (20,))):
        config = replace(whole, backbone=saved(features(side=side), f"{side}.keras"))
        assert takes_any_size(config) == (side is None)
        assert TrainingJob.of(config, data, Path()).sides() == expected


class Unknown(layers.Layer):
    def call(self, inputs):
        return inputs


def lambda_network():
    inputs = keras.Input((24, 24, 3))
    return keras.Model(inputs, layers.Lambda(lambda x: x * 2)(inputs))


def custom_network():
    inputs = keras.Input((24, 24, 3))
    return keras.Model(inputs, Unknown()(inputs))


def network_to(*last: layers.Layer, shape=(24, 24, 3)):
    return keras.Sequential([keras.Input(shape), layers.Rescaling(1 / 255), *last])


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (lambda_network, "layer 'Lambda', which runs code"),
        (custom_network, "custom object .*Unknown"),
        (lambda: network_to(shape=(24, 24, 1)), "1 channels and the faces have 3; pass --colour grey"),
        (lambda: network_to(shape=(32, 32, 3)), "32 x 32 pixels .* faces have 24 x 24; pass --size 32"),
        (
            lambda: network_to(layers.Reshape((24, 72))),
            r"output of shape \(None, 24, 72\); expected a feature map",
        ),
        (lambda: network_to(layers.Flatten(), layers.Dense(5, "softmax")), "ends in class probabilities"),
    ],
)
def test_a_backbone_that_does_not_fit_is_refused(saved, network, message):
    with pytest.raises(AffectoscopeError, match=message):
        build_model(on_backbone(saved(network())), COLOUR, 7)


def test_a_file_that_is_not_of_keras_is_refused(tmp_path):
    path = tmp_path / "weights.keras"
    path.write_bytes(b"not a zip")
    with pytest.raises(AffectoscopeError, match="is not a .keras file"):
        build_model(on_backbone(path), COLOUR, 7)


def test_options_of_the_blocks_exclude_a_backbone():
    for name, value in (("filters", (8,)), ("residual", True), ("pooling", "average")):
        with pytest.raises(AffectoscopeError, match=f"--{name} is of the blocks that --backbone replaces"):
            on_backbone(Path("features.keras"), **{name: value})
    with pytest.raises(AffectoscopeError, match="--backbone-scale .* needs --backbone"):
        TrainConfig(backbone_scale="0..1")


def test_paths_stay_out_of_runs_and_the_backbone_is_in_the_recipe(saved):
    config = on_backbone(
        saved(features()), start_from=Path("/home/somebody/parent.keras"), tensorboard=Path("/tmp/x")
    )
    document = config.as_dict()
    assert (document["backbone"], document["start_from"]) == ("features.keras", "parent.keras")
    assert TrainConfig.from_dict(document).as_dict() == document
    recipe = config.recipe()
    assert recipe["backbone_sha256"] == hashlib.sha256(config.backbone.read_bytes()).hexdigest()
    assert "tensorboard" not in recipe


def test_the_example_of_the_documentation_runs(tmp_path, monkeypatch):
    text = (ROOT / "docs" / "any-model.md").read_text(encoding="utf-8").split("## A pretrained start")[1]
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL).group(1)
    assert 'weights="imagenet"' in code
    monkeypatch.chdir(tmp_path)
    exec(compile(code.replace('"imagenet"', "None"), "any-model.md", "exec"), {})  # that would be downloaded
    (options,) = re.findall(r"core\.train (.*--backbone .*)", text)
    config, _, _ = parse_train_options(options.split())
    network = build_model(config, PreprocessingConfig(colour=config.colour, size=config.size), 7)
    assert network.get_layer("last_features").output.shape == (None, 3, 3, 1280)
    assert network.get_layer("rescaling").offset == -1.0
    commands = re.findall(r"core\.train (.*)", text)
    assert [parse_train_options(each.split())[0].freeze_epochs for each in commands] == [2, 3]
