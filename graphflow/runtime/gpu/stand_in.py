"""A driver without a GPU, for tests: kernels are stepped through on the host.

What is put on a stream is done when somebody waits for it, not before, so whoever reads a result
too early reads rubbish. Every use of memory is checked: addresses in or beside what was allocated,
memory that was given back, memory of the host that changed before its copy was done, and what is
still there at the end.
"""

from __future__ import annotations

import ctypes
import math
import time
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphflow.codegen.cuda.products import ProductSchedule
from graphflow.codegen.cuda.stepper import Stepper
from graphflow.codegen.cuda.units import Schedule, argument_count, schedule_key
from graphflow.ir.dims import SymDim, evaluate
from graphflow.runtime.gpu.driver import OUT_OF_MEMORY, DriverError, GpuFacts, KernelSource

Array = np.ndarray[Any, Any]

FIRST_ADDRESS = 0x7000_0000_0000  # what no pointer of the host looks like
GAP = 1 << 20  # between allocations, so that running over one is noticed
RUBBISH = 0xFF  # NaN, or -1: what new memory holds, and the target of a copy until it is done
SUMMED_BYTES = 1 << 20  # of a copy's source at most: how far it is compared
ILLEGAL_ADDRESS = 700

_steppers: dict[str, Stepper] = {}


class MisuseError(AssertionError):
    """The driver is used in a way that a real one would punish or not notice."""


@dataclass(eq=False)
class Operation:
    """Something on a stream: what it does, and the device memory that it uses."""

    name: str
    ranges: list[tuple[int, int]]
    act: Callable[[], None]
    prepare: Callable[[], None] = lambda: None  # when it is put on the stream, or replayed


@dataclass(eq=False)
class Stream:
    """What is to be done, in order; or noted, while a graph is captured."""

    pending: list[Operation] = field(default_factory=list)
    captured: list[Operation] | None = None


