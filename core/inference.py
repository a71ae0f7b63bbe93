"""Packed faces through a network, in batches of one shape, so that it is traced once."""

from collections.abc import Callable

import keras
import numpy as np

from core.datasets.table import FaceTable
from core.facepack import FacePack
from core.labels import LabelSet
from core.pack_answers import predictions_of
from core.predictions import Predictions
from core.views import Views, averaged

BATCH = 256

#: Outputs that are not kept as float32.
KEPT_AS = {"embedding": np.float16}


def run_network(
    network: keras.Model, pack: FacePack, *, progress: Callable[[int, int], None] | None = None
) -> dict[str, np.ndarray]:
    """Every output of `network` for every face of `pack`: name -> (n, ...) float32, of an embedding float16."""
    outputs: dict[str, np.ndarray] = {}
    for start in range(0, len(pack), BATCH):
        faces = pack[slice(start, start + BATCH)]
        padded = np.zeros((BATCH, *faces.shape[1:]), np.uint8)
        padded[: len(faces)] = faces
        for name, values in network.predict_on_batch(padded).items():
            values = np.asarray(values)
            if name not in outputs:
                shape = (len(pack), *values.shape[1:])
                outputs[name] = np.empty(shape, KEPT_AS.get(name, np.float32))
            outputs[name][start : start + len(faces)] = values[: len(faces)]
        if progress:
            progress(min(start + BATCH, len(pack)), len(pack))
    return outputs


def with_embedding(network: keras.Model, views: Views) -> keras.Model:
    """The network with its embedding as one more output, averaged over `views` of each face."""
    full = keras.Model(network.input, {**network.output, "embedding": network.get_layer("embedding").output})
    return averaged(full, views)


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
    answers = run_network(with_embedding(network, views), pack, progress=progress)
    return predictions_of(table, labels, answers)
