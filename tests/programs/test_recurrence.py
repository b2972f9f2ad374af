"""A recurrence whose every value is used again is not computed from its start each time."""

from graphflow.compiler import Options, compile_program
from graphflow.graph import dtypes
from graphflow.ir.builder import Builder
from graphflow.ir.node import Program
from graphflow.ir.types import TensorType
from graphflow.ir.walk import expressions

STEPS = 20


def test_kernels_of_a_recurrence_stay_small():
    b = Builder()
    x = b.input("x", "feed", TensorType(dtypes.float32, (8, 16)))
    w = b.input("w", "feed", TensorType(dtypes.float32, (16, 16)))
    hidden, cell, outputs = x, x, []
    for _ in range(STEPS):
        gate = b.sigmoid(b.matmul(hidden, w))
        cell = b.add(b.mul(cell, gate), b.mul(gate, b.tanh(hidden)))
        hidden = b.mul(b.tanh(cell), gate)
        outputs += [gate, hidden]
    back = x
    for k in reversed(range(STEPS)):  # as in a gradient, which reads all cells again
        back = b.mul(b.add(back, outputs[2 * k]), b.tanh(outputs[2 * k + 1]))
        outputs.append(back)
    compiled = compile_program(Program((x, w), tuple(outputs)), Options(1, 1))
    sizes = [len(list(expressions(t.kernel.body))) for t in compiled.tasks if t.kernel]
    assert max(sizes) < 120
    assert sum(sizes) < 30 * STEPS
