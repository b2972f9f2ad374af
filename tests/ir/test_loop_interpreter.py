"""Kernels written by hand, one of each kind of nest, against NumPy; index and loop order."""

from __future__ import annotations

import numpy as np
import pytest

from graphflow.errors import CompilerError
from graphflow.graph.dtypes import float32, int32, int64
from graphflow.ir.dims import SymDim
from graphflow.ir.index import Axis, IndexExpr, Loaded, axis_index, floor_divide, remainder
from graphflow.ir.loop_interpreter import run_epilogue, run_kernel
from graphflow.ir.loop_verifier import verify_kernel
from graphflow.ir.loops import (
    Accumulate,
    Buffer,
    Declare,
    Expr,
    Kernel,
    Local,
    Loop,
    Store,
    constant,
    index_value,
    load,
    read_local,
)
from graphflow.ir.types import TensorType

RANDOM = np.random.default_rng(3)
N = SymDim.symbol("n")


def buffer(name, shape, role="in", dtype=float32):
    return Buffer(name, TensorType(dtype, shape), role)


def apply(name, *args):
    return Expr(name, args[0].dtype, args)


def run(kernel, symbols=None, **arrays):
    """Verify and run; `arrays` by buffer name. Gives those that are written."""
    verify_kernel(kernel)
    given = {b: np.array(arrays[b.name]).reshape(-1) for b in kernel.buffers}
    run_kernel(kernel, given, symbols or {})
    return [given[b].reshape(np.shape(arrays[b.name])) for b in given if b.role != "in"]


def nest(axes, body, kinds=None):
    for axis, kind in reversed(list(zip(axes, kinds or ["serial"] * len(axes), strict=True))):
        body = [Loop(axis, kind, body)]
    return body


def test_a_transposing_map():
    i, j = Axis("i", 3), Axis("j", 5)
    x, y = buffer("x", (5, 3)), buffer("y", (3, 5), "out")
    value = apply("exp", load(x, axis_index(j) * 3 + axis_index(i)))
    body = [Store(y, axis_index(i) * 5 + axis_index(j), value)]
    kernel = Kernel("map", [x, y], nest((i, j), body, ("parallel", "vector")))
    given = RANDOM.standard_normal((5, 3)).astype(np.float32)
    (found,) = run(kernel, x=given, y=np.zeros((3, 5), np.float32))
    np.testing.assert_array_equal(found, np.exp(given).T)


def test_quotients_remainders_and_symbols():
    p = Axis("p", N * 4)
    x, y = buffer("x", (4, N)), buffer("y", (N, 4), "out")
    at = remainder(axis_index(p), 4) * N + floor_divide(axis_index(p), 4)
    body = nest((p,), [Store(y, axis_index(p), load(x, at))], ("parallel vector",))
    kernel = Kernel("reshaped", [x, y], body, symbols=["n"])
    given = RANDOM.standard_normal((4, 7)).astype(np.float32)
    (found,) = run(kernel, {"n": 7}, x=given, y=np.zeros((7, 4), np.float32))
    np.testing.assert_array_equal(found, given.T)


def test_stages_with_a_scratch_row():
    i, j = Axis("i", 4), Axis("j", 6)
    x, y = buffer("x", (4, 6)), buffer("y", (4, 6), "out")
    row = buffer("row", (6,), "scratch")
    total = Local("s", float32, "reduce_sum")
    at = axis_index(i) * 6 + axis_index(j)
    grown = apply("exp", load(x, at))
    body = [
        Declare(total),
        Loop(j, "vector", [Accumulate(total, grown), Store(row, axis_index(j), grown)]),
        Loop(j, "vector", [
            Store(y, at, apply("div", load(row, axis_index(j)), read_local(total)))
        ]),
    ]  # fmt: skip
    kernel = Kernel("softmax", [x, y], nest((i,), body, ("parallel",)), [row])
    given = RANDOM.standard_normal((4, 6)).astype(np.float32)
    (found,) = run(kernel, x=given, y=np.zeros((4, 6), np.float32))
    wanted = np.exp(given) / np.exp(given).sum(1, keepdims=True)
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_places_are_the_first_and_nan_beats_nothing(name):
    i, j = Axis("i", 3), Axis("j", 4)
    x, y = buffer("x", (3, 4)), buffer("y", (3,), "out", int64)
    best = Local("s", float32, name)
    fed = Accumulate(best, load(x, axis_index(i) * 4 + axis_index(j)), axis_index(j))
    place = Expr("position", int64, (read_local(best),))
    body = [Declare(best), Loop(j, "vector", [fed]), Store(y, axis_index(i), place)]
    kernel = Kernel("places", [x, y], nest((i,), body))
    given = np.array([[1, 3, 3, 0], [2, np.nan, 5, np.nan], [-np.inf] * 4], np.float32)
    (found,) = run(kernel, x=given, y=np.zeros(3, np.int64))
    assert found.tolist() == [1 if name == "argmax" else 3, 2 if name == "argmax" else 0, 0]


