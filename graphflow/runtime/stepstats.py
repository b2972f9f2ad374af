"""Step statistics: a run, kernel by kernel, with times, for profiles and `RunMetadata`."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from graphflow.codegen.runner import FINAL, JUMP, JUMP_IF, JUMP_UNLESS, RECORD_WORDS
from graphflow.compiler import CompiledProgram
from graphflow.ir.dims import evaluate
from graphflow.ir.node import Node
from graphflow.runtime.call import Call
from graphflow.runtime.executable import Instance
from graphflow.runtime.protos import (
    ALLOCATOR,
    AllocatorMemoryUsed,
    DeviceStepStats,
    Dim,
    NodeExecStats,
    NodeOutput,
    RunMetadata,
)
from graphflow.runtime.records import Step
from graphflow.runtime.segments import SegmentedCall
from graphflow.schedule.plan import Task
from graphflow.schedule.traffic import arena_in_use

DEVICE = "/job:localhost/replica:0/task:0/device:CPU:0"

Event = tuple[Step, int, int]
"""A step, and when it began and ended, by the clock in ns; of a loop, one of its rounds."""


class TracedCall(SegmentedCall):
    """Runs a plan one step at a time and notes when each began and ended."""

    def __init__(
        self, call: Call, instance: Instance, places: list[int | None], texts: Mapping[int, Node]
    ) -> None:
        super().__init__(call, instance, places, texts)
        self.events: list[Event] = []

    def run_segment(self, record: Any, steps: list[Step]) -> int:
        """Run a segment's steps apart from each other; the status of the first that fails."""
        try:
            return self.run_steps(record, steps)
        finally:
            # The instance's other callables run what the table points to.
            self.call.table[0] = record.ctypes.data

    def run_steps(self, record: Any, steps: list[Step]) -> int:
        """Run steps apart from each other, each as a plan of its own."""
        table, number, count = self.call.table, 0, int(record[0])
        rounds: dict[int, int] = {}  # when the present round began of the loop that begins there
        address = table.ctypes.data
        plans = np.ones((count, 1 + RECORD_WORDS), np.int64)  # one record each
        plans[:, 1:] = record[1 : 1 + count * RECORD_WORDS].reshape(count, RECORD_WORDS)
        while number < count:
            words = plans[number, 1:]
            if words[0] in (JUMP_UNLESS, JUMP_IF, JUMP):
                following = int(words[4]) if self.jumps(words) else number + 1
                now = time.perf_counter_ns()
                if words[0] == JUMP_IF:  # a round ends
                    first = int(words[4])
                    self.events.append((steps[number], rounds[first], now))
                    rounds[first] = now
                elif words[0] == JUMP_UNLESS:
                    rounds[number + 1] = now
                number = following
                continue
            table[0] = plans.ctypes.data + number * plans.strides[0]
            began = time.perf_counter_ns()
            status = int(self._run(address))
            ended = time.perf_counter_ns()
            if words[0] != FINAL:
                self.events.append((steps[number], began, ended))
            if status != 0:
                return status
            number += 1
        return 0

    def jumps(self, words: Any) -> bool:
        """Whether a jump is taken: its flag is the byte in its slot."""
        if words[0] == JUMP:
            return True
        slot = ctypes.c_int64.from_address(int(words[3])).value
        flag = ctypes.c_uint8.from_address(int(self.call.table[slot])).value
        return bool(flag) == (words[0] == JUMP_IF)

    def call_host(self, task: Any) -> None:
        """A host call, timed."""
        began = time.perf_counter_ns()
        super().call_host(task)
        step = Step(task.name, task, self.instance.compiled, True)
        self.events.append((step, began, time.perf_counter_ns()))


