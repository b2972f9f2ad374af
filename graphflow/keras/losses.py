"""Keras's losses: functions that give a number for each example, and classes that reduce them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.keras import backend as K
from graphflow.keras import functions
from graphflow.keras.serialization import deserialize_keras_object, serialize_keras_object
from graphflow.ops.casting import cast
from graphflow.ops.comparison import logical_or
from graphflow.ops.conditionals import cond
from graphflow.ops.identity import identity
from graphflow.ops.shape import expand_dims, squeeze

__all__ = [
    "KLD", "MAE", "MAPE", "MSE", "MSLE", "BinaryCrossentropy", "CategoricalCrossentropy",
    "CategoricalHinge", "CosineSimilarity", "Hinge", "Huber", "KLDivergence", "LogCosh", "Loss",
    "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredError",
    "MeanSquaredLogarithmicError", "Poisson", "Reduction", "SparseCategoricalCrossentropy",
    "SquaredHinge", "binary_crossentropy", "categorical_crossentropy", "categorical_hinge",
    "cosine", "cosine_proximity", "cosine_similarity", "deserialize", "get", "hinge", "huber_loss",
    "kld", "kullback_leibler_divergence", "logcosh", "mae", "mape", "mean_absolute_error",
    "mean_absolute_percentage_error", "mean_squared_error", "mean_squared_logarithmic_error", "mse",
    "msle", "poisson", "serialize", "sparse_categorical_crossentropy", "squared_hinge",
]  # fmt: skip


def _pair(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Both as tensors of the predictions' type."""
    y_pred = convert_to_tensor(y_pred)
    return cast(convert_to_tensor(y_true), y_pred.dtype), y_pred


def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """The mean of squared differences."""
    y_true, y_pred = _pair(y_true, y_pred)
    return K.mean(K.square(y_pred - y_true), -1)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """The mean of differences."""
    y_true, y_pred = _pair(y_true, y_pred)
    return K.mean(K.abs(y_pred - y_true), -1)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Any:
    """The mean of differences, in per cent."""
    y_true, y_pred = _pair(y_true, y_pred)
    below = K.maximum(K.abs(y_true), K.epsilon())
    return 100.0 * K.mean(K.abs((y_true - y_pred) / below), -1)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Any:
    """The mean of squared differences of ``log(1 + y)``."""
    y_true, y_pred = _pair(y_true, y_pred)
    first, second = (K.log(K.maximum(y, K.epsilon()) + 1.0) for y in (y_pred, y_true))
    return K.mean(K.square(first - second), -1)


def _signed(y_true: Any) -> Any:
    """Labels of 0 and 1 as -1 and 1; others as they are."""
    is_binary = K.all(logical_or(K.equal(y_true, 0.0), K.equal(y_true, 1.0)))
    return cond(is_binary, lambda: 2.0 * y_true - 1.0, lambda: identity(y_true))


def hinge(y_true: Any, y_pred: Any) -> Any:
    """The mean of ``max(0, 1 - y_true y_pred)``; labels 0 stand for -1."""
    y_true, y_pred = _pair(y_true, y_pred)
    return K.mean(K.maximum(1.0 - _signed(y_true) * y_pred, 0.0), -1)


def squared_hinge(y_true: Any, y_pred: Any) -> Any:
    """The mean of squares of ``max(0, 1 - y_true y_pred)``."""
    y_true, y_pred = _pair(y_true, y_pred)
    return K.mean(K.square(K.maximum(1.0 - _signed(y_true) * y_pred, 0.0)), -1)


def categorical_hinge(y_true: Any, y_pred: Any) -> Any:
    """``max(0, 1 + the best wrong score - the right one)``."""
    y_true, y_pred = _pair(y_true, y_pred)
    right = K.sum(y_true * y_pred, -1)
    wrong = K.max((1.0 - y_true) * y_pred, -1)
    return K.maximum(0.0, wrong - right + 1.0)


def huber_loss(y_true: Any, y_pred: Any, delta: float = 1.0) -> Any:
    """Squares of small differences; large ones count linearly."""
    y_true, y_pred = _pair(y_true, y_pred)
    error = K.abs(y_pred - y_true)
    small = K.minimum(error, delta)
    return 0.5 * small * small + delta * (error - small)


def logcosh(y_true: Any, y_pred: Any) -> Any:
    """The mean of ``log(cosh(difference))``."""
    y_true, y_pred = _pair(y_true, y_pred)
    x = y_pred - y_true
    return K.mean(x + K.softplus(-2.0 * x) - float(np.log(2.0)), -1)


def poisson(y_true: Any, y_pred: Any) -> Any:
    """The mean of ``y_pred - y_true log(y_pred)``."""
    y_true, y_pred = _pair(y_true, y_pred)
    return K.mean(y_pred - y_true * K.log(y_pred + K.epsilon()), -1)


def kullback_leibler_divergence(y_true: Any, y_pred: Any) -> Any:
    """The divergence of distributions."""
    y_true, y_pred = _pair(y_true, y_pred)
    y_true, y_pred = K.clip(y_true, K.epsilon(), 1.0), K.clip(y_pred, K.epsilon(), 1.0)
    return K.sum(y_true * K.log(y_true / y_pred), -1)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """The cosine of the angle, with its sign turned: less is more alike."""
    y_true, y_pred = _pair(y_true, y_pred)
    return -K.sum(K.l2_normalize(y_true, axis) * K.l2_normalize(y_pred, axis), axis)


def _smoothed(y_true: Any, smoothing: float, parts: Any) -> Any:
    return y_true * (1.0 - smoothing) + smoothing / parts if smoothing else y_true


