"""TensorFlow's `tf.contrib.losses`: those of `tf.losses` with predictions before labels."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from graphflow import losses
from graphflow.losses import (
    add_loss,
    compute_weighted_loss,
    get_losses,
    get_regularization_losses,
    get_total_loss,
)

__all__ = [
    "absolute_difference", "add_loss", "compute_weighted_loss", "cosine_distance", "get_losses",
    "get_regularization_losses", "get_total_loss", "hinge_loss", "log_loss",
    "mean_pairwise_squared_error", "mean_squared_error", "sigmoid_cross_entropy",
    "softmax_cross_entropy", "sparse_softmax_cross_entropy",
]  # fmt: skip


def swapped(
    function: Callable[..., Any], second: str = "labels", first: str = "predictions"
) -> Callable[..., Any]:
    """A function with its first two arguments, labels and predictions, the other way round."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        given = dict(zip((first, second), args, strict=False))
        twice = given.keys() & kwargs.keys()
        if twice:
            raise TypeError(f"{function.__name__}() got multiple values for {sorted(twice)}")
        given.update({name: kwargs.pop(name) for name in (first, second) if name in kwargs})
        return function(given.get(second), given.get(first), *args[2:], **kwargs)

    return call


absolute_difference = swapped(losses.absolute_difference)
cosine_distance = swapped(losses.cosine_distance)
log_loss = swapped(losses.log_loss)
mean_pairwise_squared_error = swapped(losses.mean_pairwise_squared_error)
mean_squared_error = swapped(losses.mean_squared_error)
sigmoid_cross_entropy = swapped(losses.sigmoid_cross_entropy, "multi_class_labels", "logits")
softmax_cross_entropy = swapped(losses.softmax_cross_entropy, "onehot_labels", "logits")
sparse_softmax_cross_entropy = swapped(losses.sparse_softmax_cross_entropy, first="logits")


def hinge_loss(logits: Any, labels: Any = None, scope: str | None = None) -> Any:
    """The hinge loss of each element."""
    kept = losses.Reduction.NONE
    return losses.hinge_loss(labels, logits, scope=scope, loss_collection=None, reduction=kept)
