"""Initializers whose matrices, or whose convolutions, keep lengths.

`Orthogonal` makes a matrix of orthonormal rows or columns from the QR decomposition of a normal
one. A kernel that is such a matrix at its centre and zero elsewhere keeps the norm of an image
(delta-orthogonal; Xiao et al., ICML 2018). The others are products of two-element kernels
``(P, I - P)`` along each axis, with P a random orthogonal projection, and of an orthogonal matrix.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

from graphflow.graph.dtypes import float32
from graphflow.graph.tensor import Tensor
from graphflow.ops.casting import cast
from graphflow.ops.comparison import greater
from graphflow.ops.decompositions import qr
from graphflow.ops.diagonals import diag_part, eye
from graphflow.ops.elementwise import add_n, multiply, subtract
from graphflow.ops.gathering import scatter_nd
from graphflow.ops.initializers import Initializer, as_floating
from graphflow.ops.joining import stack
from graphflow.ops.linear import matmul
from graphflow.ops.random import random_normal
from graphflow.ops.shape import expand_dims, reshape
from graphflow.ops.transposing import matrix_transpose
from graphflow.ops.unary import sign

Kernel = dict[tuple[int, ...], Any]


class Orthogonal(Initializer):
    """A matrix with orthonormal rows or columns; the axes but the last count as one.

    Parameters
    ----------
    gain : what the matrix is multiplied by.
    seed : of the draws.
    dtype : the element type, floating.
    """

    def __init__(self, gain: float = 1.0, seed: int | None = None, dtype: Any = float32) -> None:
        self.gain, self.seed, self.dtype = gain, seed, as_floating(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        """Return the matrix in the wanted shape."""
        dtype = self.dtype if dtype is None else dtype
        sizes = [int(size) for size in shape]
        if len(sizes) < 2:
            raise ValueError("The tensor to initialize must be at least two-dimensional")
        rows, columns = math.prod(sizes[:-1]), sizes[-1]
        made = self.columns(max(rows, columns), min(rows, columns), dtype)
        if rows < columns:
            made = matrix_transpose(made)
        result: Any = reshape(made, sizes)
        return self.gain * result

    def columns(self, rows: int, columns: int, dtype: Any) -> Tensor:
        """Orthonormal columns, uniformly distributed: R's diagonal is made positive."""
        drawn = random_normal([rows, columns], dtype=dtype, seed=self.seed)
        basis, triangle = qr(drawn, full_matrices=False)
        return multiply(basis, sign(diag_part(triangle)))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"gain": self.gain, "seed": self.seed, "dtype": self.dtype.name}


class ConvolutionDeltaOrthogonal(Orthogonal):
    """A kernel of one to three spatial axes that is orthogonal at its centre, zero elsewhere."""

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        """Return the kernel."""
        dtype = self.dtype if dtype is None else dtype
        sizes = [int(size) for size in shape]
        if not 3 <= len(sizes) <= 5:
            raise ValueError(
                "The tensor to initialize must be at least three-dimensional and at most "
                "five-dimensional"
            )
        _check_channels(sizes)
        matrix: Any = self.columns(sizes[-1], sizes[-1], dtype)
        matrix = multiply(matrix[: sizes[-2], :], cast(self.gain, dtype))
        centre = [(size - 1) // 2 for size in sizes[:-2]]
        return scatter_nd([centre], expand_dims(matrix, 0), sizes)


class _ConvolutionOrthogonal(Orthogonal):
    """Base of the kernels that are products of small ones."""

    axes: int
    rank_name: str

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        """Return the kernel."""
        dtype = self.dtype if dtype is None else as_floating(dtype)
        sizes = [int(size) for size in shape]
        if len(sizes) != self.axes + 2:
            raise ValueError(f"The tensor to initialize must be {self.rank_name}-dimensional")
        _check_channels(sizes)
        if len(set(sizes[: self.axes])) > 1:
            raise ValueError(f"Kernel sizes must be equal, got {sizes[: self.axes]}.")
        kernel = self.kernel(sizes[0], sizes[-2], sizes[-1], dtype)
        return multiply(_as_tensor(kernel, (), sizes[: self.axes]), cast(self.gain, dtype))

    def kernel(self, size: int, inputs: int, outputs: int, dtype: Any) -> Kernel:
        """Return the matrix at each place."""
        first: Any = self.columns(outputs, outputs, dtype)
        first = first[:inputs, :]
        if size == 1:
            return {(0,) * self.axes: first}
        product = self.small(outputs, dtype)
        for _ in range(size - 2):
            product = _convolved(product, self.small(outputs, dtype))
        return {place: matmul(first, matrix) for place, matrix in product.items()}

    def columns(self, rows: int, columns: int, dtype: Any) -> Tensor:
        """As of the base, each time with the next seed."""
        made = super().columns(rows, columns, dtype)
        self.next_seed()
        return made

    def next_seed(self) -> None:
        """Move on, so that equal seeds do not give equal draws."""
        if self.seed:
            self.seed += 1

    def projection(self, count: int, dtype: Any) -> Tensor:
        """A random symmetric projection."""
        basis = self.columns(count, count, dtype)
        drawn = random_normal([count], dtype=dtype, seed=self.seed)
        self.next_seed()
        chosen = multiply(basis, cast(greater(drawn, 0.0), dtype))
        return matmul(chosen, matrix_transpose(chosen))

    def small(self, count: int, dtype: Any) -> Kernel:
        """A kernel of two places an axis."""
        sides = []
        for _ in range(self.axes):
            projection = self.projection(count, dtype)
            sides.append((projection, subtract(eye(count, dtype=dtype), projection)))
        kernel: Kernel = {}
        for place in itertools.product(range(2), repeat=self.axes):
            matrix = sides[0][place[0]]
            for axis in range(1, self.axes):
                matrix = matmul(matrix, sides[axis][place[axis]])
            kernel[place] = matrix
        return kernel


class ConvolutionOrthogonal1D(_ConvolutionOrthogonal):
    """An orthogonal kernel of one spatial axis."""

    axes, rank_name = 1, "three"


class ConvolutionOrthogonal2D(_ConvolutionOrthogonal):
    """An orthogonal kernel of two spatial axes."""

    axes, rank_name = 2, "four"


class ConvolutionOrthogonal3D(_ConvolutionOrthogonal):
    """An orthogonal kernel of three spatial axes."""

    axes, rank_name = 3, "five"


def _check_channels(sizes: list[int]) -> None:
    if sizes[-2] > sizes[-1]:
        raise ValueError("In_filters cannot be greater than out_filters.")


def _convolved(first: Kernel, second: Kernel) -> Kernel:
    """The kernel that does what two do, one after the other."""
    terms: dict[tuple[int, ...], list[Any]] = {}
    for (a, one), (b, other) in itertools.product(first.items(), second.items()):
        place = tuple(i + j for i, j in zip(a, b, strict=True))
        terms.setdefault(place, []).append(matmul(one, other))
    return {place: add_n(parts) for place, parts in terms.items()}


def _as_tensor(kernel: Kernel, place: tuple[int, ...], sizes: list[int]) -> Tensor:
    if len(place) == len(sizes):
        found: Tensor = kernel[place]
        return found
    return stack([_as_tensor(kernel, (*place, k), sizes) for k in range(sizes[len(place)])])


orthogonal_initializer = Orthogonal
convolutional_delta_orthogonal = ConvolutionDeltaOrthogonal
convolutional_orthogonal_1d = ConvolutionOrthogonal1D
convolutional_orthogonal_2d = ConvolutionOrthogonal2D
convolutional_orthogonal_3d = ConvolutionOrthogonal3D
