"""Runs a GPU's schedule on the host: block after block, threads stepping from barrier to barrier.

The code of a thread is the code that becomes PTX, but for what `HostMachine` puts in the place of a
GPU's instructions. Each thread of a block is a fiber with a stack of its own (POSIX's `ucontext`);
a barrier switches to the next fiber, so that all have come as far before the first goes on. It is
slow and deterministic, and tells whether a schedule computes what the kernel says: for tests, and
for whoever has no GPU. A kernel whose threads do not all meet the same barriers is an error.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from llvmlite import ir

from graphflow.codegen.control import constant, counted_loop, leave_if
from graphflow.codegen.cuda.machines import VOID, HostMachine
from graphflow.codegen.cuda.target import GpuTarget
from graphflow.codegen.cuda.units import (
    Schedule,
    emit_scheduled,
    schedule_key,
    schedule_task,
)
from graphflow.codegen.jit import compile_module, load_object
from graphflow.codegen.object_cache import cached_object
from graphflow.codegen.target import host_target
from graphflow.codegen.types import I8, I32, I64, POINTER
from graphflow.errors import CompilerError
from graphflow.lowering.interpreter import LoweredRun, Scheduled, run_lowered
from graphflow.schedule.group import product_operands
from graphflow.schedule.plan import Task

Array = np.ndarray[Any, Any]

CONTEXT_BYTES = 8192  # more than a ucontext_t on the systems we know
# Of glibc's ucontext_t on x86-64 and AArch64: uc_link, and ss_sp and ss_size of uc_stack.
LINK, STACK, STACK_SIZE = 8, 16, 32
STACK_BYTES = 64 << 10
BLOCKS_RUN = 7  # of a grid at most: several rounds each, as on a GPU with few multiprocessors


class Stepper:
    """A scheduled kernel as host code; call it with flat arrays, in the order of its parameters."""

    def __init__(self, schedule: Schedule, target: GpuTarget) -> None:
        self.schedule = schedule
        host = host_target()

        def make() -> bytes:
            module = ir.Module("gpu_stepper")
            machine = HostMachine(module)
            emit_scheduled(machine, schedule, target, "gpu_kernel")
            _emit_fibers(machine)
            return compile_module(module, host)

        key = f"stepper {target.capability}\n{schedule_key(schedule)}"
        self._code = load_object(cached_object(key, make), host)
        launch = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_void_p] * 3, ctypes.c_int64)
        self._launch = launch(self._code.address("gpu_launch"))

    def __call__(self, arrays: Sequence[Array], symbols: Mapping[str, int]) -> None:
        """Run the kernel on arrays, in place.

        Raises
        ------
        CompilerError : the threads of a block wait at different barriers.
        """
        schedule = self.schedule
        words = [a.ctypes.data for a in arrays]
        workspace = np.empty(max(schedule.workspace_bytes, 1), np.uint8)
        if schedule.workspace_bytes:
            words.append(workspace.ctypes.data)
        words += [symbols[s] for s in schedule.kernel.symbols]
        self.launch(words, schedule.blocks(schedule.count(symbols)))

    def launch(self, words: Sequence[int], blocks: int) -> None:
        """Run a grid of blocks with words as arguments: addresses at the host, then sizes.

        Raises
        ------
        CompilerError : the threads of a block wait at different barriers.
        """
        schedule = self.schedule
        blocks = min(blocks, BLOCKS_RUN)
        table = np.array(words or [0], np.int64)
        contexts = np.zeros((schedule.block + 1) * CONTEXT_BYTES, np.uint8)
        stacks = np.empty(schedule.block * STACK_BYTES, np.uint8)
        places = (table.ctypes.data, contexts.ctypes.data, stacks.ctypes.data)
        threads = schedule.block
        if self._launch(*places, blocks << 32 | threads):
            raise CompilerError(f"{schedule.kernel.name}: threads wait at different barriers")


TARGET = GpuTarget()


class SteppedRun(LoweredRun):
    """Runs a lowered Program with every kernel that has a GPU's schedule stepped through."""

    def task(self, task: Task, regions: Sequence[Scheduled]) -> None:
        """Run one step."""
        schedule = schedule_task(task, TARGET)
        if schedule is None:
            super().task(task, regions)
            return
        node = task.node
        self.start(task)
        buffers = self.buffers(task)
        arrays = [np.ascontiguousarray(buffers[b]) for b in schedule.kernel.buffers]
        if task.kind == "gemm":
            assert node is not None
            operands = [np.ascontiguousarray(self.fetch(i)) for i in product_operands(node)]
            arrays = [*operands, *arrays]
        Stepper(schedule, TARGET)(arrays, self.symbols)
        written = dict(zip(schedule.kernel.buffers, arrays[-len(buffers) :], strict=True))
        for buffer, array in buffers.items():
            if buffer.role != "in" and written[buffer] is not array:
                array[...] = written[buffer]


def run_stepped(
    scheduled: Scheduled, inputs: Sequence[Any], symbols: Mapping[str, int] | None = None
) -> tuple[list[Array], dict[str, Array]]:
    """Run a lowered Program by stepping through its kernels' schedules for a GPU.

    Parameters and results are those of `ir.interpreter.run_program`.
    """
    return run_lowered(scheduled, inputs, symbols, SteppedRun)


