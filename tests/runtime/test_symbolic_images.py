"""Networks of images whose batch changes from run to run: one more compilation serves all sizes."""

import numpy as np
import pytest

import graphflow as tf
from graphflow import observe
from graphflow.runtime import shapes


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def network(x, y):
    """Convolutions with every kind of normalisation and pooling, and their training step."""
    h = x
    for k, filters in enumerate((6, 8)):
        kernel = tf.get_variable(
            f"kernel{k}", [3, 3, h.shape[-1], filters], initializer=tf.glorot_uniform_initializer(k)
        )
        h = tf.nn.conv2d(h, kernel, 2 if k else 1, "SAME")
        scale = tf.get_variable(f"scale{k}", [filters], initializer=tf.ones_initializer())
        offset = tf.get_variable(f"offset{k}", [filters], initializer=tf.zeros_initializer())
        h = tf.nn.relu(tf.nn.fused_batch_norm(h, scale, offset)[0])
        h = tf.nn.max_pool(h, 3, 2, "SAME") if k else tf.nn.avg_pool(h, 2, 2, "VALID")
    apart = tf.get_variable("apart", [2, 2, 8, 1], initializer=tf.ones_initializer())
    h = tf.nn.depthwise_conv2d(h, apart, [1, 1, 1, 1], "SAME")
    h = tf.reshape(h, [-1, 2 * 2 * 8])
    weights = tf.get_variable("weights", [32, 3], initializer=tf.glorot_uniform_initializer(9))
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=tf.matmul(h, weights))
    return tf.reduce_mean(losses)


def test_a_training_step_compiles_twice(monkeypatch):
    x = tf.placeholder(tf.float32, [None, 16, 16, 1])
    y = tf.placeholder(tf.int64, [None])
    loss = network(x, y)
    step = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
    random = np.random.default_rng(0)
    sizes = (16, 11, 7, 16, 30)
    feeds = [
        {x: random.standard_normal((n, 16, 16, 1)), y: random.integers(0, 3, n)} for n in sizes
    ]
    found, compiled = [], []

    def observer(program, stage, product, seconds):
        if stage == "program" and program.updates:
            compiled.append(program)

    for concrete in (False, True):
        if concrete:
            monkeypatch.setattr(shapes.SizesSeen, "generalized", lambda self, sizes: None)
        with tf.Session() as session, observe.observing(observer):
            session.run(tf.global_variables_initializer())
            compiled.clear()
            losses = [session.run([loss, step], feed)[0] for feed in feeds]
            found.append((losses, session.run(tf.trainable_variables()), len(compiled)))
    (losses, values, count), (wanted, expected, concrete_count) = found
    np.testing.assert_allclose(losses, wanted, rtol=2e-5)
    for value, other in zip(values, expected, strict=True):
        np.testing.assert_allclose(value, other, rtol=1e-3, atol=2e-5)
    assert count == 2
    assert concrete_count == 4
