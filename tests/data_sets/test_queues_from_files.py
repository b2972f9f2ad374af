"""Queues, accumulators and readers of graphs from files; numbers are TensorFlow 1.15's."""

from __future__ import annotations

import numpy as np
import pytest

import graphflow as tf


@pytest.fixture(autouse=True)
def fresh_graph():
    with tf.Graph().as_default():
        yield


def imported(build):
    """What `build` names, in a graph that is read from its MetaGraph."""
    with tf.Graph().as_default():
        build()
        proto = tf.train.export_meta_graph()
    tf.train.import_meta_graph(proto)
    return tf.get_default_graph()


def build_queues():
    drawn = tf.RandomShuffleQueue(30, 2, tf.int32, [], seed=5)
    tf.group(drawn.enqueue_many([tf.range(20)]), name="fill")
    tf.identity(drawn.dequeue_many(10), name="drawn")
    sorted_ = tf.PriorityQueue(10, tf.string, [[]])
    tf.group(sorted_.enqueue_many(([3, 1, 2], ["c", "a", "b"])), name="fill_sorted")
    tf.identity(sorted_.dequeue_many(3)[1], name="sorted")
    sums = tf.ConditionalAccumulator(tf.float32, [2])
    tf.group(sums.apply_grad([1.0, 3.0]), name="add")
    tf.identity(sums.take_grad(2), name="mean")
    rows = tf.SparseConditionalAccumulator(tf.float32, [4, 2])
    tf.group(
        rows.apply_indexed_slices_grad(tf.IndexedSlices([[1.0, 2.0]], [2], [4, 2])), name="add_rows"
    )
    tf.identity(rows.take_indexed_slices_grad(1).values, name="rows")


def test_queues_of_a_file_run_and_draw_what_tensorflow_draws() -> None:
    graph = imported(build_queues)
    found = {}
    with tf.Session() as session:
        for fill, name in (
            (["fill"], "drawn"), (["fill_sorted"], "sorted"), (["add", "add"], "mean"),
            (["add_rows"], "rows"),
        ):  # fmt: skip
            for operation in fill:
                session.run(graph.get_operation_by_name(operation))
            found[name] = session.run(f"{name}:0").tolist()
    assert found == {
        "drawn": [11, 19, 6, 5, 8, 4, 1, 9, 15, 13],
        "sorted": [b"a", b"b", b"c"],
        "mean": [1.0, 3.0],
        "rows": [[1.0, 2.0]],
    }


def test_a_pipeline_of_a_file_runs_with_its_queue_runners(tmp_path) -> None:
    name = str(tmp_path / "lines.csv")
    (tmp_path / "lines.csv").write_text("1,2\n3,4\n")

    def build() -> None:
        files = tf.train.string_input_producer([name], num_epochs=2, shuffle=False)
        _, line = tf.TextLineReader().read(files)
        batch = tf.train.batch(tf.decode_csv(line, [[0], [0]]), 2)
        tf.stack(batch, axis=1, name="rows")

    imported(build)
    assert len(tf.get_collection("queue_runners")) == 2
    coordinator, found = tf.train.Coordinator(), []
    with tf.Session() as session:
        session.run(tf.local_variables_initializer())
        threads = tf.train.start_queue_runners(session, coordinator)
        for _ in range(2):
            found.append(session.run("rows:0").tolist())
        with pytest.raises(tf.errors.OutOfRangeError, match=r"insufficient elements \(requested 2"):
            session.run("rows:0")
        coordinator.request_stop()
        coordinator.join(threads)
    assert found == [[[1, 2], [3, 4]]] * 2


