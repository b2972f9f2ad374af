"""Reductions, sorting and what runs along an axis."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import graphflow as gf
from graphflow.theano.tensor import elementwise as el
from graphflow.theano.tensor.var import TensorVariable, apply, as_tensor_variable


def _axes(axis: Any) -> Any:
    if axis is None:
        return None
    if isinstance(axis, (list, tuple, np.ndarray)):
        return [int(a) for a in axis]
    return int(getattr(axis, "data", axis))


def _accumulated(dtype: str) -> str:
    """The type in which Theano sums elements of type `dtype`."""
    kind = np.dtype(dtype).kind
    if kind == "u":
        return "uint64"
    return "int64" if kind in "bi" else dtype


def _reduction(
    name: str, build: Callable[..., Any], result: Callable[[str], str]
) -> Callable[..., TensorVariable]:
    def function(
        input: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False,
        acc_dtype: Any = None, **ignored: Any,
    ) -> TensorVariable:  # fmt: skip
        value = as_tensor_variable(input)
        if isinstance(dtype, bool):
            dtype, keepdims = None, dtype
        value = el.cast(value, dtype or result(value.dtype))
        axes = _axes(axis)
        return apply(name, lambda t: build(t, axis=axes, keepdims=keepdims), value)

    function.__name__, function.__doc__ = name.lower(), f"Return the {name} along axes."
    return function


def _same(dtype: str) -> str:
    return dtype


def _boolean(dtype: str) -> str:
    return "bool"


sum = _reduction("Sum", gf.reduce_sum, _accumulated)
prod = _reduction("Prod", gf.reduce_prod, _accumulated)
any = _reduction("Any", gf.reduce_any, _boolean)
all = _reduction("All", gf.reduce_all, _boolean)


def _extreme(name: str, build: Callable[..., Any]) -> Callable[..., TensorVariable]:
    """Theano's: nan if an element is, and every one of equal extremes gets the whole gradient."""

    def function(x: Any, axis: Any = None, keepdims: bool = False) -> TensorVariable:
        axes = _axes(axis)

        @gf.custom_gradient
        def compute(t: Any) -> Any:
            kept = build(t, axis=axes, keepdims=True)
            if t.dtype.is_floating:
                some = gf.reduce_any(gf.is_nan(t), axis=axes, keepdims=True)
                kept = gf.where_v2(some, gf.constant(math.nan, t.dtype.base_dtype), kept)
            result = kept if keepdims else build(kept, axis=axes)  # over axes of one element

            def gradient(g: Any) -> Any:
                chosen = gf.cast(gf.equal(t, kept), g.dtype)
                return chosen * gf.reshape(g, gf.shape(kept))

            return result, gradient

        return apply(name, compute, x)

    function.__name__, function.__doc__ = name, f"Return the {name}imum along axes."
    return function


max = _extreme("max", gf.reduce_max)
min = _extreme("min", gf.reduce_min)


def _place(name: str, build: Callable[..., Any]) -> Callable[..., TensorVariable]:
    def function(x: Any, axis: Any = None, keepdims: bool = False) -> TensorVariable:
        place = _axes(axis)
        place = place[0] if isinstance(place, list) and len(place) == 1 else place

        def compute(t: Any) -> Any:
            flat = gf.reshape(t, [-1]) if place is None else t
            along = 0 if place is None else place
            made = build(flat, along, output_type=gf.int64)
            if t.dtype.is_floating:  # the first nan is before all
                bad = gf.is_nan(flat)
                first = gf.argmax(gf.cast(bad, gf.int8), along, output_type=gf.int64)
                made = gf.where(gf.reduce_any(bad, axis=along), first, made)
            if not keepdims:
                return made
            if place is None:
                return gf.reshape(made, [1] * t.shape.ndims)
            return gf.expand_dims(made, place)

        return apply(name, compute, x)

    function.__name__ = name
    function.__doc__ = f"Return the first place of the {name[3:]}imum along an axis."
    return function


