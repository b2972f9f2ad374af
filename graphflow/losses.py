"""Losses with weights, gathered in a collection: TensorFlow's `tf.losses`.

Each function adds its loss to the collection ``LOSSES``, from which `get_total_loss` sums them up.
"""

from __future__ import annotations

from typing import Any

from graphflow.graph.collections import GraphKeys
from graphflow.graph.constants import constant
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import (
    add_to_collection,
    control_dependencies,
    get_collection,
    name_scope,
)
from graphflow.graph.dtypes import float32
from graphflow.graph.tensor import Tensor
from graphflow.ops.activations import relu
from graphflow.ops.casting import cast
from graphflow.ops.comparison import equal, where
from graphflow.ops.creation import ones_like, zeros_like
from graphflow.ops.division import div_no_nan
from graphflow.ops.elementwise import (
    add,
    add_n,
    maximum,
    minimum,
    multiply,
    squared_difference,
    subtract,
)
from graphflow.ops.identity import stop_gradient
from graphflow.ops.losses import sigmoid_cross_entropy_with_logits
from graphflow.ops.reductions import reduce_sum
from graphflow.ops.sequences import range as range_op
from graphflow.ops.shape import one_of
from graphflow.ops.shape import rank as rank_op
from graphflow.ops.shape import shape as shape_op
from graphflow.ops.shape import size as size_op
from graphflow.ops.softmax import (
    softmax_cross_entropy_with_logits_v2,
    sparse_softmax_cross_entropy_with_logits,
)
from graphflow.ops.unary import abs as absolute
from graphflow.ops.unary import log, square
from graphflow.ops.weights import (
    assert_broadcastable,
    broadcast_weights,
    remove_squeezable_dimensions,
    without_extra_axis,
)

__all__ = [
    "Reduction",
    "absolute_difference",
    "add_loss",
    "compute_weighted_loss",
    "cosine_distance",
    "get_losses",
    "get_regularization_loss",
    "get_regularization_losses",
    "get_total_loss",
    "hinge_loss",
    "huber_loss",
    "log_loss",
    "mean_pairwise_squared_error",
    "mean_squared_error",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
    "sparse_softmax_cross_entropy",
]


class Reduction:
    """How weighted losses become one number."""

    NONE = "none"
    SUM = "weighted_sum"
    SUM_OVER_BATCH_SIZE = "weighted_sum_over_batch_size"
    MEAN = "weighted_mean"
    SUM_BY_NONZERO_WEIGHTS = "weighted_sum_by_nonzero_weights"
    SUM_OVER_NONZERO_WEIGHTS = SUM_BY_NONZERO_WEIGHTS

    @classmethod
    def all(cls) -> tuple[str, ...]:
        """All ways."""
        return (
            cls.NONE, cls.SUM, cls.MEAN, cls.SUM_OVER_BATCH_SIZE, cls.SUM_OVER_NONZERO_WEIGHTS,
            cls.SUM_BY_NONZERO_WEIGHTS,
        )  # fmt: skip

    @classmethod
    def validate(cls, key: str) -> None:
        """Raise ValueError unless this is one of the ways."""
        if key not in cls.all():
            raise ValueError(f"Invalid Reduction Key {key}.")


# ---- the collection


def add_loss(loss: Any, loss_collection: str | None = GraphKeys.LOSSES) -> None:
    """Add a loss to the collection of losses."""
    if loss_collection:
        add_to_collection(loss_collection, loss)


def get_losses(scope: str | None = None, loss_collection: str = GraphKeys.LOSSES) -> list[Any]:
    """The losses so far, or those whose names begin with `scope`."""
    return get_collection(loss_collection, scope)


def get_regularization_losses(scope: str | None = None) -> list[Any]:
    """The losses of regularizers."""
    return get_collection(GraphKeys.REGULARIZATION_LOSSES, scope)


