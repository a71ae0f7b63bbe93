"""A user's pretrained feature network under the outputs of this project."""

from functools import lru_cache
from pathlib import Path

import keras
from keras import layers

from core.config import TrainConfig
from core.errors import AffectoscopeError
from core.runs.keras_file import load_keras_file

#: Prefix of the names of a backbone's layers.
PREFIX = "backbone_"

#: Factor and offset from pixels of 0 to 255 to each range.
_SCALES = {"0..255": (1.0, 0.0), "0..1": (1 / 255, 0.0), "-1..1": (1 / 127.5, -1.0)}

#: Layers that convert pixels to the range that the rest of a network expects.
_RESCALING = (layers.Rescaling, layers.Normalization)


def apply_backbone(faces, pixels, config: TrainConfig):
    """The feature vector of a backbone, on top of `pixels`, with the weights of its file.

    Its layers become layers of the new network, named with PREFIX, so that this network is saved whole. The layer
    'last_features' outputs the last feature map; a backbone that ends in a vector not computed from one has no such layer.

    Args:
        faces: input of the new network.
        pixels: what is computed from it for the backbone: (n, side, side, channels), 0 to 255.

    Returns:
        Tensor of shape (n, d), and pairs of a layer of the file and its copy, whose weights are to be copied.

    Raises:
        AffectoscopeError: the file cannot be loaded, its input or output does not fit, or its range of pixels is not known.
    """
    backbone, last_map = _load(config.backbone, config.backbone.stat().st_mtime_ns)
    _check_input(backbone, tuple(pixels.shape[1:]), config)
    factor, offset = _SCALES[_scale(backbone, config)]
    scaled = layers.Rescaling(factor, offset=offset, name="rescaling")(pixels)
    policy = keras.config.dtype_policy().name
    pairs = []

    def copy(layer):
        settings = layer.get_config()
        wanted = {"name": f"{PREFIX}{layer.name}", "dtype": policy, "trainable": True}
        settings |= {name: value for name, value in wanted.items() if name in settings or name == "name"}
        new = type(layer).from_config(settings)
        pairs.append((layer, new))
        return new

    def call(layer, *inputs, **options):
        inputs = keras.tree.map_structure(lambda each: scaled if each is faces else each, inputs)
        if layer.name == f"{PREFIX}{last_map}":
            inputs = [layers.Identity(name="last_features")(inputs[0])]
        return layer(*inputs, **options)

    features = keras.models.clone_model(
        backbone, input_tensors=faces, clone_function=copy, call_function=call
    ).output
    if len(features.shape) == 4:
        features = layers.GlobalAveragePooling2D()(layers.Identity(name="last_features")(features))
    return features, pairs


def copy_weights(pairs: list[tuple]) -> None:
    """Set the weights of the copies of `apply_backbone` to those of the file."""
    for layer, copy in pairs:
        if getattr(layer, "weights", None):
            copy.set_weights(layer.get_weights())


def takes_any_size(config: TrainConfig) -> bool:
    """Return whether the backbone accepts faces of any side."""
    backbone, _ = _load(config.backbone, config.backbone.stat().st_mtime_ns)
    return backbone.input_shape[1:3] == (None, None)


@lru_cache(maxsize=1)
def _load(path: Path, _modified: int) -> tuple[keras.Model, str | None]:
    """The backbone as one functional model without nested ones, and the layer that reduces its last feature map."""
    loaded = load_keras_file(path)
    if len(loaded.inputs) != 1 or len(loaded.outputs) != 1 or len(loaded.inputs[0].shape) != 4:
        raise AffectoscopeError(
            f"--backbone {path.name} has {len(loaded.inputs)} inputs and {len(loaded.outputs)} outputs; expected one input "
            "(n, side, side, channels) and one output."
        )
    output = loaded.outputs[0].shape
    if len(output) not in (2, 4) or output[-1] is None:
        raise AffectoscopeError(
            f"--backbone {path.name} has an output of shape {tuple(output)}; expected a feature map (n, rows, columns, d) or a "
            "vector (n, d)."
        )
    last_map = None

    def call(layer, *inputs, **options):
        nonlocal last_map
        if isinstance(layer, keras.Model):
            return layer.call(*inputs, **options)
        outputs = layer(*inputs, **options)
        ranks = [len(each.shape) for each in keras.tree.flatten((inputs, outputs)) if hasattr(each, "shape")]
        if ranks == [4, 2]:
            last_map = layer.name
        return outputs

    flat = keras.Model(loaded.inputs[0], loaded.outputs[0])
    while True:
        nested = any(isinstance(layer, keras.Model) for layer in flat.layers)
        flat = keras.models.clone_model(flat, clone_function=lambda layer: layer, call_function=call)
        if not nested:
            break
    last = flat.layers[-1]
    if isinstance(last, layers.Softmax) or getattr(last, "activation", None) is keras.activations.softmax:
        raise AffectoscopeError(
            f"--backbone {path.name} ends in class probabilities; save the network without its classifier "
            "(include_top=False in keras.applications)."
        )
    return flat, last_map


def _check_input(backbone: keras.Model, shape: tuple[int, int, int], config: TrainConfig) -> None:
    *sides, channels = backbone.input_shape[1:]
    name = config.backbone.name
    if channels != shape[2]:
        remedy = {1: "pass --colour grey", 3: "pass --colour rgb"}.get(channels, "expected 1 or 3 channels")
        raise AffectoscopeError(
            f"--backbone {name} has an input of {channels} channels and the faces have {shape[2]}; {remedy}."
        )
    if any(side not in (None, shape[0]) for side in sides):
        option = "--crop" if config.crop else "--size"
        remedy = (
            f"pass {option} {sides[0]}"
            if sides[0] == sides[1]
            else "save it with a square input; faces are square"
        )
        raise AffectoscopeError(
            f"--backbone {name} has an input of {sides[0]} x {sides[1]} pixels and the network's faces have {shape[0]} x "
            f"{shape[0]}; {remedy}."
        )


def _scale(backbone: keras.Model, config: TrainConfig) -> str:
    """Range of the pixels that the backbone expects: 0 to 255 if it rescales them before its first weights."""
    if config.backbone_scale:
        return config.backbone_scale
    for layer in backbone.layers:
        if isinstance(layer, _RESCALING):
            return "0..255"
        if getattr(layer, "trainable_weights", None):
            break
    raise AffectoscopeError(
        f"--backbone {config.backbone.name} does not begin with a layer that rescales pixels, so that the range it was "
        "trained on is not known; pass --backbone-scale 0..255, 0..1 or -1..1."
    )
