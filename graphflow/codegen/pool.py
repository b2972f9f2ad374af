"""The thread pool's native half, as LLVM IR: ``parallel_for`` and the loop that its workers run.

One job is in flight at a time. It is a kernel, its arguments and a range cut into chunks; the
word ``unclaimed`` says which chunks nobody has taken: the first one, and how many follow. A thread
claims a chunk by changing that word with compare-and-swap, and reads the job's description only
after it has succeeded: while a claimed chunk runs the job cannot end, so the description holds
still, and a worker that comes late finds none left and touches nothing. Half of the threads take
chunks from the front and half from the back: from one kernel to the next, and from one run to the
next, a processor then finds much of its data in its own cache. Who runs a chunk depends on timing,
its boundaries never do.

The caller works as well, and takes whatever chunks nobody has begun, so sleeping or preempted
workers cost it nothing; it waits only for chunks in execution. Idle workers spin for a bounded
time, soon offering the processor to others between two looks, and then sleep on a condition
variable: a spinning pool beside a busy neighbour would take the processor from the very thread it
waits for.

A pool lives in one block of zeroed memory, each word that threads contend for on its own cache
line. It is never freed, since workers run until the process ends.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from graphflow.codegen.control import (
    INDEX,
    POINTER,
    constant,
    counted_loop,
    forever,
    indirect_call,
    leave_if,
    maximum,
    minimum,
    stack_memory,
)
from graphflow.codegen.target import Target

INT = ir.IntType(32)
VOID = ir.VoidType()
KERNEL = ir.FunctionType(VOID, [POINTER, INDEX, INDEX])

# Byte offsets in a pool. Two cache lines each for what is contended: adjacent-line prefetchers
# fetch lines in pairs.
UNCLAIMED = 0  # chunks that nobody has taken: the first one (high half), how many (low half)
PENDING = 128  # chunks that are not finished
JOB_KERNEL, JOB_ARGUMENTS, JOB_EXTENT, JOB_CHUNKS = 256, 264, 272, 280
OWNED = 384  # 1 while a caller's job is in flight
STARTED = 392  # 1 once the workers have been created
THREADS = 400  # including the caller
SPIN_NANOSECONDS = 408
WORKERS = 416  # that have begun to run
SLEEPERS = 512  # workers that wait on the condition variable
MUTEX, CONDITION = 640, 768  # pthread objects are at most 64 bytes on the systems we know
POOL_BYTES = 896

# A worker that has found nothing for so long yields its processor at each further look.
YIELD_AFTER_NANOSECONDS = 40_000

WORKER_STACK_BYTES = 8 << 20  # kernels may keep tiles on the stack


def pool_module(target: Target) -> ir.Module:
    """Build the module of ``graphflow_parallel_for`` and of a pool's creation and reset."""
    module = ir.Module("graphflow_pool")
    _PoolEmitter(module, target).emit()
    return module


