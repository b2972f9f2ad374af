"""Kernels that are wrong in one way each, and what the verifier says of them."""

from __future__ import annotations

import pytest

from graphflow.errors import CompilerError
from graphflow.graph.dtypes import float32, float64, int32
from graphflow.ir.dims import SymDim
from graphflow.ir.index import Axis, IndexExpr, Loaded, Quotient, Remainder, axis_index
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
    load,
    read_local,
)
from graphflow.ir.types import TensorType

N = SymDim.symbol("n")
ONE = constant(1.0, float32)


class Parts:
    """A row reduction and what tests change in it: ``y[i] = sum over j of x[6*i + j]``."""

    def __init__(self, rows=4, columns=6):
        self.i, self.j = Axis("i", rows), Axis("j", columns)
        self.x = Buffer("x", TensorType(float32, (rows, columns)))
        self.y = Buffer("y", TensorType(float32, (rows,)), "out")
        self.row = Buffer("row", TensorType(float32, (6,)), "scratch")
        self.at = axis_index(self.i) * columns + axis_index(self.j)
        self.total = Local("s0", float32, "reduce_sum")
        self.feed = Accumulate(self.total, load(self.x, self.at))
        self.inner = Loop(self.j, "vector", [self.feed])
        self.store = Store(self.y, axis_index(self.i), read_local(self.total))
        self.body = [Declare(self.total), self.inner, self.store]
        self.symbols = []

    def kernel(self, kind="parallel"):
        loops = [Loop(self.i, kind, self.body)]
        return Kernel("k7_sum", [self.x, self.y], loops, [self.row], self.symbols)


def fails(kernel, match, **options):
    with pytest.raises(CompilerError, match=match) as caught:
        verify_kernel(kernel, **options)
    assert str(caught.value).startswith("kernel k7_sum: ")
    assert "kernel k7_sum(x: " in str(caught.value)


def test_what_is_right_passes():
    verify_kernel(Parts().kernel())
    parts = Parts(N, N + 1)
    parts.symbols = ["n"]
    verify_kernel(parts.kernel())


def test_an_unbound_axis():
    p = Parts()
    p.store.offset = axis_index(p.j)
    fails(p.kernel(), r"axes j are bound by no loop around\n  in: y\[j\] = s0")


def test_an_axis_bound_twice():
    p = Parts()
    p.inner.axis = p.i
    fails(p.kernel(), "axis i is bound by a loop around already")


def test_a_symbol_that_is_no_parameter():
    fails(Parts(N, 6).kernel(), r"symbols \['n'\] are no parameters")


def test_a_local_that_is_not_declared():
    p = Parts()
    p.body.pop(0)
    fails(p.kernel(), r"local s0 is fed where it is not declared\n  in: s0 reduce_sum= x")


def test_a_sum_read_before_its_loop_is_over():
    p = Parts()
    p.inner.body.append(Store(p.y, axis_index(p.i), read_local(p.total)))
    fails(p.kernel(), "local s0 is read before its loop is over")
    p = Parts()
    p.body.insert(1, p.body.pop())
    fails(p.kernel(), "local s0 is read before its loop is over")


def test_a_sum_fed_after_its_loop():
    p = Parts()
    p.body.insert(2, Loop(Axis("k", 3), "serial", [Accumulate(p.total, ONE)]))
    fails(p.kernel(), "local s0 is fed when its loop is over")


def test_a_sum_over_a_parallel_loop():
    p = Parts()
    body = [Loop(p.j, "parallel", [p.feed])]
    p.body[1:2] = body
    fails(p.kernel("serial"), "a parallel loop that is not the whole kernel")


def test_types_that_differ():
    p = Parts()
    p.feed.value = constant(1.0, float64)
    fails(p.kernel(), "expected f32, got f64")
    p = Parts()
    p.feed.value = Expr("add", float32, (ONE, constant(1, int32)))
    fails(p.kernel(), "add requires operands of one type")
    p = Parts()
    p.feed.value = Expr("lt", float32, (ONE, ONE))
    fails(p.kernel(), "is bool, and says f32")
    p = Parts()
    p.feed.value = Expr("cast", float32, (constant(2**40, int32),))
    fails(p.kernel(), "expected a value of i32, got 1099511627776")


