"""Arithmetic of two tensors, element by element, and the sums of many: Add, Mul, Pow, AddN, ...

Operands broadcast. Integer divisions by zero are errors of the run, as in TensorFlow. Every
function of this family gives one tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor, convert_to_tensor_or_indexed_slices
from graphflow.graph.default import name_scope
from graphflow.graph.indexed_slices import IndexedSlices
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import TensorShape, as_shape, merge_in_op, unknown_shape
from graphflow.graph.tensor import Tensor
from graphflow.ir.dims import shapes_equal
from graphflow.ops.broadcasting import define_binary, sum_to_operands
from graphflow.ops.casting import cast
from graphflow.ops.comparison import (
    greater,
    greater_equal,
    less_equal,
    not_equal,
    not_same_size,
    where,
)
from graphflow.ops.creation import ones_like, zeros_like
from graphflow.ops.division import (
    all_of,
    div,
    div_no_nan,
    divide,
    floor_div,
    floordiv,
    floormod,
    mod,
    realdiv,
    reciprocal_no_nan,
    truediv,
    truncatediv,
    truncatemod,
    unless_zero,
)
from graphflow.ops.identity import identity
from graphflow.ops.kinds import (
    ADDABLE,
    ALL_NUMBERS,
    ARITHMETIC,
    COMPLEX,
    FLOATS,
    INDEX,
    NO_NAN,
    SIGNED,
)

__all__ = [
    "accumulate_n", "add", "add_n", "atan2", "div", "div_no_nan", "divide", "floor_div", "floordiv",
    "floormod", "maximum", "minimum", "mod", "multiply", "multiply_no_nan", "polyval", "pow",
    "realdiv", "reciprocal_no_nan", "scalar_mul", "squared_difference", "subtract", "truediv",
    "truncatediv", "truncatemod", "xdivy", "xlogy",
]  # fmt: skip

Gradients = list[Any]

# Ops of later families that gradients need.
_NEG = Signature("Neg", "x: T")
_LOG = Signature("Log", "x: T")
_SQUARE = Signature("Square", "x: T")


def _neg(x: Any) -> Tensor:
    return _NEG(x).outputs[0]


# ---- lowerings


def _lower_add(b: Any, op: Operation, x: Any, y: Any) -> Any:
    if op.inputs[0].dtype.base_dtype is dtypes.string:
        shape = b.broadcast_operands(x, y)[0].shape
        types = [(dtypes.string, shape)]
        return b.call_python(_add_texts, (x, y), types, stateful=False)
    return b.add(x, y)


def _add_texts(x: Any, y: Any) -> list[Any]:
    return [np.asarray(np.add(x, y, dtype=object), dtype=object)]


def _lower_pow(b: Any, op: Operation, x: Any, y: Any) -> Any:
    if not x.dtype.is_integer:
        return b.pow(x, y)
    if y.dtype.kind == "int":
        message = "Integers to negative integer powers are not allowed"
        b.check(all_of(b, b.ge(y, 0)), "InvalidArgumentError", message)
    return b.pow(x, y)


def _lower_squared_difference(b: Any, op: Operation, x: Any, y: Any) -> Any:
    """The square; of a complex difference its absolute value's."""
    difference = b.sub(x, y)
    if difference.dtype.is_complex:
        types = [(difference.dtype, difference.shape)]
        return b.call_python(_absolute_squares, (difference,), types, stateful=False)[0]
    return b.square(difference)


def _absolute_squares(x: Any) -> list[Any]:
    return [np.conj(x) * x]


def _lower_mul_no_nan(b: Any, op: Operation, x: Any, y: Any) -> Any:
    return unless_zero(b, y, b.mul(x, y))


def _lower_xdivy(b: Any, op: Operation, x: Any, y: Any) -> Any:
    return unless_zero(b, x, b.div(x, y))


def _lower_xlogy(b: Any, op: Operation, x: Any, y: Any) -> Any:
    return unless_zero(b, x, b.mul(x, b.log(y)))


