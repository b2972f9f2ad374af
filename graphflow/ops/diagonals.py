"""Diagonals of matrices: Diag, MatrixDiag, MatrixSetDiag, MatrixBandPart, the identity, the trace.

`diag` makes one tensor of twice the rank; the ``matrix_`` forms work on the last two axes.
"""

from __future__ import annotations

from typing import Any

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import int32, int64
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import Extents, merge_in_op, shape_from_tuple
from graphflow.graph.tensor import Tensor
from graphflow.ir.dims import Dim, product
from graphflow.ops.creation import ones, zeros, zeros_like
from graphflow.ops.elementwise import minimum
from graphflow.ops.joining import concat
from graphflow.ops.kinds import INDEX
from graphflow.ops.reductions import reduce_sum
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.shape_rules import (
    Types,
    known_int,
    known_ints,
    merge_size,
    output,
    with_rank_at_least,
)
from graphflow.ops.strided_slice import strided_slice

__all__ = [
    "diag", "diag_part", "eye", "matrix_band_part", "matrix_diag", "matrix_diag_part",
    "matrix_set_diag", "trace",
]  # fmt: skip

# ---- shapes


def _infer_diag(op: Operation) -> Types:
    extents = with_rank_at_least(op.inputs[0].shape, 1)
    return output(op, None if extents is None else (*extents, *extents))


def _infer_diag_part(op: Operation) -> Types:
    extents = op.inputs[0].shape.extents
    if extents is None:
        return output(op, None)
    rank = len(extents)
    if rank % 2 or not rank:
        raise ValueError(f"Input must have even and non-zero rank, input rank is {rank}")
    half = rank // 2
    return output(op, tuple(merge_size(extents[k], extents[half + k]) for k in range(half)))


def _infer_matrix_diag(op: Operation) -> Types:
    extents = with_rank_at_least(op.inputs[0].shape, 1)
    return output(op, None if extents is None else (*extents, extents[-1]))


def _smaller(extents: Extents) -> int | None:
    rows, columns = extents[-2:]
    return None if rows is None or columns is None else min(rows, columns)


def _infer_matrix_diag_part(op: Operation) -> Types:
    extents = with_rank_at_least(op.inputs[0].shape, 2)
    return output(op, None if extents is None else (*extents[:-2], _smaller(extents)))


def _infer_set_diag(op: Operation) -> Types:
    extents = with_rank_at_least(op.inputs[0].shape, 2)
    diagonal = with_rank_at_least(op.inputs[1].shape, 1)
    if extents is None:
        return output(op, None if diagonal is None else (*diagonal[:-1], None, None))
    if diagonal is not None:
        merge_size(_smaller(extents), diagonal[-1])
        merge_in_op(shape_from_tuple(extents[:-2]), shape_from_tuple(diagonal[:-1]))
    return output(op, extents)


def _infer_band(op: Operation) -> Types:
    for bound in op.inputs[1:]:
        if bound.shape.rank not in (None, 0):
            raise ValueError(f"Shape must be rank 0 but is rank {bound.shape.rank}")
    return output(op, with_rank_at_least(op.inputs[0].shape, 2))


# ---- lowerings


def _on_diagonal(b: Any, shape: tuple[Dim, ...], rows: int, columns: int) -> Any:
    return b.eq(b.iota(shape, rows, int32), b.iota(shape, columns, int32))


def _lower_matrix_diag(b: Any, op: Operation, x: Any) -> Any:
    if not x.shape:
        raise ValueError("diagonal must be at least 1-dim, received shape: []")
    shape = (*x.shape, x.shape[-1])
    spread = b.broadcast(x, shape, range(x.rank))
    zero = b.full(shape, 0, x.dtype)
    return b.select(_on_diagonal(b, shape, x.rank - 1, x.rank), spread, zero)


def _lower_diag(b: Any, op: Operation, x: Any) -> Any:
    flat = b.reshape(x, (product(x.shape),))
    return b.reshape(_lower_matrix_diag(b, op, flat), (*x.shape, *x.shape))


def _diagonal(b: Any, x: Any) -> Any:
    """The main diagonals of the last two axes: every (columns + 1)th element."""
    if x.rank < 2:
        shown = ",".join(str(size) for size in x.shape)
        raise ValueError(f"input must be at least 2-dim, received shape: [{shown}]")
    rows, columns = x.shape[-2:]
    count = min(rows, columns)
    flat = b.reshape(x, (*x.shape[:-2], rows * columns))
    lead = x.shape[:-2]
    if 0 in x.shape:
        return b.full((*lead, count), 0, x.dtype)
    stride = [1] * len(lead) + [columns + 1]
    return b.slice(flat, [0] * (len(lead) + 1), (*lead, count), stride)


