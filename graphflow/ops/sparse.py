"""Sparse tensors changed as a whole: add, concat, slice, reorder, softmax, fill_empty_rows, ...

How many elements come out depends on the data, so the run is cut at these ops.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import DType, bool_, float32, float64, int64
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import shape_from_tuple
from graphflow.graph.sparse_tensor import SparseTensor, as_sparse, components
from graphflow.graph.tensor import Tensor
from graphflow.ir.dims import product
from graphflow.ops.broadcasting import sum_to_shape
from graphflow.ops.casting import cast
from graphflow.ops.gathering import flat_places, gather
from graphflow.ops.host import define_host_op
from graphflow.ops.kinds import ALL_NUMBERS, ORDERED
from graphflow.ops.reductions import reduce_sum
from graphflow.ops.segments import unsorted_segment_sum
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.shape_rules import Types, all_known_ints

__all__ = [
    "edit_distance", "sparse_add", "sparse_concat", "sparse_fill_empty_rows", "sparse_maximum",
    "sparse_minimum", "sparse_reorder", "sparse_reshape", "sparse_slice", "sparse_softmax",
    "sparse_split",
]  # fmt: skip


def sparse_types(dtype: DType, count: int | None, rank: int | None) -> Types:
    """The three outputs of an op that gives a sparse tensor."""
    sizes = [(count, rank), (count,), (rank,)]
    kinds = [int64, dtype, int64]
    return [(kind, shape_from_tuple(s)) for kind, s in zip(kinds, sizes, strict=True)]


def _rank(shape: Tensor) -> int | None:
    extents = shape.shape.extents
    return extents[0] if extents else None


def flat_index(indices: Any, sizes: Any) -> Any:
    """The places of elements in the flattened whole."""
    if indices.shape[1] == 0:
        return np.zeros(len(indices), np.int64)
    strides = np.cumprod(np.r_[1, np.asarray(sizes)[:0:-1]])[::-1]
    return indices @ strides.astype(np.int64)


def _order(indices: Any) -> Any:
    """The order of rows that sorts them."""
    return np.lexsort(indices.T[::-1]) if indices.shape[1] else np.arange(len(indices))


def _row_map(source: Any, target: Any) -> Any:
    """For each row of `source`, the row of `target` that equals it, -1 where there is none."""
    found = {tuple(row): k for k, row in enumerate(target.tolist())}
    return np.array([found.get(tuple(row), -1) for row in source.tolist()], np.int64)


# Rows of one sparse tensor in another: how gradients of values go back.
define_host_op(
    "SparseRowMap", lambda op: [(int64, op.inputs[0].shape[:1])], _row_map,
    lambda op, source, target: [(source.shape[0],)], no_gradient="integer output",
)  # fmt: skip
_ROW_MAP = Signature("SparseRowMap", "source: int64", "target: int64")
_SEGMENT_ROWS = Signature("SegmentRows", "x: T", "segment_ids: Tindices")


def gradient_at(indices: Tensor, result: Tensor, gradient: Any) -> Tensor:
    """The gradient of a result's values at other indices; zero for those that it has not."""
    return _SEGMENT_ROWS(gradient, _ROW_MAP(indices, result).outputs[0]).outputs[0]


# ---- addition


def _added(i: Any, v: Any, s: Any, j: Any, w: Any, t: Any, threshold: Any) -> Any:
    if s.tolist() != t.tolist():
        raise ValueError("Operands do not have the same ranks; or their shapes do not match")
    places, which = np.unique(np.concatenate([i, j]), axis=0, return_inverse=True)
    total = np.zeros(len(places), v.dtype)
    np.add.at(total, which.reshape(-1), np.concatenate([v, w]))
    # Only what is a sum is held against the threshold, as TensorFlow's kernel does.
    keep = (np.bincount(which.reshape(-1), minlength=len(places)) == 1) | (
        np.abs(total) >= threshold
    )
    return places[keep], total[keep], s


def _add_gradient(op: Operation, _: Any, gradient: Any, __: Any) -> list[Any]:
    places = op.outputs[0]
    first, second = (gradient_at(op.inputs[k], places, gradient) for k in (0, 3))
    return [None, first, None, None, second, None, None]


