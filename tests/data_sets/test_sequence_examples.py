"""Sequence examples and sparse features, parsed."""

import numpy as np
import pytest

import graphflow as tf


def _feature(values):
    if values and isinstance(values[0], bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
    if values and isinstance(values[0], float):
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def _sequence(context, lists):
    return tf.train.SequenceExample(
        context=tf.train.Features(feature={k: _feature(v) for k, v in context.items()}),
        feature_lists=tf.train.FeatureLists(feature_list={
            key: tf.train.FeatureList(feature=[_feature(step) for step in steps])
            for key, steps in lists.items()
        }),
    ).SerializeToString()  # fmt: skip


CONTEXT = {
    "length": tf.FixedLenFeature([], tf.int64),
    "tags": tf.VarLenFeature(tf.string),
    "size": tf.FixedLenFeature([2], tf.float32, default_value=[1.0, 2.0]),
}
LISTS = {
    "frames": tf.FixedLenSequenceFeature([2], tf.float32),
    "words": tf.VarLenFeature(tf.int64),
    "notes": tf.FixedLenSequenceFeature([], tf.string, allow_missing=True),
}
ROWS = [
    _sequence({"length": [2], "tags": [b"a", b"b"]},
              {"frames": [[1.0, 2.0], [3.0, 4.0]], "words": [[5], [6, 7]], "notes": [[b"x"]]}),
    _sequence({"length": [1], "size": [8.0, 9.0]}, {"frames": [[5.0, 6.0]]}),
]  # fmt: skip


def test_one_sequence_example() -> None:
    context, lists = tf.parse_single_sequence_example(ROWS[0], CONTEXT, LISTS)
    assert context["size"].shape.as_list() == [2]
    assert lists["frames"].shape.as_list() == [None, 2]
    with tf.Session() as session:
        found, steps = session.run([context, lists])
    assert found["length"] == 2
    assert found["tags"].values.tolist() == [b"a", b"b"]
    assert found["tags"].indices.tolist() == [[0], [1]]
    assert found["size"].tolist() == [1, 2]
    assert steps["frames"].tolist() == [[1, 2], [3, 4]]
    assert steps["words"].indices.tolist() == [[0, 0], [1, 0], [1, 1]]
    assert steps["words"].dense_shape.tolist() == [2, 2]
    assert steps["notes"].tolist() == [b"x"]


def test_many_sequence_examples_are_filled_up() -> None:
    context, lists, lengths = tf.io.parse_sequence_example(ROWS, CONTEXT, LISTS)
    assert lists["frames"].shape.as_list() == [2, None, 2]
    with tf.Session() as session:
        found, steps, counts = session.run([context, lists, lengths])
    assert found["length"].tolist() == [2, 1]
    assert found["size"].tolist() == [[1, 2], [8, 9]]
    assert found["tags"].dense_shape.tolist() == [2, 2]
    assert steps["frames"].tolist() == [[[1, 2], [3, 4]], [[5, 6], [0, 0]]]
    assert steps["words"].indices.tolist() == [[0, 0, 0], [0, 1, 0], [0, 1, 1]]
    assert steps["words"].dense_shape.tolist() == [2, 2, 2]
    assert steps["notes"].tolist() == [[b"x"], [b""]]
    assert {k: v.tolist() for k, v in counts.items()} == {"frames": [2, 1], "notes": [1, 0]}


def test_sequence_examples_in_a_data_set() -> None:
    def frames(text):
        return tf.io.parse_single_sequence_example(text, sequence_features=LISTS)[1]["frames"]

    data = tf.data.Dataset.from_tensor_slices(ROWS).map(frames).padded_batch(2, [None, 2])
    value = data.make_one_shot_iterator().get_next()
    with tf.Session() as session:
        assert session.run(value).shape == (2, 2, 2)


@pytest.mark.parametrize(("lists", "text"), [
    ({"other": tf.FixedLenSequenceFeature([2], tf.float32)}, "'other' is required"),
    ({"frames": tf.FixedLenSequenceFeature([3], tf.float32)}, "values size: 2"),
    ({"frames": tf.FixedLenSequenceFeature([2], tf.int64)}, "Data types don't match"),
    ({"words": tf.FixedLenSequenceFeature([], tf.int64)}, "Index: 1.  Number of int64 values"),
])  # fmt: skip
def test_what_a_sequence_example_lacks_is_told(lists, text) -> None:
    with tf.Session() as session, pytest.raises(tf.errors.InvalidArgumentError, match=text):
        session.run(tf.parse_single_sequence_example(ROWS[0], sequence_features=lists)[1])
    with pytest.raises(ValueError, match="Missing features"):
        tf.parse_single_sequence_example(ROWS[0])
    with pytest.raises(ValueError, match="Unsupported FixedLenFeature"):
        tf.parse_single_sequence_example(
            ROWS[0], sequence_features={"frames": tf.FixedLenFeature([2], tf.float32)}
        )


def _example(**features):
    made = {key: _feature(values) for key, values in features.items()}
    return tf.train.Example(features=tf.train.Features(feature=made)).SerializeToString()


def test_sparse_features_are_merged() -> None:
    rows = [_example(i=[3, 1], j=[0, 4], v=[0.5, -1.0]), _example(i=[2], j=[2], v=[7.0])]
    features = {
        "one": tf.SparseFeature("i", "v", tf.float32, 10),
        "two": tf.io.SparseFeature(["i", "j"], "v", tf.float32, [10, 5]),
        "i": tf.VarLenFeature(tf.int64),
    }
    with tf.Session() as session:
        found = session.run(tf.parse_example(rows, features))
    assert sorted(found) == ["i", "one", "two"]
    assert found["one"].indices.tolist() == [[0, 1], [0, 3], [1, 2]]
    assert found["one"].values.tolist() == [-1, 0.5, 7]
    assert found["two"].indices.tolist() == [[0, 1, 4], [0, 3, 0], [1, 2, 2]]
    assert found["two"].dense_shape.tolist() == [2, 10, 5]
    with pytest.raises(ValueError, match="Conflicting type int64 vs float32 for feature v"):
        tf.parse_example(rows, {
            "v": tf.VarLenFeature(tf.int64), "x": tf.SparseFeature("i", "v", tf.float32, 10)
        })  # fmt: skip


def test_errors_tell_names_and_texts_keep_zeros_at_their_ends() -> None:
    features = {"a": tf.FixedLenFeature([3], tf.float32)}
    with tf.Session() as session:
        with pytest.raises(tf.errors.InvalidArgumentError, match="Name: in1, Key: a, Index: 1"):
            session.run(tf.parse_example(
                [_example(a=[1.0, 2.0, 3.0]), _example(a=[1.0])], features,
                example_names=["in0", "in1"],
            ))  # fmt: skip
        assert session.run(tf.constant(b"ab\0")) == b"ab\0"
        text = _example(b=[b""])
        assert text.endswith(b"\0")
        found = session.run(tf.parse_single_example(text, {"b": tf.FixedLenFeature([], tf.string)}))
    assert found["b"] == b""
    with pytest.raises(ValueError, match="Missing shape for feature a"):
        tf.parse_example([b""], {"a": tf.FixedLenFeature(None, tf.float32)})
    default = tf.FixedLenFeature((1, 2, 1), tf.float32, default_value=[3.0, 4.0])
    with tf.Session() as session:
        parsed = session.run(tf.parse_example([b""], {"a": default}))
    np.testing.assert_array_equal(parsed["a"], [[[[3], [4]]]])


def test_texts_keep_zeros_at_their_ends_where_a_run_is_cut_or_in_arrays() -> None:
    features = {"b": tf.VarLenFeature(tf.string), "c": tf.FixedLenFeature([], tf.string)}
    array = tf.TensorArray(tf.string, 2).unstack(tf.constant(["a\0", "b\0\0"]))
    with tf.Session() as session:
        text = tf.placeholder(tf.string)
        parsed = tf.parse_single_example(tf.identity(text), features)
        found = session.run(parsed, {text: _example(b=[b"x\0"], c=[b""])})
        assert found["b"].values.tolist() == [b"x\0"]
        assert session.run(array.read(1)) == b"b\0\0"
        assert session.run(tf.strings.join([text, "y\0"]), {text: "x\0"}) == b"x\0y\0"
