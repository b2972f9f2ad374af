"""Data sets count for the operations that they are in TensorFlow; recorded from 1.15.5."""

import numpy as np
import pytest

import graphflow as tf

D = tf.data.Dataset
E = tf.data.experimental
COUNTS = {
    "from_tensors": (2, lambda d: D.from_tensors({"a": np.ones(3)})),
    "slices": (3, lambda d: D.from_tensor_slices(([1, 2, 3], [4, 5, 6]))),
    "range": (4, lambda d: D.range(3)),
    "range of three": (4, lambda d: D.range(1, 3, 2)),
    "generator": (4, lambda d: D.from_generator(lambda a: [a], tf.int32, args=(3,))),
    "files": (26, lambda d: D.list_files("*.py")),
    "files in order": (16, lambda d: D.list_files("*.py", shuffle=False)),
    "files with a seed": (33, lambda d: D.list_files("*.py", seed=3)),
    "zip": (1, lambda d: D.zip((d, d))),
    "concatenate": (1, lambda d: d.concatenate(d)),
    "map": (1, lambda d: d.map(lambda x: tf.random_uniform([]))),
    "map on threads": (2, lambda d: d.map(lambda x: x, num_parallel_calls=2)),
    "filter": (1, lambda d: d.filter(lambda x: x > 1)),
    "flat_map": (1, lambda d: d.flat_map(D.from_tensors)),
    "interleave": (3, lambda d: d.interleave(D.from_tensors, 2)),
    "batch": (3, lambda d: d.batch(2)),
    "padded_batch": (5, lambda d: d.padded_batch(2, [])),
    "padded_batch of two": (8, lambda d: D.zip((d, d)).padded_batch(2, ([], []), (0, 1))),
    "shuffle": (4, lambda d: d.shuffle(3)),
    "shuffle with a seed": (11, lambda d: d.shuffle(3, seed=1)),
    "repeat": (2, lambda d: d.repeat()),
    "prefetch": (2, lambda d: d.prefetch(1)),
    "cache": (2, lambda d: d.cache()),
    "take": (2, lambda d: d.take(1)),
    "shard": (3, lambda d: d.shard(2, 0)),
    "enumerate": (5, lambda d: d.enumerate()),
    "window": (5, lambda d: d.window(2)),
    "map_and_batch": (4, lambda d: d.apply(E.map_and_batch(lambda x: x, 2))),
    "shuffle_and_repeat": (5, lambda d: d.apply(E.shuffle_and_repeat(3))),
    "ignore_errors": (1, lambda d: d.apply(E.ignore_errors())),
    "lines": (5, lambda d: tf.data.TextLineDataset("a")),
    "records": (5, lambda d: tf.data.TFRecordDataset("a", "GZIP")),
    "records of one length": (5, lambda d: tf.data.FixedLengthRecordDataset(["a"], 3, 1, 1)),
    "csv": (11, lambda d: E.CsvDataset(["a"], [tf.float32, 0])),
    "one-shot iterator": (3, lambda d: d.make_one_shot_iterator().get_next()),
    "iterator": (7, lambda d: d.make_initializable_iterator().get_next()),
    "iterator of a structure": (3, lambda d: _structured(d)),
}


def _structured(d):
    return tf.data.Iterator.from_structure(tf.int32, []).make_initializer(d)


@pytest.mark.parametrize("name", COUNTS)
def test_operations_are_counted(name):
    count, make = COUNTS[name]
    with tf.Graph().as_default() as graph:
        d = tf.data.Dataset.from_tensor_slices([1, 2, 3])
        before = graph._last_id
        make(d)
        assert graph._last_id - before == count


def test_draws_behind_a_pipeline():
    """The first values of a variable behind it are TensorFlow's."""
    with tf.Graph().as_default():
        tf.set_random_seed(777)
        data = tf.data.Dataset.from_tensor_slices([1.0, 2.0]).shuffle(2).repeat().batch(2)
        data.prefetch(1).make_one_shot_iterator().get_next()
        with tf.Session() as session:
            drawn = session.run(tf.random_uniform([2]))
        np.testing.assert_array_equal(
            drawn, np.array([0.28199589252471924, 0.3318825960159302], np.float32)
        )
