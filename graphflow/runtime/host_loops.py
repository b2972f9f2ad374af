"""Loops that the session runs round by round.

A loop whose variables change their shape from round to round, or whose body calls Python, has no
native form: condition and body are requests of their own, with the loop's variables fed. Each is
compiled once for every set of shapes. A round's assignments are committed when the round is done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.trace.arrays import WITHOUT_ELEMENTS
from graphflow.trace.loop_parts import Parts

Array = np.ndarray[Any, Any]
Run = Callable[[Sequence[Tensor], Sequence[Operation], Sequence[Tensor], Sequence[Any]], list[Any]]


def run_loop(parts: Parts, values: dict[Tensor, Any], run: Run) -> dict[Tensor, Any]:
    """Run a loop.

    Parameters
    ----------
    parts : the loop.
    values : of the tensors that it reads from outside.
    run : ``run(tensors, operations, fed, arrays)`` runs a part of the graph. What is fed for an
        array of tensors without elements is that array's description.

    Returns
    -------
    The values of its Exits.
    """
    assert parts.flag is not None
    values = {**values, **parts.arrays}
    constants = {e.outputs[0]: values[e.inputs[0]] for e in parts.constants if e.type == "Enter"}
    current = [values[v.start] for v in parts.variables]
    merges = [v.merge.outputs[0] for v in parts.variables]
    inside = [v.switch.outputs[1] if v.switch else m
              for v, m in zip(parts.variables, merges, strict=True)]  # fmt: skip
    flag = parts.flag.inputs[0]
    nexts = [v.next for v in parts.variables]
    effects = [
        op for op in parts.loop.operations
        if op.definition.stateful and op.type not in ("VariableV2", "Placeholder")
    ]  # fmt: skip
    while True:
        fed = [*merges, *constants]
        (more,) = run([flag], [], fed, [*current, *constants.values()])
        if not more:
            break
        fed = [*inside, *constants]
        current = run(nexts, effects, fed, [*current, *constants.values()])
    exits = [(v.exit, a) for v, a in zip(parts.variables, current, strict=True)]
    known = (np.ndarray, *WITHOUT_ELEMENTS)
    return {e.outputs[0]: a for e, a in exits if e is not None and isinstance(a, known)}
