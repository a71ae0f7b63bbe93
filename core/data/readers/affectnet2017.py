"""AffectNet as released in 2017: full images, and lists of them as CSV tables.

Mollahosseini, Hasani & Mahoor (2017), "AffectNet: A Database for Facial Expression, Valence, and Arousal
Computing in the Wild". Mirrors rename and nest the folders, so lists and images are found by content.
"""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from core.data.face_table import FaceTable, Ledger, as_face_frame
from core.data.readers.affectnet2017_lists import (
    HEADER,
    POINTS,
    AnnotationList,
    count_lines,
    find_lists,
    read_batches,
    read_header,
    read_landmarks,
    read_numbers,
    read_references,
)
from core.data.readers.listing import FolderContents, shallow_folders
from core.data.readers.spec import DatasetSpec, Layout, Source, register
from core.data.readers.storage import FolderImages
from core.errors import AffectoscopeError
from core.labels import EXPRESSIONS

BOX = HEADER[1:5]

NO_BOX = "no face box (NULL)"

_SAMPLE = 200


def open_lists(
    path: Path, *, automatic: bool = False, progress: Callable[[int, int], None] | None = None
) -> FaceTable:
    """AffectNet 2017 below `path`. A face's reference is its path in the list.

    training.csv becomes split "train", validation.csv "test"; a list named otherwise is left unsplit. The
    automatically annotated list becomes "train", and is read where `automatic` or where there is no
    other. A face listed twice counts once, in the test split if it is there. Landmarks that are not 68
    numeric points are NaN.

    Raises:
        AffectoscopeError: no list is found, or no row of theirs is usable.
    """
    lists = find_lists(path)
    if not lists:
        raise AffectoscopeError(
            f"{path} has no AffectNet list: looked a few folders deep for a CSV with the columns "
            f"{','.join(HEADER)}. Pass the folder that holds the lists and the images."
        )
    if not automatic and not all(each.automatic for each in lists):
        lists = [each for each in lists if not each.automatic]
    folders = [
        folder / name for folder, names, _ in shallow_folders(path) for name in names if not name.isdigit()
    ]
    capacities = [count_lines(each.path) for each in lists]
    landmarks = np.empty((sum(capacities), POINTS * 2), np.float32)
    ledger, met, parts, roots, used = Ledger(), set(), [], [], 0
    for each in lists:
        contents = None
        for batch in read_batches(each, ledger):
            references = read_references(batch["subDirectory_filePath"])
            if contents is None:
                root = _image_root(references[:_SAMPLE], [path, *folders])
                roots += [root] if root and root not in roots else []
                contents = FolderContents(root or path, within=path)
            part = _numeric_columns(batch)
            keep = _refuse(references, part, contents, met, ledger)
            landmarks[used : used + keep.size] = read_landmarks(batch["facial_landmarks"])[keep]
            part = {name: values[keep] for name, values in part.items()}
            part["reference"] = [references[row] for row in keep]
            part["split"] = each.split
            parts.append(as_face_frame(part))
            used += keep.size
            if progress:
                progress(min(ledger.read, len(landmarks)), len(landmarks))
    if not used:
        found = " and ".join(str(root) for root in roots) or "in no folder"
        raise AffectoscopeError(
            f"{path} has no usable face: {ledger.sentence()}. Lists: "
            f"{', '.join(each.path.name for each in lists)}; images found: {found}. "
            "Pass the folder that holds both the lists and the images they name."
        )
    return FaceTable(
        name=SPEC.name,
        title=f"{SPEC.title} ({_which(lists)})",
        faces=pd.concat(parts, ignore_index=True),
        ledger=ledger,
        read_image=FolderImages(*roots),
        landmarks=landmarks[:used].reshape(used, POINTS, 2),
        note=SPEC.note if any(each.split == "test" for each in lists) else "",
    )


def _which(lists: list[AnnotationList]) -> str:
    kinds = {each.automatic for each in lists}
    if len(kinds) == 2:
        return "manual and automatic annotations"
    return "automatic annotations" if kinds == {True} else "manual annotations"


