"""Elementwise primitives: operands of one shape, result of that shape.

Broadcasting is explicit (`broadcast` nodes), so the rules here are about element types only. The
references are NumPy's functions: special values, rounding and integer wrap-around are NumPy's.
float16 and bfloat16 are computed in float32 and rounded once, here as in generated code.
"""

from __future__ import annotations

from collections.abc import Callable
from math import erf as _erf_scalar
from math import erfc as _erfc_scalar
from math import lgamma as _lgamma_scalar
from typing import Any

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.dtypes import DType
from graphflow.ir.dims import shapes_equal
from graphflow.ir.prims.registry import define, require
from graphflow.ir.types import TensorType

Array = np.ndarray[Any, Any]


def _same_shape(name: str, types: tuple[TensorType, ...]) -> None:
    for other in types[1:]:
        require(shapes_equal(types[0].shape, other.shape), name, "operands of one shape", *types)


def _elementwise(name: str, kinds: tuple[str, ...], result: DType | None) -> Callable[..., Any]:
    def infer(attrs: dict[str, Any], *types: TensorType) -> TensorType:
        _same_shape(name, types)
        first = types[0].dtype
        require(all(t.dtype is first for t in types), name, "operands of one type", *types)
        require(first.kind in kinds, name, f"operands of kind {'/'.join(kinds)}", *types)
        return TensorType(result or first, types[0].shape)

    return infer


def _through_f32(function: Callable[..., Array]) -> Callable[..., Array]:
    """Evaluate `function` on narrow floats in float32, as generated code does."""

    def wrapped(attrs: dict[str, Any], *arrays: Array) -> Array:
        first = arrays[0].dtype
        with np.errstate(all="ignore"):
            if first.itemsize == 2 and first.kind not in "iub":
                wide = function(*[a.astype(np.float32) for a in arrays])
                return np.asarray(wide if wide.dtype == bool else wide.astype(first))
            return np.asarray(function(*arrays))

    return wrapped


def larger(x: Array, y: Array) -> Array:
    """``y`` where ``x < y``, else ``x``: for a nan on either side, and of the zeros, the first."""
    return np.where(x < y, y, x)


def smaller(x: Array, y: Array) -> Array:
    """``y`` where ``y < x``, else ``x``; see `larger`."""
    return np.where(y < x, y, x)


FLOAT = ("float",)
REAL = ("float", "int", "uint")
NUMBER = (*REAL, "complex")
BITS = ("int", "uint", "bool")
ANY = (*NUMBER, "bool")


def _simple(
    name: str, kinds: tuple[str, ...], function: Callable[..., Array],
    result: DType | None = None, cost: float = 1.0,
) -> None:  # fmt: skip
    define(name, "pointwise", _elementwise(name, kinds, result), _through_f32(function), cost=cost)


def _sign(x: Array) -> Array:
    return np.sign(x)


def _sigmoid(x: Array) -> Array:
    if x.dtype.kind == "c":
        return 1 / (1 + np.exp(-x))
    positive = 1.0 / (1.0 + np.exp(-np.abs(x)))
    return np.where(
        np.isnan(x), x, np.where(x >= 0, positive, np.exp(-np.abs(x)) * positive)
    ).astype(x.dtype)


def _softplus(x: Array) -> Array:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _by_scalar(function: Callable[[float], float]) -> Callable[[Array], Array]:
    def whole(x: Array) -> Array:
        values = [function(float(v)) for v in x.flat]
        return np.array(values, dtype=x.dtype).reshape(x.shape)

    return whole


def _lgamma(x: float) -> float:
    if x == -np.inf or (x <= 0 and x == np.floor(x)):
        return np.inf
    return _lgamma_scalar(x)


def digamma(x: float) -> float:
    """The derivative of log gamma, by recurrence to x >= 10 and the asymptotic series."""
    if x <= 0 and x == np.floor(x):
        return np.nan
    if x < 0:
        return digamma(1 - x) - np.pi / np.tan(np.pi * x)
    shift = 0.0
    while x < 10:
        shift -= 1 / x
        x += 1
    y = 1 / (x * x)
    series = y * (
        1 / 12
        - y * (1 / 120 - y * (1 / 252 - y * (1 / 240 - y * (1 / 132 - y * (691 / 32760 - y / 12)))))
    )
    return shift + np.log(x) - 0.5 / x - series


def _integer_safe(function: Callable[..., Array]) -> Callable[..., Array]:
    """Integer division by zero gives 0 here; the operation's check reports it."""

    def whole(x: Array, y: Array) -> Array:
        if x.dtype.kind in "iu":
            return np.where(y == 0, 0, function(x, np.where(y == 0, 1, y))).astype(x.dtype)
        return function(x, y)

    return whole


def _floordiv(x: Array, y: Array) -> Array:
    """TensorFlow's: the floor of the rounded quotient. NumPy's differs at ``1.0 // 0.1``."""
    return np.floor(x / y) if x.dtype.kind == "f" else np.floor_divide(x, y)


def _truncdiv(x: Array, y: Array) -> Array:
    if x.dtype.kind == "f":
        return np.trunc(x / y)
    if x.dtype.kind == "u":
        return x // y
    quotient = np.floor_divide(x, y)
    return quotient + ((quotient < 0) & (quotient * y != x)).astype(x.dtype)


def _shift(function: Callable[..., Array]) -> Callable[..., Array]:
    def whole(x: Array, y: Array) -> Array:
        return function(x, np.clip(y, 0, x.dtype.itemsize * 8 - 1).astype(x.dtype))

    return whole


