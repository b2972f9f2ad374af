"""Reductions over axes: Sum, Mean, Prod, Max, Min, All, Any, EuclideanNorm, ArgMax, ArgMin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.constants import constant, constant_value
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import DType
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import TensorShape, shape_from_tuple, unknown_shape
from graphflow.graph.tensor import Tensor
from graphflow.ir.dims import dims_equal, product
from graphflow.ops.casting import cast
from graphflow.ops.comparison import equal, where
from graphflow.ops.elementwise import multiply, realdiv, subtract, truediv

__all__ = [
    "reduce_all", "reduce_any", "reduce_max", "reduce_mean", "reduce_min", "reduce_prod",
    "reduce_sum",
]  # fmt: skip

_NUMBERS = (
    dtypes.float32, dtypes.float64, dtypes.int32, dtypes.uint8, dtypes.int16, dtypes.int8,
    dtypes.complex64, dtypes.int64, dtypes.bfloat16, dtypes.uint16, dtypes.complex128,
    dtypes.float16, dtypes.uint32, dtypes.uint64,
)  # fmt: skip
_INDEX = (dtypes.int32, dtypes.int64)


# ---- shapes and axes


def _reduced_extents(
    extents: Sequence[Any], axes: Sequence[int], keep_dims: bool
) -> tuple[Any, ...]:
    if keep_dims:
        return tuple(1 if k in axes else size for k, size in enumerate(extents))
    return tuple(size for k, size in enumerate(extents) if k not in axes)


def _infer_reduction(op: Operation) -> list[Any]:
    x, indices = op.inputs
    return [(x.dtype.base_dtype, _reduced_shape(x.shape, indices, op.attrs["keep_dims"]))]


def _reduced_shape(shape: TensorShape, indices: Tensor, keep_dims: bool) -> TensorShape:
    if indices.shape.rank is not None and indices.shape.rank > 1:
        raise ValueError(f"Shape must be at most rank 1 but is rank {indices.shape.rank}")
    if shape.extents is None:
        return unknown_shape()
    axes = constant_value(indices)
    if axes is None:
        return unknown_shape(rank=len(shape.extents)) if keep_dims else unknown_shape()
    rank = len(shape.extents)
    for axis in np.ravel(axes):
        if not -rank <= axis < rank:
            raise ValueError(
                f"Invalid reduction dimension {axis} for input with {rank} dimensions."
            )
    positive = [int(axis) % rank for axis in np.ravel(axes)]
    return shape_from_tuple(_reduced_extents(shape.extents, positive, keep_dims))


def _axes(b: Any, x: Any, indices: Any) -> list[int]:
    """The axes of a reduction, from 0 up, each once.

    Raises
    ------
    ValueError : an axis is out of range or given twice.
    """
    axes = []
    for axis in b.static_ints(indices):
        if not -x.rank <= axis < x.rank:
            raise ValueError(
                f"Invalid reduction dimension ({axis} for input with {x.rank} dimension(s)"
            )
        if axis % x.rank in axes:
            raise ValueError(
                f"Invalid reduction arguments: Axes contains duplicate dimension: {axis % x.rank}"
            )
        axes.append(int(axis % x.rank))
    return axes


# ---- lowerings: lower(b, x, axes, keep_dims)


def _primitive(name: str) -> Callable[..., Any]:
    def lower(b: Any, x: Any, axes: Sequence[int], keep: bool) -> Any:
        return b.reduce(name, x, axes, keep)

    return lower


def _widened(b: Any, x: Any) -> Any:
    """Half precision as float32: a sum or a square may not fit though the result does."""
    return b.cast(x, dtypes.float32) if x.dtype.is_floating and x.dtype.size == 2 else x


def _lower_mean(b: Any, x: Any, axes: Sequence[int], keep: bool) -> Any:
    total = b.reduce("sum", _widened(b, x), axes, keep)
    count = product([x.shape[axis] for axis in axes])
    if not x.dtype.is_integer:
        number = b.cast(b.dim(count, dtypes.int64), total.dtype)
        return b.cast(b.div(total, number), x.dtype)
    # A mean of no integers is 0, and one of wrapped sums is wrapped too, as in TensorFlow.
    return b.truncdiv(total, b.dim(1 if dims_equal(count, 0) else count, x.dtype))


def _lower_norm(b: Any, x: Any, axes: Sequence[int], keep: bool) -> Any:
    wide = b.cast(x, dtypes.float64) if x.dtype.is_integer else _widened(b, x)
    return b.cast(b.sqrt(b.reduce("sum", b.square(wide), axes, keep)), x.dtype)


# ---- gradients


def _infer_kept(op: Operation) -> list[Any]:
    return [(dtypes.int32, op.inputs[0].shape)]


def _lower_kept(b: Any, op: Operation, shape: Any, indices: Any) -> Any:
    extents = b.static_ints(shape)
    axes = [axis % len(extents) for axis in b.static_ints(indices)]
    return b.shape_value(_reduced_extents(extents, axes, True))


define_op(
    name="ReducedShape",  # the shape that a reduction has when it keeps the reduced axes
    infer=_infer_kept,
    lower=_lower_kept,
    no_gradient="integer output",
)
_KEPT_SHAPE = Signature("ReducedShape", "shape: int32", "reduction_indices: Tidx", Tidx=_INDEX)
_SHAPE = Signature("Shape", "input: T")
_RESHAPE = Signature("Reshape", "tensor: T", "shape: Tshape = int32", Tshape=_INDEX)
_BROADCAST_TO = Signature("BroadcastTo", "input: T", "shape: Tidx = int32", Tidx=_INDEX)


def _shape_of(x: Tensor) -> Any:
    """The shape as a constant where it is known, which saves an op, else as a tensor."""
    if x.shape.is_fully_defined():
        return constant(x.shape.as_list(), dtypes.int32)
    return _SHAPE(x, out_type=dtypes.int32).outputs[0]


def _kept_shape(op: Operation) -> Any:
    """The shape of a reduction's result with the reduced axes kept as 1."""
    x, indices = op.inputs
    axes = constant_value(indices)
    if axes is not None and x.shape.is_fully_defined():
        extents = x.shape.as_list()
        positive = [int(axis) % len(extents) for axis in np.ravel(axes)]
        return constant(list(_reduced_extents(extents, positive, True)), dtypes.int32)
    return _KEPT_SHAPE(_SHAPE(x, out_type=dtypes.int32).outputs[0], indices).outputs[0]


