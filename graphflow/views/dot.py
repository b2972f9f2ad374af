"""A layout's boxes for Graphviz, which then lays them out its own way: scopes are clusters."""

from __future__ import annotations

import json

from graphflow.views.colours import Scheme
from graphflow.views.layout import Layout, box_lines
from graphflow.views.scopes import Box
from graphflow.views.svg import printable


def dot_text(layout: Layout, scheme: str = "kind") -> str:
    """What the layout shows, as a digraph."""
    root = layout.diagram.root
    shown = [box for box in layout.boxes if box is not root]
    names = {box: f"box{number}" for number, box in enumerate(shown)}
    colours = Scheme(scheme, shown)
    lines = ["digraph {", "  rankdir=TB; compound=true;"]
    lines.append('  node [shape=box, style="rounded,filled", fontname=Helvetica, fontsize=10];')
    lines += _inside(root, layout, names, colours, "  ")
    for (source, target), (count, text, control) in _edges(layout).items():
        label = f"{text} ×{count}" if count > 1 and text else text
        style = ", style=dashed" if control else ""
        lines.append(f"  {names[source]} -> {names[target]} [label={_quoted(label)}{style}];")
    return "\n".join([*lines, "}"]) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(printable(text), ensure_ascii=False)


def _inside(
    box: Box, layout: Layout, names: dict[Box, str], colours: Scheme, indent: str
) -> list[str]:
    lines = []
    for child in box.children:
        if child in layout.opened:
            label = _quoted(child.label)
            lines.append(f"{indent}subgraph cluster_{names[child]} {{ label={label};")
            lines += _inside(child, layout, names, colours, indent + "  ")
            lines.append(f"{indent}}}")
        else:
            label = _quoted("\n".join(box_lines(child)))
            lines.append(
                f'{indent}{names[child]} [label={label}, fillcolor="{colours.fill(child)}"];'
            )
    return lines


def _edges(layout: Layout) -> dict[tuple[Box, Box], tuple[int, str, bool]]:
    """Links between boxes that show, merged: how many, what passes, whether only order."""
    edges: dict[tuple[Box, Box], tuple[int, str, bool]] = {}
    for link in layout.diagram.links:
        source, target = shown_box(link.source, layout), shown_box(link.target, layout)
        if source is not target:
            count, text, control = edges.get((source, target), (0, link.text, True))
            same = text if text == link.text else "tensors"
            edges[source, target] = (count + 1, same, control and link.control)
    return edges


def shown_box(leaf: Box, layout: Layout) -> Box:
    """The box that stands for a leaf: itself, or the outermost around it that is not opened."""
    return next((box for box in leaf.ancestors if box not in layout.opened), leaf)
