"""What `fit` trains on: rows and classes that count more, generators, sequences, data sets."""

import numpy as np
import pytest

import graphflow as tf
from graphflow import keras


@pytest.fixture(autouse=True)
def fresh():
    keras.backend.clear_session()
    yield
    keras.backend.clear_session()


X = np.random.default_rng(0).normal(size=(24, 3)).astype("float32")
Y = (X[:, :1] > 0).astype("float32")
START = np.array([[0.5], [-0.25], [1.0]], "float32")


def model(loss="mse"):
    made = keras.Sequential([keras.layers.Dense(1, use_bias=False, input_shape=(3,))])
    made.compile(keras.optimizers.SGD(0.1), loss)
    made.set_weights([START])
    return made


def stepped(weights):
    """One step of SGD on the weighted mean of squares, by NumPy."""
    gradient = X.T @ (2 * weights[:, None] * (X @ START - Y)) / len(X)
    return START - 0.1 * gradient


@pytest.mark.parametrize("loss", ["mse", keras.losses.MeanSquaredError()], ids=["name", "object"])
def test_rows_count_by_their_weights(loss):
    made, weights = model(loss), np.linspace(0, 2, 24).astype("float32")
    expected = float(np.mean(weights[:, None] * (X @ START - Y) ** 2))
    assert made.evaluate(X, Y, sample_weight=weights) == pytest.approx(expected, rel=1e-5)
    made.fit(X, Y, batch_size=24, sample_weight=weights, verbose=0)
    np.testing.assert_allclose(made.get_weights()[0], stepped(weights), rtol=1e-5)


def test_classes_count_by_their_weights():
    made = model()
    made.fit(X, Y, batch_size=24, class_weight={0: 1.0, 1: 3.0}, verbose=0)
    np.testing.assert_allclose(made.get_weights()[0], stepped(1 + 2 * Y[:, 0]), rtol=1e-5)
    with pytest.raises(ValueError, match="must contain all classes"):
        made.fit(X, Y, class_weight={0: 1.0}, verbose=0)


def test_steps_of_sequences_count_by_rows():
    made = keras.Sequential([keras.layers.Dense(1, use_bias=False, input_shape=(2, 3))])
    made.compile("sgd", keras.losses.MeanSquaredError())
    made.set_weights([START])
    x, y, weights = X.reshape(12, 2, 3), Y.reshape(12, 2, 1), np.arange(12.0)
    expected = np.mean(weights[:, None, None] * (x @ START - y) ** 2)
    assert made.evaluate(x, y, sample_weight=weights) == pytest.approx(expected, rel=1e-5)


class Halves(keras.utils.Sequence):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        rows = slice(12 * index, 12 * index + 12)
        return X[rows], Y[rows]


def endless():
    while True:
        yield from (Halves()[k] for k in range(2))


def dataset():
    return tf.data.Dataset.from_tensor_slices((X, Y)).batch(12)


@pytest.mark.parametrize("source", ["sequence", "generator", "dataset", "repeated"])
def test_sources_of_batches_train_as_arrays_do(source):
    reference, made = model(), model()
    reference.fit(X, Y, batch_size=12, epochs=3, shuffle=False, verbose=0)
    data, steps = {
        "sequence": lambda: (Halves(), None), "generator": lambda: (endless(), 2),
        "dataset": lambda: (dataset(), None), "repeated": lambda: (dataset().repeat(), 2),
    }[source]()  # fmt: skip
    made.fit(data, epochs=3, steps_per_epoch=steps, shuffle=False, verbose=0)
    np.testing.assert_allclose(made.get_weights()[0], reference.get_weights()[0], rtol=1e-5)


def test_generators_by_their_older_names():
    made = model()
    history = made.fit_generator(
        endless(), steps_per_epoch=2, epochs=2, verbose=0, validation_data=(X, Y)
    )
    assert len(history.history["val_loss"]) == 2
    assert made.evaluate_generator(endless(), steps=2) == pytest.approx(made.evaluate(X, Y))
    np.testing.assert_allclose(made.predict_generator(endless(), steps=2), made.predict(X))
    np.testing.assert_allclose(made.predict_on_batch(X), made.predict(X))
    assert made.test_on_batch(X, Y) == pytest.approx(made.evaluate(X, Y))


def test_a_model_without_shapes_is_built_by_the_first_batch_of_a_generator():
    made = keras.Sequential([keras.layers.Dense(1)])
    made.compile("sgd", "mse")
    given = iter([Halves()[0], Halves()[1]])
    made.fit(given, steps_per_epoch=2, verbose=0)
    assert next(given, None) is None  # both batches were used, none twice


def test_wrong_data_are_refused():
    made = model()
    with pytest.raises(ValueError, match="same number of samples"):
        made.fit(X, Y[:-1], verbose=0)
    with pytest.raises(ValueError, match="number of steps"):
        made.fit(endless(), verbose=0)
    with pytest.raises(ValueError, match="Expected 1 arrays of labels, got 0"):
        made.fit(X, verbose=0)
    with pytest.raises(TypeError, match="clas_weight"):
        made.fit(X, Y, clas_weight={})
    with pytest.raises(ValueError, match="run_eagerly"):
        made.compile("sgd", "mse", run_eagerly=True)
    made.compile("sgd", "mse", run_eagerly=False)


def test_vectors_are_columns():
    given = [tf.keras.layers.Dense(1, input_shape=[1])]
    model = tf.keras.Sequential(given)
    model.compile("sgd", "mse")
    x = np.arange(4.0)
    model.fit(x, 2 * x, epochs=1, verbose=0)
    assert model.predict(x).shape == (4, 1)
