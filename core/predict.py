"""Command line `python -m core.predict PHOTO_OR_FOLDER...`: predict the faces in photos, one row per face."""

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated

import tyro

from core.data.images import SUFFIXES, photos_in, read_photo
from core.errors import AffectoscopeError
from core.metrics.text import percent
from core.options import ClusterOptions
from core.photos.annotate import annotated_path, check_folder, common_folder, save_annotated
from core.photos.predictor import Predictor
from core.photos.results import PhotoPrediction, as_rows, row_names
from core.photos.results_file import PredictionFile, check_output, open_output
from core.runs.catalogue import list_runs, open_run
from core.runs.layout import ARTIFACTS_FOLDER
from core.runs.run import Run
from core.runtime.cluster import joined_cluster
from core.runtime.console import Console
from core.runtime.executor import executor
from core.runtime.files import network_digest

__all__ = ["PhotoPrediction", "Predictor"]

#: Largest number of photos with problems that are listed at the end.
NAMED = 1000

#: Chunk sizes of workers on a cluster.
CROPS_AT_ONCE, PHOTOS_AT_ONCE = 1024, 16


@dataclass(frozen=True)
class PredictOptions:
    """Predict the faces in photos, one row per face.

    Exit status: 0 if all photos were read, 1 if some could not be read, 2 if none could or an option is invalid.
    """

    photos: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Photos, or folders of photos (searched recursively)."""
    run: str | None = None
    """A run's folder, or its name under artifacts/; default: the newest."""
    out: Path | None = None
    """Output file: .csv, .json or .parquet; default: one line per face on the terminal."""
    resume: bool = False
    """Continue --out: photos that it already contains are skipped."""
    overwrite: bool = False
    """Replace an existing --out, and existing photos in --annotate."""
    annotate: Path | None = None
    """Folder for copies of the photos with numbered face boxes, without EXIF metadata."""
    crops: bool = False
    """The photos are cropped faces, framed like the run's training images."""
    where: Annotated[ClusterOptions, tyro.conf.arg(name="")] = field(default_factory=ClusterOptions)


@dataclass
class Tally:
    """Counts of photos and faces; `problems` and `notes` list at most NAMED photos each."""

    photos: int = 0
    faces: int = 0
    failed: int = 0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    options = tyro.cli(PredictOptions, prog="python -m core.predict", args=arguments)
    try:
        with joined_cluster(options.where):
            return predict(options)
    except AffectoscopeError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        hint = "; continue with the same command and --resume" if options.out else ""
        print(f"Stopped{hint}.", file=sys.stderr)
        return 130


def predict(options: PredictOptions) -> int:
    """Predict photos, write or print the rows, and print a summary; returns the exit status.

    Raises:
        AffectoscopeError: an option is invalid, the run cannot be read, or the output cannot be written.
    """
    _check(options)
    total = sum(1 for _ in photos_in(options.photos))
    if not total:
        given = ", ".join(str(path) for path in options.photos) or "nothing"
        raise AffectoscopeError(
            f"No photos found in {given}; expected files or folders of {', '.join(SUFFIXES)}."
        )
    run = open_run(options.run or newest_run())
    run.require_network("A prediction on photos")
    output = None
    if options.out:
        recipe = {
            "run": run.name,
            "network": network_digest(run.path),
            "crops": options.crops,
            "columns": list(row_names(run.labels)),
        }
        output = open_output(options.out, recipe, resume=options.resume)
    there = len(output.done) if output else 0
    try:
        tally = _predict(run, options, output, total)
    except AffectoscopeError:
        if output and not (output.done or output.added):
            output.finish()  # removes the part file
        raise
    if output:
        output.finish()
    _report(tally, there, options.out)
    return 0 if not tally.failed else 1 if tally.photos or there else 2


def _check(options: PredictOptions) -> None:
    if options.out:
        check_output(options.out, resume=options.resume, overwrite=options.overwrite)
    elif options.resume:
        raise AffectoscopeError("--resume needs --out; pass the output to continue.")
    if options.resume and options.overwrite:
        raise AffectoscopeError("--resume and --overwrite exclude each other; pass one of them.")
    if options.annotate and options.crops:
        raise AffectoscopeError(
            "--annotate and --crops exclude each other: cropped faces have no boxes; pass one of them."
        )
    if options.annotate:
        check_folder(options.annotate, list(options.photos), into_full=options.resume or options.overwrite)


