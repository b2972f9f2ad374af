"""Tables: filled from tensors and files, changed in the run, one content per session."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.contrib import lookup


def test_table_from_tensors():
    init = tf.lookup.KeyValueTensorInitializer(["a", "b"], np.array([1, 5]))
    table = tf.contrib.lookup.HashTable(init, -1)
    keys = tf.placeholder(tf.string, [None])
    found = table.lookup(keys)
    assert found.dtype == tf.int64
    assert found.shape.as_list() == [None]
    with tf.Session() as session:
        with pytest.raises(tf.errors.FailedPreconditionError, match="Table not initialized"):
            session.run(found, {keys: ["a"]})
        session.run(tf.tables_initializer())
        assert session.run(found, {keys: ["b", "x", "a"]}).tolist() == [5, -1, 1]
        assert session.run(table.size()) == 2
        names, values = session.run(table.export())
        assert dict(zip(names.tolist(), values.tolist(), strict=True)) == {b"a": 1, b"b": 5}
        sparse = table.lookup(tf.SparseTensor([[0, 1]], tf.constant(["b"]), [1, 2]))
        assert session.run(sparse).values.tolist() == [5]
    with tf.Session() as other, pytest.raises(tf.errors.FailedPreconditionError):
        other.run(found, {keys: ["a"]})
    with pytest.raises(TypeError, match="Signature mismatch"):
        table.lookup(tf.constant([1]))


def test_two_values_for_a_key():
    init = tf.lookup.KeyValueTensorInitializer(["a", "a"], np.array([1, 5]))
    table = tf.lookup.StaticHashTable(init, -1)
    with tf.Session() as session, pytest.raises(tf.errors.InvalidArgumentError, match="same key"):
        session.run(table.initializer)


def test_vocabularies(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("emerson\nlake\npalmer\n")
    plain = lookup.index_table_from_file(str(path), default_value=-7)
    buckets = lookup.index_table_from_file(str(path), num_oov_buckets=2)
    back = lookup.index_to_string_table_from_file(str(path))
    listed = lookup.index_table_from_tensor(["x", "y"], num_oov_buckets=1)
    numbers = lookup.index_table_from_tensor([10, 20], dtype=tf.int64)
    words = lookup.index_to_string_table_from_tensor(["x", "y"])
    vocabulary = tf.lookup.StaticVocabularyTable(
        tf.lookup.KeyValueTensorInitializer(["p"], tf.constant([0], tf.int64)), 3
    )
    missing = lookup.index_table_from_file(str(tmp_path / "missing"))
    texts = tf.constant(["palmer", "lake", "and"])
    with tf.Session() as session:
        with pytest.raises(tf.errors.NotFoundError):
            session.run(missing.initializer)
        tables = (plain, buckets, back, listed, numbers, words, vocabulary)
        session.run([table.initializer for table in tables])
        assert session.run(plain.lookup(texts)).tolist() == [2, 1, -7]
        first = session.run(buckets.lookup(texts)).tolist()
        assert first[:2] == [2, 1]
        assert first[2] in (3, 4)
        assert session.run(back.lookup(tf.constant([1, 9], tf.int64))).tolist() == [b"lake", b"UNK"]
        assert session.run(listed.lookup(tf.constant(["y", "z"]))).tolist() == [1, 2]
        assert session.run(numbers.lookup(tf.constant([20, 3], tf.int64))).tolist() == [1, -1]
        assert session.run(words.lookup(tf.constant([0], tf.int64))).tolist() == [b"x"]
        assert session.run(vocabulary.lookup(tf.constant(["p", "q"]))).tolist()[0] == 0
        assert session.run([buckets.size(), vocabulary.size()]) == [5, 4]


def test_mutable_table():
    table = lookup.MutableHashTable(tf.string, tf.float32, [0.0, 0.0])
    keys, values = tf.placeholder(tf.string, [None]), tf.placeholder(tf.float32, [None, 2])
    insert = table.insert(keys, values)
    found = table.lookup(keys)
    with tf.Session() as session:
        session.run(insert, {keys: ["a", "b"], values: [[1, 2], [3, 4]]})
        session.run(insert, {keys: ["a"], values: [[5, 6]]})
        got = session.run(found, {keys: ["a", "c", "b"]})
        assert got.tolist() == [[5, 6], [0, 0], [3, 4]]
        session.run(table.remove(["a"]))
        assert session.run(found, {keys: ["a"]}).tolist() == [[0, 0]]
        assert session.run(table.size()) == 1
