"""Pooling in one to three dimensions: the maximum or the mean of every window."""

from __future__ import annotations

from typing import Any

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ir.dims import shapes_equal
from graphflow.ir.prims.reductions import neutral_element
from graphflow.ops.creation import zeros_like
from graphflow.ops.identity import stop_gradient
from graphflow.ops.pooling_lowering import (
    chosen_elements,
    first_maximum,
    max_node,
    mean_node,
    scattered,
    scattered_to_equals,
    valid_counts,
)
from graphflow.ops.shape import expand_dims, one_of, squeeze
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.shape_rules import Types, known_ints, output, shape_of_value, with_rank
from graphflow.ops.windows import (
    FLOATS,
    FORMATS,
    Windows,
    axis_values,
    channels_first,
    check_attr,
    check_ints,
    window_padding,
)

__all__ = [
    "avg_pool",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "avg_pool_v2",
    "max_pool",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "max_pool_v2",
]

REAL = (*FLOATS, dtypes.int8, dtypes.int16, dtypes.int32, dtypes.int64, dtypes.uint8,
        dtypes.uint16)  # fmt: skip


# ---- windows and shapes


def pool_windows(op: Operation, sizes: Any, ksize: Any, strides: Any) -> Windows:
    """The windows of a pooling operation along all axes of its array."""
    for name, values in (("ksize", ksize), ("strides", strides)):
        if len(values) != len(sizes):
            raise ValueError(
                f"Sliding window {name} field must specify {len(sizes)} dimensions, got "
                f"{len(values)}"
            )
    if ksize[0] != 1 or strides[0] != 1:
        raise ValueError("Pooling is not yet supported on the batch dimension.")
    padding = op.attrs["padding"]
    first = channels_first(op.attrs.get("data_format", "NHWC"))
    channels = 1 if first else len(sizes) - 1
    counts, pairs = [], []
    for axis, (size, taps, stride) in enumerate(zip(sizes, ksize, strides, strict=True)):
        kind = "VALID" if axis in (0, channels) else padding
        count, pair = window_padding(kind, size, taps, stride, 1, (0, 0))
        counts.append(count)
        pairs.append(pair)
    ones = (1,) * len(sizes)
    return Windows(tuple(ksize), tuple(strides), ones, tuple(pairs), tuple(counts))


def _windows(op: Operation, sizes: Any) -> Windows:
    return pool_windows(op, sizes, op.attrs["ksize"], op.attrs["strides"])


def infer_pool(op: Operation) -> Types:
    """The shape rule of an operation that pools its first input."""
    ksize, strides = op.attrs["ksize"], op.attrs["strides"]
    for values in (ksize, strides):
        if len(values) != len(ksize):
            raise ValueError(f"Sliding window {values} expected {len(ksize)} dimensions")
    for name, values in (("Sliding window", ksize), ("Stride", strides)):
        for value in values:
            if value <= 0:
                raise ValueError(f"{name} must be > 0, but got {value}")
    x = with_rank(op.inputs[0].shape, len(ksize))
    return output(op, _infer_pooled(op, x, ksize, strides))


def _infer_pooled(op: Operation, x: Any, ksize: Any, strides: Any) -> tuple[int | None, ...]:
    return tuple(
        None if size is None
        else window_padding(op.attrs["padding"], size, taps, stride, 1, (0, 0))[0]
        for size, taps, stride in zip(x, ksize, strides, strict=True)
    )  # fmt: skip


def _check_gradient(op: Operation, windows: Windows, gradient: Any) -> None:
    if not shapes_equal(gradient.shape, windows.counts):
        raise ValueError(
            f"{op.type}: expected a gradient of shape {list(windows.counts)}, got "
            f"{list(gradient.shape)}"
        )


# ---- maximum


def _lower_max(b: Any, op: Operation, x: Any) -> Any:
    start = neutral_element("reduce_max", x.dtype) if x.rank == 5 else x.dtype.min
    return max_node(b, x, _windows(op, x.shape), start)


def _lower_max_gradient(b: Any, op: Operation, x: Any, maxima: Any, gradient: Any) -> Any:
    windows = _windows(op, x.shape)
    _check_gradient(op, windows, gradient)
    if op.type == "MaxPool3DGrad":
        return scattered_to_equals(b, x, maxima, gradient, windows)
    numbers = first_maximum(b, x, maxima, windows)
    return scattered(b, gradient, numbers, windows, x.shape)


