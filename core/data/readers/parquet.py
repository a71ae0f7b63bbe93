"""Parquet files with a column of images, as Hugging Face's data sets have them; RAF-DB is recognised by its file names.

The image is a struct of `bytes` and `path`. Class names come from the schema's metadata, key `huggingface`:
`{"info": {"features": {"label": {"_type": "ClassLabel", "names": ["angry", ...]}}}}`.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from core.data.face_table import FaceTable, Ledger, as_face_frame
from core.data.readers import rafdb
from core.data.readers.attributes import comparable_attributes
from core.data.readers.folders import SPLITS
from core.data.readers.listing import is_within
from core.data.readers.spec import DatasetSpec, Layout, Source, register
from core.data.readers.storage import LARGEST_IMAGE, OUTSIDE
from core.errors import AffectoscopeError
from core.label_orders import LabelOrder, read_labels

#: Names of the column with the label, the first that is there.
LABEL_COLUMNS = ("label", "labels", "emotion", "expression", "class", "target")

#: Row groups are read whole: larger ones are no images of faces.
_LARGEST_GROUP = 8 * 2**30

_REFERENCE = re.compile(r"(?P<file>.*\.parquet)/(?P<row>\d+)(?:/.*)?$", re.IGNORECASE)


@dataclass(frozen=True)
class _Schema:
    """Columns of a parquet file.

    Attributes:
        image, label: names of the columns.
        names: class names of each column that has them; those of the label may be missing.
        others: further columns of numbers, texts or truth values.
    """

    image: str
    label: str
    names: dict[str, tuple[str, ...]]
    others: tuple[str, ...]


class ParquetImages:
    """Reads `<file>.parquet/<row>/<name>`. Holds no handle: threads and processes may share it.

    Attributes:
        root: folder that the references are relative to.
        files: parquet files in it, relative to it.
        column: name of the column of images.
    """

    def __init__(self, root: str | os.PathLike, files: tuple[str, ...], column: str):
        self.root, self.files, self.column = os.fspath(root), files, column

    @property
    def paths(self) -> list[str]:
        return [os.path.join(self.root, file) for file in self.files]

    def __call__(self, reference: str) -> bytes:
        match = _REFERENCE.match(reference)
        if match is None or match["file"] not in self.files:
            raise OSError(f"{reference} is no row of {len(self.files):,} parquet files in {self.root}")
        path = os.path.join(self.root, match["file"])
        try:
            time = os.stat(path).st_mtime_ns
            starts = _group_starts(path, time)
            row = int(match["row"])
            group = int(np.searchsorted(starts, row, side="right")) - 1
            image = _read_group(path, time, group, self.column)[row - int(starts[group])].as_py()
        except (pa.ArrowException, IndexError) as error:
            raise OSError(f"{reference} in {self.root}: {error}") from error
        if not image or len(image) > LARGEST_IMAGE:
            raise OSError(f"{reference} has no image, or one larger than {LARGEST_IMAGE // 2**20} MiB")
        return image


@lru_cache(maxsize=512)
def _group_starts(path: str, time: int) -> np.ndarray:
    """First row of each row group of the file as it was modified at `time`."""
    metadata = pq.read_metadata(path)
    rows = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
    return np.concatenate([[0], np.cumsum(rows)])[:-1]


@lru_cache(maxsize=2)  # rows are read in order
def _read_group(path: str, time: int, group: int, column: str) -> pa.Array:
    """The encoded images of a row group of the file as it was modified at `time`."""
    with pq.ParquetFile(path) as file:
        if file.metadata.row_group(group).total_byte_size > _LARGEST_GROUP:
            raise OSError(f"{path}: a row group is larger than {_LARGEST_GROUP // 2**30} GiB")
        images = file.read_row_group(group, columns=[f"{column}.bytes"])[column]
        return pc.struct_field(images.combine_chunks(), "bytes")


def read_schema(path: Path) -> _Schema | None:
    """The columns of a parquet file of labelled images; None for any other file."""
    try:
        schema = pq.read_schema(path)
    except (OSError, pa.ArrowException):
        return None
    image = next(
        (
            each.name
            for each in schema
            if pa.types.is_struct(each.type) and each.type.get_field_index("bytes") >= 0
        ),
        None,
    )
    label = next((name for name in LABEL_COLUMNS if name in schema.names), None)
    if image is None or label is None:
        return None
    try:
        features = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
        names = {
            name: tuple(map(str, each["names"]))
            for name, each in features.items()
            if isinstance(each, dict) and isinstance(each.get("names"), list)
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        names = {}
    plain = (
        pa.types.is_integer,
        pa.types.is_floating,
        pa.types.is_string,
        pa.types.is_large_string,
        pa.types.is_boolean,
    )
    others = tuple(
        each.name
        for each in schema
        if each.name not in (image, label) and any(is_plain(each.type) for is_plain in plain)
    )
    return _Schema(image, label, names, others)


def find_files(source: Source) -> list[Path]:
    """The parquet files of labelled images, sorted."""
    if source.is_zip:
        return []
    files = [file for file in source.files if file.suffix.lower() == ".parquet"]
    return sorted(file for file in files if read_schema(file))


def open_parquet(
    files: list[Path],
    root: Path,
    *,
    label_order: LabelOrder | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> FaceTable:
    """The faces of the files, which lie in `root`; further columns whose groups can be compared are their attributes.

    The split is in the file's name (train-00000-of-00002.parquet) or the name of a folder above it, else empty. A face's
    reference is `<file>/<row>/<name of its image>`.

    Raises:
        AffectoscopeError: the files' columns differ, no row is usable, or the labels are numbers and nothing says whose.
    """
    schema = read_schema(files[0])
    columns = [schema.label, *schema.others]
    ledger, names, parts, root = Ledger(), [], [], root.absolute()
    for done, file in enumerate(files):
        name = file.absolute().relative_to(root).as_posix()
        if not is_within(file, os.path.realpath(root)):
            ledger.read += 1
            ledger.reject(OUTSIDE, name)
            continue
        if read_schema(file) != schema:
            raise AffectoscopeError(
                f"{file} has other columns or class names than {files[0].name}; pass a folder of one data set."
            )
        names.append(name)
        parts.append(_read_rows(file, name, schema, columns))
        if progress:
            progress(done + 1, len(files))
    rows = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*columns, "reference"])
    codes, note = read_labels(
        Counter(rows[schema.label].dropna()), label_order, f"{root} has labels without names,"
    )
    ledger.read += len(rows)
    known = rows[schema.label].isin(list(codes)).to_numpy()
    whole = rows["whole"].to_numpy(bool) if len(rows) else known
    for reference in rows["reference"][~known]:
        ledger.reject("unknown label", reference)
    for reference in rows["reference"][known & ~whole]:
        ledger.reject("no image in the row", reference)
    used = rows[known & whole].reset_index(drop=True)
    if not len(used):
        raise AffectoscopeError(
            f"{root} has no usable row: {ledger.sentence()}. Expected a struct of bytes and path in '{schema.image}' and a "
            f"label in '{schema.label}'."
        )
    faces = as_face_frame(
        {
            "reference": used["reference"].tolist(),
            "expression": [codes[label] for label in used[schema.label]],
            "split": used["split"].tolist(),
        }
    )
    named = sum(bool(rafdb.FACE.match(name.rpartition("/")[2])) for name in faces["reference"])
    spec = rafdb.SPEC if 2 * named > len(faces) else SPEC
    return FaceTable(
        name=spec.name,
        title=f"{spec.title if spec is not SPEC else root.stem} (parquet)",
        faces=faces,
        ledger=ledger,
        read_image=ParquetImages(root, tuple(names), schema.image),
        note=f"{spec.note} {note}".strip(),
        attributes=comparable_attributes(used[list(schema.others)]) if schema.others else None,
    )


def _read_rows(file: Path, name: str, schema: _Schema, columns: list[str]) -> pd.DataFrame:
    """Labels (texts) and further columns of a file's rows, with their reference, split, and whether there is an image.

    Raises:
        AffectoscopeError: the file is damaged.
    """
    try:
        with pq.ParquetFile(file) as opened:
            table = opened.read(columns=[*columns, f"{schema.image}.path"])
        has_image = _has_image(file, schema.image)
    except (OSError, pa.ArrowException) as error:
        raise AffectoscopeError(f"{file} cannot be read as parquet ({error}).") from error
    paths = [None] * table.num_rows
    if schema.image in table.column_names:  # images without paths have none of it
        paths = [image and image.get("path") for image in table[schema.image].to_pylist()]
    frame = pd.DataFrame({column: _named(table[column], schema.names.get(column, ())) for column in columns})
    frame[schema.label] = frame[schema.label].map(str, na_action="ignore")
    frame["reference"] = [
        f"{name}/{row}/{os.path.basename(path.replace(chr(92), '/'))}" if path else f"{name}/{row}"
        for row, path in enumerate(paths)
    ]
    frame["split"] = _split(name)
    frame["whole"] = has_image
    return frame


def _has_image(file: Path, column: str) -> np.ndarray:
    """(rows,) bool; reads only row groups of whose images the statistics do not say that all are there."""
    metadata, whole = pq.read_metadata(file), []
    leaves = [metadata.schema.column(place).path for place in range(metadata.num_columns)]
    leaf = leaves.index(f"{column}.bytes")
    for group in range(metadata.num_row_groups):
        about = metadata.row_group(group)
        statistics = about.column(leaf).statistics
        if statistics is not None and statistics.has_null_count and not statistics.null_count:
            whole.append(np.ones(about.num_rows, bool))
        else:
            whole.append(
                _read_group(str(file), file.stat().st_mtime_ns, group, column)
                .is_valid()
                .to_numpy(zero_copy_only=False)
            )
    return np.concatenate(whole) if whole else np.zeros(0, bool)


def _named(column: pa.ChunkedArray, names: tuple[str, ...]) -> list:
    """Values of a column; class names in place of their numbers where there are some."""
    values = column.to_pylist()
    if not names or not pa.types.is_integer(column.type):
        return values
    return [names[value] if value is not None and 0 <= value < len(names) else None for value in values]


def _split(name: str) -> str:
    """Split in the path of a file: that of its name, or of a folder above it."""
    *folders, stem = os.path.splitext(name)[0].lower().split("/")
    for part in (re.split(r"[-_.]", stem)[0], *reversed(folders)):
        if part in SPLITS:
            return SPLITS[part]
    return ""


def _open(source: Source) -> FaceTable | None:
    files = find_files(source)
    if not files:
        return None
    root = source.path if source.path.is_dir() else source.path.parent
    return open_parquet(files, root, label_order=source.label_order, progress=source.progress)


SPEC = register(
    DatasetSpec(
        name="parquet",
        title="Parquet",
        layouts=(
            Layout(
                "parquet",
                "parquet files with a column of images and class names in their metadata, as Hugging Face's have them",
                lambda source: bool(find_files(source)),
                _open,
                numbered=True,
                labels="the class names in the metadata, or --label-order",
            ),
        ),
    )
)
