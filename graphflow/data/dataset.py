"""`Dataset`: a pipeline of elements, described once and walked through by iterators.

A data set knows what its elements look like (`element_spec`), which tensors of the graph it is made
from (`sources`), and how to walk through them once those have values (`walk`). Walking is Python;
functions of elements are compiled (`functions`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from graphflow import errors
from graphflow.data import walks
from graphflow.data.counts import counted
from graphflow.data.functions import ElementFunction, TensorSpec, draw_seed
from graphflow.data.padding import Padding
from graphflow.data.rows import Element, rows_of, side_by_side
from graphflow.graph import nest
from graphflow.graph.constants import constant_value
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import get_default_graph
from graphflow.graph.dtypes import as_dtype, int64, string
from graphflow.graph.random_seed import get_seed
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor

Array = np.ndarray[Any, Any]
Values = Mapping[Tensor, Array]
Walk = Callable[[Values], Iterator[Element]]
BlockWalk = Callable[[Values, int], Iterator[Element]]


def seeds_more(seed: int | None) -> int:
    """What a shuffle makes more if it has seeds: TensorFlow looks for zeros in a run."""
    return 0 if get_seed(seed) == (None, None) else 7


def _of_list_files(file_pattern: Any, shuffle: bool | None = None, seed: int | None = None) -> int:
    return 15 if shuffle is False else 25 + seeds_more(seed)


def _of_map(dataset: Any, map_func: Any, num_parallel_calls: Any = None) -> int:
    return 1 if num_parallel_calls is None else 2


def _of_interleave(
    dataset: Any, map_func: Any, cycle_length: Any = 1, block_length: Any = 1,
    num_parallel_calls: Any = None,
) -> int:  # fmt: skip
    return 3 if num_parallel_calls is None else 4


def _of_padded_batch(
    dataset: Any, batch_size: Any, padded_shapes: Any, padding_values: Any = None,
    drop_remainder: Any = False,
) -> int:  # fmt: skip
    return 2 + 2 * len(nest.flatten(dataset.element_spec))


def _of_shuffle(
    dataset: Any, buffer_size: Any, seed: int | None = None, reshuffle_each_iteration: Any = None
) -> int:
    return 3 + seeds_more(seed)


class Options:
    """Options of a data set: accepted, all choices are made here."""

    def __init__(self) -> None:
        self.experimental_deterministic = None


class Dataset:
    """A sequence of elements, each a structure of tensors."""

    def __init__(
        self, element_spec: Any, sources: Sequence[Tensor], walk: Walk,
        block_walk: BlockWalk | None = None,
    ) -> None:  # fmt: skip
        self.element_spec = element_spec
        self._sources, self._walk = list(dict.fromkeys(sources)), walk
        self._block_walk = block_walk
        self._shuffle: Any = None  # source, orders and buffer, where this shuffles

    def sources(self) -> list[Tensor]:
        """The tensors of the graph that it is made from."""
        return self._sources

    def walk(self, values: Values, block: int = 1) -> Iterator[Element]:
        """Its elements, each a tuple of arrays, given the sources' values.

        Who takes `block` elements at a time says so: functions of elements can be run for many at
        once then, and no more is read ahead than will be asked for.
        """
        if block > 1 and self._block_walk is not None:
            return self._block_walk(values, block)
        return self._walk(values)

    # ---- what the elements look like

    @property
    def output_types(self) -> Any:
        """The element types, in the elements' structure."""
        return nest.map_structure(lambda s: s.dtype, self.element_spec)

    @property
    def output_shapes(self) -> Any:
        """The shapes, in the elements' structure."""
        return nest.map_structure(lambda s: s.shape, self.element_spec)

    @property
    def output_classes(self) -> Any:
        """The kinds of values, in the elements' structure: tensors."""
        return nest.map_structure(lambda s: Tensor, self.element_spec)

    def _with(self, spec: Any, walk: Walk, sources: Sequence[Tensor] = ()) -> Dataset:
        return Dataset(spec, [*self._sources, *sources], walk)

    def _passing(self, spec: Any, walk: BlockWalk, sources: Sequence[Tensor] = ()) -> Dataset:
        """A data set whose elements are taken from this one as many at a time as from itself."""
        return Dataset(spec, [*self._sources, *sources], lambda v: walk(v, 1), walk)

    def _number(self, value: Any, name: str) -> tuple[Tensor, Callable[[Values], int]]:
        tensor = convert_to_tensor(value, dtype=int64, name=name)
        return tensor, lambda values: int(values[tensor])

    # ---- where elements come from

    @staticmethod
    @counted(1)
    def from_tensors(tensors: Any) -> Dataset:
        """One element: the tensors."""
        made = _converted(tensors)
        flat = nest.flatten(made)
        spec = nest.map_structure(TensorSpec.of, made)
        return Dataset(spec, flat, lambda values: iter([tuple(values[t] for t in flat)]))

    @staticmethod
    @counted(1)
    def from_tensor_slices(tensors: Any) -> Dataset:
        """One element for each row of the tensors.

        Raises
        ------
        ValueError : a tensor has no rows, or not as many as another.
        """
        made = _converted(tensors)
        flat = nest.flatten(made)
        for tensor in flat:
            if tensor.shape.rank == 0:
                raise ValueError("Unbatching a tensor is only supported for rank >= 1")
            flat[0].shape[:1].assert_is_compatible_with(tensor.shape[:1])
        spec = nest.map_structure(lambda t: TensorSpec(t.dtype.base_dtype, _row(t.shape)), made)

        def walk(values: Values) -> Iterator[Element]:
            arrays = [values[t] for t in flat]
            if len({len(a) for a in arrays}) > 1:
                sizes = [len(a) for a in arrays]
                raise errors.InvalidArgumentError(None, None, f"tensors of {sizes} rows")
            return rows_of(arrays)

        return Dataset(spec, flat, walk)

    @staticmethod
    @counted(3)
    def from_generator(
        generator: Callable[..., Any],
        output_types: Any,
        output_shapes: Any = None,
        args: Any = None,
    ) -> Dataset:
        """The elements that a Python generator yields.

        Parameters
        ----------
        generator : a function that returns something to iterate over.
        output_types, output_shapes : of its elements; shapes are unknown when None.
        args : tensors whose values the function takes.
        """
        if not callable(generator):
            raise TypeError("`generator` must be callable.")
        types = nest.map_structure(as_dtype, output_types)
        if output_shapes is None:
            spec = nest.map_structure(lambda t: TensorSpec(t, None), types)
        else:
            shapes = nest.flatten_up_to(types, output_shapes, check_types=False)
            flat = [TensorSpec(t, s) for t, s in zip(nest.flatten(types), shapes, strict=True)]
            spec = nest.pack_sequence_as(types, flat)
        inputs = [convert_to_tensor(a) for a in args or ()]

        def walk(values: Values) -> Iterator[Element]:
            return walks.generated(generator(*[values[t] for t in inputs]), spec)

        return Dataset(spec, inputs, walk)

    @staticmethod
    @counted(lambda *bounds: 4 - len(bounds))
    def range(*args: Any) -> Dataset:
        """Integers, as Python's `range` gives them."""
        bounds = [convert_to_tensor(a, dtype=int64) for a in args]
        if not 1 <= len(bounds) <= 3:
            raise ValueError(f"Invalid arguments to RangeDataset: {args}")

        def walk(values: Values) -> Iterator[Element]:
            numbers = range(*[int(values[b]) for b in bounds])
            return ((np.asarray(k, np.int64),) for k in numbers)

        return Dataset(TensorSpec(int64, []), bounds, walk)

    @staticmethod
    @counted(_of_list_files)
    def list_files(
        file_pattern: Any, shuffle: bool | None = None, seed: int | None = None
    ) -> Dataset:
        """The names of the files that match a pattern."""
        pattern = convert_to_tensor(file_pattern, dtype=string)
        chosen = draw_seed(seed)

        def walk(values: Values) -> Iterator[Element]:
            return walks.file_names(values[pattern], shuffle is not False, chosen)

        return Dataset(TensorSpec(string, []), [pattern], walk)

    @staticmethod
    @counted(1)
    def zip(datasets: Any) -> Dataset:
        """Elements of several data sets side by side, until one ends."""
        if isinstance(datasets, list):
            raise TypeError("Invalid path to Dataset.zip: use a tuple in place of a list")
        flat = nest.flatten(datasets)
        for item in flat:
            if not isinstance(item, Dataset):
                raise TypeError(
                    "The argument to `Dataset.zip()` must be a nested structure of `Dataset` "
                    f"objects: {item}"
                )
        spec = nest.pack_sequence_as(datasets, [d.element_spec for d in flat])
        sources = [t for d in flat for t in d.sources()]

        def walk(values: Values) -> Iterator[Element]:
            parts = [d.walk(values) for d in flat]
            return side_by_side(zip(*parts, strict=False))

        return Dataset(spec, sources, walk)

    @counted(1)
    def concatenate(self, dataset: Dataset) -> Dataset:
        """The elements, then those of another data set."""
        for one, other in zip(
            nest.flatten(self.element_spec), nest.flatten(dataset.element_spec), strict=True
        ):
            if one.dtype is not other.dtype:
                raise TypeError(
                    f"Two datasets to concatenate have different types {self.output_types} and "
                    f"{dataset.output_types}"
                )
        spec = nest.map_structure(_common, self.element_spec, dataset.element_spec)
        return self._with(
            spec, lambda v: itertools.chain(self.walk(v), dataset.walk(v)), dataset.sources()
        )

    # ---- functions of elements

    def _function(self, function: Callable[..., Any]) -> ElementFunction:
        return ElementFunction(function, self.element_spec, get_default_graph())

    @counted(_of_map)
    def map(self, map_func: Callable[..., Any], num_parallel_calls: Any = None) -> Dataset:
        """The function's results; with `num_parallel_calls`, computed ahead on threads."""
        function = self._function(map_func)
        threads = 1 if num_parallel_calls is None else _known_threads(num_parallel_calls)

        def walk(values: Values, block: int) -> Iterator[Element]:
            captured = [values[t] for t in function.captured]
            return walks.mapped(self.walk(values, block), function, captured, threads, block)

        return self._passing(function.spec, walk, function.captured)

    @counted(1)
    def filter(self, predicate: Callable[..., Any]) -> Dataset:
        """The elements for which the function is true."""
        function = self._function(predicate)
        spec = nest.flatten(function.spec)
        if len(spec) != 1 or spec[0].dtype.name != "bool":
            raise ValueError("`predicate` must return a scalar boolean tensor.")

        def walk(values: Values) -> Iterator[Element]:
            captured = [values[t] for t in function.captured]
            return (e for e in self.walk(values) if bool(function(e, captured)[0]))

        return self._with(self.element_spec, walk, function.captured)

    @counted(1)
    def flat_map(self, map_func: Callable[..., Any]) -> Dataset:
        """The elements of the data sets that the function makes, one data set after the other."""
        return self.interleave(map_func, cycle_length=1)

    @counted(_of_interleave)
    def interleave(
        self, map_func: Callable[..., Any], cycle_length: int = 1, block_length: int = 1,
        num_parallel_calls: Any = None,
    ) -> Dataset:  # fmt: skip
        """The elements of the data sets that the function makes, several in turn."""
        function = self._function(map_func)
        made = function.result
        if not isinstance(made, Dataset):
            raise TypeError(f"`map_func` must return a `Dataset` object. Got {type(made)}")

        def opened(element: Element, captured: list[Array]) -> Iterator[Element]:
            values = function(element, captured)
            return made.walk(dict(zip(made.sources(), values, strict=True)))

        def walk(values: Values) -> Iterator[Element]:
            captured = [values[t] for t in function.captured]
            inner = (opened(e, captured) for e in self.walk(values))
            return walks.interleaved(inner, cycle_length, block_length)

        return self._with(made.element_spec, walk, function.captured)

    def reduce(self, initial_state: Any, reduce_func: Callable[..., Any]) -> Any:
        """The state after the function took every element in, as tensors."""
        from graphflow.data.iterator import reduced

        return reduced(self, initial_state, reduce_func)

    def apply(self, transformation_func: Callable[[Dataset], Dataset]) -> Dataset:
        """What the function makes of the data set."""
        made = transformation_func(self)
        if not isinstance(made, Dataset):
            raise TypeError("`transformation_func` must return a Dataset.")
        return made

    # ---- order and number

    @counted(2)
    def batch(self, batch_size: Any, drop_remainder: bool = False) -> Dataset:
        """Elements stacked, so many at a time; the last ones may be fewer."""
        tensor, size = self._number(batch_size, "batch_size")
        known = constant_value(tensor) if drop_remainder else None
        rows = None if known is None else int(known)
        spec = nest.map_structure(
            lambda s: TensorSpec(s.dtype, TensorShape([rows]).concatenate(s.shape)),
            self.element_spec,
        )

        def walk(values: Values) -> Iterator[Element]:
            count = size(values)
            return walks.batched(self.walk(values, count), count, bool(drop_remainder))

        return self._with(spec, walk, [tensor])

    @counted(_of_padded_batch)
    def padded_batch(
        self, batch_size: Any, padded_shapes: Any, padding_values: Any = None,
        drop_remainder: bool = False,
    ) -> Dataset:  # fmt: skip
        """Elements padded to one shape and stacked.

        Parameters
        ----------
        padded_shapes : for each component the shape; None inside is the largest of the batch.
        padding_values : for each component what is added, an array or a tensor; 0, or empty text,
            when None.
        """
        tensor, size = self._number(batch_size, "batch_size")
        padding = Padding(self.element_spec, padded_shapes, padding_values)
        rows = constant_value(tensor) if drop_remainder else None
        row = None if rows is None else int(rows)

        def walk(values: Values) -> Iterator[Element]:
            shapes, fillings = padding.sizes, padding.fillings(values)
            return walks.padded(
                self.walk(values), size(values), shapes, fillings, bool(drop_remainder)
            )

        return self._with(padding.spec(row), walk, [tensor, *padding.tensors])

    @counted(2)
    def unbatch(self) -> Dataset:
        """The rows of every element."""
        spec = nest.map_structure(lambda s: TensorSpec(s.dtype, _row(s.shape)), self.element_spec)
        return self._with(spec, lambda v: walks.unbatched(self.walk(v)))

    @counted(_of_shuffle)
    def shuffle(
        self, buffer_size: Any, seed: int | None = None,
        reshuffle_each_iteration: bool | None = None,
    ) -> Dataset:  # fmt: skip
        """The elements in another order, each drawn from a buffer of the next ones.

        With a seed the order is TensorFlow's. Each walk of one iterator has another, unless
        `reshuffle_each_iteration` is False.
        """
        tensor, size = self._number(buffer_size, "buffer_size")
        draws = walks.Shuffles(get_seed(seed), reshuffle_each_iteration is not False)
        made = self._passing(
            self.element_spec, lambda v, b: draws.shuffled(self.walk(v, b), size(v), v), [tensor]
        )
        made._shuffle = (self, draws, size) if draws.changes else None
        return made

    @counted(1)
    def repeat(self, count: Any = None) -> Dataset:
        """The elements again and again: `count` times, or for ever when None or -1."""
        tensor, times = self._number(-1 if count is None else count, "count")
        if self._shuffle is not None:  # one step of two, as TensorFlow makes it
            source, draws, size = self._shuffle
            return self._passing(
                self.element_spec,
                lambda v, b: draws.repeated(lambda: source.walk(v, b), size(v), times(v)),
                [tensor],
            )
        return self._passing(
            self.element_spec,
            lambda v, b: walks.repeated(lambda: self.walk(v, b), times(v)), [tensor],
        )  # fmt: skip

    @counted(1)
    def prefetch(self, buffer_size: Any) -> Dataset:
        """The elements, prepared ahead by a thread of their own."""
        tensor, size = self._number(buffer_size, "buffer_size")
        return self._passing(
            self.element_spec, lambda v, b: walks.prefetched(self.walk(v, b), size(v)), [tensor]
        )

    @counted(2)
    def cache(self, filename: Any = "") -> Dataset:
        """The elements, kept in memory after the first walk through all of them."""
        kept = walks.Cache()
        return self._passing(self.element_spec, lambda v, b: kept.walk(lambda: self.walk(v, b)))

    @counted(1)
    def take(self, count: Any) -> Dataset:
        """The first elements; all when `count` is -1."""
        tensor, number = self._number(count, "count")

        def walk(values: Values) -> Iterator[Element]:
            limit = number(values)
            return self.walk(values) if limit < 0 else itertools.islice(self.walk(values), limit)

        return self._with(self.element_spec, walk, [tensor])

    @counted(1)
    def skip(self, count: Any) -> Dataset:
        """All but the first elements; none when `count` is -1."""
        tensor, number = self._number(count, "count")

        def walk(values: Values) -> Iterator[Element]:
            start = number(values)
            return iter(()) if start < 0 else itertools.islice(self.walk(values), start, None)

        return self._with(self.element_spec, walk, [tensor])

    @counted(1)
    def shard(self, num_shards: Any, index: Any) -> Dataset:
        """Every `num_shards`-th element, from `index` on."""
        tensor, count = self._number(num_shards, "num_shards")
        first, place = self._number(index, "index")
        return self._with(
            self.element_spec,
            lambda v: itertools.islice(self.walk(v), place(v), None, count(v)), [tensor, first],
        )  # fmt: skip

    @counted(3)
    def enumerate(self, start: int = 0) -> Dataset:
        """Pairs of a number and the element."""
        return Dataset.zip((Dataset.range(start, np.iinfo(np.int64).max), self))

    @counted(2)
    def window(
        self, size: Any, shift: Any = None, stride: Any = 1, drop_remainder: bool = False
    ) -> Dataset:
        """Data sets of `size` elements each, one for each component.

        Parameters
        ----------
        size, stride : how many elements, and how far they are apart.
        shift : how far each window begins after the one before; `size` when None.
        drop_remainder : leave out shorter windows at the end.
        """
        numbers = [
            self._number(value, name)
            for value, name in ((size, "size"), (size if shift is None else shift, "shift"),
                                (stride, "stride"))
        ]  # fmt: skip

        def walk(values: Values) -> Iterator[Element]:
            count, step, gap = (number(values) for _, number in numbers)
            for window in walks.windows(self.walk(values), count, step, gap, bool(drop_remainder)):
                yield tuple(walks.packed(column) for column in zip(*window, strict=True))

        spec = nest.map_structure(WindowSpec, self.element_spec)
        return self._with(spec, walk, [tensor for tensor, _ in numbers])

    def with_options(self, options: Options) -> Dataset:
        """The data set itself: all choices are made here."""
        return self

    def options(self) -> Options:
        """Empty options."""
        return Options()

    # ---- iterators

    def make_one_shot_iterator(self) -> Any:
        """An iterator that begins by itself and walks once through the data set."""
        from graphflow.data.iterator import one_shot_iterator

        return one_shot_iterator(self)

    def make_initializable_iterator(self, shared_name: str | None = None) -> Any:
        """An iterator that begins anew whenever its `initializer` is run."""
        from graphflow.data.iterator import initializable_iterator

        return initializable_iterator(self)


