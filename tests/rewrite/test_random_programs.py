"""Random Programs of the forms that rules look for give the same values before and after."""

from __future__ import annotations

import random

import numpy as np
import pytest

from graphflow.graph import dtypes
from graphflow.ir.builder import Builder
from graphflow.ir.interpreter import run_program
from graphflow.ir.node import Program
from graphflow.ir.types import TensorType
from graphflow.rewrite.pipeline import rewrite_program

UNARY = (
    "exp", "expm1", "log1p", "neg", "abs", "sqrt", "sigmoid", "softplus", "tanh", "cos", "erf",
    "erfc", "cosh", "rint", "sign",
)  # fmt: skip
BINARY = ("add", "sub", "mul", "max", "min")
NUMBERS = (1.0, -1.0, 0.5, 2.0, 0.0, 3.0)
ROWS, COLUMNS = 4, 6


def random_program(seed: int) -> Program:
    """A Program over [4, 6] arrays with views, reductions, choices and products."""
    draw, b = random.Random(seed), Builder()
    type = TensorType(dtypes.float64, (ROWS, COLUMNS))
    inputs = tuple(b.input(f"r{k}", "feed", type) for k in range(3))
    values = list(inputs)

    def pick():
        return draw.choice(values[-6:])

    def step():
        x, y, kind = pick(), pick(), draw.random()
        if kind < 0.3:
            return b.pointwise(draw.choice(UNARY), x)
        if kind < 0.5:
            return b.pointwise(draw.choice(BINARY), x, y)
        if kind < 0.65:
            return b.pointwise(draw.choice(BINARY), x, draw.choice(NUMBERS))
        if kind < 0.72:
            kind = draw.choice(("sum", "max", "min"))
            return b.broadcast_to(b.reduce(kind, x, [1], True), x.shape)
        if kind < 0.8:
            cut = draw.randrange(1, COLUMNS)
            parts = b.slice(x, (0, 0), (ROWS, cut)), b.slice(y, (0, cut), (ROWS, COLUMNS - cut))
            return b.concat(parts, 1)
        if kind < 0.88:
            low = draw.randrange(3)
            return b.slice(b.pad(x, (0, low), (0, 4)), (0, draw.randrange(4)), (ROWS, COLUMNS))
        if kind < 0.94:
            condition = b.not_(b.lt(x, y)) if draw.random() < 0.5 else b.gt(x, 0.0)
            return b.select(condition, x, b.select(condition, y, pick()))
        return b.matmul(b.matmul(x, b.transpose(y, (1, 0))), pick())

    for _ in range(14):
        values.append(b.tanh(step()) if draw.random() < 0.3 else step())
    return Program(inputs, tuple(values[-3:]))


@pytest.mark.parametrize("block", range(8))
def test_values_are_kept(block: int) -> None:
    for seed in range(block * 25, block * 25 + 25):
        program = random_program(seed)
        arrays = [np.random.default_rng(seed + k).uniform(-2, 2, (ROWS, COLUMNS)) for k in range(3)]
        before, _ = run_program(program, arrays)
        after, _ = run_program(rewrite_program(program, 1), arrays)
        for old, new in zip(before, after, strict=True):
            finite = np.isfinite(old)
            np.testing.assert_allclose(
                new[finite], old[finite], rtol=1e-7, atol=1e-8, err_msg=f"seed {seed}"
            )
