"""Symbolic sizes are polynomials: what they say holds for all values of the symbols from 2 up."""

from __future__ import annotations

import operator

from hypothesis import given
from hypothesis import strategies as st

from graphflow.ir.dims import SymDim, UndecidableDim, dims_equal, evaluate, exact_quotient, typical

NAMES = ("n", "m~8", "k")
symbols = st.sampled_from(NAMES).map(SymDim.symbol)
dims = st.recursive(
    st.one_of(st.integers(-4, 9), symbols),
    lambda inner: st.builds(
        lambda f, a, b: f(a, b),
        st.sampled_from((operator.add, operator.sub, operator.mul)), inner, inner,
    ),
    max_leaves=6,
)  # fmt: skip
values = st.fixed_dictionaries({name: st.integers(2, 12) for name in NAMES})


@given(dims, dims, values)
def test_arithmetic_is_that_of_the_values(a, b, at):
    x, y = evaluate(a, at), evaluate(b, at)
    assert evaluate(a + b, at) == x + y
    assert evaluate(a - b, at) == x - y
    assert evaluate(a * b, at) == x * y


@given(dims, dims, dims)
def test_one_polynomial_has_one_form(a, b, c):
    assert (a + b) * c == a * c + b * c
    assert hash((a + b) * c) == hash(a * c + b * c)
    assert a * b == b * a
    assert a - b + b == a
    assert isinstance(a - a, int)


@given(dims, dims, values)
def test_what_is_decided_holds(a, b, at):
    x, y = evaluate(a, at), evaluate(b, at)
    for decide in (operator.lt, operator.le, operator.gt, operator.ge):
        try:
            found = decide(a, b)
        except UndecidableDim:
            continue
        assert found == decide(x, y), (decide, a, b)
    if a == b:
        assert x == y


@given(st.one_of(symbols, st.integers(0, 9)), symbols, values)
def test_equal_sizes(a, b, at):
    try:
        assert dims_equal(a, b) == (evaluate(a, at) == evaluate(b, at))
    except UndecidableDim:
        assert not isinstance(a, int) or a >= 2


@given(dims, dims, values)
def test_quotients_are_exact(a, b, at):
    x, y = evaluate(a, at), evaluate(b, at)
    quotient = exact_quotient(a, b)
    assert quotient is None or evaluate(quotient, at) * y == x
    if b != 0:
        assert exact_quotient(a * b, b) in (a, None)
    if isinstance(b, int) and b != 0 and isinstance(a, SymDim):
        try:
            assert (evaluate(a // b, at), a % b) == (x // y, 0)
        except UndecidableDim:
            assert quotient is None


@given(dims)
def test_a_typical_size_is_one_of_the_sizes(a):
    assert typical(a) == evaluate(a, {"n": 64, "m~8": 8, "k": 64})
