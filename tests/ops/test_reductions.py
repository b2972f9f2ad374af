"""Reductions, places of extremes and clipping, compiled, against NumPy; their gradients."""

import numpy as np
import pytest
import scipy.special
from gradcheck import check_gradient

import graphflow as tf

RANDOM = np.random.default_rng(13)
CASES = [
    ((37,), None), ((3, 5), 0), ((3, 5), 1), ((2, 3, 4), (0, 2)), ((2, 3, 4), -2), ((), None),
    ((4, 1), 1), ((2, 3), ()), ((0, 3), 0), ((0, 3), 1), ((3, 70), 1), ((70, 3), 0),
]  # fmt: skip


def _mean(x, axis, keepdims):
    with np.errstate(all="ignore"):
        total = np.sum(x, axis=axis, keepdims=keepdims)
        count = x.size // max(total.size, 1)
        return total / np.array(count, x.dtype)


FUNCTIONS = {
    "reduce_sum": np.sum,
    "reduce_prod": np.prod,
    "reduce_mean": lambda x, axis, keepdims: _mean(x, axis, keepdims),
    "reduce_max": lambda x, **k: np.max(x, initial=_bound(x.dtype, "min"), **k),
    "reduce_min": lambda x, **k: np.min(x, initial=_bound(x.dtype, "max"), **k),
}
ROOTS = {
    "math.reduce_euclidean_norm": lambda x, **k: np.sqrt(np.sum(x * x, **k)),
    "reduce_logsumexp": lambda x, **k: scipy.special.logsumexp(x, **k),
}


def _bound(dtype, which):
    if dtype.kind == "f":
        return -np.inf if which == "min" else np.inf
    return getattr(np.iinfo(dtype), which)


def _named(name):
    result = tf
    for part in name.split("."):
        result = getattr(result, part)
    return result


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "float32", "int32", "int64", "uint8"])
def test_values(dtype, keepdims):
    floating = dtype.startswith("f")
    functions = FUNCTIONS | (ROOTS if floating else {})
    inputs, outputs, expected = {}, [], []
    for shape, axis in CASES:
        value = RANDOM.uniform(0.5, 2, shape) if floating else RANDOM.integers(0, 5, shape)
        value = np.asarray(value).astype(dtype)
        x = tf.placeholder(dtype, shape)
        inputs[x] = value
        for name, reference in functions.items():
            if name == "reduce_mean" and not floating:
                continue
            if name == "reduce_logsumexp" and (0 in shape or axis == () or shape == ()):
                continue
            outputs.append(_named(name)(x, axis, keepdims=keepdims))
            with np.errstate(all="ignore"):
                wanted = np.asarray(reference(value, axis=axis, keepdims=keepdims))
            expected.append((name, shape, axis, wanted.astype(dtype)))
    with tf.Session() as session:
        results = session.run(outputs, inputs)
    rtol = {"float64": 1e-13, "float32": 5e-6}.get(dtype, 0)
    for result, output, (name, shape, axis, wanted) in zip(results, outputs, expected, strict=True):
        assert (result.dtype, result.shape) == (wanted.dtype, wanted.shape), (name, shape, axis)
        assert tuple(output.shape.as_list()) == wanted.shape
        np.testing.assert_allclose(result, wanted, rtol=rtol, err_msg=f"{name} {shape} {axis}")


def test_half_precision_sums_in_single():
    value = np.full(70000, 1, np.float16)
    x = tf.placeholder(tf.float16, [70000])
    with tf.Session() as session:
        mean, norm = session.run([tf.reduce_mean(x), tf.math.reduce_euclidean_norm(300 * x[:4])],
                                 {x: value})  # fmt: skip
    assert (mean, norm) == (1, 600)
    assert mean.dtype == np.float16


@pytest.mark.parametrize(("shape", "axis"), [((2, 3, 4), (0, 2)), ((0, 3), 0), ((0, 3), 1)])
def test_logic(shape, axis):
    value = RANDOM.integers(0, 2, shape).astype(bool)
    x = tf.placeholder(tf.bool, shape)
    fetches = [tf.reduce_all(x, axis), tf.reduce_any(x, axis), tf.count_nonzero(x, axis)]
    with tf.Session() as session:
        every, some, count = session.run(fetches, {x: value})
    np.testing.assert_array_equal(every, value.all(axis))
    np.testing.assert_array_equal(some, value.any(axis))
    np.testing.assert_array_equal(count, np.count_nonzero(value, axis))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "uint8", "float16"])
def test_places(dtype):
    inputs, outputs, expected = {}, [], []
    for shape, axis in [((37,), 0), ((3, 5), 1), ((4, 3, 2), 1), ((5, 1), -1), ((2, 0, 3), 2)]:
        value = RANDOM.integers(0, 9, shape).astype(dtype)
        x = tf.placeholder(dtype, shape)
        inputs[x] = value
        outputs += [tf.argmax(x, axis), tf.argmin(x, axis, output_type=tf.int32)]
        expected += [np.argmax(value, axis), np.argmin(value, axis)]
    with tf.Session() as session:
        for result, wanted in zip(session.run(outputs, inputs), expected, strict=True):
            np.testing.assert_array_equal(result, wanted)