def node_stats(step: Step, began: int, ended: int, symbols: Mapping[str, int]) -> NodeExecStats:
    """One step as TensorFlow's message has it, by the name of the last operation that it computes.

    TensorBoard finds nodes of the graph by that name. The label names the step and all operations.
    """
    operations = step.operations()[0]
    name = operations[-1] if operations else step.name
    label = f"{name} = {step.name}({', '.join(operations)})"
    stats = NodeExecStats(node_name=name, timeline_label=label)
    stats.all_start_micros = began // 1000
    stats.all_start_nanos = began
    stats.op_end_rel_micros = stats.all_end_rel_micros = max((ended - began) // 1000, 0)
    stats.op_end_rel_nanos = stats.all_end_rel_nanos = ended - began
    if step.task is not None and not step.is_round():
        _describe_memory(stats, step, symbols)
    return stats


def _describe_memory(stats: NodeExecStats, step: Step, symbols: Mapping[str, int]) -> None:
    """What a step stores, and the memory of the arena that is taken for it and for its own use."""
    assert step.task is not None
    plan = step.compiled.memory
    stored = [node for node in step.task.writes if plan.holds(node)]
    new = 0
    for node in stored:
        nbytes = int(evaluate(node.type.nbytes, symbols))
        slot = plan.by_node.get(node)
        if slot is not None and slot.kind in ("arena", "output") and slot.home() is slot:
            new += nbytes
        stats.output.append(_node_output(len(stats.output), node, nbytes, symbols))
    private = int(evaluate(step.task.private, symbols))
    if new or private:
        stats.memory.append(
            AllocatorMemoryUsed(
                allocator_name=ALLOCATOR, total_bytes=new + private, peak_bytes=new + private,
                live_bytes=new,
            )
        )  # fmt: skip


def _node_output(number: int, node: Node, nbytes: int, symbols: Mapping[str, int]) -> NodeOutput:
    found = NodeOutput(slot=number)
    tensor = found.tensor_description
    tensor.dtype = node.dtype.as_datatype_enum
    tensor.shape.dim.extend(Dim(size=int(evaluate(d, symbols))) for d in node.shape)
    tensor.allocation_description.requested_bytes = nbytes
    tensor.allocation_description.allocated_bytes = nbytes
    tensor.allocation_description.allocator_name = ALLOCATOR
    return found


def _joined(events: list[Event]) -> list[Event]:
    """The events with those of one step's several records, one after the other, as one."""
    found: list[Event] = []
    for step, began, ended in events:
        if found and not step.is_first and found[-1][0].task is step.task is not None:
            found[-1] = (found[-1][0], found[-1][1], ended)
        else:
            found.append((step, began, ended))
    return found


class _ArenaUse:
    """The bytes of the arena that are in use at a step, for each compiled Program and region."""

    def __init__(self, symbols: Mapping[str, int]) -> None:
        self._symbols = symbols
        self._found: dict[CompiledProgram, dict[Task, int]] = {}

    def at(self, step: Step) -> int:
        compiled, task = step.compiled, step.task
        if task is None:
            return 0
        if compiled not in self._found:
            used = arena_in_use(compiled.memory, self._symbols, len(compiled.tasks))
            self._found[compiled] = dict(zip(compiled.tasks, used, strict=True))
        return self._found[compiled].get(task, 0)


def fill_metadata(metadata: RunMetadata, events: list[Event], instance: Instance) -> None:
    """Put the statistics of a run, or of a part of one, into the message that the user gave."""
    devices = metadata.step_stats.dev_stats
    if not devices:
        devices.append(DeviceStepStats(device=DEVICE))
    stats = devices[0].node_stats
    use = _ArenaUse(instance.symbols)
    for step, began, ended in _joined(events):
        stats.append(node_stats(step, began, ended, instance.symbols))
        in_use = use.at(step)
        if in_use and not stats[-1].memory:
            stats[-1].memory.append(AllocatorMemoryUsed(allocator_name=ALLOCATOR))
        if in_use:
            stats[-1].memory[0].allocator_bytes_in_use = in_use
    own = instance.arena_bytes + sum(
        evaluate(s.type.nbytes, instance.symbols)
        for s in instance.compiled.memory.slots
        if s.kind != "arena"
    )
    metadata.peak_bytes = max(metadata.peak_bytes, own)
