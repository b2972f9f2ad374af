"""Sorted orders: top_k, in_top_k, sort, argsort, searchsorted. NumPy sorts, in the run."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.constants import constant_value
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import as_dtype
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ops.gathering import scatter_nd
from graphflow.ops.host import compute, define_host_op
from graphflow.ops.kinds import INDEX, ORDERED
from graphflow.ops.reductions import reduce_prod
from graphflow.ops.sequences import range as range_of
from graphflow.ops.shape import expand_dims, rank, reshape
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.shape_rules import (
    Types,
    known_int,
    merge_size,
    output,
    with_rank,
    with_rank_at_least,
)
from graphflow.ops.transposing import transpose
from graphflow.ops.unary import negative

__all__ = ["argsort", "searchsorted", "sort"]

# ---- the k largest


def _infer_top_k(op: Operation) -> Types:
    source = with_rank_at_least(op.inputs[0].shape, 1)
    with_rank(op.inputs[1].shape, 0)
    k = known_int(op.inputs[1])
    if k is not None and k < 0:
        raise ValueError(
            f"Dimension size, given by scalar input 1, must be non-negative but is {k}"
        )
    if source is None:
        return output(op, None) + output(op, None, dtypes.int32)
    if k is not None and source[-1] is not None and source[-1] < k:
        raise ValueError(f"input must have last dimension >= k = {k} but is {source[-1]}")
    extents = (*source[:-1], k)
    return output(op, extents) + output(op, extents, dtypes.int32)


def _largest(x: Any, k: int) -> Any:
    """The k largest along the last axis, of equal ones those that come first; nan is the least."""
    count = x.shape[-1]
    wide = x.astype(np.float32) if x.dtype.itemsize == 2 and x.dtype.kind not in "iu" else x
    if wide.dtype.kind == "f":
        wide = np.where(np.isnan(wide), -np.inf, wide)
    # Ascending and stable from the back, read from the back: descending and stable.
    order = count - 1 - np.argsort(wide[..., ::-1], axis=-1, kind="stable")[..., ::-1]
    places = order[..., :k]
    return np.take_along_axis(x, places, axis=-1), places


def _lower_top_k(b: Any, op: Operation, x: Any, k_node: Any) -> Any:
    k = b.static_int(k_node)
    if k < 0:
        raise ValueError(f"Need k >= 0, got {k}")
    if x.rank < 1 or k > x.shape[-1]:
        raise ValueError(f"input must have at least k columns. Had {x.shape[-1]}, needed {k}")
    shape = (*x.shape[:-1], k)
    return compute(b, op, _largest, (x,), [shape, shape], k=k)


def _top_k_gradient(op: Operation, gradient: Any, _: Any) -> list[Any]:
    """The gradient goes to the places that were picked, in an array made flat."""
    x, places = op.inputs[0], op.outputs[1]
    sizes: Any = shape_of(x)
    depth, picked = sizes[-1], shape_of(places)[-1]
    rows = reshape(places, [-1, picked])
    starts = range_of(0, reduce_prod(sizes), depth)
    flat = reshape(rows + expand_dims(starts, -1), [-1])
    total = scatter_nd(expand_dims(flat, -1), reshape(gradient, [-1]), [reduce_prod(sizes)])
    return [reshape(total, sizes), None]


define_op("TopKV2", _infer_top_k, _lower_top_k, _top_k_gradient)
_TOP_K = Signature("TopKV2", "input: T", "k: int32", T=ORDERED)


class TopKV2(NamedTuple):
    """What `top_k` returns."""

    values: Tensor
    indices: Tensor


def top_k(input: Any, k: Any = 1, sorted: bool = True, name: str | None = None) -> TopKV2:
    """Return the `k` largest elements along the last axis, and where they are.

    Parameters
    ----------
    sorted : in descending order; they are so in any case.
    """
    values, indices = _TOP_K(input, k, name=name, sorted=sorted).outputs
    return TopKV2(values, indices)


# ---- whether a target is among the k largest


def _infer_in_top_k(op: Operation) -> Types:
    predictions = with_rank(op.inputs[0].shape, 2)
    targets = with_rank(op.inputs[1].shape, 1)
    return output(op, (merge_size(predictions[0], targets[0]),), dtypes.bool_)


def _lower_in_top_k(b: Any, op: Operation, predictions: Any, targets: Any, k: Any) -> Any:
    """Fewer than k predictions are larger than the target's; nothing infinite is among them."""
    rows, classes = predictions.shape
    if 0 in predictions.shape:
        return b.full((rows,), False, dtypes.bool_)
    wide = b.cast(targets, dtypes.int64)
    limit = b.runtime(b.dim(classes, dtypes.int64))
    valid = b.and_(b.ge(wide, 0), b.lt(wide, limit))
    safe = b.select(valid, wide, b.full(wide.shape, 0, dtypes.int64))
    chosen = b.gather(predictions, safe, axis=1, batch_dims=1)
    spread = b.broadcast(chosen, predictions.shape, (0,))
    larger = b.reduce("sum", b.cast(b.gt(predictions, spread), dtypes.int64), [1])
    finite = b.reduce("and", b.is_finite(predictions), [1])
    few = b.lt(larger, b.cast(k, dtypes.int64))
    return b.and_(b.and_(valid, few), finite)


