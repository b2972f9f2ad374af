"""Operations of tables from keys to values, whose content belongs to a session.

A handle's value is the table itself, so that it leads there from anywhere: from branches, loops and
the functions of data sets, which have sessions of their own. Tables of one ``shared_name`` are one.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphflow import errors
from graphflow.graph import dtypes
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import SCALAR, TensorShape, shape_from_tuple, unknown_shape
from graphflow.ops.shape_rules import Types
from graphflow.ops.strings import object_array
from graphflow.ops.text_hashes import murmur64
from graphflow.runtime.context import running
from graphflow.system_files import as_op_errors

Array = np.ndarray[Any, Any]
_NONE = "tables have no gradient"
_KINDS = ("HashTable", "MutableHashTable", "MutableHashTableOfTensors", "MutableDenseHashTable")


class Table:
    """What a table holds in one session.

    Attributes
    ----------
    pairs : values by keys; None until a table that is filled once has been.
    key_shape, value_shape : the shapes of one key and one value; None for any.
    reserved : keys that no pair may have, by their names in messages.
    """

    def __init__(self, maker: Operation, reserved: dict[str, Array]) -> None:
        self.is_mutable = not maker.type.startswith("HashTable")
        self.key_dtype, self.value_dtype = maker.attrs["key_dtype"], maker.attrs["value_dtype"]
        self.pairs: dict[Any, Any] | None = {} if self.is_mutable else None
        self.key_shape = next((key.shape for key in reserved.values()), ())
        self.reserved = {self.keys(key)[0]: name for name, key in reserved.items()}
        shape = maker.attrs.get("value_shape")
        self.value_shape: tuple[Any, ...] = () if shape is None else tuple(shape.as_list())
        if reserved and len(self.reserved) < len(reserved):
            raise errors.InvalidArgumentError(
                maker.node_def, maker, "Empty and deleted keys cannot be equal"
            )

    def keys(self, array: Array) -> list[Any]:
        """An array's keys; those that have a shape as tuples."""
        if not self.key_shape:
            return list(array.ravel().tolist())
        return [tuple(row) for row in array.reshape(-1, int(np.prod(self.key_shape))).tolist()]

    def filled(self, op: Operation) -> dict[Any, Any]:
        """The pairs; FailedPreconditionError before the table is filled."""
        if self.pairs is None:
            raise errors.FailedPreconditionError(op.node_def, op, "Table not initialized.")
        return self.pairs

    def check_keys(self, op: Operation, keys: Sequence[Any]) -> None:
        """Refuse keys that a table keeps for itself."""
        for key, name in self.reserved.items():
            if key in keys:
                raise errors.InvalidArgumentError(
                    op.node_def, op, f"Using the {name} as a table key is not allowed"
                )

    def fill(self, op: Operation, pairs: Sequence[tuple[Any, Any]]) -> None:
        """Fill the table once; a key with two values is an error, as are other pairs later."""
        found: dict[Any, Any] = {}
        for key, value in pairs:
            if found.setdefault(key, value) != value:
                raise errors.InvalidArgumentError(
                    op.node_def, op,
                    f"HashTable has different value for same key. Key {_shown(key)} has "
                    f"{_shown(found[key])} and trying to add value {_shown(value)}",
                )  # fmt: skip
        if self.pairs is not None and len(self.pairs) != len(found):
            raise errors.FailedPreconditionError(
                op.node_def, op, "Table was already initialized with different data."
            )
        self.pairs = found if self.pairs is None else self.pairs


_tables: weakref.WeakKeyDictionary[Any, dict[str, Table]] = weakref.WeakKeyDictionary()


