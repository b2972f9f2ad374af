"""Element types in LLVM: how a value lies in memory, and in what type it is computed.

bool lies as a byte and is computed as i1; float16 and bfloat16 are computed as float.
"""

from __future__ import annotations

import sys
from typing import Any

from llvmlite import ir

from graphflow.codegen.mathlib.core import (
    element_type,
    intrinsic,
    splat,
    type_suffix,
    with_element,
)
from graphflow.graph.dtypes import DType

I1, I8, I16, I32, I64 = (ir.IntType(bits) for bits in (1, 8, 16, 32, 64))
F32, F64 = ir.FloatType(), ir.DoubleType()
POINTER = ir.PointerType()


def memory_type(dtype: DType) -> ir.Type:
    """The type of an element in memory."""
    if dtype.kind == "bool":
        return I8
    if dtype.is_floating:
        return {"float16": ir.HalfType(), "bfloat16": I16, "float32": F32}.get(dtype.name, F64)
    return ir.IntType(dtype.size * 8)


def compute_type(dtype: DType) -> ir.Type:
    """The type in which elements are computed."""
    if dtype.kind == "bool":
        return I1
    if dtype.is_floating:
        return F64 if dtype.size == 8 else F32
    return ir.IntType(dtype.size * 8)


def literal(dtype: DType, value: Any) -> ir.Constant:
    """A constant of the compute type; of a complex one its bits, since views only move them."""
    if dtype.is_floating:
        return ir.Constant(compute_type(dtype), float(value))
    if dtype.is_complex:
        value = int.from_bytes(dtype.as_numpy_dtype(value).tobytes(), sys.byteorder)
    return splat(compute_type(dtype), int(value))


def lanes_of(value: ir.Value) -> int:
    """The number of lanes; 1 for a scalar."""
    return value.type.count if isinstance(value.type, ir.VectorType) else 1


def widen(element: ir.Type, lanes: int) -> ir.Type:
    """The type of `lanes` elements side by side; one lane is a scalar."""
    return ir.VectorType(element, lanes) if lanes > 1 else element


def splat_value(builder: ir.IRBuilder, value: ir.Value, lanes: int) -> ir.Value:
    """A scalar repeated in every lane."""
    if lanes == 1:
        return value
    if isinstance(value, ir.Constant):
        return ir.Constant(ir.VectorType(value.type, lanes), [value] * lanes)
    vector = ir.VectorType(value.type, lanes)
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.Constant(I32, 0))
    mask = ir.Constant(ir.VectorType(I32, lanes), [ir.Constant(I32, 0)] * lanes)
    return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), mask)


def lane_numbers(lanes: int) -> ir.Constant:
    """The constant vector 0, 1, ..., lanes-1 of i64."""
    return ir.Constant(ir.VectorType(I64, lanes), [ir.Constant(I64, k) for k in range(lanes)])


def from_memory(builder: ir.IRBuilder, value: ir.Value, dtype: DType) -> ir.Value:
    """A loaded value as its compute type."""
    if dtype.kind == "bool":
        return builder.icmp_unsigned("!=", value, splat(value.type, 0))
    if dtype.name == "bfloat16":
        wide = builder.zext(value, with_element(value.type, I32))
        wide = builder.shl(wide, splat(wide.type, 16))
        return builder.bitcast(wide, with_element(value.type, F32))
    if dtype.name == "float16":
        return builder.fpext(value, with_element(value.type, F32))
    return value


def to_memory(builder: ir.IRBuilder, value: ir.Value, dtype: DType) -> ir.Value:
    """A computed value as it is stored; narrow floats round to nearest even."""
    if dtype.kind == "bool":
        return builder.zext(value, with_element(value.type, I8))
    if dtype.name == "bfloat16":
        return _round_to_bfloat16(builder, value)
    if dtype.name == "float16":
        return builder.fptrunc(value, with_element(value.type, ir.HalfType()))
    return value


def _round_to_bfloat16(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    word = with_element(value.type, I32)
    bits = builder.bitcast(value, word)
    odd = builder.and_(builder.lshr(bits, splat(word, 16)), splat(word, 1))
    rounded = builder.add(bits, builder.add(odd, splat(word, 0x7FFF)))
    quiet = builder.or_(bits, splat(word, 0x400000))
    is_nan = builder.fcmp_unordered("uno", value, value)
    chosen = builder.select(is_nan, quiet, rounded)
    return builder.trunc(builder.lshr(chosen, splat(word, 16)), with_element(value.type, I16))


__all__ = [
    "F32",
    "F64",
    "I1",
    "I8",
    "I16",
    "I32",
    "I64",
    "POINTER",
    "compute_type",
    "element_type",
    "from_memory",
    "intrinsic",
    "lane_numbers",
    "lanes_of",
    "literal",
    "memory_type",
    "splat",
    "splat_value",
    "to_memory",
    "type_suffix",
    "widen",
    "with_element",
]  # fmt: skip
