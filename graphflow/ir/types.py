"""The type of a Program's value: element type and shape."""

from __future__ import annotations

from typing import NamedTuple

from graphflow.graph.dtypes import DType
from graphflow.ir.dims import Dim, Shape, evaluate, is_static, product


class TensorType(NamedTuple):
    """Element type and shape; prints as ``f32[32,784]``."""

    dtype: DType
    shape: Shape

    @property
    def rank(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> Dim:
        """The number of elements."""
        return product(self.shape)

    @property
    def nbytes(self) -> Dim:
        """The number of bytes of a dense array of this type."""
        return self.size * self.dtype.size

    @property
    def is_static(self) -> bool:
        """Whether every dimension is an integer."""
        return is_static(self.shape)

    def concrete(self, values: dict[str, int]) -> TensorType:
        """The type with symbols replaced by their values."""
        return TensorType(self.dtype, tuple(evaluate(dim, values) for dim in self.shape))

    def __str__(self) -> str:
        return f"{self.dtype.short}[{','.join(map(str, self.shape))}]"
