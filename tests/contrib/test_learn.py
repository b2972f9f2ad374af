"""`tf.contrib.learn`, `factorization` and `training`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphflow as tf
from graphflow.contrib import learn
from graphflow.contrib.factorization import KMeans


def test_vocabulary_processor(tmp_path: Path) -> None:
    processor = learn.preprocessing.VocabularyProcessor(4)
    rows = np.array(list(processor.fit_transform(["Hello world", "foo Hello bar baz qux"])))
    assert rows.tolist() == [[1, 2, 0, 0], [3, 1, 4, 5]]
    assert len(processor.vocabulary_) == 7
    processor.save(str(tmp_path / "words"))
    again = learn.preprocessing.VocabularyProcessor.restore(str(tmp_path / "words"))
    assert next(again.transform(["bar new"])).tolist() == [4, 0, 0, 0]
    assert list(again.reverse([[1, 2, 0]])) == ["Hello world <UNK>"]


def test_rare_words_are_left_out() -> None:
    processor = learn.preprocessing.VocabularyProcessor(3, min_frequency=1)
    rows = list(processor.fit_transform(["a b", "b c b", "a d"]))
    assert [row.tolist() for row in rows] == [[2, 1, 0], [1, 0, 1], [2, 0, 0]]


def test_sklearn_interface(tmp_path: Path) -> None:
    x = np.random.RandomState(0).randn(60, 3).astype(np.float32)
    y = (x.sum(1) > 0).astype(np.int64)
    columns = learn.infer_real_valued_columns_from_input(x)
    classifier = learn.SKCompat(learn.DNNClassifier([8], columns, str(tmp_path)))
    classifier.fit(x, y, steps=100, batch_size=20)
    assert classifier.score(x, y)["accuracy"] > 0.9
    assert classifier.predict(x)["class_ids"].shape == (60, 1)


def test_estimator_of_a_tuple(tmp_path: Path) -> None:
    def model_fn(x: Any, target: Any, mode: str) -> Any:
        w = tf.get_variable("w", [1])
        predictions = w * x
        if mode == learn.ModeKeys.INFER:
            return learn.ModelFnOps(mode, predictions)
        loss = tf.reduce_mean(tf.square(predictions - target))
        step = tf.train.get_global_step()
        return predictions, loss, tf.train.GradientDescentOptimizer(0.1).minimize(loss, step)

    x = np.linspace(-1, 1, 20).astype(np.float32)
    with pytest.raises(ValueError, match="must include features"):
        learn.Estimator(model_fn)
    estimator = learn.Estimator(
        lambda features, labels, mode: model_fn(features, labels, mode), str(tmp_path)
    )
    estimator.fit(x, 3 * x, steps=100)
    np.testing.assert_allclose(list(estimator.predict(x)), 3 * x, atol=0.05)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"use_mini_batch": True},
        {"use_mini_batch": True, "mini_batch_steps_per_iteration": 5},
        {"distance_metric": "cosine", "use_mini_batch": True},
        {"initial_clusters": "kmeans_plus_plus"},
    ],
)
def test_kmeans_brings_centers_nearer(options: dict[str, Any]) -> None:
    draws = np.random.RandomState(0)
    middles = draws.randn(4, 8) * 6
    x = (middles[draws.randint(0, 4, 400)] + draws.randn(400, 8)).astype(np.float32)
    with tf.Graph().as_default(), tf.Session() as session:
        points = tf.placeholder(tf.float32, [None, 8])
        graph = KMeans(points, 4, **options).training_graph()
        all_scores, numbers, scores, initialized, init_op, train_op = graph
        session.run(tf.global_variables_initializer())
        session.run(init_op, {points: x})
        assert session.run(initialized)
        mean = tf.reduce_mean(scores[0])
        first = session.run(mean, {points: x})
        for _ in range(15):
            session.run(train_op, {points: x})
        last, found, every = session.run([mean, numbers[0], all_scores[0]], {points: x})
    assert last < first
    assert found.tolist() == every.argmin(1).tolist()


def test_hyperparameters() -> None:
    hparams = tf.contrib.training.HParams(rate=0.1, layers=[1, 2], name="x", deep=True)
    hparams.parse("rate=0.5,layers=[3,4],name=y,deep=false")
    assert hparams.values() == {"rate": 0.5, "layers": [3, 4], "name": "y", "deep": False}
    hparams.parse("layers[1]=7")
    assert hparams.layers == [3, 7]
    with pytest.raises(ValueError, match="Unknown hyperparameter"):
        hparams.parse("other=1")
    with pytest.raises(ValueError, match="Could not parse"):
        hparams.parse("rate=fast")
    assert "rate" in hparams
    assert hparams.parse_json('{"rate": 2}').rate == 2.0
