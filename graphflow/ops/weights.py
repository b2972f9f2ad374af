"""Weights of examples: checks that they fit the values that they weigh, and their broadcasting."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.graph.constants import constant_value
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import control_dependencies, name_scope
from graphflow.graph.tensor import Tensor
from graphflow.ops.checks import Assert
from graphflow.ops.comparison import equal, logical_or
from graphflow.ops.conditionals import cond
from graphflow.ops.creation import ones_like
from graphflow.ops.elementwise import multiply, subtract
from graphflow.ops.identity import no_op
from graphflow.ops.reductions import reduce_all
from graphflow.ops.shape import rank as rank_op
from graphflow.ops.shape import shape as shape_op
from graphflow.ops.shape import squeeze

__all__ = ["assert_broadcastable", "broadcast_weights", "remove_squeezable_dimensions"]

_COMPLAINT = "weights can not be broadcast to values."


def _described(value: Any, name: str) -> tuple[Tensor, Tensor, Tensor]:
    """A tensor with its sizes and its rank as tensors."""
    with name_scope(None, name, [value]) as scope:
        tensor = convert_to_tensor(value, name=scope)
        return tensor, shape_op(tensor, name="shape"), rank_op(tensor, name="rank")


def _check_known(weights: Tensor, values: Tensor) -> Any:
    """The check with what is known of the shapes; None when that is not enough."""
    if weights.shape.rank is None or values.shape.rank is None:
        return None
    if weights.shape.rank == 0:
        return no_op(name="static_scalar_check_success")
    if weights.shape.rank != values.shape.rank:
        raise ValueError(
            f"{_COMPLAINT} values.rank={values.shape.rank}. weights.rank={weights.shape.rank}. "
            f"values.shape={values.shape}. weights.shape={weights.shape}."
        )
    if not (weights.shape.is_fully_defined() and values.shape.is_fully_defined()):
        return None
    sizes = values.shape.as_list()
    for axis, size in enumerate(weights.shape.as_list()):
        if size not in (1, sizes[axis]):
            raise ValueError(
                f"{_COMPLAINT} Mismatch at dim {axis}. values.shape={np.array(sizes)} "
                f"weights.shape={np.array(weights.shape.as_list())}."
            )
    return no_op(name="static_dims_check_success")


def assert_broadcastable(weights: Any, values: Any) -> Any:
    """An operation that fails unless weights are scalar, or of the values' rank and fit them.

    Raises
    ------
    ValueError : they are known not to fit.
    """
    with name_scope(None, "assert_broadcastable", [weights, values]) as scope:
        weights, weights_shape, weights_rank = _described(weights, "weights")
        values, values_shape, values_rank = _described(values, "values")
        checked = _check_known(weights, values)
        if checked is not None:
            return checked

        def sizes_fit() -> Tensor:
            fits = logical_or(equal(weights_shape, values_shape), equal(weights_shape, 1))
            return reduce_all(fits)

        is_scalar = equal(0, weights_rank, name="is_scalar")
        same_rank = equal(values_rank, weights_rank, name="is_same_rank")
        valid = cond(
            is_scalar, lambda: is_scalar, lambda: cond(same_rank, sizes_fit, lambda: same_rank),
            name="is_valid_shape",
        )  # fmt: skip
        data = [
            _COMPLAINT, "weights.shape=", weights.name, weights_shape, "values.shape=",
            values.name, values_shape, "is_scalar=", is_scalar,
        ]  # fmt: skip
        return Assert(valid, data, name=scope)


def broadcast_weights(weights: Any, values: Any) -> Tensor:
    """The weights in the shape of the values."""
    with name_scope(None, "broadcast_weights", [weights, values]) as scope:
        values = convert_to_tensor(values, name="values")
        weights = convert_to_tensor(weights, dtype=values.dtype.base_dtype, name="weights")
        known = weights.shape.is_fully_defined() and values.shape.is_fully_defined()
        if known and weights.shape.is_compatible_with(values.shape):
            return weights
        with control_dependencies([assert_broadcastable(weights, values)]):
            return multiply(weights, ones_like(values), name=scope)


def _squeezed_if(condition: Any, tensor: Tensor) -> Tensor:
    value = constant_value(condition)
    if value is not None:
        return squeeze(tensor, [-1]) if value else tensor
    return cond(condition, lambda: squeeze(tensor, [-1]), lambda: tensor)


def _may_end_in_one(tensor: Tensor) -> bool:
    return tensor.shape.rank is None or tensor.shape.as_list()[-1:] in ([1], [None])


def without_extra_axis(weights: Tensor, values: Tensor) -> Tensor:
    """Weights, without a last axis of one where they have one axis more than the values."""
    rank, wanted = weights.shape.rank, values.shape.rank
    if rank is not None and wanted is not None:
        return squeeze(weights, [-1]) if rank - wanted == 1 else weights
    if not _may_end_in_one(weights):
        return weights
    return _squeezed_if(equal(1, subtract(rank_op(weights), rank_op(values))), weights)


def remove_squeezable_dimensions(
    labels: Any, predictions: Any, expected_rank_diff: int = 0, name: str | None = None
) -> tuple[Tensor, Tensor]:
    """Labels and predictions, one without its last axis where its rank is too large by one.

    Parameters
    ----------
    expected_rank_diff : what the predictions' rank exceeds that of the labels by.
    """
    with name_scope(name, "remove_squeezable_dimensions", [labels, predictions]):
        predictions = convert_to_tensor(predictions)
        labels = convert_to_tensor(labels)
        ranks = predictions.shape.rank, labels.shape.rank
        if None not in ranks:
            excess = ranks[0] - ranks[1] - expected_rank_diff
            if excess == 1:
                predictions = squeeze(predictions, [-1])
            elif excess == -1:
                labels = squeeze(labels, [-1])
            return labels, predictions
        difference = rank_op(predictions) - rank_op(labels)
        if _may_end_in_one(predictions):
            wide = equal(expected_rank_diff + 1, difference)
            predictions = _squeezed_if(wide, predictions)
        if _may_end_in_one(labels):
            labels = _squeezed_if(equal(expected_rank_diff - 1, difference), labels)
        return labels, predictions
