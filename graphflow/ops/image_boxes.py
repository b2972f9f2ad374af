"""Boxes in images: cut out, drawn, chosen among many, drawn by lot. NumPy computes, in the run.

A box is (top, left, bottom, right) in parts of the image's height and width.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow import errors
from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import shape_from_tuple
from graphflow.graph.tensor import Tensor
from graphflow.ops.host import define_host_op
from graphflow.ops.kinds import ORDERED
from graphflow.ops.shape import one_of
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.shape_rules import (
    Types,
    known_int,
    merge_size,
    output,
    shape_of_value,
    with_rank,
)

__all__ = [
    "crop_and_resize", "draw_bounding_boxes", "extract_glimpse", "non_max_suppression",
    "non_max_suppression_overlaps", "non_max_suppression_padded", "non_max_suppression_with_scores",
]  # fmt: skip

Array = np.ndarray[Any, Any]

# ---- parts of images, resized


def _positions(low: Array, high: Array, size: int, count: int) -> Array:
    """Where the pixels of each box's crop are along an axis, (boxes, count)."""
    if count > 1:
        step = (high - low) * np.float32(size - 1) / np.float32(count - 1)
        return (
            low[:, None] * np.float32(size - 1) + np.arange(count, dtype=np.float32) * step[:, None]
        )
    return (np.float32(0.5) * (low + high) * np.float32(size - 1))[:, None]


class _Sampling:
    """Places and weights of the pixels that make the crops."""

    def __init__(self, shape: Sequence[int], boxes: Array, which: Array, size: Sequence[int]):
        if np.any((which < 0) | (which >= shape[0])):
            bad = int(np.flatnonzero((which < 0) | (which >= shape[0]))[0])
            text = f"box_index has values outside [0, batch_size): {which[bad]}"
            raise errors.OutOfRangeError(None, None, text)
        self.which = which[:, None, None]
        ys = _positions(boxes[:, 0], boxes[:, 2], shape[1], size[0])
        xs = _positions(boxes[:, 1], boxes[:, 3], shape[2], size[1])
        in_y, in_x = (ys >= 0) & (ys <= shape[1] - 1), (xs >= 0) & (xs <= shape[2] - 1)
        self.inside = (in_y[:, :, None] & in_x[:, None, :])[..., None]
        self.ys, self.xs = np.where(in_y, ys, 0)[:, :, None], np.where(in_x, xs, 0)[:, None, :]

    def corners(self) -> tuple[list[tuple[Array, Array, Array]], Array, Array]:
        """Row, column and weight of four neighbours, and how far each pixel is from the first."""
        top, left = np.floor(self.ys).astype(int), np.floor(self.xs).astype(int)
        bottom, right = np.ceil(self.ys).astype(int), np.ceil(self.xs).astype(int)
        dy, dx = self.ys - top, self.xs - left
        found = [
            (top, left, (1 - dy) * (1 - dx)), (top, right, (1 - dy) * dx),
            (bottom, left, dy * (1 - dx)), (bottom, right, dy * dx),
        ]  # fmt: skip
        return found, dy, dx

    def nearest(self) -> tuple[Array, Array]:
        """Row and column of the nearest pixel."""
        y, x = np.floor(self.ys + np.float32(0.5)), np.floor(self.xs + np.float32(0.5))
        return y.astype(int), x.astype(int)


def _crops(
    image: Array, boxes: Array, which: Array, size: Array, extrapolation_value: float, method: str
) -> Array:
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes must have 4 columns, got shape {list(boxes.shape)}")
    if (size <= 0).any():
        raise ValueError("crop dimensions must be positive")
    sampling = _Sampling(image.shape, boxes, which, size.tolist())
    if method == "nearest":
        found = image[(sampling.which, *sampling.nearest())].astype(np.float32)
    else:
        corners, dy, dx = sampling.corners()
        parts = [image[sampling.which, y, x].astype(np.float32) for y, x, _ in corners]
        dy, dx = dy[..., None].astype(np.float32), dx[..., None].astype(np.float32)
        top = parts[0] + (parts[1] - parts[0]) * dx
        found = top + (parts[2] + (parts[3] - parts[2]) * dx - top) * dy
    return np.where(sampling.inside, found, np.float32(extrapolation_value))


def _image_gradient(grads: Array, boxes: Array, which: Array, size: Array, method: str) -> Array:
    sampling = _Sampling(size.tolist(), boxes, which, grads.shape[1:3])
    grads = np.where(sampling.inside, grads, 0)
    total = np.zeros(size, np.float32)
    if method == "nearest":
        np.add.at(total, (sampling.which, *sampling.nearest()), grads)
        return total
    for y, x, weight in sampling.corners()[0]:
        np.add.at(total, (sampling.which, y, x), grads * weight[..., None])
    return total


