"""A plan for both sides, ready to be called.

A stretch of steps of the GPU is done one by one in the first run, captured as a CUDA graph in the
second, and is one launch from then on, until an address changes.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, ClassVar

from graphflow import errors
from graphflow.codegen import runner
from graphflow.ir.node import Node
from graphflow.ir.types import TensorType
from graphflow.runtime.call import Call
from graphflow.runtime.executable import Instance
from graphflow.runtime.gpu.driver import DriverError
from graphflow.runtime.gpu.placement import GPU, HOST, PlacedStep
from graphflow.runtime.gpu.plan import GpuPlan, Stretch
from graphflow.runtime.interrupts import check_deadline
from graphflow.runtime.records import Step
from graphflow.runtime.segments import SegmentedCall

MOST_FLYING = 10_000  # steps that may be under way, in a loop whose rounds the host counts
SUSPECTS_LISTED = 12  # steps named when one of several failed


class GpuCall(SegmentedCall):
    """Runs a `GpuPlan`; returns the list of the Program's outputs."""

    plan: GpuPlan
    slow: ClassVar[bool] = os.environ.get("CUDA_LAUNCH_BLOCKING", "") not in ("", "0")

    def __init__(
        self, call: Call, instance: Instance, places: list[int | None], texts: Mapping[int, Node]
    ) -> None:
        super().__init__(call, instance, places, texts)
        self.flying: list[PlacedStep] = []  # what nobody has waited for
        self.is_final = False

    def _run_locked(self, arrays: list[Any], results: list[Any]) -> int:
        plan, space, table = self.plan, self.plan.space, self.call.table
        with space.running(), self._entered():
            self.is_final = False
            self.load_objects(arrays)
            for binding, array in zip(self.call.inputs, arrays, strict=True):
                table[binding.slot] = array.ctypes.data
            for binding, array in zip(self.call.outputs, results, strict=True):
                table[binding.slot] = array.ctypes.data
            try:
                plan.bind()
                self.begin()
                status = self.run_units()
                if status == 0:
                    self.finish()
                else:
                    self.abandon()
            except BaseException:
                self.abandon()
                raise
            return status

    def abandon(self) -> None:
        """After a failure: nothing is to be under way when the next run begins."""
        self.flying.clear()
        if not self.plan.space.gpu.is_lost:
            with suppress(errors.InternalError):
                self.plan.space.wait(list)

    def begin(self) -> None:
        """Bring variables to where they are read, and feeds to where copies take them from."""
        plan = self.plan
        for resident in plan.needed[HOST]:
            if not resident.on_host:
                plan.variables.pull(resident.array)
        absent = [resident for resident in plan.needed[GPU] if not resident.on_gpu]
        for resident in absent:
            plan.variables.bring(resident)
        if absent:
            plan.space.wait(lambda: ["a copy of variables"])
        for place, address, nbytes in plan.staged_feeds:
            ctypes.memmove(address, int(self.call.table[place]), nbytes)

    def finish(self) -> None:
        """Wait, hand out the results, and note where variables now are."""
        plan = self.plan
        self.wait()
        for place, address, nbytes in plan.staged_results:
            ctypes.memmove(int(self.call.table[place]), address, nbytes)
        self.note_updates()

    def finalize(self) -> None:
        """From here on variables are written."""
        self.is_final = True
        self.note_updates()

    def note_updates(self) -> None:
        """Note which sides have the new values of variables."""
        for resident, sides in self.plan.updated:
            resident.on_host, resident.on_gpu = HOST in sides, GPU in sides

    def run_units(self) -> int:
        """Run all steps; returns the status of a check that fails, or 0."""
        plan, units, table = self.plan, self.plan.units, self.call.table
        number = 0
        while number < len(units):
            unit = units[number]
            number += 1
            if isinstance(unit, Stretch):
                if unit.is_final:
                    self.finalize()
                self.run_stretch(unit)
            elif unit.kind in ("jump", "jump_if", "jump_unless"):
                if not self.is_final:
                    check_deadline(int(table[runner.DEADLINE]))
                if unit.kind == "jump" or self.flag(unit) == (unit.kind == "jump_if"):
                    number = plan.unit_of[unit.target]
            elif unit.kind == "check":
                if not self.flag(unit):
                    return self.failed_check(unit)
            else:
                status = self.run_step(unit)
                if status != 0:
                    return status
        return 0

    def flag(self, step: PlacedStep) -> bool:
        return ctypes.string_at(int(self.call.table[step.place]), 1) != b"\0"

    def failed_check(self, step: PlacedStep) -> int:
        """Bring what the message shows to the host; returns the status that tells it."""
        for place, type in step.details:
            self.transfer("copy_to_host", int(self.call.table[place]), int(self.plan.device[place]),
                          type)  # fmt: skip
        self.flying.append(step)
        self.wait()
        return self.plan.statuses[step]

    # ---- the GPU's steps

    def run_stretch(self, stretch: Stretch) -> None:
        """Do the steps, or replay them."""
        space, driver = self.plan.space, self.plan.driver
        is_new = stretch.runs == 0
        stretch.runs += 1
        try:
            if is_new or self.slow or len(stretch.acts) < 2:
                for step, act in zip(stretch.steps, stretch.acts, strict=True):
                    self.flying.append(step)
                    act()
                    if step.kind == "launch" and (is_new or self.slow):
                        self.wait()  # one by one, so that a fault is known by its kernel
                return
            self.flying += stretch.steps
            if len(self.flying) > MOST_FLYING:
                self.wait()
            if stretch.graph is None or stretch.generation != self.plan.generation:
                self.capture(stretch)
            driver.replay(space.stream, stretch.graph)
        except DriverError as error:
            space.gpu.fail(error, self.suspects())

    def capture(self, stretch: Stretch) -> None:
        space, driver = self.plan.space, self.plan.driver
        if stretch.graph is not None:
            self.wait()
            space.free_graph(stretch.graph)
            stretch.graph = None
        driver.begin_capture(space.stream)
        try:
            for act in stretch.acts:
                act()
        finally:
            stretch.graph = driver.end_capture(space.stream)
            space.keep_graph(stretch.graph)
        stretch.generation = self.plan.generation

    def wait(self) -> None:
        """Let all that was begun end."""
        if self.flying:
            self.plan.space.wait(self.suspects)
            self.flying.clear()

    def suspects(self) -> list[str]:
        """The steps that may have failed, with the user's operations and lines."""
        told = [describe(step) for step in self.flying if step.kind == "launch"]
        told = list(dict.fromkeys(told or [str(step) for step in self.flying]))
        more = len(told) - SUSPECTS_LISTED
        return told[:SUSPECTS_LISTED] + ([f"and {more} more"] if more > 0 else [])

    def transfer(self, kind: str, target: int, source: int, type: TensorType) -> None:
        nbytes = self.plan.nbytes(type)
        if not nbytes:
            return
        try:
            getattr(self.plan.driver, kind)(self.plan.space.stream, target, source, nbytes)
        except DriverError as error:
            self.plan.space.gpu.fail(error, self.suspects())

    # ---- the host's steps

    def run_step(self, step: PlacedStep) -> int:
        """A step that is not on the GPU alone; returns a status."""
        table, device = self.call.table, self.plan.device
        if step.kind == "wait":
            self.wait()
        elif step.kind == "final":
            self.finalize()
        elif step.kind == "host":
            record, steps = self.plan.records[step]
            return self.run_segment(record, steps)
        elif step.kind == "call":
            assert step.task is not None
            self.call_host(step.task)
        else:
            assert step.type is not None
            if step.kind != "move":
                self.flying.append(step)
            if step.kind == "copy_in":
                self.transfer("copy_to_gpu", int(device[step.place]), int(table[step.place]),
                              step.type)  # fmt: skip
            elif step.kind == "copy_out":
                self.transfer("copy_to_host", int(table[step.place]), int(device[step.place]),
                              step.type)  # fmt: skip
            elif step.kind == "fetch":
                self.transfer("copy_to_host", int(table[step.place]), int(device[step.source]),
                              step.type)  # fmt: skip
            else:
                ctypes.memmove(int(table[step.place]), int(table[step.source]),
                               self.plan.nbytes(step.type))  # fmt: skip
        return 0


def describe(step: PlacedStep) -> str:
    """A step with the user's operations that it computes, and their line."""
    assert step.scope is not None
    names, line = Step(step.name, step.task, step.scope.compiled, True).operations()
    told = f"{step.name}: {', '.join(names)}" if names else step.name
    return f"{told} ({line})" if line else told
