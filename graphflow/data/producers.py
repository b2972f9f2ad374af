"""Input pipelines of queues: producers of slices and file names, batches, readers of files."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from graphflow import errors
from graphflow.checkpoint.records import read_records
from graphflow.data.coordinator import QueueRunner, add_queue_runner
from graphflow.data.queues import FIFOQueue, PaddingFIFOQueue, QueueBase, RandomShuffleQueue
from graphflow.graph import nest
from graphflow.graph.collections import GraphKeys
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import bool_, string
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor
from graphflow.ops.conditionals import cond
from graphflow.ops.files import matching_files
from graphflow.ops.gathering import gather
from graphflow.ops.identity import group, identity, no_op
from graphflow.ops.indexing import boolean_mask
from graphflow.ops.py_func import py_func
from graphflow.ops.sampling import random_shuffle
from graphflow.ops.sequences import range as range_op
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.variables import Variable
from graphflow.runtime.context import running

Array = np.ndarray[Any, Any]


class _Epochs:
    """Counts how often a producer has given all it has, in each session."""

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self.done: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()

    def counted(self, value: Array) -> Array:
        count = self.done.get(running.store, 0)
        if self.limit is not None and count >= self.limit:
            raise errors.OutOfRangeError(None, None, f"Reached limit of {self.limit}")
        self.done[running.store] = count + 1
        return value


def input_producer(
    input_tensor: Any, element_shape: Any = None, num_epochs: int | None = None,
    shuffle: bool = True, seed: int | None = None, capacity: int = 32,
    shared_name: str | None = None, summary_name: str | None = None, name: str | None = None,
    cancel_op: Any = None,
) -> QueueBase:  # fmt: skip
    """A queue with the rows of a tensor, all of them again and again.

    Parameters
    ----------
    num_epochs : how often; for ever when None.
    shuffle : in another order each time.
    """
    with name_scope(name, "input_producer", [input_tensor]):
        rows = convert_to_tensor(input_tensor, name="input_tensor")
        shape = rows.shape[1:] if element_shape is None else TensorShape(element_shape)
        if not shape.is_fully_defined():
            raise ValueError(
                "Either `input_tensor` must have a fully defined shape or `element_shape` must be "
                "specified"
            )
        if shuffle:
            rows = random_shuffle(rows, seed=seed)
        epochs = _Epochs(num_epochs)
        counted = py_func(epochs.counted, [rows], rows.dtype.base_dtype)
        counted.set_shape(rows.shape)
        queue = FIFOQueue(capacity, [rows.dtype.base_dtype], [shape])
        add_queue_runner(QueueRunner(queue, [queue.enqueue_many([counted])], cancel_op=cancel_op))
        return queue


def string_input_producer(
    string_tensor: Any, num_epochs: int | None = None, shuffle: bool = True,
    seed: int | None = None, capacity: int = 32, shared_name: str | None = None,
    name: str | None = None, cancel_op: Any = None,
) -> QueueBase:  # fmt: skip
    """A queue with texts, file names mostly; see `input_producer`."""
    if isinstance(string_tensor, (list, tuple)) and not string_tensor:
        raise ValueError("string_input_producer requires a non-null input tensor")
    texts = convert_to_tensor(string_tensor, dtype=string)
    return input_producer(texts, [], num_epochs, shuffle, seed, capacity, name=name)


def range_input_producer(
    limit: Any, num_epochs: int | None = None, shuffle: bool = True, seed: int | None = None,
    capacity: int = 32, shared_name: str | None = None, name: str | None = None,
) -> QueueBase:  # fmt: skip
    """A queue with the integers below `limit`; see `input_producer`."""
    return input_producer(range_op(limit), [], num_epochs, shuffle, seed, capacity, name=name)


def slice_input_producer(
    tensor_list: Sequence[Any], num_epochs: int | None = None, shuffle: bool = True,
    seed: int | None = None, capacity: int = 32, shared_name: str | None = None,
    name: str | None = None,
) -> list[Tensor]:  # fmt: skip
    """One row of each tensor, the same row of all; see `input_producer`."""
    with name_scope(name, "input_producer", list(tensor_list)):
        tensors = [convert_to_tensor(t) for t in tensor_list]
        if not tensors:
            raise ValueError("Expected at least one tensor in slice_input_producer().")
        count = shape_of(tensors[0])[0]
        index = range_input_producer(count, num_epochs, shuffle, seed, capacity).dequeue()
        return [gather(t, index) for t in tensors]


def _flat(tensors: Any) -> list[Tensor]:
    # A list of tensors among others is one tensor.
    given = nest.flatten(tensors) if isinstance(tensors, dict) else tensors
    return [convert_to_tensor(t) for t in given]


def _batch(
    queue_of: Callable[[list[Any], list[TensorShape]], QueueBase], sources: Sequence[Any],
    threads: int, batch_size: Any, enqueue_many: bool, shapes: Any, smaller: bool,
    keep_input: Any = True,
) -> Any:  # fmt: skip
    """Batches of what several sources give, each put into the queue by threads of its own.

    `keep_input` tells which elements are put there: a bool, or with `enqueue_many` a vector.
    """
    flats = [_flat(tensors) for tensors in sources]
    flat, tensors = flats[0], sources[0]
    if not isinstance(tensors, dict):
        tensors = flat
    if shapes is None:
        known = [t.shape[1:] if enqueue_many else t.shape for t in flat]
    else:
        known = [TensorShape(s) for s in shapes]
    queue = queue_of([t.dtype.base_dtype for t in flat], known)
    puts = [_put(queue, source, enqueue_many, keep_input) for source in flats]
    add_queue_runner(QueueRunner(queue, puts * threads))
    taken = queue.dequeue_up_to(batch_size) if smaller else queue.dequeue_many(batch_size)
    found = taken if isinstance(taken, list) else [taken]
    return nest.pack_sequence_as(tensors, found)


def _put(queue: QueueBase, flat: Sequence[Tensor], enqueue_many: bool, keep_input: Any) -> Any:
    if keep_input is True:
        return queue.enqueue_many(flat) if enqueue_many else queue.enqueue(flat)
    keep = convert_to_tensor(keep_input, dtype=bool_)
    if enqueue_many:
        rows = [boolean_mask(t, keep) if keep.shape.rank == 1 else t for t in flat]
        if keep.shape.rank == 1:
            return queue.enqueue_many(rows)
        return cond(keep, lambda: group(queue.enqueue_many(rows)), lambda: group(no_op()))
    return cond(keep, lambda: group(queue.enqueue(flat)), lambda: group(no_op()))


def maybe_batch(
    tensors: Any, keep_input: Any, batch_size: Any, num_threads: int = 1, capacity: int = 32,
    enqueue_many: bool = False, shapes: Any = None, dynamic_pad: bool = False,
    allow_smaller_final_batch: bool = False, shared_name: str | None = None,
    name: str | None = None,
) -> Any:  # fmt: skip
    """Tensors of several runs stacked, by a queue that threads fill.

    Parameters
    ----------
    tensors : a list or dict of tensors.
    keep_input : whether an element is taken; with `enqueue_many` a vector, for each.
    enqueue_many : each tensor is rows of elements.
    dynamic_pad : elements may differ in shape, and are padded.
    """
    with name_scope(name, "batch", nest.flatten(tensors)):
        kind = PaddingFIFOQueue if dynamic_pad else FIFOQueue
        return _batch(
            lambda dtypes, known: kind(capacity, dtypes, known), [tensors], num_threads,
            batch_size, enqueue_many, shapes, allow_smaller_final_batch, keep_input,
        )  # fmt: skip


def batch(
    tensors: Any, batch_size: Any, num_threads: int = 1, capacity: int = 32,
    enqueue_many: bool = False, shapes: Any = None, dynamic_pad: bool = False,
    allow_smaller_final_batch: bool = False, shared_name: str | None = None,
    name: str | None = None,
) -> Any:  # fmt: skip
    """`maybe_batch` of all elements."""
    return maybe_batch(
        tensors, True, batch_size, num_threads, capacity, enqueue_many, shapes, dynamic_pad,
        allow_smaller_final_batch, shared_name, name,
    )  # fmt: skip


def batch_join(
    tensors_list: Sequence[Any], batch_size: Any, capacity: int = 32, enqueue_many: bool = False,
    shapes: Any = None, dynamic_pad: bool = False, allow_smaller_final_batch: bool = False,
    shared_name: str | None = None, name: str | None = None,
) -> Any:  # fmt: skip
    """`maybe_batch_join` of all elements."""
    return maybe_batch_join(
        tensors_list, True, batch_size, capacity, enqueue_many, shapes, dynamic_pad,
        allow_smaller_final_batch, shared_name, name,
    )  # fmt: skip


def maybe_batch_join(
    tensors_list: Sequence[Any], keep_input: Any, batch_size: Any, capacity: int = 32,
    enqueue_many: bool = False, shapes: Any = None, dynamic_pad: bool = False,
    allow_smaller_final_batch: bool = False, shared_name: str | None = None,
    name: str | None = None,
) -> Any:  # fmt: skip
    """`maybe_batch` from several lists of tensors, with a thread for each."""
    with name_scope(name, "batch_join", nest.flatten(list(tensors_list))):
        kind = PaddingFIFOQueue if dynamic_pad else FIFOQueue
        return _batch(
            lambda dtypes, known: kind(capacity, dtypes, known), tensors_list, 1, batch_size,
            enqueue_many, shapes, allow_smaller_final_batch, keep_input,
        )  # fmt: skip


def shuffle_batch(
    tensors: Any, batch_size: Any, capacity: int, min_after_dequeue: int, num_threads: int = 1,
    seed: int | None = None, enqueue_many: bool = False, shapes: Any = None,
    allow_smaller_final_batch: bool = False, shared_name: str | None = None,
    name: str | None = None,
) -> Any:  # fmt: skip
    """`maybe_shuffle_batch` of all elements."""
    return maybe_shuffle_batch(
        tensors, batch_size, capacity, min_after_dequeue, True, num_threads, seed, enqueue_many,
        shapes, allow_smaller_final_batch, shared_name, name,
    )  # fmt: skip


def shuffle_batch_join(
    tensors_list: Sequence[Any], batch_size: Any, capacity: int, min_after_dequeue: int,
    seed: int | None = None, enqueue_many: bool = False, shapes: Any = None,
    allow_smaller_final_batch: bool = False, shared_name: str | None = None,
    name: str | None = None,
) -> Any:  # fmt: skip
    """`maybe_shuffle_batch_join` of all elements."""
    return maybe_shuffle_batch_join(
        tensors_list, batch_size, capacity, min_after_dequeue, True, seed, enqueue_many, shapes,
        allow_smaller_final_batch, shared_name, name,
    )  # fmt: skip


def maybe_shuffle_batch_join(
    tensors_list: Sequence[Any], batch_size: Any, capacity: int, min_after_dequeue: int,
    keep_input: Any, seed: int | None = None, enqueue_many: bool = False, shapes: Any = None,
    allow_smaller_final_batch: bool = False, shared_name: str | None = None,
    name: str | None = None,
) -> Any:  # fmt: skip
    """`maybe_shuffle_batch` from several lists of tensors, with a thread for each."""
    with name_scope(name, "shuffle_batch_join", nest.flatten(list(tensors_list))):
        return _batch(
            lambda dtypes, known: RandomShuffleQueue(
                capacity, min_after_dequeue, dtypes, known, seed=seed
            ),
            tensors_list, 1, batch_size, enqueue_many, shapes, allow_smaller_final_batch,
            keep_input,
        )  # fmt: skip


def match_filenames_once(pattern: Any, name: str | None = None) -> Any:
    """A local variable that begins as the names of the files that match."""
    with name_scope(name, "matching_filenames", [pattern]):
        return Variable(
            matching_files(pattern), trainable=False, validate_shape=False,
            name="matching_filenames", collections=[GraphKeys.LOCAL_VARIABLES],
        )  # fmt: skip


def maybe_shuffle_batch(
    tensors: Any, batch_size: Any, capacity: int, min_after_dequeue: int, keep_input: Any,
    num_threads: int = 1, seed: int | None = None, enqueue_many: bool = False, shapes: Any = None,
    allow_smaller_final_batch: bool = False, shared_name: str | None = None,
    name: str | None = None,
) -> Any:  # fmt: skip
    """`maybe_batch` in a drawn order, by a queue that keeps `min_after_dequeue` elements."""
    with name_scope(name, "shuffle_batch", nest.flatten(tensors)):
        return _batch(
            lambda dtypes, known: RandomShuffleQueue(
                capacity, min_after_dequeue, dtypes, known, seed=seed
            ),
            [tensors], num_threads, batch_size, enqueue_many, shapes, allow_smaller_final_batch,
            keep_input,
        )  # fmt: skip


def limit_epochs(tensor: Any, num_epochs: int | None = None, name: str | None = None) -> Tensor:
    """The tensor; an OutOfRangeError after so many runs."""
    value = convert_to_tensor(tensor)
    if num_epochs is None:
        return value
    made = py_func(_Epochs(num_epochs).counted, [value], value.dtype.base_dtype)
    made.set_shape(value.shape)
    return identity(made, name=name)


# ---- readers


class ReaderBase:
    """Reads records of the files whose names a queue gives."""

    def __init__(self, records: Callable[[str], Iterator[tuple[bytes, bytes]]]) -> None:
        self._records = records
        self._walks: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()

    def read(self, queue: QueueBase, name: str | None = None) -> tuple[Tensor, Tensor]:
        """The next record's key and content."""
        return self._read(queue, None)

    def read_up_to(
        self, queue: QueueBase, num_records: Any, name: str | None = None
    ) -> tuple[Tensor, Tensor]:
        """The next records' keys and contents."""
        return self._read(queue, int(num_records))

    def _read(self, queue: QueueBase, count: int | None) -> tuple[Tensor, Tensor]:
        put_back = _FileNames(queue)

        def following() -> list[Array]:
            store = running.store
            if store not in self._walks:
                self._walks[store] = itertools.chain.from_iterable(
                    self._records(name) for name in put_back.names()
                )
            rows = list(itertools.islice(self._walks[store], 1 if count is None else count))
            if not rows:
                del self._walks[store]
                raise errors.OutOfRangeError(None, None, "the queue of file names is closed")
            columns = [np.array(column, object) for column in zip(*rows, strict=True)]
            return [c.reshape(()) if count is None else c for c in columns]

        key, value = py_func(following, [], [string, string])
        for tensor in (key, value):
            tensor.set_shape([] if count is None else [None])
        return key, value

    def reset(self, name: str | None = None) -> Any:
        """An operation that begins anew with the next file."""
        return py_func(lambda: self._walks.pop(running.store, None) and None, [], [])


