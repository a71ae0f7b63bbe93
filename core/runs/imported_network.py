"""Networks of any origin: what code that runs a network needs of it, and what run.json keeps of an imported one."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np

from core.data.network_input import NetworkInput
from core.errors import AffectoscopeError


class Network(Protocol):
    """A network as the code that runs it sees it; a `keras.Model` of core.train is one.

    Attributes:
        input_shape: (None, size, size, channels) of uint8 faces.
        layers: named layers of a Keras network, empty for any other.
    """

    input_shape: Any
    layers: Sequence

    def predict_on_batch(self, faces: np.ndarray) -> Mapping[str, np.ndarray]:
        """Outputs for (n, size, size, channels) uint8 faces: "expression", (n, labels) probabilities, and where the network
        has them "affect", (n, 2), and "embedding", (n, d)."""

    def __call__(self, faces, training: bool = False) -> Mapping[str, Any]:
        """`predict_on_batch`, of the arrays of the Keras backend."""


@dataclass(frozen=True)
class OutputNames:
    """Outputs of an imported network by their name in its file.

    Attributes:
        expression: logits or probabilities of the labels.
        logits: apply the softmax to `expression`.
        affect: valence and arousal, -1 to 1; None without.
        embedding: vector of the face; None without.
    """

    expression: str
    logits: bool
    affect: str | None = None
    embedding: str | None = None

    @property
    def by_kind(self) -> dict[str, str]:
        """'expression', 'affect' and 'embedding' -> name, of those that there are."""
        named = {"expression": self.expression, "affect": self.affect, "embedding": self.embedding}
        return {kind: name for kind, name in named.items() if name is not None}


@dataclass(frozen=True)
class ImportedNetwork:
    """Origin of an imported network; the entry "imported" of run.json.

    Attributes:
        model: name of the network's file in the run: model.onnx or model.keras.
        file: name of the imported file.
        sha256: of the imported file.
        command: command line of the import.
        scored: the run has scores, of faces that were named at the import.
        input: conversion of faces to the network's input.
        outputs: see OutputNames.
        caution: sentence where another preprocessing was far more accurate; '' otherwise.
        check: accuracy of each preprocessing that was tried: {"faces": n, "accuracy": {sentence: 0 to 1}}.
    """

    model: str
    file: str
    sha256: str
    command: str
    scored: bool
    input: NetworkInput
    outputs: OutputNames
    caution: str = ""
    check: dict | None = None

    def as_dict(self) -> dict:
        return asdict(self) | {"input": self.input.as_dict()}


def parse_imported(document: object, run: str) -> ImportedNetwork:
    """The entry "imported" of run.json.

    Raises:
        AffectoscopeError: it is damaged.
    """
    try:
        values = dict(document)  # type: ignore[call-overload]
        values["input"] = NetworkInput(**values["input"])
        values["outputs"] = OutputNames(**values["outputs"])
        return ImportedNetwork(**values)
    except (KeyError, TypeError, ValueError, AffectoscopeError) as error:
        raise AffectoscopeError(
            f"The entry 'imported' in run.json of '{run}' is damaged ({error}); import the network again."
        ) from error


def softmax(values: np.ndarray) -> np.ndarray:
    """(n, c) float32 probabilities of (n, c) logits."""
    powers = np.exp(values - values.max(axis=1, keepdims=True), dtype=np.float32)
    return powers / powers.sum(axis=1, keepdims=True)


def check_rows(outputs: Mapping[str, np.ndarray], faces: int) -> None:
    """Check that every output is one row of numbers per face.

    Raises:
        AffectoscopeError: one is not.
    """
    for name, values in outputs.items():
        if values.ndim != 2 or len(values) != faces:
            raise AffectoscopeError(
                f"The output '{name}' has shape {values.shape} for {faces} faces; expected one row of numbers per face."
            )
