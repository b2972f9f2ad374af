"""A compiled Program on a GPU, ready to be called.

The host's side is the `Instance` that the processor would run: its table has the addresses of all
values there, and steps of the host are its native records. The GPU's side is a second table with
the same entries. Consecutive steps of the GPU are a *stretch*: done one by one in the first run,
captured as a CUDA graph in the second, and one launch from then on, until an address changes.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from graphflow import errors
from graphflow.codegen import runner
from graphflow.codegen.cuda.units import Schedule, argument_count, schedule_task
from graphflow.ir.dims import evaluate
from graphflow.ir.types import TensorType
from graphflow.runtime.call import Call
from graphflow.runtime.executable import Instance, SegmentedCall
from graphflow.runtime.gpu.driver import DriverError
from graphflow.runtime.gpu.memory import DeviceVariables, GpuSpace, Resident
from graphflow.runtime.gpu.placement import GPU, HOST, PlacedStep, Placement, place_program
from graphflow.runtime.interrupts import check_deadline
from graphflow.runtime.records import Encoder, Step
from graphflow.schedule.group import product_operands
from graphflow.schedule.plan import OBJECT_KINDS, Slot, Task, assign_offsets

Array = np.ndarray[Any, Any]
Act = Callable[[], None]

ALIGNMENT = 256  # of what CUDA allocates
STAGED_BYTES = 64 << 20  # feeds and results up to here go through page-locked memory
LARGEST_LISTED = 5  # buffers named when there is not enough memory
SUSPECTS_LISTED = 12  # steps named when one of several failed
_STRETCHED = ("launch", "move", "copy_in", "fetch")


@dataclass(eq=False)
class Stretch:
    """Consecutive steps on the GPU's stream; `graph` holds for the addresses of `generation`.

    `is_final` where variables are written by one of them, and nothing after it can fail.
    """

    steps: list[PlacedStep] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    generation: tuple[int, int] = (-1, -1)
    graph: Any = None
    runs: int = 0
    is_final: bool = False


class GpuPlan:
    """An instance's plan for both sides, with its memory on the GPU.

    Parameters
    ----------
    space, variables : the session's.
    instance : the compiled Program in the host's memory.
    on_host : steps that the user placed on the processor.
    """

    def __init__(
        self, space: GpuSpace, variables: DeviceVariables, instance: Instance,
        on_host: Callable[[Task], bool],
    ) -> None:  # fmt: skip
        self.space, self.driver, self.variables = space, space.driver, variables
        self.instance, self.symbols = instance, instance.symbols
        self._on_host = on_host
        self._schedules: dict[Task, Schedule | None] = {}
        self.placement: Placement = place_program(instance.scope, self.schedule_of)
        self.device = np.zeros(len(instance.table), np.int64)
        self.slots = {
            part.positions[slot]: (part, slot)
            for part in instance.scope.every() for slot in part.owned
        }  # fmt: skip
        self.generation = (-1, -1)
        self.workspace_bytes = max(
            (s.schedule.workspace_bytes for s in self.placement.steps if s.schedule), default=0
        )
        self.offsets, self.arena_bytes = self.arena_offsets()
        self.kernels = {
            s: space.gpu.kernel(s.schedule) for s in self.placement.steps if s.schedule is not None
        }
        self.records: dict[PlacedStep, tuple[Array, list[Step]]] = {
            s: self.host_records(s) for s in self.placement.steps if s.kind == "host"
        }
        self.constants, self.constants_address = self.constant_offsets(), 0
        self.staged: dict[int, Array] = {}
        self.staging: Array | None = None
        self.units: list[Stretch | PlacedStep] = []
        self.upload_constants()
        self.stage()
        self.units = self.cut()

    def schedule_of(self, task: Task) -> Schedule | None:
        """A step's schedule; None where it runs on the host."""
        if task not in self._schedules:
            texts = any(n.dtype.kind in OBJECT_KINDS for n in (*task.reads, *task.writes))
            stays = texts or self._on_host(task)
            self._schedules[task] = (
                None if stays else schedule_task(task, self.space.gpu.target)
            )
        return self._schedules[task]

    def nbytes(self, type: TensorType) -> int:
        return int(evaluate(type.nbytes, self.symbols))

    # ---- memory

    def arena_offsets(self) -> tuple[dict[int, int], int]:
        """Where in the arena each entry lies: arenas of regions, feeds and results one by one."""
        offsets: dict[int, int] = {}
        total = 0
        for part in self.instance.scope.every():
            inside, size = assign_offsets(part.compiled.memory, self.symbols)
            for slot in part.owned:
                if slot.home() in inside:
                    offsets[part.positions[slot]] = total + inside[slot.home()]
            total += _aligned(size)
        for place in sorted(self.placement.touched):
            _, slot = self.slots[place]
            if slot.kind in ("feed", "output"):
                offsets[place] = total
                total += _aligned(self.nbytes(slot.type))
        self.workspace_offset = total
        return offsets, total + _aligned(self.workspace_bytes)

    def constant_offsets(self) -> dict[int, int]:
        offsets, total = {}, 0
        for place in sorted(self.placement.constants):
            offsets[place] = total
            total += _aligned(self.nbytes(self.slots[place][1].type))
        self.constants_bytes = total
        return offsets

    def upload_constants(self) -> None:
        """Copy constants to memory of their own, once."""
        if not self.constants:
            return
        self.constants_address = self.space.allocate(self.constants_bytes, "constants")
        for place, offset in self.constants.items():
            source, size = int(self.instance.table[place]), self.nbytes(self.slots[place][1].type)
            if size:
                target = self.constants_address + offset
                self.driver.copy_to_gpu(self.space.stream, target, source, size)
        self.space.wait(["a copy of constants"])

    def stage(self) -> None:
        """Page-locked memory for feeds and results that are not too large."""
        wanted: dict[int, int] = {}
        for step in self.placement.steps:
            if step.kind == "fetch" or (step.kind == "copy_in" and self.is_feed(step)):
                assert step.type is not None
                size = self.nbytes(step.type)
                if 0 < size <= STAGED_BYTES:
                    wanted[step.place] = size
        if not wanted:
            return
        self.staging = self.space.pinned(sum(map(_aligned, wanted.values())))
        start = 0
        for place, size in wanted.items():
            self.staged[place] = self.staging[start : start + size]
            start += _aligned(size)

    def is_feed(self, step: PlacedStep) -> bool:
        return step.place in self.placement.feeds

    def largest(self) -> list[str]:
        """The largest buffers, for the message that there is not enough memory."""
        found = sorted(
            (self.slots[p] for p in self.offsets), key=lambda s: -self.nbytes(s[1].type)
        )[:LARGEST_LISTED]
        return [
            f"{self.nbytes(slot.type)} bytes: {slot.kind} {slot.type}{self.made_by(part, slot)}"
            for part, slot in found
        ]

    def made_by(self, part: Any, slot: Slot) -> str:
        sources = part.compiled.program.sources
        names = sources.names.get(slot.node, ()) if slot.node is not None else ()
        line = sources.lines.get(slot.node, "") if slot.node is not None else ""
        return f", {names[-1]} {line}".rstrip() if names else ""

    def residents(self, places: Sequence[int]) -> list[Resident]:
        """Variables by their entries."""
        found = []
        for place in places:
            _, slot = self.slots[place]
            found.append(self.variables.of(slot.name, self.instance.variables[slot.number]))
        return found

    def bind(self) -> None:
        """Fill in the GPU's table, and make every step anew if an address is another."""
        arena = self.space.reserve(self.arena_bytes, self.largest())
        touched = [p for p in sorted(self.placement.touched) if self.slots_kind(p) == "variable"]
        residents = dict(zip(touched, self.residents(touched), strict=True))
        generation = (self.space.generation, self.variables.generation)
        if generation == self.generation:
            return
        for place, offset in self.offsets.items():
            self.device[place] = arena + offset
        for place, offset in self.constants.items():
            self.device[place] = self.constants_address + offset
        for place, resident in residents.items():
            self.device[place] = resident.address
        for place, (part, slot) in self.slots.items():
            home = part.positions[slot.home()]
            if home != place and self.slots_kind(home) == "variable":
                self.device[place] = self.device[home]
        self.workspace = arena + self.workspace_offset
        for unit in self.units:
            if isinstance(unit, Stretch):
                unit.acts = [self.act(step) for step in unit.steps]
        self.generation = generation

    def slots_kind(self, place: int) -> str:
        return self.slots[place][1].kind

    def __del__(self) -> None:
        space = self.space
        if getattr(self, "constants_address", 0):
            space.discard(space.free, self.constants_address)
        if getattr(self, "staging", None) is not None:
            space.discard(space.free_pinned, self.staging)
        for unit in getattr(self, "units", ()):
            if isinstance(unit, Stretch) and unit.graph is not None:
                space.discard(space.free_graph, unit.graph)

    # ---- steps

    def host_records(self, step: PlacedStep) -> tuple[Array, list[Step]]:
        """The native records of a step of the host."""
        instance = self.instance
        encoder = Encoder(
            self.symbols, instance.sizes, instance.pool, instance.slots_array, instance.note_check
        )
        assert step.task is not None
        assert step.scope is not None
        encoder.task(step.scope, step.task)
        return encoder.packed(), encoder.owners

    def cut(self) -> list[Stretch | PlacedStep]:
        """Stretches and the steps between them; jumps then lead to units."""
        steps = self.placement.steps
        starts = {step.target for step in steps if step.target >= 0}
        units: list[Stretch | PlacedStep] = []
        self.unit_of: dict[int, int] = {}
        for number, step in enumerate(steps):
            last = units[-1] if units else None
            if step.kind == "final" and isinstance(last, Stretch) and number not in starts:
                last.is_final = True
            elif not self.is_stretched(step):
                self.unit_of[number] = len(units)
                units.append(step)
            elif isinstance(last, Stretch) and number not in starts:
                last.steps.append(step)
            else:
                self.unit_of[number] = len(units)
                units.append(Stretch([step]))
        self.unit_of[len(steps)] = len(units)
        return units

    def is_stretched(self, step: PlacedStep) -> bool:
        """Whether a step can be part of a CUDA graph: all on the GPU, or of page-locked memory."""
        if step.kind == "move":
            return step.side == GPU
        if step.kind in ("copy_in", "fetch"):
            return step.place in self.staged
        return step.kind == "launch"

    def act(self, step: PlacedStep) -> Act:
        """A step of the GPU as a function, for the addresses that hold now."""
        driver, stream = self.driver, self.space.stream
        if step.kind == "launch":
            return self.launch(step)
        assert step.type is not None
        nbytes = self.nbytes(step.type)
        if nbytes == 0:
            return _nothing
        if step.kind == "move":
            target, source = int(self.device[step.place]), int(self.device[step.source])
            return lambda: driver.copy(stream, target, source, nbytes)
        staged = self.staged[step.place].ctypes.data
        if step.kind == "copy_in":
            target = int(self.device[step.place])
            return lambda: driver.copy_to_gpu(stream, target, staged, nbytes)
        source = int(self.device[step.source])
        return lambda: driver.copy_to_host(stream, staged, source, nbytes)

    def launch(self, step: PlacedStep) -> Act:
        schedule, driver, stream = step.schedule, self.driver, self.space.stream
        assert schedule is not None
        rounds = schedule.count(self.symbols)
        if rounds <= 0:
            return _nothing
        kernel, grid = self.kernels[step], schedule.blocks(rounds)
        words = np.array(self.words(step), np.uint64)
        assert len(words) == argument_count(schedule)
        return lambda: driver.launch(stream, kernel, grid, schedule.block, words)

    def words(self, step: PlacedStep) -> list[int]:
        """A kernel's arguments."""
        task, scope, schedule = step.task, step.scope, step.schedule
        assert task is not None
        assert scope is not None
        assert schedule is not None
        nodes = {buffer: node for node, buffer in task.buffers.items()}
        read = list(product_operands(task.node)) if task.kind == "gemm" and task.node else []
        read += [nodes[b] for b in schedule.kernel.buffers]
        found = [int(self.device[scope.of(n)]) for n in read]
        if schedule.workspace_bytes:
            found.append(self.workspace)
        return found + [self.symbols[s] for s in schedule.kernel.symbols]


