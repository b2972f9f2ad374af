"""Counts of hits and misses, and what is made of them: precision, recall, area under curves."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from graphflow.graph.constants import constant
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import add_to_collections, control_dependencies
from graphflow.graph.dtypes import bool_, float32, int32, int64
from graphflow.graph.tensor import Tensor
from graphflow.metrics.variables import aligned, finish, metric_variable
from graphflow.ops.casting import cast
from graphflow.ops.checks import Assert
from graphflow.ops.comparison import (
    equal,
    greater,
    logical_and,
    logical_not,
    where,
)
from graphflow.ops.creation import ones_like, zeros_like
from graphflow.ops.division import div, div_no_nan
from graphflow.ops.elementwise import maximum, minimum, multiply
from graphflow.ops.identity import identity
from graphflow.ops.reductions import argmax, argmin, reduce_all, reduce_min, reduce_sum
from graphflow.ops.scans import cumsum
from graphflow.ops.shape import expand_dims, reshape
from graphflow.ops.state import assign_add
from graphflow.ops.unary import abs as absolute
from graphflow.ops.unary import log
from graphflow.ops.variable_scope import variable_scope
from graphflow.ops.weights import broadcast_weights

__all__ = [
    "auc",
    "false_negatives",
    "false_negatives_at_thresholds",
    "false_positives",
    "false_positives_at_thresholds",
    "precision",
    "precision_at_thresholds",
    "recall",
    "recall_at_thresholds",
    "sensitivity_at_specificity",
    "specificity_at_sensitivity",
    "true_negatives",
    "true_negatives_at_thresholds",
    "true_positives",
    "true_positives_at_thresholds",
]

_logger = logging.getLogger("graphflow")

Metric = tuple[Any, Any]
_TINY = 1e-7

# what is counted: the label, the prediction, and the name of the variable
_KINDS = {
    "tp": (True, True, "true_positives"),
    "fn": (True, False, "false_negatives"),
    "tn": (False, False, "true_negatives"),
    "fp": (False, True, "false_positives"),
}


# ---- counts of predictions that are true or false


def _counter(kind: str) -> Callable[..., Metric]:
    """A metric that counts the examples of one kind."""
    label, prediction, scope_name = _KINDS[kind]

    def count(
        labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None,
        updates_collections: Any = None, name: str | None = None,
    ) -> Metric:  # fmt: skip
        with variable_scope(name, scope_name, [predictions, labels, weights]):
            predictions, labels, weights = aligned(
                cast(predictions, bool_), cast(labels, bool_), weights
            )
            chosen = logical_and(equal(labels, label), equal(predictions, prediction))
            total = metric_variable([], float32, name="count")
            values = cast(chosen, float32)
            if weights is not None:
                values = multiply(values, cast(weights, float32))
            value = identity(total)
            if metrics_collections:
                add_to_collections(metrics_collections, value)
            update = assign_add(total, reduce_sum(values))
            if updates_collections:
                add_to_collections(updates_collections, update)
            return value, update

    what = scope_name.replace("_", " ")
    count.__name__ = count.__qualname__ = scope_name
    count.__doc__ = f"The weighted number of {what} in all batches; see `mean`."
    return count


true_positives = _counter("tp")
true_negatives = _counter("tn")
false_positives = _counter("fp")
false_negatives = _counter("fn")


def _share(
    name: str | None, scope_name: str, missed: Callable[..., Metric], labels: Any,
    predictions: Any, weights: Any, collections: tuple[Any, Any],
) -> Metric:  # fmt: skip
    """True positives by their number and that of what was missed; 0 where there are none."""
    with variable_scope(name, scope_name, [predictions, labels, weights]):
        predictions, labels, weights = aligned(
            cast(predictions, bool_), cast(labels, bool_), weights
        )
        hits, add_hits = true_positives(labels, predictions, weights)
        misses, add_misses = missed(labels, predictions, weights)

        def compute(hits: Any, misses: Any, name: str) -> Tensor:
            total = hits + misses
            return where(greater(total, 0), div(hits, total), zeros_like(total), name)

        return finish(compute, (hits, misses), (add_hits, add_misses), *collections)


def precision(
    labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """The share of true labels among the examples predicted as true; see `mean`."""
    collections = metrics_collections, updates_collections
    return _share(name, "precision", false_positives, labels, predictions, weights, collections)


def recall(
    labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """The share of those predicted as true among the examples with true labels; see `mean`."""
    collections = metrics_collections, updates_collections
    return _share(name, "recall", false_negatives, labels, predictions, weights, collections)


# ---- counts at thresholds


def _require_probabilities(predictions: Tensor) -> Any:
    inside = reduce_all(logical_and(predictions >= 0, predictions <= 1))
    return Assert(inside, ["predictions must be in [0, 1]"])


def _counts_at(
    labels: Any, predictions: Any, thresholds: Sequence[float], weights: Any,
    kinds: Sequence[str] = ("tp", "fn", "tn", "fp"),
) -> tuple[dict[str, Any], dict[str, Any]]:  # fmt: skip
    """Variables with the numbers of examples of each kind at each threshold, and their updates."""
    predictions = convert_to_tensor(predictions)
    with control_dependencies([_require_probabilities(predictions)]):
        predictions, labels, weights = aligned(
            cast(predictions, float32), cast(labels, bool_), weights
        )
    if weights is not None:
        weights = reshape(broadcast_weights(cast(weights, float32), predictions), [1, -1])
    limits = expand_dims(constant(list(thresholds), float32), 1)
    positive = greater(reshape(predictions, [1, -1]), limits)
    labelled = reshape(labels, [1, -1])
    values, updates = {}, {}
    for kind in kinds:
        label, prediction, name = _KINDS[kind]
        variable = metric_variable([len(thresholds)], float32, name=name)
        chosen = logical_and(
            labelled if label else logical_not(labelled),
            positive if prediction else logical_not(positive),
        )
        counted = cast(chosen, float32)
        counted = counted if weights is None else counted * weights
        values[kind] = variable
        updates[kind] = assign_add(variable, reduce_sum(counted, 1))
    return values, updates


def _spread(count: int, last: float) -> list[float]:
    """So many thresholds from just below 0 to `last`."""
    inner = [(k + 1) * 1.0 / (count - 1) for k in range(count - 2)]
    return [-_TINY, *inner, last]


def _counter_at(kind: str) -> Callable[..., Metric]:
    """A metric that counts the examples of one kind at each threshold."""
    scope_name = _KINDS[kind][2]

    def count(
        labels: Any, predictions: Any, thresholds: Sequence[float], weights: Any = None,
        metrics_collections: Any = None, updates_collections: Any = None, name: str | None = None,
    ) -> Metric:  # fmt: skip
        with variable_scope(name, scope_name, [predictions, labels, weights]):
            values, updates = _counts_at(labels, predictions, thresholds, weights, [kind])
            value = identity(values[kind])
            if metrics_collections:
                add_to_collections(metrics_collections, value)
            if updates_collections:
                add_to_collections(updates_collections, updates[kind])
            return value, updates[kind]

    what = scope_name.replace("_", " ")
    count.__name__ = count.__qualname__ = f"{scope_name}_at_thresholds"
    count.__doc__ = f"The weighted number of {what} at each threshold; see `mean`."
    return count


true_positives_at_thresholds = _counter_at("tp")
true_negatives_at_thresholds = _counter_at("tn")
false_positives_at_thresholds = _counter_at("fp")
false_negatives_at_thresholds = _counter_at("fn")


def _from_counts(
    compute: Callable[..., Tensor], counts: tuple[dict[str, Any], dict[str, Any]],
    kinds: Sequence[str], metrics_collections: Any, updates_collections: Any,
) -> Metric:  # fmt: skip
    variables, updates = ([found[kind] for kind in kinds] for found in counts)
    return finish(compute, variables, updates, metrics_collections, updates_collections)


def precision_at_thresholds(
    labels: Any, predictions: Any, thresholds: Sequence[float], weights: Any = None,
    metrics_collections: Any = None, updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """The precision at each threshold; see `mean`."""

    def compute(hits: Any, misses: Any, name: str) -> Tensor:
        return div(hits, _TINY + hits + misses, name=f"precision_{name}")

    with variable_scope(name, "precision_at_thresholds", [predictions, labels, weights]):
        kinds = ("tp", "fp")
        counts = _counts_at(labels, predictions, thresholds, weights, kinds)
        return _from_counts(compute, counts, kinds, metrics_collections, updates_collections)


def recall_at_thresholds(
    labels: Any, predictions: Any, thresholds: Sequence[float], weights: Any = None,
    metrics_collections: Any = None, updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """The recall at each threshold; see `mean`."""

    def compute(hits: Any, misses: Any, name: str) -> Tensor:
        return div(hits, _TINY + hits + misses, name=f"recall_{name}")

    with variable_scope(name, "recall_at_thresholds", [predictions, labels, weights]):
        kinds = ("tp", "fn")
        counts = _counts_at(labels, predictions, thresholds, weights, kinds)
        return _from_counts(compute, counts, kinds, metrics_collections, updates_collections)


def sensitivity_at_specificity(
    labels: Any, predictions: Any, specificity: float, weights: Any = None,
    num_thresholds: int = 200, metrics_collections: Any = None, updates_collections: Any = None,
    name: str | None = None,
) -> Metric:  # fmt: skip
    """The sensitivity at the threshold with this specificity; see `mean`."""
    if specificity < 0 or specificity > 1:
        raise ValueError("`specificity` must be in the range [0, 1].")

    def compute(tp: Any, fn: Any, tn: Any, fp: Any, name: str) -> Tensor:
        found = div(tn, tn + fp + _TINY)
        place = cast(argmin(absolute(found - specificity), 0), int32)
        return div(tp[place], tp[place] + fn[place] + _TINY, name)

    with variable_scope(name, "sensitivity_at_specificity", [predictions, labels, weights]):
        counts = _counts_at(labels, predictions, _spread(num_thresholds, 1.0 + _TINY), weights)
        kinds = ("tp", "fn", "tn", "fp")
        return _from_counts(compute, counts, kinds, metrics_collections, updates_collections)


def specificity_at_sensitivity(
    labels: Any, predictions: Any, sensitivity: float, weights: Any = None,
    num_thresholds: int = 200, metrics_collections: Any = None, updates_collections: Any = None,
    name: str | None = None,
) -> Metric:  # fmt: skip
    """The specificity at the threshold with this sensitivity; see `mean`."""
    if sensitivity < 0 or sensitivity > 1:
        raise ValueError("`sensitivity` must be in the range [0, 1].")

    def compute(tp: Any, fn: Any, tn: Any, fp: Any, name: str) -> Tensor:
        distance = absolute(div(tp, tp + fn + _TINY) - sensitivity)
        # Of several that are as near, the last.
        nearest = cumsum(cast(equal(distance, reduce_min(distance)), int64))
        place = cast(argmax(nearest, 0), int32)
        return div(tn[place], tn[place] + fp[place] + _TINY, name)

    with variable_scope(name, "specificity_at_sensitivity", [predictions, labels, weights]):
        counts = _counts_at(labels, predictions, _spread(num_thresholds, 1.0 - _TINY), weights)
        kinds = ("tp", "fn", "tn", "fp")
        return _from_counts(compute, counts, kinds, metrics_collections, updates_collections)


# ---- the area under a curve


def _interpolated_area(tp: Any, fp: Any, fn: Any, count: int) -> Tensor:
    """The area under precision by recall, with counts interpolated (Davis & Goadrich, 2006)."""
    found = tp + fp
    more_hits = tp[: count - 1] - tp[1:]
    slope = div_no_nan(more_hits, maximum(found[: count - 1] - found[1:], 0), name="prec_slope")
    intercept = tp[1:] - multiply(slope, found[1:])
    ratio = where(
        logical_and(found[: count - 1] > 0, found[1:] > 0),
        div_no_nan(found[: count - 1], maximum(found[1:], 0), name="recall_relative_ratio"),
        ones_like(found[1:]),
    )
    areas = div_no_nan(
        slope * (more_hits + intercept * log(ratio)), maximum(tp[1:] + fn[1:], 0),
        name="pr_auc_increment",
    )  # fmt: skip
    return reduce_sum(areas, name="interpolate_pr_auc")


def _area(x: Any, y: Any, count: int, method: str, name: str) -> Tensor:
    """The sum of widths times heights, by a rule."""
    before, after = y[: count - 1], y[1:]
    if method in ("trapezoidal", "careful_interpolation"):
        heights = (before + after) / 2.0
    elif method == "minoring":
        heights = minimum(before, after)
    elif method == "majoring":
        heights = maximum(before, after)
    else:
        raise ValueError(f"Invalid summation_method: {method}")
    return reduce_sum(multiply(x[: count - 1] - x[1:], heights), name=name)


def auc(
    labels: Any, predictions: Any, weights: Any = None, num_thresholds: int = 200,
    metrics_collections: Any = None, updates_collections: Any = None, curve: str = "ROC",
    name: str | None = None, summation_method: str = "trapezoidal", thresholds: Any = None,
) -> Metric:  # fmt: skip
    """The area under a curve, approximated at some thresholds; see `mean`.

    Parameters
    ----------
    num_thresholds : how many there are, from 0 to 1; or `thresholds` between those.
    curve : ``ROC``, or ``PR`` for precision by recall.
    summation_method : ``trapezoidal``, ``careful_interpolation``, ``minoring`` or ``majoring``.
    """
    with variable_scope(name, "auc", [labels, predictions, weights]):
        if curve not in ("ROC", "PR"):
            raise ValueError(f"curve must be either ROC or PR, {curve} unknown")
        if thresholds is None:
            limits = _spread(num_thresholds, 1.0 + _TINY)
        else:
            limits = [-_TINY, *sorted(thresholds), 1.0 + _TINY]
        if curve == "PR" and summation_method == "trapezoidal":
            _logger.warning(
                "Trapezoidal rule is known to produce incorrect PR-AUCs; please switch to "
                '"careful_interpolation" instead.'
            )
        count, epsilon = len(limits), 1e-6

        def compute(tp: Any, fn: Any, tn: Any, fp: Any, name: str) -> Tensor:
            if curve == "PR" and summation_method == "careful_interpolation":
                return _interpolated_area(tp, fp, fn, count)
            recalls = div(tp + epsilon, tp + fn + epsilon)
            if curve == "ROC":
                return _area(div(fp, fp + tn + epsilon), recalls, count, summation_method, name)
            precisions = div(tp + epsilon, tp + fp + epsilon)
            return _area(recalls, precisions, count, summation_method, name)

        counts = _counts_at(labels, predictions, limits, weights)
        kinds = ("tp", "fn", "tn", "fp")
        return _from_counts(compute, counts, kinds, metrics_collections, updates_collections)
