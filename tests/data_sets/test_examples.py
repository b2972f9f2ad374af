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