def _lower_add_n(b: Any, op: Operation, *xs: Any) -> Any:
    total = xs[0]
    for k, x in enumerate(xs[1:], start=1):
        if not shapes_equal(x.shape, xs[0].shape):
            raise ValueError(not_same_size(op, xs, 0, k))
        total = b.add(total, x)
    return total


# ---- gradients


def _add_gradient(op: Operation, gradient: Any) -> Gradients:
    return sum_to_operands(op, gradient, gradient)


def _sub_gradient(op: Operation, gradient: Any) -> Gradients:
    return sum_to_operands(op, gradient, _neg(gradient))


def _mul_gradient(op: Operation, gradient: Any) -> Gradients:
    x, y = op.inputs
    return sum_to_operands(op, multiply(gradient, y), multiply(x, gradient))


def _mul_no_nan_gradient(op: Operation, gradient: Any) -> Gradients:
    x, y = op.inputs
    return sum_to_operands(op, _mul_no_nan(gradient, y), _mul_no_nan(x, gradient))


def _pow_gradient(op: Operation, gradient: Any) -> Gradients:
    """``y x^(y-1)`` and ``x^y log(x)``; the latter is 0 for x <= 0, as in TensorFlow."""
    x, y = op.inputs
    one = convert_to_tensor(1, y.dtype.base_dtype)
    to_base = multiply(multiply(gradient, y), pow(x, subtract(y, one)))
    compare = not_equal if x.dtype.is_complex else greater
    positive = compare(x, convert_to_tensor(0, x.dtype.base_dtype))
    safe = where(positive, x, ones_like(x))
    log = where(positive, _LOG(safe).outputs[0], zeros_like(x))
    to_exponent = multiply(multiply(gradient, op.outputs[0]), log)
    return sum_to_operands(op, to_base, to_exponent)


def _extreme_gradient(chosen: Callable[..., Tensor]) -> Callable[..., Gradients]:
    """The gradient goes to the operand chosen; where both are equal, to the first."""

    def gradient(op: Operation, gradient: Any) -> Gradients:
        first = chosen(op.inputs[0], op.inputs[1])
        zeros = zeros_like(gradient)
        return sum_to_operands(op, where(first, gradient, zeros), where(first, zeros, gradient))

    return gradient


def _squared_difference_gradient(op: Operation, gradient: Any) -> Gradients:
    x, y = op.inputs
    doubled = scalar_mul(2, gradient)
    to_first = multiply(doubled, subtract(x, y))
    return sum_to_operands(op, to_first, _neg(to_first))


def _atan2_gradient(op: Operation, gradient: Any) -> Gradients:
    y, x = op.inputs
    squares = add(_SQUARE(x).outputs[0], _SQUARE(y).outputs[0])
    scaled = realdiv(gradient, squares)
    return sum_to_operands(op, multiply(x, scaled), multiply(_neg(y), scaled))


def _xlogy_gradient(op: Operation, gradient: Any) -> Gradients:
    x, y = op.inputs
    to_x, to_y = xlogy(_oneunless_zero(x), y), xdivy(x, y)
    return sum_to_operands(op, multiply(to_x, gradient), multiply(to_y, gradient))


def _xdivy_gradient(op: Operation, gradient: Any) -> Gradients:
    x, y = op.inputs
    to_x, to_y = xdivy(_oneunless_zero(x), y), xdivy(_neg(x), _SQUARE(y).outputs[0])
    return sum_to_operands(op, multiply(to_x, gradient), multiply(to_y, gradient))


def _oneunless_zero(x: Tensor) -> Tensor:
    not_equal = Signature("NotEqual", "x: T", "y: T")
    zero = convert_to_tensor(0, x.dtype.base_dtype)
    return cast(not_equal(x, zero).outputs[0], x.dtype.base_dtype)


# ---- the ops

