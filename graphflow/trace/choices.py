"""Conditionals in a trace: one branch where the predicate is known, else a `cond`.

A predicate that fed bool scalars alone decide (``is_training``) makes the run compile once for each
of their values, so that nothing of the other branch remains. What a branch writes of the session's
state becomes a result of both: the branch that does not write hands the old value on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from graphflow.graph.branches import canonical
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ir.node import Node
from graphflow.trace.arrays import ARRAY_VALUES, UnwrittenArray, is_flow
from graphflow.trace.region import Captures, Region, deciding_feeds
from graphflow.trace.tracer import Split, Tracer
from graphflow.trace.units import SWITCHES, Choice


def lower_choice(tracer: Tracer, choice: Choice) -> None:
    """Lower a conditional and give its results to the tracer."""
    flag = tracer.value_of(choice.pred)
    if flag.op == "const":
        _lower_side(tracer, choice, int(bool(flag["value"].array)))
        return
    feeds = deciding_feeds(tracer, flag)
    if feeds is not None:
        raise Split(choice.pred.op, feeds)
    try:
        _lower_both(tracer, choice, flag)
    except Split as split:
        # A branch that must stop for data is settled by knowing which branch it is.
        raise Split(split.operation, [choice.pred]) from None


def _lower_side(tracer: Tracer, choice: Choice, side: int) -> None:
    """The predicate is known: one branch, as if it stood there alone."""
    _give_switched(tracer, choice, side)
    tracer.run(choice.sides[side])
    for op, values in choice.merges.items():
        if side in values:
            value = tracer.value_of(values[side])
        else:
            value = _absent(tracer, choice, values[1 - side])
        _set_merge(tracer, op, value, tracer.const(np.int32(_position(op, values, side))))


def _give_switched(tracer: Tracer, choice: Choice, side: int) -> None:
    """Give the values that enter a branch."""
    for op in sorted(choice.switches, key=lambda op: op._id):
        if op.type == "RefSwitch":
            continue
        data = op.inputs[0]
        if canonical(data) is choice.pred:
            tracer.values[op.outputs[side]] = tracer.const(np.bool_(side))
        else:
            tracer.values[op.outputs[side]] = tracer.value_of(data)


def _set_merge(tracer: Tracer, op: Operation, value: Any, index: Node) -> None:
    tracer.values[op.outputs[0]] = value
    tracer.values[op.outputs[1]] = index
    if op.location is not None and isinstance(value, Node):
        tracer.sources.record(value, op.name, op.location.place)


def _position(op: Operation, values: Mapping[int, Tensor], side: int) -> int:
    return op.inputs.index(values[side]) if side in values else 0


def _absent(tracer: Tracer, choice: Choice, tensor: Tensor) -> Node:
    """Zeros for a value of the branch that is not taken, whose type is found by tracing that."""
    region = Region(tracer, Captures(f"{choice.pred.op.name}/absent"))
    _give_switched(region, choice, int(tensor in _values_of(choice, 1)))
    region.run(choice.sides[int(tensor in _values_of(choice, 1))])
    return zeros(tracer, region.value_of(tensor))


def _values_of(choice: Choice, side: int) -> list[Tensor]:
    return [values[side] for values in choice.merges.values() if side in values]


def zeros(tracer: Tracer, like: Node) -> Node:
    """Zeros of a node's type."""
    zero = tracer.const(np.zeros((), like.dtype.numpy), like.dtype)
    return tracer.broadcast(zero, like.shape, ())


