"""Rank statistics with their standard errors in one pass, and the intervals that are made of both.

M, A(i, j) and one-versus-rest areas: the variance of DeLong, DeLong & Clarke-Pearson (1988), "Comparing the Areas under
Two or More Correlated Receiver Operating Characteristic Curves", Biometrics 44(3), carried over to A(i, j) and M, which
are averages of such areas. Average precision: the infinitesimal jackknife, Efron (1982), "The Jackknife, the Bootstrap
and Other Resampling Plans", chapter 6: the bootstrap's variance to first order.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit, ndtri, stdtrit

from core.metrics.ranking import HandTill, mean_over_pairs

Ends = tuple[np.ndarray, np.ndarray]

#: More degrees of freedom make no difference.
_MOST_FREEDOM = 1e9


@dataclass(frozen=True)
class RankScores:
    """Rank statistics and their standard errors; NaN on diagonals and for absent labels."""

    ranks: HandTill
    auc: np.ndarray  # (c,) one versus rest
    average_precision: np.ndarray  # (c,)
    m_error: float
    m_freedom: float  # degrees of freedom of its square
    pairwise_error: np.ndarray  # (c, c)
    auc_error: np.ndarray  # (c,)
    average_precision_error: np.ndarray  # (c,)


def compute_rank_scores(
    truth: np.ndarray, probabilities: np.ndarray, *, fixed_counts: bool = False
) -> RankScores:
    """Rank statistics of faces (n,), (n, c) with their standard errors. Each column is sorted once.

    The variance of A(i, j) is that of its placements over i's faces / n_i plus the same for j, as in M, which do not
    depend on the numbers of faces per label. Areas and average precisions do: where these numbers are fixed
    (`fixed_counts`), faces vary within their label alone. A label with one face has no variance (NaN). Memory: 8 n c
    bytes.
    """
    c = probabilities.shape[1]
    labels, probabilities, blocks = _sorted_by_label(truth, probabilities)
    faces = np.array([block.stop - block.start for block in blocks])
    present = np.flatnonzero(faces)
    parts = np.zeros((c, len(labels)))
    directional = np.full((c, c), np.nan)
    auc, auc_variance, precision, precision_variance = np.full((4, c), np.nan)
    for i in present:
        column = _Column(labels, probabilities[:, i], i, blocks[i])
        precision[i], change = column.average_precision()
        precision_variance[i] = _variance_of_sum(change, labels, faces, fixed_counts) / faces[i] ** 2
        others, rest = present[present != i], len(labels) - faces[i]
        if not rest:
            continue
        outranked = column.outranked()
        above_rest = np.zeros(faces[i])
        for j in others:
            outranks = column.outranks(j, faces[j])
            directional[i, j] = outranks.mean()
            above_rest += outranks * (faces[j] / rest)
            parts[j, blocks[i]] += outranks / 2
            parts[i, blocks[j]] += outranked[blocks[j]] / 2
        auc[i] = above_rest.mean()
        elsewhere = labels != i
        below = _variance_of_sum(outranked[elsewhere], labels[elsewhere], faces, fixed_counts) / rest**2
        auc_variance[i] = _variance_of_mean(above_rest) + below
    pairwise_variance = np.full((c, c), np.nan)
    for i in present:
        for j in present[present != i]:
            pairwise_variance[i, j] = _variance_of_mean(parts[j, blocks[i]]) + _variance_of_mean(
                parts[i, blocks[j]]
            )
    pairwise = (directional + directional.T) / 2
    pairs, sums = len(present) * (len(present) - 1) / 2, parts.sum(axis=0)
    m_variances = np.array([_variance_of_mean(sums[blocks[i]] / pairs) if pairs else np.nan for i in present])
    return RankScores(
        HandTill(float(mean_over_pairs(pairwise)), pairwise, directional, faces > 0),
        auc,
        precision,
        float(np.sqrt(m_variances.sum())),
        _freedom(m_variances, faces[present]),
        np.sqrt(pairwise_variance),
        np.sqrt(auc_variance),
        np.sqrt(precision_variance),
    )


def placement_sums(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Each face's part in the sum of all A(i, j), (n,): the mean over the faces of each label i, summed over i, is twice it.

    By the probability of i, a face of i has as placement the share of j's faces that it outranks, a face of j the share
    of i's faces that outrank it, ties counting one half. The mean of a face's two placements is its part in A(i, j).
    """
    labels, probabilities, blocks = _sorted_by_label(truth, probabilities)
    sums = np.zeros(len(labels))
    present = [i for i, block in enumerate(blocks) if block.stop > block.start]
    for i in present:
        column = _Column(labels, probabilities[:, i], i, blocks[i])
        sums += np.where(labels != i, column.outranked() / 2, 0.0)
        for j in present:
            if j != i:
                sums[blocks[i]] += column.outranks(j, blocks[j].stop - blocks[j].start) / 2
    result = np.empty_like(sums)
    result[_by_label(truth, probabilities.shape[1])] = sums
    return result


