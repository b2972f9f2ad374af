"""Feeds: what a run's `feed_dict` gives, checked and converted by TensorFlow's rules."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from graphflow.graph import nest
from graphflow.graph.dtypes import DType
from graphflow.graph.graph import Graph
from graphflow.graph.indexed_slices import IndexedSlices
from graphflow.graph.sparse_tensor import SparseTensor, components
from graphflow.graph.tensor import Tensor
from graphflow.runtime.handles import TensorHandle

Array = np.ndarray[Any, Any]


def resolve_feeds(graph: Graph, feed_dict: Mapping[Any, Any] | None) -> dict[Tensor, Array]:
    """The fed tensors with their values as arrays of the tensors' types.

    Raises
    ------
    TypeError : a key is no tensor of this graph, a value is a tensor or does not fit the type.
    ValueError : a value has the wrong shape, or the tensor may not be fed.
    """
    feeds: dict[Tensor, Array] = {}
    for key, value in _tensors_of(feed_dict or {}):
        tensor = _tensor_of(graph, key)
        if not graph.is_feedable(tensor):
            raise ValueError(f"Tensor {tensor} may not be fed.")
        feeds[tensor] = convert_feed(tensor, value)
    return feeds


def is_composite(key: Any) -> bool:
    """Whether feeding the key feeds several tensors."""
    return isinstance(key, (SparseTensor, IndexedSlices, tuple))


def _tensors_of(feed_dict: Mapping[Any, Any]) -> Iterator[tuple[Any, Any]]:
    """The feeds with sparse tensors and slices replaced by the tensors that they are made of."""
    for key, value in feed_dict.items():
        if isinstance(key, SparseTensor):
            yield from zip(components(key), tuple(value), strict=True)
        elif isinstance(key, IndexedSlices):
            parts = (key.values, key.indices, key.dense_shape)
            present = [part for part in parts if part is not None]
            yield from zip(present, tuple(value), strict=False)
        elif isinstance(key, tuple):
            yield from _tensors_of(_unfolded(key, value))
        else:
            yield key, value


def _unfolded(key: tuple[Any, ...], value: Any) -> dict[Any, Any]:
    """The feeds of a tuple of keys, nested ones and named ones among them.

    Raises
    ------
    ValueError : the value is no structure of the same form.
    """
    keys = nest.flatten(key)
    values = nest.flatten_up_to(key, tuple(value) if not nest.is_sequence(value) else value, False)
    if len(keys) != len(values):
        raise ValueError(f"Could not flatten feeds: {len(keys)} keys, {len(values)} values")
    return dict(zip(keys, values, strict=True))


def _tensor_of(graph: Graph, key: Any) -> Tensor:
    try:
        found = graph.as_graph_element(key, allow_tensor=True, allow_operation=False)
    except (TypeError, ValueError, KeyError) as error:
        text = error.args[0] if error.args else error
        raise TypeError(f"Cannot interpret feed_dict key as Tensor: {text}") from None
    assert isinstance(found, Tensor)
    return found


def convert_feed(tensor: Tensor, value: Any) -> Array:
    """The value as an array of the tensor's type and of a shape that fits.

    Raises
    ------
    TypeError, ValueError : as `resolve_feeds`.
    """
    if isinstance(value, Tensor):
        raise TypeError(
            "The value of a feed cannot be a tf.Tensor object. Acceptable feed values include "
            "Python scalars, strings, lists, numpy ndarrays, or TensorHandles. For reference, the "
            f"tensor object was {value} which was passed to the feed with key {tensor}."
        )
    dtype = tensor.dtype.base_dtype
    if isinstance(value, TensorHandle):
        value = value.value()
    array = _as_array(tensor, dtype, value)
    if not tensor.shape.is_compatible_with(array.shape):
        raise ValueError(
            f"Cannot feed value of shape {array.shape} for Tensor {tensor.name!r}, which has "
            f"shape '{tensor.shape}'"
        )
    return array


def _as_array(tensor: Tensor, dtype: DType, value: Any) -> Array:
    if dtype.kind == "string":
        return _text_array(value)
    target = dtype.numpy
    if type(value) is np.ndarray and value.dtype == target:
        return np.ascontiguousarray(value).reshape(value.shape)
    if isinstance(value, int) and not isinstance(value, bool) and dtype.is_integer:
        if not int(dtype.min) <= value <= int(dtype.max):
            raise TypeError(
                f"Type of feed value {value} with type {type(value)} is not compatible with Tensor "
                f"type {dtype.as_numpy_dtype}. Try explicitly setting the type of the feed tensor "
                "to a larger type (e.g. int64)."
            )
    array = np.asarray(value)
    _warn_of_loss(tensor, dtype, array)
    with warnings.catch_warnings(), np.errstate(invalid="ignore", over="ignore"):
        warnings.simplefilter("ignore")  # the conversions worth a warning have had ours
        return np.ascontiguousarray(array, dtype=target).reshape(array.shape)


def _warn_of_loss(tensor: Tensor, dtype: DType, array: Array) -> None:
    """Warn where TensorFlow silently changes the fed value."""
    kind = array.dtype.kind
    lost = ""
    if dtype.is_integer and kind == "f" and array.size and (array != np.trunc(array)).any():
        lost = "its fractions are cut off"
    elif kind == "c" and not dtype.is_complex:
        lost = "its imaginary part is dropped"
    elif kind == "O" and dtype.is_floating and any(v is None for v in array.flat):
        lost = "None becomes nan"
    if lost:
        warnings.warn(
            f"feed of {tensor.name} ({dtype.name}) got {array.dtype} values: {lost}", stacklevel=2
        )


def _text_array(value: Any) -> Array:
    array = np.asarray(value, dtype=object)
    flat = [v.encode() if isinstance(v, str) else v for v in array.ravel()]
    result = np.empty(len(flat), dtype=object)
    result[:] = flat
    return result.reshape(array.shape)
