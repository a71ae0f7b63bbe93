"""AffectNet+: one JSON file an image, with a human label, a soft label of eight weights, a subset and metadata.

Fard, Hosseini, Sweeny & Mahoor (2024), "AffectNet+: A Database for Enhancing Facial Expression Recognition with
Soft-Labels". The JSON of an image has its name and lies beside it, or in a folder beside that of the images.
"""

import json
import math
import os
import re
from collections.abc import Callable

import numpy as np
import pandas as pd

from core.data.face_table import FaceTable
from core.data.readers.affectnet2017 import LIMITS, NOTE
from core.data.readers.attributes import comparable_attributes
from core.data.readers.listing import MISSING, Listing, common_prefix
from core.data.readers.spec import DatasetSpec, Layout, Source, register, table_of_files
from core.errors import AffectoscopeError
from core.labels import EXPRESSIONS

_SOFT_LABELS = 8
_PROBED = 20  # JSON files looked at, to recognise the data set


def looks_like_affectnet_plus(listing: Listing) -> bool:
    """Return whether one of the first JSON files has a human label."""
    found = [name for name in listing.names if name.lower().endswith(".json")][:_PROBED]
    reader = listing.reader()
    return any("humanlabel" in (_read_json(reader, name) or {}) for name in found)


def open_annotations(
    listing: Listing, *, progress: Callable[[int, int], None] | None = None
) -> FaceTable | None:
    """AffectNet+. A folder whose name begins with train is split "train", with val or test "test".

    The soft label becomes the votes of the face, the subset and the metadata its attributes.

    Returns:
        None where no JSON file has a human label.

    Raises:
        AffectoscopeError: no face is usable.
    """
    if not looks_like_affectnet_plus(listing):
        return None
    beside, below = _by_stem(listing)
    ledger, reader = listing.ledger(), listing.reader()
    columns: dict[str, list] = {
        name: [] for name in ("reference", "expression", "split", "valence", "arousal")
    }
    votes, attributes, met = [], [], set()
    annotations = [name for name in listing.names if name.lower().endswith(".json")]
    for done, name in enumerate(annotations):
        content = _read_json(reader, name)
        if content is not None and "humanlabel" not in content:
            continue  # of the data set as a whole
        ledger.read += 1
        folder, stem = os.path.split(os.path.splitext(name)[0])
        image = beside.get((folder, stem)) or below.get((os.path.dirname(folder), stem))
        code = _whole(content["humanlabel"]) if content else None
        reason = (
            ("unreadable annotation" if content is None else "")
            or ("unknown label" if code not in range(len(EXPRESSIONS)) else "")
            or (MISSING if image is None else "")
            or ("duplicate row" if image in met else "")
        )
        if reason:
            ledger.reject(reason, name)
            continue
        met.add(image)
        metadata = content.get("metadata")
        metadata = _flat(metadata) if isinstance(metadata, dict) else {}
        columns["reference"].append(image)
        columns["expression"].append(code)
        columns["split"].append(_split(image))
        for each in ("valence", "arousal"):
            columns[each].append(_affect(content.get(each, metadata.pop(each, None))))
        votes.append(_soft_label(content.get("softlabel")))
        attributes.append({"subset": _whole(content.get("subset"))} | metadata)
        if progress and done % 1000 == 0:
            progress(done, len(annotations))
    if not met:
        raise AffectoscopeError(
            f"{listing.path} has annotations of AffectNet+ and no usable face: {ledger.sentence()}. Expected an image "
            "with the name of each JSON file, beside it or in a folder beside its folder."
        )
    prefix = common_prefix({f"{name.rpartition('/')[0]}/" for name in met})
    if _split(prefix + "x"):  # one set alone keeps its folder in the references
        prefix = ""
    columns["reference"] = [name[len(prefix) :] for name in columns["reference"]]
    found = np.array(votes, np.float32)
    parts = {
        "note": SPEC.note if "test" in columns["split"] else "",
        "votes": found if found.any() else None,
        "attributes": comparable_attributes(pd.DataFrame(attributes)),
    }
    return table_of_files(SPEC, listing, columns, ledger, prefix=prefix, **parts)


def _by_stem(listing: Listing) -> tuple[dict[tuple[str, str], str], dict[tuple[str, str], str]]:
    """Images by (folder, name without suffix), and by (folder above theirs, name without suffix)."""
    beside, below = {}, {}
    for name in listing.images:
        folder, stem = os.path.split(os.path.splitext(name)[0])
        beside[folder, stem] = name
        if folder:
            below.setdefault((os.path.dirname(folder), stem), name)
    return beside, below


def _read_json(reader: Callable[[str], bytes], name: str) -> dict | None:
    """The object in the file, its keys in lower case without hyphens; None where it is none."""
    try:
        content = json.loads(reader(name).decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    return {re.sub(r"[^a-z0-9]", "", str(key).lower()): value for key, value in content.items()}


def _whole(value) -> int | None:
    """A whole number, written as one or as text; None for anything else."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return int(number) if number.is_integer() else None


def _affect(value) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return math.nan
    return number if abs(number) <= 1 else math.nan


def _soft_label(value) -> np.ndarray:
    """(11,) weights of the expressions; zeros where there are not eight numbers from 0."""
    weights = np.zeros(len(EXPRESSIONS), np.float32)
    try:
        numbers = np.array(value, np.float32)
    except (TypeError, ValueError):
        return weights
    if numbers.shape == (_SOFT_LABELS,) and np.isfinite(numbers).all() and (numbers >= 0).all():
        weights[:_SOFT_LABELS] = numbers
    return weights


def _flat(metadata: dict, above: str = "") -> dict[str, float | str | None]:
    """The numbers and texts in nested metadata: {'Pose': {'yaw': 3}} -> {'pose_yaw': 3}."""
    found = {}
    for key, value in metadata.items():
        name = above + re.sub(r"[^a-z0-9]+", "_", str(key).lower()).strip("_")
        if isinstance(value, dict):
            found |= _flat(value, f"{name}_")
        elif isinstance(value, str | int | float) or value is None:
            found[name] = value
    return found


def _split(image: str) -> str:
    for folder in image.lower().split("/")[:-1]:
        if folder.startswith(("train", "val", "test")):
            return "train" if folder.startswith("train") else "test"
    return ""


def _open(source: Source) -> FaceTable | None:
    return open_annotations(source.listing, progress=source.progress)


SPEC = register(
    DatasetSpec(
        name="affectnet-plus",
        title="AffectNet+",
        layouts=(
            Layout(
                "affectnet-plus",
                "a JSON file with Human-Label and Soft-Label for each image, in a folder or a zip",
                lambda source: looks_like_affectnet_plus(source.listing),
                _open,
                labels="AffectNet's codes in Human-Label",
            ),
        ),
        official={"test": "AffectNet's validation set (it has no public test set)"},
        fixed_counts=("test",),
        affect=True,
        affectnet_regions=True,
        votes=True,
        label_set=8,
        citation=(
            "A. P. Fard, M. M. Hosseini, T. D. Sweeny, M. H. Mahoor (2024), AffectNet+: A Database for Enhancing Facial "
            "Expression Recognition with Soft-Labels, arXiv:2410.22506."
        ),
        note=NOTE,
        limits=LIMITS,
    )
)
