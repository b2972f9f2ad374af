"""`Example` messages as tensors: `parse_example` and its relatives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from graphflow import errors
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import as_dtype, float32, int64, string
from graphflow.graph.shapes import TensorShape
from graphflow.graph.sparse_tensor import SparseTensor
from graphflow.graph.tensor import Tensor
from graphflow.ops.py_func import py_func
from graphflow.protos import message

Array = np.ndarray[Any, Any]
_LISTS = {float32: "float_list", int64: "int64_list", string: "bytes_list"}


class FixedLenFeature(NamedTuple):
    """A feature of one shape; without a default, every example must have it."""

    shape: Any
    dtype: Any
    default_value: Any = None


class VarLenFeature(NamedTuple):
    """A feature of any length, parsed into a SparseTensor."""

    dtype: Any


class FixedLenSequenceFeature(NamedTuple):
    """A feature that is rows of one shape, as many as there are."""

    shape: Any
    dtype: Any
    allow_missing: bool = False
    default_value: Any = None


def _values(features: Any, name: str, dtype: Any) -> Any:
    """The values of one example's feature as a list; None when it is missing.

    Raises
    ------
    InvalidArgumentError : it has values of another type.
    """
    if name not in features.feature:
        return None
    feature = features.feature[name]
    kind = feature.WhichOneof("kind")
    if kind is None:
        return None
    if kind != _LISTS[dtype]:
        raise errors.InvalidArgumentError(
            None, None, f"Key: {name}.  Data types don't match. Expected type: {dtype.name}"
        )
    return list(getattr(feature, kind).value)


def _array(values: Any, dtype: Any, shape: Any) -> Array:
    if dtype is not string:
        return np.array(values, dtype.numpy).reshape(shape)
    found = np.empty(len(values), object)
    found[:] = values
    return found.reshape(shape)


def _parsed(data: bytes, index: int) -> Any:
    from google.protobuf.message import DecodeError

    example = message("Example")()
    try:
        example.ParseFromString(data)
    except (DecodeError, TypeError) as error:
        raise errors.InvalidArgumentError(
            None, None, f"Could not parse example input, value: '{data[:40]!r}' (number {index})"
        ) from error
    return example.features


def _sizes(shape: Any) -> list[int]:
    """A feature's shape as integers; ValueError when it is not fully known."""
    known = TensorShape(shape)
    if not known.is_fully_defined():
        raise ValueError(f"expected a feature's shape to be known, got {known}")
    return [int(size) for size in known.as_list() if size is not None]


def _fixed(name: str, feature: FixedLenFeature, rows: Sequence[Any]) -> list[Array]:
    dtype, shape = as_dtype(feature.dtype), _sizes(feature.shape)
    count = int(np.prod(shape, dtype=int))
    found = []
    for number, row in enumerate(rows):
        values = _values(row, name, dtype)
        if values is None:
            if feature.default_value is None:
                raise errors.InvalidArgumentError(
                    None, None,
                    f"Name: <unknown>, Feature: {name} (data type: {dtype.name}) is required but "
                    "could not be found.",
                )  # fmt: skip
            values = np.broadcast_to(np.asarray(feature.default_value), shape).ravel().tolist()
            values = [v.encode() if isinstance(v, str) else v for v in values]
        if len(values) != count:
            raise errors.InvalidArgumentError(
                None, None,
                f"Key: {name}, Index: {number}.  Number of {dtype.name} values != expected.  "
                f"values size: {len(values)} but output shape: {shape}",
            )  # fmt: skip
        found.append(_array(values, dtype, shape))
    return found


