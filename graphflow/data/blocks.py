"""Blocks of elements: a function of one element runs over many in one native call.

The function's operations become the body of a loop over the rows of the block's arrays, in the
graph in which they are: so there is one state for each random operation, and the numbers drawn are
those of calls one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow.data.rows import Batches, Element
from graphflow.graph.apply import Signature
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor
from graphflow.ops.functional import map_fn
from graphflow.ops.identity import placeholder
from graphflow.runtime.session import Session
from graphflow.trace.prune import needed_operations
from graphflow.trace.tracer import Split

Array = np.ndarray[Any, Any]


class NotInBlocks(Exception):
    """The function calls Python, or has results whose shapes are known in the run only."""


def _infer_call(op: Operation) -> list[tuple[Any, TensorShape]]:
    return [(t.dtype, t.shape) for t in op.attrs["outputs"]]


def _inlined(b: Any, op: Operation, *inputs: Any) -> tuple[Any, ...]:
    """Lower the body's operations where the call stands."""
    body_inputs, outputs = op.attrs["inputs"], op.attrs["outputs"]
    for tensor, node in zip(body_inputs, inputs, strict=True):
        b.values[tensor] = node
    known = {*body_inputs, *b.feeds}
    try:
        b.run(needed_operations([t.op for t in outputs if t not in known], known))
    except Split:
        raise NotInBlocks from None
    return tuple(b.value_of(t) for t in outputs)


define_op(
    name="ElementCall",
    infer=_infer_call,
    lower=_inlined,
    no_gradient="data",
    stateful=True,
)
_CALL = Signature("ElementCall", "elements: T...")


class BlockFunction:
    """A function of elements, given by its graph's tensors, as one of blocks of them.

    Parameters
    ----------
    session : of the tensors' graph; calls one by one must use the same.
    inputs, outputs : an element, and the results for it; all shapes known.
    captured : what is fed to every call.
    """

    def __init__(
        self, session: Session, inputs: Sequence[Tensor], outputs: Sequence[Tensor],
        captured: Sequence[Tensor],
    ) -> None:  # fmt: skip
        def call(element: Any) -> list[Tensor]:
            return list(_CALL(element, inputs=list(inputs), outputs=list(outputs)).outputs)

        with session.graph.as_default():
            blocks = [
                placeholder(t.dtype, TensorShape([None]).concatenate(t.shape)) for t in inputs
            ]
            made = map_fn(call, blocks, dtype=[t.dtype for t in outputs])
        self._call = session.make_callable(made, [*blocks, *captured])
        self._batches = Batches()

    def __call__(self, elements: Sequence[Element], captured: Sequence[Array]) -> list[Array]:
        """The results for the elements, stacked.

        Raises
        ------
        NotInBlocks : they must be computed one by one.
        """
        block = self._batches.of(elements)
        return [np.asarray(v) for v in self._call(*block, *captured)]
