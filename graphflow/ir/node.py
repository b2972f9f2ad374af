"""The Program: an immutable, hash-consed DAG of primitive operations in SSA form.

A `Node` is one application of a `Prim` to nodes, with static attributes. Nodes are interned: equal
expressions are the same object, so common subexpressions never exist twice and a test may say
``assert rewritten is expected``. Names and source locations are no part of a node's identity; they
live in a `SourceTable` beside it.

A `Program` is a list of inputs, of outputs, of variable updates and of effects in their order.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphflow.ir.types import TensorType
from graphflow.shown import Shown

Infer = Callable[..., TensorType]


@dataclass(frozen=True, eq=False)
class Prim:
    """The declaration of a primitive.

    Attributes
    ----------
    name : what the node is called in dumps.
    kind : how the compiler treats it: ``leaf``, ``pointwise``, ``view`` (its elements are elements
        of its inputs, found by index arithmetic), ``reduce``, ``contract``, ``nest`` (has a loop
        nest of its own), ``host`` (runs in Python, between native segments) or ``check``.
    infer : ``infer(attrs, *types) -> TensorType``; raises ValueError or TypeError.
    reference : ``reference(attrs, *arrays) -> array``, in NumPy: the meaning of the primitive.
    effect : whether it does something besides giving its value; such nodes never merge or vanish.
    cost : rough price of one element in simple instructions, for recompute-or-store decisions.
    """

    name: str
    kind: str
    infer: Infer
    reference: Callable[..., Any] | None
    effect: bool = False
    cost: float = 1.0

    def __repr__(self) -> str:
        return self.name


class Literal:
    """A constant array that compares by its bytes, so that equal constants are one node."""

    __slots__ = ("_key", "array")

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        array = np.ascontiguousarray(array).reshape(np.shape(array))
        array.setflags(write=False)
        self.array = array
        content = tuple(array.flat) if array.dtype == object else array.tobytes()
        self._key = (array.dtype.str, array.dtype.name, array.shape, content)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Literal) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        if self.array.size == 0:
            return "[]"
        if self.array.size <= 8:
            return " ".join(str(self.array.tolist()).split())
        first = ", ".join(str(v) for v in self.array.flat[:3])
        return f"[{first}, ... {self.array.size} values]"


class Node:
    """One value of a Program. Made through a `Builder`; never changed afterwards."""

    __slots__ = ("__weakref__", "_attrs", "inputs", "prim", "serial", "type")

    prim: Prim
    inputs: tuple[Node, ...]
    type: TensorType
    serial: int  # order of creation: a topological order of any set of nodes

    def __getitem__(self, name: str) -> Any:
        return self._attrs[name]

    @property
    def op(self) -> str:
        """The primitive's name."""
        return self.prim.name

    @property
    def attrs(self) -> Mapping[str, Any]:
        """The static attributes."""
        return self._attrs

    @property
    def dtype(self) -> Any:
        """The element type."""
        return self.type.dtype

    @property
    def shape(self) -> tuple[Any, ...]:
        """The shape, of integers or symbolic dimensions."""
        return self.type.shape

    @property
    def rank(self) -> int:
        """The number of dimensions."""
        return len(self.type.shape)

    _attrs: dict[str, Any]

    def __repr__(self) -> str:
        arguments = [f"%{i.serial}" for i in self.inputs]
        arguments += [f"{k}={v}" for k, v in self._attrs.items()]
        return f"%{self.serial}: {self.type} = {self.op}({', '.join(arguments)})"


_interned: weakref.WeakValueDictionary[Any, Node] = weakref.WeakValueDictionary()
_created = 0


def intern_node(prim: Prim, inputs: tuple[Node, ...], attrs: dict[str, Any]) -> Node:
    """The node of these parts: the existing one, or a new one typed by the primitive's rule."""
    global _created
    key = (prim, inputs, tuple(attrs.items()))
    node = _interned.get(key)
    if node is None:
        node = Node.__new__(Node)
        node.prim, node.inputs, node._attrs = prim, inputs, attrs
        node.type = prim.infer(attrs, *[i.type for i in inputs])
        _created += 1
        node.serial = _created
        _interned[key] = node
    return node


