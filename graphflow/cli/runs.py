"""Runs of what is no script, for measurements: variables get values, placeholders drawn ones."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphflow import observe
from graphflow.cli.targets import Target, TargetError, load_target
from graphflow.graph.collections import GraphKeys
from graphflow.graph.graph import Graph
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.inspection import ASSUMED_SIZE, Collector
from graphflow.runtime.profiler import Profiler, profiling
from graphflow.runtime.session import Session
from graphflow.trace.prune import needed_operations

RUNS = 10  # of a graph that is measured


def run_target(target: Target, files: Mapping[str, str] | None = None) -> None:
    """Run the fetches of a target some times.

    Variables come from the model's checkpoint where there is one, and from their initializers.

    Parameters
    ----------
    files : NumPy's files with values to feed, by names of tensors; what is not given is drawn.

    Raises
    ------
    TargetError : the target has nothing that can be run, or there is no such tensor or file.
    errors.OpError, ValueError : a run fails.
    """
    graph = target.graph
    if graph is None:
        raise TargetError(f"{target.name} is a checkpoint, which has nothing to run")
    operations = [e if isinstance(e, Operation) else e.op for e in target.fetches]
    feeds = _feeds(graph, files or {})
    needed = needed_operations(operations, feeds)
    for op in sorted(needed, key=lambda op: op._id):
        if op.type == "Placeholder" and op.outputs[0] not in feeds:
            feeds[op.outputs[0]] = _drawn(op.outputs[0])
    with graph.as_default(), Session(graph=graph) as session:
        assignments = _first_values(graph)
        if assignments:
            session.run(assignments)
        if target.saver is not None and os.path.isfile(f"{target.prefix}.index"):
            target.saver.restore(session, target.prefix)
        tables = graph.get_collection(GraphKeys.TABLE_INITIALIZERS)
        if tables:
            session.run(tables)
        for _ in range(RUNS):
            session.run(target.fetches, feeds)


def _feeds(graph: Graph, files: Mapping[str, str]) -> dict[Tensor, Any]:
    """The values of files, by tensor."""
    feeds = {}
    for name, path in files.items():
        try:
            tensor = graph.get_tensor_by_name(name if ":" in name else f"{name}:0")
        except (KeyError, ValueError) as error:
            names = [op.name for op in graph.get_operations() if op.type == "Placeholder"]
            there = ", ".join(names) or "none"
            raise TargetError(f"no {name!r} to feed; the placeholders are: {there}") from error
        try:
            feeds[tensor] = np.load(path, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise TargetError(f"cannot read {path!r} for {name!r}: {error}") from error
    return feeds


def measured_target(name: str, arguments: Sequence[str]) -> Target:
    """Load a target and run it, step by step; its compilations tell what was measured.

    Raises
    ------
    TargetError, errors.OpError : as `load_target` and `run_target`.
    """
    with profiling() as profiler:
        target = load_target(name, arguments, until=None)
        if target.kind != "script":
            collector = Collector()
            with observe.observing(collector), observe.listening(collector.listen):
                run_target(target)
            target.compilations = collector.compilations[-1:]  # not of the first values
    _hand_over(profiler, target)
    return target


def _hand_over(profiler: Profiler, target: Target) -> None:
    """Give each compilation what was measured of its steps."""
    totals = {task: total for p in profiler.programs for task, total in p.steps.items()}
    for compilation in target.compilations:
        tasks = compilation.products.get("kernels", ())
        compilation.measured = {task: totals[task] for task in tasks if task in totals}


def _first_values(graph: Graph) -> list[Operation]:
    """The variables' initializers, by their names: a graph's file has no collections."""
    return [
        op
        for op in graph.get_operations()
        if op.type == "Assign" and op.name == f"{op.inputs[0].op.name}/Assign"
    ]


def _drawn(tensor: Tensor) -> Any:
    """A value to feed: numbers from 0 to 1, ones for integers, a common size for what is open."""
    if tensor.shape.rank is None:
        raise TargetError(
            f"placeholder {tensor.op.name!r} has no rank: profile a script feeding it"
        )
    sizes = [ASSUMED_SIZE if d is None else d for d in tensor.shape.as_list()]
    dtype = tensor.dtype.base_dtype
    if dtype.name == "string":
        return np.full(sizes, b"", object)
    if dtype.is_floating:
        return np.random.default_rng(0).random(sizes).astype(dtype.as_numpy_dtype)
    return np.ones(sizes, dtype.as_numpy_dtype)
