"""Resource variables of imported graphs, as the reference variables that there are here.

TensorFlow has two kinds of variables: one that is read and written through a reference to its
memory, and one that is read and written through a handle. A run here orders reads and writes by
itself, so the first kind does for both. Names stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from graphflow.graph.dtypes import int32, resource
from graphflow.protos import message

# Op types on handles, and what they are on references; `dtype` becomes the attribute named.
_RENAMED = {
    "VarHandleOp": ("VariableV2", "dtype"),
    "ReadVariableOp": ("Identity", "T"),
    "AssignVariableOp": ("Assign", "T"),
    "AssignAddVariableOp": ("AssignAdd", "T"),
    "AssignSubVariableOp": ("AssignSub", "T"),
    "VarIsInitializedOp": ("IsVariableInitialized", "dtype"),
    "VariableShape": ("Shape", "T"),
    "ResourceGather": ("GatherV2", "Tparams"),
    "ResourceGatherNd": ("GatherNd", "Tparams"),
}
_PREFIXES = ("ResourceScatter", "ResourceApply", "ResourceSparseApply")


def _new_type(kind: str) -> tuple[str, str] | None:
    if kind in _RENAMED:
        return _RENAMED[kind]
    return (kind.removeprefix("Resource"), "T") if kind.startswith(_PREFIXES) else None


def with_references(nodes: Iterable[Any]) -> list[Any]:
    """The nodes of a GraphDef, those on handles replaced.

    Raises
    ------
    ValueError : rows are gathered in batches.
    """
    nodes = list(nodes)
    if not any(node.op == "VarHandleOp" for node in nodes):
        return nodes
    types = _handle_types({node.name: node for node in nodes})
    found = []
    for node in nodes:
        new = _new_type(node.op)
        if new is None and node.name not in types:
            found.append(node)
            continue
        made = message("NodeDef")()
        made.CopyFrom(node)
        if new is None:  # it hands on a handle
            made.attr["T"].type = types[node.name]
        else:
            made.op = new[0]
            _set_type(made, new[1], node, types)
        if node.op == "ResourceGather":
            found.append(_add_axis(made, node))
        found.append(made)
    return found


def _set_type(made: Any, attribute: str, node: Any, types: dict[str, int]) -> None:
    """Put the element type under the name that the new op type has for it."""
    source = node.input[0].partition(":")[0] if node.input else node.name
    dtype = node.attr["dtype"].type or node.attr["T"].type or types.get(source, 0)
    made.attr.pop("dtype", None)
    made.attr[attribute].type = dtype


def _add_axis(made: Any, node: Any) -> Any:
    """Let a gather have the axis 0, by a constant, which is returned."""
    if node.attr["batch_dims"].i:
        raise ValueError(f"{node.name}: expected batch_dims 0, got {node.attr['batch_dims'].i}")
    axis = message("NodeDef")(name=f"{node.name}/axis", op="Const")
    axis.attr["dtype"].type = axis.attr["value"].tensor.dtype = int32.as_datatype_enum
    axis.attr["value"].tensor.tensor_shape.SetInParent()
    axis.attr["value"].tensor.int_val.append(0)
    made.attr["Taxis"].CopyFrom(axis.attr["dtype"])
    made.attr.pop("validate_indices", None)
    inputs = list(node.input)
    del made.input[:]
    made.input.extend([*inputs[:2], axis.name, *inputs[2:]])
    return axis


def _handle_types(nodes: dict[str, Any]) -> dict[str, int]:
    """The element type behind each handle, and behind what hands one on."""
    found = {n.name: n.attr["dtype"].type for n in nodes.values() if n.op == "VarHandleOp"}
    passing = [
        node
        for node in nodes.values()
        if "T" in node.attr and node.attr["T"].type == resource.as_datatype_enum
    ]
    changed = True
    while changed:
        known = len(found)
        for node in passing:
            sources = [text.partition(":")[0] for text in node.input]
            types = [found[name] for name in sources if name in found]
            if types and node.name not in found:
                found[node.name] = types[0]
        changed = len(found) > known
    return found
