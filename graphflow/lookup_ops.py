"""Operations of tables from keys to values, whose content belongs to a session."""

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
from graphflow.graph.shapes import TensorShape, shape_from_tuple
from graphflow.ops.shape_rules import Types
from graphflow.ops.strings import object_array
from graphflow.runtime.context import running
from graphflow.system_files import as_op_errors

Array = np.ndarray[Any, Any]
_NONE = "tables have no gradient"


class Content:
    """What a table holds, by session.

    Attributes
    ----------
    value_shape : the sizes of a value; None when they are not known.
    """

    def __init__(self, mutable: bool, value_shape: Sequence[int | None] | None = None) -> None:
        self.mutable, self.value_shape = mutable, value_shape
        self.by_session: weakref.WeakKeyDictionary[Any, dict[Any, Any]] = (
            weakref.WeakKeyDictionary()
        )

    def get(self, op: Operation) -> dict[Any, Any]:
        """The pairs; FailedPreconditionError before the table is filled."""
        found = self.by_session.get(running.store)
        if found is None and not self.mutable:
            raise errors.FailedPreconditionError(op.node_def, op, "Table not initialized.")
        return self.by_session.setdefault(running.store, {}) if found is None else found

    def fill(self, op: Operation, pairs: Sequence[tuple[Any, Any]]) -> None:
        """Fill the table once; a key with two values is an error."""
        found: dict[Any, Any] = {}
        for key, value in pairs:
            if found.setdefault(key, value) != value:
                raise errors.InvalidArgumentError(
                    op.node_def, op,
                    f"HashTable has different value for same key. Key {_shown(key)} has "
                    f"{_shown(found[key])} and trying to add value {_shown(value)}",
                )  # fmt: skip
        self.by_session[running.store] = found


