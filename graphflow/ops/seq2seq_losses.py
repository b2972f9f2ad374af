"""The loss of sequences: weighted cross entropies, averaged or summed."""

from __future__ import annotations

from typing import Any

from graphflow.graph.default import name_scope
from graphflow.graph.tensor import Tensor
from graphflow.ops.casting import cast
from graphflow.ops.division import div_no_nan
from graphflow.ops.reductions import count_nonzero, reduce_sum
from graphflow.ops.shape import reshape
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.softmax import sparse_softmax_cross_entropy_with_logits

__all__ = ["sequence_loss"]


def sequence_loss(
    logits: Tensor, targets: Tensor, weights: Tensor, average_across_timesteps: bool = True,
    average_across_batch: bool = True, sum_over_timesteps: bool = False,
    sum_over_batch: bool = False, softmax_loss_function: Any = None, name: str | None = None,
) -> Tensor:  # fmt: skip
    """The weighted cross entropy of sequences.

    Parameters
    ----------
    logits : of shape [batch, time, classes].
    targets : integers of shape [batch, time].
    weights : of shape [batch, time].
    average_across_timesteps, average_across_batch : divide by the total weight.
    sum_over_timesteps, sum_over_batch : divide by the number of weights that are not zero.
    softmax_loss_function : ``(labels, logits)`` in place of the cross entropy.

    Raises
    ------
    ValueError : ranks are other than these; an axis is to be both averaged and summed over.
    """
    for what, tensor, rank in (("logits", logits, 3), ("targets", targets, 2),
                               ("weights", weights, 2)):  # fmt: skip
        if tensor.shape.rank != rank:
            raise ValueError(f"{what} must be a {rank}-dimensional tensor, got {tensor.shape}")
    if average_across_timesteps and sum_over_timesteps:
        raise ValueError("average_across_timesteps and sum_over_timesteps cannot both be True")
    if average_across_batch and sum_over_batch:
        raise ValueError("average_across_batch and sum_over_batch cannot both be True")
    with name_scope(name, "sequence_loss", [logits, targets, weights]):
        flat = reshape(logits, [-1, shape_of(logits)[2]])
        labels = reshape(targets, [-1])
        loss = softmax_loss_function or sparse_softmax_cross_entropy_with_logits
        each = loss(labels=labels, logits=flat)
        each = each * reshape(weights, [-1])
        if average_across_timesteps and average_across_batch:
            return div_no_nan(reduce_sum(each), reduce_sum(weights))
        if sum_over_timesteps and sum_over_batch:
            total = reduce_sum(each)
            return div_no_nan(total, cast(count_nonzero(weights), each.dtype))
        each = reshape(each, shape_of(logits)[0:2])
        if average_across_timesteps or average_across_batch:
            axis = [0] if average_across_batch else [1]
            return div_no_nan(reduce_sum(each, axis=axis), reduce_sum(weights, axis=axis))
        if sum_over_timesteps or sum_over_batch:
            axis = [0] if sum_over_batch else [1]
            total = reduce_sum(each, axis=axis)
            return div_no_nan(total, cast(count_nonzero(weights, axis=axis), each.dtype))
        return each
