"""From Python values to the arrays that constants hold, by TensorFlow 1.15's rules.

NumPy arrays and scalars keep their type. Python numbers and lists of them become float32 or, where
the values fit, int32. Text becomes an array of bytes objects. Nothing is converted silently that
TensorFlow refuses: a float where an integer is asked for, a number where text is.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterator
from typing import Any

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.dimension import Dimension
from graphflow.graph.dtypes import DType
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor

_ACCEPTED: dict[str, tuple[type, ...]] = {
    "int": (numbers.Integral, np.integer, Dimension),
    "uint": (numbers.Integral, np.integer, Dimension),
    "float": (numbers.Real, np.integer, np.floating),
    "complex": (numbers.Complex, np.number),
    "bool": (bool,),
    "string": (str, bytes),
}


def make_array(
    values: Any, dtype: DType | None = None, shape: Any = None, verify_shape: bool = False
) -> np.ndarray[Any, Any]:
    """Return `values` as a new read-only array.

    Parameters
    ----------
    values : an array or anything that becomes one, a Python scalar, nested lists of them.
    dtype : element type; found from the values when None.
    shape : iterable of sizes; when there are fewer values than it asks for, the last is repeated.
    verify_shape : require that the values have that shape already.

    Raises
    ------
    TypeError : an element is not of the type asked for, or of no type that tensors have.
    ValueError : None, ragged lists, or more values than `shape` has room for.
    """
    if dtype is not None:
        dtype = dtype.base_dtype
    if _is_array_like(values):
        values = np.asarray(values)
    if isinstance(values, (np.ndarray, np.generic)):
        array = _cast(np.asarray(values), dtype)
    elif values is None:
        raise ValueError("None values not supported.")
    else:
        empty = shape is not None and math.prod(int(size) for size in shape) == 0
        array = _empty(shape, dtype) if empty else _array_of_python(values, dtype)
    array = _as_bytes_objects(array, values)
    if shape is not None:
        array = _fill(array, [int(size) for size in shape], verify_shape)
    array = np.array(array, order="C")
    array.setflags(write=False)
    return array


def _is_array_like(value: Any) -> bool:
    if isinstance(value, Tensor):
        return False
    if callable(getattr(value, "__array__", None)):
        return True
    if isinstance(getattr(value, "__array_interface__", None), dict):
        return True
    return isinstance(value, (bytearray, memoryview))


def _cast(array: np.ndarray[Any, Any], dtype: DType | None) -> np.ndarray[Any, Any]:
    if dtype is None or (dtype is dtypes.string and array.dtype.kind in "SUO"):
        return array
    with np.errstate(all="ignore"):  # an infinity as an integer is the processor's answer, as in C
        return array.astype(dtype.numpy)


def _empty(shape: Any, dtype: DType | None) -> np.ndarray[Any, Any]:
    return np.zeros([int(size) for size in shape], np.float32 if dtype is None else dtype.numpy)


def _array_of_python(values: Any, dtype: DType | None) -> np.ndarray[Any, Any]:
    _check_elements(values, dtype)
    array = _dense_array(values, dtype)
    if dtype is not None:
        return array
    if array.dtype == np.float64:
        return array.astype(np.float32)
    if array.dtype == np.int64:
        narrow = array.astype(np.int32)
        return narrow if np.array_equal(narrow, array) else array
    return array


def _check_elements(values: Any, dtype: DType | None) -> None:
    """Raise TypeError for the first element that the type does not take."""
    accepted = () if dtype is None else _ACCEPTED.get(dtype.kind, ())
    for element in _flatten(values):
        if dtype is None:
            if isinstance(element, Tensor):
                raise TypeError("List of Tensors when single Tensor expected")
        elif not isinstance(element, accepted):
            raise TypeError(
                f"Expected {dtype.name}, got {_text(element)} of type "
                f"'{type(element).__name__}' instead."
            )


def _text(value: Any) -> str:
    # NumPy 2 writes ``np.True_`` where the message has to say ``True``.
    return str(value) if isinstance(value, np.generic) else repr(value)


def _flatten(values: Any) -> Iterator[Any]:
    if isinstance(values, (list, tuple)):
        for value in values:
            yield from _flatten(value)
    elif isinstance(values, dict):
        for key in sorted(values):
            yield from _flatten(values[key])
    else:
        yield values


def _dense_array(values: Any, dtype: DType | None) -> np.ndarray[Any, Any]:
    wanted = _dense_shape(values)
    try:
        if dtype is None:
            array = np.array(values)
        elif dtype.is_integer:
            # Through the natural type, because out-of-range integers wrap and NumPy 2 refuses them.
            array = _cast(np.array(values), dtype)
        else:
            array = np.array(values, dtype=dtype.numpy)
    except ValueError as error:
        if "inhomogeneous" not in str(error):
            raise
        got = list(np.array(values, dtype=object).shape)
        raise ValueError(_not_dense(values, got, wanted)) from None
    if list(array.shape) != wanted:
        raise ValueError(_not_dense(values, list(array.shape), wanted))
    return array


def _not_dense(values: Any, got: list[int], wanted: list[int]) -> str:
    return f"Argument must be a dense tensor: {values} - got shape {got}, but wanted {wanted}."


def _dense_shape(values: Any) -> list[int]:
    """Return the shape of nested lists, judged by the first item of each."""
    shape = []
    while isinstance(values, (list, tuple)):
        shape.append(len(values))
        if not values:
            break
        values = values[0]
    return shape


def as_array(value: Any) -> np.ndarray[Any, Any]:
    """An array of a value of a run; texts as objects, as NumPy's own take zeros off their ends."""
    array = np.asarray(value)
    if array.dtype.kind in "SU" and not isinstance(value, np.ndarray):
        return np.asarray(value, dtype=object)
    return array


