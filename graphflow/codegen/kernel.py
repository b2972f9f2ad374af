"""Emission: a kernel of the loop IR becomes one LLVM function ``void kernel(args, begin, end)``.

Emission decides nothing about the loops; it knows the target's vectors. A ``vector`` loop becomes a
loop over whole vectors and a scalar remainder, from the same statements. Every expression is
emitted once, at the outermost loop level at which all its axes are bound, so that what does not
change in a loop is computed before it; LLVM is not asked to find that out. Values that change along
the vector axis are vectors, the others stay scalars until a vector operation needs them.

Accumulators declared outside a vector loop have one partial result per lane (and several vectors of
them when the body is short, to hide the latency of the additions), combined in a fixed order when
the loop is done: the result does not depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from llvmlite import ir

from graphflow.codegen.pointwise import emit_pointwise
from graphflow.codegen.target import Target
from graphflow.codegen.types import (
    I64,
    POINTER,
    compute_type,
    from_memory,
    lane_numbers,
    lanes_of,
    literal,
    memory_type,
    splat,
    splat_value,
    to_memory,
    widen,
)
from graphflow.ir.dims import Dim, SymDim
from graphflow.ir.index import Atom, Axis, IndexExpr, Loaded, Quotient, atom_axes
from graphflow.ir.loops import (
    Accumulate,
    Buffer,
    Declare,
    Expr,
    Kernel,
    Local,
    Loop,
    Statement,
    Store,
    statements,
)
from graphflow.ir.prims.reductions import neutral_element

SHORT_BODY = 12.0  # a reduction body below this weight gets several vectors of partial results
PARTIALS = 4
COLUMN_VECTORS = 4  # vectors side by side in a reduction over rows: whole cache lines of a row

_COMBINE = {
    "reduce_sum": "add", "reduce_prod": "mul", "reduce_max": "max", "reduce_min": "min",
    "reduce_and": "and", "reduce_or": "or",
}  # fmt: skip


@dataclass
class Level:
    """A loop nest level during emission: what is bound, and where its code is appended."""

    axes: dict[Axis, ir.Value]
    block: ir.Block | None = None  # where code for this level goes while a deeper one is open
    values: dict[Any, ir.Value] = field(default_factory=dict)
    locals: set[Local] = field(default_factory=set)


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


class KernelEmitter:
    """Emits one kernel into a module."""

    def __init__(self, module: ir.Module, kernel: Kernel, target: Target) -> None:
        self.module, self.kernel, self.target = module, kernel, target
        signature = ir.FunctionType(ir.VoidType(), [POINTER, I64, I64])
        self.function = ir.Function(module, signature, kernel.name)
        self.builder = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.pointers: dict[Buffer, ir.Value] = {}
        self.symbols: dict[str, ir.Value] = {}
        self.levels: list[Level] = []
        self.vector_axis: Axis | None = None
        self.lanes = 1
        self.partial = 0
        self.accumulators: dict[Local, Accumulator] = {}

    # ---- the function

    def emit(self) -> ir.Function:
        """Emit the whole kernel."""
        self.load_arguments(self.function.args[0])
        self.levels.append(Level({}))
        self.emit_body(self.kernel.body)
        self.builder.ret_void()
        return self.function

    def load_arguments(self, args: ir.Value, first: int = 0) -> None:
        """Load the buffer pointers and sizes from the array of arguments."""
        builder, slot = self.builder, first
        for buffer in self.kernel.buffers:
            address = builder.gep(args, [ir.Constant(I64, slot)], source_etype=I64)
            self.pointers[buffer] = builder.load(address, typ=POINTER)
            slot += 1
        for symbol in self.kernel.symbols:
            address = builder.gep(args, [ir.Constant(I64, slot)], source_etype=I64)
            self.symbols[symbol] = builder.load(address, typ=I64)
            slot += 1
        for buffer in self.kernel.scratch:
            size = buffer.type.size
            assert isinstance(size, int)
            array = ir.ArrayType(memory_type(buffer.type.dtype), size)
            row = builder.alloca(array)
            row.align = 64
            row.type = POINTER  # llvmlite types it by its array; every other address is opaque
            self.pointers[buffer] = row

    def emit_body(self, body: Sequence[Statement]) -> None:
        """Emit statements in order; accumulators end with the loop that fed them."""
        for statement in body:
            if isinstance(statement, Loop):
                self.emit_loop(statement)
                self.finish_accumulators()
            elif isinstance(statement, Store):
                self.emit_store(statement)
            elif isinstance(statement, Declare):
                self.declare(statement.local)
            else:
                self.accumulate(statement)

    # ---- loops

    def emit_loop(self, loop: Loop) -> None:
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
            # The range counts blocks of one vector, so that no chunk but the last has a remainder.
            size = ir.Constant(I64, width)
            limit = self.dim(loop.axis.extent)
            start = self.at_most(self.builder.mul(start, size), limit)
            stop = self.at_most(self.builder.mul(stop, size), limit)
        copies = PARTIALS if self.wants_partials(loop) else 1
        extent = loop.axis.extent
        done = start
        for lanes, count in ((width, copies), (width, 1)) if copies > 1 else ((width, 1),):
            step = lanes * count
            if lanes == 1 or (isinstance(extent, int) and extent < step):
                continue
            whole = self.builder.sub(stop, done)
            rest = self.builder.urem(whole, ir.Constant(I64, step))
            end = self.builder.sub(stop, rest)
            with self.vectorized(loop.axis, lanes):
                with self.counted(loop.axis, done, end, step) as index:
                    for copy in range(count):
                        self.partial = copy
                        if copy:
                            shift = ir.Constant(I64, copy * lanes)
                            self.levels[-1] = Level({loop.axis: self.builder.add(index, shift)})
                        self.emit_body(loop.body)
                    self.partial = 0
            done = end
        if width == 1 or not isinstance(extent, int) or extent % width:
            with self.counted(loop.axis, done, stop, 1):
                self.emit_body(loop.body)

    def at_most(self, value: ir.Value, limit: ir.Value) -> ir.Value:
        return self.builder.select(self.builder.icmp_signed("<", value, limit), value, limit)

    def wants_partials(self, loop: Loop) -> bool:
        if any(not isinstance(s, Accumulate) for s in loop.body):
            return False
        if any(s.position is not None for s in loop.body if isinstance(s, Accumulate)):
            return False
        weight = sum(s.value.weight for s in loop.body if isinstance(s, Accumulate))
        extent = loop.axis.extent
        return weight < SHORT_BODY and (not isinstance(extent, int) or extent >= 64)

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

    # ---- expressions

    def level_of(self, axes: frozenset[Axis], locals_: frozenset[Local] = frozenset()) -> int:
        """The outermost level at which the axes are bound and the locals exist."""
        for number in range(len(self.levels) - 1, -1, -1):
            level = self.levels[number]
            if not axes.isdisjoint(level.axes) or not locals_.isdisjoint(level.locals):
                return number
        return 0

    @contextmanager
    def at_level(self, number: int) -> Iterator[None]:
        """Append to an outer level: just before the branch into the next deeper loop."""
        block = self.levels[number].block
        if block is None:
            yield
            return
        with self.appending_to(block):
            yield

    @contextmanager
    def appending_to(self, block: ir.Block) -> Iterator[None]:
        """Append to a block, before its terminator if it has one; nests, unlike `goto_block`."""
        previous = self.builder.block
        self.position(block)
        yield
        self.position(previous)

    def position(self, block: ir.Block) -> None:
        if block.terminator is None:
            self.builder.position_at_end(block)
        else:
            self.builder.position_before(block.terminator)

    def value(self, root: Expr, vector: bool = False) -> ir.Value:
        """The value of an expression; `vector` asks for all lanes even if they are equal."""
        stack = [root]
        while stack:
            expr = stack[-1]
            level = self.level_of(expr.axes, expr.locals)
            if id(expr) in self.levels[level].values:
                stack.pop()
                continue
            missing = [a for a in expr.args if not self.is_known(a)]
            if missing:
                stack.extend(missing)
                continue
            with self.at_level(level):
                self.levels[level].values[id(expr)] = self.compute(expr)
            stack.pop()
        made = self.known(root)
        if vector and lanes_of(made) == 1:
            return self.splatted(root, made)
        return made

    def is_known(self, expr: Expr) -> bool:
        return id(expr) in self.levels[self.level_of(expr.axes, expr.locals)].values

    def known(self, expr: Expr) -> ir.Value:
        return self.levels[self.level_of(expr.axes, expr.locals)].values[id(expr)]

    def splatted(self, expr: Expr, scalar: ir.Value) -> ir.Value:
        """A scalar value in all lanes, made at the level where the scalar is."""
        if self.lanes == 1:
            return scalar
        number = self.level_of(expr.axes, expr.locals)
        values, key = self.levels[number].values, ("splat", id(expr), self.lanes)
        if key not in values:
            with self.at_level(number):
                values[key] = splat_value(self.builder, scalar, self.lanes)
        return values[key]

    def compute(self, expr: Expr) -> ir.Value:
        """Emit one expression whose arguments are known."""
        if expr.name == "const":
            return literal(expr.dtype, expr.payload)
        if expr.name == "load":
            return self.emit_load(*expr.payload)
        if expr.name == "index":
            return self.index_as(expr)
        if expr.name == "local":
            return self.read_local(expr.payload)
        if expr.name == "position":
            return self.read_position(expr)
        args = [self.known(a) for a in expr.args]
        if any(lanes_of(a) > 1 for a in args):
            args = [
                a if lanes_of(a) > 1 else self.splatted(e, a)
                for e, a in zip(expr.args, args, strict=True)
            ]
        return emit_pointwise(self.builder, expr.name, expr.args[0].dtype, expr.dtype, *args)

    def index_as(self, expr: Expr) -> ir.Value:
        index = self.index_vector(expr.payload)
        element = compute_type(expr.dtype)
        to = widen(element, lanes_of(index))
        if expr.dtype.is_floating:
            return self.builder.sitofp(index, to)
        if to == index.type:
            return index
        return self.builder.trunc(index, to)

    # ---- indices

    def dim(self, dim: Dim) -> ir.Value:
        """A size as an i64, computed once at the function's start when it is symbolic."""
        if not isinstance(dim, SymDim):
            return ir.Constant(I64, int(dim))
        values = self.levels[0].values
        key = ("dim", dim)
        if key not in values:
            with self.at_level(0):
                values[key] = self.polynomial(dim)
        return values[key]

    def polynomial(self, dim: SymDim) -> ir.Value:
        total: ir.Value = ir.Constant(I64, 0)
        for monomial, coefficient in dim.terms.items():
            term: ir.Value = ir.Constant(I64, coefficient)
            for name in monomial:
                term = self.builder.mul(term, self.symbols[name])
            total = self.builder.add(total, term)
        return total

    def index_scalar(self, index: IndexExpr) -> ir.Value:
        """The index at the first lane. Outer terms are summed first, at their own levels."""
        parts = sorted(
            ((self.level_of(atom_axes(a), _atom_locals(a)), k, a, c)
             for k, (a, c) in enumerate(index.terms.items())),
            key=lambda part: part[:2],
        )  # fmt: skip
        total: ir.Value | None = None
        if index.constant != 0 or not parts:
            total = self.dim(index.constant)
        summed: list[tuple[int, Any]] = []
        for number, _, atom, coefficient in parts:
            summed.append((id(atom) if isinstance(atom, (Axis, Loaded)) else atom, coefficient))
            key = ("index", tuple(summed), index.constant)
            values = self.levels[number].values
            if key not in values:
                with self.at_level(number):
                    term = self.atom_scalar(atom)
                    if coefficient != 1:
                        term = self.builder.mul(term, self.dim(coefficient))
                    values[key] = term if total is None else self.builder.add(total, term)
            total = values[key]
        assert total is not None
        return total

    def atom_scalar(self, atom: Atom) -> ir.Value:
        if isinstance(atom, Axis):
            return self.axis_value(atom)
        if isinstance(atom, Loaded):
            return self.clipped(self.value(atom.value), atom)
        inner = self.index_scalar(atom.inner)
        divide = self.builder.udiv if isinstance(atom, Quotient) else self.builder.urem
        return divide(inner, self.dim(atom.size))

    def axis_value(self, axis: Axis) -> ir.Value:
        for level in reversed(self.levels):
            if axis in level.axes:
                return level.axes[axis]
        raise AssertionError(f"axis {axis} is not bound in {self.kernel.name}")

    def clipped(self, value: ir.Value, atom: Loaded) -> ir.Value:
        """A data-dependent index as i64, forced into the valid range: no read leaves the buffer."""
        builder, dtype = self.builder, atom.value.dtype
        wide = widen(I64, lanes_of(value))
        if dtype.size < 8:
            value = (builder.zext if dtype.is_unsigned else builder.sext)(value, wide)
        last = self.dim(atom.extent - 1)
        if lanes_of(value) > 1:
            last = splat_value(builder, last, lanes_of(value))
        value = builder.select(builder.icmp_signed(">", value, last), last, value)
        zero = splat(wide, 0)
        return builder.select(builder.icmp_signed("<", value, zero), zero, value)

    def index_vector(self, index: IndexExpr) -> ir.Value:
        """The index in every lane; a scalar when it is the same in all."""
        if self.lanes == 1 or not self.varies(index):
            return self.index_scalar(index)
        assert self.vector_axis is not None
        along = index.terms.get(self.vector_axis, 0)
        plain = {a: c for a, c in index.terms.items() if not self.atom_varies(a)}
        if along != 0:
            plain[self.vector_axis] = along
        total = splat_value(
            self.builder, self.index_scalar(IndexExpr(plain, index.constant)), self.lanes
        )
        if along != 0:
            total = self.builder.add(total, self.scaled(lane_numbers(self.lanes), along))
        for atom, coefficient in index.terms.items():
            if self.atom_varies(atom) and atom is not self.vector_axis:
                total = self.builder.add(total, self.scaled(self.atom_vector(atom), coefficient))
        return total

    def scaled(self, vector: ir.Value, factor: Dim) -> ir.Value:
        if factor == 1:
            return vector
        return self.builder.mul(vector, splat_value(self.builder, self.dim(factor), self.lanes))

    def atom_vector(self, atom: Atom) -> ir.Value:
        if isinstance(atom, Loaded):
            return self.clipped(self.value(atom.value, vector=True), atom)
        assert not isinstance(atom, Axis)
        inner = self.index_vector(atom.inner)
        size = splat_value(self.builder, self.dim(atom.size), self.lanes)
        divide = self.builder.udiv if isinstance(atom, Quotient) else self.builder.urem
        return divide(inner, size)

    def atom_varies(self, atom: Atom) -> bool:
        """Whether the atom changes from lane to lane."""
        if self.vector_axis in atom_axes(atom):
            return True
        return any(self.is_vector_local(r) for r in _atom_locals(atom))

    def varies(self, index: IndexExpr) -> bool:
        return any(self.atom_varies(a) for a in index.terms)

    def is_contiguous(self, index: IndexExpr) -> bool:
        """Whether neighbouring lanes are neighbouring elements."""
        return all(
            (a is self.vector_axis and c == 1) or not self.atom_varies(a)
            for a, c in index.terms.items()
        )

    # ---- memory

    def address(self, buffer: Buffer, offset: ir.Value) -> ir.Value:
        element = memory_type(buffer.type.dtype)
        return self.builder.gep(self.pointers[buffer], [offset], source_etype=element)

    def emit_load(self, buffer: Buffer, offset: IndexExpr) -> ir.Value:
        dtype, builder = buffer.type.dtype, self.builder
        element = memory_type(dtype)
        size = max(dtype.size, 1)
        if self.lanes == 1 or not self.varies(offset):
            raw = builder.load(self.address(buffer, self.index_scalar(offset)), align=size, typ=element)
        elif self.is_contiguous(offset):
            address = self.address(buffer, self.index_scalar(offset))
            raw = builder.load(address, align=size, typ=widen(element, self.lanes))
        else:
            raw = self.gather(buffer, element, self.index_vector(offset))
        return from_memory(builder, raw, dtype)

    def gather(self, buffer: Buffer, element: ir.Type, offsets: ir.Value) -> ir.Value:
        builder = self.builder
        result: ir.Value = ir.Constant(widen(element, self.lanes), ir.Undefined)
        for lane in range(self.lanes):
            place = ir.Constant(ir.IntType(32), lane)
            address = self.address(buffer, builder.extract_element(offsets, place))
            one = builder.load(address, align=max(buffer.type.dtype.size, 1), typ=element)
            result = builder.insert_element(result, one, place)
        return result

    def emit_store(self, store: Store) -> None:
        builder, dtype = self.builder, store.buffer.type.dtype
        size = max(dtype.size, 1)
        if self.lanes == 1:
            raw = to_memory(builder, self.value(store.value), dtype)
            builder.store(raw, self.address(store.buffer, self.index_scalar(store.offset)), align=size)
            return
        raw = to_memory(builder, self.value(store.value, vector=True), dtype)
        if self.is_contiguous(store.offset):
            address = self.address(store.buffer, self.index_scalar(store.offset))
            builder.store(raw, address, align=size)
            return
        offsets = self.index_vector(store.offset)
        for lane in range(self.lanes):
            place = ir.Constant(ir.IntType(32), lane)
            address = self.address(store.buffer, builder.extract_element(offsets, place))
            builder.store(builder.extract_element(raw, place), address, align=size)

    # ---- accumulators

    def declare(self, local: Local) -> None:
        """Start an accumulator: scalar, or vector when the code around is a vector loop's body."""
        element = compute_type(local.dtype)
        positions = local.combiner in ("argmax", "argmin")
        known = self.accumulators.get(local)
        if known is None or known.lanes != self.lanes:
            known = Accumulator(local, self.stack_slot(widen(element, self.lanes)), lanes=self.lanes)
            if positions:
                known.scalar_position = self.stack_slot(widen(I64, self.lanes))
            if self.lanes == 1:
                width, copies = self.partial_shape(local)
                known.partials = [self.stack_slot(widen(element, width)) for _ in range(copies)]
                if positions:
                    known.positions = [self.stack_slot(widen(I64, width)) for _ in range(copies)]
            self.accumulators[local] = known
        known.final = False
        self.levels[-1].locals.add(local)
        start = literal(local.dtype, neutral_element(_neutral_name(local), local.dtype))
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

    def partial_shape(self, local: Local) -> tuple[int, int]:
        """Lanes and number of the partial vectors that the loops below feed this local with."""
        for loop in statements(self.kernel.body):
            if not isinstance(loop, Loop) or not loop.kind.endswith("vector"):
                continue
            if any(isinstance(s, Accumulate) and s.local is local for s in statements(loop.body)):
                width = vector_width(loop, self.target)
                return width, (0 if width == 1 else PARTIALS if self.wants_partials(loop) else 1)
        return 1, 0

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
        name = _COMBINE[local.combiner]
        return emit_pointwise(self.builder, name, local.dtype, local.dtype, left, right)

    def better(self, local: Local, new: ir.Value, old: ir.Value) -> ir.Value:
        """Whether `new` beats `old` for argmax or argmin: the first nan beats all."""
        sign = ">" if local.combiner == "argmax" else "<"
        builder = self.builder
        if not local.dtype.is_floating:
            compare = builder.icmp_signed if local.dtype.kind == "int" else builder.icmp_unsigned
            return compare(sign, new, old)
        beats = builder.fcmp_unordered(sign, new, old)
        return builder.and_(beats, builder.fcmp_ordered("ord", old, old))

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
                total = self.load_slot(state.partials[0])
                for partial in state.partials[1:]:
                    total = self.combine(local, total, self.load_slot(partial))
                scalar = self.horizontal(local, total)
                self.store_slot(
                    self.combine(local, scalar, self.load_slot(state.scalar)), state.scalar
                )

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


