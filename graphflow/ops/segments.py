"""Sums of rows with the same number, and with them what an `IndexedSlices` is as a dense tensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from graphflow.graph.apply import Signature
from graphflow.graph.convert import register_tensor_conversion_function
from graphflow.graph.dtypes import DType, int64
from graphflow.graph.indexed_slices import IndexedSlices
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import Extents
from graphflow.graph.tensor import Tensor
from graphflow.ops.shape import INDEX
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.shape_rules import (
    Types,
    known_int,
    merge_size,
    output,
    with_rank,
    with_rank_at_least,
)
from graphflow.ops.strided_slice import strided_slice

__all__ = ["unsorted_segment_sum"]


def infer_segments(op: Operation) -> Types:
    data, segments, number = (t.shape for t in op.inputs)
    with_rank(number, 0)
    if data.extents is None or segments.extents is None:
        return output(op, None)
    rank = len(segments.extents)
    with_rank_at_least(data, rank)
    for first, second in zip(data.extents, segments.extents, strict=False):
        merge_size(first, second)
    return output(op, (known_int(op.inputs[2]), *data.extents[rank:]))


@dataclass(frozen=True)
class _NoSuchSegment:
    count: Any

    def __call__(self, ids: Any) -> str:
        place = tuple(np.argwhere(ids >= self.count)[0])
        shown = f"[{','.join(str(k) for k in place)}]" if place else ""
        return f"segment_ids{shown} = {ids[place]} is out of range [0, {self.count})"


def check_segments(b: Any, segments: Any, count: Any) -> None:
    """Let the run fail when a number names no segment; negative ones may occur."""
    message = _NoSuchSegment(count)
    if segments.op == "const" and isinstance(count, int):
        values = segments["value"].array
        if (values >= count).any():
            raise ValueError(message(values))
        return
    below = b.lt(b.cast(segments, int64), b.runtime(b.dim(count, int64)))
    below = b.reduce("and", below, range(segments.rank))
    b.check(below, "InvalidArgumentError", message, (segments,))


def _lower_segment_sum(b: Any, op: Operation, data: Any, segments: Any, number: Any) -> Any:
    (count,) = b.static_ints(number)
    zeros = b.full((count, *data.shape[segments.rank :]), 0, data.dtype)
    if 0 in segments.shape:
        return zeros
    check_segments(b, segments, count)
    if count == 0:
        return zeros
    return b.scatter("add", zeros, segments, data)  # rows with a negative number go nowhere


def _segment_sum_gradient(op: Operation, gradient: Any) -> list[Any]:
    return [segment_rows(gradient, op.inputs[1]), None, None]


def _lower_segment_rows(b: Any, op: Operation, x: Any, segments: Any) -> Any:
    if 0 in (*segments.shape, x.shape[0]):
        return b.full((*segments.shape, *x.shape[1:]), 0, x.dtype)
    rows = b.gather(x, segments, axis=0)
    present = b.broadcast(b.ge(segments, 0), rows.shape, range(segments.rank))
    return b.select(present, rows, b.full(rows.shape, 0, x.dtype))


define_op(
    name="UnsortedSegmentSum",
    infer=infer_segments,
    lower=_lower_segment_sum,
    gradient=_segment_sum_gradient,
)
# A gather in which a negative index gives zeros.
define_op(
    name="SegmentRows",
    infer=lambda op: output(op, _rows_extents(op.inputs[0], op.inputs[1])),
    lower=_lower_segment_rows,
    gradient=lambda op, gradient: [
        unsorted_segment_sum(
            gradient,
            op.inputs[1],
            strided_slice(shape_of(op.inputs[0]), [0], [1], [1], shrink_axis_mask=1),
        ),
        None,
    ],
)


def _rows_extents(x: Tensor, segments: Tensor) -> Extents | None:
    if x.shape.extents is None or segments.shape.extents is None:
        return None
    return (*segments.shape.extents, *x.shape.extents[1:])


_SEGMENT_SUM = Signature(
    "UnsortedSegmentSum", "data: T", "segment_ids: Tindices", "num_segments: Tnumsegments = int32",
    Tindices=INDEX, Tnumsegments=INDEX,
)  # fmt: skip
_SEGMENT_ROWS = Signature("SegmentRows", "x: T", "segment_ids: Tindices", Tindices=INDEX)


def segment_rows(x: Any, segment_ids: Any) -> Tensor:
    """Return the rows of `x` at the indices, zeros for negative ones."""
    return _SEGMENT_ROWS(x, segment_ids).outputs[0]


def unsorted_segment_sum(
    data: Any, segment_ids: Any, num_segments: Any, name: str | None = None
) -> Tensor:
    """Return sums of the rows of `data` that have the same number in `segment_ids`.

    Parameters
    ----------
    segment_ids : of a shape with which that of `data` begins; negative ones are left out.
    num_segments : number of sums.
    """
    return _SEGMENT_SUM(data, segment_ids, num_segments, name=name).outputs[0]


def _dense(value: IndexedSlices, dtype: DType | None, name: str | None, as_ref: bool) -> Tensor:
    """An `IndexedSlices` as a dense tensor."""
    if dtype is not None and not dtype.is_compatible_with(value.dtype):
        raise ValueError(
            f"Tensor conversion requested dtype {dtype.name} for IndexedSlices with dtype "
            f"{value.dtype.name}"
        )
    if value.dense_shape is None:
        raise ValueError(
            f"Tensor conversion requested for IndexedSlices without dense_shape: {value}"
        )
    count = strided_slice(value.dense_shape, [0], [1], [1], shrink_axis_mask=1)
    return unsorted_segment_sum(value.values, value.indices, count, name=name)


register_tensor_conversion_function(IndexedSlices, _dense)
