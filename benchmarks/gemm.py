"""Matrix products against NumPy's BLAS (and torch), interleaved.

``python benchmarks/gemm.py [--threads 1 2] [--filter text] [--torch]`` prints, for each shape, the
median over rounds in which every contestant runs once: GFLOP/s and the ratio to the best of the
others. The machine's peak comes from a loop of independent multiply-adds that touches no memory.
BLAS keeps the number of threads it starts with, so give one thread count when comparing.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import statistics
import time


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--filter", default="")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--torch", action="store_true")
    parser.add_argument("--no-blas", action="store_true")
    return parser.parse_args()


OPTIONS = arguments()
os.environ.setdefault("OPENBLAS_NUM_THREADS", str(max(OPTIONS.threads)))

import numpy as np  # noqa: E402  after the thread count, which BLAS reads once
from llvmlite import ir  # noqa: E402

from graphflow.codegen.control import (  # noqa: E402
    INDEX,
    POINTER,
    constant,
    counted_loop,
    indirect_call,
)
from graphflow.codegen.gemm import emit_gemm  # noqa: E402
from graphflow.codegen.gemm_micro import multiply_add  # noqa: E402
from graphflow.codegen.gemm_spec import GemmSpec  # noqa: E402
from graphflow.codegen.jit import compile_module, load_object  # noqa: E402
from graphflow.codegen.target import host_target  # noqa: E402
from graphflow.ir.dims import SymDim, evaluate  # noqa: E402
from graphflow.runtime.pool import get_pool  # noqa: E402

RUN_TIME_ROWS = 100
ROWS = SymDim.symbol("m", 128)
CASES = {
    "32x32x32": GemmSpec("f32", 32, 32, 32),
    "64x(64x64x64)": GemmSpec("f32", 64, 64, 64, 64),
    "128x128x128": GemmSpec("f32", 128, 128, 128),
    "512x512x512": GemmSpec("f32", 512, 512, 512),
    "2048x2048x2048": GemmSpec("f32", 2048, 2048, 2048),
    "512x512x512 f64": GemmSpec("f64", 512, 512, 512),
    "64x512x784": GemmSpec("f32", 64, 512, 784),
    "forward 1: 128x512x784": GemmSpec("f32", 128, 512, 784),
    "forward 2: 128x512x512": GemmSpec("f32", 128, 512, 512),
    "forward 3: 128x10x512": GemmSpec("f32", 128, 10, 512),
    "dW1: tA 784x512x128": GemmSpec("f32", 784, 512, 128, trans_a=True),
    "dW2: tA 512x512x128": GemmSpec("f32", 512, 512, 128, trans_a=True),
    "dW3: tA 512x10x128": GemmSpec("f32", 512, 10, 128, trans_a=True),
    "dX2: tB 128x512x512": GemmSpec("f32", 128, 512, 512, trans_b=True),
    "dX3: tB 128x512x10": GemmSpec("f32", 128, 512, 10, trans_b=True),
    "tA 2048x2048x2048": GemmSpec("f32", 2048, 2048, 2048, trans_a=True),
    "tB 2048x2048x2048": GemmSpec("f32", 2048, 2048, 2048, trans_b=True),
    "gemv 1x512x784": GemmSpec("f32", 1, 512, 784),
    "gemv tB 1x784x512": GemmSpec("f32", 1, 784, 512, trans_b=True),
    "gemv 2048x1x2048": GemmSpec("f32", 2048, 1, 2048),
    "odd 127x131x257": GemmSpec("f32", 127, 131, 257),
    "rows at run time 100x512x784": GemmSpec("f32", ROWS, 512, 784, slots=((str(ROWS), 4),)),
}
PARALLEL_FOR = ir.FunctionType(ir.VoidType(), [POINTER, POINTER, POINTER, INDEX, INDEX])
DRIVER = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)


def peak_gflops():
    """Multiply-adds on twelve independent vectors in registers."""
    target = host_target()
    lanes = target.vector_lanes(32)
    vector = ir.VectorType(ir.FloatType(), lanes)
    module = ir.Module()
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER, INDEX]), "peak")
    builder = ir.IRBuilder(function.append_basic_block())
    memory, count = function.args

    def place(number):
        return builder.gep(memory, [constant(number)], source_etype=vector)

    sums = [builder.load(place(number), typ=vector, align=4) for number in range(12)]
    factor = builder.load(place(12), typ=vector, align=4)
    with counted_loop(builder, 0, count, carried=sums) as loop:
        for _ in range(4):
            loop.values = [multiply_add(builder, factor, factor, value) for value in loop.values]
    for number, value in enumerate(loop.values):
        builder.store(value, place(number), align=4)
    builder.ret_void()
    code = load_object(compile_module(module, target), target)
    values = np.full(13 * lanes, 1e-3, np.float32)
    best = 0.0
    for _ in range(10):
        start = time.perf_counter()
        DRIVER(code.address("peak"))(values.ctypes.data, 200_000)
        best = max(best, 2 * 48 * lanes * 200_000 / (time.perf_counter() - start) / 1e9)
    return best


class Ours:
    """A compiled product with its buffers, run through the pool when there are several threads."""

    def __init__(self, spec, threads, a, b, out):
        self.threads = threads
        self.symbols = {str(ROWS): RUN_TIME_ROWS} if spec.m == ROWS else {}
        target = host_target()
        module = ir.Module()
        start = time.perf_counter()
        self.gemm = emit_gemm(module, "gemm", spec, target, threads)
        self._emit_driver(module)
        self.code = load_object(compile_module(module, target), target)
        self.compile_ms = (time.perf_counter() - start) * 1e3
        self.workspace = np.zeros(evaluate(self.gemm.workspace_bytes, self.symbols) + 64, np.uint8)
        address = self.workspace.ctypes.data
        words = [a.ctypes.data, b.ctypes.data, address + -address % 64, out.ctypes.data]
        self.args = np.array([*words, *self.symbols.values()], np.int64)
        self.kept = (a, b, out)
        self.driver = DRIVER(self.code.address("driver"))

    def _emit_driver(self, module):
        """``driver(args, repeats)``: the phases in order, as a plan would call them."""
        function = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER, INDEX]), "driver")
        builder = ir.IRBuilder(function.append_basic_block())
        args, repeats = function.args
        pool = get_pool(self.threads)
        with counted_loop(builder, 0, repeats):
            for phase in self.gemm.phases:
                extent = phase.extent.evaluate(self.symbols)
                chunks = constant(min(extent, 4 * self.threads))
                if self.threads == 1 or extent * phase.unit_cycles < 20_000:
                    builder.call(phase.function, [args, constant(0), constant(extent)])
                else:
                    address = builder.inttoptr(constant(pool.parallel_for_address), POINTER)
                    context = builder.inttoptr(constant(pool.context_address), POINTER)
                    kernel = builder.bitcast(phase.function, POINTER)
                    words = [context, kernel, args, constant(extent), chunks]
                    indirect_call(builder, address, PARALLEL_FOR, words)
        builder.ret_void()

    def __call__(self, repeats):
        self.driver(self.args.ctypes.data, repeats)


def contestants(spec, threads):
    rng = np.random.default_rng(0)
    m = RUN_TIME_ROWS if spec.m == ROWS else spec.m
    dtype = np.float32 if spec.dtype == "f32" else np.float64
    batch = () if spec.batch == 1 else (spec.batch,)
    a_shape = (spec.k, m) if spec.trans_a else (m, spec.k)
    b_shape = (spec.n, spec.k) if spec.trans_b else (spec.k, spec.n)
    a = rng.standard_normal(batch + a_shape).astype(dtype)
    b = rng.standard_normal(batch + b_shape).astype(dtype)
    out = np.empty((*batch, m, spec.n), dtype)
    ours = Ours(spec, threads, a, b, out)
    left = a.swapaxes(-1, -2) if spec.trans_a else a
    right = b.swapaxes(-1, -2) if spec.trans_b else b
    result = {"ours": ours}
    if not OPTIONS.no_blas:
        blas_out = np.empty_like(out)

        def blas(repeats):
            for _ in range(repeats):
                np.matmul(left, right, out=blas_out)

        result["numpy"] = blas
    if OPTIONS.torch:
        import torch

        torch.set_num_threads(threads)
        torch_out = torch.empty(out.shape, dtype=torch.from_numpy(a).dtype)
        torch_left, torch_right = torch.from_numpy(a), torch.from_numpy(b)
        torch_left = torch_left.mT if spec.trans_a else torch_left
        torch_right = torch_right.mT if spec.trans_b else torch_right

        def with_torch(repeats):
            for _ in range(repeats):
                torch.matmul(torch_left, torch_right, out=torch_out)

        result["torch"] = with_torch
    ours(1)
    np.testing.assert_allclose(out, np.matmul(left, right), atol=1e-3 * spec.k**0.5)
    return result, ours, 2.0 * spec.batch * m * spec.n * spec.k


def measure(run, repeats):
    start = time.perf_counter()
    run(repeats)
    return (time.perf_counter() - start) / repeats


def main():
    target = host_target()
    print(f"{target.cpu}, {target.vector_bits}-bit vectors, numpy {np.__version__}")
    peak = peak_gflops()
    print(f"peak of one thread: {peak:.0f} GFLOP/s in f32, half of it in f64")
    for threads in OPTIONS.threads:
        print(f"--- {threads} thread(s): GFLOP/s, median of {OPTIONS.rounds} rounds")
        for name, spec in CASES.items():
            if OPTIONS.filter not in name:
                continue
            runs, ours, flops = contestants(spec, threads)
            repeats = max(1, int(1e8 / flops))
            times = {who: [] for who in runs}
            for _ in range(OPTIONS.rounds if flops < 1e10 else 3):
                for who, run in runs.items():
                    times[who].append(measure(run, repeats))
            speed = {who: flops / statistics.median(t) / 1e9 for who, t in times.items()}
            theirs = max((v for who, v in speed.items() if who != "ours"), default=1)
            row = "  ".join(f"{who} {value:6.1f}" for who, value in speed.items())
            limit = peak * threads / (2 if spec.dtype == "f64" else 1)
            print(
                f"{name:28} {row}  x{speed['ours'] / theirs:.2f}  {speed['ours'] / limit:4.0%}"
                f" of peak  compile {ours.compile_ms:.0f} ms  {ours.gemm.plan}"
            )


if __name__ == "__main__":
    main()
