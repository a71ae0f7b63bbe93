"""Classification of cropped faces: probabilities, calibrated confidence and distance from the training faces."""

from collections.abc import Callable

import numpy as np

from core.errors import AffectoscopeError
from core.metrics.calibration import apply_temperature
from core.metrics.embeddings import l2_normalize
from core.metrics.text import percent
from core.network.test_time_augmentation import augmented_copies
from core.photos.results import NOT_SURE, UNLIKE, Neighbour
from core.runs.calibration import load_calibration
from core.runs.imported_network import Network
from core.runs.run import Run
from core.runs.test_time_augmentation import PASSES, TestTimeAugmentation
from core.runtime.environment import quiet_tensorflow

#: The network abstains (NOT_SURE) on a face with a lower calibrated confidence.
MIN_CONFIDENCE = 0.4


class FaceClassifier:
    """Network, calibration and training sample of a run. Stores no faces.

    Attributes:
        passes: forward passes per face, from the run's test-time augmentation.
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
        self._outputs = _compile(network, tta, self._normalized, self.calibration.distance_limit)
        self._outputs(np.zeros((1, *run.preprocessing.shape), np.uint8))

    def predict(self, crops: np.ndarray, neighbours: int = 0) -> list[dict]:
        """Predict crops.

        Args:
            crops: (n, size, size, channels) uint8, preprocessed for the run.
            neighbours: number of nearest faces of the training sample to return; with 0 their distance is computed only
                for faces unlike the training faces.

        Returns:
            For each crop, the fields of FacePrediction that do not depend on the photo.
        """
        outputs = self._outputs(crops)
        probabilities = outputs["expression"].astype(np.float64)
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        confidence = apply_temperature(probabilities, self.calibration.temperature).max(axis=1)
        results = [
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
            for prediction, (valence, arousal) in zip(results, outputs["affect"].tolist(), strict=True):
                prediction |= {"valence": valence, "arousal": arousal}
        for row in np.flatnonzero(confidence < MIN_CONFIDENCE).tolist():
            results[row]["abstained"] = NOT_SURE
            results[row]["reason"] = (
                f"its confidence is {percent(confidence[row], digits=0)}, at least {percent(MIN_CONFIDENCE, digits=0)} is required"
            )
        if self.sample is not None:
            self._add_distances(results, outputs, neighbours)
        return results

    def _add_distances(self, results: list[dict], outputs: dict[str, np.ndarray], neighbours: int) -> None:
        """Add distance from the training sample, nearest faces and abstention on faces unlike it."""
        limit, kth = self.calibration.distance_limit, self.calibration.neighbours
        unlike = outputs["near"] < kth
        rows = np.arange(len(results)) if neighbours else np.flatnonzero(unlike)
        if not len(rows):
            return
        similarity = self._cosine_similarity(outputs["embedding"][rows])
        place = min(kth, len(self.sample)) - 1
        distances = np.maximum(1 + np.partition(-similarity, place, axis=1)[:, place], 0)
        for row, cosines, distance in zip(rows.tolist(), similarity, distances.tolist(), strict=True):
            results[row]["distance"] = distance
            if neighbours:
                results[row]["neighbours"] = self._nearest(cosines, neighbours)
            if unlike[row]:
                results[row]["abstained"] = UNLIKE
                results[row]["reason"] = (
                    f"its distance from the training faces is {distance:.3f}, above the limit of {limit:.3f}"
                )

    def _cosine_similarity(self, embeddings: np.ndarray) -> np.ndarray:
        """(n, sample) cosine similarities, computed by the Keras backend: NumPy's threads would compete with its own."""
        from keras import ops

        return ops.convert_to_numpy(ops.matmul(l2_normalize(embeddings), self._normalized.T))

    def _nearest(self, similarity: np.ndarray, count: int) -> tuple[Neighbour, ...]:
        """The `count` nearest sample faces, nearest first."""
        sample = self.sample
        return tuple(
            Neighbour(
                sample.references[place],
                sample.expressions[place],
                max(float(1 - similarity[place]), 0.0),
                sample.thumbnails.get(sample.references[place]),
            )
            for place in np.argsort(-similarity, kind="stable")[:count].tolist()
        )


def _with_embedding(network: Network, shape: tuple[int, int], name: str) -> Network:
    """Add the output "embedding" to the network.

    Raises:
        AffectoscopeError: the dimension of the training sample's embeddings differs.
    """
    from core.network.inference import add_embedding_output, embedding_size

    if embedding_size(network) != shape[1] or not shape[0]:
        raise AffectoscopeError(
            f"The training sample of run '{name}' has {shape[0]} embeddings of dimension {shape[1]}, which does not "
            "match its network; recreate it with python -m core.upgrade."
        )
    return add_embedding_output(network)


def _compile(
    network: Network, tta: TestTimeAugmentation, sample: np.ndarray | None, limit: float | None
) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """Compile a Keras network to a function of a batch of any size, a `tf.function` on the TensorFlow backend.

    Any other network is called as it is.

    All augmented copies of the faces form one batch.

    With a sample, (m, d) normalised embeddings, the output "near", (n,), counts the sample faces within the cosine
    distance `limit`, so that the (n, m) distances stay in the backend.
    """
    import keras

    def outputs(batch):
        copies = augmented_copies(batch, network, tta)
        averaged = dict(network(keras.ops.concatenate(copies), training=False))
        if len(copies) > 1:
            averaged = {
                name: keras.ops.mean(keras.ops.reshape(values, (len(copies), -1, values.shape[1])), axis=0)
                for name, values in averaged.items()
            }
        if sample is not None:
            embedding = keras.ops.normalize(averaged["embedding"], axis=1, order=2, epsilon=1e-12)
            is_near = keras.ops.matmul(embedding, sample.T) >= 1 - limit
            averaged["near"] = keras.ops.sum(keras.ops.cast(is_near, "int32"), axis=1)
        return averaged

    if keras.backend.backend() != "tensorflow" or not isinstance(network, keras.Model):
        return lambda batch: {name: np.asarray(value) for name, value in outputs(batch).items()}
    import tensorflow

    signature = tensorflow.TensorSpec(network.input_shape, "uint8")
    graph = tensorflow.function(outputs, input_signature=[signature])
    return lambda batch: {name: value.numpy() for name, value in graph(tensorflow.constant(batch)).items()}
