"""Graphs for networkx, whose algorithms then apply: paths, cuts, reachability."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from graphflow.graph.operation import Operation

if TYPE_CHECKING:  # loaded when a network is made
    import networkx


def graph_network(operations: Iterable[Operation]) -> networkx.MultiDiGraph:
    """The operations as nodes by name, and their tensors as edges.

    Nodes have `type`, `scope`, `device`, `line` (the user's, or ""), `outputs` (texts such as
    ``float32[?,10]``) and `gradient` (whether the name says that `gradients` made it). Edges have
    `tensor`, `dtype`, `shape` and `control`: an edge of a control dependency has no tensor.
    """
    import networkx

    network = networkx.MultiDiGraph()
    operations = list(operations)
    for op in operations:
        network.add_node(
            op.name,
            type=op.type,
            scope=op.name.rpartition("/")[0],
            device=op.device,
            line=op.location.place if op.location is not None else "",
            outputs=[f"{t.dtype.name}{shape_text(t)}" for t in op.outputs],
            gradient=is_gradient(op.name),
        )
    for op in operations:
        for tensor in op.inputs:
            _edge(network, tensor.op, op, tensor)
        for other in op.control_inputs:
            _edge(network, other, op, None)
    return network


def _edge(network: Any, source: Operation, target: Operation, tensor: Any) -> None:
    if source.name not in network:
        return  # of an operation that was not asked for
    network.add_edge(
        source.name,
        target.name,
        tensor="" if tensor is None else tensor.name,
        dtype="" if tensor is None else tensor.dtype.name,
        shape="" if tensor is None else shape_text(tensor),
        control=tensor is None,
    )


def is_gradient(name: str) -> bool:
    """Whether an operation's name says that `gradients` or an optimizer made it."""
    return any(
        part.startswith("gradients") or part.startswith("update_") for part in name.split("/")
    )


def shape_text(tensor: Any) -> str:
    """A static shape such as ``[?,10]``; ``[...]`` where not even the rank is known."""
    if tensor.shape.rank is None:
        return "[...]"
    return "[" + ",".join("?" if d is None else str(d) for d in tensor.shape.as_list()) + "]"
