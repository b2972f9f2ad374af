"""Functions and their inverses, powers and roots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow.ir.builder import Builder
from graphflow.ir.node import Node
from graphflow.rewrite.rule import NUMBERS, is_scalar, rule, scalar_value
from graphflow.rewrite.rules.signs import is_nonnegative

_NAN = float("nan")


def _specialising(*roots: str, over: Sequence[str] = ()) -> Any:
    return rule(*roots, phase="specialise", accuracy="not worse", over=over)


def _from(b: Builder, x: Node, least: float, value: Node) -> Node:
    """`value` where x is `least` or more, and nan elsewhere."""
    return b.select(b.pointwise("ge", x, least), value, _NAN)


@rule("exp", "expm1", accuracy="not worse", over=("log", "log1p"))
def exp_of_log(b: Builder, node: Node) -> Node | None:
    """``exp(log(x)) -> x``, ``exp(log1p(x)) -> 1 + x``, ``expm1(log(x)) -> x - 1`` and
    ``expm1(log1p(x)) -> x``, all with nan where the logarithm has none, and +0 for the -0.0.

    No digits are lost on the way, where exp multiplies the rounding of a large logarithm.
    """  # noqa: D205
    (inner,) = node.inputs
    if node.dtype.is_complex:
        return None
    x = inner.inputs[0]
    if inner.op == "log":
        if is_nonnegative(x):
            return x if node.op == "exp" else b.sub(x, 1.0)
        value = b.abs(x) if node.op == "exp" else b.sub(x, 1.0)
        return _from(b, x, 0.0, value)
    return _from(b, x, -1.0, x if node.op == "expm1" else b.add(x, 1.0))


@rule("log1p", accuracy="not worse", over=("expm1",))
def log1p_of_expm1(b: Builder, node: Node) -> Node | None:
    """``log1p(expm1(x)) -> x``. expm1 overflows, and rounds to -1, on the way."""
    return node.inputs[0].inputs[0] if not node.dtype.is_complex else None


@rule("exp", phase="stabilise", accuracy="not worse", over=("softplus", "neg"))
def exp_of_softplus(b: Builder, node: Node) -> Node | None:
    """``exp(softplus(x)) -> 1 + exp(x)`` and ``exp(-softplus(x)) -> sigmoid(-x)``."""
    (inner,) = node.inputs
    if inner.op == "softplus":
        return b.add(b.exp(inner.inputs[0]), 1.0)
    if inner.op == "neg" and inner.inputs[0].op == "softplus":
        return b.sigmoid(b.neg(inner.inputs[0].inputs[0]))
    return None


@rule("log", phase="stabilise", accuracy="not worse", over=("sqrt", "div"))
def log_of_root(b: Builder, node: Node) -> Node | None:
    """``log(sqrt(x)) -> log(x) / 2``; ``log(1 / x) -> -log(x)`` where x cannot be -0.0 or less.

    The reciprocal overflows for denormal x. With -0.0 it would be -inf, whose logarithm is nan.
    """
    (inner,) = node.inputs
    if node.dtype.is_complex:
        return None
    if inner.op == "sqrt":
        return b.mul(b.log(inner.inputs[0]), 0.5)
    if inner.op == "div" and is_scalar(inner.inputs[0], 1) and is_nonnegative(inner.inputs[1]):
        return b.neg(b.log(inner.inputs[1]))
    return None


@_specialising("mul", over=("sqrt",))
def square_of_root(b: Builder, node: Node) -> Node | None:
    """``sqrt(x) * sqrt(x) -> x`` with nan for negative x, and +0 for -0.0. Nothing is rounded."""
    x, y = node.inputs
    if x is not y or node.dtype.is_complex:
        return None
    source = x.inputs[0]
    return source if is_nonnegative(source) else _from(b, source, 0.0, b.abs(source))


@_specialising("pow", over=NUMBERS)
def root_as_power(b: Builder, node: Node) -> Node | None:
    """``x**0.5 -> sqrt(x)`` and ``x**-0.5 -> 1 / sqrt(x)``, a tenth of the work.

    At -inf, the root is nan and the power is inf; at -0.0 the power is +0: a select and the sum
    ``x + 0`` keep both. Where x cannot be negative they are not needed.
    """
    x, y = node.inputs
    exponent = scalar_value(y)
    if exponent is None or exponent not in (0.5, -0.5) or not node.dtype.is_floating:
        return None
    root = b.sqrt(x) if is_nonnegative(x) else _root(b, x)
    return root if exponent > 0 else b.div(1.0, root)


def _root(b: Builder, x: Node) -> Node:
    infinite = b.pointwise("eq", x, float("-inf"))
    return b.select(infinite, float("inf"), b.sqrt(b.add(x, 0.0)))


@_specialising("pow", over=NUMBERS)
def repeated_squares(b: Builder, node: Node) -> Node | None:
    """``x**4 -> (x*x)**2`` and ``x**-2 -> (1/x)**2``; for integers any constant power up to 64.

    Floats round twice or three times: within one and a half units. (1/x first: the square of x
    overflows sooner.) Integers are exact modulo 2**n.
    """
    x, y = node.inputs
    exponent = scalar_value(y)
    if exponent is None or node.dtype.is_complex:
        return None
    if node.dtype.is_integer:
        return _integer_power(b, x, int(exponent)) if 4 <= exponent <= 64 else None
    if exponent == 4:
        return b.square(b.square(x))
    return b.square(b.div(1.0, x)) if exponent == -2 else None


def _integer_power(b: Builder, x: Node, exponent: int) -> Node:
    if exponent == 1:
        return x
    half = b.square(_integer_power(b, x, exponent // 2))
    return b.mul(half, x) if exponent % 2 else half


@rule("pow", over=NUMBERS)
def power_of_one(b: Builder, node: Node) -> Node | None:
    """``1**x -> 1``, for nan too. Exact."""
    x, _ = node.inputs
    return x if not node.dtype.is_complex and is_scalar(x, 1) else None


@_specialising("div", "mul", over=("div",))
def reciprocals_meet(b: Builder, node: Node) -> Node | None:
    """``x / (1 / y) -> x * y`` and ``x * (1 / y) -> x / y``: one rounding in place of two.

    The reciprocal of a denormal overflows.
    """
    if node.dtype.is_complex:
        return None
    x, y = node.inputs
    if node.op == "mul" and not _is_reciprocal(y):
        x, y = y, x
    if not _is_reciprocal(y) or x is y:
        return None
    return b.pointwise("mul" if node.op == "div" else "div", x, y.inputs[1])


def _is_reciprocal(node: Node) -> bool:
    return node.op == "div" and is_scalar(node.inputs[0], 1)


@_specialising("mul", over=NUMBERS)
def float_factors_meet(b: Builder, node: Node) -> Node | None:
    """``(x * c) * d -> x * (c * d)`` for numbers: one rounding less per element.

    Not where ``c * d`` would be zero, denormal or infinite.
    """
    if not node.dtype.is_floating or node.dtype.size < 4:
        return None
    limits = np.finfo(node.dtype.numpy)
    for x, d in (node.inputs, node.inputs[::-1]):
        if x.op != "mul" or (second := scalar_value(d)) is None:
            continue
        for y, c in (x.inputs, x.inputs[::-1]):
            first = scalar_value(c)
            if first is None:
                continue
            both = float(first) * float(second)
            if limits.tiny <= abs(both) <= limits.max:
                return b.mul(y, both)
    return None
