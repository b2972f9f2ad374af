"""Rules: small pure functions from a node to a better one of the same value.

A rule is registered for the primitives that may be its root. It looks at the node, whose operands
are already in their final form, and returns a replacement built with the builder, or None. Its
docstring states the algebra and the numeric condition; its `accuracy` is one of

* ``exact``: the same bits, for nan, infinities and -0.0 too;
* ``not worse``: at least as near to the real value, and finite where the old form was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from graphflow.ir.builder import Builder
from graphflow.ir.node import Node

Rewrite = Callable[[Builder, Node], "Node | None"]
NUMBERS = ("const", "broadcast")  # the primitives that make a constant number
PHASES = ("canonicalise", "stabilise", "specialise")


@dataclass(frozen=True, eq=False)
class Rule:
    """A registered rewrite; `over` names the primitives of which one must make an operand."""

    name: str
    roots: tuple[str, ...]
    phase: str
    accuracy: str
    over: frozenset[str]
    function: Rewrite

    def may_fire(self, operands: Iterable[str]) -> bool:
        """Whether a node over operands made by these primitives can be changed by the rule."""
        return not self.over or any(name in self.over for name in operands)


RULES: list[Rule] = []


def rule(
    *roots: str, phase: str = "canonicalise", accuracy: str = "exact", over: Sequence[str] = ()
) -> Any:
    """Register a function as a rule for nodes of the primitives `roots`.

    Where it needs an operand made by one of a few primitives, `over` names them: the driver then
    asks it about no other node.
    """
    if phase not in PHASES or accuracy not in ("exact", "not worse"):
        raise ValueError(f"a rule of phase {phase!r} and accuracy {accuracy!r}")

    def register(function: Rewrite) -> Rewrite:
        RULES.append(Rule(function.__name__, roots, phase, accuracy, frozenset(over), function))
        return function

    return register


def scalar_value(node: Node) -> Any:
    """The value of a constant that is one number, repeated or not; None for anything else."""
    if node.op == "broadcast":
        node = node.inputs[0]
    if node.op == "const":
        array = node["value"].array
        if array.size == 1 and array.dtype != object:
            return array.reshape(())[()]
    return None


def is_scalar(node: Node, value: float) -> bool:
    """Whether the node is the constant `value` everywhere; -0.0 is not 0.0."""
    found = scalar_value(node)
    if found is None or isinstance(found, (bytes, str)):
        return False
    same = bool(found == value)
    return same and (value != 0 or str(float(found)) == str(float(value)))
