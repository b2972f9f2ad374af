"""`create_partitioned_variables`: the parts of a variable as a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.graph.dtypes import float32
from graphflow.ops.variable_scope import variable_scope
from graphflow.ops.variables import Variable


def create_partitioned_variables(
    shape: Sequence[int], slicing: Sequence[int], initializer: Any, dtype: Any = float32,
    trainable: bool = True, collections: Any = None, name: str | None = None, reuse: Any = None,
) -> list[Variable]:  # fmt: skip
    """Return the parts of a new variable, in a scope of their own.

    Parameters
    ----------
    shape : of the whole.
    slicing : into how many parts each axis is split; more than one for one axis at most.
    initializer : an initializer, or a tensor of the whole's shape.
    name : of the scope, and so of the whole.
    reuse : as in `variable_scope`.

    Raises
    ------
    ValueError : `shape` and `slicing` differ in length, or are empty; the variable cannot be split
        like this, or exists.
    """
    if len(shape) != len(slicing):
        raise ValueError(
            "The 'shape' and 'slicing' of a partitioned Variable must have the length: "
            f"shape: {shape}, slicing: {slicing}"
        )
    if len(shape) < 1:
        raise ValueError(f"A partitioned Variable must have rank at least 1: shape: {shape}")
    with variable_scope(name, "PartitionedVariable", reuse=reuse) as scope:
        whole = scope.get_whole(
            shape=shape, dtype=dtype, initializer=initializer, trainable=trainable,
            partitioner=lambda **_: slicing, collections=collections,
        )  # fmt: skip
    return list(whole)
