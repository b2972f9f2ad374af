"""From what a user passes to tensors, by TensorFlow 1.15's rules.

Conversion functions are registered for types, with a priority; the first one that does not return
``NotImplemented`` converts. Lists that hold tensors are packed into one (``Pack``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.constants import constant
from graphflow.graph.default import get_default_graph, name_scope
from graphflow.graph.dimension import Dimension
from graphflow.graph.dtypes import DType, as_dtype
from graphflow.graph.indexed_slices import IndexedSlices
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor

Conversion = Callable[..., Any]  # (value, dtype=, name=, as_ref=) -> Tensor | NotImplemented

_PLAIN = (int, float, np.generic, np.ndarray)
_conversions: dict[int, list[tuple[Any, Conversion]]] = {}
_conversions_of_type: dict[type, list[tuple[Any, Conversion]]] = {}
_dense_types: tuple[type, ...] = (Tensor,)


def register_tensor_conversion_function(
    base_type: Any, conversion_func: Conversion, priority: int = 100
) -> None:
    """Register how objects of a type become tensors.

    Parameters
    ----------
    base_type : a type or a tuple of types.
    conversion_func : ``(value, dtype, name, as_ref)`` to a Tensor, or NotImplemented to let the
        next function try.
    priority : functions with a smaller number are tried first.

    Raises
    ------
    TypeError : Python numbers and NumPy arrays are always converted by `constant`.
    """
    types = base_type if isinstance(base_type, tuple) else (base_type,)
    if any(not isinstance(t, type) for t in types):
        raise TypeError("base_type must be a type or a tuple of types.")
    if any(issubclass(t, _PLAIN) for t in types):
        raise TypeError(
            "Cannot register conversions for Python numeric types and NumPy scalars and arrays."
        )
    if not callable(conversion_func):
        raise TypeError("conversion_func must be callable.")
    _conversions.setdefault(priority, []).append((base_type, conversion_func))
    _conversions_of_type.clear()


def register_dense_tensor_like_type(tensor_type: type) -> None:
    """Say that objects of a type are as good as tensors inside a list: variables are."""
    global _dense_types
    for attribute in ("name", "dtype"):
        if not isinstance(getattr(tensor_type, attribute, None), property):
            raise TypeError(f"Type {tensor_type.__name__} does not define a `{attribute}` property")
    _dense_types = (*_dense_types, tensor_type)


def is_dense_tensor_like(value: Any) -> bool:
    """Whether `value` is a Tensor or as good as one."""
    return isinstance(value, _dense_types)


def _conversions_for(query: type) -> list[tuple[Any, Conversion]]:
    if issubclass(query, _PLAIN):
        return [(query, _convert_constant)]
    found = _conversions_of_type.get(query)
    if found is None:
        found = [
            (base_type, function)
            for _, functions in sorted(_conversions.items(), key=lambda item: item[0])
            for base_type, function in functions
            if issubclass(query, base_type)
        ]
        _conversions_of_type[query] = found
    return found


def convert_to_tensor(
    value: Any,
    dtype: Any = None,
    name: str | None = None,
    preferred_dtype: Any = None,
    dtype_hint: Any = None,
) -> Tensor:
    """Return `value` as a tensor of the default graph; a tensor as itself.

    Parameters
    ----------
    value : tensor, variable, number, text, array, or nested lists of these.
    dtype : the element type that is required.
    name : name of the operation, where one is made.
    preferred_dtype, dtype_hint : element type to use if `value` allows it and `dtype` is None.

    Raises
    ------
    TypeError : no conversion is known, or an element is not of the type required.
    ValueError : a tensor of another type than `dtype`; values that are no tensor.
    """
    return convert(value, dtype, name, dtype_hint if preferred_dtype is None else preferred_dtype)


def convert(
    value: Any,
    dtype: Any = None,
    name: str | None = None,
    preferred_dtype: Any = None,
    as_ref: bool = False,
    accepted: Any = (Tensor,),
) -> Any:
    """Convert as `convert_to_tensor` does; with `as_ref`, a variable gives its reference."""
    wanted = None if dtype is None else as_dtype(dtype)
    if isinstance(value, Tensor):
        _check_dtype(value, wanted, value)
        return value
    preferred = None if preferred_dtype is None else as_dtype(preferred_dtype)
    for base_type, function in _conversions_for(type(value)):
        result = None
        if wanted is None and preferred is not None:
            result = _try_preferred(function, value, preferred, name, as_ref)
        if result is None:
            result = function(value, dtype=wanted, name=name, as_ref=as_ref)
        if result is NotImplemented:
            continue
        if not isinstance(result, accepted):
            raise RuntimeError(
                f"{_prefix(name)}Conversion function {function!r} for type {base_type} returned "
                f"non-Tensor: {result!r}"
            )
        if wanted and not wanted.is_compatible_with(result.dtype):
            raise RuntimeError(
                f"{_prefix(name)}Conversion function {function!r} for type {base_type} returned "
                f"incompatible dtype: requested = {wanted.name}, actual = {result.dtype.name}"
            )
        return result
    raise TypeError(
        f"{_prefix(name)}Cannot convert {value!r} with type {type(value)} to Tensor: "
        "no conversion function registered."
    )


def _prefix(name: str | None) -> str:
    return "" if name is None else f"{name}: "


def _check_dtype(value: Any, wanted: DType | None, shown: Any) -> None:
    if wanted is not None and not wanted.is_compatible_with(value.dtype):
        raise ValueError(
            f"Tensor conversion requested dtype {wanted.name} for Tensor with dtype "
            f"{value.dtype.name}: {shown!r}"
        )


def _try_preferred(
    function: Conversion, value: Any, preferred: DType, name: str | None, as_ref: bool
) -> Any:
    """Return the value in the preferred type, or None when it cannot have it."""
    try:
        result = function(value, dtype=preferred, name=name, as_ref=as_ref)
    except (TypeError, ValueError):
        return None
    if result is not NotImplemented and result.dtype.base_dtype != preferred.base_dtype:
        raise TypeError(
            "convert_to_tensor did not convert to the preferred dtype: "
            f"{result.dtype.base_dtype} vs {preferred.base_dtype} "
        )
    return result


def convert_n_to_tensor(
    values: Sequence[Any], dtype: Any = None, name: str | None = None, preferred_dtype: Any = None
) -> list[Tensor]:
    """Return each of `values` as a tensor; names are numbered ``name_0``, ``name_1``, ..."""
    if not isinstance(values, Sequence):
        raise TypeError("values must be a sequence.")
    return [
        convert(value, dtype, None if name is None else f"{name}_{i}", preferred_dtype)
        for i, value in enumerate(values)
    ]


def convert_to_tensor_or_indexed_slices(
    value: Any, dtype: Any = None, name: str | None = None
) -> Any:
    """Return `value` as a tensor; an `IndexedSlices` as itself."""
    if isinstance(value, IndexedSlices):
        _check_dtype(value, None if dtype is None else as_dtype(dtype), str(value))
        return value
    return convert(value, dtype, name)


# ---- the conversions that need no operation but Const and Pack


def _convert_constant(value: Any, dtype: Any, name: str | None, as_ref: bool) -> Tensor:
    return constant(value, dtype, name="Const" if name is None else name)


def _convert_shape(value: Any, dtype: Any, name: str | None, as_ref: bool) -> Tensor:
    """Return a fully known TensorShape as an integer vector, int32 unless a size needs more."""
    if not value.is_fully_defined():
        raise ValueError(f"Cannot convert a partially known TensorShape to a Tensor: {value}")
    large = next((size for size in value.extents if size >= 2**31), 0)
    if dtype is None:
        dtype = dtypes.int64 if large else dtypes.int32
    elif dtype not in (dtypes.int32, dtypes.int64):
        raise TypeError(f"Cannot convert a TensorShape to dtype: {dtype}")
    elif dtype == dtypes.int32 and large:
        raise ValueError(
            f"Cannot convert a TensorShape to dtype int32; a dimension is too large ({large})"
        )
    return constant(list(value.extents), dtype, name=name or "shape_as_tensor")


def _convert_dimension(value: Any, dtype: Any, name: str | None, as_ref: bool) -> Tensor:
    if value.value is None:
        raise ValueError(f"Cannot convert an unknown Dimension to a Tensor: {value}")
    if dtype is None:
        dtype = dtypes.int32
    elif dtype not in (dtypes.int32, dtypes.int64):
        raise TypeError(f"Cannot convert a TensorShape to dtype: {dtype}")
    return constant(value.value, dtype, name=name or "shape_as_tensor")


def _refuse_operation(value: Any, dtype: Any, name: str | None, as_ref: bool) -> Tensor:
    target = f"(target dtype={dtype!r}, name={name!r}, as_ref={as_ref!r})"
    raise TypeError(f"Can't convert Operation '{value.name}' to Tensor {target}")


def _convert_packed(value: Any, dtype: Any, name: str | None, as_ref: bool) -> Any:
    """Return a list that holds tensors as one tensor, packed along a new first axis."""
    if as_ref:
        return NotImplemented
    inferred = next(
        (item.dtype.base_dtype for item in _leaves(value) if is_dense_tensor_like(item)), None
    )
    if inferred is None:
        return NotImplemented
    if dtype is not None and dtype != inferred:
        value = _cast_nested(value, dtype)
    return _pack(value, inferred if dtype is None else dtype, name or "packed")


def _leaves(values: Any) -> Iterator[Any]:
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from _leaves(value)
        else:
            yield value


def _cast_nested(value: Any, dtype: DType) -> Any:
    if isinstance(value, (list, tuple)):
        return [_cast_nested(item, dtype) for item in value]
    if is_dense_tensor_like(value) and value.dtype.base_dtype != dtype:
        tensor = convert(value)
        attrs = {"SrcT": tensor.dtype.base_dtype, "DstT": dtype, "Truncate": False}
        return get_default_graph().create_op("Cast", [tensor], attrs, "Cast").outputs[0]
    return value


def _pack(values: Any, dtype: DType, name: str) -> Any:
    """Pack nested lists into one tensor; lists without tensors are returned as they are."""
    must_pack = False
    items: list[Any] = []
    with name_scope(name) as scope:
        for i, item in enumerate(values):
            if isinstance(item, (list, tuple)):
                item = _pack(item, dtype, str(i))
            elif is_dense_tensor_like(item) and item.dtype.base_dtype != dtype:
                raise TypeError(
                    f"Cannot convert a list containing a tensor of dtype {item.dtype} to {dtype} "
                    f"(Tensor is: {item!r})"
                )
            must_pack = must_pack or is_dense_tensor_like(item)
            items.append(item)
        if not must_pack:
            return items
        tensors = [
            convert(item) if is_dense_tensor_like(item) else constant(item, dtype, name=str(i))
            for i, item in enumerate(items)
        ]
        attrs = {"N": len(tensors), "axis": 0}
        return get_default_graph().create_op("Pack", tensors, attrs, scope).outputs[0]


register_tensor_conversion_function((list, tuple), _convert_packed, 99)
register_tensor_conversion_function((list, tuple), _convert_constant, 100)
register_tensor_conversion_function(TensorShape, _convert_shape, 100)
register_tensor_conversion_function(Dimension, _convert_dimension, 100)
register_tensor_conversion_function(Operation, _refuse_operation, 100)
register_tensor_conversion_function(object, _convert_constant, 200)
