"""Small Programs, one for each rewrite rule, and cases in which a rule must not fire."""

from __future__ import annotations

from graphflow.graph import dtypes
from graphflow.ir.builder import Builder
from graphflow.ir.types import TensorType

b = Builder()


def inp(name, *shape, dtype=dtypes.float32):
    return b.input(name, "feed", TensorType(dtype, shape))


x, y = inp("x", 4, 6), inp("y", 4, 6)
v, s = inp("v", 6), inp("s")
n = inp("n", 4, 6, dtype=dtypes.int32)
t = inp("t", 6, 4)
p = inp("p", 4, 6, dtype=dtypes.bool_)


def softmax(z):
    e = b.exp(z)
    return b.div(e, b.reduce("sum", e, [1], True))


def shifted_softmax(z):
    return softmax(b.sub(z, b.reduce("max", z, [1], True)))


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
    "reduction_of_nothing": b.reduce("sum", b.reshape(x, (4, 1, 6)), [1]),
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
}