def _as_bytes_objects(array: np.ndarray[Any, Any], values: Any) -> np.ndarray[Any, Any]:
    """Return an array of text as an object array of bytes; any other array unchanged."""
    if array.dtype.kind not in "SUO":
        dtypes.as_dtype(array.dtype)  # TypeError for a type that tensors cannot have
        return array
    from_python = not isinstance(values, (np.ndarray, np.generic))
    # NumPy turns a number among strings into a string, and takes zeros off the ends of texts, so
    # that the lists and texts themselves are asked.
    nested = isinstance(values, (list, tuple)) and array.size
    if isinstance(values, (str, bytes)):
        elements = [values] if array.size else []
    else:
        elements = list(_flatten(values)) if nested else list(array.ravel())
    result = np.empty(array.shape, dtype=object)
    flat = result.reshape(-1)
    for i, element in enumerate(elements):
        if isinstance(element, str):
            element = element.encode()
        elif not isinstance(element, bytes):
            if not from_python:
                raise TypeError(f"Expected binary or unicode string, got {_text(element)}")
            raise TypeError(
                f"Failed to convert object of type {type(values)} to Tensor. "
                f"Contents: {values}. Consider casting elements to a supported type."
            )
        flat[i] = bytes(element)
    return result


def _fill(
    array: np.ndarray[Any, Any], shape: list[int], verify_shape: bool
) -> np.ndarray[Any, Any]:
    """Return `array` in another shape, its last value repeated where there are too few."""
    count = math.prod(shape)
    if verify_shape and array.shape != tuple(shape):
        raise TypeError(f"Expected Tensor's shape: {tuple(shape)}, got {array.shape}.")
    if array.size > count:
        raise ValueError(
            f"Too many elements provided. Needed at most {count}, but received {array.size}"
        )
    TensorShape(shape)  # ValueError for a negative size
    if array.size == count:
        return array.reshape(shape)
    if array.size == 1:
        return np.full(shape, array.reshape(())[()], array.dtype)
    filler = array.ravel()[-1] if array.size else b"" if array.dtype == object else 0
    result = np.full(count, filler, array.dtype)
    result[: array.size] = array.ravel()
    return result.reshape(shape)
