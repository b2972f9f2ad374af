"""Symbolic sizes: arithmetic, order, typical sizes."""

from __future__ import annotations

import pytest

from graphflow.ir.dims import SymDim, UndecidableDim, dims_equal, typical

n, m = SymDim.symbol("n"), SymDim.symbol("m", 128)


def test_arithmetic_is_exact() -> None:
    assert (n + 1) * (n - 1) == n * n - 1
    assert n * 6 // 3 == 2 * n
    assert n * m // n == m
    assert n - n == 0
    assert (2 * n) % 2 == 0
    with pytest.raises(UndecidableDim):
        n // 2
    with pytest.raises(TypeError):
        n * 0.5


@pytest.mark.parametrize(
    ("decide", "expected"),
    [
        (lambda: n >= 2, True), (lambda: n > 1, True), (lambda: n < 2, False),
        (lambda: n <= 1, False), (lambda: n + 3 > n, True),
        (lambda: n <= n, True), (lambda: n < n, False), (lambda: 1 < n, True),
        (lambda: max(n, 2), n), (lambda: -n < 0, True),
    ],
)  # fmt: skip
def test_order_that_holds_for_all_sizes_from_two(decide, expected) -> None:
    assert decide() == expected


@pytest.mark.parametrize(
    "decide",
    [
        lambda: n > 2, lambda: n <= 2, lambda: n < m, lambda: n - 2 > 0, lambda: 2 * n > m,
        lambda: min(n, 3), lambda: dims_equal(n, 7), lambda: dims_equal(n, m), lambda: range(n),
    ],
)  # fmt: skip
def test_what_depends_on_the_size_is_undecidable(decide) -> None:
    with pytest.raises(UndecidableDim):
        decide()


def test_a_size_of_which_nothing_is_known() -> None:
    unknown = SymDim.symbol("?1")
    assert unknown >= 0
    with pytest.raises(UndecidableDim):
        unknown >= 1  # noqa: B015  it raises


def test_typical_sizes() -> None:
    assert str(m) == "m~128"
    assert typical(m) == 128
    assert typical(2 * m + 3) == 259
    assert typical(17) == 17
    assert typical(n) == 64
