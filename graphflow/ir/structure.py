"""Structural keys of kernels: equal keys, equal code.

The key of a kernel spells out its parameters, statements, expressions and indices with numbers in
place of names, so that two kernels that differ only in names are one. Compiled code is cached by
it, in the process and on disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Union

from graphflow.ir.index import Axis, IndexExpr, Loaded
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
)

Place = Union[Expr, Store]  # noqa: UP007  # a load or a store


class _Numbering:
    def __init__(self, buffers: Sequence[Buffer], is_open: bool = False) -> None:
        self.buffers = {b: k for k, b in enumerate(buffers)}
        self.is_open = is_open  # offsets' constants are left out of the text
        self.places: list[tuple[Place, int]] = []  # loads and stores with these constants
        self.order: list[Expr] = []  # as they are numbered, operands first
        self.axes: dict[Axis, int] = {}
        self.locals: dict[Local, int] = {}
        self.exprs: dict[int, int] = {}
        self.lines: list[str] = []

    def axis(self, axis: Axis) -> str:
        return f"a{self.axes.setdefault(axis, len(self.axes))}"

    def local(self, local: Local) -> str:
        number = self.locals.setdefault(local, len(self.locals))
        return f"l{number}:{local.dtype.short}:{local.combiner}"

    def index(self, index: IndexExpr) -> str:
        parts = []
        for atom, coefficient in index.terms.items():
            if isinstance(atom, Axis):
                text = self.axis(atom)
            elif isinstance(atom, Loaded):
                text = f"e{self.expr(atom.value)}<{atom.extent}"
            else:
                text = f"({self.index(atom.inner)}){type(atom).__name__[0]}{atom.size}"
            parts.append(f"{coefficient}*{text}")
        return "+".join([*sorted(parts), str(index.constant)])

    def offset(self, index: IndexExpr, place: Place) -> str:
        """The offset at which a place is read or written."""
        text = self.index(index)
        if not self.is_open or not isinstance(index.constant, int):
            return text
        self.places.append((place, index.constant))
        return text.removesuffix(str(index.constant))

    def expr(self, root: Expr) -> int:
        """Number the expressions below `root`, each written once, operands first."""
        stack = [(root, False)]
        while stack:
            expr, ready = stack.pop()
            if id(expr) in self.exprs:
                continue
            if not ready:
                stack.append((expr, True))
                stack.extend((a, False) for a in reversed(expr.args))
                continue
            payload = self.payload(expr)
            arguments = ",".join(str(self.exprs[id(a)]) for a in expr.args)
            self.exprs[id(expr)] = len(self.exprs)
            self.order.append(expr)
            self.lines.append(f"{expr.name}:{expr.dtype.short}({arguments}){payload}")
        return self.exprs[id(root)]

    def payload(self, expr: Expr) -> str:
        payload: Any = expr.payload
        if expr.name == "const":
            return payload.tobytes().hex() if hasattr(payload, "tobytes") else repr(payload)
        if expr.name == "load":
            return f"b{self.buffers[payload[0]]}[{self.offset(payload[1], expr)}]"
        if expr.name == "index":
            return self.index(payload)
        return self.local(payload) if expr.name == "local" else ""

    def body(self, statements: Sequence[Statement]) -> None:
        for statement in statements:
            if isinstance(statement, Loop):
                axis = self.axis(statement.axis)
                self.lines.append(f"{statement.kind} {axis}<{statement.axis.extent}{{")
                self.body(statement.body)
                self.lines.append("}")
            elif isinstance(statement, Store):
                value, offset = self.expr(statement.value), self.offset(statement.offset, statement)
                self.lines.append(f"b{self.buffers[statement.buffer]}[{offset}]=e{value}")
            elif isinstance(statement, Declare):
                self.lines.append(f"declare {self.local(statement.local)}")
            elif isinstance(statement, Accumulate):
                at = self.index(statement.position) if statement.position is not None else ""
                self.lines.append(
                    f"{self.local(statement.local)}<-{self.expr(statement.value)}@{at}"
                )


def kernel_key(kernel: Kernel, extra: str = "") -> str:
    """The structural key of a kernel; `extra` is what else decides its code (a product's spec)."""
    return _text(kernel, _Numbering([*kernel.buffers, *kernel.scratch]), extra)


def _text(kernel: Kernel, numbering: _Numbering, extra: str = "") -> str:
    # The type's size in elements is all that matters, but the type reads better in a cache file.
    header = [f"{b.type}:{b.role}" for b in (*kernel.buffers, *kernel.scratch)]
    numbering.body(kernel.body)
    return "\n".join([extra, ";".join(header), ",".join(kernel.symbols), *numbering.lines])


@dataclass(frozen=True)
class KernelShape:
    """A kernel but for the constants in the offsets at which it reads and writes.

    Attributes
    ----------
    key : equal for kernels that differ in those constants alone.
    places : the loads and stores that have one, with it, in an order that the key decides.
    order : all expressions, operands first.
    """

    key: str
    places: list[tuple[Place, int]]
    order: list[Expr]


def kernel_shape(kernel: Kernel) -> KernelShape:
    """The shape of a kernel."""
    numbering = _Numbering([*kernel.buffers, *kernel.scratch], is_open=True)
    key = _text(kernel, numbering)
    return KernelShape(key, numbering.places, numbering.order)
