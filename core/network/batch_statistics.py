"""Batch-normalisation statistics of faces as they are, in place of those that training leaves behind.

While a network trains, its moving means and variances are those of augmented faces, of dropped-out features and of
weights that have changed since. Averaged weights have had no statistics of their own at all (Izmailov et al. 2018,
"Averaging Weights Leads to Wider Optima and Better Generalization", section 3.2, recompute them likewise).
"""

import keras
import numpy as np
from keras import layers

from core.data.face_pack import FacePack

#: Training faces that the statistics are taken from, and at once.
FACES, BATCH = 5120, 256


def recompute_batch_statistics(network: keras.Model, pack: FacePack, *, faces: int = FACES) -> None:
    """Set every moving mean and variance of `network` to their averages over batches of plain faces.

    Nothing is dropped out or augmented meanwhile, and the layers below use their batch's own statistics, as in training.

    Args:
        network: uint8 faces in, of built-in layers; without batch normalisation nothing changes.
        pack: training faces, whole.
        faces: how many of them, drawn with a fixed seed, in whole batches where there are enough for one.
    """
    normalised = [layer.name for layer in network.layers if isinstance(layer, layers.BatchNormalization)]
    if not normalised:
        return
    twin = keras.models.clone_model(network, clone_function=_plain)
    twin.set_weights(network.get_weights())
    rows = np.random.default_rng(0).permutation(len(pack))[:faces]
    starts = range(0, max(len(rows) - BATCH + 1, 1), BATCH)
    means = {name: [0.0, 0.0] for name in normalised}
    for start in starts:
        twin(pack[rows[start : start + BATCH]], training=True)
        for name, mean in means.items():
            layer = twin.get_layer(name)
            for index, value in enumerate((layer.moving_mean, layer.moving_variance)):
                mean[index] = mean[index] + keras.ops.convert_to_numpy(value).astype(np.float64) / len(starts)
    for name, (mean, variance) in means.items():
        layer = network.get_layer(name)
        layer.moving_mean.assign(mean.astype(np.float32))
        layer.moving_variance.assign(variance.astype(np.float32))


def _plain(layer: keras.layers.Layer) -> keras.layers.Layer:
    """A copy that drops nothing out and whose moving statistics are those of the last batch."""
    settings = layer.get_config()
    if isinstance(layer, layers.Dropout):
        settings["rate"] = 0.0
    if isinstance(layer, layers.BatchNormalization):
        settings["momentum"] = 0.0
    return type(layer).from_config(settings)
