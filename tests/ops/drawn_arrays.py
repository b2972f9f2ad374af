"""Arrays that Hypothesis draws: any shape, element type and layout, special values in them."""

from __future__ import annotations

import ml_dtypes
import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

FLOATS = ("float32", "float64")
HALVES = ("float16", ml_dtypes.bfloat16)
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
SIGNED = INTEGERS[:4]

shapes = npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=9)
long_shapes = st.one_of(shapes, st.tuples(st.integers(16, 70)))


def special(dtype):
    """Zeros of both signs, infinities, nan, subnormals and the extremes of a floating type."""
    limits = ml_dtypes.finfo(dtype)
    found = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 0.5, limits.max, limits.min,
             limits.tiny, -limits.tiny, limits.smallest_subnormal, limits.eps]  # fmt: skip
    return [float(v) for v in found]


def elements(dtype, low=None, high=None):
    """Values of a type; special ones too where no bounds are given."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return st.booleans()
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        bounds = [limits.min if low is None else low, limits.max if high is None else high]
        edges = [v for v in (*bounds, 0, 1, 2) if bounds[0] <= v <= bounds[1]]
        return st.one_of(st.sampled_from(edges), st.integers(*bounds))
    plain = st.floats(-10 if low is None else low, 10 if high is None else high)
    return plain if low is not None else st.one_of(plain, st.sampled_from(special(dtype)))


@st.composite
def arrays(draw, dtype, shape=shapes, low=None, high=None):
    """An array in some layout: of every second element, reversed, transposed or plain.

    A few drawn values are spread over it by a drawn number, so that what shrinks stays small.
    """
    shape = shape if isinstance(shape, tuple) else draw(shape)
    order = draw(st.permutations(range(len(shape))))
    steps = [draw(st.sampled_from((1, 1, 2, -1, -2))) for _ in shape]
    base = [0] * len(shape)
    for place, axis in enumerate(order):
        base[place] = shape[axis] * abs(steps[axis])
    values = draw(st.lists(elements(dtype, low, high), min_size=1, max_size=12))
    random = np.random.default_rng(draw(st.integers(0, 1000)))
    with np.errstate(all="ignore"):
        pool = np.array(values).astype(dtype)
    whole = random.choice(pool, tuple(base))
    whole = np.asarray(whole, dtype).transpose(np.argsort(order))
    found = whole[tuple(slice(None, None, s) for s in steps)]
    assert found.shape == shape
    return found


@st.composite
def broadcasts(draw, shape):
    """A shape that broadcasts to `shape`."""
    found = [draw(st.sampled_from((d, d, 1))) for d in shape]
    return tuple(found[draw(st.integers(0, len(found))) :])


def assert_same(found, wanted, rtol=0.0, atol=0.0, signs=True):
    """Compare values with nan, infinities and the signs of zeros."""
    found, wanted = np.asarray(found), np.asarray(wanted)
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
    if found.dtype.kind in "iub":
        np.testing.assert_array_equal(found, wanted)
        return
    limits = ml_dtypes.finfo(found.dtype)
    x, y = found.astype(np.float64), wanted.astype(np.float64)
    with np.errstate(all="ignore"):
        near = np.abs(x - y) <= rtol * np.abs(y) + atol + 2 * float(limits.smallest_subnormal) * (
            rtol > 0
        )
        edge = (np.isinf(x) ^ np.isinf(y)) & (rtol > 0)  # one rounding to the largest value
        edge &= np.maximum(np.abs(np.nan_to_num(x)), np.abs(np.nan_to_num(y))) >= float(limits.max)
        edge &= np.minimum(np.abs(x), np.abs(y)) >= float(limits.max) * (1 - 2 * rtol)
    same = (x == y) | (np.isnan(x) & np.isnan(y)) | (np.isfinite(y) & near) | edge
    if signs:
        same &= ~((x == 0) & (y == 0) & (np.signbit(x) != np.signbit(y)))
    assert same.all(), f"expected {wanted[~same]}, got {found[~same]}"
