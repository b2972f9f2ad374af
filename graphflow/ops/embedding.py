"""Rows of tables looked up by number: embeddings, of which gradients touch the rows only."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from graphflow.graph import dtypes
from graphflow.graph.constants import constant
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import colocate_with, name_scope
from graphflow.graph.shapes import TensorShape, unknown_shape
from graphflow.graph.sparse_tensor import SparseTensor
from graphflow.graph.tensor import Tensor
from graphflow.ops import sequences
from graphflow.ops.casting import cast
from graphflow.ops.clip import clip_by_norm
from graphflow.ops.comparison import where
from graphflow.ops.creation import fill, ones_like, zeros_like
from graphflow.ops.elementwise import div, maximum, pow
from graphflow.ops.gathering import gather
from graphflow.ops.identity import identity
from graphflow.ops.joining import concat, stack
from graphflow.ops.partitioned_variables import PartitionedVariable
from graphflow.ops.partitioning import dynamic_partition, dynamic_stitch
from graphflow.ops.reductions import reduce_prod, reduce_sum
from graphflow.ops.segment_reductions import (
    segment_sum,
    sparse_segment_mean,
    sparse_segment_sqrt_n,
    sparse_segment_sum,
)
from graphflow.ops.sets import unique
from graphflow.ops.shape import expand_dims, rank, reshape, size
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.slicing import slice as slice_of
from graphflow.ops.slicing import tile
from graphflow.ops.sparse_composed import sparse_retain
from graphflow.ops.sparse_values import sparse_fill_empty_rows, sparse_reshape
from graphflow.ops.unary import sqrt

__all__ = ["embedding_lookup", "embedding_lookup_sparse"]

_logger = logging.getLogger("graphflow")
_COMBINERS = ("mean", "sqrtn", "sum")


def as_parts(params: Any) -> list[Any]:
    """The tables that make up one: a list of them, the parts of a variable, or just one."""
    if params is None:
        raise ValueError("params must be specified")
    if isinstance(params, (list, tuple)) and not params:
        raise ValueError("Need at least one param")
    if isinstance(params, (PartitionedVariable, list)):
        return list(params)
    return [params]


def _clipped(rows: Tensor, ids: Tensor, max_norm: Any) -> Tensor:
    """Rows no longer than `max_norm`."""
    if max_norm is None:
        return rows
    first, last = ids.shape.rank, rows.shape.rank
    if first and last:
        axes: Any = list(range(first, last))
    else:
        axes = sequences.range(first or rank(ids), last or rank(rows))
    return clip_by_norm(rows, max_norm, axes=axes)


def _places_by_blocks(parts: Sequence[Any], ids: Any) -> tuple[Any, Any]:
    """Part and place of each id when a part has consecutive ids; the first parts have one more."""
    count = len(parts)
    sizes = [p.shape.as_list()[0] if p.shape.rank else None for p in parts]
    if None in sizes:
        known = [shape_of(p)[0] if s is None else s for p, s in zip(parts, sizes, strict=True)]
        total: Any = reduce_sum(cast(stack(known), ids.dtype))
    else:
        total = constant(sum(sizes), ids.dtype)
    length, extras = total // count, total % count
    numbers = maximum(ids // (length + 1), (ids - extras) // length)
    places = where(numbers < extras, ids % (length + 1), (ids - extras) % length)
    return numbers, places


def _from_parts(
    parts: Sequence[Any], ids: Tensor, strategy: str, scope: str, max_norm: Any
) -> Tensor:
    count = len(parts)
    flat: Any = reshape(ids, [-1])
    order = sequences.range(size(flat))
    if strategy == "mod":
        numbers, places = flat % count, flat // count
    elif strategy == "div":
        numbers, places = _places_by_blocks(parts, flat)
    else:
        raise ValueError("Unrecognized partition strategy: " + strategy)
    numbers = cast(numbers, dtypes.int32)
    place_groups = dynamic_partition(places, numbers, count)
    order_groups = dynamic_partition(order, numbers, count)
    found = []
    for part, group in zip(parts, place_groups, strict=True):
        with colocate_with(part):
            found.append(gather(part, group))
    joined = dynamic_stitch(order_groups, found, name=scope)
    element = parts[0].shape[1:]
    for part in parts[1:]:
        element = element.merge_with(part.shape[1:])
    tail = element if element.is_fully_defined() else shape_of(parts[0])[1:]
    result = reshape(joined, concat([shape_of(ids), tail], 0))
    result.set_shape(ids.shape.concatenate(element))
    return _clipped(result, ids, max_norm)


def embedding_lookup(
    params: Any, ids: Any, partition_strategy: str = "mod", name: str | None = None,
    validate_indices: bool = True, max_norm: Any = None,
) -> Tensor:  # fmt: skip
    """Return the rows of `params` that `ids` name.

    Parameters
    ----------
    params : a table, or a list of tables that together have the rows, or a partitioned variable.
    ids : integers of any shape.
    partition_strategy : how rows are spread over several tables: ``"mod"`` puts row i into table
        ``i % count``, ``"div"`` gives each table consecutive rows.
    validate_indices : not used; ids are always checked.
    max_norm : longer rows are shortened to this length.
    """
    parts = as_parts(params)
    with name_scope(name, "embedding_lookup", [*parts, ids]) as scope:
        parts = [convert_to_tensor(p, name=f"params_{k}") for k, p in enumerate(parts)]
        ids = convert_to_tensor(ids, name="ids")
        if len(parts) > 1:
            return _from_parts(parts, ids, partition_strategy, scope, max_norm)
        with colocate_with(parts[0]):
            found = _clipped(gather(parts[0], ids, name=scope), ids, max_norm)
        return identity(found)


def _weighted(rows: Any, weights: Any, segments: Any, combiner: str, scope: str | None) -> Tensor:
    """Sums of rows times weights, over segments, divided as the combiner says."""
    known = weights.shape
    ones = fill(expand_dims(rank(rows) - 1, 0), 1)
    weights = reshape(weights, concat([shape_of(weights), ones], 0))
    if rows.shape.rank is not None:
        weights.set_shape(known.concatenate([1] * (rows.shape.rank - 1)))
    rows *= weights
    if combiner == "sum":
        return segment_sum(rows, segments, name=scope)
    total = segment_sum(rows, segments)
    if combiner == "mean":
        return div(total, segment_sum(weights, segments), name=scope)
    return div(total, sqrt(segment_sum(pow(weights, 2), segments)), name=scope)


def _check_sparse(sp_ids: Any, sp_weights: Any) -> None:
    if not isinstance(sp_ids, SparseTensor):
        raise TypeError("sp_ids must be SparseTensor")
    if sp_weights is None:
        return
    if not isinstance(sp_weights, SparseTensor):
        raise TypeError("sp_weights must be either None or SparseTensor")
    for part in ("values", "indices", "dense_shape"):
        first, second = getattr(sp_ids, part), getattr(sp_weights, part)
        first.shape.assert_is_compatible_with(second.shape)


def embedding_lookup_sparse(
    params: Any, sp_ids: Any, sp_weights: Any, partition_strategy: str = "mod",
    name: str | None = None, combiner: str | None = None, max_norm: Any = None,
) -> Tensor:  # fmt: skip
    """Return, for each row of a sparse matrix of ids, the combined rows of `params`.

    Parameters
    ----------
    params, partition_strategy, max_norm : as `embedding_lookup`'s.
    sp_ids : int64 ids, any number in each row; every row must have one.
    sp_weights : weights at the same places; all one when None.
    combiner : ``"sum"``, ``"mean"`` (divided by the weights' sum) or ``"sqrtn"`` (by the root of
        the sum of their squares); ``"mean"`` when None.

    Raises
    ------
    TypeError : `sp_ids` or `sp_weights` is not sparse.
    ValueError : another combiner.
    """
    if combiner is None:
        _logger.warning("embedding_lookup_sparse: combiner is not given, 'mean' is taken")
        combiner = "mean"
    if combiner not in _COMBINERS:
        raise ValueError("combiner must be one of 'mean', 'sqrtn' or 'sum'")
    parts = as_parts(params)
    _check_sparse(sp_ids, sp_weights)
    scoped = [*parts, *((sp_ids.indices, sp_ids.values) if sp_weights is None else ())]
    with name_scope(name, "embedding_lookup_sparse", scoped) as scope:
        segments: Any = sp_ids.indices[:, 0]
        if segments.dtype != dtypes.int32:
            segments = cast(segments, dtypes.int32)
        ids, places = unique(sp_ids.values)
        rows = embedding_lookup(parts, ids, partition_strategy, max_norm=max_norm)
        if rows.dtype in (dtypes.float16, dtypes.bfloat16):
            rows = cast(rows, dtypes.float32)
        if sp_weights is not None:
            weights = sp_weights.values
            weights = weights if weights.dtype == rows.dtype else cast(weights, rows.dtype)
            return _weighted(gather(rows, places), weights, segments, combiner, scope)
        functions: dict[str, Callable[..., Tensor]] = {
            "sum": sparse_segment_sum,
            "mean": sparse_segment_mean,
            "sqrtn": sparse_segment_sqrt_n,
        }
        return functions[combiner](rows, places, segments, name=scope)


def _pruned(ids: SparseTensor, weights: Any, combiner: str) -> tuple[SparseTensor, Any]:
    """Without negative ids, and without weights that are not positive unless they are summed."""
    valid: Any = ids.values >= 0
    if weights is None:
        return sparse_retain(ids, valid), None
    valid = valid & ones_like(weights.values, dtype=dtypes.bool_)
    ids, weights = sparse_retain(ids, valid), sparse_retain(weights, valid)
    if combiner != "sum":
        valid = weights.values > 0
        ids, weights = sparse_retain(ids, valid), sparse_retain(weights, valid)
    return ids, weights


def safe_embedding_lookup_sparse(
    embedding_weights: Any, sparse_ids: Any, sparse_weights: Any = None,
    combiner: str | None = "mean", default_id: int | None = None, name: str | None = None,
    partition_strategy: str = "div", max_norm: Any = None,
) -> Tensor:  # fmt: skip
    """Return `embedding_lookup_sparse` where rows may be empty and ids invalid.

    Parameters
    ----------
    embedding_weights, partition_strategy, max_norm : as `embedding_lookup`'s.
    sparse_ids, sparse_weights : of any rank; the last axis is combined. Negative ids and weights
        that are not positive are left out.
    default_id : the row that stands for an empty one; zeros when None.
    """
    if embedding_weights is None or (
        isinstance(embedding_weights, (list, tuple)) and not embedding_weights
    ):
        raise ValueError(f"Missing embedding_weights {embedding_weights}.")
    combiner = combiner or "mean"
    dtype = None if sparse_weights is None else sparse_weights.dtype
    tables = [convert_to_tensor(w, dtype=dtype) for w in as_parts(embedding_weights)]
    with name_scope(name, "embedding_lookup", [*tables, sparse_ids.values]) as scope:
        whole: Any = sparse_ids.dense_shape
        known = whole.shape.as_list()[0] if whole.shape.rank else None
        axes: Any = size(whole) if known is None else known
        rows = reduce_prod(slice_of(whole, [0], [axes - 1]))
        ids = sparse_reshape(sparse_ids, [rows, gather(whole, axes - 1)])
        weights = None
        if sparse_weights is not None:
            weights = SparseTensor(ids.indices, sparse_weights.values, ids.dense_shape)
        ids, weights = _pruned(ids, weights, combiner)
        ids, is_empty = sparse_fill_empty_rows(ids, default_id or 0)
        if weights is not None:
            weights, _ = sparse_fill_empty_rows(weights, 1.0)
        result: Any = embedding_lookup_sparse(
            tables, ids, weights, partition_strategy, None if default_id is None else scope,
            combiner, max_norm,
        )  # fmt: skip
        if default_id is None:
            columns: Any = shape_of(result)
            is_empty = tile(reshape(is_empty, [-1, 1]), stack([1, columns[1]]))
            result = where(is_empty, zeros_like(result), result, name=scope)
        lead = slice_of(cast(whole, dtypes.int32), [0], [axes - 1])
        final = reshape(result, concat([lead, slice_of(shape_of(result), [1], [-1])], 0))
        first = unknown_shape() if known is None else TensorShape([None] * (known - 1))
        final.set_shape(first.concatenate(result.shape[1:]))
        return final
