"""Packed faces through a network, in batches of one shape, so that it is traced once."""

from collections.abc import Callable

import keras
import numpy as np

from core.datasets.table import FaceTable
from core.facepack import FacePack
from core.labels import LabelSet
from core.predictions import Predictions
from core.views import Views, averaged

BATCH = 256


def run_network(
    network: keras.Model, pack: FacePack, *, progress: Callable[[int, int], None] | None = None
) -> dict[str, np.ndarray]:
    """Every output of `network` for every face of `pack`: name -> (n, ...) float32."""
    parts: dict[str, list[np.ndarray]] = {}
    for start in range(0, len(pack), BATCH):
        faces = pack[slice(start, start + BATCH)]
        padded = np.zeros((BATCH, *faces.shape[1:]), np.uint8)
        padded[: len(faces)] = faces
        for name, values in network.predict_on_batch(padded).items():
            parts.setdefault(name, []).append(np.asarray(values)[: len(faces)])
        if progress:
            progress(min(start + BATCH, len(pack)), len(pack))
    return {name: np.concatenate(values) for name, values in parts.items()}


def predict_table(
    network: keras.Model,
    table: FaceTable,
    pack: FacePack,
    labels: LabelSet,
    *,
    views: Views = "one",
    progress: Callable[[int, int], None] | None = None,
) -> Predictions:
    """The network's Predictions for faces whose expressions are all in `labels`, averaged over `views` of each."""
    full = keras.Model(network.input, {**network.output, "embedding": network.get_layer("embedding").output})
    outputs = run_network(averaged(full, views), pack, progress=progress)
    faces = table.faces
    affect = outputs.get("affect")
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
        boxes=faces[["box_x", "box_y", "box_width", "box_height"]].to_numpy(),
        embeddings=outputs["embedding"].astype(np.float16),
        landmarks=table.landmarks,
    )
