"""Tables about the confusion matrix: its cells and the strongest confusions."""

import numpy as np
import pandas as pd

#: How a confusion matrix may be read: option -> title.
NORMALISATIONS: dict[str, str] = {
    "faces": "Counts",
    "row": "Share of the true",
    "column": "Share of the predicted",
}


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
