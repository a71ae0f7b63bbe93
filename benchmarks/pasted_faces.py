"""Faces of known expression, enlarged and pasted into larger scenes, through the whole of prediction.

    python benchmarks/pasted_faces.py --run fer2013-standard --data fer2013.zip

One to six faces a photo that did not train the network (validation faces), at random places and sizes, before drawn surroundings, stored as JPEG with
any of the eight EXIF orientations. Prints the share of faces found, and of those found the accuracy when the
photo is predicted, when the same crops are scored directly, and when the photo is cropped where the face was
pasted: the first two should agree within 3 points, and the third tells apart what enlarging and what the
detector's boxes cost. Nothing is written.
"""

import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from PIL import Image
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.data.drawn.surroundings import paint_background
from core.data.face_table import FaceTable
from core.data.images import read_upright
from core.data.preprocessing import crop_face
from core.labels import EXPRESSIONS
from core.metrics.predictions import BOX_COLUMNS
from core.photos.predictor import Predictor
from core.runs.source_data import load_run_data
from core.runtime.console import Console

#: What to do with upright pixels so that a reader who obeys the EXIF orientation has them upright again.
UNTURN = {
    1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}  # fmt: skip

ORIENTATION = 0x0112

MOST_FACES = 6

#: Points of accuracy that a face may lose between its own image and a photo.
ALLOWED = 3

#: A detected box that overlaps the pasted one by less (intersection over union) is not that face.
SAME_FACE = 0.3

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Options:
    data: Path
    """The data that the run was trained and tested on."""
    run: str = "fer2013-standard"
    """A run's folder, or its name under artifacts/."""
    faces: int = 3000
    """Number of faces, drawn at random."""
    seed: int = 0
    sides: tuple[int, int] = (80, 260)
    """Shortest and longest side in pixels of a pasted face."""


@dataclass(frozen=True)
class Pasted:
    """A face in a photo: its row in the table, and its box in the upright photo."""

    row: int
    box: Box


def main(options: Options) -> None:
    predictor = Predictor.load(options.run)
    table, _ = load_run_data(predictor.run, options.data, Console()).part("validation")
    random = np.random.default_rng(options.seed)
    rows = random.permutation(len(table))[: options.faces]
    photos = photos_of(table, rows, random, sides=options.sides)
    measured = [
        found for photo in track(list(photos), "Photos") for found in score_photo(predictor, table, *photo)
    ]
    print(f"{table.title}, run {predictor.run.name}: {len(measured):,} validation faces pasted")
    report(measured)


def photos_of(
    table: FaceTable, rows: np.ndarray, random: np.random.Generator, *, sides: tuple[int, int]
) -> Iterator[tuple[bytes, list[Pasted]]]:
    """Photos with one to six of the faces each, as JPEG files, and what was pasted where."""
    start = 0
    while start < len(rows):
        count = int(random.integers(1, MOST_FACES + 1))
        orientation = int(random.integers(1, 9))
        yield make_photo(table, rows[start : start + count], random, orientation, sides=sides)
        start += count


def make_photo(
    table: FaceTable,
    rows: np.ndarray,
    random: np.random.Generator,
    orientation: int,
    *,
    sides: tuple[int, int],
) -> tuple[bytes, list[Pasted]]:
    """One photo of 3 x 2 cells, each holding one face at most, in an EXIF orientation from 1 to 8."""
    cell = sides[1] + 40
    scene = paint_background((6 * cell, 4 * cell), random).reduce(2)
    pasted = []
    for place, row in zip(random.permutation(6), rows, strict=False):
        image = read_upright(table.read_image(table.faces["reference"].iloc[row])).convert("RGB")
        side = int(random.integers(sides[0], sides[1] + 1))
        left = int(place % 3 * cell + random.integers(0, cell - side + 1))
        top = int(place // 3 * cell + random.integers(0, cell - side + 1))
        scene.paste(image.resize((side, side), Image.Resampling.BICUBIC), (left, top))
        box, scale = annotated_box(table, row) or (0, 0, *image.size), side / max(image.size)
        pasted.append(
            Pasted(int(row), (left + box[0] * scale, top + box[1] * scale, box[2] * scale, box[3] * scale))
        )
    if UNTURN[orientation] is not None:
        scene = scene.transpose(UNTURN[orientation])
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    file = io.BytesIO()
    scene.save(file, "JPEG", quality=92, exif=exif)
    return file.getvalue(), pasted


def annotated_box(table: FaceTable, row: int) -> Box | None:
    box = table.faces[list(BOX_COLUMNS)].iloc[row].to_numpy(float)
    return None if np.isnan(box).any() else tuple(box.tolist())


@dataclass(frozen=True)
class Measured:
    """Result for one pasted face: whether it was detected, and whether it was classified correctly each way."""

    found: bool
    photo: bool
    direct: bool
    known_box: bool
    abstained: str


def score_photo(
    predictor: Predictor, table: FaceTable, photo: bytes, pasted: list[Pasted]
) -> Iterator[Measured]:
    """Each pasted face as the predictor found it, directly, and by the box that it was pasted into."""
    prediction = predictor.predict(photo)
    upright = read_upright(photo)
    for one in pasted:
        reference, code = table.faces.iloc[one.row][["reference", "expression"]]
        truth = EXPRESSIONS[code]
        image, box = read_upright(table.read_image(reference)), annotated_box(table, one.row)
        alone = crop_face(image, box, predictor.preprocessing)
        known = crop_face(upright, one.box, predictor.preprocessing)
        direct, by_box = (predictor.predict(crop[..., 0] if crop.shape[-1] == 1 else crop, crops=True).faces[0].label
                          for crop in (alone, known))  # fmt: skip
        best = max(prediction.faces, key=lambda face: overlap(face.box, one.box), default=None)
        found = best is not None and overlap(best.box, one.box) >= SAME_FACE
        yield Measured(
            found,
            found and best.label == truth,
            direct == truth,
            by_box == truth,
            best.abstained if found else "",
        )


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes (x, y, width, height)."""
    across = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    down = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    shared = max(across, 0) * max(down, 0)
    return shared / (one[2] * one[3] + other[2] * other[3] - shared)


def report(measured: list[Measured]) -> None:
    found = [one for one in measured if one.found]
    print(f"  found                         {len(found) / len(measured):6.1%}")
    if not found:
        return
    answered = [one for one in found if not one.abstained]
    for title, rows, which in (
        ("in the photo, of those found", found, "photo"),
        ("the same crops directly", found, "direct"),
        ("in the photo, box known", found, "known_box"),
        ("in the photo, answered", answered, "photo"),
        ("all crops directly", measured, "direct"),
    ):
        right = [getattr(one, which) for one in rows]
        print(f"  {title:30s}{np.mean(right):6.1%} of {len(right):,}")
    lost = 100 * np.array([float(one.direct) - float(one.photo) for one in found])
    either_way = 1.96 * lost.std() / len(lost) ** 0.5
    print(
        f"  lost on the way: {lost.mean():.1f} points of those found (95% {lost.mean() - either_way:.1f} to "
        f"{lost.mean() + either_way:.1f}); at most {ALLOWED} are allowed"
    )


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
