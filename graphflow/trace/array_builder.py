"""What operations on arrays of tensors ask of the trace.

An array is one node with its elements stacked, so that reading an element is a `gather` of one row
and writing one a `scatter`. Whether an index is in range is checked in the run, unless that is
known: see `index_range`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from graphflow import errors
from graphflow.graph.arrays import as_array
from graphflow.graph.dtypes import DType
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import TensorShape
from graphflow.ir.builder import Builder
from graphflow.ir.dims import Dim, UndecidableDim, dims_equal
from graphflow.ir.node import Node, is_constant
from graphflow.trace.arrays import WITHOUT_ELEMENTS, ElementList, TensorArrayValue, UnwrittenArray


class ArrayBuilder(Builder):
    """A builder that knows arrays of tensors.

    Attributes
    ----------
    ranges : for a loop variable that counts, its lowest value and the first that it never has.
    in_loop : whether what is built is part of a loop's body.
    growing : arrays that can grow, of a known size so far, to which a loop's body writes.
    """

    ranges: dict[Node, tuple[Dim, Dim]]
    growing: set[Node]
    in_loop = False

    # ---- one element a round

    def loop_array(self, dtype: DType, frame: str) -> UnwrittenArray:
        """An array of as many elements as the loop has rounds."""
        return UnwrittenArray(dtype, None, frame)

    def no_element(self, dtype: DType) -> UnwrittenArray:
        """What is not there, in a branch that is not taken."""
        return UnwrittenArray(dtype, 0)

    def write_element(self, mode: str, array: Any, index: Node, value: Node) -> Any:
        """An array with one element set, or added to."""
        if (isinstance(array, UnwrittenArray) and array.loop and self.in_loop) and (
            isinstance(value, Node) and is_constant(value)
        ):  # the same in every round, unless rounds are traced one by one
            return replace(array, constant=value)
        if isinstance(value, WITHOUT_ELEMENTS):
            return _array_of_equals(array, value)
        value = self.runtime(value)
        if isinstance(array, UnwrittenArray):
            array = self.full((array.size or 1, *value.shape), 0, value.dtype)
        if value.dtype.kind == "string":
            types = [(array.dtype, array.shape)]
            results = self.call_python(_with_row, [array, index, value], types, stateful=False)
            return results[0]
        index = self.reshape(self.runtime(index), (1,))
        return self.scatter(mode, array, index, self.reshape(value, (1, *value.shape)))

    def keep_element(self, array: Any, index: Node, value: Any, is_array: bool = False) -> Any:
        """An array of a loop's rounds with this round's element.

        `is_array` tells that the element is an array of an inner loop, which has as many elements
        as that had rounds; more are never read.
        """
        if self.in_loop or not isinstance(value, Node) or value.dtype.kind == "string":
            return self.write_element("set", array, index, value)
        # Rounds that are traced one by one: the array has an element for each so far.
        row = self.reshape(self.runtime(value), (1, *value.shape))
        if isinstance(array, UnwrittenArray):
            return row
        if is_array and array.rank == row.rank > 1:
            size = max(array.shape[1], row.shape[1])
            array, row = self._padded(array, size), self._padded(row, size)
        return self.concat([array, row], 0)

    def _padded(self, array: Node, size: Dim) -> Node:
        """An array whose elements are arrays, with zeros added to these."""
        count, have, *rest = array.shape
        if dims_equal(have, size):
            return array
        more = self.full((count, size - have, *rest), 0, array.dtype)
        return self.concat([array, more], 1)

    def read_element(self, array: Any, index: Node) -> Any:
        """One element of an array: a node, or an array of an inner loop without elements."""
        if isinstance(array, UnwrittenArray) and array.constant is not None:
            return array.constant
        if isinstance(array, UnwrittenArray):
            raise ValueError("an element is read of an array that nothing was written to")
        if array.dtype.kind == "string":
            types = [(array.dtype, array.shape[1:])]
            return self.call_python(_row, [array, index], types, stateful=False)[0]
        return self.gather(array, self.runtime(index))

    def call_python(
        self, function: Callable[..., Any], inputs: Sequence[Node],
        types: Sequence[tuple[DType, Any]], stateful: bool = True,
    ) -> tuple[Node, ...]:  # fmt: skip
        """Call a Python function in the run: text has no native form."""
        raise NotImplementedError

    # ---- arrays of the user

    def array_handle(self, op: Operation, size: Dim) -> TensorArrayValue:
        """What an operation that makes an array declares."""
        attrs = op.attrs
        name = attrs["tensor_array_name"] or op.name
        element = TensorShape(attrs["element_shape"])
        return TensorArrayValue(attrs["dtype"], size, attrs["dynamic_size"], element, name)

    def new_array(self, handle: TensorArrayValue) -> Any:
        """The flow of an array that was just made."""
        shape = handle.element
        if handle.dynamic_size or not shape.is_fully_defined() or handle.dtype.kind == "string":
            return UnwrittenArray(handle.dtype, handle.size, grows=handle.dynamic_size)
        return self.full((handle.size, *shape.as_list()), 0, handle.dtype)

    def write_at(
        self, handle: TensorArrayValue, mode: str, index: Node, value: Node, array: Any,
        is_checked: bool,
    ) -> Any:  # fmt: skip
        """An array with the element at an index set, or added to."""
        value = self.runtime(value)
        place: int | None = _known_index(index)
        if isinstance(array, ElementList) or _differs(array, value):
            return self._write_in_list(handle, index, value, array)
        grows = handle.dynamic_size
        if grows and place is None and not self.in_loop:
            place = self.static_int(index)
        if grows and place is None and isinstance(array, UnwrittenArray):
            # A guess: the loop is traced again with the array that it turns out to need.
            return self.write_element("set", array, index, value)
        if isinstance(array, UnwrittenArray):
            array = self.full((array.size or 0, *value.shape), 0, value.dtype)
        if grows and place is not None:
            array = self.grown(array, place + 1)
        if grows and place is None and not is_checked and isinstance(array, Node):
            self.growing.add(array)
        if not is_checked:
            text = "Tried to write to index {} but array is not resizeable and size is: {}"
            self.check_index(handle, index, array.shape[0], text)
        return self.write_element(mode, array, index, value)

    def _write_in_list(
        self, handle: TensorArrayValue, index: Node, value: Node, array: Any
    ) -> ElementList:
        if handle.element.is_fully_defined() or (isinstance(array, Node) and self.in_loop):
            raise ValueError(
                f"TensorArray {handle.name}: Could not write to TensorArray: the shape of the "
                f"value is {list(value.shape)}, expected {list(array.shape[1:])}"
            )
        if isinstance(array, Node):
            rows = range(int(array.shape[0]))
            array = ElementList(
                array.dtype, len(rows),
                {k: self.reshape(self.slice_row(array, k), array.shape[1:]) for k in rows},
            )  # fmt: skip
        return array.changed(self.static_int(index), value)

    def slice_row(self, array: Node, row: int) -> Node:
        """One row of a node, with its axis."""
        starts = [row] + [0] * (array.rank - 1)
        return self.slice(array, starts, [1, *array.shape[1:]])

    def grown(self, array: Node, size: Dim) -> Node:
        """An array with zeros added up to a size."""
        have = array.shape[0]
        if not isinstance(have, int) or not isinstance(size, int) or have >= size:
            return array
        more = self.full((size - have, *array.shape[1:]), 0, array.dtype)
        return self.concat([array, more], 0) if have else more

    def read_at(
        self, handle: TensorArrayValue, index: Node, array: Any, shape: Any, is_checked: bool
    ) -> Node:
        """The element at an index."""
        if isinstance(array, ElementList):
            number = self.static_int(index)
            if number not in array.elements:
                raise ValueError(f"TensorArray {handle.name}: {_unwritten(number)}")
            return array.elements[number]
        if isinstance(array, UnwrittenArray):
            array = self.stacked(handle, array, shape)
        if not is_checked:
            text = "Tried to read from index {} but array size is: {}"
            self.check_index(handle, index, array.shape[0], text)
        place, size = _known_index(index), array.shape[0]
        if size == 0:
            return self.full(array.shape[1:], 0, array.dtype)
        if place is not None and 0 <= place and _at_most(place + 1, size):
            return self.reshape(self.slice_row(array, place), array.shape[1:])
        return self.read_element(array, index)

    def stacked(self, handle: TensorArrayValue, array: Any, shape: Any) -> Node:
        """An array's stacked elements; zeros of the shape where nothing was written."""
        if isinstance(array, ElementList):
            values = array.ordered()
            rows = [self.reshape(v, (1, *v.shape)) for v in values]
            return self.concat(rows, 0)
        if not isinstance(array, UnwrittenArray):
            return array
        known = handle.element if handle.element.is_fully_defined() else shape
        if not known.is_fully_defined():
            raise errors.UnimplementedError(
                None, None,
                f"TensorArray {handle.name}: {_unwritten(0)}  Furthermore, the element shape is "
                f"not fully defined: {known}.",
            )  # fmt: skip
        return self.full((array.size or 0, *known.as_list()), 0, array.dtype)

    def array_size(self, handle: TensorArrayValue, array: Any) -> Dim:
        """How many elements an array has."""
        if isinstance(array, Node):
            return array.shape[0]
        return array.size or 0

    def element_nodes(self, handle: TensorArrayValue, array: Any) -> Any:
        """All elements: stacked in one node where they have one shape, else a list of them."""
        return (
            array.ordered()
            if isinstance(array, ElementList)
            else self.stacked(handle, array, handle.element)
        )

    def write_rows(
        self, handle: TensorArrayValue, mode: str, indices: Node, rows: Node, array: Any,
        is_all: Callable[[Node, Dim], bool],
    ) -> Any:  # fmt: skip
        """An array with several elements set, or added to."""
        rows = self.runtime(rows)
        if indices.rank != 1 or not rows.rank or not dims_equal(indices.shape[0], rows.shape[0]):
            raise ValueError(
                f"TensorArray {handle.name}: expected as many values as indices, got shapes "
                f"{list(rows.shape)} and {list(indices.shape)}"
            )
        count = indices.shape[0]
        size = self.array_size(handle, array)
        covers = dims_equal(size, count) or (handle.dynamic_size and _at_most(size, count))
        if covers and is_all(indices, count):
            return (
                self.pointwise("add", array, rows)
                if mode == "add" and isinstance(array, Node)
                else rows
            )
        if handle.dynamic_size:
            highest = max((int(i) for i in self.static_ints(indices)), default=-1) + 1
            size = max(size, highest)
        if not isinstance(array, Node):
            array = self.full((size, *rows.shape[1:]), 0, rows.dtype)
        array = self.grown(array, size) if handle.dynamic_size else array
        if _differs(array, self.reshape(self.slice_row(rows, 0), rows.shape[1:])):
            raise ValueError(
                f"TensorArray {handle.name}: expected elements of shape {list(array.shape[1:])}, "
                f"got {list(rows.shape[1:])}"
            )
        self.check_indices(handle, indices, array.shape[0])
        return self.scatter(mode, array, self.runtime(indices), rows)

    def split_rows(
        self, handle: TensorArrayValue, value: Node, lengths: list[Dim], array: Any
    ) -> Any:
        """An array with the parts of a node along its first axis as its elements."""
        value = self.runtime(value)
        if not value.rank:
            raise ValueError(f"TensorArray {handle.name}: expected a value to split, got a scalar")
        total = sum(lengths, 0)
        if not dims_equal(total, value.shape[0]):
            raise ValueError(
                f"TensorArray {handle.name}: Expected sum of lengths to be equal to "
                f"values.shape[0], but sum of lengths is {total} and value's shape is: "
                f"{list(value.shape)}"
            )
        size = self.array_size(handle, array)
        if not handle.dynamic_size and size != len(lengths):
            raise ValueError(
                f"TensorArray {handle.name}: TensorArray's size is not equal to the size of "
                f"lengths ({size} vs. {len(lengths)}), and the TensorArray is not marked as "
                "dynamically resizeable"
            )
        rest = value.shape[1:]
        if len(set(lengths)) == 1:
            return self.reshape(value, (len(lengths), lengths[0], *rest))
        parts: dict[int, Node] = {}
        start: Dim = 0
        for number, length in enumerate(lengths):
            parts[number] = self.slice(value, [start] + [0] * len(rest), [length, *rest])
            start = start + length
        return ElementList(value.dtype, len(parts), parts)

    # ---- indices

    def check_indices(self, handle: TensorArrayValue, indices: Node, size: Dim) -> None:
        """Let the run fail if one of several indices is out of range."""
        if indices.op == "iota" and _at_most(indices.shape[0], size):
            return
        indices = self.runtime(indices)
        limit = self.runtime(self.dim(size, indices.dtype))
        fits = self.in_range(indices, limit)
        message = _IndicesMessage(f"TensorArray {handle.name}: ")
        every = self.reduce("and", fits, [0])
        self.check(every, "InvalidArgumentError", message, (indices, limit))

    def in_range(self, index: Node, limit: Node) -> Node:
        """Whether an index, or each of several, is one below the limit."""
        is_low = self.pointwise("ge", index, self.const(0, index.dtype))
        return self.pointwise("and", is_low, self.pointwise("lt", index, limit))

    def check(self, condition: Node, error: str, message: Any, data: Sequence[Node] = ()) -> None:
        """Let the run fail unless a condition holds."""
        raise NotImplementedError

    def index_range(self, index: Node) -> tuple[Dim, Dim] | None:
        """The lowest value of an index and the first that is too high for it; None if unknown."""
        while index.op == "reshape":
            index = index.inputs[0]
        if index.op == "const" and index["value"].array.size == 1:
            value = index["value"].array.reshape(()).item()
            return value, value + 1
        if index in self.ranges:
            return self.ranges[index]
        if index.op in ("add", "sub"):
            first, second = (self.index_range(i) for i in index.inputs)
            if first is not None and second is not None and second[1] - second[0] == 1:
                step = second[0] if index.op == "add" else -second[0]
                return first[0] + step, first[1] + step
        return None

    def check_index(self, handle: TensorArrayValue, index: Node, size: Dim, text: str) -> None:
        """Let the run fail if an index is out of range, unless it is known not to be."""
        known = self.index_range(index)
        if known is not None and _not_negative(known[0]) and _at_most(known[1], size):
            return
        index = self.runtime(index)
        limit = self.runtime(self.dim(size, index.dtype))
        fits = self.in_range(index, limit)
        message = _IndexMessage(f"TensorArray {handle.name}: {text}")
        self.check(self.reshape(fits, ()), "InvalidArgumentError", message, (index, limit))


