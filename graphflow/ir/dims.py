"""Dimensions of a Program: plain integers, or polynomials over size symbols.

A Program is compiled for concrete shapes, or with one or more dimensions left symbolic on purpose
(the batch, once several sizes of it have been seen). A symbolic dimension is a `SymDim`: a
polynomial with integer coefficients over symbols, closed under addition, multiplication and exact
division. A symbol stands for any size from 2 up, so ``n == 1`` and ``n == 0`` are false; every
other question that its value would have to answer raises `UndecidableDim`, and the run falls back
to a concrete compilation.

A symbol whose name begins with ``?`` stands for any size at all: shape inference uses such symbols.
A symbol may carry a typical size in its name, ``n0~128``. It guides decisions about speed
(`typical`), and is part of the name because code that was compiled by it is another code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import inf
from operator import index
from typing import Any, Union

Monomial = tuple[str, ...]

TYPICAL = 64  # the size that an unhinted symbol is taken to have where work is estimated
_HINT = "~"


class UndecidableDim(Exception):
    """A decision would depend on the value of a symbolic dimension."""


class SymDim:
    """A polynomial over size symbols; immutable, hashable, never equal to an integer."""

    __slots__ = ("_hash", "terms")

    def __init__(self, terms: Mapping[Monomial, int]) -> None:
        self.terms = dict(sorted(terms.items()))
        self._hash = hash(tuple(self.terms.items()))

    @classmethod
    def symbol(cls, name: str, typical: int | None = None) -> SymDim:
        """The dimension that is the symbol `name` itself, which is `typical` as a rule."""
        return cls({(name if typical is None else f"{name}{_HINT}{typical}",): 1})

    def symbols(self) -> frozenset[str]:
        """The names of the symbols that occur."""
        return frozenset(name for monomial in self.terms for name in monomial)

    def evaluate(self, values: Mapping[str, int]) -> int:
        """The size for the given values of the symbols."""
        total = 0
        for monomial, coefficient in self.terms.items():
            for name in monomial:
                coefficient *= values[name]
            total += coefficient
        return total

    def __add__(self, other: Dim) -> Dim:
        terms = dict(self.terms)
        for monomial, coefficient in _terms(other).items():
            terms[monomial] = terms.get(monomial, 0) + coefficient
        return _normal(terms)

    __radd__ = __add__

    def __neg__(self) -> Dim:
        return self * -1

    def __sub__(self, other: Dim) -> Dim:
        return self + other * -1

    def __rsub__(self, other: int) -> Dim:
        return self * -1 + other

    def __mul__(self, other: Dim) -> Dim:
        terms: dict[Monomial, int] = {}
        for left, a in self.terms.items():
            for right, b in _terms(other).items():
                monomial = tuple(sorted(left + right))
                terms[monomial] = terms.get(monomial, 0) + a * b
        return _normal(terms)

    __rmul__ = __mul__

    def __floordiv__(self, other: Dim) -> Dim:
        quotient = exact_quotient(self, other)
        if quotient is None:
            raise UndecidableDim(f"{self} // {other}")
        return quotient

    def __rfloordiv__(self, other: int) -> Dim:
        if other == 0:
            return 0
        raise UndecidableDim(f"{other} // {self}")

    def __mod__(self, other: Dim) -> int:
        if exact_quotient(self, other) is None:
            raise UndecidableDim(f"{self} % {other}")
        return 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SymDim) and self.terms == other.terms

    def __hash__(self) -> int:
        return self._hash

    def _bound_against(self, other: Any, sign: int) -> float:
        """A bound of ``sign * (self - other)`` from below; minus infinity where there is none."""
        difference = (self - other) * sign
        if isinstance(difference, int):
            return difference
        if any(c < 0 for monomial, c in difference.terms.items() if monomial):
            return -inf
        return difference.evaluate({name: _least(name) for name in difference.symbols()})

    def __lt__(self, other: Any) -> bool:
        if self._bound_against(other, 1) >= 0:
            return False
        return self._bound_against(other, -1) > 0 or _undecidable(self, other)

    def __le__(self, other: Any) -> bool:
        if self._bound_against(other, 1) > 0:
            return False
        return self._bound_against(other, -1) >= 0 or _undecidable(self, other)

    def __gt__(self, other: Any) -> bool:
        return not self <= other

    def __ge__(self, other: Any) -> bool:
        return not self < other

    def __bool__(self) -> bool:
        return True

    def __int__(self) -> int:
        raise UndecidableDim(f"int({self})")

    __index__ = __int__

    def __repr__(self) -> str:
        parts = []
        for monomial, coefficient in reversed(self.terms.items()):
            factors = ([str(coefficient)] if coefficient != 1 or not monomial else []) + [*monomial]
            parts.append("*".join(factors))
        return "+".join(parts).replace("+-", "-")


Dim = Union[int, SymDim]  # noqa: UP007  # evaluated at import
Shape = tuple[Dim, ...]


def _undecidable(left: Any, right: Any) -> bool:
    raise UndecidableDim(f"{left} against {right}")


def _terms(value: Dim) -> Mapping[Monomial, int]:
    return value.terms if isinstance(value, SymDim) else {(): index(value)}


def _normal(terms: Mapping[Monomial, int]) -> Dim:
    kept = {monomial: c for monomial, c in terms.items() if c != 0}
    if not kept:
        return 0
    if set(kept) == {()}:
        return kept[()]
    return SymDim(kept)


def exact_quotient(numerator: Dim, denominator: Dim) -> Dim | None:
    """``numerator / denominator`` where it is exact whatever the symbols' values, else None.

    The denominator is an integer or a single monomial.
    """
    if isinstance(numerator, int) and isinstance(denominator, int):
        if denominator == 0 or numerator % denominator:
            return None
        return numerator // denominator
    if numerator == denominator:
        return 1
    divisor = _terms(denominator)
    if len(divisor) != 1:
        return None
    ((factors, factor),) = divisor.items()
    quotient: dict[Monomial, int] = {}
    for monomial, coefficient in _terms(numerator).items():
        rest = list(monomial)
        for name in factors:
            if name not in rest:
                return None
            rest.remove(name)
        if factor == 0 or coefficient % factor:
            return None
        quotient[tuple(rest)] = coefficient // factor
    return _normal(quotient)


def dims_equal(left: Dim, right: Dim) -> bool:
    """Whether two dimensions are the same size.

    Raises
    ------
    UndecidableDim : a symbol is compared with an integer other than 0 and 1, or with another form.
    """
    if isinstance(left, int) and isinstance(right, int):
        return left == right
    if left == right:
        return True
    if (isinstance(left, int) and left in (0, 1)) or (isinstance(right, int) and right in (0, 1)):
        return False
    raise UndecidableDim(f"{left} == {right}")


def shapes_equal(left: Shape, right: Shape) -> bool:
    """Whether two shapes are the same, dimension by dimension (see `dims_equal`)."""
    if left == right:
        return True
    return len(left) == len(right) and all(map(dims_equal, left, right))


def product(dims: Iterable[Dim]) -> Dim:
    """The product of dimensions; 1 for none."""
    total: Dim = 1
    for dim in dims:
        total = total * dim
    return total


def is_static(shape: Iterable[Dim]) -> bool:
    """Whether no dimension is symbolic."""
    return all(isinstance(dim, int) for dim in shape)


def evaluate(dim: Dim, values: Mapping[str, int]) -> int:
    """The concrete size of a dimension."""
    return dim.evaluate(values) if isinstance(dim, SymDim) else dim


def _least(name: str) -> int:
    return 0 if name.startswith("?") else 2


def typical(dim: Dim) -> int:
    """The size to reckon with where only speed depends on it."""
    if not isinstance(dim, SymDim):
        return dim
    return dim.evaluate({name: _typical_size(name) for name in dim.symbols()})


def _typical_size(name: str) -> int:
    _, found, size = name.partition(_HINT)
    return int(size) if found else TYPICAL
