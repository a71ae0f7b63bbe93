"""The CNN family: build_model(config) is the network.

Only Keras's own operations, so the same code runs on the TensorFlow backend and under KERAS_BACKEND=jax.
The saved network holds built-in layers alone and loads without this project.
"""

import keras
from keras import layers

from core.config import TrainConfig
from core.data.preprocessing import PreprocessingConfig

#: Feature maps narrower than this are no longer pooled, so that deep networks fit small faces.
SMALLEST_POOLED_SIDE = 4


def build_model(
    config: TrainConfig,
    preprocessing: PreprocessingConfig,
    labels: int,
    *,
    affect: bool = False,
    side: int | None = None,
    batch_normalization: type[layers.BatchNormalization] = layers.BatchNormalization,
) -> keras.Model:
    """The network: uint8 faces in, probabilities out.

    Args:
        config: filters (M blocks), repeats, dense (N layers), pooling, dropout, normalisation, ...
        preprocessing: gives the input's shape (size, size, channels).
        labels: output nodes, one per class.
        affect: adds a head for valence and arousal.
        side: pixels of the centre of the face that are read, at most preprocessing.size; default: the whole face. With
            global average pooling the weights fit every side.
        batch_normalization: the layer for it, of the same weights as Keras's.

    Returns:
        Model from uint8 (n, size, size, channels) to {"expression": (n, labels) probabilities} and, with
        `affect`, {"affect": (n, 2) valence and arousal in -1 to 1}. The layer 'embedding' holds the
        features that the heads read, 'last_features' the last feature map, 'logits' the scores before softmax.
    """
    faces = keras.Input(preprocessing.shape, dtype="uint8", name="faces")
    x = faces
    if side and side < preprocessing.size:
        before = (preprocessing.size - side) // 2
        margins = (before, preprocessing.size - side - before)
        x = layers.Cropping2D((margins, margins), name="centre_crop")(x)
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="rescaling")(x)
    if config.standardise:
        x = layers.LayerNormalization(axis=(1, 2, 3), center=False, scale=False, name="standardising")(x)
    for index, (filters, repeats) in enumerate(
        zip(config.filters, config.convolutions_per_block, strict=True)
    ):
        x = _block(x, filters, repeats, config, batch_normalization, name=f"block{index + 1}")
        if config.dropout:
            x = layers.Dropout(config.dropout, name=f"block{index + 1}_dropout")(x)
    x = layers.Identity(name="last_features")(x)
    x = layers.GlobalAveragePooling2D()(x) if config.pooling == "average" else layers.Flatten()(x)
    for index, units in enumerate(config.dense):
        if config.dense_dropout:
            x = layers.Dropout(config.dense_dropout)(x)
        x = layers.Dense(units, name=f"dense{index + 1}", kernel_initializer="he_normal")(x)
        x = layers.ReLU()(x)
    x = layers.Identity(name="embedding")(x)
    if config.dense_dropout:
        x = layers.Dropout(config.dense_dropout)(x)
    logits = layers.Dense(labels, name="logits", dtype="float32")(x)
    outputs = {"expression": layers.Softmax(name="expression", dtype="float32")(logits)}
    if affect:
        outputs["affect"] = layers.Dense(2, activation="tanh", name="affect", dtype="float32")(x)
    return keras.Model(faces, outputs, name="affectoscope")


def _block(x, filters: int, repeats: int, config: TrainConfig, batch_normalization, *, name: str):
    """A 3x3 convolution, 2x2 max-pooling, normalisation and ReLU, then `repeats` - 1 more convolutions.

    Pooling comes before the normalisation and the ReLU: the maximum commutes with both (for a positive
    scale), and on a quarter of the pixels they cost a quarter. With `residual` the further convolutions
    are a branch that is added to the block's own features (He et al. 2016).
    """

    def normalised(x, name: str):
        return batch_normalization(name=name, momentum=0.9)(x) if config.normalisation == "batch" else x

    x = _convolution(x, filters, config, name=f"{name}_conv1")
    if x.shape[1] >= SMALLEST_POOLED_SIDE:
        # Where any side fits, an odd one keeps its last row and column. Flattened, the study's own counts stay.
        padding = "same" if config.pooling == "average" else "valid"
        x = layers.MaxPooling2D(2, padding=padding, name=f"{name}_pool")(x)
    x = normalised(x, name=f"{name}_norm1")
    x = layers.ReLU(name=f"{name}_relu1")(x)
    shortcut = x
    for index in range(2, repeats + 1):
        x = _convolution(x, filters, config, name=f"{name}_conv{index}")
        x = normalised(x, name=f"{name}_norm{index}")
        if index < repeats or not config.residual:
            x = layers.ReLU(name=f"{name}_relu{index}")(x)
    if config.squeeze_excitation:
        x = _squeeze_excitation(x, filters, name=name)
    if config.residual and repeats > 1:
        x = layers.ReLU(name=f"{name}_relu{repeats}")(layers.Add(name=f"{name}_add")([x, shortcut]))
    return x


def _convolution(x, filters: int, config: TrainConfig, *, name: str):
    """3x3 with zero padding; the bias is left to the normalisation where there is one."""
    return layers.Conv2D(
        filters,
        3,
        padding="same",
        use_bias=config.normalisation == "none",
        kernel_initializer="he_normal",
        name=name,
    )(x)


def _squeeze_excitation(x, filters: int, *, name: str):
    """Each channel re-weighted by a gate that reads all channels' averages (Hu et al. 2018)."""
    gate = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_squeeze")(x)
    gate = layers.Dense(max(filters // 8, 8), activation="relu", name=f"{name}_excite1")(gate)
    gate = layers.Dense(filters, activation="sigmoid", name=f"{name}_excite2")(gate)
    return layers.Multiply(name=f"{name}_gate")([x, gate])
