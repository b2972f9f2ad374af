"""The operations of TensorArrays, with their gradients.

`mode`, `is_checked` and the elements' shape are attributes that graphs from TensorFlow do not have.

TensorFlow's `flow` is a float32 scalar that orders reads and writes. In a run it is the array
itself, its elements stacked (`trace/array_builder.py`), and so its gradient is an array as well:
writing an element has the gradient of reading it, and reading one that of adding to it.
"""

from __future__ import annotations

from typing import Any

from graphflow.graph.apply import Signature
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import float32, int32, int64, resource
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import TensorShape, unknown_shape
from graphflow.graph.tensor import Tensor
from graphflow.ir.dims import dims_equal
from graphflow.ir.node import Node
from graphflow.ops.creation import zeros_like
from graphflow.ops.shape_rules import Types

_SCALAR = TensorShape([])


def _flow_only(op: Operation) -> Types:
    return [(float32, _SCALAR)]


def _element_shape(op: Operation) -> TensorShape:
    """What is known of an element's shape: TensorFlow keeps it with the array alone."""
    shape = op.attrs.get("element_shape")
    if shape is None:
        maker = op.inputs[0].op
        while maker.type in ("Enter", "Identity", "Switch", "TensorArrayGradV3"):
            maker = maker.inputs[0].op
        shape = maker.attrs.get("element_shape") if maker.type == "TensorArrayV3" else None
    return TensorShape(shape)


def _is_differentiable(op: Operation, value: Tensor) -> bool:
    return value.dtype.base_dtype.kind in ("float", "complex")


def _of_gradients(handle: Tensor, flow: Tensor) -> Tensor:
    """The handle of the array of gradients, which TensorFlow keeps apart for each sweep."""
    with name_scope("TensorArrayGrad") as scope:
        parts = scope.rstrip("/").split("/")
        sweeps = [k for k, part in enumerate(parts) if part.startswith("gradients")]
        source = "/".join(parts[: sweeps[-1] + 1] if sweeps else parts[:1])
        return _GRAD(handle, flow, source=source).outputs[0]


# ---- making one


def _infer_new(op: Operation) -> Types:
    return [(resource, TensorShape([2])), (float32, _SCALAR)]


def _lower_new(b: Any, op: Operation, size: Any) -> Any:
    handle = b.array_handle(op, *b.static_ints(size))
    return handle, b.new_array(handle)


def _lower_gradient_array(b: Any, op: Operation, handle: Any, flow: Any) -> Any:
    return handle, flow


define_op(
    name="TensorArrayV3", infer=_infer_new, lower=_lower_new, no_gradient="its input is a size"
)
define_op(
    name="TensorArrayGradV3", infer=_infer_new, lower=_lower_gradient_array,
    no_gradient="none in TensorFlow",
)  # fmt: skip
define_op(
    name="TensorArrayCloseV3", infer=lambda op: [], lower=lambda b, op, handle: (),
    no_gradient="it has no output",
)  # fmt: skip


# ---- one element


def _lower_write(b: Any, op: Operation, handle: Any, index: Any, value: Any, flow: Any) -> Any:
    mode, is_checked = op.attrs.get("mode", "set"), op.attrs.get("is_checked", False)
    return b.write_at(handle, mode, index, value, flow, is_checked)


def _write_gradient(op: Operation, gradient: Tensor) -> list[Any]:
    handle, index, value, _ = op.inputs
    if not _is_differentiable(op, value):
        return [None, None, None, None]
    gradients = _of_gradients(handle, gradient)
    read = read_element(gradients, index, gradient, value.dtype, value.shape, is_checked=True)
    return [None, None, read, gradient]


def _infer_element(op: Operation) -> Types:
    return [(op.attrs["dtype"], _element_shape(op))]


def _lower_read(b: Any, op: Operation, handle: Any, index: Any, flow: Any) -> Any:
    is_checked = op.attrs.get("is_checked", False)
    return b.read_at(handle, index, flow, _element_shape(op), is_checked)


def _read_gradient(op: Operation, gradient: Tensor) -> list[Any]:
    handle, index, flow = op.inputs
    zeros = zeros_like(flow, optimize=False)
    gradients = _of_gradients(handle, zeros)
    return [None, None, write_element(gradients, index, gradient, zeros, "add", is_checked=True)]


