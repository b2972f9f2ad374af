"""`tf.function` of a Python function: what its calls add to the graph.

TensorFlow traces the function into a graph of its own, which calls refer to. Here, as with `Defun`,
a call makes the function's operations where it stands, under the name that TensorFlow gives the
call. There is no AutoGraph: Python's ``if`` and ``while`` cannot read tensors.
"""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphflow.graph import nest
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import control_dependencies, get_default_graph, name_scope
from graphflow.graph.graph import Graph
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ops.identity import identity, identity_n, no_op
from graphflow.ops.variable_lists import global_variables


class GraphFunction:
    """A Python function whose calls are one operation with the results of its operations.

    Parameters
    ----------
    python_function : of tensors and other values; arrays are given to it as tensors.
    input_signature : `TensorSpec`s of all its arguments, which are converted to such tensors.

    Raises
    ------
    TypeError : `python_function` is not callable, or `input_signature` is no list or tuple.
    """

    def __init__(self, python_function: Callable[..., Any], input_signature: Any = None) -> None:
        if not callable(python_function):
            raise TypeError(f"{python_function!r} is not a callable object")
        if input_signature is not None and not isinstance(input_signature, (list, tuple)):
            raise TypeError(
                "input_signature must be either a tuple or a list, "
                f"received {type(input_signature)}"
            )
        self.python_function = python_function
        self.input_signature = None if input_signature is None else tuple(input_signature)
        self._was_called = False
        functools.update_wrapper(self, python_function)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """As a method: bound to its object."""
        return self if instance is None else functools.partial(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Add the function's operations to the graph; returns what it returns, as tensors.

        Raises
        ------
        ValueError : the arguments do not fit the signature, or a call after the first made
            variables.
        """
        args, kwargs = self._arguments(args, kwargs)
        graph = get_default_graph()
        before, known = len(graph.get_operations()), len(global_variables())
        with name_scope("PartitionedCall") as scope:
            found = self.python_function(*args, **kwargs)
            variables = global_variables()[known:]
            if self._was_called and variables:
                raise ValueError(
                    "tf.function-decorated function tried to create variables on non-first call."
                )
            self._was_called = True
            with control_dependencies(_in_order(graph, before, variables)):
                return _results(found, scope)

    def _arguments(self, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        if self.input_signature is None:
            return nest.map_structure(_as_tensor, tuple(args)), {
                name: nest.map_structure(_as_tensor, value) for name, value in kwargs.items()
            }
        given, expected = (*args, *kwargs.values()), self.input_signature
        try:
            given = inspect.signature(self.python_function).bind(*args, **kwargs).args
            # a method's object is not in its signature
            own = given[:1] if len(given) == len(expected) + 1 else ()
            values = nest.flatten_up_to(expected, given[len(own) :])
        except (TypeError, ValueError):
            raise ValueError(
                "Structure of Python function inputs does not match input_signature:\n"
                f"  inputs: {given}\n  input_signature: {expected}"
            ) from None
        tensors = [_fitting(v, s) for v, s in zip(values, nest.flatten(expected), strict=True)]
        return (*own, *nest.pack_sequence_as(expected, tensors)), {}


def _as_tensor(value: Any) -> Any:
    return convert_to_tensor(value) if isinstance(value, np.ndarray) else value


def _fitting(value: Any, spec: Any) -> Tensor:
    tensor = convert_to_tensor(value, dtype=spec.dtype)
    if not spec.is_compatible_with(tensor):
        raise ValueError(
            f"Python inputs incompatible with input_signature:\n  inputs: {tensor}\n"
            f"  input_signature: {spec}"
        )
    return tensor


def _in_order(graph: Graph, before: int, variables: Sequence[Any]) -> list[Operation]:
    """What the function's operations do besides computing, one thing after the other.

    In a branch or a loop of the function, order is that of its own dependences.
    """
    apart = {op for variable in variables for op in (variable.op, variable.initializer)}
    made = [
        operation
        for operation in graph.get_operations()[before:]
        if operation.definition.stateful
        and operation not in apart
        and operation._get_control_flow_context() is graph._get_control_flow_context()
    ]
    for first, second in itertools.pairwise(made):
        second._add_control_input(first)
    return made[-1:]


def _results(found: Any, scope: str) -> Any:
    """The values in `found` as results of one operation; that operation when there is none."""
    places = nest.flatten(found)
    values = [convert_to_tensor(value) for value in places if value is not None]
    if not values:
        return no_op(name=scope) if found is None else found
    listed = [identity(values[0], scope)] if len(values) == 1 else identity_n(values, scope)
    results = iter(listed)
    return nest.pack_sequence_as(
        found, [None if value is None else next(results) for value in places]
    )
