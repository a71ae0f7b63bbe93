"""AffectNet as released in 2021: aligned 224x224 faces, and four little .npy files for each.

    train_set/images/<id>.jpg    train_set/annotations/<id>_exp.npy, _val.npy, _aro.npy, _lnd.npy

Both sets number their faces from 0, so a face is named by its path, never by its id alone.
"""

import hashlib
import io
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from core.data.face_table import FaceTable, Ledger, as_face_frame
from core.data.readers import affectnet2017
from core.data.readers.listing import IMAGE_SUFFIXES, FolderContents, is_hidden, shallow_folders
from core.data.readers.spec import Layout, Source, register
from core.data.readers.storage import OUTSIDE, FolderImages
from core.errors import AffectoscopeError
from core.labels import EXPRESSIONS
from core.runtime.cache import cache_folder
from core.runtime.files import replacing

POINTS = 68
SCALARS = {"exp": "expression", "val": "valence", "aro": "arousal"}

NO_ANNOTATION = "missing annotation"
BAD_ANNOTATION = "unreadable annotation"

_TOGETHER = 1024  # faces handed to a thread at a time
_CACHE_VERSION = 1
_LARGEST_NPY = 2**16


def find_sets(path: Path) -> list[Path]:
    """Folders at `path` or a few levels below that hold `images` and `annotations`, test sets first."""
    sets = []
    for folder, folders, _ in shallow_folders(path, deepest=3):
        if {"images", "annotations"} <= set(folders) and _has_annotations(folder / "annotations"):
            sets.append(folder)
            folders.clear()  # which hold several files for each face and no other set
    return sorted(sets, key=lambda folder: (_split(folder) != "test", folder))


def _has_annotations(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(entry.name.endswith(".npy") for entry in entries)
    except OSError:
        return False


def _split(folder: Path) -> str:
    name = folder.name.lower()
    if "train" in name:
        return "train"
    return "test" if "val" in name or "test" in name else ""


def open_sets(path: Path, *, progress: Callable[[int, int], None] | None = None) -> FaceTable:
    """AffectNet 2021 below `path`: train_set becomes split "train", val_set "test".

    A face's reference is its path from the folder above the sets, such as 'train_set/images/123.jpg'. The
    image is the face, so boxes are missing; landmarks are in its pixels, NaN where absent or damaged.
    Annotations are kept in a cache, and read again once files came to or left their folder.

    Raises:
        AffectoscopeError: no such folders are found, or no face of theirs is usable.
    """
    sets = find_sets(path)
    if not sets:
        raise AffectoscopeError(
            f"{path} has no AffectNet 2021 set: looked a few folders deep for one that holds images and "
            "annotations (such as 0_exp.npy). Pass the folder that holds train_set and val_set."
        )
    root = Path(os.path.commonpath([os.path.abspath(folder.parent) for folder in sets]))
    ledger, parts, landmarks = Ledger(), [], []
    for folder in sets:
        contents = FolderContents(folder, within=path)
        annotations, points = read_annotations(folder, contents, progress=progress)
        names, rows = _usable(folder.name, contents, annotations, ledger)
        below = Path(os.path.abspath(folder)).relative_to(root).as_posix()
        columns = {name: annotations[name].to_numpy()[rows] for name in SCALARS.values()}
        for name in ("valence", "arousal"):  # -2: not annotated
            columns[name] = np.where(np.abs(columns[name]) <= 1, columns[name], np.nan)
        columns |= {"reference": [f"{below}/images/{name}" for name in names], "split": _split(folder)}
        parts.append(as_face_frame(columns))
        landmarks.append(points[rows])
    faces = pd.concat(parts, ignore_index=True)
    if not len(faces):
        raise AffectoscopeError(
            f"{path} has no usable face: {ledger.sentence()}. Expected images/<id>.jpg, and "
            "<id>_exp.npy, <id>_val.npy and <id>_aro.npy in the annotations folder beside images."
        )
    return FaceTable(
        name=SPEC.name,
        title=f"{SPEC.title} (aligned faces)",
        faces=faces,
        ledger=ledger,
        read_image=FolderImages(root),
        landmarks=np.concatenate(landmarks),
        note=SPEC.note if "test" in set(faces["split"]) else "",
    )


def _usable(
    set_name: str, contents: FolderContents, annotations: pd.DataFrame, ledger: Ledger
) -> tuple[list[str], np.ndarray]:
    """File names of the usable faces and their rows in `annotations`; the others go to the ledger."""
    inside, outside = contents.names("images")
    row_of = {face: row for row, face in enumerate(annotations["id"])}
    problems, expressions = annotations["problem"].tolist(), annotations["expression"].tolist()
    codes = set(range(len(EXPRESSIONS)))
    images: dict[str, list[str]] = {}
    for name in inside | outside:
        face, suffix = os.path.splitext(name)
        if suffix.lower() in IMAGE_SUFFIXES and not is_hidden(name):
            images.setdefault(face, []).append(name)
    names, rows = [], []
    for face in sorted(row_of.keys() | images.keys(), key=lambda face: (len(face), face)):
        first, *others = sorted(images.get(face, [f"{face}.jpg"]))
        ledger.read += 1 + len(others)
        for name in others:
            ledger.reject("duplicate row", f"{set_name}/images/{name}")
        row = row_of.get(face)
        problem = contents.problem(f"images/{first}")
        problem = problem or (NO_ANNOTATION if row is None else problems[row])
        if not problem and expressions[row] not in codes:
            problem = "unknown label"
        if problem:
            ledger.reject(problem, f"{set_name}/images/{first}")
        else:
            names.append(first)
            rows.append(row)
    return names, np.array(rows, np.int64)


def read_annotations(
    folder: Path, contents: FolderContents, *, progress: Callable[[int, int], None] | None = None
) -> tuple[pd.DataFrame, np.ndarray]:
    """The annotations of one set, from the cache where it is still true.

    Returns:
        A frame of id, expression, valence, arousal (as annotated: -2 stays) and problem (why the face is
        unusable, or ""), and (n, 68, 2) float32 landmarks.
    """
    inside, outside = contents.names("annotations")
    place = os.path.realpath(folder / "annotations")
    state = [_CACHE_VERSION, place, len(inside) + len(outside), os.stat(place).st_mtime_ns]
    cached = cache_folder() / f"affectnet-2021-{hashlib.sha256(place.encode()).hexdigest()[:16]}.parquet"
    try:
        table = pq.read_table(cached)
        if json.loads(table.schema.metadata[b"state"]) == state:
            points = table.column("landmarks").combine_chunks().values.to_numpy()
            return table.drop_columns("landmarks").to_pandas(), points.reshape(-1, POINTS, 2)
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError):
        pass  # absent, cut short or from another version: made anew below
    annotations, points = _read_files(place, inside, outside, progress)
    table = pa.Table.from_pandas(annotations, preserve_index=False)
    table = table.append_column("landmarks", pa.FixedSizeListArray.from_arrays(points.ravel(), POINTS * 2))
    with suppress(OSError), replacing(cached) as beside:  # a full or read-only disk costs time, nothing else
        pq.write_table(table.replace_schema_metadata({"state": json.dumps(state)}), beside)
    return annotations, points


