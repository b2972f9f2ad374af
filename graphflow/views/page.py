"""The page: one HTML file that needs no network, with everything in it as JSON.

What costs time, the order of boxes and bends in every scope, is computed here, once, since it does
not depend on what is folded; the page's script places them (`layout.js`, as `layout.py` does).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from graphflow.views.colours import SCHEMES, Scheme, text_on
from graphflow.views.layout import (
    BOX_HEIGHT,
    LABEL_CHARACTER,
    box_lines,
    text_width,
)
from graphflow.views.order import Arrangement, Bend, Item, Port, arrange
from graphflow.views.profile_table import duration
from graphflow.views.scopes import Box, Diagram, opened_boxes
from graphflow.views.svg import plain

MOST_OPEN = 35  # boxes that show at first
MOST_DETAILS = 20_000  # boxes; in larger graphs operations' attributes are left out


def page_text(
    title: str,
    diagrams: Mapping[str, Diagram],
    stage: str,
    depth: int | None = None,
    color: str = "kind",
    plan: Mapping[str, Any] | None = None,
) -> str:
    """The page that shows some diagrams, beginning with that of `stage`.

    Parameters
    ----------
    plan : the memory plan's data, of `plan_view.plan_data`.
    """
    measured = any(diagram.root.seconds for diagram in diagrams.values())
    schemes = [name for name in SCHEMES if measured or name != "time"]
    data = {
        "stage": stage,
        "color": color,
        "schemes": schemes,
        "boxHeight": BOX_HEIGHT,
        "views": {name: view_data(d, depth, schemes) for name, d in diagrams.items()},
        "plan": plan,
    }
    text = _text_of("page.html")
    parts = {
        "TITLE": plain(title),
        "LAYOUT": _text_of("layout.js"),
        "SCRIPT": _text_of("page.js"),
        "DATA": _embedded(data),
    }
    before, *marked = text.split("<!--")
    pieces = [before]
    for piece in marked:  # each mark once, so that no mark in the data counts
        name, _, after = piece.partition("-->")
        pieces += [parts[name], after]
    return "".join(pieces)


def _text_of(name: str) -> str:
    return resources.files("graphflow.views").joinpath(name).read_text("utf-8")


def _embedded(data: Any) -> str:
    """JSON that ends no script element, whatever names are in it."""
    text = json.dumps(data, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def view_data(
    diagram: Diagram, depth: int | None = None, colours: Sequence[str] = SCHEMES
) -> dict[str, Any]:
    """A diagram for the page's script: boxes by number, and the order in every scope.

    An item of a scope is a list: [0, box], [1, whether it is at the top] for a port, [2, segment]
    for a bend. A segment is [source, target, bends, label, its width, flags, count, source port,
    target port], items by their place in their own scope's list. Flags add up: 1 turned, 2 control,
    4 back, 8 straight.
    """
    boxes = list(diagram.root.boxes())
    numbers = {box: number for number, box in enumerate(boxes)}
    held = [box for box in boxes if box.children or box is diagram.root]
    arrangements = arrange(diagram, held)
    places = {box: _places(arrangement) for box, arrangement in arrangements.items()}
    schemes = [Scheme(name, boxes[1:]) for name in colours]
    palette: dict[str, int] = {}
    leaves = len(boxes) <= MOST_DETAILS
    opened = opened_boxes(diagram, depth, MOST_OPEN if depth is None else 1000)
    return {
        "title": diagram.title,
        "boxes": [_box_data(b, numbers, schemes, palette, leaves) for b in boxes],
        "palette": [(fill, text_on(fill)) for fill in palette],
        "legends": {scheme.name: scheme.legend for scheme in schemes},
        "scopes": {
            numbers[box]: _scope_data(arrangement, numbers, places)
            for box, arrangement in arrangements.items()
        },
        "opened": sorted(numbers[box] for box in opened),
        "links": [
            [numbers[link.source], numbers[link.target], link.text, int(link.control)]
            for link in diagram.links
        ],
    }


def _box_data(
    box: Box,
    numbers: Mapping[Box, int],
    schemes: list[Scheme],
    palette: dict[str, int],
    details: bool,
) -> dict[str, Any]:
    first, second = box_lines(box)
    width = text_width(first)
    colours = [palette.setdefault(scheme.fill(box), len(palette)) for scheme in schemes]
    known = {key: value for key, value in box.details.items() if value}
    if not details:
        known.pop("attributes", None)
    if box.children:
        known["inside"] = str(box.count)
        known["work"] = f"about {box.cost:.3g} operations" if box.cost else ""
        known["time"] = f"{duration(box.seconds)} in all runs" if box.seconds else ""
    return {
        "name": box.name,
        "lines": [first, second],
        "width": round(max(60.0, 16 + max(width, text_width(second)))),
        "titleWidth": round(width),
        "parent": numbers[box.ancestors[-1]] if box.ancestors else -1,
        "colours": colours,
        "gradient": int(box.gradient),
        "details": known,
    }


def _places(arrangement: Arrangement) -> dict[Item, int]:
    """Every item's place in its scope's list."""
    items = [item for row in arrangement.rows for item in row]
    return {item: place for place, item in enumerate(items)}


def _scope_data(
    arrangement: Arrangement,
    numbers: Mapping[Box, int],
    places: Mapping[Box, Mapping[Item, int]],
) -> dict[str, Any]:
    place = places[arrangement.container]
    order = {segment: number for number, segment in enumerate(arrangement.segments)}
    items = []
    for item in place:
        if isinstance(item, Box):
            items.append([0, numbers[item]])
        elif isinstance(item, Port):
            items.append([1, int(item.top)])
        else:
            assert isinstance(item, Bend)
            items.append([2, order[item.segment]])
    segments = []
    for segment in arrangement.segments:
        flags = segment.turned + 2 * segment.control + 4 * segment.back + 8 * segment.straight
        ends = [
            -1 if port is None else places[item][port]  # type: ignore[index]
            for item, port in (
                (segment.source, segment.source_port), (segment.target, segment.target_port)
            )
        ]  # fmt: skip
        bends = [place[bend] for bend in segment.bends]
        label = segment.label
        width = round(text_width(label, LABEL_CHARACTER)) if label else 0
        segments.append(
            [place[segment.source], place[segment.target], bends, label, width, flags,
             len(segment.links), *ends]
        )  # fmt: skip
    return {
        "items": items,
        "rows": [[place[item] for item in row] for row in arrangement.rows],
        "segments": segments,
    }
