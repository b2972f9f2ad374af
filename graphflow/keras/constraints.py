"""Keras's constraints: functions that bring variables back after each step."""

from __future__ import annotations

from typing import Any

from graphflow.keras import backend as K

__all__ = [
    "Constraint", "MaxNorm", "MinMaxNorm", "NonNeg", "RadialConstraint", "UnitNorm", "max_norm",
    "min_max_norm", "non_neg", "radial_constraint", "unit_norm",
]  # fmt: skip


class Constraint:
    """Base of constraints."""

    def __call__(self, w: Any) -> Any:
        """The values that are allowed."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return dict(vars(self))

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A constraint of arguments."""
        return cls(**config)


def _norms(w: Any, axis: Any) -> Any:
    return K.sqrt(K.sum(K.square(w), axis, keepdims=True))


class MaxNorm(Constraint):
    """Norms along an axis are no more than `max_value`."""

    def __init__(self, max_value: float = 2, axis: Any = 0) -> None:
        self.max_value, self.axis = max_value, axis

    def __call__(self, w: Any) -> Any:
        """Scale what is too long."""
        norms = _norms(w, self.axis)
        return w * (K.clip(norms, 0, self.max_value) / (K.epsilon() + norms))


class NonNeg(Constraint):
    """No value is below zero."""

    def __call__(self, w: Any) -> Any:
        """Set negative values to zero."""
        return w * K.cast(K.greater_equal(w, 0.0), K.floatx())


class UnitNorm(Constraint):
    """Norms along an axis are one."""

    def __init__(self, axis: Any = 0) -> None:
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        """Scale to norm one."""
        return w / (K.epsilon() + _norms(w, self.axis))


class MinMaxNorm(Constraint):
    """Norms along an axis are moved between two bounds.

    Parameters
    ----------
    rate : how far norms are moved in a step, of the whole way.
    """

    def __init__(
        self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Any = 0
    ) -> None:
        self.min_value, self.max_value, self.rate, self.axis = min_value, max_value, rate, axis

    def __call__(self, w: Any) -> Any:
        """Scale towards the bounds."""
        norms = _norms(w, self.axis)
        wanted = self.rate * K.clip(norms, self.min_value, self.max_value)
        return w * ((wanted + (1 - self.rate) * norms) / (K.epsilon() + norms))


class RadialConstraint(Constraint):
    """Kernels of images take one value at each distance from their middle."""

    def __call__(self, w: Any) -> Any:
        """Give each ring the value of its first row."""
        high, wide, channels, filters = w.shape.as_list()
        if high != wide:
            raise ValueError(f"expected kernels as high as wide, got {high}x{wide}")
        planes = K.reshape(w, (high, wide, channels * filters))
        middle = high // 2
        rows = []
        for i in range(high):
            row = []
            for j in range(wide):
                ring = max(abs(i - middle), abs(j - middle))
                row.append(planes[middle - ring, middle])
            rows.append(K.stack(row))
        return K.reshape(K.stack(rows), (high, wide, channels, filters))


max_norm, non_neg, unit_norm = MaxNorm, NonNeg, UnitNorm
min_max_norm, radial_constraint = MinMaxNorm, RadialConstraint


def get(identifier: Any) -> Any:
    """The constraint of a name; anything else is itself."""
    from graphflow.keras import functions

    return functions.constraint(identifier)


def serialize(constraint: Any) -> Any:
    """A constraint's class and arguments."""
    return {"class_name": type(constraint).__name__, "config": constraint.get_config()}


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The constraint that `serialize` described."""
    return get(config)
