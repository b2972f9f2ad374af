"""Operators whose rows are moved copies of one: Toeplitz and circulant matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.dtypes import as_dtype, complex64
from graphflow.graph.shapes import TensorShape, broadcast
from graphflow.graph.tensor import Tensor
from graphflow.linear_operators.base import LinearOperator, dense_product, turned
from graphflow.ops.casting import cast
from graphflow.ops.gathering import gather
from graphflow.ops.joining import concat
from graphflow.ops.reductions import reduce_prod, reduce_sum
from graphflow.ops.shape import broadcast_dynamic_shape, broadcast_to, expand_dims, reshape
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.spectral import fft, fft2d, fft3d, ifft, ifft2d, ifft3d
from graphflow.ops.transposing import conjugate, transpose
from graphflow.ops.unary import abs as absolute
from graphflow.ops.unary import log


class LinearOperatorToeplitz(LinearOperator):
    """A matrix whose diagonals are constant.

    Parameters
    ----------
    col, row : the first column and the first row, (..., n); their first elements are the same.
    """

    def __init__(
        self, col: Any, row: Any, is_non_singular: bool | None = None,
        is_self_adjoint: bool | None = None, is_positive_definite: bool | None = None,
        is_square: bool | None = None, name: str = "LinearOperatorToeplitz",
    ) -> None:  # fmt: skip
        self._col = convert_to_tensor(col, name="col")
        self._row = convert_to_tensor(row, dtype=self._col.dtype, name="row")
        if is_square is False:
            raise ValueError("Only square Toeplitz operators currently supported.")
        super().__init__(
            self._col.dtype, [self._col, self._row], is_non_singular, is_self_adjoint,
            is_positive_definite, True, name,
        )  # fmt: skip

    @property
    def col(self) -> Tensor:
        """The first column."""
        return self._col

    @property
    def row(self) -> Tensor:
        """The first row."""
        return self._row

    def _shape(self) -> TensorShape:
        if self._col.shape.rank is None or self._row.shape.rank is None:
            return TensorShape(None)
        shape = broadcast(self._col.shape, self._row.shape)
        return shape.concatenate(shape[-1:])

    def _shape_tensor(self) -> Tensor:
        sizes: Any = broadcast_dynamic_shape(shape_of(self._col), shape_of(self._row))
        return concat([sizes, sizes[-1:]], 0)

    def _to_dense(self) -> Tensor:
        size = self.domain_dimension.value
        if size is None:
            raise ValueError("expected a Toeplitz operator of known size")
        rows, columns = np.indices((size, size))
        sizes = broadcast_dynamic_shape(shape_of(self._col), shape_of(self._row))
        col, row = (broadcast_to(part, sizes) for part in (self._col, self._row))
        line = concat([col, row[..., 1:]], -1)  # 0 to n-1, then above
        places = np.where(rows >= columns, rows - columns, size - 1 + columns - rows)
        return gather(line, places.astype(np.int32), axis=-1)

    def _matmul(self, x: Tensor, adjoint: bool = False, adjoint_arg: bool = False) -> Tensor:
        return dense_product(self.to_dense(), x, adjoint, adjoint_arg)

    def _trace(self) -> Tensor:
        first: Any = self.diag_part()
        return reduce_sum(first, axis=-1)


_TRANSFORMS = {1: (fft, ifft), 2: (fft2d, ifft2d), 3: (fft3d, ifft3d)}


class _Circulant(LinearOperator):
    """``F^H D F`` of a Fourier transform F, over blocks in one to three dimensions."""

    block_depth = 1

    def __init__(
        self, spectrum: Any, input_output_dtype: Any = complex64,
        is_non_singular: bool | None = None, is_self_adjoint: bool | None = None,
        is_positive_definite: bool | None = None, is_square: bool | None = True,
        name: str | None = None,
    ) -> None:  # fmt: skip
        self._spectrum = convert_to_tensor(spectrum, name="spectrum")
        rank = self._spectrum.shape.rank
        if rank is None or rank < self.block_depth:
            raise ValueError(f"Argument spectrum must have at least {self.block_depth} dimensions. "
                             f"Found: {spectrum}")  # fmt: skip
        if not self._spectrum.dtype.is_complex:
            if is_self_adjoint is False:
                raise ValueError("A real spectrum always corresponds to a self-adjoint operator.")
            is_self_adjoint = True
        if not is_square:
            raise ValueError("A circulant operator is always square.")
        super().__init__(
            as_dtype(input_output_dtype), [self._spectrum], is_non_singular, is_self_adjoint,
            is_positive_definite, True, name or type(self).__name__,
        )  # fmt: skip

    @property
    def spectrum(self) -> Tensor:
        """The Fourier transform of the convolution kernel."""
        return self._spectrum

    @property
    def block_shape(self) -> TensorShape:
        """The sizes of the transform's axes."""
        return self._spectrum.shape[-self.block_depth :]

    def block_shape_tensor(self) -> Tensor:
        """The sizes of the transform's axes."""
        sizes: Any = shape_of(self._spectrum)
        found: Tensor = sizes[-self.block_depth :]
        return found

    def convolution_kernel(self, name: str = "convolution_kernel") -> Tensor:
        """What a product convolves with."""
        with self._scope(name):
            kernel = _TRANSFORMS[self.block_depth][1](self._complex_spectrum())
            return cast(kernel, self.dtype)

    def _complex_spectrum(self) -> Tensor:
        known = self._spectrum.dtype.is_complex
        kind = "complex128" if self._spectrum.dtype.name == "float64" else "complex64"
        return self._spectrum if known else cast(self._spectrum, kind)

    def _shape(self) -> TensorShape:
        size = self.block_shape.num_elements()
        lead = self._spectrum.shape[: -self.block_depth]
        return lead.concatenate(TensorShape([size, size]))

    def _shape_tensor(self) -> Tensor:
        sizes: Any = shape_of(self._spectrum)
        size = expand_dims(reduce_prod(sizes[-self.block_depth :]), 0)
        return concat([sizes[: -self.block_depth], size, size], 0)

    def _filtered(self, x: Tensor, spectrum: Any, adjoint: bool, adjoint_arg: bool) -> Tensor:
        """The columns, transformed, multiplied, and transformed back."""
        right = turned(x) if adjoint_arg else x
        rank = right.shape.rank
        assert rank is not None
        order = [*range(rank - 2), rank - 1, rank - 2]
        rows: Any = transpose(right, order)
        sizes: Any = shape_of(rows)
        blocks = reshape(rows, concat([sizes[:-1], self.block_shape_tensor()], 0))
        spectrum = conjugate(spectrum) if adjoint else spectrum
        forward, back = _TRANSFORMS[self.block_depth]
        factors = expand_dims(spectrum, -1 - self.block_depth)  # one for all columns
        found: Any = back(factors * forward(cast(blocks, spectrum.dtype)))
        shape: Any = shape_of(found)
        size = reduce_prod(shape[-self.block_depth :])
        flat = reshape(found, concat([shape[: -self.block_depth], expand_dims(size, 0)], 0))
        rank = flat.shape.rank
        assert rank is not None
        made = transpose(flat, [*range(rank - 2), rank - 1, rank - 2])
        return cast(made, self.dtype)

    def _matmul(self, x: Tensor, adjoint: bool = False, adjoint_arg: bool = False) -> Tensor:
        return self._filtered(x, self._complex_spectrum(), adjoint, adjoint_arg)

    def _solve(self, rhs: Tensor, adjoint: bool = False, adjoint_arg: bool = False) -> Tensor:
        spectrum: Any = self._complex_spectrum()
        return self._filtered(rhs, 1.0 / spectrum, adjoint, adjoint_arg)

    def _axes(self) -> list[int]:
        return list(range(-self.block_depth, 0))

    def _diag_part(self) -> Tensor:
        total: Any = expand_dims(self._trace(), -1)
        size: Any = self.domain_dimension_tensor()
        sizes = concat([self.batch_shape_tensor(), expand_dims(size, 0)], 0)
        return broadcast_to(total / cast(size, self.dtype), sizes)

    def _trace(self) -> Tensor:
        return cast(reduce_sum(self._spectrum, axis=self._axes()), self.dtype)

    def _determinant(self) -> Tensor:
        return cast(reduce_prod(self._spectrum, axis=self._axes()), self.dtype)

    def _log_abs_determinant(self) -> Tensor:
        return cast(reduce_sum(log(absolute(self._spectrum)), axis=self._axes()), self.dtype)


class LinearOperatorCirculant(_Circulant):
    """A circulant matrix, by the Fourier transform of its first column, (..., n)."""


class LinearOperatorCirculant2D(_Circulant):
    """A block circulant matrix, by the transform (..., n0, n1) of its kernel."""

    block_depth = 2


class LinearOperatorCirculant3D(_Circulant):
    """A nested block circulant matrix, by the transform (..., n0, n1, n2) of its kernel."""

    block_depth = 3
