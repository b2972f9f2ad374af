"""Pruning: the operations that a run needs, in the order in which the trace takes them.

The order respects data and control dependences. Among operations that are free to run, those that
write a variable come last and otherwise the one made first comes first: so everything that may
still see the old value of a variable does, as in TensorFlow, where a training step's loss is
computed from the variables before their update.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Mapping

from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor

_NONE: Mapping[Tensor, Tensor] = {}


def needed_operations(
    targets: Iterable[Operation],
    fed: Collection[Tensor],
    done: Collection[Operation] = (),
    givens: Mapping[Tensor, Tensor] = _NONE,
) -> set[Operation]:
    """The operations reachable from `targets`, without going beyond fed tensors or done ones.

    `givens` are tensors to be read in place of others.
    """
    seen: set[Operation] = set()
    pending = [op for op in targets if op not in done]
    while pending:
        op = pending.pop()
        if op in seen:
            continue
        seen.add(op)
        read = [givens.get(t, t) for t in op.inputs] if givens else op.inputs
        before = [t.op for t in read if t not in fed] + op._control_inputs
        pending += [other for other in before if other not in seen and other not in done]
    return seen


def writes_variable(op: Operation) -> bool:
    """Whether the operation changes the variable that its first input refers to."""
    if not op.inputs or not op.definition.stateful:
        return False
    return (
        op.inputs[0].dtype._is_ref_dtype and bool(op.outputs) and op.outputs[0].dtype._is_ref_dtype
    )


def execution_order(
    needed: set[Operation], fed: Collection[Tensor], givens: Mapping[Tensor, Tensor] = _NONE
) -> list[Operation]:
    """The operations in the order of the trace; see the module's text."""
    waiting: dict[Operation, int] = {}
    users: dict[Operation, list[Operation]] = {op: [] for op in needed}
    for op in needed:
        read = [givens.get(t, t) for t in op.inputs]
        before = {t.op for t in read if t not in fed and t.op in needed}
        before.update(c for c in op._control_inputs if c in needed)
        waiting[op] = len(before)
        for other in before:
            users[other].append(op)
    ready = [(writes_variable(op), op._id, op) for op in needed if not waiting[op]]
    heapq.heapify(ready)
    order: list[Operation] = []
    while ready:
        op = heapq.heappop(ready)[-1]
        order.append(op)
        for user in users[op]:
            waiting[user] -= 1
            if not waiting[user]:
                heapq.heappush(ready, (writes_variable(user), user._id, user))
    return order
