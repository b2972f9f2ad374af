"""Each rule by the Program's text before and after, and by its values."""

from __future__ import annotations

import numpy as np
import pytest
from cases import CASES

from graphflow.ir.interpreter import run_program
from graphflow.ir.node import Program, topological
from graphflow.rewrite.pipeline import rewrite_program
from graphflow.rewrite.rule import RULES


def program_of(node) -> Program:
    inputs = tuple(n for n in topological([node]) if n.op == "input")
    return Program(inputs, (node,))


def test_before_and_after(golden) -> None:
    parts = []
    for name, node in CASES.items():
        program = program_of(node)
        parts.append(f"=== {name}\n{program}--- becomes\n{rewrite_program(program, 1)}")
    golden("rewrite_rules.txt", "\n".join(parts))


@pytest.mark.parametrize("name", CASES)
def test_value_is_kept(name: str) -> None:
    program = program_of(CASES[name])
    random = np.random.default_rng(1)
    arrays = []
    for node in program.inputs:
        if node.dtype.is_floating:
            arrays.append(random.uniform(0.05, 0.9, node.shape).astype(np.float32))
        else:
            arrays.append(random.integers(0, 2, node.shape).astype(node.dtype.numpy))
    (before,), _ = run_program(program, arrays)
    (after,), _ = run_program(rewrite_program(program, 1), arrays)
    np.testing.assert_allclose(after, before, rtol=2e-6, atol=4e-7)  # some ulp of 1


STABLE = {
    "log_of_one_plus": (1e-10, 1e-10),
    "log1p_of_exp": (200.0, 200.0),
    "log_of_sigmoid": (-200.0, -200.0),
    "log1p_of_minus_sigmoid": (200.0, -200.0),
    "exp_minus_one": (1e-9, 1e-9),
    "x_log_x": (0.0, 0.0),
    "log_of_softmax": (300.0, np.log(1 / 6)),
    "log_sum_exp": (500.0, 500 + np.log(6)),
    "softmax_without_shift": (500.0, 1 / 6),
    "exp_over_one_plus_exp": (200.0, 1.0),
    "root_of_square": (1e30, 1e30),
}


@pytest.mark.parametrize("name", STABLE)
def test_stable_form_is_right_where_the_old_one_is_not(name: str) -> None:
    value, expected = STABLE[name]
    program = rewrite_program(program_of(CASES[name]), 1)
    arrays = [np.full(i.shape, value, np.float32) for i in program.inputs]
    (result,), _ = run_program(program, arrays)
    np.testing.assert_allclose(result, np.full(result.shape, expected), rtol=1e-6)


def test_every_rule_has_a_case() -> None:
    names = {rule.name for rule in RULES}
    covered = {name for name in names if any(case.startswith(name) for case in CASES)}
    special = {"broadcast_of_broadcast_scalar"}
    assert names - covered - special == set()
