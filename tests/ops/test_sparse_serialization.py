"""Sparse tensors as texts and back."""

import numpy as np
import pytest

import graphflow as tf

INDICES = np.array([[0, 1, 2], [1, 0, 0], [3, 1, 1]], np.int64)


def _sparse(values=(1.0, 2.0, 3.0)):
    return tf.SparseTensor(INDICES, np.float32(values), [4, 2, 3])


def test_one_sparse_tensor_there_and_back() -> None:
    texts = tf.serialize_sparse(_sparse())
    assert texts.shape.as_list() == [3]
    one = tf.io.deserialize_many_sparse(tf.stack([texts, texts]), tf.float32, rank=4)
    assert one.indices.shape.as_list() == [None, 4]
    with tf.Session() as session:
        found = session.run(one)
        plain = session.run(tf.raw_ops.DeserializeSparse(serialized_sparse=texts, dtype=tf.float32))
        proto = session.run(tf.io.parse_tensor(texts[0], tf.int64))
    assert found.dense_shape.tolist() == [2, 4, 2, 3]
    assert found.values.tolist() == [1, 2, 3, 1, 2, 3]
    assert found.indices[3].tolist() == [1, 0, 1, 2]
    np.testing.assert_array_equal(plain.sparse_indices, INDICES)
    np.testing.assert_array_equal(proto, INDICES)


def test_rows_of_a_sparse_tensor() -> None:
    rows = tf.serialize_many_sparse(_sparse())
    again = tf.deserialize_many_sparse(rows, tf.float32)
    some = tf.deserialize_many_sparse(tf.gather(rows, [3, 0]), tf.float32)
    with tf.Session() as session:
        assert session.run(rows).shape == (4, 3)
        found, picked = session.run([again, some])
    np.testing.assert_array_equal(found.indices, INDICES)
    assert found.dense_shape.tolist() == [4, 2, 3]
    assert picked.indices.tolist() == [[0, 1, 1], [1, 1, 2]]
    assert picked.values.tolist() == [3, 1]


def test_what_is_wrong_is_told() -> None:
    texts = tf.serialize_sparse(_sparse())
    other = tf.serialize_sparse(tf.SparseTensor([[0]], np.float32([1]), [2]))
    with tf.Session() as session:
        for wrong, dtype, text in (
            (texts[None], tf.int32, "Type mismatch"),
            (tf.stack([texts, other]), tf.float32, "rank"),
            ([["a", "b", "c"]], tf.float32, "TensorProto"),
        ):  # fmt: skip
            with pytest.raises(tf.errors.InvalidArgumentError, match=text):
                session.run(tf.deserialize_many_sparse(wrong, dtype))
    with pytest.raises(ValueError, match="should be > 1"):
        tf.serialize_many_sparse(tf.SparseTensor([[0]], np.float32([1]), [2]))
