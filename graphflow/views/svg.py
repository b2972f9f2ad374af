"""A layout as SVG text: stands alone, without scripts or fonts of its own, on a ground of its own.

The ground makes it readable in a notebook with a dark theme.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from graphflow.views.colours import EDGE, TEXT, Scheme, text_on
from graphflow.views.layout import (
    LABEL_CHARACTER,
    Layout,
    Line,
    Rectangle,
    box_lines,
    shortened,
    text_width,
)
from graphflow.views.scopes import Box

_STYLE = (
    "text{font-family:Helvetica,Arial,sans-serif;font-size:11px}"
    ".small{font-size:9.5px}.title{font-size:13px;font-weight:bold}"
)

_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def printable(text: str) -> str:
    """Text without the characters that neither XML nor UTF-8 can hold."""
    return _UNPRINTABLE.sub("\ufffd", text)


def plain(text: str) -> str:
    """Text for XML."""
    return escape(printable(text))


def svg_text(layout: Layout, scheme: str = "kind") -> str:
    """Draw a layout.

    Parameters
    ----------
    scheme : what colours tell: one of `colours.SCHEMES`.
    """
    root = layout.diagram.root
    shown = [box for box in layout.boxes if box is not root]
    colours = Scheme(scheme, shown)
    legend, legend_width = _legend(colours, layout.height)
    width = max(layout.width, legend_width, text_width(layout.diagram.title) * 1.3 + 24)
    height = layout.height + (30 if legend else 0)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.1f} {height:.1f}" role="img">',
        f"<title>{plain(layout.diagram.title)}</title><style>{_STYLE}</style>",
        f'<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        f'markerHeight="7" markerUnits="userSpaceOnUse" orient="auto">'
        f'<path d="M0,0.5L8,4L0,7.5z" fill="{EDGE}"/></marker></defs>',
        f'<rect width="{width:.1f}" height="{height:.1f}" rx="6" fill="#ffffff"/>',
        f'<text class="title" x="10" y="17" fill="{TEXT}">{plain(layout.diagram.title)}</text>',
    ]
    if not shown:
        parts.append(f'<text x="10" y="{layout.height:.0f}" fill="{TEXT}">nothing to draw</text>')
    parts += [_box(b, layout.boxes[b], colours, True) for b in shown if b in layout.opened]
    parts += [_line(line) for line in layout.lines]
    parts += [_box(b, layout.boxes[b], colours, False) for b in shown if b not in layout.opened]
    parts += [_label(line) for line in layout.lines if line.label]
    return "\n".join([*parts, *legend, "</svg>"]) + "\n"


def tooltip(box: Box) -> str:
    """What is known of a box, line by line."""
    lines = [box.name]
    if box.children:
        lines.append(f"{box.count} inside")
    lines += [f"{key}: {value}" for key, value in box.details.items() if value]
    return "\n".join(lines)


def _box(box: Box, place: Rectangle, colours: Scheme, is_open: bool) -> str:
    dashed = ' stroke-dasharray="4 2"' if box.gradient else ""
    radius = 8 if box.children else 3
    fill = "#000000" if is_open else colours.fill(box)
    faint = ' fill-opacity="0.03"' if is_open else ""
    rectangle = (
        f'<rect x="{place.x:.1f}" y="{place.y:.1f}" width="{place.width:.1f}" '
        f'height="{place.height:.1f}" rx="{radius}" fill="{fill}"{faint} '
        f'stroke="{"#b0b0b0" if is_open else "#606060"}"{dashed}/>'
    )
    title = f"<title>{plain(tooltip(box))}</title>"
    if is_open:
        name = plain(shortened(box.label))
        text = f'<text x="{place.x + 8:.1f}" y="{place.y + 15:.1f}" fill="{TEXT}">{name}</text>'
        return f"<g>{title}{rectangle}{text}</g>"
    first, second = box_lines(box)
    middle, colour = place.x + place.width / 2, text_on(colours.fill(box))
    back = ""
    if box.children:  # a second sheet behind the first: there is more inside
        back = (
            f'<rect x="{place.x + 3:.1f}" y="{place.y + 3:.1f}" width="{place.width:.1f}" '
            f'height="{place.height:.1f}" rx="{radius}" fill="#ffffff" stroke="#a0a0a0"/>'
        )
    return (
        f'<g>{title}{back}{rectangle}<text x="{middle:.1f}" y="{place.y + 14:.1f}" '
        f'text-anchor="middle" fill="{colour}">{plain(first)}</text>'
        f'<text class="small" x="{middle:.1f}" y="{place.y + 27:.1f}" text-anchor="middle" '
        f'fill="{colour}">{plain(second)}</text></g>'
    )


def path_text(points: Sequence[tuple[float, float]]) -> str:
    """A path through points: straight where they stand above each other, else an S."""
    (x, y), *rest = points
    parts = [f"M{x:.1f},{y:.1f}"]
    for to_x, to_y in rest:
        if abs(to_x - x) < 0.05:
            parts.append(f"V{to_y:.1f}")
        else:
            half = (y + to_y) / 2
            parts.append(f"C{x:.1f},{half:.1f} {to_x:.1f},{half:.1f} {to_x:.1f},{to_y:.1f}")
        x, y = to_x, to_y
    return "".join(parts)


def _line(line: Line) -> str:
    segment = line.segment
    width = 1.0 if len(segment.links) == 1 else min(3.0, 1.0 + 0.3 * len(segment.links) ** 0.5)
    style = ' stroke-dasharray="3 3"' if segment.control else ""
    if segment.back:
        style = ' stroke-dasharray="7 3"'
    style += ' stroke-opacity="0.35"' if segment.straight else ""
    arrow = ' marker-end="url(#arrow)"' if line.arrow else ""
    ends = " to ".join(dict.fromkeys((segment.links[0].source.name, segment.links[0].target.name)))
    more = f" and {len(segment.links) - 1} more" if len(segment.links) > 1 else ""
    types = "\n".join(dict.fromkeys(link.text for link in segment.links[:20] if link.text))
    return (
        f'<path d="{path_text(line.points)}" fill="none" stroke="{EDGE}" '
        f'stroke-width="{width:.1f}"{style}{arrow}>'
        f"<title>{plain(f'{ends}{more}')}\n{plain(types)}</title></path>"
    )


def _label(line: Line) -> str:
    assert line.label is not None
    x, y = line.label
    text = line.segment.label
    width = text_width(text, LABEL_CHARACTER) + 4
    return (
        f'<rect x="{x - width / 2:.1f}" y="{y - 6.5:.1f}" width="{width:.1f}" height="13" '
        f'fill="#ffffff" fill-opacity="0.85"/><text class="small" x="{x:.1f}" y="{y + 3.5:.1f}" '
        f'text-anchor="middle" fill="#444444">{plain(text)}</text>'
    )


def _legend(colours: Scheme, top: float) -> tuple[list[str], float]:
    """The legend's parts, in a line below the picture, and how wide it is."""
    parts, x = [], 10.0
    for name, colour in colours.legend:
        name = shortened(name)
        parts.append(
            f'<rect x="{x:.1f}" y="{top + 6:.1f}" width="12" height="12" fill="{colour}" '
            f'stroke="#606060"/><text x="{x + 17:.1f}" y="{top + 16:.1f}" '
            f'fill="{TEXT}">{plain(name)}</text>'
        )
        x += text_width(name) + 34
    return parts, x
