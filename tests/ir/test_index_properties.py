"""Index expressions: every simplification evaluates to what was simplified, at every point."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from graphflow.ir.dims import SymDim, UndecidableDim, evaluate
from graphflow.ir.index import (
    Axis,
    IndexExpr,
    axis_index,
    delinearize,
    floor_divide,
    linearize,
    remainder,
    reshape_index,
    substitute,
)
from graphflow.ir.index_values import index_range, index_values

N = SymDim.symbol("n")
SYMBOLS = {"n": 5}
sizes = st.integers(1, 7)
extents = st.one_of(sizes, st.just(N), st.just(N + 1), st.just(N * 2))
shapes = st.lists(extents, max_size=4).map(tuple)


def grid(axes):
    """The values of the axes, each along its own dimension."""
    counts = [evaluate(a.extent, SYMBOLS) for a in axes]
    places = np.meshgrid(*map(np.arange, counts), indexing="ij", sparse=True) if axes else []
    return dict(zip(axes, places, strict=True))


def at(index, axes):
    values = index_values(index, grid(axes), SYMBOLS)
    return np.broadcast_to(values, [evaluate(a.extent, SYMBOLS) for a in axes])


@st.composite
def indices(draw, dims=extents):
    """Axes, and a nonnegative index over them with quotients and remainders inside."""
    axes = [Axis(f"i{k}", draw(dims)) for k in range(draw(st.integers(1, 3)))]
    scales = st.one_of(st.integers(0, 6), dims)
    index = IndexExpr({}, draw(st.integers(0, 4)))
    for axis in axes:
        index = index + axis_index(axis) * draw(scales)
    for _ in range(draw(st.integers(0, 3))):
        step = draw(st.sampled_from((floor_divide, remainder)))
        index = step(index, draw(dims)) * draw(scales) + axis_index(draw(st.sampled_from(axes)))
    return axes, index


@given(indices(), extents)
def test_quotients_and_remainders(drawn, size):
    axes, index = drawn
    wanted, divisor = at(index, axes), evaluate(size, SYMBOLS)
    np.testing.assert_array_equal(at(floor_divide(index, size), axes), wanted // divisor)
    np.testing.assert_array_equal(at(remainder(index, size), axes), wanted % divisor)


@given(indices(), indices(), st.one_of(st.integers(-3, 3), st.just(N)))
def test_sums_and_multiples(first, second, factor):
    axes = [*first[0], *second[0]]
    total = (first[1] + second[1] + 3) * factor
    wanted = (at(first[1], axes) + at(second[1], axes) + 3) * evaluate(factor, SYMBOLS)
    np.testing.assert_array_equal(at(total, axes), wanted)


@given(indices(), indices())
def test_substitution(drawn, inner):
    axes, index = drawn
    rest = axes[1:]
    found = substitute(index, {axes[0]: inner[1]})
    points = grid([*rest, *inner[0]])
    values = {**points, axes[0]: index_values(inner[1], points, SYMBOLS)}
    wanted = index_values(index, values, SYMBOLS)
    np.testing.assert_array_equal(*np.broadcast_arrays(
        index_values(found, points, SYMBOLS), wanted
    ))  # fmt: skip


@given(shapes)
def test_an_index_comes_back_from_its_position(shape):
    axes = [Axis(f"i{k}", d) for k, d in enumerate(shape)]
    index = [axis_index(a) for a in axes]
    position = linearize(index, shape)
    count = math.prod(evaluate(d, SYMBOLS) for d in shape)
    np.testing.assert_array_equal(at(position, axes).ravel(), np.arange(count))
    for axis, found in zip(axes, delinearize(position, shape), strict=True):
        np.testing.assert_array_equal(at(found, axes), at(axis_index(axis), axes))


@given(shapes, st.data())
def test_reshapes_keep_the_position(shape, data):
    """Between shapes that have their factors in common, cut and joined in other places."""
    factors = [d for d in shape if d != 1]
    source, left = [], list(factors)
    while left:
        count = data.draw(st.integers(1, len(left)))
        source.append(math.prod(left[:count], start=1))
        left = left[count:]
        source += [1] * data.draw(st.integers(0, 1))
    axes = [Axis(f"i{k}", d) for k, d in enumerate(shape)]
    index = [axis_index(a) for a in axes]
    found = reshape_index(index, shape, tuple(source))
    position = linearize(found, tuple(source))
    np.testing.assert_array_equal(at(position, axes), at(linearize(index, shape), axes))
    for part, size in zip(found, source, strict=True):
        values = at(part, axes)
        assert values.min() >= 0
        assert values.max() < evaluate(size, SYMBOLS)


@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 5), st.data())
def test_reshapes_of_any_shapes_of_one_size(a, b, c, data):
    shape = data.draw(st.sampled_from([(a, b * c), (a * b, c), (a, b, c), (a * b * c,)]))
    source = data.draw(st.permutations([a, b, c]).map(tuple))
    axes = [Axis(f"i{k}", d) for k, d in enumerate(shape)]
    index = [axis_index(axis) for axis in axes]
    position = linearize(reshape_index(index, shape, source), source)
    np.testing.assert_array_equal(at(position, axes), at(linearize(index, shape), axes))


@given(indices())
def test_bounds_hold(drawn):
    axes, index = drawn
    values = at(index, axes)
    bound = index.upper_bound()
    assert bound is None or values.max() <= bound
    try:
        low, high = index_range(index)
    except UndecidableDim:
        return
    assert evaluate(low, SYMBOLS) <= values.min()
    assert values.max() <= evaluate(high, SYMBOLS)


@given(indices(sizes), st.integers(-3, 3))
def test_equal_expressions_are_equal(drawn, factor):
    _, index = drawn
    twice = index * factor + index
    assert twice == index * (factor + 1)
    assert hash(twice) == hash(index * (factor + 1))
    assert index + index * -1 == IndexExpr({})
