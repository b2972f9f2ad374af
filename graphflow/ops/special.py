"""Special functions: incomplete gamma and beta, zeta, polygamma, Bessel. NumPy computes them.

All are in float64 inside, to about 1e-13 relative, and rounded once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import merge_in_op
from graphflow.graph.tensor import Tensor
from graphflow.ir.builder import broadcast_shapes
from graphflow.ir.prims.pointwise import digamma as digamma_scalar
from graphflow.ops.broadcasting import infer_broadcast, sum_to_operands
from graphflow.ops.comparison import greater, where
from graphflow.ops.elementwise import multiply, xlogy
from graphflow.ops.host import define_host_op
from graphflow.ops.identity import same_as_input
from graphflow.ops.kinds import FLOATS
from graphflow.ops.reductions import reduce_sum
from graphflow.ops.shape_rules import Types
from graphflow.ops.unary import abs as absolute
from graphflow.ops.unary import exp, lgamma, log1p, negative, reciprocal, sign
from graphflow.ops.unary import log as log_of

__all__ = ["betainc", "igamma", "igammac", "lbeta", "polygamma", "zeta"]

_TYPES = (dtypes.float32, dtypes.float64)
_TINY, _STEPS = 1e-300, 5000
_lgamma = np.vectorize(math.lgamma, otypes=[np.float64])
_digamma = np.vectorize(digamma_scalar, otypes=[np.float64])


def _wide(*arrays: Any) -> list[Any]:
    """Operands as float64, broadcast together, as vectors that may be changed."""
    return [np.array(a, np.float64) for a in np.broadcast_arrays(*arrays)]


def _on_valid(function: Callable[..., Any], valid: Any, *arrays: Any) -> Any:
    """The function where `valid` holds, nan elsewhere."""
    found = np.full(valid.shape, np.nan)
    found[valid] = function(*[a[valid] for a in arrays])
    return found


# ---- incomplete gamma functions


def _gamma_factor(a: Any, x: Any) -> Any:
    """``x^a e^-x / Gamma(a + 1)``."""
    return np.exp(a * np.log(x) - x - _lgamma(a + 1))


def _gamma_series(a: Any, x: Any) -> Any:
    """The lower function as ``factor * sum of x^n / ((a+1) ... (a+n))``."""
    term, total = np.ones_like(x), np.ones_like(x)
    for n in range(1, _STEPS):
        term = term * x / (a + n)
        total = total + term
        if (term <= total * 1e-17).all():
            break
    return total * _gamma_factor(a, x)


def _gamma_fraction(a: Any, x: Any) -> Any:
    """The upper function as a continued fraction, by Lentz's method."""
    b = x + 1 - a
    c, d = np.full_like(x, 1 / _TINY), 1 / b
    total = d.copy()
    for n in range(1, _STEPS):
        weight, b = -n * (n - a), b + 2
        d = weight * d + b
        c = b + weight / c
        d = 1 / np.where(d == 0, _TINY, d)
        c = np.where(c == 0, _TINY, c)
        factor = d * c
        total = total * factor
        if (np.abs(factor - 1) < 1e-16).all():
            break
    return total * _gamma_factor(a, x) * a


def _gamma_pair(a: Any, x: Any) -> tuple[Any, Any]:
    """The lower and the upper function for a > 0 and x >= 0."""
    lower, upper = np.zeros_like(x), np.ones_like(x)
    large = np.isinf(x)
    lower[large], upper[large] = 1, 0
    by_series = (x > 0) & ~large & ((x <= 1) | (x <= a))
    by_fraction = (x > 0) & ~large & ~by_series
    if by_series.any():
        lower[by_series] = _gamma_series(a[by_series], x[by_series])
        upper[by_series] = 1 - lower[by_series]
    if by_fraction.any():
        upper[by_fraction] = _gamma_fraction(a[by_fraction], x[by_fraction])
        lower[by_fraction] = 1 - upper[by_fraction]
    return lower, upper


def _igamma(a: Any, x: Any) -> Any:
    a, x = _wide(a, x)
    return _on_valid(lambda a, x: _gamma_pair(a, x)[0], (a > 0) & (x >= 0), a, x)


def _igammac(a: Any, x: Any) -> Any:
    a, x = _wide(a, x)
    found = _on_valid(lambda a, x: _gamma_pair(a, x)[1], (a > 0) & (x >= 0), a, x)
    return np.where((x < 0) | (a <= 0), np.nan, found)


