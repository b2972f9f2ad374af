"""Keras's losses and metrics against NumPy, callbacks, masks, and the backend's functions."""

import os
import pathlib
import shutil

import numpy as np
import pytest

import graphflow as tf

K = tf.keras.backend
labels = np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]], np.float32)
scores = np.array([[0.2, 0.7, 0.4], [0.6, 0.1, 0.3]], np.float32)


@pytest.fixture(autouse=True)
def fresh_graph():
    with tf.Graph().as_default():
        yield


def value(tensor):
    return K.get_session().run(tensor)


LOSSES = {
    "MeanSquaredError": ((labels - scores) ** 2).mean(),
    "MeanAbsoluteError": np.abs(labels - scores).mean(),
    "MeanSquaredLogarithmicError": ((np.log1p(labels) - np.log1p(scores)) ** 2).mean(),
    "BinaryCrossentropy": -(labels * np.log(scores) + (1 - labels) * np.log(1 - scores)).mean(),
    "Hinge": np.maximum(0, 1 - (2 * labels - 1) * scores).mean(),
    "SquaredHinge": (np.maximum(0, 1 - (2 * labels - 1) * scores) ** 2).mean(),
    "LogCosh": np.log(np.cosh(scores - labels)).mean(),
    "Poisson": (scores - labels * np.log(scores)).mean(),
    "Huber": (0.5 * (labels - scores) ** 2).mean(),
    "CategoricalHinge": np.maximum(
        0, ((1 - labels) * scores).max(1) - (labels * scores).sum(1) + 1
    ).mean(),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses(name):
    loss = getattr(tf.keras.losses, name)()
    np.testing.assert_allclose(value(loss(labels, scores)), LOSSES[name], rtol=1e-5)
    assert type(tf.keras.losses.get({"class_name": name, "config": {}})) is type(loss)


METRICS = [("Precision", 1.0), ("Recall", 2 / 3), ("TruePositives", 2), ("FalseNegatives", 1),
           ("TrueNegatives", 3), ("BinaryAccuracy", 5 / 6), ("AUC", 1.0),
           ("MeanSquaredError", LOSSES["MeanSquaredError"])]  # fmt: skip


@pytest.mark.parametrize(("name", "wanted"), METRICS)
def test_metrics(name, wanted):
    metric = getattr(tf.keras.metrics, name)()
    update, result = metric.update_state(labels, scores), metric.result()
    for _ in range(2):
        value(update)
        np.testing.assert_allclose(value(result), wanted, rtol=1e-5)
        metric.reset_states()


def test_metrics_and_callbacks_in_training(tmp_path):
    model = tf.keras.Sequential([tf.keras.layers.Dense(1, "sigmoid", input_shape=(2,))])
    model.compile("sgd", tf.keras.losses.BinaryCrossentropy(), [tf.keras.metrics.AUC(name="auc")])
    rates = tf.keras.callbacks.LearningRateScheduler(lambda epoch: 0.5 / (epoch + 1))
    lines = tf.keras.callbacks.CSVLogger(str(tmp_path / "log.csv"))
    xs = np.random.RandomState(0).randn(64, 2).astype(np.float32)
    ys = (xs[:, :1] > 0).astype(np.float32)
    history = model.fit(xs, ys, 16, 4, 0, [rates, lines, tf.keras.callbacks.TerminateOnNaN()])
    assert history.history["auc"][-1] > 0.9
    np.testing.assert_allclose(history.history["lr"], [0.5, 0.25, 0.5 / 3, 0.125], rtol=1e-6)
    assert (tmp_path / "log.csv").read_text().splitlines()[0] == "epoch,auc,loss,lr"


def test_masks_leave_steps_out():
    sequences = tf.keras.layers.Input((4, 2))
    outputs = tf.keras.layers.LSTM(3)(tf.keras.layers.Masking()(sequences))
    rows = np.ones((1, 4, 2), np.float32)
    short = rows.copy()
    short[:, 2:] = 0
    early = np.concatenate([np.zeros((1, 2, 2)), rows[:, :2]], 1)
    session = K.get_session()
    one, other = (session.run(outputs, {sequences: x}) for x in (short, early))
    np.testing.assert_allclose(one, other, rtol=1e-6)


def test_backend_functions():
    x = tf.constant(np.arange(12.0, dtype=np.float32).reshape(2, 2, 3))
    y = tf.constant(np.arange(12.0, dtype=np.float32).reshape(2, 3, 2))
    found = value([K.batch_dot(x, y), K.std(x), K.repeat_elements(x, 2, 1), K.relu(x, 0.1, 5.0)])
    given = np.arange(12.0).reshape(2, 2, 3)
    np.testing.assert_allclose(found[0], given @ np.arange(12.0).reshape(2, 3, 2))
    np.testing.assert_allclose(found[1], given.std(), rtol=1e-6)
    np.testing.assert_allclose(found[2], given.repeat(2, 1))
    np.testing.assert_allclose(found[3], given.clip(0, 5))
    double = K.function([x], [x * 2.0])
    np.testing.assert_allclose(double([given])[0], given * 2)
    names = {n for n in dir(K) if not n.startswith("_")}
    assert {"ctc_batch_cost", "rnn", "spatial_2d_padding", "in_train_phase"} <= names


def test_columns_as_a_layer():
    columns = [
        tf.feature_column.numeric_column("a"),
        tf.feature_column.embedding_column(
            tf.feature_column.categorical_column_with_identity("b", 5), 3,
            initializer=tf.ones_initializer(),
        ),
    ]  # fmt: skip
    with tf.Graph().as_default(), tf.Session() as session:
        layer = tf.keras.layers.DenseFeatures(columns)
        found = layer({"a": tf.constant([[1.0], [2.0]]), "b": tf.constant([[1], [2]])})
        session.run(tf.global_variables_initializer())
        assert session.run(found).tolist() == [[1, 1, 1, 1], [2, 1, 1, 1]]
        names = [variable.name for variable in layer.weights]
        assert names == ["dense_features/b_embedding/embedding_weights:0"]


def test_get_file_downloads_once_and_unpacks(tmp_path, capsys):
    (tmp_path / "there").mkdir()
    source = tmp_path / "there" / "data.txt"
    source.write_text("hello")
    get = tf.keras.utils.get_file
    options = {"origin": source.as_uri(), "cache_dir": str(tmp_path)}
    md5 = "5d41402abc4b2a76b9719d911017c592"
    path = get("data.txt", md5_hash=md5, **options)
    assert path == str(tmp_path / "datasets" / "data.txt")
    assert pathlib.Path(path).read_text() == "hello"
    get("data.txt", md5_hash=md5, **options)
    assert capsys.readouterr().out == f"Downloading data from {source.as_uri()}\n"
    with pytest.raises(ValueError, match="does not have the md5 hash"):
        get("data.txt", md5_hash="0" * 32, **options)
    with pytest.raises(Exception, match="URL fetch failure on"):
        get("other.txt", origin=(tmp_path / "none").as_uri(), cache_dir=str(tmp_path))
    shutil.make_archive(str(tmp_path / "folder"), "gztar", tmp_path, "there")
    archive = (tmp_path / "folder.tar.gz").as_uri()
    folder = get("there", archive, untar=True, cache_dir=str(tmp_path))
    assert os.listdir(folder) == ["data.txt"]
