"""Calibration of probabilities: calibration error, Brier score, log likelihood, temperature.

`truth` is (n,) label positions, `probabilities` (n, c); confidence is a face's highest probability.
ValueError when the shapes do not fit together.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import log_softmax, softmax

from core.metrics.ranking import checked

#: Bins of the calibration error and of the reliability diagram (Guo et al. 2017).
BINS = 15

#: Range searched for a temperature.
LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.05, 20.0


@dataclass(frozen=True)
class ReliabilityBins:
    """A reliability diagram: every bin holds the same mass of faces, by rising confidence. All (bins,)."""

    lowest: np.ndarray  # confidence at the bin's lower edge
    highest: np.ndarray  # and at its upper edge
    confidence: np.ndarray  # mean confidence
    accuracy: np.ndarray  # share of faces recognised
    faces: np.ndarray  # mass of faces, n / bins


def reliability_bins(truth: np.ndarray, probabilities: np.ndarray, *, bins: int = BINS) -> ReliabilityBins:
    """Confidence against accuracy in equal-mass bins.

    Each bin holds exactly n / bins faces: one lying across an edge is shared between both bins, and faces
    of equal confidence are shared evenly. So neither the order of the faces nor duplicating all of them
    changes anything, and there may be fewer faces than bins. Without faces all is NaN.
    """
    correct, confidence = correct_and_confidence(truth, probabilities)
    return equal_mass_bins(confidence, correct, bins=bins)


def equal_mass_bins(confidence: np.ndarray, outcomes: np.ndarray, *, bins: int = BINS) -> ReliabilityBins:
    """The `reliability_bins` of any probabilities (n,) and whether what they speak of came true, (n,) boolean or number.

    With a label's column of probabilities and `truth == label` they are the one-versus-rest bins of that label.
    """
    means = equal_mass_means(confidence, np.stack([confidence, outcomes]).T, bins=bins)
    edges = np.linspace(0, len(confidence), bins + 1)
    ranked = np.sort(confidence) if len(confidence) else np.array([np.nan])
    lowest = ranked[np.minimum(np.floor(edges[:-1] + 1e-9).astype(int), len(ranked) - 1)]
    highest = ranked[np.maximum(np.ceil(edges[1:] - 1e-9).astype(int) - 1, 0)]
    return ReliabilityBins(lowest, highest, *means.T, np.diff(edges))


def equal_mass_means(confidence: np.ndarray, values: np.ndarray, *, bins: int = BINS) -> np.ndarray:
    """Means of `values` (n, k) in the bins of `equal_mass_bins`, (bins, k)."""
    mass, cumulated = _cumulated_by_confidence(confidence, values)
    mass, cumulated = np.r_[0, mass], np.vstack([np.zeros(values.shape[1]), cumulated])
    edges = np.linspace(0, mass[-1], bins + 1)
    with np.errstate(invalid="ignore"):
        return np.stack([np.diff(np.interp(edges, mass, each)) / np.diff(edges) for each in cumulated.T]).T


def expected_calibration_error(truth: np.ndarray, probabilities: np.ndarray, *, bins: int = BINS) -> float:
    """Mean |accuracy - confidence| over equal-mass bins, 0 to 1, 0 = calibrated; NaN without faces.

    Bins as in `reliability_bins`. Naeini, Cooper & Hauskrecht (2015), AAAI; equal-mass bins: Nguyen &
    O'Connor (2015), EMNLP. The estimate is biased upwards when bins hold few faces.
    """
    table = reliability_bins(truth, probabilities, bins=bins)
    return float(np.abs(table.accuracy - table.confidence).mean())


def brier_losses(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Each face's sum over labels (p - [true])^2, (n,) float64, 0 to 2, 0 = perfect; their mean is the Brier score.

    Brier (1950), "Verification of forecasts expressed in terms of probability", Monthly Weather Review
    78(1), in its original form for several classes.
    """
    truth, probabilities = checked(truth, probabilities)
    # sum (p - t)^2 = sum p^2 - 2 p_true + 1: no one-hot matrix.
    squares = np.einsum("nc,nc->n", probabilities, probabilities, dtype=np.float64)
    return squares - 2.0 * probabilities[np.arange(len(truth)), truth].astype(np.float64) + 1.0


def log_losses(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Each face's -ln p(true label), (n,) float64, 0 = perfect; p is held above the spacing of its float type.

    float32 rounds anything nearer to 1 than 1.2e-7, so a smaller probability of the truth is unknown.
    """
    truth, probabilities = checked(truth, probabilities)
    p_true = probabilities[np.arange(len(truth)), truth]
    floor = np.finfo(p_true.dtype if p_true.dtype.kind == "f" else np.float64).eps
    return -np.log(np.clip(p_true.astype(np.float64), floor, 1.0))


def fit_temperature(truth: np.ndarray, logits: np.ndarray) -> float:
    """The temperature T that maximises the likelihood of softmax(logits / T), 0.05 to 20.

    Guo, Pleiss, Sun & Weinberger (2017), "On Calibration of Modern Neural Networks", ICML. For
    probabilities give `log_probabilities(p)`: softmax forgets the constant that sets them apart from
    logits. The likelihood is concave in 1 / T, so its one maximum is found exactly; where it keeps rising
    (every face right, or labels unrelated to the logits) the end of the range is returned.

    Raises:
        ValueError: no faces, or the shapes do not fit together.
    """
    truth, logits = checked(truth, logits)
    if not len(truth):
        raise ValueError("A temperature cannot be fitted without faces.")
    logits = logits.astype(np.float64)
    mean_of_true = logits[np.arange(len(truth)), truth].mean()

    def slope(log_temperature: float) -> float:
        expected = softmax(logits * np.exp(-log_temperature), axis=1)
        return float((expected * logits).sum(axis=1).mean() - mean_of_true)

    low, high = np.log(LOWEST_TEMPERATURE), np.log(HIGHEST_TEMPERATURE)
    if slope(low) <= 0:
        return LOWEST_TEMPERATURE
    if slope(high) >= 0:
        return HIGHEST_TEMPERATURE
    return float(np.exp(brentq(slope, low, high, xtol=1e-10)))


def apply_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """softmax(log p / T), (n, c) float64: T > 1 softens, T < 1 sharpens; the predicted label stays."""
    if not temperature > 0:
        raise ValueError(f"The temperature is {temperature}; expected a positive number.")
    return softmax(log_probabilities(probabilities) / temperature, axis=-1)


def log_probabilities(probabilities: np.ndarray) -> np.ndarray:
    """ln p, normalised, (n, c) float64, with 0 held at the smallest positive number of its float type."""
    probabilities = np.asarray(probabilities)
    floor = np.finfo(probabilities.dtype if probabilities.dtype.kind == "f" else np.float64).tiny
    return log_softmax(np.log(np.maximum(probabilities.astype(np.float64), floor)), axis=-1)


def correct_and_confidence(truth: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Correctness and confidence (float64) of each prediction, both (n,)."""
    truth, probabilities = checked(truth, probabilities)
    return probabilities.argmax(axis=1) == truth, probabilities.max(axis=1).astype(np.float64)


def _cumulated_by_confidence(confidence: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Faces and sums of `values` (n, k) up to each distinct confidence, rising."""
    order = np.argsort(confidence)
    ranked = confidence[order]
    last = np.flatnonzero(np.r_[ranked[1:] != ranked[:-1], np.ones(min(len(ranked), 1), bool)])
    return last + 1, np.cumsum(values[order], axis=0)[last]
