"""``graphflow draw``: a picture or a page of what a target is and became."""

from __future__ import annotations

import sys

from graphflow.cli.targets import Target, compile_target
from graphflow.inspection import Compilation
from graphflow.views.drawing import Drawing, asks_for_compiling, drawing_of, is_large


class DrawError(Exception):
    """What was asked for is not there; the text says what is."""


def target_drawing(
    target: Target, stage: str, depth: int | None, number: int | None, color: str
) -> Drawing:
    """What is drawn of a target.

    Parameters
    ----------
    number : the compilation, counted from 1; the one with the most nodes when None.

    Raises
    ------
    DrawError : there is no such compilation or stage.
    OpError, ValueError : it could not be compiled, and the stage is not that of the graph.
    """
    if target.variables is not None:
        raise DrawError(f"{target.name} is a checkpoint, which has no graph; draw its .meta file")
    assert target.graph is not None
    if is_large(target.graph):
        sys.stderr.write(
            f"graphflow draw: {len(target.graph.get_operations()):,} operations: the {stage} "
            "alone is drawn; --stage chooses\n"
        )
    if not is_large(target.graph):
        compile_target(target)
    elif asks_for_compiling(stage, color):  # to native code only where its steps are drawn
        compile_target(target, "plan" if stage == "kernels" else "kernels")
    if target.failure is not None and stage != "graph":
        raise target.failure
    compilation, title = _chosen(target, number)
    try:
        return drawing_of(target.graph, compilation, title, stage, depth, color)
    except ValueError as error:
        raise DrawError(str(error)) from error


def _chosen(target: Target, number: int | None) -> tuple[Compilation | None, str]:
    total = len(target.compilations)
    if number is None:
        if not total:
            return None, target.name
        sizes = [len(c.products["program"].nodes()) for c in target.compilations]
        number = 1 + sizes.index(max(sizes))
    if not 1 <= number <= total:
        raise DrawError(f"--run {number}, but {total} runs were compiled")
    title = target.name if total == 1 else f"{target.name}, run {number} of {total}"
    return target.compilations[number - 1], title
