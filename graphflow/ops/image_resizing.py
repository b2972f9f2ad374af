"""Images in other sizes: by their neighbours, bilinear, bicubic, by area; and the gradients.

Each axis is resized by itself: an output row is a sum of a few input rows, of which places and
weights (`Taps`) are computed while the run is traced. Gradients are products with the matrices of
these weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ops.kinds import ALL_NUMBERS
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.shape_rules import Types, output, shape_of_value, with_rank

__all__ = ["resize_area", "resize_bicubic", "resize_bilinear", "resize_nearest_neighbor"]

Array = np.ndarray[Any, Any]
_TABLE = 1 << 10  # the steps between two pixels for which TensorFlow has cubic weights
_SINGLE = np.float32


@dataclass(frozen=True)
class Taps:
    """The input rows of each output row, (rows, taps), and their weights."""

    places: Array
    weights: Array

    def matrix(self, size: int) -> Array:
        """The weights as a matrix of output rows and input rows."""
        found = np.zeros((len(self.places), size), _SINGLE)
        rows = np.arange(len(self.places))[:, None]
        np.add.at(found, (rows, self.places), self.weights)
        return found


def _scale(size: int, wanted: int, align_corners: bool) -> Any:
    if align_corners and wanted > 1:
        return _SINGLE(size - 1) / _SINGLE(wanted - 1)
    return _SINGLE(size) / _SINGLE(wanted)


def _positions(size: int, wanted: int, align_corners: bool, half_pixel_centers: bool) -> Array:
    """Where the output's rows are in the input."""
    rows, scale = np.arange(wanted, dtype=_SINGLE), _scale(size, wanted, align_corners)
    if half_pixel_centers:
        return (rows + _SINGLE(0.5)) * scale - _SINGLE(0.5)
    return rows * scale


def nearest_taps(size: int, wanted: int, align_corners: bool, half_pixel_centers: bool) -> Taps:
    """One input row for each output row."""
    rows, scale = np.arange(wanted, dtype=_SINGLE), _scale(size, wanted, align_corners)
    places = (rows + _SINGLE(0.5)) * scale if half_pixel_centers else rows * scale
    places = np.floor(places + _SINGLE(0.5)) if align_corners else np.floor(places)
    found = np.clip(places.astype(np.int32), 0, size - 1)[:, None]
    return Taps(found, np.ones(found.shape, _SINGLE))


def bilinear_taps(size: int, wanted: int, align_corners: bool, half_pixel_centers: bool) -> Taps:
    """The rows on either side."""
    positions = _positions(size, wanted, align_corners, half_pixel_centers)
    whole = np.floor(positions)
    lower = np.maximum(whole.astype(np.int32), 0)
    upper = np.minimum(np.ceil(positions).astype(np.int32), size - 1)
    part = positions - whole
    return Taps(np.stack([lower, upper], 1), np.stack([1 - part, part], 1).astype(_SINGLE))


def _cubic(distance: Array, factor: float) -> Array:
    """Weights of rows at distances up to 2."""
    x = distance
    near = ((factor + 2) * x - (factor + 3)) * x * x + 1
    far = ((factor * x - 5 * factor) * x + 8 * factor) * x - 4 * factor
    return np.where(x <= 1, near, far)


def bicubic_taps(size: int, wanted: int, align_corners: bool, half_pixel_centers: bool) -> Taps:
    """Two rows on either side; those outside count as the last one, or not at all."""
    positions = _positions(size, wanted, align_corners, half_pixel_centers)
    whole = np.floor(positions)
    step = np.rint((positions - whole) * _TABLE) / _TABLE
    factor = -0.5 if half_pixel_centers else -0.75
    distances = np.stack([step + 1, step, 1 - step, 2 - step], 1)
    weights = _cubic(distances, factor)
    places = whole.astype(np.int32)[:, None] + np.arange(-1, 3)
    inside = np.clip(places, 0, size - 1)
    if half_pixel_centers:
        weights = np.where(places == inside, weights, 0)
        weights = weights / weights.sum(axis=1, keepdims=True)
    return Taps(inside.astype(np.int32), weights.astype(_SINGLE))


def area_taps(size: int, wanted: int, align_corners: bool, half_pixel_centers: bool) -> Taps:
    """The rows under an output row, by how much of each is under it."""
    scale = _scale(size, wanted, align_corners)
    starts = np.arange(wanted, dtype=_SINGLE) * scale
    ends = np.arange(1, wanted + 1, dtype=_SINGLE) * scale
    first = np.floor(starts).astype(np.int32)
    count = int((np.ceil(ends) - np.floor(starts)).max())
    places = first[:, None] + np.arange(count)
    covered = np.minimum(places + 1, ends[:, None]) - np.maximum(places, starts[:, None])
    weights = np.maximum(covered, 0) / scale
    return Taps(np.clip(places, 0, size - 1).astype(np.int32), weights.astype(_SINGLE))


