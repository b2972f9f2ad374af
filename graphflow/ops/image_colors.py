"""Colours: types and spaces of pixels, brightness, contrast, hue, saturation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphflow import errors
from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import as_dtype
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ops.assertions import assert_non_negative
from graphflow.ops.casting import cast, saturate_cast
from graphflow.ops.comparison import equal, logical_and, logical_not, logical_or, where
from graphflow.ops.contraction import tensordot
from graphflow.ops.creation import ones, zeros_like
from graphflow.ops.division import div
from graphflow.ops.elementwise import add, multiply
from graphflow.ops.identity import identity, with_dependencies
from graphflow.ops.joining import concat, stack
from graphflow.ops.kinds import FLOATS
from graphflow.ops.random import random_uniform
from graphflow.ops.reductions import reduce_max, reduce_min
from graphflow.ops.shape import expand_dims, rank
from graphflow.ops.shape_rules import Types, output, with_rank, with_rank_at_least
from graphflow.ops.slicing import tile

__all__ = [
    "adjust_brightness", "adjust_contrast", "adjust_gamma", "adjust_hue", "adjust_saturation",
    "convert_image_dtype", "grayscale_to_rgb", "hsv_to_rgb", "random_brightness",
    "random_contrast", "random_hue", "random_saturation", "rgb_to_grayscale", "rgb_to_hsv",
    "rgb_to_yiq", "rgb_to_yuv", "yiq_to_rgb", "yuv_to_rgb",
]  # fmt: skip

_GRAY = [0.2989, 0.5870, 0.1140]
_YIQ = [
    [0.299, 0.59590059, 0.2115], [0.587, -0.27455667, -0.52273617],
    [0.114, -0.32134392, 0.31119955],
]  # fmt: skip
_YIQ_BACK = [
    [1, 1, 1], [0.95598634, -0.27201283, -1.10674021], [0.6208248, -0.64720424, 1.70423049],
]  # fmt: skip
_YUV = [
    [0.299, -0.14714119, 0.61497538], [0.587, -0.28886916, -0.51496512],
    [0.114, 0.43601035, -0.10001026],
]  # fmt: skip
_YUV_BACK = [[1, 1, 1], [0, -0.394642334, 2.03206185], [1.13988303, -0.58062185, 0]]

# ---- types


def convert_image_dtype(
    image: Any, dtype: Any, saturate: bool = False, name: str | None = None
) -> Tensor:
    """Return an image with another element type, scaled: floats are in [0, 1], integers to MAX.

    Parameters
    ----------
    saturate : cut what is out of range when converting to integers.
    """
    image, dtype = convert_to_tensor(image, name="image"), as_dtype(dtype)
    if not dtype.is_floating and not dtype.is_integer:
        raise AttributeError("dtype must be either floating point or integer")
    if dtype == image.dtype:
        return identity(image, name=name)
    with name_scope(name, "convert_image", [image]) as scope:
        convert = saturate_cast if saturate else cast
        if image.dtype.is_integer and dtype.is_integer:
            return _between_integers(image, dtype, convert, scope)
        if image.dtype.is_floating and dtype.is_floating:
            return cast(image, dtype, name=scope)
        if image.dtype.is_integer:
            return multiply(cast(image, dtype), 1.0 / image.dtype.max, name=scope)
        scaled = multiply(image, dtype.max + 0.5)  # half of one more, against rounding down
        return convert(scaled, dtype, name=scope)


def _between_integers(image: Tensor, dtype: Any, convert: Any, scope: str) -> Tensor:
    source, target = int(image.dtype.max), int(dtype.max)
    if source > target:
        return convert(div(image, (source + 1) // (target + 1)), dtype, name=scope)
    return multiply(convert(image, dtype), (target + 1) // (source + 1), name=scope)


def _as_float(image: Tensor) -> Tensor:
    if image.dtype in (dtypes.float16, dtypes.float32):
        return image
    return convert_image_dtype(image, dtypes.float32)


# ---- hue, saturation, value


def _channels(b: Any, x: Any) -> list[Any]:
    lead = x.shape[:-1]
    zeros = [0] * (x.rank - 1)
    return [b.reshape(b.slice(x, [*zeros, k], (*lead, 1)), lead) for k in range(3)]


def _pixels(b: Any, parts: list[Any]) -> Any:
    return b.concat([b.reshape(p, (*p.shape, 1)) for p in parts], parts[0].rank)


def _to_hsv(b: Any, red: Any, green: Any, blue: Any) -> list[Any]:
    pixels = _pixels(b, [red, green, blue])
    value = b.reduce("max", pixels, [pixels.rank - 1])
    spread = b.sub(value, b.reduce("min", pixels, [pixels.rank - 1]))
    has_colour = b.gt(spread, 0)
    zero = b.full(value.shape, 0, value.dtype)
    saturation = b.select(b.gt(value, 0), b.div(spread, value), zero)
    norm = b.div(1 / 6, spread)
    by_green = b.add(b.mul(norm, b.sub(blue, red)), 2 / 6)
    by_blue = b.add(b.mul(norm, b.sub(red, green)), 4 / 6)
    hue = b.select(b.eq(green, value), by_green, by_blue)
    hue = b.select(b.eq(red, value), b.mul(norm, b.sub(green, blue)), hue)
    hue = b.select(has_colour, hue, zero)
    return [b.select(b.lt(hue, 0), b.add(hue, 1), hue), saturation, value]


def _to_rgb(b: Any, hue: Any, saturation: Any, value: Any) -> list[Any]:
    six = b.mul(hue, 6)
    shares = [
        b.sub(b.abs(b.sub(six, 3)), 1),
        b.sub(2, b.abs(b.sub(six, 2))),
        b.sub(2, b.abs(b.sub(six, 4))),
    ]
    rest = b.sub(1, saturation)
    return [
        b.mul(b.add(rest, b.mul(saturation, b.min(b.max(share, 0), 1))), value) for share in shares
    ]


def _infer_pixels(op: Operation) -> Types:
    extents = with_rank_at_least(op.inputs[0].shape, 1)
    if extents is not None and extents[-1] not in (None, 3):
        raise ValueError(f"Dimension must be 3 but is {extents[-1]}")
    return output(op, None if extents is None else (*extents[:-1], 3))


def _lower_pixels(function: Callable[..., list[Any]]) -> Callable[..., Any]:
    def lower(b: Any, op: Operation, x: Any) -> Any:
        if x.rank < 1 or x.shape[-1] != 3:
            text = f"input must have 3 channels, got shape {list(x.shape)}"
            raise errors.FailedPreconditionError(op.node_def, op, text)
        return _pixels(b, function(b, *_channels(b, x)))

    return lower


def _hsv_gradient(op: Operation, gradient: Any) -> Any:
    """By the largest and smallest channel, of which equal ones count by their order."""
    image = op.inputs[0]
    red, green, blue = (image[..., k] for k in range(3))
    by_hue, by_saturation, by_value = (gradient[..., k] for k in range(3))
    value, least = reduce_max(image, -1), reduce_min(image, -1)
    spread = value - least
    largest, smallest = _places(red, green, blue, value), _places(red, green, blue, least)
    zero = zeros_like(value)
    scale = where(spread > 0, by_hue / (spread * 6), zero)
    inner = [(green - blue) / spread, (blue - red) / spread, (red - green) / spread]
    inner = [where(spread > 0, part, zero) for part in inner]
    along = sum(cast(w, value.dtype) * part for w, part in zip(largest, inner, strict=True))
    first, second = [1, 2, 0], [2, 0, 1]  # of which channels the difference is the hue
    share = where(value > 0, by_saturation / value, zero)
    parts = []
    for k in range(3):
        up = cast(largest[first.index(k)], value.dtype)
        down = cast(largest[second.index(k)], value.dtype)
        top, bottom = cast(largest[k], value.dtype), cast(smallest[k], value.dtype)
        hue = scale * (up - down - along * (top - bottom))
        ratio = where(value > 0, least / value, zero)
        parts.append(hue + share * (ratio * top - bottom) + by_value * top)
    return stack(parts, -1)


def _places(red: Any, green: Any, blue: Any, extreme: Any) -> list[Any]:
    """Which channel is the extreme one: the first of those that are equal."""
    is_red = equal(red, extreme)
    is_green = logical_and(equal(green, extreme), logical_not(is_red))
    return [is_red, is_green, logical_not(logical_or(is_red, is_green))]


define_op("RGBToHSV", _infer_pixels, _lower_pixels(_to_hsv), _hsv_gradient)
define_op("HSVToRGB", _infer_pixels, _lower_pixels(_to_rgb))
_TO_HSV = Signature("RGBToHSV", "images: T = float32", T=FLOATS)
_TO_RGB = Signature("HSVToRGB", "images: T = float32", T=FLOATS)


def rgb_to_hsv(images: Any, name: str | None = None) -> Tensor:
    """Return hue, saturation and value, in [0, 1], of red, green and blue along the last axis."""
    return _TO_HSV(images, name=name).outputs[0]


def hsv_to_rgb(images: Any, name: str | None = None) -> Tensor:
    """Return red, green and blue of hue, saturation and value along the last axis."""
    return _TO_RGB(images, name=name).outputs[0]


# ---- contrast, hue and saturation changed


def _infer_adjusted(op: Operation) -> Types:
    extents = with_rank_at_least(op.inputs[0].shape, 3)
    with_rank(op.inputs[1].shape, 0)
    return output(op, extents)


def _lower_contrast(b: Any, op: Operation, x: Any, factor: Any) -> Any:
    wide = b.cast(x, dtypes.float32)
    axes = (x.rank - 3, x.rank - 2)
    count = b.cast(b.runtime(b.dim(x.shape[-3] * x.shape[-2], dtypes.int32)), dtypes.float32)
    mean = b.div(b.reduce("sum", wide, axes, keepdims=True), count)
    return b.cast(b.add(b.mul(b.sub(wide, mean), factor), mean), x.dtype)


def _lower_hue(b: Any, op: Operation, x: Any, delta: Any) -> Any:
    hue, saturation, value = _to_hsv(b, *_channels(b, b.cast(x, dtypes.float32)))
    turned = b.add(hue, delta)
    parts = _to_rgb(b, b.sub(turned, b.floor(turned)), saturation, value)
    return b.cast(_pixels(b, parts), x.dtype)


def _lower_saturation(b: Any, op: Operation, x: Any, factor: Any) -> Any:
    hue, saturation, value = _to_hsv(b, *_channels(b, b.cast(x, dtypes.float32)))
    scaled = b.min(b.max(b.mul(saturation, factor), 0), 1)
    return b.cast(_pixels(b, _to_rgb(b, hue, scaled, value)), x.dtype)


define_op("AdjustContrastv2", _infer_adjusted, _lower_contrast)
define_op("AdjustHue", _infer_adjusted, _lower_hue)
define_op("AdjustSaturation", _infer_adjusted, _lower_saturation)
_HALVES = (dtypes.float16, dtypes.float32)
_CONTRAST = Signature(
    "AdjustContrastv2", "images: T = float32", "contrast_factor: float32", T=_HALVES
)
_HUE = Signature("AdjustHue", "images: T = float32", "delta: float32", T=_HALVES)
_SATURATION = Signature("AdjustSaturation", "images: T = float32", "scale: float32", T=_HALVES)


def adjust_brightness(image: Any, delta: Any) -> Tensor:
    """Return an image with `delta`, in [0, 1), added to all its pixels."""
    with name_scope(None, "adjust_brightness", [image, delta]) as scope:
        image = convert_to_tensor(image, name="image")
        pixels = _as_float(image)
        brighter = add(pixels, cast(delta, pixels.dtype), name=scope)
        return convert_image_dtype(brighter, image.dtype, saturate=True)


def adjust_contrast(images: Any, contrast_factor: Any) -> Tensor:
    """Return images with the distance of pixels to their channel's mean scaled."""
    with name_scope(None, "adjust_contrast", [images, contrast_factor]) as scope:
        images = convert_to_tensor(images, name="images")
        changed = _CONTRAST(_as_float(images), contrast_factor, name=scope).outputs[0]
        return convert_image_dtype(changed, images.dtype, saturate=True)


