"""Sequence models over lists of steps: TensorFlow's `tf.contrib.legacy_seq2seq`."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

from graphflow.graph import nest
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import float32
from graphflow.graph.tensor import Tensor
from graphflow.ops.casting import cast
from graphflow.ops.conditionals import cond
from graphflow.ops.creation import zeros
from graphflow.ops.elementwise import add_n
from graphflow.ops.gathering import gather
from graphflow.ops.identity import stop_gradient
from graphflow.ops.linear import matmul
from graphflow.ops.nn import xw_plus_b
from graphflow.ops.reductions import argmax, reduce_sum
from graphflow.ops.rnn_cell_base import linear
from graphflow.ops.rnn_wrappers import EmbeddingWrapper, OutputProjectionWrapper
from graphflow.ops.shape import reshape
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.slicing import concat
from graphflow.ops.softmax import softmax, sparse_softmax_cross_entropy_with_logits
from graphflow.ops.static_rnn import static_rnn
from graphflow.ops.unary import tanh
from graphflow.ops.variable_scope import get_variable, get_variable_scope, variable_scope

__all__ = [
    "attention_decoder",
    "basic_rnn_seq2seq",
    "embedding_attention_decoder",
    "embedding_attention_seq2seq",
    "embedding_rnn_decoder",
    "embedding_rnn_seq2seq",
    "model_with_buckets",
    "rnn_decoder",
    "sequence_loss",
    "sequence_loss_by_example",
    "tied_rnn_seq2seq",
]

_LoopFunction = Callable[[Any, int], Any]


def feed_previous_output(
    embedding: Any, output_projection: Any = None, update_embedding: bool = True
) -> _LoopFunction:
    """A loop function that gives the embedding of the greatest output as the next input."""

    def loop_function(previous: Any, _: int) -> Any:
        if output_projection is not None:
            previous = xw_plus_b(previous, output_projection[0], output_projection[1])
        embedded = gather(embedding, argmax(previous, 1))
        return embedded if update_embedding else stop_gradient(embedded)

    return loop_function


def rnn_decoder(
    decoder_inputs: Sequence[Any], initial_state: Any, cell: Any,
    loop_function: _LoopFunction | None = None, scope: Any = None,
) -> tuple[list[Any], Any]:  # fmt: skip
    """Apply a cell to a list of inputs.

    Parameters
    ----------
    loop_function : ``(last output, step)`` gives the input of each step but the first.
    """
    with variable_scope(scope or "rnn_decoder"):
        state, outputs, previous = initial_state, [], None
        for step, value in enumerate(decoder_inputs):
            if loop_function is not None and previous is not None:
                with variable_scope("loop_function", reuse=True):
                    value = loop_function(previous, step)
            if step > 0:
                get_variable_scope().reuse_variables()
            output, state = cell(value, state)
            outputs.append(output)
            previous = None if loop_function is None else output
    return outputs, state


def basic_rnn_seq2seq(
    encoder_inputs: Sequence[Any], decoder_inputs: Sequence[Any], cell: Any, dtype: Any = float32,
    scope: Any = None,
) -> tuple[list[Any], Any]:  # fmt: skip
    """An encoder whose last state is a decoder's first; each has its own variables."""
    with variable_scope(scope or "basic_rnn_seq2seq"):
        _, state = static_rnn(copy.deepcopy(cell), encoder_inputs, dtype=dtype)
        return rnn_decoder(decoder_inputs, state, cell)


def tied_rnn_seq2seq(
    encoder_inputs: Sequence[Any], decoder_inputs: Sequence[Any], cell: Any,
    loop_function: _LoopFunction | None = None, dtype: Any = float32, scope: Any = None,
) -> tuple[list[Any], Any]:  # fmt: skip
    """An encoder and a decoder with the same variables."""
    with variable_scope("combined_tied_rnn_seq2seq"):
        inner = scope or "tied_rnn_seq2seq"
        _, state = static_rnn(cell, encoder_inputs, dtype=dtype, scope=inner)
        get_variable_scope().reuse_variables()
        return rnn_decoder(decoder_inputs, state, cell, loop_function, scope=inner)


