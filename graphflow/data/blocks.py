"""Blocks of elements: a function of one element runs over many in one native call.

The function's operations become the body of a loop over the rows of the block's arrays, in the
graph in which they are: so there is one state for each random operation, and the numbers drawn are
those of calls one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

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
Element = tuple[Array, ...]


class NotInBlocks(Exception):
    """The function calls Python, or has results whose shapes are known in the run only."""


class Row(tuple[Array, ...]):
    """An element that is a row of a block's arrays."""

    block: Sequence[Array]
    place: int

    @classmethod
    def of(cls, block: Sequence[Array], place: int) -> Row:
        """The element at a place of a block."""
        row = cls([array[place, ...] for array in block])
        row.block, row.place = block, place
        return row


def rows_of(block: Sequence[Array]) -> Iterator[Row]:
    """All elements of a block."""
    return (Row.of(block, place) for place in range(len(block[0])))


def whole_block(elements: Sequence[Element]) -> Element | None:
    """The block whose elements these are, all and in order; None when they are not."""
    first = elements[0]
    if not isinstance(first, Row) or len(first.block[0]) != len(elements):
        return None
    for place, element in enumerate(elements):
        if not isinstance(element, Row) or element.place != place:
            return None
        if element.block is not first.block:
            return None
    return tuple(first.block)


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
        self._inputs = inputs
        self._stacked: list[Array] = []

    def __call__(self, elements: Sequence[Element], captured: Sequence[Array]) -> list[Array]:
        """The results for the elements, stacked.

        Raises
        ------
        NotInBlocks : they must be computed one by one.
        """
        block = whole_block(elements) or self.stacked(elements)
        return [np.asarray(v) for v in self._call(*block, *captured)]

    def stacked(self, elements: Sequence[Element]) -> Sequence[Array]:
        """Elements copied into arrays that every call uses again."""
        count = len(elements)
        if not self._stacked or len(self._stacked[0]) != count:
            shapes = [(count, *t.shape.as_list()) for t in self._inputs]
            pairs = zip(self._inputs, shapes, strict=True)
            self._stacked = [np.empty(s, t.dtype.numpy) for t, s in pairs]
        for column, array in zip(zip(*elements, strict=True), self._stacked, strict=True):
            np.stack(column, out=array)
        return self._stacked
