"""Pooling that tells where the maxima are, and `pool` for any rank and dilation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from graphflow.graph.apply import Signature
from graphflow.graph.constants import constant
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import DType, as_dtype, int32, int64
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ir.dims import product
from graphflow.ops.creation import zeros_like
from graphflow.ops.elementwise import add, maximum
from graphflow.ops.pooling import (
    REAL,
    avg_pool,
    avg_pool1d,
    avg_pool3d,
    infer_pool,
    max_pool,
    max_pool1d,
    max_pool3d,
    pool_windows,
)
from graphflow.ops.pooling_lowering import first_maximum, max_node
from graphflow.ops.shape import one_of
from graphflow.ops.shape_rules import Types
from graphflow.ops.windows import Windows, axis_values, channels_first, check_attr, check_ints

__all__ = ["max_pool_with_argmax", "pool"]


class MaxPoolWithArgmax(NamedTuple):
    """Maxima, and the flat positions in their images at which they are."""

    output: Tensor
    argmax: Tensor


# ---- positions as numbers


def _positions(b: Any, op: Operation, numbers: Any, windows: Windows, sizes: Any) -> Any:
    """The flat position of the tap that every window chooses."""
    counts = windows.counts
    if product(sizes) >= 1 << 31:
        numbers = b.cast(numbers, int64)
    dtype = numbers.dtype
    columns = windows.taps[2]
    rest = b.broadcast(b.const(columns, dtype), counts, ())
    row, column = b.truncdiv(numbers, rest), b.truncmod(numbers, rest)
    place = _along(b, row, windows, 1)
    place = b.add(b.mul(place, sizes[2]), _along(b, column, windows, 2))
    place = b.add(b.mul(place, sizes[3]), b.iota(counts, 3, dtype))
    if op.attrs["include_batch_in_index"]:
        image = b.iota(counts, 0, dtype)
        place = b.add(place, b.mul(image, product(sizes[1:])))
    return b.cast(place, op.attrs["Targmax"])


def _along(b: Any, tap: Any, windows: Windows, axis: int) -> Any:
    """Where in the array a window's tap is along an axis."""
    first = b.mul(b.iota(windows.counts, axis, tap.dtype), windows.strides[axis])
    return b.add(b.sub(first, windows.padding[axis][0]), tap)


def _flat(b: Any, op: Operation, argmax: Any, sizes: Any) -> Any:
    """Positions in the whole batch, whether or not `argmax` says so."""
    argmax = b.cast(argmax, int64)
    if not op.attrs["include_batch_in_index"]:
        image = b.iota(argmax.shape, 0, int64)
        argmax = b.add(argmax, b.mul(image, product(sizes[1:])))
    return b.reshape(argmax, (product(argmax.shape),))


# ---- the ops


def _lower(b: Any, op: Operation, x: Any) -> tuple[Any, Any]:
    if x.rank != 4:
        raise ValueError("tensor_in must be 4-dimensional")
    windows = pool_windows(op, x.shape, op.attrs["ksize"], op.attrs["strides"])
    if windows.taps[3] != 1:
        raise ValueError("MaxPoolWithArgmax pools along the height and width only")
    maxima = max_node(b, x, windows)
    if 0 in windows.counts:
        return maxima, b.full(windows.counts, 0, op.attrs["Targmax"])
    numbers = first_maximum(b, x, maxima, windows)
    return maxima, _positions(b, op, numbers, windows, x.shape)


def _lower_gradient(b: Any, op: Operation, x: Any, gradient: Any, argmax: Any) -> Any:
    size = product(x.shape)
    zeros = b.full((size,), 0, x.dtype)
    flat = b.reshape(gradient, (product(gradient.shape),))
    made = b.scatter("add", zeros, _flat(b, op, argmax, x.shape), flat)
    return b.reshape(made, x.shape)


def _lower_second(b: Any, op: Operation, x: Any, gradient: Any, argmax: Any) -> Any:
    flat = b.reshape(gradient, (product(gradient.shape),))
    chosen = b.gather(flat, _flat(b, op, argmax, x.shape))
    return b.reshape(chosen, argmax.shape)


def _infer(op: Operation) -> Types:
    (found,) = infer_pool(op)
    return [found, (op.attrs["Targmax"], found[1])]


def _attrs(op: Operation) -> dict[str, Any]:
    names = ("ksize", "strides", "padding", "include_batch_in_index")
    return {name: op.attrs[name] for name in names}


def _gradient(op: Operation, gradient: Any, _: Any) -> list[Any]:
    return [_BACK(op.inputs[0], gradient, op.outputs[1], **_attrs(op)).outputs[0]]


def _second(op: Operation, gradient: Any) -> list[Any]:
    x, _, argmax = op.inputs
    return [zeros_like(x), _BACK_BACK(x, gradient, argmax, **_attrs(op)).outputs[0], None]


def _third(op: Operation, gradient: Any) -> list[Any]:
    x, _, argmax = op.inputs
    return [zeros_like(x), _BACK(x, gradient, argmax, **_attrs(op)).outputs[0], None]


def _like(place: int) -> Any:
    return lambda op: [(op.inputs[0].dtype.base_dtype, op.inputs[place].shape)]


