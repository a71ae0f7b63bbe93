"""Faces in YOLO format: data.yaml with the class names, and a text file of boxes beside each image.

    train/images/image0000013.jpg    train/labels/image0000013.txt: a line `class cx cy w h` a face, relative to the image

AffectNet's public mirror in this format has a spec of its own; any other data set whose classes are expressions is read
the same way.
"""

import io
import math
import os
import re
from collections.abc import Callable

from PIL import Image

from core.data.face_table import FaceTable
from core.data.readers.affectnet2017 import CITATION, LIMITS
from core.data.readers.folders import SPLITS
from core.data.readers.listing import MISSING, Listing
from core.data.readers.spec import DatasetSpec, Layout, Source, register, table_of_files
from core.data.readers.storage import FacesOfImages, face_reference
from core.errors import AffectoscopeError
from core.labels import LABEL_SETS, expression_code

_YAML = ("data.yaml", "data.yml")

#: Names of the images of AffectNet's mirror.
_AFFECTNET_IMAGE = re.compile(r"(image\d+|ffhq_\d+)\.[a-z]+$")

_TURNED = (5, 6, 7, 8)  # EXIF orientations that swap width and height


def class_names(text: str) -> dict[int, str]:
    """number -> name of the `names` in a data.yaml: a list or a mapping, on one line or several; {} where there are none.

    Only this part of YAML is read.
    """
    match = re.search(r"^names[ \t]*:(.*)", text, re.MULTILINE | re.DOTALL)
    if match is None:
        return {}
    rest = re.sub(r"(^|\s)#.*", "", match[1])
    if rest.lstrip()[:1] in ("[", "{"):
        items = re.split(r",", re.split(r"[\]}]", rest.lstrip()[1:])[0])
    else:
        block = re.match(r"[^\n]*((\n([ \t]+|-)[^\n]*|\n[ \t]*(?=\n))*)", rest)[1]
        items = [re.sub(r"^\s*-", "", line) for line in block.splitlines()]
    names: dict[int, str] = {}
    for item in filter(str.strip, items):
        pair = re.match(r"\s*(\d+)\s*:\s*(.*)", item)
        names[int(pair[1]) if pair else len(names)] = (pair[2] if pair else item).strip(" \t\n\r\"'")
    return names


def _find(listing: Listing) -> tuple[str, dict[int, int]] | None:
    """(folder of the data.yaml, number -> AffectNet code); None where none names an expression."""
    for path in listing.find(*_YAML):
        codes = {}
        for number, name in class_names(listing.read_text(path)).items():
            try:
                codes[number] = expression_code(name)
            except ValueError:
                continue
        if codes:
            return path.rpartition("/")[0], codes
    return None


def _is_affectnet(listing: Listing, codes: dict[int, int]) -> bool:
    images = listing.images
    named = sum(bool(_AFFECTNET_IMAGE.match(name.rpartition("/")[2])) for name in images)
    alphabetical = [expression_code(name) for name in sorted(LABEL_SETS[8].labels)]
    return [codes.get(number) for number in range(len(codes))] == alphabetical and 2 * named > len(images)


def open_yolo(
    listing: Listing, *, affectnet: bool, progress: Callable[[int, int], None] | None = None
) -> FaceTable | None:
    """Faces by their boxes, in pixels. A further face of an image has the reference `<image>#<n>`.

    Returns:
        None where there is no data.yaml with expressions, or it is AffectNet's mirror and `affectnet` is False, or it is
        not and `affectnet` is True.

    Raises:
        AffectoscopeError: no face is usable.
    """
    found = _find(listing)
    if found is None or _is_affectnet(listing, found[1]) != affectnet:
        return None
    root, codes = found
    prefix = f"{root}/" if root else ""
    inside = {name for name in listing.names if name.startswith(prefix)}
    labels = {key: name for name in inside if (key := _key(name, "labels", (".txt",)))}
    images = sorted((key, name) for name in set(listing.images) & inside if (key := _key(name, "images")))
    ledger, reader = listing.ledger(), listing.reader(prefix)
    names = ("reference", "expression", "split", "box_x", "box_y", "box_width", "box_height")
    columns: dict[str, list] = {name: [] for name in names}
    for done, (key, image) in enumerate(images):
        reference = image[len(prefix) :]
        for number, row in enumerate(_rows(reader, labels.pop(key, ""), prefix)):
            ledger.read += 1
            face = _read_row(row, reader, reference, codes)
            if isinstance(face, str):
                ledger.reject(face, reference)
                continue
            values = (face_reference(reference, number), face[0], _split(key), *face[1:])
            for name, value in zip(names, values, strict=True):
                columns[name].append(value)
        if progress and done % 1000 == 0:
            progress(done, len(images))
    for name in sorted(labels.values()):
        ledger.read += 1
        ledger.reject(MISSING, name[len(prefix) :])
    spec = AFFECTNET if affectnet else ANY
    if not columns["reference"]:
        raise AffectoscopeError(
            f"{listing.path} has a data.yaml and no usable face: {ledger.sentence()}. Expected images such as "
            "train/images/a.jpg and lines 'class cx cy w h' such as '4 0.5 0.5 1 1' in train/labels/a.txt."
        )
    return table_of_files(spec, listing, columns, ledger, prefix=prefix, read_image=FacesOfImages(reader))


