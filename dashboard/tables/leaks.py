"""Tables about near-duplicates of scored faces in other splits."""

import pandas as pd

from core.analysis.leaks import LeakSummary, labels_differ
from core.metrics.estimate import Estimate
from core.metrics.headline import HEADLINES
from core.metrics.predictions import Predictions
from core.metrics.text import difference_format, with_interval
from dashboard.tables.faces import faces_at

#: Filters of the pairs: option -> title.
AGREEMENTS = {"all": "all pairs", "differ": "labels differ", "agree": "labels agree"}


def numbers(summary: LeakSummary) -> pd.DataFrame:
    """All scored faces, those that leak, the others, and the effect of the leak: scored, faces, and accuracy and
    macro_f1 with the ends of their intervals."""
    groups = {
        "all faces": summary.every,
        "with a near-duplicate": summary.leaked,
        "without them": summary.without,
    }
    rows = [(title, group.faces, group.accuracy, group.macro_f1) for title, group in groups.items()]
    rows.append(("difference", summary.leaked.faces, summary.accuracy_gain, summary.macro_f1_gain))
    table = pd.DataFrame(rows, columns=["scored", "faces", "accuracy", "macro_f1"])
    for name in ("accuracy", "macro_f1"):
        place, estimates = table.columns.get_loc(name), list(table[name])
        table[name] = [estimate.value for estimate in estimates]
        table.insert(place + 1, f"{name}_low", [estimate.low for estimate in estimates])
        table.insert(place + 2, f"{name}_high", [estimate.high for estimate in estimates])
    return table


def as_text(numbers: pd.DataFrame) -> pd.DataFrame:
    """A `numbers` table as it is read: each number with its interval in brackets, differences in the last row."""
    shown = numbers[["scored", "faces"]].copy()
    for name, title in (("accuracy", "accuracy"), ("macro_f1", "macro F1")):
        estimates = [Estimate(*ends) for ends in numbers[[name, f"{name}_low", f"{name}_high"]].to_numpy()]
        form = HEADLINES[name].format
        shown[title] = [
            *(with_interval(each, form) for each in estimates[:-1]),
            with_interval(estimates[-1], difference_format(form)),
        ]
    return shown


def pairs(table: pd.DataFrame, predictions: Predictions) -> pd.DataFrame:
    """A row per pair of a leak table (core.leaks.leak_table) whose face was scored, with its prediction.

    Columns: row (of the face in `predictions`), reference, split, true, predicted, probability, other, other_split,
    other_expression, labels_differ, distance, near_duplicates.
    """
    rows = pd.Index(predictions.frame["reference"]).get_indexer(table["reference"])
    table, rows = table[rows >= 0].reset_index(drop=True), rows[rows >= 0]
    faces = faces_at(predictions, rows).reset_index(drop=True)[["true", "predicted", "probability"]]
    return pd.DataFrame(
        {
            "row": rows,
            **{name: table[name] for name in ("reference", "split")},
            **{name: faces[name] for name in faces},
            **{name: table[name] for name in ("other", "other_split", "other_expression")},
            "labels_differ": labels_differ(table),
            **{name: table[name] for name in ("distance", "near_duplicates")},
        }
    )


def select_pairs(table: pd.DataFrame, *, split: str | None, agreement: str) -> pd.DataFrame:
    """The `pairs` with a face of one other split (None: any) and of an agreement of labels, a key of AGREEMENTS."""
    keep = pd.Series(True, table.index) if split is None else table["other_split"] == split
    if agreement != "all":
        keep &= table["labels_differ"] == (agreement == "differ")
    return table[keep].reset_index(drop=True)
