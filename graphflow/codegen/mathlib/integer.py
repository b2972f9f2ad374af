"""Integer division that cannot trap, and rounding of floats to integers.

The hardware traps on a zero divisor and on INT_MIN / -1. Both divisors are replaced by one first:
INT_MIN / -1 is then INT_MIN, as in wrapping arithmetic, with remainder 0, and what a zero divisor
gives is meaningless: a caller that must report it asks `is_zero_divisor` as well.

Vectors of at most 32 bits divide as doubles: no vector unit divides integers, and a quotient of two
32-bit integers, rounded to 53 bits, never reaches the integer above it.
"""

from __future__ import annotations

from llvmlite import ir

from graphflow.codegen.mathlib.core import Lanes, intrinsic, select, with_element


def is_zero_divisor(divisor: Lanes) -> Lanes:
    """Return true (i1) where the divisor is zero."""
    return divisor.equals(0)


def _safe(dividend: Lanes, divisor: Lanes, signed: bool) -> Lanes:
    unsafe = divisor.equals(0)
    if signed:
        least = -(1 << (dividend.element.width - 1))
        unsafe = unsafe | (dividend.equals(least) & divisor.equals(-1))
    return select(unsafe, 1, divisor)


def _quotient(dividend: Lanes, divisor: Lanes, signed: bool) -> Lanes:
    """Return truncated quotient, for a divisor made safe."""
    builder = dividend.builder
    if isinstance(dividend.type, ir.VectorType) and dividend.element.width <= 32:
        double = with_element(dividend.type, ir.DoubleType())
        to_float = builder.sitofp if signed else builder.uitofp
        from_float = builder.fptosi if signed else builder.fptoui
        ratio = builder.fdiv(to_float(dividend.value, double), to_float(divisor.value, double))
        return dividend.new(from_float(ratio, dividend.type))
    divide = builder.sdiv if signed else builder.udiv
    return dividend.new(divide(dividend.value, divisor.value))


def truncate_div(dividend: Lanes, divisor: Lanes) -> Lanes:
    """Signed quotient, rounded toward zero (C, TensorFlow's ``truncatediv``)."""
    return _quotient(dividend, _safe(dividend, divisor, True), True)


def truncate_mod(dividend: Lanes, divisor: Lanes) -> Lanes:
    """Signed remainder with the dividend's sign (C, ``truncatemod``)."""
    divisor = _safe(dividend, divisor, True)
    return dividend - _quotient(dividend, divisor, True) * divisor


def _floored(dividend: Lanes, divisor: Lanes) -> tuple[Lanes, Lanes]:
    divisor = _safe(dividend, divisor, True)
    quotient = _quotient(dividend, divisor, True)
    remainder = dividend - quotient * divisor
    # A remainder whose sign differs from the divisor's belongs to the next quotient down.
    adjust = ~remainder.equals(0) & ((remainder ^ divisor) < 0)
    return (
        select(adjust, quotient - 1, quotient),
        select(adjust, remainder + divisor, remainder),
    )


def floor_div(dividend: Lanes, divisor: Lanes) -> Lanes:
    """Signed quotient, rounded down (Python's ``//``, ``floordiv``)."""
    return _floored(dividend, divisor)[0]


def floor_mod(dividend: Lanes, divisor: Lanes) -> Lanes:
    """Signed remainder with the divisor's sign (Python's ``%``, ``floormod``)."""
    return _floored(dividend, divisor)[1]


def divide_unsigned(dividend: Lanes, divisor: Lanes) -> Lanes:
    """Unsigned quotient."""
    return _quotient(dividend, _safe(dividend, divisor, False), False)


def modulo_unsigned(dividend: Lanes, divisor: Lanes) -> Lanes:
    """Unsigned remainder."""
    divisor = _safe(dividend, divisor, False)
    return dividend - _quotient(dividend, divisor, False) * divisor


def floor(x: Lanes) -> Lanes:
    """Largest integer not above x."""
    return x.new(intrinsic(x.builder, "floor", x.type, x.value))


def ceil(x: Lanes) -> Lanes:
    """Smallest integer not below x."""
    return x.new(intrinsic(x.builder, "ceil", x.type, x.value))


def trunc(x: Lanes) -> Lanes:
    """Integer part."""
    return x.new(intrinsic(x.builder, "trunc", x.type, x.value))


def rint(x: Lanes) -> Lanes:
    """Nearest integer, halves to even."""
    return x.new(intrinsic(x.builder, "roundeven", x.type, x.value))