def _box_gradient(grads: Array, image: Array, boxes: Array, which: Array) -> Array:
    """By the boxes' corners, which move all pixels of their crop."""
    height, width = grads.shape[1:3]
    sampling = _Sampling(image.shape, boxes, which, (height, width))
    corners, dy, dx = sampling.corners()
    parts = [image[sampling.which, y, x].astype(np.float32) for y, x, _ in corners]
    dy, dx = dy[..., None], dx[..., None]
    by_y = (1 - dx) * (parts[2] - parts[0]) + dx * (parts[3] - parts[1])
    by_x = (1 - dy) * (parts[1] - parts[0]) + dy * (parts[3] - parts[2])
    grads = np.where(sampling.inside, grads, 0)
    rows, columns = (grads * by_y).sum(axis=(2, 3)), (grads * by_x).sum(axis=(1, 3))
    pairs = []
    for sums, size in ((rows, image.shape[1]), (columns, image.shape[2])):
        count = sums.shape[1]
        part = np.arange(count) / (count - 1) if count > 1 else np.full(1, 0.5)
        pairs.append(((sums * (1 - part)).sum(1) * (size - 1), (sums * part).sum(1) * (size - 1)))
    return np.stack([pairs[0][0], pairs[1][0], pairs[0][1], pairs[1][1]], 1)


def _infer_crops(op: Operation) -> Types:
    _, _, _, depth = with_rank(op.inputs[0].shape, 4)
    count, columns = with_rank(op.inputs[1].shape, 2)
    merge_size(columns, 4)
    with_rank(op.inputs[2].shape, 1)
    size = shape_of_value(op.inputs[3]) or (None, None)
    return output(op, (count, *size, depth), dtypes.float32)


def _crops_gradient(op: Operation, gradient: Any) -> list[Any]:
    image, boxes, which, _ = op.inputs
    method = op.attrs["method"]
    by_image = None
    if image.dtype.is_floating:
        by_image = _GRAD_IMAGE(gradient, boxes, which, shape_of(image), method=method).outputs[0]
    by_boxes = _GRAD_BOXES(gradient, image, boxes, which).outputs[0]
    return [by_image, by_boxes, None, None]


define_host_op(
    "CropAndResize", _infer_crops, _crops, None, ("extrapolation_value", "method"), _crops_gradient
)
define_host_op(
    "CropAndResizeGradImage",
    lambda op: output(op, shape_of_value(op.inputs[3]), dtypes.float32), _image_gradient, None,
    ("method",),
)  # fmt: skip
define_host_op(
    "CropAndResizeGradBoxes",
    lambda op: [(dtypes.float32, op.inputs[2].shape)], _box_gradient,
    lambda op, grads, image, boxes, which: [boxes.shape],
)  # fmt: skip
_CROPS = Signature(
    "CropAndResize", "image: T", "boxes: float32", "box_ind: int32", "crop_size: int32", T=ORDERED
)
_GRAD_IMAGE = Signature(
    "CropAndResizeGradImage", "grads: float32", "boxes: float32", "box_ind: int32",
    "image_size: int32",
)  # fmt: skip
_GRAD_BOXES = Signature(
    "CropAndResizeGradBoxes", "grads: float32", "image: T", "boxes: float32", "box_ind: int32"
)


def crop_and_resize(
    image: Any, boxes: Any, box_ind: Any = None, crop_size: Any = None, method: str = "bilinear",
    extrapolation_value: float = 0, name: str | None = None, box_indices: Any = None,
) -> Tensor:  # fmt: skip
    """Return the parts of images in boxes, float32, resized to one size.

    Parameters
    ----------
    image : of shape (batch, height, width, channels).
    boxes : of shape (count, 4).
    box_ind : the image of each box; `box_indices` is another name.
    crop_size : height and width.
    method : ``"bilinear"`` or ``"nearest"``.
    extrapolation_value : of pixels outside the image.
    """
    which = one_of("box_indices", box_indices, "box_ind", box_ind)
    attrs: dict[str, Any] = {"method": method, "extrapolation_value": float(extrapolation_value)}
    return _CROPS(image, boxes, which, crop_size, name=name, **attrs).outputs[0]


