"""Functions of sparse tensors made of other ops: placeholders, retain, transpose, from_dense."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import as_dtype, int32, int64
from graphflow.graph.indexed_slices import IndexedSlices
from graphflow.graph.sparse_tensor import SparseTensor, SparseTensorValue, as_sparse
from graphflow.graph.tensor import Tensor
from graphflow.ops.casting import cast
from graphflow.ops.comparison import not_equal
from graphflow.ops.creation import ones
from graphflow.ops.elementwise import maximum, minimum
from graphflow.ops.gathering import gather, gather_nd
from graphflow.ops.identity import identity, placeholder
from graphflow.ops.joining import concat, stack
from graphflow.ops.reductions import reduce_max
from graphflow.ops.sequences import range as range_of
from graphflow.ops.sets import setdiff1d
from graphflow.ops.shape import expand_dims, reshape
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.sparse_products import sparse_tensor_to_dense
from graphflow.ops.sparse_values import sparse_reorder
from graphflow.ops.transposing import transpose

__all__ = [
    "convert_to_tensor_or_sparse_tensor", "sparse_mask", "sparse_merge", "sparse_placeholder",
    "sparse_reset_shape", "sparse_retain", "sparse_to_indicator", "sparse_transpose",
]  # fmt: skip

_WHERE = Signature("Where", "condition: T")


def sparse_placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> SparseTensor:
    """Return a sparse tensor to be fed with a `SparseTensorValue` or three arrays.

    Parameters
    ----------
    shape : sizes of what is fed, None for those that may vary; None allows any rank; or a tensor.
    """
    prefix = None if name is None else name
    is_tensor = isinstance(shape, Tensor)
    given = None if shape is None or is_tensor else tuple(np.array(shape, dtype=object).tolist())
    rank = None if given is None else len(given)
    if is_tensor:
        sizes, rank = shape, shape.shape.as_list()[0]
    elif given is not None and all(d is not None for d in given):
        sizes = convert_to_tensor(np.array(given, np.int64))
    else:
        label = None if prefix is None else f"{prefix}/shape"
        sizes = placeholder(int64, [rank], name=label)
    values = placeholder(dtype, [None], name=None if prefix is None else f"{prefix}/values")
    label = None if prefix is None else f"{prefix}/indices"
    indices = placeholder(int64, [None, rank], name=label)
    return SparseTensor(indices, values, sizes)


def convert_to_tensor_or_sparse_tensor(
    value: Any, dtype: Any = None, name: str | None = None
) -> Any:
    """Return `value` as a tensor; a sparse one as a `SparseTensor`.

    Raises
    ------
    RuntimeError : a sparse tensor has another type than `dtype`.
    """
    wanted = None if dtype is None else as_dtype(dtype)
    if isinstance(value, SparseTensorValue):
        value = SparseTensor.from_value(value)
    if isinstance(value, SparseTensor):
        if wanted is not None and not wanted.is_compatible_with(value.dtype):
            raise RuntimeError(
                f"Sparse dtype: requested = {wanted.name}, actual = {value.dtype.name}"
            )
        return value
    return convert_to_tensor(value, dtype=wanted, name=name)


def _static_or_identity(sparse: SparseTensor) -> Tensor:
    """The sizes of a sparse tensor, as a constant where they are known."""
    shape = sparse.shape
    if shape.is_fully_defined():
        return convert_to_tensor(np.array(shape.as_list(), np.int64))
    return identity(sparse.dense_shape)


def sparse_retain(sp_input: Any, to_retain: Any) -> SparseTensor:
    """Return a sparse tensor with those elements for which the boolean vector holds."""
    sparse = as_sparse(sp_input)
    keep = convert_to_tensor(to_retain)
    keep.shape.with_rank(1)[0].merge_with(sparse.values.shape.with_rank(1)[0])
    rows = reshape(_WHERE(keep).outputs[0], [-1])
    indices = gather(sparse.indices, rows)
    values = gather(sparse.values, rows)
    return SparseTensor(indices, values, identity(sparse.dense_shape))


def sparse_transpose(sp_input: Any, perm: Any = None, name: str | None = None) -> SparseTensor:
    """Return a sparse tensor with its axes permuted; reversed when `perm` is None."""
    with name_scope(name, "SparseTranspose", [sp_input]):
        sparse = as_sparse(sp_input)
        if perm is None:
            rank = _rank_of(sparse.dense_shape)
            last: Any = _SUB(rank, 1, name="sub").outputs[0]
            perm = _SUB(last, range_of(0, rank, 1), name="sub").outputs[0]
        turned = gather(transpose(sparse.indices), perm)
        sizes = gather(sparse.dense_shape, perm)
        moved = SparseTensor(transpose(turned), sparse.values, sizes)
        return sparse_reorder(moved)


def _rank_of(sizes: Tensor) -> Tensor:
    return _SIZE(sizes, out_type=int32, name="Rank").outputs[0]


_SIZE = Signature("Size", "input: T")
_SUB = Signature("Sub", "x: T", "y: T")


def sparse_reset_shape(sp_input: Any, new_shape: Any = None) -> SparseTensor:
    """Return a sparse tensor with the same elements in a larger, or the smallest, shape."""
    sparse = as_sparse(sp_input)
    indices = identity(sparse.indices)
    values = identity(sparse.values)
    if new_shape is None:
        largest: Any = reduce_max(indices, axis=0)
        sizes: Any = maximum(convert_to_tensor(0, int64), largest + 1)
        return SparseTensor(indices, values, sizes)
    wanted = cast(convert_to_tensor(new_shape), int64)
    rank = sparse.dense_shape.shape.with_rank(1)[0]
    wanted.shape.with_rank(1)[0].assert_is_compatible_with(rank)
    return SparseTensor(indices, values, wanted)


def sparse_to_indicator(sp_input: Any, vocab_size: Any, name: str | None = None) -> Tensor:
    """Return whether each number below `vocab_size` occurs in each row, as a dense tensor."""
    sparse = as_sparse(sp_input)
    with name_scope(name, "SparseToIndicator", [sparse.indices]):
        count = shape_of(sparse.values)
        present = _FILL(count, True).outputs[0]
        merged = sparse_merge(sparse, SparseTensor(sparse.indices, present, sparse.dense_shape),
                              vocab_size)  # fmt: skip
        return sparse_tensor_to_dense(merged, default_value=False, validate_indices=False)


_FILL = Signature("Fill", "dims: index_type", "value: T")


def sparse_merge(
    sp_ids: Any, sp_values: Any, vocab_size: Any, name: str | None = None,
    already_sorted: bool = False,
) -> SparseTensor:  # fmt: skip
    """Return a sparse tensor whose last index is the element of `sp_ids`.

    Parameters
    ----------
    sp_ids : one for the last axis, or a list of them, for as many axes.
    vocab_size : the size of the last axis, or a list of sizes.
    already_sorted : the elements of each row are in order.

    Raises
    ------
    ValueError : there are not as many sizes as there are indices.
    TypeError : one of both is a list and the other is not.
    """
    is_list = isinstance(sp_ids, (list, tuple)) and not isinstance(sp_ids, SparseTensorValue)
    if is_list != isinstance(vocab_size, (list, tuple)):
        raise TypeError(
            "vocab_size has to be a list if and only if sp_ids is one, "
            f"found {type(vocab_size)} and {type(sp_ids)}"
        )
    ids = [as_sparse(s) for s in (sp_ids if is_list else [sp_ids])]
    limits = [convert_to_tensor(v) for v in (vocab_size if is_list else [vocab_size])]
    if len(ids) != len(limits):
        raise ValueError("sp_ids and vocab_size have to have equal lengths.")
    values = as_sparse(sp_values)
    with name_scope(name, "SparseMerge", [ids[0].indices, values.values]):
        columns = [expand_dims(cast(s.values, int64), 1) for s in ids]
        lead: Any = ids[0].indices
        indices = concat([lead[:, :-1], *columns], axis=1)
        sizes: Any = ids[0].dense_shape
        last = [reshape(cast(limit, int64), [1]) for limit in limits]
        merged = SparseTensor(indices, values.values, concat([sizes[:-1], *last], axis=0))
        if already_sorted:
            return merged
        found = sparse_reorder(merged)
        return SparseTensor(found.indices, found.values, merged.dense_shape)


def sparse_mask(a: IndexedSlices, mask_indices: Any, name: str | None = None) -> IndexedSlices:
    """Return slices without those whose index is in `mask_indices`."""
    with name_scope(name, "sparse_mask", [a, mask_indices]) as scope:
        indices = a.indices
        kept, places = setdiff1d(indices, mask_indices)
        return IndexedSlices(gather(a.values, places, name=scope), kept, a.dense_shape)


def sparse_expand_dims(sp_input: Any, axis: Any = None, name: str | None = None) -> SparseTensor:
    """Return a sparse tensor with an axis of size 1 inserted; at the end when `axis` is None."""
    sparse = as_sparse(sp_input)
    rank = sparse.dense_shape.shape.as_list()[0]
    if rank is None:
        raise ValueError("expected a sparse tensor of known rank, got one of unknown rank")
    axis = -1 if axis is None else int(axis)
    place = axis if axis >= 0 else rank + axis + 1
    with name_scope(name, "expand_dims", [sparse.indices]):
        lead: Any = sparse.indices
        sizes: Any = sparse.dense_shape
        column = _FILL(stack([shape_of(lead)[0], 1]), convert_to_tensor(0, int64)).outputs[0]
        indices = concat([lead[:, :place], column, lead[:, place:]], axis=1)
        whole = concat([sizes[:place], np.array([1], np.int64), sizes[place:]], axis=0)
        return SparseTensor(indices, sparse.values, whole)


def sparse_eye(
    num_rows: Any, num_columns: Any = None, dtype: Any = dtypes.float32, name: str | None = None
) -> SparseTensor:
    """Return an identity matrix as a sparse tensor."""
    with name_scope(name, "eye", [num_rows, num_columns]):
        rows = convert_to_tensor(num_rows, dtype=int64, name="num_rows")
        columns = (
            rows if num_columns is None
            else convert_to_tensor(num_columns, dtype=int64, name="num_columns")
        )  # fmt: skip
        count = minimum(rows, columns)
        diagonal = _RANGE(convert_to_tensor(0, int64), count, convert_to_tensor(1, int64)).outputs[
            0
        ]
        indices = stack([diagonal, diagonal], axis=1)
        return SparseTensor(indices, ones(reshape(count, [1]), dtype), stack([rows, columns]))


_RANGE = Signature("Range", "start: Tidx", "limit: Tidx", "delta: Tidx")


def from_dense(tensor: Any, name: str | None = None) -> SparseTensor:
    """Return the elements of a dense tensor that are not zero."""
    with name_scope(name, "dense_to_sparse"):
        tensor = convert_to_tensor(tensor)
        zero = "" if tensor.dtype.kind == "string" else 0
        places = _WHERE(not_equal(tensor, convert_to_tensor(zero, tensor.dtype))).outputs[0]
        values = gather_nd(tensor, places)
        return SparseTensor(places, values, shape_of(tensor, out_type=int64))
