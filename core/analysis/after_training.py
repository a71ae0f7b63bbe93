"""What a review asks of the scored faces beside the predictions, kept with the run by training and by core.upgrade."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from core.analysis.leaks import keep_leaks
from core.analysis.selective.out_of_set import keep_outside_faces
from core.analysis.slices.face_attributes import keep_face_attributes
from core.data.training_data import TrainingData
from core.metrics.predictions import Predictions
from core.network.test_time_augmentation import TestTimeAugmentation

if TYPE_CHECKING:
    import keras


def keep_review_tables(
    folder: Path,
    network: "keras.Model",
    data: TrainingData,
    predictions: Predictions,
    *,
    split: str,
    tta: TestTimeAugmentation,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write the tables of a run's review into its folder.

    Args:
        data: the packed faces of the training, every one in its split.
        predictions: of the scored split, one row per face.
        split: the scored split.
        tta: what the network's outputs are averaged over, as for `predictions`.
        progress: called as progress(done, total) in faces.
    """
    keep_leaks(folder, data, split=split)
    keep_face_attributes(folder, data, predictions)
    keep_outside_faces(folder, network, data, split=split, tta=tta, progress=progress)
