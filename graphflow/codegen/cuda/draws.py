"""Random draws on a GPU: a thread for each unit, with the bits that a processor draws.

The code is the processor's (`codegen.random`), with vectors of two groups, which LLVM takes apart:
what a group gives depends on its number alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from llvmlite import ir

from graphflow.codegen.control import constant, counted_loop, stack_memory
from graphflow.codegen.cuda.machines import HostMachine, Machine
from graphflow.codegen.cuda.target import GpuTarget
from graphflow.codegen.expressions import ExprEmitter, Level
from graphflow.codegen.random import emit_random, unit_size
from graphflow.codegen.target import Target
from graphflow.codegen.types import I64, POINTER
from graphflow.ir.dims import evaluate
from graphflow.ir.loops import Kernel

BLOCK = 128
BLOCKS_PER_MULTIPROCESSOR = 8


class _Pairs(Target):
    """Vectors of two elements of 32 bits, whatever the machine."""

    def vector_lanes(self, element_bits: int) -> int:
        return max(64 // element_bits, 1)


PAIRS = _Pairs("", "", "")


@dataclass(frozen=True, eq=False)
class DrawSchedule:
    """A draw and its place on the GPU; the kernel's buffers are its state, bounds and result."""

    kernel: Kernel
    kind: str
    most_blocks: int
    block: int = BLOCK
    workspace_bytes: int = 0

    def count(self, symbols: Mapping[str, int]) -> int:
        """The number of units."""
        out = self.kernel.buffers[-1].type
        return -(-evaluate(out.size, symbols) // unit_size(out.dtype, PAIRS))

    def blocks(self, rounds: int) -> int:
        """The grid's blocks for a number of units."""
        return max(min(-(-rounds // self.block), self.most_blocks), 1)

    def __str__(self) -> str:
        return f"{self.kernel.name}: draw of {self.kind}, block {self.block}"


def schedule_draw(kernel: Kernel, kind: str, target: GpuTarget) -> DrawSchedule:
    """Decide how a draw is spread over a GPU."""
    return DrawSchedule(kernel, kind, target.num_multiprocessors * BLOCKS_PER_MULTIPROCESSOR)


def emit_gpu_draw(machine: Machine, schedule: DrawSchedule, name: str) -> ir.Function:
    """Emit a draw into the machine's module as a function called `name`."""
    kernel = schedule.kernel
    drawn = emit_random(machine.module, kernel, schedule.kind, PAIRS, f"{name}_units")
    drawn.linkage = "internal"
    pointers, symbols = len(kernel.buffers), len(kernel.symbols)
    if isinstance(machine, HostMachine):
        machine.arguments = pointers + symbols
    function = machine.begin(name, pointers, symbols)
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    table = stack_memory(builder, ir.ArrayType(I64, pointers + symbols))
    values = machine.parameters(builder, function)
    for number, value in enumerate(values):
        if isinstance(value.type, ir.PointerType):
            if getattr(value.type, "addrspace", 0):
                value = builder.addrspacecast(value, POINTER)
            value = builder.ptrtoint(value, I64)
        builder.store(value, builder.gep(table, [constant(number)], source_etype=I64))
    out = kernel.buffers[-1].type
    unit = unit_size(out.dtype, PAIRS)
    sizes = ExprEmitter(builder)
    sizes.levels.append(Level({}))
    for symbol, value in zip(kernel.symbols, values[pointers:], strict=True):
        is_word = isinstance(value.type, ir.IntType)
        sizes.symbols[symbol] = value if is_word else builder.ptrtoint(value, I64)
    size = sizes.dim(out.size)
    units = builder.udiv(builder.add(size, constant(unit - 1)), constant(unit))
    threads = constant(schedule.block)
    first = builder.add(
        builder.mul(machine.number(builder, "block"), threads), machine.number(builder, "thread")
    )
    stride = builder.mul(machine.number(builder, "blocks"), threads)
    with counted_loop(builder, first, units, stride, name="unit") as number_of_unit:
        index = number_of_unit.index
        builder.call(drawn, [table, index, builder.add(index, constant(1))])
    builder.ret_void()
    return function
