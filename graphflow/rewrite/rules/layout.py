"""Views: folded into each other and into their users, or moved to where they cost nothing."""

from __future__ import annotations

from graphflow.ir.builder import Builder
from graphflow.ir.dims import product
from graphflow.ir.node import Node
from graphflow.rewrite.rule import rule, scalar_value


@rule("matmul", over=("transpose",))
def transpose_into_product(b: Builder, node: Node) -> Node | None:
    """``matmul(transpose(a), b) -> matmul(a, b, trans_a)`` where the last two axes are swapped."""
    flags = [node["trans_a"], node["trans_b"]]
    operands = list(node.inputs)
    for k, operand in enumerate(operands):
        rank = operand.rank
        swapped = (*range(rank - 2), rank - 1, rank - 2)
        if operand.op == "transpose" and operand["perm"] == swapped:
            operands[k], flags[k] = operand.inputs[0], not flags[k]
    if operands == list(node.inputs):
        return None
    return b.matmul(operands[0], operands[1], flags[0], flags[1])


@rule("broadcast", over=("reshape",))
def broadcast_of_unit_reshape(b: Builder, node: Node) -> Node | None:
    """``broadcast(reshape(x)) -> broadcast(x)`` where the reshape only adds or drops unit axes."""
    (inner,) = node.inputs
    if inner.op != "reshape":
        return None
    source, axes = inner.inputs[0], node["axes"]
    kept = [k for k, d in enumerate(source.shape) if d != 1]
    targets = [axes[k] for k, d in enumerate(inner.shape) if d != 1]
    if [source.shape[k] for k in kept] != [
        inner.shape[k] for k, d in enumerate(inner.shape) if d != 1
    ]:
        return None
    if len(kept) == source.rank:
        return b.broadcast(source, node.shape, targets)
    squeezed = b.reshape(source, tuple(source.shape[k] for k in kept))
    if squeezed is inner:
        return None
    return b.broadcast(squeezed, node.shape, targets)


@rule("broadcast")
def broadcast_of_broadcast_scalar(b: Builder, node: Node) -> Node | None:
    """A broadcast over axes of extent one is a reshape."""
    (inner,) = node.inputs
    if product(node.shape) == product(inner.shape) and inner.rank:
        return b.reshape(inner, node.shape)
    return None


def _sinks(node: Node, op: str) -> tuple[Node, ...] | None:
    """The operands below `op` when all non-scalar operands are that view in the same way."""
    views = [i for i in node.inputs if not _is_repeated_scalar(i)]
    if not views or any(v.op != op for v in views):
        return None
    first = views[0]
    for view in views[1:]:
        if dict(view.attrs) != dict(first.attrs) or view.inputs[0].shape != first.inputs[0].shape:
            return None
    return tuple(views)


def _is_repeated_scalar(node: Node) -> bool:
    if node.op == "const":
        return node.type.size == 1 and scalar_value(node) is not None
    return node.op == "broadcast" and node.inputs[0].rank == 0


def _below(b: Builder, node: Node, shape: tuple[int, ...]) -> Node:
    """The node applied below a view: repeated scalars are repeated to the smaller shape."""
    operands = [
        b.full(shape, scalar_value(i), i.dtype)
        if i.op == "const"
        else b.broadcast(i.inputs[0], shape, ())
        if _is_repeated_scalar(i)
        else i.inputs[0]
        for i in node.inputs
    ]
    return b.pointwise(node.op, *operands, **node.attrs)


def pointwise_names() -> tuple[str, ...]:
    """The names of all pointwise primitives."""
    from graphflow.ir.prims import PRIMS

    return tuple(name for name, prim in PRIMS.items() if prim.kind == "pointwise")


@rule(*pointwise_names(), over=("broadcast",))
def broadcast_after_pointwise(b: Builder, node: Node) -> Node | None:
    """``f(broadcast(x), broadcast(y)) -> broadcast(f(x, y))``: computed once, then repeated."""
    views = _sinks(node, "broadcast")
    if views is None or views[0].inputs[0].rank == 0:
        return None
    inner = _below(b, node, views[0].inputs[0].shape)
    return b.broadcast(inner, node.shape, views[0]["axes"])


@rule(*pointwise_names(), over=("reshape",))
def reshape_after_pointwise(b: Builder, node: Node) -> Node | None:
    """``f(reshape(x), c) -> reshape(f(x, c))``: reshapes gather at the users, where they fold."""
    views = _sinks(node, "reshape")
    if views is None:
        return None
    inner = _below(b, node, views[0].inputs[0].shape)
    return b.reshape(inner, node.shape)
