"""Changing elements by index: tensor_scatter_update, and scatter_nd_add and others of variables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from graphflow.graph.apply import Signature
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import merge_in_op, shape_from_tuple
from graphflow.graph.tensor import Tensor
from graphflow.ir.dims import product
from graphflow.ops.creation import zeros_like
from graphflow.ops.gathering import flat_places, gather_nd
from graphflow.ops.kinds import ALL_NUMBERS, INDEX
from graphflow.ops.shape_rules import Types
from graphflow.ops.state import variable_of
from graphflow.ops.unary import negative

__all__ = [
    "scatter_nd_add", "scatter_nd_sub", "scatter_nd_update", "tensor_scatter_add",
    "tensor_scatter_nd_add", "tensor_scatter_nd_sub", "tensor_scatter_nd_update",
    "tensor_scatter_sub", "tensor_scatter_update",
]  # fmt: skip


@dataclass(frozen=True)
class _NoSuchElement:
    shape: tuple[Any, ...]

    def __call__(self, indices: Any) -> str:
        rows = indices.reshape(-1, indices.shape[-1])
        limits = np.array(self.shape[: indices.shape[-1]])
        first = int(np.flatnonzero(((rows < 0) | (rows >= limits)).any(axis=1))[0])
        place = ",".join(str(k) for k in np.unravel_index(first, indices.shape[:-1]))
        shape = "[" + ",".join(str(d) for d in self.shape) + "]"
        values = ", ".join(str(v) for v in rows[first])
        return f"indices[{place}] = [{values}] does not index into shape {shape}"


def _check_updates(op: Operation) -> None:
    """The shapes' rule: ``updates.shape == indices.shape[:-1] + shape[depth:]``."""
    whole, places, updates = (t.shape.extents for t in op.inputs)
    if not places or updates is None or places[-1] is None:
        return
    outer = len(places) - 1
    shown = _text(places), _text(updates)
    try:
        merge_in_op(shape_from_tuple(places[:-1]), shape_from_tuple(updates[:outer]))
    except ValueError as error:
        raise ValueError(
            f"The outer {outer} dimensions of indices.shape={shown[0]} must match the outer "
            f"{outer} dimensions of updates.shape={shown[1]}: {error}"
        ) from None
    if whole is None:
        return
    inner = len(whole) - places[-1]
    try:
        merge_in_op(shape_from_tuple(whole[places[-1] :]), shape_from_tuple(updates[outer:]))
    except ValueError as error:
        raise ValueError(
            f"The inner {inner} dimensions of input.shape={_text(whole)} must match the inner "
            f"{len(updates) - outer} dimensions of updates.shape={shown[1]}: {error}"
        ) from None


def _text(extents: Any) -> str:
    return "[" + ",".join("?" if d is None else str(d) for d in extents) + "]"


def _scattered(b: Any, mode: str, x: Any, indices: Any, updates: Any) -> Any:
    """`x` with the elements or parts that the rows of `indices` name changed."""
    depth = indices.shape[-1]
    rest = x.shape[depth:]
    updates = b.broadcast_to(updates, (*indices.shape[:-1], *rest))
    if 0 in (*indices.shape[:-1], *updates.shape):
        return x
    if mode == "sub":
        mode, updates = "add", b.neg(updates)
    places = flat_places(b, indices, x.shape, _NoSuchElement(tuple(x.shape)))
    flat = b.reshape(x, (product(x.shape[:depth]), *rest))
    count = product(places.shape)
    rows = b.reshape(updates, (count, *rest))
    return b.reshape(b.scatter(mode, flat, b.reshape(places, (count,)), rows), x.shape)


# ---- tensors


def _infer_tensor(op: Operation) -> Types:
    _check_updates(op)
    return [(op.inputs[0].dtype.base_dtype, op.inputs[0].shape)]


def _update_gradient(op: Operation, gradient: Any) -> list[Any]:
    indices, updates = op.inputs[1:]
    kept = tensor_scatter_update(gradient, indices, zeros_like(updates))
    return [kept, None, gather_nd(gradient, indices)]


