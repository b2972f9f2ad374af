"""Reduction modulo pi/2, for sin, cos and tan of any finite argument.

Moderate arguments (|x| < 2**18 in f32, 2**28 in f64) take Cody & Waite's scheme with three parts of
pi/2: with fma the first step is exact, because n * part has the granularity of the part's last bit
and the difference is below one. The others take Payne & Hanek's (Radian reduction for trigonometric
functions, SIGNUM 18, 1983): x = M 2**E, and of 2/pi only the 192 bits matter that neither give
multiples of four nor lie below the precision wanted; the product modulo 2**192 holds the quadrant
in its two top bits and the fraction below. That is some hundred instructions a lane, so it stands
out of line, behind the library's only branch: taken when any lane is large.
"""

from __future__ import annotations

from typing import NamedTuple

from llvmlite import ir

from graphflow.codegen.mathlib.core import (
    Lanes,
    absolute,
    exponent_scale,
    fma,
    intrinsic,
    nearest_integer,
    quick_two_sum,
    select,
    splat,
    two_product,
    type_suffix,
)

_TWO_OVER_PI = 0.6366197723675814
# pi/2 as a sum; each part is rounded to the format.
HALF_PI = {
    "f32": (1.5707963705062866, -4.371138828673793e-08, -1.7151245100058819e-15),
    "f64": (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33),
}
_MODERATE = {"f32": 2.0**18, "f64": 2.0**28}
# 64 zero bits, then the binary fraction of 2/pi.
_TWO_OVER_PI_WORDS = (
    0,
    0xA2F9836E4E441529, 0xFC2757D1F534DDC0, 0xDB6295993C439041, 0xFE5163ABDEBBC561,
    0xB7246E3A424DD2E0, 0x06492EEA09D1921C, 0xFE1DEB1CB129A73E, 0xE88235F52EBB4484,
    0xE99C7026B45F7E41, 0x3991D639835339F4, 0x9C845F8BBDF9283B, 0x1FF897FFDE05980F,
    0xEF2F118B5A0A6D1F, 0x6D367ECF27CB09B7, 0x4F463F669E5FEA2D, 0x7527BAC7EBE5F17B,
    0x3D0739F78A5292EA, 0x6BFB5FB11F8D5D08, 0x56033046FC7B6BAB,
)  # fmt: skip
_DOUBLE, _I32, _I64, _I128 = ir.DoubleType(), ir.IntType(32), ir.IntType(64), ir.IntType(128)


class Reduced(NamedTuple):
    """x = quadrant * pi/2 + r + r_low, with |r| <= pi/4 and a little."""

    r: Lanes
    r_low: Lanes
    quadrant: Lanes  # integer; only its two low bits count


def reduce_moderate(x: Lanes) -> Reduced:
    """Reduction without the branch, for arguments known to be moderate."""
    first, second, third = HALF_PI[x.format]
    n, quadrant = nearest_integer(x, _TWO_OVER_PI)
    exact = fma(n, -first, x)
    # exact and the product may cancel to almost nothing, which is why its error is kept too.
    product = two_product(n, -second)
    difference = quick_two_sum(exact, product.high)
    low = difference.low + fma(n, -third, product.low)
    total = quick_two_sum(difference.high, low)
    return Reduced(total.high, total.low, quadrant)


def reduce(x: Lanes) -> Reduced:
    """Reduction of any argument; nan for infinities. May split the builder's block."""
    moderate = reduce_moderate(x)
    builder = x.builder
    any_large = _is_large(x).value
    if isinstance(x.type, ir.VectorType):
        name = f"llvm.vector.reduce.or.v{x.type.count}i1"
        reducer = builder.module.globals.get(name) or ir.Function(
            builder.module, ir.FunctionType(ir.IntType(1), [any_large.type]), name
        )
        any_large = builder.call(reducer, [any_large])
    before = builder.block
    slow = builder.append_basic_block("reduce.large")
    join = builder.append_basic_block("reduce.join")
    builder.cbranch(any_large, slow, join)
    builder.position_at_end(slow)
    plain = [part.value for part in moderate]
    packed = builder.call(_large_lanes(builder.module, x), [x.value, *plain])
    replaced = [builder.extract_value(packed, k) for k in range(3)]
    builder.branch(join)
    builder.position_at_end(join)
    results = []
    for old, new in zip(plain, replaced, strict=True):
        phi = builder.phi(old.type)
        phi.add_incoming(old, before)
        phi.add_incoming(new, slow)
        results.append(x.new(phi))
    return Reduced(*results)