def _sequences(name: str, feature: FixedLenSequenceFeature, rows: Sequence[Any]) -> Array:
    dtype, shape = as_dtype(feature.dtype), _sizes(feature.shape)
    size = int(np.prod(shape, dtype=int))
    lists = [_values(row, name, dtype) or [] for row in rows]
    longest = max((len(v) // size for v in lists), default=0)
    filling = feature.default_value
    if filling is None:
        filling = b"" if dtype is string else 0
    kind: Any = object if dtype is string else dtype.numpy
    found = np.full((len(rows), longest, *shape), filling, kind)
    for k, values in enumerate(lists):
        count = len(values) // size
        found[k, :count] = _array(values, dtype, [count, *shape])
    return found


def _sparse(name: str, feature: VarLenFeature, rows: Sequence[Any]) -> list[Array]:
    dtype = as_dtype(feature.dtype)
    lists = [_values(row, name, dtype) or [] for row in rows]
    indices = [[k, j] for k, values in enumerate(lists) for j in range(len(values))]
    flat = [v for values in lists for v in values]
    widest = max((len(v) for v in lists), default=0)
    return [
        np.array(indices, np.int64).reshape(-1, 2), _array(flat, dtype, [-1] if flat else [0]),
        np.array([len(rows), widest], np.int64),
    ]  # fmt: skip


def parse_example(
    serialized: Any, features: Mapping[str, Any], name: str | None = None, example_names: Any = None
) -> dict[str, Any]:
    """The features of serialised `Example`s, each as a tensor with a row for each example.

    Parameters
    ----------
    serialized : texts [n].
    features : from names to `FixedLenFeature`, `VarLenFeature` or `FixedLenSequenceFeature`.

    Returns
    -------
    A dict of tensors; SparseTensors for features of any length.

    Raises
    ------
    ValueError : no features, or something else among them.
    InvalidArgumentError : in a run, for an example that lacks a feature or has it otherwise.
    """
    if not features:
        raise ValueError("Missing: features was None or empty.")
    with name_scope(name, "ParseExample", [serialized]):
        texts = convert_to_tensor(serialized, dtype=string, name="serialized")
        return _parse(texts, features, many=True)


def parse_single_example(
    serialized: Any, features: Mapping[str, Any], name: str | None = None, example_names: Any = None
) -> dict[str, Any]:
    """The features of one serialised `Example`; see `parse_example`."""
    if not features:
        raise ValueError("Missing features.")
    with name_scope(name, "ParseSingleExample", [serialized]):
        text = convert_to_tensor(serialized, dtype=string, name="serialized")
        return _parse(text, features, many=False)


def _parse(texts: Tensor, features: Mapping[str, Any], many: bool) -> dict[str, Any]:
    names = sorted(features)
    types: list[Any] = []
    for key in names:
        feature = features[key]
        if isinstance(feature, VarLenFeature):
            types += [int64, as_dtype(feature.dtype), int64]
        elif isinstance(feature, (FixedLenFeature, FixedLenSequenceFeature)):
            types.append(as_dtype(feature.dtype))
        else:
            raise ValueError(f"Invalid feature {key}:{feature}.")

    def run(data: Array) -> list[Array]:
        flat = np.asarray(data, object).ravel().tolist()
        rows = [_parsed(text, k) for k, text in enumerate(flat)]
        found: list[Array] = []
        for key in names:
            feature = features[key]
            if isinstance(feature, VarLenFeature):
                indices, values, size = _sparse(key, feature, rows)
                found += [indices, values, size] if many else [indices[:, 1:], values, size[1:]]
            elif isinstance(feature, FixedLenFeature):
                arrays = _fixed(key, feature, rows)
                shape = _sizes(feature.shape)
                kind = types[len(found)]
                dtype: Any = object if kind is string else kind.numpy
                block = np.empty((len(rows), *shape), dtype)
                for k, array in enumerate(arrays):
                    block[k] = array if array.shape else array[()]
                found.append(block if many else block[0, ...])
            else:
                block = _sequences(key, feature, rows)
                found.append(block if many else block[0])
        return found

    made = py_func(run, [texts], types, stateful=False)
    outputs = iter(made if isinstance(made, list) else [made])
    count = texts.shape.as_list()[0] if many and texts.shape.rank == 1 else None
    result: dict[str, Any] = {}
    for key in names:
        feature = features[key]
        if isinstance(feature, VarLenFeature):
            indices, values, size = next(outputs), next(outputs), next(outputs)
            rank = 2 if many else 1
            indices.set_shape([None, rank])
            values.set_shape([None])
            size.set_shape([rank])
            result[key] = SparseTensor(indices, values, size)
            continue
        tensor = next(outputs)
        shape = TensorShape(feature.shape)
        if isinstance(feature, FixedLenSequenceFeature):
            shape = TensorShape([None]).concatenate(shape)
        tensor.set_shape(TensorShape([count]).concatenate(shape) if many else shape)
        result[key] = tensor
    return result
