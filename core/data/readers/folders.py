"""Plain image folders, one per expression: `train/<class>/...` and so on, or only `<class>/...`."""

import os
from collections import Counter
from collections.abc import Collection

from core.data.face_table import FaceTable, as_face_frame
from core.data.readers.listing import (
    IGNORED_SUFFIXES,
    IMAGE_SUFFIXES,
    Listing,
    common_prefix,
)
from core.data.readers.spec import DatasetSpec, Layout, Source, register
from core.errors import AffectoscopeError
from core.label_orders import LabelOrder, undecided
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


def named_classes(folders: Collection[str]) -> dict[str, int]:
    """AffectNet codes of those folders that name a label, by name or synonym."""
    codes = {}
    for folder in folders:
        try:
            codes[folder] = expression_code(folder)
        except ValueError:
            continue
    return codes


def numbered_classes(folders: Collection[str]) -> dict[str, int]:
    """Numbers of those folders that are named 0 to 10.

    Where a number is above 10, none is a label: AffectNet spreads its images over a thousand numbered folders.
    """
    numbers = {folder: int(folder) for folder in folders if folder.isascii() and folder.isdigit()}
    return numbers if max(numbers.values(), default=0) < len(EXPRESSIONS) else {}


def _order_of(faces: dict[str, int], numbers: dict[str, int], listing: Listing) -> LabelOrder:
    """The label order of numbered class folders of which the user does not say it.

    Args:
        faces: folder -> images in it.
        numbers: folder -> its number.

    Raises:
        AffectoscopeError: nothing says whose numbers they are.
    """
    if set(numbers.values()) == set(range(1, 8)) and len(faces) == len(numbers):
        return LabelOrder("rafdb")
    counts = Counter({number: 0 for number in numbers.values()})
    for folder, number in numbers.items():
        counts[number] += faces[folder]
    raise undecided(f"{listing.path} has class folders", dict(counts))


def head_length(listing: Listing) -> int | None:
    """Number of folders above the split or class folders; None if there are neither."""
    for length in range(_DEEPEST_HEAD + 1):
        folders = _folders_at(length, listing)
        is_split = any(folder.lower() in SPLITS for folder in folders)
        if is_split or named_classes(folders) or numbered_classes(folders):
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
        classes = _folders_at(length + has_splits, listing)
        codes = named_classes(classes)
        if numbers := numbered_classes(classes):
            order = label_order or _order_of(
                {folder: classes[folder] for folder in {*codes, *numbers}}, numbers, listing
            )
            known = order.codes(set(numbers.values()))
            codes |= {folder: known[number] for folder, number in numbers.items() if number in known}
            note = f"The numbers of the class folders are read as {order.title}: {_reading(known)}."
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
    return FaceTable(
        name=SPEC.name,
        title=f"{listing.path.stem} ({'zip of image folders' if listing.is_zip else 'image folders'})",
        faces=as_face_frame(columns),
        ledger=ledger,
        read_image=listing.reader(prefix),
        note=note,
    )


def _reading(codes: dict[int, int]) -> str:
    """'1 surprise, 2 fear, ...'"""
    return ", ".join(f"{number} {EXPRESSIONS[code]}" for number, code in sorted(codes.items()))


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
            ),
        ),
    )
)
