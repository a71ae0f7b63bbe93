"""Scores as tables, the same on pages, in the report and on the card."""

import numpy as np
import pandas as pd

from core.metrics.scoring import Scores

#: Headline numbers as a user meets them: attribute of Scores -> (title, what it means).
HEADLINES: dict[str, tuple[str, str]] = {
    "accuracy": ("Accuracy", "Share of faces whose most probable expression is the annotated one."),
    "balanced_accuracy": ("Balanced accuracy", "Mean recall over the expressions: each counts the same."),
    "macro_precision": ("Macro precision", "Mean precision over the expressions."),
    "macro_recall": ("Macro recall", "Mean recall over the expressions; equals balanced accuracy."),
    "macro_f1": ("Macro F1", "Mean F1 over the expressions: rare ones count as much as common ones."),
    "weighted_f1": ("Weighted F1", "Mean F1, each expression weighted by its faces."),
    "kappa": ("Cohen's kappa", "Agreement beyond what chance alone would give: 0 is chance, 1 is perfect."),
    "m_measure": ("M measure", "Mean separability of all pairs of expressions: 0.5 is chance, 1 is perfect."),
    "expected_calibration_error": (
        "Calibration error (ECE)",
        "Mean distance between how sure the network is and how often it is right: 0 is best.",
    ),
    "brier": ("Brier score", "Mean squared error of the probabilities, 0 to 2: 0 is best."),
    "negative_log_likelihood": ("Log loss", "Mean of -ln p(annotated expression): 0 is best."),
}

#: Numbers of one expression that have an interval and lie between 0 and 1.
CLASS_NUMBERS = ("precision", "recall", "f1")


def headlines(scores: Scores) -> pd.DataFrame:
    """Every headline number with its interval: name, number, value, low, high."""
    rows = []
    for name, (title, _) in HEADLINES.items():
        estimate = getattr(scores, name)
        rows.append(
            {
                "name": name,
                "number": title,
                "value": estimate.value,
                "low": estimate.low,
                "high": estimate.high,
            }
        )
    return pd.DataFrame(rows)


def per_class_long(scores: Scores) -> pd.DataFrame:
    """Long: expression, number, value, low, high, support; without what cannot be computed."""
    rows = []
    for label, numbers in scores.per_class.items():
        for name in CLASS_NUMBERS:
            estimate = getattr(numbers, name)
            rows.append(
                {
                    "expression": label,
                    "number": "F1" if name == "f1" else name,
                    "value": estimate.value,
                    "low": estimate.low,
                    "high": estimate.high,
                    "support": numbers.support,
                }
            )
    return pd.DataFrame(rows).dropna(subset=["value"]).reset_index(drop=True)


def confusion_cells(confusion: np.ndarray, labels: tuple[str, ...]) -> pd.DataFrame:
    """Long: true, predicted, faces, row (share of the true label's faces), column (of the predicted one's).

    Shares are NaN where a label has no face, or was never predicted.
    """
    confusion = np.asarray(confusion)
    with np.errstate(invalid="ignore", divide="ignore"):
        by_row = confusion / confusion.sum(axis=1, keepdims=True)
        by_column = confusion / confusion.sum(axis=0, keepdims=True)
    count = len(labels)
    return pd.DataFrame(
        {
            "true": np.repeat(labels, count),
            "predicted": np.tile(labels, count),
            "faces": confusion.ravel(),
            "row": by_row.ravel(),
            "column": by_column.ravel(),
        }
    )


def strongest_confusions(cells: pd.DataFrame, *, limit: int = 5) -> pd.DataFrame:
    """Off-diagonal cells with faces, by falling share of the true label: true, predicted, faces, of, share."""
    totals = cells.groupby("true")["faces"].transform("sum")
    wrong = cells.assign(of=totals)[(cells["true"] != cells["predicted"]) & (cells["faces"] > 0)]
    wrong = wrong.sort_values(["row", "faces"], ascending=False, kind="stable").head(limit)
    return wrong.rename(columns={"row": "share"})[["true", "predicted", "faces", "of", "share"]].reset_index(
        drop=True
    )


def pairwise_cells(scores: Scores) -> pd.DataFrame:
    """Long, both triangles: first, second, value, low, high; without the diagonal and absent labels."""
    labels, count = scores.labels, len(scores.labels)
    table = pd.DataFrame(
        {
            "first": np.repeat(labels, count),
            "second": np.tile(labels, count),
            "value": scores.pairwise_a.ravel(),
            "low": scores.pairwise_a_low.ravel(),
            "high": scores.pairwise_a_high.ravel(),
        }
    )
    return table.dropna(subset=["value"]).reset_index(drop=True)


def learning_curves(histories: dict[str, pd.DataFrame], measure: str) -> pd.DataFrame:
    """`measure` ('loss' or 'accuracy') of several runs, long: run, epoch, part, value."""
    parts = []
    for run, history in histories.items():
        for part, column in (("training", measure), ("validation", f"validation_{measure}")):
            values = pd.DataFrame(
                {"run": run, "epoch": history["epoch"], "part": part, "value": history[column]}
            )
            parts.append(values)
    return pd.concat(parts, ignore_index=True)