def adjust_gamma(image: Any, gamma: Any = 1, gain: Any = 1) -> Tensor:
    """Return ``gain * image ** gamma``."""
    with name_scope(None, "adjust_gamma", [image, gamma, gain]):
        image = convert_to_tensor(image, name="image")
        if not isinstance(gamma, Tensor) and gamma < 0:
            raise ValueError("Gamma should be a non-negative real number.")
        if isinstance(gamma, Tensor):
            told = "Gamma should be a non-negative real number."
            image = with_dependencies([assert_non_negative(gamma, message=told)], image)
        pixels: Any = _as_float(image)
        return convert_image_dtype(gain * pixels**gamma, image.dtype, saturate=True)


def adjust_hue(image: Any, delta: Any, name: str | None = None) -> Tensor:
    """Return an image with hues turned by `delta`, in [-1, 1], of the circle."""
    with name_scope(name, "adjust_hue", [image]):
        image = convert_to_tensor(image, name="image")
        return convert_image_dtype(_HUE(_as_float(image), delta).outputs[0], image.dtype)


def adjust_saturation(image: Any, saturation_factor: Any, name: str | None = None) -> Tensor:
    """Return an image with saturations scaled."""
    with name_scope(name, "adjust_saturation", [image]):
        image = convert_to_tensor(image, name="image")
        changed = _SATURATION(_as_float(image), saturation_factor).outputs[0]
        return convert_image_dtype(changed, image.dtype)


