"""Picking elements by index: gather, gather_nd, scatter_nd, and their gradients.

The gradient of a gather of rows is an `IndexedSlices`: an embedding's gradient has only the rows
that were looked up. `segments` makes dense tensors of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphflow.graph.apply import Signature
from graphflow.graph.constants import constant_value
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import colocate_with, name_scope
from graphflow.graph.dtypes import int32, int64
from graphflow.graph.indexed_slices import IndexedSlices
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import Extents, merge_in_op, shape_from_tuple
from graphflow.graph.tensor import Tensor
from graphflow.ir.dims import Dim, product
from graphflow.ops.joining import concat
from graphflow.ops.shape import INDEX, expand_dims, reshape, size, squeeze
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.shape_rules import (
    Types,
    known_int,
    output,
    shape_of_value,
    with_rank,
    with_rank_at_least,
)
from graphflow.ops.strided_slice import strided_slice

__all__ = [
    "batch_gather", "gather", "gather_nd", "gather_v2", "scatter_nd",
]  # fmt: skip

# ---- indices in range


@dataclass(frozen=True)
class _OutOfRange:
    """The message about the first index that is out of range; texts as TensorFlow's kernels."""

    name: str
    limit: Any

    def __call__(self, indices: Any) -> str:
        flat = indices.reshape(-1)
        bad = np.flatnonzero((flat < 0) | (flat >= self.limit))
        first = int(bad[0]) if bad.size else 0
        place = ",".join(str(k) for k in np.unravel_index(first, indices.shape))
        where = f"[{place}]" if place else ""
        return f"{self.name}{where} = {flat[first]} is not in [0, {self.limit})"


def check_in_range(b: Any, indices: Any, limit: Dim, name: str = "indices") -> None:
    """Let the run fail unless all indices are in ``[0, limit)``; constants are looked at now."""
    message = _OutOfRange(name, limit)
    if 0 in indices.shape:
        return
    if indices.op == "const" and isinstance(limit, int):
        values = indices["value"].array
        if values.min() < 0 or values.max() >= limit:
            raise ValueError(message(values))
        return
    bound = b.runtime(b.dim(limit, int64))
    wide = b.cast(indices, int64)
    inside = b.and_(b.ge(wide, 0), b.lt(wide, bound))
    ok = b.reduce("and", inside, range(indices.rank)) if indices.rank else inside
    b.check(ok, "InvalidArgumentError", message, (indices,))


# ---- gather


def _batch_dims(op: Operation, indices_rank: int) -> int:
    batch = op.attrs.get("batch_dims", 0)
    return batch + indices_rank if batch < 0 else batch


def _infer_gather(op: Operation) -> Types:
    params, indices, axis_tensor = op.inputs
    with_rank(axis_tensor.shape, 0)
    source = with_rank_at_least(params.shape, 1)
    picked = indices.shape.extents
    axis = known_int(axis_tensor)
    if source is None or picked is None:
        return output(op, None)
    batch = _batch_dims(op, len(picked))
    if axis is None:
        return output(op, (None,) * (len(source) + len(picked) - 1 - batch))
    needed = -axis if axis < 0 else axis + 1
    if len(source) < needed:
        raise ValueError(f"Shape must be at least rank {needed} but is rank {len(source)}")
    axis %= len(source)
    if not 0 <= batch <= min(axis, len(picked)):
        raise ValueError(f"batch_dims ({batch}) must be at most axis ({axis})")
    together = merge_in_op(shape_from_tuple(source[:batch]), shape_from_tuple(picked[:batch]))
    lead = together.extents or ()
    return output(op, (*lead, *source[batch:axis], *picked[batch:], *source[axis + 1 :]))


def _lower_gather(b: Any, op: Operation, params: Any, indices: Any, axis_node: Any) -> Any:
    axis = b.static_int(axis_node)
    if params.rank < 1 or not -params.rank <= axis < params.rank:
        raise ValueError(
            f"Expected axis in the range [{-params.rank}, {params.rank}), but got {axis}"
        )
    axis %= params.rank
    check_in_range(b, indices, params.shape[axis])
    if params.shape[axis] == 0:
        batch = _batch_dims(op, indices.rank)
        shape = (*params.shape[:axis], *indices.shape[batch:], *params.shape[axis + 1 :])
        return b.full(shape, 0, params.dtype)
    return gathered(b, params, indices, axis, _batch_dims(op, indices.rank))


