"""Elements that are rows of arrays, so that batches of them need few copies or none.

Rows come from tensors, from functions that run over many elements at once, and from caches. Rows
that follow each other are a batch where they lie; nobody writes to an element.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from graphflow import errors
from graphflow.runtime.call import LARGE_OUTPUT_BYTES, Binding, OutputMemory

Array = np.ndarray[Any, Any]
Element = tuple[Array, ...]

# Batches that are alive at once: those prepared ahead, and what a loop keeps.
BATCHES_ALIVE = 16
KEPT_TOGETHER_BYTES = 64 << 20  # elements of a cache that become rows of one array


class Row(tuple[Array, ...]):
    """An element that is a row of a block's arrays."""

    block: Sequence[Array]
    place: int

    @classmethod
    def of(cls, block: Sequence[Array], place: int) -> Row:
        """The element at a place of a block."""
        row = cls([array[place, ...] for array in block])
        row.block, row.place = block, place
        return row


def rows_of(block: Sequence[Array]) -> Iterator[Row]:
    """All elements of a block."""
    return (Row.of(block, place) for place in range(len(block[0])))


def side_by_side(parts: Iterable[tuple[Element, ...]]) -> Iterator[Element]:
    """Elements with the components of several; rows stay rows, where their places agree."""
    blocks: tuple[Any, ...] = ()
    joined: Sequence[Array] = ()
    for elements in parts:
        element = tuple(array for one in elements for array in one)
        first = elements[0]
        if isinstance(first, Row):
            own = tuple(e.block for e in elements if isinstance(e, Row) and e.place == first.place)
            if len(own) == len(elements):
                if len(own) != len(blocks) or any(
                    a is not b for a, b in zip(own, blocks, strict=True)
                ):
                    blocks, joined = own, [array for block in own for array in block]
                element = Row(element)
                element.block, element.place = joined, first.place
        yield element


def kept_together(elements: list[Element]) -> list[Element]:
    """The elements as rows of few arrays, where their shapes allow it."""
    if not elements:
        return elements
    kinds = [(a.dtype, a.shape) for a in elements[0]]
    alike = all([(a.dtype, a.shape) for a in e] == kinds for e in elements)
    if not alike or any(dtype.hasobject for dtype, _ in kinds):
        return elements
    size = max(sum(a.nbytes for a in elements[0]), 1)
    count = max(KEPT_TOGETHER_BYTES // size, 1)
    for start in range(0, len(elements), count):  # one by one, so that what is copied can go
        block = [np.stack(column) for column in zip(*elements[start : start + count], strict=True)]
        elements[start : start + count] = rows_of(block)
    return elements


class Batches:
    """Stacks elements, into memory that is taken again when nobody has the batch any longer."""

    def __init__(self) -> None:
        self._memory: dict[Any, OutputMemory] = {}

    def of(self, elements: Sequence[Element]) -> Element:
        """The batch of the elements.

        Raises
        ------
        InvalidArgumentError : their shapes differ.
        """
        found = places_of(elements)
        if found is None:
            columns = enumerate(zip(*elements, strict=True))
            return tuple(self._stacked(k, column) for k, column in columns)
        block, places = found
        first, count = places[0], len(places)
        if places == list(range(first, first + count)):
            return tuple(array[first : first + count] for array in block)
        return tuple(self._taken(k, array, places) for k, array in enumerate(block))

    def _taken(self, column: int, array: Array, places: list[int]) -> Array:
        if array.dtype == object:
            return array[places]
        made = self._new(column, (len(places), *array.shape[1:]), array.dtype)
        return array.take(places, 0, made, "clip")  # which, unlike "raise", makes no copy first

    def _stacked(self, column: int, arrays: Sequence[Array]) -> Array:
        if arrays[0].dtype == object or len({a.shape for a in arrays}) > 1:
            return stacked(arrays)
        made = self._new(column, (len(arrays), *arrays[0].shape), arrays[0].dtype)
        return np.stack(arrays, out=made)

    def _new(self, column: int, shape: tuple[int, ...], dtype: Any) -> Array:
        place = Binding(0, dtype, shape)
        if place.nbytes < LARGE_OUTPUT_BYTES:
            return np.empty(shape, dtype)
        key = column, shape, dtype
        if key not in self._memory:
            self._memory[key] = OutputMemory(place, BATCHES_ALIVE)
        return self._memory[key].take()


def places_of(elements: Sequence[Element]) -> tuple[Sequence[Array], list[int]] | None:
    """The block that has all elements as rows, and their places; None when there is none."""
    first = elements[0]
    if not isinstance(first, Row):
        return None
    block = first.block
    places = [e.place for e in elements if isinstance(e, Row) and e.block is block]
    return (block, places) if len(places) == len(elements) else None


def stacked(arrays: Sequence[Array]) -> Array:
    """Arrays of one shape as rows of one; InvalidArgumentError for several shapes."""
    shapes = {a.shape for a in arrays}
    if len(shapes) > 1:
        one, other = list(shapes)[:2]
        raise errors.InvalidArgumentError(
            None, None,
            "Cannot batch tensors with different shapes in component 0. First element had shape "
            f"{list(one)} and element 1 had shape {list(other)}.",
        )  # fmt: skip
    if arrays[0].dtype == object:
        found = np.empty((len(arrays), *arrays[0].shape), object)
        for k, array in enumerate(arrays):
            found[k] = array if array.shape else array[()]
        return found
    return np.stack(arrays)
