"""How many units of work a kernel's range has, for sizes that may be known in the run only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphflow.ir.dims import Dim, SymDim, evaluate, typical


@dataclass(frozen=True)
class Extent:
    """``factor * ceil(dim / size) * ...`` over the pairs in `blocks`."""

    factor: Dim
    blocks: tuple[tuple[Dim, int], ...] = ()

    def evaluate(self, symbols: Mapping[str, int]) -> int:
        """The number of units for the given values of the symbols."""
        units = evaluate(self.factor, symbols)
        for dim, size in self.blocks:
            units *= -(-evaluate(dim, symbols) // size)
        return units

    def typical(self) -> int:
        """The number of units to reckon with where only speed depends on it."""
        units = typical(self.factor)
        for dim, size in self.blocks:
            units *= -(-typical(dim) // size)
        return units

    def data(self) -> list[Any]:
        """The extent as plain lists; see `from_data`."""
        return [dim_data(self.factor), [[dim_data(dim), size] for dim, size in self.blocks]]

    @classmethod
    def from_data(cls, data: list[Any]) -> Extent:
        """The extent that `data` describes."""
        factor, blocks = data
        return cls(dim_from_data(factor), tuple((dim_from_data(d), size) for d, size in blocks))


def dim_data(dim: Dim) -> Any:
    """A dimension as an integer, or as a list of its terms."""
    if isinstance(dim, SymDim):
        return [[list(monomial), count] for monomial, count in dim.terms.items()]
    return dim


def dim_from_data(data: Any) -> Dim:
    """The dimension that `dim_data` described."""
    if isinstance(data, list):
        return SymDim({tuple(monomial): count for monomial, count in data})
    return int(data)
