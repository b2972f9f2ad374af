"""Index arithmetic: sums of scaled axes, with the simplifications that reshapes need.

An `IndexExpr` is ``constant + sum(coefficient * atom)``. An atom is a loop axis, a floor division
or a remainder of another index expression by a positive size, or an index loaded from memory (a
gather's). Coefficients, sizes and constants are dimensions: integers or symbolic. Expressions are
kept in one normal form, so that equal maps compare equal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Union

from graphflow.ir.dims import Dim, Shape, SymDim, exact_quotient


class Axis:
    """A loop axis: takes the values 0 to extent-1. Compared by identity."""

    __slots__ = ("extent", "name")

    def __init__(self, name: str, extent: Dim) -> None:
        self.name = name
        self.extent = extent

    def __repr__(self) -> str:
        return self.name


class Quotient:
    """``inner // size`` for a nonnegative inner expression."""

    __slots__ = ("_hash", "inner", "size")

    def __init__(self, inner: IndexExpr, size: Dim) -> None:
        self.inner, self.size = inner, size
        self._hash = hash(("//", inner, size))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Quotient):
            return False
        return self.size == other.size and self.inner == other.inner

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"({self.inner})//{self.size}"


class Remainder:
    """``inner % size`` for a nonnegative inner expression."""

    __slots__ = ("_hash", "inner", "size")

    def __init__(self, inner: IndexExpr, size: Dim) -> None:
        self.inner, self.size = inner, size
        self._hash = hash(("%", inner, size))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Remainder):
            return False
        return self.size == other.size and self.inner == other.inner

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"({self.inner})%{self.size}"


class Loaded:
    """An index computed from data: an integer expression of the loop IR, clipped in range."""

    __slots__ = ("axes", "extent", "value")

    def __init__(self, value: Any, extent: Dim, axes: frozenset[Axis]) -> None:
        self.value = value
        self.extent = extent
        self.axes = axes

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Loaded) and self.value is other.value

    def __hash__(self) -> int:
        return hash(id(self.value))

    def __repr__(self) -> str:
        return f"{self.value}"


Atom = Union[Axis, Quotient, Remainder, Loaded]  # noqa: UP007  # evaluated at import


class IndexExpr:
    """A normalised sum of scaled atoms and a constant; immutable and hashable."""

    __slots__ = ("_hash", "constant", "terms")

    def __init__(self, terms: Mapping[Atom, Dim], constant: Dim = 0) -> None:
        self.terms: dict[Atom, Dim] = {a: c for a, c in terms.items() if c != 0}
        self.constant = constant
        self._hash = hash((frozenset(self.terms.items()), constant))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, IndexExpr):
            return False
        return self.constant == other.constant and self.terms == other.terms

    def __hash__(self) -> int:
        return self._hash

    def __add__(self, other: IndexExpr | Dim) -> IndexExpr:
        if not isinstance(other, IndexExpr):
            return IndexExpr(self.terms, self.constant + other)
        terms = dict(self.terms)
        for atom, coefficient in other.terms.items():
            terms[atom] = terms.get(atom, 0) + coefficient
        return IndexExpr(terms, self.constant + other.constant)

    def __mul__(self, factor: Dim) -> IndexExpr:
        return IndexExpr({a: c * factor for a, c in self.terms.items()}, self.constant * factor)

    def axes(self) -> frozenset[Axis]:
        """Every axis that the value depends on, through atoms too."""
        found: set[Axis] = set()
        for atom in self.terms:
            found |= atom_axes(atom)
        return frozenset(found)

    def as_axis(self) -> Axis | None:
        """The axis that this expression is, or None when it is anything else."""
        if len(self.terms) == 1 and self.constant == 0:
            ((atom, coefficient),) = self.terms.items()
            if isinstance(atom, Axis) and coefficient == 1:
                return atom
        return None

    def upper_bound(self) -> int | None:
        """The largest value, when all is static and every coefficient is nonnegative."""
        if not isinstance(self.constant, int):
            return None
        total = self.constant
        for atom, coefficient in self.terms.items():
            largest = _largest(atom)
            if largest is None or not isinstance(coefficient, int) or coefficient < 0:
                return None
            total += coefficient * largest
        return total

    def __repr__(self) -> str:
        parts = [
            repr(a) if c == 1 else f"{_grouped(c)}*{a!r}"
            for a, c in self.terms.items()
        ]  # fmt: skip
        if self.constant != 0 or not parts:
            parts.append(repr(self.constant))
        return " + ".join(parts)


ZERO = IndexExpr({}, 0)


def constant_index(value: Dim) -> IndexExpr:
    """The index that is always `value`."""
    return IndexExpr({}, value)


def axis_index(axis: Axis) -> IndexExpr:
    """The index that is the axis itself; zero when its extent is one."""
    return ZERO if axis.extent == 1 else IndexExpr({axis: 1})


def atom_axes(atom: Atom) -> frozenset[Axis]:
    """The axes that an atom's value depends on."""
    if isinstance(atom, Axis):
        return frozenset((atom,))
    return atom.axes if isinstance(atom, Loaded) else atom.inner.axes()


