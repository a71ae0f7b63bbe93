"""Scores of resampled faces: the bootstrap, stratified by true label, run on weights instead of copies.

Each resample draws every label's faces with replacement, as many as there are, so the numbers of faces
per label stay what they are. A resample is a column of weights: how often each face was drawn. Rank
statistics then need no new sort: the faces keep their order and only the weights change.

Efron & Tibshirani (1993), "An Introduction to the Bootstrap", chapters 6 and 13.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from core.metrics.calibration import calibration_errors

#: Resamples worked on at once: weights of some thousand faces then stay in the processor's cache.
_AT_ONCE = 125


@dataclass(frozen=True)
class Resampled:
    """Statistics of every resample, one row each."""

    directional: np.ndarray  # (resamples, c, c) A(i|j)
    calibration_error: np.ndarray  # (resamples,)
    means: np.ndarray  # (resamples, q) of the columns


def resample_confusion(confusion: np.ndarray, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Confusion matrices of resampled faces, (resamples, c, c), without touching the faces.

    A resample of one label's n faces is a draw from the multinomial with n trials and that row's shares,
    so this is the stratified bootstrap itself, not an approximation of it.
    """
    faces = confusion.sum(axis=1)
    shares = confusion / np.maximum(faces, 1)[:, None]
    rows = [
        rng.multinomial(n, share, size=resamples) if n else np.zeros((resamples, len(faces)), np.int64)
        for n, share in zip(faces, shares, strict=True)
    ]
    return np.stack(rows, axis=1)


def resample_faces(
    truth: np.ndarray,
    probabilities: np.ndarray,
    columns: np.ndarray,
    resamples: int,
    rng: np.random.Generator,
) -> Resampled:
    """A(i|j), the calibration error and the means of `columns` (n, q) on each of `resamples` resamples.

    Memory: about n x 125 x 24 bytes. Time: 1 s for 4,000 faces, 8 labels and 1,000 resamples.
    """
    by_label = np.argsort(truth, kind="stable")
    truth, probabilities, columns = truth[by_label], probabilities[by_label], columns[by_label]
    faces = np.bincount(truth, minlength=probabilities.shape[1])
    rankings = list(_rankings(probabilities, faces))
    confidence = probabilities.max(axis=1).astype(np.float64)
    gaps = (probabilities.argmax(axis=1) == truth) - confidence
    order = np.argsort(confidence)
    last_of_tie = np.flatnonzero(np.r_[np.diff(confidence[order]) > 0, True])
    directional, errors, means = [], [], []
    for start in range(0, resamples, _AT_ONCE):
        weights = draw_weights(faces, min(_AT_ONCE, resamples - start), rng)
        directional.append(_weighted_directional(weights, rankings, faces))
        errors.append(_weighted_calibration(weights[order], gaps[order], last_of_tie))
        means.append(weights.T @ columns / len(truth))
    return Resampled(np.concatenate(directional), np.concatenate(errors), np.concatenate(means))


def draw_weights(faces: np.ndarray, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """How often each face is drawn, (n, resamples) float32; faces lie by label, `faces` (c,) of each."""
    blocks = []
    for n in faces[faces > 0]:
        drawn = rng.integers(0, n, size=(n, resamples), dtype=np.int32).astype(np.int64)
        drawn = drawn * resamples + np.arange(resamples)
        blocks.append(np.bincount(drawn.ravel(), minlength=n * resamples).reshape(n, resamples))
    return np.concatenate(blocks).astype(np.float32)


def _rankings(probabilities: np.ndarray, faces: np.ndarray) -> Iterator[tuple]:
    """For each ordered pair (i, j): j's faces by rising probability of i, and where i's faces fall."""
    ends = np.cumsum(faces)
    blocks = [slice(end - n, end) for end, n in zip(ends, faces, strict=True)]
    for i in np.flatnonzero(faces):
        for j in np.flatnonzero(faces):
            if i == j:
                continue
            of_j, of_i = probabilities[blocks[j], i], probabilities[blocks[i], i]
            order = np.argsort(of_j)
            under = np.searchsorted(of_j[order], of_i, side="left")
            at_or_under = np.searchsorted(of_j[order], of_i, side="right")
            tied = not np.array_equal(under, at_or_under)
            yield i, j, blocks[i], blocks[j].start + order, under, at_or_under if tied else None


def _weighted_directional(weights: np.ndarray, rankings: list[tuple], faces: np.ndarray) -> np.ndarray:
    """A(i|j) under each column of weights, (resamples, c, c)."""
    resamples = weights.shape[1]
    result = np.full((resamples, len(faces), len(faces)), np.nan)
    for i, j, of_i, order_j, under, at_or_under in rankings:
        cumulated = np.zeros((len(order_j) + 1, resamples), np.float32)
        np.cumsum(weights[order_j], axis=0, out=cumulated[1:])  # whole numbers: exact in float32
        outranked = cumulated[under]
        if at_or_under is not None:
            outranked = (outranked + cumulated[at_or_under]) / 2
        result[:, i, j] = np.einsum("ar,ar->r", weights[of_i], outranked) / (float(faces[i]) * faces[j])
    return result


def _weighted_calibration(weights: np.ndarray, gaps: np.ndarray, last_of_tie: np.ndarray) -> np.ndarray:
    """Calibration error under each column of weights, faces by rising confidence."""
    mass = np.cumsum(weights, axis=0, dtype=np.float64)[last_of_tie].T
    cumulated = np.cumsum(weights * gaps[:, None], axis=0)[last_of_tie].T
    return calibration_errors(mass, cumulated)