define_op("InTopKV2", _infer_in_top_k, _lower_in_top_k, no_gradient="boolean output")
_IN_TOP_K = Signature("InTopKV2", "predictions: float32", "targets: T", "k: T", T=INDEX)


def in_top_k(predictions: Any, targets: Any, k: Any, name: str | None = None) -> Tensor:
    """Return whether each target's prediction is among the `k` largest of its row.

    Parameters
    ----------
    predictions : float32, a row for each example and a column for each class.
    targets : the number of a class for each row.
    """
    with name_scope(name, "in_top_k"):
        return _IN_TOP_K(predictions, targets, k).outputs[0]


# ---- sort


def _sorted_part(values: Any, axis: Any, direction: str, want: int) -> Tensor:
    """Values (0) or places (1) by `top_k`, as in TensorFlow: of negated values if ascending."""
    x = values if direction == "DESCENDING" else _negated(values)
    sizes: Any = shape_of(x)
    place = constant_value(axis)
    if place is None:
        raise ValueError(f"expected an axis that is known, got {axis}")
    size, count = sizes[int(place)], x.shape.rank
    rank(x)  # which TensorFlow makes and does not need either
    if place == -1 or (count is not None and place == count - 1):
        found = top_k(x, size)[want]
    elif count is None:
        raise ValueError(f"expected values of known rank for axis {place}")
    else:
        perm = _swapped(count, int(place) % count)
        found = transpose(top_k(transpose(x, perm), size)[want], perm)
    return _negated(found) if direction == "ASCENDING" and want == 0 else found


def _swapped(count: int, axis: int) -> Tensor:
    order = list(range(count))
    order[axis], order[-1] = order[-1], order[axis]
    return convert_to_tensor(np.array(order, np.int32), name="transposition")


def _negated(x: Tensor) -> Tensor:
    """A tensor whose order is that of `x` reversed."""
    dtype = x.dtype.base_dtype
    if dtype.kind == "uint":
        return _SUB(convert_to_tensor(dtype.max, dtype=dtype), x).outputs[0]
    return negative(x)


_SUB = Signature("Sub", "x: T", "y: T")


def sort(
    values: Any, axis: Any = -1, direction: str = "ASCENDING", name: str | None = None
) -> Tensor:
    """Return `values` sorted along an axis.

    Parameters
    ----------
    direction : ``'ASCENDING'`` or ``'DESCENDING'``.
    """
    _check_direction(direction)
    with name_scope(name, "sort"):
        return _sorted_part(*_sort_inputs(values, axis), direction, 0)


