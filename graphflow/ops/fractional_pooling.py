"""Fractional pooling: windows of random sizes, so that an image shrinks by any factor.

The windows' borders are drawn as TensorFlow draws them, and pooled by NumPy in the run. After
B. Graham, Fractional max-pooling, 2014.
"""

from __future__ import annotations

import itertools
import math
import secrets
from typing import Any

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.dtypes import int64
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor
from graphflow.ir.philox import initial_state, random_bits
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.shape_rules import Types, shape_of_value, with_rank

__all__ = ["fractional_avg_pool", "fractional_max_pool"]

_TYPES = (dtypes.float32, dtypes.float64, dtypes.int32, int64)
Array = np.ndarray[Any, Any]


# ---- borders


class _Draws:
    """Words of a generator; every request begins at a counter of its own."""

    def __init__(self, seed: int, seed2: int) -> None:
        self.key, self.counter = initial_state(seed, seed2)

    def words(self, count: int) -> list[int]:
        found = random_bits(self.counter, self.key, count)
        self.counter += -(-count // 4)
        return [int(word) for word in found]


def _shuffled_sizes(size: int, count: int, draws: _Draws) -> list[int]:
    """Sizes that differ by one at most, in random order."""
    base, longer = divmod(size, count)
    sizes = [base + 1] * longer + [base] * (count - longer)
    words = draws.words(count)
    for k in range(count - 1):
        other = k + words[k] % (count - k)
        sizes[k], sizes[other] = sizes[other], sizes[k]
    return sizes


def _spaced_sizes(size: int, count: int, draws: _Draws) -> list[int]:
    """Sizes between borders that are evenly spaced and rounded up, from a random start."""
    ratio, base = size / count, size // count
    limit = min((base + 2) / ratio - 1, (size + 1 - base) / ratio - (count - 1))
    high, low = draws.words(2)
    start = (((high & 0xFFFFF) << 32) | low) / 2.0**52 * limit
    borders = [1, *(math.ceil(ratio * (k + start)) for k in range(1, count)), size + 1]
    return [b - a for a, b in itertools.pairwise(borders)]


def _borders(size: int, count: int, pseudo_random: bool, draws: _Draws) -> Array:
    sizes = (_spaced_sizes if pseudo_random else _shuffled_sizes)(size, count, draws)
    return np.cumsum([0, *sizes]).astype(np.int64)


def _ranges(borders: Array, size: int, overlapping: bool) -> list[slice]:
    """The elements of each window along an axis."""
    return [slice(int(a), min(int(b) + overlapping, size)) for a, b in itertools.pairwise(borders)]


def _shared(borders: Array) -> Array:
    """The elements that two windows have in common if windows overlap: all borders inside."""
    return borders[1:-1]


def _counts(borders: Array, overlapping: bool) -> Array:
    """How many elements each window has along an axis."""
    counts = np.diff(borders)
    counts[:-1] += overlapping
    return counts


def _reduced(x: Array, borders: Array, axis: int, overlapping: bool, combine: np.ufunc) -> Array:
    """The windows along an axis, each as one element."""
    found = np.moveaxis(combine.reduceat(x, borders[:-1], axis=axis), axis, 0)
    if overlapping:
        found[:-1] = combine(found[:-1], np.moveaxis(x, axis, 0)[_shared(borders)])
    return np.moveaxis(found, 0, axis)


def _spread(x: Array, borders: Array, axis: int, overlapping: bool) -> Array:
    """Each window's number at all of its elements along an axis, summed where windows overlap."""
    along = np.moveaxis(x, axis, 0)
    found = np.repeat(along, np.diff(borders), axis=0)
    if overlapping:
        found[_shared(borders)] += along[:-1]
    return np.moveaxis(found, 0, axis)


# ---- in the run


class _Pool:
    """Draw borders and pool an array: values, borders of rows, borders of columns."""

    def __init__(self, name: str, counts: tuple[int, int], attrs: tuple[Any, ...]) -> None:
        self.settings = name, counts, attrs

    def __call__(self, x: Array) -> list[Array]:
        name, (rows, columns), (pseudo_random, overlapping, seeds) = self.settings
        draws = _Draws(*(seeds or (secrets.randbits(63), secrets.randbits(63))))
        borders = [
            _borders(size, count, pseudo_random, draws)
            for size, count in ((x.shape[1], rows), (x.shape[2], columns))
        ]
        combine = np.fmax if name == "max" else np.add
        result = x.astype(np.int64) if x.dtype.kind == "i" else x
        for axis in (1, 2):
            result = _reduced(result, borders[axis - 1], axis, overlapping, combine)
        if name == "max" and x.dtype.kind == "f":
            result = np.where(np.isnan(result), np.finfo(x.dtype).min, result)
        if name != "max":
            counts = np.outer(*(_counts(b, overlapping) for b in borders))[None, :, :, None]
            result = result // counts if x.dtype.kind == "i" else result / counts
        return [result.astype(x.dtype), *borders]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Pool) and self.settings == other.settings

    def __hash__(self) -> int:
        return hash(self.settings)