class GpuCall(SegmentedCall):
    """Runs a `GpuPlan`; returns the list of the Program's outputs."""

    plan: GpuPlan
    slow: ClassVar[bool] = os.environ.get("CUDA_LAUNCH_BLOCKING", "") not in ("", "0")

    def __init__(self, call: Call, instance: Instance, places: list[int | None]) -> None:
        super().__init__(call, instance, places)
        self.flying: list[PlacedStep] = []  # what nobody has waited for
        self.is_final = False

    def _run_locked(self, arrays: list[Any], results: list[Any]) -> int:
        plan, space, table = self.plan, self.plan.space, self.call.table
        with self._entered(), space.lock:
            space.gpu.check()
            space.driver.make_current()
            space.sweep()
            self.is_final = False
            self.load_objects()
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
            except BaseException:
                self.abandon()
                raise
            return status

    def abandon(self) -> None:
        """After an error: nothing is to be under way when the next run begins."""
        self.flying.clear()
        if not self.plan.space.gpu.is_lost:
            with suppress(errors.InternalError):
                self.plan.space.wait([])

    def begin(self) -> None:
        """Bring variables to where they are read, and feeds to where copies take them from."""
        plan = self.plan
        for resident in plan.residents(sorted(plan.placement.resident[HOST])):
            plan.variables.pull(resident.array)
        moved = False
        for resident in plan.residents(sorted(plan.placement.resident[GPU])):
            moved |= not resident.on_gpu
            plan.variables.bring(resident)
        if moved:
            plan.space.wait(["a copy of variables"])
        for place, memory in plan.staged.items():
            if place in plan.placement.feeds:
                ctypes.memmove(memory.ctypes.data, int(self.call.table[place]), memory.nbytes)

    def finish(self) -> None:
        """Wait, hand out the results, and note where variables now are."""
        plan = self.plan
        self.wait()
        for step in plan.placement.steps:
            if step.kind == "fetch" and step.place in plan.staged:
                memory = plan.staged[step.place]
                ctypes.memmove(int(self.call.table[step.place]), memory.ctypes.data, memory.nbytes)
        self.note_updates()

    def finalize(self) -> None:
        """From here on variables are written."""
        self.is_final = True
        self.note_updates()

    def note_updates(self) -> None:
        """Note which sides have the new values of variables."""
        plan = self.plan
        updated = sorted(plan.placement.updated)
        for place, resident in zip(updated, plan.residents(updated), strict=True):
            sides = plan.placement.updated[place]
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
        assert step.scope is not None
        assert step.task is not None
        return self.instance.note_check(step.scope, step.task)

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
            self.plan.space.wait(self.suspects())
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
                self.wait()
                ctypes.memmove(int(table[step.place]), int(table[step.source]),
                               self.plan.nbytes(step.type))  # fmt: skip
        return 0


def describe(step: PlacedStep) -> str:
    """A step with the user's operations that it computes, and their line."""
    assert step.scope is not None
    names, line = Step(step.name, step.task, step.scope.compiled, True).operations()
    told = f"{step.name}: {', '.join(names)}" if names else step.name
    return f"{told} ({line})" if line else told


def _aligned(size: int) -> int:
    return -(-max(size, 1) // ALIGNMENT) * ALIGNMENT


def _nothing() -> None:
    """What an empty step does."""
