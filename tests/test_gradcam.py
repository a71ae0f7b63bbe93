"""Grad-CAM and HiResCAM against a network whose answer is known, and against gradients measured from differences."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from core.config import PRESETS
from core.data.preprocessing import PreprocessingConfig
from core.errors import AffectoscopeError
from core.network.gradcam import SMALLEST_SIDE, explain, split_network
from core.network.model import build_model

LABELS = 5

NETWORKS = {
    "flattened": ({"filters": (4, 8), "repeats": (1,), "dense": (16,), "pooling": "flatten"}, 24, "grey", False),
    "averaged": ({"filters": (4, 8), "dense": (), "pooling": "average"}, 24, "rgb", False),
    "deep": ({"filters": (4, 4, 8, 8, 8), "dense": (8, 8), "pooling": "flatten"}, 48, "grey", True),
    "residual": (
        {"filters": (4, 8, 8), "repeats": (2,), "residual": True, "squeeze_excitation": True, "pooling": "average"},
        48, "grey", True,
    ),
    "standardised": ({"filters": (4, 8), "standardise": True, "normalisation": "none"}, 32, "rgb", True),
    "small faces": ({"filters": (4, 8, 8), "dropout": 0.3, "dense_dropout": 0.2}, 16, "grey", False),
}  # fmt: skip


def build(name: str) -> tuple[keras.Model, np.ndarray]:
    """A network with random weights and normalisations that do something, and a face for it."""
    changes, size, colour, affect = NETWORKS[name]
    keras.utils.set_random_seed(3)
    preprocessing = PreprocessingConfig(colour=colour, size=size)
    network = build_model(replace(PRESETS["quick"], **changes), preprocessing, LABELS, affect=affect)
    random = np.random.default_rng(4)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([random.uniform(0.5, 1.5, weights.shape) for weights in layer.get_weights()])
    return network, random.integers(0, 256, preprocessing.shape).astype(np.uint8)


def in_double_precision(network: keras.Model) -> keras.Model:
    """Differences small enough to stay on one side of every ReLU are lost in single precision."""
    copy = keras.models.clone_model(
        network,
        input_tensors=keras.Input(network.input_shape[1:], dtype="float64"),
        clone_function=lambda layer: type(layer).from_config(layer.get_config() | {"dtype": "float64"}),
    )
    copy.set_weights(network.get_weights())
    return copy


@pytest.mark.parametrize("name", NETWORKS)
def test_heat_is_what_differences_of_the_logit_give(name):
    """The gradient summed over a channel's pixels is how the logit moves with the channel as a whole."""
    network, face = build(name)
    split = split_network(network)
    maps = np.asarray(keras.Model(network.input, network.get_layer(split.layer).output)(face[None]))[0]
    assert maps.shape[:2] == (split.side, split.side)
    step, explained = 1e-7, 0
    shifts = np.concatenate([sign * step * np.eye(maps.shape[-1]) for sign in (1, -1)])
    moved = maps.astype(np.float64) + shifts[:, None, None, :]
    logits = np.asarray(in_double_precision(split.logits)(moved, training=False)).reshape(2, -1, LABELS)
    assert logits.dtype == np.float64
    for label, slopes in enumerate((logits[0] - logits[1]).T / (2 * step)):
        expected = np.maximum(maps.astype(float) @ slopes, 0)
        heat = explain(split, face, label).heat
        assert heat.shape == (split.side, split.side)
        if expected.max() > 0:
            explained += 1
            assert heat == pytest.approx(expected / expected.max(), abs=1e-3)
        else:
            assert not heat.any()
    assert explained > 1


@pytest.mark.parametrize("name", NETWORKS)
def test_hirescam_is_what_differences_pixel_by_pixel_give(name):
    network, face = build(name)
    split = split_network(network)
    maps = np.asarray(split.features(face[None], training=False))[0].astype(np.float64)
    step, explained = 1e-7, 0
    shifts = step * np.eye(maps.size).reshape(-1, *maps.shape)
    tail = in_double_precision(split.logits)
    ahead, behind = (np.asarray(tail(maps + sign * shifts, training=False)) for sign in (1, -1))
    for label, slopes in enumerate((ahead - behind).T / (2 * step)):
        expected = np.maximum((maps * slopes.reshape(maps.shape)).sum(axis=-1), 0)
        heat = explain(split, face, label, method="hirescam").heat
        explained += expected.max() > 0
        assert heat == pytest.approx(expected / (expected.max() or 1), abs=1e-3)
    assert explained > 1


