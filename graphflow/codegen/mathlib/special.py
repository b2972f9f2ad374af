"""erf, erfc, lgamma, digamma.

erf is x + x P(x²) below one and one minus a small exponential above. erfc's tail is
exp(-x²) Q(t) / (1 + 2x) with t = (x - c) / (x + c), which maps the half line to an interval where
Q is smooth (Shepherd & Laframboise, Math. Comp. 36, 1981); x² is taken with its rounding error.
lgamma is a polynomial about 2, shifts by the recurrence below 8, Stirling's series above and the
reflection formula below 1/2; digamma likewise (Abramowitz & Stegun, chapter 6). The f32 versions of
these two compute in f64: their zeros and poles need the digits, and nobody's inner loop is one.

Coefficients: minimax polynomials by Remez's exchange, as in `exponential`. Errors as a fraction of
the result: erf on [0, 1] 2^-29.4, 2^-56.1; f32 erf above 2^-31.6; Q 2^-26.5, 2^-54.1; lgamma 2^-56.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from llvmlite import ir

from graphflow.codegen.mathlib.core import (
    Lanes,
    absolute,
    at_most,
    exponent_scale,
    fma,
    intrinsic,
    polynomial,
    quick_two_sum,
    scale_by_power,
    select,
    with_element,
)
from graphflow.codegen.mathlib.exponential import exp_pair
from graphflow.codegen.mathlib.logarithm import log
from graphflow.codegen.mathlib.reduction import reduce_moderate
from graphflow.codegen.mathlib.trigonometric import sin_cos_reduced

_INF = float("inf")
# erf(x) / x - 1 in x², for |x| <= 1.
_ERF = {
    "f32": (
        0.128379166, -0.376126289, 0.112836182, -0.026855126,
        0.00519073382, -0.000803076255, 7.92036662e-05,
    ),
    "f64": (
        0.1283791670955126, -0.3761263890318411, 0.11283791670972064, -0.026866170648280938,
        0.0052239776556833335, -0.0008548328735147357, 0.00012055394323139927,
        -1.492709461804253e-05, 1.6484725339096807e-06, -1.6598276256368033e-07,
        1.6303330811932762e-08, -1.7631131870345828e-09, 1.6383275980889797e-10,
    ),
}  # fmt: skip
# -log(erfc(x)) for 0.92 <= x <= 4.
_ERF_LARGE = (
    -0.000174683126, 1.12951493, 0.633346856, 0.108280234,
    -0.0251196027, 0.00417117216, -0.000434496673, 2.10992512e-05,
)  # fmt: skip
# (1 + 2x) exp(x²) erfc(x) in (x - c) / (x + c).
_ERFC_CENTRE = {"f32": 2.0, "f64": 4.0}
_ERFC = {
    "f32": (
        1.27697837, -0.092763789, -0.166030124, 0.164049327, -0.0542260781,
        -0.00800290983, 0.00875971653, 0.00107555825, -0.00148178323,
    ),
    "f64": (
        1.2329951186255526, -0.1396211168405625, 0.015379652102620146, 0.06809705425468872,
        -0.1010390660363336, 0.0937328349985414, -0.06633036581138627, 0.03716751553320609,
        -0.016197734069819822, 0.005031970030949278, -0.0007577731893680495,
        -0.0001992570946160466, 0.0001506211877344391, -2.4397285050932975e-05,
        -1.1220618879916352e-05, 5.703716456279887e-06, 2.9167066020588716e-07,
        -8.13563767293007e-07, 7.546884858842397e-08, 9.627879535718774e-08,
        -1.6098442921044166e-08, -6.190101634596341e-09,
    ),
}  # fmt: skip
_ERFC_START = {"f32": 0.76, "f64": 0.9}  # Q was fitted from here on
_ERFC_END = {"f32": 10.06, "f64": 27.3}  # erfc underflows to zero before
# lgamma(2 + t) / t for |t| <= 1/2.
_LGAMMA = (
    0.42278433509846713, 0.3224670334241132, -0.06735230105319814, 0.020580808427784696,
    -0.007385551028668096, 0.0028905103307298387, -0.0011927539120033914,
    0.0005096695251703061, -0.00022315475069640715, 9.945750415520747e-05,
    -4.492635166839366e-05, 2.050731778444915e-05, -9.438454879961154e-06,
    4.374064783239102e-06, -2.04493533749754e-06, 9.59001094856191e-07,
    -4.303234421558509e-07, 2.0077755885343272e-07, -1.3415704877374524e-07,
    6.57032205176261e-08,
)  # fmt: skip
# Bernoulli terms of the asymptotic series, in 1 / x².
_STIRLING = (
    1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400,
)  # fmt: skip
_DIGAMMA = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12)


def erf(x: Lanes) -> Lanes:
    """Error function."""
    magnitude = absolute(x)
    square = x * x
    small = fma(magnitude, polynomial(square, _ERF[x.format]), magnitude)
    if x.format == "f32":
        bounded = at_most(magnitude, 4.0)
        slope = polynomial(bounded, _ERF_LARGE[1:])
        exponent = fma(-bounded, slope, -_ERF_LARGE[0])
        head, n = exp_pair(exponent, fma(-bounded, slope, -_ERF_LARGE[0] - exponent))
        scale = exponent_scale(n)
        total = quick_two_sum(x.constant(1.0), -(head.high * scale))
        large = total.high + fma(-head.low, scale, total.low)
    else:
        large = 1.0 - _erfc_tail(at_most(magnitude, 6.0))
    return select(magnitude < 0.98, small, large).with_sign_of(x)


def _erfc_tail(x: Lanes) -> Lanes:
    """erfc(x) for x from `_ERFC_START` up to where it has underflowed."""
    centre = _ERFC_CENTRE[x.format]
    coefficients = _ERFC[x.format]
    t = (x - centre) / (x + centre)
    numerator = quick_two_sum(x.constant(coefficients[0]), t * polynomial(t, coefficients[1:]))
    denominator = quick_two_sum(x + x, x.constant(1.0))
    quotient = numerator.high / denominator.high
    residue = fma(-quotient, denominator.high, numerator.high)
    residue = residue + fma(-quotient, denominator.low, numerator.low)
    square = x * x
    head, n = exp_pair(-square, -fma(x, x, -square))
    product = head.high * quotient
    low = fma(head.high, quotient, -product) + fma(
        head.high, residue / denominator.high, head.low * quotient
    )
    return scale_by_power(product + low, n)


def erfc(x: Lanes) -> Lanes:
    """Complementary error function, accurate in its tail down to the subnormal numbers."""
    magnitude = absolute(x)
    tail = _erfc_tail(at_most(magnitude, _ERFC_END[x.format]))
    large = select(x < 0.0, 2.0 - tail, tail)
    square = x * x
    total = quick_two_sum(x.constant(1.0), -x)
    small = total.high + fma(-x, polynomial(square, _ERF[x.format]), total.low)
    return select(magnitude < _ERFC_START[x.format], small, large)


def _in_double(function: Callable[[Lanes], Lanes]) -> Callable[[Lanes], Lanes]:
    """Compute an f32 function through its f64 version."""

    def wrapped(x: Lanes) -> Lanes:
        if x.format == "f64":
            return function(x)
        wide = x.new(x.builder.fpext(x.value, with_element(x.type, ir.DoubleType())))
        return x.new(x.builder.fptrunc(function(wide).value, x.type))

    wrapped.__doc__ = function.__doc__
    return wrapped


def _fraction_in_turns(x: Lanes) -> tuple[Lanes, Lanes]:
    """Sine and cosine of pi times the distance of x from the nearest integer."""
    distance = x - x.new(intrinsic(x.builder, "rint", x.type, x.value))
    return sin_cos_reduced(reduce_moderate(distance * math.pi))


@_in_double
def lgamma(x: Lanes) -> Lanes:
    """Log of |gamma(x)|; +inf at the poles and both infinities.

    Absolute, not relative, accuracy near the zeros on the negative axis (f64).
    """
    reflect = x < 0.5
    a = select(reflect, 1.0 - x, x)
    shifted, product = a, x.constant(1.0)
    for _ in range(6):
        too_big = shifted >= 2.5
        shifted = select(too_big, shifted - 1.0, shifted)
        product = select(too_big, product * shifted, product)
    is_large, is_low = a >= 8.0, a < 1.5
    logarithm = log(select(is_large | is_low, a, product))
    t = select(is_low, a - 1.0, shifted - 2.0)
    middle = fma(t, polynomial(t, _LGAMMA), select(is_low, -logarithm, logarithm))
    inverse = 1.0 / a
    series = inverse * polynomial(inverse * inverse, _STIRLING)
    large = fma(a - 0.5, logarithm - 1.0, series + (0.5 * math.log(2 * math.pi) - 0.5))
    direct = select(is_large, select(a < _INF, large, a), middle)
    sine, _ = _fraction_in_turns(x)
    reflected = log(math.pi / absolute(sine)) - direct
    result = select(reflect, reflected, direct)
    return select((x > -(2.0**52)) | x.is_nan(), result, _INF)


@_in_double
def digamma(x: Lanes) -> Lanes:
    """Return derivative of log gamma; +inf at the poles and at -inf, as TensorFlow has it."""
    reflect = x < 0.5
    a = select(reflect, 1.0 - x, x)
    # The sum of 1 / (a + k) over the steps taken, as one fraction.
    numerator, denominator = x.constant(0.0), x.constant(1.0)
    for _ in range(10):
        too_small = a < 10.0
        numerator = select(too_small, fma(numerator, a, denominator), numerator)
        denominator = select(too_small, denominator * a, denominator)
        a = select(too_small, a + 1.0, a)
    inverse = 1.0 / a
    square = inverse * inverse
    series = fma(inverse, 0.5, square * polynomial(square, _DIGAMMA))
    direct = select(a < _INF, (log(a) - series) - numerator / denominator, a)
    sine, cosine = _fraction_in_turns(x)
    reflected = direct - math.pi * (cosine / sine)
    pole = (sine.equals(0.0) & reflect) | x.equals(-_INF)
    return select(pole, _INF, select(reflect, reflected, direct))
