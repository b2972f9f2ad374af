"""TensorFlow's op types: their inputs and attributes, and whether a NodeDef is one of them.

The table, `protos/op_defs.json`, is recorded from TensorFlow 1.15.5. A graph from a file is data
from outside: what an op's own rules take for granted is checked here, with TensorFlow's errors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import resources
from typing import Any

from graphflow.graph.dtypes import DType, as_dtype
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor

OWN_ATTR = "_graphflow_"  # before the names of attributes that TensorFlow's op type lacks
# The field of an AttrValue that holds a value of each kind, and of the ListValue inside.
_FIELDS = {
    "int": "i", "float": "f", "bool": "b", "string": "s", "type": "type", "shape": "shape",
    "tensor": "tensor", "func": "func",
}  # fmt: skip
_MERGES = ("Merge", "RefMerge")


@lru_cache(maxsize=1)
def op_table() -> dict[str, Any]:
    """Op types with their inputs and attributes; see ``tests/data/record_op_defs.py``."""
    text = resources.files("graphflow.protos").joinpath("op_defs.json").read_text("utf-8")
    table: dict[str, Any] = json.loads(text)
    return table


def default_of(default: Sequence[Any]) -> Any:
    """The value of a default as the table of op types has it."""
    kind, value = default[0], default[1]
    if kind == "type":
        return as_dtype(value)
    if kind == "shape":
        return TensorShape(None if value is None else [None if s == -1 else s for s in value])
    if kind == "list":
        items = default[2]
        return [as_dtype(i) for i in items] if value == "type" else list(items)
    return value


def check_attrs(node: Any) -> None:
    """Check that a NodeDef has its op type's attributes, each of the kind that it should be.

    Raises
    ------
    ValueError : an attribute without a default is missing, or one holds another kind of value.
    """
    for name, (kind, default) in op_table().get(node.op, ((), {}))[1].items():
        if name not in node.attr:
            if default is None:
                raise ValueError(
                    f"NodeDef missing attr '{name}' from Op<name={node.op}>; NodeDef: "
                    f"{{{{node {node.name}}}}}"
                )
            continue
        found = _kind(node.attr[name])
        if found != kind and not (found == "list()" and kind.startswith("list(")):
            raise ValueError(
                f"AttrValue had value with type '{found}' when '{kind}' expected\n\t for attr "
                f"'{name}'; NodeDef: {{{{node {node.name}}}}}; Op<name={node.op}>"
            )


def _kind(value: Any) -> str:
    """The kind of value that an AttrValue holds, in the table's words."""
    field = value.WhichOneof("value")
    if field != "list":
        return next((kind for kind, name in _FIELDS.items() if name == field), "nothing")
    held = [kind for kind, name in _FIELDS.items() if len(getattr(value.list, name))]
    return f"list({', '.join(held)})"


def input_types(node: Any, attrs: Mapping[str, Any], given: int) -> list[DType | None]:
    """The types that a NodeDef's inputs must have, as its attributes say; None for any.

    Raises
    ------
    ValueError : it has `given` inputs, and should have another number.
    """
    if node.op in _MERGES and not given:
        raise ValueError(f"Node '{node.name}': a {node.op} needs an input, got none")
    if node.op not in op_table() or node.op in _MERGES:
        return [None] * given
    expected: list[DType | None] = []
    for spec in op_table()[node.op][0]:
        if spec.endswith("..."):
            expected += attrs[spec[:-3]]
            continue
        count, _, kind = spec.rpartition("*")
        type_ = as_dtype(kind[3:].lower()) if kind.startswith("DT_") else attrs[kind]
        # More than there are is as wrong as any number, and need not be made.
        expected += [type_] * (min(attrs[count], given + 1) if count else 1)
    if len(expected) != given:
        types = ", ".join("any" if t is None else t.name for t in expected)
        raise ValueError(
            f"NodeDef expected inputs '{types}' do not match {given} inputs specified; "
            f"Op<name={node.op}>; NodeDef: {{{{node {node.name}}}}}"
        )
    return expected


def check_types(node: Any, tensors: Sequence[Tensor], expected: Sequence[DType | None]) -> None:
    """Check the inputs of a node that is imported.

    Raises
    ------
    ValueError : one has another type than the node's attributes say.
    """
    for number, (tensor, wanted) in enumerate(zip(tensors, expected, strict=False)):
        given = tensor.dtype.base_dtype
        if wanted is not None and given is not wanted.base_dtype:
            raise ValueError(
                f"Input {number} of node {node.name} was passed {given.name} from {tensor.name} "
                f"incompatible with expected {wanted.base_dtype.name}."
            )