def _emit_fibers(machine: HostMachine) -> None:
    """``gpu_launch(table, contexts, stacks, blocks << 32 | threads)`` and ``gpu_barrier()``."""
    fibers = _Fibers(machine)
    fibers.emit_barrier()
    fibers.emit_body()
    fibers.emit_launch()


class _Fibers:
    """Emits the fibers' functions; their state is in variables of the module."""

    def __init__(self, machine: HostMachine) -> None:
        self.machine, self.module = machine, machine.module
        self.state = {
            name: machine.state(name)
            for name in ("thread", "block", "threads", "blocks", "finished", "contexts", "table",
                         "astray")
        }  # fmt: skip

    def _function(self, name: str, result: ir.Type, arguments: Sequence[ir.Type]) -> Any:
        function = self.machine.external(name, result, arguments)
        return function, ir.IRBuilder(function.append_basic_block("entry"))

    def load(self, builder: ir.IRBuilder, name: str) -> ir.Value:
        return builder.load(self.state[name], typ=I64)

    def store(self, builder: ir.IRBuilder, name: str, value: ir.Value) -> None:
        builder.store(value, self.state[name])

    def context(self, builder: ir.IRBuilder, number: ir.Value) -> ir.Value:
        """The context of a thread; that of the caller comes after all threads'."""
        base = builder.inttoptr(self.load(builder, "contexts"), POINTER)
        offset = builder.mul(number, constant(CONTEXT_BYTES))
        return builder.gep(base, [offset], source_etype=I8)

    def call(self, builder: ir.IRBuilder, name: str, *arguments: ir.Value) -> None:
        function = self.machine.external(name, I32, [POINTER] * len(arguments))
        builder.call(function, arguments)

    def emit_barrier(self) -> None:
        """Switch to the next thread; back to the caller if that has ended before this barrier."""
        function, builder = self._function("gpu_barrier", VOID, [])
        function.linkage = "internal"
        thread, threads = self.load(builder, "thread"), self.load(builder, "threads")
        following = builder.urem(builder.add(thread, constant(1)), threads)
        ended = builder.icmp_signed("<", following, self.load(builder, "finished"))
        with builder.if_then(ended):
            self.store(builder, "astray", constant(1))
            self.call(builder, "setcontext", self.context(builder, threads))
        self.store(builder, "thread", following)
        mine, other = self.context(builder, thread), self.context(builder, following)
        self.call(builder, "swapcontext", mine, other)
        builder.ret_void()

    def emit_body(self) -> None:
        """What a fiber runs: the kernel, then on to the next thread, or back to the caller."""
        function, builder = self._function("gpu_fiber", VOID, [])
        function.linkage = "internal"
        table = builder.inttoptr(self.load(builder, "table"), POINTER)
        builder.call(self.module.globals["gpu_kernel"], [table])
        following = builder.add(self.load(builder, "thread"), constant(1))
        self.store(builder, "finished", following)
        self.store(builder, "thread", following)
        self.call(builder, "setcontext", self.context(builder, following))
        builder.unreachable()

    def emit_launch(self) -> None:
        """Run a grid; returns whether threads went astray."""
        function, builder = self._function("gpu_launch", I64, [POINTER, POINTER, POINTER, I64])
        table, contexts, stacks, sizes = function.args
        self.store(builder, "table", builder.ptrtoint(table, I64))
        self.store(builder, "contexts", builder.ptrtoint(contexts, I64))
        blocks = builder.lshr(sizes, constant(32))
        threads = builder.and_(sizes, constant((1 << 32) - 1))
        self.store(builder, "blocks", blocks)
        self.store(builder, "threads", threads)
        self.store(builder, "astray", constant(0))
        astray = function.append_basic_block("astray")
        with counted_loop(builder, 0, blocks, name="block") as block:
            self.store(builder, "block", block.index)
            self.store(builder, "thread", constant(0))
            self.store(builder, "finished", constant(0))
            with counted_loop(builder, 0, threads, name="thread") as thread:
                self.prepare(builder, thread.index, stacks)
            caller, first = self.context(builder, threads), self.context(builder, constant(0))
            self.call(builder, "swapcontext", caller, first)
            bad = builder.icmp_signed("!=", self.load(builder, "astray"), constant(0))
            leave_if(builder, bad, astray)
        builder.ret(constant(0))
        builder.position_at_end(astray)
        builder.ret(constant(1))

    def prepare(self, builder: ir.IRBuilder, thread: ir.Value, stacks: ir.Value) -> None:
        """A thread's context, at the start of `gpu_fiber` on a stack of its own."""
        context = self.context(builder, thread)
        self.call(builder, "getcontext", context)
        stack = builder.gep(stacks, [builder.mul(thread, constant(STACK_BYTES))], source_etype=I8)
        for offset, value in (
            (LINK, constant(0)),
            (STACK, builder.ptrtoint(stack, I64)),
            (STACK_SIZE, constant(STACK_BYTES)),
        ):
            place = builder.gep(context, [constant(offset)], source_etype=I8)
            builder.store(value, place)
        signature = ir.FunctionType(VOID, [POINTER, POINTER, I32], var_arg=True)
        make = self.module.globals.get("makecontext") or ir.Function(
            self.module, signature, "makecontext"
        )
        fiber = builder.bitcast(self.module.globals["gpu_fiber"], POINTER)
        builder.call(make, [context, fiber, ir.Constant(I32, 0)])
