"""Tensors made of indices: range, linspace, one_hot, meshgrid."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import (
    as_dtype,
    bfloat16,
    float32,
    float64,
    int32,
    int64,
    uint8,
)
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ops.creation import ones
from graphflow.ops.joining import stack
from graphflow.ops.shape import INDEX, reshape, size
from graphflow.ops.shape_rules import Types, known_array, known_int, output, with_rank

__all__ = ["lin_space", "linspace", "meshgrid", "one_hot", "range"]

# ---- range


def _count(start: Any, limit: Any, delta: Any) -> Any:
    """The number of elements of a range; ValueError in TensorFlow's words."""
    if delta == 0:
        raise ValueError("Requires delta != 0")
    if delta > 0 and start > limit:
        raise ValueError(f"Requires start <= limit when delta > 0: {start}/{limit}")
    if delta < 0 and start < limit:
        raise ValueError(f"Requires start >= limit when delta < 0: {start}/{limit}")
    if isinstance(delta, float):
        return math.ceil(abs((limit - start) / delta))
    if abs(delta) == 1:
        return (limit - start) * delta
    return -((start - limit) // delta)


def _check_scalars(op: Operation, *names: str) -> None:
    for name, tensor in zip(names, op.inputs, strict=True):
        try:
            with_rank(tensor.shape, 0)
        except ValueError as error:
            raise ValueError(f"{error}\n\t for '{name}'") from None


def _infer_range(op: Operation) -> Types:
    _check_scalars(op, "start", "limit", "delta")
    values = [known_array(tensor) for tensor in op.inputs]
    if any(v is None for v in values):
        return output(op, (None,))
    return output(op, (_count(*(np.asarray(v).reshape(()).item() for v in values)),))


def _lower_range(b: Any, op: Operation, *bounds: Any) -> Any:
    dtype = bounds[0].dtype
    start, limit, delta = (b.static(node).reshape(()).item() for node in bounds)
    count = _count(start, limit, delta)
    if dtype.is_floating:
        # TensorFlow adds `delta` again and again, in the element type: so are the bits the same.
        steps = np.full(count, delta, dtype.numpy)
        steps[:1] = start
        return b.const(np.add.accumulate(steps), dtype)
    ramp = b.iota((count,), 0, dtype)
    first = b.runtime(b.dim(start, dtype))
    return b.add(b.mul(ramp, delta) if delta != 1 else ramp, first)


define_op(name="Range", infer=_infer_range, lower=_lower_range, no_gradient="a step function")

_RANGE_TYPES = (bfloat16, float32, float64, int32, int64)
_RANGE = Signature(
    "Range", "start: Tidx = int32", "limit: Tidx = int32", "delta: Tidx = int32", Tidx=_RANGE_TYPES
)
_CAST = Signature("Cast", "x: SrcT")
_PRECEDENCE = [int32, int64, float32, float64]


def range(
    start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: str = "range"
) -> Tensor:
    """Return the numbers from `start` up to `limit`, without it, in steps of `delta`.

    Parameters
    ----------
    start : the first number, or, when `limit` is None, the limit of a range from 0.
    dtype : element type; when None, the first of int32, int64, float32, float64 that holds all.
    """
    if limit is None:
        start, limit = 0, start
    with name_scope(name, "Range", [start, limit, delta]) as scope:
        bounds = [
            convert_to_tensor(value, dtype=dtype, name=what)
            for value, what in ((start, "start"), (limit, "limit"), (delta, "delta"))
        ]
        if dtype is None:
            common = max((t.dtype.base_dtype for t in bounds), key=_PRECEDENCE.index)
            bounds = [_as_type(t, common) for t in bounds]
        return _RANGE(*bounds, name=scope).outputs[0]


def _as_type(tensor: Tensor, dtype: Any) -> Tensor:
    if tensor.dtype.base_dtype is dtype:
        return tensor
    return _CAST(tensor, name="Cast", DstT=dtype, Truncate=False).outputs[0]


# ---- linspace


def _infer_linspace(op: Operation) -> Types:
    _check_scalars(op, "start", "stop", "num")
    number = known_int(op.inputs[2])
    _check_number(number)
    return output(op, (number,))


def _check_number(number: Any) -> None:
    if number is not None and number <= 0:
        raise ValueError(f"Requires num > 0: {number}")


def _lower_linspace(b: Any, op: Operation, start: Any, stop: Any, number_node: Any) -> Any:
    (number,) = b.static_ints(number_node)
    _check_number(number)
    if number == 1:
        return b.reshape(start, (1,))
    last = b.runtime(b.dim(number - 1, int64))
    step = b.div(b.sub(stop, start), b.cast(last, start.dtype))
    place = b.iota((number,), 0, int64)
    value = b.add(start, b.mul(step, b.cast(place, start.dtype)))
    # The last one is `stop` itself, whatever rounding makes of the sum.
    return b.select(b.eq(place, last), b.broadcast(stop, (number,), ()), value)


define_op(
    name="LinSpace", infer=_infer_linspace, lower=_lower_linspace, no_gradient="none in TensorFlow"
)
_LIN_SPACE = Signature(
    "LinSpace", "start: T", "stop: T", "num: Tidx = int32", T=(bfloat16, float32, float64),
    Tidx=INDEX,
)  # fmt: skip


def linspace(start: Any, stop: Any, num: Any, name: str | None = None) -> Tensor:
    """Return `num` evenly spaced numbers from `start` to `stop`, both included."""
    return _LIN_SPACE(start, stop, num, name=name).outputs[0]


lin_space = linspace

# ---- one_hot


def _infer_one_hot(op: Operation) -> Types:
    indices, depth_tensor = op.inputs[:2]
    for tensor in op.inputs[1:]:
        if tensor.shape.rank not in (None, 0):
            raise ValueError(f"Input must be scalar but has rank {tensor.shape.rank}")
    dtype = op.inputs[2].dtype.base_dtype
    depth = known_int(depth_tensor)
    if depth is not None and depth < 0:
        raise ValueError(
            f"Dimension size, given by scalar input 1, must be non-negative but is {depth}"
        )
    extents, axis = indices.shape.extents, op.attrs["axis"]
    if axis < -1:
        raise ValueError(f"axis must be >= -1, got {axis}")
    if extents is None:
        return output(op, None, dtype)
    place = len(extents) if axis == -1 else axis
    return output(op, (*extents[:place], depth, *extents[place:]), dtype)


def _lower_one_hot(b: Any, op: Operation, indices: Any, depth: Any, on: Any, off: Any) -> Any:
    (count,) = b.static_ints(depth)
    if isinstance(count, int) and count < 0:
        raise ValueError(f"depth must be non-negative, got: {count}")
    axis = indices.rank if op.attrs["axis"] == -1 else op.attrs["axis"]
    if axis > indices.rank:
        raise ValueError(
            f"Expected axis to be -1 or between [0, {indices.rank + 1}).  But received: {axis}"
        )
    if indices.dtype is uint8:
        indices = b.cast(indices, int32)  # so that the ramp does not wrap at 256
    shape = (*indices.shape[:axis], count, *indices.shape[axis:])
    others = [k for k, _ in enumerate(shape) if k != axis]
    hit = b.eq(b.broadcast(indices, shape, others), b.iota(shape, axis, indices.dtype))
    return b.select(hit, b.broadcast(on, shape, ()), b.broadcast(off, shape, ()))


define_op(name="OneHot", infer=_infer_one_hot, lower=_lower_one_hot, no_gradient="a step function")
_ONE_HOT = Signature(
    "OneHot", "indices: TI = int64", "depth: int32", "on_value: T", "off_value: T",
    TI=(uint8, int32, int64),
)  # fmt: skip


def one_hot(
    indices: Any,
    depth: Any,
    on_value: Any = None,
    off_value: Any = None,
    axis: int | None = None,
    dtype: Any = None,
    name: str | None = None,
) -> Tensor:
    """Return a tensor with `on_value` at the places that `indices` name along a new axis.

    Parameters
    ----------
    indices : integers; those not in [0, depth) give no `on_value` at all.
    depth : size of the new axis, an integer scalar.
    on_value, off_value : 1 and 0 when None.
    axis : where the new axis goes; last when None or -1.
    dtype : element type; that of the values, or float32, when None.

    Raises
    ------
    TypeError : the types of the values differ, or are not `dtype`.
    """
    wanted = None if dtype is None else as_dtype(dtype).base_dtype
    with name_scope(name, "one_hot", [indices, depth, on_value, off_value, axis, dtype]) as scope:
        given = {"on_value": on_value, "off_value": off_value}
        types = {
            what: convert_to_tensor(value, preferred_dtype=wanted).dtype.base_dtype
            for what, value in given.items()
            if value is not None
        }
        if wanted is not None:
            for what, own in types.items():
                if own is not wanted:
                    raise TypeError(
                        f"dtype {own} of {what} does not match dtype parameter {wanted}"
                    )
        wanted = wanted or types.get("on_value") or types.get("off_value") or float32
        for what, default in (("on_value", 1), ("off_value", 0)):
            if given[what] is None:
                given[what] = convert_to_tensor(default, wanted, name=what)
                types[what] = wanted
        if types["on_value"] is not types["off_value"]:
            raise TypeError(
                f"dtype {types['on_value']} of on_value does not match dtype "
                f"{types['off_value']} of off_value"
            )
        attrs = {"axis": -1 if axis is None else axis}
        return _ONE_HOT(
            indices, depth, given["on_value"], given["off_value"], name=scope, **attrs
        ).outputs[0]


# ---- meshgrid

_MUL = Signature("Mul", "x: T", "y: T")


def meshgrid(*args: Any, **kwargs: Any) -> list[Tensor]:
    """Return coordinate tensors of a grid, one for each of the vectors `args`.

    Parameters
    ----------
    indexing : ``xy`` (the first two axes exchanged, as for images; the default) or ``ij``.
    name : of the scope.

    Raises
    ------
    ValueError : another indexing.
    TypeError : another keyword.
    """
    indexing, name = kwargs.pop("indexing", "xy"), kwargs.pop("name", "meshgrid")
    if kwargs:
        raise TypeError(f"'{next(iter(kwargs))}' is an invalid keyword argument for this function")
    if indexing not in ("xy", "ij"):
        raise ValueError("indexing parameter must be either 'xy' or 'ij'")
    with name_scope(name, "meshgrid", args):
        rank = len(args)
        columns = [
            reshape(stack(x), [-1 if k == axis else 1 for k, _ in enumerate(args)])
            for axis, x in enumerate(args)
        ]
        sizes = [size(x) for x in args]
        dtype = convert_to_tensor(args[0]).dtype.base_dtype
        if indexing == "xy" and rank > 1:
            columns[0] = reshape(columns[0], [1, -1] + [1] * (rank - 2))
            columns[1] = reshape(columns[1], [-1, 1] + [1] * (rank - 2))
            sizes[:2] = sizes[1::-1]
        whole = ones(sizes, dtype)
        return [_MUL(column, whole, name="mul").outputs[0] for column in columns]