def get_regularization_loss(
    scope: str | None = None, name: str = "total_regularization_loss"
) -> Tensor:
    """The sum of the regularizers' losses."""
    losses = get_regularization_losses(scope)
    return add_n(losses, name=name) if losses else constant(0.0)


def get_total_loss(
    add_regularization_losses: bool = True, name: str = "total_loss", scope: str | None = None
) -> Tensor:
    """The sum of all losses, with those of regularizers."""
    losses = get_losses(scope=scope)
    if add_regularization_losses:
        losses += get_regularization_losses(scope=scope)
    return add_n(losses, name=name)


# ---- weights


def _count_elements(losses: Tensor) -> Tensor:
    with name_scope(None, "num_elements", [losses]) as scope:
        return cast(size_op(losses, name=scope), losses.dtype)


def _count_present(losses: Tensor, weights: Any, per_batch: bool = False) -> Tensor:
    """How many losses have weights that are not zero: in all, or for each example."""
    with name_scope(None, "num_present", [losses, weights]) as scope:
        weights = cast(weights, float32)
        present = where(equal(weights, 0.0), zeros_like(weights), ones_like(weights))
        present = broadcast_weights(present, losses)
        if per_batch:
            axes = range_op(1, rank_op(present))
            return reduce_sum(present, axis=axes, keepdims=True, name=scope)
        return reduce_sum(present, name=scope)


def _mean(losses: Tensor, count: Tensor) -> Tensor:
    return div_no_nan(reduce_sum(losses), count, name="value")


