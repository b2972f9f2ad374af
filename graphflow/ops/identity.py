"""Ops that bring a value into the graph or hand it on unchanged.

Const, Placeholder, Identity and NoOp; the ops that differ from Identity only in their gradient
(StopGradient, PreventGradient); and what is built from them: `group`, `tuple`,
`with_dependencies`.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor, convert_to_tensor_or_indexed_slices
from graphflow.graph.default import control_dependencies, device, get_default_graph, name_scope
from graphflow.graph.dtypes import DType, as_dtype
from graphflow.graph.indexed_slices import IndexedSlices
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import TensorShape, as_shape, merge_in_op
from graphflow.graph.tensor import Tensor

Types = list[builtins.tuple[DType, TensorShape]]


def same_as_input(op: Operation) -> Types:
    """Shape rule: one output of the first input's type and shape; never a reference."""
    return [(op.inputs[0].dtype.base_dtype, op.inputs[0].shape)]


def same_as_inputs(op: Operation) -> Types:
    """Shape rule: one output for each input, of its type and shape."""
    return [(tensor.dtype.base_dtype, tensor.shape) for tensor in op.inputs]


def no_outputs(op: Operation) -> Types:
    """Shape rule of an op that is run for its effect, or for the order it gives."""
    return []


def _infer_default(op: Operation) -> Types:
    merge_in_op(op.inputs[0].shape, op.attrs["shape"])
    return [(op.attrs["dtype"], op.attrs["shape"])]


def _refuse_gradient(op: Operation, *gradients: Any) -> Any:
    raise LookupError(f"Gradient explicitly disabled. Reason: {op.get_attr('message')!r}")


define_op(
    name="Const",
    infer=lambda op: [(op.attrs["dtype"], TensorShape(op.attrs["value"].shape))],
    lower=lambda b, op: b.const(op.attrs["value"]),
    no_gradient="it has no inputs",
)
define_op(
    name="Placeholder",
    infer=lambda op: [(op.attrs["dtype"], op.attrs["shape"])],
    lower=lambda b, op: b.placeholder(op),
    no_gradient="it has no inputs",
)
define_op(
    name="PlaceholderWithDefault",
    infer=_infer_default,
    lower=lambda b, op, default: b.identity(default),  # when it is fed, the trace cuts here
    gradient=lambda op, gradient: [gradient],
)
define_op(
    name="Identity",
    infer=same_as_input,
    lower=lambda b, op, x: b.identity(x),
    gradient=lambda op, gradient: [gradient],
)
define_op(
    name="IdentityN",
    infer=same_as_inputs,
    lower=lambda b, op, *xs: builtins.tuple(b.identity(x) for x in xs),
    gradient=lambda op, *gradients: list(gradients),
)
define_op(
    name="StopGradient",
    infer=same_as_input,
    lower=lambda b, op, x: b.identity(x),
    no_gradient="the gradient is stopped here on purpose",
)
define_op(
    name="PreventGradient",
    infer=same_as_input,
    lower=lambda b, op, x: b.identity(x),
    gradient=_refuse_gradient,
)
for _name in ("NoOp", "ControlTrigger"):  # the second waits in a gradient of TensorFlow's loops
    define_op(
        name=_name,
        infer=no_outputs,
        lower=lambda b, op: (),
        no_gradient="it has no inputs",
    )

_IDENTITY = Signature("Identity", "input: T")
_IDENTITY_N = Signature("IdentityN", "input: T...")
_STOP_GRADIENT = Signature("StopGradient", "input: T")
_PREVENT_GRADIENT = Signature("PreventGradient", "input: T")
_NO_OP = Signature("NoOp")
_PLACEHOLDER = Signature("Placeholder")
_PLACEHOLDER_WITH_DEFAULT = Signature("PlaceholderWithDefault", "input: dtype")


def _shape_argument(shape: Any) -> TensorShape:
    try:
        return as_shape(shape)
    except (TypeError, ValueError) as error:
        raise type(error)(f"Error converting shape to a TensorShape: {error}.") from None


def _type_argument(dtype: Any) -> DType:
    try:
        return as_dtype(dtype).base_dtype
    except TypeError:
        raise TypeError(f"Expected DataType for argument 'dtype' not {dtype!r}.") from None


def placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> Tensor:
    """Return a tensor whose value is fed in each run.

    Parameters
    ----------
    dtype : element type.
    shape : what may be fed; None allows any shape, None inside allows any size.
    """
    attrs = {"dtype": _type_argument(dtype), "shape": _shape_argument(shape)}
    return _PLACEHOLDER(name=name, **attrs).outputs[0]


def placeholder_with_default(input: Any, shape: Any, name: str | None = None) -> Tensor:
    """Return a tensor that is `input` unless another value is fed.

    Parameters
    ----------
    input : the value when nothing is fed.
    shape : what may be fed; less may be known of it than of the shape of `input`.
    """
    operation = _PLACEHOLDER_WITH_DEFAULT(input, name=name, shape=_shape_argument(shape))
    return operation.outputs[0]


