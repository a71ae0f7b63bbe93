"""Intervals for very many faces in one pass, in place of the bootstrap.

Ranks: the variance of DeLong, DeLong & Clarke-Pearson (1988), "Comparing the Areas under Two or More
Correlated Receiver Operating Characteristic Curves", Biometrics 44(3), carried over to A(i, j) and M,
which are averages of such areas. Average precision: the infinitesimal jackknife, Efron (1982), "The
Jackknife, the Bootstrap and Other Resampling Plans", chapter 6: the bootstrap's variance to first order.
Means: the normal distribution that the central limit theorem gives them.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit, ndtri


@dataclass(frozen=True)
class RankErrors:
    """Standard errors of the rank statistics."""

    m: float
    pairwise: np.ndarray  # (c, c); NaN on the diagonal and for absent labels
    auc: np.ndarray  # (c,) one versus rest; NaN for absent labels


def delong_errors(truth: np.ndarray, probabilities: np.ndarray) -> RankErrors:
    """Standard errors of M, A(i, j) and the one-versus-rest areas, with the numbers of faces per label fixed.

    The variance of A(i, j) is that of its `placements` over i's faces / n_i plus the same for j. A label
    with one face has no variance (NaN).
    """
    parts, auc_variance = _placements(truth, probabilities)
    c = len(parts)
    present = [i for i in range(c) if len(parts[i])]
    pairwise = np.full((c, c), np.nan)
    for i in present:
        for j in present:
            if i != j:
                pairwise[i, j] = _variance_of_mean(parts[i][:, j]) + _variance_of_mean(parts[j][:, i])
    pairs = len(present) * (len(present) - 1) / 2
    m = sum(_variance_of_mean(parts[i].sum(axis=1) / pairs) for i in present) if pairs else np.nan
    return RankErrors(float(np.sqrt(m)), np.sqrt(pairwise), np.sqrt(auc_variance))


def delong_difference(truth: np.ndarray, probabilities_a: np.ndarray, probabilities_b: np.ndarray) -> float:
    """Standard error of M of b less M of a on the same faces; NaN with a single label, or one with one face."""
    sums = [
        [part.sum(axis=1) for part in _placements(truth, probabilities)[0]]
        for probabilities in (probabilities_a, probabilities_b)
    ]
    present = sum(len(part) > 0 for part in sums[0])
    pairs = present * (present - 1) / 2
    if not pairs:
        return float("nan")
    differences = [(b - a) / pairs for a, b in zip(*sums, strict=True) if len(a)]
    return float(np.sqrt(sum(_variance_of_mean(part) for part in differences)))


def average_precision_errors(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Standard errors of the average precisions, (c,), with the numbers of faces per label fixed; NaN if absent.

    At a face's probability and above lie t positives of all P and f others, so the average precision is the mean
    of t / (t + f) over the positives. One more positive changes it by its own t / (t + f) less the mean, and by
    f / (t + f)^2 at itself and every positive below; one more of the others by -t / (t + f)^2 at those. A label
    with one face has no variance (NaN); among the others such a face counts as fixed.
    """
    c = probabilities.shape[1]
    faces, errors = np.bincount(truth, minlength=c), np.full(c, np.nan)
    for label in np.flatnonzero(faces):
        column, positive = probabilities[:, label], truth == label
        values, group = np.unique(-column, return_inverse=True)  # groups of equal probability, falling
        reached = np.cumsum(np.bincount(group, minlength=len(values)))
        own = np.bincount(group, weights=positive, minlength=len(values))
        precision = np.cumsum(own) / reached
        lost = _from_here_on(own * precision / reached)
        gained = precision + _from_here_on(own * (1 - precision) / reached)
        change = np.where(positive, gained[group], -lost[group])
        if faces[label] > 1:
            variances = [_variance_of_mean(change[truth == i]) * faces[i] ** 2 for i in np.flatnonzero(faces)]
            errors[label] = np.sqrt(np.nansum(variances)) / faces[label]
    return errors


