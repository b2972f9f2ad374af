"""Finding loops and choices among the operations of a run.

TensorFlow's graphs have no loop or branch as one thing: only Enter, Merge, Switch and their like.
What is between the Enters and the Exits of one frame is a `Loop`. What exists only if a predicate
has a certain value, from the Switches to the Merges, is a `Choice`; where one conditional's result
leads to another with the same predicate (a gradient's, say), they are two. Each is then one unit
of the order in which a run is traced. Loops and choices inside others are found when those are
traced.

The order respects data and control dependences. Among units that are free to run, those that write
a variable come last and otherwise the one made first comes first: so everything that may still see
the old value of a variable does, as in TensorFlow, where a training step's loss is computed from
the variables before their update.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Union

from graphflow.errors import InvalidArgumentError
from graphflow.graph.branches import State, canonical, merged, resolved
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.trace.prune import writes_variable

ENTERS = ("Enter", "RefEnter")
EXITS = ("Exit", "RefExit")
SWITCHES = ("Switch", "RefSwitch")
MERGES = ("Merge", "RefMerge")
NEXTS = ("NextIteration", "RefNextIteration")
CONTROL_TYPES = frozenset((*ENTERS, *EXITS, *SWITCHES, *MERGES, *NEXTS))

Path = tuple[str, ...]


@dataclass(eq=False)
class Loop:
    """All needed operations of one frame."""

    frame: str
    operations: set[Operation] = field(default_factory=set)


@dataclass(eq=False)
class Choice:
    """Operations that exist only for one value of `pred`.

    Attributes
    ----------
    sides : the operations of each branch.
    switches : what brings values in; each is of both branches.
    merges : what brings values out, with the input that each branch gives.
    """

    pred: Tensor
    level: int
    sides: tuple[set[Operation], set[Operation]] = field(default_factory=lambda: (set(), set()))
    switches: set[Operation] = field(default_factory=set)
    merges: dict[Operation, dict[int, Tensor]] = field(default_factory=dict)

    @property
    def operations(self) -> set[Operation]:
        """Everything in it."""
        return {*self.sides[0], *self.sides[1], *self.switches, *self.merges}


Unit = Union[Operation, Loop, Choice]  # noqa: UP007  # evaluated at import


def ordered_units(
    operations: set[Operation],
    given: Callable[[Tensor], bool],
    givens: Mapping[Tensor, Tensor],
) -> list[Unit]:
    """The units of a set of operations, each after what it needs.

    Parameters
    ----------
    operations : what is to be traced, all at one level or inside its loops and choices.
    given : whether a tensor's value is there already.
    givens : tensors to be read in place of others.
    """
    return _Finder(operations, given, givens).run()


class _Finder:
    def __init__(
        self, operations: set[Operation], given: Callable[[Tensor], bool],
        givens: Mapping[Tensor, Tensor],
    ) -> None:  # fmt: skip
        self.operations, self.given, self.givens = operations, given, givens
        self.units: dict[Operation, Unit] = {}
        self.states: dict[Operation, State] = {}
        self.levels: dict[Operation, dict[Tensor, int]] = {}

    def run(self) -> list[Unit]:
        for op in self.operations:
            self.units[op] = op
        if any(op.type in CONTROL_TYPES for op in self.operations):
            self.find_loops()
            self.find_choices()
        return self.order()

    def read(self, op: Operation) -> list[Tensor]:
        """The tensors that an operation reads of others in the set."""
        tensors = [self.givens.get(t, t) for t in op.inputs]
        return [t for t in tensors if t.op in self.operations and not self.given(t)]

    def before(self, op: Operation) -> list[Operation]:
        """The operations that must come first, a loop's next values not counted."""
        found = [t.op for t in self.read(op) if not (op.type in MERGES and t.op.type in NEXTS)]
        for other in op._control_inputs:
            if other.type in SWITCHES:  # whatever branch is taken: it is done with what it reads
                found += self.before(other)
            elif other in self.operations:
                found.append(other)
        return found

    # ---- loops

    def find_loops(self) -> None:
        paths: dict[Operation, Path] = {}
        loops: dict[str, Loop] = {}
        for op in _sorted(self.operations, self.before, lambda op: op._id):
            path: Path = ()
            for other in self.before(op):
                theirs = paths[other][:-1] if other.type in EXITS else paths[other]
                path = max(path, theirs, key=len)
            if op.type in ENTERS:
                path = (*path, op.attrs["frame_name"])
            paths[op] = path
            if path:
                loop = loops.setdefault(path[0], Loop(path[0]))
                loop.operations.add(op)
                self.units[op] = loop

    # ---- choices

    def find_choices(self) -> None:
        choices: dict[tuple[Tensor, int], Choice] = {}
        for unit in self.order():
            members = unit.operations if isinstance(unit, Loop) else {unit}
            self.note_state(unit, members)  # type: ignore[arg-type]
        for op in list(self.operations):
            if isinstance(self.units[op], Loop):
                if self.states[op]:
                    self.join(choices, op, self.states[op])
            elif op.type in SWITCHES:
                pred = canonical(self.givens.get(op.inputs[1], op.inputs[1]))
                self.join(choices, op, {**self.states[op], pred: -1})
            elif op.type in MERGES:
                self.join_merge(choices, op)
            elif self.states[op]:
                self.join(choices, op, self.states[op])

    def note_state(self, unit: Unit, members: set[Operation]) -> None:
        """Of what a unit's existence depends, and after how many merges of each predicate it is."""
        state: State = {}
        level: dict[Tensor, int] = {}
        for op in members:
            for tensor in self.read(op):
                if tensor.op not in members:
                    state.update(self.state_of(tensor))
                    _raise_levels(level, self.level_of(tensor.op))
            for other in op._control_inputs:
                if other in self.operations and other not in members:
                    state.update(self.states[other])
                    _raise_levels(level, self.level_of(other))
        for op in members:
            self.states[op], self.levels[op] = state, level
        if isinstance(unit, Operation) and unit.type in MERGES:
            self.states[unit] = merged(self.input_states(unit))

    def state_of(self, tensor: Tensor) -> State:
        op = tensor.op
        if op not in self.states:
            raise InvalidArgumentError(
                None, op, f"{op.name} ({op.type}) is read apart from the loop that it is part of"
            )
        if op.type in SWITCHES and not isinstance(self.units[op], Loop):
            pred = canonical(self.givens.get(op.inputs[1], op.inputs[1]))
            return {**self.states[op], pred: tensor.value_index}
        return self.states[op]

    def level_of(self, op: Operation) -> dict[Tensor, int]:
        if op.type in MERGES and not isinstance(self.units[op], Loop):
            level = dict(self.levels[op])
            for pred in self.resolved(op):
                level[pred] = level.get(pred, 0) + 1
            return level
        return self.levels[op]

    def input_states(self, merge: Operation) -> list[State]:
        tensors = [self.givens.get(t, t) for t in merge.inputs]
        known = [t.op in self.operations and not self.given(t) for t in tensors]
        return [self.state_of(t) if k else {} for t, k in zip(tensors, known, strict=True)]

    def resolved(self, merge: Operation) -> list[Tensor]:
        """The predicates that a Merge's result no longer depends on."""
        return resolved(self.input_states(merge))

    def outermost(self, state: State) -> Tensor:
        """The predicate that does not itself depend on another one of the state."""
        free = [
            p for p in state
            if p.op not in self.states or not set(self.state_of(p)) & (set(state) - {p})
        ]  # fmt: skip
        return min(free or state, key=lambda p: p.op._id)

    def join(self, choices: dict[tuple[Tensor, int], Choice], op: Operation, state: State) -> None:
        pred = self.outermost(state)
        choice = self.choice(choices, pred, self.levels[op].get(pred, 0))
        if state[pred] == -1:
            choice.switches.add(op)
        else:
            choice.sides[state[pred]].add(op)
        self.units[op] = choice

    def choice(self, choices: dict[tuple[Tensor, int], Choice], pred: Tensor, level: int) -> Choice:
        return choices.setdefault((pred, level), Choice(pred, level))

    def join_merge(self, choices: dict[tuple[Tensor, int], Choice], op: Operation) -> None:
        """A Merge is of the choice that it ends, unless that is inside another one."""
        if self.states[op]:
            self.join(choices, op, self.states[op])
            return
        gone = self.resolved(op)
        if not gone:
            return
        states = self.input_states(op)
        pred = self.outermost({p: 0 for p in gone})
        choice = self.choice(choices, pred, self.levels[op].get(pred, 0))
        values = {s[pred]: t for s, t in zip(states, op.inputs, strict=True) if pred in s}
        if len(op.inputs) == 2 and len(values) == 1:
            ((known, tensor),) = values.items()
            values[1 - known] = op.inputs[1] if tensor is op.inputs[0] else op.inputs[0]
        choice.merges[op] = values
        self.units[op] = choice

    # ---- order

    def order(self) -> list[Unit]:
        """The units, those that write variables as late as may be."""
        before: dict[Unit, set[Unit]] = {}
        numbers: dict[Unit, tuple[bool, int]] = {}
        for op in self.operations:
            unit = self.units[op]
            needed = before.setdefault(unit, set())
            needed.update(u for o in self.before(op) if (u := self.units[o]) is not unit)
            late, number = numbers.get(unit, (False, op._id))
            numbers[unit] = late or writes_variable(op), min(number, op._id)
        return _sorted(before, lambda unit: before[unit], lambda unit: numbers[unit])


def _raise_levels(level: dict[Tensor, int], other: dict[Tensor, int]) -> None:
    for pred, number in other.items():
        level[pred] = max(level.get(pred, 0), number)


def _sorted(items: Iterable[Any], before: Callable[..., Any], key: Callable[..., Any]) -> list[Any]:
    """A topological order; of what is ready, the smallest key comes first."""
    users: dict[Any, list[Any]] = {item: [] for item in items}
    waiting = {}
    for item in users:
        needed = set(before(item))
        waiting[item] = len(needed)
        for other in needed:
            users[other].append(item)
    ready = [(key(item), n, item) for n, item in enumerate(users) if not waiting[item]]
    heapq.heapify(ready)
    numbers = {item: n for n, item in enumerate(users)}
    order = []
    while ready:
        item = heapq.heappop(ready)[-1]
        order.append(item)
        for user in users[item]:
            waiting[user] -= 1
            if not waiting[user]:
                heapq.heappush(ready, (key(user), numbers[user], user))
    if len(order) != len(users):
        stuck = [getattr(i, "name", type(i).__name__) for i in users if i not in set(order)]
        raise InvalidArgumentError(
            None, None, f"operations wait for each other in a circle: {', '.join(stuck[:8])}"
        )
    return order
