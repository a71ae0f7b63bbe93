"""Decode once: the faces of a dataset, cropped by the preprocessing, as one memory-mapped uint8 array.

A pack lies in the cache folder under a key made of the data, the preprocessing and the rows. Packing runs in
parallel, one process writes, and resumes where it was interrupted; a pack that does not fit is made again.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from core.data.face_table import FaceTable
from core.data.images import read_upright
from core.data.preprocessing import PreprocessingConfig, crop_face
from core.errors import AffectoscopeError
from core.metrics.predictions import BOX_COLUMNS
from core.runtime.cache import cache_folder
from core.runtime.executor import executor

#: Raised whenever the same image and preprocessing would give other pixels than before.
PACK_VERSION = 1

#: Rows that one task decodes; also the unit in which interrupted packing resumes.
CHUNK = 256

#: Below so many rows the workers would take longer to start than the rows to decode.
SERIAL_ROWS = 1024

#: Bytes that are written between two times of making sure that they are on disk.
SETTLED_BYTES = 16 * 2**20

_WAITING, _PACKED, _MISSING, _UNDECODABLE, _OUTSIDE = range(5)
REASONS = {
    _MISSING: "missing file",
    _UNDECODABLE: "undecodable image",
    _OUTSIDE: "box outside the image",
}


@dataclass(frozen=True)
class FacePack:
    """Cropped faces: `pack[rows]` is a (len(rows), size, size, channels) uint8 array read from disk.

    Attributes:
        images: the memory-mapped (N, size, size, channels) array of all rows, usable or not.
        positions: (n,) where each usable face lies in `images`.
    """

    images: np.ndarray
    positions: np.ndarray

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, rows) -> np.ndarray:
        return np.asarray(self.images[self.positions[rows]])

    def __getstate__(self) -> dict:
        """Pickled, a pack is the path of its file, which whoever loads it maps anew."""
        return {"path": os.path.abspath(self.images.filename), "positions": self.positions}

    def __setstate__(self, state: dict) -> None:
        images = np.lib.format.open_memmap(state["path"], mode="r")
        self.__dict__.update(images=images, positions=state["positions"])

    def select(self, rows: np.ndarray) -> "FacePack":
        return FacePack(self.images, self.positions[rows])


def pack_faces(
    table: FaceTable,
    preprocessing: PreprocessingConfig,
    *,
    workers: int | None = None,
    allow_empty: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[FaceTable, FacePack]:
    """The faces of `table` that can be decoded, and their pack, row by row.

    Faces that cannot be read, decoded or cropped are left out of both and rejected in the ledger of the table
    that is returned; that of `table` stays as it is.

    Args:
        workers: how many decode at once; default: one per core of the executor.
        allow_empty: return an empty table and pack where not one face could be packed.
        progress: called as progress(done, total) in rows.

    Raises:
        AffectoscopeError: not one face could be packed, and `allow_empty` is off.
    """
    folder = cache_folder() / "packs" / _key(table, preprocessing)
    images, state = _open(folder, len(table), preprocessing)
    waiting = [
        start for start in range(0, len(table), CHUNK) if (state[start : start + CHUNK] == _WAITING).any()
    ]
    if waiting:
        _fill(folder, table, preprocessing, waiting, state, workers, progress)
    ledger = table.ledger.copy()
    for code, reason in REASONS.items():
        for row in np.flatnonzero(state == code):
            ledger.reject(reason, table.faces["reference"].iloc[row])
    usable = np.flatnonzero(state == _PACKED)
    if not len(usable) and not allow_empty:
        raise AffectoscopeError(
            f"None of the {len(table):,} faces of {table.title} could be read: {ledger.sentence()}; "
            "check that the images lie where the annotations say."
        )
    return replace(table, ledger=ledger).select(usable), FacePack(images, usable)


def _key(table: FaceTable, preprocessing: PreprocessingConfig) -> str:
    """Name of the pack: a hash of rows, boxes, where they come from, the preprocessing and the version."""
    digest = hashlib.sha256(json.dumps([PACK_VERSION, preprocessing.as_dict(), _source(table)]).encode())
    rows = pd.util.hash_pandas_object(table.faces[["reference", *BOX_COLUMNS]], index=False)
    digest.update(rows.to_numpy().tobytes())
    return f"{table.name}-{preprocessing.colour}{preprocessing.size}-{digest.hexdigest()[:20]}"


def _source(table: FaceTable) -> list:
    """Path, size and times of what the images are read from; a folder's time changes with its files."""
    stamps = []
    single = getattr(table.read_image, "path", None)
    for path in [*([single] if single else []), *getattr(table.read_image, "paths", ())]:
        status = os.stat(path)
        stamps.append([str(path), status.st_size, status.st_mtime_ns])
    roots = [Path(root) for root in getattr(table.read_image, "roots", ())]
    if roots:
        folders = sorted({os.path.dirname(reference) for reference in table.faces["reference"]})
        for root in roots:
            times = [os.stat(root / folder).st_mtime_ns for folder in folders if (root / folder).is_dir()]
            stamps.append([str(root), len(times), hashlib.sha256(str(times).encode()).hexdigest()])
    return stamps


