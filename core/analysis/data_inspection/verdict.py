"""The verdict on a data set, in one sentence, from what an inspection measured."""

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from core.analysis.data_inspection.alteration import (
    ENOUGH_FACES,
    JPEG,
    compare_splits,
    find_alteration,
    judged,
    named_splits,
)
from core.analysis.data_inspection.label_counts import MISFIT, LabelFit, SplitSizes, fit_labels, split_sizes
from core.analysis.data_inspection.published import Matches, PublishedStatistics
from core.data.readers.spec import DatasetSpec
from core.metrics.text import listed, percent

#: Share of a split that may have near-duplicates among the training faces, beyond what the published set has.
LEAKED = 0.05

#: Share of the training faces that may be in groups of copies, beyond what the published set has; augmentation makes
#: all of its copies such groups.
REPEATED = 0.1

#: Share by which a split may exceed the published one.
SURPLUS = 0.01

#: Share of a split that may be missing for the data still to be called the published set, not a part of it.
MISSING = 0.05

Status = Literal["as published", "part", "altered", "not judged", "unknown"]


@dataclass(frozen=True)
class Verdict:
    """A verdict on a data set.

    Attributes:
        status: 'altered' where anything makes numbers on this data incomparable with published ones; 'part' of the
            published set; 'not judged' for too few faces; 'unknown' for a data set without published numbers.
        sentence: the whole, for the terminal and beside every score.
        problems: what is wrong with the data, a clause each; the sentence has them all.
        remarks: what should be known besides.
    """

    status: Status
    sentence: str
    problems: tuple[str, ...]
    remarks: tuple[str, ...]

    def as_dict(self) -> dict:
        return {
            "verdict": self.sentence,
            "status": self.status,
            "problems": list(self.problems),
            "remarks": list(self.remarks),
        }


def parse_verdict(document: dict) -> Verdict:
    """Verdict of its `as_dict`.

    Raises:
        KeyError, TypeError: the document is damaged.
    """
    return Verdict(
        document["status"],
        str(document["verdict"]),
        tuple(map(str, document["problems"])),
        tuple(map(str, document["remarks"])),
    )


@dataclass(frozen=True, eq=False)
class Facts:
    """What a verdict is made of; the tables are those of Inspection.

    Attributes:
        title: of the data as it was read.
        dataset: the known data set that it is.
        by_pictures: the reader did not name that data set; its pictures were recognised.
        published: its statistics, None where there are none.
        matches: reference faces among the rows of `measures`.
        rejected: rows of the data that were not used.
        extended: more faces than published are no finding.
        sampled: duplicates were looked for among a random part of the faces.
    """

    title: str
    dataset: DatasetSpec
    by_pictures: bool
    published: PublishedStatistics | None
    statistics: pd.DataFrame
    duplicates: pd.DataFrame
    counts: dict[str, dict[str, int]]
    sizes: pd.DataFrame
    measures: pd.DataFrame
    matches: Matches | None
    subjects_shared: int
    augmented: int
    rejected: int
    extended: bool = False
    sampled: bool = False


def judge(facts: Facts) -> Verdict:
    """The verdict on a data set."""
    sizes = split_sizes(facts.counts, facts.dataset)
    altered, unjudged = _pixels(facts)
    fit = fit_labels(facts.counts, facts.dataset)
    problems = [*altered, *_labels(fit), *_mixed(facts), *_surplus(facts, sizes)]
    differing = bool(problems)
    problems += _repeated(facts)
    missing, is_part = _missing(sizes)
    remarks = [
        text
        for text in (
            unjudged,
            f"the labels of {percent(fit.misfit)} of its faces are other than in the published set"
            if fit.misfit >= MISFIT and not fit.order
            else "",
            *_sizes(facts),
            *(text for text, surprising in _leaks(facts) if not surprising),
        )
        if text
    ]
    name = (
        f"{facts.dataset.title} by its pictures, read as {facts.title}" if facts.by_pictures else facts.title
    )
    status: Status = "unknown"
    if facts.dataset.published or facts.published:
        if differing:
            only_encoded = len(problems) == 1 and JPEG in problems[0]
            text = f"This is {name}, but altered: {_joined(problems)}; numbers on it "
            text += "may differ from those published" if only_encoded else "are not comparable"
            status = "altered"
        else:
            status = "not judged" if unjudged else "part" if is_part else "as published"
            text = f"This is {'a part of ' if is_part else ''}{name}"
            text += f": {unjudged}" if unjudged else _agreement(facts, fit, is_part)
            text += f", but {_joined(problems)}" if problems else ""
        if missing:
            rejected = f" ({facts.rejected:,} rows were rejected)" if facts.rejected else ""
            text += f"; missing are {listed(missing)}{rejected}"
    else:
        text = f"This is {name}: no published numbers are known to compare it with"
        text += f"; {_joined(problems)}" if problems else ", and its splits show nothing unusual"
    return Verdict(status, f"{text}.", tuple(problems), tuple(remarks))


def _faces_of(split: str) -> str:
    return f"{split} faces" if split else "faces"


def _joined(clauses: list[str]) -> str:
    return "; ".join(clauses)


def _agreement(facts: Facts, fit: LabelFit, is_part: bool) -> str:
    known = [name for name, fits in (("pixels", facts.published), ("labels", fit.misfit < MISFIT)) if fits]
    if is_part or not known:
        return f", and its {listed(known)} fit the published ones" if known else ""
    return f", as published by its {listed(known)}"


