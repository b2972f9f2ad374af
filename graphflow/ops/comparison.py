"""Comparisons, logic, and the choice between two tensors: Less, LogicalAnd, Select, ..."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import DType
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import TensorShape, broadcast, merge_in_op, shape_from_tuple
from graphflow.graph.tensor import Tensor
from graphflow.ir.dims import dims_equal, shapes_equal
from graphflow.ops.broadcasting import sum_to_shape
from graphflow.ops.creation import zeros_like
from graphflow.ops.kinds import COMPARABLE, ORDERED

__all__ = [
    "equal",
    "greater",
    "greater_equal",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "not_equal",
    "where",
    "where_v2",
]

_BOOLEAN = "boolean output"


def _infer_comparison(op: Operation) -> list[Any]:
    return [(dtypes.bool_, broadcast(op.inputs[0].shape, op.inputs[1].shape))]


def _lower_comparison(name: str, compare: Callable[..., Any]) -> Callable[..., Any]:
    """Lower to the primitive `name`; texts are compared in Python by `compare`."""

    def compare_texts(x: Any, y: Any) -> list[Any]:
        return [np.asarray(compare(x, y), dtype=np.bool_)]

    def lower(b: Any, op: Operation, x: Any, y: Any) -> Any:
        if x.dtype is not dtypes.string:
            return b.pointwise(name, x, y)
        shape = b.broadcast_operands(x, y)[0].shape
        return b.call_python(compare_texts, (x, y), [(dtypes.bool_, shape)], stateful=False)

    return lower


def _define_comparison(
    op_type: str, name: str, compare: Callable[..., Any], types: Sequence[DType], sign: str
) -> Callable[..., Tensor]:
    define_op(op_type, _infer_comparison, _lower_comparison(name, compare), no_gradient=_BOOLEAN)
    signature = Signature(op_type, "x: T", "y: T", T=types)

    def function(x: Any, y: Any, name: str | None = None) -> Tensor:
        return signature(x, y, name=name).outputs[0]

    function.__doc__ = f"Return whether ``x {sign} y``, element by element."
    return function


equal = _define_comparison("Equal", "eq", np.equal, COMPARABLE, "==")
not_equal = _define_comparison("NotEqual", "ne", np.not_equal, COMPARABLE, "!=")
less = _define_comparison("Less", "lt", np.less, ORDERED, "<")
less_equal = _define_comparison("LessEqual", "le", np.less_equal, ORDERED, "<=")
greater = _define_comparison("Greater", "gt", np.greater, ORDERED, ">")
greater_equal = _define_comparison("GreaterEqual", "ge", np.greater_equal, ORDERED, ">=")

define_op(
    name="LogicalAnd",
    infer=_infer_comparison,
    lower=lambda b, op, x, y: b.and_(x, y),
    no_gradient=_BOOLEAN,
)
define_op(
    name="LogicalOr",
    infer=_infer_comparison,
    lower=lambda b, op, x, y: b.or_(x, y),
    no_gradient=_BOOLEAN,
)
define_op(
    name="LogicalNot",
    infer=lambda op: [(dtypes.bool_, op.inputs[0].shape)],
    lower=lambda b, op, x: b.not_(x),
    no_gradient=_BOOLEAN,
)
_AND = Signature("LogicalAnd", "x: bool", "y: bool")
_OR = Signature("LogicalOr", "x: bool", "y: bool")
_NOT = Signature("LogicalNot", "x: bool")


def logical_and(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return whether both hold, element by element."""
    return _AND(x, y, name=name).outputs[0]


