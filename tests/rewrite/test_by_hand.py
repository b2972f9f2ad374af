"""What users write by hand, and its gradients, in sessions: where the textbook form fails."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special

import graphflow as tf

FAR = np.array([[-300.0, -30.0, -1.0, 0.0, 2.0, 300.0]], np.float32)


def value_and_gradient(build, array, level=1):
    """A function's value and the gradient of its sum, by compiled code."""
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, array.shape)
        y = build(x)
        options = tf.OptimizerOptions(opt_level=0 if level else tf.OptimizerOptions.L0)
        config = tf.ConfigProto(graph_options=tf.GraphOptions(optimizer_options=options))
        with tf.Session(config=config) as session:
            return session.run([y, tf.gradients(tf.reduce_sum(y), x)[0]], {x: array})


def softmax(x):
    return tf.exp(x) / tf.reduce_sum(tf.exp(x), 1, keepdims=True)


def softmax_of(array):
    return scipy.special.softmax(array.astype(np.float64), axis=1)


LABELS = np.array([[1, 0, 1, 0.25, 0, 1]], np.float32)
BY_HAND = {
    "cross entropy": (
        lambda x: LABELS * tf.log(tf.sigmoid(x)) + (1 - LABELS) * tf.log(1 - tf.sigmoid(x)),
        lambda v: -(LABELS * np.logaddexp(0, -v) + (1 - LABELS) * np.logaddexp(0, v)),
        lambda v: LABELS - scipy.special.expit(v),
    ),
    "log of a sigmoid": (
        lambda x: tf.log(tf.sigmoid(x)),
        lambda v: -np.logaddexp(0, -v),
        lambda v: scipy.special.expit(-v),
    ),
    "log-sum-exp": (
        lambda x: tf.log(tf.reduce_sum(tf.exp(x), 1)),
        lambda v: scipy.special.logsumexp(v, axis=1),
        softmax_of,
    ),
    "log-mean-exp": (
        lambda x: tf.log(tf.reduce_mean(tf.exp(x), 1, keepdims=True)),
        lambda v: scipy.special.logsumexp(v, axis=1, keepdims=True) - np.log(v.shape[1]),
        softmax_of,
    ),
    "cross entropy of a softmax": (
        lambda x: -tf.reduce_sum(LABELS * tf.log(softmax(x)), 1),
        lambda v: -(LABELS * scipy.special.log_softmax(v, axis=1)).sum(1),
        lambda v: LABELS.sum() * softmax_of(v) - LABELS,
    ),
    "square of a softmax": (
        lambda x: softmax(x) ** 2,
        lambda v: softmax_of(v) ** 2,
        lambda v: 2 * softmax_of(v) * (softmax_of(v) - (softmax_of(v) ** 2).sum(1)),
    ),
    "log of TensorFlow's softmax": (
        lambda x: tf.log(tf.nn.softmax(x))[:, 2:],
        lambda v: scipy.special.log_softmax(v, axis=1)[:, 2:],
        lambda v: np.array([[0, 0, 1, 1, 1, 1]]) - 4 * softmax_of(v),
    ),
    "complementary error function": (
        lambda x: tf.log(tf.erfc(x / 10)),
        lambda v: scipy.special.log_ndtr(-v / 10 * np.sqrt(2)) + np.log(2),
        lambda v: -0.2 / np.sqrt(np.pi) / scipy.special.erfcx(np.minimum(v / 10, 1e6)),
    ),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_value_and_gradient_are_finite_and_right(name: str) -> None:
    build, value, slope = BY_HAND[name]
    found, gradient = value_and_gradient(build, FAR)
    exact = FAR.astype(np.float64)
    np.testing.assert_allclose(found, value(exact), rtol=3e-6, atol=1e-6)
    np.testing.assert_allclose(gradient, slope(exact), rtol=2e-5, atol=2e-6)


SAFE = {
    "masked logarithm": lambda x: tf.where(x > 0, tf.log(tf.where(x > 0, x, tf.ones_like(x))), x),
    "masked root": lambda x: tf.where(x > 0, tf.sqrt(tf.where(x > 0, x, tf.ones_like(x))), 0 * x),
}


@pytest.mark.parametrize("name", SAFE)
def test_masked_functions_keep_finite_gradients(name: str) -> None:
    found, gradient = value_and_gradient(SAFE[name], FAR)
    assert np.isfinite(found).all()
    assert np.isfinite(gradient).all()
