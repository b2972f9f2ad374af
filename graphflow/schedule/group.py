"""Groups: nodes that are computed together in one loop nest, and how their domains relate.

`grouping` decides which nodes these are; here is what a group is, where its nodes read their
operands, when two domains are one, and the order in which groups run.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field

from graphflow.errors import CompilerError
from graphflow.ir.dims import Dim
from graphflow.ir.index import ZERO, Axis, IndexExpr, axis_index, reshape_index
from graphflow.ir.node import Node

Index = tuple[IndexExpr, ...]


@dataclass(eq=False)
class Root:
    """A value that a group stores: `value` into the buffer of `target`, at `offset` plus scale."""

    value: Node
    target: Node
    start: tuple[Dim, ...] | None = None  # position of the value's origin in the target
    stride: tuple[int, ...] | None = None


@dataclass(eq=False)
class Group:
    """Nodes computed together. See the module's text."""

    number: int
    kind: str  # loops, gemm, scatter, random, host, control, check
    axes: list[Axis] = field(default_factory=list)
    inner: list[Axis] | None = None
    members: dict[Node, set[Index]] = field(default_factory=dict)
    reach: dict[Node, set[Index]] = field(default_factory=dict)
    roots: list[Root] = field(default_factory=list)
    reductions: list[Node] = field(default_factory=list)
    whole: set[Node] = field(default_factory=set)  # values that must exist before the group starts
    node: Node | None = None  # the product, scatter, call... of a single-node group
    after: set[Group] = field(default_factory=set)  # groups that must run before this one
    why: list[str] = field(default_factory=list)

    @property
    def outer(self) -> list[Axis]:
        """The axes that are not reduced."""
        inner = self.inner or []
        return [a for a in self.axes if a not in inner]

    @property
    def loads(self) -> list[Node]:
        """The values that the group reads from memory."""
        return [n for n in self.reach if n not in self.members]

    def __repr__(self) -> str:
        return f"group {self.number} ({self.kind})"


def operand_index(node: Node, index: Index, group: Group) -> list[Index | None]:
    """Where each operand of `node` is read when `node` is computed at `index`.

    None stands for an operand that is read at places that depend on data, or as a whole.
    """
    op = node.op
    if node.prim.kind == "pointwise":
        return [index] * len(node.inputs)
    if not node.inputs:
        return []
    source = node.inputs[0]
    if op == "broadcast":
        return [tuple(index[a] for a in node["axes"])]
    if op == "reshape":
        return [reshape_index(index, node.shape, source.shape)]
    if op == "transpose":
        moved: list[IndexExpr] = [ZERO] * node.rank
        for k, axis in enumerate(node["perm"]):
            moved[axis] = index[k]
        return [tuple(moved)]
    if op == "slice":
        parts = zip(index, node["start"], node["stride"], strict=True)
        return [tuple(i * stride + start for i, start, stride in parts)]
    if op == "gather":
        axis, batch = node["axis"], node["batch_dims"]
        count = node.inputs[1].rank - batch
        return [None, index[:batch] + index[axis : axis + count]]
    if node.prim.kind == "reduce":
        inner = iter(group.inner or [])
        outer = iter(index)
        reduced = reduced_axes(node)
        return [
            tuple(
                axis_index(next(inner)) if k in reduced else next(outer) for k in range(source.rank)
            )
        ]
    return [None] * len(node.inputs)


def reduced_axes(node: Node) -> tuple[int, ...]:
    """The operand axes that a reduction removes."""
    return node["axes"] if "axes" in node.attrs else (node["axis"],)


def storage(node: Node) -> Node:
    """The node whose buffer holds `node`'s elements in the same order: reshapes are free."""
    while node.op == "reshape":
        node = node.inputs[0]
    return node


def order_groups(groups: list[Group]) -> list[Group]:
    """A topological order; among ready groups the one made last goes first, as users were walked
    first.

    Raises
    ------
    CompilerError : the groups depend on each other in a circle.
    """  # noqa: D205
    waiting = {g: len(g.after) for g in groups}
    users: dict[Group, list[Group]] = {g: [] for g in groups}
    for group in groups:
        for before in group.after:
            users[before].append(group)
    position = {g: -k for k, g in enumerate(groups)}
    ready = [(position[g], g.number, g) for g in groups if not waiting[g]]
    heapq.heapify(ready)
    order: list[Group] = []
    while ready:
        group = heapq.heappop(ready)[-1]
        order.append(group)
        for user in users[group]:
            waiting[user] -= 1
            if not waiting[user]:
                heapq.heappush(ready, (position[user], user.number, user))
    if len(order) != len(groups):
        stuck = [repr(g) for g in groups if g not in order]
        raise CompilerError(f"groups depend on each other in a circle: {', '.join(stuck)}")
    return order


def unify(
    host: Group, group: Group
) -> tuple[dict[Axis, IndexExpr], list[Axis], list[Axis] | None] | None:
    """How two domains are one: the map from the group's axes to the host's, and the joint domain.

    None when the extents differ, or when both reduce and not over the same axes.
    """

    def extents(axes: Iterable[Axis]) -> list[Dim]:
        return [a.extent for a in axes]

    axes, inner = host.axes, host.inner
    if extents(host.axes) == extents(group.axes):
        pairs = dict(zip(group.axes, host.axes, strict=True))
        theirs = None if group.inner is None else [pairs[a] for a in group.inner]
        if inner is not None and theirs is not None and inner != theirs:
            return None
        inner = inner if inner is not None else theirs
    elif group.inner is None and inner is not None and extents(host.outer) == extents(group.axes):
        pairs = dict(zip(group.axes, host.outer, strict=True))
    elif inner is None and group.inner is not None and extents(group.outer) == extents(host.axes):
        pairs = dict(zip(group.outer, host.axes, strict=True))
        pairs.update({a: a for a in group.inner})
        axes, inner = [pairs[a] for a in group.axes], list(group.inner)
    else:
        return None
    return {a: axis_index(b) for a, b in pairs.items()}, axes, inner


def product_operands(node: Node) -> list[Node]:
    """What a product or convolution reads."""
    return [product_operand(i) for i in node.inputs] if node.op == "matmul" else list(node.inputs)


def product_operand(operand: Node) -> Node:
    """A product's operand without a broadcast over batch axes, which is a stride of zero."""
    if operand.op != "broadcast":
        return operand
    source, axes = operand.inputs[0], operand["axes"]
    rank = operand.rank
    if source.rank == 2 and axes == (rank - 2, rank - 1):
        return source
    return operand


def assembled_parts(node: Node) -> list[Root]:
    """The pieces of an array that is put together, with where they go."""
    if node.op == "concat":
        roots, position = [], 0
        for part in node.inputs:
            start: list[Dim] = [0] * node.rank
            start[node["axis"]] = position
            roots.append(Root(part, node, tuple(start), (1,) * node.rank))
            position = position + part.shape[node["axis"]]
        return roots
    if node.op == "interleave":
        places = zip(node.inputs, node["places"], strict=True)
        return [Root(part, node, start, stride) for part, (start, stride) in places]
    from graphflow.ir.builder import Builder

    fill = Builder().broadcast(node.inputs[1], node.shape, ())
    stride = tuple(gap + 1 for gap in node["interior"])
    return [
        Root(fill, node, (0,) * node.rank, (1,) * node.rank),
        Root(node.inputs[0], node, node["low"], stride),
    ]
