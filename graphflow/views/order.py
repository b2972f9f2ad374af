"""The order of boxes in a container: what does not depend on their sizes (Sugiyama's first steps).

Within a container, links between different children are merged into segments. A link that leaves
the container ends at a port on its border. Cycles are broken, items get rows (longest path, with a
bound on how many share one), a segment over several rows gets a bend in each row between, and
barycentres bring few crossings. A child's fold state changes none of this, so that whoever folds
and unfolds, the page for one, only computes coordinates anew.

K. Sugiyama, S. Tagawa, M. Toda: Methods for visual understanding of hierarchical system structures,
IEEE Trans. Systems, Man, and Cybernetics 11(2), 1981.
"""

from __future__ import annotations

import heapq
import itertools
from bisect import bisect_right, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import TypeAlias

from graphflow.views.scopes import Box, Diagram, Link

MOST_PORTS = 16  # on one side of a box; beyond, all its links share one
MOST_BENDS = 12_000  # in a container: the longest segments beyond are drawn straight
MOST_BENDS_IN_HASTE = 60
MOST_LABELS = 150  # segments in a container that still get a row for their labels
ROUNDS = 4
MANY_LINKS = 20_000  # with as many and half as many boxes, one round and no rows for labels


@dataclass(eq=False)
class Port:
    """A place on a container's border, at its top or bottom, where a segment goes on outside."""

    top: bool


@dataclass(eq=False)
class Bend:
    """A segment's passage through a row; one of them may carry the label."""

    segment: Segment


Item: TypeAlias = Box | Port | Bend


@dataclass(eq=False)
class Segment:
    """Merged links between two children of a container, or between a child and a port.

    Attributes
    ----------
    turned : the target is above the source.
    bends : from the upper end to the lower one.
    straight : it spans rows without bends, as there would be too many.
    source_port, target_port : where it goes on in the ends, if those are containers.
    control : no value passes, only order.
    back : it closes a loop.
    label : the type that passes, with a count where there are several.
    """

    source: Item
    target: Item
    links: list[Link] = field(default_factory=list)
    turned: bool = False
    bends: list[Bend] = field(default_factory=list)
    straight: bool = False
    source_port: Port | None = None
    target_port: Port | None = None
    control: bool = False
    back: bool = False
    label: str = ""

    @property
    def upper(self) -> Item:
        """The end in the higher row."""
        return self.target if self.turned else self.source

    @property
    def lower(self) -> Item:
        """The end in the lower row."""
        return self.source if self.turned else self.target

    def finish(self) -> None:
        """Fill in what follows from the links, when all are there."""
        if len(self.links) == 1:
            link = self.links[0]
            self.control, self.back, self.label = link.control, link.back, link.text
            return
        self.control = all([link.control for link in self.links])
        self.back = all([link.back for link in self.links])
        texts = list(dict.fromkeys([link.text for link in self.links if link.text]))
        if not texts:
            self.label = f"{len(self.links)} waits"
        elif len(texts) == 1:
            self.label = f"{texts[0]} ×{len(self.links)}"
        else:
            self.label = f"{len(self.links)} tensors"


@dataclass(eq=False)
class Arrangement:
    """A container's rows, from top to bottom, and its segments."""

    container: Box
    ports: list[Port]
    segments: list[Segment]
    rows: list[list[Item]]


def arrange(diagram: Diagram, opened: Iterable[Box]) -> dict[Box, Arrangement]:
    """Order the inside of every opened box; `opened` holds the boxes around each box in it."""
    opened = set(opened)
    hasty = len(diagram.links) > MANY_LINKS and _many_shown(opened)
    found: dict[Box, Arrangement] = {}
    pending: list[tuple[Box, list[Link], dict[Link, Port]]] = [(diagram.root, diagram.links, {})]
    while pending:
        box, links, ports = pending.pop()
        segments, inner = _segments(box, links, ports, opened)
        _break_cycles(box.children, segments)
        through = _open_ports(segments, opened)
        own_ports = list(dict.fromkeys(ports.values()))
        rows = _rows(box.children, own_ports, segments, hasty)
        _reduce_crossings(rows, segments, 1 if hasty else ROUNDS)
        found[box] = Arrangement(box, own_ports, segments, rows)
        for child in box.children:
            if child in opened:
                pending.append((child, inner.get(child, []), through.get(child, {})))
    return found


