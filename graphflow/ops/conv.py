"""Convolutions in two and three dimensions, and the ops that are their gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ir.dims import dims_equal
from graphflow.ops.conv_lowering import conv_node, filter_gradient_node, input_gradient_node
from graphflow.ops.shape import one_of
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.shape_rules import Types, output, shape_of_value, with_rank
from graphflow.ops.windows import (
    FLOATS,
    FORMATS,
    Windows,
    axis_values,
    channel_axis,
    channels_first,
    check_attr,
    check_ints,
    find_windows,
    from_channels_last,
    infer_counts,
    padding_attrs,
    spatial,
    to_channels_last,
    with_layout,
)

__all__ = [
    "conv2d",
    "conv2d_backprop_filter",
    "conv2d_backprop_input",
    "conv3d",
    "conv3d_backprop_filter",
    "conv3d_backprop_filter_v2",
]


# ---- shapes


def _infer_conv(op: Operation) -> Types:
    rank = len(op.attrs["strides"])
    data_format = op.attrs["data_format"]
    x, kernel = (with_rank(t.shape, rank) for t in op.inputs)
    channels = x[channel_axis(data_format, rank)]
    if channels is not None and kernel[-2] is not None:
        if kernel[-2] == 0 or channels % kernel[-2]:
            raise ValueError(
                f"Depth of input ({channels}) is not a multiple of input depth of filter "
                f"({kernel[-2]})"
            )
        if channels != kernel[-2] and kernel[-1] is not None:
            groups = channels // kernel[-2]
            if kernel[-1] % groups:
                raise ValueError(
                    f"Depth of output ({kernel[-1]}) is not a multiple of the number of groups "
                    f"({groups})"
                )
    counts = infer_counts(op, spatial(x, data_format), kernel[:-2])
    return output(op, with_layout(x[0], counts, kernel[-1], data_format))


def _infer_from_sizes(op: Operation, place: int) -> Types:
    """The shape that an input gives as an integer vector."""
    rank = len(op.attrs["strides"])
    given = shape_of_value(op.inputs[place])
    if given is not None and len(given) != rank:
        raise ValueError(f"Shape must be rank {rank} but is rank {len(given)}")
    dtype = op.inputs[2].dtype.base_dtype
    return output(op, (None,) * rank if given is None else given, dtype)


# ---- lowering


def _lower_conv(b: Any, op: Operation, x: Any, kernel: Any) -> Any:
    data_format = op.attrs["data_format"]
    x = to_channels_last(b, x, data_format)
    strides = op.attrs["strides"]
    if strides[0] != 1 or strides[channel_axis(data_format, len(strides))] != 1:
        raise ValueError(
            "Current implementation does not yet support strides in the batch and depth dimensions."
        )
    if x.rank != kernel.rank or not _divides(kernel.shape[-2], x.shape[-1]):
        raise ValueError(
            f"input depth must be evenly divisible by filter depth: {x.shape[-1]} vs "
            f"{kernel.shape[-2]}"
        )
    windows = find_windows(op, x.shape[1:-1], kernel.shape[:-2])
    return from_channels_last(b, conv_node(b, x, kernel, windows), data_format)


def _divides(part: Any, whole: Any) -> bool:
    return bool(dims_equal(part, whole) or (part and whole % part == 0))


def _check_result(op: Operation, shape: Any, batch: Any, windows: Windows, filters: Any) -> None:
    """The given gradient must have the shape of the convolution's result."""
    expected = (batch, *windows.counts, filters)
    for axis, (found, wanted) in enumerate(zip(shape, expected, strict=True)):
        if not dims_equal(found, wanted):
            what = "Size" if 0 < axis < len(expected) - 1 else "Batch size or depth"
            raise ValueError(
                f"{op.type}: {what} of out_backprop doesn't match computed: actual = {found}, "
                f"computed = {wanted} at axis {axis}"
            )


def _lower_input_gradient(b: Any, op: Operation, sizes: Any, kernel: Any, gradient: Any) -> Any:
    data_format = op.attrs["data_format"]
    shape = tuple(b.static_ints(sizes))
    gradient = to_channels_last(b, gradient, data_format)
    windows = find_windows(op, spatial(shape, data_format), kernel.shape[:-2])
    _check_result(op, gradient.shape, shape[0], windows, kernel.shape[-1])
    channels = shape[channel_axis(data_format, len(shape))]
    if not _divides(kernel.shape[-2], channels):
        raise ValueError(
            f"{op.type}: input depth must be evenly divisible by filter depth: {channels} vs "
            f"{kernel.shape[-2]}"
        )
    sizes = spatial(shape, data_format)
    made = input_gradient_node(b, kernel, gradient, sizes, windows, channels)
    return from_channels_last(b, made, data_format)


