"""Statistics of resampled faces: the bootstrap, stratified by true label, run on weights instead of copies.

Each resample draws every label's faces with replacement, as many as there are, so the numbers of faces
per label stay what they are. A resample is a column of weights: how often each face was drawn. Rank
statistics then need no new sort: the faces keep their order and only the weights change.

A *statistic* is a function from weights (n, r), float32 whole numbers, to r values, (r, ...). Statistics that
are resampled together see the same weights, so the numbers of two networks on the same faces come in pairs.

Efron & Tibshirani (1993), "An Introduction to the Bootstrap", chapters 6 and 13.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from core.metrics.expression import confusion_matrix

#: Resamples worked on at once: weights of some thousand faces then stay in the processor's cache.
_AT_ONCE = 125

Statistic = Callable[[np.ndarray], np.ndarray]


def resample_confusion(confusion: np.ndarray, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Confusion matrices of resampled faces, (resamples, c, k), without touching the faces.

    `confusion` (c, k) has the true label in the rows; the columns are what became of its faces. A resample of
    one label's n faces is a draw from the multinomial with n trials and that row's shares, so this is the
    stratified bootstrap itself, not an approximation of it.
    """
    faces = confusion.sum(axis=1)
    shares = confusion / np.maximum(faces, 1)[:, None]
    rows = [
        rng.multinomial(n, share, size=resamples) if n else np.zeros((resamples, len(share)), np.int64)
        for n, share in zip(faces, shares, strict=True)
    ]
    return np.stack(rows, axis=1)


def resample_faces(
    truth: np.ndarray, statistics: Sequence[Statistic], resamples: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Each statistic on each of `resamples` resamples, (resamples, ...).

    Memory: about n x 125 x 24 bytes. Time: ranks and average precision of 4,000 faces of 8 labels take 1 s for
    1,000 resamples.
    """
    by_label = np.argsort(truth, kind="stable")
    faces = np.bincount(truth)
    values = [[] for _ in statistics]
    for start in range(0, resamples, _AT_ONCE):
        drawn = draw_weights(faces, min(_AT_ONCE, resamples - start), rng)
        weights = np.empty_like(drawn)
        weights[by_label] = drawn
        for collected, statistic in zip(values, statistics, strict=True):
            collected.append(statistic(weights))
    return [np.concatenate(parts) for parts in values]


def draw_weights(faces: np.ndarray, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Number of draws of each face, (n, resamples) float32; faces are sorted by label, `faces` (c,) of each."""
    blocks = []
    for n in faces[faces > 0]:
        drawn = rng.integers(0, n, size=(n, resamples), dtype=np.int32).astype(np.int64)
        drawn = drawn * resamples + np.arange(resamples)
        blocks.append(np.bincount(drawn.ravel(), minlength=n * resamples).reshape(n, resamples))
    return np.concatenate(blocks).astype(np.float32)


def means(columns: np.ndarray) -> Statistic:
    """Means of `columns` (n, q), (r, q)."""
    return lambda weights: weights.T @ columns / len(columns)


def confusions(truth: np.ndarray, predicted: np.ndarray, n_labels: int) -> Statistic:
    """Confusion matrices, (r, c, c)."""
    cells = np.asarray(truth, np.int64) * n_labels + predicted
    order = np.argsort(cells, kind="stable")
    faces = confusion_matrix(truth, predicted, n_labels).ravel()
    filled = np.flatnonzero(faces)
    starts = (np.cumsum(faces) - faces)[filled]

    def statistic(weights: np.ndarray) -> np.ndarray:
        result = np.zeros((weights.shape[1], n_labels**2))
        result[:, filled] = np.add.reduceat(weights[order], starts, axis=0).T  # whole numbers: exact
        return result.reshape(-1, n_labels, n_labels)

    return statistic


def directional(truth: np.ndarray, probabilities: np.ndarray) -> Statistic:
    """A(i|j) of `core.metrics.ranking`, (r, c, c); NaN on the diagonal and for absent labels."""
    by_label = np.argsort(truth, kind="stable")
    faces = np.bincount(truth, minlength=probabilities.shape[1])
    rankings = list(_rankings(probabilities[by_label], faces))

    def statistic(weights: np.ndarray) -> np.ndarray:
        weights, resamples = weights[by_label], weights.shape[1]
        result = np.full((resamples, len(faces), len(faces)), np.nan)
        for i, j, of_i, order_j, under, at_or_under in rankings:
            cumulated = np.zeros((len(order_j) + 1, resamples), np.float32)
            np.cumsum(weights[order_j], axis=0, out=cumulated[1:])  # whole numbers: exact in float32
            outranked = cumulated[under]
            if at_or_under is not None:
                outranked = (outranked + cumulated[at_or_under]) / 2
            result[:, i, j] = np.einsum("ar,ar->r", weights[of_i], outranked) / (float(faces[i]) * faces[j])
        return result

    return statistic


def rank_correlation(x: np.ndarray, y: np.ndarray) -> Statistic:
    """Spearman's correlation of `x` and `y` (n,), with mid-ranks for ties, (r,); NaN where one of them is constant.

    Spearman (1904), "The Proof and Measurement of Association between Two Things", American Journal of Psychology 15(1).
    """
    ranked = [_tied_groups(x), _tied_groups(y)]

    def statistic(weights: np.ndarray) -> np.ndarray:
        drawn = weights.astype(np.float64)
        total = drawn.sum(axis=0)
        ranks = []
        for order, starts, group in ranked:
            faces = np.add.reduceat(drawn[order], starts, axis=0)  # of each group of equal values
            ranks.append((np.cumsum(faces, axis=0) - faces / 2 - total / 2)[group])  # mean 0
        products = [(drawn * ranks[i] * ranks[j]).sum(axis=0) for i, j in ((0, 1), (0, 0), (1, 1))]
        spread = np.sqrt(products[1] * products[2])
        return np.divide(products[0], spread, out=np.full(len(total), np.nan), where=spread > 1e-9)

    return statistic


def average_precisions(truth: np.ndarray, probabilities: np.ndarray) -> Statistic:
    """Average precision of each label against the rest, (r, c); NaN for absent labels."""
    found = [_places(truth == label, column) for label, column in enumerate(probabilities.T)]

    def statistic(weights: np.ndarray) -> np.ndarray:
        result = np.full((weights.shape[1], len(found)), np.nan)
        for label, (order, own, last, last_own) in enumerate(found):
            if len(own):
                drawn = weights[order]
                hits = np.cumsum(drawn[own], axis=0)[last_own]
                reached = np.maximum(np.cumsum(drawn, axis=0)[last], 1)
                result[:, label] = (drawn[own] * hits / reached).sum(axis=0) / len(own)
        return result

    return statistic


def _tied_groups(values: np.ndarray) -> tuple[np.ndarray, ...]:
    """The order by rising value, where the groups of equal values start in it, and the group of each face."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.argsort(values, kind="stable"), np.cumsum(counts) - counts, group


def _places(positive: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, ...]:
    """The order by falling score; in it the positives, and for each the last face and last positive of its score."""
    order = np.argsort(-scores, kind="stable")
    falling, own = -scores[order], np.flatnonzero(positive[order])
    last = np.searchsorted(falling, falling[own], side="right") - 1
    return order, own, last, np.searchsorted(own, last, side="right") - 1


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
