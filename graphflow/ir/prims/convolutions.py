"""Convolutions: sums of products of a filter and the windows of an array under it.

One layout serves all: arrays ``[batch, spatial..., channels]`` and filters ``[spatial..., channels,
filters]``. Other layouts are transposes, and the gradient by the input is a convolution of
rearranged operands (see `graphflow.ops.conv_lowering`); the one by the filter sums over positions
and is a primitive of its own.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from graphflow.graph.dtypes import float32
from graphflow.ir.dims import Dim, dims_equal
from graphflow.ir.prims.registry import define, require
from graphflow.ir.types import TensorType

Array = np.ndarray[Any, Any]
Attrs = dict[str, Any]


def window_count(size: Dim, taps: Dim, stride: int, low: int, high: int, dilation: int) -> Dim:
    """How many windows of `taps` elements fit along an axis of `size` elements."""
    room = size + low + high - (taps - 1) * dilation - 1
    if isinstance(room, int) and room < 0:
        return 0
    return room // stride + 1


def _per_axis(attrs: Attrs) -> list[tuple[int, tuple[int, int], int]]:
    return list(zip(attrs["strides"], attrs["padding"], attrs["dilation"], strict=True))


def _infer_conv(attrs: Attrs, x: TensorType, kernel: TensorType) -> TensorType:
    rank = x.rank - 2
    require(x.rank == kernel.rank >= 3, "conv", "operands of one rank >= 3", x, kernel)
    require(x.dtype is kernel.dtype, "conv", "operands of one type", x, kernel)
    require(dims_equal(x.shape[-1], kernel.shape[-2]), "conv", "equal channels", x, kernel)
    require(len(attrs["strides"]) == rank, "conv", "a stride per spatial axis", attrs["strides"])
    spatial = tuple(
        window_count(size, taps, stride, *padding, dilation)
        for size, taps, (stride, padding, dilation) in zip(
            x.shape[1:-1], kernel.shape[:-2], _per_axis(attrs), strict=True
        )
    )
    return TensorType(x.dtype, (x.shape[0], *spatial, kernel.shape[-1]))


def _taps(attrs: Attrs, x: Array, taps: tuple[int, ...], counts: Any) -> Any:
    """Pairs of a tap's index and the elements of `x` under it, for all windows."""
    padding = [(max(low, 0), max(high, 0)) for low, high in attrs["padding"]]
    wide = np.pad(x, [(0, 0), *padding, (0, 0)])
    starts = [max(-low, 0) for low, _ in attrs["padding"]]
    for tap in itertools.product(*map(range, taps)):
        index = [slice(None)]
        for first, place, count, stride, step in zip(
            starts, tap, counts, attrs["strides"], attrs["dilation"], strict=True
        ):
            begin = first + place * step
            index.append(slice(begin, begin + (count - 1) * stride + 1, stride))
        yield tap, wide[tuple(index)]


def _wide(x: Array) -> Array:
    """Half-width floats as float32, in which they are summed."""
    return x.astype(np.float32) if x.dtype.itemsize == 2 and x.dtype.kind not in "iu" else x


def _conv(attrs: Attrs, x: Array, kernel: Array) -> Array:
    shape: Any = _infer_conv(attrs, *(TensorType(float32, a.shape) for a in (x, kernel))).shape
    result = np.zeros(shape, _wide(x).dtype)
    if result.size:
        for tap, part in _taps(attrs, _wide(x), kernel.shape[:-2], shape[1:-1]):
            result += part @ _wide(kernel)[tap]
    return result.astype(x.dtype)


# attrs: strides, padding ((low, high) per spatial axis, negative ones crop), dilation (of the
# filter); operands: array, filter
define("conv", "contract", _infer_conv, _conv)


def _infer_conv_filter(attrs: Attrs, x: TensorType, out: TensorType) -> TensorType:
    require(x.rank == out.rank >= 3, "conv_filter", "operands of one rank >= 3", x, out)
    require(x.dtype is out.dtype, "conv_filter", "operands of one type", x, out)
    require(dims_equal(x.shape[0], out.shape[0]), "conv_filter", "equal batches", x, out)
    return TensorType(x.dtype, (*attrs["taps"], x.shape[-1], out.shape[-1]))


def _conv_filter(attrs: Attrs, x: Array, out: Array) -> Array:
    shape = (*attrs["taps"], x.shape[-1], out.shape[-1])
    result = np.zeros(shape, _wide(x).dtype)
    if out.size:
        flat = _wide(out).reshape(-1, out.shape[-1])
        for tap, part in _taps(attrs, _wide(x), attrs["taps"], out.shape[1:-1]):
            result[tap] = part.reshape(-1, x.shape[-1]).T @ flat
    return result.astype(x.dtype)


# attrs: those of conv, and taps (the filter's spatial sizes); operands: array, and an array of the
# convolution's shape. Element [tap, c, k] is the sum over windows of array[tap, c] * operand[k].
define("conv_filter", "contract", _infer_conv_filter, _conv_filter)
