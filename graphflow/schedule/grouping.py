"""Grouping: decides which nodes share a loop nest, and which values go to memory.

The Program is walked users first. Each value is then either *inlined* into the groups that use it
(recomputed by substitution), or *placed* in one group and, if others need it too, stored by that
group as a *root*. A group has one iteration domain: parallel ``outer`` axes and, if it contains
reductions, the ``inner`` axes that all of them reduce. Row patterns such as softmax and layer norm
are groups in which reductions, and what is computed from their results, share the outer axes.

The rules, in the order in which they are tried for a value that is not a leaf:

1. A matrix product, scatter, random draw, host call or check is a group of its own. A matrix
   product lets the pointwise group that consumes it run as its epilogue.
2. A cheap value is inlined wherever it is used, unless it must be in memory anyway.
3. A value that is costly or used by several groups is placed where its users are merged into one
   group, if their domains agree and no cycle of groups arises.
4. Otherwise it starts a group of its own.

Fusion never changes what is computed, so the only legality question is acyclicity of the groups.
"""

from __future__ import annotations

import itertools
from collections import Counter

from graphflow.ir.dims import product, typical
from graphflow.ir.index import ZERO, Axis, IndexExpr, axis_index, substitute
from graphflow.ir.node import Node, Program
from graphflow.schedule.group import (
    Group,
    Index,
    Root,
    assembled_parts,
    operand_index,
    order_groups,
    product_operands,
    reduced_axes,
    storage,
    unify,
)

EXPENSIVE = 10.0  # from this cost on, a value is stored rather than computed twice
COSTLY_SCALAR = 6.0  # a number that costs more is not computed inside a large loop nest
SMALL_DOMAIN = 256
DUPLICATE_LIMIT = 12.0  # inlined work above this is not duplicated into several groups
TOKENS = ("host", "control", "check")  # kinds of nodes that give no array
SINGLE_KINDS = ("contract", "nest", *TOKENS)


def group_program(program: Program, level: int = 1) -> list[Group]:
    """Group a Program; in the result's order every value is made before it is read.

    At level 0 nothing is fused: every node is a group of its own.
    """
    return _Grouper(program, level).run()


