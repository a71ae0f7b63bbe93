"""Nearest faces in embedding space, by hand."""

import numpy as np
import pytest

from core.metrics.embeddings import nearest_faces

# Directions of 0, 10, 90 and 180 degrees, lengths that must not matter, and a twin of the first.
EMBEDDINGS = np.array([[1, 0], [9.848, 1.736], [0, 2], [-3, 0], [5, 0]], np.float16)


def test_order_and_distance_by_hand():
    positions, distances = nearest_faces(EMBEDDINGS, 0, 4)
    assert positions.tolist() == [4, 1, 2, 3]
    np.testing.assert_allclose(distances, [0, 1 - np.cos(np.radians(10)), 1, 2], atol=2e-3)


@pytest.mark.parametrize("row", range(5))
def test_a_face_is_never_its_own_neighbour(row):
    positions, _ = nearest_faces(EMBEDDINGS, row, 3)
    assert len(positions) == 3 and row not in positions


def test_a_face_alone_has_no_neighbour():
    positions, distances = nearest_faces(EMBEDDINGS[:1], 0, 3)
    assert len(positions) == len(distances) == 0
