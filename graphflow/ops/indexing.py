"""``x[...]`` of tensors and variables, and picking by a mask: boolean_mask, one-argument where.

What stands between the brackets becomes a StridedSlice. Importing this module installs it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow.graph.apply import Signature
from graphflow.graph.constants import constant, constant_value
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dimension import Dimension
from graphflow.graph.dtypes import as_dtype, int32, int64
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ops.gathering import gather
from graphflow.ops.joining import concat, stack
from graphflow.ops.shape import INDEX, reshape, squeeze
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.shape_rules import Types, output
from graphflow.ops.strided_slice import MASKS, strided_slice
from graphflow.ops.variables import Variable

__all__ = ["boolean_mask"]

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
    begin: list[Any] = []
    end: list[Any] = []
    strides: list[Any] = []
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
        if items:
            packed = [stack(bounds) for bounds in (begin, end, strides)]
            if any(p.dtype == int64 for p in packed):
                packed = [_as_int64(p) for p in packed]
        else:
            packed = [constant([], int32)] * 3
        options: dict[str, Any] = {**masks, "var": var, "name": scope}
        return strided_slice(tensor, packed[0], packed[1], packed[2], **options)


def _as_int64(x: Tensor) -> Tensor:
    if x.dtype == int64:
        return x
    return _CAST(x, DstT=int64, Truncate=False).outputs[0]


# ---- masks
def _infer_where(op: Operation) -> Types:
    rank = op.inputs[0].shape.rank
    return output(op, (None, rank), int64)


def _places(condition: Any) -> list[Any]:
    return [np.argwhere(condition).astype(np.int64)]


define_op(
    name="Where",
    infer=_infer_where,
    lower=lambda b, op, condition: b.call_python(_places, (condition,), [(int64, None)]),
    no_gradient="integer output",
)
_WHERE = Signature("Where", "condition: T")
_PROD = Signature("Prod", "input: T", "reduction_indices: Tidx = int32", Tidx=INDEX)


def boolean_mask(tensor: Any, mask: Any, name: str = "boolean_mask", axis: Any = None) -> Tensor:
    """Return the elements of `tensor` where `mask` holds, in one axis.

    Parameters
    ----------
    mask : boolean; its shape is that of `tensor` from `axis` on, and its rank is known.
    axis : where the mask begins, 0 when None.

    Raises
    ------
    ValueError : the shapes do not fit, or the mask is a scalar.
    """
    with name_scope(name, values=[tensor, mask]):
        tensor = convert_to_tensor(tensor, name="tensor")
        mask = convert_to_tensor(mask, name="mask")
        rank = mask.shape.rank
        if rank == 0:
            raise ValueError("mask cannot be scalar.")
        if rank is None:
            raise ValueError(
                "Number of mask dimensions must be specified, even if some dimensions are None.  "
                "E.g. shape=[None] is ok, but shape=None is not."
            )
        axis = 0 if axis is None else int(np.asarray(constant_value(axis)))
        tensor.shape[axis : axis + rank].assert_is_compatible_with(mask.shape)
        masked = slice_tensor(shape_of(tensor), slice(axis, axis + rank))
        count = _PROD(masked, [0], keep_dims=False).outputs[0]
        before = slice_tensor(shape_of(tensor), slice(axis))
        after = slice_tensor(shape_of(tensor), slice(axis + rank, None))
        flat = reshape(tensor, concat([before, [count], after], 0))
        places = squeeze(_WHERE(reshape(mask, [-1])).outputs[0], axis=[1])
        return gather(flat, places, axis=axis)


# ---- installation


def slice_variable(variable: Variable, spec: Any) -> Tensor:
    """``variable[spec]``; the result has a method ``assign`` that writes this part."""
    return slice_tensor(variable.value(), spec, variable)


Tensor._override_operator("__getitem__", slice_tensor)
setattr(Variable, "__getitem__", slice_variable)  # noqa: B010  # no attribute of the class itself