def test_a_reader_counts_records_and_files_and_can_be_reset() -> None:
    queue = tf.FIFOQueue(10, tf.string, [])
    reader = tf.IdentityReader("reader")
    key, _ = reader.read(queue)
    counts = [reader.num_records_produced(), reader.num_work_units_completed()]
    state = tf.placeholder(tf.string, [])
    with tf.Session() as session:
        session.run(queue.enqueue_many([["X", "Y", "Z"]]))
        session.run(queue.close())
        assert session.run(key) == b"X"
        written = session.run(reader.serialize_state())
        assert session.run(key) == b"Y"
        assert session.run(counts) == [2, 2]
        restore = reader.restore_state(state)
        session.run(restore, {state: written})
        assert session.run(counts) == [1, 1]
        with pytest.raises(tf.errors.InvalidArgumentError, match="Could not parse state"):
            session.run(restore, {state: b"BOGUS"})
        session.run(reader.reset())
        assert session.run(counts) == [0, 0]
    with pytest.raises(ValueError, match="rank 0"):
        reader.restore_state(["a", "b"])


def test_records_of_one_length_overlap_with_hops(tmp_path) -> None:
    (tmp_path / "a").write_bytes(b"HHabcdefF")
    queue = tf.FIFOQueue(2, tf.string, [])
    reader = tf.FixedLengthRecordReader(3, header_bytes=2, footer_bytes=1, hop_bytes=1)
    keys, values = reader.read_up_to(queue, 10)
    with tf.Session() as session:
        session.run(queue.enqueue([str(tmp_path / "a")]))
        assert session.run(values).tolist() == [b"abc", b"bcd", b"cde", b"def"]
    assert keys.shape.as_list() == [None]


def test_a_run_that_waits_for_an_element_ends_at_its_deadline() -> None:
    queue = tf.FIFOQueue(2, tf.int32, [])
    taken = queue.dequeue()
    with tf.Session(config=tf.ConfigProto(operation_timeout_in_ms=20)) as session:
        with pytest.raises(tf.errors.DeadlineExceededError, match="Timed out"):
            session.run(taken)
        session.run(queue.enqueue(3))
        assert session.run(taken) == 3


def test_many_elements_are_taken_only_of_known_shapes() -> None:
    queue = tf.FIFOQueue(2, tf.float32)
    with tf.Session() as session:
        session.run(queue.enqueue_many([np.ones(2, "f")]))
        with pytest.raises(tf.errors.InvalidArgumentError, match="to have specified shapes"):
            session.run(queue.dequeue_many(2))


def test_shared_queues_must_agree_and_containers_are_kept() -> None:
    with tf.container("mine"):
        first = tf.FIFOQueue(2, tf.float32, [[]], shared_name="q")
    second = tf.FIFOQueue(2, tf.int32, [[]], shared_name="q")
    assert first.queue_ref.op.get_attr("container") == b"mine"
    with tf.Session() as session:
        session.run(first.enqueue(1.0))
        with pytest.raises(tf.errors.InvalidArgumentError, match="has component types"):
            session.run(second.size())


def test_batches_of_sparse_tensors_and_of_one_tensor() -> None:
    row = tf.SparseTensor([[1]], [7.0], [3])
    rows = tf.SparseTensor([[0, 1], [1, 0]], [1.0, 2.0], [2, 2])
    batched = tf.train.batch([row], 2)
    several = tf.train.batch({"x": rows, "n": tf.constant([5, 6])}, 2, enqueue_many=True)
    alone = tf.train.batch([tf.constant([1.0, 2.0])], 3)
    assert alone.shape.as_list() == [3, 2]
    assert batched.dense_shape.shape.as_list() == [2]
    coordinator = tf.train.Coordinator()
    with tf.Session() as session:
        threads = tf.train.start_queue_runners(session, coordinator)
        found = session.run(batched)
        both = session.run(several)
        coordinator.request_stop()
        coordinator.join(threads)
    assert found.indices.tolist() == [[0, 1], [1, 1]]
    assert found.dense_shape.tolist() == [2, 3]
    assert both["x"].indices.tolist() == [[0, 1], [1, 0]]
    assert both["n"].tolist() == [5, 6]
    with pytest.raises(ValueError, match="Cannot infer Tensor's rank"):
        tf.train.batch([tf.placeholder(tf.float32)], 2)
