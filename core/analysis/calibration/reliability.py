"""Tables that say whether probabilities can be taken at their word, with 95% intervals.

`truth` is (n,) label positions, `probabilities` (n, c); n is at least 1.
"""

import numpy as np
import pandas as pd
from scipy.special import ndtri

from core.metrics.calibration import BINS, equal_mass_bins, reliability_bins
from core.metrics.estimate import Estimate
from core.metrics.intervals import LEVEL
from core.metrics.thresholds import wilson_interval

#: Columns of a table of bins.
BIN_COLUMNS = ("lowest", "highest", "confidence", "accuracy", "low", "high", "faces")

#: Columns of a table of labels.
LABEL_COLUMNS = (
    "expression", "faces", "share", "probability", "excess", "excess_low", "excess_high", "error", "by_chance",
)  # fmt: skip

#: Columns of a table of how the probabilities are spread.
HISTOGRAM_COLUMNS = ("from", "to", "faces")

#: Width of the cells of that spread.
_CELL = 0.05

#: Half an interval that is no more than this is none.
_ROUNDING = 1e-12


def reliability_table(
    truth: np.ndarray, probabilities: np.ndarray, *, label: int | None = None, bins: int = BINS
) -> pd.DataFrame:
    """One row per equal-mass bin: confidence against accuracy, or a label's probability against its share.

    `low` and `high` are the ends of the Wilson 95% interval of `accuracy`. A bin holds the mass n / bins: a face
    that lies across an edge counts in both bins by its part, w. As sum w^2 <= sum w for parts of at most 1, the
    accuracy is at least as certain as that of `faces` whole faces: the interval is, if anything, too wide.
    """
    if label is None:
        table = reliability_bins(truth, probabilities, bins=bins)
    else:
        table = equal_mass_bins(probabilities[:, label].astype(np.float64), truth == label, bins=bins)
    # Rounding in the shared masses must not keep a share of 0 or 1 from being recognised as such.
    accuracy = np.round(table.accuracy, 12)
    ends = [wilson_interval(share * mass, mass) for share, mass in zip(accuracy, table.faces, strict=True)]
    low, high = np.array(ends).T
    columns = (table.lowest, table.highest, table.confidence, accuracy, low, high, table.faces)
    return pd.DataFrame(dict(zip(BIN_COLUMNS, columns, strict=True)))


def confidence_histogram(probabilities: np.ndarray, *, label: int | None = None) -> pd.DataFrame:
    """How many faces have which confidence, or probability of a label, in cells of one twentieth."""
    column = probabilities.max(axis=1) if label is None else probabilities[:, label]
    faces, edges = np.histogram(column, bins=round(1 / _CELL), range=(0, 1))
    return pd.DataFrame(
        dict(zip(HISTOGRAM_COLUMNS, (edges[:-1].round(2), edges[1:].round(2), faces), strict=True))
    )


def label_table(labels: tuple[str, ...], truth: np.ndarray, probabilities: np.ndarray) -> pd.DataFrame:
    """One row per label: how its probability, one versus rest, agrees with how often it is the true one.

    share: of the faces that truly have it; probability: its mean over all faces; excess: probability less share,
    with the ends of its 95% interval, in which the faces per label vary too: at fixed numbers of faces a calibrated
    network would seem to miss the share that chance gave. error: mean |share - probability| over equal-mass bins of its probability
    (classwise calibration error: Kull et al. (2019), "Beyond temperature scaling", NeurIPS; with equal-mass bins:
    Nixon et al. (2019), "Measuring Calibration in Deep Learning", CVPR workshops). by_chance: a calibrated
    network stays under this in 95% of test sets.
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
    """Mean error of the labels that some face has, from a `label_table`."""
    return float(labels.loc[labels["faces"] > 0, "error"].mean())


def mean_with_interval(truth: np.ndarray, values: np.ndarray) -> Estimate:
    """The mean of `values` (n,) and the normal limit of what other faces of the same labels would give.

    The numbers of faces per label are held fixed, as in core.metrics.intervals; no ends where nothing varies.
    """
    values, faces = np.asarray(values, np.float64), np.bincount(truth)
    mean = float(values.mean())
    by_label = np.bincount(truth, weights=values) / np.maximum(faces, 1)
    squares = np.bincount(truth, weights=(values - by_label[truth]) ** 2)
    variance = (squares * faces / np.maximum(faces - 1, 1)).sum()  # a label's only face cannot vary
    half = float(ndtri((1 + LEVEL) / 2) * np.sqrt(variance) / len(values))
    return Estimate(mean, mean - half, mean + half) if half > _ROUNDING else Estimate(mean)


def _by_chance(bins: pd.DataFrame) -> float:
    """The 95th percentile of the error that a calibrated network shows in these bins.

    A bin's gap then has mean 0 and variance p (1 - p) / faces, so its size is that of half a normal distribution;
    the mean of the sizes is nearly normal. Broecker & Smith (2007), Weather and Forecasting 22(3).
    """
    spread = np.sqrt(bins["confidence"] * (1 - bins["confidence"]) / bins["faces"])
    mean, variance = np.sqrt(2 / np.pi) * spread.mean(), (1 - 2 / np.pi) * (spread**2).sum() / len(bins) ** 2
    return float(mean + ndtri(LEVEL) * np.sqrt(variance))
