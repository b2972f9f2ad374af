"""Runs a kernel of the loop IR on NumPy arrays: the meaning of a kernel, as plain as can be.

Statements run in the order in which they stand. A loop runs for all values of its axis at once, as
one more dimension of every value inside, unless it is serial and its body reads a buffer that it
also writes: such a loop runs round by round. The difference shows in no result, for no round of the
other loops reads what another one writes (`loop_verifier` checks it of those that claim it). The
statements of one body that store side by side compute all their values before the first is stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphflow.errors import CompilerError
from graphflow.graph.dtypes import int64
from graphflow.ir.dims import evaluate
from graphflow.ir.index import Axis, IndexExpr, Loaded
from graphflow.ir.index_values import index_values
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
from graphflow.ir.prims import PRIMS
from graphflow.ir.prims.reductions import COMBINE, PLACES, neutral_element
from graphflow.ir.walk import expr_index, expressions, loaded_values

Array = np.ndarray[Any, Any]

POINTS = 1 << 22  # from this many points at once on, loops run round by round


def run_kernel(kernel: Kernel, buffers: Mapping[Buffer, Array], symbols: Mapping[str, int]) -> None:
    """Run a kernel.

    Parameters
    ----------
    kernel : the kernel.
    buffers : a flat array for each of its parameters; those that it stores to are changed.
    symbols : the values of the size symbols.

    Raises
    ------
    CompilerError : an access lies outside of its buffer.
    """
    _Run(kernel, buffers, symbols).body(kernel.body)


def run_epilogue(
    kernel: Kernel, axes: Sequence[Axis], product: Array, buffers: Mapping[Buffer, Array],
    symbols: Mapping[str, int],
) -> None:  # fmt: skip
    """Run the stores of a product's epilogue at every point of its axes.

    Parameters
    ----------
    kernel : its body holds the stores; the local that they read is the product's element.
    axes : the axes of the product's elements, in row-major order.
    product : the product.
    buffers, symbols : as for `run_kernel`.
    """
    run = _Run(kernel, buffers, symbols)
    run.grid = list(axes)
    value = product.reshape([evaluate(a.extent, symbols) for a in axes])
    for expr in expressions(kernel.body):
        for local in expr.locals:
            run.locals[local] = _State(value)
    run.body(kernel.body)


@dataclass
class _State:
    """A local's value, with one dimension for each axis around its declaration."""

    value: Array
    position: Array | None = None


