"""Operations on drawn arrays against NumPy: pointwise ones, reductions, and moving of elements."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special
from drawn_arrays import (
    FLOATS,
    HALVES,
    INTEGERS,
    SIGNED,
    arrays,
    assert_same,
    broadcasts,
    long_shapes,
    shapes,
)
from hypothesis import given, note, settings
from hypothesis import strategies as st

import graphflow as tf
from graphflow.graph.dtypes import as_dtype
from graphflow.graph.graph import Graph
from graphflow.ir.prims.pointwise import cast_array

SLOW = settings.get_profile("slow")
RTOL = {"float32": 5e-7, "float64": 3e-15, "float16": 1e-3, "bfloat16": 8e-3}

UNARY = {
    "negative": np.negative, "abs": np.abs, "square": np.square, "sqrt": np.sqrt,
    "rsqrt": lambda x: 1 / np.sqrt(x), "reciprocal": lambda x: 1 / x, "exp": np.exp,
    "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "sigmoid": scipy.special.expit,
    "tanh": np.tanh, "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin,
    "acos": np.arccos, "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh,
    "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh, "erf": scipy.special.erf,
    "erfc": scipy.special.erfc, "floor": np.floor, "ceil": np.ceil, "rint": np.rint,
    "sign": lambda x: np.sign(np.nan_to_num(x)), "is_nan": np.isnan,
    "is_inf": np.isinf, "is_finite": np.isfinite,
    "nn.relu": lambda x: np.where(x < 0, x.dtype.type(0), x),
    "nn.softplus": lambda x: np.logaddexp(x, 0),
    "nn.relu6": lambda x: np.where(x < 0, x.dtype.type(0), np.where(x > 6, x.dtype.type(6), x)),
    "nn.softsign": lambda x: x / (1 + np.abs(x)),
    "nn.elu": lambda x: np.where(x < 0, np.expm1(x), x), "round": np.rint,
    "log_sigmoid": scipy.special.log_expit,
    "lgamma": lambda x: scipy.special.gammaln(np.where(np.isinf(x), np.abs(x), x)),
}  # fmt: skip
# Where a function is steep, its value in float64 is known to a few units in the last place only.
LOOSE = {"tan": 1e-14, "lgamma": 1e-13, "erfc": 1e-13, "acosh": 1e-14, "atanh": 1e-14,
         "asinh": 1e-14, "sinh": 1e-14, "cosh": 1e-14, "sin": 1e-14, "cos": 1e-14}  # fmt: skip
BINARY = {
    "add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide,
    "maximum": lambda x, y: np.where(x < y, y, x), "minimum": lambda x, y: np.where(y < x, y, x),
    "atan2": np.arctan2, "truncatemod": np.fmod,
    "floordiv": lambda x, y: np.floor(x / y), "pow": np.power,
    "squared_difference": lambda x, y: (x - y) * (x - y),
    "div_no_nan": lambda x, y: np.where(y == 0, np.zeros_like(x * y), x / y),
}  # fmt: skip
COMPARISONS = {
    "less": np.less, "less_equal": np.less_equal, "greater": np.greater,
    "greater_equal": np.greater_equal, "equal": np.equal, "not_equal": np.not_equal,
}  # fmt: skip
WHOLE = {
    "add": np.add, "subtract": np.subtract, "multiply": np.multiply, "maximum": np.maximum,
    "minimum": np.minimum, "bitwise.bitwise_and": np.bitwise_and,
    "bitwise.bitwise_or": np.bitwise_or, "bitwise.bitwise_xor": np.bitwise_xor,
    "bitwise.left_shift": lambda x, y: np.left_shift(x, bits(y)),
    "bitwise.right_shift": lambda x, y: np.right_shift(x, bits(y)),
    "floordiv": np.floor_divide, "floormod": np.mod, "truncatemod": np.fmod,
}  # fmt: skip
WIDE_ONLY = ("floormod", "truncatemod", "maximum", "minimum")  # as in TensorFlow
DIVISIONS = ("floordiv", "floormod", "truncatemod")
LOGIC = {
    "logical_and": np.logical_and, "logical_or": np.logical_or, "logical_xor": np.logical_xor,
}  # fmt: skip


def bits(y):
    """Shift counts that are smaller than the type."""
    return np.abs(y.astype(np.int64) % (8 * y.dtype.itemsize)).astype(y.dtype)


def named(name):
    found = tf
    for part in name.split("."):
        found = getattr(found, part)
    return found


def run(function, *values):
    """The results of a function of tensors on fed arrays, whose shapes the graph knows."""
    with Graph().as_default(), tf.Session() as session:
        xs = [tf.placeholder(v.dtype, v.shape) for v in values]
        return session.run(function(*xs), dict(zip(xs, values, strict=True)))


def wide(x):
    return x.astype(np.float32 if x.dtype.itemsize == 2 else np.float64)


def by_wider(function, *values):
    """A reference of floats, computed in a wider type and rounded once."""
    with np.errstate(all="ignore"):
        found = np.asarray(function(*map(wide, values)))
        return found if found.dtype == bool else found.astype(values[0].dtype)


def check_unary(data):
    name = data.draw(st.sampled_from(sorted(UNARY)), "operation")
    x = data.draw(arrays(data.draw(st.sampled_from((*FLOATS, *HALVES)), "type"), long_shapes), "x")
    found = run(named(name), x)
    rtol = RTOL[x.dtype.name]
    if x.dtype == np.float64:
        rtol = max(rtol, LOOSE.get(name, 0.0))
    signs = name != "sign"
    assert_same(found, by_wider(UNARY[name], x), rtol, signs=signs)


def check_binary(data):
    name = data.draw(st.sampled_from(sorted(BINARY | COMPARISONS)), "operation")
    dtype = data.draw(st.sampled_from(FLOATS), "type")
    x = data.draw(arrays(dtype), "x")
    y = data.draw(arrays(dtype, broadcasts(x.shape)), "y")
    if data.draw(st.booleans(), "turned"):
        x, y = y, x
    function = (BINARY | COMPARISONS)[name]
    exact = name not in ("pow", "atan2")
    with np.errstate(all="ignore"):
        wanted = np.asarray(function(x, y)) if exact else by_wider(function, x, y)
    rtol = 0.0 if exact else RTOL[dtype]
    assert_same(run(named(name), x, y), wanted, rtol)


def check_whole(data):
    name = data.draw(st.sampled_from(sorted(WHOLE | COMPARISONS)), "operation")
    dtype = data.draw(st.sampled_from(("int32", "int64", "int8", "uint8", "int16")), "type")
    if name in WIDE_ONLY and dtype not in ("int32", "int64"):
        dtype = "int32"
    x = data.draw(arrays(dtype), "x")
    y = data.draw(arrays(dtype, broadcasts(x.shape)), "y")
    if name.endswith("shift"):
        y = bits(y)
    if name in DIVISIONS:
        y = np.where(y == 0, np.ones_like(y), y)
    with np.errstate(all="ignore"):
        wanted = (WHOLE | COMPARISONS)[name](x, y)
    assert_same(run(named(name), x, y), wanted)


def check_cast(data):
    kinds = (*FLOATS, *HALVES, *INTEGERS, "bool")
    source, target = (data.draw(st.sampled_from(kinds), "type") for _ in range(2))
    x = data.draw(arrays(source), "x")
    target = as_dtype(np.dtype(target))
    assert_same(run(lambda t: tf.cast(t, target), x), cast_array(x, target))


@settings(max_examples=30)
@given(st.data())
def test_functions_of_floats(data):
    check_unary(data)


@settings(max_examples=20)
@given(st.data())
def test_functions_of_two_floats(data):
    check_binary(data)


@settings(max_examples=20)
@given(st.data())
def test_functions_of_integers(data):
    check_whole(data)


@settings(max_examples=15)
@given(st.data())
def test_casts(data):
    check_cast(data)


@settings(max_examples=5)
@given(st.data(), st.sampled_from(sorted(LOGIC)))
def test_logic(data, name):
    x = data.draw(arrays("bool"))
    y = data.draw(arrays("bool", broadcasts(x.shape)))
    assert_same(run(named(name), x, y), LOGIC[name](x, y))
    assert_same(run(tf.logical_not, x), ~x)


def extreme(function, start, x, **options):
    """The extreme of what is no nan, as TensorFlow's; of one element each, that element."""
    found = function.reduce(x, initial=start, **options)
    return x.reshape(found.shape) if found.size == x.size else found


