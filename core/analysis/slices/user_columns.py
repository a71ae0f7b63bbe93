"""User-defined columns, joined to a run's faces from a CSV file: age group, gender, skin tone, camera ...

The values are converted in memory only; they are not written to disk.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv as tables

from core.errors import AffectoscopeError

#: Names of the column that identifies the face of a row, case-insensitive.
KEYS = ("reference", "file", "path", "image", "face", "filename", "file_name", "image_path", "file_path")

#: Largest supported file.
MEGABYTES = 64

#: Largest number of columns; each adds tests to the correction for multiple testing.
MOST_COLUMNS = 20

#: Largest number of distinct values of a text column.
MOST_VALUES = 100

_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}
_MISSING = ("", "na", "n/a", "nan", "none", "null", "-", "?")


@dataclass(frozen=True, eq=False)
class JoinedColumns:
    """User-defined columns of a run's faces.

    Attributes:
        frame: reference (unique, as in the run), then float columns with NaN and text columns with None for missing
            values.
        key: the column that identifies the faces.
        by_name: whether faces were matched by file name only, because no path matched.
        faces: number of faces of the run.
        rows: number of rows that match no face.
        left_out: column -> reason why it cannot be used.
    """

    frame: pd.DataFrame
    key: str
    by_name: bool
    faces: int
    rows: int
    left_out: dict[str, str]

    @property
    def columns(self) -> list[str]:
        return [name for name in self.frame if name != "reference"]

    def sentence(self) -> str:
        """Summary of joined columns, matched faces and left-out rows and columns."""
        names = ", ".join(f"'{name}'" for name in self.columns)
        how = "by file name" if self.by_name else "by path"
        text = f"{names} of {len(self.frame):,} of the run's {self.faces:,} faces, found {how} in the column '{self.key}'"
        if self.rows:
            text += f"; {self.rows:,} other {'row is' if self.rows == 1 else 'rows are'} about none of them"
        if self.left_out:
            text += "; left out: " + ", ".join(f"'{name}' ({why})" for name, why in self.left_out.items())
        return f"{text}."


def read_joined_columns(content: bytes, name: str, references: Sequence[str]) -> JoinedColumns:
    """Read the columns of a CSV file for the faces of a run.

    Encoding: UTF-8, with or without a byte order mark. Delimiter: comma, semicolon or tab, whichever gives the most
    columns in the header; with semicolons and tabs a decimal comma is supported. Faces are identified by the column in
    KEYS that matches the most faces: by the whole reference, or otherwise by a unique file name.

    Args:
        name: file name, for messages.
        references: references of all faces of the run.

    Raises:
        AffectoscopeError: the file cannot be parsed, matches no face, or has no usable column.
    """
    table, delimiter = _read(content, name)
    candidates = [column for column in table if column.strip().lower() in KEYS]
    if not candidates:
        raise AffectoscopeError(
            f"{name} has no column that identifies the faces, only {_quoted(table.columns)}; name one of them "
            f"{', '.join(KEYS[:4])} or {KEYS[4]}."
        )
    found = [(column, *_match(table[column], references)) for column in candidates]
    key, places, by_name = max(found, key=lambda each: (each[1] >= 0).sum())
    known = places >= 0
    if not known.any():
        raise AffectoscopeError(
            f"None of the run's {len(references):,} faces is in the column '{key}' of {name}, which has values such "
            f"as '{table[key].iloc[0]}'; expected values such as '{references[0]}'."
        )
    values = table[known].drop(columns=[key, "reference"], errors="ignore")
    values.insert(0, "reference", np.asarray(references, object)[places[known]])
    columns, left_out = _columns(_once(values, name), delimiter)
    if len(columns.columns) < 2:
        reasons = ", ".join(f"'{column}': {why}" for column, why in left_out.items()) or f"only '{key}'"
        raise AffectoscopeError(
            f"{name} has no column to compare faces by ({reasons}); expected one or "
            f"more with numbers, or with at most {MOST_VALUES} different values."
        )
    if len(columns.columns) - 1 > MOST_COLUMNS:
        raise AffectoscopeError(
            f"{name} has {len(columns.columns) - 1} columns; at most {MOST_COLUMNS} are compared at once, because "
            "each makes chance findings likelier: keep those that matter."
        )
    return JoinedColumns(columns, key, by_name, len(references), int((~known).sum()), left_out)


def _read(content: bytes, name: str) -> tuple[pd.DataFrame, str]:
    """Read all cells as stripped text; returns the table and its delimiter."""
    if not content.strip(b"\xef\xbb\xbf \t\r\n,;"):
        raise AffectoscopeError(f"{name} is empty; expected a header and one row per face.")
    if len(content) > MEGABYTES * 2**20:
        raise AffectoscopeError(
            f"{name} has {len(content) / 2**20:.0f} MB; at most {MEGABYTES} MB are supported: keep only the columns that "
            "matter."
        )
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise AffectoscopeError(
            f"{name} is not UTF-8 text (byte {error.start:,}); save it as 'CSV UTF-8' and upload it again."
        ) from error
    if b"\0" in content:
        raise AffectoscopeError(
            f"{name} is not a text file; save the table as 'CSV UTF-8' and upload it again."
        )
    content = content.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")
    if content[:4].lower() == b"sep=":  # delimiter line of spreadsheets
        content = content.partition(b"\n")[2]
    header = content.partition(b"\n")[0].decode("utf-8").rstrip("\r")
    delimiter = max(_DELIMITERS, key=header.count)
    as_text = dict.fromkeys(next(csv.reader([header], delimiter=delimiter)), pa.string())
    try:
        table = tables.read_csv(
            io.BytesIO(content),
            parse_options=tables.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=tables.ConvertOptions(column_types=as_text, strings_can_be_null=False),
        )
    except pa.ArrowInvalid as error:
        why = str(error).removeprefix("CSV parse error: ").split("\n")[0]
        raise AffectoscopeError(
            f"{name} cannot be parsed as a table separated by {_DELIMITERS[delimiter]} ({why[:120]}); every row needs as "
            "many cells as the header."
        ) from error
    names = [column.strip() for column in table.column_names]
    twice = sorted({column for column in names if names.count(column) > 1 and column})
    if twice:
        raise AffectoscopeError(f"{name} has the column '{twice[0]}' twice; rename one of them.")
    columns = {name: column for name, column in zip(names, table.columns, strict=True) if name}
    frame = pd.DataFrame(
        {name: column.to_pandas().astype("str").str.strip() for name, column in columns.items()}
    )
    if frame.empty:
        raise AffectoscopeError(f"{name} has a header but no rows; expected one row per face.")
    return frame, delimiter


def _match(column: pd.Series, references: Sequence[str]) -> tuple[np.ndarray, bool]:
    """(rows,) index of each row's face in the references, -1 for none; and whether matched by file name only."""
    paths = column.str.replace("\\", "/").str.removeprefix("./")
    places = pd.Index(references, dtype=object).get_indexer(paths.to_numpy(object))
    if (places >= 0).any():
        return places, False
    names = pd.Series(references, dtype="str").str.rpartition("/")[2]
    alone = ~names.duplicated(keep=False).to_numpy()
    of_alone = pd.Index(names[alone].to_numpy(object)).get_indexer(
        paths.str.rpartition("/")[2].to_numpy(object)
    )
    return np.where(of_alone >= 0, np.flatnonzero(alone)[of_alone] if alone.any() else -1, -1), True


