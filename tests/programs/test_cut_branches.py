"""Branches inside branches whose results differ in shape, so that a run is cut at predicates."""

import numpy as np
import pytest

import graphflow as tf


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (1, 0, 3, 2), (2, 1, 3, 0, 1, 2)])
def test_nested_branches_of_several_shapes(order) -> None:
    x = np.arange(6.0).reshape(2, 3)
    k, image = tf.placeholder(tf.int32, []), tf.constant(x)
    y = tf.cond(
        tf.equal(k, 1), lambda: tf.transpose(image),
        lambda: tf.cond(tf.equal(k, 2), lambda: image * 2, lambda: tf.transpose(image) * 3),
    )  # fmt: skip
    wanted = {0: x.T * 3, 1: x.T, 2: x * 2, 3: x.T * 3}
    with tf.Session() as session:
        for value in order:
            np.testing.assert_array_equal(session.run(y, {k: value}), wanted[value])


def test_turning_an_image_by_angles_that_only_the_run_knows() -> None:
    pixels = np.arange(24).reshape(2, 4, 3)
    k = tf.placeholder(tf.int32, [])
    turned = tf.image.rot90(tf.constant(pixels), k)
    with tf.Session() as session:
        for value in (1, 0, 2, 3, 1):
            found = session.run(turned, {k: value})
            np.testing.assert_array_equal(found, np.rot90(pixels, value))
