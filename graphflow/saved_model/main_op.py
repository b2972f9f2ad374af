"""Operations that a SavedModel runs when it is loaded."""

from __future__ import annotations

from typing import Any

from graphflow.graph.default import control_dependencies, get_default_graph
from graphflow.graph.operation import Operation
from graphflow.lookup import tables_initializer
from graphflow.ops.identity import group
from graphflow.ops.variable_lists import (
    global_variables_initializer,
    local_variables_initializer,
)


def main_op() -> Operation:
    """What initialises variables and tables."""
    return group(
        global_variables_initializer(), local_variables_initializer(), tables_initializer()
    )


def main_op_with_restore(restore_op_name: Any) -> Operation:
    """`main_op`, then an operation that restores variables, given by its name or as one."""
    with control_dependencies([main_op()]):
        return group(get_default_graph().as_graph_element(restore_op_name))