def _array_of_equals(array: Any, value: Any) -> UnwrittenArray:
    """The array that a loop fills with what has no elements itself, an inner loop's array."""
    if not isinstance(array, UnwrittenArray) or array.constant not in (None, value):
        raise ValueError("a loop in a loop stores nothing, or other constants, in some rounds only")
    return replace(array, constant=value)


def _with_row(array: Any, index: Any, value: Any) -> list[Any]:
    changed = np.array(array)
    changed[int(index)] = as_array(value)[()]
    return [changed]


def _row(array: Any, index: Any) -> list[Any]:
    return [as_array(array[int(index)])]


@dataclass(frozen=True)
class _IndexMessage:
    """A message with an index and a size."""

    text: str

    def __call__(self, index: Any, size: Any) -> str:
        return self.text.format(int(np.ravel(index)[0]), int(size))


@dataclass(frozen=True)
class _IndicesMessage:
    """A message with the first of several indices that is out of range."""

    head: str

    def __call__(self, indices: Any, size: Any) -> str:
        wrong = indices[(indices < 0) | (indices >= size)]
        return f"{self.head}Tried to access index {wrong[0]} but array size is: {size}"


def _known_index(index: Node) -> int | None:
    if index.op != "const":
        return None
    value = np.ravel(index["value"].array)[0]
    return int(value) if isinstance(value, (int, np.integer)) else None


def _differs(array: Any, value: Node) -> bool:
    """Whether a value is not of the shape of an array's elements."""
    if not isinstance(array, Node):
        return False
    shape = array.shape[1:]
    if len(shape) != len(value.shape):
        return True
    return not all(dims_equal(a, b) for a, b in zip(shape, value.shape, strict=True))


def _unwritten(index: int) -> str:
    return f"Could not read from TensorArray index {index}: it has not been written to."


def _not_negative(low: Dim) -> bool:
    return not isinstance(low, int) or low >= 0  # a symbol is a size


def _at_most(high: Dim, size: Dim) -> bool:
    try:
        return bool(high <= size)
    except UndecidableDim:
        return False
