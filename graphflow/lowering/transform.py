"""Loop transformations: collapse axes, choose the vector axis, choose the parallel axis.

Each is a small step from loop IR to loop IR with the same meaning; `optimize_loops` applies them in
order. Nothing here knows the target but its number of lanes is left to the emitter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from graphflow.ir.dims import product, typical
from graphflow.ir.index import (
    Axis,
    IndexExpr,
    Loaded,
    Quotient,
    Remainder,
    axis_index,
    delinearize,
    floor_divide,
    remainder,
    substitute,
)
from graphflow.ir.loops import (
    Accumulate,
    Declare,
    Expr,
    Kernel,
    Loop,
    Statement,
    Store,
    statements,
)
from graphflow.ir.walk import all_indices, expr_index, expressions, loaded_values

FLATTEN_BELOW = 64  # an outermost loop shorter than this is joined with the next for parallelism


def optimize_loops(kernel: Kernel) -> Kernel:
    """Apply all transformations, in place; returns the kernel."""
    collapse_axes(kernel)
    choose_vector_axis(kernel)
    choose_parallel_axis(kernel)
    return kernel


def map_indices(body: Sequence[Statement], step: Callable[[IndexExpr], IndexExpr]) -> None:
    """Replace every index expression, in place; data-dependent atoms are rebuilt as well."""
    memo: dict[int, Expr] = {}
    indices: dict[IndexExpr, IndexExpr] = {}

    def index_of(index: IndexExpr) -> IndexExpr:
        if index not in indices:
            indices[index] = step(_rebuild_loaded(index, rebuilt))
        return indices[index]

    def rebuilt(root: Expr) -> Expr:
        stack = [(root, False)]
        while stack:
            expr, ready = stack.pop()
            if id(expr) in memo:
                continue
            if not ready:
                stack.append((expr, True))
                stack.extend((a, False) for a in expr.args)
                continue
            memo[id(expr)] = _with_index(expr, tuple(memo[id(a)] for a in expr.args), index_of)
        return memo[id(root)]

    for statement in list(statements(body)):
        if isinstance(statement, Store):
            statement.value, statement.offset = rebuilt(statement.value), index_of(statement.offset)
        elif isinstance(statement, Accumulate):
            statement.value = rebuilt(statement.value)
            if statement.position is not None:
                statement.position = index_of(statement.position)
        elif isinstance(statement, Declare) and statement.value is not None:
            statement.value = rebuilt(statement.value)


def _rebuild_loaded(index: IndexExpr, rebuilt: Callable[[Expr], Expr]) -> IndexExpr:
    if not loaded_values(index):
        return index
    total = IndexExpr({}, index.constant)
    for atom, coefficient in index.terms.items():
        if isinstance(atom, Loaded):
            value = rebuilt(atom.value)
            term = IndexExpr({Loaded(value, atom.extent, value.axes): 1})
        elif isinstance(atom, Quotient):
            term = floor_divide(_rebuild_loaded(atom.inner, rebuilt), atom.size)
        elif isinstance(atom, Remainder):
            term = remainder(_rebuild_loaded(atom.inner, rebuilt), atom.size)
        else:
            term = IndexExpr({atom: 1})
        total = total + term * coefficient
    return total


def _with_index(
    expr: Expr, args: tuple[Expr, ...], index_of: Callable[[IndexExpr], IndexExpr]
) -> Expr:
    index = expr_index(expr)
    own = expr.weight - sum(a.weight for a in expr.args) if expr.weight < 1e12 else 1.0
    if index is not None:
        new = index_of(index)
        payload = (expr.payload[0], new) if expr.name == "load" else new
        return Expr(expr.name, expr.dtype, args, payload, new.axes(), expr.locals, own)
    if all(a is b for a, b in zip(args, expr.args, strict=True)):
        return expr
    return Expr(expr.name, expr.dtype, args, expr.payload, weight=own)


# ---- collapsing


def collapse_axes(kernel: Kernel) -> None:
    """Join nested axes that every access walks as one.

    Axes a and b, b directly inside a, become one axis of extent ``a*b`` when in every index the
    coefficient of a is b's extent times the coefficient of b, and neither stands inside a quotient
    or remainder.
    """
    merged = True
    while merged:
        merged = False
        for outer, inner in _nested_pairs(kernel.body):
            indices = all_indices(kernel.body)
            if all(_walks_as_one(i, outer, inner) for i in indices):
                _join(kernel, outer, inner)
                merged = True
                break


def collapse_leading(kernel: Kernel, axes: Sequence[Axis]) -> list[Axis]:
    """Join all axes but the last, as far as every access walks them as one; gives those left.

    For a kernel without loops, whose statements run at each point of the axes.
    """
    left = list(axes)
    k = 0
    while k + 2 < len(left):
        outer, inner = left[k : k + 2]
        if all(_walks_as_one(i, outer, inner) for i in all_indices(kernel.body)):
            left[k : k + 2] = [_join(kernel, outer, inner)]
        else:
            k += 1
    return left


def _nested_pairs(body: Sequence[Statement]) -> list[tuple[Axis, Axis]]:
    """Pairs (a, b): every loop over a holds just a loop over b, and those lie nowhere else."""
    children: dict[Axis, Axis | None] = {}
    parents: dict[Axis, Axis | None] = {}

    def visit(items: Sequence[Statement], parent: Axis | None) -> None:
        for statement in items:
            if not isinstance(statement, Loop):
                continue
            axis = statement.axis
            only = statement.body[0] if len(statement.body) == 1 else None
            child = only.axis if isinstance(only, Loop) else None
            children[axis] = child if children.get(axis, child) is child else None
            parents[axis] = parent if parents.get(axis, parent) is parent else None
            visit(statement.body, axis)

    visit(body, None)
    return [(a, b) for a, b in children.items() if b is not None and parents[b] is a]


def _walks_as_one(index: IndexExpr, outer: Axis, inner: Axis) -> bool:
    for atom in index.terms:
        if isinstance(atom, Loaded):
            continue  # its own indices are checked where its value is met
        if not isinstance(atom, Axis) and atom.inner.axes() & {outer, inner}:
            return False
    return index.terms.get(outer, 0) == index.terms.get(inner, 0) * inner.extent


def _join(kernel: Kernel, outer: Axis, inner: Axis) -> Axis:
    joint = Axis(outer.name + inner.name, outer.extent * inner.extent)

    def step(index: IndexExpr) -> IndexExpr:
        coefficient = index.terms.get(inner, 0)
        rest = {a: c for a, c in index.terms.items() if a is not inner and a is not outer}
        return IndexExpr(rest, index.constant) + axis_index(joint) * coefficient

    map_indices(kernel.body, step)
    for statement in list(statements(kernel.body)):
        if isinstance(statement, Loop) and statement.axis is outer:
            child = statement.body[0]
            assert isinstance(child, Loop)
            statement.axis, statement.body = joint, child.body
    return joint


# ---- the vector axis


def choose_vector_axis(kernel: Kernel) -> None:
    """Make the axis along which most accesses are contiguous the vector axis.

    An innermost axis becomes the vector loop where it stands. In a group with reductions, an outer
    axis may be it instead (a reduction over rows): then the reduction loops run inside the vector
    loop, and accumulators are vectors.
    """
    chain = _outer_chain(kernel.body)
    inner_loops = [s for s in statements(chain[-1].body if chain else kernel.body)
                   if isinstance(s, Loop)]  # fmt: skip
    innermost = {s.axis for s in inner_loops if not any(isinstance(b, Loop) for b in s.body)}
    candidates = [loop.axis for loop in chain] + [
        a for a in _in_order(inner_loops) if a in innermost
    ]
    if not candidates:
        return
    indices = [(i, w) for i, w in _weighted_accesses(kernel.body)]
    scores = {a: sum(_contiguity(i, a) * w for i, w in indices) for a in candidates}
    best = max(candidates, key=lambda a: (scores[a], candidates.index(a)))
    if best in innermost:
        for loop in inner_loops:
            if loop.axis is best:
                loop.kind = "vector"
        return
    position = next(k for k, loop in enumerate(chain) if loop.axis is best)
    axes = [loop.axis for loop in chain]
    axes.append(axes.pop(position))
    for loop, axis in zip(chain, axes, strict=True):
        loop.axis = axis
    chain[-1].kind = "vector"


def _in_order(loops: Sequence[Loop]) -> list[Axis]:
    return list(dict.fromkeys(loop.axis for loop in loops))


def _outer_chain(body: Sequence[Statement]) -> list[Loop]:
    """The perfectly nested loops from the outside in."""
    chain: list[Loop] = []
    while len(body) == 1 and isinstance(body[0], Loop):
        chain.append(body[0])
        body = body[0].body
    return chain


def _weighted_accesses(body: Sequence[Statement]) -> list[tuple[IndexExpr, float]]:
    found = [(e.payload[1], 1.0) for e in expressions(body) if e.name == "load"]
    found += [(s.offset, 2.0) for s in statements(body)
              if isinstance(s, Store) and s.buffer.role != "scratch"]  # fmt: skip
    return found


def _contiguity(index: IndexExpr, axis: Axis) -> float:
    if any(not isinstance(a, Axis) and axis in _axes_of(a) for a in index.terms):
        return -1.0
    coefficient = index.terms.get(axis, 0)
    if coefficient == 1:
        return 1.0
    return 0.25 if coefficient == 0 else -1.0


def _axes_of(atom: Loaded | Quotient | Remainder) -> frozenset[Axis]:
    return atom.axes if isinstance(atom, Loaded) else atom.inner.axes()


# ---- the parallel axis


def choose_parallel_axis(kernel: Kernel) -> None:
    """Mark the outermost loop parallel, joined with the next ones when it is short."""
    chain = _outer_chain(kernel.body)
    declared_outside = len(kernel.body) != 1
    if not chain or declared_outside:
        return
    if chain[0].kind == "vector":
        chain[0].kind = "parallel vector"
        return
    serial = [loop for loop in chain if loop.kind == "serial"]
    if _is_reduction_chain(kernel, serial):
        return
    flat = [serial[0]]
    for loop in serial[1:]:
        if typical(product(f.axis.extent for f in flat)) >= FLATTEN_BELOW:
            break
        if not isinstance(loop.axis.extent, int):
            break
        flat.append(loop)
    if len(flat) > 1:
        _flatten(kernel, flat)
    kernel.body[0].kind = "parallel"  # type: ignore[union-attr]


def _is_reduction_chain(kernel: Kernel, chain: list[Loop]) -> bool:
    return not chain or any(isinstance(s, Declare) for s in kernel.body)


def _flatten(kernel: Kernel, loops: list[Loop]) -> None:
    axes = [loop.axis for loop in loops]
    shape = tuple(a.extent for a in axes)
    joint = Axis("p", product(shape))
    parts = dict(zip(axes, delinearize(axis_index(joint), shape), strict=True))

    def step(index: IndexExpr) -> IndexExpr:
        return substitute(index, parts)

    map_indices(kernel.body, step)
    loops[0].axis = joint
    loops[0].body = loops[-1].body
