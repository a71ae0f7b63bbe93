"""Crops, batch statistics, the epoch that is kept, checkpoints and precision of a training."""

from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers

from core.config import Augmentation, TrainConfig
from core.data.batches import Targets
from core.data.preprocessing import PreprocessingConfig
from core.errors import AffectoscopeError
from core.network import fit, validation
from core.network.augmentation import FaceAugmentation
from core.network.batch_statistics import recompute_batch_statistics
from core.network.model import build_model
from core.network.pooling import StridedMaxPooling2D
from core.network.precision import FusedBatchNormalization, resolve_precision
from core.train import train
from tests.trained import fit_epochs, made, tiny_config

#: A network whose weights fit every side.
AVERAGING = {"filters": (8, 12), "dense": (), "pooling": "average", "normalisation": "batch"}


@pytest.fixture
def faces():
    return np.random.default_rng(0).integers(0, 256, (64, 24, 24, 1), np.uint8)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "artifacts"


class Pack:
    """Faces of an array, as core.data.face_pack gives those on disk."""

    def __init__(self, faces):
        self.faces = faces

    def __len__(self):
        return len(self.faces)

    def __getitem__(self, rows):
        return self.faces[rows]


# Crops


NOTHING = Augmentation(shift=0.0, flip=False, rotation=0.0, scale=0.0)


def test_random_crops_are_parts_of_the_face_and_every_place_is_as_likely():
    """A face whose pixels are their own column: the crop's first pixel is where it lies, within 0 to 8."""
    columns = np.broadcast_to(np.arange(24, dtype=np.uint8)[None, None, :, None] * 10, (4000, 24, 24, 1))
    crops = FaceAugmentation(NOTHING, crop=16)(columns, training=True)
    assert crops.shape == (4000, 16, 16, 1) and keras.backend.standardize_dtype(crops.dtype) == "uint8"
    starts = np.asarray(crops)[:, 8, 0, 0] / 10
    assert starts.min() >= 0 and starts.max() <= 8
    counts, _ = np.histogram(starts, bins=8, range=(0, 8))
    assert counts.min() > 400 and counts.max() < 600  # 500 each


def test_without_training_the_crop_is_the_centre(faces):
    crops = FaceAugmentation(NOTHING, crop=16)(faces, training=False)
    np.testing.assert_array_equal(crops, faces[:, 4:20, 4:20])


def test_a_network_reads_the_centre_of_whole_faces(faces):
    config, preprocessing = TrainConfig(**AVERAGING), PreprocessingConfig(size=24)
    small = build_model(config, replace(preprocessing, size=16), 7)
    whole = build_model(config, preprocessing, 7, side=16)
    whole.set_weights(small.get_weights())
    assert whole.input_shape == (None, 24, 24, 1)
    np.testing.assert_allclose(
        whole.predict_on_batch(faces)["expression"],
        small.predict_on_batch(faces[:, 4:20, 4:20])["expression"],
        atol=1e-6,
    )


@pytest.mark.parametrize(("side", "last"), [(44, 3), (40, 3), (48, 3)])
def test_pooling_loses_no_border(side, last):
    config = TrainConfig(**AVERAGING | {"filters": (4, 4, 4, 4)})
    network = build_model(config, PreprocessingConfig(size=side), 7)
    assert network.get_layer("last_features").output.shape[1] == last


def test_a_training_on_crops_says_what_it_reads_and_keeps_built_in_layers(drawn_tree, folder):
    config = tiny_config(drawn_tree, name="crops", epochs=2, crop=20, **AVERAGING)
    run = train(config, folder=folder)
    model = run.load_model()
    assert model.input_shape == (None, 24, 24, 1)
    assert run.info["network"]["side"] in (20, 22, 24)
    if run.info["network"]["side"] < 24:
        assert model.get_layer("centre_crop").output.shape[1] == run.info["network"]["side"]
    kinds = {type(layer) for layer in model.layers}
    assert layers.BatchNormalization in kinds and FusedBatchNormalization not in kinds


def test_the_side_of_lowest_validation_loss_is_chosen(faces):
    """Three networks of the same weights; the truth is what one of them answers."""
    config, preprocessing = TrainConfig(**AVERAGING), PreprocessingConfig(size=24)
    networks = [build_model(config, preprocessing, 7, side=side) for side in (16, 20, 24)]
    kept = networks[0]
    for right in range(3):
        network = networks[right]
        network.set_weights(kept.get_weights())
        recompute_batch_statistics(network, Pack(faces))
        answers = network.predict_on_batch(faces)["expression"]
        sure = answers.max(axis=1) > np.quantile(answers.max(axis=1), 0.5)
        data = Pack(faces[sure]), Targets(answers.argmax(axis=1)[sure], 7)
        losses = []
        for each in networks:
            each.set_weights(kept.get_weights())
            recompute_batch_statistics(each, Pack(faces))
            losses.append(validation.validate(each, *data)["validation_loss"])
        chosen = validation.choose_input_side(kept, networks, (Pack(faces), None), data)
        assert chosen is networks[int(np.argmin(losses))]


