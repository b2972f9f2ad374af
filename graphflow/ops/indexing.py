"""``x[...]`` of tensors and variables: what stands between the brackets becomes a StridedSlice."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow.graph.apply import Signature
from graphflow.graph.constants import constant
from graphflow.graph.default import name_scope
from graphflow.graph.dimension import Dimension
from graphflow.graph.dtypes import as_dtype, int32, int64
from graphflow.graph.tensor import Tensor
from graphflow.ops.joining import stack
from graphflow.ops.strided_slice import MASKS, strided_slice
from graphflow.ops.variables import Variable

_ADD = Signature("AddV2", "x: T", "y: T")
_CAST = Signature("Cast", "x: SrcT")
_INDEX_ERROR = (
    "Only integers, slices (`:`), ellipsis (`...`), tf.newaxis (`None`) and scalar "
    "tf.int32/tf.int64 tensors are valid indices"
)


def _check_index(index: Any) -> None:
    if isinstance(index, (int, Dimension)):
        return
    dtype = getattr(index, "dtype", None)
    allowed = (int32, int64, int32._as_ref, int64._as_ref)
    if dtype is None or as_dtype(dtype) not in allowed or len(index.shape or ()) == 1:
        raise TypeError(f"{_INDEX_ERROR}, got {index!r}")


def _is_given(bound: Any) -> bool:
    return bound is not None and (isinstance(bound, Tensor) or bound != sys.maxsize)


def _after(index: Any) -> Any:
    return _ADD(index, 1, name="add").outputs[0] if isinstance(index, Tensor) else index + 1


def _slice_bounds(spec: Sequence[Any]) -> tuple[list[Any], list[Any], list[Any], dict[str, int]]:
    """The sparse vectors and masks of what stands between the brackets."""
    begin, end, strides = [], [], []
    masks = dict.fromkeys(MASKS, 0)
    for i, item in enumerate(spec):
        entry: tuple[Any, Any, Any] = (0, 0, 1)
        if isinstance(item, slice):
            for bound, mask in ((item.start, "begin_mask"), (item.stop, "end_mask")):
                if _is_given(bound):
                    _check_index(bound)
                else:
                    masks[mask] |= 1 << i
            if item.step is not None:
                _check_index(item.step)
            entry = (
                item.start if _is_given(item.start) else 0,
                item.stop if _is_given(item.stop) else 0,
                1 if item.step is None else item.step,
            )
        elif item is Ellipsis:
            masks["ellipsis_mask"] |= 1 << i
        elif item is None:
            masks["new_axis_mask"] |= 1 << i
        else:
            _check_index(item)
            entry = (item, _after(item), 1)
            masks["shrink_axis_mask"] |= 1 << i
        for bounds, bound in zip((begin, end, strides), entry, strict=True):
            bounds.append(bound)
    return begin, end, strides, masks


def slice_tensor(tensor: Any, spec: Any, var: Any = None) -> Tensor:
    """``tensor[spec]``: slices, integers, integer scalars, ``...`` and ``tf.newaxis``.

    A boolean array or tensor picks elements, as `boolean_mask` does.

    Raises
    ------
    TypeError : an index is of another kind.
    """
    if isinstance(spec, bool) or getattr(spec, "dtype", None) == np.bool_:
        return boolean_mask(tensor, spec)
    items = spec if isinstance(spec, (list, tuple)) else [spec]
    begin, end, strides, masks = _slice_bounds(items)
    with name_scope(None, "strided_slice", [tensor, *begin, *end, *strides]) as scope:
        if begin:
            packed = [stack(bounds) for bounds in (begin, end, strides)]
            if any(p.dtype == int64 for p in packed):
                packed = [_as_int64(p) for p in packed]
        else:
            packed = [constant([], int32)] * 3
        return strided_slice(tensor, *packed, **masks, var=var, name=scope)


def _as_int64(x: Tensor) -> Tensor:
    if x.dtype == int64:
        return x
    return _CAST(x, DstT=int64, Truncate=False).outputs[0]


def slice_variable(variable: Variable, spec: Any) -> Tensor:
    """``variable[spec]``; the result has a method ``assign`` that writes this part."""
    return slice_tensor(variable.value(), spec, variable)


Tensor._override_operator("__getitem__", slice_tensor)
Variable.__getitem__ = slice_variable  # type: ignore[attr-defined]
