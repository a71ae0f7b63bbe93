"""Relation of the detector's box to the frame of cropped faces, such as those of FER2013.

    python benchmarks/framing.py --data fer2013.zip

A network trained on such images must be shown faces framed alike when they come from the detector. For a
sample of training faces, enlarged and set inside a border, this prints the side of the frame over the
longer side of the detected box (median, quartiles), the margin that follows, and how far the centres lie
apart. Three borders, because a face that fills the picture is hardly found without one and each border
might mislead the detector in its own way. Nothing is written.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from PIL import Image
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.data.detectors.detector import get_detector
from core.data.images import read_upright
from core.data.readers import open_dataset

#: Width of the border as a share of the enlarged face, and how NumPy fills it (None: no border).
BORDERS: dict[str, str | None] = {"blank": "constant", "edge": "edge", "mirrored": "reflect", "none": None}
BORDER = 0.5

ROW = "{:9} {:>6}  {:24} {:>7}  {:26}  {:26}"

#: A box whose longer side is under this share of the frame is a false find inside the face.
SMALLEST_SHARE = 0.4


@dataclass(frozen=True)
class Options:
    data: Path
    """A data set whose images are cropped faces."""
    detector: str = "mtcnn"
    """Detector whose boxes are measured."""
    faces: int = 400
    """Training faces to look at, drawn at random."""
    side: int = 192
    """Faces are enlarged to this side in pixels."""
    seed: int = 0
    borders: tuple[str, ...] = tuple(BORDERS)
    """Borders to try."""


def main(options: Options) -> None:
    table = open_dataset(options.data)
    training = table.faces.loc[
        table.faces["split"].isin(["train", ""]) & table.faces["box_x"].isna(), "reference"
    ]
    sample = training.sample(min(options.faces, len(training)), random_state=options.seed)
    faces = [read_upright(table.read_image(reference)) for reference in sample]
    print(f"{table.title}: {len(faces)} training faces at {options.side} pixels; medians (quartiles)")
    print(ROW.format("border", "found", "frame / box", "margin", "centre right", "centre down"))
    for border in options.borders:
        found = [
            measure(face, options.side, BORDERS[border], options.detector)
            for face in track(faces, border, transient=True)
        ]
        print(ROW.format(border, *summary(np.array([row for row in found if row is not None]), len(faces))))


def measure(
    face: Image.Image, side: int, filling: str | None, detector: str
) -> tuple[float, float, float] | None:
    """Frame's side over the box's longer side, and where the frame's centre lies from the box's centre
    (right, down; shares of the frame's side). None where no or more than one face was found."""
    scene, border = set_in_border(face, side, filling)
    found = [
        one
        for one in get_detector(detector).detect(scene)
        if max(one.width, one.height) > SMALLEST_SHARE * side
    ]
    if len(found) != 1:
        return None
    box = found[0]
    right = (border + side / 2 - (box.x + box.width / 2)) / side
    down = (border + side / 2 - (box.y + box.height / 2)) / side
    return side / max(box.width, box.height), right, down


def set_in_border(face: Image.Image, side: int, filling: str | None) -> tuple[Image.Image, int]:
    """The face enlarged to `side`, with a border, and the border's width in pixels."""
    enlarged = np.asarray(face.convert("L").resize((side, side), Image.Resampling.BICUBIC))
    if filling is None:
        return Image.fromarray(enlarged), 0
    border = round(BORDER * side)
    values = {"constant_values": 127} if filling == "constant" else {}
    return Image.fromarray(np.pad(enlarged, border, mode=filling, **values)), border


def summary(measured: np.ndarray, faces: int) -> list[str]:
    """Share found, ratio, margin, offsets of the centres, from (n, 3) rows of `measure`."""
    if not len(measured):
        return ["0%"] + ["–"] * 4
    (low, ratio, high), *offsets = np.percentile(measured, [25, 50, 75], axis=0).T
    return [
        f"{len(measured) / faces:.1%}",
        f"{ratio:.3f} ({low:.3f} to {high:.3f})",
        f"{(ratio - 1) / 2:+.3f}",
        *(f"{middle:+.3f} ({lower:+.3f} to {upper:+.3f})" for lower, middle, upper in offsets),
    ]


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
