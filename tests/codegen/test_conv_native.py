"""Convolutions as native code against the primitives' NumPy reference, over drawn shapes."""

import numpy as np
import pytest

from graphflow.codegen import conv, kernels
from graphflow.codegen.conv_in_place import MOST_VECTORS, plan_in_place
from graphflow.codegen.conv_windows import WindowSpec
from graphflow.codegen.gemm_plan import plan_gemm
from graphflow.codegen.gemm_spec import GemmSpec
from graphflow.codegen.target import host_target
from graphflow.compiler import Options, compile_program
from graphflow.graph import dtypes
from graphflow.ir.builder import Builder
from graphflow.ir.dims import SymDim
from graphflow.ir.interpreter import run_program
from graphflow.ir.node import Program
from graphflow.ir.types import TensorType
from graphflow.runtime.executable import Instance
from graphflow.runtime.variables import VariableStore


def check(b, outputs, inputs, threads, seed=0, level=1, tolerance=1e-4):
    random = np.random.default_rng(seed)
    program = Program(tuple(inputs), tuple(outputs))
    arrays = [random.standard_normal(i.shape).astype(i.dtype.numpy) for i in inputs]
    wanted, _ = run_program(program, arrays)
    compiled = compile_program(program, Options(level, threads))
    instance = Instance(compiled, VariableStore(), {})
    run = instance.callable(inputs, list(range(len(outputs))), "list", None)
    for value, expected in zip(run(*arrays), wanted, strict=True):
        scale = max(float(np.abs(expected).max(initial=0)), 1)
        np.testing.assert_allclose(value, expected, rtol=tolerance, atol=tolerance * scale)
    return compiled


def feed(b, name, shape, dtype=dtypes.float32):
    return b.input(name, "feed", TensorType(dtype, tuple(shape)))


def both(b, x_shape, taps, filters, strides, padding, dilation, dtype=dtypes.float32):
    """A convolution with an epilogue, and its filter gradient with one."""
    x = feed(b, "x", x_shape, dtype)
    kernel = feed(b, "k", (*taps, x_shape[-1], filters), dtype)
    bias = feed(b, "bias", (filters,), dtype)
    made = b.conv(x, kernel, strides, padding, dilation)
    out = b.max(b.add(made, b.broadcast(bias, made.shape, (made.rank - 1,))), 0.0)
    gradient = feed(b, "g", made.shape, dtype)
    by_filter = b.conv_filter(x, gradient, taps, strides, padding, dilation)
    return [out, b.sub(kernel, b.mul(by_filter, 0.125))], [x, kernel, bias, gradient]


SHAPES = [
    ((2, 9, 11, 3), (3, 3), 12, (2, 2), ((0, 0), (0, 0)), (1, 1)),
    ((1, 7, 5, 1), (5, 5), 17, (1, 1), ((2, 2), (2, 2)), (1, 1)),
    ((3, 6, 6, 17), (3, 2), 5, (1, 2), ((1, 2), (0, 1)), (1, 1)),
    ((2, 8, 9, 8), (3, 3), 16, (1, 1), ((2, 2), (2, 2)), (2, 2)),
    ((2, 5, 5, 4), (2, 2), 8, (3, 3), ((-1, 1), (-2, 0)), (1, 1)),
    ((1, 4, 4, 700), (3, 3), 20, (1, 1), ((1, 1), (1, 1)), (1, 1)),
    ((2, 14, 14, 64), (3, 3), 64, (1, 1), ((1, 1), (1, 1)), (1, 1)),
    ((4, 6, 5, 4, 3), (2, 3, 2), 6, (1, 2, 1), ((1, 0), (1, 1), (0, 1)), (1, 1, 2)),
    ((3, 20, 5), (4,), 7, (2,), ((3, 0),), (1,)),
    ((2, 2, 2, 3), (5, 5), 4, (1, 1), ((2, 2), (2, 2)), (1, 1)),
    ((2, 6, 6, 2), (1, 1), 4, (2, 2), ((0, 0), (0, 0)), (1, 1)),
    ((2, 6, 6, 2), (1, 1), 4, (1, 1), ((0, 0), (0, 0)), (1, 1)),
]


@pytest.mark.parametrize("number", range(len(SHAPES)))
@pytest.mark.parametrize("threads", [1, 2])
def test_compiled_agrees_with_reference(number, threads):
    b = Builder()
    dtype = dtypes.float64 if number % 3 == 2 else dtypes.float32
    outputs, inputs = both(b, *SHAPES[number], dtype=dtype)
    check(b, outputs, inputs, threads, level=number != 3)


@pytest.mark.parametrize("seed", range(24))
def test_drawn_shapes(seed):
    random = np.random.default_rng(seed)
    rank = int(random.integers(1, 4))
    sizes = [int(random.integers(1, 12)) for _ in range(rank)]
    taps = [int(random.integers(1, 5)) for _ in range(rank)]
    strides = [int(random.integers(1, 4)) for _ in range(rank)]
    dilation = [int(random.integers(1, 3)) for _ in range(rank)]
    padding = [tuple(int(p) for p in random.integers(-1, 4, 2)) for _ in range(rank)]
    batch, channels, filters = (int(random.integers(1, n)) for n in (4, 40, 40))
    b = Builder()
    outputs, inputs = both(
        b, (batch, *sizes, channels), taps, filters, strides, padding, dilation
    )  # fmt: skip
    if all(d > 0 for node in inputs for d in node.shape):
        check(b, outputs, inputs, 1 + seed % 2, seed)


