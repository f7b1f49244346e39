"""Export of a Keras network to ONNX, with a check that both give the same output."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ecgmodel.denoise.onnx import KEY, Facts, read_onnx
from ecgmodel.errors import ModelError
from ecgmodel.support.quiet import import_keras
from ecgmodel.training.numbering import number

if TYPE_CHECKING:
    import keras

CLOSE_MV = 1e-4
"""Largest allowed difference between the outputs of both, mV."""
MICROSOFT = "com.microsoft"  # operator set of onnxruntime


def export_onnx(network: Path, target: Path, facts: Facts) -> float:
    """Write a `.keras` file as an `.onnx` file, if both give the same output.

    Args:
        network: The `.keras` file.
        target: The file to write.
        facts: Sampling rate, window and overlap with which the network is applied.

    Returns:
        The largest difference on signals of different amplitudes, mV.

    Raises:
        MissingFileError: The network does not exist.
        ModelError: It cannot be exported, or the outputs differ by more than `CLOSE_MV`.
    """
    import_keras()
    from ecgmodel.networks import load_network

    model = load_network(network)
    tiles = _trial(facts.window)
    expected = np.asarray(model(tiles))
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        made = Path(folder) / target.name
        write_onnx(model, made, (None, facts.window, 1))
        _finish(made, facts)
        tiled, _ = read_onnx(made)
        apart = float(np.abs(tiled.apply(tiles[..., 0]) - expected[..., 0]).max())
        if not apart <= CLOSE_MV:
            raise ModelError(
                f"{network}: the ONNX export differs from the network by {apart:g} mV; at most "
                f"{CLOSE_MV:g} mV is allowed. The exporter probably does not support one of its "
                "operations."
            )
        made.replace(target)
    return apart


def write_onnx(model: keras.Model, target: Path, shape: tuple[int | None, ...]) -> None:
    """Write a network with the ONNX exporter of Keras.

    Args:
        model: The network, under a backend with an exporter: TensorFlow, or JAX with `jax2onnx`.
        target: The file to write.
        shape: Shape of the input; None for dimensions of any size.

    Raises:
        ModelError: The network cannot be exported.
    """
    import keras

    signature = [keras.InputSpec(shape=shape, dtype="float32")]
    try:
        with warnings.catch_warnings(), _whole_graph():
            # Keras uses a deprecated name of NumPy.
            warnings.simplefilter("ignore", FutureWarning)
            model.export(target, format="onnx", verbose=False, input_signature=signature)
    except Exception as error:  # raised by the exporter, the backend or Keras
        raise ModelError(f"{model.name} cannot be exported to ONNX: {error}") from error


@contextmanager
def _whole_graph() -> Iterator[None]:
    """Inline the functions that TensorFlow traces within a network.

    Keras compiles grouped convolutions as separate functions, which the exporter leaves out.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        yield
        return
    import tensorflow as tf

    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)


def _trial(window: int) -> NDArray[np.float32]:
    """Return test tiles `(n, window, 1)`: pulses with noise and wander, tiny ones, flat ones."""
    rng = np.random.default_rng(0)
    time = np.arange(window) / window
    beats = np.exp(-((((time * 12) % 1) - 0.5) ** 2) / 0.002)
    noise = rng.normal(size=(6, window)) * np.array([0, 0.05, 0.3, 1.0, 1e-3, 0])[:, None]
    scale = np.array([1.0, 1.0, 1.0, 3.0, 0.01, 0.0])[:, None]
    tiles = scale * beats + noise + np.sin(2 * np.pi * time)
    return tiles[..., None].astype(np.float32)


def _finish(path: Path, facts: Facts) -> None:
    """Fuse operations that onnxruntime does not fuse itself, and store the facts in the file."""
    import onnx

    model = onnx.load(path)
    _fuse_biases(model.graph)
    if _fuse_gelus(model.graph):
        model.opset_import.append(onnx.helper.make_opsetid(MICROSOFT, 1))
    number(model.graph)
    onnx.helper.set_model_props(model, {KEY: facts.model_dump_json()})
    path.write_bytes(model.SerializeToString(deterministic=True))


def _fuse_biases(graph: Any) -> None:
    """Make each Add of a per-channel bias after a convolution part of the convolution."""
    from onnx import numpy_helper

    constants = {tensor.name: tensor for tensor in graph.initializer}
    consumers = _consumers(graph)
    for convolution in [node for node in graph.node if node.op_type == "Conv"]:
        last, rank = convolution, 4  # the exporter makes convolutions two-dimensional
        after = consumers.get(last.output[0], [])
        if [node.op_type for node in after] == ["Squeeze"]:
            last, rank = after[0], 3
            after = consumers.get(last.output[0], [])
        if len(convolution.input) > 2 or [node.op_type for node in after] != ["Add"]:
            continue
        add = after[0]
        channels = constants[convolution.input[1]].dims[0]
        for name in (name for name in add.input if name in constants):
            shape = tuple(constants[name].dims)
            if (1,) * (rank - len(shape)) + shape == (1, channels, *(1,) * (rank - 2)):
                bias = numpy_helper.to_array(constants[name]).reshape(channels)
                graph.initializer.append(numpy_helper.from_array(bias, f"{add.name}/bias"))
                convolution.input.append(f"{add.name}/bias")
                last.output[0] = add.output[0]
                graph.node.remove(add)
                break


def _fuse_gelus(graph: Any) -> int:
    """Fuse the operations of `ecgmodel.networks._layers.gelu`, a form onnxruntime does not fuse.

    The fused operation takes a third of the time.

    Returns:
        Number of fused GELUs.
    """
    producers = {output: node for node in graph.node for output in node.output}
    consumers = _consumers(graph)
    constants = {tensor.name for tensor in graph.initializer}
    parts: list[Any] = []
    fused = [node for node in graph.node if node.op_type == "Erf"]
    for erf in fused:
        scaled = producers[erf.input[0]]  # x / sqrt 2
        [x] = [name for name in scaled.input if name not in constants]
        [added] = consumers[erf.output[0]]  # 1 + erf
        [product] = consumers[added.output[0]]
        [other] = [name for name in product.input if name != added.output[0]]
        half = producers[other]  # x / 2
        if half.op_type != "Mul" or x not in half.input:
            raise ModelError(f"{erf.name}: expected a GELU around each Erf. Received: {half}")
        parts += [erf, scaled, added, half]
        product.CopyFrom(_gelu(x, product))
    names = {node.name for node in parts}
    remaining = [node for node in graph.node if node.name not in names]
    del graph.node[:]
    graph.node.extend(remaining)
    used = {name for node in graph.node for name in node.input}
    tensors = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(tensors)
    return len(fused)


def _consumers(graph: Any) -> dict[str, list[Any]]:
    """Return the nodes that use each value as input."""
    consumers: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            consumers.setdefault(name, []).append(node)
    return consumers


def _gelu(x: str, product: Any) -> Any:
    import onnx

    return onnx.helper.make_node("Gelu", [x], list(product.output), product.name, domain=MICROSOFT)