def _lower_filter_gradient(b: Any, op: Operation, x: Any, sizes: Any, gradient: Any) -> Any:
    data_format = op.attrs["data_format"]
    shape = tuple(b.static_ints(sizes))
    x, gradient = (to_channels_last(b, node, data_format) for node in (x, gradient))
    windows = find_windows(op, x.shape[1:-1], shape[:-2])
    _check_result(op, gradient.shape, x.shape[0], windows, shape[-1])
    return filter_gradient_node(b, x, gradient, windows, shape[-2])


# ---- gradients


def _window_attrs(op: Operation) -> dict[str, Any]:
    names = (
        "strides", "padding", "explicit_paddings", "dilations", "data_format", "use_cudnn_on_gpu",
    )  # fmt: skip
    return {name: op.attrs[name] for name in names if name in op.attrs}


class _Family:
    """The three ops of one number of dimensions: a convolution and its two gradients."""

    def __init__(self, forward: str, by_input: str, by_filter: str) -> None:
        index = (dtypes.int32, dtypes.int64)
        self.forward = Signature(forward, "input: T", "filter: T", T=FLOATS)
        # The sizes of the three-dimensional input may be of either integer type.
        sizes = "input_sizes: int32" if forward == "Conv2D" else "input_sizes: Tshape = int32"
        types = {"T": FLOATS} if forward == "Conv2D" else {"T": FLOATS, "Tshape": index}
        self.by_input = Signature(by_input, sizes, "filter: T", "out_backprop: T", **types)
        self.by_filter = Signature(
            by_filter, "input: T", "filter_sizes: int32", "out_backprop: T", T=FLOATS
        )
        define_op(forward, infer=_infer_conv, lower=_lower_conv, gradient=self.gradient)
        define_op(
            by_input,
            infer=lambda op: _infer_from_sizes(op, 0),
            lower=_lower_input_gradient,
            gradient=self.input_gradient,
        )
        define_op(
            by_filter,
            infer=lambda op: _infer_from_sizes(op, 1),
            lower=_lower_filter_gradient,
            gradient=self.filter_gradient,
        )

    def gradient(self, op: Operation, gradient: Any) -> list[Any]:
        """The gradients by array and filter."""
        x, kernel = op.inputs
        attrs = _window_attrs(op)
        return [
            self.by_input(shape_of(x), kernel, gradient, **attrs).outputs[0],
            self.by_filter(x, shape_of(kernel), gradient, **attrs).outputs[0],
        ]

    def input_gradient(self, op: Operation, gradient: Any) -> list[Any]:
        """The gradients of the gradient by the input."""
        _, kernel, out = op.inputs
        attrs = _window_attrs(op)
        return [
            None,
            self.by_filter(gradient, shape_of(kernel), out, **attrs).outputs[0],
            self.forward(gradient, kernel, **attrs).outputs[0],
        ]

    def filter_gradient(self, op: Operation, gradient: Any) -> list[Any]:
        """The gradients of the gradient by the filter."""
        x, _, out = op.inputs
        attrs = _window_attrs(op)
        return [
            self.by_input(shape_of(x), gradient, out, **attrs).outputs[0],
            None,
            self.forward(x, gradient, **attrs).outputs[0],
        ]


PLANE = _Family("Conv2D", "Conv2DBackpropInput", "Conv2DBackpropFilter")
SPACE = _Family("Conv3D", "Conv3DBackpropInputV2", "Conv3DBackpropFilterV2")


# ---- public functions


def conv_attrs(
    op_type: str, strides: Any, padding: Any, data_format: Any, dilations: Any, **others: Any
) -> dict[str, Any]:
    """The checked attributes of a convolution of `op_type`."""
    rank = 5 if op_type.startswith("Conv3D") else 4
    default = FORMATS[rank][0]
    data_format = default if data_format is None else data_format
    given = padding_attrs(padding) if rank == 4 else {"padding": padding}
    words = ("SAME", "VALID", "EXPLICIT") if rank == 4 else ("SAME", "VALID")
    check_attr(op_type, "padding", given["padding"], words)
    check_attr(op_type, "data_format", data_format, FORMATS[rank])
    dilations = [1] * rank if dilations is None else dilations
    attrs = {
        "strides": check_ints(op_type, "strides", strides),
        "dilations": check_ints(op_type, "dilations", dilations),
        "data_format": data_format,
        **given,
        **others,
    }
    for name in ("strides", "dilations"):
        if len(attrs[name]) != rank:
            raise ValueError(
                f"{op_type} requires the {name[:-1]} attribute to contain {rank} values, but got: "
                f"{len(attrs[name])}"
            )
    return attrs


