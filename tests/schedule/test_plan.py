"""In-place reuse: what a kernel still reads is not written over."""

from __future__ import annotations

import pytest

from graphflow.graph.dtypes import float32
from graphflow.ir.index import Axis, axis_index
from graphflow.ir.loops import (
    Accumulate,
    Buffer,
    Declare,
    Expr,
    Local,
    Loop,
    Store,
    load,
    read_local,
)
from graphflow.ir.types import TensorType
from graphflow.schedule.plan import reuse_is_safe


@pytest.mark.parametrize("reader", ["beside", "in a loop behind", "behind a loop"])
def test_a_store_behind_a_loop_reads_after_what_was_stored_before_it(reader):
    """The stores of a row's stages: only those side by side compute their values together."""
    i, j = Axis("i", 4), Axis("j", 6)
    old, new, other = (Buffer(n, TensorType(float32, (4,)), "inout") for n in ("x", "y", "z"))
    at, total = axis_index(i), Local("s0", float32, "reduce_sum")
    first = Store(new, at, Expr("neg", float32, (load(old, at),)))
    again = Store(other, at, load(old, at))
    value = load(old, at) if reader == "in a loop behind" else load(other, at)
    loop = [Declare(total), Loop(j, "vector", [Accumulate(total, value)])]
    last = Store(other, at, read_local(total))
    if reader == "beside":
        body = [first, again, *loop, last]
    else:
        body = [first, *loop, again if reader == "behind a loop" else last]
    assert reuse_is_safe(old, new, [Loop(i, "parallel", body)]) == (reader == "beside")
