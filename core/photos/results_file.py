"""Output file of `core.predict`, written incrementally and resumable.

Rows are first appended to a part file in the same folder, one JSON line per photo; an incomplete last line is dropped and
its photo predicted again. At the end the part file is converted to the output, chunk by chunk, and renamed.
"""

import csv
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import AffectoscopeError
from core.photos.results import as_table
from core.runtime.files import check_file_name, replacing

SUFFIXES = (".csv", ".json", ".parquet")

#: Rows held in memory when the output is written.
CHUNK = 5_000

_TEXTS = ("photo", "label", "abstained")


@dataclass
class PredictionFile:
    """An output file while it is written.

    Attributes:
        out: path of the output.
        recipe: settings that determine the rows of a photo: run, network, --crops and columns.
        done: names of the photos that the file contained when it was opened.
        added: number of photos added since.
    """

    out: Path
    recipe: dict
    done: set[str]
    added: int = 0

    @property
    def part(self) -> Path:
        return part_path(self.out)

    def add(self, rows: list[dict]) -> None:
        """Append the rows of one photo.

        Raises:
            AffectoscopeError: the part file cannot be written.
        """
        with _file_errors(self.part), open(self.part, "ab") as file:
            file.write(_line([[row[name] for name in self.recipe["columns"]] for row in rows]))
        self.added += 1

    def finish(self) -> None:
        """Convert the part file to the output; without photos the output is left unchanged.

        Raises:
            AffectoscopeError: the output cannot be written; the part file is kept.
        """
        if self.done or self.added:
            with _file_errors(self.out), replacing(self.out) as temporary:
                _WRITERS[self.out.suffix.lower()](self._rows(), temporary)
        self.part.unlink(missing_ok=True)

    def _rows(self) -> Iterator[dict]:
        for rows in _read_part(self.part):
            for row in rows:
                yield dict(zip(self.recipe["columns"], row, strict=True))


def part_path(out: Path) -> Path:
    return out.with_name(f"{out.name}.part")


def check_output(out: Path, *, resume: bool, overwrite: bool) -> None:
    """Check the output path before the predictions are computed.

    Raises:
        AffectoscopeError: the suffix is not one of SUFFIXES, the folder does not exist, or the output exists and
            neither `resume` nor `overwrite` is set.
    """
    check_file_name(out, SUFFIXES)
    if resume or overwrite:
        return
    if part_path(out).exists():
        raise AffectoscopeError(
            f"{part_path(out)}, the output of an interrupted run, exists; pass --resume to continue it or --overwrite to "
            "start again."
        )
    if out.exists():
        raise AffectoscopeError(
            f"{out} already exists; pass --resume to add missing photos, --overwrite to replace it, or "
            "another name."
        )


def open_output(out: Path, recipe: dict, *, resume: bool) -> PredictionFile:
    """Start the output, or with `resume` continue the part file or the finished output.

    If the last line of a CSV file is incomplete, its photo and the photo before it, which may be the same, are predicted
    again. A finished output does not record the run; only its columns are compared.

    Raises:
        AffectoscopeError: the existing file cannot be read, or was made with another run, network or --crops.
    """
    part = part_path(out)
    with _file_errors(part):
        if resume and part.exists():
            return PredictionFile(out, recipe, _repair_part(part, recipe))
        found: Iterable[list[list]] = ()
        if resume and out.exists():
            found = _read_output(out, recipe["columns"])
        done = set()
        with replacing(part) as temporary, open(temporary, "wb") as file:
            file.write(_line(recipe))
            for rows in found:
                file.write(_line(rows))
                done.add(rows[0][0])
    return PredictionFile(out, recipe, done)


def _line(document) -> bytes:
    return json.dumps(document, ensure_ascii=False, allow_nan=False).encode() + b"\n"


@contextmanager
def _file_errors(path: Path) -> Iterator[None]:
    """Raise OSError as AffectoscopeError."""
    try:
        yield
    except OSError as error:
        raise AffectoscopeError(f"{path} cannot be written ({error.strerror or error}).") from error


