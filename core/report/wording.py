"""Sentences about scores, shared by dashboard, report and model card."""

import pandas as pd

from core.metrics.headline import HEADLINES
from core.metrics.intervals import BOOTSTRAP
from core.metrics.scoring import Scores
from core.metrics.text import count_faces, listed, percent

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


#: Numbers that are no headline metrics, by their names in `Scores.interval`, as sentences have them.
CLASS_TITLES = {
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "auc": "AUC",
    "average_precision": "average precision",
}
PAIR_TITLES = {"m_measure": "M", "pairwise_a": "A(i, j)"}
AFFECT_TITLES = {
    "valence_rmse": "RMSE",
    "valence_ccc": "CCC",
    "valence_pearson": "Pearson's r",
    "valence_sagr": "sign agreement",
}


def interval_note(scores: Scores, titles: dict[str, str] | None = None) -> str:
    """Sentences on the computation of the intervals of the numbers in `titles`; default: the headline metrics."""
    about = scores.interval
    level = percent(float(about.get("level", 0.95)), digits=0)
    if not about.get("resamples"):
        return f"There are no intervals: scored without resampling ({scores.faces:,} faces)."
    titles = titles or {name: metric.short for name, metric in HEADLINES.items()}
    methods = about.get("methods")
    if not isinstance(methods, dict):  # a document of an earlier version, with one method for all
        return (
            f"{level} intervals for the {scores.faces:,} test faces, by {about.get('method', 'resampling')}."
        )
    by_method: dict[str, list[str]] = {}
    for name, title in titles.items():
        if name in methods:
            by_method.setdefault(_method(methods[name], about), []).append(title)
    parts = "; ".join(f"{method} for {listed(names)}" for method, names in by_method.items())
    counts = {
        "fixed": "with the numbers of faces per expression fixed, as by the design of these test faces",
        "random": "with random numbers of faces per expression",
    }[str(about.get("label_counts", "random"))]
    without = [
        f"{titles[name]} has no interval: {reason}"
        for name, reason in about.get("reasons", {}).items()
        if name in titles
    ]
    note = f"{level} intervals for other {count_faces(scores.faces)} like these, {counts}: {parts}."
    return " ".join([note, *(f"{each[0].upper()}{each[1:]}." for each in without)])


def _method(name: str, about: dict) -> str:
    return f"{name} of {int(about['resamples']):,} resamples" if name == BOOTSTRAP else name


def interval_method(scores: Scores, name: str) -> str:
    """The method of the interval of a headline metric, or why there is none; '' where the document does not say it."""
    reason = scores.interval.get("reasons", {}).get(name)
    return f"none: {reason}" if reason else str(scores.interval.get("methods", {}).get(name, ""))
