"""Initial values that depend on other variables.

``w = tf.Variable(v * 2)`` must work whichever of the two is initialised first. So the operations
that lead from a variable to the initial value are made a second time, with the variable's
`initialized_value` in its place.
"""

from __future__ import annotations

from typing import Any

from graphflow.graph.collections import GraphKeys
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor

# These ask for a variable in a way that needs no value of it.
_TAKEN_AS_THEY_ARE = ("IsVariableInitialized", "InitializedValue")


def guarded_initial_value(name: str, initial_value: Any) -> Tensor:
    """Return `initial_value`, free of variables that may not have a value yet.

    Parameters
    ----------
    name : the new variable's name, put at the end of the names of operations made again.
    """
    if not isinstance(initial_value, Tensor):
        raise TypeError(f"initial_value needs to be a Tensor: {initial_value}")
    replaced: dict[Operation, Operation] = {}
    # Post-order without recursion: an initial value may hang on thousands of operations.
    stack = [(initial_value.op, False)]
    while stack:
        op, inputs_done = stack.pop()
        if op in replaced:
            continue
        if inputs_done or not op.inputs or op.type in _TAKEN_AS_THEY_ARE:
            replaced[op] = _replacement(name, op, replaced)
        else:
            stack.append((op, True))
            stack += [(tensor.op, False) for tensor in reversed(op.inputs)]
    return replaced[initial_value.op].outputs[initial_value.value_index]


def _replacement(name: str, op: Operation, replaced: dict[Operation, Operation]) -> Operation:
    if op.type == "VariableV2":
        variable = _variable_with_name(op)
        return op if variable is None else variable.initialized_value().op
    if op.type == "InitializedValue":
        # TensorFlow makes its `cond` again here: its operations are counted, see `_skip_ids`.
        op.graph._skip_ids(12)
    if not op.inputs or op.type in _TAKEN_AS_THEY_ARE:
        return op
    inputs = [replaced[tensor.op].outputs[tensor.value_index] for tensor in op.inputs]
    if all(new is old for new, old in zip(inputs, op.inputs, strict=True)):
        return op
    new_name = f"{op.name}_{name}".replace(":", "_")
    return op.graph.create_op(op.type, inputs, op.attrs, new_name)


def _variable_with_name(op: Operation) -> Any:
    for key in (GraphKeys.GLOBAL_VARIABLES, GraphKeys.LOCAL_VARIABLES):
        for variable in op.graph.get_collection(key):
            if getattr(variable, "name", None) in (op.name, f"{op.name}:0"):
                return variable
    return None
