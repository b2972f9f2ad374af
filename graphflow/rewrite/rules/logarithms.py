"""Logarithms of sums, differences and quotients of exponentials, and of functions that underflow.

As in `stability`: both sides have the same real value, and the new one is finite where the old one
gave inf or nan because something on the way overflowed, underflowed or cancelled.
"""

from __future__ import annotations

import math

from graphflow.ir.builder import Builder
from graphflow.ir.node import Node
from graphflow.rewrite.driver import remake
from graphflow.rewrite.rule import is_scalar, scalar_value
from graphflow.rewrite.rules.quotients import without_divisor
from graphflow.rewrite.rules.stability import stabilising, sum_of_exp

_LN2 = math.log(2)
_VIEWS = ("slice", "transpose", "gather", "reshape", "broadcast")
_ERFC_FAR = {"float32": 9.0, "float64": 25.0}  # erfc is a normal number up to here


@stabilising("sub", over=("exp",))
def one_minus_exp(b: Builder, node: Node) -> Node | None:
    """``1 - exp(x) -> -expm1(x)``. Near zero the difference cancels."""
    x, y = node.inputs
    return b.neg(b.expm1(y.inputs[0])) if y.op == "exp" and is_scalar(x, 1) else None


def _is_bounded(x: Node, op: str) -> bool:
    return x.op == op and any(scalar_value(i) is not None for i in x.inputs)


def _log1mexp(b: Builder, x: Node) -> Node:
    """``log(1 - exp(x))``: by expm1 above -log(2), by log1p below, as each is exact there.

    The bounds tell the rules below that these forms are final (Maechler, "Accurately computing
    log(1 - exp(-|a|))", 2012).
    """
    near = b.log(b.neg(b.expm1(b.max(x, -_LN2))))
    far = b.log1p(b.neg(b.exp(b.min(x, -_LN2))))
    return b.select(b.gt(x, -_LN2), near, far)


@stabilising("log", "log1p", over=("neg",))
def log_of_one_minus_exp(b: Builder, node: Node) -> Node | None:
    """``log(1 - exp(x))`` loses all digits at both ends: as ``log(-expm1(x))`` far below zero,
    where it rounds to 0, as ``log1p(-exp(x))`` near zero.
    """  # noqa: D205
    inner = node.inputs[0]
    if inner.op != "neg" or node.dtype.is_complex:
        return None
    function, bound = ("expm1", "max") if node.op == "log" else ("exp", "min")
    source = inner.inputs[0]
    if source.op != function or _is_bounded(source.inputs[0], bound):
        return None
    return _log1mexp(b, source.inputs[0])


@stabilising("log", over=("expm1",))
def log_of_exp_minus_one(b: Builder, node: Node) -> Node | None:
    """``log(exp(x) - 1) -> x + log(1 - exp(-x))``, softplus's inverse. exp overflows."""
    (inner,) = node.inputs
    if inner.op != "expm1" or node.dtype.is_complex:
        return None
    return b.add(inner.inputs[0], _log1mexp(b, b.neg(inner.inputs[0])))


def _exp_terms(node: Node) -> list[Node | float] | None:
    """The logarithms of the terms of a sum of exponentials and positive numbers."""
    if node.op == "add":
        sides = [_exp_terms(i) for i in node.inputs]
        return None if sides[0] is None or sides[1] is None else sides[0] + sides[1]
    if node.op == "exp":
        return [node.inputs[0]]
    value = scalar_value(node)
    return [math.log(value)] if value is not None and 0 < value < math.inf else None


@stabilising("log", over=("add",))
def log_add_exp(b: Builder, node: Node) -> Node | None:
    """``log(exp(x) + exp(y)) -> max(x, y) + softplus(-abs(x - y))``, for more terms in turn.

    The exponentials overflow, or all underflow. A difference of equal infinities is taken as 0, so
    that -inf and -inf give -inf. A term may be a positive number.
    """
    (inner,) = node.inputs
    terms = _exp_terms(inner) if inner.op == "add" and node.dtype.is_floating else None
    if terms is None or len(terms) > 4 or any(is_scalar(i, 1) for i in inner.inputs):
        return None
    exponents = [t for t in terms if isinstance(t, Node)]
    if not exponents:
        return None
    total, *others = exponents
    numbers = [t for t in terms if not isinstance(t, Node)]
    for term in [*others, *(b.full(node.shape, v, node.dtype) for v in numbers)]:
        distance = b.select(b.eq(total, term), 0.0, b.sub(total, term))
        total = b.add(b.max(total, term), b.softplus(b.neg(b.abs(distance))))
    return total


@stabilising("log", over=("sub",))
def log_difference_of_exp(b: Builder, node: Node) -> Node | None:
    """``log(exp(x) - exp(y)) -> x + log(1 - exp(y - x))``. The exponentials overflow or cancel."""
    (inner,) = node.inputs
    if inner.op != "sub" or any(i.op != "exp" for i in inner.inputs) or node.dtype.is_complex:
        return None
    x, y = (i.inputs[0] for i in inner.inputs)
    difference = b.select(b.eq(x, y), 0.0, b.sub(y, x))
    return b.add(x, _log1mexp(b, difference))


