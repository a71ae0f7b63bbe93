"""Plain image folders, one per expression: `train/<class>/...` and so on, or only `<class>/...`."""

import os

from core.data.face_table import FaceTable, Ledger, as_face_frame
from core.data.readers.listing import (
    IGNORED_SUFFIXES,
    IMAGE_SUFFIXES,
    Listing,
    common_prefix,
)
from core.data.readers.spec import DatasetSpec, Layout, Source, register
from core.errors import AffectoscopeError
from core.labels import EXPRESSIONS, expression_code

SPLITS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}

_DEEPEST_HEAD = 3


def class_codes(folders: set[str]) -> dict[str, int]:
    """AffectNet codes of those folders that name a label, by name, synonym or a code '0' to '10'.

    Where a number is above 10, none is a code: AffectNet spreads its images over a thousand numbered folders.
    """
    numbers = {folder: int(folder) for folder in folders if folder.isascii() and folder.isdigit()}
    codes = numbers if max(numbers.values(), default=0) < len(EXPRESSIONS) else {}
    for folder in folders - numbers.keys():
        try:
            codes[folder] = expression_code(folder)
        except ValueError:
            continue
    return codes


def head_length(listing: Listing) -> int | None:
    """Number of folders above the split or class folders; None if there are neither."""
    for length in range(_DEEPEST_HEAD + 1):
        folders = _folders_at(length, listing)
        if class_codes(folders) or any(folder.lower() in SPLITS for folder in folders):
            return length
    return None


def _folders_at(length: int, listing: Listing) -> set[str]:
    paths = (name.split("/")[:-1] for name in listing.images)
    return {path[length] for path in paths if len(path) > length}


def open_folders(listing: Listing) -> FaceTable:
    """A folder or zip of images sorted into class folders, with or without split folders above them.

    A class folder is named after a label or a synonym in any case, or numbered 0 to 10 as AffectNet
    numbers its labels (no higher number may be among them). Files below a class folder, at any depth, are its faces. Without split folders
    the split is left empty.

    Raises:
        AffectoscopeError: no image lies in a class folder.
    """
    ledger = Ledger(read=len(listing.rejected))
    for reason, name in listing.rejected:
        ledger.reject(reason, name)
    length = head_length(listing)
    has_splits, codes, heads = False, {}, set()
    if length is not None:
        has_splits = any(folder.lower() in SPLITS for folder in _folders_at(length, listing))
        codes = class_codes(_folders_at(length + has_splits, listing))
        paths = [name.split("/") for name in listing.images]
        heads = {"".join(f"{part}/" for part in path[:length]) for path in paths if len(path) > length + 1}
    prefix = common_prefix(heads)
    columns: dict[str, list] = {"reference": [], "expression": [], "split": []}
    for name in listing.names:
        suffix = os.path.splitext(name)[1].lower()
        if suffix in IGNORED_SUFFIXES:
            continue
        ledger.read += 1
        face = _read_path(name.split("/")[length or 0 : -1], suffix, has_splits, codes)
        if isinstance(face, str):
            ledger.reject(face, name)
            continue
        columns["reference"].append(name[len(prefix) :])
        columns["expression"].append(face[0])
        columns["split"].append(face[1])
    if not columns["reference"]:
        raise AffectoscopeError(
            f"{listing.path} has no image in a class folder ({ledger.sentence()}). Expected folders "
            f"such as train/happy and test/happy, or only happy, named {', '.join(EXPRESSIONS)}."
        )
    numbered = any(folder.isdigit() for folder in codes)
    return FaceTable(
        name=SPEC.name,
        title=f"{listing.path.stem} ({'zip of image folders' if listing.is_zip else 'image folders'})",
        faces=as_face_frame(columns),
        ledger=ledger,
        read_image=listing.reader(prefix),
        note="Numbered class folders are read as AffectNet codes: 0 neutral, 1 happy, ..."
        if numbered
        else "",
    )


def _read_path(
    folders: list[str], suffix: str, has_splits: bool, codes: dict[str, int]
) -> tuple[int, str] | str:
    """(AffectNet code, split) of a file in `folders`, or the reason it is rejected."""
    if suffix not in IMAGE_SUFFIXES:
        return "not an image"
    split = ""
    if has_splits:
        if not folders or folders[0].lower() not in SPLITS:
            return "unknown split"
        split = SPLITS[folders[0].lower()]
        folders = folders[1:]
    if not folders or folders[0] not in codes:
        return "unknown label"
    return codes[folders[0]], split


def _open(source: Source) -> FaceTable | None:
    return open_folders(source.listing) if source.listing.images else None


SPEC = register(
    DatasetSpec(
        name="folders",
        title="Image folders",
        layouts=(
            Layout(
                "folders",
                "images in folders such as train/happy, or only happy, in a folder or a zip",
                lambda source: bool(source.listing.images) and head_length(source.listing) is not None,
                _open,
                precedence=-1,  # many data sets have such folders
            ),
        ),
    )
)
