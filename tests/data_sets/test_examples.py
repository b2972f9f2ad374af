"""Examples: written, read, parsed."""

from __future__ import annotations

import numpy as np
import pytest

import graphflow as tf


def example(**features):
    made = {}
    for name, values in features.items():
        if isinstance(values[0], bytes):
            made[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
        elif isinstance(values[0], int):
            made[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=values))
        else:
            made[name] = tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Example(features=tf.train.Features(feature=made)).SerializeToString()


FEATURES = {
    "x": tf.FixedLenFeature([2], tf.float32),
    "label": tf.FixedLenFeature([], tf.int64, default_value=-1),
    "words": tf.VarLenFeature(tf.string),
    "rows": tf.FixedLenSequenceFeature([2], tf.int64, allow_missing=True),
}
ROWS = [
    example(x=[1.0, 2.0], label=[3], words=[b"a", b"b"], rows=[1, 2, 3, 4]),
    example(x=[5.0, 6.0]),
]


def test_parse_example():
    with tf.Graph().as_default(), tf.Session() as session:
        parsed = tf.parse_example(ROWS, FEATURES)
        assert parsed["x"].shape.as_list() == [2, 2]
        found = session.run(parsed)
    assert found["x"].tolist() == [[1, 2], [5, 6]]
    assert found["label"].tolist() == [3, -1]
    assert found["words"].values.tolist() == [b"a", b"b"]
    assert found["words"].dense_shape.tolist() == [2, 2]
    assert found["rows"].tolist() == [[[1, 2], [3, 4]], [[0, 0], [0, 0]]]


def test_parse_single_example_in_a_data_set(tmp_path):
    path = str(tmp_path / "r")
    with tf.python_io.TFRecordWriter(path) as writer:
        for row in ROWS:
            writer.write(row)
    assert list(tf.python_io.tf_record_iterator(path)) == ROWS
    with tf.Graph().as_default(), tf.Session() as session:
        data = tf.data.TFRecordDataset(path).map(
            lambda text: tf.parse_single_example(text, {"x": FEATURES["x"]})["x"]
        )
        value = data.batch(2).make_one_shot_iterator().get_next()
        np.testing.assert_array_equal(session.run(value), [[1, 2], [5, 6]])


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (example(label=[1]), "required"),
        (example(x=[1.0]), "values size"),
        (example(x=[1, 2]), "Data types"),
        (b"\xff\xff", "parse"),
    ],
)
def test_examples_that_do_not_fit(row, text):
    with tf.Graph().as_default(), tf.Session() as session:
        parsed = tf.parse_single_example(row, {"x": FEATURES["x"]})
        with pytest.raises(tf.errors.InvalidArgumentError, match=text):
            session.run(parsed)


def test_parsing_graphs_can_be_saved_and_loaded():
    features = {
        "a": tf.FixedLenFeature([2], tf.float32),
        "b": tf.FixedLenFeature([], tf.int64, 7),
        "t": tf.VarLenFeature(tf.string),
    }
    full = tf.train.Example()
    full.features.feature["a"].float_list.value.extend([1.0, 2.0])
    full.features.feature["t"].bytes_list.value.extend([b"x", b"y"])
    with tf.Graph().as_default() as graph:
        texts = tf.placeholder(tf.string, [None], name="texts")
        found = tf.parse_example(texts, features)
        tf.identity(found["a"] + tf.cast(found["b"], tf.float32)[:, None], name="sum")
        tf.sparse_tensor_to_dense(found["t"], b"", name="words")
        tf.identity(tf.parse_single_example(texts[0], features)["a"], name="single")
        definition = graph.as_graph_def()
        types = {node.op for node in definition.node}
        assert {"ParseExample", "ParseSingleExample"} <= types
        assert "PyFunc" not in types
    with tf.Graph().as_default(), tf.Session() as session:
        tf.import_graph_def(definition, name="")
        feed = {"texts:0": [full.SerializeToString()] * 2}
        total, words, single = session.run(["sum:0", "words:0", "single:0"], feed)
    np.testing.assert_array_equal(total, [[8.0, 9.0]] * 2)
    np.testing.assert_array_equal(words, [[b"x", b"y"]] * 2)
    np.testing.assert_array_equal(single, [1.0, 2.0])
