"""Arithmetic on values under construction: operators, selects, bit casts, polynomials, pairs.

A `Lanes` is one llvmlite value, scalar or vector of any length, together with the builder that
extends it; its operators append instructions. Constants are splatted to the operand's type, so that
a formula written once serves a scalar, eight floats and sixteen alike. Nothing here sets fast-math
flags, and LLVM does not contract or regroup without them, so that the error-free transformations
(`two_sum`, `two_product`; Dekker 1971, Knuth's TAOCP volume 2) hold as written.

Comparisons with ``<`` and its siblings are ordered: false as soon as one side is nan.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from llvmlite import ir


def element_type(type_: ir.Type) -> ir.Type:
    """Type of one lane."""
    return type_.element if isinstance(type_, ir.VectorType) else type_


def with_element(type_: ir.Type, element: ir.Type) -> ir.Type:
    """Return a type of the same lane count with another element."""
    return ir.VectorType(element, type_.count) if isinstance(type_, ir.VectorType) else element


def type_suffix(type_: ir.Type) -> str:
    """How LLVM spells a type in an intrinsic's name: ``f32``, ``v8f32``, ``v4i64``."""
    lanes = f"v{type_.count}" if isinstance(type_, ir.VectorType) else ""
    element = element_type(type_)
    if isinstance(element, ir.IntType):
        return f"{lanes}i{element.width}"
    return lanes + {"float": "f32", "double": "f64", "half": "f16"}[str(element)]


def splat(type_: ir.Type, value: float) -> ir.Constant:
    """Return a constant with the same number in every lane; integers wrap to the width."""
    element = element_type(type_)
    if isinstance(element, ir.IntType):
        wrapped = int(value) & ((1 << element.width) - 1)
        value = wrapped - (1 << element.width) if wrapped >> (element.width - 1) else wrapped
        if element.width == 1:
            value = wrapped
    else:
        value = float(value)
    if isinstance(type_, ir.VectorType):
        return ir.Constant(type_, [ir.Constant(element, value)] * type_.count)
    return ir.Constant(element, value)


def intrinsic(builder: ir.IRBuilder, name: str, result: ir.Type, *args: ir.Value) -> ir.Value:
    """Call ``llvm.<name>`` overloaded on the first argument's type."""
    full_name = f"llvm.{name}.{type_suffix(args[0].type)}"
    function = builder.module.globals.get(full_name)
    if function is None:
        signature = ir.FunctionType(result, [arg.type for arg in args])
        function = ir.Function(builder.module, signature, full_name)
    return builder.call(function, args)


class Format(NamedTuple):
    """Constants of a floating-point format."""

    mantissa: int  # bits stored, without the hidden one
    bias: int
    least_normal: float


FORMATS = {"f32": Format(23, 127, 2.0**-126), "f64": Format(52, 1023, 2.0**-1022)}


