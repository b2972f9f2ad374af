"""Drawn Programs three ways: interpreted, lowered and interpreted as loops, compiled.

The first two differ where lowering is wrong, the last two where code generation or the runtime is.
"""

from __future__ import annotations

import numpy as np
import pytest
from drawn_programs import ProgramMaker, SymbolicMaker, programs
from hypothesis import currently_in_test_context, given, note, settings
from hypothesis import strategies as st

from graphflow.codegen.cuda.stepper import run_stepped
from graphflow.compiler import CompiledProgram, Options, compile_program
from graphflow.graph import dtypes
from graphflow.ir.builder import Builder
from graphflow.ir.dims import SymDim, UndecidableDim, evaluate
from graphflow.ir.interpreter import run_program
from graphflow.ir.node import Program, Update
from graphflow.ir.types import TensorType
from graphflow.lowering.interpreter import run_lowered
from graphflow.rewrite.pipeline import rewrite_program
from graphflow.runtime.executable import Instance
from graphflow.runtime.variables import VariableStore

Symbols = dict[str, int]
SIZES = ((12, 5), (3, 9), (33, 2), (2, 3))
SLOW = settings.get_profile("slow")
seeds = st.integers(0, 2**32 - 1)
threads = st.sampled_from((1, 2))


def check(program: Program, seed: int, level: int, threads: int) -> None:
    compare(program, compile_program(program, Options(level, threads)), seed, {})


def check_symbolic(program: Program, seed: int, level: int, threads: int) -> None:
    """One compilation, run with several sizes."""
    try:
        compiled = compile_program(program, Options(level, threads))
    except UndecidableDim:
        return  # compiled for each size
    derived = {d for node in program.nodes() for d in node.shape if isinstance(d, SymDim)}
    for n, m in SIZES:
        symbols = {"n~12": n, "m~5": m}
        if all(d.evaluate(symbols) >= 2 for d in derived):
            compare(program, compiled, seed, symbols)


def inputs_of(program: Program, seed: int, symbols: Symbols) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    shapes = [tuple(evaluate(d, symbols) for d in i.shape) for i in program.inputs]
    return [random.standard_normal(s).astype(np.float32) for s in shapes]


def compare(program: Program, compiled: CompiledProgram, seed: int, symbols: Symbols) -> None:
    if currently_in_test_context():
        note(str(program))
    arrays = inputs_of(program, seed, symbols)
    wanted = run_program(program, arrays, symbols)
    if not is_stable(program, arrays, symbols, wanted):
        return
    close("loops", program, run_lowered(compiled, arrays, symbols), wanted)
    close("native", program, run_native(compiled, arrays, symbols), wanted)


def compare_stepped(program: Program, seed: int, symbols: Symbols) -> None:
    """The schedules for a GPU, stepped through on the host, against the interpreter."""
    try:
        compiled = compile_program(program, Options(1, 1))
    except UndecidableDim:
        return
    derived = {d for node in program.nodes() for d in node.shape if isinstance(d, SymDim)}
    if symbols and not all(d.evaluate(symbols) >= 2 for d in derived):
        return
    arrays = inputs_of(program, seed, symbols)
    wanted = run_program(program, arrays, symbols)
    if is_stable(program, arrays, symbols, wanted):
        close("stepped", program, run_stepped(compiled, arrays, symbols), wanted)


def is_stable(program: Program, arrays, symbols: Symbols, wanted) -> bool:
    """Whether rounding cannot change the results much: no jump and no pole is near."""
    for sign in (-1, 1):
        moved = [a * np.float32(1 + sign * 3e-6) for a in arrays]
        outputs, updates = run_program(program, moved, symbols)
        near = zip([*outputs, *updates.values()], [*wanted[0], *wanted[1].values()], strict=True)
        if not all(np.allclose(a, b, rtol=1e-3, atol=1e-4, equal_nan=True) for a, b in near):
            return False
    return True


def close(stage: str, program: Program, found, wanted) -> None:
    outputs, updates = found
    assert updates.keys() == wanted[1].keys()
    for number, (value, expected) in enumerate(zip(outputs, wanted[0], strict=True)):
        np.testing.assert_allclose(
            value, expected, rtol=2e-3, atol=2e-4, err_msg=f"{stage}: output {number}\n{program}"
        )
    for name, expected in wanted[1].items():
        np.testing.assert_allclose(
            updates[name], expected, rtol=2e-3, atol=2e-4, err_msg=f"{stage}: {name}\n{program}"
        )


def run_native(compiled: CompiledProgram, arrays, symbols: Symbols):
    program, store = compiled.program, VariableStore()
    for node, array in zip(program.inputs, arrays, strict=True):
        if node["source"] == "variable":
            store.set(node["name"], array, node.dtype)
    instance = Instance(compiled, store, symbols)
    run = instance.callable(instance.feeds(), list(range(len(program.outputs))), "list", None)
    values = [a for n, a in zip(program.inputs, arrays, strict=True) if n["source"] == "feed"]
    outputs = run(*values)
    instance.commit()
    names = [u.variable for u in program.updates]
    store.mark_initialized(names)
    return outputs, {name: store.get(name) for name in names}


@settings(max_examples=20)
@given(programs(), seeds, threads)
def test_three_ways(program: Program, seed: int, threads: int) -> None:
    check(program, seed, 1, threads)


@settings(max_examples=8)
@given(programs(most_steps=10), seeds)
def test_three_ways_without_fusion(program: Program, seed: int) -> None:
    check(program, seed, 0, 1)


@settings(max_examples=20)
@given(programs(SymbolicMaker), seeds, threads)
def test_three_ways_over_symbolic_sizes(program: Program, seed: int, threads: int) -> None:
    check_symbolic(program, seed, 1, threads)


@settings(max_examples=6)
@given(programs(most_steps=12), seeds)
def test_stepping_through_a_gpus_schedules(program: Program, seed: int) -> None:
    compare_stepped(program, seed, {})


@settings(max_examples=4)
@given(programs(SymbolicMaker, 10), seeds, st.sampled_from(SIZES))
def test_stepping_with_sizes_known_in_the_run(
    program: Program, seed: int, sizes: tuple[int, int]
) -> None:
    compare_stepped(program, seed, dict(zip(("n~12", "m~5"), sizes, strict=True)))


@pytest.mark.slow
@SLOW
@given(programs(ProgramMaker, 35), seeds)
def test_stepping_through_many_more_schedules(program: Program, seed: int) -> None:
    compare_stepped(program, seed, {})


@pytest.mark.slow
@SLOW
@given(programs(ProgramMaker, 35), seeds, st.integers(0, 1), threads)
def test_three_ways_many_more(program: Program, seed: int, level: int, threads: int) -> None:
    check(program, seed, level, threads)


@pytest.mark.slow
@SLOW
@given(programs(SymbolicMaker, 35), seeds, st.integers(0, 1), threads)
def test_three_ways_over_many_more_symbolic_sizes(
    program: Program, seed: int, level: int, threads: int
) -> None:
    check_symbolic(program, seed, level, threads)


@settings(max_examples=30)
@given(programs(), seeds)
def test_rewriting_keeps_the_value(program: Program, seed: int) -> None:
    arrays = inputs_of(program, seed, {})
    wanted = run_program(program, arrays)
    if not is_stable(program, arrays, {}, wanted):
        return
    close("rewriting", program, run_program(rewrite_program(program, 1), arrays), wanted)


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
