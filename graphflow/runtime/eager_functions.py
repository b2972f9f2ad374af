"""Python functions as ops that may call operations: `py_function`.

TensorFlow runs them eagerly. Here what a function makes of tensors is a graph of its own in each
call, which a session runs; arrays, which have a tensor's `numpy` method, are what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphflow.gradients.reverse import gradients
from graphflow.graph.apply import Signature
from graphflow.graph.constants import constant
from graphflow.graph.dtypes import as_dtype
from graphflow.graph.graph import Graph
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ops.creation import zeros_like
from graphflow.ops.py_func import lower_function, promised_types
from graphflow.runtime.session import Session

Array = np.ndarray[Any, Any]


class _Given(np.ndarray[Any, Any]):
    """An array that has a tensor's `numpy` method, for functions written for eager tensors."""

    def numpy(self) -> Array:
        """The array."""
        return np.asarray(self)


def _listed(results: Any) -> list[Any]:
    if results is None:
        return []
    return list(results) if isinstance(results, (list, tuple)) else [results]


def _evaluated(graph: Graph, results: list[Any]) -> list[Any]:
    made = [k for k, result in enumerate(results) if isinstance(result, Tensor)]
    if made:
        with Session(graph=graph) as session:
            values = session.run([results[k] for k in made])
        for k, value in zip(made, values, strict=True):
            results[k] = value
    return results


def _calling(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with the tensors that it returns evaluated."""

    def call(*arrays: Array) -> list[Any]:
        with Graph().as_default() as graph:
            results = _listed(function(*[np.asarray(a).view(_Given) for a in arrays]))
            return _evaluated(graph, results)

    return call


def _differentiating(function: Callable[..., Any], count: int) -> Callable[..., Any]:
    """A function of the inputs and of the results' gradients, which gives those by the inputs."""

    def call(*arrays: Array) -> list[Any]:
        with Graph().as_default() as graph:
            inputs = [constant(a) for a in arrays[:count]]
            results = _listed(function(*inputs))
            pairs = zip(results, arrays[count:], strict=True)
            known = [(y, constant(dy)) for y, dy in pairs if isinstance(y, Tensor)]
            found = gradients([y for y, _ in known], inputs, [dy for _, dy in known])
            listed = [
                zeros_like(x) if dx is None else dx for x, dx in zip(inputs, found, strict=True)
            ]
            return _evaluated(graph, listed)

    return call


def _gradient(op: Operation, *changes: Any) -> list[Any]:
    function = _differentiating(op.attrs["given"], len(op.inputs))
    types = [x.dtype.base_dtype for x in op.inputs]
    called = _EAGER([*op.inputs, *changes], Tout=types, function=function, given=function)
    return list(called.outputs)


define_op("EagerPyFunc", promised_types, lower_function, gradient=_gradient, stateful=True)
_EAGER = Signature("EagerPyFunc", "input: Tin...")


def py_function(
    func: Callable[..., Any], inp: Sequence[Any], Tout: Any, name: str | None = None
) -> Any:
    """Return the results of a Python function of tensors, called whenever they are needed.

    Parameters
    ----------
    func : takes arrays that have a tensor's `numpy` method, returns arrays or what operations make
        of them. With gradients by the inputs it is called once more, with tensors.
    inp : tensors.
    Tout : the element type of the result, or a list of types for a list of results.

    Raises
    ------
    ValueError : `func` cannot be called.
    """
    if not callable(func):
        raise ValueError(f"Expected func to be callable, got func of type {type(func)}")
    several = isinstance(Tout, (list, tuple))
    types = [as_dtype(dtype) for dtype in (Tout if several else [Tout])]
    made = _EAGER(list(inp), name=name, Tout=types, function=_calling(func), given=func)
    return made.outputs if several else made.outputs[0]


eager_py_func = py_function  # the name of TensorFlow's private function
