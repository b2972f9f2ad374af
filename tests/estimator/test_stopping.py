"""Hooks that stop training by evaluations' metrics; metrics added; how examples are parsed."""

from __future__ import annotations

import numpy as np
import pytest

import graphflow as tf

X = np.linspace(0, 1, 8, dtype="float32")[:, None]


def input_fn():
    return tf.data.Dataset.from_tensor_slices(({"x": X}, 3 * X)).batch(8).repeat()


def model_fn(features, labels, mode):
    prediction = tf.layers.dense(features["x"], 1)
    loss = tf.losses.mean_squared_error(labels, prediction)
    step = tf.train.GradientDescentOptimizer(0.1).minimize(loss, tf.train.get_global_step())
    return tf.estimator.EstimatorSpec(mode, prediction, loss, step)


def made(folder):
    return tf.estimator.Estimator(model_fn, str(folder))


def trained_steps(estimator, hook):
    estimator.train(input_fn, hooks=[hook], max_steps=20)
    return estimator.get_variable_value("global_step")


def test_training_stops_when_a_metric_crosses(tmp_path):
    estimator = made(tmp_path)
    estimator.train(input_fn, steps=5)
    estimator.evaluate(input_fn, steps=1)
    stop = tf.estimator.experimental
    hook = stop.stop_if_lower_hook(estimator, "loss", 1e9, run_every_secs=None, run_every_steps=1)
    assert trained_steps(estimator, hook) == 6
    hook = stop.stop_if_higher_hook(estimator, "loss", 1e9, run_every_secs=None, run_every_steps=1)
    assert trained_steps(estimator, hook) == 20


def test_training_stops_when_a_metric_rests(tmp_path):
    estimator = made(tmp_path)
    for steps in (1, 3):
        estimator.train(input_fn, steps=steps)
        estimator.evaluate(input_fn, steps=1)
    stop = tf.estimator.experimental
    hook = stop.stop_if_no_decrease_hook(
        estimator, "loss", 3, run_every_secs=None, run_every_steps=1
    )
    assert trained_steps(estimator, hook) == 20  # it fell
    hook = stop.stop_if_no_increase_hook(
        made(tmp_path), "loss", 3, run_every_secs=None, run_every_steps=1
    )
    estimator.train(input_fn, hooks=[hook], max_steps=30)
    assert estimator.get_variable_value("global_step") == 21
    with pytest.raises(ValueError, match="Only one of"):
        stop.make_early_stopping_hook(estimator, lambda: True, 1, 1)
    with pytest.raises(TypeError, match="callable"):
        stop.make_early_stopping_hook(estimator, 3)


def test_hooks_are_here_too():
    assert tf.estimator.LoggingTensorHook is tf.train.LoggingTensorHook
    assert tf.estimator.CheckpointSaverHook is tf.train.CheckpointSaverHook


def test_metrics_are_added(tmp_path):
    def metric_fn(labels, predictions):
        return {"mae": tf.metrics.mean_absolute_error(labels, predictions)}

    estimator = tf.estimator.add_metrics(made(tmp_path), metric_fn)
    estimator.train(input_fn, steps=1)
    assert set(estimator.evaluate(input_fn, steps=1)) == {"global_step", "loss", "mae"}
    with pytest.raises(ValueError, match="not expected args"):
        tf.estimator.add_metrics(estimator, lambda other: {})


def test_labels_and_weights_are_parsed():
    columns = [tf.feature_column.numeric_column("x")]
    found = tf.estimator.regressor_parse_example_spec(columns, "y", weight_column="w")
    assert sorted(found) == ["w", "x", "y"]
    found = tf.estimator.classifier_parse_example_spec(columns, "y")
    assert found["y"].dtype == tf.int64
    with pytest.raises(ValueError, match="label should not be used as feature"):
        tf.estimator.classifier_parse_example_spec(columns, "x")
    with pytest.raises(ValueError, match="weight_column should not be used"):
        tf.estimator.classifier_parse_example_spec(columns, "y", weight_column="x")
