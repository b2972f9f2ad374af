"""Pooling through a session: windows by their definition, gradients, positions."""

import numpy as np
import pytest
from gradcheck import check_gradient

import graphflow as tf
from graphflow import errors
from graphflow.graph.graph import Graph


@pytest.fixture(autouse=True)
def fresh_graph():
    with Graph().as_default() as graph:
        yield graph


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


def windows(x, size, stride, padding):
    """The windows of images, by the definition: (i, j, elements, row and column of the first)."""
    out = [-(-n // stride) if padding == "SAME" else (n - size) // stride + 1
           for n in x.shape[1:3]]  # fmt: skip
    low = [0, 0]
    if padding == "SAME":
        low = [max((o - 1) * stride + size - n, 0) // 2
               for o, n in zip(out, x.shape[1:3], strict=True)]  # fmt: skip
    for i in range(out[0]):
        for j in range(out[1]):
            top, left = i * stride - low[0], j * stride - low[1]
            rows = slice(max(top, 0), top + size)
            columns = slice(max(left, 0), left + size)
            yield i, j, x[:, rows, columns], rows.start, columns.start


CASES = [
    ((2, 7, 8, 3), 2, 2, "VALID"), ((2, 7, 8, 3), 3, 2, "SAME"), ((1, 5, 6, 17), 3, 1, "SAME"),
    ((2, 9, 9, 1), 2, 3, "VALID"), ((1, 13, 12, 2), 7, 3, "SAME"), ((2, 6, 6, 2), 6, 6, "VALID"),
    ((1, 4, 4, 2), 1, 2, "SAME"),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "size", "stride", "padding"), CASES)
def test_values_and_positions(shape, size, stride, padding):
    x = normal(0, *shape)
    last = tf.constant(x.transpose(0, 3, 1, 2))
    found = {
        "max": tf.nn.max_pool(x, size, stride, padding),
        "mean": tf.nn.avg_pool(x, size, stride, padding),
        "max first": tf.nn.max_pool(last, size, stride, padding, data_format="NCHW"),
        "mean first": tf.nn.avg_pool(last, size, stride, padding, data_format="NCHW"),
        "argmax": tf.nn.max_pool_with_argmax(x, size, stride, padding).argmax,
    }
    with tf.Session() as session:
        found = session.run(found)
    for i, j, window, row, column in windows(x, size, stride, padding):
        np.testing.assert_array_equal(found["max"][:, i, j], window.max((1, 2)))
        np.testing.assert_allclose(found["mean"][:, i, j], window.mean((1, 2)), rtol=1e-12)
        np.testing.assert_array_equal(found["max first"][:, :, i, j], window.max((1, 2)))
        np.testing.assert_allclose(found["mean first"][:, :, i, j], window.mean((1, 2)))
        at = window.reshape(shape[0], -1, shape[3]).argmax(1)
        place = (row + at // window.shape[2]) * shape[2] + column + at % window.shape[2]
        np.testing.assert_array_equal(found["argmax"][:, i, j], place * shape[3] + range(shape[3]))


@pytest.mark.parametrize(("shape", "size", "stride", "padding"), [CASES[1], CASES[3], CASES[4]])
def test_gradients(shape, size, stride, padding):
    x = normal(1, *shape)
    check_gradient(lambda x: tf.square(tf.nn.avg_pool(x, size, stride, padding)), x)
    # Differences need maxima that do not change hands: numbers far from each other.
    apart = np.random.default_rng(2).permutation(x.size).reshape(shape) * 0.1
    check_gradient(
        lambda x: tf.square(tf.nn.max_pool(x, size, stride, padding)), apart, tolerance=1e-6
    )


def test_gradient_goes_to_the_first_of_equals():
    x = tf.constant(np.zeros((1, 4, 4, 1), np.float32))
    tiles = tf.gradients(tf.nn.max_pool(x, 2, 2, "VALID"), x)[0]
    overlapping = tf.gradients(tf.nn.max_pool(x, 3, 1, "SAME"), x)[0]
    with tf.Session() as session:
        first, second = session.run([tiles, overlapping])
    np.testing.assert_array_equal(first[0, :, :, 0], np.kron(np.ones((2, 2)), [[1, 0], [0, 0]]))
    np.testing.assert_array_equal(
        second[0, :, :, 0], [[4, 2, 2, 0], [2, 1, 1, 0], [2, 1, 1, 0], [0, 0, 0, 0]]
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int32, np.int8, np.uint8])
def test_types(dtype):
    x = (10 * np.random.default_rng(0).random((2, 5, 6, 3))).astype(dtype)
    y = tf.nn.max_pool(x, 3, 2, "SAME")
    with tf.Session() as session:
        found = session.run(y)
    assert found.dtype == dtype
    for i, j, window, _, _ in windows(x, 3, 2, "SAME"):
        np.testing.assert_array_equal(found[:, i, j], window.max((1, 2)))


def test_volumes_and_lines():
    x = np.random.default_rng(0).permutation(2 * 4 * 5 * 6 * 2).reshape(2, 4, 5, 6, 2) * 0.1
    check_gradient(
        lambda x: tf.square(tf.nn.max_pool3d(x, [1, 2, 3, 2, 1], 2, "SAME")), x, order=1,
        tolerance=1e-6,
    )  # fmt: skip
    check_gradient(lambda x: tf.square(tf.nn.avg_pool3d(x, 3, 2, "SAME")), x, tolerance=1e-6)
    check_gradient(lambda x: tf.square(tf.nn.avg_pool1d(x, 3, 2, "SAME")), x[0, 0])


def test_sizes_that_are_known_in_the_run_only():
    x = tf.placeholder(tf.float32)
    y = tf.nn.max_pool(x, [1, 3, 3, 1], [1, 2, 2, 1], "SAME")
    slope = tf.gradients(y, x)[0]
    with tf.Session() as session:
        for shape in ((2, 7, 9, 3), (1, 4, 5, 1), (0, 4, 4, 1)):
            values, gradient = session.run([y, slope], {x: normal(0, *shape)})
            assert gradient.shape == shape
            assert gradient.sum() == values.size
        with pytest.raises(errors.InvalidArgumentError):
            session.run(y, {x: np.zeros((2, 3, 4))})


def test_fractional_pooling_draws_anew_in_every_run():
    x = np.arange(60.0).reshape(1, 60, 1, 1)
    drawn = tf.nn.fractional_max_pool(x, [1.0, 1.7, 1.0, 1.0])
    fixed = tf.nn.fractional_max_pool(x, [1.0, 1.7, 1.0, 1.0], deterministic=True, seed=1, seed2=2)
    with tf.Session() as session:
        first, second = (session.run([drawn, fixed]) for _ in range(2))
    assert (first[0][1] != second[0][1]).any()
    np.testing.assert_array_equal(first[1][1], second[1][1])
    for values, rows, columns in (*first, *second):
        assert (rows[0], rows[-1], *columns) == (0, 60, 0, 1)
        np.testing.assert_array_equal(values[0, :, 0, 0], rows[1:] - 1)
        assert set(np.diff(rows)) == {1, 2}
