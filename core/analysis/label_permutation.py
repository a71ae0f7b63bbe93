"""Wrong order of the labels of predictions: a permutation of the columns that fits the true labels far better.

The best permutation is the assignment of columns to labels that maximises the correct predictions (Kuhn 1955, "The Hungarian
method for the assignment problem"). It is selected among c! permutations, so its p-value is corrected for as many tests.
"""

from dataclasses import dataclass
from math import exp, lgamma

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.stats import binom

from core.metrics.expression import confusion_matrix
from core.metrics.text import percent

#: Fewest faces, least gain of accuracy, and largest corrected p-value of a permutation that is reported.
FEWEST_FACES, LEAST_GAIN, LARGEST_P = 50, 0.15, 1e-3


@dataclass(frozen=True)
class BetterOrder:
    """A permutation of the columns with which the predictions fit the labels far better.

    Attributes:
        moved: label of a column -> label that the column fits, of those that differ.
        accuracy: without the permutation, 0 to 1.
        permuted_accuracy: with it.
        p: one-sided exact p-value of McNemar's test of the gain, times the number of permutations.
    """

    moved: dict[str, str]
    accuracy: float
    permuted_accuracy: float
    p: float

    def sentence(self) -> str:
        """'accuracy is 11.0%, and 82.0% where the column happy is sad, ...'."""
        named = ", ".join(f"the column of {one} is {other}" for one, other in self.moved.items())
        return (
            f"accuracy is {percent(self.accuracy)}, and would be {percent(self.permuted_accuracy)} if {named}"
        )


def find_better_order(
    truth: np.ndarray, predicted: np.ndarray, labels: tuple[str, ...]
) -> BetterOrder | None:
    """Find a permutation that raises accuracy by at least LEAST_GAIN, significantly; None where there is none.

    Args:
        truth, predicted: (n,) positions in `labels`.
    """
    if len(truth) < FEWEST_FACES:
        return None
    confusion = confusion_matrix(truth, predicted, len(labels))
    kept = np.eye(len(labels)) / (2 * len(labels))  # ties leave a column where it is
    rows, columns = linear_sum_assignment(confusion + kept, maximize=True)
    label_of = np.empty(len(labels), np.int64)
    label_of[columns] = rows
    right, permuted = predicted == truth, label_of[predicted] == truth
    gain = permuted.mean() - right.mean()
    if gain < LEAST_GAIN:
        return None
    won, lost = int((permuted & ~right).sum()), int((right & ~permuted).sum())
    tail = float(binom.logsf(won - 1, won + lost, 0.5))
    p = exp(min(tail + lgamma(len(labels) + 1), 0.0))
    if p > LARGEST_P:
        return None
    moved = {
        labels[column]: labels[label]
        for column, label in enumerate(label_of.tolist())
        if column != label and confusion[:, column].any()
    }
    return BetterOrder(moved, float(right.mean()), float(permuted.mean()), p)