def gathered(b: Any, params: Any, indices: Any, axis: int, batch: int = 0) -> Any:
    """Elements of a node along an axis; by slices where the indices are a few constants."""
    known = indices.op == "const" and indices.rank <= 1 and batch == 0
    if known and np.size(indices["value"].array) == 1:
        place = int(np.ravel(indices["value"].array)[0])
        starts = [place if k == axis else 0 for k in range(params.rank)]
        sizes = [1 if k == axis else d for k, d in enumerate(params.shape)]
        shape = (*params.shape[:axis], *indices.shape, *params.shape[axis + 1 :])
        return b.reshape(b.slice(params, starts, sizes), shape)
    return b.gather(params, indices, axis=axis, batch_dims=batch)


def _gather_gradient(op: Operation, gradient: Any) -> list[Any]:
    params, indices, axis = op.inputs
    with colocate_with(params):
        whole = shape_of(params)
    batch = op.attrs.get("batch_dims", 0)
    if known_int(axis) == 0 and batch == 0:
        count = expand_dims(size(indices), 0)
        tail = strided_slice(whole, [1], [0], [1], end_mask=1)
        values = reshape(gradient, concat([count, tail], 0))
        return [IndexedSlices(values, reshape(indices, count), whole), None, None]
    made = _GATHER_GRAD(whole, indices, axis, gradient, batch_dims=batch)
    return [made.outputs[0], None, None]


def _lower_gather_gradient(
    b: Any, op: Operation, whole: Any, indices: Any, axis_node: Any, gradient: Any
) -> Any:
    """Add each part of the gradient where it was taken from.

    Axes are brought to the order batch, gathered, others; batch and gathered axis then make one
    axis of rows, over which the scatter goes.
    """
    shape = tuple(b.static_ints(whole))
    rank = len(shape)
    axis = b.static_int(axis_node) % rank
    batch = _batch_dims(op, indices.rank)
    taken = indices.rank - batch
    places = list(range(axis, axis + taken))
    others = [k for k in range(gradient.rank) if k >= batch and k not in places]
    rows = b.transpose(gradient, [*range(batch), *places, *others])
    rest = tuple(gradient.shape[k] for k in others)
    count = product(shape[:batch])
    flat = indices
    if batch:
        flat = b.reshape(indices, (count, product(indices.shape[batch:])))
        extent = b.runtime(b.dim(shape[axis], indices.dtype))
        flat = b.add(flat, b.mul(b.iota(flat.shape, 0, indices.dtype), extent))
    flat = b.reshape(flat, (product(indices.shape),))
    zeros = b.full((count * shape[axis], *rest), 0, gradient.dtype)
    total = b.scatter("add", zeros, flat, b.reshape(rows, (*flat.shape, *rest)))
    inner = b.reshape(total, (*shape[:batch], shape[axis], *rest))
    order = [*range(batch), axis, *(k for k in range(batch, rank) if k != axis)]
    return b.transpose(inner, [order.index(k) for k in range(rank)])


def _gather_twice(op: Operation, gradient: Any) -> list[Any]:
    indices, axis = op.inputs[1:3]
    back = _GATHER(gradient, indices, axis, batch_dims=op.attrs["batch_dims"]).outputs[0]
    return [None, None, None, back]


define_op(name="GatherV2", infer=_infer_gather, lower=_lower_gather, gradient=_gather_gradient)
# TensorFlow composes this of transpositions and UnsortedSegmentSum.
define_op(
    name="GatherGrad",
    infer=lambda op: output(op, shape_of_value(op.inputs[0]), op.inputs[3].dtype.base_dtype),
    lower=_lower_gather_gradient,
    gradient=_gather_twice,
)
_GATHER_INPUTS = ("indices: Tindices = int32", "axis: Taxis = int32")
_GATHER = Signature("GatherV2", "params: Tparams", *_GATHER_INPUTS, Tindices=INDEX, Taxis=INDEX)
_GATHER_GRAD = Signature(
    "GatherGrad", "shape: int32", *_GATHER_INPUTS, "dy: Tparams", Tindices=INDEX, Taxis=INDEX
)


def gather(
    params: Any,
    indices: Any,
    validate_indices: bool | None = None,
    name: str | None = None,
    axis: Any = None,
    batch_dims: int = 0,
) -> Tensor:
    """Return the parts of `params` along an axis that `indices` name.

    Parameters
    ----------
    indices : integers of any shape, which takes the place of the axis in the result.
    validate_indices : accepted and not used, as in TensorFlow.
    axis : integer scalar; `batch_dims` when None.
    batch_dims : how many leading axes of `params` and `indices` belong together.
    """
    batch_dims = batch_dims or 0
    axis = batch_dims if axis is None else axis
    if constant_value(axis) == 0:
        batch_dims = 0
    return _GATHER(params, indices, axis, name=name, batch_dims=batch_dims).outputs[0]


def gather_v2(
    params: Any,
    indices: Any,
    validate_indices: bool | None = None,
    axis: Any = None,
    batch_dims: int = 0,
    name: str | None = None,
) -> Tensor:
    """Return `gather` of the same arguments, in TensorFlow 2's order."""
    return gather(params, indices, validate_indices, name, axis, batch_dims)


