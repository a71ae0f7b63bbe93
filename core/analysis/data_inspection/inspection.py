"""Inspection of a data set: everything that is known of its faces, in one record."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from core.analysis.data_inspection.alteration import STATISTICS_COLUMNS, statistics_table
from core.analysis.data_inspection.duplicates import (
    DUPLICATES_COLUMNS,
    augmented_names,
    count_subjects,
    duplicate_table,
)
from core.analysis.data_inspection.label_counts import COUNTS_COLUMNS, counts_table
from core.analysis.data_inspection.measures import measure_faces
from core.analysis.data_inspection.published import (
    Matches,
    PublishedStatistics,
    match_references,
    recognise,
    shipped_statistics,
)
from core.analysis.data_inspection.verdict import Facts, Verdict, judge, parse_verdict
from core.data.face_table import FaceTable
from core.data.readers.spec import dataset_spec
from core.data.training_data import TrainingData
from core.errors import AffectoscopeError
from core.runs.run import Run

#: Faces of each split that are decoded for the pixel statistics of a training.
SAMPLED = 1000

#: Faces that are decoded for all of an inspection; of larger data sets a random sample of so many.
INSPECTED = 50_000

#: Sizes of images that run.json keeps: photos have thousands.
_SIZES_KEPT = 20

#: Side in pixels that faces of data sets without published statistics are compared at.
_SIDE = 48


#: Columns of the tables of an Inspection, and its numbers.
_COLUMNS = {
    "statistics": STATISTICS_COLUMNS,
    "duplicates": DUPLICATES_COLUMNS,
    "counts": COUNTS_COLUMNS,
    "sizes": ("width", "height", "colour", "faces"),
}
_NUMBERS = ("measured", "compared", "faces", "subjects", "subjects_shared", "augmented")


@dataclass(frozen=True, eq=False)
class Inspection:
    """What an inspection found.

    Attributes:
        verdict: in one sentence, with the findings that it rests on.
        statistics: see `statistics_table`.
        duplicates: see `duplicate_table`.
        counts: see `counts_table`.
        sizes: images of each size and colour, the most frequent first: width, height, colour, faces.
        unreadable: reason -> faces that could not be decoded, of those measured.
        measured: faces that were decoded.
        compared: faces among which duplicates were looked for.
        faces: of the data set.
        subjects, subjects_shared: known people, and those with faces in several splits.
        augmented: faces whose file is named like an augmented copy.
    """

    verdict: Verdict
    statistics: pd.DataFrame
    duplicates: pd.DataFrame
    counts: pd.DataFrame
    sizes: pd.DataFrame
    unreadable: dict[str, int]
    measured: int
    compared: int
    faces: int
    subjects: int
    subjects_shared: int
    augmented: int

    def as_dict(self) -> dict:
        """Content for run.json: plain values, None where a number is unknown; the most frequent sizes alone."""
        kept = {**{name: getattr(self, name) for name in _COLUMNS}, "sizes": self.sizes.head(_SIZES_KEPT)}
        tables = {name: _records(table) for name, table in kept.items()}
        numbers = {name: getattr(self, name) for name in _NUMBERS}
        return {**self.verdict.as_dict(), "unreadable": self.unreadable, **numbers, **tables}


def _records(table: pd.DataFrame) -> list[dict]:
    """Rows as plain values, None for what is unknown."""
    return table.astype(object).where(table.notna(), None).to_dict("records")


def load_inspection(run: Run) -> Inspection | None:
    """The inspection of the data that a run was trained on; None for a run from before there were any.

    Raises:
        AffectoscopeError: the entry in run.json is damaged.
    """
    document = run.info["data"].get("inspection")
    if document is None:
        return None
    try:
        tables = {name: pd.DataFrame(document[name], columns=list(_COLUMNS[name])) for name in _COLUMNS}
        numbers = {name: int(document[name]) for name in _NUMBERS}
        unreadable = {str(reason): int(count) for reason, count in document["unreadable"].items()}
        return Inspection(verdict=parse_verdict(document), unreadable=unreadable, **tables, **numbers)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise AffectoscopeError(
            f"The inspection of the data in run.json of '{run.name}' is damaged ({error}); train the run again."
        ) from error


def recorded_verdict(run: Run) -> Verdict | None:
    """The verdict on the data that a run was trained on; None for a run without one, or with a damaged one."""
    try:
        return parse_verdict(run.info["data"]["inspection"])
    except (KeyError, TypeError):
        return None


def inspect_faces(
    table: FaceTable,
    *,
    most: int = INSPECTED,
    candidates: Sequence[PublishedStatistics] | None = None,
    extended: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Inspection:
    """Inspect a data set as its reader gave it, decoding `most` of its faces at the most, drawn at random.

    Args:
        candidates: known statistics; default: those that are shipped.
        extended: faces were added to the published ones on purpose, so that more of them are no finding.
        progress: called as progress(done, total) in faces.

    Raises:
        AffectoscopeError: no face can be decoded.
    """
    candidates = shipped_statistics() if candidates is None else candidates
    named = _statistics_of(table.name, candidates)
    side = named.side if named else _SIDE
    rows = np.arange(len(table))
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(0).choice(rows, most, replace=False))
    measures = measure_faces(table, rows, side=side, progress=progress)
    readable = measures[measures["problem"] == ""]
    if readable.empty:
        reasons = ", ".join(
            f"{count:,} {reason}" for reason, count in measures["problem"].value_counts().items()
        )
        raise AffectoscopeError(
            f"None of {len(rows):,} faces of {table.title} can be decoded ({reasons}); check that the images are whole."
        )
    known = readable.reset_index(drop=True)
    faces = table.faces.iloc[known["row"]].reset_index(drop=True)
    known = known.assign(split=faces["split"].to_numpy())
    published, matches = _find_published(named, known["hash"].to_numpy(np.uint64), side, candidates)
    searched = faces.assign(hash=known["hash"], twin=known["twin"])
    return _inspection(
        table,
        table.counts(),
        known,
        searched,
        published,
        matches,
        problems=measures["problem"],
        extended=extended,
    )


def inspect_training(
    data: TrainingData,
    *,
    candidates: Sequence[PublishedStatistics] | None = None,
    extended: bool = False,
) -> Inspection:
    """Inspect the data set of a training, whose hashes are known: SAMPLED faces of each split are decoded.

    Args:
        candidates, extended: as for inspect_faces.
    """
    # Every split as the data names it: validation faces that the training held out are training faces.
    own = {split: names[0] for split, names in data.origins.items() if len(names) == 1}
    table = replace(data.table, faces=data.table.faces.assign(split=data.table.faces["split"].replace(own)))
    hashes, counts = data.hashes, data.found or data.counts
    candidates = shipped_statistics() if candidates is None else candidates
    named = _statistics_of(table.name, candidates)
    side = named.side if named else _SIDE
    published, matches = _find_published(named, hashes, side, candidates)
    rows, random = [], np.random.default_rng(0)
    for _, group in table.faces.groupby("split", sort=True):
        rows.append(random.choice(group.index.to_numpy(), min(SAMPLED, len(group)), replace=False))
    rows = np.unique(np.concatenate([*rows, *([matches.faces] if matches is not None else [])]))
    sample = measure_faces(table, rows, side=side)
    readable = sample[sample["problem"] == ""].reset_index(drop=True)
    readable = readable.assign(split=table.faces["split"].to_numpy()[readable["row"]])
    if matches is not None:
        place = pd.Index(readable["row"]).get_indexer(matches.faces)
        matches = Matches(matches.references[place >= 0], place[place >= 0])
    searched = table.faces.assign(hash=hashes)
    return _inspection(
        table, counts, readable, searched, published, matches, problems=sample["problem"], extended=extended
    )


def _inspection(
    table, counts, measures, searched, published, matches, *, problems, extended=False
) -> Inspection:
    dataset = dataset_spec(
        published.datasets[0] if published and table.name not in published.datasets else table.name
    )
    statistics = statistics_table(measures, published, matches)
    duplicates = duplicate_table(searched)
    sizes = measures.groupby(["width", "height", "colour"]).size().rename("faces").reset_index()
    subjects, shared = count_subjects(table.faces)
    augmented = int(augmented_names(table.faces["reference"]).sum())
    faces = sum(sum(row.values()) for row in counts.values())
    facts = Facts(
        title=table.title,
        dataset=dataset,
        by_pictures=dataset.name != table.name,
        published=published,
        statistics=statistics,
        duplicates=duplicates,
        counts=counts,
        sizes=sizes,
        measures=measures,
        matches=matches,
        subjects_shared=shared,
        augmented=augmented,
        rejected=table.ledger.read - table.ledger.used,
        extended=extended,
        sampled=len(searched) + int((problems != "").sum()) < faces,
    )
    return Inspection(
        verdict=judge(facts),
        statistics=statistics,
        duplicates=duplicates,
        counts=counts_table(counts, dataset),
        sizes=sizes.sort_values("faces", ascending=False, ignore_index=True),
        unreadable={
            str(reason): int(count) for reason, count in problems[problems != ""].value_counts().items()
        },
        measured=len(measures),
        compared=len(searched),
        faces=faces,
        subjects=subjects,
        subjects_shared=shared,
        augmented=augmented,
    )


def _statistics_of(name: str, candidates: Sequence[PublishedStatistics]) -> PublishedStatistics | None:
    return next((published for published in candidates if name in published.datasets), None)


def _find_published(
    named: PublishedStatistics | None,
    hashes: np.ndarray,
    side: int,
    candidates: Sequence[PublishedStatistics],
) -> tuple[PublishedStatistics | None, Matches | None]:
    """The statistics of the data set that the reader named, else of the one whose pictures these are."""
    if named is not None:
        return named, match_references(named, hashes) if len(named.references) else None
    found = recognise(hashes, [each for each in candidates if each.side == side and len(each.references)])
    return found or (None, None)
