"""Findings on slices, as sentences for the dashboard and the report."""

import math
from collections.abc import Sequence

import pandas as pd

from core.analysis.slices.bins import Attribute
from core.analysis.slices.tables import SliceReview, SliceTable
from core.metrics.slices import ALPHA, FEWEST_FACES, FEWEST_OF_A_LABEL
from core.metrics.text import DECIMAL, UNSIGNED_POINTS, NumberFormat, listed, span

#: Largest number of slices named in a sentence.
_NAMED = 4


def slice_findings(review: SliceReview) -> list[str]:
    """Sentences on significant gaps, attributes without gaps, small slices and unknown values."""
    tables = list(review.tables.values())
    text = [sentence for table in tables for sentence in _gaps(table)]
    text.append(
        _no_gaps([table for table in tables if not math.isnan(table.smallest_p) and table.found.empty])
    )
    rows = pd.concat([table.rows for table in tables]) if tables else pd.DataFrame()
    text += [_too_small(rows), _scarce(rows), _unknown(review)] if tables else []
    return [sentence for sentence in text if sentence] + list(review.skipped)


def reason_without_slices(key: str, attribute: Attribute, names: Sequence[str]) -> str:
    """The reason why an attribute has fewer than two slices; `names` are its slices."""
    if key == "split":
        return "All faces belong to one split; splits cannot be compared."
    if names:
        return f"All faces whose {attribute.noun} is known have the same value; it cannot be compared."
    return {
        "face_size": "The faces have no boxes; their size is unknown.",
        "turn": "The faces have no landmarks; their pose is unknown.",
        "roll": "The faces have no landmarks; their pose is unknown.",
    }.get(key, f"No face has a {attribute.noun}.")


def too_few(inside: int, outside: int) -> str:
    """The reason why a slice cannot be tested with these numbers of faces; '' if it can."""
    if inside < FEWEST_FACES:
        return "too few faces"
    return f"only {outside} other faces" if outside < FEWEST_FACES else ""


def p_value(p: float) -> str:
    """Format a corrected p-value: 'p = 0.012 corrected'."""
    return "p < 0.001 corrected" if p < 0.001 else f"p = {p:.3f} corrected"


def _gaps(table: SliceTable) -> list[str]:
    """Sentences on the lowest and highest significant gap; with two slices, only on the lower."""
    found = table.found
    if found.empty:
        return []
    gap = found["accuracy_gap"].where(
        found["accuracy_gap_p_corrected"] < ALPHA, found["label_standardised_gap"]
    )
    places = [int(gap.to_numpy().argmin()), int(gap.to_numpy().argmax())]
    wanted = dict.fromkeys(places if len(table.rows) > 2 else places[:1])
    return [_gap(found.iloc[place]) for place in wanted]


def _gap(row: pd.Series) -> str:
    """Sentence on the significant gaps of a slice with their p-values, and the label-standardised accuracy."""
    found = {
        name
        for name in ("accuracy", "label_standardised", "macro_f1")
        if row[f"{name}_gap_p_corrected"] < ALPHA
    }
    on = f"on {row['phrase']}"
    than = "than on the other faces"
    if "accuracy" in found:
        text = f"Accuracy {on} is {_size(row, 'accuracy')} {than} {_ends(row, 'accuracy')}"
        if not math.isnan(row["label_standardised_gap"]):
            chance = "" if "label_standardised" in found else ", which could be chance"
            text += (
                f"; at the same mix of expressions it is {_size(row, 'label_standardised')} "
                f"{_ends(row, 'label_standardised')}{chance}"
            )
        if "macro_f1" in found:
            text += f", and macro-F1 {_size(row, 'macro_f1')} {_ends(row, 'macro_f1')}"
        return f"{text}."
    if "label_standardised" in found:
        text = (
            f"At the same mix of expressions, accuracy {on} is {_size(row, 'label_standardised')} {than} "
            f"{_ends(row, 'label_standardised')}"
        )
        also = (
            f", and macro-F1 {_size(row, 'macro_f1')} {_ends(row, 'macro_f1')}" if "macro_f1" in found else ""
        )
        return f"{text}{also}."
    return (
        f"At the same mix of expressions, macro-F1 {on} is {_size(row, 'macro_f1')} {than} "
        f"{_ends(row, 'macro_f1')}."
    )


def _no_gaps(tables: list[SliceTable]) -> str:
    if not tables:
        return ""
    rows = pd.concat([table.rows for table in tables])
    widest = rows[["accuracy_gap_low", "accuracy_gap_high"]].abs().max(axis=None)
    smallest = min(table.smallest_p for table in tables)
    return (
        f"No gap in {listed([table.attribute.noun for table in tables], 'or')} is distinguishable from chance "
        f"(smallest {p_value(smallest)}), which does not exclude gaps: the widest interval reaches "
        f"{UNSIGNED_POINTS.text(widest)}."
    )


def _too_small(rows: pd.DataFrame) -> str:
    small = rows[rows["faces"] < FEWEST_FACES]
    if small.empty:
        return ""
    named = [f"{row['phrase']} ({row['faces']})" for _, row in small.iloc[:_NAMED].iterrows()]
    if len(small) > _NAMED:
        named.append(f"{len(small) - _NAMED} more slices")
    return f"Slices with too few faces for a test, fewer than {FEWEST_FACES}: {listed(named)}."


def _scarce(rows: pd.DataFrame) -> str:
    scarce = rows[(rows["scarce"] != "") & rows["accuracy_gap"].notna()]
    if scarce.empty:
        return ""
    labels = dict.fromkeys(label for names in scarce["scarce"] for label in names.split(", "))
    slices = "1 slice has" if len(scarce) == 1 else f"{len(scarce)} slices have"
    return (
        f"{slices} no macro-F1 and no accuracy at the same mix of expressions, because fewer than "
        f"{FEWEST_OF_A_LABEL} faces, inside or outside of them, are {listed(list(labels), 'or')}."
    )


def _unknown(review: SliceReview) -> str:
    incomplete = [table for table in review.tables.values() if table.unknown]
    if not incomplete:
        return ""
    counts = listed([f"{table.unknown:,} by {table.attribute.noun}" for table in incomplete])
    return f"Of {review.faces:,} faces some are in no slice, because their value is not known: {counts}."


def _size(row: pd.Series, name: str) -> str:
    """Format a gap: '6.2 points lower' or '0.062 higher'."""
    gap = row[f"{name}_gap"]
    way = "lower" if gap < 0 else "higher"
    return f"{_format(name).text(abs(gap))} {way}"


def _ends(row: pd.Series, name: str) -> str:
    """'(95% 2.1 to 10.3, p = 0.012 corrected)', in the direction that `_size` names."""
    low, high = row[f"{name}_gap_low"], row[f"{name}_gap_high"]
    if row[f"{name}_gap"] < 0:
        low, high = -high, -low
    p = row[f"{name}_gap_p_corrected"]
    ends = span(low, high, _format(name), unit=False)
    ends = f"95% {ends}" if ends else "no interval"
    return f"({ends}, {p_value(p)})" if p < ALPHA else f"({ends})"


def _format(name: str) -> NumberFormat:
    return DECIMAL if name == "macro_f1" else UNSIGNED_POINTS
