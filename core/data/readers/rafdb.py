"""RAF-DB, basic expressions: the official release, and Kaggle's copy in numbered class folders.

Li, Deng & Du (2017), "Reliable Crowdsourcing and Deep Locality-Preserving Learning for Expression Recognition in the
Wild", CVPR. Aligned 100x100 colour faces; seven expressions, numbered 1 to 7; no valence, no arousal.
"""

import os
import re

import pandas as pd

from core.data.face_table import FaceTable
from core.data.readers.file_names import NamedFace, most_match, open_by_name
from core.data.readers.listing import MISSING, Listing, common_prefix, list_files, usable_lines
from core.data.readers.spec import DatasetSpec, Layout, Source, register, table_of_files
from core.errors import AffectoscopeError
from core.label_orders import RAFDB
from core.labels import expression_code

#: Meaning of the numbers after the five landmarks of an annotation, in their order.
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "gender": ("male", "female", "unsure"),
    "race": ("Caucasian", "African-American", "Asian"),
    "age_group": ("0 to 3", "4 to 19", "20 to 39", "40 to 69", "70 and above"),
}

#: The list of labels, as its authors spell its name and as others correct it.
_LISTS = ("list_patition_label.txt", "list_partition_label.txt")

_LANDMARK_NUMBERS = 10

_KAGGLE = re.compile(
    r"(?P<head>(?:.*/)?)(?P<reference>(?P<number>[^/]+)/(?P<split>train|test)_\d+_aligned\.[a-z]+)$",
    re.IGNORECASE,
)

#: File name of a face of RAF-DB.
FACE = re.compile(r"(?P<split>train|test)_\d+(_aligned)?(\.[a-z]+)?$", re.IGNORECASE)


def open_kaggle(listing: Listing) -> FaceTable:
    """RAF-DB as `DATASET/{train,test}/{1..7}/train_00001_aligned.jpg`; the split comes from the file name.

    Raises:
        AffectoscopeError: no image is named that way.
    """

    def read(match: re.Match[str]) -> NamedFace | str:
        code = label_code(match["number"])
        return "unknown label" if code is None else NamedFace(code, match["split"].lower())

    return open_by_name(
        listing,
        _KAGGLE,
        read,
        spec=SPEC,
        other="no face of RAF-DB by its name",
        expected="train/4/train_00012_aligned.jpg",
    )


def open_official(listing: Listing) -> FaceTable:
    """RAF-DB as released: EmoLabel/list_patition_label.txt and Image/aligned/, with Annotation/manual/ where it is there.

    Raises:
        AffectoscopeError: no row of the list is usable, or the aligned images are not there.
    """
    path = listing.find(*_LISTS)[0]
    aligned = {stem: name for stem, name in _stems(listing, ".jpg", ".jpeg", ".png") if "_aligned" in stem}
    prefix = common_prefix({f"{os.path.dirname(name)}/" for name in (path, *aligned.values())})
    ledger, met = listing.ledger(), set()
    columns: dict[str, list] = {"reference": [], "expression": [], "split": []}
    used = []
    for face in usable_lines(listing.read_text(path), _read_line, ledger):
        stem, code, split = face
        image = aligned.get(f"{stem}_aligned")
        if image is None or stem in met:
            ledger.reject("duplicate row" if stem in met else MISSING, stem)
            continue
        met.add(stem)
        used.append(stem)
        columns["reference"].append(image[len(prefix) :])
        columns["expression"].append(code)
        columns["split"].append(split)
    if not used:
        raise AffectoscopeError(
            f"{listing.path} has {os.path.basename(path)} and no usable face: {ledger.sentence()}. Expected lines such as "
            "'train_00001.jpg 5' and images such as Image/aligned/train_00001_aligned.jpg; unpack aligned.zip."
        )
    parts = {
        "title": f"{SPEC.title} ({'zip of the release' if listing.is_zip else 'official release'})",
        "attributes": _attributes(listing, used),
    }
    return table_of_files(SPEC, listing, columns, ledger, prefix=prefix, **parts)


