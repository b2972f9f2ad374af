"""Inverses, determinants, systems of equations: MatrixInverse, MatrixSolve, MatrixDeterminant, ...

LAPACK computes them, through NumPy, in the run. All work on the last two axes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import Extents, TensorShape, shape_from_tuple
from graphflow.graph.tensor import Tensor
from graphflow.ops.diagonals import matrix_band_part
from graphflow.ops.elementwise import multiply
from graphflow.ops.host import define_host_op
from graphflow.ops.linear import matmul
from graphflow.ops.shape import reshape
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.shape_rules import Types, merge_size, output, with_rank_at_least
from graphflow.ops.transposing import matrix_transpose

__all__ = [
    "log_matrix_determinant", "matrix_determinant", "matrix_inverse", "matrix_solve",
    "matrix_triangular_solve",
]  # fmt: skip

MATRIX_TYPES = (
    dtypes.float64, dtypes.float32, dtypes.float16, dtypes.complex64, dtypes.complex128,
)  # fmt: skip
NOT_INVERTIBLE = "Input is not invertible."
MATRIX_NOT_INVERTIBLE = "Input matrix is not invertible."

# ---- shapes


def square(shape: TensorShape) -> Extents | None:
    """The sizes of a stack of square matrices; ValueError when they are not square."""
    extents = with_rank_at_least(shape, 2)
    if extents is None:
        return None
    size = merge_size(*extents[-2:])
    return (*extents[:-2], size, size)


def infer_square(op: Operation) -> Types:
    """Shape rule: square matrices in, square matrices out."""
    return output(op, square(op.inputs[0].shape))


def same_shape(op: Operation, x: Any, *others: Any) -> list[Any]:
    """The shape of the only output: that of the first node."""
    return [x.shape]


def _merged_batch(first: Extents, second: Extents) -> Extents:
    if len(first) != len(second):
        raise ValueError(f"Shapes must be equal rank, but are {len(first)} and {len(second)}")
    return tuple(merge_size(a, b) for a, b in zip(first, second, strict=True))


def infer_solve(op: Operation, is_square: bool = True) -> Types:
    rule = square if is_square else (lambda shape: with_rank_at_least(shape, 2))
    matrix = rule(op.inputs[0].shape)
    right = with_rank_at_least(op.inputs[1].shape, 2)
    if matrix is None or right is None:
        return output(op, None)
    batch = _merged_batch(matrix[:-2], right[:-2])
    merge_size(matrix[-2], right[-2])
    return output(op, (*batch, matrix[-1], right[-1]))


def solution_shape(op: Operation, matrix: Any, right: Any, *others: Any) -> list[Any]:
    if matrix.shape[:-2] != right.shape[:-2] or matrix.shape[-2] != right.shape[-2]:
        shapes = [list(node.shape) for node in (matrix, right)]
        raise ValueError(f"Input matrix and rhs are incompatible: {shapes[0]} and {shapes[1]}")
    return [(*matrix.shape[:-2], matrix.shape[-1], right.shape[-1])]


# ---- NumPy


def wide(x: Any) -> Any:
    """Half precision as float32: LAPACK has none."""
    return x.astype(np.float32) if x.dtype == np.float16 else x


def adjoint_array(x: Any) -> Any:
    """The conjugate transposes of the last two axes."""
    return np.conj(x.swapaxes(-1, -2))


def solved(matrix: Any, right: Any, message: str) -> Any:
    """The solutions; ValueError for a singular matrix, as an infinite pivot is in TensorFlow."""
    try:
        return np.linalg.solve(wide(matrix), wide(right))
    except np.linalg.LinAlgError:
        raise ValueError(message) from None


def _inverse(x: Any, adjoint: bool) -> Any:
    try:
        found = np.linalg.inv(wide(adjoint_array(x) if adjoint else x))
    except np.linalg.LinAlgError:
        raise ValueError(NOT_INVERTIBLE) from None
    if np.isnan(x).any():
        raise ValueError(NOT_INVERTIBLE)
    return found


def _solve(matrix: Any, right: Any, adjoint: bool) -> Any:
    return solved(adjoint_array(matrix) if adjoint else matrix, right, MATRIX_NOT_INVERTIBLE)


def _triangular_solve(matrix: Any, right: Any, lower: bool, adjoint: bool) -> Any:
    """Substitution, a row at a time over the whole stack."""
    if (np.diagonal(matrix, axis1=-2, axis2=-1) == 0).any():
        raise ValueError(MATRIX_NOT_INVERTIBLE)
    a = wide(adjoint_array(matrix) if adjoint else matrix)
    forward = lower != adjoint
    count = a.shape[-1]
    found = np.zeros(np.broadcast_shapes(a.shape[:-2], right.shape[:-2]) + right.shape[-2:],
                     a.dtype)  # fmt: skip
    for k in range(count) if forward else range(count - 1, -1, -1):
        done = slice(0, k) if forward else slice(k + 1, count)
        known = np.matmul(a[..., k : k + 1, done], found[..., done, :])
        found[..., k : k + 1, :] = (right[..., k : k + 1, :] - known) / a[..., k : k + 1, k : k + 1]
    return found


def _determinant(x: Any) -> Any:
    return np.linalg.det(wide(x))


def _log_determinant(x: Any) -> Any:
    found = np.linalg.slogdet(wide(x))
    return found[0], found[1]


# ---- gradients


def _inverse_gradient(op: Operation, gradient: Any) -> list[Any]:
    """Of an adjoint inverse too, where TensorFlow 1.15 gives the adjoint of what is right."""
    inverse = op.outputs[0]
    inner = matmul(gradient, inverse, adjoint_b=True)
    found = _NEG(matmul(inverse, inner, adjoint_a=True)).outputs[0]
    return [matrix_transpose(found, conjugate=True) if op.attrs["adjoint"] else found]


def _solve_gradient(op: Operation, gradient: Any) -> list[Any]:
    matrix, solution, adjoint = op.inputs[0], op.outputs[0], op.attrs["adjoint"]
    to_right = matrix_solve(matrix, gradient, adjoint=not adjoint)
    pair = (solution, to_right) if adjoint else (to_right, solution)
    return [_NEG(matmul(*pair, adjoint_b=True)).outputs[0], to_right]


def _triangular_gradient(op: Operation, gradient: Any) -> list[Any]:
    matrix, solution = op.inputs[0], op.outputs[0]
    adjoint, lower = op.attrs["adjoint"], op.attrs["lower"]
    to_right = matrix_triangular_solve(matrix, gradient, lower=lower, adjoint=not adjoint)
    pair = (solution, to_right) if adjoint else (to_right, solution)
    to_matrix = _NEG(matmul(*pair, adjoint_b=True)).outputs[0]
    band = (-1, 0) if lower else (0, -1)
    return [matrix_band_part(to_matrix, *band), to_right]


def _determinant_gradient(op: Operation, gradient: Any) -> list[Any]:
    inverse = matrix_inverse(op.inputs[0], adjoint=True)
    factor = multiply(gradient, op.outputs[0])
    return [multiply(_as_matrices(factor, op.outputs[0]), inverse)]


def _log_determinant_gradient(op: Operation, _: Any, gradient: Any) -> list[Any]:
    inverse = matrix_inverse(op.inputs[0], adjoint=True)
    return [multiply(_as_matrices(gradient, op.outputs[1]), inverse)]


def _as_matrices(factor: Any, like: Tensor) -> Tensor:
    """One number for each matrix as a stack of 1x1 matrices."""
    sizes = _CONCAT([shape_of(like), [1, 1]], 0, name="concat").outputs[0]
    return reshape(factor, sizes)


# ---- the ops

define_host_op("MatrixInverse", infer_square, _inverse, same_shape, ("adjoint",), _inverse_gradient)
define_host_op("MatrixSolve", infer_solve, _solve, solution_shape, ("adjoint",), _solve_gradient)
define_host_op(
    "MatrixTriangularSolve", infer_solve, _triangular_solve, solution_shape,
    ("lower", "adjoint"), _triangular_gradient,
)  # fmt: skip


def _infer_determinant(op: Operation, count: int = 1) -> Types:
    extents = with_rank_at_least(op.inputs[0].shape, 2)
    if extents is not None:
        merge_size(extents[-1], extents[-2])
    shape = shape_from_tuple(None if extents is None else extents[:-2])
    return [(op.inputs[0].dtype.base_dtype, shape)] * count


define_host_op(
    "MatrixDeterminant", _infer_determinant, _determinant, lambda op, x: [x.shape[:-2]],
    gradient=_determinant_gradient,
)  # fmt: skip
define_host_op(
    "LogMatrixDeterminant", lambda op: _infer_determinant(op, 2), _log_determinant,
    lambda op, x: [x.shape[:-2]] * 2, gradient=_log_determinant_gradient,
)  # fmt: skip

_INVERSE = Signature("MatrixInverse", "input: T", T=MATRIX_TYPES)
_SOLVE = Signature("MatrixSolve", "matrix: T", "rhs: T", T=MATRIX_TYPES)
_TRIANGULAR = Signature("MatrixTriangularSolve", "matrix: T", "rhs: T", T=MATRIX_TYPES)
_TYPES = (
    dtypes.float16, dtypes.float32, dtypes.float64, dtypes.complex64, dtypes.complex128
)  # fmt: skip
_DETERMINANT = Signature("MatrixDeterminant", "input: T", T=_TYPES)
_LOG_DETERMINANT = Signature("LogMatrixDeterminant", "input: T", T=_TYPES)
_NEG = Signature("Neg", "x: T")
_CONCAT = Signature("ConcatV2", "values: N * T", "axis: Tidx = int32")


def matrix_inverse(input: Any, adjoint: bool = False, name: str | None = None) -> Tensor:
    """Return the inverses of square matrices, or of their adjoints."""
    return _INVERSE(input, name=name, adjoint=adjoint).outputs[0]


def matrix_solve(matrix: Any, rhs: Any, adjoint: bool = False, name: str | None = None) -> Tensor:
    """Return the solutions x of ``matrix x = rhs``, or of ``adjoint(matrix) x = rhs``."""
    return _SOLVE(matrix, rhs, name=name, adjoint=adjoint).outputs[0]


def matrix_triangular_solve(
    matrix: Any, rhs: Any, lower: bool = True, adjoint: bool = False, name: str | None = None
) -> Tensor:
    """Return the solutions of systems with triangular matrices; the other half is not read."""
    return _TRIANGULAR(matrix, rhs, name=name, lower=lower, adjoint=adjoint).outputs[0]


def matrix_determinant(input: Any, name: str | None = None) -> Tensor:
    """Return the determinants of square matrices."""
    return _DETERMINANT(input, name=name).outputs[0]


def log_matrix_determinant(input: Any, name: str | None = None) -> tuple[Tensor, Tensor]:
    """Return the signs of determinants and the logarithms of their absolute values."""
    sign, logarithm = _LOG_DETERMINANT(input, name=name).outputs
    return sign, logarithm