argmax = _place("argmax", gf.argmax)
argmin = _place("argmin", gf.argmin)


def max_and_argmax(x: Any, axis: Any = None, keepdims: bool = False) -> list[TensorVariable]:
    """Return the maximum along an axis and its place."""
    return [max(x, axis, keepdims), argmax(x, axis, keepdims)]


def mean(
    input: Any, axis: Any = None, dtype: Any = None, op: bool = False, keepdims: bool = False,
    acc_dtype: Any = None,
) -> TensorVariable:  # fmt: skip
    """Return the mean along axes; of integers in float64."""
    value = as_tensor_variable(input)
    wanted = dtype or (value.dtype if np.dtype(value.dtype).kind in "fc" else "float64")
    axes = _axes(axis)
    return apply(
        "mean", lambda t: gf.reduce_mean(t, axis=axes, keepdims=keepdims), el.cast(value, wanted)
    )


def var(
    input: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False, corrected: bool = False
) -> TensorVariable:
    """Return the variance along axes, divided by the count less `ddof`."""
    value = as_tensor_variable(input)
    squares = el.sqr(el.sub(value, mean(value, axis, keepdims=True)))
    if ddof == 0:
        return mean(squares, axis, keepdims=keepdims)
    count = el.cast(
        el.sub(sum(el.add(el.mul(squares, 0), 1), axis, keepdims=keepdims), ddof), value.dtype
    )
    return el.true_div(sum(squares, axis, keepdims=keepdims), count)


def std(
    input: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False, corrected: bool = False
) -> TensorVariable:
    """Return the standard deviation along axes."""
    return el.sqrt(var(input, axis, ddof, keepdims))


def ptp(a: Any, axis: Any = None) -> TensorVariable:
    """Return the distance from the minimum to the maximum."""
    return el.sub(max(a, axis), min(a, axis))


def norm(x: Any, L: Any = 2, axis: Any = None, keepdims: bool = False) -> TensorVariable:
    """Return the norm of order `L` along axes."""
    if L == 2:
        return el.sqrt(sum(el.sqr(x), axis=axis, keepdims=keepdims))
    if L == 1:
        return sum(el.abs_(x), axis=axis, keepdims=keepdims)
    if L == np.inf:
        return max(el.abs_(x), axis=axis, keepdims=keepdims)
    return el.pow(sum(el.pow(el.abs_(x), L), axis=axis, keepdims=keepdims), 1.0 / L)


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> TensorVariable:
    """Return the logarithm of the sum of exponentials."""
    axes = _axes(axis)
    return apply("logsumexp", lambda t: gf.reduce_logsumexp(t, axis=axes, keepdims=keepdims), x)


def _along(name: str, build: Callable[..., Any]) -> Callable[..., TensorVariable]:
    def function(x: Any, axis: Any = None) -> TensorVariable:
        value = as_tensor_variable(x)
        value = el.cast(value, _accumulated(value.dtype))
        if axis is None:
            return apply(name, lambda t: build(gf.reshape(t, [-1]), 0), value)
        return apply(name, lambda t: build(t, axis), value)

    function.__name__, function.__doc__ = name, f"Return running results ({name}) along an axis."
    return function


cumsum = _along("cumsum", gf.cumsum)
cumprod = _along("cumprod", gf.cumprod)


def sort(a: Any, axis: Any = -1, kind: str = "quicksort", order: Any = None) -> TensorVariable:
    """Return `a` sorted along an axis; flat when that is None."""
    if axis is None:
        return apply("Sort", lambda t: gf.sort(gf.reshape(t, [-1])), a)
    return apply("Sort", lambda t: gf.sort(t, axis), a)


def argsort(a: Any, axis: Any = -1, kind: str = "quicksort", order: Any = None) -> TensorVariable:
    """Return the places that sort `a` along an axis."""

    def build(t: Any) -> Any:
        made = gf.argsort(gf.reshape(t, [-1])) if axis is None else gf.argsort(t, axis)
        return gf.cast(made, gf.int64)

    return apply("Argsort", build, a)
