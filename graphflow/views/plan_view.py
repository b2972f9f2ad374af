"""The memory plan as plain data: which slot holds what, from which step to which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.ir.dims import typical


def plan_data(plan: Any, tasks: Sequence[Any] = ()) -> dict[str, Any]:
    """A `MemoryPlan` for the page's timeline.

    Returns
    -------
    dict with `steps`, their number; `names` of the steps, empty where loops make steps too;
    `live`, the arena's bytes in use at each step; and `slots`, each with number, kind, what, bytes,
    first, last and `shares`, the number of the slot whose memory it takes over, or None.
    """
    slots = []
    for slot in plan.slots:
        slots.append(
            {
                "number": slot.number,
                "kind": slot.kind,
                "what": f"{slot.name} {slot.type}".strip(),
                "bytes": int(typical(slot.type.nbytes)),
                "first": slot.first,
                "last": slot.last,
                "shares": slot.shares.number if slot.shares is not None else None,
            }
        )
    steps = 1 + max((slot["last"] for slot in slots), default=-1)
    names = [task.name for task in tasks]
    steps = max(steps, len(names))
    if any(task.kind == "control" for task in tasks):
        names = []
    elif names:
        names += ["end of the run"] * (steps - len(names))
    live = [0] * steps
    for slot in slots:
        if slot["kind"] == "arena" and slot["shares"] is None:
            for step in range(slot["first"], slot["last"] + 1):
                live[step] += slot["bytes"]
    return {"steps": steps, "names": names, "live": live, "slots": slots}