def _lower_diag_part(b: Any, op: Operation, x: Any) -> Any:
    half = x.rank // 2
    count = product(x.shape[:half])
    return b.reshape(_diagonal(b, b.reshape(x, (count, count))), x.shape[:half])


def _lower_set_diag(b: Any, op: Operation, x: Any, diagonal: Any) -> Any:
    expected = (*x.shape[:-2], min(x.shape[-2:]))
    if diagonal.shape != expected:
        raise ValueError(
            "must have diagonal.shape == input.shape[:-2] + min(input.shape[-2:]), but received "
            f"input shape: {list(x.shape)} and diagonal shape: {list(diagonal.shape)}"
        )
    if 0 in x.shape:
        return x
    rank = x.rank
    short = rank - 2 if x.shape[-2] <= x.shape[-1] else rank - 1
    spread = b.broadcast(diagonal, x.shape, (*range(rank - 2), short))
    return b.select(_on_diagonal(b, x.shape, rank - 2, rank - 1), spread, x)


def _lower_band(b: Any, op: Operation, x: Any, lower: Any, upper: Any) -> Any:
    distance = b.sub(b.iota(x.shape, x.rank - 2, int64), b.iota(x.shape, x.rank - 1, int64))
    lower, upper = b.cast(lower, int64), b.cast(upper, int64)
    below = b.or_(b.lt(lower, 0), b.le(distance, lower))
    above = b.or_(b.lt(upper, 0), b.le(b.neg(distance), upper))
    return b.select(b.and_(below, above), x, b.full(x.shape, 0, x.dtype))


# ---- gradients


def _set_diag_gradient(op: Operation, gradient: Any) -> list[Any]:
    known = merge_in_op(op.inputs[0].shape, gradient.shape)
    diagonal = op.inputs[1].shape
    extents = known.extents
    if extents is not None:
        guess = shape_from_tuple((*extents[:-2], _smaller(extents)))
        diagonal = merge_in_op(diagonal, guess)
    if diagonal.is_fully_defined():
        sizes: Any = diagonal.as_list()
    else:
        whole = shape_of(gradient)
        lead = strided_slice(whole, [0], [-2], [1], begin_mask=1)
        last = _MIN(strided_slice(whole, [-2], [0], [1], end_mask=1), 0, keep_dims=False)
        sizes = concat([lead, _EXPAND(last.outputs[0], 0).outputs[0]], 0)
    return [
        matrix_set_diag(gradient, zeros(sizes, gradient.dtype)), matrix_diag_part(gradient)
    ]  # fmt: skip


def _diag_part_gradient(op: Operation, gradient: Any) -> list[Any]:
    """Square matrices by `matrix_diag`, others by setting the diagonal of zeros."""
    extents = op.inputs[0].shape.extents
    if extents is not None and extents[-2] is not None and extents[-2] == extents[-1]:
        return [matrix_diag(gradient)]
    return [matrix_set_diag(zeros_like(op.inputs[0]), gradient)]


def _band_gradient(op: Operation, gradient: Any) -> list[Any]:
    return [matrix_band_part(gradient, op.inputs[1], op.inputs[2]), None, None]


define_op("Diag", _infer_diag, _lower_diag, gradient=lambda op, gradient: [diag_part(gradient)])
define_op(
    "DiagPart", _infer_diag_part, _lower_diag_part,
    gradient=lambda op, gradient: [diag(gradient)],
)  # fmt: skip
define_op(
    "MatrixDiag", _infer_matrix_diag, _lower_matrix_diag,
    gradient=lambda op, gradient: [matrix_diag_part(gradient)],
)  # fmt: skip
define_op(
    "MatrixDiagPart", _infer_matrix_diag_part, lambda b, op, x: _diagonal(b, x),
    gradient=_diag_part_gradient,
)  # fmt: skip
define_op("MatrixSetDiag", _infer_set_diag, _lower_set_diag, gradient=_set_diag_gradient)
define_op("MatrixBandPart", _infer_band, _lower_band, gradient=_band_gradient)

