"""Kernels that differ in constant offsets alone share one piece of code, which is told them.

A network unrolled over time has a kernel for each step that reads or writes a row of its own: the
same nest, but for a number. Compiling it once for all steps takes a fraction of the time. The
numbers are passed as sizes are, after the buffers; kernels without such a twin keep theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from graphflow.ir.dims import SymDim
from graphflow.ir.index import IndexExpr, Loaded, Quotient, Remainder
from graphflow.ir.loops import Expr, Kernel, Loop, Statement, Store
from graphflow.ir.structure import KernelShape, kernel_shape
from graphflow.ir.walk import all_indices

Numbers = tuple[int, ...]


def share_kernels(kernels: Sequence[Kernel]) -> list[tuple[Kernel, Numbers]]:
    """For each kernel the one to compile in its place, and the numbers that it is told."""
    found: list[tuple[Kernel, Numbers]] = [(kernel, ()) for kernel in kernels]
    twins: dict[str, list[tuple[int, KernelShape]]] = {}
    for position, kernel in enumerate(kernels):
        if not any(_is_loaded(index) for index in all_indices(kernel.body)):
            shape = kernel_shape(kernel)
            twins.setdefault(shape.key, []).append((position, shape))
    for members in twins.values():
        columns = list(zip(*([number for _, number in s.places] for _, s in members), strict=True))
        varying = [column for column in dict.fromkeys(columns) if len(set(column)) > 1]
        if not varying:
            continue
        names = {column: f"offset{k}" for k, column in enumerate(varying)}
        first, shape = members[0]
        told = {
            id(place): names[column]
            for (place, _), column in zip(shape.places, columns, strict=True)
            if column in names
        }
        shared = _with_names(kernels[first], shape.order, told, list(names.values()))
        for row, (position, _) in enumerate(members):
            found[position] = shared, tuple(column[row] for column in varying)
    return found


def _is_loaded(index: IndexExpr) -> bool:
    """Whether an index depends on data, whose own offsets are not looked at."""
    return any(
        isinstance(atom, Loaded)
        or (isinstance(atom, (Quotient, Remainder)) and _is_loaded(atom.inner))
        for atom in index.terms
    )


def _with_names(
    kernel: Kernel, order: Sequence[Expr], told: dict[int, str], names: list[str]
) -> Kernel:
    """The kernel with symbols for the constants of some loads and stores, by their identity."""
    new: dict[int, Expr] = {}
    for expr in order:
        args = tuple(new[id(arg)] for arg in expr.args)
        payload = expr.payload
        if id(expr) in told:
            payload = payload[0], _named(payload[1], told[id(expr)])
        is_same = payload is expr.payload and args == expr.args
        own = expr.weight - sum(arg.weight for arg in expr.args)
        new[id(expr)] = expr if is_same else Expr(
            expr.name, expr.dtype, args, payload, expr.axes, expr.locals, own
        )  # fmt: skip
    body = [_rebuilt(statement, new, told) for statement in kernel.body]
    return replace(kernel, body=body, symbols=[*kernel.symbols, *names])


def _rebuilt(statement: Statement, new: dict[int, Expr], told: dict[int, str]) -> Statement:
    if isinstance(statement, Loop):
        return replace(statement, body=[_rebuilt(s, new, told) for s in statement.body])
    if statement.value is None:
        return statement
    value = new[id(statement.value)]
    if isinstance(statement, Store) and id(statement) in told:
        return Store(statement.buffer, _named(statement.offset, told[id(statement)]), value)
    return replace(statement, value=value)


def _named(index: IndexExpr, name: str) -> IndexExpr:
    return IndexExpr(index.terms, SymDim.symbol(name))
