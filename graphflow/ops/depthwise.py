"""Depthwise convolutions, one filter per channel, and separable ones.

There is nothing to sum over channels, so no product: the convolution is a loop over the result with
the taps written out, which reads the array where the windows lie.
"""

from __future__ import annotations

import itertools
from typing import Any

from graphflow.graph.apply import Signature
from graphflow.graph.constants import constant
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import float32, int32
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ops.conv import conv2d
from graphflow.ops.conv_lowering import phases
from graphflow.ops.pooling_lowering import window_margins
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.shape_rules import Types, merge_size, output, shape_of_value, with_rank
from graphflow.ops.windows import (
    FLOATS,
    FORMATS,
    Windows,
    channel_axis,
    channels_first,
    check_attr,
    check_ints,
    count_dilated,
    find_windows,
    from_channels_last,
    infer_counts,
    spatial,
    to_channels_last,
    with_layout,
)

__all__ = [
    "depthwise_conv2d",
    "depthwise_conv2d_backprop_filter",
    "depthwise_conv2d_backprop_input",
    "depthwise_conv2d_native",
    "depthwise_conv2d_native_backprop_filter",
    "depthwise_conv2d_native_backprop_input",
    "separable_conv2d",
]


# ---- shapes


def _infer(op: Operation) -> Types:
    data_format = op.attrs["data_format"]
    x, kernel = (with_rank(t.shape, 4) for t in op.inputs)
    channels = merge_size(x[channel_axis(data_format, 4)], kernel[2])
    made = None if channels is None or kernel[3] is None else channels * kernel[3]
    counts = infer_counts(op, spatial(x, data_format), kernel[:2])
    return output(op, with_layout(x[0], counts, made, data_format))


def _infer_from_sizes(op: Operation, place: int) -> Types:
    given = shape_of_value(op.inputs[place])
    dtype = op.inputs[2].dtype.base_dtype
    return output(op, (None,) * 4 if given is None else given, dtype)


# ---- lowering; arrays have their channels last, in two axes: of the array, and of its filters


def _tap_views(b: Any, x: Any, windows: Windows) -> Any:
    """The element of every window under each tap."""
    low, high = zip((0, 0), *windows.padding, (0, 0), strict=True)
    crop = [max(-amount, 0) for amount in low]
    x = b.pad(x, [max(n, 0) for n in low], [max(n, 0) for n in high])
    size = (x.shape[0], *windows.counts, x.shape[-1])
    for tap in itertools.product(*map(range, windows.taps)):
        moved = [t * d for t, d in zip(tap, windows.dilation, strict=True)]
        start = [c + m for c, m in zip(crop, (0, *moved, 0), strict=True)]
        yield tap, b.slice(x, start, size, (1, *windows.strides, 1))


def _tap_filter(b: Any, kernel: Any, tap: Any) -> Any:
    """The filter's values under a tap, ``[channels, filters]``."""
    sizes = kernel.shape[2:]
    return b.reshape(b.slice(kernel, (*tap, 0, 0), (1, 1, *sizes)), sizes)


def _split_channels(b: Any, node: Any, channels: Any, filters: Any) -> Any:
    return b.reshape(node, (*node.shape[:-1], channels, filters))


def _forward(b: Any, x: Any, kernel: Any, windows: Windows) -> Any:
    channels, filters = kernel.shape[2:]
    shape = (x.shape[0], *windows.counts, channels, filters)
    total = None
    for tap, part in _tap_views(b, x, windows):
        factor = b.broadcast(_tap_filter(b, kernel, tap), shape, (3, 4))
        term = b.mul(b.broadcast(part, shape, (0, 1, 2, 3)), factor)
        total = term if total is None else b.add(total, term)
    made = b.full(shape, 0, x.dtype) if total is None else total
    return b.reshape(made, (*shape[:3], channels * filters))


def _by_input(b: Any, kernel: Any, gradient: Any, sizes: Any, windows: Windows) -> Any:
    """Every element of the array sums over the windows above it; see `conv_lowering.phases`."""
    channels, filters = kernel.shape[2:]
    shape = (gradient.shape[0], *sizes, channels)
    if 0 in shape or 0 in gradient.shape:
        return b.full(shape, 0, gradient.dtype)
    found = [phases(windows, axis, size) for axis, size in enumerate(sizes)]
    low, high = window_margins(found, windows.counts)
    wide = b.pad(_split_channels(b, gradient, channels, filters), (0, *low, 0, 0), (0, *high, 0, 0))
    parts, places = [], []
    for chosen in itertools.product(*found):
        counts = (shape[0], *(p.count for p in chosen), channels, filters)
        total = b.full(counts, 0, gradient.dtype)
        for taps in itertools.product(*[list(enumerate(p.taps)) for p in chosen]):
            start = [
                before + p.shift - order * p.step
                for before, p, (order, _) in zip(low, chosen, taps, strict=True)
            ]
            factor = _tap_filter(b, kernel, [tap for _, tap in taps])
            part = b.slice(wide, (0, *start, 0, 0), counts)
            total = b.add(total, b.mul(part, b.broadcast(factor, counts, (3, 4))))
        parts.append(b.reduce("sum", total, [4]))
        places.append(((0, *(p.first for p in chosen), 0), (1, *windows.strides, 1)))
    return b.interleave(parts, shape, places)


