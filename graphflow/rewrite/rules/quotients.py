"""Quotients that meet their divisor again, as gradients of logarithms build them.

The gradient of log(s) divides by s, that of s multiplies by it: ``g / s * s`` is 0 / 0 where s
underflowed. For an s that is positive in real numbers both go.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from graphflow.ir.builder import Builder
from graphflow.ir.dims import is_static
from graphflow.ir.node import Node
from graphflow.rewrite.rule import scalar_value
from graphflow.rewrite.rules.stability import (
    is_shifted,
    like_view,
    shifted_exponent,
    stabilising,
    sum_of_exp,
)

_DEPTH = 4  # products and signs that are searched for a divisor


def find_divided(
    b: Builder, node: Node, is_divisor: Callable[[Node], bool], depth: int = _DEPTH
) -> tuple[Node, Node] | None:
    """(a, s) when the node is ``a / s``, perhaps with products and signs around it."""
    if node.op == "div" and is_divisor(node.inputs[1]):
        return node.inputs[0], node.inputs[1]
    if depth == 0 or node.op not in ("mul", "neg", "div"):
        return None
    for k, operand in enumerate(node.inputs[: 1 if node.op == "div" else 2]):
        found = find_divided(b, operand, is_divisor, depth - 1)
        if found is not None:
            operands = [found[0] if n == k else i for n, i in enumerate(node.inputs)]
            return b.pointwise(node.op, *operands), found[1]
    return None


def without_divisor(b: Builder, node: Node, divisor: Node) -> Node | None:
    """``a`` when the node is ``a / divisor``."""
    found = find_divided(b, node, lambda s: s is divisor)
    return None if found is None else found[0]


def _is_probability(node: Node) -> bool:
    """Whether the node is a sigmoid or a softmax: in real numbers above 0, never above 1."""
    if node.op == "div" and node.inputs[0].op == "exp":
        found = sum_of_exp(node.inputs[1])
        return found is not None and found[0] is node.inputs[0]
    return node.op == "sigmoid"


@stabilising("mul", over=("sigmoid", "div"))
def probability_cancels(b: Builder, node: Node) -> Node | None:
    """``(a / p) * p -> a`` and ``(a / p - t) * p -> a - t * p`` for a sigmoid or softmax p.

    A p that underflowed to 0 made it nan. Where p is nan the result stays nan.
    """
    for quotient, p in (node.inputs, node.inputs[::-1]):
        if not _is_probability(p):
            continue
        rest = without_divisor(b, quotient, p)
        if rest is not None:
            return b.select(b.is_nan(p), p, rest)
        if quotient.op in ("sub", "add"):
            rest = without_divisor(b, quotient.inputs[0], p)
            if rest is not None:
                return b.pointwise(quotient.op, rest, b.mul(quotient.inputs[1], p))
    return None


@stabilising("mul", over=("exp",))
def exp_by_reciprocal_of_sum(b: Builder, node: Node) -> Node | None:
    """``exp(x) * (a / sum(exp(x))) -> softmax(x) * a`` with the maximum taken out.

    A softmax that multiplies by a reciprocal, and the gradient of log-sum-exp: inf * 0 for large x.
    """
    for above, below in (node.inputs, node.inputs[::-1]):
        if above.op != "exp" or is_shifted(above.inputs[0]):
            continue
        small = below
        while small.op in ("broadcast", "reshape"):
            small = small.inputs[0]
        found = find_divided(b, small, partial(_is_sum_over, exponentials=above))
        if found is None:
            continue
        rest, total = found
        bare = _unscaled(total)
        summed = sum_of_exp(bare)
        assert summed is not None
        shifted, _ = shifted_exponent(b, above.inputs[0], summed[1]["axes"])
        exponentials = b.exp(shifted)
        new_total = like_view(b, b.reduce("sum", exponentials, summed[1]["axes"]), summed[1], bare)
        if bare is not total:
            operands = [new_total if i is bare else i for i in total.inputs]
            new_total = b.pointwise(total.op, *operands)
        factor = like_view(b, new_total, small, below)
        return b.mul(b.div(exponentials, factor), like_view(b, rest, small, below))
    return None


@stabilising("mul", over=("exp",))
def softmax_gradient(b: Builder, node: Node) -> Node | None:
    """``(u / s + sum(v / s)) * exp(x) -> (u + sum(v)) * (exp(x) / s)`` with ``s = sum(exp(x))``.

    The gradient of a softmax by hand, each term of which is divided by the sum of exponentials;
    that the quotient is one of softmax's own kind is for other rules. inf / inf for large x.
    """
    for above, below in (node.inputs, node.inputs[::-1]):
        if above.op != "exp" or is_shifted(above.inputs[0]):
            continue
        divisor = _divisor_within(below, above)
        rest = None if divisor is None else _times(b, below, divisor)
        if rest is not None:
            assert divisor is not None
            return b.mul(rest, b.div(above, divisor))
    return None


def _divisor_within(node: Node, exponentials: Node, depth: int = 2 * _DEPTH) -> Node | None:
    """A view of the sum of the exponentials by which some term of a sum is divided."""
    if depth == 0 or node.op not in _OF_SUMS:
        return None
    if node.op == "div" and node.shape == exponentials.shape:
        found = sum_of_exp(node.inputs[1])
        if found is not None and found[0] is exponentials:
            return node.inputs[1]
    for operand in node.inputs[: 1 if node.op == "div" else 2]:
        divisor = _divisor_within(operand, exponentials, depth - 1)
        if divisor is not None:
            return divisor
    return None


_OF_SUMS = frozenset(("add", "sub", "mul", "neg", "div", "broadcast", "reshape", "reduce_sum"))


def _times(b: Builder, node: Node, divisor: Node, depth: int = 2 * _DEPTH) -> Node | None:
    """``node * divisor`` where each term of the node is divided by that, a view of a sum."""
    if depth == 0:
        return None
    if node.op == "div" and node.inputs[1] is divisor:
        return node.inputs[0]
    if node.op in ("add", "sub"):
        terms = [_times(b, i, divisor, depth - 1) for i in node.inputs]
        if terms[0] is None or terms[1] is None:
            return None
        return b.pointwise(node.op, terms[0], terms[1])
    if node.op in ("mul", "neg", "div"):
        for k, operand in enumerate(node.inputs[: 1 if node.op == "div" else 2]):
            found = _times(b, operand, divisor, depth - 1)
            if found is not None:
                operands = [found if n == k else i for n, i in enumerate(node.inputs)]
                return b.pointwise(node.op, *operands)
        return None
    if node.op in ("broadcast", "reshape"):
        return _times_sum(b, node, divisor, depth)
    return None


def _times_sum(b: Builder, node: Node, divisor: Node, depth: int) -> Node | None:
    """`_times` for a view of a sum over the very axes along which the divisor is constant."""
    small, total = node, divisor
    while small.op in ("broadcast", "reshape"):
        small = small.inputs[0]
    while total.op in ("broadcast", "reshape"):
        total = total.inputs[0]
    summed = small.inputs[0] if small.op == "neg" else small
    if summed.op != "reduce_sum" or not is_static(node.shape):
        return None
    same = summed["axes"] == total["axes"] and summed.shape == total.shape
    if not (summed.type.size == total.type.size == 1) and not (
        same and like_view(b, total, small, node) is divisor
    ):
        return None
    terms = _times(b, summed.inputs[0], divisor, depth - 1)
    if terms is None:
        return None
    result = b.reduce("sum", terms, summed["axes"])
    return like_view(b, b.neg(result) if small is not summed else result, small, node)


def _unscaled(node: Node) -> Node:
    """What is multiplied or divided by a number, as a mean is; else the node itself."""
    if node.op in ("mul", "div") and scalar_value(node.inputs[1]) is not None:
        return node.inputs[0]
    return node


def _is_sum_over(node: Node, exponentials: Node) -> bool:
    found = sum_of_exp(_unscaled(node))
    return found is not None and found[0] is exponentials


@stabilising("sub", over=("broadcast", "reshape", "add"))
def log_softmax_from_sum(b: Builder, node: Node) -> Node | None:
    """``x - (m + log(sum(exp(x - m)))) -> (x - m) - log(sum(exp(x - m)))`` with m the maximum.

    A log-softmax by hand, once log-sum-exp is stable: small differences of a large x keep their
    digits.
    """
    x, below = node.inputs
    total = below
    while total.op in ("broadcast", "reshape"):
        total = total.inputs[0]
    if total.op != "add" or total.inputs[1].op != "log":
        return None
    top, logarithm = total.inputs
    summed = logarithm.inputs[0]
    while summed.op == "reshape":
        summed = summed.inputs[0]
    if summed.op != "reduce_sum" or summed.inputs[0].op != "exp":
        return None
    shifted = summed.inputs[0].inputs[0]
    if shifted.op != "sub" or shifted.inputs[0] is not x or not is_shifted(shifted):
        return None
    if like_view(b, top, total, below) is not shifted.inputs[1]:
        return None
    return b.sub(shifted, like_view(b, logarithm, total, below))


@stabilising("exp", over=("sub",))
def exp_of_log_softmax(b: Builder, node: Node) -> Node | None:
    """``exp(x - log(sum(exp(x)))) -> exp(x) / sum(exp(x))``: the exponentials are there already."""
    (inner,) = node.inputs
    if inner.op != "sub":
        return None
    x, view = inner.inputs
    logarithm = view
    while logarithm.op in ("broadcast", "reshape"):
        logarithm = logarithm.inputs[0]
    if logarithm.op != "log":
        return None
    total = sum_of_exp(logarithm.inputs[0])
    if total is None or total[0].inputs[0] is not x or not is_shifted(x):
        return None
    below = like_view(b, logarithm.inputs[0], logarithm, view)
    return b.div(total[0], below)
