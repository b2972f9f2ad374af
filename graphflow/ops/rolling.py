"""Moved and repeated elements: roll, sequence_mask, repeat, unravel_index."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.constants import constant
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import as_dtype
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import merge_in_op
from graphflow.graph.tensor import Tensor
from graphflow.ir.builder import NeedsValue
from graphflow.ops.comparison import less
from graphflow.ops.elementwise import maximum
from graphflow.ops.host import define_host_op
from graphflow.ops.indexing import boolean_mask
from graphflow.ops.joining import concat
from graphflow.ops.kinds import INDEX
from graphflow.ops.reductions import reduce_max
from graphflow.ops.shape import broadcast_to, expand_dims, reshape
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.shape_rules import (
    Types,
    merge_size,
    output,
    with_rank,
    with_rank_at_least,
    with_rank_at_most,
)
from graphflow.ops.slicing import tile
from graphflow.ops.unary import negative

__all__ = ["repeat", "roll", "sequence_mask", "unravel_index"]

# ---- roll


def _infer_roll(op: Operation) -> Types:
    source = with_rank_at_least(op.inputs[0].shape, 1)
    for vector in op.inputs[1:]:
        with_rank_at_most(vector.shape, 1)
    merge_in_op(op.inputs[1].shape, op.inputs[2].shape)
    return output(op, source)


def _lower_roll(b: Any, op: Operation, x: Any, shift: Any, axis_node: Any) -> Any:
    if not x.rank:
        raise ValueError("input must be 1-D or higher")
    for what, node in (("shift", shift), ("axis", axis_node)):
        if node.rank > 1:
            shown = ",".join(str(size) for size in node.shape)
            raise ValueError(f"{what} must be a scalar or a 1-D vector. Found: [{shown}]")
    axes = b.static_ints(axis_node)
    if shift.type.size != len(axes):
        raise ValueError("shift and axis must have the same size")
    for axis in axes:
        if not -x.rank <= axis < x.rank:
            raise ValueError(f"dim {axis} is out of range")
    try:
        for axis, distance in zip(axes, b.static_ints(shift), strict=True):
            x = _rolled(b, x, axis % x.rank, distance)
        return x
    except NeedsValue:
        for k, axis in enumerate(axes):
            one = b.reshape(b.slice(b.reshape(shift, (len(axes),)), [k], [1]), ())
            x = _rolled_by_gather(b, x, axis % x.rank, one)
        return x


def _rolled(b: Any, x: Any, axis: int, distance: int) -> Any:
    count = x.shape[axis]
    cut = 0 if 0 in x.shape else -distance % count
    if not cut:
        return x
    none = [0] * x.rank
    start = [cut if k == axis else 0 for k in range(x.rank)]
    parts = [
        b.slice(x, s, [size if k == axis else d for k, d in enumerate(x.shape)])
        for s, size in ((start, count - cut), (none, cut))
    ]
    return b.concat(parts, axis)


def _rolled_by_gather(b: Any, x: Any, axis: int, distance: Any) -> Any:
    if 0 in x.shape:
        return x
    count = x.shape[axis]
    places = b.sub(b.iota((count,), 0, dtypes.int64), b.cast(distance, dtypes.int64))
    limit = b.runtime(b.dim(count, dtypes.int64))
    return b.gather(x, b.floormod(places, limit), axis=axis)


define_op(
    "Roll", _infer_roll, _lower_roll,
    gradient=lambda op, gradient: [
        roll(gradient, negative(op.inputs[1]), op.inputs[2]), None, None
    ],
)  # fmt: skip
_ROLL = Signature("Roll", "input: T", "shift: Tshift", "axis: Taxis", Tshift=INDEX, Taxis=INDEX)


def roll(input: Any, shift: Any, axis: Any, name: str | None = None) -> Tensor:
    """Return `input` with elements moved along axes; those that leave come in at the other end.

    Parameters
    ----------
    shift, axis : integers, or lists of equal length; an axis that occurs twice moves twice.
    """
    return _ROLL(input, shift, axis, name=name).outputs[0]


# ---- sequence_mask


def sequence_mask(
    lengths: Any, maxlen: Any = None, dtype: Any = dtypes.bool_, name: str | None = None
) -> Tensor:
    """Return True for the first ``lengths[i]`` places of each row, else False.

    Parameters
    ----------
    maxlen : the length of the rows; the largest of `lengths` when None.
    dtype : the element type.

    Raises
    ------
    ValueError : `maxlen` is not a scalar.
    """
    with name_scope(name, "SequenceMask", [lengths, maxlen]):
        lengths = convert_to_tensor(lengths)
        if maxlen is None:
            largest = _largest(lengths)
            maxlen = maximum(constant(0, lengths.dtype), largest)
        else:
            maxlen = convert_to_tensor(maxlen)
        if maxlen.shape.rank is not None and maxlen.shape.rank != 0:
            raise ValueError("maxlen must be scalar for sequence_mask")
        start, step = constant(0, maxlen.dtype), constant(1, maxlen.dtype)
        row = _RANGE(start, maxlen, step, Tidx=maxlen.dtype.base_dtype).outputs[0]
        column = _cast(expand_dims(lengths, -1), maxlen.dtype)
        dtype = as_dtype(dtype)
        if dtype is dtypes.bool_:
            return less(row, column)
        return _cast(less(row, column), dtype)


def _cast(x: Tensor, dtype: Any) -> Tensor:
    """A Cast even to the same type: TensorFlow makes one here."""
    return _CAST(x, DstT=dtype.base_dtype, Truncate=False).outputs[0]


_CAST = Signature("Cast", "x: SrcT")


def _largest(lengths: Tensor) -> Tensor:
    rank = lengths.shape.rank
    if rank is None:
        return reduce_max(lengths)
    every = constant(np.arange(rank, dtype=np.int32))
    return _MAX(lengths, every, keep_dims=False).outputs[0]


_MAX = Signature("Max", "input: T", "reduction_indices: Tidx = int32", Tidx=INDEX)
_RANGE = Signature("Range", "start: Tidx", "limit: Tidx", "delta: Tidx", Tidx=INDEX)

# ---- repeat


def repeat(input: Any, repeats: Any, axis: Any = None, name: str | None = None) -> Tensor:
    """Return `input` with its elements along an axis repeated.

    Parameters
    ----------
    repeats : how often, for all or for each of them.
    axis : None repeats the elements of the flattened tensor.
    """
    if axis is None:
        input, axis = reshape(input, [-1]), 0
    with name_scope(name, "Repeat", [input, repeats]):
        data = convert_to_tensor(input, name="input")
        repeats = _cast(convert_to_tensor(repeats, name="repeats"), dtypes.int32)
        rank = data.shape.rank
        if rank is None:
            raise ValueError("expected an input of known rank, got one of unknown rank")
        axis = axis % rank
        sizes: Any = shape_of(data)
        if repeats.shape.rank == 0 or (repeats.shape.num_elements() == 1):
            repeats = reshape(repeats, []) if repeats.shape.rank else repeats
            expanded = expand_dims(data, axis + 1)
            tiled = tile(expanded, [1] * (axis + 1) + [repeats] + [1] * (rank - axis - 1))
            return reshape(tiled, concat([sizes[:axis], [-1], sizes[axis + 1 :]], axis=0))
        if repeats.shape.rank is None:
            repeats = broadcast_to(reshape(repeats, [-1]), [sizes[axis]])
        longest = maximum(0, reduce_max(repeats))
        mask = sequence_mask(repeats, longest)
        expanded = expand_dims(data, axis + 1)
        tiled = tile(expanded, [1] * (axis + 1) + [longest] + [1] * (rank - axis - 1))
        masked = boolean_mask(tiled, mask, axis=axis)
        return (
            masked
            if axis == 0
            else reshape(masked, concat([sizes[:axis], [-1], sizes[axis + 1 :]], axis=0))
        )


# ---- unravel_index


def _infer_unravel(op: Operation) -> Types:
    indices, sizes = op.inputs[0].shape.extents, with_rank(op.inputs[1].shape, 1)
    if indices is None:
        return output(op, None)
    return output(op, (sizes[0],) if not indices else (sizes[0], merge_size(indices[0], None)))


def _unravel(indices: Any, sizes: Any) -> Any:
    total = int(np.prod(sizes))
    if indices.size and (indices.min() < 0 or indices.max() >= total):
        raise ValueError("index is out of bound as with dims")
    return np.array(np.unravel_index(indices, tuple(sizes))).reshape((len(sizes), *indices.shape))


define_host_op(
    "UnravelIndex", _infer_unravel, _unravel,
    lambda op, indices, sizes: [(sizes.shape[0], *indices.shape)], no_gradient="integer output",
)  # fmt: skip
_UNRAVEL = Signature("UnravelIndex", "indices: Tidx = int32", "dims: Tidx = int32", Tidx=INDEX)


def unravel_index(indices: Any, dims: Any, name: str | None = None) -> Tensor:
    """Return the coordinates, a row for each axis, of places in an array of sizes `dims`."""
    return _UNRAVEL(indices, dims, name=name).outputs[0]