def _by_filter(b: Any, x: Any, gradient: Any, filters: Any, windows: Windows) -> Any:
    channels = x.shape[-1]
    shape = (*gradient.shape[:3], channels, filters)
    wide = _split_channels(b, gradient, channels, filters)
    sums = [
        b.reshape(
            b.reduce("sum", b.mul(b.broadcast(part, shape, (0, 1, 2, 3)), wide), [0, 1, 2]),
            (1, channels, filters),
        )
        for _, part in _tap_views(b, x, windows)
    ]
    return b.reshape(b.concat(sums, 0), (*windows.taps, channels, filters))


def _in_float32(b: Any, function: Any, first: Any, second: Any, *rest: Any) -> Any:
    """Apply a function to half-width floats in float32, rounding its result once."""
    if first.dtype.size > 2:
        return function(b, first, second, *rest)
    made = function(b, b.cast(first, float32), b.cast(second, float32), *rest)
    return b.cast(made, first.dtype)


def _lower(b: Any, op: Operation, x: Any, kernel: Any) -> Any:
    data_format = op.attrs["data_format"]
    x = to_channels_last(b, x, data_format)
    if x.shape[-1] != kernel.shape[2]:
        raise ValueError(
            f"input and filter must have the same depth: {x.shape[-1]} vs {kernel.shape[2]}"
        )
    windows = find_windows(op, x.shape[1:-1], kernel.shape[:2])
    return from_channels_last(b, _in_float32(b, _forward, x, kernel, windows), data_format)


def _lower_by_input(b: Any, op: Operation, sizes: Any, kernel: Any, gradient: Any) -> Any:
    data_format = op.attrs["data_format"]
    inner = spatial(b.static_ints(sizes), data_format)
    gradient = to_channels_last(b, gradient, data_format)
    windows = find_windows(op, inner, kernel.shape[:2])
    made = _in_float32(b, _by_input, kernel, gradient, inner, windows)
    return from_channels_last(b, made, data_format)


def _lower_by_filter(b: Any, op: Operation, x: Any, sizes: Any, gradient: Any) -> Any:
    data_format = op.attrs["data_format"]
    shape = b.static_ints(sizes)
    x, gradient = (to_channels_last(b, node, data_format) for node in (x, gradient))
    windows = find_windows(op, x.shape[1:-1], shape[:2])
    return _in_float32(b, _by_filter, x, gradient, shape[3], windows)


# ---- gradients


def _attrs(op: Operation) -> dict[str, Any]:
    return {name: op.attrs[name] for name in ("strides", "padding", "data_format", "dilations")}


def _gradient(op: Operation, gradient: Any) -> list[Any]:
    x, kernel = op.inputs
    attrs = _attrs(op)
    return [
        _BY_INPUT(shape_of(x), kernel, gradient, **attrs).outputs[0],
        _BY_FILTER(x, shape_of(kernel), gradient, **attrs).outputs[0],
    ]


def _by_input_gradient(op: Operation, gradient: Any) -> list[Any]:
    _, kernel, out = op.inputs
    attrs = _attrs(op)
    return [
        None,
        _BY_FILTER(gradient, shape_of(kernel), out, **attrs).outputs[0],
        _DEPTHWISE(gradient, kernel, **attrs).outputs[0],
    ]


def _by_filter_gradient(op: Operation, gradient: Any) -> list[Any]:
    x, _, out = op.inputs
    attrs = _attrs(op)
    return [
        _BY_INPUT(shape_of(x), gradient, out, **attrs).outputs[0],
        None,
        _DEPTHWISE(x, gradient, **attrs).outputs[0],
    ]


define_op("DepthwiseConv2dNative", infer=_infer, lower=_lower, gradient=_gradient)
define_op(
    "DepthwiseConv2dNativeBackpropInput",
    infer=lambda op: _infer_from_sizes(op, 0),
    lower=_lower_by_input,
    gradient=_by_input_gradient,
)
define_op(
    "DepthwiseConv2dNativeBackpropFilter",
    infer=lambda op: _infer_from_sizes(op, 1),
    lower=_lower_by_filter,
    gradient=_by_filter_gradient,
)
_DEPTHWISE = Signature("DepthwiseConv2dNative", "input: T", "filter: T", T=FLOATS)
_BY_INPUT = Signature(
    "DepthwiseConv2dNativeBackpropInput", "input_sizes: int32", "filter: T", "out_backprop: T",
    T=FLOATS,
)  # fmt: skip
_BY_FILTER = Signature(
    "DepthwiseConv2dNativeBackpropFilter", "input: T", "filter_sizes: int32", "out_backprop: T",
    T=FLOATS,
)  # fmt: skip


# ---- public functions


def _checked(
    op_type: str, strides: Any, padding: Any, data_format: Any, dilations: Any
) -> dict[str, Any]:
    return {
        "strides": check_ints(op_type, "strides", strides),
        "padding": check_attr(op_type, "padding", padding, ("SAME", "VALID")),
        "data_format": check_attr(op_type, "data_format", data_format, FORMATS[4]),
        "dilations": check_ints(op_type, "dilations", dilations),
    }


