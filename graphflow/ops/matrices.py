"""Functions of vectors and matrices made of other ops: norms, exponentials, cross products, ..."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow import errors
from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import merge_in_op
from graphflow.graph.tensor import Tensor
from graphflow.ops.casting import cast
from graphflow.ops.comparison import greater, where
from graphflow.ops.complex import real
from graphflow.ops.creation import zeros_like
from graphflow.ops.decompositions import cholesky, svd
from graphflow.ops.diagonals import matrix_diag_part
from graphflow.ops.elementwise import pow, realdiv, truediv
from graphflow.ops.host import define_host_op
from graphflow.ops.kinds import ORDERED
from graphflow.ops.linear import matmul
from graphflow.ops.reductions import reduce_max, reduce_sum
from graphflow.ops.shape import expand_dims, squeeze
from graphflow.ops.shape_rules import Types, output
from graphflow.ops.solving import (
    MATRIX_TYPES,
    infer_square,
    log_matrix_determinant,
    same_shape,
    wide,
)
from graphflow.ops.transposing import conjugate, matrix_transpose
from graphflow.ops.unary import abs as absolute
from graphflow.ops.unary import log, sqrt

__all__ = ["cross", "matrix_square_root", "norm"]

# ---- cross products


def _infer_cross(op: Operation) -> Types:
    shape = merge_in_op(op.inputs[0].shape, op.inputs[1].shape)
    if shape.extents is not None:
        if not shape.extents:
            raise ValueError("Shape must be at least rank 1 but is rank 0")
        if shape.extents[-1] not in (None, 3):
            raise ValueError(f"Dimension must be 3 but is {shape.extents[-1]}")
    return output(op, shape.extents)


def _lower_cross(b: Any, op: Operation, x: Any, y: Any) -> Any:
    if x.shape != y.shape:
        raise ValueError(f"both inputs must have same shape: {list(x.shape)} vs. {list(y.shape)}")
    if x.shape[-1] != 3:
        text = f"input shapes must have 3 elements in the last dimension, got {list(x.shape)}"
        raise errors.FailedPreconditionError(op.node_def, op, text)
    lead = x.shape[:-1]

    def part(node: Any, k: int) -> Any:
        return b.slice(node, [0] * len(lead) + [k], (*lead, 1))

    rows = []
    for k in range(3):
        i, j = (k + 1) % 3, (k + 2) % 3
        rows.append(b.sub(b.mul(part(x, i), part(y, j)), b.mul(part(x, j), part(y, i))))
    return b.concat(rows, x.rank - 1)


define_op(
    "Cross", _infer_cross, _lower_cross,
    gradient=lambda op, gradient: [cross(op.inputs[1], gradient), cross(gradient, op.inputs[0])],
)  # fmt: skip
_CROSS = Signature("Cross", "a: T", "b: T", T=ORDERED)


def cross(a: Any, b: Any, name: str | None = None) -> Tensor:
    """Return the cross products of vectors of three elements in the last axis."""
    return _CROSS(a, b, name=name).outputs[0]


# ---- functions of square matrices, by their eigenvalues or by series


def _square_root(x: Any) -> Any:
    """The principal root by the product form of Denman and Beavers' iteration."""
    a = wide(x)
    is_real = not np.iscomplexobj(a)
    values, vectors = np.linalg.eig(a)
    found = np.matmul(vectors * np.sqrt(values.astype(complex))[..., None, :],
                      np.linalg.inv(vectors))  # fmt: skip
    return found.real if is_real else found


def _logarithm(x: Any) -> Any:
    values, vectors = np.linalg.eig(x)
    logs = np.log(values.astype(complex))[..., None, :]
    return np.matmul(vectors * logs, np.linalg.inv(vectors))


def _exponential(x: Any) -> Any:
    """Scaling and squaring with the Pade approximant of order 13."""
    a = wide(x)
    if a.size == 0:
        return a
    size = np.abs(a).sum(axis=-2).max(axis=-1)
    times = np.maximum(0, np.ceil(np.log2(np.maximum(size, 1e-300) / 4.25))).astype(int)
    a = a / (2.0**times)[..., None, None].astype(a.real.dtype)
    identity = np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape)
    term, up, down = identity, identity, identity
    for k in range(1, 14):
        term = np.matmul(term, a) * a.dtype.type((14 - k) / (k * (27 - k)))
        up, down = up + term, down + (term if k % 2 == 0 else -term)
    found = np.linalg.solve(down, up)
    for k in range(int(times.max())):
        again = np.matmul(found, found)
        found = np.where((times > k)[..., None, None], again, found)
    return found


