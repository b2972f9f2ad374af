"""Joining and splitting tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import graphflow as gf
from graphflow.theano.tensor.elementwise import promoted
from graphflow.theano.tensor.var import TensorVariable, apply, as_tensor_variable


def join(axis: Any, *tensors: Any) -> TensorVariable:
    """Return tensors joined along an axis."""
    values, _ = promoted(*tensors)
    place = int(axis.data) if hasattr(axis, "data") else axis
    if len({v.ndim for v in values}) > 1:
        raise TypeError(f"Join() can only join tensors of one rank, got {[v.ndim for v in values]}")
    return apply("Join", lambda *ts: gf.concat(list(ts), place), *values)


def concatenate(tensor_list: Sequence[Any], axis: Any = 0) -> TensorVariable:
    """Return tensors joined along an axis."""
    if not isinstance(tensor_list, (list, tuple)):
        raise TypeError(f"concatenate expected a list of tensors, got {tensor_list!r}")
    return join(axis, *tensor_list)


def stack(*tensors: Any, **kwargs: Any) -> TensorVariable:
    """Return tensors joined along a new axis: ``stack([a, b], axis)``, or ``stack(a, b)``."""
    axis = kwargs.get("axis", 0)
    items = kwargs.get("tensors", tensors)
    if items and isinstance(items[0], (list, tuple)):
        axis = items[1] if len(items) > 1 else axis
        items = items[0]
    values, _ = promoted(*items)
    return apply("Stack", lambda *ts: gf.stack(list(ts), axis), *values)


stacklists = as_tensor_variable


def split(x: Any, splits_size: Any, n_splits: int, axis: int = 0) -> list[TensorVariable]:
    """Return `n_splits` parts of `x`, of the sizes `splits_size` along an axis."""
    from graphflow.theano.tensor.indexing import subtensor

    value, sizes = as_tensor_variable(x), splits_size
    start: Any = 0
    parts = []
    for k in range(n_splits):
        size = sizes[k]
        index = [slice(None)] * value.ndim
        index[axis % value.ndim] = slice(start, start + size)
        parts.append(subtensor(value, tuple(index)))
        start = start + size
    return parts


def vertical_stack(*tensors: Any) -> TensorVariable:
    """Return matrices one below the other."""
    return join(0, *tensors)


def horizontal_stack(*tensors: Any) -> TensorVariable:
    """Return matrices side by side."""
    return join(1, *tensors)
