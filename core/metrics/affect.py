"""Agreement of predicted and annotated valence or arousal: RMSE, Lin's concordance, Pearson, sign agreement.

`truth` and `predicted` are (n,), usually -1 to 1. Rows where either is NaN do not count. All but RMSE
and sign agreement come from `moments`, so that means over resampled faces give resampled scores.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

#: Columns of `known_moments`.
KNOWN_MOMENTS = 7


@dataclass(frozen=True)
class AffectScores:
    """One dimension of affect, on the faces where truth and prediction are both known."""

    rmse: float | np.ndarray  # root mean square error, 0 = perfect
    ccc: float | np.ndarray  # concordance, -1 to 1
    pearson: float | np.ndarray  # correlation, -1 to 1
    sagr: float | np.ndarray  # share of faces where the signs agree, 0 to 1
    faces: int


def affect_scores(truth: np.ndarray, predicted: np.ndarray) -> AffectScores:
    """All four numbers; NaN without rows.

    CCC: Lin (1989), "A concordance correlation coefficient to evaluate reproducibility", Biometrics
    45(1), with its 1/n moments: 2 s_xy / (s_x^2 + s_y^2 + (mean_x - mean_y)^2). A constant truth makes
    CCC and Pearson NaN: there is nothing to follow. A constant prediction of a varying truth has CCC 0, as
    the formula says, and no Pearson correlation (NaN).

    SAGR: Nicolaou, Gunes & Pantic (2011), IEEE Trans. Affective Computing 2(2). Zero is a sign of its own.

    Raises:
        ValueError: the arrays differ in length.
    """
    truth, predicted = known_pairs(truth, predicted)
    if not len(truth):
        return AffectScores(*[float("nan")] * 4, faces=0)
    centre = truth.mean()
    rmse, ccc, pearson, sagr = scores_from_moments(
        moments(truth - centre, predicted - centre, truth, predicted).mean(0)
    )
    if np.ptp(truth) == 0:
        ccc = np.nan
    return AffectScores(float(rmse), float(ccc), float(pearson), float(sagr), faces=len(truth))


def concordance_error(truth: np.ndarray, predicted: np.ndarray, strata: np.ndarray) -> float:
    """Standard error of the CCC of faces that vary within their strata (n,), without assuming a distribution.

    CCC = 1 - E(x - y)^2 / D with D = E x^2 + E y^2 - 2 E x E y: its derivatives by the weights of the faces give the
    variance of the infinitesimal jackknife, for normal values that of Lin (1989). King & Chinchilli (2001), "A
    generalized concordance correlation coefficient for continuous and categorical data", Statistics in Medicine 20(14).
    NaN with fewer than three known pairs, or where the CCC is.
    """
    known = ~(np.isnan(truth) | np.isnan(predicted))
    x, y = np.asarray(truth, np.float64)[known], np.asarray(predicted, np.float64)[known]
    if len(x) < 3 or np.ptp(x) == 0:
        return float("nan")
    x, y = x - x.mean(), y - x.mean()
    error, y_mean = (x - y) ** 2, y.mean()
    whole = (x**2).mean() + (y**2).mean()  # the mean of x is 0
    change = (x**2 + y**2 - 2 * x * y_mean - whole) * (error.mean() / whole) - (error - error.mean())
    _, own, faces = np.unique(strata[known], return_inverse=True, return_counts=True)
    means = np.bincount(own, weights=change) / faces
    squares = np.bincount(own, weights=(change - means[own]) ** 2)
    return float(np.sqrt((squares * faces / np.maximum(faces - 1, 1)).sum()) / (len(x) * whole))


def concordance_interval(ccc: float, error: float, level: float) -> tuple[float, float]:
    """Ends of the interval of a CCC with a standard error, -1 to 1; NaN for -1, 1 and NaN, and without an error.

    On the scale of Lin's z, the inverse hyperbolic tangent of the CCC, on which its distribution is nearly normal: Lin
    (1989), section 3.
    """
    if not (abs(ccc) < 1 and error > 0):
        return float("nan"), float("nan")
    half = ndtri((1 + level) / 2) * error / (1 - ccc**2)
    low, high = (float(np.tanh(np.arctanh(ccc) + end * half)) for end in (-1, 1))
    return low, high


def known_pairs(truth: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rows where both are known, as float64."""
    truth, predicted = np.asarray(truth, np.float64), np.asarray(predicted, np.float64)
    if truth.shape != predicted.shape or truth.ndim != 1:
        raise ValueError(
            f"truth {truth.shape} and predicted {predicted.shape} must be one-dimensional and equally long."
        )
    known = ~(np.isnan(truth) | np.isnan(predicted))
    return truth[known], predicted[known]


def moments(x: np.ndarray, y: np.ndarray, truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """(n, 6): x, y, x^2, y^2, (x - y)^2 and sign agreement, whose means give every score.

    `x` and `y` are truth and prediction moved by one common constant, which keeps the variances exact.
    """
    agree = np.sign(truth) == np.sign(predicted)
    return np.stack([x, y, x * x, y * y, (x - y) ** 2, agree]).T


def scores_from_moments(means: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """RMSE, CCC, Pearson and sign agreement, each (...), from means of the moments, (..., 6)."""
    mean_x, mean_y, square_x, square_y, square_error, agree = np.moveaxis(np.asarray(means), -1, 0)
    variance_x, variance_y = _variance(mean_x, square_x), _variance(mean_y, square_y)
    shift = (mean_x - mean_y) ** 2
    varies = (variance_x > 0) & (variance_y > 0)
    # E(x - y)^2 = s_x^2 + s_y^2 - 2 s_xy + shift
    covariance = np.where(varies, (variance_x + variance_y + shift - square_error) / 2, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ccc = 2 * covariance / (variance_x + variance_y + shift)
        pearson = np.where(varies, covariance / np.sqrt(variance_x * variance_y), np.nan)
    return np.sqrt(np.maximum(square_error, 0.0)), ccc, pearson, agree


def known_moments(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """(n, 7): the six `moments`, 0 where either is NaN, and whether both are known."""
    pair = np.array([truth, predicted], np.float64)
    known = ~np.isnan(pair).any(axis=0)
    pair[:, ~known] = 0.0
    centred = pair - (pair[0, known].mean() if known.any() else 0.0)
    return np.vstack([moments(*centred, *pair).T * known, known]).T


def scores_from_known_moments(means: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Result of `scores_from_moments` for the annotated faces, from means of `known_moments`, (..., 7)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return scores_from_moments(means[..., :-1] / means[..., -1:])


def _variance(mean: np.ndarray, square: np.ndarray) -> np.ndarray:
    """Mean square less squared mean, exactly 0 for constants, where rounding leaves up to 1e-15."""
    variance = square - mean**2
    return np.where(variance > 1e-14, variance, 0.0)
