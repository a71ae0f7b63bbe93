"""The family of convolutional networks, and its outputs on a pretrained backbone.

It uses only built-in Keras layers: it runs on every Keras backend, and a saved network loads without this project.
"""

import keras
from keras import layers

from core.config import TrainConfig
from core.data.preprocessing import PreprocessingConfig
from core.network.backbone import apply_backbone, copy_weights

#: Feature maps with a smaller side are not pooled, so that deep networks accept small faces.
SMALLEST_POOLED_SIDE = 4


def build_model(
    config: TrainConfig,
    preprocessing: PreprocessingConfig,
    labels: int,
    *,
    affect: bool = False,
    side: int | None = None,
    batch_normalization: type[layers.BatchNormalization] = layers.BatchNormalization,
    max_pooling: type[layers.MaxPooling2D] = layers.MaxPooling2D,
) -> keras.Model:
    """Build the network, with the weights of its file if config.backbone is set.

    Args:
        config: filters (M blocks), repeats, dense (N layers), pooling, dropout, normalisation, ...
        preprocessing: defines the input shape, (size, size, channels).
        labels: number of classes.
        affect: add an output for valence and arousal.
        side: side of the centre crop that the network uses, in pixels, at most preprocessing.size; default: the whole
            face. With global average pooling the weights do not depend on it.
        batch_normalization, max_pooling: layer classes with the weights and results of those of Keras.

    Returns:
        Model from uint8 faces, (n, size, size, channels), to {"expression": (n, labels) probabilities} and, with
        `affect`, {"affect": (n, 2) valence and arousal, -1 to 1}. The layer 'last_features' outputs the last feature
        map, 'embedding' the input of the output layers, 'logits' the scores before the softmax.

    Raises:
        AffectoscopeError: the backbone does not fit; see core.network.backbone.
    """
    faces = keras.Input(preprocessing.shape, dtype="uint8", name="faces")
    x = faces
    if side and side < preprocessing.size:
        before = (preprocessing.size - side) // 2
        margins = (before, preprocessing.size - side - before)
        x = layers.Cropping2D((margins, margins), name="centre_crop")(x)
    pairs: list[tuple] = []
    if config.backbone:
        x, pairs = apply_backbone(faces, x, config)
    else:
        x = _blocks(x, config, batch_normalization, max_pooling)
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
    copy_weights(pairs)
    return keras.Model(faces, outputs, name="affectoscope")


def _blocks(x, config: TrainConfig, batch_normalization, max_pooling):
    """Rescaling, standardising and convolution blocks; the last feature map as a vector."""
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="rescaling")(x)
    if config.standardise:
        x = layers.LayerNormalization(axis=(1, 2, 3), center=False, scale=False, name="standardising")(x)
    for index, (filters, repeats) in enumerate(
        zip(config.filters, config.convolutions_per_block, strict=True)
    ):
        depth = config.stochastic_depth * (index + 1) / len(config.filters)
        x = _block(
            x,
            filters,
            repeats,
            config,
            batch_normalization,
            max_pooling,
            stochastic_depth=depth,
            name=f"block{index + 1}",
        )
        if config.dropout:
            x = layers.Dropout(config.dropout, name=f"block{index + 1}_dropout")(x)
    x = layers.Identity(name="last_features")(x)
    return layers.GlobalAveragePooling2D()(x) if config.pooling == "average" else layers.Flatten()(x)


def _block(
    x,
    filters: int,
    repeats: int,
    config: TrainConfig,
    batch_normalization,
    max_pooling,
    *,
    stochastic_depth: float,
    name: str,
):
    """3x3 convolution, 2x2 max-pooling, normalisation and ReLU, then `repeats` - 1 further convolutions.

    Pooling precedes normalisation and ReLU: the maximum commutes with both (for a positive scale), and they then cost a
    quarter. With `residual` the further convolutions form a residual branch (He et al. 2016).
    """

    def normalised(x, name: str):
        return batch_normalization(name=name, momentum=0.9)(x) if config.normalisation == "batch" else x

    x = _convolution(x, filters, config, name=f"{name}_conv1")
    if x.shape[1] >= SMALLEST_POOLED_SIDE:
        # "valid" with flattening, to reproduce the parameter counts of the study.
        padding = "same" if config.pooling == "average" else "valid"
        x = max_pooling(2, padding=padding, name=f"{name}_pool")(x)
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
    if stochastic_depth and repeats > 1:
        # One draw per face: the whole branch is left out, or scaled so that its mean stays (Huang et al. 2016).
        x = layers.Dropout(stochastic_depth, noise_shape=(None, 1, 1, 1), name=f"{name}_depth")(x)
    if config.residual and repeats > 1:
        x = layers.ReLU(name=f"{name}_relu{repeats}")(layers.Add(name=f"{name}_add")([x, shortcut]))
    return x


def _convolution(x, filters: int, config: TrainConfig, *, name: str):
    """3x3 convolution with zero padding, without bias if a normalisation follows."""
    return layers.Conv2D(
        filters,
        3,
        padding="same",
        use_bias=config.normalisation == "none",
        kernel_initializer="he_normal",
        name=name,
    )(x)


def _squeeze_excitation(x, filters: int, *, name: str):
    """Squeeze-and-excitation block (Hu et al. 2018)."""
    gate = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_squeeze")(x)
    gate = layers.Dense(max(filters // 8, 8), activation="relu", name=f"{name}_excite1")(gate)
    gate = layers.Dense(filters, activation="sigmoid", name=f"{name}_excite2")(gate)
    return layers.Multiply(name=f"{name}_gate")([x, gate])
