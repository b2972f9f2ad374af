"""Pruning: the operations that a run needs."""

from __future__ import annotations

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
        # What waits for a fed placeholder waits for nothing.
        waits = [c for c in op._control_inputs if not (c.outputs and c.outputs[0] in fed)]
        before = [t.op for t in read if t not in fed] + waits
        pending += [other for other in before if other not in seen and other not in done]
    return seen


def writes_variable(op: Operation) -> bool:
    """Whether the operation changes the variable that its first input refers to."""
    if not op.inputs or not op.definition.stateful:
        return False
    return (
        op.inputs[0].dtype._is_ref_dtype and bool(op.outputs) and op.outputs[0].dtype._is_ref_dtype
    )
