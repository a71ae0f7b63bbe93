"""Gaps in metrics between a slice of the faces and all others, with 95% intervals and p-values.

All numbers come from two confusion matrices, of the faces inside the slice and of those outside; leading axes
are kept, so that (k, c, c) matrices give k gaps. A gap is inside minus outside.

=============  ============================================  ===============================================
gap            interval                                      test of no gap
=============  ============================================  ===============================================
accuracy       Newcombe (1998), method 10: from the Wilson   N - 1 chi-squared, and Fisher's exact test
               intervals of both sides                       where a count under 1 is expected: Campbell
                                                             (2007)
accuracy at    normal, with the larger of two standard       the N - 1 chi-squared test's statistic, summed
the same mix   errors: as each side is read, and as if       over labels
               both were read alike
macro-F1 at    the same, with errors from a bootstrap of     bootstrap of two independent samples that are
the same mix   two independent samples                       read alike, label by label: normal, with its
                                                             mean and deviation
=============  ============================================  ===============================================

*At the same mix*: slices differ in how many faces of each expression they have, and expressions differ in how
hard they are. Both sides are therefore brought to the mix of both together (direct standardisation, as death
rates are compared at the same ages): what is left is how the network reads the faces. Precision, and with it
F1, changes with the mix as well, so macro-F1 is only compared so.

The bootstrap gives a mean and a deviation rather than a count of resamples: of 1,000 resamples none could be so
rare that it outlives a correction for dozens of tests. All three tests reject between 3 and 7% of the times
where there is no gap, and the intervals miss the true gap no more often (tests/test_metrics_slices.py).

Campbell (2007), "Chi-squared and Fisher-Irwin tests of two-by-two tables with small sample recommendations",
Statistics in Medicine 26. Newcombe (1998), "Interval estimation for the difference between independent
proportions: comparison of eleven methods", Statistics in Medicine 17. Efron & Tibshirani (1993), "An
Introduction to the Bootstrap", chapter 16.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, ndtr, ndtri
from scipy.stats import fisher_exact

from core.metrics import expression
from core.metrics.bootstrap import resample_confusion
from core.metrics.intervals import LEVEL, Ends, percentiles
from core.metrics.thresholds import wilson_interval

#: A corrected p-value below this is a gap.
ALPHA = 0.05

#: A slice with fewer faces, or with fewer faces outside of it, is too small to speak of.
FEWEST_FACES = 30

#: A label with fewer faces inside or outside leaves macro-F1 and the same mix without a number.
FEWEST_OF_A_LABEL = 5

#: Faces read as both sides together are that a label is given before its spread is judged: five faces that were all
#: recognised would claim that none could be missed.
_BORROWED = 2

_wilson = np.vectorize(wilson_interval, otypes=[float, float])


@dataclass(frozen=True)
class Gap:
    """Inside minus outside, with its interval and the p-value of no gap; numbers, or arrays of the leading axes.

    NaN ends where every face is read alike, so that nothing tells how the gap could vary.
    """

    gap: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray

    def reversed(self) -> "Gap":
        """Outside minus inside."""
        return Gap(-self.gap, -self.high, -self.low, self.p)


def slice_confusions(
    truth: np.ndarray, predicted: np.ndarray, codes: np.ndarray, slices: int, labels: int
) -> np.ndarray:
    """A confusion matrix per slice, (slices, labels, labels) int64, in one pass.

    `truth`, `predicted` and `codes` are (n,); a code that is negative puts its face into no slice.
    """
    inside = np.flatnonzero(codes >= 0)
    cells = codes[inside].astype(np.int64) * labels**2 + truth[inside] * labels + predicted[inside]
    return np.bincount(cells, minlength=slices * labels**2).reshape(slices, labels, labels)


def scarce_labels(side: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(..., c) boolean: labels that some face of the matrix `faces` has, but fewer than FEWEST_OF_A_LABEL of `side`."""
    return (expression.support(side) < FEWEST_OF_A_LABEL) & expression.present_labels(faces)


def accuracy_interval(confusion: np.ndarray) -> Ends:
    """Wilson's interval of the accuracy."""
    return _wilson(_hits(confusion).sum(axis=-1), confusion.sum(axis=(-2, -1)))


def macro_f1_interval(confusion: np.ndarray, *, resamples: int, rng: np.random.Generator) -> Ends:
    """Percentile bootstrap of one (c, c) matrix; NaN where no resample differs."""
    low, high = percentiles(expression.macro_f1(resample_confusion(confusion, resamples, rng)))
    return (low, high) if low < high else (np.float64(np.nan), np.float64(np.nan))


def accuracy_gap(inside: np.ndarray, outside: np.ndarray) -> Gap:
    """The gap in accuracy of confusion matrices (..., c, c)."""
    hits = [_hits(side).sum(axis=-1) for side in (inside, outside)]
    faces = [side.sum(axis=(-2, -1)) for side in (inside, outside)]
    shares = [side / of for side, of in zip(hits, faces, strict=True)]
    ends = [_wilson(side, of) for side, of in zip(hits, faces, strict=True)]
    below, above = (
        [share - low for share, (low, _) in zip(shares, ends, strict=True)],
        [high - share for share, (_, high) in zip(shares, ends, strict=True)],
    )
    gap = shares[0] - shares[1]
    low, high = gap - np.hypot(below[0], above[1]), gap + np.hypot(above[0], below[1])
    return Gap(gap, low, high, _two_by_two(hits, faces))


