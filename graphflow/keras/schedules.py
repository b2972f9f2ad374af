"""Learning rates as functions of the step: `tf.keras.optimizers.schedules`."""

from __future__ import annotations

import inspect
from typing import Any

from graphflow.train import decay

__all__ = [
    "CosineDecay", "CosineDecayRestarts", "ExponentialDecay", "InverseTimeDecay",
    "LearningRateSchedule", "LinearCosineDecay", "NoisyLinearCosineDecay",
    "PiecewiseConstantDecay", "PolynomialDecay", "deserialize", "serialize",
]  # fmt: skip


class LearningRateSchedule:
    """Base of schedules: functions of the step, which know their arguments."""

    def __call__(self, step: Any) -> Any:
        """The learning rate at a step."""
        raise NotImplementedError("Learning rate schedule must override __call__")

    def get_config(self) -> dict[str, Any]:
        """The arguments that make such a schedule again."""
        raise NotImplementedError("Learning rate schedule must override get_config")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The schedule of arguments."""
        return cls(**config)


def _schedule(name: str, function: Any, **renamed: str) -> Any:
    """A schedule that computes what one of `tf.train`'s decays computes.

    Parameters
    ----------
    renamed : the function's parameters that have another name here.
    """
    names, defaults = [], {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name in ("global_step", "x"):
            continue
        own = renamed.get(parameter.name, parameter.name)
        names.append((own, parameter.name))
        if parameter.default is not parameter.empty:
            defaults[own] = parameter.default

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        order = [own for own, _ in names]
        given = {**defaults, **dict(zip(order, args, strict=False)), **kwargs}
        wrong = set(given) - set(order) | set(order) - set(given)
        if wrong or len(args) > len(order):
            raise TypeError(f"{name} takes {', '.join(order)}, got {sorted(given)}")
        self.given = {own: given[own] for own in order}

    def __call__(self: Any, step: Any) -> Any:
        passed = {theirs: self.given[own] for own, theirs in names}
        return function(**passed, **{"x" if name.startswith("Piece") else "global_step": step})

    def get_config(self: Any) -> dict[str, Any]:
        return dict(self.given)

    members = {"__init__": __init__, "__call__": __call__, "get_config": get_config,
               "__doc__": function.__doc__, "__module__": __name__}  # fmt: skip
    return type(name, (LearningRateSchedule,), members)


_RATE = {"learning_rate": "initial_learning_rate"}
ExponentialDecay = _schedule("ExponentialDecay", decay.exponential_decay, **_RATE)
InverseTimeDecay = _schedule("InverseTimeDecay", decay.inverse_time_decay, **_RATE)
PolynomialDecay = _schedule("PolynomialDecay", decay.polynomial_decay, **_RATE)
PiecewiseConstantDecay = _schedule("PiecewiseConstantDecay", decay.piecewise_constant)
CosineDecay = _schedule("CosineDecay", decay.cosine_decay, **_RATE)
CosineDecayRestarts = _schedule("CosineDecayRestarts", decay.cosine_decay_restarts, **_RATE)
LinearCosineDecay = _schedule("LinearCosineDecay", decay.linear_cosine_decay, **_RATE)
NoisyLinearCosineDecay = _schedule(
    "NoisyLinearCosineDecay", decay.noisy_linear_cosine_decay, **_RATE
)
_KINDS = {kind.__name__: kind for kind in LearningRateSchedule.__subclasses__()}


def serialize(learning_rate_schedule: LearningRateSchedule) -> dict[str, Any]:
    """A schedule's class and its arguments."""
    kind = type(learning_rate_schedule).__name__
    return {"class_name": kind, "config": learning_rate_schedule.get_config()}


def deserialize(config: dict[str, Any], custom_objects: Any = None) -> Any:
    """The schedule of a class's name and its arguments."""
    known = {**_KINDS, **(custom_objects or {})}
    if config.get("class_name") not in known:
        raise ValueError(f"Unknown decay: {config.get('class_name')}")
    return known[config["class_name"]].from_config(config["config"])
