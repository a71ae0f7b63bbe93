"""Scored faces with near-duplicates in other splits, and what a score is worth without them: `python -m core.leaks`.

A test face of which the network has learnt a copy tests its memory. Splits that core.data.splits carves keep
near-duplicates on one side; official splits come as they are.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from core.data.near_duplicates import LISTED, MAX_DISTANCE, CrossSplitPairs, cross_split_pairs
from core.data.training_data import TrainingData
from core.errors import AffectoscopeError
from core.labels import EXPRESSIONS
from core.metrics import expression
from core.metrics.bootstrap import resample_confusion
from core.metrics.estimate import Estimate
from core.metrics.intervals import percentiles
from core.metrics.predictions import Predictions
from core.metrics.text import PERCENT, POINTS, percent, with_interval
from core.runs.run import Run
from core.runs.tables import LEAKS, save_table

#: Splits that a training looks at: to learn, or to choose the epoch.
TRAINED_ON = ("train", "validation")

#: As many, and from the same seed, as core.metrics.scoring's: the accuracy of all faces has the interval of scores.json.
_RESAMPLES, _SEED = 1000, 0


@dataclass(frozen=True)
class FaceScores:
    """Accuracy and macro-F1 of some faces with their 95% intervals; NaN where there are none."""

    faces: int
    accuracy: Estimate
    macro_f1: Estimate


@dataclass(frozen=True)
class LeakSummary:
    """What near-duplicates in other splits are worth to a score.

    Attributes:
        split: the scored split.
        compared: faces of every other split.
        against: of every other split, how many scored faces have a near-duplicate in it.
        every, leaked, without: scores of all faces, of those with a near-duplicate in a split of TRAINED_ON,
            and of the rest.
        accuracy_gain, macro_f1_gain: every less without.
    """

    split: str
    compared: dict[str, int]
    against: dict[str, int]
    every: FaceScores
    leaked: FaceScores
    without: FaceScores
    accuracy_gain: Estimate
    macro_f1_gain: Estimate

    def sentence(self) -> str:
        """How many faces leak, and the accuracy with and without them."""
        scored, others = f"{self.every.faces:,} {self.split} faces", sum(self.compared.values())
        if not self.leaked.faces:
            return (
                f"None of the {scored} has a near-duplicate among the faces of the training ({others:,} faces of other "
                f"splits were compared{self._elsewhere()})."
            )
        share = percent(self.leaked.faces / self.every.faces)
        verb = "has" if self.leaked.faces == 1 else "have"
        within = listed({name: self.against.get(name, 0) for name in TRAINED_ON})
        told = (
            f"{self.leaked.faces:,} of the {scored} ({share}) {verb} a near-duplicate among the faces of the training "
            f"({within}{self._elsewhere()}). Accuracy is {_percent(self.every.accuracy)} on all"
        )
        if not self.without.faces:
            return f"{told}, and no face is left without them."
        gain = self.accuracy_gain
        return (
            f"{told}, {_percent(self.leaked.accuracy)} on those and {_percent(self.without.accuracy)} without them: "
            f"they are worth {with_interval(gain, POINTS, level=True)}."
        )

    def _elsewhere(self) -> str:
        """Near-duplicates in splits that no training looked at."""
        other = listed({name: n for name, n in self.against.items() if name not in TRAINED_ON})
        return f"; {other}, which no training looked at" if other else ""


def summarise(
    predictions: Predictions, table: pd.DataFrame, *, split: str, compared: dict[str, int]
) -> LeakSummary:
    """Scores with and without the faces of a leak table that have near-duplicates among those trained on."""
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
        *(_face_scores(confusion) for confusion in (leaked + without, leaked, without)),
        accuracy_gain,
        macro_f1_gain,
    )


def _face_scores(confusion: np.ndarray) -> FaceScores:
    drawn = resample_confusion(confusion, _RESAMPLES, np.random.default_rng(_SEED))
    return FaceScores(
        int(confusion.sum()),
        _estimate(expression.accuracy(confusion), expression.accuracy(drawn)),
        _estimate(
            expression.macro_f1(confusion), expression.macro_f1(drawn), known=_no_label_once(confusion)
        ),
    )


def _gains(leaked: np.ndarray, without: np.ndarray) -> list[Estimate]:
    """Accuracy and macro-F1 of all faces less those without the leaked; both kinds of faces redrawn apart."""
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
    return Estimate(float(value), float(low), float(high)) if known and low < high else Estimate(float(value))


def _no_label_once(confusion: np.ndarray) -> bool:
    """Whether every label can vary among redrawn faces, as core.metrics.intervals asks of averages over labels."""
    return not (expression.support(confusion) == 1).any()


def _percent(estimate: Estimate) -> str:
    return with_interval(estimate, PERCENT, level=True)


def listed(counts: dict[str, int]) -> str:
    """'347 in train, 2 in validation', those that occur."""
    return ", ".join(f"{count:,} in {name or 'no split'}" for name, count in counts.items() if count)


@dataclass(frozen=True, eq=False)
class Leaks:
    """The near-duplicates of a run's scored faces, a row per pair as `leak_table` gives them, and their summary."""

    table: pd.DataFrame
    summary: LeakSummary


def find_leaks(faces: pd.DataFrame, hashes: np.ndarray, *, of: Collection[str]) -> pd.DataFrame:
    """The faces of some splits that have near-duplicates in other splits; see `leak_table`.

    Args:
        faces: reference, split and expression (code) of every face, (n,) rows, as in FaceTable.faces.
        hashes: (n,) uint64 from core.data.perceptual_hashes.
        of: the splits.
    """
    return leak_table(faces, cross_split_pairs(hashes, faces["split"], of=of))


def leak_table(faces: pd.DataFrame, found: CrossSplitPairs) -> pd.DataFrame:
    """A row per listed pair, by face and then by distance.

    Columns: reference, split, expression (name) of the face; other, other_split, other_expression of its
    near-duplicate; distance in bits; near_duplicates, how many the face has in that split, listed or not.
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
    """(p,) pairs of a leak table with two labels: where both show the same face, one is likely wrong."""
    return (table["expression"].astype(str) != table["other_expression"].astype(str)).to_numpy()


def save_leaks(folder: Path, data: TrainingData, *, split: str) -> pd.DataFrame:
    """Keep with a run the near-duplicates that faces of its scored split have in the other splits of `data`.

    Raises:
        OSError: the folder cannot be written.
    """
    faces = data.table.faces
    table = find_leaks(faces, data.hashes, of=[split])
    compared = {name: int(count) for name, count in faces["split"].value_counts().items() if name != split}
    about = {"split": split, "compared": compared, "max_distance": MAX_DISTANCE, "listed": LISTED}
    save_table(folder, LEAKS, table, about)
    return table


def load_leaks(run: Run, predictions: Predictions | None = None) -> Leaks | None:
    """What was kept of the run's leaks, and its scores with and without them; None where nobody has looked.

    Args:
        predictions: the run's, where they are at hand.

    Raises:
        AffectoscopeError: what was kept, or the predictions, cannot be read.
    """
    kept = run.table(LEAKS)
    if kept is None:
        return None
    table, about = kept
    try:
        split = str(about["split"])
        compared = {str(name): int(count) for name, count in about["compared"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise AffectoscopeError(
            f"{LEAKS.file} of '{run.name}' does not say which splits were compared; make it again with {LEAKS.command}."
        ) from error
    predictions = run.predictions() if predictions is None else predictions
    return Leaks(table, summarise(predictions, table, split=split, compared=compared))
