"""Crop an upright image to a face: the preprocessing of a run, the same in training, evaluation and live prediction."""

import math
from dataclasses import asdict, dataclass

import numpy as np
from PIL import Image

from core.errors import AffectoscopeError

#: Filters that a crop can be resized with.
RESIZE_FILTERS = {
    name: Image.Resampling[name.upper()] for name in ("bilinear", "bicubic", "lanczos", "box", "nearest")
}


@dataclass(frozen=True)
class PreprocessingConfig:
    """Preprocessing of a face to the network's input; stored in every run.

    Attributes:
        colour: 'grey' (one channel, ITU-R 601 luma) or 'rgb'.
        size: side of the square crop in pixels.
        margin: share of the face box's longer side added on each of its four sides before cropping.
        frame_margin: the margin that gives a *detected* box the same framing as the training images,
            for data sets whose images are cropped faces without boxes; equals `margin` where there are boxes.
        resize: name in RESIZE_FILTERS of Pillow's resampling filter.
    """

    colour: str = "grey"
    size: int = 48
    margin: float = 0.0
    frame_margin: float = 0.0
    resize: str = "bilinear"

    def __post_init__(self) -> None:
        if self.colour not in ("grey", "rgb"):
            raise AffectoscopeError(f"colour '{self.colour}' is not known; expected 'grey' or 'rgb'.")
        if not 16 <= self.size <= 512:
            raise AffectoscopeError(f"size {self.size} is out of range; expected 16 to 512 pixels.")
        for name in ("margin", "frame_margin"):
            if not -0.3 <= getattr(self, name) <= 1.0:
                raise AffectoscopeError(f"{name} {getattr(self, name)} is out of range; expected -0.3 to 1.")
        if self.resize not in RESIZE_FILTERS:
            raise AffectoscopeError(
                f"resize '{self.resize}' is not known; expected {' or '.join(RESIZE_FILTERS)}."
            )

    @property
    def channels(self) -> int:
        return 3 if self.colour == "rgb" else 1

    @property
    def shape(self) -> tuple[int, int, int]:
        """(size, size, channels) of one packed face."""
        return (self.size, self.size, self.channels)

    def as_dict(self) -> dict:
        """For run.json and the names of packs, which earlier versions wrote without the filter."""
        document = asdict(self)
        if self.resize == "bilinear":
            del document["resize"]
        return document


def crop_face(
    image: Image.Image,
    box: tuple[float, float, float, float] | None,
    preprocessing: PreprocessingConfig,
    *,
    detected: bool = False,
) -> np.ndarray:
    """The face in `box` as the network sees it: (size, size, channels) uint8.

    The crop is the square around the box's centre with the margin of `preprocessing`; where it hangs over the
    image's border the edge pixels are repeated. Without a box the whole image is the face and is padded
    to a square likewise.

    Args:
        image: upright, mode 'RGB' or 'L', from `read_upright`.
        box: (x, y, width, height) in pixels of `image`, or None.
        preprocessing: that of the run.
        detected: the box comes from the detector and not from the data set's annotation.

    Raises:
        AffectoscopeError: the box has no area or lies outside the image.
    """
    left, top, side = _square(
        image.size, box, preprocessing.frame_margin if detected else preprocessing.margin
    )
    face = _cut(image, left, top, side, enough=4 * preprocessing.size)
    mode = "L" if preprocessing.colour == "grey" else "RGB"
    face = face if face.mode == mode else face.convert(mode)
    if face.size != (preprocessing.size, preprocessing.size):
        # Reducing by whole factors first keeps large photos cheap and changes the result invisibly.
        face = face.resize(
            (preprocessing.size, preprocessing.size), RESIZE_FILTERS[preprocessing.resize], reducing_gap=3.0
        )
    return np.asarray(face, dtype=np.uint8).reshape(preprocessing.shape)


@dataclass(frozen=True)
class CropGeometry:
    """Position of a crop in its photo: the square at (left, top) with `side` pixels a side became `size` pixels.

    Exact, but for crops of large photos that hang over the border, which `crop_face` reduces first: there a
    point may be off by a quarter of a pixel of the crop.
    """

    left: int
    top: int
    side: int
    size: int

    @property
    def scale(self) -> float:
        """Pixels of the crop per pixel of the photo."""
        return self.size / self.side

    def points(self, points: np.ndarray) -> np.ndarray:
        """(n, 2) x and y in the photo -> in the crop. Whole numbers are the centres of pixels in both."""
        return (np.asarray(points, float) + 0.5 - (self.left, self.top)) * self.scale - 0.5

    def box(self, box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        """(x, y, width, height) in the photo -> in the crop; x and y are edges of pixels."""
        x, y, width, height = (float(value) * self.scale for value in box)
        return x - self.left * self.scale, y - self.top * self.scale, width, height


def crop_geometry(
    box: tuple[float, float, float, float] | None,
    preprocessing: PreprocessingConfig,
    *,
    image_size: tuple[int, int] | None = None,
) -> CropGeometry | None:
    """The geometry of `crop_face` for an annotated box; None where neither a box nor the image's size is known.

    Raises:
        AffectoscopeError: as `crop_face` does.
    """
    if box is None and image_size is None:
        return None
    left, top, side = _square(image_size or (math.inf, math.inf), box, preprocessing.margin)
    return CropGeometry(left, top, side, preprocessing.size)


def _square(size: tuple[float, float], box, margin: float) -> tuple[int, int, int]:
    """Left, top and side in whole pixels of the square that is cut out."""
    if box is None:
        x, y, width, height, margin = 0.0, 0.0, float(size[0]), float(size[1]), 0.0
    else:
        x, y, width, height = (float(value) for value in box)
    if not (width > 0 and height > 0):
        raise AffectoscopeError(f"The face box ({x:g}, {y:g}, {width:g}, {height:g}) has no area.")
    side = max(1, round(max(width, height) * (1 + 2 * margin)))
    left, top = round(x + width / 2 - side / 2), round(y + height / 2 - side / 2)
    apart = left >= size[0] or top >= size[1] or left + side <= 0 or top + side <= 0
    if apart or side > 8 * max(size):
        raise AffectoscopeError(
            f"The face box ({x:g}, {y:g}, {width:g}, {height:g}) lies outside the image {size}."
        )
    return left, top, side


def _cut(image: Image.Image, left: int, top: int, side: int, *, enough: int) -> Image.Image:
    """The square at (left, top), edge pixels repeated where it leaves the image.

    Only then it may come smaller than `side`, but not under `enough` pixels.
    """
    if (left, top) == (0, 0) and (side, side) == image.size:
        return image
    part = image.crop(
        (max(left, 0), max(top, 0), min(left + side, image.width), min(top + side, image.height))
    )
    if part.size == (side, side):
        return part
    over_left, over_top = max(-left, 0), max(-top, 0)
    factor = side // enough
    if factor > 1:
        # Padded at full size, a box far larger than a large photo would take gigabytes.
        part = part.reduce(factor)
        side = max(round(side / factor), part.width, part.height)
        over_left = min(round(over_left / factor), side - part.width)
        over_top = min(round(over_top / factor), side - part.height)
    pixels = np.asarray(part)
    padding = [
        (over_top, side - over_top - part.height),
        (over_left, side - over_left - part.width),
    ] + [(0, 0)] * (pixels.ndim - 2)
    return Image.fromarray(np.pad(pixels, padding, mode="edge"))