def _lower_max_gradient_gradient(b: Any, op: Operation, x: Any, maxima: Any, gradient: Any) -> Any:
    windows = _windows(op, x.shape)
    numbers = first_maximum(b, x, maxima, windows)
    return chosen_elements(b, gradient, numbers, windows)


def _attrs(op: Operation) -> dict[str, Any]:
    names = ("ksize", "strides", "padding", "data_format")
    return {name: op.attrs[name] for name in names if name in op.attrs}


def _like(op: Operation, place: int) -> Types:
    return [(op.inputs[place].dtype.base_dtype, op.inputs[place].shape)]


def _define_max(forward: str, backward: str, second: str) -> Signature:
    """Define an op for maxima, its gradient, and the gradient of that."""
    call = Signature(forward, "input: T", T=REAL)
    inputs = "orig_input: T", "orig_output: T", "grad: T"
    call_backward = Signature(backward, *inputs, T=REAL)
    call_second = Signature(second, *inputs, T=REAL)

    def gradient(op: Operation, gradient: Any) -> list[Any]:
        made = call_backward(op.inputs[0], op.outputs[0], gradient, **_attrs(op))
        return [made.outputs[0]]

    def gradient_of(other: Signature) -> Any:
        def chained(op: Operation, gradient: Any) -> list[Any]:
            x, maxima, _ = op.inputs
            made = other(x, maxima, gradient, **_attrs(op))
            return [zeros_like(x), zeros_like(maxima), made.outputs[0]]

        return chained

    define_op(forward, infer=infer_pool, lower=_lower_max, gradient=gradient)
    define_op(
        backward,
        infer=lambda op: _like(op, 0),
        lower=_lower_max_gradient,
        gradient=gradient_of(call_second),
    )
    define_op(
        second,
        infer=lambda op: _like(op, 1),
        lower=_lower_max_gradient_gradient,
        gradient=gradient_of(call_backward),
    )
    return call


_MAX_POOL = _define_max("MaxPool", "MaxPoolGrad", "MaxPoolGradGrad")
_MAX_POOL_3D = _define_max("MaxPool3D", "MaxPool3DGrad", "MaxPool3DGradGrad")


# ---- mean


def _lower_mean(b: Any, op: Operation, x: Any) -> Any:
    return mean_node(b, x, _windows(op, x.shape))


def _lower_mean_gradient(b: Any, op: Operation, sizes: Any, gradient: Any) -> Any:
    shape = tuple(b.static_ints(sizes))
    windows = _windows(op, shape)
    _check_gradient(op, windows, gradient)
    if 0 in windows.counts:
        return b.full(shape, 0, gradient.dtype)
    shares = b.div(gradient, valid_counts(b, windows, shape, gradient.dtype))
    return scattered(b, shares, None, windows, shape)


def _infer_mean_gradient(op: Operation) -> Types:
    given = shape_of_value(op.inputs[0])
    rank = len(op.attrs["ksize"])
    return output(op, (None,) * rank if given is None else given, op.inputs[1].dtype.base_dtype)


def _define_mean(forward: str, backward: str) -> Signature:
    """Define an op for means and its gradient."""
    call = Signature(forward, "value: T", T=FLOATS)
    call_backward = Signature(backward, "orig_input_shape: int32", "grad: T", T=FLOATS)

    def gradient(op: Operation, gradient: Any) -> list[Any]:
        return [call_backward(shape_of(op.inputs[0]), gradient, **_attrs(op)).outputs[0]]

    def second(op: Operation, gradient: Any) -> list[Any]:
        return [stop_gradient(op.inputs[0]), call(gradient, **_attrs(op)).outputs[0]]

    define_op(forward, infer=infer_pool, lower=_lower_mean, gradient=gradient)
    define_op(backward, infer=_infer_mean_gradient, lower=_lower_mean_gradient, gradient=second)
    return call


_AVG_POOL = _define_mean("AvgPool", "AvgPoolGrad")
_AVG_POOL_3D = _define_mean("AvgPool3D", "AvgPool3DGrad")


# ---- MaxPoolV2: windows that are tensors


def _infer_max_v2(op: Operation) -> Types:
    x = with_rank(op.inputs[0].shape, 4)
    ksize, strides = (known_ints(t) for t in op.inputs[1:])
    if ksize is None or strides is None or None in (*ksize, *strides):
        return output(op, (None,) * 4)
    return output(op, _infer_pooled(op, x, ksize, strides))


def _lower_max_v2(b: Any, op: Operation, x: Any, ksize: Any, strides: Any) -> Any:
    windows = pool_windows(op, x.shape, b.static_ints(ksize), b.static_ints(strides))
    return max_node(b, x, windows, x.dtype.min)


