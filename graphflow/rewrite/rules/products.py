"""Matrix products: of rows that are picked, of one column, scaled, in batches."""

from __future__ import annotations

from typing import Any

from graphflow.ir.builder import Builder
from graphflow.ir.dims import product, typical
from graphflow.ir.node import Node
from graphflow.rewrite.rule import is_scalar, rule, scalar_value

_SMALL = 4  # extents below which a tiled product gains nothing on a sum of products


def _one_hot(node: Node) -> Node | None:
    """The indices when each row of a matrix is 1 at the place of its index and 0 elsewhere."""
    if node.op == "cast":
        hit = node.inputs[0]
    elif node.op == "select" and is_scalar(node.inputs[1], 1) and is_scalar(node.inputs[2], 0):
        hit = node.inputs[0]
    else:
        return None
    if hit.op != "eq" or node.rank != 2 or node.dtype.is_complex:
        return None
    for repeated, ramp in (hit.inputs, hit.inputs[::-1]):
        if ramp.op == "broadcast" and ramp.inputs[0].op == "iota":
            along = ramp["axes"][ramp.inputs[0]["axis"]]
        elif ramp.op == "iota":
            along = ramp["axis"]
        else:
            continue
        if along == 1 and repeated.op == "broadcast" and repeated["axes"] == (0,):
            return repeated.inputs[0]
    return None


@rule("matmul", phase="specialise", accuracy="not worse", over=("select", "cast"))
def one_hot_product(b: Builder, node: Node) -> Node | None:
    """``one_hot(i) @ w -> w[i]``, and the gradient ``one_hot(i).T @ g -> zeros[i] += g``.

    An index out of range has a row of zeros in `one_hot`, so its result is zeros. The products
    with zero are not computed: an inf or nan in another row of w made all results nan.
    """
    left, right = node.inputs
    if node["trans_b"] or left.rank != 2:
        return None
    indices = _one_hot(left)
    if indices is None or indices.dtype.is_bool or not indices.dtype.is_integer:
        return None
    if node["trans_a"]:
        return b.scatter("add", b.full(node.shape, 0, node.dtype), indices, right)
    rows = right.shape[0]
    if not isinstance(rows, int) or rows == 0 or rows - 1 > indices.dtype.max:
        return None
    inside = b.and_(b.ge(indices, 0), b.le(indices, rows - 1))
    return b.select(b.broadcast(inside, node.shape, (0,)), b.gather(right, indices), 0)


@rule("matmul")
def product_of_column_and_row(b: Builder, node: Node) -> Node | None:
    """A product over an inner extent of 1 is a multiplication of broadcasts, one over 0 is zero."""
    left, right = node.inputs
    inner = left.shape[-2 if node["trans_a"] else -1]
    if inner == 0:
        return b.full(node.shape, 0, node.dtype)
    if inner != 1 or node.dtype.size < 4:
        return None
    batch = list(range(node.rank - 2))
    column = b.reshape(left, node.shape[:-1])
    row = b.reshape(right, (*node.shape[:-2], node.shape[-1]))
    return b.mul(
        b.broadcast(column, node.shape, [*batch, node.rank - 2]),
        b.broadcast(row, node.shape, [*batch, node.rank - 1]),
    )


@rule("matmul", over=("neg",))
def sign_leaves_matmul(b: Builder, node: Node) -> Node | None:
    """``(-a) @ b -> -(a @ b)``. Exact; the product's epilogue does it."""
    operands = [i.inputs[0] if i.op == "neg" else i for i in node.inputs]
    made = b.matmul(operands[0], operands[1], node["trans_a"], node["trans_b"])
    return made if all(i.op == "neg" for i in node.inputs) else b.neg(made)


@rule("matmul", phase="specialise", accuracy="not worse", over=("mul",))
def factor_leaves_matmul(b: Builder, node: Node) -> Node | None:
    """``(c * a) @ b -> c * (a @ b)`` for a number c, where the product is not larger than a.

    The product's epilogue multiplies for nothing, and a is read as it lies. Only for |c| between
    1e-6 and 1e6, as in sums, so that nothing overflows that did not.
    """
    if not node.dtype.is_floating or node.dtype.size < 4:
        return None
    for k, operand in enumerate(node.inputs):
        if operand.op != "mul" or _work(node.shape) > _work(operand.shape):
            continue
        for x, c in (operand.inputs, operand.inputs[::-1]):
            value = scalar_value(c)
            if value is not None and 1e-6 < abs(float(value)) < 1e6:
                operands = [x if n == k else i for n, i in enumerate(node.inputs)]
                return b.mul(
                    b.matmul(operands[0], operands[1], node["trans_a"], node["trans_b"]), value
                )
    return None


def _work(shape: Any) -> int:
    return typical(product(shape))


@rule("matmul", over=("broadcast",))
def batches_share_matrix(b: Builder, node: Node) -> Node | None:
    """``a[i] @ w`` for all i with one w is one product of all rows of a. Exact: the same sums."""
    left, right = node.inputs
    batch = node.rank - 2
    if not batch or node["trans_a"] or right.op != "broadcast":
        return None
    if right["axes"] != (batch, batch + 1):
        return None
    rows = product(left.shape[:-1])
    made = b.matmul(
        b.reshape(left, (rows, left.shape[-1])), right.inputs[0], False, node["trans_b"]
    )
    return b.reshape(made, node.shape)


def _merged_axes(b: Builder, repeated: Node, groups: list[list[int]]) -> Node:
    """What a broadcast repeats, with the axes of each group, named as in the result, made one."""
    axes, x = repeated["axes"], repeated.inputs[0]
    turned = b.transpose(x, [axes.index(k) for group in groups for k in group])
    return b.reshape(turned, tuple(product(repeated.shape[k] for k in g) for g in groups))


@rule("reduce_sum", phase="specialise", accuracy="not worse", over=("mul",))
def sum_of_product_is_matmul(b: Builder, node: Node) -> Node | None:
    """``sum_k broadcast(x)[i, k] * broadcast(y)[k, j] -> x @ y``: a product by broadcasting.

    The same terms in another order, with tiles kept in registers. Only where both sides have an
    axis of their own and all extents are worth it.
    """
    (terms,) = node.inputs
    if terms.op != "mul" or len(node["axes"]) != 1 or node.dtype.size < 4:
        return None
    if not node.dtype.is_floating or any(i.op != "broadcast" for i in terms.inputs):
        return None
    x, y = terms.inputs
    inner, everything = node["axes"][0], set(range(terms.rank))
    ours, theirs = set(x["axes"]), set(y["axes"])
    shared = sorted((ours & theirs) - {inner})
    rows, columns = sorted(ours - theirs), sorted(theirs - ours)
    if ours | theirs != everything or inner not in ours & theirs or not rows or not columns:
        return None
    extents = [_work([terms.shape[k] for k in group]) for group in (rows, columns, [inner])]
    if min(extents) < _SMALL:
        return None
    left = _merged_axes(b, x, [*([k] for k in shared), rows, [inner]])
    right = _merged_axes(b, y, [*([k] for k in shared), [inner], columns])
    made = b.matmul(left, right)
    order = [*shared, *rows, *columns]
    made = b.reshape(made, tuple(terms.shape[k] for k in order))
    return b.transpose(made, [order.index(k) for k in sorted(order)])