def _repair_part(part: Path, recipe: dict) -> set[str]:
    """Truncate an incomplete last line; returns the names of the photos in the remaining lines."""
    done, length = set(), 0
    with open(part, "rb") as file:
        for number, line in enumerate(file):
            if not line.endswith(b"\n"):
                break
            try:
                document = json.loads(line)
                if number:
                    done.add(document[0][0])
                elif document != recipe:
                    raise AffectoscopeError(
                        f"{part} was made with another run, network or --crops; pass --overwrite to start again, or "
                        "another file name."
                    )
            except (ValueError, LookupError, TypeError) as error:
                raise AffectoscopeError(
                    f"Line {number + 1} of {part} is damaged; pass --overwrite to start again."
                ) from error
            length += len(line)
    if not length:
        part.write_bytes(_line(recipe))
    else:
        os.truncate(part, length)
    return done


def _read_part(part: Path) -> Iterator[list[list]]:
    with open(part, "rb") as file:
        next(file)  # the recipe
        yield from map(json.loads, file)


def _read_output(out: Path, columns: list[str]) -> Iterator[list[list]]:
    """Read a finished output, grouped by photo.

    Raises:
        AffectoscopeError: the columns differ or the file cannot be read.
    """
    try:
        rows = _READERS[out.suffix.lower()](out, columns)
        for _, group in groupby(rows, key=lambda row: row[0]):
            yield list(group)
    except (ValueError, LookupError, TypeError, pa.ArrowException) as error:
        raise AffectoscopeError(
            f"{out} cannot be continued: it is damaged or its columns differ from those of this run; pass "
            "--overwrite to replace it, or another file name."
        ) from error


def _read_csv(out: Path, columns: list[str]) -> Iterator[list]:
    with open(out, "rb") as file:
        file.seek(max(os.path.getsize(out) - 1, 0))
        cut = file.read() != b"\n"
    with open(out, encoding="utf-8", newline="", errors="replace" if cut else "strict") as file:
        rows = csv.reader(file)
        if next(rows, None) != columns:
            raise ValueError("other columns")
        records = _all_but_last_photos(rows) if cut else rows
        for record in records:
            yield [_value(name, text) for name, text in zip(columns, record, strict=True)]


def _all_but_last_photos(rows: Iterator[list[str]]) -> Iterator[list[str]]:
    """Drop the rows of the last two photos: an incomplete name may be a prefix of the one before."""
    pending: list[list[list[str]]] = []
    for _, group in groupby(rows, key=lambda row: row[0] if row else ""):
        pending.append(list(group))
        if len(pending) > 2:
            yield from pending.pop(0)


def _value(name: str, text: str):
    if name in _TEXTS:
        return text if text or name == "abstained" else None
    return None if not text else int(text) if name == "face" else float(text)


def _read_json(out: Path, columns: list[str]) -> Iterator[list]:
    with open(out, encoding="utf-8") as file:
        for line in file:
            if line.strip() not in ("[", "]"):
                row = json.loads(line.strip().removesuffix(","))
                if list(row) != columns:
                    raise ValueError("other columns")
                yield list(row.values())


def _read_parquet(out: Path, columns: list[str]) -> Iterator[list]:
    with pq.ParquetFile(out) as file:
        if file.schema_arrow.names != columns:
            raise ValueError("other columns")
        for batch in file.iter_batches(CHUNK):
            for row in batch.to_pylist():
                yield list(row.values())


def _chunks(rows: Iterator[dict]) -> Iterator[list[dict]]:
    while chunk := list(islice(rows, CHUNK)):
        yield chunk


def _write_csv(rows: Iterator[dict], path: Path) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        for number, chunk in enumerate(_chunks(rows)):
            as_table(chunk).to_csv(file, index=False, header=not number, lineterminator="\n")


def _write_json(rows: Iterator[dict], path: Path) -> None:
    """A JSON array with one object per line."""
    with open(path, "w", encoding="utf-8") as file:
        for number, row in enumerate(rows):
            file.write(",\n" if number else "[\n")
            file.write(json.dumps(row, ensure_ascii=False, allow_nan=False))
        file.write("\n]\n")


def _write_parquet(rows: Iterator[dict], path: Path) -> None:
    writer = None
    try:
        for chunk in _chunks(rows):
            table = pa.Table.from_pandas(as_table(chunk), preserve_index=False)
            writer = writer or pq.ParquetWriter(path, table.schema)
            writer.write_table(table.cast(writer.schema))
    finally:
        if writer:
            writer.close()


_READERS = {".csv": _read_csv, ".json": _read_json, ".parquet": _read_parquet}
_WRITERS = {".csv": _write_csv, ".json": _write_json, ".parquet": _write_parquet}
