"""Tables about pairs of expressions, which the M measure averages."""

import numpy as np
import pandas as pd

from core.metrics import ranking
from core.metrics.predictions import Predictions
from dashboard.tables.per_class import curves


def pair_probabilities(predictions: Predictions, of: str, against: str, *, bins: int = 40) -> pd.DataFrame:
    """Distribution of the probability of `of` over the faces of both labels.

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
    of_pair = np.isin(predictions.truth, list(positions.values()))
    truth, probabilities = predictions.truth[of_pair], predictions.probabilities[of_pair]
    return curves(
        {label: ranking.roc_curve(truth, probabilities, position) for label, position in positions.items()}
    )
