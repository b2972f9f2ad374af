"""Recurrent networks against TensorFlow 1.15's recorded values, gradients, names and shapes."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import graphflow as tf

DATA = Path(__file__).parent.parent / "data"
sys.path.insert(0, str(DATA))

import rnn_scenarios  # noqa: E402

RECORDED = np.load(DATA / "tf115_rnn.npz")


@pytest.mark.parametrize("name", list(rnn_scenarios.SCENARIOS))
def test_recorded(name):
    values, names, shapes = rnn_scenarios.answers(tf, name)
    assert names == list(RECORDED[f"{name}/names"])
    assert shapes == list(RECORDED[f"{name}/shapes"])
    for k, value in enumerate(values):
        expected = RECORDED[f"{name}/value{k}"]
        assert np.shape(value) == expected.shape
        scale = np.abs(expected).max()
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=3e-6 * scale)


def test_batches_and_times_vary():
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [None, None, 3])
        lengths = tf.placeholder(tf.int32, [None])
        cell = tf.nn.rnn_cell.GRUCell(4)
        outputs, state = tf.nn.dynamic_rnn(cell, x, lengths, dtype=tf.float32)
        (gradient,) = tf.gradients(tf.reduce_sum(state), [x])
        session.run(tf.global_variables_initializer())
        random = np.random.default_rng(0)
        for batch, time in ((2, 3), (4, 5), (3, 7), (5, 2)):
            value = random.standard_normal((batch, time, 3), np.float32)
            whole = random.integers(1, time + 1, batch)
            made, last, slope = session.run([outputs, state, gradient], {x: value, lengths: whole})
            for row, length in enumerate(whole):
                assert not made[row, length:].any()
                assert not slope[row, length:].any()
                assert slope[row, :length].any()
                np.testing.assert_array_equal(made[row, length - 1], last[row])


def test_arguments():
    cell = tf.nn.rnn_cell.GRUCell(4)
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [None, 5, 3])
        with pytest.raises(ValueError, match="you must give a dtype"):
            tf.nn.dynamic_rnn(cell, x)
        with pytest.raises(TypeError, match="is not an RNNCell"):
            tf.nn.dynamic_rnn(x, x, dtype=tf.float32)
        with pytest.raises(ValueError, match="must not be empty"):
            tf.nn.static_rnn(cell, [], dtype=tf.float32)
        with pytest.raises(ValueError, match="between 0 and 1"):
            tf.nn.rnn_cell.DropoutWrapper(cell, input_keep_prob=2.0)
        state = cell.zero_state(7, tf.float32)
        assert state.shape.as_list() == [7, 4]
        assert state.dtype == tf.float32


def test_dropout():
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.ones([8, 6, 5])
        cell = tf.nn.rnn_cell.BasicRNNCell(40)
        each = tf.nn.rnn_cell.DropoutWrapper(cell, output_keep_prob=0.5, seed=1)
        same = tf.nn.rnn_cell.DropoutWrapper(
            cell, 0.5, 0.5, 0.5, variational_recurrent=True, input_size=5, dtype=tf.float32
        )
        made = [tf.nn.dynamic_rnn(c, x, dtype=tf.float32)[0] for c in (each, same)]
        session.run(tf.global_variables_initializer())
        at_random, fixed = (m == 0 for m in session.run(made))
        assert 0.3 < at_random.mean() < 0.7
        assert (at_random[:, 0] != at_random[:, 1]).any()
        assert (fixed == fixed[:, :1]).all()
        assert fixed.any()
        assert not fixed.all()


def test_variables_are_shared_on_the_second_call():
    with tf.Graph().as_default():
        cell = tf.nn.rnn_cell.BasicLSTMCell(4)
        x = tf.ones([2, 3])
        _, state = cell(x, cell.zero_state(2, tf.float32))
        cell(x, state)
        assert [v.name for v in tf.global_variables()] == [
            "basic_lstm_cell/kernel:0", "basic_lstm_cell/bias:0",
        ]  # fmt: skip
        assert cell.trainable_variables == tf.trainable_variables()
