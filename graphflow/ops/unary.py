"""Functions of one tensor, element by element: Neg, Exp, Tanh, Sigmoid, Floor, IsNan, ...

Most are one primitive of the compiler. Gradients are TensorFlow's formulas; those of tanh, sigmoid,
sqrt, rsqrt, reciprocal and softplus are ops of their own there (``TanhGrad``), and so here.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import DType
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import merge_in_op
from graphflow.graph.sparse_tensor import SparseTensor
from graphflow.graph.tensor import Tensor
from graphflow.ops.creation import zeros_like
from graphflow.ops.elementwise import add, multiply, realdiv, subtract
from graphflow.ops.identity import same_as_input
from graphflow.ops.kinds import ANALYTIC, FLOATS, SIGNED

__all__ = [
    "abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "ceil", "cos", "cosh",
    "digamma", "erf", "erfc", "exp", "expm1", "floor", "is_finite", "is_inf",
    "is_nan", "lgamma", "log", "log1p", "log_sigmoid", "negative", "reciprocal", "rint",
    "round", "rsqrt", "sigmoid", "sign", "sin", "sinh", "softplus", "sqrt", "square", "tan", "tanh",
]  # fmt: skip

Function = Callable[..., Tensor]


def _define(
    op_type: str,
    lower: Callable[..., Any],
    types: Sequence[DType],
    document: str,
    gradient: Callable[..., Any] | None = None,
    no_gradient: str = "",
    operand: str = "x",
    infer: Callable[[Operation], Any] = same_as_input,
) -> Function:
    """Define an op of one operand and return its public function.

    Parameters
    ----------
    lower : ``lower(b, x)``, from node to node.
    types : the element types that TensorFlow registers, in its order.
    document : the docstring of the function.
    gradient : ``gradient(op, output_gradient)`` gives the operand's gradient.
    """
    rule = None if gradient is None else _as_list(gradient)
    define_op(op_type, infer, lambda b, op, x: lower(b, x), rule, no_gradient)
    signature = Signature(op_type, f"{operand}: T", T=types)

    def function(x: Any, name: str | None = None) -> Tensor:
        return signature(x, name=name).outputs[0]

    found = _of_elements(function) if op_type in _OF_SPARSE_TOO else function
    found.__doc__ = document
    return found


# What keeps zero, as far as TensorFlow lets sparse tensors have it.
_OF_SPARSE_TOO = {"Erf", "Neg", "Sign", "Sqrt", "Square", "Tanh"}


def _of_elements(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which of a sparse tensor takes the elements that are there."""

    @functools.wraps(function)
    def dispatched(x: Any, name: str | None = None) -> Any:
        if isinstance(x, SparseTensor):
            return SparseTensor(x.indices, function(x.values, name=name), x.dense_shape)
        return function(x, name=name)

    return dispatched


def _as_list(gradient: Callable[..., Any]) -> Callable[..., list[Any]]:
    return lambda op, output_gradient: [gradient(op, output_gradient)]


def _constant(value: float, like: Tensor) -> Tensor:
    return convert_to_tensor(value, like.dtype.base_dtype)


# ---- gradients that are ops: of the result `y` and the result's gradient `dy`


def _define_gradient_op(
    op_type: str, lower: Callable[..., Any], gradient: Callable[..., Any]
) -> Callable[..., Tensor]:
    """Define an op of `y` and `dy`: ``lower(b, y, dy)``, ``gradient(y, dy, op, grad)``."""

    def infer(op: Operation) -> list[Any]:
        return [(op.inputs[0].dtype, merge_in_op(op.inputs[0].shape, op.inputs[1].shape))]

    def rule(op: Operation, grad: Any) -> list[Any]:
        return list(gradient(*op.inputs, op, grad))

    define_op(op_type, infer, lambda b, op, y, dy: lower(b, y, dy), rule)
    signature = Signature(op_type, "y: T", "dy: T", T=ANALYTIC)
    return lambda y, dy: signature(y, dy).outputs[0]


