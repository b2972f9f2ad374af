"""Records graphs of TensorFlow 1.15 with gradients of loops, and what they compute."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

VALUE = np.random.RandomState(0).standard_normal((2, 4, 3)).astype(np.float32)


def power(x):
    _, y = tf.while_loop(lambda i, v: i < 4, lambda i, v: (i + 1, tf.tanh(v) * x), [0, x])
    return y


def mapped(x):
    return tf.map_fn(lambda row: tf.exp(row) * tf.reduce_sum(row, 1, keepdims=True), x)


def recurrent(x):
    with tf.variable_scope("net", initializer=tf.constant_initializer(0.3), reuse=tf.AUTO_REUSE):
        cell = tf.nn.rnn_cell.GRUCell(2)
        return tf.nn.dynamic_rnn(cell, x, tf.constant([2, 4]), dtype=tf.float32)[0]


def branching(x):
    def body(i, v):
        return i + 1, tf.cond(tf.equal(i % 2, 0), lambda: v * x, lambda: tf.sin(v))

    return tf.while_loop(lambda i, v: i < 3, body, [0, x])[1]


def nested(x):
    def body(i, v):
        return i + 1, tf.while_loop(lambda j, w: j < 2, lambda j, w: (j + 1, w * x), [0, v])[1]

    return tf.while_loop(lambda i, v: i < 2, body, [0, tf.tanh(x)])[1]


def ragged(x):
    def body(i, v):
        return i + 1, tf.while_loop(lambda j, w: j <= i, lambda j, w: (j + 1, w * x), [0, v])[1]

    return tf.while_loop(lambda i, v: i < 3, body, [0, tf.tanh(x)])[1]


def mapped_recurrent(x):
    return tf.map_fn(lambda row: recurrent(tf.stack([row, row]))[0], x)


def attended(x):
    s2s = tf.contrib.seq2seq
    with tf.variable_scope("net", initializer=tf.constant_initializer(0.3)):
        attention = s2s.LuongAttention(2, x, memory_sequence_length=tf.constant([2, 4]))
        cell = s2s.AttentionWrapper(tf.nn.rnn_cell.GRUCell(2), attention, 3)
        helper = s2s.TrainingHelper(tf.sin(x), tf.constant([4, 3]))
        decoder = s2s.BasicDecoder(cell, helper, cell.zero_state(tf.shape(x)[0], tf.float32))
        return s2s.dynamic_decode(decoder)[0].rnn_output


found = {"value": VALUE}
for make in (power, mapped, recurrent, branching, nested, ragged, mapped_recurrent, attended):
    with tf.Graph().as_default() as graph, tf.Session() as session:
        x = tf.placeholder(tf.float32, [None, 4, 3], name="x")
        y = tf.identity(make(x), name="y")
        loss = tf.reduce_sum(tf.square(y))
        tf.identity(tf.gradients(loss, x)[0], name="gradient")
        session.run(tf.global_variables_initializer())
        graph_def = tf.graph_util.convert_variables_to_constants(
            session, graph.as_graph_def(), ["y", "gradient"]
        )
        name = make.__name__
        found[f"{name}/y"], found[f"{name}/gradient"] = session.run(
            ["y:0", "gradient:0"], {"x:0": VALUE}
        )
        found[f"{name}/graph"] = np.frombuffer(graph_def.SerializeToString(), np.uint8)
np.savez_compressed(str(Path(__file__).parent / "tf115_loop_gradients.npz"), **found)
