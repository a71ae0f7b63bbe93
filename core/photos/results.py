"""What a run says of a photo: the results that `core.photos.predictor` returns, and as the rows of a table."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.metrics.predictions import BOX_COLUMNS

#: Why a label is not to be relied on; `FacePrediction.abstained` is one of these or ''.
TOO_SMALL, UNLIKE, NOT_SURE = "too small", "unlike the training faces", "not sure"


@dataclass(frozen=True)
class Neighbour:
    """A training face that the network sees much like a face of the photo.

    Attributes:
        reference: its name in the data set.
        expression: what its annotators saw.
        distance: cosine distance between the embeddings, 0 to 2.
        thumbnail: WebP bytes; None where the data may not be passed on.
    """

    reference: str
    expression: str
    distance: float
    thumbnail: bytes | None


@dataclass(frozen=True, eq=False)
class FacePrediction:
    """What the network says of one face.

    Attributes:
        number: from 1, left to right.
        box: (x, y, width, height) in pixels of the upright photo, may hang over its border; None: the
            photo is a cropped face.
        score: the detector's, 0 to 1; None for a cropped face.
        label: the most probable label, also where `abstained` warns of it.
        probabilities: label -> probability, in the order of the network's output nodes, summing to 1: the
            plain softmax, with the test-time augmentation of the run's predictions.
        valence, arousal: -1 to 1; None where the network has no such output.
        crop: (size, size, channels) uint8, the face as the network saw it.
        abstained: '' or why not to rely on the label: TOO_SMALL, UNLIKE or NOT_SURE.
        reason: '' or the sentence of numbers behind `abstained`.
        confidence: how often, 0 to 1, the network is right when it is as sure as here: the highest
            probability after the run's temperature, or as it is where the run has none.
        distance: cosine distance, 0 to 2, to the k-th nearest face of the training sample; None where the run
            keeps no sample, or neighbours were not asked for and the face is not UNLIKE.
        neighbours: the nearest faces of the training sample, as many as were asked for.
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
    """Every face of one photo; width and height in pixels of the upright photo.

    `reason` is '' or says why there is no face, or why not every face found is here.
    """

    width: int
    height: int
    faces: tuple[FacePrediction, ...]
    reason: str = ""


def row_names(labels: Sequence[str]) -> tuple[str, ...]:
    """The columns of `as_rows`."""
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
    """One row per face, or one for the photo where there is none, with its reason under `abstained`."""
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
    """Rows of `as_rows` as a table whose column types do not depend on what was found."""
    table = pd.DataFrame(rows)
    texts = {"run": "str", "photo": "str", "label": "str", "abstained": "str"}
    return table.astype({name: texts.get(name, "Int64" if name == "face" else "float64") for name in table})