def batch_gather(params: Any, indices: Any, name: str | None = None) -> Tensor:
    """Gather along the last axis of `indices`; all axes before it belong together."""
    with name_scope(name, "BatchGather", [params, indices]):
        indices = convert_to_tensor(indices, name="indices")
        params = convert_to_tensor(params, name="params")
        if indices.shape.rank is None:
            raise ValueError("batch_gather does not allow indices with unknown shape.")
        return gather(params, indices, batch_dims=indices.shape.rank - 1)


# ---- gather_nd and scatter_nd


def _infer_gather_nd(op: Operation) -> Types:
    source, indices = (t.shape.extents for t in op.inputs)
    with_rank_at_least(op.inputs[1].shape, 1)
    depth = indices[-1] if indices else None
    if source is None or indices is None or depth is None:
        return output(op, None)
    if depth > len(source):
        raise ValueError(
            "indices.shape[-1] must be <= params.rank, but saw indices shape: "
            f"{_text(indices)} and params shape: {_text(source)}"
        )
    return output(op, (*indices[:-1], *source[depth:]))


def _text(extents: Extents) -> str:
    return "[" + ",".join("?" if d is None else str(d) for d in extents) + "]"


@dataclass(frozen=True)
class _NoSuchPlace:
    shape: tuple[Any, ...]

    def __call__(self, indices: Any) -> str:
        rows = indices.reshape(-1, indices.shape[-1])
        limits = np.array(self.shape[: indices.shape[-1]])
        bad = np.flatnonzero(((rows < 0) | (rows >= limits)).any(axis=1))
        first = int(bad[0]) if bad.size else 0
        place = ",".join(str(k) for k in np.unravel_index(first, indices.shape[:-1]))
        shape = "[" + ",".join(str(d) for d in self.shape) + "]"
        values = ", ".join(str(v) for v in rows[first])
        return f"indices[{place}] = [{values}] does not index into param shape {shape}"


def flat_places(b: Any, indices: Any, shape: Sequence[Dim], message: Any = None) -> Any:
    """Row numbers in an array of `shape` whose first axes, one per index, are made one."""
    depth = indices.shape[-1]
    columns = [
        b.reshape(
            b.slice(indices, [0] * (indices.rank - 1) + [k], (*indices.shape[:-1], 1)),
            indices.shape[:-1],
        )
        for k in range(depth)
    ]
    total = b.full(indices.shape[:-1], 0, indices.dtype)
    inside = b.full(indices.shape[:-1], True, b.const(np.bool_(True)).dtype)
    for k, column in enumerate(columns):
        limit = b.runtime(b.dim(shape[k], indices.dtype))
        total = b.add(b.mul(total, limit), column) if k else column
        inside = b.and_(inside, b.and_(b.ge(column, 0), b.lt(column, limit)))
    if columns and 0 not in indices.shape:
        ok = b.reduce("and", inside, range(inside.rank)) if inside.rank else inside
        b.check(ok, "InvalidArgumentError", message or _NoSuchPlace(tuple(shape)), (indices,))
    return total


def _lower_gather_nd(b: Any, op: Operation, params: Any, indices: Any) -> Any:
    depth = indices.shape[-1]
    if depth > params.rank:
        raise ValueError(
            f"index innermost dimension length must be <= params rank; saw: {depth} vs. "
            f"{params.rank}"
        )
    rest = params.shape[depth:]
    if depth == 0:  # each index is empty and names the whole
        lead = indices.shape[:-1]
        whole = (*lead, *rest)
        return b.broadcast(params, whole, range(len(lead), len(whole)))
    if 0 in params.shape and 0 not in indices.shape and 0 in params.shape[:depth]:
        shown = ",".join(str(size) for size in params.shape)
        raise ValueError(
            f"Requested more than 0 entries, but params is empty.  Params shape: [{shown}]"
        )
    places = flat_places(b, indices, params.shape)
    if 0 in (*params.shape, *indices.shape):
        return b.full((*indices.shape[:-1], *rest), 0, params.dtype)
    flat = b.reshape(params, (product(params.shape[:depth]), *rest))
    return b.gather(flat, places, axis=0)


def _gather_nd_gradient(op: Operation, gradient: Any) -> list[Any]:
    params, indices = op.inputs
    whole = shape_of(params, out_type=indices.dtype)
    if indices.shape.rank == 2 and indices.shape.as_list()[-1] == 1:
        return [IndexedSlices(gradient, squeeze(indices, axis=-1), whole), None]
    return [scatter_nd(indices, gradient, whole), None]


