"""What networks are made of beside products and activations: biases, dropout, moments, norms."""

from __future__ import annotations

import logging
import math
import numbers
from typing import Any

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.constants import constant, constant_value
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import NUMERIC
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import SCALAR, TensorShape, as_shape, shape_from_tuple
from graphflow.graph.tensor import Tensor
from graphflow.ops.activations import relu
from graphflow.ops.casting import cast
from graphflow.ops.comparison import not_equal
from graphflow.ops.creation import ones_like, zeros, zeros_like
from graphflow.ops.elementwise import add, maximum, multiply, squared_difference, subtract
from graphflow.ops.gathering import gather
from graphflow.ops.identity import Types, identity, same_as_input, stop_gradient
from graphflow.ops.joining import concat
from graphflow.ops.linear import matmul
from graphflow.ops.random import random_uniform
from graphflow.ops.reductions import reduce_mean, reduce_prod, reduce_sum
from graphflow.ops.shape import one_of, reshape, size, squeeze
from graphflow.ops.shape import shape as shape_op
from graphflow.ops.slicing import tile
from graphflow.ops.unary import reciprocal, rsqrt, square

__all__ = [
    "bias_add",
    "dropout",
    "l2_loss",
    "l2_normalize",
    "moments",
    "normalize_moments",
    "relu_layer",
    "sufficient_statistics",
    "weighted_moments",
    "xw_plus_b",
    "zero_fraction",
]

_FLOATS = (dtypes.float16, dtypes.bfloat16, dtypes.float32, dtypes.float64)
_logger = logging.getLogger("graphflow")


# ---- biases


def _channel_axis(op: Operation, rank: int) -> int:
    return 1 if op.attrs["data_format"] == "NCHW" else rank - 1


def _infer_bias_add(op: Operation) -> Types:
    value, bias = op.inputs
    if bias.shape.rank not in (None, 1):
        raise ValueError(f"Shape must be rank 1 but is rank {bias.shape.rank}")
    rank = value.shape.rank
    if rank is None:
        return same_as_input(op)
    if rank < 2:
        raise ValueError(f"Shape must be at least rank 2 but is rank {rank}")
    axis = _channel_axis(op, rank)
    sizes = value.shape.as_list()
    known = bias.shape.as_list()[0] if bias.shape.rank is not None else None
    if sizes[axis] is not None and known not in (None, sizes[axis]):
        raise ValueError(f"Dimensions must be equal, but are {sizes[axis]} and {known}")
    sizes[axis] = known if sizes[axis] is None else sizes[axis]
    return [(value.dtype.base_dtype, TensorShape(sizes))]


def _lower_bias_add(b: Any, op: Operation, value: Any, bias: Any) -> Any:
    axis = _channel_axis(op, value.rank)
    return b.add(value, b.broadcast(bias, value.shape, (axis,)))


def _infer_bias_add_grad(op: Operation) -> Types:
    gradient = op.inputs[0]
    rank = gradient.shape.rank
    channels = None if rank is None else gradient.shape.as_list()[_channel_axis(op, rank)]
    return [(gradient.dtype.base_dtype, shape_from_tuple((channels,)))]


def _lower_bias_add_grad(b: Any, op: Operation, gradient: Any) -> Any:
    axis = _channel_axis(op, gradient.rank)
    return b.reduce("sum", gradient, [k for k in range(gradient.rank) if k != axis])


def _bias_add_gradient(op: Operation, gradient: Any) -> list[Any]:
    attrs = {"data_format": op.attrs["data_format"]}
    return [gradient, _BIAS_ADD_GRAD(gradient, **attrs).outputs[0]]


def _bias_add_grad_gradient(op: Operation, gradient: Any) -> Any:
    """Return the gradient repeated over all axes but that of the channels."""
    sizes, channels = shape_op(op.inputs[0]), shape_op(gradient)
    if op.attrs["data_format"] == "NCHW":
        leading = ones_like(sizes[:1])
        trailing = ones_like(sizes[2:])
        expanded = concat([leading, channels, trailing], 0)
        repeats = concat([sizes[:1], [1], sizes[2:]], 0)
    else:
        expanded = concat([ones_like(sizes[:-1]), channels], 0)
        repeats = concat([sizes[:-1], [1]], 0)
    return tile(reshape(gradient, expanded), repeats)


