"""Accuracy and special values of the math library, compiled for the host.

References are NumPy in a wider format (float64 for f32, longdouble for f64), SciPy where NumPy has
no such function. Errors are in units of the last place of the result.
"""

import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.special
from llvmlite import ir

from graphflow.codegen.mathlib import ARITY, FLOAT_FUNCTIONS, MATH_FUNCTIONS, emit

sys.path.insert(0, str(Path(__file__).parent))
import native

np.seterr(all="ignore")
FORMATS = {"float32": np.float32, "float64": np.float64}
WIDER = {"float32": np.float64, "float64": np.longdouble}


def sigmoid(x):
    small = np.exp(-np.abs(x))
    return np.where(x < 0, small, 1) / (1 + small)


def softplus(x):
    return np.where(np.isnan(x), x, np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))))


def digamma(x):
    pole = (x <= 0) & (x == np.rint(x))
    return np.where(pole, np.inf, scipy.special.psi(np.asarray(x, np.float64)))


def in_double(function):
    """A reference that exists in float64 only."""
    return lambda x: function(np.asarray(x, np.float64)).astype(x.dtype)


REFERENCES = {
    "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "sigmoid": sigmoid, "tanh": np.tanh,
    "sinh": np.sinh, "cosh": np.cosh, "log": np.log, "log1p": np.log1p, "log2": np.log2,
    "log10": np.log10, "softplus": softplus, "log_sigmoid": lambda x: -softplus(-x),
    "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh, "sin": np.sin, "cos": np.cos,
    "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "sqrt": np.sqrt,
    "floor": np.floor, "ceil": np.ceil, "trunc": np.trunc, "rint": np.rint,
    "erf": in_double(scipy.special.erf), "erfc": in_double(scipy.special.erfc),
    "lgamma": in_double(lambda x: np.where(np.isinf(x), np.inf, scipy.special.gammaln(x))),
    "digamma": in_double(digamma),
    "pow": np.power, "atan2": np.arctan2,
}  # fmt: skip
UNARY = sorted(name for name in FLOAT_FUNCTIONS if ARITY[name] == 1)
# Bounds in ulp; one for f32, two for f64, except:
BOUNDS = {
    ("tan", "float32"): 1.1,  # the best libraries: 0.8 to 1.5
    ("erf", "float64"): 3.0,  # SciPy's own error is in these
    ("erfc", "float64"): 600.0,  # SciPy's exp(-x*x) loses digits in the tail: see below
}
SPECIAL = [
    0.0,
    -0.0,
    np.inf,
    -np.inf,
    np.nan,
    1.0,
    -1.0,
    0.5,
    -0.5,
    2.0,
    -2.0,
    3.0,
    -3.0,
    2.5,
    -2.5,
]


def specials(dtype):
    info = np.finfo(dtype)
    edges = [info.max, info.tiny, info.smallest_subnormal, info.eps, 1 + info.eps, 1 - info.epsneg]
    return np.array(SPECIAL + edges + [-e for e in edges], dtype)