def _lower_both(tracer: Tracer, choice: Choice, flag: Node) -> None:
    captures = Captures(f"{choice.pred.op.name}/{choice.level}")
    regions = [Region(tracer, captures), Region(tracer, captures)]
    exported = _exported(choice)
    for side, region in enumerate(regions):
        _give_switched(region, choice, side)
        region.run(choice.sides[side])
    merged = [_merged_values(regions, op, values) for op, values in choice.merges.items()]
    outputs: tuple[list[Node], list[Node]] = ([], [])
    places: list[int | Any] = []  # the number of an output, or a value that is no node
    for pair in merged:
        places.append(_add_output(tracer, regions, pair, outputs, choice))
    handed = {t: _add_output(tracer, regions, _exported_values(regions, t, s), outputs, choice)
              for t, s in exported.items()}  # fmt: skip
    written = list(dict.fromkeys(n for r in regions for n in sorted(r.written)))
    for name in written:
        for region, results_of in zip(regions, outputs, strict=True):
            results_of.append(region.runtime(_state(region, tracer, name)))
    token, results = tracer.cond(
        flag, list(captures.inner), regions[1].program((), outputs[1]),
        regions[0].program((), outputs[0]),
    )  # fmt: skip
    if any(r.effects for r in regions):
        tracer.effects.append(token)
    for (op, values), place in zip(choice.merges.items(), places, strict=True):
        value = results[place] if isinstance(place, int) else place
        index = [tracer.const(np.int32(_position(op, values, side))) for side in (0, 1)]
        _set_merge(tracer, op, value, tracer.select(flag, index[1], index[0]))
    for switch in choice.switches:  # what a later conditional on the same predicate takes of them
        for tensor in switch.outputs:
            if switch.type == "Switch" and _leaves(tensor, choice.operations):
                tracer.values[tensor] = tracer.value_of(switch.inputs[0])
    for tensor, place in handed.items():
        tracer.values[tensor] = results[place] if isinstance(place, int) else place
    for name, value in zip(written, results[len(results) - len(written) :], strict=True):
        tracer.state[name] = value
        tracer.note_written(name)


def _merged_values(regions: list[Region], op: Operation, values: Mapping[int, Tensor]) -> list[Any]:
    """What each branch gives to a Merge; zeros from the one that gives nothing."""
    found: list[Any] = [
        r.value_of(values[s]) if s in values else None for s, r in enumerate(regions)
    ]
    for side, region in enumerate(regions):
        other = found[1 - side]
        is_unwritten = isinstance(found[side], UnwrittenArray) and isinstance(other, Node)
        # To TensorFlow the flow of an array is a number, and a gradient of zeros is one, too.
        is_number = side in values and isinstance(other, Node) and is_flow(values[side], other)
        if found[side] is None or is_unwritten or (is_number and found[side].rank == 0):
            found[side] = _stand_in(region, other)
    return found


def _stand_in(region: Region, other: Any) -> Any:
    """What a branch gives that has no value: the other's, where that is known, or zeros."""
    if isinstance(other, Node) and other.op == "const":
        return region.const(other["value"].array, other.dtype)
    return zeros(region, other)


def _exported(choice: Choice) -> dict[Tensor, int]:
    """Values of a branch that something after the conditional reads, other than by a Merge.

    It is the same branch of a later conditional on the same predicate: a gradient's.
    """
    inside = choice.operations
    found: dict[Tensor, int] = {}
    for side in (0, 1):
        for op in choice.sides[side]:
            if op.type in SWITCHES and op in choice.switches:
                continue
            for tensor in op.outputs:
                if _leaves(tensor, inside):
                    found[tensor] = side
    return found


def _leaves(tensor: Tensor, inside: set[Operation]) -> bool:
    return any(c not in inside for c in tensor.consumers())


def _exported_values(regions: list[Region], tensor: Tensor, side: int) -> list[Any]:
    value = regions[side].values.get(tensor)
    if not isinstance(value, Node):
        return [value, value]
    pair = [_stand_in(regions[1 - side], value)] * 2
    pair[side] = value
    return pair


def _add_output(
    tracer: Tracer, regions: list[Region], pair: list[Any], outputs: tuple[list[Node], list[Node]],
    choice: Choice,
) -> Any:  # fmt: skip
    """Make a pair of values an output of both branches; returns its number.

    Values that are no nodes (an array of tensors without elements) are returned themselves, and
    so is a number that is the same in both.

    Raises
    ------
    Split : the branches give different types.
    """
    for value in pair:
        if value is None or isinstance(value, ARRAY_VALUES):
            return value
    if pair[0].op == pair[1].op == "const" and pair[0].dtype is pair[1].dtype:
        if np.array_equal(pair[0]["value"].array, pair[1]["value"].array):
            return tracer.const(pair[0]["value"].array, pair[0].dtype)
    first, second = (r.runtime(v) for r, v in zip(regions, pair, strict=True))
    if first.type != second.type:
        raise Split(choice.pred.op, [choice.pred])
    outputs[0].append(first)
    outputs[1].append(second)
    return len(outputs[0]) - 1


def _state(region: Region, tracer: Tracer, name: str) -> Node:
    """A variable's value at a branch's end; the value from before where it is not touched."""
    if name in region.state:
        return region.state[name]
    return region.capture(tracer.state[name])
