"""Sparse tensors with other values, places or shape: reorder, reshape, softmax, fill_empty_rows.

How many elements come out depends on the data, so the run is cut at most of these ops.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import bool_, float32, float64, int64
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import shape_from_tuple
from graphflow.graph.sparse_tensor import SparseTensor, as_sparse, components
from graphflow.graph.tensor import Tensor
from graphflow.ir.prims.pointwise import larger, smaller
from graphflow.ops.casting import cast
from graphflow.ops.gathering import gather
from graphflow.ops.host import define_host_op
from graphflow.ops.kinds import ALL_NUMBERS
from graphflow.ops.reductions import reduce_sum
from graphflow.ops.segments import unsorted_segment_sum
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.shape_rules import Types, all_known_ints, known_array
from graphflow.ops.sparse import (
    FIRST_INPUTS,
    SECOND_INPUTS,
    flat_index,
    gradient_at,
    row_order,
    same_places,
    shape_rank,
    sparse_types,
)

__all__ = [
    "edit_distance", "sparse_fill_empty_rows", "sparse_maximum", "sparse_minimum",
    "sparse_reorder", "sparse_reshape", "sparse_softmax",
]  # fmt: skip

# ---- order and shape


def _reordered(indices: Any, values: Any, sizes: Any) -> Any:
    order = row_order(indices)
    return indices[order], values[order]


def _infer_reorder(op: Operation) -> Types:
    return [(t.dtype.base_dtype, t.shape) for t in op.inputs[:2]]


define_host_op(
    "SparseReorder", _infer_reorder, _reordered, lambda op, i, v, s: [i.shape, v.shape],
    gradient=lambda op, _, gradient: [
        None, gradient_at(op.inputs[0], op.outputs[0], gradient), None
    ],
)  # fmt: skip
_REORDER = Signature(
    "SparseReorder", "input_indices: int64", "input_values: T", "input_shape: int64"
)


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
    places = (
        np.array(np.unravel_index(flat, tuple(sizes))) if len(flat) else np.zeros([len(sizes), 0])
    )
    return places.T.reshape(len(flat), len(sizes)), sizes


def _infer_reshape(op: Operation) -> Types:
    count, rank = op.inputs[0].shape[0].value, shape_rank(op.inputs[2])
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
    count = shape_of(y, out_type=int64)[0]
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
        return same_places(sparse, values)


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
    rank, count = shape_rank(op.inputs[2]), op.inputs[0].shape[0].value
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
for _name, _function in [("Maximum", larger), ("Minimum", smaller)]:
    define_host_op(
        f"SparseSparse{_name}",
        lambda op: sparse_types(op.inputs[1].dtype, None, shape_rank(op.inputs[2]))[:2],
        _combined(_function), no_gradient="TensorFlow has none for it",
    )  # fmt: skip
    _EXTREMES[_name] = Signature(
        f"SparseSparse{_name}", *FIRST_INPUTS, *SECOND_INPUTS, T=ALL_NUMBERS
    )


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
    known = [known_array(op.inputs[k]) for k in (2, 5)]
    if known[0] is not None and known[1] is not None and len(known[0]) == len(known[1]):
        sizes = np.maximum(known[0], known[1])[:-1]
        return [(float32, shape_from_tuple(tuple(int(size) for size in sizes)))]
    rank = shape_rank(op.inputs[2]) or shape_rank(op.inputs[5])
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