def _segments(
    box: Box, links: list[Link], ports: dict[Link, Port], opened: set[Box]
) -> tuple[list[Segment], dict[Box, list[Link]]]:
    """The segments of a container, and the links that concern each opened child."""
    level = len(box.ancestors)
    segments: dict[tuple[Item, Item], Segment] = {}
    inner: dict[Box, list[Link]] = {}
    for link in links:
        source = _item(link.source, box, level) or ports[link]
        target = _item(link.target, box, level) or ports[link]
        if source is target:
            if source in opened:
                inner.setdefault(source, []).append(link)
            continue
        for item in (source, target):
            if item in opened:
                inner.setdefault(item, []).append(link)
        segment = segments.get((source, target))
        if segment is None:
            segment = segments[source, target] = Segment(source, target)
        segment.links.append(link)
    for segment in segments.values():
        segment.finish()
    return list(segments.values()), inner


def _item(leaf: Box, box: Box, level: int) -> Box | None:
    """The child of a box, `level` deep, that holds a leaf, or is it; None if it lies outside."""
    around = leaf.ancestors
    if len(around) <= level or around[level] is not box:
        return None
    return around[level + 1] if len(around) > level + 1 else leaf


def _break_cycles(children: list[Box], segments: list[Segment]) -> None:
    """Turn segments until none leads upwards; loops' own first, ports as their side asks."""
    below: dict[Box, list[Segment]] = {child: [] for child in children}
    for segment in segments:
        source, target = segment.source, segment.target
        if isinstance(source, Port):
            segment.turned = not source.top
        elif isinstance(target, Port):
            segment.turned = target.top
        else:
            segment.turned = segment.back
            below[segment.upper].append(segment)  # type: ignore[index]
    state = dict.fromkeys(children, 0)  # 1 while under way, 2 when done
    for start in sorted(children, key=lambda b: b.position):
        if state[start]:
            continue
        state[start] = 1
        stack = [(start, iter(list(below[start])))]
        while stack:
            box, rest = stack[-1]
            segment = next(rest, None)  # type: ignore[assignment]
            if segment is None:
                state[box] = 2
                stack.pop()
                continue
            other: Box = segment.lower  # type: ignore[assignment]
            if state[other] == 1:
                segment.turned = not segment.turned
            elif state[other] == 0:
                state[other] = 1
                stack.append((other, iter(list(below[other]))))


def _open_ports(segments: list[Segment], opened: set[Box]) -> dict[Box, dict[Link, Port]]:
    """Ports for the opened ends of segments, and which link goes through which."""
    by_side: dict[tuple[Box, bool], list[Segment]] = {}
    for segment in segments:
        for item, is_source in ((segment.source, True), (segment.target, False)):
            if isinstance(item, Box) and item in opened:
                by_side.setdefault((item, is_source == segment.turned), []).append(segment)
    through: dict[Box, dict[Link, Port]] = {}
    for (box, top), touching in by_side.items():
        shared = Port(top) if len(touching) > MOST_PORTS else None
        for segment in touching:
            port = shared or Port(top)
            if segment.source is box:
                segment.source_port = port
            else:
                segment.target_port = port
            through.setdefault(box, {}).update(dict.fromkeys(segment.links, port))
    return through


def _rows(
    children: list[Box], ports: list[Port], segments: list[Segment], hasty: bool
) -> list[list[Item]]:
    """Rows of children, ports and new bends."""
    layers = _layers(children, segments)
    step = 1 if hasty or len(segments) > MOST_LABELS else 2  # a row for labels between any two
    has_top = any(port.top for port in ports)
    last = max(layers.values(), default=-1) + 1 + has_top
    row_of: dict[Item, int] = {child: step * (layers[child] + has_top) for child in children}
    row_of.update({port: 0 if port.top else step * last for port in ports})
    rows: list[list[Item]] = [[] for _ in range(1 + max(row_of.values(), default=0))]
    for item, row in row_of.items():
        rows[row].append(item)
    left = MOST_BENDS_IN_HASTE if hasty else MOST_BENDS
    for segment in sorted(segments, key=lambda s: row_of[s.lower] - row_of[s.upper]):
        between = range(row_of[segment.upper] + 1, row_of[segment.lower])
        left -= len(between)
        if left >= 0:
            segment.bends = [Bend(segment) for _ in between]
            for row, bend in zip(between, segment.bends, strict=True):
                rows[row].append(bend)
        segment.straight = left < 0 and len(between) > 0
    return [row for row in rows if row]


