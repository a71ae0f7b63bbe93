"""`python -m core.evaluate --run R --data PATH`: a saved network on other data, or images for a run's gallery."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import tyro

from core.analysis.detection import DetectedScores, score_detected
from core.analysis.protocol import Protocol, protocol_of_evaluation
from core.analysis.robustness import mean_accuracy, robustness
from core.data.detectors.detector import get_detector
from core.data.face_pack import FacePack, pack_faces
from core.data.face_table import FaceTable
from core.data.readers import open_dataset
from core.data.readers.spec import dataset_specs
from core.data.relabelling import Relabelled, read_relabelling, relabel
from core.errors import AffectoscopeError
from core.labels import LabelSet
from core.metrics.predictions import BOX_COLUMNS, Predictions
from core.metrics.scoring import Scores, score
from core.metrics.text import listed
from core.network.outputs import to_predictions
from core.network.resumable_inference import predict_resumable
from core.options import ClusterOptions
from core.report.score_tables import prominent_headlines
from core.runs.catalogue import open_run
from core.runs.run import Run, write_detected, write_robustness
from core.runs.tables import save_thumbnails
from core.runs.test_time_augmentation import TestTimeAugmentation
from core.runtime.cluster import joined_cluster
from core.runtime.console import Console, run_command
from core.runtime.environment import quiet_tensorflow
from core.runtime.files import write_json


@dataclass(frozen=True)
class EvaluateOptions:
    """Score a run's network on data of any known format and print the headline numbers."""

    run: str
    """A run's folder, or its name under artifacts/."""
    data: Path
    """Folder, zip or table of annotated faces, in a format that the README lists."""
    split: str | None = None
    """Which split to score: test, train, private_test, ... or all; default: test, or all where there is none."""
    format: str | None = None
    """Format of the data when it is not recognised."""
    relabel: Path | None = None
    """Score with the labels as a run's decisions.csv corrects them, on whatever split; default: as the data has them."""
    out: Path | None = None
    """Write the predictions (.parquet) or the scores and their protocol (.json) to this file."""
    resamples: int = 1000
    """Bootstrap resamples behind the intervals; 0 for none."""
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


def evaluate(options: EvaluateOptions) -> tuple[Predictions, Scores]:
    """Predictions and scores of `options.run` on `options.data`.

    Raises:
        AffectoscopeError: the run or the data cannot be read, or no face has one of the run's labels.
    """
    if options.out and options.out.suffix not in (".parquet", ".json"):
        raise AffectoscopeError(
            f"--out {options.out} has no known format; expected a name ending in .parquet or .json."
        )
    console = Console()
    faces = _faces(options, console)
    with (
        console.progress("Predicting") as progress,
        predict_resumable(faces.run, faces.pack, faces.tta, progress=progress) as outputs,
    ):
        predictions = to_predictions(faces.table, faces.labels, outputs)
    scores = score(predictions, resamples=options.resamples)
    console.say(prominent_headlines(scores, of=faces.split))
    faces.say(console)
    _write(options.out, predictions, scores.as_dict() | {"protocol": faces.protocol().as_dict()})
    return predictions, scores


def evaluate_corrupted(options: EvaluateOptions) -> pd.DataFrame:
    """The run's robustness on `options.data`, kept in the run and, with --out, as a CSV file.

    Raises:
        AffectoscopeError: the run or the data cannot be read, or the result cannot be written.
    """
    if options.out and options.out.suffix != ".csv":
        raise AffectoscopeError(f"--out {options.out} has no known format; expected a name ending in .csv.")
    console = Console()
    faces = _faces(options, console)
    with quiet_tensorflow():
        network = faces.run.load_model()
    truth = faces.labels.positions(faces.table.faces["expression"].to_numpy())
    with console.progress("Corrupting and predicting") as progress:
        table = robustness(network, faces.pack, truth, len(faces.labels), tta=faces.tta, progress=progress)
    splits = ", ".join(sorted(set(faces.table.faces["split"])))
    try:
        write_robustness(
            faces.run,
            table,
            {"data": faces.table.title, "split": splits, "test_time_augmentation": faces.tta},
        )
        if options.out:
            table.to_csv(options.out, index=False)
    except OSError as error:
        raise AffectoscopeError(f"The result cannot be written ({error.strerror or error}).") from error
    faces.say(console)
    clean = table.iloc[0]["accuracy"]
    console.say(
        f"Accuracy {clean:.4f} on {len(truth):,} faces, {mean_accuracy(table):.4f} when they are corrupted:"
    )
    for name, rows in table.iloc[1:].groupby("corruption", sort=False):
        console.say(f"  {name:16s}" + "  ".join(f"{value:.3f}" for value in rows["accuracy"]))
    return table


