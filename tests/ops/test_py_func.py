"""Python functions as operations: what TensorFlow 1.15 makes of their results and errors."""

from __future__ import annotations

import numpy as np
import pytest

import graphflow as tf


def test_a_function_without_results_is_an_operation_if_it_has_a_state():
    seen = []
    operation = tf.py_func(lambda x: seen.append(x.item()), [3], [])
    assert isinstance(operation, tf.Operation)
    with tf.Session() as session:
        assert session.run(operation) is None
    assert seen == [3]
    assert tf.py_func(lambda: None, [], [], stateful=False) == []


def test_a_function_without_state_is_called_once_for_constants():
    numbers = iter(range(9))
    fixed = tf.py_func(lambda: np.int32(next(numbers)), [], tf.int32, stateful=False)
    other = tf.py_func(lambda x: x * 2, [np.float32([1, 2])], tf.float32, stateful=False)
    with tf.Session() as session:
        assert [session.run(fixed) for _ in range(3)] == [0, 0, 0]
        np.testing.assert_array_equal(session.run(other), [2, 4])


def test_an_error_tells_where_it_was_raised():
    def inner():
        raise StopIteration("nothing is left")

    def outer():
        inner()

    with tf.Session() as session:
        with pytest.raises(tf.errors.OutOfRangeError, match=r"(?s)nothing is left.*outer.*inner"):
            session.run(tf.py_func(outer, [], tf.float32))


def test_structured_arrays_are_refused():
    bad = tf.py_func(lambda: np.zeros(1, [("a", np.float32)]), [], tf.float32)
    with tf.Session() as session:
        with pytest.raises(tf.errors.InternalError, match="Unsupported numpy data type"):
            session.run(bad)


def test_a_function_may_call_operations_and_has_a_gradient() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.constant([3.0, 4.0])
        total = tf.py_function(lambda a: tf.reduce_sum(a * a) + 1.0, [x], tf.float32)
        assert total.op.type == "EagerPyFunc"
        assert session.run(total) == 26.0
        assert session.run(tf.gradients(total, x))[0].tolist() == [6.0, 8.0]
        doubled = tf.py_function(lambda a: a.numpy() * 2, [x], [tf.float32])
        assert session.run(doubled)[0].tolist() == [6.0, 8.0]
        with pytest.raises(ValueError, match="callable"):
            tf.py_function(3, [x], tf.float32)
