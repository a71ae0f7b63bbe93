"""Scored faces with near-duplicates in other splits, and what a score is worth without them: `python -m core.leaks`.

A test face of which the network has learnt a copy tests its memory. Splits that core.splits carves keep
near-duplicates on one side; official splits come as they are.
"""

import sys
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import tyro

from core.artifacts import LEAKS, Run, open_run, write_kept
from core.config import PRESETS, Preset
from core.console import Console, run_command
from core.errors import AffectoscopeError
from core.labels import EXPRESSIONS
from core.leak_scores import LeakSummary, listed, summarise
from core.near_duplicates import LISTED, MAX_DISTANCE, CrossSplitPairs, cross_split_pairs
from core.predictions import Predictions
from core.training_data import TrainingData, load_faces


@dataclass(frozen=True, eq=False)
class Leaks:
    """The near-duplicates of a run's scored faces, a row per pair as `leak_table` gives them, and their summary."""

    table: pd.DataFrame
    summary: LeakSummary


def find_leaks(faces: pd.DataFrame, hashes: np.ndarray, *, of: Collection[str]) -> pd.DataFrame:
    """The faces of some splits that have near-duplicates in other splits; see `leak_table`.

    Args:
        faces: reference, split and expression (code) of every face, (n,) rows, as in FaceTable.faces.
        hashes: (n,) uint64 from core.perceptual_hashes.
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


@dataclass(frozen=True)
class LeaksOptions:
    """Look for near-duplicate faces across the splits of a data set and, with --run, score a run without them."""

    data: Path | None = None
    """AffectNet (2017 or 2021), FER2013 (csv, folders, zip) or a folder of faces, with --run the data that it was
    trained on; default: drawn faces."""
    run: str | None = None
    """A run's folder, or its name under artifacts/: what is found is kept with it, where the page Leaks shows it."""
    preset: Preset = "quick"
    """Without --run: pack the faces as a training with this preset does, so that neither has to do it again."""
    format: str | None = None
    """Format of the data when it is not recognised."""
    out: Path | None = None
    """Write the pairs to this CSV file."""


def main() -> None:
    run_command(lambda: look(tyro.cli(LeaksOptions, prog="python -m core.leaks", args=sys.argv[1:])))


def look(options: LeaksOptions) -> pd.DataFrame:
    """The pairs of `options.run`'s scored faces, or of all faces that are not for training; see `leak_table`.

    Raises:
        AffectoscopeError: the run or the data cannot be read, do not belong together, or nothing can be written.
    """
    if options.out and options.out.suffix != ".csv":
        raise AffectoscopeError(f"--out {options.out} has no known format; expected a name ending in .csv.")
    console = Console()
    try:
        table = _look_at_run(options, console) if options.run else _look_at_data(options, console)
        if options.out:
            table.to_csv(options.out, index=False)
    except OSError as error:
        raise AffectoscopeError(f"What was found cannot be written ({error.strerror or error}).") from error
    if len(table):
        console.say(
            f"The labels differ in {labels_differ(table).sum():,} of the {len(table):,} listed pairs."
        )
    return table


def _look_at_run(options: LeaksOptions, console: Console) -> pd.DataFrame:
    from core.renew import training_data_of  # which keeps leaks itself

    run = open_run(options.run)
    data = training_data_of(run, options.data, console, format=options.format)
    table = keep_leaks(run.path, data, split=run.predictions().frame["split"].iloc[0])
    console.say(leaks_of(run).summary.sentence())
    return table


def _look_at_data(options: LeaksOptions, console: Console) -> pd.DataFrame:
    """Pairs across the splits that the data names itself, which training has not changed yet."""
    data = load_faces(replace(PRESETS[options.preset], data=options.data, format=options.format), console)
    faces = data.table.faces
    found = cross_split_pairs(data.hashes, faces["split"], of=set(faces["split"]) - {"train"})
    console.say(
        f"{data.table.title}: {len(faces):,} faces; those whose perceptual hashes differ in at most {MAX_DISTANCE} of "
        "64 bits, mirror images included, are near-duplicates."
    )
    for name in found.splits:
        of_split = found.counts[(faces["split"] == name).to_numpy()] > 0
        alike = dict(zip(found.splits, of_split.sum(axis=0).tolist(), strict=True))
        told = listed({name: alike.pop(name)} | alike) or "none"
        console.say(f"  {name or 'no split':14s}{len(of_split):9,} faces; with a near-duplicate: {told}")
    return leak_table(faces, found)


if __name__ == "__main__":
    main()
