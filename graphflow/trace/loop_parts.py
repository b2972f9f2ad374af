"""The parts of a loop: its variables, its constants, its condition, and how it counts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphflow import errors
from graphflow.graph.constants import constant_value
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ir.builder import NeedsValue
from graphflow.ir.node import Node
from graphflow.trace.units import ENTERS, EXITS, MERGES, SWITCHES, Loop


@dataclass(eq=False)
class Variable:
    """The operations of one loop variable; those that the run does not need are None."""

    enter: Operation
    merge: Operation
    switch: Operation | None = None
    exit: Operation | None = None

    @property
    def operations(self) -> list[Operation]:
        """What makes it a variable."""
        parts = (self.enter, self.merge, self.switch, self.exit)
        return [op for op in parts if op is not None]

    @property
    def start(self) -> Tensor:
        """Its value before the loop."""
        return self.enter.inputs[0]

    @property
    def next(self) -> Tensor:
        """Its value after a round."""
        if len(self.merge.inputs) != 2 or not self.merge.inputs[1].op.inputs:
            raise errors.InvalidArgumentError(
                None, self.merge, f"expected a value before the loop and a next one for the "
                f"variable {self.merge.name}, got {len(self.merge.inputs)} values",
            )  # fmt: skip
        return self.merge.inputs[1].op.inputs[0]


@dataclass(eq=False)
class Parts:
    """A loop taken apart."""

    loop: Loop
    variables: list[Variable] = field(default_factory=list)
    constants: list[Operation] = field(default_factory=list)  # Enters of what does not change
    flag: Operation | None = None  # the LoopCond
    arrays: dict[Tensor, Any] = field(default_factory=dict)  # inputs that are no nodes

    @property
    def name(self) -> str:
        """The loop's name in the graph."""
        return self.loop.frame

    def inputs(self) -> list[Tensor]:
        """What the loop reads from outside."""
        enters = [v.enter for v in self.variables] + self.constants
        return [e.inputs[0] for e in enters if e.type == "Enter"]

    def own_operations(self) -> set[Operation]:
        """What makes it a loop; everything else in it is condition or body."""
        return {*self.constants, *(op for v in self.variables for op in v.operations)}


def take_apart(loop: Loop) -> Parts:
    """Sort a loop's own operations; those of loops inside it stay with the body."""
    parts = Parts(loop)
    by_merge: dict[Operation, Variable] = {}
    constants = []
    # In gradients of TensorFlow's, copies that wait for each other lie before the Exits.
    exits: dict[Tensor, Operation] = {}
    for op in sorted(loop.operations, key=lambda op: op._id):
        if op.type in EXITS:
            exits.setdefault(_source(op.inputs[0]), op)
        if op.type in ENTERS and op.attrs["frame_name"] == loop.frame:
            if op.attrs["is_constant"]:
                constants.append(op)
                continue
            merges = [c for c in op.outputs[0].consumers() if c.type in MERGES]
            if merges and merges[0] in loop.operations:
                by_merge[merges[0]] = Variable(op, merges[0])
    parts.constants = constants
    for merge, variable in by_merge.items():
        for user in merge.outputs[0].consumers():
            if user.type in SWITCHES and user in loop.operations:
                if user.inputs[1].op.type == "LoopCond":
                    variable.switch = user
                    parts.flag = user.inputs[1].op
        if variable.switch is not None:
            variable.exit = exits.get(variable.switch.outputs[0])
    parts.variables = list(by_merge.values())
    if parts.flag is None:
        conditions = [op for op in loop.operations if op.type == "LoopCond"]
        parts.flag = min(conditions, key=lambda op: op._id, default=None)
    if parts.flag is None:
        op = min(loop.operations, key=lambda op: op._id)
        raise errors.InvalidArgumentError(None, op, f"the loop {loop.frame} has no condition")
    return parts


# ---- counting


def counting_starts(parts: Parts, starts: Sequence[Any]) -> dict[Variable, int]:
    """The variables that go up by one each round, with their first values."""
    found = {}
    for variable, start in zip(parts.variables, starts, strict=True):
        if not isinstance(start, Node) or start.op != "const" or not start.dtype.is_integer:
            continue
        value = start["value"].array
        if value.size == 1 and value.dtype != object and _goes_up_by_one(variable):
            found[variable] = int(value.reshape(()))
    return found


def _goes_up_by_one(variable: Variable) -> bool:
    op = _source(variable.next).op
    if op.type not in ("Add", "AddV2") or variable.switch is None:
        return False
    inside = variable.switch.outputs[1]
    for value, step in (op.inputs, reversed(op.inputs)):
        if _source(value) is inside:
            known = constant_value(step)
            return known is not None and known.size == 1 and int(known.reshape(())) == 1
    return False


def _source(tensor: Tensor) -> Tensor:
    while tensor.op.type == "Identity":
        tensor = tensor.op.inputs[0]
    return tensor


def round_limit(tracer: Any, parts: Parts, counting: Mapping[Variable, int]) -> Any:
    """A number that the rounds do not exceed, from the condition; infinity if there is none."""
    assert parts.flag is not None
    by_value = {v.merge.outputs[0]: v for v in counting}
    limit: Any = math.inf
    for condition in _all_of(parts.flag.inputs[0]):
        if condition.type != "Less":
            continue
        value, bound = condition.inputs
        variable = by_value.get(_source(value))
        if variable is None or not _is_invariant(bound, parts):
            continue
        try:
            (most,) = tracer.static_ints(tracer.value_of(bound))
        except NeedsValue:
            continue
        rounds = most - counting[variable]
        if limit == math.inf or (isinstance(rounds, int) and isinstance(limit, int)):
            limit = min(limit, rounds) if limit != math.inf else rounds
    return limit


def _all_of(flag: Tensor) -> Iterator[Operation]:
    """The conditions that must all hold."""
    op = _source(flag).op
    if op.type == "LogicalAnd":
        for part in op.inputs:
            yield from _all_of(part)
    else:
        yield op


def _is_invariant(tensor: Tensor, parts: Parts) -> bool:
    """Whether a value that the condition reads is the same in all rounds."""
    constants = set(parts.constants)
    seen: set[Operation] = set()
    pending = [tensor.op]
    while pending:
        op = pending.pop()
        if op in seen or op in constants or op not in parts.loop.operations:
            continue
        if op.type in MERGES or op.definition.stateful:
            return False
        seen.add(op)
        pending.extend(t.op for t in op.inputs)
    return True