add = define_binary(
    "Add",
    _lower_add,
    (*ADDABLE, dtypes.string),
    "Return ``x + y``, element by element; texts are joined.",
    gradient=_add_gradient,
)
add_v2 = define_binary(
    "AddV2",
    _lower_add,
    ADDABLE,
    "Return ``x + y``, element by element: what the operator ``+`` makes.",
    gradient=_add_gradient,
)
subtract = define_binary(
    "Sub",
    lambda b, op, x, y: b.sub(x, y),
    ARITHMETIC,
    "Return ``x - y``, element by element.",
    gradient=_sub_gradient,
)
multiply = define_binary(
    "Mul",
    lambda b, op, x, y: b.mul(x, y),
    ARITHMETIC,
    "Return ``x * y``, element by element.",
    gradient=_mul_gradient,
)
_mul_no_nan = define_binary(
    "MulNoNan",
    _lower_mul_no_nan,
    NO_NAN,
    "Return ``x * y``, 0 where ``y`` is 0.",
    gradient=_mul_no_nan_gradient,
)
xdivy = define_binary(
    "Xdivy",
    _lower_xdivy,
    NO_NAN,
    "Return ``x / y``, 0 where ``x`` is 0.",
    gradient=_xdivy_gradient,
)
xlogy = define_binary(
    "Xlogy",
    _lower_xlogy,
    NO_NAN,
    "Return ``x * log(y)``, 0 where ``x`` is 0.",
    gradient=_xlogy_gradient,
)
pow_op = define_binary(
    "Pow",
    _lower_pow,
    (dtypes.bfloat16, dtypes.float32, dtypes.float16, dtypes.float64, *INDEX, *COMPLEX),
    "Return ``x`` to the power ``y``.",
    gradient=_pow_gradient,
)
maximum = define_binary(
    "Maximum",
    lambda b, op, x, y: b.max(x, y),
    (*FLOATS, *INDEX),
    "Return the larger of ``x`` and ``y``, element by element; ``x`` where either is nan.",
    gradient=_extreme_gradient(greater_equal),
)
minimum = define_binary(
    "Minimum",
    lambda b, op, x, y: b.min(x, y),
    (*FLOATS, *INDEX),
    "Return the smaller of ``x`` and ``y``, element by element; ``x`` where either is nan.",
    gradient=_extreme_gradient(less_equal),
)
squared_difference = define_binary(
    "SquaredDifference",
    _lower_squared_difference,
    SIGNED,
    "Return ``(x - y)**2``, element by element.",
    gradient=_squared_difference_gradient,
)
_atan2 = define_binary(
    "Atan2",
    lambda b, op, y, x: b.atan2(y, x),
    FLOATS,
    "Return the angle of the point (x, y) to the x axis.",
    gradient=_atan2_gradient,
    operands=("y", "x"),
)


def atan2(y: Any, x: Any, name: str | None = None) -> Tensor:
    """Return the angle of the point (x, y) to the x axis, between -pi and pi."""
    return _atan2(y, x, name=name)


