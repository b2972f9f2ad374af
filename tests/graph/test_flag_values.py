"""Flags as programs of the time look at them, and sparse placeholders of a tensor's shape."""

from __future__ import annotations

import graphflow as tf


def test_all_flags_with_their_values():
    flags = tf.flags.FlagValues()
    flags._define("depth", 3, "how deep", type=int)
    found = getattr(flags, "__flags")
    assert {name: flag.value for name, flag in found.items()} == {"depth": 3}
    assert flags.flag_values_dict() == {"depth": 3}


def test_the_shape_of_a_sparse_placeholder_may_be_a_tensor():
    with tf.Graph().as_default(), tf.Session() as session:
        shape = tf.constant([3, 4], dtype=tf.int64)
        fed = tf.sparse_placeholder(tf.float32, shape=shape)
        assert fed.dense_shape is shape
        total = tf.reduce_sum(fed.values)
        assert session.run(total, {fed.values: [1.0, 2.0]}) == 3.0
