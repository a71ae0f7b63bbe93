"""Numbers and findings about scores as sentences, the same on pages, in the report and on the card."""

import pandas as pd

from core.metrics.scoring import Scores
from core.metrics.text import count_faces, percent

#: What M means, after Hand & Till (2001).
M_IS = (
    "M is the mean, over all pairs of expressions, of how often a face of one is given a higher probability of "
    "that expression than a face of the other: 0.5 is guessing, 1 is telling every pair apart. Unlike accuracy it "
    "does not depend on how many faces of each expression there are"
)
M_MEANING = f"{M_IS} (Hand & Till 2001, *Machine Learning* 45)."


def confusion(row: pd.Series) -> str:
    """'fear read as surprise: 131 of 528, 24.8%'."""
    return f"{row['true']} read as {row['predicted']}: {row['faces']:,} of {row['of']:,}, {percent(row['share'])}"


def presence(scores: Scores) -> str:
    """Which labels the test faces have, where that is not all of them; else ''."""
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
    """A caution where the scores rest on very few faces; else ''."""
    if scores.faces >= 30:
        return ""
    return f"These scores rest on {count_faces(scores.faces)}: too few to conclude anything from them."


def interval_note(scores: Scores) -> str:
    """What the intervals are."""
    about = scores.interval
    level = percent(float(about.get("level", 0.95)), digits=0)
    if not about.get("resamples"):
        return f"There are no intervals: scored without resampling ({scores.faces:,} faces)."
    return f"{level} intervals from {int(about['resamples']):,} resamples of the {scores.faces:,} test faces."
