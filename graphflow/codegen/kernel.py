"""Emission: a kernel of the loop IR becomes one LLVM function ``void kernel(args, begin, end)``.

Emission decides nothing about the loops; it knows the target's vectors. A ``vector`` loop becomes a
loop over whole vectors and a scalar remainder, from the same statements. Every expression is
emitted once, at the outermost loop level at which all its axes are bound, so that what does not
change in a loop is computed before it; LLVM is not asked to find that out. Values that change along
the vector axis are vectors, the others stay scalars until a vector operation needs them.

A body with math functions takes several vectors at once: each function is a long chain of dependent
instructions, and several chains side by side fill the processor's units and share their constants.

Accumulators declared outside a vector loop have one partial result per lane (and several vectors of
them when the body is short, to hide the latency of the additions), combined in a fixed order when
the loop is done: the result does not depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from llvmlite import ir

from graphflow.codegen.expressions import ExprEmitter, Level
from graphflow.codegen.pointwise import emit_pointwise
from graphflow.codegen.target import Target
from graphflow.codegen.types import (
    I64,
    POINTER,
    compute_type,
    lanes_of,
    literal,
    memory_type,
    splat,
    splat_value,
    widen,
)
from graphflow.codegen.widths import block_size, outlined_functions, steps, vector_width
from graphflow.ir.index import Axis
from graphflow.ir.loops import (
    Accumulate,
    Declare,
    Expr,
    Kernel,
    Local,
    Loop,
    Statement,
    Store,
    statements,
)
from graphflow.ir.prims.reductions import COMBINE, PLACES, neutral_element


class Slot(NamedTuple):
    """A variable on the stack; LLVM promotes it to registers."""

    pointer: ir.Value
    type: ir.Type

    @property
    def lanes(self) -> int:
        """The number of lanes of the stored value."""
        return self.type.count if isinstance(self.type, ir.VectorType) else 1


@dataclass
class Accumulator:
    """The storage of one reduction: a scalar, and partial vectors where a vector loop feeds it."""

    local: Local
    scalar: Slot
    partials: list[Slot] = field(default_factory=list)
    positions: list[Slot] = field(default_factory=list)  # argmax: index beside each value
    scalar_position: Slot | None = None
    lanes: int = 1
    final: bool = False


class KernelEmitter(ExprEmitter):
    """Emits one kernel into a module."""

    def __init__(self, module: ir.Module, kernel: Kernel, target: Target, name: str) -> None:
        self.module, self.kernel, self.target = module, kernel, target
        signature = ir.FunctionType(ir.VoidType(), [POINTER, I64, I64])
        self.function = ir.Function(module, signature, name)
        super().__init__(ir.IRBuilder(self.function.append_basic_block("entry")))
        self.outlined = outlined_functions(kernel)
        self.partial = 0
        self.accumulators: dict[Local, Accumulator] = {}

    # ---- the function

    def emit(self) -> ir.Function:
        """Emit the whole kernel."""
        args = self.function.args[0]
        self.load_arguments(args, self.kernel.buffers, self.kernel.symbols)
        self.reserve_scratch()
        self.levels.append(Level({}))
        self.emit_body(self.kernel.body)
        self.builder.ret_void()
        return self.function

    def reserve_scratch(self) -> None:
        """Rows on the stack for what later stages need again."""
        builder = self.builder
        for buffer in self.kernel.scratch:
            size = buffer.type.size
            assert isinstance(size, int)
            size *= self.scratch_lanes()
            array = ir.ArrayType(memory_type(buffer.type.dtype), size)
            row = builder.alloca(array)
            row.align = 64
            row.type = POINTER  # llvmlite types it by its array; every other address is opaque
            self.pointers[buffer] = row

    def scratch_lanes(self) -> int:
        """How many rows of scratch a thread needs: one a lane where the vector loop is outside."""
        around = [
            s for s in statements(self.kernel.body)
            if isinstance(s, Loop) and s.kind.endswith("vector")
            and any(isinstance(inner, Loop) for inner in s.body)
        ]  # fmt: skip
        return max((vector_width(s, self.target) for s in around), default=1)

    def emit_body(self, body: Sequence[Statement]) -> None:
        """Emit statements in order; accumulators end with the loop that fed them.

        Values are computed before anything is stored, so that a store over a buffer that is read
        at the same place changes nothing.
        """
        for number, statement in enumerate(body):
            if isinstance(statement, Store):
                self.compute_stored(body[number:])
            if isinstance(statement, Loop):
                self.emit_loop(statement)
                self.finish_accumulators()
            elif isinstance(statement, Store):
                self.emit_store(statement)
            elif isinstance(statement, Declare):
                self.declare(statement.local)
            else:
                self.accumulate(statement)

    def compute_stored(self, body: Sequence[Statement]) -> None:
        """Compute the values of the stores with which `body` begins."""
        for statement in body:
            if not isinstance(statement, Store):
                break
            self.value(statement.value)

    # ---- loops

    def emit_loop(self, loop: Loop) -> None:
        if loop.axis.extent == 0:
            return  # what would be computed before it may read a buffer that has no elements
        start, stop = ir.Constant(I64, 0), self.dim(loop.axis.extent)
        if loop.kind.startswith("parallel"):
            start, stop = self.function.args[1], self.function.args[2]
        if loop.kind.endswith("vector") and self.vector_axis is None:
            self.emit_vector_loop(loop, start, stop)
        else:
            with self.counted(loop.axis, start, stop, 1):
                self.emit_body(loop.body)

    def emit_vector_loop(self, loop: Loop, start: ir.Value, stop: ir.Value) -> None:
        width = vector_width(loop, self.target)
        if loop.kind == "parallel vector":
            # The range counts blocks of a step, so that no chunk but the last has a remainder.
            size = ir.Constant(I64, block_size(loop, self.target))
            limit = self.dim(loop.axis.extent)
            start = self.at_most(self.builder.mul(start, size), limit)
            stop = self.at_most(self.builder.mul(stop, size), limit)
        extent = loop.axis.extent
        done, left = start, extent if isinstance(extent, int) else None
        for step in steps(loop, self.target):
            if step.lanes == 1 or (left is not None and left < step.size):
                continue
            whole = self.builder.sub(stop, done)
            rest = self.builder.urem(whole, ir.Constant(I64, step.size))
            end = self.builder.sub(stop, rest)
            with self.vectorized(loop.axis, step.lanes):
                with self.counted(loop.axis, done, end, step.size) as index:
                    for copy in range(step.copies):
                        self.partial = step.partial + copy
                        if copy:
                            shift = ir.Constant(I64, copy * step.lanes)
                            self.levels[-1] = Level({loop.axis: self.builder.add(index, shift)})
                        self.emit_body(loop.body)
                    self.partial = 0
            done, left = end, None if left is None else left % step.size
        if width == 1 or not isinstance(extent, int) or extent % width:
            with self.counted(loop.axis, done, stop, 1):
                self.emit_body(loop.body)

    def at_most(self, value: ir.Value, limit: ir.Value) -> ir.Value:
        return self.builder.select(self.builder.icmp_signed("<", value, limit), value, limit)

    @contextmanager
    def vectorized(self, axis: Axis, lanes: int) -> Iterator[None]:
        """Emit vectors of `lanes` along `axis` inside."""
        self.vector_axis, self.lanes = axis, lanes
        yield
        self.vector_axis, self.lanes = None, 1

    @contextmanager
    def counted(self, axis: Axis, start: ir.Value, stop: ir.Value, step: int) -> Iterator[ir.Value]:
        """``for axis in range(start, stop, step)``: code emitted inside is the loop's body."""
        builder = self.builder
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
        following = builder.add(index, ir.Constant(I64, step), flags=("nsw",))
        index.add_incoming(following, builder.block)
        builder.cbranch(builder.icmp_signed("<", following, stop), body, leave)
        builder.position_at_end(leave)
        self.levels.pop()
        self.levels[-1].block = None

    # ---- accumulators

    def declare(self, local: Local) -> None:
        """Start an accumulator: scalar, or vector when the code around is a vector loop's body."""
        element = compute_type(local.dtype)
        positions = local.combiner in PLACES
        known = self.accumulators.get(local)
        if known is None or known.lanes != self.lanes:
            known = Accumulator(
                local, self.stack_slot(widen(element, self.lanes)), lanes=self.lanes
            )
            if positions:
                known.scalar_position = self.stack_slot(widen(I64, self.lanes))
            if self.lanes == 1:
                widths = self.partial_widths(local)
                known.partials = [self.stack_slot(widen(element, width)) for width in widths]
                if positions:
                    known.positions = [self.stack_slot(widen(I64, width)) for width in widths]
            self.accumulators[local] = known
        known.final = False
        self.levels[-1].locals.add(local)
        assert local.combiner is not None
        start = literal(local.dtype, neutral_element(local.combiner, local.dtype))
        for slot in [known.scalar, *known.partials]:
            self.store_slot(splat_value(self.builder, start, slot.lanes), slot)
        if known.scalar_position is not None:
            for slot in [known.scalar_position, *known.positions]:
                self.store_slot(splat(slot.type, 0), slot)

    def stack_slot(self, type_: ir.Type) -> Slot:
        with self.appending_to(self.function.entry_basic_block):
            return Slot(self.builder.alloca(type_), type_)

    def store_slot(self, value: ir.Value, slot: Slot) -> None:
        self.builder.store(value, slot.pointer)

    def partial_widths(self, local: Local) -> list[int]:
        """Lanes of each of the partial vectors that the loops below feed this local with."""
        for loop in statements(self.kernel.body):
            if not isinstance(loop, Loop) or not loop.kind.endswith("vector"):
                continue
            if any(isinstance(s, Accumulate) and s.local is local for s in statements(loop.body)):
                lanes = {n: step.lanes for step in steps(loop, self.target) for n in step.partials}
                return [lanes[number] for number in sorted(lanes) if lanes[number] > 1]
        return []

    def accumulate(self, statement: Accumulate) -> None:
        state = self.accumulators[statement.local]
        vector = self.lanes > 1
        value = self.value(statement.value, vector=vector)
        inside = vector and state.lanes == 1  # a vector loop below the declaration
        slot = state.partials[self.partial] if inside else state.scalar
        if statement.position is None:
            self.store_slot(self.combine(state.local, self.load_slot(slot), value), slot)
            return
        place = state.positions[self.partial] if inside else state.scalar_position
        assert place is not None
        position = self.index_vector(statement.position)
        if vector and lanes_of(position) == 1:
            position = splat_value(self.builder, position, self.lanes)
        best, at = self.load_slot(slot), self.load_slot(place)
        better = self.better(state.local, value, best)
        self.store_slot(self.builder.select(better, value, best), slot)
        self.store_slot(self.builder.select(better, position, at), place)

    def load_slot(self, slot: Slot) -> ir.Value:
        return self.builder.load(slot.pointer, typ=slot.type)

    def combine(self, local: Local, left: ir.Value, right: ir.Value) -> ir.Value:
        assert local.combiner is not None
        name = COMBINE[local.combiner]
        return emit_pointwise(self.builder, name, local.dtype, local.dtype, left, right)

    def better(self, local: Local, new: ir.Value, old: ir.Value) -> ir.Value:
        """Whether `new` beats `old` for argmax or argmin: no nan does."""
        sign = ">" if local.combiner == "argmax" else "<"
        builder = self.builder
        if not local.dtype.is_floating:
            compare = builder.icmp_signed if local.dtype.kind == "int" else builder.icmp_unsigned
            return compare(sign, new, old)
        return builder.fcmp_ordered(sign, new, old)

    def finish_accumulators(self) -> None:
        """Combine the partial results of locals that were declared at this level."""
        for local in sorted(self.levels[-1].locals, key=lambda r: r.name):
            state = self.accumulators[local]
            if state.final or state.lanes != self.lanes:
                continue
            state.final = True
            if state.positions:
                self.finish_positions(state)
            elif state.partials:
                totals: dict[int, ir.Value] = {}
                for slot in state.partials:
                    value = self.load_slot(slot)
                    known = totals.get(slot.lanes)
                    totals[slot.lanes] = self.combine(local, known, value) if known else value
                result = self.load_slot(state.scalar)
                for total in totals.values():
                    result = self.combine(local, self.horizontal(local, total), result)
                self.store_slot(result, state.scalar)

    def horizontal(self, local: Local, vector: ir.Value) -> ir.Value:
        """Combine the lanes of a vector, halving it."""
        lanes, builder = lanes_of(vector), self.builder
        while lanes > 1:
            lanes //= 2
            undefined = ir.Constant(vector.type, ir.Undefined)
            halves = []
            for first in (0, lanes):
                mask = [ir.Constant(ir.IntType(32), first + k) for k in range(lanes)]
                halves.append(builder.shuffle_vector(
                    vector, undefined, ir.Constant(ir.VectorType(ir.IntType(32), lanes), mask)
                ))  # fmt: skip
            vector = self.combine(local, *halves)
        return builder.extract_element(vector, ir.Constant(ir.IntType(32), 0))

    def finish_positions(self, state: Accumulator) -> None:
        """Pick the best lane, the smallest position among equals, against the scalar remainder."""
        builder, local = self.builder, state.local
        assert state.scalar_position is not None
        best, at = self.load_slot(state.scalar), self.load_slot(state.scalar_position)
        for values, places in zip(state.partials, state.positions, strict=True):
            vector, positions = self.load_slot(values), self.load_slot(places)
            for lane in range(lanes_of(vector)):
                number = ir.Constant(ir.IntType(32), lane)
                value = builder.extract_element(vector, number)
                place = builder.extract_element(positions, number)
                better = builder.or_(
                    self.better(local, value, best),
                    builder.and_(builder.not_(self.better(local, best, value)),
                                 builder.icmp_signed("<", place, at)),
                )  # fmt: skip
                best = builder.select(better, value, best)
                at = builder.select(better, place, at)
        self.store_slot(best, state.scalar)
        self.store_slot(at, state.scalar_position)

    def read_local(self, local: Local) -> ir.Value:
        return self.load_slot(self.accumulators[local].scalar)

    def read_position(self, expr: Expr) -> ir.Value:
        state = self.accumulators[expr.args[0].payload]
        assert state.scalar_position is not None
        place = self.load_slot(state.scalar_position)
        to = widen(compute_type(expr.dtype), lanes_of(place))
        return place if to == place.type else self.builder.trunc(place, to)

    def is_vector_local(self, local: Local) -> bool:
        state = self.accumulators.get(local)
        return state is not None and state.lanes > 1


