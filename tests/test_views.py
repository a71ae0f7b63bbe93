"""Averaged views against the same views made by Pillow, one by one."""

import keras
import numpy as np
import pytest
from PIL import Image

from core.evaluate import EvaluateOptions, evaluate
from core.views import averaged


@pytest.fixture(scope="module")
def network():
    """Two heads that tell every pixel apart."""
    faces = keras.Input((48, 48, 1), dtype="uint8")
    flat = keras.layers.Flatten()(keras.ops.cast(faces, "float32") / 255.0)
    outputs = {
        "expression": keras.layers.Dense(7, activation="softmax", kernel_initializer=keras.initializers.RandomNormal(seed=1))(flat),
        "affect": keras.layers.Dense(2, kernel_initializer=keras.initializers.RandomNormal(seed=2))(flat),
    }  # fmt: skip
    return keras.Model(faces, outputs)


@pytest.fixture
def faces():
    return np.random.default_rng(0).integers(0, 256, (3, 48, 48, 1), dtype=np.uint8)


def by_pillow(face: np.ndarray) -> list[np.ndarray]:
    image = Image.fromarray(face[..., 0])
    views = []
    for left, top in ((0, 0), (2, 0), (0, 2), (2, 2), (1, 1)):
        crop = image.crop((left, top, left + 46, top + 46)).resize((48, 48), Image.Resampling.BILINEAR)
        views += [np.asarray(crop), np.asarray(crop)[:, ::-1]]
    return [view[..., None] for view in views]


def test_one_view_is_the_network_itself(network):
    assert averaged(network, "one") is network


def test_mirror_is_the_mean_of_both(network, faces):
    found = averaged(network, "mirror").predict(faces, verbose=0)
    one, other = (network.predict(each, verbose=0) for each in (faces, faces[:, :, ::-1]))
    for name in found:
        np.testing.assert_allclose(found[name], (one[name] + other[name]) / 2, atol=1e-4)


def test_ten_is_the_mean_of_the_crops_that_pillow_makes(network, faces):
    found = averaged(network, "ten").predict(faces, verbose=0)
    expected = [network.predict(np.stack(by_pillow(face)), verbose=0) for face in faces]
    for name in found:
        means = np.stack([each[name].mean(axis=0) for each in expected])
        np.testing.assert_allclose(
            found[name], means, atol=2e-3
        )  # bilinear weights are rounded to 8 bits in Pillow
    np.testing.assert_allclose(found["expression"].sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("views", ["mirror", "ten"])
def test_a_mirrored_face_has_the_same_answer(network, faces, views):
    model = averaged(network, views)
    one, other = (model.predict(each, verbose=0) for each in (faces, np.ascontiguousarray(faces[:, :, ::-1])))
    np.testing.assert_allclose(one["expression"], other["expression"], atol=1e-4)


def test_evaluate_averages_where_it_is_asked_to(trained_run, drawn_tree):
    one, mirror, ten = (
        evaluate(EvaluateOptions(run=str(trained_run.path), data=drawn_tree, views=views, resamples=0))[0]
        for views in ("one", "mirror", "ten")
    )
    assert list(one.frame["reference"]) == list(ten.frame["reference"])
    assert not np.allclose(one.probabilities, mirror.probabilities)
    assert not np.allclose(mirror.probabilities, ten.probabilities)
