"""Intervals for very many faces in place of the bootstrap, from the normal distribution of means and correlations."""

import numpy as np
from scipy.special import ndtri


def draw_means(
    strata: np.ndarray, columns: np.ndarray, resamples: int, rng: np.random.Generator
) -> np.ndarray:
    """Means of `columns` (n, q) as resampled faces have them, (resamples, q), from their normal limit.

    Faces vary within their strata (n,), see core.metrics.bootstrap.strata_of.
    """
    n, present = len(strata), np.flatnonzero(np.bincount(strata))
    own = [columns] if len(present) == 1 else [columns[strata == stratum] for stratum in present]
    centred = [each - each.mean(axis=0) for each in own]
    covariance = sum(each.T @ each for each in centred) / n**2
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
