"""Runs in segments: native code with Python's functions between, and runs that pass objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphflow.ir.node import Node
from graphflow.ir.prims.effects import call_function
from graphflow.runtime.call import Call, PythonCall
from graphflow.runtime.executable import Instance, is_object
from graphflow.runtime.records import Step
from graphflow.schedule.plan import Task

Array = np.ndarray[Any, Any]


class HostStep:
    """A call of a Python function, with the ways to its operands and results."""

    def __init__(self, instance: Instance, task: Task) -> None:
        assert task.node is not None
        self.node = task.node
        read = [i for i in task.node.inputs if i.prim.kind != "host" or i.op == "result"]
        host = task.node["function"]
        self.readers = [instance.reader(node, copies=not host.reads_only) for node in read]
        self.writers = [(node["index"], instance.writer(node)) for node in task.writes]

    def __call__(self) -> None:
        results = call_function(self.node, [read() for read in self.readers])
        for index, write in self.writers:
            write(results[index])


class SegmentedCall(PythonCall):
    """Runs a plan whose native segments have host calls between them, or that passes text.

    Returns the list of the Program's outputs.
    """

    def __init__(
        self, call: Call, instance: Instance, places: list[int | None], texts: Mapping[int, Node]
    ) -> None:
        super().__init__(call, instance.guard)
        self.instance = instance
        self.places, self.texts = places, texts
        self.hosts: dict[Task, HostStep] = {}
        inputs = instance.compiled.program.inputs
        self.variables = [n for n in inputs if n["source"] == "variable" and is_object(n)]
        outputs = instance.compiled.program.outputs
        self.objects = {k: n for k, n in enumerate(outputs) if places[k] is None}

    def __call__(self, *arguments: Any) -> Any:
        """Run all segments; see `PythonCall`."""
        stored = super().__call__(*arguments)
        if not self.objects:
            return stored
        return [
            stored[place] if place is not None else _unwrapped(self.instance.read(self.objects[k]))
            for k, place in enumerate(self.places)
        ]

    def _run_locked(self, arrays: list[Any], results: list[Any]) -> int:
        instance, table = self.instance, self.call.table
        with self._entered():
            self.load_objects(arrays)
            for binding, array in zip(self.call.inputs, arrays, strict=True):
                table[binding.slot] = array.ctypes.data
            for binding, array in zip(self.call.outputs, results, strict=True):
                table[binding.slot] = array.ctypes.data
            for segment, record in zip(instance.segments, instance.records, strict=True):
                if segment.tasks or segment.host is None:
                    status = self.run_segment(record, instance.steps_of(segment))
                    if status != 0:
                        return status
                if segment.host is not None:
                    self.call_host(segment.host)
            return 0

    def load_objects(self, arrays: Sequence[Any]) -> None:
        """Variables that hold Python objects, as they now are, and the arguments that do."""
        instance = self.instance
        for place, node in self.texts.items():
            instance.objects[node] = arrays[place]
        for node in self.variables:
            instance.objects[node] = instance.store.get(node["name"])

    def run_segment(self, record: Array, steps: list[Step]) -> int:
        """Run the native steps of a segment; returns the status."""
        self.call.table[0] = record.ctypes.data
        return int(self._run(self.call.table.ctypes.data))

    def call_host(self, task: Task) -> None:
        """Call the Python function of a step."""
        if task not in self.hosts:
            self.hosts[task] = HostStep(self.instance, task)
        self.hosts[task]()


def _unwrapped(array: Array) -> Any:
    """Objects as a caller gets them: what runs keep stays as it is."""
    return array[()] if array.ndim == 0 else array.copy()
