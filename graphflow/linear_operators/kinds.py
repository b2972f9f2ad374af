"""Operators that are made of an array: dense, diagonal, triangular, identities, reflections."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.dtypes import as_dtype, float32, int32
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import TensorShape, broadcast
from graphflow.graph.tensor import Tensor
from graphflow.linear_operators.base import (
    LinearOperator,
    dense_product,
    int_size,
    same_batch,
    turned,
    with_batch,
)
from graphflow.ops.assertions import assert_none_equal, assert_positive
from graphflow.ops.casting import cast
from graphflow.ops.complex import real
from graphflow.ops.creation import ones, zeros
from graphflow.ops.diagonals import (
    eye,
    matrix_band_part,
    matrix_diag,
    matrix_diag_part,
    matrix_set_diag,
)
from graphflow.ops.identity import no_op
from graphflow.ops.joining import concat, stack
from graphflow.ops.nn import l2_normalize
from graphflow.ops.reductions import reduce_prod, reduce_sum
from graphflow.ops.shape import expand_dims
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.solving import matrix_triangular_solve
from graphflow.ops.transposing import conjugate
from graphflow.ops.unary import abs as absolute
from graphflow.ops.unary import log


class LinearOperatorFullMatrix(LinearOperator):
    """A dense matrix.

    Parameters
    ----------
    matrix : of shape (..., rows, columns).
    """

    def __init__(
        self, matrix: Any, is_non_singular: bool | None = None, is_self_adjoint: bool | None = None,
        is_positive_definite: bool | None = None, is_square: bool | None = None,
        name: str = "LinearOperatorFullMatrix",
    ) -> None:  # fmt: skip
        self._matrix = convert_to_tensor(matrix, name="matrix")
        if self._matrix.shape.rank is not None and self._matrix.shape.rank < 2:
            raise ValueError(f"Argument matrix must have at least 2 dimensions.  Found: {matrix}")
        super().__init__(
            self._matrix.dtype, [self._matrix], is_non_singular, is_self_adjoint,
            is_positive_definite, is_square, name,
        )  # fmt: skip

    def _shape(self) -> TensorShape:
        return self._matrix.shape

    def _shape_tensor(self) -> Tensor:
        return shape_of(self._matrix)

    def _matmul(self, x: Tensor, adjoint: bool = False, adjoint_arg: bool = False) -> Tensor:
        return dense_product(self._matrix, x, adjoint, adjoint_arg)

    def _to_dense(self) -> Tensor:
        return self._matrix


class LinearOperatorDiag(LinearOperator):
    """A square diagonal matrix.

    Parameters
    ----------
    diag : of shape (..., n).
    """

    def __init__(
        self, diag: Any, is_non_singular: bool | None = None, is_self_adjoint: bool | None = None,
        is_positive_definite: bool | None = None, is_square: bool | None = None,
        name: str = "LinearOperatorDiag",
    ) -> None:  # fmt: skip
        self._diag = convert_to_tensor(diag, name="diag")
        if self._diag.shape.rank == 0:
            raise ValueError(f"Argument diag must have at least 1 dimension.  Found: {diag}")
        if not self._diag.dtype.is_complex:
            if is_self_adjoint is False:
                raise ValueError("A real diagonal operator is always self adjoint.")
            is_self_adjoint = True
        if is_square is False:
            raise ValueError("Only square diagonal operators currently supported.")
        super().__init__(
            self._diag.dtype, [self._diag], is_non_singular, is_self_adjoint, is_positive_definite,
            True, name,
        )  # fmt: skip

    @property
    def diag(self) -> Tensor:
        """The diagonal."""
        return self._diag

    def _shape(self) -> TensorShape:
        own = self._diag.shape
        return own if own.rank is None else own.concatenate(own[-1:])

    def _shape_tensor(self) -> Tensor:
        sizes: Any = shape_of(self._diag)
        return concat([sizes, sizes[-1:]], 0)

    def _scaled(self, x: Tensor, factors: Any, adjoint: bool, adjoint_arg: bool) -> Tensor:
        factors = conjugate(factors) if adjoint else factors
        right: Any = turned(x) if adjoint_arg else x
        found: Tensor = expand_dims(factors, -1) * right
        return found

    def _matmul(self, x: Tensor, adjoint: bool = False, adjoint_arg: bool = False) -> Tensor:
        return self._scaled(x, self._diag, adjoint, adjoint_arg)

    def _solve(self, rhs: Tensor, adjoint: bool = False, adjoint_arg: bool = False) -> Tensor:
        return self._scaled(rhs, 1.0 / self._diag, adjoint, adjoint_arg)

    def _to_dense(self) -> Tensor:
        return matrix_diag(self._diag)

    def _diag_part(self) -> Tensor:
        return self._diag

    def _add_to_tensor(self, x: Tensor) -> Tensor:
        total: Any = matrix_diag_part(x)
        return matrix_set_diag(x, total + self._diag)

    def _determinant(self) -> Tensor:
        return reduce_prod(self._diag, axis=[-1])

    def _log_abs_determinant(self) -> Tensor:
        found = reduce_sum(log(absolute(self._diag)), axis=[-1])
        return cast(found, self.dtype) if self.dtype.is_complex else found

    def _assert_non_singular(self) -> Operation:
        smallest = absolute(self._diag)
        message = "Singular operator:  Diagonal contained zero values."
        return assert_none_equal(smallest, cast(0, smallest.dtype), message=message)

    def _assert_positive_definite(self) -> Operation:
        message = "Operator is not positive definite: an element of the diagonal is not positive."
        return assert_positive(real(self._diag), message=message)

    def inverse(self, name: str = "inverse") -> LinearOperator:
        """The inverse, which is diagonal too."""
        super().inverse(name)  # refuses what is known to be singular
        return LinearOperatorDiag(
            1.0 / self._diag, self.is_non_singular, self.is_self_adjoint,
            self.is_positive_definite,
        )  # fmt: skip


class LinearOperatorLowerTriangular(LinearOperator):
    """A lower triangular matrix.

    Parameters
    ----------
    tril : of shape (..., n, n); what is above the diagonal is not read.
    """

    def __init__(
        self, tril: Any, is_non_singular: bool | None = None, is_self_adjoint: bool | None = None,
        is_positive_definite: bool | None = None, is_square: bool | None = None,
        name: str = "LinearOperatorLowerTriangular",
    ) -> None:  # fmt: skip
        if is_square is False:
            raise ValueError("Only square lower triangular operators supported at this time.")
        given = convert_to_tensor(tril, name="tril")
        if given.shape.rank is not None and given.shape.rank < 2:
            raise ValueError(f"Argument tril must have at least 2 dimensions.  Found: {tril}")
        self._tril = matrix_band_part(given, -1, 0)
        super().__init__(
            given.dtype, [given], is_non_singular, is_self_adjoint, is_positive_definite, True, name
        )

    def _shape(self) -> TensorShape:
        return self._tril.shape

    def _shape_tensor(self) -> Tensor:
        return shape_of(self._tril)

    def _matmul(self, x: Tensor, adjoint: bool = False, adjoint_arg: bool = False) -> Tensor:
        return dense_product(self._tril, x, adjoint, adjoint_arg)

    def _solve(self, rhs: Tensor, adjoint: bool = False, adjoint_arg: bool = False) -> Tensor:
        factor, right = same_batch(self._tril, turned(rhs) if adjoint_arg else rhs)
        return matrix_triangular_solve(factor, right, lower=True, adjoint=adjoint)

    def _to_dense(self) -> Tensor:
        return self._tril

    def _determinant(self) -> Tensor:
        return reduce_prod(self.diag_part(), axis=[-1])

    def _log_abs_determinant(self) -> Tensor:
        return reduce_sum(log(absolute(self.diag_part())), axis=[-1])

    def _assert_non_singular(self) -> Operation:
        smallest = absolute(self.diag_part())
        message = "Singular operator:  Diagonal contained zero values."
        return assert_none_equal(smallest, cast(0, smallest.dtype), message=message)


class _Sized(LinearOperator):
    """An operator that is known by its sizes alone."""

    _rows: Any
    _columns: Any
    _lead: Tensor

    def _set_sizes(self, num_rows: Any, num_columns: Any, batch_shape: Any) -> None:
        self._rows = int_size(num_rows, "num_rows")
        self._columns = self._rows if num_columns is None else int_size(num_columns, "num_columns")
        lead = np.zeros(0, np.int32) if batch_shape is None else batch_shape
        self._lead = convert_to_tensor(lead, dtype=int32, name="batch_shape")

    def _shape(self) -> TensorShape:
        from graphflow.graph.constants import constant_value_as_shape

        sizes = [n if isinstance(n, int) else None for n in (self._rows, self._columns)]
        return constant_value_as_shape(self._lead).concatenate(TensorShape(sizes))

    def _shape_tensor(self) -> Tensor:
        return concat([self._lead, stack([self._rows, self._columns])], 0)

    def _repeated(self, x: Tensor) -> Tensor:
        """A result with the batch axes of the operator."""
        return x if self.batch_shape.rank == 0 else with_batch(x, self._lead)


class LinearOperatorIdentity(_Sized):
    """The identity matrix.

    Parameters
    ----------
    num_rows : the size, an integer.
    batch_shape : the batch axes' sizes.
    """

    def __init__(
        self, num_rows: Any, batch_shape: Any = None, dtype: Any = None,
        is_non_singular: bool | None = True, is_self_adjoint: bool | None = True,
        is_positive_definite: bool | None = True, is_square: bool | None = True,
        assert_proper_shapes: bool = False, name: str = "LinearOperatorIdentity",
    ) -> None:  # fmt: skip
        promises = (is_non_singular, is_self_adjoint, is_positive_definite, is_square)
        if not all(promises):
            raise ValueError("An identity operator is always non-singular, self adjoint, positive "
                             "definite and square.")  # fmt: skip
        kind = float32 if dtype is None else as_dtype(dtype)
        super().__init__(kind, None, True, True, True, True, name)
        self._set_sizes(num_rows, None, batch_shape)

    def _matmul(self, x: Tensor, adjoint: bool = False, adjoint_arg: bool = False) -> Tensor:
        return self._repeated(turned(x) if adjoint_arg else x)

    def _solve(self, rhs: Tensor, adjoint: bool = False, adjoint_arg: bool = False) -> Tensor:
        return self._matmul(rhs, adjoint_arg=adjoint_arg)

    def _to_dense(self) -> Tensor:
        return self._repeated(eye(self._rows, dtype=self.dtype))

    def _diag_part(self) -> Tensor:
        return ones(self._sizes(slice(None, -1), "diag"), dtype=self.dtype)

    def _determinant(self) -> Tensor:
        return ones(self.batch_shape_tensor(), dtype=self.dtype)

    def _log_abs_determinant(self) -> Tensor:
        return zeros(self.batch_shape_tensor(), dtype=self.dtype)

    def _assert_non_singular(self) -> Operation:
        return no_op()

    def _assert_positive_definite(self) -> Operation:
        return no_op()

    def inverse(self, name: str = "inverse") -> LinearOperator:
        """The identity."""
        return self


class LinearOperatorScaledIdentity(_Sized):
    """A multiple of the identity matrix.

    Parameters
    ----------
    num_rows : the size, an integer.
    multiplier : of the batch axes' shape.
    """

    def __init__(
        self, num_rows: Any, multiplier: Any, is_non_singular: bool | None = None,
        is_self_adjoint: bool | None = None, is_positive_definite: bool | None = None,
        is_square: bool | None = True, assert_proper_shapes: bool = False,
        name: str = "LinearOperatorScaledIdentity",
    ) -> None:  # fmt: skip
        self._multiplier = convert_to_tensor(multiplier, name="multiplier")
        if not self._multiplier.dtype.is_complex:
            if is_self_adjoint is False:
                raise ValueError("A real diagonal operator is always self adjoint.")
            is_self_adjoint = True
        if not is_square:
            raise ValueError("A ScaledIdentity operator is always square.")
        super().__init__(
            self._multiplier.dtype, [self._multiplier], is_non_singular, is_self_adjoint,
            is_positive_definite, True, name,
        )  # fmt: skip
        self._set_sizes(num_rows, None, shape_of(self._multiplier))

    @property
    def multiplier(self) -> Tensor:
        """The factor of the identity."""
        return self._multiplier

    def _factors(self, adjoint: bool) -> Any:
        """The factor as 1x1 matrices."""
        own = conjugate(self._multiplier) if adjoint else self._multiplier
        return expand_dims(expand_dims(own, -1), -1)

    def _matmul(self, x: Tensor, adjoint: bool = False, adjoint_arg: bool = False) -> Tensor:
        found: Tensor = self._factors(adjoint) * (turned(x) if adjoint_arg else x)
        return found

    def _solve(self, rhs: Tensor, adjoint: bool = False, adjoint_arg: bool = False) -> Tensor:
        found: Tensor = (turned(rhs) if adjoint_arg else rhs) / self._factors(adjoint)
        return found

    def _diag_part(self) -> Tensor:
        part: Tensor = expand_dims(self._multiplier, -1) * ones([self._rows], dtype=self.dtype)
        return part

    def _to_dense(self) -> Tensor:
        return matrix_diag(self.diag_part())

    def _trace(self) -> Tensor:
        found: Any = self._multiplier
        total: Tensor = found * cast(self._rows, self.dtype)
        return total

    def _determinant(self) -> Tensor:
        found: Any = self._multiplier
        total: Tensor = found ** cast(self._rows, self.dtype)
        return total

    def _log_abs_determinant(self) -> Tensor:
        found: Any = log(absolute(self._multiplier))
        total: Tensor = found * cast(self._rows, found.dtype)
        return total

    def _assert_non_singular(self) -> Operation:
        size = absolute(self._multiplier)
        message = "LinearOperator was singular"
        return assert_none_equal(size, cast(0, size.dtype), message=message)

    def _assert_positive_definite(self) -> Operation:
        return assert_positive(real(self._multiplier), message="LinearOperator was not positive "
                                                               "definite.")  # fmt: skip

    def inverse(self, name: str = "inverse") -> LinearOperator:
        """The inverse, a multiple of the identity too."""
        super().inverse(name)  # refuses what is known to be singular
        own: Any = self._multiplier
        return LinearOperatorScaledIdentity(
            self._rows, 1.0 / own, self.is_non_singular, self.is_self_adjoint,
            self.is_positive_definite,
        )  # fmt: skip


class LinearOperatorZeros(_Sized):
    """A matrix of zeros.

    Parameters
    ----------
    num_rows, num_columns : the sizes; square when the second is None.
    batch_shape : the batch axes' sizes.
    """

    def __init__(
        self, num_rows: Any, num_columns: Any = None, batch_shape: Any = None, dtype: Any = None,
        is_non_singular: bool | None = False, is_self_adjoint: bool | None = True,
        is_positive_definite: bool | None = False, is_square: bool | None = True,
        assert_proper_shapes: bool = False, name: str = "LinearOperatorZeros",
    ) -> None:  # fmt: skip
        if is_non_singular or is_positive_definite:
            raise ValueError("A zero operator is never non-singular or positive definite.")
        if is_square and num_columns is not None and num_rows != num_columns:
            raise ValueError("expected is_square=False for numbers of rows and columns that differ")
        kind = float32 if dtype is None else as_dtype(dtype)
        is_own_adjoint = is_self_adjoint if is_square else None
        super().__init__(kind, None, False, is_own_adjoint, False, is_square, name)
        self._set_sizes(num_rows, num_columns, batch_shape)

    def _matmul(self, x: Tensor, adjoint: bool = False, adjoint_arg: bool = False) -> Tensor:
        right: Any = turned(x) if adjoint_arg else x
        sizes: Any = shape_of(right)
        rows = self._columns if adjoint else self._rows
        shape = concat([sizes[:-2], stack([rows, sizes[-1]])], 0)
        return self._repeated(zeros(shape, dtype=self.dtype))

    def _to_dense(self) -> Tensor:
        return zeros(self.shape_tensor(), dtype=self.dtype)

    def _determinant(self) -> Tensor:
        return zeros(self.batch_shape_tensor(), dtype=self.dtype)

    def _trace(self) -> Tensor:
        return zeros(self.batch_shape_tensor(), dtype=self.dtype)

    def _add_to_tensor(self, x: Tensor) -> Tensor:
        return self._repeated(x)


class LinearOperatorHouseholder(LinearOperator):
    """A reflection at the plane through zero that is perpendicular to a vector.

    Parameters
    ----------
    reflection_axis : the vector, of shape (..., n).
    """

    def __init__(
        self, reflection_axis: Any, is_non_singular: bool | None = None,
        is_self_adjoint: bool | None = None, is_positive_definite: bool | None = None,
        is_square: bool | None = None, name: str = "LinearOperatorHouseholder",
    ) -> None:  # fmt: skip
        if is_positive_definite or is_self_adjoint is False or is_non_singular is False:
            raise ValueError("A Householder operator is always self adjoint and non-singular, and "
                             "never positive definite.")  # fmt: skip
        self._axis = convert_to_tensor(reflection_axis, name="reflection_axis")
        if self._axis.shape.rank == 0:
            raise ValueError("Argument reflection_axis must have at least 1 dimension.")
        super().__init__(self._axis.dtype, [self._axis], True, True, False, True, name)

    @property
    def reflection_axis(self) -> Tensor:
        """The vector."""
        return self._axis

    def _shape(self) -> TensorShape:
        own = self._axis.shape
        return own if own.rank is None else own.concatenate(own[-1:])

    def _shape_tensor(self) -> Tensor:
        sizes: Any = shape_of(self._axis)
        return concat([sizes, sizes[-1:]], 0)

    def _matmul(self, x: Tensor, adjoint: bool = False, adjoint_arg: bool = False) -> Tensor:
        right: Any = turned(x) if adjoint_arg else x
        unit = expand_dims(l2_normalize(self._axis, axis=-1), -1)
        along: Any = dense_product(unit, right, True, False)
        found: Tensor = right - 2 * unit * along
        return found

    def _solve(self, rhs: Tensor, adjoint: bool = False, adjoint_arg: bool = False) -> Tensor:
        return self._matmul(rhs, adjoint, adjoint_arg)

    def _trace(self) -> Tensor:
        found: Any = ones(self.batch_shape_tensor(), dtype=self.dtype)
        size: Any = cast(self.domain_dimension_tensor(), self.dtype)
        total: Tensor = found * (size - 2)
        return total

    def _determinant(self) -> Tensor:
        found: Any = ones(self.batch_shape_tensor(), dtype=self.dtype)
        return -found

    def _log_abs_determinant(self) -> Tensor:
        return zeros(self.batch_shape_tensor(), dtype=self.dtype)

    def _assert_non_singular(self) -> Operation:
        return no_op()


def joined_shape(operators: list[LinearOperator]) -> TensorShape:
    """The batch axes of several operators together."""
    shape = TensorShape([])
    for operator in operators:
        shape = broadcast(shape, operator.batch_shape)
    return shape
