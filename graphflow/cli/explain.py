"""Why a compiled run is what it is: what each pass changed, and what became of one operation."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator
from typing import Any

from graphflow.inspection import Compilation
from graphflow.ir.node import Node, Program
from graphflow.ir.prims.control import REGIONS
from graphflow.ir.printer import node_names


def pass_differences(compilation: Compilation) -> str:
    """A unified diff of the Program's text for each pass that changed it.

    The passes over a loop's or a branch's Program come between those over the Program around it.
    """
    before: Program = compilation.products["program"]
    label = ""
    outer: list[tuple[str, str, Program]] = []
    name_before, parts = "as traced", []
    regions: Counter[str] = Counter()  # a choice's two branches have one name
    for event, *details in compilation.notes:
        if event == "region":
            outer.append((label, name_before, before))
            (before,) = details
            regions[before.name] += 1
            label = f"{before.name} ({regions[before.name]})"
            name_before = f"{label}: before"
        elif event == "region ends":
            label, name_before, before = outer.pop()
        elif event == "pass":
            name, program = details
            name = f"{label}: {name}" if outer else name
            parts.append(_difference(before, program, name_before, name))
            name_before, before = name, program
    return "".join(parts) or "# no pass ran\n"


def _difference(before: Program, after: Program, name_before: str, name: str) -> str:
    if before.roots == after.roots:
        return f"# {name}: no change\n"
    texts = str(before).splitlines(), str(after).splitlines()
    lines = list(difflib.unified_diff(*texts, name_before, name, lineterm="", n=2))
    return "\n".join(lines) + "\n" if lines else f"# {name}: no change\n"


def known_names(compilation: Compilation) -> set[str]:
    """What `explanation` can be asked for: nodes of the Programs, and the user's operations."""
    names: set[str] = set()
    for stage in ("program", "rewritten"):
        if stage in compilation.products:
            for _, program in _placed(compilation.products[stage]):
                names.update(node_names(program).values())
                names.update(n for found in program.sources.names.values() for n in found)
    return names


def _placed(program: Program, place: str = "") -> Iterator[tuple[str, Program]]:
    """The Program, and those of its loops and branches, each with words for where it is."""
    yield place, program
    for node, name in node_names(program).items():
        for part in REGIONS.get(node.op, ()):
            yield from _placed(node[part], f" in {part} of %{name}{place}")


def explanation(compilation: Compilation, name: str) -> str | None:
    """What became of a node or of an operation of the user's; None if the run has no such name."""
    name = name.removeprefix("%")
    traced: Program = compilation.products["program"]
    rewritten: Program = compilation.products.get("rewritten", traced)
    sources = rewritten.sources
    programs = [*_placed(traced), *_placed(rewritten)]
    nodes = set().union(*(_nodes_of(program, name) for _, program in programs))
    nodes |= {n for n, names in sources.names.items() if name in names}
    if not nodes:
        return None
    lines = [f"{name}:"]
    line = next((sources.lines[n] for n in nodes if n in sources.lines), "")
    if line:
        lines.append(f"  made at {line}")
    firings = _firings(compilation, nodes)
    final, becomes = _final(rewritten, nodes)
    others = sorted({o for n in final for o in sources.names.get(n, ()) if o != name})
    if others:
        lines.append(f"  computed together with {', '.join(others)}")
    lines += firings
    lines += becomes or ["  is not in the rewritten program"]
    lines += _places(compilation, final)
    return "\n".join(lines) + "\n"


def _final(rewritten: Program, nodes: set[Node]) -> tuple[set[Node], list[str]]:
    """Which of the nodes are left, and what each is, in loops and branches too."""
    found: set[Node] = set()
    lines = []
    for place, program in _placed(rewritten):
        for node, known in node_names(program).items():
            if node in nodes:
                found.add(node)
                lines.append(f"  becomes %{known}: {node.type} = {node.op}{place}")
    return found, lines


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
