"""What a session keeps on its GPU: a pool of memory, a stream, and its variables.

The arena is one piece of memory that all plans of a session use in turn, as large as the largest
that has run needs. Variables stay on the GPU from their first use there; the host's copy is brought
up to date when somebody asks for it.
"""

from __future__ import annotations

import atexit
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphflow.runtime.gpu.driver import OUT_OF_MEMORY, DriverError, raise_out_of_memory
from graphflow.runtime.gpu.selection import Gpu
from graphflow.runtime.variables import VariableStore

Array = np.ndarray[Any, Any]

_spaces: weakref.WeakSet[GpuSpace] = weakref.WeakSet()


class GpuSpace:
    """A session's memory on a GPU, all of which `close` gives back.

    A run that a Python function of another run begins has an arena of its own.

    Parameters
    ----------
    gpu : the GPU.
    limit : bytes that the session may take; 0 for all there is.

    Attributes
    ----------
    generation : changes when an arena moves.
    depth : how many runs are under way, each called by the one before.
    """

    def __init__(self, gpu: Gpu, limit: int = 0) -> None:
        self.gpu, self.driver, self.limit = gpu, gpu.driver, limit
        self.lock = threading.RLock()
        self.driver.make_current()
        self.stream = self.driver.make_stream()
        self.generation = 0
        self.depth = 0
        self._arenas: list[int] = []
        self._sizes: dict[int, int] = {}
        self._pinned: dict[int, Array] = {}
        self._graphs: list[Any] = []
        self._discarded: list[tuple[Callable[[Any], None], Any]] = []
        self._is_open = True
        _spaces.add(self)

    @property
    def used(self) -> int:
        """Bytes that the session has."""
        return sum(self._sizes.values())

    def allocate(self, nbytes: int, what: str, largest: Sequence[str] = ()) -> int:
        """Device memory.

        Raises
        ------
        errors.ResourceExhaustedError : there is not so much; `largest` is what it is asked for.
        """
        if self.limit and self.used + nbytes > self.limit:
            raise_out_of_memory(what, nbytes, largest, max(self.limit - self.used, 0))
        try:
            address = self.driver.allocate(nbytes)
        except DriverError as error:
            if error.code == OUT_OF_MEMORY:
                raise_out_of_memory(what, nbytes, largest, self.driver.free_memory())
            self.gpu.fail(error, [what])
        self._sizes[address] = nbytes
        return address

    def free(self, address: int) -> None:
        """Give back memory that `allocate` gave; nothing if the session is closed."""
        if self._sizes.pop(address, None) is not None and not self.gpu.is_lost:
            self.driver.free(address)

    def pinned(self, nbytes: int) -> Array:
        """Page-locked memory of the host."""
        try:
            memory = self.driver.allocate_host(nbytes)
        except DriverError as error:
            if error.code == OUT_OF_MEMORY:
                raise_out_of_memory("page-locked memory", nbytes, (), self.driver.free_memory())
            self.gpu.fail(error, ["page-locked memory"])
        self._pinned[memory.ctypes.data] = memory
        return memory

    def free_pinned(self, memory: Array) -> None:
        """Give page-locked memory back."""
        if self._pinned.pop(memory.ctypes.data, None) is not None and not self.gpu.is_lost:
            self.driver.free_host(memory)

    def keep_graph(self, graph: Any) -> None:
        """Remember a graph, so that it is given back in the end."""
        self._graphs.append(graph)

    def free_graph(self, graph: Any) -> None:
        """Give a graph back."""
        if graph in self._graphs:
            self._graphs.remove(graph)
            if not self.gpu.is_lost:
                self.driver.free_graph(graph)

    def discard(self, free: Callable[[Any], None], thing: Any) -> None:
        """Have something given back before the next run.

        Finalizers use it: they may be called while a graph is captured, or in any thread.
        """
        self._discarded.append((free, thing))

    def sweep(self) -> None:
        """Give back what was discarded. The context must be current."""
        while self._discarded:
            free, thing = self._discarded.pop()
            free(thing)

    def reserve(self, nbytes: int, largest: Sequence[str]) -> int:
        """The arena of the newest run, of at least so many bytes; its contents are arbitrary."""
        place = self.depth - 1
        self._arenas += [0] * (place + 1 - len(self._arenas))
        if nbytes > self._sizes.get(self._arenas[place], 0):
            # The old one first: both together may be more than there is, and nothing in it lives.
            self.free(self._arenas[place])
            self._arenas[place] = 0
            self.generation += 1
            self._arenas[place] = self.allocate(nbytes, "the arena of a run", largest)
        return self._arenas[place]

    @contextmanager
    def running(self) -> Iterator[None]:
        """A run of this thread alone; it may begin others."""
        with self.lock:
            self.gpu.check()
            self.driver.make_current()
            if self.depth == 0:
                self.sweep()
            self.depth += 1
            try:
                yield
            finally:
                self.depth -= 1

    def wait(self, suspects: Callable[[], Sequence[str]]) -> None:
        """Wait for the stream; `suspects` describes what is on it, should that fail.

        Raises
        ------
        errors.InternalError : something on the stream failed. The GPU cannot be used any more.
        """
        try:
            self.driver.wait(self.stream)
        except DriverError as error:
            self.gpu.fail(error, suspects())

    def close(self) -> None:
        """Give everything back."""
        with self.lock:
            if not self._is_open:
                return
            self._is_open = False
            if self.gpu.is_lost:
                return
            with suppress(DriverError):  # whatever broke the driver has been told
                self.driver.make_current()
                self.sweep()
                for graph in list(self._graphs):
                    self.free_graph(graph)
                for memory in list(self._pinned.values()):
                    self.free_pinned(memory)
                for address in list(self._sizes):
                    self.free(address)
                self.driver.free_stream(self.stream)


