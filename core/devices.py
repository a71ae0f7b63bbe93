"""Training on all devices of one machine: every batch is split among them, and all hold the same weights.

TensorFlow's MirroredStrategy, one per process. Batch normalisation averages over the whole batch, as one device
would; every batch must split evenly.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import keras

from core.config import TrainConfig
from core.errors import AffectoscopeError


@contextmanager
def all_devices(config: TrainConfig) -> Iterator[int]:
    """A block in which networks are built and trained on every GPU, or every logical CPU where there is no GPU.

    Yields:
        How many devices there are; with one, nothing changes.

    Raises:
        AffectoscopeError: Keras runs on another backend than TensorFlow, the batches do not split evenly, or the
            training takes steps of its own.
    """
    if keras.backend.backend() != "tensorflow":
        raise AffectoscopeError(
            f"--devices all needs Keras on TensorFlow, and it runs on {keras.backend.backend()}; leave it out."
        )
    import tensorflow as tf

    found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if config.batch_size % len(found):
        raise AffectoscopeError(
            f"--batch-size {config.batch_size} does not split evenly among the {len(found)} devices of this machine; "
            f"pass a multiple of {len(found)}."
        )
    if config.sharpness and len(found) > 1:
        raise AffectoscopeError("--sharpness trains on one device; leave it out, or leave out --devices all.")
    if len(found) == 1:
        yield 1
        return
    with tf.distribute.MirroredStrategy([device.name for device in found]).scope():
        yield len(found)


@contextmanager
def synchronised(network: keras.Model) -> Iterator[None]:
    """While it lasts, batch normalisation averages over all devices; what is saved later knows nothing of it."""
    layers = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in layers:
        layer.synchronized = True
    try:
        yield
    finally:
        for layer in layers:
            layer.synchronized = False


def split_among_devices(batches: Callable[[], Iterator[tuple]]):
    """What `batches()` yields, `training_batches` say, as a data set that every device reads its part of.

    Keras reads a distributed data set twice, first only to learn its shapes: so `batches` must begin anew each
    time it is called, where a plain iterator would lose what it was read for then.
    """
    import tensorflow as tf

    kinds = tf.nest.map_structure(
        lambda values: tf.TensorSpec(values.shape, values.dtype), next(iter(batches()))
    )
    return tf.data.Dataset.from_generator(batches, output_signature=kinds)
