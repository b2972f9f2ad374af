"""The diagram of a compilation's kernels: the steps of a run, those of its regions in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphflow.compiler import CompiledProgram
from graphflow.graph.networks import is_gradient
from graphflow.inspection import Compilation
from graphflow.ir.node import Node, Program
from graphflow.ir.prims.control import REGIONS
from graphflow.ir.printer import node_names
from graphflow.runtime.profiler import StepTotal
from graphflow.schedule.group import storage
from graphflow.schedule.plan import Task
from graphflow.views.diagrams import cut, node_box
from graphflow.views.measures import node_bytes, node_cost, time_text
from graphflow.views.scopes import Box, Diagram, Link, make_diagram


def kernels_diagram(compilation: Compilation, title: str) -> Diagram:
    """The steps of a run and what they read, in the scopes that all their operations share.

    A loop's or a choice's steps are in a scope of its name, a part for each sub-Program.
    """
    drawn = _StepBoxes(compilation.measured)
    drawn.add(compilation.products["code"], {}, None)
    return make_diagram(title, drawn.leaves, drawn.links)


class _StepBoxes:
    """The boxes and links of a compiled Program's steps and of those in its regions."""

    def __init__(self, measured: Mapping[Any, StepTotal]) -> None:
        self.measured = measured
        self.leaves: list[tuple[str, Box]] = []
        self.links: list[Link] = []

    def add(
        self, compiled: CompiledProgram, writers: dict[Node, Box], within: str | None
    ) -> dict[Node, Box]:
        """Add the steps, all `within` one scope where it is given; what writes each value.

        `writers` are known of a region's inputs: boxes outside it.
        """
        program = compiled.program
        if within is None:
            for node, name in node_names(program).items():
                if node.op == "input":
                    box = writers[node] = node_box(node, f"%{name}")
                    self.leaves.append(("", box))
        made = []
        for task in compiled.tasks:
            box, scope = _task_box(task, program, within, self.measured.get(task))
            self.leaves.append((scope, box))
            made.append((task, box))
            writers.update({storage(node): box for node in task.writes})
        for task, box in made:
            inner = self.enter(compiled, task, box, writers)
            for node in dict.fromkeys(task.reads):
                source = writers.get(storage(node))
                if source is not None and source is not box and storage(node) not in inner:
                    self.links.append(Link(source, box, str(node.type)))
        return writers

    def enter(
        self, compiled: CompiledProgram, task: Task, box: Box, writers: Mapping[Node, Box]
    ) -> set[Node]:
        """Add the steps of a step's regions; the values that go into them."""
        given: set[Node] = set()
        node = task.node
        if node is None:
            return given
        for name, region in zip(
            REGIONS.get(node.op, ()), compiled.regions.get(task, ()), strict=False
        ):
            inner: dict[Node, Box] = {}
            for own, operand in zip(region.program.inputs, node.inputs[1:], strict=True):
                if storage(operand) in writers:
                    inner[own] = writers[storage(operand)]
                    given.add(storage(operand))
            inside = self.add(region, inner, f"{box.name}/{name}")
            for value in region.program.roots:
                source = inside.get(storage(value))
                if source is not None and source is not box:
                    self.links.append(Link(source, box, str(value.type)))
        return given


def _task_box(
    task: Task, program: Program, within: str | None, total: StepTotal | None
) -> tuple[Box, str]:
    """A step, and its scope: the one given, or what the operations it computes share."""
    members = list(task.group.members) or [n for n in (task.node,) if n is not None]
    operations = [o for n in members for o in program.sources.names.get(n, ())]
    scope = within
    if scope is None:
        scope = _common_prefix([o.split("/")[:-1] for o in operations])
    first = f"{scope}/" if scope else ""
    written = " ".join(str(node.type) for node in task.writes)
    details = {
        "op": task.kind,
        "computes": cut(" ".join(node.op for node in members)),
        "operations": cut(", ".join(dict.fromkeys(operations))),
        "made at": next(
            (program.sources.lines[n] for n in members if n in program.sources.lines), ""
        ),
        "reads": cut(" ".join(str(node.type) for node in task.reads)),
        "writes": cut(written),
        "why": cut("; ".join(task.group.why)),
    }
    box = Box(f"{first}{task.name}", task.name, "kernel", f"{task.kind} {written}", details)
    box.kernel = task.name
    box.gradient = bool(operations) and all(map(is_gradient, operations))
    box.bytes = sum(node_bytes(node) for node in (*task.reads, *task.writes))
    box.cost = sum(node_cost(node) for node in members)
    details["work"] = f"about {box.cost:.3g} operations"
    details["bytes"] = f"{box.bytes:,} read and written"
    details["time"] = time_text(total)
    if total is not None and task.kind != "control":  # a loop's is that of its steps
        box.seconds = total.nanoseconds / 1e9
    if task.kernel is not None and task.kernel.body:
        details["code"] = str(task.kernel)
    return box, scope


def _common_prefix(scopes: list[list[str]]) -> str:
    if not scopes:
        return ""
    shared = []
    for parts in zip(*scopes, strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return "/".join(shared)
