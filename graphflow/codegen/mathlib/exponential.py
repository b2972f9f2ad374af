"""exp and its relatives: exp2, expm1, sigmoid, tanh, sinh, cosh.

exp reduces x = n ln 2 + r, |r| <= ln(2)/2, with ln 2 in two parts (Cody & Waite, Software Manual
for the Elementary Functions, 1980) and evaluates exp(r) = 1 + r + r² P(r). Functions that build
on it use the unrounded sum (`exp_pair`), so that their own rounding is nearly the only one.

Coefficients: weighted minimax polynomials by Remez's exchange in 160-bit arithmetic, each with its
leading coefficients rounded to the format before the rest was fitted again. Weighted errors, as a
fraction of the result: P for exp on |r| <= 0.3473: 2^-29.7 (f32), 2^-60.0 (f64); P for expm1 and
pairs: 2^-28.7, 2^-61.1; tanh on |x| <= 0.81: 2^-31.6, 2^-56.5; sinh on |x| <= 1: 2^-31.6, 2^-62.9.
"""

from __future__ import annotations

from graphflow.codegen.mathlib.core import (
    Lanes,
    Pair,
    absolute,
    at_least,
    at_most,
    exponent_scale,
    fma,
    nearest_integer,
    polynomial,
    quick_two_sum,
    scale_by_power,
    select,
)

# Where exp has left the format for good: below half the least subnormal, above the largest number.
EXP_RANGE = {"f32": (-104.0, 89.0), "f64": (-746.0, 710.0)}
LOG2_E = 1.4426950408889634
# ln 2: the first part has few enough bits for n times it to be exact.
LN2 = {
    "f32": (0.693145751953125, 1.428606765330187e-06),
    "f64": (0.6931471805598903, 5.497923018708371e-14),
}
# ln 2 as high + low with a full high part.
LN2_PAIR = {
    "f32": (0.6931471824645996, -1.9046542121259336e-09),
    "f64": (0.6931471805599453, 2.3190468138462996e-17),
}

_EXP = {
    "f32": (0.5, 0.166666657, 0.0416662917, 0.00833349861, 0.00139448675, 0.000197901536),
    "f64": (
        0.5, 0.16666666666666682, 0.04166666666666608, 0.008333333333316786,
        0.00138888888891191, 0.0001984126989701155, 2.4801586922314083e-05,
        2.7557234222191242e-06, 2.755758388138662e-07, 2.5112263796531332e-08,
        2.082642446040855e-09,
    ),
}  # fmt: skip
_EXPM1 = {
    "f32": (0.5, 0.166666672, 0.0416663513, 0.0083332723, 0.00139412063, 0.000199144532),
    "f64": (
        0.5, 0.16666666666666677, 0.0416666666666667, 0.008333333333321436,
        0.0013888888888866516, 0.00019841269886672672, 2.4801587361199597e-05,
        2.755724360986014e-06, 2.755724220407452e-07, 2.510926157971022e-08,
        2.092461654704299e-09,
    ),
}  # fmt: skip
_TANH = {
    "f32": (
        -0.333333313, 0.133332387, -0.053954199, 0.0217728764,
        -0.00850695092, 0.0028467474, -0.000567866082,
    ),
    "f64": (
        -0.3333333333333298, 0.1333333333329013, -0.053968253949692714, 0.021869488134009296,
        -0.008863230378715526, 0.003592085484357185, -0.0014555956641583551,
        0.0005890893894231611, -0.00023650448673693798, 9.165962966134638e-05,
        -3.178099497898059e-05, 8.39274268670787e-06, -1.1945009376105357e-06,
    ),
}  # fmt: skip
_SINH = {
    "f32": (0.166666672, 0.00833331142, 0.000198426351, 2.78392531e-06),
    "f64": (
        0.16666666666666666, 0.00833333333333357, 0.00019841269841066561, 2.7557319307073e-06,
        2.5052090220229705e-08, 1.6061227127867924e-10, 7.511042928143762e-13,
        6.2617018279141946e-15,
    ),
}  # fmt: skip
_TINY = {"f32": 2.0**-25, "f64": 2.0**-54}
_TANH_ONE = {"f32": 10.0, "f64": 20.0}  # beyond, tanh rounds to one


def _clamp(x: Lanes, low: float, high: float) -> Lanes:
    return at_most(at_least(x, low), high)


def _reduce(x: Lanes) -> tuple[Lanes, Lanes, Lanes, Lanes]:
    """Return x = n ln 2 + r: n as float and integer, ``x - n * high`` (exact), and r."""
    n, integer = nearest_integer(x, LOG2_E)
    high, low = LN2[x.format]
    remainder = fma(n, -high, x)
    return n, integer, remainder, fma(n, -low, remainder)


def exp(x: Lanes) -> Lanes:
    """e**x."""
    x = _clamp(x, *EXP_RANGE[x.format])
    _, n, _, r = _reduce(x)
    tail = polynomial(r, _EXP[x.format])
    return scale_by_power(fma(r * r, tail, r) + 1.0, n)


def _expm1_parts(x: Lanes, low: Lanes | None = None) -> tuple[Lanes, Lanes, Lanes]:
    """(r, small, n) with ``exp(x + low) = (1 + r + small) * 2**n`` to far below one ulp."""
    n_float, n, remainder, _ = _reduce(x)
    rest = fma(n_float, -LN2[x.format][1], 0.0 if low is None else low)
    r, r_low = quick_two_sum(remainder, rest)
    return r, fma(r * r, polynomial(r, _EXPM1[x.format]), r_low), n


