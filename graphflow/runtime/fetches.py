"""Fetches: any nesting of lists, tuples, dicts and the like around graph elements.

A `FetchPlan` flattens a fetch structure into tensors and operations, each once, and builds the
result in the same structure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphflow.graph.graph import Graph
from graphflow.graph.indexed_slices import IndexedSlices, IndexedSlicesValue
from graphflow.graph.operation import Operation
from graphflow.graph.sparse_tensor import SparseTensor, SparseTensorValue, components
from graphflow.graph.tensor import Tensor
from graphflow.runtime.handles import HANDLE_OPS, TensorHandle

Build = Callable[[list[Any]], Any]


class FetchPlan:
    """A fetch structure resolved in a graph.

    Attributes
    ----------
    tensors : the tensors to compute, each once.
    operations : the operations to run.
    store : the session's variables, by which handles find what it keeps;
        None to have handles as text.
    form : ``single``, ``list`` or ``tuple`` when the result is just that of `items`, else None.
    items : for a simple form, an index into `tensors` for each item; None for an operation.
    """

    def __init__(self, graph: Graph, fetches: Any, store: Any = None) -> None:
        self.graph, self._store = graph, store
        self.tensors: list[Tensor] = []
        self.operations: list[Operation] = []
        self._index: dict[Any, int] = {}
        self.build = self._plan(fetches)
        self.form: str | None = None
        self.items: list[int | None] = []
        if not any(self._is_handle(t) for t in self.tensors):
            self._simplify(fetches)

    def _is_handle(self, tensor: Tensor) -> bool:
        return self._store is not None and tensor.op.type in HANDLE_OPS

    def _simplify(self, fetches: Any) -> None:
        if isinstance(fetches, (Tensor, Operation, str)) or hasattr(fetches, "_as_graph_element"):
            self.form = "single"
            elements = [fetches]
        elif type(fetches) in (list, tuple) and fetches:
            self.form = "list" if isinstance(fetches, list) else "tuple"
            elements = list(fetches)
        else:
            return
        for element in elements:
            if not _is_element(element):
                self.form, self.items = None, []
                return
            found = _resolve(self.graph, element)
            self.items.append(None if isinstance(found, Operation) else self._index[found])

    def _plan(self, fetch: Any) -> Build:
        if isinstance(fetch, (list, tuple)):
            return self._sequence(fetch)
        if isinstance(fetch, Mapping):
            parts = {key: self._plan(value) for key, value in fetch.items()}
            kind: Any = type(fetch)
            return lambda values: kind((key, build(values)) for key, build in parts.items())
        if isinstance(fetch, IndexedSlices):
            return self._slices(fetch)
        if isinstance(fetch, SparseTensor):
            return self._sparse(fetch)
        if hasattr(type(fetch), "__attrs_attrs__"):
            names = [a.name for a in type(fetch).__attrs_attrs__]
            parts_list = [self._plan(getattr(fetch, name)) for name in names]
            return lambda values: type(fetch)(*[build(values) for build in parts_list])
        if fetch is None:
            raise TypeError(f"Fetch argument {fetch!r} has invalid type {type(fetch)!r}")
        return self._element(fetch)

    def _sequence(self, fetch: Sequence[Any]) -> Build:
        parts = [self._plan(item) for item in fetch]
        if hasattr(fetch, "_fields"):  # a named tuple takes its items as arguments
            return lambda values: type(fetch)(*[build(values) for build in parts])
        sequence: Any = list if isinstance(fetch, list) else tuple
        return lambda values: sequence(build(values) for build in parts)

    def _slices(self, fetch: IndexedSlices) -> Build:
        parts = [self._element(t) for t in (fetch.values, fetch.indices)]
        shape = self._element(fetch.dense_shape) if fetch.dense_shape is not None else None

        def build(values: list[Any]) -> Any:
            dense = shape(values) if shape is not None else None
            return IndexedSlicesValue(parts[0](values), parts[1](values), dense)

        return build

    def _sparse(self, fetch: SparseTensor) -> Build:
        parts = [self._element(t) for t in components(fetch)]
        return lambda values: SparseTensorValue(*[part(values) for part in parts])

    def _element(self, fetch: Any) -> Build:
        found = _resolve(self.graph, fetch)
        if not self.graph.is_fetchable(found):
            raise ValueError(f"Operation {found.name!r} has been marked as not fetchable.")
        if isinstance(found, Operation):
            if found not in self.operations:
                self.operations.append(found)
            return lambda values: None
        if found not in self._index:
            self._index[found] = len(self.tensors)
            self.tensors.append(found)
        position = self._index[found]
        if self._is_handle(found):
            dtype, store = found.op.inputs[0].dtype.base_dtype, self._store
            return lambda values: TensorHandle(values[position], dtype, store)
        return lambda values: values[position]


def _is_element(fetch: Any) -> bool:
    return isinstance(fetch, (Tensor, Operation, str)) or hasattr(fetch, "_as_graph_element")


def _resolve(graph: Graph, fetch: Any) -> Tensor | Operation:
    try:
        return graph.as_graph_element(fetch, allow_tensor=True, allow_operation=True)
    except TypeError as error:
        raise TypeError(
            f"Fetch argument {fetch!r} has invalid type {type(fetch)!r}, must be a string or "
            f"Tensor. ({error})"
        ) from None
    except (ValueError, KeyError) as error:
        text = error.args[0] if error.args else error
        raise ValueError(
            f"Fetch argument {fetch!r} cannot be interpreted as a Tensor. ({text})"
        ) from None