class _Run:
    def __init__(
        self, kernel: Kernel, buffers: Mapping[Buffer, Array], symbols: Mapping[str, int]
    ) -> None:
        self.kernel, self.symbols = kernel, symbols
        self.buffers = dict(buffers)
        self.rows: dict[Buffer, tuple[list[Axis], Array]] = {}
        self.grid: list[Axis] = []  # axes of which all values run at once
        self.rounds: dict[Axis, int] = {}  # axes that run round by round
        self.locals: dict[Local, _State] = {}

    # ---- statements

    def body(self, body: Sequence[Statement]) -> None:
        stores: list[Store] = []
        for statement in body:
            if isinstance(statement, Store):
                stores.append(statement)
                continue
            self.store(stores)
            stores = []
            if isinstance(statement, Loop):
                self.loop(statement)
            elif isinstance(statement, Declare):
                self.declare(statement)
            else:
                self.accumulate(statement)
        self.store(stores)

    def loop(self, loop: Loop) -> None:
        extent = evaluate(loop.axis.extent, self.symbols)
        if extent == 0:
            return
        if not (loop.kind == "serial" and carries(loop)):
            if np.prod([*self.sizes(), extent], dtype=float) <= POINTS or loop.kind == "vector":
                self.grid.append(loop.axis)
                self.body(loop.body)
                self.grid.pop()
                return
        for value in range(extent):
            self.rounds[loop.axis] = value
            self.body(loop.body)
        self.rounds.pop(loop.axis, None)

    def store(self, stores: Sequence[Store]) -> None:
        values = [self.everywhere(self.value(s.value)) for s in stores]
        for store, value in zip(stores, values, strict=True):
            offset = self.everywhere(self.index(store.offset))
            if store.buffer.role == "scratch":
                self.store_row(store, offset, value)
            else:
                self.inside(store.buffer, offset)
                self.buffers[store.buffer][offset.ravel()] = value.ravel()

    def declare(self, statement: Declare) -> None:
        local = statement.local
        if statement.value is not None:
            self.locals[local] = _State(self.everywhere(self.value(statement.value)))
            return
        assert local.combiner is not None
        start = neutral_element(local.combiner, local.dtype)
        value = self.everywhere(np.asarray(start, local.dtype.numpy))
        place = self.everywhere(np.zeros((), np.int64)) if local.combiner in PLACES else None
        self.locals[local] = _State(value, place)

    def accumulate(self, statement: Accumulate) -> None:
        local, state = statement.local, self.locals[statement.local]
        value = self.everywhere(self.value(statement.value))
        axes = tuple(range(state.value.ndim, value.ndim))
        assert local.combiner is not None
        if statement.position is not None:
            self.place(state, local.combiner, value, self.index(statement.position))
            return
        total = _apply(local.combiner, {"axes": axes}, value) if axes else value
        state.value = _apply(COMBINE[local.combiner], {}, state.value, total)

    def place(self, state: _State, combiner: str, value: Array, position: Any) -> None:
        """Combine the places of the best values with the best so far."""
        shape = (*state.value.shape, -1)
        positions = self.everywhere(position).reshape(shape)
        value = value.reshape(shape)
        attrs = {"axis": value.ndim - 1, "dtype": int64}
        first = _apply(combiner, attrs, value)[..., None]
        new = np.take_along_axis(value, first, -1)[..., 0]
        at = np.take_along_axis(positions, first, -1)[..., 0]
        old = state.value
        assert state.position is not None
        better = new > old if combiner == "argmax" else new < old
        state.value = np.where(better, new, old)
        state.position = np.where(better, at, state.position)

    # ---- values

    def sizes(self) -> list[int]:
        return [evaluate(a.extent, self.symbols) for a in self.grid]

    def everywhere(self, value: Any) -> Array:
        """A value at every point of the grid."""
        return np.broadcast_to(value, self.sizes())

    def axes(self) -> dict[Axis, Any]:
        """The values of all axes, each along its own dimension."""
        values: dict[Axis, Any] = dict(self.rounds)
        for k, (axis, size) in enumerate(zip(self.grid, self.sizes(), strict=True)):
            values[axis] = np.arange(size).reshape((-1,) + (1,) * (len(self.grid) - k - 1))
        return values

    def lifted(self, value: Array) -> Array:
        """A value of an outer body, with dimensions for the axes inside it."""
        return value.reshape(value.shape + (1,) * (len(self.grid) - value.ndim))

    def value(self, root: Expr) -> Any:
        """The value of an expression, iteratively as chains are deep."""
        known: dict[int, Any] = {}
        axes = self.axes()
        stack = [root]
        while stack:
            expr = stack[-1]
            index = expr_index(expr)
            needs = [*expr.args, *(loaded_values(index) if index is not None else ())]
            missing = [e for e in needs if id(e) not in known]
            if missing:
                stack += missing
                continue
            stack.pop()
            if id(expr) not in known:
                known[id(expr)] = self.compute(expr, axes, known)
        return known[id(root)]

    def compute(self, expr: Expr, axes: Mapping[Axis, Any], known: Mapping[int, Any]) -> Any:
        def loaded(atom: Loaded) -> Any:
            return _clipped(known[id(atom.value)], evaluate(atom.extent, self.symbols))

        if expr.name == "const":
            return np.asarray(expr.payload, expr.dtype.numpy)
        if expr.name == "load":
            buffer, offset = expr.payload
            return self.load(buffer, index_values(offset, axes, self.symbols, loaded))
        if expr.name == "index":
            place = index_values(expr.payload, axes, self.symbols, loaded)
            return np.asarray(place).astype(expr.dtype.numpy)
        if expr.name == "local":
            return self.lifted(self.locals[expr.payload].value)
        if expr.name == "position":
            position = self.locals[expr.args[0].payload].position
            assert position is not None
            return self.lifted(position).astype(expr.dtype.numpy)
        return _apply(expr.name, {"dtype": expr.dtype}, *[known[id(a)] for a in expr.args])

    def index(self, index: IndexExpr) -> Any:
        """The values of an index expression of a statement."""
        known = {id(e): self.value(e) for e in loaded_values(index)}

        def loaded(atom: Loaded) -> Any:
            return _clipped(known[id(atom.value)], evaluate(atom.extent, self.symbols))

        return index_values(index, self.axes(), self.symbols, loaded)

    # ---- memory

    def inside(self, buffer: Buffer, offset: Any) -> None:
        size = self.buffers[buffer].size
        outside = (np.asarray(offset) < 0) | (np.asarray(offset) >= size)
        if outside.any():
            place = int(np.asarray(offset)[outside].flat[0])
            raise CompilerError(
                f"kernel {self.kernel.name}: expected an element of {buffer.name}: {buffer.type},"
                f" got number {place} of {size}"
            )

    def load(self, buffer: Buffer, offset: Any) -> Array:
        if buffer.role == "scratch":
            axes, rows = self.rows[buffer]
            known = self.axes()
            return rows[(*(known[a] for a in axes), offset)]
        self.inside(buffer, offset)
        return self.buffers[buffer][offset]

    def store_row(self, store: Store, offset: Array, value: Array) -> None:
        """Store to scratch: there is one row for each point of the axes around the row's own."""
        inner = store.offset.axes()
        axes = [a for a in self.grid if a not in inner]
        size = evaluate(store.buffer.type.size, self.symbols)
        shape = [evaluate(a.extent, self.symbols) for a in axes]
        if store.buffer not in self.rows or self.rows[store.buffer][0] != axes:
            dtype = store.buffer.type.dtype.numpy
            self.rows[store.buffer] = (axes, np.zeros([*shape, size], dtype))
        known = self.axes()
        self.rows[store.buffer][1][(*(known[a] for a in axes), offset)] = value


def carries(loop: Loop) -> bool:
    """Whether a round of the loop may read what an earlier one wrote."""
    written = {s.buffer for s in statements(loop.body) if isinstance(s, Store)}
    written = {b for b in written if b.role != "scratch"}
    return any(e.name == "load" and e.payload[0] in written for e in expressions(loop.body))


def _clipped(value: Any, extent: int) -> Any:
    return np.clip(np.asarray(value).astype(np.int64), 0, max(extent - 1, 0))


def _apply(name: str, attrs: dict[str, Any], *args: Any) -> Any:
    reference = PRIMS[name].reference
    assert reference is not None
    with np.errstate(all="ignore"):
        return np.asarray(reference(attrs, *args))
