"""Tables about predictions: confusion cells, per-class numbers, pairs of expressions, single faces."""

import numpy as np
import pandas as pd

from core.metrics import ranking
from core.predictions import Predictions
from core.scoring import Scores

#: How a confusion matrix may be read: option -> title.
NORMALISATIONS: dict[str, str] = {
    "faces": "Counts",
    "row": "Share of the true",
    "column": "Share of the predicted",
}

#: Orders of the misclassified faces: option -> (title, column, rising?).
ORDERS: dict[str, tuple[str, str, bool]] = {
    "confidence": ("Surest first", "probability", False),
    "loss": ("Highest loss first", "loss", False),
    "margin": ("Narrowest miss first", "margin", False),
}

NUMBERS = ("precision", "recall", "f1")


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


def per_class(scores: Scores) -> pd.DataFrame:
    """One row per label: support, predicted, then each number with _low and _high."""
    rows = []
    for label, numbers in scores.per_class.items():
        row = {"expression": label, "support": numbers.support, "predicted": numbers.predicted}
        for name in (*NUMBERS, "auc"):
            estimate = getattr(numbers, name)
            row |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
        row["average_precision"] = numbers.average_precision.value
        rows.append(row)
    return pd.DataFrame(rows)


def per_class_long(scores: Scores) -> pd.DataFrame:
    """Long: expression, number, value, low, high, support; without what cannot be computed."""
    rows = []
    for label, numbers in scores.per_class.items():
        for name in NUMBERS:
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


def curves(by_label: dict[str, ranking.Curve]) -> pd.DataFrame:
    """Long: label, x, y, threshold, area; without curves that cannot be computed."""
    parts = [
        pd.DataFrame(
            {"label": label, "x": curve.x, "y": curve.y, "threshold": curve.thresholds, "area": curve.area}
        )
        for label, curve in by_label.items()
        if not np.isnan(curve.area)
    ]
    columns = ["label", "x", "y", "threshold", "area"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


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


def pair_probabilities(predictions: Predictions, of: str, against: str, *, bins: int = 40) -> pd.DataFrame:
    """How the probability of `of` is spread over the faces of both labels.

    Columns: label, probability (middle of the bin, 0 to 1), faces, share (of that label's faces).
    """
    column = predictions.probabilities[:, predictions.labels.index(of)]
    edges = np.linspace(0.0, 1.0, bins + 1)
    parts = []
    for label in (of, against):
        counts, _ = np.histogram(column[predictions.truth == predictions.labels.index(label)], edges)
        share = counts / max(counts.sum(), 1)
        middles = (edges[:-1] + edges[1:]) / 2
        parts.append(pd.DataFrame({"label": label, "probability": middles, "faces": counts, "share": share}))
    return pd.concat(parts, ignore_index=True)


def pair_curves(predictions: Predictions, first: str, second: str) -> pd.DataFrame:
    """ROC of either label's probability over the faces of both: the areas are A(i|j) and A(j|i)."""
    positions = {label: predictions.labels.index(label) for label in (first, second)}
    part = predictions.filter(np.isin(predictions.truth, list(positions.values())))
    return curves(
        {
            label: ranking.roc_curve(part.truth, part.probabilities, position)
            for label, position in positions.items()
        }
    )


def faces(predictions: Predictions) -> pd.DataFrame:
    """One row per face: reference, split, true, predicted, probability (of the predicted label),
    probability_true, loss, margin, correct. The index is the face's row in `predictions`."""
    labels = np.array(predictions.labels, dtype=object)
    truth = predictions.truth
    return pd.DataFrame(
        {
            "reference": predictions.frame["reference"],
            "split": predictions.frame["split"],
            "true": labels[truth],
            "predicted": labels[predictions.predicted],
            "probability": predictions.confidence,
            "probability_true": predictions.probabilities[np.arange(len(truth)), truth],
            "loss": predictions.loss,
            "margin": predictions.margin,
            "correct": predictions.correct,
        }
    )


def select_faces(
    table: pd.DataFrame,
    *,
    wrong_only: bool = False,
    true: str | None = None,
    predicted: str | None = None,
    lowest_probability: float = 0.0,
    order: str = "confidence",
) -> pd.DataFrame:
    """Rows of a `faces` table that pass every filter, in the given order (a key of ORDERS)."""
    keep = table["probability"] >= lowest_probability
    if wrong_only:
        keep &= ~table["correct"]
    if true is not None:
        keep &= table["true"] == true
    if predicted is not None:
        keep &= table["predicted"] == predicted
    _, column, rising = ORDERS[order]
    return table[keep].sort_values(column, ascending=rising, kind="stable")


def face_probabilities(predictions: Predictions, row: int) -> pd.DataFrame:
    """One face's probabilities: expression, probability."""
    return pd.DataFrame({"expression": predictions.labels, "probability": predictions.probabilities[row]})
