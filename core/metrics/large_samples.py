"""What replaces redrawing every face when there are very many: the same intervals, in one pass.

Ranks: the variance of DeLong, DeLong & Clarke-Pearson (1988), "Comparing the Areas under Two or More
Correlated Receiver Operating Characteristic Curves", Biometrics 44(3), carried over to A(i, j) and M,
which are averages of such areas. Calibration: a bootstrap of fine confidence cells. Means: the normal
distribution that the central limit theorem gives them.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm

from core.metrics.calibration import calibration_errors

#: Confidence cells of the calibration bootstrap: 64 in each of 15 bins.
_CELLS = 960


@dataclass(frozen=True)
class RankErrors:
    """Standard errors of the rank statistics."""

    m: float
    pairwise: np.ndarray  # (c, c); NaN on the diagonal and for absent labels
    auc: np.ndarray  # (c,) one versus rest; NaN for absent labels


def delong_errors(truth: np.ndarray, probabilities: np.ndarray) -> RankErrors:
    """Standard errors of M, A(i, j) and the one-versus-rest areas, with the numbers of faces per label fixed.

    By the probability of i, a face of i has as placement the share of j's faces it outranks, a face of j
    the share of i's faces that outrank it. A face's part in A(i, j) is the mean of its placements by the
    probabilities of i and of j; the variance of A(i, j) is the variance of those parts over i's faces / n_i
    plus the same for j. M averages A(i, j), so parts are averaged first. A label with one face has no
    variance (NaN).
    """
    c = probabilities.shape[1]
    by_label = [probabilities[truth == i] for i in range(c)]
    faces = np.array([len(block) for block in by_label], np.float64)
    present = np.flatnonzero(faces)
    parts = [np.full((len(block), c), 0.0) for block in by_label]  # 8 n c bytes
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
            variance += (faces[j] / rest) ** 2 * _variance_of_mean(outranked)
        if rest:
            auc_variance[i] = variance + _variance_of_mean(above_rest)
    pairwise = np.full((c, c), np.nan)
    for i in present:
        for j in present[present != i]:
            pairwise[i, j] = _variance_of_mean(parts[i][:, j]) + _variance_of_mean(parts[j][:, i])
    pairs = len(present) * (len(present) - 1) / 2
    m = sum(_variance_of_mean(parts[i].sum(axis=1) / pairs) for i in present) if pairs else np.nan
    return RankErrors(float(np.sqrt(m)), np.sqrt(pairwise), np.sqrt(auc_variance))


def logit_interval(area: np.ndarray, error: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """area -+ z standard errors on the logit scale, so that both ends stay within 0 and 1.

    NaN at an area of exactly 0 or 1, where the error is 0. Pepe (2003), "The Statistical Evaluation of
    Medical Tests for Classification and Prediction", section 5.2.
    """
    area, error = np.asarray(area, np.float64), np.asarray(error, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        half = norm.ppf((1 + level) / 2) * error / (area * (1 - area))
        return expit(logit(area) - half), expit(logit(area) + half)


def resample_calibration(
    truth: np.ndarray, probabilities: np.ndarray, resamples: int, rng: np.random.Generator
) -> np.ndarray:
    """Calibration error of each stratified resample, (resamples,), from 960 equal-mass confidence cells.

    How many faces of each label, right and wrong, fall into each cell is drawn from the multinomial, as
    redrawing faces would; only the spread of confidence within a cell, about a thousandth of a bin's effect
    on the error, is replaced by its mean.
    """
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == truth
    edges = np.unique(np.quantile(confidence, np.linspace(0, 1, _CELLS + 1)[1:-1]))
    cells = len(edges) + 1
    cell = np.searchsorted(edges, confidence, side="right") * 2 + correct
    gaps = correct - confidence.astype(np.float64)
    mass, gap = np.zeros((resamples, cells)), np.zeros((resamples, cells))
    for label in np.unique(truth):
        own = truth == label
        faces = np.bincount(cell[own], minlength=2 * cells)
        mean_gap = np.bincount(cell[own], weights=gaps[own], minlength=2 * cells) / np.maximum(faces, 1)
        drawn = rng.multinomial(faces.sum(), faces / faces.sum(), size=resamples).reshape(resamples, cells, 2)
        mass += drawn.sum(axis=2)
        gap += (drawn * mean_gap.reshape(cells, 2)).sum(axis=2)
    return calibration_errors(np.cumsum(mass, axis=1), np.cumsum(gap, axis=1))


def draw_means(
    truth: np.ndarray, columns: np.ndarray, resamples: int, rng: np.random.Generator
) -> np.ndarray:
    """Means of `columns` (n, q) as resampled faces have them, (resamples, q), from their normal limit."""
    n = len(truth)
    covariance = np.zeros((columns.shape[1],) * 2)
    for label in np.unique(truth):
        own = columns[truth == label]
        covariance += np.atleast_2d(np.cov(own, rowvar=False, bias=True)) * len(own) / n**2
    return rng.multivariate_normal(columns.mean(axis=0), covariance, size=resamples, method="eigh")


def _share_under(ranked: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Share of `ranked` under each value, ties counting one half."""
    twice = np.searchsorted(ranked, values, side="left") + np.searchsorted(ranked, values, side="right")
    return twice / (2.0 * len(ranked))


def _variance_of_mean(values: np.ndarray) -> float:
    return values.var(ddof=1) / len(values) if len(values) > 1 else np.nan
