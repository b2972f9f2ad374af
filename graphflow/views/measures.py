"""What nodes, operations and steps cost: estimates for all, and times where runs were measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphflow.ir.dims import typical
from graphflow.ir.node import Node, Program
from graphflow.ir.prims.control import regions
from graphflow.views.profile_table import duration

if TYPE_CHECKING:  # it imports the compiler, which a picture of a graph does not need
    from graphflow.inspection import Compilation
    from graphflow.runtime.profiler import StepTotal
    from graphflow.schedule.plan import Task


@dataclass
class Measure:
    """What is known of an operation: its step, about how much work and memory, seconds measured."""

    kernel: str = ""
    cost: float = 0.0
    bytes: int = 0
    seconds: float = 0.0
    time: str = ""


def programs_inside(program: Program) -> Iterator[Program]:
    """The Program, and those of its loops and branches."""
    yield program
    for node in program.nodes():
        for region in regions(node):
            yield from programs_inside(region)


def node_cost(node: Node) -> float:
    """About how many arithmetic operations a node is."""
    size = float(typical(node.type.size))
    if node.op == "matmul":
        return 2 * size * typical(node.inputs[0].shape[-2 if node["trans_a"] else -1])
    if node.op == "conv":
        filters = node.inputs[1].type
        return 2 * size * typical(filters.size) / max(1, typical(filters.shape[-1]))
    if node.prim.kind == "reduce":
        size = max(float(typical(i.type.size)) for i in node.inputs)
    return size * node.prim.cost


def node_bytes(node: Node) -> int:
    """The bytes of a node's value."""
    return int(typical(node.type.nbytes))


def tasks_by_node(compilation: Compilation) -> dict[Node, Task]:
    """The step that computes a node; the first where several do."""
    found: dict[Node, Task] = {}
    for task in compilation.products.get("kernels", ()):
        for node in (*task.group.members, task.node):
            if node is not None:
                found.setdefault(node, task)
    return found


def time_text(total: StepTotal | None) -> str:
    """What was measured of a step, in words."""
    if total is None or not total.calls:
        return ""
    seconds = total.nanoseconds / 1e9
    word = "round" if total.is_rounds else "call"
    calls = f"{total.calls:,} {word}{'s' if total.calls > 1 else ''}"
    return f"{duration(seconds)} in {calls}, {duration(seconds / total.calls)} each"


def operation_measures(compilation: Compilation) -> dict[str, Measure]:
    """What is known of each of the user's operations, as far as the run has it.

    A step's time is shared among its nodes by their work, so that sums over scopes hold.
    """
    program: Program | None = compilation.products.get("rewritten")
    if program is None:
        return {}
    tasks = tasks_by_node(compilation)
    seconds = node_seconds(compilation, tasks)
    found: dict[str, Measure] = {}
    for inner in programs_inside(program):
        for node in inner.nodes():
            names = inner.sources.names.get(node, ())
            for name in names:
                known = found.setdefault(name, Measure())
                task = tasks.get(node)
                if task is not None:
                    known.kernel = task.name
                    known.time = time_text(compilation.measured.get(task))
                known.cost += node_cost(node)
                known.bytes = max(known.bytes, node_bytes(node))
                known.seconds += seconds.get(node, 0.0) / len(names)
    return found


def node_seconds(compilation: Compilation, tasks: dict[Node, Task]) -> dict[Node, float]:
    """The time measured of each node's step, shared by work."""
    if not compilation.measured:
        return {}
    members: dict[Task, list[Node]] = {}
    for node, task in tasks.items():
        members.setdefault(task, []).append(node)
    found = {}
    for task, nodes in members.items():
        total = compilation.measured.get(task)
        if total is None or total.is_rounds:  # a loop's time is that of its steps
            continue
        costs = [node_cost(node) + 1.0 for node in nodes]  # what is only moved takes time too
        for node, cost in zip(nodes, costs, strict=True):
            found[node] = total.nanoseconds / 1e9 * cost / sum(costs)
    return found