def _pow(x: Array, y: Array) -> Array:
    if x.dtype.kind == "i" and (y < 0).any():
        return np.power(x, np.where(y < 0, 0, y)) * np.where(y < 0, 0, 1).astype(x.dtype)
    return np.power(x, y)


_FUNCTIONS: list[tuple[str, Any, float]] = [
    ("exp", np.exp, 15), ("expm1", np.expm1, 20), ("log", np.log, 15), ("log1p", np.log1p, 20),
    ("sqrt", np.sqrt, 5), ("rsqrt", lambda x: (1 / np.sqrt(x)).astype(x.dtype), 10),
    ("sin", np.sin, 20), ("cos", np.cos, 20), ("tan", np.tan, 30), ("asin", np.arcsin, 20),
    ("acos", np.arccos, 20), ("atan", np.arctan, 20), ("sinh", np.sinh, 20), ("cosh", np.cosh, 20),
    ("tanh", np.tanh, 20), ("asinh", np.arcsinh, 30), ("acosh", np.arccosh, 30),
    ("atanh", np.arctanh, 30), ("erf", _by_scalar(_erf_scalar), 20),
    ("erfc", _by_scalar(_erfc_scalar), 25), ("sigmoid", _sigmoid, 20), ("softplus", _softplus, 35),
    ("lgamma", _by_scalar(_lgamma), 60), ("digamma", _by_scalar(digamma), 60),
    ("floor", np.floor, 1), ("ceil", np.ceil, 1), ("rint", np.rint, 1), ("trunc", np.trunc, 1),
]  # fmt: skip
_REAL_ONLY = (
    "erf", "erfc", "softplus", "lgamma", "digamma", "floor", "ceil", "rint", "trunc",
)  # fmt: skip
for _name, _function, _cost in _FUNCTIONS:
    _kinds = FLOAT if _name in _REAL_ONLY else (*FLOAT, "complex")
    _simple(_name, _kinds, _function, cost=_cost)
for _name, _function in [("is_nan", np.isnan), ("is_inf", np.isinf), ("is_finite", np.isfinite)]:
    _simple(_name, FLOAT, _function, result=dtypes.bool_)
_simple("neg", NUMBER, np.negative)
_simple("abs", REAL, np.abs)
_simple("sign", NUMBER, _sign)
_simple("not", ("bool",), np.logical_not)
_simple("invert", ("int", "uint"), np.invert)
_simple("add", NUMBER, np.add)
_simple("sub", NUMBER, np.subtract)
_simple("mul", NUMBER, np.multiply)
_simple("div", ("float", "complex"), np.divide, cost=5)
_simple("pow", NUMBER, _pow, cost=40)
_simple("atan2", FLOAT, np.arctan2, cost=30)
_simple("max", REAL, larger)
_simple("min", REAL, smaller)
_simple("floordiv", REAL, _integer_safe(_floordiv), cost=10)
_simple("truncdiv", REAL, _integer_safe(_truncdiv), cost=10)
_simple("floormod", REAL, _integer_safe(np.mod), cost=10)
_simple("truncmod", REAL, _integer_safe(np.fmod), cost=10)
_simple("and", BITS, np.bitwise_and)
_simple("or", BITS, np.bitwise_or)
_simple("xor", BITS, np.bitwise_xor)
_simple("shl", ("int", "uint"), _shift(np.left_shift))
_simple("shr", ("int", "uint"), _shift(np.right_shift))
for _name, _function in [
    ("eq", np.equal), ("ne", np.not_equal), ("lt", np.less), ("le", np.less_equal),
    ("gt", np.greater), ("ge", np.greater_equal),
]:  # fmt: skip
    _simple(_name, ANY, _function, result=dtypes.bool_)


def _infer_select(attrs: dict[str, Any], *types: TensorType) -> TensorType:
    _same_shape("select", types)
    require(types[0].dtype is dtypes.bool_, "select", "a bool condition", types[0])
    require(types[1].dtype is types[2].dtype, "select", "branches of one type", *types[1:])
    return types[1]


define("select", "pointwise", _infer_select, lambda attrs, c, x, y: np.where(c, x, y))


def cast_array(value: Array, target: DType) -> Array:
    """Convert as generated code does: floats to integers truncate, out of range and nan give the
    smallest value of signed types (what x86 does, and TensorFlow there), integers wrap.
    """  # noqa: D205
    source = value.dtype
    if target.kind == "bool":
        return value != 0
    if target.is_integer and source.kind not in "iub":
        if source.kind == "c":
            value = value.real
        wide = value.astype(np.float64)
        low, high = float(target.min), float(target.max)
        inside = (wide > low - 1) & (wide < high + 1 if high < 2**53 else wide < high)
        lowest = target.min if target.kind == "int" else target.as_numpy_dtype(0)
        with np.errstate(all="ignore"):
            return np.where(inside, np.where(inside, wide, 0).astype(target.numpy), lowest)
    with np.errstate(all="ignore"):
        if source.kind == "c" and not target.is_complex:
            value = value.real
        return value.astype(target.numpy)


define(
    "cast",  # attrs: dtype
    "pointwise",
    infer=lambda attrs, x: TensorType(attrs["dtype"], x.shape),
    reference=lambda attrs, x: cast_array(x, attrs["dtype"]),
)


def _infer_bitcast(attrs: dict[str, Any], x: TensorType) -> TensorType:
    require(attrs["dtype"].size == x.dtype.size, "bitcast", "types of one size", x, attrs["dtype"])
    return TensorType(attrs["dtype"], x.shape)


define(
    "bitcast",  # attrs: dtype
    "pointwise",
    infer=_infer_bitcast,
    reference=lambda attrs, x: np.ascontiguousarray(x).view(attrs["dtype"].numpy).reshape(x.shape),
)
