"""Packed faces through a network, in batches of one shape, so that it is traced once."""

from collections.abc import Callable

import keras
import numpy as np

from core.data.face_pack import FacePack
from core.data.face_table import FaceTable
from core.labels import LabelSet
from core.metrics.predictions import Predictions
from core.network.outputs import as_predictions
from core.network.test_time_augmentation import augmented, choose_augmentation
from core.runs.test_time_augmentation import PASSES, TestTimeAugmentation

BATCH = 256

#: Outputs that are not kept as float32.
KEPT_AS = {"embedding": np.float16}


def run_network(
    network: keras.Model,
    pack: FacePack,
    *,
    tta: TestTimeAugmentation = "none",
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, np.ndarray]:
    """Every output of `network` for every face of `pack`: name -> (n, ...) float32, of an embedding float16.

    Args:
        tta: averages every output over copies of each face; each copy is a pass of its own, so that no more memory is
            needed.
    """
    outputs: dict[str, np.ndarray] = {}
    for start in range(0, len(pack), BATCH):
        faces = pack[slice(start, start + BATCH)]
        padded = np.zeros((BATCH, *faces.shape[1:]), np.uint8)
        padded[: len(faces)] = faces
        for name, values in _averaged(network, augmented(padded, network, tta)).items():
            if name not in outputs:
                shape = (len(pack), *values.shape[1:])
                outputs[name] = np.empty(shape, KEPT_AS.get(name, np.float32))
            outputs[name][start : start + len(faces)] = values[: len(faces)]
        if progress:
            progress(min(start + BATCH, len(pack)), len(pack))
    return outputs


def _averaged(network: keras.Model, copies: list) -> dict[str, np.ndarray]:
    """Every output of `network`, averaged over copies of a batch."""
    first, *others = (network.predict_on_batch(faces) for faces in copies)
    outputs = {name: np.asarray(values) for name, values in first.items()}
    if not others:
        return outputs
    return {
        name: sum((np.asarray(other[name]) for other in others), values) / np.float32(len(copies))
        for name, values in outputs.items()
    }


def with_embedding(network: keras.Model) -> keras.Model:
    """The network with its embedding as one more output."""
    return keras.Model(network.input, {**network.output, "embedding": network.get_layer("embedding").output})


def predict_table(
    network: keras.Model,
    table: FaceTable,
    pack: FacePack,
    labels: LabelSet,
    *,
    tta: TestTimeAugmentation = "none",
    progress: Callable[[int, int], None] | None = None,
) -> Predictions:
    """The network's Predictions for faces whose expressions are all in `labels`; `tta` as in `run_network`."""
    outputs = run_network(with_embedding(network), pack, tta=tta, progress=progress)
    return as_predictions(table, labels, outputs)


def compare_augmentations(
    network: keras.Model,
    table: FaceTable,
    pack: FacePack,
    labels: LabelSet,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, object]:
    """Run the network on validation faces with every test-time augmentation; `choose_augmentation`'s document.

    Args:
        table, pack: n faces, at least one, whose expressions are all in `labels`.
        progress: called as progress(done, total) in passes of a face.
    """
    total, before = len(pack) * sum(PASSES.values()), 0
    probabilities = {}
    for tta, passes in PASSES.items():

        def told(done: int, _: int, before: int = before, passes: int = passes) -> None:
            progress(before + done * passes, total)

        outputs = run_network(network, pack, tta=tta, progress=progress and told)
        probabilities[tta] = outputs["expression"]
        before += len(pack) * passes
    return choose_augmentation(labels.positions(table.faces["expression"].to_numpy()), probabilities)
