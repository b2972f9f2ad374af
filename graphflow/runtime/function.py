"""`function`: Theano's, a compiled function of tensors, and TensorFlow's decorator.

`function(inputs, outputs, updates=, givens=)` is called with NumPy arrays and scalars. Updates take
effect together when the call has succeeded; all expressions see the old values. `@function` makes
calls of a Python function single operations of the graph (`gradients/graph_functions.py`).
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from graphflow import errors
from graphflow.gradients.graph_functions import GraphFunction
from graphflow.graph import nest
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.graph import Graph
from graphflow.graph.session_stack import default_session
from graphflow.graph.tensor import Tensor
from graphflow.ops.identity import identity
from graphflow.ops.state import assign
from graphflow.ops.variable_lists import global_variables
from graphflow.ops.variables import Variable
from graphflow.runtime.fetches import FetchPlan
from graphflow.runtime.session import Session
from graphflow.trace.prune import needed_operations

if TYPE_CHECKING:  # as in `session`: LLVM is loaded when it is needed
    from graphflow.runtime.bound import BoundRun

_sessions: weakref.WeakKeyDictionary[Graph, Session] = weakref.WeakKeyDictionary()


class Function:
    """What `function` returns: call it with one value for each input."""

    def __init__(self, bound: BoundRun, name: str, inputs: list[Tensor], session: Any) -> None:
        self.name = name
        self.inputs = inputs
        self.session = session
        self._bound = bound

    def __call__(self, *values: Any) -> Any:
        """Compute the outputs, then apply the updates.

        Raises
        ------
        TypeError : another number of values than inputs, or a value of the wrong type.
        ValueError : a value of the wrong shape.
        """
        bound = self._bound
        if bound.layout == bound.engine.store.layout:
            try:
                return bound.fast(*values)
            except errors.SpeculationError:
                pass
        return bound.run(*values)

    def __repr__(self) -> str:
        return f"<graphflow.function {self.name}>"


def function(
    inputs: Any = None,
    outputs: Any = None,
    updates: Mapping[Any, Any] | Iterable[tuple[Any, Any]] | None = None,
    givens: Mapping[Any, Any] | Iterable[tuple[Any, Any]] | None = None,
    name: str | None = None,
    on_unused_input: str = "raise",
    session: Any = None,
    *,
    func: Callable[..., Any] | None = None,
    input_signature: Any = None,
    autograph: bool = True,
    **experimental: Any,
) -> Any:
    """Compile a function of tensors, or decorate a Python function as TensorFlow does.

    Parameters
    ----------
    inputs : placeholders, in the order of the call; or the Python function.
    outputs : a tensor, a list of them, or None.
    updates : pairs of a variable and its new value.
    givens : pairs of a tensor and what is read in its place.
    on_unused_input : ``raise``, ``warn`` or ``ignore`` an input that nothing depends on.
    session : whose variables are used; the default session, else one of the graph's own in which
        variables get their initial values by themselves.
    func : the Python function; without it and `inputs`, a decorator is returned.
    input_signature : `TensorSpec`s of the Python function's arguments.
    autograph, **experimental : TensorFlow's, accepted; Python's control flow is not converted.

    Raises
    ------
    ValueError : an input is unused, or a variable is updated twice.
    TypeError : an argument is of the wrong kind.
    """
    if func is None and callable(inputs) and not hasattr(inputs, "_as_graph_element"):
        func = inputs
    if func is not None:
        return GraphFunction(func, input_signature)
    if inputs is None:
        return lambda decorated: GraphFunction(decorated, input_signature)
    tensors = [_tensor(i) for i in (inputs if isinstance(inputs, (list, tuple)) else [inputs])]
    pairs = [(v, identity(convert_to_tensor(e, v.dtype.base_dtype))) for v, e in _pairs(updates)]
    if len({id(v) for v, _ in pairs}) != len(pairs):
        raise ValueError("function: a variable is updated twice")
    substitutes = tuple((_tensor(a), convert_to_tensor(b)) for a, b in _pairs(givens))
    assigned = [assign(v, e).op for v, e in pairs]
    graph = _graph_of(tensors, outputs, assigned)
    chosen = session or default_session() or _own_session(graph)
    fetched: Any = [] if outputs is None else outputs
    if assigned:  # a read that is fetched gives the value at the run's end
        fetched = nest.map_structure(_before_updates, fetched)
    plan = FetchPlan(graph, fetched)
    plan.operations += assigned
    _check_inputs(tensors, plan, dict(substitutes), on_unused_input)
    from graphflow.runtime.bound import BoundRun

    bound = BoundRun(chosen._engine, plan, tensors, substitutes)
    if outputs is None:
        plan.form, plan.items = "list", []
    return Function(bound, name or "function", tensors, chosen)


def _before_updates(output: Any) -> Any:
    """An output as it is before the updates; other things than dense tensors as they are."""
    return identity(output) if isinstance(output, (Tensor, Variable)) else output


def _pairs(items: Any) -> list[tuple[Any, Any]]:
    if items is None:
        return []
    return list(items.items()) if isinstance(items, Mapping) else [(a, b) for a, b in items]


def _tensor(item: Any) -> Tensor:
    found = item._as_graph_element() if hasattr(item, "_as_graph_element") else item
    if not isinstance(found, Tensor):
        raise TypeError(f"function expected a tensor, got {item!r}")
    return found


def _graph_of(tensors: list[Tensor], outputs: Any, operations: list[Any]) -> Graph:
    first = outputs[0] if isinstance(outputs, (list, tuple)) and outputs else outputs
    for item in (*tensors, first, *operations):
        if item is not None and hasattr(item, "graph"):
            return item.graph
    raise ValueError("function expected an input, an output or an update, got none")


def _check_inputs(
    tensors: list[Tensor], plan: FetchPlan, givens: dict[Tensor, Tensor], on_unused: str
) -> None:
    if on_unused == "ignore":
        return
    wanted = [givens.get(t, t) for t in plan.tensors]
    needed = needed_operations([t.op for t in wanted] + plan.operations, (), (), givens)
    unused = [t.name for t in tensors if t.op not in needed]
    if not unused:
        return
    text = f"function was asked to create a function with inputs that nothing uses: {unused}"
    if on_unused == "raise":
        raise ValueError(text)
    import warnings

    warnings.warn(text, stacklevel=3)


def _own_session(graph: Graph) -> Session:
    """The graph's own session; variables that have no value yet get their initial ones."""
    if graph not in _sessions:
        _sessions[graph] = Session(graph=graph)
    session = _sessions[graph]
    with graph.as_default():
        for variable in global_variables():
            if not session._engine.store.is_initialized(variable.op.name):
                session.run(variable.initializer)
    return session
