"""Boxes chosen for each class of each image of a batch: combined_non_max_suppression."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import shape_from_tuple
from graphflow.graph.tensor import Tensor
from graphflow.ops.host import define_host_op
from graphflow.ops.shape_rules import Types, known_int, merge_size, with_rank

__all__ = ["combined_non_max_suppression"]

Array = np.ndarray[Any, Any]


class CombinedNonMaxSuppression(NamedTuple):
    """The chosen boxes of each image, best first, filled up with zeros, and their numbers."""

    nmsed_boxes: Tensor
    nmsed_scores: Tensor
    nmsed_classes: Tensor
    valid_detections: Tensor


def _overlaps(box: Array, others: Array) -> Array:
    """The common area of a box and each of others, over that of both together."""
    low = np.minimum(others[:, :2], others[:, 2:])
    high = np.maximum(others[:, :2], others[:, 2:])
    first, last = np.minimum(box[:2], box[2:]), np.maximum(box[:2], box[2:])
    common = np.prod(np.maximum(np.minimum(high, last) - np.maximum(low, first), 0), axis=1)
    area, areas = np.prod(last - first), np.prod(high - low, axis=1)
    with np.errstate(all="ignore"):
        return np.where((areas > 0) & (area > 0), common / (area + areas - common), 0)


def _chosen(boxes: Array, scores: Array, limit: int, threshold: float, least: float) -> list[int]:
    """The best boxes of one class, none of which overlaps a better one by much."""
    left = np.argsort(-scores, kind="stable")
    left = left[scores[left] > least]
    found: list[int] = []
    while left.size and len(found) < limit:
        found.append(int(left[0]))
        left = left[1:][_overlaps(boxes[left[0]], boxes[left[1:]]) <= threshold]
    return found


def _combined(
    boxes: Array, scores: Array, per_class: Array, total: Array, threshold: Array, least: Array,
    pad_per_class: bool, clip_boxes: bool,
) -> tuple[Array, ...]:  # fmt: skip
    if not 0 <= float(threshold) <= 1:
        raise ValueError("iou_threshold must be in [0, 1]")
    for limit, label in ((per_class, "max_size_per_class"), (total, "max_total_size")):
        if int(limit) <= 0:
            raise ValueError(f"{label} must be positive, got {int(limit)}")
    images, count, classes = scores.shape
    if boxes.shape[:2] != (images, count) or boxes.shape[2] not in (1, classes):
        raise ValueError(f"scores of shape {list(scores.shape)} do not fit boxes of shape "
                         f"{list(boxes.shape)}")  # fmt: skip
    size = _size(int(per_class), int(total), classes, pad_per_class)
    found = np.zeros((images, size, 4), np.float32)
    best, kinds = np.zeros((2, images, size), np.float32)
    valid = np.zeros(images, np.int32)
    for k in range(images):
        places = [
            (row, kind)
            for kind in range(classes)
            for row in _chosen(boxes[k, :, kind % boxes.shape[2]], scores[k, :, kind],
                               int(per_class), float(threshold), float(least))
        ]  # fmt: skip
        order = np.argsort([-scores[k][place] for place in places], kind="stable")
        places = [places[n] for n in order]
        valid[k] = min(len(places), size)
        for n, (row, kind) in enumerate(places[:size]):
            found[k, n] = boxes[k, row, kind % boxes.shape[2]]
            best[k, n], kinds[k, n] = scores[k, row, kind], kind
    return np.clip(found, 0, 1) if clip_boxes else found, best, kinds, valid


def _size(per_class: int, total: int, classes: int, pad_per_class: bool) -> int:
    return min(total, per_class * classes) if pad_per_class else total


def _infer(op: Operation) -> Types:
    boxes, scores = with_rank(op.inputs[0].shape, 4), with_rank(op.inputs[1].shape, 3)
    images = merge_size(boxes[0], scores[0])
    merge_size(boxes[1], scores[1])
    merge_size(boxes[3], 4)
    if boxes[2] not in (None, 1):
        merge_size(boxes[2], scores[2])
    for scalar in op.inputs[2:]:
        with_rank(scalar.shape, 0)
    per_class, total = (known_int(t) for t in op.inputs[2:4])
    size = None
    if total is not None and not op.attrs["pad_per_class"]:
        size = total
    elif total is not None and per_class is not None and scores[2] is not None:
        size = _size(per_class, total, scores[2], True)
    shapes = [(images, size, 4), (images, size), (images, size), (images,)]
    kinds = [dtypes.float32] * 3 + [dtypes.int32]
    return [(dtype, shape_from_tuple(s)) for dtype, s in zip(kinds, shapes, strict=True)]


define_host_op(
    "CombinedNonMaxSuppression", _infer, _combined, None, ("pad_per_class", "clip_boxes"),
    no_gradient="TensorFlow has none for it",
)  # fmt: skip
_COMBINED = Signature(
    "CombinedNonMaxSuppression", "boxes: float32", "scores: float32",
    "max_output_size_per_class: int32", "max_total_size: int32", "iou_threshold: float32",
    "score_threshold: float32",
)  # fmt: skip


def combined_non_max_suppression(
    boxes: Any, scores: Any, max_output_size_per_class: Any, max_total_size: Any,
    iou_threshold: Any = 0.5, score_threshold: Any = float("-inf"), pad_per_class: bool = False,
    clip_boxes: bool = True, name: str | None = None,
) -> CombinedNonMaxSuppression:  # fmt: skip
    """Return the best boxes of each image, of which none overlaps a better one of its class.

    Parameters
    ----------
    boxes : float32 (images, count, classes, 4), or (images, count, 1, 4) for all classes.
    scores : float32 (images, count, classes).
    max_output_size_per_class, max_total_size : how many boxes of a class, and of an image.
    iou_threshold : from which common area over joint area one of two boxes is left out.
    score_threshold : which scores must exceed.
    pad_per_class : fill up to the size of all classes together, if that is smaller than the total.
    clip_boxes : cut boxes at 0 and 1.
    """
    with name_scope(name, "combined_non_max_suppression"):
        threshold = convert_to_tensor(iou_threshold, dtypes.float32, name="iou_threshold")
        least = convert_to_tensor(score_threshold, dtypes.float32, name="score_threshold")
        made = _COMBINED(
            boxes, scores, max_output_size_per_class, max_total_size, threshold, least,
            pad_per_class=pad_per_class, clip_boxes=clip_boxes,
        )  # fmt: skip
        return CombinedNonMaxSuppression(*made.outputs)
