"""The CSV lists of AffectNet 2017: found by their content, read some thousand rows at a time."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from core.data.face_table import Ledger
from core.data.readers.listing import IMAGE_SUFFIXES, shallow_folders
from core.errors import AffectoscopeError

HEADER = (
    "subDirectory_filePath", "face_x", "face_y", "face_width", "face_height",
    "facial_landmarks", "expression", "valence", "arousal",
)  # fmt: skip
POINTS = 68

_BLOCK = 8 * 2**20
_NULLS = pa.array(["", "NULL", "null", "None", "nan", "NaN"])


@dataclass(frozen=True)
class AnnotationList:
    """One CSV of annotations; `columns` are those of the file in its order, in HEADER's spelling."""

    path: Path
    columns: tuple[str, ...]
    has_header: bool
    split: str
    automatic: bool


def find_lists(path: Path) -> list[AnnotationList]:
    """The annotation lists in a folder or a few levels below it, those that report (test) first."""
    lists = []
    for folder, _, names in shallow_folders(path):
        for name in names:
            if name.lower().endswith((".csv", ".txt")) and (found := read_header(folder / name)):
                lists.append(_describe(folder / name, *found, is_root=folder == path))
    return sorted(lists, key=lambda each: (each.automatic, each.split != "test"))


def read_header(path: Path) -> tuple[tuple[str, ...], bool] | None:
    """(columns, whether a header names them) of an annotation list; None for any other file."""
    try:
        with open(path, "rb") as file:
            line = file.readline(2**16).removeprefix(b"\xef\xbb\xbf").decode("latin-1")
    except OSError:
        return None
    fields = [field.strip(' "\t\r\n') for field in line.split(",")]
    spelling = {name.lower(): name for name in HEADER}
    columns = tuple(spelling.get(field.lower(), field) for field in fields)
    if set(HEADER) <= set(columns):
        return columns, True
    is_row = len(fields) == len(HEADER) and os.path.splitext(fields[0])[1].lower() in IMAGE_SUFFIXES
    return (HEADER, False) if is_row and ";" in fields[5] else None


def _describe(path: Path, columns: tuple[str, ...], has_header: bool, *, is_root: bool) -> AnnotationList:
    stem = path.stem.lower()
    automatic = "auto" in stem or (not is_root and "auto" in path.parent.name.lower())
    if "val" in stem or "test" in stem:
        split = "test"
    else:
        split = "train" if automatic or "train" in stem else ""
    return AnnotationList(path, columns, has_header, split, automatic)


def count_lines(path: Path) -> int:
    """No fewer than the rows of the list."""
    with open(path, "rb") as file:
        return 1 + sum(block.count(b"\n") for block in iter(lambda: file.read(2**22), b""))


def read_batches(each: AnnotationList, ledger: Ledger) -> Iterator[dict[str, pa.Array]]:
    """The list's rows as text, some thousands at a time; rows of another width go to the ledger."""

    def reject(row: csv.InvalidRow) -> str:
        ledger.read += 1
        ledger.reject("unreadable row", f"{each.path.name}: {(row.text or '')[:60]}")
        return "skip"

    try:
        reader = csv.open_csv(
            each.path,
            # Latin-1 decodes any byte: one damaged name costs one row, not the run.
            read_options=csv.ReadOptions(
                use_threads=False,
                block_size=_BLOCK,
                encoding="latin-1",
                column_names=list(each.columns),
                skip_rows=int(each.has_header),
            ),
            # Quotes are trimmed afterwards: an unclosed one would swallow the rows after it.
            parse_options=csv.ParseOptions(quote_char=False, invalid_row_handler=reject),
            convert_options=csv.ConvertOptions(
                column_types={name: pa.string() for name in each.columns}, include_columns=list(HEADER)
            ),
        )
        for batch in reader:
            ledger.read += batch.num_rows
            yield {name: pc.utf8_trim(batch.column(name), characters=' "\t\r') for name in HEADER}
    except pa.ArrowInvalid as error:
        # What Arrow says of a list that holds its header and no row, or nothing.
        if not any(words in str(error) for words in ("Empty CSV", "Could not skip initial")):
            raise AffectoscopeError(f"{each.path} cannot be read as a table: {error}.") from error


def read_references(column: pa.Array) -> list[str]:
    """Paths with forward slashes, in UTF-8 where the list was."""
    references = pc.replace_substring(column, "\\", "/").to_pylist()
    if not pc.all(pc.string_is_ascii(column)).as_py():
        references = [name.encode("latin-1").decode("utf-8", "replace") for name in references]
    return references


def read_numbers(text: pa.Array) -> np.ndarray:
    """(rows,) float64; NaN for NULL and for whatever is no finite number."""
    known = pc.if_else(pc.is_in(text, _NULLS), pa.scalar(None, pa.string()), text)
    try:
        numbers = known.cast(pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        numbers = pd.to_numeric(known.to_pandas(), errors="coerce").to_numpy(np.float64, na_value=np.nan)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def read_landmarks(column: pa.Array) -> np.ndarray:
    """(rows, 136) float32; a row that is not 136 numbers is all NaN."""
    parts = pc.split_pattern(column, ";")
    whole = pc.equal(pc.list_value_length(parts), POINTS * 2).to_numpy(zero_copy_only=False)
    text = pc.list_flatten(parts.filter(pa.array(whole)))
    try:
        values = text.cast(pa.float32()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        values = pd.to_numeric(text.to_pandas(), errors="coerce").to_numpy(np.float32, na_value=np.nan)
    values = values.reshape(-1, POINTS * 2)
    landmarks = np.full((len(column), POINTS * 2), np.nan, np.float32)
    landmarks[whole] = np.where(np.isfinite(values).all(axis=1, keepdims=True), values, np.nan)
    return landmarks
