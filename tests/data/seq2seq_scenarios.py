"""Decoders and attention of which values, gradients and names were recorded from TensorFlow."""

from __future__ import annotations

import numpy as np
from rnn_scenarios import INPUTS, LENGTHS, flatten

TABLE = np.random.RandomState(2).randn(6, 3).astype(np.float32)
STARTS = np.array([0, 1, 2], np.int32)


def _cell(tf, units=6):
    return tf.nn.rnn_cell.GRUCell(units)


def training(tf, x, lengths):
    seq2seq = tf.contrib.seq2seq
    helper = seq2seq.TrainingHelper(x, lengths)
    cell = _cell(tf)
    decoder = seq2seq.BasicDecoder(cell, helper, cell.zero_state(3, tf.float32))
    outputs, state, counts = seq2seq.dynamic_decode(decoder, impute_finished=True)
    return outputs.rnn_output, state, outputs.sample_id, counts


def greedy(tf, x, lengths):
    seq2seq = tf.contrib.seq2seq
    helper = seq2seq.GreedyEmbeddingHelper(tf.constant(TABLE), STARTS, 1)
    cell = _cell(tf)
    decoder = seq2seq.BasicDecoder(cell, helper, tf.tanh(tf.concat([x[:, 0], x[:, 1]], 1)))
    outputs, state, counts = seq2seq.dynamic_decode(decoder, maximum_iterations=7)
    return outputs.rnn_output, state, outputs.sample_id, counts


def attention(kind, **options):
    def build(tf, x, lengths):
        seq2seq = tf.contrib.seq2seq
        mechanism = getattr(seq2seq, kind)(6, x, memory_sequence_length=lengths, **options)
        cell = seq2seq.AttentionWrapper(
            _cell(tf), mechanism, attention_layer_size=4, alignment_history=True
        )
        helper = seq2seq.TrainingHelper(x, lengths)
        decoder = seq2seq.BasicDecoder(cell, helper, cell.zero_state(3, tf.float32))
        outputs, state, _ = seq2seq.dynamic_decode(decoder)
        history = state.alignment_history.stack()
        return outputs.rnn_output, state.cell_state, state.alignments, history

    return build


def beams(tf, x, lengths):
    seq2seq = tf.contrib.seq2seq
    start = tf.tanh(tf.concat([x[:, 0], x[:, 1]], 1))
    decoder = seq2seq.BeamSearchDecoder(
        _cell(tf), tf.constant(TABLE), STARTS, 5, seq2seq.tile_batch(start, 3), 3,
        length_penalty_weight=0.6,
    )  # fmt: skip
    outputs, state, counts = seq2seq.dynamic_decode(decoder, maximum_iterations=6)
    inner = outputs.beam_search_decoder_output
    return state.log_probs, inner.scores, outputs.predicted_ids, inner.parent_ids, counts


SOURCES = np.random.RandomState(3).randint(0, 5, [3, 3]).astype(np.int32)
TARGETS = np.random.RandomState(4).randint(0, 6, [3, 3]).astype(np.int32)


def legacy(name, *arguments, **options):
    def build(tf, x, lengths):
        model = getattr(tf.contrib.legacy_seq2seq, name)
        if name.startswith("embedding"):
            lists = [[tf.constant(row) for row in rows] for rows in (SOURCES, TARGETS)]
        else:
            lists = [tf.unstack(x[:, :2], axis=1), tf.unstack(x[:, 3:], axis=1)]
        outputs, state = model(*lists, _cell(tf, 4), *arguments, **options)
        targets = [tf.constant(row % 4) for row in TARGETS[: len(outputs)]]
        weights = [tf.ones([3])] * len(outputs)
        loss = tf.contrib.legacy_seq2seq.sequence_loss(outputs, targets, weights)
        return outputs, state, loss

    return build


SCENARIOS = {
    "legacy_basic": legacy("basic_rnn_seq2seq"),
    "legacy_tied": legacy("tied_rnn_seq2seq"),
    "legacy_embedding": legacy("embedding_rnn_seq2seq", 5, 6, 3, feed_previous=True),
    "legacy_attention": legacy(
        "embedding_attention_seq2seq", 5, 6, 3, num_heads=2, initial_state_attention=True
    ),
    "training": training,
    "greedy": greedy,
    "bahdanau": attention("BahdanauAttention"),
    "normalized": attention("BahdanauAttention", normalize=True),
    "luong": attention("LuongAttention", scale=True),
    "beams": beams,
}
WITHOUT_GRADIENT = ("beams", "legacy_embedding", "legacy_attention")


def answers(tf, name):
    """What a scenario gives: values and gradients, and the variables' names."""
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [3, 5, 3])
        lengths = tf.placeholder(tf.int32, [3])
        tensors = flatten(SCENARIOS[name](tf, x, lengths))
        variables = tf.trainable_variables()
        found = []
        if name not in WITHOUT_GRADIENT:
            floats = [t for t in tensors if t.dtype.is_floating]
            found = tf.gradients(sum(tf.reduce_sum(t * t) for t in floats), [x, *variables])
        random = np.random.RandomState(1)
        session.run([v.assign(random.randn(*v.shape.as_list()) * 0.8) for v in variables])
        values = session.run(tensors + found, {x: INPUTS, lengths: LENGTHS})
    return values, [v.name for v in variables]
