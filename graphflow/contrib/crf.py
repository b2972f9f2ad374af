"""TensorFlow's `tf.contrib.crf`: conditional random fields over chains of tags.

In all functions, inputs are the tags' scores [batch, time, tags], and transitions their scores
[from, to]. See Lafferty, McCallum and Pereira, ICML 2001.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.tensor import Tensor
from graphflow.ops.casting import cast
from graphflow.ops.comparison import less_equal, where
from graphflow.ops.creation import fill, zeros_like
from graphflow.ops.elementwise import maximum
from graphflow.ops.gathering import gather_nd
from graphflow.ops.joining import stack
from graphflow.ops.reductions import argmax, reduce_logsumexp, reduce_max, reduce_sum
from graphflow.ops.rnn import dynamic_rnn
from graphflow.ops.rnn_cell_base import RNNCell
from graphflow.ops.rolling import sequence_mask
from graphflow.ops.sequences import one_hot
from graphflow.ops.sequences import range as number_range
from graphflow.ops.shape import expand_dims, squeeze
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.slicing import concat, reverse_sequence
from graphflow.ops.variable_scope import get_variable

__all__ = [
    "CrfDecodeBackwardRnnCell",
    "CrfDecodeForwardRnnCell",
    "CrfForwardRnnCell",
    "crf_binary_score",
    "crf_decode",
    "crf_log_likelihood",
    "crf_log_norm",
    "crf_multitag_sequence_score",
    "crf_sequence_score",
    "crf_unary_score",
    "viterbi_decode",
]


class _CrfCell(RNNCell):
    """A cell whose state is a score of each tag."""

    def __init__(self, transition_params: Any) -> None:
        super().__init__()
        self._transitions = expand_dims(convert_to_tensor(transition_params), 0)

    @property
    def state_size(self) -> int:
        """The number of tags."""
        return int(self._transitions.shape.as_list()[2] or 0)

    @property
    def output_size(self) -> int:
        """The number of tags."""
        return self.state_size


class CrfForwardRnnCell(_CrfCell):
    """Sums over all chains up to a time, in logarithms."""

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> Any:
        """The logarithms of the sums for each tag, twice."""
        scores = expand_dims(state, 2) + self._transitions
        made = inputs + reduce_logsumexp(scores, [1])
        return made, made


class CrfDecodeForwardRnnCell(_CrfCell):
    """The best chain's score for each last tag, and where it came from."""

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> Any:
        """The tags before, and the scores."""
        scores = expand_dims(state, 2) + self._transitions
        return cast(argmax(scores, 1), "int32"), inputs + reduce_max(scores, [1])


class CrfDecodeBackwardRnnCell(RNNCell):
    """Follows a chain backwards."""

    def __init__(self, num_tags: int) -> None:
        super().__init__()
        self._num_tags = num_tags

    @property
    def state_size(self) -> int:
        """One tag."""
        return 1

    @property
    def output_size(self) -> int:
        """One tag."""
        return 1

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> Any:
        """The tag before, twice."""
        rows = number_range(shape_of(inputs)[0])
        tags = expand_dims(gather_nd(inputs, stack([rows, squeeze(state, [1])], 1)), -1)
        return tags, tags


def _less_one(lengths: Tensor) -> Tensor:
    return maximum(lengths - 1, 0)


def crf_unary_score(tag_indices: Any, sequence_lengths: Any, inputs: Any) -> Tensor:
    """The sum of the scores of the tags [batch, time], up to each sequence's length."""
    inputs, tags = convert_to_tensor(inputs), convert_to_tensor(tag_indices)
    chosen = reduce_sum(inputs * one_hot(tags, shape_of(inputs)[2], dtype=inputs.dtype), -1)
    return reduce_sum(chosen * sequence_mask(sequence_lengths, shape_of(tags)[1], chosen.dtype), 1)


def crf_binary_score(tag_indices: Any, sequence_lengths: Any, transition_params: Any) -> Tensor:
    """The sum of the scores of the transitions between the tags, up to each sequence's length."""
    tags, table = convert_to_tensor(tag_indices), convert_to_tensor(transition_params)
    steps = gather_nd(table, stack([tags[:, :-1], tags[:, 1:]], -1))
    lengths = _less_one(convert_to_tensor(sequence_lengths))
    return reduce_sum(steps * sequence_mask(lengths, shape_of(tags)[1] - 1, steps.dtype), 1)


