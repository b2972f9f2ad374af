"""Matrix products against NumPy in float64."""

import ctypes
import re
from dataclasses import dataclass
from types import MappingProxyType

import llvmlite.binding as llvm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llvmlite import ir

from graphflow.codegen.gemm import emit_gemm
from graphflow.codegen.gemm_micro import RowCut, cut_rows
from graphflow.codegen.gemm_plan import plan_gemm
from graphflow.codegen.gemm_spec import (
    GemmCode,
    GemmSpec,
    element_at,
    load_slot,
)
from graphflow.codegen.jit import LoadedCode, assembly_text, compile_module, load_object
from graphflow.codegen.target import Target, host_target
from graphflow.ir.dims import SymDim, evaluate

KERNEL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
TYPES = {"f32": np.float32, "f64": np.float64}


@dataclass
class Product:
    code: GemmCode
    loaded: LoadedCode

    def __call__(self, *slots, symbols=MappingProxyType({}), pieces=1):
        """Run the phases, each in `pieces` calls; arrays become addresses, integers stay."""
        size = evaluate(self.code.workspace_bytes, symbols)
        workspace = np.full(size + 64, 0xFF, np.uint8)
        start = workspace.ctypes.data + -workspace.ctypes.data % 64
        words = [s.ctypes.data if isinstance(s, np.ndarray) else s for s in slots]
        args = np.array([*words[:2], start, *words[2:]], np.int64)
        for phase in self.code.phases:
            kernel = KERNEL(self.loaded.address(phase.function.name))
            extent = phase.extent.evaluate(symbols)
            for piece in range(pieces):
                begin, end = extent * piece // pieces, extent * (piece + 1) // pieces
                if begin < end:
                    kernel(args.ctypes.data, begin, end)


def compile_product(spec, threads=1, epilogue=None):
    module = ir.Module()
    target = host_target()
    code = emit_gemm(module, "product", spec, target, threads, epilogue)
    return Product(code, load_object(compile_module(module, target), target))


def operands(spec, symbols=MappingProxyType({})):
    rng = np.random.default_rng(0)
    m, n, k, batch = (evaluate(d, symbols) for d in (spec.m, spec.n, spec.k, spec.batch))
    a = rng.standard_normal((batch if spec.a_stride != 0 else 1, m, k))
    b = rng.standard_normal((batch if spec.b_stride != 0 else 1, k, n))
    a, b = a.astype(TYPES[spec.dtype]), b.astype(TYPES[spec.dtype])
    expected = np.broadcast_to(a.astype(np.float64) @ b.astype(np.float64), (batch, m, n))
    if spec.trans_a:
        a = np.ascontiguousarray(a.swapaxes(1, 2))
    if spec.trans_b:
        b = np.ascontiguousarray(b.swapaxes(1, 2))
    return a, b, expected


def check(spec, threads=1, symbols=MappingProxyType({}), pieces=(1,), product=None):
    product = product or compile_product(spec, threads)
    a, b, expected = operands(spec, symbols)
    tolerance = 4e-7 if spec.dtype == "f32" else 1e-15
    first = None
    for count in pieces:
        # One element more, to see that nothing is written behind the end.
        out = np.full(expected.size + 1, 77, TYPES[spec.dtype])
        product(a, b, out, *symbols.values(), symbols=symbols, pieces=count)
        scale = tolerance * (
            evaluate(spec.k, symbols) + 8
        )  # errors of a running sum grow with k for random terms
        np.testing.assert_allclose(
            out[:-1].reshape(expected.shape), expected, rtol=0, atol=scale, err_msg=str(spec)
        )
        assert out[-1] == 77
        if first is None:
            first = out
        np.testing.assert_array_equal(out, first)


