"""Sentences about the scores: confusions, thresholds, pairs, classes."""

import math

import pandas as pd

from core.metrics.estimate import Estimate
from core.metrics.scoring import Scores
from core.metrics.text import percent, with_interval
from core.metrics.thresholds import ThresholdCounts


def cell(count: int, true: str | None, predicted: str | None) -> str:
    """'26 faces: fear predicted as surprise'; None stands for any label."""
    faces = "1 face" if count == 1 else f"{count:,} faces"
    if true is None:
        return f"{faces} predicted as {predicted}"
    return f"{faces} annotated {true}" if predicted is None else f"{faces}: {true} predicted as {predicted}"


def shared_faces(run: str, faces: int, other: str, other_faces: int, shared: int) -> str:
    """Overlap of the test faces of two runs, given by name and number of test faces."""
    if shared == faces == other_faces:
        return (
            f"Both runs were scored on the same {faces:,} faces."
            if faces > 1
            else "Both were scored on one face."
        )
    same = f"{shared:,} of them the same" if shared else "none of them the same"
    return (
        f"'{run}' was scored on {faces:,} faces and '{other}' on {other_faces:,}, {same}: "
        "part of a difference may be due to the faces rather than the network."
    )


def difference_colours(other: str, *, in_points: bool) -> str:
    """Legend of a matrix of differences."""
    return f"Blue: more than in '{other}'; orange: less{', in percentage points' if in_points else ''}."


def confusion_matrix(run: str, other: str | None = None) -> str:
    """Alternative text of a confusion matrix."""
    less = f" minus that of {other}" if other else ""
    return f"Confusion matrix of {run}{less}: true expressions in rows, predicted ones in columns."


INCOMPARABLE_COUNTS = (
    "Counts of different numbers of faces cannot be compared: "
    "cells show differences of the share of the true label."
)


def classes(scores: Scores) -> str:
    """Labels of the test faces with their counts, and absent labels."""
    present = ", ".join(f"{label} ({scores.per_class[label].support:,})" for label in scores.present_labels)
    absent = ", ".join(scores.absent_labels) or "none"
    return f"Present, with their test faces: {present}. Absent: {absent}."


THRESHOLD_MEANING = (
    "A face counts as an expression when its probability of that expression reaches the threshold, whatever the "
    "other probabilities are: it may count as several expressions, or as none."
)


def threshold_gaps(label: str, counts: ThresholdCounts) -> str:
    """Metrics that cannot be computed at a threshold, with the reason; else ''."""
    gaps = []
    if not counts.true_positives + counts.false_negatives:
        gaps.append(f"No face is annotated {label}, so recall and F1 cannot be computed.")
    if not counts.false_positives + counts.true_negatives:
        gaps.append(
            f"Every face is annotated {label}, so the false positive rate and specificity cannot be computed."
        )
    if not counts.true_positives + counts.false_positives:
        gaps.append("No face reaches this threshold, so precision cannot be computed.")
    return " ".join(gaps)


def best_threshold(label: str, threshold: float, f1: float) -> str:
    """Threshold of the highest F1, with a caution; '' without faces of the label."""
    if math.isnan(threshold):
        return ""
    return (
        f"F1 of {label} is highest at a threshold of {threshold:.3f}: {f1:.3f}. This is optimistic, because the "
        "threshold was chosen on the same faces that F1 is computed on: confirm it on others."
    )


def pair(first: str, second: str, row: pd.Series, areas: pd.Series) -> str:
    """Meaning of A(i, j) of one pair."""
    found = with_interval(Estimate(row["value"], row["low"], row["high"]), level=True)
    return (
        f"A = {found}. A {first} face has a higher probability of {first} than a {second} face in "
        f"{percent(areas[first])} of pairs; a {second} face has a higher probability of {second} than a {first} face "
        f"in {percent(areas[second])}."
    )
