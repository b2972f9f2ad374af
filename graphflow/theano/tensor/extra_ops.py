"""Further functions along axes: repeat, diff, bincount and the like."""

from __future__ import annotations

from typing import Any

import graphflow as gf
from graphflow.theano.tensor import elementwise as el
from graphflow.theano.tensor.creation import to_one_hot
from graphflow.theano.tensor.indexing import subtensor
from graphflow.theano.tensor.reducing import cumprod, cumsum
from graphflow.theano.tensor.shaping import squeeze
from graphflow.theano.tensor.var import TensorVariable, apply, as_tensor_variable

__all__ = [
    "bincount", "compress", "cumprod", "cumsum", "diff", "fill_diagonal", "repeat", "searchsorted",
    "squeeze", "to_one_hot",
]  # fmt: skip


def repeat(x: Any, repeats: Any, axis: Any = None) -> TensorVariable:
    """Return each element of `x` `repeats` times along an axis."""
    return apply("Repeat", lambda t, n: gf.repeat(t, n, axis=axis), x, el.cast(repeats, "int64"))


def diff(x: Any, n: int = 1, axis: int = -1) -> TensorVariable:
    """Return the differences of neighbours along an axis, `n` times over."""
    value = as_tensor_variable(x)
    before: list[Any] = [slice(None)] * value.ndim
    after: list[Any] = [slice(None)] * value.ndim
    before[axis], after[axis] = slice(None, -1), slice(1, None)
    for _ in range(n):
        value = el.sub(subtensor(value, tuple(after)), subtensor(value, tuple(before)))
    return value


def bincount(
    x: Any, weights: Any = None, minlength: Any = None, assert_nonneg: bool = False
) -> TensorVariable:
    """Return how often each number from 0 on occurs in `x`."""
    low = 0 if minlength is None else minlength

    def build(t: Any, least: Any, *given: Any) -> Any:
        places = gf.cast(t, gf.int64)
        size = gf.maximum(gf.reduce_max(places) + 1, gf.cast(least, gf.int64))
        parts = given[0] if given else gf.ones_like(places)
        return gf.unsorted_segment_sum(parts, places, size)

    return apply("Bincount", build, x, low, *([] if weights is None else [weights]))


def fill_diagonal(a: Any, val: Any) -> TensorVariable:
    """Return matrix `a` with `val` on its diagonal."""
    from graphflow.theano.tensor.creation import identity_like

    return el.switch(identity_like(a), val, a)


def compress(condition: Any, x: Any, axis: Any = None) -> TensorVariable:
    """Return the parts of `x` along an axis where `condition` holds."""
    from graphflow.theano.tensor.indexing import flatnonzero, take

    return take(x, flatnonzero(condition), axis)


def searchsorted(x: Any, v: Any, side: str = "left", sorter: Any = None) -> TensorVariable:
    """Return where elements of `v` would be put into sorted vector `x`."""
    value = as_tensor_variable(v)
    flat = value.flatten().dimshuffle(0, "x")
    before = (el.lt if side == "left" else el.le)(as_tensor_variable(x).dimshuffle("x", 0), flat)
    found = before.sum(axis=1)
    return found.reshape(value.shape, ndim=value.ndim) if value.ndim != 1 else found
