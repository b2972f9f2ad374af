"""Ops of two operands that broadcast, and the gradients of broadcasting.

A gradient is summed back to the shape of the operand it belongs to. As in TensorFlow, the axes to
sum over are computed in the graph from the operands' shapes, by `BroadcastGradientArgs`; where the
static shapes are equal nothing is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphflow.graph.apply import Signature
from graphflow.graph.dtypes import DType, int32, int64
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import TensorShape, broadcast
from graphflow.graph.tensor import Tensor
from graphflow.ir.dims import dims_equal

SHAPE = Signature("Shape", "input: T")
RESHAPE = Signature("Reshape", "tensor: T", "shape: Tshape = int32", Tshape=(int32, int64))
SUM = Signature("Sum", "input: T", "reduction_indices: Tidx = int32", Tidx=(int32, int64))


def infer_broadcast(op: Operation) -> list[Any]:
    """Shape rule: the operands' type and the shape to which they broadcast."""
    x, y = op.inputs
    return [(x.dtype.base_dtype, broadcast(x.shape, y.shape))]


def _infer_gradient_args(op: Operation) -> list[Any]:
    return [(op.inputs[0].dtype, TensorShape([None]))] * 2


def _lower_gradient_args(b: Any, op: Operation, first: Any, second: Any) -> tuple[Any, Any]:
    shapes = [b.static_ints(first), b.static_ints(second)]
    rank = max(map(len, shapes))
    padded = [[1] * (rank - len(s)) + s for s in shapes]
    axes: list[list[int]] = [[], []]
    for k, (left, right) in enumerate(zip(*padded, strict=True)):
        same = dims_equal(left, right)
        for number, own in enumerate((left, right)):
            # An axis of extent one in both is summed over as well: the sum of one is free.
            if dims_equal(own, 1) or k < rank - len(shapes[number]):
                if not same or dims_equal(own, 1):
                    axes[number].append(k)
    dtype = op.inputs[0].dtype.numpy
    return tuple(b.const(np.array(a, dtype)) for a in axes)


define_op(
    name="BroadcastGradientArgs",
    infer=_infer_gradient_args,
    lower=_lower_gradient_args,
    no_gradient="integer output",
)
_GRADIENT_ARGS = Signature("BroadcastGradientArgs", "s0: T", "s1: T", T=(int32, int64))


def same_static_shape(*tensors: Tensor) -> bool:
    """Whether the tensors' shapes are fully known and equal."""
    first = tensors[0].shape
    if not first.is_fully_defined():
        return False
    return all(t.shape.is_fully_defined() and t.shape.as_list() == first.as_list() for t in tensors)


def sum_to_operands(op: Operation, *gradients: Any) -> list[Any]:
    """Gradients of an op's two broadcasting operands, each summed to its operand's shape.

    Parameters
    ----------
    gradients : one per operand, in the shape of the result; None stays None.
    """
    x, y = op.inputs[0], op.inputs[1]
    if same_static_shape(x, y):
        return list(gradients)
    shapes = SHAPE(x, out_type=int32).outputs[0], SHAPE(y, out_type=int32).outputs[0]
    axes = _GRADIENT_ARGS(*shapes).outputs
    return [
        None if g is None else RESHAPE(SUM(g, a, keep_dims=False).outputs[0], s).outputs[0]
        for g, a, s in zip(gradients, axes, shapes, strict=True)
    ]


def sum_to_shape(gradient: Tensor, like: Tensor) -> Tensor:
    """`gradient` summed to the shape of `like`, which broadcasts to the gradient's shape."""
    if same_static_shape(gradient, like):
        return gradient
    target = SHAPE(like, out_type=int32).outputs[0]
    whole = SHAPE(gradient, out_type=int32).outputs[0]
    axes = _GRADIENT_ARGS(target, whole).outputs[0]
    return RESHAPE(SUM(gradient, axes, keep_dims=False).outputs[0], target).outputs[0]


def define_binary(
    op_type: str,
    lower: Callable[..., Any],
    types: Sequence[DType],
    document: str,
    gradient: Callable[..., Any] | None = None,
    no_gradient: str = "",
    operands: tuple[str, str] = ("x", "y"),
    infer: Callable[[Operation], Sequence[Any]] = infer_broadcast,
) -> Callable[..., Tensor]:
    """Define an op of two operands of one type that broadcast; return its public function.

    Parameters
    ----------
    lower : ``lower(b, op, x, y)``.
    types : the element types that TensorFlow registers, in its order.
    document : the docstring of the function.
    operands : the names of the two operands.
    """
    define_op(op_type, infer, lower, gradient, no_gradient)
    first, second = operands
    signature = Signature(op_type, f"{first}: T", f"{second}: T", T=types)

    def function(x: Any, y: Any, name: str | None = None) -> Tensor:
        return signature(x, y, name=name).outputs[0]

    function.__doc__ = document
    return function
