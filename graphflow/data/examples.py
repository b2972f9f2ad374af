"""`Example` messages as tensors: `parse_example` and its relatives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import as_dtype, int64, string
from graphflow.graph.shapes import TensorShape
from graphflow.graph.sparse_tensor import SparseTensor
from graphflow.graph.tensor import Tensor
from graphflow.ops.parsing import Dense, Sparse, parse_messages
from graphflow.ops.sparse_composed import sparse_merge


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


class SparseFeature(NamedTuple):
    """A sparse tensor's row, in features for its indices and one for its values.

    Attributes
    ----------
    index_key : the feature with the indices, or a list of features, one for each axis.
    value_key : the feature with the values, which are of `dtype`.
    size : the size of the axis, or a list of sizes.
    already_sorted : the values are in the order of their indices.
    """

    index_key: Any
    value_key: str
    dtype: Any
    size: Any
    already_sorted: bool = False

    def keys(self) -> list[str]:
        """The features with indices."""
        return [self.index_key] if isinstance(self.index_key, str) else list(self.index_key)


def parse_example(
    serialized: Any, features: Mapping[str, Any], name: str | None = None, example_names: Any = None
) -> dict[str, Any]:
    """The features of serialised `Example`s, each as a tensor with a row for each example.

    Parameters
    ----------
    serialized : texts [n].
    features : from names to `FixedLenFeature`, `VarLenFeature`, `SparseFeature` or
        `FixedLenSequenceFeature`.

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
    sparse, dense = described(features)
    outputs = parse_messages(texts, sparse, dense, names, many)
    count = len(sparse)
    result: dict[str, Any] = {
        feature.key: SparseTensor(outputs[k], outputs[count + k], outputs[2 * count + k])
        for k, feature in enumerate(sparse)
    }
    result.update((d.key, t) for d, t in zip(dense, outputs[3 * count :], strict=True))
    for key, feature in features.items():
        if isinstance(feature, SparseFeature):
            ids = [result[index] for index in feature.keys()]
            result[key] = sparse_merge(
                ids[0] if isinstance(feature.index_key, str) else ids, result[feature.value_key],
                feature.size, already_sorted=feature.already_sorted,
            )  # fmt: skip
    return {key: result[key] for key in sorted(features)}


def described(features: Mapping[str, Any]) -> tuple[list[Sparse], list[Dense]]:
    """The features that a message has, in the order of an operation's inputs.

    Raises
    ------
    ValueError : something else among them, a shape that is not known, two types for one feature.
    """
    sparse: list[Sparse] = []
    dense: list[Dense] = []
    for key in sorted(features):
        feature = features[key]
        if isinstance(feature, SparseFeature):
            _add_sparse_feature(sparse, key, feature)
            continue
        if not isinstance(feature, (VarLenFeature, FixedLenFeature, FixedLenSequenceFeature)):
            raise ValueError(f"Invalid feature {key}:{feature}.")
        if not feature.dtype:
            raise ValueError(f"Missing type for feature {key}.")
        if isinstance(feature, VarLenFeature):
            sparse.append(Sparse(key, as_dtype(feature.dtype)))
        elif isinstance(feature, FixedLenFeature):
            sizes = known_sizes(key, feature.shape)
            dense.append(dense_feature(key, feature.dtype, sizes, feature.default_value))
        else:
            if not feature.allow_missing:
                raise ValueError(
                    "Unsupported: FixedLenSequenceFeature requires allow_missing to be True."
                )
            dense.append(sequence_feature(key, feature, feature.default_value))
    return sparse, dense


def sequence_feature(key: str, feature: FixedLenSequenceFeature, default: Any) -> Dense:
    """Rows of one shape, filled up with the default; with zeros, or empty texts, when None."""
    if default is None:
        default = b"" if as_dtype(feature.dtype) is string else 0
    return dense_feature(key, feature.dtype, [None, *known_sizes(key, feature.shape)], default)


def _add_sparse_feature(sparse: list[Sparse], key: str, feature: SparseFeature) -> None:
    """Add the features that make a `SparseFeature`; each once."""
    for part in ("index_key", "value_key", "dtype"):
        if not getattr(feature, part):
            label = "type" if part == "dtype" else part
            raise ValueError(f"Missing {label} for SparseFeature {key}: {feature}")
    wanted = [(name, int64) for name in sorted(feature.keys())]
    for name, dtype in [*wanted, (feature.value_key, as_dtype(feature.dtype))]:
        known = next((s.dtype for s in sparse if s.key == name), None)
        if known is None:
            sparse.append(Sparse(name, dtype))
        elif known is not dtype:
            raise ValueError(f"Conflicting type {known.name} vs {dtype.name} for feature {name}.")


def dense_feature(key: str, given: Any, shape: Sequence[int | None], default: Any) -> Dense:
    """A feature of one shape; its default, if it has one, in that shape."""
    dtype = as_dtype(given)
    kind: Any = object if dtype is string else dtype.numpy
    if default is None:
        filled = np.empty(0, kind)
    else:
        filled = _default_value(np.asarray(default, kind), shape)
    if dtype is string:
        texts = [v.encode() if isinstance(v, str) else v for v in filled.ravel().tolist()]
        encoded = np.empty(len(texts), object)
        encoded[:] = texts
        filled = encoded.reshape(filled.shape)
    return Dense(key, dtype, TensorShape(list(shape)), filled)


def _default_value(given: Any, shape: Sequence[int | None]) -> Any:
    """A default in a feature's shape, or one element where the number of rows is open."""
    if None in shape:
        return given
    sizes = [s or 0 for s in shape]
    same_number = given.size == np.prod(sizes, dtype=int)
    return given.reshape(sizes) if same_number else np.broadcast_to(given, sizes)


def known_sizes(key: str, shape: Any) -> list[int]:
    """A feature's shape as integers; ValueError when it is not fully known."""
    if shape is None:
        raise ValueError(f"Missing shape for feature {key}.")
    known = TensorShape(shape)
    sizes = [] if known.rank is None else known.as_list()
    if sizes and sizes[0] is None:
        raise ValueError(
            f"First dimension of shape for feature {key} unknown. "
            "Consider using FixedLenSequenceFeature."
        )
    if not known.is_fully_defined():
        raise ValueError(f"All dimensions of shape for feature {key} need to be known but received "
                         f"{known}.")  # fmt: skip
    return [int(size) for size in sizes if size is not None]
