"""The primitives of control flow in the graph: Switch, Merge, Enter, Exit, NextIteration, LoopCond.

The trace does not lower them one by one: it finds the branches and loops that they make up
(`trace/control.py`) and gives the Program whole conditionals and loops. Graphs imported from
TensorFlow are built of the same operations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.graph.apply import Signature
from graphflow.graph.branches import Branches, State, resolved
from graphflow.graph.contexts import loop_of
from graphflow.graph.dtypes import int32
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import TensorShape, unknown_shape
from graphflow.graph.tensor import Tensor
from graphflow.ops.identity import Types, same_as_input


def _not_alone(b: Any, op: Operation, *inputs: Any) -> Any:
    """The trace lowers these operations together; what looks for constants gives up here."""
    return b.part_of_control_flow(op)


def _entered(b: Any, op: Operation, x: Any) -> Any:
    return x if op.attrs["is_constant"] else b.part_of_control_flow(op)


def _both(op: Operation) -> Types:
    x = op.inputs[0]
    return [(x.dtype, x.shape), (x.dtype, x.shape)]


def _one(op: Operation) -> Types:
    return [(op.inputs[0].dtype, op.inputs[0].shape)]


def _infer_merge(op: Operation) -> Types:
    first = op.inputs[0]
    shape = first.shape
    for other in op.inputs[1:]:
        if shape.rank is None or other.shape.rank != shape.rank:
            shape = unknown_shape()
            break
        sizes = zip(shape.as_list(), other.shape.as_list(), strict=True)
        shape = TensorShape([a if a == b else None for a, b in sizes])
    return [(first.dtype, shape), (int32, TensorShape([]))]


def _switch_gradient(op: Operation, *gradients: Any) -> list[Any]:
    """The gradient of whichever branch was taken."""
    return [merge([gradients[0], gradients[1]])[0], None]


def _merge_gradient(op: Operation, gradient: Any, index: Any) -> list[Any]:
    """To the input that was there."""
    states = branch_states(op)
    if len(states) == 1:  # it brings a value out of branches that may not be taken
        for pred, side in states[0].items():
            gradient = switch(gradient, pred)[side]
        return [gradient]
    gone = resolved(states)
    if not gone or len(states) != 2:
        raise LookupError(f"no gradient: {op.name} does not merge the branches of a conditional")
    sides = switch(gradient, gone[0], name="cond_grad")
    known = next(k for k in (0, 1) if gone[0] in states[k])
    first = states[known][gone[0]] if known == 0 else 1 - states[known][gone[0]]
    return [sides[first], sides[1 - first]]


def branch_states(op: Operation) -> list[State]:
    """The states of an operation's inputs within the innermost loop."""
    branches = Branches(loop_of(op))
    return [branches.of(tensor) for tensor in op.inputs]


for _name, _infer in (
    ("Enter", _one), ("RefEnter", _one), ("Exit", _one), ("RefExit", _one),
    ("NextIteration", _one), ("RefNextIteration", _one), ("LoopCond", same_as_input),
):  # fmt: skip
    # Gradients of loops have a rule of their own; inside a loop's body, what comes in is a copy.
    lower = _entered if "Enter" in _name else _not_alone
    define_op(name=_name, infer=_infer, lower=lower, gradient=lambda op, gradient: [gradient])
define_op(name="Switch", infer=_both, lower=lambda b, op, x, p: (x, x), gradient=_switch_gradient)
define_op(name="RefSwitch", infer=_both, lower=_not_alone, gradient=_switch_gradient)
define_op(name="Merge", infer=_infer_merge, lower=_not_alone, gradient=_merge_gradient)
define_op(name="RefMerge", infer=_infer_merge, lower=_not_alone, gradient=_merge_gradient)

_SWITCH = Signature("Switch", "data: T", "pred: bool")
_REF_SWITCH = Signature("RefSwitch", "data: Ref(T)", "pred: bool")
_MERGE = Signature("Merge", "inputs: N * T")
_LOOP_COND = Signature("LoopCond", "input: bool")
_NEXT_ITERATION = Signature("NextIteration", "data: T")
_EXIT = Signature("Exit", "data: T")


def switch(data: Any, pred: Any, dtype: Any = None, name: str | None = None) -> list[Tensor]:
    """Forward `data` to one of two outputs: (when `pred` is false, when it is true).

    The other output has no value, and neither has what is computed from it.
    """
    return _SWITCH(data, pred, name=name).outputs


def ref_switch(data: Tensor, pred: Any, name: str | None = None) -> list[Tensor]:
    """`switch` for a variable's reference."""
    return _REF_SWITCH(data, pred, name=name).outputs


def switch_ref_or_tensor(data: Tensor, pred: Any, name: str = "Switch") -> list[Tensor]:
    """`switch`, by reference where `data` is one."""
    make = ref_switch if data.dtype._is_ref_dtype else switch
    return make(data, pred, name=name)


def merge(inputs: Sequence[Any], name: str | None = None) -> tuple[Tensor, Tensor]:
    """The one of `inputs` that has a value, and its number."""
    if any(item is None for item in inputs):
        raise ValueError(f"At least one of the merge inputs is None: {list(inputs)}")
    value, index = _MERGE(list(inputs), name=name).outputs
    return value, index


def loop_cond(flag: Tensor, name: str = "LoopCond") -> Tensor:
    """Mark the value that decides whether a loop has another round."""
    return _LOOP_COND(flag, name=name).outputs[0]


def next_iteration(data: Tensor, name: str | None = None) -> Tensor:
    """Hand a value to the next round."""
    return _NEXT_ITERATION(data, name=name).outputs[0]


def exit_loop(data: Tensor, name: str | None = None) -> Operation:
    """Hand a value out of the loop."""
    return _EXIT(data, name=name)
