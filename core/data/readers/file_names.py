"""Data sets whose file names say what each face is, in folders or in a zip of them."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import pandas as pd

from core.data.face_table import FaceTable
from core.data.readers.listing import Listing, common_prefix
from core.data.readers.spec import DatasetSpec, Layout, dataset_spec, table_of_files
from core.errors import AffectoscopeError


@dataclass(frozen=True)
class NamedFace:
    """What the path of an image says of its face.

    Attributes:
        expression: AffectNet code.
        split: name, "" where the path names none.
        subject: identifier of the person shown, "" where unknown.
        attributes: further columns, the same ones for every face of a data set.
    """

    expression: int
    split: str = ""
    subject: str = ""
    attributes: dict[str, str] = field(default_factory=dict)


def named_layout(
    name: str,
    pattern: re.Pattern[str],
    read: Callable[[re.Match[str]], NamedFace | str],
    *,
    example: str,
    labels: str = "the file names",
) -> Layout:
    """The only layout of a data set whose images are recognised by their paths.

    Args:
        name: of the data set and of the format.
        pattern, read: as `open_by_name` takes them.
        example: the path of an image.
        labels: where the labels come from.
    """
    return Layout(
        name,
        f"{example} and so on, in a folder or a zip",
        lambda source: most_match(source.listing, pattern),
        lambda source: open_by_name(
            source.listing,
            pattern,
            read,
            spec=dataset_spec(name),
            other="file name of another form",
            expected=example,
        ),
        labels=labels,
    )


def most_match(listing: Listing, pattern: re.Pattern[str]) -> bool:
    """Return whether most images have such a name."""
    images = listing.images
    return bool(images) and 2 * sum(bool(pattern.match(name)) for name in images) > len(images)


def open_by_name(
    listing: Listing,
    pattern: re.Pattern[str],
    read: Callable[[re.Match[str]], NamedFace | str],
    *,
    spec: DatasetSpec,
    other: str,
    expected: str,
) -> FaceTable:
    """The faces of the images whose names match.

    Args:
        pattern: has the group `head`, the folders above the data set.
        read: gives the face of a match, or the reason that the image is rejected.
        other: reason that images with other names are rejected.
        expected: examples of file names, for the error.

    Raises:
        AffectoscopeError: no image is usable.
    """
    ledger = listing.ledger()
    matches = [(name, pattern.match(name)) for name in listing.images]
    prefix = common_prefix({match["head"] for _, match in matches if match})
    faces: dict[str, NamedFace] = {}
    for name, match in matches:
        ledger.read += 1
        face = read(match) if match else other
        if isinstance(face, str):
            ledger.reject(face, name)
        else:
            faces[name[len(prefix) :]] = face
    if not faces:
        raise AffectoscopeError(
            f"{listing.path} has no {spec.title} face: {ledger.sentence()}. Expected files such as {expected}."
        )
    columns = {
        name: [getattr(face, name) for face in faces.values()] for name in ("expression", "split", "subject")
    }
    attributes = pd.DataFrame([face.attributes for face in faces.values()])
    parts = {
        "title": f"{spec.title} ({'zip of folders' if listing.is_zip else 'folders'})",
        "attributes": attributes if len(attributes.columns) else None,
    }
    return table_of_files(spec, listing, columns | {"reference": list(faces)}, ledger, prefix=prefix, **parts)
