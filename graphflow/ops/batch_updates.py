"""Updates of variables row by row of a batch."""

from __future__ import annotations

from typing import Any

from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.tensor import Tensor
from graphflow.ops.creation import ones_like
from graphflow.ops.joining import concat
from graphflow.ops.scatter_nd import scatter_nd_update
from graphflow.ops.sequences import range as range_of
from graphflow.ops.shape import expand_dims, reshape, shape

__all__ = ["batch_scatter_update"]


def batch_scatter_update(
    ref: Any, indices: Any, updates: Any, use_locking: bool = True, name: str | None = None
) -> Tensor:
    """Replace rows of a variable, a batch at a time; return its reference as it is then.

    ``ref[i, ..., indices[i, ..., j], ...] = updates[i, ..., j, ...]``.

    Parameters
    ----------
    ref : a variable of rank k or more.
    indices : of rank k; all but the last axis are batches, as in `ref`.
    updates : ``indices.shape + ref.shape[k:]``.
    """
    with name_scope(name, "batch_scatter_update", [indices, updates]):
        indices = convert_to_tensor(indices, name="indices")
        rank = indices.shape.rank
        sizes = shape(indices)
        whole = expand_dims(indices, -1)
        parts = []
        for axis in range(rank - 1):
            places = range_of(sizes[axis])
            form = [1] * (rank + 1)
            form[axis] = -1
            parts.append(reshape(places, form) * ones_like(whole))
        return scatter_nd_update(ref, concat([*parts, whole], -1), updates, use_locking)
