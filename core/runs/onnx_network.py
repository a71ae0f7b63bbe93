"""A network in ONNX format, run by onnxruntime on the CPU."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.data.network_input import NetworkInput
from core.errors import AffectoscopeError
from core.runs.imported_network import OutputNames, check_rows, softmax
from core.runs.onnx_file import OnnxFile, import_onnx_packages, read_onnx_file

#: Faces per call of a network with a dynamic batch dimension: more take memory and are no faster.
BATCH = 32


class OnnxSession:
    """An ONNX file opened by onnxruntime."""

    def __init__(self, file: OnnxFile, name: str) -> None:
        self._input, self._batch = file.input, file.dims[0]
        self._session = _open(file, name)

    def run(self, x: np.ndarray, names: Sequence[str]) -> list[np.ndarray]:
        """Outputs for converted faces, one row per face; a fixed batch is filled up with copies of the last face.

        Raises:
            AffectoscopeError: the network fails, or an output is not one row of numbers per face.
        """
        step = self._batch or max(len(x), 1)
        parts = []
        try:
            for start in range(0, len(x), step):
                rows = x[start : start + step]
                if len(rows) < step:
                    rows = np.concatenate([rows, np.repeat(rows[-1:], step - len(rows), axis=0)])
                parts.append(self._session.run(list(names), {self._input: rows}))
        except Exception as error:  # onnxruntime's errors derive from Exception alone
            raise AffectoscopeError(f"onnxruntime cannot run the network ({_first_line(error)}).") from error
        found = [np.concatenate(values)[: len(x)] for values in zip(*parts, strict=True)]
        check_rows(dict(zip(names, found, strict=True)), len(x))
        return found


class OnnxNetwork:
    """A network from uint8 faces to the outputs of `core.runs.imported_network.Network`.

    Attributes:
        input_shape: (None, size, size, channels) of the faces, which are grey where the network repeats grey.
        layers: empty.
        embedding_size: length of the embedding; None without one.
    """

    layers: Sequence = ()

    def __init__(self, session: OnnxSession, size: int, given: NetworkInput, outputs: OutputNames) -> None:
        self.input_shape = (None, size, size, 1 if given.colour == "grey" else 3)
        self._session, self._given, self._outputs = session, given, outputs
        found = self._run(np.zeros((1, *self.input_shape[1:]), np.uint8)).get("embedding")
        self.embedding_size = None if found is None else found.shape[1]

    def predict_on_batch(self, faces: np.ndarray) -> dict[str, np.ndarray]:
        """Outputs for (n, size, size, channels) uint8 faces, n at least 1, float32.

        Raises:
            AffectoscopeError: the network fails on them.
        """
        faces = np.asarray(faces)
        parts = [self._run(faces[start : start + BATCH]) for start in range(0, len(faces), BATCH)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def __call__(self, faces, training: bool = False) -> dict[str, np.ndarray]:
        return self.predict_on_batch(faces)

    def _run(self, faces: np.ndarray) -> dict[str, np.ndarray]:
        kinds = self._outputs.by_kind
        values = self._session.run(self._given.convert(faces), list(kinds.values()))
        found = {kind: np.asarray(each, np.float32) for kind, each in zip(kinds, values, strict=True)}
        if self._outputs.logits:
            found["expression"] = softmax(found["expression"])
        return found


def load_onnx_network(path: Path, size: int, given: NetworkInput, outputs: OutputNames) -> OnnxNetwork:
    """Check and load an ONNX file.

    Raises:
        AffectoscopeError: a package is missing, or the file is refused by `read_onnx_file` or onnxruntime.
    """
    return OnnxNetwork(OnnxSession(read_onnx_file(path), path.name), size, given, outputs)


def _open(file: OnnxFile, name: str):
    _, onnxruntime = import_onnx_packages()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors, which are raised as well
    try:
        # From its bytes, so that no path leads from it to other files.
        return onnxruntime.InferenceSession(file.content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors derive from Exception alone
        reason = str(error)
        if "opset" in reason.lower() or "IR version" in reason:
            raise AffectoscopeError(
                f"{name} was written for a later version of ONNX than onnxruntime {onnxruntime.__version__} runs; export it "
                "with a lower opset, or update onnxruntime."
            ) from error
        raise AffectoscopeError(f"onnxruntime cannot load {name} ({_first_line(error)}).") from error


def _first_line(error: Exception) -> str:
    """First line of an error, without its code, at most 200 characters."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].removeprefix("[ONNXRuntimeError] : ")[:200]
