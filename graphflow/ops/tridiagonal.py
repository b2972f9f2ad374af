"""Systems and products with tridiagonal matrices, kept as three diagonals.

In *compact* form the diagonals are the rows of an array (..., 3, M): the one above the main one,
the main one, the one below. The last element of the first and the first of the last are not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ops.creation import zeros_like
from graphflow.ops.elementwise import add, multiply
from graphflow.ops.gathering import gather_nd
from graphflow.ops.host import define_host_op
from graphflow.ops.joining import concat, stack
from graphflow.ops.padding import pad
from graphflow.ops.reductions import reduce_sum
from graphflow.ops.shape import expand_dims, squeeze
from graphflow.ops.shape_rules import Types, merge_size, output, with_rank_at_least
from graphflow.ops.transposing import conjugate, matrix_transpose, transpose
from graphflow.ops.unary import negative

__all__ = ["tridiagonal_matmul", "tridiagonal_solve"]

Array = np.ndarray[Any, Any]
_TYPES = (dtypes.float64, dtypes.float32, dtypes.complex64, dtypes.complex128)

# ---- systems

_SINGULAR = "The matrix is not invertible."
_NEEDS_PIVOTING = (
    "The matrix is either not invertible, or requires pivoting. Try setting "
    "partial_pivoting = True."
)  # fmt: skip


def _solve(diagonals: Array, right: Array, partial_pivoting: bool) -> Array:
    """Gaussian elimination over a stack of systems; row exchanges fill one diagonal more."""
    size = diagonals.shape[-1]
    if size == 0:
        return right
    if size == 1 and (diagonals[..., 1, :] == 0).any():
        raise ValueError("The matrix is not invertible: it is a scalar with value zero.")
    lead = diagonals.shape[:-2]
    above = diagonals[..., 0, :].reshape(-1, size).copy()
    main = diagonals[..., 1, :].reshape(-1, size).copy()
    below = diagonals[..., 2, :].reshape(-1, size)
    x = right.reshape(len(main), size, -1).copy()
    above[:, -1] = 0
    second = np.zeros_like(above)  # the diagonal over `above`
    for k in range(size - 1):
        low = below[:, k + 1].copy()
        if partial_pivoting:
            low = _exchange(k, np.abs(low) > np.abs(main[:, k]), low, main, above, second, x)
        if (main[:, k] == 0).any():
            raise ValueError(_SINGULAR if partial_pivoting else _NEEDS_PIVOTING)
        factor = low / main[:, k]
        main[:, k + 1] -= factor * above[:, k]
        above[:, k + 1] -= factor * second[:, k]
        x[:, k + 1] -= factor[:, None] * x[:, k]
    if (main[:, -1] == 0).any():
        raise ValueError(_SINGULAR if partial_pivoting else _NEEDS_PIVOTING)
    for k in range(size - 1, -1, -1):
        if k + 1 < size:
            x[:, k] -= above[:, k, None] * x[:, k + 1]
        if k + 2 < size:
            x[:, k] -= second[:, k, None] * x[:, k + 2]
        x[:, k] /= main[:, k, None]
    return x.reshape(*lead, size, right.shape[-1])


def _exchange(
    k: int, rows: Array, low: Array, main: Array, above: Array, second: Array, x: Array
) -> Array:
    """Exchange equations k and k + 1 where `rows` says so; the new elements below the diagonal."""
    for first, other in ((above[:, k], main[:, k + 1]), (second[:, k], above[:, k + 1])):
        kept = first[rows].copy()
        first[rows] = other[rows]
        other[rows] = kept
    x[rows, k], x[rows, k + 1] = x[rows, k + 1], x[rows, k]
    found = np.where(rows, main[:, k], low)
    main[:, k] = np.where(rows, low, main[:, k])
    return found


def _infer_solve(op: Operation) -> Types:
    diagonals = with_rank_at_least(op.inputs[0].shape, 2)
    right = with_rank_at_least(op.inputs[1].shape, 2)
    if diagonals is None or right is None:
        return output(op, None)
    if len(diagonals) != len(right):
        raise ValueError(f"Shapes must be equal rank, but are {len(diagonals)} and {len(right)}")
    merge_size(diagonals[-2], 3)
    batch = [merge_size(a, b) for a, b in zip(diagonals[:-2], right[:-2], strict=True)]
    return output(op, (*batch, merge_size(diagonals[-1], right[-2]), right[-1]))


def _solve_gradient(op: Operation, gradient: Any) -> list[Any]:
    diagonals, solution = op.inputs[0], op.outputs[0]
    above, main, below = (conjugate(diagonals[..., k, :]) for k in range(3))
    turned = stack([_left(below, -1), main, _right(above, -1)], axis=-2)
    pivoting = op.attrs["partial_pivoting"]
    to_right = _SOLVE(turned, gradient, partial_pivoting=pivoting).outputs[0]
    factor, other = conjugate(solution), to_right
    parts = [
        reduce_sum(multiply(other, moved), axis=-1)
        for moved in (_left(factor, -2), factor, _right(factor, -2))
    ]
    return [negative(stack(parts, axis=-2)), to_right]


def _part(x: Tensor, axis: int, part: slice) -> Tensor:
    return x[(..., part) if axis == -1 else (..., part, slice(None))]


def _left(x: Tensor, axis: int) -> Tensor:
    """Every element in its predecessor's place, a zero in the last."""
    return concat([_part(x, axis, slice(1, None)), zeros_like(_part(x, axis, slice(0, 1)))], axis)


