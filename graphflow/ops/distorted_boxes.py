"""A part of an image drawn by lot, for training: `sample_distorted_bounding_box`.

Seeded operations draw what TensorFlow 1.15 draws.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import shape_from_tuple
from graphflow.graph.tensor import Tensor
from graphflow.ir.philox import initial_state, to_unit
from graphflow.ir.philox_candidates import WordStream, one_below
from graphflow.ops.host import Computed
from graphflow.ops.shape_rules import Types, with_rank

__all__ = ["sample_distorted_bounding_box"]

Array = np.ndarray[Any, Any]
Box = tuple[int, int, int, int]  # left, top, right, bottom, in pixels


def _rounded(x: float) -> int:
    return int(np.rint(x))


def _crop(
    stream: WordStream, width: int, height: int, areas: Sequence[float], ratio: float
) -> Box | None:
    """A box of a ratio and an area in a range, anywhere in the image; None if there is none."""
    least, most = (np.float32(a) * width * height for a in areas)
    high = _rounded(math.sqrt(least / ratio))
    highest = _rounded(math.sqrt(most / ratio))
    if _rounded(highest * ratio) > width:
        highest = int((width + 0.5 - 1e-7) / ratio)
        highest -= _rounded(highest * ratio) > width
    highest = min(highest, height)
    high = min(high, highest)
    if high < highest:
        high += one_below(stream, highest - high + 1)
    wide = _rounded(high * ratio)
    if wide * high < least:
        high += 1
        wide = _rounded(high * ratio)
    if wide * high > most:
        high -= 1
        wide = _rounded(high * ratio)
    if not least <= wide * high <= most or wide > width or high > height:
        return None
    if wide <= 0 or high <= 0:
        return None
    top = one_below(stream, height - high) if high < height else 0
    left = one_below(stream, width - wide) if wide < width else 0
    return left, top, left + wide, top + high


def _covers(crop: Box, boxes: Sequence[Box], least: float) -> bool:
    """Whether the crop has enough of any of the objects."""
    left, top, right, bottom = crop
    for x0, y0, x1, y1 in boxes:
        area = (x1 - x0) * (y1 - y0)
        common = max(min(right, x1) - max(left, x0), 0) * max(min(bottom, y1) - max(top, y0), 0)
        if area >= 1 and np.float32(common) / np.float32(area) >= np.float32(least):
            return True
    return False


def _objects(boxes: Array, width: int, height: int) -> list[Box]:
    found = []
    for top, left, bottom, right in boxes.reshape(-1, 4):
        if not (0 <= top < bottom <= 1 and 0 <= left < right <= 1):
            raise ValueError(
                "All bounding box coordinates must be in [0.0, 1.0]: "
                f"{[float(v) for v in (top, left, bottom, right)]}"
            )
        x0, x1 = int(left * width), int(right * width)
        found.append((x0, int(top * height), x1, int(bottom * height)))
    return found


def _sample(
    size: Array, boxes: Array, covered: Array, state: Array, aspect_ratio_range: Sequence[float],
    area_range: Sequence[float], max_attempts: int, use_image: bool,
) -> tuple[Array, Array, Array]:  # fmt: skip
    height, width = int(size[0]), int(size[1])
    objects = _objects(boxes, width, height)
    if not objects:
        if not use_image:
            raise ValueError(
                "No bounding boxes provided as input. One must enable "
                "use_image_if_no_bounding_boxes if you wish to not provide any bounding boxes."
            )
        objects = [(0, 0, width, height)]
    stream, crop = WordStream(state), None
    low, high = (np.float32(r) for r in aspect_ratio_range)
    for _ in range(max_attempts):
        ratio = float(to_unit(stream.take(1), np.float32)[0] * (high - low) + low)
        crop = _crop(stream, width, height, area_range, ratio)
        if crop is not None and _covers(crop, objects, float(covered)):
            break
        crop = None
    left, top, right, bottom = crop or (0, 0, width, height)
    found = np.array([top / height, left / width, bottom / height, right / width], np.float32)
    begin, extent = [top, left, 0], [bottom - top, right - left, -1]
    return np.array(begin), np.array(extent), found.reshape(1, 1, 4)


def _infer(op: Operation) -> Types:
    with_rank(op.inputs[0].shape, 1)
    with_rank(op.inputs[1].shape, 3)
    dtype = op.inputs[0].dtype.base_dtype
    vector = shape_from_tuple((3,))
    return [(dtype, vector), (dtype, vector), (dtypes.float32, shape_from_tuple((1, 1, 4)))]


def _lower(b: Any, op: Operation, size: Any, boxes: Any, covered: Any) -> Any:
    seeds = op.attrs["seed"], op.attrs["seed2"]
    if seeds == (0, 0):
        seeds = secrets.randbits(64), secrets.randbits(64)
    state = b.random_state(op, *initial_state(*seeds))
    b.advance_random(op, op.attrs["max_attempts"])
    options = {
        "aspect_ratio_range": tuple(op.attrs["aspect_ratio_range"]),
        "area_range": tuple(op.attrs["area_range"]), "max_attempts": op.attrs["max_attempts"],
        "use_image": op.attrs["use_image_if_no_bounding_boxes"],
    }  # fmt: skip
    call = Computed(_sample, tuple(sorted(options.items())), op)
    types = [
        (t.dtype.base_dtype, s) for t, s in zip(op.outputs, [(3,), (3,), (1, 1, 4)], strict=True)
    ]
    return b.call_python(call, (size, boxes, covered, state), types, stateful=False)


define_op(
    "SampleDistortedBoundingBoxV2", _infer, _lower, stateful=True,
    no_gradient="random numbers depend on no input",
)  # fmt: skip
_SAMPLE = Signature(
    "SampleDistortedBoundingBoxV2", "image_size: T", "bounding_boxes: float32",
    "min_object_covered: float32",
)  # fmt: skip


def sample_distorted_bounding_box(
    image_size: Any, bounding_boxes: Any, seed: int | None = None, seed2: int | None = None,
    min_object_covered: Any = 0.1, aspect_ratio_range: Sequence[float] | None = None,
    area_range: Sequence[float] | None = None, max_attempts: int | None = None,
    use_image_if_no_bounding_boxes: bool | None = None, name: str | None = None,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Draw a part of an image that has enough of one of its objects.

    Parameters
    ----------
    image_size : integers, height, width and channels.
    bounding_boxes : the objects, (1, count, 4), in parts of the image's sizes.
    min_object_covered : the part of an object that must be inside.
    aspect_ratio_range : of width over height; (0.75, 1.33) when None.
    area_range : of the part's area over the image's; (0.05, 1) when None.
    max_attempts : after which the whole image is taken; 100 when None.
    use_image_if_no_bounding_boxes : take the image for an object when there is none.

    Returns
    -------
    Begin and size for `slice`, and the part as a box of shape (1, 1, 4).
    """
    attrs: dict[str, Any] = {
        "aspect_ratio_range": list(aspect_ratio_range or (0.75, 1.33)),
        "area_range": list(area_range or (0.05, 1.0)),
        "max_attempts": 100 if max_attempts is None else max_attempts,
        "use_image_if_no_bounding_boxes": bool(use_image_if_no_bounding_boxes),
        # The seeds as they are given: TensorFlow 1.15 leaves the graph's seed out here.
        "seed": seed or 0,
        "seed2": seed2 or 0,
    }
    size = convert_to_tensor(image_size, name="image_size")
    outputs = _SAMPLE(size, bounding_boxes, min_object_covered, name=name, **attrs).outputs
    return outputs[0], outputs[1], outputs[2]