define_host_op(
    "SparseAdd", lambda op: sparse_types(op.inputs[1].dtype, None, _rank(op.inputs[2])), _added,
    gradient=_add_gradient,
)  # fmt: skip
_SPARSE = ("a_indices: int64", "a_values: T", "a_shape: int64")
_OTHER = ("b_indices: int64", "b_values: T", "b_shape: int64")
_ADD = Signature("SparseAdd", *_SPARSE, *_OTHER, "thresh: Treal", T=ALL_NUMBERS, Treal=ORDERED)


def _lower_dense_add(b: Any, op: Operation, indices: Any, values: Any, _: Any, dense: Any) -> Any:
    if 0 in (*dense.shape, *indices.shape):
        return dense
    places = flat_places(b, indices, dense.shape)
    flat = b.reshape(dense, (product(dense.shape),))
    return b.reshape(b.scatter("add", flat, places, values), dense.shape)


define_op(
    "SparseTensorDenseAdd", lambda op: [(op.inputs[3].dtype.base_dtype, op.inputs[3].shape)],
    _lower_dense_add,
    lambda op, gradient: [None, _GATHER_ND(gradient, op.inputs[0]).outputs[0], None, gradient],
)  # fmt: skip
_DENSE_ADD = Signature(
    "SparseTensorDenseAdd", "a_indices: Tindices", "a_values: T", "a_shape: Tindices", "b: T",
    T=ALL_NUMBERS,
)  # fmt: skip
_GATHER_ND = Signature("GatherNd", "params: T", "indices: Tindices")


def sparse_add(a: Any, b: Any, threshold: Any = None, thresh: Any = None) -> Any:
    """Return the sum of two sparse tensors, or of a sparse and a dense one.

    Parameters
    ----------
    threshold : leave out sums that are smaller, where both are sparse.
    """
    if threshold is not None and thresh is not None:
        raise ValueError("Cannot specify both 'thresh' and 'threshold'")
    threshold = thresh if threshold is None else threshold
    threshold = 0 if threshold is None else threshold
    sparse = [isinstance(x, SparseTensor) for x in (a, b)]
    if not any(sparse):
        raise TypeError("At least one input should be SparseTensor; do you mean to use tf.add()?")
    if all(sparse):
        real = {"complex64": float32, "complex128": float64}.get(a.dtype.name, a.dtype.base_dtype)
        limit = convert_to_tensor(threshold, dtype=real, name="threshold")
        return SparseTensor(*_ADD(*components(a), *components(b), limit).outputs)
    first, dense = (a, b) if sparse[0] else (b, a)
    return _DENSE_ADD(*components(first), dense).outputs[0]


# ---- element by element with a dense tensor


def _cwise(function: Any) -> Any:
    def apply(indices: Any, values: Any, sizes: Any, dense: Any) -> Any:
        whole = np.broadcast_to(dense, tuple(int(d) for d in sizes))
        return function(values, whole[tuple(indices.T)])

    return apply


def _cwise_gradient(divide: bool) -> Any:
    def gradient(op: Operation, gradient: Any) -> list[Any]:
        indices, values, sizes, dense = op.inputs
        if dense.shape.rank != 0:
            whole = _BROADCAST(dense, sizes).outputs[0]
            at = _GATHER_ND(whole, indices).outputs[0]
        else:
            at = dense
        to_values = gradient / at if divide else gradient * at
        product = -(values / (at * at)) if divide else values
        summed = gradient * product
        if dense.shape.rank == 0:
            return [None, to_values, None, reduce_sum(summed)]
        spread = _SCATTER_ND(indices, summed, sizes).outputs[0]
        return [None, to_values, None, sum_to_shape(spread, dense)]

    return gradient


_CWISE: dict[str, Signature] = {}
for _name, _function, _divide in [
    ("SparseDenseCwiseMul", np.multiply, False),
    ("SparseDenseCwiseDiv", np.true_divide, True),
    ("SparseDenseCwiseAdd", np.add, False),
]:
    define_host_op(
        _name, lambda op: [(op.inputs[1].dtype.base_dtype, op.inputs[1].shape)],
        _cwise(_function), lambda op, i, v, s, d: [v.shape],
        gradient=None if _name.endswith("Add") else _cwise_gradient(_divide),
    )  # fmt: skip
    _CWISE[_name] = Signature(
        _name, "sp_indices: int64", "sp_values: T", "sp_shape: int64", "dense: T", T=ALL_NUMBERS
    )