def _infer_scatter_nd(op: Operation) -> Types:
    indices, updates, shape = op.inputs
    target = shape_of_value(shape)
    places, given = (with_rank_at_least(t.shape, 1) for t in (indices, updates))
    if target is not None and 0 in target and places and all(places):
        raise ValueError("Indices and updates specified for empty output shape")
    if target is not None and places and given is not None and places[-1] is not None:
        expected = (*places[:-1], *target[places[-1] :])
        if len(expected) != len(given):
            raise ValueError(f"Shape must be rank {len(expected)} but is rank {len(given)}")
    return output(op, target, updates.dtype.base_dtype)


def _lower_scatter_nd(b: Any, op: Operation, indices: Any, updates: Any, shape: Any) -> Any:
    target = tuple(b.static_ints(shape))
    depth = indices.shape[-1]
    rest = target[depth:]
    expected = (*indices.shape[:-1], *rest)
    if updates.shape != expected:
        raise ValueError(
            f"Must have updates.shape = indices.shape[:-1] + shape[{depth}:], got updates.shape: "
            f"{_text(updates.shape)}, expected {_text(expected)}"
        )
    if 0 in target and 0 not in indices.shape:
        raise ValueError(
            "Indices and updates specified for empty output.  indices shape: "
            f"{_text(indices.shape)}"
        )
    nothing = b"" if updates.dtype.kind == "string" else 0
    zeros = b.full((product(target[:depth]), *rest), nothing, updates.dtype)
    if 0 in (*target, *indices.shape):
        return b.reshape(zeros, target)
    places = b.reshape(flat_places(b, indices, target), (product(indices.shape[:-1]),))
    rows = b.reshape(updates, (*places.shape, *rest))
    if updates.dtype.kind == "bool":  # a sum of truths is whether any holds
        found = b.scatter("max", b.cast(zeros, int32), places, b.cast(rows, int32))
        return b.cast(b.reshape(found, target), updates.dtype)
    return b.reshape(b.scatter("add", zeros, places, rows), target)


define_op(
    name="GatherNd",
    infer=_infer_gather_nd,
    lower=_lower_gather_nd,
    gradient=_gather_nd_gradient,
)
define_op(
    name="ScatterNd",
    infer=_infer_scatter_nd,
    lower=_lower_scatter_nd,
    gradient=lambda op, gradient: [None, gather_nd(gradient, op.inputs[0]), None],
)
_GATHER_ND = Signature("GatherNd", "params: Tparams", "indices: Tindices = int32", Tindices=INDEX)
_SCATTER_ND = Signature(
    "ScatterNd", "indices: Tindices", "updates: T", "shape: Tindices", Tindices=INDEX
)


def gather_nd(params: Any, indices: Any, name: str | None = None, batch_dims: int = 0) -> Tensor:
    """Return the parts of `params` that the rows of `indices` name.

    Parameters
    ----------
    indices : integers; the last axis holds an index for each of the first axes of `params`.
    batch_dims : how many leading axes of `params` and `indices` belong together.
    """
    if batch_dims == 0:
        return _GATHER_ND(params, indices, name=name).outputs[0]
    with name_scope(name, "BatchGatherND", [params, indices]):
        params = convert_to_tensor(params, name="params")
        indices = convert_to_tensor(indices, name="indices")
        return _GATHER_ND(params, _with_batch_numbers(indices, batch_dims)).outputs[0]


def _with_batch_numbers(indices: Tensor, batch_dims: int) -> Tensor:
    """Indices with the number of their own batch put before them."""
    rank = indices.shape.rank
    if rank is None or rank <= batch_dims:
        raise ValueError(f"batch_dims = {batch_dims} must be less than rank(indices) = {rank}")
    sizes = shape_of(indices, out_type=indices.dtype)
    lead = strided_slice(sizes, [0], [-1], [1], begin_mask=1)
    numbers = []
    for axis in range(batch_dims):
        extent = strided_slice(sizes, [axis], [axis + 1], [1], shrink_axis_mask=1)
        ramp = _RANGE(0, extent, 1, Tidx=indices.dtype).outputs[0]
        column = reshape(ramp, [-1 if k == axis else 1 for k in range(rank - 1)])
        numbers.append(expand_dims(_BROADCAST_TO(column, lead).outputs[0], -1))
    return concat([*numbers, indices], -1)


def scatter_nd(indices: Any, updates: Any, shape: Any, name: str | None = None) -> Tensor:
    """Return zeros of `shape` with `updates` added where the rows of `indices` say."""
    return _SCATTER_ND(indices, updates, shape, name=name).outputs[0]


_RANGE = Signature("Range", "start: Tidx", "limit: Tidx", "delta: Tidx", Tidx=INDEX)
_BROADCAST_TO = Signature("BroadcastTo", "input: T", "shape: Tidx = int32", Tidx=INDEX)
