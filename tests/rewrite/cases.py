"""Small Programs, one for each rewrite rule, and cases in which a rule must not fire."""

from __future__ import annotations

from graphflow.graph import dtypes
from graphflow.ir.builder import Builder
from graphflow.ir.types import TensorType

b = Builder()


def inp(name, *shape, dtype=dtypes.float32):
    return b.input(name, "feed", TensorType(dtype, shape))


x, y, z = inp("x", 4, 6), inp("y", 4, 6), inp("z", 4, 6)
v, s = inp("v", 6), inp("s")
n = inp("n", 4, 6, dtype=dtypes.int32)
t = inp("t", 6, 4)
p, q = inp("p", 4, 6, dtype=dtypes.bool_), inp("q", 4, 6, dtype=dtypes.bool_)
m, i = inp("m", 4, 6, dtype=dtypes.int32), inp("i", 4, dtype=dtypes.int32)
w, batch = inp("w", 8, 3), inp("batch", 2, 4, 8)
left, right = inp("left", 5, 8), inp("right", 8, 7)
places = b.const([3, 0, 1, 2], dtypes.int32)


def softmax(z):
    e = b.exp(z)
    return b.div(e, b.reduce("sum", e, [1], True))


def shifted_softmax(z):
    return softmax(b.sub(z, b.reduce("max", z, [1], True)))


def by_hand_mean(node, axis):
    return b.div(b.reduce("sum", node, [axis], True), float(node.shape[axis]))


def one_hot(indices, depth):
    shape = (indices.shape[0], depth)
    hit = b.eq(b.broadcast(indices, shape, (0,)), b.iota(shape, 1, indices.dtype))
    return b.select(hit, b.full(shape, 1.0, dtypes.float32), b.full(shape, 0.0, dtypes.float32))


def zero_padded(node, low, high):
    return b.pad(node, (0, low), (0, high))


def number(value, node=x):
    return b.full(node.shape, value, node.dtype)


