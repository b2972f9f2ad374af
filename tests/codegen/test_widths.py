"""Vector loops of all lengths: whole steps of several vectors, single vectors, single elements."""

import math

import numpy as np
import pytest

import graphflow as tf
from graphflow.codegen.target import Target
from graphflow.codegen.widths import block_size, steps
from graphflow.graph import dtypes
from graphflow.ir.index import Axis, IndexExpr
from graphflow.ir.loops import Accumulate, Expr, Local, Loop, constant

AVX2 = Target("x86_64-unknown-linux-gnu", "znver3", "+avx2,+fma")
NEON = Target("aarch64-unknown-linux-gnu", "generic", "+neon")
LENGTHS = (1, 7, 8, 9, 31, 32, 33, 40, 47, 72, 100)


def loop_of(extent, *names):
    """A reduction of a chain of functions over `extent` elements."""
    axis = Axis("i", extent)
    value = Expr("index", dtypes.float32, payload=IndexExpr({axis: 1}), axes=frozenset({axis}))
    for name in names:
        args = (value, constant(2.0, dtypes.float32)) if name == "mul" else (value,)
        value = Expr(name, dtypes.float32, args, weight=1.0 if name == "mul" else 8.0)
    return Loop(axis, "vector", [Accumulate(Local("total", dtypes.float32, "add"), value)])


@pytest.mark.parametrize(("target", "width"), [(AVX2, 8), (NEON, 4)])
def test_math_functions_take_several_vectors(target, width):
    assert block_size(loop_of(1000, "mul"), target) == width
    assert block_size(loop_of(1000, "sqrt"), target) == width
    assert block_size(loop_of(1000, "tanh", "exp"), target) == 4 * width
    assert block_size(loop_of(1000, *["tanh"] * 12), target) == 2 * width
    assert block_size(loop_of(1000, *["tanh"] * 40), target) == width
    assert block_size(loop_of(2 * width + 1, "tanh"), target) == 2 * width


def test_a_short_reduction_has_partial_results():
    assert [(s.lanes, s.copies) for s in steps(loop_of(1000, "mul"), AVX2)] == [(8, 4), (8, 1)]
    assert [tuple(s) for s in steps(loop_of(1000, *["tanh"] * 4), AVX2)] == [(32, 1, 0), (8, 1, 1)]


@pytest.mark.parametrize("known", [True, False])
def test_every_length(known):
    for length in LENGTHS:
        rows = np.linspace(-2, 2, 3 * length, dtype=np.float32).reshape(3, length)
        x = tf.placeholder(tf.float32, [3, length] if known else [None, None])
        fetches = [tf.tanh(x) * tf.exp(-x), tf.reduce_sum(tf.erf(x) + tf.exp(x), 1)]
        with tf.Session() as session:
            product, sums = session.run(fetches, {x: rows})
        wide = rows.astype(np.float64)
        np.testing.assert_allclose(product, np.tanh(wide) * np.exp(-wide), rtol=1e-6, atol=1e-30)
        error = np.vectorize(math.erf)(wide) + np.exp(wide)
        np.testing.assert_allclose(sums, error.sum(1), rtol=1e-5)
