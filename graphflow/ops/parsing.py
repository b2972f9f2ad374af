"""ParseExample and ParseSingleExample: `Example` messages into tensors, with TensorFlow's op types.

Which features there are is in the operations' inputs and attributes, so that graphs with them can
be saved and loaded. Messages are read in Python, in the run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from graphflow import errors
from graphflow.graph.constants import constant
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import get_default_graph, name_scope
from graphflow.graph.dtypes import DType, float32, int64, string
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor
from graphflow.ops.shape import reshape

__all__ = ["Dense", "Sparse", "parse_messages"]

Array = np.ndarray[Any, Any]
_LISTS = {float32: "float_list", int64: "int64_list", string: "bytes_list"}


class Sparse(NamedTuple):
    """A feature of any length."""

    key: str
    dtype: DType


class Dense(NamedTuple):
    """A feature of one shape; where its first size is open, rows of one shape.

    Attributes
    ----------
    default : an array; one without elements says that every message must have the feature.
    """

    key: str
    dtype: DType
    shape: TensorShape
    default: Any

    @property
    def is_sequence(self) -> bool:
        """Whether the number of rows is open."""
        sizes = self.shape.as_list()
        return bool(sizes) and sizes[0] is None


def parse_messages(
    serialized: Tensor, sparse: Sequence[Sparse], dense: Sequence[Dense], names: Any, many: bool
) -> list[Tensor]:
    """The operation's outputs: indices, values and shapes of all sparse ones, then the dense."""
    graph = get_default_graph()
    defaults = [default_tensor(feature) for feature in dense]
    attrs: dict[str, Any] = {
        "sparse_types": [s.dtype for s in sparse],
        "Tdense": [d.dtype for d in dense],
        "dense_shapes": [d.shape for d in dense],
    }
    if not many:
        attrs["num_sparse"] = len(sparse)
        attrs["sparse_keys"] = [s.key.encode() for s in sparse]
        attrs["dense_keys"] = [d.key.encode() for d in dense]
        op = graph.create_op("ParseSingleExample", [serialized, *defaults], attrs, None)
        return list(op.outputs)
    attrs |= {"Nsparse": len(sparse), "Ndense": len(dense)}
    with name_scope("ParseExample") as scope:
        told = convert_to_tensor([] if names is None else names, dtype=string, name="names")
        keys = [
            convert_to_tensor(key, dtype=string, name=f"{kind}_keys_{k}")
            for kind, names_of in (("sparse", [s.key for s in sparse]),
                                   ("dense", [d.key for d in dense]))
            for k, key in enumerate(names_of)
        ]  # fmt: skip
        op = graph.create_op("ParseExample", [serialized, told, *keys, *defaults], attrs, scope)
    return list(op.outputs)


def default_tensor(feature: Dense) -> Tensor:
    """The default as an input of the operation, named after the feature."""
    default = np.asarray(feature.default)
    if default.size == 0:
        return constant(default, feature.dtype, name="Const")
    name = "key_" + re.sub(r"[^A-Za-z0-9_.\-/]", "_", feature.key)
    tensor = convert_to_tensor(default, dtype=feature.dtype, name=name)
    return tensor if feature.is_sequence else reshape(tensor, feature.shape.as_list())


def _infer(op: Operation) -> list[tuple[DType, TensorShape]]:
    batch = op.inputs[0].shape if op.type == "ParseExample" else TensorShape([])
    rank = 1 if op.type == "ParseSingleExample" else 2
    types = op.attrs["sparse_types"]
    found = [(int64, TensorShape([None, rank]))] * len(types)
    found += [(dtype, TensorShape([None])) for dtype in types]
    found += [(int64, TensorShape([rank]))] * len(types)
    for dtype, shape in zip(op.attrs["Tdense"], op.attrs["dense_shapes"], strict=True):
        found.append((dtype, batch.concatenate(TensorShape(shape))))
    return found


# ---- in the run


