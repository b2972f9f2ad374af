"""Gradients that are added up until enough of them are there."""

import threading

import numpy as np
import pytest

import graphflow as tf


def test_the_mean_is_taken_once_enough_are_there() -> None:
    sums = tf.ConditionalAccumulator(tf.float32, shape=[2])
    x, step = tf.placeholder(tf.float32), tf.placeholder(tf.int64)
    add, take, count = sums.apply_grad(x, step), sums.take_grad(2), sums.num_accumulated()
    with tf.Session() as session:
        session.run(add, {x: [1.0, 2.0], step: 0})
        assert session.run(count) == 1
        found = []
        thread = threading.Thread(target=lambda: found.append(session.run(take)))
        thread.start()
        session.run(add, {x: [3.0, 6.0], step: 0})
        thread.join(10)
        np.testing.assert_array_equal(found[0], [2.0, 4.0])
        session.run(add, {x: [1.0, 2.0], step: 0})  # of a step that is over
        assert session.run(count) == 0
        session.run(sums.set_global_step(0))
        session.run(add, {x: [1.0, 2.0], step: 0})
        assert session.run(count) == 1
        with pytest.raises(tf.errors.InvalidArgumentError, match="Shape mismatch"):
            session.run(add, {x: [1.0], step: 1})
        with pytest.raises(tf.errors.InvalidArgumentError, match="must be positive"):
            session.run(sums.take_grad(0))


def test_sums() -> None:
    sums = tf.ConditionalAccumulator(tf.float64, reduction_type="SUM")
    with tf.Session() as session:
        for value in (1.0, 2.5):
            session.run(sums.apply_grad(tf.constant(value, tf.float64)))
        assert session.run(sums.take_grad(1)) == 3.5
    with pytest.raises(ValueError, match="reduction_type"):
        tf.ConditionalAccumulator(tf.float32, reduction_type="MAX")