def _shown(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _table(handle: Array) -> Table:
    found: Table = handle.item()
    return found


def _maker(op: Operation) -> Callable[..., list[Array]]:
    name = str(op.attrs.get("shared_name") or op.name)

    def make(*reserved: Array) -> list[Array]:
        """Make the session's table at the first call; returns its handle."""
        tables = _tables.setdefault(running.store, {})
        if name not in tables:
            keys = dict(zip(("empty_key", "deleted_key"), reserved, strict=False))
            tables[name] = Table(op, keys)
        return [object_array((), [tables[name]])]

    return make


# ---- looking up


def _as_array(values: Sequence[Any], shape: Sequence[int], dtype: Any) -> Array:
    if dtype == dtypes.string:
        return object_array(shape, values)
    return np.array(list(values), dtype.numpy).reshape(shape)


def _find(op: Operation, handle: Array, keys: Array, default: Array) -> list[Array]:
    table, other = _table(handle), default.item() if default.ndim == 0 else default
    pairs, wanted = table.filled(op), table.keys(keys)
    table.check_keys(op, wanted)
    values = [pairs.get(key, other) for key in wanted]
    dtype, shape = op.outputs[0].dtype, keys.shape[: keys.ndim - len(table.key_shape)]
    if default.ndim == 0:
        return [_as_array(values, shape, dtype)]
    return [np.array(values, dtype.numpy).reshape(*shape, *default.shape)]


def _key_rank(op: Operation) -> int | None:
    """The rank of one key of the table whose handle an operation gets."""
    handle = op.inputs[0]
    while handle.op.type.removesuffix("V2") not in _KINDS:
        captured = getattr(handle.graph, "captured", {})  # in a data set's function
        outer = [tensor for tensor, inner in captured.items() if inner is handle]
        if not outer and not handle.op.inputs:
            return 0
        handle = outer[0] if outer else handle.op.inputs[0]
    return handle.op.inputs[0].shape.rank if handle.op.inputs else 0


def _found_shape(op: Operation) -> TensorShape:
    """The keys' shape, less that of one key, and the default value's."""
    keys, one = op.inputs[1].shape, _key_rank(op)
    if keys.rank is None or one is None:
        return unknown_shape()
    return TensorShape(keys.as_list()[: keys.rank - one]).concatenate(op.inputs[2].shape)


def _infer_find(op: Operation) -> Types:
    return [(op.inputs[2].dtype.base_dtype, _found_shape(op))]


def _lower_find(b: Any, op: Operation, handle: Any, keys: Any, default: Any) -> Any:
    one = _key_rank(op)
    known = None if one is None else (*keys.shape[: len(keys.shape) - one], *default.shape)
    types = [(op.outputs[0].dtype, known)]
    return b.call_python(lambda *arrays: _find(op, *arrays), (handle, keys, default), types)[0]


# ---- filling


def _pairs(op: Operation, table: Table, keys: Array, values: Array) -> list[tuple[Any, Any]]:
    found = table.keys(keys)
    shape = keys.shape[: keys.ndim - len(table.key_shape)]
    if not table.is_mutable:
        if keys.size != values.size:
            raise errors.InvalidArgumentError(
                op.node_def, op,
                f"Keys and values must have the same number: {keys.size} and {values.size}",
            )  # fmt: skip
    elif values.shape not in (
        (*shape, *table.value_shape), (len(found), int(np.prod(table.value_shape)))
    ):  # fmt: skip
        wanted = ",".join(map(str, (*shape, *table.value_shape)))
        raise errors.InvalidArgumentError(
            op.node_def, op,
            f"Expected shape [{wanted}] for value, got [{','.join(map(str, values.shape))}]",
        )  # fmt: skip
    rows = list(values.reshape(-1, *table.value_shape))
    return list(zip(found, rows if table.value_shape else values.ravel().tolist(), strict=True))


def _insert(op: Operation, handle: Array, keys: Array, values: Array) -> list[Array]:
    table = _table(handle)
    pairs = _pairs(op, table, keys, values)
    table.check_keys(op, [key for key, _ in pairs])
    table.filled(op).update(pairs)
    return []


def _import(op: Operation, handle: Array, keys: Array, values: Array) -> list[Array]:
    """Make pairs all that a table has; those of keys that it keeps for itself are none."""
    table = _table(handle)
    pairs = [pair for pair in _pairs(op, table, keys, values) if pair[0] not in table.reserved]
    if table.is_mutable:
        table.pairs = dict(pairs)
    else:
        table.fill(op, pairs)
    return []


def _remove(op: Operation, handle: Array, keys: Array) -> list[Array]:
    table = _table(handle)
    gone, pairs = table.keys(keys), table.filled(op)
    table.check_keys(op, gone)
    for key in gone:
        pairs.pop(key, None)
    return []


def _import_file(op: Operation, handle: Array, filename: Array) -> list[Array]:
    path, table = os.fsdecode(filename.item()), _table(handle)
    with as_op_errors(path, op), open(path, "rb") as file:
        lines = file.read().split(b"\n")
    lines = lines[:-1] if lines and not lines[-1] else lines
    size = op.attrs["vocab_size"]
    if size != -1 and size > len(lines):
        raise errors.InvalidArgumentError(
            op.node_def, op,
            f"Invalid vocab_size in {path}: expected {size} but got {len(lines)}",
        )  # fmt: skip
    lines = lines if size == -1 else lines[:size]
    table.fill(op, _line_pairs(op, table, path, lines))
    return []


def _line_pairs(
    op: Operation, table: Table, path: str, lines: Sequence[bytes]
) -> list[tuple[Any, Any]]:
    """Key and value of each line: a column, the whole line (-2), or the line's number (-1)."""
    attrs, found = op.attrs, []
    delimiter = os.fsencode(attrs["delimiter"])
    for number, line in enumerate(lines):
        line = line.rstrip(b"\r")
        columns = line.split(delimiter)
        pair = []
        for column, dtype in (
            (attrs["key_index"], table.key_dtype), (attrs["value_index"], table.value_dtype),
        ):  # fmt: skip
            if column >= len(columns):
                raise errors.InvalidArgumentError(
                    op.node_def, op,
                    f"Invalid number of columns in {path} line {number} ({_shown(line)}) : "
                    f"expected {column + 1} got {len(columns)}",
                )  # fmt: skip
            text = number if column == -1 else line if column == -2 else columns[column]
            pair.append(text if dtype == dtypes.string else _number(op, text, dtype, path, number))
        found.append((pair[0], pair[1]))
    return found


def _number(op: Operation, text: Any, dtype: Any, path: str, line: int) -> Any:
    try:
        return np.dtype(dtype.numpy).type(text).item()
    except ValueError:
        raise errors.InvalidArgumentError(
            op.node_def, op,
            f"Field {_shown(text)} in line {line} of {path} is not a valid {dtype.name}.",
        ) from None  # fmt: skip


# ---- what is there


def _size(op: Operation, handle: Array) -> list[Array]:
    return [np.array(len(_table(handle).pairs or ()), np.int64)]


def _hashed(key: Any) -> int:
    """The hash of a key by which TensorFlow's dense tables find it."""
    if isinstance(key, tuple):
        found = 0
        for part in key:
            found ^= _hashed(part) + 0x9E3779B97F4A7800 + (found << 10) + (found >> 4)
            found &= 2**64 - 1
        return found
    return murmur64(key) if isinstance(key, bytes) else int(key)


def _buckets(table: Table) -> list[tuple[Any, Any]]:
    """A dense table's pairs as TensorFlow's checkpoints have them, which it takes as they lie.

    Open addressing, with steps that grow by one; places without a pair have the first reserved key.
    """
    assert table.pairs is not None
    empty = next(iter(table.reserved)), np.zeros(table.value_shape, table.value_dtype.numpy)
    count = 4
    while len(table.pairs) > 0.8 * count:
        count *= 2
    found: list[Any] = [empty] * count
    for pair in table.pairs.items():
        place, step = _hashed(pair[0]) % count, 0
        while found[place] is not empty:
            step += 1
            place = (place + step) % count
        found[place] = pair
    return found


def _export(op: Operation, handle: Array) -> list[Array]:
    table, (key, value) = _table(handle), [t.dtype for t in op.outputs]
    if table.pairs is None:
        raise errors.AbortedError(op.node_def, op, "HashTable is not initialized.")
    pairs = _buckets(table) if table.reserved else list(table.pairs.items())
    shape = (len(pairs), int(np.prod(table.key_shape))) if table.reserved else (len(pairs),)
    keys = [k for row, _ in pairs for k in row] if table.key_shape else [k for k, _ in pairs]
    values = [v for _, v in pairs]
    rows = (len(pairs), *table.value_shape)
    if table.reserved:
        rows = (len(pairs), int(np.prod(table.value_shape)))
    return [_as_array(keys, shape, key), _as_array(values, rows, value)]


def _lower(function: Callable[..., list[Array]]) -> Any:
    """The lowering of an op that calls ``function(op, *arrays)`` for its effects."""

    def lower(b: Any, op: Operation, *inputs: Any) -> Any:
        return b.call_python(lambda *arrays: function(op, *arrays), inputs, ())

    return lower


def _no_types(op: Operation) -> Types:
    return []


def _lower_size(b: Any, op: Operation, handle: Any) -> Any:
    return b.call_python(lambda array: _size(op, array), (handle,), [(dtypes.int64, ())])[0]


def _infer_export(op: Operation) -> Types:
    rows, maker = shape_from_tuple((None,)), op.inputs[0].op
    values = unknown_shape()
    if maker.type.startswith("MutableHashTable"):  # as TensorFlow, which knows no others' sizes
        shape = maker.attrs.get("value_shape")
        values = rows if shape is None else rows.concatenate(shape)
    keys = unknown_shape() if maker.type.startswith("MutableDense") else rows
    return [(op.attrs["Tkeys"], keys), (op.attrs["Tvalues"], values)]


def _lower_export(b: Any, op: Operation, handle: Any) -> Any:
    types = [(t.dtype, None) for t in op.outputs]
    return b.call_python(lambda array: _export(op, array), (handle,), types)


def _define(version: str, handle: Any) -> None:
    """Define the operations of one version; they differ in the type of the handle only."""

    def infer_handle(op: Operation) -> Types:
        return [(handle, SCALAR)]

    def lower_handle(b: Any, op: Operation, *reserved: Any) -> Any:
        return b.call_python(_maker(op), reserved, [(dtypes.string, ())])[0]

    def define(name: str, infer: Any, lower: Any) -> None:
        define_op(name + version, infer, lower, no_gradient=_NONE, stateful=True)

    for kind in _KINDS:
        define(kind, infer_handle, lower_handle)
    define("LookupTableFind", _infer_find, _lower_find)
    for name, function in (
        ("LookupTableImport", _import), ("InitializeTable", _import),
        ("LookupTableInsert", _insert), ("LookupTableRemove", _remove),
        ("InitializeTableFromTextFile", _import_file),
    ):  # fmt: skip
        if version or name != "LookupTableRemove":  # which came with the second version
            define(name, _no_types, _lower(function))
    define("LookupTableSize", lambda op: [(dtypes.int64, shape_from_tuple(()))], _lower_size)
    define("LookupTableExport", _infer_export, _lower_export)


_define("V2", dtypes.resource)
_define("", dtypes.string)  # of graphs that programs of early TensorFlow 1 wrote