def test_a_reduction_of_nothing():
    i, j = Axis("i", 3), Axis("j", 0)
    y = buffer("y", (3,), "out")
    low = Local("s", float32, "reduce_min")
    fed = Loop(j, "serial", [Accumulate(low, constant(1.0, float32))])
    body = [Declare(low), fed, Store(y, axis_index(i), read_local(low))]
    (found,) = run(Kernel("none", [y], nest((i,), body)), y=np.zeros(3, np.float32))
    np.testing.assert_array_equal(found, np.full(3, np.inf, np.float32))


def test_rounds_that_depend_on_earlier_ones():
    step, column = Axis("step", 4), Axis("column", 3)
    y = buffer("y", (5, 3), "inout")
    at = (axis_index(step) + 1) * 3 + axis_index(column)
    before = axis_index(step) * 3 + axis_index(column)
    body = [Store(y, at, apply("add", load(y, before), load(y, at)))]
    kernel = Kernel("scan", [y], nest((step, column), body, ("serial", "vector")))
    given = RANDOM.integers(0, 9, (5, 3)).astype(np.float32)
    (found,) = run(kernel, y=given)
    np.testing.assert_array_equal(found, np.cumsum(given, 0))


def test_places_from_data_are_clipped():
    row, column = Axis("row", 4), Axis("column", 3)
    x, y = buffer("x", (2, 3)), buffer("y", (4, 3), "out")
    at = buffer("at", (4,), dtype=int32)
    place = load(at, axis_index(row))
    inside = IndexExpr({Loaded(place, 2, place.axes): 3}) + axis_index(column)
    body = [Store(y, axis_index(row) * 3 + axis_index(column), load(x, inside))]
    kernel = Kernel("gather", [x, at, y], nest((row, column), body, ("parallel", "vector")))
    given = RANDOM.standard_normal((2, 3)).astype(np.float32)
    (found,) = run(kernel, x=given, at=np.array([1, 0, 7, -3], np.int32), y=np.zeros((4, 3)))
    np.testing.assert_array_equal(found, given[[1, 0, 1, 0]])


def test_an_epilogue_reads_the_product():
    i, j = Axis("i", 2), Axis("j", 3)
    bias, y = buffer("bias", (3,)), buffer("y", (2, 3), "out")
    element = read_local(Local("product", float32))
    value = apply("add", element, load(bias, axis_index(j)))
    at = axis_index(i) * 3 + axis_index(j)
    kernel = Kernel("product", [bias, y], [Store(y, at, value)])
    verify_kernel(kernel, [i, j], float32)
    given = {bias: np.arange(3, dtype=np.float32), y: np.zeros(6, np.float32)}
    product = RANDOM.standard_normal((2, 3)).astype(np.float32)
    run_epilogue(kernel, [i, j], product, given, {})
    np.testing.assert_array_equal(given[y].reshape(2, 3), product + given[bias])


def test_stores_side_by_side_see_the_old_values():
    i = Axis("i", 3)
    x, y = buffer("x", (3,), "inout"), buffer("y", (3,), "inout")
    at = axis_index(i)
    body = [Store(x, at, load(y, at)), Store(y, at, load(x, at))]
    kernel = Kernel("swap", [x, y], nest((i,), body, ("vector",)))
    found = run(kernel, x=np.arange(3.0), y=np.arange(3.0) + 10)
    np.testing.assert_array_equal(found, [[10, 11, 12], [0, 1, 2]])


def test_an_access_outside_is_an_error():
    i = Axis("i", 4)
    y = buffer("y", (3,), "out", int32)
    kernel = Kernel("wide", [y], nest((i,), [Store(y, axis_index(i), index_value(
        axis_index(i), int32))]))  # fmt: skip
    with pytest.raises(CompilerError, match=r"kernel wide: expected an element of y: i32\[3\]"):
        run_kernel(kernel, {y: np.zeros(3, np.int32)}, {})
