"""Keras's models made again of their descriptions, and models with a `call` of their own."""

import numpy as np
import pytest

import graphflow as tf

layers = tf.keras.layers
rows = np.random.RandomState(0).randn(8, 4, 3).astype(np.float32)


@pytest.fixture(autouse=True)
def fresh_graph():
    with tf.Graph().as_default():
        yield


def sequential():
    return tf.keras.Sequential(
        [
            layers.Conv1D(4, 2, activation="relu", input_shape=(4, 3), kernel_regularizer="l2"),
            layers.Bidirectional(layers.LSTM(3, return_sequences=True)),
            layers.TimeDistributed(layers.Dense(2, kernel_initializer=tf.keras.initializers.Ones)),
        ]
    )


def functional():
    given = layers.Input((4, 3))
    shared = layers.Dense(3, activation="tanh")
    return tf.keras.Model(given, layers.add([shared(given), shared(shared(given))]))


@pytest.mark.parametrize("make", [sequential, functional])
def test_models_made_again(make):
    model = make()
    for again in (tf.keras.models.model_from_json(model.to_json()),
                  tf.keras.models.clone_model(model)):  # fmt: skip
        again.set_weights(model.get_weights())
        np.testing.assert_allclose(again.predict(rows), model.predict(rows), rtol=1e-6)
        assert len(again.weights) == len(model.weights)


def test_models_written_and_read(tmp_path):
    model = sequential()
    model.save(tmp_path / "model", save_format="tf")
    again = tf.keras.models.load_model(tmp_path / "model")
    np.testing.assert_allclose(again.predict(rows), model.predict(rows), rtol=1e-6)
    with pytest.raises(ValueError, match="save_format"):
        model.save(tmp_path / "model", save_format="onnx")


def test_a_model_with_a_call_of_its_own():
    class Small(tf.keras.Model):
        def __init__(self):
            super().__init__()
            self.flat, self.last = layers.Flatten(), layers.Dense(1)

        def call(self, inputs):
            return self.last(self.flat(inputs))

    model = Small()
    model.compile("sgd", "mse")
    targets = rows.sum((1, 2))[:, None]
    history = model.fit(rows, targets, epochs=5, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]
    assert [w.op.name for w in model.weights] == ["small/dense/kernel", "small/dense/bias"]
    assert model.predict(rows).shape == (8, 1)
