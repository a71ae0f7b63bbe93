"""Command line `python -m core.label_errors`: rank labels by quality."""

import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import tyro

from core.analysis.label_errors import (
    DRAWN,
    MOST_THUMBNAILS,
    LabelErrors,
    compute_label_errors,
    label_errors,
    save_label_errors,
)
from core.data.thumbnails import make_thumbnails
from core.errors import AffectoscopeError
from core.metrics.text import percent
from core.runs.catalogue import open_run
from core.runs.run import Run
from core.runs.source_data import load_run_data
from core.runtime.console import Console, run_command


@dataclass(frozen=True)
class LabelErrorOptions:
    """Rank the labels of a run's scored faces by quality or, with --data, those of its training and validation faces, by
    cross-validation of its configuration. After Ctrl-C, the same command resumes."""

    run: str
    """A run's folder, or its name under artifacts/."""
    data: Path | None = None
    """The data that the run was trained on, 'drawn' for the drawn faces; the ranking is saved with the run, for the page
    Label errors."""
    format: str | None = None
    """Format of the data, if it is not recognised."""
    label_order: str | None = None
    """What the numbers of numbered classes mean: affectnet, rafdb, fer2013, alphabetical, or a text file; default: as the run was trained."""
    folds: int = 3
    """Number of folds of the cross-validation (2 to 20)."""
    epochs: int | None = None
    """Epochs of each training; default: the run's."""
    restart: bool = False
    """Discard the finished folds of an interrupted command."""
    top: int = 20
    """Number of most likely errors to print."""
    out: Path | None = None
    """Write the ranking to this CSV file."""


def main() -> None:
    arguments = sys.argv[1:]
    run_command(lambda: rank(tyro.cli(LabelErrorOptions, prog="python -m core.label_errors", args=arguments)))


def rank(options: LabelErrorOptions) -> LabelErrors:
    """Rank the labels of a run.

    Raises:
        AffectoscopeError: the run or the data cannot be read, the data differs from that of the training, an option is
            out of range, or a file cannot be written.
    """
    if options.out and options.out.suffix != ".csv":
        raise AffectoscopeError(f"--out {options.out} has no known format; expected a name ending in .csv.")
    for name, value, low, high in (("folds", options.folds, 2, 20), ("epochs", options.epochs, 1, 1000)):
        if value is not None and not low <= value <= high:
            raise AffectoscopeError(f"--{name} {value} is out of range; expected {low} to {high}.")
    console, run = Console(), open_run(options.run)
    try:
        errors = _rank_training(run, options, console) if options.data else compute_label_errors(run)
        if options.out:
            errors.table.to_csv(options.out, index=False)
    except OSError as error:
        raise AffectoscopeError(
            f"The ranking cannot be written ({error.strerror or error}); pass another --out."
        ) from error
    console.say(errors.sentence())
    for face in errors.table.head(options.top).itertuples():
        console.say(
            f"  {face.given} {percent(face.p_given)} -> {face.suggested} {percent(face.p_suggested)}"
            f"{', contradiction' if face.contradiction else ''}  {face.reference}"
        )
    return errors


def _rank_training(run: Run, options: LabelErrorOptions, console: Console) -> LabelErrors:
    run.require_network("Ranking training faces")
    from core.sweep.cross_validation import forget_folds, held_out_predictions

    if run.imported:
        raise AffectoscopeError(
            f"The network of run '{run.name}' was imported, so there is no training to repeat on parts of the data; rank its "
            "scored faces without --data, or use a run of core.train."
        )
    drawn = str(options.data) == DRAWN and not run.info["config"].get("data")
    data = load_run_data(
        run, None if drawn else options.data, console, format=options.format, label_order=options.label_order
    )
    try:
        predictions = held_out_predictions(
            run, data, folds=options.folds, epochs=options.epochs, restart=options.restart, console=console
        )
    except KeyboardInterrupt:
        console.say("Finished folds and epochs are saved; run the same command to resume.")
        raise
    annotated = predictions.frame["expression"].astype("object")
    if data.relabelled:
        own = data.relabelled.relabelling.table.set_index("reference")["given"]
        annotated = predictions.frame["reference"].map(own).fillna(annotated)
    errors = label_errors(predictions, annotated=annotated.to_numpy(object))
    thumbnails = {}
    if data.table.redistributable:
        likeliest = pd.Index(data.table.faces["reference"]).get_indexer(
            errors.table["reference"].head(MOST_THUMBNAILS)
        )
        with console.progress("Saving thumbnails") as progress:
            thumbnails = dict(
                zip(
                    *make_thumbnails(data.table.select(likeliest), run.preprocessing, progress=progress),
                    strict=True,
                )
            )
    about = {"folds": options.folds, "epochs": options.epochs or run.info["config"]["epochs"]}
    save_label_errors(run, errors, about, thumbnails)
    forget_folds(run)
    return errors


if __name__ == "__main__":
    main()