def logit_interval(area: np.ndarray, error: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """area -+ z standard errors on the logit scale, so that both ends stay within 0 and 1.

    NaN at an area of exactly 0 or 1, where the error is 0. Pepe (2003), "The Statistical Evaluation of
    Medical Tests for Classification and Prediction", section 5.2.
    """
    area, error = np.asarray(area, np.float64), np.asarray(error, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        half = ndtri((1 + level) / 2) * error / (area * (1 - area))
        return expit(logit(area) - half), expit(logit(area) + half)


def draw_means(
    truth: np.ndarray, columns: np.ndarray, resamples: int, rng: np.random.Generator
) -> np.ndarray:
    """Means of `columns` (n, q) as resampled faces have them, (resamples, q), from their normal limit."""
    n = len(truth)
    covariance = np.zeros((columns.shape[1],) * 2)
    for label in np.unique(truth):
        own = columns[truth == label]
        own -= own.mean(axis=0)
        covariance += own.T @ own / n**2
    return rng.multivariate_normal(columns.mean(axis=0), covariance, size=resamples, method="eigh")


def rank_correlation_interval(correlation: float, n: int, level: float) -> tuple[float, float]:
    """Interval of a Spearman correlation of n pairs, -1 to 1; NaN for fewer than four, and for -1, 1 and NaN.

    Fisher's transformation with the variance (1 + r^2 / 2) / (n - 3): Bonett & Wright (2000), "Sample size requirements
    for estimating Pearson, Kendall and Spearman correlations", Psychometrika 65(1).
    """
    if n < 4 or not abs(correlation) < 1:
        return float("nan"), float("nan")
    half = ndtri((1 + level) / 2) * np.sqrt((1 + correlation**2 / 2) / (n - 3))
    low, high = (float(np.tanh(np.arctanh(correlation) + end * half)) for end in (-1, 1))
    return low, high


def _placements(truth: np.ndarray, probabilities: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Each label's faces' parts in A(i, j), (n_i, c) at the other label; variances of the areas, (c,).

    By the probability of i, a face of i has as placement the share of j's faces it outranks, a face of j
    the share of i's faces that outrank it. A face's part in A(i, j) is the mean of its placements by the
    probabilities of i and of j; averages over pairs average the parts of a face first. Memory: 8 n c bytes.
    """
    c = probabilities.shape[1]
    by_label = [probabilities[truth == i] for i in range(c)]
    faces = np.array([len(block) for block in by_label], np.float64)
    present = np.flatnonzero(faces)
    parts = [np.full((len(block), c), 0.0) for block in by_label]
    auc_variance = np.full(c, np.nan)
    for i in present:
        of_i = by_label[i][:, i]
        ranked_i = np.sort(of_i)
        rest = faces[present].sum() - faces[i]
        above_rest, variance = np.zeros(len(of_i)), 0.0
        for j in present[present != i]:
            of_j = by_label[j][:, i]
            outranks = _share_under(np.sort(of_j), of_i)
            outranked = 1.0 - _share_under(ranked_i, of_j)
            parts[i][:, j] += outranks / 2
            parts[j][:, i] += outranked / 2
            above_rest += outranks * faces[j] / rest
            variance += (faces[j] / rest) ** 2 * np.nan_to_num(_variance_of_mean(outranked))
        if rest:
            auc_variance[i] = variance + _variance_of_mean(above_rest)
    return parts, auc_variance


def _from_here_on(values: np.ndarray) -> np.ndarray:
    return np.cumsum(values[::-1])[::-1]


def _share_under(ranked: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Share of `ranked` under each value, ties counting one half."""
    twice = np.searchsorted(ranked, values, side="left") + np.searchsorted(ranked, values, side="right")
    return twice / (2.0 * len(ranked))


def _variance_of_mean(values: np.ndarray) -> float:
    return values.var(ddof=1) / len(values) if len(values) > 1 else np.nan
