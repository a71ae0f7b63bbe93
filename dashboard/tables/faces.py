"""Tables of single faces: truth, prediction and how far apart they are; filters, orders and tags of them."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.metrics.predictions import Predictions
from core.runs.tags import TAGS

#: Orders of the misclassified faces: option -> (title, column, rising?).
ORDERS: dict[str, tuple[str, str, bool]] = {
    "confidence": ("Most confident first", "probability", False),
    "loss": ("Highest loss first", "loss", False),
    "margin": ("Smallest margin first", "margin", False),
}

#: The tag of faces that have none, among the options of a filter.
UNTAGGED = "untagged"


def faces(predictions: Predictions) -> pd.DataFrame:
    """One row per face: reference, split, true, predicted, probability (of the predicted label),
    probability_true, loss, margin, correct; valence and arousal (as annotated) and face_size (longer side of
    the box in pixels) where some face has them. The index is the face's row in `predictions`."""
    truth, frame = predictions.truth, predictions.frame
    table = {
        "reference": frame["reference"],
        "split": frame["split"].astype("category"),
        "true": frame["expression"],
        "predicted": pd.Categorical.from_codes(predictions.predicted, categories=list(predictions.labels)),
        "probability": predictions.confidence,
        "probability_true": predictions.probabilities[np.arange(len(truth)), truth],
        "loss": predictions.loss,
        "margin": predictions.margin,
        "correct": predictions.correct,
        "valence": frame["valence"],
        "arousal": frame["arousal"],
        "face_size": np.maximum(frame["box_width"], frame["box_height"]),
    }
    unknown = [name for name in ("valence", "arousal", "face_size") if table[name].isna().all()]
    return pd.DataFrame({name: column for name, column in table.items() if name not in unknown})


def misclassified(predictions: Predictions) -> pd.DataFrame:
    """The `faces` whose most probable label is not the true one."""
    return faces_at(predictions, np.flatnonzero(~predictions.correct))


def faces_at(predictions: Predictions, rows: np.ndarray) -> pd.DataFrame:
    """The `faces` at (k,) rows of the predictions, in that order."""
    return faces(predictions.filter(rows)).set_axis(rows)


def select_faces(
    table: pd.DataFrame,
    *,
    true: str | None = None,
    predicted: str | None = None,
    splits: list[str] | None = None,
    tags: list[str] | None = None,
    within: dict[str, tuple[float, float]] | None = None,
    order: str = "confidence",
) -> pd.DataFrame:
    """Rows of a `faces` table that pass every filter, in the given order (a key of ORDERS).

    Args:
        splits: those that pass; none for all.
        tags: of TAGS and UNTAGGED, likewise; the table needs its `mark` (`with_tags`).
        within: number's column -> (lowest, highest), both included; a face whose number is not known fails.
    """
    keep = np.ones(len(table), bool)
    if true is not None:
        keep &= table["true"] == true
    if predicted is not None:
        keep &= table["predicted"] == predicted
    if splits:
        keep &= table["split"].isin(splits)
    if tags:
        keep &= table["mark"].isin(tags)
    for name, (low, high) in (within or {}).items():
        keep &= table[name].between(low, high)
    _, column, rising = ORDERS[order]
    return table[keep].sort_values(column, ascending=rising, kind="stable")


@dataclass(frozen=True)
class Place:
    """Position of a face in a table: references of the faces before and after it, None at an end.

    Attributes:
        position: from 0; where it would be inserted if it is not among them.
        inside: whether it is.
    """

    position: int
    inside: bool
    previous: str | None
    next: str | None


def place_of(table: pd.DataFrame, face: pd.Series, order: str) -> Place:
    """The place of a row of a `faces` table, which need not be in `table`, in one that `select_faces` ordered."""
    at = np.flatnonzero(table.index == face.name)
    if len(at):
        position, following = int(at[0]), int(at[0]) + 1
    else:
        _, column, rising = ORDERS[order]
        sign = 1 if rising else -1
        position = following = int(np.searchsorted(sign * table[column].to_numpy(), sign * face[column]))
    references = table["reference"]
    return Place(
        position=position,
        inside=bool(len(at)),
        previous=references.iloc[position - 1] if position > 0 else None,
        next=references.iloc[following] if following < len(table) else None,
    )


def number_ranges(table: pd.DataFrame) -> dict[str, tuple[str, float, float, float]]:
    """Of the numbers that a `faces` table may be filtered by beside the probability, those that it has:
    column -> (title, lowest, highest, step)."""
    ranges = {name: (name.capitalize(), -1.0, 1.0, 0.05) for name in ("valence", "arousal") if name in table}
    if "face_size" in table:
        low, high = math.floor(table["face_size"].min()), math.ceil(table["face_size"].max())
        if low < high:
            ranges["face_size"] = ("Face size (pixels)", low, high, 1)
    return ranges


def with_tags(table: pd.DataFrame, tags: pd.DataFrame) -> pd.DataFrame:
    """A `faces` table with its tags (of core.runs.tags.read_tags): a column mark, UNTAGGED where there is none."""
    codes = np.full(len(table), len(TAGS), np.int8)
    if len(tags):
        by_reference = tags.set_index("reference")["mark"].map(TAGS.index)
        tagged = np.flatnonzero(table["reference"].isin(tags["reference"]))
        codes[tagged] = by_reference[table["reference"].iloc[tagged]]
    return table.assign(mark=pd.Categorical.from_codes(codes, categories=[*TAGS, UNTAGGED]))


def count_tags(tags: pd.DataFrame) -> dict[str, int]:
    """Number of faces with each tag that occurs, in the order of TAGS."""
    counts = tags["mark"].value_counts()
    return {tag: int(counts[tag]) for tag in TAGS if tag in counts}


def face_probabilities(predictions: Predictions, row: int) -> pd.DataFrame:
    """One face's probabilities: expression, probability."""
    return pd.DataFrame({"expression": predictions.labels, "probability": predictions.probabilities[row]})
