"""Tables of single faces: truth, prediction and how far apart they are."""

import numpy as np
import pandas as pd

from core.predictions import Predictions

#: Orders of the misclassified faces: option -> (title, column, rising?).
ORDERS: dict[str, tuple[str, str, bool]] = {
    "confidence": ("Surest first", "probability", False),
    "loss": ("Highest loss first", "loss", False),
    "margin": ("Narrowest miss first", "margin", False),
}


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