_TAPS: dict[str, Callable[..., Taps]] = {
    "NearestNeighbor": nearest_taps,
    "Bilinear": bilinear_taps,
    "Bicubic": bicubic_taps,
    "Area": area_taps,
}


def _flags(op: Operation) -> dict[str, Any]:
    return {
        "align_corners": op.attrs.get("align_corners", False),
        "half_pixel_centers": op.attrs.get("half_pixel_centers", False),
    }


def _axis_taps(kind: str, op: Operation, size: Any, wanted: Any) -> Taps:
    size, wanted = int(size), int(wanted)
    if wanted <= 0:
        raise ValueError("output dimensions must be positive")
    if size <= 0:
        raise ValueError("input image must be of non-zero size")
    return _TAPS[kind](size, wanted, **_flags(op))


def _rows(b: Any, x: Any, places: Array, axis: int) -> Any:
    if x.shape[axis] == len(places) and np.array_equal(places, np.arange(len(places))):
        return x
    return b.gather(x, b.const(places), axis=axis)


def _along(b: Any, weights: Array, shape: Any, axis: int) -> Any:
    return b.broadcast(b.const(weights), shape, (axis,))


def _weighted_rows(b: Any, x: Any, taps: Taps, axis: int) -> Any:
    """Sums of rows along an axis."""
    count = taps.places.shape[1]
    parts = [_rows(b, x, taps.places[:, k], axis) for k in range(count)]
    if count == 2:  # in TensorFlow's order of rounding
        low, high = parts
        return b.add(low, b.mul(b.sub(high, low), _along(b, taps.weights[:, 1], low.shape, axis)))
    total = None
    for k, part in enumerate(parts):
        term = b.mul(part, _along(b, taps.weights[:, k], part.shape, axis))
        total = term if total is None else b.add(total, term)
    return total


def _by_matrices(b: Any, x: Any, rows: Array, columns: Array) -> Any:
    """Products along the axes of rows and columns of images (batch, rows, columns, channels)."""
    batch, height, width, depth = x.shape
    flat = b.reshape(x, (batch, height, width * depth))
    flat = b.matmul(b.const(np.ascontiguousarray(rows)), flat)
    x = b.transpose(b.reshape(flat, (batch, len(rows), width, depth)), (0, 1, 3, 2))
    x = b.matmul(x, b.const(np.ascontiguousarray(columns.T)))
    return b.transpose(x, (0, 1, 3, 2))


def _lower_resize(kind: str) -> Callable[..., Any]:
    def lower(b: Any, op: Operation, images: Any, size: Any) -> Any:
        height, width = b.static_ints(size)
        rows = _axis_taps(kind, op, images.shape[1], height)
        columns = _axis_taps(kind, op, images.shape[2], width)
        if kind == "NearestNeighbor":
            return _rows(b, _rows(b, images, rows.places[:, 0], 1), columns.places[:, 0], 2)
        x = b.cast(images, dtypes.float32)
        if kind == "Area":
            matrices = rows.matrix(int(x.shape[1])), columns.matrix(int(x.shape[2]))
            return _by_matrices(b, x, *matrices)
        return _weighted_rows(b, _weighted_rows(b, x, columns, 2), rows, 1)

    return lower


def _lower_gradient(kind: str) -> Callable[..., Any]:
    def lower(b: Any, op: Operation, gradient: Any, original: Any) -> Any:
        if kind == "NearestNeighbor":
            sizes, dtype = b.static_ints(original), gradient.dtype
        else:
            sizes, dtype = original.shape[1:3], original.dtype
        taps = [_axis_taps(kind, op, d, gradient.shape[k + 1]) for k, d in enumerate(sizes)]
        rows, columns = (
            t.matrix(int(d)).T.astype(gradient.dtype.numpy)
            for t, d in zip(taps, sizes, strict=True)
        )
        return b.cast(_by_matrices(b, gradient, rows, columns), dtype)

    return lower


def _infer_resize(kind: str) -> Callable[[Operation], Types]:
    def infer(op: Operation) -> Types:
        batch, _, _, depth = with_rank(op.inputs[0].shape, 4)
        with_rank(op.inputs[1].shape, 1)
        extents = shape_of_value(op.inputs[1]) or (None, None)
        if len(extents) != 2:
            raise ValueError(f"Dimension must be 2 but is {len(extents)}")
        dtype = None if kind == "NearestNeighbor" else dtypes.float32
        return output(op, (batch, *extents, depth), dtype)

    return infer


