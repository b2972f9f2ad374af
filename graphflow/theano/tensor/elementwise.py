"""Elementwise functions, with NumPy's promotion of types as Theano has it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import graphflow as gf
from graphflow.graph.dtypes import as_dtype
from graphflow.theano.settings import config
from graphflow.theano.tensor.var import (
    Elemwise,
    TensorConstant,
    TensorVariable,
    apply,
    as_tensor_variable,
    upcast,
    upgraded_to_float,
)


def _same(dtype: str) -> str:
    return dtype


def unary(
    name: str, build: Callable[..., Any], result: Callable[[str], str] = _same
) -> Callable[..., TensorVariable]:
    """Return the function `name` of one variable, computed in the type that `result` tells."""

    def function(x: Any, *ignored: Any, **options: Any) -> TensorVariable:
        variable = as_tensor_variable(x)
        wanted = result(variable.dtype)
        if variable.dtype != wanted:
            variable = cast(variable, wanted)
        return apply(name, build, variable, kind=Elemwise)

    function.__name__, function.__doc__ = name, f"Return `{name}` of each element."
    return function


def promoted(*values: Any) -> tuple[list[TensorVariable], str]:
    """Return the values as variables of one type, and its name."""
    variables = [as_tensor_variable(v) for v in values]
    wanted = upcast(*[v.dtype for v in variables])
    return [v if v.dtype == wanted else cast(v, wanted) for v in variables], wanted


def nary(
    name: str, build: Callable[..., Any], result: Callable[[str], str] = _same
) -> Callable[..., TensorVariable]:
    """Return the function `name` of two or more variables, taken from the left."""

    def function(x: Any, *others: Any) -> TensorVariable:
        made = as_tensor_variable(x)
        for other in others:
            variables, wanted = promoted(made, other)
            wanted = result(wanted)
            variables = [v if v.dtype == wanted else cast(v, wanted) for v in variables]
            made = apply(name, build, *variables, kind=Elemwise)
        return made

    function.__name__, function.__doc__ = name, f"Return `{name}` of corresponding elements."
    return function


def cast(x: Any, dtype: str) -> TensorVariable:
    """Return `x` with elements of another type."""
    variable = as_tensor_variable(x)
    wanted = config.floatX if dtype == "floatX" else str(np.dtype(dtype))
    if variable.dtype == wanted:
        return variable
    if isinstance(variable, TensorConstant):
        return TensorConstant(variable.data.astype(wanted), variable.name)
    return apply("Cast", lambda t: gf.cast(t, as_dtype(wanted)), variable, kind=Elemwise)


def _wide(dtype: str) -> str:
    return "int8" if dtype == "bool" else dtype


def _true_quotient(dtype: str) -> str:
    return dtype if np.dtype(dtype).kind in "fc" else str(config.floatX)


def _int_or_bool(name: str, of_bool: Any, of_ints: Any) -> Callable[..., TensorVariable]:
    def build(a: Any, b: Any) -> Any:
        return (of_bool if a.dtype.base_dtype.name == "bool" else of_ints)(a, b)

    return nary(name, build)


def _half_away_from_zero(x: Any) -> Any:
    return gf.sign(x) * gf.floor(gf.abs(x) + 0.5)


def _truncated(x: Any) -> Any:
    return gf.where(x < 0, gf.ceil(x), gf.floor(x))


def _extreme(name: str, build: Any) -> Callable[..., TensorVariable]:
    """Theano's, which is nan where either operand is; TensorFlow's is the first operand there."""

    def keeping_nan(a: Any, b: Any) -> Any:
        made = build(a, b)
        return gf.where_v2(gf.is_nan(b), b, made) if b.dtype.is_floating else made

    return nary(name, keeping_nan, _wide)


add = nary("add", gf.add, _wide)
mul = nary("mul", gf.multiply, _wide)
sub = nary("sub", gf.subtract, _wide)
true_div = nary("true_div", gf.divide, _true_quotient)
int_div = nary("int_div", gf.floordiv, _wide)
mod = nary("mod", gf.floormod, _wide)
maximum = _extreme("maximum", gf.maximum)
minimum = _extreme("minimum", gf.minimum)
arctan2 = nary("arctan2", gf.atan2, upgraded_to_float)
eq = nary("eq", gf.equal)
neq = nary("neq", gf.not_equal)
lt = nary("lt", gf.less, _wide)
gt = nary("gt", gf.greater, _wide)
le = nary("le", gf.less_equal, _wide)
ge = nary("ge", gf.greater_equal, _wide)
and_ = bitwise_and = _int_or_bool("and_", gf.logical_and, gf.bitwise.bitwise_and)
or_ = bitwise_or = _int_or_bool("or_", gf.logical_or, gf.bitwise.bitwise_or)
xor = bitwise_xor = _int_or_bool("xor", gf.logical_xor, gf.bitwise.bitwise_xor)

abs_ = unary("abs_", gf.abs, _wide)
neg = unary("neg", gf.negative, _wide)
sgn = unary("sgn", gf.sign, _wide)
sqr = square = unary("sqr", gf.square, _wide)
invert = bitwise_not = unary(
    "invert",
    lambda x: (gf.logical_not if x.dtype.base_dtype.name == "bool" else gf.bitwise.invert)(x),
)
ceil = unary("ceil", gf.ceil)
floor = unary("floor", gf.floor)
trunc = unary("trunc", _truncated)
isnan = unary("isnan", gf.is_nan, upgraded_to_float)
isinf = unary("isinf", gf.is_inf, upgraded_to_float)
round_half_to_even = unary("round_half_to_even", gf.round)
round_half_away_from_zero = unary("round_half_away_from_zero", _half_away_from_zero)

_LN2, _LN10 = math.log(2.0), math.log(10.0)
_real: dict[str, Callable[..., Any]] = {
    "exp": gf.exp, "expm1": gf.expm1, "log": gf.log, "log1p": gf.log1p, "sqrt": gf.sqrt,
    "inv": gf.reciprocal, "sin": gf.sin, "cos": gf.cos, "tan": gf.tan, "sinh": gf.sinh,
    "cosh": gf.cosh, "tanh": gf.tanh, "arcsin": gf.asin, "arccos": gf.acos, "arctan": gf.atan,
    "arcsinh": gf.asinh, "arccosh": gf.acosh, "arctanh": gf.atanh, "erf": gf.erf, "erfc": gf.erfc,
    "gammaln": gf.lgamma, "psi": gf.digamma, "gamma": lambda x: gf.exp(gf.lgamma(x)),
    "exp2": lambda x: gf.exp(x * _LN2), "log2": lambda x: gf.log(x) / _LN2,
    "log10": lambda x: gf.log(x) / _LN10, "deg2rad": lambda x: x * (math.pi / 180),
    "rad2deg": lambda x: x * (180 / math.pi), "sigmoid": gf.sigmoid, "softplus": gf.nn.softplus,
}  # fmt: skip
exp, expm1, exp2 = (unary(n, _real[n], upgraded_to_float) for n in ("exp", "expm1", "exp2"))
log, log1p, log2, log10 = (
    unary(n, _real[n], upgraded_to_float) for n in ("log", "log1p", "log2", "log10")
)
sqrt, inv, sin, cos, tan = (
    unary(n, _real[n], upgraded_to_float) for n in ("sqrt", "inv", "sin", "cos", "tan")
)
sinh, cosh, tanh = (unary(n, _real[n], upgraded_to_float) for n in ("sinh", "cosh", "tanh"))
arcsin, arccos, arctan = (
    unary(n, _real[n], upgraded_to_float) for n in ("arcsin", "arccos", "arctan")
)
arcsinh, arccosh, arctanh = (
    unary(n, _real[n], upgraded_to_float) for n in ("arcsinh", "arccosh", "arctanh")
)
erf, erfc, gamma, gammaln, psi = (
    unary(n, _real[n], upgraded_to_float) for n in ("erf", "erfc", "gamma", "gammaln", "psi")
)
deg2rad, rad2deg = (unary(n, _real[n], upgraded_to_float) for n in ("deg2rad", "rad2deg"))
sigmoid, softplus = (unary(n, _real[n], upgraded_to_float) for n in ("sigmoid", "softplus"))


def pow(x: Any, y: Any) -> TensorVariable:
    """Return `x` to the power of `y`; a square where that is 2."""
    base, power = as_tensor_variable(x), as_tensor_variable(y)
    data = getattr(power, "data", None)
    wanted = _wide(upcast(base.dtype, power.dtype))
    if data is not None and data.ndim == 0 and data == 2:
        return sqr(cast(base, wanted))
    return nary("pow", gf.pow, _wide)(base, power)


def round(x: Any, mode: str = "half_to_even") -> TensorVariable:
    """Return the nearest whole number of each element."""
    chosen = {
        "half_to_even": round_half_to_even,
        "half_away_from_zero": round_half_away_from_zero,
    }
    if mode not in chosen:
        raise ValueError(f"round expected mode to be one of {sorted(chosen)}, got {mode!r}")
    return chosen[mode](x)


def iround(x: Any, mode: str = "half_to_even") -> TensorVariable:
    """Return the nearest integer of each element."""
    return cast(round(x, mode), "int64")


def switch(condition: Any, if_true: Any, if_false: Any) -> TensorVariable:
    """Return `if_true` where `condition` is not zero, else `if_false`; they broadcast."""
    (first, second), _ = promoted(if_true, if_false)
    chosen = as_tensor_variable(condition)
    return apply(
        "switch", lambda c, a, b: gf.where_v2(gf.cast(c, gf.bool), a, b), chosen, first, second,
        kind=Elemwise,
    )  # fmt: skip


def where(condition: Any, if_true: Any = None, if_false: Any = None) -> Any:
    """Return `switch`'s result, or where `condition` holds, as `nonzero` does."""
    if if_true is None and if_false is None:
        from graphflow.theano.tensor.indexing import nonzero

        return nonzero(condition, return_matrix=False)
    return switch(condition, if_true, if_false)


def clip(x: Any, a_min: Any, a_max: Any) -> TensorVariable:
    """Return `x`, nowhere below `a_min` or above `a_max`."""
    (value, low, high), _ = promoted(x, a_min, a_max)
    return apply(
        "clip", lambda v, a, b: gf.minimum(gf.maximum(v, a), b), value, low, high, kind=Elemwise
    )


def isclose(
    a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> TensorVariable:
    """Return where `a` and `b` are almost equal."""
    near = le(abs_(sub(a, b)), add(atol, mul(rtol, abs_(b))))
    return or_(near, and_(isnan(a), isnan(b))) if equal_nan else near


def true_div_or_floor(x: Any, y: Any) -> TensorVariable:
    """Return the quotient that Python 2's ``/`` gives: of integers the floor."""
    (first, second), dtype = promoted(x, y)
    return (true_div if np.dtype(dtype).kind in "fc" else int_div)(first, second)