def _gamma_derivative(a: Any, x: Any) -> Any:
    """The derivative of the lower function by `a`, term by term of its series."""
    total = np.zeros_like(x)
    logarithm, term = np.log(x), _gamma_factor(a, x)
    psi = _digamma(a + 1)
    for n in range(1, _STEPS):
        total = total + term * (logarithm - psi)
        psi = psi + 1 / (a + n)
        term = term * x / (a + n)
        if (np.abs(term * (logarithm - psi)) <= 1e-17 * np.abs(total)).all() and (n > x).all():
            break
    return total


def _igamma_by_a(a: Any, x: Any) -> Any:
    a, x = _wide(a, x)
    return _on_valid(_gamma_derivative, (a > 0) & (x > 0), a, x)


def _sample_by_alpha(alpha: Any, sample: Any) -> Any:
    """How a gamma variate changes with its shape: the quantile stays."""
    a, x = _wide(alpha, sample)
    density = np.exp((a - 1) * np.log(x) - x - _lgamma(a))
    return -_igamma_by_a(a, x) / density


# ---- zeta and polygamma


_BERNOULLI = [
    1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798,
    -174611 / 330,
]  # fmt: skip


def _zeta(x: Any, q: Any) -> Any:
    """Hurwitz's zeta by Euler's and Maclaurin's formula."""
    x, q = _wide(x, q)
    whole = (q <= 0) & (q == np.floor(q))
    valid = (x > 1) & ~whole & ((q > 0) | (x == np.floor(x)))
    found = _on_valid(_zeta_sum, valid, x, q)
    return np.where(x == 1, np.inf, np.where((x > 1) & whole, np.inf, found))


def _zeta_sum(x: Any, q: Any) -> Any:
    total, base = np.zeros_like(x), q.copy()
    for k in range(12 + int(max(0, np.ceil(-q.min() if q.size else 0)))):
        total = total + np.power(q + k, -x)
        base = q + k + 1
    power = np.power(base, -x)
    total = total + base * power / (x - 1) + power / 2
    factor, scale = x / 2, power / base
    for j, bernoulli in enumerate(_BERNOULLI):
        total = total + bernoulli * factor * scale
        k = 2 * (j + 1)
        factor = factor * (x + k - 1) * (x + k) / ((k + 1) * (k + 2))
        scale = scale / (base * base)
    return total


def _polygamma(n: Any, x: Any) -> Any:
    n, x = _wide(n, x)
    first = _on_valid(_digamma, n == 0, x)
    later = (n > 0) & (n == np.floor(n))
    sign_of = np.where(n % 2 == 0, -1.0, 1.0)
    safe = np.where(later, n, 1)
    rest = sign_of * np.exp(_lgamma(safe + 1)) * _zeta(safe + 1, x)
    return np.where(n == 0, first, np.where(later, rest, np.nan))


# ---- incomplete beta function


def _beta_fraction(a: Any, b: Any, x: Any) -> Any:
    """Lentz's method for the continued fraction that converges for x < (a+1)/(a+b+2)."""
    found, left, shape = np.ones(x.size), np.arange(x.size), x.shape
    a, b, x = a.ravel(), b.ravel(), x.ravel()
    c, d = np.ones_like(x), _apart(1 - (a + b) * x / (a + 1))
    total = d = 1 / d
    for m in range(1, _STEPS):
        before = total
        for weight in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d, c = 1 / _apart(1 + weight * d), _apart(1 + weight / c)
            total = total * d * c
        if m % 8 == 0:  # those that need many steps go on without the others
            found[left] = total
            more = np.abs(total - before) > 4e-16 * np.abs(total)
            left = left[more]
            if not left.size:
                break
            a, b, x, c, d, total = (v[more] for v in (a, b, x, c, d, total))
    return found.reshape(shape)


def _apart(x: Any) -> Any:
    """A number that can be divided by."""
    return np.where(np.abs(x) < _TINY, _TINY, x)


def _betainc(a: Any, b: Any, x: Any) -> Any:
    a, b, x = _wide(a, b, x)
    inside = (a > 0) & (b > 0) & (x > 0) & (x < 1)
    found = _on_valid(_beta_inside, inside, a, b, x)
    valid = (a > 0) & (b > 0)
    return np.where(valid & (x == 0), 0, np.where(valid & (x == 1), 1, found))