def _keep_axes(op: Operation, reduced: Any) -> Tensor:
    """Return a result of the reduction, or its gradient, with the reduced axes put back as 1."""
    if op.attrs["keep_dims"]:
        return reduced
    return _RESHAPE(reduced, _kept_shape(op)).outputs[0]


def _spread(op: Operation, gradient: Any) -> Tensor:
    """Return a result's gradient repeated over the reduced axes."""
    spread = _BROADCAST_TO(_keep_axes(op, gradient), _shape_of(op.inputs[0])).outputs[0]
    spread.set_shape(op.inputs[0].shape)
    return spread


def _sum_gradient(op: Operation, gradient: Any) -> list[Any]:
    return [_spread(op, gradient), None]


def _mean_gradient(op: Operation, gradient: Any) -> list[Any]:
    x, result = op.inputs[0], op.outputs[0]
    elements, results = x.shape.num_elements(), result.shape.num_elements()
    if elements is not None and results is not None:
        count: Any = convert_to_tensor(elements // max(results, 1), gradient.dtype.base_dtype)
    else:
        count = cast(_element_count(x, result), gradient.dtype.base_dtype)
    return [truediv(_spread(op, gradient), count), None]


def _element_count(x: Tensor, result: Tensor) -> Tensor:
    """How many elements each result was made of, in a run."""
    sizes = [reduce_prod(_SHAPE(t, out_type=dtypes.int32).outputs[0]) for t in (x, result)]
    floor_div = Signature("FloorDiv", "x: T", "y: T")
    maximum = Signature("Maximum", "x: T", "y: T")
    return floor_div(sizes[0], maximum(sizes[1], 1).outputs[0]).outputs[0]


def _extreme_gradient(op: Operation, gradient: Any) -> list[Any]:
    """Equal extremes share the gradient evenly."""
    x, indices = op.inputs
    chosen = cast(equal(_keep_axes(op, op.outputs[0]), x), gradient.dtype.base_dtype)
    count = reduce_sum(chosen, indices, keepdims=True)
    return [multiply(realdiv(chosen, count), _keep_axes(op, gradient)), None]


def _prod_gradient(op: Operation, gradient: Any) -> list[Any]:
    """The product of the others: ``y / x``, but where zeros are among the factors.

    With one zero, its derivative is the product of the rest and all others are 0; with more, all
    are 0.
    """
    x, indices = op.inputs
    zero = equal(x, convert_to_tensor(0, x.dtype.base_dtype))
    ones, zeros = _ONES_LIKE(x).outputs[0], _ZEROS_LIKE(x).outputs[0]
    nonzero = where(zero, ones, x)
    zero_count = reduce_sum(cast(zero, dtypes.int32), indices, keepdims=True)
    rest = reduce_prod(nonzero, indices, keepdims=True)
    others = realdiv(rest, nonzero)
    limit = subtract(cast(zero, dtypes.int32), zero_count)  # 0 where no other factor is zero
    derivative = where(equal(limit, convert_to_tensor(0)), others, zeros)
    return [multiply(derivative, _keep_axes(op, gradient)), None]


_ONES_LIKE = Signature("OnesLike", "x: T")
_ZEROS_LIKE = Signature("ZerosLike", "x: T")
_RANK = Signature("Rank", "input: T")
_RANGE = Signature("Range", "start: Tidx", "limit: Tidx", "delta: Tidx")


def _norm_gradient(op: Operation, gradient: Any) -> list[Any]:
    direction = realdiv(op.inputs[0], _keep_axes(op, op.outputs[0]))
    return [multiply(direction, _keep_axes(op, gradient)), None]


# ---- the ops


def _define_reduction(
    op_type: str,
    lower: Callable[..., Any],
    gradient: Callable[..., Any] | None = None,
    no_gradient: str = "",
    dtype: DType | None = None,
) -> Signature:
    def lower_op(b: Any, op: Operation, x: Any, indices: Any) -> Any:
        return lower(b, x, _axes(b, x, indices), bool(op.attrs["keep_dims"]))

    define_op(op_type, _infer_reduction, lower_op, gradient, no_gradient)
    operand = f"input: {dtype.name}" if dtype else "input: T"
    types = {} if dtype else {"T": _NUMBERS}
    return Signature(op_type, operand, "reduction_indices: Tidx = int32", Tidx=_INDEX, **types)


_SUM = _define_reduction("Sum", _primitive("sum"), _sum_gradient)
_MEAN = _define_reduction("Mean", _lower_mean, _mean_gradient)
_PROD = _define_reduction("Prod", _primitive("prod"), _prod_gradient)
_MAX = _define_reduction("Max", _primitive("max"), _extreme_gradient)
_MIN = _define_reduction("Min", _primitive("min"), _extreme_gradient)
_NORM = _define_reduction("EuclideanNorm", _lower_norm, _norm_gradient)
_ALL = _define_reduction("All", _primitive("and"), None, "boolean output", dtypes.bool_)
_ANY = _define_reduction("Any", _primitive("or"), None, "boolean output", dtypes.bool_)


def one_of(name: str, value: Any, old_name: str, old_value: Any) -> Any:
    """The argument that was given, by its name or by its old one; ValueError for both."""
    if old_value is None:
        return value
    if value is not None:
        raise ValueError(f"Cannot specify both '{old_name}' and '{name}'")
    return old_value


def _all_axes(x: Any) -> Tensor:
    rank = convert_to_tensor(x).shape.rank
    if rank is not None:
        return constant(np.arange(rank), dtypes.int32)
    limit = _RANK(x).outputs[0]
    with name_scope("range", values=[limit]) as scope:
        start = convert_to_tensor(0, dtypes.int32, name="start")
        delta = convert_to_tensor(1, dtypes.int32, name="delta")
        return _RANGE(start, limit, delta, name=scope).outputs[0]


def _reduce(
    reduction: Signature, x: Any, axis: Any, keepdims: bool | None, name: str | None
) -> Tensor:
    indices = _all_axes(x) if axis is None else axis
    keep = False if keepdims is None else bool(keepdims)
    result = reduction(x, indices, name=name, keep_dims=keep).outputs[0]
    if axis is None and not keep and not result.shape.is_fully_defined():
        result.set_shape(())
    return result


def _public(reduction: Signature, document: str) -> Callable[..., Tensor]:
    """Make the public function of a reduction, with TensorFlow's arguments, old names among them."""

    def function(
        input_tensor: Any,
        axis: Any = None,
        keepdims: bool | None = None,
        name: str | None = None,
        reduction_indices: Any = None,
        keep_dims: bool | None = None,
    ) -> Tensor:
        axis = one_of("axis", axis, "reduction_indices", reduction_indices)
        keepdims = one_of("keepdims", keepdims, "keep_dims", keep_dims)
        return _reduce(reduction, input_tensor, axis, keepdims, name)

    function.__doc__ = f"""{document}

    Parameters
    ----------
    axis : axis or axes to reduce, negative ones counted from the end; all when None.
    keepdims : keep the reduced axes, with size 1.
    reduction_indices, keep_dims : old names of `axis` and `keepdims`.
    """
    return function


reduce_sum = _public(_SUM, "Return the sum over axes.")
reduce_mean = _public(_MEAN, "Return the mean over axes: nan of nothing; of integers, truncated.")
reduce_prod = _public(_PROD, "Return the product over axes.")
reduce_max = _public(_MAX, "Return the maximum over axes: the lowest value of nothing.")
reduce_min = _public(_MIN, "Return the minimum over axes: the highest value of nothing.")
reduce_all = _public(_ALL, "Return whether all elements hold, over axes.")
reduce_any = _public(_ANY, "Return whether some element holds, over axes.")
