"""What is asked of the engine, and how a run is cut where tracing must stop for data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from graphflow.graph.branches import canonical
from graphflow.graph.dtypes import resource
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.trace.prune import needed_operations
from graphflow.trace.tracer import Split
from graphflow.trace.units import ENTERS, EXITS, SWITCHES


@dataclass(frozen=True)
class Request:
    """What a run asks for.

    Attributes
    ----------
    tensors, operations : what to compute and what to run.
    fed : tensors whose values are given.
    done : operations that ran in an earlier part of the run.
    givens : tensors to be read in place of others: (original, replacement).
    arrays : tensors that stand for arrays of tensors without elements, and what these are.
    is_exact : whether nothing that the data decides may be taken for granted.
    is_part : whether the results go to another part of a run, so that arrays of tensors without
        elements may be among them.
    """

    tensors: tuple[Tensor, ...]
    operations: tuple[Operation, ...]
    fed: tuple[Tensor, ...]
    done: frozenset[Operation] = frozenset()
    givens: tuple[tuple[Tensor, Tensor], ...] = ()
    arrays: tuple[tuple[Tensor, Any], ...] = ()
    is_exact: bool = False
    is_part: bool = False


class Cut:
    """Where a run is cut in two.

    Attributes
    ----------
    inputs : the tensors whose values are needed.
    operations : what Python runs itself; empty when the values alone are needed.
    function, loop : how; see `Split`.
    waits_for : operations that must have run before.
    """

    def __init__(
        self, inputs: Sequence[Tensor], operations: frozenset[Operation] = frozenset(),
        function: Any = None, loop: Any = None,
    ) -> None:  # fmt: skip
        self.inputs, self.operations = list(inputs), operations
        self.function, self.loop = function, loop
        self.waits_for = [c for op in operations for c in op._control_inputs if c not in operations]

    @classmethod
    def at(cls, split: Split) -> Cut:
        """What a split asks for."""
        if split.loop is not None:
            inputs = [t for t in dict.fromkeys(split.loop.inputs()) if t not in split.loop.arrays]
            return cls(inputs, frozenset(split.loop.loop.operations), loop=split.loop)
        if split.function is not None:
            operation = split.operation
            return cls(operation.inputs, frozenset([operation]), split.function)
        return cls(split.tensors)


@dataclass(frozen=True)
class Division:
    """A run that is cut in two, with what Python runs between.

    Attributes
    ----------
    cut : why, and what Python runs.
    first : the first part. It computes what the cut asks for, and what the rest reads of it, so
        that nothing runs twice.
    done : what has run when the rest begins.
    """

    cut: Cut
    first: Request
    done: frozenset[Operation]


def divided(request: Request, cut: Cut) -> Division:
    """The division of a run at a cut."""
    fed = {*request.fed, *(t for t, _ in request.arrays)}
    targets = [t.op for t in cut.inputs if t not in fed]
    targets += cut.waits_for
    givens = dict(request.givens)
    first = needed_operations(targets, fed, request.done, givens)
    roots = [*request.operations, *(t.op for t in request.tensors if t not in fed)]
    if any(op.type in ENTERS for op in first):
        whole = needed_operations(roots, fed, request.done, givens)
        ends = _ends_of_started_loops(first, whole)
        if ends:
            first = needed_operations([*targets, *ends], fed, request.done, givens)
    rest_done = request.done | {op for op in first if not is_made_again(op)} | cut.operations
    rest = needed_operations(roots, fed, rest_done, givens)
    read = [t for op in rest for t in op.inputs]
    # Branches are known by their predicate itself, not by what a Switch reads of it.
    read += [canonical(givens.get(t, t)) for t in _predicates(rest)]
    crossing = [t for t in read if t.op in first and t not in fed]
    crossing += [t for t in request.tensors if t.op in first and t not in fed]
    crossing = [t for t in crossing if t.op in rest_done]
    crossing = [t for t in dict.fromkeys(crossing) if not _is_reference(t)]
    ask = list(dict.fromkeys([*(t for t in cut.inputs if t not in fed), *crossing]))
    operations = tuple(sorted(first, key=lambda op: op._id)) if cut.operations else ()
    effects = tuple(op for op in operations or first if op.definition.stateful)
    first_part = replace(request, tensors=tuple(ask), operations=effects, is_part=True)
    return Division(cut, first_part, frozenset(rest_done))


def is_made_again(op: Operation) -> bool:
    """Whether an operation is traced in each part of a run.

    So is what makes a handle or an array, and what chooses a branch: of its outputs, which the
    parts read, only one has a value.
    """
    if op.type in ("Switch", "RefSwitch"):
        return op.inputs[1].op.type != "LoopCond"
    is_handle = bool(op.outputs) and all(t.dtype is resource for t in op.outputs)
    return is_handle or _is_new_array(op)


def _is_new_array(op: Operation) -> bool:
    """Whether the operation makes an array of tensors: it is traced again in each part of a run."""
    while op.type == "Identity":
        op = op.inputs[0].op
    return op.type in ("TensorArrayV3", "LoopArray")


def _ends_of_started_loops(first: set[Operation], whole: set[Operation]) -> list[Operation]:
    """What a run's other parts read of loops that its first part runs: a loop runs once."""
    found = []
    for op in whole:
        switch = op.inputs[0].op if op.type in EXITS and op not in first else None
        if switch is not None and switch.type in SWITCHES and switch.inputs[1].op in first:
            found.append(op)
    return found


def _predicates(operations: set[Operation]) -> list[Tensor]:
    return [op.inputs[1] for op in operations if op.type in SWITCHES]


def _is_reference(tensor: Tensor) -> bool:
    if tensor.dtype._is_ref_dtype:
        return True
    return tensor.op.type == "Identity" and tensor.op.inputs[0].dtype._is_ref_dtype
