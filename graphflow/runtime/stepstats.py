"""Step statistics: a run, kernel by kernel, with times, for `RunMetadata`."""

from __future__ import annotations

import ctypes
import time
from typing import Any

import numpy as np

from graphflow.codegen.runner import JUMP, JUMP_IF, JUMP_UNLESS, RECORD_WORDS
from graphflow.ir.dims import evaluate
from graphflow.runtime.call import Call
from graphflow.runtime.executable import Instance, SegmentedCall
from graphflow.runtime.protos import DeviceStepStats, NodeExecStats, RunMetadata

DEVICE = "/job:localhost/replica:0/task:0/device:CPU:0"


class TracedCall(SegmentedCall):
    """Runs a plan one step at a time and notes when each began and ended."""

    def __init__(self, call: Call, instance: Instance, places: list[int | None]) -> None:
        super().__init__(call, instance, places)
        self.stats: list[NodeExecStats] = []

    def run_segment(self, record: Any, names: list[str]) -> int:
        """Run a segment's steps apart from each other; the status of the first that fails."""
        try:
            return self.run_steps(record, names)
        finally:
            # The instance's other callables run what the table points to.
            self.call.table[0] = record.ctypes.data

    def run_steps(self, record: Any, names: list[str]) -> int:
        """Run steps apart from each other, each as a plan of its own."""
        table, number = self.call.table, 0
        while number < int(record[0]):
            first = 1 + number * RECORD_WORDS
            words = record[first : first + RECORD_WORDS]
            if words[0] in (JUMP_UNLESS, JUMP_IF, JUMP):
                number = int(words[4]) if self.jumps(words) else number + 1
                continue
            step = np.concatenate([[1], words]).astype(np.int64)
            table[0] = step.ctypes.data
            began = time.perf_counter_ns()
            status = int(self._run(table.ctypes.data))
            ended = time.perf_counter_ns()
            self.note(names[number], began, ended)
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

    def note(self, name: str, began: int, ended: int) -> None:
        """Add one step."""
        stats = NodeExecStats(node_name=name, timeline_label=name)
        stats.all_start_micros = began // 1000
        stats.all_start_nanos = began
        stats.op_end_rel_micros = stats.all_end_rel_micros = max((ended - began) // 1000, 0)
        stats.op_end_rel_nanos = stats.all_end_rel_nanos = ended - began
        self.stats.append(stats)

    def call_host(self, task: Any) -> None:
        """A host call, timed."""
        began = time.perf_counter_ns()
        super().call_host(task)
        self.note(task.name, began, time.perf_counter_ns())


def fill_metadata(metadata: RunMetadata, stats: list[NodeExecStats], instance: Instance) -> None:
    """Put the statistics of a run into the message that the user gave."""
    device = DeviceStepStats(device=DEVICE, node_stats=list(stats))
    metadata.step_stats.dev_stats = [device]
    metadata.peak_bytes = instance.arena_bytes + sum(
        evaluate(s.type.nbytes, instance.symbols)
        for s in instance.compiled.memory.slots
        if s.kind != "arena"
    )
