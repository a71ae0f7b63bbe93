"""Sentences about scores, shared by dashboard, report and model card."""

import pandas as pd

from core.metrics.scoring import Scores
from core.metrics.text import count_faces, percent

#: Definition of M (Hand & Till 2001).
M_IS = (
    "M is the mean AUC over all pairs of expressions: the probability that a face of one expression gets a higher "
    "probability of it than a face of the other. 0.5 is chance level, 1 is perfect separation. Unlike accuracy, M does "
    "not depend on the numbers of faces per expression"
)
M_MEANING = f"{M_IS} (Hand & Till 2001, *Machine Learning* 45)."


def confusion(row: pd.Series) -> str:
    """Format a confusion: 'fear predicted as surprise: 131 of 528, 24.8%'."""
    return f"{row['true']} predicted as {row['predicted']}: {row['faces']:,} of {row['of']:,}, {percent(row['share'])}"


def presence(scores: Scores) -> str:
    """Sentence on labels without scored faces; '' if all labels occur."""
    if not scores.absent_labels:
        return ""
    absent, present = ", ".join(scores.absent_labels), ", ".join(scores.present_labels)
    if len(scores.present_labels) == 1:
        return f"Every face is annotated {present}; no face is annotated {absent}."
    return (
        f"No face is annotated {absent}: averages run over the {len(scores.present_labels)} labels that are "
        f"present ({present})."
    )


def few_faces(scores: Scores) -> str:
    """Warning if there are fewer than 30 scored faces; otherwise ''."""
    if scores.faces >= 30:
        return ""
    return f"These scores are based on {count_faces(scores.faces)}, too few for any conclusion."


def interval_note(scores: Scores) -> str:
    """Sentence on the computation of the intervals."""
    about = scores.interval
    level = percent(float(about.get("level", 0.95)), digits=0)
    if not about.get("resamples"):
        return f"There are no intervals: scored without resampling ({scores.faces:,} faces)."
    return f"{level} intervals from {int(about['resamples']):,} resamples of the {scores.faces:,} test faces."
