"""sin, cos, tan of any finite argument, and asin, acos, atan, atan2.

Arguments are reduced in `reduction` to r + r_low with |r| <= pi/4; polynomials in r² follow, both
sine and cosine, and the quadrant selects. The inverse functions reduce by
asin(x) = pi/2 - 2 asin(sqrt((1 - x) / 2)) and atan(x) = pi/2 - atan(1 / x); the rounding errors of
the square root and of the quotient enter through their residues.

Coefficients: weighted minimax polynomials by Remez's exchange, 160-bit arithmetic, leading
coefficients rounded to the format before the rest was fitted again. Errors as a fraction of the
result (f32, f64): sin 2^-28.0, 2^-63.3; cos 2^-33.1, 2^-69.0; tan 2^-29.2, 2^-56.0 on |r| <= 0.786;
asin on [0, 1/2] 2^-27.6, 2^-55.9; atan on [0, 1] 2^-28.0, 2^-55.9.
"""

from __future__ import annotations

from graphflow.codegen.mathlib.core import (
    FORMATS,
    Lanes,
    absolute,
    at_least,
    fma,
    polynomial,
    quick_two_sum,
    select,
    square_root,
)
from graphflow.codegen.mathlib.reduction import HALF_PI, Reduced, reduce

_SIN = {
    "f32": (-0.166666552, 0.00833219104, -0.000195186003),
    "f64": (
        -0.16666666666666666, 0.008333333333333038, -0.0001984126984095588,
        2.755731906961258e-06, -2.505206960736147e-08, 1.6054127493065695e-10,
        -7.37973114138348e-13,
    ),
}  # fmt: skip
_COS = {
    "f32": (0.0416666456, -0.00138873013, 2.44306684e-05),
    "f64": (
        0.041666666666666664, -0.0013888888888888378, 2.4801587301164883e-05,
        -2.755731905197924e-07, 2.0876719764411516e-09, -1.1466585367304748e-11,
        4.579569930332232e-14,
    ),
}  # fmt: skip
_TAN = {
    "f32": (
        0.333333522, 0.13332583, 0.0540686511, 0.021238612,
        0.0109455371, -4.61731834e-05, 0.00444182009,
    ),
    "f64": (
        0.33333333333332704, 0.13333333333424138, 0.05396825392236711, 0.02186948970690177,
        0.008863217850008827, 0.0035923004131208527, 0.001454691956642165,
        0.0005953317309338367, 0.00022162103560137837, 0.00013803575763752564,
        -2.8447301860003696e-05, 9.128983036241991e-05, -4.5840311152755005e-05,
        2.1088774300897358e-05,
    ),
}  # fmt: skip
_ASIN = {
    "f32": (0.166667536, 0.0749525204, 0.0454760417, 0.0241521038, 0.0422117487),
    "f64": (
        0.16666666666665383, 0.07500000000342937, 0.04464285682355509, 0.030381959328661015,
        0.02237175357919701, 0.017359770331631434, 0.013884605599669963, 0.012173235447098344,
        0.006511032040895835, 0.019573443143433518, -0.01629338243361891, 0.03195851302622355,
    ),
}  # fmt: skip
_ATAN = {
    "f32": (
        -0.333333284, 0.199997216, -0.142804682, 0.110622577, -0.0882584229,
        0.0677453205, -0.0451463051, 0.0229228567, -0.00749621959, 0.00114910246,
    ),
    "f64": (
        -0.33333333333333093, 0.19999999999955462, -0.14285714282803472, 0.11111111013682236,
        -0.09090907119742057, 0.07692281191805662, -0.06666415034655374, 0.058805927571068874,
        -0.05253806391806628, 0.047232960361994314, -0.04221724437782368, 0.036693654337529316,
        -0.029985760080078708, 0.0220853714453952, -0.01399518673628132, 0.007263496155722846,
        -0.0029194126702877794, 0.0008435096486422661, -0.00015480252344967255,
        1.3489833989306948e-05,
    ),
}  # fmt: skip
_TINY = {"f32": 2.0**-13, "f64": 2.0**-27}  # x³/6 is below half an ulp of x


def sin_cos_reduced(reduced: Reduced) -> tuple[Lanes, Lanes]:
    """Sine and cosine of the original argument, from its reduction."""
    r, r_low, quadrant = reduced
    square = fma(r, r, r * (r_low + r_low))
    sine = r + fma(r * square, polynomial(square, _SIN[r.format]), r_low)
    inner = fma(square, polynomial(square, _COS[r.format]), -0.5)
    cosine = fma(square, inner, 1.0)
    swap = (quadrant & 1).equals(1)
    top = FORMATS[r.format].mantissa + (8 if r.format == "f32" else 11) - 1
    sine_sign = (quadrant & 2) << top
    cosine_sign = ((quadrant + 1) & 2) << top
    return (
        (select(swap, cosine, sine).bits() ^ sine_sign).as_float(),
        (select(swap, sine, cosine).bits() ^ cosine_sign).as_float(),
    )


def sin(x: Lanes) -> Lanes:
    """Sine; nan for infinities. May split the builder's block."""
    sine, _ = sin_cos_reduced(reduce(x))
    return select(absolute(x) < _TINY[x.format], x, sine)