def test_a_crop_larger_than_the_face_is_rejected():
    with pytest.raises(AffectoscopeError, match="--crop 60 is larger than the faces"):
        TrainConfig(size=48, crop=60)


# Statistics


def test_batch_statistics_are_those_of_the_faces(faces):
    """One convolution and one normalisation: mean and variance of the convolution's output, computed here."""
    inputs = keras.Input((24, 24, 1), dtype="uint8")
    x = layers.Rescaling(1 / 255)(inputs)
    x = layers.Conv2D(3, 3, name="conv")(x)
    x = layers.Dropout(0.5)(x)
    outputs = layers.BatchNormalization(name="norm")(x)
    network = keras.Model(inputs, outputs)
    recompute_batch_statistics(network, Pack(faces))
    features = keras.Model(inputs, network.get_layer("conv").output).predict_on_batch(faces)
    norm = network.get_layer("norm")
    np.testing.assert_allclose(norm.moving_mean, features.mean(axis=(0, 1, 2)), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(norm.moving_variance, features.var(axis=(0, 1, 2)), rtol=1e-4)


def test_deeper_statistics_are_those_behind_normalised_layers(faces):
    network = build_model(TrainConfig(**AVERAGING), PreprocessingConfig(size=24), 7)
    recompute_batch_statistics(network, Pack(faces))
    first = network.get_layer("block1_norm1")
    second = network.get_layer("block2_norm1")
    below = keras.Model(network.input, second.input)
    features = below.predict_on_batch(faces)  # with the statistics of `first` as they are now
    assert np.abs(first.moving_mean.numpy()).max() > 0
    np.testing.assert_allclose(second.moving_mean, features.mean(axis=(0, 1, 2)), rtol=1e-3, atol=1e-4)


def test_a_network_without_batch_normalisation_stays_as_it_is(faces):
    config = TrainConfig(**AVERAGING | {"normalisation": "none"})
    network = build_model(config, PreprocessingConfig(size=24), 7)
    before = network.get_weights()
    recompute_batch_statistics(network, Pack(faces))
    assert all(np.array_equal(a, b) for a, b in zip(before, network.get_weights(), strict=True))


# The epoch that is kept


def kept_epoch(history: pd.DataFrame, keep: str) -> int:
    column = {"accuracy": history["validation_accuracy"], "loss": -history["validation_loss"]}.get(keep)
    return len(history) if column is None else int(column.idxmax()) + 1


@pytest.mark.parametrize("keep", ["last", "accuracy", "loss"])
def test_the_epoch_that_is_asked_for_is_kept(drawn_tree, tmp_path, keep):
    config = tiny_config(drawn_tree, epochs=6, learning_rate=0.1, early_stopping=0, keep=keep)
    _, fitted = fit_epochs(config, tmp_path)
    assert fitted.best_epoch == kept_epoch(fitted.history, keep)


def test_the_last_epoch_is_kept_where_the_rate_ends_at_zero():
    assert TrainConfig(schedule="cosine").kept_epoch == "last"
    assert TrainConfig(schedule="constant").kept_epoch == "loss"
    assert TrainConfig(schedule="cosine", keep="accuracy").kept_epoch == "accuracy"


def test_validation_every_few_epochs_needs_the_last_one_kept():
    with pytest.raises(AffectoscopeError, match="--validation-epochs above 1 needs --keep last"):
        TrainConfig(validation_epochs=3, keep="loss")


def test_rare_validation_and_checkpoints_change_no_weight_and_a_killed_training_resumes(
    drawn_tree, tmp_path, monkeypatch
):
    config = tiny_config(drawn_tree, epochs=5, early_stopping=0, keep="last", ema=0.9)
    often, _ = fit_epochs(config, made(tmp_path / "often"))
    rare = replace(config, validation_epochs=2, checkpoint_epochs=2)
    saved = []
    original = fit.TrainingCallback.on_epoch_end

    def then_die(self, epoch, logs=None):
        original(self, epoch, logs)
        saved.append((tmp_path / "killed" / "checkpoint" / "state.npz").exists())
        if self.epochs_done == 3:
            raise SystemError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(fit.TrainingCallback, "on_epoch_end", then_die)
        with pytest.raises(SystemError):
            fit_epochs(rare, made(tmp_path / "killed"))
    assert saved == [False, True, True]
    resumed, fitted = fit_epochs(rare, tmp_path / "killed")
    assert fitted.history["validation_loss"].notna().tolist() == [False, True, False, True, True]
    for one, other in zip(often.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_ctrl_c_within_an_epoch_leaves_the_checkpoint_of_the_last_whole_one(
    drawn_tree, tmp_path, monkeypatch
):
    config = tiny_config(drawn_tree, epochs=3, early_stopping=0, ema=0.9)
    whole, _ = fit_epochs(config, made(tmp_path / "whole"))
    original = fit.TrainingCallback.on_train_batch_end

    def ctrl_c(self, step, logs=None):
        original(self, step, logs)
        if self.epochs_done == 1 and step == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fit.TrainingCallback, "on_train_batch_end", ctrl_c)
        _, stopped = fit_epochs(config, made(tmp_path / "stopped"))
    assert (stopped.ended, len(stopped.history)) == ("interrupted", 1)
    half_written = [tmp_path / "stopped/.history.csv.1.new", tmp_path / "stopped/checkpoint/.state.npz.1.new"]
    for path in half_written:
        path.write_bytes(b"killed here")
    resumed, _ = fit_epochs(config, tmp_path / "stopped")
    assert not any(path.exists() for path in half_written)
    for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_checkpoint_of_a_finished_training_holds_selected_weights_and_environment(
    drawn_tree, folder, monkeypatch
):
    config = tiny_config(drawn_tree, name="moved", epochs=2)

    def fail(*_arguments, **_options):
        raise SystemError("no review")

    with monkeypatch.context() as patch:
        patch.setattr("core.train._review", fail)
        patch.setattr(
            "core.network.training_callback.environment", lambda: {"accelerator": "a GPU", "packages": {}}
        )
        with pytest.raises(SystemError):
            train(config, folder=folder)
    with np.load(folder / ".moved.partial" / "checkpoint" / "state.npz") as saved:
        weights = [saved[name] for name in saved.files if name.startswith("best_")]
        assert not [name for name in saved.files if name.startswith("variable_")]
    run = train(replace(config, resume=True), folder=folder)
    assert run.info["environment"] == {"accelerator": "a GPU", "packages": {}}
    for kept, weight in zip(weights, run.load_model().get_weights(), strict=True):
        np.testing.assert_array_equal(kept, weight)


# Precision


@pytest.mark.parametrize(
    ("precision", "flags", "expected"),
    [
        ("auto", {"avx2", "avx512_bf16"}, "mixed_bfloat16"),
        ("auto", {"amx_bf16"}, "mixed_bfloat16"),
        ("auto", {"avx2", "avx512f"}, "float32"),
        ("auto", set(), "float32"),
        ("float32", {"amx_bf16"}, "float32"),
        ("mixed_bfloat16", set(), "mixed_bfloat16"),
    ],
)
def test_precision_by_the_processor(precision, flags, expected):
    assert resolve_precision(precision, flags=frozenset(flags)) == expected


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the fused kernel is TensorFlow's")
def test_fused_batch_normalisation_gives_the_same_numbers():
    import tensorflow as tf

    values = np.random.default_rng(0).normal(3, 2, (16, 5, 5, 6)).astype(np.float32)
    weights = np.random.default_rng(1).normal(0, 1, (16, 5, 5, 6)).astype(np.float32)
    results = []
    for kind in (layers.BatchNormalization, FusedBatchNormalization):
        layer = kind(momentum=0.9)
        layer.build(values.shape)
        layer.gamma.assign(np.linspace(0.5, 2, 6))
        inputs = tf.constant(values)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs, training=True)
            loss = tf.reduce_sum(outputs * weights)
        gradients = tape.gradient(loss, [inputs, *layer.trainable_variables])
        results.append([outputs, *gradients, layer.moving_mean, layer.moving_variance, layer(inputs)])
    for keras_value, fused in zip(*results, strict=True):
        np.testing.assert_allclose(np.asarray(fused), np.asarray(keras_value), rtol=2e-4, atol=2e-5)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow computes the gradients")
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("sides", [(6, 8), (5, 8), (7, 5)])
def test_strided_max_pooling_gives_the_same_numbers(sides, padding):
    import tensorflow as tf

    values = np.random.default_rng(0).normal(0, 1, (3, *sides, 2)).astype(np.float32)
    results = []
    for kind in (layers.MaxPooling2D, StridedMaxPooling2D):
        inputs = tf.constant(values)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = kind(2, padding=padding)(inputs)
            loss = tf.reduce_sum(outputs**2)
        results.append((outputs, tape.gradient(loss, inputs)))
    for keras_value, strided in zip(*results, strict=True):
        np.testing.assert_array_equal(np.asarray(strided), np.asarray(keras_value))
