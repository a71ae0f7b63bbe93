"""Faces that a network sees alike: neighbours by the angle between embeddings."""

import numpy as np
from sklearn.neighbors import NearestNeighbors


def nearest_faces(embeddings: np.ndarray, row: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The faces whose embeddings lie nearest to that of face `row`, itself left out.

    Args:
        embeddings: (n, d), from Predictions.embeddings.
        row: position of the face, 0 to n - 1.
        count: how many at most.

    Returns:
        (k,) positions, nearest first, and (k,) cosine distances from 0 (same direction) to 2.
    """
    wanted = min(count, len(embeddings) - 1)
    if wanted < 1:
        return np.empty(0, np.int64), np.empty(0)
    values = np.asarray(embeddings, np.float32)
    search = NearestNeighbors(n_neighbors=wanted + 1, metric="cosine").fit(values)
    distances, positions = search.kneighbors(values[row : row + 1])
    others = positions[0] != row
    return positions[0][others][:wanted], distances[0][others][:wanted]