def test_both_methods_agree_where_the_last_map_is_averaged_into_the_logits():
    network, face = build("averaged")
    split = split_network(network)
    for label in range(LABELS):
        heats = [explain(split, face, label, method=method).heat for method in ("grad-cam", "hirescam")]
        assert heats[0] == pytest.approx(heats[1], abs=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_two_halves_are_the_network(name):
    network, face = build(name)
    found = explain(split_network(network), face, 0)
    probabilities = np.asarray(network(face[None], training=False)["expression"])[0]
    assert found.probabilities == pytest.approx(probabilities, abs=1e-6)
    assert found.heat.dtype == np.float32 and found.heat.min() >= 0 and found.heat.max() in (0, 1)


@pytest.mark.parametrize(
    ("name", "block", "side"),
    [("flattened", "last", 6), ("deep", "block3", 6), ("residual", "last", 6), ("small faces", "block1", 8)],
)
def test_the_deepest_map_that_is_not_too_coarse_is_explained(name, block, side):
    split = split_network(build(name)[0])
    assert (split.layer.split("_")[0], split.side) == (block, side) and side >= SMALLEST_SIDE


def quadrants(bright: tuple[int, int], *, cut=None) -> tuple[keras.Model, np.ndarray]:
    """A network of one kernel that copies the pixels and two labels: one for bright left halves, one for right.

    With `cut`, rows (above, below) and columns (left, right), it takes faces of 20 x 20 pixels and sees 16 of them.
    """
    faces = keras.Input((20, 20, 1) if cut else (16, 16, 1), dtype="uint8")
    x = keras.layers.Cropping2D(cut, name="centre_crop")(faces) if cut else faces
    x = keras.layers.Rescaling(1 / 255)(x)
    x = keras.layers.Conv2D(1, 1, use_bias=False, name="block1_conv1")(x)
    x = keras.layers.MaxPooling2D(2, name="block1_pool")(x)
    x = keras.layers.Identity(name="last_features")(x)
    logits = keras.layers.Dense(2, use_bias=False, name="logits")(keras.layers.Flatten()(x))
    network = keras.Model(faces, {"expression": keras.layers.Softmax(name="expression")(logits)})
    network.get_layer("block1_conv1").set_weights([np.ones((1, 1, 1, 1))])
    weights = np.zeros((8, 8, 2))
    weights[:, :4, 0] = weights[:, 4:, 1] = 1.0
    weights[:, 4:, 0] = -2.0
    network.get_layer("logits").set_weights([weights.reshape(64, 2)])
    face = np.zeros((16, 16, 1), np.uint8)
    face[bright] = 255
    return network, face


def test_a_network_whose_answer_is_known():
    """Label 1 weighs the one channel 32 / 64 on average, so its heat is the pooled face itself; label 0 weighs it
    (32 - 64) / 64, below zero, so nothing speaks for it."""
    network, face = quadrants((6, 11))
    face[2, 3] = 51
    split = split_network(network)
    heat = explain(split, face, 1).heat
    expected = np.zeros((8, 8), np.float32)
    expected[3, 5], expected[1, 1] = 1.0, 0.2
    assert heat == pytest.approx(expected)
    assert not explain(split, face, 0).heat.any()
    # Pixel by pixel, the left half does speak for label 0.
    left = explain(split, face, 0, method="hirescam").heat
    assert left[1, 1] == 1.0 and left.sum() == 1.0
    probabilities = np.exp([0.2 - 2, 1.0]) / np.exp([0.2 - 2, 1.0]).sum()
    assert explain(split, face, 1).probabilities == pytest.approx(probabilities, abs=1e-6)


@pytest.mark.parametrize("cut", [((2, 2), (2, 2)), ((1, 3), (4, 0))])
def test_the_heat_of_a_network_that_sees_the_centre_lies_there_in_the_whole_face(cut):
    """Row 3 and column 5 of the 8 x 8 map are rows 6 and 7 and columns 10 and 11 of the centre; the pixels beside them
    are three quarters of the way to the next, which is 0."""
    network, centre = quadrants((6, 11), cut=cut)
    (top, bottom), (left, right) = cut
    face = np.full((20, 20, 1), 200, np.uint8)
    face[top : 20 - bottom, left : 20 - right] = centre
    split = split_network(network)
    assert split.side == 8
    slope = np.array([1 / 3, 1, 1, 1 / 3])
    expected = np.zeros((20, 20))
    expected[top + 5 : top + 9, left + 9 : left + 13] = np.outer(slope, slope)
    found = explain(split, face, 1)
    assert found.heat == pytest.approx(expected, abs=1e-6) and found.heat.dtype == np.float32
    whole, _ = quadrants((6, 11))
    assert found.probabilities == pytest.approx(explain(split_network(whole), centre, 1).probabilities)
    assert not explain(split, face, 0).heat.any()
    with pytest.raises(AffectoscopeError, match=r"expected uint8 of shape \(20, 20, 1\)"):
        explain(split, centre, 1)


def test_the_shipped_network_is_explained_above_its_last_three_by_three_map(project_root):
    from core.runs.catalogue import open_run

    split = split_network(open_run(project_root / "artifacts" / "fer2013-standard").load_model())
    assert (split.layer.split("_")[0], split.side) == ("block3", 6)


def test_faces_and_networks_that_do_not_fit_give_one_sentence():
    network, face = build("flattened")
    with pytest.raises(AffectoscopeError, match=r"expected uint8 of shape \(24, 24, 1\)"):
        explain(split_network(network), face[:20], 0)
    with pytest.raises(AffectoscopeError, match=r"The face has dtype float64"):
        explain(split_network(network), face / 255, 0)
    foreign = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    with pytest.raises(AffectoscopeError, match="has no layers last_features"):
        split_network(foreign)
