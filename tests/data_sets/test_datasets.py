"""Data sets and their iterators."""

from __future__ import annotations

import gzip
import threading

import numpy as np
import pytest

import graphflow as tf
from graphflow.checkpoint.records import RecordWriter

Dataset = tf.data.Dataset


@pytest.fixture(autouse=True)
def fresh_graph():
    with tf.Graph().as_default():
        yield


def elements(dataset, limit=100):
    """All elements, by a one-shot iterator."""
    following = dataset.make_one_shot_iterator().get_next()
    found = []
    with tf.Session() as session:
        for _ in range(limit):
            try:
                found.append(session.run(following))
            except tf.errors.OutOfRangeError:
                return found
    return found


def numbers(dataset):
    return [v.tolist() for v in elements(dataset)]


def test_sources():
    assert numbers(Dataset.range(3)) == [0, 1, 2]
    assert numbers(Dataset.range(7, 1, -3)) == [7, 4]
    assert numbers(Dataset.from_tensors([1, 2])) == [[1, 2]]
    assert numbers(Dataset.from_tensor_slices([[1, 2], [3, 4]])) == [[1, 2], [3, 4]]
    pairs = elements(Dataset.zip((Dataset.range(2), Dataset.range(5, 9))))
    assert pairs == [(0, 5), (1, 6)]
    named = elements(Dataset.from_tensor_slices({"a": [1, 2], "b": ["x", "y"]}))
    assert named == [{"a": 1, "b": b"x"}, {"a": 2, "b": b"y"}]
    with pytest.raises(ValueError, match="rank"):
        Dataset.from_tensor_slices(3)


def test_order_and_number():
    base = Dataset.range(6)
    assert numbers(base.take(2)) == [0, 1]
    assert numbers(base.skip(4)) == [4, 5]
    assert numbers(base.shard(3, 1)) == [1, 4]
    assert numbers(base.take(2).repeat(2)) == [0, 1, 0, 1]
    assert numbers(base.concatenate(Dataset.range(9, 10)))[-2:] == [5, 9]
    assert numbers(base.batch(4)) == [[0, 1, 2, 3], [4, 5]]
    assert numbers(base.batch(4, drop_remainder=True)) == [[0, 1, 2, 3]]
    assert numbers(base.batch(2).unbatch()) == [0, 1, 2, 3, 4, 5]
    assert [k for k, _ in elements(base.enumerate(3))] == [3, 4, 5, 6, 7, 8]
    assert numbers(base.prefetch(2)) == [0, 1, 2, 3, 4, 5]
    assert numbers(base.cache().repeat(2)) == [0, 1, 2, 3, 4, 5] * 2


def test_shuffle():
    once = numbers(Dataset.range(50).shuffle(20, seed=3))
    assert sorted(once) == list(range(50))
    assert once != sorted(once)
    assert once == numbers(Dataset.range(50).shuffle(20, seed=3))
    twice = numbers(Dataset.range(30).shuffle(30, seed=3).repeat(2))
    assert twice[:30] != twice[30:]
    same = numbers(Dataset.range(30).shuffle(30, seed=3, reshuffle_each_iteration=False).repeat(2))
    assert same[:30] == same[30:]


@pytest.mark.parametrize("threads", [None, 3])
def test_map_captures_and_filter(threads):
    factor = tf.constant(3, tf.int64)
    mapped = Dataset.range(20).map(lambda v: v * factor, num_parallel_calls=threads)
    assert numbers(mapped.filter(lambda v: tf.equal(v % 2, 0))) == list(range(0, 60, 6))


def test_flat_map_and_interleave():
    assert numbers(Dataset.range(4).flat_map(Dataset.range)) == [0, 0, 1, 0, 1, 2]
    rows = Dataset.range(3).interleave(
        lambda v: Dataset.from_tensors(v).repeat(3), cycle_length=2, block_length=2
    )
    assert sorted(numbers(rows)) == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert numbers(rows)[:4] == [0, 0, 1, 1]