define_op(name="TensorArrayWriteV3", infer=_flow_only, lower=_lower_write, gradient=_write_gradient)
define_op(
    name="TensorArrayReadV3", infer=_infer_element, lower=_lower_read, gradient=_read_gradient
)


# ---- several elements


def _is_all(indices: Node, size: Any) -> bool:
    """Whether indices are those of all elements, in order."""
    if indices.op == "iota":
        return indices.rank == 1 and dims_equal(indices.shape[0], size)
    return indices.rank == 1 and indices.op == "broadcast" and size == 1 == indices.shape[0]


def _infer_gather(op: Operation) -> Types:
    indices = op.inputs[1].shape
    count = None if indices.rank != 1 else indices.as_list()[0]
    element = _element_shape(op)
    return [(op.attrs["dtype"], TensorShape([count]).concatenate(element))]


def _lower_gather(b: Any, op: Operation, handle: Any, indices: Any, flow: Any) -> Any:
    array = b.stacked(handle, flow, _element_shape(op))
    if _is_all(indices, array.shape[0]):
        return array
    if indices.shape[0] == 0 or array.shape[0] == 0:
        return b.full((indices.shape[0], *array.shape[1:]), 0, array.dtype)
    if not op.attrs.get("is_checked", False):
        b.check_indices(handle, indices, array.shape[0])
    return b.gather(array, b.runtime(indices))


def _gather_gradient(op: Operation, gradient: Tensor) -> list[Any]:
    handle, indices, flow = op.inputs
    zeros = zeros_like(flow, optimize=False)
    gradients = _of_gradients(handle, zeros)
    return [None, None, scatter_elements(gradients, indices, gradient, zeros, "add")]


def _lower_scatter(b: Any, op: Operation, handle: Any, indices: Any, value: Any, flow: Any) -> Any:
    return b.write_rows(handle, op.attrs.get("mode", "set"), indices, value, flow, _is_all)


def _scatter_gradient(op: Operation, gradient: Tensor) -> list[Any]:
    handle, indices, value, _ = op.inputs
    if not _is_differentiable(op, value):
        return [None, None, None, None]
    element = value.shape[1:] if value.shape.rank is not None else unknown_shape()
    gradients = _of_gradients(handle, gradient)
    read = gather_elements(gradients, indices, gradient, value.dtype, element, is_checked=True)
    return [None, None, read, gradient]


define_op(
    name="TensorArrayGatherV3", infer=_infer_gather, lower=_lower_gather, gradient=_gather_gradient
)
define_op(
    name="TensorArrayScatterV3", infer=_flow_only, lower=_lower_scatter, gradient=_scatter_gradient
)


# ---- elements joined along their first axis


def _infer_concat(op: Operation) -> Types:
    rest = TensorShape(op.attrs.get("element_shape_except0"))
    return [
        (op.attrs["dtype"], TensorShape([None]).concatenate(rest)),
        (int64, TensorShape([None])),
    ]


def _lower_concat(b: Any, op: Operation, handle: Any, flow: Any) -> Any:
    parts = b.element_nodes(handle, flow)
    if isinstance(parts, Node):
        size, length, *rest = parts.shape
        return b.reshape(parts, (size * length, *rest)), b.broadcast(
            b.dim(length, int64), (size,), ()
        )
    lengths = b.shape_value([p.shape[0] for p in parts], int64)
    return b.concat(parts, 0), lengths


def _concat_gradient(op: Operation, gradient: Tensor, lengths: Any) -> list[Any]:
    handle, flow = op.inputs
    zeros = zeros_like(flow, optimize=False)
    gradients = _of_gradients(handle, zeros)
    return [None, split_elements(gradients, gradient, op.outputs[1], zeros)]


def _lower_split(b: Any, op: Operation, handle: Any, value: Any, lengths: Any, flow: Any) -> Any:
    return b.split_rows(handle, value, b.static_ints(lengths), flow)


def _split_gradient(op: Operation, gradient: Tensor) -> list[Any]:
    handle, value, _, _ = op.inputs
    if not _is_differentiable(op, value):
        return [None, None, None, None]
    rest = value.shape[1:] if value.shape.rank is not None else unknown_shape()
    gradients = _of_gradients(handle, gradient)
    return [None, concat_elements(gradients, gradient, value.dtype, rest), None, gradient]


define_op(
    name="TensorArrayConcatV3", infer=_infer_concat, lower=_lower_concat, gradient=_concat_gradient
)
define_op(name="TensorArraySplitV3", infer=_flow_only, lower=_lower_split, gradient=_split_gradient)