def evaluate_with_detector(options: EvaluateOptions) -> DetectedScores:
    """The run on faces that the detector finds in `options.data`, kept in the run and, with --out, as a JSON file.

    Raises:
        AffectoscopeError: the run or the data cannot be read, the data has no boxes that say where its faces are, or
            the result cannot be written.
    """
    if options.out and options.out.suffix != ".json":
        raise AffectoscopeError(f"--out {options.out} has no known format; expected a name ending in .json.")
    console = Console()
    faces = _faces(options, console)
    if faces.table.faces[list(BOX_COLUMNS)].isna().any(axis=None):
        raise AffectoscopeError(
            f"--detect needs photos and a box around the face of each, and the images of {faces.table.title} are "
            f"cropped faces; pass {listed([spec.title for spec in dataset_specs() if spec.boxes], last='or')}."
        )
    with quiet_tensorflow():
        from core.network.inference import run_network

        network = faces.run.load_model()
    with console.progress("Predicting by annotated boxes") as progress:
        outputs = run_network(network, faces.pack, tta=faces.tta, progress=progress)
    by_annotation = outputs["expression"].argmax(axis=1)
    with console.progress("Finding faces") as progress:
        scores = score_detected(
            network,
            faces.table,
            faces.labels.positions(faces.table.faces["expression"].to_numpy()),
            by_annotation,
            faces.run.labels,
            faces.run.preprocessing,
            get_detector(faces.run.detector),
            split=faces.split,
            tta=faces.tta,
            progress=progress,
        )
    protocol = faces.protocol(detector_misses=scores.misses)
    try:
        write_detected(faces.run, scores.as_dict())
        if options.out:
            write_json(options.out, scores.as_dict() | {"protocol": protocol.as_dict()})
    except OSError as error:
        raise AffectoscopeError(f"The result cannot be written ({error.strerror or error}).") from error
    console.say(scores.sentence())
    faces.say(console, protocol)
    return scores


@dataclass(frozen=True)
class _Faces:
    """What is scored: faces of one split whose labels the run's network knows, packed."""

    run: Run
    table: FaceTable
    pack: FacePack
    labels: LabelSet
    split: str
    tta: TestTimeAugmentation
    counts: dict[str, dict[str, int]]  # of all the data, before any face was chosen
    relabelled: Relabelled | None = None

    def protocol(self, *, detector_misses: int | None = None) -> Protocol:
        return protocol_of_evaluation(
            self.run,
            self.counts,
            self.table,
            split=self.split,
            tta=self.tta,
            detector_misses=detector_misses,
            relabelled=self.relabelled.report if self.relabelled else None,
        )

    def say(self, console: Console, protocol: Protocol | None = None) -> None:
        console.say((protocol or self.protocol()).sentence())
        if "train" in set(self.table.faces["split"]) and self.table.name == self.run.info["data"]["name"]:
            console.say("Some of these faces may be the ones that the network was trained on.")
        if self.relabelled:
            console.say(
                f"Scored with corrected labels, which cannot be compared with scores of the labels as they are: "
                f"{self.relabelled.sentence()}."
            )


def _faces(options: EvaluateOptions, console: Console) -> _Faces:
    run = open_run(options.run)
    tta = options.tta or run.test_time_augmentation
    labels = run.label_set
    with console.progress("Reading annotations") as progress:
        table = open_dataset(options.data, format=options.format, progress=progress)
    counts = table.counts()
    table, split = _split(table, options.split)
    inside = np.isin(table.faces["expression"].to_numpy(), labels.codes)
    if not inside.any():
        raise AffectoscopeError(
            f"{table.title} has no face with a label of run '{run.name}' ({', '.join(run.labels)})."
        )
    table, relabelled = table.select(inside), None
    decisions = read_relabelling(options.relabel, labels) if options.relabel else None
    with console.progress("Packing faces") as progress:
        table, pack = pack_faces(table, run.preprocessing, progress=progress)
    if decisions:
        table, left, relabelled = relabel(table, decisions, splits=None)
        pack = pack.select(np.flatnonzero(left))
        if not len(table):
            raise AffectoscopeError(f"{decisions.file} removes every face; keep some to score.")
    return _Faces(run, table, pack, labels, split, tta, counts, relabelled)


def attach_images(options: EvaluateOptions) -> int:
    """Keep thumbnails of the run's test faces, read from `options.data`, in the run; returns how many.

    Raises:
        AffectoscopeError: the data does not hold the faces that the run was tested on.
    """
    console = Console()
    run = open_run(options.run)
    preprocessing = run.preprocessing
    with console.progress("Reading annotations") as progress:
        table = open_dataset(options.data, format=options.format, progress=progress)
    wanted = set(run.predictions().frame["reference"])
    table = table.select(table.faces["reference"].isin(wanted).to_numpy())
    if not len(table):
        raise AffectoscopeError(
            f"{table.title} holds none of the {len(wanted):,} test faces of run '{run.name}'; "
            f"expected the data it was tested on: {run.info['data']['title']}."
        )
    with console.progress("Keeping thumbnails") as progress:
        kept = save_thumbnails(run.path / "faces.parquet", table, preprocessing, progress=progress)
    console.say(f"{kept:,} of {len(wanted):,} test faces of run '{run.name}' have their image now.")
    if not table.redistributable:
        console.say(f"Do not pass this run on with them: {table.title} may not be redistributed.")
    return kept


def _split(table: FaceTable, split: str | None) -> tuple[FaceTable, str]:
    """The rows of one split and its name; by default the test faces, or all where there is no test split."""
    splits = table.faces["split"]
    if split is None:
        split = "test" if (splits == "test").any() else "all"
    if split == "all":
        return table, split
    rows = (splits == split).to_numpy()
    if not rows.any():
        there = ", ".join(name or "(none)" for name in sorted(splits.unique()))
        raise AffectoscopeError(f"{table.title} has no split '{split}'; there are: {there}; or pass all.")
    return table.select(rows), split


def _write(out: Path | None, predictions: Predictions, scores: dict) -> None:
    if out is None:
        return
    try:
        if out.suffix == ".json":
            write_json(out, scores)
        else:
            predictions.save(out)
    except OSError as error:
        raise AffectoscopeError(f"{out} cannot be written ({error.strerror or error}).") from error


#: What the command does when an option asks for something else than scoring.
COMMANDS = {
    "attach_images": attach_images,
    "corruptions": evaluate_corrupted,
    "detect": evaluate_with_detector,
}

if __name__ == "__main__":
    main()