def vector_width(loop: Loop, target: Target) -> int:
    """Lanes of a vector loop: one register of the widest common element, not beyond the extent.

    A loop that holds reduction loops (a reduction over rows) takes several registers, so that each
    row is read in whole cache lines.
    """
    lanes = target.vector_lanes(32)
    if any(isinstance(s, Loop) for s in loop.body):
        lanes *= COLUMN_VECTORS
    extent = loop.axis.extent
    while isinstance(extent, int) and lanes > max(extent, 1):
        lanes //= 2
    return lanes


def _neutral_name(local: Local) -> str:
    assert local.combiner is not None
    return {"argmax": "reduce_max", "argmin": "reduce_min"}.get(local.combiner, local.combiner)


def _atom_locals(atom: Atom) -> frozenset[Local]:
    if isinstance(atom, Loaded):
        return atom.value.locals
    if isinstance(atom, Axis):
        return frozenset()
    return frozenset().union(*(_atom_locals(a) for a in atom.inner.terms))


def emit_kernel(module: ir.Module, kernel: Kernel, target: Target) -> ir.Function:
    """Emit `kernel` into `module`; the function has the kernel's name."""
    return KernelEmitter(module, kernel, target).emit()


def parallel_extent(kernel: Kernel, target: Target) -> Dim:
    """How many units the range of the kernel's parallel axis has; 1 when it has no such axis."""
    axis = kernel.parallel_axis
    first = kernel.body[0] if kernel.body else None
    if axis is not None:
        return axis.extent
    if isinstance(first, Loop) and first.kind == "parallel vector" and len(kernel.body) == 1:
        width = vector_width(first, target)
        if isinstance(first.axis.extent, int):
            return -(-first.axis.extent // width)
        return first.axis.extent  # more units than blocks: the kernel clips its range
    return 1
