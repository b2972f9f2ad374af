"""The thread pool: every index exactly once, whatever else goes on."""

import ctypes
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from llvmlite import ir

from graphflow.codegen.control import INDEX, POINTER, counted_loop
from graphflow.codegen.jit import compile_module, load_object
from graphflow.codegen.target import host_target
from graphflow.runtime import pool as pool_module
from graphflow.runtime.pool import ThreadPool, default_threads, get_pool

PARALLEL_FOR = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64
)


@pytest.fixture(scope="module")
def counting_kernel():
    """A kernel that adds 1 to each int64 of its range, and notes where its range began."""
    module = ir.Module()
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER, INDEX, INDEX]), "count")
    args, begin, end = function.args
    builder = ir.IRBuilder(function.append_basic_block())
    counts = builder.load(args, typ=POINTER)
    starts = builder.load(builder.gep(args, [INDEX(1)], source_etype=INDEX), typ=POINTER)
    with counted_loop(builder, begin, end) as loop:
        place = builder.gep(counts, [loop.index], source_etype=INDEX)
        builder.store(builder.add(builder.load(place, typ=INDEX), INDEX(1)), place)
        builder.store(begin, builder.gep(starts, [loop.index], source_etype=INDEX))
    builder.ret_void()
    target = host_target()
    code = load_object(compile_module(module, target), target)
    address = code.address("count")
    code.keep_forever()
    return address


def run(pool: ThreadPool, kernel: int, n: int, chunks: int) -> tuple[np.ndarray, np.ndarray]:
    counts = np.zeros(max(n, 1), np.int64)
    starts = np.full(max(n, 1), -1, np.int64)
    args = np.array([counts.ctypes.data, starts.ctypes.data], np.int64)
    PARALLEL_FOR(pool.parallel_for_address)(
        pool.context_address, kernel, args.ctypes.data, n, chunks
    )
    return counts[:n], starts[:n]


def expected_starts(n: int, chunks: int) -> np.ndarray:
    chunks = max(min(chunks, n), 1)
    starts = np.empty(n, np.int64)
    for chunk in range(chunks):
        starts[chunk * n // chunks : (chunk + 1) * n // chunks] = chunk * n // chunks
    return starts


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_every_index_once_and_the_same_chunks(counting_kernel, threads):
    pool = get_pool(threads)
    assert pool.threads == threads
    for n in (0, 1, 2, 3, 7, 64, 1000, 12345):
        for chunks in (0, 1, 2, 3, 16, 100):
            counts, starts = run(pool, counting_kernel, n, chunks)
            assert (counts == 1).all(), (n, chunks)
            np.testing.assert_array_equal(starts, expected_starts(n, chunks))


def test_many_jobs_in_a_row(counting_kernel):
    pool = get_pool(3)
    for repeat in range(3000):
        counts, _ = run(pool, counting_kernel, 1 + repeat % 50, 1 + repeat % 9)
        assert (counts == 1).all(), repeat


def test_jobs_after_the_workers_fell_asleep(counting_kernel):
    pool = get_pool(2)
    pause = threading.Event()
    for _ in range(10):
        pause.wait(0.002)
        counts, _ = run(pool, counting_kernel, 100_000, 8)
        assert (counts == 1).all()


def test_concurrent_callers(counting_kernel):
    pool = get_pool(2)
    wrong: list[int] = []

    def caller(seed: int) -> None:
        for repeat in range(200):
            counts, _ = run(pool, counting_kernel, 500 + seed, 1 + repeat % 7)
            if not (counts == 1).all():
                wrong.append(repeat)

    threads = [threading.Thread(target=caller, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_parallel_for_inside_a_kernel(counting_kernel):
    pool = get_pool(2)
    results = []

    @ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
    def nested(_args, begin, end):
        for _ in range(begin, end):
            results.append(bool((run(pool, counting_kernel, 100, 4)[0] == 1).all()))

    address = ctypes.cast(nested, ctypes.c_void_p).value
    PARALLEL_FOR(pool.parallel_for_address)(pool.context_address, address, None, 6, 6)
    assert results == [True] * 6


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_starts_its_own_workers(counting_kernel):
    pool = get_pool(2)
    run(pool, counting_kernel, 1000, 8)
    child = os.fork()
    if child == 0:
        counts, _ = run(pool, counting_kernel, 100_000, 16)
        os._exit(0 if (counts == 1).all() else 1)
    _, status = os.waitpid(child, 0)
    assert status == 0
    assert (run(pool, counting_kernel, 1000, 8)[0] == 1).all()


def test_a_pool_is_shared_by_thread_count():
    assert get_pool(2) is get_pool(2)
    assert get_pool(2) is not get_pool(3)
    assert get_pool().threads == default_threads()
    with pytest.raises(ValueError, match="positive number of threads, got -1"):
        get_pool(-1)


def test_default_threads_from_the_environment(monkeypatch):
    monkeypatch.setenv("GRAPHFLOW_NUM_THREADS", "5")
    assert default_threads() == 5
    for text in ("0", "-2", "many"):
        monkeypatch.setenv("GRAPHFLOW_NUM_THREADS", text)
        with pytest.raises(ValueError, match="GRAPHFLOW_NUM_THREADS expected a positive integer"):
            default_threads()
    monkeypatch.delenv("GRAPHFLOW_NUM_THREADS")
    assert default_threads() >= 1


def test_the_objects_bytes_can_come_from_a_cache(counting_kernel):
    kept: dict[str, bytes] = {}

    def cache(key, make):
        if key not in kept:
            kept[key] = make()
        return kept[key]

    for _ in range(2):
        native = pool_module._NativePool(cache)
        counts, _ = run(ThreadPool(2, native), counting_kernel, 1000, 8)
        assert (counts == 1).all()
    assert list(kept) == ["pool"]


def test_the_process_ends_cleanly_while_workers_run():
    program = (
        "from graphflow.runtime.pool import get_pool\n"
        "import ctypes\n"
        "pool = get_pool(4)\n"
        "kernel = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)("
        "lambda *_: None)\n"
        "call = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3, *[ctypes.c_int64] * 2)\n"
        "address = ctypes.cast(kernel, ctypes.c_void_p)\n"
        "call(pool.parallel_for_address)(pool.context_address, address, None, 100, 100)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
