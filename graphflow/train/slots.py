"""Slots: variables of an optimizer that accompany a variable, named after it: ``w/Momentum``."""

from __future__ import annotations

from typing import Any

from graphflow.graph.dtypes import DType
from graphflow.ops.creation import zeros
from graphflow.ops.initializers import Zeros
from graphflow.ops.shape import shape as shape_op
from graphflow.ops.variable_scope import get_variable, get_variable_scope, variable_scope
from graphflow.ops.variables import SaveSliceInfo

__all__ = ["create_slot", "create_slot_with_initializer", "create_zeros_slot"]


def _make(primary: Any, name: str, initializer: Any, shape: Any, dtype: DType | None) -> Any:
    """Make the slot's variable in a variable scope that is named after it."""
    known = (initializer.shape if shape is None else shape).is_fully_defined()
    with variable_scope(None, f"{primary.op.name}/{name}"):
        scope = get_variable_scope()
        # The primary is one part already if it is a part of a partitioned variable.
        partitioner = scope.partitioner
        scope.set_partitioner(None)
        with primary.graph.colocate_with(primary.op):
            slot = get_variable(
                "", initializer=initializer, trainable=False, shape=shape, dtype=dtype,
                validate_shape=known,
            )  # fmt: skip
        scope.set_partitioner(partitioner)
    info = getattr(primary, "_save_slice_info", None)
    if info is not None and slot.shape.as_list() == list(info.var_shape):
        # TensorFlow cuts the name at this length, whatever scope the slot was made in.
        rest = slot.op.name[len(primary.op.name) + 1 :]
        part = SaveSliceInfo(
            f"{info.full_name}/{rest}", info.full_shape, info.var_offset, info.var_shape
        )
        slot._set_save_slice_info(part)
    return slot


def create_slot(primary: Any, val: Any, name: str) -> Any:
    """Return a new variable for `primary` that starts as the tensor `val`."""
    return _make(primary, name, val, None, None)


def create_slot_with_initializer(
    primary: Any, initializer: Any, shape: Any, dtype: DType, name: str
) -> Any:
    """Return a new variable for `primary` of the given shape and type."""
    return _make(primary, name, initializer, shape, dtype)


def create_zeros_slot(primary: Any, name: str, dtype: DType | None = None) -> Any:
    """Return a new variable for `primary` that starts as zeros of its shape."""
    dtype = primary.dtype.base_dtype if dtype is None else dtype
    shape = primary.get_shape()
    if shape.is_fully_defined():
        return create_slot_with_initializer(primary, Zeros(dtype), shape, dtype, name)
    sizes = shape_op(primary.initialized_value())
    return create_slot(primary, zeros(sizes, dtype=dtype), name)
