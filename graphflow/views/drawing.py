"""`gf.draw`: pictures for notebooks and files."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graphflow.graph import nest
from graphflow.graph.default import get_default_graph
from graphflow.graph.graph import Graph
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.shown import show_by
from graphflow.system_files import write_whole
from graphflow.views.collector import collector_paused
from graphflow.views.scopes import Diagram, opened_boxes

if TYPE_CHECKING:  # it imports the compiler, which a picture of a graph does not need
    from graphflow.inspection import Compilation

STAGES = ("graph", "program", "kernels")
FORMATS = ("svg", "png", "pdf", "html", "dot")
MOST_SHOWN = 80  # boxes that a picture shows at most when no depth was asked for
MOST_ASKED = 2000
MOST_TOGETHER = 20_000  # operations; each stage of larger graphs is a drawing of its own
MOST_PIXELS = 16_000  # along a side of a png; cairo's own limit is 32,767


@dataclass(eq=False)
class Drawing:
    """A picture of a graph, or of what it became. A notebook shows it.

    Attributes
    ----------
    diagrams : what there is to show, by stage (graph, program, kernels); made when it is asked for.
    stage : which of them the picture shows; the page shows all.
    depth : how deep scopes are open; as deep as stays legible when None.
    color : what colours tell: kind, device, kernel, cost, or the time measured.
    plan : the memory plan as `plan_view.plan_data` gives it, or None.
    """

    makers: dict[str, Callable[[], Diagram]]
    title: str = "graph"
    stage: str = "graph"
    depth: int | None = None
    color: str = "kind"
    plan: dict[str, Any] | None = None
    _diagrams: dict[str, Diagram] = field(default_factory=dict)

    def diagram(self, stage: str | None = None) -> Diagram:
        """The boxes and links of a stage."""
        stage = stage or self.stage
        if stage not in self._diagrams:
            self._diagrams[stage] = self.makers[stage]()
        return self._diagrams[stage]

    def _layout(self) -> Any:
        from graphflow.views.layout import layout_diagram

        most = MOST_SHOWN if self.depth is None else MOST_ASKED
        with collector_paused():
            diagram = self.diagram()
            return layout_diagram(diagram, opened_boxes(diagram, self.depth, most))

    def svg(self) -> str:
        """The picture as SVG."""
        from graphflow.views.svg import svg_text

        return svg_text(self._layout(), self.color)

    def dot(self) -> str:
        """The picture for Graphviz."""
        from graphflow.views.dot import dot_text

        return dot_text(self._layout(), self.color)

    def html(self) -> str:
        """A page that stands alone, in which scopes fold and unfold."""
        from graphflow.views.page import page_text

        with collector_paused():
            diagrams = {stage: self.diagram(stage) for stage in self.makers}
            return page_text(self.title, diagrams, self.stage, self.depth, self.color, self.plan)

    def content(self, form: str) -> bytes:
        """The picture in one of `FORMATS`.

        Raises
        ------
        ValueError : there is no such form.
        ImportError : the package that makes it is not installed.
        """
        if form in ("png", "pdf"):
            from graphflow.views.svg import svg_text

            layout = self._layout()
            longest = max(layout.width, layout.height)
            return _converted(svg_text(layout, self.color), form, min(1.0, MOST_PIXELS / longest))
        if form not in FORMATS:
            raise ValueError(f"a drawing is one of {', '.join(FORMATS)}, not {form!r}")
        text: str = getattr(self, form)()
        return text.encode()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture into a file, whole or not at all; the path's ending tells the form.

        Raises
        ------
        ValueError, ImportError : as for `content`.
        OSError : the file cannot be written.
        """
        path = os.fspath(path)
        write_whole(path, self.content(path_format(path)))

    def _repr_svg_(self) -> str:
        return self.svg()

    def _repr_html_(self) -> str:
        from graphflow.views.notebook import framed

        return framed(self.html())


def path_format(path: str) -> str:
    """The form that a path's ending asks for.

    Raises
    ------
    ValueError : it asks for none.
    """
    form = os.path.splitext(path)[1].removeprefix(".").lower()
    if form not in FORMATS:
        endings = ", ".join(f".{known}" for known in FORMATS)
        raise ValueError(f"expected a file ending in one of {endings}, got {path!r}")
    return form


def _converted(svg: str, form: str, scale: float) -> bytes:
    try:
        import cairosvg
    except (ImportError, OSError) as error:  # OSError: without the cairo library itself
        raise ImportError(
            f"a {form} needs the package cairosvg and the library cairo: pip install "
            f"'graphflow[viz]', or draw an svg or html ({error})"
        ) from error
    convert = cairosvg.svg2png if form == "png" else cairosvg.svg2pdf
    content: bytes = convert(bytestring=svg.encode(), scale=scale)
    return content


