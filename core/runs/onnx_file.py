"""Check of an ONNX file before it is run: no other files, no foreign operators, no tensors that fill the memory.

Nothing of the file is executed here, and external data is never read.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from types import ModuleType

from core.errors import AffectoscopeError

#: Largest file in bytes, and elements of the largest tensor that a graph may make for one face (1 GiB of float32).
LARGEST_FILE, LARGEST_TENSOR = 2**30, 2**28

#: Domains of ONNX's own operators.
STANDARD_DOMAINS = ("", "ai.onnx", "ai.onnx.ml")

#: NumPy names of the types that a network's input may have, by ONNX's number.
INPUT_TYPES = {1: "float32", 2: "uint8", 10: "float16", 11: "float64"}

#: How to get the packages.
INSTALL = "pip install -r requirements-onnx.txt"

Dims = tuple[int | None, ...] | None


@dataclass(frozen=True)
class OnnxFile:
    """What an ONNX file declares.

    Attributes:
        content: bytes of the file.
        input: name of the only input.
        dims: its 4 dimensions, None where dynamic.
        dtype: NumPy name of its type.
        outputs: name -> dimensions; None where the file does not declare them.
        parameters: number of elements of all weights.
    """

    content: bytes
    input: str
    dims: tuple[int | None, ...]
    dtype: str
    outputs: dict[str, Dims]
    parameters: int


def import_onnx_packages() -> tuple[ModuleType, ModuleType]:
    """The packages onnx and onnxruntime.

    Raises:
        AffectoscopeError: one of them is not installed.
    """
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise AffectoscopeError(
            f"Networks in ONNX format need the packages onnx and onnxruntime, which are not installed; run {INSTALL}."
        ) from error
    return onnx, onnxruntime


def read_onnx_file(path: Path) -> OnnxFile:
    """Read and check an ONNX file.

    Raises:
        AffectoscopeError: a package is missing, the file is not ONNX or too large, refers to external data or operators
            outside of ONNX, has a tensor that is too large, or has not one input of four dimensions.
    """
    onnx, _ = import_onnx_packages()
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise AffectoscopeError(
                f"{path.name} has {path.stat().st_size / 2**20:,.0f} MiB; ONNX files up to {LARGEST_FILE // 2**20:,} MiB are "
                "read."
            )
        content = path.read_bytes()
    except OSError as error:
        raise AffectoscopeError(f"{path} cannot be read ({error.strerror or error}).") from error
    try:
        model = onnx.ModelProto.FromString(content)
    except Exception as error:  # protobuf's errors are of several kinds
        raise AffectoscopeError(
            f"{path.name} is not an ONNX file; expected one that onnx.save wrote."
        ) from error
    if not model.ir_version or not model.graph.node or not model.graph.output:
        raise AffectoscopeError(f"{path.name} is not an ONNX file: it has no graph with nodes and outputs.")
    _check_graph(onnx, model, path.name, len(content))
    _check_sizes(onnx, model, path.name)
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    shapes = [_dims(value) for value in inputs]
    if len(inputs) != 1 or shapes[0] is None or len(shapes[0]) != 4:
        found = ", ".join(f"{value.name} {shape}" for value, shape in zip(inputs, shapes, strict=True))
        raise AffectoscopeError(
            f"{path.name} has the inputs {found or 'none'}; expected one input of four dimensions, a batch of faces."
        )
    kind = inputs[0].type.tensor_type.elem_type
    if kind not in INPUT_TYPES:
        raise AffectoscopeError(
            f"The input of {path.name} is of ONNX's type {kind}; expected one of {', '.join(INPUT_TYPES.values())}."
        )
    parameters = sum(prod(tensor.dims) for tensor in model.graph.initializer)
    outputs = {value.name: _dims(value) for value in model.graph.output}
    return OnnxFile(content, inputs[0].name, shapes[0], INPUT_TYPES[kind], outputs, parameters)


def _check_graph(onnx: ModuleType, model, name: str, size: int) -> None:
    """Refuse external data, foreign operators and weights larger than the file, in all graphs and functions."""
    domains = {*STANDARD_DOMAINS, *(function.domain for function in model.functions)}
    nodes = [*_nodes(model.graph), *(each for part in model.functions for each in _nodes(part))]
    foreign = sorted({f"{node.domain}.{node.op_type}" for node in nodes if node.domain not in domains})
    if foreign:
        raise AffectoscopeError(
            f"{name} uses operators outside of ONNX ({', '.join(foreign[:3])}), which would need a library of their own; "
            "export the network with standard operators."
        )
    tensors = [*_tensors(model.graph, nodes)]
    if any(tensor.external_data or tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in tensors):
        raise AffectoscopeError(
            f"{name} keeps weights in other files (external data), which are not read; save it as one file with "
            "onnx.save(onnx.load(FILE), OUT, save_as_external_data=False)."
        )
    # The smallest types take half a byte.
    if any(min(tensor.dims, default=0) < 0 or prod(tensor.dims) > 2 * size for tensor in tensors):
        raise AffectoscopeError(f"{name} is damaged: it declares a weight that is larger than the file.")


def _check_sizes(onnx: ModuleType, model, name: str) -> None:
    """Refuse a graph that declares, or is known to compute, a huge tensor for one face; unknown dimensions count as 1."""
    try:
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except Exception:  # of several kinds; onnxruntime says what is wrong with the graph
        inferred = model
    values = [*inferred.graph.value_info, *inferred.graph.input, *inferred.graph.output]
    for value in values:
        dims = _dims(value) or ()
        if prod(length or 1 for length in dims) > LARGEST_TENSOR:
            raise AffectoscopeError(
                f"{name} makes a tensor of {' x '.join(str(length or '?') for length in dims)} ('{value.name}'); at most "
                f"{LARGEST_TENSOR:,} elements are computed."
            )


def _nodes(graph) -> Iterator:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for part in (attribute.g, *attribute.graphs):
                yield from _nodes(part)


def _tensors(graph, nodes: list) -> Iterator:
    """All constant tensors: weights of the graph and of the graphs in its nodes, and the nodes' attributes."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in nodes:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)
            for part in (attribute.g, *attribute.graphs):
                yield from part.initializer
                for sparse in part.sparse_initializer:
                    yield from (sparse.values, sparse.indices)


def _dims(value) -> Dims:
    """Dimensions of a value, None where dynamic; None for a value whose shape is not declared."""
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        return None
    return tuple(
        dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else None for dim in tensor.shape.dim
    )
