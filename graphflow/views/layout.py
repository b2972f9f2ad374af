"""Coordinates: boxes and lines of a diagram whose boxes have their order (Sugiyama's last step).

Containers are laid out from the inside out. In a row, items want to stand where their neighbours in
the next row stand; the positions nearest to that, with the order and the distances kept, are an
isotonic regression (pool adjacent violators). Lines run straight through rows and bend between
them, so that no line crosses a box of its container. The page's script does the same in JavaScript.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from graphflow.views.order import Arrangement, Bend, Item, Port, Segment, arrange
from graphflow.views.scopes import Box, Diagram

CHARACTER = 6.3  # the mean width of one, in the boxes' font
LABEL_CHARACTER = 5.2
LONGEST = 30  # characters of a name that are shown; the rest is in the tooltip
BOX_HEIGHT = 34.0
HEADER = 24.0
PADDING = 12.0
DISTANCE = 14.0
SWEEPS = 6


@dataclass
class Rectangle:
    """A placed box, from its upper left corner."""

    x: float
    y: float
    width: float
    height: float


@dataclass
class Line:
    """A placed segment: points from its source to its target, and where its label stands."""

    segment: Segment
    points: list[tuple[float, float]]
    label: tuple[float, float] | None
    arrow: bool


@dataclass
class Layout:
    """What is drawn, in absolute coordinates; a box comes after the one around it."""

    diagram: Diagram
    boxes: dict[Box, Rectangle]
    opened: set[Box]
    lines: list[Line]
    width: float
    height: float


@dataclass
class _Inside:
    """A container with its items' centres and its rows' tops and heights, from its own corner."""

    arrangement: Arrangement
    x: dict[Item, float]
    rows: list[tuple[float, float]]
    sizes: dict[Item, tuple[float, float]]
    width: float = 0.0
    height: float = 0.0
    row_of: dict[Item, int] = field(default_factory=dict)


def text_width(text: str, character: float = CHARACTER) -> float:
    """About how wide a text is; wide characters count twice."""
    wide = 0 if text.isascii() else sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return character * (len(text) + wide)


def shortened(text: str, longest: int = LONGEST) -> str:
    """A text's begin and end, where it is too long."""
    keep = longest // 2
    return text if len(text) <= longest else f"{text[:keep]}…{text[-keep + 1 :]}"


def box_lines(box: Box) -> tuple[str, str]:
    """The two lines of a box that is not opened."""
    second = f"{box.count} inside" if box.children else box.type
    return shortened(box.label), shortened(second, 36)


def layout_diagram(diagram: Diagram, opened: Iterable[Box]) -> Layout:
    """Place everything that shows when these boxes are open."""
    opened = set(opened)
    arrangements = arrange(diagram, opened)
    inside: dict[Box, _Inside] = {}
    for box in reversed(list(arrangements)):  # containers come before what they hold
        inside[box] = _place(arrangements[box], inside)
    layout = Layout(diagram, {}, opened, [], 0.0, 0.0)
    root = inside[diagram.root]
    layout.width, layout.height = root.width, root.height
    pending = [(diagram.root, 0.0, 0.0)]
    while pending:
        box, x, y = pending.pop()
        held = inside[box]
        layout.boxes[box] = Rectangle(x, y, held.width, held.height)
        for child in held.arrangement.container.children:
            left, top = x + _left(held, child), y + _top(held, child)
            layout.boxes[child] = Rectangle(left, top, *held.sizes[child])
            if child in opened:
                pending.append((child, left, top))
        layout.lines += [_line(held, s, inside, x, y) for s in held.arrangement.segments]
    return layout


def _left(held: _Inside, item: Item) -> float:
    return held.x[item] - held.sizes[item][0] / 2


def _top(held: _Inside, item: Item) -> float:
    top, height = held.rows[held.row_of[item]]
    return top + (height - held.sizes[item][1]) / 2


def _size(item: Item, inside: dict[Box, _Inside]) -> tuple[float, float]:
    if isinstance(item, Port):
        return 10.0, 0.0
    if isinstance(item, Bend):
        if not shows_label(item, inside):
            return 8.0, 0.0
        return text_width(item.segment.label, LABEL_CHARACTER) + 8, 14.0
    if item in inside:
        return inside[item].width, inside[item].height
    widest = max(text_width(line) for line in box_lines(item))
    return max(60.0, widest + 16), BOX_HEIGHT


def shows_label(bend: Bend, opened: Iterable[Box]) -> bool:
    """Whether a bend carries its segment's label: the one next to a source that is no container."""
    segment = bend.segment
    source = segment.source
    if not isinstance(source, Box) or source in opened or not segment.label:
        return False
    return bend is segment.bends[-1 if segment.turned else 0]