def _check_range(lower: float, upper: float) -> None:
    if upper <= lower:
        raise ValueError("upper must be > lower.")
    if lower < 0:
        raise ValueError("lower must be non-negative.")


def random_brightness(image: Any, max_delta: float, seed: int | None = None) -> Tensor:
    """Return `adjust_brightness` by a number in ``[-max_delta, max_delta)``."""
    if max_delta < 0:
        raise ValueError("max_delta must be non-negative.")
    return adjust_brightness(image, random_uniform([], -max_delta, max_delta, seed=seed))


def random_contrast(image: Any, lower: float, upper: float, seed: int | None = None) -> Tensor:
    """Return `adjust_contrast` by a factor in ``[lower, upper)``."""
    _check_range(lower, upper)
    return adjust_contrast(image, random_uniform([], lower, upper, seed=seed))


def random_hue(image: Any, max_delta: float, seed: int | None = None) -> Tensor:
    """Return `adjust_hue` by a number in ``[-max_delta, max_delta)``, at most a half."""
    if max_delta > 0.5:
        raise ValueError("max_delta must be <= 0.5.")
    if max_delta < 0:
        raise ValueError("max_delta must be non-negative.")
    return adjust_hue(image, random_uniform([], -max_delta, max_delta, seed=seed))


def random_saturation(image: Any, lower: float, upper: float, seed: int | None = None) -> Tensor:
    """Return `adjust_saturation` by a factor in ``[lower, upper)``."""
    _check_range(lower, upper)
    return adjust_saturation(image, random_uniform([], lower, upper, seed=seed))


