"""Emission of expressions: each once, at the outermost loop level at which its axes are bound.

What does not change in a loop is computed before it; LLVM is not asked to find that out. Values
that change along the vector axis are vectors, the others stay scalars until a vector operation
needs them. `KernelEmitter` adds loops; an epilogue of a matrix product needs none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from llvmlite import ir

from graphflow.codegen import mathlib
from graphflow.codegen.pointwise import emit_pointwise
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
    type_suffix,
    widen,
)
from graphflow.ir.dims import Dim, SymDim
from graphflow.ir.index import Atom, Axis, IndexExpr, Loaded, Quotient, atom_axes
from graphflow.ir.loops import Buffer, Expr, Local, Store


@dataclass
class Level:
    """A loop nest level during emission: what is bound, and where its code is appended."""

    axes: dict[Axis, ir.Value]
    block: ir.Block | None = None  # where code for this level goes while a deeper one is open
    values: dict[Any, ir.Value] = field(default_factory=dict)
    locals: set[Local] = field(default_factory=set)


class ExprEmitter:
    """Emits expressions, loads and stores where its builder stands."""

    def __init__(self, builder: ir.IRBuilder) -> None:
        self.builder = builder
        self.pointers: dict[Buffer, ir.Value] = {}
        self.symbols: dict[str, ir.Value] = {}
        self.levels: list[Level] = []
        self.vector_axis: Axis | None = None
        self.lanes = 1
        self.outlined: frozenset[str] = frozenset()  # math functions called, not inlined

    def load_arguments(
        self, args: ir.Value, buffers: Sequence[Buffer], symbols: Sequence[str], first: int = 0
    ) -> None:
        """Load buffer pointers and sizes from the array of arguments, from slot `first` on."""
        names: list[Buffer | str] = [*buffers, *symbols]
        for number, name in enumerate(names, start=first):
            address = self.builder.gep(args, [ir.Constant(I64, number)], source_etype=I64)
            if isinstance(name, Buffer):
                self.pointers[name] = self.builder.load(address, typ=POINTER)
            else:
                self.symbols[name] = self.builder.load(address, typ=I64)

    def read_local(self, local: Local) -> ir.Value:
        """The value of a local; emitters that have locals say how."""
        raise AssertionError(f"no local {local} here")

    def read_position(self, expr: Expr) -> ir.Value:
        """The position that an argmax found."""
        raise AssertionError(f"no position {expr} here")

    def is_vector_local(self, local: Local) -> bool:
        """Whether the local has a value of its own in each lane."""
        return False

    # ---- expressions

    def level_of(self, axes: frozenset[Axis], locals_: frozenset[Local] = frozenset()) -> int:
        """The outermost level at which the axes are bound and the locals exist."""
        for number in range(len(self.levels) - 1, -1, -1):
            level = self.levels[number]
            if not axes.isdisjoint(level.axes) or not locals_.isdisjoint(level.locals):
                return number
        return 0

    @contextmanager
    def at_level(self, number: int, splits: bool = False) -> Iterator[None]:
        """Append to an outer level: just before the branch into the next deeper loop.

        `splits` says that the code may end in another block than it began in; the branch then
        moves there.
        """
        level = self.levels[number]
        if level.block is None:
            yield
        elif not splits:
            with self.appending_to(level.block):
                yield
        else:
            current = self.builder.block
            branch = _take_terminator(level.block)
            self.builder.position_at_end(level.block)
            yield
            _move_terminator(branch, level.block, self.builder.block)
            level.block = self.builder.block
            self.position(current)

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
            with self.at_level(level, splits=self.splits(expr)):
                self.levels[level].values[id(expr)] = self.compute(expr)
            stack.pop()
        made = self.known(root)
        if vector and lanes_of(made) == 1:
            return self.splatted(root, made)
        return made

    def splits(self, expr: Expr) -> bool:
        """Whether emitting the expression may leave the builder in another block."""
        return expr.name in mathlib.SPLITTING and expr.name not in self.outlined

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
        operand = expr.args[0].dtype
        if expr.name in self.outlined and operand.is_floating:
            return self.call_outlined(expr.name, args)
        return emit_pointwise(self.builder, expr.name, operand, expr.dtype, *args)

    def call_outlined(self, name: str, args: list[ir.Value]) -> ir.Value:
        """Call a math function that the module holds once, in place of its instructions."""
        module, typ = self.builder.module, args[0].type
        symbol = f"gf.{name}.{type_suffix(typ)}"
        function = module.globals.get(symbol)
        if function is None:
            function = ir.Function(module, ir.FunctionType(typ, [a.type for a in args]), symbol)
            function.linkage = "internal"
            function.attributes.add("noinline")
            builder = ir.IRBuilder(function.append_basic_block("entry"))
            builder.ret(mathlib.emit(name, builder, *function.args))
        return self.builder.call(function, args)

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
            ((self.level_of(atom_axes(a), atom_locals(a)), k, a, c)
             for k, (a, c) in enumerate(index.terms.items())),
            key=lambda part: part[:2],
        )  # fmt: skip
        total: ir.Value | None = None
        if index.constant != 0 or not parts:
            total = self.dim(index.constant)
        summed: list[tuple[Any, Any]] = []
        for number, _, atom, coefficient in parts:
            which: Any = id(atom) if isinstance(atom, (Axis, Loaded)) else atom
            summed.append((which, coefficient))
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
        raise AssertionError(f"axis {axis} is not bound here")

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
        return any(self.is_vector_local(r) for r in atom_locals(atom))

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
        if self.in_lanes(buffer, offset):
            address = self.address(buffer, self.lane_offset(offset))
            raw = builder.load(address, align=size, typ=widen(element, self.lanes))
        elif self.lanes == 1 or not self.varies(offset):
            raw = builder.load(
                self.address(buffer, self.index_scalar(offset)), align=size, typ=element
            )
        elif self.is_contiguous(offset):
            address = self.address(buffer, self.index_scalar(offset))
            raw = builder.load(address, align=size, typ=widen(element, self.lanes))
        else:
            raw = self.gather(buffer, element, self.index_vector(offset))
        return from_memory(builder, raw, dtype)

    def in_lanes(self, buffer: Buffer, offset: IndexExpr) -> bool:
        """Whether scratch is addressed inside a vector loop around it: then each lane has its own.

        This is so in a reduction over rows; element k of the scratch row is a vector.
        """
        return buffer.role == "scratch" and self.lanes > 1 and not self.varies(offset)

    def lane_offset(self, offset: IndexExpr) -> ir.Value:
        return self.builder.mul(self.index_scalar(offset), ir.Constant(I64, self.lanes))

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
            builder.store(
                raw, self.address(store.buffer, self.index_scalar(store.offset)), align=size
            )
            return
        raw = to_memory(builder, self.value(store.value, vector=True), dtype)
        if self.in_lanes(store.buffer, store.offset):
            address = self.address(store.buffer, self.lane_offset(store.offset))
            builder.store(raw, address, align=size)
            return
        if self.is_contiguous(store.offset):
            address = self.address(store.buffer, self.index_scalar(store.offset))
            builder.store(raw, address, align=size)
            return
        offsets = self.index_vector(store.offset)
        for lane in range(self.lanes):
            place = ir.Constant(ir.IntType(32), lane)
            address = self.address(store.buffer, builder.extract_element(offsets, place))
            builder.store(builder.extract_element(raw, place), address, align=size)


def _take_terminator(block: ir.Block) -> ir.Instruction:
    branch = block.terminator
    block.instructions.remove(branch)
    block.terminator = None
    return branch


def _move_terminator(branch: ir.Instruction, old: ir.Block, new: ir.Block) -> None:
    """Let `new` end with the branch that `old` ended with; its targets' phis follow."""
    new.instructions.append(branch)
    new.terminator = branch
    branch.parent = new
    for target in branch.operands:
        if isinstance(target, ir.Block):
            for phi in target.instructions:
                if isinstance(phi, ir.PhiInstr):
                    phi.incomings = [(v, new if b is old else b) for v, b in phi.incomings]


def atom_locals(atom: Atom) -> frozenset[Local]:
    """The locals on which an index atom depends through data."""
    if isinstance(atom, Loaded):
        return atom.value.locals
    if isinstance(atom, Axis):
        return frozenset()
    return frozenset().union(*(atom_locals(a) for a in atom.inner.terms))