def _tanh_grad_gradient(y: Tensor, dy: Tensor, op: Operation, grad: Any) -> tuple[Any, Any]:
    twice = multiply(multiply(grad, _constant(-2, y)), dy)
    return multiply(twice, y), _tanh_grad(y, grad)


def _sigmoid_grad_gradient(y: Tensor, dy: Tensor, op: Operation, grad: Any) -> tuple[Any, Any]:
    product = multiply(grad, dy)
    doubled = multiply(multiply(_constant(2, y), product), y)
    return subtract(product, doubled), _sigmoid_grad(y, grad)


def _sqrt_grad_gradient(y: Tensor, dy: Tensor, op: Operation, grad: Any) -> tuple[Any, Any]:
    quotient = realdiv(grad, y)
    half = multiply(_constant(0.5, y), quotient)
    return multiply(negative(quotient), op.outputs[0]), half


def _rsqrt_grad_gradient(y: Tensor, dy: Tensor, op: Operation, grad: Any) -> tuple[Any, Any]:
    scaled = multiply(multiply(_constant(-1.5, y), grad), dy)
    return multiply(scaled, square(y)), _rsqrt_grad(y, grad)


def _reciprocal_grad_gradient(y: Tensor, dy: Tensor, op: Operation, grad: Any) -> tuple[Any, Any]:
    scaled = multiply(multiply(grad, _constant(-2, y)), dy)
    return multiply(scaled, y), _reciprocal_grad(y, grad)


_tanh_grad = _define_gradient_op(
    "TanhGrad", lambda b, y, dy: b.mul(dy, b.sub(1, b.square(y))), _tanh_grad_gradient
)
_sigmoid_grad = _define_gradient_op(
    "SigmoidGrad", lambda b, y, dy: b.mul(b.mul(dy, y), b.sub(1, y)), _sigmoid_grad_gradient
)
_sqrt_grad = _define_gradient_op(
    "SqrtGrad", lambda b, y, dy: b.div(b.mul(0.5, dy), y), _sqrt_grad_gradient
)
_rsqrt_grad = _define_gradient_op(
    "RsqrtGrad",
    lambda b, y, dy: b.mul(b.mul(-0.5, b.mul(dy, y)), b.square(y)),
    _rsqrt_grad_gradient,
)
_reciprocal_grad = _define_gradient_op(
    "ReciprocalGrad", lambda b, y, dy: b.mul(b.neg(dy), b.square(y)), _reciprocal_grad_gradient
)


def _softplus_grad_gradient(op: Operation, grad: Any) -> list[Any]:
    """The second derivative is ``1 / (exp(-x) + 2 + exp(x))``."""
    dy, x = op.inputs
    denominator = add(add(exp(negative(x)), _constant(2, x)), exp(x))
    return [_softplus_grad(grad, x), realdiv(multiply(grad, dy), denominator)]


define_op(
    name="SoftplusGrad",
    infer=same_as_input,
    lower=lambda b, op, dy, x: b.mul(dy, b.sigmoid(x)),
    gradient=_softplus_grad_gradient,
)
_SOFTPLUS_GRAD = Signature("SoftplusGrad", "gradients: T", "features: T", T=FLOATS)


def _softplus_grad(gradients: Any, features: Any) -> Tensor:
    return _SOFTPLUS_GRAD(gradients, features).outputs[0]


# ---- gradients of the ops below


def _one_less_square(x: Tensor) -> Tensor:
    return subtract(_constant(1, x), square(x))


def _tan_gradient(op: Operation, grad: Any) -> Any:
    return multiply(square(reciprocal(cos(op.inputs[0]))), grad)


def _asin_gradient(op: Operation, grad: Any) -> Any:
    return multiply(grad, reciprocal(sqrt(_one_less_square(op.inputs[0]))))


def _acos_gradient(op: Operation, grad: Any) -> Any:
    return negative(_asin_gradient(op, grad))


