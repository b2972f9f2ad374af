"""Walks over the loop IR: the expressions and indices that statements hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from graphflow.ir.index import IndexExpr, Loaded, Quotient, Remainder
from graphflow.ir.loops import Accumulate, Declare, Expr, Statement, Store, statements


def roots_of(body: Sequence[Statement]) -> Iterator[Expr]:
    """The expressions that the statements evaluate."""
    for statement in statements(body):
        if isinstance(statement, (Store, Accumulate)):
            yield statement.value
        elif isinstance(statement, Declare) and statement.value is not None:
            yield statement.value


def expressions(body: Sequence[Statement]) -> list[Expr]:
    """Every expression under the statements, those inside indices too, each once."""
    seen: dict[int, Expr] = {}
    pending = list(roots_of(body))
    for statement in statements(body):
        if isinstance(statement, Store):
            pending += loaded_values(statement.offset)
    while pending:
        expr = pending.pop()
        if id(expr) in seen:
            continue
        seen[id(expr)] = expr
        pending += expr.args
        index = expr_index(expr)
        if index is not None:
            pending += loaded_values(index)
    return list(seen.values())


def expr_index(expr: Expr) -> IndexExpr | None:
    """The index expression inside a load or an index value."""
    if expr.name == "load":
        return expr.payload[1]
    return expr.payload if expr.name == "index" else None


def loaded_values(index: IndexExpr) -> list[Expr]:
    """The data-dependent parts of an index."""
    found: list[Expr] = []
    for atom in index.terms:
        if isinstance(atom, Loaded):
            found.append(atom.value)
        elif isinstance(atom, (Quotient, Remainder)):
            found += loaded_values(atom.inner)
    return found


def all_indices(body: Sequence[Statement]) -> list[IndexExpr]:
    """Every index expression that occurs."""
    found = [i for e in expressions(body) if (i := expr_index(e)) is not None]
    for statement in statements(body):
        if isinstance(statement, Store):
            found.append(statement.offset)
        elif isinstance(statement, Accumulate) and statement.position is not None:
            found.append(statement.position)
    return found