def label_standardised_gap(inside: np.ndarray, outside: np.ndarray) -> Gap:
    """The gap in accuracy with both sides at the mix of labels of both together, (..., c, c) matrices.

    Labels that no face has take no part; one that a side lacks makes the gap NaN.
    """
    weights = common_mix(inside, outside)
    faces = [expression.support(side) for side in (inside, outside)]
    recalls = [np.nan_to_num(expression.recall(side)) for side in (inside, outside)]
    pooled = np.nan_to_num(expression.recall(inside + outside))
    total = sum(faces)
    with np.errstate(divide="ignore", invalid="ignore"):
        alike = pooled * (1 - pooled) * total / (total - 1) * (1 / faces[0] + 1 / faces[1])
        as_read = 0.0
        for recall, of in zip(recalls, faces, strict=True):
            own = (recall * of + _BORROWED * pooled) / (of + _BORROWED)
            as_read = as_read + own * (1 - own) / of

    def error(variances: np.ndarray) -> np.ndarray:
        return np.sqrt(np.where(weights > 0, weights**2 * variances, 0.0).sum(axis=-1))

    gap = (weights * (recalls[0] - recalls[1])).sum(axis=-1)
    return _normal(gap, error(alike), error(as_read))


def macro_f1_gap(inside: np.ndarray, outside: np.ndarray, *, resamples: int, rng: np.random.Generator) -> Gap:
    """The gap in macro-F1 with both sides at the mix of labels of both together, (..., c, c) matrices.

    A gap that mere numbers of faces bring about, F1 being no mean, is taken off: what resamples find where both
    sides are read alike.
    """
    weights = common_mix(inside, outside)
    pooled = _shares(inside + outside)
    as_read, alike = [], []
    for side in (inside, outside):
        faces = expression.support(side)
        own = (side + _BORROWED * pooled) / (faces + _BORROWED)[..., None]
        as_read.append(_resampled_f1(faces, own, weights, resamples, rng))
        alike.append(_resampled_f1(faces, pooled, weights, resamples, rng))
    by_numbers = (alike[0] - alike[1]).mean(axis=0)
    gap = _f1_at(inside, weights) - _f1_at(outside, weights) - by_numbers
    return _normal(gap, *((each[0] - each[1]).std(axis=0, ddof=1) for each in (alike, as_read)))


def common_mix(inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """(..., c) shares of the labels in both sides together, which sum to 1."""
    faces = expression.support(inside) + expression.support(outside)
    return faces / faces.sum(axis=-1, keepdims=True)


def _two_by_two(hits: list[np.ndarray], faces: list[np.ndarray]) -> np.ndarray:
    """p-value of equal shares: N - 1 chi-squared, or Fisher's exact test, two-sided by Irwin's rule."""
    total, right = sum(faces), sum(hits)
    cross = hits[0] * (faces[1] - hits[1]) - hits[1] * (faces[0] - hits[0])
    product = np.prod(np.stack([*faces, right, total - right]).astype(np.float64), axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = chdtrc(1, np.nan_to_num((total - 1) * np.square(cross, dtype=np.float64) / product))
        expected = np.minimum(*faces) * np.minimum(right, total - right) / total
    p = np.atleast_1d(p)
    for at in zip(*np.nonzero(np.atleast_1d(expected < 1)), strict=True):
        rows = [
            (int(np.atleast_1d(h)[at]), int(np.atleast_1d(n)[at])) for h, n in zip(hits, faces, strict=True)
        ]
        p[at] = fisher_exact([[h, n - h] for h, n in rows]).pvalue
    return p.reshape(np.shape(total))[()]


def _resampled_f1(
    faces: np.ndarray, shares: np.ndarray, weights: np.ndarray, resamples: int, rng: np.random.Generator
) -> np.ndarray:
    """(resamples, ...) macro-F1 at the mix `weights` of redrawn faces: `faces` (..., c) of each label, read as any
    label with the probabilities `shares` (..., c, c)."""
    drawn = rng.multinomial(np.broadcast_to(faces, (resamples, *faces.shape)), shares)
    return _f1_at(drawn, weights)


def _f1_at(confusion: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Macro-F1 of matrices (..., c, c) whose rows are scaled to the mix `weights` (..., c)."""
    return expression.macro_f1(_shares(confusion) * weights[..., None])


def _shares(confusion: np.ndarray) -> np.ndarray:
    """Each row of (..., c, c) matrices over its sum; zeros where nothing is in it."""
    return confusion / np.maximum(expression.support(confusion), 1)[..., None]


def _normal(gap: np.ndarray, alike: np.ndarray, as_read: np.ndarray) -> Gap:
    """A gap with its standard errors if both sides are read alike, which the test takes, and as they are read."""
    half = ndtri((1 + LEVEL) / 2) * np.maximum(alike, as_read)
    half = np.where(half > 0, half, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * ndtr(-np.abs(gap) / alike)
    p = np.where((gap == 0) & (alike == 0), 1.0, p)
    return Gap(*(np.clip(each, -1, 1)[()] for each in (gap, gap - half, gap + half)), p[()])


def _hits(confusion: np.ndarray) -> np.ndarray:
    return np.diagonal(confusion, axis1=-2, axis2=-1)