_TENSOR: dict[str, Signature] = {}
for _name, _mode, _gradient in [
    ("TensorScatterUpdate", "set", _update_gradient),
    ("TensorScatterAdd", "add", lambda op, g: [g, None, gather_nd(g, op.inputs[1])]),
    ("TensorScatterSub", "sub", lambda op, g: [g, None, negative(gather_nd(g, op.inputs[1]))]),
]:
    define_op(
        _name,
        _infer_tensor,
        lambda b, op, x, indices, updates, mode=_mode: _scattered(b, mode, x, indices, updates),
        _gradient,
    )
    _TENSOR[_name] = Signature(
        _name, "tensor: T", "indices: Tindices", "updates: T", Tindices=INDEX
    )


def tensor_scatter_update(
    tensor: Any, indices: Any, updates: Any, name: str | None = None
) -> Tensor:
    """Return `tensor` with the parts that `indices` name replaced.

    Parameters
    ----------
    indices : the last axis holds an index for each of the first axes of `tensor`.
    updates : a part for each of them.
    """
    return _TENSOR["TensorScatterUpdate"](tensor, indices, updates, name=name).outputs[0]


def tensor_scatter_add(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Tensor:
    """Return `tensor` with `updates` added; see `tensor_scatter_update`."""
    return _TENSOR["TensorScatterAdd"](tensor, indices, updates, name=name).outputs[0]


def tensor_scatter_sub(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Tensor:
    """Return `tensor` with `updates` subtracted; see `tensor_scatter_update`."""
    return _TENSOR["TensorScatterSub"](tensor, indices, updates, name=name).outputs[0]


tensor_scatter_nd_update = tensor_scatter_update
tensor_scatter_nd_add = tensor_scatter_add
tensor_scatter_nd_sub = tensor_scatter_sub

# ---- variables


def _infer_variable(op: Operation) -> Types:
    _check_updates(op)
    return [(op.inputs[0].dtype, op.inputs[0].shape)]


def _lower_variable(mode: str) -> Any:
    def lower(b: Any, op: Operation, _: Any, indices: Any, updates: Any) -> Any:
        variable = variable_of(op.inputs[0])
        value = b.read_variable(variable)
        return b.write_variable(variable, _scattered(b, mode, value, indices, updates))

    return lower


_VARIABLE: dict[str, Signature] = {}
for _name, _mode in [("ScatterNdUpdate", "set"), ("ScatterNdAdd", "add"), ("ScatterNdSub", "sub")]:
    define_op(
        name=_name,
        infer=_infer_variable,
        lower=_lower_variable(_mode),
        no_gradient="an assignment",
        stateful=True,
        takes_reference=True,
    )
    _types = {} if _mode == "set" else {"T": ALL_NUMBERS}
    _VARIABLE[_name] = Signature(
        _name, "ref: Ref(T)", "indices: Tindices", "updates: T", Tindices=INDEX, **_types
    )


def _variable_scatter(
    op_type: str, ref: Any, indices: Any, updates: Any, locking: bool, name: str | None
) -> Tensor:
    if isinstance(ref, Tensor) and not ref.dtype._is_ref_dtype:
        raise AttributeError("'Tensor' object has no attribute '_lazy_read'")
    signature = _VARIABLE[op_type]
    return signature(ref, indices, updates, use_locking=locking, name=name).outputs[0]


def scatter_nd_update(
    ref: Any, indices: Any, updates: Any, use_locking: bool = True, name: str | None = None
) -> Tensor:
    """Replace parts of a variable; return its reference as it is then.

    Parameters
    ----------
    indices : the last axis holds an index for each of the first axes of the variable.
    updates : a part for each of them.
    """
    return _variable_scatter("ScatterNdUpdate", ref, indices, updates, use_locking, name)


def scatter_nd_add(
    ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None
) -> Tensor:
    """Add to parts of a variable; see `scatter_nd_update`."""
    return _variable_scatter("ScatterNdAdd", ref, indices, updates, use_locking, name)


def scatter_nd_sub(
    ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None
) -> Tensor:
    """Subtract from parts of a variable; see `scatter_nd_update`."""
    return _variable_scatter("ScatterNdSub", ref, indices, updates, use_locking, name)
