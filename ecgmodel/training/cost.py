"""What applying a network costs: parameters, and multiply-accumulates per second of ECG.

Seconds depend on the machine; these do not. Every convolution and matrix product of the network's
ONNX graph is counted, in whatever layer it stands and whichever backend Keras runs on.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ecgmodel.errors import ModelError
from ecgmodel.signals.standard import FS
from ecgmodel.support.telemetry import switch_off as switch_off_telemetry
from ecgmodel.training.exporting import write_onnx

if TYPE_CHECKING:
    import keras

Shape = tuple[int, ...]
# What weights may meet without a product: sums, look-ups, choices, and moving values about.
_FREE = frozenset(
    {
        *("Add", "Sub", "Sum", "Max", "Min", "Where", "Gather", "GatherND"),
        *("Concat", "Expand", "Identity", "Reshape", "Shape"),
    }
)
# One multiplication for each value: a scale, a slope, or a hand-made sum of products.
_ELEMENTWISE = frozenset({"Mul", "Div", "Pow", "PRelu"})


@dataclass(frozen=True)
class Cost:
    """What applying a network costs.

    Attributes:
        parameters: Weights of the network.
        macs_per_second: Multiply-accumulates per second of one lead at 360 Hz, with the samples
            that overlapping tiles work on twice.
    """

    parameters: int
    macs_per_second: float


def network_cost(model: keras.Model, window: int, overlap: float) -> Cost:
    """Return what cleaning a second of one lead costs.

    Args:
        model: A network from `(n, window, 1)` to the same.
        window: Samples of a tile.
        overlap: Share of a tile that the next one covers too.

    Raises:
        ModelError: It cannot be exported to ONNX, or weights are multiplied by something that is
            not counted.

    Example:
        >>> network_cost(build_network("conv_autoencoder"), 1024, 0.5).parameters
        4337
    """
    hop = max(1, round(window * (1 - overlap)))
    return Cost(model.count_params(), count_macs(model, window) * FS / hop)


def count_macs(model: keras.Model, window: int) -> int:
    """Return the multiply-accumulates that a network does for one window.

    Counted are convolutions, matrix products, and the products of values with weights that have
    more than one axis; not biases, and not the scales of normalisations.

    Raises:
        ModelError: It cannot be exported to ONNX, weights meet an operation that is not counted,
            or a loop or a branch hides how often it is done.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        write_onnx(model, path, (1, window, 1))
        return _count_graph(path, np.zeros((1, window, 1), np.float32), model.name)


def _count_graph(path: Path, tiles: NDArray[np.float32], model: str) -> int:
    """Count the operations of an ONNX file that the signal passes.

    Args:
        path: The file.
        tiles: What it takes, `(1, window, 1)`.
        model: The network's name, for errors.
    """
    import onnx
    from onnx import inliner

    written = inliner.inline_local_functions(onnx.load(path))
    graph = written.graph
    sizes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    kernels = {name for name, shape in sizes.items() if _is_kernel(shape)}
    data = {graph.input[0].name}
    passed = []
    for node in graph.node:
        names = set(node.input)
        if names & data or _has_parts(node):
            data |= set(node.output)
            _check(node, names & kernels, model)
            passed.append(node)
        elif names & kernels or (node.op_type == "Constant" and _is_kernel(_constant(node))):
            kernels |= set(node.output)
    shapes = sizes | _shapes(written, tiles, model)
    return sum(_macs(node, kernels, shapes) for node in passed)


def _is_kernel(shape: Shape) -> bool:
    """Return whether a weight is more than a bias, a scale or a list of lengths."""
    return sum(length > 1 for length in shape) > 1


def _constant(node: Any) -> Shape:
    [value] = node.attribute
    return tuple(value.t.dims)


def _has_parts(node: Any) -> bool:
    """Return whether an operation is a loop or a branch, which take values without naming them."""
    return any(attribute.HasField("g") for attribute in node.attribute)


def _check(node: Any, met: set[str], model: str) -> None:
    """Refuse an operation that is not counted, although weights are multiplied in it."""
    known = node.op_type in _COUNTS or node.op_type in _FREE | _ELEMENTWISE
    if _has_parts(node) or (met and not known):
        what = "hides how often its parts are done" if _has_parts(node) else f"meets {sorted(met)}"
        raise ModelError(
            f"{model} uses {node.op_type} ({node.name}), which {what} and is not counted. "
            f"Counted are {', '.join((*_COUNTS, *sorted(_ELEMENTWISE)))}: add the missing kind to "
            "ecgmodel/training/cost.py."
        )


def _shapes(written: Any, tiles: NDArray[np.float32], model: str) -> dict[str, Shape]:
    """Return the shape of each value, as it is when the network cleans.

    onnx's own inference does not follow the lengths that exporters compute inside the graph.
    """
    switch_off_telemetry()
    import onnx
    import onnxruntime

    named = {output.name for output in written.graph.output}
    inside = [name for node in written.graph.node for name in node.output if name]
    written.graph.output.extend(
        onnx.ValueInfoProto(name=name) for name in inside if name not in named
    )
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3  # errors alone
    try:
        session = onnxruntime.InferenceSession(written.SerializeToString(), options)
        given = session.get_inputs()[0].name
        values = session.run(inside, {given: tiles})
    except Exception as error:  # of onnxruntime, which has no class of its own for them
        raise ModelError(f"{model} cannot be counted: onnxruntime says {error}") from error
    return {given: tiles.shape} | {
        name: np.shape(value) for name, value in zip(inside, values, strict=True)
    }


def _macs(node: Any, kernels: set[str], shapes: Mapping[str, Shape]) -> int:
    count = _COUNTS.get(node.op_type)
    if count is not None:
        return count(node, shapes)
    if node.op_type in _ELEMENTWISE and kernels & set(node.input):
        return math.prod(shapes[node.output[0]])
    return 0


def _convolution(node: Any, shapes: Mapping[str, Shape]) -> int:
    _, *kernel = shapes[node.input[1]]  # outputs, inputs of a group, widths
    return math.prod(shapes[node.output[0]]) * math.prod(kernel)


def _transposed(node: Any, shapes: Mapping[str, Shape]) -> int:
    _, *kernel = shapes[node.input[1]]  # inputs, outputs of a group, widths
    return math.prod(shapes[node.input[0]]) * math.prod(kernel)


def _product(node: Any, shapes: Mapping[str, Shape]) -> int:
    turned = any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
    return math.prod(shapes[node.output[0]]) * shapes[node.input[0]][0 if turned else -1]


def _einsum(node: Any, shapes: Mapping[str, Shape]) -> int:
    [equation] = node.attribute
    terms = equation.s.decode().replace(" ", "").split("->")[0].split(",")
    sizes = {
        name: size
        for term, value in zip(terms, node.input, strict=True)
        for name, size in zip(term, shapes[value], strict=True)
    }
    return math.prod(sizes.values())


_COUNTS: dict[str, Callable[[Any, Mapping[str, Shape]], int]] = {
    "Conv": _convolution,
    "ConvTranspose": _transposed,
    "MatMul": _product,
    "Gemm": _product,
    "Einsum": _einsum,
}
