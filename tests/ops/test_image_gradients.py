"""Gradients of ops on colours, signals and embeddings, against differences, and of images."""

import numpy as np
import pytest
from gradcheck import check_gradient

import graphflow as tf

RANDOM = np.random.default_rng(5)


def test_colours():
    pixels = RANDOM.permuted(np.linspace(0.1, 0.9, 24)).reshape(2, 4, 3)  # far from ties
    check_gradient(tf.image.rgb_to_hsv, pixels)
    check_gradient(tf.image.rgb_to_yuv, pixels)
    check_gradient(lambda x: tf.image.total_variation(x), pixels, order=1)


def test_embedding():
    table, ids = RANDOM.standard_normal((5, 3)), tf.constant
    check_gradient(lambda w: tf.nn.embedding_lookup(w, ids([[1, 4], [1, 0]])), table)
    check_gradient(lambda w: tf.nn.embedding_lookup(w, ids([1, 4, 1]), max_norm=1.0), table)
    check_gradient(
        lambda v, w: tf.nn.embedding_lookup([v, w], ids([1, 4, 1, 0]), "div"), table[:3], table[3:]
    )


def test_swish():
    x = RANDOM.standard_normal(9)
    check_gradient(tf.nn.swish, x)
    with tf.Session() as session:
        np.testing.assert_allclose(session.run(tf.nn.swish(x)), x / (1 + np.exp(-x)), rtol=1e-12)


def test_frames():
    signal = RANDOM.standard_normal((2, 13))
    check_gradient(lambda x: tf.signal.overlap_and_add(tf.signal.frame(x, 4, 3) ** 2, 2), signal)


@pytest.mark.parametrize("resize", ["bilinear", "bicubic", "nearest_neighbor"])
def test_resizing_and_its_gradient_are_adjoint(resize):
    function = getattr(tf.image, f"resize_{resize}")
    x = RANDOM.random((2, 4, 5, 2)).astype(np.float32)
    y = RANDOM.random((2, 7, 3, 2)).astype(np.float32)
    image = tf.constant(x)
    resized = function(image, [7, 3])
    back = tf.gradients(resized, image, grad_ys=tf.constant(y))[0]
    again = tf.gradients(back, back.op.inputs[0], grad_ys=image)[0]
    with tf.Session() as session:
        forward, adjoint, second = session.run([resized, back, again])
    np.testing.assert_allclose(np.sum(forward * y), np.sum(adjoint * x), rtol=1e-5)
    np.testing.assert_allclose(second, forward, rtol=1e-5)


def test_ctc_loss_has_no_second_gradient():
    x = tf.placeholder(tf.float32, [4, 1, 3])
    labels = tf.SparseTensor([[0, 0]], [1], [1, 1])
    first = tf.gradients(tf.nn.ctc_loss(labels, x, [4]), x)
    with pytest.raises(LookupError):
        tf.gradients(first, x)
