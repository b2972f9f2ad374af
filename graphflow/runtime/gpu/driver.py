"""What graphflow asks of a GPU's driver: memory, streams, events, kernels and graphs of them.

An implementation is bound to one GPU by `open`. Handles are what the implementation likes, but
addresses are ints, and a kernel's arguments are words of 8 bytes: its buffers' addresses, then the
sizes. Copies and launches return at once and are done in the order of their stream; `wait` waits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn, Protocol

import numpy as np

from graphflow import errors
from graphflow.codegen.cuda.target import GpuTarget
from graphflow.codegen.cuda.units import Schedule

Array = np.ndarray[Any, Any]

OUT_OF_MEMORY = 2  # of CUDA's numbers of errors


@dataclass(frozen=True)
class GpuFacts:
    """A GPU as its driver describes it; `capability` is 90 for an H100."""

    number: int
    name: str
    capability: int
    memory_bytes: int
    multiprocessors: int
    bus: str = ""


class DriverError(Exception):
    """A call of the driver failed.

    Attributes
    ----------
    call, code, name : what was called, and the error's number and name.
    details : what the driver says of it.
    """

    def __init__(self, call: str, code: int, name: str, details: str = "") -> None:
        super().__init__(f"{call}: {name} ({code})" + (f": {details}" if details else ""))
        self.call, self.code, self.name, self.details = call, code, name, details


@dataclass(frozen=True)
class KernelSource:
    """A kernel before it is loaded: its schedule, and the PTX when that is asked for."""

    schedule: Schedule
    target: GpuTarget
    make_ptx: Callable[[Schedule, GpuTarget], str]

    @cached_property
    def ptx(self) -> str:
        """The kernel as PTX."""
        return self.make_ptx(self.schedule, self.target)

    @property
    def entry(self) -> str:
        """The name of the kernel's function in its PTX."""
        found = re.search(r"\.visible \.entry (\w+)", self.ptx)
        if found is None:
            raise errors.CompilerError(f"{self.schedule.kernel.name}: its PTX has no kernel")
        return found.group(1)


class Driver(Protocol):
    """One GPU, once it is opened."""

    name: str

    def devices(self) -> list[GpuFacts]:
        """The GPUs that the driver shows to this process."""

    def open(self, number: int) -> None:
        """Make the context of a GPU; once, before all that follows."""

    def make_current(self) -> None:
        """Let the calling thread use the context."""

    def free_memory(self) -> int:
        """Bytes of device memory that nobody has taken."""

    def allocate(self, nbytes: int) -> int:
        """Device memory; returns its address. DriverError with OUT_OF_MEMORY if there is none."""

    def free(self, address: int) -> None:
        """Give device memory back."""

    def allocate_host(self, nbytes: int) -> Array:
        """Page-locked memory of the host, as bytes, which copies read and write directly."""

    def free_host(self, memory: Array) -> None:
        """Give page-locked memory back."""

    def make_stream(self) -> Any:
        """A stream."""

    def free_stream(self, stream: Any) -> None:
        """Give a stream back."""

    def wait(self, stream: Any) -> None:
        """Wait for all that was put on a stream; what failed there is raised here."""

    def copy_to_gpu(self, stream: Any, target: int, source: int, nbytes: int) -> None:
        """Copy from an address of the host, which must hold still until it is done."""

    def copy_to_host(self, stream: Any, target: int, source: int, nbytes: int) -> None:
        """Copy to an address of the host."""

    def copy(self, stream: Any, target: int, source: int, nbytes: int) -> None:
        """Copy from device memory to device memory."""

    def make_event(self) -> Any:
        """An event with a time."""

    def record(self, event: Any, stream: Any) -> None:
        """Let the event happen when all before it on the stream is done."""

    def milliseconds(self, start: Any, stop: Any) -> float:
        """The time from one event to another; both must have happened."""

    def free_event(self, event: Any) -> None:
        """Give an event back."""

    def load(self, source: KernelSource) -> Any:
        """A kernel, loaded."""

    def unload(self, kernel: Any) -> None:
        """Give a kernel back."""

    def launch(self, stream: Any, kernel: Any, grid: int, block: int, words: Array) -> None:
        """Run a kernel with the given words (uint64) as arguments; they are copied."""

    def begin_capture(self, stream: Any) -> None:
        """From here on, what is put on the stream is noted in a graph and not done."""

    def end_capture(self, stream: Any) -> Any:
        """The graph of what was noted, ready to be replayed."""

    def replay(self, stream: Any, graph: Any) -> None:
        """Put all of a graph on a stream."""

    def free_graph(self, graph: Any) -> None:
        """Give a graph back."""

    def close(self) -> None:
        """Leave the GPU; all memory must have been given back."""


def raise_out_of_memory(what: str, nbytes: int, largest: Sequence[str], free: int) -> NoReturn:
    """Raise TensorFlow's error for memory that a GPU does not have."""
    listed = "".join(f"\n  {line}" for line in largest)
    tail = f"; its largest buffers:{listed}" if listed else ""
    raise errors.ResourceExhaustedError(
        None, None,
        f"OOM when allocating {what}: {nbytes} bytes, {free} are free on the GPU{tail}",
    )  # fmt: skip


def raise_fault(error: DriverError, suspects: Sequence[str]) -> NoReturn:
    """Raise InternalError for a failed kernel or copy; `suspects` describe what may have failed."""
    listed = "".join(f"\n  {line}" for line in suspects)
    which = "in" if len(suspects) == 1 else (
        "in one of these (CUDA_LAUNCH_BLOCKING=1 tells which)"
    )  # fmt: skip
    raise errors.InternalError(None, None, f"the GPU failed, {error}, {which}:{listed}")
