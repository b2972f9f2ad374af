"""Choices, truth values, comparisons and integer identities."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.graph.dtypes import DType
from graphflow.ir.builder import Builder
from graphflow.ir.node import Node
from graphflow.ir.prims import PRIMS
from graphflow.rewrite.rule import NUMBERS, is_scalar, rule, scalar_value

_COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")
_OPPOSITE = {"eq": "ne", "ne": "eq", "lt": "ge", "ge": "lt", "gt": "le", "le": "gt"}
_MANTISSA = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}


@rule("select", over=("not",))
def choice_by_negation(b: Builder, node: Node) -> Node | None:
    """``select(not c, x, y) -> select(c, y, x)``. Exact."""
    condition, x, y = node.inputs
    return b.select(condition.inputs[0], y, x) if condition.op == "not" else None


@rule("select", over=("select",))
def nested_choices(b: Builder, node: Node) -> Node | None:
    """``select(c, select(c, x, y), z) -> select(c, x, z)``, and in the other branch. Exact."""
    condition, x, y = node.inputs
    taken = x.inputs[1] if x.op == "select" and x.inputs[0] is condition else x
    other = y.inputs[2] if y.op == "select" and y.inputs[0] is condition else y
    return None if taken is x and other is y else b.select(condition, taken, other)


@rule("select", over=NUMBERS)
def choice_of_truth(b: Builder, node: Node) -> Node | None:
    """A choice between truth values is logic: ``select(c, x, false) -> and(c, x)``. Exact."""
    condition, x, y = node.inputs
    if not node.dtype.is_bool:
        return None
    if_true, if_false = scalar_value(x), scalar_value(y)
    if if_true is not None:
        return b.or_(condition, y) if if_true else b.and_(b.not_(condition), y)
    if if_false is None:
        return None
    return b.or_(b.not_(condition), x) if if_false else b.and_(condition, x)


@rule("not", over=_COMPARISONS)
def negated_comparison(b: Builder, node: Node) -> Node | None:
    """``not(x == y) -> x != y``; for integers also ``not(x < y) -> x >= y``.

    Exact; of floats, nan is neither less nor more, so that only equality has an opposite.
    """
    (comparison,) = node.inputs
    op, first = comparison.op, comparison.inputs[0].dtype
    if op not in ("eq", "ne") and (first.is_floating or first.is_complex):
        return None
    return b.pointwise(_OPPOSITE[op], *comparison.inputs)


@rule(*_COMPARISONS)
def comparison_with_itself(b: Builder, node: Node) -> Node | None:
    """``x < x -> false``, for floats too; ``x == x -> true`` for integers, as nan is not itself."""
    x, y = node.inputs
    if x is not y:
        return None
    if node.op in ("lt", "gt"):
        return b.full(node.shape, False, node.dtype)
    if x.dtype.is_integer or x.dtype.is_bool:
        return b.full(node.shape, node.op != "ne", node.dtype)
    return None


def _two_valued(node: Node) -> tuple[Node, Any, Any] | None:
    """(c, x, y) when the node is the number x where c holds and the number y elsewhere."""
    if node.op == "cast" and node.inputs[0].dtype.is_bool and not node.dtype.is_complex:
        one, zero = (np.asarray(v, node.dtype.numpy)[()] for v in (1, 0))
        return node.inputs[0], one, zero
    if node.op != "select":
        return None
    values = [scalar_value(i) for i in node.inputs[1:]]
    return None if None in values else (node.inputs[0], values[0], values[1])


@rule(*_COMPARISONS, over=("cast", "select"))
def comparison_of_two_values(b: Builder, node: Node) -> Node | None:
    """``cast(c) != 0 -> c`` and its like: comparing one of two numbers with a number. Exact."""
    function = PRIMS[node.op].reference
    assert function is not None
    for swapped in (False, True):
        operand, number = node.inputs[::-1] if swapped else node.inputs
        value, found = scalar_value(number), _two_valued(operand)
        if value is None or found is None or isinstance(value, bytes):
            continue
        condition, *choices = found
        pairs = [(value, c) if swapped else (c, value) for c in choices]
        if_true, if_false = (bool(function({}, *map(np.asarray, p))) for p in pairs)
        if if_true == if_false:
            return b.full(node.shape, if_true, node.dtype)
        return condition if if_true else b.not_(condition)
    return None


def holds_exactly(source: DType, target: DType) -> bool:
    """Whether every value of `source` is one of `target`, so that a cast loses nothing."""
    if source.is_bool:
        return target.is_integer or target.is_floating
    if source.is_integer and target.is_integer:
        if source.kind == target.kind:
            return bool(target.size >= source.size)
        return bool(source.kind == "uint" and target.size > source.size)
    if source.is_integer and target.is_floating:
        return bool(8 * source.size <= _MANTISSA[target.name])
    if source.is_floating and target.is_floating:
        return bool(target.size > source.size)
    return False


@rule(*_COMPARISONS, over=("cast",))
def comparison_of_casts(b: Builder, node: Node) -> Node | None:
    """``cast(x) < cast(y) -> x < y``, also with a number, where casting loses nothing. Exact."""
    x, y = node.inputs
    narrow = x.inputs[0].dtype if x.op == "cast" else y.inputs[0].dtype
    if narrow.is_bool or not holds_exactly(narrow, x.dtype):
        return None
    first, second = (_before_cast(b, operand, narrow) for operand in (x, y))
    if first is None or second is None:
        return None
    return b.pointwise(node.op, first, second)


def _before_cast(b: Builder, node: Node, dtype: DType) -> Node | None:
    if node.op == "cast":
        return node.inputs[0] if node.inputs[0].dtype is dtype else None
    value = scalar_value(node)
    if value is None or value != value:
        return None
    if dtype.is_integer and not (dtype.min <= value <= dtype.max and value == int(value)):
        return None
    with np.errstate(all="ignore"):
        narrow = np.asarray(value).astype(dtype.numpy)
    return b.full(node.shape, narrow, dtype) if narrow.astype(node.dtype.numpy) == value else None


@rule("sub", "xor")
def integer_less_itself(b: Builder, node: Node) -> Node | None:
    """``x - x -> 0`` and ``xor(x, x) -> 0`` for integers; of floats, inf - inf is nan."""
    x, y = node.inputs
    if x is y and (node.dtype.is_integer or node.dtype.is_bool):
        return b.full(node.shape, 0, node.dtype)
    return None


@rule("mul", "and", "or", "xor", "shl", "shr", over=NUMBERS)
def integer_with_zero(b: Builder, node: Node) -> Node | None:
    """``x * 0 -> 0``, ``and(x, 0) -> 0``, ``or(x, 0) -> x``, ``shl(x, 0) -> x``: integers only."""
    if not node.dtype.is_integer:
        return None
    x, y = node.inputs
    if node.op not in ("shl", "shr") and is_scalar(x, 0):
        x, y = y, x
    if not is_scalar(y, 0):
        return None
    return y if node.op in ("mul", "and") else x


@rule("floordiv", "truncdiv", "floormod", "truncmod", over=NUMBERS)
def integer_over_one(b: Builder, node: Node) -> Node | None:
    """``x // 1 -> x`` and ``x % 1 -> 0`` for integers. Exact."""
    x, y = node.inputs
    if not node.dtype.is_integer or not is_scalar(y, 1):
        return None
    return x if node.op.endswith("div") else b.full(node.shape, 0, node.dtype)


@rule("add", "mul", over=NUMBERS)
def integer_constants_meet(b: Builder, node: Node) -> Node | None:
    """``(x + c) + d -> x + (c + d)`` and ``(x * c) * d -> x * (c * d)``: exact modulo 2**n.

    Sums of floats stay: ``(x + 1e8) - 1e8`` rounds on purpose.
    """
    if not node.dtype.is_integer:
        return None
    for x, d in (node.inputs, node.inputs[::-1]):
        if x.op != node.op or scalar_value(d) is None:
            continue
        for y, c in (x.inputs, x.inputs[::-1]):
            if scalar_value(c) is not None:
                return b.pointwise(node.op, y, b.pointwise(node.op, c, d))
    return None
