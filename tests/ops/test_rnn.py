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


def _seeds(build):
    """Second seeds of the draws that `build` makes in a graph with a seed, and the last id."""
    with tf.Graph().as_default() as graph:
        tf.set_random_seed(1)
        build()
        draws = [op for op in graph.get_operations() if op.type.startswith("Random")]
        return [op.get_attr("seed2") for op in draws], graph._last_id


def _two_layers():
    cells = [tf.nn.rnn_cell.BasicLSTMCell(4) for _ in range(2)]
    return tf.nn.rnn_cell.MultiRNNCell(
        [tf.nn.rnn_cell.DropoutWrapper(cell, output_keep_prob=0.5) for cell in cells]
    )


# From TensorFlow 1.15.5: a seed of the graph gives a network's weights TensorFlow's values only
# where as many operations were made before them.
@pytest.mark.parametrize(
    ("cell", "batch", "with_lengths", "seeds", "last"),
    [
        (lambda: tf.nn.rnn_cell.BasicLSTMCell(4), None, False, [101], 160),
        (lambda: tf.nn.rnn_cell.BasicLSTMCell(4), 7, False, [86], 146),
        (lambda: tf.nn.rnn_cell.BasicLSTMCell(4), None, True, [120], 183),
        (lambda: tf.nn.rnn_cell.BasicLSTMCell(4), 7, True, [105], 169),
        (lambda: tf.nn.rnn_cell.GRUCell(4), None, False, [87, 101], 161),
        (_two_layers, None, False, [135, 170, 185, 220], 264),
        (_two_layers, 7, True, [135, 170, 185, 220], 271),
    ],
)
def test_weights_of_dynamic_rnn_have_tensorflow_s_seeds(cell, batch, with_lengths, seeds, last):
    def build():
        x = tf.placeholder(tf.float32, [batch, 5, 3])
        lengths = tf.placeholder(tf.int32, [batch]) if with_lengths else None
        tf.nn.dynamic_rnn(cell(), x, lengths, dtype=tf.float32)

    assert _seeds(build) == (seeds, last)


def test_weights_of_other_networks_have_tensorflow_s_seeds():
    def static(batch, cell):
        x = tf.placeholder(tf.float32, [batch, 5, 3])
        tf.nn.static_rnn(cell, tf.unstack(x, 5, 1), dtype=tf.float32)

    def bidirectional():
        cells = [tf.nn.rnn_cell.BasicLSTMCell(4) for _ in range(2)]
        x = tf.placeholder(tf.float32, [None, 5, 3])
        tf.nn.bidirectional_dynamic_rnn(*cells, x, dtype=tf.float32)

    assert _seeds(lambda: static(None, tf.nn.rnn_cell.BasicLSTMCell(4))) == ([30], 131)
    assert _seeds(lambda: static(7, tf.nn.rnn_cell.GRUCell(4))) == ([13, 27], 133)
    assert _seeds(bidirectional) == ([101, 262], 323)


def _frames(batch=None):
    return tf.placeholder(tf.float32, [batch, 7, 3])


def _attend():
    memory = tf.placeholder(tf.float32, [2, None, 3])
    mechanism = tf.contrib.seq2seq.BahdanauAttention(4, memory, [2, 3], normalize=True)
    cell = tf.contrib.seq2seq.AttentionWrapper(
        tf.nn.rnn_cell.GRUCell(4), mechanism, attention_layer_size=5
    )
    cell(tf.zeros([2, 3]), cell.zero_state(2, tf.float32))


CELLS = tf.nn.rnn_cell
AFTER = {  # what TensorFlow 1.15 draws for a variable that is made next, in a graph with a seed
    "zero_state": (lambda: CELLS.LSTMCell(9).zero_state(5, tf.float32), -0.5349774),
    "zero_state of a fed batch": (
        lambda: CELLS.GRUCell(9).zero_state(tf.placeholder(tf.int32, []), tf.float32), -0.7104664,
    ),
    "dynamic_rnn": (
        lambda: tf.nn.dynamic_rnn(CELLS.GRUCell(2), _frames(), dtype=tf.float32), -0.944128,
    ),
    "dynamic_rnn with lengths": (
        lambda: tf.nn.dynamic_rnn(
            CELLS.LSTMCell(2), _frames(), tf.placeholder(tf.int32, [None]), dtype=tf.float32
        ), 0.20026517,
    ),
    "bidirectional_dynamic_rnn": (
        lambda: tf.nn.bidirectional_dynamic_rnn(
            CELLS.GRUCell(2), CELLS.DropoutWrapper(CELLS.GRUCell(2), 0.5), _frames(),
            dtype=tf.float32,
        ), -0.39657617,
    ),
    "dynamic_rnn of known sizes": (
        lambda: tf.nn.dynamic_rnn(
            CELLS.BasicRNNCell(2), _frames(4), dtype=tf.float32, time_major=True
        ), -0.65231276,
    ),
    "ones": (lambda: tf.ones(3), 0.49182224),
    "LuongAttention": (
        lambda: tf.contrib.seq2seq.LuongAttention(4, _frames(), tf.placeholder(tf.int32, [None])),
        0.5174398,
    ),
    "AttentionWrapper": (_attend, -0.05584979),
    "sequence_loss": (
        lambda: tf.contrib.seq2seq.sequence_loss(
            tf.ones([2, 3, 4]), tf.ones([2, 3], tf.int32), tf.ones([2, 3])
        ), -0.24205303,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", AFTER)
def test_what_is_drawn_after_a_network_is_what_tensorflow_draws(name):
    make, expected = AFTER[name]
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(7)
        make()
        variable = tf.get_variable("w", [3])
        session.run(variable.initializer)
        np.testing.assert_allclose(session.run(variable)[0], expected, rtol=1e-6)
