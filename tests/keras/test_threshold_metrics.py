"""Metrics with thresholds against TensorFlow 1.15.5."""

from __future__ import annotations

import numpy as np
import pytest

import graphflow as tf

M = tf.keras.metrics
CASES = {
    "M.AUC()": (lambda: M.AUC(), False, 0.97619),
    'M.AUC(curve="PR")': (lambda: M.AUC(curve="PR"), False, 0.99078),
    'M.AUC(20, "ROC", "minoring")': (lambda: M.AUC(20, "ROC", "minoring"), False, 0.97619),
    'M.AUC(20, "PR", "majoring")': (lambda: M.AUC(20, "PR", "majoring"), False, 0.99107),
    "M.SensitivityAtSpecificity(0.7)": (lambda: M.SensitivityAtSpecificity(0.7), False, 1.0),
    "M.SpecificityAtSensitivity(0.8, 50)": (
        lambda: M.SpecificityAtSensitivity(0.8, 50),
        False,
        1.0,
    ),
    "M.Precision(top_k=2)": (lambda: M.Precision(top_k=2), True, 0.25),
    "M.Recall(top_k=2, class_id=1)": (lambda: M.Recall(top_k=2, class_id=1), True, 0.5),
    "M.Precision(class_id=2)": (lambda: M.Precision(class_id=2), True, 0.0),
    "M.Recall([0.3, 0.7])": (lambda: M.Recall([0.3, 0.7]), False, [1.0, 0.57143]),
    'M.MeanRelativeError(np.full(20, 0.5, "f"))': (
        lambda: M.MeanRelativeError(np.full(20, 0.5, "f")),
        False,
        0.51942,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_values(name):
    make, has_classes, expected = CASES[name]
    source = np.random.RandomState(0)
    labels = (source.rand(20) > 0.5).astype("f")
    scores = np.clip(labels * 0.2 + source.rand(20) * 0.8, 0, 1).astype("f")
    source.rand(20)
    if has_classes:
        labels = np.eye(4)[source.randint(0, 4, 10)].astype("f")
        scores = source.rand(10, 4).astype("f")
    with tf.Graph().as_default(), tf.Session() as session:
        metric = make()
        update = metric.update_state(tf.constant(labels), tf.constant(scores))
        result = metric.result()
        session.run([variable.initializer for variable in metric.variables])
        session.run(update)
        np.testing.assert_allclose(session.run(result), expected, atol=2e-5)
    assert type(metric).from_config(metric.get_config()).get_config() == metric.get_config()


def test_means_of_tensors():
    with tf.Graph().as_default(), tf.Session() as session:
        metric = M.MeanTensor()
        with pytest.raises(ValueError, match="any result yet"):
            metric.result()
        first = metric.update_state(tf.constant([1.0, 2.0]))
        second = metric.update_state(tf.constant([3.0, 6.0]), tf.constant([0.5, 1.0]))
        with pytest.raises(ValueError, match="same shape"):
            metric.update_state(tf.constant([1.0]))
        result = metric.result()
        session.run([variable.initializer for variable in metric.variables])
        session.run(first)
        session.run(second)
        np.testing.assert_allclose(session.run(result), [1.66667, 4.0], rtol=1e-5)


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="curve"):
        M.AUC(curve="XY")
    with pytest.raises(ValueError, match="summation method"):
        M.AUC(summation_method="other")
    with pytest.raises(ValueError, match="from 0 to 1"):
        M.SensitivityAtSpecificity(2.0)
