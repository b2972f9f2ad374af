"""Schedules for a GPU, stepped through on the host, give what the processor's code gives."""

from __future__ import annotations

import numpy as np
import pytest
from gpu_cases import WIDE, compiled_run

import graphflow as tf
from graphflow.codegen.cuda.schedule import schedule_kernel
from graphflow.codegen.cuda.stepper import run_stepped
from graphflow.codegen.cuda.target import GpuTarget

TARGET = GpuTarget(90)


def assert_same(found, wanted):
    for mine, theirs in zip(found, wanted, strict=True):
        mine, theirs = np.asarray(mine), np.asarray(theirs)
        assert mine.dtype == theirs.dtype
        assert mine.shape == theirs.shape
        if theirs.dtype.kind in "biu":
            np.testing.assert_array_equal(mine, theirs)
        else:
            precise = theirs.dtype.itemsize == 8
            close = 1e-12 if precise else 2e-5 if theirs.dtype.itemsize == 4 else 2e-3
            both = mine.astype(np.float64), theirs.astype(np.float64)
            np.testing.assert_allclose(*both, rtol=close, atol=close)


def test_stepped_kernels_agree_with_the_processors(run):
    compiled, inputs, wanted = run
    found, _ = run_stepped(compiled, inputs)
    assert_same(found, wanted)


def test_draws_have_the_same_bits():
    compiled, inputs, wanted = compiled_run(
        lambda: [tf.random_normal((999,), seed=1), tf.truncated_normal((64,), seed=2)], {}
    )
    found, _ = run_stepped(compiled, inputs)
    for mine, theirs in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize(
    ("build", "mode"),
    [
        (lambda x: [tf.nn.softmax(x)], "rows"),
        (lambda x: [tf.transpose(x) * 2], "flat"),
        (lambda x: [tf.tanh(x)], "threads"),
        (lambda x: [tf.reduce_sum(x, 0)], "threads"),
    ],
)
def test_the_mode_that_is_chosen(build, mode):
    compiled, _, _ = compiled_run(build, WIDE)
    kernels = [task.kernel for task in compiled.tasks if task.kind == "loops"]
    assert mode in [schedule_kernel(kernel, TARGET).mode for kernel in kernels]


def test_a_schedule_prints_as_text():
    compiled, _, _ = compiled_run(lambda x: [tf.nn.softmax(x)], WIDE)
    (task,) = [task for task in compiled.tasks if task.kind == "loops"]
    text = str(schedule_kernel(task.kernel, TARGET))
    line, kernel = text.split("\n")[:2]
    assert "rows of 7, block 256, grid at most 1056, shared 1200 bytes" in line
    assert kernel.startswith("kernel k0_exp_div")