def _right(x: Tensor, axis: int) -> Tensor:
    """Every element in its successor's place, a zero in the first."""
    return concat([zeros_like(_part(x, axis, slice(0, 1))), _part(x, axis, slice(0, -1))], axis)


define_host_op(
    "TridiagonalSolve", _infer_solve, _solve, lambda op, diagonals, right: [right.shape],
    ("partial_pivoting",), _solve_gradient,
)  # fmt: skip
_SOLVE = Signature("TridiagonalSolve", "diagonals: T", "rhs: T", T=_TYPES)

# ---- products


def _infer_product(op: Operation) -> Types:
    right = with_rank_at_least(op.inputs[3].shape, 2)
    for diagonal in op.inputs[:3]:
        extents = with_rank_at_least(diagonal.shape, 2)
        if extents is not None and right is not None:
            merge_size(extents[-2], 1)
            merge_size(extents[-1], right[-2])
    return output(op, right)


def _lower_product(b: Any, op: Operation, above: Any, main: Any, below: Any, right: Any) -> Any:
    shape = right.shape
    rank = len(shape)
    expected = (*shape[:-2], 1, shape[-2])
    for node in (above, main, below):
        if node.shape != expected:
            raise ValueError(f"expected diagonals {list(expected)}, got {list(node.shape)}")
    row = (*shape[:-2], 1, shape[-1])
    rest = (*shape[:-2], shape[-2] - 1, shape[-1])
    nothing = b.full(row, 0, right.dtype)
    start = [0] * rank
    after = [*start[:-2], 1, 0]
    up = b.concat([b.slice(right, after, rest), nothing], rank - 2)
    down = b.concat([nothing, b.slice(right, start, rest)], rank - 2)

    def scaled(diagonal: Any, x: Any) -> Any:
        flat = b.reshape(diagonal, shape[:-1])
        return b.mul(b.broadcast(flat, shape, tuple(range(rank - 1))), x)

    return b.add(b.add(scaled(above, up), scaled(main, right)), scaled(below, down))


def _product_gradient(op: Operation, gradient: Any) -> list[Any]:
    above, main, below = (matrix_transpose(conjugate(diagonal)) for diagonal in op.inputs[:3])
    right = conjugate(op.inputs[3])
    parts = [
        expand_dims(reduce_sum(multiply(moved, gradient), axis=-1), -2)
        for moved in (_left(right, -2), right, _right(right, -2))
    ]
    outer = add(_right(multiply(above, gradient), -2), _left(multiply(below, gradient), -2))
    return [*parts, add(outer, multiply(main, gradient))]


define_op("TridiagonalMatMul", _infer_product, _lower_product, _product_gradient)
_PRODUCT = Signature(
    "TridiagonalMatMul", "superdiag: T", "maindiag: T", "subdiag: T", "rhs: T", T=_TYPES
)

# ---- the forms that diagonals come in


def _matrix_size(matrices: Tensor) -> int:
    rows, columns = matrices.shape.as_list()[-2:]
    if rows is not None and columns is not None and rows != columns:
        raise ValueError(
            f"Expected last two dimensions of diagonals to be same, got {columns} and {rows}"
        )
    size = rows or columns
    if not size:
        raise ValueError('The size of the matrix needs to be known for diagonals_format="matrix"')
    return int(size)


def _of_matrices(matrices: Tensor) -> Tensor:
    """The compact form of whole matrices; what is not read is the first element."""
    size = _matrix_size(matrices)
    places = np.zeros((size, 3, 2), np.int32)  # columns first: the axes are gathered reversed
    k = np.arange(size)
    places[:, 1] = k[:, None]
    places[:-1, 0] = np.stack([k[1:], k[:-1]], axis=-1)
    places[1:, 2] = np.stack([k[:-1], k[1:]], axis=-1)
    return transpose(gather_nd(transpose(matrices), places))


