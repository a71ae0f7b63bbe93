"""Occlusion maps of networks whose answer depends on a known patch, and the methods that a run's network admits."""

import numpy as np
import pytest

from core.errors import AffectoscopeError
from core.network.explaining import METHODS, Explainer
from core.network.occlusion import explain_by_occlusion
from core.photos.predictor import Predictor
from tests.onnx_networks import coloured_face, import_network, write_network


class Corner:
    """A network of 12 x 12 grey faces: the probability of label 1 is the mean of rows 0 to 3 and columns 8 to 11."""

    input_shape = (None, 12, 12, 1)
    layers = ()

    def predict_on_batch(self, faces: np.ndarray) -> dict[str, np.ndarray]:
        share = np.asarray(faces, np.float32)[:, :4, 8:, 0].mean(axis=(1, 2)) / 255
        return {"expression": np.stack([1 - share, share], axis=1)}


def bright_corner() -> np.ndarray:
    """A black face, white in the corner that the network looks at: mean 16 x 255 / 144 = 28.3."""
    face = np.zeros((12, 12, 1), np.uint8)
    face[:4, 8:] = 255
    return face


def test_only_the_patch_that_the_answer_depends_on_is_hot():
    """Patches of 4 pixels without overlap: one of the 9 covers the corner, and replaces 255 by 28."""
    found = explain_by_occlusion(Corner(), bright_corner(), 1, patch=4, stride=4)
    expected = np.zeros((12, 12))
    expected[:4, 8:] = 1
    np.testing.assert_array_equal(found.heat, expected)
    assert found.drop == pytest.approx((255 - 28) / 255, abs=1e-6)
    np.testing.assert_allclose(found.probabilities, [0, 1], atol=1e-7)
    assert (found.patch, found.stride) == (4, 4)


def test_a_pixel_has_the_mean_drop_of_the_patches_over_it():
    """Stride 2: the column of pixels 8 and 9 is covered by the patches from 6 and 8, of which the first hides half."""
    found = explain_by_occlusion(Corner(), bright_corner(), 1, patch=4, stride=2)
    # Row 0 is covered by patches from row 0 alone: drops d / 2 (from column 6) and d (from column 8), in d.
    np.testing.assert_allclose(found.heat[0, 6:] * 1.0, [0.25, 0.25, 0.75, 0.75, 1, 1], atol=1e-6)
    assert not found.heat[:, :6].any() and not found.heat[6:].any()


def test_what_raises_the_other_label_is_not_hot():
    found = explain_by_occlusion(Corner(), bright_corner(), 0, patch=4, stride=4)
    assert not found.heat.any() and found.drop == 0


def test_every_pixel_is_covered_by_default():
    found = explain_by_occlusion(Corner(), bright_corner(), 1)
    assert (found.patch, found.stride) == (2, 1) and found.heat[0, 11] == 1
    uneven = explain_by_occlusion(Corner(), bright_corner(), 1, patch=5, stride=5)
    assert np.isfinite(uneven.heat).all() and uneven.heat[0, 11] == 1


@pytest.mark.parametrize(
    ("face", "patch", "stride"),
    [
        (np.zeros((12, 12, 3), np.uint8), 4, 4),
        (np.zeros((12, 12, 1)), 4, 4),
        (bright_corner(), 13, 4),
        (bright_corner(), 4, 5),
        (bright_corner(), 4, 0),
    ],
)
def test_what_does_not_fit_is_refused(face, patch, stride):
    with pytest.raises(AffectoscopeError, match="expected"):
        explain_by_occlusion(Corner(), face, 1, patch=patch, stride=stride)


def test_an_imported_network_is_explained_by_occlusion_alone(tmp_path):
    run = import_network(write_network(tmp_path / "net.onnx"), tmp_path / "artifacts")
    explainer = Explainer(run)
    assert explainer.methods == ("occlusion",) and explainer.side is None
    face = coloured_face("happy", np.random.default_rng(0), side=24)
    face[:, :12] = 128  # grey: only the right half says happy
    found = explainer.explain(face, run.labels.index("happy"))
    assert found.drop > 0 and found.heat[:, 13:].mean() > 10 * max(found.heat[:, :11].mean(), 1e-3)
    with pytest.raises(AffectoscopeError, match="Grad-CAM needs a Keras network"):
        explainer.explain(face, 0, method="grad-cam")


def test_the_predictor_explains_a_trained_network_by_every_method(trained_run):
    predictor = Predictor.load(trained_run.path)
    crop = np.random.default_rng(0).integers(0, 256, trained_run.preprocessing.shape, dtype=np.uint8)
    label = predictor.predict(crop, crops=True).faces[0].label
    heats = {method: predictor.explain(crop, label, method=method) for method in METHODS}
    assert all(found.heat.max() <= 1 and found.heat.min() >= 0 for found in heats.values())
    np.testing.assert_array_equal(predictor.explain(crop, label).heat, heats["grad-cam"].heat)
    for found in heats.values():
        np.testing.assert_allclose(found.probabilities, heats["grad-cam"].probabilities, atol=1e-5)
    with pytest.raises(AffectoscopeError, match="has no label 'joyful'"):
        predictor.explain(crop, "joyful")
