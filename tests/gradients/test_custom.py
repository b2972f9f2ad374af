"""Functions with a gradient of their own."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.gradients.custom import custom_gradient, recompute_grad
from graphflow.graph.graph import Graph


@pytest.fixture(autouse=True)
def fresh_graph():
    with Graph().as_default() as graph:
        yield graph


def test_the_gradient_is_the_function_s_own():
    @custom_gradient
    def log1pexp(x):
        e = tf.exp(x)

        def grad(dy):
            return dy * (1 - 1 / (1 + e))

        return tf.log(1 + e), grad

    x = tf.constant([0.0, 100.0])
    with tf.Session() as session:
        y, dx = session.run([log1pexp(x), tf.gradients(log1pexp(x), x)[0]])
    np.testing.assert_array_equal(dx, [0.5, 1.0])
    assert y[1] == np.inf


def test_several_arguments_and_results_in_a_structure():
    @custom_gradient
    def pair(x, y):
        return {"sum": x + y, "more": [x * y]}, lambda *dy: (dy[0] * 10.0, dy[1] * 100.0)

    x, y = tf.constant(2.0), tf.constant(3.0)
    result = pair(x, y)
    assert list(result) == ["sum", "more"]
    gradients = tf.gradients([result["sum"], result["more"][0]], [x, y], [3.0, 7.0])
    with tf.Session() as session:
        assert session.run([result["sum"], result["more"][0]]) == [5.0, 6.0]
        assert session.run(gradients) == [70.0, 300.0]  # results in the order of sorted keys


def test_variables_get_the_gradients_given_for_them():
    w = tf.Variable(2.0)

    @custom_gradient
    def scaled(x):
        def grad(dy, variables=None):
            assert variables == [w]
            return dy * 5.0, [dy * 7.0]

        return x * w, grad

    x = tf.constant(3.0)
    gradients = tf.gradients(scaled(x), [x, w])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run(gradients) == [5.0, 7.0]


def test_errors():
    w = tf.Variable(2.0)
    with pytest.raises(TypeError, match="grad_fn must accept a 'variables' keyword argument"):
        custom_gradient(lambda x: (x * w, lambda dy: dy))(tf.constant(1.0))
    with pytest.raises(ValueError, match="currently supports keywords arguments only when"):
        custom_gradient(lambda x: (x, lambda dy: dy))(x=1.0)
    function = custom_gradient(lambda x: (x * w, lambda dy, variables: (dy, [])))
    with pytest.raises(ValueError, match="Must return gradient for each variable"):
        tf.gradients(function(tf.constant(1.0)), w)


def test_recompute_grad_has_the_function_s_gradient():
    x = tf.constant(3.0)
    with tf.Session() as session:
        assert session.run(tf.gradients(recompute_grad(tf.square)(x), x)) == [6.0]
