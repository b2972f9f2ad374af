"""The native loop of CRC-32C."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from graphflow.codegen.jit import compile_module, load_object
from graphflow.codegen.object_cache import cached_object
from graphflow.codegen.target import Target, host_target
from graphflow.codegen.types import I8, I32, I64, POINTER

POLYNOMIAL = 0x82F63B78  # reflected


def load() -> Any:
    """The compiled module, with ``u32 graphflow_crc32c(u32 start, ptr data, i64 size)``."""
    target = host_target()
    name = f"crc32c {_step_name(target, 64)}"
    return load_object(cached_object(name, lambda: compile_module(_build(target), target)), target)


def _step_name(target: Target, bits: int) -> str:
    """The intrinsic that takes so many bits at a time; empty where there is none."""
    features = target.features.split(",")
    if "+sse4.2" in features:
        return f"llvm.x86.sse42.crc32.{'64.64' if bits == 64 else '32.8'}"
    if "+crc" in features:
        return f"llvm.aarch64.crc32c{'x' if bits == 64 else 'b'}"
    return ""


def _build(target: Target) -> ir.Module:
    """``u32 graphflow_crc32c(u32 start, ptr data, i64 size)``."""
    module = ir.Module("graphflow_crc32c")
    function = ir.Function(module, ir.FunctionType(I32, [I32, POINTER, I64]), "graphflow_crc32c")
    start, data, size = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    ones = ir.Constant(I32, 0xFFFFFFFF)
    crc = builder.xor(start, ones)
    position: ir.Value = ir.Constant(I64, 0)
    if _step_name(target, 64):
        words = builder.and_(size, ir.Constant(I64, -8))
        crc, position = _loop(module, builder, target, crc, data, position, words, 64)
    crc, _ = _loop(module, builder, target, crc, data, position, size, 8)
    builder.ret(builder.xor(crc, ones))
    return module


def _loop(
    module: ir.Module, builder: ir.IRBuilder, target: Target, crc: ir.Value, data: ir.Value,
    first: ir.Value, end: ir.Value, bits: int,
) -> tuple[ir.Value, ir.Value]:  # fmt: skip
    """Take ``data[first:end]`` in, so many bits at a time; returns checksum and position."""
    head, body, leave = (builder.append_basic_block(f"{n}{bits}") for n in ("head", "body", "end"))
    before = builder.block
    builder.branch(head)
    builder.position_at_end(head)
    position, value = builder.phi(I64), builder.phi(I32)
    position.add_incoming(first, before)
    value.add_incoming(crc, before)
    builder.cbranch(builder.icmp_unsigned("<", position, end), body, leave)
    builder.position_at_end(body)
    kind = I64 if bits == 64 else I8
    word = builder.load(builder.gep(data, [position], source_etype=I8), typ=kind)
    word.align = 1
    following = _step(module, builder, target, value, word, bits)
    value.add_incoming(following, builder.block)
    position.add_incoming(builder.add(position, ir.Constant(I64, bits // 8)), builder.block)
    builder.branch(head)
    builder.position_at_end(leave)
    return value, position


def _step(
    module: ir.Module, builder: ir.IRBuilder, target: Target, crc: ir.Value, word: ir.Value,
    bits: int,
) -> ir.Value:  # fmt: skip
    name = _step_name(target, bits)
    if not name:
        crc = builder.xor(crc, builder.zext(word, I32))
        for _ in range(8):
            low = builder.and_(crc, ir.Constant(I32, 1))
            flip = builder.and_(builder.neg(low), ir.Constant(I32, POLYNOMIAL))
            crc = builder.xor(builder.lshr(crc, ir.Constant(I32, 1)), flip)
        return crc
    wide = bits == 64 and "x86" in name
    kinds = [I64, I64] if wide else [I32, I64 if bits == 64 else (I8 if "x86" in name else I32)]
    function = module.globals.get(name)
    if function is None:
        function = ir.Function(module, ir.FunctionType(kinds[0], kinds), name)
    first = builder.zext(crc, I64) if wide else crc
    second = word if kinds[1] is word.type else builder.zext(word, kinds[1])
    made = builder.call(function, [first, second])
    return builder.trunc(made, I32) if wide else made
