"""A face's box and landmarks drawn over a picture of it."""

import numpy as np
from PIL import Image, ImageDraw

#: Side in pixels at which a single face is shown.
SIDE = 480

#: Most pixels of the longer side at which a whole photo is shown.
PHOTO_SIDE = 1000

#: Largest margin on each side, as a share of the picture's side, for points outside of it.
_MOST_AROUND = 0.3

_BOX, _POINT, _RIM = "#FFFFFF", "#FFD400", "#101010"


def outlined(
    image: Image.Image,
    *,
    box: tuple[float, float, float, float] | None = None,
    landmarks: np.ndarray | None = None,
) -> Image.Image:
    """A copy of `image` with the box (x, y, width, height) and the landmarks (n, 2), both in its pixels.

    Where they lie outside of it, transparent space is added around it.
    """
    line = max(2, round(max(image.size) / 240))
    corners = np.empty((0, 2)) if box is None else np.array([box[:2], np.add(box[:2], box[2:])])
    points = np.empty((0, 2)) if landmarks is None else np.asarray(landmarks) + 0.5  # centres of pixels
    drawn = np.concatenate([corners, points])
    around = 0
    if len(drawn):
        over = max((-drawn).max(), (drawn - image.size).max(), -2.0 * line) + 2 * line
        around = int(min(np.ceil(over), _MOST_AROUND * max(image.size)))
    canvas = Image.new("RGBA", (image.width + 2 * around, image.height + 2 * around))
    canvas.paste(image.convert("RGB"), (around, around))
    draw = ImageDraw.Draw(canvas)
    if box is not None:
        (left, top), (right, bottom) = (corners + around).tolist()
        draw.rectangle((left - line, top - line, right + line, bottom + line), outline=_RIM, width=3 * line)
        draw.rectangle((left, top, right, bottom), outline=_BOX, width=line)
    for x, y in (points + around).tolist():
        draw.ellipse((x - 2 * line, y - 2 * line, x + 2 * line, y + 2 * line), fill=_RIM)
        draw.ellipse((x - line, y - line, x + line, y + line), fill=_POINT)
    return canvas


def enlarged(image: Image.Image) -> Image.Image:
    """A picture of a face at SIDE x SIDE pixels."""
    return image.resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def outlined_photo(
    photo: Image.Image,
    *,
    box: tuple[float, float, float, float] | None = None,
    landmarks: np.ndarray | None = None,
) -> Image.Image:
    """The photo with box and landmarks, both in its own pixels; its longer side becomes SIDE to PHOTO_SIDE pixels."""
    longer = max(photo.size)
    scale = min(max(longer, SIDE), PHOTO_SIDE) / longer
    size = tuple(max(1, round(side * scale)) for side in photo.size)
    return outlined(
        photo.resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0),
        box=None if box is None else tuple(value * scale for value in box),
        landmarks=None if landmarks is None else (np.asarray(landmarks) + 0.5) * scale - 0.5,
    )
