"""Whether a kernel's accesses stay inside their buffers, and whether two rounds touch one element.

Each is answered by algebra where that decides it. Where it does not, the accesses are evaluated on
some points of the axes (all of them where they are few, the ends and some between where not) and,
with symbolic sizes, for some sizes: what is found there is wrong for sure, and what is not found is
taken as right.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphflow.ir.dims import Dim, SymDim, UndecidableDim, evaluate, exact_quotient
from graphflow.ir.index import Atom, Axis, IndexExpr, Loaded, Quotient, Remainder
from graphflow.ir.index_values import index_range, index_values, inner_indices
from graphflow.ir.loops import Buffer, Kernel, Loop, statements

SIZES = (2, 3, 5, 8)  # tried in place of symbols
POINTS = 1 << 12  # of a grid on which accesses are evaluated
WHOLE = 16  # an axis that is not longer is taken with all its values
_DIFFERENT = "two rounds of {} that touch element {} of {}"


@dataclass(frozen=True)
class Access:
    """A load or store inside a loop, with the axes of the loops between."""

    buffer: Buffer
    offset: IndexExpr
    axes: tuple[Axis, ...]
    writes: bool


def sample_symbols(kernel: Kernel) -> list[dict[str, int]]:
    """Some values of a kernel's size symbols, for which all of its sizes can occur in a run."""
    if not kernel.symbols:
        return [{}]
    sizes = [d for b in (*kernel.buffers, *kernel.scratch) for d in b.type.shape]
    extents = [s.axis.extent for s in statements(kernel.body) if isinstance(s, Loop)]
    found = []
    for first in range(len(SIZES)):
        values = {
            name: SIZES[(first + k) % len(SIZES)] for k, name in enumerate(kernel.symbols)
        }  # fmt: skip
        try:
            small = any(evaluate(d, values) < 2 for d in sizes if isinstance(d, SymDim))
            empty = any(evaluate(d, values) < 1 for d in extents)
        except KeyError:  # a symbol that the kernel does not declare, which is reported elsewhere
            return []
        if not small and not empty:
            found.append(values)
    return found


def outside(index: IndexExpr, size: Dim, samples: Iterable[dict[str, int]]) -> str:
    """How an index leaves ``0 <= index < size``, in words; empty when it is not known to."""
    try:
        low, high = index_range(index)
        if low >= 0 and high < size:
            return ""
    except UndecidableDim:
        pass
    for symbols in samples:
        limit = evaluate(size, symbols)
        values = np.asarray(_on_grid(index, _atoms(index), symbols))
        wrong = values[(values < 0) | (values >= limit)]
        if wrong.size:
            return f"expected an index from 0 to {limit - 1}, got {int(wrong.flat[0])}"
    return ""


def negative_inside(index: IndexExpr, samples: Sequence[dict[str, int]]) -> str:
    """How an operand of a quotient or remainder gets negative, in words; empty when it does not."""
    for inner in inner_indices(index):
        try:
            if index_range(inner)[0] >= 0:
                continue
        except UndecidableDim:
            pass
        for symbols in samples:
            values = np.asarray(_on_grid(inner, _atoms(inner), symbols))
            if values.size and values.min() < 0:
                return f"expected nonnegative ({inner}), got {int(values.min())}"
    return ""


def overlap(axis: Axis, accesses: Sequence[Access], samples: Sequence[dict[str, int]]) -> str:
    """How two rounds of a loop touch one element that one of them writes; empty when not known to.

    Parameters
    ----------
    axis : the loop's axis.
    accesses : all accesses inside the loop.
    samples : values of the symbols to try.
    """
    written = list(dict.fromkeys(a.buffer for a in accesses if a.writes))
    for buffer in written:
        group = [a for a in accesses if a.buffer is buffer]
        if all(_separates(a, group[0], axis) for a in group):
            continue
        for symbols in samples:
            place = _shared_element(axis, group, symbols)
            if place is not None:
                return _DIFFERENT.format(axis, place, buffer.name)
    return ""


