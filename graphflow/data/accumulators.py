"""Accumulators of gradients: sums that wait until enough parts are there.

As with queues, what one holds is kept by session, and a run that waits does not hold up others.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from graphflow import errors
from graphflow.data.queue_contents import maker_of, state_of, wait_for_change
from graphflow.data.queues import define_call, define_handle
from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.dtypes import as_dtype, int32, int64, resource, string
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor
from graphflow.ops.casting import cast

Array = np.ndarray[Any, Any]
_SCALAR = TensorShape([])


class Content:
    """What an accumulator holds in one session."""

    def __init__(self, maker: Operation) -> None:
        self.kind = maker.type
        self.requests = {
            "dtype": maker.attrs["dtype"].name, "shape": str(maker.attrs["shape"]),
        }  # fmt: skip
        self.total: Array | None = None
        self.count = self.step = 0
        self.changed = threading.Condition()

    def add(self, gradient: Array, step: int) -> None:
        """Add a gradient, unless it was made for a step that is over."""
        with self.changed:
            if step >= self.step:
                fresh = self.count == 0 or self.total is None
                self.total = gradient.copy() if fresh else self.total + gradient
                self.count += 1
                self.changed.notify_all()

    def wait_for(self, required: int, op: Operation) -> None:
        """Wait for enough gradients; to be called with the lock held."""
        while self.count < required:
            wait_for_change(self.changed, op)

    def take(self, required: int, is_mean: bool, op: Operation) -> Array:
        """Wait for enough gradients; return their sum or mean and begin the next step."""
        with self.changed:
            self.wait_for(required, op)
            assert self.total is not None
            found = self.total / self.total.dtype.type(self.count) if is_mean else self.total
            self.total, self.count = None, 0
            self.step += 1
            return np.asarray(found)


def content_of(op: Operation) -> Content:
    """What an operation's accumulator holds in the session of the run that is on."""
    found: Content = state_of(op).here()
    return found


def _apply(op: Operation, step: Array, gradient: Array) -> list[Array]:
    shape = maker_of(op).attrs["shape"]
    content = content_of(op)
    for wanted in (shape, shape if content.total is None else TensorShape(content.total.shape)):
        if not wanted.is_compatible_with(gradient.shape):
            raise errors.InvalidArgumentError(
                None, op, f"Shape mismatch: expected {wanted}, got {gradient.shape}"
            )
    content.add(gradient, int(step))
    return []


def _take(op: Operation, required: Array) -> list[Array]:
    if required < 1:
        raise errors.InvalidArgumentError(
            None, op, f"Argument num_required must be positive, got {int(required)}"
        )
    is_mean = maker_of(op).attrs["reduction_type"] == "MEAN"
    return [content_of(op).take(int(required), is_mean, op)]


def _count(op: Operation) -> list[Array]:
    return [np.asarray(content_of(op).count, np.int32)]


def _set_step(op: Operation, step: Array) -> list[Array]:
    content = content_of(op)
    with content.changed:
        content.step = int(step)
    return []


def _taken(op: Operation) -> list[Any]:
    attrs = maker_of(op).attrs
    return [(attrs["dtype"], attrs["shape"])]


def _define(prefix: str, handle: Any) -> None:
    """Define the operations of one kind; they differ in the type of the handle only."""
    define_handle(f"{prefix}ConditionalAccumulator", Content, handle, TensorShape([2]))
    define_call(f"{prefix}AccumulatorApplyGradient", _apply)
    define_call(f"{prefix}AccumulatorTakeGradient", _take, _taken)
    define_call(f"{prefix}AccumulatorNumAccumulated", _count, [(int32, _SCALAR)])
    define_call(f"{prefix}AccumulatorSetGlobalStep", _set_step)


_define("Resource", resource)  # dense ones
_define("", string)  # sparse ones, and dense ones of programs before TensorFlow 1.15


def _signature(name: str, handle: Tensor, *arguments: str) -> Signature:
    """What makes an operation on a handle of either kind."""
    prefix, kind = ("Resource", "resource") if handle.dtype is resource else ("", "string")
    return Signature(f"{prefix}Accumulator{name}", f"handle: {kind}", *arguments)


class AccumulatorBase:
    """What accumulators of all kinds have.

    Attributes
    ----------
    accumulator_ref : the handle.
    dtype, shape : of the gradients.
    """

    def __init__(
        self, op_type: str, dtype: Any, shape: Any, shared_name: str | None, name: str,
        reduction_type: str,
    ) -> None:  # fmt: skip
        if reduction_type not in ("MEAN", "SUM"):
            raise ValueError(f"expected reduction_type MEAN or SUM, got {reduction_type!r}")
        self.dtype, self.shape = as_dtype(dtype).base_dtype, TensorShape(shape)
        self.accumulator_ref = Signature(op_type)(
            name=name, dtype=self.dtype, shape=self.shape, shared_name=shared_name or "",
            container="", reduction_type=reduction_type,
        ).outputs[0]  # fmt: skip

    @property
    def name(self) -> str:
        """The operation's name."""
        return self.accumulator_ref.op.name

    def num_accumulated(self, name: str | None = None) -> Tensor:
        """How many gradients there are."""
        count = _signature("NumAccumulated", self.accumulator_ref)
        return count(self.accumulator_ref, name=name or f"{self.name}_NumAccumulated").outputs[0]

    def set_global_step(self, new_global_step: Any, name: str | None = None) -> Operation:
        """An operation that sets the step before which gradients are stale."""
        step = cast(new_global_step, int64)
        set_step = _signature("SetGlobalStep", self.accumulator_ref, "new_global_step: int64")
        return set_step(self.accumulator_ref, step, name=name)


class ConditionalAccumulator(AccumulatorBase):
    """A sum of gradients that can be taken once enough of them are there.

    Parameters
    ----------
    dtype, shape : of the gradients; any shape when None.
    shared_name : accumulators of one name are one.
    reduction_type : ``"MEAN"`` or ``"SUM"``, what is taken.
    """

    def __init__(
        self, dtype: Any, shape: Any = None, shared_name: str | None = None,
        name: str = "conditional_accumulator", reduction_type: str = "MEAN",
    ) -> None:  # fmt: skip
        super().__init__(
            "ResourceConditionalAccumulator", dtype, shape, shared_name, name, reduction_type
        )

    def apply_grad(self, grad: Any, local_step: Any = 0, name: str | None = None) -> Operation:
        """An operation that adds a gradient, unless `local_step` is before the global step."""
        grad = convert_to_tensor(grad, self.dtype)
        grad.shape.assert_is_compatible_with(self.shape)
        step = cast(local_step, int64)
        arguments = ("local_step: int64", "gradient: dtype")
        apply = _signature("ApplyGradient", self.accumulator_ref, *arguments)
        return apply(self.accumulator_ref, step, grad, name=name)

    def take_grad(self, num_required: Any, name: str | None = None) -> Tensor:
        """The mean, or sum, once there are `num_required`; the global step goes up by one."""
        take = _signature("TakeGradient", self.accumulator_ref, "num_required: int32")
        made = take(self.accumulator_ref, num_required, name=name, dtype=self.dtype)
        return made.outputs[0]
