"""Convolutions along one axis, transposed ones, dilated ones, and `convolution` for any rank."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.tensor import Tensor
from graphflow.ops.conv import PLANE, SPACE, conv_attrs
from graphflow.ops.joining import concat
from graphflow.ops.shape import expand_dims, one_of, squeeze
from graphflow.ops.windows import axis_values, channels_first, count_dilated

__all__ = [
    "atrous_conv2d",
    "atrous_conv2d_transpose",
    "conv1d",
    "conv1d_transpose",
    "conv2d_transpose",
    "conv3d_transpose",
    "conv_transpose",
    "convolution",
]

_LINE_FORMATS = {"NWC": "NHWC", "NHWC": "NHWC", "NCW": "NCHW", "NCHW": "NCHW"}


def _line_format(data_format: str | None) -> tuple[str, int]:
    """The layout of images of one row that a sequence's layout becomes, and the axis to add."""
    layout = _LINE_FORMATS.get("NWC" if data_format is None else data_format)
    if layout is None:
        raise ValueError('data_format must be "NWC" or "NCW".')
    return layout, 1 if layout == "NHWC" else 2


def _line_attrs(
    op_type: str, layout: str, stride: Any, padding: Any, dilations: Any, cudnn: Any = True
) -> dict[str, Any]:
    first = channels_first(layout)
    strides = [1, *axis_values(stride, 1, first, "stride")]
    dilations = [1, *axis_values(dilations, 1, first, "dilations")]
    return conv_attrs(op_type, strides, padding, layout, dilations, use_cudnn_on_gpu=cudnn)


def conv1d(
    value: Any = None,
    filters: Any = None,
    stride: Any = None,
    padding: Any = None,
    use_cudnn_on_gpu: bool | None = None,
    data_format: str | None = None,
    name: str | None = None,
    input: Any = None,
    dilations: Any = None,
) -> Tensor:
    """Return the convolution of sequences ``[batch, width, channels]``.

    Parameters
    ----------
    value : sequences; `input` is another name.
    filters : ``[width, channels, filters]``.
    data_format : ``NWC``, or ``NCW`` where the channels come before the width.
    """
    value = one_of("input", input, "value", value)
    with name_scope(name, "conv1d", [value, filters]) as scope:
        layout, axis = _line_format(data_format)
        cudnn = True if use_cudnn_on_gpu is None else use_cudnn_on_gpu
        attrs = _line_attrs("Conv2D", layout, stride, padding, dilations, cudnn)
        wide = PLANE.forward(
            expand_dims(value, axis), expand_dims(filters, 0), name=scope, **attrs
        ).outputs[0]
        return squeeze(wide, [axis])


def conv1d_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: str = "SAME",
    data_format: str | None = "NWC",
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """Return what `conv1d` has as gradient by its input, for sequences of `output_shape`."""
    with name_scope(name, "conv1d_transpose", [input, filters, output_shape]) as scope:
        layout, axis = _line_format(data_format)
        attrs = _line_attrs("Conv2DBackpropInput", layout, strides, padding, dilations)
        if not isinstance(output_shape, Tensor):
            output_shape = list(output_shape)
        sizes = concat([output_shape[:axis], [1], output_shape[axis:]], 0)
        wide = PLANE.by_input(
            sizes, expand_dims(filters, 0), expand_dims(input, axis), name=scope, **attrs
        ).outputs[0]
        return squeeze(wide, axis)


def conv2d_transpose(
    value: Any = None,
    filter: Any = None,
    output_shape: Any = None,
    strides: Any = None,
    padding: Any = "SAME",
    data_format: str | None = "NHWC",
    name: str | None = None,
    input: Any = None,
    filters: Any = None,
    dilations: Any = None,
) -> Tensor:
    """Return what `conv2d` has as gradient by its input, for images of `output_shape`.

    Parameters
    ----------
    value : the gradient, so to speak; `input` is another name.
    filter : ``[height, width, channels of the result, channels of value]``; or `filters`.
    """
    value = one_of("input", input, "value", value)
    filter = one_of("filters", filters, "filter", filter)
    with name_scope(name, "conv2d_transpose", [value, filter, output_shape]) as scope:
        data_format = "NHWC" if data_format is None else data_format
        first = channels_first(data_format)
        strides = axis_values(strides, 2, first, "strides")
        dilations = axis_values(dilations, 2, first, "dilations")
        attrs = conv_attrs(
            "Conv2DBackpropInput", strides, padding, data_format, dilations, use_cudnn_on_gpu=True
        )
        return PLANE.by_input(output_shape, filter, value, name=scope, **attrs).outputs[0]


def conv3d_transpose(
    value: Any,
    filter: Any = None,
    output_shape: Any = None,
    strides: Any = None,
    padding: str = "SAME",
    data_format: str | None = "NDHWC",
    name: str | None = None,
    input: Any = None,
    filters: Any = None,
    dilations: Any = None,
) -> Tensor:
    """Return what `conv3d` has as gradient by its input, for volumes of `output_shape`."""
    filter = one_of("filters", filters, "filter", filter)
    value = one_of("input", input, "value", value)
    with name_scope(name, "conv3d_transpose", [value, filter, output_shape]) as scope:
        data_format = "NDHWC" if data_format is None else data_format
        first = channels_first(data_format)
        strides = axis_values(strides, 3, first, "strides")
        dilations = axis_values(dilations, 3, first, "dilations")
        attrs = conv_attrs("Conv3DBackpropInputV2", strides, padding, data_format, dilations)
        return SPACE.by_input(output_shape, filter, value, name=scope, **attrs).outputs[0]


