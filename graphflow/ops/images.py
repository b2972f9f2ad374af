"""Images cut, padded, turned and resized, by other ops."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from graphflow.graph import dtypes
from graphflow.graph.constants import constant_value_as_shape
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.tensor import Tensor
from graphflow.ops.casting import cast
from graphflow.ops.checks import Assert
from graphflow.ops.comparison import equal, less
from graphflow.ops.conditionals import case, cond
from graphflow.ops.division import div, mod
from graphflow.ops.elementwise import maximum, minimum
from graphflow.ops.identity import with_dependencies
from graphflow.ops.image_colors import convert_image_dtype
from graphflow.ops.image_resizing import (
    resize_area,
    resize_bicubic,
    resize_bilinear,
    resize_nearest_neighbor,
)
from graphflow.ops.joining import stack, unstack
from graphflow.ops.padding import pad
from graphflow.ops.random import random_uniform
from graphflow.ops.reductions import reduce_mean, reduce_prod, reduce_std
from graphflow.ops.shape import expand_dims, reshape, squeeze
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.slicing import reverse
from graphflow.ops.slicing import slice as slice_of
from graphflow.ops.transposing import transpose
from graphflow.ops.unary import floor, rsqrt
from graphflow.ops.unary import round as rounded

__all__ = [
    "ResizeMethod", "central_crop", "crop_to_bounding_box", "flip_left_right", "flip_up_down",
    "pad_to_bounding_box", "per_image_standardization", "random_flip_left_right",
    "random_flip_up_down", "resize", "resize_image_with_crop_or_pad", "resize_image_with_pad",
    "resize_images", "resize_with_crop_or_pad", "rot90", "transpose_image",
]  # fmt: skip


class ResizeMethod:
    """How `resize_images` computes pixels."""

    BILINEAR = 0
    NEAREST_NEIGHBOR = 1
    BICUBIC = 2
    AREA = 3


# ---- what all functions ask of images


def _check_sizes(image: Tensor) -> None:
    """At least three axes, none of them empty."""
    if image.shape.rank is not None and image.shape.rank < 3:
        raise ValueError("'image' must be at least three-dimensional.")
    if image.shape.rank is not None and 0 in image.shape.as_list():
        raise ValueError(f"all dims of 'image.shape' must be > 0: {image.shape}")


def _as_batch(image: Any) -> tuple[Tensor, bool]:
    """Images with a batch axis, and whether they had one."""
    image = convert_to_tensor(image, name="image")
    if image.shape.rank == 4:
        _check_sizes(image)
        return image, True
    if image.shape.rank not in (None, 3):
        raise ValueError("'image' must have either 3 or 4 dimensions.")
    whole = expand_dims(image, 0)
    if image.shape.rank is None:
        whole.set_shape([None] * 4)
    _check_sizes(whole)
    return whole, False


def _sizes(image: Tensor) -> list[Any]:
    """The sizes of four axes: numbers where they are known, else scalars."""
    known = image.shape.as_list()
    if None not in known:
        return known
    found = unstack(shape_of(image), 4)
    return [f if k is None else k for k, f in zip(known, found, strict=True)]


def _require(conditions: list[tuple[Any, str]], image: Tensor) -> Tensor:
    """The images, once all conditions hold; ValueError for those that are known not to."""
    checks = []
    for condition, message in conditions:
        if isinstance(condition, Tensor):
            checks.append(Assert(condition, [message]))
        elif not condition:
            raise ValueError(message)
    return with_dependencies(checks, image)


def _set_known(image: Tensor, sizes: list[Any]) -> None:
    image.set_shape([None if isinstance(s, Tensor) else s for s in sizes])


# ---- cutting and padding


def crop_to_bounding_box(
    image: Any, offset_height: Any, offset_width: Any, target_height: Any, target_width: Any
) -> Tensor:
    """Return the part of an image, or of each of a batch, that begins at an offset.

    Raises
    ------
    ValueError : the part is not inside the image.
    """
    with name_scope(None, "crop_to_bounding_box", [image]):
        image, is_batch = _as_batch(image)
        batch, height, width, depth = _sizes(image)
        image = _require([
            (offset_width >= 0, "offset_width must be >= 0."),
            (offset_height >= 0, "offset_height must be >= 0."),
            (target_width > 0, "target_width must be > 0."),
            (target_height > 0, "target_height must be > 0."),
            (width >= target_width + offset_width, "width must be >= target + offset."),
            (height >= target_height + offset_height, "height must be >= target + offset."),
        ], image)  # fmt: skip
        begin = stack([0, offset_height, offset_width, 0])
        cropped = slice_of(image, begin, stack([-1, target_height, target_width, -1]))
        _set_known(cropped, [batch, target_height, target_width, depth])
        return cropped if is_batch else squeeze(cropped, axis=[0])


def pad_to_bounding_box(
    image: Any, offset_height: Any, offset_width: Any, target_height: Any, target_width: Any
) -> Tensor:
    """Return an image, or each of a batch, put into a larger one of zeros at an offset.

    Raises
    ------
    ValueError : the larger image does not hold it.
    """
    with name_scope(None, "pad_to_bounding_box", [image]):
        image, is_batch = _as_batch(image)
        batch, height, width, depth = _sizes(image)
        right = target_width - offset_width - width
        below = target_height - offset_height - height
        image = _require([
            (offset_height >= 0, "offset_height must be >= 0"),
            (offset_width >= 0, "offset_width must be >= 0"),
            (right >= 0, "width must be <= target - offset"),
            (below >= 0, "height must be <= target - offset"),
        ], image)  # fmt: skip
        amounts = [0, 0, offset_height, below, offset_width, right, 0, 0]
        padded = pad(image, reshape(stack(amounts), [4, 2]))
        _set_known(padded, [batch, target_height, target_width, depth])
        return padded if is_batch else squeeze(padded, axis=[0])


def _greater(x: Any, y: Any) -> Any:
    return maximum(x, y) if isinstance(x, Tensor) or isinstance(y, Tensor) else max(x, y)


def _smaller(x: Any, y: Any) -> Any:
    return minimum(x, y) if isinstance(x, Tensor) or isinstance(y, Tensor) else min(x, y)


def resize_image_with_crop_or_pad(image: Any, target_height: Any, target_width: Any) -> Tensor:
    """Return an image, or each of a batch, cut or padded evenly on both sides to a size."""
    with name_scope(None, "resize_image_with_crop_or_pad", [image]):
        image, is_batch = _as_batch(image)
        image = _require([
            (target_width > 0, "target_width must be > 0."),
            (target_height > 0, "target_height must be > 0."),
        ], image)  # fmt: skip
        _, height, width, _ = _sizes(image)
        wider, higher = target_width - width, target_height - height
        cropped = crop_to_bounding_box(
            image, _greater(-higher // 2, 0), _greater(-wider // 2, 0),
            _smaller(target_height, height), _smaller(target_width, width),
        )  # fmt: skip
        resized = pad_to_bounding_box(
            cropped, _greater(higher // 2, 0), _greater(wider // 2, 0), target_height,
            target_width,
        )  # fmt: skip
        return resized if is_batch else squeeze(resized, axis=[0])


resize_with_crop_or_pad = resize_image_with_crop_or_pad


def central_crop(image: Any, central_fraction: float) -> Tensor:
    """Return the middle of an image, or of each of a batch: this part of its height and width."""
    with name_scope(None, "central_crop", [image]):
        image = convert_to_tensor(image, name="image")
        if central_fraction <= 0.0 or central_fraction > 1.0:
            raise ValueError("central_fraction must be within (0, 1]")
        if central_fraction == 1.0:
            return image
        _check_sizes(image)
        axes = image.shape.rank
        if axes not in (3, 4):
            raise ValueError(
                f"`image` should either be a Tensor with rank = 3 or rank = 4. Had rank = {axes}."
            )
        known = image.shape.as_list()
        begin, size = [0] * axes, [-1] * axes
        for axis in (axes - 3, axes - 2):
            begin[axis], size[axis] = _central(image, axis, central_fraction)
            known[axis] = None if known[axis] is None else size[axis]
        cropped = slice_of(image, stack(begin), stack(size))
        cropped.set_shape(known)
        return cropped


def _central(image: Tensor, axis: int, fraction: float) -> tuple[Any, Any]:
    """Begin and size of the middle along an axis."""
    extent: Any = image.shape.as_list()[axis]
    if extent is not None:
        begin = int((float(extent) - float(extent) * fraction) / 2)
        return begin, extent - begin * 2
    sizes: Any = shape_of(image)
    extent = sizes[axis]
    wide: Any = cast(extent, dtypes.float64)
    start: Any = cast((wide - wide * fraction) / 2, dtypes.int32)
    return start, extent - start * 2


# ---- turning


def _with_rank(image: Any) -> Tensor:
    image = convert_to_tensor(image, name="image")
    _check_sizes(image)
    if image.shape.rank not in (None, 3, 4):
        raise ValueError("'image' must have either 3 or 4 dimensions.")
    return with_dependencies([], image)


def _flipped(image: Any, axis: int, label: str) -> Tensor:
    with name_scope(None, label, [image]):
        image = _with_rank(image)
        if image.shape.rank == 4:
            return reverse(image, [axis + 1])
        result = reverse(image, [axis])
        result.set_shape([None] * 3 if image.shape.rank is None else image.shape)
        return result


def flip_left_right(image: Any) -> Tensor:
    """Return an image, or each of a batch, in the mirror."""
    return _flipped(image, 1, "flip_left_right")


def flip_up_down(image: Any) -> Tensor:
    """Return an image, or each of a batch, upside down."""
    return _flipped(image, 0, "flip_up_down")


def _flipped_at_random(image: Any, axis: int, seed: int | None, label: str) -> Tensor:
    with name_scope(None, label, [image]) as scope:
        image = _with_rank(image)
        if image.shape.rank == 4:
            sizes: Any = shape_of(image)
            drawn = random_uniform([sizes[0]], 0, 1.0, seed=seed)
            flips = cast(rounded(reshape(drawn, [sizes[0], 1, 1, 1])), image.dtype)
            return flips * reverse(image, [axis + 1]) + (1 - flips) * image
        drawn = random_uniform([], 0, 1.0, seed=seed)
        result = cond(less(drawn, 0.5), lambda: reverse(image, [axis]), lambda: image, name=scope)
        result.set_shape([None] * 3 if image.shape.rank is None else image.shape)
        return result


def random_flip_left_right(image: Any, seed: int | None = None) -> Tensor:
    """Return an image in the mirror, every second time."""
    return _flipped_at_random(image, 1, seed, "random_flip_left_right")


def random_flip_up_down(image: Any, seed: int | None = None) -> Tensor:
    """Return an image upside down, every second time."""
    return _flipped_at_random(image, 0, seed, "random_flip_up_down")


def transpose_image(image: Any, name: str | None = None) -> Tensor:
    """Return an image, or each of a batch, with rows and columns exchanged."""
    with name_scope(name, "transpose", [image]):
        image = _with_rank(image)
        order = [0, 2, 1, 3] if image.shape.rank == 4 else [1, 0, 2]
        return transpose(image, order)


def rot90(image: Any, k: Any = 1, name: str | None = None) -> Tensor:
    """Return an image, or each of a batch, turned counter-clockwise by `k` right angles."""
    with name_scope(name, "rot90", [image, k]) as scope:
        image = _with_rank(image)
        k = convert_to_tensor(k, dtype=dtypes.int32, name="k")
        k.shape.assert_has_rank(0)
        k = mod(k, 4)
        lead = 1 if image.shape.rank == 4 else 0
        order = [0, 2, 1, 3] if lead else [1, 0, 2]
        turns: list[Callable[[], Tensor]] = [
            lambda: transpose(reverse(image, [lead + 1]), order),
            lambda: reverse(image, [lead, lead + 1]),
            lambda: reverse(transpose(image, order), [lead + 1]),
        ]
        cases = [(equal(k, count + 1), turn) for count, turn in enumerate(turns)]
        result = case(cases, default=lambda: image, exclusive=True, name=scope)
        known = image.shape.as_list() if image.shape.rank is not None else [None] * 3
        result.set_shape([*known[:lead], None, None, known[-1]])
        return result


# ---- resizing

_METHODS: dict[int, Callable[..., Tensor]] = {
    ResizeMethod.BILINEAR: resize_bilinear,
    ResizeMethod.NEAREST_NEIGHBOR: resize_nearest_neighbor,
    ResizeMethod.BICUBIC: resize_bicubic,
    ResizeMethod.AREA: resize_area,
}


def _wanted_size(images: Tensor, size: Any, keep_ratio: bool) -> Tensor:
    try:
        wanted = convert_to_tensor(size, dtypes.int32, name="size")
    except (TypeError, ValueError):
        raise ValueError("'size' must be a 1-D int32 Tensor") from None
    if not wanted.shape.is_compatible_with([2]):
        raise ValueError("'size' must be a 1-D Tensor of 2 elements: new_height, new_width")
    if not keep_ratio:
        return wanted
    current = [cast(d, dtypes.float32) for d in _sizes(images)[1:3]]
    asked: Any = cast(wanted, dtypes.float32)
    factor = minimum(asked[0] / current[0], asked[1] / current[1])
    scaled = [cast(rounded(factor * d), dtypes.int32) for d in current]
    return convert_to_tensor(scaled, dtypes.int32, name="size")


def resize_images(
    images: Any, size: Any, method: Any = ResizeMethod.BILINEAR, align_corners: bool = False,
    preserve_aspect_ratio: bool = False, name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return an image, or each of a batch, in another size.

    Parameters
    ----------
    size : int32, height and width.
    method : one of `ResizeMethod`; the result is float32 but for ``NEAREST_NEIGHBOR``, or where
        nothing changes.
    align_corners : the corners' pixels stay where they are.
    preserve_aspect_ratio : scale by one factor, so that the result fits into `size`.
    """
    with name_scope(name, "resize", [images, size]):
        images = convert_to_tensor(images, name="images")
        if images.shape.rank is None:
            raise ValueError("'images' contains no shape.")
        if images.shape.rank not in (3, 4):
            raise ValueError("'images' must have either 3 or 4 dimensions.")
        is_batch = images.shape.rank == 4
        images = images if is_batch else expand_dims(images, 0)
        wanted = _wanted_size(images, size, preserve_aspect_ratio)
        known = constant_value_as_shape(wanted).as_list()
        if None not in known and images.shape.as_list()[1:3] == known:
            return images if is_batch else squeeze(images, axis=[0])
        if method not in _METHODS:
            raise ValueError("Resize method is not implemented.")
        resized = _METHODS[method](images, wanted, align_corners=align_corners)
        resized.set_shape([None, *known, None])
        return resized if is_batch else squeeze(resized, axis=[0])


