"""Learning rates that decay with the global step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from graphflow.graph.constants import constant
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import float32
from graphflow.graph.tensor import Tensor
from graphflow.ops.casting import cast
from graphflow.ops.comparison import equal, where
from graphflow.ops.conditionals import case, cond
from graphflow.ops.division import divide
from graphflow.ops.elementwise import add, minimum, multiply, subtract
from graphflow.ops.elementwise import pow as power
from graphflow.ops.random import random_normal
from graphflow.ops.unary import ceil, cos, exp, floor, log

__all__ = [
    "cosine_decay",
    "cosine_decay_restarts",
    "exponential_decay",
    "inverse_time_decay",
    "linear_cosine_decay",
    "natural_exp_decay",
    "noisy_linear_cosine_decay",
    "piecewise_constant",
    "piecewise_constant_decay",
    "polynomial_decay",
]


def _require_step(global_step: Any, name: str) -> None:
    if global_step is None:
        raise ValueError(f"global_step is required for {name}.")


def _share(global_step: Any, decay_steps: Any, dtype: Any, staircase: bool = False) -> Tensor:
    """The steps so far as a multiple of `decay_steps`, the whole part of it for a staircase."""
    share = divide(cast(global_step, dtype), cast(decay_steps, dtype))
    return floor(share) if staircase else share


def exponential_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, decay_rate: Any,
    staircase: bool = False, name: str | None = None,
) -> Tensor:  # fmt: skip
    """``learning_rate * decay_rate ** (global_step / decay_steps)``.

    Parameters
    ----------
    staircase : divide without remainder, so that the rate falls at intervals.
    """
    _require_step(global_step, "exponential_decay")
    given = [learning_rate, global_step, decay_steps, decay_rate]
    with name_scope(name, "ExponentialDecay", given) as scope:
        rate = convert_to_tensor(learning_rate, name="learning_rate")
        share = _share(global_step, decay_steps, rate.dtype, staircase)
        return multiply(rate, power(cast(decay_rate, rate.dtype), share), name=scope)


def natural_exp_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, decay_rate: Any,
    staircase: bool = False, name: str | None = None,
) -> Tensor:  # fmt: skip
    """``learning_rate * exp(-decay_rate * global_step / decay_steps)``."""
    _require_step(global_step, "natural_exp_decay")
    natural = exp(-convert_to_tensor(decay_rate))
    return exponential_decay(
        learning_rate, global_step, decay_steps, natural, staircase, name or "NaturalExpDecay"
    )


def inverse_time_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, decay_rate: Any,
    staircase: bool = False, name: str | None = None,
) -> Tensor:  # fmt: skip
    """``learning_rate / (1 + decay_rate * global_step / decay_steps)``."""
    _require_step(global_step, "inverse_time_decay")
    given = [learning_rate, global_step, decay_rate]
    with name_scope(name, "InverseTimeDecay", given) as scope:
        rate = convert_to_tensor(learning_rate, name="learning_rate")
        share = _share(global_step, decay_steps, rate.dtype, staircase)
        below = add(cast(constant(1), rate.dtype), multiply(cast(decay_rate, rate.dtype), share))
        return divide(rate, below, name=scope)


def polynomial_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, end_learning_rate: Any = 0.0001,
    power: Any = 1.0, cycle: bool = False, name: str | None = None,
) -> Tensor:  # fmt: skip
    """From `learning_rate` to `end_learning_rate` in `decay_steps` steps, as a power.

    Parameters
    ----------
    cycle : begin again, with a multiple of `decay_steps`, in place of staying at the end.
    """
    _require_step(global_step, "polynomial_decay")
    given = [learning_rate, global_step, decay_steps, end_learning_rate, power]
    with name_scope(name, "PolynomialDecay", given) as scope:
        rate = convert_to_tensor(learning_rate, name="learning_rate")
        dtype = rate.dtype
        end, exponent = cast(end_learning_rate, dtype), cast(power, dtype)
        step, steps = cast(global_step, dtype), cast(decay_steps, dtype)
        if cycle:
            times = where(equal(step, 0), constant(1.0, dtype), ceil(step / steps))
            steps = multiply(steps, times)
        else:
            step = minimum(step, steps)
        remaining = _power(subtract(cast(constant(1), dtype), divide(step, steps)), exponent)
        return add(multiply(subtract(rate, end), remaining), end, name=scope)


def _power(base: Tensor, exponent: Tensor) -> Tensor:
    return power(base, exponent)


def piecewise_constant(
    x: Any, boundaries: Sequence[Any], values: Sequence[Any], name: str | None = None
) -> Tensor:
    """``values[k]`` where x lies between boundaries: at most the k-th, and above that before.

    Raises
    ------
    ValueError : there is not one value more than boundaries, or types differ.
    """
    if len(boundaries) != len(values) - 1:
        raise ValueError("The length of boundaries should be 1 less than the length of values")
    with name_scope(name, "PiecewiseConstant", [x, *boundaries, *values]):
        x = convert_to_tensor(x)
        limits = [_like(limit, x) for limit in boundaries]
        rates = [convert_to_tensor(value) for value in values]
        if len({rate.dtype for rate in rates}) > 1:
            raise ValueError(
                f"All elements of values must have the same dtype: {[r.dtype for r in rates]}"
            )
        between: list[tuple[Any, Any]] = [(x <= limits[0], lambda: rates[0])]
        between.append((x > limits[-1], lambda: rates[-1]))
        for low, high, rate in zip(limits[:-1], limits[1:], rates[1:-1], strict=True):
            between.append(((x > low) & (x <= high), lambda rate=rate: rate))
        return case(between, default=lambda: rates[0], exclusive=True)


def _like(limit: Any, x: Tensor) -> Tensor:
    found = convert_to_tensor(limit)
    if found.dtype.base_dtype == x.dtype.base_dtype:
        return found
    if found.dtype.name == "int32" and x.dtype.base_dtype.name == "int64":
        return cast(found, x.dtype.base_dtype)
    raise ValueError(
        f"Boundaries ({found.dtype.base_dtype}) must have the same dtype as x "
        f"({x.dtype.base_dtype})."
    )


piecewise_constant_decay = piecewise_constant


# ---- cosines


def _half_cosine(share: Any) -> Tensor:
    dtype = share.dtype
    return 0.5 * (1.0 + cos(constant(math.pi, dtype) * share))


def _completed(global_step: Any, decay_steps: Any, dtype: Any) -> tuple[Any, Any, Any]:
    steps = cast(decay_steps, dtype)
    step = minimum(cast(global_step, dtype), steps)
    return step, steps, divide(step, steps)


def cosine_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, alpha: float = 0.0,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Down to `alpha` times the rate in `decay_steps` steps, as half a cosine."""
    _require_step(global_step, "cosine_decay")
    with name_scope(name, "CosineDecay", [learning_rate, global_step]):
        rate = convert_to_tensor(learning_rate, name="learning_rate")
        *_, share = _completed(global_step, decay_steps, rate.dtype)
        return multiply(rate, (1 - alpha) * _half_cosine(share) + alpha)