def cos(x: Lanes) -> Lanes:
    """Cosine; nan for infinities. May split the builder's block."""
    return sin_cos_reduced(reduce(x))[1]


def tan(x: Lanes) -> Lanes:
    """Tangent; nan for infinities. May split the builder's block."""
    r, r_low, quadrant = reduce(x)
    square = r * r
    slope = fma(square, square, square)  # tan² r, near enough for the rounding error r_low
    rest = fma(r * square, polynomial(square, _TAN[x.format]), fma(r_low, slope, r_low))
    tangent = quick_two_sum(r, rest)
    reciprocal = -1.0 / tangent.high
    error = fma(reciprocal, tangent.high, 1.0) + reciprocal * tangent.low
    cotangent = fma(reciprocal, error, reciprocal)
    result = select((quadrant & 1).equals(1), cotangent, tangent.high)
    return select(absolute(x) < _TINY[x.format], x, result)


def _asin_parts(x: Lanes) -> tuple[Lanes, Lanes, Lanes, Lanes]:
    """(big, y, y_low, tail): asin of |x|, or of sqrt((1 - |x|) / 2) where |x| >= 1/2.

    The sum y + y_low + tail is that arcsine.
    """
    magnitude = absolute(x)
    big = magnitude >= 0.5
    half = fma(magnitude, -0.5, 0.5)
    root = square_root(half)
    residue = fma(-root, root, half)
    y_low = residue / at_least(root + root, FORMATS[x.format].least_normal)
    square = select(big, half, x * x)
    y = select(big, root, magnitude)
    tail = (y * square) * polynomial(square, _ASIN[x.format])
    return big, y, select(big, y_low, 0.0), tail


def asin(x: Lanes) -> Lanes:
    """Inverse sine; nan outside [-1, 1]."""
    big, y, y_low, tail = _asin_parts(x)
    first, second, _ = HALF_PI[x.format]
    total = quick_two_sum(x.constant(first), y * -2.0)
    large = total.high + (total.low + fma(tail + y_low, -2.0, second))
    return select(big, large, y + tail).with_sign_of(x)


def acos(x: Lanes) -> Lanes:
    """Inverse cosine; nan outside [-1, 1]."""
    big, y, y_low, tail = _asin_parts(x)
    first, second, _ = HALF_PI[x.format]
    negative = x < 0.0
    # |x| < 1/2: pi/2 - asin(x); x >= 1/2: 2 asin(root); x <= -1/2: pi - 2 asin(root).
    factor = select(big, 2.0, x.constant(1.0))
    factor = select((big & ~negative) | (~big & negative), factor, -factor)
    base = select(big, select(negative, 2.0 * first, x.constant(0.0)), first)
    base_low = select(big, select(negative, 2.0 * second, x.constant(0.0)), second)
    total = quick_two_sum(base, y * factor)
    return total.high + (total.low + fma(tail + y_low, factor, base_low))


def atan(x: Lanes) -> Lanes:
    """Inverse tangent."""
    magnitude = absolute(x)
    inverted = magnitude > 1.0
    y = select(inverted, 1.0 / magnitude, magnitude)
    # The residue is meaningless (and infinite for infinity) where y is below any effect.
    correctable = inverted & (magnitude < 2.0**100)
    y_low = select(correctable, fma(-y, magnitude, 1.0) * y, 0.0)
    first, second, _ = HALF_PI[x.format]
    base = select(inverted, first, x.constant(0.0))
    base_low = select(inverted, second, x.constant(0.0))
    return _atan_sum(y, y_low, inverted, base, base_low).with_sign_of(x)


def _atan_sum(y: Lanes, y_low: Lanes, subtract: Lanes, base: Lanes, base_low: Lanes) -> Lanes:
    """Return ``base ± atan(y + y_low)`` for y in [0, 1], minus where `subtract`."""
    signed = select(subtract, -y, y)
    square = y * y
    # The derivative of atan, 1 / (1 + y²), is 1 - y²/2 near enough for a rounding error.
    correction = fma(select(subtract, -y_low, y_low), fma(square, -0.5, 1.0), base_low)
    total = quick_two_sum(base, signed)
    tail = fma(signed * square, polynomial(square, _ATAN[y.format]), total.low + correction)
    return total.high + tail


def atan2(y: Lanes, x: Lanes) -> Lanes:
    """Angle of the point (x, y), with the special cases of C99's atan2 (annex F.9.1.4)."""
    height, width = absolute(y), absolute(x)
    steep = height > width
    numerator = select(steep, width, height)
    denominator = select(steep, height, width)
    quotient = numerator / denominator
    low = fma(-quotient, denominator, numerator) / denominator
    # 0/0 counts as 0 and inf/inf as 1.
    same = numerator.equals(denominator)
    quotient = select(same, select(denominator.equals(0.0), 0.0, x.constant(1.0)), quotient)
    ordinary = (denominator > 0.0) & (denominator < float("inf"))
    low = select(ordinary, low, 0.0)
    first, second, _ = HALF_PI[x.format]
    left = x.bits() < 0  # the sign bit: -0.0 lies to the left
    base = select(steep, first, select(left, 2.0 * first, x.constant(0.0)))
    base_low = select(steep, second, select(left, 2.0 * second, x.constant(0.0)))
    return _atan_sum(quotient, low, steep ^ left, base, base_low).with_sign_of(y)
