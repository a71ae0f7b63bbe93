"""Decode images and turn them upright: bytes, files, Pillow images or arrays; and find the photos in folders."""

import io
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from core.errors import AffectoscopeError

#: Endings of the files that are looked at in folders.
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")

#: A larger file is no photo of 50 megapixels, and is refused before it fills the memory.
LARGEST_FILE = 256 * 2**20

#: Formats that may be decoded, by content and never by suffix.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")

#: Images of more pixels are refused before they are decoded.
MAX_PIXELS = 50_000_000


def read_photo(image: bytes | Image.Image | np.ndarray | Path | str) -> Image.Image:
    """Any of the kinds that `Predictor.predict` takes as an upright image, mode 'RGB' or 'L'.

    Raises:
        AffectoscopeError: it cannot be read, is too large, or pixels have another shape or type.
    """
    if isinstance(image, (str, Path)):
        return read_upright(_content(image))
    if not isinstance(image, (Image.Image, np.ndarray)):
        return read_upright(bytes(image))
    if isinstance(image, np.ndarray):
        pixels = image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image
        if (
            pixels.dtype != np.uint8
            or pixels.ndim not in (2, 3)
            or pixels.shape[2:] not in ((), (3,))
            or not pixels.size
        ):
            raise AffectoscopeError(
                f"The pixels are {image.dtype} of shape {image.shape}; expected uint8, (height, width) or "
                "(height, width, 3)."
            )
        _check_size(pixels.shape[1], pixels.shape[0])
        return Image.fromarray(pixels)
    _check_size(*image.size)
    try:
        image.load()
    except Exception as error:  # Pillow's decoders raise many kinds on damaged input
        raise AffectoscopeError("The image cannot be read: its file is damaged.") from error
    return upright(image)


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise AffectoscopeError(
            f"The image has {width} x {height} pixels, more than the {MAX_PIXELS // 1_000_000} megapixels that are "
            "read; make it smaller."
        )


def _content(path: Path | str) -> bytes:
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise AffectoscopeError(
                    "The file cannot be read: it is no file but a folder, pipe or device."
                )
            if status.st_size > LARGEST_FILE:
                raise AffectoscopeError(
                    f"The file has {status.st_size / 2**20:,.0f} MiB, more than the {LARGEST_FILE // 2**20} MiB "
                    "that are read; make it smaller."
                )
            return file.read(LARGEST_FILE)
    except OSError as error:
        raise AffectoscopeError(f"The file cannot be read ({error.strerror or error}).") from error
    except ValueError as error:  # a null byte in the name
        raise AffectoscopeError(f"The file cannot be read ({error}).") from error


def _without_waiting(path: str, flags: int) -> int:
    """Opening a pipe that nobody writes to would wait for ever."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def photos_in(paths: Iterable[Path]) -> Iterator[Path]:
    """Files as given, and the images (SUFFIXES) anywhere in folders, by name, one after the other.

    Nothing is collected, so that a folder may hold any number. Hidden files and folders are passed over, links
    to folders are not followed, and what was given twice comes once.
    """
    earlier: list[str] = []
    given: set[str] = set()
    for path in paths:
        whole = os.path.abspath(path) if "\0" not in str(path) else str(path)
        if whole in given:
            continue
        if path.is_dir():
            for photo in _images_below(path):
                name = os.path.abspath(photo)
                if name not in given and not any(_found_below(folder, name) for folder in earlier):
                    yield photo
            earlier.append(whole)
        elif not any(_found_below(folder, whole) for folder in earlier):
            yield path
        given.add(whole)


def _found_below(folder: str, name: str) -> bool:
    """Return whether `_images_below` comes by the file `name`; both are absolute."""
    if not name.startswith(os.path.join(folder, "")) or Path(name).suffix.lower() not in SUFFIXES:
        return False
    parts = Path(os.path.relpath(name, folder)).parts
    between = [Path(folder, *parts[:count]) for count in range(1, len(parts))]
    return not any(part.startswith(".") for part in parts) and not any(map(os.path.islink, between))


def _images_below(folder: Path) -> Iterator[Path]:
    try:
        with os.scandir(folder) as found:
            entries = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in found)
    except OSError:
        yield folder  # reading it fails with the reason, which is then reported like a bad file's
        return
    for name, is_folder in entries:
        path = folder / name
        if name.startswith("."):
            continue
        if is_folder:
            yield from _images_below(path)
        elif path.suffix.lower() in SUFFIXES and path.is_file():
            yield path


def read_upright(data: bytes) -> Image.Image:
    """Decode image bytes to mode 'RGB' or 'L', first frame, turned upright by its EXIF orientation.

    Transparent pixels become white; 16-bit greys are scaled to 8 bits.

    Raises:
        AffectoscopeError: not one of FORMATS, damaged, or larger than MAX_PIXELS.
    """
    if not data:
        raise AffectoscopeError("The file is empty (0 bytes); expected a JPEG, PNG or WebP image.")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise AffectoscopeError(
                f"The image has {width} x {height} pixels, more than the {MAX_PIXELS // 1_000_000} megapixels "
                "that are read; make it smaller."
            )
        image.load()
        return upright(image)
    except AffectoscopeError:
        raise
    except Image.DecompressionBombError as error:
        raise AffectoscopeError(
            "The image has more pixels than are read (50 megapixels); make it smaller."
        ) from error
    except Exception as error:  # Pillow's decoders raise many kinds on damaged input
        raise AffectoscopeError(
            "The file cannot be read as an image: it is damaged or no JPEG, PNG, WebP, BMP, TIFF or GIF."
        ) from error


def upright(image: Image.Image) -> Image.Image:
    """A decoded Pillow image as `read_upright` returns it."""
    with suppress(Exception):  # damaged metadata, of which Pillow raises many kinds, must not cost the photo
        image = ImageOps.exif_transpose(image)
    return _eight_bit(image)


def _eight_bit(image: Image.Image) -> Image.Image:
    """Mode 'L' or 'RGB' of any Pillow image, transparency on white."""
    if image.mode in ("L", "RGB") and "transparency" not in image.info:
        return image
    if image.mode == "1":
        return image.convert("L")
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image, dtype=np.float32)
        sixteen_bit = image.mode.startswith("I;16") or values.max(initial=0) > 255
        scale = 257.0 if sixteen_bit else 1.0
        return Image.fromarray(np.clip(values / scale, 0, 255).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("RGB")


def as_webp(pixels: np.ndarray, *, quality: int = 80) -> bytes:
    """Encode an (S, S, 1) or (S, S, 3) uint8 face as WebP."""
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=quality, method=4)
    return buffer.getvalue()


def laplacian(grey: np.ndarray) -> np.ndarray:
    """(n, h - 2, w - 2) discrete Laplacian of (n, h, w) images, without the border."""
    middle = grey[:, 1:-1, 1:-1]
    return grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:] - 4 * middle
