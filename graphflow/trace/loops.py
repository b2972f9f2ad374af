"""Loops in a trace: the body becomes a sub-Program, traced for the types of the first values.

The condition is evaluated once before the loop and then at the end of each round, together with the
body. What the body writes of the session's state is carried along like a loop variable; where that,
or the type of a TensorArray's elements, is found out only while tracing, the body is traced again.
A loop whose variables change their shape, or whose body calls Python, is run round by round by the
session: then a `Split` with the loop's parts is raised.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphflow import errors
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ir.interpreter import run_program
from graphflow.ir.node import Node, Program, Update, is_constant
from graphflow.trace.arrays import ARRAY_VALUES, UnwrittenArray, is_flow
from graphflow.trace.choices import zeros
from graphflow.trace.loop_parts import Parts, Variable, counting_starts, round_limit, take_apart
from graphflow.trace.prune import needed_operations
from graphflow.trace.region import Captures, Region
from graphflow.trace.tracer import Split, Tracer
from graphflow.trace.units import EXITS, Loop

COUNT_LIMIT = 20_000  # rounds that are counted by running the condition at trace time

_traced = 0


def lower_loop(tracer: Tracer, loop: Loop) -> None:
    """Lower a loop and give its results to the tracer."""
    parts = take_apart(loop)
    try:
        _Lowering(tracer, parts).run()
    except Split as split:
        if split.is_count:
            raise
        values = {t: tracer.value_of(t) for t in parts.inputs()}
        parts.arrays = {t: v for t, v in values.items() if isinstance(v, ARRAY_VALUES)}
        raise Split(split.operation, loop=parts) from None


class _Lowering:
    """The lowering of one loop."""

    def __init__(self, tracer: Tracer, parts: Parts) -> None:
        self.tracer, self.parts = tracer, parts
        self.starts = [tracer.value_of(v.start) for v in parts.variables]
        self.grown: set[int] = set()  # the variables whose first array was made longer
        self.state: list[str] = []  # the session's variables that the body writes
        self.rounds: int | None = None
        self.limit: Any = math.inf  # the rounds are no more than this

    def run(self) -> None:
        flag = self.first_flag()
        if flag.op == "const" and not bool(flag["value"].array):
            self.give([*self.starts], {})
            return
        while not self.attempt(flag):
            pass

    def first_flag(self) -> Node:
        """Whether there is a first round."""
        for variable, start in zip(self.parts.variables, self.starts, strict=True):
            self.tracer.values[variable.merge.outputs[0]] = start
        for enter in self.parts.constants:
            if enter.type == "Enter":
                self.tracer.values[enter.outputs[0]] = self.tracer.value_of(enter.inputs[0])
        return self.flag_in(self.tracer)

    def flag_in(self, tracer: Tracer) -> Node:
        assert self.parts.flag is not None
        value = self.parts.flag.inputs[0]
        known = {v.merge.outputs[0] for v in self.parts.variables}
        known |= {e.outputs[0] for e in self.parts.constants}
        if value not in known:
            tracer.run(self.inner([value], known))
        node = tracer.value_of(value)
        return tracer.runtime(tracer.reshape(node, ()) if node.rank else node)

    def inner(self, wanted: list[Tensor], known: set[Tensor]) -> set[Operation]:
        """The loop's operations that these values need."""
        targets = [t.op for t in wanted if t not in known]
        own = self.parts.own_operations()
        needed = needed_operations(targets, known, own, self.tracer.givens)
        return needed & self.parts.loop.operations

    # ---- the body

    def attempt(self, first: Node) -> bool:
        """Trace the body once; False when something was learned that changes the start."""
        global _traced
        _traced += 1
        tracer, variables = self.tracer, self.parts.variables
        name = f"{self.parts.name}.{_traced}"
        region = Region(tracer, Captures(name))
        region.in_loop = True
        carried = [self.carry(region, k, name) for k in range(len(variables))]
        counting = counting_starts(self.parts, self.starts)
        self.limit = round_limit(tracer, self.parts, counting)
        for variable, value in zip(variables, carried, strict=True):
            if variable in counting:
                start = counting[variable]
                region.ranges[value] = (start, start + self.limit)
        states = {s: tracer.state[s] for s in self.state}
        inner_states = {}
        for key, node in states.items():
            inner_states[key] = region.input(f"{name}/{key}", "variable", node.type)
            region.state[key] = inner_states[key]
        known: set[Tensor] = set()
        for variable, value in zip(variables, carried, strict=True):
            if variable.switch is not None:
                inside = variable.switch.outputs[1]
                region.values[inside] = value
                known.add(inside)
        known.update(enter.outputs[0] for enter in self.parts.constants)
        nexts = [v.next for v in variables]
        region.run(self.inner(nexts, known))
        after = [region.value_of(t) for t in nexts]
        if self.learn(region, carried, after):
            return False
        for variable, value in zip(variables, after, strict=True):
            region.values[variable.merge.outputs[0]] = value
        again = self.flag_in(region)
        if self.learn(region, carried, after):
            return False
        self.finish(region, first, again, carried, after, inner_states)
        return True

    def carry(self, region: Region, number: int, name: str) -> Any:
        """A loop variable inside: an input, or an array of which nothing is written."""
        start = self.starts[number]
        if isinstance(start, UnwrittenArray):
            return start
        return region.input(f"{name}/v{number}", "variable", start.type)

    def learn(self, region: Region, carried: list[Any], after: list[Any]) -> bool:
        """Take note of state that is written and of arrays whose elements are now known."""
        changed = False
        for key in sorted(region.written):
            if key not in self.state:
                self.state.append(key)
                changed = True
        for k, (before, value) in enumerate(zip(carried, after, strict=True)):
            if isinstance(before, UnwrittenArray) and isinstance(value, Node):
                self.starts[k] = self.first_array(region, before, value, k)
                changed = True
            elif k not in self.grown and isinstance(before, Node) and before in region.growing:
                size = self.grown_size(region, before.shape[0], value)
                self.starts[k] = self.tracer.grown(self.starts[k], size)
                self.grown.add(k)
                changed = True
            elif self.becomes_array(k, before, value):
                self.starts[k] = zeros(self.tracer, value)
                changed = True
        return changed

    def becomes_array(self, number: int, before: Any, value: Any) -> bool:
        """Whether what began as the number zero, as a sum of flows does, is an array's elements."""
        if not isinstance(before, Node) or not isinstance(value, Node) or before.rank:
            return False
        start = self.starts[number]
        is_zero = start.op == "const" and not start["value"].array
        return is_zero and is_flow(self.parts.variables[number].merge.outputs[0], value)

    def first_array(self, region: Region, array: UnwrittenArray, written: Node, k: int) -> Node:
        """Zeros for an array's elements, now that one has been written."""
        size = array.size
        if array.loop == self.parts.name:
            size = self.count_rounds(is_exact=False)
        elif array.grows:
            size = self.grown_size(region, size or 0, written)
        element = written.shape[1:]
        zero = self.tracer.const(np.zeros((), written.dtype.numpy), written.dtype)
        return self.tracer.broadcast(zero, (size, *element), ())

    def grown_size(self, region: Region, size: Any, written: Node) -> Any:
        """The size of an array that grows, after the loop: as far as the last index written."""
        rounds = self.count_rounds()
        while written.op not in ("scatter", "input") and written.inputs:
            written = written.inputs[0]
        if written.op != "scatter":
            return size + rounds
        places = region.index_range(written.inputs[1])
        if places is None:
            return size + rounds
        last = places[0] + (1 if places[1] - places[0] == 1 else rounds)
        return last if size == 0 else max(size, last)

    def finish(
        self, region: Region, first: Node, again: Node, carried: list[Any], after: list[Any],
        states: dict[str, Node],
    ) -> None:  # fmt: skip
        """Make the loop's node."""
        moving = [k for k, c in enumerate(carried) if isinstance(c, Node)]
        inputs = [carried[k] for k in moving] + list(states.values())
        values = [region.runtime(after[k]) for k in moving]
        for k, inner, value in zip(moving, inputs, values, strict=False):
            if inner.type != value.type:
                op = self.parts.variables[k].merge
                if inner.dtype is not value.dtype:
                    raise errors.InvalidArgumentError(
                        None, op, f"a loop variable of type {inner.dtype.name} got a next value of "
                        f"type {value.dtype.name}",
                    )  # fmt: skip
                raise Split(op)
        values += [region.runtime(region.state[key]) for key in states]
        updates = [
            Update(i["name"], v) for i, v in zip(inputs, values, strict=True) if i is not v
        ]  # fmt: skip
        body = region.program(inputs, [again], updates)
        tracer = self.tracer
        starts = [self.starts[k] for k in moving] + [tracer.state[key] for key in states]
        token, results = tracer.while_loop(first, starts, list(region.captures.inner), body)
        if region.effects:
            tracer.effects.append(token)
        found = list(after)
        for k, result in zip(moving, results, strict=False):
            found[k] = result
        self.give(found, dict(zip(states, results[len(moving) :], strict=True)))

    def give(self, values: list[Any], states: dict[str, Node]) -> None:
        """Hand the loop's results to the tracer."""
        for variable, value in zip(self.parts.variables, values, strict=True):
            if variable.exit is None:
                continue
            last = variable.exit.outputs[0]
            if self.rounds is not None and last is self.counter():
                value = self.tracer.const(np.int32(self.rounds))
            self.tracer.values[last] = value
        for key, value in states.items():
            self.tracer.state[key] = value
            self.tracer.note_written(key)

    # ---- how many rounds

    def count_rounds(self, is_exact: bool = True) -> Any:
        """How many rounds the loop has, where that can be known; else no less than that.

        Raises
        ------
        Split : only a run can tell.
        """
        counter = self.counter()
        if self.rounds is not None:
            return self.rounds
        feed = None if counter is None else self.tracer.feeds.get(counter)
        if feed is not None and feed.value is not None:
            return int(feed.value)
        needed = self.counting_variables()
        parts = Parts(self.parts.loop, needed, self.parts.constants, self.parts.flag)
        rounds = _Lowering(self.tracer, parts).simulate()
        if rounds is None and not is_exact and self.limit != math.inf:
            return self.limit
        if rounds is None and counter is not None and not isinstance(self.tracer, Region):
            raise Split(counter.op, [counter], is_count=True)
        if rounds is None:
            raise Split(self.parts.variables[0].enter)
        self.rounds = rounds
        return rounds

    def counter(self) -> Tensor | None:
        """The tensor that tells the number of rounds, where the graph has one."""
        context = self.parts.variables[0].enter._control_flow_context
        variable = getattr(context, "counter", None)
        if variable is not None:
            return variable.exit.outputs[0]
        for own, start in counting_starts(
            self.parts, self.starts
        ).items():  # of a graph from a file
            if start == 0 and own.switch is not None:
                for op in own.switch.outputs[0].consumers():
                    if op.type in EXITS:
                        return op.outputs[0]
        return None

    def counting_variables(self) -> list[Variable]:
        """The loop variables that the condition depends on."""
        assert self.parts.flag is not None
        by_value = {}
        for v in self.parts.variables:
            by_value[v.merge] = v
            if v.switch is not None:
                by_value[v.switch] = v
        found: list[Variable] = []
        pending = [self.parts.flag.inputs[0]]
        while pending:
            op = pending.pop().op
            stop = set(by_value)
            seen: set[Operation] = set()
            stack = [op]
            while stack:
                current = stack.pop()
                if current in seen:
                    continue
                seen.add(current)
                if current in stop:
                    variable = by_value[current]
                    if variable not in found:
                        found.append(variable)
                        pending.append(variable.next)
                    continue
                stack.extend(t.op for t in current.inputs if t.op in self.parts.loop.operations)
        return [v for v in self.parts.variables if v in found]

    def simulate(self) -> int | None:
        """Count the rounds by running the condition, if all that it needs is constant."""
        if not all(isinstance(s, Node) and is_constant(s) for s in self.starts):
            return None
        region = Region(self.tracer, Captures(f"{self.parts.name}.count"))
        variables = self.parts.variables
        carried = [self.carry(region, k, region.captures.name) for k in range(len(variables))]
        known = set()
        for variable, value in zip(variables, carried, strict=True):
            if variable.switch is not None:
                region.values[variable.switch.outputs[1]] = value
                known.add(variable.switch.outputs[1])
        known.update(enter.outputs[0] for enter in self.parts.constants)
        nexts = [v.next for v in variables]
        region.run(self.inner(nexts, known))
        after = [region.runtime(region.value_of(t)) for t in nexts]
        for variable, value in zip(variables, after, strict=True):
            region.values[variable.merge.outputs[0]] = value
        flag = self.flag_in(region)
        if region.captures.inner or region.written or region.effects:
            return None
        flags = (flag,)
        updates = tuple(
            Update(c["name"], v) for c, v in zip(carried, after, strict=True) if c is not v
        )
        program = Program(tuple(carried), flags, updates)
        values = [_constant_value(s) for s in self.starts]
        first = self.first_flag()
        if first.op != "const":
            return None
        more, rounds = bool(first["value"].array), 0
        while more:
            rounds += 1
            if rounds > COUNT_LIMIT:
                return None
            (again,), changed = run_program(program, values)
            values = [changed.get(c["name"], v) for c, v in zip(carried, values, strict=True)]
            more = bool(again)
        return rounds


def _constant_value(node: Node) -> Any:
    if node.op == "const":
        return node["value"].array
    return np.broadcast_to(node.inputs[0]["value"].array, node.shape)
