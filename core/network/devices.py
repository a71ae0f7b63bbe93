"""Devices of a training: one device, or all devices of one machine with every batch split among them.

Training is synchronous: all devices hold the same weights at every step, and batch normalisation averages over the whole
batch, so that the resulting weights equal those of a single device.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import keras

from core.config import TrainConfig
from core.data.face_pack import FacePack
from core.errors import AffectoscopeError


class OneDevice:
    """Training in this process, on the default device of Keras.

    Attributes:
        count: number of devices that each batch is split among.
        is_chief: whether this process writes the history and the checkpoint.
    """

    count = 1
    is_chief = True

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Context in which the trained networks are built and trained."""
        yield

    @contextmanager
    def training(self, network: keras.Model) -> Iterator[None]:
        """Context of the training steps of a network built within `scope`."""
        yield

    @contextmanager
    def validating(self) -> Iterator[None]:
        """Context of inference in this process only, with networks built outside of `scope`."""
        yield

    def feed(self, batches: Callable[[], Iterator[tuple]]):
        """Convert `batches`, which returns a new iterator at each call, to the input of `keras.Model.fit`."""
        return batches()


class MirroredDevices(OneDevice):
    """All GPUs of this machine, or all logical CPUs if there is no GPU, through tf.distribute.MirroredStrategy."""

    def __init__(self, names: list[str]) -> None:
        import tensorflow as tf

        self.count = len(names)
        self._strategy = tf.distribute.MirroredStrategy(names)

    @contextmanager
    def scope(self):
        with self._strategy.scope():
            yield

    @contextmanager
    def training(self, network):
        """Synchronise batch normalisation over all devices; the saved layers do not carry the setting."""
        layers = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
        for layer in layers:
            layer.synchronized = True
        try:
            yield
        finally:
            for layer in layers:
                layer.synchronized = False

    def feed(self, batches):
        """A `tf.data.Dataset`: Keras reads the first element twice, once for its shapes, which would consume the first
        batch of an iterator."""
        import tensorflow as tf

        signature = tf.nest.map_structure(
            lambda values: tf.TensorSpec(values.shape, values.dtype), next(iter(batches()))
        )
        return tf.data.Dataset.from_generator(batches, output_signature=signature)


def select_devices(config: TrainConfig) -> OneDevice:
    """The devices that `config.devices` selects.

    Raises:
        AffectoscopeError: several devices are requested and Keras does not run on TensorFlow, the batch size is not a
            multiple of their number, or sharpness-aware training is on.
    """
    if config.devices == "one":
        return OneDevice()
    if keras.backend.backend() != "tensorflow":
        raise AffectoscopeError(
            f"--devices all needs the TensorFlow backend, but Keras runs on {keras.backend.backend()}; remove the option."
        )
    import tensorflow as tf

    found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    check_split(config, len(found), "devices of this machine", "--devices all")
    return MirroredDevices([device.name for device in found]) if len(found) > 1 else OneDevice()


def check_split(config: TrainConfig, parts: int, of: str, option: str) -> None:
    """Check that every batch can be split into `parts` equal parts.

    Args:
        of: what the parts are, for the message.
        option: the option that requested them, for the message.

    Raises:
        AffectoscopeError: the batch size is not a multiple of `parts`, or sharpness-aware training is on.
    """
    if config.batch_size % parts:
        raise AffectoscopeError(
            f"--batch-size {config.batch_size} is not divisible by the {parts} {of}; pass a multiple of {parts}."
        )
    if config.sharpness and parts > 1:
        raise AffectoscopeError(f"--sharpness needs a single device; remove it, or remove {option}.")


def uses_resident_training(config: TrainConfig, devices: OneDevice, pack: FacePack) -> bool:
    """Return whether the training faces are held in device memory; see core.network.resident.

    Raises:
        AffectoscopeError: config.resident is "yes" and Keras does not run on JAX, or there are several devices.
    """
    backend = keras.backend.backend()
    if config.resident == "yes" and backend != "jax":
        raise AffectoscopeError(
            f"--resident yes needs the JAX backend, but Keras runs on {backend}; remove it, or set KERAS_BACKEND=jax."
        )
    if config.resident == "yes" and devices.count > 1:
        raise AffectoscopeError(
            f"--resident yes needs a single device, but this training uses {devices.count}; remove the option."
        )
    if config.resident == "no" or backend != "jax" or devices.count > 1:
        return False
    from core.network.resident import fits_in_device_memory

    return config.resident == "yes" or fits_in_device_memory(pack)
