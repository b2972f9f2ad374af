"""The default graph, and the module-level functions that act on it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any

from graphflow.graph.control import ControlDependencies
from graphflow.graph.graph import Graph
from graphflow.graph.graph_stack import graph_stack
from graphflow.graph.names import NameScope
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor


def get_default_graph() -> Graph:
    """Return the innermost graph entered by this thread, or the thread's global one."""
    if graph_stack.entered:
        return graph_stack.entered[-1]
    if graph_stack.base is None:
        graph_stack.base = Graph()
    return graph_stack.base


def has_default_graph() -> bool:
    """Whether this thread is inside a ``with graph.as_default()`` block."""
    return bool(graph_stack.entered)


def reset_default_graph() -> None:
    """Forget the global default graph; AssertionError inside ``with graph.as_default()``."""
    if graph_stack.entered:
        raise AssertionError(
            "Do not use tf.reset_default_graph() to clear nested graphs. If you need a cleared "
            "graph, exit the nesting and create a new graph."
        )
    graph_stack.base = None


def control_dependencies(control_inputs: Iterable[Any] | None) -> ControlDependencies:
    """Make operations wait for others: `Graph.control_dependencies` of the default graph."""
    return get_default_graph().control_dependencies(control_inputs)


def device(device_name_or_function: Any) -> contextlib.AbstractContextManager[None]:
    """Ask for a device: `Graph.device` of the default graph."""
    return get_default_graph().device(device_name_or_function)


def colocate_with(
    op: Any, ignore_existing: bool = False
) -> contextlib.AbstractContextManager[None]:
    """Place operations where `op` is: `Graph.colocate_with` of the default graph."""
    return get_default_graph().colocate_with(op, ignore_existing)


def container(container_name: str) -> contextlib.AbstractContextManager[str]:
    """Name a container: `Graph.container` of the default graph."""
    return get_default_graph().container(container_name)


def add_to_collection(name: Any, value: Any) -> None:
    """Append `value` to a collection of the default graph."""
    get_default_graph().add_to_collection(name, value)


def add_to_collections(names: Any, value: Any) -> None:
    """Append `value` to several collections of the default graph."""
    get_default_graph().add_to_collections(names, value)


def get_collection(key: Any, scope: str | None = None) -> list[Any]:
    """Return a copy of a collection of the default graph, see `Graph.get_collection`."""
    return get_default_graph().get_collection(key, scope)


def get_collection_ref(key: Any) -> list[Any]:
    """Return a collection of the default graph itself."""
    return get_default_graph().get_collection_ref(key)


def get_all_collection_keys() -> list[str]:
    """Return the names of the default graph's collections."""
    return get_default_graph().get_all_collection_keys()


def get_name_scope() -> str | None:
    """Return the default graph's current name scope, without a slash at its end."""
    return get_default_graph().get_name_scope()


@contextlib.contextmanager
def init_scope() -> Iterator[None]:
    """Leave control dependencies and function bodies, for operations that initialise something."""
    entered = graph_stack.entered
    graph = next((g for g in reversed(entered) if not g.building_function), None)
    if graph is None:
        graph = graph_stack.base = graph_stack.base or Graph()
    scope = get_default_graph().get_name_scope()
    with (
        graph.as_default(),
        graph.name_scope(f"{scope}/" if scope else scope),
        graph.control_dependencies(None),
    ):
        yield


def assert_same_graph(first: Any, second: Any) -> None:
    """Raise ValueError unless both are of the same graph."""
    if first.graph is not second.graph:
        raise ValueError(f"{second} must be from the same graph as {first}.")


def graph_from_inputs(inputs: Iterable[Any], graph: Graph | None = None) -> Graph:
    """Return the one graph that the graph elements among `inputs` belong to.

    The default graph when there are none. Items that are no graph elements are passed over.

    Raises
    ------
    ValueError : two of them, or one of them and `graph`, disagree.
    """
    current = get_default_graph()
    if current.building_function:
        return current
    first: Any = None
    for item in inputs:
        element = _graph_element(item)
        if element is None:
            continue
        if graph is None:
            first, graph = element, element.graph
        elif first is not None:
            assert_same_graph(first, element)
        elif element.graph is not graph:
            raise ValueError(f"{element} is not from the passed-in graph.")
    return graph or current


def _graph_element(item: Any) -> Any:
    if isinstance(item, (Operation, Tensor)):
        return item
    convert = getattr(item, "_as_graph_element", None)
    if callable(convert):
        return convert()
    # Anything else that is a value of a graph, as IndexedSlices are.
    return item if isinstance(getattr(item, "graph", None), Graph) else None


class name_scope:  # TensorFlow's name
    """Context manager for a name scope that also finds the graph of its inputs.

    Parameters
    ----------
    name : the scope, or None for `default_name`.
    default_name : used when `name` is None.
    values : inputs of the operations to be made; their graph becomes the default one.

    Raises
    ------
    ValueError : there are `values` but neither name is given, or they are of several graphs.
    """

    def __init__(
        self, name: Any, default_name: str | None = None, values: Iterable[Any] | None = None
    ) -> None:
        if not (default_name is None or isinstance(default_name, str)):
            raise TypeError(
                f"`default_name` type ({type(default_name)}) is not a string type. You likely "
                "meant to pass this into the `values` kwarg."
            )
        self._name = default_name if name is None else name
        self._default_name = default_name
        self._values = values if values is None else list(values)
        self._graph: contextlib.AbstractContextManager[Any] | None = None
        self._scope: NameScope | None = None

    @property
    def name(self) -> Any:
        """The name given, not yet unique."""
        return self._name

    def __enter__(self) -> str:
        if self._name is None and self._values is not None:
            raise ValueError(
                f"At least one of name ({self._name}) and default_name ({self._default_name}) "
                "must be provided."
            )
        graph = get_default_graph()
        if self._values and not graph.building_function:
            owner = graph_from_inputs(self._values)
            if owner is not graph:
                graph = owner
                self._graph = graph.as_default()
                self._graph.__enter__()
        self._scope = graph.name_scope(self._name)
        try:
            return self._scope.__enter__()
        except ValueError:
            self._leave_graph(None, None, None)
            raise

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._scope is not None:
            self._scope.__exit__(exception_type, exception, traceback)
        self._leave_graph(exception_type, exception, traceback)

    def _leave_graph(self, *exception: Any) -> None:
        if self._graph is not None:
            self._graph.__exit__(*exception)
            self._graph = None


@contextlib.contextmanager
def op_scope(values: Iterable[Any], name: Any, default_name: str | None = None) -> Iterator[str]:
    """Enter a `name_scope`: the order of arguments before TensorFlow 1.0."""
    with name_scope(name, default_name, values) as scope:
        yield scope