SHAPES = [
    (1, 1, 1), (1, 10, 7), (10, 1, 7), (1, 200, 33), (3, 5, 2), (6, 16, 4), (7, 17, 9),
    (13, 24, 31), (32, 32, 32), (64, 64, 64), (33, 65, 129), (128, 10, 64), (40, 512, 10),
    (12, 8, 600), (100, 130, 1100), (61, 300, 1030), (300, 40, 1025),
    (1, 37, 203), (41, 1, 77), (1, 64, 64), (2, 1, 1500),
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize("trans_a", [False, True])
@pytest.mark.parametrize("trans_b", [False, True])
def test_shapes_and_transposes(shape, dtype, trans_a, trans_b):
    spec = GemmSpec(dtype, *shape, trans_a=trans_a, trans_b=trans_b)
    check(spec, threads=3, pieces=(1, 3))


@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize("trans_a", [False, True])
@pytest.mark.parametrize("trans_b", [False, True])
def test_units_pack_their_panels_block_by_block(dtype, trans_a, trans_b):
    spec = GemmSpec(dtype, 53, 700, 2300, trans_a=trans_a, trans_b=trans_b)
    plan = plan_gemm(spec, host_target(), 2)
    assert plan.block_tiles
    assert plan.k_block < spec.k
    check(spec, threads=2, pieces=(1, 2))


@settings(max_examples=40, deadline=None)
@given(
    m=st.integers(0, 70), n=st.integers(0, 70), k=st.integers(0, 70), batch=st.integers(0, 3),
    a_same=st.booleans(), b_same=st.booleans(), trans_a=st.booleans(), trans_b=st.booleans(),
    threads=st.integers(1, 16), dtype=st.sampled_from(["f32", "f64"]),
)  # fmt: skip
def test_any_product(m, n, k, batch, a_same, b_same, trans_a, trans_b, threads, dtype):
    spec = GemmSpec(
        dtype, m, n, k, batch, 0 if a_same else None, 0 if b_same else None, trans_a, trans_b
    )
    check(spec, threads, pieces=(1, 2, 5))


@pytest.mark.parametrize(("a_stride", "b_stride"), [(None, None), (0, None), (None, 0)])
@pytest.mark.parametrize("trans_b", [False, True])
@pytest.mark.parametrize("shape", [(64, 64, 64), (9, 40, 300), (5, 7, 3)])
def test_batches(a_stride, b_stride, trans_b, shape):
    spec = GemmSpec("f32", *shape, 6, a_stride, b_stride, trans_b=trans_b)
    check(spec, threads=4, pieces=(1, 4))


def symbolic_spec(fixed, names, typical, **options):
    """A product whose extents in `names` are symbols; the slots of their values follow C's."""
    sizes = {name: SymDim.symbol(name, typical) for name in names}
    extents = {**fixed, **sizes}
    slots = tuple((str(size), 4 + k) for k, size in enumerate(sizes.values()))
    return GemmSpec("f32", **extents, **options, slots=slots)


@pytest.mark.parametrize("trans_a", [False, True])
@pytest.mark.parametrize("trans_b", [False, True])
@pytest.mark.parametrize(("n", "k"), [(64, 64), (10, 33), (100, 1200), (1, 77)])
def test_rows_known_at_run_time(trans_a, trans_b, n, k):
    spec = symbolic_spec({"n": n, "k": k}, ["m"], 128, trans_a=trans_a, trans_b=trans_b)
    product = compile_product(spec, 2)
    for m in (0, 1, 5, 6, 13, 128, 301):
        check(spec, symbols={"m~128": m}, pieces=(1, 2), product=product)


@pytest.mark.parametrize("names", ["k", "n", "mk", "mnk"])
@pytest.mark.parametrize(("trans_a", "trans_b"), [(0, 0), (0, 1), (1, 0), (1, 1)])
@pytest.mark.parametrize(("m", "n", "k"), [(40, 64, 50), (1, 33, 64), (33, 1, 64), (200, 70, 9)])
def test_extents_known_at_run_time(names, trans_a, trans_b, m, n, k):
    fixed = {"m": m, "n": n, "k": k}
    typical = 128
    spec = symbolic_spec(fixed, names, typical, trans_a=bool(trans_a), trans_b=bool(trans_b))
    product = compile_product(spec, 2)
    for size in (1, 2, 17, 128, 1500 if names == "k" else 200):
        symbols = {f"{name}~{typical}": size for name in names}
        check(spec, symbols=symbols, pieces=(1, 3), product=product)


@pytest.mark.parametrize("names", [["batch"], ["batch", "k"], ["batch", "n", "m"]])
@pytest.mark.parametrize(("a_stride", "b_stride"), [(None, None), (0, None), (None, 0)])
@pytest.mark.parametrize("trans_b", [False, True])
def test_batches_known_at_run_time(names, a_stride, b_stride, trans_b):
    options = {"a_stride": a_stride, "b_stride": b_stride, "trans_b": trans_b}
    fixed = {"m": 9, "n": 40, "k": 21}
    spec = symbolic_spec(fixed, names, 8, **options)
    product = compile_product(spec, 4)
    for size in (1, 3, 8, 20):
        symbols = {f"{name}~8": size for name in names}
        check(spec, symbols=symbols, pieces=(1, 4), product=product)


@pytest.mark.parametrize("shape", [(0, 5, 3), (5, 0, 3), (0, 0, 0)])
def test_nothing_to_compute(shape):
    product = compile_product(GemmSpec("f32", *shape))
    assert product.code.phases[-1].extent.evaluate({}) == 0
    check(GemmSpec("f32", *shape))


def test_an_empty_sum_is_zero_through_the_epilogue():
    check(GemmSpec("f32", 5, 19, 0))
    check(GemmSpec("f64", 5, 19, 0, batch=2, trans_a=True, trans_b=True))


@pytest.mark.parametrize("shape", [(37, 43, 20), (64, 48, 1500)])
def test_an_epilogue_sees_each_final_sum_once(shape):
    """``C = max(A @ B + bias, 0) + C``: a second visit of an element would show."""
    spec = GemmSpec("f32", *shape)

    def epilogue(builder, args, batch, row, column, value):
        element = ir.FloatType()
        bias = load_slot(builder, args, 4)
        bias = builder.load(element_at(builder, bias, column, element), typ=value.type, align=4)
        total = builder.fadd(value, bias)
        zero = ir.Constant(value.type, None)
        if isinstance(value.type, ir.FloatType):
            zero = ir.Constant(value.type, 0.0)
        positive = builder.select(builder.fcmp_ordered(">", total, zero), total, zero)
        out = load_slot(builder, args, 3)
        place = builder.add(builder.mul(row, ir.IntType(64)(spec.n)), column)
        place = element_at(builder, out, place, element)
        builder.store(
            builder.fadd(positive, builder.load(place, typ=value.type, align=4)), place, align=4
        )

    product = compile_product(spec, 2, epilogue)
    a, b, expected = operands(spec)
    bias = np.arange(spec.n, dtype=np.float32) / 10
    out = np.ones((spec.m, spec.n), np.float32)
    product(a, b, out, bias, pieces=2)
    np.testing.assert_allclose(out, np.maximum(expected[0] + bias, 0) + 1, atol=2e-4)


def test_special_values_do_not_leak_into_other_elements():
    spec = GemmSpec("f32", 20, 21, 30, trans_b=True)
    product = compile_product(spec)
    a, b, _ = operands(spec)
    a[0, 3, 5], b[0, 20, 7] = np.nan, np.inf
    out = np.zeros((20, 21), np.float32)
    product(a, b, out)
    finite = np.isfinite(out)
    assert not finite[3].any()
    assert not finite[:, 20].any()
    assert np.delete(finite[:, :20], 3, axis=0).all()


def test_the_result_does_not_depend_on_the_number_of_threads():
    outs = []
    for threads in (1, 2, 16):
        spec = GemmSpec("f32", 200, 300, 700)
        a, b, _ = operands(spec)
        out = np.zeros((200, 300), np.float32)
        compile_product(spec, threads)(a, b, out, pieces=threads)
        outs.append(out)
    np.testing.assert_array_equal(outs[0], outs[1])
    np.testing.assert_array_equal(outs[0], outs[2])


def test_cutting_rows():
    assert cut_rows(32, 6) == RowCut(6, 5, 2)
    assert cut_rows(512, 6) == RowCut(86, 6, overlaps=True)
    assert cut_rows(0, 6) == RowCut(0, 0)
    for m in range(1, 300):
        cut = cut_rows(m, 6)
        assert max(cut.heights) <= min(m, 6)
        if cut.overlaps:
            assert (cut.tiles - 1) * cut.height < m <= cut.tiles * cut.height
        else:
            assert cut.tiles * cut.height + cut.taller == m


@pytest.mark.parametrize("threads", [2, 4, 16])
@pytest.mark.parametrize("shape", [(512, 512, 512), (2048, 2048, 2048), (64, 512, 784)])
def test_units_are_enough_to_balance(shape, threads):
    module = ir.Module()
    code = emit_gemm(module, "product", GemmSpec("f32", *shape), host_target(), threads)
    assert code.phases[-1].extent.evaluate({}) >= 2 * threads


@pytest.mark.parametrize(
    ("target", "register", "tile"),
    [
        (Target("x86_64-unknown-linux-gnu", "haswell", "+avx,+avx2,+fma"), "ymm", (6, 16)),
        (
            Target(
                "x86_64-unknown-linux-gnu", "skylake-avx512",
                "+avx2,+fma,+avx512f,+avx512vl,+avx512dq,+avx512bw,-prefer-256-bit",
            ),
            "zmm", (14, 32),
        ),
        (Target("aarch64-unknown-linux-gnu", "neoverse-n1", ""), "v", (6, 16)),
    ],
)  # fmt: skip
def test_tiles_fill_the_registers_without_spilling(target, register, tile):
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    module = ir.Module()
    m = 8 * tile[0]
    code = emit_gemm(module, "product", GemmSpec("f32", m, 512, 512), target)
    assert (code.plan.tile.rows, code.plan.tile.columns) == tile
    text = assembly_text(module, target)
    label = re.search(rf"^micro_{tile[0]}x\w*:", text, re.MULTILINE)
    assert label is not None
    micro = text[label.start() :]
    micro = micro[: micro.index(".cfi_endproc")]
    multiply_adds = [line for line in micro.splitlines() if re.search("fmadd|fmla", line)]
    assert len(multiply_adds) >= tile[0] * 2
    assert all(register in line for line in multiply_adds)
    assert re.findall(rf".*{register}.*rsp|.*\bq\d+.*\[sp", micro) == []


def test_wrong_specifications_are_refused():
    with pytest.raises(ValueError, match="expected dtype f32 or f64, got 'f16'"):
        GemmSpec("f16", 1, 1, 1)
    with pytest.raises(ValueError, match="expected slots for \\['m'\\]"):
        GemmSpec("f32", SymDim.symbol("m"), 1, 1)
    with pytest.raises(ValueError, match="extents of 0 or more"):
        GemmSpec("f32", 1, -1, 1)
