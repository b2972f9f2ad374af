"""Emitters of the random numbers that `graphflow.ir.philox` defines in NumPy.

All work on scalars and on vectors (one block of four words per lane), but the truncated normal,
whose rejection loop runs once per group, out of line. Box-Muller for f32 evaluates log,
sin and cos in f64 and rounds: exactly the reference's numbers in nearly all cases (where the f64
functions' own error does not cross a rounding boundary of f32).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from llvmlite import ir

from graphflow.codegen.mathlib.core import (
    Lanes,
    absolute,
    select,
    splat,
    square_root,
    with_element,
)
from graphflow.codegen.mathlib.logarithm import log
from graphflow.codegen.mathlib.reduction import reduce_moderate
from graphflow.codegen.mathlib.trigonometric import sin_cos_reduced
from graphflow.ir.philox import EPSILON, MULTIPLIERS, ROUNDS, TRUNCATION, WEYL

_FLOAT, _DOUBLE, _I32, _I64 = ir.FloatType(), ir.DoubleType(), ir.IntType(32), ir.IntType(64)


def _multiply_wide(builder: ir.IRBuilder, word: ir.Value, factor: int) -> tuple[ir.Value, ir.Value]:
    """High and low 32 bits of an unsigned product."""
    wide = with_element(word.type, _I64)
    product = builder.mul(builder.zext(word, wide), splat(wide, factor))
    return (
        builder.trunc(builder.lshr(product, splat(wide, 32)), word.type),
        builder.trunc(product, word.type),
    )


def philox_4x32_10(
    builder: ir.IRBuilder, counter: Sequence[ir.Value], key: Sequence[ir.Value]
) -> list[ir.Value]:
    """Four random words from a counter of four i32 and a key of two, least significant first."""
    words, keys = list(counter), list(key)
    for round_ in range(ROUNDS):
        if round_:
            keys = [builder.add(k, splat(k.type, w)) for k, w in zip(keys, WEYL, strict=True)]
        high0, low0 = _multiply_wide(builder, words[0], MULTIPLIERS[0])
        high1, low1 = _multiply_wide(builder, words[2], MULTIPLIERS[1])
        words = [
            builder.xor(builder.xor(high1, words[1]), keys[0]),
            low1,
            builder.xor(builder.xor(high0, words[3]), keys[1]),
            low0,
        ]
    return words


def counter_words(
    builder: ir.IRBuilder, low: ir.Value, high: ir.Value, steps: ir.Value
) -> list[ir.Value]:
    """Return the counter ``(high << 64 | low) + steps`` as four i32; all i64 or vectors."""
    total = builder.add(low, steps)
    carry = builder.zext(builder.icmp_unsigned("<", total, steps), high.type)
    upper = builder.add(high, carry)
    narrow = with_element(low.type, _I32)
    shift = splat(low.type, 32)
    return [
        builder.trunc(part, narrow)
        for part in (total, builder.lshr(total, shift), upper, builder.lshr(upper, shift))
    ]


def _wide_word(builder: ir.IRBuilder, low: ir.Value, high: ir.Value) -> ir.Value:
    wide = with_element(low.type, _I64)
    upper = builder.shl(builder.zext(high, wide), splat(wide, 32))
    return builder.or_(upper, builder.zext(low, wide))


def uniform_f32(builder: ir.IRBuilder, word: ir.Value) -> ir.Value:
    """Return a word to a float in [0, 1)."""
    bits = Lanes(builder, word) & ((1 << 23) - 1)
    return ((bits | (127 << 23)).as_float() - 1.0).value


def uniform_f64(builder: ir.IRBuilder, word0: ir.Value, word1: ir.Value) -> ir.Value:
    """Two words, the first the upper half, to a double in [0, 1)."""
    bits = Lanes(builder, _wide_word(builder, word1, word0)) & ((1 << 52) - 1)
    return ((bits | (1023 << 52)).as_float() - 1.0).value


def uniform_16bit(builder: ir.IRBuilder, word: ir.Value, mantissa: int) -> ir.Value:
    """Return a word to the f32 that float16 (10 mantissa bits) or bfloat16 (7) holds exactly."""
    bits = Lanes(builder, word) & ((1 << mantissa) - 1)
    return ((bits << (23 - mantissa) | (127 << 23)).as_float() - 1.0).value


def uniform_i32(builder: ir.IRBuilder, word: ir.Value, low: ir.Value, extent: ir.Value) -> ir.Value:
    """Return a word to an i32 in [low, low + extent), extent unsigned; low when that is empty."""
    return builder.add(low, builder.urem(word, _divisor(builder, extent)))


def _divisor(builder: ir.IRBuilder, extent: ir.Value) -> ir.Value:
    """The extent, or 1 for 0: a division by zero would end the process before the check is read."""
    empty = builder.icmp_unsigned("==", extent, splat(extent.type, 0))
    return builder.select(empty, splat(extent.type, 1), extent)


def uniform_i64(
    builder: ir.IRBuilder, word0: ir.Value, word1: ir.Value, low: ir.Value, extent: ir.Value
) -> ir.Value:
    """Two words, the first the lower half, to an i64 in [low, low + extent)."""
    word = _wide_word(builder, word0, word1)
    return builder.add(low, builder.urem(word, _divisor(builder, extent)))


def _sin_cos_of_turn(angle: Lanes) -> tuple[Lanes, Lanes]:
    return sin_cos_reduced(reduce_moderate(angle))


def box_muller_f32(
    builder: ir.IRBuilder, word0: ir.Value, word1: ir.Value
) -> tuple[ir.Value, ir.Value]:
    """Two words to two standard normal floats, the sine first."""
    single = with_element(word0.type, _FLOAT)
    double = with_element(word0.type, _DOUBLE)

    def narrow(x: Lanes) -> Lanes:
        return x.new(builder.fptrunc(x.value, single))

    def widen(x: Lanes) -> Lanes:
        return x.new(builder.fpext(x.value, double))

    u1 = Lanes(builder, uniform_f32(builder, word0))
    u2 = Lanes(builder, uniform_f32(builder, word1))
    u1 = select(u1 < EPSILON, EPSILON, u1)
    radius = square_root(narrow(log(widen(u1))) * -2.0)
    angle = narrow(widen(u2) * (2.0 * math.pi))
    sine, cosine = _sin_cos_of_turn(widen(angle))
    return (narrow(sine) * radius).value, (narrow(cosine) * radius).value


def box_muller_f64(builder: ir.IRBuilder, words: Sequence[ir.Value]) -> tuple[ir.Value, ir.Value]:
    """Four words to two standard normal doubles, the sine first."""
    u1 = Lanes(builder, uniform_f64(builder, words[0], words[1]))
    u2 = Lanes(builder, uniform_f64(builder, words[2], words[3]))
    radius = square_root(log(select(u1 < EPSILON, EPSILON, u1)) * -2.0)
    sine, cosine = _sin_cos_of_turn(u2 * (2.0 * math.pi))
    return (sine * radius).value, (cosine * radius).value


def normal_block(
    builder: ir.IRBuilder, words: Sequence[ir.Value], element: ir.Type
) -> list[ir.Value]:
    """Return a block's four floats or two doubles from its four words, in output order."""
    if isinstance(element, ir.DoubleType):
        return list(box_muller_f64(builder, words))
    return [
        *box_muller_f32(builder, words[0], words[1]),
        *box_muller_f32(builder, words[2], words[3]),
    ]


