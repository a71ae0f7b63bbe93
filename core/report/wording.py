"""Sentences about runs and their scores, shared by dashboard, report and model card."""

import pandas as pd

from core.metrics.scoring import Scores
from core.metrics.text import count_faces, percent
from core.runs.run import Run

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


def starting_weights(run: Run) -> str:
    """Sentences on weights that the training started from; '' if all were initialised at random."""
    parent, config = run.info.get("parent") or {}, run.info["config"]
    digests, sentences = run.info.get("digests") or {}, []
    if config.get("backbone"):
        sentences.append(
            f"Its features come from the backbone {config['backbone']} (SHA-256 {digests.get('backbone_sha256', 'unknown')})."
        )
    if parent.get("name"):
        fresh = ", ".join(parent.get("fresh", {})) or "none"
        sentences.append(
            f"{len(parent.get('layers', []))} layers started from the weights of '{parent['name']}' (SHA-256 "
            f"{parent.get('sha256')}); layers that started fresh: {fresh}."
        )
    if sentences and (epochs := config.get("freeze_epochs")):
        sentences.append(
            f"In the first {'epoch' if epochs == 1 else f'{epochs} epochs'} the layers with such weights were not trained."
        )
    return " ".join(sentences)
