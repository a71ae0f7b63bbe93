"""What a training runs on: one device, or all devices of one machine, each batch split among them.

Several devices hold the same weights at every step and give the weights that one gives: batch normalisation averages
over the whole batch, as one device would.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import keras

from core.config import TrainConfig
from core.data.face_pack import FacePack
from core.errors import AffectoscopeError


class OneDevice:
    """Training in this process, on the device that Keras takes.

    Attributes:
        count: among how many devices each batch is split.
        is_chief: whether this process writes the history and the checkpoint.
    """

    count = 1
    is_chief = True

    @contextmanager
    def scope(self) -> Iterator[None]:
        """A block in which the networks that are trained are built and trained."""
        yield

    @contextmanager
    def training(self, network: keras.Model) -> Iterator[None]:
        """A block around the training steps of a network built within `scope`."""
        yield

    @contextmanager
    def validating(self) -> Iterator[None]:
        """A block in which networks built outside of `scope` run, in this process alone."""
        yield

    def feed(self, batches: Callable[[], Iterator[tuple]]):
        """What `fit` reads for `batches`, which begin anew each time that they are called."""
        return batches()


class MirroredDevices(OneDevice):
    """Every GPU of this machine, or every logical CPU where there is no GPU, by TensorFlow's MirroredStrategy."""

    def __init__(self, names: list[str]) -> None:
        import tensorflow as tf

        self.count = len(names)
        self._strategy = tf.distribute.MirroredStrategy(names)  # one belongs to one process

    @contextmanager
    def scope(self):
        with self._strategy.scope():
            yield

    @contextmanager
    def training(self, network):
        """Batch normalisation averages over all devices meanwhile; what is saved later knows nothing of it."""
        layers = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
        for layer in layers:
            layer.synchronized = True
        try:
            yield
        finally:
            for layer in layers:
                layer.synchronized = False

    def feed(self, batches):
        """Keras reads a distributed data set twice, first only to learn its shapes, where a plain iterator would
        lose what it was read for then."""
        import tensorflow as tf

        kinds = tf.nest.map_structure(
            lambda values: tf.TensorSpec(values.shape, values.dtype), next(iter(batches()))
        )
        return tf.data.Dataset.from_generator(batches, output_signature=kinds)


def devices_for(config: TrainConfig) -> OneDevice:
    """What `config.devices` asks for.

    Raises:
        AffectoscopeError: for several devices Keras runs on another backend than TensorFlow, the batches do not split
            evenly, or the training takes steps of its own.
    """
    if config.devices == "one":
        return OneDevice()
    if keras.backend.backend() != "tensorflow":
        raise AffectoscopeError(
            f"--devices all needs Keras on TensorFlow, and it runs on {keras.backend.backend()}; leave it out."
        )
    import tensorflow as tf

    found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    check_split(config, len(found), "devices of this machine", "--devices all")
    return MirroredDevices([device.name for device in found]) if len(found) > 1 else OneDevice()


def check_split(config: TrainConfig, parts: int, of: str, option: str) -> None:
    """Refuse a training that cannot be split among so many.

    Raises:
        AffectoscopeError: the batches do not split evenly, or the training takes steps of its own.
    """
    if config.batch_size % parts:
        raise AffectoscopeError(
            f"--batch-size {config.batch_size} does not split evenly among the {parts} {of}; pass a multiple of {parts}."
        )
    if config.sharpness and parts > 1:
        raise AffectoscopeError(f"--sharpness trains on one device; leave it out, or leave out {option}.")


def keeps_faces_resident(config: TrainConfig, devices: OneDevice, pack: FacePack) -> bool:
    """Whether the training faces lie in the device's memory, as core.network.resident trains on them.

    Raises:
        AffectoscopeError: config.resident asks for it and Keras does not run on JAX, or on several devices.
    """
    backend = keras.backend.backend()
    if config.resident == "yes" and backend != "jax":
        raise AffectoscopeError(
            f"--resident yes needs Keras on JAX, and it runs on {backend}; leave it out, or set KERAS_BACKEND=jax."
        )
    if config.resident == "yes" and devices.count > 1:
        raise AffectoscopeError(
            f"--resident yes trains on one device and this training on {devices.count}; leave it out."
        )
    if config.resident == "no" or backend != "jax" or devices.count > 1:
        return False
    from core.network.resident import faces_fit

    return config.resident == "yes" or faces_fit(pack)
