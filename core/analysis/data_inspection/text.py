"""An inspection as lines of text, at most a screen of them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from core.analysis.data_inspection.inspection import Inspection
from core.analysis.data_inspection.measures import MEASURES
from core.data.face_table import FaceTable, Ledger
from core.data.readers.spec import layouts
from core.metrics.text import UNKNOWN, number

#: Measures that are always shown; of the others those that differ from the published ones.
_SHOWN = ("brightness", "contrast", "evenness", "sharpness")

#: Measures that are shown where there are more than _MOST rows of the others.
_BRIEF = ("brightness", "contrast", "sharpness")
_MOST = 12

#: Sizes of images and reasons of rejection that are named.
_NAMED = 3


def inspection_lines(table: FaceTable, inspection: Inspection) -> list[str]:
    """What the data is, how it was read, counts, pixels and duplicates, and the verdict first."""
    layout = next((each for each in layouts() if each.format == table.format), None)
    facts = {
        "Recognised as": f"{layout.format}: {layout.looks}" if layout else "",
        "Rows": _ledger(table.ledger, inspection),
        "Labels from": (layout.labels or "what the format defines") if layout else "",
        "Note": table.note,
        "Images": _images(inspection.sizes, inspection.measured),
        "Subjects": f"{inspection.subjects:,}, of them {inspection.subjects_shared:,} in several splits"
        if inspection.subjects
        else "not known",
        "Augmented": f"{inspection.augmented:,} files are named like augmented copies",
        "Remarks": "; ".join(inspection.verdict.remarks),
    }
    lines = [inspection.verdict.sentence, ""]
    lines += [f"{name:14s}{text}" for name, text in facts.items() if text]
    lines += ["", *_counts(inspection.counts)]
    lines += ["", *_statistics(inspection)]
    lines += ["", *_duplicates(inspection)]
    return lines


def _ledger(ledger: Ledger, inspection: Inspection) -> str:
    text = ledger.sentence()
    if inspection.unreadable:
        text += f"; of {inspection.measured + sum(inspection.unreadable.values()):,} decoded, " + ", ".join(
            f"{count:,} {reason}" for reason, count in inspection.unreadable.items()
        )
    return text


def _images(sizes: pd.DataFrame, measured: int) -> str:
    named = [
        f"{row.faces:,} of {row.width}x{row.height} {row.colour}" for row in sizes.head(_NAMED).itertuples()
    ]
    rest = int(sizes["faces"].iloc[_NAMED:].sum())
    return f"{measured:,} decoded: {', '.join(named)}" + (
        f", {rest:,} of {len(sizes) - _NAMED:,} others" if rest else ""
    )


def _counts(counts: pd.DataFrame) -> list[str]:
    """Faces per label and split, published ones in brackets."""
    splits = list(dict.fromkeys(counts["split"]))
    rows = [["Faces (published)", *(split or "no split" for split in splits)]]
    for name, part in counts.groupby("expression", sort=False):
        of_split = part.set_index("split")
        rows.append([name, *(_count(of_split, split) for split in splits)])
    totals = counts.groupby("split", sort=False)[["faces", "published"]].sum(min_count=1)
    rows.append(["all", *(_count(totals, split) for split in splits)])
    return _aligned(rows)


def _count(table: pd.DataFrame, split: str) -> str:
    if split not in table.index:
        return UNKNOWN
    faces, published = table.loc[split, ["faces", "published"]]
    return f"{faces:,.0f}" + (f" ({published:,.0f})" if np.isfinite(published) else "")


def _statistics(inspection: Inspection) -> list[str]:
    """Pixel statistics of each split beside the published ones; '*' marks those that differ."""
    table = inspection.statistics
    known = table["published_median"].notna().any()
    rows = [
        ["Pixels: 5%, median, 95%", "faces", "found", "published" if known else "published: not known", ""]
    ]
    shown = table["measure"].isin(_SHOWN) | table["differs"]
    if shown.sum() > _MOST:
        shown = table["measure"].isin(_BRIEF)
    for row in table[shown].itertuples():
        found = " ".join(map(number, (row.low, row.median, row.high)))
        published = " ".join(map(number, (row.published_low, row.published_median, row.published_high)))
        name = f"{row.split or 'all'}: {MEASURES[row.measure]}"
        rows.append([name, f"{row.faces:,}", found, published if known else "", "*" if row.differs else ""])
    return _aligned(rows)


def _duplicates(inspection: Inspection) -> list[str]:
    among = (
        ""
        if inspection.compared >= inspection.faces
        else f", among {inspection.compared:,} faces drawn at random"
    )
    rows = [
        [
            f"Duplicates{among}",
            "faces",
            "identical",
            "near",
            "groups of 3+",
            "near in train",
            "identical in train",
        ]
    ]
    for row in inspection.duplicates.itertuples():
        numbers = (row.faces, row.identical, row.near, row.copies, row.leaked, row.leaked_identical)
        rows.append([row.split or "no split", *(f"{n:,.0f}" if np.isfinite(n) else UNKNOWN for n in numbers)])
    return _aligned(rows)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells as columns, the first to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines
