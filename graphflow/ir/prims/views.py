"""Views: primitives whose elements are elements of their operands, found by index arithmetic.

None of them costs memory traffic of its own where it fuses: lowering turns each into an index map.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.ir.dims import dims_equal, product, shapes_equal
from graphflow.ir.prims.registry import define, require
from graphflow.ir.types import TensorType

Array = np.ndarray[Any, Any]
Attrs = dict[str, Any]


def _infer_broadcast(attrs: Attrs, x: TensorType) -> TensorType:
    shape, axes = attrs["shape"], attrs["axes"]
    require(len(axes) == x.rank, "broadcast", "one target axis per operand axis", x, axes)
    require(list(axes) == sorted(set(axes)), "broadcast", "increasing axes", axes)
    for dim, axis in zip(x.shape, axes, strict=True):
        require(dims_equal(dim, shape[axis]), "broadcast", "matching sizes", x, shape, axes)
    return TensorType(x.dtype, shape)


def _broadcast(attrs: Attrs, x: Array) -> Array:
    shape = [1] * len(attrs["shape"])
    for dim, axis in zip(x.shape, attrs["axes"], strict=True):
        shape[axis] = dim
    return np.broadcast_to(x.reshape(shape), attrs["shape"])


# attrs: shape, axes; operand axis k is result axis axes[k], the others repeat.
define("broadcast", "view", _infer_broadcast, _broadcast, cost=0.0)


def _infer_reshape(attrs: Attrs, x: TensorType) -> TensorType:
    target = product(attrs["shape"])
    require(dims_equal(x.size, target), "reshape", "an equal number of elements", x, attrs["shape"])
    return TensorType(x.dtype, attrs["shape"])


define(
    "reshape", "view", _infer_reshape, lambda attrs, x: x.reshape(attrs["shape"]), cost=0.0
)  # attrs: shape


def _infer_transpose(attrs: Attrs, x: TensorType) -> TensorType:
    perm = attrs["perm"]
    require(sorted(perm) == list(range(x.rank)), "transpose", "a permutation", x, perm)
    return TensorType(x.dtype, tuple(x.shape[k] for k in perm))


define(
    "transpose", "view", _infer_transpose, lambda attrs, x: x.transpose(attrs["perm"]), cost=0.0
)  # attrs: perm; result axis k is operand axis perm[k]


def _infer_slice(attrs: Attrs, x: TensorType) -> TensorType:
    start, size, stride = attrs["start"], attrs["size"], attrs["stride"]
    require(len(start) == len(size) == len(stride) == x.rank, "slice", "one entry per axis", x)
    return TensorType(x.dtype, size)


def _slice(attrs: Attrs, x: Array) -> Array:
    index = []
    for first, count, step in zip(attrs["start"], attrs["size"], attrs["stride"], strict=True):
        stop = first + count * step
        index.append(slice(first, stop if stop >= 0 else None, step))
        if count == 0:
            index[-1] = slice(0, 0)
    return x[tuple(index)]


# attrs: start, size, stride, per axis; element i is the operand's start + i*stride (stride < 0 too)
define("slice", "view", _infer_slice, _slice, cost=0.0)


def _infer_pad(attrs: Attrs, x: TensorType, value: TensorType) -> TensorType:
    low, high, inner = attrs["low"], attrs["high"], attrs["interior"]
    require(value.shape == () and value.dtype is x.dtype, "pad", "a scalar of one type", x, value)
    shape = []
    for dim, a, b, gap in zip(x.shape, low, high, inner, strict=True):
        spread = dim if gap == 0 else (dim + (dim - 1) * gap if dim != 0 else 0)
        shape.append(spread + a + b)
    return TensorType(x.dtype, tuple(shape))


def _pad(attrs: Attrs, x: Array, value: Array) -> Array:
    low, high, inner = attrs["low"], attrs["high"], attrs["interior"]
    shape, index = [], []
    for dim, a, b, gap in zip(x.shape, low, high, inner, strict=True):
        spread = max(dim + (dim - 1) * gap, 0)
        shape.append(spread + a + b)
        index.append(slice(a, a + spread, gap + 1))
    result = np.full(shape, value, dtype=x.dtype)
    result[tuple(index)] = x
    return result


# attrs: low, high, interior (all >= 0, per axis); operands: array, padding value
define("pad", "view", _infer_pad, _pad, cost=1.0)


def _infer_concat(attrs: Attrs, *parts: TensorType) -> TensorType:
    axis, first = attrs["axis"], parts[0]
    total: Any = 0
    for part in parts:
        same = part.rank == first.rank and part.dtype is first.dtype
        same = same and shapes_equal(part.shape[:axis], first.shape[:axis])
        same = same and shapes_equal(part.shape[axis + 1 :], first.shape[axis + 1 :])
        require(same, "concat", f"equal types but for axis {axis}", *parts)
        total = total + part.shape[axis]
    return TensorType(first.dtype, (*first.shape[:axis], total, *first.shape[axis + 1 :]))


def _concat(attrs: Attrs, *parts: Array) -> Array:
    return np.concatenate(parts, axis=attrs["axis"])


define("concat", "view", _infer_concat, _concat, cost=1.0)  # attrs: axis


def _infer_interleave(attrs: Attrs, *parts: TensorType) -> TensorType:
    shape, places = attrs["shape"], attrs["places"]
    require(len(parts) == len(places) > 0, "interleave", "one place per part", places, *parts)
    for part, (start, stride) in zip(parts, places, strict=True):
        same = part.dtype is parts[0].dtype and part.rank == len(shape)
        require(same, "interleave", "parts of one type and the result's rank", *parts)
        for dim, size, first, step in zip(part.shape, shape, start, stride, strict=True):
            if isinstance(dim, int) and isinstance(size, int) and dim:
                inside = first + (dim - 1) * step < size
                require(inside, "interleave", "parts inside the result", part, shape)
    return TensorType(parts[0].dtype, shape)


def _interleave(attrs: Attrs, *parts: Array) -> Array:
    result = np.zeros(attrs["shape"], parts[0].dtype)
    for part, (start, stride) in zip(parts, attrs["places"], strict=True):
        pairs = zip(part.shape, start, stride, strict=True)
        result[tuple(slice(a, a + n * s, s) for n, a, s in pairs)] = part
    return result


# attrs: shape, places ((start, stride) of each part); the parts together fill the result, each
# element once. Lets the phases of a strided convolution's gradient be written where they belong.
define("interleave", "view", _infer_interleave, _interleave, cost=1.0)


def _infer_gather(attrs: Attrs, x: TensorType, indices: TensorType) -> TensorType:
    axis, batch = attrs["axis"], attrs["batch_dims"]
    require(indices.dtype.is_integer, "gather", "integer indices", indices)
    require(batch <= axis < x.rank, "gather", "an axis after the batch", x, axis)
    same = shapes_equal(x.shape[:batch], indices.shape[:batch])
    require(same, "gather", "equal batch dimensions", x, indices)
    return TensorType(x.dtype, x.shape[:axis] + indices.shape[batch:] + x.shape[axis + 1 :])


def _gather(attrs: Attrs, x: Array, indices: Array) -> Array:
    axis, batch = attrs["axis"], attrs["batch_dims"]
    clipped = np.clip(indices, 0, max(x.shape[axis] - 1, 0)).astype(np.int64)
    if batch == 0:
        if x.shape[axis] == 0:
            shape = x.shape[:axis] + indices.shape + x.shape[axis + 1 :]
            return np.zeros(shape, x.dtype)
        return np.take(x, clipped, axis=axis)
    inner = {"axis": axis - 1, "batch_dims": batch - 1}
    parts = [_gather(inner, x[i], clipped[i]) for i in range(x.shape[0])]
    if parts:
        return np.stack(parts)
    shape = x.shape[:axis] + indices.shape[batch:] + x.shape[axis + 1 :]
    return np.zeros(shape, x.dtype)


# attrs: axis, batch_dims; operands: array, indices. Indices out of range are clipped: the
# operation's own check reports them.
define("gather", "view", _infer_gather, _gather, cost=2.0)
