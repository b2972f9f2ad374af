"""Python functions as ops: `py_func`, `numpy_function`."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphflow import errors
from graphflow.graph.apply import Signature
from graphflow.graph.dtypes import as_dtype
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import unknown_shape

Arrays = np.ndarray[Any, Any]
_CPP_NAMES = {"float32": "float", "float64": "double", "float16": "half"}


def promised_types(op: Operation) -> list[Any]:
    """The types that the function's results must have; nothing is known of shapes."""
    return [(dtype, unknown_shape()) for dtype in op.attrs["Tout"]]


# What a Python error becomes, as in TensorFlow; any other becomes an UnknownError.
_TRANSLATIONS: list[tuple[tuple[type[BaseException], ...], type[errors.OpError]]] = [
    ((ValueError, TypeError), errors.InvalidArgumentError),
    ((StopIteration,), errors.OutOfRangeError),
    ((MemoryError,), errors.ResourceExhaustedError),
    ((NotImplementedError,), errors.UnimplementedError),
]


def _checked(op: Operation) -> Callable[..., list[Arrays]]:
    """Return the user's function, its results made arrays of the promised types.

    The function that is returned raises InvalidArgumentError when there are more or fewer results
    than promised, or other types; what the user's function raises is translated.
    """
    function, promised = op.attrs["function"], op.attrs["Tout"]

    def call(*arrays: Arrays) -> list[Arrays]:
        try:
            results = function(*arrays)
        except errors.OpError:  # it says what it is
            raise
        except Exception as error:
            text = f"{type(error).__name__}: {error}\n{traceback.format_exc()}"
            for classes, translated in _TRANSLATIONS:
                if isinstance(error, classes):
                    raise translated(op.node_def, op, text) from error  # type: ignore[call-arg]
            raise errors.UnknownError(op.node_def, op, text) from error
        if results is None:
            results = ()
        elif not isinstance(results, (list, tuple)):
            results = (results,)
        if len(results) != len(promised):
            raise errors.InvalidArgumentError(
                op.node_def,
                op,
                f"{op.name} returns {len(results)} values, but expects to see {len(promised)} "
                "values.",
            )
        return [_checked_result(op, i, value) for i, value in enumerate(results)]

    return call


def _checked_result(op: Operation, index: int, value: Any) -> Arrays:
    """Return one result as an array; its type must be the promised one, not just convertible."""
    array = np.asarray(value, order="C")
    if array.dtype.kind == "O" and not isinstance(value, np.ndarray):
        text = f"Unsupported object type {type(value).__name__}"
        raise errors.InternalError(op.node_def, op, text)
    if array.dtype.kind in "VMm":
        text = f"Unsupported numpy data type {array.dtype}"
        raise errors.InternalError(op.node_def, op, text)
    got, promised = as_dtype(array.dtype), op.attrs["Tout"][index]
    if got is not promised:
        raise errors.InvalidArgumentError(
            op.node_def,
            op,
            f"{index}-th value returned by {op.name} is {_CPP_NAMES.get(got.name, got.name)}, "
            f"but expects {_CPP_NAMES.get(promised.name, promised.name)}",
        )
    if got.kind != "string":
        return array
    result = np.empty(array.shape, dtype=object)
    flat = result.reshape(-1)
    for i, text in enumerate(array.ravel()):
        flat[i] = text.encode() if isinstance(text, str) else bytes(text)
    return result


def lower_function(b: Any, op: Operation, *inputs: Any) -> Any:
    """A call in the run; one without a state, of constants, while the program is compiled."""
    call, promised = _checked(op), op.attrs["Tout"]
    if not op.definition.stateful and all(i.op == "const" for i in inputs):
        arrays = [np.broadcast_to(i["value"].array, i.shape) for i in inputs]
        results = zip(call(*arrays), promised, strict=True)
        return tuple(b.const(array, dtype) for array, dtype in results)
    types = tuple((dtype, None) for dtype in promised)
    return b.call_python(call, inputs, types, stateful=op.definition.stateful)


define_op(
    name="PyFunc",
    infer=promised_types,
    lower=lower_function,
    no_gradient="a Python function has no gradient that is known",
    stateful=True,
)
define_op(
    name="PyFuncStateless",
    infer=promised_types,
    lower=lower_function,
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
    A tensor, or a list of them when `Tout` is a list. Nothing is known of their shapes. The
    operation when the list is empty and the function has a state.
    """
    if not callable(func):
        raise ValueError(f"Expected func to be callable, got func of type {type(func)}")
    several = isinstance(Tout, (list, tuple))
    types = [as_dtype(dtype) for dtype in (Tout if several else [Tout])]
    signature = _PY_FUNC if stateful else _PY_FUNC_STATELESS
    operation = signature(list(inp), name=name, Tout=types, function=func)
    if not types and stateful:
        return operation
    return operation.outputs if several else operation.outputs[0]


def numpy_function(
    func: Callable[..., Any],
    inp: Sequence[Any],
    Tout: Any,
    name: str | None = None,
) -> Any:
    """Return the results of a Python function of arrays: `py_func` with a state."""
    return py_func(func, inp, Tout, stateful=True, name=name)
