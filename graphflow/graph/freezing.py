"""GraphDefs cut down to what an answer needs: sub-graphs, variables turned to constants."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from graphflow.graph.dtypes import as_dtype
from graphflow.graph.graph import Graph
from graphflow.graph.graph_def import graph_to_proto, tensor_proto
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import TensorShape
from graphflow.protos import message

_VARIABLES = ("Variable", "VariableV2", "VarHandleOp")
_WRITERS_AND_VARIABLES = {
    "Assign", "AssignAdd", "AssignSub", "Queue", "ScatterAdd", "ScatterSub", "ScatterUpdate",
    "TruncatedNormal", "Variable", "VariableV2",
}  # fmt: skip
_READS = ("ReadVariableOp", "ResourceGather")
# By op type: the attribute that decides, and the types that have no kernel on a GPU.
_CPU_TYPES = {
    "Const": ("dtype", ("string", "int32")), "DynamicStitch": ("T", ("int32",)),
    "ParallelDynamicStitch": ("T", ("int32",)), "Cast": ("SrcT", ("int32",)),
}  # fmt: skip
# What hands a variable's handle on, in graphs with control flow.
_PASSES = ("Switch", "Enter", "Exit", "Identity", "Merge", "NextIteration")


def node_name(text: str) -> str:
    """The node that an input of a NodeDef comes from."""
    return text[1:] if text.startswith("^") else text.partition(":")[0]


def sources(node: Any) -> list[str]:
    """The nodes that a node reads, waits for, or is placed with."""
    found = [node_name(text) for text in node.input]
    if "_class" in node.attr:
        groups = [data.decode() for data in node.attr["_class"].list.s]
        found += [group[5:] for group in groups if group.startswith("loc:@")]
    return found


def graph_summary(graph_def: Any) -> tuple[dict[str, list[str]], dict[str, Any], dict[str, int]]:
    """By node: the names of what it reads, the node itself, its place in the list."""
    nodes = {node.name: node for node in graph_def.node}
    inputs = {name: sources(node) for name, node in nodes.items()}
    return inputs, nodes, {name: place for place, name in enumerate(nodes)}


def reachable(target_nodes: Iterable[str], inputs: dict[str, list[str]]) -> set[str]:
    """The names that can be reached from some nodes going from users to inputs."""
    found: set[str] = set()
    waiting = list(target_nodes)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += inputs.get(name, [])
    return found


def extract_sub_graph(graph_def: Any, dest_nodes: Sequence[str]) -> Any:
    """The part of a GraphDef that some of its nodes need, as a new GraphDef.

    Raises
    ------
    TypeError : `graph_def` is no GraphDef, or `dest_nodes` is one name instead of a list.
    AssertionError : a node is not in the graph.
    """
    if not hasattr(graph_def, "node") or not hasattr(graph_def, "library"):
        raise TypeError("graph_def must be a graph_pb2.GraphDef proto.")
    if isinstance(dest_nodes, (str, bytes)):
        raise TypeError("dest_nodes must be a list.")
    inputs, nodes, _ = graph_summary(graph_def)
    for name in dest_nodes:
        if name not in nodes:
            raise AssertionError(f"{name} is not in graph")
    kept = reachable(dest_nodes, inputs)
    made = message("GraphDef")()
    for name, node in nodes.items():
        if name in kept:
            made.node.add().CopyFrom(node)
    made.library.CopyFrom(graph_def.library)
    made.versions.CopyFrom(graph_def.versions)
    return made


# ---- variables to constants


def convert_variables_to_constants(
    sess: Any, input_graph_def: Any, output_node_names: Sequence[str],
    variable_names_whitelist: Iterable[str] | None = None,
    variable_names_blacklist: Iterable[str] | None = None,
) -> Any:  # fmt: skip
    """The part of a GraphDef that some nodes need, with a session's values for its variables.

    Parameters
    ----------
    sess : the session that has the values.
    input_graph_def : the graph of that session.
    output_node_names : names of operations, without ``:0``.
    variable_names_whitelist : the only variables to convert; all when None.
    variable_names_blacklist : variables not to convert.

    Raises
    ------
    AssertionError : a node is not in the graph.
    errors.FailedPreconditionError : a variable has no value.
    """
    from graphflow import logging

    graph = extract_sub_graph(input_graph_def, output_node_names)
    names = [
        node.name
        for node in graph.node
        if node.op in _VARIABLES
        and (variable_names_whitelist is None or node.name in variable_names_whitelist)
        and (variable_names_blacklist is None or node.name not in variable_names_blacklist)
    ]
    nodes = {node.name: node for node in graph.node}
    fetches = [_value_name(nodes[name]) for name in names]
    values = dict(zip(names, sess.run(fetches) if fetches else [], strict=True))
    logging.info("Froze %d variables.", len(values))
    carried = _handle_types(nodes)
    made = message("GraphDef")()
    for node in graph.node:
        if node.name in values:
            _add_constant(made, node.name, node.attr["dtype"].type, values[node.name])
        elif node.op in _READS and node_name(node.input[0]) not in _kept(nodes, values):
            _add_read(made, node)
        else:
            made.node.add().CopyFrom(node)
            if node.name in carried:
                made.node[-1].attr["T"].type = carried[node.name]
                made.node[-1].attr.pop("_output_shapes", None)
    made.library.CopyFrom(graph.library)
    made.versions.CopyFrom(graph.versions)
    logging.info("Converted %d variables to const ops.", len(values))
    return made


def _value_name(node: Any) -> str:
    """The tensor that has a variable's value."""
    return f"{node.name}/Read/ReadVariableOp:0" if node.op == "VarHandleOp" else f"{node.name}:0"


