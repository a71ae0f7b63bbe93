"""A face is recognised in a photo as it is on its own: drawn faces pasted into larger scenes."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.pasted_faces import UNTURN, make_photo, photos_of, score_photo
from core.data.images import read_upright
from core.data.readers import open_dataset
from core.labels import LABEL_SETS
from core.photos.predictor import Predictor

SHIPPED = Path(__file__).resolve().parent.parent / "artifacts" / "drawn-faces"
SIDES = (80, 160)


@pytest.fixture(scope="module")
def table(drawn_tree):
    """Training faces of a tree that the shipped run has never seen."""
    table = open_dataset(drawn_tree)
    known = np.isin(table.faces["expression"], LABEL_SETS[8].codes)
    return table.select(np.flatnonzero((table.faces["split"] == "train").to_numpy() & known))


@pytest.mark.skipif(not SHIPPED.exists(), reason="drawn-faces is not in artifacts/")
def test_faces_in_photos_are_recognised_as_well_as_alone(table):
    predictor = Predictor.load(SHIPPED)
    random = np.random.default_rng(1)
    rows = random.permutation(len(table))[:90]
    measured = [
        face
        for photo, pasted in photos_of(table, rows, random, sides=SIDES)
        for face in score_photo(predictor, table, photo, pasted)
    ]
    found = [face for face in measured if face.found]
    assert len(measured) == 90
    assert len(found) >= 0.8 * len(measured)
    in_photos, alone = np.mean([face.photo for face in found]), np.mean([face.direct for face in found])
    assert alone >= 0.6, "the run recognises drawn faces"
    # Three points are claimed of thousands of faces, by the benchmark; of ninety, chance takes more.
    assert in_photos >= alone - 0.06


def test_photos_of_all_eight_orientations_come_upright(table):
    photos = [make_photo(table, np.arange(2), np.random.default_rng(3), turn, sides=SIDES) for turn in UNTURN]
    first, boxes = read_upright(photos[0][0]), photos[0][1]
    for photo, pasted in photos[1:]:
        image = read_upright(photo)
        assert (image.size, pasted) == (first.size, boxes)
        assert np.abs(np.asarray(image, int) - np.asarray(first, int)).mean() < 4