class WindowSpec(TensorSpec):
    """A component that is a data set: its elements are packed into one text."""

    __slots__ = ("element",)

    def __init__(self, element: TensorSpec) -> None:
        super().__init__(string, [])
        self.element = element

    def value(self, tensor: Tensor) -> Dataset:
        """The data set."""
        return Dataset(self.element, [tensor], lambda values: walks.unpacked(values[tensor]))


# ---- helpers


def _converted(tensors: Any) -> Any:
    structure = tensors
    if isinstance(structure, list):
        return convert_to_tensor(structure)
    if isinstance(structure, dict):
        return type(structure)((key, _converted(value)) for key, value in structure.items())
    if isinstance(structure, tuple):
        parts = [_converted(v) for v in structure]
        return type(structure)(*parts) if hasattr(structure, "_fields") else tuple(parts)
    return convert_to_tensor(structure)


def _row(shape: TensorShape) -> TensorShape:
    return TensorShape(None) if shape.rank is None else shape[1:]


def _common(one: TensorSpec, other: TensorSpec) -> TensorSpec:
    if one.shape.rank is None or one.shape.rank != other.shape.rank:
        return TensorSpec(one.dtype, None)
    pairs = zip(one.shape.as_list(), other.shape.as_list(), strict=True)
    return TensorSpec(one.dtype, [a if a == b else None for a, b in pairs])


def _known_threads(value: Any) -> int:
    number = constant_value(value) if isinstance(value, Tensor) else value
    return 4 if number is None or int(number) < 1 else int(number)
