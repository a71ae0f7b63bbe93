"""The 95% interval of the calibration error, which no plain bootstrap gives.

Noise in a bin can only raise |accuracy - confidence|: the estimate lies above the truth, resamples, which carry the
noise twice, above the estimate, and near 0 both are mostly noise. The interval therefore holds the errors that go
with what was observed: those that a test does not refuse (test inversion: Carpenter 1999, "Test inversion
bootstrap confidence intervals", Journal of the Royal Statistical Society B 61(1)).

To test an error, gaps between accuracy and confidence that have it are supposed, one per bin, and what would then be
observed is drawn: a face of confidence p is right with probability p + gap, which gives a bin's mean a known variance
and nearly a normal distribution (Broecker & Smith 2007, "Increasing the Reliability of Reliability Diagrams", Weather
and Forecasting 22(3)). The supposed gaps are the observed ones, smoothed over neighbouring bins, as calibration
changes slowly with confidence, and shrunk until their mean size is the error tested, small ones first (hybrid
resampling: Chuang & Lai 2000, Statistica Sinica 10(1); shrinking after Breiman 1995, "Better Subset Regression Using
the Nonnegative Garrote", Technometrics 37(4)).

No interval can be right everywhere: which gaps hide under the noise is unknown, and the bias of the estimate depends on
it. A slight miscalibration of every bin makes the interval a little too wide; one of a few bins among calibrated ones a
little too narrow.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from core.metrics.calibration import BINS, correct_and_confidence, equal_mass_means

#: How much a bin's own gap and those at a distance of one and two bins count in the smoothed ones.
_NEIGHBOURS = (3.0, 2.0, 1.0)

#: Halvings of a search: its result is then known to a millionth of the range.
_HALVINGS = 20


@dataclass(frozen=True)
class Gaps:
    """The observed gaps, accuracy less confidence, of equal-mass bins, and what a network with other gaps would show.

    All arrays are (bins,).
    """

    observed: np.ndarray
    confidence: np.ndarray
    variance: np.ndarray  # mean of p (1 - p) over the confidences p of a bin
    cube: np.ndarray  # mean of p^3
    faces: float  # per bin

    @property
    def error(self) -> float:
        """The calibration error, as estimated."""
        return float(np.abs(self.observed).mean())

    def spread(self, gaps: np.ndarray) -> np.ndarray:
        """Standard deviation of a bin's mean when its faces are right with probability p + gap."""
        # (p + gap) (1 - p - gap) = p (1 - p) + gap (1 - 2 p) - gap^2
        variance = self.variance + gaps * (1 - 2 * self.confidence) - gaps**2
        return np.sqrt(np.maximum(variance, 0.0) / self.faces)

    def skewness(self, gaps: np.ndarray) -> np.ndarray:
        """Skewness of a bin's mean when its faces are right with probability q = p + gap; 0 where it does not vary."""
        p, gap = self.confidence, gaps
        square = p - self.variance  # the mean of p^2
        # q (1 - q) (1 - 2 q) = q - 3 q^2 + 2 q^3
        mean_square = square + 2 * gap * p + gap**2
        mean_cube = self.cube + 3 * gap * square + 3 * gap**2 * p + gap**3
        third = p + gap - 3 * mean_square + 2 * mean_cube
        spread = self.spread(gaps)
        known = spread > 1e-9
        return np.where(known, third / self.faces**2 / np.where(known, spread, 1.0) ** 3, 0.0)

    def drawn(self, error: float, noise: np.ndarray, *, skewed: bool = False) -> np.ndarray:
        """Estimates (draws,) of a network with this calibration error, from standardised `noise` (draws, bins).

        With `skewed` the noise is standard normal and gets the skewness of the bins by the first term of Cornish & Fisher
        (1938), "Moments and cumulants in the specification of distributions", Revue de l'Institut International de
        Statistique 5: z + (z^2 - 1) skewness / 6.
        """
        gaps = self._shrinking(error)
        if skewed:
            noise = noise + (noise**2 - 1) * self.skewness(gaps) / 6
        return np.abs(gaps + noise * self.spread(gaps)).mean(axis=1)

    @cached_property
    def _shrinking(self) -> Callable[[float], np.ndarray]:
        return shrinking(self.observed, self.variance / self.faces)


