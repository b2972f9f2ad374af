"""Slices whose start only the run knows: compiled for the size they have inside their operand."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.runtime.engine import Engine

DATA = np.arange(44, dtype=np.float32).reshape(11, 4)


@pytest.fixture
def compilations(monkeypatch):
    """How often something was compiled."""
    made = []
    compiled = Engine.compiled

    def counted(self, traced):
        made.append(traced)
        return compiled(self, traced)

    monkeypatch.setattr(Engine, "compiled", counted)
    return made


def test_one_compilation_serves_every_start(compilations):
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, (11, 4))
        i = tf.placeholder(tf.int32, ())
        fetches = [
            x[i * 3 : (i + 1) * 3],
            x[:, i : i + 2],
            x[i : i + 4 : 2],
            x[2 + i : i + 5, ::-1],
        ]
        for k in (0, 2, 1, 2, 0):
            got = session.run(fetches, {x: DATA, i: k})
            wanted = [
                DATA[k * 3 : (k + 1) * 3], DATA[:, k : k + 2], DATA[k : k + 4 : 2],
                DATA[k + 2 : k + 5, ::-1],
            ]  # fmt: skip
            for mine, theirs in zip(got, wanted, strict=True):
                np.testing.assert_array_equal(mine, theirs)
    assert len(compilations) == 1


@pytest.mark.parametrize("start", [-11, -4, -3, -1, 8, 9, 10, 11, 12])
def test_a_slice_that_leaves_its_operand_is_as_numpys(start):
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, (11, 4))
        i = tf.placeholder(tf.int32, ())
        y = x[i : i + 3]
        call = session.make_callable(y, [x, i])
        for k in (0, start, 1, start):
            expected = DATA[k : k + 3]
            np.testing.assert_array_equal(session.run(y, {x: DATA, i: k}), expected)
            np.testing.assert_array_equal(call(DATA, np.int32(k)), expected)


def test_gradients_put_the_part_back():
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, (11, 4))
        i = tf.placeholder(tf.int64, ())
        part = x[i * 2 : i * 2 + 6 : 2]
        (first,) = tf.gradients(tf.reduce_sum(part**3), x)
        (second,) = tf.gradients(tf.reduce_sum(first), x)
        for k in (0, 1, 2, 4):
            expected = np.zeros_like(DATA)
            expected[2 * k : 2 * k + 6 : 2] = DATA[2 * k : 2 * k + 6 : 2]
            got = session.run([first, second], {x: DATA, i: k})
            np.testing.assert_allclose(got[0], 3 * expected**2)
            np.testing.assert_allclose(got[1], 6 * expected)


def test_assignment_to_a_moving_part():
    with tf.Graph().as_default(), tf.Session() as session:
        v = tf.Variable(np.zeros(7, np.float32))
        i = tf.placeholder(tf.int32, ())
        update = v[i : i + 2].assign([1.0, 2.0])
        session.run(v.initializer)
        np.testing.assert_array_equal(session.run(update, {i: 3}), [0, 0, 0, 1, 2, 0, 0])
        np.testing.assert_array_equal(session.run(update, {i: 0}), [1, 2, 0, 1, 2, 0, 0])


def test_effects_before_a_wrong_guess_happen_once():
    seen = []

    def note(value):
        seen.append(float(value[0]))
        return value

    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, (11, 4))
        i = tf.placeholder(tf.int32, ())
        first = tf.py_func(note, [x[0]], tf.float32)
        with tf.control_dependencies([first]):
            y = tf.identity(x[i : i + 3])
        for k in (0, 10, 1):
            assert session.run(y, {x: DATA, i: k}).shape == DATA[k : k + 3].shape
    assert seen == [0.0, 0.0, 0.0]


def test_in_a_loop():
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, (11, 4))
        _, total = tf.while_loop(
            lambda i, t: i < 11,
            lambda i, t: (i + 1, t * 0.5 + tf.reduce_sum(x[i : i + 2])),
            [0, 0.0],
        )
        expected = 0.0
        for k in range(11):
            expected = expected * 0.5 + DATA[k : k + 2].sum()
        np.testing.assert_allclose(session.run(total, {x: DATA}), expected, rtol=1e-6)


def test_a_symbolic_size_apart():
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, (None, 4))
        z = tf.placeholder(tf.float32, (None, 4))
        i = tf.placeholder(tf.int32, ())
        n = tf.shape(z)[0]
        y = x[i * n : (i + 1) * n] + z
        for size, k in ((2, 0), (3, 1), (4, 1), (5, 0), (3, 2)):
            part = DATA[k * size : (k + 1) * size]
            got = session.run(y, {x: DATA, z: DATA[:size], i: k})
            np.testing.assert_array_equal(got, part + DATA[:size])