def _pixels(facts: Facts) -> tuple[list[str], str]:
    """(alterations of the pixels, why they could not be judged or '')."""
    between = compare_splits(facts.measures)
    if facts.published is None:
        reason = "no statistics of its pixels are known here" if facts.dataset.published else ""
        return between, "" if between else reason
    if not judged(facts.statistics).any():
        faces = len(facts.measures)
        return (
            between,
            f"{faces:,} faces are too few to judge their pixels (expected {ENOUGH_FACES} of a split)",
        )
    found = find_alteration(facts.statistics)
    if found is None:
        return between, ""
    cause = f", as after {found.cause}" if found.cause else ""
    which = f" (only {named_splits(found.splits)})" if found.only else ""
    return [f"{found.evidence}{cause}{which}"], ""


def _labels(fit: LabelFit) -> list[str]:
    if not fit.order:
        return []
    shown = [
        f"{name} has the number of published {other} faces" for name, other in list(fit.order.items())[:3]
    ]
    return [f"its labels are in another order ({listed(shown)})"]


def _mixed(facts: Facts) -> list[str]:
    """Reference faces of different published splits in one split of the data, unless all of a split were added to another."""
    if facts.matches is None or not len(facts.matches):
        return []
    official = facts.published.references["split"].to_numpy(object)[facts.matches.references]
    here = facts.measures["split"].to_numpy(object)[facts.matches.faces]
    held_out = (official == "train") & (here == "validation")  # as every training does
    official, here = official[~held_out], here[~held_out]
    if not any(here):
        return []
    table = pd.crosstab(official, here)
    home = table.idxmax(axis=1)  # the split in which most faces of an official one lie
    strays = int(table.to_numpy().sum() - sum(table.at[name, home[name]] for name in table.index))
    if home.nunique() == len(home) and strays <= max(2, 0.02 * len(here)):
        return []
    return [
        f"its official splits are mixed (of {len(here):,} known faces, "
        + listed(
            [
                f"{table.at[name, split]:,} of the official {name} faces are in {split or 'no split'}"
                for name in table.index
                for split in table.columns
                if table.at[name, split] and (split != name)
            ][:4]
        )
        + ")"
    ]


def _surplus(facts: Facts, sizes: list[SplitSizes]) -> list[str]:
    if facts.extended:
        return []
    named = f", {facts.augmented:,} of them named like augmented copies" if facts.augmented else ""
    return [
        f"it has {size.faces:,} {_faces_of(size.split)}, {size.faces - size.published:,} more than were published{named}"
        for size in sizes
        if size.published and size.faces > (1 + SURPLUS) * size.published
    ]


def _missing(sizes: list[SplitSizes]) -> tuple[list[str], bool]:
    """(what is missing of the published splits, whether so much that the data is a part)."""
    lacking = [size for size in sizes if size.published and size.faces < size.published]
    texts = [
        f"{size.published - size.faces:,} of {size.published:,} {_faces_of(size.split)}"
        if size.faces
        else f"the {size.published:,} {_faces_of(size.split)}"
        for size in lacking
    ]
    return texts, any(
        size.faces and size.published - size.faces > MISSING * size.published for size in lacking
    )


def _repeated(facts: Facts) -> list[str]:
    """Copies within the splits, near-duplicates across them, people in several of them."""
    expected = facts.published.repeated if facts.published else 0.0
    texts = [
        f"{percent(row.copies / row.faces)} of the {row.split or 'unsplit'} faces are in groups of near-duplicates with one "
        "label, as augmented copies and frames of a film are"
        for row in facts.duplicates.itertuples()
        if row.copies / row.faces > REPEATED + expected
    ]
    texts += [text for text, surprising in _leaks(facts) if surprising]
    if facts.augmented and not any("augmented" in text for text in texts):
        texts.append(f"{facts.augmented:,} files are named like augmented copies")
    if facts.subjects_shared:
        texts.append(f"{facts.subjects_shared:,} people are in several splits")
    return texts


def _leaks(facts: Facts) -> list[tuple[str, bool]]:
    """Near-duplicates among the training faces of each other split, and whether they are more than published."""
    known, texts = facts.published.leaked if facts.published else {}, []
    for row in facts.duplicates[facts.duplicates["leaked"] > 0].itertuples():
        text = f"{row.leaked:,.0f} of {row.faces:,} {row.split} faces have a near-duplicate among the training faces"
        if facts.sampled:
            text += " drawn with them"
        elif row.split in known:
            text += f" (published set: {percent(known[row.split])})"
        texts.append((text, row.leaked / row.faces > LEAKED + known.get(row.split, 0.0)))
    return texts


def _sizes(facts: Facts) -> list[str]:
    """Images of another size or colour than the published ones."""
    published = facts.published
    if published is None or facts.dataset.boxes:
        return []
    other = facts.sizes[(facts.sizes["width"] != published.side) | (facts.sizes["height"] != published.side)]
    coloured = facts.sizes[facts.sizes["colour"] != published.colour]
    texts = []
    if len(other):
        texts.append(
            f"{other['faces'].sum():,} images are not {published.side}x{published.side} pixels as published"
        )
    if len(coloured):
        texts.append(
            f"{coloured['faces'].sum():,} images are {coloured['colour'].iloc[0]}, published {published.colour}"
        )
    return texts