def identity(input: Any, name: str | None = None) -> Tensor:
    """Return a tensor with the same value: a variable as it is now, a place for a name."""
    return _IDENTITY(input, name=name).outputs[0]


def identity_n(input: Sequence[Any], name: str | None = None) -> list[Tensor]:
    """Return tensors with the values of several; one operation for all of them."""
    if isinstance(input, (list, builtins.tuple)) and not input:
        raise ValueError("Attr 'T' of 'IdentityN' Op passed list of length 0 less than minimum 1.")
    return _IDENTITY_N(input, name=name).outputs


def stop_gradient(input: Any, name: str | None = None) -> Tensor:
    """Return `input`, taken for a constant when gradients are computed."""
    return _STOP_GRADIENT(input, name=name).outputs[0]


def prevent_gradient(input: Any, message: str = "", name: str | None = None) -> Tensor:
    """Return `input`; asking for a gradient through it is a LookupError that says `message`."""
    return _PREVENT_GRADIENT(input, name=name, message=message).outputs[0]


def no_op(name: str | None = None) -> Operation:
    """Return an operation that does nothing; control inputs give it a meaning."""
    return _NO_OP(name=name)


def _flatten(inputs: Any) -> Iterator[Any]:
    if isinstance(inputs, (list, builtins.tuple)):
        for item in inputs:
            yield from _flatten(item)
    elif isinstance(inputs, dict):
        for key in sorted(inputs):
            yield from _flatten(inputs[key])
    else:
        yield inputs


def _no_op_after(dependencies: Iterable[Any], on: str, name: str | None) -> Operation:
    with control_dependencies(dependencies):
        if not on:
            return no_op(name=name)
        with device(on):
            return no_op(name=name)


def group(*inputs: Any, name: str | None = None) -> Operation:
    """Return an operation that is done when all of `inputs` are.

    Parameters
    ----------
    *inputs : operations, tensors, variables, or nested lists of them.

    Raises
    ------
    TypeError : an input is none of these.
    """
    flat = list(_flatten(inputs))
    with name_scope(name, "group_deps", flat) as scope:
        by_device: dict[str, list[Any]] = {}
        for item in flat:
            if not hasattr(item, "device"):
                raise TypeError(
                    f"Expected tf.group() expected Tensor arguments not '{item}' with type "
                    f"'{type(item)}'"
                )
            by_device.setdefault(item.device, []).append(item)
        if not flat:
            return no_op(name=scope)
        if len(by_device) == 1:
            ((on, items),) = by_device.items()
            return _no_op_after(items, on, scope)
        groups = [_no_op_after(by_device[on], on, None) for on in sorted(by_device)]
        return _no_op_after(groups, "", scope)


def with_dependencies(
    dependencies: Iterable[Any], output_tensor: Any, name: str | None = None
) -> Any:
    """Return the value of `output_tensor` as it is once all `dependencies` are done."""
    dependencies = list(dependencies)
    scope_values = [*dependencies, output_tensor]
    with (
        name_scope(name, "control_dependency", scope_values) as scope,
        get_default_graph().colocate_with(output_tensor),
        control_dependencies(dependencies),
    ):
        output = convert_to_tensor_or_indexed_slices(output_tensor)
        if isinstance(output, IndexedSlices):
            values = identity(output.values, name=scope)
            return IndexedSlices(values, output.indices, output.dense_shape)
        return identity(output, name=scope)


def tuple(
    tensors: Sequence[Any], name: str | None = None, control_inputs: Iterable[Any] | None = None
) -> list[Any]:
    """Return the same values, none of which exists before all of them do.

    Parameters
    ----------
    tensors : tensors or IndexedSlices; None stays None.
    control_inputs : operations to wait for as well.

    Raises
    ------
    ValueError : there is nothing to return.
    TypeError : a control input is neither an operation nor a tensor.
    """
    with name_scope(name, "tuple", list(tensors)):
        values = [
            item if item is None or hasattr(item, "op") or isinstance(item, Operation)
            else convert_to_tensor(item)
            for item in tensors
        ]  # fmt: skip
        gates: list[Any] = [
            item if isinstance(item, Operation) else item.op for item in values if item is not None
        ]
        for item in control_inputs or ():
            if isinstance(item, Tensor):
                item = item.op
            elif not isinstance(item, Operation):
                raise TypeError(f"Control input must be Operation or Tensor: {item}")
            gates.append(item)
        if not gates:
            raise ValueError(f"Must have at least one Tensor: {tensors}")
        # Each operation once, in the order of their making.
        gate = group(*sorted(dict.fromkeys(gates), key=lambda op: op._id))
        return [None if item is None else _after(gate, item) for item in values]


def _after(gate: Operation, item: Any) -> Any:
    if isinstance(item, Operation):
        with control_dependencies([gate]):
            return group(item)
    return with_dependencies([gate], item)
