"""`python -m core.evaluate --run R --data PATH ...`: a saved network on other data, or images for a run's gallery."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated

import pandas as pd
import tyro

from core.analysis import evaluation
from core.analysis.detection import DetectedScores
from core.analysis.robustness import mean_accuracy
from core.analysis.scored_faces import ScoredFaces, ScoringOptions
from core.config import ReadingOptions
from core.errors import AffectoscopeError
from core.metrics.text import listed, percent
from core.options import ClusterOptions
from core.report.score_tables import prominent_headlines, shared_line, vote_lines
from core.runs.catalogue import open_run
from core.runs.test_time_augmentation import TestTimeAugmentation
from core.runtime.cluster import joined_cluster
from core.runtime.console import Console, run_command


@dataclass(frozen=True)
class EvaluateOptions(ReadingOptions):
    """Score a run's network on data of any known format, print the headline numbers and keep them with the run."""

    run: str
    """A run's folder, or its name under artifacts/."""
    data: tuple[Path, ...]
    """Folders, zips or tables of annotated faces, in formats that the README lists; each is scored for itself."""
    split: str | None = None
    """Which split to score: test, train, private_test, ... or all; default: test, or all where there is none."""
    relabel: Path | None = None
    """Score with the labels as a run's decisions.csv corrects them, on whatever split; default: as the data has them."""
    out: Path | None = None
    """Write the predictions (.parquet) or the scores and their protocol (.json) to this file."""
    keep: bool = True
    """Keep the scores with the run, where the page Transfer shows them, and the votes of the run's scored faces if this
    data has them."""
    resamples: int = 1000
    """Bootstrap resamples behind those intervals that need them; 0 for no intervals at all."""
    tta: TestTimeAugmentation | None = None
    """Test-time augmentation: one pass over each face (none), or the average over it and its mirror image (mirror) or
    over ten crops (ten-crop); default: what the run's own predictions were made with."""
    corruptions: bool = False
    """Instead of scoring once: score the faces corrupted in eight ways at five severities, and keep the result with the
    run, where the page Robustness shows it."""
    detect: bool = False
    """Instead of scoring by the annotated boxes: let the detector find the faces in their photos, count those that it
    misses, and keep the result with the run, where the page Protocol shows it."""
    attach_images: bool = False
    """Instead of scoring: keep thumbnails of the run's test faces with the run, so that its galleries show them."""
    where: Annotated[ClusterOptions, tyro.conf.arg(name="")] = field(default_factory=ClusterOptions)


def main() -> None:
    options = tyro.cli(EvaluateOptions, prog="python -m core.evaluate", args=sys.argv[1:])
    chosen = [name for name in COMMANDS if getattr(options, name)]
    run_command(lambda: _run(COMMANDS.get(_only(chosen), evaluate), options))


def _run(command: Callable[["EvaluateOptions"], object], options: EvaluateOptions) -> None:
    with joined_cluster(options.where):
        command(options)


def _only(chosen: list[str]) -> str:
    if len(chosen) > 1:
        raise AffectoscopeError(
            f"{' and '.join('--' + name.replace('_', '-') for name in chosen)} do different things; pass one at a time."
        )
    return chosen[0] if chosen else ""


def evaluate(options: EvaluateOptions) -> list[evaluation.Evaluation]:
    """Score the network on each of `options.data`; with --out, write the predictions or the scores of the only one.

    Each is kept with the run as soon as it is done, so that an error in a later one loses nothing.

    Raises:
        AffectoscopeError: the run or the data cannot be read, or no face has one of the run's labels.
    """
    _check_out(options.out, ".parquet", ".json")
    if options.out:
        _only_data(options, "--out")
    console = Console()
    if not options.data:
        raise AffectoscopeError(
            "--data names no data; pass at least one folder, zip or table of annotated faces."
        )
    found = []
    for data in options.data:
        if len(options.data) > 1:
            console.say(f"{data}:")
        found.append(_evaluate(options, data, console))
    return found


