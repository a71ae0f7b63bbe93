"""A run's network on other data: its scores, on corrupted faces, on detected faces; images for a run's galleries."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from core.analysis.detection import DetectedScores, score_detected
from core.analysis.protocol import Protocol, protocol_of_evaluation
from core.analysis.robustness import robustness
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
from core.runs.catalogue import open_run
from core.runs.run import Run, write_detected, write_robustness
from core.runs.tables import save_thumbnails
from core.runs.test_time_augmentation import TestTimeAugmentation
from core.runtime.console import Console
from core.runtime.environment import quiet_tensorflow
from core.runtime.files import write_json


@dataclass(frozen=True)
class ScoringOptions:
    """A run, and the faces that its network is scored on."""

    run: str  # folder, or name under artifacts/
    data: Path
    split: str | None = None  # None: test, or all where there is no such split
    format: str | None = None  # None: recognised
    label_order: str | None = None  # of numbered labels
    relabel: Path | None = None  # a decisions.csv that corrects the labels
    tta: TestTimeAugmentation | None = None  # None: as the run's own predictions were made


@dataclass(frozen=True)
class ScoredFaces:
    """Faces of one split whose labels the run's network knows, packed."""

    run: Run
    table: FaceTable
    pack: FacePack
    labels: LabelSet
    split: str
    tta: TestTimeAugmentation
    counts: dict[str, dict[str, int]]  # of all the data, before any face was chosen
    relabelled: Relabelled | None = None

    @property
    def truth(self) -> np.ndarray:
        """(n,) positions of the annotated labels."""
        return self.labels.positions(self.table.faces["expression"].to_numpy())

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

    def cautions(self) -> list[str]:
        """Sentences on faces that the network may know, and on corrected labels."""
        cautions = []
        if "train" in set(self.table.faces["split"]) and self.table.name == self.run.info["data"]["name"]:
            cautions.append("Some of these faces may be the ones that the network was trained on.")
        if self.relabelled:
            cautions.append(
                "Scored with corrected labels, which cannot be compared with scores of the labels as they are: "
                f"{self.relabelled.sentence()}."
            )
        return cautions


@dataclass(frozen=True)
class Evaluation:
    """Scores of a network on a set of faces."""

    faces: ScoredFaces
    predictions: Predictions
    scores: Scores

    def save(self, path: Path) -> None:
        """Write the scores and their protocol (.json) or the predictions (any other suffix).

        Raises:
            AffectoscopeError: the file cannot be written.
        """
        try:
            if path.suffix == ".json":
                write_json(path, self.scores.as_dict() | {"protocol": self.faces.protocol().as_dict()})
            else:
                self.predictions.save(path)
        except OSError as error:
            raise AffectoscopeError(f"{path} cannot be written ({error.strerror or error}).") from error


@dataclass(frozen=True)
class AttachedImages:
    """Thumbnails kept with a run: of how many of its test faces, from which data."""

    run: Run
    table: FaceTable
    kept: int
    wanted: int


def evaluate_faces(options: ScoringOptions, *, resamples: int, console: Console) -> Evaluation:
    """Predictions and scores of the faces, with intervals from `resamples` resamples (0: none).

    Raises:
        AffectoscopeError: the run or the data cannot be read, or no face has one of the run's labels.
    """
    faces = read_faces(options, console=console)
    with (
        console.progress("Predicting") as progress,
        predict_resumable(faces.run, faces.pack, faces.tta, progress=progress) as outputs,
    ):
        predictions = to_predictions(faces.table, faces.labels, outputs)
    return Evaluation(faces, predictions, score(predictions, resamples=resamples))


def evaluate_corrupted_faces(
    options: ScoringOptions, *, console: Console, out: Path | None = None
) -> tuple[ScoredFaces, pd.DataFrame]:
    """Score the corrupted faces; the `robustness` table is kept in the run and, with `out`, written as CSV.

    Raises:
        AffectoscopeError: the run or the data cannot be read, or the result cannot be written.
    """
    faces = read_faces(options, console=console)
    with quiet_tensorflow():
        network = faces.run.load_model()
    with console.progress("Corrupting and predicting") as progress:
        table = robustness(
            network, faces.pack, faces.truth, len(faces.labels), tta=faces.tta, progress=progress
        )
    about = {
        "data": faces.table.title,
        "split": ", ".join(sorted(set(faces.table.faces["split"]))),
        "test_time_augmentation": faces.tta,
    }
    try:
        write_robustness(faces.run, table, about)
        if out:
            table.to_csv(out, index=False)
    except OSError as error:
        raise AffectoscopeError(f"The result cannot be written ({error.strerror or error}).") from error
    return faces, table


def evaluate_detected_faces(
    options: ScoringOptions, *, console: Console, out: Path | None = None
) -> tuple[ScoredFaces, DetectedScores]:
    """Score the faces that the detector finds in their photos; kept in the run and, with `out`, written as JSON.

    Raises:
        AffectoscopeError: the run or the data cannot be read, the data has no boxes that say where its faces are, or
            the result cannot be written.
    """
    faces = read_faces(options, console=console)
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
    with console.progress("Finding faces") as progress:
        scores = score_detected(
            network,
            faces.table,
            faces.truth,
            outputs["expression"].argmax(axis=1),
            faces.run.labels,
            faces.run.preprocessing,
            get_detector(faces.run.detector),
            split=faces.split,
            tta=faces.tta,
            progress=progress,
        )
    try:
        write_detected(faces.run, scores.as_dict())
        if out:
            protocol = faces.protocol(detector_misses=scores.misses)
            write_json(out, scores.as_dict() | {"protocol": protocol.as_dict()})
    except OSError as error:
        raise AffectoscopeError(f"The result cannot be written ({error.strerror or error}).") from error
    return faces, scores


def attach_images(
    run: Run, data: Path, *, console: Console, format: str | None = None, label_order: str | None = None
) -> AttachedImages:
    """Keep thumbnails of the run's test faces, read from `data`, in the run.

    Raises:
        AffectoscopeError: the data does not hold the faces that the run was tested on.
    """
    preprocessing = run.preprocessing
    with console.progress("Reading annotations") as progress:
        order = label_order or run.info["config"].get("label_order")
        table = open_dataset(data, format=format, label_order=order, progress=progress)
    wanted = set(run.predictions().frame["reference"])
    table = table.select(table.faces["reference"].isin(wanted).to_numpy())
    if not len(table):
        raise AffectoscopeError(
            f"{table.title} holds none of the {len(wanted):,} test faces of run '{run.name}'; "
            f"expected the data it was tested on: {run.info['data']['title']}."
        )
    with console.progress("Keeping thumbnails") as progress:
        kept = save_thumbnails(run.path / "faces.parquet", table, preprocessing, progress=progress)
    return AttachedImages(run, table, kept, len(wanted))


def read_faces(options: ScoringOptions, *, console: Console) -> ScoredFaces:
    """Read, select, relabel and pack the faces to score.

    Raises:
        AffectoscopeError: the run or the data cannot be read, or no face is left.
    """
    run = open_run(options.run)
    labels = run.label_set
    with console.progress("Reading annotations") as progress:
        table = open_dataset(
            options.data, format=options.format, label_order=options.label_order, progress=progress
        )
    counts = table.counts()
    table, split = _select_split(table, options.split)
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
    tta = options.tta or run.test_time_augmentation
    return ScoredFaces(run, table, pack, labels, split, tta, counts, relabelled)


def _select_split(table: FaceTable, split: str | None) -> tuple[FaceTable, str]:
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
