"""Compiling and loading objects, and what a target says of itself."""

import ctypes

import pytest
from llvmlite import ir

from graphflow.codegen.control import INDEX, counted_loop
from graphflow.codegen.jit import assembly_text, compile_module, load_object
from graphflow.codegen.target import Target, host_target


def sum_below():
    """``sum_below(n)``: the sum of the integers below n, as a loop."""
    module = ir.Module()
    function = ir.Function(module, ir.FunctionType(INDEX, [INDEX]), "sum_below")
    builder = ir.IRBuilder(function.append_basic_block())
    with counted_loop(builder, 0, function.args[0], carried=[INDEX(0)]) as loop:
        loop.values = [builder.add(loop.values[0], loop.index)]
    builder.ret(loop.values[0])
    return module


@pytest.mark.parametrize("level", [0, 1, 2, 3])
@pytest.mark.parametrize("vectorize", [False, True])
def test_code_runs_at_every_level(level, vectorize):
    target = host_target()
    code = load_object(compile_module(sum_below(), target, level, vectorize), target)
    function = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(code.address("sum_below"))
    assert [function(n) for n in (0, 1, 10, 1001)] == [0, 0, 45, 500500]


def test_an_object_is_the_same_every_time_and_loads_twice():
    target = host_target()
    first, second = (compile_module(str(sum_below()), target) for _ in range(2))
    assert first == second
    codes = [load_object(first, target) for _ in range(2)]
    assert codes[0].address("sum_below") != codes[1].address("sum_below")


def test_wrong_ir_and_unknown_functions_are_refused():
    with pytest.raises(RuntimeError, match="parsing error"):
        compile_module("define nothing", host_target())
    code = load_object(compile_module(sum_below(), host_target()), host_target())
    with pytest.raises(KeyError, match="a function 'product' in the object"):
        code.address("product")


@pytest.mark.parametrize(
    ("triple", "features", "bits", "registers"),
    [
        ("x86_64-unknown-linux-gnu", "+sse2", 128, 16),
        ("x86_64-unknown-linux-gnu", "+sse2,+avx", 128, 16),
        ("x86_64-unknown-linux-gnu", "+avx,+avx2,-avx512f", 256, 16),
        ("x86_64-apple-darwin", "+avx2,+avx512f", 512, 32),
        ("aarch64-unknown-linux-gnu", "+neon", 128, 32),
        ("arm64-apple-darwin", "+neon", 128, 32),
    ],
)
def test_vector_registers(triple, features, bits, registers):
    target = Target(triple, "", features)
    assert target.vector_bits == bits
    assert target.num_vector_registers == registers
    assert target.vector_lanes(32) == bits // 32


def test_512_bit_vectors_use_512_bit_registers():
    vector = ir.VectorType(ir.FloatType(), 16)
    module = ir.Module()
    function = ir.Function(module, ir.FunctionType(vector, [vector, vector]), "add")
    builder = ir.IRBuilder(function.append_basic_block())
    builder.ret(builder.fadd(*function.args))
    features = "+avx2,+avx512f,+avx512vl,-prefer-256-bit"
    target = Target("x86_64-unknown-linux-gnu", "skylake-avx512", features)
    text = assembly_text(module, target)
    assert "zmm" in text
    assert "ymm" not in text


def test_the_host_is_described():
    target = host_target()
    assert target is host_target()
    assert target.vector_bits in (128, 256, 512)