def _atan_gradient(op: Operation, grad: Any) -> Any:
    x = op.inputs[0]
    return multiply(grad, reciprocal(add(_constant(1, x), square(x))))


def _atanh_gradient(op: Operation, grad: Any) -> Any:
    return multiply(grad, reciprocal(_one_less_square(op.inputs[0])))


def _log1p_gradient(op: Operation, grad: Any) -> Any:
    x = op.inputs[0]
    return multiply(grad, reciprocal(add(_constant(1, x), x)))


def _bell_gradient(factor: float) -> Callable[..., Any]:
    """``factor exp(-x^2)``: the derivative of erf and erfc."""

    def gradient(op: Operation, grad: Any) -> Any:
        scaled = multiply(grad, _constant(factor, grad))
        return multiply(scaled, exp(negative(square(op.inputs[0]))))

    return gradient


def _square_gradient(op: Operation, grad: Any) -> Any:
    x = op.inputs[0]
    return multiply(grad, multiply(x, _constant(2, x)))


def _sign_gradient(op: Operation, grad: Any) -> Any:
    return zeros_like(op.inputs[0])


def _lower_sign(b: Any, x: Any) -> Any:
    """TensorFlow's sign has no nan and no -0: where neither comparison holds, it is 0."""
    if x.dtype.is_integer or x.dtype.is_complex:
        return b.sign(x)
    zero, one = b.const(0, x.dtype), b.const(1, x.dtype)
    return b.select(b.gt(x, 0), one, b.select(b.lt(x, 0), b.neg(one), zero))


def _lower_digamma(b: Any, x: Any) -> Any:
    pole = b.and_(b.le(x, 0), b.eq(x, b.floor(x)))
    return b.select(pole, b.const(math.inf, x.dtype), b.digamma(x))


_STEP = "the result is constant between its jumps"

# ---- arithmetic

negative: Function = _define(
    "Neg",
    lambda b, x: b.neg(x),
    SIGNED,
    "Return ``-x``.",
    gradient=lambda op, grad: negative(grad),
)
_abs = _define(
    "Abs",
    lambda b, x: b.abs(x),
    (*FLOATS, dtypes.int8, dtypes.int16, dtypes.int32, dtypes.int64),
    "Return the absolute value.",
    gradient=lambda op, grad: multiply(grad, sign(op.inputs[0])),
)
sign: Function = _define(
    "Sign",
    _lower_sign,
    SIGNED,
    "Return -1, 0 or 1, as ``x`` is negative, zero or positive.",
    gradient=_sign_gradient,
)
square = _define(
    "Square",
    lambda b, x: b.square(x),
    SIGNED,
    "Return ``x * x``.",
    gradient=_square_gradient,
)
reciprocal = _define(
    "Reciprocal",
    lambda b, x: b.div(1, x),
    SIGNED,
    "Return ``1 / x``.",
    gradient=lambda op, grad: _reciprocal_grad(op.outputs[0], grad),
)
sqrt = _define(
    "Sqrt",
    lambda b, x: b.sqrt(x),
    ANALYTIC,
    "Return the square root.",
    gradient=lambda op, grad: _sqrt_grad(op.outputs[0], grad),
)
rsqrt = _define(
    "Rsqrt",
    lambda b, x: b.rsqrt(x),
    ANALYTIC,
    "Return ``1 / sqrt(x)``.",
    gradient=lambda op, grad: _rsqrt_grad(op.outputs[0], grad),
)

# ---- exponentials and logarithms