class Lanes:
    """A scalar or vector value and the builder that extends it. See the module's docstring."""

    __slots__ = ("builder", "value")

    def __init__(self, builder: ir.IRBuilder, value: ir.Value) -> None:
        self.builder = builder
        self.value = value

    # -- types and constants -------------------------------------------------------------------

    @property
    def type(self) -> ir.Type:
        """LLVM type of the value."""
        return self.value.type

    @property
    def element(self) -> ir.Type:
        """LLVM type of one lane."""
        return element_type(self.value.type)

    @property
    def is_float(self) -> bool:
        """Whether the lanes are floating-point numbers."""
        return not isinstance(self.element, ir.IntType)

    @property
    def format(self) -> str:
        """``"f32"`` or ``"f64"``: the key of every coefficient table."""
        return type_suffix(self.element)

    def new(self, value: ir.Value) -> Lanes:
        """Wrap another value of the same builder."""
        return Lanes(self.builder, value)

    def constant(self, number: float) -> Lanes:
        """Return `number` in every lane, in this value's type."""
        return self.new(splat(self.type, number))

    def _lift(self, other: Lanes | float) -> ir.Value:
        return other.value if isinstance(other, Lanes) else splat(self.type, other)

    # -- arithmetic ----------------------------------------------------------------------------

    def _binary(self, float_op: str, int_op: str, other: Any, swap: bool = False) -> Lanes:
        left, right = self.value, self._lift(other)
        if swap:
            left, right = right, left
        return self.new(getattr(self.builder, float_op if self.is_float else int_op)(left, right))

    def __add__(self, other: Lanes | float) -> Lanes:
        return self._binary("fadd", "add", other)

    def __radd__(self, other: float) -> Lanes:
        return self._binary("fadd", "add", other, swap=True)

    def __sub__(self, other: Lanes | float) -> Lanes:
        return self._binary("fsub", "sub", other)

    def __rsub__(self, other: float) -> Lanes:
        return self._binary("fsub", "sub", other, swap=True)

    def __mul__(self, other: Lanes | float) -> Lanes:
        return self._binary("fmul", "mul", other)

    def __rmul__(self, other: float) -> Lanes:
        return self._binary("fmul", "mul", other, swap=True)

    def __truediv__(self, other: Lanes | float) -> Lanes:
        return self.new(self.builder.fdiv(self.value, self._lift(other)))

    def __rtruediv__(self, other: float) -> Lanes:
        return self.new(self.builder.fdiv(self._lift(other), self.value))

    def __neg__(self) -> Lanes:
        return self.new(
            self.builder.fneg(self.value) if self.is_float else self.builder.neg(self.value)
        )

    def __and__(self, other: Lanes | int) -> Lanes:
        return self.new(self.builder.and_(self.value, self._lift(other)))

    def __or__(self, other: Lanes | int) -> Lanes:
        return self.new(self.builder.or_(self.value, self._lift(other)))

    def __xor__(self, other: Lanes | int) -> Lanes:
        return self.new(self.builder.xor(self.value, self._lift(other)))

    def __invert__(self) -> Lanes:
        return self ^ -1

    def __lshift__(self, other: Lanes | int) -> Lanes:
        return self.new(self.builder.shl(self.value, self._lift(other)))

    def __rshift__(self, other: Lanes | int) -> Lanes:
        """Arithmetic shift; `shift_right` is the logical one."""
        return self.new(self.builder.ashr(self.value, self._lift(other)))

    def shift_right(self, other: Lanes | int) -> Lanes:
        """Logical shift."""
        return self.new(self.builder.lshr(self.value, self._lift(other)))

    # -- comparison ----------------------------------------------------------------------------

    def _compare(self, sign: str, other: Lanes | float) -> Lanes:
        compare = self.builder.fcmp_ordered if self.is_float else self.builder.icmp_signed
        return self.new(compare(sign, self.value, self._lift(other)))

    def __lt__(self, other: Lanes | float) -> Lanes:
        return self._compare("<", other)

    def __le__(self, other: Lanes | float) -> Lanes:
        return self._compare("<=", other)

    def __gt__(self, other: Lanes | float) -> Lanes:
        return self._compare(">", other)

    def __ge__(self, other: Lanes | float) -> Lanes:
        return self._compare(">=", other)

    def equals(self, other: Lanes | float) -> Lanes:
        """Ordered equality; not ``==``, which Python uses for more than arithmetic."""
        return self._compare("==", other)

    def is_nan(self) -> Lanes:
        """Return true where the lane is nan."""
        return self.new(self.builder.fcmp_unordered("uno", self.value, self.value))

    # -- bits ----------------------------------------------------------------------------------

    @property
    def bits_type(self) -> ir.Type:
        """Integers of the lanes' width, same lane count."""
        return with_element(self.type, ir.IntType(64 if self.format == "f64" else 32))

    def bits(self) -> Lanes:
        """Return a float's bit pattern as an integer."""
        return self.new(self.builder.bitcast(self.value, self.bits_type))

    def as_float(self) -> Lanes:
        """Return the float whose bit pattern this integer is."""
        element = ir.DoubleType() if self.element.width == 64 else ir.FloatType()
        return self.new(self.builder.bitcast(self.value, with_element(self.type, element)))

    def sign_bit(self) -> Lanes:
        """Return the sign bit alone, as an integer."""
        return self.bits() & (1 << (self.bits_width - 1))

    @property
    def bits_width(self) -> int:
        """Bits in one lane."""
        return element_type(self.bits_type).width

    def with_sign_of(self, other: Lanes) -> Lanes:
        """Return this non-negative number with the sign bit of `other`."""
        return (self.bits() | other.sign_bit()).as_float()


class Pair(NamedTuple):
    """An unevaluated sum ``high + low`` with ``|low| <= ulp(high) / 2``."""

    high: Lanes
    low: Lanes


def select(condition: Lanes, then: Lanes | float, otherwise: Lanes | float) -> Lanes:
    """Lane by lane ``then if condition else otherwise``; at least one side is a `Lanes`."""
    typed = then if isinstance(then, Lanes) else otherwise
    assert isinstance(typed, Lanes)
    left = then.value if isinstance(then, Lanes) else splat(typed.type, then)
    right = otherwise.value if isinstance(otherwise, Lanes) else splat(typed.type, otherwise)
    return typed.new(typed.builder.select(condition.value, left, right))


def fma(a: Lanes, b: Lanes | float, c: Lanes | float) -> Lanes:
    """Return ``a * b + c`` rounded once."""
    operands = [
        operand.value if isinstance(operand, Lanes) else splat(a.type, operand)
        for operand in (a, b, c)
    ]
    return a.new(intrinsic(a.builder, "fma", a.type, *operands))


def absolute(x: Lanes) -> Lanes:
    """Return the magnitude; clears nan's sign too."""
    return x.new(intrinsic(x.builder, "fabs", x.type, x.value))


def square_root(x: Lanes) -> Lanes:
    """Correctly rounded square root."""
    return x.new(intrinsic(x.builder, "sqrt", x.type, x.value))


def at_least(x: Lanes, low: float) -> Lanes:
    """``max(x, low)`` that keeps nan. Becomes one instruction."""
    return select(x < low, low, x)


