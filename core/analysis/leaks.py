"""Leaks: scored faces with near-duplicates in the training data, and the scores without them.

A leaked test face measures memorisation. Splits made by core.data.splits keep near-duplicates together; official splits
are used unchanged.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from core.analysis.shared_subjects import SharedSubjects, find_shared_subjects
from core.data.near_duplicates import LISTED, MAX_DISTANCE, CrossSplitPairs, cross_split_pairs
from core.data.training_data import TrainingData
from core.labels import EXPRESSIONS
from core.metrics import expression
from core.metrics.bootstrap import resample_confusion
from core.metrics.estimate import Estimate
from core.metrics.intervals import confusion_intervals, percentiles
from core.metrics.predictions import Predictions
from core.metrics.text import PERCENT, POINTS, percent, with_interval
from core.runs.run import Run
from core.runs.tables import LEAKS, parse_table, save_table

#: Splits used by the training, including the selection of the epoch.
TRAINED_ON = ("train", "validation")

#: Those of core.metrics.scoring.
_RESAMPLES, _SEED = 1000, 0


@dataclass(frozen=True)
class FaceScores:
    """Accuracy and macro-F1 of a subset of faces with 95% intervals; NaN without faces."""

    faces: int
    accuracy: Estimate
    macro_f1: Estimate


@dataclass(frozen=True)
class LeakSummary:
    """Effect of leaks on the scores of a run.

    Attributes:
        split: the scored split.
        compared: other split -> number of its faces.
        against: other split -> number of scored faces with a near-duplicate in it.
        every, leaked, without: scores of all faces, of the leaked faces (near-duplicate in a split of TRAINED_ON), and of
            the others.
        accuracy_gain, macro_f1_gain: difference every - without.
        subjects: people who are also in other splits; None for older runs.
    """

    split: str
    compared: dict[str, int]
    against: dict[str, int]
    every: FaceScores
    leaked: FaceScores
    without: FaceScores
    accuracy_gain: Estimate
    macro_f1_gain: Estimate
    subjects: SharedSubjects | None = None

    def sentence(self) -> str:
        """Summary: number of leaked faces, accuracy with and without them, and people who are in several splits."""
        return f"{self._faces()} {self.subjects.sentence() if self.subjects else ''}".rstrip()

    def shares_subjects(self) -> bool:
        """Return whether a person of the scored faces is also in the training data."""
        return self.subjects is not None and any(name in self.subjects.shared for name in TRAINED_ON)

    def _faces(self) -> str:
        scored, others = f"{self.every.faces:,} {self.split} faces", sum(self.compared.values())
        if not self.leaked.faces:
            return (
                f"None of the {scored} has a near-duplicate among the faces of the training ({others:,} faces of other "
                f"splits were compared{self._other_splits()})."
            )
        share = percent(self.leaked.faces / self.every.faces)
        verb = "has" if self.leaked.faces == 1 else "have"
        within = listed({name: self.against.get(name, 0) for name in TRAINED_ON})
        text = (
            f"{self.leaked.faces:,} of the {scored} ({share}) {verb} a near-duplicate among the faces of the training "
            f"({within}{self._other_splits()}). Accuracy is {_percent(self.every.accuracy)} on all"
        )
        if not self.without.faces:
            return f"{text}, and no face is left without them."
        gain = self.accuracy_gain
        return (
            f"{text}, {_percent(self.leaked.accuracy)} on those and {_percent(self.without.accuracy)} without them: "
            f"they are worth {with_interval(gain, POINTS, level=True)}."
        )

    def _other_splits(self) -> str:
        """Near-duplicates in splits that were not used by the training."""
        other = listed({name: n for name, n in self.against.items() if name not in TRAINED_ON})
        return f"; {other}, not used by the training" if other else ""


def summarise(
    predictions: Predictions,
    table: pd.DataFrame,
    *,
    split: str,
    compared: dict[str, int],
    fixed_counts: bool = False,
) -> LeakSummary:
    """Compute the scores with and without the leaked faces of a `leak_table`.

    `fixed_counts`: see core.metrics.intervals; the numbers of leaked faces per label never are.
    """
    references = predictions.frame["reference"]
    found = table[table["reference"].isin(references)]
    against = {name: found.loc[found["other_split"] == name, "reference"].nunique() for name in compared}
    trained = found.loc[found["other_split"].isin(TRAINED_ON), "reference"]
    leaks = references.isin(trained).to_numpy()
    leaked, without = (
        expression.confusion_matrix(
            predictions.truth[rows], predictions.predicted[rows], len(predictions.labels)
        )
        for rows in (leaks, ~leaks)
    )
    accuracy_gain, macro_f1_gain = _gains(leaked, without)
    return LeakSummary(
        split,
        compared,
        against,
        _face_scores(leaked + without, fixed_counts=fixed_counts),
        *(_face_scores(confusion) for confusion in (leaked, without)),
        accuracy_gain,
        macro_f1_gain,
    )


def _face_scores(confusion: np.ndarray, *, fixed_counts: bool = False) -> FaceScores:
    numbers = {"accuracy": expression.accuracy, "macro_f1": expression.macro_f1}
    if not confusion.any():
        return FaceScores(0, *(Estimate(float("nan")) for _ in numbers))
    ends = confusion_intervals(
        confusion, _RESAMPLES, np.random.default_rng(_SEED), fixed_counts=fixed_counts
    ).ends
    return FaceScores(
        int(confusion.sum()),
        **{
            name: Estimate(float(number(confusion)), *(float(end) for end in ends[name]))
            for name, number in numbers.items()
        },
    )


def _gains(leaked: np.ndarray, without: np.ndarray) -> list[Estimate]:
    """Differences in accuracy and macro-F1 between all faces and those without leaks, with a bootstrap of both groups."""
    random = np.random.default_rng(_SEED)
    drawn = [resample_confusion(confusion, _RESAMPLES, random) for confusion in (leaked, without)]
    known = {
        expression.accuracy: True,
        expression.macro_f1: _no_label_once(leaked + without) and _no_label_once(without),
    }
    return [
        _estimate(
            number(leaked + without) - number(without), number(sum(drawn)) - number(drawn[1]), known=is_known
        )
        for number, is_known in known.items()
    ]


def _estimate(value: float, drawn: np.ndarray, *, known: bool = True) -> Estimate:
    low, high = percentiles(drawn)
    if not known or not low < high:
        return Estimate(float(value))
    return Estimate(float(value), float(min(low, value)), float(max(high, value)))


def _no_label_once(confusion: np.ndarray) -> bool:
    """Return whether every label has no or several faces, as core.metrics.intervals requires of averages over labels."""
    return not (expression.support(confusion) == 1).any()


def _percent(estimate: Estimate) -> str:
    return with_interval(estimate, PERCENT, level=True)


def listed(counts: dict[str, int]) -> str:
    """Format counts as '347 in train, 2 in validation', without zeros."""
    return ", ".join(f"{count:,} in {name or 'no split'}" for name, count in counts.items() if count)


@dataclass(frozen=True, eq=False)
class Leaks:
    """Near-duplicates of a run's scored faces (a `leak_table`) and their summary."""

    table: pd.DataFrame
    summary: LeakSummary


