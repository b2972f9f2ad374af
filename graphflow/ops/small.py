"""Small public functions that no family holds."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from graphflow.graph.dtypes import as_dtype, float64
from graphflow.graph.indexed_slices import IndexedSlices
from graphflow.graph.shapes import TensorShape
from graphflow.graph.sparse_tensor import SparseTensor
from graphflow.graph.tensor import Tensor
from graphflow.ops.functional import map_fn
from graphflow.ops.py_func import py_func
from graphflow.ops.variables import Variable

__all__ = [
    "TensorSpec", "get_logger", "is_tensor", "timestamp", "vectorized_map",
]  # fmt: skip


def get_logger() -> logging.Logger:
    """TensorFlow's logger."""
    return logging.getLogger("tensorflow")


def is_tensor(x: Any) -> bool:
    """Whether something is a tensor, a variable, or a sparse form of a tensor."""
    return isinstance(x, (Tensor, Variable, SparseTensor, IndexedSlices))


def timestamp(name: str | None = None) -> Tensor:
    """The seconds since 1970 when the operation runs, as float64."""
    found: Tensor = py_func(lambda: np.float64(time.time()), [], float64, name=name or "Timestamp")
    found.set_shape([])
    return found


def vectorized_map(fn: Callable[..., Any], elems: Any) -> Any:
    """`map_fn`: the loop over the elements is compiled, as is what `fn` does."""
    from graphflow.graph import nest

    shapes = nest.flatten(elems)
    with_types = fn(nest.map_structure(lambda t: t[0], elems)) if shapes else None
    types = nest.map_structure(lambda t: t.dtype, with_types)
    return map_fn(fn, elems, dtype=types)


class TensorSpec:
    """The shape, type and name of a tensor that is to come."""

    def __init__(self, shape: Any, dtype: Any = "float32", name: str | None = None) -> None:
        self.shape, self.dtype, self.name = TensorShape(shape), as_dtype(dtype), name

    @classmethod
    def from_tensor(cls, tensor: Tensor, name: str | None = None) -> TensorSpec:
        """The specification of a tensor."""
        return cls(tensor.shape, tensor.dtype, name or tensor.op.name)

    def is_compatible_with(self, other: Any) -> bool:
        """Whether a tensor or another specification fits."""
        fits: bool = self.dtype == other.dtype and self.shape.is_compatible_with(other.shape)
        return fits

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TensorSpec):
            return False
        mine = self.shape.as_list() if self.shape.rank is not None else None
        theirs = other.shape.as_list() if other.shape.rank is not None else None
        return (mine, self.dtype, self.name) == (theirs, other.dtype, other.name)

    def __hash__(self) -> int:
        return hash((str(self.shape), self.dtype, self.name))

    def __repr__(self) -> str:
        return f"TensorSpec(shape={self.shape}, dtype={self.dtype!r}, name={self.name!r})"
