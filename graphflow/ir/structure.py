"""Structural keys of kernels: equal keys, equal code.

The key of a kernel spells out its parameters, statements, expressions and indices with numbers in
place of names, so that two kernels that differ only in names are one. Compiled code is cached by
it, in the process and on disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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


class _Numbering:
    def __init__(self, buffers: Sequence[Buffer]) -> None:
        self.buffers = {b: k for k, b in enumerate(buffers)}
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
            self.lines.append(f"{expr.name}:{expr.dtype.short}({arguments}){payload}")
        return self.exprs[id(root)]

    def payload(self, expr: Expr) -> str:
        payload: Any = expr.payload
        if expr.name == "const":
            return payload.tobytes().hex() if hasattr(payload, "tobytes") else repr(payload)
        if expr.name == "load":
            return f"b{self.buffers[payload[0]]}[{self.index(payload[1])}]"
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
                value, offset = self.expr(statement.value), self.index(statement.offset)
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
    numbering = _Numbering([*kernel.buffers, *kernel.scratch])
    # The type's size in elements is all that matters, but the type reads better in a cache file.
    header = [f"{b.type}:{b.role}" for b in (*kernel.buffers, *kernel.scratch)]
    numbering.body(kernel.body)
    return "\n".join([extra, ";".join(header), ",".join(kernel.symbols), *numbering.lines])
