"""Inference on packed faces, in batches of a fixed shape so that the network is traced once."""

from collections.abc import Callable
from typing import Protocol

import keras
import numpy as np

from core.data.face_pack import FacePack
from core.data.face_table import FaceTable
from core.labels import LabelSet
from core.metrics.predictions import Predictions
from core.network.outputs import to_predictions
from core.network.test_time_augmentation import augmented_copies, choose_augmentation
from core.runs.imported_network import Network
from core.runs.test_time_augmentation import PASSES, TestTimeAugmentation

BATCH = 256

#: Outputs that are stored in another type than float32.
OUTPUT_TYPES = {"embedding": np.float16}


class Faces(Protocol):
    """Packed faces: a FacePack, or an array of (n, size, size, channels) uint8."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice) -> np.ndarray: ...


def run_network(
    network: Network,
    pack: Faces,
    *,
    tta: TestTimeAugmentation = "none",
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, np.ndarray]:
    """Compute every output of `network` for every face of `pack`.

    Args:
        tta: test-time augmentation; outputs are averaged over the copies of each face. Each copy is a separate pass, so
            that memory does not grow.
        progress: called as progress(done, total), in faces.

    Returns:
        Output name -> (n, ...) array, float32; float16 for the output "embedding".
    """
    outputs: dict[str, np.ndarray] = {}
    for start in range(0, len(pack), BATCH):
        faces = pack[slice(start, start + BATCH)]
        padded = _pad(faces) if isinstance(network, keras.Model) else faces
        for name, values in _averaged(network, augmented_copies(padded, network, tta)).items():
            if name not in outputs:
                shape = (len(pack), *values.shape[1:])
                outputs[name] = np.empty(shape, OUTPUT_TYPES.get(name, np.float32))
            outputs[name][start : start + len(faces)] = values[: len(faces)]
        if progress:
            progress(min(start + BATCH, len(pack)), len(pack))
    return outputs


def _pad(faces: np.ndarray) -> np.ndarray:
    """The faces and black ones, BATCH together: Keras traces a network for every size of batch."""
    padded = np.zeros((BATCH, *faces.shape[1:]), np.uint8)
    padded[: len(faces)] = faces
    return padded


def _averaged(network: Network, copies: list) -> dict[str, np.ndarray]:
    """Every output of `network`, averaged over copies of a batch."""
    first, *others = (network.predict_on_batch(faces) for faces in copies)
    outputs = {name: np.asarray(values) for name, values in first.items()}
    if not others:
        return outputs
    return {
        name: sum((np.asarray(other[name]) for other in others), values) / np.float32(len(copies))
        for name, values in outputs.items()
    }


def add_embedding_output(network: Network) -> Network:
    """A model of the same network with the additional output "embedding"; the network itself if it has no such layer."""
    layer = _embedding_layer(network)
    if layer is None:
        return network
    model: keras.Model = network
    return keras.Model(model.input, {**model.output, "embedding": layer.output})


def embedding_size(network: Network) -> int | None:
    """Length of the embedding of `add_embedding_output`; None for a network without one."""
    layer = _embedding_layer(network)
    if layer is None:
        return getattr(network, "embedding_size", None)
    return int(layer.output.shape[1]) if len(layer.output.shape) == 2 else None


def _embedding_layer(network: Network) -> keras.layers.Layer | None:
    return next((layer for layer in network.layers if layer.name == "embedding"), None)


def predict_table(
    network: Network,
    table: FaceTable,
    pack: FacePack,
    labels: LabelSet,
    *,
    tta: TestTimeAugmentation = "none",
    progress: Callable[[int, int], None] | None = None,
) -> Predictions:
    """Predict the faces of a table, whose expressions have to be in `labels`; `tta` as in `run_network`."""
    outputs = run_network(add_embedding_output(network), pack, tta=tta, progress=progress)
    return to_predictions(table, labels, outputs)


def compare_augmentations(
    network: keras.Model,
    table: FaceTable,
    pack: FacePack,
    labels: LabelSet,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, object]:
    """Evaluate every test-time augmentation on validation faces.

    Args:
        table, pack: at least one face; all expressions have to be in `labels`.
        progress: called as progress(done, total), in forward passes of one face.

    Returns:
        The result of `choose_augmentation`.
    """
    total, before = len(pack) * sum(PASSES.values()), 0
    probabilities = {}
    for tta, passes in PASSES.items():

        def report(done: int, _: int, before: int = before, passes: int = passes) -> None:
            progress(before + done * passes, total)

        outputs = run_network(network, pack, tta=tta, progress=progress and report)
        probabilities[tta] = outputs["expression"]
        before += len(pack) * passes
    return choose_augmentation(labels.positions(table.faces["expression"].to_numpy()), probabilities)