CASES = {
    "multiply_by_one": b.mul(x, 1.0),
    "divide_by_one": b.div(x, 1.0),
    "divide_by_power_of_two": b.div(x, 8.0),
    "divide_by_three_stays": b.div(x, 3.0),
    "subtract_zero": b.sub(x, 0.0),
    "add_zero_integers": b.add(n, 0),
    "add_zero_floats_stays": b.add(x, 0.0),
    "double_negation": b.neg(b.neg(x)),
    "add_of_negation": b.add(x, b.neg(y)),
    "constant_condition": b.select(b.full((4, 6), True, dtypes.bool_), x, y),
    "small_powers": b.pow(x, 3.0),
    "half_power_stays": b.pow(x, 0.5),
    "absolute_of_absolute": b.abs(b.neg(x)),
    "idempotent": b.max(x, x),
    "double_not": b.not_(b.not_(p)),
    "constant_logic": b.and_(p, b.full((4, 6), True, dtypes.bool_)),
    "cast_of_cast": b.cast(b.cast(p, dtypes.int32), dtypes.float32),
    "cast_of_cast_narrowing_stays": b.cast(b.cast(x, dtypes.int32), dtypes.float32),
    "slice_of_slice": b.slice(b.slice(x, (1, 1), (3, 5)), (1, 0), (2, 2), (1, 2)),
    "transpose_into_product": b.matmul(b.transpose(x, (1, 0)), b.transpose(t, (1, 0))),
    "broadcast_of_unit_reshape": b.broadcast(b.reshape(v, (1, 6)), (4, 1, 6), (1, 2)),
    "broadcast_after_pointwise": b.exp(b.broadcast_to(v, (4, 6))),
    "reshape_after_pointwise": b.reshape(b.mul(b.reshape(x, (24,)), 2.0), (2, 12)),
    "reduction_of_broadcast": b.reduce("sum", b.broadcast_to(v, (4, 6)), [0]),
    "factor_leaves_sum": b.reduce("sum", b.mul(x, 0.5), [1]),
    "nested_reductions": b.reduce("max", b.reduce("max", x, [1]), [0]),
    "different_reductions_stay": b.reduce("sum", b.reduce("max", x, [1]), [0]),
    "log_of_one_plus": b.log(b.add(x, 1.0)),
    "log_of_two_plus_stays": b.log(b.add(x, 2.0)),
    "log_of_one_minus": b.log(b.sub(1.0, x)),
    "exp_minus_one": b.sub(b.exp(x), 1.0),
    "log1p_of_exp": b.log(b.add(1.0, b.exp(x))),
    "log_of_sigmoid": b.log(b.sigmoid(x)),
    "log1p_of_minus_sigmoid": b.log(b.sub(1.0, b.sigmoid(x))),
    "one_minus_sigmoid": b.sub(1.0, b.sigmoid(x)),
    "reciprocal_of_one_plus_exp": b.div(1.0, b.add(b.exp(b.neg(x)), 1.0)),
    "exp_over_one_plus_exp": b.div(b.exp(x), b.add(b.exp(x), 1.0)),
    "log_of_softmax": b.log(shifted_softmax(x)),
    "log_sum_exp": b.log(b.reduce("sum", b.exp(x), [1])),
    "softmax_without_shift": softmax(x),
    "softmax_with_shift_stays": shifted_softmax(x),
    "x_log_x": b.mul(x, b.log(x)),
    "log_of_exp": b.log(b.exp(x)),
    "root_of_square": b.sqrt(b.mul(x, x)),
    # signs.py
    "sign_leaves_product": b.mul(b.neg(x), y),
    "sign_leaves_product_twice": b.div(b.neg(x), b.neg(y)),
    "multiply_by_minus_one": b.mul(x, -1.0),
    "square_of_absolute": b.square(b.abs(x)),
    "absolute_of_nonnegative": b.abs(b.mul(b.exp(x), b.square(y))),
    "absolute_of_root_stays": b.abs(b.sqrt(x)),
    "bound_of_nonnegative": b.max(b.sigmoid(x), 0.0),
    "sign_of_sign": b.sign(b.sign(x)),
    "bound_of_negations": b.max(b.neg(x), b.neg(y)),
    "bound_of_negations_integers_stay": b.max(b.neg(n), b.neg(m)),
    "extremum_of_negation": b.reduce("max", b.neg(x), [1]),
    "place_of_negation": b.make("argmax", b.neg(x), axis=1, dtype=dtypes.int64),
    "place_of_softmax_stays": b.make("argmax", shifted_softmax(x), axis=1, dtype=dtypes.int64),
    "nested_bounds": b.max(b.max(x, 0.25), 0.5),
    "nested_bounds_clip_twice": b.max(b.min(b.max(x, 0.3), 0.6), 0.1),
    "nested_bounds_apart_stay": b.max(b.min(b.max(x, 0.3), 0.6), 0.5),
    "nested_bounds_behind_numbers": b.max(0.5, b.max(x, 0.25)),
    "nested_bounds_of_nan_stay": b.max(0.25, b.max(x, 0.5)),
    "bound_at_infinity": b.max(x, float("-inf")),
    "bound_at_infinity_of_nan_stays": b.max(float("-inf"), x),
    "rounding_of_whole_number": b.floor(b.rint(b.mul(x, 9.0))),
    # logic.py
    "choice_by_negation": b.select(b.not_(p), x, y),
    "nested_choices": b.select(p, b.select(p, x, y), z),
    "choice_of_truth": b.select(p, q, b.full((4, 6), False, dtypes.bool_)),
    "negated_comparison": b.not_(b.lt(n, m)),
    "negated_comparison_floats_stay": b.not_(b.lt(x, y)),
    "comparison_with_itself": b.lt(x, x),
    "comparison_with_itself_nan_stays": b.eq(x, x),
    "comparison_of_two_values": b.ne(b.cast(p, dtypes.float32), 0.0),
    "comparison_of_casts": b.lt(b.cast(n, dtypes.int64), b.cast(m, dtypes.int64)),
    "comparison_of_casts_rounding_stays": b.lt(
        b.cast(n, dtypes.float32), b.cast(m, dtypes.float32)
    ),
    "integer_less_itself": b.sub(n, n),
    "float_less_itself_stays": b.sub(x, x),
    "integer_with_zero": b.mul(n, 0),
    "float_with_zero_stays": b.mul(x, 0.0),
    "integer_over_one": b.floormod(n, 1),
    "integer_constants_meet": b.add(b.add(n, 3), 4),
    "float_constants_stay": b.sub(b.add(x, 1e8), 1e8),
    # inverses.py
    "exp_of_log": b.exp(b.log(x)),
    "exp_of_log1p": b.exp(b.log1p(x)),
    "log1p_of_expm1": b.log1p(b.expm1(x)),
    "exp_of_softplus": b.exp(b.neg(b.softplus(x))),
    "log_of_root": b.log(b.sqrt(x)),
    "log_of_root_reciprocal": b.log(b.div(1.0, b.square(x))),
    "square_of_root": b.square(b.sqrt(x)),
    "root_as_power": b.pow(b.exp(x), 0.5),
    "root_as_power_any_sign": b.pow(x, -0.5),
    "repeated_squares": b.pow(x, 4.0),
    "repeated_squares_reciprocal": b.pow(x, -2.0),
    "repeated_squares_integers": b.pow(n, 5),
    "power_of_one": b.pow(number(1.0), x),
    "division_by_exp_stays": b.div(x, b.exp(y)),
    "reciprocals_meet": b.mul(x, b.div(1.0, y)),
    "float_factors_meet": b.mul(b.mul(x, 3.0), 0.7),
    # logarithms.py
    "one_minus_exp": b.sub(1.0, b.exp(x)),
    "log_of_one_minus_exp": b.log(b.sub(1.0, b.exp(b.neg(x)))),
    "log_of_exp_minus_one": b.log(b.sub(b.exp(x), 1.0)),
    "log_add_exp": b.log(b.add(b.exp(x), b.exp(y))),
    "log_add_exp_number": b.log(b.add(b.exp(x), 2.0)),
    "log_difference_of_exp": b.log(b.sub(b.exp(b.add(x, 1.0)), b.exp(b.neg(y)))),
    "log_of_scaled_sum_of_exp": b.log(by_hand_mean(b.exp(x), 1)),
    "log_below_views": b.log(b.gather(shifted_softmax(x), i)),
    "log_of_cosh": b.log(b.cosh(x)),
    "log_of_erfc": b.log(b.erfc(x)),
    "gaussian_over_erfc": b.mul(b.mul(b.div(1.0, b.erfc(x)), y), b.exp(b.neg(b.square(x)))),
    # quotients.py
    "probability_cancels": b.mul(b.mul(b.mul(y, b.div(1.0, b.sigmoid(x))), b.sigmoid(x)), z),
    "exp_by_reciprocal_of_sum": b.mul(b.exp(x), b.div(1.0, b.reduce("sum", b.exp(x), [1], True))),
    "softmax_gradient": b.mul(
        b.sub(
            b.div(y, b.reduce("sum", b.exp(x), [1], True)),
            b.reduce("sum", b.div(b.mul(y, z), b.reduce("sum", b.exp(x), [1], True)), [1], True),
        ),
        b.exp(x),
    ),
    "log_softmax_from_sum": b.sub(x, b.log(b.reduce("sum", b.exp(x), [1], True))),
    "exp_of_log_softmax": b.exp(b.sub(x, b.log(b.reduce("sum", b.exp(x), [1], True)))),
    # logistic.py
    "share_of_two_exp": b.div(b.exp(x), b.add(b.exp(x), b.exp(y))),
    "quotient_is_tanh": b.div(b.sub(b.exp(x), b.exp(b.neg(x))), b.add(b.exp(x), b.exp(b.neg(x)))),
    "quotient_is_tanh_one_side": b.div(b.sub(b.exp(x), 1.0), b.add(b.exp(x), 1.0)),
    "number_over_one_plus_exp": b.div(y, b.add(1.0, b.exp(x))),
    "half_difference_is_sinh": b.div(b.sub(b.exp(x), b.exp(b.neg(x))), 2.0),
    "doubled_sigmoid_is_tanh": b.sub(b.mul(b.sigmoid(b.mul(x, 2.0)), 2.0), 1.0),
    "sigmoid_by_exp": b.mul(b.exp(x), b.sigmoid(b.neg(x))),
    "odds_of_sigmoid": b.div(b.sigmoid(x), b.sub(1.0, b.sigmoid(x))),
    "one_and_erf": b.sub(1.0, b.erf(x)),
    "one_and_erf_sum": b.add(b.erf(x), 1.0),
    "one_minus_cosine": b.sub(1.0, b.cos(x)),
    "sigmoid_of_logit": b.sigmoid(b.log(b.div(x, b.sub(1.0, x)))),
    "cross_entropy_by_hand": b.add(
        b.mul(y, b.log(b.sigmoid(x))),
        b.mul(b.sub(1.0, y), b.log(b.sub(1.0, b.sigmoid(x)))),
    ),
    # indexing.py
    "slice_of_concat": b.slice(b.concat([x, y, z], 1), (0, 4), (4, 5)),
    "slice_of_broadcast": b.slice(b.broadcast(v, (4, 6, 5), (1,)), (1, 2, 0), (2, 3, 5)),
    "slice_of_transpose": b.slice(b.transpose(x, (1, 0)), (1, 0), (2, 3)),
    "slice_of_unit_reshape": b.slice(b.reshape(x, (4, 1, 6)), (1, 0, 2), (2, 1, 3)),
    "slice_of_pad": b.slice(zero_padded(x, 3, 2), (0, 1), (4, 4)),
    "slice_of_pad_back": b.slice(zero_padded(x, 3, 2), (0, 3), (4, 6)),
    "pad_of_pad": zero_padded(zero_padded(x, 1, 2), 3, 0),
    "concat_of_parts": b.concat(
        [b.slice(x, (0, 0), (4, 2)), b.concat([b.slice(x, (0, 2), (4, 3)), y], 1)], 1
    ),
    "transpose_of_broadcast": b.transpose(b.broadcast(v, (4, 6, 5), (1,)), (2, 1, 0)),
    "transpose_of_unit_axes": b.transpose(b.reshape(x, (4, 1, 6)), (1, 0, 2)),
    "gather_in_steps": b.gather(x, b.const([5, 3, 1], dtypes.int32), axis=1),
    "gather_out_of_range_stays": b.gather(x, b.const([3, 4, 5], dtypes.int32)),
    "gather_of_gather": b.gather(b.gather(x, i), b.const([3, 0, 1], dtypes.int32)),
    "gather_of_scatter": b.gather(b.scatter("set", x, places, y), places),
    "scatter_of_nothing": b.scatter(
        "add", x, b.const([], dtypes.int32), b.full((0, 6), 1.0, x.dtype)
    ),
    "pads_fill_each_other": b.add(
        b.add(zero_padded(x, 0, 12), zero_padded(y, 12, 0)), zero_padded(z, 6, 6)
    ),
    # products.py
    "one_hot_product": b.matmul(one_hot(i, 8), w),
    "one_hot_product_gradient": b.matmul(one_hot(i, 8), x, trans_a=True),
    "product_of_column_and_row": b.matmul(b.reshape(v, (6, 1)), b.reshape(v, (1, 6))),
    "sign_leaves_matmul": b.matmul(b.neg(x), t),
    "factor_leaves_matmul": b.matmul(b.mul(x, 3.0), t),
    "batches_share_matrix": b.matmul(batch, w),
    "sum_of_product_is_matmul": b.reduce(
        "sum",
        b.mul(b.broadcast(left, (5, 8, 7), (0, 1)), b.broadcast(right, (5, 8, 7), (1, 2))),
        [1],
    ),
    # reductions.py
    "product_of_broadcast": b.reduce("prod", b.broadcast_to(v, (4, 6)), [0]),
    "reduction_of_everything": b.reduce("sum", b.transpose(x, (1, 0)), [0, 1]),
    "reduction_of_unit_reshape": b.reduce("max", b.reduce("max", x, [1], True), [0, 1]),
    "sum_of_pad": b.reduce("sum", zero_padded(x, 3, 2), [1]),
}
