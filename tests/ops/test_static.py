"""What is known of values while the graph is built."""

import time

import numpy as np
import pytest

import graphflow as tf
from graphflow.graph.constants import constant_value


@pytest.fixture(autouse=True)
def fresh_graph():
    with tf.Graph().as_default() as graph:
        yield graph


def test_arithmetic_on_shapes_is_known():
    x = tf.placeholder(tf.float32, [None, 4, 3])
    n, h, w = tf.unstack(tf.shape(x))
    assert constant_value(h).item() == 4
    assert constant_value(h * w + 1).item() == 13
    assert constant_value(n) is None
    assert constant_value(tf.stack([n, h * w]), partial=True).tolist() == [None, 12]
    assert constant_value(tf.stack([n, h * w])) is None
    assert constant_value(tf.range(w) * 2).tolist() == [0, 2, 4]
    assert constant_value(tf.cast(h, tf.float32) / 8).item() == 0.5
    assert constant_value(tf.reduce_prod(tf.shape(x)[1:])).item() == 12
    assert constant_value(tf.size(x[0])).item() == 12
    assert constant_value(tf.rank(x)).item() == 3


def test_unknown_sizes_stay_unknown():
    x = tf.placeholder(tf.float32, [None, 4])
    n = tf.shape(x)[0]
    # Both hold for every n but 0 and 1, which a run may well bring.
    assert constant_value(tf.maximum(n, 1)) is None
    assert constant_value(tf.minimum(n, 1)) is None
    assert constant_value(tf.equal(n, 1)) is None
    assert constant_value(tf.equal(n, 0)) is None
    assert constant_value(n - n).item() == 0


def test_what_a_run_brings_is_not_known():
    v = tf.Variable([1, 2])
    fed = tf.placeholder_with_default([3, 4], [2])
    drawn = tf.random_uniform([2], maxval=5, dtype=tf.int32)
    for tensor in (v.value(), fed, drawn, tf.placeholder(tf.int32, [2])):
        assert constant_value(tensor + 1) is None
        assert constant_value(tf.stack([tensor, [7, 8]])) is None
        mixed = constant_value(tf.concat([tensor, [7]], 0), partial=True)
        assert mixed.tolist() == [None, None, 7]


def test_shapes_that_are_computed():
    x = tf.placeholder(tf.float32, [None, 28, 28, 1])
    n = tf.placeholder(tf.int32, [])
    assert tf.reshape(x, tf.stack([tf.shape(x)[0], 784])).shape.as_list() == [None, 784]
    assert tf.reshape(x, [tf.shape(x)[0], 28 * 28]).shape.as_list() == [None, 784]
    assert tf.zeros(tf.shape(x)).shape.as_list() == [None, 28, 28, 1]
    assert tf.zeros([n, tf.shape(x)[1] // 2]).shape.as_list() == [None, 14]
    assert tf.ones(tf.concat([tf.shape(x)[:-1], [5]], 0)).shape.as_list() == [None, 28, 28, 5]
    assert tf.tile(x, [1, 1, 1, n]).shape.as_list() == [None, 28, 28, None]
    assert tf.range(tf.shape(x)[1]).shape.as_list() == [28]
    assert tf.one_hot([1, 2], tf.shape(x)[2]).shape.as_list() == [2, 28]
    assert tf.fill(tf.shape(x)[::-1], 0).shape.as_list() == [1, 28, 28, None]


def test_long_chains_are_followed_once_and_without_recursion():
    x = tf.placeholder(tf.float32, [5, None])
    total, unknown = tf.shape(x)[0], tf.shape(x)[1]
    for _ in range(3000):
        total, unknown = total + 1, unknown + 1
    start = time.perf_counter()
    assert constant_value(total).item() == 3005
    assert constant_value(unknown) is None
    first = time.perf_counter() - start
    start = time.perf_counter()
    for _ in range(1000):
        constant_value(unknown)
    # Followed a thousand times they would take minutes; the bounds are far from what it takes.
    assert time.perf_counter() - start < 10
    assert first < 60


def test_a_value_that_was_built_on_cannot_be_fed():
    shape = tf.constant([2, 3])
    tf.zeros(shape)
    assert not tf.get_default_graph().is_feedable(shape)
    with tf.Session() as session, pytest.raises(ValueError, match="may not be fed"):
        session.run(shape, {shape: [1, 1]})


def test_large_constants_are_left_alone():
    assert constant_value(tf.constant(np.ones(100_000, np.float32)) * 2) is None


def test_a_block_has_the_sizes_that_are_known():
    x, k = tf.placeholder(tf.float32, [None, 5]), tf.placeholder(tf.int32, [])
    rows = tf.shape(x)[0]
    assert tf.slice(x, [0, 0], [rows, 5]).shape.as_list() == [None, 5]
    assert tf.slice(x, [k, 1], [k, -1]).shape.as_list() == [None, 4]
    assert tf.random_crop(x, [rows, 2]).shape.as_list() == [None, 2]
    windows = tf.image.extract_glimpse(
        tf.placeholder(tf.float32, [None, 8, 8, 3]), [2, 4], tf.zeros([6, 2])
    )
    assert windows.shape.as_list() == [6, 2, 4, 3]