def exp_pair(x: Lanes, low: Lanes | None = None) -> tuple[Pair, Lanes]:
    """``exp(x + low) = (high + low) * 2**n`` for x within `EXP_RANGE`: the pair and n."""
    r, small, n = _expm1_parts(x, low)
    head = quick_two_sum(x.constant(1.0), r)
    return quick_two_sum(head.high, head.low + small), n


def exp_of_pair(x: Pair) -> Lanes:
    """e**(high + low), rounded about once. The low part is ignored where exp saturates."""
    bottom, top = EXP_RANGE[x.high.format]
    in_range = absolute(x.high) < -bottom
    head, n = exp_pair(_clamp(x.high, bottom, top), select(in_range, x.low, 0.0))
    return scale_by_power(head.high + head.low, n)


def exp2(x: Lanes) -> Lanes:
    """2**x."""
    bottom, top = {"f32": (-151.0, 129.0), "f64": (-1076.0, 1025.0)}[x.format]
    x = _clamp(x, bottom, top)
    n_float, n = nearest_integer(x, 1.0)
    fraction = x - n_float
    high, low = LN2_PAIR[x.format]
    r = fraction * high
    r_low = fma(fraction, low, fma(fraction, high, -r))
    tail = fma(r * r, polynomial(r, _EXP[x.format]), r_low)
    return scale_by_power((tail + r) + 1.0, n)


def expm1(x: Lanes) -> Lanes:
    """e**x - 1 without cancellation near zero.

    2**n (1 + r + small) - 1 is summed as (2**n - 1) + 2**n r with its rounding error, at half
    scale, so that n one beyond the exponent range does not overflow too early.
    """
    y = _clamp(x, -40.0, EXP_RANGE[x.format][1])
    r, small, n = _expm1_parts(y)
    scale = exponent_scale(n - 1)
    head = scale - 0.5
    total = fma(scale, r, head)
    error = fma(scale, r, head - total) - ((head - scale) + 0.5)
    result = (total + fma(scale, small, error)) * 2.0
    return select(absolute(x) < _TINY[x.format], x, result)


def sigmoid(x: Lanes) -> Lanes:
    """1 / (1 + exp(-x)), with the subnormal tail for x far below zero.

    With e = exp(-|x|) as a pair it is 1 / (1 + e) or e / (1 + e); one Newton step on the
    reciprocal carries the low parts of e and of 1 + e into the result.
    """
    magnitude = absolute(x)
    head, n = exp_pair(at_least(-magnitude, EXP_RANGE[x.format][0]))
    high = scale_by_power(head.high, n)
    low = scale_by_power(head.low, n)
    total = quick_two_sum(x.constant(1.0), high)
    reciprocal = 1.0 / total.high
    error = fma(-reciprocal, total.high, 1.0) - reciprocal * (total.low + low)
    negative = x < 0.0
    numerator = select(negative, high, 1.0)
    numerator_low = select(negative, low, 0.0)
    quotient = numerator * reciprocal
    rest = fma(numerator, reciprocal, -quotient)
    return quotient + fma(quotient, error, fma(numerator_low, reciprocal, rest))


def tanh(x: Lanes) -> Lanes:
    """Hyperbolic tangent: a polynomial below 0.8, ``1 - 2 / (exp(2 |x|) + 1)`` above."""
    magnitude = absolute(x)
    square = x * x
    small = fma(magnitude * square, polynomial(square, _TANH[x.format]), magnitude)
    head, n = exp_pair(at_most(magnitude, _TANH_ONE[x.format]) * 2.0)
    scale = exponent_scale(n)
    total = quick_two_sum(head.high * scale, x.constant(1.0))
    large = 1.0 - 2.0 / (total.high + fma(head.low, scale, total.low))
    return select(magnitude < 0.8, small, large).with_sign_of(x)


def _half_exponentials(magnitude: Lanes) -> tuple[Pair, Lanes]:
    """exp(m) / 2 as a pair and exp(-m) / 2, for m >= 0 up to a little beyond exp's overflow."""
    head, n = exp_pair(at_most(magnitude, EXP_RANGE[magnitude.format][1] + 1.0))
    half = n.shift_right(1)
    first, second = exponent_scale(half), exponent_scale(n - half - 1)
    high, low = head.high * first * second, head.low * first * second
    return Pair(high, low), 0.25 / high


def sinh(x: Lanes) -> Lanes:
    """Hyperbolic sine: a polynomial below one, half the difference of exponentials above."""
    magnitude = absolute(x)
    square = x * x
    small = fma(magnitude * square, polynomial(square, _SINH[x.format]), magnitude)
    grown, shrunk = _half_exponentials(magnitude)
    total = quick_two_sum(grown.high, -shrunk)
    large = total.high + (total.low + grown.low)
    large = select(grown.high < float("inf"), large, grown.high)
    return select(magnitude < 1.0, small, large).with_sign_of(x)


def cosh(x: Lanes) -> Lanes:
    """Hyperbolic cosine."""
    grown, shrunk = _half_exponentials(absolute(x))
    total = quick_two_sum(grown.high, shrunk)
    result = total.high + (total.low + grown.low)
    return select(grown.high < float("inf"), result, grown.high)
