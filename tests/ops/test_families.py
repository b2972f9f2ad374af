"""What the recorded cases do not show: scans of all types and sizes, sparse feeds, cut runs."""

import numpy as np
import pytest

import graphflow as tf

RANDOM = np.random.default_rng(5)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "float16", "complex64"])
def test_scans(dtype):
    """Sizes around the vector width, in every axis, both ways."""
    cases, expected = [], []
    for shape in [(1,), (7,), (33,), (3, 1, 17), (2, 9, 4), (5, 0)]:
        x = RANDOM.integers(-2, 3, shape).astype(dtype)
        for axis in range(x.ndim):
            cases += [tf.cumsum(x, axis), tf.cumsum(x, axis, reverse=True), tf.cumprod(x, axis)]
            back = np.flip(np.cumsum(np.flip(x, axis), axis, dtype=dtype), axis)
            expected += [np.cumsum(x, axis, dtype=dtype), back, np.cumprod(x, axis, dtype=dtype)]
    fed = tf.placeholder(dtype, [4, 5])
    value = RANDOM.integers(-2, 3, (4, 5)).astype(dtype)
    cases.append(tf.cumsum(fed + fed, 1, exclusive=True) * 2)
    expected.append(2 * (np.cumsum(2 * value, 1, dtype=dtype) - 2 * value))
    with tf.Session() as session:
        for got, wanted in zip(session.run(cases, {fed: value}), expected, strict=True):
            np.testing.assert_array_equal(got, wanted)


def test_scan_of_variable_update():
    """A scan whose operand is used again must not overwrite it."""
    v = tf.Variable(np.arange(1.0, 6.0, dtype=np.float32))
    total = tf.cumsum(v)
    step = tf.assign(v, total)
    with tf.Session() as session:
        session.run(v.initializer)
        np.testing.assert_array_equal(session.run(total), [1, 3, 6, 10, 15])
        np.testing.assert_array_equal(session.run(step), [1, 3, 6, 10, 15])
        np.testing.assert_array_equal(session.run([v, total])[1], [1, 4, 10, 20, 35])


def test_sparse_feeds():
    """Three arrays, a value or a tuple may be fed, of other sizes in each run; slices too."""
    sparse = tf.sparse_placeholder(tf.float32)
    dense = tf.sparse_tensor_to_dense(sparse)
    slices = tf.gradients(tf.gather(tf.ones([4, 2]), [1, 1]), tf.ones([1]))
    assert slices == [None]
    with tf.Session() as session:
        for size in (3, 5, 3):
            value = tf.SparseTensorValue([[0, 1], [size - 1, 0]], [1.0, 2.0], [size, 2])
            for _ in range(2):
                got, back = session.run([dense, sparse], {sparse: value})
                wanted = np.zeros((size, 2))
                wanted[0, 1], wanted[size - 1, 0] = 1, 2
                np.testing.assert_array_equal(got, wanted)
                assert isinstance(back, tf.SparseTensorValue)
                np.testing.assert_array_equal(back.values, [1, 2])
        got = session.run(dense, {sparse: (np.zeros((0, 2)), np.zeros(0), [2, 2])})
        np.testing.assert_array_equal(got, np.zeros((2, 2)))
        got = session.run(tf.shape(sparse), {sparse: value})
        np.testing.assert_array_equal(got, [3, 2])


def test_cut_runs():
    """Sizes that depend on data go on into compiled code."""
    x = tf.placeholder(tf.int32, [None])
    values, places, counts = tf.unique_with_counts(x)
    average = tf.segment_mean(tf.cast(values, tf.float32), tf.range(tf.size(values)) // 2)
    total = tf.reduce_sum(tf.gather(values, places) - x) + tf.reduce_max(counts)
    with tf.Session() as session:
        for fed in ([3, 3, 1, 9], [5], list(range(3000))):
            got = session.run([average, total], {x: fed})
            seen = list(dict.fromkeys(fed))
            means = [np.mean(seen[k : k + 2], dtype=np.float32) for k in range(0, len(seen), 2)]
            np.testing.assert_allclose(got[0], means, rtol=1e-6)
            assert got[1] == max(fed.count(v) for v in seen[:3])


def test_inside_loops_and_branches():
    """What NumPy computes makes the session go round; scans stay native."""

    def body(i, a):
        added = tf.cumsum(a, 1) / 8 + tf.matrix_diag_part(tf.matrix_inverse(tf.eye(4) * 2))
        return i + 1, added + tf.real(tf.fft(tf.complex(a, a)))

    x = tf.placeholder(tf.float32, [None, 4])
    loop = tf.while_loop(lambda i, a: i < 3, body, [0, x])[1]
    branch = tf.cond(x[0, 0] > 0, lambda: tf.nn.top_k(x, 2).values, lambda: x[:, :2])
    value = RANDOM.standard_normal((3, 4)).astype(np.float32)
    expected = value
    for _ in range(3):
        waves = np.fft.fft(expected + 1j * expected).real
        expected = np.cumsum(expected, 1) / 8 + 0.5 + waves
    with tf.Session() as session:
        got = session.run(loop, {x: value})
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)
        for sign in (1, -1):
            fed = np.abs(value) * sign
            wanted = -np.sort(-fed, 1)[:, :2] if sign > 0 else fed[:, :2]
            np.testing.assert_array_equal(session.run(branch, {x: fed}), wanted)


def test_failure_of_constants_is_the_runs():
    """What cannot be computed early is an error when it is run, not when the graph is made."""
    sizes = tf.cast(tf.matrix_inverse(tf.zeros([2, 2]))[0], tf.int32)
    y = tf.zeros(sizes)
    with tf.Session() as session, pytest.raises(tf.errors.InvalidArgumentError, match="invertible"):
        session.run(y)


def test_scatter_div():
    v = tf.Variable([8.0, 12.0, 5.0])
    divided = tf.scatter_div(v, [1, 0, 1], [2.0, 4.0, 3.0])
    with tf.Session() as session:
        session.run(v.initializer)
        np.testing.assert_array_equal(session.run(divided), [2, 2, 5])


def test_order():
    with tf.Session() as session:
        got = session.run([tf.is_non_decreasing([1, 1, 2]), tf.is_strictly_increasing([1, 1, 2])])
    assert got == [True, False]
