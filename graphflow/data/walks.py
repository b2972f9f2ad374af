"""Walking through elements: the generators behind a `Dataset`'s methods.

An element is a tuple of arrays.
"""

from __future__ import annotations

import glob
import itertools
import pickle
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np

from graphflow import errors
from graphflow.data.functions import CALLS_BEFORE_BLOCKS, ElementFunction
from graphflow.data.rows import Batches, Element, kept_together, rows_of
from graphflow.graph import nest
from graphflow.ir.philox import generator_words
from graphflow.ops.strings import object_array

Array = np.ndarray[Any, Any]
Item = TypeVar("Item")
Elements = Iterator[Element]

BLOCKS_AHEAD = 2  # of results, computed on a thread


def as_array(value: Any, dtype: Any) -> Array:
    """A value as an array of a type; text as objects of bytes."""
    if dtype.kind != "string":
        return np.asarray(value, dtype=dtype.numpy)
    found = np.asarray(value, dtype=object)
    texts = (t.encode() if isinstance(t, str) else bytes(t) for t in found.ravel().tolist())
    return object_array(found.shape, texts)


def generated(items: Iterable[Any], spec: Any) -> Elements:
    """What a generator yields, checked against the types and shapes that were promised.

    Raises
    ------
    InvalidArgumentError : an item has another structure, type or shape.
    """
    wanted = nest.flatten(spec)
    for item in items:
        structure = tuple(item) if isinstance(spec, tuple) and isinstance(item, list) else item
        try:
            parts = nest.flatten_up_to(spec, structure, check_types=False)
            arrays = [as_array(p, s.dtype) for p, s in zip(parts, wanted, strict=True)]
        except (TypeError, ValueError) as error:
            raise errors.InvalidArgumentError(
                None, None,
                "`generator` yielded an element that could not be converted to the expected type. "
                f"The expected types were {[s.dtype.name for s in wanted]}, but the yielded "
                f"element was {item}.",
            ) from error  # fmt: skip
        for array, known in zip(arrays, wanted, strict=True):
            if not known.shape.is_compatible_with(array.shape):
                raise errors.InvalidArgumentError(
                    None, None,
                    f"`generator` yielded an element of shape {array.shape} where an element of "
                    f"shape {known.shape} was expected.",
                )  # fmt: skip
        yield tuple(arrays)


def file_names(patterns: Array, shuffle: bool, seed: int | None) -> Elements:
    """The files that match the patterns; NotFoundError when none does."""
    texts = [p.decode() for p in np.asarray(patterns, object).ravel()]
    names = sorted(name for text in texts for name in glob.glob(text))
    if not names:
        raise errors.NotFoundError(None, None, f"No files matched pattern: {', '.join(texts)}")
    if shuffle:
        np.random.default_rng(seed).shuffle(names)
    for name in names:
        yield (object_array((), [name.encode()]),)


def mapped(
    elements: Elements, function: ElementFunction, captured: Sequence[Array], threads: int,
    block: int,
) -> Elements:  # fmt: skip
    """The function's results, in order; with several threads some are computed ahead.

    `block` elements at once, where the function can.
    """

    def one(element: Element) -> Element:
        return function(element, captured)

    if block <= 1 or not function.takes_blocks:
        return _one_by_one(elements, one, threads)

    def blocks() -> Iterator[Iterable[Element]]:
        while function.takes_blocks and (taken := list(itertools.islice(elements, block))):
            made = function.of_block(taken, captured) if len(taken) == block else None
            yield map(one, taken) if made is None else rows_of(made)

    def parts() -> Iterator[Iterable[Element]]:
        first = max(CALLS_BEFORE_BLOCKS - function.calls, 0)
        yield _one_by_one(itertools.islice(elements, first), one, threads)
        yield from blocks() if threads <= 1 else prefetched(blocks(), BLOCKS_AHEAD)
        yield _one_by_one(elements, one, threads)  # those of a function that refused

    return itertools.chain.from_iterable(parts())


