"""Names from before TensorFlow 1.0, and small parts that no family holds."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.compat.before_v1 import RENAMED, WITH_OLD_ARGUMENTS, old_name


@pytest.mark.parametrize("path", sorted([*RENAMED, *WITH_OLD_ARGUMENTS]))
def test_every_old_name_stands_for_something(path):
    assert old_name(path) is not None


def test_old_names_are_where_they_were():
    assert tf.mul is tf.multiply
    assert tf.train.SummaryWriter is tf.summary.FileWriter
    assert tf.nn.rnn is tf.nn.static_rnn
    assert tf.nn.seq2seq.sequence_loss is tf.contrib.legacy_seq2seq.sequence_loss
    with tf.Graph().as_default(), tf.Session() as session:
        a = tf.constant(np.arange(8.0).reshape(2, 2, 2))
        product = tf.batch_matmul(a, a, adj_y=True)
        np.testing.assert_allclose(
            session.run(product), np.matmul(session.run(a), session.run(a).transpose(0, 2, 1))
        )
        assert tf.image_summary("picture", tf.zeros((1, 4, 4, 3))).op.type == "ImageSummary"


@pytest.mark.parametrize(("module", "path"), [(tf, ""), (tf.train, ".train"), (tf.nn, ".nn")])
def test_unknown_names_are_errors(module, path):
    with pytest.raises(
        AttributeError, match=f"module 'graphflow{path}' has no attribute 'nothing'"
    ):
        _ = module.nothing


def test_templates_share_their_variables():
    def layer(x, size):
        w = tf.get_variable("w", [4, size], initializer=tf.ones_initializer())
        return tf.matmul(x, w)

    with tf.Graph().as_default():
        shared = tf.make_template("layer", layer, size=3)
        other = tf.make_template("layer", layer, size=3)
        x = tf.ones([2, 4])
        first, second = shared(x), shared(2 * x)
        other(x)
        assert [v.op.name for v in tf.global_variables()] == ["layer/w", "layer_1/w"]
        assert [v.op.name for v in shared.variables] == ["layer/w"]
        assert shared.variable_scope_name == "layer"
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            np.testing.assert_array_equal(*session.run([2 * first, second]))


def test_a_template_may_not_make_variables_later():
    def layer(x):
        made.append(1)
        return x * tf.get_variable(f"w{len(made)}", [])

    made = []
    with tf.Graph().as_default():
        shared = tf.make_template("layer", layer)
        shared(1.0)
        with pytest.raises(ValueError, match="does not exist"):
            shared(1.0)


def test_hyperparameters():
    params = tf.contrib.training.HParams(rate=0.1, layers=[8, 4], name="adam", fast=True, steps=10)
    params.parse("rate=1,layers=[16,32],fast=false,layers[1]=5")
    assert params.values() == {
        "rate": 1.0, "layers": [16, 5], "name": "adam", "fast": False, "steps": 10,
    }  # fmt: skip
    assert isinstance(params.rate, float)
    assert params.get("missing", 3) == 3
    assert "rate" in params
    params.override_from_dict({"steps": 20})
    assert tf.contrib.training.HParams(**params.values()).to_json() == params.to_json()
    for wrong in ("nothing=1", "rate=abc", "rate", "fast=maybe"):
        with pytest.raises(ValueError, match=r"Unknown|Could not parse|Malformed"):
            params.parse(wrong)
    with pytest.raises(ValueError, match="Could not cast"):
        params.set_hparam("steps", 1.5)
    with pytest.raises(ValueError, match="reserved"):
        params.add_hparam("rate", 2.0)


def test_the_projectors_file(tmp_path):
    projector = tf.contrib.tensorboard.plugins.projector
    config = projector.ProjectorConfig()
    embedding = config.embeddings.add()
    embedding.tensor_name = "words"
    embedding.sprite.single_image_dim.extend([28, 28])
    with tf.summary.FileWriter(str(tmp_path)) as writer:
        projector.visualize_embeddings(writer, config)
    text = (tmp_path / "projector_config.pbtxt").read_text()
    assert 'tensor_name: "words"' in text
    assert text.count("single_image_dim: 28") == 2


def test_tf_io_has_examples_and_records():
    assert tf.io.FixedLenFeature is tf.FixedLenFeature
    assert tf.io.TFRecordWriter is tf.python_io.TFRecordWriter
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = tf.io.nothing
    np.testing.assert_array_equal(tf.contrib.util.constant_value(tf.constant([1, 2])), [1, 2])
    proto = tf.contrib.util.make_tensor_proto(np.float32([1, 2]))
    np.testing.assert_array_equal(tf.contrib.util.make_ndarray(proto), [1, 2])


def test_a_staging_area_holds_values_between_runs():
    from graphflow.contrib.staging import StagingArea

    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [2])
        area = StagingArea([tf.float32, tf.int32], [[2], []])
        put = area.put([x, tf.constant(3)])
        got = area.get()
        for k in (1.0, 2.0):
            session.run(put, {x: [k, k]})
        assert session.run(area.size()) == 2
        first, _ = session.run([got, put], {x: [7.0, 7.0]})
        np.testing.assert_array_equal(first[0], [1.0, 1.0])
        assert first[1] == 3
        assert session.run(area.size()) == 2


def test_eager_execution_is_refused_in_words():
    with pytest.raises(tf.errors.UnimplementedError, match="graphflow runs graphs"):
        tf.enable_eager_execution()


def test_small_public_functions():
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.constant([1.0, -2.0])
        y = tf.grad_pass_through(tf.sign)(x)
        called = tf.py_function(lambda a: a.numpy() * 2, [x], tf.float32)
        v = tf.Variable(np.zeros((2, 3), np.float32))
        session.run(v.initializer)
        rows = tf.batch_scatter_update(v, [[0, 2], [1, 0]], [[1.0, 2.0], [3.0, 4.0]])
        found = session.run(
            [
                y,
                tf.gradients(y, x)[0],
                called,
                tf.vectorized_map(tf.square, x),
                rows,
                tf.timestamp(),
            ]
        )
    np.testing.assert_array_equal(found[0], [1, -1])
    np.testing.assert_array_equal(found[1], [1, 1])
    np.testing.assert_array_equal(found[2], [2, -4])
    np.testing.assert_array_equal(found[3], [1, 4])
    np.testing.assert_array_equal(found[4], [[1, 0, 2], [4, 3, 0]])
    assert found[5] > 1.6e9
    assert tf.is_tensor(x)
    assert not tf.is_tensor(1.0)
    assert tf.TensorSpec([None, 2]).is_compatible_with(tf.TensorSpec([3, 2]))
    assert tf.__version__.startswith("1.15.")
    assert tf.dtypes.float32 is tf.float32
    assert tf.queue.FIFOQueue is tf.FIFOQueue