def pow(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return ``x`` to the power ``y``; integers to a negative power are an error of the run."""
    with name_scope(name, "Pow", [x]) as scope:
        return pow_op(x, y, name=scope)


def multiply_no_nan(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return ``x * y``, 0 where ``y`` is 0, even where ``x`` is nan or infinite."""
    with name_scope(name, "multiply_no_nan", [x, y]) as scope:
        x = convert_to_tensor(x, name="x")
        return _mul_no_nan(x, convert_to_tensor(y, x.dtype.base_dtype, "y"), name=scope)


def scalar_mul(scalar: Any, x: Any, name: str | None = None) -> Any:
    """Return ``scalar * x`` for a tensor or an `IndexedSlices`; ValueError for a non-scalar."""
    scalar = convert_to_tensor(scalar, x.dtype.base_dtype, "scalar")
    if scalar.shape.rank != 0:
        raise ValueError(f"Only scalar multiply works, got shape {scalar.shape}")
    if isinstance(x, IndexedSlices):
        return IndexedSlices(multiply(scalar, x.values, name), x.indices, x.dense_shape)
    return multiply(scalar, x, name)


def polyval(coeffs: Sequence[Any], x: Any, name: str | None = None) -> Tensor:
    """Return the value at `x` of the polynomial with `coeffs`, the highest power's first."""
    with name_scope(name, "polyval", [*coeffs, x]) as scope:
        x = convert_to_tensor(x, name="x")
        if len(coeffs) < 1:
            return zeros_like(x, name=scope)
        terms = [convert_to_tensor(c, name=f"coeff_{k}") for k, c in enumerate(coeffs)]
        value = terms[0]
        for term in terms[1:]:
            product = multiply(value, x, name="mul")
            value = add_v2(term, product, name="add")
        return value


# ---- sums of many


def _infer_add_n(op: Operation) -> list[Any]:
    merged = op.inputs[-1].shape
    for i, tensor in reversed(list(enumerate(op.inputs[:-1]))):
        try:
            merged = merge_in_op(tensor.shape, merged)
        except ValueError as error:
            text = f"{error}\n\tFrom merging shape {i} with other shapes."
            raise ValueError(text) from None
    return [(op.inputs[0].dtype.base_dtype, merged)]


def _infer_accumulate_n(op: Operation) -> list[Any]:
    return [(op.inputs[0].dtype.base_dtype, op.attrs["shape"])]


def _gradient_for_all(op: Operation, gradient: Any) -> Gradients:
    return [gradient] * len(op.inputs)


define_op("AddN", _infer_add_n, _lower_add_n, gradient=_gradient_for_all)
define_op("AccumulateNV2", _infer_accumulate_n, _lower_add_n, gradient=_gradient_for_all)
_ADD_N = Signature("AddN", "inputs: N * T", T=ALL_NUMBERS)
_ACCUMULATE_N = Signature("AccumulateNV2", "inputs: N * T", T=ALL_NUMBERS)


def _converted(inputs: Any, allowed: tuple[type, ...], what: str) -> list[Any]:
    error = ValueError(
        f"inputs must be a list of at least one {what} with the same dtype and shape"
    )
    if not isinstance(inputs, (list, tuple)) or not inputs:
        raise error
    tensors = [convert_to_tensor_or_indexed_slices(item) for item in inputs]
    if not all(isinstance(tensor, allowed) for tensor in tensors):
        raise error
    return tensors


def add_n(inputs: Sequence[Any], name: str | None = None) -> Tensor:
    """Return the sum of a list of tensors of one shape.

    Parameters
    ----------
    inputs : tensors or `IndexedSlices`, at least one.

    Raises
    ------
    ValueError : there is nothing to add, or the shapes differ.
    """
    tensors = _converted(inputs, (Tensor, IndexedSlices), "Tensor/IndexedSlices")
    if len(tensors) > 1:
        return _ADD_N(tensors, name=name).outputs[0]
    only = convert_to_tensor(tensors[0])
    return identity(only, name=name) if name else only


def accumulate_n(
    inputs: Sequence[Any], shape: Any = None, tensor_dtype: Any = None, name: str | None = None
) -> Tensor:
    """Return the sum of a list of tensors of one shape, as `add_n` does.

    Parameters
    ----------
    shape, tensor_dtype : what is expected of the inputs.

    Raises
    ------
    ValueError, TypeError : an input is not as expected, or there is none.
    """
    tensors = _converted(inputs, (Tensor,), "Tensor")
    if any(t.dtype != tensors[0].dtype for t in tensors):
        raise ValueError(
            "inputs must be a list of at least one Tensor with the same dtype and shape"
        )
    merged: TensorShape = unknown_shape() if shape is None else as_shape(shape)
    for tensor in tensors:
        merged = merged.merge_with(tensor.shape)
    if tensor_dtype is not None and tensor_dtype != tensors[0].dtype:
        raise TypeError(f"tensor_dtype is {tensor_dtype}, but input is of type {tensors[0].dtype}")
    if len(tensors) == 1:
        return tensors[0] if name is None else identity(tensors[0], name=name)
    return _ACCUMULATE_N(tensors, name=name, shape=merged).outputs[0]
