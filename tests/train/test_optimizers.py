"""Optimizers against TensorFlow 1.15.5: values after three steps, names, slots, errors."""

import importlib.util
import pathlib

import numpy as np
import pytest

import graphflow as tf
from graphflow import errors, observe
from graphflow.graph.graph import Graph
from graphflow.graph.indexed_slices import IndexedSlices

DATA = pathlib.Path(__file__).parents[1] / "data"
_spec = importlib.util.spec_from_file_location("nn_scenarios", DATA / "nn_scenarios.py")
scenarios = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(scenarios)
RECORDED = np.load(DATA / "tf115_nn.npz")


@pytest.fixture(autouse=True)
def fresh_graph():
    with Graph().as_default() as graph:
        yield graph


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("name", scenarios.OPTIMIZERS)
def test_three_steps_as_in_tensorflow(name, sparse):
    found = scenarios.train(tf, scenarios.OPTIMIZERS[name], sparse)
    prefix = f"optimizers/{name}/{sparse}/"
    expected = {k[len(prefix) :]: RECORDED[k] for k in RECORDED.files if k.startswith(prefix)}
    assert sorted(found) == sorted(expected)
    for key, value in expected.items():
        if value.dtype.kind == "U":
            assert list(found[key]) == list(value), key
        else:
            assert found[key].dtype == value.dtype, key
            np.testing.assert_allclose(found[key], value, rtol=3e-6, atol=1e-6, err_msg=key)


def test_gradients_without_path_are_none_and_skipped():
    w, v = tf.Variable([1.0, 2.0]), tf.Variable([3.0])
    optimizer = tf.train.GradientDescentOptimizer(0.5)
    pairs = optimizer.compute_gradients(tf.reduce_sum(w * w))
    assert [g is None for g, _ in pairs] == [False, True]
    step = optimizer.apply_gradients(pairs)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(step)
        np.testing.assert_array_equal(session.run(w), [0, 0])
        np.testing.assert_array_equal(session.run(v), [3])


def test_constraints_and_gates_and_lists_of_variables():
    w = tf.Variable([1.0, -2.0], constraint=lambda x: tf.maximum(x, 0.0))
    other = tf.Variable([1.0])
    loss = tf.reduce_sum(w * w) + tf.reduce_sum(other * other)
    optimizer = tf.train.GradientDescentOptimizer(lambda: 0.25)
    gate = optimizer.GATE_GRAPH
    step = optimizer.minimize(loss, var_list=[[w]], gate_gradients=gate, name="step")
    assert step.name == "step"
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(step)
        np.testing.assert_array_equal(session.run(w), [0.5, 0])
        np.testing.assert_array_equal(session.run(other), [1])


def test_errors():
    w = tf.Variable([1.0])
    optimizer = tf.train.AdamOptimizer(name="A")
    assert optimizer.get_name() == "A"
    with pytest.raises(ValueError, match="gate_gradients must be one of"):
        optimizer.compute_gradients(w, gate_gradients=7)
    with pytest.raises(ValueError, match="No variables to optimize"):
        optimizer.compute_gradients(w, var_list=[])
    with pytest.raises(ValueError, match="No variables provided"):
        optimizer.apply_gradients([])
    with pytest.raises(ValueError, match="No gradients provided for any variable"):
        optimizer.apply_gradients([(None, w)])
    with pytest.raises(ValueError, match="No gradients provided for any variable, check your"):
        optimizer.minimize(tf.constant(1.0))
    with pytest.raises(ValueError, match=r"Invalid type tf.int32 for .*, expected"):
        optimizer.compute_gradients(tf.constant(1))
    with pytest.raises(NotImplementedError, match="Trying to update a Tensor"):
        tf.train.GradientDescentOptimizer(1.0).apply_gradients([(w, tf.constant([1.0]))])
    with pytest.raises(ValueError, match="Must specify the optimizer name"):
        tf.train.GradientDescentOptimizer(1.0, name="")


def test_a_row_out_of_range_fails_and_leaves_the_variable():

    w = tf.Variable(np.ones((3, 2), np.float32))
    rows = tf.placeholder(tf.int32, [None])
    optimizer = tf.train.MomentumOptimizer(0.1, 0.9)
    values = tf.constant(np.ones((2, 2), np.float32))

    step = optimizer.apply_gradients([(IndexedSlices(values, rows), w)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        with pytest.raises(errors.InvalidArgumentError, match=r"indices\[1\] = 3 is not in \[0, 3"):
            session.run(step, {rows: [0, 3]})
        np.testing.assert_array_equal(session.run(w), 1)


def test_global_step():
    assert tf.train.get_global_step() is None
    step = tf.train.create_global_step()
    assert (step.op.name, step.dtype.base_dtype, step.trainable) == ("global_step", tf.int64, False)
    assert tf.train.get_or_create_global_step() is step
    with pytest.raises(ValueError, match='"global_step" already exists'):
        tf.train.create_global_step()
    with tf.Session() as session:
        session.run(step.initializer)
        assert tf.train.global_step(session, step) == 0


def test_adam_updates_variable_and_slots_in_one_kernel():
    w = tf.Variable(np.ones((16, 8), np.float32))
    step = tf.train.AdamOptimizer().minimize(tf.nn.l2_loss(w))
    written = []

    def observer(program, stage, product, seconds):
        if stage == "kernels":
            written.append([len(task.writes) for task in product])

    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        with observe.observing(observer):
            session.run(step)
    assert sorted(written[-1]) == [1, 1, 3]  # beta1_power, beta2_power; w, m and v


def test_a_function_makes_the_loss() -> None:
    """With variables of TensorFlow's newer kind, which are all that there are here."""
    with tf.Graph().as_default(), tf.Session() as session:
        used = tf.Variable(3.0)
        tf.Variable(1.0)
        optimizer = tf.train.GradientDescentOptimizer(0.1)
        pairs = optimizer.compute_gradients(lambda: used * used)
        assert [v for _, v in pairs] == [used]
        step = optimizer.minimize(lambda: used * used, var_list=lambda: [used])
        session.run(tf.global_variables_initializer())
        session.run(step)
        np.testing.assert_allclose(session.run(used), 2.4, rtol=1e-6)
