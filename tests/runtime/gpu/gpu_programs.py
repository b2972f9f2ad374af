"""Programs with everything that a run on a GPU may have in it.

Each makes its graph and returns fetches and feeds; variables are initialised before the first run.
"""

from __future__ import annotations

import numpy as np

import graphflow as tf


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def _mlp(optimizer):
    x = tf.placeholder(tf.float32, [None, 40], name="x")
    labels = tf.placeholder(tf.int64, [None], name="labels")
    hidden = tf.layers.dense(x, 33, tf.nn.relu, kernel_initializer=_normal(1))
    logits = tf.layers.dense(hidden, 35, kernel_initializer=_normal(2))
    loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
    feeds = {x: numbers(6, 40), labels: np.array([0, 3, 34, 7, 7, 1])}
    return [loss, optimizer.minimize(loss), tf.argmax(logits, 1)], feeds


def _normal(seed):
    return tf.random_normal_initializer(stddev=0.1, seed=seed)


def mlp_sgd():
    return _mlp(tf.train.GradientDescentOptimizer(0.1))


def mlp_adam():
    return _mlp(tf.train.AdamOptimizer(0.01))


def conv_net():
    x = tf.placeholder(tf.float32, [2, 8, 8, 3], name="x")
    h = tf.layers.conv2d(x, 8, 3, activation=tf.nn.relu, kernel_initializer=_normal(1))
    h = tf.layers.max_pooling2d(tf.layers.batch_normalization(h, training=True), 2, 2)
    loss = tf.reduce_mean(tf.layers.dense(tf.layers.flatten(h), 33, kernel_initializer=_normal(2)))
    step = tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss)
    return [loss, step], {x: numbers(2, 8, 8, 3)}


def while_loop():
    w = tf.placeholder(tf.float32, [40, 40], name="w")

    def body(i, a):
        return i + 1, tf.tanh(tf.matmul(a, w) * 0.1) + a

    rounds, a = tf.while_loop(lambda i, a: i < 5, body, [0, tf.ones([3, 40])])
    return [rounds, a, tf.reduce_sum(a, 1)], {w: numbers(40, 40)}


def loop_without_rounds():
    n = tf.placeholder(tf.int32, [], name="n")
    x = tf.placeholder(tf.float32, [64], name="x")
    _, a = tf.while_loop(lambda i, a: i < n, lambda i, a: (i + 1, tf.exp(-a * x)), [0, x * 2])
    return [a, a + x], {n: 0, x: numbers(64)}


def loop_with_gradient():
    v = tf.Variable(np.full(40, 0.5, np.float32))
    _, a = tf.while_loop(lambda i, a: i < 4, lambda i, a: (i + 1, tf.sin(a * v)), [0, tf.ones(40)])
    loss = tf.reduce_sum(a**2)
    return [loss, tf.train.GradientDescentOptimizer(0.1).minimize(loss), tf.gradients(loss, v)], {}


def branches():
    x = tf.placeholder(tf.float32, [64], name="x")
    y = tf.cond(tf.reduce_sum(x) > 0, lambda: tf.sqrt(tf.abs(x) + 1), lambda: tf.exp(x))
    z = tf.cond(tf.reduce_sum(y) > 1e9, lambda: x, lambda: y * 2)
    return [y, z, tf.reduce_sum(z)], {x: numbers(64)}


def lstm():
    x = tf.placeholder(tf.float32, [2, 3, 6], name="x")
    cell = tf.nn.rnn_cell.BasicLSTMCell(33)
    with tf.variable_scope("rnn", initializer=_normal(3)):
        outputs, _ = tf.nn.dynamic_rnn(cell, x, dtype=tf.float32)
    loss = tf.reduce_sum(outputs**2)
    return [loss, tf.train.GradientDescentOptimizer(0.1).minimize(loss)], {x: numbers(2, 3, 6)}


def draws():
    return [tf.random_uniform([300], seed=1), tf.random_normal([3, 50], seed=2) * 2], {}


def texts_and_calls():
    x = tf.placeholder(tf.float32, [5], name="x")
    y = tf.exp(x) * 2
    called = tf.py_func(lambda a: (a * 3).astype(np.float32), [y], tf.float32) + 1
    text = tf.strings.join([tf.as_string(tf.cast(y, tf.int32)), "!"])
    return [text, y, called], {x: np.arange(5, dtype=np.float32)}


def host_between():
    x = tf.placeholder(tf.float32, [6, 6], name="x")
    inverse = tf.linalg.inv(x + 10 * tf.eye(6))
    values, _ = tf.unique(tf.cast(x[0] * 2, tf.int32))
    return [tf.matmul(tf.exp(inverse), x), values + 1, tf.svd(x, compute_uv=False) * 2], {
        x: numbers(6, 6)
    }


def assignments():
    v = tf.Variable(numbers(50), name="v")
    w = tf.Variable(numbers(50, seed=1), name="w")
    swapped = tf.group(tf.assign(v, w + 0), tf.assign(w, v * 2))
    with tf.control_dependencies([swapped]):
        counted = tf.assign_add(tf.Variable(0, name="count"), 1)
    return [counted, v.read_value()], {}


def embedding():
    table = tf.Variable(numbers(9, 40), name="table")
    ids = tf.placeholder(tf.int32, [5], name="ids")
    rows = tf.nn.embedding_lookup(table, ids)
    loss = tf.reduce_sum(rows**2)
    return [loss, tf.train.AdagradOptimizer(0.1).minimize(loss)], {ids: np.array([8, 0, 8, 3, 1])}


def nothing_there():
    x = tf.placeholder(tf.float32, [0, 40], name="x")
    return [tf.exp(x), tf.reduce_sum(x, 0), tf.matmul(x, tf.ones([40, 3]))], {
        x: np.zeros((0, 40), np.float32)
    }


def long_rows():
    x = tf.placeholder(tf.float32, [2, 20000], name="x")
    return [tf.reduce_logsumexp(x, 1), tf.reduce_max(tf.nn.softmax(x)), x[0, :3]], {
        x: numbers(2, 20000)
    }


def fetched_as_they_are():
    x = tf.placeholder(tf.float32, [40], name="x")
    v = tf.Variable(numbers(40), name="v")
    return [x, v, tf.constant([1, 2, 3]), tf.reshape(v, [8, 5]), x + v, x + v], {x: numbers(40)}


PROGRAMS = {
    made.__name__: made
    for made in (
        mlp_sgd, mlp_adam, conv_net, while_loop, loop_without_rounds, loop_with_gradient, branches,
        lstm, draws, texts_and_calls, host_between, assignments, embedding, nothing_there,
        long_rows, fetched_as_they_are,
    )
}  # fmt: skip
