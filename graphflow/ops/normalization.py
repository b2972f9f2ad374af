"""Local response normalisation, and means and variances by way of sums."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.constants import constant
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import float32
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ops.casting import cast
from graphflow.ops.elementwise import add, multiply, squared_difference, subtract
from graphflow.ops.gathering import gather
from graphflow.ops.identity import Types, same_as_input
from graphflow.ops.reductions import reduce_prod, reduce_sum
from graphflow.ops.shape import one_of
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.shape_rules import output, with_rank
from graphflow.ops.unary import reciprocal, square

__all__ = ["local_response_normalization", "lrn", "normalize_moments", "sufficient_statistics"]

_TYPES = (dtypes.float16, dtypes.bfloat16, float32)


# ---- local response normalisation


def _neighbours(b: Any, x: Any, radius: int) -> Any:
    """The sum of every element and its neighbours in the last axis, `radius` to either side."""
    edge = x.rank - 1
    before = [radius if k == edge else 0 for k in range(x.rank)]
    wide = b.pad(x, before, before)
    total = None
    for shift in range(2 * radius + 1):
        part = b.slice(wide, [shift if k == edge else 0 for k in range(x.rank)], x.shape)
        total = part if total is None else b.add(total, part)
    return total


def _levels(b: Any, op: Operation, x: Any) -> Any:
    """What the power is taken of, for each element."""
    total = _neighbours(b, b.square(x), op.attrs["depth_radius"])
    return b.add(b.mul(total, np.float32(op.attrs["alpha"])), np.float32(op.attrs["bias"]))


def _lower_lrn(b: Any, op: Operation, x: Any) -> Any:
    wide = b.cast(x, float32)
    scale = b.pow(_levels(b, op, wide), np.float32(-op.attrs["beta"]))
    return b.cast(b.mul(wide, scale), x.dtype)


def _lower_lrn_gradient(b: Any, op: Operation, gradient: Any, x: Any, y: Any) -> Any:
    own = x.dtype
    gradient, x, y = (b.cast(node, float32) for node in (gradient, x, y))
    levels = _levels(b, op, x)
    direct = b.mul(gradient, b.pow(levels, np.float32(-op.attrs["beta"])))
    through = _neighbours(
        b, b.div(b.mul(gradient, y), levels), op.attrs["depth_radius"]
    )  # fmt: skip
    factor = np.float32(-2.0 * op.attrs["alpha"] * op.attrs["beta"])
    return b.cast(b.add(direct, b.mul(b.mul(x, through), factor)), own)


def _lrn_gradient(op: Operation, gradient: Any) -> list[Any]:
    attrs = {name: op.attrs[name] for name in ("depth_radius", "bias", "alpha", "beta")}
    return [_LRN_GRAD(gradient, op.inputs[0], op.outputs[0], **attrs).outputs[0]]


def _infer_lrn(op: Operation) -> Types:
    return output(op, with_rank(op.inputs[0].shape, 4))


define_op("LRN", infer=_infer_lrn, lower=_lower_lrn, gradient=_lrn_gradient)
define_op("LRNGrad", infer=same_as_input, lower=_lower_lrn_gradient)
_LRN = Signature("LRN", "input: T", T=_TYPES)
_LRN_GRAD = Signature("LRNGrad", "input_grads: T", "input_image: T", "output_image: T", T=_TYPES)


def local_response_normalization(
    input: Any,
    depth_radius: int = 5,
    bias: float = 1,
    alpha: float = 1,
    beta: float = 0.5,
    name: str | None = None,
) -> Tensor:
    """Return images divided by a power of the sum of squares of neighbouring channels.

    ``input / (bias + alpha * sum of squares) ** beta``, the sum over `depth_radius` channels to
    either side and the channel itself.
    """
    attrs = {"bias": float(bias), "alpha": float(alpha), "beta": float(beta)}
    return _LRN(input, name=name, depth_radius=int(depth_radius), **attrs).outputs[0]


lrn = local_response_normalization


# ---- moments by sums


def sufficient_statistics(
    x: Any,
    axes: Any,
    shift: Any = None,
    keep_dims: bool | None = None,
    name: str | None = None,
    keepdims: bool | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Return what mean and variance of `x` over `axes` are computed from.

    Parameters
    ----------
    shift : a value near the mean that is subtracted first, for accuracy.
    keepdims : keep the reduced axes with size 1; `keep_dims` is its old name.

    Returns
    -------
    The number of elements, the sum of the elements, the sum of their squares, and `shift`.
    """
    axes = list(dict.fromkeys(axes))
    keep = bool(one_of("keepdims", keepdims, "keep_dims", keep_dims))
    with name_scope(name, "sufficient_statistics", [x, shift]):
        x = convert_to_tensor(x, name="x")
        sizes = None if x.shape.rank is None else [x.shape.as_list()[axis] for axis in axes]
        if sizes is not None and None not in sizes:
            counts = constant(int(np.prod(sizes)), dtype=x.dtype)
        else:
            counts = reduce_prod(gather(cast(shape_of(x), x.dtype), axes), name="count")
        if shift is not None:
            shift = convert_to_tensor(shift, name="shift")
            values, squares = subtract(x, shift), squared_difference(x, shift)
        else:
            values, squares = x, square(x)
        total = reduce_sum(values, axes, keepdims=keep, name="mean_ss")
        total_of_squares = reduce_sum(squares, axes, keepdims=keep, name="var_ss")
    return counts, total, total_of_squares, shift


def normalize_moments(
    counts: Any, mean_ss: Any, variance_ss: Any, shift: Any, name: str | None = None
) -> tuple[Tensor, Tensor]:
    """Return mean and variance from what `sufficient_statistics` gives."""
    with name_scope(name, "normalize", [counts, mean_ss, variance_ss, shift]):
        divisor = reciprocal(counts, name="divisor")
        if shift is not None:
            shifted = multiply(mean_ss, divisor, name="shifted_mean")
            mean = add(shifted, shift, name="mean")
        else:
            mean = shifted = multiply(mean_ss, divisor, name="mean")
        variance = subtract(multiply(variance_ss, divisor), square(shifted), name="variance")
    return mean, variance
