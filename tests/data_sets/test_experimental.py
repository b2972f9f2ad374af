"""Windows, `tf.data.experimental`, files of comma-separated values, queues of several sources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphflow as tf

Dataset, experimental = tf.data.Dataset, tf.data.experimental


def _all(data: Any) -> list[Any]:
    following, found = data.make_one_shot_iterator().get_next(), []
    with tf.Session() as session:
        while True:
            try:
                found.append(session.run(following))
            except tf.errors.OutOfRangeError:
                return found


def test_windows_of_elements() -> None:
    windows = Dataset.range(7).window(3, shift=2)
    found = _all(windows.flat_map(lambda window: window.batch(3)))
    assert [part.tolist() for part in found] == [[0, 1, 2], [2, 3, 4], [4, 5, 6], [6]]
    pairs = Dataset.from_tensor_slices((np.arange(6), np.arange(6) * 2.0))
    windows = pairs.window(2, shift=1, stride=2, drop_remainder=True)
    both = windows.flat_map(lambda x, y: Dataset.zip((x.batch(2), y.batch(2))))
    assert [x.tolist() for x, _ in _all(both)] == [[0, 2], [1, 3], [2, 4], [3, 5]]


def test_two_steps_in_one() -> None:
    squares = experimental.map_and_batch(lambda x: x * x, 2, drop_remainder=True)
    assert [b.tolist() for b in _all(Dataset.range(5).apply(squares))] == [[0, 1], [4, 9]]
    again = _all(Dataset.range(5).apply(experimental.shuffle_and_repeat(3, 2)))
    assert sorted(again) == sorted([*range(5)] * 2)


def test_elements_that_fail_are_left_out() -> None:
    data = Dataset.from_tensor_slices([1.0, 0.0, 2.0])
    checked = data.map(lambda x: tf.check_numerics(1 / x, "not a number"))
    assert _all(checked.apply(experimental.ignore_errors())) == [1.0, 0.5]


def test_elements_of_several_data_sets() -> None:
    parts = [Dataset.range(3), Dataset.range(10, 13)]
    mixed = _all(experimental.sample_from_datasets(parts, seed=1))
    assert [v for v in mixed if v < 10] == [0, 1, 2]
    assert [v for v in mixed if v >= 10] == [10, 11, 12]
    chosen = experimental.choose_from_datasets(parts, Dataset.from_tensor_slices([1, 0, 1]))
    assert _all(chosen) == [10, 0, 11]


def test_buckets_by_length() -> None:
    def rows() -> Any:
        for size in (1, 5, 2, 3, 6):
            yield np.arange(size)

    data = Dataset.from_generator(rows, tf.int64, [None])
    buckets = experimental.bucket_by_sequence_length(lambda x: tf.shape(x)[0], [3, 6], [2, 2, 2])
    assert [b.shape for b in _all(data.apply(buckets))] == [(2, 2), (2, 5), (1, 6)]


def test_single_element() -> None:
    with tf.Session() as session:
        whole = experimental.get_single_element(Dataset.range(5).batch(5))
        assert session.run(whole).tolist() == [0, 1, 2, 3, 4]
        with pytest.raises(tf.errors.InvalidArgumentError, match="more than one"):
            session.run(experimental.get_single_element(Dataset.range(5)))


@pytest.fixture
def table(tmp_path: Path) -> str:
    path = tmp_path / "table.csv"
    path.write_text('a,b,c\n1,2.5,"x, y"\n,3,y\n7,,z\n')
    return str(path)


def test_rows_of_a_file(table: str) -> None:
    defaults = [tf.constant([5], tf.int32), [0.0], tf.string]
    found = _all(experimental.CsvDataset(table, defaults, header=True))
    assert found == [(1, 2.5, b"x, y"), (5, 3.0, b"y"), (7, 0.0, b"z")]
    required = experimental.CsvDataset(table, [tf.int32], header=True, select_cols=[0])
    with pytest.raises(tf.errors.InvalidArgumentError, match="Field 0 is required"):
        _all(required)


def test_batches_of_a_file_by_name(table: str) -> None:
    data = experimental.make_csv_dataset(table, 2, label_name="c", num_epochs=1, shuffle=False)
    first, second = _all(data)
    assert first[0]["a"].dtype == np.int32
    assert first[0]["b"].tolist() == [2.5, 3.0]
    assert second[1].tolist() == [b"z"]


def test_queues_of_several_sources_and_of_some_elements() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.train.range_input_producer(10, num_epochs=1, shuffle=False).dequeue()
        even = tf.train.maybe_batch([x], tf.equal(x % 2, 0), 5, allow_smaller_final_batch=True)
        y = tf.train.range_input_producer(6, num_epochs=1, shuffle=False).dequeue()
        both = tf.train.batch_join([[y], [y + 100]], 6, allow_smaller_final_batch=True)
        session.run(tf.local_variables_initializer())
        coordinator = tf.train.Coordinator()
        threads = tf.train.start_queue_runners(session, coordinator)
        assert session.run(even).tolist() == [0, 2, 4, 6, 8]
        assert sorted(v % 100 for v in session.run(both).tolist()) == [0, 1, 2, 3, 4, 5]
        coordinator.request_stop()
        coordinator.join(threads)