def cosine_decay_restarts(
    learning_rate: Any, global_step: Any, first_decay_steps: Any, t_mul: float = 2.0,
    m_mul: float = 1.0, alpha: float = 0.0, name: str | None = None,
) -> Tensor:  # fmt: skip
    """`cosine_decay` again and again (Loshchilov & Hutter, 2017).

    Parameters
    ----------
    t_mul, m_mul : how much longer, and lower, each period is than that before.
    """
    _require_step(global_step, "cosine_decay_restarts")
    with name_scope(name, "SGDRDecay", [learning_rate, global_step]) as scope:
        rate = convert_to_tensor(learning_rate, name="initial_learning_rate")
        dtype = rate.dtype
        longer, lower = cast(t_mul, dtype), cast(m_mul, dtype)
        share = cast(global_step, dtype) / cast(first_decay_steps, dtype)

        def geometric() -> list[Any]:
            period = floor(log(1.0 - share * (1.0 - longer)) / log(longer))
            before = (1.0 - power(longer, period)) / (1.0 - longer)
            return [period, (share - before) / power(longer, period)]

        def equal_periods() -> list[Any]:
            period = floor(share)
            return [period, share - period]

        period, share = cond(equal(longer, 1.0), equal_periods, geometric)
        decayed = (1 - alpha) * power(lower, period) * _half_cosine(share) + alpha
        return multiply(rate, decayed, name=scope)


def linear_cosine_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, num_periods: float = 0.5,
    alpha: float = 0.0, beta: float = 0.001, name: str | None = None,
) -> Tensor:  # fmt: skip
    """A linear decay times a cosine (Bello et al., 2017)."""
    _require_step(global_step, "linear_cosine_decay")
    with name_scope(name, "LinearCosineDecay", [learning_rate, global_step]) as scope:
        rate = convert_to_tensor(learning_rate, name="learning_rate")
        step, steps, share = _completed(global_step, decay_steps, rate.dtype)
        linear = (steps - step) / steps
        wave = _half_cosine(2.0 * num_periods * share)
        return multiply(rate, (alpha + linear) * wave + beta, name=scope)


def noisy_linear_cosine_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, initial_variance: float = 1.0,
    variance_decay: float = 0.55, num_periods: float = 0.5, alpha: float = 0.0,
    beta: float = 0.001, name: str | None = None,
) -> Tensor:  # fmt: skip
    """`linear_cosine_decay` with noise whose variance falls with the steps."""
    _require_step(global_step, "noisy_linear_cosine_decay")
    with name_scope(name, "NoisyLinearCosineDecay", [learning_rate, global_step]) as scope:
        rate = convert_to_tensor(learning_rate, name="learning_rate")
        step, steps, share = _completed(global_step, decay_steps, rate.dtype)
        variance = initial_variance / power(1.0 + step, cast(variance_decay, rate.dtype))
        noise = random_normal((), stddev=1.0, dtype=float32)
        linear = (steps - step) / steps + cast(noise, rate.dtype) * variance**0.5
        wave = _half_cosine(2.0 * num_periods * share)
        return multiply(rate, (alpha + linear) * wave + beta, name=scope)
