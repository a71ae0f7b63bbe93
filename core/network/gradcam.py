"""Grad-CAM and HiResCAM: heat maps of the regions of a face that contribute to a label.

They explain a single forward pass, also if the predictions of the run use test-time augmentation.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

from core.errors import AffectoscopeError
from core.network.test_time_augmentation import CENTRE_CROP
from core.runs.imported_network import Network

if TYPE_CHECKING:  # Keras takes seconds to import
    import keras

Method = Literal["grad-cam", "hirescam"]

#: Smallest side, in pixels, of a feature map that is explained; smaller maps cannot locate facial features.
SMALLEST_SIDE = 6


@dataclass(frozen=True, eq=False)
class SplitNetwork:
    """A network split in two at the feature map that is explained.

    Attributes:
        layer: name of the layer whose output is the feature map.
        side: side of the feature map in pixels.
        features: model from faces to the feature map.
        logits: model from the feature map to the logits.
        cut: margins of the face that the network crops off: rows (top, bottom) and columns (left, right).
    """

    layer: str
    side: int
    features: "keras.Model"
    logits: "keras.Model"
    cut: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))


@dataclass(frozen=True, eq=False)
class Explanation:
    """Heat map and probabilities of one face.

    Attributes:
        heat: (side, side) float32 heat map over the whole face, divided by its maximum; all 0 if no region contributes
            to the label. For a network that crops its input it has the size of the face and is 0 in the margin.
        probabilities: (labels,) float64, summing to 1.
    """

    heat: np.ndarray
    probabilities: np.ndarray


def split_network(network: Network) -> SplitNetwork:
    """Split a network of `core.network.model.build_model` at the feature map to explain.

    This is 'last_features', as in the paper, if its side is at least SMALLEST_SIDE, otherwise the output of the deepest
    convolution block with such a side: the shipped networks end at 3 x 3, too coarse to separate mouth and eyes. Of a
    backbone it is always 'last_features'.

    Raises:
        AffectoscopeError: the network lacks these layers, or Keras does not run on TensorFlow.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        raise AffectoscopeError(
            f"Grad-CAM needs the TensorFlow backend, but Keras runs on {keras.backend.backend()}; unset KERAS_BACKEND."
        )
    if not isinstance(network, keras.Model):
        raise AffectoscopeError(
            "Grad-CAM needs a Keras network trained by core.train; the occlusion map explains any network."
        )
    # The last layer of each block, in the order of the network.
    maps = {match[0]: layer for layer in network.layers if (match := re.match(r"block\d+(?=_)", layer.name))}
    names = [layer.name for layer in network.layers]
    if not {"last_features", "logits"} <= set(names):
        raise AffectoscopeError(
            "This network has no layers last_features and logits; Grad-CAM supports only networks trained by core.train "
            "whose features come from a last feature map, and the occlusion map explains any network."
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
    """Compute the heat map of one label for one face.

    'grad-cam' weights each channel of the feature map by the mean gradient of the label's logit; the positive part of
    the weighted sum is the heat map (Selvaraju et al. 2017, ICCV, equations 1 and 2). Averaging the gradient discards
    positions, so that contributions cancel on maps before the last one, above all in networks without global pooling.
    'hirescam' multiplies gradient and feature map elementwise instead (Draelos & Carin 2020, arXiv:2011.08891). On a
    last map followed by global average pooling and the logits the two are equal.

    Args:
        face: (size, size, channels) uint8, preprocessed for the network.
        label: index among the network's labels.

    Raises:
        AffectoscopeError: dtype or shape of the face differs from the network's input.
    """
    import tensorflow

    expected = tuple(network.features.input_shape[1:])
    if face.shape != expected or face.dtype != np.uint8:
        raise AffectoscopeError(
            f"The face has dtype {face.dtype} and shape {face.shape}; expected uint8 of shape {expected}."
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
    heat = _pad_to_face(heat.astype(np.float32), face.shape[:2], network.cut)
    return Explanation(heat / (heat.max() or np.float32(1)), powers / powers.sum())


def _pad_to_face(
    heat: np.ndarray, shape: tuple[int, int], cut: tuple[tuple[int, int], tuple[int, int]]
) -> np.ndarray:
    """Resize a heat map bilinearly to the cropped centre of a face and pad it with zeros; unchanged without a crop."""
    if not np.any(cut):
        return heat
    height, width = (side - sum(both) for side, both in zip(shape, cut, strict=True))
    centre = Image.fromarray(heat).resize((width, height), Image.Resampling.BILINEAR)
    return np.pad(np.asarray(centre), cut)
