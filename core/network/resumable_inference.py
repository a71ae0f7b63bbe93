"""Resumable inference: outputs are saved to the cache while they are computed."""

import hashlib
import json
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
from core.runtime.files import network_digest, replacing

#: Faces per saved chunk; a multiple of the batch size of core.network.inference.
CHUNK_SIZE = 2048


@contextmanager
def predict_resumable(
    run: Run,
    pack: FacePack,
    tta: TestTimeAugmentation,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Outputs]:
    """Compute every output of the run's network, including its embedding, for every face of a pack.

    Args:
        tta: test-time augmentation over which outputs are averaged.
        progress: called as progress(done, total), in faces.

    Yields:
        Output name -> (n, ...) memory-mapped array, float32; float16 for the embedding. The files are in the cache
        folder and are deleted when the block ends without an error. Otherwise the next call with the same network,
        faces and augmentation resumes from them.

    Raises:
        AffectoscopeError: the network cannot be loaded, or the outputs cannot be saved.
    """
    folder = cache_folder() / "answers" / _key(run, pack, tta)
    try:
        yield _predict_missing(folder, run, pack, tta, progress)
    except OSError as error:
        raise AffectoscopeError(
            f"The outputs in {folder} cannot be saved ({error.strerror or error}); free disk space and run the command "
            "again, it resumes from stored."
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
    chunks = [(start, min(start + CHUNK_SIZE, len(pack))) for start in range(0, len(pack), CHUNK_SIZE)]
    done = _read_state(folder, len(chunks))
    missing = [chunk for chunk, stored in zip(chunks, done, strict=True) if not stored]
    completed = sum(stop - start for start, stop in chunks) - sum(stop - start for start, stop in missing)
    load = partial(_load, run.path, pack, tta)
    for (start, stop), outputs in zip(missing, executor().stream(load, missing, chunk_size=1), strict=True):
        for name, values in outputs.items():
            _write(folder / f"{name}.npy", (len(pack), *values.shape[1:]), start, values)
        done[start // CHUNK_SIZE] = True
        _write(folder / "state.npy", done.shape, 0, done)
        completed += stop - start
        if progress:
            progress(completed, len(pack))
    return {path.stem: np.load(path, mmap_mode="r") for path in folder.glob("*.npy") if path.stem != "state"}


def _read_state(folder: Path, chunks: int) -> np.ndarray:
    """(chunks,) bool, True for completed chunks; all False if the file is missing or damaged."""
    try:
        state = np.load(folder / "state.npy", allow_pickle=False)
        if state.shape == (chunks,) and state.dtype == bool:
            return state
    except (OSError, ValueError, EOFError):
        pass
    return np.zeros(chunks, bool)


def _write(path: Path, shape: tuple[int, ...], start: int, rows: np.ndarray) -> None:
    """Write rows from `start` on into the array on disk, created if stored is none of that shape and type."""
    try:
        stored = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        stored = None
    if stored is None or stored.shape != shape or stored.dtype != rows.dtype:
        with replacing(path) as temporary:
            stored = np.lib.format.open_memmap(temporary, mode="w+", dtype=rows.dtype, shape=shape)
    with open(path, "r+b") as file:
        file.seek(stored.offset + start * stored.strides[0])
        file.write(np.ascontiguousarray(rows))


def _load(
    path: Path, pack: FacePack, tta: TestTimeAugmentation
) -> Callable[[Iterable[tuple[int, int]]], Iterator[Outputs]]:
    with quiet_tensorflow():
        from core.network.inference import add_embedding_output, run_network

        network = add_embedding_output(open_run(path).load_model())

    def predict(chunks: Iterable[tuple[int, int]]) -> Iterator[Outputs]:
        for start, stop in chunks:
            yield run_network(network, pack.select(slice(start, stop)), tta=tta)

    return predict