def _evaluate(options: EvaluateOptions, data: Path, console: Console) -> evaluation.Evaluation:
    found = evaluation.evaluate_faces(_scoring(options, data), resamples=options.resamples, console=console)
    console.say(prominent_headlines(found.scores, of=found.faces.split))
    if found.votes:
        console.say(vote_lines(found.votes))
    _say_protocol(console, found.faces)
    if found.labels.network_only or found.labels.data_only:
        console.say(found.labels.sentence())
    if found.labels.network_only:
        console.say(shared_line(found.shared, labels=len(found.labels.shared)))
    if options.out:
        found.save(options.out)
    if options.keep and (voted := found.keep()):
        console.say(
            f"The votes on {voted:,} of the run's scored faces are kept with it; the page Votes shows them."
        )
    return found


def evaluate_corrupted(options: EvaluateOptions) -> pd.DataFrame:
    """Score the network on corrupted faces; with --out, write the table as CSV.

    Raises:
        AffectoscopeError: the run or the data cannot be read, or the result cannot be written.
    """
    _check_out(options.out, ".csv")
    console = Console()
    scoring = _scoring(options, _only_data(options, "--corruptions"))
    faces, table = evaluation.evaluate_corrupted_faces(scoring, console=console, out=options.out)
    _say_protocol(console, faces)
    console.say(
        f"Accuracy {percent(table.iloc[0]['accuracy'])} on {len(faces.table):,} faces, "
        f"{percent(mean_accuracy(table))} when they are corrupted:"
    )
    for name, rows in table.iloc[1:].groupby("corruption", sort=False):
        console.say(f"  {name:16s}" + "  ".join(percent(value) for value in rows["accuracy"]))
    return table


def evaluate_with_detector(options: EvaluateOptions) -> DetectedScores:
    """Score the network on faces that the detector finds; with --out, write the scores as JSON.

    Raises:
        AffectoscopeError: the run or the data cannot be read, the data has no boxes that say where its faces are, or
            the result cannot be written.
    """
    _check_out(options.out, ".json")
    console = Console()
    scoring = _scoring(options, _only_data(options, "--detect"))
    faces, scores = evaluation.evaluate_detected_faces(scoring, console=console, out=options.out)
    console.say(scores.sentence())
    _say_protocol(console, faces, detector_misses=scores.misses)
    return scores


def attach_images(options: EvaluateOptions) -> int:
    """Keep thumbnails of the run's test faces in the run; returns how many.

    Raises:
        AffectoscopeError: the data does not hold the faces that the run was tested on.
    """
    console = Console()
    data = _only_data(options, "--attach-images")
    found = evaluation.attach_images(
        open_run(options.run), data, format=options.format, label_order=options.label_order, console=console
    )
    console.say(
        f"{found.kept:,} of {found.wanted:,} test faces of run '{found.run.name}' have their image now."
    )
    if not found.table.redistributable:
        console.say(f"Do not pass this run on with them: {found.table.title} may not be redistributed.")
    return found.kept


def _scoring(options: EvaluateOptions, data: Path) -> ScoringOptions:
    names = {field.name for field in fields(ScoringOptions)} - {"data"}
    return ScoringOptions(data=data, **{name: getattr(options, name) for name in names})


def _only_data(options: EvaluateOptions, option: str) -> Path:
    if len(options.data) != 1:
        raise AffectoscopeError(
            f"{option} takes one data set, and --data names {len(options.data)}; pass one."
        )
    return options.data[0]


def _check_out(out: Path | None, *suffixes: str) -> None:
    if out and out.suffix not in suffixes:
        raise AffectoscopeError(
            f"--out {out} has no known format; expected a name ending in {listed(suffixes, last='or')}."
        )


def _say_protocol(console: Console, faces: ScoredFaces, *, detector_misses: int | None = None) -> None:
    console.say(faces.protocol(detector_misses=detector_misses).sentence())
    for caution in faces.cautions():
        console.say(caution)


#: What the command does when an option asks for something else than scoring.
COMMANDS = {
    "attach_images": attach_images,
    "corruptions": evaluate_corrupted,
    "detect": evaluate_with_detector,
}

if __name__ == "__main__":
    main()
