"""Taking tensors apart and together: dynamic_partition, dynamic_stitch, parallel_stack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_n_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import Extents, merge_in_op, shape_from_tuple
from graphflow.graph.tensor import Tensor
from graphflow.ops.gathering import gather
from graphflow.ops.host import compute, define_host_op
from graphflow.ops.reductions import reduce_prod
from graphflow.ops.sequences import range as range_of
from graphflow.ops.shape import expand_dims, reshape
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.shape_rules import Types, known_array
from graphflow.ops.strided_slice import strided_slice

__all__ = ["dynamic_partition", "dynamic_stitch", "parallel_stack"]

# ---- dynamic_partition


def _infer_partition(op: Operation) -> Types:
    data, numbers = (t.shape.extents for t in op.inputs)
    extents: Extents | None = None
    if data is not None and numbers is not None:
        _check_prefix(data, numbers)
        extents = (None, *data[len(numbers) :])
    dtype = op.inputs[0].dtype.base_dtype
    return [(dtype, shape_from_tuple(extents))] * op.attrs["num_partitions"]


def _check_prefix(data: Extents, prefix: Extents) -> None:
    if len(data) < len(prefix):
        raise ValueError(f"Shape must be at least rank {len(prefix)} but is rank {len(data)}")
    for have, want in zip(data, prefix, strict=False):
        if have is not None and want is not None and have != want:
            raise ValueError(f"Dimensions must be equal, but are {have} and {want}")


def _partition(data: Any, numbers: Any, num_partitions: int) -> list[Any]:
    if data.shape[: numbers.ndim] != numbers.shape:
        raise ValueError(
            "data.shape must start with partitions.shape, got data.shape = "
            f"{_text(data.shape)}, partitions.shape = {_text(numbers.shape)}"
        )
    bad = np.argwhere((numbers < 0) | (numbers >= num_partitions))
    if len(bad):  # each row is a place, an empty one that of a scalar
        place = tuple(bad[0])
        shown = f"[{','.join(str(k) for k in place)}]" if place else ""
        raise ValueError(f"partitions{shown} = {numbers[place]} is not in [0, {num_partitions})")
    return [data[numbers == k] for k in range(num_partitions)]


def _text(shape: Sequence[int]) -> str:
    return "[" + ",".join(str(d) for d in shape) + "]"


def _partition_gradient(op: Operation, *gradients: Any) -> list[Any]:
    """The parts' gradients stitched together as the parts were taken."""
    data, numbers = op.inputs
    sizes = shape_of(numbers)
    order = reshape(range_of(reduce_prod(sizes)), sizes)
    places = dynamic_partition(order, numbers, op.attrs["num_partitions"])
    return [reshape(dynamic_stitch(places, list(gradients)), shape_of(data)), None]


define_host_op(
    "DynamicPartition", _infer_partition, _partition, attrs=("num_partitions",),
    gradient=_partition_gradient,
)  # fmt: skip
_PARTITION = Signature("DynamicPartition", "data: T", "partitions: int32")


def dynamic_partition(
    data: Any, partitions: Any, num_partitions: int, name: str | None = None
) -> list[Tensor]:
    """Return the parts of `data` by their numbers.

    Parameters
    ----------
    partitions : a number below `num_partitions` for each part; its shape begins that of `data`.
    """
    return _PARTITION(data, partitions, num_partitions=num_partitions, name=name).outputs


# ---- dynamic_stitch


def _pairs(op: Operation) -> list[tuple[Tensor, Tensor]]:
    count = op.attrs["N"]
    return list(zip(op.inputs[:count], op.inputs[count:], strict=True))


def _infer_stitch(op: Operation) -> Types:
    rest = shape_from_tuple(None)
    largest: int | None = -1
    for places, data in _pairs(op):
        known = known_array(places)
        if known is None:
            largest = None
        elif largest is not None and np.size(known):
            largest = max(largest, int(np.max(known)))
        prefix, whole = places.shape.extents, data.shape.extents
        if prefix is not None and whole is not None:
            _check_prefix(whole, prefix)
            rest = merge_in_op(rest, shape_from_tuple(whole[len(prefix) :]))
    rows = None if largest is None else largest + 1
    extents = None if rest.extents is None else (rows, *rest.extents)
    return [(_pairs(op)[0][1].dtype.base_dtype, shape_from_tuple(extents))]


def _stitch(*arrays: Any) -> Any:
    """Rows that are named again take the last value; those never named stay zero."""
    half = len(arrays) // 2
    places, data = arrays[:half], arrays[half:]
    rest = data[0].shape[places[0].ndim :]
    rows = 1 + max((int(p.max()) for p in places if p.size), default=-1)
    if any(p.size and p.min() < 0 for p in places):
        raise ValueError("indices must not be negative")
    found = np.zeros((rows, *rest), data[0].dtype)
    for place, part in zip(places, data, strict=True):
        if part.shape != (*place.shape, *rest):
            raise ValueError(
                f"data.shape must start with indices.shape, got {_text(part.shape)} and "
                f"{_text(place.shape)}"
            )
        found[place.reshape(-1)] = (
            part.reshape((-1, *rest)) if place.size else part.reshape((0, *rest))
        )
    return found


def _lower_stitch(b: Any, op: Operation, *nodes: Any) -> Any:
    return compute(b, op, _stitch, nodes)


def _stitch_gradient(op: Operation, gradient: Any) -> list[Any]:
    pairs = _pairs(op)
    return [None] * len(pairs) + [gather(gradient, places) for places, _ in pairs]


for _name in ("DynamicStitch", "ParallelDynamicStitch"):
    define_op(_name, _infer_stitch, _lower_stitch, _stitch_gradient)
_STITCH = Signature("DynamicStitch", "indices: N * int32", "data: N * T")


def dynamic_stitch(indices: Any, data: Any, name: str | None = None) -> Tensor:
    """Return one tensor of the rows of several: ``merged[indices[k]] = data[k]``.

    Parameters
    ----------
    indices : a list of integer tensors.
    data : a list of tensors, the shape of each beginning with that of its indices.
    """
    return _STITCH(indices, data, name=name).outputs[0]


# ---- parallel_stack


def _infer_parallel(op: Operation) -> Types:
    return [(op.inputs[0].dtype.base_dtype, op.attrs["shape"])]


define_op(
    "ParallelConcat", _infer_parallel, lambda b, op, *xs: b.concat(xs, 0),
    gradient=lambda op, gradient: [
        strided_slice(gradient, [k], [k + 1], [1]) for k in range(len(op.inputs))
    ],
)  # fmt: skip
_PARALLEL = Signature("ParallelConcat", "values: N * T")


def parallel_stack(values: Sequence[Any], name: str = "parallel_stack") -> Tensor:
    """Return tensors of one known shape stacked along a new first axis."""
    with name_scope(name):
        tensors = convert_n_to_tensor(list(values))
        shape = tensors[0].shape
        whole = shape_from_tuple((len(tensors), *(shape.extents or ())))
        return _PARALLEL([expand_dims(t, 0) for t in tensors], shape=whole).outputs[0]
