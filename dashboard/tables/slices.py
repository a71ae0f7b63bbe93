"""Tables of the page of slices, as it shows them."""

import math
import re

import numpy as np
import pandas as pd

from core.analysis.slices.tables import SliceReview, SliceTable
from core.metrics.text import DECIMAL, UNSIGNED_POINTS, span
from dashboard.tables.faces import select_faces

#: Number of bins of numeric attributes, by the name of the choice.
PARTS = {"quarters": 4, "thirds": 3}

#: Numbers of a slice in the order of the table: (name, title, whether it is a share, shown in points).
NUMBERS = (
    ("accuracy", "accuracy", True),
    ("accuracy_gap", "gap", True),
    ("label_standardised_gap", "gap, same mix", True),
    ("macro_f1", "macro-F1", False),
    ("macro_f1_gap", "macro-F1 gap", False),
)


def overview(review: SliceReview) -> pd.DataFrame:
    """A row per attribute: attribute, slices, widest gap (of which slice), gap (points), 95%, corrected p, verdict."""
    table = review.overview
    return pd.DataFrame(
        {
            "attribute": table["attribute"],
            "slices": table["slices"],
            "widest gap": table["widest"],
            "gap (points)": 100 * table["accuracy_gap"],
            "95%": _ends(table["low"], table["high"], points=True),
            "corrected p": table["p_corrected"].map(_p_value),
            "verdict": table["significance"],
        }
    )


def shown(table: SliceTable) -> pd.DataFrame:
    """A row per slice: accuracy in percent, its gaps in points; intervals and p-values as text, '' where there is none."""
    rows = table.rows
    ranges = {} if rows["from"].isna().all() else {"range": _range(table)}
    columns = {"slice": rows["slice"], **ranges, "faces": rows["faces"]}
    for name, title, points in NUMBERS:
        columns[title] = rows[name] * (100 if points else 1)
        columns[f"{title} 95%"] = _ends(rows[f"{name}_low"], rows[f"{name}_high"], points=points)
        if f"{name}_p_corrected" in rows:
            columns[f"{title} p"] = rows[f"{name}_p_corrected"].map(_p_value)
    return pd.DataFrame(columns | {"note": rows["note"]})


def download(table: SliceTable) -> pd.DataFrame:
    """Every number of a table of slices, unrounded."""
    return table.rows.drop(columns="phrase").assign(attribute=table.key)


def file_name(*parts: str) -> str:
    """Parts of a file's name, whatever a user called a column or a value."""
    return "-".join(re.sub(r"[^\w-]+", "-", part).strip("-")[:40] or "x" for part in parts)


def misclassified_in(table: SliceTable, wrong: pd.DataFrame, name: str) -> tuple[pd.DataFrame, pd.Series]:
    """Of a `faces` table, indexed by the rows of the predictions, those in the slice of this name, most confident first; and
    the slice's row."""
    place = int(np.flatnonzero(table.rows["slice"] == name)[0])
    faces = wrong[table.codes[wrong.index.to_numpy(np.int64)] == place]
    return select_faces(faces), table.rows.iloc[place]


def _range(table: SliceTable) -> list[str]:
    attribute = table.attribute
    ends = zip(table.rows["from"], table.rows["to"], strict=True)
    return ["" if math.isnan(low) else attribute.range(low, high) for low, high in ends]


def _ends(low: pd.Series, high: pd.Series, *, points: bool) -> list[str]:
    form = UNSIGNED_POINTS if points else DECIMAL
    return [span(a, b, form, unit=False) for a, b in zip(low, high, strict=True)]


def _p_value(p: float) -> str:
    return "" if math.isnan(p) else "< 0.001" if p < 0.001 else f"{p:.3f}"
