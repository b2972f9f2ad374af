"""Arrays that a loop writes whole need no first value; all others keep theirs."""

from __future__ import annotations

import numpy as np
import pytest

from graphflow.graph.dtypes import bool_, float32, int32
from graphflow.ir.builder import Builder
from graphflow.ir.dims import SymDim
from graphflow.ir.interpreter import run_program
from graphflow.ir.node import Program, Update
from graphflow.ir.types import TensorType
from graphflow.rewrite.first_values import drop_first_values


def loop(first, step, compare, limit, rows=5, more=None, body=None):
    """``array[i] = 2 * i`` for a counter that goes on while ``compare(next, limit)``."""
    b = Builder()
    i = b.input("first_values_i", "variable", TensorType(int32, ()))
    array = b.input("first_values_array", "variable", TensorType(float32, (rows, 1)))
    following = b.pointwise("add" if step > 0 else "sub", i, b.const(abs(step), int32))
    row = b.reshape(b.cast(b.pointwise("mul", i, b.const(2, int32)), float32), (1, 1))
    written = (body or _set)(b, array, i, row)
    bound = b.dim(limit) if isinstance(limit, SymDim) else b.const(limit, int32)
    again = b.pointwise(compare, following, b.runtime(bound))
    region = Program(
        (i, array), (again,), (Update(i["name"], following), Update(array["name"], written)), ()
    )
    flag = b.const(True, bool_) if more is None else b.input("flag", "feed", TensorType(bool_, ()))
    start = b.runtime(b.dim(first)) if isinstance(first, SymDim) else b.const(first, int32)
    zeros = b.full((rows, 1), 0, float32)
    _, results = b.while_loop(flag, [start, zeros], [], region)
    return Program(() if more is None else (flag,), (results[1],), ())


def _set(b, array, i, row):
    return b.make("scatter", array, b.reshape(i, (1,)), row, mode="set")


def _add(b, array, i, row):
    return b.make("scatter", array, b.reshape(i, (1,)), row, mode="add")


def _reads(b, array, i, row):
    return _set(b, array, i, b.pointwise("add", row, b.slice(array, (0, 0), (1, 1))))


n = SymDim.symbol("first_values_n")


@pytest.mark.parametrize(
    ("first", "step", "compare", "limit", "rows"),
    [
        (0, 1, "lt", 5, 5), (0, 1, "le", 4, 5), (4, -1, "ge", 0, 5), (4, -1, "gt", -1, 5),
        (0, 1, "lt", n, n), (n - 1, -1, "ge", 0, n),
    ],
)  # fmt: skip
def test_an_array_written_whole_begins_empty(first, step, compare, limit, rows):
    program = loop(first, step, compare, limit, rows)
    assert "broadcast(" in str(program)
    after = drop_first_values(program)
    assert "= empty()" in str(after)
    assert "broadcast(" not in str(after)
    symbols = {"first_values_n": 4}
    (expected,), _ = run_program(program, [], symbols)
    (found,), _ = run_program(after, [], symbols)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "arguments",
    [
        dict(first=0, step=1, compare="lt", limit=4),  # the last row is not written
        dict(first=1, step=1, compare="lt", limit=6),  # nor the first
        dict(first=0, step=2, compare="lt", limit=5),
        dict(first=4, step=-1, compare="gt", limit=0),
        dict(first=0, step=1, compare="ne", limit=5),
        dict(first=0, step=1, compare="lt", limit=n),
        dict(first=0, step=1, compare="lt", limit=5, more="fed"),  # perhaps there is no round
        dict(first=0, step=1, compare="lt", limit=5, body=_add),
        dict(first=0, step=1, compare="lt", limit=5, body=_reads),
    ],
)
def test_an_array_that_may_be_read_keeps_its_first_value(arguments):
    program = loop(**arguments)
    assert "empty" not in str(drop_first_values(program))
