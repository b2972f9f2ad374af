"""The check of runs against the interpreter."""

import numpy as np

import graphflow as tf
from graphflow.graph.graph import Graph
from graphflow.runtime.verify import difference, verifying


def test_differences_in_words():
    x = np.array([[1.0, np.nan], [np.inf, 0.0]], np.float32)
    assert difference(x, x.copy()) == ""
    assert difference(x + np.float32(1e-7), x) == ""
    y = x.copy()
    y[1, 0] = 2.0
    text = difference(y, x)
    assert text == "1 of 4 elements differ, first at [1, 0]: expected inf, got 2.0"
    assert difference(x[0], x).startswith("expected float32[2, 2], got float32[2]")
    assert difference(np.array([1, 2]), np.array([1, 3])).startswith("1 of 2 elements differ")


def test_every_run_is_checked_and_the_first_difference_is_kept():
    with Graph().as_default(), verifying() as verifier:
        w = tf.Variable([1.0, 2.0], name="w")
        y = w.assign_add(tf.random_normal([2]))
        with tf.Session() as session:
            session.run(w.initializer)
            for _ in range(3):
                session.run(y)
        assert (verifier.checked, verifier.skipped, verifier.difference) == (4, 0, "")
        verifier.compare("y:0", np.array([1]), np.array([2]))
        verifier.compare("z:0", np.array([1]), np.array([2]))
        assert verifier.difference.startswith("run 4: y:0: 1 of 1 elements differ")


def test_python_functions_are_called_once_all_the_same():
    with Graph().as_default(), verifying() as verifier:
        calls = []
        y = tf.py_func(lambda: calls.append(1) or np.float32(1), [], tf.float32)
        y.set_shape([])
        with tf.Session() as session:
            session.run(y * 2.0)
        assert len(calls) == 1
        assert verifier.checked > 0
        assert (verifier.skipped, verifier.difference) == (0, "")


def test_data_sets_in_runs_agree():
    with Graph().as_default(), verifying() as verifier, tf.Session() as session:
        data = tf.data.Dataset.from_tensor_slices([1.0, 2.0]).map(lambda x: x * 2.0)
        iterator = data.make_one_shot_iterator()
        assert session.run(iterator.get_next() + 1.0) == 3.0
        assert b"iterator" in session.run(iterator.string_handle())
    assert verifier.difference == ""
    assert verifier.checked > 0
