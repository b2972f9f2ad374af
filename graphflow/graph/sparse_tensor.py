"""A tensor of which only some elements are present: three dense tensors taken together."""

from __future__ import annotations

from typing import Any, NamedTuple

from graphflow.graph.constants import constant_value_as_shape
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import DType, int64
from graphflow.graph.graph import Graph
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor


class SparseTensorValue(NamedTuple):
    """What feeding a `SparseTensor` takes and fetching it gives: three arrays."""

    indices: Any
    values: Any
    dense_shape: Any


class SparseTensor:
    """Some elements of a larger tensor: element ``indices[i]`` is ``values[i]``, others are zero.

    Most functions want the indices in order: by rows, then by columns, and so on.

    Parameters
    ----------
    indices : int64 of shape (n, rank).
    values : of shape (n,).
    dense_shape : int64 of shape (rank,), the shape of the whole.
    """

    def __init__(self, indices: Any, values: Any, dense_shape: Any) -> None:
        with name_scope(None, "SparseTensor", [indices, values, dense_shape]):
            self.indices = convert_to_tensor(indices, name="indices", dtype=int64)
            self.values = convert_to_tensor(values, name="values")
            self.dense_shape = convert_to_tensor(dense_shape, name="dense_shape", dtype=int64)
        places = self.indices.shape.with_rank(2)
        sizes = self.dense_shape.shape.with_rank(1)
        places[0].merge_with(self.values.shape.with_rank(1)[0])
        places[1].merge_with(sizes[0])

    @classmethod
    def from_value(cls, sparse_tensor_value: Any) -> SparseTensor:
        """Return a sparse tensor of constants.

        Raises
        ------
        TypeError : neither a `SparseTensorValue` nor a `SparseTensor`.
        """
        if not isinstance(sparse_tensor_value, (SparseTensor, SparseTensorValue)):
            raise TypeError(
                f"Neither a SparseTensor nor SparseTensorValue: {type(sparse_tensor_value)}."
            )
        value = sparse_tensor_value
        return cls(value.indices, value.values, value.dense_shape)

    @property
    def op(self) -> Operation:
        """The operation that gives `values`."""
        return self.values.op

    @property
    def dtype(self) -> DType:
        """The element type."""
        return self.values.dtype

    @property
    def graph(self) -> Graph:
        """The graph of the three tensors."""
        return self.indices.graph

    @property
    def name(self) -> str:
        """The name of `values`."""
        return self.values.name

    @property
    def shape(self) -> TensorShape:
        """The static shape of the whole."""
        return constant_value_as_shape(self.dense_shape)

    def get_shape(self) -> TensorShape:
        """Return `shape`."""
        return self.shape

    def consumers(self) -> list[Operation]:
        """Return the operations that take `values` or `indices`."""
        return self.values.consumers() + self.indices.consumers()

    def eval(self, feed_dict: Any = None, session: Any = None) -> SparseTensorValue:
        """Run a session for the value; the default session when none is given."""
        parts = (self.indices, self.values, self.dense_shape)
        found = [part.eval(feed_dict, session) for part in parts]
        return SparseTensorValue(*found)

    def __str__(self) -> str:
        return (
            f"SparseTensor(indices={self.indices}, values={self.values}, "
            f"dense_shape={self.dense_shape})"
        )

    @classmethod
    def _override_operator(cls, operator: str, function: Any) -> None:
        setattr(cls, operator, function)


def components(sparse: SparseTensor) -> tuple[Tensor, Tensor, Tensor]:
    """The three tensors of a sparse one."""
    return sparse.indices, sparse.values, sparse.dense_shape


def as_sparse(value: Any) -> SparseTensor:
    """A `SparseTensor`, made of constants when a `SparseTensorValue` is given.

    Raises
    ------
    TypeError : it is neither.
    """
    if isinstance(value, SparseTensorValue):
        return SparseTensor.from_value(value)
    if not isinstance(value, SparseTensor):
        raise TypeError("Input must be a SparseTensor.")
    return value
