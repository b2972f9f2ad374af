"""Tensors of one repeated value: fill, zeros, ones, and their likes."""

from __future__ import annotations

import math
from typing import Any

from graphflow.graph.apply import Signature
from graphflow.graph.constants import constant
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import get_default_graph, name_scope
from graphflow.graph.dtypes import DType, as_dtype, float32, int32
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor
from graphflow.ops.identity import same_as_input
from graphflow.ops.shape import INDEX, reshape
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.shape_rules import Types, known_ints, output, shape_of_value, with_rank

__all__ = ["fill", "ones", "ones_like", "zeros", "zeros_like"]

_SMALL = 1000  # a constant of fewer elements is kept as such; a larger one is filled in a run


def _infer_fill(op: Operation) -> Types:
    with_rank(op.inputs[1].shape, 0)
    if any(size is not None and size < 0 for size in known_ints(op.inputs[0]) or ()):
        raise ValueError("Fill dimensions must be >= 0")
    return output(op, shape_of_value(op.inputs[0]), op.inputs[1].dtype.base_dtype)


def _lower_fill(b: Any, op: Operation, dims: Any, value: Any) -> Any:
    sizes = tuple(b.static_ints(dims))
    for k, size in enumerate(sizes):
        if isinstance(size, int) and size < 0:
            listed = ", ".join(str(s) for s in sizes)
            raise ValueError(f"Dimension {size} must be >= 0, got sizes [{listed}] (axis {k})")
    return b.broadcast(value, sizes, ())


def _fill_gradient(op: Operation, gradient: Any) -> list[Any]:
    rank = convert_to_tensor(gradient).shape.rank
    if rank is None:
        axes = _RANGE(0, _RANK(gradient).outputs[0], 1).outputs[0]
    else:
        axes = constant(list(range(rank)), int32)
    return [None, _SUM(gradient, axes, keep_dims=False).outputs[0]]


define_op(name="Fill", infer=_infer_fill, lower=_lower_fill, gradient=_fill_gradient)
define_op(
    name="ZerosLike",
    infer=same_as_input,
    lower=lambda b, op, x: b.full(x.shape, zero_of(x.dtype), x.dtype),
    no_gradient="it does not depend on the values of its input",
)
define_op(
    name="OnesLike",
    infer=same_as_input,
    lower=lambda b, op, x: b.full(x.shape, 1, x.dtype),
    no_gradient="it does not depend on the values of its input",
)

_FILL = Signature("Fill", "dims: index_type = int32", "value: T", index_type=INDEX)
_ZEROS_LIKE = Signature("ZerosLike", "x: T")
_RANK = Signature("Rank", "input: T")
_RANGE = Signature("Range", "start: Tidx = int32", "limit: Tidx = int32", "delta: Tidx = int32")
_SUM = Signature("Sum", "input: T", "reduction_indices: Tidx = int32", Tidx=INDEX)


def zero_of(dtype: DType) -> Any:
    """What zero is in an element type: text has the empty one."""
    if dtype.is_bool:
        return False
    return b"" if dtype.kind == "string" else 0


def fill(dims: Any, value: Any, name: str | None = None) -> Tensor:
    """Return a tensor of shape `dims`, an integer vector, with `value`, a scalar, everywhere."""
    return _FILL(dims, value, name=name).outputs[0]


def zeros(shape: Any, dtype: Any = float32, name: str | None = None) -> Tensor:
    """Return a tensor of zeros.

    Parameters
    ----------
    shape : a list of sizes, which may be tensors, a `TensorShape`, or an integer vector.
    """
    dtype = as_dtype(dtype).base_dtype
    with name_scope(name, "zeros", [shape]) as scope:
        return _filled(zero_of(dtype), shape, dtype, scope)


def ones(shape: Any, dtype: Any = float32, name: str | None = None) -> Tensor:
    """Return a tensor of ones; see `zeros`."""
    dtype = as_dtype(dtype).base_dtype
    with name_scope(name, "ones", [shape]) as scope:
        return _filled(True if dtype.is_bool else 1, shape, dtype, scope)


def _filled(value: Any, shape: Any, dtype: DType, scope: str) -> Tensor:
    if not isinstance(shape, Tensor):
        try:
            sizes = TensorShape(shape)
        except (TypeError, ValueError):
            get_default_graph()._skip_ids(_operations_of_product(shape))
            shape = convert_to_tensor(shape, dtype=int32)
        else:
            is_list = isinstance(shape, (list, tuple, TensorShape))  # a single number is filled
            if is_list and sizes.is_fully_defined() and math.prod(sizes.as_list()) < _SMALL:  # type: ignore[arg-type]
                return constant(value, dtype, sizes.as_list(), scope)
            shape = convert_to_tensor(sizes, name="shape_as_tensor")
    if shape.shape.rank == 0:
        shape = reshape(shape, [-1])
    return fill(shape, constant(value, dtype), name=scope)


def _operations_of_product(sizes: Any) -> int:
    """How many operations TensorFlow makes to see whether sizes with tensors in them are small.

    It multiplies them and compares the product with a limit; the seeds of random operations that
    are made later depend on the count of operations.
    """
    count = 0
    if not isinstance(sizes, (list, tuple)) or not sizes:
        return count
    product_is_tensor = isinstance(sizes[0], Tensor)
    for size in sizes[1:]:
        is_tensor = isinstance(size, Tensor)
        if product_is_tensor or is_tensor:
            count += 1 if product_is_tensor and is_tensor else 2
        product_is_tensor = product_is_tensor or is_tensor
    return count + 2 if product_is_tensor else count


def zeros_like(
    tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True
) -> Tensor:
    """Return zeros of the shape of `tensor`.

    Parameters
    ----------
    dtype : element type; that of `tensor` when None.
    optimize : use the static shape where it is fully known.
    """
    wanted = None if dtype is None else as_dtype(dtype).base_dtype
    with name_scope(name, "zeros_like", [tensor]) as scope:
        tensor = convert_to_tensor(tensor, name="tensor")
        own = tensor.dtype.base_dtype
        if optimize and tensor.shape.is_fully_defined():
            return zeros(tensor.shape, wanted or own, name=scope)
        if wanted is not None and wanted is not own:
            return zeros(shape_of(tensor, optimize=optimize), wanted, name=scope)
        return _ZEROS_LIKE(tensor, name=scope).outputs[0]


def ones_like(
    tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True
) -> Tensor:
    """Return ones of the shape of `tensor`; see `zeros_like`."""
    with name_scope(name, "ones_like", [tensor]) as scope:
        tensor = convert_to_tensor(tensor, name="tensor")
        wanted = tensor.dtype if dtype is None else as_dtype(dtype)
        result = ones(shape_of(tensor, optimize=optimize), wanted.base_dtype, name=scope)
        result.set_shape(tensor.shape)
        return result
