"""Diagrams of a Graph and of a Program; `step_boxes` has that of a compilation's kernels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from graphflow.graph.networks import is_gradient, shape_text
from graphflow.graph.operation import Operation
from graphflow.ir.node import Node, Program
from graphflow.ir.prims.control import REGIONS
from graphflow.ir.printer import attribute_text, node_names
from graphflow.views.measures import (
    Measure,
    node_bytes,
    node_cost,
    node_seconds,
    operation_measures,
    tasks_by_node,
    time_text,
)
from graphflow.views.scopes import Box, Diagram, Link, make_diagram

if TYPE_CHECKING:  # it imports the compiler, which a picture of a graph does not need
    from graphflow.inspection import Compilation

_LONGEST = 160  # characters of a detail


def cut(text: str) -> str:
    """A detail, shortened where it is very long."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def graph_diagram(
    operations: Iterable[Operation], title: str, compilation: Compilation | None = None
) -> Diagram:
    """Operations with the tensors between them; kernels, costs and bytes if they were compiled."""
    operations = list(operations)
    known = operation_measures(compilation) if compilation is not None else {}
    boxes = {op: _operation_box(op, known.get(op.name)) for op in operations}
    links = []
    for op in operations:
        for tensor in op.inputs:
            if tensor.op in boxes:
                text = f"{tensor.dtype.name}{shape_text(tensor)}"
                back = tensor.op.type == "NextIteration"
                links.append(Link(boxes[tensor.op], boxes[op], text, back=back))
        for other in op.control_inputs:
            if other in boxes:
                links.append(Link(boxes[other], boxes[op], control=True))
    leaves = [(op.name.rpartition("/")[0], box) for op, box in boxes.items()]
    return make_diagram(title, leaves, links)


def _operation_box(op: Operation, known: Measure | None) -> Box:
    gives = ", ".join(f"{t.dtype.name}{shape_text(t)}" for t in op.outputs)
    details = {"op": op.type, "gives": cut(gives)}
    details["attributes"] = cut(
        ", ".join(f"{k}={_value_text(v)}" for k, v in op.attrs.items() if not k.startswith("_"))
    )
    details["device"] = op.device
    details["made at"] = op.location.place if op.location is not None else ""
    box = Box(op.name, op.name.rpartition("/")[2], "op", op.type, details, is_gradient(op.name))
    box.device = op.device
    if known is not None:
        box.kernel, box.cost, box.bytes = known.kernel, known.cost, known.bytes
        box.seconds = known.seconds
        details["kernel"] = box.kernel
        details["kernel's time"] = known.time
        details["work"] = f"about {box.cost:.3g} operations"
        details["bytes"] = f"{box.bytes:,}"
    return box


def _value_text(value: Any) -> str:
    """An attribute in short: arrays by their type and shape."""
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return f"{value.dtype}{list(value.shape)}" if value.size > 8 else str(value.tolist())
    return repr(value)[:_LONGEST]


def program_diagram(compilation: Compilation, title: str) -> Diagram:
    """A Program's nodes, in the scopes of the operations that they come from.

    A loop and a choice are scopes that hold their sub-Programs and the node itself, which takes
    what the sub-Programs give.
    """
    products = compilation.products
    drawn = _ProgramBoxes(compilation)
    drawn.add(products.get("rewritten", products["program"]), None)
    return make_diagram(title, drawn.leaves, drawn.links)


class _ProgramBoxes:
    """The boxes and links of a Program's nodes and of those in its regions."""

    def __init__(self, compilation: Compilation) -> None:
        self.tasks = tasks_by_node(compilation)
        self.measured = compilation.measured
        self.seconds = node_seconds(compilation, self.tasks)
        self.leaves: list[tuple[str, Box]] = []
        self.links: list[Link] = []

    def add(self, program: Program, within: str | None) -> dict[Node, Box]:
        """Add a Program's nodes, in scopes of operations or all `within` one scope."""
        boxes: dict[Node, Box] = {}
        for node, name in node_names(program).items():
            operations = program.sources.names.get(node, ())
            scope = within
            if scope is None:
                scope = operations[0].rpartition("/")[0] if operations else ""
            box = boxes[node] = node_box(node, f"{scope}/%{name}" if scope else f"%{name}")
            self.describe(box, node, operations, program.sources.lines.get(node, ""))
            self.leaves.append((scope, box))
            entered = self.enter(node, box)
            for place, operand in enumerate(node.inputs):
                for target in entered.get(place, [box]):
                    self.links.append(Link(boxes[operand], target, str(operand.type)))
        return boxes

    def describe(self, box: Box, node: Node, operations: Sequence[str], line: str) -> None:
        """Fill in where a node comes from and what computes it."""
        task = self.tasks.get(node)
        box.details["operations"] = cut(", ".join(operations))
        box.details["made at"] = line
        if task is not None:
            box.kernel = box.details["kernel"] = task.name
            box.details["kernel's time"] = time_text(self.measured.get(task))
            box.seconds = self.seconds.get(node, 0.0)
        box.gradient = any(map(is_gradient, operations[:1]))

    def enter(self, node: Node, box: Box) -> dict[int, list[Box]]:
        """Add a node's regions; by the place of an operand, the boxes of its inputs in them."""
        entered: dict[int, list[Box]] = {}
        for name in REGIONS.get(node.op, ()):
            region: Program = node[name]
            inside = self.add(region, f"{box.name}/{name}")
            for place, given in enumerate(region.inputs, start=1):
                if given in inside:
                    entered.setdefault(place, []).append(inside[given])
            for value in region.roots:
                self.links.append(Link(inside[value], box, str(value.type)))
        return entered


def node_box(node: Node, name: str) -> Box:
    """A Program's node."""
    kind = "input" if node.op == "input" else "node"
    details = {"op": node.op, "type": str(node.type)}
    if kind == "input":
        details["source"] = str(node["source"])
    else:
        shown = {k: v for k, v in node.attrs.items() if isinstance(v, (int, float, str, tuple))}
        details["attributes"] = cut(", ".join(f"{k}={attribute_text(v)}" for k, v in shown.items()))
    box = Box(name, name.rpartition("/")[2], kind, f"{node.op} {node.type}", details)
    box.cost, box.bytes = node_cost(node), node_bytes(node)
    details["work"] = f"about {box.cost:.3g} operations"
    details["bytes"] = f"{box.bytes:,}"
    return box
