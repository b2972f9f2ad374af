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
from graphflow.graph.dtypes import DType
from graphflow.graph.indexed_slices import IndexedSlices
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import TensorShape, as_shape, merge_in_op, unknown_shape
from graphflow.graph.tensor import Tensor
from graphflow.ops.broadcasting import infer_broadcast, sum_to_operands
from graphflow.ops.casting import cast
from graphflow.ops.comparison import greater, greater_equal, less_equal, where
from graphflow.ops.identity import identity

__all__ = [
    "accumulate_n",
    "add",
    "add_n",
    "atan2",
    "div",
    "div_no_nan",
    "divide",
    "floor_div",
    "floordiv",
    "floormod",
    "maximum",
    "minimum",
    "mod",
    "multiply",
    "multiply_no_nan",
    "polyval",
    "pow",
    "realdiv",
    "reciprocal_no_nan",
    "scalar_mul",
    "squared_difference",
    "subtract",
    "truediv",
    "truncatediv",
    "truncatemod",
    "xdivy",
    "xlogy",
]

Gradients = list[Any]

_FLOATS = (dtypes.bfloat16, dtypes.float16, dtypes.float32, dtypes.float64)
_COMPLEX = (dtypes.complex64, dtypes.complex128)
_INT32_64 = (dtypes.int32, dtypes.int64)
_ADDABLE = (*_FLOATS, dtypes.uint8, dtypes.int8, dtypes.int16, *_INT32_64, *_COMPLEX)
_NUMBERS = (
    *_FLOATS, dtypes.uint8, dtypes.int8, dtypes.uint16, dtypes.int16, *_INT32_64, *_COMPLEX,
)  # fmt: skip
_NO_NAN = (dtypes.float16, dtypes.float32, dtypes.float64, *_COMPLEX)
_SUMMABLE = (
    dtypes.float32, dtypes.float64, dtypes.int32, dtypes.uint8, dtypes.int16, dtypes.int8,
    dtypes.complex64, dtypes.int64, dtypes.bfloat16, dtypes.uint16, dtypes.complex128,
    dtypes.float16, dtypes.uint32, dtypes.uint64,
)  # fmt: skip

# Ops of later families that gradients need.
_NEG = Signature("Neg", "x: T")
_LOG = Signature("Log", "x: T")
_SQUARE = Signature("Square", "x: T")
_ONES_LIKE = Signature("OnesLike", "x: T")
_ZEROS_LIKE = Signature("ZerosLike", "x: T")


def _neg(x: Any) -> Tensor:
    return _NEG(x).outputs[0]


def define_binary(
    op_type: str,
    lower: Callable[..., Any],
    types: Sequence[DType],
    document: str,
    gradient: Callable[..., Any] | None = None,
    no_gradient: str = "",
    operands: tuple[str, str] = ("x", "y"),
    infer: Callable[[Operation], Sequence[Any]] = infer_broadcast,
) -> Callable[..., Tensor]:
    """Define an op of two operands of one type that broadcast; return its public function.

    Parameters
    ----------
    lower : ``lower(b, op, x, y)``.
    types : the element types that TensorFlow registers, in its order.
    document : the docstring of the function.
    operands : the names of the two operands.
    """
    define_op(op_type, infer, lower, gradient, no_gradient)
    first, second = operands
    signature = Signature(op_type, f"{first}: T", f"{second}: T", T=types)

    def function(x: Any, y: Any, name: str | None = None) -> Tensor:
        return signature(x, y, name=name).outputs[0]

    function.__doc__ = document
    return function


# ---- lowerings


def may_be_zero(b: Any, node: Any) -> bool:
    """Whether an integer node may hold a zero: False when its value is known and has none."""
    known = node.inputs[0] if node.op == "broadcast" else node
    if known.op != "const":
        return True
    # Symbolic sizes are at least 2.
    return any(isinstance(v, (int, np.integer)) and v == 0 for v in known["value"].array.flat)


def _check_divisor(b: Any, y: Any) -> None:
    if y.dtype.is_integer and may_be_zero(b, y):
        b.check(all_of(b, b.ne(y, 0)), "InvalidArgumentError", "Integer division by zero")


def all_of(b: Any, condition: Any) -> Any:
    """Whether every element of a bool node holds, as a scalar node."""
    known = condition.inputs[0] if condition.op == "broadcast" else condition
    return b.reduce("and", known, range(known.rank))