# ---- gray, and linear spaces


def rgb_to_grayscale(images: Any, name: str | None = None) -> Tensor:
    """Return images with one channel, the brightness."""
    with name_scope(name, "rgb_to_grayscale", [images]) as scope:
        images = convert_to_tensor(images, name="images")
        pixels = convert_image_dtype(images, dtypes.float32)
        gray = expand_dims(tensordot(pixels, _GRAY, [-1, -1]), -1)
        return convert_image_dtype(gray, images.dtype, name=scope)


def grayscale_to_rgb(images: Any, name: str | None = None) -> Tensor:
    """Return images with their one channel three times."""
    with name_scope(name, "grayscale_to_rgb", [images]) as scope:
        images = convert_to_tensor(images, name="images")
        extents = images.shape.extents
        if extents is not None and (not extents or extents[-1] not in (None, 1)):
            raise ValueError("Last dimension of a grayscale image should be size 1.")
        before: Any = rank(images) - 1
        repeats = concat([ones(expand_dims(before, 0), dtypes.int32), expand_dims(3, 0)], 0)
        result = tile(images, repeats, name=scope)
        result.set_shape(images.shape[:-1].concatenate([3]))
        return result


def _by_kernel(kernel: Sequence[Any], document: str) -> Callable[[Any], Tensor]:
    def convert(images: Any) -> Tensor:
        images = convert_to_tensor(images, name="images")
        table = convert_to_tensor(kernel, dtype=images.dtype, name="kernel")
        axes = images.shape.rank
        if axes is None:
            raise ValueError("expected images of known rank, got unknown")
        return tensordot(images, table, axes=[[axes - 1], [0]])

    convert.__doc__ = document
    return convert


rgb_to_yiq = _by_kernel(_YIQ, "Return brightness and the two colours of NTSC television.")
yiq_to_rgb = _by_kernel(_YIQ_BACK, "Return red, green and blue of what `rgb_to_yiq` gives.")
rgb_to_yuv = _by_kernel(_YUV, "Return brightness and the two colours of PAL television.")
yuv_to_rgb = _by_kernel(_YUV_BACK, "Return red, green and blue of what `rgb_to_yuv` gives.")
