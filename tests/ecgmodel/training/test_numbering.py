"""The same network gives the same ONNX file, whatever the process made before."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from ecgmodel.denoise.onnx import Facts
from ecgmodel.networks import build_network, save_network
from ecgmodel.support.quiet import import_keras
from ecgmodel.training.exporting import export_onnx
from ecgmodel.training.numbering import number


def exported() -> str:
    """Return the hash of an exported network."""
    import_keras()
    import keras

    keras.utils.set_random_seed(1)
    network = build_network("conv_autoencoder", {"filters": (8, 4)})
    with TemporaryDirectory() as name:
        folder = Path(name)
        save_network(network, folder / "m.keras")
        facts = Facts(name="n", fs=360, window=64, overlap=0.5)
        export_onnx(folder / "m.keras", folder / "m.onnx", facts)
        return hashlib.sha256((folder / "m.onnx").read_bytes()).hexdigest()


def test_two_processes_export_a_network_to_the_same_file() -> None:
    build_network("conv_autoencoder", {"filters": (4,)})  # so that counters differ
    code = f"from {__name__} import exported; print(exported())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == exported()


def branching(names: list[str]) -> onnx.ModelProto:
    """Return relu(x) + 2 if its sum is positive, else x + 2, with nodes and constants named so."""
    two, relu, total, zero, is_positive, chosen, unused = names
    then = helper.make_graph(
        [helper.make_node("Add", [relu, two], ["out_then"])],
        "then",
        [],
        [helper.make_tensor_value_info("out_then", TensorProto.FLOAT, None)],
    )
    other = helper.make_graph(
        [helper.make_node("Add", ["x", two], ["out_else"])],
        "else",
        [],
        [helper.make_tensor_value_info("out_else", TensorProto.FLOAT, None)],
    )
    nodes = [
        helper.make_node("Relu", ["x"], [relu], name=relu),
        helper.make_node("ReduceSum", [relu], [total], keepdims=0, name=total),
        helper.make_node("Greater", [total, zero], [is_positive], name=is_positive),
        helper.make_node("If", [is_positive], ["y"], chosen, then_branch=then, else_branch=other),
    ]
    constants = [
        numpy_helper.from_array(np.float32(value), name)
        for name, value in sorted([(two, 2.0), (zero, 0.0), (unused, 7.0)])
    ]
    shape = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "g", shape[:1], shape[1:], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def test_names_within_branches_follow_and_results_stay() -> None:
    models = [branching(list("abcdefg")), branching(list("zqpwvts"))]
    signal = np.array([-1.0, 3.0], np.float32)
    before = onnxruntime.InferenceSession(models[0].SerializeToString()).run(None, {"x": signal})
    for model in models:
        number(model.graph)
        onnx.checker.check_model(model)
    assert models[0].SerializeToString(deterministic=True) == models[1].SerializeToString(
        deterministic=True
    )
    after = onnxruntime.InferenceSession(models[1].SerializeToString()).run(None, {"input": signal})
    np.testing.assert_array_equal(before[0], after[0])
    assert len(models[0].graph.initializer) == 2  # the unused one is left out
