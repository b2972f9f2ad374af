"""`tf.function`: names, structures and errors as TensorFlow 1.15 has them in a graph."""

from __future__ import annotations

import numpy as np
import pytest

import graphflow as tf


@pytest.fixture(autouse=True)
def fresh_graph():
    with tf.Graph().as_default():
        yield


def test_a_call_is_one_operation_with_a_gradient():
    v = tf.Variable(3.0)

    @tf.function
    def scaled(x):
        """Documented."""
        return x * v

    a = tf.constant([1.0, 2.0])
    first, second = scaled(a), scaled(np.float32([[5.0]]))
    assert (first.name, second.name) == ("PartitionedCall:0", "PartitionedCall_1:0")
    assert (scaled.__name__, scaled.__doc__) == ("scaled", "Documented.")
    by_a, by_v = tf.gradients(first, [a, v])
    with tf.Session() as session:
        session.run(v.initializer)
        assert session.run([by_v, second]) == [3.0, [[15.0]]]
        assert session.run([first, by_a])[0].tolist() == [3.0, 6.0]


def test_structures_and_plain_values_pass_through():
    @tf.function(autograph=False)
    def two(x, k=2):
        return {"a": x * k, "b": [x + 1, None]}

    made = two(tf.constant([1, 2]), k=3)
    assert made["a"].name == "PartitionedCall:0"
    assert made["b"][0].name == "PartitionedCall:1"
    assert made["b"][1] is None
    with tf.Session() as session:
        assert session.run(made["a"]).tolist() == [3, 6]


def test_effects_happen_when_the_result_is_computed():
    v = tf.Variable(1.0)

    @tf.function
    def grow(x):
        tf.assign(v, v * 2.0)
        tf.assign_add(v, x)

    call = grow(3.0)
    with tf.Session() as session:
        session.run(v.initializer)
        session.run(call)
        assert session.run(v) == 5.0


def test_variables_are_made_in_the_first_call_only():
    class Model:
        w = None

        @tf.function
        def __call__(self, x):
            if self.w is None:
                self.w = tf.Variable(3.0)
            return self.w * x

    model = Model()
    results = [model(tf.constant(2.0)), model(tf.constant(4.0))]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run(results) == [6.0, 12.0]

    made = tf.function(lambda: tf.Variable(1.0) + 1.0)
    made()
    with pytest.raises(ValueError, match="tried to create variables on non-first call"):
        made()


def test_a_signature_converts_and_refuses():
    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32)] * 2)
    def total(x, y):
        return tf.reduce_sum(x + y)

    assert total(np.ones((5, 2)), [[1.0, 2.0]]).dtype == tf.float32
    with pytest.raises(ValueError, match="Structure of Python function inputs does not match"):
        total(np.ones((5, 2)))
    with pytest.raises(ValueError, match="incompatible with input_signature"):
        total(np.ones((5, 3)), np.ones((5, 2)))
    with pytest.raises(TypeError, match="must be either a tuple or a list"):
        tf.function(total, input_signature=3)
