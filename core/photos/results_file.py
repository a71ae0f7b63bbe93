"""The rows of `core.predict` on disk: kept photo by photo while it works, whole or absent under their name.

Rows first go to a part file beside the output, one JSON line per photo; what was cut off with the last line is
predicted again. At the end the part file becomes the output, a chunk of rows at a time, in one rename.
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
from core.runtime.files import replacing

SUFFIXES = (".csv", ".json", ".parquet")

#: Rows held at once when the output is written.
CHUNK = 5_000

_TEXTS = ("photo", "label", "abstained")


@dataclass
class PredictionFile:
    """An output that grows.

    Attributes:
        out: where the output will be.
        recipe: what decides the rows of a photo: the run, its network, --crops and the columns.
        done: names of the photos whose rows were there when it was opened.
        added: photos whose rows came since.
    """

    out: Path
    recipe: dict
    done: set[str]
    added: int = 0

    @property
    def part(self) -> Path:
        return part_path(self.out)

    def add(self, rows: list[dict]) -> None:
        """Keep one photo's rows.

        Raises:
            AffectoscopeError: the part file cannot be written.
        """
        with _named(self.part), open(self.part, "ab") as file:
            file.write(_line([[row[name] for name in self.recipe["columns"]] for row in rows]))
        self.added += 1

    def finish(self) -> None:
        """Turn the part file into the output; without a photo in it, the output is left as it was.

        Raises:
            AffectoscopeError: the output cannot be written; the part file is kept.
        """
        if self.done or self.added:
            with _named(self.out), replacing(self.out) as beside:
                _WRITERS[self.out.suffix.lower()](self._rows(), beside)
        self.part.unlink(missing_ok=True)

    def _rows(self) -> Iterator[dict]:
        for rows in _read_part(self.part):
            for row in rows:
                yield dict(zip(self.recipe["columns"], row, strict=True))


def part_path(out: Path) -> Path:
    return out.with_name(f"{out.name}.part")


def check_output(out: Path, *, resume: bool, overwrite: bool) -> None:
    """Find out before the work whether its result can be kept.

    Raises:
        AffectoscopeError: another suffix than SUFFIXES, no folder to write into, or an output is there that is
            neither to be gone on with nor to be replaced.
    """
    if out.suffix.lower() not in SUFFIXES:
        raise AffectoscopeError(
            f"--out {out} has no known format; expected a name ending in {', '.join(SUFFIXES)}."
        )
    if out.is_dir() or not out.absolute().parent.is_dir():
        raise AffectoscopeError(
            f"--out {out} cannot be written: it is a folder, or its folder does not exist."
        )
    if resume or overwrite:
        return
    if part_path(out).exists():
        raise AffectoscopeError(
            f"An interrupted output is there, {part_path(out)}; pass --resume to go on with it or --overwrite to "
            "begin anew."
        )
    if out.exists():
        raise AffectoscopeError(
            f"{out} exists already; pass --resume to add the photos that it lacks, --overwrite to replace it, or "
            "another name."
        )


def open_output(out: Path, recipe: dict, *, resume: bool) -> PredictionFile:
    """The output, begun anew, or with `resume` with the photos that its part file or itself has.

    A CSV whose last line was cut off is mended: the photo of that line, and the one before it, which may be the
    same, are predicted again. A finished output does not say which run wrote it; only its columns are compared.

    Raises:
        AffectoscopeError: what is there cannot be read, or was made with another run, network or --crops.
    """
    part = part_path(out)
    with _named(part):
        if resume and part.exists():
            return PredictionFile(out, recipe, _mend(part, recipe))
        found: Iterable[list[list]] = ()
        if resume and out.exists():
            found = _read_output(out, recipe["columns"])
        done = set()
        with replacing(part) as beside, open(beside, "wb") as file:
            file.write(_line(recipe))
            for rows in found:
                file.write(_line(rows))
                done.add(rows[0][0])
    return PredictionFile(out, recipe, done)


def _line(document) -> bytes:
    return json.dumps(document, ensure_ascii=False, allow_nan=False).encode() + b"\n"


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """An error of the file system becomes a sentence."""
    try:
        yield
    except OSError as error:
        raise AffectoscopeError(f"{path} cannot be written ({error.strerror or error}).") from error


def _mend(part: Path, recipe: dict) -> set[str]:
    """Cut off a half-written last line; the photos in what is left."""
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
                        f"{part} was begun with another run, network or --crops; pass --overwrite to begin anew, or "
                        "name another file."
                    )
            except (ValueError, LookupError, TypeError) as error:
                raise AffectoscopeError(
                    f"{part} is damaged in line {number + 1}; pass --overwrite to begin anew."
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
    """The rows of each photo of a finished output.

    Raises:
        AffectoscopeError: it has other columns or cannot be read.
    """
    try:
        rows = _READERS[out.suffix.lower()](out, columns)
        for _, group in groupby(rows, key=lambda row: row[0]):
            yield list(group)
    except (ValueError, LookupError, TypeError, pa.ArrowException) as error:
        raise AffectoscopeError(
            f"{out} cannot be gone on with: it is damaged or has other columns than this run gives; pass "
            "--overwrite to replace it, or name another file."
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
    """Without the rows of the last two photos: the half-written name may be a part of the one before."""
    waiting: list[list[list[str]]] = []
    for _, group in groupby(rows, key=lambda row: row[0] if row else ""):
        waiting.append(list(group))
        if len(waiting) > 2:
            yield from waiting.pop(0)


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
    """A list of objects, one to a line."""
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
