"""Scores and tables that are derived from the predictions after a training and saved with the run."""

from pathlib import Path
from typing import TYPE_CHECKING

from core.analysis.calibration.fitting import calibrate
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
from core.runs.tables import SUMMARY, save_table
from core.runs.test_time_augmentation import TestTimeAugmentation
from core.runtime.console import Console
from core.runtime.files import write_json

if TYPE_CHECKING:
    import keras


def review_run(
    folder: Path,
    network: "keras.Model",
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

    Writes scores.json, the data summary, the training sample, leaks, face attributes, votes and
    out-of-label-set faces.

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