def _glimpses(
    image: Array, size: Array, offsets: Array, centered: bool, normalized: bool,
    uniform_noise: bool,
) -> Array:  # fmt: skip
    height, width = (int(d) for d in size)
    random = np.random.default_rng()
    shape = (len(image), height, width, image.shape[3])
    if uniform_noise:
        found = random.random(shape, np.float32)
    else:
        found = np.clip(random.normal(0.5, 0.25, shape), 0, 1).astype(np.float32)
    extents = np.array(image.shape[1:3], np.float32)
    starts = offsets * extents if normalized else offsets
    if centered:
        starts = starts / 2 + extents / 2
    starts = starts - np.array([height, width], np.float32) / 2
    for k, (top, left) in enumerate(np.trunc(starts).astype(int)):
        rows, columns = np.arange(top, top + height), np.arange(left, left + width)
        in_rows = (rows >= 0) & (rows < image.shape[1])
        in_columns = (columns >= 0) & (columns < image.shape[2])
        if in_rows.any() and in_columns.any():
            part = image[k][np.ix_(rows[in_rows], columns[in_columns])]
            found[k][np.ix_(in_rows, in_columns)] = part
    return found


def _infer_glimpse(op: Operation) -> Types:
    batch, _, _, depth = with_rank(op.inputs[0].shape, 4)
    size = shape_of_value(op.inputs[1]) or (None, None)
    count = with_rank(op.inputs[2].shape, 2)[0]
    return output(op, (merge_size(batch, count), *size, depth))


define_host_op(
    "ExtractGlimpse", _infer_glimpse, _glimpses, None, ("centered", "normalized", "uniform_noise")
)
_GLIMPSE = Signature("ExtractGlimpse", "input: float32", "size: int32", "offsets: float32")


