"""What a reader marked faces with, as a CSV beside the run: read, written whole or not at all, never lost silently."""

import csv
import os
import threading
import unicodedata
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from core.errors import AffectoscopeError

#: What may be wrong where a face was misread.
MARKS = ("label wrong", "ambiguous", "bad crop", "model's fault")

COLUMNS = ("reference", "true", "predicted", "mark", "note", "marked")

#: Most characters of a note.
LONGEST_NOTE = 200

# A spreadsheet takes a cell that begins so for a formula.
_FORMULA = r"^(?='*[=+\-@])"
_ESCAPED = r"^'(?='*[=+\-@])"

# All sessions of a server share it: between reading and writing, nobody else writes.
_lock = threading.Lock()


def no_marks() -> pd.DataFrame:
    """Marks as `read_marks` gives them, of nobody."""
    return pd.DataFrame({name: pd.Series(dtype="str") for name in COLUMNS})


def read_marks(path: Path) -> pd.DataFrame:
    """The marks in a marks.csv, oldest first; no rows where there is no such file.

    Returns:
        Text columns COLUMNS: reference (of the face, at most once), true and predicted (labels when it was
        marked), mark (one of MARKS), note ('' for none), marked (UTC, ISO 8601).

    Raises:
        AffectoscopeError: the file is damaged or cannot be read.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header, *rows = [row for row in csv.reader(file, strict=True) if row] or [[]]
    except FileNotFoundError:
        return no_marks()
    except (OSError, ValueError, csv.Error) as error:  # what is not UTF-8 is a ValueError
        raise _damaged(path, str(error)) from error
    if tuple(header) != COLUMNS:
        raise _damaged(path, f"its columns are {', '.join(header) or 'none'}")
    if any(len(row) != len(COLUMNS) for row in rows):
        raise _damaged(path, f"a row has another number of cells than {len(COLUMNS)}")
    table = pd.DataFrame(rows, columns=list(COLUMNS), dtype="str")
    unknown = table.loc[~table["mark"].isin(MARKS), "mark"]
    if len(unknown):
        raise _damaged(path, f"'{unknown.iloc[0]}' is no mark")
    if table["reference"].duplicated().any():
        raise _damaged(path, "a face is in it twice")
    return table.apply(lambda column: column.str.replace(_ESCAPED, "", regex=True))


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
    note = " ".join("".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in note).split())
    if len(note) > LONGEST_NOTE:
        raise AffectoscopeError(f"The note has {len(note)} characters; at most {LONGEST_NOTE} are kept.")
    marked = datetime.now(UTC).isoformat(timespec="seconds")
    row = pd.DataFrame([(reference, true, predicted, mark, note, marked)], columns=list(COLUMNS), dtype="str")
    return _change(path, reference, row)


def remove_mark(path: Path, reference: str) -> pd.DataFrame:
    """Take a face's mark back, if it has one; returns the other marks.

    Raises:
        AffectoscopeError: the folder cannot be written.
    """
    return _change(path, reference, None)


def for_spreadsheets(table: pd.DataFrame) -> pd.DataFrame:
    """Marks with an apostrophe before each cell that a spreadsheet would take for a formula; `read_marks` drops it."""
    return table.apply(lambda column: column.str.replace(_FORMULA, "'", regex=True))


def _change(path: Path, reference: str, row: pd.DataFrame | None) -> pd.DataFrame:
    with _lock:
        try:
            try:
                table = read_marks(path)
            except AffectoscopeError:
                _set_aside(path)
                table = read_marks(path)
            others = table[table["reference"] != reference]
            table = others if row is None else pd.concat([others, row])
            _write(path, table.reset_index(drop=True))
        except OSError as error:
            raise AffectoscopeError(
                f"The folder of run '{path.parent.name}' cannot be written ({error.strerror or error}), so the mark "
                "was not saved; make it writable for the user that runs Affectoscope."
            ) from error
    return table.reset_index(drop=True)


def _set_aside(path: Path) -> None:
    """Rename a damaged file; an earlier damaged one keeps its name."""
    aside, number = path.with_name(path.name + ".damaged"), 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.damaged-{number}")
    os.rename(path, aside)


def _write(path: Path, table: pd.DataFrame) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        for_spreadsheets(table).to_csv(beside, index=False, encoding="utf-8", lineterminator="\n")
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _damaged(path: Path, why: str) -> AffectoscopeError:
    return AffectoscopeError(
        f"{path.name} of run '{path.parent.name}' cannot be read ({why}); mend it or move it away. "
        f"The next mark sets it aside as {path.name}.damaged and begins a new one."
    )