def find_leaks(faces: pd.DataFrame, hashes: np.ndarray, *, of: Collection[str]) -> pd.DataFrame:
    """Find faces with near-duplicates in other splits; returns a `leak_table`.

    Args:
        faces: reference, split and expression (code) of every face, (n,) rows, as in FaceTable.faces.
        hashes: (n,) uint64 from core.data.perceptual_hashes.
        of: the splits.
    """
    return leak_table(faces, cross_split_pairs(hashes, faces["split"], of=of))


def leak_table(faces: pd.DataFrame, found: CrossSplitPairs) -> pd.DataFrame:
    """Table with one row per listed pair, ordered by face and distance.

    Columns: reference, split, expression (name) of the face; other, other_split, other_expression of its
    near-duplicate; distance in bits; near_duplicates, the number of near-duplicates of the face in that split.
    """
    one, other = found.pairs["face"].to_numpy(), found.pairs["other"].to_numpy()
    names = np.array(EXPRESSIONS, object)[faces["expression"].to_numpy()]
    references, splits = faces["reference"].to_numpy(object), faces["split"].to_numpy(object)
    column = pd.Index(found.splits).get_indexer(splits[other])
    return pd.DataFrame(
        {
            "reference": references[one],
            "split": splits[one],
            "expression": names[one],
            "other": references[other],
            "other_split": splits[other],
            "other_expression": names[other],
            "distance": found.pairs["distance"].to_numpy(np.int64),
            "near_duplicates": found.counts[one, column],
        }
    )


def labels_differ(table: pd.DataFrame) -> np.ndarray:
    """(p,) mask of the pairs of a `leak_table` with different labels, of which one is likely wrong."""
    return (table["expression"].astype(str) != table["other_expression"].astype(str)).to_numpy()


def save_leaks(folder: Path, data: TrainingData, *, split: str) -> pd.DataFrame:
    """Find and save the near-duplicates of a run's scored split in the other splits of `data`, and the people of both.

    Raises:
        OSError: the folder cannot be written.
    """
    faces = data.table.faces
    table = find_leaks(faces, data.hashes, of=[split])
    compared = {name: int(count) for name, count in faces["split"].value_counts().items() if name != split}
    about = {
        "split": split,
        "compared": compared,
        "max_distance": MAX_DISTANCE,
        "listed": LISTED,
        "subjects": find_shared_subjects(faces, split=split).as_dict(),
    }
    save_table(folder, LEAKS, table, about)
    return table


def _parse_leaks(
    table: pd.DataFrame, about: dict
) -> tuple[pd.DataFrame, str, dict[str, int], SharedSubjects | None]:
    split, compared = str(about["split"]), about["compared"].items()
    subjects = SharedSubjects.from_dict(split, about["subjects"]) if "subjects" in about else None
    return table, split, {str(name): int(count) for name, count in compared}, subjects


def load_leaks(run: Run, predictions: Predictions | None = None) -> Leaks | None:
    """Load the leaks of a run and compute its scores without them; None if they were not searched.

    Args:
        predictions: the predictions of the run, if already loaded.

    Raises:
        AffectoscopeError: the leaks or the predictions cannot be read.
    """
    stored = parse_table(run.path, LEAKS, _parse_leaks)
    if stored is None:
        return None
    table, split, compared, subjects = stored
    predictions = run.predictions() if predictions is None else predictions
    summary = summarise(
        predictions, table, split=split, compared=compared, fixed_counts=run.has_fixed_counts(predictions)
    )
    return Leaks(table, replace(summary, subjects=subjects))