def test_sums_over_windows_do_not_vary():
    b = Builder()
    outputs, inputs = both(b, (8, 20, 20, 3), (3, 3), 8, (1, 1), ((1, 1), (1, 1)), (1, 1))
    compiled = check(b, outputs, inputs, 2)
    random = np.random.default_rng(1)
    arrays = [random.standard_normal(i.shape).astype(np.float32) for i in inputs]
    instance = Instance(compiled, VariableStore(), {})
    run = instance.callable(inputs, [0, 1], "list", None)
    first = [np.array(v) for v in run(*arrays)]
    for _ in range(5):
        for value, expected in zip(run(*arrays), first, strict=True):
            np.testing.assert_array_equal(value, expected)


@pytest.mark.parametrize("level", [0, 1])
def test_parts_of_products_are_written_where_they_belong(level):
    b = Builder()
    x, w = feed(b, "x", (6, 5)), feed(b, "w", (5, 8))
    even = b.mul(b.matmul(x, w), 2.0)
    odd = b.exp(b.slice(even, (0, 0), (5, 8)))
    mixed = b.interleave([even, odd], (11, 8), [((0, 0), (2, 1)), ((1, 0), (2, 1))])
    joined = b.concat([b.matmul(x, b.mul(w, 3.0)), mixed], 0)
    padded = b.pad(b.matmul(b.mul(x, 0.5), w), (1, 2), (0, 1), -1.0)
    check(b, [mixed, joined, padded], [x, w], 2, level=level)


IN_PLACE = [
    ((2, 9, 11, 16), (3, 3), 12, (1, 1), ((1, 1), (1, 1)), (1, 1)),
    ((3, 7, 8, 20), (3, 3), 40, (1, 1), ((2, 2), (0, 3)), (1, 1)),
    ((1, 12, 9, 12), (5, 5), 7, (1, 1), ((2, 2), (2, 2)), (1, 1)),
    ((2, 13, 13, 24), (3, 3), 48, (2, 2), ((0, 0), (0, 0)), (1, 1)),
    ((2, 10, 12, 11), (3, 3), 8, (1, 1), ((0, 0), (-1, 0)), (2, 1)),
    ((2, 6, 7, 40), (1, 1), 9, (2, 2), ((0, 0), (0, 0)), (1, 1)),
    ((5, 30, 17), (4,), 21, (1,), ((0, 0),), (1,)),
    ((1, 14, 14, 150), (3, 3), 64, (1, 1), ((1, 1), (1, 1)), (1, 1)),
]


@pytest.fixture
def fresh_kernels(monkeypatch):
    """Compile everything anew."""
    monkeypatch.setattr(kernels, "_compiled", {})
    monkeypatch.setattr(kernels, "cached_object", lambda key, make: make())


@pytest.mark.parametrize("number", range(len(IN_PLACE)))
@pytest.mark.parametrize("threads", [1, 2])
def test_windows_in_place(monkeypatch, fresh_kernels, number, threads):
    planned = []

    def noted(*arguments):
        planned.append(plan_in_place(*arguments))
        return planned[-1]

    monkeypatch.setattr(conv, "plan_in_place", noted)
    b = Builder()
    dtype = dtypes.float64 if number % 3 == 2 else dtypes.float32
    outputs, inputs = both(b, *IN_PLACE[number], dtype=dtype)
    check(b, outputs, inputs, threads, seed=number)
    most = MOST_VECTORS * host_target().vector_lanes(8 * dtype.size)
    assert [plan is not None for plan in planned] == [IN_PLACE[number][2] <= most]


def test_windows_that_are_packed():
    """Short runs, many panels, unknown batches, and padding that costs a copy for little."""
    target = host_target()

    def is_in_place(batch, size, channels, taps, filters, stride=1, low=0):
        count = (size + 2 * low - taps) // stride + 1
        windows = WindowSpec(
            batch, (size, size), channels, (taps, taps), (count, count), (stride, stride),
            (low, low), (1, 1),
        )  # fmt: skip
        symbols = () if isinstance(batch, int) else (("n~8", 9),)
        spec = GemmSpec("f32", windows.rows, filters, windows.columns, slots=symbols)
        plan = plan_gemm(spec, target, 2, gathered_run=windows.run)
        return plan_in_place(windows, spec, plan) is not None

    assert is_in_place(8, 28, 32, 3, 16)
    assert is_in_place(8, 28, 32, 3, 16, low=1)
    assert not is_in_place(8, 28, 3, 3, 16)
    assert not is_in_place(8, 28, 32, 3, 1024)
    assert not is_in_place(8, 28, 32, 3, 16, stride=2, low=1)
    assert not is_in_place(SymDim.symbol("n", 8), 28, 32, 3, 16)
