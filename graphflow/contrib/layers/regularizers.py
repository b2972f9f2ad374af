"""Regularizers: functions of a variable that give a loss; and initializers by layer size."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Sequence
from typing import Any

from graphflow.graph.collections import GraphKeys
from graphflow.graph.constants import constant
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import add_to_collection, get_collection, name_scope
from graphflow.graph.dtypes import float32
from graphflow.ops.elementwise import add_n, multiply
from graphflow.ops.nn import l2_loss
from graphflow.ops.random import random_uniform, truncated_normal
from graphflow.ops.reductions import reduce_sum
from graphflow.ops.unary import abs as absolute

__all__ = [
    "apply_regularization",
    "l1_l2_regularizer",
    "l1_regularizer",
    "l2_regularizer",
    "sum_regularizer",
    "variance_scaling_initializer",
    "xavier_initializer",
    "xavier_initializer_conv2d",
]

Regularizer = Callable[[Any], Any]


def _nothing(_: Any) -> None:
    """Regularize nothing."""


def _checked(scale: Any) -> bool:
    """Whether there is something to do for this scale."""
    if isinstance(scale, numbers.Integral):
        raise ValueError(f"scale cannot be an integer: {scale}")
    if isinstance(scale, numbers.Real) and scale < 0.0:
        raise ValueError(f"Setting a scale less than 0 on a regularizer: {scale:g}.")
    return not isinstance(scale, numbers.Real) or scale != 0.0


def _scaled(scale: Any, measure: Callable[[Any], Any], scope: Any, name: str) -> Regularizer:
    def regularize(weights: Any) -> Any:
        with name_scope(scope, name, [weights]) as own:
            factor = convert_to_tensor(scale, dtype=weights.dtype.base_dtype, name="scale")
            return multiply(factor, measure(weights), name=own)

    return regularize


def l1_regularizer(scale: Any, scope: str | None = None) -> Regularizer:
    """``scale * sum(|w|)``."""
    if not _checked(scale):
        return _nothing
    return _scaled(scale, lambda w: reduce_sum(absolute(w)), scope, "l1_regularizer")


def l2_regularizer(scale: Any, scope: str | None = None) -> Regularizer:
    """``scale * sum(w²) / 2``."""
    return _scaled(scale, l2_loss, scope, "l2_regularizer") if _checked(scale) else _nothing


def l1_l2_regularizer(
    scale_l1: Any = 1.0, scale_l2: Any = 1.0, scope: str | None = None
) -> Regularizer | None:
    """The sum of both."""
    for name, scale in (("scale_l1", scale_l1), ("scale_l2", scale_l2)):
        if isinstance(scale, numbers.Integral):
            raise ValueError(f"{name} cannot be an integer: {scale}")
    scope = scope or "l1_l2_regularizer"
    if scale_l1 == 0.0:
        return l2_regularizer(scale_l2, scope)
    if scale_l2 == 0.0:
        return l1_regularizer(scale_l1, scope)
    return sum_regularizer([l1_regularizer(scale_l1), l2_regularizer(scale_l2)], scope=scope)


def sum_regularizer(
    regularizer_list: Sequence[Regularizer | None], scope: str | None = None
) -> Regularizer | None:
    """The sum of regularizers; None when there are none."""
    regularizers = [r for r in regularizer_list if r is not None]
    if not regularizers:
        return None

    def regularize(weights: Any) -> Any:
        with name_scope(scope, "sum_regularizer", [weights]) as name:
            found = [regularizer(weights) for regularizer in regularizers]
            losses = [loss for loss in found if loss is not None]
            return add_n(losses, name=name) if losses else None

    return regularize


def apply_regularization(regularizer: Regularizer, weights_list: Any = None) -> Any:
    """The sum of a regularizer's losses, which is added to ``REGULARIZATION_LOSSES``.

    Parameters
    ----------
    weights_list : the weights; those in the collection ``WEIGHTS`` when None.
    """
    weights = weights_list or get_collection(GraphKeys.WEIGHTS)
    if not weights:
        raise ValueError("No weights to regularize.")
    with name_scope("get_regularization_penalty", values=weights) as scope:
        found = [regularizer(w) for w in weights]
        penalties = [constant(0.0) if p is None else p for p in found]
        for penalty in penalties:
            if penalty.shape.rank != 0:
                raise ValueError(
                    "regularizer must return a scalar Tensor instead of a Tensor with rank "
                    f"{penalty.shape.rank}."
                )
        total = add_n(penalties, name=scope)
        add_to_collection(GraphKeys.REGULARIZATION_LOSSES, total)
        return total


# ---- initializers


def variance_scaling_initializer(
    factor: float = 2.0, mode: str = "FAN_IN", uniform: bool = False, seed: int | None = None,
    dtype: Any = float32,
) -> Callable[..., Any]:  # fmt: skip
    """Random numbers of variance ``factor / n``.

    Parameters
    ----------
    mode : what n is: ``FAN_IN``, the number of inputs, ``FAN_OUT`` or ``FAN_AVG``.
    uniform : whether they are uniform, else they are from a truncated normal distribution.
    """
    wrong = "Cannot create initializer for non-floating point type."
    if not dtype.is_floating:
        raise TypeError(wrong)
    if mode not in ("FAN_IN", "FAN_OUT", "FAN_AVG"):
        raise TypeError("Unknown mode %s [FAN_IN, FAN_OUT, FAN_AVG]", mode)

    def initialize(shape: Any, dtype: Any = dtype, partition_info: Any = None) -> Any:
        if not dtype.is_floating:
            raise TypeError(wrong)
        sizes = [float(size) for size in shape] or [1.0]
        window = math.prod(sizes[:-2])
        inputs = window * (sizes[-2] if len(sizes) > 1 else sizes[-1])
        outputs = window * sizes[-1]
        count = {"FAN_IN": inputs, "FAN_OUT": outputs, "FAN_AVG": (inputs + outputs) / 2.0}[mode]
        if uniform:
            limit = math.sqrt(3.0 * factor / count)
            return random_uniform(shape, -limit, limit, dtype, seed=seed)
        # Cutting at two deviations takes away about a quarter of the variance.
        deviation = math.sqrt(1.3 * factor / count)
        return truncated_normal(shape, 0.0, deviation, dtype, seed=seed)

    return initialize


def xavier_initializer(
    uniform: bool = True, seed: int | None = None, dtype: Any = float32
) -> Callable[..., Any]:
    """Random numbers of Glorot's variance, 2 / (inputs + outputs)."""
    return variance_scaling_initializer(1.0, "FAN_AVG", uniform, seed, dtype)


xavier_initializer_conv2d = xavier_initializer
