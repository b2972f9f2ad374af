"""Matrices that know more of themselves than their elements: what all `LinearOperator`s have.

A kind says how it multiplies (`_matmul`) and its shape (`_shape`, `_shape_tensor`); whatever it
knows better, as a solution or a determinant, it overrides. The rest is computed from the dense
matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import as_dtype, int32
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor
from graphflow.ops.assertions import assert_near, assert_none_equal, assert_positive
from graphflow.ops.casting import cast
from graphflow.ops.complex import real
from graphflow.ops.decompositions import cholesky, cholesky_solve
from graphflow.ops.diagonals import eye, matrix_diag_part
from graphflow.ops.identity import no_op
from graphflow.ops.joining import concat
from graphflow.ops.linear import matmul
from graphflow.ops.reductions import reduce_sum
from graphflow.ops.shape import broadcast_dynamic_shape, broadcast_to, expand_dims, squeeze
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.solving import log_matrix_determinant, matrix_determinant, matrix_solve
from graphflow.ops.transposing import matrix_transpose
from graphflow.ops.unary import abs as absolute
from graphflow.ops.unary import exp, log


def turned(x: Tensor) -> Tensor:
    """The conjugate transposes of matrices."""
    return matrix_transpose(x, conjugate=True)


def batch_shape_of(x: Tensor) -> Tensor:
    """The sizes of all axes but the last two."""
    sizes: Any = shape_of(x)
    found: Tensor = sizes[:-2]
    return found


def with_batch(x: Tensor, batch: Any) -> Tensor:
    """Matrices repeated over batch axes that broadcast with their own."""
    sizes: Any = shape_of(x)
    wanted = concat([broadcast_dynamic_shape(sizes[:-2], batch), sizes[-2:]], 0)
    return broadcast_to(x, wanted)


def same_batch(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Two stacks of matrices with the same batch axes."""
    first, second = x.shape, y.shape
    if first.rank is not None and second.rank is not None:
        known = first[:-2].is_fully_defined() and second[:-2].is_fully_defined()
        if known and first[:-2].as_list() == second[:-2].as_list():
            return x, y
    return with_batch(x, batch_shape_of(y)), with_batch(y, batch_shape_of(x))


