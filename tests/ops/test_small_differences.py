"""Results that once were not TensorFlow's; the numbers are TensorFlow 1.15's."""

from __future__ import annotations

import numpy as np
import pytest

import graphflow as tf


@pytest.fixture(autouse=True)
def fresh_graph():
    with tf.Graph().as_default():
        yield


def value(tensor, feeds=None):
    with tf.Session() as session:
        return session.run(tensor, feeds)


def test_the_square_of_a_complex_difference_is_real() -> None:
    found = value(tf.squared_difference([1 + 2j, 3j], [1j, 1.0]))
    np.testing.assert_allclose(found, [2.0, 10.0])


def test_truths_scattered_to_one_place_hold_if_any_does() -> None:
    found = value(tf.scatter_nd([[4], [3], [3]], [False, True, True], [5]))
    assert found.tolist() == [False, False, False, True, False]


def test_a_loop_without_back_prop_has_no_gradient() -> None:
    v = tf.constant(2.0)
    last = tf.while_loop(lambda v: v < 100.0, tf.square, [v], back_prop=False)
    assert value(tf.gradients(last + v, v)[0]) == 1.0


def test_an_array_grows_in_a_loop_after_it_was_written_before() -> None:
    sums = tf.TensorArray(tf.int32, size=0, dynamic_size=True, clear_after_read=False)
    sums = sums.write(0, 1)
    _, sums = tf.while_loop(
        lambda i, a: i < 5, lambda i, a: (i + 1, a.write(i, a.read(i - 1) + i)), (1, sums)
    )
    assert value(sums.stack()).tolist() == [1, 2, 4, 7, 11]


def test_the_spectral_norm_of_matrices_of_unknown_rank() -> None:
    x = tf.placeholder(tf.float32)
    matrices = np.array([[[3.0, 0.0], [0.0, 4.0]]], "f")
    found = value(tf.norm(x, 2, axis=(-2, -1)), {x: matrices})
    np.testing.assert_allclose(found, [4.0], rtol=1e-6)


def test_no_blocks_need_no_paddings() -> None:
    sizes = tf.placeholder(tf.int32, [0])
    paddings, crops = tf.required_space_to_batch_paddings(sizes, np.zeros(0, np.int32))
    assert [a.shape for a in value([paddings, crops], {sizes: []})] == [(0, 2), (0, 2)]


def test_divided_rows_that_are_not_there_fail_with_the_index() -> None:
    v = tf.Variable(np.ones(3, "f"))
    with tf.Session() as session:
        session.run(v.initializer)
        index = tf.placeholder(tf.int32, [1])
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"= 6 is not in \[0, 3\)"):
            session.run(tf.scatter_div(v, index, [2.0]), {index: [6]})


def test_extremes_of_bfloat16_segments() -> None:
    found = value(tf.unsorted_segment_max(tf.cast([1.0, 3.0], tf.bfloat16), [0, 0], 1))
    assert float(found[0]) == 3.0


def test_sizes_of_sparse_tensors() -> None:
    x = tf.SparseTensor([[0, 1]], [1.0], [2, 3])
    assert value([tf.size(x), tf.rank(x)]) == [6, 2]


def test_an_lstm_without_norms_begins_its_bias_as_the_scope_says() -> None:
    with tf.variable_scope("root", initializer=tf.constant_initializer(0.5)):
        cell = tf.contrib.rnn.LayerNormBasicLSTMCell(2, layer_norm=False)
        state = tf.nn.rnn_cell.LSTMStateTuple(tf.constant([[0.0, 0.1]]), tf.constant([[0.2, 0.3]]))
        output, _ = cell(tf.ones([1, 2]), state)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        np.testing.assert_allclose(session.run(output), [[0.56668288, 0.60858738]], rtol=1e-5)
