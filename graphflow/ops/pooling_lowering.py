"""Pooling and its gradients as nodes: slices of the array, one per element of a window, combined.

The slices are views, so the combination is one loop that reads the array where the windows lie;
only padding is written out. Windows cover all axes of an array, with one element along those that
are not pooled. Large windows are reduced an axis at a time.

The gradient of a maximum goes to the first of equals, in row-major order. Which element that is, is
computed once for each window; each element of the array then asks the windows over it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from graphflow.graph.dtypes import DType, float32, int32
from graphflow.ir.prims.reductions import neutral_element
from graphflow.ops.conv_lowering import Phase, phases
from graphflow.ops.windows import Windows

MANY_TAPS = 24  # from here on a window is reduced an axis at a time


def _one_axis(windows: Windows, axis: int) -> Windows:
    """The windows along one axis, and single elements along the others."""

    def only(values: tuple[Any, ...], neutral: Any) -> tuple[Any, ...]:
        return tuple(v if k == axis else neutral for k, v in enumerate(values))

    ones = (1,) * len(windows.taps)
    return Windows(
        only(windows.taps, 1), only(windows.strides, 1), ones, only(windows.padding, (0, 0)),
        windows.counts,
    )  # fmt: skip


def _padded(b: Any, x: Any, windows: Windows, fill: Any) -> Any:
    low, high = zip(*windows.padding, strict=True)
    return b.pad(x, low, high, b.const(fill, x.dtype))


def tap_views(
    b: Any, x: Any, windows: Windows, fill: Any, counts: tuple[Any, ...] | None = None
) -> list[Any]:
    """The element of each window under each tap, in row-major order.

    Parameters
    ----------
    counts : how many windows to take along each axis; all of them when None.
    """
    x = _padded(b, x, windows, fill)
    counts = windows.counts if counts is None else counts
    starts = [
        range(0, taps * step, step)
        for taps, step in zip(windows.taps, windows.dilation, strict=True)
    ]  # fmt: skip
    return [b.slice(x, start, counts, windows.strides) for start in itertools.product(*starts)]


def _combined(b: Any, x: Any, windows: Windows, name: str, fill: Any, start: Any = None) -> Any:
    """Reduce every window by a pointwise operation and the reduction that it makes.

    Parameters
    ----------
    fill : what lies in the padding.
    start : a number that each window's elements are compared with first; the first one if None.
    """
    axes = [k for k, taps in enumerate(windows.taps) if taps != 1 or windows.strides[k] != 1]
    if math.prod(windows.taps) < MANY_TAPS or len(axes) < 2:
        counts = tuple(
            windows.counts[k] if k in axes else size for k, size in enumerate(x.shape)
        )  # fmt: skip
        if all(windows.counts[k] == 1 for k in axes) and math.prod(windows.taps) >= MANY_TAPS:
            return _reduced_whole(b, x, windows, name, axes)
        first, *rest = tap_views(b, x, windows, fill, counts)
        total = b.max(b.full(first.shape, start, x.dtype), first) if start is not None else first
        for part in rest:
            total = b.pointwise("add" if name == "sum" else name, total, part)
        return total
    if all(windows.counts[k] == 1 for k in axes):
        return _reduced_whole(b, x, windows, name, axes)
    for axis in reversed(axes):
        x = _combined(b, x, _one_axis(windows, axis), name, fill, start)
    return x


def _reduced_whole(b: Any, x: Any, windows: Windows, name: str, axes: list[int]) -> Any:
    """One window along all axes: a reduction of what of it lies in the array."""
    start, size = [0] * x.rank, list(x.shape)
    for axis in axes:
        low = windows.padding[axis][0]
        size[axis] = min(windows.taps[axis] - low, x.shape[axis])
    return b.reduce(name, b.slice(x, start, size), axes, keepdims=True)


def max_node(b: Any, x: Any, windows: Windows, start: Any = None) -> Any:
    """The maximum of every window, of what is not nan.

    Parameters
    ----------
    start : what the elements are compared with: the maximum of nothing but nan. With None they are
        compared with the window's first, so that a window that begins with nan gives that.
    """
    if 0 in windows.counts:
        return b.full(windows.counts, 0, x.dtype)
    if not x.dtype.is_floating:
        start = None
    fill = neutral_element("reduce_max", x.dtype)
    return _combined(b, x, windows, "max", fill, start)


def mean_node(b: Any, x: Any, windows: Windows) -> Any:
    """The mean of every window's elements that lie in the array."""
    if 0 in windows.counts:
        return b.full(windows.counts, 0, x.dtype)
    if x.dtype.size == 2:
        return b.cast(mean_node(b, b.cast(x, float32), windows), x.dtype)
    total = _combined(b, x, windows, "sum", 0)
    return b.div(total, valid_counts(b, windows, x.shape, x.dtype))


