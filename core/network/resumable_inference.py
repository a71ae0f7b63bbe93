"""Outputs of a run's network for the faces of a pack, saved while they are computed, so that an interrupted call goes on."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from core.data.face_pack import FacePack
from core.errors import AffectoscopeError
from core.network.outputs import Outputs
from core.runs.catalogue import open_run
from core.runs.run import Run
from core.runs.test_time_augmentation import TestTimeAugmentation
from core.runtime.cache import cache_folder
from core.runtime.environment import quiet_tensorflow
from core.runtime.executor import executor
from core.runtime.files import network_digest

#: Faces that are answered at once and kept as one; whole batches of core.network.inference.
PIECE = 2048


@contextmanager
def predict_resumable(
    run: Run,
    pack: FacePack,
    tta: TestTimeAugmentation,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Outputs]:
    """Every output of the run's network, its embedding among them, for every face of a pack, read from disk.

    Args:
        tta: averages every output over copies of each face.

    Yields:
        name -> (n, ...) float32, of the embedding float16. They lie in the cache folder, and are deleted when the
        block ends well; else the next call for the same network, faces and augmentation goes on with them.

    Raises:
        AffectoscopeError: the network cannot be loaded, or the answers not be kept.
    """
    folder = cache_folder() / "answers" / _key(run, pack, tta)
    try:
        yield _predict_missing(folder, run, pack, tta, progress)
    except OSError as error:
        raise AffectoscopeError(
            f"The answers in {folder} cannot be kept ({error.strerror or error}); make room and start again, it goes "
            "on from there."
        ) from error
    shutil.rmtree(folder, ignore_errors=True)


def _key(run: Run, pack: FacePack, tta: TestTimeAugmentation) -> str:
    digest = hashlib.sha256(json.dumps([network_digest(run.path), str(pack.images.filename), tta]).encode())
    digest.update(pack.positions.tobytes())
    return digest.hexdigest()[:24]


def _predict_missing(
    folder: Path, run: Run, pack: FacePack, tta: TestTimeAugmentation, progress: Callable | None
) -> Outputs:
    folder.mkdir(parents=True, exist_ok=True)
    pieces = [(start, min(start + PIECE, len(pack))) for start in range(0, len(pack), PIECE)]
    done = _read_state(folder, len(pieces))
    lacking = [piece for piece, there in zip(pieces, done, strict=True) if not there]
    answered = sum(stop - start for start, stop in pieces) - sum(stop - start for start, stop in lacking)
    load = partial(_load, run.path, pack, tta)
    for (start, stop), outputs in zip(lacking, executor().stream(load, lacking, chunk_size=1), strict=True):
        for name, values in outputs.items():
            _write(folder / f"{name}.npy", (len(pack), *values.shape[1:]), start, values)
        done[start // PIECE] = True
        _write(folder / "state.npy", done.shape, 0, done)
        answered += stop - start
        if progress:
            progress(answered, len(pack))
    return {path.stem: np.load(path, mmap_mode="r") for path in folder.glob("*.npy") if path.stem != "state"}


def _read_state(folder: Path, pieces: int) -> np.ndarray:
    """(pieces,) bool: which were answered."""
    try:
        state = np.load(folder / "state.npy", allow_pickle=False)
        if state.shape == (pieces,) and state.dtype == bool:
            return state
    except (OSError, ValueError, EOFError):
        pass
    return np.zeros(pieces, bool)


def _write(path: Path, shape: tuple[int, ...], start: int, rows: np.ndarray) -> None:
    """Rows of an array on disk from `start` on, the file made when there is none of that shape."""
    try:
        there = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        there = None
    if there is None or there.shape != shape or there.dtype != rows.dtype:
        beside = path.with_name(f".{path.name}.{os.getpid()}.new")
        there = np.lib.format.open_memmap(beside, mode="w+", dtype=rows.dtype, shape=shape)
        os.replace(beside, path)
    with open(path, "r+b") as file:
        file.seek(there.offset + start * there.strides[0])
        file.write(np.ascontiguousarray(rows))


def _load(
    path: Path, pack: FacePack, tta: TestTimeAugmentation
) -> Callable[[Iterable[tuple[int, int]]], Iterator[Outputs]]:
    with quiet_tensorflow():
        from core.network.inference import run_network, with_embedding

        network = with_embedding(open_run(path).load_model())

    def answer(pieces: Iterable[tuple[int, int]]) -> Iterator[Outputs]:
        for start, stop in pieces:
            yield run_network(network, pack.select(slice(start, stop)), tta=tta)

    return answer
