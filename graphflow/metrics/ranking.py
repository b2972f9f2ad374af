"""Precision and recall of the k highest predictions."""

from __future__ import annotations

from typing import Any

from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import bool_, float64, int64
from graphflow.graph.sparse_tensor import SparseTensor
from graphflow.graph.tensor import Tensor
from graphflow.metrics.variables import finish, metric_variable
from graphflow.ops.casting import cast
from graphflow.ops.comparison import equal, logical_and, logical_not
from graphflow.ops.creation import ones_like, zeros_like
from graphflow.ops.diagonals import matrix_band_part
from graphflow.ops.division import div, div_no_nan
from graphflow.ops.elementwise import minimum, multiply
from graphflow.ops.reductions import reduce_any, reduce_sum
from graphflow.ops.scans import cumsum
from graphflow.ops.shape import expand_dims
from graphflow.ops.shape import shape as shape_op
from graphflow.ops.shape import size as size_op
from graphflow.ops.sorting import top_k
from graphflow.ops.sparse_composed import convert_to_tensor_or_sparse_tensor
from graphflow.ops.sparse_products import sparse_tensor_to_dense
from graphflow.ops.state import assign_add
from graphflow.ops.weights import broadcast_weights

__all__ = [
    "average_precision_at_k",
    "precision_at_k",
    "precision_at_top_k",
    "recall_at_k",
    "recall_at_top_k",
    "sparse_average_precision_at_k",
    "sparse_precision_at_k",
]

Metric = tuple[Tensor, Tensor]


def _name(name: str, k: int | None, class_id: int | None = None) -> str:
    name = f"{name}_at_k" if k is None else f"{name}_at_{k}"
    return name if class_id is None else f"{name}_class{class_id}"


class _Sets:
    """The labels and the predicted classes of each example, and how they meet.

    Dense labels are sets of all their values; sparse ones have -1 where there is none.
    """

    def __init__(self, labels: Any, predictions: Tensor) -> None:
        self.predictions = cast(predictions, int64)
        labels = convert_to_tensor_or_sparse_tensor(labels)
        if isinstance(labels, SparseTensor):
            labels = sparse_tensor_to_dense(labels, default_value=-1)
            present = labels >= 0
        else:
            labels = cast(labels, int64)
            present = cast(ones_like(labels), bool_)
        if labels.shape.rank is not None and labels.shape.rank + 1 == self.predictions.shape.rank:
            labels, present = expand_dims(labels, -1), expand_dims(present, -1)
        self.labels = labels
        # A label that occurs several times counts once: where no earlier one is equal.
        repeated = equal(expand_dims(labels, -1), expand_dims(labels, -2))
        earlier = matrix_band_part(cast(repeated, int64), -1, 0) - cast(
            matrix_band_part(cast(repeated, int64), 0, 0), int64
        )
        self.present = logical_and(present, equal(reduce_sum(earlier, -1), 0))
        pairs = equal(expand_dims(self.predictions, -1), expand_dims(labels, -2))
        self.meet = logical_and(pairs, expand_dims(self.present, -2))

    def of_class(self, class_id: int) -> tuple[Tensor, Tensor]:
        """Whether the class is among the labels, and among the predictions."""
        labelled = reduce_any(logical_and(equal(self.labels, class_id), self.present), -1)
        return labelled, reduce_any(equal(self.predictions, class_id), -1)

    def count(self, kind: str, class_id: int | None) -> Tensor:
        """How many true positives, false positives or false negatives each example has."""
        if class_id is not None:
            labelled, predicted = self.of_class(class_id)
            chosen = {
                "true_positive": logical_and(labelled, predicted),
                "false_positive": logical_and(logical_not(labelled), predicted),
                "false_negative": logical_and(labelled, logical_not(predicted)),
            }[kind]
            return cast(chosen, float64)
        hits = reduce_any(self.meet, -1)
        if kind == "true_positive":
            return reduce_sum(cast(hits, float64), -1)
        if kind == "false_positive":
            return reduce_sum(cast(logical_not(hits), float64), -1)
        missed = logical_and(self.present, logical_not(reduce_any(self.meet, -2)))
        return reduce_sum(cast(missed, float64), -1)


def _counted(
    sets: _Sets, kind: str, k: int | None, class_id: int | None, weights: Any
) -> tuple[Any, Any]:
    """A variable that counts over all batches, and its update."""
    with name_scope(None, _name(kind, k, class_id)) as scope:
        found = sets.count(kind, class_id)
        if weights is not None:
            found = multiply(found, broadcast_weights(cast(weights, float64), found))
        variable = metric_variable([], float64, name=scope)
        return variable, assign_add(variable, reduce_sum(found), name="update")