def embedding_rnn_decoder(
    decoder_inputs: Sequence[Any], initial_state: Any, cell: Any, num_symbols: int,
    embedding_size: int, output_projection: Any = None, feed_previous: bool = False,
    update_embedding_for_previous: bool = True, scope: Any = None,
) -> tuple[list[Any], Any]:  # fmt: skip
    """A decoder of integers; with `feed_previous`, of its own greatest outputs."""
    with variable_scope(scope or "embedding_rnn_decoder") as inner:
        dtype = inner.dtype if output_projection is None else output_projection[0].dtype
        embedding = get_variable("embedding", [num_symbols, embedding_size], dtype=dtype)
        loop = feed_previous_output(embedding, output_projection, update_embedding_for_previous)
        embedded = [gather(embedding, value) for value in decoder_inputs]
        return rnn_decoder(embedded, initial_state, cell, loop if feed_previous else None)


def _either(feed_previous: Any, decode: Callable[[bool], Any]) -> Any:
    """`decode(feed_previous)`, where that may be a tensor: then both are made."""
    if isinstance(feed_previous, bool):
        return decode(feed_previous)
    structure: list[Any] = []

    def branch(value: bool) -> list[Any]:
        with variable_scope(get_variable_scope(), reuse=None if value else True):
            outputs, state = decode(value)
        structure[:] = [len(outputs), state]
        return [*outputs, *nest.flatten(state)]

    flat = cond(feed_previous, lambda: branch(True), lambda: branch(False))
    count, state = structure
    return flat[:count], nest.pack_sequence_as(state, flat[count:])


def embedding_rnn_seq2seq(
    encoder_inputs: Sequence[Any], decoder_inputs: Sequence[Any], cell: Any,
    num_encoder_symbols: int, num_decoder_symbols: int, embedding_size: int,
    output_projection: Any = None, feed_previous: Any = False, dtype: Any = None, scope: Any = None,
) -> tuple[list[Any], Any]:  # fmt: skip
    """`basic_rnn_seq2seq` of integers; `feed_previous` may be a tensor."""
    with variable_scope(scope or "embedding_rnn_seq2seq") as inner:
        inner.set_dtype(dtype or inner.dtype)
        encoder = EmbeddingWrapper(copy.deepcopy(cell), num_encoder_symbols, embedding_size)
        _, state = static_rnn(encoder, encoder_inputs, dtype=inner.dtype)
        if output_projection is None:
            cell = OutputProjectionWrapper(cell, num_decoder_symbols)

        def decode(feeds: bool) -> Any:
            return embedding_rnn_decoder(
                decoder_inputs, state, cell, num_decoder_symbols, embedding_size,
                output_projection, feeds,
            )  # fmt: skip

        return _either(feed_previous, decode)


class _Attention:
    """The attention of one decoder: several heads over the same states."""

    def __init__(self, states: Tensor, heads: int) -> None:
        shape = states.shape.as_list()
        if shape[2] is None:
            raise ValueError(f"Shape[2] of attention_states must be known: {states.shape}")
        self.states, self.size = states, shape[2]
        self.length = shape[1] if shape[1] is not None else shape_of(states)[1]
        self.features, self.vectors = [], []
        for head in range(heads):
            kernel = get_variable(f"AttnW_{head}", [1, 1, self.size, self.size])
            flat = matmul(reshape(states, [-1, self.size]), reshape(kernel, [self.size, self.size]))
            self.features.append(reshape(flat, [-1, self.length, self.size]))
            self.vectors.append(get_variable(f"AttnV_{head}", [self.size]))

    def look(self, query: Any) -> list[Tensor]:
        """What each head sees of the states."""
        parts = nest.flatten(query)
        query = concat(parts, 1) if len(parts) > 1 else parts[0]
        seen = []
        for head, (features, vector) in enumerate(zip(self.features, self.vectors, strict=True)):
            with variable_scope(f"Attention_{head}"):
                asked = linear(query, self.size, True)
                score = reduce_sum(vector * tanh(features + asked[:, None]), [2])
                weights = softmax(score)
                seen.append(reduce_sum(weights[:, :, None] * self.states, [1]))
        return seen


