"""Losses over many classes of which a few are sampled: `nce_loss`, `sampled_softmax_loss`."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.tensor import Tensor
from graphflow.ops.candidate_sampling import log_uniform_candidate_sampler
from graphflow.ops.casting import cast
from graphflow.ops.comparison import equal
from graphflow.ops.creation import ones, ones_like, zeros_like
from graphflow.ops.elementwise import multiply
from graphflow.ops.embedding import as_parts, embedding_lookup
from graphflow.ops.identity import stop_gradient
from graphflow.ops.joining import concat, stack
from graphflow.ops.linear import matmul
from graphflow.ops.losses import sigmoid_cross_entropy_with_logits
from graphflow.ops.reductions import reduce_any
from graphflow.ops.shape import expand_dims, reshape
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.slicing import slice as slice_of
from graphflow.ops.softmax import softmax_cross_entropy_with_logits_v2
from graphflow.ops.unary import log

__all__ = ["nce_loss", "sampled_softmax_loss"]

_HIT = -float(np.finfo(np.float32).max)


def _row_sums(x: Tensor) -> Tensor:
    sizes: Any = shape_of(x)
    return reshape(matmul(x, ones(stack([sizes[1], 1]), x.dtype)), [-1])


def _rows_of(table: Any, ids: Tensor, strategy: str, dtype: Any) -> Tensor:
    found = embedding_lookup(table, ids, partition_strategy=strategy)
    return found if found.dtype == dtype else cast(found, dtype)


def _true_logits(inputs: Any, weights: Any, biases: Any, num_true: int) -> Any:
    """Logits of each example's own classes."""
    sizes: Any = shape_of(weights)
    depth = sizes[1:2]
    by_example = reshape(weights, concat([[-1, num_true], depth], 0))
    dots = multiply(expand_dims(inputs, 1), by_example)
    sums = _row_sums(reshape(dots, concat([[-1], depth], 0)))
    return reshape(sums, [-1, num_true]) + reshape(biases, [-1, num_true])


def _without_hits(logits: Any, labels: Tensor, sampled: Tensor) -> Any:
    """Logits that leave out the samples which are among an example's own classes.

    `compute_accidental_hits` finds as many as there are, which would cut the run in two; a
    comparison of all pairs does not.
    """
    hits = reduce_any(equal(expand_dims(labels, 2), reshape(sampled, [1, 1, -1])), 1)
    return logits + cast(hits, logits.dtype) * _HIT


def _sampled_logits(
    weights: Any, biases: Any, labels: Any, inputs: Any, num_sampled: int, num_classes: int,
    num_true: int, sampled_values: Any, remove_accidental_hits: bool, partition_strategy: str,
    name: str | None, seed: int | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Logits of the true and the sampled classes, corrected for their frequency, and labels."""
    parts = as_parts(weights)
    labels, inputs = convert_to_tensor(labels), convert_to_tensor(inputs)
    with name_scope(name, "compute_sampled_logits", [*parts, biases, inputs, labels]):
        if labels.dtype != dtypes.int64:
            labels = cast(labels, dtypes.int64)
        flat = reshape(labels, [-1])
        if sampled_values is None:
            sampled_values = log_uniform_candidate_sampler(
                labels, num_true, num_sampled, True, num_classes, seed
            )
        sampled, true_expected, sampled_expected = (stop_gradient(s) for s in sampled_values)
        sampled = cast(sampled, dtypes.int64)
        ids = concat([flat, sampled], 0)
        count: Any = shape_of(flat)
        rows = _rows_of(parts, ids, partition_strategy, inputs.dtype)
        true_rows = slice_of(rows, [0, 0], stack([count[0], -1]))
        other_rows = slice_of(rows, stack([count[0], 0]), [-1, -1])
        shifts = _rows_of(biases, ids, partition_strategy, inputs.dtype)
        logits: Any = matmul(inputs, other_rows, transpose_b=True)
        true_logits = _true_logits(inputs, true_rows, slice_of(shifts, [0], count), num_true)
        logits += slice_of(shifts, count, [-1])
        if remove_accidental_hits:
            logits = _without_hits(logits, reshape(labels, [-1, num_true]), sampled)
        true_logits -= log(true_expected)
        logits -= log(sampled_expected)
        targets: Any = ones_like(true_logits) / num_true
        return concat([true_logits, logits], 1), concat([targets, zeros_like(logits)], 1)


def nce_loss(
    weights: Any, biases: Any, labels: Any, inputs: Any, num_sampled: int, num_classes: int,
    num_true: int = 1, sampled_values: Any = None, remove_accidental_hits: bool = False,
    partition_strategy: str = "mod", name: str = "nce_loss",
) -> Tensor:  # fmt: skip
    """Return the noise-contrastive loss of each example.

    Parameters
    ----------
    weights, biases : tables of the classes' rows and shifts, as `embedding_lookup` takes them.
    labels : int64 of shape (batch, num_true), the examples' classes.
    inputs : of shape (batch, depth).
    num_sampled : how many other classes are drawn for the batch, of all `num_classes`.
    sampled_values : what a candidate sampler gave; `log_uniform_candidate_sampler` when None.
    remove_accidental_hits : leave out samples that are an example's own classes.
    """
    logits, targets = _sampled_logits(
        weights, biases, labels, inputs, num_sampled, num_classes, num_true, sampled_values,
        remove_accidental_hits, partition_strategy, name,
    )  # fmt: skip
    losses = sigmoid_cross_entropy_with_logits(labels=targets, logits=logits, name="sampled_losses")
    return _row_sums(losses)


def sampled_softmax_loss(
    weights: Any, biases: Any, labels: Any, inputs: Any, num_sampled: int, num_classes: int,
    num_true: int = 1, sampled_values: Any = None, remove_accidental_hits: bool = True,
    partition_strategy: str = "mod", name: str = "sampled_softmax_loss", seed: int | None = None,
) -> Tensor:  # fmt: skip
    """Return the softmax cross entropy of each example over its own and the sampled classes.

    The parameters are those of `nce_loss`; `seed` is the sampler's.
    """
    logits, targets = _sampled_logits(
        weights, biases, labels, inputs, num_sampled, num_classes, num_true, sampled_values,
        remove_accidental_hits, partition_strategy, name, seed,
    )  # fmt: skip
    targets = stop_gradient(targets, name="labels_stop_gradient")
    return softmax_cross_entropy_with_logits_v2(labels=targets, logits=logits)