def emit_kernel(module: ir.Module, kernel: Kernel, target: Target, name: str) -> ir.Function:
    """Emit `kernel` into `module` as a function called `name`."""
    return KernelEmitter(module, kernel, target, name).emit()


class _EpilogueEmitter(ExprEmitter):
    """The stores of a matrix product's epilogue, for one vector of its result."""

    def __init__(self, builder: ir.IRBuilder, product: ir.Value) -> None:
        super().__init__(builder)
        self.product = product
        self.lanes = lanes_of(product)

    def read_local(self, local: Local) -> ir.Value:
        return self.product

    def is_vector_local(self, local: Local) -> bool:
        return self.lanes > 1


def emit_epilogue(
    builder: ir.IRBuilder, args: ir.Value, first_slot: int, kernel: Kernel, axes: list[Axis],
    place: list[ir.Value], product: ir.Value,
) -> None:  # fmt: skip
    """Emit an epilogue's stores for the lanes of `product`, which lie along the last axis.

    Parameters
    ----------
    first_slot : the argument slot of the kernel's first buffer.
    kernel : its body holds the stores.
    axes, place : the product's axes and their values at the first lane.
    """
    emitter = _EpilogueEmitter(builder, product)
    emitter.load_arguments(args, kernel.buffers, kernel.symbols, first_slot)
    emitter.vector_axis = axes[-1]
    emitter.levels.append(Level(dict(zip(axes, place, strict=True))))
    stores = [s for s in kernel.body if isinstance(s, Store)]
    for store in stores:
        emitter.value(store.value)
    for store in stores:
        emitter.emit_store(store)