def _read_files(
    place: str, inside: set[str], outside: set[str], progress: Callable[[int, int], None] | None
) -> tuple[pd.DataFrame, np.ndarray]:
    kinds = (*SCALARS, "lnd")
    split = [name.removesuffix(".npy").rpartition("_") for name in inside | outside if name.endswith(".npy")]
    faces = sorted({face for face, _, kind in split if kind in kinds}, key=lambda face: (len(face), face))
    scalars = np.full((len(faces), len(SCALARS)), np.nan, np.float32)
    points = np.full((len(faces), POINTS * 2), np.nan, np.float32)
    problems = [""] * len(faces)

    def read(start: int) -> int:
        stop = min(start + _TOGETHER, len(faces))
        for row in range(start, stop):
            files = [f"{faces[row]}_{kind}.npy" for kind in kinds]
            if any(file in outside for file in files):
                problems[row] = OUTSIDE
            elif any(file not in inside for file in files[:-1]):
                problems[row] = NO_ANNOTATION
            else:
                try:
                    scalars[row] = [read_npy(f"{place}/{file}").item() for file in files[:-1]]
                except (OSError, ValueError):
                    problems[row] = BAD_ANNOTATION
                try:
                    if files[-1] in inside:
                        points[row] = read_npy(f"{place}/{files[-1]}").ravel()
                except (OSError, ValueError):
                    points[row] = np.nan
        return stop

    with ThreadPoolExecutor(8) as threads:  # on network disks the waiting, not the reading, takes time
        for stop in threads.map(read, range(0, len(faces), _TOGETHER)):
            if progress:
                progress(stop, len(faces))
    columns = {"id": faces} | {name: scalars[:, at] for at, name in enumerate(SCALARS.values())}
    return pd.DataFrame(columns | {"problem": problems}), points.reshape(-1, POINTS, 2)


def read_npy(path: str) -> np.ndarray:
    """The numbers of a small .npy file, strings such as '3' or '-0.25' among them, as float64.

    What np.load(path, allow_pickle=False) does, four times as fast: one header serves many files.

    Raises:
        ValueError: it is no .npy file, holds pickled objects, is cut short, or holds no numbers.
        OSError: it cannot be read.
    """
    with open(path, "rb", buffering=0) as file:
        content = file.read(_LARGEST_NPY)
    if not content.startswith(b"\x93NUMPY"):
        raise ValueError(f"{path} is no .npy file")
    if content[6:8] != b"\x01\x00":
        return np.load(io.BytesIO(content), allow_pickle=False).astype(np.float64)
    start = 10 + int.from_bytes(content[8:10], "little")
    shape, dtype = _npy_header(content[8:start])
    return np.frombuffer(content, dtype, offset=start).reshape(shape).astype(np.float64)


@lru_cache(maxsize=1024)
def _npy_header(header: bytes) -> tuple[tuple[int, ...], np.dtype]:
    shape, _, dtype = np.lib.format.read_array_header_1_0(io.BytesIO(header))
    if dtype.hasobject:
        raise ValueError("pickled objects are never loaded")
    return shape, dtype


def _open(source: Source) -> FaceTable | None:
    return open_sets(source.path, progress=source.progress) if source.path.is_dir() else None


SPEC = register(
    replace(
        affectnet2017.SPEC,
        name="affectnet-2021",
        title="AffectNet 2021",
        layouts=(
            Layout(
                "affectnet-2021",
                "train_set and val_set, each with images and annotations",
                lambda source: bool(find_sets(source.path)),
                _open,
                precedence=1,  # others would list its million annotation files
                labels="AffectNet's codes in the files *_exp.npy",
            ),
        ),
        official={"test": "AffectNet's validation set (it has no public test set)"},
        published={"train": 287_651, "test": 3_999},
        published_labels={
            "train": dict(
                zip(EXPRESSIONS, (74_874, 134_415, 25_459, 14_090, 6_378, 3_803, 24_882, 3_750), strict=False)
            ),
        },
        boxes=False,
    )
)