def conv2d(
    input: Any,
    filter: Any = None,
    strides: Any = None,
    padding: Any = None,
    use_cudnn_on_gpu: bool = True,
    data_format: str | None = "NHWC",
    dilations: Sequence[int] | int | None = (1, 1, 1, 1),
    name: str | None = None,
    filters: Any = None,
) -> Tensor:
    """Return the sums of products of a filter and the windows of images under it.

    Parameters
    ----------
    input : images ``[batch, height, width, channels]``.
    filter : ``[height, width, channels, filters]``; `filters` is another name.
    strides, dilations : from one window to the next, and from one element of the filter to the
        next: a number, one per spatial axis or one per axis.
    padding : ``SAME``, ``VALID``, or a pair of numbers for each axis.
    data_format : ``NHWC``, or ``NCHW`` where the images have their channels first.
    """
    filter = one_of("filters", filters, "filter", filter)
    data_format = "NHWC" if data_format is None else data_format
    first = channels_first(data_format)
    strides = axis_values(strides, 2, first, "strides")
    dilations = axis_values(dilations, 2, first, "dilations")
    attrs = conv_attrs(
        "Conv2D", strides, padding, data_format, dilations, use_cudnn_on_gpu=use_cudnn_on_gpu
    )
    return PLANE.forward(input, filter, name=name, **attrs).outputs[0]


def conv2d_backprop_input(
    input_sizes: Any,
    filter: Any = None,
    out_backprop: Any = None,
    strides: Any = None,
    padding: Any = None,
    use_cudnn_on_gpu: bool = True,
    data_format: str = "NHWC",
    dilations: Sequence[int] = (1, 1, 1, 1),
    name: str | None = None,
    filters: Any = None,
) -> Tensor:
    """Return the gradient of `conv2d` by its input, of shape `input_sizes`."""
    filter = one_of("filters", filters, "filter", filter)
    attrs = conv_attrs(
        "Conv2DBackpropInput", strides, padding, data_format, dilations,
        use_cudnn_on_gpu=use_cudnn_on_gpu,
    )  # fmt: skip
    return PLANE.by_input(input_sizes, filter, out_backprop, name=name, **attrs).outputs[0]


def conv2d_backprop_filter(
    input: Any,
    filter_sizes: Any,
    out_backprop: Any,
    strides: Any,
    padding: Any,
    use_cudnn_on_gpu: bool = True,
    data_format: str = "NHWC",
    dilations: Sequence[int] = (1, 1, 1, 1),
    name: str | None = None,
) -> Tensor:
    """Return the gradient of `conv2d` by its filter, of shape `filter_sizes`."""
    attrs = conv_attrs(
        "Conv2DBackpropFilter", strides, padding, data_format, dilations,
        use_cudnn_on_gpu=use_cudnn_on_gpu,
    )  # fmt: skip
    return PLANE.by_filter(input, filter_sizes, out_backprop, name=name, **attrs).outputs[0]


def conv3d(
    input: Any,
    filter: Any = None,
    strides: Any = None,
    padding: Any = None,
    data_format: str = "NDHWC",
    dilations: Sequence[int] = (1, 1, 1, 1, 1),
    name: str | None = None,
    filters: Any = None,
) -> Tensor:
    """Return the sums of products of a filter and the windows of volumes under it; see `conv2d`."""
    filter = one_of("filters", filters, "filter", filter)
    attrs = conv_attrs("Conv3D", strides, padding, data_format, dilations)
    return SPACE.forward(input, filter, name=name, **attrs).outputs[0]


def conv3d_backprop_filter(
    input: Any,
    filter_sizes: Any,
    out_backprop: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NDHWC",
    dilations: Sequence[int] = (1, 1, 1, 1, 1),
    name: str | None = None,
) -> Tensor:
    """Return the gradient of `conv3d` by its filter, of shape `filter_sizes`."""
    attrs = conv_attrs("Conv3DBackpropFilterV2", strides, padding, data_format, dilations)
    return SPACE.by_filter(input, filter_sizes, out_backprop, name=name, **attrs).outputs[0]


conv3d_backprop_filter_v2 = conv3d_backprop_filter
