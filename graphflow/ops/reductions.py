"""Reductions over axes: Sum, Mean, Prod, Max, Min, All, Any, EuclideanNorm, ArgMax, ArgMin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.constants import constant, constant_value
from graphflow.graph.convert import convert_to_tensor, is_dense_tensor_like
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import DType, as_dtype
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import TensorShape, shape_from_tuple, unknown_shape
from graphflow.graph.tensor import Tensor
from graphflow.ir.dims import dims_equal, product
from graphflow.ops import creation, sequences, shape
from graphflow.ops.casting import cast
from graphflow.ops.comparison import equal, not_equal, where
from graphflow.ops.elementwise import (
    add,
    floor_div,
    maximum,
    multiply,
    realdiv,
    subtract,
    truediv,
)
from graphflow.ops.identity import stop_gradient
from graphflow.ops.kinds import ALL_NUMBERS, INDEX
from graphflow.ops.unary import exp, is_finite, log, sqrt, square

__all__ = [
    "arg_max", "arg_min", "argmax", "argmin", "count_nonzero", "reduce_all", "reduce_any",
    "reduce_euclidean_norm", "reduce_logsumexp", "reduce_max", "reduce_mean", "reduce_min",
    "reduce_prod", "reduce_std", "reduce_sum", "reduce_variance",
]  # fmt: skip


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


def _reduced_shape(full: TensorShape, indices: Tensor, keep_dims: bool) -> TensorShape:
    if indices.shape.rank is not None and indices.shape.rank > 1:
        raise ValueError(f"Shape must be at most rank 1 but is rank {indices.shape.rank}")
    if full.extents is None:
        return unknown_shape()
    rank = len(full.extents)
    axes = constant_value(indices)
    if axes is None:
        return unknown_shape(rank=rank) if keep_dims else unknown_shape()
    for axis in np.ravel(axes):
        if not -rank <= axis < rank:
            raise ValueError(
                f"Invalid reduction dimension {axis} for input with {rank} dimensions."
            )
    positive = [int(axis) % rank for axis in np.ravel(axes)]
    return shape_from_tuple(_reduced_extents(full.extents, positive, keep_dims))


def _axes(b: Any, x: Any, indices: Any) -> list[int]:
    """The axes of a reduction, from 0 up; ValueError for one out of range."""
    axes = []
    for axis in b.static_ints(indices):
        if not -x.rank <= axis < x.rank:
            raise ValueError(
                f"Invalid reduction dimension ({axis} for input with {x.rank} dimension(s)"
            )
        axes.append(int(axis % x.rank))
    return sorted(set(axes))


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


def _lower_kept(b: Any, op: Operation, full: Any, indices: Any) -> Any:
    extents = b.static_ints(full)
    axes = [axis % len(extents) for axis in b.static_ints(indices)]
    return b.shape_value(_reduced_extents(extents, axes, True))


define_op(
    name="ReducedShape",  # the shape that a reduction has when it keeps the reduced axes
    infer=_infer_kept,
    lower=_lower_kept,
    no_gradient="integer output",
)
_KEPT_SHAPE = Signature("ReducedShape", "shape: int32", "reduction_indices: Tidx", Tidx=INDEX)


def _kept_shape(op: Operation) -> Any:
    """The shape of a reduction's result with the reduced axes kept as 1."""
    x, indices = op.inputs
    axes = constant_value(indices)
    if axes is not None and x.shape.is_fully_defined():
        extents = x.shape.as_list()
        positive = [int(axis) % len(extents) for axis in np.ravel(axes)]
        return constant(list(_reduced_extents(extents, positive, True)), dtypes.int32)
    return _KEPT_SHAPE(shape.shape(x), indices).outputs[0]


def _keep_axes(op: Operation, reduced: Any) -> Tensor:
    """Return a result of the reduction, or its gradient, with the reduced axes put back as 1."""
    if op.attrs["keep_dims"]:
        return reduced
    return shape.reshape(reduced, _kept_shape(op))


def _spread(op: Operation, gradient: Any) -> Tensor:
    """Return a result's gradient repeated over the reduced axes."""
    spread = shape.broadcast_to(_keep_axes(op, gradient), shape.shape(op.inputs[0]))
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
    sizes = [reduce_prod(shape.shape(t)) for t in (x, result)]
    return floor_div(sizes[0], maximum(sizes[1], 1))


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
    ones, zeros = creation.ones_like(x), creation.zeros_like(x)
    nonzero = where(zero, ones, x)
    zero_count = reduce_sum(cast(zero, dtypes.int32), indices, keepdims=True)
    rest = reduce_prod(nonzero, indices, keepdims=True)
    others = realdiv(rest, nonzero)
    limit = subtract(cast(zero, dtypes.int32), zero_count)  # 0 where no other factor is zero
    derivative = where(equal(limit, convert_to_tensor(0)), others, zeros)
    return [multiply(derivative, _keep_axes(op, gradient)), None]


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
    types = {} if dtype else {"T": ALL_NUMBERS}
    return Signature(op_type, operand, "reduction_indices: Tidx = int32", Tidx=INDEX, **types)