@atexit.register
def _close_spaces() -> None:
    """Give back what sessions that were not closed have, while the driver is still there."""
    for space in list(_spaces):
        space.close()


@dataclass(eq=False)
class Resident:
    """A variable's memory on the GPU, beside its array at the host, and which is up to date."""

    name: str
    array: Array
    address: int
    on_host: bool = True
    on_gpu: bool = False


class DeviceVariables:
    """The variables of a session that have memory on its GPU, by their arrays at the host.

    Attributes
    ----------
    generation : changes when one gets memory or loses it.
    """

    def __init__(self, space: GpuSpace, store: VariableStore) -> None:
        self.space, self.store = space, store
        self.generation = 0
        self._known: dict[int, Resident] = {}

    def of(self, name: str, array: Array) -> Resident:
        """The variable's memory on the GPU, made if there is none."""
        known = self._known.get(id(array))
        if known is None:
            address = self.space.allocate(array.nbytes, f"variable {name}")
            known = self._known[id(array)] = Resident(name, array, address)
            self.generation += 1
        return known

    def bring(self, resident: Resident) -> None:
        """Put the host's value on the GPU, if that is newer. The array must hold still."""
        if not resident.on_gpu:
            array = resident.array
            self._copy("copy_to_gpu", resident.address, array.ctypes.data, array.nbytes)
            resident.on_gpu = True

    def _copy(self, kind: str, target: int, source: int, nbytes: int) -> None:
        if not nbytes:
            return
        try:
            getattr(self.space.driver, kind)(self.space.stream, target, source, nbytes)
        except DriverError as error:
            self.space.gpu.fail(error, ["a copy of a variable"])

    def pull(self, array: Array) -> None:
        """Bring the host's array up to date."""
        known = self._known.get(id(array))
        if known is None or known.on_host:
            return
        with self.space.lock:
            self.space.gpu.check()
            self.space.driver.make_current()
            self._copy("copy_to_host", array.ctypes.data, known.address, array.nbytes)
            self.space.wait(lambda: [f"a copy of variable {known.name}"])
            known.on_host = True

    def changed(self, array: Array) -> None:
        """Note that the host's array has a new value."""
        known = self._known.get(id(array))
        if known is not None:
            known.on_host, known.on_gpu = True, False

    def drop(self, array: Array) -> None:
        """Forget an array that is no variable's any more."""
        known = self._known.pop(id(array), None)
        if known is not None:
            self.generation += 1
            self.space.discard(self.space.free, known.address)

    def surrender(self) -> None:
        """Bring all values to the host, and forget the GPU's."""
        for known in list(self._known.values()):
            self.pull(known.array)
            self.drop(known.array)
