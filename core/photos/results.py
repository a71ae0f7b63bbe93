"""Results of predictions on photos, and their conversion to table rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.metrics.predictions import BOX_COLUMNS

#: Reasons for abstention; `FacePrediction.abstained` is one of these or ''.
TOO_SMALL, UNLIKE, NOT_SURE = "too small", "unlike the training faces", "not sure"


@dataclass(frozen=True)
class Neighbour:
    """A training face whose embedding is close to that of a face in the photo.

    Attributes:
        reference: name in the data set.
        expression: annotated label.
        distance: cosine distance between the embeddings, 0 to 2.
        thumbnail: WebP bytes; None if the data may not be redistributed.
    """

    reference: str
    expression: str
    distance: float
    thumbnail: bytes | None


@dataclass(frozen=True, eq=False)
class FacePrediction:
    """Prediction for one face.

    Attributes:
        number: from 1, left to right.
        box: (x, y, width, height) in pixels of the upright photo, may extend beyond its border; None if the
            photo is a cropped face.
        score: detection score, 0 to 1; None for a cropped face.
        label: the most probable label, also if the network abstains.
        probabilities: label -> probability, in the order of the network's outputs, summing to 1. Softmax without
            temperature scaling, averaged by the run's test-time augmentation.
        valence, arousal: -1 to 1; None if the network does not predict them.
        crop: (size, size, channels) uint8, the network's input.
        abstained: TOO_SMALL, UNLIKE or NOT_SURE, or '' if the network does not abstain.
        reason: measured value and limit behind `abstained`; '' if the network does not abstain.
        confidence: the highest probability after temperature scaling, 0 to 1; without scaling if the run has no
            temperature.
        distance: cosine distance, 0 to 2, to the k-th nearest face of the training sample; None if the run
            has no sample, or if no neighbours were requested and the face is not UNLIKE.
        neighbours: the nearest faces of the training sample, as many as requested.
    """

    number: int
    box: tuple[float, float, float, float] | None
    score: float | None
    label: str
    probabilities: dict[str, float]
    valence: float | None
    arousal: float | None
    crop: np.ndarray
    abstained: str
    reason: str = ""
    confidence: float | None = None
    distance: float | None = None
    neighbours: tuple[Neighbour, ...] = ()


@dataclass(frozen=True)
class PhotoPrediction:
    """Predictions for all faces of one photo.

    Attributes:
        width, height: of the upright photo, in pixels.
        reason: explains why there is no face, or why detected faces were left out; otherwise ''.
    """

    width: int
    height: int
    faces: tuple[FacePrediction, ...]
    reason: str = ""


def row_names(labels: Sequence[str]) -> tuple[str, ...]:
    """Columns of `as_rows`."""
    probabilities = (f"p_{label}" for label in labels)
    return (
        "photo",
        "face",
        *BOX_COLUMNS,
        "score",
        "label",
        *probabilities,
        "valence",
        "arousal",
        "abstained",
    )


def as_rows(photo: str, prediction: PhotoPrediction, labels: Sequence[str]) -> list[dict]:
    """One row per face; a photo without faces has one row, with its reason in the column `abstained`."""
    empty = dict.fromkeys(row_names(labels)) | {"photo": photo}
    if not prediction.faces:
        return [empty | {"abstained": prediction.reason}]
    return [
        {
            **empty,
            "face": face.number,
            **dict(zip(BOX_COLUMNS, face.box or (None,) * 4, strict=True)),
            "score": face.score,
            "label": face.label,
            **{f"p_{label}": probability for label, probability in face.probabilities.items()},
            "valence": face.valence,
            "arousal": face.arousal,
            "abstained": face.abstained,
        }
        for face in prediction.faces
    ]


def as_table(rows: list[dict]) -> pd.DataFrame:
    """Table of rows of `as_rows`, with the same column types for all predictions."""
    table = pd.DataFrame(rows)
    texts = {"run": "str", "photo": "str", "label": "str", "abstained": "str"}
    return table.astype({name: texts.get(name, "Int64" if name == "face" else "float64") for name in table})
