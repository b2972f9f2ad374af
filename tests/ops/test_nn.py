"""Networks' ops, losses, dropout and optimizers against TensorFlow 1.15.5's numbers and names."""

import importlib.util
import pathlib

import numpy as np
import pytest

import graphflow as tf
from graphflow import errors, observe
from graphflow.graph.graph import Graph

DATA = pathlib.Path(__file__).parents[1] / "data"
_spec = importlib.util.spec_from_file_location("nn_scenarios", DATA / "nn_scenarios.py")
scenarios = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(scenarios)
RECORDED = np.load(DATA / "tf115_nn.npz")


@pytest.fixture(autouse=True)
def fresh_graph():
    with Graph().as_default() as graph:
        yield graph


def recorded(scenario):
    prefix = f"{scenario}/"
    return {k[len(prefix) :]: RECORDED[k] for k in RECORDED.files if k.startswith(prefix)}


@pytest.mark.parametrize("name", ["activations", "cross_entropies", "layers"])
def test_values_and_gradients_are_those_of_tensorflow(name):
    found, expected = scenarios.SCENARIOS[name](tf), recorded(name)
    assert sorted(found) == sorted(expected)
    for key, value in expected.items():
        assert found[key].dtype == value.dtype, key
        rtol = 1e-10 if value.dtype == np.float64 else 2e-7
        np.testing.assert_allclose(found[key], value, rtol=rtol, atol=1e-13, err_msg=key)


def test_dropout_and_random_values_are_those_of_tensorflow():
    found, expected = scenarios.dropout(tf), recorded("dropout")
    for key, value in expected.items():
        np.testing.assert_array_equal(found[key], value, err_msg=key)


def test_a_label_out_of_range_fails_in_the_run():
    labels = tf.placeholder(tf.int32, [None])
    loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=tf.zeros([2, 3]))
    with tf.Session() as session:
        assert session.run(loss, {labels: [0, 2]}).shape == (2,)
        message = r"label value of 5 which is outside the valid range of \[0, 3\).  Label values: 1"
        with pytest.raises(errors.InvalidArgumentError, match=message):
            session.run(loss, {labels: [1, 5]})


def test_second_derivatives_of_the_sparse_cross_entropy_are_refused():
    logits = tf.constant([[1.0, 2.0]])
    loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[1], logits=logits)
    gradient = tf.gradients(loss, logits)[0]
    with pytest.raises(LookupError, match="no way to take the second derivative"):
        tf.gradients(gradient, logits)


def test_errors_of_arguments():
    x = tf.zeros([2, 3])
    with pytest.raises(ValueError, match="Only call `softmax_cross_entropy_with_logits` with"):
        tf.nn.softmax_cross_entropy_with_logits(x, x)
    with pytest.raises(ValueError, match="Both labels and logits must be provided"):
        tf.nn.sigmoid_cross_entropy_with_logits(logits=x)
    with pytest.raises(ValueError, match=r"Rank mismatch: Rank of labels \(received 2\)"):
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=x, logits=x)
    with pytest.raises(ValueError, match=r"logits and labels must have the same shape"):
        tf.nn.sigmoid_cross_entropy_with_logits(labels=tf.zeros([3]), logits=x)
    with pytest.raises(errors.InvalidArgumentError, match=r"Dimension \(2\) must be in the range"):
        tf.nn.softmax(x, axis=2)
    with pytest.raises(ValueError, match="Dimensions must be equal, but are 3 and 4"):
        tf.nn.bias_add(x, tf.zeros([4]))
    with pytest.raises(ValueError, match="data_format must be of the form"):
        tf.nn.bias_add(x, tf.zeros([3]), "HWC")
    with pytest.raises(ValueError, match="rate must be a scalar tensor or a float in the range"):
        tf.nn.dropout(x, rate=1.0)
    with pytest.raises(ValueError, match="You must provide a rate"):
        tf.nn.dropout(x)
    assert tf.nn.dropout(x, rate=0.0) is x


def compiled_kernels(run):
    """The kinds of a run's steps, as they are compiled."""
    found = []

    def observer(program, stage, product, seconds):
        if stage == "kernels":
            found.append([task.kind for task in product])

    with observe.observing(observer):
        run()
    return found[-1]


def test_loss_and_gradient_of_a_cross_entropy_are_one_kernel():
    logits, labels = tf.placeholder(tf.float32, [32, 10]), tf.placeholder(tf.float32, [32, 10])
    loss = tf.nn.softmax_cross_entropy_with_logits_v2(labels=labels, logits=logits)
    fetches = [loss, tf.gradients(loss, logits)[0]]
    feed = {logits: np.ones((32, 10)), labels: np.ones((32, 10)) / 10}
    with tf.Session() as session:
        assert compiled_kernels(lambda: session.run(fetches, feed)) == ["loops"]


def test_dropout_is_a_draw_and_a_kernel_beside_the_state():
    x = tf.placeholder(tf.float32, [64, 10])
    y = tf.nn.dropout(x, rate=0.5, seed=1)
    with tf.Session() as session:
        kinds = compiled_kernels(lambda: session.run(y, {x: np.ones((64, 10))}))
    assert sorted(kinds) == ["loops", "loops", "random"]


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16])
def test_narrow_floats_are_computed_wide(dtype):
    x = np.linspace(-9, 9, 40).reshape(4, 10)
    narrow = tf.constant(x, dtype)
    wide = tf.cast(narrow, tf.float64)
    functions = [tf.nn.softmax, tf.nn.log_softmax, tf.nn.elu, tf.nn.selu, tf.nn.relu6]
    with tf.Session() as session:
        for function in functions:
            found, expected = session.run([tf.cast(function(narrow), tf.float64), function(wide)])
            np.testing.assert_allclose(found, expected, rtol=1e-2, atol=1e-3)


def test_empty_and_single_rows():
    for shape in ((0, 3), (3, 1), (1, 17), (5, 16), (2, 0)):
        x = tf.placeholder(tf.float32, shape)
        y = tf.nn.softmax(x)
        with tf.Session() as session:
            value = session.run(y, {x: np.zeros(shape)})
        np.testing.assert_allclose(value, np.full(shape, 1 / max(shape[1], 1)), rtol=1e-6)
