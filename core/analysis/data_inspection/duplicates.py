"""Repeated faces of a data set: duplicates, augmented copies, and people in several splits."""

import re

import numpy as np
import pandas as pd

from core.data.near_duplicates import cross_split_pairs, near_duplicate_groups

#: Near-duplicates with one label in one split from which on they are called copies of each other.
COPIES = 3

#: Columns of a `duplicate_table`.
DUPLICATES_COLUMNS = ("split", "faces", "identical", "near", "copies", "leaked", "leaked_identical")

#: File names that augmentation leaves: a suffix within the name (x.jpg0.jpg), a word for what was done, or the names of
#: Keras's ImageDataGenerator (aug_0_1234.jpg).
_AUGMENTED = re.compile(
    r"\.(?:jpe?g|png|bmp|tiff?)[ _\-()0-9]*\.(?:jpe?g|png|bmp|tiff?)$"
    r"|(?:^|[_\-. ])(?:aug(?:mented)?|flip(?:ped)?|mirror(?:ed)?|rot(?:at(?:ed|e|ion))?[0-9]*)(?:[_\-. ][^/]*)?\.\w+$",
    re.IGNORECASE,
)


def augmented_names(references: pd.Series) -> np.ndarray:
    """(n,) mask of the references whose file is named like an augmented copy."""
    names = references.astype(str).str.rsplit("/", n=1).str[-1]
    return names.str.contains(_AUGMENTED).to_numpy(bool)


def duplicate_table(faces: pd.DataFrame) -> pd.DataFrame:
    """Duplicates in each split.

    Args:
        faces: split, expression and hash of each face, and, where known, twin; see measure_faces.

    Returns:
        One row per split: faces; identical (faces with the same pixels, or those mirrored, as another of the split) and
        near (near-duplicates, identical ones included); copies (those in groups of COPIES or more with one label);
        leaked and leaked_identical (faces with a near-duplicate or the same pixels in the training faces; NaN for these and
        without them); identical ones are NaN where twin is not given.
    """
    hashes, splits = faces["hash"].to_numpy(np.uint64), faces["split"].to_numpy(object)
    group = near_duplicate_groups(hashes)
    known = faces.assign(group=group)
    near = _sizes(known, ["group", "split"]) >= 2
    copies = _sizes(known, ["group", "split", "expression"]) >= COPIES
    pairs = cross_split_pairs(hashes, splits, of=())
    has_train, twins = "train" in pairs.splits, "twin" in faces
    in_train = pairs.counts[:, pairs.splits.index("train")] > 0 if has_train else np.zeros(len(faces), bool)
    identical = _sizes(known, ["twin", "split"]) >= 2 if twins else None
    trained = set(faces.loc[splits == "train", "twin"]) if twins else set()
    rows = []
    for split in pairs.splits:
        here = splits == split
        row = {"split": split, "faces": int(here.sum()), "near": int(near[here].sum())}
        row["copies"] = int(copies[here].sum())
        row["identical"] = float(identical[here].sum()) if twins else np.nan
        leaks = has_train and split != "train"
        row["leaked"] = float(in_train[here].sum()) if leaks else np.nan
        row["leaked_identical"] = (
            float(faces.loc[here, "twin"].isin(trained).sum()) if leaks and twins else np.nan
        )
        rows.append(row)
    return pd.DataFrame(rows, columns=list(DUPLICATES_COLUMNS))


def _sizes(faces: pd.DataFrame, keys: list[str]) -> np.ndarray:
    return faces.groupby(keys)[keys[0]].transform("size").to_numpy()


def count_subjects(faces: pd.DataFrame) -> tuple[int, int]:
    """Number of known subjects, and of those with faces in several splits."""
    known = faces[faces["subject"] != ""]
    splits = known.groupby("subject")["split"].nunique()
    return len(splits), int((splits > 1).sum())
