"""Outputs of a network as Predictions; imports no Keras."""

import numpy as np

from core.data.face_table import FaceTable
from core.labels import LabelSet
from core.metrics.predictions import BOX_COLUMNS, Predictions

Outputs = dict[str, np.ndarray]


def to_predictions(table: FaceTable, labels: LabelSet, outputs: Outputs) -> Predictions:
    """Combine a table of faces, whose expressions have to be in `labels`, with the outputs of `run_network`."""
    faces, affect = table.faces, outputs.get("affect")
    return Predictions.from_arrays(
        labels=labels.labels,
        truth=labels.positions(faces["expression"].to_numpy()),
        probabilities=outputs["expression"],
        reference=faces["reference"].to_numpy(dtype=object),
        split=faces["split"].to_numpy(dtype=object),
        valence=faces["valence"].to_numpy(),
        arousal=faces["arousal"].to_numpy(),
        predicted_valence=None if affect is None else affect[:, 0],
        predicted_arousal=None if affect is None else affect[:, 1],
        boxes=faces[list(BOX_COLUMNS)].to_numpy(),
        embeddings=outputs.get("embedding"),
        landmarks=table.landmarks,
    )
