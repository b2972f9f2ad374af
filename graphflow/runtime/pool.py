"""Thread pools: one per thread count and process, their code and state native.

Generated code calls ``parallel_for(pool, kernel, args, n, chunk_count)`` at `parallel_for_address`
with `context_address` as the pool. Both stay valid until the process ends, so they may be baked
into code; in a forked child the pool is reset in place and starts its own workers when it is used.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Callable

# How long an idle worker looks for work before it sleeps. Waking a sleeper and hearing back costs
# about 57 us, and the kernel may put it on the waker's own processor, where it waits for
# milliseconds; so neither a pause between two kernels nor a script's own work between two runs
# should put the workers to sleep. With 40 us a batch of products took 1.4 times as long. The
# field's pools spin for longer still (OpenMP's for up to 200 ms); from 40 us on ours yield.
SPIN_NANOSECONDS = 1_000_000

ObjectCache = Callable[[str, Callable[[], bytes]], bytes]
"""``cache(key, make)`` returns the bytes kept under `key`, or keeps and returns ``make()``."""


def default_threads() -> int:
    """Return the number of threads when nobody says: GRAPHFLOW_NUM_THREADS, or all processors.

    Raises
    ------
    ValueError : GRAPHFLOW_NUM_THREADS is not a positive integer.
    """
    text = os.environ.get("GRAPHFLOW_NUM_THREADS", "").strip()
    if not text:
        if hasattr(os, "sched_getaffinity"):
            return len(os.sched_getaffinity(0))
        return os.cpu_count() or 1
    if not text.isdecimal() or int(text) == 0:
        raise ValueError(f"GRAPHFLOW_NUM_THREADS expected a positive integer, got {text!r}")
    return int(text)


class _NativePool:
    """The pool's compiled functions, never unloaded: workers run in them until the process ends."""

    def __init__(self, cache: ObjectCache | None) -> None:
        # Here and not above: loading LLVM takes longer than all of graphflow's own modules.
        from graphflow.codegen.jit import compile_module, load_object
        from graphflow.codegen.pool import pool_module
        from graphflow.codegen.target import host_target

        target = host_target()

        def compile_pool() -> bytes:
            return compile_module(pool_module(target), target)

        object_code = compile_pool() if cache is None else cache("pool", compile_pool)
        code = load_object(object_code, target)
        self.parallel_for_address = code.address("graphflow_parallel_for")
        create_type = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
        self.create = create_type(code.address("graphflow_pool_create"))
        self.reset = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(code.address("graphflow_pool_reset"))
        code.keep_forever()


class ThreadPool:
    """A pool of `threads` threads, the caller's own among them; `get_pool` makes and shares them.

    Attributes
    ----------
    threads : how many threads work on a job, the caller included.
    parallel_for_address : address of ``void parallel_for(ptr pool, ptr kernel, ptr args, i64 n,
        i64 chunk_count)``. It cuts ``[0, n)`` into `chunk_count` ranges (`n` when that is less),
        calls ``kernel(args, begin, end)`` once for each and returns when all are done. The ranges
        depend on nothing else. Safe from several threads at once and from inside a kernel.
    context_address : the pool, that function's first argument.
    """

    def __init__(self, threads: int, native: _NativePool) -> None:
        # Without POSIX threads the caller does all the work; the interface stays.
        self.threads = 1 if sys.platform == "win32" else threads
        self.parallel_for_address = native.parallel_for_address
        address = native.create(self.threads, SPIN_NANOSECONDS)
        if not address:
            raise MemoryError("expected memory for a thread pool, got none")
        self.context_address: int = address

    def __repr__(self) -> str:
        return f"ThreadPool(threads={self.threads})"


_lock = threading.Lock()
_pools: dict[int, ThreadPool] = {}


_native: _NativePool | None = None


def _native_pool(cache: ObjectCache | None) -> _NativePool:
    """Compile the pool's code at the first call; under `_lock`."""
    global _native
    if _native is None:
        _native = _NativePool(cache)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_reset_after_fork)
    return _native


def _reset_after_fork() -> None:
    """Bring the child's pools to the state of new ones: the parent's workers are not in it."""
    global _lock
    _lock = threading.Lock()  # another thread may have held it at the fork
    for pool in _pools.values():
        if _native is not None:
            _native.reset(pool.context_address)


def get_pool(threads: int | None = None, cache: ObjectCache | None = None) -> ThreadPool:
    """Return this process's pool of `threads` threads (`default_threads()` when None or 0).

    Parameters
    ----------
    cache : where compiled code may be kept, used when the first pool is made.

    Raises
    ------
    ValueError : `threads` is negative.
    """
    count = threads or default_threads()
    if count < 0:
        raise ValueError(f"a thread pool expected a positive number of threads, got {threads}")
    with _lock:
        pool = _pools.get(count)
        if pool is None:
            pool = _pools[count] = ThreadPool(count, _native_pool(cache))
        return pool
