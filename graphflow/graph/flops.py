"""How many floating-point operations an operation is, as TensorFlow's profiler counts them.

Only types that TensorFlow counts are here, with its numbers: a product counts two for each
multiplication, ``rsqrt`` two, a softmax five for each element. What has open shapes counts nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor


def operation_flops(op: Operation) -> int:
    """The floating-point operations of one run; 0 for types that do not count."""
    count = _FLOPS.get(op.type)
    return count(op) if count is not None else 0


def _size(tensor: Tensor) -> int:
    return int(tensor.shape.num_elements() or 0)


def _product(op: Operation) -> int:
    rows = op.inputs[0].shape.as_list()
    inner = rows[-2 if op.attrs.get("transpose_a") or op.attrs.get("adj_x") else -1]
    return 2 * int(inner or 0) * _size(op.outputs[0])


def _filters(tensor: Tensor) -> int:
    """What one output of a convolution multiplies."""
    return math.prod(int(d or 0) for d in tensor.shape.as_list()[:-1])


def _convolution(op: Operation) -> int:
    return 2 * _filters(op.inputs[1]) * _size(op.outputs[0])


def _gradient_of_convolution(images: Tensor, filters: Tensor, strides: Sequence[int]) -> int:
    """As if every stride's window lay inside the images: TensorFlow looks at no padding here."""
    channels = images.shape.as_list()[-1] or 1
    return 2 * _size(images) * _size(filters) // (channels * math.prod(strides))


def _convolution_by_input(op: Operation) -> int:
    return _gradient_of_convolution(op.outputs[0], op.inputs[1], op.attrs["strides"])


def _convolution_by_filter(op: Operation) -> int:
    return _gradient_of_convolution(op.inputs[0], op.outputs[0], op.attrs["strides"])


def _windows(op: Operation) -> int:
    area = math.prod(int(d or 0) for d in op.inputs[1].shape.as_list()[:2])
    return 2 * area * _size(op.outputs[0])


def _pooling(op: Operation) -> int:
    return math.prod(op.attrs["ksize"]) * _size(op.outputs[0])


def _mean_pooling_gradient(op: Operation) -> int:
    return 2 * math.prod(op.attrs["ksize"]) * _size(op.inputs[1])


def _max_pooling_gradient(op: Operation) -> int:
    return (math.prod(op.attrs["ksize"]) + 1) * _size(op.inputs[2])


def _times(count: int) -> Callable[[Operation], int]:
    return lambda op: count * _size(op.outputs[0])


def _reduction(op: Operation) -> int:
    """One less than the elements that are reduced, for each result."""
    return max(_size(op.inputs[0]) - _size(op.outputs[0]), 0)


_FLOPS: dict[str, Callable[[Operation], int]] = {
    **dict.fromkeys(("BatchMatMul", "MatMul"), _product),
    **dict.fromkeys(("Conv2D", "Conv3D"), _convolution),
    "Conv2DBackpropInput": _convolution_by_input,
    "Conv2DBackpropFilter": _convolution_by_filter,
    **dict.fromkeys(("DepthwiseConv2dNative", "Dilation2D"), _windows),
    **dict.fromkeys(("AvgPool", "MaxPool"), _pooling),
    "AvgPoolGrad": _mean_pooling_gradient,
    "MaxPoolGrad": _max_pooling_gradient,
    **dict.fromkeys(
        ("Add", "AssignAdd", "AssignSub", "BiasAdd", "Equal", "Greater", "GreaterEqual", "Less",
         "LessEqual", "Log", "Maximum", "Minimum", "Mul", "Neg", "NotEqual", "Pow", "RealDiv",
         "Reciprocal", "Square", "Sub"),
        _times(1),
    ),
    **dict.fromkeys(("Rsqrt", "SquaredDifference"), _times(2)),
    "RsqrtGrad": _times(4),
    "Softmax": _times(5),
    "L2Loss": lambda op: max(3 * _size(op.inputs[0]) - 1, 0),
    **dict.fromkeys(("ArgMax", "ArgMin", "BiasAddGrad", "Sum"), _reduction),
    "Mean": lambda op: _size(op.inputs[0]),
    "AddN": lambda op: (len(op.inputs) - 1) * _size(op.outputs[0]),
}  # fmt: skip
