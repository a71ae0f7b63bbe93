"""Temperature and distance limit of a run, fitted on its validation faces.

Training faces would underestimate both; test faces must not be used for fitting.
"""

from collections.abc import Callable
from dataclasses import replace
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
from core.metrics.embeddings import NEIGHBOURS, distances_to
from core.runs.calibration import Calibration
from core.runs.layout import SAMPLE_FILE
from core.runs.test_time_augmentation import TestTimeAugmentation
from core.runs.training_sample import SAMPLE_FACES, TrainingSample

#: Share of the validation faces within the distance limit.
INSIDE = 0.99

#: Side of a sample face's thumbnail in pixels.
THUMBNAIL_SIDE = 48


def fit_calibration(
    truth: np.ndarray, probabilities: np.ndarray, embeddings: np.ndarray | None, sample: np.ndarray | None
) -> Calibration:
    """Fit temperature and distance limit on validation faces; without embeddings there is no limit.

    Args:
        truth: (n,) label indices, n at least 1.
        probabilities: (n, c).
        embeddings: (n, d); None for a network without embeddings.
        sample: (m, d) embeddings of training faces; None likewise.
    """
    temperature = fit_temperature(truth, log_probabilities(probabilities))
    scaled = apply_temperature(probabilities, temperature)
    calibration = Calibration(
        temperature=round(temperature, 4),
        validation_ece_before=round(expected_calibration_error(truth, probabilities), 4),
        validation_ece_after=round(expected_calibration_error(truth, scaled), 4),
    )
    if embeddings is None or sample is None:
        return calibration
    neighbours = min(NEIGHBOURS, len(sample))
    distances = distances_to(sample, embeddings, neighbours)
    limit = round(float(np.quantile(distances, INSIDE)), 5)
    return replace(calibration, distance_limit=limit, neighbours=neighbours)


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
    """Save a sample of the training faces in the run's folder, and fit the calibration on the validation faces.

    A network without embeddings gets no sample, and a calibration without a distance limit.

    Args:
        train, validation: at least one face of each split; all expressions have to be in `labels`.
        tta: test-time augmentation of the run.
        seed: seed of the sample.
        thumbnails: whether the sample includes images.
        progress: called as progress(done, total), in faces.
    """
    from core.network.inference import embedding_size, predict_table

    if embedding_size(network) is None:
        validated = predict_table(network, *validation, labels, tta=tta, progress=progress)
        return fit_calibration(validated.truth, validated.probabilities, None, None)
    table, pack = train
    rows = draw_rows(table.faces["expression"].to_numpy(), seed=seed)
    table, pack = table.select(rows), pack.select(rows)
    total = len(table) + len(validation[0])
    sampled = predict_table(
        network, table, pack, labels, tta=tta, progress=_offset_progress(progress, 0, total)
    )
    validated = predict_table(
        network, *validation, labels, tta=tta, progress=_offset_progress(progress, len(table), total)
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
    return fit_calibration(validated.truth, validated.probabilities, validated.embeddings, sample.embeddings)


def _offset_progress(progress: Callable[[int, int], None] | None, before: int, total: int):
    return progress and (lambda done, _: progress(before + done, total))


def draw_rows(expression: np.ndarray, *, seed: int, most: int = SAMPLE_FACES) -> np.ndarray:
    """Draw a sample stratified by expression, with at least one face of each; returns ascending row numbers.

    Args:
        expression: (n,) codes or indices.
        most: largest sample; rounding can make it slightly smaller.
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
