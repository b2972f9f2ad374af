"""Texts of the same number, joined: unsorted_segment_join."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.graph.apply import Signature
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ops.host import define_host_op
from graphflow.ops.kinds import INDEX
from graphflow.ops.segments import infer_segments
from graphflow.ops.shape_rules import known_int
from graphflow.ops.strings import object_array

__all__ = ["unsorted_segment_join"]

Array = np.ndarray[Any, Any]


def _joined(x: Array, ids: Array, count: Array, separator: str) -> Array:
    if x.shape[: ids.ndim] != ids.shape:
        raise ValueError(f"segment_ids shape {list(ids.shape)} is not a prefix of inputs shape "
                         f"{list(x.shape)}")  # fmt: skip
    number = int(count)
    if number < 0:
        raise ValueError(f"Number of segments should be non-negative, got {number}")
    flat = ids.ravel()
    if (flat < 0).any():
        raise ValueError(f"Segment ids should be non-negative, got {flat.min()}")
    if flat.size and flat.max() >= number:
        raise ValueError(f"Number of segments {number} is not larger than segment id {flat.max()}")
    rest = x.shape[ids.ndim :]
    rows = x.reshape(flat.size, int(np.prod(rest, dtype=int)))
    parts: list[list[list[bytes]]] = [[[] for _ in range(rows.shape[1])] for _ in range(number)]
    for segment, row in zip(flat.tolist(), rows.tolist(), strict=True):
        for own, text in zip(parts[segment], row, strict=True):
            own.append(text)
    mark = separator.encode()
    texts = (mark.join(own) for segment in parts for own in segment)
    return object_array((number, *rest), texts)


def _infer(op: Operation) -> Any:
    count = known_int(op.inputs[2])
    if count is not None and count < 0:
        raise ValueError("Cannot specify a negative value for num_segments")
    return infer_segments(op)


define_host_op(
    "UnsortedSegmentJoin", _infer, _joined, None, ("separator",),
    no_gradient="texts have no gradient",
)  # fmt: skip
_JOIN = Signature(
    "UnsortedSegmentJoin", "inputs: string", "segment_ids: Tindices",
    "num_segments: Tnumsegments = int32", Tindices=INDEX, Tnumsegments=INDEX,
)  # fmt: skip


def unsorted_segment_join(
    inputs: Any, segment_ids: Any, num_segments: Any, separator: str = "", name: str | None = None
) -> Tensor:
    """Return the texts with the same number joined, in their order.

    Parameters
    ----------
    segment_ids : a number for each text or part of `inputs`.
    num_segments : how many there are.
    separator : what stands between texts.
    """
    made = _JOIN(inputs, segment_ids, num_segments, name=name, separator=separator)
    return made.outputs[0]
