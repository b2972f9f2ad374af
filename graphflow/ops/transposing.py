"""Transposition: permuting axes, and the conjugate transpose of complex tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import int32, int64
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import shape_from_tuple
from graphflow.graph.tensor import Tensor
from graphflow.ops.identity import same_as_input
from graphflow.ops.joining import concat
from graphflow.ops.shape import INDEX, rank
from graphflow.ops.shape_rules import Types, known_ints, output, with_rank

__all__ = ["invert_permutation", "matrix_transpose", "transpose"]


def _infer_transpose(op: Operation) -> Types:
    source, perm_shape = op.inputs[0].shape.extents, op.inputs[1].shape
    perm = known_ints(op.inputs[1])
    count = None if source is None else len(source)
    with_rank(perm_shape, 1)
    if perm is not None:
        count = len(perm)
        with_rank_matches = source is None or len(source) == count
        if not with_rank_matches:
            raise ValueError(f"Dimension must be {len(source or ())} but is {count}")
    if count is None:
        return output(op, None)
    if source is None or perm is None or None in perm:
        return output(op, (None,) * count)
    return output(op, tuple(source[_in_range(axis, count)] for axis in perm))


def _in_range(axis: int | None, count: int) -> int:
    assert axis is not None
    if not -count <= axis < count:
        raise ValueError(f"perm dim {axis} is out of range of input rank {count}")
    return axis % count


def _lower_transpose(b: Any, op: Operation, x: Any, perm_node: Any) -> Any:
    perm = b.static_ints(perm_node)
    if len(perm) != x.rank:
        raise ValueError(f"transpose expects a vector of size {x.rank}. But input(1) is a vector "
                         f"of size {len(perm)}")  # fmt: skip
    perm = [_in_range(axis, x.rank) for axis in perm]
    for axis in range(x.rank):
        if axis not in perm:
            raise ValueError(f"{axis} is missing from {{{','.join(str(p) for p in perm)}}}.")
    return b.transpose(x, perm)


def conjugate_node(b: Any, x: Any) -> Any:
    """The complex conjugate of a node, by NumPy in the run; a real one itself."""
    if not x.dtype.is_complex:
        return x
    return b.call_python(_conjugated, (x,), [(x.dtype, x.shape)], stateful=False)[0]


def _conjugated(x: Any) -> list[Any]:
    return [np.conj(x)]


def _lower_invert(b: Any, op: Operation, perm: Any) -> Any:
    values = b.static_ints(perm)
    for k, value in enumerate(values):
        if not 0 <= value < len(values):
            raise ValueError(f"{value} is not between 0 and {len(values)}")
        if value in values[:k]:
            raise ValueError(f"{value} is duplicated in the input.")
    return b.const(np.argsort(values).astype(perm.dtype.numpy), perm.dtype)


define_op(
    name="Transpose",
    infer=_infer_transpose,
    lower=_lower_transpose,
    gradient=lambda op, gradient: [transpose(gradient, invert_permutation(op.inputs[1])), None],
)
define_op(
    name="ConjugateTranspose",
    infer=_infer_transpose,
    lower=lambda b, op, x, perm: conjugate_node(b, _lower_transpose(b, op, x, perm)),
    gradient=lambda op, gradient: [
        transpose(gradient, invert_permutation(op.inputs[1]), conjugate=True), None,
    ],
)  # fmt: skip
define_op(
    name="Conj",
    infer=same_as_input,
    lower=lambda b, op, x: conjugate_node(b, x),
    gradient=lambda op, gradient: [conjugate(gradient)],
)
define_op(
    name="InvertPermutation",
    infer=lambda op: output(op, with_rank(op.inputs[0].shape, 1)),
    lower=_lower_invert,
    no_gradient="integer output",
)

_PERM = ("x: T", "perm: Tperm = int32")
_TRANSPOSE = Signature("Transpose", *_PERM, Tperm=INDEX)
_CONJUGATE_TRANSPOSE = Signature("ConjugateTranspose", *_PERM, Tperm=INDEX)
_INVERT_PERMUTATION = Signature("InvertPermutation", "x: T = int32", T=INDEX)
_CONJ = Signature("Conj", "input: T")
_RANK = Signature("Rank", "input: T")
_SUB = Signature("Sub", "x: T", "y: T")
_RANGE = Signature(
    "Range", "start: Tidx = int32", "limit: Tidx = int32", "delta: Tidx = int32",
    Tidx=(int32, int64),
)  # fmt: skip


def transpose(a: Any, perm: Any = None, name: str = "transpose", conjugate: bool = False) -> Tensor:
    """Return `a` with its axes permuted.

    Parameters
    ----------
    perm : axis k of the result is axis ``perm[k]`` of `a`; None reverses all axes.
    conjugate : take the complex conjugate as well.
    """
    with name_scope(name, "transpose", [a]) as scope:
        is_complex = getattr(a, "dtype", None) is not None and convert_to_tensor(a).dtype.is_complex
        function = _CONJUGATE_TRANSPOSE if conjugate and is_complex else _TRANSPOSE
        if perm is not None:
            return function(a, perm, name=scope).outputs[0]
        a = convert_to_tensor(a, name="a")
        if a.shape.rank:
            perm = list(range(a.shape.rank))[::-1]
        else:
            count = _RANK(a).outputs[0]
            last = _SUB(count, 1, name="sub").outputs[0]
            perm = _SUB(last, _RANGE(0, count, 1).outputs[0], name="sub").outputs[0]
        result = function(a, perm, name=scope).outputs[0]
        if a.shape.extents is not None:
            result.set_shape(shape_from_tuple(a.shape.extents[::-1]))
        return result


def conjugate(x: Tensor) -> Tensor:
    """Return the complex conjugate of a tensor; a real one itself."""
    return _CONJ(x, name="Conj").outputs[0] if x.dtype.is_complex else x


def invert_permutation(x: Any, name: str | None = None) -> Tensor:
    """Return the inverse of a permutation of 0 to n-1: ``y[x[i]] == i``."""
    return _INVERT_PERMUTATION(x, name=name).outputs[0]


def matrix_transpose(a: Any, name: str = "matrix_transpose", conjugate: bool = False) -> Tensor:
    """Return `a` with its last two axes exchanged.

    Raises
    ------
    ValueError : `a` has fewer than two axes.
    """
    with name_scope(name, values=[a]):
        a = convert_to_tensor(a, name="a")
        if a.shape.rank is not None:
            if a.shape.rank < 2:
                raise ValueError(
                    f"Argument 'a' should be a (batch) matrix, with rank >= 2.  Found: {a.shape}"
                )
            axes = list(range(a.shape.rank))
            perm: Any = [*axes[:-2], axes[-1], axes[-2]]
        else:
            count = rank(a)
            before = _SUB(count, 2, name="sub").outputs[0]
            leading = _RANGE(0, before, 1).outputs[0]
            last = [_SUB(count, k, name="sub").outputs[0] for k in (1, 2)]
            perm = concat((leading, last), 0)
        return transpose(a, perm=perm, conjugate=conjugate)
