"""Metrics that keep what they have seen in variables: their base, and weighted means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import control_dependencies, name_scope
from graphflow.keras import backend as K
from graphflow.keras import functions
from graphflow.ops.casting import cast
from graphflow.ops.creation import ones_like
from graphflow.ops.division import div_no_nan
from graphflow.ops.identity import group, identity
from graphflow.ops.layer_base import snake_case
from graphflow.ops.shape import expand_dims, reshape
from graphflow.ops.shape import shape as shape_op
from graphflow.ops.state import assign_add
from graphflow.ops.variables import Variable

__all__ = ["Mean", "MeanOf", "MeanTensor", "Metric", "Sum"]


class Metric:
    """Base of metrics: variables, what updates them, and what they say.

    A subclass defines `update_state` and `result`, and makes variables by `add_weight`.
    """

    def __init__(self, name: str | None = None, dtype: Any = None, **_: Any) -> None:
        self.name = name or snake_case(type(self).__name__)
        self.dtype = dtype or K.floatx()
        self.variables: list[Any] = []

    def add_weight(
        self, name: str, shape: Any = (), initializer: Any = "zeros", dtype: Any = None, **_: Any
    ) -> Any:
        """A variable that starts anew with each pass."""
        value = functions.initializer(initializer)(list(shape), dtype or self.dtype)
        with name_scope(self.name):
            made = Variable(value, name=name, trainable=False, collections=["local_variables"])
        self.variables.append(made)
        return made

    @property
    def weights(self) -> list[Any]:
        """The variables."""
        return self.variables

    def update_state(self, *args: Any, **kwargs: Any) -> Any:
        """Count what is given."""
        raise NotImplementedError("Must be implemented in subclasses.")

    def result(self) -> Any:
        """What the variables say."""
        raise NotImplementedError("Must be implemented in subclasses.")

    def reset_states(self) -> None:
        """Set the variables to zero."""
        for variable in self.variables:
            K.set_value(variable, np.zeros(variable.shape.as_list()))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Count what is given; the result with it."""
        update = self.update_state(*args, **kwargs)
        with control_dependencies([update]):
            return identity(self.result())

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A metric of arguments."""
        return cls(**config)


def weighted_values(values: Any, sample_weight: Any) -> tuple[Any, Any]:
    """Values times weights, and the weights as wide as the values."""
    values = cast(convert_to_tensor(values), "float32")
    if sample_weight is None:
        return values, ones_like(values)
    weights = cast(convert_to_tensor(sample_weight), "float32")
    if (weights.shape.rank or 0) > (values.shape.rank or 0):
        values = K.mean(values, -1) if values.shape.rank else values
        weights = reshape(weights, shape_op(values))
    while (weights.shape.rank or 0) < (values.shape.rank or 0):
        weights = expand_dims(weights, -1)
    weights = weights * ones_like(values)
    return values * weights, weights


class Mean(Metric):
    """The weighted mean of values."""

    def __init__(self, name: str | None = "mean", dtype: Any = None) -> None:
        super().__init__(name, dtype)
        self.total, self.count = self.add_weight("total"), self.add_weight("count")

    def update_state(self, values: Any, sample_weight: Any = None) -> Any:
        """Count values."""
        return self._counted(values, sample_weight)

    def _counted(self, values: Any, sample_weight: Any) -> Any:
        values, weights = weighted_values(values, sample_weight)
        return group(assign_add(self.total, K.sum(values)), assign_add(self.count, K.sum(weights)))

    def result(self) -> Any:
        """The mean; zero of nothing."""
        return div_no_nan(self.total, self.count)


class Sum(Metric):
    """The weighted sum of values."""

    def __init__(self, name: str | None = "sum", dtype: Any = None) -> None:
        super().__init__(name, dtype)
        self.total = self.add_weight("total")

    def update_state(self, values: Any, sample_weight: Any = None) -> Any:
        """Add values."""
        return assign_add(self.total, K.sum(weighted_values(values, sample_weight)[0])).op

    def result(self) -> Any:
        """The sum."""
        return identity(self.total)


class MeanOf(Mean):
    """The mean of a function of labels and predictions."""

    def __init__(
        self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **options: Any
    ) -> None:
        super().__init__(name, dtype)
        self.function, self.options = fn, options

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> Any:
        """Count labels and predictions."""
        return self._counted(self.function(y_true, y_pred, **self.options), sample_weight)


class MeanTensor(Metric):
    """The weighted mean of tensors of one shape, element by element."""

    def __init__(self, name: str | None = "mean_tensor", dtype: Any = None) -> None:
        super().__init__(name, dtype)
        self.total: Any = None
        self.count: Any = None

    def update_state(self, values: Any, sample_weight: Any = None) -> Any:
        """Count a tensor; the first says the shape."""
        values, weights = weighted_values(values, sample_weight)
        if self.total is None:
            shape = values.shape.as_list()
            self.total = self.add_weight("total", shape)
            self.count = self.add_weight("count", shape)
        if not self.total.shape.is_compatible_with(values.shape):
            raise ValueError(
                "MeanTensor input values must always have the same shape. Expected shape (set "
                f"during the first call): {self.total.shape}. Got: {values.shape}"
            )
        return group(assign_add(self.total, values), assign_add(self.count, weights))

    def result(self) -> Any:
        """The mean; zero of nothing."""
        if self.total is None:
            raise ValueError("MeanTensor does not have any result yet. Please use `.update_state` "
                             "first.")  # fmt: skip
        return div_no_nan(self.total, self.count)
