"""A part of a product is the product of parts, unless something else reads the rest."""

from __future__ import annotations

import numpy as np
import pytest

from graphflow.graph.dtypes import float32
from graphflow.ir.builder import Builder
from graphflow.ir.interpreter import run_program
from graphflow.ir.node import Program
from graphflow.ir.types import TensorType
from graphflow.rewrite.narrowing import narrow_products


def product(b: Builder, trans_a: bool, trans_b: bool):
    x = b.input("narrowing_left", "feed", TensorType(float32, (2, 7, 5) if trans_a else (2, 5, 7)))
    y = b.input("narrowing_right", "feed", TensorType(float32, (2, 6, 7) if trans_b else (2, 7, 6)))
    return x, y, b.matmul(x, y, trans_a, trans_b)


@pytest.mark.parametrize("trans_a", [False, True])
@pytest.mark.parametrize("trans_b", [False, True])
def test_only_the_part_is_computed(trans_a, trans_b):
    b = Builder()
    x, y, whole = product(b, trans_a, trans_b)
    part = b.slice(whole, (0, 1, 2), (2, 3, 4))
    program = Program((x, y), (b.neg(part),), ())
    narrow = narrow_products(program)
    (made,) = [n for n in narrow.nodes() if n.op == "matmul"]
    assert made.shape == (2, 3, 4)
    random = np.random.default_rng(0)
    arrays = [random.standard_normal(n.shape).astype(np.float32) for n in (x, y)]
    (before,), _ = run_program(program, arrays)
    (after,), _ = run_program(narrow, arrays)
    np.testing.assert_allclose(after, before, rtol=1e-5, atol=1e-6)


def test_what_is_read_elsewhere_stays_whole():
    b = Builder()
    x, y, whole = product(b, False, False)
    first, second = (b.slice(whole, (0, 0, k), (2, 5, 3)) for k in (0, 3))
    for outputs in ((first, second), (first, whole)):
        program = Program((x, y), outputs, ())
        assert narrow_products(program) is program
    batch = Program((x, y), (b.slice(whole, (1, 0, 0), (1, 5, 6)),), ())
    assert narrow_products(batch) is batch