def conv_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: str = "SAME",
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """Return a transposed convolution along one, two or three axes, by the length of the shape."""
    with name_scope(name, "conv_transpose", [input, filters, output_shape]) as scope:
        count = output_shape.shape.as_list()[0] if isinstance(output_shape, Tensor) else None
        count = len(output_shape) if count is None else count
        if count == 3:
            layout = "NWC" if data_format is None else data_format
            return conv1d_transpose(
                input, filters, output_shape, strides, padding, layout, dilations, scope
            )
        if count not in (4, 5):
            raise ValueError(
                "output_shape must be of rank 3, 4 or 5, got a shape of "
                f"{count} elements"
            )  # fmt: skip
        transposed: Any = conv2d_transpose if count == 4 else conv3d_transpose
        return transposed(
            input, filters, output_shape, strides, padding, data_format, scope, None, None,
            dilations,
        )  # fmt: skip


# ---- any rank, and dilation


def _spatial_values(strides: Any, rate: Any, rank: int) -> tuple[list[int], list[int]]:
    """Strides and rates along the spatial axes."""
    rate = [1] * rank if rate is None else [int(r) for r in rate]
    strides = [1] * rank if strides is None else [int(s) for s in strides]
    for name, values in (("dilation_rate", rate), ("strides", strides)):
        if len(values) != rank:
            raise ValueError(f"len({name})={len(values)} but should be {rank}")
        if any(value < 1 for value in values):
            raise ValueError(f"all values of {name} must be positive")
    if any(s > 1 for s in strides) and any(r > 1 for r in rate):
        raise ValueError("strides > 1 not supported in conjunction with dilation_rate > 1")
    return strides, rate


def convolution(
    input: Any,
    filter: Any,
    padding: Any,
    strides: Sequence[int] | None = None,
    dilation_rate: Sequence[int] | None = None,
    name: str | None = None,
    data_format: str | None = None,
    filters: Any = None,
    dilations: Any = None,
) -> Tensor:
    """Return the convolution of an array along one, two or three axes.

    Parameters
    ----------
    input : ``[batch, spatial..., channels]``.
    filter : ``[spatial..., channels, filters]``; `filters` is another name.
    strides, dilation_rate : one number per spatial axis, not both above 1; `dilations` is another
        name of the latter.
    data_format : a layout that begins with ``NC`` has the channels first.

    Raises
    ------
    ValueError : there are less than one or more than three spatial axes.
    """
    dilation_rate = one_of("dilations", dilations, "dilation_rate", dilation_rate)
    filter = one_of("filters", filters, "filter", filter)
    with name_scope(name, "convolution", [input, filter]) as scope:
        input = convert_to_tensor(input, name="input")
        filter = convert_to_tensor(filter, name="filter")
        known = input.shape.rank if input.shape.rank is not None else filter.shape.rank
        if known is None:
            raise ValueError("rank of input must be known")
        rank = known - 2
        if rank not in (1, 2, 3):
            raise ValueError(f"Cannot perform convolution of rank {rank}: expected 1, 2 or 3")
        strides, rate = _spatial_values(strides, dilation_rate, rank)
        first = data_format is not None and channels_first(data_format)
        around = [[1, 1, *v] if first else [1, *v, 1] for v in (strides, rate)]
        count_dilated(input, rate, padding, data_format, 1)
        if rank == 1:
            layout = "NCW" if first else "NWC"
            return conv1d(
                input, filter, strides[0], padding, data_format=layout, name=scope,
                dilations=rate[0],
            )  # fmt: skip
        if rank == 2:
            layout = "NCHW" if first else "NHWC"
            attrs = conv_attrs(
                "Conv2D", around[0], padding, layout, around[1], use_cudnn_on_gpu=True
            )
            return PLANE.forward(input, filter, name=scope, **attrs).outputs[0]
        attrs = conv_attrs("Conv3D", around[0], padding, data_format, around[1])
        return SPACE.forward(input, filter, name=scope, **attrs).outputs[0]


def atrous_conv2d(
    value: Any, filters: Any, rate: int, padding: str, name: str | None = None
) -> Tensor:
    """Return the convolution of images by a filter whose elements are `rate` apart."""
    return convolution(value, filters, padding, dilation_rate=[rate, rate], name=name)


def atrous_conv2d_transpose(
    value: Any, filters: Any, output_shape: Any, rate: int, padding: str, name: str | None = None
) -> Tensor:
    """Return what `atrous_conv2d` has as gradient by its input, for images of `output_shape`."""
    with name_scope(name, "atrous_conv2d_transpose", [value, filters, output_shape]) as scope:
        value = convert_to_tensor(value, name="value")
        filters = convert_to_tensor(filters, name="filters")
        if rate < 1:
            raise ValueError(f"rate {rate} cannot be less than one")
        attrs = conv_attrs(
            "Conv2DBackpropInput", [1, 1, 1, 1], padding, "NHWC", [1, rate, rate, 1],
            use_cudnn_on_gpu=True,
        )  # fmt: skip
        return PLANE.by_input(output_shape, filters, value, name=scope, **attrs).outputs[0]