# ---- how many


def _lower_size(b: Any, op: Operation, handle: Any, flow: Any) -> Any:
    return b.dim(b.array_size(handle, flow), int32)


define_op(
    name="TensorArraySizeV3", infer=lambda op: [(int32, _SCALAR)], lower=_lower_size,
    no_gradient="a number",
)  # fmt: skip

_HANDLE, _FLOW = "handle: resource", "flow_in: float32"
_NEW = Signature("TensorArrayV3", "size: int32")
_GRAD = Signature("TensorArrayGradV3", _HANDLE, _FLOW)
_CLOSE = Signature("TensorArrayCloseV3", _HANDLE)
_WRITE = Signature("TensorArrayWriteV3", _HANDLE, "index: int32", "value: T", _FLOW)
_READ = Signature("TensorArrayReadV3", _HANDLE, "index: int32", _FLOW)
_GATHER = Signature("TensorArrayGatherV3", _HANDLE, "indices: int32", _FLOW)
_SCATTER = Signature("TensorArrayScatterV3", _HANDLE, "indices: int32", "value: T", _FLOW)
_CONCAT = Signature("TensorArrayConcatV3", _HANDLE, _FLOW)
_SPLIT = Signature("TensorArraySplitV3", _HANDLE, "value: T", "lengths: int64", _FLOW)
_SIZE = Signature("TensorArraySizeV3", _HANDLE, _FLOW)


def new_array(size: Any, name: str | None = None, **attrs: Any) -> tuple[Tensor, Tensor]:
    """A new array: its handle and its flow."""
    handle, flow = _NEW(size, name=name, **attrs).outputs
    return handle, flow


def gradient_array(
    handle: Tensor, flow: Tensor, source: str, name: str | None = None
) -> tuple[Tensor, Tensor]:
    """An array for the gradients of another one's elements, zeros at first."""
    zeros = zeros_like(flow, optimize=False)
    made, start = _GRAD(handle, zeros, name=name, source=source).outputs
    return made, start


def close_array(handle: Tensor, name: str | None = None) -> Operation:
    """Do nothing: an array lives as long as it is used."""
    return _CLOSE(handle, name=name)


def write_element(
    handle: Tensor, index: Any, value: Any, flow: Tensor, mode: str = "set",
    is_checked: bool = False, name: str | None = None,
) -> Tensor:  # fmt: skip
    """The flow with one element set or added to; `is_checked`: the index is known to be right."""
    op = _WRITE(handle, index, value, flow, name=name, mode=mode, is_checked=is_checked)
    return op.outputs[0]


def read_element(
    handle: Tensor, index: Any, flow: Tensor, dtype: Any, shape: Any, is_checked: bool = False,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """One element; `shape` is what is known of its shape."""
    attrs = {"dtype": dtype.base_dtype, "element_shape": TensorShape(shape)}
    return _READ(handle, index, flow, name=name, is_checked=is_checked, **attrs).outputs[0]


def gather_elements(
    handle: Tensor, indices: Any, flow: Tensor, dtype: Any, shape: Any, is_checked: bool = False,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Elements, stacked."""
    attrs = {"dtype": dtype.base_dtype, "element_shape": TensorShape(shape)}
    return _GATHER(handle, indices, flow, name=name, is_checked=is_checked, **attrs).outputs[0]


def scatter_elements(
    handle: Tensor, indices: Any, value: Any, flow: Tensor, mode: str = "set",
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """The flow with several elements set or added to."""
    return _SCATTER(handle, indices, value, flow, name=name, mode=mode).outputs[0]


def concat_elements(
    handle: Tensor, flow: Tensor, dtype: Any, rest: Any, name: str | None = None
) -> Tensor:
    """All elements, joined along their first axis; `rest` is the shape of the other axes."""
    attrs = {"dtype": dtype.base_dtype, "element_shape_except0": TensorShape(rest)}
    return _CONCAT(handle, flow, name=name, **attrs).outputs[0]


def split_elements(
    handle: Tensor, value: Any, lengths: Any, flow: Tensor, name: str | None = None
) -> Tensor:
    """The flow with the parts of a value as its elements."""
    return _SPLIT(handle, value, lengths, flow, name=name).outputs[0]


def array_size(handle: Tensor, flow: Tensor, name: str | None = None) -> Tensor:
    """The number of elements."""
    return _SIZE(handle, flow, name=name).outputs[0]
