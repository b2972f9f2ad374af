"""Losses, metrics and weights of several outputs; optimizers; against TensorFlow 1.15.5."""

from __future__ import annotations

import numpy as np
import pytest

import graphflow as tf

K = tf.keras


@pytest.fixture(autouse=True)
def fresh_graph():
    K.backend.clear_session()
    yield
    K.backend.clear_session()


def two_outputs(**options):
    source = np.random.RandomState(4)
    x, y = source.randn(4, 5, 2).astype("f"), source.randn(4, 5, 3).astype("f")
    steps, rows = source.rand(4, 5).astype("f"), source.rand(4).astype("f")
    y2 = source.randn(4, 2).astype("f")
    kernels = [source.randn(2, 3).astype("f"), source.randn(10, 2).astype("f")]
    inputs = K.Input((5, 2), name="in")
    first = K.layers.Dense(3, name="a", use_bias=False)(inputs)
    second = K.layers.Dense(2, name="b", use_bias=False)(K.layers.Flatten()(inputs))
    model = K.Model(inputs, [first, second])
    model.compile(
        "sgd", {"a": "mse", "b": K.losses.MeanAbsoluteError()}, loss_weights=[1.0, 0.5],
        metrics={"a": ["mae"]}, weighted_metrics={"a": "mse", "b": ["mae"]},
        sample_weight_mode={"a": "temporal", "b": None}, **options,
    )  # fmt: skip
    model.set_weights(kernels)
    return model, x, [y, y2], [steps, rows]


def test_outputs_by_name_with_weights_of_steps():
    model, x, (y, y2), (steps, rows) = two_outputs()
    found = model.evaluate(
        {"in": x}, {"a": y, "b": y2}, batch_size=4, verbose=0, sample_weight={"a": steps, "b": rows}
    )
    assert model.metrics_names == [
        "loss", "a_loss", "b_loss", "a_mean_absolute_error", "a_weighted_mean_squared_error",
        "b_weighted_mean_absolute_error",
    ]  # fmt: skip
    expected = [1.6976964, 0.9896668, 1.4160594, 1.1764984, 1.772878, 3.1757505]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    history = model.fit(x, [y, y2], sample_weight=[steps, rows], verbose=0)
    assert set(history.history) == set(model.metrics_names)


def test_labels_may_be_tensors():
    model, x, (y, y2), (steps, rows) = two_outputs(target_tensors=None)
    expected = model.evaluate(x, [y, y2], sample_weight=[steps, rows], verbose=0)
    K.backend.clear_session()
    model, x, _, _ = two_outputs(target_tensors=[tf.constant(y), None])
    found = model.evaluate(x, y2, sample_weight=[steps, rows], verbose=0)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_wrong_names_and_weights_are_refused():
    model, x, ys, (_, rows) = two_outputs()
    with pytest.raises(ValueError, match="sample_weight_mode"):
        model.evaluate(x, ys, sample_weight=[rows, rows], verbose=0)
    model.compile("sgd", {"c": "mse"})
    with pytest.raises(ValueError, match='Unknown entry in loss dictionary: "c"'):
        model.evaluate(x, ys, verbose=0)
    model.compile("sgd", "mse", sample_weight_mode="temporal")
    with pytest.raises(ValueError, match="at least 3 axes"):
        model.evaluate(x, ys, verbose=0)


Optimizers = K.optimizers
# The first four weights after three steps.
STEPS = {
    "sgd": (lambda: Optimizers.SGD(0.1), [-0.600559, 0.228324, -0.236214, 0.328564]),
    "mom": (
        lambda: Optimizers.SGD(0.1, momentum=0.9, nesterov=True),
        [-1.375423, -0.056719, -0.652107, 0.369168],
    ),
    "rms": (lambda: Optimizers.RMSprop(0.01), [-0.101193, 0.355594, -0.006116, 0.358048]),
    "rmsm": (
        lambda: Optimizers.RMSprop(0.01, momentum=0.5),
        [-0.136025, 0.320876, -0.040773, 0.382506],
    ),
    "rmsc": (
        lambda: Optimizers.RMSprop(0.01, centered=True),
        [-0.108562, 0.348297, -0.013392, 0.36053],
    ),
    "adagrad": (lambda: Optimizers.Adagrad(0.1), [-0.247793, 0.225133, -0.144884, 0.356234]),
    "adadelta": (lambda: Optimizers.Adadelta(1.0), [-0.03247, 0.424045, 0.062231, 0.306712]),
    "adam": (lambda: Optimizers.Adam(0.05), [-0.177897, 0.278738, -0.083015, 0.413145]),
    "ams": (
        lambda: Optimizers.Adam(0.05, amsgrad=True),
        [-0.177897, 0.278738, -0.083015, 0.413145],
    ),
    "adamax": (lambda: Optimizers.Adamax(0.05), [-0.174651, 0.283106, -0.078223, 0.398012]),
    "nadam": (lambda: Optimizers.Nadam(0.05), [-0.154635, 0.302762, -0.058809, 0.372004]),
    "ftrl": (
        lambda: Optimizers.Ftrl(0.1, l1_regularization_strength=0.01),
        [-0.2477, 0.079788, -0.169605, 0.157755],
    ),
    "decay": (lambda: Optimizers.Adam(0.05, decay=0.1), [-0.165069, 0.291543, -0.070222, 0.407872]),
    "clip": (lambda: Optimizers.SGD(0.1, clipnorm=0.5), [-0.148425, 0.386923, 0.003526, 0.307181]),
    "sched": (
        lambda: Optimizers.Adam(Optimizers.schedules.ExponentialDecay(0.05, 2, 0.5)),
        [-0.138397, 0.318174, -0.04361, 0.394689],
    ),
}


@pytest.mark.parametrize("name", STEPS)
def test_steps_of_optimizers(name):
    make, expected = STEPS[name]
    source = np.random.RandomState(0)
    x = source.randn(16, 3).astype("f")
    y = (x @ source.randn(3, 2)).astype("f")
    start = [source.randn(3, 2).astype("f"), source.randn(2).astype("f")]
    model = K.Sequential([K.layers.Dense(2, input_shape=(3,))])
    model.compile(make(), "mse")
    model.set_weights(start)
    for _ in range(3):
        model.train_on_batch(x, y)
    np.testing.assert_allclose(model.get_weights()[0].ravel()[:4], expected, atol=3e-6)
    again = type(model.optimizer).from_config(model.optimizer.get_config())
    assert again.get_config() == model.optimizer.get_config()


def test_settings_of_an_optimizer_change():
    optimizer = Optimizers.Adam(lr=0.5)
    assert K.backend.get_value(optimizer.lr) == 0.5
    K.backend.set_value(optimizer.lr, 0.25)
    assert optimizer.get_config()["learning_rate"] == 0.25
    optimizer.learning_rate = 0.125
    assert K.backend.get_value(optimizer.lr) == 0.125
    with pytest.raises(TypeError, match="Unexpected keyword argument"):
        Optimizers.Adam(rate=1.0)
    with pytest.raises(ValueError, match="weight list of length 1"):
        optimizer.set_weights([0])
