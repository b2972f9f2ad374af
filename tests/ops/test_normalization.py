"""Normalisation, dilation and patches through a session."""

import numpy as np
import pytest
from gradcheck import check_gradient

import graphflow as tf
from graphflow.graph.graph import Graph


@pytest.fixture(autouse=True)
def fresh_graph():
    with Graph().as_default() as graph:
        yield graph


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("training", [True, False])
def test_fused_batch_norm_is_what_small_ops_give(training):
    """Values, gradients, and gradients of gradients, in both layouts."""
    x = tf.constant(normal(0, 4, 5, 3, 6).astype(np.float32))
    scale, offset = (tf.constant(normal(k, 6).astype(np.float32)) for k in (1, 2))
    given = [tf.constant(v.astype(np.float32)) for v in (normal(3, 6), normal(4, 6) ** 2 + 0.5)]

    def small(x, scale, offset):
        mean, variance = tf.nn.moments(x, [0, 1, 2]) if training else given
        return tf.nn.batch_normalization(x, mean, variance, offset, scale, 0.01)

    def fused(layout):
        def build(x, scale, offset):
            population = [] if training else given
            x = tf.transpose(x, [0, 3, 1, 2]) if layout == "NCHW" else x
            y = tf.nn.fused_batch_norm(
                x, scale, offset, *population, epsilon=0.01, data_format=layout,
                is_training=training,
            )[0]  # fmt: skip
            return tf.transpose(y, [0, 2, 3, 1]) if layout == "NCHW" else y

        return build

    xs = [x, scale, offset]
    found = []
    for build in (small, fused("NHWC"), fused("NCHW")):
        y = build(*xs)
        first = tf.gradients(tf.sin(y), xs)
        second = tf.gradients([tf.square(g) for g in first], xs)
        found.append([y, *first, *second])
    with tf.Session() as session:
        wanted, *others = session.run(found)
    for values in others:
        for value, expected in zip(values, wanted, strict=True):
            scale = max(np.abs(expected).max(), 1)
            np.testing.assert_allclose(value, expected, rtol=1e-3, atol=1e-4 * scale)


def test_fused_batch_norm_of_half_width_images():
    x = normal(0, 8, 4, 4, 3).astype(np.float16)
    y, mean, variance = tf.nn.fused_batch_norm(x, np.ones(3, "f4"), np.zeros(3, "f4"))
    gradient = tf.gradients(tf.square(y), y.op.inputs[0])[0]
    assert (y.dtype, mean.dtype, gradient.dtype) == (tf.float16, tf.float32, tf.float16)
    with tf.Session() as session:
        values, mean, variance, _ = session.run([y, mean, variance, gradient])
    wide = x.astype(np.float64)
    np.testing.assert_allclose(mean, wide.mean((0, 1, 2)), atol=1e-6)
    np.testing.assert_allclose(variance, wide.var((0, 1, 2), ddof=1), rtol=1e-5)
    np.testing.assert_allclose(values.astype(float).mean((0, 1, 2)), 0, atol=2e-3)


def test_moving_statistics_in_a_training_step():
    x = tf.placeholder(tf.float32, [None, 4, 4, 3])
    scale, offset = tf.Variable(tf.ones([3])), tf.Variable(tf.zeros([3]))
    average = tf.Variable(tf.zeros([3]))
    y, mean, _ = tf.nn.fused_batch_norm(x, scale, offset)
    loss = tf.reduce_mean(tf.square(y - 1.0))
    update = tf.assign_sub(average, (average - mean) * 0.1)
    with tf.control_dependencies([update]):
        step = tf.train.GradientDescentOptimizer(0.5).minimize(loss, var_list=[scale, offset])
    values = 3 + normal(0, 5, 4, 4, 3)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        first = session.run(loss, {x: values})
        for _ in range(20):
            session.run(step, {x: values})
        assert session.run(loss, {x: values}) < 0.01 * first
        expected = values.mean((0, 1, 2)) * (1 - 0.9**20)
        np.testing.assert_allclose(session.run(average), expected, rtol=1e-5)


@pytest.mark.parametrize(("radius", "channels"), [(0, 3), (2, 5), (5, 20)])
def test_local_response_normalisation(radius, channels):
    x = normal(0, 2, 3, 2, channels).astype(np.float32)
    y = tf.nn.lrn(x, radius, bias=0.5, alpha=0.2, beta=0.75)
    with tf.Session() as session:
        found = session.run(y)
    for c in range(channels):
        near = x[..., max(c - radius, 0) : c + radius + 1]
        level = (0.5 + 0.2 * (near.astype(float) ** 2).sum(-1)) ** -0.75
        np.testing.assert_allclose(found[..., c], x[..., c] * level, rtol=1e-5)


def test_statistics_of_sizes_known_in_the_run_only():
    x = tf.placeholder(tf.float64, [None, 3])
    counts, total, squares, _ = tf.nn.sufficient_statistics(x, [0])
    mean, variance = tf.nn.normalize_moments(counts, total, squares, None)
    values = normal(0, 7, 3)
    with tf.Session() as session:
        found = session.run([counts, mean, variance], {x: values})
    np.testing.assert_allclose(found[0], 7)
    np.testing.assert_allclose(found[1:], [values.mean(0), values.var(0)], rtol=1e-10)


def test_patches_and_their_gradients():
    x = normal(0, 2, 6, 7, 3)
    for stride, rate, padding in ((1, 1, "SAME"), (2, 1, "VALID"), (1, 2, "VALID")):
        around = [[1, n, n, 1] for n in (stride, rate)]
        check_gradient(
            lambda x, a=around, p=padding: tf.square(
                tf.image.extract_image_patches(x, [1, 3, 2, 1], *a, p)
            ),
            x,
        )
    volumes = tf.extract_volume_patches(normal(1, 1, 4, 4, 4, 2), [1, 2, 2, 2, 1], [1, 2, 2, 2, 1],
                                        "VALID")  # fmt: skip
    assert volumes.shape.as_list() == [1, 2, 2, 2, 16]
    with tf.Session() as session:
        found = session.run(volumes)
    np.testing.assert_array_equal(
        found[0, 1, 0, 1].reshape(2, 2, 2, 2), normal(1, 1, 4, 4, 4, 2)[0, 2:4, 0:2, 2:4]
    )


def test_dilation_gradient():
    apart = np.random.default_rng(0).permutation(2 * 6 * 5 * 2).reshape(2, 6, 5, 2) * 0.2
    check_gradient(
        lambda x, k: tf.square(tf.nn.dilation2d(x, k, [1, 2, 1, 1], [1, 1, 2, 1], "SAME")),
        apart, 0.01 * normal(1, 2, 3, 2), order=1, tolerance=1e-6,
    )  # fmt: skip
