"""Perceptual hashes of faces, computed once for a pack and kept beside it."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.fft import dct

from core.data.face_pack import FacePack
from core.runtime.executor import executor
from core.runtime.files import replacing

#: Lies in a pack's folder, comes and goes with it; to be renamed when faces get other hashes than before.
HASHES_FILE = "hashes.npy"

#: Faces that one task hashes, and below how many workers would take longer to start than to hash them.
_PIECE, _SERIAL_FACES = 2048, 20_000

_SIDE = 32  # that an image is shrunk to

#: (8, _SIDE) the lowest frequencies of the cosine transform.
_COSINES = dct(np.eye(_SIDE), axis=0)[:8]
#: Sign of each of the 8 columns of frequencies after mirroring.
_MIRRORED = np.where(np.arange(8) % 2, -1, 1)


def pack_hashes(
    pack: FacePack, *, workers: int | None = None, progress: Callable[[int, int], None] | None = None
) -> np.ndarray:
    """(n,) uint64 `perceptual_hashes` of a pack's faces, computed once and kept beside them.

    Args:
        workers: how many hash a large pack at once; default: one per core of the executor.
        progress: called as progress(done, total) in faces, where they have to be hashed.
    """
    faces = Path(pack.images.filename)
    kept = faces.with_name(HASHES_FILE)
    with suppress(OSError, ValueError):
        hashes = np.load(kept)
        if hashes.dtype == np.uint64 and hashes.shape == (len(pack.images),):
            return hashes[pack.positions]
    hashes = _hash_file(faces, len(pack.images), workers, progress)
    # Where nothing can be kept, they are made again next time.
    with suppress(OSError), replacing(kept) as beside, open(beside, "wb") as file:
        np.save(file, hashes)
    return hashes[pack.positions]


def _hash_file(faces: Path, count: int, workers: int | None, progress: Callable | None) -> np.ndarray:
    hashes = np.empty(count, np.uint64)
    pieces = [(start, min(start + _PIECE, count)) for start in range(0, count, _PIECE)]
    if count <= _SERIAL_FACES:
        workers = 1
    hashed = executor().map(partial(_hash_piece, faces), pieces, workers=workers)
    for (start, stop), piece in zip(pieces, hashed, strict=True):
        hashes[start:stop] = piece
        if progress:
            progress(stop, count)
    return hashes


def _hash_piece(faces: Path, piece: tuple[int, int]) -> np.ndarray:
    # Opened for each piece: what was read of a map counts as the process's memory until it is closed.
    return perceptual_hashes(np.load(faces, mmap_mode="r")[slice(*piece)])


def perceptual_hashes(images: np.ndarray) -> np.ndarray:
    """64-bit perceptual hashes that an image and its mirror image share.

    The bits are those of ImageHash's `phash` (Zauner 2010): which of the 64 lowest frequencies of the cosine transform of
    the image, shrunk to 32 pixels a side, exceed their median. Of the image and its mirror image the smaller.

    Args:
        images: (n, S, S, C) uint8, C 1 or 3.

    Returns:
        (n,) uint64.
    """
    small = np.empty((len(images), _SIDE, _SIDE))
    for row, image in enumerate(images):
        face = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).convert("L")
        small[row] = face.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    # Rounding keeps the rounding errors of a blank image, whose frequencies are 0, from becoming bits.
    frequencies = np.round(_COSINES @ small @ _COSINES.T, 6)
    bits = [_above_median(shown) for shown in (frequencies, frequencies * _MIRRORED)]
    return np.packbits(bits, axis=2).view(">u8")[..., 0].astype(np.uint64).min(axis=0)


def _above_median(frequencies: np.ndarray) -> np.ndarray:
    """(n, 8, 8) frequencies -> (n, 64) bits."""
    flat = frequencies.reshape(len(frequencies), 64)
    return flat > np.median(flat, axis=1, keepdims=True)