def _lower(b: Any, op: Operation, serialized: Any, *rest: Any) -> Any:
    count_sparse, count_dense = len(op.attrs["sparse_types"]), len(op.attrs["Tdense"])
    many = op.type == "ParseExample"
    if many:
        told = rest[1 : 1 + count_sparse + count_dense]
        keys = [text_of(b.static(node).reshape(()).item()) for node in told]
    else:
        keys = [text_of(k) for k in (*op.attrs["sparse_keys"], *op.attrs["dense_keys"])]
    sparse = [Sparse(k, t) for k, t in zip(keys, op.attrs["sparse_types"], strict=False)]
    shapes = [TensorShape(shape) for shape in op.attrs["dense_shapes"]]
    described = list(zip(keys[count_sparse:], op.attrs["Tdense"], shapes, strict=True))
    types = [
        (dtype, _known(serialized, shape, many and k >= 3 * count_sparse))
        for k, (dtype, shape) in enumerate(_infer(op))
    ]

    def run(data: Array, *others: Array) -> list[Array]:
        defaults = others[len(others) - count_dense :]
        dense = [Dense(*d, default=v) for d, v in zip(described, defaults, strict=True)]
        names = others[0].ravel().tolist() if many else []
        return parsed(data, sparse, dense, many, names)

    # All operands, as where the run is cut Python is given the operation's inputs.
    return b.call_python(run, [serialized, *rest], types, stateful=False)


def _known(serialized: Any, shape: TensorShape, has_rows: bool) -> Any:
    """An output's shape where the run knows it beforehand, else None; rows are as messages."""
    if shape.rank is None:
        return None
    sizes: list[Any] = list(shape.as_list())
    if has_rows and len(serialized.shape) == 1:
        sizes[0] = serialized.shape[0]
    return None if any(s is None for s in sizes) else tuple(sizes)


def text_of(key: Any) -> str:
    """A key as a text."""
    return key.decode() if isinstance(key, bytes) else str(key)


def parsed(
    data: Array, sparse: Sequence[Sparse], dense: Sequence[Dense], many: bool,
    names: Sequence[bytes] = (),
) -> list[Array]:  # fmt: skip
    """The features of serialised messages, in the order of the operation's outputs.

    Parameters
    ----------
    names : of the messages, which errors tell; none when it is empty.

    Raises
    ------
    InvalidArgumentError : a message cannot be read, lacks a feature or has it otherwise.
    """
    flat = np.asarray(data, object).ravel().tolist()
    if len(names) not in (0, len(flat)):
        raise errors.InvalidArgumentError(
            None, None, f"Expected len(names) == {len(flat)}, but got {len(names)}"
        )
    told = [text_of(name) for name in names] or ["<unknown>"] * len(flat)
    rows = [Row(told[k], k, _features(text, k)) for k, text in enumerate(flat)]
    triples = [sparse_rows(feature, rows) for feature in sparse]
    found = [triple[0] if many else triple[0][:, 1:] for triple in triples]
    found += [triple[1] for triple in triples]
    found += [triple[2] if many else triple[2][1:] for triple in triples]
    for feature in dense:
        block = _sequences(feature, rows) if feature.is_sequence else fixed_rows(feature, rows)
        found.append(block if many else block[0, ...])
    return found


def _features(data: bytes, index: int) -> Mapping[str, Any]:
    from google.protobuf.message import DecodeError

    from graphflow.protos import message

    example = message("Example")()
    try:
        example.ParseFromString(data)
    except (DecodeError, TypeError) as error:
        raise errors.InvalidArgumentError(
            None, None, f"Could not parse example input, value: '{data[:40]!r}' (number {index})"
        ) from error
    features: Mapping[str, Any] = example.features.feature
    return features


class Row(NamedTuple):
    """The features of one message, with its name and place for errors."""

    name: str
    place: int
    features: Mapping[str, Any]

    def error(self, key: str, text: str) -> errors.InvalidArgumentError:
        """An error that says whose feature is wrong."""
        where = f"Name: {self.name}, Key: {key}, Index: {self.place}.  "
        return errors.InvalidArgumentError(None, None, where + text)


def plain_name(dtype: DType) -> str:
    """An element type as TensorFlow's kernels call it."""
    return {"float32": "float"}.get(dtype.name, dtype.name)