def depthwise_conv2d_native(
    input: Any, filter: Any, strides: Any, padding: str, data_format: str = "NHWC",
    dilations: Any = (1, 1, 1, 1), name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return images of which every channel is convolved by filters of its own.

    Parameters
    ----------
    filter : ``[height, width, channels, filters]``; the result has channels times filters channels.
    """
    attrs = _checked("DepthwiseConv2dNative", strides, padding, data_format, dilations)
    return _DEPTHWISE(input, filter, name=name, **attrs).outputs[0]


def depthwise_conv2d_native_backprop_input(
    input_sizes: Any, filter: Any, out_backprop: Any, strides: Any, padding: str,
    data_format: str = "NHWC", dilations: Any = (1, 1, 1, 1), name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return the gradient of `depthwise_conv2d_native` by its input."""
    op_type = "DepthwiseConv2dNativeBackpropInput"
    attrs = _checked(op_type, strides, padding, data_format, dilations)
    return _BY_INPUT(input_sizes, filter, out_backprop, name=name, **attrs).outputs[0]


def depthwise_conv2d_native_backprop_filter(
    input: Any, filter_sizes: Any, out_backprop: Any, strides: Any, padding: str,
    data_format: str = "NHWC", dilations: Any = (1, 1, 1, 1), name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return the gradient of `depthwise_conv2d_native` by its filter."""
    op_type = "DepthwiseConv2dNativeBackpropFilter"
    attrs = _checked(op_type, strides, padding, data_format, dilations)
    return _BY_FILTER(input, filter_sizes, out_backprop, name=name, **attrs).outputs[0]


depthwise_conv2d_backprop_input = depthwise_conv2d_native_backprop_input
depthwise_conv2d_backprop_filter = depthwise_conv2d_native_backprop_filter


def _rate_attrs(rate: Any, data_format: str | None, strides: Any) -> tuple[str, list[int]]:
    """The layout, and a rate per spatial axis as one per axis."""
    data_format = "NHWC" if data_format is None else data_format
    rate = [1, 1] if rate is None else rate
    rate = [rate, rate] if isinstance(rate, int) else [int(r) for r in rate]
    if any(r > 1 for r in rate) and any(s > 1 for s in strides):
        raise ValueError("strides > 1 not supported in conjunction with dilation_rate > 1")
    return data_format, [1, 1, *rate] if channels_first(data_format) else [1, *rate, 1]


def _note_dilation(x: Tensor, filter: Tensor, rate: Any, data_format: str) -> None:
    """Make the constants that TensorFlow makes: operations count in the seeds of later ones."""
    shape_of(filter)
    rates = [1, 1] if rate is None else [rate, rate] if isinstance(rate, int) else list(rate)
    constant(rates, int32, name="dilation_rate")
    count_dilated(x, rates, "VALID", data_format)


def depthwise_conv2d(
    input: Any,
    filter: Any,
    strides: Any,
    padding: str,
    rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    dilations: Any = None,
) -> Tensor:
    """Return images of which every channel is convolved by filters of its own.

    Parameters
    ----------
    filter : ``[height, width, channels, filters]``; the result has channels times filters channels.
    rate : distance of the filter's elements, per spatial axis; `dilations` is another name.
    """
    rate = dilations if rate is None else rate
    with name_scope(name, "depthwise", [input, filter]) as scope:
        input = convert_to_tensor(input, name="tensor_in")
        filter = convert_to_tensor(filter, name="filter_in")
        data_format, dilated = _rate_attrs(rate, data_format, strides)
        _note_dilation(input, filter, rate, data_format)
        return depthwise_conv2d_native(
            input, filter, strides, padding, data_format, dilated, name=scope
        )


def separable_conv2d(
    input: Any,
    depthwise_filter: Any,
    pointwise_filter: Any,
    strides: Any,
    padding: str,
    rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    dilations: Any = None,
) -> Tensor:
    """Return `depthwise_conv2d` of images, its channels mixed by a filter of one tap."""
    rate = dilations if rate is None else rate
    with name_scope(name, "separable_conv2d", [input, depthwise_filter, pointwise_filter]) as scope:
        input = convert_to_tensor(input, name="tensor_in")
        depthwise_filter = convert_to_tensor(depthwise_filter, name="depthwise_filter")
        pointwise_filter = convert_to_tensor(pointwise_filter, name="pointwise_filter")
        sizes = pointwise_filter.shape.with_rank(4).as_list()
        for size in sizes[:2]:
            if size not in (1, None):
                raise ValueError(f"Dimensions 1 and {size} are not compatible")
        layout, dilated = _rate_attrs(rate, data_format, strides)
        _note_dilation(input, depthwise_filter, rate, layout)
        made = depthwise_conv2d_native(
            input, depthwise_filter, strides, padding, layout, dilated, name="depthwise"
        )
        return conv2d(
            made, pointwise_filter, [1, 1, 1, 1], "VALID", data_format=layout, name=scope
        )  # fmt: skip
