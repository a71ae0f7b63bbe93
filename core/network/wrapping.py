"""A Keras network of any origin as one of this project: uint8 faces in, named outputs out."""

import keras
import numpy as np
from keras import layers

from core.data.network_input import NetworkInput
from core.errors import AffectoscopeError
from core.runs.imported_network import OutputNames


def keras_outputs(model: keras.Model) -> dict[str, keras.KerasTensor]:
    """Name -> tensor of every output of a model: its keys for a dict, otherwise Keras's output names.

    Raises:
        AffectoscopeError: the model has not been built.
    """
    try:
        if isinstance(model.output, dict):
            return dict(model.output)
        tensors = model.output if isinstance(model.output, (list, tuple)) else [model.output]
        return dict(zip(model.output_names, tensors, strict=True))
    except (AttributeError, ValueError, TypeError) as error:
        raise AffectoscopeError(
            "The network has no inputs and outputs yet; call it once on a face before saving it."
        ) from error


def wrap_keras_model(model: keras.Model, size: int, given: NetworkInput, outputs: OutputNames) -> keras.Model:
    """Add the conversion of faces before a model and name its outputs, with built-in layers only.

    Args:
        model: network with one input of four dimensions.
        size: side of the faces in pixels.
        outputs: `embedding` may also name a layer.

    Returns:
        Model from uint8 faces to "expression" (probabilities), and "affect" and "embedding" if they are named.

    Raises:
        AffectoscopeError: an output does not exist or is not one row of numbers per face, or bytes would have to be
            reordered.
    """
    tensors = keras_outputs(model)
    chosen = {}
    for kind, name in outputs.by_kind.items():
        tensor = tensors.get(name)
        if tensor is None and kind == "embedding" and name in {layer.name for layer in model.layers}:
            tensor = model.get_layer(name).output
        if tensor is None or len(tensor.shape) != 2:
            raise AffectoscopeError(
                f"The network has no output '{name}' of one row of numbers per face; its outputs are "
                f"{', '.join(tensors)}."
            )
        chosen[kind] = tensor
    faces = keras.Input((size, size, 1 if given.colour == "grey" else 3), dtype="uint8", name="faces")
    found = keras.Model(model.input, chosen)(_convert(faces, given))
    named = {
        kind: (layers.Softmax if kind == "expression" and outputs.logits else layers.Identity)(
            name=kind, dtype="float32"
        )(tensor)
        for kind, tensor in found.items()
    }
    return keras.Model(faces, named, name="imported")


def _convert(faces, given: NetworkInput):
    """`NetworkInput.convert` as layers."""
    x = faces
    if given.dtype == "uint8" and given.colour == "bgr":
        raise AffectoscopeError("A Keras network that takes bytes cannot be given bgr; pass --colour rgb.")
    if given.channels != faces.shape[-1]:
        x = layers.Concatenate(name="repeated_grey")([x] * given.channels)
    if given.dtype != "uint8":
        factor, offset = given.factors
        if given.colour == "bgr":
            reorder = layers.Conv2D(3, 1, use_bias=False, trainable=False, name="reordering")
            x = reorder(layers.Rescaling(1.0, name="casting")(x))
            reorder.set_weights([np.eye(3, dtype=np.float32)[::-1].reshape(1, 1, 3, 3)])
        x = layers.Rescaling(factor.tolist(), offset=offset.tolist(), name="rescaling")(x)
    return layers.Permute((3, 1, 2), name="channels_first")(x) if given.layout == "nchw" else x
