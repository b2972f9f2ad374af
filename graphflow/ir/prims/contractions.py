"""Matrix products, scatters and scans: what has a loop nest of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.ir.dims import dims_equal, shapes_equal
from graphflow.ir.prims.registry import define, require
from graphflow.ir.types import TensorType

Array = np.ndarray[Any, Any]
Attrs = dict[str, Any]


def _infer_matmul(attrs: Attrs, a: TensorType, b: TensorType) -> TensorType:
    require(a.rank >= 2 and a.rank == b.rank, "matmul", "operands of one rank >= 2", a, b)
    require(a.dtype is b.dtype, "matmul", "operands of one type", a, b)
    require(shapes_equal(a.shape[:-2], b.shape[:-2]), "matmul", "equal batch dimensions", a, b)
    m, k = (a.shape[-1], a.shape[-2]) if attrs["trans_a"] else (a.shape[-2], a.shape[-1])
    k2, n = (b.shape[-1], b.shape[-2]) if attrs["trans_b"] else (b.shape[-2], b.shape[-1])
    require(dims_equal(k, k2), "matmul", "equal inner dimensions", a, b, attrs)
    return TensorType(a.dtype, (*a.shape[:-2], m, n))


def _matmul(attrs: Attrs, a: Array, b: Array) -> Array:
    a = a.swapaxes(-1, -2) if attrs["trans_a"] else a
    b = b.swapaxes(-1, -2) if attrs["trans_b"] else b
    if a.dtype.itemsize == 2 and a.dtype.kind not in "iu":
        return np.matmul(a.astype(np.float32), b.astype(np.float32)).astype(a.dtype)
    return np.matmul(a, b)


# attrs: trans_a, trans_b; leading dimensions are batches and equal
define("matmul", "contract", _infer_matmul, _matmul)


def _infer_scatter(attrs: Attrs, x: TensorType, at: TensorType, new: TensorType) -> TensorType:
    require(attrs["mode"] in ("add", "set", "max", "min", "mul"), "scatter", "a mode", attrs)
    require(at.dtype.is_integer, "scatter", "integer indices", at)
    require(x.dtype is new.dtype, "scatter", "values of one type", x, new)
    expected = at.shape + x.shape[1:]
    require(shapes_equal(new.shape, expected), "scatter", f"updates of shape {expected}", new)
    return x


_SCATTER_UFUNCS = {"add": np.add, "max": np.fmax, "min": np.fmin, "mul": np.multiply}


def _scatter(attrs: Attrs, x: Array, at: Array, new: Array) -> Array:
    result = x.copy()
    rows = at.reshape(-1).astype(np.int64)
    values = new.reshape((rows.size, *x.shape[1:]))
    keep = (rows >= 0) & (rows < x.shape[0])
    rows, values = rows[keep], values[keep]
    if attrs["mode"] == "set":
        for row, value in zip(rows, values, strict=True):
            result[row] = value
    else:
        _SCATTER_UFUNCS[attrs["mode"]].at(result, rows, values)
    return result


# attrs: mode; operands: array, row indices, rows. In the order of the indices, so that repeated
# ones give the same result every time; indices out of range are skipped.
define("scatter", "nest", _infer_scatter, _scatter, cost=2.0)


def _infer_scan(attrs: Attrs, x: TensorType) -> TensorType:
    require(attrs["mode"] in ("add", "mul"), "scan", "a mode", attrs)
    require(0 <= attrs["axis"] < x.rank, "scan", "an axis in range", x, attrs)
    return x


def _scan(attrs: Attrs, x: Array) -> Array:
    function = np.add if attrs["mode"] == "add" else np.multiply
    axis = attrs["axis"]
    x = np.flip(x, axis) if attrs["reverse"] else x
    with np.errstate(all="ignore"):
        found = function.accumulate(x, axis=axis, dtype=x.dtype)
    return np.asarray(np.flip(found, axis) if attrs["reverse"] else found, order="C")


# attrs: mode (add, mul), axis, reverse. Each element becomes the sum of all up to it: a loop that
# carries its result, which reductions, whose axes are gone from the result, cannot express.
define("scan", "nest", _infer_scan, _scan, cost=2.0)
