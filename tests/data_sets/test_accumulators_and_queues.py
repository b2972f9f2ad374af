"""Sparse accumulators, queues in order of priority, and what waits when a queue is closed."""

import threading
import time

import numpy as np
import pytest

import graphflow as tf


def _join(threads) -> None:
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


def test_sparse_gradients_are_averaged_by_row() -> None:
    store = tf.SparseConditionalAccumulator(tf.float32, [4, 2])
    first = store.apply_grad([0, 2], [[1.0, 1], [2, 2]], [4, 2])
    second = store.apply_indexed_slices_grad(
        tf.IndexedSlices(tf.constant([[3.0, 5]]), tf.constant([2], tf.int64))
    )
    stale = store.apply_grad([0], [[9.0, 9]], local_step=-1)
    with tf.Session() as session:
        session.run([first, second, stale])
        assert session.run(store.num_accumulated()) == 2
        indices, values, shape = session.run(store.take_grad(2))
        np.testing.assert_array_equal(indices, [0, 2])
        np.testing.assert_array_equal(values, [[1, 1], [2.5, 3.5]])
        np.testing.assert_array_equal(shape, [4, 2])
        session.run(first)  # of step 0, which is over
        assert session.run(store.num_accumulated()) == 0
        session.run(store.apply_grad([1], [[1.0, 2]], local_step=1))
        found = session.run(store.take_indexed_slices_grad(1))
        assert found.indices.tolist() == [1]


def test_sums_of_sparse_gradients_and_what_does_not_fit() -> None:
    store = tf.SparseConditionalAccumulator(tf.float64, [3, None], reduction_type="SUM")
    with tf.Session() as session:
        session.run(store.apply_grad([1, 1], [[1.0], [2]]))
        session.run(store.apply_grad([1], [[4.0]]))
        assert session.run(store.take_grad(1))[1].tolist() == [[7]]
        for indices, text in (([3], "rows"), ([0, 1], "do not match")):
            with pytest.raises(tf.errors.InvalidArgumentError, match=text):
                session.run(store.apply_grad(indices, [[1.0]]))
        with pytest.raises(tf.errors.InvalidArgumentError, match="must be positive"):
            session.run(store.take_grad(0))
    with pytest.raises(ValueError, match="MEAN or SUM"):
        tf.SparseConditionalAccumulator(tf.float64, reduction_type="MAX")


def test_a_priority_queue_gives_the_smallest_first() -> None:
    queue = tf.PriorityQueue(10, [tf.string], [[]])
    with tf.Session() as session:
        session.run(queue.enqueue_many([np.array([3, 1, 2], np.int64), ["c", "a", "b"]]))
        session.run(queue.enqueue([np.int64(0), "z"]))
        assert [v.tolist() for v in session.run(queue.dequeue_many(2))] == [[0, 1], [b"z", b"a"]]
        assert session.run(queue.dequeue()) == [2, b"b"]
        with pytest.raises(ValueError, match="are incompatible"):
            queue.enqueue([np.array([1, 2]), "z"])


def test_what_waits_for_room_still_comes_in_when_a_queue_is_closed() -> None:
    queue = tf.FIFOQueue(2, tf.int32, [[]])
    put, take, close = queue.enqueue_many([[1, 2, 3]]), queue.dequeue(), queue.close()
    with tf.Session() as session:
        thread = threading.Thread(target=session.run, args=(put,))
        thread.start()
        time.sleep(0.2)
        session.run(close)
        assert [session.run(take) for _ in range(3)] == [1, 2, 3]
        _join([thread])
        with pytest.raises(tf.errors.OutOfRangeError):
            session.run(take)
        with pytest.raises(tf.errors.CancelledError):
            session.run(put)


def test_closing_a_session_ends_runs_that_wait() -> None:
    queue = tf.FIFOQueue(2, tf.int32, [[]])
    store = tf.ConditionalAccumulator(tf.float32, [])
    session = tf.Session()
    failures = []

    def run(what) -> None:
        try:
            session.run(what)
        except tf.errors.CancelledError as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(t,))
               for t in (queue.dequeue(), store.take_grad(1))]  # fmt: skip
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    session.close()
    _join(threads)
    assert len(failures) == 2


def test_a_queue_of_any_shapes_is_filled_and_read_in_one_run() -> None:
    queue = tf.FIFOQueue(10, [tf.float32])
    x = tf.placeholder(tf.float32)
    put = queue.enqueue([tf.zeros([4, 4]) + 2 * x])
    product = tf.matmul(taken := queue.dequeue(), taken)
    with tf.Session() as session:
        session.run(put, {x: 1})
        found = [session.run([put, product], {x: k})[1].max() for k in range(3)]
    assert found == [16, 0, 16]


def test_texts_are_padded_with_empty_ones() -> None:
    queue = tf.PaddingFIFOQueue(4, [tf.string], [[None]])
    with tf.Session() as session:
        session.run([queue.enqueue([["a"]]), queue.enqueue([["b", "c"]])])
        assert sorted(session.run(queue.dequeue_many(2)).tolist()) == [[b"a", b""], [b"b", b"c"]]
    with pytest.raises(ValueError, match="list of shapes"):
        tf.PaddingFIFOQueue(4, [tf.string], None)


def test_a_written_graph_says_what_a_queue_holds() -> None:
    with tf.Graph().as_default() as graph:
        tf.FIFOQueue(4, [tf.string, tf.int32]).dequeue()
    nodes = {node.op: node.attr for node in graph.as_graph_def().node}
    for op_type in ("FIFOQueueV2", "QueueDequeueV2"):
        assert list(nodes[op_type]["component_types"].list.type) == [7, 3]