def _grouped(dim: Dim) -> str:
    return f"({dim})" if isinstance(dim, SymDim) and len(dim.terms) > 1 else str(dim)


def _largest(atom: Atom) -> int | None:
    if isinstance(atom, (Axis, Loaded)):
        return atom.extent - 1 if isinstance(atom.extent, int) else None
    if isinstance(atom, Remainder):
        return atom.size - 1 if isinstance(atom.size, int) else None
    inner = atom.inner.upper_bound()
    return inner // atom.size if inner is not None and isinstance(atom.size, int) else None


def _split(index: IndexExpr, size: Dim) -> tuple[IndexExpr, IndexExpr]:
    """``index == quotient * size + rest`` by exact division, term by term."""
    quotient: dict[Atom, Dim] = {}
    rest: dict[Atom, Dim] = {}
    for atom, coefficient in index.terms.items():
        exact = exact_quotient(coefficient, size)
        if exact is None:
            rest[atom] = coefficient
        else:
            quotient[atom] = exact
    whole: Dim = 0
    left = index.constant
    if isinstance(left, int) and isinstance(size, int):
        whole, left = divmod(left, size)
    elif (exact := exact_quotient(left, size)) is not None:
        whole, left = exact, 0
    return IndexExpr(quotient, whole), IndexExpr(rest, left)


def _below(index: IndexExpr, size: Dim) -> bool:
    """Whether ``0 <= index < size`` for sure."""
    if isinstance(size, int):
        bound = index.upper_bound()
        return bound is not None and bound < size
    axis = index.as_axis()
    return axis is not None and axis.extent == size


def floor_divide(index: IndexExpr, size: Dim) -> IndexExpr:
    """``index // size`` for a nonnegative index."""
    if size == 1:
        return index
    quotient, rest = _split(index, size)
    if _below(rest, size):
        return quotient
    return quotient + IndexExpr({Quotient(rest, size): 1})


def remainder(index: IndexExpr, size: Dim) -> IndexExpr:
    """``index % size`` for a nonnegative index."""
    if size == 1:
        return ZERO
    _, rest = _split(index, size)
    if _below(rest, size):
        return rest
    return IndexExpr({Remainder(rest, size): 1})


def linearize(index: Sequence[IndexExpr], shape: Shape) -> IndexExpr:
    """The row-major position of an element."""
    total = ZERO
    for part, dim in zip(index, shape, strict=True):
        total = total * dim + part
    return total


def delinearize(position: IndexExpr, shape: Shape) -> tuple[IndexExpr, ...]:
    """The index of the element at a row-major position."""
    index: list[IndexExpr] = []
    for k in reversed(range(len(shape))):
        if shape[k] == 1 or shape[k] == 0:  # of no elements, any index is right
            index.append(ZERO)
            continue
        if all(dim == 1 for dim in shape[:k]):
            index.append(position)
            position = ZERO
            continue
        index.append(remainder(position, shape[k]))
        position = floor_divide(position, shape[k])
    return tuple(reversed(index))


def reshape_index(index: Sequence[IndexExpr], shape: Shape, source: Shape) -> tuple[IndexExpr, ...]:
    """Where in an array of shape `source` the element `index` of its reshape to `shape` lies.

    Runs of dimensions with equal products are treated apart, so that a batch dimension that both
    shapes have stays what it is.
    """
    result: list[IndexExpr] = []
    start, source_start = 0, 0
    while start < len(shape) or source_start < len(source):
        stop, source_stop = start, source_start
        size: Dim = 1
        source_size: Dim = 1
        if stop < len(shape):
            size, stop = shape[stop], stop + 1
        if source_stop < len(source):
            source_size, source_stop = source[source_stop], source_stop + 1
        while size != source_size:
            if stop < len(shape) and (source_stop == len(source) or _smaller(size, source_size)):
                size, stop = size * shape[stop], stop + 1
            elif source_stop < len(source):
                source_size, source_stop = source_size * source[source_stop], source_stop + 1
            else:
                break
        position = linearize(index[start:stop], shape[start:stop])
        result += delinearize(position, source[source_start:source_stop])
        start, source_start = stop, source_stop
    return tuple(result)


def _smaller(left: Dim, right: Dim) -> bool:
    if isinstance(left, int) and isinstance(right, int):
        return left < right
    return exact_quotient(right, left) is not None


def substitute(index: IndexExpr, values: Mapping[Axis, IndexExpr]) -> IndexExpr:
    """The expression with axes replaced; atoms of data keep their axes."""
    total = constant_index(index.constant)
    for atom, coefficient in index.terms.items():
        if isinstance(atom, Axis):
            term = values.get(atom, IndexExpr({atom: 1}))
        elif isinstance(atom, Quotient):
            term = floor_divide(substitute(atom.inner, values), atom.size)
        elif isinstance(atom, Remainder):
            term = remainder(substitute(atom.inner, values), atom.size)
        else:
            term = IndexExpr({atom: 1})
        total = total + term * coefficient
    return total
