"""Shapes: reshape, flatten, dimshuffle, padding of patterns, tiling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import graphflow as gf
from graphflow.theano.tensor.var import (
    TensorConstant,
    TensorVariable,
    Variable,
    apply,
    as_tensor_variable,
)


def shape(x: Any) -> TensorVariable:
    """Return the sizes of the axes, a vector of int64."""
    return apply("Shape", lambda t: gf.shape(t, out_type=gf.int64), x)


class SizeVector:
    """Sizes as tensors need them: plain numbers where known, int64 tensors elsewhere."""

    def __init__(self, sizes: Any) -> None:
        self.whole: TensorVariable | None = None
        self.parts: list[Any] = []
        if isinstance(sizes, TensorConstant):
            sizes = sizes.data
        if isinstance(sizes, TensorVariable) and sizes.ndim == 1:
            self.whole = sizes
            return
        if not isinstance(sizes, (list, tuple, np.ndarray)):
            sizes = [sizes]
        for size in np.atleast_1d(sizes) if isinstance(sizes, np.ndarray) else sizes:
            if isinstance(size, TensorConstant):
                size = size.data
            self.parts.append(size if isinstance(size, Variable) else int(size))

    @property
    def inputs(self) -> list[TensorVariable]:
        """The variables among the sizes."""
        if self.whole is not None:
            return [self.whole]
        return [p for p in self.parts if isinstance(p, TensorVariable)]

    def tensor(self, tensors: Sequence[Any]) -> Any:
        """Return the sizes, given the tensors of `inputs`."""
        given = [gf.cast(t, gf.int64) for t in tensors]
        if self.whole is not None:
            return given[0]
        following = iter(given)
        parts = [next(following) if isinstance(p, Variable) else p for p in self.parts]
        if not given:
            return np.asarray(parts, np.int64)
        return gf.stack([p if hasattr(p, "op") else gf.constant(p, gf.int64) for p in parts])

    def static(self, rank: int | None = None) -> list[int | None] | None:
        """Return what is known of the sizes; None stands for an unknown one."""
        if self.whole is not None:
            length = self.whole.tensor.shape.as_list()[0]
            length = rank if length is None else length
            return None if length is None else [None] * length
        return [p if isinstance(p, int) and p >= 0 else None for p in self.parts]


def with_shape(tensor: Any, sizes: SizeVector, rank: int | None = None) -> Any:
    """Return `tensor` after noting what is known of its shape."""
    known = sizes.static(rank)
    if known is not None:
        tensor.set_shape(known)
    return tensor


def reshape(x: Any, newshape: Any, ndim: int | None = None) -> TensorVariable:
    """Return the elements of `x` in another shape; one size may be -1."""
    sizes = SizeVector(newshape)
    return apply(
        "Reshape",
        lambda t, *given: with_shape(gf.reshape(t, sizes.tensor(given)), sizes, ndim),
        x, *sizes.inputs,
    )  # fmt: skip


def flatten(x: Any, ndim: int = 1, outdim: int | None = None) -> TensorVariable:
    """Return `x` with its last axes joined, so that `ndim` axes are left."""
    value = as_tensor_variable(x)
    kept = (ndim if outdim is None else outdim) - 1
    if kept + 1 > max(value.ndim, 1) or kept < 0:
        raise ValueError(f"flatten expected ndim from 1 to {value.ndim}, got {kept + 1}")

    def build(t: Any) -> Any:
        known = t.shape.as_list()[:kept]
        if None not in known:
            return gf.reshape(t, [*known, -1]) if 0 not in known else _joined(t, kept)
        made = _joined(t, kept)
        made.set_shape([*known, None])
        return made

    return apply("Flatten", build, value)


def _joined(t: Any, kept: int) -> Any:
    sizes = gf.shape(t)
    return gf.reshape(t, gf.concat([sizes[:kept], [gf.reduce_prod(sizes[kept:])]], 0))


def dimshuffle(x: Any, *pattern: Any) -> TensorVariable:
    """Return `x` with its axes in another order; ``'x'`` stands for a new one of size 1."""
    value = as_tensor_variable(x)
    if len(pattern) == 1 and isinstance(pattern[0], (list, tuple)):
        pattern = tuple(pattern[0])
    kept = [int(p) for p in pattern if p != "x"]
    if len(set(kept)) != len(kept) or any(not 0 <= k < value.ndim for k in kept):
        raise ValueError(f"dimshuffle expected axes of {value.ndim}D once each, got {pattern}")
    dropped = [k for k in range(value.ndim) if k not in kept]

    def build(t: Any) -> Any:
        order = [k for k in kept if k not in dropped]
        if dropped:
            known = t.shape.as_list()
            if any(known[k] not in (1, None) for k in dropped):
                raise ValueError(f"dimshuffle cannot drop axes {dropped} of shape {known}")
            t = gf.squeeze(t, dropped)
            left = sorted(kept)
            order = [left.index(k) for k in kept]
        if order != sorted(order):
            t = gf.transpose(t, order)
        for place, axis in enumerate(pattern):
            if axis == "x":
                t = gf.expand_dims(t, place)
        return t

    return apply("DimShuffle{" + ",".join(str(p) for p in pattern) + "}", build, value)


def transpose(x: Any, axes: Any = None, *more: Any) -> TensorVariable:
    """Return `x` with its axes reversed, or in the order of `axes`."""
    value = as_tensor_variable(x)
    order = [axes, *more] if isinstance(axes, int) else axes
    return dimshuffle(value, *(range(value.ndim)[::-1] if order is None else order))


def swapaxes(x: Any, axis1: int, axis2: int) -> TensorVariable:
    """Return `x` with two axes in each other's place."""
    value = as_tensor_variable(x)
    order = list(range(value.ndim))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return dimshuffle(value, *order)