def _separates(access: Access, like: Access, axis: Axis) -> bool:
    """Whether the offset says which round it belongs to, and all of one buffer say it alike.

    True of ``high + stride * axis + low`` with low below the stride and high in multiples of
    stride times the axis's extent, for the terms of axes inside the loop; other terms are constant.
    """
    stride = access.offset.terms.get(axis, 0)
    if access.offset != like.offset or stride == 0:
        return False
    inside = {axis, *access.axes}
    low = IndexExpr({})
    for atom, coefficient in access.offset.terms.items():
        if atom is axis or not _varies(atom, inside):
            continue
        if not isinstance(atom, Axis):
            return False
        if exact_quotient(coefficient, stride * axis.extent) is None:
            low = low + IndexExpr({atom: coefficient})
    try:
        first, last = index_range(low)
        return first >= 0 and last < stride
    except UndecidableDim:
        return False


def _varies(atom: Atom, axes: set[Axis]) -> bool:
    if isinstance(atom, Axis):
        return atom in axes
    if isinstance(atom, Loaded):
        return bool(atom.axes & axes)
    return any(_varies(a, axes) for a in atom.inner.terms)


def _shared_element(axis: Axis, group: Sequence[Access], symbols: dict[str, int]) -> int | None:
    """An element that two rounds touch, one of them writing, on some points of the axes."""
    touched: list[tuple[Any, Any, bool]] = []
    for access in group:
        inside = (axis, *access.axes)
        if any(isinstance(a, Loaded) and a.axes & set(inside) for a in _leaves(access.offset)):
            continue  # what data decide is not known here
        grid = _grid(inside, symbols)
        if any(v.size == 0 for v in grid.values()):
            continue
        others = {a: 0 for a in access.offset.axes() if a not in grid}
        offsets = index_values(access.offset, {**others, **grid}, symbols, lambda atom: 0)
        shape = np.broadcast_shapes(*(v.shape for v in grid.values()))
        touched.append((np.broadcast_to(offsets, shape).ravel(),
                        np.broadcast_to(grid[axis], shape).ravel(), access.writes))  # fmt: skip
    writers = np.unique(np.concatenate(
        [np.stack([o, r], 1) for o, r, writes in touched if writes] or [np.zeros((0, 2), int)]
    ), axis=0)  # fmt: skip
    first: dict[int, int] = {}
    for offset, turn in writers.tolist():
        if first.setdefault(offset, turn) != turn:
            return offset
    for offsets, rounds, writes in touched:
        if not writes:
            for offset, turn in zip(offsets.tolist(), rounds.tolist(), strict=True):
                if first.get(offset, turn) != turn:
                    return offset
    return None


def _atoms(index: IndexExpr) -> list[Axis | Loaded]:
    """What varies freely in an index."""
    return list(dict.fromkeys(a for a in _leaves(index)))


def _leaves(index: IndexExpr) -> Iterator[Axis | Loaded]:
    for atom in index.terms:
        if isinstance(atom, (Quotient, Remainder)):
            yield from _leaves(atom.inner)
        else:
            yield atom


def _on_grid(index: IndexExpr, atoms: Sequence[Axis | Loaded], symbols: dict[str, int]) -> Any:
    grid = _grid(atoms, symbols)
    axes = {a: v for a, v in grid.items() if isinstance(a, Axis)}
    return index_values(index, axes, symbols, lambda atom: grid[atom])


def _grid(atoms: Sequence[Axis | Loaded], symbols: dict[str, int]) -> dict[Any, Any]:
    """Some values for each atom, along a dimension of its own."""
    most = max(int(POINTS ** (1 / max(len(atoms), 1))), 2)
    grid = {}
    for k, atom in enumerate(atoms):
        values = _some(evaluate(atom.extent, symbols), most)
        grid[atom] = values.reshape((-1,) + (1,) * (len(atoms) - k - 1))
    return grid


def _some(extent: int, most: int) -> Any:
    if extent <= max(WHOLE, most):
        return np.arange(extent)
    near = {0, 1, 2, 3, extent // 2, extent - 2, extent - 1}
    return np.array(sorted(near))
