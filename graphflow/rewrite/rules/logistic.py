"""Sigmoids, hyperbolic tangents and error functions that were written out by hand."""

from __future__ import annotations

from graphflow.ir.builder import Builder
from graphflow.ir.node import Node
from graphflow.rewrite.rule import is_scalar
from graphflow.rewrite.rules.stability import other_operand, stabilising


def _negates(x: Node, y: Node) -> bool:
    """Whether one operand is the other with a sign."""
    return (x.op == "neg" and x.inputs[0] is y) or (y.op == "neg" and y.inputs[0] is x)


@stabilising("div", over=("add",))
def share_of_two_exp(b: Builder, node: Node) -> Node | None:
    """``exp(x) / (exp(x) + exp(y)) -> sigmoid(x - y)``. Both overflow, or both underflow."""
    above, below = node.inputs
    if above.op != "exp" or below.op != "add" or any(i.op != "exp" for i in below.inputs):
        return None
    for own, other in (below.inputs, below.inputs[::-1]):
        if own is above:
            return b.sigmoid(b.sub(above.inputs[0], other.inputs[0]))
    return None


@stabilising("div", over=("add",))
def quotient_is_tanh(b: Builder, node: Node) -> Node | None:
    """``(exp(x) - exp(-x)) / (exp(x) + exp(-x)) -> tanh(x)``: cancels near 0, overflows far off.

    ``expm1(x) / (1 + exp(x)) -> tanh(x / 2)`` is the other form of it.
    """
    above, below = node.inputs
    if below.op != "add":
        return None
    if above.op == "expm1":
        exponential = other_operand(below, 1)
        if exponential is not None and exponential is b.exp(above.inputs[0]):
            return b.tanh(b.mul(above.inputs[0], 0.5))
        return None
    if above.op != "sub" or set(above.inputs) != set(below.inputs):
        return None
    if any(i.op != "exp" for i in above.inputs):
        return None
    x, y = (i.inputs[0] for i in above.inputs)
    if not _negates(x, y):
        return None
    return b.neg(b.tanh(y)) if x.op == "neg" else b.tanh(x)


@stabilising("div", over=("add",))
def number_over_one_plus_exp(b: Builder, node: Node) -> Node | None:
    """``c / (1 + exp(x)) -> c * sigmoid(-x)``; so the quotient keeps digits where exp overflows."""
    above, below = node.inputs
    exponential = other_operand(below, 1) if below.op == "add" else None
    if exponential is None or exponential.op != "exp" or above is exponential:
        return None
    if is_scalar(above, 1) or above.op in ("expm1", "neg"):
        return None
    return b.mul(above, b.sigmoid(b.neg(exponential.inputs[0])))


@stabilising("mul", over=("sub",))
def half_difference_is_sinh(b: Builder, node: Node) -> Node | None:
    """``(exp(x) - exp(-x)) / 2 -> sinh(x)``. Near zero the difference cancels."""
    difference = other_operand(node, 0.5)
    if difference is None or difference.op != "sub":
        return None
    if any(i.op != "exp" for i in difference.inputs) or node.dtype.is_complex:
        return None
    x, y = (i.inputs[0] for i in difference.inputs)
    if not _negates(x, y):
        return None
    return b.neg(b.sinh(y)) if x.op == "neg" else b.sinh(x)


@stabilising("sub", over=("mul",))
def doubled_sigmoid_is_tanh(b: Builder, node: Node) -> Node | None:
    """``2 * sigmoid(x) - 1 -> tanh(x / 2)``. Near zero the difference cancels."""
    product, one = node.inputs
    if product.op != "mul" or not is_scalar(one, 1):
        return None
    sigmoid = other_operand(product, 2)
    if sigmoid is None or sigmoid.op != "sigmoid":
        return None
    return b.tanh(b.mul(sigmoid.inputs[0], 0.5))


@stabilising("mul", over=("sigmoid",))
def sigmoid_by_exp(b: Builder, node: Node) -> Node | None:
    """``exp(x) * sigmoid(-x) -> sigmoid(x)``: inf * 0 for large x."""
    for exponential, sigmoid in (node.inputs, node.inputs[::-1]):
        if exponential.op == "exp" and sigmoid.op == "sigmoid":
            x, y = exponential.inputs[0], sigmoid.inputs[0]
            if _negates(x, y):
                return b.sigmoid(x)
    return None


@stabilising("div", over=("sigmoid",))
def odds_of_sigmoid(b: Builder, node: Node) -> Node | None:
    """``sigmoid(x) / sigmoid(-x) -> exp(x)``: the odds p / (1 - p), which become x / 0."""
    if any(i.op != "sigmoid" for i in node.inputs):
        return None
    x, y = (i.inputs[0] for i in node.inputs)
    return b.exp(x) if _negates(x, y) else None


@stabilising("add", "sub", over=("erf", "erfc"))
def one_and_erf(b: Builder, node: Node) -> Node | None:
    """``1 - erf(x) -> erfc(x)``, ``1 + erf(x) -> erfc(-x)``, ``erf(x) - 1 -> -erfc(x)``.

    Also ``1 - erfc(x) -> erf(x)`` and ``erfc(x) - 1 -> -erf(x)``. What remains near 1 cancels.
    """
    first, second = node.inputs
    if node.op == "add":
        x = other_operand(node, 1)
        if x is not None:
            return b.erfc(b.neg(x.inputs[0])) if x.op == "erf" else None
        x = other_operand(node, -1)
        return b.neg(_complement(b, x)) if x is not None and x.op in ("erf", "erfc") else None
    if is_scalar(first, 1) and second.op in ("erf", "erfc"):
        return _complement(b, second)
    if is_scalar(second, 1) and first.op in ("erf", "erfc"):
        return b.neg(_complement(b, first))
    return None


def _complement(b: Builder, node: Node) -> Node:
    return b.pointwise("erfc" if node.op == "erf" else "erf", node.inputs[0])


@stabilising("sub", over=("cos",))
def one_minus_cosine(b: Builder, node: Node) -> Node | None:
    """``1 - cos(x) -> 2 sin(x / 2)**2``. Near zero the difference cancels."""
    one, cosine = node.inputs
    if cosine.op != "cos" or not is_scalar(one, 1) or node.dtype.is_complex:
        return None
    return b.mul(b.square(b.sin(b.mul(cosine.inputs[0], 0.5))), 2.0)


@stabilising("sigmoid", over=("log",))
def sigmoid_of_logit(b: Builder, node: Node) -> Node | None:
    """``sigmoid(log(x / (1 - x))) -> x`` for x in [0, 1], and nan elsewhere."""
    quotient = node.inputs[0].inputs[0]
    if quotient.op != "div" or node.dtype.is_complex:
        return None
    x, rest = quotient.inputs
    if rest.op != "sub" or not is_scalar(rest.inputs[0], 1) or rest.inputs[1] is not x:
        return None
    inside = b.and_(b.ge(x, 0.0), b.le(x, 1.0))
    return b.select(inside, x, float("nan"))