@dataclass(frozen=True)
class Update:
    """A variable's new value: `variable` is the runtime's key for it."""

    variable: str
    value: Node


@dataclass(eq=False)
class SourceTable:
    """Where nodes come from: the user's operations, as many as were merged into a node."""

    names: dict[Node, list[str]] = field(default_factory=dict)
    lines: dict[Node, str] = field(default_factory=dict)

    def record(self, node: Node, name: str, line: str) -> None:
        """Note that the operation `name`, made at `line`, computes `node`."""
        names = self.names.setdefault(node, [])
        if name not in names:
            names.append(name)
        self.lines.setdefault(node, line)

    def carry(self, old: Node, new: Node) -> None:
        """Let `new`, which replaces `old`, inherit its names and line."""
        if new is not old and old in self.names:
            for name in self.names[old]:
                self.record(new, name, self.lines[old])


@dataclass(frozen=True, eq=False)
class Program(Shown):
    """A whole run as a pure function of its inputs.

    Attributes
    ----------
    inputs : ``input`` nodes in the order of the call: feeds, then variables.
    outputs : values to hand out, in the order of the fetches.
    updates : new values of variables, to be committed together at the end.
    effects : nodes that must run although nothing reads them, in this order.
    sources : names and lines for dumps and errors.
    """

    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]
    updates: tuple[Update, ...] = ()
    effects: tuple[Node, ...] = ()
    sources: SourceTable = field(default_factory=SourceTable)
    name: str = "main"

    @property
    def roots(self) -> list[Node]:
        """All nodes that must be computed: effects, outputs and updates."""
        return [*self.effects, *self.outputs, *(u.value for u in self.updates)]

    def nodes(self) -> list[Node]:
        """Every node that the roots need, inputs before users."""
        return topological(self.roots)

    def users(self) -> dict[Node, list[Node]]:
        """For every node the nodes that read it, each once, in topological order."""
        users: dict[Node, list[Node]] = {n: [] for n in self.nodes()}
        for node in users:
            for operand in dict.fromkeys(node.inputs):
                users[operand].append(node)
        return users

    def map(self, replace: Mapping[Node, Node]) -> Program:
        """The Program with its roots replaced."""
        return Program(
            self.inputs,
            tuple(replace.get(n, n) for n in self.outputs),
            tuple(Update(u.variable, replace.get(u.value, u.value)) for u in self.updates),
            tuple(replace.get(n, n) for n in self.effects),
            self.sources,
            self.name,
        )

    def to_networkx(self) -> Any:
        """The Program for networkx: see `ir.networks.program_network`."""
        from graphflow.ir.networks import program_network  # the network reads Programs: below us

        return program_network(self)

    def __str__(self) -> str:
        from graphflow.ir.printer import program_text  # the printer reads Programs: below us

        return program_text(self)


def is_constant(node: Node) -> bool:
    """Whether a node is a constant, or one repeated."""
    return node.op == "const" or (node.op == "broadcast" and node.inputs[0].op == "const")


def topological(roots: Iterable[Node]) -> list[Node]:
    """All nodes reachable from `roots`, operands before users.

    Creation order is such an order, because a node's operands exist before it does.
    """
    seen: set[Node] = set()
    pending = list(roots)
    while pending:
        node = pending.pop()
        if node not in seen:
            seen.add(node)
            pending.extend(node.inputs)
    return sorted(seen, key=lambda n: n.serial)


def rebuild(
    roots: Sequence[Node], step: Callable[[Node, tuple[Node, ...]], Node]
) -> dict[Node, Node]:
    """Map every node under `roots`, operands first, by ``step(node, new_operands)``."""
    new: dict[Node, Node] = {}
    for node in topological(roots):
        new[node] = step(node, tuple(new[i] for i in node.inputs))
    return new


def walk(node: Node) -> Iterator[Node]:
    """The node and everything under it, users before operands, each once."""
    yield from reversed(topological([node]))
