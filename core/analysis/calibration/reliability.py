"""Reliability tables with 95% intervals.

`truth` has shape (n,) and holds label indices, `probabilities` has shape (n, c); n is at least 1.
"""

import numpy as np
import pandas as pd
from scipy.special import ndtri

from core.metrics.calibration import BINS, equal_mass_bins, reliability_bins
from core.metrics.estimate import Estimate
from core.metrics.intervals import LEVEL
from core.metrics.thresholds import wilson_interval

#: Columns of `reliability_table`.
BIN_COLUMNS = ("lowest", "highest", "confidence", "accuracy", "low", "high", "faces")

#: Columns of `label_table`.
LABEL_COLUMNS = (
    "expression", "faces", "share", "probability", "excess", "excess_low", "excess_high", "error", "by_chance",
)  # fmt: skip

#: Columns of `confidence_histogram`.
HISTOGRAM_COLUMNS = ("from", "to", "faces")

#: Bin width of the histogram.
_CELL = 0.05

#: Half-widths up to this value are rounding errors.
_ROUNDING = 1e-12


def reliability_table(
    truth: np.ndarray, probabilities: np.ndarray, *, label: int | None = None, bins: int = BINS
) -> pd.DataFrame:
    """Compute confidence and accuracy per equal-mass bin, or probability and share of one label.

    `low` and `high` are the Wilson 95% interval of `accuracy`. Each bin holds the mass n / bins; a face across an edge
    counts in both bins with fractional weights w. As sum w^2 <= sum w for weights of at most 1, the interval is
    conservative.

    Args:
        label: index of a label; None for the predicted labels.
        bins: number of bins.
    """
    if label is None:
        table = reliability_bins(truth, probabilities, bins=bins)
    else:
        table = equal_mass_bins(probabilities[:, label].astype(np.float64), truth == label, bins=bins)
    # Rounding errors of the weights must not change accuracies of 0 and 1.
    accuracy = np.round(table.accuracy, 12)
    ends = [wilson_interval(share * mass, mass) for share, mass in zip(accuracy, table.faces, strict=True)]
    low, high = np.array(ends).T
    columns = (table.lowest, table.highest, table.confidence, accuracy, low, high, table.faces)
    return pd.DataFrame(dict(zip(BIN_COLUMNS, columns, strict=True)))


def confidence_histogram(probabilities: np.ndarray, *, label: int | None = None) -> pd.DataFrame:
    """Histogram of the confidence, or of a label's probability, with bins of width 0.05."""
    column = probabilities.max(axis=1) if label is None else probabilities[:, label]
    faces, edges = np.histogram(column, bins=round(1 / _CELL), range=(0, 1))
    return pd.DataFrame(
        dict(zip(HISTOGRAM_COLUMNS, (edges[:-1].round(2), edges[1:].round(2), faces), strict=True))
    )


def label_table(labels: tuple[str, ...], truth: np.ndarray, probabilities: np.ndarray) -> pd.DataFrame:
    """Compute one-versus-rest calibration, one row per label.

    share: of the faces with this label; probability: mean over all faces; excess: probability - share, with its 95%
    interval, in which the numbers of faces per label vary as well. error: mean |share - probability| over equal-mass
    bins (classwise calibration error: Kull et al. (2019), "Beyond temperature scaling", NeurIPS; with equal-mass bins:
    Nixon et al. (2019), "Measuring Calibration in Deep Learning", CVPR workshops). by_chance: 95th percentile of this
    error for a calibrated network.
    """
    rows = []
    for position, label in enumerate(labels):
        own = truth == position
        excess = mean_with_interval(np.zeros_like(truth), probabilities[:, position] - own)
        bins = reliability_table(truth, probabilities, label=position)
        error = (bins["accuracy"] - bins["confidence"]).abs().mean()
        numbers = (own.sum(), own.mean(), own.mean() + excess.value, excess.value, excess.low, excess.high)
        rows.append((label, *numbers, error, _by_chance(bins)))
    return pd.DataFrame(rows, columns=list(LABEL_COLUMNS))


def classwise_error(labels: pd.DataFrame) -> float:
    """Mean error of the labels with at least one face, from a `label_table`."""
    return float(labels.loc[labels["faces"] > 0, "error"].mean())


def mean_with_interval(strata: np.ndarray, values: np.ndarray) -> Estimate:
    """Mean of `values` (n,) with a normal 95% interval, for fixed numbers of faces in each of the strata (n,).

    See core.metrics.bootstrap.strata_of for the sampling model. The interval is NaN if the values do not vary.
    """
    values, faces = np.asarray(values, np.float64), np.bincount(strata)
    mean = float(values.mean())
    by_stratum = np.bincount(strata, weights=values) / np.maximum(faces, 1)
    squares = np.bincount(strata, weights=(values - by_stratum[strata]) ** 2)
    variance = (squares * faces / np.maximum(faces - 1, 1)).sum()  # a stratum's only face cannot vary
    half = float(ndtri((1 + LEVEL) / 2) * np.sqrt(variance) / len(values))
    return Estimate(mean, mean - half, mean + half) if half > _ROUNDING else Estimate(mean)


def _by_chance(bins: pd.DataFrame) -> float:
    """95th percentile of the calibration error of a calibrated network in these bins.

    The gap of a bin then has mean 0 and variance p (1 - p) / faces; its absolute value is half-normal, and the mean over
    bins approximately normal. Broecker & Smith (2007), Weather and Forecasting 22(3).
    """
    spread = np.sqrt(bins["confidence"] * (1 - bins["confidence"]) / bins["faces"])
    mean, variance = np.sqrt(2 / np.pi) * spread.mean(), (1 - 2 / np.pi) * (spread**2).sum() / len(bins) ** 2
    return float(mean + ndtri(LEVEL) * np.sqrt(variance))
