"""Identities of arithmetic that hold bit for bit."""

from __future__ import annotations

from graphflow.ir.builder import Builder
from graphflow.ir.node import Node
from graphflow.rewrite.rule import NUMBERS, is_scalar, rule, scalar_value


@rule("mul", over=NUMBERS)
def multiply_by_one(b: Builder, node: Node) -> Node | None:
    """``x * 1 -> x`` and ``1 * x -> x``. Exact: the product with one is the number itself."""
    x, y = node.inputs
    if is_scalar(y, 1):
        return x
    return y if is_scalar(x, 1) else None


@rule("div", over=NUMBERS)
def divide_by_one(b: Builder, node: Node) -> Node | None:
    """``x / 1 -> x``. Exact."""
    x, y = node.inputs
    return x if is_scalar(y, 1) else None


@rule("div", over=NUMBERS)
def divide_by_power_of_two(b: Builder, node: Node) -> Node | None:
    """``x / c -> x * (1/c)`` for a power of two c. Exact: both scale the exponent alone."""
    x, y = node.inputs
    value = scalar_value(y)
    if value is None or not node.dtype.is_floating or node.dtype.size < 4:
        return None
    number = float(value)
    if number == 0 or abs(number) > 2.0**60 or abs(number) < 2.0**-60:
        return None
    mantissa, _ = number.hex().split("p")
    if mantissa.lstrip("-") not in ("0x1.0000000000000",):
        return None
    return b.pointwise("mul", x, b.broadcast_to(b.const(1 / number, node.dtype), node.shape))


@rule("sub", over=NUMBERS)
def subtract_zero(b: Builder, node: Node) -> Node | None:
    """``x - 0 -> x``. Exact, for -0.0 too: ``-0.0 - 0.0`` is -0.0."""
    x, y = node.inputs
    return x if is_scalar(y, 0) else None


@rule("add", over=NUMBERS)
def add_zero(b: Builder, node: Node) -> Node | None:
    """``x + 0 -> x``. Exact for integers; for floats only the zero -0.0 is neutral."""
    x, y = node.inputs
    zero = -0.0 if node.dtype.is_floating else 0
    if is_scalar(y, zero):
        return x
    return y if is_scalar(x, zero) else None


@rule("neg", over=("neg",))
def double_negation(b: Builder, node: Node) -> Node | None:
    """``-(-x) -> x``. Exact; integers wrap twice."""
    (x,) = node.inputs
    return x.inputs[0] if x.op == "neg" else None


@rule("add", "sub", over=("neg",))
def add_of_negation(b: Builder, node: Node) -> Node | None:
    """``x + (-y) -> x - y`` and ``x - (-y) -> x + y``. Exact."""
    x, y = node.inputs
    if y.op == "neg":
        return b.pointwise("sub" if node.op == "add" else "add", x, y.inputs[0])
    if x.op == "neg" and node.op == "add":
        return b.pointwise("sub", y, x.inputs[0])
    return None


@rule("select")
def constant_condition(b: Builder, node: Node) -> Node | None:
    """``select(true, x, y) -> x``, ``select(false, x, y) -> y``, ``select(c, x, x) -> x``."""
    condition, x, y = node.inputs
    if x is y:
        return x
    known = scalar_value(condition)
    if known is None:
        return None
    return x if known else y


@rule("pow", phase="specialise", accuracy="not worse")
def small_powers(b: Builder, node: Node) -> Node | None:
    """``x**1 -> x``, ``x**2 -> x*x``, ``x**3 -> x*x*x``, ``x**-1 -> 1/x``, ``x**0 -> 1``.

    A square rounds once, as pow does at best; the cube rounds twice, within one unit more. Both are
    right for every special value. Not for fractional powers: the square root of -inf is nan, its
    power 0.5 is inf.
    """
    x, y = node.inputs
    exponent = scalar_value(y)
    if exponent is None or exponent not in (0, 1, 2, 3, -1):
        return None
    if exponent == 0:
        return b.full(node.shape, 1, node.dtype)
    if exponent == -1:
        return b.pointwise("div", 1, x) if node.dtype.is_floating else None
    power = x
    for _ in range(int(exponent) - 1):
        power = b.pointwise("mul", power, x)
    return power


@rule("abs", over=("abs", "neg"))
def absolute_of_absolute(b: Builder, node: Node) -> Node | None:
    """``abs(abs(x)) -> abs(x)`` and ``abs(-x) -> abs(x)``. Exact."""
    (x,) = node.inputs
    if x.op == "abs":
        return x
    return b.pointwise("abs", x.inputs[0]) if x.op == "neg" else None


@rule("max", "min", "and", "or")
def idempotent(b: Builder, node: Node) -> Node | None:
    """``max(x, x) -> x`` and its like. Exact, nan included."""
    x, y = node.inputs
    return x if x is y else None


@rule("not", over=("not",))
def double_not(b: Builder, node: Node) -> Node | None:
    """``not(not(x)) -> x``."""
    (x,) = node.inputs
    return x.inputs[0] if x.op == "not" else None


@rule("and", "or", over=NUMBERS)
def constant_logic(b: Builder, node: Node) -> Node | None:
    """``and(x, true) -> x``, ``or(x, false) -> x``, and the constants that absorb."""
    if not node.dtype.is_bool:
        return None
    for x, c in (node.inputs, node.inputs[::-1]):
        known = scalar_value(c)
        if known is not None:
            return x if bool(known) == (node.op == "and") else c
    return None


@rule("cast", over=("cast",))
def cast_of_cast(b: Builder, node: Node) -> Node | None:
    """``cast(cast(x))`` is one cast when the type in between holds every value of x.

    So for bool into anything, for a float or integer type into a wider one of its kind, and for
    integers into floats that hold them exactly.
    """
    (inner,) = node.inputs
    if inner.op != "cast":
        return None
    source, between = inner.inputs[0].dtype, inner.dtype
    wider = source.kind == between.kind and between.size > source.size
    same_range = source.name not in ("float16", "bfloat16") or between.size >= 4
    exact = source.is_integer and between.is_floating and between.size > source.size
    if source.is_bool or (wider and same_range) or (exact and between.size >= 4):
        return b.cast(inner.inputs[0], node.dtype)
    return None


@rule("slice", over=("slice",))
def slice_of_slice(b: Builder, node: Node) -> Node | None:
    """A slice of a slice is one slice."""
    (inner,) = node.inputs
    if inner.op != "slice":
        return None
    outer_start, outer_stride = node["start"], node["stride"]
    steps = list(zip(inner["start"], inner["stride"], outer_start, outer_stride, strict=True))
    start = [a + first * step for a, step, first, _ in steps]
    stride = [step * again for _, step, _, again in steps]
    return b.slice(inner.inputs[0], start, node["size"], stride)