class _PoolEmitter:
    """Emits the functions of the pool into one module."""

    def __init__(self, module: ir.Module, target: Target) -> None:
        self.module = module
        self.target = target
        self.is_linux = "linux" in target.triple

    def emit(self) -> None:
        run_chunk = self._emit_run_chunk()
        claim = self._emit_claim_and_run(run_chunk)
        worker = self._emit_worker(claim)
        start = self._emit_start(worker)
        self._emit_parallel_for(run_chunk, claim, start)
        self._emit_reset()
        self._emit_create()

    # --- pieces ------------------------------------------------------------------------------

    def _define(self, name: str, result: Any, arguments: list[Any], public: bool = False) -> Any:
        function = ir.Function(self.module, ir.FunctionType(result, arguments), name)
        if not public:
            function.linkage = "internal"
        return function, ir.IRBuilder(function.append_basic_block("entry"))

    def _external(self, name: str, result: Any, arguments: list[Any]) -> ir.Function:
        if name in self.module.globals:
            return self.module.globals[name]
        return ir.Function(self.module, ir.FunctionType(result, arguments), name)

    def _field(self, builder: ir.IRBuilder, pool: Any, offset: int) -> Any:
        return builder.gep(pool, [constant(offset)], inbounds=True, source_etype=ir.IntType(8))

    def _load(self, builder: ir.IRBuilder, pool: Any, offset: int, ordering: str = "") -> Any:
        address = self._field(builder, pool, offset)
        if ordering:
            return builder.load_atomic(address, ordering, 8, typ=INDEX)
        return builder.load(address, typ=INDEX)

    def _store(
        self, builder: ir.IRBuilder, pool: Any, offset: int, value: Any, ordering: str = ""
    ) -> None:
        address = self._field(builder, pool, offset)
        if ordering:
            # llvmlite's atomic store does not know opaque pointers; an exchange is one as well.
            builder.atomic_rmw("xchg", address, value, ordering)
        else:
            builder.store(value, address)

    def _pause(self, builder: ir.IRBuilder) -> None:
        """Tell the processor that this is a spinning loop."""
        if self.target.architecture == "x86_64":
            builder.call(self._external("llvm.x86.sse2.pause", VOID, []), [])
        elif self.target.architecture == "aarch64":
            builder.call(self._external("llvm.aarch64.hint", VOID, [INT]), [ir.Constant(INT, 1)])

    def _nanoseconds(self, builder: ir.IRBuilder) -> Any:
        """Read the monotonic clock (a call without entry to the kernel, some 25 ns)."""
        with builder.goto_entry_block():  # in a loop it would grow the stack
            timespec = stack_memory(builder, ir.ArrayType(INDEX, 2))
        clock = ir.Constant(INT, 1 if self.is_linux else 6)  # CLOCK_MONOTONIC
        builder.call(self._external("clock_gettime", INT, [INT, POINTER]), [clock, timespec])
        seconds = builder.load(timespec, typ=INDEX)
        rest = builder.load(builder.gep(timespec, [constant(1)], source_etype=INDEX), typ=INDEX)
        return builder.add(builder.mul(seconds, constant(1_000_000_000)), rest)

    # --- functions ---------------------------------------------------------------------------

    def _emit_run_chunk(self) -> ir.Function:
        """``run_chunk(kernel, args, n, chunks, chunk)``: the kernel over one chunk's range."""
        function, builder = self._define("run_chunk", VOID, [POINTER, POINTER, INDEX, INDEX, INDEX])
        kernel, arguments, extent, chunks, chunk = function.args
        begin = builder.sdiv(builder.mul(chunk, extent), chunks)
        end = builder.sdiv(builder.mul(builder.add(chunk, constant(1)), extent), chunks)
        indirect_call(builder, kernel, KERNEL, [arguments, begin, end])
        builder.ret_void()
        return function

    def _emit_claim_and_run(self, run_chunk: ir.Function) -> ir.Function:
        """``claim_and_run(pool, from_back)``: take chunks and run them until none is left."""
        function, builder = self._define("claim_and_run", VOID, [POINTER, ir.IntType(1)])
        pool, from_back = function.args
        one = constant(1)
        first = constant(1 << 32)
        step = builder.select(from_back, constant(-1), constant((1 << 32) - 1))
        with forever(builder, "claim") as leave:
            unclaimed = self._load(builder, pool, UNCLAIMED, "acquire")
            count = chunks_left(builder, unclaimed)
            leave_if(builder, builder.icmp_signed("==", count, constant(0)), leave)
            swap = builder.cmpxchg(
                self._field(builder, pool, UNCLAIMED),
                unclaimed,
                builder.add(unclaimed, step),
                "acq_rel",
                "monotonic",
            )
            with builder.if_then(builder.extract_value(swap, 1)):
                kernel = builder.inttoptr(self._load(builder, pool, JOB_KERNEL), POINTER)
                arguments = builder.inttoptr(self._load(builder, pool, JOB_ARGUMENTS), POINTER)
                extent = self._load(builder, pool, JOB_EXTENT)
                chunks = self._load(builder, pool, JOB_CHUNKS)
                front = builder.udiv(unclaimed, first)
                back = builder.sub(builder.add(front, count), one)
                chunk = builder.select(from_back, back, front)
                builder.call(run_chunk, [kernel, arguments, extent, chunks, chunk])
                pending = self._field(builder, pool, PENDING)
                builder.atomic_rmw("sub", pending, one, "acq_rel")
        builder.ret_void()
        return function

    def _emit_worker(self, claim: ir.Function) -> ir.Function:
        """``worker(pool)``, the body of a worker thread: work, spin, sleep; for ever."""
        function, builder = self._define("worker", POINTER, [POINTER])
        (pool,) = function.args
        spin = self._emit_spin()
        sleep = self._emit_sleep()
        if self.is_linux:
            name = ir.GlobalVariable(self.module, ir.ArrayType(ir.IntType(8), 10), "thread_name")
            name.initializer = ir.Constant(name.value_type, bytearray(b"graphflow\0"))
            name.linkage, name.global_constant = "internal", True
            this_thread = builder.call(self._external("pthread_self", INDEX, []), [])
            set_name = self._external("pthread_setname_np", INT, [INDEX, POINTER])
            builder.call(set_name, [this_thread, name])
        number = builder.atomic_rmw(
            "add", self._field(builder, pool, WORKERS), constant(1), "monotonic"
        )
        from_back = builder.icmp_signed("==", builder.and_(number, constant(1)), constant(0))
        with forever(builder, "work"):
            builder.call(claim, [pool, from_back])
            found = builder.call(spin, [pool])
            with builder.if_then(builder.not_(found)):
                builder.call(sleep, [pool])
        builder.ret(ir.Constant(POINTER, None))
        return function

    def _emit_spin(self) -> ir.Function:
        """``spin(pool)``: wait a bounded time for work; whether there is some."""
        function, builder = self._define("spin", ir.IntType(1), [POINTER])
        (pool,) = function.args
        found = function.append_basic_block("found")
        yield_thread = self._external("sched_yield", INT, [])
        start = self._nanoseconds(builder)
        limit = builder.add(start, self._load(builder, pool, SPIN_NANOSECONDS))
        polite = builder.add(start, constant(YIELD_AFTER_NANOSECONDS))
        with forever(builder, "spin") as leave:
            with counted_loop(builder, 0, 16):
                left = chunks_left(builder, self._load(builder, pool, UNCLAIMED, "monotonic"))
                leave_if(builder, builder.icmp_signed(">", left, constant(0)), found)
                self._pause(builder)
            now = self._nanoseconds(builder)
            leave_if(builder, builder.icmp_signed(">", now, limit), leave)
            with builder.if_then(builder.icmp_signed(">", now, polite)):
                builder.call(yield_thread, [])
        builder.ret(ir.Constant(ir.IntType(1), 0))
        builder.position_at_end(found)
        builder.ret(ir.Constant(ir.IntType(1), 1))
        return function

    def _emit_sleep(self) -> ir.Function:
        """``sleep(pool)``: wait on the condition variable until there is work."""
        function, builder = self._define("sleep_until_work", VOID, [POINTER])
        (pool,) = function.args
        mutex = self._field(builder, pool, MUTEX)
        condition = self._field(builder, pool, CONDITION)
        sleepers = self._field(builder, pool, SLEEPERS)
        builder.call(self._external("pthread_mutex_lock", INT, [POINTER]), [mutex])
        # Both sides are sequentially consistent, so either the caller sees this sleeper or this
        # worker sees the caller's chunks; with weaker orderings both could miss.
        builder.atomic_rmw("add", sleepers, constant(1), "seq_cst")
        wait = self._external("pthread_cond_wait", INT, [POINTER, POINTER])
        with forever(builder, "wait") as leave:
            left = chunks_left(builder, self._load(builder, pool, UNCLAIMED, "seq_cst"))
            leave_if(builder, builder.icmp_signed(">", left, constant(0)), leave)
            builder.call(wait, [condition, mutex])
        builder.atomic_rmw("sub", sleepers, constant(1), "seq_cst")
        builder.call(self._external("pthread_mutex_unlock", INT, [POINTER]), [mutex])
        builder.ret_void()
        return function

    def _emit_start(self, worker: ir.Function) -> ir.Function:
        """``start(pool)``: create the workers. Fewer threads than asked for are no error."""
        function, builder = self._define("start", VOID, [POINTER])
        (pool,) = function.args
        self._store(builder, pool, STARTED, constant(1))
        attributes = stack_memory(builder, ir.ArrayType(INDEX, 16))
        thread = stack_memory(builder, INDEX)
        builder.call(self._external("pthread_attr_init", INT, [POINTER]), [attributes])
        builder.call(
            self._external("pthread_attr_setstacksize", INT, [POINTER, INDEX]),
            [attributes, constant(WORKER_STACK_BYTES)],
        )
        detached = ir.Constant(INT, 1 if self.is_linux else 2)  # PTHREAD_CREATE_DETACHED
        builder.call(
            self._external("pthread_attr_setdetachstate", INT, [POINTER, INT]),
            [attributes, detached],
        )
        create = self._external("pthread_create", INT, [POINTER] * 4)
        with counted_loop(builder, 1, self._load(builder, pool, THREADS)):
            builder.call(create, [thread, attributes, worker, pool])
        builder.call(self._external("pthread_attr_destroy", INT, [POINTER]), [attributes])
        builder.ret_void()
        return function

    def _emit_parallel_for(
        self, run_chunk: ir.Function, claim: ir.Function, start: ir.Function
    ) -> None:
        """``parallel_for(pool, kernel, args, n, chunk_count)``; see the module's description."""
        function, builder = self._define(
            "graphflow_parallel_for", VOID, [POINTER, POINTER, POINTER, INDEX, INDEX], public=True
        )
        pool, kernel, arguments, extent, requested = function.args
        chunks = minimum(builder, maximum(builder, requested, 1), extent)
        alone = function.append_basic_block("alone")
        single = builder.or_(
            builder.icmp_signed("<=", chunks, constant(1)),
            builder.icmp_signed("<=", self._load(builder, pool, THREADS), constant(1)),
        )
        leave_if(builder, single, alone)
        # A second caller, or a kernel that calls parallel_for itself, does its work alone: it
        # would gain nothing from waiting for processors that are busy.
        owned = builder.cmpxchg(
            self._field(builder, pool, OWNED), constant(0), constant(1), "acquire", "monotonic"
        )
        leave_if(builder, builder.not_(builder.extract_value(owned, 1)), alone)
        not_started = builder.icmp_signed("==", self._load(builder, pool, STARTED), constant(0))
        with builder.if_then(not_started):
            builder.call(start, [pool])
        self._store(builder, pool, JOB_KERNEL, builder.ptrtoint(kernel, INDEX))
        self._store(builder, pool, JOB_ARGUMENTS, builder.ptrtoint(arguments, INDEX))
        self._store(builder, pool, JOB_EXTENT, extent)
        self._store(builder, pool, JOB_CHUNKS, chunks)
        self._store(builder, pool, PENDING, chunks)
        self._store(builder, pool, UNCLAIMED, chunks, "seq_cst")
        self._emit_wake(builder, pool, chunks)
        builder.call(claim, [pool, ir.Constant(ir.IntType(1), 0)])
        self._emit_wait(builder, pool)
        self._store(builder, pool, OWNED, constant(0), "release")
        builder.ret_void()

        builder.position_at_end(alone)
        with counted_loop(builder, 0, chunks, name="chunk") as loop:
            builder.call(run_chunk, [kernel, arguments, extent, chunks, loop.index])
        builder.ret_void()

    def _emit_wake(self, builder: ir.IRBuilder, pool: Any, chunks: Any) -> None:
        """Wake as many sleeping workers as there are chunks for."""
        sleepers = self._load(builder, pool, SLEEPERS, "seq_cst")
        with builder.if_then(builder.icmp_signed(">", sleepers, constant(0))):
            mutex = self._field(builder, pool, MUTEX)
            # Whoever counts as a sleeper but does not wait yet holds the mutex until it does.
            builder.call(self._external("pthread_mutex_lock", INT, [POINTER]), [mutex])
            builder.call(self._external("pthread_mutex_unlock", INT, [POINTER]), [mutex])
            signal = self._external("pthread_cond_signal", INT, [POINTER])
            wanted = minimum(builder, sleepers, builder.sub(chunks, constant(1)))
            with counted_loop(builder, 0, wanted, name="wake"):
                builder.call(signal, [self._field(builder, pool, CONDITION)])

    def _emit_wait(self, builder: ir.IRBuilder, pool: Any) -> None:
        """Wait until the chunks that workers have begun are finished."""
        with forever(builder, "pending") as leave:
            with counted_loop(builder, 0, 1024):
                pending = self._load(builder, pool, PENDING, "acquire")
                leave_if(builder, builder.icmp_signed("==", pending, constant(0)), leave)
                self._pause(builder)
            # The chunk's thread may have lost its processor to somebody: perhaps to this one.
            builder.call(self._external("sched_yield", INT, []), [])

    def _emit_reset(self) -> None:
        """``pool_reset(pool)``: the state of a pool whose workers do not exist, as after a fork."""
        function, builder = self._define("graphflow_pool_reset", VOID, [POINTER], public=True)
        (pool,) = function.args
        for offset in (UNCLAIMED, PENDING, OWNED, STARTED, WORKERS, SLEEPERS):
            self._store(builder, pool, offset, constant(0))
        null = ir.Constant(POINTER, None)
        for name, offset in (("pthread_mutex_init", MUTEX), ("pthread_cond_init", CONDITION)):
            initialize = self._external(name, INT, [POINTER, POINTER])
            builder.call(initialize, [self._field(builder, pool, offset), null])
        builder.ret_void()

    def _emit_create(self) -> None:
        """``pool_create(threads, spin_nanoseconds)``: a new pool, or null without memory."""
        function, builder = self._define(
            "graphflow_pool_create", POINTER, [INDEX, INDEX], public=True
        )
        threads, spin = function.args
        slot = stack_memory(builder, POINTER)
        failed = function.append_basic_block("failed")
        allocate = self._external("posix_memalign", INT, [POINTER, INDEX, INDEX])
        status = builder.call(allocate, [slot, constant(128), constant(POOL_BYTES)])
        leave_if(builder, builder.icmp_signed("!=", status, ir.Constant(INT, 0)), failed)
        pool = builder.load(slot, typ=POINTER)
        self._store(builder, pool, THREADS, threads)
        self._store(builder, pool, SPIN_NANOSECONDS, spin)
        builder.call(self.module.globals["graphflow_pool_reset"], [pool])
        builder.ret(pool)
        builder.position_at_end(failed)
        builder.ret(ir.Constant(POINTER, None))


def chunks_left(builder: ir.IRBuilder, unclaimed: Any) -> Any:
    """How many chunks the word ``unclaimed`` says are left."""
    return builder.and_(unclaimed, constant((1 << 32) - 1))
