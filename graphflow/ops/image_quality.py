"""How images differ from each other and from their neighbours: PSNR, SSIM, variation, edges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.constants import constant
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.tensor import Tensor
from graphflow.ops.activations import relu
from graphflow.ops.casting import cast
from graphflow.ops.creation import zeros
from graphflow.ops.depthwise import depthwise_conv2d
from graphflow.ops.elementwise import pow, squared_difference, subtract
from graphflow.ops.identity import identity
from graphflow.ops.image_colors import convert_image_dtype
from graphflow.ops.joining import concat, stack, unstack
from graphflow.ops.padding import pad
from graphflow.ops.pooling import avg_pool
from graphflow.ops.reductions import reduce_mean, reduce_prod, reduce_sum
from graphflow.ops.shape import expand_dims, reshape
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.slicing import tile
from graphflow.ops.unary import abs as absolute
from graphflow.ops.unary import log, square

__all__ = [
    "image_gradients", "psnr", "sobel_edges", "ssim", "ssim_multiscale", "total_variation",
]  # fmt: skip

_SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def total_variation(images: Any, name: str | None = None) -> Tensor:
    """Return the sum of the differences between neighbours, for each image of a batch."""
    with name_scope(name, "total_variation"):
        images = convert_to_tensor(images)
        if images.shape.rank == 3:
            below: Any = images[1:, :, :] - images[:-1, :, :]
            right: Any = images[:, 1:, :] - images[:, :-1, :]
            axes = None
        elif images.shape.rank == 4:
            below = images[:, 1:, :, :] - images[:, :-1, :, :]
            right = images[:, :, 1:, :] - images[:, :, :-1, :]
            axes = [1, 2, 3]
        else:
            raise ValueError("'images' must be either 3 or 4-dimensional.")
        first: Any = reduce_sum(absolute(below), axis=axes)
        return first + reduce_sum(absolute(right), axis=axes)


def image_gradients(image: Any) -> tuple[Tensor, Tensor]:
    """Return the differences to the next row and to the next column; zero at the last ones."""
    image = convert_to_tensor(image)
    if image.shape.rank != 4:
        raise ValueError(
            f"image_gradients expects a 4D tensor [batch_size, h, w, d], not {image.shape}."
        )
    whole = shape_of(image)
    batch, height, width, depth = unstack(whole, 4)
    below = image[:, 1:, :, :] - image[:, :-1, :, :]
    right = image[:, :, 1:, :] - image[:, :, :-1, :]
    row = zeros(stack([batch, 1, width, depth]), image.dtype)
    column = zeros(stack([batch, height, 1, depth]), image.dtype)
    rows = reshape(concat([below, row], 1), whole)
    return rows, reshape(concat([right, column], 2), whole)


def sobel_edges(image: Any) -> Tensor:
    """Return Sobel's differences along rows and columns, of shape (..., channels, 2)."""
    image = convert_to_tensor(image)
    whole: Any = shape_of(image)
    down = np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]])
    kernels = np.stack([down, down.T], -1)[:, :, None, :]
    filters = tile(constant(kernels, dtype=image.dtype), [1, 1, whole[-1], 1], name="sobel_filters")
    padded = pad(image, [[0, 0], [1, 1], [1, 1], [0, 0]], mode="REFLECT")
    found = depthwise_conv2d(padded, filters, [1, 1, 1, 1], "VALID")
    result = reshape(found, concat([whole, [2]], 0))
    result.set_shape(image.shape.concatenate([2]))
    return result


def _check_pair(first: Tensor, second: Tensor) -> None:
    """Images of one size, in batches that broadcast."""
    for images in (first, second):
        if images.shape.rank is not None and images.shape.rank < 3:
            raise ValueError(f"Shape {images.shape} must have rank at least 3")
    if first.shape.rank is not None and second.shape.rank is not None:
        first.shape[-3:].assert_is_compatible_with(second.shape[-3:])


def psnr(a: Any, b: Any, max_val: Any, name: str | None = None) -> Tensor:
    """Return the ratio of peak to noise, in decibels, of each pair of images.

    Parameters
    ----------
    max_val : the difference between the largest and the smallest value that pixels may have.
    """
    with name_scope(name, "PSNR", [a, b]):
        a, b = convert_to_tensor(a), convert_to_tensor(b)
        peak = convert_image_dtype(cast(max_val, a.dtype), dtypes.float32)
        first = convert_image_dtype(a, dtypes.float32)
        second = convert_image_dtype(b, dtypes.float32)
        _check_pair(first, second)
        error = reduce_mean(squared_difference(first, second), [-3, -2, -1])
        decibels: Any = log(peak)
        ratio = subtract(
            20 * decibels / log(10.0), np.float32(10 / np.log(10)) * log(error), name="psnr"
        )
        return identity(ratio)


# ---- structural similarity


