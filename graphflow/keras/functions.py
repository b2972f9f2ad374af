"""Functions that Keras knows by name: activations, initializers, regularizers, losses, metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphflow import initializers as init
from graphflow.contrib.layers import regularizers as reg
from graphflow.keras import backend as K
from graphflow.ops.activations import elu, relu, selu, softsign
from graphflow.ops.casting import cast
from graphflow.ops.comparison import equal, greater
from graphflow.ops.elementwise import maximum
from graphflow.ops.reductions import argmax, reduce_mean
from graphflow.ops.shape import reshape
from graphflow.ops.shape import shape as shape_op
from graphflow.ops.softmax import softmax
from graphflow.ops.unary import abs as absolute
from graphflow.ops.unary import exp, log, sigmoid, softplus, square, tanh

__all__ = ["activation", "initializer", "loss", "metric", "regularizer"]


def _linear(x: Any) -> Any:
    return x


ACTIVATIONS: dict[str, Callable[..., Any]] = {
    "elu": elu, "exponential": exp, "hard_sigmoid": K.hard_sigmoid, "linear": _linear,
    "relu": relu, "selu": selu, "sigmoid": sigmoid, "softmax": softmax, "softplus": softplus,
    "softsign": softsign, "tanh": tanh,
}  # fmt: skip

INITIALIZERS: dict[str, Callable[..., Any]] = {
    "constant": init.constant, "glorot_normal": init.glorot_normal,
    "glorot_uniform": init.glorot_uniform, "he_normal": init.he_normal,
    "he_uniform": init.he_uniform, "identity": init.identity, "lecun_normal": init.lecun_normal,
    "lecun_uniform": init.lecun_uniform, "normal": lambda: init.random_normal(0.0, 0.05),
    "ones": init.ones, "one": init.ones, "orthogonal": init.orthogonal,
    "zeros": init.zeros, "zero": init.zeros,
    "random_normal": lambda: init.random_normal(0.0, 0.05),
    "random_uniform": lambda: init.random_uniform(-0.05, 0.05),
    "truncated_normal": lambda: init.truncated_normal(0.0, 0.05),
    "uniform": lambda: init.random_uniform(-0.05, 0.05),
}  # fmt: skip

REGULARIZERS: dict[str, Callable[..., Any]] = {
    "l1": lambda: l1(0.01), "l2": lambda: l2(0.01), "l1_l2": lambda: l1_l2(0.01, 0.01),
}  # fmt: skip


def l1(l: float = 0.01) -> Callable[..., Any]:  # noqa: E741  # Keras's name
    """``l * sum(|w|)``."""
    return reg.l1_regularizer(float(l))


def l2(l: float = 0.01) -> Callable[..., Any]:  # noqa: E741
    """``l * sum(w²)``."""
    return reg.l2_regularizer(2.0 * l)


def l1_l2(l1: float = 0.01, l2: float = 0.01) -> Callable[..., Any]:
    """Both."""
    found = reg.l1_l2_regularizer(float(l1), 2.0 * l2)
    return found if found is not None else (lambda _: None)


# ---- losses, a number for each example


def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """The mean of squared differences."""
    return reduce_mean(square(y_pred - y_true), -1)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """The mean of differences."""
    return reduce_mean(absolute(y_pred - y_true), -1)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Any:
    """The mean of differences, in per cent."""
    below = maximum(absolute(y_true), K.epsilon())
    return 100.0 * reduce_mean(absolute((y_true - y_pred) / below), -1)


def binary_crossentropy(y_true: Any, y_pred: Any, from_logits: bool = False) -> Any:
    """The mean cross entropy of independent classes."""
    return reduce_mean(K.binary_crossentropy(y_true, y_pred, from_logits), -1)


def hinge(y_true: Any, y_pred: Any) -> Any:
    """``max(0, 1 - y_true y_pred)``, labels 0 and 1 standing for -1 and 1."""
    return reduce_mean(maximum(1.0 - y_true * y_pred, 0.0), -1)


def kullback_leibler_divergence(y_true: Any, y_pred: Any) -> Any:
    """The divergence of distributions."""
    y_true = K.clip(y_true, K.epsilon(), 1.0)
    y_pred = K.clip(y_pred, K.epsilon(), 1.0)
    return K.sum(y_true * log(y_true / y_pred), -1)


LOSSES: dict[str, Callable[..., Any]] = {
    "binary_crossentropy": binary_crossentropy,
    "categorical_crossentropy": K.categorical_crossentropy,
    "hinge": hinge,
    "kld": kullback_leibler_divergence,
    "kullback_leibler_divergence": kullback_leibler_divergence,
    "mae": mean_absolute_error,
    "mape": mean_absolute_percentage_error,
    "mean_absolute_error": mean_absolute_error,
    "mean_absolute_percentage_error": mean_absolute_percentage_error,
    "mean_squared_error": mean_squared_error,
    "mse": mean_squared_error,
    "sparse_categorical_crossentropy": K.sparse_categorical_crossentropy,
}


# ---- metrics


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Any:
    """How often the prediction is on the label's side."""
    return reduce_mean(cast(equal(y_true > 0.5, greater(y_pred, threshold)), "float32"), -1)


def categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """How often the most probable class is the label's."""
    return cast(equal(argmax(y_true, -1), argmax(y_pred, -1)), "float32")


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """How often the most probable class is the label."""
    labels = cast(y_true, "int64")
    found = argmax(y_pred, -1)
    if labels.shape.rank != found.shape.rank:
        labels = reshape(labels, shape_op(found))
    return cast(equal(labels, found), "float32")


METRICS: dict[str, Callable[..., Any]] = {
    **LOSSES,
    "binary_accuracy": binary_accuracy,
    "categorical_accuracy": categorical_accuracy,
    "sparse_categorical_accuracy": sparse_categorical_accuracy,
}


# ---- by name


def _get(table: dict[str, Callable[..., Any]], kind: str, make: bool) -> Callable[[Any], Any]:
    def get(identifier: Any) -> Any:
        """What has this name; anything else is itself."""
        if not isinstance(identifier, str):
            return identifier() if make and isinstance(identifier, type) else identifier
        if identifier.lower() not in table:
            raise ValueError(f"Unknown {kind}: {identifier}")
        found = table[identifier.lower()]
        return found() if make else found

    return get


activation = _get(ACTIVATIONS, "activation function", make=False)
initializer = _get(INITIALIZERS, "initializer", make=True)
regularizer = _get(REGULARIZERS, "regularizer", make=True)
loss = _get(LOSSES, "loss function", make=False)
metric = _get(METRICS, "metric function", make=False)