def _infer_gradient(kind: str) -> Callable[[Operation], Types]:
    def infer(op: Operation) -> Types:
        gradient, original = op.inputs
        if kind != "NearestNeighbor":
            return [(original.dtype.base_dtype, original.shape)]
        batch, _, _, depth = with_rank(gradient.shape, 4)
        sizes = shape_of_value(original) or (None, None)
        return output(op, (batch, *sizes, depth))

    return infer


def _gradient(kind: str) -> Callable[..., Any]:
    def gradient(op: Operation, gradient: Any) -> list[Any]:
        images = op.inputs[0]
        if kind == "NearestNeighbor":
            sizes: Any = shape_of(images)
            return [_GRADIENTS[kind](gradient, sizes[1:3], **_flags(op)).outputs[0], None]
        if images.dtype not in (dtypes.float32, dtypes.float64):
            return [None, None]
        return [_GRADIENTS[kind](gradient, images, **_flags(op)).outputs[0], None]

    return gradient


def _second_gradient(kind: str) -> Callable[..., Any]:
    def gradient(op: Operation, gradient: Any) -> list[Any]:
        sizes: Any = shape_of(op.inputs[0])
        made = _RESIZES[kind](gradient, sizes[1:3], **_flags(op)).outputs[0]
        return [made, None]

    return gradient


_RESIZES: dict[str, Signature] = {}
_GRADIENTS: dict[str, Signature] = {}


def _define(kind: str) -> None:
    name = f"Resize{kind}"
    has_gradient = kind != "Area"
    define_op(
        name, _infer_resize(kind), _lower_resize(kind), _gradient(kind) if has_gradient else None
    )
    _RESIZES[kind] = Signature(name, "images: T", "size: int32", T=ALL_NUMBERS)
    if has_gradient:
        define_op(
            f"{name}Grad", _infer_gradient(kind), _lower_gradient(kind), _second_gradient(kind)
        )
        original = "size: int32" if kind == "NearestNeighbor" else "original_image: T"
        first = "grads: T" if kind == "NearestNeighbor" else "grads: float32"
        _GRADIENTS[kind] = Signature(f"{name}Grad", first, original)


for _kind in _TAPS:
    _define(_kind)


def _resized(
    kind: str, images: Any, size: Any, align_corners: bool, half_pixel_centers: bool,
    name: str | None,
) -> Tensor:  # fmt: skip
    if align_corners and half_pixel_centers:
        raise ValueError("If half_pixel_centers is True, align_corners must be False.")
    attrs: dict[str, Any] = {
        "align_corners": align_corners,
        "half_pixel_centers": half_pixel_centers,
    }
    if kind == "Area":
        del attrs["half_pixel_centers"]
    return _RESIZES[kind](images, size, name=name, **attrs).outputs[0]


def resize_bilinear(
    images: Any, size: Any, align_corners: bool = False, name: str | None = None,
    half_pixel_centers: bool = False,
) -> Tensor:  # fmt: skip
    """Return images of shape (batch, *size, channels), float32, by weights of four neighbours.

    Parameters
    ----------
    size : int32, height and width.
    align_corners : the corners' pixels stay where they are.
    half_pixel_centers : a pixel's place is its middle, not its corner.
    """
    return _resized("Bilinear", images, size, align_corners, half_pixel_centers, name)


def resize_nearest_neighbor(
    images: Any, size: Any, align_corners: bool = False, name: str | None = None,
    half_pixel_centers: bool = False,
) -> Tensor:  # fmt: skip
    """Return images of other sizes, of their type, by the nearest pixel; as `resize_bilinear`."""
    return _resized("NearestNeighbor", images, size, align_corners, half_pixel_centers, name)


def resize_bicubic(
    images: Any, size: Any, align_corners: bool = False, name: str | None = None,
    half_pixel_centers: bool = False,
) -> Tensor:  # fmt: skip
    """Return images of other sizes, float32, by weights of 16 neighbours; as `resize_bilinear`."""
    return _resized("Bicubic", images, size, align_corners, half_pixel_centers, name)


def resize_area(
    images: Any, size: Any, align_corners: bool = False, name: str | None = None
) -> Tensor:
    """Return images of other sizes, float32, by the mean over areas; as `resize_bilinear`."""
    return _resized("Area", images, size, align_corners, False, name)
