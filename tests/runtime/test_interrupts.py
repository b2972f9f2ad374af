"""Runs that are stopped: by a deadline, by Ctrl-C, by a signal's handler."""

from __future__ import annotations

import os
import signal
import threading

import pytest

import graphflow as tf


@pytest.fixture
def endless():
    """A loop without end, and a variable that would be written after it."""
    with tf.Graph().as_default() as graph:
        v = tf.Variable(1.0)
        x = tf.placeholder_with_default(1.0, [])
        n = tf.placeholder(tf.int32, [])
        loop = tf.while_loop(lambda i, s: i < n, lambda i, s: (i * 1, tf.sin(s) + x), [0, 0.0])
        update = tf.assign_add(v, loop[1])
    return graph, v, n, loop, update


def test_deadline_of_a_run(endless):
    graph, v, n, loop, update = endless
    with tf.Session(graph=graph) as session:
        session.run(v.initializer)
        for _ in range(2):
            with pytest.raises(tf.errors.DeadlineExceededError):
                session.run(update, {n: 1}, options=tf.RunOptions(timeout_in_ms=30))
        assert session.run(v) == 1.0
        assert session.run(loop, {n: 0}) == (0, 0.0)


def test_deadline_of_all_runs(endless):
    graph, v, n, _, update = endless
    config = tf.ConfigProto(operation_timeout_in_ms=30)
    with tf.Session(graph=graph, config=config) as session:
        session.run(v.initializer)
        with pytest.raises(tf.errors.DeadlineExceededError):
            session.run(update, {n: 1})
        assert session.run(v) == 1.0


def test_deadline_of_a_loop_that_calls_python():
    calls = tf.while_loop(
        lambda i: i < 1,
        lambda i: tf.py_func(lambda k: k * 1, [i], tf.int32),
        [0],
        shape_invariants=[tf.TensorShape(None)],
    )
    with tf.Session() as session, pytest.raises(tf.errors.DeadlineExceededError):
        session.run(calls, options=tf.RunOptions(timeout_in_ms=200))


def send_soon(number):
    timer = threading.Timer(0.3, os.kill, (os.getpid(), number))
    timer.start()
    return timer


def test_ctrl_c(endless):
    graph, v, n, loop, update = endless
    with tf.Session(graph=graph) as session:
        session.run(v.initializer)
        session.run(update, {n: 0})
        send_soon(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            session.run(update, {n: 1})
        assert session.run(v) == 1.0
        assert session.run(loop, {n: 0}) == (0, 0.0)


def test_handler_of_a_signal(endless):
    graph, _, n, loop, _ = endless

    class Alarm(Exception):
        pass

    def handler(number, frame):
        raise Alarm("now")

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        with tf.Session(graph=graph) as session:
            send_soon(signal.SIGUSR1)
            with pytest.raises(Alarm, match="now"):
                session.run(loop, {n: 1})
    finally:
        signal.signal(signal.SIGUSR1, before)
