"""einsum: sums of products in index notation, as matrix products of pairs of operands.

Operands are joined from left to right. Of two, labels are of four kinds: in both and needed later
(*batch*), in both and needed no more (*summed*), in the first or the second alone (*free*). Each
operand is transposed and reshaped to batch, free and summed axes, and one (batched) matrix product
joins them; with nothing to sum it is an elementwise product.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from typing import Any

from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor
from graphflow.ops.elementwise import multiply
from graphflow.ops.indexing import slice_tensor
from graphflow.ops.linear import matmul
from graphflow.ops.reductions import reduce_sum
from graphflow.ops.sequences import one_hot
from graphflow.ops.sequences import range as range_of
from graphflow.ops.shape import expand_dims, reshape
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.transposing import transpose

__all__ = ["einsum"]

_MUL = Signature("Mul", "x: T", "y: T")


def einsum(equation: str, *inputs: Any, **kwargs: Any) -> Tensor:
    """Return a sum of products, written as ``ij,jk->ik``.

    Parameters
    ----------
    equation : the axes of each input by letters, then, after ``->``, those of the result; without
        ``->``, the letters that occur once, in order. ``...`` stands for axes without letters.
    *inputs : a tensor for each part of the equation.
    name : of the scope.

    Raises
    ------
    ValueError : the equation is malformed, or does not fit the inputs.
    TypeError : another keyword.
    """
    name = kwargs.pop("name", None)
    if kwargs:
        unknown = ", ".join(sorted(kwargs))
        raise TypeError(f"invalid keyword arguments for this function: {unknown}")
    with name_scope(name, "einsum", [equation, list(inputs)]):
        tensors = [convert_to_tensor(x) for x in inputs]
        parts, result = _resolved(equation, [t.shape for t in tensors])
        if (
            "->" not in equation
            and parts[0] == parts[0][::-1]
            and len(set(parts[0])) == 1 != len(parts[0])
        ):
            return _trace(tensors[0])
        for labels, tensor in zip(parts, tensors, strict=True):
            if len(set(labels)) != len(labels):
                raise ValueError(
                    f"Subscript not supported: an axis appears more than once: {labels}"
                )
            tensor.shape.with_rank(len(labels))
        total, labels = tensors[0], parts[0]
        for k in range(1, len(parts)):
            needed = set(result).union(*parts[k + 1 :])
            total, labels = _joined(total, labels, tensors[k], parts[k], needed)
        axes = [k for k, label in enumerate(labels) if label not in result]
        if axes:
            total = reduce_sum(total, axes)
            labels = "".join(label for label in labels if label in result)
        if sorted(labels) != sorted(result):
            raise ValueError(f"Invalid equation: {equation}")
        return _ordered(total, labels, result)


def _resolved(equation: str, shapes: Sequence[TensorShape]) -> tuple[list[str], str]:
    """The labels of each input and of the result, with letters in place of ``...``."""
    equation = equation.replace(" ", "")
    match = re.match(r"^([a-zA-Z,.]+)(->[a-zA-Z.]*)?$", equation)
    if match is None:
        raise ValueError(f"Indices have incorrect format: {equation}")
    parts = match[1].split(",")
    if len(parts) != len(shapes):
        raise ValueError(
            f'Got {len(shapes)} arguments for equation "{equation}", expecting {len(parts)}'
        )
    unused = "".join(c for c in string.ascii_letters if c not in match[1])
    fills = [_ellipsis(p, s, unused) for p, s in zip(parts, shapes, strict=True)]
    parts = [p.replace("...", fill) for p, fill in zip(parts, fills, strict=True)]
    broadcast = max(fills, key=len)
    if match[2] is None:
        counts = {c: sum(p.count(c) for p in parts) for c in sorted(set("".join(parts)))}
        result = broadcast + "".join(c for c in counts if counts[c] == 1 and c not in broadcast)
    else:
        result = match[2][2:].replace("...", broadcast)
    if "." in result or any("." in p for p in parts):
        raise ValueError('period "." found outside of ellipsis')
    return parts, result


def _ellipsis(labels: str, shape: TensorShape, unused: str) -> str:
    """The letters that ``...`` stands for in one input; aligned at the last axis among inputs."""
    if "..." not in labels:
        return ""
    if labels.count("...") > 1:
        raise ValueError("Unable to resolve ellipsis. Excess number found.")
    if shape.rank is None:
        raise ValueError("Unable to statically infer ellipsis axes.")
    count = shape.rank - len(labels) + 3
    if count < 0:
        raise ValueError("Ellipses lengths do not match.")
    if count > len(unused):
        raise ValueError("Unable to resolve ellipsis, too many distinct labels.")
    return unused[len(unused) - count :]


def _trace(x: Tensor) -> Tensor:
    size = slice_tensor(shape_of(x), 0)
    return reduce_sum(multiply(x, one_hot(range_of(size), size, dtype=x.dtype)))


def _joined(
    x: Tensor, x_labels: str, y: Tensor, y_labels: str, needed: set[str]
) -> tuple[Tensor, str]:
    """The product of two operands, summed over the labels that nobody needs any more."""
    both = set(x_labels) & set(y_labels)
    batch = "".join(sorted(both & needed))
    summed = "".join(sorted(both - needed))
    x_free = "".join(sorted(set(x_labels) - both))
    y_free = "".join(sorted(set(y_labels) - both))
    x = _ordered(x, x_labels, batch + x_free + summed)
    y = _ordered(y, y_labels, batch + summed + y_free)
    labels = batch + x_free + y_free
    if not summed:
        for _ in y_free:
            x = expand_dims(x, -1)
        for _ in x_free:
            y = expand_dims(y, len(batch))
        return multiply(x, y), labels
    start, middle = len(batch), len(batch) + len(x_free)
    x_sizes, y_sizes = _sizes(x), _sizes(y)
    inner = start + len(summed)
    x_rows = [*x_sizes[:start], _count(x_sizes[start:middle]), _count(x_sizes[middle:])]
    y_rows = [*y_sizes[:start], _count(y_sizes[start:inner]), _count(y_sizes[inner:])]
    product = matmul(_reshaped(x, x_rows), _reshaped(y, y_rows))
    # A batch axis of size 1 in one operand is repeated, so its size comes from the product.
    whole = [*_sizes(product)[:start], *x_sizes[start:middle], *y_sizes[inner:]]
    return _reshaped(product, whole), labels


def _ordered(x: Tensor, labels: str, wanted: str) -> Tensor:
    if labels == wanted:
        return x
    return transpose(x, perm=[labels.index(label) for label in wanted])


def _sizes(x: Tensor) -> list[Any]:
    """The sizes of a tensor: integers, and scalar tensors for those that only a run knows."""
    sizes: list[Any] = x.shape.as_list()
    if None in sizes:
        whole = shape_of(x)
        sizes = [slice_tensor(whole, k) if d is None else d for k, d in enumerate(sizes)]
    return sizes


def _count(sizes: Sequence[Any]) -> Any:
    total: Any = 1
    for size in sizes:
        if isinstance(size, int) and isinstance(total, int):
            total *= size
        elif not isinstance(total, int) or total != 1:
            total = _MUL(total, size).outputs[0]
        else:
            total = size
    return total


def _reshaped(x: Tensor, sizes: Sequence[Any]) -> Tensor:
    if x.shape.as_list() == list(sizes):
        return x
    return reshape(x, list(sizes))
