"""A row that a loop nest makes goes straight to the array that keeps it."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.compiler import Options, compile_program
from graphflow.graph import dtypes
from graphflow.ir.builder import Builder
from graphflow.ir.interpreter import run_program
from graphflow.ir.node import Program, Update
from graphflow.ir.types import TensorType
from graphflow.lowering.interpreter import run_lowered
from graphflow.runtime.executable import Instance
from graphflow.runtime.variables import VariableStore

ROWS, ROW = 4, (3, 10)


def program_of(kind="plain"):
    """``stack[at] = tanh(x)``: what else reads the row or the stack depends on `kind`."""
    b = Builder()
    stack = b.input("stack", "variable", TensorType(dtypes.float32, (ROWS, *ROW)))
    at = b.input("at", "feed", TensorType(dtypes.int32, (1,)))
    x = b.input("x", "feed", TensorType(dtypes.float32, ROW))
    row = b.tanh(x)
    if kind == "adds to the stack's row":
        row = b.add(row, b.reshape(b.gather(stack, at, 0), ROW))
    if kind == "of two parts":
        row = b.concat([b.tanh(b.slice(x, (0, 0), (3, 4))), b.slice(x, (0, 4), (3, 6))], 1)
    written = b.scatter("set", stack, at, b.reshape(row, (1, *ROW)))
    outputs = {"row is read": (b.exp(row),), "stack is read": (b.neg(stack),)}.get(kind, ())
    if kind == "row is fetched":
        outputs = (row,)
    updates = () if kind == "stack is fed" else (Update("stack", written),)
    if kind == "stack is fed":
        outputs = (written,)
    return Program((stack, at, x), outputs, updates)


KINDS = (
    "plain", "row is read", "row is fetched", "stack is read", "stack is fed", "of two parts",
    "adds to the stack's row",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("at", [0, 3, -1, ROWS])
def test_compiled_is_as_interpreted(kind, at):
    program = program_of(kind)
    random = np.random.default_rng(0)
    stack = random.standard_normal((ROWS, *ROW)).astype(np.float32)
    x = random.standard_normal(ROW).astype(np.float32)
    inputs = [stack, np.array([at], np.int32), x]
    compiled = compile_program(program, Options(1, 1))
    wanted, updates = run_program(program, inputs)
    outputs, changed = run_lowered(compiled, inputs)
    for found, expected in zip(
        [*outputs, *changed.values()], [*wanted, *updates.values()], strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-6)

    store = VariableStore()
    store.set("stack", stack, dtypes.float32)
    instance = Instance(compiled, store, {})
    places = list(range(len(program.outputs)))
    run = instance.callable(instance.feeds(), places, "list", None, instance.commit)
    for found, expected in zip(run(*inputs[1:]), wanted, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_allclose(store.get("stack"), updates.get("stack", stack), rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_which_rows_are_joined(kind):
    tasks = compile_program(program_of(kind), Options(1, 1)).tasks
    apart = any(task.kind == "scatter" for task in tasks)
    assert apart == (kind in ("of two parts", "adds to the stack's row"))
    if not apart:
        rows = [task for task in tasks if task.started]
        stored_alone = len(rows[0].writes) > 1 + (kind == "row is read")
        assert stored_alone == (kind == "row is fetched")


def test_the_text_before_and_after():
    plain, joined = (compile_program(program_of(), Options(level, 1)).tasks for level in (0, 1))
    assert [t.kind for t in plain] == ["loops", "scatter"]
    assert str(joined[0].kernel) == (
        "kernel k0_tanh(v0: f32[3,10], inout v2: f32[4,3,10], v3: i32[1]):\n"
        "  parallel vector i0i1 in 0..30:\n"
        "    v2[30*v3[0] + i0i1] = select(and(ge(v3[0], 0), lt(v3[0], 4)), tanh(v0[i0i1]), "
        "v2[30*v3[0] + i0i1])\n"
    )


def test_a_recurrent_net_and_its_gradient():
    value = np.random.default_rng(1).standard_normal((3, 5, 2))
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.constant(value, tf.float64)
        start = tf.constant_initializer(0.3)
        with tf.variable_scope("net", initializer=start, dtype=tf.float64):
            cell = tf.nn.rnn_cell.BasicLSTMCell(4)
            looped, _ = tf.nn.dynamic_rnn(cell, x, dtype=tf.float64)
        with tf.variable_scope("net/rnn", reuse=True, dtype=tf.float64):
            unrolled, _ = tf.nn.static_rnn(cell, tf.unstack(x, axis=1), dtype=tf.float64)
        gradients = [
            tf.gradients(tf.reduce_sum(tf.square(y)), tf.trainable_variables())
            for y in (looped, tf.stack(unrolled, 1))
        ]
        session.run(tf.global_variables_initializer())
        ours, theirs = session.run(gradients)
    for found, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9)
