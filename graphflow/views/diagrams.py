"""Diagrams of the three things that can be drawn: a Graph, a Program, a compilation's kernels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from graphflow.graph.networks import is_gradient, shape_text
from graphflow.graph.operation import Operation
from graphflow.ir.dims import typical
from graphflow.ir.node import Node, Program
from graphflow.ir.printer import attribute_text, node_names
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
    known = _compiled_operations(compilation) if compilation is not None else {}
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


def _operation_box(op: Operation, known: tuple[str, float, int] | None) -> Box:
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
        box.kernel, box.cost, box.bytes = known
        details["kernel"] = box.kernel
        details["work"] = f"about {box.cost:.3g} operations"
        details["bytes"] = f"{box.bytes:,}"
    return box


def _value_text(value: Any) -> str:
    """An attribute in short: arrays by their type and shape."""
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return f"{value.dtype}{list(value.shape)}" if value.size > 8 else str(value.tolist())
    return repr(value)[:_LONGEST]


def _compiled_operations(compilation: Compilation) -> dict[str, tuple[str, float, int]]:
    """For each of the user's operations its kernel, work and bytes, as far as the run has it."""
    program: Program | None = compilation.products.get("rewritten")
    if program is None:
        return {}
    kernels = _kernels_by_node(compilation)
    found: dict[str, tuple[str, float, int]] = {}
    for node in program.nodes():
        for name in program.sources.names.get(node, ()):
            kernel, cost, size = found.get(name, ("", 0.0, 0))
            kernel = kernels.get(node, kernel)
            found[name] = (kernel, cost + _cost(node), max(size, _bytes(node)))
    return found


def _kernels_by_node(compilation: Compilation) -> dict[Node, str]:
    kernels: dict[Node, str] = {}
    for task in compilation.products.get("kernels", ()):
        for node in (*task.group.members, task.node):
            if node is not None:
                kernels.setdefault(node, task.name)
    return kernels


def _cost(node: Node) -> float:
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


def _bytes(node: Node) -> int:
    return int(typical(node.type.nbytes))


def program_diagram(compilation: Compilation, title: str, stage: str = "rewritten") -> Diagram:
    """A Program's nodes, in the scopes of the operations that they come from."""
    products = compilation.products
    program: Program = products.get(stage, products["program"])
    kernels = _kernels_by_node(compilation)
    names = node_names(program)
    leaves, boxes = [], {}
    for node, name in names.items():
        operations = program.sources.names.get(node, ())
        scope = operations[0].rpartition("/")[0] if operations else ""
        boxes[node] = _node_box(node, f"{scope}/%{name}" if scope else f"%{name}")
        details = boxes[node].details
        details["operations"] = cut(", ".join(operations))
        details["made at"] = program.sources.lines.get(node, "")
        boxes[node].kernel = details["kernel"] = kernels.get(node, "")
        boxes[node].gradient = any(map(is_gradient, operations[:1]))
        leaves.append((scope, boxes[node]))
    links = [
        Link(boxes[operand], boxes[node], str(operand.type))
        for node in names
        for operand in node.inputs
    ]
    return make_diagram(title, leaves, links)


def _node_box(node: Node, name: str) -> Box:
    kind = "input" if node.op == "input" else "node"
    details = {"op": node.op, "type": str(node.type)}
    if kind == "input":
        details["source"] = str(node["source"])
    else:
        shown = {k: v for k, v in node.attrs.items() if isinstance(v, (int, float, str, tuple))}
        details["attributes"] = cut(", ".join(f"{k}={attribute_text(v)}" for k, v in shown.items()))
    box = Box(name, name.rpartition("/")[2], kind, f"{node.op} {node.type}", details)
    box.cost, box.bytes = _cost(node), _bytes(node)
    details["work"] = f"about {box.cost:.3g} operations"
    details["bytes"] = f"{box.bytes:,}"
    return box


def kernels_diagram(compilation: Compilation, title: str) -> Diagram:
    """The steps of a run and what they read, in the scopes that all their operations share."""
    from graphflow.schedule.group import storage

    products = compilation.products
    program: Program = products["rewritten"]
    names = node_names(program)
    leaves: list[tuple[str, Box]] = []
    writers: dict[Node, Box] = {}
    links = []
    steps = []
    for node in program.inputs:
        if node in names:
            box = writers[node] = _node_box(node, f"%{names[node]}")
            leaves.append(("", box))
    for task in products.get("kernels", ()):
        box, scope = _task_box(task, program)
        steps.append((task, box))
        leaves.append((scope, box))
        writers.update({storage(node): box for node in task.writes})
    for task, box in steps:
        for node in dict.fromkeys(task.reads):
            source = writers.get(storage(node))
            if source is not None and source is not box:
                links.append(Link(source, box, str(node.type)))
    return make_diagram(title, leaves, links)


def _task_box(task: Any, program: Program) -> tuple[Box, str]:
    """A step, and the scope that the operations it computes have in common."""
    members = list(task.group.members) or [task.node]
    operations = [o for n in members for o in program.sources.names.get(n, ())]
    scopes = [o.split("/")[:-1] for o in operations]
    scope = _common_prefix(scopes)
    first = f"{scope}/" if scope else ""
    written = " ".join(str(node.type) for node in task.writes)
    details = {
        "op": task.kind,
        "computes": cut(" ".join(node.op for node in members if node is not None)),
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
    box.bytes = sum(_bytes(node) for node in (*task.reads, *task.writes))
    box.cost = sum(_cost(node) for node in members if node is not None)
    details["work"] = f"about {box.cost:.3g} operations"
    details["bytes"] = f"{box.bytes:,} read and written"
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