def _place(arrangement: Arrangement, inside: dict[Box, _Inside]) -> _Inside:
    """Lay out one container whose opened children are laid out."""
    items = [item for row in arrangement.rows for item in row]
    sizes = {item: _size(item, inside) for item in items}
    x = _columns(arrangement, sizes, inside)
    held = _Inside(arrangement, x, [], sizes)
    held.row_of = {i: n for n, row in enumerate(arrangement.rows) for i in row}
    y = HEADER
    for number, row in enumerate(arrangement.rows):
        height = max(sizes[item][1] for item in row)
        held.rows.append((y, height))
        y += height
        if number + 1 < len(arrangement.rows):
            y += _gap(arrangement, held, number)
    left = min((_left(held, item) for item in items), default=0.0)
    right = max((x[item] + sizes[item][0] / 2 for item in items), default=0.0)
    title = text_width(shortened(arrangement.container.label)) + 90
    held.width = max(right - left + 2 * PADDING, title)
    shift = (held.width - (right - left)) / 2 - left
    held.x = {item: place + shift for item, place in x.items()}
    held.height = y + PADDING
    return held


def _gap(arrangement: Arrangement, held: _Inside, number: int) -> float:
    """The height between a row and the next: more where lines go far to the side."""
    row, following = arrangement.rows[number], arrangement.rows[number + 1]
    has_bends = any(isinstance(i, Bend) for i in (*row, *following))
    widest = max(
        abs(held.x[a] - held.x[b]) for a, b in ((row[0], following[-1]), (row[-1], following[0]))
    )
    return (16.0 if has_bends else 30.0) + min(24.0, 0.02 * widest)


def _columns(
    arrangement: Arrangement, sizes: dict[Item, tuple[float, float]], inside: dict[Box, _Inside]
) -> dict[Item, float]:
    """The centre of every item, around zero."""
    above, below = _joints(arrangement, inside)
    rows = arrangement.rows
    x: dict[Item, float] = {}
    for row in rows:
        x.update(zip(row, _solve([0.0] * len(row), [1.0] * len(row), row, sizes), strict=True))
    for turn in range(2 * SWEEPS):
        downwards = turn % 2 == 0
        joined = above if downwards else below
        for row in rows if downwards else reversed(rows):
            wanted, weights = [], []
            for item in row:
                found = joined.get(item, ())
                wanted.append(
                    sum(x[other] + shift for other, shift in found) / len(found)
                    if found
                    else x[item]
                )
                weights.append(len(found) * (4.0 if isinstance(item, Bend) else 1.0) + 0.05)
            x.update(zip(row, _solve(wanted, weights, row, sizes), strict=True))
    return x


def _joints(
    arrangement: Arrangement, inside: dict[Box, _Inside]
) -> tuple[dict[Item, list[tuple[Item, float]]], dict[Item, list[tuple[Item, float]]]]:
    """An item's neighbours above and below, with how far from theirs its centre wants to be."""
    above: dict[Item, list[tuple[Item, float]]] = {}
    below: dict[Item, list[tuple[Item, float]]] = {}
    for segment in arrangement.segments:
        if segment.straight:
            continue
        chain = [segment.upper, *segment.bends, segment.lower]
        for high, low in itertools.pairwise(chain):
            shift = attach(segment, high, inside) - attach(segment, low, inside)
            below.setdefault(high, []).append((low, -shift))
            above.setdefault(low, []).append((high, shift))
    return above, below


def attach(segment: Segment, item: Item, inside: dict[Box, _Inside]) -> float:
    """Where a segment meets an item, from the item's centre: at its port if it is a container."""
    port = segment.source_port if item is segment.source else segment.target_port
    if isinstance(item, Box) and item in inside and port is not None:
        return inside[item].x[port] - inside[item].width / 2
    return 0.0


def _solve(
    wanted: Sequence[float],
    weights: Sequence[float],
    row: Sequence[Item],
    sizes: dict[Item, tuple[float, float]],
) -> list[float]:
    """The centres nearest to those wanted (least squares) that keep order and distances."""
    offsets = [0.0]
    for left, right in itertools.pairwise(row):
        offsets.append(offsets[-1] + (sizes[left][0] + sizes[right][0]) / 2 + DISTANCE)
    pools: list[list[float]] = []  # weight, mean, count
    for place, weight, offset in zip(wanted, weights, offsets, strict=True):
        pools.append([weight, place - offset, 1])
        while len(pools) > 1 and pools[-2][1] > pools[-1][1]:
            last = pools.pop()
            before = pools[-1]
            total = before[0] + last[0]
            before[1] = (before[0] * before[1] + last[0] * last[1]) / total
            before[0], before[2] = total, before[2] + last[2]
    means = [mean for _, mean, count in pools for _ in range(int(count))]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]


def _line(held: _Inside, segment: Segment, inside: dict[Box, _Inside], x: float, y: float) -> Line:
    """A segment's points; straight down through rows, so that it bends only between them."""
    points: list[tuple[float, float]] = []
    label = None
    for item in (segment.upper, *segment.bends, segment.lower):
        top, height = held.rows[held.row_of[item]]
        place = x + held.x[item] + attach(segment, item, inside)
        bottom = y + top + height
        if isinstance(item, Bend):
            points += [(place, y + top), (place, bottom)]
            if shows_label(item, inside):
                label = (place, y + top + height / 2)
        elif item is segment.upper:
            start = y if isinstance(item, Port) else y + _top(held, item) + held.sizes[item][1]
            points += [(place, start), (place, bottom)]
        else:
            end = y + (held.height if isinstance(item, Port) else _top(held, item))
            points += [(place, y + top), (place, end)]
    if segment.turned:
        points.reverse()
    target = segment.target
    arrow = isinstance(target, Box) and target not in inside
    return Line(segment, points, label, arrow)
