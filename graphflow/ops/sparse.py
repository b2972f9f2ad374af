"""Sparse tensors changed as a whole: sums, products with dense ones, joining, cutting.

How many elements come out depends on the data, so the run is cut at these ops.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import DType, float32, float64, int64
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import shape_from_tuple
from graphflow.graph.sparse_tensor import SparseTensor, SparseTensorValue, as_sparse, components
from graphflow.graph.tensor import Tensor
from graphflow.ir.dims import product
from graphflow.ops.broadcasting import sum_to_shape
from graphflow.ops.gathering import flat_places
from graphflow.ops.host import define_host_op
from graphflow.ops.kinds import ALL_NUMBERS, ORDERED
from graphflow.ops.reductions import reduce_sum
from graphflow.ops.shape_rules import Types, merge_size, with_rank

__all__ = ["sparse_add", "sparse_concat", "sparse_slice", "sparse_split"]


def sparse_types(dtype: DType, count: int | None, rank: int | None) -> Types:
    """The three outputs of an op that gives a sparse tensor."""
    sizes = [(count, rank), (count,), (rank,)]
    kinds = [int64, dtype, int64]
    return [(kind, shape_from_tuple(s)) for kind, s in zip(kinds, sizes, strict=True)]


def shape_rank(shape: Tensor) -> int | None:
    extents = shape.shape.extents
    return extents[0] if extents else None


def _infer_like_first(op: Operation) -> Types:
    return sparse_types(op.inputs[1].dtype, None, shape_rank(op.inputs[2]))


def flat_index(indices: Any, sizes: Any) -> Any:
    """The places of elements in the flattened whole."""
    if indices.shape[1] == 0:
        return np.zeros(len(indices), np.int64)
    strides = np.cumprod(np.r_[1, np.asarray(sizes)[:0:-1]])[::-1]
    return indices @ strides.astype(np.int64)


def row_order(indices: Any) -> Any:
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

_GATHER_ND = Signature("GatherNd", "params: T", "indices: Tindices")


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
    "SparseAdd", _infer_like_first, _added,
    gradient=_add_gradient,
)  # fmt: skip
FIRST_INPUTS = ("a_indices: int64", "a_values: T", "a_shape: int64")
SECOND_INPUTS = ("b_indices: int64", "b_values: T", "b_shape: int64")
_ADD = Signature(
    "SparseAdd", *FIRST_INPUTS, *SECOND_INPUTS, "thresh: Treal", T=ALL_NUMBERS, Treal=ORDERED
)


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
    sparse = [isinstance(x, (SparseTensor, SparseTensorValue)) for x in (a, b)]
    a, b = (as_sparse(x) if has else x for x, has in zip((a, b), sparse, strict=True))
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
        return same_places(sparse, values)

    return operator


def same_places(sparse: SparseTensor, values: Tensor) -> SparseTensor:
    """A sparse tensor of other values, whose shape stays known."""
    return SparseTensor(sparse.indices, values, sparse.dense_shape)


SparseTensor._override_operator("__mul__", _with_dense("SparseDenseCwiseMul", "mul"))
SparseTensor._override_operator("__truediv__", _with_dense("SparseDenseCwiseDiv", "truediv"))
SparseTensor._override_operator("__div__", _with_dense("SparseDenseCwiseDiv", "div"))

# ---- concatenation and pieces


def _infer_concat(op: Operation) -> Types:
    count = op.attrs["N"]
    number: int | None = 0
    rank: int | None = None
    for places, values, sizes in zip(*(op.inputs[k * count :][:count] for k in range(3)),
                                     strict=True):  # fmt: skip
        rows, columns = with_rank(places.shape, 2)
        rows = merge_size(rows, with_rank(values.shape, 1)[0])
        rank = merge_size(merge_size(rank, columns), with_rank(sizes.shape, 1)[0])
        number = None if rows is None or number is None else number + rows
    axis = op.attrs["concat_dim"]
    if rank is not None and not -rank <= axis < rank:
        raise ValueError(f"Concat dimension must be in range [{-rank}, {rank}), got {axis}")
    return sparse_types(op.inputs[count].dtype, number, rank)


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
    order = row_order(joined)
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
    rank = shape_rank(shapes[0]) or 0
    chosen = np.arange(rank) == axis % rank
    return [_SELECT(convert_to_tensor(chosen), s, largest).outputs[0] for s in shapes]


_MAXIMUM = Signature("Maximum", "x: T", "y: T")
_SELECT = Signature("Select", "condition: bool", "t: T", "e: T")


def _joined_shape(parts: Sequence[SparseTensor], axis: int) -> list[Any] | None:
    shapes = [p.shape for p in parts]
    if not all(s.is_fully_defined() for s in shapes):
        return None
    sizes: list[Any] = shapes[0].as_list()
    sizes[axis] = sum(s.as_list()[axis] or 0 for s in shapes)
    return sizes


def _sliced(indices: Any, values: Any, sizes: Any, start: Any, size: Any) -> Any:
    keep = ((indices >= start) & (indices < start + size)).all(axis=1)
    shape = np.clip(np.minimum(size, sizes - start), 0, None)
    return indices[keep] - start, values[keep], shape


def _slice_gradient(op: Operation, _: Any, gradient: Any, __: Any) -> list[Any]:
    source, start = op.inputs[0], op.inputs[3]
    places: Any = source - start
    return [None, gradient_at(places, op.outputs[0], gradient), None, None, None]


define_host_op(
    "SparseSlice", _infer_like_first, _sliced,
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
    one = sparse_types(op.inputs[2].dtype, None, shape_rank(op.inputs[3]))
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


_KEYWORD_REQUIRED = _KeywordRequired()


def sparse_split(
    keyword_required: Any = _KEYWORD_REQUIRED, sp_input: Any = None, num_split: Any = None,
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
