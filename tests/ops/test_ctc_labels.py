"""Dense labels of CTC, and running logarithms of sums."""

import numpy as np
import pytest

import graphflow as tf


def test_the_loss_of_dense_labels_is_that_of_sparse_ones() -> None:
    logits = np.random.default_rng(0).standard_normal((6, 2, 4)).astype(np.float32)
    labels, lengths, steps = [[1, 2, 2, 0], [3, 1, 0, 0]], [3, 2], [6, 5]
    dense = tf.nn.ctc_loss_v2(labels, logits, lengths, steps)
    moved = np.concatenate([logits[..., 1:], logits[..., :1]], -1)  # the blank to the end
    sparse = tf.SparseTensor([[0, 0], [0, 1], [0, 2], [1, 0], [1, 1]], [0, 1, 1, 2, 0], [2, 3])
    again = tf.nn.ctc_loss_v2(sparse, moved, None, steps, blank_index=-1)
    with tf.Session() as session:
        found = session.run([dense, again, tf.nn.ctc_loss(sparse, moved, steps)])
    np.testing.assert_allclose(found[0], found[2], rtol=1e-5)
    np.testing.assert_allclose(found[1], found[2], rtol=1e-5)
    with pytest.raises(ValueError, match="blank_index must be given"):
        tf.nn.ctc_loss_v2(sparse, moved, None, steps)


def test_repeats_are_taken_together() -> None:
    rows, lengths = tf.nn.collapse_repeated([[1, 3, 3, 3, 0], [1, 4, 4, 4, 0]], [4, 5])
    values, places = tf.nn.ctc_unique_labels([[3, 4, 4, 3]])
    with tf.Session() as session:
        found = session.run([rows, lengths, values, places])
    np.testing.assert_array_equal(found[0], [[1, 3, 0], [1, 4, 0]])
    np.testing.assert_array_equal(found[1], [2, 3])
    np.testing.assert_array_equal(found[2], [[3, 4, 0, 0]])
    np.testing.assert_array_equal(found[3], [[0, 1, 1, 0]])


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("exclusive", [False, True])
def test_running_logarithms_of_sums(reverse, exclusive) -> None:
    x = tf.constant(np.random.default_rng(1).standard_normal((3, 5)))
    y = tf.math.cumulative_logsumexp(x, 1, exclusive, reverse)
    direct = tf.log(tf.cumsum(tf.exp(x), 1, exclusive, reverse))
    weights = np.random.default_rng(2).standard_normal((3, 5))
    if exclusive:  # the logarithm of nothing has no slope
        weights[:, -1 if reverse else 0] = 0
    with tf.Session() as session:
        found, wanted = session.run([y, direct])
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
        if not exclusive:
            slopes = session.run([tf.gradients(t, x, weights)[0] for t in (y, direct)])
            np.testing.assert_allclose(*slopes, rtol=1e-9)
        assert session.run(tf.math.cumulative_logsumexp([1000.0, 1000.0]))[1] > 1000
