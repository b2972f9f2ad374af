"""Queues, queue runners, coordinators, readers."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import graphflow as tf


@pytest.fixture(autouse=True)
def fresh_graph():
    with tf.Graph().as_default():
        yield


def test_order_size_and_end():
    queue = tf.FIFOQueue(10, [tf.float32, tf.string], [[2], []])
    assert queue.name == "fifo_queue"
    put = queue.enqueue(([1.0, 2.0], "a"))
    many = queue.enqueue_many(([[3.0, 4.0], [5.0, 6.0]], ["b", "c"]))
    x, text = queue.dequeue()
    two = queue.dequeue_many(2)
    rest = queue.dequeue_up_to(3)
    assert x.shape.as_list() == [2]
    assert two[0].shape.as_list() == [2, 2]
    size, close = queue.size(), queue.close()
    with tf.Session() as session, tf.Session() as other:
        session.run(put)
        session.run(many)
        assert session.run(size) == 3
        assert other.run(size) == 0
        assert session.run([x, text])[1] == b"a"
        assert session.run(two)[1].tolist() == [b"b", b"c"]
        session.run(put)
        session.run(close)
        assert len(session.run(rest)[0]) == 1
        with pytest.raises(tf.errors.OutOfRangeError, match="insufficient elements"):
            session.run(x)
        with pytest.raises(tf.errors.CancelledError):
            session.run(put)


def test_waiting_for_another_thread():
    queue = tf.FIFOQueue(1, tf.int32, [])
    value = tf.placeholder(tf.int32, [])
    put, taken = queue.enqueue(value), queue.dequeue()
    found = []
    with tf.Session() as session:
        reader = threading.Thread(
            target=lambda: found.extend(int(session.run(taken)) for _ in range(5))
        )
        reader.start()
        for k in range(5):
            session.run(put, {value: k})
        reader.join(10)
    assert found == [0, 1, 2, 3, 4]


def test_shuffling_and_padding():
    drawn = tf.RandomShuffleQueue(100, 0, tf.int32, [], seed=1)
    fill = drawn.enqueue_many([list(range(20))])
    all_ = drawn.dequeue_many(20)
    padded = tf.PaddingFIFOQueue(10, tf.int32, [[None]])
    puts = [padded.enqueue([[1]]), padded.enqueue([[1, 2, 3]])]
    pair = padded.dequeue_many(2)
    with tf.Session() as session:
        session.run(fill)
        order = session.run(all_).tolist()
        assert sorted(order) == list(range(20))
        assert order != sorted(order)
        for put in puts:
            session.run(put)
        assert session.run(pair).tolist() == [[1, 0, 0], [1, 2, 3]]


def all_of(session, fetches):
    """What runs give until the data ends."""
    found = []
    while True:
        try:
            found.append(session.run(fetches))
        except tf.errors.OutOfRangeError:
            return found


def test_batches_by_queue_runners():
    x, y = tf.train.slice_input_producer(
        [np.arange(6, dtype="f"), np.arange(6) * 2], num_epochs=20, shuffle=False
    )
    batch = tf.train.batch([x, y], 4, allow_smaller_final_batch=True)
    shuffled = tf.train.shuffle_batch([x * 1.0], 2, capacity=20, min_after_dequeue=2, seed=1)
    assert shuffled.shape.as_list() == [2] if not isinstance(shuffled, list) else True
    coordinator = tf.train.Coordinator()
    with tf.Session() as session:
        session.run(tf.local_variables_initializer())
        threads = tf.train.start_queue_runners(session, coordinator)
        found = all_of(session, batch)
        coordinator.request_stop()
        coordinator.join(threads)
    assert all((2 * a == b).all() for a, b in found)
    assert len(found) >= 1


def test_readers(tmp_path):
    names = []
    for k in range(2):
        names.append(str(tmp_path / f"{k}.csv"))
        (tmp_path / f"{k}.csv").write_text(f"head\n{k},1\n{k},2\n")
    files = tf.train.string_input_producer(names, num_epochs=1, shuffle=False)
    key, line = tf.TextLineReader(skip_header_lines=1).read(files)
    coordinator = tf.train.Coordinator()
    with tf.Session() as session:
        session.run(tf.local_variables_initializer())
        threads = tf.train.start_queue_runners(session, coordinator)
        found = all_of(session, [key, line])
        coordinator.request_stop()
        coordinator.join(threads)
    assert [row for _, row in found] == [b"0,1", b"0,2", b"1,1", b"1,2"]
    assert found[0][0] == f"{names[0]}:2".encode()


def test_errors_reach_the_coordinator():
    queue = tf.FIFOQueue(5, tf.float32, [])
    bad = queue.enqueue(tf.py_func(lambda: np.float32(1 / 0), [], tf.float32))
    tf.train.add_queue_runner(tf.train.QueueRunner(queue, [bad]))
    coordinator = tf.train.Coordinator()
    with tf.Session() as session:
        threads = tf.train.start_queue_runners(session, coordinator)
        with pytest.raises(tf.errors.UnknownError, match="ZeroDivisionError"):
            coordinator.join(threads)


def test_a_batch_of_lists():
    columns = [tf.constant(1.0), tf.constant(2.0), tf.constant(3.0)]
    x, y = tf.train.batch([columns[:2], columns[2:]], 4)
    assert [x.shape.as_list(), y.shape.as_list()] == [[4, 2], [4, 1]]


def test_the_variable_of_matched_names_has_the_scope_s_name(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    names = tf.train.match_filenames_once(str(tmp_path / "*.txt"))
    assert names.name == "matching_filenames:0"
    with tf.Session() as session:
        session.run(tf.local_variables_initializer())
        assert session.run(names).tolist() == [str(tmp_path / "a.txt").encode()]


def test_a_queue_of_a_list_is_chosen_in_the_run() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        first = tf.FIFOQueue(3, tf.float32, shapes=[(2, 3)])
        second = tf.FIFOQueue(3, tf.float32, shapes=[(2, 4)])
        place = tf.placeholder(tf.int32, [])
        chosen = tf.QueueBase.from_list(place, [first, second])
        assert chosen.shapes[0].as_list() == [2, None]
        session.run(chosen.enqueue(tf.ones([2, 3])), {place: 0})
        session.run(second.enqueue_many(tf.zeros([2, 2, 4])))
        assert session.run([first.size(), second.size()]) == [1, 2]
        size, taken, rows = chosen.size(), chosen.dequeue(), chosen.dequeue_many(1)
        assert taken.shape.as_list() == [2, None]
        assert rows.shape.as_list() == [1, 2, None]
        assert session.run(size, {place: 1}) == 2
        assert session.run(taken, {place: 1}).shape == (2, 4)
        assert session.run(rows, {place: 1}).shape == (1, 2, 4)
        assert session.run(taken, {place: 0}).tolist() == [[1.0] * 3] * 2
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"is not in \[0, 2\)"):
            session.run(size, {place: 5})
        other = tf.FIFOQueue(3, tf.int32)
        for queues, text in (([], "list of queues"), ([first, 3], "list"), ([first, other], "dty")):
            with pytest.raises(TypeError, match=text):
                tf.QueueBase.from_list(place, queues)


def test_operations_are_named_and_counted_as_tensorflows():
    """So that what draws behind them has its seeds; recorded from 1.15.5."""
    graph = tf.get_default_graph()

    def names(since):
        return [op.name for op in graph.get_operations()][since:]

    queue = tf.train.string_input_producer(["a"], num_epochs=2, shuffle=False, name="files")
    _, text = tf.TextLineReader().read(queue)
    assert names(8) == [
        "files/limit_epochs/Const", "files/limit_epochs/epochs",
        "files/limit_epochs/epochs/Assign", "files/limit_epochs/epochs/read",
        "files/limit_epochs/CountUpTo", "files/limit_epochs", "files",
        "files/files_EnqueueMany", "files/files_Close", "files/files_Close_1",
        "files/files_Size", "files/Cast", "files/mul/y", "files/mul",
        "files/fraction_of_32_full/tags", "files/fraction_of_32_full", "TextLineReaderV2",
        "ReaderReadV2",
    ]  # fmt: skip
    count = len(names(0))
    tf.train.shuffle_batch([text], 3, 100, 10)
    assert names(count) == [f"shuffle_batch{name}" for name in (
        "/Const", "/random_shuffle_queue", "/random_shuffle_queue_enqueue",
        "/random_shuffle_queue_Close", "/random_shuffle_queue_Close_1",
        "/random_shuffle_queue_Size", "/sub/y", "/sub", "/Maximum/x", "/Maximum", "/Cast",
        "/mul/y", "/mul", "/fraction_over_10_of_90_full/tags", "/fraction_over_10_of_90_full",
        "/n", "",
    )]  # fmt: skip
    count = len(names(0))
    tf.train.batch_join([[text], [text]], 3, dynamic_pad=True, allow_smaller_final_batch=True)
    queue = "batch_join/padding_fifo_queue"
    assert names(count) == [
        "batch_join/Const", queue, f"{queue}_enqueue", f"{queue}_enqueue_1", f"{queue}_Close",
        f"{queue}_Close_1", f"{queue}_Size", "batch_join/Cast", "batch_join/mul/y",
        "batch_join/mul", "batch_join/fraction_of_32_full/tags",
        "batch_join/fraction_of_32_full", "batch_join/n", "batch_join",
    ]  # fmt: skip