def extract_glimpse(
    input: Any, size: Any, offsets: Any, centered: bool = True, normalized: bool = True,
    uniform_noise: bool = True, name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return a window of each image, with noise where it is outside.

    Parameters
    ----------
    input : float32 of shape (batch, height, width, channels).
    size : height and width of the windows.
    offsets : (batch, 2), where the windows are: their middles from the image's, when `centered`.
    normalized : offsets are parts of the image's sizes, and not pixels.
    uniform_noise : noise that is uniform in [0, 1), else normally distributed.
    """
    attrs: dict[str, Any] = {
        "centered": centered, "normalized": normalized, "uniform_noise": uniform_noise
    }  # fmt: skip
    return _GLIMPSE(input, size, offsets, name=name, **attrs).outputs[0]


# ---- boxes drawn

_PALETTE = np.array([
    [1, 1, 0, 1], [0, 0, 1, 1], [1, 0, 0, 1], [0, 1, 0, 1], [0.5, 0, 0.5, 1], [0.5, 0.5, 0, 1],
    [0.5, 0, 0, 1], [0, 0, 0.5, 1], [0, 1, 1, 1], [1, 0, 1, 1],
], np.float32)  # fmt: skip


def _drawn(images: Array, boxes: Array, *colors: Array) -> Array:
    found = images.copy()
    height, width, depth = images.shape[1:]
    palette = colors[0] if colors and len(colors[0]) else _PALETTE
    for image, own in zip(found, boxes, strict=True):
        for k, box in enumerate(own):
            rows = (box[[0, 2]] * np.float32(height - 1)).astype(int)
            columns = (box[[1, 3]] * np.float32(width - 1)).astype(int)
            colour = palette[k % len(palette)][:depth] if depth > 1 else np.ones(1)
            _draw_one(image, rows, columns, colour)
    return found


def _draw_one(image: Array, rows: Array, columns: Array, colour: Array) -> None:
    """Draw the four sides, as far as they are inside."""
    (top, bottom), (left, right) = rows, columns
    height, width = image.shape[:2]
    if top > bottom or left > right or top >= height or bottom < 0 or left >= width or right < 0:
        return
    across = slice(max(left, 0), min(right, width - 1) + 1)
    along = slice(max(top, 0), min(bottom, height - 1) + 1)
    for row in (top, bottom):
        if 0 <= row < height:
            image[row, across] = colour
    for column in (left, right):
        if 0 <= column < width:
            image[along, column] = colour


def _infer_drawn(op: Operation) -> Types:
    with_rank(op.inputs[0].shape, 4)
    with_rank(op.inputs[1].shape, 3)
    return output(op, op.inputs[0].shape.extents)


for _name in ("DrawBoundingBoxes", "DrawBoundingBoxesV2"):
    define_host_op(
        _name, _infer_drawn, _drawn, lambda op, images, *_: [images.shape],
        no_gradient="what is drawn hides what is under it",
    )  # fmt: skip
_HALVES = (dtypes.float32, dtypes.float16)
_DRAW = Signature("DrawBoundingBoxes", "images: T = float32", "boxes: float32", T=_HALVES)
_DRAW_COLORS = Signature(
    "DrawBoundingBoxesV2", "images: T = float32", "boxes: float32", "colors: float32", T=_HALVES
)


def draw_bounding_boxes(
    images: Any, boxes: Any, name: str | None = None, colors: Any = None
) -> Tensor:
    """Return images, (batch, height, width, channels), with boxes, (batch, count, 4), in them.

    Parameters
    ----------
    colors : (number, channels), used in turn; ten that are easy to tell when None.
    """
    if colors is None:
        return _DRAW(images, boxes, name=name).outputs[0]
    return _DRAW_COLORS(images, boxes, colors, name=name).outputs[0]


# ---- boxes chosen


def _overlap(first: Array, second: Array) -> float:
    """The common area of two boxes over that of both together."""
    low = np.maximum(np.minimum(first[:2], first[2:]), np.minimum(second[:2], second[2:]))
    high = np.minimum(np.maximum(first[:2], first[2:]), np.maximum(second[:2], second[2:]))
    areas = [abs(float(np.prod(b[2:] - b[:2]))) for b in (first, second)]
    if min(areas) <= 0:
        return 0.0
    common = float(np.prod(np.maximum(high - low, 0)))
    return common / (areas[0] + areas[1] - common)


def _choose(
    scores: Array, similarity: Any, limit: int, threshold: float, least: float, sigma: float
) -> tuple[list[int], list[float]]:
    """The best candidates of which none is too similar to a better one.

    With a `sigma` the scores of similar ones sink, by Gauss's function, and only then.
    """
    queue = [(-float(s), k, 0) for k, s in enumerate(scores) if s > least]
    heapq.heapify(queue)
    chosen: list[int] = []
    kept: list[float] = []
    scale = -0.5 / sigma if sigma > 0 else 0.0
    while queue and len(chosen) < limit:
        negative, k, seen = heapq.heappop(queue)
        original = score = -negative
        dropped = False
        for other in reversed(chosen[seen:]):
            similar = similarity(k, other)
            score *= float(np.exp(scale * similar * similar)) if similar <= threshold else 0.0
            dropped = sigma <= 0 and similar > threshold
            if dropped or score <= least:
                break
        if dropped:
            continue
        if score == original:
            chosen.append(k)
            kept.append(score)
        elif score > least:
            heapq.heappush(queue, (-score, k, len(chosen)))
    return chosen, kept


def _suppressed(
    boxes: Array, scores: Array, limit: Array, threshold: Array, least: Array, sigma: Any = 0.0,
    pad_to_max_output_size: bool = False,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Indices and scores of the chosen boxes, and their number."""
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes must have 4 columns, got shape {list(boxes.shape)}")
    if scores.shape != boxes.shape[:1]:
        raise ValueError(f"scores has incompatible shape {list(scores.shape)}")
    if not 0 <= float(threshold) <= 1:
        raise ValueError("iou_threshold must be in [0, 1]")
    chosen, kept = _choose(
        scores, lambda i, j: _overlap(boxes[i], boxes[j]), int(limit),
        float(threshold), float(least), float(sigma),
    )  # fmt: skip
    count = len(chosen)
    if pad_to_max_output_size:
        chosen += [0] * (int(limit) - count)
        kept += [0.0] * (int(limit) - count)
    return np.array(chosen, np.int32), np.array(kept, scores.dtype), np.array(count, np.int32)


def _suppressed_v4(*arrays: Array, pad_to_max_output_size: bool) -> tuple[Array, Array]:
    boxes, scores, limit, threshold, least = arrays
    chosen, _, count = _suppressed(
        boxes, scores, limit, threshold, least, 0.0, pad_to_max_output_size
    )
    return chosen, count


def _by_overlaps(
    overlaps: Array, scores: Array, limit: Array, threshold: Array, least: Array
) -> Array:
    chosen, _ = _choose(
        scores, lambda i, j: float(overlaps[i, j]), int(limit), float(threshold), float(least), 0.0
    )
    return np.array(chosen, np.int32)


def _infer_chosen(op: Operation) -> Types:
    count, sides = with_rank(op.inputs[0].shape, 2)
    merge_size(count, with_rank(op.inputs[1].shape, 1)[0])
    merge_size(4, sides)
    for scalar in op.inputs[2:]:
        with_rank(scalar.shape, 0)
    limit = known_int(op.inputs[2]) if op.attrs.get("pad_to_max_output_size") else None
    dtype = op.inputs[1].dtype.base_dtype
    found = [(dtypes.int32, (limit,)), (dtype, (limit,)), (dtypes.int32, ())]
    kept = {"NonMaxSuppressionV3": (0,), "NonMaxSuppressionV4": (0, 2)}
    places = kept.get(op.type, (0, 1, 2))
    return [(found[k][0], shape_from_tuple(found[k][1])) for k in places]


_NONE = "integer output"
define_host_op(
    "NonMaxSuppressionV3", _infer_chosen, lambda *args: _suppressed(*args)[0], no_gradient=_NONE
)
define_host_op(
    "NonMaxSuppressionV4", _infer_chosen, _suppressed_v4, None, ("pad_to_max_output_size",),
    no_gradient=_NONE,
)  # fmt: skip
define_host_op(
    "NonMaxSuppressionV5", _infer_chosen, _suppressed, None, ("pad_to_max_output_size",),
    no_gradient=_NONE,
)  # fmt: skip
define_host_op(
    "NonMaxSuppressionWithOverlaps",
    lambda op: [(dtypes.int32, shape_from_tuple((None,)))], _by_overlaps, no_gradient=_NONE,
)  # fmt: skip
_LIMITS = ("max_output_size: int32", "iou_threshold: float32", "score_threshold: float32")
_SUPPRESS = {
    version: Signature(
        f"NonMaxSuppressionV{version}",
        "boxes: T = float32",
        "scores: T = float32",
        *_LIMITS,
        *(("soft_nms_sigma: T = float32",) if version == 5 else ()),
        T=_HALVES,
    )
    for version in (3, 4, 5)
}
_OVERLAPS = Signature(
    "NonMaxSuppressionWithOverlaps", "overlaps: float32", "scores: float32", *_LIMITS
)


def _thresholds(iou_threshold: Any, score_threshold: Any, label: str) -> tuple[Tensor, Tensor]:
    first = convert_to_tensor(iou_threshold, dtype=dtypes.float32, name=label)
    return first, convert_to_tensor(score_threshold, dtype=dtypes.float32, name="score_threshold")


def non_max_suppression(
    boxes: Any, scores: Any, max_output_size: Any, iou_threshold: Any = 0.5,
    score_threshold: Any = float("-inf"), name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return the best boxes of which none overlaps a better one by much, as int32 indices.

    Parameters
    ----------
    boxes : (count, 4), by any two opposite corners.
    scores : (count,).
    iou_threshold : from which common area over joint area one of two boxes is left out.
    score_threshold : which scores must exceed.
    """
    with name_scope(name, "non_max_suppression"):
        limits = _thresholds(iou_threshold, score_threshold, "iou_threshold")
        return _SUPPRESS[3](boxes, scores, max_output_size, *limits).outputs[0]


def non_max_suppression_padded(
    boxes: Any, scores: Any, max_output_size: Any, iou_threshold: Any = 0.5,
    score_threshold: Any = float("-inf"), pad_to_max_output_size: bool = False,
    name: str | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Return `non_max_suppression`, filled up with zeros to its limit if wished, and its number."""
    with name_scope(name, "non_max_suppression_padded"):
        limits = _thresholds(iou_threshold, score_threshold, "iou_threshold")
        attrs: dict[str, Any] = {"pad_to_max_output_size": pad_to_max_output_size}
        first, second = _SUPPRESS[4](boxes, scores, max_output_size, *limits, **attrs).outputs
        return first, second


def non_max_suppression_with_scores(
    boxes: Any, scores: Any, max_output_size: Any, iou_threshold: Any = 0.5,
    score_threshold: Any = float("-inf"), soft_nms_sigma: Any = 0.0, name: str | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Return `non_max_suppression` with the scores; those of similar boxes sink by the sigma."""
    with name_scope(name, "non_max_suppression_with_scores"):
        limits = _thresholds(iou_threshold, score_threshold, "iou_threshold")
        sigma = convert_to_tensor(soft_nms_sigma, dtype=dtypes.float32, name="soft_nms_sigma")
        attrs: dict[str, Any] = {"pad_to_max_output_size": False}
        made = _SUPPRESS[5](boxes, scores, max_output_size, *limits, sigma, **attrs)
        return made.outputs[0], made.outputs[1]


def non_max_suppression_overlaps(
    overlaps: Any, scores: Any, max_output_size: Any, overlap_threshold: Any = 0.5,
    score_threshold: Any = float("-inf"), name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return `non_max_suppression` by a matrix that says how similar any two candidates are."""
    with name_scope(name, "non_max_suppression_overlaps"):
        limits = _thresholds(overlap_threshold, score_threshold, "overlap_threshold")
        return _OVERLAPS(overlaps, scores, max_output_size, *limits).outputs[0]
