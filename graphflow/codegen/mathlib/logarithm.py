"""log and its relatives: log1p, log2, log10, pow, softplus, log_sigmoid, asinh, acosh, atanh.

x = m 2**e with m in [sqrt(1/2), sqrt(2)), f = m - 1 (exact), log x = e ln 2 + log1p(f). In f32
log1p(f) = f - f²/2 + f³ P(f); in f64, where P would be long, s = f / (2 + f) and
log1p(f) = 2s + s R(s²) (Tang, ACM TOMS 16, 1990). Functions whose argument carries a rounding error
of its own hand it over as a pair.

Coefficients: weighted minimax polynomials by Remez's exchange, 160-bit arithmetic, rounded as in
`exponential`. Errors as a fraction of the result: P: 2^-30.1; R: 2^-59.5; pow's series:
2^-36.8 (f32), 2^-73.4 (f64).
"""

from __future__ import annotations

from graphflow.codegen.mathlib.core import (
    FORMATS,
    Lanes,
    Pair,
    absolute,
    at_least,
    exponent_scale,
    fma,
    intrinsic,
    pair_product,
    pair_quotient,
    pair_square_root,
    pair_times,
    polynomial,
    quick_two_sum,
    scale_by_power,
    select,
    two_product,
    two_sum,
    unsigned_to_float,
)
from graphflow.codegen.mathlib.exponential import EXP_RANGE, LN2, exp_of_pair, exp_pair

_INF, _NAN = float("inf"), float("nan")
_LOG1P = (
    0.333333105, -0.249999866, 0.200022265, -0.16669251, 0.142186627,
    -0.123843379, 0.118729353, -0.117898539, 0.0691551045,
)  # fmt: skip
_ATANH_SERIES = (
    0.6666666666666735, 0.39999999999409325, 0.2857142874369748, 0.22222198427433426,
    0.18183572454006122, 0.15313829200852078, 0.1479829235531313,
)  # fmt: skip
# (2 atanh(s) - 2 s - 2/3 s**3) / s**5 in s².
_ATANH_SERIES_TAIL = {
    "f32": (0.400001526, 0.285470873, 0.234197691),
    "f64": (
        0.3999999999999998, 0.2857142857144387, 0.22222222217778634, 0.1818181884572757,
        0.15384558291507447, 0.1333627032294788, 0.11675653601573434, 0.11982872297976808,
    ),
}  # fmt: skip
_TWO_THIRDS = {
    "f32": (0.6666666865348816, -1.9868215517249155e-08),
    "f64": (0.6666666666666666, 3.700743415417188e-17),
}
# log_b(e) as a pair, and log_b(2) with a first part that is exact times any exponent.
_BASE_2 = {
    "f32": ((1.4426950216293335, 1.925963033500011e-08), (1.0, 0.0)),
    "f64": ((1.4426950408889634, 2.0355273740931033e-17), (1.0, 0.0)),
}
_BASE_10 = {
    "f32": ((0.4342944920063019, -1.0103049952192578e-08), (0.301025390625, 4.605039066518656e-06)),
    "f64": (
        (0.4342944819032518, 1.098319650216765e-17),
        (0.30102999566395283, 2.8363394551044964e-14),
    ),
}
_TINY = {"f32": 2.0**-25, "f64": 2.0**-54}
# Below, two terms of the series of asinh and atanh suffice; above, pairs keep their precision.
_SERIES = {"f32": 2.0**-7, "f64": 2.0**-14}
_HUGE = {"f32": 2.0**30, "f64": 2.0**60}  # x² + 1 is x² for asinh and acosh, and x² still finite


def _sqrt_half_bits(format_: str) -> int:
    """Bits of the largest float below sqrt(1/2)."""
    return 0x3FE6A09E667F3BCC if format_ == "f64" else 0x3F3504F3


def split(x: Lanes) -> tuple[Lanes, Lanes]:
    """Return x = m * 2**e: (m - 1, e as a float), for positive finite x, subnormals included."""
    form = FORMATS[x.format]
    lift = form.mantissa + 1
    small = x < form.least_normal
    normal = select(small, x * 2.0**lift, x)
    base = _sqrt_half_bits(x.format)
    offset = normal.bits() - (base - (form.bias << form.mantissa))
    exponent = offset.shift_right(form.mantissa)
    mantissa = ((offset & ((1 << form.mantissa) - 1)) + base).as_float()
    # A negative x leaves its sign in the exponent: the caller replaces the result, whatever it is.
    e = unsigned_to_float(exponent, minus=form.bias)
    return mantissa - 1.0, select(small, e - float(lift), e)


def log1p_tail(f: Lanes) -> Lanes:
    """``log1p(f) - f`` for sqrt(1/2) <= 1 + f < sqrt(2)."""
    if f.format == "f32":
        square = f * f
        return fma(square * f, polynomial(f, _LOG1P), square * -0.5)
    s = f / (f + 2.0)
    z = s * s
    half_square = f * f * 0.5
    return fma(s, fma(z, polynomial(z, _ATANH_SERIES), half_square), -half_square)


