"""Blocks of space moved into depth or batch, and back: space_to_depth, batch_to_space, ...

All are padding, reshaping and transposing, which cost nothing where they are fused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow.graph.apply import Signature
from graphflow.graph.constants import constant, constant_value
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import int32
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ir.dims import product
from graphflow.ops.creation import zeros
from graphflow.ops.joining import stack
from graphflow.ops.kinds import INDEX
from graphflow.ops.shape import reshape
from graphflow.ops.shape_rules import (
    Types,
    known_array,
    merge_size,
    output,
    with_rank,
    with_rank_at_least,
)

__all__ = [
    "batch_to_space", "batch_to_space_nd", "depth_to_space", "required_space_to_batch_paddings",
    "space_to_batch", "space_to_batch_nd", "space_to_depth",
]  # fmt: skip

_DIVIDE = "Dimension size must be evenly divisible by {} but is {}"


def _divided(size: int | None, by: int) -> int | None:
    if size is None:
        return None
    if size % by:
        raise ValueError(_DIVIDE.format(by, size))
    return size // by


def _scaled(size: int | None, by: int) -> int | None:
    return None if size is None else size * by


# ---- depth


def _channels_last(op: Operation) -> bool:
    if op.attrs["data_format"] not in ("NHWC", "NCHW"):
        raise ValueError(f"expected NHWC or NCHW, got {op.attrs['data_format']}")
    return bool(op.attrs["data_format"] == "NHWC")


def _infer_depth(op: Operation, inward: bool) -> Types:
    size = op.attrs["block_size"]
    n, *rest = with_rank(op.inputs[0].shape, 4)
    last = _channels_last(op)
    height, width, depth = rest if last else (rest[1], rest[2], rest[0])
    if inward:
        height, width = _divided(height, size), _divided(width, size)
        depth = _scaled(depth, size * size)
    else:
        depth = _divided(depth, size * size)
        height, width = _scaled(height, size), _scaled(width, size)
    return output(op, (n, height, width, depth) if last else (n, depth, height, width))


def _lower_to_depth(b: Any, op: Operation, x: Any) -> Any:
    x = x if _channels_last(op) else b.transpose(x, (0, 2, 3, 1))
    k = op.attrs["block_size"]
    n, height, width, depth = x.shape
    cut = b.reshape(x, (n, height // k, k, width // k, k, depth))
    moved = b.transpose(cut, (0, 1, 3, 2, 4, 5))
    found = b.reshape(moved, (n, height // k, width // k, k * k * depth))
    return found if _channels_last(op) else b.transpose(found, (0, 3, 1, 2))


def _lower_from_depth(b: Any, op: Operation, x: Any) -> Any:
    x = x if _channels_last(op) else b.transpose(x, (0, 2, 3, 1))
    k = op.attrs["block_size"]
    n, height, width, depth = x.shape
    cut = b.reshape(x, (n, height, width, k, k, depth // (k * k)))
    moved = b.transpose(cut, (0, 1, 3, 2, 4, 5))
    found = b.reshape(moved, (n, height * k, width * k, depth // (k * k)))
    return found if _channels_last(op) else b.transpose(found, (0, 3, 1, 2))


_SPACE_TO_DEPTH = Signature("SpaceToDepth", "input: T")
_DEPTH_TO_SPACE = Signature("DepthToSpace", "input: T")


def _depth_attrs(op: Operation) -> dict[str, Any]:
    return {"block_size": op.attrs["block_size"], "data_format": op.attrs["data_format"]}


define_op(
    "SpaceToDepth", lambda op: _infer_depth(op, True), _lower_to_depth,
    gradient=lambda op, gradient: [_DEPTH_TO_SPACE(gradient, **_depth_attrs(op)).outputs[0]],
)  # fmt: skip
define_op(
    "DepthToSpace", lambda op: _infer_depth(op, False), _lower_from_depth,
    gradient=lambda op, gradient: [_SPACE_TO_DEPTH(gradient, **_depth_attrs(op)).outputs[0]],
)  # fmt: skip


def _check_block(op_type: str, block_size: int) -> None:
    if block_size < 2:
        raise ValueError(
            f"Attr 'block_size' of '{op_type}' Op passed {block_size} less than minimum 2."
        )


def space_to_depth(
    input: Any, block_size: int, name: str | None = None, data_format: str = "NHWC"
) -> Tensor:
    """Return images whose squares of `block_size` have become pixels with more channels."""
    _check_block("SpaceToDepth", block_size)
    attrs = {"block_size": block_size, "data_format": data_format}
    return _SPACE_TO_DEPTH(input, name=name, **attrs).outputs[0]


def depth_to_space(
    input: Any, block_size: int, name: str | None = None, data_format: str = "NHWC"
) -> Tensor:
    """Return images whose pixels have become squares of `block_size`, with fewer channels."""
    _check_block("DepthToSpace", block_size)
    attrs = {"block_size": block_size, "data_format": data_format}
    return _DEPTH_TO_SPACE(input, name=name, **attrs).outputs[0]


# ---- batch


def _infer_batch(op: Operation, inward: bool) -> Types:
    blocks, margins = known_array(op.inputs[1]), known_array(op.inputs[2])
    count, pairs = with_rank(op.inputs[1].shape, 1)[0], with_rank(op.inputs[2].shape, 2)
    count = merge_size(count, pairs[0])
    merge_size(pairs[1], 2)
    extents = op.inputs[0].shape.extents
    if count is not None:
        extents = with_rank_at_least(op.inputs[0].shape, count + 1)
    if extents is None or count is None:
        return output(op, None)
    sizes = list(extents)
    if blocks is None:
        return output(op, (None,) * (count + 1) + extents[count + 1 :])
    if (np.asarray(blocks) < 1).any():
        raise ValueError("block_shape must be positive")
    if margins is not None and (np.asarray(margins) < 0).any():
        raise ValueError(f"{'paddings' if inward else 'crops'} cannot be negative")
    total = int(np.prod(blocks))
    batch = sizes[0]
    for block in () if inward else blocks:
        batch = _divided(batch, int(block))
    sizes[0] = _scaled(batch, total) if inward else batch
    for k, block in enumerate(int(v) for v in blocks):
        size = sizes[k + 1]
        if margins is None or size is None:
            sizes[k + 1] = None
            continue
        margin = int(margins[k].sum())
        sizes[k + 1] = _divided(size + margin, block) if inward else size * block - margin
        if (sizes[k + 1] or 0) < 0:
            raise ValueError(f"Negative dimension size caused by subtracting {margin} from "
                             f"{size * block}")  # fmt: skip
    return output(op, tuple(sizes))


def _batch_arguments(b: Any, x: Any, block_node: Any, margin_node: Any) -> tuple[Any, Any]:
    blocks = b.static_ints(block_node)
    flat = b.static_ints(margin_node)
    margins = [(flat[2 * k], flat[2 * k + 1]) for k in range(len(blocks))]
    if x.rank < 1 + len(blocks):
        raise ValueError(f"input rank should be >= {1 + len(blocks)} instead of {x.rank}")
    if any(v < 1 for v in blocks):
        raise ValueError("All block_shape values must be positive")
    return blocks, margins


def _lower_to_batch(b: Any, op: Operation, x: Any, block_node: Any, margin_node: Any) -> Any:
    blocks, margins = _batch_arguments(b, x, block_node, margin_node)
    count, rest = len(blocks), x.shape[1 + len(blocks) :]
    low = [0, *(m[0] for m in margins), *[0] * len(rest)]
    high = [0, *(m[1] for m in margins), *[0] * len(rest)]
    x = b.pad(x, low, high)
    inner: list[Any] = []
    for size, block in zip(x.shape[1 : 1 + count], blocks, strict=True):
        if size % block:
            raise ValueError(f"padded_shape[{len(inner) // 2}]={size} is not divisible by "
                             f"block_shape[{len(inner) // 2}]={block}")  # fmt: skip
        inner += [size // block, block]
    cut = b.reshape(x, (x.shape[0], *inner, *rest))
    perm = [*range(2, 2 * count + 1, 2), 0, *range(1, 2 * count, 2)]
    moved = b.transpose(cut, [*perm, *range(2 * count + 1, cut.rank)])
    shape = (x.shape[0] * product(blocks), *inner[::2], *rest)
    return b.reshape(moved, shape)


def _lower_from_batch(b: Any, op: Operation, x: Any, block_node: Any, margin_node: Any) -> Any:
    blocks, margins = _batch_arguments(b, x, block_node, margin_node)
    count, rest = len(blocks), x.shape[1 + len(blocks) :]
    total = product(blocks)
    if x.shape[0] % total:
        raise ValueError(f"Input batch dimension ({x.shape[0]}) is not divisible by product of "
                         f"block sizes ({total})")  # fmt: skip
    batch, spaces = x.shape[0] // total, x.shape[1 : 1 + count]
    cut = b.reshape(x, (*blocks, batch, *spaces, *rest))
    perm = [count]
    for k in range(count):
        perm += [count + 1 + k, k]
    moved = b.transpose(cut, [*perm, *range(2 * count + 1, cut.rank)])
    sizes = [s * block for s, block in zip(spaces, blocks, strict=True)]
    whole = b.reshape(moved, (batch, *sizes, *rest))
    start = [0, *(m[0] for m in margins), *[0] * len(rest)]
    kept = [s - m[0] - m[1] for s, m in zip(sizes, margins, strict=True)]
    return b.slice(whole, start, (batch, *kept, *rest))


def _batch_gradient(function: Any) -> Any:
    return lambda op, gradient: [function()(gradient, *op.inputs[1:]), None, None]


define_op(
    "SpaceToBatchND", lambda op: _infer_batch(op, True), _lower_to_batch,
    gradient=_batch_gradient(lambda: batch_to_space_nd),
)  # fmt: skip
define_op(
    "BatchToSpaceND", lambda op: _infer_batch(op, False), _lower_from_batch,
    gradient=_batch_gradient(lambda: space_to_batch_nd),
)  # fmt: skip
_TO_BATCH = Signature(
    "SpaceToBatchND", "input: T", "block_shape: Tblock_shape = int32",
    "paddings: Tpaddings = int32", Tblock_shape=INDEX, Tpaddings=INDEX,
)  # fmt: skip
_FROM_BATCH = Signature(
    "BatchToSpaceND", "input: T", "block_shape: Tblock_shape = int32", "crops: Tcrops = int32",
    Tblock_shape=INDEX, Tcrops=INDEX,
)  # fmt: skip


def space_to_batch_nd(
    input: Any, block_shape: Any, paddings: Any, name: str | None = None
) -> Tensor:
    """Return blocks of the axes after the first moved into the batch.

    Parameters
    ----------
    block_shape : the size of a block in each of these axes.
    paddings : zeros before and after each axis, as pairs.
    """
    return _TO_BATCH(input, block_shape, paddings, name=name).outputs[0]


def batch_to_space_nd(input: Any, block_shape: Any, crops: Any, name: str | None = None) -> Tensor:
    """Return the inverse of `space_to_batch_nd`, with edges cut off."""
    return _FROM_BATCH(input, block_shape, crops, name=name).outputs[0]


def space_to_batch(
    input: Any, paddings: Any, block_size: int | None = None, name: str | None = None,
    block_shape: Any = None,
) -> Tensor:  # fmt: skip
    """Return `space_to_batch_nd` with square blocks of height and width."""
    size = block_size if block_shape is None else block_shape
    return space_to_batch_nd(input, np.array([size, size], np.int64), paddings, name=name)


def batch_to_space(
    input: Any, crops: Any, block_size: int, name: str | None = None, block_shape: Any = None
) -> Tensor:
    """Return `batch_to_space_nd` with square blocks of height and width."""
    size = block_size if block_shape is None else block_shape
    images = batch_to_space_nd(input, np.array([size, size], np.int64), crops, name=name)
    images.set_shape(images.shape.with_rank(4))
    return images


def required_space_to_batch_paddings(
    input_shape: Any, block_shape: Any, base_paddings: Any = None, name: str | None = None
) -> tuple[Tensor, Tensor]:
    """Return paddings that make sizes multiples of blocks, and the crops that undo them.

    Parameters
    ----------
    base_paddings : paddings that are wanted anyway, as pairs.
    """
    with name_scope(name, "required_space_to_batch_paddings", [input_shape, block_shape]):
        sizes = convert_to_tensor(input_shape, dtype=int32, name="input_shape")
        blocks = convert_to_tensor(block_shape, dtype=int32, name="block_shape")
        count = int((blocks.shape.as_list() or [0])[0] or 0)
        if base_paddings is None:
            base = zeros([count, 2], int32)
        else:
            base = convert_to_tensor(base_paddings, dtype=int32, name="base_paddings")
            base = reshape(base, [count, 2]) if count == 0 else base
        known: Sequence[Any] = [constant_value(t) for t in (sizes, blocks, base)]
        if all(v is not None for v in known):
            shape, block, margins = (np.asarray(v) for v in known)
            extra = (block - (shape + margins.sum(axis=1)) % block) % block
            pairs = np.stack([margins[:, 0], margins[:, 1] + extra], axis=1)
            cut = np.stack([np.zeros_like(extra), extra], axis=1)
            paddings = constant(pairs, int32, name="paddings")
            return paddings, constant(cut, int32, name="crops")
        if not count:
            return zeros([0, 2], int32, name="paddings"), zeros([0, 2], int32, name="crops")
        start: Any = base[:, 0]
        end: Any = base[:, 1]
        more = (blocks - (sizes + start + end) % blocks) % blocks
        paddings = stack([[start[k], end[k] + more[k]] for k in range(count)], name="paddings")
        return paddings, stack([[0, more[k]] for k in range(count)], name="crops")
