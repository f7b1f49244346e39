"""Names of an ONNX graph by what it computes: the same network gives the same file.

The exporter takes names from counters of the process and from the order of Python sets.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

INPUT, OUTPUT = "input", "output"
ANY = "windows"
"""The dimension of any size."""


def number(graph: Any) -> None:
    """Order nodes and constants by their use, and number them, in place.

    Args:
        graph: An `onnx.GraphProto` with one input and one output.
    """
    nodes, constants = _in_order(graph)
    names = {graph.input[0].name: INPUT}
    names |= {tensor.name: f"constant_{i}" for i, tensor in enumerate(constants)}
    for i, node in enumerate(nodes):
        node.name = f"{node.op_type}_{i}"
        for k, name in enumerate(filter(None, node.output)):
            names[name] = f"value_{i}_{k}"
    names[graph.output[0].name] = OUTPUT
    graph.name, graph.doc_string = "network", ""
    for ours, found in ((graph.node, nodes), (graph.initializer, constants)):
        copies = [type(one).FromString(one.SerializeToString()) for one in found]
        del ours[:]
        ours.extend(copies)
    for value in (graph.input[0], graph.output[0]):
        for dimension in value.type.tensor_type.shape.dim:
            if dimension.dim_param:
                dimension.dim_param = ANY
    del graph.value_info[:]  # shapes between the nodes, which onnxruntime infers
    _rename(graph, names)


def _in_order(graph: Any) -> tuple[list[Any], list[Any]]:
    """Return nodes and constants, each before it is first needed; unused ones are left out."""
    producers = {name: node for node in graph.node for name in node.output}
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    nodes: list[Any] = []
    constants: list[Any] = []
    seen: set[str] = set()
    waiting = [(graph.output[0].name, False)]
    while waiting:
        name, is_ready = waiting.pop()
        if is_ready:
            nodes.append(producers[name])
        elif name in producers and producers[name].output[0] not in seen:
            node = producers[name]
            seen.add(node.output[0])
            waiting.append((name, True))
            waiting += [(one, False) for one in reversed(list(_needed(node)))]
        elif name in tensors:
            constants.append(tensors.pop(name))
    return nodes, constants


def _needed(node: Any) -> Iterator[str]:
    """Yield the names of the values that a node uses, also within its branches and loops."""
    yield from node.input
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            for inner in graph.node:
                yield from _needed(inner)
            yield from (output.name for output in graph.output)


def _rename(graph: Any, names: dict[str, str]) -> None:
    for one in (*graph.input, *graph.output, *graph.initializer):
        one.name = names.get(one.name, one.name)
    for node in graph.node:
        for ours in (node.input, node.output):
            renamed = [names.get(name, name) for name in ours]
            del ours[:]
            ours.extend(renamed)
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                _rename(inner, names)