def _lower_max_v2_gradient(
    b: Any, op: Operation, x: Any, maxima: Any, gradient: Any, ksize: Any, strides: Any
) -> Any:
    windows = pool_windows(op, x.shape, b.static_ints(ksize), b.static_ints(strides))
    return scattered(b, gradient, first_maximum(b, x, maxima, windows), windows, x.shape)


def _lower_max_v2_second(
    b: Any, op: Operation, x: Any, maxima: Any, gradient: Any, ksize: Any, strides: Any
) -> Any:
    windows = pool_windows(op, x.shape, b.static_ints(ksize), b.static_ints(strides))
    return chosen_elements(b, gradient, first_maximum(b, x, maxima, windows), windows)


def _max_v2_chained(op: Operation, gradient: Any) -> list[Any]:
    x, maxima, _, ksize, strides = op.inputs
    attrs = {k: op.attrs[k] for k in ("padding", "data_format")}
    other = _MAX_POOL_V2_SECOND if op.type == "MaxPoolGradV2" else _MAX_POOL_V2_GRAD
    made = other(x, maxima, gradient, ksize, strides, **attrs)
    return [zeros_like(x), zeros_like(maxima), made.outputs[0], None, None]


def _max_v2_gradient(op: Operation, gradient: Any) -> list[Any]:
    x, ksize, strides = op.inputs
    attrs = {k: op.attrs[k] for k in ("padding", "data_format")}
    made = _MAX_POOL_V2_GRAD(x, op.outputs[0], gradient, ksize, strides, **attrs)
    return [made.outputs[0], None, None]


define_op("MaxPoolV2", infer=_infer_max_v2, lower=_lower_max_v2, gradient=_max_v2_gradient)
define_op(
    "MaxPoolGradV2",
    infer=lambda op: _like(op, 0),
    lower=_lower_max_v2_gradient,
    gradient=_max_v2_chained,
)
define_op(
    "MaxPoolGradGradV2",
    infer=lambda op: _like(op, 1),
    lower=_lower_max_v2_second,
    gradient=_max_v2_chained,
)
_V2_INPUTS = "orig_input: T", "orig_output: T", "grad: T", "ksize: int32", "strides: int32"
_MAX_POOL_V2_GRAD = Signature("MaxPoolGradV2", *_V2_INPUTS, T=REAL)
_MAX_POOL_V2_SECOND = Signature("MaxPoolGradGradV2", *_V2_INPUTS, T=REAL)
_MAX_POOL_V2 = Signature("MaxPoolV2", "input: T", "ksize: int32", "strides: int32", T=REAL)


# ---- public functions


def _pool(
    call: Signature, x: Any, ksize: Any, strides: Any, padding: Any, data_format: Any, name: Any
) -> Tensor:
    """Make a pooling operation with one number per axis."""
    rank = 5 if call.op_type.endswith("3D") else 4
    data_format = FORMATS[rank][0] if data_format is None else data_format
    first = channels_first(data_format)
    ksize = axis_values(ksize, rank - 2, first, "ksize")
    strides = axis_values(strides, rank - 2, first, "strides")
    if any(size == 0 for size in ksize):
        raise ValueError("ksize cannot be zero.")
    op_type = call.op_type
    attrs = {
        "ksize": check_ints(op_type, "ksize", ksize),
        "strides": check_ints(op_type, "strides", strides),
        "padding": check_attr(op_type, "padding", padding, ("SAME", "VALID")),
        "data_format": check_attr(op_type, "data_format", data_format, FORMATS[rank]),
    }
    return call(x, name=name, **attrs).outputs[0]


def _pool_line(
    call: Signature, x: Any, ksize: Any, strides: Any, padding: Any, data_format: Any, scope: Any
) -> Tensor:
    """Pool along one axis, as images of one row."""
    data_format = "NWC" if data_format is None else data_format
    first = channels_first(data_format)
    ksize = [1, *axis_values(ksize, 1, first, "ksize")]
    strides = [1, *axis_values(strides, 1, first, "strides")]
    axis = 1 if data_format == "NWC" else 2
    layout = "NHWC" if data_format == "NWC" else "NCHW"
    wide = _pool(call, expand_dims(x, axis), ksize, strides, padding, layout, scope)
    return squeeze(wide, axis)


