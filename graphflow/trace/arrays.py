"""TensorArrays in a trace.

A TensorArray is one value, all its elements stacked: what an operation calls its *flow* is that
value. Before anything is written, the shape of the elements may not be known yet; the flow is then
an `UnwrittenArray`. The handle says what was declared.
"""

from __future__ import annotations

from dataclasses import dataclass
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