_SUM = _define_reduction("Sum", _primitive("sum"), _sum_gradient)
_MEAN = _define_reduction("Mean", _lower_mean, _mean_gradient)
_PROD = _define_reduction("Prod", _primitive("prod"), _prod_gradient)
_MAX = _define_reduction("Max", _primitive("max"), _extreme_gradient)
_MIN = _define_reduction("Min", _primitive("min"), _extreme_gradient)
_NORM = _define_reduction("EuclideanNorm", _lower_norm, _norm_gradient)
_ALL = _define_reduction("All", _primitive("and"), None, "boolean output", dtypes.bool_)
_ANY = _define_reduction("Any", _primitive("or"), None, "boolean output", dtypes.bool_)


def _all_axes(x: Any) -> Tensor:
    """All axes of a tensor: a constant when the rank is known, else a range."""
    rank = x.shape.rank if is_dense_tensor_like(x) else None
    if rank is None:
        return sequences.range(0, shape.rank(x))
    return constant(np.arange(rank), dtypes.int32)


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
    """Make the public function of a reduction, with the old names of its arguments too."""

    def function(
        input_tensor: Any,
        axis: Any = None,
        keepdims: bool | None = None,
        name: str | None = None,
        reduction_indices: Any = None,
        keep_dims: bool | None = None,
    ) -> Tensor:
        axis = shape.one_of("axis", axis, "reduction_indices", reduction_indices)
        keepdims = shape.one_of("keepdims", keepdims, "keep_dims", keep_dims)
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


