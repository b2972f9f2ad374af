"""Runs what lowering made of a Program in NumPy, without generating code.

Between `ir.interpreter`, which runs the Program, and the native code: where the three differ shows
which stage is wrong. Loop nests run by `ir.loop_interpreter`; products, convolutions and draws are
their primitive's reference, followed by the epilogue's stores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from graphflow.errors import CompilerError
from graphflow.ir.dims import evaluate
from graphflow.ir.interpreter import bind_symbols, evaluate_node
from graphflow.ir.loop_interpreter import run_epilogue, run_kernel
from graphflow.ir.node import Node, Program
from graphflow.schedule.group import storage
from graphflow.schedule.plan import Task

Array = np.ndarray[Any, Any]


class Scheduled(Protocol):
    """A Program with its steps, and for those that own sub-Programs, these with theirs."""

    @property
    def program(self) -> Program:
        """The Program, as it was lowered."""

    @property
    def tasks(self) -> list[Task]:
        """Its steps in order."""

    @property
    def regions(self) -> Mapping[Task, Sequence[Scheduled]]:
        """The sub-Programs by step."""


def run_lowered(
    scheduled: Scheduled,
    inputs: Sequence[Any],
    symbols: Mapping[str, int] | None = None,
    kind: type[LoweredRun] | None = None,
) -> tuple[list[Array], dict[str, Array]]:
    """Run a lowered Program; parameters and results are those of `ir.interpreter.run_program`.

    `kind` is the class that runs the steps, for kernels that are run in another way.
    """
    kind = kind or LoweredRun
    program = scheduled.program
    run = kind(dict(bind_symbols(program, inputs) if symbols is None else symbols))
    for node, array in zip(program.inputs, inputs, strict=True):
        run.values[node] = np.array(array, dtype=node.dtype.numpy).reshape(-1)
    for task in scheduled.tasks:
        run.task(task, scheduled.regions.get(task, ()))
    outputs = [run.fetch(n) for n in program.outputs]
    return outputs, {u.variable: run.fetch(u.value) for u in program.updates}


class LoweredRun:
    """The stored values so far, flat, by their storage node."""

    def __init__(self, symbols: dict[str, int]) -> None:
        self.symbols = symbols
        self.values: dict[Node, Any] = {}

    def shape(self, node: Node) -> tuple[int, ...]:
        return tuple(evaluate(d, self.symbols) for d in node.shape)

    def fetch(self, node: Node) -> Any:
        """A value that was stored, or that needs no step to be known."""
        home = storage(node)
        if home in self.values:
            value = self.values[home]
            return value.reshape(self.shape(node)) if isinstance(value, np.ndarray) else value
        if home.op == "empty":
            return np.full(self.shape(node), _garbage(node), node.dtype.numpy)
        if home.op not in ("const", "dim_value", "broadcast"):
            raise CompilerError(f"{home!r} is read before any step stores it")
        value = evaluate_node(home, [self.fetch(i) for i in home.inputs], self.symbols)
        return np.asarray(value).reshape(self.shape(node))

    def task(self, task: Task, regions: Sequence[Scheduled]) -> None:
        """Run one step."""
        node = task.node
        self.start(task)
        if task.kind in ("loops", "scatter"):
            assert task.kernel is not None
            run_kernel(task.kernel, self.buffers(task), self.symbols)
            return
        assert node is not None
        if task.kind == "control":
            self.control(node, task.writes, regions)
        elif task.kind == "gemm":
            assert task.kernel is not None
            product = self.evaluate(node)
            run_epilogue(task.kernel, task.axes, product, self.buffers(task), self.symbols)
        elif task.kind == "random":
            self.values[node] = self.evaluate(node).reshape(-1)
        else:
            found = self.evaluate(node)
            for result in task.writes:
                self.keep(result, found[result["index"]])

    def start(self, task: Task) -> None:
        """Copy the operands that results begin as."""
        for result, operand in task.started.items():
            self.values[result] = self.fetch(operand).reshape(-1).copy()

    def evaluate(self, node: Node) -> Any:
        operands = [None if _is_token(i) else self.fetch(i) for i in node.inputs]
        return evaluate_node(node, operands, self.symbols)

    def keep(self, node: Node, value: Any) -> None:
        self.values[node] = np.asarray(value).reshape(-1)

    def buffers(self, task: Task) -> dict[Any, Array]:
        """The kernel's arrays. New ones hold garbage that shows where it is not overwritten."""
        for node in task.writes:
            if node not in self.values:
                size = evaluate(node.type.size, self.symbols)
                self.values[node] = np.full(size, _garbage(node), node.dtype.numpy)
        return {b: self.fetch(n).reshape(-1) for n, b in task.buffers.items()}

    def control(self, node: Node, results: Sequence[Node], regions: Sequence[Scheduled]) -> None:
        flag, *values = (self.fetch(i) for i in node.inputs)
        if node.op == "cond":
            values, _ = run_lowered(regions[0 if flag else 1], values, self.symbols, type(self))
        else:
            values = self.rounds(node, flag, values, regions[0])
        for result in results:
            self.keep(result, values[result["index"]])

    def rounds(self, node: Node, more: Any, values: list[Any], body: Scheduled) -> list[Any]:
        variables = body.program.inputs[: node["carried"]]
        while more:
            (more,), updates = run_lowered(body, values, self.symbols, type(self))
            for k, variable in enumerate(variables):
                values[k] = updates.get(variable["name"], values[k])
        return values


def _is_token(node: Node) -> bool:
    return node.op != "result" and node.prim.kind in ("host", "control", "check")


def _garbage(node: Node) -> Any:
    if node.dtype.kind in ("float", "complex"):
        return np.nan
    return node.dtype.min if node.dtype.is_integer else True
