"""Photos with their faces boxed and numbered: pixels only, without the photo's EXIF, place or comments."""

import os
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from core.errors import AffectoscopeError
from core.labels import COLOURS
from core.photos.results import PhotoPrediction
from core.runtime.files import replacing

#: How a photo is written, by its ending; others become PNG, their ending kept before it.
FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP"}

#: Longest side in pixels that a format holds.
LONGEST = {"JPEG": 65_500, "WEBP": 16_383}


def draw_boxes(image: Image.Image, prediction: PhotoPrediction, *, longest: int | None = None) -> Image.Image:
    """A copy of the upright photo, each face boxed in its label's colour and numbered.

    Args:
        longest: the copy's longer side in pixels at most; None: the photo's own size.
    """
    scale = min(1.0, (longest or max(image.size)) / max(image.size))
    size = tuple(max(1, round(side * scale)) for side in image.size)
    shown = Image.new("RGB", size)  # a copy would carry what the file said besides its pixels
    pixels = image.convert("RGB")
    shown.paste(
        pixels if size == image.size else pixels.resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0)
    )
    draw = ImageDraw.Draw(shown)
    line = max(2, round(max(size) / 300))
    font = ImageFont.load_default(size=max(12, round(max(size) / 45)))
    for face in prediction.faces:
        if face.box is None:
            continue
        x, y, width, height = (value * scale for value in face.box)
        colour = COLOURS[face.label]
        draw.rectangle((x, y, x + width, y + height), outline=colour, width=line)
        # Inside the photo, also for a face that hangs over its border.
        corner = (min(max(x, 0), size[0] - 1), min(max(y, 0), size[1] - 1))
        tag = draw.textbbox(corner, str(face.number), font=font)
        draw.rectangle((*corner, tag[2] + 2 * line, tag[3] + 2 * line), fill=colour)
        draw.text((corner[0] + line, corner[1] + line), str(face.number), font=font, fill="black")
    return shown


def common_folder(paths: list[Path]) -> Path:
    """The folder below which all photos of the given files and folders lie.

    Raises:
        AffectoscopeError: there is none, on a system of several drives.
    """
    folders = [os.path.realpath(path if path.is_dir() else path.parent) for path in paths]
    try:
        return Path(os.path.commonpath(folders))
    except ValueError as error:
        raise AffectoscopeError(
            "The photos lie on several drives; annotate those of one drive at a time."
        ) from error


def check_folder(folder: Path, paths: list[Path], *, into_full: bool) -> None:
    """See that annotated photos may be written into `folder`.

    Args:
        into_full: it may hold files already, which annotated photos of the same name replace.

    Raises:
        AffectoscopeError: it lies among the photos, is full, is no folder or cannot be made.
    """
    place = os.path.realpath(folder)
    for path in paths:
        among = os.path.realpath(path if path.is_dir() else path.parent)
        inside = path.is_dir() and place.startswith(os.path.join(among, ""))
        if place == among or inside:
            raise AffectoscopeError(
                f"--annotate {folder} lies among the photos, which it might replace; name a folder elsewhere."
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        full = any(folder.iterdir())
    except OSError as error:
        raise AffectoscopeError(
            f"--annotate {folder} cannot be used as a folder ({error.strerror or error})."
        ) from error
    if full and not into_full:
        raise AffectoscopeError(
            f"--annotate {folder} is not empty; pass --resume or --overwrite, or name another folder."
        )


def annotated_path(folder: Path, photo: Path, common: Path) -> Path:
    """Where the annotated `photo` belongs: as far below `folder` as the photo is below `common`.

    So photos of one name in several folders are kept apart, and none leaves `folder`.
    """
    below = Path(os.path.realpath(photo.parent), photo.name).relative_to(common)
    name = below.name if below.suffix.lower() in FORMATS else f"{below.name}.png"
    return folder / below.parent / name


def save_annotated(path: Path, image: Image.Image, prediction: PhotoPrediction) -> None:
    """Write the upright photo with its boxes, whole or not at all.

    Raises:
        AffectoscopeError: it cannot be written.
    """
    shown = draw_boxes(image, prediction)
    kind = FORMATS[path.suffix.lower()]
    if max(shown.size) > LONGEST.get(kind, max(shown.size)):
        kind = "PNG"  # the name stays: readers go by the content
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as beside:
            shown.save(beside, kind, **({} if kind == "PNG" else {"quality": 92}))
    except OSError as error:
        raise AffectoscopeError(f"{path} cannot be written ({error.strerror or error}).") from error
