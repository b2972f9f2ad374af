"""Compiled code against the interpreter, over random Programs."""

from __future__ import annotations

import numpy as np
import pytest
from random_programs import ProgramMaker, SymbolicMaker

from graphflow.compiler import CompiledProgram, Options, compile_program
from graphflow.graph import dtypes
from graphflow.ir.builder import Builder
from graphflow.ir.dims import SymDim, UndecidableDim, evaluate
from graphflow.ir.interpreter import run_program
from graphflow.ir.node import Program, Update
from graphflow.ir.types import TensorType
from graphflow.rewrite.pipeline import rewrite_program
from graphflow.runtime.executable import Instance
from graphflow.runtime.variables import VariableStore

Symbols = dict[str, int]


def check(seed: int, level: int, threads: int) -> None:
    program = ProgramMaker(seed).make(10 + seed % 25)
    compare(program, compile_program(program, Options(level, threads)), seed, {})


def check_symbolic(seed: int, level: int, threads: int) -> None:
    """One compilation, run with several sizes."""
    program = SymbolicMaker(seed).make(10 + seed % 25)
    try:
        compiled = compile_program(program, Options(level, threads))
    except UndecidableDim:
        pytest.skip("compiled for each size")
    derived = {d for node in program.nodes() for d in node.shape if isinstance(d, SymDim)}
    for n, m in ((12, 5), (3, 9), (33, 2), (2, 3)):
        symbols = {"n~12": n, "m~5": m}
        if all(d.evaluate(symbols) >= 2 for d in derived):
            compare(program, compiled, seed, symbols)


def compare(program: Program, compiled: CompiledProgram, seed: int, symbols: Symbols) -> None:
    random = np.random.default_rng(seed)
    shapes = [tuple(evaluate(d, symbols) for d in i.shape) for i in program.inputs]
    arrays = [random.standard_normal(s).astype(np.float32) for s in shapes]
    wanted, updated = run_program(program, arrays, symbols)
    store = VariableStore()
    for node, array in zip(program.inputs, arrays, strict=True):
        if node["source"] == "variable":
            store.set(node["name"], array, node.dtype)
    instance = Instance(compiled, store, symbols)
    feeds = [n for n in program.inputs if n["source"] == "feed"]
    run = instance.callable(
        [compiled.memory.by_node[n] for n in feeds], [instance.shape_of(n) for n in feeds],
        list(range(len(program.outputs))), "list", None,
    )  # fmt: skip
    values = [a for n, a in zip(program.inputs, arrays, strict=True) if n["source"] == "feed"]
    got = run(*values)
    for number, (value, expected) in enumerate(zip(got, wanted, strict=True)):
        np.testing.assert_allclose(
            value, expected, rtol=2e-4, atol=2e-4, err_msg=f"output {number}\n{program}"
        )
    instance.commit()
    for name, expected in updated.items():
        store.mark_initialized([name])
        np.testing.assert_allclose(store.get(name), expected, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("seed", range(40))
def test_compiled_agrees_with_interpreter(seed: int) -> None:
    check(seed, level=1, threads=1 + seed % 2)


@pytest.mark.parametrize("seed", range(40, 48))
def test_without_fusion_agrees_with_interpreter(seed: int) -> None:
    check(seed, level=0, threads=1)


@pytest.mark.parametrize("seed", range(2000, 2040))
def test_symbolic_sizes_agree_with_interpreter(seed: int) -> None:
    check_symbolic(seed, level=seed % 5 and 1, threads=1 + seed % 2)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3000, 3600))
def test_many_more_symbolic_sizes(seed: int) -> None:
    check_symbolic(seed, level=seed % 5 and 1, threads=1 + seed % 2)


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


@pytest.mark.parametrize("level", [0, 1])
def test_a_loop_and_a_branch_over_symbolic_sizes(level: int) -> None:
    n = SymDim.symbol("n", 12)
    b, rows = Builder(), TensorType(dtypes.float32, (n, 4))
    count, state = (b.input("i", "variable", TensorType(dtypes.int32, ())),
                    b.input("s", "variable", rows))  # fmt: skip
    weight = b.input("w", "feed", TensorType(dtypes.float32, (4, 4)))
    gram = b.matmul(b.matmul(state, state, trans_a=True), weight)
    following = b.tanh(b.add(state, b.mul(b.matmul(state, gram), 0.1)))
    after = b.add(count, 1)
    body = Program(
        (count, state, weight), (b.lt(after, 4),), (Update("i", after), Update("s", following))
    )
    mean = b.div(b.reduce("sum", state, [0]), b.cast(b.runtime(b.dim(n)), dtypes.float32))
    then = Program((state,), (b.sub(state, b.broadcast_to(mean, rows.shape)),))
    otherwise = Program((state,), (b.neg(state),))

    x = b.input("x", "feed", rows)
    w = b.input("v", "feed", TensorType(dtypes.float32, (4, 4)))
    _, (_, last) = b.while_loop(b.const(np.bool_(True)), [b.const(np.int32(0)), x], [w], body)
    flag = b.gt(b.reduce("sum", last, [0, 1]), 0.0)
    _, (chosen,) = b.cond(flag, [last], then, otherwise)
    program = Program((x, w), (last, chosen, b.runtime(b.dim(n * 4))))
    compiled = compile_program(program, Options(level, 2))
    for size in (12, 3, 200, 2):
        compare(program, compiled, size, {"n~12": size})
