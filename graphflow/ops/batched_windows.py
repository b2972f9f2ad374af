"""Dilated windows by way of the batch: `with_space_to_batch`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphflow.graph.apply import Signature
from graphflow.graph.constants import constant_value
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.dtypes import int32
from graphflow.graph.tensor import Tensor
from graphflow.ops.joining import stack
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.windows import channels_first

__all__ = ["with_space_to_batch"]

_BLOCKS = "block_shape: Tblock_shape = int32"
_TO_BATCH = Signature("SpaceToBatchND", "input: T", _BLOCKS, "paddings: Tpaddings = int32")
_TO_SPACE = Signature("BatchToSpaceND", "input: T", _BLOCKS, "crops: Tcrops = int32")


def _spatial_axes(count: int, given: Any, data_format: str | None) -> list[int]:
    first = 2 if data_format is not None and channels_first(data_format) else 1
    axes = [int(a) for a in (range(first, first + count) if given is None else given)]
    if axes != sorted(set(axes)) or any(axis < 1 for axis in axes):
        raise ValueError(
            "spatial_dims must be a montonically increasing sequence of positive integers"
        )
    return axes


def _margins(padding: str, filter_shape: Any, rates: list[int]) -> list[tuple[int, int]]:
    """What the windows need around the array."""
    if padding == "VALID":
        return [(0, 0)] * len(rates)
    if padding != "SAME":
        raise ValueError(f"Invalid padding method {padding!r}")
    if filter_shape is None:
        raise ValueError("filter_shape must be specified for SAME padding")
    taps = constant_value(convert_to_tensor(filter_shape, dtype=int32, name="filter_shape"))
    if taps is None:
        raise ValueError("with_space_to_batch expected a filter_shape known early, got a tensor")
    around = [(int(t) - 1) * r for t, r in zip(taps[: len(rates)], rates, strict=True)]
    return [(extra // 2, extra - extra // 2) for extra in around]


def with_space_to_batch(
    input: Any,
    dilation_rate: Any,
    padding: str,
    op: Callable[[Tensor, int, str], Tensor],
    filter_shape: Any = None,
    spatial_dims: Sequence[int] | None = None,
    data_format: str | None = None,
) -> Tensor:
    """Apply an operation on windows as if the elements of its windows were apart.

    Elements that far from each other become neighbours in images of their own, and the results are
    put back together.

    Parameters
    ----------
    dilation_rate : distances, one per spatial axis, known while the graph is built.
    padding : ``SAME`` or ``VALID``.
    op : ``op(array, number of spatial axes, padding)``.
    filter_shape : sizes of the windows; needed for ``SAME``.
    spatial_dims : the spatial axes; those after the batch (and channels that come first) when None.
    """
    input = convert_to_tensor(input, name="input")
    known = constant_value(convert_to_tensor(dilation_rate, dtype=int32, name="dilation_rate"))
    if known is None or np.ndim(known) != 1:
        raise ValueError(f"rate must be rank 1 and known, got {dilation_rate}")
    rates = [int(rate) for rate in known]
    axes = _spatial_axes(len(rates), spatial_dims, data_format)
    if any(rate < 1 for rate in rates):
        raise ValueError("dilation_rate must be positive")
    if all(rate == 1 for rate in rates):
        return op(input, len(rates), padding)
    margins = dict(zip(axes, _margins(padding, filter_shape, rates), strict=True))
    steps = dict(zip(axes, rates, strict=True))
    extents = input.shape.extents
    is_known = extents is not None and None not in extents
    dynamic: Any = None if is_known else shape_of(input)
    blocks: list[int] = []
    paddings: Any = []
    crops: Any = []
    for axis in range(1, axes[-1] + 1):
        low, high = margins.get(axis, (0, 0))
        step = steps.get(axis, 1)
        size: Any = dynamic[axis] if extents is None or dynamic is not None else extents[axis]
        extra = (-(size + low + high)) % step
        blocks.append(step)
        paddings.append([low, high + extra])
        crops.append([0, extra])
    if dynamic is not None:
        paddings, crops = (stack([stack(pair) for pair in pairs]) for pairs in (paddings, crops))
    made = op(_TO_BATCH(input, blocks, paddings).outputs[0], len(rates), "VALID")
    return _TO_SPACE(made, blocks, crops).outputs[0]
