"""How a run's probabilities and embeddings are to be read, learned from its validation faces.

Those neither trained the network nor test it: fitted on its training faces, it would be too sure.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.data.face_pack import FacePack
from core.data.face_table import FaceTable
from core.data.preprocessing import PreprocessingContract
from core.data.thumbnails import thumbnails_of
from core.labels import LabelSet
from core.metrics.calibration import (
    apply_temperature,
    expected_calibration_error,
    fit_temperature,
    log_probabilities,
)
from core.network.test_time_augmentation import TestTimeAugmentation
from core.runs.layout import SAMPLE_FILE
from core.runs.training_sample import NEIGHBOURS, TrainingSample, directions, distances_to, draw_rows

#: Share of the validation faces that are as near as a face must be.
INSIDE = 0.99

#: Side of a sample face's thumbnail in pixels.
THUMBNAIL_SIDE = 48


@dataclass(frozen=True)
class Calibration:
    """How a run's probabilities and embeddings are to be read; run.json's "calibration".

    Attributes:
        temperature: probabilities to 1/T, normalised again, are how often the network is right.
        validation_ece_before, validation_ece_after: expected calibration error of the validation faces
            without and with the temperature; the second is a little too good, being fitted on them.
        distance_limit: cosine distance, 0 to 2, beyond which a face is unlike the training faces.
        neighbours: k of the k-th nearest face of the sample, to which that distance is measured.
    """

    temperature: float = 1.0
    validation_ece_before: float | None = None
    validation_ece_after: float | None = None
    distance_limit: float | None = None
    neighbours: int = NEIGHBOURS


def fit_calibration(
    truth: np.ndarray, probabilities: np.ndarray, embeddings: np.ndarray, sample: np.ndarray
) -> Calibration:
    """Temperature and distance limit from validation faces.

    Args:
        truth: (n,) label positions, n at least 1; probabilities (n, c) and embeddings (n, d) of the same faces.
        sample: (m, d) embeddings of training faces.
    """
    temperature = fit_temperature(truth, log_probabilities(probabilities))
    scaled = apply_temperature(probabilities, temperature)
    neighbours = min(NEIGHBOURS, len(sample))
    apart = distances_to(directions(sample), embeddings, neighbours)
    return Calibration(
        temperature=round(temperature, 4),
        validation_ece_before=round(expected_calibration_error(truth, probabilities), 4),
        validation_ece_after=round(expected_calibration_error(truth, scaled), 4),
        distance_limit=round(float(np.quantile(apart, INSIDE)), 5),
        neighbours=neighbours,
    )


def calibrate(
    folder: Path,
    network,
    train: tuple[FaceTable, FacePack],
    validation: tuple[FaceTable, FacePack],
    labels: LabelSet,
    contract: PreprocessingContract,
    *,
    tta: TestTimeAugmentation,
    seed: int,
    thumbnails: bool,
    progress: Callable[[int, int], None] | None = None,
) -> Calibration:
    """Keep a sample of the training faces in a run's folder; what the validation faces say of the network.

    Args:
        train, validation: faces of each split, all with an expression in `labels`; one at least of each.
        tta: what the network's outputs are averaged over, as for the run's predictions.
        thumbnails: whether the sample may hold pictures.
        progress: called as progress(done, total) in faces.
    """
    from core.network.inference import predict_table

    table, pack = train
    rows = draw_rows(table.faces["expression"].to_numpy(), seed=seed)
    table, pack = table.select(rows), pack.select(rows)
    total = len(table) + len(validation[0])
    sampled = predict_table(network, table, pack, labels, tta=tta, progress=_shifted(progress, 0, total))
    kept = predict_table(
        network, *validation, labels, tta=tta, progress=_shifted(progress, len(table), total)
    )
    images: dict[str, bytes] = {}
    if thumbnails:
        images = dict(zip(*thumbnails_of(table, contract, size=THUMBNAIL_SIDE), strict=True))
    sample = TrainingSample(
        references=tuple(table.faces["reference"]),
        expressions=tuple(labels.labels[position] for position in sampled.truth),
        embeddings=sampled.embeddings,
        thumbnails=images,
    )
    sample.save(folder / SAMPLE_FILE)
    return fit_calibration(kept.truth, kept.probabilities, kept.embeddings, sample.embeddings)


def _shifted(progress: Callable[[int, int], None] | None, before: int, total: int):
    return progress and (lambda done, _: progress(before + done, total))
