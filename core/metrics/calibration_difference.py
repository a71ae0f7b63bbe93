"""Test of the difference in calibration error of two networks on the same faces; noise raises both estimates.

The better calibrated a network is, the more of its estimate is noise, so the difference of the estimates is drawn
towards 0. As for the interval of one error (core.metrics.calibration_interval), supposed differences are tested: each
network gets gaps per bin that have its supposed error, the noise of the resamples is put on both, and a difference is
refused where the observed one lies in either outer 2.5% of what is then drawn. The errors supposed are those that
differ as they should and whose estimates add up, on average, to what was observed: Davison & Hinkley (1997),
"Bootstrap Methods and their Application", section 4.4, tests with the hypothesis imposed on the resamples.
"""

from collections.abc import Callable

import numpy as np

from core.metrics.calibration import BINS, correct_and_confidence
from core.metrics.calibration_interval import Gaps, smoothing

#: Supposed errors at which the mean of their estimates is computed; between them it is interpolated.
_STEPS = 60

#: Halvings of a search: its result is then known to a millionth of the range.
_HALVINGS = 20


def gap_columns(truth: np.ndarray, probabilities: np.ndarray, *, bins: int = BINS) -> np.ndarray:
    """(n, bins) whose means are the bins' accuracy less confidence, and whose resampled means are, nearly, the resampled.

    Drawing a face more often adds to its bin and moves the edges, across which faces with the local gap, taken from
    the bins around, change sides. Redrawn ranks themselves would move edges over single faces and so add
    noise that new faces do not have.
    """
    correct, confidence = correct_and_confidence(truth, probabilities)
    n, edges = len(truth), np.linspace(0, 1, bins + 1)
    ranked, group = np.unique(confidence, return_inverse=True)
    size = np.bincount(group, minlength=len(ranked)) / n
    start = np.cumsum(size) - size
    # Each face's part in the bins up to every edge: equal confidences are shared evenly.
    below = np.clip((edges - start[:, None]) / size[:, None], 0.0, 1.0)[group]
    gap = (correct - confidence)[:, None]
    columns = np.diff(below, axis=1) * gap
    local = smoothing(bins) @ columns.mean(axis=0) * bins
    local = np.r_[0.0, (local[1:] + local[:-1]) / 2, 0.0]
    columns -= np.diff((below - edges) * local, axis=1)
    return columns * bins


def calibration_difference(
    gaps: tuple[Gaps, Gaps], resampled: np.ndarray, *, level: float = 0.95
) -> tuple[float, float, float]:
    """Low and high end of the interval of B's calibration error less A's, and the two-sided p of no difference.

    `gaps` are those of A and of B, `resampled` (2, resamples, bins) what the same resamples made of them.
    """
    noise = resampled - resampled.mean(axis=1, keepdims=True)
    noise = noise / np.maximum(noise.std(axis=1, keepdims=True), 1e-12)
    total, observed = gaps[0].error + gaps[1].error, gaps[1].error - gaps[0].error
    grid = np.linspace(0, total, _STEPS)
    expected = [[of.drawn(error, own).mean() for error in grid] for of, own in zip(gaps, noise, strict=True)]

    def tails(difference: float) -> tuple[float, float]:
        """One-sided p-values of the observed difference, which itself counts as one draw."""

        half = difference / 2
        means = np.linspace(abs(half), total, _STEPS)
        sums = np.interp(means - half, grid, expected[0]) + np.interp(means + half, grid, expected[1])
        mean = np.interp(total, sums, means)
        drawn = gaps[1].drawn(mean + half, noise[1]) - gaps[0].drawn(mean - half, noise[0])
        n = len(drawn) + 1
        return ((drawn >= observed).sum() + 1) / n, ((drawn <= observed).sum() + 1) / n

    rare = (1 - level) / 2
    low = _where(lambda difference: tails(difference)[0] > rare, -total, total)
    high = _where(lambda difference: tails(difference)[1] <= rare, -total, total)
    return low, high, float(min(1.0, 2 * min(tails(0.0))))


def _where(reached: Callable[[float], bool], low: float, high: float) -> float:
    """Smallest value at which a monotone condition becomes true."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return float((low + high) / 2)
