"""What a user marked faces with: marks.csv beside the run."""

from pathlib import Path

import pandas as pd

from core.data import user_table
from core.data.user_table import LONGEST_NOTE, UserTable, for_spreadsheets
from core.errors import AffectoscopeError

__all__ = ["COLUMNS", "LONGEST_NOTE", "MARKS", "for_spreadsheets", "no_marks", "read_marks", "remove_mark", "set_mark"]  # fmt: skip

#: What may be wrong where a face was misread.
MARKS = ("label wrong", "ambiguous", "bad crop", "model's fault")

COLUMNS = ("reference", "true", "predicted", "mark", "note", "marked")


def _unknown(table: pd.DataFrame) -> str:
    unknown = table.loc[~table["mark"].isin(MARKS), "mark"]
    return f"'{unknown.iloc[0]}' is no mark" if len(unknown) else ""


_KIND = UserTable("mark", COLUMNS, _unknown)


def no_marks() -> pd.DataFrame:
    """Marks as `read_marks` gives them, of nobody."""
    return user_table.empty(_KIND)


def read_marks(path: Path) -> pd.DataFrame:
    """The marks in a marks.csv, oldest first; no rows where there is no such file.

    Returns:
        Text columns COLUMNS: reference (of the face, at most once), true and predicted (labels when it was
        marked), mark (one of MARKS), note ('' for none), marked (UTC, ISO 8601).

    Raises:
        AffectoscopeError: the file is damaged or cannot be read.
    """
    return user_table.read(path, _KIND)


def set_mark(
    path: Path, *, reference: str, true: str, predicted: str, mark: str, note: str = ""
) -> pd.DataFrame:
    """Mark one face in the marks.csv at `path`, in place of its former mark; returns all marks.

    Control characters and line breaks in the note become spaces. A damaged file is set aside as
    marks.csv.damaged before a new one is written.

    Raises:
        AffectoscopeError: the note is too long, the mark is unknown, or the folder cannot be written.
    """
    if mark not in MARKS:
        raise AffectoscopeError(f"'{mark}' is no mark; expected one of {', '.join(MARKS)}.")
    row = (reference, true, predicted, mark, user_table.plain_note(note), user_table.now())
    return user_table.put(path, _KIND, [row])


def remove_mark(path: Path, reference: str) -> pd.DataFrame:
    """Take a face's mark back, if it has one; returns the other marks.

    Raises:
        AffectoscopeError: the folder cannot be written.
    """
    return user_table.drop(path, _KIND, [reference])
