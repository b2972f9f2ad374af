"""TensorArrays in a trace.

A TensorArray is one value, all its elements stacked: what an operation calls its *flow* is that
value. Before anything is written, the shape of the elements may not be known yet; the flow is then
an `UnwrittenArray`. Elements of different shapes, written one by one, are an `ElementList`. The
handle says what was declared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from graphflow.graph.dtypes import DType, float32
from graphflow.graph.tensor import Tensor
from graphflow.ir.builder import Builder
from graphflow.ir.dims import evaluate, is_static
from graphflow.ir.node import Node


@dataclass(frozen=True)
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
    element: Any = field(hash=False)
    name: str

    def sized(self, symbols: Mapping[str, int]) -> TensorArrayValue:
        """The same for these values of the symbols in its size."""
        return replace(self, size=evaluate(self.size, symbols))


@dataclass(frozen=True)
class UnwrittenArray:
    """The flow of an array of which no element has been written; equal when all it says is.

    Attributes
    ----------
    size : how many elements; None when it is the number of rounds of `loop`.
    loop : the frame of the loop that writes one element a round.
    grows : whether it takes as many elements more as a loop that carries it has rounds.
    constant : what every element is, where a loop writes one constant in every round, or an array
        of an inner loop that is such an array itself.
    """

    dtype: DType
    size: Any
    loop: str = ""
    grows: bool = False
    constant: Node | UnwrittenArray | TensorArrayValue | None = None

    def sized(self, symbols: Mapping[str, int]) -> UnwrittenArray:
        """The same for these values of the symbols in its sizes."""
        size = None if self.size is None else evaluate(self.size, symbols)
        node = self.constant
        if isinstance(node, (UnwrittenArray, TensorArrayValue)):
            node = node.sized(symbols)
        elif node is not None and not is_static(node.shape):
            shape = tuple(evaluate(d, symbols) for d in node.shape)
            node = Builder().broadcast(node.inputs[0], shape, node["axes"])
        return replace(self, size=size, constant=node)


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


def is_flow(tensor: Tensor, value: Node) -> bool:
    """Whether a value is an array's elements, where the graph knows a flow: a number."""
    return value.rank > 0 and tensor.dtype is float32 and tensor.shape.rank == 0


WITHOUT_ELEMENTS = (TensorArrayValue, UnwrittenArray)
ARRAY_VALUES = (TensorArrayValue, UnwrittenArray, ElementList)
