"""`tf.distribute` on one device: scopes, replicas, reductions, data, Estimators."""

from __future__ import annotations

import numpy as np
import pytest

import graphflow as tf


@pytest.fixture(autouse=True)
def fresh_graph():
    with tf.Graph().as_default():
        yield


def test_scopes_and_replicas():
    d, strategy = tf.distribute, tf.distribute.MirroredStrategy()
    assert (strategy.num_replicas_in_sync, d.has_strategy()) == (1, False)
    assert not d.in_cross_replica_context()
    assert d.get_replica_context() is not None

    def replica(x):
        context = d.get_replica_context()
        assert not d.in_cross_replica_context()
        merged = context.merge_call(lambda s, y: (d.in_cross_replica_context(), s, y), (x,))
        assert merged == (True, strategy, x)
        return context.replica_id_in_sync_group, context.all_reduce("SUM", x + v)

    with strategy.scope():
        assert d.get_strategy() is strategy
        assert d.in_cross_replica_context()
        assert d.get_replica_context() is None
        v = tf.get_variable("v", initializer=1.0)
        number, total = strategy.experimental_run_v2(replica, (tf.constant(2.0),))
        found = [
            number, strategy.reduce(d.ReduceOp.SUM, total, axis=None),
            strategy.reduce("MEAN", tf.constant([1.0, 2.0]), axis=0),
        ]  # fmt: skip
    assert v.op.name == "v"
    assert strategy.experimental_local_results(total) == (total,)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run(found) == [0, 3.0, 1.5]
    assert d.InputContext(num_replicas_in_sync=2).get_per_replica_batch_size(6) == 3
    with pytest.raises(ValueError, match="not divisible"):
        d.InputContext(num_replicas_in_sync=2).get_per_replica_batch_size(5)


def test_data_of_a_strategy():
    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    with strategy.scope():
        iterator = strategy.make_dataset_iterator(tf.data.Dataset.range(3))
        found = strategy.experimental_run(lambda x: x + 1, iterator)
    with tf.Session() as session:
        session.run(iterator.initialize())
        assert [session.run(found) for _ in range(3)] == [1, 2, 3]


def test_several_devices_are_refused():
    with pytest.raises(ValueError, match="one device"):
        tf.distribute.MirroredStrategy(["/gpu:0", "/gpu:1"])
    with pytest.raises(ValueError, match="one device"):
        tf.contrib.distribute.MirroredStrategy(num_gpus=2)


def test_an_estimator_and_a_keras_model_with_a_strategy(tmp_path):
    strategy = tf.contrib.distribute.MirroredStrategy(num_gpus=1)
    contexts = []

    def model_fn(features, labels, mode):
        w = tf.get_variable("w", initializer=1.0)
        loss = tf.square(w * features["x"])
        step = tf.train.get_global_step()
        train = tf.train.GradientDescentOptimizer(0.1).minimize(loss, step)
        return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train)

    def input_fn(input_context=None):
        contexts.append(input_context)
        return tf.data.Dataset.from_tensors(({"x": 1.0}, 1.0)).repeat()

    config = tf.estimator.RunConfig(str(tmp_path), train_distribute=strategy)
    estimator = tf.estimator.Estimator(model_fn, config=config).train(input_fn, steps=2)
    assert contexts[0].num_input_pipelines == 1
    assert estimator.get_variable_value("w") == pytest.approx(0.64)
    with strategy.scope():
        model = tf.keras.Sequential([tf.keras.layers.Dense(1, input_shape=[2])])
        model.compile("sgd", "mse")
    model.fit(np.ones([4, 2]), np.ones([4, 1]), verbose=0)
