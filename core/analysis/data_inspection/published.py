"""Published statistics: numbers that tell whether a copy of a data set has the pixels of the real one.

Each is a JSON file in the folder `published`, made by `benchmarks/published_statistics.py` from the real set; it holds
no image.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from core.analysis.data_inspection.measures import MEASURES

FOLDER = Path(__file__).parent / "published"

#: Measures whose change is looked at face by face; those of single pixels vary too much there.
PAIRED = ("brightness", "contrast", "evenness", "sharpness")

#: Bits of 64 in which the hash of a reference face may differ; other faces than itself differ in 12 or more in its own data
#: set (they were chosen so), and 1 of 1,230 came within 6 of some face among 15,713 of another data set.
MAX_DISTANCE = 6

#: Reference faces from which on a data set is recognised by its pictures, and a change is judged face by face.
ENOUGH_MATCHES = 20


@dataclass(frozen=True, eq=False)
class PublishedStatistics:
    """Statistics of a real data set.

    Attributes:
        datasets: names of the DatasetSpecs whose faces these are, the first with the same splits.
        side, colour: of its images; see core.analysis.data_inspection.measures.
        faces: split -> number of faces that were measured.
        quantiles: split -> measure -> (101,) its percentiles.
        tolerance: measure -> largest Kolmogorov-Smirnov distance from `quantiles` that choosing faces explains: that of the
            most different label, and the 99.9% quantile of random samples of 300 training faces, added.
        changes: measure of PAIRED -> largest change of a face that encoding it again as JPEG explains: twice the median
            change at the worst of the qualities 50 to 95, and at least one grey level.
        leaked: split -> share of its faces with a near-duplicate among the training faces.
        repeated: share of the training faces in groups of three or more near-duplicates with one label.
        references: some faces, a row each: split, hash (uint64), and the measures of PAIRED. Empty where there are none.
    """

    datasets: tuple[str, ...]
    side: int
    colour: str
    faces: dict[str, int]
    quantiles: dict[str, dict[str, np.ndarray]]
    tolerance: dict[str, float]
    changes: dict[str, float]
    leaked: dict[str, float]
    repeated: float
    references: pd.DataFrame

    def quantiles_of(self, split: str) -> dict[str, np.ndarray]:
        """Those of a split, of the training faces for one that was not measured."""
        return self.quantiles.get(split) or self.quantiles["train"]

    def as_dict(self) -> dict:
        """Content of the JSON file."""
        references = self.references.assign(hash=[f"{value:016x}" for value in self.references["hash"]])
        return {
            **{name: getattr(self, name) for name in ("side", "colour", "faces", "leaked", "repeated")},
            "datasets": list(self.datasets),
            "quantiles": {
                split: {name: _rounded(values) for name, values in measures.items()}
                for split, measures in self.quantiles.items()
            },
            "tolerance": {name: round(value, 3) for name, value in self.tolerance.items()},
            "changes": {name: round(value, 4) for name, value in self.changes.items()},
            "references": {
                name: _rounded(column) if name in MEASURES else column.tolist()
                for name, column in references.items()
            },
        }


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(float(value), 4) for value in values]


def parse_statistics(document: dict) -> PublishedStatistics:
    """PublishedStatistics of its `as_dict`."""
    references = pd.DataFrame(document["references"])
    references["hash"] = np.array([int(text, 16) for text in references["hash"]], np.uint64)
    return PublishedStatistics(
        **{
            name: document[name]
            for name in ("side", "colour", "faces", "tolerance", "changes", "leaked", "repeated")
        },
        datasets=tuple(document["datasets"]),
        quantiles={
            split: {name: np.array(values) for name, values in measures.items()}
            for split, measures in document["quantiles"].items()
        },
        references=references,
    )


@cache
def shipped_statistics() -> tuple[PublishedStatistics, ...]:
    """The statistics that come with the program."""
    return tuple(
        parse_statistics(json.loads(path.read_text(encoding="utf-8")))
        for path in sorted(FOLDER.glob("*.json"))
    )


@dataclass(frozen=True, eq=False)
class Matches:
    """Reference faces that were found among the hashes of a data set: positions of each in both, (m,)."""

    references: np.ndarray
    faces: np.ndarray

    def __len__(self) -> int:
        return len(self.references)


def match_references(published: PublishedStatistics, hashes: np.ndarray) -> Matches:
    """Find the reference faces among (n,) uint64 hashes: the nearest hash, where it is near enough."""
    found = []
    for place, reference in enumerate(published.references["hash"].to_numpy(np.uint64)):
        if not len(hashes):
            break
        distance = np.bitwise_count(hashes ^ reference)
        nearest = int(distance.argmin())
        if distance[nearest] <= MAX_DISTANCE:
            found.append((place, nearest))
    places = np.array(found, np.int64).reshape(-1, 2)
    return Matches(places[:, 0], places[:, 1])


def recognise(
    hashes: np.ndarray, candidates: Sequence[PublishedStatistics]
) -> tuple[PublishedStatistics, Matches] | None:
    """The data set whose pictures these are: at least half of the reference faces that a part of this size would hold."""
    best = None
    for published in candidates:
        matches = match_references(published, hashes)
        held = min(1.0, len(hashes) / max(sum(published.faces.values()), 1))
        needed = max(ENOUGH_MATCHES, held * len(published.references) / 2)
        if len(matches) >= needed and (best is None or len(matches) > len(best[1])):
            best = published, matches
    return best
