"""Checks that a kernel of the loop IR is well formed.

Checked, of every statement in order:

- axes are bound by a loop around them, size symbols are the kernel's parameters, an expression
  knows all axes and locals that it depends on (the emitter hoists by them);
- types: primitives by their own rules, stores by the buffer, accumulations by the local;
- loads read buffers that hold something, stores write buffers that are meant to be written;
- accesses lie inside their buffers, and quotients and remainders have nonnegative operands;
- scratch is written before it is read, at the same place;
- an accumulator is declared, then fed by statements beside its declaration or by the first loop
  after it, and read when that is over;
- one parallel loop at most, and that outermost; rounds of parallel and vector loops do not touch
  an element that another round writes, nor do the points of a product's epilogue.

What algebra cannot decide about accesses is tried on some points (`loop_bounds`). Not decided at
all: stores whose place comes from data, which are taken as right where data clips them, and whether
the kernel writes every element of its results.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

import numpy as np

from graphflow.errors import CompilerError
from graphflow.graph.dtypes import DType
from graphflow.ir.dims import Dim, SymDim
from graphflow.ir.index import Axis, IndexExpr, Loaded, Quotient, Remainder
from graphflow.ir.loop_bounds import Access, negative_inside, outside, overlap, sample_symbols
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
    index_locals,
    kernel_text,
    statement_text,
    statements,
)
from graphflow.ir.prims import PRIMS
from graphflow.ir.prims.reductions import PLACES
from graphflow.ir.types import TensorType
from graphflow.ir.walk import expr_index, expressions, loaded_values

KINDS = ("parallel", "serial", "vector", "parallel vector")
_DECLARED, _FED, _COMPLETE = "declared", "fed", "complete"


def verify_kernel(kernel: Kernel, axes: Sequence[Axis] = (), product: DType | None = None) -> None:
    """Raise CompilerError, naming kernel and line, if the kernel is not well formed.

    Parameters
    ----------
    kernel : a kernel with its loops, or the stores of a product's epilogue.
    axes : for an epilogue, the axes of the product's elements, which are bound outside.
    product : for an epilogue, the product's element type.
    """
    _Verifier(kernel, axes, product).run()


class _Verifier:
    def __init__(self, kernel: Kernel, axes: Sequence[Axis], product: DType | None) -> None:
        self.kernel, self.epilogue, self.product = kernel, list(axes), product
        self.bound: list[Axis] = list(axes)
        self.locals: dict[Local, str] = {}
        self.written: dict[Buffer, list[IndexExpr]] = {}
        self.rows: dict[int, list[Expr]] = {}
        self.line: Statement | None = None
        self.samples = sample_symbols(kernel)

    def fail(self, what: str) -> NoReturn:
        line = "" if self.line is None else f"\n  in: {statement_text(self.line)}"
        raise CompilerError(f"kernel {self.kernel.name}: {what}{line}\n{kernel_text(self.kernel)}")

    def require(self, condition: object, what: str) -> None:
        """Fail, saying `what` is wrong, unless the condition holds."""
        if not condition:
            self.fail(what)

    def run(self) -> None:
        names = [b.name for b in (*self.kernel.buffers, *self.kernel.scratch)]
        self.require(len(set(names)) == len(names), f"expected different names, got {names}")
        for buffer in self.kernel.scratch:
            static = isinstance(buffer.type.size, int) and buffer.role == "scratch"
            self.require(static, f"scratch {buffer.name} of no fixed size")
        self.body(self.kernel.body, self.product is None)
        for axis in self.epilogue:
            others = tuple(a for a in self.epilogue if a is not axis)
            self.disjoint(axis, [(s, others) for s in self.kernel.body if isinstance(s, Store)])

    # ---- statements

    def body(self, body: Sequence[Statement], outermost: bool = False) -> None:
        here: list[Local] = []
        for statement in body:
            self.line = statement
            if isinstance(statement, Loop):
                self.loop(statement, outermost and len(body) == 1)
                for local in here:
                    self.locals[local] = _COMPLETE
            elif isinstance(statement, Declare):
                here.append(statement.local)
                self.declare(statement)
            elif isinstance(statement, Store):
                self.store(statement)
            else:
                self.accumulate(statement, statement.local in here)
        for local in here:
            del self.locals[local]

    def loop(self, loop: Loop, alone: bool) -> None:
        axis = loop.axis
        self.require(loop.kind in KINDS, f"expected a kind among {KINDS}, got {loop.kind!r}")
        parallel = loop.kind.startswith("parallel")
        self.require(alone or not parallel, "a parallel loop that is not the whole kernel")
        self.require(axis not in self.bound, f"axis {axis} is bound by a loop around already")
        self.known_size(axis.extent)
        if axis.extent == 0:
            return  # nothing in it runs, so nothing in it can be wrong
        self.bound.append(axis)
        self.body(loop.body)
        self.bound.pop()
        self.line = loop
        if loop.kind != "serial":
            self.independent(loop)

    def declare(self, statement: Declare) -> None:
        local = statement.local
        self.require(local not in self.locals, f"local {local} is declared twice")
        if statement.value is not None:
            self.value(statement.value, local.dtype)
            self.locals[local] = _COMPLETE
            return
        self.require(local.combiner in PRIMS, f"no reduction called {local.combiner!r}")
        self.locals[local] = _DECLARED

    def accumulate(self, statement: Accumulate, beside: bool) -> None:
        local = statement.local
        state = self.locals.get(local)
        self.require(state is not None, f"local {local} is fed where it is not declared")
        self.require(state != _COMPLETE, f"local {local} is fed when its loop is over")
        self.value(statement.value, local.dtype)
        place = statement.position
        needs = local.combiner in PLACES
        self.require(needs == (place is not None), f"{local.combiner} with position {place}")
        if place is not None:
            self.index(place)
        self.locals[local] = _COMPLETE if beside else _FED

    def store(self, statement: Store) -> None:
        buffer, offset = statement.buffer, statement.offset
        self.value(statement.value, buffer.type.dtype)
        self.known_buffer(buffer)
        self.require(buffer.role != "in", f"a store to {buffer.name}, which is only read")
        self.index(offset)
        self.access(buffer, offset)
        if buffer.role == "scratch":
            self.written.setdefault(buffer, []).append(offset)

    # ---- values

    def value(self, root: Expr, dtype: DType) -> None:
        """Check an expression where it is evaluated: its type, and that all of it exists."""
        self.require(root.dtype is dtype, f"expected {dtype.short}, got {root.dtype.short}")
        self.expression(root)
        unbound = root.axes - set(self.bound)
        self.require(not unbound, f"axes {_names(unbound)} are bound by no loop around")
        for local in root.locals:
            self.readable(local)
        for load in self.rows[id(root)]:
            buffer, offset = load.payload
            earlier = self.written.get(buffer, [])
            if offset not in earlier:
                self.fail(f"{load} is read before it is written")

    def readable(self, local: Local) -> None:
        if self.product is not None:
            same = local.dtype is self.product
            self.require(same, f"expected a product {self.product.short}, got {local.dtype.short}")
            return
        state = self.locals.get(local)
        self.require(state is not None, f"local {local} is read where it is not declared")
        self.require(state == _COMPLETE, f"local {local} is read before its loop is over")

    def expression(self, root: Expr) -> None:
        """Check an expression's own rules once, wherever it is used; operands first."""
        stack = [(root, False)]
        while stack:
            expr, ready = stack.pop()
            if id(expr) in self.rows:
                continue
            if not ready:
                stack.append((expr, True))
                stack += [(a, False) for a in _operands(expr)]
                continue
            self.node(expr)
            rows = [r for a in _operands(expr) for r in self.rows[id(a)]]
            if expr.name == "load" and expr.payload[0].role == "scratch":
                rows.append(expr)
            self.rows[id(expr)] = list({id(r): r for r in rows}.values())

    def node(self, expr: Expr) -> None:
        """Check one expression whose operands are right."""
        index = expr_index(expr)
        axes = frozenset[Axis]().union(*(a.axes for a in expr.args))
        locals_ = frozenset[Local]().union(*(a.locals for a in expr.args))
        if index is not None:
            self.index_form(index)
            axes, locals_ = axes | index.axes(), locals_ | index_locals(index)
        if expr.name == "local":
            locals_ = frozenset((expr.payload,))
        # Texts are made when they are needed only: an expression's names all that is under it.
        if expr.axes != axes:
            self.fail(f"{expr} depends on axes {_names(axes)}, and says {_names(expr.axes)}")
        if expr.locals != locals_:
            self.fail(f"{expr} depends on locals {_names(locals_)}, and says {_names(expr.locals)}")
        found = self.type_of(expr)
        if found is not expr.dtype:
            self.fail(f"{expr} is {found.short}, and says {expr.dtype.short}")

    def type_of(self, expr: Expr) -> DType:
        """The type that an expression's parts give it."""
        if expr.name == "const":
            return self.literal_type(expr)
        if expr.name == "load":
            buffer, offset = expr.payload
            self.known_buffer(buffer)
            self.require(buffer.role != "out", f"a load from {buffer.name}, which holds nothing")
            self.access(buffer, offset)
            return buffer.type.dtype
        if expr.name == "local":
            return expr.payload.dtype
        if expr.name == "position":
            source = expr.args[0]
            right = source.name == "local" and source.payload.combiner in PLACES
            if not right:
                self.fail(f"a position of {source}, which has none")
            return expr.dtype
        if expr.name == "index":
            return expr.dtype
        self.require(expr.name in PRIMS, f"no primitive called {expr.name!r}")
        types = [TensorType(a.dtype, ()) for a in expr.args]
        try:
            return PRIMS[expr.name].infer({"dtype": expr.dtype}, *types).dtype
        except (TypeError, ValueError) as error:
            self.fail(str(error))

    def literal_type(self, expr: Expr) -> DType:
        dtype = expr.dtype
        if dtype.is_integer:
            inside = dtype.min <= int(expr.payload) <= dtype.max
            self.require(inside, f"expected a value of {dtype.short}, got {expr.payload}")
        self.require(np.ndim(expr.payload) == 0, f"expected one number, got {expr.payload}")
        return dtype

    # ---- indices and memory

    def index(self, index: IndexExpr) -> None:
        """Check an index of a statement, which is evaluated where it stands."""
        for expr in loaded_values(index):
            self.value(expr, expr.dtype)
        self.index_form(index)
        unbound = index.axes() - set(self.bound)
        self.require(not unbound, f"axes {_names(unbound)} are bound by no loop around")

    def index_form(self, index: IndexExpr) -> None:
        self.known_size(index.constant)
        for atom, coefficient in index.terms.items():
            self.known_size(coefficient)
            if isinstance(atom, (Quotient, Remainder)):
                self.known_size(atom.size)
                self.index_form(atom.inner)
            elif isinstance(atom, Loaded):
                if not atom.value.dtype.is_integer or atom.axes != atom.value.axes:
                    self.fail(f"an index from {atom.value.dtype.short} {atom}")
                if atom.extent == 0:
                    self.fail(f"an index {atom} into nothing")
        self.require(not (wrong := negative_inside(index, self.samples)), wrong)

    def access(self, buffer: Buffer, offset: IndexExpr) -> None:
        wrong = outside(offset, buffer.type.size, self.samples)
        if wrong:
            self.fail(f"{buffer.name}[{offset}] of {buffer.type}: {wrong}")

    def known_buffer(self, buffer: Buffer) -> None:
        among = self.kernel.scratch if buffer.role == "scratch" else self.kernel.buffers
        self.require(buffer in among, f"{buffer.name} is no parameter and no scratch")

    def known_size(self, dim: Dim) -> None:
        if isinstance(dim, SymDim):
            missing = dim.symbols() - set(self.kernel.symbols)
            self.require(not missing, f"symbols {sorted(missing)} are no parameters")

    # ---- loops whose rounds run side by side

    def independent(self, loop: Loop) -> None:
        fed = {s.local for s in statements(loop.body) if isinstance(s, Accumulate)}
        own = {s.local for s in statements(loop.body) if isinstance(s, Declare)}
        if loop.kind.startswith("parallel"):
            self.require(fed <= own, f"a parallel loop feeds {_names(fed - own)} declared outside")
        self.disjoint(loop.axis, list(_with_axes(loop.body)))

    def disjoint(self, axis: Axis, inside: list[tuple[Statement, tuple[Axis, ...]]]) -> None:
        """Check that different rounds touch different elements of what is written."""
        written = {s.buffer for s, _ in inside if isinstance(s, Store)}
        accesses = []
        for statement, axes in inside:
            if isinstance(statement, Store) and statement.buffer.role != "scratch":
                accesses.append(Access(statement.buffer, statement.offset, axes, True))
            if not any(b.role == "inout" for b in written):
                continue  # what is only written is read by nobody
            for expr in expressions([statement]):
                if expr.name == "load" and expr.payload[0] in written:
                    if expr.payload[0].role != "scratch":
                        buffer, offset = expr.payload
                        accesses.append(Access(buffer, offset, axes, False))
        wrong = overlap(axis, accesses, self.samples)
        self.require(not wrong, wrong)


def _operands(expr: Expr) -> list[Expr]:
    index = expr_index(expr)
    return [*expr.args, *(loaded_values(index) if index is not None else ())]


def _with_axes(
    body: Sequence[Statement], axes: tuple[Axis, ...] = ()
) -> Iterator[tuple[Statement, tuple[Axis, ...]]]:
    """The statements that are no loops, each with the axes of the loops around it."""
    for statement in body:
        if isinstance(statement, Loop):
            yield from _with_axes(statement.body, (*axes, statement.axis))
        else:
            yield statement, axes


def _names(things: Any) -> str:
    return ", ".join(sorted(map(str, things))) or "none"
