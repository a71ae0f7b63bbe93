"""Small ONNX networks with a known right answer, coloured faces that they recognise, and imports of them."""

from pathlib import Path

import numpy as np
from PIL import Image

from core.import_model import ImportOptions, import_model

LABELS = ("sad", "neutral", "happy")

#: Mean of red minus blue of the coloured faces of each label, 0 to 1, and weight and bias of the networks.
REDNESS = {"sad": -0.5, "neutral": 0.0, "happy": 0.5}
WEIGHT, BIAS = 10.0, 2.5


def coloured_face(label: str, random: np.random.Generator, side: int = 20) -> np.ndarray:
    """(side, side, 3) uint8: red for happy, blue for sad, in between for neutral."""
    redness = REDNESS[label] + random.uniform(-0.06, 0.06)
    colour = 0.5 + np.array([redness / 2, 0.0, -redness / 2])
    return np.clip(255 * colour + random.normal(0, 8, (side, side, 3)), 0, 255).astype(np.uint8)


def write_coloured_faces(folder: Path, *, train: int = 8, val: int = 8, test: int = 30) -> Path:
    """A folder train|val|test/<label>/ with so many faces of each label."""
    random = np.random.default_rng(0)
    for split, faces in (("train", train), ("val", val), ("test", test)):
        for label in LABELS:
            (folder / split / label).mkdir(parents=True)
            for number in range(faces):
                Image.fromarray(coloured_face(label, random)).save(folder / split / label / f"{number}.png")
    return folder


def expected_logits(faces: np.ndarray) -> np.ndarray:
    """(n, 3) logits of the networks for (n, S, S, 3) uint8 faces, worked out without ONNX."""
    means = faces.astype(np.float64).mean(axis=(1, 2)) / 255
    redness = means[:, 0] - means[:, 2]
    return np.stack([-WEIGHT * redness, np.full(len(faces), BIAS), WEIGHT * redness], axis=1)


def write_network(
    path: Path,
    *,
    size: int | str | None = 24,
    batch: int | str | None = "batch",
    layout: str = "nchw",
    softmax: bool = False,
    extras: bool = False,
    opset: int = 17,
    change=lambda onnx, graph: None,
) -> Path:
    """Write a network of the coloured faces for RGB in 0..1: channel means, then WEIGHT x (red - blue) or BIAS.

    Args:
        size, batch: of the input; a text for a dynamic one.
        softmax: give probabilities.
        extras: give 'affect' (redness, 0) and 'embedding' (the channel means) too.
        change: function of the module onnx and the graph, called before it is written.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rows = np.array([[-WEIGHT, 0, WEIGHT], [0, 0, 0], [WEIGHT, 0, -WEIGHT]], np.float32)
    weights = [
        numpy_helper.from_array(rows, "weights"),
        numpy_helper.from_array(np.array([0, BIAS, 0], np.float32), "biases"),
        numpy_helper.from_array(np.array([[1, 0, -1], [0, 0, 0]], np.float32), "to_affect"),
    ]
    axes = [2, 3] if layout == "nchw" else [1, 2]
    nodes = [
        helper.make_node("ReduceMean", ["faces"], ["embedding"], axes=axes, keepdims=0),
        helper.make_node("Gemm", ["embedding", "weights", "biases"], ["logits"], transB=1),
    ]
    last = "logits"
    if softmax:
        nodes.append(helper.make_node("Softmax", ["logits"], ["shares"], axis=1))
        last = "shares"
    outputs = [helper.make_tensor_value_info(last, TensorProto.FLOAT, [batch, 3])]
    if extras:
        nodes.append(helper.make_node("Gemm", ["embedding", "to_affect"], ["affect"], transB=1))
        outputs += [
            helper.make_tensor_value_info("affect", TensorProto.FLOAT, [batch, 2]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [batch, 3]),
        ]
    shape = [batch, 3, size, size] if layout == "nchw" else [batch, size, size, 3]
    faces = helper.make_tensor_value_info("faces", TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "coloured", [faces], outputs, weights)
    change(onnx, graph)
    domains = {node.domain for node in graph.node if node.domain}
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def import_network(path: Path, folder: Path, **changes):
    """The run of a network of `write_network`, imported with the options that fit it."""
    options = {"name": "coloured", "labels": ",".join(LABELS), "colour": "rgb", "scale": "0..1"}
    return import_model(ImportOptions(path, **options | changes), folder=folder)
