"""The global step: an integer variable that counts training steps, one for each graph."""

from __future__ import annotations

import logging
from typing import Any

from graphflow.graph.collections import GraphKeys
from graphflow.graph.default import get_default_graph
from graphflow.graph.dtypes import int64
from graphflow.graph.graph import Graph
from graphflow.graph.tensor import Tensor
from graphflow.ops.initializers import Zeros
from graphflow.ops.variable_scope import get_variable
from graphflow.ops.variables import Variable

__all__ = [
    "assert_global_step",
    "create_global_step",
    "get_global_step",
    "get_or_create_global_step",
    "global_step",
]

_logger = logging.getLogger("graphflow")


def global_step(sess: Any, global_step_tensor: Any) -> int:
    """Return the value of a global step in a session."""
    return int(sess.run(global_step_tensor))


def get_global_step(graph: Graph | None = None) -> Any:
    """Return the graph's global step; None when it has none.

    It is the variable in the collection ``GLOBAL_STEP``, or the tensor named ``global_step:0``.

    Raises
    ------
    TypeError : what is found is no integer scalar.
    """
    graph = graph or get_default_graph()
    found = graph.get_collection(GraphKeys.GLOBAL_STEP)
    if len(found) > 1:
        _logger.error("Multiple tensors in global_step collection.")
        return None
    try:
        step = found[0] if found else graph.get_tensor_by_name("global_step:0")
    except KeyError:
        return None
    assert_global_step(step)
    return step


def create_global_step(graph: Graph | None = None) -> Any:
    """Make the graph's global step, an int64 variable that starts at zero.

    Raises
    ------
    ValueError : there is one already.
    """
    graph = graph or get_default_graph()
    if get_global_step(graph) is not None:
        raise ValueError('"global_step" already exists.')
    with graph.as_default(), graph.name_scope(None):
        return get_variable(
            GraphKeys.GLOBAL_STEP,
            shape=[],
            dtype=int64,
            initializer=Zeros(),
            trainable=False,
            collections=[GraphKeys.GLOBAL_VARIABLES, GraphKeys.GLOBAL_STEP],
        )


def get_or_create_global_step(graph: Graph | None = None) -> Any:
    """Return the graph's global step, made if there is none."""
    graph = graph or get_default_graph()
    step = get_global_step(graph)
    return create_global_step(graph) if step is None else step


def assert_global_step(global_step_tensor: Any) -> None:
    """Raise TypeError unless the argument is a variable or tensor that is an integer scalar."""
    if not isinstance(global_step_tensor, (Variable, Tensor)):
        raise TypeError(
            f'Existing "global_step" must be a Variable or Tensor: {global_step_tensor}.'
        )
    if not global_step_tensor.dtype.base_dtype.is_integer:
        raise TypeError(
            f'Existing "global_step" does not have integer type: {global_step_tensor.dtype}'
        )
    shape = global_step_tensor.shape
    if shape.rank != 0 and shape.is_fully_defined():
        raise TypeError(f'Existing "global_step" is not scalar: {shape}')


def read_global_step(graph: Graph | None = None) -> Tensor | None:
    """Return a tensor that reads the global step, made once for each graph; None without a step.

    It reads the initial value for as long as the step has none, so that what is built under a
    dependency on it can be initialised.
    """
    graph = graph or get_default_graph()
    known = graph.get_collection(_READS)
    if known:
        return known[0]
    step = get_global_step(graph)
    if step is None:
        return None
    with graph.as_default(), graph.name_scope(None), graph.name_scope(f"{step.op.name}/"):
        value = step.initialized_value() if isinstance(step, Variable) else step
        made = value + 0
    graph.add_to_collection(_READS, made)
    return made


_READS = "global_step_read_op_cache"