class _Grouper:
    def __init__(self, program: Program, level: int) -> None:
        self.program = program
        self.fuse = level > 0
        self.nodes = program.nodes()
        self.groups: list[Group] = []
        self.forced: set[Node] = set()
        self.home: dict[Node, Group] = {}  # the group that stores a value
        self.consumers: dict[Node, list[Group]] = {}
        self.count = 0
        self.weights = self._weights()

    def _weights(self) -> dict[Node, float]:
        """The work of computing each value from stored ones, operands inlined as in `may_inline`.

        Without the inlined work in it, a recurrence would be computed from its start by each user.
        """
        weights: dict[Node, float] = {}
        uses: Counter[Node] = Counter(i for n in self.nodes for i in n.inputs)
        for node in self.nodes:
            weight = node.prim.cost
            if node.prim.kind in ("pointwise", "view"):
                for operand in node.inputs:
                    inlined = (
                        operand.prim.kind in ("pointwise", "view")
                        and operand.prim.cost < EXPENSIVE
                        and (uses[operand] == 1 or weights[operand] <= DUPLICATE_LIMIT)
                    )
                    weight += weights[operand] if inlined else 1.0
            weights[node] = weight
        return weights

    # ---- the walk

    def run(self) -> list[Group]:
        for node in self.program.roots:
            if node.op == "result" or node.prim.kind not in TOKENS:
                self.force(node)
        for node in self.program.effects:
            self.consumers.setdefault(node, [])
        for node in reversed(self.nodes):
            if node.op not in ("input", "const", "empty", "dim_value"):
                self.visit(node)
            elif node.op == "dim_value" and node in self.forced:
                self.visit_placed(node, self.live_consumers(node), forced=True)
        return self.ordered()

    def force(self, node: Node) -> None:
        """Require that the node's elements be in memory."""
        self.forced.add(storage(node))

    def visit(self, node: Node) -> None:
        consumers = self.live_consumers(node)
        forced = node in self.forced
        if not consumers and not forced and node not in self.program.effects:
            return
        kind = node.prim.kind
        if node.op == "result":
            self.request(node.inputs[0])
            self.consumers[node.inputs[0]] += consumers
        elif kind == "contract":
            self.visit_product(node, consumers, forced)
        elif kind in SINGLE_KINDS:
            self.single(node, consumers)
        elif node.op in ("concat", "pad", "interleave"):
            self.visit_assembled(node, consumers)
        elif self.is_costly_scalar(node, consumers):
            self.visit_placed(node, [], forced=True)
            for group in consumers:
                group.after.add(self.home[node])
        elif not forced and self.fuse and self.may_inline(node, consumers):
            for group in consumers:
                self.place(node, group)
        else:
            self.visit_placed(node, consumers, forced)

    def request(self, node: Node) -> None:
        self.consumers.setdefault(node, [])
        self.forced.add(node)

    def live_consumers(self, node: Node) -> list[Group]:
        return list(dict.fromkeys(self.consumers.get(node, ())))

    def is_costly_scalar(self, node: Node, consumers: list[Group]) -> bool:
        """Whether one number is better computed beforehand than in its consumers' loops.

        A consumer may yet become the epilogue of a product, where nothing is hoisted.
        """
        if node.rank or not self.fuse or self.weights[node] < COSTLY_SCALAR:
            return False
        if node.prim.kind != "pointwise":
            return False
        return any(g.axes and not self.is_small(g) for g in consumers)

    def is_small(self, group: Group) -> bool:
        return typical(product(a.extent for a in group.axes)) < SMALL_DOMAIN

    def may_inline(self, node: Node, consumers: list[Group]) -> bool:
        """Whether every consumer may recompute the value."""
        if node.prim.kind == "reduce" or node.op == "iota":
            return node.op == "iota"
        if node.op == "gather" and len(consumers) > 1 and node.inputs[1].type.size != 1:
            return False
        tuples = sum(len(g.reach[node]) for g in consumers)
        if tuples > 1:
            return self.weights[node] <= DUPLICATE_LIMIT and node.prim.cost < EXPENSIVE
        if node.prim.cost < EXPENSIVE:
            return True
        return all(self.hoistable(g, index) for g in consumers for index in g.reach[node])

    def hoistable(self, group: Group, index: Index) -> bool:
        """Whether an inlined value is computed no more often than it has elements."""
        used = frozenset().union(*(i.axes() for i in index)) if index else frozenset()
        real = [a for a in group.axes if a.extent != 1]
        if used == frozenset(real):
            return True
        outer = [a for a in group.outer if a.extent != 1]
        return used == frozenset(outer if group.inner is not None else real[: len(used)])

    def place(self, node: Node, group: Group) -> None:
        """Compute the node in the group, at every index at which the group reaches it."""
        indices = group.reach.get(node, set())
        group.members[node] = indices
        if node.prim.kind == "reduce" and node not in group.reductions:
            group.reductions.append(node)
        for index in sorted(indices, key=repr):  # the same in every process
            for operand, at in zip(node.inputs, operand_index(node, index, group), strict=True):
                self.reach(group, operand, at)

    def reach(self, group: Group, operand: Node, at: Index | None) -> None:
        if at is None:
            self.force(operand)
            stored = storage(operand)
            self.consumers.setdefault(stored, []).append(group)
            group.reach.setdefault(stored, set())
            group.whole.add(stored)
            return
        known = group.reach.setdefault(operand, set())
        if at not in known:
            known.add(at)
        self.consumers.setdefault(operand, []).append(group)

    # ---- groups

    def new_group(self, kind: str, node: Node | None = None) -> Group:
        self.count += 1
        group = Group(self.count, kind, node=node)
        self.groups.append(group)
        return group

    def own_group(self, value: Node) -> Group:
        """A loop group over the value's shape (and, for a reduction, over what it reduces)."""
        group = self.new_group("loops")
        group.axes = [Axis(f"i{k}", d) for k, d in enumerate(value.shape)]
        group.reach[value] = {tuple(axis_index(a) for a in group.axes)}
        if value.prim.kind == "reduce":
            self.open_inner(group, value)
        self.place(value, group)
        return group

    def open_inner(self, group: Group, reduction: Node) -> None:
        """Add the axes that `reduction` reduces to a group that has its result's axes."""
        source, outer = reduction.inputs[0], iter(group.axes)
        axes = []
        group.inner = []
        for k, dim in enumerate(source.shape):
            if k in reduced_axes(reduction):
                axes.append(Axis(f"r{k}", dim))
                group.inner.append(axes[-1])
            else:
                axes.append(next(outer))
        group.axes = axes

    def store(self, node: Node, group: Group) -> None:
        group.roots.append(Root(node, node))
        self.home[node] = group

    def single(self, node: Node, consumers: list[Group]) -> Group:
        """A group of one node that reads its operands from memory."""
        kinds = {
            "scatter": "scatter", "scan": "scatter", "random": "random", "check": "check",
            "while": "control", "cond": "control",
        }  # fmt: skip
        is_product = node.prim.kind == "contract"
        group = self.new_group("gemm" if is_product else kinds.get(node.op, "host"), node)
        group.members[node] = set()
        self.home[node] = group
        for operand in product_operands(node) if is_product else node.inputs:
            if operand.op == "result" or operand.prim.kind in TOKENS:
                self.request(operand)
                self.consumers.setdefault(operand, []).append(group)
                group.reach.setdefault(operand, set())
            else:
                self.reach(group, operand, None)
        for consumer in consumers:
            consumer.after.add(group)
        return group

    # ---- products and assembled arrays

    def visit_product(self, node: Node, consumers: list[Group], forced: bool) -> None:
        epilogue = None
        if len(consumers) == 1 and not forced and self.fuse:
            (candidate,) = consumers
            if self.may_be_epilogue(candidate, node):
                epilogue = candidate
        if epilogue is None:
            group = self.single(node, consumers)
            group.axes = [Axis(f"i{k}", d) for k, d in enumerate(node.shape)]
            group.members[node] = group.reach[node] = {tuple(axis_index(a) for a in group.axes)}
            group.roots.append(Root(node, node))
            return
        epilogue.kind = "gemm"
        epilogue.node = node
        epilogue.members[node] = epilogue.reach[node]
        for operand in product_operands(node):
            self.reach(epilogue, operand, None)

    def may_be_epilogue(self, group: Group, node: Node) -> bool:
        if group.kind != "loops" or group.inner is not None:
            return False
        if [a.extent for a in group.axes] != list(node.shape):
            return False
        identity = tuple(axis_index(a) for a in group.axes)
        return group.reach.get(node) == {identity}

    def visit_assembled(self, node: Node, consumers: list[Group]) -> None:
        """Concatenations and paddings are written part by part into one buffer."""
        first: Group | None = None
        groups = []
        for root in assembled_parts(node):
            group = self.new_group("loops")
            group.axes = [Axis(f"i{k}", d) for k, d in enumerate(root.value.shape)]
            group.roots.append(root)
            self.reach(group, root.value, tuple(axis_index(a) for a in group.axes))
            if (
                root.value.op == "broadcast" and root.value not in node.inputs
            ):  # the filling of a padding is no node of the Program
                self.place(root.value, group)
            if first is not None and node.op == "pad":
                group.after.add(first)
            first = first or group
            groups.append(group)
        self.home[node] = groups[-1]
        for consumer in consumers:
            consumer.after.update(groups)

    # ---- placing and merging

    def visit_placed(self, node: Node, consumers: list[Group], forced: bool) -> None:
        """Place a value in one group, merging its consumers where that is possible.

        The consumer with the largest domain comes first: smaller ones may join its outer axes.
        """
        host: Group | None = None
        for group in sorted(consumers, key=lambda g: -len(g.axes)):
            if not self.accepts(group, node):
                continue
            if not self.free_of_cycles(group, consumers):
                continue
            if host is None:
                host = group
                if node.prim.kind == "reduce":
                    self.align_reduction(host, node)
            elif self.merge(host, group, node):
                consumers = [host if g is group else g for g in consumers]
        others = [g for g in dict.fromkeys(consumers) if g is not host]
        if host is not None and (others or forced) and not self.storable(host, node):
            others, host = list(dict.fromkeys(consumers)), None
        if host is None:
            host = self.own_group(node)
            self.store(node, host)
        else:
            self.place(node, host)
            if others or forced:
                self.store(node, host)
        for group in others:
            group.after.add(host)

    def storable(self, group: Group, node: Node) -> bool:
        """Whether the group's loops visit each element of the value once, so as to store it."""
        (index,) = group.reach[node]
        used = [i.as_axis() for i in index if i != ZERO]
        if node.prim.kind == "reduce" and group.inner is None:
            return True  # the reduction decides which axes are inner
        full = used == [a for a in group.axes if a.extent != 1]
        outer = group.inner is not None and used == [a for a in group.outer if a.extent != 1]
        return full or outer

    def accepts(self, group: Group, node: Node) -> bool:
        """Whether the group can compute the value once for each of its elements."""
        if group.kind not in ("loops", "gemm") or len(group.reach.get(node, ())) != 1:
            return False
        if not self.fuse:
            return False
        if node in group.whole:
            return False
        (index,) = group.reach[node]
        if node.prim.kind == "reduce":
            return group.kind == "loops" and self.reduction_fits(group, node, index)
        axes = [i.as_axis() for i in index if i != ZERO]
        if None in axes or len(set(axes)) != len(axes) or not self.hoistable(group, index):
            return False
        covered = product(a.extent for a in axes if a is not None)
        return covered == product(node.shape)

    def reduction_fits(self, group: Group, node: Node, index: Index) -> bool:
        axes = [i.as_axis() for i in index if i != ZERO]
        if None in axes or any(r.start is not None for r in group.roots):
            return False
        source = node.inputs[0]
        reduced = [source.shape[k] for k in reduced_axes(node)]
        outer = [a for a in group.outer if a.extent != 1]
        if group.inner is not None:
            return axes == outer and [a.extent for a in group.inner] == reduced
        if axes == outer:
            return True
        missing = [a for a in group.axes if a not in axes and a.extent != 1]
        kept = [a for a in group.axes if a in axes]
        nontrivial = [d for d in reduced if d != 1]
        return kept == axes and [a.extent for a in missing] == nontrivial == reduced

    def align_reduction(self, group: Group, node: Node) -> None:
        """Fix the group's inner axes to those that the reduction removes."""
        if group.inner is not None:
            return
        (index,) = group.reach[node]
        axes = [i.as_axis() for i in index if i != ZERO]
        missing = [a for a in group.axes if a not in axes and a.extent != 1]
        if missing:
            group.inner = missing
            return
        group.inner = [Axis(f"r{k}", node.inputs[0].shape[k]) for k in reduced_axes(node)]
        group.axes = [*group.axes, *group.inner]

    def merge(self, host: Group, group: Group, node: Node) -> bool:
        """Merge `group` into `host` if their domains are one; says whether it did."""
        if host.kind != "loops" or group.kind != "loops":
            return False
        unified = unify(host, group)
        if unified is None or self.depends(host, {group}) or self.depends(group, {host}):
            return False
        renamed, axes, inner = unified
        if inner is not None and any(r.start is not None for r in (*host.roots, *group.roots)):
            return False
        (ours,) = host.reach[node]
        (theirs,) = group.reach[node]
        if tuple(substitute(i, renamed) for i in theirs) != ours:
            return False
        host.axes, host.inner = axes, inner
        self.absorb(host, group, renamed)
        return True

    def absorb(self, host: Group, group: Group, renamed: dict[Axis, IndexExpr]) -> None:
        def moved(indices: set[Index]) -> set[Index]:
            return {tuple(substitute(i, renamed) for i in index) for index in indices}

        for node, indices in group.reach.items():
            host.reach.setdefault(node, set()).update(moved(indices))
            self.consumers[node] = [host if g is group else g for g in self.consumers.get(node, ())]
        for node, indices in group.members.items():
            host.members.setdefault(node, set()).update(moved(indices))
        host.whole |= group.whole
        host.roots += group.roots
        host.reductions += [r for r in group.reductions if r not in host.reductions]
        host.after |= group.after
        host.why.append(f"merged with group {group.number}")
        for node, home in self.home.items():
            if home is group:
                self.home[node] = host
        for other in self.groups:
            if group in other.after:
                other.after.remove(group)
                other.after.add(host)
        self.groups.remove(group)

    def free_of_cycles(self, host: Group, consumers: list[Group]) -> bool:
        """Whether `host` may store a value for the other consumers: it must not wait for them."""
        return not self.depends(host, {g for g in consumers if g is not host})

    def depends(self, group: Group, others: set[Group]) -> bool:
        """Whether `group` must run after one of `others`, directly or not."""
        if not others:
            return False
        seen, pending = {group}, [group]
        while pending:
            new = pending.pop().after - seen
            if not others.isdisjoint(new):
                return True
            seen |= new
            pending += new
        return False

    def ordered(self) -> list[Group]:
        """Groups in an order that respects their dependences, and effects in their own order."""
        effects = [self.home[n] for n in self.program.effects]
        for before, later in itertools.pairwise(effects):
            later.after.add(before)
        return order_groups(self.groups)
