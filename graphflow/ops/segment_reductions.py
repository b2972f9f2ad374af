"""Reductions of rows with the same number: segment_sum, unsorted_segment_max, sparse_segment_mean.

The unsorted ones are told how many segments there are and are native scatters. The others have as
many as the last number says, so the run is cut where that is not known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ops.casting import cast
from graphflow.ops.comparison import equal, greater, where
from graphflow.ops.creation import ones, ones_like, zeros_like
from graphflow.ops.elementwise import maximum
from graphflow.ops.gathering import gather
from graphflow.ops.host import compute
from graphflow.ops.joining import concat
from graphflow.ops.kinds import ALL_NUMBERS, INDEX, ORDERED
from graphflow.ops.segments import (
    check_segments,
    infer_segments,
    segment_rows,
    unsorted_segment_sum,
)
from graphflow.ops.shape import reshape
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.shape_rules import Types, known_int, output, with_rank, with_rank_at_least
from graphflow.ops.strided_slice import strided_slice
from graphflow.ops.unary import rsqrt, sqrt

__all__ = [
    "segment_max", "segment_mean", "segment_min", "segment_prod", "segment_sum",
    "sparse_segment_mean", "sparse_segment_sqrt_n", "sparse_segment_sum", "unsorted_segment_max",
    "unsorted_segment_mean", "unsorted_segment_min", "unsorted_segment_prod",
    "unsorted_segment_sqrt_n",
]  # fmt: skip

# ---- sorted segments


def _infer_sorted(op: Operation) -> Types:
    data = with_rank_at_least(op.inputs[0].shape, 1)
    with_rank(op.inputs[1].shape, 1)
    return output(op, None if data is None else (None, *data[1:]))


def _check_sorted(ids: Any, rows: int) -> None:
    if len(ids) != rows:
        raise ValueError("segment_ids should be the same size as dimension 0 of input.")
    if len(ids) and ids[0] < 0:
        raise ValueError(
            f"Segment id {ids[0]} out of range [0, {ids[-1] + 1}), possibly because 'segment_ids' "
            "input is not sorted."
        )
    if (np.diff(ids) < 0).any():
        raise ValueError("segment ids are not increasing")


def _segments(data: Any, ids: Any, mode: str, count: int | None = None) -> Any:
    """Reductions of rows by increasing numbers."""
    _check_sorted(ids, len(data))
    size = (int(ids[-1]) + 1 if len(ids) else 0) if count is None else count
    if len(ids) and ids[-1] >= size:
        raise ValueError("segment ids must be < num_segments")
    found = np.full((size, *data.shape[1:]), 1 if mode == "prod" else 0, data.dtype)
    if not len(ids):
        return found
    first = np.flatnonzero(np.r_[True, np.diff(ids) > 0])
    sizes = np.diff(np.r_[first, len(ids)])
    function: Any = {"prod": np.multiply, "max": np.fmax, "min": np.fmin}.get(mode, np.add)
    total = function.reduceat(data, first, axis=0)
    divisor = sizes.reshape((-1,) + (1,) * (data.ndim - 1))
    if mode in ("max", "min") and data.dtype.kind == "f":
        nothing = np.isnan(total) & (divisor > 1)  # of several rows nan is left out
        total = np.where(nothing, -np.inf if mode == "max" else np.inf, total)
    if mode == "mean":
        total = total / divisor
    elif mode == "sqrt_n":
        total = total / np.sqrt(divisor)
    found[ids[first]] = total.astype(data.dtype)
    return found


def _lower_sorted(mode: str) -> Callable[..., Any]:
    def lower(b: Any, op: Operation, data: Any, ids: Any) -> Any:
        return compute(b, op, _segments, (data, ids), mode=mode)

    return lower


def _mean_gradient(op: Operation, gradient: Any) -> list[Any]:
    ids = op.inputs[1]
    extra = _EXPAND(_SUB(_RANK(op.inputs[0]).outputs[0], 1).outputs[0], 0).outputs[0]
    sizes = concat([shape_of(ids), _FILL(extra, 1).outputs[0]], 0)
    counts = segment_sum(_FILL(sizes, _one(gradient)).outputs[0], ids)
    return [gather(gradient / counts, ids), None]


def _one(like: Tensor) -> Tensor:
    return convert_to_tensor(1, dtype=like.dtype.base_dtype)


def _extreme_gradient(op: Operation, gradient: Any) -> list[Any]:
    """Divided evenly among the elements that are the extreme one."""
    data, ids = op.inputs
    chosen = equal(data, gather(op.outputs[0], ids))
    count = segment_sum(cast(chosen, gradient.dtype), ids)
    return [where(chosen, gather(gradient / count, ids), zeros_like(data)), None]


_SORTED: dict[str, Signature] = {}
for _name, _mode, _gradient, _types in [
    ("SegmentSum", "sum", lambda op, gradient: [gather(gradient, op.inputs[1]), None], ALL_NUMBERS),
    ("SegmentMean", "mean", _mean_gradient, ALL_NUMBERS),
    ("SegmentProd", "prod", None, ALL_NUMBERS),
    ("SegmentMax", "max", _extreme_gradient, ORDERED),
    ("SegmentMin", "min", _extreme_gradient, ORDERED),
]:
    define_op(_name, _infer_sorted, _lower_sorted(_mode), _gradient)
    _SORTED[_name] = Signature(
        _name, "data: T", "segment_ids: Tindices", T=_types, Tindices=INDEX
    )  # fmt: skip
_FILL = Signature("Fill", "dims: index_type", "value: T")
_EXPAND = Signature("ExpandDims", "input: T", "dim: Tdim = int32")
_SUB = Signature("Sub", "x: T", "y: T")
_RANK = Signature("Rank", "input: T")


def segment_sum(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
    """Return the sums of rows with the same number.

    Parameters
    ----------
    segment_ids : a number, not smaller than the one before, for each row of `data`.
    """
    return _SORTED["SegmentSum"](data, segment_ids, name=name).outputs[0]


def segment_mean(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
    """Return the means of rows with the same number; see `segment_sum`."""
    return _SORTED["SegmentMean"](data, segment_ids, name=name).outputs[0]


def segment_prod(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
    """Return the products of rows with the same number; see `segment_sum`."""
    return _SORTED["SegmentProd"](data, segment_ids, name=name).outputs[0]


def segment_max(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
    """Return the largest elements of rows with the same number; see `segment_sum`."""
    return _SORTED["SegmentMax"](data, segment_ids, name=name).outputs[0]


def segment_min(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
    """Return the smallest elements of rows with the same number; see `segment_sum`."""
    return _SORTED["SegmentMin"](data, segment_ids, name=name).outputs[0]


# ---- sparse segments: rows are picked first


def _infer_sparse(op: Operation) -> Types:
    data = with_rank_at_least(op.inputs[0].shape, 1)
    for vector in op.inputs[1:3]:
        with_rank(vector.shape, 1)
    for number in op.inputs[3:]:
        with_rank(number.shape, 0)
    count = known_int(op.inputs[3]) if len(op.inputs) > 3 else None
    if count is not None and count < 0:
        raise ValueError("Cannot specify a negative value for num_segments")
    return output(op, None if data is None else (count, *data[1:]))


def _sparse_segments(data: Any, rows: Any, ids: Any, *count: Any, mode: str) -> Any:
    bad = np.flatnonzero((rows < 0) | (rows >= len(data)))
    if bad.size:
        k = int(bad[0])
        raise ValueError(f"Bad: indices[{k}] == {rows[k]} out of range [0, {len(data)})")
    return _segments(data[rows], ids, mode, int(count[0]) if count else None)


def _lower_sparse(mode: str) -> Callable[..., Any]:
    def lower(b: Any, op: Operation, *inputs: Any) -> Any:
        return compute(b, op, _sparse_segments, inputs, mode=mode)

    return lower


def _sparse_gradient(mode: str) -> Callable[..., Any]:
    def gradient(op: Operation, gradient: Any) -> list[Any]:
        data, rows, ids = op.inputs[:3]
        if mode != "sum":
            number = strided_slice(shape_of(gradient), [0], [1], [1], shrink_axis_mask=1)
            counts = unsorted_segment_sum(ones_like(ids), ids, number)
            counts = maximum(cast(counts, gradient.dtype), 1)
            weights = 1 / counts if mode == "mean" else rsqrt(counts)
            tail = ones(_EXPAND(_SUB(_RANK(data).outputs[0], 1).outputs[0], 0).outputs[0], INDEX[0])
            gradient = gradient * reshape(weights, concat([shape_of(weights), tail], 0))
        height = strided_slice(shape_of(data), [0], [1], [1], shrink_axis_mask=1)
        found = unsorted_segment_sum(gather(gradient, ids), rows, height)
        return [found, *[None] * (len(op.inputs) - 1)]

    return gradient


_SPARSE: dict[str, Signature] = {}
for _mode in ("Sum", "Mean", "SqrtN"):
    _key = {"Sum": "sum", "Mean": "mean", "SqrtN": "sqrt_n"}[_mode]
    for _end in ("", "WithNumSegments"):
        _name = f"SparseSegment{_mode}{_end}"
        define_op(_name, _infer_sparse, _lower_sparse(_key), _sparse_gradient(_key))
        _inputs = ["data: T", "indices: Tidx = int32", "segment_ids: int32"]
        _count = ["num_segments: Tnumsegments = int32"] if _end else []
        _types = ORDERED if _mode == "Sum" else (dtypes.float32, dtypes.float64)
        _SPARSE[_name] = Signature(_name, *_inputs, *_count, T=_types, Tidx=INDEX)


def _sparse(mode: str, data: Any, rows: Any, ids: Any, name: str | None, count: Any) -> Tensor:
    if count is None:
        return _SPARSE[f"SparseSegment{mode}"](data, rows, ids, name=name).outputs[0]
    signature = _SPARSE[f"SparseSegment{mode}WithNumSegments"]
    return signature(data, rows, ids, count, name=name).outputs[0]


def sparse_segment_sum(
    data: Any, indices: Any, segment_ids: Any, name: str | None = None, num_segments: Any = None
) -> Tensor:
    """Return the sums of picked rows with the same number.

    Parameters
    ----------
    indices : the rows of `data` to take.
    segment_ids : a number, not smaller than the one before, for each of them.
    num_segments : the number of sums; one more than the last number when None.
    """
    return _sparse("Sum", data, indices, segment_ids, name, num_segments)


def sparse_segment_mean(
    data: Any, indices: Any, segment_ids: Any, name: str | None = None, num_segments: Any = None
) -> Tensor:
    """Return the means of picked rows with the same number; see `sparse_segment_sum`."""
    return _sparse("Mean", data, indices, segment_ids, name, num_segments)


def sparse_segment_sqrt_n(
    data: Any, indices: Any, segment_ids: Any, name: str | None = None, num_segments: Any = None
) -> Tensor:
    """Return sums divided by the roots of their sizes; see `sparse_segment_sum`."""
    return _sparse("SqrtN", data, indices, segment_ids, name, num_segments)


# ---- unsorted segments


def _lower_unsorted(mode: str) -> Callable[..., Any]:
    def lower(b: Any, op: Operation, data: Any, ids: Any, number: Any) -> Any:
        (count,) = b.static_ints(number)
        dtype = data.dtype
        start: Any = 1
        if mode != "mul":
            start = dtype.min if mode == "max" else dtype.max
            if dtype.is_floating:
                start = dtype.as_numpy_dtype(start)
        whole = b.full((count, *data.shape[ids.rank :]), start, dtype)
        if 0 in ids.shape:
            return whole
        check_segments(b, ids, count)
        if count == 0:
            return whole
        return b.scatter(mode, whole, ids, data)

    return lower


def _unsorted_extreme_gradient(op: Operation, gradient: Any) -> list[Any]:
    data, ids, number = op.inputs
    chosen = equal(data, segment_rows(op.outputs[0], ids))
    count = unsorted_segment_sum(cast(chosen, gradient.dtype), ids, number)
    shared = segment_rows(gradient / count, ids)
    return [where(chosen, shared, zeros_like(shared)), None, None]


def _unsorted_product_gradient(op: Operation, gradient: Any) -> list[Any]:
    """The product divided by the element; where that is zero, the product of all others."""
    data, ids, number = op.inputs
    is_zero = equal(data, 0)
    zeros = unsorted_segment_sum(cast(is_zero, dtypes.int32), ids, number)
    gradient = where(greater(zeros, 1), zeros_like(gradient), gradient)
    others = unsorted_segment_prod(where(is_zero, ones_like(data), data), ids, number)
    clipped = maximum(ids, zeros_like(ids))
    divided: Any = gather(op.outputs[0], clipped) / data
    partial = where(is_zero, gather(others, clipped), divided)
    return [segment_rows(gradient, ids) * partial, None, None]


_UNSORTED: dict[str, Signature] = {}
for _name, _mode, _gradient, _types in [
    ("UnsortedSegmentProd", "mul", _unsorted_product_gradient, ALL_NUMBERS),
    ("UnsortedSegmentMax", "max", _unsorted_extreme_gradient, ORDERED),
    ("UnsortedSegmentMin", "min", _unsorted_extreme_gradient, ORDERED),
]:
    define_op(_name, infer_segments, _lower_unsorted(_mode), _gradient)
    _UNSORTED[_name] = Signature(
        _name, "data: T", "segment_ids: Tindices", "num_segments: Tnumsegments = int32",
        T=_types, Tindices=INDEX, Tnumsegments=INDEX,
    )  # fmt: skip


def unsorted_segment_prod(
    data: Any, segment_ids: Any, num_segments: Any, name: str | None = None
) -> Tensor:
    """Return the products of rows with the same number; see `unsorted_segment_sum`."""
    return _UNSORTED["UnsortedSegmentProd"](data, segment_ids, num_segments, name=name).outputs[0]


def unsorted_segment_max(
    data: Any, segment_ids: Any, num_segments: Any, name: str | None = None
) -> Tensor:
    """Return the largest elements of rows with the same number; see `unsorted_segment_sum`."""
    return _UNSORTED["UnsortedSegmentMax"](data, segment_ids, num_segments, name=name).outputs[0]


def unsorted_segment_min(
    data: Any, segment_ids: Any, num_segments: Any, name: str | None = None
) -> Tensor:
    """Return the smallest elements of rows with the same number; see `unsorted_segment_sum`."""
    return _UNSORTED["UnsortedSegmentMin"](data, segment_ids, num_segments, name=name).outputs[0]


def _segment_sizes(data: Tensor, ids: Tensor, number: Any) -> Any:
    """How many rows each segment has, at least 1, in a shape that broadcasts to the sums."""
    counts = unsorted_segment_sum(ones(shape_of(ids), dtype=data.dtype), ids, number)
    axes = (data.shape.rank or 0) - (ids.shape.rank or 0)
    return maximum(reshape(counts, [number, *[1] * axes]), 1)


def unsorted_segment_mean(
    data: Any, segment_ids: Any, num_segments: Any, name: str | None = None
) -> Tensor:
    """Return the means of rows with the same number; see `unsorted_segment_sum`."""
    with name_scope(name, "UnsortedSegmentMean"):
        data = convert_to_tensor(data)
        segment_ids = convert_to_tensor(segment_ids)
        sizes = _segment_sizes(data, segment_ids, num_segments)
        total: Any = unsorted_segment_sum(data, segment_ids, num_segments)
        return total / sizes


def unsorted_segment_sqrt_n(
    data: Any, segment_ids: Any, num_segments: Any, name: str | None = None
) -> Tensor:
    """Return sums divided by the roots of their sizes; see `unsorted_segment_sum`."""
    with name_scope(name, "UnsortedSegmentSqrtN"):
        data = convert_to_tensor(data)
        segment_ids = convert_to_tensor(segment_ids)
        sizes = _segment_sizes(data, segment_ids, num_segments)
        total: Any = unsorted_segment_sum(data, segment_ids, num_segments)
        return total / sqrt(sizes)