@pytest.mark.parametrize("axis", [None, 0, (0, 2), -1])
@pytest.mark.parametrize(
    "name", ["reduce_sum", "reduce_mean", "reduce_prod", "reduce_max", "reduce_min",
             "math.reduce_euclidean_norm", "reduce_logsumexp", "math.reduce_variance",
             "math.reduce_std"],
)  # fmt: skip
def test_gradients(name, axis):
    value = RANDOM.permutation(24).reshape(2, 3, 4) / 12 + 0.3  # no ties
    order = 1 if name == "math.reduce_std" and axis == -1 else 2
    check_gradient(lambda x: _named(name)(x, axis), value, order=order, tolerance=1e-7)


@pytest.mark.parametrize("name", ["reduce_sum", "reduce_mean", "reduce_max", "reduce_logsumexp"])
def test_gradients_of_unknown_shapes(name):
    value = RANDOM.permutation(6).reshape(2, 3) / 3
    for axis in (None, 1):
        check_gradient(lambda x, axis=axis: _named(name)(x, axis), value, static=False, order=1)


def test_gradient_of_a_product_with_zeros():
    value = np.array([[2.0, 0.0, 3.0], [0.0, 0.0, 5.0], [1.0, 2.0, 4.0]])
    check_gradient(lambda x: tf.reduce_prod(x, 1), value, order=1)


def test_axes_and_sizes_known_in_the_run_only():
    x = tf.placeholder(tf.float32)
    axis = tf.placeholder(tf.int32, [None])
    total, mean = tf.reduce_sum(x, axis), tf.reduce_mean(x)
    value = RANDOM.standard_normal((3, 4, 5)).astype(np.float32)
    with tf.Session() as session:
        for axes in ([0], [1, 2], [-1], []):
            result = session.run(total, {x: value, axis: axes})
            np.testing.assert_allclose(result, value.sum(tuple(axes)), rtol=1e-5, atol=1e-5)
        for shape in ((4,), (2, 3), (6, 3), (5, 3)):
            value = RANDOM.standard_normal(shape).astype(np.float32)
            np.testing.assert_allclose(session.run(mean, {x: value}), value.mean(), rtol=1e-5)


def test_means_of_any_batch():
    x = tf.placeholder(tf.float32, [None, 3])
    fetches = [tf.reduce_mean(x, 0), tf.gradients(tf.reduce_mean(x), x)[0]]
    with tf.Session() as session:
        for size in (4, 7, 9, 1):
            value = RANDOM.standard_normal((size, 3)).astype(np.float32)
            mean, gradient = session.run(fetches, {x: value})
            np.testing.assert_allclose(mean, value.mean(0), rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(gradient, np.full((size, 3), 1 / (3 * size)), rtol=1e-6)


def test_gradients_of_clips():
    value = RANDOM.uniform(-2, 2, (3, 4))
    check_gradient(lambda x: tf.clip_by_value(x * x, 0.3, 2.0), value, order=1)
    check_gradient(lambda x: tf.clip_by_norm(x, 1.0), value)
    check_gradient(lambda x: tf.clip_by_norm(x, 1.0, axes=[1]), value)
    check_gradient(lambda x: tf.clip_by_norm(x, 100.0), value)
    check_gradient(lambda x, y: tf.clip_by_global_norm([x, y], 1.5)[0], value, value[0])


def test_slices_are_clipped_and_added():
    values, indices = tf.constant([[3.0, 4.0], [0.0, 0.5]]), tf.constant([0, 2])
    slices = tf.IndexedSlices(values, indices, tf.constant([3, 2]))
    bounded, short = tf.clip_by_value(slices, 0.0, 1.0), tf.clip_by_norm(slices, 1.0, axes=1)
    (first, second), norm = tf.clip_by_global_norm([slices, tf.constant([12.0])], 1.0)
    assert all(isinstance(t, tf.IndexedSlices) for t in (bounded, short, first))
    assert isinstance(tf.scalar_mul(2, slices), tf.IndexedSlices)
    assert isinstance(tf.cast(slices, tf.float64), tf.IndexedSlices)
    with tf.Session() as session:
        found = session.run([bounded.values, short.values, second, norm, bounded.indices])
    np.testing.assert_allclose(found[0], [[1, 1], [0, 0.5]])
    np.testing.assert_allclose(found[1], [[0.6, 0.8], [0, 0.5]], rtol=1e-6)
    np.testing.assert_allclose(found[2], 12 / found[3], rtol=1e-6)
    np.testing.assert_allclose(found[3], np.sqrt(25.25 + 144), rtol=1e-6)
    assert found[4].tolist() == [0, 2]


def test_sums_of_many():
    arrays = RANDOM.standard_normal((11, 5, 3)).astype(np.float32)
    tensors = [tf.constant(a) for a in arrays]
    with tf.Session() as session:
        for total in session.run([tf.add_n(tensors), tf.accumulate_n(tensors)]):
            np.testing.assert_allclose(total, arrays.sum(0), rtol=1e-5, atol=1e-6)
    check_gradient(lambda x, y: tf.add_n([x, y, x * y]), arrays[0], arrays[1])
    check_gradient(lambda x, y: tf.accumulate_n([x, y, x * y]), arrays[0], arrays[1])


def test_euclidean_norm_of_complex_numbers():
    value = np.array([[1 + 2j, 3 - 1j], [0, 2j]], np.complex64)
    with tf.Graph().as_default(), tf.Session() as session:
        found = session.run(tf.reduce_euclidean_norm(tf.constant(value), 1))
    np.testing.assert_allclose(found, np.linalg.norm(value, axis=1), rtol=1e-6)
    assert found.dtype == np.complex64