def attention_decoder(
    decoder_inputs: Sequence[Any], initial_state: Any, attention_states: Tensor, cell: Any,
    output_size: int | None = None, num_heads: int = 1,
    loop_function: _LoopFunction | None = None, dtype: Any = None, scope: Any = None,
    initial_state_attention: bool = False,
) -> tuple[list[Any], Any]:  # fmt: skip
    """A decoder that looks at `attention_states` [batch, length, size] in each step.

    Parameters
    ----------
    output_size : of the outputs; the cell's when None.
    initial_state_attention : look at the states before the first step, too.

    Raises
    ------
    ValueError : no inputs, or less than one head.
    """
    if not decoder_inputs:
        raise ValueError("Must provide at least 1 input to attention decoder.")
    if num_heads < 1:
        raise ValueError("With less than 1 heads, use a non-attention decoder.")
    with variable_scope(scope or "attention_decoder", dtype=dtype) as inner:
        kind, state, outputs, previous = inner.dtype, initial_state, [], None
        attention = _Attention(attention_states, num_heads)
        batch = shape_of(decoder_inputs[0])[0]
        seen = [zeros([batch, attention.size], kind) for _ in range(num_heads)]
        for value in seen:
            value.set_shape([None, attention.size])
        if initial_state_attention:
            seen = attention.look(initial_state)
        for step, value in enumerate(decoder_inputs):
            if step > 0:
                get_variable_scope().reuse_variables()
            if loop_function is not None and previous is not None:
                with variable_scope("loop_function", reuse=True):
                    value = loop_function(previous, step)
            joined = [cast(part, kind) for part in (value, *seen)]
            output, state = cell(linear(joined, value.shape.as_list()[1], True), state)
            if step == 0 and initial_state_attention:
                with variable_scope(get_variable_scope(), reuse=True):
                    seen = attention.look(state)
            else:
                seen = attention.look(state)
            with variable_scope("AttnOutputProjection"):
                output = linear([output, *seen], output_size or cell.output_size, True)
            previous = None if loop_function is None else output
            outputs.append(output)
    return outputs, state


def embedding_attention_decoder(
    decoder_inputs: Sequence[Any], initial_state: Any, attention_states: Tensor, cell: Any,
    num_symbols: int, embedding_size: int, num_heads: int = 1, output_size: int | None = None,
    output_projection: Any = None, feed_previous: bool = False,
    update_embedding_for_previous: bool = True, dtype: Any = None, scope: Any = None,
    initial_state_attention: bool = False,
) -> tuple[list[Any], Any]:  # fmt: skip
    """`attention_decoder` of integers."""
    with variable_scope(scope or "embedding_attention_decoder", dtype=dtype):
        embedding = get_variable("embedding", [num_symbols, embedding_size])
        loop = feed_previous_output(embedding, output_projection, update_embedding_for_previous)
        embedded = [gather(embedding, value) for value in decoder_inputs]
        return attention_decoder(
            embedded, initial_state, attention_states, cell,
            cell.output_size if output_size is None else output_size, num_heads,
            loop if feed_previous else None, initial_state_attention=initial_state_attention,
        )  # fmt: skip


