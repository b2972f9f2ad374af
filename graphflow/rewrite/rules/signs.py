"""Signs, absolute values, bounds and roundings: what is known of a value's range is used."""

from __future__ import annotations

from typing import Any, NamedTuple

from graphflow.ir.builder import Builder
from graphflow.ir.node import Node
from graphflow.rewrite.rule import NUMBERS, is_scalar, rule, scalar_value

_VIEWS = ("broadcast", "reshape", "transpose", "slice", "gather")
_FROM_ONE = (*_VIEWS, "reduce_sum", "reduce_prod", "sqrt")  # the largest of nan is -inf
_ROUNDINGS = ("floor", "ceil", "rint", "trunc")
_DEPTH = 8  # operands that are followed to learn a sign


def is_nonnegative(node: Node, depth: int = _DEPTH) -> bool:
    """Whether all elements are nan or at least +0: never negative and never -0.0."""
    if node.op in ("abs", "exp", "sigmoid", "softplus", "erfc"):
        return node.dtype.is_floating
    if node.op == "const":
        array = node["value"].array
        return node.dtype.is_floating and bool((array > 0).all())
    if depth == 0:
        return False
    if node.op == "mul" and node.inputs[0] is node.inputs[1]:
        return node.dtype.is_floating
    if node.op in ("add", "mul", "div", "min", "max"):
        return all(is_nonnegative(i, depth - 1) for i in node.inputs)
    if node.op == "select":
        return all(is_nonnegative(i, depth - 1) for i in node.inputs[1:])
    if node.op == "cast":
        return node.dtype.is_floating and node.inputs[0].dtype.is_bool
    return node.op in _FROM_ONE and is_nonnegative(node.inputs[0], depth - 1)


@rule("mul", "div", over=("neg",))
def sign_leaves_product(b: Builder, node: Node) -> Node | None:
    """``-x * y -> -(x * y)``, ``-x * -y -> x * y``; also for quotients. Exact."""
    x, y = node.inputs
    if x.op == "neg" and y.op == "neg":
        return b.pointwise(node.op, x.inputs[0], y.inputs[0])
    if x.op == "neg":
        return b.neg(b.pointwise(node.op, x.inputs[0], y))
    return b.neg(b.pointwise(node.op, x, y.inputs[0])) if y.op == "neg" else None


@rule("mul", "div", over=NUMBERS)
def multiply_by_minus_one(b: Builder, node: Node) -> Node | None:
    """``x * -1 -> -x`` and ``x / -1 -> -x``. Exact, as unsigned integers have no -1."""
    x, y = node.inputs
    if is_scalar(y, -1):
        return b.neg(x)
    return b.neg(y) if node.op == "mul" and is_scalar(x, -1) else None


@rule("mul", over=("abs",))
def square_of_absolute(b: Builder, node: Node) -> Node | None:
    """``abs(x) * abs(x) -> x * x``. Exact; integers wrap alike."""
    x, y = node.inputs
    return b.square(x.inputs[0]) if x is y else None


@rule("abs")
def absolute_of_nonnegative(b: Builder, node: Node) -> Node | None:
    """``abs(x) -> x`` where x cannot be negative, nor -0.0. Exact."""
    (x,) = node.inputs
    return x if x.op != "abs" and is_nonnegative(x) else None


@rule("max", over=NUMBERS)
def bound_of_nonnegative(b: Builder, node: Node) -> Node | None:
    """``max(x, c) -> x`` for c <= 0 where x cannot be negative: relu(exp(x)). Exact, with nan.

    Not ``max(c, x)``, which is c where x is nan.
    """
    x, c = node.inputs
    value = scalar_value(c)
    return x if value is not None and value <= 0 and is_nonnegative(x) else None


@rule("sign", over=("sign",))
def sign_of_sign(b: Builder, node: Node) -> Node | None:
    """``sign(sign(x)) -> sign(x)``. Exact."""
    return node.inputs[0]


