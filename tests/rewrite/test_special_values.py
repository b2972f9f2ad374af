"""Rules at nan, infinities, signed zeros, and where the textbook form overflows or cancels.

A rule may only make a value better: what was finite keeps its value, an infinity stays the same
infinity unless the form in real numbers is finite, and nan goes only where a case says so.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import scipy.special
from cases import CASES

from graphflow.graph import dtypes
from graphflow.ir.builder import Builder
from graphflow.ir.interpreter import run_program
from graphflow.ir.node import Program, topological
from graphflow.ir.types import TensorType
from graphflow.rewrite.pipeline import rewrite_program

b = Builder()
GRID = np.array(
    [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1e-30, -1e-30, 3.0, -3.0,
     90.0, -90.0, 1e30, -1e30, 1e-42],
    np.float32,
)  # fmt: skip


def program_of(node) -> Program:
    return Program(tuple(n for n in topological([node]) if n.op == "input"), (node,))


def over_pairs(build, dtype=dtypes.float32):
    """Values before and after, for all pairs of the grid."""
    pairs = np.array(list(itertools.product(GRID, GRID)), dtype.numpy)
    x, y = (b.input(k, "feed", TensorType(dtype, (len(pairs),))) for k in ("sx", "sy"))
    program = program_of(build(x, y))
    arrays = [pairs[:, 0 if n["name"] == "sx" else 1] for n in program.inputs]
    (before,), _ = run_program(program, arrays)
    (after,), _ = run_program(rewrite_program(program, 1), arrays)
    return pairs, before, after


EXACT = {
    "sign_leaves_product": lambda x, y: b.mul(b.neg(x), b.neg(y)),
    "sign_leaves_quotient": lambda x, y: b.div(b.neg(x), y),
    "multiply_by_minus_one": lambda x, y: b.mul(x, -1.0),
    "square_of_absolute": lambda x, y: b.square(b.abs(x)),
    "absolute_of_nonnegative": lambda x, y: b.abs(b.mul(b.exp(x), b.square(y))),
    "bound_of_nonnegative": lambda x, y: b.max(b.square(x), 0.0),
    "bound_of_nonnegative_below": lambda x, y: b.max(b.abs(x), -0.5),
    "bound_of_negations": lambda x, y: b.max(b.neg(x), b.neg(y)),
    "nested_bounds": lambda x, y: b.min(b.min(x, 0.25), 0.5),
    "clip_twice": lambda x, y: b.max(b.min(b.max(x, 0.3), 0.6), 0.1),
    "clip_twice_mirrored": lambda x, y: b.min(b.max(b.min(x, 0.6), 0.3), 0.6),
    "clip_to_a_point": lambda x, y: b.max(b.min(b.max(x, 0.3), 0.2), 0.25),
    "bound_at_infinity": lambda x, y: b.min(b.max(x, float("-inf")), float("inf")),
    "rounding_of_whole_number": lambda x, y: b.floor(b.rint(x)),
    "choice_by_negation": lambda x, y: b.select(b.not_(b.lt(x, y)), x, y),
    "nested_choices": lambda x, y: b.select(b.lt(x, y), b.select(b.lt(x, y), x, y), x),
    "negated_equality": lambda x, y: b.not_(b.eq(x, y)),
    "negated_order": lambda x, y: b.not_(b.lt(x, y)),
    "comparison_with_itself": lambda x, y: b.or_(b.lt(x, x), b.eq(y, y)),
    "comparison_of_two_values": lambda x, y: b.gt(
        b.select(b.lt(x, y), b.full(x.shape, 2.0, x.dtype), 0.5), 1.0
    ),
    "comparison_of_casts": lambda x, y: b.lt(b.cast(x, dtypes.float64), b.cast(y, dtypes.float64)),
    "comparison_of_cast_with_number": lambda x, y: b.lt(b.cast(x, dtypes.float64), 0.5),
    "power_of_one": lambda x, y: b.pow(b.full(x.shape, 1.0, x.dtype), x),
    "float_less_itself": lambda x, y: b.sub(x, x),
    "float_times_zero": lambda x, y: b.mul(x, 0.0),
    "quotient_of_itself": lambda x, y: b.div(x, x),
    "double_exponent": lambda x, y: b.mul(b.exp(x), b.exp(y)),
}  # fmt: skip


def _ordered(op, is_second, x, number):
    return b.pointwise(op, x, number) if is_second else b.pointwise(op, number, x)


def _nested_bounds(op, first, second, limits):
    return lambda x, y: _ordered(op, second, _ordered(op, first, x, limits[0]), limits[1])


for _op, _first, _second, *_limits in itertools.product(
    ("max", "min"), (True, False), (True, False), (-0.0, 0.0, 0.5), (-0.0, 0.0, 0.5)
):
    EXACT[f"{_op}_{_first}_{_second}_{_limits}"] = _nested_bounds(_op, _first, _second, _limits)
for _first in (-0.5, 0.0, float("-inf")):  # the number in front: what comes out where x is nan
    EXACT[f"bound_before_{_first}"] = lambda x, y, c=_first: b.max(c, b.abs(x))
for _inner, _middle, _outer in itertools.product((True, False), repeat=3):
    EXACT[f"clip_twice_{_inner}_{_middle}_{_outer}"] = lambda x, y, i=_inner, m=_middle, o=_outer: (
        _ordered("max", o, _ordered("min", m, _ordered("max", i, x, 0.3), 0.6), 0.1)
    )


@pytest.mark.parametrize("name", EXACT)
def test_exact_rules_keep_every_value(name: str) -> None:
    _, before, after = over_pairs(EXACT[name])
    np.testing.assert_array_equal(after, before)
    signed = before == 0 if before.dtype.kind == "f" else np.zeros(before.shape, bool)
    np.testing.assert_array_equal(np.signbit(after[signed]), np.signbit(before[signed]))


CLOSE = {
    "exp_of_log": lambda x, y: b.exp(b.log(x)),
    "exp_of_log1p": lambda x, y: b.exp(b.log1p(x)),
    "expm1_of_log": lambda x, y: b.expm1(b.log(x)),
    "expm1_of_log1p": lambda x, y: b.expm1(b.log1p(x)),
    "log1p_of_expm1": lambda x, y: b.log1p(b.expm1(x)),
    "exp_of_softplus": lambda x, y: b.exp(b.neg(b.softplus(x))),
    "log_of_root": lambda x, y: b.log(b.sqrt(x)),
    "log_of_reciprocal": lambda x, y: b.log(b.div(1.0, b.abs(x))),
    "log_of_any_reciprocal": lambda x, y: b.log(b.div(1.0, x)),
    "square_of_root": lambda x, y: b.square(b.sqrt(x)),
    "root_as_power": lambda x, y: b.pow(x, 0.5),
    "reciprocal_root_as_power": lambda x, y: b.pow(x, -0.5),
    "fourth_power": lambda x, y: b.pow(x, 4.0),
    "reciprocal_square": lambda x, y: b.pow(x, -2.0),
    "division_by_exp_stays": lambda x, y: b.div(x, b.exp(y)),
    "reciprocals_meet": lambda x, y: b.mul(x, b.div(1.0, y)),
    "divided_reciprocal": lambda x, y: b.div(x, b.div(1.0, y)),
    "float_factors_meet": lambda x, y: b.mul(b.mul(x, 3.0), 0.7),
    "log_of_one_minus_exp": lambda x, y: b.log(b.sub(1.0, b.exp(x))),
    "log_of_exp_minus_one": lambda x, y: b.log(b.sub(b.exp(x), 1.0)),
    "log_add_exp": lambda x, y: b.log(b.add(b.exp(x), b.exp(y))),
    "log_add_three": lambda x, y: b.log(b.add(b.add(b.exp(x), b.exp(y)), 3.0)),
    "log_difference_of_exp": lambda x, y: b.log(b.sub(b.exp(x), b.exp(y))),
    "log_of_cosh": lambda x, y: b.log(b.cosh(x)),
    "log_of_erfc": lambda x, y: b.log(b.erfc(x)),
    "share_of_two_exp": lambda x, y: b.div(b.exp(x), b.add(b.exp(x), b.exp(y))),
    "quotient_is_tanh": lambda x, y: b.div(
        b.sub(b.exp(x), b.exp(b.neg(x))), b.add(b.exp(x), b.exp(b.neg(x)))
    ),
    "quotient_is_tanh_one_side": lambda x, y: b.div(b.sub(b.exp(x), 1.0), b.add(b.exp(x), 1.0)),
    "number_over_one_plus_exp": lambda x, y: b.div(y, b.add(1.0, b.exp(x))),
    "half_difference_is_sinh": lambda x, y: b.div(b.sub(b.exp(x), b.exp(b.neg(x))), 2.0),
    "doubled_sigmoid_is_tanh": lambda x, y: b.sub(b.mul(b.sigmoid(x), 2.0), 1.0),
    "sigmoid_by_exp": lambda x, y: b.mul(b.exp(x), b.sigmoid(b.neg(x))),
    "odds_of_sigmoid": lambda x, y: b.div(b.sigmoid(x), b.sub(1.0, b.sigmoid(x))),
    "one_and_erf": lambda x, y: b.sub(1.0, b.erf(x)),
    "one_and_erf_sum": lambda x, y: b.add(b.erf(x), 1.0),
    "erf_minus_one": lambda x, y: b.sub(b.erf(x), 1.0),
    "one_minus_cosine": lambda x, y: b.sub(1.0, b.cos(b.max(b.min(x, 90.0), -90.0))),
    "sigmoid_of_logit": lambda x, y: b.sigmoid(b.log(b.div(x, b.sub(1.0, x)))),
    "probability_cancels": lambda x, y: b.mul(b.div(y, b.sigmoid(x)), b.sigmoid(x)),
    "probability_distributes": lambda x, y: b.mul(
        b.sub(b.mul(y, b.div(1.0, b.sigmoid(x))), 1.0), b.sigmoid(x)
    ),
    "cross_entropy": lambda x, y: b.add(
        b.mul(b.sigmoid(y), b.log(b.sigmoid(x))),
        b.mul(b.sub(1.0, b.sigmoid(y)), b.log(b.sub(1.0, b.sigmoid(x)))),
    ),
}


@pytest.mark.parametrize("name", CLOSE)
@pytest.mark.parametrize("dtype", [dtypes.float32, dtypes.float64], ids=["f32", "f64"])
def test_finite_values_stay_and_nan_operands_give_nan(name: str, dtype) -> None:
    pairs, before, after = over_pairs(CLOSE[name], dtype)
    uses = CLOSE[name](*(b.input(k, "feed", TensorType(dtype, ())) for k in ("sx", "sy")))
    names = {n["name"] for n in topological([uses]) if n.op == "input"}
    read = pairs[:, [k for k, n in enumerate(("sx", "sy")) if n in names]]
    finite = np.isfinite(before)
    # Terms of the size of the operands cancel, and exp multiplies their roundings by that size.
    size = np.minimum(np.abs(np.nan_to_num(read)).max(axis=1), 100)[finite] + 1
    unit = np.finfo(dtype.numpy).eps
    allowed = unit * size * np.maximum(4 * np.abs(before[finite]), 8)
    wrong = ~(np.abs(after[finite] - before[finite]) <= allowed)
    assert not wrong.any(), (read[finite][wrong], before[finite][wrong], after[finite][wrong])
    is_nan = np.isnan(read).any(axis=1)
    assert np.isnan(after[is_nan]).all(), (read[is_nan], after[is_nan])


STABLE = {
    "log_of_one_minus_exp near 0": ("log_of_one_minus_exp", (-1e-10,), math.log(1e-10)),
    "log_of_one_minus_exp far": ("log_of_one_minus_exp", (-50.0,), -math.exp(-50)),
    "log_of_exp_minus_one": ("log_of_exp_minus_one", (300.0,), 300.0),
    "log_add_exp": ("log_add_exp", (300.0, 300.0), 300 + math.log(2)),
    "log_add_exp low": ("log_add_exp", (-300.0, -301.0), -300 + math.log1p(math.exp(-1))),
    "log_add_exp nothing": ("log_add_exp", (-math.inf, -math.inf), -math.inf),
    "log_add_exp all": ("log_add_exp", (math.inf, math.inf), math.inf),
    "log_add_three": ("log_add_three", (200.0, 199.0), 200 + math.log1p(math.exp(-1))),
    "log_difference_of_exp": ("log_difference_of_exp", (300.0, 299.0), 300 - 0.4586751),
    "log_of_cosh": ("log_of_cosh", (-500.0,), 500 - math.log(2)),
    "log_of_erfc": ("log_of_erfc", (20.0,), math.log(scipy.special.erfcx(20)) - 400),
    "log_of_erfc edge": ("log_of_erfc", (9.5,), math.log(scipy.special.erfcx(9.5)) - 9.5**2),
    "share_of_two_exp": ("share_of_two_exp", (200.0, 199.0), 1 / (1 + math.exp(-1))),
    "share_of_two_exp low": ("share_of_two_exp", (-200.0, -199.0), 1 / (1 + math.exp(1))),
    "quotient_is_tanh": ("quotient_is_tanh", (200.0,), 1.0),
    "quotient_is_tanh near 0": ("quotient_is_tanh", (1e-10,), 1e-10),
    "quotient_is_tanh_one_side": ("quotient_is_tanh_one_side", (1e-10,), 5e-11),
    "half_difference_is_sinh": ("half_difference_is_sinh", (1e-10,), 1e-10),
    "doubled_sigmoid_is_tanh": ("doubled_sigmoid_is_tanh", (1e-10,), 5e-11),
    "sigmoid_by_exp": ("sigmoid_by_exp", (200.0,), 1.0),
    "odds_of_sigmoid": ("odds_of_sigmoid", (40.0,), math.exp(40)),
    "one_and_erf": ("one_and_erf", (6.0,), math.erfc(6)),
    "one_minus_cosine": ("one_minus_cosine", (1e-5,), 5e-11),
    "probability_cancels": ("probability_cancels", (-300.0, 0.7), 0.7),
    "cross_entropy": ("cross_entropy", (300.0, 0.0), -150.0),
    "cross_entropy low": ("cross_entropy", (-300.0, 0.0), -150.0),
    "exp_of_log": ("exp_of_log", (1e30,), 1e30),
    "log1p_of_expm1": ("log1p_of_expm1", (200.0,), 200.0),
}  # fmt: skip


@pytest.mark.parametrize("name", STABLE)
def test_stable_forms_are_right_where_the_old_ones_are_not(name: str) -> None:
    case, values, expected = STABLE[name]
    x, y = (b.input(k, "feed", TensorType(dtypes.float32, (1,))) for k in ("sx", "sy"))
    program = program_of(CLOSE[case](x, y))
    fed = dict(zip(("sx", "sy"), values, strict=False))
    arrays = [np.array([fed[n["name"]]], np.float32) for n in program.inputs]
    (result,), _ = run_program(rewrite_program(program, 1), arrays)
    np.testing.assert_allclose(result[0], expected, rtol=3e-6)


def test_log_of_erfc_in_float64_is_right_on_both_sides_of_the_limit() -> None:
    x = b.input("sx", "feed", TensorType(dtypes.float64, (4,)))
    program = rewrite_program(program_of(b.log(b.erfc(x))), 1)
    values = np.array([24.9, 25.1, 40.0, 1e4])
    (result,), _ = run_program(program, [values])
    expected = np.log(scipy.special.erfcx(values)) - values**2
    np.testing.assert_allclose(result, expected, rtol=1e-14)


def test_whole_rows_of_infinities() -> None:
    rows = np.array([[-np.inf, -np.inf], [np.inf, 0.0], [np.nan, 0.0], [300.0, 299.0]], np.float32)
    x = b.input("rows", "feed", TensorType(dtypes.float32, rows.shape))
    total = b.log(b.reduce("sum", b.exp(x), [1]))
    mean = b.log(b.div(b.reduce("sum", b.exp(x), [1]), 2.0))
    expected = np.array([-np.inf, np.inf, np.nan, np.logaddexp(300.0, 299.0)])
    for node, shift in ((total, 0.0), (mean, math.log(2))):
        (result,), _ = run_program(rewrite_program(program_of(node), 1), [rows])
        np.testing.assert_allclose(result, expected - shift, rtol=1e-6)
    softmax = b.mul(b.exp(x), b.div(1.0, b.reduce("sum", b.exp(x), [1], True)))
    (result,), _ = run_program(rewrite_program(program_of(softmax), 1), [rows])
    np.testing.assert_allclose(result[3], [1 / (1 + math.exp(-1)), 1 / (1 + math.e)], rtol=1e-6)


def test_one_hot_rows_out_of_range_are_zeros() -> None:
    program = program_of(CASES["one_hot_product"])
    weights = np.arange(24, dtype=np.float32).reshape(8, 3)
    fed = {"i": np.array([7, -1, 8, 0], np.int32), "w": weights}
    (result,), _ = run_program(
        rewrite_program(program, 1), [fed[n["name"]] for n in program.inputs]
    )
    np.testing.assert_array_equal(result, [weights[7], [0] * 3, [0] * 3, weights[0]])


@pytest.mark.parametrize("values", [(-(2**31), 5), (2**31 - 1, -(2**31))])
def test_integers_wrap_alike(values) -> None:
    array = np.array(values, np.int32)
    n = b.input("wrap", "feed", TensorType(dtypes.int32, (2,)))
    for node in (
        b.pow(n, 7), b.mul(b.mul(n, 12345), 6789), b.add(b.add(n, 2**30), 2**30), b.abs(b.neg(n)),
        b.reduce("max", b.neg(n), [0]), b.max(b.neg(n), b.neg(b.add(n, 1))),
        b.reduce("prod", b.broadcast(n, (5, 2), (1,)), [0]),
    ):  # fmt: skip
        program = program_of(node)
        (before,), _ = run_program(program, [array])
        (after,), _ = run_program(rewrite_program(program, 1), [array])
        np.testing.assert_array_equal(after, before)