def label_code(number: str) -> int | None:
    """AffectNet code of RAF-DB's number 1 to 7; None for any other text."""
    return expression_code(RAFDB[int(number) - 1]) if re.fullmatch("[1-7]", number) else None


def _stems(listing: Listing, *suffixes: str) -> list[tuple[str, str]]:
    """(name without folder and suffix, path) of the files with one of the suffixes."""
    split = ((os.path.splitext(os.path.basename(name)), name) for name in listing.names)
    return [(stem, name) for (stem, suffix), name in split if suffix.lower() in suffixes]


def _read_line(line: str) -> tuple[str, int, str] | str:
    """(name without suffix, AffectNet code, split) of a line of the list, or the reason it is rejected."""
    fields = line.split()
    if len(fields) != 2:
        return "unreadable row"
    match, code = FACE.match(fields[0]), label_code(fields[1])
    if code is None:
        return "unknown label"
    return (os.path.splitext(fields[0])[0], code, match["split"].lower()) if match else "unknown split"


def _attributes(listing: Listing, faces: list[str]) -> pd.DataFrame | None:
    """Gender, race and age group of the faces, None where not annotated; None where no annotation is there."""
    files = {stem: name for stem, name in _stems(listing, ".txt") if stem.endswith("_manu_attri")}
    if not files:
        return None
    reader = listing.reader()
    rows = []
    for face in faces:
        try:
            text = reader(files[f"{face}_manu_attri"]).decode("latin-1")
        except (KeyError, OSError):
            text = ""
        numbers = text.split()[_LANDMARK_NUMBERS:]
        values = zip(numbers, ATTRIBUTES.values(), strict=False)
        named = [names[int(n)] if n.isdigit() and int(n) < len(names) else None for n, names in values]
        rows.append(named if len(named) == len(ATTRIBUTES) else [None] * len(ATTRIBUTES))
    return pd.DataFrame(rows, columns=list(ATTRIBUTES), dtype=object)


def _release(source: Source) -> Listing:
    """The files of the source; of the folder itself where the list lies in it, whatever zip of images is beside it."""
    beside = source.path.is_dir() and any(file.name.lower() in _LISTS for file in source.files)
    return list_files(source.path) if beside else source.listing


def _open_official(source: Source) -> FaceTable | None:
    listing = _release(source)
    return open_official(listing) if listing.find(*_LISTS) else None


def _open_kaggle(source: Source) -> FaceTable | None:
    return open_kaggle(source.listing) if source.listing.images else None


SPEC = register(
    DatasetSpec(
        name="rafdb",
        title="RAF-DB",
        layouts=(
            Layout(
                "rafdb",
                "EmoLabel/list_patition_label.txt and Image/aligned/train_00001_aligned.jpg, in a folder or a zip",
                lambda source: bool(_release(source).find(*_LISTS)),
                _open_official,
                labels="RAF-DB's codes 1 to 7 in list_patition_label.txt",
            ),
            Layout(
                "rafdb-folders",
                "train/1/train_00001_aligned.jpg and so on, in a folder or a zip",
                lambda source: most_match(source.listing, _KAGGLE),
                _open_kaggle,
                labels="RAF-DB's codes 1 to 7 as class folders, because the files are named *_aligned.jpg",
            ),
        ),
        official={"test": "RAF-DB's test set"},
        published={"train": 12_271, "test": 3_068},
        published_labels={
            "train": dict(zip(RAFDB, (1_290, 281, 717, 4_772, 1_982, 705, 2_524), strict=True)),
            "test": dict(zip(RAFDB, (329, 74, 160, 1_185, 478, 162, 680), strict=True)),
        },
        citation=(
            "S. Li, W. Deng, J. Du (2017), Reliable Crowdsourcing and Deep Locality-Preserving Learning for Expression "
            "Recognition in the Wild, IEEE Conference on Computer Vision and Pattern Recognition (CVPR), 2584-2593."
        ),
        note="The basic expressions of RAF-DB, in its official training and test sets.",
    )
)