def test_an_expression_that_hides_an_axis():
    p = Parts()
    p.feed.value = Expr("neg", float32, (load(p.x, p.at),))
    p.feed.value.axes = frozenset((p.i,))
    fails(p.kernel(), "depends on axes i, j, and says i")


def test_accesses_outside():
    p = Parts()
    p.feed.value = load(p.x, p.at + 1)
    fails(p.kernel(), r"x\[6\*i \+ j \+ 1\] of f32\[4,6\]: expected an index from 0 to 23, got 24")
    p = Parts()
    p.store.offset = axis_index(p.i) * -1
    fails(p.kernel(), "expected an index from 0 to 3, got -1")
    p = Parts(N, 6)
    p.symbols = ["n"]
    p.feed.value = load(p.x, axis_index(p.j) * N + axis_index(p.i) + (N - 1))
    fails(p.kernel(), "expected an index from 0 to")


def test_an_access_that_only_its_points_show_to_be_inside():
    p = Parts()
    flat = IndexExpr({Quotient(p.at, 3): 3, Remainder(p.at, 3): 1}, 0)
    p.feed.value = load(p.x, flat + p.at * -1)
    verify_kernel(p.kernel())


def test_a_negative_operand_of_a_remainder():
    p = Parts()
    p.feed.value = load(p.x, IndexExpr({Remainder(axis_index(p.j) + -1, 6): 1}))
    fails(p.kernel(), r"expected nonnegative \(j \+ -1\), got -1")


def test_a_place_from_data_into_nothing():
    p = Parts()
    place = constant(0, int32)
    p.feed.value = load(p.x, IndexExpr({Loaded(place, 0, place.axes): 1}))
    fails(p.kernel(), "an index 0 into nothing")


def test_scratch_read_before_it_is_written():
    p = Parts()
    p.feed.value = load(p.row, axis_index(p.j))
    fails(p.kernel(), r"row\[j\] is read before it is written")


def test_buffers_of_the_wrong_kind():
    p = Parts()
    p.store.buffer = Buffer("z", TensorType(float32, (4,)), "out")
    fails(p.kernel(), "z is no parameter and no scratch")
    p = Parts()
    p.y.role = "in"
    fails(p.kernel(), "a store to y, which is only read")
    p = Parts()
    p.feed.value = load(p.y, axis_index(p.i))
    fails(p.kernel(), "a load from y, which holds nothing")


def test_parallel_rounds_that_write_one_element():
    p = Parts()
    p.store.offset = IndexExpr({Quotient(axis_index(p.i), 2): 1})
    fails(p.kernel(), "two rounds of i that touch element 0 of y")
    verify_kernel(p.kernel("serial"))


def test_parallel_rounds_that_read_what_others_write():
    p = Parts()
    p.y.role = "inout"
    after = IndexExpr({Remainder(axis_index(p.i) + 1, 4): 1})
    p.store.value = Expr("add", float32, (read_local(p.total), load(p.y, after)))
    fails(p.kernel(), "two rounds of i that touch element")
    verify_kernel(p.kernel("serial"))


def test_points_of_an_epilogue_that_write_one_element():
    i, j = Axis("i", 4), Axis("j", 6)
    y = Buffer("y", TensorType(float32, (4,)), "out")
    x = Buffer("x", TensorType(float32, (1,)))
    kernel = Kernel("k7_sum", [x, y], [Store(y, axis_index(i), read_local(Local("p", float32)))])
    fails(kernel, "two rounds of j that touch element", axes=[i, j], product=float32)


def test_nothing_runs_in_an_empty_loop():
    p = Parts(4, 0)
    p.feed.value = load(p.x, axis_index(p.i))
    verify_kernel(p.kernel())
