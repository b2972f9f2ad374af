"""Parts of `contrib` against values of TensorFlow 1.15.5; programs for TPUs; private packages."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

import graphflow as tf
from graphflow import contrib


@pytest.fixture(autouse=True)
def fresh_graph():
    with tf.Graph().as_default():
        yield


def draws():
    source = np.random.RandomState(0)
    scores = source.randn(3, 5, 4).astype("f")
    tags = source.randint(0, 4, (3, 5)).astype("i")
    transitions = source.randn(4, 4).astype("f")
    allowed = source.rand(3, 5, 4) < 0.6
    allowed[:, :, 0] = True
    return scores, tags, transitions, allowed, source


def run(fetches):
    with tf.Session() as session:
        session.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
        return session.run(fetches)


def test_conditional_random_fields():
    scores, tags, transitions, allowed, _ = draws()
    lengths, table = np.array([5, 3, 1]), tf.constant(transitions)
    likelihood, _ = contrib.crf.crf_log_likelihood(scores, tags, lengths, table)
    several = contrib.crf.crf_multitag_sequence_score(scores, allowed, lengths, table)
    found, several, (chains, best) = run(
        [likelihood, several, contrib.crf.crf_decode(scores, table, lengths)]
    )
    np.testing.assert_allclose(found, [-8.569283, -5.370382, -3.761398], rtol=1e-5)
    np.testing.assert_allclose(several, [11.190922, 5.777897, 2.055128], rtol=1e-5)
    assert chains.tolist() == [[0, 0, 3, 2, 0], [2, 0, 0, 0, 0], [3, 0, 0, 0, 0]]
    np.testing.assert_allclose(best, [10.000635, 5.103785, 1.950775], rtol=1e-5)
    chain, score = contrib.crf.viterbi_decode(scores[0], transitions)
    assert chain == [0, 0, 3, 2, 0]
    assert score == pytest.approx(10.000635, rel=1e-5)


CELLS = {
    "nas": (lambda: contrib.rnn.NASCell(3), [0.137701, 0.137701, 0.137701, 0.095133]),
    "nas_projected": (
        lambda: contrib.rnn.NASCell(3, num_proj=2, use_bias=True),
        [0.04131, 0.04131, 0.02558, 0.02558],
    ),
    "ugrnn": (lambda: contrib.rnn.UGRNNCell(3), [0.086929, 0.086929, 0.086929, 0.111471]),
    "sru": (lambda: contrib.rnn.SRUCell(4), [0.322105, 0.322105, 0.322105, 0.322105]),
    "highway": (
        lambda: contrib.rnn.HighwayWrapper(contrib.rnn.GRUCell(4)),
        [1.467587, 0.344788, 0.821093, 1.860136],
    ),
    "attention": (
        lambda: contrib.rnn.AttentionCellWrapper(contrib.rnn.BasicLSTMCell(3), 2),
        [0.019413, 0.019413, 0.019413, 0.02362],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CELLS)
def test_cells(name):
    make, expected = CELLS[name]
    with tf.variable_scope("s", initializer=tf.constant_initializer(0.1)):
        outputs, _ = tf.nn.dynamic_rnn(make(), tf.constant(draws()[0]), dtype=tf.float32)
    np.testing.assert_allclose(run(outputs).ravel()[:4], expected, atol=1e-6)


def test_convolutional_cell():
    source = draws()[-1]
    images = tf.constant(source.randn(2, 3, 5, 5, 2).astype("f"))
    cell = contrib.rnn.Conv2DLSTMCell(input_shape=[5, 5, 2], output_channels=3, kernel_shape=[3, 3])
    with tf.variable_scope("s", initializer=tf.constant_initializer(0.1)):
        outputs, _ = tf.nn.dynamic_rnn(cell, images, dtype=tf.float32)
    expected = [-0.020473, -0.020473, -0.020473, -0.02685]
    np.testing.assert_allclose(run(outputs).ravel()[:4], expected, atol=1e-6)
    assert [v.name for v in tf.global_variables()] == [
        "s/rnn/conv_2d_lstm_cell/kernel:0", "s/rnn/conv_2d_lstm_cell/biases:0",
    ]  # fmt: skip


def test_predictions_come_before_labels():
    predictions, labels = tf.constant([[0.1, 0.2], [0.3, 0.4]]), tf.constant([[1.0, 0], [0, 1]])
    losses = contrib.losses
    found = run([
        losses.softmax_cross_entropy(predictions, labels),
        contrib.slim.losses.softmax_cross_entropy(predictions, onehot_labels=labels),
        losses.mean_squared_error(predictions, labels, weights=2.0),
        losses.log_loss(predictions, labels),
        contrib.metrics.streaming_accuracy(predictions=[1, 2], labels=[1, 1])[1],
    ])  # fmt: skip
    np.testing.assert_allclose(found, [0.694397, 0.694397, 0.65, 0.949673, 0.5], rtol=1e-5)
    np.testing.assert_allclose(
        run(losses.hinge_loss(predictions, labels)), [[0.9, 1.2], [1.3, 0.6]]
    )
    with pytest.raises(TypeError, match="multiple values"):
        losses.log_loss(predictions, labels, predictions=predictions)


def test_programs_for_tpus_run_without_one(tmp_path):
    tpu = contrib.tpu

    def input_fn(params):
        x = np.linspace(0, 1, 12, dtype="float32")[:, None]
        return tf.data.Dataset.from_tensor_slices((x, 2 * x)).batch(params["batch_size"])

    def model_fn(features, labels, mode, params):
        assert params["batch_size"] == {"train": 4, "eval": 6}[mode]
        prediction = tf.layers.dense(features, 1)
        loss = tf.losses.mean_squared_error(labels, prediction)
        optimizer = tpu.CrossShardOptimizer(tf.train.GradientDescentOptimizer(params["rate"]))
        step = optimizer.minimize(loss, tf.train.get_global_step())

        def metrics(labels, prediction):
            return {"error": tf.metrics.mean_absolute_error(labels, prediction)}

        return tpu.TPUEstimatorSpec(
            mode, loss=loss, train_op=step, eval_metrics=(metrics, [labels, prediction])
        )

    config = tpu.RunConfig(
        model_dir=str(tmp_path), tpu_config=tpu.TPUConfig(iterations_per_loop=10)
    )
    estimator = tpu.TPUEstimator(
        model_fn, config=config, use_tpu=False, train_batch_size=4, eval_batch_size=6,
        params={"rate": 0.1},
    )  # fmt: skip
    estimator.train(input_fn)
    found = estimator.evaluate(input_fn)
    assert found["global_step"] == 3
    assert set(found) == {"error", "global_step", "loss"}
    with pytest.raises(ValueError, match="use_tpu=False"):
        tpu.TPUEstimator(model_fn, config=config)


PRIVATE = [
    ("layers.python.layers.initializers", "xavier_initializer"),
    ("layers.python.layers.layers", "batch_norm"),
    ("rnn.python.ops.core_rnn_cell", "LSTMStateTuple"),
    ("rnn.python.ops.core_rnn_cell", "_linear"),
    ("rnn.python.ops.core_rnn", "static_rnn"),
    ("legacy_seq2seq.python.ops.seq2seq", "sequence_loss"),
    ("framework.python.ops", "add_arg_scope"),
    ("framework.python.ops.variables", "get_or_create_global_step"),
]


@pytest.mark.parametrize(("module", "name"), PRIVATE)
def test_private_packages(module, name):
    assert callable(getattr(importlib.import_module(f"graphflow.contrib.{module}"), name))


def test_alpha_dropout_draws_tensorflow_s_numbers():
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(1)
        x = tf.constant([[1.0, -2.0], [3.0, 0.5]])
        made = tf.contrib.nn.alpha_dropout(x, 0.6, noise_shape=[2, 1], seed=7)
        expected = [[1.4703772, -1.1194706], [3.1969423, 1.0387359]]
        np.testing.assert_allclose(session.run(made), expected, rtol=1e-5)
        assert tf.contrib.nn.alpha_dropout(x, 1.0) is x
        with pytest.raises(ValueError, match=r"float in the range \(0, 1\], got 1.5"):
            tf.contrib.nn.alpha_dropout(x, 1.5)


def test_names_of_slim_and_keras():
    slim = tf.contrib.slim
    assert slim.initializers.xavier_initializer is tf.contrib.layers.xavier_initializer
    assert slim.regularizers.l2_regularizer is tf.contrib.layers.l2_regularizer
    assert slim.layers.conv2d is tf.contrib.layers.conv2d
    assert tf.contrib.keras.layers is tf.keras.layers
    with tf.Graph().as_default(), tf.name_scope("a"), tf.name_scope("b"):
        assert tf.contrib.framework.get_name_scope() == "a/b"
