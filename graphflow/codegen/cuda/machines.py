"""What a thread of a GPU can ask and do, as instructions of a GPU or of a host.

The code of a kernel is written once, by `emitter`, in terms of a `Machine`: its parameters, the
numbers of the thread and its block, barriers, exchanges within a warp, and shared memory. `Ptx` has
the GPU's own instructions. `HostMachine` is for a host that runs all threads of a block as fibers,
one after the other from barrier to barrier (see `stepper`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from graphflow.codegen.types import I32, I64, POINTER

VOID = ir.VoidType()
SHARED, GLOBAL = 3, 1  # address spaces


class Machine:
    """The questions; `begin` comes first."""

    name = ""

    def __init__(self, module: ir.Module) -> None:
        self.module = module

    def begin(self, name: str, pointers: int, symbols: int) -> ir.Function:
        """The kernel's function, empty, with parameters for buffers and sizes."""
        raise NotImplementedError

    def parameters(self, builder: ir.IRBuilder, function: ir.Function) -> list[ir.Value]:
        """The buffers' addresses, then the sizes as i64."""
        raise NotImplementedError

    def number(self, builder: ir.IRBuilder, which: str) -> ir.Value:
        """As an i64: ``thread`` in its block, ``block`` in the grid, ``threads``, ``blocks``."""
        raise NotImplementedError

    def barrier(self, builder: ir.IRBuilder) -> None:
        """Wait for all threads of the block."""
        raise NotImplementedError

    def from_lane_above(self, builder: ir.IRBuilder, word: ir.Value, distance: int) -> ir.Value:
        """The i32 of the thread so many lanes further in the warp; all threads must come here."""
        raise NotImplementedError

    def shared(self, builder: ir.IRBuilder, element: ir.Type, count: int) -> ir.Value:
        """The address of memory that the threads of a block share."""
        raise NotImplementedError

    def external(self, name: str, result: ir.Type, arguments: Sequence[ir.Type]) -> ir.Function:
        """A function declared once."""
        if name in self.module.globals:
            return self.module.globals[name]
        return ir.Function(self.module, ir.FunctionType(result, arguments), name)

    def _variable(self, typ: ir.Type, space: int, name: str) -> Any:
        unique = self.module.get_unique_name(name)
        variable = ir.GlobalVariable(self.module, typ, unique, addrspace=space)
        variable.linkage = "internal"
        variable.initializer = ir.Constant(typ, ir.Undefined)
        variable.align = 16
        # llvmlite types it by its value; every other address is opaque.
        variable.type = ir.PointerType(addrspace=space)
        return variable


class Ptx(Machine):
    """NVIDIA's instructions, through LLVM's intrinsics."""

    name = "ptx"

    def begin(self, name: str, pointers: int, symbols: int) -> ir.Function:
        """A kernel whose buffers are in global memory."""
        space = ir.PointerType(addrspace=GLOBAL)
        function = ir.Function(
            self.module, ir.FunctionType(VOID, [space] * pointers + [I64] * symbols), name
        )
        function.calling_convention = "ptx_kernel"
        return function

    def parameters(self, builder: ir.IRBuilder, function: ir.Function) -> list[ir.Value]:
        """The parameters themselves."""
        return list(function.args)

    def number(self, builder: ir.IRBuilder, which: str) -> ir.Value:
        """A special register."""
        register = {"thread": "tid", "block": "ctaid", "threads": "ntid", "blocks": "nctaid"}
        read = self.external(f"llvm.nvvm.read.ptx.sreg.{register[which]}.x", I32, [])
        return builder.zext(builder.call(read, []), I64)

    def barrier(self, builder: ir.IRBuilder) -> None:
        """``bar.sync 0``."""
        builder.call(
            self.external("llvm.nvvm.barrier.cta.sync.aligned.all", VOID, [I32]),
            [ir.Constant(I32, 0)],
        )

    def from_lane_above(self, builder: ir.IRBuilder, word: ir.Value, distance: int) -> ir.Value:
        """``shfl.sync.down``: a lane beyond the warp's end gets its own word."""
        shuffle = self.external("llvm.nvvm.shfl.sync.down.i32", I32, [I32] * 4)
        everyone, last = ir.Constant(I32, -1), ir.Constant(I32, 31)
        return builder.call(shuffle, [everyone, word, ir.Constant(I32, distance), last])

    def shared(self, builder: ir.IRBuilder, element: ir.Type, count: int) -> ir.Value:
        """A variable in the shared address space."""
        return self._variable(ir.ArrayType(element, count), SHARED, "shared")


class HostMachine(Machine):
    """A host that runs threads as fibers; `stepper` has the functions that are called here."""

    name = "host"

    def begin(self, name: str, pointers: int, symbols: int) -> ir.Function:
        """A function of one table of addresses and sizes."""
        return ir.Function(self.module, ir.FunctionType(VOID, [POINTER]), name)

    def parameters(self, builder: ir.IRBuilder, function: ir.Function) -> list[ir.Value]:
        """The words of the table."""
        (table,) = function.args
        return [self._word(builder, table, k) for k in range(self.arguments)]

    arguments = 0

    def _word(self, builder: ir.IRBuilder, table: ir.Value, place: int) -> ir.Value:
        address = builder.gep(table, [ir.Constant(I64, place)], source_etype=I64)
        return builder.load(address, typ=POINTER)

    def number(self, builder: ir.IRBuilder, which: str) -> ir.Value:
        """A variable of the stepper's."""
        return builder.load(self.state(which), typ=I64)

    def state(self, which: str) -> ir.Value:
        """The variable that holds a number."""
        name = f"gpu_{which}"
        if name in self.module.globals:
            return self.module.globals[name]
        return self._global(name, I64)

    def _global(self, name: str, typ: ir.Type) -> ir.Value:
        variable = ir.GlobalVariable(self.module, typ, name)
        variable.initializer = ir.Constant(typ, 0 if typ == I64 else None)
        variable.linkage = "internal"
        variable.type = POINTER
        return variable

    def barrier(self, builder: ir.IRBuilder) -> None:
        """Let the block's other threads come as far."""
        builder.call(self.external("gpu_barrier", VOID, []), [])

    def from_lane_above(self, builder: ir.IRBuilder, word: ir.Value, distance: int) -> ir.Value:
        """Through memory, between barriers."""
        name = "gpu_exchange"
        base = self.module.globals.get(name)
        if base is None:
            base = self._global(name, ir.ArrayType(I32, 1024))
        thread = self.number(builder, "thread")
        builder.store(word, builder.gep(base, [thread], source_etype=I32))
        self.barrier(builder)
        lane = builder.and_(thread, ir.Constant(I64, 31))
        moved = builder.add(thread, ir.Constant(I64, distance))
        in_warp = builder.icmp_signed("<", lane, ir.Constant(I64, 32 - distance))
        place = builder.select(in_warp, moved, thread)
        found = builder.load(builder.gep(base, [place], source_etype=I32), typ=I32)
        self.barrier(builder)
        return found

    def shared(self, builder: ir.IRBuilder, element: ir.Type, count: int) -> ir.Value:
        """A variable: blocks run one after the other."""
        return self._variable(ir.ArrayType(element, count), 0, "shared")
