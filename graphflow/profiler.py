"""TensorFlow's `tf.profiler`, as far as graphs are counted: parameters and arithmetic, by scope.

Runs are measured by ``graphflow profile`` and by `RunMetadata`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from graphflow.graph.collections import GraphKeys
from graphflow.graph.default import get_default_graph
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor

__all__ = ["ProfileOptionBuilder", "Profiler", "profile"]


class ProfileOptionBuilder:
    """Which numbers of a graph are counted, and where they are shown."""

    def __init__(self, options: dict[str, Any] | None = None) -> None:
        self._options = {"select": ["params"], "output": "stdout", **(options or {})}

    @staticmethod
    def trainable_variables_parameter() -> dict[str, Any]:
        """Count the elements of variables that are trained."""
        return {"select": ["params"], "output": "stdout"}

    @staticmethod
    def float_operation() -> dict[str, Any]:
        """Count floating-point operations."""
        return {"select": ["float_ops"], "output": "stdout"}

    def select(self, attributes: list[str]) -> ProfileOptionBuilder:
        """Count these: ``params``, ``float_ops``."""
        self._options["select"] = list(attributes)
        return self

    def with_empty_output(self) -> ProfileOptionBuilder:
        """Show nothing."""
        self._options["output"] = "none"
        return self

    def with_stdout_output(self) -> ProfileOptionBuilder:
        """Write a table to standard output."""
        self._options["output"] = "stdout"
        return self

    def with_file_output(self, outfile: str) -> ProfileOptionBuilder:
        """Write a table to a file."""
        self._options["output"] = f"file:outfile={outfile}"
        return self

    def build(self) -> dict[str, Any]:
        """The options."""
        return dict(self._options)


@dataclass
class GraphNode:
    """What a scope has of its own and in all."""

    name: str
    parameters: int = 0
    float_ops: int = 0
    total_parameters: int = 0
    total_float_ops: int = 0
    children: list[GraphNode] = field(default_factory=list)

    def below(self, name: str) -> GraphNode:
        """The scope inside of that name, made when it is new."""
        for child in self.children:
            if child.name == name:
                return child
        self.children.append(GraphNode(name))
        return self.children[-1]

    def lines(self, depth: int, select: list[str]) -> list[str]:
        """The table of the scope and of those inside that have something."""
        shown = []
        if "params" in select:
            shown.append(f"{self.total_parameters:,} params")
        if "float_ops" in select:
            shown.append(f"{self.total_float_ops:,} flops")
        found = [f"{'  ' * depth}{self.name} ({', '.join(shown)})"]
        for child in self.children:
            if child.total_parameters or child.total_float_ops:
                found += child.lines(depth + 1, select)
        return found


def _size(tensor: Tensor) -> int:
    return int(tensor.shape.num_elements() or 0)


def _product(op: Operation) -> int:
    rows = op.inputs[0].shape.as_list()
    inner = rows[-2 if op.attrs.get("transpose_a") or op.attrs.get("adj_x") else -1]
    return 2 * int(inner or 0) * _size(op.outputs[0])


def _convolution(op: Operation) -> int:
    filters = op.inputs[1].shape.as_list()
    return 2 * math.prod(int(d or 0) for d in filters[:-1]) * _size(op.outputs[0])


def _depthwise(op: Operation) -> int:
    window = op.inputs[1].shape.as_list()[:2]
    return 2 * math.prod(int(d or 0) for d in window) * _size(op.outputs[0])


def _pooling(op: Operation) -> int:
    return math.prod(op.attrs["ksize"]) * _size(op.outputs[0])


def _times(count: int) -> Callable[[Operation], int]:
    return lambda op: count * _size(op.outputs[0])


def _inputs(op: Operation) -> int:
    return _size(op.inputs[0])


_FLOPS: dict[str, Callable[[Operation], int]] = {
    **dict.fromkeys(("BatchMatMul", "BatchMatMulV2", "MatMul"), _product),
    **dict.fromkeys(("Conv2D", "Conv3D"), _convolution),
    "DepthwiseConv2dNative": _depthwise,
    **dict.fromkeys(("AvgPool", "MaxPool"), _pooling),
    **dict.fromkeys(
        ("Add", "AddV2", "BiasAdd", "Div", "Equal", "Greater", "Less", "Log", "Maximum", "Minimum",
         "Mul", "Neg", "Pow", "RealDiv", "Reciprocal", "Rsqrt", "Square", "SquaredDifference",
         "Sub"),
        _times(1),
    ),
    "Softmax": _times(5),
    "L2Loss": lambda op: 3 * _inputs(op),
    **dict.fromkeys(("ArgMax", "ArgMin", "Max", "Mean", "Min", "Sum"), _inputs),
    "AddN": lambda op: (len(op.inputs) - 1) * _size(op.outputs[0]),
}  # fmt: skip


def _add(root: GraphNode, name: str, parameters: int, flops: int) -> None:
    nodes = [root]
    for part in name.split("/"):
        nodes.append(nodes[-1].below(part))
    nodes[-1].parameters += parameters
    nodes[-1].float_ops += flops
    for node in nodes:
        node.total_parameters += parameters
        node.total_float_ops += flops


def profile(
    graph: Any = None, run_meta: Any = None, op_log: Any = None, cmd: str = "scope",
    options: dict[str, Any] | None = None,
) -> GraphNode:  # fmt: skip
    """The parameters and the floating-point operations of a graph, by scope.

    Parameters
    ----------
    run_meta, op_log : taken, and without effect: only what shapes say is counted.
    cmd : ``scope``, ``graph``, ``op`` or ``code``, which all give scopes.
    options : what a `ProfileOptionBuilder` gives.
    """
    if cmd not in ("scope", "graph", "op", "code"):
        raise ValueError(f"expected cmd 'scope', 'graph', 'op' or 'code', got {cmd!r}")
    graph = graph or get_default_graph()
    chosen = options or ProfileOptionBuilder.trainable_variables_parameter()
    select = list(chosen.get("select", ["params"]))
    root = GraphNode("_TFProfRoot")
    if "params" in select:
        for variable in graph.get_collection(GraphKeys.TRAINABLE_VARIABLES):
            _add(root, variable.op.name, int(variable.shape.num_elements() or 0), 0)
    if "float_ops" in select:
        for op in graph.get_operations():
            if op.type in _FLOPS:
                _add(root, op.name, 0, _FLOPS[op.type](op))
    output = str(chosen.get("output", "stdout"))
    text = "\n".join(root.lines(0, select)) + "\n"
    if output.startswith("file:outfile="):
        with open(output.partition("=")[2], "w", encoding="utf-8") as file:
            file.write(text)
    elif output == "stdout":
        sys.stdout.write(text)
    return root


class Profiler:
    """Counts a graph several times over."""

    def __init__(self, graph: Any = None, op_log: Any = None) -> None:
        self._graph = graph or get_default_graph()

    def add_step(self, step: int, run_meta: Any) -> None:
        """Take a run's description, without effect."""

    def profile_name_scope(self, options: dict[str, Any]) -> GraphNode:
        """The numbers by scope."""
        return profile(self._graph, options=options)

    profile_graph = profile_operations = profile_python = profile_name_scope
