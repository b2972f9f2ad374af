"""The variables of the default graph, and operations on all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.graph.collections import GraphKeys
from graphflow.graph.constants import constant
from graphflow.graph.default import device, get_collection, get_default_graph, name_scope
from graphflow.graph.dtypes import string
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ops import state
from graphflow.ops.identity import group, no_op


def global_variables(scope: str | None = None) -> list[Any]:
    """Return the variables of the whole program; with `scope`, those whose name it matches."""
    return get_collection(GraphKeys.GLOBAL_VARIABLES, scope)


def all_variables() -> list[Any]:
    """Return `global_variables`, under the name it had before TensorFlow 0.12."""
    return global_variables()


def local_variables(scope: str | None = None) -> list[Any]:
    """Return the variables that are not saved: counters, metrics."""
    return get_collection(GraphKeys.LOCAL_VARIABLES, scope)


def model_variables(scope: str | None = None) -> list[Any]:
    """Return the variables that inference needs."""
    return get_collection(GraphKeys.MODEL_VARIABLES, scope)


def trainable_variables(scope: str | None = None) -> list[Any]:
    """Return the variables that optimisers update."""
    return get_collection(GraphKeys.TRAINABLE_VARIABLES, scope)


def moving_average_variables(scope: str | None = None) -> list[Any]:
    """Return the variables that have a moving average."""
    return get_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, scope)


def variables_initializer(var_list: Sequence[Any], name: str = "init") -> Operation:
    """Return an operation that initialises all of `var_list`."""
    if var_list:
        return group(*[variable.initializer for variable in var_list], name=name)
    return no_op(name=name)


def initialize_variables(var_list: Sequence[Any], name: str = "init") -> Operation:
    """Return `variables_initializer`, under the name it had before TensorFlow 0.12."""
    return variables_initializer(var_list, name=name)


def global_variables_initializer() -> Operation:
    """Return an operation that initialises all global variables made so far."""
    return variables_initializer(global_variables())


def initialize_all_variables() -> Operation:
    """Return `global_variables_initializer`, under the name it had before TensorFlow 0.12."""
    return global_variables_initializer()


def local_variables_initializer() -> Operation:
    """Return an operation that initialises all local variables made so far."""
    return variables_initializer(local_variables())


def initialize_local_variables() -> Operation:
    """Return `local_variables_initializer`, under the name it had before TensorFlow 0.12."""
    return local_variables_initializer()


def is_variable_initialized(variable: Any) -> Tensor:
    """Return a boolean tensor: whether the variable has a value."""
    return state.is_variable_initialized(variable)


def _variables_or_references(var_list: Sequence[Any] | None) -> list[Any]:
    """Return `var_list`, or all variables, or the references where there are no variables."""
    if var_list is not None:
        return list(var_list)
    found = global_variables() + local_variables()
    if found:
        return found
    operations = get_default_graph().get_operations()
    return [op.outputs[0] for op in operations if op.type == "VariableV2"]


def report_uninitialized_variables(
    var_list: Sequence[Any] | None = None, name: str = "report_uninitialized_variables"
) -> Tensor:
    """Return the names, a vector of text, of the variables that have no value.

    Parameters
    ----------
    var_list : variables to look at; all global and local ones when None.
    """
    variables = _variables_or_references(var_list)
    with name_scope(name), device("/cpu:0"):
        if not variables:
            return constant([], dtype=string)
        return state.uninitialized_names(variables, [v.op.name for v in variables])


def assert_variables_initialized(var_list: Sequence[Any] | None = None) -> Operation | None:
    """Return an operation that fails with FailedPreconditionError unless all have a value.

    None when there are no variables.
    """
    variables = _variables_or_references(var_list)
    if not variables:
        return None
    return group(*[state.assert_initialized(variable) for variable in variables])
