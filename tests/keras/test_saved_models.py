"""Keras's models as SavedModels, TensorFlow's and our own, as Estimators, and on batches ahead."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

import graphflow as tf

DATA = pathlib.Path(__file__).parent.parent / "data"
K = tf.keras
X, Y = np.arange(8, dtype="f").reshape(4, 2) / 10, np.ones([4, 2], "f")

# What TensorFlow 1.15.5 predicts with the model of ``data/record_keras_model.py``, and a step on.
PREDICTED = [0.032199926674366, 0.1529998928308487, 0.273799866437912, 0.3945998251438141]
LATER = [0.0332997590303421, 0.15449963510036469, 0.27569952607154846, 0.39689940214157104]


@pytest.fixture(autouse=True)
def fresh_graph():
    K.backend.clear_session()
    yield
    K.backend.clear_session()


def model(metrics=("mae",)):
    kernel = K.initializers.Constant(0.3)
    made = K.Sequential([K.layers.Dense(2, input_shape=[2], kernel_initializer=kernel)])
    made.compile("adam", "mse", metrics=list(metrics))
    return made


def test_a_model_of_tensorflow_goes_on():
    made = K.models.load_model(DATA / "tf115_keras_model")
    np.testing.assert_allclose(made.predict(X)[:, 0], PREDICTED, rtol=1e-6)
    made.fit(X, Y, epochs=1, verbose=0)
    np.testing.assert_allclose(made.predict(X)[:, 0], LATER, rtol=1e-6)


def test_a_saved_model_is_replaced_and_goes_on(tmp_path):
    path = tmp_path / "model"
    path.mkdir()
    (path / "notes.txt").write_text("kept")
    made = model()
    made.save(path, save_format="tf")
    made.fit(X, Y, epochs=2, verbose=0)
    made.save(path, save_format="tf")
    with pytest.raises(ValueError, match="overwrite=False"):
        made.save(path, save_format="tf", overwrite=False)
    assert sorted(p.name for p in path.iterdir()) == [
        "assets", "notes.txt", "saved_model.pb", "variables",
    ]  # fmt: skip
    assert [p.name for p in tmp_path.iterdir()] == ["model"]
    K.backend.clear_session()
    again = K.models.load_model(path)
    np.testing.assert_allclose(again.predict(X)[:, 0], PREDICTED, rtol=1e-6)
    again.fit(X, Y, epochs=1, verbose=0)
    np.testing.assert_allclose(again.predict(X)[:, 0], LATER, rtol=1e-6)


def test_exported_graphs(tmp_path):
    path, made = str(tmp_path / "model"), model()
    K.experimental.export_saved_model(made, path)
    with pytest.raises(AssertionError, match="isn't empty"):
        K.experimental.export_saved_model(made, path)
    again = tf.contrib.saved_model.load_keras_model(path)
    assert again.optimizer is None
    np.testing.assert_array_equal(again.predict(X), made.predict(X))
    serve = tf.contrib.predictor.from_saved_model(path)
    np.testing.assert_allclose(serve({"dense_input": X})["dense"], made.predict(X), rtol=1e-6)
    with tf.Graph().as_default(), tf.Session() as session:
        train = tf.saved_model.load(session, ["train"], path).signature_def
        info = train["train"]
        assert set(info.inputs) == {"dense_input", "dense_target"}
        assert set(info.outputs) == {
            "loss", "predictions/dense", "metrics/mean_absolute_error/value",
            "metrics/mean_absolute_error/update_op",
        }  # fmt: skip
        feeds = {info.inputs["dense_input"].name: X, info.inputs["dense_target"].name: Y}
        step = train["__saved_model_train_op"].outputs["__saved_model_train_op"].name
        losses = [session.run([info.outputs["loss"].name, step], feeds)[0] for _ in range(3)]
    assert losses == sorted(losses, reverse=True)
    assert len(set(losses)) == 3


def test_what_is_no_model_is_said(tmp_path):
    with tf.Session() as session:
        v = tf.get_variable("v", [])
        session.run(v.initializer)
        tf.saved_model.simple_save(session, str(tmp_path / "other"), {"x": v}, {"v": v})
    with pytest.raises(ValueError, match="something else"):
        K.models.load_model(tmp_path / "other")
    with pytest.raises(OSError, match="does not exist"):
        K.models.load_model(tmp_path / "none")


def test_weights_of_a_model_that_was_not_trained(tmp_path):
    made = model()
    made.save_weights(tmp_path / "w", save_format="tf")
    before = made.get_weights()
    made.set_weights([w + 1 for w in before])
    made.load_weights(tmp_path / "w")
    np.testing.assert_array_equal(made.get_weights()[0], before[0])


def data(*parts):
    return lambda: tf.data.Dataset.from_tensor_slices(parts).repeat().batch(2)


def test_an_estimator_of_a_model(tmp_path):
    made = model()
    made.set_weights([np.full([2, 2], 0.25), np.full([2], 0.5)])
    found = K.estimator.model_to_estimator(made, model_dir=str(tmp_path))
    found.train(data(X, Y), steps=5)
    # TensorFlow 1.15.5's numbers
    assert {k: round(float(v), 5) for k, v in found.evaluate(data(X, Y), steps=2).items()} == {
        "loss": 0.11337, "mean_absolute_error": 0.31685, "global_step": 5,
    }  # fmt: skip
    assert {"dense/kernel", "dense/bias", "global_step"} <= set(found.get_variable_names())
    with pytest.raises(ValueError, match="not been compiled"):
        K.estimator.model_to_estimator(K.models.clone_model(made))
    with pytest.raises(ValueError, match="Either `keras_model`"):
        K.estimator.model_to_estimator()


def test_an_estimator_takes_inputs_by_name(tmp_path):
    a, b = K.layers.Input([2], name="a"), K.layers.Input([2], name="b")
    out = K.layers.Dense(3, activation="softmax", name="o")(K.layers.concatenate([b, a]))
    made = K.Model([a, b], out)
    made.compile(tf.train.GradientDescentOptimizer(0.1), "sparse_categorical_crossentropy", ["acc"])
    found = K.estimator.model_to_estimator(made, model_dir=str(tmp_path))
    found.train(data({"a": X, "b": X}, np.array([0, 1, 2, 1])[:, None]), steps=2)
    (row, *_) = found.predict(lambda: tf.data.Dataset.from_tensors({"a": X, "b": X}))
    assert row["o"].shape == (3,)
    with pytest.raises(KeyError, match="expected keys"):
        found.train(data({"a": X}, Y), steps=1)


def test_copies_of_models_with_given_inputs_and_layers():
    made = model()
    made.set_weights([np.full([2, 2], 0.5), np.zeros(2)])
    given = tf.constant(X)
    copy = K.models.clone_model(made, given)
    shared = K.models.clone_model(made, given, clone_function=lambda layer: layer)
    with K.backend.get_session() as session:
        np.testing.assert_allclose(session.run(shared.outputs[0]), X @ np.full([2, 2], 0.5))
        np.testing.assert_allclose(session.run(copy.outputs[0]), X @ np.full([2, 2], 0.3), 1e-6)


class Batches(K.utils.Sequence):
    """Rows one by one."""

    ended = 0

    def __len__(self):
        return len(X)

    def __getitem__(self, index):
        if index == self.fails_at:
            raise KeyError("no such row")
        return X[index : index + 1], Y[index : index + 1]

    fails_at = -1

    def on_epoch_end(self):
        self.ended += 1


@pytest.mark.parametrize("processes", [False, True])
def test_workers_make_batches_ahead(processes):
    made, batches = model(), Batches()
    options = {"workers": 2, "use_multiprocessing": processes, "max_queue_size": 3}
    made.fit_generator(batches, epochs=2, shuffle=False, verbose=0, **options)
    assert batches.ended == 2
    np.testing.assert_allclose(made.predict_generator(Batches(), **options), made.predict(X), 1e-5)
    again = model()
    again.fit(X, Y, batch_size=1, epochs=2, shuffle=False, verbose=0)
    np.testing.assert_allclose(made.get_weights()[0], again.get_weights()[0], rtol=1e-6)
    batches.fails_at = 2
    with pytest.raises(KeyError, match="no such row"):
        made.fit_generator(batches, verbose=0, **options)


def test_enqueuers():
    for made in (
        K.utils.OrderedEnqueuer(Batches()),
        K.utils.GeneratorEnqueuer(batch for _ in range(2) for batch in Batches()),
    ):
        made.start(workers=2, max_queue_size=2)
        assert made.is_running()
        found = made.get()
        rows = [next(found)[0].tolist() for _ in range(5)]
        made.stop()
        assert not made.is_running()
        np.testing.assert_array_equal(rows, [*X[:, None], X[:1]])
    failing = Batches()
    failing.fails_at = 1
    made = K.utils.OrderedEnqueuer(failing)
    made.start()
    with pytest.raises(KeyError, match="no such row"):
        list(made.get())


def test_descriptions_in_yaml():
    pytest.importorskip("yaml")
    made = model()
    again = K.models.model_from_yaml(made.to_yaml())
    assert again.get_config() == made.get_config()