_BROADCAST = Signature("BroadcastTo", "input: T", "shape: Tidx = int32")
_SCATTER_ND = Signature("ScatterNd", "indices: Tindices", "updates: T", "shape: Tindices")


def _with_dense(op_type: str, label: str) -> Any:
    def operator(sparse: SparseTensor, dense: Any) -> SparseTensor:
        with name_scope(None, label, [sparse.indices, dense]) as scope:
            dense = convert_to_tensor(dense, dtype=sparse.dtype.base_dtype, name="y")
            values = _CWISE[op_type](*components(sparse), dense, name=scope).outputs[0]
        return _same_places(sparse, values)

    return operator


def _same_places(sparse: SparseTensor, values: Tensor) -> SparseTensor:
    """A sparse tensor of other values, whose shape stays known."""
    return SparseTensor(sparse.indices, values, sparse.dense_shape)


SparseTensor._override_operator("__mul__", _with_dense("SparseDenseCwiseMul", "mul"))
SparseTensor._override_operator("__truediv__", _with_dense("SparseDenseCwiseDiv", "truediv"))
SparseTensor._override_operator("__div__", _with_dense("SparseDenseCwiseDiv", "div"))

# ---- concatenation and pieces


def _infer_concat(op: Operation) -> Types:
    count = op.attrs["N"]
    return sparse_types(op.inputs[count].dtype, None, _rank(op.inputs[2 * count]))


def _concatenated(*arrays: Any, concat_dim: int) -> Any:
    count = len(arrays) // 3
    indices, values, shapes = arrays[:count], arrays[count : 2 * count], arrays[2 * count :]
    axis = concat_dim % len(shapes[0])
    start, places = 0, []
    for k, (part, sizes) in enumerate(zip(indices, shapes, strict=True)):
        for d, (have, want) in enumerate(zip(sizes, shapes[0], strict=True)):
            if d != axis and have != want:
                raise ValueError(f"Input shapes must match: expected {want} for dimension {d} but "
                                 f"got {have} at position {k}")  # fmt: skip
        moved = part.copy()
        moved[:, axis] += start
        start += int(sizes[axis])
        places.append(moved)
    joined, sizes = np.concatenate(places), shapes[0].copy()
    sizes[axis] = start
    order = _order(joined)
    return joined[order], np.concatenate(values)[order], sizes


define_host_op(
    "SparseConcat", _infer_concat, _concatenated, attrs=("concat_dim",),
    no_gradient="TensorFlow has none for it",
)  # fmt: skip
_CONCAT = Signature("SparseConcat", "indices: N * int64", "values: N * T", "shapes: N * int64")


def sparse_concat(
    axis: int, sp_inputs: Any, name: str | None = None, expand_nonconcat_dim: bool = False,
    concat_dim: Any = None, expand_nonconcat_dims: Any = None,
) -> SparseTensor:  # fmt: skip
    """Return sparse tensors joined along an axis.

    Parameters
    ----------
    expand_nonconcat_dim : let the other sizes differ; the largest is taken.
    """
    parts = [as_sparse(s) for s in sp_inputs]
    if len(parts) == 1:
        return parts[0]
    shapes = [s.dense_shape for s in parts]
    if expand_nonconcat_dim or expand_nonconcat_dims:
        shapes = _expanded(shapes, axis)
    operation = _CONCAT(
        [s.indices for s in parts], [s.values for s in parts], shapes, concat_dim=axis, name=name
    )
    indices, values, sizes = operation.outputs
    known = None
    if not (expand_nonconcat_dim or expand_nonconcat_dims):
        known = _joined_shape(parts, axis)
    if known is not None:
        sizes = convert_to_tensor(np.array(known, np.int64))
    return SparseTensor(indices, values, sizes)


def _expanded(shapes: Sequence[Tensor], axis: int) -> list[Tensor]:
    largest: Any = shapes[0]
    for other in shapes[1:]:
        largest = _MAXIMUM(largest, other).outputs[0]
    rank = _rank(shapes[0]) or 0
    chosen = np.arange(rank) == axis % rank
    return [_SELECT(convert_to_tensor(chosen), s, largest).outputs[0] for s in shapes]


_MAXIMUM = Signature("Maximum", "x: T", "y: T")
_SELECT = Signature("Select", "condition: bool", "t: T", "e: T")


