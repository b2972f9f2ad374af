"""Lowering: a group of nodes becomes a loop nest, by substituting producers into consumers.

Each member of the group is turned into a scalar expression at the indices at which the group
computes it. Reductions become accumulators. In a group with reductions the work over the inner axes
is cut into *stages*: stage 0 computes the reductions that depend on no other, stage 1 those that
need stage 0's results, and so on; a value is stored in the first stage in which it is known. Costly
values over the inner axes that several stages need are kept in a scratch row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from graphflow.ir.dims import Dim, product, typical
from graphflow.ir.index import Axis, IndexExpr, Loaded, axis_index, linearize
from graphflow.ir.loops import (
    Accumulate,
    Buffer,
    Declare,
    Expr,
    Kernel,
    Local,
    Loop,
    Statement,
    Store,
    constant,
    dim_expr,
    index_value,
    load,
    read_local,
)
from graphflow.ir.node import Node
from graphflow.ir.types import TensorType
from graphflow.schedule.group import Group, Index, operand_index, reduced_axes, storage

SCRATCH_LIMIT = 16384  # elements of a scratch row; longer rows are recomputed
SCRATCH_WEIGHT = 10.0


@dataclass(eq=False)
class LoweredGroup:
    """A group as expressions: what each root stores where, and the reductions by stage."""

    group: Group
    buffers: dict[Node, Buffer] = field(default_factory=dict)  # by storage node
    stores: list[Store] = field(default_factory=list)
    accumulators: list[tuple[int, Local, Accumulate]] = field(default_factory=list)
    product: Local | None = None  # stands for the matrix product in an epilogue


class _Lowering:
    def __init__(self, group: Group) -> None:
        self.group = group
        self.result = LoweredGroup(group)
        self.memo: dict[tuple[Node, Index], Expr] = {}
        self.interned: dict[object, Expr] = {}
        self.stages: dict[Local, int] = {}

    def buffer(self, node: Node, role: str) -> Buffer:
        """The buffer of a stored value; writing to one that is read makes it ``inout``."""
        node = storage(node)
        known = self.result.buffers.get(node)
        if known is None:
            known = Buffer(f"v{len(self.result.buffers)}", node.type, role)
            self.result.buffers[node] = known
        elif known.role != role:
            known.role = "inout"
        return known

    def run(self) -> LoweredGroup:
        group = self.group
        for node in sorted(group.members, key=lambda n: n.serial):
            for index in sorted(group.members[node], key=repr):
                self.memo[node, index] = self.compute(node, index)
        for root in group.roots:
            identity = self.root_index(root.value)
            value = self.value(root.value, identity)
            target = identity
            if root.start is not None and root.stride is not None:
                target = tuple(
                    i * step + start
                    for i, step, start in zip(identity, root.stride, root.start, strict=True)
                )
            offset = linearize(target, root.target.shape)
            self.result.stores.append(Store(self.buffer(root.target, "out"), offset, value))
        return self.result

    def root_index(self, node: Node) -> Index:
        """The one index at which the group computes or reads a root."""
        (index,) = self.group.reach[node]
        return index

    def value(self, node: Node, at: Index) -> Expr:
        """The node's element at an index: computed here, a literal, or loaded."""
        made = self.memo.get((node, at))
        if made is not None:
            return made
        if node.op == "const" and node.rank == 0:
            return self.share(
                ("const", node), lambda: constant(node["value"].array[()], node.dtype)
            )
        if node.op == "dim_value":
            return self.share(("dim", node), lambda: dim_expr(node["dim"], node.dtype))
        offset = linearize(at, node.shape)
        source = self.buffer(node, "in")
        return self.share(("load", source, offset), lambda: load(source, offset))

    def share(self, key: object, make: Callable[[], Expr]) -> Expr:
        if key not in self.interned:
            self.interned[key] = make()
        return self.interned[key]

    def compute(self, node: Node, index: Index) -> Expr:
        """The expression of one member at one index."""
        kind = node.prim.kind
        at = operand_index(node, index, self.group)
        if kind == "contract":
            self.result.product = Local("product", node.dtype)
            return read_local(self.result.product)
        if node.op == "dim_value":
            return dim_expr(node["dim"], node.dtype)
        if node.op == "iota":
            position = index[node["axis"]]
            return self.share(
                ("iota", position, node.dtype), lambda: index_value(position, node.dtype)
            )
        if kind == "pointwise":
            args = tuple(
                self.value(o, a) for o, a in zip(node.inputs, at, strict=True) if a is not None
            )
            key = (node.op, node.dtype, args)
            return self.share(key, lambda: Expr(node.op, node.dtype, args, weight=node.prim.cost))
        if kind == "reduce":
            return self.reduction(node, at[0])
        if node.op == "gather":
            return self.gathered(node, index, at[1])
        if at[0] is None:
            raise AssertionError(node)
        return self.value(node.inputs[0], at[0])

    def gathered(self, node: Node, index: Index, at: Index | None) -> Expr:
        source, indices = node.inputs
        assert at is not None
        axis, batch = node["axis"], node["batch_dims"]
        row = self.value(indices, at)
        picked = picked_index(row, source.shape[axis])
        count = indices.rank - batch
        inside = (*index[:axis], picked, *index[axis + count :])
        offset = linearize(inside, source.shape)
        return load(self.buffer(source, "in"), offset)

    def reduction(self, node: Node, at: Index | None) -> Expr:
        assert at is not None
        operand = self.value(node.inputs[0], at)
        stage = max((self.stages[r] + 1 for r in operand.locals), default=0)
        number = len(self.result.accumulators)
        local = Local(f"s{number}", node.dtype, node.op)
        position = at[reduced_axes(node)[0]] if node.op in ("argmax", "argmin") else None
        if position is not None:
            local = Local(f"s{number}", operand.dtype, node.op)
        self.stages[local] = stage
        self.result.accumulators.append((stage, local, Accumulate(local, operand, position)))
        result = read_local(local)
        if position is not None:
            return Expr("position", node.dtype, (result,))
        return result


