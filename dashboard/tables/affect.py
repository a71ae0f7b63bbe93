"""Tables about valence and arousal: headline numbers, single faces, errors per expression."""

import pandas as pd

from core.metrics.affect import affect_scores
from core.predictions import Predictions
from core.scoring import Scores

DIMENSIONS = ("valence", "arousal")

#: Numbers of core.scoring's affect rows: key -> title.
NUMBERS: dict[str, str] = {
    "rmse": "RMSE",
    "ccc": "CCC",
    "pearson": "Pearson",
    "sagr": "Sign agreement",
}


def numbers(scores: Scores) -> pd.DataFrame:
    """Long: dimension, number, value, low, high, faces; empty without an affect head."""
    rows = []
    for dimension, row in (scores.affect or {}).items():
        for name, title in NUMBERS.items():
            estimate = row[name]
            values = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
            rows.append({"dimension": dimension, "number": title, **values, "faces": row["faces"]})
    return pd.DataFrame(rows, columns=["dimension", "number", "value", "low", "high", "faces"])


def points(predictions: Predictions, dimension: str) -> pd.DataFrame:
    """Faces where truth and prediction are known: reference, expression, true, predicted."""
    frame = predictions.frame
    table = pd.DataFrame(
        {
            "reference": frame["reference"],
            "expression": frame["expression"].astype(str),
            "true": frame[dimension],
            "predicted": frame[f"predicted_{dimension}"],
        }
    )
    return table.dropna(subset=["true", "predicted"]).reset_index(drop=True)


def per_expression(predictions: Predictions) -> pd.DataFrame:
    """Error of each dimension on the faces of each expression: dimension, expression, faces, rmse, bias.

    bias is the mean of predicted minus true.
    """
    rows = []
    for dimension in DIMENSIONS:
        table = points(predictions, dimension)
        for expression in predictions.labels:
            part = table[table["expression"] == expression]
            if part.empty:
                continue
            rows.append(
                {
                    "dimension": dimension,
                    "expression": expression,
                    "faces": len(part),
                    "rmse": affect_scores(part["true"].to_numpy(), part["predicted"].to_numpy()).rmse,
                    "bias": float((part["predicted"] - part["true"]).mean()),
                }
            )
    return pd.DataFrame(rows, columns=["dimension", "expression", "faces", "rmse", "bias"])
