"""Programs for networkx."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphflow.ir.dims import typical
from graphflow.ir.node import Program
from graphflow.ir.printer import node_names

if TYPE_CHECKING:  # loaded when a network is made
    import networkx


def program_network(program: Program) -> networkx.MultiDiGraph:
    """The Program's nodes by the names of its text, with an edge from operand to user.

    Nodes have `op`, `type` (``f32[32,10]``), `operations` (the user's), `line`, `bytes` and `cost`,
    an estimate of arithmetic operations; sizes known in the run only count with a typical value.
    Edges have `operand`, its place among the operands.
    """
    import networkx

    network = networkx.MultiDiGraph()
    names = node_names(program)
    for node, name in names.items():
        size = typical(node.type.size)
        network.add_node(
            name,
            op=node.op,
            type=str(node.type),
            operations=list(program.sources.names.get(node, ())),
            line=program.sources.lines.get(node, ""),
            bytes=size * max(node.dtype.size, 1),
            cost=float(size * node.prim.cost),
        )
    for node, name in names.items():
        for place, operand in enumerate(node.inputs):
            network.add_edge(names[operand], name, operand=place)
    return network
