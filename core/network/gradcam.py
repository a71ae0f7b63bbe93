"""Grad-CAM and HiResCAM: which regions of a face speak for a label. Runs the network.

They are of one pass over the face, also where a run's predictions are averaged over copies of it.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

from core.errors import AffectoscopeError
from core.network.test_time_augmentation import CENTRE_CROP

if TYPE_CHECKING:  # Keras takes seconds to import, and whoever has a network has imported it
    import keras

Method = Literal["grad-cam", "hirescam"]

#: A feature map with fewer pixels a side is too coarse to show where in a face something is.
SMALLEST_SIDE = 6


@dataclass(frozen=True, eq=False)
class SplitNetwork:
    """A network cut in two at the feature map that is explained.

    Attributes:
        layer: name of the layer whose output that map is.
        side: the map's side in pixels.
        features: faces -> feature map.
        logits: feature map -> scores before the softmax.
        cut: rows (above, below) and columns (left, right) of the face that the network cuts off before it looks.
    """

    layer: str
    side: int
    features: "keras.Model"
    logits: "keras.Model"
    cut: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))


@dataclass(frozen=True, eq=False)
class Explanation:
    """What `explain` found for one face.

    Attributes:
        heat: (side, side) float32, 0 to 1, over the whole face: 1 where most speaks for the label; all 0 where nothing
            does. Of a network that cuts off the margin of its faces it has the size of the face, and is 0 there.
        probabilities: (labels,) float64 of this face, summing to 1.
    """

    heat: np.ndarray
    probabilities: np.ndarray


def split_network(network: "keras.Model") -> SplitNetwork:
    """Cut a network of `core.network.model.build_model` where it is explained.

    That is 'last_features' where it has SMALLEST_SIDE pixels a side, as in the paper, and else the output of
    the deepest convolution block that has: the shipped networks end at 3 x 3, which tells no mouth from an eye.

    Raises:
        AffectoscopeError: the network has no such layers, or Keras does not run on TensorFlow.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        raise AffectoscopeError(
            f"Grad-CAM needs Keras on TensorFlow, and it runs on {keras.backend.backend()}; unset KERAS_BACKEND."
        )
    # The last layer of each block, in the order of the network; a later layer of a block takes an earlier's place.
    maps = {match[0]: layer for layer in network.layers if (match := re.match(r"block\d+(?=_)", layer.name))}
    names = [layer.name for layer in network.layers]
    if not maps or not {"last_features", "logits"} <= set(names):
        raise AffectoscopeError(
            "This network has no layers block1_..., last_features and logits; Grad-CAM explains the networks "
            "that core.train makes."
        )
    candidates = [network.get_layer("last_features"), *reversed(maps.values())]
    wide = [layer for layer in candidates if layer.output.shape[1] >= SMALLEST_SIDE]
    layer = wide[0] if wide else max(candidates, key=lambda layer: layer.output.shape[1])
    return SplitNetwork(
        layer=layer.name,
        side=int(layer.output.shape[1]),
        features=keras.Model(network.input, layer.output),
        logits=keras.Model(layer.output, network.get_layer("logits").output),
        cut=network.get_layer(CENTRE_CROP).cropping if CENTRE_CROP in names else ((0, 0), (0, 0)),
    )


def explain(
    network: SplitNetwork, face: np.ndarray, label: int, *, method: Method = "grad-cam"
) -> Explanation:
    """The heat of one label for one face, divided by its maximum.

    'grad-cam' weights each channel of the feature map by the mean of the label logit's gradient on it; the
    weighted sum, where positive, is the heat (Selvaraju et al. 2017, ICCV, equations 1 and 2). The mean forgets
    where in the map a feature counts, so that much cancels out before the last map, in flattened networks above
    all. 'hirescam' multiplies gradient and map pixel by pixel instead (Draelos & Carin 2020, arXiv:2011.08891);
    on a last map that is averaged into the logits the two are the same.

    Args:
        face: (size, size, channels) uint8, as the network's preprocessing crops it.
        label: position among the network's labels.

    Raises:
        AffectoscopeError: the face has another shape than the network takes.
    """
    import tensorflow

    expected = tuple(network.features.input_shape[1:])
    if face.shape != expected or face.dtype != np.uint8:
        raise AffectoscopeError(
            f"The face is {face.dtype} of shape {face.shape}; the network takes uint8 of shape {expected}."
        )
    maps = network.features(face[None], training=False)
    with tensorflow.GradientTape() as tape:
        tape.watch(maps)
        logits = network.logits(maps, training=False)
        score = logits[:, label]
    weights = tape.gradient(score, maps).numpy()[0].astype(np.float64)
    if method == "grad-cam":
        weights = weights.mean(axis=(0, 1))
    heat = np.maximum((maps.numpy()[0] * weights).sum(axis=-1), 0.0)
    scores = logits.numpy()[0].astype(np.float64)
    powers = np.exp(scores - scores.max())
    heat = _in_the_whole_face(heat.astype(np.float32), face.shape[:2], network.cut)
    return Explanation(heat / (heat.max() or np.float32(1)), powers / powers.sum())


def _in_the_whole_face(
    heat: np.ndarray, shape: tuple[int, int], cut: tuple[tuple[int, int], tuple[int, int]]
) -> np.ndarray:
    """The heat of a face whose margins were cut off, resized bilinearly to what is left of it, with zeros around."""
    if not np.any(cut):
        return heat
    height, width = (side - sum(both) for side, both in zip(shape, cut, strict=True))
    centre = Image.fromarray(heat).resize((width, height), Image.Resampling.BILINEAR)
    return np.pad(np.asarray(centre), cut)