resize = resize_images


def resize_image_with_pad(
    image: Any, target_height: Any, target_width: Any, method: Any = ResizeMethod.BILINEAR,
    align_corners: bool = False,
) -> Tensor:  # fmt: skip
    """Return an image, or each of a batch, resized without distortion and padded to a size."""
    with name_scope(None, "resize_image_with_pad", [image]):
        image, is_batch = _as_batch(image)
        image = _require([
            (target_width > 0, "target_width must be > 0."),
            (target_height > 0, "target_height must be > 0."),
        ], image)  # fmt: skip
        _, height, width, _ = _sizes(image)
        ratio = _greater(
            _single(width) / _single(target_width), _single(height) / _single(target_height)
        )
        inner = [_whole(_single(d) / ratio) for d in (height, width)]
        offsets = [
            _greater((target - new) // 2, 0)
            for target, new in zip((target_height, target_width), inner, strict=True)
        ]
        resized = resize_images(image, stack(inner), method, align_corners)
        padded = pad_to_bounding_box(resized, offsets[0], offsets[1], target_height, target_width)
        return padded if is_batch else squeeze(padded, axis=[0])


def _single(x: Any) -> Any:
    return cast(x, dtypes.float32) if isinstance(x, Tensor) else float(x)


def _whole(x: Any) -> Any:
    return cast(floor(x), dtypes.int32) if isinstance(x, Tensor) else math.floor(x)


def per_image_standardization(image: Any) -> Tensor:
    """Return an image, or each of a batch, with mean 0 and standard deviation 1, of its type.

    The deviation by which it is divided is at least one over the root of the number of elements.
    """
    with name_scope(None, "per_image_standardization", [image]) as scope:
        image = convert_to_tensor(image, name="image")
        _check_sizes(image)
        original = image.dtype
        if original not in (dtypes.float16, dtypes.float32):
            image = convert_image_dtype(image, dtypes.float32)
        sizes: Any = shape_of(image)
        count = reduce_prod(sizes[-3:])
        mean: Any = reduce_mean(image, axis=[-1, -2, -3], keepdims=True)
        deviation = reduce_std(image, axis=[-1, -2, -3], keepdims=True)
        least = rsqrt(cast(count, image.dtype))
        result = div(image - mean, maximum(deviation, least), name=scope)
        return convert_image_dtype(result, original, saturate=True)
