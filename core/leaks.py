"""Command line `python -m core.leaks`: find near-duplicates and persons across splits."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import tyro

from core.analysis.leaks import labels_differ, leak_table, listed, load_leaks, save_leaks
from core.analysis.shared_subjects import find_shared_subjects
from core.config import PRESETS, Preset
from core.data.near_duplicates import MAX_DISTANCE, cross_split_pairs
from core.data.training_data import load_faces
from core.errors import AffectoscopeError
from core.runs.catalogue import open_run
from core.runs.source_data import load_run_data
from core.runtime.console import Console, run_command


@dataclass(frozen=True)
class LeaksOptions:
    """Find near-duplicate faces, and the same persons, across the splits of a data set and, with --run, score a run without them."""

    data: Path | None = None
    """Folder, zip or table of annotated faces, in a format that the README lists; with --run the data that it was
    trained on; default: drawn faces."""
    run: str | None = None
    """A run's folder, or its name under artifacts/; the pairs are saved with the run, for the page Leaks."""
    preset: Preset = "quick"
    """Without --run: preset whose preprocessing is used, so that a training with it shares the cached pack."""
    format: str | None = None
    """Format of the data, if it is not recognised."""
    label_order: str | None = None
    """What the numbers of numbered classes mean: affectnet, rafdb, fer2013, alphabetical, or a text file; default: as the run was trained."""
    subjects: Path | None = None
    """Without --run: CSV with the columns reference and subject (the person shown), for data that does not name it."""
    out: Path | None = None
    """Write the pairs to this CSV file."""


def main() -> None:
    run_command(lambda: find_pairs(tyro.cli(LeaksOptions, prog="python -m core.leaks", args=sys.argv[1:])))


def find_pairs(options: LeaksOptions) -> pd.DataFrame:
    """Find near-duplicates of the run's scored faces or, without a run, of all faces outside of "train".

    Returns:
        See core.analysis.leaks.leak_table.

    Raises:
        AffectoscopeError: the run or the data cannot be read, the data differs from that of the training, or a file
            cannot be written.
    """
    if options.out and options.out.suffix != ".csv":
        raise AffectoscopeError(f"--out {options.out} has no known format; expected a name ending in .csv.")
    console = Console()
    try:
        table = _search_run(options, console) if options.run else _search_data(options, console)
        if options.out:
            table.to_csv(options.out, index=False)
    except OSError as error:
        raise AffectoscopeError(
            f"The pairs cannot be written ({error.strerror or error}); pass another --out."
        ) from error
    if len(table):
        console.say(
            f"The labels differ in {labels_differ(table).sum():,} of the {len(table):,} listed pairs."
        )
    return table


def _search_run(options: LeaksOptions, console: Console) -> pd.DataFrame:
    run = open_run(options.run)
    data = load_run_data(run, options.data, console, format=options.format, label_order=options.label_order)
    table = save_leaks(run.path, data, split=run.predictions().frame["split"].iloc[0])
    console.say(load_leaks(run).summary.sentence())
    return table


def _search_data(options: LeaksOptions, console: Console) -> pd.DataFrame:
    """Near-duplicates across the splits of the data set, before a training changes them."""
    config = replace(
        PRESETS[options.preset],
        data=options.data,
        format=options.format,
        label_order=options.label_order,
        subjects=options.subjects,
    )
    data = load_faces(config, console)
    faces = data.table.faces
    found = cross_split_pairs(data.hashes, faces["split"], of=set(faces["split"]) - {"train"})
    console.say(
        f"{data.table.title}: {len(faces):,} faces; those whose perceptual hashes differ in at most {MAX_DISTANCE} of "
        "64 bits, mirror images included, are near-duplicates."
    )
    for name in found.splits:
        of_split = found.counts[(faces["split"] == name).to_numpy()] > 0
        alike = dict(zip(found.splits, of_split.sum(axis=0).tolist(), strict=True))
        counts = listed({name: alike.pop(name)} | alike) or "none"
        console.say(f"  {name or 'no split':14s}{len(of_split):9,} faces; with a near-duplicate: {counts}")
    for name in found.splits if (faces["subject"] != "").any() else ():
        console.say(f"  {find_shared_subjects(faces, split=name).sentence()}")
    return leak_table(faces, found)


if __name__ == "__main__":
    main()
