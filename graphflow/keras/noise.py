"""Keras's activations that are layers, and its layers of noise."""

from __future__ import annotations

from typing import Any

from graphflow.keras import backend, functions
from graphflow.keras.core import Dropout, Layer, set_named
from graphflow.layers.arguments import as_data_format
from graphflow.ops.activations import leaky_relu, relu
from graphflow.ops.casting import cast
from graphflow.ops.comparison import greater
from graphflow.ops.shape import shape as shape_op
from graphflow.ops.softmax import softmax

__all__ = [
    "ELU", "ActivityRegularization", "AlphaDropout", "GaussianDropout", "GaussianNoise",
    "LeakyReLU", "PReLU", "ReLU", "Softmax", "SpatialDropout1D", "SpatialDropout2D",
    "SpatialDropout3D", "ThresholdedReLU",
]  # fmt: skip


class LeakyReLU(Layer):
    """``x`` above zero, ``alpha x`` below."""

    supports_masking = True

    def __init__(self, alpha: float = 0.3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = alpha

    def call(self, inputs: Any) -> Any:
        return leaky_relu(inputs, self.alpha)


class ReLU(Layer):
    """``x`` above a threshold, at most `max_value`; ``negative_slope (x - threshold)`` below."""

    supports_masking = True

    def __init__(
        self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        if max_value is not None and max_value < 0:
            raise ValueError(f"max_value of Relu layer cannot be negative value: {max_value}")
        if negative_slope < 0:
            raise ValueError(
                f"negative_slope of Relu layer cannot be negative value: {negative_slope}"
            )
        self.max_value, self.threshold = max_value, threshold
        self.negative_slope = negative_slope

    def call(self, inputs: Any) -> Any:
        return backend.relu(inputs, self.negative_slope, self.max_value, self.threshold)


class ELU(Layer):
    """``x`` above zero, ``alpha (exp(x) - 1)`` below."""

    supports_masking = True

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = alpha

    def call(self, inputs: Any) -> Any:
        return backend.elu(inputs, self.alpha)


class PReLU(Layer):
    """``x`` above zero, ``alpha x`` below, with alphas that are trained.

    Parameters
    ----------
    shared_axes : along which the alphas are the same.
    """

    supports_masking = True

    def __init__(
        self, alpha_initializer: Any = "zeros", alpha_regularizer: Any = None,
        alpha_constraint: Any = None, shared_axes: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        set_named(
            self, alpha_initializer=alpha_initializer, alpha_regularizer=alpha_regularizer,
            alpha_constraint=alpha_constraint,
        )  # fmt: skip
        shared = [shared_axes] if isinstance(shared_axes, int) else list(shared_axes or [])
        self.shared_axes = shared

    def build(self, input_shape: Any) -> None:
        sizes = input_shape.as_list()[1:]
        for axis in self.shared_axes:
            sizes[axis - 1] = 1
        self.alpha = self.add_weight(
            "alpha", sizes, initializer=self.alpha_initializer, regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
        )  # fmt: skip
        self.built = True

    def call(self, inputs: Any) -> Any:
        return relu(inputs) + -self.alpha * relu(-inputs)


class ThresholdedReLU(Layer):
    """``x`` above `theta`, else zero."""

    supports_masking = True

    def __init__(self, theta: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.theta = theta

    def call(self, inputs: Any) -> Any:
        return inputs * cast(greater(inputs, self.theta), inputs.dtype)


class Softmax(Layer):
    """Probabilities along an axis."""

    supports_masking = True

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: Any) -> Any:
        return softmax(inputs, self.axis)


class ActivityRegularization(Layer):
    """The inputs, with losses ``l1 sum(|x|)`` and ``l2 sum(x²)``."""

    supports_masking = True

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        super().__init__(activity_regularizer=functions.l1_l2(l1, l2), **kwargs)
        self.l1, self.l2 = l1, l2


class _InTraining(Layer):
    """Base of layers that do something in training only."""

    supports_masking = True

    def noised(self, inputs: Any) -> Any:
        """What becomes of the inputs in training."""
        raise NotImplementedError

    def call(self, inputs: Any, training: Any = None) -> Any:
        return backend.in_train_phase(lambda: self.noised(inputs), inputs, training)


class GaussianNoise(_InTraining):
    """Adds normal numbers in training."""

    def __init__(self, stddev: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stddev = stddev

    def noised(self, inputs: Any) -> Any:
        """The inputs and noise."""
        return inputs + backend.random_normal(shape_op(inputs), 0.0, self.stddev, inputs.dtype)


class GaussianDropout(_InTraining):
    """Multiplies with normal numbers around one in training."""

    def __init__(self, rate: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = rate

    def noised(self, inputs: Any) -> Any:
        """The inputs times noise."""
        if not 0 < self.rate < 1:
            return inputs
        spread = (self.rate / (1.0 - self.rate)) ** 0.5
        return inputs * backend.random_normal(shape_op(inputs), 1.0, spread, inputs.dtype)


class AlphaDropout(_InTraining):
    """Dropout that keeps the mean and variance of what `selu` gives (Klambauer et al., 2017)."""

    LOWEST = -1.7580993408473766  # what selu tends to: -scale * alpha

    def __init__(
        self, rate: float, noise_shape: Any = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.rate, self.noise_shape, self.seed = rate, noise_shape, seed

    def noised(self, inputs: Any) -> Any:
        """The inputs, some of them at selu's lowest value, scaled."""
        if not 0 < self.rate < 1:
            return inputs
        sizes = shape_op(inputs) if self.noise_shape is None else self.noise_shape
        kept = cast(backend.random_uniform(sizes, seed=self.seed) >= self.rate, inputs.dtype)
        scale = ((1 - self.rate) * (1 + self.rate * self.LOWEST**2)) ** -0.5
        return scale * (inputs * kept + self.LOWEST * (1 - kept) - self.LOWEST * self.rate)


class _SpatialDropout(Dropout):
    """Dropout of whole channels."""

    RANK = 1

    def __init__(self, rate: float, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(rate, **kwargs)
        self.data_format = as_data_format(data_format)

    def _argument_names(self) -> list[str]:
        return ["rate", "data_format"]

    def _get_noise_shape(self, inputs: Any) -> Any:
        sizes, ones = shape_op(inputs), [1] * self.RANK
        if self.data_format == "channels_first" and self.RANK > 1:
            return [sizes[0], sizes[1], *ones]
        return [sizes[0], *ones, sizes[self.RANK + 1]]


class SpatialDropout1D(_SpatialDropout):
    """Dropout of whole channels of sequences."""

    RANK = 1


class SpatialDropout2D(_SpatialDropout):
    """Dropout of whole channels of images."""

    RANK = 2


class SpatialDropout3D(_SpatialDropout):
    """Dropout of whole channels of volumes."""

    RANK = 3