class StandIn:
    """One GPU that is none.

    Parameters
    ----------
    memory_bytes : what can be allocated.
    capability : what kernels are scheduled for.
    count : how many GPUs there seem to be.
    is_strict : whether it is an error if something is not given back in the end.

    Attributes
    ----------
    calls : how often each function was called.
    log : what streams did, one line each.
    fault : a part of the name of a kernel that fails.
    """

    name = "stand-in"

    def __init__(
        self, memory_bytes: int = 1 << 30, capability: int = 80, count: int = 1,
        is_strict: bool = True,
    ) -> None:  # fmt: skip
        self.memory_bytes, self.capability, self.count = memory_bytes, capability, count
        self.is_strict = is_strict
        self.calls: Counter[str] = Counter()
        self.log: list[str] = []
        self.fault = ""
        self._broken: DriverError | None = None
        self._memory: dict[int, Array] = {}
        self._freed: dict[int, int] = {}
        self._next = FIRST_ADDRESS
        self._pinned: dict[int, Array] = {}
        self._streams: list[Stream] = []
        self._events: dict[int, float] = {}
        self._kernels: list[Schedule] = []
        self._graphs: list[list[Operation]] = []

    def _note(self, call: str) -> None:
        self.calls[call] += 1
        if self._broken is not None:
            raise self._broken

    # ---- the GPU

    def devices(self) -> list[GpuFacts]:
        return [
            GpuFacts(number, "stand-in", self.capability, self.memory_bytes, 4)
            for number in range(self.count)
        ]

    def open(self, number: int) -> None:
        self._note("open")
        if not 0 <= number < self.count:
            raise MisuseError(f"GPU {number} expected one of {self.count}")

    def make_current(self) -> None:
        self._note("make_current")

    def close(self) -> None:
        """Leave; MisuseError if anything was not given back."""
        left = {
            "device memory": self._memory, "pinned memory": self._pinned,
            "streams": self._streams, "events": self._events, "kernels": self._kernels,
            "graphs": self._graphs,
        }  # fmt: skip
        leaks = [f"{len(things)} {name}" for name, things in left.items() if things]
        if leaks and self.is_strict and self._broken is None:
            raise MisuseError("not given back: " + ", ".join(leaks))

    # ---- memory

    def free_memory(self) -> int:
        return self.memory_bytes - sum(a.nbytes for a in self._memory.values())

    def allocate(self, nbytes: int) -> int:
        self._note("allocate")
        if nbytes > self.free_memory():
            raise DriverError("allocate", OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY")
        address = self._next
        self._next += -(-nbytes // 256) * 256 + GAP
        self._memory[address] = np.full(max(nbytes, 1), RUBBISH, np.uint8)
        return address

    def free(self, address: int) -> None:
        self._note("free")
        if address not in self._memory:
            what = "freed twice" if address in self._freed else "never allocated"
            raise MisuseError(f"memory at {address:#x} was {what}")
        size = self._memory[address].nbytes
        for stream in self._streams:
            for operation in stream.pending:
                if any(a < address + size and address < a + n for a, n in operation.ranges):
                    raise MisuseError(f"memory was freed before {operation.name} was done with it")
        del self._memory[address]
        self._freed[address] = size

    def _at_host(self, address: int, nbytes: int, name: str) -> int:
        """Where device memory really is."""
        for start, memory in self._memory.items():
            if start <= address < start + memory.nbytes or (nbytes == 0 and start == address):
                if address + nbytes > start + memory.nbytes:
                    raise MisuseError(f"{name} goes {nbytes} bytes beyond its memory")
                return int(memory.ctypes.data) + address - start
        for start, size in self._freed.items():
            if start <= address < start + size:
                raise MisuseError(f"{name} uses memory that was given back")
        raise MisuseError(f"{name} uses {address:#x}, which is no memory of the GPU's")

    def allocate_host(self, nbytes: int) -> Array:
        self._note("allocate_host")
        memory = np.full(max(nbytes, 1), RUBBISH, np.uint8)
        self._pinned[memory.ctypes.data] = memory
        return memory

    def free_host(self, memory: Array) -> None:
        self._note("free_host")
        if self._pinned.pop(memory.ctypes.data, None) is None:
            raise MisuseError("page-locked memory was given back twice, or is none")

    # ---- streams

    def make_stream(self) -> Any:
        self._note("make_stream")
        self._streams.append(Stream())
        return self._streams[-1]

    def free_stream(self, stream: Any) -> None:
        self._note("free_stream")
        if stream.pending:
            raise MisuseError(f"a stream was given back before {stream.pending[0].name} was done")
        self._streams.remove(stream)

    def wait(self, stream: Any) -> None:
        self._note("wait")
        if stream.captured is not None:
            raise MisuseError("nothing can be waited for while a graph is captured")
        pending, stream.pending = stream.pending, []
        for operation in pending:
            self.log.append(operation.name)
            operation.act()
            if self._broken is not None:
                raise self._broken

    def _put(self, stream: Any, operation: Operation) -> None:
        if stream.captured is not None:
            stream.captured.append(operation)
        else:
            operation.prepare()
            stream.pending.append(operation)

    def copy_to_gpu(self, stream: Any, target: int, source: int, nbytes: int) -> None:
        self._note("copy_to_gpu")
        name = f"copy of {nbytes} bytes to the GPU"
        self._at_host(target, nbytes, name)
        if stream.captured is not None:
            self._check_pinned(source, nbytes, name)
        sums: list[int] = []

        def look() -> None:
            sums[:] = [zlib.crc32(ctypes.string_at(source, min(nbytes, SUMMED_BYTES)))]

        def act() -> None:
            if sums != [zlib.crc32(ctypes.string_at(source, min(nbytes, SUMMED_BYTES)))]:
                raise MisuseError(f"{name}: the host's memory changed before it was done")
            ctypes.memmove(self._at_host(target, nbytes, name), source, nbytes)

        self._put(stream, Operation(name, [(target, nbytes)], act, look))

    def copy_to_host(self, stream: Any, target: int, source: int, nbytes: int) -> None:
        self._note("copy_to_host")
        name = f"copy of {nbytes} bytes to the host"
        self._at_host(source, nbytes, name)
        if stream.captured is not None:
            self._check_pinned(target, nbytes, name)

        def act() -> None:
            ctypes.memmove(target, self._at_host(source, nbytes, name), nbytes)

        def spoil() -> None:
            ctypes.memset(target, RUBBISH, nbytes)

        self._put(stream, Operation(name, [(source, nbytes)], act, spoil))

    def _check_pinned(self, address: int, nbytes: int, name: str) -> None:
        for start, memory in self._pinned.items():
            if start <= address and address + nbytes <= start + memory.nbytes:
                return
        raise MisuseError(f"{name}: in a graph, the host's memory must be page-locked")

    def copy(self, stream: Any, target: int, source: int, nbytes: int) -> None:
        self._note("copy")
        name = f"copy of {nbytes} bytes"
        if target < source + nbytes and source < target + nbytes:
            raise MisuseError(f"{name}: source and target overlap")

        def act() -> None:
            to, at = (self._at_host(a, nbytes, name) for a in (target, source))
            ctypes.memmove(to, at, nbytes)

        self._put(stream, Operation(name, [(target, nbytes), (source, nbytes)], act))

    # ---- events

    def make_event(self) -> Any:
        self._note("make_event")
        number = max(self._events, default=0) + 1
        self._events[number] = -1.0
        return number

    def record(self, event: Any, stream: Any) -> None:
        self._note("record")

        def act() -> None:
            self._events[event] = time.perf_counter()

        self._put(stream, Operation("event", [], act))

    def milliseconds(self, start: Any, stop: Any) -> float:
        if min(self._events[start], self._events[stop]) < 0:
            raise MisuseError("the time of an event was asked for before it happened")
        return 1e3 * (self._events[stop] - self._events[start])

    def free_event(self, event: Any) -> None:
        self._note("free_event")
        del self._events[event]

    # ---- kernels

    def load(self, source: KernelSource) -> Any:
        self._note("load")
        schedule = source.schedule
        key = schedule_key(schedule)
        if key not in _steppers:
            _steppers[key] = Stepper(schedule, source.target)
        self._kernels.append(schedule)
        return schedule

    def unload(self, kernel: Any) -> None:
        self._note("unload")
        self._kernels.remove(kernel)

    def launch(self, stream: Any, kernel: Any, grid: int, block: int, words: Array) -> None:
        self._note("launch")
        schedule: Schedule = kernel
        name = schedule.kernel.name
        values = [int(word) for word in words]
        if words.dtype != np.uint64 or len(values) != argument_count(schedule):
            raise MisuseError(f"{name} expected {argument_count(schedule)} words of 8 bytes")
        if block != schedule.block or not 1 <= grid <= max(schedule.most_blocks, 1):
            raise MisuseError(f"{name}: a grid of {grid} blocks of {block} is not its schedule's")
        sizes = pointer_sizes(schedule, values)

        def act() -> None:
            if self.fault and self.fault in name:
                self._broken = DriverError("cuStreamSynchronize", ILLEGAL_ADDRESS,
                                           "CUDA_ERROR_ILLEGAL_ADDRESS")  # fmt: skip
                return
            at = [self._at_host(a, n, name) for a, n in zip(values, sizes, strict=False)]
            _steppers[schedule_key(schedule)].launch([*at, *values[len(at) :]], grid)

        ranges = list(zip(values, sizes, strict=False))
        self._put(stream, Operation(name, ranges, act))

    # ---- graphs

    def begin_capture(self, stream: Any) -> None:
        self._note("begin_capture")
        if stream.captured is not None:
            raise MisuseError("a graph is being captured already")
        stream.captured = []

    def end_capture(self, stream: Any) -> Any:
        self._note("end_capture")
        graph, stream.captured = stream.captured, None
        if graph is None:
            raise MisuseError("no graph is being captured")
        self._graphs.append(graph)
        return graph

    def replay(self, stream: Any, graph: Any) -> None:
        self._note("replay")
        if not any(graph is known for known in self._graphs):
            raise MisuseError("a graph was replayed after it was given back")
        for operation in graph:
            self._put(stream, operation)

    def free_graph(self, graph: Any) -> None:
        self._note("free_graph")
        self._graphs = [known for known in self._graphs if known is not graph]


def pointer_sizes(schedule: Schedule, words: list[int]) -> list[int]:
    """The bytes behind each of a kernel's pointers; 0 where its words do not tell."""
    kernel = schedule.kernel
    symbols = dict(zip(kernel.symbols, words[len(words) - len(kernel.symbols) :], strict=True))
    known = set(kernel.symbols)
    sizes = [
        0 if isinstance(n, SymDim) and n.symbols() - known else evaluate(n, symbols)
        for n in (b.type.nbytes for b in kernel.buffers)
    ]
    if isinstance(schedule, ProductSchedule):
        spec = schedule.spec
        m, n, k, batch = (evaluate(d, symbols) for d in (spec.m, spec.n, spec.k, spec.batch))
        strides = (evaluate(s, symbols) for s in (spec.a_batch_stride, spec.b_batch_stride))
        parts = zip((m * k, k * n), strides, strict=True)
        operands = [part + (batch - 1) * stride for part, stride in parts]
        windows = schedule.windows
        if windows is not None:
            shape = (windows.batch, *windows.sizes, windows.channels)
            operands[0] = math.prod(evaluate(d, symbols) for d in shape)
        sizes[:0] = [count * spec.item_size for count in operands]
    if schedule.workspace_bytes:
        sizes.append(schedule.workspace_bytes)
    return sizes