def list_values(feature: Any, dtype: DType) -> Any:
    """The values of a `Feature` as a list; None when it has none, TypeError for another type."""
    kind = feature.WhichOneof("kind")
    if kind is None:
        return None
    if kind != _LISTS[dtype]:
        raise TypeError(f"Data types don't match. Expected type: {plain_name(dtype)}")
    return list(getattr(feature, kind).value)


def _values(row: Row, name: str, dtype: DType) -> Any:
    """The values of one message's feature as a list; None when it is missing."""
    if name not in row.features:
        return None
    try:
        return list_values(row.features[name], dtype)
    except TypeError as error:
        raise row.error(name, str(error)) from None


def shaped(values: Any, dtype: DType, shape: Any) -> Array:
    """Values of a feature as an array."""
    if dtype is not string:
        return np.array(values, dtype.numpy).reshape(shape)
    found = np.empty(len(values), object)
    found[:] = values
    return found.reshape(shape)


def empty(shape: Sequence[int], dtype: DType) -> Array:
    """An array without values so far."""
    return np.empty(tuple(shape), object if dtype is string else dtype.numpy)


def fixed_rows(feature: Dense, rows: Sequence[Row]) -> Array:
    """A feature of one shape, of all messages."""
    shape = [size or 0 for size in feature.shape.as_list()]
    count = int(np.prod(shape, dtype=int))
    block = empty([len(rows), *shape], feature.dtype)
    default = np.asarray(feature.default)
    for number, row in enumerate(rows):
        values = _values(row, feature.key, feature.dtype)
        if values is None:
            if default.size == 0 and count:
                raise errors.InvalidArgumentError(
                    None, None,
                    f"Name: {row.name}, Feature: {feature.key} (data type: "
                    f"{plain_name(feature.dtype)}) is required but could not be found.",
                )  # fmt: skip
            values = np.broadcast_to(default, shape).ravel().tolist()
        if len(values) != count:
            raise row.error(
                feature.key,
                f"Number of {plain_name(feature.dtype)} values != expected.  values size: "
                f"{len(values)} but output shape: {feature.shape}",
            )
        array = shaped(values, feature.dtype, shape)
        block[number] = array if array.shape else array[()]
    return block


def _sequences(feature: Dense, rows: Sequence[Row]) -> Array:
    shape = [size or 0 for size in feature.shape.as_list()[1:]]
    size = max(int(np.prod(shape, dtype=int)), 1)
    lists = [_values(row, feature.key, feature.dtype) or [] for row in rows]
    for row, values in zip(rows, lists, strict=True):
        if len(values) % size:
            raise row.error(
                feature.key,
                f"Number of {plain_name(feature.dtype)} values is not a multiple of stride length. "
                f"Saw {len(values)} values but output shape is: {TensorShape(shape)}",
            )
    longest = max((len(v) // size for v in lists), default=0)
    default = np.asarray(feature.default)
    filling = default.ravel()[0] if default.size else (b"" if feature.dtype is string else 0)
    found = empty([len(rows), longest, *shape], feature.dtype)
    found[...] = filling
    for k, values in enumerate(lists):
        count = len(values) // size
        found[k, :count] = shaped(values, feature.dtype, [count, *shape])
    return found


def sparse_rows(feature: Sparse, rows: Sequence[Row]) -> list[Array]:
    """Indices, values and shape of a feature of any length, of all messages."""
    lists = [_values(row, feature.key, feature.dtype) or [] for row in rows]
    indices = [[k, j] for k, values in enumerate(lists) for j in range(len(values))]
    flat = [v for values in lists for v in values]
    widest = max((len(v) for v in lists), default=0)
    return [
        np.array(indices, np.int64).reshape(-1, 2),
        shaped(flat, feature.dtype, [len(flat)]),
        np.array([len(rows), widest], np.int64),
    ]


_LOWER: Callable[..., Any] = _lower
for _type in ("ParseExample", "ParseSingleExample"):
    define_op(name=_type, infer=_infer, lower=_LOWER, no_gradient="parsing")
