"""Quotients and rests: RealDiv, FloorDiv, TruncateDiv, FloorMod, TruncateMod, DivNoNan.

Integer divisions by zero are errors of the run, as in TensorFlow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ops.broadcasting import define_binary, sum_to_operands
from graphflow.ops.casting import cast
from graphflow.ops.kinds import ARITHMETIC, COMPLEX, FLOATS, INDEX, NO_NAN

__all__ = [
    "div", "div_no_nan", "divide", "floor_div", "floordiv", "floormod", "mod", "realdiv",
    "reciprocal_no_nan", "truediv", "truncatediv", "truncatemod",
]  # fmt: skip

Gradients = list[Any]

# Ops of later families that gradients need.
_MULTIPLY = Signature("Mul", "x: T", "y: T")
_NEGATIVE = Signature("Neg", "x: T")


def _multiply(x: Any, y: Any) -> Tensor:
    return _MULTIPLY(x, y).outputs[0]


def _negative(x: Any) -> Tensor:
    return _NEGATIVE(x).outputs[0]


# ---- lowerings


def may_be_zero(b: Any, node: Any) -> bool:
    """Whether an integer node may hold a zero: False when its value is known and has none."""
    known = node.inputs[0] if node.op == "broadcast" else node
    if known.op != "const":
        return True
    # Symbolic sizes are at least 2.
    return any(isinstance(v, (int, np.integer)) and v == 0 for v in known["value"].array.flat)


def _check_divisor(b: Any, y: Any) -> None:
    if y.dtype.is_integer and may_be_zero(b, y):
        b.check(all_of(b, b.ne(y, 0)), "InvalidArgumentError", "Integer division by zero")


def all_of(b: Any, condition: Any) -> Any:
    """Whether every element of a bool node holds, as a scalar node."""
    known = condition.inputs[0] if condition.op == "broadcast" else condition
    return b.reduce("and", known, range(known.rank))


def _lower_division(name: str) -> Callable[..., Any]:
    def lower(b: Any, op: Operation, x: Any, y: Any) -> Any:
        _check_divisor(b, y)
        return getattr(b, name)(x, y)

    return lower


def _lower_truncated_division(b: Any, op: Operation, x: Any, y: Any) -> Any:
    if not x.dtype.is_integer:
        return b.div(x, y)
    _check_divisor(b, y)
    return b.truncdiv(x, y)


def unless_zero(b: Any, decisive: Any, value: Any) -> Any:
    """`value`, but 0 where `decisive` is 0, even where `value` is nan or infinite."""
    return b.select(b.eq(decisive, 0), b.const(0, value.dtype), value)


def _lower_div_no_nan(b: Any, op: Operation, x: Any, y: Any) -> Any:
    return unless_zero(b, y, b.div(x, y))


# ---- gradients


def _division_gradient(divide_by: Callable[[Any, Any], Tensor]) -> Callable[..., Gradients]:
    """The gradient of a quotient, in terms of the same kind of division: 1/y and -x/y/y."""

    def gradient(op: Operation, gradient: Any) -> Gradients:
        x, y = op.inputs
        to_divisor = _multiply(gradient, divide_by(divide_by(_negative(x), y), y))
        return sum_to_operands(op, divide_by(gradient, y), to_divisor)

    return gradient


def _floor_mod_gradient(op: Operation, gradient: Any) -> Gradients:
    x, y = op.inputs
    return sum_to_operands(op, gradient, _multiply(gradient, _negative(floor_div(x, y))))


# ---- the ops

realdiv: Callable[..., Tensor] = define_binary(
    "RealDiv",
    _lower_truncated_division,
    ARITHMETIC,
    "Return ``x / y`` in the operands' own type.",
    gradient=_division_gradient(lambda x, y: realdiv(x, y)),
)
floor_div = define_binary(
    "FloorDiv",
    _lower_division("floordiv"),
    ARITHMETIC,
    "Return ``x / y`` rounded down.",
    no_gradient="the result is constant between its jumps",
)
truncatediv = define_binary(
    "TruncateDiv",
    _lower_truncated_division,
    ARITHMETIC,
    "Return ``x / y``, of integers rounded towards zero; of floats not, as in TensorFlow.",
    no_gradient="the result is constant between its jumps",
)
floormod = define_binary(
    "FloorMod",
    _lower_division("floormod"),
    (*INDEX, *FLOATS),
    "Return the rest of ``x`` after division by ``y`` rounded down: it has the sign of ``y``.",
    gradient=_floor_mod_gradient,
)
mod = floormod
truncatemod = define_binary(
    "TruncateMod",
    _lower_division("truncmod"),
    (*INDEX, *FLOATS),
    "Return the rest of ``x`` after division by ``y`` towards zero: it has the sign of ``x``.",
)
_div_no_nan: Callable[..., Tensor] = define_binary(
    "DivNoNan",
    _lower_div_no_nan,
    NO_NAN,
    "Return ``x / y``, 0 where ``y`` is 0.",
    gradient=_division_gradient(lambda x, y: _div_no_nan(x, y)),
)


def floordiv(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return ``x / y`` rounded down, for integers and floats."""
    with name_scope(name, "floordiv", [x, y]) as scope:
        return floor_div(x, y, name=scope)