def reduce_euclidean_norm(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """Return the square root of the sum of squares over axes; of absolute ones, if complex."""
    if getattr(input_tensor, "dtype", None) is not None:
        tensor = convert_to_tensor(input_tensor)
        if tensor.dtype.is_complex:
            total = reduce_sum(tensor * _CONJ(tensor).outputs[0], axis, keepdims)
            return _SQRT(total, name=name).outputs[0]
    return _reduce(_NORM, input_tensor, axis, keepdims, name)


_CONJ, _SQRT = Signature("Conj", "input: T"), Signature("Sqrt", "x: T")


# ---- what is made of several ops


def count_nonzero(
    input_tensor: Any = None,
    axis: Any = None,
    keepdims: bool | None = None,
    dtype: Any = dtypes.int64,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: bool | None = None,
    input: Any = None,
) -> Tensor:
    """Return how many elements are not zero, over axes; of texts, how many are not empty.

    Parameters
    ----------
    dtype : the element type of the result.
    axis, keepdims, reduction_indices, keep_dims : as for `reduce_sum`.
    input : another name of `input_tensor`.
    """
    keepdims = shape.one_of("keepdims", keepdims, "keep_dims", keep_dims)
    input_tensor = shape.one_of("input", input, "input_tensor", input_tensor)
    axis = shape.one_of("axis", axis, "reduction_indices", reduction_indices)
    with name_scope(name, "count_nonzero", [input_tensor]):
        x = convert_to_tensor(input_tensor, name="input")
        found = not_equal(x, creation.zeros([], x.dtype.base_dtype))
        count = reduce_sum(cast(found, dtypes.int64), axis=axis, keepdims=keepdims)
        return cast(count, dtype)


def reduce_variance(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """Return the mean of the squared differences from the mean, over axes."""
    with name_scope(name or "reduce_variance"):
        mean = reduce_mean(input_tensor, axis=axis, keepdims=True)
        deviations = square(subtract(input_tensor, mean, name="sub"))
        return reduce_mean(deviations, axis=axis, keepdims=keepdims)


def reduce_std(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """Return the square root of `reduce_variance`."""
    with name_scope(name or "reduce_std"):
        return sqrt(reduce_variance(input_tensor, axis=axis, keepdims=keepdims))


def reduce_logsumexp(
    input_tensor: Any,
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: bool | None = None,
) -> Tensor:
    """Return the logarithm of the sum of exponentials over axes, without overflow.

    Parameters
    ----------
    axis, keepdims, reduction_indices, keep_dims : as for `reduce_sum`.

    Notes
    -----
    ``m + log(sum(exp(x - m)))`` with m the maximum, or 0 where the maximum is not finite.
    """
    axis = shape.one_of("axis", axis, "reduction_indices", reduction_indices)
    keepdims = bool(shape.one_of("keepdims", keepdims, "keep_dims", keep_dims))
    x = convert_to_tensor(input_tensor)
    with name_scope(name, "ReduceLogSumExp", [x]):
        largest = reduce_max(x, axis=axis, keepdims=True)
        finite = where(is_finite(largest), largest, creation.zeros_like(largest))
        shift = stop_gradient(finite)
        total = log(reduce_sum(exp(subtract(x, shift)), axis, keepdims=keepdims))
        if not keepdims:
            shift = shape.reshape(shift, shape.shape(total))
        result = add(total, shift)
        if axis is None and not keepdims and not result.shape.is_fully_defined():
            result.set_shape(())
        return result


# ---- places of extremes


def _infer_place(op: Operation) -> list[Any]:
    x, dimension = op.inputs
    if dimension.shape.rank not in (None, 0):
        raise ValueError(f"Shape must be rank 0 but is rank {dimension.shape.rank}")
    return [(op.attrs["output_type"], _place_shape(x.shape, constant_value(dimension)))]


def _place_shape(full: TensorShape, dimension: Any) -> TensorShape:
    rank = full.rank
    if full.extents is None or rank is None:
        return unknown_shape()
    if rank <= 1:
        return shape_from_tuple(())
    if dimension is None:
        return unknown_shape(rank=rank - 1)
    if not -rank <= dimension < rank:
        raise ValueError(
            f"Dimension ({dimension}) must be in the range [{-rank}, {rank}), where {rank} is the "
            "number of dimensions in the input."
        )
    return shape_from_tuple(_reduced_extents(full.extents, [int(dimension) % rank], False))


def _lower_place(primitive: str) -> Callable[..., Any]:
    def lower(b: Any, op: Operation, x: Any, dimension: Any) -> Any:
        axis = b.static_int(dimension)
        if not -x.rank <= axis < x.rank:
            raise ValueError(
                f"Expected dimension in the range [{-x.rank}, {x.rank}), but got {axis}"
            )
        if dims_equal(x.shape[axis], 0):
            raise ValueError(f"Reduction axis {axis} is empty in shape {_text(x.shape)}")
        dtype = op.attrs["output_type"]
        return b.make(primitive, b.runtime(x), axis=axis % x.rank, dtype=dtype)

    return lower


def _text(extents: Sequence[Any]) -> str:
    return "[" + ",".join(map(str, extents)) + "]"


define_op("ArgMax", _infer_place, _lower_place("argmax"), no_gradient="integer output")
define_op("ArgMin", _infer_place, _lower_place("argmin"), no_gradient="integer output")
_ARG_MAX = Signature("ArgMax", "input: T", "dimension: Tidx = int32", T=ALL_NUMBERS, Tidx=INDEX)
_ARG_MIN = Signature("ArgMin", "input: T", "dimension: Tidx = int32", T=ALL_NUMBERS, Tidx=INDEX)


def _place(signature: Signature, x: Any, axis: Any, dtype: Any, name: str | None) -> Tensor:
    output_type = as_dtype(dtype).base_dtype
    if output_type not in INDEX:
        raise TypeError(
            f"Value passed to parameter 'output_type' has DataType {output_type.name} not in list "
            "of allowed values: int32, int64"
        )
    return signature(x, axis, name=name, output_type=output_type).outputs[0]


def argmax(
    input: Any,
    axis: Any = None,
    name: str | None = None,
    dimension: Any = None,
    output_type: Any = dtypes.int64,
) -> Tensor:
    """Return the place of the largest element along an axis, the first when several are equal.

    Parameters
    ----------
    axis : the axis to search; the first when None.
    dimension : old name of `axis`.
    output_type : int32 or int64.
    """
    axis = shape.one_of("axis", axis, "dimension", dimension)
    return _place(_ARG_MAX, input, 0 if axis is None else axis, output_type, name)


def argmin(
    input: Any,
    axis: Any = None,
    name: str | None = None,
    dimension: Any = None,
    output_type: Any = dtypes.int64,
) -> Tensor:
    """Return the place of the smallest element along an axis; see `argmax`."""
    axis = shape.one_of("axis", axis, "dimension", dimension)
    return _place(_ARG_MIN, input, 0 if axis is None else axis, output_type, name)


def arg_max(
    input: Any, dimension: Any, output_type: Any = dtypes.int64, name: str | None = None
) -> Tensor:
    """Return what `argmax` returns: its older form."""
    return _place(_ARG_MAX, input, dimension, output_type, name)


def arg_min(
    input: Any, dimension: Any, output_type: Any = dtypes.int64, name: str | None = None
) -> Tensor:
    """Return what `argmin` returns: its older form."""
    return _place(_ARG_MIN, input, dimension, output_type, name)
