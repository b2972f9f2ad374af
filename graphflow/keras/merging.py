"""Keras's layers of several inputs, and their forms as functions."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from graphflow.keras import backend
from graphflow.keras.core import Layer
from graphflow.ops.comparison import logical_and
from graphflow.ops.creation import ones_like
from graphflow.ops.elementwise import add as add_op
from graphflow.ops.elementwise import maximum as maximum_op
from graphflow.ops.elementwise import minimum as minimum_op
from graphflow.ops.elementwise import multiply as multiply_op
from graphflow.ops.joining import concat
from graphflow.ops.nn import l2_normalize
from graphflow.ops.reductions import reduce_all
from graphflow.ops.shape import expand_dims

__all__ = [
    "Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply", "Subtract", "add",
    "average", "concatenate", "dot", "maximum", "minimum", "multiply", "subtract",
]  # fmt: skip


class _Merge(Layer):
    """Base of layers of several inputs, which are brought to one rank."""

    supports_masking = True

    def combine(self, inputs: list[Any]) -> Any:
        """What becomes of the inputs."""
        raise NotImplementedError

    def call(self, inputs: Any) -> Any:
        if not isinstance(inputs, (list, tuple)) or len(inputs) < 2:
            raise ValueError(
                "A merge layer should be called on a list of at least 2 inputs. "
                f"Got {len(inputs) if isinstance(inputs, (list, tuple)) else 1} inputs."
            )
        rank = max(value.shape.rank for value in inputs)
        inputs = list(inputs)
        for place, value in enumerate(inputs):
            for _ in range(rank - value.shape.rank):
                value = expand_dims(value, 1)
            inputs[place] = value
        return self.combine(inputs)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """What all of them keep."""
        found = mask if isinstance(mask, (list, tuple)) else [mask]
        if any(one is None for one in found):
            return None
        return functools.reduce(logical_and, found)


class Add(_Merge):
    """The sum of inputs."""

    def combine(self, inputs: list[Any]) -> Any:
        """The sum."""
        return functools.reduce(add_op, inputs)


class Subtract(_Merge):
    """The first of two inputs without the second."""

    def combine(self, inputs: list[Any]) -> Any:
        """The difference."""
        if len(inputs) != 2:
            raise ValueError("A `Subtract` layer should be called on exactly 2 inputs")
        return inputs[0] - inputs[1]


class Multiply(_Merge):
    """The product of inputs."""

    def combine(self, inputs: list[Any]) -> Any:
        """The product."""
        return functools.reduce(multiply_op, inputs)


class Average(_Merge):
    """The mean of inputs."""

    def combine(self, inputs: list[Any]) -> Any:
        """The mean."""
        return functools.reduce(add_op, inputs) / float(len(inputs))


class Maximum(_Merge):
    """The greatest of inputs."""

    def combine(self, inputs: list[Any]) -> Any:
        """The maximum."""
        return functools.reduce(maximum_op, inputs)


class Minimum(_Merge):
    """The least of inputs."""

    def combine(self, inputs: list[Any]) -> Any:
        """The minimum."""
        return functools.reduce(minimum_op, inputs)


class Concatenate(Layer):
    """Inputs one after another along an axis."""

    supports_masking = True

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: Any) -> Any:
        return concat(list(inputs), self.axis)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The masks one after another; those of inputs without one keep everything."""
        if mask is None or all(one is None for one in mask):
            return None
        made = []
        for value, one in zip(inputs, mask, strict=True):
            if one is None:
                made.append(ones_like(value, "bool"))
            else:
                made.append(expand_dims(one, -1) if one.shape.rank < value.shape.rank else one)
        return reduce_all(concat(made, self.axis), -1)


class Dot(Layer):
    """Products of two inputs along an axis of each, for each example.

    Parameters
    ----------
    axes : the axis of both, or one of each.
    normalize : whether the inputs are scaled to length one first.
    """

    def __init__(self, axes: Any, normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axes, self.normalize = axes, normalize

    def call(self, inputs: Any) -> Any:
        if len(inputs) != 2:
            raise ValueError("A `Dot` layer should be called on exactly 2 inputs")
        axes = [self.axes] * 2 if isinstance(self.axes, int) else list(self.axes)
        axes = [a % x.shape.rank for a, x in zip(axes, inputs, strict=True)]
        if self.normalize:
            inputs = [l2_normalize(x, axis=a) for x, a in zip(inputs, axes, strict=True)]
        return backend.batch_dot(inputs[0], inputs[1], axes)


def _function(layer: type[Layer], name: str) -> Callable[..., Any]:
    def made(inputs: Sequence[Any], **kwargs: Any) -> Any:
        return layer(**kwargs)(list(inputs))

    made.__name__ = made.__qualname__ = name
    made.__doc__ = layer.__doc__
    return made


add, subtract = _function(Add, "add"), _function(Subtract, "subtract")
multiply, average = _function(Multiply, "multiply"), _function(Average, "average")
maximum, minimum = _function(Maximum, "maximum"), _function(Minimum, "minimum")


def concatenate(inputs: Sequence[Any], axis: int = -1, **kwargs: Any) -> Any:
    """Inputs one after another along an axis."""
    return Concatenate(axis, **kwargs)(list(inputs))


def dot(inputs: Sequence[Any], axes: Any, normalize: bool = False, **kwargs: Any) -> Any:
    """Products of two inputs along an axis of each."""
    return Dot(axes, normalize, **kwargs)(list(inputs))
