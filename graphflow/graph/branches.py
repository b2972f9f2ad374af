"""On which predicates the existence of a value depends.

A Switch gives a value only for one value of its predicate, and so has everything computed from it,
until a Merge takes the value of either side. This is read off the operations themselves, so it
holds for imported graphs and for the operations of gradients, which are in no branch's context.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphflow.graph.contexts import WhileContext, loop_of
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor

State = dict[Tensor, int]  # predicates with the values that are needed, outer ones first


def canonical(pred: Tensor) -> Tensor:
    """The tensor behind copies of it."""
    while pred.op.type == "Identity" and not pred.op.inputs[0].dtype._is_ref_dtype:
        pred = pred.op.inputs[0]
    return pred


def resolved(states: Sequence[State]) -> list[Tensor]:
    """The predicates on which the result of a Merge no longer depends, given its inputs' states."""
    if len(states) == 1:
        return list(states[0])
    every = list(dict.fromkeys(p for s in states for p in s))
    differing = [p for p in every if len({s[p] for s in states if p in s}) > 1]
    if differing:
        return differing[:1]
    return [p for p in every if any(p not in s for s in states)][-1:]


def merged(states: Sequence[State]) -> State:
    """The state of a Merge's result."""
    gone = resolved(states)
    joined: State = {}
    for state in states:
        joined.update(state)
    return {p: v for p, v in joined.items() if p not in gone}


class Branches:
    """The states of the values in a loop's body, or outside all loops."""

    def __init__(self, loop: WhileContext | None) -> None:
        self.loop = loop
        self.known: dict[Operation, State] = {}

    def of(self, tensor: Tensor) -> State:
        """On what the value's existence depends, within the loop."""
        pending = [tensor.op]
        while pending:
            op = pending[-1]
            waiting = [o for o in self.before(op) if o not in self.known]
            if op in self.known or not waiting:
                pending.pop()
                self.known.setdefault(op, self.joined(op))
            else:
                pending += waiting
        return self.through(tensor)

    def before(self, op: Operation) -> list[Operation]:
        if self.is_plumbing(op):
            return []
        found = [t.op for t in op.inputs if t.op.type not in ("NextIteration", "RefNextIteration")]
        return found + list(op._control_inputs)

    def is_plumbing(self, op: Operation) -> bool:
        """Whether the operation begins the loop's body, or is outside of the loop."""
        if op.type in ("Enter", "RefEnter"):
            return op._control_flow_context is self.loop or loop_of(op) is self.loop
        if loop_of(op) is not self.loop and op.type not in ("Exit", "RefExit"):
            return not self.is_inside(op)
        return op.type in ("Switch", "RefSwitch") and op.inputs[1].op.type == "LoopCond"

    def is_inside(self, op: Operation) -> bool:
        return self.loop is None or self.loop.owns(op)

    def joined(self, op: Operation) -> State:
        """The state of an operation; for a Switch, before it chooses."""
        if self.is_plumbing(op):
            return {}
        if op.type in ("Merge", "RefMerge"):
            if any(t.op.type in ("NextIteration", "RefNextIteration") for t in op.inputs):
                return self.through(op.inputs[0])
            return merged([self.through(t) for t in op.inputs])
        state: State = {}
        for tensor in op.inputs:
            state.update(self.through(tensor))
        for other in op._control_inputs:
            state.update(self.known.get(other, {}))
        return state

    def through(self, tensor: Tensor) -> State:
        op = tensor.op
        state = self.known.get(op, {})
        if op.type in ("Switch", "RefSwitch") and not self.is_plumbing(op):
            if op.inputs[1].op.type != "LoopCond":
                return {**state, canonical(op.inputs[1]): tensor.value_index}
        return state
