"""Tags of faces, stored in marks.csv of the run."""

from pathlib import Path

import pandas as pd

from core.data import user_table
from core.data.user_table import LONGEST_NOTE, UserTable, for_spreadsheets
from core.errors import AffectoscopeError

__all__ = ["COLUMNS", "LONGEST_NOTE", "TAGS", "empty_tags", "for_spreadsheets", "read_tags", "remove_tag", "set_tag"]  # fmt: skip

#: Possible tags: causes of a misclassification.
TAGS = ("label wrong", "ambiguous", "bad crop", "model's fault")

COLUMNS = ("reference", "true", "predicted", "mark", "note", "marked")


def _unknown(table: pd.DataFrame) -> str:
    unknown = table.loc[~table["mark"].isin(TAGS), "mark"]
    return f"unknown tag '{unknown.iloc[0]}'" if len(unknown) else ""


_KIND = UserTable("tag", COLUMNS, _unknown)


def empty_tags() -> pd.DataFrame:
    """An empty table with the columns of `read_tags`."""
    return user_table.empty(_KIND)


def read_tags(path: Path) -> pd.DataFrame:
    """Read the tags in a marks.csv, oldest first; empty if the file does not exist.

    Returns:
        Text columns COLUMNS: reference (unique), true and predicted (labels at the time of tagging), mark (one of
        TAGS), note ('' for none), marked (UTC, ISO 8601).

    Raises:
        AffectoscopeError: the file is damaged or cannot be read.
    """
    return user_table.read(path, _KIND)


def set_tag(
    path: Path, *, reference: str, true: str, predicted: str, tag: str, note: str = ""
) -> pd.DataFrame:
    """Tag a face in the marks.csv at `path`, replacing its previous tag; returns all tags.

    Control characters and line breaks in the note become spaces. A damaged file is renamed to marks.csv.damaged before
    a new one is written.

    Raises:
        AffectoscopeError: the note is too long, the tag is unknown, or the folder cannot be written.
    """
    if tag not in TAGS:
        raise AffectoscopeError(f"Unknown tag '{tag}'; expected one of {', '.join(TAGS)}.")
    row = (reference, true, predicted, tag, user_table.plain_note(note), user_table.now())
    return user_table.put(path, _KIND, [row])


def remove_tag(path: Path, reference: str) -> pd.DataFrame:
    """Remove the tag of a face, if it has one; returns the remaining tags.

    Raises:
        AffectoscopeError: the folder cannot be written.
    """
    return user_table.drop(path, _KIND, [reference])
