"""Data sets of the elements that have one key."""

from __future__ import annotations

import numpy as np
import pytest

import graphflow as tf


def values_of(dataset):
    element, found = dataset.make_one_shot_iterator().get_next(), []
    with tf.Session() as session:
        try:
            while True:
                row = session.run(element)
                found.append([np.asarray(v).tolist() for v in np.atleast_2d(row)])
        except tf.errors.OutOfRangeError:
            return found


def test_elements_in_windows_of_one_key():
    group = tf.data.experimental.group_by_window
    with tf.Graph().as_default():
        pairs = tf.data.Dataset.range(10).map(lambda i: (i, i * 10))
        made = pairs.apply(
            group(lambda i, j: i % 3, lambda key, part: part.batch(3), window_size=3)
        )
        assert values_of(made) == [
            [[0, 3, 6], [0, 30, 60]], [[1, 4, 7], [10, 40, 70]], [[2, 5, 8], [20, 50, 80]],
            [[9], [90]],
        ]  # fmt: skip
    with tf.Graph().as_default():
        made = tf.data.Dataset.range(7).apply(
            group(
                lambda i: i % 2, lambda key, part: part.batch(4).map(lambda v: v + key * 100),
                window_size_func=lambda key: key + 1,
            )
        )  # fmt: skip
        assert values_of(made) == [[[0]], [[2]], [[101, 103]], [[4]], [[6]], [[105]]]
    with pytest.raises(ValueError, match="either window_size or window_size_func"):
        group(lambda i: i, lambda key, part: part)
