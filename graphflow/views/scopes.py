"""What is drawn: a tree of boxes, folded by name scopes, and links between its leaves.

Leaves are operations, Program nodes or kernels; the boxes around them are scopes. Gradients and
updates get a box of their own. A scope with very many members is cut into consecutive parts, so
that no picture has to show more than a page holds; a box that is not opened stands for all in it.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil

MOST_CHILDREN = 50
MOST_PARTS = 12
GRADIENTS = "gradients and updates"


@dataclass(eq=False)
class Box:
    """A leaf, or a scope with what is in it.

    Attributes
    ----------
    name : the whole name, unique in the diagram; label is its last part.
    kind : op, node, kernel, input (leaves), or scope, part, section.
    type : a leaf's second line: its op and what it gives.
    details : what a click or a tooltip tells.
    ancestors : the boxes around it, outermost first.
    count : how many leaves it stands for.
    cost, bytes : estimates; sums for a scope.
    seconds : measured in all runs, as far as they were; sums for a scope.
    """

    name: str
    label: str
    kind: str = "op"
    type: str = ""
    details: dict[str, str] = field(default_factory=dict)
    gradient: bool = False
    device: str = ""
    kernel: str = ""
    cost: float = 0.0
    bytes: int = 0
    seconds: float = 0.0
    children: list[Box] = field(default_factory=list)
    ancestors: tuple[Box, ...] = ()
    count: int = 1
    position: int = 0

    def leaves(self) -> Iterator[Box]:
        """The leaves in the box, or the box itself."""
        pending = [self]
        while pending:
            box = pending.pop()
            if box.children:
                pending.extend(reversed(box.children))
            elif box.kind not in ("scope", "part", "section"):
                yield box

    def boxes(self) -> Iterator[Box]:
        """The box and all in it, outer before inner."""
        pending = [self]
        while pending:
            box = pending.pop()
            yield box
            pending.extend(reversed(box.children))


@dataclass(eq=False)
class Link:
    """A value, or an order, between two leaves. `back` closes a loop."""

    source: Box
    target: Box
    text: str = ""
    control: bool = False
    back: bool = False


@dataclass(eq=False)
class Diagram:
    """A tree of boxes with links between leaves."""

    title: str
    root: Box
    links: list[Link]


def make_diagram(
    title: str, leaves: Sequence[tuple[str, Box]], links: Sequence[Link], most: int = MOST_CHILDREN
) -> Diagram:
    """Put leaves, each with the name of its scope, into nested boxes.

    A leaf that has the name of a scope goes into that scope. A scope that would hold one leaf only
    is left out, its name goes to the leaf's label. Order is kept.
    """
    root = Box("", title, "scope")
    scopes = {"": root}
    for scope, _ in leaves:
        _scope(scopes, scope)
    for position, (scope, leaf) in enumerate(leaves):
        leaf.position = position
        inside = leaf.name if leaf.name in scopes and scope != leaf.name else scope
        scopes[inside].children.append(leaf)
    _sort(root)
    _leave_out_single(root)
    _set_apart_gradients(root)
    for box in list(root.boxes()):
        _cut(box, most)
    _finish(root)
    return Diagram(title, root, list(links))


def _scope(scopes: dict[str, Box], name: str) -> Box:
    """The scope of a name, made with those around it where it is new."""
    missing = []
    while name not in scopes:
        missing.append(name)
        name = name.rpartition("/")[0]
    box = scopes[name]
    for inner in reversed(missing):
        box.children.append(Box(inner, inner.rpartition("/")[2] or inner, "scope"))
        box = scopes[inner] = box.children[-1]
    return box


def _set_apart_gradients(root: Box) -> None:
    """Give the outermost boxes that are mostly gradients and updates one box together."""
    apart = []
    for box in root.children:
        kinds = [leaf.gradient for leaf in box.leaves()]
        box.gradient = 2 * sum(kinds) > len(kinds)
        if box.gradient:
            apart.append(box)
    if apart and len(apart) < len(root.children):
        section = Box(f"({GRADIENTS})", GRADIENTS, "section", gradient=True, children=apart)
        root.children = [box for box in root.children if not box.gradient] + [section]


def _sort(root: Box) -> None:
    """Put children in the order of their first leaves."""
    for box in reversed(list(root.boxes())):
        if box.children:
            box.children.sort(key=lambda child: child.position)
            box.position = box.children[0].position


def _leave_out_single(root: Box) -> None:
    """Put a leaf that is alone in its scope in the scope's place."""
    for box in reversed(list(root.boxes())):
        for place, child in enumerate(box.children):
            if child.kind == "scope" and len(child.children) == 1:
                leaf = child.children[0]
                if leaf.kind != "scope":
                    leaf.label = f"{child.label}/{leaf.label}"
                    box.children[place] = leaf


def _cut(box: Box, most: int) -> None:
    """Cut many children into a few consecutive parts, and those again."""
    if len(box.children) <= most:
        return
    size = max(most // 2, ceil(len(box.children) / MOST_PARTS))
    parts = []
    for start in range(0, len(box.children), size):
        inside = box.children[start : start + size]
        label = f"{inside[0].label} … {inside[-1].label}"
        prefix = f"{box.name}/" if box.name else ""
        name = f"{prefix}({label}, from {start + 1} of {len(box.children)})"
        parts.append(Box(name, label, "part", children=inside))
        _cut(parts[-1], most)
    box.children = parts


def _finish(root: Box) -> None:
    """Fill in what follows from the tree."""
    boxes = list(root.boxes())
    for box in boxes:
        for child in box.children:
            child.ancestors = (*box.ancestors, box)
    for box in reversed(boxes):
        if box.children:
            box.count = sum(child.count for child in box.children)
            box.cost = sum(child.cost for child in box.children)
            box.bytes = sum(child.bytes for child in box.children)
            box.seconds = sum(child.seconds for child in box.children)
            box.position = min(child.position for child in box.children)
            box.gradient = all(child.gradient for child in box.children)
            box.device = _common(child.device for child in box.children)
            box.kernel = _common(child.kernel for child in box.children)
    root.count = root.count if root.children else 0


def _common(texts: Iterable[str]) -> str:
    """The text that all share, if they do."""
    found = set(texts)
    return found.pop() if len(found) == 1 else ""


def opened_boxes(diagram: Diagram, depth: int | None, most: int) -> set[Box]:
    """The boxes to show with their inside: the root, and others while `most` boxes suffice.

    Parameters
    ----------
    depth : open scopes that deep and no deeper, 0 for none but the root; as deep as `most` lets
        when None.
    """
    opened = {diagram.root}
    shown = len(diagram.root.children)
    queue = [(1, len(b.children), b.position, b) for b in diagram.root.children if b.children]
    heapq.heapify(queue)
    while queue:
        level, size, _, box = heapq.heappop(queue)
        deep_enough = depth is not None and level > depth
        if deep_enough or shown + size > most:
            continue
        opened.add(box)
        shown += size
        for child in box.children:
            if child.children:
                heapq.heappush(queue, (level + 1, len(child.children), child.position, child))
    return opened
