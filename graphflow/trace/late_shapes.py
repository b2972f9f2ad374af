"""Shape rules asked again in a run, for operations whose inputs had no known rank in the graph.

A rule can't refuse a shape that the graph does not know. Lowering then sees whatever was fed, and
without a second look it would fail somewhere inside, or accept what TensorFlow does not.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from graphflow.graph.operation import Operation
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor
from graphflow.ir.node import Node


def lowered(builder: Any, op: Operation, inputs: Sequence[Any]) -> Any:
    """What the operation's lowering makes, for shapes that its rule does not refuse.

    Lowering comes first, as its errors are TensorFlow's in a run; where it stumbles, or takes what
    it should not, the rule speaks.

    Raises
    ------
    ValueError : lowering, or the rule, refuses the shapes.
    """
    try:
        made = op.definition.lower(builder, op, *inputs)
    except IndexError:
        check_ranks(op, inputs)
        raise
    if not op.definition.stateful:  # an effect may be a check, with a text of its own
        check_ranks(op, inputs)
    return made


def check_ranks(op: Operation, inputs: Sequence[Any]) -> None:
    """Apply the shape rule of `op` to the shapes that the run has.

    Parameters
    ----------
    inputs : the nodes of its inputs; those that are something else keep the graph's shape.

    Raises
    ------
    ValueError : the rule refuses the shapes.
    """
    if all(tensor.shape.extents is not None for tensor in op.inputs):
        return
    seen = copy.copy(op)
    pairs = zip(op.inputs, inputs, strict=True)
    seen.inputs = tuple(_as_in_run(tensor, node) for tensor, node in pairs)
    op.definition.infer(seen)


def _as_in_run(tensor: Tensor, node: Any) -> Tensor:
    """The tensor with the shape that it has in the run; open where that is a symbol."""
    if not isinstance(node, Node):
        return tensor
    sizes = [size if isinstance(size, int) else None for size in node.shape]
    return Tensor(tensor.op, tensor.value_index, tensor.dtype, TensorShape(sizes))