_DIAGONAL_TYPES = (
    dtypes.bfloat16, dtypes.float16, dtypes.float32, dtypes.float64, int32, int64,
    dtypes.complex64, dtypes.complex128,
)  # fmt: skip
_DIAG = Signature("Diag", "diagonal: T", T=_DIAGONAL_TYPES)
_DIAG_PART = Signature("DiagPart", "input: T", T=_DIAGONAL_TYPES)
_MATRIX_DIAG = Signature("MatrixDiag", "diagonal: T")
_MATRIX_DIAG_PART = Signature("MatrixDiagPart", "input: T")
_MATRIX_SET_DIAG = Signature("MatrixSetDiag", "input: T", "diagonal: T")
_BAND = Signature(
    "MatrixBandPart", "input: T", "num_lower: Tindex = int64", "num_upper: Tindex = int64",
    Tindex=INDEX,
)  # fmt: skip
_MIN = Signature("Min", "input: T", "reduction_indices: Tidx = int32", Tidx=INDEX)
_EXPAND = Signature("ExpandDims", "input: T", "dim: Tdim = int32", Tdim=INDEX)


def diag(diagonal: Any, name: str | None = None) -> Tensor:
    """Return zeros of shape ``diagonal.shape * 2`` with `diagonal` where both halves agree."""
    return _DIAG(diagonal, name=name).outputs[0]


def diag_part(input: Any, name: str | None = None) -> Tensor:
    """Return the elements of `input` whose index has two equal halves."""
    return _DIAG_PART(input, name=name).outputs[0]


def matrix_diag(
    diagonal: Any, name: str = "diag", k: Any = 0, num_rows: int = -1, num_cols: int = -1,
    padding_value: Any = 0,
) -> Tensor:  # fmt: skip
    """Return square matrices with the last axis of `diagonal` on their diagonals.

    Parameters
    ----------
    k, num_rows, num_cols, padding_value : at their defaults, as in TensorFlow 1.15 itself, which
        takes no notice of other values.
    """
    return _MATRIX_DIAG(diagonal, name=name).outputs[0]


def matrix_diag_part(
    input: Any, name: str = "diag_part", k: Any = 0, padding_value: Any = 0
) -> Tensor:
    """Return the main diagonals of the matrices in the last two axes."""
    return _MATRIX_DIAG_PART(input, name=name).outputs[0]


def matrix_set_diag(input: Any, diagonal: Any, name: str = "set_diag", k: Any = 0) -> Tensor:
    """Return `input` with the main diagonals of its last two axes replaced."""
    return _MATRIX_SET_DIAG(input, diagonal, name=name).outputs[0]


def matrix_band_part(input: Any, num_lower: Any, num_upper: Any, name: str | None = None) -> Tensor:
    """Return `input` with zeros outside a band around the main diagonals.

    Parameters
    ----------
    num_lower, num_upper : how many diagonals below and above to keep; all when negative.
    """
    return _BAND(input, num_lower, num_upper, name=name).outputs[0]


def trace(x: Any, name: str | None = None) -> Tensor:
    """Return the sums of the main diagonals of the last two axes."""
    with name_scope(name, "Trace", [x]) as scope:
        x = convert_to_tensor(x, name="x")
        return reduce_sum(matrix_diag_part(x), [-1], name=scope)


def eye(
    num_rows: Any, num_columns: Any = None, batch_shape: Any = None, dtype: Any = dtypes.float32,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return an identity matrix, or a stack of them.

    Parameters
    ----------
    num_columns : `num_rows` when None.
    batch_shape : the shape of the stack.
    """
    with name_scope(name, "eye", [num_rows, num_columns, batch_shape]):
        square = num_columns is None
        batch = [] if batch_shape is None else batch_shape
        columns = num_rows if num_columns is None else num_columns
        sizes = [s if isinstance(s, Tensor) else int(s) for s in (num_rows, columns)]
        numbers = not any(isinstance(s, Tensor) for s in sizes)
        shorter = min(sizes) if numbers else minimum(num_rows, columns)
        if numbers and isinstance(batch, (list, tuple)):
            diagonal: Any = [*batch, shorter]
            whole: Any = [*batch, *sizes]
        else:
            if not isinstance(batch, Tensor):
                batch = convert_to_tensor(batch, dtype=int32, name="shape")
            diagonal = concat([batch, [shorter]], axis=0)
            whole = None if square else concat([batch, sizes], axis=0)
        values = ones(diagonal, dtype=dtype)
        made = matrix_diag(values) if square else matrix_set_diag(zeros(whole, dtype=dtype), values)
        known = known_ints(batch) if isinstance(batch, Tensor) else [int(n) for n in batch]
        ends = [known_int(s) if isinstance(s, Tensor) else s for s in sizes]
        if known is not None:
            made.set_shape([*known, *ends])
        return made