def _at_the_edges(x: Lanes, result: Lanes, zero: float = 0.0) -> Lanes:
    """Return a logarithm's special values: x <= 0 (shifted by `zero`), infinity and nan."""
    edge = select(x.equals(zero), -_INF, select(x < zero, _NAN, x))
    return select((x > zero) & (x < _INF), result, edge)


def log(x: Lanes) -> Lanes:
    """Natural logarithm."""
    f, e = split(x)
    high, low = LN2[x.format]
    result = fma(e, high, f + fma(e, low, log1p_tail(f)))
    return _at_the_edges(x, result)


def _log_base(x: Lanes, constants: tuple[tuple[float, float], tuple[float, float]]) -> Lanes:
    (scale, scale_low), (step, step_low) = constants
    f, e = split(x)
    product = two_product(f, scale)
    low = product.low + fma(f, scale_low, log1p_tail(f) * scale)
    total = quick_two_sum(e * step, product.high)
    return _at_the_edges(x, total.high + (total.low + fma(e, step_low, low)))


def log2(x: Lanes) -> Lanes:
    """Base-2 logarithm, exact for powers of two."""
    return _log_base(x, _BASE_2[x.format])


def log10(x: Lanes) -> Lanes:
    """Base-10 logarithm."""
    return _log_base(x, _BASE_10[x.format])


def log1p(x: Lanes) -> Lanes:
    """log(1 + x) without losing x.

    The exponent comes from the rounded 1 + x; f = (1 + x) 2**-e - 1 is then formed from x itself
    with one rounding, whose error is kept. Where 2**-e leaves the normal range, 1 + x is x and f
    comes from its mantissa.
    """
    form = FORMATS[x.format]
    shifted = x + 1.0
    base = _sqrt_half_bits(x.format)
    offset = shifted.bits() - (base - (form.bias << form.mantissa))
    exponent = offset.shift_right(form.mantissa)
    scale = exponent_scale((-exponent) + form.bias)
    mantissa = ((offset & ((1 << form.mantissa) - 1)) + base).as_float()
    in_range = x < 2.0 ** (form.mantissa + 1)
    f = select(in_range, fma(x, scale, scale - 1.0), mantissa - 1.0)
    f_low = select(in_range, fma(x, scale, (scale - 1.0) - f), 0.0)
    e = unsigned_to_float(exponent, minus=form.bias)
    high, low = LN2[x.format]
    tail = log1p_tail(f) + fma(f_low, -f, f_low)  # the derivative at f is about 1 - f
    total = quick_two_sum(e * high, f)
    result = total.high + (total.low + fma(e, low, tail))
    result = _at_the_edges(x, result, zero=-1.0)
    return select(absolute(x) < _TINY[x.format], x, result)


def log_of_pair(x: Pair, extra_exponent: Lanes | None = None) -> Pair:
    """log(high + low) (+ extra_exponent ln 2) as an unevaluated sum, relatively accurate near one.

    For normal ``high`` below the top binade; special values are the caller's.
    """
    form = FORMATS[x.high.format]
    base = _sqrt_half_bits(x.high.format)
    offset = x.high.bits() - (base - (form.bias << form.mantissa))
    exponent = offset.shift_right(form.mantissa)
    mantissa = ((offset & ((1 << form.mantissa) - 1)) + base).as_float()
    e = unsigned_to_float(exponent, minus=form.bias)
    scale = exponent_scale((-exponent) + form.bias)
    f = quick_two_sum(mantissa - 1.0, x.low * scale)
    # log1p(f + g) = log1p(f) + g (1 - f + f²) for g a rounding error.
    tail = fma(f.low, fma(f.high, f.high, 1.0 - f.high), log1p_tail(f.high))
    if extra_exponent is not None:
        e = e + extra_exponent
    high, low = LN2[x.high.format]
    total = quick_two_sum(e * high, f.high)
    return Pair(total.high, total.low + fma(e, low, tail))


def softplus(x: Lanes) -> Lanes:
    """log(1 + exp(x)) as ``max(x, 0) + log1p(exp(-|x|))``; exp(x) far below zero."""
    head, n = exp_pair(at_least(-absolute(x), EXP_RANGE[x.format][0]))
    total = quick_two_sum(x.constant(1.0), scale_by_power(head.high, n))
    logarithm = log_of_pair(Pair(total.high, total.low + scale_by_power(head.low, n)))
    base = select(x > 0.0, x, 0.0)
    total = two_sum(base, logarithm.high)
    result = total.high + (total.low + logarithm.low)
    return select(x < _INF, result, x)


def log_sigmoid(x: Lanes) -> Lanes:
    """log(sigmoid(x))."""
    return -softplus(-x)


def asinh(x: Lanes) -> Lanes:
    """Inverse hyperbolic sine, ``log(|x| + sqrt(x² + 1))`` in pairs."""
    magnitude = absolute(x)
    square = two_product(magnitude, magnitude)
    above_one = two_sum(square.high, x.constant(1.0))
    root = pair_square_root(quick_two_sum(above_one.high, above_one.low + square.low))
    result = _log_of_sum(magnitude, root)
    result = select(
        magnitude < _SERIES[x.format],
        fma(magnitude * square.high, -1.0 / 6.0, magnitude),
        result,
    )
    return select(magnitude < _INF, result, magnitude).with_sign_of(x)


