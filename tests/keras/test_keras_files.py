"""Models and weights in files: HDF5 and checkpoints, TensorFlow's and our own."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

import graphflow as tf

DATA = pathlib.Path(__file__).parent.parent / "data"
K = tf.keras

# What TensorFlow 1.15.5 computes with the model of ``data/keras.h5``, and after two more steps.
PREDICTED = [[0.41362661, 0.58637345], [0.5806194, 0.41938064]]
LATER = [[0.17988177, 0.82011825], [0.4838174, 0.51618266]]


@pytest.fixture(autouse=True)
def fresh_graph():
    K.backend.clear_session()
    yield
    K.backend.clear_session()


def examples():
    source = np.random.RandomState(3)
    return source.randn(8, 4).astype("f"), source.randint(0, 2, 8)


def made():
    inputs = K.Input((4,), name="in")
    hidden = K.layers.Dense(3, activation="relu", name="h")(inputs)
    joined = K.layers.concatenate([inputs, hidden], name="cat")
    outputs = K.layers.Dense(2, activation="softmax", name="a")(joined)
    model = K.Model(inputs, outputs)
    model.compile(K.optimizers.Adam(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def test_a_model_of_tensorflow_trains_on():
    pytest.importorskip("h5py")
    x, y = examples()
    model = K.models.load_model(str(DATA / "keras.h5"))
    np.testing.assert_allclose(model.predict(x[:2]), PREDICTED, rtol=1e-5)
    losses = [model.train_on_batch(x, y)[0] for _ in range(2)]
    np.testing.assert_allclose(losses, [0.53541374, 0.46086347], rtol=1e-5)
    np.testing.assert_allclose(model.predict(x[:2]), LATER, rtol=1e-4)
    assert model.metrics_names == ["loss", "acc"]


def test_weights_of_tensorflow_with_the_optimizers():
    x, y = examples()
    model = made()
    model.train_on_batch(x, y)
    model.load_weights(str(DATA / "keras_weights")).assert_existing_objects_matched()
    np.testing.assert_allclose(model.predict(x[:2]), PREDICTED, rtol=1e-5)
    for _ in range(2):
        model.train_on_batch(x, y)
    np.testing.assert_allclose(model.predict(x[:2]), LATER, rtol=1e-4)


@pytest.mark.parametrize("save_format", ["h5", "tf"])
def test_models_go_on_where_they_were(tmp_path, save_format):
    if save_format == "h5":
        pytest.importorskip("h5py")
    x, y = examples()
    model = made()
    model.train_on_batch(x, y)
    model.save(tmp_path / "model", save_format=save_format)
    again = K.models.load_model(tmp_path / "model")
    for one in (model, again):
        one.train_on_batch(x, y)
    np.testing.assert_allclose(model.predict(x), again.predict(x), rtol=1e-6)
    with pytest.raises(ValueError, match="overwrite=False"):
        model.save(tmp_path / "model", overwrite=False, save_format=save_format)


def test_keys_are_those_of_tensorflow(tmp_path):
    x, y = examples()
    model = made()
    model.train_on_batch(x, y)
    model.save_weights(str(tmp_path / "w"))
    ours = dict(tf.train.list_variables(str(tmp_path / "w")))
    theirs = dict(tf.train.list_variables(str(DATA / "keras_weights")))
    constants = {f"optimizer/{n}/.ATTRIBUTES/VARIABLE_VALUE" for n in ("beta_1", "beta_2", "decay")}
    assert ours == {k: v for k, v in theirs.items() if k not in constants}
    assert tf.train.latest_checkpoint(str(tmp_path)) == str(tmp_path / "w")


def test_weights_in_hdf5_by_name(tmp_path):
    pytest.importorskip("h5py")
    model = made()
    model.save_weights(str(tmp_path / "w.h5"))
    other = K.Sequential([K.layers.Dense(3, name="h", input_shape=(4,)), K.layers.Dense(5)])
    other.load_weights(str(tmp_path / "w.h5"), by_name=True)
    np.testing.assert_array_equal(other.layers[0].get_weights()[0], model.get_weights()[0])
    narrow = K.Sequential([K.layers.Dense(2, name="h", input_shape=(4,))])
    with pytest.raises(ValueError, match="expects weights of shapes"):
        narrow.load_weights(str(tmp_path / "w.h5"), by_name=True)
    with pytest.raises(ValueError, match="containing 2 layers into a model with 1 layers"):
        narrow.load_weights(str(tmp_path / "w.h5"))


def test_what_is_missing_is_said(tmp_path):
    model = made()
    with pytest.raises(OSError, match="does not exist"):
        K.models.load_model(tmp_path / "none")
    with pytest.raises(tf.errors.NotFoundError, match="none"):
        model.load_weights(str(tmp_path / "none"))
    with pytest.raises(ValueError, match="by_name=True"):
        model.load_weights(str(DATA / "keras_weights"), by_name=True)
