"""Means over all batches: of values, of hits, of errors, and by class."""

from __future__ import annotations

from typing import Any

from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import add_to_collections, control_dependencies
from graphflow.graph.dtypes import float32, float64, int64
from graphflow.graph.tensor import Tensor
from graphflow.metrics.variables import aligned, finish, metric_variable, weighted
from graphflow.ops.casting import cast
from graphflow.ops.comparison import equal, greater, less, not_equal, where
from graphflow.ops.counting import confusion_matrix
from graphflow.ops.creation import ones, ones_like, zeros_like
from graphflow.ops.diagonals import diag_part
from graphflow.ops.division import div, div_no_nan
from graphflow.ops.elementwise import maximum, multiply, squared_difference, subtract
from graphflow.ops.reductions import reduce_mean, reduce_sum
from graphflow.ops.scatter import scatter_add
from graphflow.ops.shape import reshape
from graphflow.ops.shape import size as size_op
from graphflow.ops.state import assign_add
from graphflow.ops.unary import abs as absolute
from graphflow.ops.unary import sqrt
from graphflow.ops.variable_scope import variable_scope
from graphflow.ops.weights import remove_squeezable_dimensions

__all__ = [
    "accuracy",
    "mean",
    "mean_absolute_error",
    "mean_cosine_distance",
    "mean_iou",
    "mean_per_class_accuracy",
    "mean_relative_error",
    "mean_squared_error",
    "mean_tensor",
    "percentage_below",
    "root_mean_squared_error",
]

Metric = tuple[Tensor, Tensor]


def _quotient(total: Any, count: Any, name: str) -> Tensor:
    return div_no_nan(total, maximum(count, 0), name=name)