class _MaxGradient:
    """Every window's gradient to the first of its maxima."""

    def __init__(self, overlapping: bool) -> None:
        self.overlapping = overlapping

    def __call__(
        self, x: Array, _: Array, gradient: Array, rows: Array, columns: Array
    ) -> list[Array]:
        result = np.zeros_like(x)
        batch, channels = np.ix_(range(x.shape[0]), range(x.shape[3]))
        for i, height in enumerate(_ranges(rows, x.shape[1], self.overlapping)):
            for j, width in enumerate(_ranges(columns, x.shape[2], self.overlapping)):
                window = x[:, height, width]
                flat = window.reshape(x.shape[0], -1, x.shape[3]).argmax(axis=1)
                row, column = np.divmod(flat, window.shape[2])
                place = (batch, height.start + row, width.start + column, channels)
                np.add.at(result, place, gradient[:, i, j])
        return [result]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _MaxGradient) and self.overlapping == other.overlapping

    def __hash__(self) -> int:
        return hash(self.overlapping)


class _MeanGradient:
    """Every window's gradient shared among its elements."""

    def __init__(self, overlapping: bool, shape: tuple[int, ...]) -> None:
        self.settings = overlapping, shape

    def __call__(self, gradient: Array, rows: Array, columns: Array) -> list[Array]:
        overlapping, shape = self.settings
        counts = np.outer(_counts(rows, overlapping), _counts(columns, overlapping))
        result = gradient / counts[None, :, :, None]
        for axis, borders in ((1, rows), (2, columns)):
            result = _spread(result, borders, axis, overlapping)
        return [result.reshape(shape).astype(gradient.dtype)]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _MeanGradient) and self.settings == other.settings

    def __hash__(self) -> int:
        return hash(self.settings)


# ---- the ops


def _pooled_size(size: Any, ratio: float) -> Any:
    return None if size is None else math.floor(size / ratio)


def _infer(op: Operation) -> Types:
    x = with_rank(op.inputs[0].shape, 4)
    sizes = [_pooled_size(s, r) for s, r in zip(x, op.attrs["pooling_ratio"], strict=True)]
    borders = [(int64, TensorShape([None if s is None else s + 1])) for s in sizes[1:3]]
    return [(op.inputs[0].dtype.base_dtype, TensorShape(sizes)), *borders]


def _lower(b: Any, op: Operation, x: Any) -> tuple[Any, ...]:
    attrs = op.attrs
    ratios = attrs["pooling_ratio"]
    counts = _pooled_size(x.shape[1], ratios[1]), _pooled_size(x.shape[2], ratios[2])
    seeds = attrs["seed"], attrs["seed2"]
    # With seeds every run draws the same borders; without, each run draws its own.
    fixed = seeds if attrs["deterministic"] and seeds != (0, 0) else None
    name = "max" if op.type == "FractionalMaxPool" else "mean"
    function = _Pool(name, counts, (attrs["pseudo_random"], attrs["overlapping"], fixed))
    shape = (x.shape[0], *counts, x.shape[3])
    types = [(x.dtype, shape), *[(int64, (n + 1,)) for n in counts]]
    return tuple(b.call_python(function, (x,), types, stateful=fixed is None))


def _lower_max_gradient(b: Any, op: Operation, x: Any, *others: Any) -> Any:
    function = _MaxGradient(op.attrs["overlapping"])
    return b.call_python(function, (x, *others), [(x.dtype, x.shape)], stateful=False)[0]


def _lower_mean_gradient(b: Any, op: Operation, sizes: Any, gradient: Any, *borders: Any) -> Any:
    shape = tuple(b.static_ints(sizes))
    function = _MeanGradient(op.attrs["overlapping"], shape)
    types = [(gradient.dtype, shape)]
    return b.call_python(function, (gradient, *borders), types, stateful=False)[0]


