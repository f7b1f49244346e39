"""What applying a network costs: parameters, and multiply-accumulates per second of ECG.

Seconds depend on the machine; these do not. Every convolution and matrix product of the traced
graph is counted, in whatever layer it stands.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ecgmodel.errors import ModelError
from ecgmodel.signals.resampling import FS

if TYPE_CHECKING:
    import keras

# What weights may meet without a product: sums, look-ups, choices, and moving values about.
_FREE = (
    *("AddV2", "Add", "Sub", "BiasAdd", "Maximum", "Minimum", "SelectV2", "GatherV2"),
    *("ResourceGather", "ConcatV2", "Pack", "Identity", "Shape", "NoOp"),
)
# One multiplication for each value: a scale, a slope, or a hand-made sum of products.
_ELEMENTWISE = ("Mul", "RealDiv", "DivNoNan", "Pow")
_SOURCES = ("ReadVariableOp", "Const")
_CALLS = ("PartitionedCall", "StatefulPartitionedCall")


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
        model: A network from `(n, window, 1)` to the same, under the TensorFlow backend.
        window: Samples of a tile.
        overlap: Share of a tile that the next one covers too.

    Raises:
        ModelError: Weights are multiplied by something that is not counted.

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
        ModelError: Weights meet an operation that is not counted, a loop or a branch hides how
            often it is done, or a length is not known from the window's.
    """
    import keras
    import tensorflow as tf

    if keras.backend.backend() != "tensorflow":
        raise ModelError(
            "Counting multiply-accumulates needs the TensorFlow backend. Received: "
            f"{keras.backend.backend()}. Set KERAS_BACKEND=tensorflow."
        )
    call = tf.function(lambda tiles: model(tiles, training=False))
    graph = call.get_concrete_function(tf.TensorSpec((1, window, 1), tf.float32)).graph
    variables = {tensor.name for tensor in graph.inputs[1:]}
    return _count_graph(graph, {graph.inputs[0].name}, variables, model.name)


def _count_graph(graph: Any, data: set[str], weights: set[str], model: str) -> int:
    """Count a graph's operations, and those of the functions that it calls.

    Args:
        graph: With its operations in the order in which they were made.
        data: Names of the inputs that depend on the signal.
        weights: Names of the inputs that are weights, or made of weights alone.
        model: The network's name, for errors.
    """
    total = 0
    for operation in graph.get_operations():
        names = {tensor.name for tensor in operation.inputs}
        outputs = {tensor.name for tensor in operation.outputs}
        if names & data:
            data |= outputs
            total += _count(graph, operation, data, weights, model)
        elif operation.type in _SOURCES:
            weights |= outputs if _may_be_kernel(operation.outputs[0]) else set()
        elif names & weights:
            weights |= outputs
    return total


def _may_be_kernel(tensor: Any) -> bool:
    """Return whether a weight or constant is more than a bias, a scale or a list of lengths."""
    return bool(tensor.dtype.is_floating and (tensor.shape.rank is None or tensor.shape.rank > 1))


def _count(graph: Any, operation: Any, data: set[str], weights: set[str], model: str) -> int:
    """Count one operation that the signal passes."""
    count = _COUNTS.get(operation.type)
    if count is not None:
        return count(operation)
    if operation.type in _CALLS:
        return _count_call(graph, operation, data, weights, model)
    functions = [name for name, value in operation.node_def.attr.items() if value.HasField("func")]
    met = {tensor.name for tensor in operation.inputs} & weights
    if functions or (met and operation.type not in (*_FREE, *_ELEMENTWISE)):
        what = "hides how often its parts are done" if functions else f"meets {sorted(met)}"
        raise ModelError(
            f"{model} uses {operation.type} ({operation.name}), which {what} and is not counted. "
            f"Counted are {', '.join((*_COUNTS, *_ELEMENTWISE))}: add the missing kind to "
            "ecgmodel/training/cost.py."
        )
    return _elements(operation.outputs[0]) if met and operation.type in _ELEMENTWISE else 0


def _count_call(graph: Any, operation: Any, data: set[str], weights: set[str], model: str) -> int:
    """Count the function that an operation calls, e.g. one that is compiled on its own."""
    # The function as it was traced: one made anew from its definition knows no weights' shapes.
    inner = graph._get_function(operation.get_attr("f").name).graph
    pairs = list(zip(inner.inputs, operation.inputs, strict=True))
    inside, kernels = (
        {there.name for there, here in pairs if here.name in known} for known in (data, weights)
    )
    return _count_graph(inner, inside, kernels, model)


def _elements(tensor: Any) -> int:
    if not tensor.shape.is_fully_defined():
        raise ModelError(
            f"The shape {tensor.shape} of {tensor.name} does not follow from the window's. Give "
            "the layer's lengths as numbers, or count it in ecgmodel/training/cost.py."
        )
    return math.prod(tensor.shape)


def _convolution(operation: Any) -> int:
    *width, inputs, _ = operation.inputs[1].shape
    return _elements(operation.outputs[0]) * math.prod(width) * inputs


def _depthwise(operation: Any) -> int:
    *width, _, _ = operation.inputs[1].shape
    return _elements(operation.outputs[0]) * math.prod(width)


def _transposed(operation: Any) -> int:
    *width, outputs, _ = operation.inputs[1].shape
    return _elements(operation.inputs[2]) * math.prod(width) * outputs


def _product(operation: Any) -> int:
    transposed = "transpose_a" if operation.type == "MatMul" else "adj_x"
    inner = operation.inputs[0].shape[-2 if operation.get_attr(transposed) else -1]
    return _elements(operation.outputs[0]) * inner


def _einsum(operation: Any) -> int:
    terms = operation.get_attr("equation").decode().split("->")[0].split(",")
    sizes = {
        name: size
        for term, tensor in zip(terms, operation.inputs, strict=True)
        for name, size in zip(term, tensor.shape, strict=True)
    }
    return math.prod(sizes.values())


_COUNTS: dict[str, Callable[[Any], int]] = {
    "Conv2D": _convolution,
    "DepthwiseConv2dNative": _depthwise,
    "Conv2DBackpropInput": _transposed,
    "MatMul": _product,
    "BatchMatMulV2": _product,
    "Einsum": _einsum,
}
