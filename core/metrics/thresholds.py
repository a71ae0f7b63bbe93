"""One label against all others by a threshold on its probability: counts, rates, and the threshold of best F1.

A face counts as the label when its probability of the label reaches the threshold, whatever the other
probabilities are. Where a number has nothing to divide by, it is NaN: precision where no face counts as
the label, recall where no face is of it, the false positive rate and specificity where all faces are.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from core.metrics.proportions import LEVEL, wilson
from core.metrics.ranking import checked


@dataclass(frozen=True)
class ThresholdCounts:
    """The four counts at one threshold, or at many: whole numbers or equally long arrays."""

    true_positives: np.ndarray
    false_positives: np.ndarray
    false_negatives: np.ndarray
    true_negatives: np.ndarray

    @property
    def precision(self) -> np.ndarray:
        return _share(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> np.ndarray:
        return _share(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def f1(self) -> np.ndarray:
        """2 TP / (2 TP + FP + FN); NaN without any face of the label."""
        wrong = self.false_positives + self.false_negatives
        f1 = _share(2 * self.true_positives, 2 * self.true_positives + wrong)
        return np.where(self.true_positives + self.false_negatives > 0, f1, np.nan)[()]

    @property
    def false_positive_rate(self) -> np.ndarray:
        return _share(self.false_positives, self.false_positives + self.true_negatives)

    @property
    def specificity(self) -> np.ndarray:
        return _share(self.true_negatives, self.false_positives + self.true_negatives)


@dataclass(frozen=True)
class ThresholdPoints:
    """Every distinct probability of one label, falling, and how many faces reach it. Sorted once."""

    thresholds: np.ndarray  # (k,) in the probabilities' own precision
    hits: np.ndarray  # (k,) faces of the label that reach the threshold
    reached: np.ndarray  # (k,) all faces that reach it
    positives: int  # faces of the label
    negatives: int  # other faces

    @cached_property
    def best_f1(self) -> tuple[float, float]:
        """The threshold with the highest F1, of equals the highest, and that F1; NaN if the label is absent."""
        if not self.positives:
            return float("nan"), float("nan")
        f1 = _counts(self, self.hits, self.reached).f1
        best = int(np.argmax(f1))
        return float(self.thresholds[best]), float(f1[best])


def threshold_points(truth: np.ndarray, probabilities: np.ndarray, label: int) -> ThresholdPoints:
    """Precision and recall of all thresholds on the probability of `label`. `truth` is (n,), `probabilities` (n, c).

    Raises:
        ValueError: their shapes do not fit together.
    """
    truth, probabilities = checked(truth, probabilities)
    column, positive = probabilities[:, label], truth == label
    # Two sorts without an order are several times as fast as one that carries the truth along.
    everyone, own = np.sort(column), np.sort(column[positive])
    first = np.flatnonzero(np.r_[np.ones(min(len(everyone), 1), bool), everyone[1:] != everyone[:-1]])
    thresholds = everyone[first][::-1]
    return ThresholdPoints(
        thresholds=thresholds,
        hits=len(own) - np.searchsorted(own, thresholds, side="left"),
        reached=len(everyone) - first[::-1],
        positives=len(own),
        negatives=len(everyone) - len(own),
    )


def counts_at(points: ThresholdPoints, thresholds: float | np.ndarray) -> ThresholdCounts:
    """The counts when a face needs at least `thresholds`, a number or (t,) of them."""
    # In the probabilities' own precision: a face with a float32 probability of 0.7 reaches 0.7.
    wanted = np.asarray(thresholds, points.thresholds.dtype)
    reaching = np.searchsorted(-points.thresholds, -wanted, side="right")
    hits = np.r_[0, points.hits][reaching]
    return _counts(points, hits, np.r_[0, points.reached][reaching])


def wilson_interval(successes: int, trials: int, level: float = LEVEL) -> tuple[float, float]:
    """Ends of the score interval of one share, 0 to 1; NaN without trials. See core.metrics.proportions."""
    low, high = wilson(successes, trials, level=level)
    return float(low), float(high)


def _counts(points: ThresholdPoints, hits: np.ndarray, reached: np.ndarray) -> ThresholdCounts:
    return ThresholdCounts(
        true_positives=hits,
        false_positives=reached - hits,
        false_negatives=points.positives - hits,
        true_negatives=points.negatives - (reached - hits),
    )


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)[()]