def embedding_attention_seq2seq(
    encoder_inputs: Sequence[Any], decoder_inputs: Sequence[Any], cell: Any,
    num_encoder_symbols: int, num_decoder_symbols: int, embedding_size: int, num_heads: int = 1,
    output_projection: Any = None, feed_previous: Any = False, dtype: Any = None,
    scope: Any = None, initial_state_attention: bool = False,
) -> tuple[list[Any], Any]:  # fmt: skip
    """An encoder of integers, and a decoder that looks at all the encoder's outputs."""
    with variable_scope(scope or "embedding_attention_seq2seq", dtype=dtype) as inner:
        encoder = EmbeddingWrapper(copy.deepcopy(cell), num_encoder_symbols, embedding_size)
        made, state = static_rnn(encoder, encoder_inputs, dtype=inner.dtype)
        states = concat([reshape(output, [-1, 1, cell.output_size]) for output in made], 1)
        output_size = None
        if output_projection is None:
            cell = OutputProjectionWrapper(cell, num_decoder_symbols)
            output_size = num_decoder_symbols

        def decode(feeds: bool) -> Any:
            return embedding_attention_decoder(
                decoder_inputs, state, states, cell, num_decoder_symbols, embedding_size,
                num_heads, output_size, output_projection, feeds,
                initial_state_attention=initial_state_attention,
            )  # fmt: skip

        return _either(feed_previous, decode)


def sequence_loss_by_example(
    logits: Sequence[Tensor], targets: Sequence[Any], weights: Sequence[Any],
    average_across_timesteps: bool = True, softmax_loss_function: Any = None,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """The weighted cross entropy of each sequence, given as lists of steps.

    Raises
    ------
    ValueError : the lists differ in length.
    """
    if len(targets) != len(logits) or len(weights) != len(logits):
        raise ValueError(
            "Lengths of logits, weights, and targets must be the same "
            f"{len(logits)}, {len(weights)}, {len(targets)}."
        )
    with name_scope(name, "sequence_loss_by_example", [*logits, *targets, *weights]):
        loss = softmax_loss_function or sparse_softmax_cross_entropy_with_logits
        weights = [convert_to_tensor(w) for w in weights]
        total = add_n([
            loss(labels=reshape(target, [-1]), logits=logit) * weight
            for logit, target, weight in zip(logits, targets, weights, strict=True)
        ])  # fmt: skip
        return total / (add_n(weights) + 1e-12) if average_across_timesteps else total


def sequence_loss(
    logits: Sequence[Tensor], targets: Sequence[Any], weights: Sequence[Any],
    average_across_timesteps: bool = True, average_across_batch: bool = True,
    softmax_loss_function: Any = None, name: str | None = None,
) -> Tensor:  # fmt: skip
    """The sum of `sequence_loss_by_example`, or its average over the batch."""
    with name_scope(name, "sequence_loss", [*logits, *targets, *weights]):
        each = sequence_loss_by_example(
            logits, targets, weights, average_across_timesteps, softmax_loss_function
        )
        total = reduce_sum(each)
        if not average_across_batch:
            return total
        return total / cast(shape_of(targets[0])[0], total.dtype)


def model_with_buckets(
    encoder_inputs: Sequence[Any], decoder_inputs: Sequence[Any], targets: Sequence[Any],
    weights: Sequence[Any], buckets: Sequence[tuple[int, int]], seq2seq: Callable[..., Any],
    softmax_loss_function: Any = None, per_example_loss: bool = False, name: str | None = None,
) -> tuple[list[Any], list[Tensor]]:  # fmt: skip
    """A model for several pairs of lengths, with the same variables; (outputs, losses) of each.

    Raises
    ------
    ValueError : a bucket is longer than the lists.
    """
    longest = buckets[-1]
    for what, given, needed in (
        ("encoder_inputs", encoder_inputs, longest[0]), ("targets", targets, longest[1]),
        ("weights", weights, longest[1]),
    ):  # fmt: skip
        if len(given) < needed:
            raise ValueError(
                f"Length of {what} ({len(given)}) must be at least that of last bucket ({needed})."
            )
    outputs, losses = [], []
    loss = sequence_loss_by_example if per_example_loss else sequence_loss
    with name_scope(name, "model_with_buckets"):
        for number, (sources, steps) in enumerate(buckets):
            with variable_scope(get_variable_scope(), reuse=True if number > 0 else None):
                made, _ = seq2seq(encoder_inputs[:sources], decoder_inputs[:steps])
                outputs.append(made)
                losses.append(
                    loss(made, targets[:steps], weights[:steps],
                         softmax_loss_function=softmax_loss_function)
                )  # fmt: skip
    return outputs, losses