def _once(values: pd.DataFrame, name: str) -> pd.DataFrame:
    """Drop duplicate rows; raises if a face has different values."""
    values = values.drop_duplicates(ignore_index=True)
    again = values["reference"].duplicated(keep=False)
    if again.any():
        face = values.loc[again, "reference"].iloc[0]
        first, second = (row for _, row in values[values["reference"] == face].iloc[:2].iterrows())
        column = next(column for column in values if first[column] != second[column])
        raise AffectoscopeError(
            f"{name} has different values for '{face}': '{column}' is '{first[column]}' and '{second[column]}'; keep one "
            "row per face."
        )
    return values


def _columns(values: pd.DataFrame, delimiter: str) -> tuple[pd.DataFrame, dict[str, str]]:
    """Convert columns to numbers or categories; returns them and the reasons why others are left out."""
    converted, left_out = {"reference": values["reference"]}, {}
    for name in values.columns[1:]:
        text = values[name].mask(values[name].str.lower().isin(_MISSING))
        numbers = text if delimiter == "," else text.str.replace(r"^([+-]?\d*),(\d+)$", r"\1.\2", regex=True)
        numbers = pd.to_numeric(numbers, errors="coerce").astype(float)
        different = text.nunique()
        if different == 0:
            left_out[name] = "empty for these faces"
        elif np.isfinite(numbers[text.notna()]).all():
            converted[name] = numbers
        elif different > MOST_VALUES:
            left_out[name] = f"{different:,} different values"
        else:
            converted[name] = text.astype(object).where(text.notna(), None)
    return pd.DataFrame(converted), left_out


def _quoted(names) -> str:
    names = [f"'{name}'" for name in names]
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