def _beta_inside(a: Any, b: Any, x: Any) -> Any:
    swap = x > (a + 1) / (a + b + 2)
    first, second = np.where(swap, b, a), np.where(swap, a, b)
    y = np.where(swap, 1 - x, x)
    scale = _lgamma(a + b) - _lgamma(a) - _lgamma(b) + a * np.log(x) + b * np.log1p(-x)
    value = np.exp(scale) * _beta_fraction(first, second, y) / first
    return np.where(swap, 1 - value, value)


# ---- Bessel functions, times e^-|x|


def _bessel(x: Any, order: int) -> Any:
    """The power series below 20, where all its terms are positive; above, the asymptotic one."""
    y = np.abs(x.astype(np.float64))
    small = np.minimum(y, 20.0)
    term = np.ones_like(y) if order == 0 else small / 2
    total = term.copy()
    for k in range(1, 80):
        term = term * (small / 2) ** 2 / (k * (k + order))
        total = total + term
    near = total * np.exp(-small)
    large, far, part = np.maximum(y, 20.0), np.ones_like(y), np.ones_like(y)
    for k in range(1, 30):
        part = part * -(4 * order * order - (2 * k - 1) ** 2) / (8 * k * large)
        far = far + part
    found = np.where(y < 20, near, far / np.sqrt(2 * np.pi * large))
    return np.where(x < 0, -found, found) if order else found


# ---- gradients


def _igamma_x(a: Any, x: Any) -> Any:
    return exp(-x + (a - 1.0) * log_of(x) - lgamma(a))


def _igamma_gradient(factor: float) -> Callable[..., Any]:
    def gradient(op: Operation, gradient: Any) -> list[Any]:
        a, x = op.inputs
        by_a: Any = _SIGNATURES["IgammaGradA"](a, x).outputs[0]
        signed = gradient if factor > 0 else negative(gradient)
        return sum_to_operands(op, multiply(signed, by_a), multiply(signed, _igamma_x(a, x)))

    return gradient


def _zeta_gradient(op: Operation, gradient: Any) -> list[Any]:
    x, q = op.inputs
    to_q = -x * zeta(x + 1.0, q)
    return [None, sum_to_operands(op, None, multiply(gradient, to_q))[1]]


def _polygamma_gradient(op: Operation, gradient: Any) -> list[Any]:
    n, x = op.inputs
    to_x = polygamma(n + 1.0, x)
    return [None, sum_to_operands(op, None, multiply(gradient, to_x))[1]]


def _betainc_gradient(op: Operation, gradient: Any) -> list[Any]:
    a, b, x = (t for t in op.inputs)
    norm: Any = lgamma(a) + lgamma(b) - lgamma(a + b)
    slope = exp((b - 1.0) * log1p(-x) + xlogy(a - 1.0, x) - norm)
    found = multiply(gradient, slope)
    return [None, None, reduce_sum(found) if x.shape.rank == 0 else found]


def _i0e_gradient(op: Operation, gradient: Any) -> list[Any]:
    x = op.inputs[0]
    return [gradient * (bessel_i1e(x) - sign(x) * op.outputs[0])]


def _i1e_gradient(op: Operation, gradient: Any) -> list[Any]:
    """One half at 0, where the formula divides by it."""
    x: Any = op.inputs[0]
    y: Any = op.outputs[0]
    apart = greater(absolute(x), float(np.finfo(x.dtype.as_numpy_dtype).eps))
    safe = where(apart, x, _ONES_LIKE(x).outputs[0])
    slope = bessel_i0e(safe) - y * (sign(safe) + reciprocal(safe))
    return [gradient * where(apart, slope, 0.5 * _ONES_LIKE(x).outputs[0])]


_ONES_LIKE = Signature("OnesLike", "x: T")


# ---- the ops


def _broadcast(op: Operation, *nodes: Any) -> list[Any]:
    return [broadcast_shapes(*[n.shape for n in nodes])]


def _infer_betainc(op: Operation) -> Types:
    shape = op.inputs[0].shape
    for other in op.inputs[1:]:
        if shape.rank == 0:
            shape = other.shape
        elif other.shape.rank != 0:
            shape = merge_in_op(shape, other.shape)
    return [(op.inputs[0].dtype.base_dtype, shape)]