def drawing_of(
    graph: Graph | None,
    compilation: Compilation | None,
    title: str,
    stage: str = "graph",
    depth: int | None = None,
    color: str = "kind",
    operations: list[Operation] | None = None,
) -> Drawing:
    """What can be shown of a graph, of its operations chosen, and of one compilation.

    Of very many operations (`is_large`) that is the one stage, as each of the others takes seconds.

    Raises
    ------
    ValueError : there is nothing of that stage.
    """
    from graphflow.views import diagrams

    makers: dict[str, Callable[[], Diagram]] = {}
    if graph is not None:
        chosen = graph.get_operations() if operations is None else operations
        makers["graph"] = lambda: diagrams.graph_diagram(chosen, f"{title}: graph", compilation)
    if compilation is not None:
        if "program" in compilation.products:
            makers["program"] = lambda: diagrams.program_diagram(compilation, f"{title}: program")
        if "code" in compilation.products:
            from graphflow.views.step_boxes import kernels_diagram

            makers["kernels"] = lambda: kernels_diagram(compilation, f"{title}: kernels")
    if color == "time" and not (compilation is not None and compilation.measured):
        raise ValueError("no times to colour by: `graphflow draw --profile` measures them")
    if stage not in makers:
        there = ", ".join(makers) or "nothing"
        raise ValueError(f"no {stage} to draw: expected a stage that was made, which are {there}")
    if graph is not None and is_large(graph if operations is None else operations):
        makers = {stage: makers[stage]}
    return Drawing(makers, title, stage, depth, color, _plan(compilation))


def is_large(operations: Graph | list[Operation]) -> bool:
    """Whether so many operations are drawn that a drawing shows one stage alone."""
    if isinstance(operations, Graph):
        operations = operations.get_operations()
    return len(operations) > MOST_TOGETHER


def asks_for_compiling(stage: str, color: str) -> bool:
    """Whether a drawing of a large graph shows what only compiling tells."""
    return stage != "graph" or color in ("kernel", "cost")


def _plan(compilation: Compilation | None) -> dict[str, Any] | None:
    if compilation is None or "plan" not in compilation.products:
        return None
    from graphflow.views.plan_view import plan_data

    return plan_data(compilation.products["code"])


def draw(
    fetches: Any = None,
    stage: str | None = None,
    depth: int | None = None,
    color: str = "kind",
) -> Drawing:
    """Draw what computes `fetches`; a whole graph, or the default one when None.

    Parameters
    ----------
    fetches : tensors, operations, their names, or structures of them, which are compiled too; or a
        Graph, which is only drawn. What needs more than 20,000 operations is compiled if `stage`
        or `color` ask for what that tells, and its page has the one stage.
    stage : graph, program or kernels; the graph when None. Only fetches have the others.
    depth : how deep scopes are open.
    color : what colours tell: kind, device, kernel or cost.

    Returns
    -------
    Drawing, which notebooks show, and which has `save(path)` for svg, png, pdf, html and dot.

    Examples
    --------
    >>> gf.draw(loss).save("loss.html")
    """
    from graphflow.views.colours import SCHEMES

    if color not in SCHEMES:
        raise ValueError(f"color is one of {', '.join(SCHEMES)}, not {color!r}")
    if fetches is None or isinstance(fetches, Graph):
        graph = get_default_graph() if fetches is None else fetches
        return drawing_of(graph, None, "graph", stage or "graph", depth, color)
    from graphflow.trace.prune import needed_operations

    graph = _graph_of(fetches)
    elements = [graph.as_graph_element(e) for e in nest.flatten(fetches) if e is not None]
    operations = [e if isinstance(e, Operation) else e.op for e in elements]
    needed = sorted(needed_operations(operations, ()), key=lambda op: op._id)
    title = ", ".join(op.name for op in operations[:3]) + ("…" if len(operations) > 3 else "")
    stage = stage or "graph"
    compilation = None
    if asks_for_compiling(stage, color) or not is_large(needed):
        from graphflow.inspection import compile_fetches

        with collector_paused():
            compilation = compile_fetches(elements)[1]
    return drawing_of(graph, compilation, title, stage, depth, color, needed)


def _graph_of(fetches: Any) -> Graph:
    for element in nest.flatten(fetches):
        if isinstance(element, (Tensor, Operation)):
            return element.graph
    return get_default_graph()


def _html(thing: Any) -> str:
    from graphflow.views.notebook import html_of  # it imports the compiler

    return html_of(thing)


show_by(_html)