def _joined_shape(parts: Sequence[SparseTensor], axis: int) -> list[int] | None:
    shapes = [p.shape for p in parts]
    if not all(s.is_fully_defined() for s in shapes):
        return None
    sizes = shapes[0].as_list()
    sizes[axis] = sum(s.as_list()[axis] for s in shapes)
    return sizes


def _sliced(indices: Any, values: Any, sizes: Any, start: Any, size: Any) -> Any:
    keep = ((indices >= start) & (indices < start + size)).all(axis=1)
    shape = np.clip(np.minimum(size, sizes - start), 0, None)
    return indices[keep] - start, values[keep], shape


def _slice_gradient(op: Operation, _: Any, gradient: Any, __: Any) -> list[Any]:
    source, start = op.inputs[0], op.inputs[3]
    places: Any = source - start  # type: ignore[operator]
    return [None, gradient_at(places, op.outputs[0], gradient), None, None, None]


define_host_op(
    "SparseSlice", lambda op: sparse_types(op.inputs[1].dtype, None, _rank(op.inputs[2])), _sliced,
    gradient=_slice_gradient,
)  # fmt: skip
_SLICE = Signature(
    "SparseSlice", "indices: int64", "values: T", "shape: int64", "start: int64", "size: int64"
)


def sparse_slice(sp_input: Any, start: Any, size: Any, name: str | None = None) -> SparseTensor:
    """Return a part of a sparse tensor that begins at `start` and has the sizes `size`."""
    sparse = as_sparse(sp_input)
    start, size = convert_to_tensor(start, int64), convert_to_tensor(size, int64)
    with name_scope(name, "SparseSlice", [sparse.indices]) as scope:
        return SparseTensor(*_SLICE(*components(sparse), start, size, name=scope).outputs)


def _split_apart(axis: Any, indices: Any, values: Any, sizes: Any, num_split: int) -> list[Any]:
    axis, total = int(axis), int(sizes[int(axis)])
    small, more = divmod(total, num_split)
    widths = [small + (k < more) for k in range(num_split)]
    bounds = np.cumsum([0, *widths])
    parts = []
    for k, width in enumerate(widths):
        keep = (indices[:, axis] >= bounds[k]) & (indices[:, axis] < bounds[k + 1])
        places, shape = indices[keep].copy(), sizes.copy()
        places[:, axis] -= bounds[k]
        shape[axis] = width
        parts.append((places, values[keep], shape))
    return [part[k] for k in range(3) for part in parts]


def _infer_split(op: Operation) -> Types:
    one = sparse_types(op.inputs[2].dtype, None, _rank(op.inputs[3]))
    return [kind for kind in one for _ in range(op.attrs["num_split"])]


define_host_op(
    "SparseSplit", _infer_split, _split_apart, attrs=("num_split",),
    no_gradient="TensorFlow has none for it",
)  # fmt: skip
_SPLIT = Signature(
    "SparseSplit", "split_dim: int64", "indices: int64", "values: T", "shape: int64"
)  # fmt: skip


class _KeywordRequired:
    """Stands where arguments must be given by name."""


def sparse_split(
    keyword_required: Any = _KeywordRequired(), sp_input: Any = None, num_split: Any = None,
    axis: Any = None, name: str | None = None, split_dim: Any = None,
) -> list[SparseTensor]:  # fmt: skip
    """Return a sparse tensor cut into `num_split` parts along an axis; all by keyword."""
    if not isinstance(keyword_required, _KeywordRequired):
        raise ValueError("Keyword arguments are required for this function.")
    for value, label in ((sp_input, "sp_input"), (num_split, "num_split")):
        if value is None:
            raise ValueError(f"{label} is required")
    axis = split_dim if axis is None else axis
    if axis is None:
        raise ValueError("axis is required")
    sparse = as_sparse(sp_input)
    outputs = _SPLIT(axis, *components(sparse), num_split=num_split, name=name).outputs
    return [SparseTensor(*outputs[k::num_split]) for k in range(num_split)]


# ---- order and shape


def _reordered(indices: Any, values: Any, sizes: Any) -> Any:
    order = _order(indices)
    return indices[order], values[order]


def _infer_reorder(op: Operation) -> Types:
    return [(t.dtype.base_dtype, t.shape) for t in op.inputs[:2]]


