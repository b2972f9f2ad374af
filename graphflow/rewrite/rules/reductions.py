"""Rules about reductions."""

from __future__ import annotations

from graphflow.ir.builder import Builder
from graphflow.ir.dims import product
from graphflow.ir.node import Node
from graphflow.ir.prims.reductions import neutral_element
from graphflow.rewrite.rule import is_scalar, rule, scalar_value

REDUCTIONS = (
    "reduce_sum", "reduce_max", "reduce_min", "reduce_prod", "reduce_and", "reduce_or",
)  # fmt: skip


@rule(
    "reduce_sum",
    "reduce_max",
    "reduce_min",
    "reduce_and",
    "reduce_or",
    accuracy="not worse",
    over=("broadcast",),
)
def reduction_of_broadcast(b: Builder, node: Node) -> Node | None:
    """A reduction over axes along which its operand repeats needs no loop.

    ``sum(broadcast(x)) -> x * count``: one rounding in place of many. Maxima, minima and logical
    reductions are x itself, of floats ``max(-inf, x)`` for nan; not over an empty axis, whose
    result is the neutral element.
    """
    (x,) = node.inputs
    if x.op != "broadcast":
        return None
    source, target = x.inputs[0], x["axes"]
    repeated = [k for k in node["axes"] if k not in target]
    if not repeated or any(not isinstance(x.shape[k], int) or x.shape[k] == 0 for k in repeated):
        return None
    left = [k for k in node["axes"] if k in target]
    kept = [k for k in range(x.rank) if k not in repeated]
    smaller = b.broadcast(source, tuple(x.shape[k] for k in kept), [kept.index(k) for k in target])
    kind = node.op.removeprefix("reduce_")
    reduced = b.reduce(kind, smaller, [kept.index(k) for k in left])
    if kind in ("max", "min") and node.dtype.is_floating:
        nothing = b.full(reduced.shape, neutral_element(node.op, node.dtype), node.dtype)
        return b.pointwise(kind, nothing, reduced)
    if kind != "sum":
        return reduced
    count = product(x.shape[k] for k in repeated)
    return b.pointwise("mul", reduced, b.full(reduced.shape, count, node.dtype))


@rule("reduce_sum", phase="specialise", accuracy="not worse", over=("neg", "mul"))
def factor_leaves_sum(b: Builder, node: Node) -> Node | None:
    """``sum(c * x) -> c * sum(x)`` and ``sum(-x) -> -sum(x)`` for a number c.

    As near to the real value, with a multiplication less per term. Only for |c| between 1e-6 and
    1e6, so that the sum neither overflows nor underflows where the terms did not; and not when the
    factor is alone, as then nothing is saved.
    """
    (x,) = node.inputs
    if not node.dtype.is_floating or node.dtype.size < 4:
        return None
    axes = node["axes"]
    if x.op == "neg":
        return b.pointwise("neg", b.reduce("sum", x.inputs[0], axes))
    if x.op != "mul":
        return None
    for y, c in (x.inputs, x.inputs[::-1]):
        value = scalar_value(c)
        if value is not None and 1e-6 < abs(float(value)) < 1e6 and scalar_value(y) is None:
            total = b.reduce("sum", y, axes)
            return b.pointwise("mul", total, b.full(total.shape, value, node.dtype))
    return None


@rule(*REDUCTIONS, accuracy="not worse", over=REDUCTIONS)
def nested_reductions(b: Builder, node: Node) -> Node | None:
    """``reduce(reduce(x, a), b) -> reduce(x, a and b)`` of the same kind: one loop nest."""
    (inner,) = node.inputs
    if inner.op != node.op:
        return None
    x = inner.inputs[0]
    kept = [k for k in range(x.rank) if k not in inner["axes"]]
    axes = sorted([*inner["axes"], *(kept[k] for k in node["axes"])])
    return b.reduce(node.op.removeprefix("reduce_"), x, axes)


@rule("reduce_prod", accuracy="not worse", over=("broadcast",))
def product_of_broadcast(b: Builder, node: Node) -> Node | None:
    """``prod(broadcast(x)) -> x**count``: one rounding in place of many; integers wrap alike."""
    (x,) = node.inputs
    source, target = x.inputs[0], x["axes"]
    if node.dtype.is_complex or any(k in target for k in node["axes"]):
        return None
    count = product(x.shape[k] for k in node["axes"])
    if not isinstance(count, int) or not 0 < count < 2**8:
        return None
    kept = [k for k in range(x.rank) if k not in node["axes"]]
    repeated = b.broadcast(source, node.shape, [kept.index(k) for k in target])
    return b.pointwise("pow", repeated, count)


@rule(*REDUCTIONS, accuracy="not worse", over=("reshape", "transpose"))
def reduction_of_everything(b: Builder, node: Node) -> Node | None:
    """A reduction over all axes of a reshape or transpose is one of what lies below."""
    (view,) = node.inputs
    if view.op not in ("reshape", "transpose") or len(node["axes"]) != view.rank:
        return None
    x = view.inputs[0]
    return b.reduce(node.op.removeprefix("reduce_"), x, range(x.rank)) if x.rank else None


@rule(*REDUCTIONS, over=("reshape",))
def reduction_of_unit_reshape(b: Builder, node: Node) -> Node | None:
    """A reduction of an array with unit axes added or dropped is a reshape of the array's own.

    So a sum of a sum that kept its axes is seen as one.
    """
    (view,) = node.inputs
    x = view.inputs[0]
    outer = [k for k, d in enumerate(view.shape) if d != 1]
    inner = [k for k, d in enumerate(x.shape) if d != 1]
    if [view.shape[k] for k in outer] != [x.shape[k] for k in inner]:
        return None
    axes = [ours for ours, theirs in zip(inner, outer, strict=True) if theirs in node["axes"]]
    if not axes:
        return None
    return b.reshape(b.reduce(node.op.removeprefix("reduce_"), x, axes), node.shape)


@rule("reduce_sum", over=("pad",))
def sum_of_pad(b: Builder, node: Node) -> Node | None:
    """``sum(pad(x)) -> sum(x)`` where zeros are padded, along summed axes only. Exact."""
    padded = node.inputs[0]
    x, value = padded.inputs
    attrs = [padded[k] for k in ("low", "high", "interior")]
    changed = {k for k in range(x.rank) if any(a[k] != 0 for a in attrs)}
    if not is_scalar(value, 0) or not changed <= set(node["axes"]):
        return None
    return b.reduce("sum", x, node["axes"])
