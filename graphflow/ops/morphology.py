"""Grey-scale dilation and erosion of images, and the patches under windows."""

from __future__ import annotations

from typing import Any

from graphflow.graph.apply import Signature
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import NUMERIC, int32
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ops.identity import same_as_input
from graphflow.ops.pooling import REAL
from graphflow.ops.pooling_lowering import first_equal, folded, scattered, tap_views
from graphflow.ops.shape import one_of
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.shape_rules import Types, merge_size, output, shape_of_value, with_rank
from graphflow.ops.slicing import reverse
from graphflow.ops.unary import negative
from graphflow.ops.windows import Windows, check_attr, check_ints, window_padding

__all__ = [
    "dilation2d",
    "erosion2d",
    "extract_image_patches",
    "extract_patches",
    "extract_volume_patches",
]


# ---- windows over all axes


def _windows(op: Operation, sizes: Any, taps: Any) -> Windows:
    """The windows of `taps` elements along all axes but the first and last."""
    rates = op.attrs.get("rates", [1] * len(sizes))
    counts, pairs = [], []
    numbers = list(zip(sizes, taps, op.attrs["strides"], rates, strict=True))
    for axis, (size, tap, stride, rate) in enumerate(numbers):
        kind = op.attrs["padding"] if 0 < axis < len(sizes) - 1 else "VALID"
        count, pair = window_padding(kind, size, tap, stride, rate, (0, 0))
        counts.append(count)
        pairs.append(pair)
    return Windows(
        tuple(taps), tuple(op.attrs["strides"]), tuple(rates), tuple(pairs), tuple(counts)
    )


def _infer_windows(op: Operation, x: Any, taps: Any) -> tuple[int | None, ...]:
    rates = op.attrs.get("rates", [1] * len(x))
    for name, values in (("strides", op.attrs["strides"]), ("rates", rates)):
        if len(values) != len(x):
            raise ValueError(
                f"{op.type} requires the {name} attribute to contain {len(x)} values, but got: "
                f"{len(values)}"
            )
    counts: list[int | None] = []
    for size, tap, stride, rate in zip(
        x[1:-1], taps[1:-1], op.attrs["strides"][1:-1], rates[1:-1], strict=True
    ):
        if size is None or tap is None:
            counts.append(None)
        else:
            kind = op.attrs["padding"]
            counts.append(window_padding(kind, size, tap, stride, rate, (0, 0))[0])
    return tuple(counts)


# ---- dilation


def _infer_dilation(op: Operation) -> Types:
    x, kernel = with_rank(op.inputs[0].shape, 4), with_rank(op.inputs[1].shape, 3)
    channels = merge_size(x[3], kernel[2])
    counts = _infer_windows(op, x, (1, *kernel[:2], 1))
    return output(op, (x[0], *counts, channels))


def _raised(b: Any, op: Operation, x: Any, kernel: Any) -> tuple[list[Any], Windows]:
    """The elements under every tap, each raised by the filter's; and the windows."""
    if kernel.shape[2] != x.shape[3]:
        raise ValueError(
            f"input and filter must have the same depth: {x.shape[3]} vs {kernel.shape[2]}"
        )
    windows = _windows(op, x.shape, (1, *kernel.shape[:2], 1))
    lowest = x.dtype.min
    parts = tap_views(b, x, windows, lowest)
    flat = b.reshape(kernel, (len(parts), kernel.shape[2]))
    raised = []
    for tap, part in enumerate(parts):
        row = b.reshape(b.slice(flat, (tap, 0), (1, flat.shape[1])), (flat.shape[1],))
        raised.append(b.add(part, b.broadcast(row, part.shape, (3,))))
    return raised, windows


def _largest(b: Any, parts: list[Any]) -> Any:
    total = b.full(parts[0].shape, parts[0].dtype.min, parts[0].dtype)
    for part in parts:
        total = b.max(total, part)
    return total


def _lower_dilation(b: Any, op: Operation, x: Any, kernel: Any) -> Any:
    parts, _ = _raised(b, op, x, kernel)
    return _largest(b, parts)


def _lower_dilation_input(b: Any, op: Operation, x: Any, kernel: Any, gradient: Any) -> Any:
    parts, windows = _raised(b, op, x, kernel)
    numbers = first_equal(b, parts, _largest(b, parts), windows)
    return scattered(b, gradient, numbers, windows, x.shape)


def _lower_dilation_filter(b: Any, op: Operation, x: Any, kernel: Any, gradient: Any) -> Any:
    parts, windows = _raised(b, op, x, kernel)
    numbers = first_equal(b, parts, _largest(b, parts), windows)
    zeros = b.full(windows.counts, 0, x.dtype)
    sums = []
    for tap in range(len(parts)):
        here = b.eq(numbers, b.full(windows.counts, tap, int32))
        total = b.reduce("sum", b.select(here, gradient, zeros), [0, 1, 2])
        sums.append(b.reshape(total, (1, total.shape[0])))
    return b.reshape(b.concat(sums, 0), kernel.shape)


def _dilation_gradient(op: Operation, gradient: Any) -> list[Any]:
    attrs = {name: op.attrs[name] for name in ("strides", "rates", "padding")}
    return [
        call(*op.inputs, gradient, **attrs).outputs[0]
        for call in (_DILATION_INPUT, _DILATION_FILTER)
    ]


define_op("Dilation2D", infer=_infer_dilation, lower=_lower_dilation, gradient=_dilation_gradient)
define_op("Dilation2DBackpropInput", infer=same_as_input, lower=_lower_dilation_input)
define_op(
    "Dilation2DBackpropFilter",
    infer=lambda op: [(op.inputs[1].dtype.base_dtype, op.inputs[1].shape)],
    lower=_lower_dilation_filter,
)
_INPUTS = "input: T", "filter: T"
_DILATION = Signature("Dilation2D", *_INPUTS, T=REAL)
_DILATION_INPUT = Signature("Dilation2DBackpropInput", *_INPUTS, "out_backprop: T", T=REAL)
_DILATION_FILTER = Signature("Dilation2DBackpropFilter", *_INPUTS, "out_backprop: T", T=REAL)