@rule("max", "min", over=("neg",))
def bound_of_negations(b: Builder, node: Node) -> Node | None:
    """``max(-x, -y) -> -min(x, y)`` and its mirror. Exact for floats, nan and ties included: both
    sides keep the first operand. The least integer wraps.
    """  # noqa: D205
    x, y = node.inputs
    if x.op != "neg" or y.op != "neg" or not node.dtype.is_floating:
        return None
    return b.neg(b.pointwise("min" if node.op == "max" else "max", x.inputs[0], y.inputs[0]))


@rule("reduce_max", "reduce_min", over=("neg",))
def extremum_of_negation(b: Builder, node: Node) -> Node | None:
    """``max(-x) -> -min(x)`` over axes. Exact for floats; integers wrap at the least."""
    (x,) = node.inputs
    if not node.dtype.is_floating:
        return None
    kind = "min" if node.op == "reduce_max" else "max"
    return b.neg(b.reduce(kind, x.inputs[0], node["axes"]))


@rule("argmax", "argmin", over=("neg",))
def place_of_negation(b: Builder, node: Node) -> Node | None:
    """``argmax(-x) -> argmin(x)`` and its mirror. Exact for floats: ties and nan stay in order.

    Other monotone functions stay: after rounding they tie where their operands do not, and the
    first of the equals would be another one.
    """
    (x,) = node.inputs
    if not node.dtype.is_floating and not x.dtype.is_floating:
        return None
    kind = "argmin" if node.op == "argmax" else "argmax"
    return b.make(kind, x.inputs[0], **node.attrs)


class _Bound(NamedTuple):
    """``op(x, c)`` with a number c, or ``op(c, x)``."""

    x: Node
    limit: Any
    is_second: bool  # the number is: x is kept where it is nan or equals the number


def _bounded(node: Node, op: str) -> _Bound | None:
    if node.op != op:
        return None
    for place in (1, 0):
        value = scalar_value(node.inputs[place])
        if value is not None and value == value:
            return _Bound(node.inputs[1 - place], value, place == 1)
    return None


@rule("max", "min", over=NUMBERS)
def nested_bounds(b: Builder, node: Node) -> Node | None:
    """``max(max(x, c), d) -> max(x, e)`` with e the larger number, and ``min`` likewise.

    ``max(min(max(x, c), d), e) -> min(max(x, c), d)`` where e is below c and d, and its mirror:
    the second of two clips that the first implies. Exact, nan included; so are the forms with a
    number in front where they are rewritten. Zeros of either sign are left alone there.
    """
    op, other = node.op, "min" if node.op == "max" else "max"
    outer = _bounded(node, op)
    if outer is None:
        return None
    inner = _bounded(outer.x, op)
    stricter = max if op == "max" else min
    if inner is not None:
        limit = stricter(inner.limit, outer.limit)
        if inner.is_second and outer.is_second:
            return b.pointwise(op, inner.x, limit)
        of_nan = outer.limit if inner.is_second else limit  # what comes out for a nan in x
        return b.pointwise(op, limit, inner.x) if of_nan == limit != 0 else None
    middle = _bounded(outer.x, other)
    first = None if middle is None else _bounded(middle.x, op)
    if middle is None or first is None or not outer.is_second:
        return None
    implied = (
        stricter(first.limit, outer.limit) == first.limit
        and stricter(middle.limit, outer.limit) == middle.limit
    )
    return outer.x if implied else None


@rule("max", "min", over=NUMBERS)
def bound_at_infinity(b: Builder, node: Node) -> Node | None:
    """``max(x, -inf) -> x`` and ``min(x, inf) -> x``. Exact, nan included.

    Not ``max(-inf, x)``, which is -inf where x is nan.
    """
    found = _bounded(node, node.op) if node.dtype.is_floating else None
    limit = float("-inf") if node.op == "max" else float("inf")
    kept = found is not None and found.is_second and found.limit == limit
    return found.x if found is not None and kept else None


@rule(*_ROUNDINGS, over=(*_ROUNDINGS, "cast"))
def rounding_of_whole_number(b: Builder, node: Node) -> Node | None:
    """``floor(rint(x)) -> rint(x)`` and its like, also for floats that were integers. Exact."""
    (x,) = node.inputs
    whole = x.op in _ROUNDINGS or x.inputs[0].dtype.is_integer or x.inputs[0].dtype.is_bool
    return x if whole else None
