"""Statistics of resampled faces: the bootstrap, run on weights instead of copies.

A resample draws as many faces as there are, with replacement: all faces together, as where the labels of a test set are
a random sample themselves, or, with `fixed_counts`, each label's faces among themselves, so that the numbers of faces
per label stay what they are. A resample is a column of weights: how often each face was drawn.

A *statistic* is a function from weights (n, r), float32 whole numbers, to r values, (r, ...). Statistics that
are resampled together see the same weights, so the numbers of two networks on the same faces come in pairs.

Efron & Tibshirani (1993), "An Introduction to the Bootstrap", chapters 6 and 13.
"""

from collections.abc import Callable, Sequence

import numpy as np

#: Resamples worked on at once: weights of some thousand faces then stay in the processor's cache.
_AT_ONCE = 125

#: A label with fewer faces has too few to be redrawn, see `resample_confusion`.
SCARCE = 20

Statistic = Callable[[np.ndarray], np.ndarray]


def resample_confusion(
    confusion: np.ndarray, resamples: int, rng: np.random.Generator, *, fixed_counts: bool = False
) -> np.ndarray:
    """Confusion matrices of resampled faces, (resamples, c, k), without touching the faces.

    `confusion` (c, k) has the true label in the rows; the columns are what became of its faces. Redrawing faces is a
    draw from the multinomial with the shares of the cells, of all of them or, with `fixed_counts`, of each row: the
    bootstrap itself, not an approximation of it.

    A label with several faces, but fewer than SCARCE, shows too little of what can become of its faces: what did not happen would
    never be drawn. The shares of its row are drawn from their posterior distribution instead, a Dirichlet with the row's
    counts and 1/2 more in its own cell, 1/2 more in the others together, which is Jeffreys' prior of the recall; its number
    of faces, unless fixed, from the gamma distribution with the same mean (the Bayesian bootstrap: Rubin 1981, "The
    Bayesian Bootstrap", Annals of Statistics 9(1); Jeffreys 1946, Proceedings of the Royal Society A 186). Its counts are
    then fractional.
    """
    faces, (c, k) = confusion.sum(axis=1), confusion.shape
    drawn = np.zeros((resamples, c, k))
    scarce = (faces > 1) & (faces < SCARCE)
    common = np.flatnonzero((faces > 0) & ~scarce)
    if fixed_counts:
        for label in common:
            drawn[:, label] = rng.multinomial(faces[label], confusion[label] / faces[label], size=resamples)
    elif len(common):
        cells = confusion[common]
        shares = (cells / cells.sum()).ravel()
        drawn[:, common] = rng.multinomial(cells.sum(), shares, size=resamples).reshape(-1, *cells.shape)
    for label in np.flatnonzero(scarce):
        prior = np.full(k, 0.5 / max(k - 1, 1))
        prior[label] = 0.5
        shares = rng.dirichlet(confusion[label] + prior, size=resamples)
        of_label = faces[label] if fixed_counts else rng.gamma(faces[label], size=(resamples, 1))
        drawn[:, label] = of_label * shares
    return drawn


def resample_faces(
    strata: np.ndarray, statistics: Sequence[Statistic], resamples: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Each statistic on each of `resamples` resamples, (resamples, ...), see `strata_of`. Memory: about n x 125 x 24 bytes."""
    by_stratum = np.argsort(strata, kind="stable")
    faces = np.bincount(strata)
    values = [[] for _ in statistics]
    for start in range(0, resamples, _AT_ONCE):
        drawn = draw_weights(faces, min(_AT_ONCE, resamples - start), rng)
        weights = np.empty_like(drawn)
        weights[by_stratum] = drawn
        for collected, statistic in zip(values, statistics, strict=True):
            collected.append(statistic(weights))
    return [np.concatenate(parts) for parts in values]


def strata_of(truth: np.ndarray, *, fixed_counts: bool) -> np.ndarray:
    """What faces are redrawn within, (n,): their labels where the numbers of faces per label are fixed, else all as one."""
    return np.asarray(truth) if fixed_counts else np.zeros(len(truth), np.int64)


def draw_weights(faces: np.ndarray, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Number of draws of each face, (n, resamples) float32; faces are sorted by stratum, `faces` (c,) of each."""
    blocks = []
    for n in faces[faces > 0]:
        drawn = rng.integers(0, n, size=(n, resamples), dtype=np.int32).astype(np.int64)
        drawn = drawn * resamples + np.arange(resamples)
        blocks.append(np.bincount(drawn.ravel(), minlength=n * resamples).reshape(n, resamples))
    return np.concatenate(blocks).astype(np.float32)


def means(columns: np.ndarray) -> Statistic:
    """Means of `columns` (n, q), (r, q)."""
    return lambda weights: weights.T @ columns / len(columns)


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


def _tied_groups(values: np.ndarray) -> tuple[np.ndarray, ...]:
    """The order by rising value, where the groups of equal values start in it, and the group of each face."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.argsort(values, kind="stable"), np.cumsum(counts) - counts, group
