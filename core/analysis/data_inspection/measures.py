"""Measures of the pixels of faces: what an altered copy of a data set changes."""

import hashlib
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pandas as pd

from core.data.face_pack import REASONS
from core.data.face_table import FaceTable
from core.data.images import laplacian, read_upright
from core.data.perceptual_hashes import perceptual_hashes
from core.data.preprocessing import PreprocessingConfig, crop_face
from core.errors import AffectoscopeError
from core.metrics.predictions import BOX_COLUMNS
from core.runtime.executor import executor

#: Measures of a face, and what each is called. All are of the grey face.
MEASURES = {
    "brightness": "mean grey",  # 0 black to 1 white
    "contrast": "standard deviation of the grey",  # 0 to 0.5
    "highlights": "share of pixels in the brightest sixteenth",
    "shadows": "share of pixels in the darkest sixteenth",
    "evenness": "evenness of the histogram",  # its entropy in 16 bins, divided by the largest, 4 bits
    "sharpness": "sharpness",  # standard deviation of the Laplacian, divided by that of the grey
    "blockiness": "steps at the borders of JPEG's blocks",  # relative to other steps; 1 without blocks
}

#: Faces that one task measures, and below how many workers would take longer to start than to measure them.
_PIECE, _SERIAL_FACES = 256, 4096

_MISSING, _UNDECODABLE, _OUTSIDE = list(REASONS.values())


def measure_faces(
    table: FaceTable,
    rows: np.ndarray,
    *,
    side: int,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Decode and measure the faces at `rows`; none is kept, so that memory does not grow with their number but for a
    few numbers a face.

    Args:
        side: that faces of another size are resized to.
        workers: how many measure at once; default: one per core of the executor.
        progress: called as progress(done, total) in faces.

    Returns:
        One row a face, with the columns
            row             of the table
            problem         why it could not be read, or ''; then the rest is missing
            width, height   of the image in pixels
            colour          'grey', 'colour' or 'grey saved as colour'
            twin            uint64, shared by images with the same grey pixels, or those of the mirror image
            hash            uint64 of core.data.perceptual_hashes
            and those of MEASURES; blockiness is NaN where the face was resized.
    """
    references = table.faces["reference"].to_numpy(dtype=object)
    boxes = table.faces[list(BOX_COLUMNS)].to_numpy(np.float32)
    pieces = [rows[start : start + _PIECE] for start in range(0, len(rows), _PIECE)]
    work = partial(_measure_piece, table.read_image, side)
    items = ((references[piece], boxes[piece]) for piece in pieces)
    measured = []
    for piece, part in zip(
        pieces, executor().map(work, items, workers=1 if len(rows) <= _SERIAL_FACES else workers), strict=True
    ):
        measured.append(part.assign(row=piece))
        if progress:
            progress(sum(map(len, measured)), len(rows))
    return (
        pd.concat(measured, ignore_index=True)
        if measured
        else _measure_piece(work, side, ([], [])).assign(row=0)
    )


def _measure_piece(
    read_image: Callable[[str], bytes], side: int, piece: tuple[Sequence[str], np.ndarray]
) -> pd.DataFrame:
    references, boxes = piece
    preprocessing = PreprocessingConfig(colour="grey", size=side)
    faces = np.zeros((len(references), side, side), np.uint8)
    about = []
    for row, (reference, box) in enumerate(zip(references, boxes, strict=True)):
        try:
            image = read_upright(read_image(reference))
        except OSError:
            about.append((_MISSING, 0, 0, "", False))
            continue
        except AffectoscopeError:
            about.append((_UNDECODABLE, 0, 0, "", False))
            continue
        boxed, problem = not np.isnan(box).any(), ""
        try:
            faces[row] = crop_face(image, tuple(box) if boxed else None, preprocessing)[..., 0]
        except AffectoscopeError:
            problem = _OUTSIDE
        crop = round(float(max(box[2:]))) if boxed else max(image.size)
        about.append((problem, *image.size, _colour(image), crop != side))
    table = pd.DataFrame(about, columns=["problem", "width", "height", "colour", "resized"])
    table["twin"] = np.array([_twin(face) for face in faces], np.uint64)
    table["hash"] = perceptual_hashes(faces[..., None])
    table = table.assign(**pixel_measures(faces))
    table.loc[table.pop("resized").to_numpy(bool), "blockiness"] = np.nan
    table.loc[table["problem"] != "", list(MEASURES)] = np.nan
    return table


def _colour(image) -> str:
    if image.mode == "L":
        return "grey"
    pixels = np.asarray(image)
    return "grey saved as colour" if (pixels == pixels[..., :1]).all() else "colour"


def _twin(face: np.ndarray) -> int:
    """Digest of the pixels, the same for the mirror image."""
    return min(
        int.from_bytes(hashlib.blake2b(pixels.tobytes(), digest_size=8).digest())
        for pixels in (face, np.ascontiguousarray(face[:, ::-1]))
    )


def pixel_measures(faces: np.ndarray) -> dict[str, np.ndarray]:
    """(n,) values of each of MEASURES, of (n, S, S) uint8 grey faces."""
    count = len(faces)
    if not count:
        return {name: np.zeros(0) for name in MEASURES}
    grey = faces.astype(np.float32)
    deviation = grey.std(axis=(1, 2))
    bins = (faces >> 4).reshape(count, -1).astype(np.int64) + 16 * np.arange(count)[:, None]
    shares = np.bincount(bins.ravel(), minlength=16 * count).reshape(count, 16) / faces[0].size
    entropy = -(shares * np.log2(np.where(shares > 0, shares, 1))).sum(axis=1)
    steps = np.abs(np.diff(grey, axis=2)).mean(axis=1)
    at_borders = np.arange(steps.shape[1]) % 8 == 7
    return {
        "brightness": grey.mean(axis=(1, 2)) / 255,
        "contrast": deviation / 255,
        "highlights": shares[:, 15],
        "shadows": shares[:, 0],
        "evenness": entropy / 4,
        "sharpness": laplacian(grey).std(axis=(1, 2)) / np.maximum(deviation, 1),
        "blockiness": steps[:, at_borders].mean(axis=1) / np.maximum(steps[:, ~at_borders].mean(axis=1), 0.1),
    }
