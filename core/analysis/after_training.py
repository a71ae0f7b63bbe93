"""Scores and tables that are derived from the predictions after a training and saved with the run."""

from pathlib import Path

from core.analysis.calibration.fitting import calibrate
from core.analysis.data_inspection.inspection import Inspection
from core.analysis.data_summary import data_summary
from core.analysis.leaks import save_leaks
from core.analysis.selective.out_of_set import save_out_of_set_faces
from core.analysis.slices.face_attributes import save_face_attributes
from core.analysis.votes import save_votes
from core.data.readers.spec import dataset_spec
from core.data.training_data import TrainingData
from core.metrics.predictions import Predictions
from core.metrics.scoring import Scores, score
from core.runs.calibration import Calibration
from core.runs.imported_network import Network
from core.runs.tables import SUMMARY, save_table
from core.runs.test_time_augmentation import TestTimeAugmentation
from core.runtime.console import Console
from core.runtime.files import write_json


def review_run(
    folder: Path,
    network: Network,
    data: TrainingData,
    predictions: Predictions,
    *,
    split: str,
    tta: TestTimeAugmentation,
    seed: int,
    thumbnails: bool,
    console: Console,
) -> tuple[Scores, Calibration]:
    """Score predictions, calibrate the network and save the results in the run's folder.

    Writes scores.json, the data summary, the training sample (of a network with embeddings), leaks, face attributes, votes
    and out-of-label-set faces.

    Args:
        data: the packed faces of the training, every one in its split.
        predictions: of the scored split, one row per face.
        tta: what the network's outputs are averaged over, as for `predictions`.
        seed: of the sample of training faces.
        thumbnails: whether the training sample may hold images.
    """
    with console.progress("Calibrating") as progress:
        calibration = calibrate(
            folder,
            network,
            data.part("train"),
            data.part("validation"),
            data.labels,
            data.preprocessing,
            tta=tta,
            seed=seed,
            thumbnails=thumbnails,
            progress=progress,
        )
    with console.progress("Reviewing faces") as progress:
        save_leaks(folder, data, split=split)
        save_face_attributes(folder, data, predictions)
        save_votes(folder, data.table, predictions.frame["reference"])
        save_out_of_set_faces(folder, network, data, split=split, tta=tta, progress=progress)
    fixed_counts = dataset_spec(data.table.name).has_fixed_counts(predictions.frame["split"])
    scores = score(predictions, fixed_counts=fixed_counts)
    save_table(folder, SUMMARY, data_summary(data.table))
    write_json(folder / "scores.json", scores.as_dict())
    return scores, calibration


def describe_data(data: TrainingData, inspection: Inspection | None) -> dict:
    """The entry "data" of run.json."""
    return {
        "name": data.table.name,
        "title": data.table.title,
        "note": data.table.note,
        "labels": list(data.labels.labels),
        "label_set": len(data.labels),
        "counts": data.counts,
        "origins": data.origins,
        "ledger": data.table.ledger.as_dict(),
        "redistributable": data.table.redistributable,
        "has_affect": data.table.has_affect,
        **({"relabelled": data.relabelled.report} if data.relabelled else {}),
        **({"voted": data.voted()} if data.table.votes is not None else {}),
        **({"inspection": inspection.as_dict()} if inspection else {}),
    }
