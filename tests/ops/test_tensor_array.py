"""TensorArrays: every method, in loops and outside, with gradients."""

from __future__ import annotations

import numpy as np
import pytest
from gradcheck import check_gradient

import graphflow as tf


@pytest.fixture
def session():
    with tf.Graph().as_default(), tf.Session() as opened:
        yield opened


def test_methods(session):
    rows = np.arange(6, dtype=np.float32).reshape(3, 2)
    written = tf.TensorArray(tf.float32, 3)
    for k in range(3):
        written = written.write(k, rows[k])
    scattered = tf.TensorArray(tf.float32, 4).scatter([3, 0], rows[:2])
    unstacked = tf.TensorArray(tf.float32, 3).unstack(rows)
    split = tf.TensorArray(tf.float32, 3).split(np.arange(6.0), [2, 2, 2])
    ragged = tf.TensorArray(tf.float32, 2, infer_shape=False).split(np.arange(5.0), [2, 3])
    fetches = [
        written.stack(), written.concat(), written.read(1), written.gather([2, 0]), written.size(),
        scattered.stack(), unstacked.identity().read(2), split.stack(), ragged.read(1),
        ragged.concat(), written.grad("loss").write(1, rows[0]).stack(),
    ]  # fmt: skip
    expected = [
        rows, rows.ravel(), rows[1], rows[[2, 0]], 3, [rows[1], [0, 0], [0, 0], rows[0]], rows[2],
        np.arange(6.0).reshape(3, 2), [2, 3, 4], np.arange(5), [[0, 0], rows[0], [0, 0]],
    ]  # fmt: skip
    for got, wanted in zip(session.run(fetches), expected, strict=True):
        np.testing.assert_array_equal(got, wanted)
    session.run(written.close())


def test_names_and_static_shapes(session):
    array = tf.TensorArray(tf.float32, 3, name="a").write(0, [1.0, 2.0])
    assert array.handle.op.name == "a"
    assert array.handle.op.type == "TensorArrayV3"
    assert array.flow.op.name == "TensorArrayWrite/TensorArrayWriteV3"
    stacked = array.stack()
    assert stacked.op.name == "TensorArrayStack/TensorArrayGatherV3"
    assert array.element_shape.as_list() == [2]
    assert array.read(0).shape.as_list() == [2]
    assert stacked.shape.as_list()[1:] == [2]
    with pytest.raises(ValueError, match="Inconsistent shapes: saw"):
        array.write(1, [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="Size must be provided"):
        tf.TensorArray(tf.float32)
    with pytest.raises(ValueError, match="both a handle and size"):
        tf.TensorArray(tf.float32, 3, handle=array.handle)


def test_indices_out_of_range(session):
    index = tf.placeholder(tf.int32, [])
    array = tf.TensorArray(tf.float32, 3, tensor_array_name="three").unstack([1.0, 2.0, 3.0])
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="Tried to read from index 4 but array size is: 3"
    ):
        session.run(array.read(index), {index: 4})
    with pytest.raises(
        tf.errors.InvalidArgumentError,
        match="Tried to write to index -1 but array is not resizeable and size is: 3",
    ):
        session.run(array.write(index, 0.0).stack(), {index: -1})
    assert session.run(array.read(index), {index: 2}) == 3.0


@pytest.mark.parametrize("size", [0, 1, 3])
def test_growing_in_a_loop(session, size):
    limit = tf.placeholder(tf.int32, [])
    array = tf.TensorArray(tf.int32, size, dynamic_size=True)
    _, filled = tf.while_loop(
        lambda i, _: i * i < limit, lambda i, a: (i + 1, a.write(i, 2 * i)), (0, array)
    )
    for bound, count in ((50, 8), (17, 5)):
        got, length = session.run([filled.stack(), filled.size()], {limit: bound})
        np.testing.assert_array_equal(got, 2 * np.arange(count))
        assert length == count


def test_growing_outside_of_loops(session):
    array = tf.TensorArray(tf.float32, 0, dynamic_size=True).write(0, 1.0).write(2, 3.0)
    np.testing.assert_array_equal(session.run(array.stack()), [1, 0, 3])


def test_in_a_branch(session):
    flag = tf.placeholder(tf.bool, [])
    array = tf.TensorArray(tf.float32, 2).write(0, 1.0)
    chosen = tf.cond(tf.logical_not(flag), lambda: array.write(1, 5.0).flow, lambda: array.flow)
    stacked = array.with_flow(chosen).stack()
    for value, expected in ((False, [1, 5]), (True, [1, 0])):
        np.testing.assert_array_equal(session.run(stacked, {flag: value}), expected)


def test_nested_loops(session):
    def row(i, array):
        return i + 1, tf.while_loop(
            lambda j, _: j < 3, lambda j, a: (j + 1, a.write(3 * i + j, 10 * i + j)), (0, array)
        )[1]

    array = tf.TensorArray(tf.int32, 6)
    _, filled = tf.while_loop(lambda i, _: i < 2, row, (0, array))
    np.testing.assert_array_equal(session.run(filled.stack()), [0, 1, 2, 10, 11, 12])


def test_crosses_a_run_that_is_cut(session):
    x = tf.placeholder(tf.float64, [None])
    array = tf.TensorArray(tf.float64, 2).write(0, x)
    found = tf.py_func(lambda v: v[v > 0], [array.read(0)], tf.float64)
    array = array.write(1, found)
    np.testing.assert_array_equal(session.run(array.read(1), {x: [1.0, 2.0]}), [1, 2])


def test_gradients():
    def build(x, y):
        inputs = tf.TensorArray(tf.float64, 4).unstack(x)
        results = tf.TensorArray(tf.float64, 4)

        def body(i, state, results):
            state = tf.sin(state * y) + inputs.read(i) * inputs.read(3 - i)
            return i + 1, state, results.write(i, state * state)

        _, state, results = tf.while_loop(
            lambda i, *_: i < 4, body, (0, tf.ones([3], tf.float64), results)
        )
        return [state, results.stack(), results.concat(), results.gather([1, 1])]

    random = np.random.default_rng(0)
    values = random.standard_normal((4, 3)), random.standard_normal(3)
    check_gradient(build, *values, tolerance=1e-7)


def test_gradients_of_split_and_scatter():
    def build(x):
        split = tf.TensorArray(tf.float64, 3).split(x, [2, 2, 2])
        spread = tf.TensorArray(tf.float64, 4).scatter([2, 0, 3], tf.reshape(x, [3, 2]))
        return [split.read(1) ** 3, spread.stack() ** 2, split.concat() ** 3]

    check_gradient(build, np.arange(1.0, 7.0))
