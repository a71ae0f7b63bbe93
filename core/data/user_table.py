"""A user's own table as a CSV beside a run: a row per face, read, written whole or not at all, never lost silently."""

import csv
import io
import os
import threading
import unicodedata
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from core.errors import AffectoscopeError
from core.runtime.files import replacing

#: Most characters of a note.
LONGEST_NOTE = 200

# A spreadsheet takes a cell that begins so for a formula.
_FORMULA = r"^(?='*[=+\-@])"
_ESCAPED = r"^'(?='*[=+\-@])"

# All sessions of a server share it: between reading and writing, nobody else writes.
_lock = threading.Lock()


@dataclass(frozen=True)
class UserTable:
    """One kind of table that a user fills.

    Attributes:
        entry: what a row is called: 'tag'.
        columns: text columns in their order; the first is the face's reference, at most once in the table.
        check: what is wrong with a table of these columns; '' where nothing is.
    """

    entry: str
    columns: tuple[str, ...]
    check: Callable[[pd.DataFrame], str]


def empty(kind: UserTable) -> pd.DataFrame:
    """The table as `read` gives it, of nobody."""
    return pd.DataFrame({name: pd.Series(dtype="str") for name in kind.columns})


def read(path: Path, kind: UserTable) -> pd.DataFrame:
    """The rows of the CSV at `path`, oldest first; none where there is no such file.

    Raises:
        AffectoscopeError: the file is damaged or cannot be read.
    """
    try:
        header, *rows = cells(path.read_bytes()) or [[]]
    except FileNotFoundError:
        return empty(kind)
    except (OSError, ValueError, csv.Error) as error:  # what is not UTF-8 is a ValueError
        raise _damaged(path, kind, str(error)) from error
    if tuple(header) != kind.columns:
        raise _damaged(path, kind, f"its columns are {', '.join(header) or 'none'}")
    if any(len(row) != len(kind.columns) for row in rows):
        raise _damaged(path, kind, f"a row has another number of cells than {len(kind.columns)}")
    table = pd.DataFrame(rows, columns=list(kind.columns), dtype="str")
    why = kind.check(table) or ("a face is in it twice" if table.iloc[:, 0].duplicated().any() else "")
    if why:
        raise _damaged(path, kind, why)
    return unescaped(table)


def cells(content: bytes) -> list[list[str]]:
    """The cells of each row of a CSV that is not empty, in UTF-8 with or without a byte order mark.

    Raises:
        ValueError, csv.Error: it is no such file.
    """
    text = io.StringIO(content.decode("utf-8-sig"), newline="")
    return [row for row in csv.reader(text, strict=True) if row]


def put(path: Path, kind: UserTable, rows: Sequence[tuple[str, ...]]) -> pd.DataFrame:
    """Keep `rows` (cells in the order of the columns) in place of what was kept of their faces; returns all rows.

    A damaged file is set aside as <name>.damaged before a new one is written.

    Raises:
        AffectoscopeError: the folder cannot be written.
    """
    added = pd.DataFrame(rows, columns=list(kind.columns), dtype="str")
    return _change(path, kind, set(added.iloc[:, 0]), added)


def drop(path: Path, kind: UserTable, references: Collection[str]) -> pd.DataFrame:
    """Take back what is kept of these faces, if anything; returns the other rows.

    Raises:
        AffectoscopeError: the folder cannot be written.
    """
    return _change(path, kind, set(references), empty(kind))


def for_spreadsheets(table: pd.DataFrame) -> pd.DataFrame:
    """The table with an apostrophe before each cell that a spreadsheet would take for a formula; `read` drops it."""
    return table.apply(lambda column: column.str.replace(_FORMULA, "'", regex=True))


def unescaped(table: pd.DataFrame) -> pd.DataFrame:
    """The table of text before `for_spreadsheets`."""
    return table.apply(lambda column: column.str.replace(_ESCAPED, "", regex=True))


def plain_note(note: str) -> str:
    """A note with control characters and line breaks as spaces.

    Raises:
        AffectoscopeError: it is too long.
    """
    note = " ".join("".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in note).split())
    if len(note) > LONGEST_NOTE:
        raise AffectoscopeError(f"The note has {len(note)} characters; at most {LONGEST_NOTE} are kept.")
    return note


def now() -> str:
    """UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _change(path: Path, kind: UserTable, references: set[str], rows: pd.DataFrame) -> pd.DataFrame:
    with _lock:
        try:
            try:
                table = read(path, kind)
            except AffectoscopeError:
                _set_aside(path)
                table = read(path, kind)
            others = table[~table.iloc[:, 0].isin(references)]
            table = pd.concat([others, rows], ignore_index=True)
            _write(path, table)
        except OSError as error:
            raise AffectoscopeError(
                f"The folder of run '{path.parent.name}' cannot be written ({error.strerror or error}), so the "
                f"{kind.entry} was not saved; make it writable for the user that runs Affectoscope."
            ) from error
    return table


def _set_aside(path: Path) -> None:
    """Rename a damaged file; an earlier damaged one keeps its name."""
    aside, number = path.with_name(path.name + ".damaged"), 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.damaged-{number}")
    os.rename(path, aside)


def _write(path: Path, table: pd.DataFrame) -> None:
    with replacing(path) as beside:
        for_spreadsheets(table).to_csv(beside, index=False, encoding="utf-8", lineterminator="\n")


def _damaged(path: Path, kind: UserTable, why: str) -> AffectoscopeError:
    return AffectoscopeError(
        f"{path.name} of run '{path.parent.name}' cannot be read ({why}); mend it or move it away. "
        f"The next {kind.entry} sets it aside as {path.name}.damaged and begins a new one."
    )
