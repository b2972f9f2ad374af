"""Keras's models: trained on the digits, read back, called on other tensors."""

import numpy as np
import pytest

import graphflow as tf
from graphflow import datasets

layers = tf.keras.layers


@pytest.fixture(scope="module")
def digits():
    (images, labels), _ = datasets.load_digits()
    return images[:256], labels[:256]


@pytest.fixture(autouse=True)
def fresh_graph():
    with tf.Graph().as_default():
        tf.set_random_seed(1)
        yield


def test_sequential(digits, tmp_path):
    images, labels = digits
    model = tf.keras.models.Sequential()
    model.add(layers.Dense(32, activation="relu", input_shape=(64,), kernel_regularizer="l2"))
    model.add(layers.BatchNormalization())
    model.add(layers.Dropout(0.1))
    model.add(layers.Dense(10, activation="softmax"))
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    targets = tf.keras.utils.to_categorical(labels, 10)
    history = model.fit(images, targets, epochs=8, validation_split=0.1, verbose=0)
    losses = history.history["loss"]
    assert losses[-1] < losses[0] * 0.6
    assert set(history.history) == {"loss", "acc", "val_loss", "val_acc"}
    _, accuracy = model.evaluate(images, targets, verbose=0)
    found = model.predict(images)
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-5)
    assert accuracy == pytest.approx((found.argmax(1) == labels).mean())
    names = [w.op.name for w in model.weights]
    assert names[:2] == ["dense/kernel", "dense/bias"]
    path = str(tmp_path / "weights")
    model.save_weights(path)
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    model.load_weights(path)
    np.testing.assert_array_equal(model.predict(images), found)


def test_convolutions_built_by_the_first_data(digits):
    images, labels = digits
    model = tf.keras.Sequential(
        [
            layers.Conv2D(8, 3, activation="relu", padding="same"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10),
            layers.Activation("softmax"),
        ]
    )
    optimizer = tf.keras.optimizers.SGD(lr=0.2, momentum=0.9)
    model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["acc"])
    stop = tf.keras.callbacks.EarlyStopping("loss", patience=5)
    history = model.fit(images.reshape(-1, 8, 8, 1), labels, 64, 10, 0, [stop])
    assert history.history["acc"][-1] > 0.8


def test_functional_model_and_its_call():
    left, right = layers.Input((3,)), layers.Input((4,))
    shared = layers.Dense(5, activation="tanh")(right)
    merged = layers.concatenate([layers.Dense(5)(left), shared])
    output = layers.Dense(1)(layers.add([merged, merged]))
    model = tf.keras.Model([left, right], output)
    model.compile("rmsprop", "mse")
    xs = [np.ones((6, 3), np.float32), np.ones((6, 4), np.float32)]
    first = model.train_on_batch(xs, np.zeros((6, 1), np.float32))
    assert model.train_on_batch(xs, np.zeros((6, 1), np.float32)) < first
    again = model([tf.constant(xs[0]), tf.constant(xs[1])])
    session = tf.keras.backend.get_session()
    np.testing.assert_allclose(session.run(again), model.predict(xs), rtol=1e-6)
    assert len(model.trainable_weights) == 6


def test_embedding_and_padding():
    words = tf.keras.preprocessing.text.Tokenizer(num_words=5)
    words.fit_on_texts(["a b a", "a, b c! d"])
    sequences = words.texts_to_sequences(["B c d", "d"])
    assert sequences == [[2, 3, 4], [4]]
    rows = tf.keras.preprocessing.sequence.pad_sequences([[1, 2, 3], [4]], maxlen=2)
    np.testing.assert_array_equal(rows, [[2, 3], [0, 4]])
    model = tf.keras.Sequential([layers.Embedding(5, 3, input_length=2), layers.Flatten()])
    table = model.get_weights()[0]
    np.testing.assert_array_equal(model.predict(rows), table[rows].reshape(2, 6))


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_recurrent_layers_learn(kind):
    rows = np.random.RandomState(0).randint(0, 5, (64, 6))
    labels = (rows[:, :1] > 2).astype(np.float32)
    model = tf.keras.Sequential([layers.Embedding(5, 4, input_length=6)])
    model.add(getattr(layers, kind)(8))
    model.add(layers.Dense(1, activation="sigmoid"))
    model.compile(tf.keras.optimizers.Adam(lr=0.05), "binary_crossentropy", ["accuracy"])
    history = model.fit(rows, labels, 64, 30, 0)
    assert history.history["acc"][-1] > 0.9


def test_tensorboard_callback_writes_the_epochs(tmp_path):
    with tf.Graph().as_default():
        model = tf.keras.Sequential([tf.keras.layers.Dense(1, input_shape=(3,))])
        model.compile("sgd", "mse")
        watch = tf.keras.callbacks.TensorBoard(str(tmp_path))
        model.fit(np.ones((8, 3)), np.ones((8, 1)), epochs=2, verbose=0, callbacks=[watch])
    (path,) = tmp_path.iterdir()
    events = list(tf.train.summary_iterator(str(path)))
    tags = [(e.step, v.tag) for e in events for v in e.summary.value]
    assert tags == [(0, "epoch_loss"), (1, "epoch_loss")]
    assert any(e.graph_def for e in events)
