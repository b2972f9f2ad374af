"""Axes of images in another order: DataFormatDimMap, DataFormatVecPermute."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.ops.identity import same_as_input


def _formats(op: Operation) -> tuple[str, str]:
    found = [op.attrs[key] for key in ("src_format", "dst_format")]
    source, target = (f.decode() if isinstance(f, bytes) else f for f in found)
    return source, target


def _lower_axes(b: Any, op: Operation, x: Any) -> Any:
    """Each number of an axis, negative ones from the end, as the other order counts it."""
    source, target = _formats(op)
    for word, side, given in (("Source", "src", source), ("Destination", "dst", target)):
        if len(given) not in (4, 5):
            raise ValueError(
                f"{word} format must be of length 4 or 5, received {side}_format = {given}"
            )
    places = np.array([target.find(letter) for letter in source], x.dtype.numpy)
    return b.gather(b.const(places), b.floormod(x, len(source)))


def _lower_permuted(b: Any, op: Operation, x: Any) -> Any:
    source, target = _formats(op)
    if x.rank not in (1, 2):
        raise ValueError(f"input must be a vector or 2D tensor, but got shape {list(x.shape)}")
    if x.rank == 1 and x.shape[0] != 4:
        raise ValueError(f"1D input must be of size 4, but got shape {list(x.shape)}")
    if x.rank == 2 and tuple(x.shape) != (4, 2):
        first = "First dimension of 2D input must be of size 4"
        second = "Second dimension of 2D input must be of size 2"
        raise ValueError(f"{second if x.shape[0] == 4 else first}, but got shape {list(x.shape)}")
    order = np.array([source.find(letter) for letter in target[:4]], np.int32)
    return b.gather(x, b.const(order))


define_op("DataFormatDimMap", same_as_input, _lower_axes, no_gradient="integer output")
define_op("DataFormatVecPermute", same_as_input, _lower_permuted, no_gradient="integer output")
