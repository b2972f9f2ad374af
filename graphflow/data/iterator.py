"""Iterators over data sets: operations that give the next element, and those that begin anew.

What an iterator has come to is kept by session. In a run, its handle is a text, so that a handle
can be fed in place of another (`Iterator.from_string_handle`).
"""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Callable
from collections.abc import Iterator as Elements
from typing import Any

import numpy as np

from graphflow import errors
from graphflow.data.counts import counted
from graphflow.data.dataset import Dataset
from graphflow.data.functions import ElementFunction, TensorSpec
from graphflow.graph import nest
from graphflow.graph.apply import Signature
from graphflow.graph.default import get_default_graph
from graphflow.graph.dtypes import as_dtype, resource, string
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor
from graphflow.ops.strings import object_array
from graphflow.runtime.context import running
from graphflow.runtime.session import Session

Array = np.ndarray[Any, Any]
_SCALAR = TensorShape([])
_numbers = itertools.count()
_states: weakref.WeakValueDictionary[bytes, _State] = weakref.WeakValueDictionary()


class _State:
    """What an iterator has come to, in each session.

    Attributes
    ----------
    key : the text by which runs know it.
    begin : begins by itself, for an iterator that needs no initialiser.
    """

    def __init__(self, begin: Callable[[], Elements[Any]] | None = None) -> None:
        self.key = f"graphflow_iterator_{next(_numbers)}".encode()
        self.begin = begin
        self.walks: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
        self.lock = threading.Lock()
        _states[self.key] = self

    def start(self, walk: Elements[Any]) -> None:
        self.walks[running.store] = walk

    def next(self, op: Operation) -> tuple[Array, ...]:
        with self.lock:
            walk = self.walks.get(running.store)
            if walk is None:
                if self.begin is None:
                    raise errors.FailedPreconditionError(
                        None, op,
                        "GetNext() failed because the iterator has not been initialized. Ensure "
                        "that you have run the initializer operation for this iterator before "
                        "getting the next element.",
                    )  # fmt: skip
                walk = self.walks[running.store] = self.begin()
            element: tuple[Array, ...] | None = next(walk, None)
        if element is None:
            raise errors.OutOfRangeError(None, op, "End of sequence")
        return element


def _lower_next(b: Any, op: Operation, handle: Any) -> Any:
    specs = nest.flatten(op.attrs["spec"])

    def following(key: Array) -> list[Array]:
        state = _states.get(np.asarray(key, object).ravel()[0])
        if state is None:
            raise errors.NotFoundError(None, op, f"{op.name}: there is no such iterator")
        element = state.next(op)
        for array, spec in zip(element, specs, strict=True):
            if not spec.shape.is_compatible_with(array.shape):
                raise errors.InvalidArgumentError(
                    None, op, f"{op.name}: expected shape {spec.shape}, got {array.shape}"
                )
        return list(element)

    types = [
        (s.dtype, tuple(s.shape.as_list()) if s.shape.is_fully_defined() else None) for s in specs
    ]
    return b.call_python(following, [handle], types, stateful=True)


def _lower_make(b: Any, op: Operation, *inputs: Any) -> tuple[Any, ...]:
    dataset, state = op.attrs["dataset"], op.attrs["state"]

    def begin(*arrays: Array) -> list[Array]:
        state.start(dataset.walk(dict(zip(dataset.sources(), arrays, strict=True))))
        return []

    b.call_python(begin, inputs, [], stateful=True)
    return ()


define_op(
    name="IteratorV2",
    infer=lambda op: [(resource, _SCALAR)],
    lower=lambda b, op: b.const(object_array((), [op.attrs["state"].key]), string),
    no_gradient="a handle",
)
define_op(
    name="IteratorFromStringHandleV2",
    infer=lambda op: [(resource, _SCALAR)],
    lower=lambda b, op, handle: handle,
    no_gradient="a handle",
)
define_op(
    name="IteratorToStringHandle",
    infer=lambda op: [(string, _SCALAR)],
    lower=lambda b, op, handle: handle,
    no_gradient="a handle",
)
define_op(
    name="IteratorGetNext",
    infer=lambda op: [(s.dtype, s.shape) for s in nest.flatten(op.attrs["spec"])],
    lower=_lower_next,
    no_gradient="data",
    stateful=True,
)
define_op(
    name="MakeIterator",
    infer=lambda op: [],
    lower=_lower_make,
    no_gradient="it has no outputs",
    stateful=True,
)

_ITERATOR = Signature("IteratorV2")
_FROM_STRING = Signature("IteratorFromStringHandleV2", "string_handle: string")
_TO_STRING = Signature("IteratorToStringHandle", "resource_handle: resource")
_NEXT = Signature("IteratorGetNext", "iterator: resource")
_MAKE = Signature("MakeIterator", "sources: T...")


