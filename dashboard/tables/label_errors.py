"""Tables of faces whose label may be wrong: decisions, filters, progress."""

import numpy as np
import pandas as pd

from core.analysis.label_errors import LabelErrors
from core.data.decisions import KEEP, REMOVE, Decision

#: Rankings: of the faces that the run was scored on, or of those it was trained on.
SOURCES: dict[str, str] = {"scored": "Scored faces", "training": "Training faces"}

#: Filters of a ranking: option -> (title, boolean column of the ranking that they have; None for all).
FACES: dict[str, tuple[str, str | None]] = {
    "likely": ("Likely errors", "issue"),
    "contradictions": ("Contradictions", "contradiction"),
    "all": ("All faces", None),
}

UNDECIDED, DECIDED = "undecided", "decided"


def with_decisions(table: pd.DataFrame, decisions: pd.DataFrame) -> pd.DataFrame:
    """A ranking with a text column `decision` (of core.data.decisions.read_decisions), '' where there is none."""
    column = np.full(len(table), "", object)
    if len(decisions):
        by_reference = decisions.set_index("reference")["decision"]
        decided = np.flatnonzero(table["reference"].isin(by_reference.index))
        column[decided] = by_reference[table["reference"].iloc[decided]].to_numpy(object)
    return table.assign(decision=column)


def faces_choices(table: pd.DataFrame) -> dict[str, str]:
    """Options of FACES that apply to this ranking."""
    return {
        key: title
        for key, (title, column) in FACES.items()
        if column != "contradiction" or table["contradiction"].any()
    }


def select(
    table: pd.DataFrame,
    *,
    faces: str = "all",
    given: str | None = None,
    suggested: str | None = None,
    decided: str | None = None,
) -> pd.DataFrame:
    """Rows of a ranking with decisions that pass every filter; the order stays.

    Args:
        faces: a key of FACES.
        decided: UNDECIDED or DECIDED; None for both.
    """
    keep = np.ones(len(table), bool)
    if (column := FACES[faces][1]) is not None:
        keep &= table[column].to_numpy()
    for name, wanted in (("given", given), ("suggested", suggested)):
        if wanted is not None:
            keep &= (table[name] == wanted).to_numpy()
    if decided is not None:
        keep &= (table["decision"] != "").to_numpy() == (decided == DECIDED)
    return table[keep]


def progress(table: pd.DataFrame) -> dict[str, int]:
    """Of a ranking with decisions: faces, decided, relabelled, kept, removed."""
    decided = table.loc[table["decision"] != "", "decision"]
    kept, removed = int((decided == KEEP).sum()), int((decided == REMOVE).sum())
    return {
        "faces": len(table),
        "decided": len(decided),
        "relabelled": len(decided) - kept - removed,
        "kept": kept,
        "removed": removed,
    }


def decisions_about(faces: pd.DataFrame, choice: str, *, note: str = "") -> list[Decision]:
    """The decisions that make `choice` of these rows of a ranking.

    Args:
        choice: an expression, REMOVE, KEEP (the given label), or 'suggested' (each face's own).
    """
    column = {KEEP: "given", "suggested": "suggested"}.get(choice)
    wanted = faces[column].astype(str) if column else [choice] * len(faces)
    return [
        Decision(face.reference, str(face.split), str(face.annotated), label, note)
        for face, label in zip(faces.itertuples(), wanted, strict=True)
    ]


def neighbours(table: pd.DataFrame, reference: str) -> tuple[int | None, str | None, str | None]:
    """Position (from 0) of a face in a ranking and the references before and after it; None where there is none."""
    at = np.flatnonzero(table["reference"] == reference)
    if not len(at):
        return None, None, table["reference"].iloc[0] if len(table) else None
    position = int(at[0])
    references = table["reference"]
    return (
        position,
        references.iloc[position - 1] if position else None,
        references.iloc[position + 1] if position + 1 < len(table) else None,
    )


def download(errors: LabelErrors) -> pd.DataFrame:
    """The whole ranking for a CSV file, with a rank from 1."""
    table = errors.table.reset_index(drop=True)
    table.insert(0, "rank", np.arange(1, len(table) + 1))
    return table