def _open(folder: Path, rows: int, preprocessing: PreprocessingConfig) -> tuple[np.memmap, np.memmap]:
    """The pack's arrays (faces, state per row), made anew unless both are there and fit."""
    shape = (rows, *preprocessing.shape)
    try:
        images = np.lib.format.open_memmap(folder / "faces.npy", mode="r")
        state = np.lib.format.open_memmap(folder / "state.npy", mode="r+")
        if (
            images.shape == shape
            and images.dtype == np.uint8
            and state.shape == (rows,)
            and state.max() <= _OUTSIDE
        ):
            return images, state
    except (OSError, ValueError):
        pass
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    needed = int(np.prod(shape))
    if needed > shutil.disk_usage(folder).free:
        raise AffectoscopeError(
            f"The face pack needs {needed / 2**30:.1f} GiB in {folder.parent} and there is less free; "
            "set AFFECTOSCOPE_CACHE to a folder on a larger disk, or pass a smaller --size or --limit."
        )
    images = np.lib.format.open_memmap(folder / "faces.npy", mode="w+", dtype=np.uint8, shape=shape)
    state = np.lib.format.open_memmap(folder / "state.npy", mode="w+", dtype=np.uint8, shape=(rows,))
    images.flush()
    state.flush()
    return np.lib.format.open_memmap(folder / "faces.npy", mode="r"), state


def _fill(folder, table, preprocessing, waiting, state, workers, progress) -> None:
    """Decode the waiting chunks and write them; each chunk's faces are on disk before its state says so."""
    total, face_bytes = len(table), int(np.prod(preprocessing.shape))
    done = int((state != _WAITING).sum())
    references = table.faces["reference"].to_numpy(dtype=object)
    boxes = table.faces[list(BOX_COLUMNS)].to_numpy(np.float32)
    chunks = ((references[start : start + CHUNK], boxes[start : start + CHUNK]) for start in waiting)
    if len(waiting) * CHUNK <= SERIAL_ROWS:
        workers = 1
    decoded = executor().map(partial(_decode_chunk, table.read_image, preprocessing), chunks, workers=workers)
    path = folder / "faces.npy"
    offset = np.load(path, mmap_mode="r").offset
    written: list[tuple[int, np.ndarray]] = []

    def settle() -> None:
        file.flush()
        os.fsync(file.fileno())
        for start, codes in written:
            state[start : start + len(codes)] = codes
        state.flush()
        written.clear()

    try:
        with open(path, "r+b") as file:
            try:
                for start, (faces, codes) in zip(waiting, decoded, strict=True):
                    file.seek(offset + start * face_bytes)
                    file.write(faces)
                    written.append((start, codes))
                    done += len(codes)
                    if len(written) * CHUNK * face_bytes >= SETTLED_BYTES:
                        settle()
                    if progress:
                        progress(min(done, total), total)
            finally:
                settle()
    except OSError as error:
        raise AffectoscopeError(
            f"The face pack in {folder} cannot be written ({error.strerror or error}); make room and start again, it "
            "goes on from there."
        ) from error


def _decode_chunk(
    read_image: Callable[[str], bytes],
    preprocessing: PreprocessingConfig,
    chunk: tuple[Sequence[str], np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """The (n, *preprocessing.shape) uint8 faces of (n references, their boxes), and their (n,) uint8 states."""
    references, boxes = chunk
    faces = np.zeros((len(references), *preprocessing.shape), np.uint8)
    codes = np.full(len(references), _PACKED, np.uint8)
    for row, (reference, box) in enumerate(zip(references, boxes, strict=True)):
        try:
            image = read_upright(read_image(reference))
        except OSError:
            codes[row] = _MISSING
            continue
        except AffectoscopeError:
            codes[row] = _UNDECODABLE
            continue
        try:
            faces[row] = crop_face(image, None if np.isnan(box).any() else tuple(box), preprocessing)
        except AffectoscopeError:
            codes[row] = _OUTSIDE
    return faces, codes