def test_generator_padding_and_reduce():
    def rows():
        for k in range(4):
            yield k, [1.0] * k

    dataset = Dataset.from_generator(rows, (tf.int32, tf.float32), ([], [None]))
    (first, padded), second = elements(dataset.padded_batch(2, ([], [None])))
    assert first.tolist() == [0, 1]
    assert padded.tolist() == [[0.0], [1.0]]
    assert second[1].shape == (2, 3)
    total = Dataset.range(5).reduce(np.int64(0), lambda s, v: s + v)
    wrong = Dataset.from_generator(lambda: iter(["a"]), tf.int32)
    with tf.Session() as session:
        assert session.run(total) == 10
        with pytest.raises(tf.errors.InvalidArgumentError, match="could not be converted"):
            session.run(wrong.make_one_shot_iterator().get_next())


def test_iterators():
    x = tf.placeholder(tf.float32, [None, 2])
    fed = Dataset.from_tensor_slices(x).batch(2).make_initializable_iterator()
    following = fed.get_next()
    either = tf.data.Iterator.from_structure(tf.int64, [])
    train, test = (either.make_initializer(Dataset.range(*r)) for r in ((3,), (10, 13)))
    value = either.get_next()
    with tf.Session() as session, tf.Session() as other:
        with pytest.raises(tf.errors.FailedPreconditionError, match="not been initialized"):
            session.run(following)
        for rows in (4, 3):
            session.run(fed.initializer, {x: np.ones([rows, 2])})
            assert [len(session.run(following)) for _ in range(2)] == [2, rows - 2]
            with pytest.raises(tf.errors.OutOfRangeError):
                session.run(following)
        session.run(train)
        other.run(test)
        assert [session.run(value), other.run(value), session.run(value)] == [0, 10, 1]
    with pytest.raises(TypeError, match="types"):
        either.make_initializer(Dataset.from_tensors(1.0))
    with pytest.raises(ValueError, match="initializer"):
        _ = Dataset.range(2).make_one_shot_iterator().initializer


def test_fed_handle():
    handle = tf.placeholder(tf.string, [])
    value = tf.data.Iterator.from_string_handle(handle, tf.int64, []).get_next()
    handles = [Dataset.range(k, k + 5).make_one_shot_iterator().string_handle() for k in (0, 100)]
    with tf.Session() as session:
        first, second = session.run(handles)
        fed = [first, second, first, second]
        assert [session.run(value, {handle: h}) for h in fed] == [0, 100, 1, 101]


def test_training_from_a_data_set():
    data = Dataset.from_tensor_slices((np.arange(8.0, dtype="f"), 3 * np.arange(8.0, dtype="f")))
    x, y = data.repeat().batch(3).make_one_shot_iterator().get_next()
    w = tf.Variable(0.0)
    step = tf.train.GradientDescentOptimizer(0.01).minimize(tf.reduce_mean((w * x - y) ** 2))
    with tf.Session() as session:
        session.run(w.initializer)
        for _ in range(60):
            session.run(step)
        assert abs(session.run(w) - 3) < 1e-3


def test_files(tmp_path):
    plain, packed, records = (str(tmp_path / n) for n in ("a.txt", "b.gz", "c.rec"))
    with open(plain, "w") as file:
        file.write("one\ntwo\r\n")
    with gzip.open(packed, "wb") as file:
        file.write(b"three\n")
    with RecordWriter(records) as writer:
        writer.write(b"r1")
        writer.write(b"")
    assert elements(tf.data.TextLineDataset(plain)) == [b"one", b"two"]
    assert elements(tf.data.TextLineDataset([packed], "GZIP")) == [b"three"]
    assert elements(tf.data.TFRecordDataset(records)) == [b"r1", b""]
    assert elements(tf.data.FixedLengthRecordDataset(plain, 3, 0, 3))[0] == b"one"
    with pytest.raises(tf.errors.NotFoundError):
        elements(tf.data.TextLineDataset(str(tmp_path / "none")))
    with open(records, "r+b") as file:
        file.seek(12)
        file.write(b"R")
    with pytest.raises(tf.errors.DataLossError):
        elements(tf.data.TFRecordDataset(records))