class Iterator:
    """Walks through a data set, one element a run (``tf.data.Iterator``)."""

    def __init__(
        self, handle: Tensor, spec: Any, state: _State | None, initializer: Operation | None
    ) -> None:
        self._handle, self._spec, self._state = handle, spec, state
        self._initializer = initializer
        self._string_handle = _TO_STRING(handle).outputs[0]

    @property
    def initializer(self) -> Operation:
        """The operation that begins anew.

        Raises
        ------
        ValueError : the iterator begins by itself, or has no data set yet.
        """
        if self._initializer is None:
            raise ValueError("Iterator does not have an initializer.")
        return self._initializer

    @property
    def output_types(self) -> Any:
        """The element types, in the elements' structure."""
        return nest.map_structure(lambda s: s.dtype, self._spec)

    @property
    def output_shapes(self) -> Any:
        """The shapes, in the elements' structure."""
        return nest.map_structure(lambda s: s.shape, self._spec)

    @property
    def output_classes(self) -> Any:
        """The kinds of values: tensors."""
        return nest.map_structure(lambda s: Tensor, self._spec)

    def get_next(self, name: str | None = None) -> Any:
        """The next element, as tensors: another one in each run."""
        made = _NEXT(self._handle, name=name, spec=self._spec)
        return nest.pack_sequence_as(self._spec, made.outputs)

    def string_handle(self, name: str | None = None) -> Tensor:
        """The iterator's handle as a text, to be fed."""
        return (
            self._string_handle if name is None else _TO_STRING(self._handle, name=name).outputs[0]
        )

    def make_initializer(self, dataset: Dataset, name: str | None = None) -> Operation:
        """An operation that lets the iterator walk through this data set from its beginning.

        Raises
        ------
        TypeError, ValueError : its elements are of other types or shapes.
        """
        if self._state is None:
            raise ValueError("an iterator of a fed handle has no data set of its own")
        pairs = zip(nest.flatten(self._spec), nest.flatten(dataset.element_spec), strict=True)
        for mine, theirs in pairs:
            if mine.dtype is not theirs.dtype:
                raise TypeError(
                    f"Expected output types {self.output_types} but got dataset with output types "
                    f"{dataset.output_types}."
                )
            if not mine.shape.is_compatible_with(theirs.shape):
                raise TypeError(
                    f"Expected output shapes compatible with {self.output_shapes} but got dataset "
                    f"with output shapes {dataset.output_shapes}."
                )
        return _make(dataset, self._state, name)

    @staticmethod
    def from_structure(
        output_types: Any, output_shapes: Any = None, shared_name: str | None = None,
        output_classes: Any = None,
    ) -> Iterator:  # fmt: skip
        """An iterator for any data set of such elements; see `make_initializer`."""
        state = _State()
        spec = _spec_of(output_types, output_shapes)
        return Iterator(_ITERATOR(state=state).outputs[0], spec, state, None)

    @staticmethod
    def from_string_handle(
        string_handle: Any, output_types: Any, output_shapes: Any = None, output_classes: Any = None
    ) -> Iterator:
        """An iterator that is, in each run, the one whose handle is given."""
        handle = _FROM_STRING(string_handle).outputs[0]
        return Iterator(handle, _spec_of(output_types, output_shapes), None, None)


def _spec_of(types: Any, shapes: Any) -> Any:
    types = nest.map_structure(as_dtype, types)
    if shapes is None:
        return nest.map_structure(lambda t: TensorSpec(t, None), types)
    flat = nest.flatten_up_to(types, shapes, check_types=False)
    pairs = zip(nest.flatten(types), flat, strict=True)
    return nest.pack_sequence_as(types, [TensorSpec(t, s) for t, s in pairs])


def _make(dataset: Dataset, state: _State, name: str | None = None) -> Operation:
    return _MAKE(dataset.sources(), name=name or "MakeIterator", dataset=dataset, state=state)


@counted(3)
def initializable_iterator(dataset: Dataset) -> Iterator:
    """See `Dataset.make_initializable_iterator`."""
    state = _State()
    handle = _ITERATOR(state=state).outputs[0]
    return Iterator(handle, dataset.element_spec, state, _make(dataset, state))


def one_shot_iterator(dataset: Dataset) -> Iterator:
    """See `Dataset.make_one_shot_iterator`."""
    graph, sources = get_default_graph(), dataset.sources()

    def begin() -> Elements[Any]:
        store = running.store
        try:
            with Session(graph=graph) as session:
                arrays = [np.asarray(v) for v in session.run(sources)] if sources else []
        finally:
            running.store = store
        return dataset.walk(dict(zip(sources, arrays, strict=True)))

    state = _State(begin)
    return Iterator(_ITERATOR(state=state).outputs[0], dataset.element_spec, state, None)


def reduced(dataset: Dataset, initial_state: Any, function: Callable[..., Any]) -> Any:
    """See `Dataset.reduce`."""
    from graphflow.graph.convert import convert_to_tensor
    from graphflow.ops.py_func import py_func

    start = nest.map_structure(convert_to_tensor, initial_state)
    flat = nest.flatten(start)
    spec = (nest.map_structure(TensorSpec.of, start), dataset.element_spec)
    made = ElementFunction(function, spec, get_default_graph())
    sources, captured = dataset.sources(), made.captured

    def run(*arrays: Array) -> list[Array]:
        state = arrays[: len(flat)]
        values = dict(zip(sources, arrays[len(flat) :], strict=False))
        given = list(arrays[len(flat) + len(sources) :])
        for element in dataset.walk(values):
            state = made((*state, *element), given)
        return list(state)

    types = [t.dtype.base_dtype for t in flat]
    found = py_func(run, [*flat, *sources, *captured], types)
    found = found if isinstance(found, list) else [found]
    for tensor, known in zip(found, nest.flatten(made.spec), strict=True):
        tensor.set_shape(known.shape)
    return nest.pack_sequence_as(start, found)
