"""How a run's probabilities and embeddings are to be read, learned from its validation faces.

Those neither trained the network nor test it: fitted on its training faces, it would be too sure.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from core.data.face_pack import FacePack
from core.data.face_table import FaceTable
from core.data.preprocessing import PreprocessingConfig
from core.data.thumbnails import make_thumbnails
from core.labels import LabelSet
from core.metrics.calibration import (
    apply_temperature,
    expected_calibration_error,
    fit_temperature,
    log_probabilities,
)
from core.metrics.embeddings import NEIGHBOURS, distances_to, l2_normalize
from core.runs.calibration import Calibration
from core.runs.layout import SAMPLE_FILE
from core.runs.test_time_augmentation import TestTimeAugmentation
from core.runs.training_sample import SAMPLE_FACES, TrainingSample

#: Share of the validation faces that are as near as a face must be.
INSIDE = 0.99

#: Side of a sample face's thumbnail in pixels.
THUMBNAIL_SIDE = 48


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
    apart = distances_to(l2_normalize(sample), embeddings, neighbours)
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
    preprocessing: PreprocessingConfig,
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
        images = dict(zip(*make_thumbnails(table, preprocessing, size=THUMBNAIL_SIDE), strict=True))
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


def draw_rows(expression: np.ndarray, *, seed: int, most: int = SAMPLE_FACES) -> np.ndarray:
    """Rows of a stratified sample, rising: every expression with its share of the faces, one at least.

    Args:
        expression: (n,) codes or positions.
        most: faces drawn at most; a few less where shares are rounded down.
    """
    expression = np.asarray(expression)
    if len(expression) <= most:
        return np.arange(len(expression))
    random = np.random.default_rng(seed)
    codes, counts = np.unique(expression, return_counts=True)
    wanted = np.maximum(counts * (most - len(codes)) // len(expression), 0) + 1
    drawn = [
        random.choice(np.flatnonzero(expression == code), size=min(share, count), replace=False)
        for code, share, count in zip(codes, wanted, counts, strict=True)
    ]
    return np.sort(np.concatenate(drawn))
