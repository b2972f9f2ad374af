"""The code of one thread: a kernel of the loop IR with its loops shared out.

All but the loops and the accumulators is `KernelEmitter`'s, with one lane. A thread's rounds of a
loop are those whose number is its own, plus multiples of how many threads share the loop. What the
threads of a block accumulated is combined in a tree over each warp and then warp by warp, an order
that depends on the block's size alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

from graphflow.codegen.cuda.machines import HostMachine, Machine
from graphflow.codegen.cuda.schedule import WARP, GpuSchedule, writes_scratch
from graphflow.codegen.cuda.target import GpuTarget
from graphflow.codegen.expressions import Level
from graphflow.codegen.kernel import Accumulator, KernelEmitter
from graphflow.codegen.types import I32, I64, compute_type, memory_type, to_memory
from graphflow.codegen.widths import outlined_functions
from graphflow.ir.loops import Accumulate, Loop, Store, statements


class GpuEmitter(KernelEmitter):
    """Emits one kernel for a machine."""

    def __init__(self, machine: Machine, schedule: GpuSchedule, target: GpuTarget, name: str):
        kernel = schedule.kernel
        self.machine, self.schedule = machine, schedule
        self.module, self.kernel = machine.module, kernel
        self.target: Any = target
        buffers = len(kernel.buffers) + bool(schedule.global_scratch)
        if isinstance(machine, HostMachine):
            machine.arguments = buffers + len(kernel.symbols)
        self.function = machine.begin(name, buffers, len(kernel.symbols))
        # Past KernelEmitter's own, which makes a function for a processor.
        super(KernelEmitter, self).__init__(ir.IRBuilder(self.function.append_basic_block("entry")))
        self.outlined = outlined_functions(kernel)
        self.partial = 0
        self.accumulators = {}
        self.in_threads = schedule.mode != "rows"  # whether threads do different rounds here
        self.row_depth = -1

    # ---- the function

    def emit(self) -> ir.Function:
        """Emit the whole kernel."""
        builder, kernel, schedule = self.builder, self.kernel, self.schedule
        values = self.machine.parameters(builder, self.function)
        self.pointers.update(zip(kernel.buffers, values, strict=False))
        count = len(kernel.buffers) + bool(schedule.global_scratch)
        for symbol, value in zip(kernel.symbols, values[count:], strict=True):
            is_word = isinstance(value.type, ir.IntType)
            self.symbols[symbol] = value if is_word else builder.ptrtoint(value, I64)
        self.thread = self.machine.number(builder, "thread")
        self.block = self.machine.number(builder, "block")
        self.threads = ir.Constant(I64, schedule.block)
        self.blocks = self.machine.number(builder, "blocks")
        self.reserve_scratch()
        self.levels.append(Level({}))
        if schedule.mode == "rows" and schedule.rounds == 1:
            self.emit_row(kernel.body)
        else:
            self.emit_body(kernel.body)
        self.builder.ret_void()
        return self.function

    def reserve_scratch(self) -> None:
        """Rows in shared memory, in a workspace, or of the thread's own."""
        builder = self.builder
        for buffer in self.schedule.shared:
            size = buffer.type.size
            assert isinstance(size, int)
            self.pointers[buffer] = self.machine.shared(
                builder, memory_type(buffer.type.dtype), size
            )
        workspace = len(self.kernel.buffers)
        start = 0
        for buffer in self.schedule.global_scratch:
            base = self.machine.parameters(builder, self.function)[workspace]
            size = buffer.type.nbytes
            assert isinstance(size, int)
            offset = builder.mul(self.block, ir.Constant(I64, size))
            offset = builder.add(offset, ir.Constant(I64, start * self.schedule.most_blocks))
            self.pointers[buffer] = builder.gep(base, [offset], source_etype=ir.IntType(8))
            start += size
        if self.schedule.mode != "rows":
            super().reserve_scratch()

    # ---- loops

    def emit_loop(self, loop: Loop) -> None:
        if loop.axis.extent == 0:
            return
        mode = self.schedule.mode
        stop = self.dim(loop.axis.extent)
        if loop.kind.startswith("parallel") and mode == "flat":
            self.emit_flat(loop)
        elif loop.kind.startswith("parallel") and mode == "rows":
            with self.strided(loop, self.block, stop, self.blocks):
                self.emit_row(loop.body)
                self.machine.barrier(self.builder)  # shared memory is the next row's now
        elif loop.kind.startswith("parallel"):
            with self.strided(loop, self.global_thread(), stop, self.all_threads()):
                self.emit_body(loop.body)
        elif not self.in_threads:
            self.in_threads = True
            with self.strided(loop, self.thread, stop, self.threads):
                self.emit_body(loop.body)
            self.in_threads = False
            if writes_scratch(loop):
                self.machine.barrier(self.builder)
        else:
            with self.counted(loop.axis, ir.Constant(I64, 0), stop, 1):
                self.emit_body(loop.body)

    def emit_row(self, body: Any) -> None:
        """What a block does for one row."""
        self.row_depth = len(self.levels) - 1
        self.emit_body(body)

    def emit_flat(self, loop: Loop) -> None:
        """One loop over the rounds of the parallel loop and of the vector loop inside it."""
        (inner,) = loop.body
        assert isinstance(inner, Loop)
        size = self.dim(inner.axis.extent)
        total = self.builder.mul(self.dim(loop.axis.extent), size)
        with self.strided(loop, self.global_thread(), total, self.all_threads()) as number:
            row = self.builder.udiv(number, size)
            column = self.builder.urem(number, size)
            self.levels[-1] = Level({loop.axis: row, inner.axis: column})
            self.emit_body(inner.body)

    def global_thread(self) -> ir.Value:
        """The thread's number in the grid."""
        return self.builder.add(self.builder.mul(self.block, self.threads), self.thread)

    def all_threads(self) -> ir.Value:
        """How many threads the grid has."""
        return self.builder.mul(self.blocks, self.threads)

    @contextmanager
    def strided(
        self, loop: Loop, start: ir.Value, stop: ir.Value, step: ir.Value
    ) -> Iterator[ir.Value]:
        """`counted` with a step that only the run knows."""
        builder, axis = self.builder, loop.axis
        body = builder.append_basic_block(f"{axis.name}.body")
        leave = builder.append_basic_block(f"{axis.name}.done")
        before = builder.block
        builder.cbranch(builder.icmp_signed("<", start, stop), body, leave)
        self.levels[-1].block = before
        builder.position_at_end(body)
        index = builder.phi(I64, axis.name)
        index.add_incoming(start, before)
        self.levels.append(Level({axis: index}))
        yield index
        following = builder.add(index, step)
        index.add_incoming(following, builder.block)
        builder.cbranch(builder.icmp_signed("<", following, stop), body, leave)
        builder.position_at_end(leave)
        self.levels.pop()
        self.levels[-1].block = None

    # ---- stores

    def emit_store(self, store: Store) -> None:
        if self.in_threads:
            super().emit_store(store)
            return
        # A value of the whole row: computed by all threads, written by the first.
        builder, dtype = self.builder, store.buffer.type.dtype
        raw = to_memory(builder, self.value(store.value), dtype)
        address = self.address(store.buffer, self.index_scalar(store.offset))
        is_first = builder.icmp_signed("==", self.thread, ir.Constant(I64, 0))
        with builder.if_then(is_first):
            builder.store(raw, address, align=max(dtype.size, 1))

    # ---- accumulators

    def finish_accumulators(self) -> None:
        """After a loop that the block's threads shared: combine what each has."""
        if self.in_threads or len(self.levels) - 1 != self.row_depth:
            return
        for local in sorted(self.levels[-1].locals, key=lambda r: r.name):
            state = self.accumulators[local]
            if not state.final and self.was_fed(state):
                state.final = True
                if state.scalar_position is not None:
                    self.combine_positions(state)
                else:
                    self.combine_block(state)

    def was_fed(self, state: Accumulator) -> bool:
        """Whether a loop that feeds the accumulator has been emitted: its code stores to it."""
        return state.local in self.fed

    @property
    def fed(self) -> set[Any]:
        """Accumulators that loops emitted so far have fed."""
        return {
            s.local
            for number, loop in enumerate(self.row_loops)
            for s in statements(loop.body)
            if isinstance(s, Accumulate)
        }

    def emit_body(self, body: Any) -> None:
        if not self.in_threads and len(self.levels) - 1 == self.row_depth:
            self.row_loops: list[Loop] = []
            self.emit_row_body(body)
        else:
            super().emit_body(body)

    def emit_row_body(self, body: Any) -> None:
        """`emit_body`, noting which loops have run."""
        for number, statement in enumerate(body):
            if isinstance(statement, Store):
                self.compute_stored(body[number:])
                self.emit_store(statement)
            elif isinstance(statement, Loop):
                self.emit_loop(statement)
                self.row_loops.append(statement)
                self.finish_accumulators()
            else:
                self.declare(statement.local)

    def combine_block(self, state: Accumulator) -> None:
        """The accumulator's value over all threads, in every thread."""
        builder, machine, local = self.builder, self.machine, state.local
        element = compute_type(local.dtype)
        value = self.load_slot(state.scalar)
        distance = WARP // 2
        while distance:
            other = self.from_lane_above(value, distance)
            value = self.combine(local, value, other)
            distance //= 2
        warps = self.schedule.block // WARP
        memory = ir.IntType(8) if element == ir.IntType(1) else element
        shared = machine.shared(builder, memory, warps)
        lane = builder.and_(self.thread, ir.Constant(I64, WARP - 1))
        warp = builder.udiv(self.thread, ir.Constant(I64, WARP))
        stored = builder.zext(value, memory) if memory != element else value
        with builder.if_then(builder.icmp_signed("==", lane, ir.Constant(I64, 0))):
            builder.store(stored, builder.gep(shared, [warp], source_etype=memory))
        machine.barrier(builder)
        total: Any = None
        for number in range(warps):
            place = builder.gep(shared, [ir.Constant(I64, number)], source_etype=memory)
            part = builder.load(place, typ=memory)
            part = builder.trunc(part, element) if memory != element else part
            total = part if total is None else self.combine(local, total, part)
        machine.barrier(builder)
        self.store_slot(total, state.scalar)

    def from_lane_above(self, value: ir.Value, distance: int) -> ir.Value:
        """A value of any type of the thread some lanes further."""
        builder, typ = self.builder, value.type
        bits = {"float": 32, "double": 64}.get(str(typ)) or typ.width
        word = ir.IntType(bits)
        raw = builder.bitcast(value, word) if typ != word else value
        if bits <= 32:
            wide = builder.zext(raw, I32) if bits < 32 else raw
            moved = self.machine.from_lane_above(builder, wide, distance)
            moved = builder.trunc(moved, word) if bits < 32 else moved
        else:
            low = builder.trunc(raw, I32)
            high = builder.trunc(builder.lshr(raw, ir.Constant(word, 32)), I32)
            low, high = (
                builder.zext(self.machine.from_lane_above(builder, half, distance), word)
                for half in (low, high)
            )
            moved = builder.or_(low, builder.shl(high, ir.Constant(word, 32)))
        return builder.bitcast(moved, typ) if typ != word else moved

    def combine_positions(self, state: Accumulator) -> None:
        """The best value over all threads with its position, the smallest among equals."""
        builder, machine = self.builder, self.machine
        assert state.scalar_position is not None
        element, count = compute_type(state.local.dtype), self.schedule.block
        memory = ir.IntType(8) if element == ir.IntType(1) else element
        values = machine.shared(builder, memory, count)
        places = machine.shared(builder, I64, count)

        def at(base: ir.Value, number: ir.Value, typ: ir.Type) -> ir.Value:
            return builder.gep(base, [number], source_etype=typ)

        def read(number: ir.Value) -> tuple[ir.Value, ir.Value]:
            value = builder.load(at(values, number, memory), typ=memory)
            value = builder.trunc(value, element) if memory != element else value
            return value, builder.load(at(places, number, I64), typ=I64)

        best, place = self.load_slot(state.scalar), self.load_slot(state.scalar_position)
        stored = builder.zext(best, memory) if memory != element else best
        builder.store(stored, at(values, self.thread, memory))
        builder.store(place, at(places, self.thread, I64))
        machine.barrier(builder)
        half = count // 2
        while half:
            with builder.if_then(builder.icmp_signed("<", self.thread, ir.Constant(I64, half))):
                mine, my_place = read(self.thread)
                other, other_place = read(builder.add(self.thread, ir.Constant(I64, half)))
                wins = builder.or_(
                    self.better(state.local, other, mine),
                    builder.and_(
                        builder.not_(self.better(state.local, mine, other)),
                        builder.icmp_signed("<", other_place, my_place),
                    ),
                )
                chosen = builder.select(wins, other, mine)
                chosen = builder.zext(chosen, memory) if memory != element else chosen
                builder.store(chosen, at(values, self.thread, memory))
                place = builder.select(wins, other_place, my_place)
                builder.store(place, at(places, self.thread, I64))
            machine.barrier(builder)
            half //= 2
        value, place = read(ir.Constant(I64, 0))
        machine.barrier(builder)
        self.store_slot(value, state.scalar)
        self.store_slot(place, state.scalar_position)


def emit_gpu_kernel(
    machine: Machine, schedule: GpuSchedule, target: GpuTarget, name: str
) -> ir.Function:
    """Emit a scheduled kernel into the machine's module as a function called `name`."""
    return GpuEmitter(machine, schedule, target, name).emit()
