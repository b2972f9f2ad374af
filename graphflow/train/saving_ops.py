"""The operations of checkpoints: SaveV2 and RestoreV2, which run in Python between native parts."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow.checkpoint.bundle import BundleReader, data_path, index_path, write_bundle
from graphflow.errors import InvalidArgumentError
from graphflow.graph.apply import Signature
from graphflow.graph.dtypes import string
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import SCALAR, unknown_shape
from graphflow.graph.tensor import Tensor

Array = np.ndarray[Any, Any]


def parse_slice(text: str) -> tuple[list[int], tuple[slice, ...]]:
    """A slice specification, ``"10 4 0,5:-"``: the whole shape, and the part that is meant."""
    *sizes, parts = text.split()
    found = []
    for size, part in zip(sizes, parts.split(":"), strict=True):
        if part == "-":
            found.append(slice(0, int(size)))
        else:
            start, _, length = part.partition(",")
            found.append(slice(int(start), int(start) + int(length)))
    return [int(s) for s in sizes], tuple(found)


def _names(array: Array) -> list[str]:
    return [t.decode() if isinstance(t, bytes) else str(t) for t in array.ravel().tolist()]


def _text(array: Array) -> str:
    return _names(np.asarray(array, dtype=object))[0]


def _save(prefix: Array, names: Array, slices: Array, *values: Array) -> list[Array]:
    """Write the tensors; the parts of a partitioned variable are put together again."""
    tensors: dict[str, Array] = {}
    for name, part, value in zip(_names(names), _names(slices), values, strict=True):
        if not part:
            tensors[name] = value
            continue
        shape, place = parse_slice(part)
        whole = tensors.setdefault(name, np.zeros(shape, value.dtype))
        whole[place] = value
    path = _text(prefix)
    folder = os.path.dirname(path)
    if folder and not os.path.exists(folder):
        with contextlib.suppress(OSError):  # writing says what is wrong
            os.mkdir(folder)
    write_bundle(path, tensors)
    return []


def _shard_name(base: Array, shard: Array, count: Array) -> list[Array]:
    text = f"{_text(base)}-{int(shard):05d}-of-{int(count):05d}"
    return [np.array(text.encode(), dtype=object)]


def _merge(op: Operation) -> Any:
    def merge(prefixes: Array, destination: Array) -> list[Array]:
        """Write the tensors of several checkpoints as one, in place of them."""
        parts, tensors = _names(prefixes), {}
        for part in parts:
            reader = BundleReader(part)
            tensors.update({name: reader.read(name) for name in reader.entries})
        write_bundle(_text(destination), tensors)
        if op.attrs.get("delete_old_dirs", True):
            for part in parts:
                for path in (index_path(part), data_path(part)):
                    os.remove(path)
            for folder in {os.path.dirname(part) for part in parts}:
                if "_temp_" in os.path.basename(folder) and not os.listdir(folder):
                    os.rmdir(folder)
        return []

    return merge


def _restore(op: Operation) -> Any:
    def restore(prefix: Array, names: Array, slices: Array) -> list[Array]:
        reader = BundleReader(_text(prefix))
        found = []
        rows = zip(_names(names), _names(slices), op.attrs["dtypes"], strict=True)
        for name, part, dtype in rows:
            known = reader.dtype(name)
            if known is not dtype.base_dtype:
                raise InvalidArgumentError(
                    None, op,
                    f"tensor_name = {name}; expected dtype {dtype.base_dtype.name} does not equal "
                    f"original dtype {known.name}",
                )  # fmt: skip
            value = reader.read(name)
            found.append(np.ascontiguousarray(value[parse_slice(part)[1]]) if part else value)
        return found

    return restore


_save.reads_only = True  # type: ignore[attr-defined]  # a copy of a large model costs time


def _lower_save(b: Any, op: Operation, *inputs: Any) -> tuple[Any, ...]:
    b.call_python(_save, inputs, [], stateful=True)
    return ()


def _lower_merge(b: Any, op: Operation, *inputs: Any) -> tuple[Any, ...]:
    b.call_python(_merge(op), inputs, [], stateful=True)
    return ()


def _lower_restore(b: Any, op: Operation, *inputs: Any) -> Any:
    types = [(dtype.base_dtype, None) for dtype in op.attrs["dtypes"]]
    return b.call_python(_restore(op), inputs, types, stateful=True)


define_op(
    name="SaveV2",
    infer=lambda op: [],
    lower=_lower_save,
    no_gradient="it has no outputs",
    stateful=True,
)
define_op(
    name="RestoreV2",
    infer=lambda op: [(dtype.base_dtype, unknown_shape()) for dtype in op.attrs["dtypes"]],
    lower=_lower_restore,
    no_gradient="its inputs are names",
    stateful=True,
)

# The two that TensorFlow's sharded Savers have beside them.
define_op(
    name="ShardedFilename",
    infer=lambda op: [(string, SCALAR)],
    lower=lambda b, op, *inputs: b.call_python(_shard_name, inputs, [(string, ())]),
    no_gradient="string output",
)
define_op(
    name="MergeV2Checkpoints",
    infer=lambda op: [],
    lower=_lower_merge,
    no_gradient="it has no outputs",
    stateful=True,
)

_SAVE = Signature(
    "SaveV2", "prefix: string", "tensor_names: string", "shape_and_slices: string",
    "tensors: dtypes...",
)  # fmt: skip
_RESTORE = Signature(
    "RestoreV2", "prefix: string", "tensor_names: string", "shape_and_slices: string"
)


def save_v2(prefix: Tensor, names: Sequence[str], slices: Sequence[str], tensors: Any) -> Operation:
    """An operation that writes tensors under names into a checkpoint."""
    return _SAVE(prefix, list(names), list(slices), list(tensors))


def restore_v2(
    prefix: Tensor, names: Sequence[str], slices: Sequence[str], dtypes: Sequence[Any]
) -> list[Tensor]:
    """The tensors of a checkpoint that have these names and types."""
    return _RESTORE(prefix, list(names), list(slices), dtypes=list(dtypes)).outputs
