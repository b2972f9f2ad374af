"""Stabilising rules: expressions whose textbook form loses digits or overflows.

Both sides have the same real value. Where both are finite they agree to the rounding of the better
one; the new form may be finite where the old one gave inf or nan. (The set is Theano's.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.ir.builder import Builder
from graphflow.ir.node import Node
from graphflow.rewrite.rule import is_scalar, rule


def stabilising(*roots: str, over: Sequence[str] = ()) -> Any:
    """Register a rule of this phase."""
    return rule(*roots, phase="stabilise", accuracy="not worse", over=over)


def other_operand(node: Node, value: float) -> Node | None:
    """The other operand of a commutative node one of whose operands is `value` everywhere."""
    x, y = node.inputs
    if is_scalar(y, value):
        return x
    return y if is_scalar(x, value) else None


@stabilising("log", over=("add",))
def log_of_one_plus(b: Builder, node: Node) -> Node | None:
    """``log(1 + x) -> log1p(x)``, and ``log(1 + x + y) -> log1p(x + y)``.

    Near zero, rounding ``1 + x`` loses x.
    """
    (inner,) = node.inputs
    if inner.op != "add":
        return None
    x = other_operand(inner, 1)
    if x is not None:
        return b.pointwise("log1p", x)
    for partial, y in (inner.inputs, inner.inputs[::-1]):
        x = other_operand(partial, 1) if partial.op == "add" and y.op != "exp" else None
        if x is not None:
            return b.pointwise("log1p", b.pointwise("add", x, y))
    return None


@stabilising("log", over=("sub",))
def log_of_one_minus(b: Builder, node: Node) -> Node | None:
    """``log(1 - x) -> log1p(-x)``. Near zero, rounding ``1 - x`` loses x."""
    (inner,) = node.inputs
    if inner.op == "sub" and is_scalar(inner.inputs[0], 1):
        return b.pointwise("log1p", b.pointwise("neg", inner.inputs[1]))
    return None


@stabilising("sub", "add", over=("exp",))
def exp_minus_one(b: Builder, node: Node) -> Node | None:
    """``exp(x) - 1 -> expm1(x)``. Near zero the difference cancels."""
    if node.op == "sub":
        x = node.inputs[0] if is_scalar(node.inputs[1], 1) else None
    else:
        x = other_operand(node, -1)
    if x is None or x.op != "exp":
        return None
    return b.pointwise("expm1", x.inputs[0])


@stabilising("log1p", over=("exp",))
def log1p_of_exp(b: Builder, node: Node) -> Node | None:
    """``log1p(exp(x)) -> softplus(x)``. exp overflows for large x; softplus is then x."""
    (inner,) = node.inputs
    return b.pointwise("softplus", inner.inputs[0]) if inner.op == "exp" else None


@stabilising("log", over=("sigmoid",))
def log_of_sigmoid(b: Builder, node: Node) -> Node | None:
    """``log(sigmoid(x)) -> -softplus(-x)``. sigmoid underflows for very negative x."""
    (inner,) = node.inputs
    if inner.op != "sigmoid":
        return None
    return b.pointwise("neg", b.pointwise("softplus", b.pointwise("neg", inner.inputs[0])))


@stabilising("log1p", over=("neg",))
def log1p_of_minus_sigmoid(b: Builder, node: Node) -> Node | None:
    """``log1p(-sigmoid(x)) -> -softplus(x)``: log(1 - sigmoid(x)), where sigmoid rounds to one."""
    (inner,) = node.inputs
    if inner.op != "neg" or inner.inputs[0].op != "sigmoid":
        return None
    return b.pointwise("neg", b.pointwise("softplus", inner.inputs[0].inputs[0]))


@stabilising("sub", over=("sigmoid",))
def one_minus_sigmoid(b: Builder, node: Node) -> Node | None:
    """``1 - sigmoid(x) -> sigmoid(-x)``. For large x the difference cancels to zero."""
    x, y = node.inputs
    if y.op == "sigmoid" and is_scalar(x, 1):
        return b.pointwise("sigmoid", b.pointwise("neg", y.inputs[0]))
    return None


@stabilising("div", over=("add",))
def reciprocal_of_one_plus_exp(b: Builder, node: Node) -> Node | None:
    """``1 / (1 + exp(x)) -> sigmoid(-x)``; ``exp(x) / (1 + exp(x)) -> sigmoid(x)``.

    The second form gives inf/inf where exp overflows.
    """
    above, below = node.inputs
    x = other_operand(below, 1) if below.op == "add" else None
    if x is None or x.op != "exp":
        return None
    if is_scalar(above, 1):
        return b.pointwise("sigmoid", b.pointwise("neg", x.inputs[0]))
    return b.pointwise("sigmoid", x.inputs[0]) if above is x else None


def sum_of_exp(node: Node) -> tuple[Node, Node] | None:
    """(exp(x), reduction) when the node is a sum of exp(x), perhaps reshaped and broadcast."""
    while node.op in ("broadcast", "reshape"):
        node = node.inputs[0]
    if node.op != "reduce_sum" or node.inputs[0].op != "exp":
        return None
    return node.inputs[0], node


@stabilising("log", over=("div",))
def log_of_softmax(b: Builder, node: Node) -> Node | None:
    """``log(exp(x) / sum(exp(x))) -> x - log(sum(exp(x)))``. The quotient underflows."""
    (inner,) = node.inputs
    if inner.op != "div" or inner.inputs[0].op != "exp":
        return None
    found = sum_of_exp(inner.inputs[1])
    if found is None or found[0] is not inner.inputs[0]:
        return None
    return b.pointwise("sub", inner.inputs[0].inputs[0], b.pointwise("log", inner.inputs[1]))


def is_shifted(x: Node) -> bool:
    """Whether ``x`` is ``y - max(y)`` already, so that its exponentials cannot overflow."""
    if x.op != "sub":
        return False
    shift = x.inputs[1]
    while shift.op in ("broadcast", "reshape", "select"):
        shift = shift.inputs[1 if shift.op == "select" else 0]
    return shift.op == "reduce_max"


def shifted_exponent(b: Builder, x: Node, axes: tuple[int, ...]) -> tuple[Node, Node]:
    """``x - m`` and m, the maximum over the axes where it is finite and zero elsewhere."""
    top = b.reduce("max", x, axes, keepdims=True)
    finite = b.select(b.pointwise("is_finite", top), top, 0.0)
    return b.pointwise("sub", x, finite), finite


@stabilising("log", over=("reduce_sum", "broadcast", "reshape"))
def log_sum_exp(b: Builder, node: Node) -> Node | None:
    """``log(sum(exp(x))) -> m + log(sum(exp(x - m)))`` with m the maximum.

    No exponential overflows, and the largest term is one (P. Blanchard, D. Higham, N. Higham, IMA
    J. Numer. Anal. 41(4), 2021). A slice of -inf gives -inf, one with inf gives inf.
    """
    total = node.inputs[0]
    found = sum_of_exp(total)
    if found is None or is_shifted(found[0].inputs[0]):
        return None
    x, axes = found[0].inputs[0], found[1]["axes"]
    shifted, top = shifted_exponent(b, x, axes)
    summed = b.reduce("sum", b.pointwise("exp", shifted), axes, keepdims=True)
    result = b.pointwise("add", top, b.pointwise("log", summed))
    return like_view(b, result, found[1], total)


def like_view(b: Builder, kept: Node, reduction: Node, view: Node) -> Node:
    """A kept-dimension result in the form of `view`, a reshape or broadcast of the reduction."""
    flat = b.reshape(kept, reduction.shape)
    chain = []
    while view is not reduction:
        chain.append(view)
        view = view.inputs[0]
    for step in reversed(chain):
        if step.op == "reshape":
            flat = b.reshape(flat, step.shape)
        else:
            flat = b.broadcast(flat, step.shape, step["axes"])
    return flat


@stabilising("div", over=("exp",))
def softmax_without_shift(b: Builder, node: Node) -> Node | None:
    """``exp(x) / sum(exp(x)) -> exp(x - m) / sum(exp(x - m))``: no inf/inf for large x."""
    above, below = node.inputs
    found = sum_of_exp(below)
    if above.op != "exp" or found is None or found[0] is not above or is_shifted(above.inputs[0]):
        return None
    shifted, _ = shifted_exponent(b, above.inputs[0], found[1]["axes"])
    exponentials = b.pointwise("exp", shifted)
    summed = b.reduce("sum", exponentials, found[1]["axes"])
    return b.pointwise("div", exponentials, like_view(b, summed, found[1], below))


@stabilising("mul", over=("log",))
def x_log_x(b: Builder, node: Node) -> Node | None:
    """``x * log(x) -> 0 where x == 0``: the limit, in place of ``0 * -inf = nan``."""
    for x, y in (node.inputs, node.inputs[::-1]):
        if y.op == "log" and y.inputs[0] is x:
            safe = b.pointwise("log", b.select(b.pointwise("eq", x, 0.0), 1.0, x))
            return b.pointwise("mul", x, safe)
    return None


@stabilising("log", over=("exp",))
def log_of_exp(b: Builder, node: Node) -> Node | None:
    """``log(exp(x)) -> x``. exp overflows and underflows on the way."""
    (inner,) = node.inputs
    return inner.inputs[0] if inner.op == "exp" else None


@stabilising("sqrt", over=("mul",))
def root_of_square(b: Builder, node: Node) -> Node | None:
    """``sqrt(x * x) -> abs(x)``. The square overflows on the way."""
    (inner,) = node.inputs
    if inner.op == "mul" and inner.inputs[0] is inner.inputs[1]:
        return b.pointwise("abs", inner.inputs[0])
    return None
