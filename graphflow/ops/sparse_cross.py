"""Crosses of features, by text or by hash, and buckets of numbers."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.dtypes import float32, float64, int32, int64, string
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.sparse_tensor import SparseTensor
from graphflow.graph.tensor import Tensor
from graphflow.ops.casting import cast
from graphflow.ops.host import define_host_op
from graphflow.ops.shape_rules import Types
from graphflow.ops.sparse import sparse_types
from graphflow.ops.strings import object_array
from graphflow.ops.text_hashes import fingerprint64, joined_fingerprints

__all__ = ["sparse_cross", "sparse_cross_hashed"]

_HASH_KEY = 0xDECAFCAFFE
_LARGEST = (1 << 63) - 1


def _rows(indices: Any, values: Any, count: int) -> list[list[Any]]:
    """The values of a sparse matrix, row by row."""
    found: list[list[Any]] = [[] for _ in range(count)]
    for row, value in zip(indices[:, 0].tolist(), values.tolist(), strict=True):
        found[row].append(value)
    return found


def _hashed(features: Sequence[Any], key: int, buckets: int) -> int:
    """TensorFlow's hash of a tuple of features."""
    value = key
    for feature in features:
        part = fingerprint64(feature) if isinstance(feature, bytes) else feature
        value = joined_fingerprints(value, part)
    return value % (buckets or _LARGEST)


def _as_text(feature: Any) -> bytes:
    return feature if isinstance(feature, bytes) else str(feature).encode()


def _crossed(*arrays: Any, N: int, hashed_output: bool, num_buckets: int, hash_key: int) -> Any:
    indices, values, shapes = arrays[:N], arrays[N : 2 * N], arrays[2 * N : 3 * N]
    dense = arrays[3 * N :]
    count = int(shapes[0][0]) if N else len(dense[0])
    columns = [_rows(i, v, count) for i, v in zip(indices, values, strict=True)]
    columns += [a.tolist() for a in dense]
    places: list[tuple[int, int]] = []
    found: list[Any] = []
    for row in range(count):
        for place, features in enumerate(itertools.product(*[c[row] for c in columns])):
            places.append((row, place))
            if hashed_output:
                found.append(_hashed(features, hash_key, num_buckets))
            else:
                found.append(b"_X_".join(map(_as_text, features)))
    widest = max((place + 1 for _, place in places), default=0)
    made = np.array(found, np.int64) if hashed_output else object_array((len(found),), found)
    return np.array(places, np.int64).reshape(-1, 2), made, np.array([count, widest], np.int64)


def _infer_cross(op: Operation) -> Types:
    return sparse_types(op.attrs["out_type"], None, 2)


define_host_op(
    "SparseCross", _infer_cross, _crossed,
    attrs=("N", "hashed_output", "num_buckets", "hash_key"), no_gradient="hashes",
)  # fmt: skip
_CROSS = Signature(
    "SparseCross", "indices: N * int64", "values: sparse_types...", "shapes: N * int64",
    "dense_inputs: dense_types...",
)  # fmt: skip


def _cross(inputs: Any, hashed: bool, buckets: int, key: int | None, name: str | None) -> Any:
    if not isinstance(inputs, (list, tuple)):
        raise TypeError("Inputs must be a list")
    sparse = [i for i in inputs if isinstance(i, SparseTensor)]
    dense = [convert_to_tensor(i) for i in inputs if not isinstance(i, SparseTensor)]
    values = [_wide(s.values) for s in sparse]
    dense = [_wide(d) for d in dense]
    kind = int64 if hashed else string
    operation = _CROSS(
        [s.indices for s in sparse], values, [s.dense_shape for s in sparse], dense,
        hashed_output=hashed, num_buckets=buckets, hash_key=_HASH_KEY if key is None else key,
        out_type=kind, internal_type=kind, sparse_types=[v.dtype for v in values],
        dense_types=[d.dtype for d in dense], N=len(sparse), name=name,
    )  # fmt: skip
    return SparseTensor(*operation.outputs)


def _wide(values: Tensor) -> Tensor:
    if values.dtype.base_dtype is string:
        return values
    if not values.dtype.is_integer:
        raise TypeError(f"expected texts or integers to cross, got {values.dtype.name}")
    return cast(values, int64)


def sparse_cross(inputs: Any, name: str | None = None) -> SparseTensor:
    """Return the crosses of each row's features, as texts joined by ``_X_``.

    Parameters
    ----------
    inputs : a list of sparse or dense matrices of texts or integers.
    """
    return _cross(inputs, False, 0, None, name)


def sparse_cross_hashed(
    inputs: Any, num_buckets: int = 0, hash_key: int | None = None, name: str | None = None
) -> SparseTensor:
    """Return the crosses of each row's features, as hashes.

    Parameters
    ----------
    num_buckets : hashes are below this number; any positive number when 0.
    hash_key : begins the hash.
    """
    return _cross(inputs, True, num_buckets, hash_key, name)


# ---- buckets


def _lower_bucketize(b: Any, op: Operation, x: Any) -> Any:
    kind = float64 if x.dtype is float64 else float32
    bounds = b.const(np.asarray(op.attrs["boundaries"], kind.numpy))
    last = len(x.shape)
    at_least = b.ge(b.expand_dims(b.cast(x, kind), last), bounds)
    return b.reduce("sum", b.cast(at_least, int32), [last])


define_op(
    "Bucketize", lambda op: [(int32, op.inputs[0].shape)], _lower_bucketize,
    no_gradient="integer output",
)  # fmt: skip
_BUCKETIZE = Signature("Bucketize", "input: T")


def bucketize(input: Any, boundaries: Sequence[float], name: str | None = None) -> Tensor:
    """Return for each number how many of the boundaries it has reached."""
    return _BUCKETIZE(input, boundaries=tuple(float(v) for v in boundaries), name=name).outputs[0]
