"""Plain image folders, one per expression: `train/<class>/...` and so on, or only `<class>/...`."""

import os
from collections import Counter

from core.data.face_table import FaceTable
from core.data.readers.listing import (
    IGNORED_SUFFIXES,
    IMAGE_SUFFIXES,
    Listing,
    common_prefix,
)
from core.data.readers.spec import DatasetSpec, Layout, Source, register, table_of_files
from core.errors import AffectoscopeError
from core.label_orders import LabelOrder, read_labels
from core.labels import EXPRESSIONS, find_code

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


def class_folders(folders: Counter[str]) -> Counter[str]:
    """Those of the folders that are named after a label or 0 to 10.

    Where a number is above 10, none is a label: AffectNet spreads its images over a thousand numbered folders.
    """
    numbers = {folder: int(folder) for folder in folders if folder.isascii() and folder.isdigit()}
    if max(numbers.values(), default=0) >= len(EXPRESSIONS):
        numbers = {}
    return Counter(
        {folder: folders[folder] for folder in folders if folder in numbers or find_code(folder) is not None}
    )


def head_length(listing: Listing) -> int | None:
    """Number of folders above the split or class folders; None if there are neither."""
    for length in range(_DEEPEST_HEAD + 1):
        folders = _folders_at(length, listing)
        if class_folders(folders) or any(folder.lower() in SPLITS for folder in folders):
            return length
    return None


def _folders_at(length: int, listing: Listing) -> Counter[str]:
    """Folders below `length` others, and how many images each holds."""
    paths = (name.split("/")[:-1] for name in listing.images)
    return Counter(path[length] for path in paths if len(path) > length)


def open_folders(listing: Listing, *, label_order: LabelOrder | None = None) -> FaceTable:
    """A folder or zip of images sorted into class folders, with or without split folders above them.

    A class folder is named after a label or a synonym in any case, or numbered 0 to 10 in `label_order` (no higher number
    may be among them); without it only the numbers 1 to 7, all of them and no other class, say whose they are: RAF-DB's.
    Files below a class folder, at any depth, are its faces. Without split folders the split is left empty.

    Raises:
        AffectoscopeError: no image lies in a class folder, or nothing says whose numbers the class folders have.
    """
    ledger = listing.ledger()
    length = head_length(listing)
    has_splits, codes, heads, note = False, {}, set(), ""
    if length is not None:
        has_splits = any(folder.lower() in SPLITS for folder in _folders_at(length, listing))
        classes = class_folders(_folders_at(length + has_splits, listing))
        codes, note = read_labels(classes, label_order, f"{listing.path} has class folders")
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
    parts = {
        "title": f"{listing.path.stem} ({'zip of image folders' if listing.is_zip else 'image folders'})",
        "note": note,
    }
    return table_of_files(SPEC, listing, columns, ledger, prefix=prefix, **parts)


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
    return open_folders(source.listing, label_order=source.label_order) if source.listing.images else None


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
                numbered=True,
                labels="the names of the class folders, or their numbers",
            ),
        ),
    )
)
