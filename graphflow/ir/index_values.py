"""What index expressions evaluate to: their values on given axes, and the range of all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphflow.ir.dims import Dim, UndecidableDim, evaluate, exact_quotient
from graphflow.ir.index import Atom, Axis, IndexExpr, Loaded, Quotient, Remainder


def index_values(
    index: IndexExpr, axes: Mapping[Axis, Any], symbols: Mapping[str, int],
    loaded: Callable[[Loaded], Any] | None = None,
) -> Any:  # fmt: skip
    """The values of an index expression.

    Parameters
    ----------
    index : the expression.
    axes : the axes' values: integers, or integer arrays that broadcast.
    symbols : the values of the size symbols.
    loaded : gives the values of an index that comes from data, already clipped to its range.

    Returns
    -------
    An integer, or an array of the shape to which the axes' values broadcast.
    """
    total: Any = evaluate(index.constant, symbols)
    for atom, coefficient in index.terms.items():
        if isinstance(atom, Axis):
            value = axes[atom]
        elif isinstance(atom, Loaded):
            assert loaded is not None
            value = loaded(atom)
        else:
            inner = index_values(atom.inner, axes, symbols, loaded)
            size = evaluate(atom.size, symbols)
            value = inner // size if isinstance(atom, Quotient) else inner % size
        total = total + value * evaluate(coefficient, symbols)
    return total


def index_range(index: IndexExpr) -> tuple[Dim, Dim]:
    """Bounds of an index expression over all values of its axes, none of which is empty.

    Raises
    ------
    UndecidableDim : a sign or a quotient depends on the values of size symbols.
    """
    low, high = index.constant, index.constant
    for atom, coefficient in index.terms.items():
        first, last = _atom_range(atom)
        if coefficient < 0:
            first, last = last, first
        low, high = low + coefficient * first, high + coefficient * last
    return low, high


def _atom_range(atom: Atom) -> tuple[Dim, Dim]:
    if isinstance(atom, (Axis, Loaded)):
        return 0, atom.extent - 1
    first, last = index_range(atom.inner)
    if isinstance(atom, Quotient):
        return _whole_quotient(first, atom.size), _whole_quotient(last, atom.size)
    try:
        if first >= 0 and last < atom.size:
            return first, last
    except UndecidableDim:
        pass  # the size of the remainder bounds it all the same
    return 0, atom.size - 1


def _whole_quotient(value: Dim, size: Dim) -> Dim:
    """``value // size`` where the symbols' values do not matter."""
    exact = exact_quotient(value, size)
    if exact is None:
        after = exact_quotient(value + 1, size)  # value = after * size - 1
        exact = None if after is None else after - 1
    if exact is not None:
        return exact
    if isinstance(value, int) and isinstance(size, int):
        return value // size
    raise UndecidableDim(f"{value} // {size}")


def inner_indices(index: IndexExpr) -> list[IndexExpr]:
    """The expressions inside quotients and remainders, at any depth."""
    found: list[IndexExpr] = []
    for atom in index.terms:
        if isinstance(atom, (Quotient, Remainder)):
            found += [atom.inner, *inner_indices(atom.inner)]
    return found
