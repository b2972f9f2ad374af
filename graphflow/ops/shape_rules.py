"""What the shape rules of the array ops have in common: ranks, sizes and values known early.

Rules work on `TensorShape.extents`, a tuple of sizes with None for those that are not known, or
None when not even the rank is.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.graph.constants import constant_value
from graphflow.graph.dtypes import DType
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import Extents, TensorShape, shape_from_tuple, unknown_shape
from graphflow.graph.tensor import Tensor

Types = list[tuple[DType, TensorShape]]


def output(op: Operation, extents: Extents | None, dtype: DType | None = None) -> Types:
    """One output of these sizes, of the first input's type when none is given."""
    return [(op.inputs[0].dtype.base_dtype if dtype is None else dtype, shape_from_tuple(extents))]


def with_rank(shape: TensorShape, rank: int) -> Extents:
    """The sizes of a shape that must have `rank` axes; ValueError in the words of a shape rule."""
    if shape.extents is None:
        return (None,) * rank
    if len(shape.extents) != rank:
        raise ValueError(f"Shape must be rank {rank} but is rank {len(shape.extents)}")
    return shape.extents


def with_rank_at_least(shape: TensorShape, rank: int) -> Extents | None:
    """The sizes of a shape that must have at least `rank` axes."""
    if shape.extents is not None and len(shape.extents) < rank:
        raise ValueError(f"Shape must be at least rank {rank} but is rank {len(shape.extents)}")
    return shape.extents


def with_rank_at_most(shape: TensorShape, rank: int) -> Extents | None:
    """The sizes of a shape that must have at most `rank` axes."""
    if shape.extents is not None and len(shape.extents) > rank:
        raise ValueError(f"Shape must be at most rank {rank} but is rank {len(shape.extents)}")
    return shape.extents


def known_array(tensor: Tensor) -> Any:
    """The value of a tensor when all of it is known while the graph is built, else None."""
    return constant_value(tensor)


def known_int(tensor: Tensor) -> int | None:
    """The value of an integer scalar when it is known, else None."""
    value = constant_value(tensor)
    return None if value is None else int(np.asarray(value).reshape(()))


def known_ints(tensor: Tensor) -> list[int | None] | None:
    """The elements of an integer vector, None for unknown ones; None when the length is unknown."""
    value = constant_value(tensor, partial=True)
    if value is not None:
        return [None if v is None else int(v) for v in np.ravel(value)]
    extents = tensor.shape.extents
    if extents is None or len(extents) != 1 or extents[0] is None:
        return None
    return [None] * extents[0]


def all_known_ints(tensor: Tensor) -> list[int] | None:
    """The elements of an integer vector when all are known, else None."""
    value = constant_value(tensor)
    return None if value is None else [int(v) for v in np.ravel(value)]


def shape_of_value(tensor: Tensor) -> Extents | None:
    """The sizes that an integer vector stands for; -1 and unknown elements are unknown sizes.

    Raises
    ------
    ValueError : the tensor is no vector, or an element is below -1.
    """
    if tensor.shape.extents is not None:
        with_rank(tensor.shape, 1)
    values = known_ints(tensor)
    if values is None:
        return None
    for value in values:
        if value is not None and value < -1:
            raise ValueError(f"Invalid value in tensor used for shape: {value}")
    return tuple(None if v is None or v < 0 else v for v in values)


def canonical_axis(axis: int, rank: int) -> int:
    """The axis counted from the front; ValueError when there is no such axis."""
    if not -rank <= axis < rank:
        raise ValueError(f"Dimension size, given by scalar input {axis} must be in range "
                         f"[-{rank}, {rank})")  # fmt: skip
    return axis % rank


def merge_size(first: int | None, second: int | None) -> int | None:
    """The size that both agree on; ValueError when they contradict each other."""
    if first is None or second is None:
        return second if first is None else first
    if first != second:
        raise ValueError(f"Dimensions must be equal, but are {first} and {second}")
    return first


def refine(tensor: Tensor, extents: Extents | None) -> Tensor:
    """The tensor, with what is known of its shape added."""
    tensor.set_shape(unknown_shape() if extents is None else shape_from_tuple(extents))
    return tensor
