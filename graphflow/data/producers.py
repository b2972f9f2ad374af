"""Input pipelines of queues: producers of slices and file names, batches of what threads give."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphflow.data.coordinator import QueueRunner, add_queue_runner
from graphflow.data.queues import FIFOQueue, PaddingFIFOQueue, QueueBase, RandomShuffleQueue
from graphflow.graph import nest
from graphflow.graph.collections import GraphKeys
from graphflow.graph.constants import constant, constant_value
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import control_dependencies, name_scope
from graphflow.graph.dtypes import bool_, float32, int64, string
from graphflow.graph.shapes import TensorShape
from graphflow.graph.sparse_tensor import SparseTensor
from graphflow.graph.tensor import Tensor
from graphflow.ops.casting import cast
from graphflow.ops.checks import Assert
from graphflow.ops.conditionals import cond
from graphflow.ops.elementwise import maximum
from graphflow.ops.files import matching_files
from graphflow.ops.gathering import gather
from graphflow.ops.identity import group, identity, no_op
from graphflow.ops.indexing import boolean_mask
from graphflow.ops.joining import concat
from graphflow.ops.sampling import random_shuffle
from graphflow.ops.sequences import range as range_op
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.shape import size as size_of
from graphflow.ops.sparse_serialization import (
    deserialize_many_sparse,
    serialize_many_sparse,
    serialize_sparse,
)
from graphflow.ops.sparse_values import sparse_reshape
from graphflow.ops.state import count_up_to
from graphflow.ops.summaries import scalar
from graphflow.ops.variables import Variable

# A queue of types and shapes, and what summarises how full it is.
_MakeQueue = Callable[[list[Any], list[TensorShape]], tuple[QueueBase, Callable[[], None]]]


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
        rows = limit_epochs(rows, num_epochs)
        queue = FIFOQueue(
            capacity, [rows.dtype.base_dtype], [shape], shared_name=shared_name,
            name=name or "fifo_queue",
        )  # fmt: skip
        add_queue_runner(QueueRunner(queue, [queue.enqueue_many([rows])], cancel_op=cancel_op))
        if summary_name is not None:
            _summarize(summary_name, queue.size(), capacity)
        return queue


def _summarize(name: str, size: Tensor, capacity: Any) -> None:
    """A summary of how full a queue is."""
    scalar(name, cast(size, float32) * (1.0 / capacity))


def string_input_producer(
    string_tensor: Any, num_epochs: int | None = None, shuffle: bool = True,
    seed: int | None = None, capacity: int = 32, shared_name: str | None = None,
    name: str | None = None, cancel_op: Any = None,
) -> QueueBase:  # fmt: skip
    """A queue with texts, file names mostly; see `input_producer`.

    Raises
    ------
    InvalidArgumentError : there are none; in a run.
    ValueError : there are none, and that is known.
    """
    message = "string_input_producer requires a non-null input tensor"
    if not isinstance(string_tensor, Tensor) and not np.size(string_tensor):
        raise ValueError(message)
    with name_scope(name, "input_producer", [string_tensor]) as scope:
        texts = convert_to_tensor(string_tensor, dtype=string)
        with control_dependencies([Assert(size_of(texts) > 0, [message])]):
            texts = identity(texts)
        return input_producer(
            texts, [], num_epochs, shuffle, seed, capacity, shared_name,
            f"fraction_of_{capacity}_full", scope, cancel_op,
        )  # fmt: skip


def range_input_producer(
    limit: Any, num_epochs: int | None = None, shuffle: bool = True, seed: int | None = None,
    capacity: int = 32, shared_name: str | None = None, name: str | None = None,
) -> QueueBase:  # fmt: skip
    """A queue with the integers below `limit`; see `input_producer`."""
    with name_scope(name, "input_producer", [limit]) as scope:
        return input_producer(
            range_op(limit), [], num_epochs, shuffle, seed, capacity, shared_name,
            f"fraction_of_{capacity}_full", scope,
        )  # fmt: skip


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
        index = range_input_producer(
            count, num_epochs, shuffle, seed, capacity, shared_name
        ).dequeue()
        return [gather(t, index) for t in tensors]


def _in_order(capacity: int, dynamic_pad: bool, shared_name: str | None) -> _MakeQueue:
    def make(dtypes: list[Any], shapes: list[TensorShape]) -> tuple[QueueBase, Callable[[], None]]:
        kind = PaddingFIFOQueue if dynamic_pad else FIFOQueue
        queue = kind(capacity, dtypes, shapes, shared_name=shared_name)

        def summarize() -> None:
            _summarize(f"fraction_of_{capacity}_full", queue.size(), capacity)

        return queue, summarize

    return make


def _shuffled(capacity: int, kept: int, seed: int | None, shared_name: str | None) -> _MakeQueue:
    def make(dtypes: list[Any], shapes: list[TensorShape]) -> tuple[QueueBase, Callable[[], None]]:
        queue = RandomShuffleQueue(
            capacity, kept, dtypes, shapes, seed=seed, shared_name=shared_name
        )

        def summarize() -> None:
            over, room = maximum(0, queue.size() - kept), capacity - kept
            _summarize(f"fraction_over_{kept}_of_{room}_full", over, room)

        return queue, summarize

    return make


def _flat(tensors: Any) -> list[Any]:
    """The tensors of a list, or of a dict by its sorted keys; sparse ones stay so."""
    given = [tensors[key] for key in sorted(tensors)] if isinstance(tensors, dict) else tensors
    # A list of tensors among others is one tensor.
    return [t if isinstance(t, SparseTensor) else convert_to_tensor(t) for t in given]


def _rank(value: SparseTensor) -> int | None:
    sizes = value.dense_shape.shape.extents
    return sizes[0] if sizes else None


def _packed(value: Any, enqueue_many: bool) -> Tensor:
    """What a queue holds of a tensor: a sparse one as texts."""
    if not isinstance(value, SparseTensor):
        return value
    if not enqueue_many:
        return serialize_sparse(value)
    if _rank(value) == 1:  # rows that are numbers are no tensors; as vectors they are
        value = sparse_reshape(value, concat([value.dense_shape, [1]], 0))
    return serialize_many_sparse(value)


def _unpacked(batched: Tensor, value: Any, enqueue_many: bool) -> Any:
    """A batch of what `_packed` gave for `value`."""
    if not isinstance(value, SparseTensor):
        return batched
    rank = _rank(value)
    if enqueue_many and rank == 1:
        rows = deserialize_many_sparse(batched, value.dtype, 2)
        return sparse_reshape(rows, rows.dense_shape[:1])
    whole = rank if rank is None or enqueue_many else rank + 1
    return deserialize_many_sparse(batched, value.dtype, whole)


def _batch(
    name: str, queue_of: _MakeQueue, sources: Sequence[Any],
    threads: int, batch_size: Any, enqueue_many: bool, shapes: Any, smaller: bool,
    keep_input: Any = True,
) -> Any:  # fmt: skip
    """Batches of what several sources give, each put into the queue by threads of its own.

    Operations are made in TensorFlow's order; the batch is called `name`. `keep_input` tells
    which elements are put there: a bool, or with `enqueue_many` a vector.
    """
    if isinstance(sources[0], dict) and any(set(t) != set(sources[0]) for t in sources):
        raise ValueError("All dictionaries in tensors_list must have the same keys")
    values = [_flat(tensors) for tensors in sources]
    flats = [[_packed(value, enqueue_many) for value in source] for source in values]
    flat, tensors = flats[0], sources[0]
    keep = _kept(keep_input, enqueue_many)
    if shapes is None:
        for tensor in flat:
            if tensor.shape.rank is None:
                raise ValueError(f"Cannot infer Tensor's rank: {tensor}")
        known = [t.shape[1:] if enqueue_many else t.shape for t in flat]
    else:
        pairs = zip(values[0], flat, shapes, strict=True)
        known = [t.shape[-1:] if t is not v else TensorShape(s) for v, t, s in pairs]
    queue, summarize = queue_of([t.dtype.base_dtype for t in flat], known)
    puts = [_put(queue, source, enqueue_many, keep) for source in flats]
    add_queue_runner(QueueRunner(queue, puts * threads))
    summarize()
    take = queue.dequeue_up_to if smaller else queue.dequeue_many
    taken = take(batch_size, name=name)
    rows = zip(taken if isinstance(taken, list) else [taken], values[0], strict=True)
    found = [_unpacked(batched, value, enqueue_many) for batched, value in rows]
    if isinstance(tensors, dict):
        return dict(zip(sorted(tensors), found, strict=True))
    return found if len(found) > 1 else found[0]


def _kept(keep_input: Any, enqueue_many: bool) -> Tensor:
    keep = convert_to_tensor(keep_input, dtype=bool_)
    if keep.shape.rank is None:
        raise ValueError("`keep_input` dimensions must be known at graph construction.")
    if keep.shape.rank and not enqueue_many:
        raise ValueError("`keep_input` cannot be a vector when `enqueue_many=False`.")
    if keep.shape.rank > 1:
        raise ValueError("`keep_input` must be 0 or 1 dimensions.")
    return keep


def _put(queue: QueueBase, flat: Sequence[Tensor], enqueue_many: bool, keep: Tensor) -> Any:
    known = constant_value(keep)
    if known is not None and not keep.shape.rank:
        if not known:
            return no_op()
        return queue.enqueue_many(flat) if enqueue_many else queue.enqueue(flat)
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
    with name_scope(name, "batch", nest.flatten(tensors)) as scope:
        return _batch(
            scope, _in_order(capacity, dynamic_pad, shared_name), [tensors], num_threads,
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
    with name_scope(name, "batch_join", nest.flatten(list(tensors_list))) as scope:
        return _batch(
            scope, _in_order(capacity, dynamic_pad, shared_name), tensors_list, 1, batch_size,
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
    with name_scope(name, "shuffle_batch_join", nest.flatten(list(tensors_list))) as scope:
        return _batch(
            scope, _shuffled(capacity, min_after_dequeue, seed, shared_name),
            tensors_list, 1, batch_size, enqueue_many, shapes, allow_smaller_final_batch,
            keep_input,
        )  # fmt: skip


def match_filenames_once(pattern: Any, name: str | None = None) -> Any:
    """A local variable that begins as the names of the files that match."""
    with name_scope(name, "matching_filenames", [pattern]) as scope:
        return Variable(
            matching_files(pattern), trainable=False, validate_shape=False, name=scope,
            collections=[GraphKeys.LOCAL_VARIABLES],
        )  # fmt: skip


def maybe_shuffle_batch(
    tensors: Any, batch_size: Any, capacity: int, min_after_dequeue: int, keep_input: Any,
    num_threads: int = 1, seed: int | None = None, enqueue_many: bool = False, shapes: Any = None,
    allow_smaller_final_batch: bool = False, shared_name: str | None = None,
    name: str | None = None,
) -> Any:  # fmt: skip
    """`maybe_batch` in a drawn order, by a queue that keeps `min_after_dequeue` elements."""
    with name_scope(name, "shuffle_batch", nest.flatten(tensors)) as scope:
        return _batch(
            scope, _shuffled(capacity, min_after_dequeue, seed, shared_name),
            [tensors], num_threads, batch_size, enqueue_many, shapes, allow_smaller_final_batch,
            keep_input,
        )  # fmt: skip


def limit_epochs(tensor: Any, num_epochs: int | None = None, name: str | None = None) -> Tensor:
    """The tensor; an OutOfRangeError after so many runs, which a local variable counts."""
    if num_epochs is None:
        return convert_to_tensor(tensor)
    if num_epochs <= 0:
        raise ValueError(f"num_epochs must be > 0 not {num_epochs}.")
    with name_scope(name, "limit_epochs", [tensor]) as scope:
        epochs = Variable(
            constant(0, int64),
            name="epochs",
            trainable=False,
            collections=[GraphKeys.LOCAL_VARIABLES],
        )
        with control_dependencies([count_up_to(epochs, num_epochs)]):
            return identity(convert_to_tensor(tensor), name=scope)
