"""Arrays that a loop fills, one element a round: what gradients of loops read, and TensorArrays.

In the graph these are tensors of a type and an unknown shape. In the trace they are one tensor with
the elements stacked, written in place; see `trace/arrays.py`.
"""

from __future__ import annotations

from typing import Any

from graphflow.errors import UnimplementedError
from graphflow.graph.apply import Signature
from graphflow.graph.dtypes import resource
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import TensorShape, unknown_shape
from graphflow.graph.tensor import Tensor
from graphflow.ops.creation import zeros_like
from graphflow.ops.identity import Types

__all__ = [
    "add_element",
    "element_gradient",
    "loop_array",
    "no_element",
    "read_element",
    "write_element",
]


def _infer_array(op: Operation) -> Types:
    return [(op.attrs["dtype"], unknown_shape())]


def _infer_element(op: Operation) -> Types:
    return [(op.inputs[0].dtype, TensorShape(op.attrs["element_shape"]))]


def _lower_array(b: Any, op: Operation) -> Any:
    return b.loop_array(op.attrs["dtype"], op.attrs["frame_name"])


def lower_write(b: Any, op: Operation, array: Any, index: Any, value: Any) -> Any:
    """The array with one element replaced."""
    return b.keep_element(array, index, value, _is_array(op.inputs[2]))


def _is_array(tensor: Tensor) -> bool:
    """Whether a tensor is what an inner loop has stored."""
    op = tensor.op
    while op.type in ("Merge", "Exit", "Switch", "Enter", "Identity"):
        op = op.inputs[0].op
    return op.type == "LoopArray"


def lower_add(b: Any, op: Operation, array: Any, index: Any, value: Any) -> Any:
    """The array with something added to one element."""
    return b.write_element("add", array, index, value)


def lower_read(b: Any, op: Operation, array: Any, index: Any) -> Any:
    """One element."""
    return b.read_element(array, index)


def _read_gradient(op: Operation, gradient: Any) -> list[Any]:
    return [element_gradient(op.inputs[0], op.inputs[1], gradient), None]


def _write_gradient(op: Operation, gradient: Any) -> list[Any]:
    return [gradient, None, read_element(gradient, op.inputs[1], op.inputs[2].shape)]


define_op(
    name="LoopArray",
    infer=_infer_array,
    lower=_lower_array,
    no_gradient="it has no inputs",
)
define_op(
    name="NoElement",
    infer=lambda op: [(op.attrs["dtype"], unknown_shape())],
    lower=lambda b, op, present: b.no_element(op.attrs["dtype"]),
    no_gradient="it has no value",
)
define_op(
    name="LoopArrayWrite",
    infer=lambda op: [(op.inputs[0].dtype, unknown_shape())],
    lower=lower_write,
    gradient=_write_gradient,
)
define_op(
    name="LoopArrayAdd",
    infer=lambda op: [(op.inputs[0].dtype, op.inputs[0].shape)],
    lower=lower_add,
    gradient=_write_gradient,
)
define_op(
    name="LoopArrayRead",
    infer=_infer_element,
    lower=lower_read,
    gradient=_read_gradient,
)


# TensorFlow's stacks, which graphs from files hold: `graph.loop_stacks` replaces what it can.


def _infer_push(op: Operation) -> Types:
    return [(op.inputs[1].dtype, op.inputs[1].shape)]


def _refuse(b: Any, op: Operation, *inputs: Any) -> Any:
    raise UnimplementedError(
        None, op, f"{op.name} ({op.type}): expected a stack that one loop fills, got one of a loop "
        "in a loop, of a branch in a branch, or of no loop",
    )  # fmt: skip


for _name, _infer in [
    ("StackV2", lambda op: [(resource, TensorShape([2]))]),
    ("StackPushV2", _infer_push),
    ("StackPopV2", lambda op: [(op.attrs["elem_type"], unknown_shape())]),
]:
    define_op(name=_name, infer=_infer, lower=_refuse, no_gradient="none in TensorFlow")

_ARRAY = Signature("LoopArray")
_NO_ELEMENT = Signature("NoElement", "present: bool")
_WRITE = Signature("LoopArrayWrite", "array: T", "index: int32", "value: T")
_ADD = Signature("LoopArrayAdd", "array: T", "index: int32", "value: T")
_READ = Signature("LoopArrayRead", "array: T", "index: int32")


def loop_array(dtype: Any, frame_name: str, name: str = "LoopArray") -> Tensor:
    """An array with one element for each round of a loop."""
    return _ARRAY(name=name, dtype=dtype, frame_name=frame_name).outputs[0]


def no_element(present: Tensor, dtype: Any, name: str = "NoElement") -> Tensor:
    """What a branch has in place of a value of the other one; there where `present` is."""
    return _NO_ELEMENT(present, name=name, dtype=dtype).outputs[0]


def write_element(array: Tensor, index: Any, value: Any, name: str | None = None) -> Tensor:
    """The array with element `index` replaced by `value`."""
    return _WRITE(array, index, value, name=name).outputs[0]


def add_element(array: Tensor, index: Any, value: Any, name: str | None = None) -> Tensor:
    """The array with `value` added to element `index`."""
    return _ADD(array, index, value, name=name).outputs[0]


def read_element(array: Tensor, index: Any, shape: Any = None, name: str | None = None) -> Tensor:
    """Element `index` of the array; `shape` is what is known of its shape."""
    return _READ(array, index, name=name, element_shape=TensorShape(shape)).outputs[0]


def element_gradient(array: Tensor, index: Any, gradient: Any) -> Tensor:
    """The gradient of an array of which one element was read."""
    return add_element(zeros_like(array, optimize=False), index, gradient)
