"""Pointwise primitives in LLVM IR, for scalars and vectors of any length alike.

Floating arithmetic carries no fast-math flags: generated code rounds as NumPy does. Functions come
from the math library; what is an instruction or two stands here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from graphflow.codegen import mathlib
from graphflow.codegen.types import (
    F32,
    compute_type,
    from_memory,
    intrinsic,
    memory_type,
    splat,
    to_memory,
    with_element,
)
from graphflow.graph.dtypes import DType

Emit = Callable[..., ir.Value]

_FLOAT_COMPARE = {"eq": "==", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_INT_COMPARE = {**_FLOAT_COMPARE, "ne": "!="}
_FLOAT_OPS = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}
_INTEGER_DIVISIONS = {
    ("floordiv", "int"): "floor_div", ("floormod", "int"): "floor_mod",
    ("truncdiv", "int"): "truncate_div", ("truncmod", "int"): "truncate_mod",
    ("floordiv", "uint"): "divide_unsigned", ("truncdiv", "uint"): "divide_unsigned",
    ("floormod", "uint"): "modulo_unsigned", ("truncmod", "uint"): "modulo_unsigned",
}  # fmt: skip
_INT_OPS = {"add": "add", "sub": "sub", "mul": "mul", "and": "and_", "or": "or_", "xor": "xor"}


def emit_pointwise(
    builder: ir.IRBuilder, name: str, operand_dtype: DType, result_dtype: DType, *args: ir.Value
) -> ir.Value:
    """Apply the primitive `name`; `operand_dtype` is the element type of its first operand."""
    special = _SPECIAL.get(name)
    if special is not None:
        return special(builder, operand_dtype, result_dtype, *args)
    if operand_dtype.is_floating:
        if name in _FLOAT_OPS:
            return getattr(builder, _FLOAT_OPS[name])(*args)
        if name in _FLOAT_COMPARE:
            return builder.fcmp_ordered(_FLOAT_COMPARE[name], *args)
        if name == "ne":
            return builder.fcmp_unordered("!=", *args)
        return mathlib.emit(name, builder, *args)
    if name in _INT_OPS:
        return getattr(builder, _INT_OPS[name])(*args)
    if name in _INT_COMPARE:
        unsigned = operand_dtype.kind != "int"
        compare = builder.icmp_unsigned if unsigned else builder.icmp_signed
        return compare(_INT_COMPARE[name], *args)
    return _integer_function(builder, name, operand_dtype, *args)


def _integer_function(builder: ir.IRBuilder, name: str, dtype: DType, *args: ir.Value) -> ir.Value:
    function = _INTEGER_DIVISIONS.get((name, dtype.kind))
    if function is not None:
        return mathlib.emit(function, builder, *args)
    if name == "pow":
        return _integer_power(builder, dtype, *args)
    raise KeyError(f"no integer code for {name!r}")


def _negate(b: ir.IRBuilder, operand: DType, result: DType, x: ir.Value) -> ir.Value:
    return b.fneg(x) if operand.is_floating else b.neg(x)


def _absolute(b: ir.IRBuilder, operand: DType, result: DType, x: ir.Value) -> ir.Value:
    if operand.is_floating:
        return intrinsic(b, "fabs", x.type, x)
    if operand.is_unsigned:
        return x
    return b.select(b.icmp_signed("<", x, splat(x.type, 0)), b.neg(x), x)


def _sign(b: ir.IRBuilder, operand: DType, result: DType, x: ir.Value) -> ir.Value:
    zero, one = splat(x.type, 0), splat(x.type, 1)
    if operand.is_floating:
        below = b.select(b.fcmp_ordered("<", x, zero), splat(x.type, -1), x)
        return b.select(b.fcmp_ordered(">", x, zero), one, below)  # keeps nan and the zeros
    if operand.is_unsigned:
        return b.select(b.icmp_unsigned("!=", x, zero), one, zero)
    below = b.select(b.icmp_signed("<", x, zero), splat(x.type, -1), zero)
    return b.select(b.icmp_signed(">", x, zero), one, below)


def _not(b: ir.IRBuilder, operand: DType, result: DType, x: ir.Value) -> ir.Value:
    return b.not_(x)


def _maximum(b: ir.IRBuilder, operand: DType, result: DType, x: ir.Value, y: ir.Value) -> ir.Value:
    return _extreme(b, operand, x, y, "<")


def _minimum(b: ir.IRBuilder, operand: DType, result: DType, x: ir.Value, y: ir.Value) -> ir.Value:
    return _extreme(b, operand, x, y, ">")


def _extreme(b: ir.IRBuilder, operand: DType, x: ir.Value, y: ir.Value, sign: str) -> ir.Value:
    """`y` where `x` is beyond it, else `x`: one instruction on x86, operands exchanged."""
    if operand.is_floating:
        return b.select(b.fcmp_ordered(sign, x, y), y, x)
    compare = b.icmp_signed if operand.kind == "int" else b.icmp_unsigned
    return b.select(compare(sign, x, y), y, x)


def _select(b: ir.IRBuilder, operand: DType, result: DType, *args: ir.Value) -> ir.Value:
    return b.select(*args)


def _sqrt(b: ir.IRBuilder, operand: DType, result: DType, x: ir.Value) -> ir.Value:
    return intrinsic(b, "sqrt", x.type, x)


def _rsqrt(b: ir.IRBuilder, operand: DType, result: DType, x: ir.Value) -> ir.Value:
    return b.fdiv(splat(x.type, 1), intrinsic(b, "sqrt", x.type, x))


def _rounding(name: str) -> Emit:
    def emit(b: ir.IRBuilder, operand: DType, result: DType, x: ir.Value) -> ir.Value:
        return intrinsic(b, name, x.type, x)

    return emit


def _is_nan(b: ir.IRBuilder, operand: DType, result: DType, x: ir.Value) -> ir.Value:
    return b.fcmp_unordered("uno", x, x)


def _is_inf(b: ir.IRBuilder, operand: DType, result: DType, x: ir.Value) -> ir.Value:
    return b.fcmp_ordered("==", intrinsic(b, "fabs", x.type, x), splat(x.type, float("inf")))


def _is_finite(b: ir.IRBuilder, operand: DType, result: DType, x: ir.Value) -> ir.Value:
    return b.fcmp_ordered("<", intrinsic(b, "fabs", x.type, x), splat(x.type, float("inf")))


def _floor_divide(
    b: ir.IRBuilder, operand: DType, result: DType, x: ir.Value, y: ir.Value
) -> ir.Value:
    if not operand.is_floating:
        return _integer_function(b, "floordiv", operand, x, y)
    return intrinsic(b, "floor", x.type, b.fdiv(x, y))


def _trunc_divide(
    b: ir.IRBuilder, operand: DType, result: DType, x: ir.Value, y: ir.Value
) -> ir.Value:
    if not operand.is_floating:
        return _integer_function(b, "truncdiv", operand, x, y)
    return intrinsic(b, "trunc", x.type, b.fdiv(x, y))


def _trunc_mod(
    b: ir.IRBuilder, operand: DType, result: DType, x: ir.Value, y: ir.Value
) -> ir.Value:
    return b.frem(x, y) if operand.is_floating else _integer_function(b, "truncmod", operand, x, y)


def _floor_mod(
    b: ir.IRBuilder, operand: DType, result: DType, x: ir.Value, y: ir.Value
) -> ir.Value:
    if not operand.is_floating:
        return _integer_function(b, "floormod", operand, x, y)
    rest = b.frem(x, y)
    zero = splat(x.type, 0)
    other_sign = b.xor(b.fcmp_ordered("<", rest, zero), b.fcmp_ordered("<", y, zero))
    wrong = b.and_(b.fcmp_ordered("!=", rest, zero), other_sign)
    signed_zero = intrinsic(b, "copysign", x.type, zero, y)
    exact = b.select(b.fcmp_ordered("==", rest, zero), signed_zero, rest)
    return b.select(wrong, b.fadd(rest, y), exact)


def _shift_left(
    b: ir.IRBuilder, operand: DType, result: DType, x: ir.Value, y: ir.Value
) -> ir.Value:
    return b.shl(x, _shift_count(b, operand, y))


def _shift_right(
    b: ir.IRBuilder, operand: DType, result: DType, x: ir.Value, y: ir.Value
) -> ir.Value:
    shift = b.lshr if operand.is_unsigned else b.ashr
    return shift(x, _shift_count(b, operand, y))


def _shift_count(b: ir.IRBuilder, dtype: DType, y: ir.Value) -> ir.Value:
    limit = splat(y.type, dtype.size * 8 - 1)
    return b.select(b.icmp_unsigned(">", y, limit), limit, y)


def _integer_power(b: ir.IRBuilder, dtype: DType, x: ir.Value, y: ir.Value) -> ir.Value:
    """Square and multiply over every bit of the exponent: no branch, a fixed number of steps."""
    one, zero = splat(x.type, 1), splat(x.type, 0)
    result, square = one, x
    for bit in range(dtype.size * 8 - (1 if dtype.kind == "int" else 0)):
        chosen = b.icmp_unsigned("!=", b.and_(y, splat(y.type, 1 << bit)), zero)
        result = b.select(chosen, b.mul(result, square), result)
        square = b.mul(square, square)
    if dtype.kind == "int":
        return b.select(b.icmp_signed("<", y, zero), zero, result)
    return result


def _float_power(
    b: ir.IRBuilder, operand: DType, result: DType, x: ir.Value, y: ir.Value
) -> ir.Value:
    if operand.is_floating:
        return mathlib.emit("pow", b, x, y)
    return _integer_power(b, operand, x, y)


def emit_cast(b: ir.IRBuilder, source: DType, target: DType, x: ir.Value) -> ir.Value:
    """Convert a value; see `pointwise.cast_array` in the IR for what out-of-range values give."""
    to = with_element(x.type, compute_type(target))
    if source is target or (source.is_floating and target.is_floating and to == x.type):
        return _round_narrow(b, target, x)
    if target.is_bool:
        zero = splat(x.type, 0)
        return (
            b.fcmp_unordered("!=", x, zero)
            if source.is_floating
            else b.icmp_unsigned("!=", x, zero)
        )
    if source.is_floating and target.is_floating:
        narrow = to.element if hasattr(to, "element") else to
        return b.fptrunc(x, to) if narrow == F32 else b.fpext(x, to)
    if source.is_floating:
        return _float_to_integer(b, target, x, to)
    if target.is_floating:
        signed = source.kind == "int"
        return b.sitofp(x, to) if signed else b.uitofp(x, to)
    if target.size < source.size:
        return b.trunc(x, to)
    if target.size == source.size and not source.is_bool:
        return x
    return b.sext(x, to) if source.kind == "int" else b.zext(x, to)


def _round_narrow(b: ir.IRBuilder, target: DType, x: ir.Value) -> ir.Value:
    """A cast to float16 or bfloat16 rounds even while the value stays in a float register."""
    if target.size == 2 and target.is_floating:
        return from_memory(b, to_memory(b, x, target), target)
    return x


def _float_to_integer(b: ir.IRBuilder, target: DType, x: ir.Value, to: ir.Type) -> ir.Value:
    """Truncate; nan and what does not fit give the smallest signed value, 0 for unsigned types."""
    low, high = int(target.min), int(target.max)
    least = splat(x.type, float(low))
    above = b.fcmp_ordered("<", x, splat(x.type, float(high + 1)))
    exact = float(low - 1) == low - 1 and low - 1 >= -(2**24)
    below = (
        b.fcmp_ordered(">", x, splat(x.type, float(low - 1)))
        if exact
        else b.fcmp_ordered(">=", x, least)
    )
    inside = b.and_(below, above)
    safe = b.select(inside, x, splat(x.type, 0.0))
    number = b.fptosi(safe, to) if target.kind == "int" else b.fptoui(safe, to)
    return b.select(inside, number, splat(to, low))


def _cast(b: ir.IRBuilder, operand: DType, result: DType, x: ir.Value) -> ir.Value:
    return emit_cast(b, operand, result, x)


def _bitcast(b: ir.IRBuilder, operand: DType, result: DType, x: ir.Value) -> ir.Value:
    raw = to_memory(b, x, operand)
    return from_memory(b, b.bitcast(raw, with_element(raw.type, memory_type(result))), result)


_SPECIAL: dict[str, Any] = {
    "neg": _negate, "abs": _absolute, "sign": _sign, "not": _not, "invert": _not,
    "max": _maximum, "min": _minimum, "select": _select, "sqrt": _sqrt, "rsqrt": _rsqrt,
    "floor": _rounding("floor"), "ceil": _rounding("ceil"), "trunc": _rounding("trunc"),
    "rint": _rounding("roundeven"), "is_nan": _is_nan, "is_inf": _is_inf,
    "is_finite": _is_finite, "floordiv": _floor_divide, "truncdiv": _trunc_divide,
    "floormod": _floor_mod, "truncmod": _trunc_mod, "shl": _shift_left, "shr": _shift_right,
    "cast": _cast, "bitcast": _bitcast, "pow": _float_power,
}  # fmt: skip
