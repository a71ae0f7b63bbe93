"""Faces per split and label beside those published: missing and surplus faces, and labels in another order."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from core.data.readers.spec import DatasetSpec
from core.labels import EXPRESSIONS

#: Columns of a `counts_table`.
COUNTS_COLUMNS = ("split", "expression", "faces", "published")

#: Fewer faces of a split do not tell the order of their labels.
ENOUGH_LABELS = 1000

#: Share of the faces whose labels do not fit the published counts from which on another order of the labels is looked for,
#: and the share that may still not fit in that order. Of 1,000 random faces of FER2013 2.9% do not fit (median; 6.2% in
#: one of a thousand draws), of all with the labels reversed 15%.
MISFIT, MISFIT_REORDERED = 0.08, 0.04


def as_published(counts: dict[str, dict[str, int]], dataset: DatasetSpec) -> dict[str, dict[str, int]]:
    """Counts with the splits of the published ones: all faces together, as split "", where these know no splits."""
    if set(dataset.published) != {""}:
        return counts
    names = {name for row in counts.values() for name in row}
    return {"": {name: sum(row.get(name, 0) for row in counts.values()) for name in names}}


def counts_table(counts: dict[str, dict[str, int]], dataset: DatasetSpec) -> pd.DataFrame:
    """One row per split and label: split, expression, faces and published (NaN where that is not known)."""
    published, counts = dataset.published_labels, as_published(counts, dataset)
    splits = sorted(
        set(counts) | set(published), key=lambda name: (name not in counts, name != "train", name)
    )
    rows = []
    for split in splits:
        found, known = counts.get(split, {}), published.get(split, {})
        for name in EXPRESSIONS:
            if found.get(name) or known.get(name):
                rows.append((split, name, found.get(name, 0), known.get(name, 0) if known else np.nan))
    return pd.DataFrame(rows, columns=list(COUNTS_COLUMNS))


@dataclass(frozen=True)
class SplitSizes:
    """Size of a split beside the published one.

    Attributes:
        published: None where it is not known.
        of: names of the published splits that it is together, usually its own.
    """

    split: str
    faces: int
    published: int | None
    of: tuple[str, ...]


def split_sizes(counts: dict[str, dict[str, int]], dataset: DatasetSpec) -> list[SplitSizes]:
    """Sizes of the splits that are there or published."""
    published, counts = dataset.published, as_published(counts, dataset)
    absent = [split for split in published if split not in counts]
    sizes = []
    for split, row in sorted(counts.items(), key=lambda item: (item[0] != "train", item[0])):
        faces, known = sum(row.values()), published.get(split)
        merged = (known or 0) + sum(published[name] for name in absent)
        # More training faces than published are rather augmented copies than another split.
        if split != "train" and known is not None and absent and 2 * faces > known + merged:
            sizes.append(SplitSizes(split, faces, merged, (split, *absent)))
            absent = []
        else:
            sizes.append(SplitSizes(split, faces, known, (split,)))
    return sizes + [SplitSizes(split, 0, published[split], (split,)) for split in absent]


@dataclass(frozen=True)
class LabelFit:
    """How well the labels fit the published numbers.

    Attributes:
        misfit: share of the faces whose labels would have to be others to give the published shares; NaN where the
            numbers are not known or the faces too few.
        order: label in the data -> label that has its share of the published faces; empty where the labels fit as they are,
            or in no other order either.
    """

    misfit: float
    order: dict[str, str]


def fit_labels(counts: dict[str, dict[str, int]], dataset: DatasetSpec) -> LabelFit:
    """Compare the shares of the labels in the largest split whose numbers are published, so that a random part fits too."""
    counts = as_published(counts, dataset)
    splits = [
        split for split in dataset.published_labels if sum(counts.get(split, {}).values()) >= ENOUGH_LABELS
    ]
    if not splits:
        return LabelFit(math.nan, {})
    split = max(splits, key=lambda name: sum(counts[name].values()))
    known = dataset.published_labels[split]
    names = [name for name in EXPRESSIONS if counts[split].get(name) or known.get(name)]
    found = np.array([counts[split].get(name, 0) for name in names]) / sum(counts[split].values())
    expected = np.array([known.get(name, 0) for name in names]) / sum(known.values())
    apart = np.abs(found[:, None] - expected)
    misfit, (rows, columns) = float(np.trace(apart)) / 2, linear_sum_assignment(apart)
    if misfit < MISFIT or apart[rows, columns].sum() / 2 > MISFIT_REORDERED:
        return LabelFit(misfit, {})
    order = {names[row]: names[column] for row, column in zip(rows, columns, strict=True)}
    return LabelFit(
        misfit, {name: other for name, other in order.items() if name != other and counts[split].get(name)}
    )