def valid_counts(b: Any, windows: Windows, sizes: Any, dtype: DType) -> Any:
    """How many elements of every window lie in the array."""
    result = b.full(windows.counts, 1, dtype)
    for axis, taps in enumerate(windows.taps):
        if taps == 1:
            continue
        low, high = windows.padding[axis]
        if not low and not high:
            result = b.mul(result, b.full(windows.counts, taps, dtype))
            continue
        first = np.arange(windows.counts[axis]) * windows.strides[axis] - low
        found = np.minimum(first + taps, sizes[axis]) - np.maximum(first, 0)
        counts = b.const(found.astype(dtype.numpy))
        result = b.mul(result, b.broadcast(counts, windows.counts, (axis,)))
    return result


def first_maximum(b: Any, x: Any, maxima: Any, windows: Windows) -> Any:
    """The number of the tap, in row-major order, under which each window has its maximum first.

    The first of all for a window that begins with nan, as TensorFlow looks for it.
    """
    fill = neutral_element("reduce_max", x.dtype)
    first, *rest = tap_views(b, x, windows, fill)
    if not rest:
        return b.full(windows.counts, 0, int32)
    number = first_equal(b, rest, maxima, windows, 1)
    return b.select(b.lt(first, maxima), number, b.full(windows.counts, 0, int32))


def first_equal(b: Any, parts: list[Any], maxima: Any, windows: Windows, start: int = 0) -> Any:
    """The number, counted from `start`, of the first part that equals each window's maximum."""
    number = b.full(windows.counts, start + len(parts) - 1, int32)
    for tap in reversed(range(len(parts) - 1)):
        here = b.const(start + tap, int32)
        number = b.select(
            b.eq(parts[tap], maxima), b.broadcast(here, windows.counts, ()), number
        )  # fmt: skip
    return number


def _tiles_exactly(windows: Windows, sizes: Any) -> bool:
    """Whether every element is in one window."""
    return (
        windows.taps == windows.strides
        and set(windows.dilation) <= {1}
        and all(
            padding == (0, 0) and count * stride == size
            for padding, count, stride, size in zip(
                windows.padding, windows.counts, windows.strides, sizes, strict=True
            )
        )
    )


def _spread(b: Any, node: Any, windows: Windows, sizes: Any) -> Any:
    """Every window's value at each of its elements, for windows that tile an array."""
    split: list[Any] = []
    kept = []
    for count, taps in zip(windows.counts, windows.taps, strict=True):
        kept.append(len(split))
        split += [count] if taps == 1 else [count, taps]
    return b.reshape(b.broadcast(node, tuple(split), kept), sizes)


def _tap_numbers(b: Any, windows: Windows, sizes: Any) -> Any:
    """The number of the tap over each element, for windows that tile an array."""
    shape: list[Any] = []
    for count, taps in zip(windows.counts, windows.taps, strict=True):
        shape += [count] if taps == 1 else [count, taps]
    number = b.full(tuple(shape), 0, int32)
    axis = 0
    for taps in windows.taps:
        if taps != 1:
            own = b.iota(tuple(shape), axis + 1, int32)
            number = b.add(b.mul(number, taps), own)
        axis += 1 if taps == 1 else 2
    return b.reshape(number, sizes)


def _windows_over(
    chosen: tuple[Phase, ...], windows: Windows, low: list[int]
) -> Iterator[tuple[int, tuple[int, ...]]]:
    """For every tap that meets a phase, its number and the window over the phase's first element.

    Parameters
    ----------
    low : how many windows have been added before the first, per axis.
    """
    for taps in itertools.product(*[list(enumerate(p.taps)) for p in chosen]):
        number = 0
        for axis, (_, tap) in enumerate(taps):
            number = number * windows.taps[axis] + tap
        yield (
            number,
            tuple(
                before + p.shift - order * p.step
                for before, p, (order, _) in zip(low, chosen, taps, strict=True)
            ),
        )


def _phase_sum(
    b: Any, chosen: tuple[Phase, ...], windows: Windows, low: list[int], values: Any, numbers: Any
) -> Any:
    """For every element of a phase, the sum of the values of the windows that choose it.

    Parameters
    ----------
    low : how many windows `values` has been padded with in front, per axis.
    numbers : the tap that each window chooses; None when it chooses all.
    """
    shape = tuple(p.count for p in chosen)
    total = None
    for number, start in _windows_over(chosen, windows, low):
        part = b.slice(values, start, shape)
        if numbers is not None:
            here = b.broadcast(b.const(number, int32), shape, ())
            chosen_here = b.eq(b.slice(numbers, start, shape), here)
            part = b.select(chosen_here, part, b.full(shape, 0, values.dtype))
        total = part if total is None else b.add(total, part)
    return b.full(shape, 0, values.dtype) if total is None else total