def _gauss(size: int, sigma: float) -> np.ndarray[Any, Any]:
    """A window of Gauss's function, of sum 1."""
    places = np.arange(size, dtype=np.float32) - np.float32(size - 1) / 2
    exponents = np.square(places) * np.float32(-0.5 / sigma**2)
    weights = np.exp(exponents[None, :] + exponents[:, None])
    return (weights / weights.sum()).reshape(size, size, 1, 1).astype(np.float32)


def _blurred(x: Any, window: Tensor) -> Tensor:
    sizes: Any = shape_of(x)
    flat = reshape(x, concat([[-1], sizes[-3:]], 0))
    found = depthwise_conv2d(flat, window, strides=[1, 1, 1, 1], padding="VALID")
    inner: Any = shape_of(found)
    return reshape(found, concat([sizes[:-3], inner[1:]], 0))


def _check_window(images: Tensor, size: int) -> None:
    extents = images.shape.extents
    if extents is not None and any(d is not None and d < size for d in extents[-3:-1]):
        raise ValueError(f"expected images of at least {size} rows and columns, got {images.shape}")


def _similarity(
    first: Any, second: Any, peak: Any, size: int, sigma: float, k1: float, k2: float
) -> tuple[Tensor, Tensor]:
    """Similarity of each channel, and its part that contrast and structure make."""
    for images in (first, second):
        _check_window(images, size)
    sizes: Any = shape_of(first)
    window = tile(constant(_gauss(size, sigma)), [1, 1, sizes[-1], 1])
    c1, c2 = (k1 * peak) ** 2, (k2 * peak) ** 2
    mean0: Any = _blurred(first, window)
    mean1: Any = _blurred(second, window)
    product, power = mean0 * mean1 * 2.0, square(mean0) + square(mean1)
    luminance = (product + c1) / (power + c1)
    cross: Any = _blurred(first * second, window)
    squares: Any = _blurred(square(first) + square(second), window)
    structure = (cross * 2.0 - product + c2) / (squares - power + c2)
    return reduce_mean(luminance * structure, [-3, -2]), reduce_mean(structure, [-3, -2])


def _as_floats(img1: Any, img2: Any, max_val: Any) -> tuple[Tensor, Tensor, Tensor]:
    img1, img2 = convert_to_tensor(img1, name="img1"), convert_to_tensor(img2, name="img2")
    _check_pair(img1, img2)
    peak = convert_image_dtype(cast(max_val, img1.dtype), dtypes.float32)
    first = convert_image_dtype(img1, dtypes.float32)
    return first, convert_image_dtype(img2, dtypes.float32), peak


def ssim(
    img1: Any, img2: Any, max_val: Any, filter_size: int = 11, filter_sigma: float = 1.5,
    k1: float = 0.01, k2: float = 0.03,
) -> Tensor:  # fmt: skip
    """Return the structural similarity of each pair of images.

    Parameters
    ----------
    max_val : the difference between the largest and the smallest value that pixels may have.
    filter_size, filter_sigma : of the window by which pixels are weighted.
    k1, k2 : the share of `max_val` that keeps quotients away from 0/0.
    """
    first, second, peak = _as_floats(img1, img2, max_val)
    found, _ = _similarity(first, second, peak, filter_size, filter_sigma, k1, k2)
    return reduce_mean(found, [-1])


def _halved(images: Any) -> Tensor:
    """Means of two by two pixels; odd sizes are filled up with their last row or column."""
    sizes: Any = shape_of(images)
    flat = reshape(images, concat([[-1], sizes[-3:]], 0))
    amounts = pad(expand_dims(sizes[-3:] % [2, 2, 1], -1), [[1, 0], [1, 0]])
    even = pad(flat, amounts, mode="SYMMETRIC")
    half = avg_pool(even, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="VALID")
    inner: Any = shape_of(half)
    return reshape(half, concat([sizes[:-3], inner[1:]], 0))


def ssim_multiscale(
    img1: Any, img2: Any, max_val: Any, power_factors: Sequence[float] = _SCALES,
    filter_size: int = 11, filter_sigma: float = 1.5, k1: float = 0.01, k2: float = 0.03,
) -> Tensor:  # fmt: skip
    """Return the similarity of each pair of images at several scales, each half the one before.

    Parameters
    ----------
    power_factors : the exponents with which the scales count.
    max_val, filter_size, filter_sigma, k1, k2 : as `ssim`'s.
    """
    with name_scope(None, "MS-SSIM", [img1, img2]):
        first, second, peak = _as_floats(img1, img2, max_val)
        parts = []
        for scale in range(len(power_factors)):
            if scale:
                first, second = _halved(first), _halved(second)
            found, structure = _similarity(first, second, peak, filter_size, filter_sigma, k1, k2)
            last = scale == len(power_factors) - 1
            parts.append(relu(found if last else structure))
        powers = pow(stack(parts, axis=-1), constant(list(power_factors), dtype=dtypes.float32))
        return reduce_mean(reduce_prod(powers, [-1]), [-1])
