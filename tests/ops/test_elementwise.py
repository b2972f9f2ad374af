"""Arithmetic of two tensors, comparisons, choices and casts, compiled; their gradients."""

import ml_dtypes
import numpy as np
import pytest
from gradcheck import check_gradient

import graphflow as tf

RANDOM = np.random.default_rng(11)
PAIRS = [((37,), (37,)), ((3, 1, 5), (4, 1)), ((), (2, 3)), ((1,), (1,)), ((0, 3), (1, 3))]

FLOAT_FUNCTIONS = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "floordiv": lambda x, y: np.floor(x / y),
    "pow": np.power,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "squared_difference": lambda x, y: (x - y) ** 2,
    "atan2": np.arctan2,
    "floormod": np.mod,
    "truncatemod": np.fmod,
}
NARROW = ("add", "subtract", "multiply", "divide", "maximum", "minimum", "squared_difference")
INTEGER_FUNCTIONS = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "floordiv": np.floor_divide,
    "truncatediv": lambda x, y: (np.abs(x) // np.abs(y) * np.sign(x) * np.sign(y)).astype(x.dtype),
}


def _run(functions, shapes, dtype, low, high):
    """Every function on every pair of shapes, in one run."""
    inputs, outputs, expected = {}, [], []
    for first, second in shapes:
        a, b = (RANDOM.uniform(low, high, s).astype(dtype) for s in (first, second))
        b = np.where(b == 0, np.ones_like(b), b)
        x, y = (tf.placeholder(v.dtype, v.shape) for v in (a, b))
        inputs |= {x: a, y: b}
        for name, reference in functions.items():
            outputs.append(getattr(tf, name)(x, y))
            half = a.dtype.itemsize == 2 and a.dtype.kind not in "iu"
            wide = (v.astype(np.float32) if half else v for v in (a, b))
            expected.append((name, reference(*wide).astype(dtype)))
    with tf.Session() as session:
        return session.run(outputs, inputs), expected


@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-14), ("float32", 3e-6)])
def test_floats(dtype, rtol):
    for result, (name, wanted) in zip(*_run(FLOAT_FUNCTIONS, PAIRS, dtype, 0.3, 3), strict=True):
        assert (result.dtype, result.shape) == (wanted.dtype, wanted.shape), name
        np.testing.assert_allclose(result, wanted, rtol=rtol, atol=rtol, err_msg=name)


@pytest.mark.parametrize(("dtype", "rtol"), [("float16", 1e-3), (ml_dtypes.bfloat16, 8e-3)])
def test_narrow_floats(dtype, rtol):
    functions = {name: FLOAT_FUNCTIONS[name] for name in NARROW}
    for result, (name, wanted) in zip(*_run(functions, PAIRS[:2], dtype, 0.3, 3), strict=True):
        assert result.dtype == wanted.dtype
        result, wanted = result.astype(np.float32), wanted.astype(np.float32)
        np.testing.assert_allclose(result, wanted, rtol=rtol, err_msg=name)


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8"])
def test_integers(dtype):
    low, high = (1, 200) if dtype == "uint8" else (-100, 100)
    found, expected = _run(INTEGER_FUNCTIONS, PAIRS[:2], dtype, low, high)
    for result, (name, wanted) in zip(found, expected, strict=True):
        assert result.dtype == wanted.dtype
        np.testing.assert_array_equal(result, wanted, err_msg=name)


@pytest.mark.parametrize("shapes", [((2, 3), (2, 3)), ((2, 1, 3), (4, 1)), ((), (3,))])
@pytest.mark.parametrize(
    "name", ["add", "subtract", "multiply", "divide", "pow", "squared_difference", "atan2",
             "div_no_nan", "floormod"],
)  # fmt: skip
def test_gradients(name, shapes):
    # Quotients stay between 1 and 2, so that no floor jumps.
    x, y = RANDOM.uniform(2.2, 2.8, shapes[0]), RANDOM.uniform(1.5, 2, shapes[1])
    check_gradient(getattr(tf, name), x, y, order=1 if len(shapes[0]) != 2 else 2)


def test_gradients_of_unknown_shapes():
    x, y = RANDOM.uniform(1, 2, (2, 3)), RANDOM.uniform(1, 2, (3,))
    for function in (tf.add, tf.multiply, tf.divide, tf.squared_difference):
        check_gradient(function, x, y, static=False, order=1)


def test_gradients_of_extremes_and_choices():
    x, y = RANDOM.uniform(-1, 1, (2, 3)), RANDOM.uniform(-1, 1, (3,))
    check_gradient(tf.maximum, x, y, order=1)
    check_gradient(lambda a, b: tf.minimum(a * a, b), x, y)
    check_gradient(lambda a, b: tf.where(a > 0.0, a * a, a * b), x, x + 3)
    check_gradient(lambda a, b: tf.where([True, False], a, b), x, x + 3, order=1)
    check_gradient(lambda a, b: tf.where_v2(a > 0.0, a * a, b), x, y)
    check_gradient(tf.math.xlogy, x, abs(y) + 1)
    check_gradient(tf.math.xdivy, x, abs(y) + 1)
    check_gradient(tf.math.multiply_no_nan, x, y)