def _max_gradient(op: Operation, gradient: Any, *_: Any) -> list[Any]:
    values, rows, columns = op.outputs
    overlapping = op.attrs["overlapping"]
    made = _MAX_GRAD(op.inputs[0], values, gradient, rows, columns, overlapping=overlapping)
    return [made.outputs[0]]


def _mean_gradient(op: Operation, gradient: Any, *_: Any) -> list[Any]:
    sizes = shape_of(op.inputs[0], out_type=int64)
    borders = op.outputs[1:]
    made = _MEAN_GRAD(sizes, gradient, *borders, overlapping=op.attrs["overlapping"])
    return [made.outputs[0]]


def _infer_mean_gradient(op: Operation) -> Types:
    given = shape_of_value(op.inputs[0])
    return [(op.inputs[1].dtype.base_dtype, TensorShape(given))]


define_op("FractionalMaxPool", infer=_infer, lower=_lower, gradient=_max_gradient)
define_op("FractionalAvgPool", infer=_infer, lower=_lower, gradient=_mean_gradient)
define_op(
    "FractionalMaxPoolGrad",
    infer=lambda op: [(op.inputs[0].dtype.base_dtype, op.inputs[0].shape)],
    lower=_lower_max_gradient,
)
define_op("FractionalAvgPoolGrad", infer=_infer_mean_gradient, lower=_lower_mean_gradient)
_CALLS = {
    kind: Signature(f"Fractional{kind}Pool", "value: T", T=_TYPES) for kind in ("Max", "Avg")
}  # fmt: skip
_BORDERS = "row_pooling_sequence: int64", "col_pooling_sequence: int64"
_MAX_GRAD = Signature(
    "FractionalMaxPoolGrad", "orig_input: T", "orig_output: T", "out_backprop: T", *_BORDERS,
    T=_TYPES,
)  # fmt: skip
_MEAN_GRAD = Signature(
    "FractionalAvgPoolGrad", "orig_input_tensor_shape: int64", "out_backprop: T", *_BORDERS,
    T=_TYPES,
)  # fmt: skip


def _fractional(
    kind: str, value: Any, ratio: Any, settings: dict[str, Any], name: str | None
) -> tuple[Tensor, Tensor, Tensor]:
    ratio = [float(r) for r in ratio]
    if len(ratio) != 4:
        raise ValueError(f"pooling_ratio field must specify 4 dimensions, got {len(ratio)}")
    if any(r < 1 for r in ratio):
        raise ValueError(f"pooling_ratio cannot be smaller than 1, got: {ratio}")
    if ratio[0] != 1 or ratio[3] != 1:
        raise ValueError("Fractional pooling along batch or channels is not supported")
    seeds = settings["seed"], settings["seed2"]
    if not settings["deterministic"] and seeds != (0, 0):
        raise ValueError("Both seed and seed2 should be 0 if deterministic is false.")
    values, rows, columns = _CALLS[kind](
        value, name=name, pooling_ratio=ratio, **settings
    ).outputs  # fmt: skip
    return values, rows, columns


def fractional_max_pool(
    value: Any,
    pooling_ratio: Any,
    pseudo_random: bool = False,
    overlapping: bool = False,
    deterministic: bool = False,
    seed: int = 0,
    seed2: int = 0,
    name: str | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the maxima of windows of random sizes, and the windows' borders.

    Parameters
    ----------
    pooling_ratio : by what images shrink, per axis: ``[1, height, width, 1]``.
    pseudo_random : whether the borders are evenly spaced from a random start.
    overlapping : whether a window holds the first element of the next.
    deterministic : whether every run draws the same borders, from `seed` and `seed2`.

    Returns
    -------
    The maxima, the borders along the height, and the borders along the width.
    """
    settings = {
        "pseudo_random": pseudo_random, "overlapping": overlapping,
        "deterministic": deterministic, "seed": seed, "seed2": seed2,
    }  # fmt: skip
    return _fractional("Max", value, pooling_ratio, settings, name)


def fractional_avg_pool(
    value: Any,
    pooling_ratio: Any,
    pseudo_random: bool = False,
    overlapping: bool = False,
    deterministic: bool = False,
    seed: int = 0,
    seed2: int = 0,
    name: str | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the means of windows of random sizes; see `fractional_max_pool`."""
    settings = {
        "pseudo_random": pseudo_random, "overlapping": overlapping,
        "deterministic": deterministic, "seed": seed, "seed2": seed2,
    }  # fmt: skip
    return _fractional("Avg", value, pooling_ratio, settings, name)
