"""Least squares: `matrix_solve_ls`, with the normal equations or by factorisation."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ops.casting import cast
from graphflow.ops.decompositions import cholesky, cholesky_solve
from graphflow.ops.diagonals import eye
from graphflow.ops.elementwise import add, multiply, subtract
from graphflow.ops.host import define_host_op
from graphflow.ops.linear import matmul
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.solving import (
    MATRIX_NOT_INVERTIBLE,
    MATRIX_TYPES,
    adjoint_array,
    infer_solve,
    solution_shape,
    solved,
    wide,
)
from graphflow.ops.strided_slice import strided_slice
from graphflow.ops.transposing import matrix_transpose

__all__ = ["matrix_solve_ls"]


def _least_squares(matrix: Any, right: Any, regularizer: Any, fast: bool) -> Any:
    """The normal equations when `fast`, else an orthogonal factorisation, which ignores rank."""
    a, right = wide(matrix), wide(right)
    if not fast:
        return np.matmul(np.linalg.pinv(a), right)
    weight = a.dtype.type(regularizer)
    rows, columns = a.shape[-2:]
    t = adjoint_array(a)
    if rows >= columns:
        gram = np.matmul(t, a) + weight * np.eye(columns, dtype=a.dtype)
        return solved(gram, np.matmul(t, right), MATRIX_NOT_INVERTIBLE)
    gram = np.matmul(a, t) + weight * np.eye(rows, dtype=a.dtype)
    return np.matmul(t, solved(gram, right, MATRIX_NOT_INVERTIBLE))


def _least_squares_gradient(op: Operation, gradient: Any) -> list[Any]:
    """Derivatives of the normal equations; see `_over` and `_under` for the two cases."""
    extents = op.inputs[0].shape.extents
    if extents is None or extents[-2] is None or extents[-1] is None:
        raise ValueError("expected a matrix of known size, got a shape that is not known")
    rule = _over if extents[-2] >= extents[-1] else _under
    return [*rule(op, gradient), None]


def _gram(matrix: Tensor, regularizer: Tensor, first: bool) -> Tensor:
    """The Cholesky factor of ``A' A + l I`` when `first`, of ``A A' + l I`` otherwise."""
    adjoint: dict[str, Any] = {"adjoint_a": True} if first else {"adjoint_b": True}
    size = strided_slice(shape_of(matrix), [-1 if first else -2], [0] if first else [-1], [1],
                         shrink_axis_mask=1, end_mask=1 if first else 0)  # fmt: skip
    weight = cast(regularizer, matrix.dtype.base_dtype)
    ridge = multiply(weight, eye(size, dtype=matrix.dtype.base_dtype))
    return cholesky(add(matmul(matrix, matrix, **adjoint), ridge))


def _over(op: Operation, gradient: Any) -> list[Any]:
    """With ``X = (A'A + lI)^-1 A'B`` and ``Z = (A'A + lI)^-1 G``: ``B Z' - A (X Z' + Z X')``."""
    a, right, regularizer = op.inputs
    x = op.outputs[0]
    z = cholesky_solve(_gram(a, regularizer, True), gradient)
    product = matmul(x, z, adjoint_b=True)
    both = add(product, matrix_transpose(product))
    to_a = subtract(matmul(right, z, adjoint_b=True), matmul(a, both))
    return [to_a, matmul(a, z)]


def _under(op: Operation, gradient: Any) -> list[Any]:
    """With ``X = A' S B``, ``S = (AA' + lI)^-1``, ``Y = S B``, ``W = S A G``."""
    a, right, regularizer = op.inputs
    factor = _gram(a, regularizer, False)
    to_right = cholesky_solve(factor, matmul(a, gradient))
    y = cholesky_solve(factor, right)
    product = matmul(y, to_right, adjoint_b=True)
    both = add(product, matrix_transpose(product))
    to_a = subtract(matmul(y, gradient, adjoint_b=True), matmul(both, a))
    return [to_a, to_right]


define_host_op(
    "MatrixSolveLs", lambda op: infer_solve(op, False), _least_squares, solution_shape,
    ("fast",), _least_squares_gradient,
)  # fmt: skip
_LEAST_SQUARES = Signature(
    "MatrixSolveLs", "matrix: T", "rhs: T", "l2_regularizer: float64", T=MATRIX_TYPES
)


def matrix_solve_ls(
    matrix: Any, rhs: Any, l2_regularizer: Any = 0.0, fast: bool = True, name: str | None = None
) -> Tensor:
    """Return the least-squares solutions of ``matrix x = rhs``.

    Parameters
    ----------
    l2_regularizer : weight of the solution's own square in what is minimised.
    fast : solve the normal equations; otherwise factorise, for matrices without full rank.
    """
    matrix = convert_to_tensor(matrix, name="matrix")
    extents = matrix.shape.extents
    if not fast or extents is None or None in extents[-2:]:
        return _LEAST_SQUARES(matrix, rhs, l2_regularizer, name=name, fast=fast).outputs[0]
    with name_scope(name, "matrix_solve_ls", [matrix, rhs, l2_regularizer]):
        return _normal_solution(matrix, rhs, l2_regularizer)


def _normal_solution(matrix: Tensor, right: Any, regularizer: Any) -> Tensor:
    """The normal equations of fewer unknowns than equations, or of the other kind."""
    extents = matrix.shape.extents
    assert extents is not None
    over = (extents[-2] or 0) >= (extents[-1] or 0)
    adjoint: dict[str, Any] = {"adjoint_a": True} if over else {"adjoint_b": True}
    gram = matmul(matrix, matrix, **adjoint)
    if isinstance(regularizer, Tensor) or regularizer != 0:
        sizes: Any = shape_of(matrix)
        batch, size = sizes[:-2], sizes[-1 if over else -2]
        gram = gram + regularizer * eye(size, batch_shape=batch, dtype=matrix.dtype.base_dtype)
    factor = cholesky(gram)
    if over:
        return cholesky_solve(factor, matmul(matrix, right, adjoint_a=True))
    return matmul(matrix, cholesky_solve(factor, right), adjoint_a=True)