def calibration_gaps(truth: np.ndarray, probabilities: np.ndarray, *, bins: int = BINS) -> Gaps:
    """The gaps between accuracy and confidence of at least as many faces as bins."""
    correct, confidence = correct_and_confidence(truth, probabilities)
    columns = np.stack([confidence, correct, confidence * (1 - confidence), confidence**3]).T
    mean, accuracy, variance, cube = equal_mass_means(confidence, columns, bins=bins).T
    return Gaps(accuracy - mean, mean, variance, cube, len(truth) / bins)


def calibration_interval(
    truth: np.ndarray,
    probabilities: np.ndarray,
    draws: int,
    rng: np.random.Generator,
    *,
    level: float = 0.95,
    bins: int = BINS,
) -> tuple[float, float]:
    """Ends of the interval of `expected_calibration_error`, from `draws` per error tested.

    The estimate lies within. An error below it is refused where so high an estimate is too rare, one above it where
    so low an estimate is. Where the estimate is mostly noise the second hardly happens, and the first gets its part
    of the 5%. A lower end of 0 says that a calibrated network may do as badly. NaN with fewer faces than bins.
    """
    if len(truth) < bins:
        return float("nan"), float("nan")
    gaps = calibration_gaps(truth, probabilities, bins=bins)
    noise = rng.standard_normal((draws, bins))

    def accepted(error: float) -> bool:
        drawn = gaps.drawn(error, noise, skewed=True)
        too_low = min((1 - level) / 2, (drawn < error).mean())
        if gaps.error > error:
            return (drawn >= gaps.error).mean() >= 1 - level - too_low
        return (drawn <= gaps.error).mean() >= too_low

    low = 0.0 if accepted(0.0) else _last(accepted, gaps.error, 0.0)
    return low, _last(accepted, gaps.error, 1.0)


def shrinking(gaps: np.ndarray, variance: np.ndarray) -> Callable[[float], np.ndarray]:
    """A function from a calibration error to gaps (bins,) that have it and go best with the observed `gaps`.

    `variance` (bins,) is the noise in each of the observed gaps.
    """
    weights, bins = smoothing(len(gaps)), len(gaps)
    smooth = weights @ gaps
    size = np.abs(smooth)
    # What a gap loses at a multiplier of 1: the noisier and the smaller it is, the more.
    loss = weights**2 @ np.maximum(variance, 1e-12) / np.maximum(size, 1e-12) ** 2
    gone = size / loss  # the multiplier at which nothing is left of it
    last_to_go = np.argsort(-gone)
    sizes, losses = np.cumsum(size[last_to_go]), np.cumsum(loss[last_to_go])
    # The error at each of these multipliers, rising from 0; between two of them it is a straight line.
    errors = (sizes - gone[last_to_go] * losses) / bins

    def of(error: float) -> np.ndarray:
        if not size.any():
            return np.full(bins, error)
        if error >= size.mean():
            return smooth * (error / size.mean())
        left = np.searchsorted(errors, error, side="right") - 1
        multiplier = (sizes[left] - bins * error) / losses[left]
        return np.copysign(np.maximum(size - multiplier * loss, 0.0), smooth)

    return of


def smoothing(bins: int) -> np.ndarray:
    """(bins, bins) weights of a mean over neighbouring bins."""
    apart = np.abs(np.subtract.outer(np.arange(bins), np.arange(bins)))
    weights = np.r_[_NEIGHBOURS, np.zeros(bins)][apart]
    return weights / weights.sum(axis=1, keepdims=True)


def _last(accepted: Callable[[float], bool], inside: float, outside: float) -> float:
    """The last accepted number on the way from `inside` to `outside`."""
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if accepted(middle) else (inside, middle)
    return float(inside)