define_host_op(
    "MatrixSquareRoot", infer_square, _square_root, same_shape,
    no_gradient="TensorFlow has none for it",
)  # fmt: skip
define_host_op(
    "MatrixLogarithm", infer_square, _logarithm, same_shape,
    no_gradient="TensorFlow has none for it",
)  # fmt: skip


def _exponential_gradient(op: Operation, gradient: Any) -> list[Any]:
    """The upper right block of the exponential of ``[[A', G], [0, A']]``."""
    a = matrix_transpose(op.inputs[0], conjugate=True)
    none = zeros_like(a)
    upper, lower = _CONCAT([a, gradient], -1).outputs[0], _CONCAT([none, a], -1).outputs[0]
    whole = _EXPONENTIAL(_CONCAT([upper, lower], -2).outputs[0]).outputs[0]
    right = _SPLIT(-1, whole, num_split=2).outputs[1]
    return [_SPLIT(-2, right, num_split=2).outputs[0]]


define_host_op(
    "MatrixExponential", infer_square, _exponential, same_shape, gradient=_exponential_gradient
)
_SQUARE_ROOT = Signature("MatrixSquareRoot", "input: T", T=MATRIX_TYPES)
_LOGARITHM = Signature(
    "MatrixLogarithm", "input: T", T=(dtypes.complex64, dtypes.complex128)
)  # fmt: skip
_EXPONENTIAL = Signature("MatrixExponential", "input: T", T=MATRIX_TYPES)
_CONCAT = Signature("ConcatV2", "values: N * T", "axis: Tidx = int32")
_SPLIT = Signature("Split", "split_dim: int32", "value: T")


def matrix_square_root(input: Any, name: str | None = None) -> Tensor:
    """Return the principal square roots of square matrices."""
    return _SQUARE_ROOT(input, name=name).outputs[0]


sqrtm = matrix_square_root


def logm(input: Any, name: str | None = None) -> Tensor:
    """Return the principal logarithms of complex square matrices."""
    return _LOGARITHM(input, name=name).outputs[0]


def expm(input: Any, name: str | None = None) -> Tensor:
    """Return the exponentials of square matrices.

    TensorFlow composes this of products and a loop; here it is one op.
    """
    with name_scope(name, "matrix_exponential", [input]):
        return _EXPONENTIAL(convert_to_tensor(input, name="input")).outputs[0]


def adjoint(matrix: Any, name: str | None = None) -> Tensor:
    """Return the conjugate transposes of the last two axes."""
    with name_scope(name, "adjoint", [matrix]):
        matrix = convert_to_tensor(matrix, name="matrix")
        return matrix_transpose(matrix, conjugate=True)


def logdet(matrix: Any, name: str | None = None) -> Tensor:
    """Return the logarithms of the determinants of positive definite matrices."""
    with name_scope(name, "logdet", [matrix]):
        diagonal = real(matrix_diag_part(cholesky(matrix)))
        return 2.0 * reduce_sum(log(diagonal), axis=[-1])


slogdet = log_matrix_determinant


def matrix_rank(
    a: Any, tol: Any = None, validate_args: bool = False, name: str | None = None
) -> Tensor:
    """Return the numbers of singular values above a tolerance."""
    with name_scope(name, "matrix_rank", [a, tol]):
        a = convert_to_tensor(a, name="a")
        values = svd(a, compute_uv=False)
        if tol is None:
            sizes = [a.shape[k].value or 0 for k in (-2, -1)]
            factor = np.finfo(a.dtype.as_numpy_dtype).eps * max(sizes)
            tol = reduce_max(values, axis=-1, keepdims=True) * factor
        return reduce_sum(cast(greater(values, tol), dtypes.int32), axis=-1)


def pinv(a: Any, rcond: Any = None, validate_args: bool = False, name: str | None = None) -> Tensor:
    """Return the pseudo-inverses of matrices; small singular values count as zero."""
    with name_scope(name, "pinv", [a, rcond]):
        a = convert_to_tensor(a, name="a")
        if rcond is None:
            sizes = [a.shape[k].value or 0 for k in (-2, -1)]
            rcond = 10.0 * max(sizes) * np.finfo(a.dtype.as_numpy_dtype).eps
        s, u, v = svd(a, full_matrices=False, compute_uv=True)
        cutoff = reduce_max(s, axis=-1) * rcond
        infinite = _filled_like(s, np.inf)
        s = where(greater(s, expand_dims(cutoff, -1)), s, infinite)
        return matmul(realdiv(v, expand_dims(s, -2)), u, adjoint_b=True)


def _filled_like(x: Tensor, value: float) -> Tensor:
    return _FILL(_SHAPE(x, out_type=dtypes.int32).outputs[0], _constant(value, x)).outputs[0]


