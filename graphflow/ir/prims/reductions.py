"""Reductions over axes. The reduced axes disappear; keeping them is a reshape.

Sums and products of float16 and bfloat16 accumulate in float32. Reductions of nothing give the
neutral element. Extremes are over what is not nan, as everything beats the neutral element but nan.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphflow.graph import dtypes
from graphflow.ir.dims import dims_equal
from graphflow.ir.prims.registry import define, require
from graphflow.ir.types import TensorType

Array = np.ndarray[Any, Any]
Attrs = dict[str, Any]


# The pointwise primitive that combines two parts of a reduction.
COMBINE = {
    "reduce_sum": "add", "reduce_prod": "mul", "reduce_max": "max", "reduce_min": "min",
    "reduce_and": "and", "reduce_or": "or",
}  # fmt: skip
PLACES = ("argmax", "argmin")  # reductions that give a position


def neutral_element(name: str, dtype: dtypes.DType) -> Any:
    """The value that a reduction of no elements gives; of a place, what all values beat."""
    if name in ("reduce_max", "reduce_min", *PLACES):
        sign = -1 if name in ("reduce_max", "argmax") else 1
        if dtype.is_floating:
            return dtype.as_numpy_dtype(sign * np.inf)
        return dtype.min if sign < 0 else dtype.max
    ones = name in ("reduce_prod", "reduce_and")
    return dtype.as_numpy_dtype(1 if ones else 0)


def _infer_reduce(name: str, kinds: tuple[str, ...]) -> Callable[..., TensorType]:
    def infer(attrs: Attrs, x: TensorType) -> TensorType:
        axes = attrs["axes"]
        require(x.dtype.kind in kinds, name, f"an operand of kind {'/'.join(kinds)}", x)
        require(list(axes) == sorted(set(axes)), name, "increasing axes", axes)
        require(all(0 <= a < x.rank for a in axes), name, "axes in range", x, axes)
        return TensorType(x.dtype, tuple(d for k, d in enumerate(x.shape) if k not in axes))

    return infer


def _reference(name: str, function: Any) -> Callable[..., Array]:
    def whole(attrs: Attrs, x: Array) -> Array:
        axes, dtype = attrs["axes"], x.dtype
        if dtype.kind == "O":
            return np.asarray(function.reduce(x, axis=axes))
        wide = x.astype(np.float32) if dtype.itemsize == 2 and dtype.kind not in "iub" else x
        initial = neutral_element(name, dtypes.as_dtype(dtype))
        with np.errstate(all="ignore"):
            if wide.dtype == np.float32 and name == "reduce_sum":
                return np.asarray(np.sum(wide, axis=axes, dtype=np.float64)).astype(dtype)
            return np.asarray(
                function.reduce(wide, axis=axes, initial=wide.dtype.type(initial), dtype=wide.dtype)
            ).astype(dtype)

    return whole


_NUMBER = ("float", "int", "uint", "complex")
for _name, _function, _kinds in [
    ("reduce_sum", np.add, _NUMBER), ("reduce_prod", np.multiply, _NUMBER),
    ("reduce_max", np.fmax, _NUMBER[:3]), ("reduce_min", np.fmin, _NUMBER[:3]),
    ("reduce_and", np.logical_and, ("bool",)), ("reduce_or", np.logical_or, ("bool",)),
]:  # fmt: skip
    define(_name, "reduce", _infer_reduce(_name, _kinds), _reference(_name, _function))  # axes


def _infer_arg(attrs: Attrs, x: TensorType) -> TensorType:
    axis = attrs["axis"]
    require(0 <= axis < x.rank, "argmax/argmin", "an axis in range", x, axis)
    require(not dims_equal(x.shape[axis], 0), "argmax/argmin", "a nonempty axis", x, axis)
    return TensorType(attrs["dtype"], x.shape[:axis] + x.shape[axis + 1 :])


def _arg(function: Callable[..., Any], x: Array, attrs: Attrs) -> Array:
    wide = x.astype(np.float32) if x.dtype.itemsize == 2 and x.dtype.kind not in "iub" else x
    if wide.dtype.kind == "f":
        wide = np.where(np.isnan(wide), np.inf if function is np.argmin else -np.inf, wide)
    return np.asarray(function(wide, axis=attrs["axis"])).astype(attrs["dtype"].numpy)


# attrs: axis, dtype; the first of equals, and the first element where no other beats -inf
define("argmax", "reduce", _infer_arg, lambda attrs, x: _arg(np.argmax, x, attrs), cost=2.0)
define("argmin", "reduce", _infer_arg, lambda attrs, x: _arg(np.argmin, x, attrs), cost=2.0)
