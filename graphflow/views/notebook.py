"""What notebooks show: graphs and Programs as drawings, kernels as text, profiles as pages."""

from __future__ import annotations

from html import escape
from typing import Any

from graphflow.graph.graph import Graph
from graphflow.inspection import Compilation
from graphflow.ir.node import Program
from graphflow.views.drawing import drawing_of

_FRAME = "width:100%;height:620px;border:1px solid #bbb"


def framed(page: str) -> str:
    """A page in a frame of its own, so that its style and the notebook's stay apart."""
    inside = escape(page, quote=True)
    return f'<iframe sandbox="allow-scripts" style="{_FRAME}" srcdoc="{inside}"></iframe>'


def html_of(thing: Any) -> str:
    """A graph, a Program or a compilation drawn; everything else is its text."""
    if isinstance(thing, Graph):
        return drawn(thing, None, "graph")
    if isinstance(thing, Program):
        return drawn(None, Compilation({"program": thing}), "program")
    if isinstance(thing, Compilation) and "program" in thing.products:
        return drawn(None, thing, "program")
    return f'<pre style="font-family:monospace">{escape(str(thing))}</pre>'


def drawn(graph: Graph | None, compilation: Compilation | None, stage: str) -> str:
    """The frame with a drawing's page."""
    return framed(drawing_of(graph, compilation, stage, stage).html())