REDUCTIONS = {
    "reduce_sum": np.sum, "reduce_prod": np.prod, "reduce_mean": np.mean,
    "reduce_max": lambda x, **k: extreme(np.fmax, bound(x, "min"), x, **k),
    "reduce_min": lambda x, **k: extreme(np.fmin, bound(x, "max"), x, **k),
    "reduce_logsumexp": lambda x, **k: logsumexp(x, **k),
}  # fmt: skip


def bound(x, which):
    if x.dtype.kind == "f":
        return -np.inf if which == "min" else np.inf
    return getattr(np.iinfo(x.dtype), which)


def logsumexp(x, axis, keepdims):
    most = np.max(x, axis=axis, keepdims=True, initial=-10)
    found = np.log(np.sum(np.exp(x - most), axis=axis, keepdims=True)) + most
    return found if keepdims else found.squeeze(axis)


@st.composite
def axes_of(draw, rank):
    """All axes, or some of them, counted from either end."""
    if draw(st.booleans()):
        return None
    chosen = draw(st.lists(st.sampled_from(range(max(rank, 1))), unique=True)) if rank else []
    return tuple(a - rank * draw(st.integers(0, 1)) for a in chosen)


def check_reduction(data):
    name = data.draw(st.sampled_from(sorted(REDUCTIONS)), "operation")
    kinds = FLOATS if name in ("reduce_mean", "reduce_logsumexp") else (*FLOATS, "int32", "int64")
    dtype = data.draw(st.sampled_from(kinds), "type")
    bounds = {} if name in ("reduce_max", "reduce_min") else {"low": -9, "high": 9}
    x = data.draw(arrays(dtype, long_shapes, **bounds), "x")
    axes, keepdims = data.draw(axes_of(x.ndim), "axes"), data.draw(st.booleans(), "keepdims")
    found = run(lambda t: named(name)(t, axes, keepdims=keepdims), x)
    wider = wide(x) if x.dtype.kind == "f" else x
    with np.errstate(all="ignore"):
        if name == "reduce_mean":
            total = np.sum(wider, axis=axes, keepdims=keepdims)
            wanted = total / np.float64(x.size // max(total.size, 1))
        else:
            wanted = REDUCTIONS[name](wider, axis=axes, keepdims=keepdims)
        scale = 1 + float(np.abs(wider).sum()) if x.dtype.kind == "f" and bounds else 0.0
        wanted = np.asarray(wanted).astype(x.dtype)
    rtol = {"float32": 2e-5, "float64": 1e-13}.get(dtype, 0.0) if bounds else 0.0
    assert_same(found, wanted, rtol, rtol * scale, signs=False)


@settings(max_examples=20)
@given(st.data())
def test_reductions(data):
    check_reduction(data)


@settings(max_examples=12)
@given(st.data(), st.sampled_from(("argmax", "argmin", "cumsum", "cumprod")))
def test_along_an_axis(data, name):
    dtype = data.draw(st.sampled_from((*FLOATS, "int32", "uint8")))
    bounds = {} if name.startswith("arg") else {"low": 0, "high": 3}
    x = data.draw(arrays(dtype, shapes.filter(lambda s: len(s) > 0), **bounds))
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    if name.startswith("arg"):
        if x.shape[axis] == 0 or np.isnan(x).any():
            return
        assert_same(run(lambda t: named(name)(t, axis), x), getattr(np, name)(x, axis))
        return
    found = run(lambda t: named(name)(t, axis), x)
    wanted = getattr(np, name)(x, axis, dtype=x.dtype)
    assert_same(found, wanted, 1e-5 if x.dtype.kind == "f" else 0.0, 1e-5)


# ---- operations that move elements: what comes out is bit for bit what went in

moved = st.sampled_from((*FLOATS, *HALVES, *SIGNED, "uint8", "bool", "complex64"))


def band(x, low, high):
    row, column = np.indices(x.shape[-2:])
    kept = ((low < 0) | (row - column <= low)) & ((high < 0) | (column - row <= high))
    return np.where(kept, x, np.zeros_like(x))


@st.composite
def movements(draw, shape):
    """A name, the operation, and its NumPy reference for arrays of a shape."""
    rank = len(shape)
    kinds = ["reshape", "transpose", "slice", "concat", "stack", "tile", "pad", "reverse",
             "expand_dims", "broadcast", "roll", "gather", "split", "where", "unstack", "squeeze",
             "gather_nd", "mask", "band", "ellipsis"]  # fmt: skip
    kind = draw(st.sampled_from(kinds if rank else ["reshape", "expand_dims", "stack", "where"]))
    axis = draw(st.integers(-rank, rank - 1)) if rank else 0
    if kind == "reshape":
        flat = draw(st.permutations([*shape, 1]))
        return kind, lambda x: tf.reshape(x, flat), lambda x: x.reshape(flat)
    if kind == "transpose":
        order = draw(st.permutations(range(rank)))
        return kind, lambda x: tf.transpose(x, order), lambda x: x.transpose(order)
    if kind == "slice":
        ends = st.one_of(st.none(), st.integers(-11, 11))
        steps = st.sampled_from((None, 1, 2, -1, -2))
        one = [slice(draw(ends), draw(ends), draw(steps)) for _ in shape]
        index = tuple(one[: draw(st.integers(0, rank))])
        return kind, lambda x: x[index], lambda x: x[index]
    if kind == "concat":
        return (
            kind,
            lambda x: tf.concat([x, x[:1], x], 0),
            lambda x: np.concatenate([x, x[:1], x], 0),
        )
    if kind == "stack":
        place = draw(st.integers(0, rank))
        return kind, lambda x: tf.stack([x, x], place), lambda x: np.stack([x, x], place)
    if kind == "tile":
        counts = [draw(st.integers(0, 3)) for _ in shape]
        return kind, lambda x: tf.tile(x, counts), lambda x: np.tile(x, counts)
    if kind == "pad":
        most = min(shape) - 1
        mode = draw(st.sampled_from(("CONSTANT", "REFLECT", "SYMMETRIC") if most > 0 else
                                    ("CONSTANT",)))  # fmt: skip
        top = 3 if mode == "CONSTANT" else most
        widths = [(draw(st.integers(0, top)), draw(st.integers(0, top))) for _ in shape]
        return kind, lambda x: tf.pad(x, widths, mode), lambda x: np.pad(x, widths, mode.lower())
    if kind == "reverse":
        return kind, lambda x: tf.reverse(x, [axis]), lambda x: np.flip(x, axis)
    if kind == "expand_dims":
        place = draw(st.integers(0, rank))
        return kind, lambda x: tf.expand_dims(x, place), lambda x: np.expand_dims(x, place)
    if kind == "broadcast":
        wider = (draw(st.integers(0, 3)), *shape)
        return kind, lambda x: tf.broadcast_to(x, wider), lambda x: np.broadcast_to(x, wider)
    if kind == "roll":
        shift = draw(st.integers(-12, 12))
        return kind, lambda x: tf.roll(x, shift, axis), lambda x: np.roll(x, shift, axis)
    if kind == "gather":
        places = draw(st.lists(st.integers(0, max(shape[axis] - 1, 0)), max_size=5))
        places = np.array(places if shape[axis] else [], np.int32)
        return kind, lambda x: tf.gather(x, places, axis=axis), lambda x: np.take(x, places, axis)
    if kind == "squeeze":
        ones = tuple(k for k, d in enumerate(shape) if d == 1)
        return kind, lambda x: tf.squeeze(x), lambda x: x.squeeze(ones)
    if kind == "gather_nd" and 0 not in shape:
        count = draw(st.integers(0, 4))
        depth = draw(st.integers(1, rank))
        at = [[draw(st.integers(0, d - 1)) for d in shape[:depth]] for _ in range(count)]
        at = np.array(at, np.int32).reshape(count, depth)
        return kind, lambda x: tf.gather_nd(x, at), lambda x: x[tuple(at.T)]
    if kind == "mask":
        keep = np.array([draw(st.booleans()) for _ in range(shape[0])], bool)
        return kind, lambda x: tf.boolean_mask(x, keep), lambda x: x[keep]
    if kind == "band" and rank >= 2:
        low, high = draw(st.integers(-1, 4)), draw(st.integers(-1, 4))
        return kind, lambda x: tf.matrix_band_part(x, low, high), lambda x: band(x, low, high)
    if kind == "ellipsis":
        return kind, lambda x: x[..., None, ::-1], lambda x: x[..., None, ::-1]
    if kind == "split":
        cut = draw(st.integers(0, shape[axis]))
        sizes = [cut, shape[axis] - cut]
        return kind, lambda x: tf.split(x, sizes, axis)[1], lambda x: np.split(x, [cut], axis)[1]
    if kind == "unstack" and shape[axis]:
        return kind, lambda x: tf.unstack(x, axis=axis)[-1], lambda x: np.take(x, -1, axis)
    return (
        "where",
        lambda x: tf.where(tf.equal(x, x), x, tf.zeros_like(x)),
        lambda x: np.where(x == x, x, np.zeros_like(x)),
    )


def check_movement(data):
    dtype = data.draw(moved, "type")
    x = data.draw(arrays(dtype, **({"low": -9, "high": 9} if dtype == "complex64" else {})), "x")
    steps = []
    here = x
    for _ in range(data.draw(st.integers(1, 3), "steps")):
        name, step, reference = data.draw(movements(here.shape))
        note(name)
        steps.append(step)
        here = reference(here)
        if here.ndim > 5:
            break

    def function(t):
        for step in steps:
            t = step(t)
        return tf.identity(t)

    found = run(function, x)
    assert (found.dtype, found.shape) == (here.dtype, here.shape)
    exact = found.dtype.kind in "iubc"
    if exact:
        np.testing.assert_array_equal(found, here)
    else:
        assert_same(found, here)


@settings(max_examples=40)
@given(st.data())
def test_movements(data):
    check_movement(data)


@pytest.mark.slow
@pytest.mark.parametrize(
    "check",
    [check_unary, check_binary, check_whole, check_cast, check_reduction, check_movement],
)
def test_many_more(check):
    SLOW(given(st.data())(check))()
