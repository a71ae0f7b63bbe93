"""Recompute batch-normalisation statistics on faces without augmentation.

The moving means and variances collected during training describe augmented faces, features with dropout, and earlier
weights. For averaged weights no statistics were collected at all (Izmailov et al. 2018, "Averaging Weights Leads to
Wider Optima and Better Generalization", section 3.2, recompute them in the same way).
"""

from collections.abc import Collection

import keras
import numpy as np
from keras import layers

from core.data.face_pack import FacePack

#: Number of training faces that the statistics are computed from, and batch size.
FACES, BATCH = 5120, 256


def recompute_batch_statistics(
    network: keras.Model, pack: FacePack, *, faces: int = FACES, frozen: Collection[str] = ()
) -> None:
    """Set every moving mean and variance of `network` to its average over batches of faces without augmentation.

    Dropout is off. Every layer normalises by the statistics of its batch, as in training.

    Args:
        network: built-in layers only, with uint8 faces as input; unchanged if it has no batch normalisation.
        pack: training faces, not cropped.
        faces: number of faces to use, drawn with a fixed seed. An incomplete last batch is dropped, unless it is the
            only one.
        frozen: names of layers that keep their statistics, and normalise by them.
    """
    normalised = [
        layer.name
        for layer in network.layers
        if isinstance(layer, layers.BatchNormalization) and layer.name not in frozen
    ]
    if not normalised:
        return
    copy = keras.models.clone_model(network, clone_function=_clone_layer)
    for layer in copy.layers:
        if layer.name in frozen:
            layer.trainable = False
    copy.set_weights(network.get_weights())
    rows = np.random.default_rng(0).permutation(len(pack))[:faces]
    starts = range(0, max(len(rows) - BATCH + 1, 1), BATCH)
    means: dict[str, list] = {name: [0.0, 0.0] for name in normalised}
    for start in starts:
        copy(pack[rows[start : start + BATCH]], training=True)
        for name, mean in means.items():
            layer = copy.get_layer(name)
            for index, value in enumerate((layer.moving_mean, layer.moving_variance)):
                mean[index] = mean[index] + keras.ops.convert_to_numpy(value).astype(np.float64) / len(starts)
    for name, (mean, variance) in means.items():
        layer = network.get_layer(name)
        layer.moving_mean.assign(mean.astype(np.float32))
        layer.moving_variance.assign(variance.astype(np.float32))


def _clone_layer(layer: keras.layers.Layer) -> keras.layers.Layer:
    """Copy of a layer without dropout, whose moving statistics are those of the last batch (momentum 0)."""
    settings = layer.get_config()
    if isinstance(layer, layers.Dropout):
        settings["rate"] = 0.0
    if isinstance(layer, layers.BatchNormalization):
        settings["momentum"] = 0.0
    return type(layer).from_config(settings)
