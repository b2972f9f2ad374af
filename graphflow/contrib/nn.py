"""TensorFlow's `tf.contrib.nn`: dropout for networks that normalise themselves."""

from __future__ import annotations

import numbers
from typing import Any

from graphflow.graph.constants import constant_value
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.tensor import Tensor
from graphflow.ops.casting import cast
from graphflow.ops.random import random_uniform
from graphflow.ops.shape import shape as shape_of

__all__ = ["alpha_dropout"]

_LEAST = -1.7580993408473766  # what selu tends to at minus infinity


def alpha_dropout(
    x: Any, keep_prob: Any, noise_shape: Any = None, seed: int | None = None,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Set elements to the least value of selu, and keep mean and variance as they are.

    After Klambauer et al., Self-Normalizing Neural Networks, 2017 (arXiv:1706.02515).

    Parameters
    ----------
    x : of a floating type.
    keep_prob : the probability that an element stays, a number or a scalar tensor.
    noise_shape : the shape of the draws, which broadcasts to that of `x`; its own when None.

    Raises
    ------
    ValueError : `keep_prob` is a number outside (0, 1].
    """
    with name_scope(name, "alpha_dropout", [x]):
        x = convert_to_tensor(x, name="x")
        if isinstance(keep_prob, numbers.Real) and not 0.0 < keep_prob <= 1.0:  # type: ignore[operator]
            raise ValueError(
                "keep_prob must be a scalar tensor or a float in the range (0, 1], "
                f"got {keep_prob:g}"
            )
        keep_prob = convert_to_tensor(keep_prob, dtype=x.dtype, name="keep_prob")
        if constant_value(keep_prob) == 1:
            return x
        drawn = random_uniform(
            shape_of(x) if noise_shape is None else noise_shape, seed=seed, dtype=x.dtype
        )
        kept = cast(drawn >= 1 - keep_prob, x.dtype)
        made = x * kept + _LEAST * (1 - kept)
        scale = (keep_prob + _LEAST**2 * keep_prob * (1 - keep_prob)) ** -0.5
        shift = -scale * _LEAST * (1 - keep_prob)
        made = scale * made + shift
        made.set_shape(x.shape)
        return made
