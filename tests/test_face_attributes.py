"""Size, light, sharpness and pose of faces: by hand, by SciPy, and what must not change them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from core.analysis.slices.face_attributes import face_attributes
from core.data.face_pack import FacePack
from core.data.face_table import FaceTable, Ledger, as_face_frame
from core.runs.tables import ATTRIBUTES


def table_of(faces: int, *, boxes=None, landmarks=None) -> FaceTable:
    columns = {"reference": [f"{row}.png" for row in range(faces)], "expression": np.zeros(faces)}
    if boxes is not None:
        columns |= dict(zip(("box_x", "box_y", "box_width", "box_height"), np.asarray(boxes, float).T))
    return FaceTable("made", "Made", as_face_frame(columns), Ledger(), bytes, landmarks)


def pack_of(images: np.ndarray) -> FacePack:
    return FacePack(images, np.arange(len(images)))


def attributes(images: np.ndarray, **options) -> pd.DataFrame:
    return face_attributes(table_of(len(images), **options), pack_of(images))


def frontal(*, nose=(50.0, 60.0)) -> np.ndarray:
    """(68, 2): eyes at x 30 to 40 and 60 to 70, outer corners 30 and 70, the nose tip between them."""
    points = np.full((68, 2), 50.0)
    points[36:42] = [[30, 40], [33, 38], [37, 38], [40, 40], [37, 42], [33, 42]]
    points[42:48] = [[60, 40], [63, 38], [67, 38], [70, 40], [67, 42], [63, 42]]
    points[30] = nose
    return points


def turned_by(points: np.ndarray, degrees: float) -> np.ndarray:
    """Turned clockwise in the picture, whose y points down."""
    angle = np.radians(degrees)
    return points @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) + 7


def pose_of(*points: np.ndarray) -> pd.DataFrame:
    images = np.zeros((len(points), 16, 16, 1), np.uint8)
    return attributes(images, landmarks=np.stack(points).astype(np.float32))


def test_brightness_is_the_mean_grey_and_colours_count_by_their_luma():
    grey = np.stack([np.full((16, 16, 1), level, np.uint8) for level in (0, 51, 255)])
    np.testing.assert_allclose(attributes(grey)["brightness"], [0, 0.2, 1], atol=1e-6)
    colour = np.zeros((1, 16, 16, 3), np.uint8)
    colour[..., 1] = 255
    assert attributes(colour)["brightness"][0] == pytest.approx(0.587)


def test_sharpness_is_the_variance_of_scipys_laplacian_inside_the_border():
    images = np.random.default_rng(0).integers(0, 256, (5, 24, 24, 1), np.uint8)
    expected = [
        ndimage.laplace(image[..., 0].astype(float), mode="nearest")[1:-1, 1:-1].var() for image in images
    ]
    np.testing.assert_allclose(attributes(images)["sharpness"], expected, rtol=1e-5)


def test_blur_lowers_sharpness_and_leaves_brightness():
    sharp = np.random.default_rng(1).integers(0, 256, (1, 48, 48, 1), np.uint8)
    blurred = ndimage.gaussian_filter(sharp.astype(float), (0, 1.5, 1.5, 0)).astype(np.uint8)
    before, after = attributes(sharp), attributes(blurred)
    assert after["sharpness"][0] < before["sharpness"][0] / 20
    assert after["brightness"][0] == pytest.approx(before["brightness"][0], abs=0.02)


def test_a_flat_face_has_no_sharpness():
    assert attributes(np.full((1, 16, 16, 3), 90, np.uint8))["sharpness"][0] == pytest.approx(0, abs=1e-6)


def test_chunks_do_not_show(monkeypatch):
    images = np.random.default_rng(2).integers(0, 256, (23, 16, 16, 3), np.uint8)
    whole = attributes(images)
    monkeypatch.setattr("core.analysis.slices.face_attributes._VALUES_AT_ONCE", 16 * 16 * 3 * 5 + 1)
    pd.testing.assert_frame_equal(attributes(images), whole)


def test_the_pack_may_hold_other_faces_too():
    images = np.random.default_rng(3).integers(0, 256, (9, 16, 16, 1), np.uint8)
    some = FacePack(images, np.array([7, 2]))
    pd.testing.assert_series_equal(
        face_attributes(table_of(2), some)["brightness"],
        attributes(images)["brightness"].iloc[[7, 2]].reset_index(drop=True),
    )


def test_size_is_the_longer_side_of_the_box_and_not_known_without_one():
    images = np.zeros((2, 16, 16, 1), np.uint8)
    boxes = [[1, 2, 30, 40], [np.nan] * 4]
    np.testing.assert_array_equal(attributes(images, boxes=boxes)["face_size"], [40, np.nan])
    assert attributes(images)["face_size"].isna().all()


def test_turn_by_hand():
    # Corners at 30 and 70: a nose at 50 is in the middle, one at 40 has 10 to its left and 30 to its right.
    pose = pose_of(frontal(), frontal(nose=(40, 60)), frontal(nose=(60, 60)), frontal(nose=(20, 60)))
    np.testing.assert_allclose(pose["turn"], [0, 0.5, -0.5, 1], atol=1e-6)
    np.testing.assert_allclose(pose["roll"], 0, atol=1e-6)


@pytest.mark.parametrize("degrees", [-100, -30, 5, 30, 75])
def test_roll_is_the_turn_of_the_eyes_and_is_undone_before_the_turn(degrees):
    pose = pose_of(turned_by(frontal(nose=(40, 60)), degrees))
    assert pose["roll"][0] == pytest.approx(degrees, abs=1e-4)
    assert pose["turn"][0] == pytest.approx(0.5, abs=1e-6)


def test_the_expression_does_not_turn_a_face():
    open_mouth = frontal()
    open_mouth[48:68] += [0, 40]
    open_mouth[17:27] -= [0, 15]
    pd.testing.assert_frame_equal(pose_of(open_mouth)[["turn", "roll"]], pose_of(frontal())[["turn", "roll"]])


def test_a_mirrored_face_is_turned_the_other_way():
    points = frontal(nose=(43, 60)) + [0.0, 0.0]
    mirrored = points * [-1, 1] + [100, 0]
    mirrored[36:42], mirrored[42:48] = mirrored[42:48][[3, 2, 1, 0, 5, 4]], mirrored[36:42][[3, 2, 1, 0, 5, 4]].copy()  # fmt: skip
    pose = pose_of(points, mirrored)
    assert pose["turn"][0] == pytest.approx(0.35) and pose["turn"][1] == pytest.approx(-0.35)


def test_without_landmarks_or_with_broken_ones_there_is_no_pose():
    images = np.zeros((1, 16, 16, 1), np.uint8)
    assert attributes(images)[["turn", "roll"]].isna().all(axis=None)
    missing, collapsed = np.full((68, 2), np.nan), np.full((68, 2), 3.0)
    pose = pose_of(missing, collapsed, frontal())
    assert pose[["turn", "roll"]].isna().all(axis=1).tolist() == [True, True, False]


def test_training_keeps_the_attributes_of_the_scored_faces(trained_run):
    kept, _ = trained_run.table(ATTRIBUTES)
    frame = trained_run.predictions().frame
    assert set(kept["reference"]) == set(frame["reference"]) and len(kept) == len(frame)
    assert tuple(kept) == ATTRIBUTES.columns
    assert kept.notna().all(axis=None), "drawn faces have boxes and landmarks"
    boxes = frame.set_index("reference").loc[kept["reference"], ["box_width", "box_height"]].max(axis=1)
    np.testing.assert_array_equal(kept["face_size"], boxes)
    assert kept["turn"].abs().max() < 0.8 and kept["roll"].abs().max() < 30


def test_attributes_that_the_data_set_annotates_are_kept_beside_the_measured_ones():
    images = np.zeros((2, 16, 16, 1), np.uint8)
    own = pd.DataFrame({"gender": ["female", None], "roll": [3, 4]})
    kept = face_attributes(replace(table_of(2), attributes=own), pack_of(images))
    assert tuple(kept) == (*ATTRIBUTES.columns, "gender", "roll (data set)")
    assert kept["gender"].fillna("unknown").tolist() == ["female", "unknown"]
    assert kept["roll (data set)"].tolist() == [3, 4]
    assert kept["roll"].isna().all()