_BIAS_ADD = Signature("BiasAdd", "value: T", "bias: T", T=NUMERIC)
_BIAS_ADD_GRAD = Signature("BiasAddGrad", "out_backprop: T", T=NUMERIC)
_L2_LOSS = Signature("L2Loss", "t: T", T=_FLOATS)

define_op(
    name="BiasAdd",
    infer=_infer_bias_add,
    lower=_lower_bias_add,
    gradient=_bias_add_gradient,
)
define_op(
    name="BiasAddGrad",
    infer=_infer_bias_add_grad,
    lower=_lower_bias_add_grad,
    gradient=_bias_add_grad_gradient,
)
define_op(
    name="L2Loss",
    infer=lambda op: [(op.inputs[0].dtype.base_dtype, SCALAR)],
    lower=lambda b, op, x: b.mul(b.reduce("sum", b.square(x), range(x.rank)), 0.5),
    gradient=lambda op, gradient: [op.inputs[0] * gradient],
)


def bias_add(
    value: Any, bias: Any, data_format: str | None = None, name: str | None = None
) -> Tensor:
    """Return `value` plus `bias`, one number for each channel.

    Parameters
    ----------
    value : of rank 2 at least.
    bias : vector of `value`'s type.
    data_format : where the channels are: last (``"NHWC"``, or any ``N...C``; when None), or at
        axis 1 (``NC...``).
    """
    with name_scope(name, "BiasAdd", [value, bias]) as scope:
        data_format = "NHWC" if data_format is None else data_format
        if data_format.startswith("NC"):
            data_format = "NCHW"
        elif data_format.startswith("N") and data_format.endswith("C"):
            data_format = "NHWC"
        else:
            raise ValueError("data_format must be of the form `N...C` or `NC...`")
        value = convert_to_tensor(value, name="input")
        bias = convert_to_tensor(bias, dtype=value.dtype, name="bias")
        return _BIAS_ADD(value, bias, name=scope, data_format=data_format).outputs[0]


def xw_plus_b(x: Any, weights: Any, biases: Any, name: str | None = None) -> Tensor:
    """Return ``matmul(x, weights) + biases``."""
    with name_scope(name, "xw_plus_b", [x, weights, biases]) as scope:
        x = convert_to_tensor(x, name="x")
        weights = convert_to_tensor(weights, name="weights")
        biases = convert_to_tensor(biases, name="biases")
        return bias_add(matmul(x, weights), biases, name=scope)


def relu_layer(x: Any, weights: Any, biases: Any, name: str | None = None) -> Tensor:
    """Return ``relu(matmul(x, weights) + biases)``."""
    with name_scope(name, "relu_layer", [x, weights, biases]) as scope:
        x = convert_to_tensor(x, name="x")
        weights = convert_to_tensor(weights, name="weights")
        biases = convert_to_tensor(biases, name="biases")
        return relu(bias_add(matmul(x, weights), biases), name=scope)


# ---- dropout


def _noise_shape(x: Tensor, noise_shape: Any) -> Any:
    """Return the shape of the mask; None inside a given one stands for the size of `x`."""
    if noise_shape is None:
        return shape_op(x)
    try:
        wanted = as_shape(noise_shape)
    except (TypeError, ValueError):
        return noise_shape  # a tensor, or a list with tensors
    if wanted.rank is None or x.shape.rank != wanted.rank:
        return noise_shape
    pairs = zip(x.shape.as_list(), wanted.as_list(), strict=True)
    return TensorShape([own if given is None else given for own, given in pairs])


