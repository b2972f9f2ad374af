"""Batch normalisation: the fused ops, which give statistics too, and the functions on top."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.constants import constant
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import float32, int64
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import TensorShape, unknown_shape
from graphflow.graph.tensor import Tensor
from graphflow.ops.casting import cast
from graphflow.ops.creation import zeros_like
from graphflow.ops.identity import Types
from graphflow.ops.reductions import reduce_mean, reduce_sum
from graphflow.ops.shape import one_of, reshape
from graphflow.ops.unary import rsqrt, square
from graphflow.ops.windows import check_attr

__all__ = ["batch_norm_with_global_normalization", "batch_normalization", "fused_batch_norm"]

_TYPES = (dtypes.float16, dtypes.bfloat16, dtypes.float32)


# ---- shapes


def _channel_axis(op: Operation) -> int:
    return 1 if op.attrs["data_format"] == "NCHW" else 3


def _infer_fused(op: Operation) -> Types:
    x = op.inputs[0]
    if x.shape.rank not in (None, 4):
        raise ValueError(f"Shape must be rank 4 but is rank {x.shape.rank}")
    axis = _channel_axis(op)
    sizes: list[Any] = [None] * 4 if x.shape.rank is None else x.shape.as_list()
    for other in op.inputs[1:3] if op.attrs["is_training"] else op.inputs[1:5]:
        if other.shape.rank not in (None, 1):
            raise ValueError(f"Shape must be rank 1 but is rank {other.shape.rank}")
        known = None if other.shape.rank is None else other.shape.as_list()[0]
        if known is not None and sizes[axis] not in (None, known):
            raise ValueError(f"Dimensions must be equal, but are {sizes[axis]} and {known}")
        sizes[axis] = known if sizes[axis] is None else sizes[axis]
    kind = op.inputs[1].dtype.base_dtype
    channels = (kind, TensorShape([sizes[axis]]))
    found = [(x.dtype.base_dtype, TensorShape(sizes)), *[channels] * 4]
    return [*found, (kind, unknown_shape())] if op.type.endswith("V3") else found


def _infer_fused_gradient(op: Operation) -> Types:
    gradient, x, scale = op.inputs[:3]
    kind = scale.dtype.base_dtype
    shape = x.shape if x.shape.rank is not None else gradient.shape
    channels = None if shape.rank is None else shape.as_list()[_channel_axis(op)]
    per_channel = (kind, TensorShape([channels]))
    empty = (kind, TensorShape([0]))
    return [(x.dtype.base_dtype, shape), per_channel, per_channel, empty, empty]


# ---- lowering


class _Channels:
    """Arithmetic between an array and one number per channel."""

    def __init__(self, b: Any, op: Operation, shape: Any) -> None:
        if len(shape) != 4:
            raise ValueError(f"input must be 4-dimensional{list(shape)}")
        self.b = b
        self.shape = shape
        self.axis = _channel_axis(op)
        self.others = [k for k in range(4) if k != self.axis]
        self.count = math.prod(shape[k] for k in self.others)

    def spread(self, values: Any) -> Any:
        """The number of its channel at every element."""
        return self.b.broadcast(values, self.shape, (self.axis,))

    def total(self, x: Any) -> Any:
        """The sum over every channel."""
        return self.b.reduce("sum", x, self.others)

    def mean(self, x: Any) -> Any:
        """The mean over every channel."""
        return self.b.div(self.total(x), self.number())

    def number(self, less: int = 0) -> Any:
        """How many elements a channel has, or so many less; at least one."""
        count = self.b.cast(self.b.dim(self.count, int64), float32)
        return self.b.max(self.b.sub(count, float(less)), 1.0)


def _lower_fused(
    b: Any, op: Operation, x: Any, scale: Any, offset: Any, mean: Any, variance: Any
) -> tuple[Any, ...]:
    own = x.dtype
    x = b.cast(x, float32)
    channels = _Channels(b, op, x.shape)
    epsilon = np.float32(op.attrs["epsilon"])
    used_mean, used_variance = mean, variance
    out_mean, out_variance = mean, variance
    if op.attrs["is_training"]:
        used_mean = channels.mean(x)
        used_variance = channels.mean(b.square(b.sub(x, channels.spread(used_mean))))
        out_mean = used_mean
        # What is handed out estimates the variance of the whole population.
        corrected = b.div(channels.number(), channels.number(less=1))
        out_variance = b.mul(used_variance, corrected)
    factor = b.mul(b.rsqrt(b.add(used_variance, epsilon)), scale)
    centered = b.sub(x, channels.spread(used_mean))
    y = b.add(b.mul(centered, channels.spread(factor)), channels.spread(offset))
    found = (b.cast(y, own), out_mean, out_variance, used_mean, used_variance)
    return (*found, b.full((0,), 0, float32)) if op.type.endswith("V3") else found


def _lower_fused_gradient(
    b: Any, op: Operation, gradient: Any, x: Any, scale: Any, mean: Any, variance: Any, *_: Any
) -> tuple[Any, ...]:
    own = x.dtype
    gradient, x = b.cast(gradient, float32), b.cast(x, float32)
    channels = _Channels(b, op, x.shape)
    inverse = b.rsqrt(b.add(variance, np.float32(op.attrs["epsilon"])))
    centered = b.sub(x, channels.spread(mean))
    by_offset = channels.total(gradient)
    products = channels.total(b.mul(gradient, centered))
    by_scale = b.mul(products, inverse)
    factor = channels.spread(b.mul(scale, inverse))
    by_x = b.mul(gradient, factor)
    if op.attrs["is_training"]:
        count = channels.number()
        slope = b.mul(b.mul(inverse, inverse), b.div(products, count))
        moved = b.sub(gradient, channels.spread(b.div(by_offset, count)))
        by_x = b.mul(factor, b.sub(moved, b.mul(centered, channels.spread(slope))))
    empty = b.full((0,), 0, float32)
    return b.cast(by_x, own), by_scale, by_offset, empty, empty


# ---- gradients


def _attrs(op: Operation) -> dict[str, Any]:
    return {name: op.attrs[name] for name in ("epsilon", "data_format", "is_training")}


def _fused_gradient(op: Operation, gradient: Any, *_: Any) -> list[Any]:
    version = op.type.removeprefix("FusedBatchNorm")
    x, scale = op.inputs[:2]
    statistics = op.outputs[3:5] if op.attrs["is_training"] else op.inputs[3:5]
    reserve = [op.outputs[5]] if version == "V3" else []
    made = _GRADIENTS[version](gradient, x, scale, *statistics, *reserve, **_attrs(op))
    return [*made.outputs[:3], None, None]


def _fused_gradient_gradient(op: Operation, *gradients: Any) -> list[Any]:
    """The gradients of the three gradients by the result's gradient, the array and the scale.

    With g the result's gradient, G what comes in for the array's, a bar over means, c for centered
    and u the inverse deviation, the array's gradient is ``scale u (gc - u^2 xc mean(g xc))``.
    """
    gradient, x, scale, mean, variance = (cast(t, float32) for t in op.inputs[:5])
    axis = _channel_axis(op)
    others = [k for k in range(4) if k != axis]
    shape = [1, -1, 1, 1] if axis == 1 else [1, 1, 1, -1]
    wide_scale = reshape(scale, shape)
    by_x, by_scale, by_offset = (
        zeros_like(like) if given is None else cast(given, float32)
        for given, like in zip(gradients[:3], (x, scale, scale), strict=True)
    )
    by_scale, by_offset = reshape(by_scale, shape), reshape(by_offset, shape)

    def average(t: Any) -> Any:
        return reduce_mean(t, others, keepdims=True)

    if not op.attrs["is_training"]:
        moved = x - reshape(mean, shape)
        inverse = rsqrt(reshape(variance, shape) + op.attrs["epsilon"])
        for_gradient = inverse * (wide_scale * by_x + by_scale * moved) + by_offset
        for_x = by_scale * inverse * gradient
        for_scale = reduce_sum(by_x * gradient * inverse, others)
    else:
        moved = x - average(x)
        inverse = rsqrt(average(square(moved)) + op.attrs["epsilon"])
        rest, incoming = gradient - average(gradient), by_x - average(by_x)
        power = square(inverse)
        slope, other_slope = average(gradient * moved), average(by_x * moved)
        common = average(by_x * rest)
        product = power * slope * other_slope
        for_gradient = wide_scale * inverse * (incoming - power * other_slope * moved)
        for_gradient += by_scale * inverse * moved + by_offset
        curved = moved * (common - 3.0 * product) + other_slope * rest + slope * incoming
        for_x = by_scale * inverse * (rest - power * slope * moved)
        for_x -= wide_scale * power * inverse * curved
        for_scale = reduce_sum(by_x * inverse * (rest - power * slope * moved), others)
    found = [cast(for_gradient, op.inputs[0].dtype), cast(for_x, op.inputs[1].dtype), for_scale]
    return [*found, *[None] * (len(op.inputs) - 3)]


_GRADIENTS: dict[str, Signature] = {}
_FUSED: dict[str, Signature] = {}


def _define(version: str) -> None:
    inputs = ["x: T", "scale: U", "offset: U", "mean: U", "variance: U"]
    back = ["y_backprop: T", "x: T", "scale: float32", "reserve_space_1: U", "reserve_space_2: U"]
    if version == "V3":
        back.append("reserve_space_3: U")
    types: dict[str, Any] = {"T": _TYPES, "U": (float32,)}
    if not version:  # the first version has one type
        inputs = [text.replace("U", "T") for text in inputs]
        back = [text.replace("U", "T").replace("float32", "T") for text in back]
        types = {"T": (float32,)}
    name = f"FusedBatchNorm{version}"
    _FUSED[version] = Signature(name, *inputs, **types)
    _GRADIENTS[version] = Signature(f"FusedBatchNormGrad{version}", *back, **types)
    define_op(name, infer=_infer_fused, lower=_lower_fused, gradient=_fused_gradient)
    define_op(
        f"FusedBatchNormGrad{version}",
        infer=_infer_fused_gradient,
        lower=_lower_fused_gradient,
        gradient=_fused_gradient_gradient,
    )


for _version in ("", "V2", "V3"):
    _define(_version)


# ---- public functions


def fused_batch_norm(
    x: Any,
    scale: Any,
    offset: Any,
    mean: Any = None,
    variance: Any = None,
    epsilon: float = 0.001,
    data_format: str = "NHWC",
    is_training: bool = True,
    name: str | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return images normalised by channel, and the mean and variance that they had.

    Parameters
    ----------
    scale, offset : one number per channel, applied after the normalisation.
    mean, variance : of the population; for training they are not given.
    is_training : whether to normalise by the mean and variance of `x`.

    Returns
    -------
    The images, and mean and variance: those of `x` (the variance corrected to estimate that of the
    population) in training, those given otherwise.
    """
    x = convert_to_tensor(x, name="input")
    scale = convert_to_tensor(scale, name="scale")
    offset = convert_to_tensor(offset, name="offset")
    if is_training and (mean is not None or variance is not None):
        raise ValueError(
            "Both 'mean' and 'variance' must be None if is_training is True."
        )  # fmt: skip
    mean = constant([]) if mean is None else mean
    variance = constant([]) if variance is None else variance
    # TensorFlow does so for the sake of a GPU's library.
    epsilon = max(epsilon, 1.001e-5)
    check_attr("FusedBatchNormV3", "data_format", data_format, ("NHWC", "NCHW"))
    y, out_mean, out_variance, *_ = _FUSED["V3"](
        x, scale, offset, mean, variance, name=name, epsilon=epsilon, data_format=data_format,
        is_training=is_training,
    ).outputs  # fmt: skip
    return y, out_mean, out_variance


