"""Gradients over drawn shapes: against differences, twice, and forward mode against reverse."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_arrays import broadcasts
from gradcheck import check_gradient
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import graphflow as tf
from graphflow.gradients.reverse import jvp
from graphflow.graph.graph import Graph

SLOW = settings.get_profile("slow")
shapes = npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
full_shapes = npst.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4)

# name, and bounds between which it is smooth
UNARY = {
    "negative": (-3, 3), "square": (-3, 3), "sqrt": (0.2, 5), "rsqrt": (0.2, 5),
    "reciprocal": (0.3, 5), "exp": (-3, 3), "expm1": (-3, 3), "log": (0.2, 5),
    "log1p": (-0.5, 5), "sigmoid": (-5, 5), "log_sigmoid": (-5, 5), "nn.softplus": (-5, 5),
    "tanh": (-3, 3), "sin": (-6, 6), "cos": (-6, 6), "tan": (-1, 1), "asin": (-0.9, 0.9),
    "acos": (-0.9, 0.9), "atan": (-3, 3), "sinh": (-3, 3), "cosh": (-3, 3), "asinh": (-3, 3),
    "acosh": (1.3, 5), "atanh": (-0.8, 0.8), "erf": (-3, 3), "erfc": (-3, 3),
    "lgamma": (0.4, 6), "nn.elu": (0.1, 3), "nn.selu": (0.1, 3), "nn.swish": (-3, 3),
    "abs": (0.1, 3), "nn.relu": (0.1, 3), "nn.softsign": (0.1, 3),
}  # fmt: skip
BINARY = ("add", "subtract", "multiply", "divide", "pow", "squared_difference", "atan2",
          "div_no_nan", "maximum", "minimum")  # fmt: skip
REDUCTIONS = ("reduce_sum", "reduce_mean", "reduce_prod", "reduce_max", "reduce_min",
              "reduce_logsumexp", "math.reduce_variance", "math.reduce_euclidean_norm")  # fmt: skip


def named(name):
    found = tf
    for part in name.split("."):
        found = getattr(found, part)
    return found


@st.composite
def values(draw, shape, low, high):
    """Values within bounds, no two of them close: a maximum keeps its place nearby."""
    size = int(np.prod(shape, dtype=int))
    random = np.random.default_rng(draw(st.integers(0, 99)))
    return np.linspace(low, high, size + 2)[1:-1][random.permutation(size)].reshape(shape)


@st.composite
def unary(draw):
    name = draw(st.sampled_from(sorted(UNARY)))
    return name, named(name), [draw(values(draw(shapes), *UNARY[name]))]


@st.composite
def binary(draw):
    name, shape = draw(st.sampled_from(BINARY)), draw(shapes)
    pair = [draw(values(shape, 1.6, 2.9)), draw(values(draw(broadcasts(shape)), 0.7, 1.5))]
    return name, named(name), pair


@st.composite
def reductions(draw):
    name, shape = draw(st.sampled_from(REDUCTIONS)), draw(full_shapes)
    axes = draw(st.lists(st.integers(0, len(shape) - 1), unique=True, min_size=1))
    keepdims, function = draw(st.booleans()), named(name)
    x = draw(values(shape, 0.3, 2))
    return name, lambda t: function(t, axes, keepdims=keepdims), [x]


@st.composite
def moves(draw):
    """Operations that move elements, cut, join and repeat them."""
    shape = draw(full_shapes)
    rank, x = len(shape), draw(values(shape, 0.3, 2))
    axis, count = draw(st.integers(0, rank - 1)), draw(st.integers(1, 3))
    order = draw(st.permutations(range(rank)))
    step = draw(st.sampled_from((1, 2, -1, -2)))
    places = draw(st.lists(st.integers(0, shape[axis] - 1), min_size=1, max_size=4))
    widths = [(draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in shape]
    index = (*[slice(None)] * axis, slice(None, None, step))
    cut = draw(st.integers(0, shape[axis]))
    found = {
        "transpose": lambda t: tf.transpose(t, order),
        "reshape": lambda t: tf.reshape(t, [-1]),
        "slice": lambda t: t[index],
        "concat": lambda t: tf.concat([t, t * t], axis),
        "stack": lambda t: tf.stack([t, t * t], axis),
        "tile": lambda t: tf.tile(t, [count] * rank),
        "pad": lambda t: tf.pad(t, widths),
        "symmetric": lambda t: tf.pad(t, [[0, 1]] * rank, "SYMMETRIC"),
        "gather": lambda t: tf.gather(t, places, axis=axis),
        "reverse": lambda t: tf.reverse(t, [axis]),
        "roll": lambda t: tf.roll(t, count, axis),
        "split": lambda t: tf.split(t, [cut, shape[axis] - cut], axis),
        "broadcast": lambda t: tf.broadcast_to(t, [count, *shape]),
        "cumsum": lambda t: tf.cumsum(t, axis, reverse=step < 0, exclusive=count > 1),
        "cumprod": lambda t: tf.cumprod(t, axis, reverse=step < 0, exclusive=count > 1),
        "softmax": lambda t: tf.nn.softmax(t, axis),
        "log_softmax": lambda t: tf.nn.log_softmax(t, axis),
        "l2_normalize": lambda t: tf.nn.l2_normalize(t, axis),
    }  # fmt: skip
    name = draw(st.sampled_from(sorted(found)))
    step_of = found[name]
    return name, lambda t: step_of(t * t), [x]


@st.composite
def products(draw):
    m, k, n = (draw(st.integers(0, 4)) for _ in range(3))
    batch = draw(st.lists(st.integers(1, 3), max_size=2))
    flags = draw(st.booleans()), draw(st.booleans())
    a = draw(values((*batch, *((k, m) if flags[0] else (m, k))), -1, 1))
    b = draw(values((*batch, *((n, k) if flags[1] else (k, n))), -1, 1))
    return "matmul", lambda x, y: tf.matmul(x, y, *flags), [a, b]


@st.composite
def convolutions(draw):
    size, taps = (
        draw(st.tuples(*[st.integers(1, 5)] * 2)),
        draw(st.tuples(*[st.integers(1, 3)] * 2)),
    )
    channels, filters, stride = (draw(st.integers(1, 3)) for _ in range(3))
    padding = "SAME" if draw(st.booleans()) or any(map(int.__lt__, size, taps)) else "VALID"
    x = draw(values((2, *size, channels), -1, 1))
    kernel = draw(values((*taps, channels, filters), -1, 1))
    return "conv2d", lambda a, b: tf.nn.conv2d(a, b, [1, stride, stride, 1], padding), [x, kernel]


cases = st.one_of(unary(), binary(), reductions(), moves(), products(), convolutions())


def check_differences(case):
    name, function, arrays = case
    order = 1 if name in ("maximum", "minimum") else 2
    check_gradient(function, *arrays, order=order, tolerance=1e-7)


def check_forward(case, seed):
    """``v . J u`` by forward mode and by reverse mode."""
    _, function, arrays = case
    random = np.random.default_rng(seed)
    us = [random.standard_normal(a.shape) for a in arrays]
    with Graph().as_default(), tf.Session() as session:
        xs = [tf.placeholder(a.dtype, a.shape) for a in arrays]
        ys = function(*xs)
        ys = list(ys) if isinstance(ys, (list, tuple)) else [ys]
        vs = [tf.constant(random.standard_normal(y.shape.as_list())) for y in ys]
        forward = jvp(ys, xs, [tf.constant(u) for u in us])
        reverse = tf.gradients(ys, xs, grad_ys=vs)
        feed = dict(zip(xs, arrays, strict=True))
        left = sum(np.sum(a * b) for a, b in zip(*session.run([forward, vs], feed), strict=True))
        right = sum(np.sum(a * b) for a, b in zip(session.run(reverse, feed), us, strict=True))
    np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-9)


@settings(max_examples=15)
@given(cases)
def test_differences(case):
    check_differences(case)


@settings(max_examples=8)
@given(cases, st.integers(0, 99))
def test_forward_mode_is_the_transpose_of_reverse(case, seed):
    check_forward(case, seed)


@pytest.mark.slow
@SLOW
@given(cases, st.integers(0, 99))
def test_many_more(case, seed):
    check_differences(case)
    check_forward(case, seed)
