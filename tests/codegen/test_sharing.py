"""One piece of code for steps that differ in where they read and write, and in nothing else."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np

from graphflow.codegen.sharing import share_kernels
from graphflow.compiler import Options, compile_program
from graphflow.graph.dtypes import float32, int32
from graphflow.ir.builder import Builder
from graphflow.ir.interpreter import run_program
from graphflow.ir.loop_interpreter import run_kernel
from graphflow.ir.node import Program
from graphflow.ir.types import TensorType
from graphflow.runtime.executable import Instance
from graphflow.runtime.variables import VariableStore


def compiled_and_run(program, arrays):
    expected, _ = run_program(program, arrays)
    compiled = compile_program(program, Options())
    instance = Instance(compiled, VariableStore(), {})
    run = instance.callable(program.inputs, list(range(len(program.outputs))), "list", None)
    for _ in range(2):
        for found, wanted in zip(run(*arrays), expected, strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-6)
    return compiled


def parts(b, x, starts, width=5):
    return [b.exp(b.slice(x, (0, start), (6, width))) for start in starts]


def feed(b, name, shape, dtype=float32):
    return b.input(f"sharing_{name}", "feed", TensorType(dtype, shape))


def random(*shape):
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


def test_steps_that_read_other_parts_share_their_code():
    b = Builder()
    x = feed(b, "x", (6, 40))
    program = Program((x,), tuple(parts(b, x, (0, 7, 30))))
    compiled = compiled_and_run(program, [random(6, 40)])
    assert len(compiled.tasks) == 3
    assert len(compiled.units()) == 1
    assert compiled.numbers == [0, 7, 30]


def test_steps_that_write_other_parts_share_their_code():
    b = Builder()
    x, y, z = (feed(b, name, (6, 5)) for name in "xyz")
    joined = b.concat([b.exp(x), b.exp(y), b.exp(z)], 1)
    compiled = compiled_and_run(Program((x, y, z), (joined,)), [random(6, 5)] * 3)
    assert len(compiled.units()) == 1


def test_what_stands_alone_keeps_its_numbers():
    b = Builder()
    x = feed(b, "x", (6, 40))
    first, second = parts(b, x, (7,)), parts(b, x, (9,), width=4)
    compiled = compiled_and_run(Program((x,), (*first, *second)), [random(6, 40)])
    assert len(compiled.units()) == 2
    assert compiled.numbers == []


def test_one_number_serves_all_places_that_have_it():
    b = Builder()
    x, y = feed(b, "x", (6, 40)), feed(b, "y", (6, 40))
    outputs = [b.exp(b.mul(b.slice(x, (0, k), (6, 5)), b.slice(y, (0, k), (6, 5)))) for k in (3, 8)]
    program = Program((x, y), tuple(outputs))
    compiled = compiled_and_run(program, [random(6, 40), random(6, 40)])
    (unit,) = compiled.units()
    assert "offset0" in unit.key
    assert "offset1" not in unit.key
    tasks = [task.kernel for task in compiled.tasks]
    for task, (kernel, numbers) in zip(compiled.tasks, share_kernels(tasks), strict=True):
        assert compiled.code[task].numbers == numbers
        buffers = {buffer: random(6 * 40) for buffer in kernel.buffers}
        wanted = {buffer: array.copy() for buffer, array in buffers.items()}
        run_kernel(kernel, buffers, {"offset0": numbers[0]})
        run_kernel(task.kernel, dict(zip(task.kernel.buffers, wanted.values(), strict=True)), {})
        for buffer in kernel.buffers:
            np.testing.assert_array_equal(buffers[buffer], wanted[buffer])


def test_offsets_that_data_decide_are_left_alone():
    b = Builder()
    x, place = feed(b, "x", (6, 40)), feed(b, "place", (), int32)
    row = b.gather(x, place, 0)
    program = Program((x, place), tuple(b.exp(b.slice(row, (k,), (5,))) for k in (3, 8)))
    compiled = compiled_and_run(program, [random(6, 40), np.int32(4)])
    assert len(compiled.units()) == 2
    assert compiled.numbers == []


UNROLLED = """
import graphflow as tf
x = tf.placeholder(tf.float32, [3, 5, 4])
cell = tf.nn.rnn_cell.MultiRNNCell([tf.nn.rnn_cell.BasicLSTMCell(4) for _ in range(2)])
outputs, _ = tf.nn.static_rnn(cell, tf.unstack(x, axis=1), dtype=tf.float32)
train = tf.train.AdamOptimizer().minimize(tf.reduce_mean(tf.square(tf.concat(outputs, 1))))
with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    session.run(train, {x: [[[1.0] * 4] * 5] * 3})
"""


def test_every_process_makes_the_same_kernels(tmp_path):
    (tmp_path / "unrolled.py").write_text(UNROLLED)
    texts = []
    for seed in ("0", "1"):
        command = [sys.executable, "-m", "graphflow", "dump", "--stage", "kernels", "unrolled.py"]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        )
        texts.append(done.stdout)
    assert texts[0] == texts[1]
    assert texts[0].count("kernel") > 20
