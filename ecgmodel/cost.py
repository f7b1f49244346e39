"""What applying a network costs: parameters, and multiply-accumulates per second of ECG.

Seconds depend on the machine; these do not. Every convolution and matrix product of the traced
graph is counted, in whatever layer it stands.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ecgmodel.errors import ModelError
from ecgmodel.signals.resampling import FS

if TYPE_CHECKING:
    import keras

# What may stand between a weight and the operation that multiplies by it.
_PASSING = ("Identity", "Reshape", "ExpandDims", "Transpose", "Squeeze", "Cast")


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

    Raises:
        ModelError: Weights are multiplied by something that is not counted.
    """
    total, used = 0, dict[str, int]()
    for operation in _operations(model, window):
        count = _COUNTS.get(operation.type)
        if count is None:
            continue
        total += count(operation)
        for tensor in operation.inputs:
            used |= _constant(tensor)
    kernels = (w.shape for w in model.trainable_weights if not w.path.endswith("bias"))
    expected = sum(math.prod(shape) for shape in kernels if len(shape) > 1)
    if sum(used.values()) < expected:
        raise ModelError(
            f"{model.name} holds {expected:,} weights in kernels, but only {sum(used.values()):,} "
            f"of them meet an operation that is counted ({', '.join(_COUNTS)}). Add the missing "
            "kind to ecgmodel/cost.py."
        )
    return total


def _operations(model: keras.Model, window: int) -> Iterator[Any]:
    """Yield the operations of a network for one window, its weights as constants."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    call = tf.function(lambda tiles: model(tiles, training=False))
    traced = call.get_concrete_function(tf.TensorSpec((1, window, 1), tf.float32))
    yield from convert_variables_to_constants_v2(traced).graph.get_operations()


def _constant(tensor: Any) -> dict[str, int]:
    """Return the name and size of the constant that a tensor is, if it is one."""
    operation = tensor.op
    while operation.type in _PASSING:
        operation = operation.inputs[0].op
    if operation.type != "Const":
        return {}
    return {operation.name: math.prod(operation.outputs[0].shape)}


def _elements(tensor: Any) -> int:
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