def newest_run() -> Path:
    """Folder of the newest run under artifacts/ that has a network.

    Raises:
        AffectoscopeError: there is none.
    """
    for listing in list_runs(ARTIFACTS_FOLDER):
        if listing.run and listing.run.has_network:
            return listing.path
    raise AffectoscopeError(
        "No runs with a network under artifacts/; train one with python -m core.train, or pass --run."
    )


def _load(
    run: Path, crops: bool
) -> Callable[[Iterable[Path]], Iterator[PhotoPrediction | AffectoscopeError]]:
    return partial(Predictor.load(run).predict_many, crops=crops)


def _predict(run: Run, options: PredictOptions, output: PredictionFile | None, total: int) -> Tally:
    """Predict the photos that the output does not contain; rows are written or printed immediately."""
    common = common_folder(list(options.photos)) if options.annotate else Path()
    tally, pending = Tally(), deque[Path]()

    def missing() -> Iterator[Path]:
        for photo in photos_in(options.photos):
            if not output or name_of(photo) not in output.done:
                pending.append(photo)
                yield photo

    def work(progress) -> None:
        before = len(output.done) if output else 0
        load = partial(_load, run.path, options.crops)
        chunk_size = CROPS_AT_ONCE if options.crops else PHOTOS_AT_ONCE
        for result in executor().stream(load, missing(), chunk_size=chunk_size):
            photo = pending.popleft()
            if isinstance(result, AffectoscopeError):
                _note(tally.problems, photo, str(result))
                tally.failed += 1
                continue
            if options.annotate:
                save_annotated(annotated_path(options.annotate, photo, common), read_photo(photo), result)
            rows = as_rows(name_of(photo), result, run.labels)
            if output:
                output.add(rows)
            else:
                _print(photo, result)
            tally.photos += 1
            tally.faces += len(result.faces)
            if result.reason and result.faces:
                _note(tally.notes, photo, result.reason)
            if progress:
                progress(min(before + tally.photos + tally.failed, total), total)

    if output:
        with Console().progress("Predicting photos") as progress:
            work(progress)
    else:
        work(None)  # the printed rows show the progress
    return tally


def name_of(photo: Path) -> str:
    """Path of a photo as given, for the rows; undecodable bytes are escaped."""
    return os.fsencode(photo).decode("utf-8", "backslashreplace")


def _printable(photo: Path) -> str:
    """Path for the terminal, with control characters and direction marks escaped."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in name_of(photo))


def _note(notes: list[str], photo: Path, text: str) -> None:
    if len(notes) < NAMED:
        notes.append(f"{_printable(photo)}: {text}")


def _print(photo: Path, prediction: PhotoPrediction) -> None:
    """Print the label of each face; --out has all columns."""
    if not prediction.faces:
        print(f"{_printable(photo)}: {prediction.reason}")
    for face in prediction.faces:
        text = f"{_printable(photo)}: face {face.number}, {face.label} {percent(face.probabilities[face.label], digits=0)}"
        if face.valence is not None:
            text += f", valence {face.valence:+.2f}, arousal {face.arousal:+.2f}"
        print(text + (f" ({face.abstained}: {face.reason})" if face.abstained else ""))


def _report(tally: Tally, there: int, out: Path | None) -> None:
    """Print a summary and the unreadable photos on standard error."""
    where = f", written to {out}" if out and (tally.photos or there) else ""
    before = f" {there:,} were already in the output." if there else ""
    print(
        f"{tally.photos:,} photos read, {tally.faces:,} faces{where}; {tally.failed:,} could not be read.{before}",
        file=sys.stderr,
    )
    for line in [*tally.notes, *tally.problems]:
        print(f"  {line}", file=sys.stderr)
    if tally.failed > len(tally.problems):
        print(f"  and {tally.failed - len(tally.problems):,} more", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