exp = _define(
    "Exp",
    lambda b, x: b.exp(x),
    ANALYTIC,
    "Return e to the power ``x``.",
    gradient=lambda op, grad: multiply(grad, op.outputs[0]),
)
expm1 = _define(
    "Expm1",
    lambda b, x: b.expm1(x),
    ANALYTIC,
    "Return ``exp(x) - 1``, exact near 0.",
    gradient=lambda op, grad: multiply(grad, exp(op.inputs[0])),
)
log = _define(
    "Log",
    lambda b, x: b.log(x),
    ANALYTIC,
    "Return the natural logarithm.",
    gradient=lambda op, grad: multiply(grad, reciprocal(op.inputs[0])),
)
log1p = _define(
    "Log1p",
    lambda b, x: b.log1p(x),
    ANALYTIC,
    "Return ``log(1 + x)``, exact near 0.",
    gradient=_log1p_gradient,
)
_sigmoid = _define(
    "Sigmoid",
    lambda b, x: b.sigmoid(x),
    ANALYTIC,
    "Return ``1 / (1 + exp(-x))``.",
    gradient=lambda op, grad: _sigmoid_grad(op.outputs[0], grad),
)
_softplus = _define(
    "Softplus",
    lambda b, x: b.softplus(x),
    FLOATS,
    "Return ``log(1 + exp(x))``.",
    gradient=lambda op, grad: _softplus_grad(grad, op.inputs[0]),
    operand="features",
)

# ---- trigonometric and hyperbolic functions

sin = _define(
    "Sin",
    lambda b, x: b.sin(x),
    ANALYTIC,
    "Return the sine.",
    gradient=lambda op, grad: multiply(grad, cos(op.inputs[0])),
)
cos: Function = _define(
    "Cos",
    lambda b, x: b.cos(x),
    ANALYTIC,
    "Return the cosine.",
    gradient=lambda op, grad: multiply(negative(grad), sin(op.inputs[0])),
)
tan = _define("Tan", lambda b, x: b.tan(x), SIGNED, "Return the tangent.", gradient=_tan_gradient)
asin = _define(
    "Asin", lambda b, x: b.asin(x), SIGNED, "Return the arcsine.", gradient=_asin_gradient
)
acos = _define(
    "Acos", lambda b, x: b.acos(x), SIGNED, "Return the arccosine.", gradient=_acos_gradient
)
atan = _define(
    "Atan", lambda b, x: b.atan(x), SIGNED, "Return the arctangent.", gradient=_atan_gradient
)
sinh = _define(
    "Sinh",
    lambda b, x: b.sinh(x),
    ANALYTIC,
    "Return the hyperbolic sine.",
    gradient=lambda op, grad: multiply(grad, cosh(op.inputs[0])),
)
cosh: Function = _define(
    "Cosh",
    lambda b, x: b.cosh(x),
    ANALYTIC,
    "Return the hyperbolic cosine.",
    gradient=lambda op, grad: multiply(grad, sinh(op.inputs[0])),
)
tanh = _define(
    "Tanh",
    lambda b, x: b.tanh(x),
    ANALYTIC,
    "Return the hyperbolic tangent.",
    gradient=lambda op, grad: _tanh_grad(op.outputs[0], grad),
)
asinh = _define(
    "Asinh",
    lambda b, x: b.asinh(x),
    ANALYTIC,
    "Return the inverse hyperbolic sine.",
    gradient=lambda op, grad: realdiv(grad, cosh(op.outputs[0])),
)
acosh = _define(
    "Acosh",
    lambda b, x: b.acosh(x),
    ANALYTIC,
    "Return the inverse hyperbolic cosine.",
    gradient=lambda op, grad: realdiv(grad, sinh(op.outputs[0])),
)
atanh = _define(
    "Atanh",
    lambda b, x: b.atanh(x),
    ANALYTIC,
    "Return the inverse hyperbolic tangent.",
    gradient=_atanh_gradient,
)

# ---- special functions