def dilation2d(
    input: Any,
    filter: Any = None,
    strides: Any = None,
    rates: Any = None,
    padding: Any = None,
    name: str | None = None,
    filters: Any = None,
    dilations: Any = None,
) -> Tensor:
    """Return the maximum, over every window of an image, of the image plus a filter.

    Parameters
    ----------
    filter : ``[height, width, channels]``; `filters` is another name.
    rates : distance of the filter's elements, per axis; `dilations` is another name.
    """
    filter = one_of("filters", filters, "filter", filter)
    rates = one_of("dilations", dilations, "rates", rates)
    return _DILATION(
        input, filter, name=name,
        strides=check_ints("Dilation2D", "strides", strides),
        rates=check_ints("Dilation2D", "rates", rates),
        padding=check_attr("Dilation2D", "padding", padding, ("SAME", "VALID")),
    ).outputs[0]  # fmt: skip


def erosion2d(
    value: Any, kernel: Any, strides: Any, rates: Any, padding: str, name: str | None = None
) -> Tensor:
    """Return the minimum, over every window of an image, of the image minus a filter."""
    with name_scope(name, "erosion2d", [value, kernel]) as scope:
        turned = reverse(kernel, [0, 1])
        return negative(
            dilation2d(negative(value), turned, strides, rates, padding, name=scope)
        )  # fmt: skip


# ---- patches


def _infer_patches(op: Operation) -> Types:
    ksizes = op.attrs["ksizes"]
    x = with_rank(op.inputs[0].shape, len(ksizes))
    counts = _infer_windows(op, x, ksizes)
    channels = x[-1]
    for size in ksizes:
        channels = None if channels is None else channels * size
    return output(op, (x[0], *counts, channels))


def _lower_patches(b: Any, op: Operation, x: Any) -> Any:
    windows = _windows(op, x.shape, op.attrs["ksizes"])
    return b.concat(tap_views(b, x, windows, 0), x.rank - 1)


def _infer_folded(op: Operation) -> Types:
    given = shape_of_value(op.inputs[0])
    rank = len(op.attrs["ksizes"])
    return output(op, (None,) * rank if given is None else given, op.inputs[1].dtype.base_dtype)


def _lower_folded(b: Any, op: Operation, sizes: Any, patches: Any) -> Any:
    shape = tuple(b.static_ints(sizes))
    return folded(b, patches, _windows(op, shape, op.attrs["ksizes"]), shape)


def _define_patches(op_type: str) -> Signature:
    """Define an op for patches, and one that sums them where they came from.

    TensorFlow composes the latter of a sparse product; as an op of its own it needs no indices.
    """
    call = Signature(op_type, "images: T", T=NUMERIC)
    call_folded = Signature(f"{op_type}Grad", "input_sizes: int32", "patches: T", T=NUMERIC)

    def attrs(op: Operation) -> dict[str, Any]:
        names = ("ksizes", "strides", "rates", "padding")
        return {name: op.attrs[name] for name in names if name in op.attrs}

    def gradient(op: Operation, gradient: Any) -> list[Any]:
        return [call_folded(shape_of(op.inputs[0]), gradient, **attrs(op)).outputs[0]]

    def second(op: Operation, gradient: Any) -> list[Any]:
        return [None, call(gradient, **attrs(op)).outputs[0]]

    define_op(op_type, infer=_infer_patches, lower=_lower_patches, gradient=gradient)
    define_op(f"{op_type}Grad", infer=_infer_folded, lower=_lower_folded, gradient=second)
    return call


_IMAGE_PATCHES = _define_patches("ExtractImagePatches")
_VOLUME_PATCHES = _define_patches("ExtractVolumePatches")


def extract_image_patches(
    images: Any,
    ksizes: Any = None,
    strides: Any = None,
    rates: Any = None,
    padding: Any = None,
    name: str | None = None,
    sizes: Any = None,
) -> Tensor:
    """Return the windows of images, the elements of each in the last axis.

    Parameters
    ----------
    ksizes : the windows' sizes, per axis; `sizes` is another name.
    strides, rates : from one window to the next, and from one element to the next, per axis.
    """
    ksizes = one_of("sizes", sizes, "ksizes", ksizes)
    op_type = "ExtractImagePatches"
    return _IMAGE_PATCHES(
        images, name=name,
        ksizes=check_ints(op_type, "ksizes", ksizes),
        strides=check_ints(op_type, "strides", strides),
        rates=check_ints(op_type, "rates", rates),
        padding=check_attr(op_type, "padding", padding, ("SAME", "VALID")),
    ).outputs[0]  # fmt: skip


def extract_patches(
    images: Any, sizes: Any, strides: Any, rates: Any, padding: str, name: str | None = None
) -> Tensor:
    """Return the windows of images; see `extract_image_patches`."""
    return extract_image_patches(images, sizes, strides, rates, padding, name)


def extract_volume_patches(
    input: Any, ksizes: Any, strides: Any, padding: str, name: str | None = None
) -> Tensor:
    """Return the windows of volumes, the elements of each in the last axis."""
    op_type = "ExtractVolumePatches"
    return _VOLUME_PATCHES(
        input, name=name,
        ksizes=check_ints(op_type, "ksizes", ksizes),
        strides=check_ints(op_type, "strides", strides),
        padding=check_attr(op_type, "padding", padding, ("SAME", "VALID")),
    ).outputs[0]  # fmt: skip