def _constant(value: float, like: Tensor) -> Tensor:
    return convert_to_tensor(value, dtype=like.dtype.base_dtype)


_FILL = Signature("Fill", "dims: index_type", "value: T")
_SHAPE = Signature("Shape", "input: T")

# ---- norms

_MATRIX_NORMS = ["euclidean", "fro", 1, 2, np.inf]


def _check_norm(ord: Any, axis: Any) -> tuple[bool, Any]:
    """Whether it is a norm of matrices, and its axes."""
    is_matrix = isinstance(axis, (tuple, list))
    if is_matrix:
        axis = tuple(axis)
        shown = "'axis' must be None, an integer, or a tuple of 2 unique integers"
        if len(axis) != 2 or axis[0] == axis[1]:
            raise ValueError(shown)
        if ord not in _MATRIX_NORMS:
            names = "['euclidean', 'fro', 1, 2, inf]"
            raise ValueError(f"'ord' must be a supported matrix norm in {names}, got {ord}")
    elif not (ord == "euclidean" or (not isinstance(ord, str) and ord > 0)):
        raise ValueError(f"'ord' must be a supported vector norm, got {ord}")
    return is_matrix, axis


def norm(
    tensor: Any, ord: Any = "euclidean", axis: Any = None, keepdims: bool | None = None,
    name: str | None = None, keep_dims: bool | None = None,
) -> Tensor:  # fmt: skip
    """Return norms of vectors along an axis, or of matrices in two axes.

    Parameters
    ----------
    ord : ``'euclidean'``, ``'fro'`` (matrices), 1, 2, infinity or, for vectors, any positive
        number.
    axis : an integer for vectors, a pair for matrices; None takes all of `tensor` as one vector.
    keepdims : keep the axes, with size 1.

    Raises
    ------
    ValueError : there is no such norm.
    """
    if keep_dims is not None:
        if keepdims is not None:
            raise ValueError("Cannot specify both 'keep_dims' and 'keepdims'")
        keepdims = keep_dims
    is_matrix, axis = _check_norm(ord, axis)
    with name_scope(name, "norm", [tensor]):
        tensor = convert_to_tensor(tensor)
        found = _norm(tensor, ord, axis, is_matrix)
        if keepdims:
            return found
        return squeeze(found, list(axis) if is_matrix else None if axis is None else [axis])


def _norm(x: Tensor, ord: Any, axis: Any, is_matrix: bool) -> Tensor:
    """The norm with the reduced axes kept."""
    if ord in ("fro", "euclidean", 2, 2.0):
        if is_matrix and ord in (2, 2.0):
            return _spectral_norm(x, axis)
        squares: Any = x * conjugate(x)
        return sqrt(reduce_sum(squares, axis, keepdims=True))
    sizes = absolute(x)
    if ord == 1:
        total = reduce_sum(sizes, axis if not is_matrix else axis[0], keepdims=True)
        return reduce_max(total, axis[-1], keepdims=True) if is_matrix else total
    if ord == np.inf:
        total = reduce_sum(sizes, axis[1], keepdims=True) if is_matrix else sizes
        return reduce_max(total, axis if not is_matrix else axis[0], keepdims=True)
    total = reduce_sum(pow(sizes, ord), axis, keepdims=True)
    return pow(total, 1.0 / ord)


def _spectral_norm(x: Tensor, axis: Any) -> Tensor:
    """The largest singular values, for matrices in any two axes."""
    rank = x.shape.rank
    if sorted(axis) == [-2, -1]:  # a matrix's singular values are those of its transpose
        values = reduce_max(absolute(svd(x, compute_uv=False)), -1, keepdims=True)
        return expand_dims(values, -1)
    if rank is None:
        raise ValueError("expected a tensor of known rank, got one of unknown rank")
    axes = [a % rank for a in axis]
    perm = [k for k in range(rank) if k not in axes] + axes
    moved = _TRANSPOSE(x, perm).outputs[0]
    largest = reduce_max(absolute(svd(moved, compute_uv=False)), -1, keepdims=True)
    kept = expand_dims(largest, -1)
    return _TRANSPOSE(kept, np.argsort(perm).tolist()).outputs[0]


_TRANSPOSE = Signature("Transpose", "x: T", "perm: Tperm = int32")


def normalize(
    tensor: Any, ord: Any = "euclidean", axis: Any = None, name: str | None = None
) -> tuple[Tensor, Tensor]:
    """Return `tensor` divided by its norm, and the norm; see `norm`."""
    with name_scope(name, "normalize", [tensor]):
        tensor = convert_to_tensor(tensor)
        size = norm(tensor, ord, axis, keepdims=True)
        return truediv(tensor, cast(size, tensor.dtype)), size