def picked_index(value: Expr, extent: Dim) -> IndexExpr:
    """An index from data, below `extent`.

    Of a slice whose start only the run knows, ``start + position``, the position stays an index:
    then neighbours lie side by side, axes can be joined, and only the start is loaded.
    """
    if value.name == "add" and isinstance(extent, int):
        for counted, start in (value.args, value.args[::-1]):
            if counted.name != "index" or start.axes or start.locals or counted.locals:
                continue
            last = counted.payload.upper_bound()
            if last is not None and last < extent:
                first = Loaded(start, extent - last, frozenset())
                return counted.payload + IndexExpr({first: 1})
    return IndexExpr({Loaded(value, extent, value.axes): 1})


def lower_group(group: Group, name: str) -> tuple[Kernel, LoweredGroup]:
    """Lower a loop group to a kernel whose loops are still one per axis, all serial.

    Returns the kernel and the lowered group, which knows which buffer stands for which node.
    """
    lowered = _Lowering(group).run()
    inner = group.inner or []
    body: list[Statement]
    scratch: list[Buffer] = []
    if group.inner is None:
        body = list(lowered.stores)
    else:
        body, scratch = _staged_body(lowered, inner)
    for axis in reversed(group.outer):
        if axis.extent != 1:
            body = [Loop(axis, "serial", body)]
    kernel = Kernel(name, list(lowered.buffers.values()), body, scratch)
    kernel.work = estimate_work(lowered)
    return kernel, lowered


def lower_epilogue(group: Group) -> LoweredGroup:
    """Lower the group of a matrix product: stores in terms of the product's element."""
    return _Lowering(group).run()


def estimate_work(lowered: LoweredGroup) -> float:
    """Rough number of instructions of the whole group, every expression counted once a point."""
    count = float(typical(product(a.extent for a in lowered.group.axes)))
    roots = [s.value for s in lowered.stores] + [a.value for _, _, a in lowered.accumulators]
    weights = [_own_weight(e) for e in _reachable(roots)]
    return count * (sum(weights) + len(roots))


def _own_weight(expr: Expr) -> float:
    return expr.weight - sum(a.weight for a in expr.args) if expr.weight < 1e12 else 1.0


def _reachable(roots: Iterable[Expr]) -> list[Expr]:
    seen: dict[int, Expr] = {}
    pending = list(roots)
    while pending:
        expr = pending.pop()
        if id(expr) not in seen:
            seen[id(expr)] = expr
            pending.extend(expr.args)
    return list(seen.values())


def _stage_of(expr: Expr, stages: dict[Local, int]) -> int:
    return max((stages[r] + 1 for r in expr.locals), default=0)


