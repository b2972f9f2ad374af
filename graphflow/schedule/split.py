"""Splitting long reductions in two, so that threads can share them.

A reduction to few results has no parallel axis. Where it is long, its elements are first reduced in
blocks, as many as the shape gives, and the blocks' results then once more. The blocks depend on the
shape alone, so the result does not depend on the number of threads; for sums it is nearer to the
exact one than a single long chain (as in pairwise summation: N. Higham, SIAM J. Sci. Comput. 14(4),
1993). A reduction over all axes of a matrix is split at a row, which lets it join the other work on
that row.
"""

from __future__ import annotations

from graphflow.ir.builder import Builder
from graphflow.ir.dims import product, typical
from graphflow.ir.node import Node, Program
from graphflow.rewrite.driver import remake

LONG = 1 << 15  # elements; a shorter reduction is not worth a thread
PARALLEL_ENOUGH = 64  # results; with so many, threads have something to share already
ROW = 128  # a row of a matrix that is long enough to be a block
BLOCKS = range(8192, 1023, -1)


def split_reductions(program: Program) -> Program:
    """Rewrite the Program's long reductions; see the module's text."""
    builder = Builder()
    new: dict[Node, Node] = {}
    for node in program.nodes():
        operands = tuple(new[i] for i in node.inputs)
        made = node if operands == node.inputs else remake(builder, node, operands)
        new[node] = _split(builder, made) or made
        program.sources.carry(node, new[node])
    return program.map(new)


def _split(b: Builder, node: Node) -> Node | None:
    if node.prim.kind != "reduce" or "axes" not in node.attrs:
        return None
    (x,) = node.inputs
    axes = node["axes"]
    length = product(x.shape[k] for k in axes)
    count, results = typical(length), typical(product(node.shape))
    if count * results < LONG or results >= PARALLEL_ENOUGH or count < 2 * ROW:
        return None
    kind = node.op.removeprefix("reduce_")
    rows = _at_a_row(x, axes)
    if rows is not None:
        return b.reduce(kind, b.reduce(kind, x, rows), range(x.rank - len(rows)))
    if axes != tuple(range(axes[0], axes[-1] + 1)) or not isinstance(length, int):
        return None
    return _in_blocks(b, kind, x, axes, length)


def _at_a_row(x: Node, axes: tuple[int, ...]) -> tuple[int, ...] | None:
    """The last axes that make a long row, when all axes are reduced and several rows remain."""
    if len(axes) != x.rank or x.rank < 2:
        return None
    for first in range(x.rank - 1, 0, -1):
        if typical(product(x.shape[first:])) >= ROW:
            rows = typical(product(x.shape[:first]))
            return tuple(range(first, x.rank)) if rows >= 8 else None
    return None


def _in_blocks(b: Builder, kind: str, x: Node, axes: tuple[int, ...], count: int) -> Node | None:
    """Reduce adjacent axes in blocks of one flat axis, and a rest if no block divides it."""
    first, last = axes[0], axes[-1] + 1
    before, after = x.shape[:first], x.shape[last:]
    size = next((s for s in BLOCKS if count % s == 0 and count // s > 1), None)
    flat = b.reshape(x, (*before, count, *after))
    rest: Node | None = None
    if size is None:
        size = 4096 if count >= 8192 else count // 2
        whole = count // size * size
        start = (0,) * len(before)
        tail = b.slice(flat, (*start, whole, *(0,) * len(after)), (*before, count - whole, *after))
        if whole != count:
            rest = b.reduce(kind, tail, [first])
        flat = b.slice(flat, (0,) * flat.rank, (*before, whole, *after))
        count = whole
    blocks = b.reshape(flat, (*before, count // size, size, *after))
    partial = b.reduce(kind, b.reduce(kind, blocks, [first + 1]), [first])
    if rest is None:
        return partial
    name = {"sum": "add", "prod": "mul"}.get(kind, kind)
    return b.pointwise(name, partial, rest)
