"""Queues: nothing taken, several queues of one name, elements that do not fit."""

import numpy as np
import pytest

import graphflow as tf


def test_no_elements_may_be_put_and_taken() -> None:
    queue, count = tf.FIFOQueue(5, tf.float32, shapes=[2]), tf.placeholder(tf.int32)
    with tf.Session() as session:
        session.run(queue.enqueue_many([np.zeros((0, 2), np.float32)]))
        assert session.run(queue.dequeue_many(0)).shape == (0, 2)
        assert session.run(queue.dequeue_many(count), {count: 0}).shape == (0, 2)


def test_queues_of_one_shared_name_are_one() -> None:
    first, second = (tf.FIFOQueue(5, tf.float32, shapes=[[]], shared_name="one") for _ in range(2))
    other = tf.FIFOQueue(6, tf.float32, shapes=[[]], shared_name="one")
    with tf.Session() as session:
        session.run(first.enqueue(3.0))
        assert session.run(second.dequeue()) == 3.0
        with pytest.raises(tf.errors.InvalidArgumentError, match="requested capacity was 6"):
            session.run(other.size())
    with tf.Session() as session:
        assert session.run(second.size()) == 0


def test_elements_that_do_not_fit_are_refused() -> None:
    queue, x = tf.FIFOQueue(5, tf.float32, shapes=[[2]]), tf.placeholder(tf.float32)
    put = queue.enqueue(x)
    with tf.Session() as session:
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"Expected \[2\], got \[3\]"):
            session.run(put, {x: [1.0, 2.0, 3.0]})
        assert session.run(queue.size()) == 0
    named = tf.FIFOQueue(5, [tf.float32], names=["a"])
    with pytest.raises(ValueError, match="You must enqueue a dictionary"):
        named.enqueue(1.0)
    with pytest.raises(ValueError, match="do not match names of Queue"):
        named.enqueue({"b": 1.0})
