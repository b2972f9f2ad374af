"""Scripts as people publish them: layers, losses, metrics and optimizers, on the digits."""

import numpy as np
import pytest

import graphflow as tf
from graphflow import datasets

NAMES = {
    "mlp": ["dense/kernel", "dense/bias", "out/kernel", "out/bias"],
    "slim": ["conv1/weights", "conv1/biases", "fc/weights", "fc/biases"],
}


@pytest.fixture(scope="module")
def digits():
    (images, labels), _ = datasets.load_digits()
    return images, labels.astype(np.int64)


@pytest.fixture(autouse=True)
def fresh_graph():
    with tf.Graph().as_default():
        tf.set_random_seed(1)
        yield


def steps(session, step, loss, feed, count=30):
    first = session.run(loss, feed)
    for _ in range(count):
        session.run(step, feed)
    return first, session.run(loss, feed)


def test_mlp(digits, tmp_path):
    images, labels = digits
    x = tf.placeholder(tf.float32, [None, 64])
    y = tf.placeholder(tf.int64, [None])
    regularizer = tf.contrib.layers.l2_regularizer(1e-4)
    hidden = tf.layers.dense(x, 32, tf.nn.relu, kernel_regularizer=regularizer)
    logits = tf.layers.dense(hidden, 10, name="out")
    tf.losses.sparse_softmax_cross_entropy(labels=y, logits=logits)
    loss = tf.losses.get_total_loss()
    accuracy, update = tf.metrics.accuracy(y, tf.argmax(logits, 1))
    step = tf.train.get_or_create_global_step()
    rate = tf.train.exponential_decay(0.5, step, 10, 0.9, staircase=True)
    train = tf.train.AdagradOptimizer(rate).minimize(loss, global_step=step)
    assert [v.op.name for v in tf.trainable_variables()] == NAMES["mlp"]
    with tf.Session() as session:
        session.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
        feed = {x: images[:256], y: labels[:256]}
        first, last = steps(session, train, loss, feed)
        assert last < first / 3
        session.run(update, feed)
        assert session.run(accuracy) > 0.8
        path = tf.train.Saver().save(session, str(tmp_path / "model"), global_step=step)
    saved = {name for name, _ in tf.train.list_variables(path)}
    assert {*NAMES["mlp"], "global_step", "dense/kernel/Adagrad"} <= saved


def test_convolutions_with_batch_normalisation_and_dropout(digits):
    images, labels = digits
    x = tf.placeholder(tf.float32, [None, 64])
    y = tf.placeholder(tf.float32, [None, 10])
    training = tf.placeholder(tf.bool, [])
    net = tf.layers.conv2d(tf.reshape(x, [-1, 8, 8, 1]), 8, 3, padding="same", use_bias=False)
    net = tf.nn.relu(tf.layers.batch_normalization(net, training=training, momentum=0.5))
    net = tf.layers.max_pooling2d(net, 2, 2)
    net = tf.layers.dropout(tf.layers.flatten(net), 0.2, training=training)
    logits = tf.layers.dense(net, 10)
    loss = tf.losses.softmax_cross_entropy(y, logits)
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        train = tf.train.AdamOptimizer(0.02).minimize(loss)
    hits = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(logits, 1), tf.argmax(y, 1)), tf.float32))
    mean = tf.global_variables("batch_normalization/moving_mean")[0]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        feed = {x: images[:128], y: np.eye(10, dtype=np.float32)[labels[:128]], training: True}
        first, last = steps(session, train, loss, feed)
        assert last < first / 3
        assert np.abs(session.run(mean)).max() > 0.01
        assert session.run(hits, {**feed, training: False}) > 0.9


def test_slim(digits):
    images, labels = digits
    slim = tf.contrib.slim
    x = tf.placeholder(tf.float32, [None, 8, 8, 1])
    y = tf.placeholder(tf.int64, [None])
    with slim.arg_scope(
        [slim.conv2d, slim.fully_connected], weights_regularizer=slim.l2_regularizer(1e-4)
    ):
        net = slim.conv2d(x, 8, [3, 3], scope="conv1")
        net = slim.flatten(slim.max_pool2d(net, [2, 2]))
        logits = slim.fully_connected(net, 10, activation_fn=None, scope="fc")
    slim.losses.sparse_softmax_cross_entropy(logits, y)
    loss = slim.losses.get_total_loss()
    train = slim.learning.create_train_op(loss, tf.train.MomentumOptimizer(0.1, 0.9))
    assert [v.op.name for v in slim.get_model_variables()] == NAMES["slim"]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        feed = {x: images[:128].reshape(-1, 8, 8, 1), y: labels[:128]}
        first, last = steps(session, train, loss, feed, 30)
        assert last < first / 3
        assert session.run(tf.train.get_global_step()) == 30


def test_optimize_loss_with_averages(digits):
    images, labels = digits
    x, y = tf.constant(images[:128]), tf.constant(labels[:128])
    logits = tf.contrib.layers.stack(x, tf.contrib.layers.fully_connected, [32, 10])
    loss = tf.losses.sparse_softmax_cross_entropy(y, logits)
    step = tf.train.get_or_create_global_step()
    train = tf.contrib.layers.optimize_loss(loss, step, 0.01, "Adam", clip_gradients=5.0)
    average = tf.train.ExponentialMovingAverage(0.9, step)
    with tf.control_dependencies([train]):
        update = average.apply()
    kept = average.average(tf.trainable_variables()[0])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        before = session.run(kept)
        first, last = steps(session, update, loss, {})
        assert last < first
        assert session.run(step) == 30
        assert not np.array_equal(before, session.run(kept))


def test_weights_decay_apart_from_the_gradient():
    w = tf.Variable([1.0, -2.0])
    optimizer = tf.contrib.opt.MomentumWOptimizer(0.1, learning_rate=0.5, momentum=0.0)
    train = optimizer.minimize(tf.reduce_sum(w * w))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(train)
        np.testing.assert_allclose(session.run(w), [-0.1, 0.2], rtol=1e-6)
