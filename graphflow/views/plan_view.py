"""The memory plan as text and as plain data: which slot holds what, from which step to which.

A loop and a choice are steps of the plan around them, and have a plan for each of their Programs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graphflow.compiler import CompiledProgram
from graphflow.ir.dims import typical
from graphflow.ir.prims.control import REGIONS
from graphflow.schedule.plan import MemoryPlan, Task

END = "end"  # of the run, or of a round: values are copied to where they stay


def plan_text(compiled: CompiledProgram, title: str = "") -> str:
    """The steps with their numbers, the slots, and the plans of loops and branches."""
    lines = [f"{title}:\n"] if title else []
    lines += [f"  step {number}: {task.name}\n" for number, task in enumerate(compiled.tasks)]
    lines.append(str(compiled.memory))
    lines += [plan_text(inner, f"{part} of {task.name}") for task, part, inner in _inner(compiled)]
    return "".join(lines)


def plan_data(compiled: CompiledProgram, title: str = "") -> dict[str, Any]:
    """The plan for the page's timeline.

    Returns
    -------
    dict with `title`; `steps`, their number; `names` of the steps; `live`, the arena's bytes in use
    at each step; `slots`, each with number, kind, what, bytes, first, last and `shares`, the number
    of the slot whose memory it takes over, or None; and `inner`, the plans of loops and branches.
    """
    slots = _slots(compiled.memory)
    names = [task.name for task in compiled.tasks]
    steps = max([len(names), *(1 + slot["last"] for slot in slots)])
    live = [0] * steps
    for slot in slots:
        if slot["kind"] == "arena" and slot["shares"] is None:
            for step in range(slot["first"], slot["last"] + 1):
                live[step] += slot["bytes"]
    return {
        "title": title,
        "steps": steps,
        "names": names + [END] * (steps - len(names)),
        "live": live,
        "slots": slots,
        "inner": [plan_data(i, f"{part} of {task.name}") for task, part, i in _inner(compiled)],
    }


def _slots(plan: MemoryPlan) -> list[dict[str, Any]]:
    return [
        {
            "number": slot.number,
            "kind": slot.kind,
            "what": f"{slot.name} {slot.type}".strip(),
            "bytes": int(typical(slot.type.nbytes)),
            "first": slot.first,
            "last": slot.last,
            "shares": slot.shares.number if slot.shares is not None else None,
        }
        for slot in plan.slots
    ]


def _inner(compiled: CompiledProgram) -> Iterator[tuple[Task, str, CompiledProgram]]:
    """The compiled Programs of loops and branches, with their step and their part of it."""
    for task, regions in compiled.regions.items():
        assert task.node is not None
        for part, region in zip(REGIONS[task.node.op], regions, strict=True):
            yield task, part, region
