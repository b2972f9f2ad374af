"""Tensors that stay in a session from run to run, behind handles that are fed."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow import errors
from graphflow.graph.apply import Signature
from graphflow.graph.default import get_default_graph
from graphflow.graph.devices import canonical_name
from graphflow.graph.dtypes import as_dtype, string
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import SCALAR, unknown_shape
from graphflow.graph.tensor import Tensor
from graphflow.ops.identity import placeholder
from graphflow.runtime import handles
from graphflow.runtime.context import running

Array = np.ndarray[Any, Any]


def _keep(op: Operation, array: Array) -> list[Array]:
    handle = handles.keep(running.store, op.name, array)
    return [np.array(handle.encode(), dtype=object)]


def _text(handle: Array) -> str:
    found: str = handle.item().decode()
    return found


def _read(op: Operation, handle: Array) -> list[Array]:
    try:
        found = handles.kept(running.store, _text(handle))
    except ValueError as error:
        raise errors.InvalidArgumentError(None, op, str(error)) from None
    wanted = op.attrs["dtype"]
    if found.dtype != wanted.numpy:
        raise errors.InternalError(
            None, op, f"expected a tensor of type {wanted.name}, the handle's has {found.dtype}"
        )
    return [found]


def _delete(op: Operation, handle: Array) -> list[Array]:
    try:
        handles.forget(running.store, _text(handle))
    except ValueError as error:
        raise errors.InvalidArgumentError(None, op, str(error)) from None
    return []


def _define(name: str, function: Any, infer: Any) -> None:
    def lower(b: Any, op: Operation, given: Any) -> Any:
        def call(array: Array) -> list[Array]:
            found: list[Array] = function(op, array)
            return found

        types = [(dtype, tuple(s.as_list()) if s.rank == 0 else None) for dtype, s in infer(op)]
        made = b.call_python(call, [given], types, stateful=True)
        return made if types else ()

    define_op(name, infer, lower, no_gradient="a session's state", stateful=True)


for _name in handles.HANDLE_OPS:
    _define(_name, _keep, lambda op: [(string, SCALAR)])
_define("GetSessionTensor", _read, lambda op: [(op.attrs["dtype"], unknown_shape())])
_define("DeleteSessionTensor", _delete, lambda op: [])
_KEEP = Signature("GetSessionHandle", "value: T")
_READ = Signature("GetSessionTensor", "handle: string")
_DELETE = Signature("DeleteSessionTensor", "handle: string")


def get_session_handle(data: Any, name: str | None = None) -> Tensor:
    """Return a handle of what `data` is in a run; the session keeps that for later runs.

    Fetched, it is a `TensorHandle`, as long as which lives the tensor does.

    Raises
    ------
    TypeError : `data` is no tensor.
    """
    if not isinstance(data, Tensor):
        raise TypeError("`data` must be of type Tensor.")
    with get_default_graph().colocate_with(data):
        return _KEEP(data, name=name).outputs[0]


def _device(handle: Any) -> Any:
    text = handle.decode() if isinstance(handle, bytes) else str(handle)
    return get_default_graph().device(canonical_name(text.split(";")[-1]))


def get_session_tensor(handle: Any, dtype: Any, name: str | None = None) -> tuple[Tensor, Tensor]:
    """Return a placeholder for a handle, and the tensor that the fed one names.

    Parameters
    ----------
    handle : any handle's text, which says where the tensor lies.
    dtype : of the tensor.
    """
    with _device(handle):
        holder = placeholder(string)
        return holder, _READ(holder, dtype=as_dtype(dtype), name=name).outputs[0]


def delete_session_tensor(handle: Any, name: str | None = None) -> tuple[Tensor, Operation]:
    """Return a placeholder for a handle, and an operation that lets go of the tensor it names."""
    with _device(handle):
        holder = placeholder(string)
        return holder, _DELETE(holder, name=name)