def _one_by_one(
    elements: Elements, function: Callable[[Element], Element], threads: int
) -> Elements:
    # A `map` goes on behind an element that failed; a generator would have ended.
    return map(function, elements) if threads <= 1 else _ahead(elements, function, threads)


def _ahead(elements: Elements, function: Callable[[Element], Element], threads: int) -> Elements:
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Any] = deque()
        try:
            for element in elements:
                waiting.append(pool.submit(function, element))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def interleaved(inner: Iterator[Elements], cycle: int, block: int) -> Elements:
    """Blocks of elements of several walks in turn."""
    opened: list[Elements] = []
    left = True
    while left or opened:
        while left and len(opened) < cycle:
            following = next(inner, None)
            left = following is not None
            if following is not None:
                opened.append(following)
        for walk in list(opened):
            taken = list(itertools.islice(walk, block))
            yield from taken
            if len(taken) < block:
                opened.remove(walk)


def groups(elements: Elements, size: int, drop: bool) -> Iterator[list[Element]]:
    """So many elements at a time."""
    if size < 1:
        raise errors.InvalidArgumentError(None, None, "batch_size must be greater than zero.")
    while True:
        taken = list(itertools.islice(elements, size))
        if not taken or (drop and len(taken) < size):
            return
        yield taken


def batched(elements: Elements, size: int, drop: bool) -> Elements:
    """Elements stacked, so many at a time."""
    batches = Batches()
    for taken in groups(elements, size, drop):
        yield batches.of(taken)


def padded(
    elements: Elements, size: int, shapes: Sequence[Any], fillings: Sequence[Any], drop: bool
) -> Elements:
    """Elements padded to one shape and stacked."""
    for taken in groups(elements, size, drop):
        columns = zip(*taken, strict=True)
        yield tuple(
            padded_rows(column, shape, filling)
            for column, shape, filling in zip(columns, shapes, fillings, strict=True)
        )


def padded_rows(arrays: Sequence[Array], shape: Sequence[int | None], filling: Any) -> Array:
    """Arrays padded to one shape, as rows of one; None in it is the largest that there is.

    Raises
    ------
    InvalidArgumentError, DataLossError : an array of another rank, or larger than the shape.
    """
    for array in arrays:
        if array.ndim != len(shape):
            raise errors.InvalidArgumentError(
                None, None, f"elements of rank {array.ndim} for a padded shape {list(shape)}"
            )
    full = [
        max(a.shape[k] for a in arrays) if wanted is None else wanted
        for k, wanted in enumerate(shape)
    ]
    found = np.empty((len(arrays), *full), arrays[0].dtype)
    found[...] = filling
    for k, array in enumerate(arrays):
        if any(have > size for have, size in zip(array.shape, full, strict=True)):
            raise errors.DataLossError(
                None, None,
                f"Attempted to pad to a smaller size than the input element: {array.shape}, {full}",
            )  # fmt: skip
        place: Any = (k, *(slice(n) for n in array.shape))
        found[place] = array
    return found


def windows(
    elements: Elements, size: int, shift: int, stride: int, drop: bool
) -> Iterator[list[Element]]:
    """Lists of elements, each beginning `shift` elements after the one before."""
    waiting: list[Element] = []
    span = (size - 1) * stride + 1
    while True:
        waiting += itertools.islice(elements, max(span - len(waiting), 0))
        window = waiting[:span:stride]
        if not window or (drop and len(window) < size):
            return
        yield window
        skipped = max(shift - len(waiting), 0)
        waiting = waiting[shift:]
        for _ in itertools.islice(elements, skipped):
            pass


def packed(arrays: Sequence[Array]) -> Array:
    """Arrays as one text, which passes through functions as a tensor does."""
    found = np.empty((), object)
    found[()] = pickle.dumps(arrays)
    return found


def unpacked(text: Array) -> Elements:
    """The elements of a text that `packed` made."""
    return ((array,) for array in pickle.loads(text.item()))


