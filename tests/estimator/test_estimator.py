"""Estimators: training, evaluation, prediction, export, warm starts; canned ones."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphflow as tf

X = np.random.RandomState(0).randn(100, 3).astype(np.float32)
Y = (X.sum(1) > 0).astype(np.int32)
inputs = tf.estimator.inputs
ModeKeys = tf.estimator.ModeKeys


def _model_fn(features: Any, labels: Any, mode: str, params: Any) -> Any:
    hidden = tf.layers.dense(features["x"], params["units"], activation=tf.nn.relu)
    logits = tf.layers.dense(hidden, 2)
    classes = tf.argmax(logits, 1)
    if mode == ModeKeys.PREDICT:
        return tf.estimator.EstimatorSpec(mode, predictions={"c": classes, "p": logits})
    loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
    train_op = tf.train.AdamOptimizer(0.01).minimize(loss, tf.train.get_global_step())
    metrics = {"accuracy": tf.metrics.accuracy(labels, classes)}
    return tf.estimator.EstimatorSpec(
        mode, loss=loss, train_op=train_op, eval_metric_ops=metrics, predictions=classes
    )


def _batches(epochs: int | None, shuffle: bool = False) -> Callable[[], Any]:
    return inputs.numpy_input_fn({"x": X}, Y, 20, num_epochs=epochs, shuffle=shuffle)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Any:
    config = tf.estimator.RunConfig(tf_random_seed=1, save_checkpoints_steps=40)
    folder = str(tmp_path_factory.mktemp("model"))
    estimator = tf.estimator.Estimator(_model_fn, folder, config, {"units": 8})
    return estimator.train(_batches(None, shuffle=True), steps=100)


def test_training_saves_and_goes_on(trained: Any) -> None:
    assert trained.get_variable_value("global_step") == 100
    names = ["dense/bias", "dense/kernel", "dense_1/bias", "dense_1/kernel"]
    assert set(names) <= set(trained.get_variable_names())
    assert trained.latest_checkpoint().endswith("model.ckpt-100")
    assert os.path.exists(os.path.join(trained.model_dir, "graph.pbtxt"))
    trained.train(_batches(None), max_steps=100)  # nothing left to do
    assert trained.latest_checkpoint().endswith("model.ckpt-100")


def test_evaluation_and_prediction_agree(trained: Any) -> None:
    found = trained.evaluate(_batches(1))
    assert found["global_step"] == 100
    assert found["accuracy"] > 0.9
    rows = list(trained.predict(inputs.numpy_input_fn({"x": X}, shuffle=False)))
    assert len(rows) == 100
    np.testing.assert_allclose(np.mean([r["c"] == y for r, y in zip(rows, Y, strict=True)]),
                               found["accuracy"])  # fmt: skip
    batches = trained.predict(_batches(1), "p", yield_single_examples=False)
    assert next(batches)["p"].shape == (20, 2)
    assert os.listdir(trained.eval_dir())


def test_steps_and_data_sets_end_an_evaluation(trained: Any) -> None:
    def two() -> Any:
        return tf.data.Dataset.from_tensor_slices(({"x": X[:8]}, Y[:8])).batch(4)

    whole = trained.evaluate(two)
    first = trained.evaluate(two, steps=1, name="first")
    assert whole["loss"] != first["loss"]
    assert trained.eval_dir("first").endswith("eval_first")


def test_exported_model_predicts(trained: Any, tmp_path: Path) -> None:
    receiver = tf.estimator.export.build_raw_serving_input_receiver_fn({"x": X})
    folder = trained.export_savedmodel(str(tmp_path), receiver).decode()
    wanted = [row["c"] for row in trained.predict(_batches(1), "c")]
    with tf.Graph().as_default(), tf.Session() as session:
        loaded = tf.saved_model.loader.load(session, ["serve"], folder)
        signature = loaded.signature_def["serving_default"]
        feed = {signature.inputs["x"].name: X}
        assert session.run(signature.outputs["c"].name, feed).tolist() == wanted


def test_warm_start_begins_with_the_older_values(trained: Any) -> None:
    other = tf.estimator.Estimator(
        _model_fn, params={"units": 8}, warm_start_from=trained.model_dir
    )
    found, wanted = other.evaluate(_batches(1)), trained.evaluate(_batches(1))
    assert found["global_step"] == 0
    np.testing.assert_allclose(found["loss"], wanted["loss"], rtol=1e-6)


def test_train_and_evaluate_exports(tmp_path: Path) -> None:
    config = tf.estimator.RunConfig(str(tmp_path), save_checkpoints_steps=5)
    estimator = tf.estimator.Estimator(_model_fn, config=config, params={"units": 4})
    receiver = tf.estimator.export.build_raw_serving_input_receiver_fn({"x": X})
    final = tf.estimator.FinalExporter("final", receiver)
    found, exported = tf.estimator.train_and_evaluate(
        estimator, tf.estimator.TrainSpec(_batches(None), max_steps=10),
        tf.estimator.EvalSpec(_batches(1), exporters=final, throttle_secs=0),
    )  # fmt: skip
    assert found["global_step"] == 10
    assert os.path.isdir(exported[0])


def test_hooks_and_listeners_are_called(tmp_path: Path) -> None:
    saved = []

    class Listener(tf.train.CheckpointSaverListener):
        def after_save(self, session: Any, global_step_value: int) -> None:
            saved.append(global_step_value)

    config = tf.estimator.RunConfig(str(tmp_path), save_checkpoints_steps=2)
    estimator = tf.estimator.Estimator(_model_fn, config=config, params={"units": 4})
    estimator.train(_batches(1), saving_listeners=[Listener()])
    assert saved == [0, 2, 4, 5]


def test_checks_of_model_functions() -> None:
    with pytest.raises(ValueError, match="must include features"):
        tf.estimator.Estimator(lambda labels: None)
    with pytest.raises(ValueError, match="does not include params"):
        tf.estimator.Estimator(lambda features: None, params={})
    with pytest.raises(ValueError, match=r"Missing train_op\."):
        tf.estimator.EstimatorSpec(ModeKeys.TRAIN, loss=tf.constant(1.0))
    with pytest.raises(ValueError, match=r"Missing predictions\."):
        tf.estimator.EstimatorSpec(ModeKeys.PREDICT)
    with pytest.raises(ValueError, match="cannot be both set"):
        tf.estimator.RunConfig(save_checkpoints_steps=1, save_checkpoints_secs=1)


def test_numpy_input_reaches_over_epochs() -> None:
    read = inputs.numpy_input_fn(np.arange(5), batch_size=4, num_epochs=2, shuffle=False)
    with tf.Graph().as_default(), tf.Session() as session:
        batch = read()
        found = [session.run(batch).tolist() for _ in range(3)]
        assert found == [[0, 1, 2, 3], [4, 0, 1, 2], [3, 4]]
        with pytest.raises(tf.errors.OutOfRangeError):
            session.run(batch)


# ---- canned estimators: three steps over eight rows, as TensorFlow 1.15 makes them

ROWS = {
    "a": np.arange(8, dtype=np.float32).reshape(8, 1) / 8,
    "b": np.array(["p", "q", "r", "p", "q", "r", "p", "z"]).reshape(8, 1),
    "c": np.arange(8).reshape(8, 1),
}
LABELS = np.array([0, 1] * 4)
fc = tf.feature_column


def _columns() -> tuple[list[Any], list[Any]]:
    words = fc.categorical_column_with_vocabulary_list("b", ["p", "q", "r"])
    number = fc.categorical_column_with_identity("c", 8)
    crossed = fc.crossed_column(["b", "c"], 10)
    buckets = fc.bucketized_column(fc.numeric_column("a"), [0.2, 0.5])
    wide = [fc.numeric_column("a"), buckets, words, crossed, number]
    deep = [fc.numeric_column("a"), fc.indicator_column(words), fc.embedding_column(number, 3)]
    return wide, deep


def _rows(epochs: int | None) -> Callable[[], Any]:
    return inputs.numpy_input_fn(ROWS, LABELS, 4, num_epochs=epochs, shuffle=False)


@pytest.mark.parametrize(
    ("kind", "options", "wanted"),
    [
        ("LinearClassifier", {}, 0.5058671832084656),
        ("LinearRegressor", {}, 0.08464138209819794),
        ("LinearClassifier", {"n_classes": 3}, 0.4488382935523987),
    ],
)
def test_linear_estimators_learn_as_tensorflows(
    kind: str, options: dict[str, Any], wanted: float, tmp_path: Path
) -> None:
    estimator = getattr(tf.estimator, kind)(_columns()[0], str(tmp_path), **options)
    estimator.train(_rows(None), steps=3)
    found = estimator.evaluate(_rows(1))
    np.testing.assert_allclose(found["average_loss"], wanted, rtol=1e-5)
    names = estimator.get_variable_names()
    assert "linear/linear_model/b_X_c/weights/part_0/Ftrl_1" in names
    assert "linear/linear_model/bias_weights" in names


def test_deep_and_combined_estimators_learn(tmp_path: Path) -> None:
    wide, deep = _columns()
    combined = tf.estimator.DNNLinearCombinedClassifier(
        str(tmp_path / "both"), wide, "Ftrl", deep, "Adagrad", [6]
    )
    classifier = tf.estimator.DNNClassifier(
        [6], deep, str(tmp_path / "deep"), batch_norm=True, dropout=0.1
    )
    for estimator in (combined, classifier):
        estimator.train(_rows(None), steps=5)
    assert 0.0 < combined.evaluate(_rows(1))["average_loss"] < 2.0
    names = classifier.get_variable_names()
    assert "dnn/hiddenlayer_0/kernel/t_0/Adagrad" in names
    assert "dnn/input_from_feature_columns/input_layer/c_embedding/embedding_weights" in names
    assert "dnn/hiddenlayer_0/batchnorm_0/moving_mean" in names
    row = next(combined.predict(_rows(1)))
    assert row["classes"].tolist() in ([b"0"], [b"1"])
    assert row["probabilities"].shape == (2,)


def test_baselines_learn_the_share(tmp_path: Path) -> None:
    estimator = tf.estimator.BaselineRegressor(str(tmp_path))
    estimator.train(_rows(None), steps=3)
    np.testing.assert_allclose(estimator.evaluate(_rows(1))["prediction/mean"], 0.45958713, 1e-6)


def test_classifier_of_texts_with_weights(tmp_path: Path) -> None:
    features = {"a": X[:, :1], "w": np.ones(100, np.float32)}
    labels = np.where(X[:, 0] > 0, "yes", "no")
    read = inputs.numpy_input_fn(features, labels, 50, num_epochs=20, shuffle=False)
    estimator = tf.estimator.LinearClassifier(
        [fc.numeric_column("a")], str(tmp_path), weight_column="w", label_vocabulary=["no", "yes"]
    )
    assert estimator.train(read).evaluate(read)["accuracy"] > 0.95
    receiver = tf.estimator.export.build_raw_serving_input_receiver_fn({"a": features["a"]})
    folder = estimator.export_saved_model(str(tmp_path / "out"), receiver).decode()
    with tf.Graph().as_default(), tf.Session() as session:
        loaded = tf.saved_model.loader.load(session, ["serve"], folder)
        signature = loaded.signature_def["predict"]
        feed = {signature.inputs["a"].name: [[2.0]]}
        assert session.run(signature.outputs["classes"].name, feed).tolist() == [[b"yes"]]
