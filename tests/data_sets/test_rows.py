"""Batches of elements that are rows of arrays: what is copied, and that nobody's data change."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.data import rows
from graphflow.data.rows import Batches, Row, kept_together, rows_of, side_by_side


def _block(count=10):
    return [np.arange(count * 3.0).reshape(count, 3), np.arange(count)]


def test_rows_in_order_are_a_batch_where_they_lie():
    block = _block()
    elements = list(rows_of(block))
    x, k = Batches().of(elements[2:6])
    assert x.base is not None
    assert np.shares_memory(x, block[0])
    assert k.tolist() == [2, 3, 4, 5]


@pytest.mark.parametrize("places", [[3, 1, 1], [9, 0, 1], [4]])
def test_rows_in_any_order(places):
    block = [*_block(), np.array([b"a%d" % k for k in range(10)], object)]
    elements = list(rows_of(block))
    batch = Batches().of([elements[k] for k in places])
    for column, array in zip(batch, block, strict=True):
        assert column.tolist() == array[places].tolist()


def test_rows_of_several_blocks():
    one, other = (list(rows_of(_block(n))) for n in (4, 3))
    x, k = Batches().of([*one[2:], *other[:2]])
    assert k.tolist() == [2, 3, 0, 1]
    assert x.tolist() == [*_block()[0][2:4].tolist(), *_block()[0][:2].tolist()]


def test_large_batches_take_the_memory_of_those_that_are_gone(monkeypatch):
    monkeypatch.setattr(rows, "LARGE_OUTPUT_BYTES", 16)
    elements = list(rows_of(_block()))[::2]
    batches = Batches()
    first = batches.of(elements)[0]
    second = batches.of(elements)[0]
    assert not np.shares_memory(first, second)
    address = first.ctypes.data
    del first
    assert batches.of(elements)[0].ctypes.data == address


def test_rows_side_by_side_stay_rows():
    one, other = _block(), [np.arange(10) * 2]
    joined = list(side_by_side(zip(rows_of(one), rows_of(other), strict=True)))
    assert all(isinstance(e, Row) for e in joined)
    assert np.shares_memory(Batches().of(joined[4:8])[2], other[0])
    apart = list(side_by_side(zip(rows_of(one), list(rows_of(other))[1:], strict=False)))
    assert not any(isinstance(e, Row) for e in apart)
    assert [int(e[2]) for e in apart] == list(range(2, 20, 2))


def test_what_a_cache_keeps(monkeypatch):
    monkeypatch.setattr(rows, "KEPT_TOGETHER_BYTES", 3 * 32)
    elements = [(np.full(3, k, np.float64), np.int64(k)) for k in range(8)]
    kept = kept_together(list(elements))
    assert [e.place for e in kept] == [0, 1, 2] * 2 + [0, 1]
    assert [int(e[1]) for e in kept] == list(range(8))
    uneven = [(np.zeros(k),) for k in range(3)]
    assert kept_together(uneven) is uneven
    assert kept_together([]) == []


def test_nothing_that_a_caller_does_changes_the_elements():
    x = np.arange(12.0).reshape(6, 2)
    text = np.array([b"a", b"b", b"c", b"d", b"e", b"f"], object)
    data = tf.data.Dataset.from_tensor_slices((x, text)).cache().repeat(3).batch(3)
    following = data.make_one_shot_iterator().get_next()
    with tf.Session() as session:
        for number in range(6):
            found, words = session.run(following)
            place = slice(0, 3) if number % 2 == 0 else slice(3, 6)
            assert found.tolist() == np.arange(12.0).reshape(6, 2)[place].tolist()
            assert words.tolist() == [b"a", b"b", b"c", b"d", b"e", b"f"][place]
            found[...] = -1
            words[...] = b"changed"