def unbatched(elements: Elements) -> Elements:
    """The rows of every element."""
    for element in elements:
        for k in range(len(element[0])):
            yield tuple(a[k, ...] for a in element)


class Shuffles:
    """Orders as TensorFlow draws them: an element's place among those that wait, word by word.

    Parameters
    ----------
    seeds : of the graph and of the operation; any when both are None.
    changes : whether each walk of an iterator has an order of its own.
    """

    def __init__(self, seeds: tuple[int | None, int | None], changes: bool) -> None:
        self.seeds, self.changes = (seeds[0] or 0, seeds[1] or 0), changes

    def _words(self, values: Any) -> Iterator[int]:
        """The words of a walk; `values` is the same in all walks of one iterator."""
        if not self.changes:
            return generator_words(*self.seeds)
        parent = values.setdefault(self, generator_words(*self.seeds))
        return generator_words(next(parent), next(parent))

    def shuffled(self, elements: Elements, size: int, values: Any) -> Elements:
        """Each element drawn from a buffer of the next ones."""
        return _drawn_in_turn(iter([elements]), size, self._words(values))

    def repeated(self, walk: Callable[[], Elements], size: int, count: int) -> Elements:
        """Several walks, one after the other; the buffer fills from the next one meanwhile."""
        numbers = itertools.count() if count < 0 else range(count)
        return _drawn_in_turn((walk() for _ in numbers), size, generator_words(*self.seeds))


def _drawn_in_turn(parts: Iterator[Elements], size: int, words: Iterator[int]) -> Elements:
    """The elements of each part in an order that is drawn, by a ring of so many elements.

    TensorFlow's way, and so its order: an element of the oldest part that the ring holds is drawn,
    and the part's first one comes in its place. A part without elements ends all.
    """
    if size < 1:
        raise errors.InvalidArgumentError(None, None, "buffer_size must be greater than zero.")
    ring: dict[int, Element] = {}
    ends: deque[int] = deque([0])  # where each part in the ring ends; the last one still grows
    start, part, gave = 0, next(parts, None), False
    while True:
        while part is not None and ends[-1] - start < size:
            element = next(part, None)
            if element is not None:
                ring[ends[-1] % size] = element
                ends[-1] += 1
                gave = True
                continue
            part, gave = next(parts, None) if gave else None, False
            if part is not None:
                ends.append(ends[-1])
        while len(ends) > 1 and ends[0] == start:
            ends.popleft()
        if ends[0] == start:
            return
        place = (start + next(words) % (ends[0] - start)) % size
        first = ring.pop(start % size)
        if place == start % size:
            yield first
        else:
            found, ring[place] = ring[place], first
            yield found
        start += 1


def repeated(walk: Callable[[], Elements], count: int) -> Elements:
    """The elements of several walks; for ever when `count` is negative."""
    done = 0
    while count < 0 or done < count:
        was_empty = True
        for element in walk():
            was_empty = False
            yield element
        if was_empty and count < 0:
            return
        done += 1


class Cache:
    """Elements kept after the first walk through all of them."""

    def __init__(self) -> None:
        self.kept: list[Element] | None = None

    def walk(self, first: Callable[[], Elements]) -> Elements:
        """The elements."""
        if self.kept is not None:
            yield from self.kept
            return
        found = []
        for element in first():
            found.append(element)
            yield element
        self.kept = kept_together(found)


_END = object()


def prefetched(elements: Iterator[Item], size: int) -> Iterator[Item]:
    """Elements that a thread prepares ahead, as many as `size`; it ends with the walk."""
    waiting: queue.Queue[Any] = queue.Queue(size if size > 0 else 8)
    stop = threading.Event()

    def put(item: Any) -> bool:
        while not stop.is_set():
            try:
                waiting.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            for element in elements:
                if not put(element):
                    return
        except BaseException as error:  # handed to the reader, which raises it
            put(error)
            return
        put(_END)

    thread = threading.Thread(target=work, daemon=True, name="graphflow-prefetch")
    thread.start()
    try:
        while True:
            item = waiting.get()
            if item is _END:
                return
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
