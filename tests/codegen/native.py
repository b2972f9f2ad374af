"""Compile an emitter to a native loop over arrays, for tests and benchmarks of `mathlib`.

``loop(emitter, lanes, inputs, outputs)`` gives a callable on NumPy arrays: vectors of `lanes`
elements (scalars for ``lanes=0``), whose count must divide the arrays' length.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir

ELEMENTS = {
    "float32": ir.FloatType(), "float64": ir.DoubleType(), "int8": ir.IntType(8),
    "int32": ir.IntType(32), "int64": ir.IntType(64), "uint32": ir.IntType(32),
    "uint64": ir.IntType(64), "uint8": ir.IntType(8), "uint16": ir.IntType(16),
}  # fmt: skip
_engines: list[llvm.ExecutionEngine] = []  # compiled code lives as long as its engine


@functools.cache
def target_machine() -> llvm.TargetMachine:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=3
    )


def host_lanes(bits: int) -> int:
    """Elements of this many bits in the host's widest vector register."""
    features = llvm.get_host_cpu_features()
    width = 512 if features.get("avx512f") else 256 if features.get("avx2") else 128
    return width // bits


def vector_of(element: ir.Type, lanes: int) -> ir.Type:
    return ir.VectorType(element, lanes) if lanes else element


def build_loop(emitter: Callable, lanes: int, inputs: tuple[str, ...], outputs: tuple[str, ...]):
    """The module of ``void loop(i64 n, ptr in..., ptr out...)``."""
    module = ir.Module("native")
    module.triple = target_machine().triple
    index = ir.IntType(64)
    pointers = [ir.PointerType()] * (len(inputs) + len(outputs))
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [index, *pointers]), "loop")
    for argument in function.args[1:]:
        argument.add_attribute("noalias")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    entry = builder.block
    body, done = function.append_basic_block("body"), function.append_basic_block("done")
    builder.cbranch(builder.icmp_signed(">", function.args[0], index(0)), body, done)
    builder.position_at_end(body)
    i = builder.phi(index)
    i.add_incoming(index(0), entry)
    values = []
    for name, pointer in zip(inputs, function.args[1:], strict=False):
        address = builder.gep(pointer, [i], source_etype=ELEMENTS[name])
        type_ = vector_of(ELEMENTS[name], lanes)
        values.append(builder.load(address, align=np.dtype(name).itemsize, typ=type_))
    results = emitter(builder, *values)
    results = results if isinstance(results, (list, tuple)) else [results]
    for name, pointer, result in zip(
        outputs, function.args[1 + len(inputs) :], results, strict=True
    ):
        element = ELEMENTS[name]
        if result.type == vector_of(ir.IntType(1), lanes):
            result = builder.zext(result, vector_of(element, lanes))
        address = builder.gep(pointer, [i], source_etype=element)
        builder.store(result, address, align=np.dtype(name).itemsize)
    following = builder.add(i, index(max(lanes, 1)))
    i.add_incoming(following, builder.block)
    builder.cbranch(builder.icmp_signed("<", following, function.args[0]), body, done)
    builder.position_at_end(done)
    builder.ret_void()
    return module


def compile_module(module: ir.Module, loop_vectorize: bool = False) -> llvm.ExecutionEngine:
    machine = target_machine()
    parsed = llvm.parse_assembly(str(module))
    parsed.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.loop_vectorization = loop_vectorize
    options.slp_vectorization = False
    passes = llvm.create_pass_builder(machine, options)
    passes.getModulePassManager().run(parsed, passes)
    engine = llvm.create_mcjit_compiler(parsed, machine)
    engine.finalize_object()
    _engines.append(engine)
    return engine


def loop(
    emitter: Callable,
    lanes: int,
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    loop_vectorize: bool = False,
):
    """A callable ``f(*arrays) -> array or tuple``; pass ``out=`` to reuse buffers."""
    module = build_loop(emitter, lanes, inputs, outputs)
    engine = compile_module(module, loop_vectorize)
    pointers = [ctypes.c_void_p] * (len(inputs) + len(outputs))
    native = ctypes.CFUNCTYPE(None, ctypes.c_int64, *pointers)(engine.get_function_address("loop"))

    def call(*arrays: np.ndarray, out: tuple[np.ndarray, ...] | None = None):
        size = arrays[0].size
        assert size % max(lanes, 1) == 0, f"expected a multiple of {lanes} elements, got {size}"
        for array, name in zip(arrays, inputs, strict=True):
            assert array.dtype == name, f"expected {name}, got {array.dtype}"
            assert array.flags.c_contiguous
        results = out if out is not None else tuple(np.empty(size, name) for name in outputs)
        native(size, *(a.ctypes.data for a in arrays), *(r.ctypes.data for r in results))
        return results[0] if len(results) == 1 else results

    call.native = native  # for benchmarks: (size, *addresses)
    return call