def max_pool(
    value: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str | None = "NHWC",
    name: str | None = None,
    input: Any = None,
) -> Tensor:
    """Return the maximum of every window.

    Parameters
    ----------
    value : images ``[batch, height, width, channels]``; `input` is another name.
    ksize, strides : the windows' sizes and distances: a number, one per spatial axis or one per
        axis.
    padding : ``SAME`` or ``VALID``; padding is never a maximum.
    data_format : ``NHWC`` or ``NCHW``.
    """
    value = one_of("input", input, "value", value)
    with name_scope(name, "MaxPool", [value]) as scope:
        return _pool(_MAX_POOL, value, ksize, strides, padding, data_format, scope)


def max_pool2d(
    input: Any, ksize: Any, strides: Any, padding: str, data_format: str | None = "NHWC",
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return the maximum of every window of images; see `max_pool`."""
    with name_scope(name, "MaxPool2d", [input]) as scope:
        return _pool(_MAX_POOL, input, ksize, strides, padding, data_format, scope)


def max_pool1d(
    input: Any, ksize: Any, strides: Any, padding: str, data_format: str | None = "NWC",
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return the maximum of every window of sequences ``[batch, width, channels]``."""
    with name_scope(name, "MaxPool1d", [input]) as scope:
        return _pool_line(_MAX_POOL, input, ksize, strides, padding, data_format, scope)


def max_pool3d(
    input: Any, ksize: Any, strides: Any, padding: str, data_format: str | None = "NDHWC",
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return the maximum of every window of volumes."""
    with name_scope(name, "MaxPool3D", [input]) as scope:
        return _pool(_MAX_POOL_3D, input, ksize, strides, padding, data_format, scope)


def avg_pool(
    value: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str | None = "NHWC",
    name: str | None = None,
    input: Any = None,
) -> Tensor:
    """Return the mean of every window, of its elements that are not padding; see `max_pool`."""
    with name_scope(name, "AvgPool", [value]) as scope:
        value = one_of("input", input, "value", value)
        return _pool(_AVG_POOL, value, ksize, strides, padding, data_format, scope)


def avg_pool2d(
    value: Any, ksize: Any, strides: Any, padding: str, data_format: str | None = "NHWC",
    name: str | None = None, input: Any = None,
) -> Tensor:  # fmt: skip
    """Return the mean of every window of images; see `avg_pool`."""
    return avg_pool(value, ksize, strides, padding, data_format, name, input)


def avg_pool1d(
    input: Any, ksize: Any, strides: Any, padding: str, data_format: str | None = "NWC",
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return the mean of every window of sequences ``[batch, width, channels]``."""
    with name_scope(name, "AvgPool1D", [input]) as scope:
        return _pool_line(_AVG_POOL, input, ksize, strides, padding, data_format, scope)


def avg_pool3d(
    input: Any, ksize: Any, strides: Any, padding: str, data_format: str | None = "NDHWC",
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return the mean of every window of volumes."""
    with name_scope(name, "AvgPool3D", [input]) as scope:
        return _pool(_AVG_POOL_3D, input, ksize, strides, padding, data_format, scope)


def _pool_any(
    planes: Signature, volumes: Signature, x: Any, windows: tuple[Any, Any, str], data_format: Any,
    scope: Any,
) -> Tensor:  # fmt: skip
    """Pool along as many axes as the array has besides batch and channels."""
    ksize, strides, padding = windows
    x = convert_to_tensor(x, name="input")
    rank = x.shape.rank
    if data_format in ("NWC", "NCW") or (data_format is None and rank == 3):
        return _pool_line(planes, x, ksize, strides, padding, data_format, scope)
    if data_format in FORMATS[5] or (data_format is None and rank == 5):
        return _pool(volumes, x, ksize, strides, padding, data_format, scope)
    if data_format not in (None, *FORMATS[4]):
        raise ValueError(f"Input tensor must be of rank 3, 4 or 5 but was {rank}.")
    return _pool(planes, x, ksize, strides, padding, data_format, scope)


def max_pool_v2(
    input: Any, ksize: Any, strides: Any, padding: str, data_format: str | None = None,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return the maximum of every window of sequences, images or volumes."""
    with name_scope(name, "max_pool_v2", [input]) as scope:
        windows = (ksize, strides, padding)
        return _pool_any(_MAX_POOL, _MAX_POOL_3D, input, windows, data_format, scope)


def avg_pool_v2(
    input: Any, ksize: Any, strides: Any, padding: str, data_format: str | None = None,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return the mean of every window of sequences, images or volumes."""
    with name_scope(name, "avg_pool_v2", [input]) as scope:
        windows = (ksize, strides, padding)
        return _pool_any(_AVG_POOL, _AVG_POOL_3D, input, windows, data_format, scope)
