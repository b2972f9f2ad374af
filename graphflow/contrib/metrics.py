"""TensorFlow's `tf.contrib.metrics`: those of `tf.metrics` with predictions before labels."""

from __future__ import annotations

from typing import Any

from graphflow import metrics
from graphflow.contrib.losses import swapped
from graphflow.graph.convert import convert_to_tensor
from graphflow.ops.casting import cast
from graphflow.ops.comparison import equal
from graphflow.ops.counting import confusion_matrix
from graphflow.ops.elementwise import multiply
from graphflow.ops.reductions import reduce_mean, reduce_sum
from graphflow.ops.sorting import in_top_k
from graphflow.sets import set_difference, set_intersection, set_size, set_union

__all__ = [
    "accuracy", "aggregate_metric_map", "aggregate_metrics", "confusion_matrix", "set_difference",
    "set_intersection", "set_size", "set_union", "streaming_accuracy", "streaming_auc",
    "streaming_false_negatives", "streaming_false_negatives_at_thresholds",
    "streaming_false_positives", "streaming_false_positives_at_thresholds", "streaming_mean",
    "streaming_mean_absolute_error", "streaming_mean_cosine_distance", "streaming_mean_iou",
    "streaming_mean_relative_error", "streaming_mean_squared_error", "streaming_mean_tensor",
    "streaming_percentage_less", "streaming_precision", "streaming_precision_at_thresholds",
    "streaming_recall", "streaming_recall_at_k", "streaming_recall_at_thresholds",
    "streaming_root_mean_squared_error", "streaming_sensitivity_at_specificity",
    "streaming_sparse_average_precision_at_k", "streaming_sparse_precision_at_k",
    "streaming_sparse_recall_at_k", "streaming_specificity_at_sensitivity",
    "streaming_true_negatives", "streaming_true_negatives_at_thresholds",
    "streaming_true_positives", "streaming_true_positives_at_thresholds",
]  # fmt: skip

streaming_mean = metrics.mean
streaming_mean_tensor = metrics.mean_tensor
streaming_percentage_less = metrics.percentage_below
streaming_accuracy = swapped(metrics.accuracy)
streaming_auc = swapped(metrics.auc)
streaming_false_negatives = swapped(metrics.false_negatives)
streaming_false_negatives_at_thresholds = swapped(metrics.false_negatives_at_thresholds)
streaming_false_positives = swapped(metrics.false_positives)
streaming_false_positives_at_thresholds = swapped(metrics.false_positives_at_thresholds)
streaming_mean_absolute_error = swapped(metrics.mean_absolute_error)
streaming_mean_cosine_distance = swapped(metrics.mean_cosine_distance)
streaming_mean_iou = swapped(metrics.mean_iou)
streaming_mean_relative_error = swapped(metrics.mean_relative_error)
streaming_mean_squared_error = swapped(metrics.mean_squared_error)
streaming_precision = swapped(metrics.precision)
streaming_precision_at_thresholds = swapped(metrics.precision_at_thresholds)
streaming_recall = swapped(metrics.recall)
streaming_recall_at_thresholds = swapped(metrics.recall_at_thresholds)
streaming_root_mean_squared_error = swapped(metrics.root_mean_squared_error)
streaming_sensitivity_at_specificity = swapped(metrics.sensitivity_at_specificity)
streaming_sparse_average_precision_at_k = swapped(metrics.average_precision_at_k)
streaming_sparse_precision_at_k = swapped(metrics.precision_at_k)
streaming_sparse_recall_at_k = swapped(metrics.recall_at_k)
streaming_specificity_at_sensitivity = swapped(metrics.specificity_at_sensitivity)
streaming_true_negatives = swapped(metrics.true_negatives)
streaming_true_negatives_at_thresholds = swapped(metrics.true_negatives_at_thresholds)
streaming_true_positives = swapped(metrics.true_positives)
streaming_true_positives_at_thresholds = swapped(metrics.true_positives_at_thresholds)


def accuracy(predictions: Any, labels: Any, weights: Any = None, name: str | None = None) -> Any:
    """The share of predictions that are their labels, in this batch."""
    predictions, labels = convert_to_tensor(predictions), convert_to_tensor(labels)
    if not labels.dtype.base_dtype == predictions.dtype.base_dtype:
        raise ValueError(
            "dtypes of predictions and labels should match. "
            f"Given: predictions {predictions.dtype} and labels {labels.dtype}"
        )
    correct = cast(equal(predictions, labels), "float32")
    if weights is None:
        return reduce_mean(correct, name=name)
    correct = multiply(correct, weights)
    total = reduce_sum(multiply(weights, cast(equal(correct, correct), "float32")))
    return reduce_sum(correct) / total


def streaming_recall_at_k(
    predictions: Any, labels: Any, k: int, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Any:  # fmt: skip
    """The share of rows whose label is among the `k` largest predictions."""
    found = cast(in_top_k(predictions, labels, k), "float32")
    return metrics.mean(found, weights, metrics_collections, updates_collections,
                        name or "recall_at_k")  # fmt: skip


def aggregate_metrics(*value_update_tuples: Any) -> tuple[list[Any], list[Any]]:
    """The values and the updates of several metrics, as two lists."""
    if not value_update_tuples:
        raise ValueError("Expected at least one value_tensor/update_op pair, got none")
    values, updates = zip(*value_update_tuples, strict=True)
    return list(values), list(updates)


def aggregate_metric_map(names_to_tuples: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values and the updates of several metrics, as two dicts by name."""
    values = {name: pair[0] for name, pair in names_to_tuples.items()}
    return values, {name: pair[1] for name, pair in names_to_tuples.items()}
