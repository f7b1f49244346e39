"""A Keras network written as ONNX, and compared with itself."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgmodel.denoise.onnx import KEY, Facts, read_onnx
from ecgmodel.errors import ModelError
from ecgmodel.support.quiet import import_keras

CLOSE_MV = 1e-4
"""How far both may be apart, mV."""
MICROSOFT = "com.microsoft"  # onnxruntime's own operations


def export_onnx(network: Path, target: Path, facts: Facts) -> float:
    """Write a `.keras` file as an `.onnx` file, if both give the same.

    Args:
        network: The `.keras` file.
        target: The file to write.
        facts: How it is applied.

    Returns:
        The largest difference on signals of all sizes, mV.

    Raises:
        MissingFileError: There is no such network.
        ModelError: It cannot be exported, or does not give the same.
    """
    import_keras()
    import keras

    from ecgmodel.networks import load_network

    model = load_network(network)
    tiles = _trial(facts.window)
    expected = np.asarray(model(tiles))
    signature = [keras.InputSpec(shape=(None, facts.window, 1), dtype="float32")]
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        made = Path(folder) / target.name
        try:
            with warnings.catch_warnings():  # Keras asks NumPy for a name that will change
                warnings.simplefilter("ignore", FutureWarning)
                model.export(made, format="onnx", verbose=False, input_signature=signature)
        except Exception as error:  # of tf2onnx, TensorFlow or Keras
            raise ModelError(f"{network} cannot be exported to ONNX: {error}") from error
        _finish(made, facts)
        tiled, _ = read_onnx(made)
        apart = float(np.abs(tiled.apply(tiles[..., 0]) - expected[..., 0]).max())
        if not apart <= CLOSE_MV:
            raise ModelError(
                f"{network} gives other results as ONNX: {apart:g} mV apart, expected at most "
                f"{CLOSE_MV:g}. Is an operation of it unknown to the exporter?"
            )
        made.replace(target)
    return apart


def _trial(window: int) -> NDArray[np.float32]:
    """Return tiles `(n, window, 1)`: pulses in noise, drifting, tiny, flat."""
    rng = np.random.default_rng(0)
    time = np.arange(window) / window
    beats = np.exp(-((((time * 12) % 1) - 0.5) ** 2) / 0.002)
    noise = rng.normal(size=(6, window)) * np.array([0, 0.05, 0.3, 1.0, 1e-3, 0])[:, None]
    scale = np.array([1.0, 1.0, 1.0, 3.0, 0.01, 0.0])[:, None]
    tiles = scale * beats + noise + np.sin(2 * np.pi * time)
    return tiles[..., None].astype(np.float32)


def _finish(path: Path, facts: Facts) -> None:
    """Join what onnxruntime does not join by itself, and write down how the file is applied."""
    import onnx

    model = onnx.load(path)
    _join_biases(model.graph)
    if _join_gelus(model.graph):
        model.opset_import.append(onnx.helper.make_opsetid(MICROSOFT, 1))
    onnx.helper.set_model_props(model, {KEY: facts.model_dump_json()})
    onnx.save(model, path)


def _join_biases(graph: Any) -> None:
    """Make what is added to each channel of a convolution's output part of the convolution."""
    from onnx import numpy_helper

    constants = {tensor.name: tensor for tensor in graph.initializer}
    takers = _takers(graph)
    for convolution in [node for node in graph.node if node.op_type == "Conv"]:
        last, rank = convolution, 4  # the exporter makes convolutions two-dimensional
        after = takers.get(last.output[0], [])
        if [node.op_type for node in after] == ["Squeeze"]:
            last, rank = after[0], 3
            after = takers.get(last.output[0], [])
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


def _join_gelus(graph: Any) -> int:
    """Join what `ecgmodel.networks._layers.gelu` became; onnxruntime knows other forms alone.

    Together it takes a third of the time.

    Returns:
        How many were joined.
    """
    made = {output: node for node in graph.node for output in node.output}
    takers = _takers(graph)
    constants = {tensor.name for tensor in graph.initializer}
    parts: list[Any] = []
    joined = [node for node in graph.node if node.op_type == "Erf"]
    for erf in joined:
        scaled = made[erf.input[0]]  # x / sqrt 2
        [x] = [name for name in scaled.input if name not in constants]
        [added] = takers[erf.output[0]]  # 1 + erf
        [product] = takers[added.output[0]]
        [other] = [name for name in product.input if name != added.output[0]]
        half = made[other]  # x / 2
        if half.op_type != "Mul" or x not in half.input:
            raise ModelError(f"{erf.name}: expected a GELU around each Erf. Received: {half}")
        parts += [erf, scaled, added, half]
        product.CopyFrom(_gelu(x, product))
    names = {node.name for node in parts}
    kept = [node for node in graph.node if node.name not in names]
    del graph.node[:]
    graph.node.extend(kept)
    used = {name for node in graph.node for name in node.input}
    tensors = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(tensors)
    return len(joined)


def _takers(graph: Any) -> dict[str, list[Any]]:
    """Return the nodes that take each value."""
    takers: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            takers.setdefault(name, []).append(node)
    return takers


def _gelu(x: str, product: Any) -> Any:
    import onnx

    return onnx.helper.make_node("Gelu", [x], list(product.output), product.name, domain=MICROSOFT)
