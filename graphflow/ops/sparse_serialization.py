"""Sparse tensors as texts, three TensorProtos each, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.graph.apply import Signature
from graphflow.graph.dtypes import as_dtype, int64, string
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import TensorShape, shape_from_tuple
from graphflow.graph.sparse_tensor import SparseTensor, as_sparse, components
from graphflow.graph.tensor import Tensor
from graphflow.ops.host import compute, define_host_op
from graphflow.ops.shape_rules import Types, merge_size, with_rank, with_rank_at_least
from graphflow.ops.sparse import row_order, sparse_types
from graphflow.ops.strings import object_array
from graphflow.ops.text_conversions import array_of_proto, text_of_array

__all__ = [
    "deserialize_many_sparse", "deserialize_sparse", "serialize_many_sparse", "serialize_sparse",
]  # fmt: skip

Array = np.ndarray[Any, Any]
_NONE = "texts have no gradient"

# ---- to texts


def _check_sparse(op: Operation) -> int | None:
    """The rank; ValueError when indices, values and shape do not fit together."""
    indices, values, sizes = (t.shape for t in op.inputs)
    count, rank = with_rank(indices, 2)
    merge_size(count, with_rank(values, 1)[0])
    return merge_size(rank, with_rank(sizes, 1)[0])


def _infer_serialized(op: Operation) -> Types:
    rank = _check_sparse(op)
    if op.type == "SerializeSparse":
        return [(string, shape_from_tuple((3,)))]
    if rank is not None and rank < 2:
        raise ValueError(f"Rank of input SparseTensor should be > 1, but saw rank: {rank}")
    return [(string, shape_from_tuple((None, 3)))]


def _texts(indices: Array, values: Array, sizes: Array, dtype: Any) -> list[bytes]:
    parts = ((indices, int64), (values, dtype), (sizes, int64))
    return [text_of_array(part, kind) for part, kind in parts]


def _one(indices: Array, values: Array, sizes: Array, dtype: Any) -> Array:
    return object_array((3,), _texts(indices, values, sizes, dtype))


def _rows(indices: Array, values: Array, sizes: Array, dtype: Any) -> Array:
    """A row of texts for each index of the first axis."""
    count = int(sizes[0])
    wrong = (indices[:, 0] < 0) | (indices[:, 0] >= count)
    if wrong.any():
        raise ValueError(f"Received unexpected column 0 value in input SparseTensor: "
                         f"{indices[wrong][0, 0]} < 0 or >= N (= {count})")  # fmt: skip
    rows = []
    for k in range(count):
        own = indices[:, 0] == k
        rows += _texts(indices[own, 1:], values[own], sizes[1:], dtype)
    return object_array((count, 3), rows)


def _lower_serialize(b: Any, op: Operation, *parts: Any) -> Any:
    function = _one if op.type == "SerializeSparse" else _rows
    shapes = [(3,)] if op.type == "SerializeSparse" else None
    return compute(b, op, function, parts, shapes, dtype=op.inputs[1].dtype.base_dtype)


# ---- from texts


def _triple(texts: Any, dtype: Any) -> tuple[Array, Array, Array]:
    indices, values, sizes = (
        array_of_proto(text, kind) for text, kind in zip(texts, (int64, dtype, int64), strict=True)
    )
    if indices.ndim != 2 or values.ndim != 1 or sizes.ndim != 1:
        raise ValueError(
            "Expected serialized_sparse to hold a matrix, a vector and a vector, but received "
            f"shapes {indices.shape}, {values.shape}, {sizes.shape}"
        )
    if len(indices) != len(values) or indices.shape[1] != len(sizes):
        raise ValueError(
            "Expected as many indices as values and as many columns as sizes, got "
            f"{indices.shape}, {values.shape} and {sizes.shape}"
        )
    return indices, values, sizes


def _joined(texts: Array, dtype: Any) -> tuple[Array, Array, Array]:
    """One sparse tensor; the axes of the array of texts come first."""
    if texts.ndim < 1 or texts.shape[-1] != 3:
        raise ValueError(f"Serialized sparse should have 3 as the last dimension {texts.shape}")
    lead = texts.shape[:-1]
    rows = texts.reshape(-1, 3)
    if not len(rows):
        raise ValueError("Must have at least 1 serialized SparseTensor, but there are 0 rows")
    triples = [_triple(row, dtype) for row in rows]
    rank = len(triples[0][2])
    wrong = [len(t[2]) for t in triples if len(t[2]) != rank]
    if wrong:
        raise ValueError(f"Inconsistent rank across SparseTensors: rank prior to SparseTensor[1] "
                         f"was: {rank} but rank of SparseTensor[1] is: {wrong[0]}")  # fmt: skip
    places = []
    for number, (indices, _, _) in enumerate(triples):
        own = np.array(np.unravel_index(number, lead) if lead else [], np.int64)
        places.append(np.concatenate([np.tile(own, (len(indices), 1)), indices], axis=1))
    joined = np.concatenate(places)
    sizes = np.max([t[2] for t in triples], axis=0)
    order = row_order(joined) if lead else np.arange(len(joined))
    values = np.concatenate([t[1] for t in triples])
    return joined[order], values[order], np.concatenate([np.array(lead, np.int64), sizes])


def _infer_deserialized(op: Operation) -> Types:
    texts = op.inputs[0].shape
    if op.type == "DeserializeManySparse":
        merge_size(with_rank(texts, 2)[1], 3)
    else:
        extents = with_rank_at_least(texts, 1)
        merge_size(extents[-1] if extents else None, 3)
    return sparse_types(op.attrs["dtype"], None, None)


for _name in ("SerializeSparse", "SerializeManySparse"):
    define_op(_name, _infer_serialized, _lower_serialize, no_gradient=_NONE)
for _name in ("DeserializeSparse", "DeserializeManySparse"):
    define_host_op(_name, _infer_deserialized, _joined, attrs=("dtype",), no_gradient=_NONE)
_PARTS = ("sparse_indices: int64", "sparse_values: T", "sparse_shape: int64")
_SERIALIZE = Signature("SerializeSparse", *_PARTS)
_SERIALIZE_MANY = Signature("SerializeManySparse", *_PARTS)
_DESERIALIZE = Signature("DeserializeSparse", "serialized_sparse: string")
_DESERIALIZE_MANY = Signature("DeserializeManySparse", "serialized_sparse: string")


def _check_type(out_type: Any) -> None:
    if as_dtype(out_type) is not string:
        raise ValueError(f"expected out_type string, got {as_dtype(out_type).name}")


def serialize_sparse(sp_input: Any, name: str | None = None, out_type: Any = string) -> Tensor:
    """Return a sparse tensor as three texts: of its indices, its values, its shape."""
    _check_type(out_type)
    parts = components(as_sparse(sp_input))
    return _SERIALIZE(*parts, name=name, out_type=string).outputs[0]


def serialize_many_sparse(sp_input: Any, name: str | None = None, out_type: Any = string) -> Tensor:
    """Return the rows of a sparse tensor as texts, of shape (rows, 3); see `serialize_sparse`."""
    _check_type(out_type)
    parts = components(as_sparse(sp_input))
    return _SERIALIZE_MANY(*parts, name=name, out_type=string).outputs[0]


def deserialize_sparse(
    serialized_sparse: Any, dtype: Any, rank: int | None = None, name: str | None = None
) -> SparseTensor:
    """Return what `serialize_sparse` made, (..., 3), as one sparse tensor.

    Parameters
    ----------
    dtype : of the values.
    rank : of each sparse tensor, if it is known.
    """
    return _deserialized(_DESERIALIZE, serialized_sparse, dtype, rank, name)


def deserialize_many_sparse(
    serialized_sparse: Any, dtype: Any, rank: int | None = None, name: str | None = None
) -> SparseTensor:
    """Return the rows of texts of shape (rows, 3) as one sparse tensor with an axis for them.

    Parameters
    ----------
    dtype : of the values.
    rank : of the result, if it is known.
    """
    return _deserialized(_DESERIALIZE_MANY, serialized_sparse, dtype, rank, name)


def _deserialized(
    make: Signature, texts: Any, dtype: Any, rank: int | None, name: str | None
) -> SparseTensor:
    indices, values, sizes = make(texts, name=name, dtype=as_dtype(dtype)).outputs
    indices.set_shape(TensorShape([None, rank]))
    sizes.set_shape(TensorShape([rank]))
    return SparseTensor(indices, values, sizes)