def logical_or(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return whether at least one holds, element by element."""
    return _OR(x, y, name=name).outputs[0]


def logical_not(x: Any, name: str | None = None) -> Tensor:
    """Return whether ``x`` does not hold, element by element."""
    return _NOT(x, name=name).outputs[0]


def logical_xor(x: Any, y: Any, name: str | None = "LogicalXor") -> Tensor:
    """Return whether exactly one holds, element by element."""
    either = logical_or(x, y)
    return logical_and(either, logical_not(logical_and(x, y)), name=name)


# ---- choice


def _infer_select(op: Operation) -> list[Any]:
    condition, x, y = (tensor.shape for tensor in op.inputs)
    data: TensorShape = merge_in_op(x, y)
    if condition.rank and data.extents is not None:
        if condition.rank > 1:
            data = merge_in_op(data, condition)
        elif data.rank == 1:
            data = merge_in_op(condition, data)
        elif data.extents:
            merge_in_op(condition, shape_from_tuple(data.extents[:1]))
        else:
            merge_in_op(data, condition)
    return [(op.inputs[1].dtype.base_dtype, data)]


def not_same_size(op: Operation, nodes: Sequence[Any], first: int, second: int) -> str:
    """Return TensorFlow's message for two operands whose shapes should be equal and are not."""
    shapes = ["[" + ",".join(map(str, nodes[k].shape)) + "]" for k in (first, second)]
    return (
        f"Inputs to operation {op.name} of type {op.type} must have the same size and shape.  "
        f"Input {first}: {shapes[0]} != input {second}: {shapes[1]}"
    )


def _lower_select(b: Any, op: Operation, condition: Any, x: Any, y: Any) -> Any:
    """The condition has the operands' shape, or is a scalar, or a vector that chooses rows."""
    nodes = (condition, x, y)
    if not shapes_equal(x.shape, y.shape):
        raise ValueError(not_same_size(op, nodes, 1, 2))
    if condition.rank == 1 and x.rank > 1 and dims_equal(condition.shape[0], x.shape[0]):
        condition = b.broadcast(condition, x.shape, (0,))
    elif condition.rank and not shapes_equal(condition.shape, x.shape):
        raise ValueError(not_same_size(op, nodes, 0, 1))
    return _chosen(b, op, condition, x, y)


def _chosen(b: Any, op: Operation, condition: Any, x: Any, y: Any) -> Any:
    if x.dtype is not dtypes.string:
        return b.select(condition, x, y)
    shape = b.broadcast_operands(condition, x, y)[0].shape
    return b.call_python(_choose_texts, (condition, x, y), [(dtypes.string, shape)], stateful=False)


def _choose_texts(condition: Any, x: Any, y: Any) -> list[Any]:
    return [np.asarray(np.where(condition, x, y), dtype=object)]


def _select_gradient(op: Operation, gradient: Any) -> list[Any]:
    condition, x, _ = op.inputs
    zeros = zeros_like(x)
    return [None, where(condition, gradient, zeros), where(condition, zeros, gradient)]


def _infer_select_v2(op: Operation) -> list[Any]:
    condition, x, y = (tensor.shape for tensor in op.inputs)
    return [(op.inputs[1].dtype.base_dtype, broadcast(broadcast(x, y), condition))]


def _select_v2_gradient(op: Operation, gradient: Any) -> list[Any]:
    condition, x, y = op.inputs
    zero = convert_to_tensor(0, gradient.dtype.base_dtype)
    return [
        None,
        sum_to_shape(where_v2(condition, gradient, zero), x),
        sum_to_shape(where_v2(condition, zero, gradient), y),
    ]


define_op("Select", _infer_select, _lower_select, gradient=_select_gradient)
define_op("SelectV2", _infer_select_v2, _chosen, gradient=_select_v2_gradient)
_SELECT = Signature("Select", "condition: bool", "t: T", "e: T")
_SELECT_V2 = Signature("SelectV2", "condition: bool", "t: T", "e: T")
_WHERE = Signature("Where", "condition: T = bool")  # its results' shape depends on data


def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Tensor:
    """Return the elements of `x` where the condition holds, those of `y` elsewhere.

    Parameters
    ----------
    condition : boolean; of the shape of `x`, a scalar, or a vector that chooses rows.
    x, y : of one type and shape. Without both, the places where the condition holds are returned,
        one row of indices each.

    Raises
    ------
    ValueError : only one of `x` and `y` is given, or shapes do not fit.
    """
    return _where(_SELECT, condition, x, y, name)


def where_v2(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Tensor:
    """Return the elements of `x` where the condition holds, those of `y` elsewhere.

    Unlike in `where`, all three broadcast by NumPy's rules.
    """
    return _where(_SELECT_V2, condition, x, y, name)


def _where(select: Signature, condition: Any, x: Any, y: Any, name: str | None) -> Tensor:
    if (x is None) != (y is None):
        raise ValueError("x and y must both be non-None or both be None.")
    if x is not None:
        return select(condition, x, y, name=name).outputs[0]
    with name_scope(name, "Where", [condition]) as scope:
        condition = convert_to_tensor(condition, preferred_dtype=dtypes.bool_, name="condition")
        return _WHERE(condition, name=scope).outputs[0]