_SIGNATURES: dict[str, Signature] = {}


def _define(
    name: str, operands: str, function: Any, gradient: Any = None, infer: Any = infer_broadcast,
    types: Any = _TYPES,
) -> None:  # fmt: skip
    reason = "" if gradient else "TensorFlow has none for it"
    define_host_op(name, infer, function, _broadcast, gradient=gradient, no_gradient=reason)
    default = " = float32" if name == "NextAfter" else ""
    inputs = [f"{operand}: T{default}" for operand in operands.split()]
    _SIGNATURES[name] = Signature(name, *inputs, T=types)


_define("Igamma", "a x", _igamma, _igamma_gradient(1))
_define("Igammac", "a x", _igammac, _igamma_gradient(-1))
_define("IgammaGradA", "a x", _igamma_by_a)
_define("RandomGammaGrad", "alpha sample", _sample_by_alpha)
_define("Zeta", "x q", _zeta, _zeta_gradient)
_define("Polygamma", "a x", _polygamma, _polygamma_gradient)
_define("Betainc", "a b x", _betainc, _betainc_gradient, _infer_betainc)
_define("BesselI0e", "x", lambda x: _bessel(x, 0), _i0e_gradient, same_as_input, FLOATS)
_define("BesselI1e", "x", lambda x: _bessel(x, 1), _i1e_gradient, same_as_input, FLOATS)
_define("NextAfter", "x1 x2", np.nextafter, types=(dtypes.float64, dtypes.float32))


def igamma(a: Any, x: Any, name: str | None = None) -> Tensor:
    """Return the lower regularised incomplete gamma function P(a, x)."""
    return _SIGNATURES["Igamma"](a, x, name=name).outputs[0]


def igammac(a: Any, x: Any, name: str | None = None) -> Tensor:
    """Return the upper regularised incomplete gamma function Q(a, x)."""
    return _SIGNATURES["Igammac"](a, x, name=name).outputs[0]


def zeta(x: Any, q: Any, name: str | None = None) -> Tensor:
    """Return Hurwitz's zeta function, the sum of ``(q + n)^-x``."""
    return _SIGNATURES["Zeta"](x, q, name=name).outputs[0]


def polygamma(a: Any, x: Any, name: str | None = None) -> Tensor:
    """Return the derivative of order `a` of digamma at `x`."""
    return _SIGNATURES["Polygamma"](a, x, name=name).outputs[0]


def betainc(a: Any, b: Any, x: Any, name: str | None = None) -> Tensor:
    """Return the regularised incomplete beta function; shapes are equal, or scalars."""
    return _SIGNATURES["Betainc"](a, b, x, name=name).outputs[0]


def lbeta(x: Any, name: str | None = None) -> Tensor:
    """Return the logarithm of the absolute value of the beta function over the last axis."""
    with name_scope(name, "lbeta", [x]):
        x = convert_to_tensor(x, name="x")
        product: Any = reduce_sum(lgamma(x), axis=[-1])
        total: Any = lgamma(reduce_sum(x, axis=[-1]))
        return product - total


def bessel_i0e(x: Any, name: str | None = None) -> Any:
    """Return the modified Bessel function of order 0, times ``exp(-|x|)``."""
    return _SIGNATURES["BesselI0e"](x, name=name).outputs[0]


def bessel_i1e(x: Any, name: str | None = None) -> Any:
    """Return the modified Bessel function of order 1, times ``exp(-|x|)``."""
    return _SIGNATURES["BesselI1e"](x, name=name).outputs[0]


def bessel_i0(x: Any, name: str | None = None) -> Tensor:
    """Return the modified Bessel function of order 0."""
    with name_scope(name, "bessel_i0", [x]):
        return exp(absolute(x)) * bessel_i0e(x)


def bessel_i1(x: Any, name: str | None = None) -> Tensor:
    """Return the modified Bessel function of order 1."""
    with name_scope(name, "bessel_i1", [x]):
        return exp(absolute(x)) * bessel_i1e(x)


def nextafter(x1: Any, x2: Any, name: str | None = None) -> Tensor:
    """Return the next number after `x1` towards `x2`."""
    return _SIGNATURES["NextAfter"](x1, x2, name=name).outputs[0]
