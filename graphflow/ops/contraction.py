"""tensordot: sums of products over chosen axes, as one matrix product of reshaped operands."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import int32
from graphflow.graph.tensor import Tensor
from graphflow.ops.gathering import gather
from graphflow.ops.indexing import slice_tensor
from graphflow.ops.joining import concat, stack
from graphflow.ops.linear import matmul
from graphflow.ops.reductions import reduce_prod
from graphflow.ops.sequences import range as range_of
from graphflow.ops.shape import INDEX, reshape
from graphflow.ops.shape import rank as rank_of
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.transposing import transpose

__all__ = ["tensordot"]


_LIST_DIFF = Signature("ListDiff", "x: T", "y: T", T=INDEX)
_SELECT = Signature("Select", "condition: bool", "t: T", "e: T")
_GREATER_EQUAL = Signature("GreaterEqual", "x: T", "y: T")
_ADD = Signature("AddV2", "x: T", "y: T")
_SUB = Signature("Sub", "x: T", "y: T")


def tensordot(a: Any, b: Any, axes: Any, name: str | None = None) -> Tensor:
    """Return the sum of products of `a` and `b` over pairs of axes.

    Parameters
    ----------
    axes : a number n, for the last n axes of `a` and the first n of `b`; or two lists of axes (or
        two axes), of `a` and of `b`, paired in order. May be an integer tensor.

    Returns
    -------
    A tensor of the remaining axes of `a`, then those of `b`.

    Raises
    ------
    ValueError : `axes` is negative, larger than the rank, or not two lists of one length.
    """
    with name_scope(name, "Tensordot", [a, b, axes]) as scope:
        a = convert_to_tensor(a, name="a")
        b = convert_to_tensor(b, name="b")
        a_axes, b_axes = _paired_axes(a, axes)
        a_matrix, a_free, a_static = _as_matrix(a, a_axes, flipped=False)
        b_matrix, b_free, b_static = _as_matrix(b, b_axes, flipped=True)
        product = matmul(a_matrix, b_matrix)
        if isinstance(a_free, list) and isinstance(b_free, list):
            return reshape(product, a_free + b_free, name=scope)
        free = [convert_to_tensor(f, dtype=int32) for f in (a_free, b_free)]
        result = reshape(product, concat(free, 0), name=scope)
        if a_static is not None and b_static is not None:
            result.set_shape(a_static + b_static)
        return result


def _paired_axes(a: Tensor, axes: Any) -> tuple[Any, Any]:
    """The axes of either operand: lists where they are known, else tensors."""
    rank = a.shape.rank
    if isinstance(axes, (int, np.integer)):
        if axes < 0:
            raise ValueError("'axes' must be at least 0.")
        if rank is not None:
            if axes > rank:
                raise ValueError(f"'axes' must not be larger than the number of dimensions of "
                                 f"tensor {a}.")  # fmt: skip
            return list(range(rank - axes, rank)), list(range(axes))
        count = rank_of(a)
        last = range_of(_SUB(count, axes, name="sub").outputs[0], count, dtype=int32)
        return last, range_of(axes, dtype=int32)
    if isinstance(axes, (list, tuple)):
        if len(axes) != 2:
            raise ValueError("'axes' must be an integer or have length 2.")
        a_axes, b_axes = ([x] if isinstance(x, (int, np.integer)) else list(x) for x in axes)
        if len(a_axes) != len(b_axes):
            raise ValueError(
                f"Different number of contraction axes 'a' and 'b', {len(a_axes)} != {len(b_axes)}."
            )
        return a_axes, b_axes
    tensor = convert_to_tensor(axes, name="axes", dtype=int32)
    return slice_tensor(tensor, 0), slice_tensor(tensor, 1)


def _as_matrix(x: Tensor, axes: Any, flipped: bool) -> tuple[Tensor, Any, list[int | None] | None]:
    """An operand as a matrix: free axes by summed axes, or the other way round.

    Returns
    -------
    The matrix; the sizes of the free axes, a list or a tensor; and what is known of them.
    """
    extents = x.shape.extents
    if extents is None or not isinstance(axes, (list, tuple)):
        return _as_matrix_of_unknown_rank(x, axes, flipped)
    summed = [axis + len(extents) if axis < 0 else int(axis) for axis in axes]
    free = [k for k in range(len(extents)) if k not in summed]
    static = [extents[k] for k in free]
    perm = summed + free if flipped else free + summed
    if None not in extents:
        sizes = [math.prod(extents[k] for k in part) for part in (free, summed)]  # type: ignore[misc]
        matrix = reshape(transpose(x, perm), sizes[::-1] if flipped else sizes)
        return matrix, static, static
    summed_tensor = convert_to_tensor(summed, dtype=int32, name="axes")
    free_tensor = convert_to_tensor(free, dtype=int32, name="free")
    matrix, free_sizes = _by_gathered_sizes(x, free_tensor, summed_tensor, flipped, None)
    return matrix, free_sizes, static


def _as_matrix_of_unknown_rank(x: Tensor, axes: Any, flipped: bool) -> tuple[Tensor, Any, None]:
    whole = shape_of(x)
    count = rank_of(x)
    axes = convert_to_tensor(axes, dtype=int32, name="axes")
    inside = _GREATER_EQUAL(axes, 0).outputs[0]
    shifted = _ADD(axes, count, name="add").outputs[0]
    axes = _SELECT(inside, axes, shifted).outputs[0]
    free = _LIST_DIFF(range_of(count), axes, out_idx=int32).outputs[0]
    matrix, free_sizes = _by_gathered_sizes(x, free, axes, flipped, whole)
    return matrix, free_sizes, None


def _by_gathered_sizes(
    x: Tensor, free: Tensor, summed: Tensor, flipped: bool, whole: Tensor | None
) -> tuple[Tensor, Tensor]:
    whole = shape_of(x) if whole is None else whole
    parts: Sequence[Tensor] = [gather(whole, axes) for axes in (free, summed)]
    counts = [reduce_prod(sizes) for sizes in parts]
    order = [summed, free] if flipped else [free, summed]
    perm = concat(order, 0)
    shape = stack(counts[::-1] if flipped else counts)
    return reshape(transpose(x, perm), shape), parts[0]