def dropout(
    x: Any,
    keep_prob: Any = None,
    noise_shape: Any = None,
    seed: int | None = None,
    name: str | None = None,
    rate: Any = None,
) -> Tensor:
    """Return `x` with elements set to zero at random, the others scaled so that the sum is kept.

    Parameters
    ----------
    x : floating.
    keep_prob : the probability of keeping an element, the old way to give ``1 - rate``.
    noise_shape : shape of the mask, which broadcasts to `x`; that of `x` when None.
    seed : the mask's seed; see `set_random_seed`.
    rate : the probability of dropping an element, in [0, 1), a number or a scalar tensor.

    Raises
    ------
    ValueError : neither or both of `rate` and `keep_prob`, a rate out of range, integers.
    """
    try:
        dropped = 1.0 - keep_prob if keep_prob is not None else None
    except TypeError:
        raise ValueError(
            f"keep_prob must be a floating point number or Tensor (got {keep_prob!r})"
        ) from None
    rate = one_of("rate", rate, "keep_prob", dropped)
    if rate is None:
        raise ValueError("You must provide a rate to dropout.")
    with name_scope(name, "dropout", [x]):
        x = convert_to_tensor(x, name="x")
        if not x.dtype.is_floating:
            raise ValueError(
                "x has to be a floating point tensor since it's going to be scaled. Got a "
                f"{x.dtype} tensor instead."
            )
        if isinstance(rate, numbers.Real):
            _check_rate(rate)
            if rate == 0:
                return x
        rate = convert_to_tensor(rate, dtype=x.dtype, name="rate")
        rate.shape.assert_has_rank(0)
        if constant_value(rate) == 0:
            return x
        mask_shape = _noise_shape(x, noise_shape)
        drawn = random_uniform(mask_shape, seed=seed, dtype=x.dtype)
        keep = 1 - rate
        scale = 1 / keep
        # Ones come up for the numbers in [rate, 1): as many as are kept.
        mask = drawn >= rate
        kept = x * scale * cast(mask, x.dtype)
        kept.set_shape(x.shape)
        return kept


def _check_rate(rate: Any) -> None:
    if not 0 <= rate < 1:
        raise ValueError(
            f"rate must be a scalar tensor or a float in the range [0, 1), got {rate:g}"
        )
    if rate > 0.5:
        _logger.warning(
            "Large dropout rate: %g (>0.5). A rate is the part that is dropped; keep_prob was the "
            "part that is kept.",
            rate,
        )


# ---- moments and norms


def moments(
    x: Any,
    axes: Any,
    shift: Any = None,
    name: str | None = None,
    keep_dims: bool | None = None,
    keepdims: bool | None = None,
) -> tuple[Tensor, Tensor]:
    """Return mean and variance of `x` over `axes`.

    Parameters
    ----------
    shift : not used.
    keepdims : keep the reduced axes with size 1; `keep_dims` is its old name.
    """
    keep = bool(one_of("keepdims", keepdims, "keep_dims", keep_dims))
    with name_scope(name, "moments", [x, axes]):
        x = convert_to_tensor(x)
        narrow = x.dtype == dtypes.float16
        y = cast(x, dtypes.float32) if narrow else x
        mean = reduce_mean(y, axes, keepdims=True, name="mean")
        # The mean's own gradient adds nothing: the deviations sum to zero.
        deviations = squared_difference(y, stop_gradient(mean))
        variance = reduce_mean(deviations, axes, keepdims=True, name="variance")
        if not keep:
            mean, variance = squeeze(mean, axes), squeeze(variance, axes)
        if narrow:
            return cast(mean, dtypes.float16), cast(variance, dtypes.float16)
        return mean, variance


def weighted_moments(
    x: Any,
    axes: Any,
    frequency_weights: Any,
    name: str | None = None,
    keep_dims: bool | None = None,
    keepdims: bool | None = None,
) -> tuple[Tensor, Tensor]:
    """Return mean and variance of `x` over `axes`, elements counted by `frequency_weights`."""
    keep = bool(one_of("keepdims", keepdims, "keep_dims", keep_dims))
    with name_scope(name, "weighted_moments", [x, frequency_weights, axes]):
        x = convert_to_tensor(x, name="x")
        weights = convert_to_tensor(frequency_weights, name="frequency_weights")
        narrow = x.dtype == dtypes.float16
        x = cast(x, dtypes.float32) if narrow else x
        if weights.dtype != x.dtype:
            weights = cast(weights, x.dtype)
        total = reduce_sum(weights * x, axes, name="weighted_input_sum", keepdims=True)
        everywhere = weights + zeros_like(x)
        count = reduce_sum(everywhere, axes, name="sum_of_weights", keepdims=True)
        divisor = reciprocal(count, name="inv_weight_sum")
        mean = multiply(total, divisor)
        distance = reduce_sum(
            weights * squared_difference(x, mean), axes, name="weighted_distsq", keepdims=True
        )
        variance = multiply(distance, divisor)
        if not keep:
            mean, variance = squeeze(mean, axes), squeeze(variance, axes)
        if narrow:
            return cast(mean, dtypes.float16), cast(variance, dtypes.float16)
        return mean, variance


