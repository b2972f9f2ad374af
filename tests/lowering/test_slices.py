"""Slices whose start only the run knows: it is loaded once, and neighbours stay neighbours."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.compiler import Options, compile_program
from graphflow.graph import dtypes
from graphflow.ir.builder import Builder
from graphflow.ir.interpreter import run_program
from graphflow.ir.node import Program
from graphflow.ir.types import TensorType
from graphflow.lowering.interpreter import run_lowered


def sliced(axis, length):
    """``x[:, start : start + length]`` on one axis, as its slice is lowered."""
    b = Builder()
    x = b.input("x", "feed", TensorType(dtypes.float32, (5, 6, 3)))
    start = b.input("start", "feed", TensorType(dtypes.int32, ()))
    places = b.add(b.iota((length,), 0, dtypes.int32), start)
    return Program((x, start), (b.gather(x, places, axis=axis),))


@pytest.mark.parametrize(("axis", "length", "last"), [(0, 2, 3), (1, 4, 2), (2, 1, 2), (1, 6, 0)])
def test_values(axis, length, last):
    program = sliced(axis, length)
    compiled = compile_program(program, Options(1, 1))
    x = np.arange(90, dtype=np.float32).reshape(5, 6, 3)
    for start in range(last + 1):
        inputs = [x, np.int32(start)]
        (wanted,), _ = run_program(program, inputs)
        (found,), _ = run_lowered(compiled, inputs)
        np.testing.assert_array_equal(found, wanted)


def test_axes_are_joined():
    (task,) = compile_program(sliced(1, 4), Options(1, 1)).tasks
    assert str(task.kernel) == (
        "kernel k0_iota_add(v0: i32[], v1: f32[5,6,3], out v2: f32[5,4,3]):\n"
        "  parallel i0 in 0..5:\n"
        "    vector i1i2 in 0..12:\n"
        "      v2[12*i0 + i1i2] = v1[18*i0 + 3*v0[0] + i1i2]\n"
    )


def test_a_slice_of_all_needs_no_start():
    with tf.Graph().as_default(), tf.Session() as session:
        x, start = tf.placeholder(tf.float32, [4, 3]), tf.placeholder(tf.int32, [2])
        part = tf.slice(x, start, [2, 3])
        value = np.arange(12.0, dtype=np.float32).reshape(4, 3)
        np.testing.assert_array_equal(session.run(part, {x: value, start: [1, 0]}), value[1:3])
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"Expected size\[1\] in \[0, 2\]"):
            session.run(part, {x: value, start: [1, 1]})
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"Expected begin\[1\] in"):
            session.run(part, {x: value, start: [1, -1]})