def _lower_add(b: Any, op: Operation, x: Any, y: Any) -> Any:
    if op.inputs[0].dtype.base_dtype is dtypes.string:
        shape = b.broadcast_operands(x, y)[0].shape
        types = [(dtypes.string, shape)]
        return b.call_python(_add_texts, (x, y), types, stateful=False)
    return b.add(x, y)


def _add_texts(x: Any, y: Any) -> list[Any]:
    return [np.asarray(np.add(x, y, dtype=object), dtype=object)]


def _lower_division(name: str) -> Callable[..., Any]:
    def lower(b: Any, op: Operation, x: Any, y: Any) -> Any:
        _check_divisor(b, y)
        return getattr(b, name)(x, y)

    return lower


def _lower_real_division(b: Any, op: Operation, x: Any, y: Any) -> Any:
    if not x.dtype.is_integer:
        return b.div(x, y)
    _check_divisor(b, y)
    return b.truncdiv(x, y)


def _lower_pow(b: Any, op: Operation, x: Any, y: Any) -> Any:
    if not x.dtype.is_integer:
        return b.pow(x, y)
    negative = b.lt(y, 0)
    b.check(
        b.not_(b.reduce("or", negative, range(negative.rank))),
        "InvalidArgumentError",
        "Integers to negative integer powers are not allowed",
    )
    return b.pow(x, y)


def _lower_squared_difference(b: Any, op: Operation, x: Any, y: Any) -> Any:
    return b.square(b.sub(x, y))


def _lower_div_no_nan(b: Any, op: Operation, x: Any, y: Any) -> Any:
    return _unless_zero(b, y, b.div(x, y))


def _lower_mul_no_nan(b: Any, op: Operation, x: Any, y: Any) -> Any:
    return _unless_zero(b, y, b.mul(x, y))


def _lower_xdivy(b: Any, op: Operation, x: Any, y: Any) -> Any:
    return _unless_zero(b, x, b.div(x, y))


def _lower_xlogy(b: Any, op: Operation, x: Any, y: Any) -> Any:
    return _unless_zero(b, x, b.mul(x, b.log(y)))


def _unless_zero(b: Any, decisive: Any, value: Any) -> Any:
    """`value`, but 0 where `decisive` is 0, even where `value` is nan or infinite."""
    return b.select(b.eq(decisive, 0), b.const(0, value.dtype), value)


def _lower_add_n(b: Any, op: Operation, *xs: Any) -> Any:
    total = xs[0]
    for x in xs[1:]:
        if x.shape != total.shape:
            raise ValueError(
                f"Inputs to operation {op.name} of type {op.type} must have the same size and "
                f"shape.  Input 0: {list(total.shape)} != input: {list(x.shape)}"
            )
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


def _division_gradient(divide_by: Callable[[Any, Any], Tensor]) -> Callable[..., Gradients]:
    """The gradient of a quotient, in terms of the same kind of division: 1/y and -x/y/y."""

    def gradient(op: Operation, gradient: Any) -> Gradients:
        x, y = op.inputs
        to_divisor = multiply(gradient, divide_by(divide_by(_neg(x), y), y))
        return sum_to_operands(op, divide_by(gradient, y), to_divisor)

    return gradient


def _floor_mod_gradient(op: Operation, gradient: Any) -> Gradients:
    x, y = op.inputs
    return sum_to_operands(op, gradient, multiply(gradient, _neg(floor_div(x, y))))


def _pow_gradient(op: Operation, gradient: Any) -> Gradients:
    """``y x^(y-1)`` and ``x^y log(x)``; the latter is 0 for x <= 0, as in TensorFlow."""
    x, y = op.inputs
    one = convert_to_tensor(1, y.dtype.base_dtype)
    to_base = multiply(multiply(gradient, y), pow(x, subtract(y, one)))
    positive = greater(x, convert_to_tensor(0, x.dtype.base_dtype))
    safe = where(positive, x, _ONES_LIKE(x).outputs[0])
    log = where(positive, _LOG(safe).outputs[0], _ZEROS_LIKE(x).outputs[0])
    to_exponent = multiply(multiply(gradient, op.outputs[0]), log)
    return sum_to_operands(op, to_base, to_exponent)


