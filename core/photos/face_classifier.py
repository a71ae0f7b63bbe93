"""A run's network on cropped faces: probabilities, how sure it is of them, and whether such faces trained it."""

from collections.abc import Callable

import numpy as np

from core.errors import AffectoscopeError
from core.metrics.calibration import apply_temperature
from core.metrics.embeddings import l2_normalize
from core.network.test_time_augmentation import augmented_copies
from core.photos.results import NOT_SURE, UNLIKE, Neighbour
from core.runs.calibration import load_calibration
from core.runs.run import Run
from core.runs.test_time_augmentation import PASSES, TestTimeAugmentation
from core.runtime.environment import quiet_tensorflow

#: A face of which the network is less confident, after calibration, is 'not sure'.
SURE = 0.4


class FaceClassifier:
    """The network, the calibration and the training sample of a run. Keeps nothing of what it is shown.

    Attributes:
        passes: how often each face goes through the network: outputs are averaged as the run's predictions are.
    """

    def __init__(self, run: Run) -> None:
        self.labels = run.labels
        self.calibration = load_calibration(run)
        self.sample = run.training_sample() if self.calibration.distance_limit is not None else None
        with quiet_tensorflow():
            network = run.load_model()
            if self.sample is not None:
                network = _with_embedding(network, self.sample.embeddings.shape, run.name)
        self._normalized = None if self.sample is None else l2_normalize(self.sample.embeddings)
        tta = run.test_time_augmentation
        self.passes = PASSES[tta]
        self._outputs = _compiled(network, tta, self._normalized, self.calibration.distance_limit)
        self._outputs(np.zeros((1, *run.preprocessing.shape), np.uint8))

    def predict(self, crops: np.ndarray, neighbours: int = 0) -> list[dict]:
        """For each of (n, size, size, channels) uint8 crops what FacePrediction says of it by itself.

        Args:
            neighbours: how many of the nearest sample faces are named; 0 leaves out their distance as well.
        """
        outputs = self._outputs(crops)
        probabilities = outputs["expression"].astype(np.float64)
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        confidence = apply_temperature(probabilities, self.calibration.temperature).max(axis=1)
        said = [
            {
                "label": self.labels[best],
                "probabilities": dict(zip(self.labels, values, strict=True)),
                "valence": None,
                "arousal": None,
                "abstained": "",
                "confidence": sure,
            }
            for values, best, sure in zip(
                probabilities.tolist(),
                probabilities.argmax(axis=1).tolist(),
                confidence.tolist(),
                strict=True,
            )
        ]
        if "affect" in outputs:
            for prediction, (valence, arousal) in zip(said, outputs["affect"].tolist(), strict=True):
                prediction |= {"valence": valence, "arousal": arousal}
        for row in np.flatnonzero(confidence < SURE).tolist():
            said[row]["abstained"] = NOT_SURE
            said[row]["reason"] = (
                f"its surest expression reaches {confidence[row]:.0%}, {SURE:.0%} are needed"
            )
        if self.sample is not None:
            self._compare(said, outputs, neighbours)
        return said

    def _compare(self, said: list[dict], outputs: dict[str, np.ndarray], neighbours: int) -> None:
        """Add to the predictions how far faces are from the sample, its nearest faces, and which are unlike it."""
        limit, kth = self.calibration.distance_limit, self.calibration.neighbours
        unlike = outputs["near"] < kth
        rows = np.arange(len(said)) if neighbours else np.flatnonzero(unlike)
        if not len(rows):
            return
        likeness = self._likeness(outputs["embedding"][rows])
        place = min(kth, len(self.sample)) - 1
        apart = np.maximum(1 + np.partition(-likeness, place, axis=1)[:, place], 0)
        for row, cosines, distance in zip(rows.tolist(), likeness, apart.tolist(), strict=True):
            said[row]["distance"] = distance
            if neighbours:
                said[row]["neighbours"] = self._nearest(cosines, neighbours)
            if unlike[row]:
                said[row]["abstained"] = UNLIKE
                said[row]["reason"] = (
                    f"its distance from the training faces is {distance:.3f}, up to {limit:.3f} is usual"
                )

    def _likeness(self, embeddings: np.ndarray) -> np.ndarray:
        """(n, sample) cosines; by the backend, whose threads NumPy's would hold up."""
        from keras import ops

        return ops.convert_to_numpy(ops.matmul(l2_normalize(embeddings), self._normalized.T))

    def _nearest(self, likeness: np.ndarray, count: int) -> tuple[Neighbour, ...]:
        """The `count` sample faces of greatest likeness, nearest first."""
        sample = self.sample
        return tuple(
            Neighbour(
                sample.references[place],
                sample.expressions[place],
                max(float(1 - likeness[place]), 0.0),
                sample.thumbnails.get(sample.references[place]),
            )
            for place in np.argsort(-likeness, kind="stable")[:count].tolist()
        )


def _with_embedding(network, shape: tuple[int, int], name: str):
    """The network with its embedding as one more output.

    Raises:
        AffectoscopeError: the training sample's embeddings are not this network's.
    """
    import keras

    embedding = next((layer.output for layer in network.layers if layer.name == "embedding"), None)
    if embedding is None or tuple(embedding.shape) != (None, shape[1]) or not shape[0]:
        raise AffectoscopeError(
            f"The training sample of run '{name}' has {shape[0]} embeddings of {shape[1]} numbers, which its network "
            "does not give; make it again with python -m core.upgrade."
        )
    return keras.Model(network.input, {**network.output, "embedding": embedding})


def _compiled(
    network, tta: TestTimeAugmentation, sample: np.ndarray | None, limit: float | None
) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """The network as a function of a batch of any size: traced once, by TensorFlow where it is the backend.

    The copies of all faces that `tta` averages over go through the network as one batch.

    With (m, d) normalized embeddings of a sample it also counts, (n,) "near", how many of them are within `limit` of each
    face, so that the (n, m) distances need not leave the backend.
    """
    import keras

    def outputs(batch):
        copies = augmented_copies(batch, network, tta)
        given = dict(network(keras.ops.concatenate(copies), training=False))
        if len(copies) > 1:
            given = {
                name: keras.ops.mean(keras.ops.reshape(values, (len(copies), -1, values.shape[1])), axis=0)
                for name, values in given.items()
            }
        if sample is not None:
            embedding = keras.ops.normalize(given["embedding"], axis=1, order=2, epsilon=1e-12)
            alike = keras.ops.matmul(embedding, sample.T) >= 1 - limit
            given["near"] = keras.ops.sum(keras.ops.cast(alike, "int32"), axis=1)
        return given

    if keras.backend.backend() != "tensorflow":
        return lambda batch: {name: np.asarray(value) for name, value in outputs(batch).items()}
    import tensorflow

    signature = tensorflow.TensorSpec(network.input_shape, "uint8")
    graph = tensorflow.function(outputs, input_signature=[signature])
    return lambda batch: {name: value.numpy() for name, value in graph(tensorflow.constant(batch)).items()}