def _of_sequence(diagonals: Any) -> Tensor:
    """The compact form of three arrays; the outer two may lack the element that is not read."""
    if not isinstance(diagonals, (tuple, list)) or len(diagonals) != 3:
        raise ValueError("Expected diagonals to be a sequence of length 3.")
    above, main, below = (convert_to_tensor(d) for d in diagonals)
    lead = main.shape[:-1]
    if not all(d.shape[:-1].is_compatible_with(lead) for d in (above, below)):
        raise ValueError(
            "Tensors representing the three diagonals must have the same shape, except for the "
            f"last dimension, got {below.shape}, {main.shape}, {above.shape}"
        )
    filled = [
        _filled(above, main, "superdiagonal", [0, 1]),
        main,
        _filled(below, main, "subdiagonal", [1, 0]),
    ]
    return stack(filled, axis=-2)


def _filled(diagonal: Tensor, main: Tensor, label: str, sides: Sequence[int]) -> Tensor:
    count, size = diagonal.shape.as_list()[-1], main.shape.as_list()[-1]
    if not count or count == size:
        return diagonal
    if size is not None and count == size - 1:
        return pad(diagonal, [[0, 0]] * (len(diagonal.shape) - 1) + [list(sides)])
    raise ValueError(f"Expected {label} to have length {size} or {size - 1 if size else size}, "
                     f"got {count}.")  # fmt: skip


def _compact(diagonals: Any, form: str) -> Tensor:
    if form == "compact":
        return convert_to_tensor(diagonals, name="diagonals")
    if form == "sequence":
        return _of_sequence(diagonals)
    if form == "matrix":
        return _of_matrices(convert_to_tensor(diagonals, name="diagonals"))
    raise ValueError(f"Unrecognized diagonals_format: {form}")


def tridiagonal_solve(
    diagonals: Any, rhs: Any, diagonals_format: str = "compact", transpose_rhs: bool = False,
    conjugate_rhs: bool = False, name: str | None = None, partial_pivoting: bool = True,
) -> Tensor:  # fmt: skip
    """Return the solutions of systems with tridiagonal matrices.

    Parameters
    ----------
    diagonals : in the form that `diagonals_format` names.
    rhs : of shape (..., M), or (..., M, K) for K right sides.
    diagonals_format : ``"compact"``, an array (..., 3, M); ``"sequence"``, three arrays (..., M),
        of which the outer two may be shorter by one; or ``"matrix"``, whole matrices (..., M, M).
    transpose_rhs : right sides, and solutions, are (..., K, M).
    partial_pivoting : exchange rows, which is needed unless a matrix is, say, diagonally dominant.

    Raises
    ------
    ValueError : shapes do not fit, or the format is none of the three.
    InvalidArgumentError : in the run, for a matrix that is singular.
    """
    compact = _compact(diagonals, diagonals_format)
    right = convert_to_tensor(rhs, compact.dtype, name="rhs")
    rank, right_rank = len(compact.shape), len(right.shape)
    if rank < 2:
        raise ValueError(f"Expected diagonals to have rank at least 2, got {rank}")
    if right_rank not in (rank, rank - 1):
        raise ValueError(f"Expected the rank of rhs to be {rank - 1} or {rank}, got {right_rank}")
    if compact.shape.as_list()[-2] not in (None, 3):
        raise ValueError(f"Expected 3 diagonals got {compact.shape.as_list()[-2]}")
    if not compact.shape[:-2].is_compatible_with(right.shape[: rank - 2]):
        raise ValueError(
            f"Batch shapes {compact.shape[:-2]} and {right.shape[: rank - 2]} are incompatible"
        )
    is_vector = right_rank == rank - 1
    if conjugate_rhs:
        right = conjugate(right)
    if is_vector:
        right = expand_dims(right, -1)
    elif transpose_rhs:
        right = matrix_transpose(right)
    _check_sides(compact, right)
    found = _SOLVE(compact, right, name=name, partial_pivoting=partial_pivoting).outputs[0]
    if is_vector:
        return squeeze(found, -1)
    return matrix_transpose(found) if transpose_rhs else found


def _check_sides(compact: Tensor, right: Tensor) -> None:
    size, count = compact.shape.as_list()[-1], right.shape.as_list()[-2]
    if size is not None and count is not None and size != count:
        raise ValueError(
            "Expected number of left-hand sided and right-hand sides to be equal, "
            f"got {size} and {count}"
        )


def tridiagonal_matmul(
    diagonals: Any, rhs: Any, diagonals_format: str = "compact", name: str | None = None
) -> Tensor:
    """Return products of tridiagonal matrices and matrices (..., M, N).

    Parameters
    ----------
    diagonals, diagonals_format : as in `tridiagonal_solve`; a sequence's arrays are all (..., M).

    Raises
    ------
    ValueError : shapes do not fit, or the format is none of the three.
    """
    if diagonals_format == "sequence":
        parts = [convert_to_tensor(d) for d in diagonals]
    else:
        compact = _compact(diagonals, diagonals_format)
        parts = [compact[..., k, :] for k in range(3)]
    with name_scope(None, "tridiagonal_matmul", [*parts, rhs]):
        rows = [expand_dims(part, -2) for part in parts]
    return _PRODUCT(*rows, rhs, name=name).outputs[0]
