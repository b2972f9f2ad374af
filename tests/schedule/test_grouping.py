"""Which values share a loop nest: kernels by count, and their results against the interpreter."""

from __future__ import annotations

import numpy as np

from graphflow.compiler import Options, compile_program
from graphflow.graph.dtypes import float32, int32
from graphflow.ir.builder import Builder
from graphflow.ir.interpreter import run_program
from graphflow.ir.node import Program
from graphflow.ir.types import TensorType
from graphflow.lowering.interpreter import run_lowered


def feed(b, name, shape, dtype=float32):
    return b.input(f"grouping_{name}", "feed", TensorType(dtype, shape))


def steps(program, arrays):
    """The steps, after a run of them that agrees with the Program's own."""
    compiled = compile_program(program, Options())
    expected, _ = run_program(program, arrays)
    found, _ = run_lowered(compiled, arrays)
    for x, y in zip(found, expected, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6)
    return compiled.tasks


def random(*shape):
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32)


def test_parts_of_one_array_that_share_work_are_one_step():
    b = Builder()
    x, y = feed(b, "x", (6, 8)), feed(b, "y", (6, 8))
    shared = b.exp(b.mul(x, y))
    joined = b.concat([b.mul(shared, x), b.neg(shared), b.mul(shared, y)], 1)
    assert len(steps(Program((x, y), (joined,)), [random(6, 8), random(6, 8)])) == 1


def test_parts_with_other_extents_stay_apart():
    b = Builder()
    x = feed(b, "x", (6, 8))
    shared = b.exp(x)
    joined = b.concat([shared, b.slice(shared, (0, 0), (6, 3))], 1)
    assert len(steps(Program((x,), (joined,)), [random(6, 8)])) == 2


def test_a_row_is_read_where_it_lies_by_all_that_need_it():
    b = Builder()
    array, place = feed(b, "array", (5, 6, 8)), feed(b, "place", (), int32)
    row = b.gather(array, place, 0)
    outputs = (b.reduce("sum", row, (0,)), b.reduce("sum", row, (1,)))
    tasks = steps(Program((array, place), outputs), [random(5, 6, 8), np.int32(3)])
    assert [len(task.writes) for task in tasks] == [1, 1]