def _log_of_sum(x: Lanes, root: Pair) -> Lanes:
    """log(x + root), or log(2x) where x is huge (and root meaningless)."""
    huge = x > _HUGE[x.format]
    total = two_sum(root.high, x)
    argument = quick_two_sum(total.high, total.low + root.low)
    argument = Pair(select(huge, x * 0.5, argument.high), select(huge, 0.0, argument.low))
    logarithm = log_of_pair(argument, select(huge, x.constant(2.0), 0.0))
    return logarithm.high + logarithm.low


def acosh(x: Lanes) -> Lanes:
    """Inverse hyperbolic cosine, ``log(x + sqrt(x² - 1))`` in pairs; nan below one."""
    square = two_product(x, x)
    below = two_sum(square.high, x.constant(-1.0))
    root = pair_square_root(quick_two_sum(below.high, below.low + square.low))
    result = select(x < _INF, _log_of_sum(x, root), x)
    return select(x > 1.0, result, select(x.equals(1.0), 0.0, x.constant(_NAN)))


def atanh(x: Lanes) -> Lanes:
    """Inverse hyperbolic tangent, half the log of (1 + x) / (1 - x) in pairs."""
    magnitude = absolute(x)
    one = x.constant(1.0)
    quotient = pair_quotient(quick_two_sum(one, magnitude), quick_two_sum(one, -magnitude))
    logarithm = log_of_pair(quotient)
    result = (logarithm.high + logarithm.low) * 0.5
    cubic = fma(magnitude * magnitude * magnitude, 1.0 / 3.0, magnitude)
    result = select(magnitude < _SERIES[x.format], cubic, result)
    edge = select(magnitude.equals(1.0), _INF, x.constant(_NAN))
    return select(magnitude < 1.0, result, edge).with_sign_of(x)


def _precise_log(x: Lanes) -> Pair:
    """Return log x as a pair, for positive finite x: about 1.5 times the format's precision.

    s = f / (2 + f) as a pair; the terms of 2 atanh(s) beyond 2s + 2/3 s³ weigh less than 2**-12 and
    are evaluated in the plain format.
    """
    f, e = split(x)
    denominator = quick_two_sum(x.constant(2.0), f)
    reciprocal = 1.0 / denominator.high
    s_high = f * reciprocal
    remainder = fma(-s_high, denominator.high, f) - s_high * denominator.low
    s = quick_two_sum(s_high, remainder * reciprocal)
    z = two_product(s.high, s.high)
    z = Pair(z.high, fma(s.high + s.high, s.low, z.low))
    two_thirds, two_thirds_low = _TWO_THIRDS[x.format]
    tail = z.high * polynomial(z.high, _ATANH_SERIES_TAIL[x.format])
    series = quick_two_sum(x.constant(two_thirds), tail)
    series = Pair(series.high, series.low + two_thirds_low)
    cubic = pair_product(s, pair_product(z, series))
    high, low = LN2[x.format]
    total = quick_two_sum(s.high + s.high, cubic.high)
    rest = total.low + (cubic.low + (s.low + s.low))
    whole = quick_two_sum(e * high, total.high)
    return quick_two_sum(whole.high, whole.low + fma(e, low, rest))


def power(x: Lanes, y: Lanes) -> Lanes:
    """x**y with the special cases of C99's pow (annex F.9.4.4).

    exp(y log|x|) with the logarithm and the product as pairs; the sign from the parity of y.
    """
    magnitude = absolute(x)
    logarithm = _precise_log(magnitude)
    product = pair_times(logarithm, y)
    edge = select(magnitude.equals(0.0), -_INF, magnitude) * y  # for |x| = 0, inf, nan
    ordinary = (magnitude > 0.0) & (magnitude < _INF)
    high = select(ordinary, product.high, edge)
    # Once the product overflows its error term is nan; an infinite y times log(1) is nan too.
    one_to_infinity = magnitude.equals(1.0) & absolute(y).equals(_INF)
    high = select(
        one_to_infinity, 0.0, select(product.high.is_nan() & ordinary, logarithm.high * y, high)
    )
    low = select(ordinary & (absolute(product.high) < _INF), product.low, 0.0)
    result = exp_of_pair(Pair(high, low))
    return _power_signs(x, y, result)


def _power_signs(x: Lanes, y: Lanes, result: Lanes) -> Lanes:
    """Negative bases and the cases that hold even for nan: x**0 and 1**y are 1."""
    rounded = y.new(intrinsic(y.builder, "rint", y.type, y.value))
    half = y * 0.5
    half_rounded = half.new(intrinsic(half.builder, "rint", half.type, half.value))
    is_integer = y.equals(rounded)
    is_odd = is_integer & ~half.equals(half_rounded)
    sign = select(is_odd, x.sign_bit(), 0)
    result = (result.bits() ^ sign).as_float()
    undefined = (x < 0.0) & (x > -_INF) & ~is_integer
    result = select(undefined, _NAN, result)
    return select(y.equals(0.0) | x.equals(1.0), 1.0, result)
