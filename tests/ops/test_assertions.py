"""``tf.assert_*``: what fails when the graph is made, what fails in the run."""

import numpy as np
import pytest

import graphflow as tf

HOLDS = [
    (tf.assert_equal, [1, 2], [1, 2], [1, 3]),
    (tf.assert_none_equal, [1, 2], [3, 3], [3, 2]),
    (tf.assert_less, [1, 2], [2, 3], [2, 2]),
    (tf.assert_less_equal, [1, 2], [1, 3], [2, 1]),
    (tf.assert_greater, [2, 3], [1, 2], [1, 3]),
    (tf.assert_greater_equal, [2, 3], [2, 2], [2, 4]),
    (tf.assert_near, [1.0, 2.0], [1.0, 2.000001], [1.0, 2.1]),
]
SIGNS = [
    (tf.assert_negative, [-1, -2], [-1, 0]),
    (tf.assert_positive, [1, 2], [1, 0]),
    (tf.assert_non_negative, [0, 2], [0, -1]),
    (tf.assert_non_positive, [0, -2], [0, 1]),
]


@pytest.mark.parametrize(("check", "x", "good", "bad"), HOLDS)
def test_a_comparison_holds_everywhere_or_fails(check, x, good, bad) -> None:
    y = tf.placeholder(tf.convert_to_tensor(x).dtype)
    with tf.control_dependencies([check(x, y, message="so")]):
        out = tf.identity(y)
    with tf.Session() as session:
        np.testing.assert_array_equal(session.run(out, {y: good}), np.float32(good))
        with pytest.raises(tf.errors.InvalidArgumentError, match="so"):
            session.run(out, {y: bad})


@pytest.mark.parametrize(("check", "good", "bad"), SIGNS)
def test_signs(check, good, bad) -> None:
    check(good)
    with pytest.raises(tf.errors.InvalidArgumentError, match="0 did not hold"):
        check(bad)


def test_what_constants_decide_fails_at_once() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"x == y did not hold"):
        tf.assert_equal(1, 2)
    x = tf.constant([1, 2])
    assert tf.assert_equal(x, x).type == "NoOp"


def test_ranks() -> None:
    x, known = tf.placeholder(tf.float32), tf.zeros([2, 3])
    for check, good, bad in (
        (tf.assert_rank, 2, 1), (tf.assert_rank_at_least, 1, 3), (tf.assert_rank_in, [0, 2], [1]),
    ):  # fmt: skip
        assert check(known, good).type == "NoOp"
        with pytest.raises(ValueError, match="must have rank"):
            check(known, bad)
        with tf.Session() as session:
            session.run(check(x, good), {x: np.zeros((2, 3))})
            with pytest.raises(tf.errors.InvalidArgumentError, match="must have rank"):
                session.run(check(x, bad), {x: np.zeros((2, 3))})


def test_a_rank_that_is_a_vector_is_what_the_error_names() -> None:
    x, rank = tf.placeholder(tf.float32), tf.placeholder(tf.int32)
    check = tf.assert_rank(x, rank)
    with tf.Session() as session, pytest.raises(tf.errors.InvalidArgumentError, match="a scalar"):
        session.run(check, {x: np.zeros((2, 3)), rank: [2, 1]})


def test_shapes_share_their_symbols() -> None:
    x, y = tf.placeholder(tf.float32, [None, 3]), tf.placeholder(tf.float32)
    check = tf.debugging.assert_shapes([(x, ("n", 3)), (y, (..., "n", None)), (tf.constant(1), ())])
    with tf.Session() as session:
        session.run(check, {x: np.zeros((2, 3)), y: np.zeros((5, 2, 1))})
        with pytest.raises(tf.errors.InvalidArgumentError, match="must have size"):
            session.run(check, {x: np.zeros((2, 3)), y: np.zeros((4, 1))})
    with pytest.raises(ValueError, match=r"dimension 1 must have size 4\.  Received size 3"):
        tf.debugging.assert_shapes({x: ("n", 4)})
    with pytest.raises(ValueError, match="only allowed as the first entry"):
        tf.debugging.assert_shapes([(x, ("n", ...))])


def test_types() -> None:
    assert tf.assert_type(1, tf.int32).type == tf.assert_integer(1).type == "NoOp"
    with pytest.raises(TypeError, match="must be of type <dtype: 'int32'>"):
        tf.assert_type(1.0, tf.int32)
    with pytest.raises(TypeError, match="integer"):
        tf.assert_integer(1.0)
    with pytest.raises(ValueError, match="Expected scalar shape"):
        tf.assert_scalar([1])
    with pytest.raises(TypeError, match="proper"):
        tf.assert_proper_iterable(tf.constant([1]))
    x = tf.zeros([2], tf.float64)
    assert tf.assert_same_float_dtype([x, None, x]) == tf.float64
    assert tf.assert_same_float_dtype() == tf.float32
    with pytest.raises(ValueError, match="same type"):
        tf.assert_same_float_dtype([x, tf.zeros([])])


def test_verify_tensor_all_finite() -> None:
    x = tf.placeholder(tf.float32)
    checked = tf.verify_tensor_all_finite(x, "not finite")
    with tf.Session() as session:
        assert session.run(checked, {x: 1.0}) == 1.0
        with pytest.raises(tf.errors.InvalidArgumentError, match="not finite : Tensor had NaN"):
            session.run(checked, {x: np.nan})
