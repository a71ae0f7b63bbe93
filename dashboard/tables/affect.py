"""Tables about valence and arousal: headline numbers, single faces, errors per expression."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.metrics.affect import affect_scores
from core.metrics.predictions import Predictions
from core.metrics.scoring import Scores
from dashboard.tables import planes

DIMENSIONS = ("valence", "arousal")

#: Above so many faces a cloud of points overlaps too much, and density is drawn instead, in bins of this width.
MOST_POINTS, BIN = 1500, 0.05

#: Numbers of core.metrics.scoring's affect rows: key -> title.
NUMBERS = {"rmse": "RMSE", "ccc": "CCC", "pearson": "Pearson", "sagr": "Sign agreement"}


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
            "expression": frame["expression"],
            "true": frame[dimension],
            "predicted": frame[f"predicted_{dimension}"],
        }
    )
    return table.dropna(subset=["true", "predicted"]).reset_index(drop=True)


def binned(table: pd.DataFrame) -> pd.DataFrame:
    """A `points` table counted in bins: true, predicted (middles of bins), faces; empty bins left out."""
    edges = np.linspace(-1, 1, round(2 / BIN) + 1)
    inside = [np.clip(table[name].to_numpy(float), -1, 1) for name in ("true", "predicted")]
    counts, _, _ = np.histogram2d(*inside, bins=(edges, edges))
    middles = (edges[:-1] + edges[1:]) / 2
    true, predicted = np.nonzero(counts)
    return pd.DataFrame(
        {
            "true": middles[true],
            "predicted": middles[predicted],
            "faces": counts[true, predicted].astype(int),
        }
    )


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


@dataclass(frozen=True)
class AffectTables:
    """Tables of the page of valence and arousal that depend on the run only; their size does not grow with the faces."""

    drawn: dict[str, pd.DataFrame]  # dimension -> its `points`, or `binned` where they are many
    per_expression: pd.DataFrame
    regions: pd.DataFrame  # planes.error_by_region
    contradictions: pd.DataFrame  # planes.contradiction_counts


def affect_tables(predictions: Predictions) -> AffectTables:
    every = {dimension: points(predictions, dimension) for dimension in DIMENSIONS}
    return AffectTables(
        {name: binned(table) if len(table) > MOST_POINTS else table for name, table in every.items()},
        per_expression(predictions),
        planes.error_by_region(predictions),
        planes.contradiction_counts(predictions),
    )
