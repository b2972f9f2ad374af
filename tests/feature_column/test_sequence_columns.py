"""Columns of sequences; values, shapes and names are TensorFlow 1.15.5's."""

from __future__ import annotations

import numpy as np
import pytest

import graphflow as tf

fc = tf.feature_column
layer = tf.contrib.feature_column.sequence_input_layer


@pytest.fixture(autouse=True)
def fresh_graph():
    with tf.Graph().as_default():
        yield


def sparse(places, values, shape):
    return tf.SparseTensor(np.array(places, np.int64), values, shape)


def evaluated(tensors):
    with tf.Session() as session:
        session.run([tf.global_variables_initializer(), tf.tables_initializer()])
        return [value.tolist() for value in session.run(tensors)]


def test_ids_of_steps():
    ids = sparse([[0, 0], [1, 0], [1, 1]], [2, 0, 1], (3, 2))
    column = fc.sequence_categorical_column_with_identity("ids", 3)
    table = tf.constant_initializer(np.arange(6).reshape(3, 2))
    embedded = fc.embedding_column(column, 2, initializer=table)
    found, lengths = evaluated(layer({"ids": ids}, [embedded]))
    assert found == [[[4, 5], [0, 0]], [[0, 1], [2, 3]], [[0, 0], [0, 0]]]
    assert lengths == [1, 2, 0]
    assert [v.op.name for v in tf.global_variables()] == [
        "sequence_input_layer/ids_embedding/embedding_weights"
    ]
    with pytest.raises(ValueError, match="must not be of type SequenceCategoricalColumn"):
        fc.input_layer({"ids": ids}, [embedded])
    with pytest.raises(ValueError, match="You can wrap a sequence_categorical_column"):
        layer({"ids": ids}, [fc.numeric_column("ids")])
    shared = fc.shared_embedding_columns(
        [column, fc.sequence_categorical_column_with_identity("more", 3)], 2
    )
    both, _ = layer({"ids": ids, "more": ids}, shared)
    assert both.shape.as_list() == [3, 2, 4]
    assert len(tf.global_variables()) == 2


def test_several_columns_in_a_layer_of_keras():
    words = sparse([[0, 0], [0, 1], [1, 0]], ["a", "q", "b"], (3, 3))
    numbers = sparse([[0, 0], [0, 1], [1, 0]], [1.0, 2.0, 3.0], (3, 3))
    listed = fc.sequence_categorical_column_with_vocabulary_list("w", ["a", "b"], num_oov_buckets=1)
    columns = [
        fc.sequence_numeric_column("n", default_value=-1.0, normalizer_fn=lambda x: x * 10),
        fc.indicator_column(listed),
    ]
    made = tf.keras.experimental.SequenceFeatures(columns)
    found = made({"n": numbers, "w": words})
    assert found[0].shape.as_list() == [3, 3, 4]
    steps, lengths = evaluated(found)
    assert steps[0] == [[10, 1, 0, 0], [20, 0, 0, 1], [-1, 0, 0, 0]]
    assert steps[1] == [[30, 0, 1, 0], [-1, 0, 0, 0], [-1, 0, 0, 0]]
    assert lengths == [2, 1, 0]
    assert set(fc.make_parse_example_spec(columns)) == {"n", "w"}


def test_several_numbers_a_step():
    numbers = sparse([[0, k] for k in range(4)] + [[1, 0], [1, 1]], np.arange(6.0), (2, 4))
    column = fc.sequence_numeric_column("n", shape=[2], dtype=tf.float64)
    found, lengths = evaluated(layer({"n": numbers}, [column]))
    assert found == [[[0, 1], [2, 3]], [[4, 5], [0, 0]]]
    assert lengths == [2, 1]
    with pytest.raises(TypeError, match="SparseTensor"):
        layer({"n": tf.zeros([2, 4])}, [column])


def test_columns_of_other_lengths_are_refused():
    first = sparse([[0, 0], [0, 1]], [1.0, 2.0], (1, 2))
    other = sparse([[0, 0]], [1.0], (1, 2))
    columns = [fc.sequence_numeric_column("a"), fc.sequence_numeric_column("b")]
    found = layer({"a": first, "b": other}, columns)
    with pytest.raises(tf.errors.InvalidArgumentError, match="differ in length"):
        evaluated(found)


def test_hashes_and_files(tmp_path):
    words = sparse([[0, 0], [0, 1]], ["b", "q"], (1, 2))
    path = tmp_path / "words.txt"
    path.write_text("a\nb\n")
    hashed = fc.sequence_categorical_column_with_hash_bucket("w", 5)
    listed = fc.sequence_categorical_column_with_vocabulary_file("v", str(path), default_value=0)
    columns = [fc.indicator_column(hashed), fc.indicator_column(listed)]
    found, _ = evaluated(layer({"w": words, "v": words}, columns))
    assert found == [[[0, 1, 0, 0, 1, 0, 0], [1, 0, 0, 0, 0, 1, 0]]]