def sufficient_statistics(
    x: Any, axes: Any, shift: Any = None, keep_dims: bool | None = None, name: str | None = None,
    keepdims: bool | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:  # fmt: skip
    """Return what `normalize_moments` takes: counts, sums and sums of squares over `axes`.

    Parameters
    ----------
    shift : subtracted first, for the sake of precision; the fourth result.
    keepdims : keep the reduced axes with size 1; `keep_dims` is its old name.
    """
    axes = list(set(axes))
    keep = bool(one_of("keepdims", keepdims, "keep_dims", keep_dims))
    with name_scope(name, "sufficient_statistics", [x, shift]):
        x = convert_to_tensor(x, name="x")
        sizes = None if x.shape.rank is None else [x.shape.as_list()[d] for d in axes]
        if sizes is None or None in sizes:
            counts = reduce_prod(gather(cast(shape_op(x), x.dtype), axes), name="count")
        else:
            counts = constant(math.prod(sizes), dtype=x.dtype)
        if shift is None:
            first, second = x, square(x)
        else:
            shift = convert_to_tensor(shift, name="shift")
            first, second = subtract(x, shift), squared_difference(x, shift)
        sums = reduce_sum(first, axes, keepdims=keep, name="mean_ss")
        return counts, sums, reduce_sum(second, axes, keepdims=keep, name="var_ss"), shift


def normalize_moments(
    counts: Any, mean_ss: Any, variance_ss: Any, shift: Any, name: str | None = None
) -> tuple[Tensor, Tensor]:
    """Return mean and variance from what `sufficient_statistics` gives."""
    with name_scope(name, "normalize", [counts, mean_ss, variance_ss, shift]):
        divisor = reciprocal(counts, name="divisor")
        if shift is None:
            mean = shifted = multiply(mean_ss, divisor, name="mean")
        else:
            shifted = multiply(mean_ss, divisor, name="shifted_mean")
            mean = add(shifted, shift, name="mean")
        variance = subtract(multiply(variance_ss, divisor), square(shifted), name="variance")
        return mean, variance


def l2_loss(t: Any, name: str | None = None) -> Tensor:
    """Return half the sum of the squares of `t`."""
    return _L2_LOSS(t, name=name).outputs[0]


def l2_normalize(
    x: Any, axis: Any = None, epsilon: float = 1e-12, name: str | None = None, dim: Any = None
) -> Tensor:
    """Return ``x / sqrt(max(sum(x**2), epsilon))``, sums taken over `axis` (old name: `dim`)."""
    axis = one_of("axis", axis, "dim", dim)
    with name_scope(name, "l2_normalize", [x]) as scope:
        x = convert_to_tensor(x, name="x")
        total = reduce_sum(square(x), axis, keepdims=True)
        return multiply(x, rsqrt(maximum(total, epsilon)), name=scope)


def zero_fraction(value: Any, name: str | None = None) -> Tensor:
    """Return the part of the elements of `value` that are zero, float32."""
    with name_scope(name, "zero_fraction", [value]):
        value = convert_to_tensor(value, name="value")
        count = size(value, out_type=dtypes.int64)
        # TensorFlow counts in int32 under a `cond` where that is enough; here int64 costs no more.
        nonzero = not_equal(value, zeros([], dtype=value.dtype))
        found = reduce_sum(cast(nonzero, dtypes.int64), name="nonzero_count")
        with name_scope("counts_to_fraction"):
            missing = cast(count - found, dtypes.float32)
            fraction = missing / cast(count, dtypes.float32)
        return identity(fraction, "fraction")
