"""Calling a compiled plan from Python: binding arguments, allocating results.

A plan's entry is ``i32 run(ptr table)``: one table of pointers to all of its buffers. A `Call`
describes what a caller passes and gets; `PythonCall` does it step by step in Python. The native
path of `fastcall` does the same without Python, and comes here whenever something is not exactly as
the plan expects.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

# From this size on, the memory of results is kept and handed out again when the user's last
# reference is gone: first writes to fresh memory go at 2 to 3 GB/s, less than most kernels write.
LARGE_OUTPUT_BYTES = 1 << 20
HUGE_PAGE_BYTES = 2 << 20
BASES_PER_OUTPUT = 4  # enough for a loop that keeps its last result or two


@dataclass(frozen=True)
class Binding:
    """An input or output of a plan: an array whose address goes to `slot` of the table."""

    slot: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """Bytes of the array."""
        size = self.dtype.itemsize
        for extent in self.shape:
            size *= extent
        return size


@dataclass(frozen=True)
class Call:
    """What a plan's caller passes and gets.

    Parameters
    ----------
    entry : address of ``i32 run(ptr table)``.
    table : int64, one pointer per slot; those of the arena and the variables are filled in. Owned
        by the call from now on.
    inputs : one for each argument, in order.
    outputs : what the plan writes. 0-d outputs come back as NumPy scalars, as from TensorFlow.
    items : for each item of the result an index into `outputs`, or None for an item that is None.
    form : ``single`` (the one item), ``list``, ``tuple``, or ``none``.
    on_error : called with a status that is not 0; it raises.
    release_gil : whether other Python threads may run meanwhile. It costs about 0.1 us.
    keep : whatever must live as long as the plan can be called: code, arena, variables.
    """

    entry: int
    table: np.ndarray[Any, np.dtype[np.int64]]
    inputs: Sequence[Binding]
    outputs: Sequence[Binding]
    items: Sequence[int | None]
    form: str
    on_error: Callable[[int], Any]
    release_gil: bool = False
    keep: Any = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.table.dtype != np.int64 or not self.table.flags.c_contiguous:
            raise ValueError(f"a call expected a contiguous int64 table, got {self.table.dtype}")
        if self.form not in ("single", "list", "tuple", "none"):
            raise ValueError(f"a call expected form single, list, tuple or none, got {self.form!r}")
        if self.form == "single" and len(self.items) != 1:
            raise ValueError(f"form single expected one item, got {len(self.items)}")
        for item in self.items:
            if item is not None and not 0 <= item < len(self.outputs):
                raise ValueError(f"a call of {len(self.outputs)} outputs got an item {item}")
        for binding in (*self.inputs, *self.outputs):
            if not 0 <= binding.slot < self.table.size:
                raise ValueError(f"a table of {self.table.size} got a slot {binding.slot}")


class RunLock:
    """A lock that native code can try to take: CPython's own, without an object around it."""

    def __init__(self) -> None:
        allocate = ctypes.PYFUNCTYPE(ctypes.c_void_p)
        address = allocate(("PyThread_allocate_lock", ctypes.pythonapi))()
        if not address:
            raise MemoryError("expected memory for a lock, got none")
        self.address: int = address

    def __del__(self) -> None:
        api = ctypes.pythonapi
        if api is not None:
            api.PyThread_free_lock(ctypes.c_void_p(self.address))

    def try_acquire(self) -> bool:
        """Take the lock if it is free."""
        return bool(ctypes.pythonapi.PyThread_acquire_lock(ctypes.c_void_p(self.address), 0))

    def acquire(self) -> None:
        """Take the lock, waiting without the GIL."""
        # `ctypes.pythonapi` itself keeps the GIL during a call, which would stop the lock's owner.
        without_gil = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int)
        function = ctypes.cast(ctypes.pythonapi.PyThread_acquire_lock, without_gil)
        function(self.address, 1)

    def release(self) -> None:
        """Give the lock back."""
        ctypes.pythonapi.PyThread_release_lock(ctypes.c_void_p(self.address))


class RunGuard:
    """What all calls of one plan share: who may use its arena, and memory kept for its outputs.

    Attributes
    ----------
    lock : lets one thread at a time into the arena.
    owner : the thread inside the plan, or 0; native code writes it as well.
    """

    def __init__(self) -> None:
        self.lock = RunLock()
        self.owner = np.zeros(1, np.int64)
        self._kept: dict[int, OutputMemory] = {}

    def memory_of(self, output: Binding) -> OutputMemory:
        """Return the memory that is kept for a large output."""
        return self._kept.setdefault(output.slot, OutputMemory(output))


