"""Tables about single expressions: precision, recall, F1, and one-against-rest curves."""

import numpy as np
import pandas as pd

from core.metrics import ranking
from core.metrics.scoring import Scores
from core.report.score_tables import CLASS_NUMBERS

AREAS = ("auc", "average_precision")

#: Columns of the table on the page -> their titles.
TITLES: dict[str, str] = {
    "expression": "expression",
    "support": "faces",
    "predicted": "predicted",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "auc": "area under ROC",
    "average_precision": "average precision",
}


def per_class(scores: Scores) -> pd.DataFrame:
    """One row per label: support, predicted, then each number with _low and _high."""
    rows = []
    for label, numbers in scores.per_class.items():
        row = {"expression": label, "support": numbers.support, "predicted": numbers.predicted}
        for name in (*CLASS_NUMBERS, "auc"):
            estimate = getattr(numbers, name)
            row |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
        row["average_precision"] = numbers.average_precision.value
        rows.append(row)
    return pd.DataFrame(rows)


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