def _share(
    what: str, missed: str, labels: Any, predictions_idx: Any, k: int | None,
    class_id: int | None, weights: Any, collections: tuple[Any, Any], name: str | None,
) -> Metric:  # fmt: skip
    given = [predictions_idx, weights]
    with name_scope(name, _name(what, k, class_id), given) as scope:
        sets = _Sets(labels, convert_to_tensor(predictions_idx))
        hits, add_hits = _counted(sets, "true_positive", k, class_id, weights)
        misses, add_misses = _counted(sets, missed, k, class_id, weights)

        def compute(hits: Any, misses: Any, name: str) -> Tensor:
            return div(hits, hits + misses, name=name)

        variables, updates = (hits, misses), (add_hits, add_misses)
        return finish(compute, variables, updates, *collections, names=(scope, "update"))


def precision_at_top_k(
    labels: Any, predictions_idx: Any, k: int | None = None, class_id: int | None = None,
    weights: Any = None, metrics_collections: Any = None, updates_collections: Any = None,
    name: str | None = None,
) -> Metric:  # fmt: skip
    """The share of labels among the predicted classes.

    Parameters
    ----------
    labels : numbers of classes, several for each example; may be sparse.
    predictions_idx : the predicted classes of each example.
    class_id : count this class only.
    """
    collections = metrics_collections, updates_collections
    return _share(
        "precision", "false_positive", labels, predictions_idx, k, class_id, weights, collections,
        name,
    )  # fmt: skip


def recall_at_top_k(
    labels: Any, predictions_idx: Any, k: int | None = None, class_id: int | None = None,
    weights: Any = None, metrics_collections: Any = None, updates_collections: Any = None,
    name: str | None = None,
) -> Metric:  # fmt: skip
    """The share of the predicted classes among the labels; see `precision_at_top_k`."""
    collections = metrics_collections, updates_collections
    return _share(
        "recall", "false_negative", labels, predictions_idx, k, class_id, weights, collections,
        name,
    )  # fmt: skip


def precision_at_k(
    labels: Any, predictions: Any, k: int, class_id: int | None = None, weights: Any = None,
    metrics_collections: Any = None, updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """The share of labels among the classes with the k highest predictions."""
    with name_scope(name, _name("precision", k, class_id), [predictions, weights]) as scope:
        _, found = top_k(predictions, k)
        return precision_at_top_k(
            labels, found, k, class_id, weights, metrics_collections, updates_collections, scope
        )


def recall_at_k(
    labels: Any, predictions: Any, k: int, class_id: int | None = None, weights: Any = None,
    metrics_collections: Any = None, updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """The share of the labels that are among the classes with the k highest predictions."""
    with name_scope(name, _name("recall", k, class_id), [predictions, weights]) as scope:
        _, found = top_k(predictions, k)
        return recall_at_top_k(
            labels, found, k, class_id, weights, metrics_collections, updates_collections, scope
        )


def average_precision_at_k(
    labels: Any, predictions: Any, k: int, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """The mean over the examples of the mean precision at their hits among the k highest."""
    if k < 1:
        raise ValueError(f"Invalid k={k}.")
    with name_scope(name, _name("average_precision", k), [predictions, weights]) as scope:
        predictions = convert_to_tensor(predictions)
        _, found = top_k(predictions, k)
        sets = _Sets(labels, found)
        known = sets.labels < cast(shape_op(predictions)[-1], int64)
        average = _average_precision(sets, known, k)
        count = cast(size_op(average), float64)
        if weights is not None:
            weights = broadcast_weights(cast(weights, float64), average)
            average, count = multiply(average, weights), reduce_sum(weights)
        with name_scope(None, "max_1") as inner:  # its name in TensorFlow's checkpoints
            most = metric_variable([], float64, name=inner)
            add_most = assign_add(most, count, name="update")
        with name_scope(None, "total") as inner:
            total = metric_variable([], float64, name=inner)
            add_total = assign_add(total, reduce_sum(average, name="batch_total"), name="update")
        return finish(
            lambda total, most, name: div_no_nan(total, most, name=name), (total, most),
            (add_total, add_most), metrics_collections, updates_collections, ("mean", scope),
        )  # fmt: skip


def _average_precision(sets: _Sets, known: Tensor, k: int) -> Tensor:
    """The mean precision at its hits, of each example."""
    hits = cast(reduce_any(sets.meet, -1), float64)
    so_far = cumsum(hits, axis=-1)
    ranks = cumsum(ones_like(hits), axis=-1)
    total = reduce_sum(div(so_far, ranks) * hits, -1)
    labels = logical_and(known, sets.labels >= zeros_like(sets.labels))
    relevant = minimum(reduce_sum(cast(labels, int64), -1), k)
    return div(total, cast(relevant, float64))


sparse_average_precision_at_k = average_precision_at_k
sparse_precision_at_k = precision_at_k
