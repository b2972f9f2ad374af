"""A tensor of which only some rows are present: the gradient of a lookup in a table."""

from __future__ import annotations

from typing import Any, NamedTuple

from graphflow.graph.default import graph_from_inputs
from graphflow.graph.dtypes import DType
from graphflow.graph.graph import Graph
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor


class IndexedSlicesValue(NamedTuple):
    """What fetching an `IndexedSlices` gives: three arrays, the last one perhaps None."""

    values: Any
    indices: Any
    dense_shape: Any


class IndexedSlices:
    """Rows of a larger tensor: row ``indices[i]`` is ``values[i]``, all others are zero.

    A row may occur several times; its value is then the sum.

    Attributes
    ----------
    values : Tensor of shape (n, d1, ..., dk).
    indices : integer Tensor of shape (n,).
    dense_shape : integer Tensor, the shape (d0, d1, ..., dk) of the whole; None when unknown.
    """

    def __init__(self, values: Tensor, indices: Tensor, dense_shape: Tensor | None = None) -> None:
        graph_from_inputs([values, indices, dense_shape])
        self.values = values
        self.indices = indices
        self.dense_shape = dense_shape

    @property
    def name(self) -> str:
        """The name of `values`."""
        return self.values.name

    @property
    def device(self) -> str:
        """The device of `values`."""
        return self.values.device

    @property
    def op(self) -> Operation:
        """The operation that gives `values`."""
        return self.values.op

    @property
    def dtype(self) -> DType:
        """The element type of `values`."""
        return self.values.dtype

    @property
    def graph(self) -> Graph:
        """The graph of `values`."""
        return self.values.graph

    def consumers(self) -> list[Operation]:
        """Return the operations that take `values`."""
        return self.values.consumers()

    def __neg__(self) -> IndexedSlices:
        return IndexedSlices(-self.values, self.indices, self.dense_shape)

    def __str__(self) -> str:
        shape = "" if self.dense_shape is None else f", dense_shape={self.dense_shape}"
        return f"IndexedSlices(indices={self.indices}, values={self.values}{shape})"