def at_most(x: Lanes, high: float) -> Lanes:
    """``min(x, high)`` that keeps nan. Becomes one instruction."""
    return select(x > high, high, x)


def polynomial(x: Lanes, coefficients: Sequence[float]) -> Lanes:
    """``c[0] + x (c[1] + x (c[2] + c[3] x + ...))``, the innermost sum in pairs, Horner in x².

    The dependency chain is half as long as Horner's at the cost of one product (half of Estrin's
    scheme); the leading coefficients come last and alone, so the rounding error is Horner's.
    """
    if len(coefficients) <= 4:
        return horner(x, coefficients)
    square = x * x
    inner = coefficients[2:]
    pairs = [
        fma(x, inner[k + 1], inner[k]) if k + 1 < len(inner) else x.constant(inner[k])
        for k in range(0, len(inner), 2)
    ]
    total = pairs[-1]
    for pair in reversed(pairs[:-1]):
        total = fma(square, total, pair)
    return fma(x, fma(x, total, coefficients[1]), coefficients[0])


def horner(x: Lanes, coefficients: Sequence[float]) -> Lanes:
    """``c[0] + c[1] x + c[2] x² + ...``, innermost first."""
    total = x.constant(coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total = fma(total, x, coefficient)
    return total


def two_sum(a: Lanes | float, b: Lanes) -> Pair:
    """Return ``a + b`` and its exact rounding error, for any a and b (six additions)."""
    high = a + b
    part = high - a
    return Pair(high, (a - (high - part)) + (b - part))


def quick_two_sum(a: Lanes | float, b: Lanes) -> Pair:
    """Return ``a + b`` and its exact rounding error, for |a| >= |b| or a = 0."""
    high = a + b
    return Pair(high, b - (high - a))


def two_product(a: Lanes, b: Lanes | float) -> Pair:
    """Return ``a * b`` and its exact rounding error."""
    high = a * b
    return Pair(high, fma(a, b, -high))


def pair_times(a: Pair, b: Lanes) -> Pair:
    """Return a pair times a number, to about twice the format's precision."""
    high, low = two_product(a.high, b)
    return quick_two_sum(high, fma(a.low, b, low))


def pair_product(a: Pair, b: Pair) -> Pair:
    """Product of two pairs, to about twice the format's precision."""
    high, low = two_product(a.high, b.high)
    low = fma(a.high, b.low, fma(a.low, b.high, low))
    return quick_two_sum(high, low)


def pair_quotient(a: Pair, b: Pair) -> Pair:
    """Quotient of two pairs, to about twice the format's precision."""
    high = a.high / b.high
    remainder = fma(-high, b.high, a.high) + fma(-high, b.low, a.low)
    return quick_two_sum(high, remainder / b.high)


def pair_square_root(a: Pair) -> Pair:
    """Square root of a pair with ``a.high > 0``."""
    high = square_root(a.high)
    remainder = fma(-high, high, a.high) + a.low
    return quick_two_sum(high, remainder / (high + high))


def exponent_scale(n: Lanes) -> Lanes:
    """``2**n`` for an integer n in the normal range, as a float."""
    form = FORMATS["f64" if n.element.width == 64 else "f32"]
    return ((n + form.bias) << form.mantissa).as_float()


def scale_by_power(x: Lanes, n: Lanes) -> Lanes:
    """``x * 2**n`` for x near one and any |n| up to twice the exponent range, rounded once.

    Two factors, because 2**n itself may lie outside the format where the result does not (and is
    subnormal where the result is). The first product is exact. n is halved as an unsigned number:
    AVX2 has no arithmetic shift of 64-bit lanes.
    """
    half = (n + 4096).shift_right(1) - 2048
    return (x * exponent_scale(half)) * exponent_scale(n - half)


def nearest_integer(x: Lanes, factor: float) -> tuple[Lanes, Lanes]:
    """Return the integer nearest to ``x * factor``, below 2**(mantissa - 1), as float and integer.

    Adding 1.5 * 2**mantissa leaves the integer in the sum's low bits, which costs one fma and two
    additions and serves f64 on machines that cannot convert vectors of doubles to 64-bit integers.
    """
    magic = x.constant(1.5 * 2.0 ** FORMATS[x.format].mantissa)
    shifted = fma(x, factor, magic)
    return shifted - magic, shifted.bits() - magic.bits()


def unsigned_to_float(n: Lanes, minus: float = 0.0) -> Lanes:
    """``n - minus`` as a float of the same width, for integers 0 <= n < 2**mantissa."""
    anchor = 2.0 ** (52 if n.element.width == 64 else 23)
    bits = splat(n.type, _anchor_bits(n.element.width))
    return (n | n.new(bits)).as_float() - (anchor + minus)


def _anchor_bits(width: int) -> int:
    """Bits of the float 2**mantissa."""
    form = FORMATS["f64" if width == 64 else "f32"]
    return (form.bias + form.mantissa) << form.mantissa