def _staged_body(lowered: LoweredGroup, inner: list[Axis]) -> tuple[list[Statement], list[Buffer]]:
    """The statements of one outer iteration: declarations, stage loops and stores between them."""
    stages = {local: stage for stage, local, _ in lowered.accumulators}
    inside: dict[int, list[Statement]] = {}
    between: dict[int, list[Statement]] = {}
    for stage, _, accumulate in lowered.accumulators:
        inside.setdefault(stage, []).append(accumulate)
    for store in lowered.stores:
        stage = _stage_of(store.value, stages)
        over_inner = bool((store.offset.axes() | store.value.axes) & set(inner))
        (inside if over_inner else between).setdefault(stage, []).append(store)
    scratch = _keep_costly_rows(inside, inner)
    body: list[Statement] = []
    for stage in range(max([*inside, *between]) + 1):
        body += between.get(stage, [])
        body += [Declare(local) for s, local, _ in lowered.accumulators if s == stage]
        loop = inside.get(stage, [])
        if loop:
            for axis in reversed(inner):
                loop = [Loop(axis, "serial", loop)]
            body += loop
    return body, scratch


def _keep_costly_rows(inside: dict[int, list[Statement]], inner: list[Axis]) -> list[Buffer]:
    """Store values that later stages need again in scratch rows; rewrites the later stages."""
    length = product(a.extent for a in inner)
    if not isinstance(length, int) or length > SCRATCH_LIMIT or len(inside) < 2:
        return []
    position = linearize([axis_index(a) for a in inner], tuple(a.extent for a in inner))
    scratch: list[Buffer] = []
    kept: dict[int, Expr] = {}
    first: dict[int, int] = {}
    for stage in sorted(inside):
        roots = [s.value for s in inside[stage] if isinstance(s, (Store, Accumulate))]
        replaced = replace_exprs(roots, kept)
        for statement, value in zip(inside[stage], replaced, strict=True):
            assert isinstance(statement, (Store, Accumulate))
            statement.value = value
        for expr in _reachable(replaced):
            first.setdefault(id(expr), stage)
        later = [s.value for k in inside if k > stage for s in inside[k]
                 if isinstance(s, (Store, Accumulate))]  # fmt: skip
        for expr in _shared_maximal(_reachable(replaced), later):
            if expr.axes & set(inner) and expr.name not in ("load", "index"):
                buffer = Buffer(f"row{len(scratch)}", _row_type(expr, length), "scratch")
                scratch.append(buffer)
                inside[stage].append(Store(buffer, position, expr))
                kept[id(expr)] = load(buffer, position)
    return scratch


def _row_type(expr: Expr, length: Dim) -> TensorType:
    return TensorType(expr.dtype, (length,))


def _compute_weight(expr: Expr) -> float:
    """The work of recomputing an expression, shared parts counted once."""
    return sum(_own_weight(e) for e in _reachable([expr]) if e.name not in ("load", "index"))


def _shared_maximal(here: list[Expr], later: list[Expr]) -> list[Expr]:
    """Costly expressions of this stage that later ones use, but not those inside such ones."""
    known = {id(e) for e in here}
    found: dict[int, Expr] = {}
    seen: set[int] = set()
    pending = list(later)
    while pending:
        expr = pending.pop()
        if id(expr) in seen:
            continue
        seen.add(id(expr))
        if id(expr) in known and expr.args and _compute_weight(expr) >= SCRATCH_WEIGHT:
            found[id(expr)] = expr
        else:
            pending.extend(expr.args)
    return list(found.values())


def replace_exprs(roots: list[Expr], kept: dict[int, Expr]) -> list[Expr]:
    """The expressions with some subexpressions, given by identity, replaced."""
    if not kept:
        return roots
    new: dict[int, Expr] = dict(kept)
    stack = [(r, False) for r in roots]
    while stack:
        expr, ready = stack.pop()
        if id(expr) in new:
            continue
        if not ready:
            stack.append((expr, True))
            stack.extend((a, False) for a in expr.args)
            continue
        args = tuple(new[id(a)] for a in expr.args)
        changed = any(a is not b for a, b in zip(args, expr.args, strict=True))
        own = _own_weight(expr)
        new[id(expr)] = (
            Expr(expr.name, expr.dtype, args, expr.payload, weight=own) if changed else expr
        )
    return [new[id(r)] for r in roots]
