"""The text form of a Program: stable names, types, the user's line; no addresses.

Nodes are numbered in the order of the Program's own nodes, so that two dumps of the same Program
are the same text whatever was built before it in the process.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from graphflow.graph.dtypes import DType
from graphflow.ir.node import Node, Program
from graphflow.ir.prims.control import REGIONS

# Attributes that say nothing to a reader, or that would print as addresses.
_HIDDEN: dict[str, tuple[str, ...]] = {
    "leaf": ("dtype", "type", "shape"),
    "check": ("op", "describe", "number"),
    "host": ("types", "number", "type"),
}

_WORD = re.compile(r"[^A-Za-z0-9_]+")


def stable_order(roots: Iterable[Node]) -> list[Node]:
    """The nodes under `roots`, operands first, in an order that their creation has no part in.

    A node that another Program made before is older than its operands' neighbours; the text must
    not show that.
    """
    order: list[Node] = []
    seen: set[Node] = set()
    for root in roots:
        stack = [(root, iter(root.inputs))] if root not in seen else []
        seen.add(root)
        while stack:
            node, operands = stack[-1]
            following = next((i for i in operands if i not in seen), None)
            if following is None:
                order.append(node)
                stack.pop()
            else:
                seen.add(following)
                stack.append((following, iter(following.inputs)))
    return order


def node_names(program: Program) -> dict[Node, str]:
    """A readable, unique name for every node: the user's name for it where there is one."""
    names: dict[Node, str] = {}
    taken: set[str] = set()
    numbers: dict[str, int] = {}  # the last tried of each base: very many nodes may share one
    for node in stable_order(program.roots):
        known = program.sources.names.get(node)
        base = _WORD.sub("_", known[0].split("/")[-1]) if known else node.op
        if node.op == "input":
            base = _WORD.sub("_", node["name"])
        name, number = base, numbers.get(base, 1)
        while name in taken:
            name, number = f"{base}_{number}", number + 1
        numbers[base] = number
        taken.add(name)
        names[node] = name
    return names


def attribute_text(value: Any) -> str:
    """An attribute's value as it stands in dumps."""
    if isinstance(value, DType):
        return value.short
    if isinstance(value, tuple):
        return "[" + ",".join(attribute_text(v) for v in value) + "]"
    return str(value)


def node_text(node: Node, names: dict[Node, str]) -> str:
    """One line: ``%name: type = op(operands, attributes)``."""
    arguments = [f"%{names[i]}" for i in node.inputs]
    hidden = _HIDDEN.get(node.prim.kind, ())
    blocks = REGIONS.get(node.op, ())
    arguments += [
        f"{k}={attribute_text(v)}" for k, v in node.attrs.items() if k not in (*hidden, *blocks)
    ]
    return f"%{names[node]}: {node.type} = {node.op}({', '.join(arguments)})"


def _region_lines(node: Node) -> list[str]:
    """The sub-Programs of a node, indented."""
    lines = []
    for name in REGIONS.get(node.op, ()):
        header, *rest = program_text(node[name]).splitlines()
        lines.append(f"    {name} {header[header.index('(') :]}")
        lines += [f"    {line}" for line in rest]
    return lines


def program_text(program: Program) -> str:
    """The whole Program, one node a line, then what it returns, updates and does."""
    names = node_names(program)
    nodes = stable_order(program.roots)
    inputs = [i for i in program.inputs if i in names]
    header = ", ".join(f"%{names[i]}: {i.type}" for i in inputs)
    lines = [f"program {program.name}({header}):"]
    for node in nodes:
        if node.op == "input":
            continue
        text = "  " + node_text(node, names)
        line = program.sources.lines.get(node)
        lines.append(f"{text:<72}  # {line}" if line else text)
        lines += _region_lines(node)
    lines += [f"  do %{names[n]}" for n in program.effects]
    lines += [f"  update {u.variable} = %{names[u.value]}" for u in program.updates]
    if program.outputs:
        lines.append(f"  return {', '.join(f'%{names[n]}' for n in program.outputs)}")
    return "\n".join(lines) + "\n"