def _shown(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _content(op: Operation) -> Content:
    """What the operation's table holds; an imported graph's tables get theirs here."""
    found = op.attrs.get("content")
    if found is None:
        table = op
        while not table.type.endswith("HashTableV2"):
            table = table.inputs[0].op
        found = table.attrs.get("content")
        if found is None:
            found = table.attrs["content"] = Content(table.type.startswith("Mutable"))
    kept: Content = found
    return kept


def _as_array(values: Sequence[Any], shape: Sequence[int], dtype: Any) -> Array:
    if dtype == dtypes.string:
        return object_array(shape, values)
    return np.array(list(values), dtype.numpy).reshape(shape)


def _find(op: Operation) -> Callable[..., list[Array]]:
    def find(keys: Array, default: Array) -> list[Array]:
        pairs, other = _content(op).get(op), default.item() if default.ndim == 0 else default
        inner = () if default.ndim == 0 else default.shape
        values = [pairs.get(key, other) for key in keys.ravel().tolist()]
        dtype = op.outputs[0].dtype
        if not inner:
            return [_as_array(values, keys.shape, dtype)]
        return [np.array(values, dtype.numpy).reshape(*keys.shape, *inner)]

    return find


def _lower_find(b: Any, op: Operation, _: Any, keys: Any, default: Any) -> Any:
    shape = (*keys.shape, *default.shape)
    return b.call_python(_find(op), (keys, default), [(op.outputs[0].dtype, shape)])[0]


def _infer_find(op: Operation) -> Types:
    shape = op.inputs[1].shape.concatenate(op.inputs[2].shape)
    return [(op.inputs[2].dtype.base_dtype, shape)]


def _pairs(keys: Array, values: Array) -> list[tuple[Any, Any]]:
    count = keys.size
    rows = list(values) if values.ndim > 1 else values.ravel().tolist()
    if count != len(rows):
        raise ValueError(f"Keys and values must have the same number: {count} and {len(rows)}")
    return list(zip(keys.ravel().tolist(), rows, strict=True))


def _filler(op: Operation) -> Callable[..., list[Array]]:
    def fill(keys: Array, values: Array) -> list[Array]:
        content = _content(op)
        if content.mutable:
            content.get(op).update(_pairs(keys, values))
        else:
            content.fill(op, _pairs(keys, values))
        return []

    return fill


def _remover(op: Operation) -> Callable[..., list[Array]]:
    def remove(keys: Array) -> list[Array]:
        pairs = _content(op).get(op)
        for key in keys.ravel().tolist():
            pairs.pop(key, None)
        return []

    return remove


def _file_filler(op: Operation) -> Callable[..., list[Array]]:
    def fill(filename: Array) -> list[Array]:
        path = os.fsdecode(filename.item())
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
        _content(op).fill(op, _line_pairs(op, path, lines))
        return []

    return fill


def _line_pairs(op: Operation, path: str, lines: Sequence[bytes]) -> list[tuple[Any, Any]]:
    """Key and value of each line: a column, the whole line (-2), or the line's number (-1)."""
    attrs, found = op.attrs, []
    delimiter = attrs["delimiter"].encode()
    for number, line in enumerate(lines):
        line = line.rstrip(b"\r")
        columns = line.split(delimiter)
        pair = []
        for column, dtype in (
            (attrs["key_index"], attrs["key_dtype"]), (attrs["value_index"], attrs["value_dtype"]),
        ):  # fmt: skip
            if column >= len(columns):
                raise errors.InvalidArgumentError(
                    op.node_def, op,
                    f"Invalid number of columns in {path} line {number} ({_shown(line)}) : "
                    f"expected {column + 1} got {len(columns)}",
                )  # fmt: skip
            text = number if column == -1 else line if column == -2 else columns[column]
            pair.append(text if dtype == dtypes.string else np.dtype(dtype.numpy).type(text).item())
        found.append((pair[0], pair[1]))
    return found


def _sizer(op: Operation) -> Callable[..., list[Array]]:
    return lambda *_: [np.array(len(_content(op).get(op)), np.int64)]


def _value_shape(op: Operation) -> Any:
    """The shape of a value, as far as it is known: of a table from a file nothing is."""
    content = op.attrs.get("content")
    return TensorShape(None if content is None else content.value_shape)


def _exporter(op: Operation) -> Callable[..., list[Array]]:
    def export(*_: Array) -> list[Array]:
        pairs = _content(op).get(op)
        kinds, count = [t.dtype for t in op.outputs], len(pairs)
        found = _content(op).value_shape or ()
        inner = np.shape(next(iter(pairs.values()))) if pairs else tuple(n or 0 for n in found)
        values = [v for row in pairs.values() for v in row] if inner else list(pairs.values())
        return [
            _as_array(list(pairs), (count,), kinds[0]),
            _as_array(values, (count, *inner), kinds[1]),
        ]

    return export


def _define(name: str, infer: Any, lower: Any) -> None:
    define_op(name, infer, lower, no_gradient=_NONE, stateful=True)


def _no_types(op: Operation) -> Types:
    return []


def _lower_handle(b: Any, op: Operation) -> Any:
    return b.const(np.array(op.name.encode(), object), dtypes.string)


for _name in ("HashTableV2", "MutableHashTableV2"):
    _define(_name, lambda op: [(dtypes.resource, shape_from_tuple(()))], _lower_handle)
_define("LookupTableFindV2", _infer_find, _lower_find)
for _name in ("LookupTableImportV2", "LookupTableInsertV2"):
    _define(_name, _no_types, lambda b, op, _, k, v: b.call_python(_filler(op), (k, v), ()))
_define("LookupTableRemoveV2", _no_types, lambda b, op, _, k: b.call_python(_remover(op), (k,), ()))
_define(
    "InitializeTableFromTextFileV2", _no_types,
    lambda b, op, _, name: b.call_python(_file_filler(op), (name,), ()),
)  # fmt: skip
_define(
    "LookupTableSizeV2", lambda op: [(dtypes.int64, shape_from_tuple(()))],
    lambda b, op, _: b.call_python(_sizer(op), (), [(dtypes.int64, ())])[0],
)  # fmt: skip
_define(
    "LookupTableExportV2",
    lambda op: [
        (op.attrs["Tkeys"], shape_from_tuple((None,))),
        (op.attrs["Tvalues"], shape_from_tuple((None,)).concatenate(_value_shape(op))),
    ],
    lambda b, op, _: b.call_python(_exporter(op), (), [(t.dtype, None) for t in op.outputs]),
)  # fmt: skip
