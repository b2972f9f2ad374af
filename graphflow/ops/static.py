"""Values known while the graph is built: `constant_value` beyond ``Const``.

An operation whose inputs are known is lowered with a plain `Builder`, which folds constants. So a
shape computed from shapes, ``tf.stack([tf.shape(x)[0], 784])``, is known as far as the shape of x
is: a size that is not known is a symbol (`SymDim`) on the way, and None in the answer. Importing
this module installs the evaluator.

Each operation is looked at once. What depends on a fed tensor, a variable or an effect is found out
by the first such input and never tried again.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow import errors
from graphflow.graph import dtypes
from graphflow.graph.constants import set_static_evaluator
from graphflow.graph.dtypes import DType
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ir.builder import Builder, NeedsValue
from graphflow.ir.dims import Dim, Shape, SymDim, UndecidableDim
from graphflow.ir.node import Node
from graphflow.ir.prims import PRIMS
from graphflow.ir.types import TensorType

LIMIT = 4096  # elements; larger values are not worth knowing now

_SHAPE_ONLY = ("Shape", "ShapeN", "Size", "Rank", "ZerosLike", "OnesLike")
_NEVER = (
    "Placeholder", "PlaceholderWithDefault", "PreventGradient",
    "Merge", "NextIteration", "Exit", "LoopCond",  # what a loop or a choice decides
)  # fmt: skip
# Symbols stand for sizes of 2 or more in a compiled Program; here for any number at all. So only
# arithmetic that holds for all numbers may be done with them.
_SAFE_ARITHMETIC = ("add", "sub", "mul", "neg", "cast")

Values = tuple["Node | None", ...]

_known: weakref.WeakKeyDictionary[Operation, Values] = weakref.WeakKeyDictionary()
_symbols = 0


class Unknown(Exception):
    """The value cannot be known while the graph is built."""


class StaticBuilder(Builder):
    """Builds nodes as far as constants go; anything that needs a run is `Unknown`."""

    def __getattr__(self, name: str) -> Any:
        # Reading variables, random numbers, control flow, Python calls: what only a trace has.
        raise Unknown(name)

    def identity(self, x: Node) -> Node:
        """The value itself."""
        return x

    def iota(self, shape: Shape, axis: int, dtype: DType) -> Node:
        """Indices as a constant, which folds on."""
        return self.const(self.static(super().iota(shape, axis, dtype)), dtype)

    def check(self, condition: Node, error: str, message: Any, data: Sequence[Node] = ()) -> None:
        """A check that does not hold now is left to the run to report."""
        if condition.op != "const" or not bool(condition["value"].array):
            raise Unknown("check")

    def _fold_symbolic(
        self, name: str, result: TensorType, attrs: dict[str, Any], arrays: list[Any]
    ) -> Node | None:
        if PRIMS[name].kind == "pointwise" and name not in _SAFE_ARITHMETIC:
            return None
        return super()._fold_symbolic(name, result, attrs, arrays)


def evaluate(tensor: Tensor, partial: bool) -> Any:
    """The value of a tensor as far as it is known, or None.

    Parameters
    ----------
    partial : accept an object array in which None stands for unknown integers.
    """
    if not _is_candidate(tensor):
        return None
    node = _value(tensor)
    if node is None:
        return None
    try:
        array = StaticBuilder().static(node)
    except NeedsValue:
        return None
    if array.dtype != object:
        return np.array(array)
    if not partial:
        return None
    flat = [None if isinstance(v, SymDim) else int(v) for v in array.flat]
    result = np.empty(len(flat), dtype=object)
    result[:] = flat
    return result.reshape(array.shape)


def _is_candidate(tensor: Tensor) -> bool:
    """Whether a tensor is small enough, and of a type, to be known now."""
    if tensor.dtype._is_ref_dtype or tensor.dtype.kind not in ("int", "uint", "bool", "float"):
        return False
    extents = tensor.shape.extents
    if extents is None:
        return True  # the rank may follow from the value
    count = 1
    for extent in extents:
        count *= 1 if extent is None else extent
    return count <= LIMIT


def _value(tensor: Tensor) -> Node | None:
    """The node of a tensor's value; its inputs first, without recursion: chains may be long."""
    stack = [tensor.op]
    while stack:
        op = stack[-1]
        if op in _known:
            stack.pop()
            continue
        if not _may_be_known(op):
            _known[op] = (None,) * len(op.outputs)
            stack.pop()
            continue
        missing = [] if op.type in _SHAPE_ONLY else [t.op for t in op.inputs if t.op not in _known]
        if missing:
            stack.extend(missing)
            continue
        stack.pop()
        _known[op] = _lowered(op)
    return _known[tensor.op][tensor.value_index]


def _may_be_known(op: Operation) -> bool:
    if op.type in _NEVER or op.definition.stateful:
        return False
    return all(_is_candidate(t) for t in op.outputs) and (
        op.type in _SHAPE_ONLY or all(_is_candidate(t) for t in op.inputs)
    )


def _lowered(op: Operation) -> Values:
    """The values of an operation's outputs; its inputs are in `_known`."""
    nothing: Values = (None,) * len(op.outputs)
    builder = StaticBuilder()
    try:
        inputs = [_operand(builder, op, t) for t in op.inputs]
        made = op.definition.lower(builder, op, *inputs)
    except (
        Unknown, NeedsValue, UndecidableDim, ValueError, TypeError, IndexError, errors.OpError,
    ):  # fmt: skip
        return nothing  # what is wrong with it, if anything is, the run says
    nodes = made if isinstance(made, tuple) else (made,)
    return tuple(_as_constant(builder, node) for node in nodes)


def _as_constant(builder: StaticBuilder, node: Node) -> Node | None:
    """The node in a form that folds further, or None when its value is not known."""
    if node.op == "const":
        return node
    try:
        return builder.const(builder.static(node), node.dtype)
    except NeedsValue:
        return None


def _operand(builder: StaticBuilder, op: Operation, tensor: Tensor) -> Node:
    """An input: its value; its type alone where only the shape is asked for; or symbols."""
    if op.type in _SHAPE_ONLY:
        return builder.input(tensor.name, "unknown", _type_with_symbols(tensor))
    node = _known[tensor.op][tensor.value_index]
    if node is not None:
        return node
    extents = tensor.shape.extents
    integer = tensor.dtype.base_dtype in (dtypes.int32, dtypes.int64)
    if not integer or extents is None or None in extents or len(extents) > 1:
        raise Unknown(tensor.name)
    # A few unknown integers: other elements of what they are packed into may still be known.
    count = extents[0] if extents else 1
    symbols = [_fresh_symbol() for _ in range(count or 0)]
    if extents:
        return builder.shape_value(symbols, tensor.dtype.base_dtype)
    return builder.dim(symbols[0], tensor.dtype.base_dtype)


def _type_with_symbols(tensor: Tensor) -> TensorType:
    if tensor.shape.extents is None:
        raise Unknown(tensor.name)
    shape: list[Dim] = [_fresh_symbol() if d is None else d for d in tensor.shape.extents]
    return TensorType(tensor.dtype.base_dtype, tuple(shape))


def _fresh_symbol() -> SymDim:
    """A size that is like no other."""
    global _symbols
    _symbols += 1
    return SymDim.symbol(f"?{_symbols}")


set_static_evaluator(evaluate)
