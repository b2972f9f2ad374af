"""Loops that write the session's variables and read them in the same round."""

import pytest

import graphflow as tf
from graphflow.ops import control_flow_ops


def test_a_variable_that_a_loop_writes_is_read_as_it_is_in_the_round() -> None:
    a, b = tf.Variable(0), tf.Variable(0)

    def body(i):
        first = tf.assign_add(a, 1)
        with tf.control_dependencies([first]):
            second = tf.assign_add(b, a)
        with tf.control_dependencies([second]):
            return i + 1

    loop = tf.while_loop(lambda i: i < 10, body, [tf.constant(0)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(loop)
        assert session.run([a, b]) == [10, 55]


def test_a_condition_reads_a_variable_as_the_body_left_it() -> None:
    v = tf.Variable(0)

    def body(i):
        with tf.control_dependencies([tf.assign_add(v, 2)]):
            return i + 1

    loop = tf.while_loop(lambda i: tf.less(v, 9), body, [tf.constant(0)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run(loop) == 5
        assert session.run(v) == 10


def test_a_loop_in_a_branch_writes_a_variable_that_nothing_reads() -> None:
    v = tf.Variable(1)

    def loops():
        loop = tf.while_loop(lambda i: i < 100, lambda i: tf.assign(v, i) + 1, [tf.constant(0)])
        with tf.control_dependencies([loop]):
            return tf.constant(6.0)

    result = tf.cond(tf.constant(False), lambda: tf.constant(1.0), loops)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run(result) == 6.0
        assert session.run(v) == 99


def test_what_a_branch_that_is_not_taken_makes_has_no_value() -> None:
    dead, _ = control_flow_ops.switch(tf.constant([1, 2]), tf.constant(True))
    value = tf.identity(dead)
    with tf.Session() as session, pytest.raises(tf.errors.InvalidArgumentError, match="Retval"):
        session.run(value)