def compute_weighted_loss(
    losses: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """Losses times weights, reduced.

    Parameters
    ----------
    losses : one number per element.
    weights : a number, or one per element; axes of size one are broadcast.
    loss_collection : where to add the loss.
    reduction : a member of `Reduction`: by what to divide the sum.

    Raises
    ------
    ValueError : the weights do not fit, or there is no such reduction.
    """
    Reduction.validate(reduction)
    with (
        name_scope(scope, "weighted_loss", [losses, weights]),
        control_dependencies([assert_broadcastable(weights, losses)]),
    ):
        losses = convert_to_tensor(losses)
        own = losses.dtype
        losses = cast(losses, float32)
        weights = cast(weights, float32)
        loss = multiply(losses, weights)
        if reduction != Reduction.NONE:
            loss = reduce_sum(loss)
            if reduction == Reduction.MEAN:
                loss = _mean(loss, reduce_sum(ones_like(losses) * weights))
            elif reduction == Reduction.SUM_BY_NONZERO_WEIGHTS:
                loss = _mean(loss, _count_present(losses, weights))
            elif reduction == Reduction.SUM_OVER_BATCH_SIZE:
                loss = _mean(loss, _count_elements(losses))
        loss = cast(loss, own)
        add_loss(loss, loss_collection)
        return loss


def _require(**values: Any) -> None:
    for name, value in values.items():
        if value is None:
            raise ValueError(f"{name} must not be None.")


def _pair(labels: Any, predictions: Any) -> tuple[Tensor, Tensor]:
    """Labels and predictions in float32, of compatible shapes."""
    predictions = cast(predictions, float32)
    labels = cast(labels, float32)
    predictions.shape.assert_is_compatible_with(labels.shape)
    return labels, predictions


# ---- losses by differences


def absolute_difference(
    labels: Any, predictions: Any, weights: Any = 1.0, scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:  # fmt: skip
    """``|predictions - labels|``; see `compute_weighted_loss`."""
    _require(labels=labels, predictions=predictions)
    with name_scope(scope, "absolute_difference", [predictions, labels, weights]) as scope:
        labels, predictions = _pair(labels, predictions)
        losses = absolute(subtract(predictions, labels))
        return compute_weighted_loss(losses, weights, scope, loss_collection, reduction)


def mean_squared_error(
    labels: Any, predictions: Any, weights: Any = 1.0, scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:  # fmt: skip
    """``(predictions - labels)²``; see `compute_weighted_loss`."""
    _require(labels=labels, predictions=predictions)
    with name_scope(scope, "mean_squared_error", [predictions, labels, weights]) as scope:
        labels, predictions = _pair(labels, predictions)
        losses = squared_difference(predictions, labels)
        return compute_weighted_loss(losses, weights, scope, loss_collection, reduction)


def huber_loss(
    labels: Any, predictions: Any, weights: Any = 1.0, delta: float = 1.0,
    scope: str | None = None, loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:  # fmt: skip
    """Half the squared difference up to `delta`, linear beyond (Huber, 1964)."""
    _require(labels=labels, predictions=predictions)
    with name_scope(scope, "huber_loss", [predictions, labels, weights]) as scope:
        labels, predictions = _pair(labels, predictions)
        distance = absolute(subtract(predictions, labels))
        quadratic = minimum(distance, delta)
        # With the excess, the two pieces have the same slope at delta.
        linear = subtract(distance, quadratic)
        half = convert_to_tensor(0.5, dtype=quadratic.dtype)
        losses = add(
            multiply(half, multiply(quadratic, quadratic)), multiply(delta, linear)
        )  # fmt: skip
        return compute_weighted_loss(losses, weights, scope, loss_collection, reduction)


def mean_pairwise_squared_error(
    labels: Any, predictions: Any, weights: Any = 1.0, scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
) -> Tensor:  # fmt: skip
    """The mean over all pairs of an example's elements of the squared error of their difference."""
    _require(labels=labels, predictions=predictions)
    given = [predictions, labels, weights]
    with name_scope(scope, "mean_pairwise_squared_error", given) as scope:
        weights = cast(weights, float32)
        labels = cast(labels, float32)
        with control_dependencies([assert_broadcastable(weights, labels)]):
            labels, predictions = _pair(labels, predictions)
            differences = subtract(predictions, labels)
            axes = range_op(1, rank_op(differences))
            squares = reduce_sum(square(differences), axis=axes, keepdims=True)
            present = _count_present(differences, weights, per_batch=True)
            of_squares = 2.0 * div_no_nan(squares, maximum(present - 1, 0), name="value")
            total = reduce_sum(differences, axis=axes, keepdims=True)
            pairs = maximum(multiply(present, present - 1), 0)
            of_total = 2.0 * div_no_nan(square(total), pairs, name="value")
            loss = reduce_sum(multiply(of_squares - of_total, weights))
            loss = where(reduce_sum(present) > 0, loss, zeros_like(loss), name="value")
            add_loss(loss, loss_collection)
            return loss


def cosine_distance(
    labels: Any, predictions: Any, axis: int | None = None, weights: Any = 1.0,
    scope: str | None = None, loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS, dim: int | None = None,
) -> Tensor:  # fmt: skip
    """One minus the inner product along an axis, of vectors that have length one."""
    axis = one_of("axis", axis, "dim", dim)
    if axis is None:
        raise ValueError("You must specify 'axis'.")
    _require(labels=labels, predictions=predictions)
    with name_scope(scope, "cosine_distance_loss", [predictions, labels, weights]) as scope:
        labels, predictions = _pair(labels, predictions)
        products = multiply(predictions, labels)
        losses = 1 - reduce_sum(products, axis=(axis,), keepdims=True)
        return compute_weighted_loss(losses, weights, scope, loss_collection, reduction)


# ---- losses of classifiers


def hinge_loss(
    labels: Any, logits: Any, weights: Any = 1.0, scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:  # fmt: skip
    """``max(0, 1 - y logits)`` with y = -1 for the label 0, and 1 for the label 1."""
    _require(labels=labels, logits=logits)
    with name_scope(scope, "hinge_loss", [logits, labels, weights]) as scope:
        labels, logits = _pair(labels, logits)
        ones = ones_like(labels)
        signs = subtract(2 * labels, ones)
        losses = relu(subtract(ones, multiply(signs, logits)))
        return compute_weighted_loss(losses, weights, scope, loss_collection, reduction)


def log_loss(
    labels: Any, predictions: Any, weights: Any = 1.0, epsilon: float = 1e-7,
    scope: str | None = None, loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:  # fmt: skip
    """The cross entropy of probabilities, to which `epsilon` is added in the logarithms."""
    _require(labels=labels, predictions=predictions)
    with name_scope(scope, "log_loss", [predictions, labels, weights]) as scope:
        labels, predictions = _pair(labels, predictions)
        losses = -multiply(labels, log(predictions + epsilon)) - multiply(
            1 - labels, log(1 - predictions + epsilon)
        )
        return compute_weighted_loss(losses, weights, scope, loss_collection, reduction)


def sigmoid_cross_entropy(
    multi_class_labels: Any, logits: Any, weights: Any = 1.0, label_smoothing: float = 0,
    scope: str | None = None, loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:  # fmt: skip
    """The cross entropy of independent binary classes.

    Parameters
    ----------
    label_smoothing : how far labels are moved towards one half.
    """
    _require(multi_class_labels=multi_class_labels, logits=logits)
    given = [logits, multi_class_labels, weights]
    with name_scope(scope, "sigmoid_cross_entropy_loss", given) as scope:
        logits = convert_to_tensor(logits)
        labels = cast(multi_class_labels, logits.dtype)
        logits.shape.assert_is_compatible_with(labels.shape)
        if label_smoothing > 0:
            labels = labels * (1 - label_smoothing) + 0.5 * label_smoothing
        losses = sigmoid_cross_entropy_with_logits(labels=labels, logits=logits, name="xentropy")
        return compute_weighted_loss(losses, weights, scope, loss_collection, reduction)


def softmax_cross_entropy(
    onehot_labels: Any, logits: Any, weights: Any = 1.0, label_smoothing: float = 0,
    scope: str | None = None, loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:  # fmt: skip
    """The cross entropy of exclusive classes, with labels as vectors of probabilities.

    Parameters
    ----------
    label_smoothing : the share of probability that is spread over all classes.
    """
    _require(onehot_labels=onehot_labels, logits=logits)
    given = [logits, onehot_labels, weights]
    with name_scope(scope, "softmax_cross_entropy_loss", given) as scope:
        logits = convert_to_tensor(logits)
        labels = cast(onehot_labels, logits.dtype)
        logits.shape.assert_is_compatible_with(labels.shape)
        if label_smoothing > 0:
            classes = cast(shape_op(labels)[-1], logits.dtype)
            labels = labels * (1.0 - label_smoothing) + label_smoothing / classes
        labels = stop_gradient(labels, name="labels_stop_gradient")
        losses = softmax_cross_entropy_with_logits_v2(
            labels=labels, logits=logits, name="xentropy"
        )  # fmt: skip
        return compute_weighted_loss(losses, weights, scope, loss_collection, reduction)


def _fitting_weights(weights: Any, labels: Tensor) -> Any:
    """Weights without a last axis of one that the labels do not have."""
    weights = convert_to_tensor(weights)
    return weights if weights.shape.rank == 0 else without_extra_axis(weights, labels)


def sparse_softmax_cross_entropy(
    labels: Any, logits: Any, weights: Any = 1.0, scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:  # fmt: skip
    """The cross entropy of exclusive classes, with labels as numbers of classes."""
    _require(labels=labels, logits=logits)
    with name_scope(scope, "sparse_softmax_cross_entropy_loss", [logits, labels, weights]) as scope:
        labels, logits = remove_squeezable_dimensions(labels, logits, expected_rank_diff=1)
        weights = _fitting_weights(weights, labels)
        losses = sparse_softmax_cross_entropy_with_logits(
            labels=labels, logits=logits, name="xentropy"
        )
        return compute_weighted_loss(losses, weights, scope, loss_collection, reduction)
