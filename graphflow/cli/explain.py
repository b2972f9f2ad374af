"""Why a compiled run is what it is: what each pass changed, and what became of one operation."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

from graphflow.inspection import Compilation
from graphflow.ir.node import Node, Program
from graphflow.ir.printer import node_names


def pass_differences(compilation: Compilation) -> str:
    """A unified diff of the Program's text for each pass that changed it."""
    before: Program = compilation.products["program"]
    name_before, text_before = "as traced", str(before).splitlines()
    parts = []
    for event, *details in compilation.notes:
        if event != "pass":
            continue
        name, program = details
        text = str(program).splitlines()
        lines = list(difflib.unified_diff(text_before, text, name_before, name, lineterm="", n=2))
        parts.append("\n".join(lines) + "\n" if lines else f"# {name}: no change\n")
        name_before, text_before = name, text
    return "".join(parts) or "# no pass ran\n"


def known_names(compilation: Compilation) -> set[str]:
    """What `explanation` can be asked for: nodes of the Programs, and the user's operations."""
    names: set[str] = set()
    for program in _programs(compilation):
        names.update(node_names(program).values())
        names.update(n for found in program.sources.names.values() for n in found)
    return names


def _programs(compilation: Compilation) -> Iterator[Program]:
    for stage in ("program", "rewritten"):
        if stage in compilation.products:
            yield compilation.products[stage]


def explanation(compilation: Compilation, name: str) -> str | None:
    """What became of a node or of an operation of the user's; None if the run has no such name."""
    name = name.removeprefix("%")
    traced: Program = compilation.products["program"]
    rewritten: Program = compilation.products.get("rewritten", traced)
    sources = rewritten.sources
    nodes = _nodes_of(traced, name) | _nodes_of(rewritten, name)
    nodes |= {n for n, names in sources.names.items() if name in names}
    if not nodes:
        return None
    final = [n for n in rewritten.nodes() if n in nodes]
    lines = [f"{name}:"]
    line = next((sources.lines[n] for n in nodes if n in sources.lines), "")
    if line:
        lines.append(f"  made at {line}")
    others = sorted({o for n in final for o in sources.names.get(n, ()) if o != name})
    if others:
        lines.append(f"  computed together with {', '.join(others)}")
    lines += _firings(compilation, nodes)
    names = node_names(rewritten)
    lines += [f"  becomes %{names[n]}: {n.type} = {n.op}" for n in final if n in names]
    if not final:
        lines.append("  is not in the rewritten program")
    lines += _places(compilation, set(final))
    return "\n".join(lines) + "\n"


def _nodes_of(program: Program, name: str) -> set[Node]:
    return {node for node, known in node_names(program).items() if known == name}


def _firings(compilation: Compilation, nodes: set[Node]) -> list[str]:
    """The rules that changed the nodes, or what they came from, in the order of their firing."""
    lines = []
    for event, *details in compilation.notes:
        if event != "rule":
            continue
        rule, old, new = details
        if old in nodes or new in nodes:
            nodes.add(new)
            lines.append(f"  rule {rule}: {old.op} {old.type} -> {new.op} {new.type}")
    return lines


def _places(compilation: Compilation, nodes: set[Node]) -> list[str]:
    """The steps that compute the nodes."""
    lines = []
    for task in compilation.products.get("kernels", ()):
        members = set(task.group.members) | {task.node}
        if not nodes.isdisjoint(members):
            count = len(members - {None})
            with_others = f", with {count - 1} other nodes" if count > 1 else ""
            lines.append(f"  computed by {task.kind} {task.name}{with_others}")
            lines += [f"    {reason}" for reason in task.group.why]
    if nodes and not lines:
        lines.append("  is a constant, an input, or read where it lies: no step computes it")
    return lines


def closest(name: str, names: set[str]) -> list[str]:
    """Names most like a wrong one."""
    return difflib.get_close_matches(name, names, 3, 0.4)


def task_data(task: Any) -> dict[str, Any]:
    """A step as plain data."""
    data = {
        "name": task.name,
        "kind": task.kind,
        "nodes": [node.op for node in task.group.members],
        "reads": [str(node.type) for node in task.reads],
        "writes": [str(node.type) for node in task.writes],
    }
    if task.kernel is not None:
        data["work"] = float(task.kernel.work)
        data["text"] = str(task.kernel)
    return data