@stabilising("log", over=("mul", "div"))
def log_of_scaled_sum_of_exp(b: Builder, node: Node) -> Node | None:
    """``log(c * sum(exp(x))) -> log(sum(exp(x))) + log(c)`` for a number c > 0: log-mean-exp.

    Also for a quotient, which is how a mean is written, and for a sum of a few terms. Then the sum
    finds its stable form.
    """
    (inner,) = node.inputs
    if inner.op not in ("mul", "div"):
        return None
    pairs = [inner.inputs] if inner.op == "div" else [inner.inputs, inner.inputs[::-1]]
    for total, c in pairs:
        value = scalar_value(c)
        if value is None or not 0 < value < math.inf or not node.dtype.is_floating:
            continue
        if sum_of_exp(total) is None and (total.op != "add" or _exp_terms(total) is None):
            continue
        part = math.log(value)
        return b.add(b.log(total), part if inner.op == "mul" else -part)
    return None


@stabilising("log", over=("slice", "transpose", "gather"))
def log_below_views(b: Builder, node: Node) -> Node | None:
    """``log(view(y)) -> view(log(y))`` for a softmax, a sigmoid or a sum of exponentials y.

    So that the logarithm meets what it can be merged with. Exact; no logarithm is computed twice.
    """
    chain, source = [], node.inputs[0]
    while source.op in _VIEWS:
        chain.append(source)
        source = source.inputs[0]
    is_softmax = source.op == "div" and source.inputs[0].op == "exp"
    is_softmax = is_softmax and sum_of_exp(source.inputs[1]) is not None
    if not chain or not (is_softmax or source.op == "sigmoid"):
        return None
    result = b.log(source)
    for step in reversed(chain):
        result = remake(b, step, (result, *step.inputs[1:]))
    return result


@stabilising("log", over=("cosh",))
def log_of_cosh(b: Builder, node: Node) -> Node | None:
    """``log(cosh(x)) -> abs(x) + softplus(-2 abs(x)) - log(2)``. cosh overflows for large x."""
    (inner,) = node.inputs
    if inner.op != "cosh" or node.dtype.is_complex:
        return None
    size = b.abs(inner.inputs[0])
    return b.add(size, b.sub(b.softplus(b.mul(size, -2.0)), _LN2))


@stabilising("log", over=("erfc",))
def log_of_erfc(b: Builder, node: Node) -> Node | None:
    """``log(erfc(x)) -> log(series) - log(x sqrt(pi)) - x**2`` where erfc underflows.

    What the series leaves out is below a unit of the result.
    """
    (inner,) = node.inputs
    limit = _ERFC_FAR.get(node.dtype.name)
    if inner.op != "erfc" or limit is None or _is_bounded(inner.inputs[0], "min"):
        return None
    x = inner.inputs[0]
    near = b.log(b.erfc(b.min(x, limit)))
    large = b.max(x, limit)
    square = b.square(large)
    below = b.log(b.mul(large, math.sqrt(math.pi)))
    far = b.sub(b.sub(b.log(_erfc_series(b, square)), below), square)
    return b.select(b.le(x, limit), near, far)


def _erfc_series(b: Builder, square: Node) -> Node:
    """``sqrt(pi) x exp(x**2) erfc(x)`` for large x, given the square of x.

    ``1 - t + 1*3*t**2 - 1*3*5*t**3 ...`` with ``t = 1 / (2x**2)`` (Abramowitz, Stegun, 7.1.23).
    """
    small = b.div(0.5, square)
    total = b.sub(1.0, b.mul(small, 13.0))
    for factor in (11.0, 9.0, 7.0, 5.0, 3.0, 1.0):
        total = b.sub(1.0, b.mul(b.mul(small, factor), total))
    return total


def _gaussian(node: Node) -> Node | None:
    """The x of which the node is ``exp(-x*x)``."""
    if node.op != "exp" or node.inputs[0].op != "neg":
        return None
    square = node.inputs[0].inputs[0]
    same = square.op == "mul" and square.inputs[0] is square.inputs[1]
    return square.inputs[0] if same else None


@stabilising("mul", "div", over=("exp",))
def gaussian_over_erfc(b: Builder, node: Node) -> Node | None:
    """``exp(-x**2) / erfc(x) -> x sqrt(pi) / series`` where it is 0 / 0.

    The gradient of log(erfc(x)) has it.
    """
    for above, other in (node.inputs, node.inputs[::-1])[: 2 if node.op == "mul" else 1]:
        x, limit = _gaussian(above), _ERFC_FAR.get(node.dtype.name)
        if x is None or limit is None or _is_bounded(x, "min"):
            continue
        below = b.erfc(x)
        if node.op == "div":
            rest = b.full(node.shape, 1.0, node.dtype) if other is below else None
        else:
            rest = without_divisor(b, other, below)
        if rest is None:
            continue
        low, large = b.min(x, limit), b.max(x, limit)
        near = b.div(b.exp(b.neg(b.square(low))), b.erfc(low))
        far = b.div(b.mul(large, math.sqrt(math.pi)), _erfc_series(b, b.square(large)))
        return b.mul(rest, b.select(b.le(x, limit), near, far))
    return None
