"""Recurrent networks of which values, gradients, names and shapes were recorded from TensorFlow.

A scenario takes the module, inputs [batch, 5, 3] and lengths, and returns a structure of tensors.
"""

from __future__ import annotations

import numpy as np

INPUTS = np.random.RandomState(0).randn(3, 5, 3).astype(np.float32)
LENGTHS = np.array([5, 2, 3], np.int32)


def dynamic(make, **options):
    def build(tf, x, lengths):
        given = {"sequence_length": lengths} if options.get("ragged") else {}
        return tf.nn.dynamic_rnn(make(tf), x, dtype=tf.float32, **given)

    return build


def time_major(tf, x, lengths):
    cell = tf.nn.rnn_cell.GRUCell(4)
    return tf.nn.dynamic_rnn(cell, tf.transpose(x, [1, 0, 2]), time_major=True, dtype=tf.float32)


def bidirectional(tf, x, lengths):
    cells = tf.nn.rnn_cell.GRUCell(4), tf.nn.rnn_cell.BasicRNNCell(4)
    return tf.nn.bidirectional_dynamic_rnn(*cells, x, sequence_length=lengths, dtype=tf.float32)


def static(tf, x, lengths):
    cell = tf.nn.rnn_cell.BasicLSTMCell(4)
    steps = tf.unstack(x, axis=1)
    return tf.nn.static_rnn(cell, steps, sequence_length=lengths, dtype=tf.float32)


def static_bidirectional(tf, x, lengths):
    cells = tf.nn.rnn_cell.GRUCell(4), tf.nn.rnn_cell.GRUCell(4)
    steps = tf.unstack(x, axis=1)
    return tf.nn.static_bidirectional_rnn(*cells, steps, sequence_length=lengths, dtype=tf.float32)


def raw(tf, x, lengths):
    cell = tf.nn.rnn_cell.LSTMCell(4)
    batch = tf.shape(x)[0]
    steps = tf.TensorArray(tf.float32, size=5).unstack(tf.transpose(x, [1, 0, 2]))

    def loop_fn(time, output, state, loop_state):
        following = cell.zero_state(batch, tf.float32) if output is None else state
        finished = time >= lengths
        value = tf.cond(
            tf.reduce_all(finished), lambda: tf.zeros([batch, 3]), lambda: steps.read(time)
        )
        value.set_shape([None, 3])
        return finished, value, following, output, None

    emitted, state, _ = tf.nn.raw_rnn(cell, loop_fn)
    return emitted.stack(), state


def fused(tf, x, lengths):
    cell = tf.contrib.rnn.LSTMBlockFusedCell(4)
    inputs = tf.transpose(x, [1, 0, 2])
    return cell(inputs, dtype=tf.float32, sequence_length=lengths)


def stacked(tf):
    cells = tf.nn.rnn_cell
    return cells.MultiRNNCell([
        cells.ResidualWrapper(cells.GRUCell(3)), cells.DropoutWrapper(cells.BasicLSTMCell(4)),
    ])  # fmt: skip


def full_lstm(tf):
    return tf.nn.rnn_cell.LSTMCell(4, use_peepholes=True, num_proj=2, cell_clip=1.0, proj_clip=0.8)


def projections(tf):
    rnn = tf.contrib.rnn
    inner = rnn.InputProjectionWrapper(rnn.GRUCell(4), 5)
    return rnn.OutputProjectionWrapper(inner, 3)


SCENARIOS = {
    "basic": dynamic(lambda tf: tf.nn.rnn_cell.BasicRNNCell(4)),
    "lstm": dynamic(lambda tf: tf.nn.rnn_cell.BasicLSTMCell(4), ragged=True),
    "full_lstm": dynamic(full_lstm, ragged=True),
    "time_major": time_major,
    "stacked": dynamic(stacked, ragged=True),
    "bidirectional": bidirectional,
    "layer_norm": dynamic(lambda tf: tf.contrib.rnn.LayerNormBasicLSTMCell(4)),
    "block": dynamic(lambda tf: tf.contrib.rnn.LSTMBlockCell(4, use_peephole=True)),
    "gru_block": dynamic(lambda tf: tf.contrib.rnn.GRUBlockCellV2(4)),
    "projections": dynamic(projections),
    "static": static,
    "static_bidirectional": static_bidirectional,
    "raw": raw,
    "fused": fused,
}


def flatten(value):
    """The tensors of a structure."""
    if isinstance(value, (list, tuple)):
        return [tensor for part in value for tensor in flatten(part)]
    return [value]


def answers(tf, name):
    """What a scenario gives: values and gradients, variables' names, static shapes."""
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [None, 5, 3])
        lengths = tf.placeholder(tf.int32, [None])
        tensors = flatten(SCENARIOS[name](tf, x, lengths))
        variables = tf.trainable_variables()
        loss = sum(tf.reduce_sum(t * t) for t in tensors)
        found = tf.gradients(loss, [x, *variables])
        random = np.random.RandomState(1)
        session.run([v.assign(random.randn(*v.shape.as_list()) * 0.5) for v in variables])
        values = session.run(tensors + found, {x: INPUTS, lengths: LENGTHS})
        known = [str(t.shape.as_list()) for t in tensors]
    return values, [v.name for v in variables], known