def _image_root(sample: list[str], folders: list[Path]) -> Path | None:
    """The folder below which most of the sampled images exist; None where none does."""

    def hits(folder: Path) -> int:
        return sum(os.path.isfile(folder / name) for name in sample if "\0" not in name)

    best = max(folders, key=hits)
    return best if hits(best) else None


def _numeric_columns(batch: dict[str, pa.Array]) -> dict[str, np.ndarray]:
    """Columns of a face frame; whatever is no number, and valence or arousal outside [-1, 1], is NaN."""
    columns = {f"box_{name.removeprefix('face_')}": read_numbers(batch[name]) for name in BOX}
    for name in ("valence", "arousal"):
        values = read_numbers(batch[name])
        columns[name] = np.where(np.abs(values) <= 1, values, np.nan)
    columns["expression"] = read_numbers(batch["expression"])
    return columns


def _refuse(
    references: list[str], columns: dict[str, np.ndarray], contents: FolderContents, met: set, ledger: Ledger
) -> np.ndarray:
    """Positions of the usable rows; the others go to the ledger, each with the first reason that holds."""
    x, y, width, height = (columns[name] for name in ("box_x", "box_y", "box_width", "box_height"))
    reasons = np.select(
        [
            ~np.isin(columns["expression"], range(len(EXPRESSIONS))),
            np.isnan(x + y + width + height),
            (width <= 0) | (height <= 0),
            (x + width <= 0) | (y + height <= 0),
        ],
        ["unknown label", NO_BOX, "box without area", "box outside the image"],
        "",
    )
    keep = []
    for row, (reference, reason) in enumerate(zip(references, reasons.tolist(), strict=True)):
        reason = contents.problem(reference) or reason or ("duplicate row" if reference in met else "")
        if reason:
            ledger.reject(reason, reference)
        else:
            met.add(reference)
            keep.append(row)
    return np.array(keep, np.int64)


def _recognise(source: Source) -> bool:
    return bool(find_lists(source.path) or _is_list(source))


def _open(source: Source) -> FaceTable | None:
    if _is_list(source):
        raise AffectoscopeError(
            f"{source.path} is one list of AffectNet; pass the folder that holds the lists and the images instead."
        )
    if not source.path.is_dir():
        return None
    return open_lists(source.path, automatic=source.automatic, progress=source.progress)


def _is_list(source: Source) -> bool:
    return source.path.is_file() and not source.is_zip and read_header(source.path) is not None


CITATION = (
    "A. Mollahosseini, B. Hasani, M. H. Mahoor (2019), AffectNet: A Database for Facial Expression, Valence, and "
    "Arousal Computing in the Wild, IEEE Transactions on Affective Computing 10(1), 18-31."
)

#: Of both releases.
NOTE = (
    "AffectNet has no public test set: papers report on its validation set, and so does the test split here."
)

LIMITS = (
    "Two people who annotated the same AffectNet faces agreed on 60.7% of them: no network can be trusted to know "
    "better than its annotators.",
)

SPEC = register(
    DatasetSpec(
        name="affectnet-2017",
        title="AffectNet 2017",
        layouts=(
            Layout(
                "affectnet-2017",
                "full images, and CSV lists of them with face boxes",
                _recognise,
                _open,
                precedence=2,  # others would list its million images
                labels="AffectNet's codes 0 to 10 in the column expression",
            ),
        ),
        official={"test": "AffectNet's validation list (it has no public test set)"},
        published={"train": 414_799, "test": 5_500},
        published_labels={
            "train": dict(
                zip(
                    EXPRESSIONS,
                    (74_874, 134_415, 25_459, 14_090, 6_378, 3_803, 24_882, 3_750, 33_088, 11_645, 82_415),
                    strict=True,
                )
            ),
            "test": dict.fromkeys(EXPRESSIONS, 500),
        },
        fixed_counts=("test",),
        boxes=True,
        affect=True,
        affectnet_regions=True,
        label_set=8,
        citation=CITATION,
        note=NOTE,
        limits=LIMITS,
    )
)