def scattered(b: Any, values: Any, numbers: Any, windows: Windows, sizes: Any) -> Any:
    """The sum, for each element of an array, of the values of windows over it.

    Parameters
    ----------
    values : one per window.
    numbers : the tap of each window whose element gets the value; None when all of them do.
    """
    if 0 in sizes or 0 in windows.counts:
        return b.full(sizes, 0, values.dtype)
    if _tiles_exactly(windows, sizes):
        spread = _spread(b, values, windows, sizes)
        if numbers is None:
            return spread
        here = b.eq(_spread(b, numbers, windows, sizes), _tap_numbers(b, windows, sizes))
        return b.select(here, spread, b.full(sizes, 0, values.dtype))
    found = [phases(windows, axis, size) for axis, size in enumerate(sizes)]
    low, high = window_margins(found, windows.counts)
    values = b.pad(values, low, high)
    if numbers is not None:
        numbers = b.pad(numbers, low, high, -1)
    parts, places = [], []
    for chosen in itertools.product(*found):
        parts.append(_phase_sum(b, chosen, windows, low, values, numbers))
        places.append((tuple(p.first for p in chosen), windows.strides))
    return b.interleave(parts, sizes, places)


def scattered_to_equals(b: Any, x: Any, maxima: Any, values: Any, windows: Windows) -> Any:
    """The sum, for each element of `x`, of the values of windows whose maximum it equals.

    TensorFlow's gradient in three dimensions: all of equal maxima get it, each in full.
    """
    sizes = x.shape
    zeros = b.const(0, values.dtype)
    if 0 in sizes or 0 in windows.counts:
        return b.broadcast(zeros, sizes, ())
    found = [phases(windows, axis, size) for axis, size in enumerate(sizes)]
    low, high = window_margins(found, windows.counts)
    values, maxima = b.pad(values, low, high), b.pad(maxima, low, high)
    parts, places = [], []
    for chosen in itertools.product(*found):
        start, shape = [p.first for p in chosen], tuple(p.count for p in chosen)
        own = b.slice(x, start, shape, windows.strides)
        total = nothing = b.broadcast(zeros, shape, ())
        for _, window in _windows_over(chosen, windows, low):
            is_maximum = b.eq(own, b.slice(maxima, window, shape))
            part = b.slice(values, window, shape)
            total = b.add(total, b.select(is_maximum, part, nothing))
        parts.append(total)
        places.append((tuple(start), windows.strides))
    return b.interleave(parts, sizes, places)


def folded(b: Any, patches: Any, windows: Windows, sizes: Any) -> Any:
    """The sum of patches where they came from.

    Parameters
    ----------
    patches : one value per window and, in its last axis, per tap and channel.
    """
    channels = sizes[-1]
    if 0 in sizes or 0 in windows.counts:
        return b.full(sizes, 0, patches.dtype)
    found = [phases(windows, axis, size) for axis, size in enumerate(sizes)]
    low, high = window_margins(found, windows.counts)
    patches = b.pad(patches, low, high)
    parts, places = [], []
    for chosen in itertools.product(*[*found[:-1], found[-1][:1]]):
        shape = (*(p.count for p in chosen[:-1]), channels)
        total = b.full(shape, 0, patches.dtype)
        for number, start in _windows_over(chosen, windows, low):
            part = b.slice(patches, (*start[:-1], number * channels), shape)
            total = b.add(total, part)
        parts.append(total)
        places.append((tuple(p.first for p in chosen), windows.strides))
    return b.interleave(parts, sizes, places)


def window_margins(found: list[list[Phase]], counts: Any) -> tuple[list[int], list[int]]:
    """How many windows before the first and after the last the phases ask, per axis."""
    low, high = [], []
    for own, count in zip(found, counts, strict=True):
        asked = [
            p.shift - order * p.step + edge
            for p in own for order in range(len(p.taps)) for edge in (0, p.count - 1)
        ]  # fmt: skip
        low.append(max(0, -min(asked, default=0)))
        high.append(max(0, max(asked, default=0) - count + 1))
    return low, high


def chosen_elements(b: Any, x: Any, numbers: Any, windows: Windows) -> Any:
    """The element of each window under the tap that it chooses."""
    total = b.full(windows.counts, 0, x.dtype)
    for tap, part in enumerate(tap_views(b, x, windows, 0)):
        here = b.eq(numbers, b.broadcast(b.const(tap, int32), windows.counts, ()))
        total = b.select(here, part, total)
    return total
