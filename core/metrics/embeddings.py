"""Distances between embeddings: nearest faces, and how far a face is from a sample of the training faces."""

import numpy as np
from sklearn.metrics.pairwise import cosine_distances

#: A face is as far from the training faces as its k-th nearest of the sample is.
NEIGHBOURS = 10

#: Rows whose distances to the whole sample are held at once.
_ROWS = 1024


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
    distances = cosine_distances(values[row : row + 1], values)[0]
    distances[row] = np.inf
    positions = np.argsort(distances, kind="stable")[:wanted]
    return positions, distances[positions]


def l2_normalize(embeddings: np.ndarray) -> np.ndarray:
    """(n, d) float32 with length 1 each; an embedding of zeros stays zeros, at distance 1 from all others."""
    values = np.asarray(embeddings, np.float32)
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)


def distances_to(sample: np.ndarray, embeddings: np.ndarray, neighbours: int = NEIGHBOURS) -> np.ndarray:
    """Cosine distance, 0 to 2, from each of `embeddings` (n, d) to its k-th nearest of `sample`, (n,).

    Sun, Ming, Zhu & Li (2022), "Out-of-Distribution Detection with Deep Nearest Neighbors", ICML: the
    distance to the k-th nearest training embedding, of length 1 each, tells faces unlike the training data.
    A sample of fewer faces gives the distance to its farthest.

    Args:
        sample: (m, d), m at least 1.
    """
    sample = np.asarray(sample, np.float32)
    place = min(neighbours, len(sample)) - 1
    found = [np.empty(0, np.float32)]
    for start in range(0, len(embeddings), _ROWS):
        apart = cosine_distances(np.asarray(embeddings[start : start + _ROWS], np.float32), sample)
        found.append(np.partition(apart, place, axis=1)[:, place])
    return np.concatenate(found)