def mean(
    values: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """The weighted mean of all elements of all batches.

    Parameters
    ----------
    weights : broadcast to `values`.
    metrics_collections, updates_collections : names of collections for the value and the update.

    Returns
    -------
    The mean so far, and an operation that takes the values in and gives the mean then.
    """
    with variable_scope(name, "mean", [values, weights]):
        values = cast(values, float32)
        total = metric_variable([], float32, name="total")
        count = metric_variable([], float32, name="count")
        if weights is None:
            number = cast(size_op(values), float32)
        else:
            values, weights = weighted(values, weights)
            number = reduce_sum(weights)
        add_total = assign_add(total, reduce_sum(values))
        with control_dependencies([values]):
            add_count = assign_add(count, number)
        return finish(
            _quotient, (total, count), (add_total, add_count), metrics_collections,
            updates_collections,
        )  # fmt: skip


def mean_tensor(
    values: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """The weighted mean over the batches, of each element; see `mean`."""
    with variable_scope(name, "mean", [values, weights]):
        values = cast(values, float32)
        total = metric_variable(values.shape, float32, name="total_tensor")
        count = metric_variable(values.shape, float32, name="count_tensor")
        number = ones_like(values)
        if weights is not None:
            values, weights = weighted(values, weights)
            number = multiply(number, weights)
        add_total = assign_add(total, values)
        with control_dependencies([values]):
            add_count = assign_add(count, number)
        return finish(
            _quotient, (total, count), (add_total, add_count), metrics_collections,
            updates_collections,
        )  # fmt: skip


def accuracy(
    labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """How often predictions equal labels; see `mean`."""
    predictions, labels, weights = aligned(predictions, labels, weights)
    if labels.dtype != predictions.dtype:
        predictions = cast(predictions, labels.dtype)
    hits = cast(equal(predictions, labels), float32)
    return mean(hits, weights, metrics_collections, updates_collections, name or "accuracy")


def mean_absolute_error(
    labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """The mean of ``|predictions - labels|``; see `mean`."""
    predictions, labels, weights = aligned(predictions, labels, weights)
    errors = absolute(predictions - labels)
    name = name or "mean_absolute_error"
    return mean(errors, weights, metrics_collections, updates_collections, name)


def mean_squared_error(
    labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """The mean of ``(labels - predictions)²``; see `mean`."""
    predictions, labels, weights = aligned(predictions, labels, weights)
    errors = squared_difference(labels, predictions)
    name = name or "mean_squared_error"
    return mean(errors, weights, metrics_collections, updates_collections, name)


def root_mean_squared_error(
    labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """The root of the mean squared error; see `mean`."""
    predictions, labels, weights = aligned(predictions, labels, weights)
    value, update = mean_squared_error(
        labels, predictions, weights, None, None, name or "root_mean_squared_error"
    )
    return finish(
        lambda squared, _: sqrt(squared), (value,), (update,), metrics_collections,
        updates_collections,
    )  # fmt: skip


def mean_relative_error(
    labels: Any, predictions: Any, normalizer: Any, weights: Any = None,
    metrics_collections: Any = None, updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """The mean of ``|labels - predictions| / normalizer``, 0 where that is 0; see `mean`."""
    predictions, labels, weights = aligned(predictions, labels, weights)
    predictions, normalizer = remove_squeezable_dimensions(predictions, normalizer)
    predictions.shape.assert_is_compatible_with(normalizer.shape)
    quotients = div(absolute(labels - predictions), normalizer)
    errors = where(equal(normalizer, 0.0), zeros_like(labels), quotients)
    name = name or "mean_relative_error"
    return mean(errors, weights, metrics_collections, updates_collections, name)


def mean_cosine_distance(
    labels: Any, predictions: Any, dim: int, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """One minus the mean inner product along the axis `dim`; see `mean`."""
    predictions, labels, weights = aligned(predictions, labels, weights)
    products = reduce_sum(multiply(predictions, labels), axis=[dim], keepdims=True)
    value, update = mean(products, weights, None, None, name or "mean_cosine_distance")
    return finish(
        lambda product, _: subtract(1.0, product), (value,), (update,), metrics_collections,
        updates_collections,
    )  # fmt: skip


def percentage_below(
    values: Any, threshold: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """The share of values below a threshold; see `mean`."""
    below = cast(less(values, threshold), float32)
    name = name or "percentage_below_threshold"
    return mean(below, weights, metrics_collections, updates_collections, name)


# ---- by class


def _line(x: Any) -> Any:
    return reshape(x, [-1]) if x.shape.rank > 1 else x


def mean_per_class_accuracy(
    labels: Any, predictions: Any, num_classes: int, weights: Any = None,
    metrics_collections: Any = None, updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """The mean of the classes' accuracies; see `mean`."""
    with variable_scope(name, "mean_accuracy", [predictions, labels, weights]):
        labels = _line(cast(labels, int64))
        predictions = _line(convert_to_tensor(predictions))
        predictions.shape.assert_is_compatible_with(labels.shape)
        total = metric_variable([num_classes], float32, name="total")
        count = metric_variable([num_classes], float32, name="count")
        examples = ones([size_op(labels)], float32)
        if labels.dtype != predictions.dtype:
            predictions = cast(predictions, labels.dtype)
        hits = cast(equal(predictions, labels), float32)
        if weights is not None:
            weights = cast(_line(convert_to_tensor(weights)), float32)
            hits, examples = hits * weights, examples * weights
        add_total = scatter_add(total, labels, examples)
        add_count = scatter_add(count, labels, hits)
        value = reduce_mean(div_no_nan(count, maximum(total, 0)), name="mean_accuracy")
        if metrics_collections:
            add_to_collections(metrics_collections, value)
        update = div_no_nan(add_count, maximum(add_total, 0), name="update_op")
        if updates_collections:
            add_to_collections(updates_collections, update)
        return value, update


def mean_iou(
    labels: Any, predictions: Any, num_classes: int, weights: Any = None,
    metrics_collections: Any = None, updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """The mean over classes of intersection by union of labels and predictions.

    The update gives the matrix that counts labels and predictions; see `mean`.
    """
    with variable_scope(name, "mean_iou", [predictions, labels, weights]):
        labels, predictions = convert_to_tensor(labels), convert_to_tensor(predictions)
        predictions.shape.assert_is_compatible_with(labels.shape)
        shape = [num_classes, num_classes]
        matrix = metric_variable(shape, float64, name="total_confusion_matrix")
        labels, predictions = _line(cast(labels, int64)), _line(cast(predictions, int64))
        weights = None if weights is None else _line(convert_to_tensor(weights))
        counts = confusion_matrix(
            labels, predictions, num_classes, weights=weights, dtype=float64
        )  # fmt: skip
        update = assign_add(matrix, counts)
        rows = cast(reduce_sum(matrix, 0), float32)
        columns = cast(reduce_sum(matrix, 1), float32)
        both = cast(diag_part(matrix), float32)
        union = rows + columns - both
        seen = reduce_sum(cast(not_equal(union, 0), float32))
        union = where(greater(union, 0), union, ones_like(union))
        total = reduce_sum(div(both, union), name="mean_iou")
        value = where(greater(seen, 0), total / seen, zeros_like(seen))
        if metrics_collections:
            add_to_collections(metrics_collections, value)
        if updates_collections:
            add_to_collections(updates_collections, update)
        return value, update