def sample(dtype, per_exponent=380, seed=0):
    """Every exponent, both signs, random mantissas; denser where functions bend; specials."""
    rng = np.random.default_rng(seed)
    bits, mantissa = (32, 23) if dtype == np.float32 else (64, 52)
    exponents = np.repeat(np.arange(1 << (bits - mantissa), dtype=np.uint64), per_exponent)
    if dtype == np.float64:
        exponents = exponents[:: per_exponent // 8]
    patterns = (exponents << np.uint64(mantissa)) | rng.integers(
        0, 1 << mantissa, exponents.size, dtype=np.uint64
    )
    everywhere = patterns.astype(f"u{bits // 8}").view(dtype)
    dense = [rng.uniform(-a, a, 12000) for a in (1.3, 10, 100, 750, 1e5)]
    values = np.concatenate([specials(dtype), everywhere, *[d.astype(dtype) for d in dense]])
    return values[: values.size // 8 * 8].copy()


def ulps(got, reference):
    """Errors of `got` against a wider reference; inf if nan, infinity or a zero's sign is wrong."""
    dtype = got.dtype
    info = np.finfo(dtype)
    expected = reference.astype(dtype)
    unit = np.spacing(np.maximum(np.abs(np.where(np.isfinite(expected), expected, 1)), info.tiny))
    error = np.abs(got.astype(reference.dtype) - reference) / unit
    same = (got == expected) & (np.signbit(got) == np.signbit(expected)) & ~np.isfinite(expected)
    error[same | (np.isnan(got) & np.isnan(expected))] = 0
    overflow = np.isinf(got) != np.isinf(expected)
    close_to_max = np.isclose(np.abs(reference).astype(np.float64), float(info.max), rtol=info.eps)
    error[overflow & ~close_to_max] = np.inf
    error[overflow & close_to_max] = 1
    error[np.isnan(got) != np.isnan(expected)] = np.inf
    error[(got == 0) & (expected == 0) & (np.signbit(got) != np.signbit(expected))] = np.inf
    return np.where(np.isnan(error), np.inf, error)


def compiled(name, dtype_name, lanes):
    inputs = (dtype_name,) * ARITY[name]
    return native.loop(lambda b, *args: emit(name, b, *args), lanes, inputs, (dtype_name,))


def test_every_function_has_a_reference():
    assert set(REFERENCES) == FLOAT_FUNCTIONS


@pytest.mark.parametrize("dtype_name", FORMATS)
@pytest.mark.parametrize("name", [n for n in UNARY if n not in ("lgamma", "digamma")])
def test_error_bound(name, dtype_name):
    dtype = FORMATS[dtype_name]
    x = sample(dtype)
    if (name, dtype_name) == ("erfc", "float64"):
        x = x[~((x > 26) & (x < 30))]  # SciPy gives zero before the subnormal numbers
        x = x[: x.size // 8 * 8].copy()
    got = compiled(name, dtype_name, 8)(x)
    error = ulps(got, np.asarray(REFERENCES[name](x.astype(WIDER[dtype_name]))))
    worst = np.argmax(error)
    bound = BOUNDS.get((name, dtype_name), 1.0 if dtype == np.float32 else 2.0)
    assert error[worst] <= bound, f"{name}({x[worst]!r}) = {got[worst]!r}"


@pytest.mark.parametrize("name", ["lgamma", "digamma"])
def test_gamma_functions(name):
    """f32 to one ulp; f64 within a few ulp of max(1, |f|), for they have zeros."""
    x = sample(np.float32, per_exponent=40)
    x = x[(x > -20) | (x < -(2.0**24)) | np.isnan(x)][: x.size // 16 * 8]
    x = np.concatenate([x, x[-(-x.size % 8) or x.size :]])
    got = compiled(name, "float32", 8)(x[: x.size // 8 * 8].copy())
    reference = REFERENCES[name](x[: x.size // 8 * 8].astype(np.float64))
    assert ulps(got, reference).max() <= 1.0
    x = np.random.default_rng(1).uniform(-5, 200, 8000)
    got, reference = compiled(name, "float64", 4)(x), REFERENCES[name](x)
    near_pole = np.abs(x - np.rint(x)) < 1e-2
    scale = np.maximum(1, np.abs(reference))
    assert (np.abs(got - reference) / scale)[~near_pole | (x > 1)].max() <= 2e-14


def test_erfc_keeps_its_digits_in_the_tail():
    """Twenty-digit values of erfc from its continued fraction (Abramowitz & Stegun 7.1.14)."""
    x = np.linspace(3, 27.2, 400)
    wide = x.astype(np.longdouble)
    fraction = np.zeros_like(wide)
    for k in range(200, 0, -1):
        fraction = (k / np.longdouble(2)) / (wide + fraction)
    root_pi = np.sqrt(np.longdouble(np.pi) + np.longdouble(1.2246467991473532e-16))
    reference = np.exp(-wide * wide) / (root_pi * (wide + fraction))
    assert ulps(compiled("erfc", "float64", 4)(x), reference).max() <= 2.0


@pytest.mark.parametrize("dtype_name", FORMATS)
@pytest.mark.parametrize("name", ["pow", "atan2"])
def test_binary_error_bound(name, dtype_name):
    dtype, rng = FORMATS[dtype_name], np.random.default_rng(3)
    edge_x, edge_y = np.meshgrid(specials(dtype), specials(dtype))
    n = 40000
    random = sample(dtype, seed=4)
    pairs = [
        (edge_x.ravel(), edge_y.ravel()),
        (np.abs(rng.normal(size=n)) * 4, rng.uniform(-60, 60, n)),
        (1 + rng.normal(size=n) * 1e-3, rng.uniform(-6e4, 6e4, n)),
        (-np.abs(rng.normal(size=n)) * 4, np.rint(rng.uniform(-60, 60, n))),
        (random, rng.uniform(-2, 2, random.size)),
        (random, rng.permutation(random)),
    ]
    x, y = (np.concatenate([p[k] for p in pairs]).astype(dtype) for k in (0, 1))
    x, y = (a[: a.size // 8 * 8].copy() for a in (x, y))
    got = compiled(name, dtype_name, 8)(x, y)
    reference = REFERENCES[name](x.astype(WIDER[dtype_name]), y.astype(WIDER[dtype_name]))
    error = ulps(got, reference)
    worst = np.argmax(error)
    assert error[worst] <= 1.0, f"{name}({x[worst]!r}, {y[worst]!r}) = {got[worst]!r}"


@pytest.mark.parametrize("dtype_name", FORMATS)
@pytest.mark.parametrize("name", sorted(FLOAT_FUNCTIONS))
def test_any_lane_count_gives_the_same_bits(name, dtype_name):
    dtype = FORMATS[dtype_name]
    x = sample(dtype, per_exponent=16, seed=7)
    x = x[:: x.size // 1000][:840].copy()
    args = [x, x[::-1].copy()][: ARITY[name]]
    bits = f"u{x.itemsize}"
    expected = compiled(name, dtype_name, 8)(*args).view(bits)
    for lanes in (0, 3, 5):
        got = compiled(name, dtype_name, lanes)(*args)
        nan = np.isnan(got)
        np.testing.assert_array_equal(got.view(bits)[~nan], expected[~nan])
        assert np.isnan(expected.view(dtype)[nan]).all()


INTEGERS = {"int8": np.int8, "int32": np.int32, "int64": np.int64}


def integer_pairs(dtype, seed=0):
    info, rng = np.iinfo(dtype), np.random.default_rng(seed)
    edges = np.array([0, 1, 2, 3, 7, info.max, info.min, info.max - 1, info.min + 1], dtype)
    edges = np.concatenate([edges, -edges])
    a, b = (m.ravel() for m in np.meshgrid(edges, edges))
    wide = rng.integers(info.min, info.max, (2, 2000), dtype=dtype, endpoint=True)
    small = rng.integers(-9, 10, (2, 2000)).astype(dtype)
    a = np.concatenate([a, wide[0], small[0], wide[1]])
    b = np.concatenate([b, wide[1], small[1], small[0]])
    return a[: a.size // 8 * 8].copy(), b[: b.size // 8 * 8].copy()


@pytest.mark.parametrize("lanes", [0, 8])
@pytest.mark.parametrize("dtype_name", INTEGERS)
def test_signed_division(dtype_name, lanes):
    dtype = INTEGERS[dtype_name]
    a, b = integer_pairs(dtype)
    names = ["truncate_div", "truncate_mod", "floor_div", "floor_mod"]
    results = native.loop(
        lambda builder, x, y: [emit(n, builder, x, y) for n in names],
        lanes, (dtype_name,) * 2, (dtype_name,) * 4,
    )(a, b)  # fmt: skip
    defined = b != 0
    big_a, big_b = a.astype(object)[defined], b.astype(object)[defined]
    floor = big_a // big_b
    magnitude = abs(big_a) // abs(big_b)
    truncated = np.where((big_a < 0) == (big_b < 0), magnitude, -magnitude)
    expected = [truncated, big_a - truncated * big_b, floor, big_a - floor * big_b]
    modulus = 1 << (8 * a.itemsize)
    for name, result, want in zip(names, results, expected, strict=True):
        got = result[defined].astype(object)
        assert all((g - w) % modulus == 0 for g, w in zip(got, want, strict=True)), name


@pytest.mark.parametrize("lanes", [0, 4])
@pytest.mark.parametrize("dtype_name", ["uint32", "uint64"])
def test_unsigned_division(dtype_name, lanes):
    a, b = (v.view(dtype_name) for v in integer_pairs(np.dtype(dtype_name[1:]).type))
    quotient, remainder, zero = native.loop(
        lambda builder, x, y: [
            emit("divide_unsigned", builder, x, y),
            emit("modulo_unsigned", builder, x, y),
            emit("is_zero_divisor", builder, y),
        ],
        lanes, (dtype_name,) * 2, (dtype_name, dtype_name, "uint8"),
    )(a, b)  # fmt: skip
    np.testing.assert_array_equal(zero, b == 0)
    safe = b != 0
    np.testing.assert_array_equal(quotient[safe], a[safe] // b[safe])
    np.testing.assert_array_equal(remainder[safe], a[safe] % b[safe])


def test_emit_says_what_it_expected():
    module = ir.Module()
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [ir.IntType(32)]), "f")
    builder = ir.IRBuilder(function.append_basic_block())
    with pytest.raises(ValueError, match=r"expected one of .* got 'cbrt'"):
        emit("cbrt", builder, function.args[0])
    with pytest.raises(TypeError, match=r"exp: expected operands of one type .* got i32"):
        emit("exp", builder, function.args[0])
    with pytest.raises(TypeError, match=r"pow: expected 2 operands, got 1"):
        emit("pow", builder, function.args[0])
    assert "exp" in MATH_FUNCTIONS


EXHAUSTIVE = [n for n in UNARY if n not in ("lgamma", "digamma", "sqrt", "log_sigmoid")]


@pytest.mark.slow
@pytest.mark.parametrize("name", EXHAUSTIVE)
def test_all_of_float32(name):
    native_function = compiled(name, "float32", 8)
    bound = BOUNDS.get((name, "float32"), 1.0)
    for start in range(0, 1 << 32, 1 << 22):
        x = np.arange(start, start + (1 << 22), dtype=np.uint64).astype(np.uint32).view(np.float32)
        got, reference = native_function(x), REFERENCES[name](x.astype(np.float64))
        # Most results are the reference rounded: only the others are worth the arithmetic.
        suspect = got.view(np.uint32) != reference.astype(np.float32).view(np.uint32)
        error = ulps(got[suspect], reference[suspect])
        assert error.size == 0 or error.max() <= bound, f"{name}({x[suspect][error.argmax()]!r})"
