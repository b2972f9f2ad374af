"""What metrics share: variables that last over the runs, and arguments in their normal form.

A metric is a pair: its value from what has been seen so far, and an operation that takes a batch
in and gives the value after it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphflow.graph.collections import GraphKeys
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import add_to_collections
from graphflow.graph.dtypes import float32
from graphflow.graph.tensor import Tensor
from graphflow.ops.casting import cast
from graphflow.ops.comparison import equal
from graphflow.ops.conditionals import cond
from graphflow.ops.creation import zeros
from graphflow.ops.elementwise import multiply
from graphflow.ops.shape import expand_dims, squeeze
from graphflow.ops.shape import rank as rank_op
from graphflow.ops.variables import Variable
from graphflow.ops.weights import broadcast_weights, remove_squeezable_dimensions

__all__ = ["aligned", "finish", "metric_variable", "weighted"]


def metric_variable(shape: Any, dtype: Any, validate_shape: bool = True, name: Any = None) -> Any:
    """A variable of zeros among the local variables and those of metrics."""
    return Variable(
        lambda: zeros(shape, dtype), trainable=False, validate_shape=validate_shape, name=name,
        collections=[GraphKeys.LOCAL_VARIABLES, GraphKeys.METRIC_VARIABLES],
    )  # fmt: skip


def aligned(predictions: Any, labels: Any, weights: Any) -> tuple[Any, Any, Any]:
    """Predictions, labels and weights of fitting ranks; labels and weights may be None."""
    predictions = convert_to_tensor(predictions)
    if labels is not None:
        labels, predictions = remove_squeezable_dimensions(labels, predictions)
        predictions.shape.assert_is_compatible_with(labels.shape)
    if weights is None:
        return predictions, labels, None
    weights = convert_to_tensor(weights)
    ranks = weights.shape.rank, predictions.shape.rank
    if ranks[0] == 0:
        return predictions, labels, weights
    if None in ranks:
        return predictions, labels, _aligned_in_run(weights, predictions)
    if ranks[0] - ranks[1] == 1:
        weights = squeeze(weights, [-1])
    elif ranks[1] - ranks[0] == 1:
        weights = expand_dims(weights, [-1])
    return predictions, labels, weights


def _aligned_in_run(weights: Tensor, predictions: Tensor) -> Tensor:
    """Weights of the predictions' rank, which only the run knows."""
    rank = rank_op(weights)
    excess = rank - rank_op(predictions)

    def expanded() -> Tensor:
        return cond(equal(excess, -1), lambda: expand_dims(weights, [-1]), lambda: weights)

    def squeezed() -> Tensor:
        last_is_one = weights.shape.rank is None or weights.shape.as_list()[-1] in (None, 1)
        return squeeze(weights, [-1]) if last_is_one else weights

    return cond(
        equal(rank, 0), lambda: weights, lambda: cond(equal(excess, 1), squeezed, expanded)
    )  # fmt: skip


def weighted(values: Tensor, weights: Any) -> tuple[Tensor, Any]:
    """Values times their weights, and the weights in the values' shape."""
    values, _, weights = aligned(values, None, weights)
    weights = broadcast_weights(cast(weights, float32), values)
    return multiply(values, weights), weights


def finish(
    compute: Callable[..., Tensor], variables: Any, updates: Any, metrics_collections: Any,
    updates_collections: Any, names: tuple[str, str] = ("value", "update_op"),
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The metric of variables, and of their updates; both go to their collections."""
    value = compute(*variables, names[0])
    if metrics_collections:
        add_to_collections(metrics_collections, value)
    update = compute(*updates, names[1])
    if updates_collections:
        add_to_collections(updates_collections, update)
    return value, update
