"""Losses that are formulas over elementwise functions, written so that they do not overflow."""

from __future__ import annotations

import math
from typing import Any

from graphflow.graph.constants import constant
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.tensor import Tensor
from graphflow.ops.activations import relu
from graphflow.ops.comparison import logical_and, where
from graphflow.ops.creation import ones_like, zeros_like
from graphflow.ops.elementwise import add
from graphflow.ops.shape import one_of
from graphflow.ops.unary import abs as absolute
from graphflow.ops.unary import exp, log, log1p

__all__ = [
    "log_poisson_loss",
    "sigmoid_cross_entropy_with_logits",
    "weighted_cross_entropy_with_logits",
]


def _check_same_shape(first: Tensor, second: Tensor, names: str) -> None:
    try:
        first.shape.merge_with(second.shape)
    except ValueError:
        raise ValueError(
            f"{names} must have the same shape ({second.shape} vs {first.shape})"
        ) from None


def sigmoid_cross_entropy_with_logits(
    _sentinel: Any = None, labels: Any = None, logits: Any = None, name: str | None = None
) -> Tensor:
    """Return the cross entropy of independent binary classes.

    Parameters
    ----------
    labels : probabilities, of the type and shape of `logits`.
    logits : unscaled logarithms of odds.

    Notes
    -----
    ``max(x, 0) - x z + log(1 + exp(-|x|))`` for logits x and labels z.
    """
    if _sentinel is not None:
        raise ValueError(
            "Only call `sigmoid_cross_entropy_with_logits` with named arguments (labels=..., "
            "logits=..., ...)"
        )
    if labels is None or logits is None:
        raise ValueError("Both labels and logits must be provided.")
    with name_scope(name, "logistic_loss", [logits, labels]) as scope:
        logits = convert_to_tensor(logits, name="logits")
        labels = convert_to_tensor(labels, name="labels")
        _check_same_shape(labels, logits, "logits and labels")
        # Written with `where` rather than max and abs, whose gradients at zero would be zero.
        zeros = zeros_like(logits, dtype=logits.dtype)
        positive = logits >= zeros
        relu_logits = where(positive, logits, zeros)
        negative = where(positive, -logits, logits)
        return add(relu_logits - logits * labels, log1p(exp(negative)), name=scope)


def weighted_cross_entropy_with_logits(
    labels: Any = None,
    logits: Any = None,
    pos_weight: Any = None,
    name: str | None = None,
    targets: Any = None,
) -> Tensor:
    """Return the cross entropy of binary classes with `pos_weight` for positive examples.

    Parameters
    ----------
    labels : probabilities, of the shape of `logits`; `targets` is their old name.
    logits : unscaled logarithms of odds.
    pos_weight : what an error on a positive example counts.

    Notes
    -----
    ``(1 - z) x + l (log(1 + exp(-|x|)) + max(-x, 0))`` with ``l = 1 + (pos_weight - 1) z``.
    """
    labels = one_of("labels", labels, "targets", targets)
    with name_scope(name, "logistic_loss", [logits, labels]) as scope:
        logits = convert_to_tensor(logits, name="logits")
        labels = convert_to_tensor(labels, name="targets")
        _check_same_shape(labels, logits, "logits and targets")
        weight = 1 + (pos_weight - 1) * labels
        return add(
            (1 - labels) * logits,
            weight * (log1p(exp(-absolute(logits))) + relu(-logits)),
            name=scope,
        )


def log_poisson_loss(
    targets: Any, log_input: Any, compute_full_loss: bool = False, name: str | None = None
) -> Tensor:
    """Return the Poisson loss of counts `targets` for rates ``exp(log_input)``.

    Parameters
    ----------
    compute_full_loss : add Stirling's approximation of the term that depends on `targets` alone.
    """
    with name_scope(name, "log_poisson_loss", [log_input, targets]):
        log_input = convert_to_tensor(log_input, name="log_input")
        targets = convert_to_tensor(targets, name="targets")
        _check_same_shape(targets, log_input, "log_input and targets")
        result = exp(log_input) - log_input * targets
        if compute_full_loss:
            half = constant(0.5, dtype=targets.dtype)
            two_pi = constant(2 * math.pi, dtype=targets.dtype)
            stirling = targets * log(targets) - targets + half * log(two_pi * targets)
            zeros = zeros_like(targets, dtype=targets.dtype)
            ones = ones_like(targets, dtype=targets.dtype)
            small = logical_and(targets >= zeros, targets <= ones)
            result += where(small, zeros, stirling)
        return result