define_host_op(
    "SparseReorder", _infer_reorder, _reordered, lambda op, i, v, s: [i.shape, v.shape],
    gradient=lambda op, _, gradient: [
        None, gradient_at(op.inputs[0], op.outputs[0], gradient), None
    ],
)  # fmt: skip
_REORDER = Signature("SparseReorder", "input_indices: int64", "input_values: T", "input_shape: int64")


def sparse_reorder(sp_input: Any, name: str | None = None) -> SparseTensor:
    """Return a sparse tensor with its elements in order."""
    sparse = as_sparse(sp_input)
    indices, values = _REORDER(*components(sparse), name=name).outputs
    if sparse.shape.is_fully_defined():
        sizes = convert_to_tensor(np.array(sparse.shape.as_list(), np.int64), name="dense_shape")
        return SparseTensor(indices, values, sizes)
    return SparseTensor(indices, values, _IDENTITY(sparse.dense_shape).outputs[0])


_IDENTITY = Signature("Identity", "input: T")


def _whole_sizes(old: Any, new: Any) -> Any:
    """The new sizes with -1 replaced; ValueError when the number of elements differs."""
    total, sizes = int(np.prod(old)), new.copy()
    if (new == -1).sum() > 1:
        raise ValueError("only one output dimension may be -1")
    if (new == -1).any():
        rest = int(np.prod(new[new != -1]))
        if rest == 0 or total % rest:
            raise ValueError(f"Input to reshape is a SparseTensor with {total} dense values, but "
                             f"the requested shape requires a multiple of {rest}")  # fmt: skip
        sizes[new == -1] = total // rest
    if int(np.prod(sizes)) != total:
        raise ValueError(f"Input to reshape is a tensor with {total} dense values, but the "
                         f"requested shape has {int(np.prod(sizes))}")  # fmt: skip
    return sizes


def _reshaped(indices: Any, old: Any, new: Any) -> Any:
    sizes = _whole_sizes(old, new)
    flat = flat_index(indices, old)
    places = np.array(np.unravel_index(flat, tuple(sizes))) if len(flat) else np.zeros([len(sizes), 0])
    return places.T.reshape(len(flat), len(sizes)), sizes


def _infer_reshape(op: Operation) -> Types:
    count, rank = op.inputs[0].shape[0].value, _rank(op.inputs[2])
    return [(int64, shape_from_tuple((count, rank))), (int64, shape_from_tuple((rank,)))]


define_host_op(
    "SparseReshape", _infer_reshape, _reshaped,
    lambda op, indices, old, new: [(indices.shape[0], new.shape[0]), new.shape],
    no_gradient="integer output",
)  # fmt: skip
_RESHAPE = Signature(
    "SparseReshape", "input_indices: int64", "input_shape: int64", "new_shape: int64"
)


def sparse_reshape(sp_input: Any, shape: Any, name: str | None = None) -> SparseTensor:
    """Return a sparse tensor with the same elements in another shape, of which one may be -1.

    Raises
    ------
    ValueError : both shapes are known and have different numbers of elements.
    """
    sparse = as_sparse(sp_input)
    shape = cast(convert_to_tensor(shape), int64)
    with name_scope(name, "SparseReshape", [sparse.indices]) as scope:
        _check_sizes(sparse, shape)
        made = _RESHAPE(sparse.indices, sparse.dense_shape, shape, name=scope).outputs
        known = _known_new_shape(sparse, shape)
        sizes = made[1] if known is None else convert_to_tensor(np.array(known, np.int64))
        values = _IDENTITY(sparse.values).outputs[0]
        return SparseTensor(made[0], values, sizes)


def _check_sizes(sparse: SparseTensor, shape: Tensor) -> None:
    known = _known_new_shape(sparse, shape)
    if known is None or not sparse.shape.is_fully_defined():
        return
    have, want = sparse.shape.num_elements(), int(np.prod(known))
    if have != want:
        raise ValueError(
            f"Cannot reshape a tensor with {have} elements to shape {known} ({want} elements)."
        )


