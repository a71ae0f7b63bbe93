"""Tables about two runs on the same faces: the faces that changed, and where their confusions differ."""

import numpy as np
import pandas as pd

from core.analysis.comparison.pairing import CHANGES, PairedRuns
from core.metrics.expression import confusion_matrix
from core.metrics.predictions import Predictions
from core.report.score_tables import confusion_cells
from dashboard.tables.confusion import difference_cells as differences
from dashboard.tables.faces import faces_at

#: Filters of the changed faces: option -> title.
SHOWN = {"all": "All that changed", "fixed": "Fixed", "broken": "Broken", "both-wrong": "Wrong both times"}


def difference_cells(paired: PairedRuns) -> pd.DataFrame:
    """Cells of run B's confusion matrix minus those of run A, on the faces that both scored."""
    a, b = (
        confusion_cells(confusion_matrix(paired.truth, predicted, len(paired.labels)), paired.labels)
        for predicted in (paired.predicted_a, paired.predicted_b)
    )
    return differences(b, a)


def changed_faces(paired: PairedRuns, predictions: Predictions) -> pd.DataFrame:
    """Faces whose prediction differs between the runs, most confident of run B first: the `faces` of B's `predictions`, with `change`
    (of CHANGES) and the prediction of run A, `other_predicted` and `other_probability`. The index is the row in B's predictions."""
    at = np.flatnonzero(paired.changes)
    table = faces_at(predictions, paired.rows_b[at]).assign(
        change=pd.Categorical.from_codes(paired.changes[at], categories=list(CHANGES)),
        other_predicted=pd.Categorical.from_codes(paired.predicted_a[at], categories=list(paired.labels)),
        other_probability=paired.probabilities_a[at].max(axis=1),
    )
    return table.sort_values("probability", ascending=False, kind="stable")


def select_changed(
    table: pd.DataFrame, *, change: str = "all", true: str | None = None, predicted: str | None = None
) -> pd.DataFrame:
    """Rows of a `changed_faces` table: of one kind (of SHOWN), annotated `true`, predicted as `predicted` by either run."""
    keep = np.ones(len(table), bool)
    if change != "all":
        keep &= table["change"] == change
    if true is not None:
        keep &= table["true"] == true
    if predicted is not None:
        keep &= (table["predicted"] == predicted) | (table["other_predicted"] == predicted)
    return table[keep]