class LinearOperator:
    """A matrix, or a batch of them, as something that multiplies.

    Parameters
    ----------
    dtype : of the elements.
    graph_parents : tensors that it is made of.
    is_non_singular, is_self_adjoint, is_positive_definite, is_square : what is known of it; None
        for what is not. These are promises, which make the computations faster, and not checked.
    name : of the scope of its operations.

    https://www.tensorflow.org/versions/r1.15/api_docs/python/tf/linalg/LinearOperator

    Raises
    ------
    ValueError : promises that contradict each other.
    """

    def __init__(
        self, dtype: Any, graph_parents: Sequence[Any] | None = None,
        is_non_singular: bool | None = None, is_self_adjoint: bool | None = None,
        is_positive_definite: bool | None = None, is_square: bool | None = None,
        name: str | None = None,
    ) -> None:  # fmt: skip
        if is_positive_definite and is_non_singular is False:
            raise ValueError("A positive definite matrix is always non-singular.")
        if is_positive_definite or is_self_adjoint or is_non_singular:
            if is_square is False:
                raise ValueError("A non-singular, self-adjoint or positive definite operator "
                                 "is always square.")  # fmt: skip
            is_square = True
        self._dtype = as_dtype(dtype).base_dtype
        self._parents = list(graph_parents or [])
        self._is_non_singular = True if is_positive_definite else is_non_singular
        self._is_self_adjoint = is_self_adjoint
        self._is_positive_definite = is_positive_definite
        self._is_square = is_square
        self._name = name or type(self).__name__
        self._dense: Tensor | None = None

    # ---- what it is

    @property
    def dtype(self) -> Any:
        """The type of the elements."""
        return self._dtype

    @property
    def name(self) -> str:
        """The name of the scope of its operations."""
        return self._name

    @property
    def graph_parents(self) -> list[Any]:
        """The tensors that it is made of."""
        return self._parents

    @property
    def is_non_singular(self) -> bool | None:
        """Whether it has an inverse."""
        return self._is_non_singular

    @property
    def is_self_adjoint(self) -> bool | None:
        """Whether it is its own conjugate transpose."""
        return self._is_self_adjoint

    @property
    def is_positive_definite(self) -> bool | None:
        """Whether the real part of ``x^H A x`` is positive for every x but zero."""
        return self._is_positive_definite

    @property
    def is_square(self) -> bool | None:
        """Whether it has as many rows as columns."""
        if self._is_square is not None:
            return self._is_square
        rows, columns = self.range_dimension.value, self.domain_dimension.value
        return None if rows is None or columns is None else rows == columns

    def _shape(self) -> TensorShape:
        raise NotImplementedError("_shape is not implemented.")

    def _shape_tensor(self) -> Tensor:
        raise NotImplementedError("_shape_tensor is not implemented.")

    @property
    def shape(self) -> TensorShape:
        """What is known of (batch axes, rows, columns)."""
        return self._shape()

    @property
    def batch_shape(self) -> TensorShape:
        """What is known of the batch axes."""
        return self.shape[:-2]

    @property
    def tensor_rank(self) -> int | None:
        """The number of axes, if it is known."""
        return self.shape.rank

    @property
    def range_dimension(self) -> Any:
        """The number of rows."""
        return TensorShape([None, None])[0] if self.shape.rank is None else self.shape[-2]

    @property
    def domain_dimension(self) -> Any:
        """The number of columns."""
        return TensorShape([None, None])[0] if self.shape.rank is None else self.shape[-1]

    def shape_tensor(self, name: str = "shape_tensor") -> Tensor:
        """The shape as an int32 vector."""
        with self._scope(name):
            if self.shape.is_fully_defined():
                return convert_to_tensor(np.array(self.shape.as_list(), np.int32))
            return self._shape_tensor()

    def _sizes(self, part: Any, name: str) -> Tensor:
        sizes: Any = self.shape_tensor(name)
        found: Tensor = sizes[part]
        return found

    def batch_shape_tensor(self, name: str = "batch_shape_tensor") -> Tensor:
        """The batch axes' sizes."""
        return self._sizes(slice(None, -2), name)

    def tensor_rank_tensor(self, name: str = "tensor_rank_tensor") -> Tensor:
        """The number of axes."""
        return squeeze(shape_of(self.shape_tensor(name)), 0)

    def range_dimension_tensor(self, name: str = "range_dimension_tensor") -> Tensor:
        """The number of rows."""
        return self._sizes(-2, name)

    def domain_dimension_tensor(self, name: str = "domain_dimension_tensor") -> Tensor:
        """The number of columns."""
        return self._sizes(-1, name)

    def _scope(self, name: str) -> Any:
        return name_scope(f"{self.name}/{name}")

    # ---- checks in the run

    def assert_non_singular(self, name: str = "assert_non_singular") -> Operation:
        """An operation that fails unless there is an inverse."""
        with self._scope(name):
            return self._assert_non_singular()

    def _assert_non_singular(self) -> Operation:
        if self.is_non_singular:
            return no_op()
        determinant = absolute(self.determinant())
        message = "Singular matrix encountered."
        return assert_none_equal(determinant, cast(0, determinant.dtype), message=message)

    def assert_positive_definite(self, name: str = "assert_positive_definite") -> Operation:
        """An operation that fails unless the matrix is positive definite and self-adjoint."""
        with self._scope(name):
            return self._assert_positive_definite()

    def _assert_positive_definite(self) -> Operation:
        diagonal = real(matrix_diag_part(cholesky(self.to_dense())))
        return assert_positive(diagonal, message="Matrix was not positive definite.")

    def assert_self_adjoint(self, name: str = "assert_self_adjoint") -> Operation:
        """An operation that fails unless the matrix is its own conjugate transpose."""
        with self._scope(name):
            if self.is_self_adjoint:
                return no_op()
            dense = self.to_dense()
            return assert_near(dense, turned(dense), message="Matrix was not equal to its adjoint.")

    # ---- products

    def _matmul(self, x: Tensor, adjoint: bool = False, adjoint_arg: bool = False) -> Tensor:
        raise NotImplementedError("_matmul is not implemented.")

    def matmul(
        self, x: Any, adjoint: bool = False, adjoint_arg: bool = False, name: str = "matmul"
    ) -> Any:
        """The product with matrices (..., columns, n), or with another operator.

        Parameters
        ----------
        adjoint, adjoint_arg : take the conjugate transposes of the operator, of `x`.
        """
        if isinstance(x, LinearOperator):
            from graphflow.linear_operators.composed import LinearOperatorComposition

            pair = [self.adjoint() if adjoint else self, x.adjoint() if adjoint_arg else x]
            _check_sizes(pair[0].domain_dimension, pair[1].range_dimension)
            return LinearOperatorComposition(pair)
        with self._scope(name):
            x = self._argument(x)
            inner = self.range_dimension if adjoint else self.domain_dimension
            _check_sizes(inner, x.shape[-1 if adjoint_arg else -2] if x.shape.rank else None)
            return self._matmul(x, adjoint=adjoint, adjoint_arg=adjoint_arg)

    def __matmul__(self, other: Any) -> Any:
        return self.matmul(other)

    def matvec(self, x: Any, adjoint: bool = False, name: str = "matvec") -> Tensor:
        """The product with vectors (..., columns)."""
        with self._scope(name):
            column = expand_dims(self._argument(x), -1)
            return squeeze(self.matmul(column, adjoint=adjoint), -1)

    def _argument(self, x: Any) -> Tensor:
        return convert_to_tensor(x, dtype=self.dtype, name="x")

    # ---- solutions

    def solve(
        self, rhs: Any, adjoint: bool = False, adjoint_arg: bool = False, name: str = "solve"
    ) -> Any:
        """What gives `rhs`, matrices (..., rows, n), when multiplied.

        Raises
        ------
        NotImplementedError : it is known to be singular, or not square.
        """
        if self.is_non_singular is False:
            raise NotImplementedError("Exact solve not implemented for an operator that is "
                                      "expected to be singular.")  # fmt: skip
        if self.is_square is False:
            raise NotImplementedError("Exact solve not implemented for an operator that is "
                                      "expected to not be square.")  # fmt: skip
        if isinstance(rhs, LinearOperator):
            right = rhs.adjoint() if adjoint_arg else rhs
            return (self.adjoint() if adjoint else self).inverse().matmul(right)
        with self._scope(name):
            rhs = self._argument(rhs)
            last = rhs.shape[-1 if adjoint_arg else -2] if rhs.shape.rank else None
            _check_sizes(self.domain_dimension, last)
            return self._solve(rhs, adjoint=adjoint, adjoint_arg=adjoint_arg)

    def _solve(self, rhs: Tensor, adjoint: bool = False, adjoint_arg: bool = False) -> Tensor:
        right = turned(rhs) if adjoint_arg else rhs
        if self._has_cholesky():  # and so its own adjoint
            factor, right = same_batch(cholesky(self.to_dense()), right)
            return cholesky_solve(factor, right)
        dense, right = same_batch(self.to_dense(), right)
        return matrix_solve(dense, right, adjoint=adjoint)

    def solvevec(self, rhs: Any, adjoint: bool = False, name: str = "solve") -> Tensor:
        """What gives vectors (..., rows) when multiplied."""
        with self._scope(name):
            column = expand_dims(self._argument(rhs), -1)
            return squeeze(self.solve(column, adjoint=adjoint), -1)

    def _has_cholesky(self) -> bool:
        return bool(self.is_positive_definite and self.is_self_adjoint)

    def cholesky(self, name: str = "cholesky") -> LinearOperator:
        """The lower triangular factor; for positive definite, self-adjoint operators.

        Raises
        ------
        ValueError : it is not said to be positive definite and self-adjoint.
        """
        if not self._has_cholesky():
            raise ValueError("Cannot take the Cholesky decomposition: Not a positive definite self "
                             "adjoint matrix.")  # fmt: skip
        from graphflow.linear_operators.kinds import LinearOperatorLowerTriangular

        with self._scope(name):
            return LinearOperatorLowerTriangular(cholesky(self.to_dense()), is_non_singular=True)

    # ---- others of it

    def adjoint(self, name: str = "adjoint") -> LinearOperator:
        """The conjugate transpose."""
        if self.is_self_adjoint is True:
            return self
        from graphflow.linear_operators.composed import LinearOperatorAdjoint

        return LinearOperatorAdjoint(self)

    H = property(adjoint)

    def inverse(self, name: str = "inverse") -> LinearOperator:
        """The inverse.

        Raises
        ------
        ValueError : it is known to be singular, or not square.
        """
        if self.is_square is False:
            raise ValueError("Cannot take the Inverse: This operator represents a non square "
                             "matrix.")  # fmt: skip
        if self.is_non_singular is False:
            raise ValueError("Cannot take the Inverse: This operator represents a singular matrix.")
        from graphflow.linear_operators.composed import LinearOperatorInversion

        return LinearOperatorInversion(self)

    # ---- elements

    def to_dense(self, name: str = "to_dense") -> Tensor:
        """The matrix."""
        with self._scope(name):
            return self._to_dense()

    def _to_dense(self) -> Tensor:
        columns = self.domain_dimension.value
        size: Any = self.domain_dimension_tensor() if columns is None else columns
        found = self.matmul(eye(size, dtype=self.dtype))
        found = with_batch(found, self.batch_shape_tensor()) if self.shape.rank != 2 else found
        found.set_shape(self.shape)
        return found

    def diag_part(self, name: str = "diag_part") -> Tensor:
        """The elements of the diagonal."""
        with self._scope(name):
            return self._diag_part()

    def _diag_part(self) -> Tensor:
        return matrix_diag_part(self.to_dense())

    def trace(self, name: str = "trace") -> Tensor:
        """The sum of the diagonal."""
        with self._scope(name):
            return self._trace()

    def _trace(self) -> Tensor:
        return reduce_sum(self.diag_part(), axis=-1)

    def add_to_tensor(self, x: Any, name: str = "add_to_tensor") -> Tensor:
        """The sum with dense matrices."""
        with self._scope(name):
            return self._add_to_tensor(self._argument(x))

    def _add_to_tensor(self, x: Tensor) -> Tensor:
        found: Any = self.to_dense()
        total: Tensor = found + x
        return total

    def determinant(self, name: str = "det") -> Tensor:
        """The determinants.

        Raises
        ------
        NotImplementedError : it is known not to be square.
        """
        self._check_square("determinant")
        with self._scope(name):
            return self._determinant()

    def _determinant(self) -> Tensor:
        if self._has_cholesky():
            return exp(self.log_abs_determinant())
        return matrix_determinant(self.to_dense())

    def log_abs_determinant(self, name: str = "log_abs_det") -> Tensor:
        """The logarithms of the determinants' absolute values."""
        self._check_square("determinant")
        with self._scope(name):
            return self._log_abs_determinant()

    def _log_abs_determinant(self) -> Tensor:
        if self._has_cholesky():
            diagonal = matrix_diag_part(cholesky(self.to_dense()))
            found: Any = reduce_sum(log(diagonal), axis=[-1])
            return cast(2, found.dtype) * found
        return log_matrix_determinant(self.to_dense())[1]

    def _check_square(self, label: str) -> None:
        if self.is_square is False:
            raise NotImplementedError(
                f"{label} not implemented for an operator that is expected to not be square."
            )


def _check_sizes(first: Any, second: Any) -> None:
    """Refuse sizes that contradict each other."""
    sizes = [getattr(s, "value", s) for s in (first, second)]
    if None not in sizes and sizes[0] != sizes[1]:
        raise ValueError(f"Dimensions {sizes[0]} and {sizes[1]} are not compatible")


def dense_product(a: Tensor, x: Tensor, adjoint: bool, adjoint_arg: bool) -> Tensor:
    """`matmul` of dense matrices, with batch axes that broadcast."""
    return matmul(a, x, adjoint_a=adjoint, adjoint_b=adjoint_arg)


def int_size(value: Any, name: str) -> Any:
    """A number of rows or columns: an integer, or a tensor where it is not known."""
    from graphflow.graph.constants import constant_value

    known = constant_value(convert_to_tensor(value, dtype=int32, name=name))
    if known is None:
        return convert_to_tensor(value, dtype=int32, name=name)
    if np.ndim(known) != 0:
        raise ValueError(f"Argument {name} must be a 0-D Tensor. Found: {value}")
    if int(known) < 0:
        raise ValueError(f"Argument {name} must be non-negative.  Found: {int(known)}")
    return int(known)
