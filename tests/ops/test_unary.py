"""Functions of one tensor, compiled, against NumPy and SciPy; their gradients."""

import ml_dtypes
import numpy as np
import pytest
import scipy.special
from gradcheck import check_gradient

import graphflow as tf

RANDOM = np.random.default_rng(7)

# name, reference, bounds within which it is smooth
SMOOTH = [
    ("negative", np.negative, -3, 3),
    ("abs", np.abs, 0.1, 3),
    ("square", np.square, -3, 3),
    ("sqrt", np.sqrt, 0.1, 5),
    ("rsqrt", lambda x: 1 / np.sqrt(x), 0.1, 5),
    ("reciprocal", lambda x: 1 / x, 0.3, 5),
    ("exp", np.exp, -3, 3),
    ("expm1", np.expm1, -3, 3),
    ("log", np.log, 0.1, 5),
    ("log1p", np.log1p, -0.5, 5),
    ("sigmoid", scipy.special.expit, -5, 5),
    ("log_sigmoid", scipy.special.log_expit, -5, 5),
    ("nn.softplus", lambda x: np.logaddexp(0, x), -5, 5),
    ("tanh", np.tanh, -3, 3),
    ("sin", np.sin, -6, 6),
    ("cos", np.cos, -6, 6),
    ("tan", np.tan, -1, 1),
    ("asin", np.arcsin, -0.9, 0.9),
    ("acos", np.arccos, -0.9, 0.9),
    ("atan", np.arctan, -3, 3),
    ("sinh", np.sinh, -3, 3),
    ("cosh", np.cosh, -3, 3),
    ("asinh", np.arcsinh, -3, 3),
    ("acosh", np.arccosh, 1.2, 5),
    ("atanh", np.arctanh, -0.8, 0.8),
    ("erf", scipy.special.erf, -3, 3),
    ("erfc", scipy.special.erfc, -3, 3),
    ("lgamma", scipy.special.gammaln, 0.3, 6),
]
STEPS = [
    ("digamma", scipy.special.digamma, 0.3, 6),
    ("floor", np.floor, -5, 5),
    ("ceil", np.ceil, -5, 5),
    ("rint", np.rint, -5, 5),
    ("round", np.round, -5, 5),
    ("sign", np.sign, -5, 5),
]
FLOATS = {
    np.float64: 1e-13,
    np.float32: 3e-6,
    np.float16: 2e-3,
    ml_dtypes.bfloat16: 1.6e-2,
}


def _named(name):
    result = tf
    for part in name.split("."):
        result = getattr(result, part)
    return result


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: np.dtype(d).name)
def test_values(dtype):
    """All functions in one run, at sizes around the vector width, at 0 and 1 elements."""
    shapes = [(37,), (3, 5), (), (1,), (0,)]
    cases = [case for case in SMOOTH + STEPS]
    for shape in shapes:
        inputs, outputs, expected = {}, [], []
        for name, reference, low, high in cases:
            value = RANDOM.uniform(low, high, shape).astype(dtype)
            x = tf.placeholder(value.dtype, shape)
            inputs[x] = value
            outputs.append(_named(name)(x))
            wide = value.astype(np.float64 if value.dtype.itemsize == 8 else np.float32)
            expected.append(reference(wide).astype(dtype))
        with tf.Session() as session:
            results = session.run(outputs, inputs)
        for (name, *_), result, wanted in zip(cases, results, expected, strict=True):
            assert (result.dtype, result.shape) == (wanted.dtype, shape), name
            np.testing.assert_allclose(
                result.astype(np.float64), wanted.astype(np.float64), rtol=FLOATS[dtype],
                atol=FLOATS[dtype], err_msg=name,
            )  # fmt: skip


@pytest.mark.parametrize(("name", "reference", "low", "high"), SMOOTH, ids=[c[0] for c in SMOOTH])
def test_gradients(name, reference, low, high):
    check_gradient(_named(name), RANDOM.uniform(low, high, (2, 3)))


def test_functions_without_gradient():
    x = tf.placeholder(tf.float32, [3])
    for name in ("floor", "ceil", "rint", "round"):
        assert tf.gradients(_named(name)(x), x) == [None]


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_integers(dtype):
    value = np.array([-5, 0, 7], dtype)
    x = tf.placeholder(dtype, [3])
    with tf.Session() as session:
        found = session.run(
            [-x, abs(x), tf.sign(x), tf.square(x), tf.bitwise.invert(x)], {x: value}
        )
    wanted = [-value, abs(value), np.sign(value), value * value, ~value]
    for result, expected in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(result, expected)
        assert result.dtype == expected.dtype


def test_one_program_serves_all_batches():
    """An unknown size may change from run to run."""
    x = tf.placeholder(tf.float32, [None, 3])
    y = tf.exp(-x) * tf.tanh(x)
    with tf.Session() as session:
        for size in (1, 4, 7, 0, 33):
            value = RANDOM.standard_normal((size, 3)).astype(np.float32)
            expected = np.exp(-value) * np.tanh(value)
            np.testing.assert_allclose(session.run(y, {x: value}), expected, rtol=3e-6)


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_infinity_beside_a_large_argument_gives_nan(name, dtype):
    value = np.array([1e30, np.inf, -np.inf, np.nan, 1.0], dtype)
    x = tf.placeholder(dtype, [5])
    with tf.Session() as session:
        found = session.run(getattr(tf, name)(x), {x: value})
    with np.errstate(invalid="ignore"):
        wanted = getattr(np, name)(value.astype(np.float64)).astype(dtype)
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