def crf_sequence_score(
    inputs: Any, tag_indices: Any, sequence_lengths: Any, transition_params: Any
) -> Tensor:
    """The scores of chains of tags, not normalised."""
    unary = crf_unary_score(tag_indices, sequence_lengths, inputs)
    return unary + crf_binary_score(tag_indices, sequence_lengths, transition_params)


def crf_log_norm(inputs: Any, sequence_lengths: Any, transition_params: Any) -> Tensor:
    """The logarithm of the sum of all chains' exponentiated scores; 0 for an empty sequence."""
    inputs, lengths = convert_to_tensor(inputs), convert_to_tensor(sequence_lengths)
    if inputs.shape.as_list()[1] == 1:
        total = reduce_logsumexp(inputs[:, 0], [1])
    else:
        cell = CrfForwardRnnCell(transition_params)
        _, last = dynamic_rnn(
            cell, inputs[:, 1:], _less_one(lengths), inputs[:, 0], dtype=inputs.dtype
        )
        total = reduce_logsumexp(last, [1])
    return where(less_equal(lengths, zeros_like(lengths)), zeros_like(total), total)


def crf_multitag_sequence_score(
    inputs: Any, tag_bitmap: Any, sequence_lengths: Any, transition_params: Any
) -> Tensor:
    """The logarithm of the sum over the chains whose tags are all among those marked."""
    inputs = convert_to_tensor(inputs)
    allowed = where(tag_bitmap, inputs, fill(shape_of(inputs), float("-inf")))
    return crf_log_norm(allowed, sequence_lengths, transition_params)


def crf_log_likelihood(
    inputs: Any, tag_indices: Any, sequence_lengths: Any, transition_params: Any = None
) -> tuple[Tensor, Any]:
    """The logarithms of the tags' likelihoods, and the transitions.

    Parameters
    ----------
    inputs : [batch, time, tags].
    tag_indices : integer, [batch, time].
    sequence_lengths : integer, [batch].
    transition_params : [tags, tags]; made as a variable `transitions` unless given.
    """
    inputs = convert_to_tensor(inputs)
    if transition_params is None:
        tags = inputs.shape.as_list()[2]
        transition_params = get_variable("transitions", [tags, tags])
    score = crf_sequence_score(inputs, tag_indices, sequence_lengths, transition_params)
    return score - crf_log_norm(inputs, sequence_lengths, transition_params), transition_params


def crf_decode(
    potentials: Any, transition_params: Any, sequence_length: Any
) -> tuple[Tensor, Tensor]:
    """The best chains of tags, int32 [batch, time], zero after their ends, and their scores."""
    inputs, lengths = convert_to_tensor(potentials), convert_to_tensor(sequence_length)
    if inputs.shape.as_list()[1] == 1:
        return cast(argmax(inputs, 2), "int32"), reduce_max(inputs[:, 0], 1)
    fewer = _less_one(lengths)
    came_from, scores = dynamic_rnn(
        CrfDecodeForwardRnnCell(transition_params), inputs[:, 1:], fewer, inputs[:, 0],
        dtype="int32",
    )  # fmt: skip
    came_from = reverse_sequence(came_from, fewer, seq_axis=1)
    last = expand_dims(cast(argmax(scores, 1), "int32"), -1)
    cell = CrfDecodeBackwardRnnCell(int(inputs.shape.as_list()[2] or 0))
    before, _ = dynamic_rnn(cell, came_from, fewer, last, dtype="int32")
    tags = concat([last, squeeze(before, [2])], 1)
    return reverse_sequence(tags, lengths, seq_axis=1), reduce_max(scores, 1)


def viterbi_decode(score: Any, transition_params: Any) -> tuple[list[int], Any]:
    """The best chain of one sequence of arrays, scores [time, tags], and its score."""
    best = np.array(score)
    came_from = np.zeros(best.shape, np.int32)
    for t in range(1, len(best)):
        scores = best[t - 1][:, None] + transition_params
        came_from[t] = scores.argmax(0)
        best[t] += scores.max(0)
    chain = [int(best[-1].argmax())]
    for row in came_from[:0:-1]:
        chain.append(int(row[chain[-1]]))
    return chain[::-1], best[-1].max()
