"""`slim.parallel_reader`: several readers of files into one queue."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from typing import Any

from graphflow import summary
from graphflow.data.coordinator import QueueRunner, add_queue_runner
from graphflow.data.file_readers import ReaderBase
from graphflow.data.producers import string_input_producer
from graphflow.data.queues import FIFOQueue, RandomShuffleQueue
from graphflow.graph import dtypes
from graphflow.graph.default import name_scope
from graphflow.ops.casting import cast

_PAIR: Sequence[Any] = (dtypes.string, dtypes.string)

__all__ = ["ParallelReader", "get_data_files", "parallel_read", "single_pass_read"]


def get_data_files(data_sources: Any) -> list[str]:
    """Return the files of names and patterns.

    Raises
    ------
    ValueError : a pattern fits no file.
    """
    if isinstance(data_sources, (list, tuple)):
        return [path for source in data_sources for path in get_data_files(source)]
    if any(sign in data_sources for sign in "*?["):
        found = sorted(glob.glob(data_sources))
    else:
        found = [data_sources]
    if not found:
        raise ValueError(f"No data files found in {data_sources}")
    return found


class ParallelReader:
    """Readers of one class that put what they read into a queue.

    Parameters
    ----------
    reader_class : the class.
    common_queue : a queue of pairs of texts.
    num_readers : how many there are.
    reader_kwargs : for each of them.
    """

    def __init__(
        self, reader_class: Any, common_queue: Any, num_readers: int = 4, reader_kwargs: Any = None
    ) -> None:
        if len(common_queue.dtypes) != 2:
            raise TypeError("common_queue.dtypes must be [tf.string, tf.string]")
        self._readers = [reader_class(**(reader_kwargs or {})) for _ in range(num_readers)]
        self.common_queue = common_queue

    def read(self, queue: Any, name: str | None = None) -> Any:
        """Return the next key and value; `queue` has the names of files."""
        steps = [self.common_queue.enqueue(reader.read(queue)) for reader in self._readers]
        add_queue_runner(QueueRunner(self.common_queue, steps))
        return self.common_queue.dequeue(name=name)


def parallel_read(
    data_sources: Any, reader_class: Any, num_epochs: int | None = None, num_readers: int = 4,
    reader_kwargs: Any = None, shuffle: bool = True, dtypes: Any = _PAIR, capacity: int = 256,
    min_after_dequeue: int = 128, seed: int | None = None, scope: str | None = None,
) -> Any:  # fmt: skip
    """Return key and value of the next record, read by several readers at once.

    Parameters
    ----------
    data_sources : files, or patterns of their names.
    reader_class, num_readers, reader_kwargs : see `ParallelReader`.
    num_epochs : how often all are read; endlessly when None.
    shuffle : in random order, by a queue of `capacity` that keeps `min_after_dequeue`.
    """
    files = get_data_files(data_sources)
    with name_scope(scope or "parallel_read"):
        names = string_input_producer(files, num_epochs, shuffle, seed=seed, name="filenames")
        kinds = list(_PAIR if dtypes is None else dtypes)
        queue: Any
        if shuffle:
            queue = RandomShuffleQueue(
                capacity, min_after_dequeue, kinds, seed=seed, name="common_queue"
            )
        else:
            queue = FIFOQueue(capacity, kinds, name="common_queue")
        share = cast(queue.size(), "float32") * (1.0 / capacity)
        summary.scalar(f"fraction_of_{capacity}_full", share)
        return ParallelReader(reader_class, queue, num_readers, reader_kwargs).read(names)


def single_pass_read(
    data_sources: Any, reader_class: Any, reader_kwargs: Any = None, scope: str | None = None
) -> Any:
    """Return key and value of the next record; each is read once, in order."""
    files = get_data_files(data_sources)
    with name_scope(scope or "single_pass_read"):
        names = string_input_producer(files, 1, False, capacity=1, name="filenames")
        reader: ReaderBase = reader_class(**(reader_kwargs or {}))
        return reader.read(names)
