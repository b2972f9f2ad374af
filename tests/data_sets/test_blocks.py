"""Functions of elements that run over a batch at once: the same results as one by one."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.data import functions, walks
from graphflow.data.blocks import BlockFunction


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(walks, "CALLS_BEFORE_BLOCKS", 0)


@pytest.fixture
def blocks(monkeypatch):
    """The sizes of the blocks that were computed."""
    found = []
    call = BlockFunction.__call__

    def noted(self, elements, captured):
        made = call(self, elements, captured)
        found.append(len(elements))
        return made

    monkeypatch.setattr(BlockFunction, "__call__", noted)
    return found


def _batches(make):
    with tf.Graph().as_default():
        tf.set_random_seed(7)
        following = make().make_one_shot_iterator().get_next()
        with tf.Session() as session:
            found = []
            while True:
                try:
                    found.append(session.run(following))
                except tf.errors.OutOfRangeError:
                    return found


def _augmented(x):
    part = tf.random_crop(x, [3, 3, 2], seed=1)
    turned = tf.image.random_flip_left_right(part, seed=2)
    return tf.image.random_brightness(turned, 0.5, seed=3), tf.reduce_sum(turned)


@pytest.mark.parametrize("threads", [None, 3])
def test_draws_are_those_of_calls_one_by_one(monkeypatch, blocks, threads):
    images = np.random.default_rng(0).normal(size=(10, 4, 5, 2)).astype(np.float32)

    def make(threads=None):
        source = tf.data.Dataset.from_tensor_slices(images)
        return source.repeat(2).map(_augmented, threads).batch(4)

    together = _batches(lambda: make(threads))
    assert blocks == [4] * 5
    monkeypatch.setattr(walks, "CALLS_BEFORE_BLOCKS", 1000)
    one_by_one = _batches(make)
    assert len(blocks) == 5
    assert [len(b[0]) for b in together] == [4] * 5
    for made, wanted in zip(together, one_by_one, strict=True):
        for array, known in zip(made, wanted, strict=True):
            np.testing.assert_array_equal(array, known)


def test_the_last_elements_are_computed_one_by_one(blocks):
    found = _batches(lambda: tf.data.Dataset.range(10).map(lambda x: x * 2).repeat(2).batch(4))
    assert blocks == [4, 4, 4, 4]
    np.testing.assert_array_equal(np.concatenate(found), list(range(0, 20, 2)) * 2)


def test_rows_are_shuffled_and_cached(blocks):
    def make():
        source = tf.data.Dataset.range(8).map(lambda x: (x, x * x)).cache()
        return source.shuffle(8, seed=1).repeat(3).batch(4)

    found = _batches(make)
    assert blocks == [4, 4]
    for numbers, squares in found:
        np.testing.assert_array_equal(numbers * numbers, squares)
    assert sorted(np.concatenate([b[0] for b in found])) == sorted(list(range(8)) * 3)


def test_values_of_the_graph_around_are_read(blocks):
    def make():
        factor = tf.constant(3, tf.int64)
        return tf.data.Dataset.range(4).map(lambda x: x * factor).batch(4)

    np.testing.assert_array_equal(_batches(make)[0], [0, 3, 6, 9])
    assert blocks == [4]


def test_an_element_that_fails_fails_in_its_batch(blocks):
    def make():
        def checked(x):
            with tf.control_dependencies([tf.assert_less(x, np.int64(6))]):
                return x + 1

        return tf.data.Dataset.range(8).map(checked).batch(4)

    with tf.Graph().as_default(), tf.Session() as session:
        following = make().make_one_shot_iterator().get_next()
        np.testing.assert_array_equal(session.run(following), [1, 2, 3, 4])
        with pytest.raises(tf.errors.InvalidArgumentError, match="assertion failed"):
            session.run(following)
    assert blocks == [4]


def test_functions_of_python_are_called_one_by_one(blocks):
    def doubled(x):
        made = tf.py_func(lambda v: v * 2, [x], tf.int64)
        made.set_shape([])
        return made

    found = _batches(lambda: tf.data.Dataset.range(9).map(doubled).batch(4))
    assert blocks == []
    np.testing.assert_array_equal(np.concatenate(found), np.arange(0, 18, 2))


def test_no_more_is_read_ahead_than_a_batch():
    read = []

    def numbers():
        for k in range(100):
            read.append(k)
            yield k

    with tf.Graph().as_default(), tf.Session() as session:
        source = tf.data.Dataset.from_generator(numbers, tf.int64, [])
        following = source.map(lambda x: x + 1).batch(4).make_one_shot_iterator().get_next()
        session.run(following)
        assert len(read) == 4


def test_few_elements_are_not_worth_compiling_for(monkeypatch, blocks):
    monkeypatch.setattr(walks, "CALLS_BEFORE_BLOCKS", functions.CALLS_BEFORE_BLOCKS)
    _batches(lambda: tf.data.Dataset.range(9).map(lambda x: x + 1).batch(4))
    assert blocks == []


def test_what_is_handed_out_is_not_what_is_kept():
    with tf.Graph().as_default(), tf.Session() as session:
        kept = tf.data.Dataset.range(4).map(lambda x: x + 1).cache().repeat().batch(4)
        following = kept.make_one_shot_iterator().get_next()
        session.run(following)[:] = 0
        session.run(following)[:] = 0
        np.testing.assert_array_equal(session.run(following), [1, 2, 3, 4])
        session.run(tf.negative(following))
        np.testing.assert_array_equal(session.run(following), [1, 2, 3, 4])