def truncated_normal_function(module: ir.Module, element: ir.Type) -> ir.Function:
    """``void (ptr out, i64 count, i64 low, i64 high, i64 key)``, made once a module.

    Writes the first `count` elements of the group of four floats (two doubles) whose counter is
    ``high << 64 | low``. Every candidate is stored at the next free place of a scratch buffer and
    the place moves on if it was accepted, so the only branch is the loop's.
    """
    name = f"graphflow.truncated_normal.{'f64' if element == _DOUBLE else 'f32'}"
    if name in module.globals:
        return module.globals[name]
    signature = ir.FunctionType(ir.VoidType(), [ir.PointerType(), _I64, _I64, _I64, _I64])
    function = ir.Function(module, signature, name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    out, count, low, high, key = function.args
    entry = function.append_basic_block("entry")
    draw, copy, done = (function.append_basic_block(n) for n in ("draw", "copy", "done"))
    builder = ir.IRBuilder(entry)
    scratch = builder.alloca(element, size=8)
    keys = [builder.trunc(key, _I32), builder.trunc(builder.lshr(key, _I64(32)), _I32)]
    builder.cbranch(builder.icmp_signed(">", count, _I64(0)), draw, done)
    builder.position_at_end(draw)
    filled, step = builder.phi(_I64), builder.phi(_I64)
    words = philox_4x32_10(builder, counter_words(builder, low, high, step), keys)
    place: ir.Value = filled
    for candidate in normal_block(builder, words, element):
        builder.store(candidate, builder.gep(scratch, [place], source_etype=element))
        accepted = absolute(Lanes(builder, candidate)) < TRUNCATION
        place = builder.add(place, builder.zext(accepted.value, _I64))
    next_step = builder.add(step, _I64(1))
    for phi, following in ((filled, place), (step, next_step)):
        phi.add_incoming(_I64(0), entry)
        phi.add_incoming(following, draw)
    builder.cbranch(builder.icmp_unsigned("<", place, count), draw, copy)
    builder.position_at_end(copy)
    index = builder.phi(_I64)
    value = builder.load(builder.gep(scratch, [index], source_etype=element), typ=element)
    builder.store(value, builder.gep(out, [index], source_etype=element))
    following = builder.add(index, _I64(1))
    index.add_incoming(_I64(0), draw)
    index.add_incoming(following, copy)
    builder.cbranch(builder.icmp_unsigned("<", following, count), copy, done)
    builder.position_at_end(done)
    builder.ret_void()
    return function
