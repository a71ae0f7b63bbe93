"""Tables about the confusion matrix: cells, differences to another run, orders, the strongest confusions."""

import numpy as np
import pandas as pd
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from core.metrics.predictions import Predictions
from dashboard.tables.faces import faces_at, select_faces

#: Normalisations of a confusion matrix: option -> title.
NORMALISATIONS: dict[str, str] = {
    "faces": "Counts",
    "row": "Share of the true",
    "column": "Share of the predicted",
}

#: Orders of its labels: option -> title.
ARRANGEMENTS: dict[str, str] = {
    "label": "By label",
    "size": "By size",
    "clustering": "By clustering",
}


def difference_cells(cells: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """`cells` with other_<number> and difference_<number> (these minus the others) for faces, row and column.

    Both are `confusion_cells` tables of the same labels, in whatever order: cells are matched by name.
    """
    beside = other.rename(columns={number: f"other_{number}" for number in NORMALISATIONS})
    joined = cells.merge(beside, on=["true", "predicted"], how="left", validate="one_to_one")
    return joined.assign(
        **{f"difference_{number}": joined[number] - joined[f"other_{number}"] for number in NORMALISATIONS}
    )


def arranged(confusion: np.ndarray, labels: tuple[str, ...], by: str) -> list[str]:
    """The labels in the order `by`, a key of ARRANGEMENTS; but for 'label', those without faces come last.

    'clustering' joins the labels by how often they are confused with each other (average linkage on one minus
    the mean of both shares of the true label) and lays the tree out so that neighbours are as similar as
    possible: Bar-Joseph, Gifford & Jaakkola (2001), "Fast optimal leaf ordering for hierarchical
    clustering", Bioinformatics 17.
    """
    if by == "label":
        return list(labels)
    confusion = np.asarray(confusion)
    support = confusion.sum(axis=1)
    present, absent = np.flatnonzero(support), np.flatnonzero(support == 0)
    if by == "size":
        present = present[np.argsort(-support[present], kind="stable")]
    elif len(present) > 2:
        shares = confusion[np.ix_(present, present)] / support[present, None]
        present = present[_clustered(shares)]
    return [labels[i] for i in (*present, *absent)]


def _clustered(shares: np.ndarray) -> np.ndarray:
    distances = 1.0 - (shares + shares.T) / 2
    np.fill_diagonal(distances, 0.0)
    tree = hierarchy.linkage(squareform(distances, checks=False), "average", optimal_ordering=True)
    order = hierarchy.leaves_list(tree)
    # Either end may come first; the earlier label does, so that the order is always the same.
    return order if order[0] < order[-1] else order[::-1]


def cell_faces(predictions: Predictions, true: str | None, predicted: str | None) -> pd.DataFrame:
    """The `faces` table of one cell, most confident first; None stands for any label."""
    keep = np.ones(len(predictions), bool)
    for codes, label in ((predictions.truth, true), (predictions.predicted, predicted)):
        if label is not None:
            keep &= codes == predictions.labels.index(label)
    rows = np.flatnonzero(keep)
    # Only the cell's faces are made into a table: of a million, that takes a moment.
    return select_faces(faces_at(predictions, rows))
