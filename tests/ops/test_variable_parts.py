"""Variables in parts: `create_partitioned_variables`, and constants that are split."""

from __future__ import annotations

import numpy as np
import pytest

import graphflow as tf

WHOLE = np.arange(8, dtype=np.float32).reshape(2, 4)


def _values(variables):
    with tf.Session() as session:
        session.run([v.initializer for v in variables])
        return session.run(list(variables))


@pytest.fixture(autouse=True)
def _graph():
    with tf.Graph().as_default():
        yield


def test_a_constant_is_split():
    halves = tf.fixed_size_partitioner(2, axis=1)
    parts = tf.get_variable("a", initializer=tf.constant(WHOLE), partitioner=halves)
    assert [v.name for v in parts] == ["a/part_0:0", "a/part_1:0"]
    np.testing.assert_array_equal(np.concatenate(_values(parts), 1), WHOLE)


def test_names_slices_and_reuse():
    parts = tf.create_partitioned_variables([2, 4], [1, 3], tf.constant(WHOLE), name="w")
    assert [v.name for v in parts] == ["w/part_0:0", "w/part_1:0", "w/part_2:0"]
    assert [v._get_save_slice_info().spec for v in parts] == [
        "2 4 0,2:0,2", "2 4 0,2:2,1", "2 4 0,2:3,1",
    ]  # fmt: skip
    np.testing.assert_array_equal(np.concatenate(_values(parts), 1), WHOLE)
    again = tf.create_partitioned_variables([2, 4], [1, 3], None, name="w", reuse=True)
    assert again == parts
    for name in ("PartitionedVariable", "PartitionedVariable_1"):
        (made,) = tf.create_partitioned_variables(
            [3], [1], tf.zeros_initializer(), tf.int32, trainable=False
        )
        assert made.name == f"{name}/part_0:0"
    assert tf.trainable_variables() == parts


@pytest.mark.parametrize(
    ("shape", "slicing", "text"),
    [
        ([2, 4], [2], "must have the length"),
        ([], [], "rank at least 1"),
        ([2, 4], [2, 2], "along one dimension"),
    ],
)
def test_what_cannot_be_split(shape, slicing, text):
    with pytest.raises(ValueError, match=text):
        tf.create_partitioned_variables(shape, slicing, tf.zeros_initializer())