def batch_normalization(
    x: Any,
    mean: Any,
    variance: Any,
    offset: Any,
    scale: Any,
    variance_epsilon: Any,
    name: str | None = None,
) -> Tensor:
    """Return ``scale * (x - mean) / sqrt(variance + variance_epsilon) + offset``.

    `offset` and `scale` may be None.
    """
    with name_scope(name, "batchnorm", [x, mean, variance, scale, offset]):
        inverse = rsqrt(variance + variance_epsilon)
        if scale is not None:
            inverse *= scale
        scaled = x * cast(inverse, x.dtype)
        shift = -mean * inverse if offset is None else offset - mean * inverse
        return scaled + cast(shift, x.dtype)


def batch_norm_with_global_normalization(
    t: Any = None,
    m: Any = None,
    v: Any = None,
    beta: Any = None,
    gamma: Any = None,
    variance_epsilon: Any = None,
    scale_after_normalization: Any = None,
    name: str | None = None,
    input: Any = None,
    mean: Any = None,
    variance: Any = None,
) -> Tensor:
    """Return `t` normalised by mean `m` and variance `v`; see `batch_normalization`.

    `input`, `mean` and `variance` are other names of `t`, `m` and `v`.
    """
    t = one_of("input", input, "t", t)
    m = one_of("mean", mean, "m", m)
    v = one_of("variance", variance, "v", v)
    scale = gamma if scale_after_normalization else None
    return batch_normalization(t, m, v, beta, scale, variance_epsilon, name)
