"""Convolutions and their gradients as nodes; arrays have their channels last.

The gradient by the input is a convolution of the result's gradient with the filter turned round.
Where windows are further apart than by one, the elements of the input fall into phases, by the
distance from the first window: each phase sees every n-th element of the filter, and is a
convolution of its own with no zeros to multiply. The phases' results are interleaved.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

from graphflow.graph.dtypes import float32
from graphflow.ops.windows import Windows


def _narrow(dtype: Any) -> bool:
    return bool(dtype.size == 2)


def conv_node(b: Any, x: Any, kernel: Any, windows: Windows) -> Any:
    """The convolution of an array by a filter."""
    if _narrow(x.dtype):
        wide = conv_node(b, b.cast(x, float32), b.cast(kernel, float32), windows)
        return b.cast(wide, x.dtype)
    channels = kernel.shape[-2]
    if x.shape[-1] != channels:
        return _grouped(b, x, kernel, windows, x.shape[-1] // channels)
    return b.conv(x, kernel, windows.strides, windows.padding, windows.dilation)


def _part(b: Any, x: Any, number: int, count: int) -> Any:
    """One of `count` equal parts of the last axis."""
    size = x.shape[-1] // count
    start = (*(0,) * (x.rank - 1), number * size)
    return b.slice(x, start, (*x.shape[:-1], size))


def _grouped(b: Any, x: Any, kernel: Any, windows: Windows, groups: int) -> Any:
    parts = [
        conv_node(b, _part(b, x, k, groups), _part(b, kernel, k, groups), windows)
        for k in range(groups)
    ]
    return b.concat(parts, x.rank - 1)


def filter_gradient_node(
    b: Any, x: Any, gradient: Any, windows: Windows, channels: int | None = None
) -> Any:
    """The gradient of a convolution by its filter, which has `channels` channels (the array's)."""
    if _narrow(x.dtype):
        wide = filter_gradient_node(
            b, b.cast(x, float32), b.cast(gradient, float32), windows, channels
        )
        return b.cast(wide, x.dtype)
    if channels is not None and channels != x.shape[-1]:
        groups = x.shape[-1] // channels
        parts = [
            filter_gradient_node(b, _part(b, x, k, groups), _part(b, gradient, k, groups), windows)
            for k in range(groups)
        ]
        return b.concat(parts, x.rank - 1)
    return b.conv_filter(
        x, gradient, windows.taps, windows.strides, windows.padding, windows.dilation
    )


@dataclass(frozen=True)
class Phase:
    """Every `stride`-th element of an axis, and the windows' elements that meet them.

    Attributes
    ----------
    first, count : the first element, and how many there are.
    taps : the elements of a window that meet them, in order.
    shift, step : element j of the phase is under tap number u of window ``j + shift - u * step``.
    """

    first: int
    count: int
    taps: tuple[int, ...]
    shift: int
    step: int


def phases(windows: Windows, axis: int, size: int) -> list[Phase]:
    """The phases of an axis of `size` elements; those with elements."""
    stride, dilation = windows.strides[axis], windows.dilation[axis]
    low = windows.padding[axis][0]
    if windows.taps[axis] == stride == 1 and windows.padding[axis] == (0, 0):
        return [Phase(0, size, (0,), 0, 1)]
    found = []
    for first in range(min(stride, size)):
        window, offset = divmod(first + low, stride)
        taps = [t for t in range(windows.taps[axis]) if (t * dilation - offset) % stride == 0]
        start = (taps[0] * dilation - offset) // stride if taps else 0
        step = dilation // math.gcd(stride, dilation)
        count = -(-(size - first) // stride)
        found.append(Phase(first, count, tuple(taps), window - start, step))
    return found


def input_gradient_node(
    b: Any, kernel: Any, gradient: Any, sizes: Any, windows: Windows, channels: Any
) -> Any:
    """The gradient of a convolution by its input, whose spatial sizes are `sizes`.

    Parameters
    ----------
    gradient : of the convolution's result.
    channels : of the input; a multiple of the filter's.
    """
    if _narrow(gradient.dtype):
        wide = input_gradient_node(
            b, b.cast(kernel, float32), b.cast(gradient, float32), sizes, windows, channels
        )
        return b.cast(wide, gradient.dtype)
    own = kernel.shape[-2]
    if channels != own:
        groups = channels // own
        parts = [
            input_gradient_node(
                b, _part(b, kernel, k, groups), _part(b, gradient, k, groups), sizes, windows, own
            )
            for k in range(groups)
        ]
        return b.concat(parts, gradient.rank - 1)
    rank = len(sizes)
    shape = (gradient.shape[0], *sizes, kernel.shape[-2])
    if 0 in shape or 0 in gradient.shape:
        return b.full(shape, 0, gradient.dtype)
    turned = b.transpose(kernel, (*range(rank), rank + 1, rank))
    parts, places = [], []
    for chosen in itertools.product(*[phases(windows, k, n) for k, n in enumerate(sizes)]):
        parts.append(_phase_gradient(b, turned, gradient, chosen))
        start = (0, *(p.first for p in chosen), 0)
        places.append((start, (1, *windows.strides, 1)))
    return b.interleave(parts, shape, places)


def _phase_gradient(b: Any, turned: Any, gradient: Any, chosen: tuple[Phase, ...]) -> Any:
    if any(not p.taps for p in chosen):
        shape = (gradient.shape[0], *(p.count for p in chosen), turned.shape[-1])
        return b.full(shape, 0, gradient.dtype)
    apart = [p.taps[1] - p.taps[0] if len(p.taps) > 1 else 1 for p in chosen]
    part = b.slice(
        turned,
        (*(p.taps[-1] for p in chosen), 0, 0),
        (*(len(p.taps) for p in chosen), *turned.shape[-2:]),
        (*(-a for a in apart), 1, 1),
    )
    padding = []
    for axis, p in enumerate(chosen):
        reach = (len(p.taps) - 1) * p.step
        low = reach - p.shift
        padding.append((low, p.count - gradient.shape[1 + axis] - low + reach))
    ones = (1,) * len(chosen)
    return b.conv(gradient, part, ones, padding, [p.step for p in chosen])