erf = _define(
    "Erf",
    lambda b, x: b.erf(x),
    FLOATS,
    "Return the error function.",
    gradient=_bell_gradient(2 / math.sqrt(math.pi)),
)
erfc = _define(
    "Erfc",
    lambda b, x: b.erfc(x),
    FLOATS,
    "Return ``1 - erf(x)``, exact where that is small.",
    gradient=_bell_gradient(-2 / math.sqrt(math.pi)),
)
lgamma = _define(
    "Lgamma",
    lambda b, x: b.lgamma(x),
    FLOATS,
    "Return the logarithm of the absolute value of the gamma function.",
    gradient=lambda op, grad: multiply(grad, digamma(op.inputs[0])),
)
digamma: Function = _define(
    "Digamma",
    _lower_digamma,
    FLOATS,
    "Return the derivative of `lgamma`: infinite at its poles.",
    gradient=lambda op, grad: multiply(grad, _trigamma(op.inputs[0])),
)

_POLYGAMMA = Signature("Polygamma", "a: T", "x: T")  # of a later family


def _trigamma(x: Tensor) -> Tensor:
    return _POLYGAMMA(_constant(1, x), x).outputs[0]


# ---- rounding

floor = _define(
    "Floor", lambda b, x: b.floor(x), FLOATS, "Return ``x`` rounded down.", no_gradient=_STEP
)
ceil = _define(
    "Ceil", lambda b, x: b.ceil(x), FLOATS, "Return ``x`` rounded up.", no_gradient=_STEP
)
rint = _define(
    "Rint",
    lambda b, x: b.rint(x),
    FLOATS,
    "Return the nearest integer, the even one of two.",
    no_gradient=_STEP,
)
_round = _define(
    "Round",
    lambda b, x: x if x.dtype.is_integer else b.rint(x),
    SIGNED,
    "Return the nearest integer, the even one of two.",
    no_gradient=_STEP,
)

# ---- questions


def _infer_question(op: Operation) -> list[Any]:
    return [(dtypes.bool_, op.inputs[0].shape)]


is_nan = _define(
    "IsNan",
    lambda b, x: b.is_nan(x),
    FLOATS,
    "Return where ``x`` is not a number.",
    no_gradient="boolean output",
    infer=_infer_question,
)
is_inf = _define(
    "IsInf",
    lambda b, x: b.is_inf(x),
    FLOATS,
    "Return where ``x`` is infinite.",
    no_gradient="boolean output",
    infer=_infer_question,
)
is_finite = _define(
    "IsFinite",
    lambda b, x: b.is_finite(x),
    FLOATS,
    "Return where ``x`` is neither infinite nor nan.",
    no_gradient="boolean output",
    infer=_infer_question,
)

# ---- functions with more to them than their op

_COMPLEX_ABS = Signature("ComplexAbs", "x: T")  # of a later family


@_of_elements
def abs(x: Any, name: str | None = None) -> Tensor:
    """Return the absolute value."""
    with name_scope(name, "Abs", [x]) as scope:
        x = convert_to_tensor(x, name="x")
        if x.dtype.is_complex:
            return _COMPLEX_ABS(x, Tout=x.dtype.real_dtype, name=scope).outputs[0]
        return _abs(x, name=scope)


def round(x: Any, name: str | None = None) -> Tensor:
    """Return the nearest integer, the even one of two; integers as they are."""
    x = convert_to_tensor(x, name="x")
    return x if x.dtype.is_integer else _round(x, name=name)


def sigmoid(x: Any, name: str | None = None) -> Tensor:
    """Return ``1 / (1 + exp(-x))``."""
    with name_scope(name, "Sigmoid", [x]) as scope:
        return _sigmoid(convert_to_tensor(x, name="x"), name=scope)


def softplus(features: Any, name: str | None = None) -> Tensor:
    """Return ``log(1 + exp(features))``, without overflow."""
    return _softplus(features, name=name)


def log_sigmoid(x: Any, name: str | None = None) -> Tensor:
    """Return ``log(sigmoid(x))``, exact where the sigmoid is near 0 or 1."""
    with name_scope(name, "LogSigmoid", [x]) as scope:
        x = convert_to_tensor(x, name="x")
        return negative(_softplus(negative(x)), name=scope)