class _FileNames:
    """The names that a queue gives, taken in the session that reads."""

    def __init__(self, queue: QueueBase) -> None:
        self.op = queue.dequeue().op

    def names(self) -> Iterator[str]:
        content = self.op.inputs[0].op.attrs["state"].here()
        while True:
            try:
                (element,) = content.take(1, self.op)
            except errors.OutOfRangeError:
                return
            text = np.asarray(element[0], object).ravel()[0]
            yield text.decode()


def _open(name: str) -> Any:
    try:
        return open(name, "rb")
    except FileNotFoundError:
        raise errors.NotFoundError(None, None, f"{name}; No such file or directory") from None


def _lines(name: str, skip: int) -> Iterator[tuple[bytes, bytes]]:
    with _open(name) as file:
        for number, line in enumerate(file, start=1):
            if number > skip:
                yield f"{name}:{number}".encode(), line.rstrip(b"\n").removesuffix(b"\r")


def _whole(name: str) -> Iterator[tuple[bytes, bytes]]:
    with _open(name) as file:
        yield name.encode(), file.read()


def _parts(name: str, size: int, head: int, foot: int) -> Iterator[tuple[bytes, bytes]]:
    with _open(name) as file:
        data = file.read()
    for number, start in enumerate(range(head, len(data) - foot - size + 1, size)):
        yield f"{name}:{number}".encode(), data[start : start + size]


class TextLineReader(ReaderBase):
    """Lines of files."""

    def __init__(self, skip_header_lines: int | None = None, name: str | None = None) -> None:
        super().__init__(lambda file: _lines(file, skip_header_lines or 0))


class WholeFileReader(ReaderBase):
    """Files as a whole."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(_whole)


class TFRecordReader(ReaderBase):
    """Records of record files."""

    def __init__(self, name: str | None = None, options: Any = None) -> None:
        from graphflow.python_io import TFRecordOptions

        kind = TFRecordOptions.get_compression_type_string(options)
        super().__init__(
            lambda file: (
                (f"{file}:{k}".encode(), record)
                for k, record in enumerate(read_records(file, kind))
            )
        )


class FixedLengthRecordReader(ReaderBase):
    """Records of one length."""

    def __init__(
        self, record_bytes: int, header_bytes: int | None = None, footer_bytes: int | None = None,
        hop_bytes: int | None = None, name: str | None = None, encoding: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            lambda file: _parts(file, record_bytes, header_bytes or 0, footer_bytes or 0)
        )
