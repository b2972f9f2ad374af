"""map_fn, scan, foldl and foldr: structures, gradients, loops that call Python."""

from __future__ import annotations

import numpy as np
import pytest
from gradcheck import check_gradient

import graphflow as tf

X = np.random.default_rng(0).standard_normal((5, 3))


@pytest.fixture
def session():
    with tf.Graph().as_default(), tf.Session() as opened:
        yield opened


def test_values(session):
    x = tf.placeholder(tf.float64, [None, 3])
    fetches = {
        "map": tf.map_fn(lambda row: tf.reduce_sum(row * row), x),
        "pair": tf.map_fn(lambda p: {"s": p[0] + p[1], "d": tf.cast(p[0] > 0, tf.int32)}, (x, x),
                          dtype={"s": tf.float64, "d": tf.int32}),
        "scan": tf.scan(lambda total, row: total * row + 0.5, x),
        "reverse": tf.scan(lambda total, row: total + row, x, tf.ones([3], tf.float64),
                           reverse=True),
        "foldl": tf.foldl(lambda total, row: 0.5 * total + row, x),
        "foldr": tf.foldr(lambda total, row: 0.5 * total + row, x, np.zeros(3)),
    }  # fmt: skip
    assert fetches["map"].shape.as_list() == [None]
    assert fetches["scan"].shape.as_list() == [None, 3]
    for count in (5, 1, 4, 3):
        value = X[:count]
        found = session.run(fetches, {x: value})
        np.testing.assert_allclose(found["map"], (value**2).sum(1))
        np.testing.assert_allclose(found["pair"]["s"], 2 * value)
        np.testing.assert_array_equal(found["pair"]["d"], value > 0)
        np.testing.assert_allclose(found["reverse"], 1 + value[::-1].cumsum(0)[::-1])
        scanned, left = [value[0]], value[0]
        for row in value[1:]:
            scanned.append(scanned[-1] * row + 0.5)
            left = 0.5 * left + row
        right = np.zeros(3)
        for row in value[::-1]:
            right = 0.5 * right + row
        np.testing.assert_allclose(found["scan"], scanned)
        np.testing.assert_allclose(found["foldl"], left)
        np.testing.assert_allclose(found["foldr"], right)


def test_gradients():
    def build(x, w):
        return [
            tf.map_fn(lambda row: tf.tanh(row * w), x),
            tf.scan(lambda total, row: tf.sin(total * w) + row, x),
            tf.foldr(lambda total, row: total * w + row * row, x),
        ]

    check_gradient(build, X[:4], X[4])


def test_arguments(session):
    with pytest.raises(TypeError, match="fn must be callable"):
        tf.map_fn(3, X)
    with pytest.raises(ValueError, match="1\\+ dimensional Tensors, not scalars"):
        tf.map_fn(lambda v: v, 1.0)
    with pytest.raises((TypeError, ValueError), match="structure"):
        tf.map_fn(lambda v: (v, v), X)


def test_loops_that_call_python(session):
    x = tf.placeholder(tf.float64, [None, 3])
    doubled = tf.map_fn(lambda row: tf.py_func(lambda v: 2 * v, [row], tf.float64), x)
    texts = tf.map_fn(
        lambda t: tf.py_func(lambda v: v + b"!", [t], tf.string), tf.constant(["a", "bc"])
    )
    np.testing.assert_array_equal(session.run(doubled, {x: X}), 2 * X)
    assert session.run(texts).tolist() == [b"a!", b"bc!"]