def _is_large(x: Lanes) -> Lanes:
    """Whether Payne & Hanek's scheme is needed; infinities have become nan without it."""
    magnitude = absolute(x)
    return (magnitude >= _MODERATE[x.format]) & (magnitude < float("inf"))


def _large_lanes(module: ir.Module, x: Lanes) -> ir.Function:
    """``(x, r, r_low, quadrant) -> the same`` with large lanes recomputed, made once."""
    name = f"graphflow.reduce_large.{type_suffix(x.type)}"
    if name in module.globals:
        return module.globals[name]
    result = ir.LiteralStructType([x.type, x.type, x.bits_type])
    function = ir.Function(module, ir.FunctionType(result, [x.type, *result.elements]), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    argument = Lanes(builder, function.args[0])
    recomputed = [ir.Constant(type_, ir.Undefined) for type_ in result.elements]
    payne_hanek = _payne_hanek(module)
    count = x.type.count if isinstance(x.type, ir.VectorType) else 0
    for lane in range(max(count, 1)):
        element = builder.extract_element(function.args[0], _I32(lane)) if count else argument.value
        if argument.format == "f32":
            element = builder.fpext(element, _DOUBLE)
        packed = builder.call(payne_hanek, [element])
        parts = _narrow(builder, [builder.extract_value(packed, k) for k in range(3)], x)
        if count:
            recomputed = [
                builder.insert_element(vector, part, _I32(lane))
                for vector, part in zip(recomputed, parts, strict=True)
            ]
        else:
            recomputed = parts
    large = _is_large(argument)
    packed = ir.Constant(result, ir.Undefined)
    for k, (new, old) in enumerate(zip(recomputed, function.args[1:], strict=True)):
        packed = builder.insert_value(packed, builder.select(large.value, new, old), k)
    builder.ret(packed)
    return function


def _narrow(builder: ir.IRBuilder, parts: list[ir.Value], x: Lanes) -> list[ir.Value]:
    """Return a double pair and quadrant in the format of x."""
    if x.format == "f64":
        return parts
    high, low, quadrant = parts
    single = ir.FloatType()
    r = builder.fptrunc(high, single)
    rest = builder.fadd(builder.fsub(high, builder.fpext(r, _DOUBLE)), low)
    return [r, builder.fptrunc(rest, single), builder.trunc(quadrant, _I32)]


def _payne_hanek(module: ir.Module) -> ir.Function:
    """``double -> {r, r_low, quadrant}`` for 2**18 <= |x| < inf; anything, safely, for the rest."""
    name = "graphflow.payne_hanek"
    if name in module.globals:
        return module.globals[name]
    result = ir.LiteralStructType([_DOUBLE, _DOUBLE, _I64])
    function = ir.Function(module, ir.FunctionType(result, [_DOUBLE]), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    x = Lanes(builder, function.args[0])
    high, low = _product_with_two_over_pi(x)
    # The 128 bits are quadrant (2) and fraction (126). Rounded to nearest, the rest is signed.
    wide = _wide(builder, high, low)
    rounded = builder.add(high.value, _I64(1 << 61))
    quadrant = x.new(builder.lshr(rounded, _I64(62)))
    fraction = x.new(builder.shl(wide, _I128(2)))
    r, r_low = _fraction_to_radians(fraction)
    negative = x < 0.0
    parts = [
        select(negative, -r, r),
        select(negative, -r_low, r_low),
        select(negative, -quadrant, quadrant),
    ]
    packed = ir.Constant(result, ir.Undefined)
    for k, part in enumerate(parts):
        packed = builder.insert_value(packed, part.value, k)
    builder.ret(packed)
    return function


def _wide(builder: ir.IRBuilder, high: Lanes, low: Lanes) -> ir.Value:
    """Return a 128-bit integer from its halves."""
    top = builder.shl(builder.zext(high.value, _I128), _I128(64))
    return builder.or_(top, builder.zext(low.value, _I128))


def _product_with_two_over_pi(x: Lanes) -> tuple[Lanes, Lanes]:
    """|x| * 2/pi modulo four, in units of 2**-126, as two 64-bit halves."""
    builder = x.builder
    bits = absolute(x).bits()
    exponent = bits.shift_right(52) - 1075
    mantissa = (bits & ((1 << 52) - 1)) | (1 << 52)
    # The window starts at the bit of weight 2**-(E - 1); bit 0 of the table weighs 2**63.
    start = exponent + (64 - 2)
    start = select(start > 0, start, 0)
    word, shift = start.shift_right(6), start & 63
    table = _table(builder.module)
    words = []
    for k in range(4):
        address = builder.gep(table, [_I64(0), (word + k).value], source_etype=table.value_type)
        words.append(builder.load(address, typ=_I64))
    window = [
        intrinsic(builder, "fshl", _I64, words[k], words[k + 1], shift.value) for k in range(3)
    ]
    factor = builder.zext(mantissa.value, _I128)
    lowest = builder.mul(builder.zext(window[2], _I128), factor)
    middle = builder.mul(builder.zext(window[1], _I128), factor)
    middle = builder.add(middle, builder.lshr(lowest, _I128(64)))
    top = builder.mul(window[0], mantissa.value)
    high = builder.add(top, builder.trunc(builder.lshr(middle, _I128(64)), _I64))
    return x.new(high), x.new(builder.trunc(middle, _I64))


def _fraction_to_radians(fraction: Lanes) -> tuple[Lanes, Lanes]:
    """Return the radians, as a pair, of a signed fraction of a quarter turn in units of 2**-128."""
    builder = fraction.builder
    negative = builder.icmp_signed("<", fraction.value, _I128(0))
    magnitude = builder.select(negative, builder.neg(fraction.value), fraction.value)
    name = "llvm.ctlz.i128"
    count_zeros = builder.module.globals.get(name) or ir.Function(
        builder.module, ir.FunctionType(_I128, [_I128, ir.IntType(1)]), name
    )
    zeros = builder.call(count_zeros, [magnitude, ir.IntType(1)(0)])
    zeros = builder.and_(zeros, _I128(127))
    normal = builder.shl(magnitude, zeros)
    mask = (1 << 53) - 1
    upper = builder.trunc(builder.lshr(normal, _I128(75)), _I64)
    lower = builder.and_(builder.trunc(builder.lshr(normal, _I128(22)), _I64), _I64(mask))
    scale = exponent_scale(-fraction.new(builder.trunc(zeros, _I64)) - 53)
    scale = select(fraction.new(negative), -scale, scale)
    high = fraction.new(builder.sitofp(upper, _DOUBLE)) * scale
    low = fraction.new(builder.sitofp(lower, _DOUBLE)) * (scale * 2.0**-53)
    first, second, _ = HALF_PI["f64"]
    product = two_product(high, first)
    total = quick_two_sum(product.high, product.low + fma(high, second, low * first))
    return total.high, total.low


def _table(module: ir.Module) -> ir.GlobalVariable:
    """Return the words of 2/pi as a constant of the module."""
    name = "graphflow.two_over_pi"
    if name in module.globals:
        return module.globals[name]
    type_ = ir.ArrayType(_I64, len(_TWO_OVER_PI_WORDS))
    table = ir.GlobalVariable(module, type_, name)
    table.linkage = "internal"
    table.global_constant = True
    table.initializer = ir.Constant(type_, [splat(_I64, word) for word in _TWO_OVER_PI_WORDS])
    return table