define_op("MaxPoolWithArgmax", infer=_infer, lower=_lower, gradient=_gradient)
define_op("MaxPoolGradWithArgmax", infer=_like(0), lower=_lower_gradient, gradient=_second)
define_op("MaxPoolGradGradWithArgmax", infer=_like(2), lower=_lower_second, gradient=_third)
_ARGMAX = Signature("MaxPoolWithArgmax", "input: T", T=REAL)
_INPUTS = "input: T", "grad: T", "argmax: Targmax"
_BACK = Signature("MaxPoolGradWithArgmax", *_INPUTS, T=REAL, Targmax=(int32, int64))
_BACK_BACK = Signature("MaxPoolGradGradWithArgmax", *_INPUTS, T=REAL, Targmax=(int32, int64))


def max_pool_with_argmax(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str = "NHWC",
    Targmax: DType | None = None,
    name: str | None = None,
    output_dtype: DType | None = None,
    include_batch_in_index: bool = False,
) -> MaxPoolWithArgmax:
    """Return the maximum of every window of images, and where it is.

    Parameters
    ----------
    Targmax : type of the positions, int64 when None; `output_dtype` is another name.
    include_batch_in_index : whether a position ``(y * width + x) * channels + c`` counts from the
        start of the batch, not of its image.
    """
    if data_format != "NHWC":
        raise ValueError("Data formats other than 'NHWC' are not yet supported")
    kind = one_of("output_dtype", output_dtype, "Targmax", Targmax)
    op_type = "MaxPoolWithArgmax"
    made = _ARGMAX(
        input, name=name,
        ksize=check_ints(op_type, "ksize", axis_values(ksize, 2, False, "ksize")),
        strides=check_ints(op_type, "strides", axis_values(strides, 2, False, "strides")),
        padding=check_attr(op_type, "padding", padding, ("SAME", "VALID")),
        Targmax=int64 if kind is None else as_dtype(kind),
        include_batch_in_index=include_batch_in_index,
    )  # fmt: skip
    return MaxPoolWithArgmax(*made.outputs)


# ---- pool


def _shifted(x: Tensor, axis: int, offset: int, reach: int) -> Tensor:
    """What remains of `x` from `offset` on, with `reach` elements less along an axis."""
    index: list[Any] = [slice(None)] * (axis + 1)
    index[axis] = slice(offset, offset - reach if offset < reach else None)
    return x[tuple(index)]


def _dilated(x: Tensor, window: list[int], rate: list[int], kind: str, first: int) -> Tensor:
    """Pool by windows with gaps, an axis after the other."""
    for axis, (taps, step) in enumerate(zip(window, rate, strict=True), start=first):
        reach = (taps - 1) * step
        total = _shifted(x, axis, 0, reach)
        for tap in range(1, taps):
            part = _shifted(x, axis, tap * step, reach)
            total = maximum(total, part) if kind == "MAX" else add(total, part)
        x = total if kind == "MAX" else total / taps
    return x


def pool(
    input: Any,
    window_shape: Sequence[int],
    pooling_type: str,
    padding: str,
    dilation_rate: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
    name: str | None = None,
    data_format: str | None = None,
    dilations: Sequence[int] | None = None,
) -> Tensor:
    """Return the maximum or the mean of every window of an array with one to three spatial axes.

    Parameters
    ----------
    window_shape, strides, dilation_rate : one number per spatial axis; strides and rates not both
        above 1. `dilations` is another name of the rates.
    pooling_type : ``MAX`` or ``AVG``.
    """
    dilation_rate = one_of("dilations", dilations, "dilation_rate", dilation_rate)
    with name_scope(name, f"{pooling_type.lower()}_pool", [input]) as scope:
        input = convert_to_tensor(input, name="input")
        rank = len(window_shape)
        if rank not in (1, 2, 3):
            raise ValueError("It is required that 1 <= num_spatial_dims <= 3.")
        input.shape.with_rank(rank + 2)
        window = [int(n) for n in window_shape]
        rate = [1] * rank if dilation_rate is None else [int(n) for n in dilation_rate]
        steps = [1] * rank if strides is None else [int(n) for n in strides]
        if any(s > 1 for s in steps) and any(r > 1 for r in rate):
            raise ValueError("strides > 1 not supported in conjunction with dilation_rate > 1")
        if padding == "SAME" and any(r > 1 for r in rate):
            raise ValueError(
                "pooling with SAME padding is not implemented for dilation_rate > 1"
            )  # fmt: skip
        if any(s > w for s, w in zip(steps, window, strict=True)):
            raise ValueError(
                "strides > window_shape not supported due to inconsistency between CPU and GPU "
                "implementations"
            )
        functions: dict[tuple[str, int], Any] = {
            ("MAX", 1): max_pool1d, ("MAX", 2): max_pool, ("MAX", 3): max_pool3d,
            ("AVG", 1): avg_pool1d, ("AVG", 2): avg_pool, ("AVG", 3): avg_pool3d,
        }  # fmt: skip
        if (pooling_type, rank) not in functions:
            raise ValueError(f"{rank}-D {pooling_type} pooling is not supported.")
        if any(r > 1 for r in rate):
            first = data_format is not None and channels_first(data_format)
            return _dilated(input, window, rate, pooling_type, 2 if first else 1)
        constant(rate, int32, name="dilation_rate")  # as TensorFlow, whose seeds count it
        return functions[pooling_type, rank](
            input, window, steps, padding, data_format=data_format, name=scope
        )
