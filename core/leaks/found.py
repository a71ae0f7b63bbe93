"""Scored faces with near-duplicates in other splits, and what a score is worth without them: `python -m core.leaks`.

A test face of which the network has learnt a copy tests its memory. Splits that core.splits carves keep
near-duplicates on one side; official splits come as they are.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from core.artifacts import LEAKS, Run, write_kept
from core.errors import AffectoscopeError
from core.labels import EXPRESSIONS
from core.leaks.near_duplicates import LISTED, MAX_DISTANCE, CrossSplitPairs, cross_split_pairs
from core.leaks.scores import LeakSummary, summarise
from core.predictions import Predictions
from core.training_data import TrainingData


@dataclass(frozen=True, eq=False)
class Leaks:
    """The near-duplicates of a run's scored faces, a row per pair as `leak_table` gives them, and their summary."""

    table: pd.DataFrame
    summary: LeakSummary


def find_leaks(faces: pd.DataFrame, hashes: np.ndarray, *, of: Collection[str]) -> pd.DataFrame:
    """The faces of some splits that have near-duplicates in other splits; see `leak_table`.

    Args:
        faces: reference, split and expression (code) of every face, (n,) rows, as in FaceTable.faces.
        hashes: (n,) uint64 from core.leaks.perceptual_hashes.
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


def keep_leaks(folder: Path, data: TrainingData, *, split: str) -> pd.DataFrame:
    """Keep with a run the near-duplicates that faces of its scored split have in the other splits of `data`.

    Raises:
        OSError: the folder cannot be written.
    """
    faces = data.table.faces
    table = find_leaks(faces, data.hashes, of=[split])
    compared = {name: int(count) for name, count in faces["split"].value_counts().items() if name != split}
    about = {"split": split, "compared": compared, "max_distance": MAX_DISTANCE, "listed": LISTED}
    write_kept(folder, LEAKS, table, about)
    return table


def leaks_of(run: Run, predictions: Predictions | None = None) -> Leaks | None:
    """What was kept of the run's leaks, and its scores with and without them; None where nobody has looked.

    Args:
        predictions: the run's, where they are at hand.

    Raises:
        AffectoscopeError: what was kept, or the predictions, cannot be read.
    """
    kept = run.kept(LEAKS)
    if kept is None:
        return None
    table, about = kept
    try:
        split = str(about["split"])
        compared = {str(name): int(count) for name, count in about["compared"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise AffectoscopeError(
            f"{LEAKS.file} of '{run.name}' does not say which splits were compared; make it again with {LEAKS.renew}."
        ) from error
    predictions = run.predictions() if predictions is None else predictions
    return Leaks(table, summarise(predictions, table, split=split, compared=compared))
