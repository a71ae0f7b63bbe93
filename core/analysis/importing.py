"""A network file of a user: its input and outputs, compared with what the user states about them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from core.data.network_input import NetworkInput
from core.data.preprocessing import PreprocessingConfig
from core.errors import AffectoscopeError
from core.labels import EXPRESSIONS, SYNONYMS, LabelSet, find_code
from core.metrics.predictions import SUM_TOLERANCE
from core.metrics.text import listed
from core.runs.imported import Network, OutputNames, check_rows
from core.runs.keras_file import load_keras_file
from core.runs.onnx_file import read_onnx_file
from core.runs.onnx_network import OnnxNetwork, OnnxSession
from core.runtime.environment import quiet_tensorflow

#: Random faces that the outputs are looked at with where there is no data.
NOISE_FACES = 16


@dataclass(frozen=True)
class NetworkFile:
    """A network file, checked and loaded.

    Attributes:
        model: name that the network gets in a run.
        dims: 4 dimensions of its input, None where dynamic.
        dtype: NumPy name of the type of its input.
        outputs: name -> number of values per face, None where unknown.
        parameters: number of its weights.
        run: function of converted faces and names of outputs to their values, one row per face.
        network: function of the size of the faces, their conversion and the outputs to the network of a run.
        save: function that writes that network into a file.
    """

    model: str
    dims: tuple[int | None, ...]
    dtype: str
    outputs: dict[str, int | None]
    parameters: int
    run: Callable[[np.ndarray, Sequence[str]], list[np.ndarray]]
    network: Callable[[int, NetworkInput, OutputNames], Network]
    save: Callable[[Any, Path], object]


def open_network_file(path: Path) -> NetworkFile:
    """Check and load a .onnx or .keras file.

    Raises:
        AffectoscopeError: it does not exist, is of another kind, or is refused.
    """
    if not path.is_file():
        raise AffectoscopeError(f"{path} does not exist; pass the path of a .onnx or .keras file.")
    if path.suffix.lower() == ".onnx":
        return _open_onnx(path)
    if path.suffix.lower() == ".keras":
        return _open_keras(path)
    raise AffectoscopeError(
        f"{path.name} is no network that can be imported; expected .onnx or .keras: PyTorch writes ONNX with torch.onnx.export, "
        "TensorFlow with tf2onnx."
    )


def _open_onnx(path: Path) -> NetworkFile:
    file = read_onnx_file(path)
    session = OnnxSession(file, path.name)
    return NetworkFile(
        model="model.onnx",
        dims=file.dims,
        dtype=file.dtype,
        outputs={name: dims[-1] if dims else None for name, dims in file.outputs.items()},
        parameters=file.parameters,
        run=session.run,
        network=lambda size, given, outputs: OnnxNetwork(session, size, given, outputs),
        save=lambda _, to: to.write_bytes(file.content),
    )


def _open_keras(path: Path) -> NetworkFile:
    with quiet_tensorflow():
        import keras

        from core.network.wrapping import keras_outputs, wrap_keras_model

        model = load_keras_file(path)
    tensors = keras_outputs(model)
    if not hasattr(model.input, "shape") or len(model.input.shape) != 4:
        raise AffectoscopeError(
            f"{path.name} has not one input of four dimensions; expected a batch of faces."
        )
    chosen: dict[tuple[str, ...], keras.Model] = {}

    def run(x: np.ndarray, names: Sequence[str]) -> list[np.ndarray]:
        key = tuple(names)
        if key not in chosen:
            layers = {layer.name: layer.output for layer in model.layers if layer.name in key}
            missing = [name for name in names if name not in {**layers, **tensors}]
            if missing:
                raise AffectoscopeError(
                    f"{path.name} has no output or layer '{missing[0]}'; its outputs are {', '.join(tensors)}."
                )
            chosen[key] = keras.Model(model.input, {name: {**layers, **tensors}[name] for name in names})
        values = chosen[key].predict_on_batch(x)
        found = [np.asarray(values[name]) for name in names]
        check_rows(dict(zip(names, found, strict=True)), len(x))
        return found

    return NetworkFile(
        model="model.keras",
        dims=tuple(model.input.shape),
        dtype=keras.backend.standardize_dtype(model.input.dtype),
        outputs={name: tensor.shape[-1] for name, tensor in tensors.items()},
        parameters=model.count_params(),
        run=run,
        network=lambda size, given, outputs: wrap_keras_model(model, size, given, outputs),
        save=lambda network, to: network.save(to),
    )


def parse_labels(text: str) -> LabelSet:
    """Labels in the order of the network's outputs, from a comma-separated list of names or synonyms.

    Raises:
        AffectoscopeError: a name is unknown or comes twice.
    """
    names = [part.strip() for part in text.split(",") if part.strip()]
    codes = [find_code(name) for name in names]
    unknown = [name for name, code in zip(names, codes, strict=True) if code is None]
    if unknown or len(codes) < 2 or len(set(codes)) < len(codes):
        problem = (
            f"has the unknown label {unknown[0]}" if unknown else "names fewer than two labels, or one twice"
        )
        raise AffectoscopeError(
            f"--labels {text} {problem}; expected the network's labels in the order of its outputs, among "
            f"{', '.join(EXPRESSIONS)} (or {', '.join(SYNONYMS)})."
        )
    return LabelSet(tuple(EXPRESSIONS[code] for code in codes))


def fit_input(
    file: NetworkFile,
    *,
    colour: str,
    scale: str,
    mean: tuple[float, ...] = (),
    std: tuple[float, ...] = (),
    size: int | None = None,
    layout: str | None = None,
) -> tuple[NetworkInput, int]:
    """Complete the stated conversion by the layout, channels and type of a network's input; returns it and the size.

    Args:
        colour, scale, mean, std: see NetworkInput.
        size: side in pixels as stated; None to take that of the file.
        layout: 'nchw' or 'nhwc' as stated; None to take that of the file.

    Raises:
        AffectoscopeError: the file contradicts what is stated, or leaves open what is not.
    """
    shape = " x ".join(str(length or "?") for length in file.dims)
    places = {"nhwc": 3, "nchw": 1}
    fitting = [name for name, place in places.items() if file.dims[place] in (1, 3)]
    if layout and file.dims[places[layout]] not in (None, 1, 3):
        raise AffectoscopeError(
            f"The network's input is {shape}, which is not {layout}; pass --layout {listed(fitting) or 'of its file'}, or leave it "
            "out."
        )
    if not layout and len(fitting) != 1:
        raise AffectoscopeError(
            f"The network's input is {shape}, which does not show where its channels are; pass --layout nchw or nhwc."
        )
    layout = layout or fitting[0]
    channels = file.dims[places[layout]] or (1 if colour == "grey" else 3)
    sides = [length for place, length in enumerate(file.dims) if place not in (0, places[layout])]
    known = {length for length in sides if length is not None}
    if len(known) > 1:
        raise AffectoscopeError(f"The network's input is {shape}; expected square faces.")
    if size and known and size not in known:
        raise AffectoscopeError(
            f"The network's input is {shape}, which does not fit --size {size}; pass {known.pop()}, or leave it out."
        )
    if not size and not known:
        raise AffectoscopeError(
            f"The network's input is {shape}, of any size; pass the one that it was trained with as --size."
        )
    side = size or known.pop()
    if channels == 1 and colour != "grey":
        raise AffectoscopeError(
            f"The network's input is {shape}, of one channel, which does not fit --colour {colour}; pass grey."
        )
    return NetworkInput(colour, channels, scale, mean, std, layout, file.dtype), side


def choose_outputs(
    file: NetworkFile, labels: LabelSet, *, expression: str | None, affect: str | None, embedding: str | None
) -> OutputNames:
    """Names of the outputs; that of the expression is the one with as many values as there are labels.

    Raises:
        AffectoscopeError: a stated output does not exist, or it is not clear which one has the expression.
    """
    there = ", ".join(f"{name} ({count or '?'} values)" for name, count in file.outputs.items())
    named = {"output": expression, "affect-output": affect}
    if (
        file.model == "model.onnx"
    ):  # a layer inside of a Keras network can be reached, one inside of a graph cannot
        named["embedding-output"] = embedding
    for option, name in named.items():
        if name is not None and name not in file.outputs:
            raise AffectoscopeError(f"The network has no output --{option} {name}; it has {there}.")
    if expression is None:
        open_ones = [name for name in file.outputs if name not in (affect, embedding)]
        fitting = [name for name in open_ones if file.outputs[name] in (None, len(labels))]
        if len(fitting) != 1:
            raise AffectoscopeError(
                f"--labels names {len(labels)} labels, and the network has {there}; expected one output of {len(labels)} values: "
                "state the labels of the network, or the name of the output as --output."
            )
        expression = fitting[0]
    return OutputNames(expression, logits=False, affect=affect, embedding=embedding)


def detect_logits(
    file: NetworkFile, given: NetworkInput, names: OutputNames, faces: np.ndarray, labels: int, *, stated: str
) -> OutputNames:
    """The output names with `logits` set as stated or, for 'auto', by what the network gives for faces.

    Args:
        faces: (n, S, S, C) uint8.
        stated: 'auto', 'logits' or 'probabilities'.

    Raises:
        AffectoscopeError: an output has another number of values than expected or is not finite, or what is stated to be
            probabilities does not sum to 1.
    """
    kinds = names.by_kind
    found = dict(zip(kinds, file.run(given.convert(faces), list(kinds.values())), strict=True))
    for kind, expected in (("expression", labels), ("affect", 2)):
        if kind in found and found[kind].shape[1] != expected:
            raise AffectoscopeError(
                f"The output '{kinds[kind]}' has {found[kind].shape[1]} values per face; expected {expected}"
                f"{', one per label' if kind == 'expression' else ', valence and arousal'}."
            )
        if kind in found and not np.isfinite(found[kind]).all():
            raise AffectoscopeError(
                f"The output '{kinds[kind]}' is not finite on faces; check --scale, --mean and --std."
            )
    values = np.asarray(found["expression"], np.float64)
    sums = bool((values >= 0).all() and (np.abs(values.sum(axis=1) - 1) < SUM_TOLERANCE).all())
    if stated == "probabilities" and not sums:
        raise AffectoscopeError(
            f"The output '{names.expression}' is stated to give probabilities, but its values do not sum to 1; pass --outputs "
            "logits."
        )
    return replace(names, logits=stated == "logits" or not sums)


def noise_faces(preprocessing: PreprocessingConfig) -> np.ndarray:
    """(NOISE_FACES, S, S, C) uint8 random faces, always the same."""
    shape = (NOISE_FACES, *preprocessing.shape)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
