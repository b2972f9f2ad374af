"""Compiled code against the interpreter, over random Programs."""

from __future__ import annotations

import numpy as np
import pytest
from random_programs import ProgramMaker

from graphflow.compiler import Options, compile_program
from graphflow.ir.interpreter import run_program
from graphflow.rewrite.pipeline import rewrite_program
from graphflow.runtime.executable import Instance
from graphflow.runtime.variables import VariableStore


def check(seed: int, level: int, threads: int) -> None:
    maker = ProgramMaker(seed)
    program = maker.make(10 + seed % 25)
    random = np.random.default_rng(seed)
    arrays = [random.standard_normal(i.shape).astype(np.float32) for i in program.inputs]
    wanted, updated = run_program(program, arrays)
    compiled = compile_program(program, Options(level, threads))
    store = VariableStore()
    for node, array in zip(program.inputs, arrays, strict=True):
        if node["source"] == "variable":
            store.set(node["name"], array, node.dtype)
    instance = Instance(compiled, store, {})
    feeds = [n for n in program.inputs if n["source"] == "feed"]
    run = instance.callable(
        [compiled.memory.by_node[n] for n in feeds], [n.shape for n in feeds],
        list(range(len(program.outputs))), "list", None,
    )  # fmt: skip
    values = [a for n, a in zip(program.inputs, arrays, strict=True) if n["source"] == "feed"]
    got = run(*values)
    for number, (value, expected) in enumerate(zip(got, wanted, strict=True)):
        np.testing.assert_allclose(
            value, expected, rtol=2e-4, atol=2e-4, err_msg=f"output {number}\n{program}"
        )
    for name, expected in updated.items():
        store.mark_initialized([name])
        np.testing.assert_allclose(store.get(name), expected, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("seed", range(40))
def test_compiled_agrees_with_interpreter(seed: int) -> None:
    check(seed, level=1, threads=1 + seed % 2)


@pytest.mark.parametrize("seed", range(40, 48))
def test_without_fusion_agrees_with_interpreter(seed: int) -> None:
    check(seed, level=0, threads=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 1000))
def test_many_more(seed: int) -> None:
    check(seed, level=seed % 5 and 1, threads=1 + seed % 2)


@pytest.mark.parametrize("seed", range(50, 90))
def test_rewriting_keeps_the_value(seed: int) -> None:
    program = ProgramMaker(seed).make(20)
    random = np.random.default_rng(seed)
    arrays = [random.standard_normal(i.shape).astype(np.float32) for i in program.inputs]
    wanted, updated = run_program(program, arrays)
    got, new = run_program(rewrite_program(program, 1), arrays)
    for value, expected in zip(got, wanted, strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-5)
    assert new.keys() == updated.keys()