def _layers(children: list[Box], segments: list[Segment]) -> dict[Box, int]:
    """Longest-path layers with a bound on their size; what has nothing above sinks to its users."""
    below: dict[Box, set[Box]] = {child: set() for child in children}
    waiting = dict.fromkeys(children, 0)
    has_upper = set()
    for segment in segments:
        upper, lower = segment.upper, segment.lower
        if isinstance(upper, Box) and isinstance(lower, Box) and lower not in below[upper]:
            below[upper].add(lower)
            waiting[lower] += 1
        if isinstance(lower, Box):
            has_upper.add(lower)
    most = max(6, int(1.6 * sqrt(len(children))))
    earliest = dict.fromkeys(children, 0)
    layers: dict[Box, int] = {}
    filled: dict[int, int] = {}

    def rank(box: Box) -> tuple[bool, int, str]:  # what is alone comes last
        return not below[box] and box not in has_upper, box.position, box.name

    ready = [(*rank(box), box) for box in children if not waiting[box]]
    heapq.heapify(ready)
    first_free = 0
    while ready:
        box = heapq.heappop(ready)[-1]
        layer = earliest[box]
        if filled.get(layer, 0) >= most:
            layer = max(layer, first_free)
        while filled.get(layer, 0) >= most:
            layer += 1
        layers[box] = layer
        filled[layer] = filled.get(layer, 0) + 1
        while filled.get(first_free, 0) >= most:
            first_free += 1
        for other in below[box]:
            earliest[other] = max(earliest[other], layer + 1)
            waiting[other] -= 1
            if not waiting[other]:
                heapq.heappush(ready, (*rank(other), other))
    for box in reversed(list(layers)):
        if below[box] and box not in has_upper:
            layer = min(layers[other] for other in below[box]) - 1
            if layer > layers[box] and filled.get(layer, 0) < most:
                filled[layers[box]] -= 1
                filled[layer] = filled.get(layer, 0) + 1
                layers[box] = layer
    used = {layer: number for number, layer in enumerate(sorted(set(layers.values())))}
    return {box: used[layer] for box, layer in layers.items()}


def neighbours(
    segments: Iterable[Segment],
) -> tuple[dict[Item, list[Item]], dict[Item, list[Item]]]:
    """For every item those joined to it in the row above, and in the row below."""
    above: dict[Item, list[Item]] = {}
    below: dict[Item, list[Item]] = {}
    for segment in segments:
        chain = [] if segment.straight else [segment.upper, *segment.bends, segment.lower]
        for high, low in itertools.pairwise(chain):
            below.setdefault(high, []).append(low)
            above.setdefault(low, []).append(high)
    return above, below


def _many_shown(opened: set[Box]) -> bool:
    return sum(len(box.children) for box in opened) > MANY_LINKS // 2


def _reduce_crossings(rows: list[list[Item]], segments: list[Segment], rounds: int) -> None:
    """Order each row by the mean place of its items' neighbours, downwards and upwards in turn."""
    above, below = neighbours(segments)
    best = [list(row) for row in rows]
    fewest = None
    place: dict[Item, float] = {}
    for row in rows:
        _number(row, place)
    for turn in range(2 * rounds):
        downwards = turn % 2 == 0
        joined = above if downwards else below
        for row in rows if downwards else reversed(rows):
            if len(row) > 1:
                centre = {i: _mean(joined.get(i, ()), place, place[i]) for i in row}
                row.sort(key=centre.__getitem__)
                _number(row, place)
        count = crossings(rows, below, place)
        if fewest is None or count < fewest:
            fewest, best = count, [list(row) for row in rows]
        if count == 0:
            break
    rows[:] = best


def _number(row: list[Item], place: dict[Item, float]) -> None:
    for number, item in enumerate(row):
        place[item] = (number + 0.5) / len(row)


def _mean(items: Sequence[Item], place: dict[Item, float], otherwise: float) -> float:
    if len(items) == 1:
        return place[items[0]]
    return sum([place[item] for item in items]) / len(items) if items else otherwise


def crossings(
    rows: list[list[Item]], below: dict[Item, list[Item]], place: dict[Item, float]
) -> int:
    """How many pairs of lines cross between neighbouring rows."""
    count = 0
    for row in rows:
        if len(row) == 1:
            continue
        ends: list[float] = []
        for item in row:
            targets = [place[other] for other in below.get(item, ())]
            for target in targets:
                count += len(ends) - bisect_right(ends, target)
            for target in targets:
                insort(ends, target)
    return count
