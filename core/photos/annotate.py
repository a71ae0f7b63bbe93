"""Annotated copies of photos: numbered face boxes, without the EXIF metadata of the photo."""

import os
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from core.errors import AffectoscopeError
from core.labels import COLOURS
from core.photos.results import PhotoPrediction
from core.runtime.files import replacing

#: Image format by file extension; other photos are saved as PNG with ".png" appended.
FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP"}

#: Longest side, in pixels, that a format supports.
LONGEST = {"JPEG": 65_500, "WEBP": 16_383}


def draw_boxes(image: Image.Image, prediction: PhotoPrediction, *, longest: int | None = None) -> Image.Image:
    """Draw a numbered box in the label's colour around each face, on a copy of the upright photo.

    Args:
        longest: longest side of the copy in pixels; None for the size of the photo.
    """
    scale = min(1.0, (longest or max(image.size)) / max(image.size))
    size = tuple(max(1, round(side * scale)) for side in image.size)
    shown = Image.new("RGB", size)  # a new image carries no metadata
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
        # Clipped to the photo: boxes may extend beyond its border.
        corner = (min(max(x, 0), size[0] - 1), min(max(y, 0), size[1] - 1))
        label_box = draw.textbbox(corner, str(face.number), font=font)
        draw.rectangle((*corner, label_box[2] + 2 * line, label_box[3] + 2 * line), fill=colour)
        draw.text((corner[0] + line, corner[1] + line), str(face.number), font=font, fill="black")
    return shown


def common_folder(paths: list[Path]) -> Path:
    """The deepest common folder of the given files and folders.

    Raises:
        AffectoscopeError: they are on several drives.
    """
    folders = [os.path.realpath(path if path.is_dir() else path.parent) for path in paths]
    try:
        return Path(os.path.commonpath(folders))
    except ValueError as error:
        raise AffectoscopeError(
            "The photos are on several drives; annotate the photos of one drive at a time."
        ) from error


def check_folder(folder: Path, paths: list[Path], *, into_full: bool) -> None:
    """Check that annotated photos can be written to `folder`; create it if it does not exist.

    Args:
        into_full: allow a folder that is not empty; files of the same name are replaced.

    Raises:
        AffectoscopeError: the folder contains the photos, is not empty, or cannot be created.
    """
    target = os.path.realpath(folder)
    for path in paths:
        photo_folder = os.path.realpath(path if path.is_dir() else path.parent)
        inside = path.is_dir() and target.startswith(os.path.join(photo_folder, ""))
        if target == photo_folder or inside:
            raise AffectoscopeError(
                f"--annotate {folder} is a folder of the photos, which could be overwritten; pass another folder."
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
            f"--annotate {folder} is not empty; pass --resume or --overwrite, or pass another folder."
        )


def annotated_path(folder: Path, photo: Path, common: Path) -> Path:
    """Path of the annotated copy of `photo`: relative to `folder` as the photo is to `common`."""
    relative = Path(os.path.realpath(photo.parent), photo.name).relative_to(common)
    name = relative.name if relative.suffix.lower() in FORMATS else f"{relative.name}.png"
    return folder / relative.parent / name


def save_annotated(path: Path, image: Image.Image, prediction: PhotoPrediction) -> None:
    """Save the upright photo with its boxes; the file is written atomically.

    Raises:
        AffectoscopeError: it cannot be written.
    """
    shown = draw_boxes(image, prediction)
    kind = FORMATS[path.suffix.lower()]
    if max(shown.size) > LONGEST.get(kind, max(shown.size)):
        kind = "PNG"  # the name stays: image readers identify the format by the content
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            shown.save(temporary, kind, **({} if kind == "PNG" else {"quality": 92}))
    except OSError as error:
        raise AffectoscopeError(f"{path} cannot be written ({error.strerror or error}).") from error
