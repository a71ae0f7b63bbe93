"""Data sets whose file names say what each face is, in folders or in a zip of them."""

import re
from collections.abc import Callable

from core.data.face_table import FaceTable, as_face_frame
from core.data.readers.listing import Listing, common_prefix
from core.data.readers.spec import DatasetSpec
from core.errors import AffectoscopeError


def most_match(listing: Listing, pattern: re.Pattern[str]) -> bool:
    """Return whether most images have such a name."""
    images = listing.images
    return bool(images) and 2 * sum(bool(pattern.match(name)) for name in images) > len(images)


def open_by_name(
    listing: Listing,
    pattern: re.Pattern[str],
    read: Callable[[re.Match[str]], tuple[int, str] | str],
    *,
    spec: DatasetSpec,
    other: str,
    expected: str,
) -> FaceTable:
    """The faces of the images whose names match.

    Args:
        pattern: has the groups `head`, the folders above the data set, and `reference`.
        read: gives (AffectNet code, split) of a match, or the reason that the image is rejected.
        other: reason that images with other names are rejected.
        expected: examples of file names, for the error.

    Raises:
        AffectoscopeError: no image is usable.
    """
    ledger = listing.ledger()
    matches = [(name, pattern.match(name)) for name in listing.images]
    prefix = common_prefix({match["head"] for _, match in matches if match})
    columns: dict[str, list] = {"reference": [], "expression": [], "split": []}
    for name, match in matches:
        ledger.read += 1
        face = read(match) if match else other
        if isinstance(face, str):
            ledger.reject(face, name)
            continue
        columns["reference"].append(name[len(prefix) :])
        columns["expression"].append(face[0])
        columns["split"].append(face[1])
    if not columns["reference"]:
        raise AffectoscopeError(
            f"{listing.path} has no {spec.title} face: {ledger.sentence()}. Expected files such as {expected}."
        )
    return FaceTable(
        name=spec.name,
        title=f"{spec.title} ({'zip of folders' if listing.is_zip else 'folders'})",
        faces=as_face_frame(columns),
        ledger=ledger,
        read_image=listing.reader(prefix),
        note=spec.note,
    )