def logit_interval(
    share: np.ndarray, error: np.ndarray, level: float, *, freedom: np.ndarray = np.inf
) -> Ends:
    """share -+ t standard errors on the logit scale, so that both ends stay within 0 and 1; NaN at exactly 0 and 1.

    Pepe (2003), "The Statistical Evaluation of Medical Tests for Classification and Prediction", section 5.2. t is the
    quantile of Student's distribution with the degrees of `freedom` of the squared error, as it is estimated itself.
    """
    share, error = np.asarray(share, np.float64), np.asarray(error, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        half = stdtrit(np.minimum(freedom, _MOST_FREEDOM), (1 + level) / 2) * error / (share * (1 - share))
        return expit(logit(share) - half), expit(logit(share) + half)


def newcombe_interval(area: float, m: int, n: int, level: float) -> tuple[float, float]:
    """Ends of the score interval of an area under the ROC curve of m and n faces, 0 to 1; NaN without any of one kind.

    The areas A with |A - area| at most z standard errors, of variance A (1 - A) (1 + k (1 - A) / (2 - A) + k A / (1 + A))
    / (m n), k = (m + n) / 2 - 1: Newcombe (2006), "Confidence intervals for an effect size measure based on the
    Mann-Whitney statistic. Part 2: asymptotic methods and evaluation", Statistics in Medicine 25(4), method 5.
    """
    if not m or not n or np.isnan(area):
        return float("nan"), float("nan")
    z, k = ndtri((1 + level) / 2), (m + n) / 2 - 1

    def beyond(other: float) -> float:
        variance = (
            other * (1 - other) * (1 + k * (1 - other) / (2 - other) + k * other / (1 + other)) / (m * n)
        )
        return float((other - area) ** 2 - z**2 * variance)

    # The variance is 0 at 0 and 1, which are beyond every area but themselves and solve the equation where they are it.
    inside = min(max(area, 1e-9), 1 - 1e-9)
    low = 0.0 if area <= 0 else brentq(beyond, 0.0, inside)
    high = 1.0 if area >= 1 else brentq(beyond, inside, 1.0)
    return float(low), float(high)


class _Column:
    """The faces by rising probability of one label."""

    def __init__(self, labels: np.ndarray, values: np.ndarray, label: int, block: slice):
        self.order = np.argsort(values)
        self.labels, self.block = labels[self.order], block
        self.is_own = self.labels == label
        self.own = np.flatnonzero(self.is_own)
        ranked = values[self.order]
        new = np.r_[True, ranked[1:] != ranked[:-1]]
        #: First and one past the last face of equal probability; None where all differ.
        self.ties = None
        if not new.all():
            starts = np.flatnonzero(new)
            group = np.cumsum(new) - 1
            self.ties = starts[group], np.r_[starts[1:], len(new)][group]

    def outranks(self, j: int, faces: int) -> np.ndarray:
        """Share of the faces of label j under each own face, (n_i,) in the order of the block."""
        under = self._under(self.labels == j, self.own) / faces
        result = np.empty(len(self.own))
        result[self.order[self.own] - self.block.start] = under
        return result

    def outranked(self) -> np.ndarray:
        """Share of the own faces over each other face, (n,) in the order of the labels; without meaning for own faces."""
        result = np.empty(len(self.order))
        result[self.order] = 1.0 - self._under(self.is_own, slice(None)) / len(self.own)
        return result

    def average_precision(self) -> tuple[float, np.ndarray]:
        """The average precision, and P times its derivatives by the weight of each face, (n,).

        At a face's probability and above lie t of all P own faces and f others, so the average precision is the mean of
        t / (t + f) over the own faces. One more own face changes the sum by its own t / (t + f), less the mean, and by
        f / (t + f)^2 at itself and every own face below; one more other face by -t / (t + f)^2 at those.
        """
        n, own = len(self.order), np.cumsum(self.is_own)
        if self.ties is None:
            reached = np.arange(n, 0, -1)
            hits = len(self.own) - own + self.is_own
        else:
            first, end = self.ties
            reached, hits = n - first, len(self.own) - np.r_[0, own][first]
        precision = hits / reached
        mean = precision[self.own].mean()
        at_and_below = np.where(self.is_own, precision / reached, 0.0)
        gain = np.cumsum(np.where(self.is_own, 1 / reached, 0.0) - at_and_below)
        loss = np.cumsum(at_and_below)
        if self.ties is not None:
            gain, loss = gain[end - 1], loss[end - 1]
        change = np.empty(n)
        change[self.order] = np.where(self.is_own, precision - mean + gain, -loss)
        return float(mean), change

    def _under(self, counted: np.ndarray, at: np.ndarray | slice) -> np.ndarray:
        """Number of the `counted` faces under each face `at`, which are none of them; ties count one half."""
        through = np.cumsum(counted)
        if self.ties is None:
            return through[at]
        first, end = self.ties
        return (np.r_[0, through][first[at]] + through[end[at] - 1]) / 2


def _by_label(truth: np.ndarray, c: int) -> np.ndarray:
    return np.argsort(
        truth.astype(np.min_scalar_type(c)), kind="stable"
    )  # small codes are sorted by counting


def _sorted_by_label(
    truth: np.ndarray, probabilities: np.ndarray
) -> tuple[np.ndarray, np.ndarray, list[slice]]:
    """Labels and probabilities by label, and the rows of each label."""
    c = probabilities.shape[1]
    order, ends = _by_label(truth, c), np.cumsum(np.bincount(truth, minlength=c))
    blocks = [
        slice(start, end) for start, end in zip(np.r_[0, ends[:-1]].tolist(), ends.tolist(), strict=True)
    ]
    columns = np.ascontiguousarray(probabilities.T)[:, order].T
    return truth[order].astype(np.min_scalar_type(c)), columns, blocks


def _variance_of_mean(values: np.ndarray) -> float:
    return float(values.var(ddof=1) / len(values)) if len(values) > 1 else float("nan")


def _freedom(variances: np.ndarray, faces: np.ndarray) -> float:
    """Degrees of freedom of the sum of variances of means, each of so many faces: Satterthwaite (1946), "An approximate
    distribution of estimates of variance components", Biometrics Bulletin 2(6); NaN where one cannot be estimated."""
    squares = (variances**2 / np.maximum(faces - 1, 1)).sum()
    return float(variances.sum() ** 2 / squares) if squares > 0 else float("nan")


def _variance_of_sum(values: np.ndarray, labels: np.ndarray, faces: np.ndarray, fixed_counts: bool) -> float:
    """Variance of the sum of `values` (n,) of independently drawn faces, n of them or `faces` (c,) of each label.

    A label's only face counts as fixed then.
    """
    if not fixed_counts:
        return float(values.var(ddof=1) * len(values)) if len(values) > 1 else float("nan")
    total = np.bincount(labels, weights=values, minlength=len(faces))
    mean = total / np.maximum(faces, 1)
    squares = np.bincount(labels, weights=(values - mean[labels]) ** 2, minlength=len(faces))
    return float((squares * faces / np.maximum(faces - 1, 1)).sum())