def _kept(nodes: dict[str, Any], values: dict[str, Any]) -> set[str]:
    """The handles that stay handles."""
    return {name for name, node in nodes.items() if node.op == "VarHandleOp"} - set(values)


def _handle_types(nodes: dict[str, Any]) -> dict[str, int]:
    """The element type that each node which hands on a variable's handle has once it is frozen."""
    found: dict[str, int] = {}
    for node in nodes.values():
        if node.op not in _READS:
            continue
        waiting = [node_name(node.input[0])]
        while waiting:
            source = nodes[waiting.pop()]
            if source.op in _PASSES and source.name not in found:
                found[source.name] = node.attr["dtype"].type
                waiting += [node_name(t) for t in source.input[: 2 if source.op == "Merge" else 1]]
    return found


def _add_constant(graph_def: Any, name: str, dtype: int, value: Any) -> None:
    node = graph_def.node.add(name=name, op="Const")
    node.attr["dtype"].type = dtype
    node.attr["value"].tensor.CopyFrom(tensor_proto(value, as_dtype(dtype)))


def _add_read(graph_def: Any, node: Any) -> None:
    """Add what reads a constant where `node` reads a variable through its handle."""
    if node.op == "ReadVariableOp":
        made = graph_def.node.add(name=node.name, op="Identity", device=node.device)
        made.input.extend(node.input)
        made.attr["T"].CopyFrom(node.attr["dtype"])
    else:
        axis = f"{node.name}/axis"
        batch_dims = node.attr["batch_dims"].i
        if batch_dims:
            raise ValueError("batch_dims != 0 is not supported by freeze_graph.")
        _add_constant(graph_def, axis, node.attr["Tindices"].type, 0)
        made = graph_def.node.add(name=node.name, op="GatherV2", device=node.device)
        made.input.extend([*node.input[:2], axis, *node.input[2:]])
        made.attr["Tparams"].CopyFrom(node.attr["dtype"])
        for key in ("Tindices", "Taxis"):
            made.attr[key].CopyFrom(node.attr["Tindices"])
    if "_class" in node.attr:
        made.attr["_class"].CopyFrom(node.attr["_class"])


# ---- what only training needs


def remove_training_nodes(input_graph: Any, protected_nodes: Sequence[str] | None = None) -> Any:
    """A GraphDef without CheckNumerics and without Identity nodes that order nothing.

    Parameters
    ----------
    protected_nodes : names of nodes to keep.
    """
    protected = set(protected_nodes or ())
    checks = {n.name for n in input_graph.node if n.op == "CheckNumerics"} - protected
    kept = []
    for node in input_graph.node:
        if node.name not in checks:
            copy = message("NodeDef")()
            copy.CopyFrom(node)
            del copy.input[:]
            copy.input.extend(t for t in node.input if t.removeprefix("^") not in checks)
            kept.append(copy)
    awaited = {t[1:] for node in kept for t in node.input if t.startswith("^")}
    forwards = {
        node.name: node.input[0]
        for node in kept
        if node.op == "Identity" and node.name not in protected | awaited
        and not any(t.startswith("^") for t in node.input)
    }  # fmt: skip
    made = message("GraphDef")()
    for node in kept:
        if node.name not in forwards:
            inputs = [_forwarded(text, forwards) for text in node.input]
            del node.input[:]
            node.input.extend(inputs)
            made.node.add().CopyFrom(node)
    return made


def _forwarded(text: str, forwards: dict[str, str]) -> str:
    while text.removeprefix("^") in forwards:
        text = forwards[text.removeprefix("^")]
    return text


# ---- questions about nodes


def must_run_on_cpu(node: Any, pin_variables_on_cpu: bool = False) -> bool:
    """Whether TensorFlow has no kernel for this node on a GPU.

    Parameters
    ----------
    node : an Operation or a NodeDef.
    """
    if isinstance(node, Operation):
        node = graph_to_proto(node.graph, [node]).node[0]
    if pin_variables_on_cpu and node.op in _WRITERS_AND_VARIABLES:
        return True
    types, on_cpu = _CPU_TYPES.get(node.op, ("", ()))
    return bool(types) and as_dtype(node.attr[types].type or 1).name in on_cpu


def tensor_shape_from_node_def_name(graph: Graph, input_name: str) -> TensorShape:
    """The shape of a tensor of a graph; ``:0`` is added where the name has no number."""
    name = input_name if ":" in input_name else f"{input_name}:0"
    return graph.get_tensor_by_name(name).shape
