"""A run's network on other data: its scores, on corrupted faces, on detected faces; images for a run's galleries."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from core.analysis.detection import DetectedScores, score_detected
from core.analysis.robustness import robustness
from core.analysis.scored_faces import ScoredFaces, ScoringOptions, read_faces
from core.analysis.transfer import KeptEvaluation, LabelMapping, map_labels, now, score_shared
from core.analysis.votes import keep_votes
from core.data.detectors.detector import get_detector
from core.data.face_table import FaceTable
from core.data.readers import open_dataset
from core.data.readers.spec import dataset_spec, dataset_specs
from core.errors import AffectoscopeError
from core.metrics.estimate import Estimate
from core.metrics.predictions import BOX_COLUMNS, Predictions
from core.metrics.scoring import Scores, score
from core.metrics.text import listed
from core.metrics.vote_scores import VoteScores, score_votes
from core.network.outputs import to_predictions
from core.network.resumable_inference import predict_resumable
from core.runs.run import Run, write_detected, write_robustness
from core.runs.tables import save_thumbnails
from core.runtime.console import Console
from core.runtime.environment import quiet_tensorflow
from core.runtime.files import write_json


@dataclass(frozen=True)
class Evaluation:
    """Scores of a network on a set of faces.

    Attributes:
        votes: scores against the votes of the faces' annotators; None where the data has none.
        shared: scores among the labels that network and data share.
    """

    faces: ScoredFaces
    predictions: Predictions
    scores: Scores
    votes: VoteScores | None
    labels: LabelMapping
    shared: dict[str, Estimate]

    def keep(self) -> int:
        """Keep the scores with the run and, where the data has them, the votes of the run's scored faces.

        Returns:
            Number of the run's scored faces whose votes were kept.

        Raises:
            AffectoscopeError: the folder of the run cannot be written.
        """
        faces = self.faces
        tta = faces.tta if faces.tta != faces.run.test_time_augmentation else ""
        try:
            KeptEvaluation(
                name=faces.table.name,
                title=faces.table.title,
                file=faces.options.data.resolve().name,
                split=faces.split,
                variant=" ".join([tta, "relabelled" * bool(faces.relabelled)]).strip(),
                created=now(),
                test_time_augmentation=faces.tta,
                protocol=faces.protocol().sentence(),
                cautions=tuple(faces.cautions()),
                labels=self.labels,
                scores=self.scores,
                shared=self.shared,
            ).keep(faces.run)
            return keep_votes(faces.run, faces.read)
        except OSError as error:
            raise AffectoscopeError(
                f"The scores cannot be kept in {faces.run.path} ({error.strerror or error}); pass --no-keep to score only."
            ) from error

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
    labels = map_labels(predictions, faces.protocol().out_of_set_scored)
    fixed_counts = dataset_spec(faces.table.name).has_fixed_counts(predictions.frame["split"])
    votes = None
    if faces.table.votes is not None and faces.table.votes.any():
        votes = score_votes(
            faces.table.votes,
            faces.labels.codes,
            predictions.truth,
            predictions.probabilities,
            resamples=resamples,
            fixed_counts=fixed_counts,
        )
    return Evaluation(
        faces,
        predictions,
        score(predictions, resamples=resamples, fixed_counts=fixed_counts),
        votes,
        labels,
        score_shared(predictions, labels, resamples=resamples, fixed_counts=fixed_counts),
    )


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