def _known_new_shape(sparse: SparseTensor, shape: Tensor) -> list[int] | None:
    known = all_known_ints(shape)
    if known is None or -1 not in known:
        return known
    total = sparse.shape.num_elements() if sparse.shape.is_fully_defined() else None
    rest = int(np.prod([d for d in known if d != -1]))
    if total is None or known.count(-1) > 1 or rest == 0 or total % rest:
        return None
    return [total // rest if d == -1 else d for d in known]


# ---- values


def _softmax(indices: Any, values: Any, sizes: Any) -> Any:
    """Over the last axis, of the elements that are present."""
    if not len(values):
        return values
    _, rows = np.unique(indices[:, :-1], axis=0, return_inverse=True)
    rows = rows.reshape(-1)
    largest = np.full(rows.max() + 1, -np.inf, values.dtype)
    np.maximum.at(largest, rows, values)
    raised = np.exp(values - largest[rows])
    total = np.zeros(len(largest), values.dtype)
    np.add.at(total, rows, raised)
    return raised / total[rows]


def _row_numbers(indices: Any) -> Any:
    _, rows = np.unique(indices[:, :-1], axis=0, return_inverse=True)
    return rows.reshape(-1)


define_host_op(
    "SparseRowNumbers", lambda op: [(int64, op.inputs[0].shape[:1])], _row_numbers,
    lambda op, indices: [(indices.shape[0],)], no_gradient="integer output",
)  # fmt: skip
_ROW_NUMBERS = Signature("SparseRowNumbers", "indices: int64")


def _softmax_gradient(op: Operation, gradient: Any) -> list[Any]:
    """``y (g - sum(y g))`` with the sums over each row."""
    rows = _ROW_NUMBERS(op.inputs[0]).outputs[0]
    y: Any = op.outputs[0]
    count = shape_of(y, out_type=int64)[0]  # type: ignore[index]
    totals = unsorted_segment_sum(y * gradient, rows, count)
    return [None, y * (gradient - gather(totals, rows)), None]


define_host_op(
    "SparseSoftmax", lambda op: [(op.inputs[1].dtype.base_dtype, op.inputs[1].shape)], _softmax,
    lambda op, i, v, s: [v.shape], gradient=_softmax_gradient,
)  # fmt: skip
_SOFTMAX = Signature(
    "SparseSoftmax", "sp_indices: int64", "sp_values: T", "sp_shape: int64", T=(float32, float64)
)


def sparse_softmax(sp_input: Any, name: str | None = None) -> SparseTensor:
    """Return the softmax over the last axis of the elements that are present."""
    sparse = as_sparse(sp_input)
    with name_scope(name, "SparseSoftmax", [sparse.indices, sparse.values]):
        values = _SOFTMAX(*components(sparse)).outputs[0]
        return _same_places(sparse, values)


def _filled(indices: Any, values: Any, sizes: Any, default: Any) -> Any:
    rows = int(sizes[0])
    empty = np.ones(rows, bool)
    empty[indices[:, 0]] = False
    extra = np.zeros((int(empty.sum()), len(sizes)), np.int64)
    extra[:, 0] = np.flatnonzero(empty)
    joined = np.concatenate([indices, extra])
    order = np.argsort(joined[:, 0], kind="stable")
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    filler = np.empty(len(extra), values.dtype)
    filler[:] = default
    return joined[order], np.concatenate([values, filler])[order], empty, places[: len(indices)]


def _infer_filled(op: Operation) -> Types:
    rank, count = _rank(op.inputs[2]), op.inputs[0].shape[0].value
    types = sparse_types(op.inputs[1].dtype, None, rank)[:2]
    extra = [(bool_, shape_from_tuple((None,))), (int64, shape_from_tuple((count,)))]
    return [*types, *extra]


def _filled_gradient(op: Operation, _: Any, gradient: Any, *rest: Any) -> list[Any]:
    to_values = gather(gradient, op.outputs[3])
    return [None, to_values, None, reduce_sum(gradient) - reduce_sum(to_values)]


define_host_op("SparseFillEmptyRows", _infer_filled, _filled, gradient=_filled_gradient)
_FILL = Signature(
    "SparseFillEmptyRows", "indices: int64", "values: T", "dense_shape: int64", "default_value: T"
)


def sparse_fill_empty_rows(
    sp_input: Any, default_value: Any, name: str | None = None
) -> tuple[SparseTensor, Tensor]:
    """Return a sparse tensor with a first element in each empty row, and which rows were empty."""
    sparse = as_sparse(sp_input)
    with name_scope(name, "SparseFillEmptyRows", [sparse.indices]):
        default = convert_to_tensor(default_value, dtype=sparse.values.dtype)
        indices, values, empty, _ = _FILL(*components(sparse), default).outputs
        return SparseTensor(indices, values, sparse.dense_shape), empty


def _combined(function: Any) -> Any:
    def apply(i: Any, v: Any, s: Any, j: Any, w: Any, t: Any) -> Any:
        places, which = np.unique(np.concatenate([i, j]), axis=0, return_inverse=True)
        which, zero = which.reshape(-1), np.zeros(len(places), v.dtype)
        first, second = zero.copy(), zero
        first[which[: len(v)]], second[which[len(v) :]] = v, w
        return places, function(first, second)

    return apply


_EXTREMES: dict[str, Signature] = {}
for _name, _function in [("Maximum", np.maximum), ("Minimum", np.minimum)]:
    define_host_op(
        f"SparseSparse{_name}",
        lambda op: sparse_types(op.inputs[1].dtype, None, _rank(op.inputs[2]))[:2],
        _combined(_function), no_gradient="TensorFlow has none for it",
    )  # fmt: skip
    _EXTREMES[_name] = Signature(f"SparseSparse{_name}", *_SPARSE, *_OTHER, T=ALL_NUMBERS)


def sparse_maximum(sp_a: Any, sp_b: Any, name: str | None = None) -> SparseTensor:
    """Return the larger elements of two sparse tensors; those not present are zero."""
    with name_scope(name, "SparseSparseMaximum", [sp_a.indices, sp_b.indices]) as scope:
        made = _EXTREMES["Maximum"](*components(sp_a), *components(sp_b), name=scope).outputs
    return SparseTensor(made[0], made[1], sp_a.dense_shape)


def sparse_minimum(sp_a: Any, sp_b: Any, name: str | None = None) -> SparseTensor:
    """Return the smaller elements of two sparse tensors; those not present are zero."""
    with name_scope(name, "SparseSparseMinimum", [sp_a.indices, sp_b.indices]) as scope:
        made = _EXTREMES["Minimum"](*components(sp_a), *components(sp_b), name=scope).outputs
    return SparseTensor(made[0], made[1], sp_a.dense_shape)


# ---- edit distance


def _distance(first: Sequence[Any], second: Sequence[Any]) -> int:
    """The number of insertions, deletions and replacements between two sequences."""
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, start=1):
        before, row[0] = row[0], i
        for j, b in enumerate(second, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


def _distances(i: Any, v: Any, s: Any, j: Any, w: Any, t: Any, normalize: bool) -> Any:
    sizes = tuple(int(max(a, b)) for a, b in zip(s[:-1], t[:-1], strict=True))
    found = np.zeros(sizes, np.float32)
    groups: list[dict[Any, list[Any]]] = []
    for places, values in ((i, v), (j, w)):
        rows: dict[Any, list[Any]] = {}
        for place, value in zip(places.tolist(), values.tolist(), strict=True):
            rows.setdefault(tuple(place[:-1]), []).append(value)
        groups.append(rows)
    for key in {**groups[0], **groups[1]}:
        first, second = groups[0].get(key, []), groups[1].get(key, [])
        distance = float(_distance(first, second))
        if normalize:
            distance = distance / len(second) if second else (np.inf if first else 0.0)
        found[key] = distance
    return found


def _infer_distance(op: Operation) -> Types:
    rank = _rank(op.inputs[2]) or _rank(op.inputs[5])
    return [(float32, shape_from_tuple(None if rank is None else (None,) * (rank - 1)))]


define_host_op(
    "EditDistance", _infer_distance, _distances, attrs=("normalize",), no_gradient="a count"
)
_EDIT = Signature(
    "EditDistance", "hypothesis_indices: int64", "hypothesis_values: T",
    "hypothesis_shape: int64", "truth_indices: int64", "truth_values: T", "truth_shape: int64",
)  # fmt: skip


def edit_distance(
    hypothesis: Any, truth: Any, normalize: bool = True, name: str = "edit_distance"
) -> Tensor:
    """Return the Levenshtein distances of sequences in the last axis of two sparse tensors.

    Parameters
    ----------
    normalize : divide by the length of the sequence in `truth`.
    """
    first, second = as_sparse(hypothesis), as_sparse(truth)
    operation = _EDIT(*components(first), *components(second), normalize=normalize, name=name)
    return operation.outputs[0]


