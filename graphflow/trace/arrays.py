"""TensorArrays in a trace.

A TensorArray is one value, all its elements stacked: what an operation calls its *flow* is that
value. Before anything is written, the shape of the elements may not be known yet; the flow is then
an `UnwrittenArray`. Elements of different shapes, written one by one, are an `ElementList`. The
handle says what was declared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphflow.graph.dtypes import DType
from graphflow.ir.node import Node


@dataclass(frozen=True, eq=False)
class TensorArrayValue:
    """What a TensorArray's handle stands for.

    Attributes
    ----------
    size : how many elements it was made with.
    dynamic_size : whether writing beyond makes it larger.
    element : the declared shape of an element; a TensorShape.
    """

    dtype: DType
    size: Any
    dynamic_size: bool
    element: Any
    name: str


@dataclass(frozen=True, eq=False)
class UnwrittenArray:
    """The flow of an array of which no element has been written.

    Attributes
    ----------
    size : how many elements; None when it is the number of rounds of `loop`.
    loop : the frame of the loop that writes one element a round.
    grows : whether it takes as many elements more as a loop that carries it has rounds.
    constant : what every element is, where a loop writes one constant in every round.
    """

    dtype: DType
    size: Any
    loop: str = ""
    grows: bool = False
    constant: Node | None = None


@dataclass(frozen=True, eq=False)
class ElementList:
    """The flow of an array whose elements have different shapes.

    Attributes
    ----------
    size : how many elements there are, those not written among them.
    elements : what was written, by index.
    """

    dtype: DType
    size: Any
    elements: Mapping[int, Node] = field(default_factory=dict)

    def changed(self, index: int, value: Node) -> ElementList:
        """The list with one element replaced."""
        size = max(self.size, index + 1)
        return ElementList(self.dtype, size, {**self.elements, index: value})

    def ordered(self) -> list[Node]:
        """The elements in order; ValueError when one is missing."""
        missing = [k for k in range(self.size) if k not in self.elements]
        if missing:
            raise ValueError(f"Could not read from TensorArray index {missing[0]}: not written to")
        return [self.elements[k] for k in range(self.size)]


ARRAY_VALUES = (TensorArrayValue, UnwrittenArray, ElementList)