def test_errors_in_a_prefetched_function_and_the_end_of_its_thread():
    before = threading.active_count()
    bad = Dataset.range(9).map(lambda v: tf.gather([1, 2], v)).prefetch(2)
    with pytest.raises(tf.errors.InvalidArgumentError):
        elements(bad)
    assert threading.active_count() <= before + 4


def test_padding_values_of_the_run():
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(["end"], np.array([9])), -1
    )
    end = tf.cast(table.lookup(tf.constant("end")), tf.int32)
    rows = tf.data.Dataset.range(1, 5).map(lambda n: tf.fill([tf.cast(n, tf.int32)], 1))
    padded = rows.padded_batch(2, [None], padding_values=end)
    grouped = rows.apply(
        tf.data.experimental.group_by_window(
            lambda row: tf.cast(tf.size(row) % 2, tf.int64),
            lambda _, window: window.padded_batch(2, [None], padding_values=end), window_size=2,
        )
    )  # fmt: skip
    bucketed = rows.apply(
        tf.data.experimental.bucket_by_sequence_length(tf.size, [3], [2, 2], padding_values=end)
    )
    iterators = [d.make_initializable_iterator() for d in (padded, grouped, bucketed)]
    following = [iterator.get_next() for iterator in iterators]
    with tf.Session() as session:
        session.run(tf.tables_initializer())
        session.run([iterator.initializer for iterator in iterators])
        found = [value.tolist() for value in session.run(following)]
    assert found == [[[1, 9], [1, 1]], [[1, 9, 9], [1, 1, 1]], [[1, 9], [1, 1]]]


def drawn(make, seed=None, walks=1):
    """The elements of a data set, for each of so many times that its iterator is initialised."""
    with tf.Graph().as_default(), tf.Session() as session:
        if seed is not None:
            tf.set_random_seed(seed)
        iterator = make().make_initializable_iterator()
        following, found = iterator.get_next(), []
        for _ in range(walks):
            session.run(iterator.initializer)
            try:
                while len(found) < 24:
                    found += np.ravel(session.run(following)).tolist()
            except tf.errors.OutOfRangeError:
                pass
        return found


def counted(count=6):
    return tf.data.Dataset.range(count)


@pytest.mark.parametrize(
    ("make", "seed", "wanted"),
    [
        (lambda: counted(10).shuffle(4, seed=3), None, [0, 3, 2, 1, 4, 7, 6, 5, 8, 9]),
        (lambda: counted(10).shuffle(4, seed=3), 7, [3, 0, 1, 4, 6, 5, 9, 8, 2, 7]),
        (
            lambda: counted(10).shuffle(20, 3, reshuffle_each_iteration=False), 7,
            [3, 4, 2, 9, 8, 5, 1, 6, 7, 0],
        ),
        (
            lambda: counted().shuffle(3, seed=5).repeat(3), None,
            [1, 3, 2, 5, 4, 0, 1, 3, 4, 0, 5, 2, 1, 0, 3, 2, 5, 4],
        ),
        (
            lambda: counted().shuffle(3, 5, reshuffle_each_iteration=False).repeat(2), None,
            [1, 3, 2, 5, 4, 0, 1, 3, 2, 5, 4, 0],
        ),
        (
            lambda: counted().shuffle(3, seed=5).map(lambda x: x + 0).repeat(2), None,
            [1, 3, 4, 5, 0, 2, 2, 1, 0, 4, 5, 3],
        ),
        (
            lambda: counted().repeat(2).shuffle(3, seed=5), None,
            [1, 3, 4, 5, 2, 1, 2, 0, 0, 3, 5, 4],
        ),
    ],
)  # fmt: skip
def test_shuffled_orders_are_tensorflows(make, seed, wanted):
    assert drawn(make, seed) == wanted


def test_shuffled_orders_begin_anew_with_the_iterator():
    found = drawn(lambda: counted(10).shuffle(4, seed=3), walks=2)
    assert found[:10] == found[10:]
    endless = drawn(lambda: counted().shuffle(1, seed=3).repeat())
    assert endless == [*range(6)] * 4
    assert drawn(lambda: counted(0).shuffle(2, seed=3).repeat()) == []
    assert sorted(drawn(lambda: counted(9).shuffle(4))) == [*range(9)]