def _key(name: str, folder: str, suffixes: tuple[str, ...] | None = None) -> str:
    """The path without suffix and with '*' for the folder, which images and labels share; '' outside such a folder."""
    stem, suffix = os.path.splitext(name)
    parts = stem.split("/")
    if folder not in parts[:-1] or (suffixes and suffix.lower() not in suffixes):
        return ""
    parts[len(parts) - 1 - parts[::-1].index(folder)] = "*"
    return "/".join(parts)


def _split(key: str) -> str:
    return next((SPLITS[part.lower()] for part in key.split("/") if part.lower() in SPLITS), "")


def _rows(reader: Callable[[str], bytes], name: str, prefix: str) -> list[list[str]]:
    """Fields of the lines of a label file; one row without fields where it names no face or is not there."""
    try:
        text = reader(name[len(prefix) :]).decode("latin-1") if name else ""
    except OSError:
        text = ""
    return [line.split() for line in text.splitlines() if line.strip()] or [[]]


def _read_row(
    row: list[str], reader: Callable[[str], bytes], image: str, codes: dict[int, int]
) -> tuple[int, float, float, float, float] | str:
    """(AffectNet code, x, y, width, height) in pixels, or the reason that the row is rejected."""
    if not row:
        return "missing annotation"
    try:
        number, *box = map(float, row)
        x, y, width, height = box
    except ValueError:
        return "unreadable row"
    if number not in codes:
        return "unknown label"
    if not all(map(math.isfinite, box)) or width <= 0 or height <= 0:
        return "box without area"
    if not (x + width / 2 > 0 and y + height / 2 > 0 and x - width / 2 < 1 and y - height / 2 < 1):
        return "box outside the image"
    try:
        with Image.open(io.BytesIO(reader(image))) as opened:
            across, down = opened.size
            if opened.getexif().get(0x0112) in _TURNED:
                across, down = down, across
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return "unreadable image"
    return (
        codes[int(number)],
        (x - width / 2) * across,
        (y - height / 2) * down,
        width * across,
        height * down,
    )


def _layout(format: str, looks: str, *, affectnet: bool) -> Layout:
    def recognise(source: Source) -> bool:
        found = _find(source.listing)
        return found is not None and _is_affectnet(source.listing, found[1]) == affectnet

    def open_layout(source: Source) -> FaceTable | None:
        return open_yolo(source.listing, affectnet=affectnet, progress=source.progress)

    return Layout(format, looks, recognise, open_layout, labels="the names in data.yaml")


AFFECTNET = register(
    DatasetSpec(
        name="affectnet-yolo",
        title="AffectNet, YOLO format",
        layouts=(
            _layout(
                "affectnet-yolo",
                "data.yaml, train/images/image0000013.jpg and train/labels/image0000013.txt, in a folder or a zip",
                affectnet=True,
            ),
        ),
        official={"validation": "the mirror's valid folder", "test": "the mirror's test folder"},
        published={"train": 17_101, "validation": 5_406, "test": 2_755},
        boxes=True,
        label_set=8,
        citation=CITATION,
        note=(
            "A public mirror of AffectNet in YOLO format, cropped to 96x96: its splits are not AffectNet's, "
            "and scores on them compare with no published ones."
        ),
        limits=LIMITS,
    )
)

ANY = register(
    DatasetSpec(
        name="yolo",
        title="YOLO format",
        layouts=(
            _layout(
                "yolo",
                "data.yaml whose names are expressions, and boxes of faces in labels/ beside images/",
                affectnet=False,
            ),
        ),
        boxes=True,
    )
)