# What integers are cast to before they are divided by `truediv`.
_QUOTIENT_TYPES = {
    dtypes.uint8: dtypes.float32,
    dtypes.int8: dtypes.float32,
    dtypes.uint16: dtypes.float32,
    dtypes.int16: dtypes.float32,
    dtypes.int32: dtypes.float64,
    dtypes.int64: dtypes.float64,
}


def _require_same_type(x: Tensor, y: Tensor) -> None:
    first, second = x.dtype.base_dtype, y.dtype.base_dtype
    if first is not second:
        raise TypeError(f"x and y must have the same dtype, got {first!r} != {second!r}")


def truediv(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return ``x / y`` as Python 3 divides: integers are cast to floats first.

    Raises
    ------
    TypeError : the types differ, or cannot be divided.
    """
    with name_scope(name, "truediv", [x, y]) as scope:
        x, y = convert_to_tensor(x, name="x"), convert_to_tensor(y, name="y")
        _require_same_type(x, y)
        dtype = x.dtype.base_dtype
        if dtype in _QUOTIENT_TYPES:
            x, y = cast(x, _QUOTIENT_TYPES[dtype]), cast(y, _QUOTIENT_TYPES[dtype])
        elif dtype not in (*FLOATS, *COMPLEX):
            raise TypeError(f"Invalid dtype {dtype!r} in __truediv__")
        return realdiv(x, y, name=scope)


def div(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return ``x / y`` as Python 2 divides: integers are rounded down."""
    with name_scope(name, "div", [x, y]) as scope:
        x = convert_to_tensor(x, name="x")
        y = convert_to_tensor(y, x.dtype.base_dtype, "y")
        if x.dtype.is_floating or x.dtype.is_complex:
            return realdiv(x, y, name=scope)
        return floor_div(x, y, name=scope)


def divide(x: Any, y: Any, name: str | None = None) -> Any:
    """Return ``x / y`` by Python's rules: numbers stay numbers when no `name` is given."""
    return x / y if name is None else truediv(x, y, name)


def div_no_nan(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return ``x / y``, 0 where ``y`` is 0."""
    with name_scope(name, "div_no_nan", [x, y]) as scope:
        x = convert_to_tensor(x, name="x")
        return _div_no_nan(x, convert_to_tensor(y, x.dtype.base_dtype, "y"), name=scope)


def reciprocal_no_nan(x: Any, name: str | None = None) -> Tensor:
    """Return ``1 / x``, 0 where ``x`` is 0."""
    with name_scope(name, "reciprocal_no_nan", [x]) as scope:
        x = convert_to_tensor(x, name="x")
        one = convert_to_tensor(1, x.dtype.base_dtype, name="one")
        return _div_no_nan(one, x, name=scope)