def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0
) -> Any:
    """The mean cross entropy of independent classes."""
    y_true, y_pred = _pair(y_true, y_pred)
    y_true = _smoothed(y_true, label_smoothing, 2.0)
    return K.mean(K.binary_crossentropy(y_true, y_pred, from_logits), -1)


def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0
) -> Any:
    """The cross entropy of probabilities along the last axis."""
    y_true, y_pred = _pair(y_true, y_pred)
    y_true = _smoothed(y_true, label_smoothing, float(y_pred.shape.as_list()[-1] or 1))
    return K.categorical_crossentropy(y_true, y_pred, from_logits)


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, axis: int = -1
) -> Any:
    """The cross entropy of numbers of classes."""
    y_true, y_pred = convert_to_tensor(y_true), convert_to_tensor(y_pred)
    return K.sparse_categorical_crossentropy(y_true, y_pred, from_logits, axis)


mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
kld = KLD = kullback_leibler_divergence
cosine = cosine_proximity = cosine_similarity


# ---- classes


class Loss:
    """Base of losses that are objects.

    Parameters
    ----------
    reduction : ``none``, ``sum``, or ``sum_over_batch_size``, which is what ``auto`` means.
    """

    def __init__(self, reduction: str = "auto", name: str | None = None) -> None:
        Reduction.validate(reduction)
        self.reduction, self.name = reduction, name

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """A number for each example."""
        raise NotImplementedError("Must be implemented in subclasses.")

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The reduced loss; a weight counts an example more or less."""
        with name_scope(self.name or type(self).__name__):
            losses = self.call(y_true, y_pred)
            if sample_weight is not None:
                weights = cast(convert_to_tensor(sample_weight), losses.dtype)
                if weights.shape.rank == (losses.shape.rank or 0) + 1:
                    weights = squeeze(weights, [-1])
                for _ in range((losses.shape.rank or 0) - (weights.shape.rank or 0)):
                    weights = expand_dims(weights, -1)
                losses *= weights
            if self.reduction == Reduction.NONE:
                return losses
            return K.sum(losses) if self.reduction == Reduction.SUM else K.mean(losses)

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {"reduction": self.reduction, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A loss of arguments."""
        return cls(**config)


class Reduction:
    """How losses of examples become one."""

    AUTO, NONE, SUM, SUM_OVER_BATCH_SIZE = "auto", "none", "sum", "sum_over_batch_size"

    @classmethod
    def all(cls) -> tuple[str, ...]:
        """All of them."""
        return (cls.AUTO, cls.NONE, cls.SUM, cls.SUM_OVER_BATCH_SIZE)

    @classmethod
    def validate(cls, key: str) -> None:
        """Fail for another word."""
        if key not in cls.all():
            raise ValueError(f"Invalid Reduction Key {key}.")


def _class(name: str, function: Callable[..., Any], short: str, *options: Any) -> Any:
    """A class of a function; `options` are pairs of what else it takes, and the defaults."""

    class Made(Loss):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            names = [*(option for option, _ in options), "reduction", "name"]
            given = {**dict(zip(names, args, strict=False)), **kwargs}
            self.options = {key: given.pop(key, default) for key, default in options}
            super().__init__(**{"name": short, **given})

        def call(self, y_true: Any, y_pred: Any) -> Any:
            return function(y_true, y_pred, **self.options)

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), **self.options}

    Made.__name__ = Made.__qualname__ = name
    Made.__doc__ = function.__doc__
    return Made


_logits, _smooth = ("from_logits", False), ("label_smoothing", 0)
MeanSquaredError = _class("MeanSquaredError", mse, "mean_squared_error")
MeanAbsoluteError = _class("MeanAbsoluteError", mae, "mean_absolute_error")
MeanAbsolutePercentageError = _class(
    "MeanAbsolutePercentageError", mape, "mean_absolute_percentage_error"
)
MeanSquaredLogarithmicError = _class(
    "MeanSquaredLogarithmicError", msle, "mean_squared_logarithmic_error"
)
BinaryCrossentropy = _class(
    "BinaryCrossentropy", binary_crossentropy, "binary_crossentropy", _logits, _smooth
)
CategoricalCrossentropy = _class(
    "CategoricalCrossentropy", categorical_crossentropy, "categorical_crossentropy", _logits,
    _smooth,
)  # fmt: skip
SparseCategoricalCrossentropy = _class(
    "SparseCategoricalCrossentropy", sparse_categorical_crossentropy,
    "sparse_categorical_crossentropy", _logits,
)  # fmt: skip
Hinge = _class("Hinge", hinge, "hinge")
SquaredHinge = _class("SquaredHinge", squared_hinge, "squared_hinge")
CategoricalHinge = _class("CategoricalHinge", categorical_hinge, "categorical_hinge")
Poisson = _class("Poisson", poisson, "poisson")
LogCosh = _class("LogCosh", logcosh, "logcosh")
KLDivergence = _class("KLDivergence", kld, "kullback_leibler_divergence")
Huber = _class("Huber", huber_loss, "huber_loss", ("delta", 1.0))
CosineSimilarity = _class("CosineSimilarity", cosine_similarity, "cosine_similarity", ("axis", -1))

_NAMES = [name for name in __all__ if name not in ("deserialize", "get", "serialize", "Reduction")]
TABLE: dict[str, Any] = {name: globals()[name] for name in _NAMES}
_find = functions.named(TABLE, "loss function", make=False)


def get(identifier: Any) -> Any:
    """The loss of a name; anything else is itself."""
    found = _find(identifier)
    return found() if isinstance(found, type) else found


def serialize(loss: Any) -> Any:
    """A loss's name, or class and arguments."""
    return serialize_keras_object(loss)


def deserialize(name: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The loss that `serialize` described."""
    return deserialize_keras_object(name, TABLE, custom_objects, "loss function")
