"""Tracing the inside of a loop or of a branch.

A region's values come from three places: its own operations, inputs of its own (loop variables),
and the region around it, whose nodes are *captured*: they become inputs of the sub-Program. The
session's variables that the region writes are noted, so that they become results of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ir.node import Node, Program, Update, is_constant
from graphflow.trace.arrays import ARRAY_VALUES, ElementList
from graphflow.trace.tracer import Split, Tracer


class Captures:
    """The outer nodes that a region reads, with the inputs that stand for them.

    The branches of a conditional share one of these, so that both take the same inputs.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.inner: dict[Node, Node] = {}

    def get(self, tracer: Tracer, node: Node) -> Node:
        """The input that stands for a node; a constant stands for itself."""
        if is_constant(node):
            return node
        if node in self.inner.values():
            return node
        if node not in self.inner:
            name = f"{self.name}/{len(self.inner)}"
            self.inner[node] = tracer.input(name, "feed", node.type)
        return self.inner[node]


class Region(Tracer):
    """A tracer inside another."""

    def __init__(self, outer: Tracer, captures: Captures) -> None:
        super().__init__(outer.feeds, outer.variable_type, outer.givens)
        self.outer, self.captures = outer, captures
        self.assumed, self.hidden, self.sources = outer.assumed, outer.hidden, outer.sources
        self.written: set[str] = set()
        self.arrays, self.in_loop = outer.arrays, outer.in_loop
        self.speculates, self.speculations = outer.speculates, outer.speculations
        self.ranges = dict(outer.ranges)
        self.growing = set()

    def is_given(self, tensor: Tensor) -> bool:
        """Whether a tensor's value is there: from the region's start, or from outside."""
        return tensor in self.values or super().is_given(tensor)

    def capture(self, value: Any) -> Any:
        """What a value of the region around is called here."""
        if isinstance(value, ElementList):
            elements = {k: self.captures.get(self, v) for k, v in value.elements.items()}
            return ElementList(value.dtype, value.size, elements)
        if isinstance(value, ARRAY_VALUES) or value is None:
            return value
        inner = self.captures.get(self, value)
        if value in self.outer.ranges:
            self.ranges[inner] = self.outer.ranges[value]
        return inner

    def outer_value(self, tensor: Tensor) -> Any:
        """The value of a tensor from outside."""
        value = self.values[tensor] = self.capture(self.outer.value_of(tensor))
        return value

    def feed(self, tensor: Tensor) -> Node:
        """A fed tensor's value."""
        return self.capture(self.outer.feed(tensor))

    def next_number(self) -> int:
        """A number that no other check or call of the run has."""
        return self.outer.next_number()

    def host_call(self, *call: Any, **options: Any) -> Any:
        """A call of Python has no native form inside a loop or a branch: the run is cut here."""
        assert self.operation is not None
        raise Split(self.operation)

    # ---- state

    def note_written(self, name: str) -> None:
        """Take note that a variable got a new value inside a loop or branch."""
        self.written.add(name)

    def read_variable(self, op: Operation) -> Node:
        """A variable's value at this point."""
        if op.name not in self.state:
            self.state[op.name] = self.capture(self.outer.read_variable(op))
        return self.state[op.name]

    def write_variable(self, op: Operation, value: Node) -> Node:
        """Give a variable a new value."""
        self.read_variable(op)  # it keeps the value from before where this is not done
        self.written.add(op.name)
        return super().write_variable(op, value)

    def has_value(self, op: Operation) -> bool:
        """Whether a variable has a value at this point."""
        return op.name in self.state or self.outer.has_value(op)

    def random_state(self, op: Operation, key: int, counter: int) -> Node:
        """The state of a random operation."""
        name = self.state_name(op)
        if name not in self.state:
            self.state[name] = self.capture(self.outer.random_state(op, key, counter))
        return self.state[name]

    def advance_random(self, op: Operation, steps: Any) -> None:
        """Move a random operation's state on."""
        self.written.add(self.state_name(op))
        super().advance_random(op, steps)

    # ---- the sub-Program

    def program(
        self, variables: Sequence[Node], outputs: Sequence[Node], updates: Sequence[Update] = ()
    ) -> Program:
        """What was traced, as a Program of the variables and of all captures so far."""
        inputs = (*variables, *self.captures.inner.values())
        return Program(
            inputs, tuple(outputs), tuple(updates), tuple(self.effects), self.sources,
            self.captures.name,
        )  # fmt: skip


def deciding_feeds(tracer: Tracer, node: Node) -> list[Tensor] | None:
    """The fed bool scalars that alone decide a value; None when anything else has a part in it."""
    by_node: dict[Node, Tensor] = {}
    inner: dict[Node, Node] = {}
    level: Tracer | None = tracer
    while level is not None:
        by_node.update({n: t for t, n in level.feed_inputs.items()})
        captures = getattr(level, "captures", None)
        if captures is not None:
            inner.update({i: o for o, i in captures.inner.items()})
        level = getattr(level, "outer", None)
    found: list[Tensor] = []
    pending = [node]
    while pending:
        leaf = pending.pop()
        leaf = inner.get(leaf, leaf)
        if leaf in by_node:
            if leaf.rank or leaf.dtype.kind != "bool":
                return None
            found.append(by_node[leaf])
        elif leaf in inner:
            pending.append(leaf)
        elif leaf.op == "input" or leaf.prim.kind not in ("leaf", "pointwise", "view"):
            return None
        else:
            pending.extend(leaf.inputs)
    return list(dict.fromkeys(found)) or None