def argsort(
    values: Any, axis: Any = -1, direction: str = "ASCENDING", stable: bool = False,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return the places that sort `values` along an axis; see `sort`.

    Parameters
    ----------
    stable : keep the order of equal elements, which is kept in any case.
    """
    _check_direction(direction)
    with name_scope(name, "argsort"):
        return _sorted_part(*_sort_inputs(values, axis), direction, 1)


def _check_direction(direction: str) -> None:
    if direction not in ("ASCENDING", "DESCENDING"):
        raise ValueError(f"{direction} should be one of ASCENDING, DESCENDING")


def _sort_inputs(values: Any, axis: Any) -> tuple[Tensor, Tensor]:
    axis = convert_to_tensor(axis, name="axis")
    return convert_to_tensor(values, name="values"), axis


# ---- searchsorted


def _bounds(table: Any, values: Any, side: Any) -> Any:
    rows = [np.searchsorted(a, v, side) for a, v in zip(table, values, strict=True)]
    return np.array(rows).reshape(values.shape)


for _name, _side in [("LowerBound", "left"), ("UpperBound", "right")]:
    define_op(
        _name,
        lambda op: [(op.attrs["out_type"], op.inputs[1].shape)],
        lambda b, op, table, values, side=_side: compute(
            b, op, _bounds, (table, values), [values.shape], side=side
        ),
        no_gradient="integer output",
    )
_LOWER = Signature("LowerBound", "sorted_inputs: T", "values: T")
_UPPER = Signature("UpperBound", "sorted_inputs: T", "values: T")


def searchsorted(
    sorted_sequence: Any, values: Any, side: str = "left", out_type: Any = dtypes.int32,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return where `values` belong in sorted rows.

    Parameters
    ----------
    sorted_sequence : ascending along the last axis; its other axes are those of `values`.
    side : ``'left'`` puts a value before equal ones, ``'right'`` after them.

    Raises
    ------
    ValueError : another side.
    """
    if side not in ("left", "right"):
        raise ValueError(f"side must be either 'right' or 'left'.  Saw: {side}.")
    sizes: Any = shape_of(sorted_sequence)
    depth = sizes[-1]
    value_sizes: Any = shape_of(values)
    value_depth = value_sizes[-1]
    table, flat = reshape(sorted_sequence, [-1, depth]), reshape(values, [-1, value_depth])
    signature = _UPPER if side == "right" else _LOWER
    found = signature(table, flat, out_type=as_dtype(out_type), name=name).outputs[0]
    return reshape(found, shape_of(values))


# ---- the nth smallest


def _infer_nth(op: Operation) -> Types:
    extents = with_rank_at_least(op.inputs[0].shape, 1)
    with_rank(op.inputs[1].shape, 0)
    place = known_int(op.inputs[1])
    if place is not None and place < 0:
        raise ValueError(f"Input n must be non-negative but is {place}")
    if place is not None and extents and extents[-1] is not None and extents[-1] <= place:
        raise ValueError(f"Input must have last dimension > n = {place} but is {extents[-1]}")
    return output(op, None if extents is None else extents[:-1])


def _nth(x: Any, n: Any, reverse: bool) -> Any:
    if x.ndim < 1:
        raise ValueError(f"Input must be >= 1-D, got shape {list(x.shape)}")
    if int(n) < 0:
        raise ValueError(f"Need n >= 0, got {int(n)}")
    place = x.shape[-1] - 1 - int(n) if reverse else int(n)
    if not 0 <= place < x.shape[-1]:
        raise ValueError(f"Input must have at least n+1 = {int(n) + 1} columns")
    return np.partition(x, place, axis=-1)[..., place]


def _nth_gradient(op: Operation, gradient: Any) -> list[Any]:
    """Shared evenly among the elements that equal the result."""
    chosen = _CAST(
        _EQUAL(expand_dims(op.outputs[0], -1), op.inputs[0]).outputs[0], DstT=gradient.dtype
    ).outputs[0]
    total = _SUM(chosen, [-1], keep_dims=True).outputs[0]
    return [(chosen / total) * expand_dims(gradient, -1), None]


define_host_op(
    "NthElement", _infer_nth, _nth, lambda op, x, n: [x.shape[:-1]], ("reverse",), _nth_gradient
)
_NTH = Signature("NthElement", "input: T", "n: int32", T=ORDERED)
_EQUAL = Signature("Equal", "x: T", "y: T")
_CAST = Signature("Cast", "x: SrcT")
_SUM = Signature("Sum", "input: T", "reduction_indices: Tidx = int32")


def nth_element(input: Any, n: Any, reverse: bool = False, name: str | None = None) -> Tensor:
    """Return the element at place `n` of the sorted last axis; from the end when `reverse`."""
    return _NTH(input, n, reverse=reverse, name=name).outputs[0]
