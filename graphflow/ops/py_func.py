"""Python functions as ops: `py_func`, `numpy_function`, `py_function`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphflow.graph.apply import Signature
from graphflow.graph.dtypes import as_dtype
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import unknown_shape

Arrays = np.ndarray[Any, Any]


def _infer(op: Operation) -> list[Any]:
    return [(dtype, unknown_shape()) for dtype in op.attrs["Tout"]]


def _checked(op: Operation) -> Callable[..., tuple[Arrays, ...]]:
    """Return the user's function, its results made arrays of the promised types.

    Raises
    ------
    ValueError : it returns another number of values than promised, or of other types.
    """
    function, promised = op.attrs["function"], op.attrs["Tout"]

    def call(*arrays: Arrays) -> tuple[Arrays, ...]:
        results = function(*arrays)
        if results is None:
            results = ()
        elif not isinstance(results, (list, tuple)):
            results = (results,)
        elif len(promised) == 1 and len(results) != 1:
            results = (results,)
        if len(results) != len(promised):
            raise ValueError(
                f"{op.name} returns {len(results)} values, but expects to see {len(promised)} "
                "values."
            )
        return tuple(_checked_result(op, i, value) for i, value in enumerate(results))

    return call


def _checked_result(op: Operation, index: int, value: Any) -> Arrays:
    promised = op.attrs["Tout"][index]
    if value is None:
        raise ValueError(f"{op.name} returns None as value {index}")
    array = np.asarray(value)
    exact = isinstance(value, (np.ndarray, np.generic))
    got = as_dtype(array.dtype)
    if got is not promised and (exact or got.kind != promised.kind):
        raise ValueError(
            f"{index}-th value returned by {op.name} is {got.name}, but expects {promised.name}"
        )
    if promised.kind == "string":
        flat = [x.encode() if isinstance(x, str) else bytes(x) for x in array.ravel()]
        result = np.empty(len(flat), dtype=object)
        result[:] = flat
        return result.reshape(array.shape)
    return np.ascontiguousarray(array, dtype=promised.numpy).reshape(array.shape)


def _lower(b: Any, op: Operation, *inputs: Any) -> Any:
    types = tuple((dtype, None) for dtype in op.attrs["Tout"])
    return b.host_call(_checked(op), inputs, types, stateful=op.definition.stateful)


define_op(
    name="PyFunc",
    infer=_infer,
    lower=_lower,
    no_gradient="a Python function has no gradient that is known",
    stateful=True,
)
define_op(
    name="PyFuncStateless",
    infer=_infer,
    lower=_lower,
    no_gradient="a Python function has no gradient that is known",
)

_PY_FUNC = Signature("PyFunc", "input: Tin...")
_PY_FUNC_STATELESS = Signature("PyFuncStateless", "input: Tin...")


def py_func(
    func: Callable[..., Any],
    inp: Sequence[Any],
    Tout: Any,  # TensorFlow's name
    stateful: bool = True,
    name: str | None = None,
) -> Any:
    """Return the results of a Python function of arrays, called whenever they are needed.

    Parameters
    ----------
    func : takes one array per input, returns one array, or a list of them.
    inp : tensors.
    Tout : the element type of the result, or a list of types for a list of results.
    stateful : whether calls may differ, so that none may be left out.

    Returns
    -------
    A tensor, or a list of them when `Tout` is a list. Nothing is known of their shapes.
    """
    if not callable(func):
        raise ValueError(f"Expected func to be callable, got func of type {type(func)}")
    several = isinstance(Tout, (list, tuple))
    types = [as_dtype(dtype) for dtype in (Tout if several else [Tout])]
    signature = _PY_FUNC if stateful else _PY_FUNC_STATELESS
    operation = signature(list(inp), name=name, Tout=types, function=func)
    return operation.outputs if several else operation.outputs[0]


def numpy_function(
    func: Callable[..., Any],
    inp: Sequence[Any],
    Tout: Any,
    name: str | None = None,
) -> Any:
    """Return the results of a Python function of arrays: `py_func` with a state."""
    return py_func(func, inp, Tout, stateful=True, name=name)