def shape_padleft(x: Any, n_ones: int = 1) -> TensorVariable:
    """Return `x` with new axes of size 1 before the others."""
    value = as_tensor_variable(x)
    return dimshuffle(value, *["x"] * n_ones, *range(value.ndim))


def shape_padright(x: Any, n_ones: int = 1) -> TensorVariable:
    """Return `x` with new axes of size 1 after the others."""
    value = as_tensor_variable(x)
    return dimshuffle(value, *range(value.ndim), *["x"] * n_ones)


def shape_padaxis(x: Any, axis: int) -> TensorVariable:
    """Return `x` with a new axis of size 1 at `axis`."""
    return apply("Padaxis", lambda t: gf.expand_dims(t, axis), x)


def addbroadcast(x: Any, *axes: int) -> TensorVariable:
    """Return `x`, whose sizes along `axes` are known to be 1 from here on."""
    value = as_tensor_variable(x)
    wanted = [1 if k in axes else None for k in range(value.ndim)]

    def build(t: Any) -> Any:
        made = gf.identity(t)
        made.set_shape(wanted)
        return made

    return apply("Rebroadcast", build, value)


def unbroadcast(x: Any, *axes: int) -> TensorVariable:
    """Return `x`; sizes broadcast wherever they are 1."""
    return as_tensor_variable(x)


def patternbroadcast(x: Any, broadcastable: Sequence[bool]) -> TensorVariable:
    """Return `x` with the pattern `broadcastable`."""
    return addbroadcast(x, *[k for k, flag in enumerate(broadcastable) if flag])


def squeeze(x: Any, axis: Any = None) -> TensorVariable:
    """Return `x` without its axes of size 1."""
    value = as_tensor_variable(x)
    if axis is None:
        axes = [k for k, flag in enumerate(value.broadcastable) if flag]
    else:
        axes = [a % value.ndim for a in (axis if isinstance(axis, (list, tuple)) else [axis])]
    return dimshuffle(value, *[k for k in range(value.ndim) if k not in axes])


def tile(x: Any, reps: Any, ndim: int | None = None) -> TensorVariable:
    """Return `x` repeated `reps` times along each axis."""
    value = as_tensor_variable(x)
    times = list(reps) if isinstance(reps, (list, tuple)) else [reps]
    if isinstance(reps, TensorVariable) and reps.ndim == 1:
        times = [reps[k] for k in range(ndim or value.ndim)]
    rank = max(value.ndim, len(times), ndim or 0)
    sizes = SizeVector([1] * (rank - len(times)) + times)
    if rank > value.ndim:
        value = shape_padleft(value, rank - value.ndim)
    return apply("Tile", lambda t, *given: gf.tile(t, sizes.tensor(given)), value, *sizes.inputs)


def roll(x: Any, shift: Any, axis: Any = None) -> TensorVariable:
    """Return `x` moved on by `shift` elements, those at the end coming back at the start."""
    value = as_tensor_variable(x)
    if axis is None:
        return reshape(roll(flatten(value), shift, 0), shape(value), ndim=value.ndim)
    return apply("Roll", lambda t, s: gf.roll(t, s, axis), value, shift)
