"""Factorisations of matrices: Cholesky, Qr, Svd, SelfAdjointEigV2, Lu.

LAPACK computes them, through NumPy, in the run. All work on the last two axes.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from graphflow.graph.apply import Signature
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import as_dtype, int32
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import shape_from_tuple
from graphflow.graph.tensor import Tensor
from graphflow.ops.comparison import equal, where
from graphflow.ops.creation import zeros_like
from graphflow.ops.diagonals import (
    matrix_band_part,
    matrix_diag,
    matrix_diag_part,
    matrix_set_diag,
)
from graphflow.ops.elementwise import add, add_n, multiply, realdiv, subtract
from graphflow.ops.host import define_host_op
from graphflow.ops.linear import matmul
from graphflow.ops.shape import expand_dims
from graphflow.ops.shape_rules import Types, output, with_rank_at_least
from graphflow.ops.solving import (
    MATRIX_TYPES,
    adjoint_array,
    infer_square,
    matrix_triangular_solve,
    same_shape,
    square,
    wide,
)
from graphflow.ops.transposing import matrix_transpose
from graphflow.ops.unary import reciprocal
from graphflow.ops.unary import square as squared

__all__ = [
    "cholesky", "cholesky_solve", "qr", "self_adjoint_eig", "self_adjoint_eigvals", "svd",
]  # fmt: skip


def _adjoint(x: Any) -> Tensor:
    return matrix_transpose(x, conjugate=True)


# ---- Cholesky


def _cholesky(x: Any) -> Any:
    """The lower factor; only the lower half is read, by NumPy as by TensorFlow."""
    try:
        return np.linalg.cholesky(wide(x))
    except np.linalg.LinAlgError:
        raise ValueError(
            "Cholesky decomposition was not successful. The input might not be valid."
        ) from None


def _cholesky_gradient(op: Operation, gradient: Any) -> list[Any]:
    """``L^-H phi(L^H G) L^-1``, symmetric; phi is the lower half with half of the diagonal."""
    factor = op.outputs[0]
    middle = matmul(factor, gradient, adjoint_a=True)
    middle = matrix_set_diag(middle, matrix_diag_part(middle) * 0.5)
    middle = matrix_band_part(middle, -1, 0)
    left = matrix_triangular_solve(factor, middle, adjoint=True)
    found = _adjoint(matrix_triangular_solve(factor, _adjoint(left), adjoint=True))
    return [(found + _adjoint(found)) * 0.5]


define_host_op("Cholesky", infer_square, _cholesky, same_shape, gradient=_cholesky_gradient)

# ---- QR


def _infer_qr(op: Operation) -> Types:
    x = op.inputs[0]
    extents = with_rank_at_least(x.shape, 2)
    dtype = x.dtype.base_dtype
    if extents is None:
        return [(dtype, shape_from_tuple(None))] * 2
    rows, columns = extents[-2:]
    inner = rows if op.attrs["full_matrices"] else _least(rows, columns)
    shapes = (*extents[:-2], rows, inner), (*extents[:-2], inner, columns)
    return [(dtype, shape_from_tuple(s)) for s in shapes]


def _least(rows: Any, columns: Any) -> Any:
    return None if rows is None or columns is None else min(rows, columns)


def _qr_shapes(op: Operation, x: Any) -> list[Any]:
    rows, columns = x.shape[-2:]
    inner = rows if op.attrs["full_matrices"] else min(rows, columns)
    return [(*x.shape[:-2], rows, inner), (*x.shape[:-2], inner, columns)]


def _qr(x: Any, full_matrices: bool) -> Any:
    q, r = np.linalg.qr(wide(x), "complete" if full_matrices else "reduced")
    return q, r


def _qr_gradient(op: Operation, to_q: Any, to_r: Any) -> list[Any]:
    """For reduced factors of matrices with at least as many rows as columns."""
    q, r = op.outputs
    rows, columns = r.shape.as_list()[-2:]
    if rows is None or columns is None or rows > columns:
        if rows is None or columns is None:
            raise NotImplementedError("QrGrad not implemented with dynamic shapes.")
        raise NotImplementedError("QrGrad not implemented when full_matrices is true.")
    if rows != columns:
        raise NotImplementedError("QrGrad not implemented when ncols > nrows.")
    from_r = matmul(r, to_r, adjoint_b=True)
    from_q = matmul(q, to_q, adjoint_a=True)
    skew_r = subtract(from_r, _adjoint(from_r))
    skew_q = subtract(from_q, _adjoint(from_q))
    lower = matrix_band_part(add(skew_r, skew_q), -1, 0)
    lower = matrix_set_diag(lower, zeros_like(matrix_diag_part(lower)))
    inside = add(to_r, _solved_by(lower, r))
    first = matmul(q, inside)
    outside = subtract(to_q, matmul(q, from_q))
    return [add(first, _solved_by(outside, r))]


def _solved_by(x: Any, r: Any) -> Tensor:
    """``x r^-H`` for an upper triangular r."""
    return _adjoint(matrix_triangular_solve(r, _adjoint(x), lower=False, adjoint=False))


define_host_op("Qr", _infer_qr, _qr, _qr_shapes, ("full_matrices",), _qr_gradient)

# ---- symmetric eigenvalues


def _infer_eigen(op: Operation) -> Types:
    extents = square(op.inputs[0].shape)
    values = None if extents is None else extents[:-1]
    vectors = extents if op.attrs["compute_v"] else (0,)
    dtype = op.inputs[0].dtype.base_dtype
    return [(dtype, shape_from_tuple(values)), (dtype, shape_from_tuple(vectors))]


def _eigen(x: Any, compute_v: bool) -> Any:
    """Ascending values; the lower half is read."""
    if compute_v:
        found = np.linalg.eigh(wide(x))
        return found[0], found[1]
    return np.linalg.eigvalsh(wide(x)), np.zeros([0])


def _eigen_gradient(op: Operation, to_values: Any, to_vectors: Any) -> list[Any]:
    values, vectors = op.outputs
    if not op.attrs["compute_v"]:
        _, vectors = _EIGEN(op.inputs[0], compute_v=True).outputs
        inner = matrix_diag(to_values)
    else:
        gaps = subtract(expand_dims(values, -2), expand_dims(values, -1))
        weights = matrix_set_diag(reciprocal(gaps), zeros_like(values))
        overlap = matmul(vectors, to_vectors, adjoint_a=True)
        inner = add(matrix_diag(to_values), multiply(weights, overlap))
    found = matmul(vectors, matmul(inner, vectors, adjoint_b=True))
    # Only the lower half was read, so all of the gradient belongs there.
    lower = matrix_band_part(add(found, _adjoint(found)), -1, 0)
    return [matrix_set_diag(lower, matrix_diag_part(lower) * 0.5)]


define_host_op(
    "SelfAdjointEigV2", _infer_eigen, _eigen,
    lambda op, x: [x.shape[:-1], x.shape if op.attrs["compute_v"] else (0,)],
    ("compute_v",), _eigen_gradient,
)  # fmt: skip

# ---- singular values


def _svd_extents(extents: Any, full: bool, vectors: bool) -> list[Any]:
    rows, columns = extents[-2:]
    least, lead = _least(rows, columns), tuple(extents[:-2])
    if not vectors:
        return [(*lead, least), (0,), (0,)]
    inner = (rows, columns) if full else (least, least)
    return [(*lead, least), (*lead, rows, inner[0]), (*lead, columns, inner[1])]


def _infer_svd(op: Operation) -> Types:
    extents = with_rank_at_least(op.inputs[0].shape, 2)
    dtype = op.inputs[0].dtype.base_dtype
    full, vectors = op.attrs["full_matrices"], op.attrs["compute_uv"]
    if extents is None:
        others: Any = None if vectors else (0,)
        return [(dtype, shape_from_tuple(s)) for s in (None, others, others)]
    return [(dtype, shape_from_tuple(s)) for s in _svd_extents(extents, full, vectors)]


def _svd(x: Any, full_matrices: bool, compute_uv: bool) -> Any:
    if not compute_uv:
        return np.linalg.svd(wide(x), compute_uv=False), np.zeros([0]), np.zeros([0])
    u, s, v = np.linalg.svd(wide(x), full_matrices=full_matrices)
    return s, u, adjoint_array(v)


def _svd_gradient(op: Operation, to_s: Any, to_u: Any, to_v: Any) -> list[Any]:
    """Through ``F = 1 / (s_j^2 - s_i^2)``; wide matrices by their transposes."""
    if not op.attrs["compute_uv"]:
        s, u, v = _SVD(op.inputs[0], compute_uv=True, full_matrices=False).outputs
        return [matmul(u, matmul(matrix_diag(to_s), v, adjoint_b=True))]
    s, u, v = op.outputs
    extents = op.inputs[0].shape.extents
    if extents is None or extents[-1] is None or extents[-2] is None:
        raise NotImplementedError("SVD gradient has not been implemented for input with unknown "
                                  "inner matrix shape.")  # fmt: skip
    rows, columns = (int(d or 0) for d in extents[-2:])
    if op.attrs["full_matrices"] and abs(rows - columns) > 1:
        raise NotImplementedError("svd gradient is not implemented for abs(m - n) > 1 when "
                                  "full_matrices is True")  # fmt: skip
    if rows < columns:
        u, v, to_u, to_v = v, u, to_v, to_u
    found = _tall_svd_gradient(s, (u, to_u), (v, to_v), to_s, rows != columns)
    return [_adjoint(found) if rows < columns else found]


def _tall_svd_gradient(
    s: Tensor, left: tuple[Any, Any], right: tuple[Any, Any], to_s: Any, outside: bool
) -> Tensor:
    u, to_u = left
    v, to_v = right
    squares = squared(s)
    gaps = subtract(expand_dims(squares, -2), expand_dims(squares, -1))
    same = equal(gaps, zeros_like(gaps))
    weights = where(same, zeros_like(gaps), reciprocal(where(same, add(gaps, 1), gaps)))
    scale = matrix_diag(s)
    by_u = multiply(weights, matmul(u, to_u, adjoint_a=True))
    by_v = multiply(weights, matmul(v, to_v, adjoint_a=True))
    middle = add_n([
        matrix_diag(to_s),
        matmul(add(by_u, _adjoint(by_u)), scale),
        matmul(scale, add(by_v, _adjoint(by_v))),
    ])  # fmt: skip
    found = matmul(u, matmul(middle, v, adjoint_b=True))
    if not outside:
        return found
    scaled = realdiv(to_u, expand_dims(s, -2))
    rest = subtract(scaled, matmul(u, matmul(u, scaled, adjoint_a=True)))
    return add(found, matmul(rest, v, adjoint_b=True))


define_host_op(
    "Svd", _infer_svd, _svd,
    lambda op, x: _svd_extents(x.shape, op.attrs["full_matrices"], op.attrs["compute_uv"]),
    ("full_matrices", "compute_uv"), _svd_gradient,
)  # fmt: skip

# ---- LU


def _infer_lu(op: Operation) -> Types:
    extents = square(op.inputs[0].shape)
    rows = shape_from_tuple(None if extents is None else extents[:-1])
    return [*output(op, extents), (op.attrs["output_idx_type"], rows)]


def _lu(x: Any) -> Any:
    """Elimination with the largest pivot, a column at a time over the whole stack."""
    a = wide(x).copy()
    count = a.shape[-1]
    flat = a.reshape((math.prod(a.shape[:-2]), count, count))
    order = np.tile(np.arange(count), (len(flat), 1))
    for matrix, rows in zip(flat, order, strict=True):
        for k in range(count):
            best = k + int(np.argmax(np.abs(matrix[k:, k])))
            if matrix[best, k] == 0:
                raise ValueError("Input is not invertible.")
            matrix[[k, best]] = matrix[[best, k]]
            rows[[k, best]] = rows[[best, k]]
            matrix[k + 1 :, k] /= matrix[k, k]
            matrix[k + 1 :, k + 1 :] -= np.outer(matrix[k + 1 :, k], matrix[k, k + 1 :])
    return flat.reshape(a.shape), order.reshape(a.shape[:-1])


define_host_op(
    "Lu", _infer_lu, _lu, lambda op, x: [x.shape, x.shape[:-1]], no_gradient="not in TensorFlow"
)

_CHOLESKY = Signature("Cholesky", "input: T", T=MATRIX_TYPES)
_QR = Signature("Qr", "input: T", T=MATRIX_TYPES)
_EIGEN = Signature("SelfAdjointEigV2", "input: T", T=MATRIX_TYPES)
_SVD = Signature("Svd", "input: T", T=MATRIX_TYPES)
_LU = Signature("Lu", "input: T", T=MATRIX_TYPES)


class Qr(NamedTuple):
    """What `qr` returns."""

    q: Tensor
    r: Tensor


class Lu(NamedTuple):
    """What `lu` returns."""

    lu: Tensor
    p: Tensor


def cholesky(input: Any, name: str | None = None) -> Tensor:
    """Return the lower triangular L of positive definite matrices ``L adjoint(L)``."""
    return _CHOLESKY(input, name=name).outputs[0]


def cholesky_solve(chol: Any, rhs: Any, name: str | None = None) -> Tensor:
    """Return the solutions of systems whose matrices have the Cholesky factors `chol`."""
    with name_scope(name, "cholesky_solve", [chol, rhs]):
        half = matrix_triangular_solve(chol, rhs, adjoint=False, lower=True)
        return matrix_triangular_solve(chol, half, adjoint=True, lower=True)


def qr(input: Any, full_matrices: bool = False, name: str | None = None) -> Any:
    """Return orthogonal q and upper triangular r with ``q r = input``.

    Parameters
    ----------
    full_matrices : make q square.
    """
    return Qr(*_QR(input, name=name, full_matrices=full_matrices).outputs)


def self_adjoint_eig(tensor: Any, name: str | None = None) -> tuple[Tensor, Tensor]:
    """Return the eigenvalues, ascending, and eigenvectors of symmetric matrices."""
    values, vectors = _EIGEN(tensor, name=name, compute_v=True).outputs
    return values, vectors


def self_adjoint_eigvals(tensor: Any, name: str | None = None) -> Tensor:
    """Return the eigenvalues, ascending, of symmetric matrices."""
    return _EIGEN(tensor, name=name, compute_v=False).outputs[0]


def svd(
    tensor: Any, full_matrices: bool = False, compute_uv: bool = True, name: str | None = None
) -> Any:
    """Return singular values s, descending, and u, v with ``u diag(s) adjoint(v) = tensor``.

    Parameters
    ----------
    full_matrices : make u and v square.
    compute_uv : False returns s alone.
    """
    attrs = {"compute_uv": compute_uv, "full_matrices": full_matrices}
    s, u, v = _SVD(tensor, name=name, **attrs).outputs
    return (s, u, v) if compute_uv else s


def lu(input: Any, output_idx_type: Any = int32, name: str | None = None) -> Any:
    """Return the factors of row-permuted matrices in one, and the permutations."""
    return Lu(*_LU(input, name=name, output_idx_type=as_dtype(output_idx_type)).outputs)
