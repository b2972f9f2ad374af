"""``tf.data.experimental``: what moved in and out of data sets."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from graphflow import errors
from graphflow.data import walks
from graphflow.data.counts import counted
from graphflow.data.csv_files import CsvDataset, make_csv_dataset
from graphflow.data.dataset import Dataset, WindowSpec, seeds_more
from graphflow.data.functions import ElementFunction, TensorSpec, draw_seed
from graphflow.data.padding import Padding
from graphflow.graph import nest
from graphflow.graph.default import get_default_graph
from graphflow.graph.dtypes import as_dtype, int64
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor
from graphflow.ops.py_func import py_func

__all__ = [
    "AUTOTUNE", "INFINITE_CARDINALITY", "UNKNOWN_CARDINALITY", "Counter", "CsvDataset",
    "OptimizationOptions", "RandomDataset", "ThreadingOptions", "bucket_by_sequence_length",
    "choose_from_datasets", "copy_to_device", "enumerate_dataset", "get_single_element",
    "group_by_window", "ignore_errors", "make_csv_dataset", "map_and_batch", "parallel_interleave",
    "prefetch_to_device", "sample_from_datasets", "shuffle_and_repeat", "take_while", "unbatch",
    "unique",
]  # fmt: skip

AUTOTUNE, INFINITE_CARDINALITY, UNKNOWN_CARDINALITY = -1, -1, -2
Elements = Iterator[tuple[np.ndarray[Any, Any], ...]]
Transformation = Callable[[Dataset], Dataset]


class OptimizationOptions:
    """Accepted: all choices are made here."""


class ThreadingOptions:
    """Accepted: all choices are made here."""


# ---- two steps in one


def shuffle_and_repeat(
    buffer_size: Any, count: Any = None, seed: int | None = None
) -> Transformation:
    """`Dataset.shuffle`, then `Dataset.repeat`."""

    @counted(lambda dataset: 3 + seeds_more(seed))
    def apply(dataset: Dataset) -> Dataset:
        return dataset.shuffle(buffer_size, seed).repeat(count)

    return apply


def map_and_batch(
    map_func: Callable[..., Any], batch_size: Any, num_parallel_batches: Any = None,
    drop_remainder: bool = False, num_parallel_calls: Any = None,
) -> Transformation:  # fmt: skip
    """`Dataset.map`, then `Dataset.batch`."""
    threads = num_parallel_calls if num_parallel_batches is None else num_parallel_batches

    @counted(3)
    def apply(dataset: Dataset) -> Dataset:
        return dataset.map(map_func, threads).batch(batch_size, drop_remainder)

    return apply


def parallel_interleave(
    map_func: Callable[..., Any], cycle_length: int, block_length: int = 1, sloppy: bool = False,
    buffer_output_elements: Any = None, prefetch_input_elements: Any = None,
) -> Transformation:  # fmt: skip
    """`Dataset.interleave`; the order is always the same."""

    @counted(6)
    def apply(dataset: Dataset) -> Dataset:
        return dataset.interleave(map_func, cycle_length, block_length)

    return apply


def unbatch() -> Transformation:
    """`Dataset.unbatch`."""
    return lambda dataset: dataset.unbatch()


def enumerate_dataset(start: int = 0) -> Transformation:
    """`Dataset.enumerate`."""
    return lambda dataset: dataset.enumerate(start)


def prefetch_to_device(device: str, buffer_size: Any = None) -> Transformation:
    """`Dataset.prefetch`: there is one device."""
    return lambda dataset: dataset.prefetch(1 if buffer_size is None else buffer_size)


def copy_to_device(target_device: str, source_device: str = "/cpu:0") -> Transformation:
    """Nothing: there is one device."""
    return lambda dataset: dataset


# ---- which elements


def ignore_errors() -> Transformation:
    """Leave out elements that fail."""

    @counted(1)
    def apply(dataset: Dataset) -> Dataset:
        def walk(values: Any) -> Elements:
            elements = dataset.walk(values)
            while True:
                try:
                    yield next(elements)
                except StopIteration:
                    return
                except errors.OpError:
                    continue

        return Dataset(dataset.element_spec, dataset.sources(), walk)

    return apply


def take_while(predicate: Callable[..., Any]) -> Transformation:
    """The elements up to the first for which the function is false."""

    @counted(1)
    def apply(dataset: Dataset) -> Dataset:
        function = ElementFunction(predicate, dataset.element_spec, get_default_graph())

        def walk(values: Any) -> Elements:
            captured = [values[t] for t in function.captured]
            return itertools.takewhile(
                lambda element: bool(function(element, captured)[0]), dataset.walk(values)
            )

        return Dataset(dataset.element_spec, [*dataset.sources(), *function.captured], walk)

    return apply


def unique() -> Transformation:
    """Each scalar once."""

    def apply(dataset: Dataset) -> Dataset:
        def walk(values: Any) -> Elements:
            seen: set[Any] = set()
            for element in dataset.walk(values):
                value = element[0].item()
                if value not in seen:
                    seen.add(value)
                    yield element

        return Dataset(dataset.element_spec, dataset.sources(), walk)

    return apply


def bucket_by_sequence_length(
    element_length_func: Callable[..., Any], bucket_boundaries: Sequence[int],
    bucket_batch_sizes: Sequence[int], padded_shapes: Any = None, padding_values: Any = None,
    pad_to_bucket_boundary: bool = False, no_padding: bool = False, drop_remainder: bool = False,
) -> Transformation:  # fmt: skip
    """Batches of elements of similar length, padded.

    Parameters
    ----------
    element_length_func : gives an element's length.
    bucket_boundaries : the upper bounds of the buckets' lengths but the last.
    bucket_batch_sizes : the size of a batch for each bucket, one more than boundaries.
    padded_shapes, padding_values, drop_remainder : see `Dataset.padded_batch`.
    pad_to_bucket_boundary : pad to the longest length of the bucket, not of the batch.
    no_padding : elements of a bucket are of one length.
    """
    if len(bucket_batch_sizes) != len(bucket_boundaries) + 1:
        raise ValueError("len(bucket_batch_sizes) must equal len(bucket_boundaries) + 1")

    @counted(2)
    def apply(dataset: Dataset) -> Dataset:
        function = ElementFunction(element_length_func, dataset.element_spec, get_default_graph())
        shapes = padded_shapes
        if shapes is None:
            shapes = nest.map_structure(lambda s: s.shape, dataset.element_spec)
        padding = Padding(dataset.element_spec, shapes, padding_values)

        def batch(elements: list[Any], bucket: int, values: Any) -> Elements:
            if no_padding:
                return walks.batched(iter(elements), len(elements), False)
            wanted = padding.sizes
            if pad_to_bucket_boundary:
                if bucket == len(bucket_boundaries):
                    raise errors.InvalidArgumentError(
                        None, None, "an element is longer than the last boundary"
                    )
                length = bucket_boundaries[bucket] - 1
                wanted = [[length if n is None else n for n in sizes] for sizes in wanted]
            return walks.padded(
                iter(elements), len(elements), wanted, padding.fillings(values), False
            )

        def walk(values: Any) -> Elements:
            captured = [values[t] for t in function.captured]
            waiting: dict[int, list[Any]] = {}
            for element in dataset.walk(values):
                length = int(function(element, captured)[0])
                bucket = int(np.searchsorted(bucket_boundaries, length, side="right"))
                kept = waiting.setdefault(bucket, [])
                kept.append(element)
                if len(kept) == bucket_batch_sizes[bucket]:
                    yield from batch(waiting.pop(bucket), bucket, values)
            if not drop_remainder:
                for bucket in sorted(waiting):
                    yield from batch(waiting[bucket], bucket, values)

        captured = [*function.captured, *padding.tensors]
        return Dataset(padding.spec(None), [*dataset.sources(), *captured], walk)

    return apply


def group_by_window(
    key_func: Callable[..., Any], reduce_func: Callable[..., Any], window_size: Any = None,
    window_size_func: Callable[..., Any] | None = None,
) -> Transformation:  # fmt: skip
    """The data sets that a function makes of elements with one key, so many at a time.

    Parameters
    ----------
    key_func : gives an element's key, an int64.
    reduce_func : of a key and a data set of elements; gives a data set.
    window_size : how many elements there are at most; or a function of the key that says so.

    Raises
    ------
    ValueError : not just one of the last two is given.
    """
    if (window_size is None) == (window_size_func is None):
        raise ValueError("Must pass either window_size or window_size_func.")

    def apply(dataset: Dataset) -> Dataset:
        graph, key_spec = get_default_graph(), TensorSpec(int64, TensorShape([]))
        key_of = ElementFunction(key_func, dataset.element_spec, graph)
        size_of = ElementFunction(window_size_func or (lambda _: window_size), key_spec, graph)

        def walk(values: Any) -> Elements:
            of_key = [values[t] for t in key_of.captured]
            of_size = [values[t] for t in size_of.captured]
            waiting: dict[int, list[Any]] = {}

            def window(key: int) -> tuple[Any, ...]:
                columns = zip(*waiting.pop(key), strict=True)
                return np.asarray(key, np.int64), *(walks.packed(column) for column in columns)

            for element in dataset.walk(values):
                key = int(key_of(element, of_key)[0])
                waiting.setdefault(key, []).append(element)
                size = int(size_of((np.asarray(key, np.int64),), of_size)[0])
                if len(waiting[key]) >= size:
                    yield window(key)
            for key in list(waiting):
                yield window(key)

        parts = nest.map_structure(WindowSpec, dataset.element_spec)
        captured = [*dataset.sources(), *key_of.captured, *size_of.captured]
        grouped = Dataset((key_spec, parts), captured, walk)

        def reduced(key: Tensor, windows: Any) -> Any:
            is_one = isinstance(windows, Dataset)
            return reduce_func(key, windows if is_one else Dataset.zip(windows))

        return grouped.flat_map(reduced)

    return apply


# ---- from several data sets, and from none


def sample_from_datasets(
    datasets: Sequence[Dataset], weights: Any = None, seed: int | None = None
) -> Dataset:
    """Elements of several data sets, each from one that is drawn.

    Parameters
    ----------
    weights : numbers, one for each data set; equal when None.
    """
    count = len(datasets)
    share = np.full(count, 1.0 / count) if weights is None else np.asarray(weights, float)
    if share.shape != (count,):
        raise ValueError(f"`weights` must have {count} elements, got {weights}")
    chosen = draw_seed(seed)

    def walk(values: Any) -> Elements:
        draws = np.random.default_rng(chosen)
        parts = [dataset.walk(values) for dataset in datasets]
        left = share / share.sum()
        while left.sum() > 0:
            k = int(draws.choice(count, p=left / left.sum()))
            try:
                yield next(parts[k])
            except StopIteration:
                left[k] = 0.0

    sources = [t for dataset in datasets for t in dataset.sources()]
    return Dataset(datasets[0].element_spec, sources, walk)


def choose_from_datasets(datasets: Sequence[Dataset], choice_dataset: Dataset) -> Dataset:
    """Elements of several data sets, each from the one that a number names."""

    def walk(values: Any) -> Elements:
        parts = [dataset.walk(values) for dataset in datasets]
        for (number,) in choice_dataset.walk(values):
            yield from itertools.islice(parts[int(number)], 1)

    sources = [t for dataset in (*datasets, choice_dataset) for t in dataset.sources()]
    return Dataset(datasets[0].element_spec, sources, walk)


def Counter(start: int = 0, step: int = 1, dtype: Any = int64) -> Dataset:
    """Numbers without end."""
    kind = as_dtype(dtype)

    def walk(_: Any) -> Elements:
        return ((np.asarray(k, kind.numpy),) for k in itertools.count(start, step))

    return Dataset(TensorSpec(kind, []), [], walk)


def RandomDataset(seed: int | None = None) -> Dataset:
    """Random numbers of 32 bits without end."""
    chosen = draw_seed(seed)

    def walk(_: Any) -> Elements:
        draws = np.random.default_rng(chosen)
        while True:
            yield (np.asarray(draws.integers(1 << 32), np.int64),)

    return Dataset(TensorSpec(int64, []), [], walk)


def get_single_element(dataset: Dataset) -> Any:
    """The element of a data set that has one, as tensors.

    Raises
    ------
    InvalidArgumentError : in a run, when it has none, or more.
    """
    sources, spec = dataset.sources(), nest.flatten(dataset.element_spec)

    def single(*arrays: Any) -> Any:
        found = list(itertools.islice(dataset.walk(dict(zip(sources, arrays, strict=True))), 2))
        if len(found) != 1:
            kind = "Dataset was empty." if not found else "Dataset had more than one element."
            raise errors.InvalidArgumentError(None, None, kind)
        return list(found[0])

    made = py_func(single, sources, [s.dtype for s in spec])
    tensors: list[Tensor] = made if isinstance(made, list) else [made]
    for tensor, known in zip(tensors, spec, strict=True):
        tensor.set_shape(known.shape)
    return nest.pack_sequence_as(dataset.element_spec, tensors)
