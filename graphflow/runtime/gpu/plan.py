"""A compiled Program bound to memory on both sides.

The host's side is the `Instance` that the processor would run: its table has the addresses of all
values there, and steps of the host are its native records. The GPU's side is a second table with
the same entries. Consecutive steps of the GPU are a *stretch*, which `executable` runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphflow.codegen.cuda.units import Schedule, argument_count, schedule_task
from graphflow.ir.dims import evaluate
from graphflow.ir.types import TensorType
from graphflow.runtime.executable import Instance
from graphflow.runtime.gpu.driver import DriverError
from graphflow.runtime.gpu.memory import DeviceVariables, GpuSpace, Resident
from graphflow.runtime.gpu.placement import GPU, HOST, PlacedStep, Placement, place_program
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
    generation: tuple[int, ...] = ()
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
        self.driver.make_current()
        self.instance, self.symbols = instance, instance.symbols
        self._on_host = on_host
        self._schedules: dict[Task, Schedule | None] = {}
        self.placement: Placement = place_program(instance.scope, self.schedule_of)
        self.device = np.zeros(len(instance.table), np.int64)
        self.slots = {
            part.positions[slot]: (part, slot)
            for part in instance.scope.every() for slot in part.owned
        }  # fmt: skip
        self.generation: tuple[int, ...] = ()
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
        self.statuses = {
            s: instance.note_check(s.scope, s.task) for s in self.placement.steps
            if s.kind == "check" and s.scope is not None and s.task is not None
        }  # fmt: skip
        self.constants, self.constants_address = self.constant_offsets(), 0
        self.staged: dict[int, Array] = {}
        # Entry, address of the page-locked memory, bytes.
        self.staged_feeds: list[tuple[int, int, int]] = []
        self.staged_results: list[tuple[int, int, int]] = []
        self.needed: dict[str, list[Resident]] = {}
        self.updated: list[tuple[Resident, frozenset[str]]] = []
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
            self._schedules[task] = None if stays else schedule_task(task, self.space.gpu.target)
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
        try:
            self.copy_constants()
        except DriverError as error:
            self.space.gpu.fail(error, ["a copy of constants"])

    def copy_constants(self) -> None:
        # On a stream of its own: another thread's run may be under way on the session's.
        stream = self.driver.make_stream()
        for place, offset in self.constants.items():
            source, size = int(self.instance.table[place]), self.nbytes(self.slots[place][1].type)
            if size:
                target = self.constants_address + offset
                self.driver.copy_to_gpu(stream, target, source, size)
        self.driver.wait(stream)
        self.driver.free_stream(stream)

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
        parts = [(p, m.ctypes.data, m.nbytes) for p, m in self.staged.items()]
        self.staged_feeds = [part for part in parts if part[0] in self.placement.feeds]
        self.staged_results = [part for part in parts if part[0] not in self.placement.feeds]

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

    def resident(self, place: int) -> Resident:
        """A variable's memory, by its entry."""
        _, slot = self.slots[place]
        return self.variables.of(slot.name, self.instance.variables[slot.number])

    def bind(self) -> None:
        """Fill in the GPU's table, and make every step anew if an address is another."""
        space, placement = self.space, self.placement
        if self.generation == (space.generation, self.variables.generation, space.depth):
            return
        arena = space.reserve(self.arena_bytes, self.largest())
        self.needed = {
            side: [self.resident(p) for p in sorted(placement.resident[side])]
            for side in (HOST, GPU)
        }
        self.updated = [(self.resident(p), s) for p, s in sorted(placement.updated.items())]
        for place in placement.touched:
            if self.slots_kind(place) == "variable":
                self.device[place] = self.resident(place).address
        for place, offset in self.offsets.items():
            self.device[place] = arena + offset
        for place, offset in self.constants.items():
            self.device[place] = self.constants_address + offset
        for place, (part, slot) in self.slots.items():
            home = part.positions[slot.home()]
            if home != place and self.slots_kind(home) == "variable":
                self.device[place] = self.device[home]
        self.workspace = arena + self.workspace_offset
        for unit in self.units:
            if isinstance(unit, Stretch):
                unit.acts = [self.act(step) for step in unit.steps]
        self.generation = space.generation, self.variables.generation, space.depth

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
            self.symbols,
            instance.sizes,
            instance.numbers,
            instance.pool,
            instance.slots_array,
            instance.note_check,
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


def _aligned(size: int) -> int:
    return -(-max(size, 1) // ALIGNMENT) * ALIGNMENT


def _nothing() -> None:
    """What an empty step does."""
