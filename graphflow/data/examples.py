"""`Example` messages as tensors: `parse_example` and its relatives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import as_dtype, string
from graphflow.graph.shapes import TensorShape
from graphflow.graph.sparse_tensor import SparseTensor
from graphflow.graph.tensor import Tensor
from graphflow.ops.parsing import Dense, Sparse, parse_messages


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
        return _parse(texts, features, True, example_names)


def parse_single_example(
    serialized: Any, features: Mapping[str, Any], name: str | None = None, example_names: Any = None
) -> dict[str, Any]:
    """The features of one serialised `Example`; see `parse_example`."""
    if not features:
        raise ValueError("Missing features.")
    with name_scope(name, "ParseSingleExample", [serialized]):
        text = convert_to_tensor(serialized, dtype=string, name="serialized")
        return _parse(text, features, False, None)


def _parse(texts: Tensor, features: Mapping[str, Any], many: bool, names: Any) -> dict[str, Any]:
    keys = sorted(features)
    sparse, dense = [], []
    for key in keys:
        feature = features[key]
        if isinstance(feature, VarLenFeature):
            sparse.append(Sparse(key, as_dtype(feature.dtype)))
        elif isinstance(feature, FixedLenFeature):
            dense.append(_dense(key, feature, _sizes(feature.shape), feature.default_value))
        elif isinstance(feature, FixedLenSequenceFeature):
            filling = feature.default_value
            if filling is None:
                filling = b"" if as_dtype(feature.dtype) is string else 0
            dense.append(_dense(key, feature, [None, *_sizes(feature.shape)], filling))
        else:
            raise ValueError(f"Invalid feature {key}:{feature}.")
    outputs = parse_messages(texts, sparse, dense, names, many)
    count = len(sparse)
    result: dict[str, Any] = {
        feature.key: SparseTensor(outputs[k], outputs[count + k], outputs[2 * count + k])
        for k, feature in enumerate(sparse)
    }
    result.update((d.key, t) for d, t in zip(dense, outputs[3 * count :], strict=True))
    return {key: result[key] for key in keys}


def _dense(key: str, feature: Any, shape: Sequence[int | None], default: Any) -> Dense:
    """A feature of one shape; its default, if it has one, in that shape."""
    dtype = as_dtype(feature.dtype)
    kind: Any = object if dtype is string else dtype.numpy
    if default is None:
        filled = np.empty(0, kind)
    else:
        given = np.asarray(default, kind)
        filled = given if None in shape else np.broadcast_to(given, [s or 0 for s in shape])
    if dtype is string:
        texts = [v.encode() if isinstance(v, str) else v for v in filled.ravel().tolist()]
        encoded = np.empty(len(texts), object)
        encoded[:] = texts
        filled = encoded.reshape(filled.shape)
    return Dense(key, dtype, TensorShape(list(shape)), filled)


def _sizes(shape: Any) -> list[int]:
    """A feature's shape as integers; ValueError when it is not fully known."""
    known = TensorShape(shape)
    if not known.is_fully_defined():
        raise ValueError(f"expected a feature's shape to be known, got {known}")
    return [int(size) for size in known.as_list() if size is not None]