def _extreme_gradient(chosen: Callable[..., Tensor]) -> Callable[..., Gradients]:
    """The gradient goes to the operand chosen; where both are equal, to the first."""

    def gradient(op: Operation, gradient: Any) -> Gradients:
        first = chosen(op.inputs[0], op.inputs[1])
        zeros = _ZEROS_LIKE(gradient).outputs[0]
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
    to_x, to_y = xlogy(_one_unless_zero(x), y), xdivy(x, y)
    return sum_to_operands(op, multiply(to_x, gradient), multiply(to_y, gradient))


def _xdivy_gradient(op: Operation, gradient: Any) -> Gradients:
    x, y = op.inputs
    to_x, to_y = xdivy(_one_unless_zero(x), y), xdivy(_neg(x), _SQUARE(y).outputs[0])
    return sum_to_operands(op, multiply(to_x, gradient), multiply(to_y, gradient))


def _one_unless_zero(x: Tensor) -> Tensor:
    not_equal = Signature("NotEqual", "x: T", "y: T")
    zero = convert_to_tensor(0, x.dtype.base_dtype)
    return cast(not_equal(x, zero).outputs[0], x.dtype.base_dtype)


# ---- the ops

add = define_binary(
    "Add",
    _lower_add,
    (*_ADDABLE, dtypes.string),
    "Return ``x + y``, element by element; texts are joined.",
    gradient=_add_gradient,
)
add_v2 = define_binary(
    "AddV2",
    _lower_add,
    _ADDABLE,
    "Return ``x + y``, element by element: what the operator ``+`` makes.",
    gradient=_add_gradient,
)
subtract = define_binary(
    "Sub",
    lambda b, op, x, y: b.sub(x, y),
    _NUMBERS,
    "Return ``x - y``, element by element.",
    gradient=_sub_gradient,
)
multiply = define_binary(
    "Mul",
    lambda b, op, x, y: b.mul(x, y),
    _NUMBERS,
    "Return ``x * y``, element by element.",
    gradient=_mul_gradient,
)
realdiv = define_binary(
    "RealDiv",
    _lower_real_division,
    _NUMBERS,
    "Return ``x / y`` in the operands' own type.",
    gradient=_division_gradient(lambda x, y: realdiv(x, y)),
)
floor_div = define_binary(
    "FloorDiv",
    _lower_division("floordiv"),
    _NUMBERS,
    "Return ``x / y`` rounded down.",
    no_gradient="the result is constant between its jumps",
)
truncatediv = define_binary(
    "TruncateDiv",
    _lower_division("truncdiv"),
    _NUMBERS,
    "Return ``x / y`` rounded towards zero.",
    no_gradient="the result is constant between its jumps",
)
floormod = define_binary(
    "FloorMod",
    _lower_division("floormod"),
    (*_INT32_64, *_FLOATS),
    "Return the rest of ``x`` after division by ``y`` rounded down: it has the sign of ``y``.",
    gradient=_floor_mod_gradient,
)
mod = floormod
truncatemod = define_binary(
    "TruncateMod",
    _lower_division("truncmod"),
    (*_INT32_64, *_FLOATS),
    "Return the rest of ``x`` after division by ``y`` towards zero: it has the sign of ``x``.",
)
_div_no_nan = define_binary(
    "DivNoNan",
    _lower_div_no_nan,
    _NO_NAN,
    "Return ``x / y``, 0 where ``y`` is 0.",
    gradient=_division_gradient(lambda x, y: _div_no_nan(x, y)),
)
_mul_no_nan = define_binary(
    "MulNoNan",
    _lower_mul_no_nan,
    _NO_NAN,
    "Return ``x * y``, 0 where ``y`` is 0.",
    gradient=_mul_no_nan_gradient,
)
xdivy = define_binary(
    "Xdivy",
    _lower_xdivy,
    _NO_NAN,
    "Return ``x / y``, 0 where ``x`` is 0.",
    gradient=_xdivy_gradient,
)
xlogy = define_binary(
    "Xlogy",
    _lower_xlogy,
    _NO_NAN,
    "Return ``x * log(y)``, 0 where ``x`` is 0.",
    gradient=_xlogy_gradient,
)
pow_op = define_binary(
    "Pow",
    _lower_pow,
    (dtypes.bfloat16, dtypes.float32, dtypes.float16, dtypes.float64, *_INT32_64, *_COMPLEX),
    "Return ``x`` to the power ``y``.",
    gradient=_pow_gradient,
)
maximum = define_binary(
    "Maximum",
    lambda b, op, x, y: b.max(x, y),
    (*_FLOATS, *_INT32_64),
    "Return the larger of ``x`` and ``y``, element by element; nan where either is.",
    gradient=_extreme_gradient(greater_equal),
)
minimum = define_binary(
    "Minimum",
    lambda b, op, x, y: b.min(x, y),
    (*_FLOATS, *_INT32_64),
    "Return the smaller of ``x`` and ``y``, element by element; nan where either is.",
    gradient=_extreme_gradient(less_equal),
)
squared_difference = define_binary(
    "SquaredDifference",
    _lower_squared_difference,
    (*_FLOATS, *_INT32_64, *_COMPLEX),
    "Return ``(x - y)**2``, element by element.",
    gradient=_squared_difference_gradient,
)
_atan2 = define_binary(
    "Atan2",
    lambda b, op, y, x: b.atan2(y, x),
    _FLOATS,
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


def floordiv(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return ``x / y`` rounded down, for integers and floats."""
    with name_scope(name, "floordiv", [x, y]) as scope:
        return floor_div(x, y, name=scope)


# What integers are cast to before they are divided by `truediv`.
_QUOTIENT_TYPES = {
    dtypes.uint8: dtypes.float32,
    dtypes.int8: dtypes.float32,
    dtypes.uint16: dtypes.float32,
    dtypes.int16: dtypes.float32,
    dtypes.int32: dtypes.float64,
    dtypes.int64: dtypes.float64,
}


def _require_same_type(x: Tensor, y: Tensor) -> None:
    first, second = x.dtype.base_dtype, y.dtype.base_dtype
    if first is not second:
        raise TypeError(f"x and y must have the same dtype, got {first!r} != {second!r}")


def truediv(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return ``x / y`` as Python 3 divides: integers are cast to floats first.

    Raises
    ------
    TypeError : the types differ, or cannot be divided.
    """
    with name_scope(name, "truediv", [x, y]) as scope:
        x, y = convert_to_tensor(x, name="x"), convert_to_tensor(y, name="y")
        _require_same_type(x, y)
        dtype = x.dtype.base_dtype
        if dtype in _QUOTIENT_TYPES:
            x, y = cast(x, _QUOTIENT_TYPES[dtype]), cast(y, _QUOTIENT_TYPES[dtype])
        elif dtype not in (*_FLOATS, *_COMPLEX):
            raise TypeError(f"Invalid dtype {dtype!r} in __truediv__")
        return realdiv(x, y, name=scope)


def div(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return ``x / y`` as Python 2 divides: integers are rounded down."""
    with name_scope(name, "div", [x, y]) as scope:
        x = convert_to_tensor(x, name="x")
        y = convert_to_tensor(y, x.dtype.base_dtype, "y")
        if x.dtype.is_floating or x.dtype.is_complex:
            return realdiv(x, y, name=scope)
        return floor_div(x, y, name=scope)


def divide(x: Any, y: Any, name: str | None = None) -> Any:
    """Return ``x / y`` by Python's rules: numbers stay numbers when no `name` is given."""
    return x / y if name is None else truediv(x, y, name)


def div_no_nan(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return ``x / y``, 0 where ``y`` is 0."""
    with name_scope(name, "div_no_nan", [x, y]) as scope:
        x = convert_to_tensor(x, name="x")
        return _div_no_nan(x, convert_to_tensor(y, x.dtype.base_dtype, "y"), name=scope)


def multiply_no_nan(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return ``x * y``, 0 where ``y`` is 0, even where ``x`` is nan or infinite."""
    with name_scope(name, "multiply_no_nan", [x, y]) as scope:
        x = convert_to_tensor(x, name="x")
        return _mul_no_nan(x, convert_to_tensor(y, x.dtype.base_dtype, "y"), name=scope)


def reciprocal_no_nan(x: Any, name: str | None = None) -> Tensor:
    """Return ``1 / x``, 0 where ``x`` is 0."""
    with name_scope(name, "reciprocal_no_nan", [x]) as scope:
        x = convert_to_tensor(x, name="x")
        one = convert_to_tensor(1, x.dtype.base_dtype, name="one")
        return _div_no_nan(one, x, name=scope)


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
            return _ZEROS_LIKE(x, name=scope).outputs[0]
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
_ADD_N = Signature("AddN", "inputs: N * T", T=_SUMMABLE)
_ACCUMULATE_N = Signature("AccumulateNV2", "inputs: N * T", T=_SUMMABLE)


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