class OutputMemory:
    """Memory for one large output, reused once nobody but this object refers to it.

    `most` blocks are kept; native code takes as many as there are by default.

    Each block is a byte array, the base of the array that the user gets, so its reference count
    says whether any view of it lives.
    """

    def __init__(self, output: Binding, most: int = BASES_PER_OUTPUT) -> None:
        self.output = output
        self.bases: list[np.ndarray[Any, Any]] = []
        # For native code: the addresses of `bases`, then nulls.
        self.addresses = np.zeros(most, np.int64)
        self.lock = threading.Lock()

    def take(self) -> np.ndarray[Any, Any]:
        """Return an array for the output, its contents arbitrary."""
        with self.lock:
            for base in self.bases:
                view = _view(base, self.output)  # first, so that native code finds it taken
                if sys.getrefcount(base) <= 4:  # of the list, the loop, the view and the call
                    return view
            base = _fresh_memory(self.output.nbytes)
            if len(self.bases) < len(self.addresses):
                self.addresses[len(self.bases)] = id(base)
                self.bases.append(base)
            return _view(base, self.output)


def _view(base: np.ndarray[Any, Any], output: Binding) -> np.ndarray[Any, Any]:
    return np.ndarray(output.shape, output.dtype, buffer=base)


def _fresh_memory(size: int) -> np.ndarray[Any, Any]:
    """Return `size` bytes that the system backs by huge pages where it can."""
    # Shared memory, which `mmap` maps unless told otherwise, has no huge pages.
    private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS if hasattr(mmap, "MAP_PRIVATE") else 0
    flags = {"flags": private} if private else {}
    mapped = mmap.mmap(-1, size + HUGE_PAGE_BYTES, **flags)
    offset = -np.frombuffer(mapped, np.uint8).ctypes.data % HUGE_PAGE_BYTES
    if hasattr(mmap, "MADV_HUGEPAGE"):
        mapped.madvise(mmap.MADV_HUGEPAGE)
    # Not a slice of an array: NumPy would make that array, not its slice, the base of views.
    return np.frombuffer(mapped, np.uint8, size, offset)


class PythonCall:
    """Runs a `Call` through Python, converting arguments as `np.asarray` does.

    Calls from several threads wait for each other, since a plan has one arena. Several calls of one
    plan share its `guard`, and with it the memory of large outputs.
    """

    def __init__(self, call: Call, guard: RunGuard | None = None) -> None:
        guard = guard or RunGuard()
        self.call = call
        self.lock, self.owner = guard.lock, guard.owner
        self.memory = {
            index: guard.memory_of(output)
            for index, output in enumerate(call.outputs)
            if output.nbytes >= LARGE_OUTPUT_BYTES and output.shape
        }
        kind = ctypes.CFUNCTYPE if call.release_gil else ctypes.PYFUNCTYPE
        self._run = kind(ctypes.c_int32, ctypes.c_void_p)(call.entry)

    def __call__(self, *arguments: Any) -> Any:
        """Run the plan.

        Raises
        ------
        TypeError : wrong number of arguments.
        ValueError : an argument has another shape than the plan was compiled for.
        RuntimeError : the plan's own run called it again.
        """
        call = self.call
        arrays = self._convert(arguments)
        results = [
            self.memory[index].take() if index in self.memory else np.empty(out.shape, out.dtype)
            for index, out in enumerate(call.outputs)
        ]
        status = self._run_locked(arrays, results)
        if status != 0:
            return call.on_error(status)
        values = [result if result.shape else result[()] for result in results]
        items = [None if item is None else values[item] for item in call.items]
        if call.form == "list":
            return items
        if call.form == "tuple":
            return tuple(items)
        return items[0] if call.form == "single" else None

    def _convert(self, arguments: Sequence[Any]) -> list[np.ndarray[Any, Any]]:
        inputs = self.call.inputs
        if len(arguments) != len(inputs):
            raise TypeError(f"expected {len(inputs)} arguments, got {len(arguments)}")
        arrays = []
        for position, (argument, expected) in enumerate(zip(arguments, inputs, strict=True)):
            array = np.require(argument, expected.dtype, ("C", "A"))
            if array.shape != expected.shape:
                raise ValueError(
                    f"argument {position} expected shape {expected.shape}, got {array.shape}"
                )
            arrays.append(array)
        return arrays

    @contextmanager
    def _entered(self) -> Iterator[None]:
        """Alone in the plan inside."""
        if not self.lock.try_acquire():
            if self.owner[0] == threading.get_ident():
                raise RuntimeError("a plan was called again from inside its own run")
            self.lock.acquire()
        self.owner[0] = threading.get_ident()
        try:
            yield
        finally:
            self.owner[0] = 0
            self.lock.release()

    def _run_locked(self, arrays: list[Any], results: list[Any]) -> int:
        table = self.call.table
        with self._entered():
            for binding, array in zip(self.call.inputs, arrays, strict=True):
                table[binding.slot] = array.ctypes.data
            for binding, array in zip(self.call.outputs, results, strict=True):
                table[binding.slot] = array.ctypes.data
            return int(self._run(table.ctypes.data))
