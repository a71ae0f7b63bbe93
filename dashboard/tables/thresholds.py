"""Tables about a threshold on the probability of one expression."""

import numpy as np
import pandas as pd

from core.metrics.thresholds import ThresholdCounts, ThresholdPoints, counts_at, wilson_interval

#: Evenly spaced thresholds that a curve is drawn through.
STEPS = 200

NUMBERS: dict[str, str] = {
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "false_positive_rate": "False positive rate",
    "specificity": "Specificity",
}
COUNTS: dict[str, str] = {
    "true_positives": "True positives (TP)",
    "false_positives": "False positives (FP)",
    "false_negatives": "False negatives (FN)",
    "true_negatives": "True negatives (TN)",
}


def threshold_curve(points: ThresholdPoints) -> pd.DataFrame:
    """One row per threshold, 0 to 1 in STEPS steps and the one of best F1: each of NUMBERS, four counts."""
    thresholds = np.linspace(0.0, 1.0, STEPS + 1)
    best, _ = points.best_f1
    if not np.isnan(best):
        thresholds = np.union1d(thresholds, [best])
    counts = counts_at(points, thresholds)
    return pd.DataFrame(
        {"threshold": thresholds} | {name: getattr(counts, name) for name in (*NUMBERS, *COUNTS)}
    )


def numbers_at(counts: ThresholdCounts) -> pd.DataFrame:
    """One row per key of NUMBERS and COUNTS: number, value, low, high.

    Precision and recall have Wilson 95% intervals, the others none.
    """
    hits, found = int(counts.true_positives), int(counts.true_positives + counts.false_positives)
    ends = {
        "precision": wilson_interval(hits, found),
        "recall": wilson_interval(hits, int(counts.true_positives + counts.false_negatives)),
    }
    unknown = (float("nan"), float("nan"))
    rows = [(name, float(getattr(counts, name)), *ends.get(name, unknown)) for name in (*NUMBERS, *COUNTS)]
    return pd.DataFrame(rows, columns=["number", "value", "low", "high"])


def four_counts(counts: ThresholdCounts, label: str) -> pd.DataFrame:
    """The four counts and whose they are: count, faces, which."""
    which = [f"{whose}, {how}counted as {label}" for how in ("", "not ") for whose in (label, "others")]
    faces = [int(getattr(counts, name)) for name in COUNTS]
    return pd.DataFrame({"count": list(COUNTS.values()), "faces": faces, "which": which})