def test_operators_of_tensors_numbers_and_variables():
    value = np.array([1.0, 2.0, 4.0], np.float32)
    v = tf.Variable(value)
    x = tf.constant(value)
    tensors = [2 - x, x**2, 2 / v, v + x, v * 3, x // 3, 7 % x, -v, abs(-v), v > 1.5, 3.0 >= v,
               np.float32(2) * x, value + x, [1.0, 1.0, 1.0] - x, 2**v]  # fmt: skip
    expected = [2 - value, value**2, 2 / value, 2 * value, value * 3, value // 3, 7 % value,
                -value, value, value > 1.5, value <= 3, 2 * value, 2 * value, 1 - value,
                2**value]  # fmt: skip
    with tf.Session() as session:
        session.run(v.initializer)
        for result, wanted in zip(session.run(tensors), expected, strict=True):
            np.testing.assert_allclose(result, wanted, rtol=1e-6)
            assert result.dtype == wanted.dtype


def test_divisors_known_not_to_be_zero_need_no_check():
    x = tf.placeholder(tf.int32, [4])
    n = tf.shape(tf.placeholder(tf.float32, [None], name="sized"))[0]
    with tf.Session() as session:
        quotient = session.run(x // 3 + x % 5, {x: [7, -7, 0, 1]})
        assert quotient.tolist() == [2 + 2, -3 + 3, 0, 1]
        sized = tf.get_default_graph().get_tensor_by_name("sized:0")
        assert session.run(100 // n, {sized: np.zeros(7, np.float32)}) == 14
        with pytest.raises(tf.errors.InvalidArgumentError, match="Integer division by zero"):
            session.run(100 // n, {sized: np.zeros(0, np.float32)})


def test_a_failed_division_says_where_it_was_made():
    x = tf.placeholder(tf.int32, [2], name="divisor")
    quotient = tf.floordiv(6, x, name="quotient")
    with tf.Session() as session:
        assert session.run(quotient, {x: [2, 3]}).tolist() == [3, 2]
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            session.run(quotient, {x: [2, 0]})
    assert caught.value.op is quotient.op


@pytest.mark.parametrize(
    "source", ["float64", "float32", "float16", "int32", "int64", "uint8", "bool"]
)
def test_casts(source):
    value = np.array([0, 1, 2.75, 100, 0, 3], source)
    targets = ["float64", "float32", "float16", "int8", "int16", "int32", "int64", "uint8",
               "uint16", "uint32", "uint64", "bool", "bfloat16"]  # fmt: skip
    x = tf.placeholder(source, [6])
    with tf.Session() as session:
        found = session.run([tf.cast(x, t) for t in targets], {x: value})
    for target, result in zip(targets, found, strict=True):
        expected = value.astype(ml_dtypes.bfloat16 if target == "bfloat16" else target)
        assert result.dtype == expected.dtype
        np.testing.assert_array_equal(result, expected)


def test_bitcasts_of_all_sizes():
    value = RANDOM.integers(0, 256, (3, 8), np.uint8)
    x = tf.placeholder(tf.uint8, [3, 8])
    y = tf.placeholder(tf.float64, [3])
    with tf.Session() as session:
        feed = {x: value, y: value.view(np.float64)[:, 0]}
        whole = tf.bitcast(x, tf.int64)
        parts = [tf.bitcast(y, t) for t in (tf.uint8, tf.int16, tf.uint32, tf.int64)]
        found = session.run([whole, *parts], feed)
    np.testing.assert_array_equal(found[0], value.view(np.int64)[:, 0])
    for result, kind in zip(found[1:], (np.uint8, np.int16, np.uint32, np.int64), strict=True):
        expected = value.view(kind)
        np.testing.assert_array_equal(result.reshape(expected.shape), expected)


@pytest.mark.parametrize("dtype", ["float32", "int32", "uint8", "int64", "float16"])
def test_comparisons(dtype):
    a, b = RANDOM.integers(0, 4, (5, 1)).astype(dtype), RANDOM.integers(0, 4, (7,)).astype(dtype)
    x, y = tf.placeholder(dtype, a.shape), tf.placeholder(dtype, b.shape)
    functions = [tf.less, tf.less_equal, tf.greater, tf.greater_equal, tf.equal, tf.not_equal]
    references = [np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal]
    with tf.Session() as session:
        found = session.run([f(x, y) for f in functions], {x: a, y: b})
    for result, reference in zip(found, references, strict=True):
        np.testing.assert_array_equal(result, reference(a, b))


def test_rows_chosen_by_a_vector_of_any_batch():
    condition = tf.placeholder(tf.bool, [None])
    x, y = tf.placeholder(tf.float32, [None, 3]), tf.placeholder(tf.float32, [None, 3])
    chosen = tf.where(condition, x, y)
    with tf.Session() as session:
        for size in (2, 5, 3, 1):
            flags = RANDOM.integers(0, 2, size).astype(bool)
            a, b = RANDOM.standard_normal((2, size, 3)).astype(np.float32)
            result = session.run(chosen, {condition: flags, x: a, y: b})
            np.testing.assert_array_equal(result, np.where(flags[:, None], a, b))
