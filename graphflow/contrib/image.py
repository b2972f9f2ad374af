"""TensorFlow's `tf.contrib.image`: pictures turned, moved and projected.

A transform is eight numbers ``[a0, a1, a2, b0, b1, b2, c0, c1]``: the output at (x, y) is the input
at ((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k) where k = c0 x + c1 y + 1; zero outside of it.
"""

from __future__ import annotations

from typing import Any

from graphflow.gradients.custom import custom_gradient
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import float32, int32
from graphflow.graph.tensor import Tensor
from graphflow.ops.assertions import assert_equal
from graphflow.ops.casting import cast
from graphflow.ops.comparison import equal, greater_equal, less, logical_and, where_v2
from graphflow.ops.creation import ones, zeros, zeros_like
from graphflow.ops.elementwise import maximum, minimum
from graphflow.ops.gathering import gather_nd
from graphflow.ops.identity import identity, with_dependencies
from graphflow.ops.joining import concat, stack
from graphflow.ops.linear import matmul
from graphflow.ops.sequences import meshgrid
from graphflow.ops.sequences import range as range_of
from graphflow.ops.shape import expand_dims, reshape, squeeze
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.solving import matrix_inverse
from graphflow.ops.unary import abs as absolute
from graphflow.ops.unary import cos, floor, sign, sin

__all__ = [
    "angles_to_projective_transforms", "compose_transforms", "flat_transforms_to_matrices",
    "matrices_to_flat_transforms", "rotate", "transform", "translate",
    "translations_to_projective_transforms",
]  # fmt: skip


# ---- transforms


def angles_to_projective_transforms(
    angles: Any, image_height: Any, image_width: Any, name: str | None = None
) -> Tensor:
    """Return transforms that turn pictures about their middle, counterclockwise.

    Parameters
    ----------
    angles : in radians, a scalar or a vector, float32.
    image_height, image_width : of the pictures, float32 scalars.

    Raises
    ------
    TypeError : angles have more axes.
    """
    with name_scope(name, "angles_to_projective_transforms"):
        angles = convert_to_tensor(angles, float32, name="angles")
        if angles.shape.rank not in (0, 1):
            raise TypeError("Angles should have rank 0 or 1.")
        turned = reshape(angles, [-1])
        c, s = cos(turned), sin(turned)
        width, height = (cast(side, float32) - 1.0 for side in (image_width, image_height))
        x = (width - (c * width - s * height)) / 2.0
        y = (height - (s * width + c * height)) / 2.0
        none = zeros_like(turned)
        return stack([c, -s, x, s, c, y, none, none], axis=1)


def translations_to_projective_transforms(translations: Any, name: str | None = None) -> Tensor:
    """Return transforms that move pictures right and down.

    Parameters
    ----------
    translations : pairs (dx, dy), float32 of shape [2] or [pictures, 2].

    Raises
    ------
    TypeError : another number of axes.
    """
    with name_scope(name, "translations_to_projective_transforms"):
        given = convert_to_tensor(translations, float32, name="translations")
        if given.shape.rank not in (1, 2):
            raise TypeError("Translations should have rank 1 or 2.")
        pairs = reshape(given, [-1, 2])
        none, one = zeros_like(pairs[:, 0]), zeros_like(pairs[:, 0]) + 1.0
        parts = [one, none, -pairs[:, 0], none, one, -pairs[:, 1], none, none]
        return stack(parts, axis=1)


def flat_transforms_to_matrices(transforms: Any, name: str | None = None) -> Tensor:
    """Return transforms [n, 8] or [8] as matrices [n, 3, 3]."""
    with name_scope(name, "flat_transforms_to_matrices"):
        given = convert_to_tensor(transforms, float32, name="transforms")
        if given.shape.rank not in (1, 2):
            raise ValueError(f"Transforms should be 1D or 2D, got: {given}")
        flat = reshape(given, [-1, 8])
        return reshape(concat([flat, ones([shape_of(flat)[0], 1])], axis=1), [-1, 3, 3])


def matrices_to_flat_transforms(transform_matrices: Any, name: str | None = None) -> Tensor:
    """Return matrices [n, 3, 3] or [3, 3] as transforms [n, 8]."""
    with name_scope(name, "matrices_to_flat_transforms"):
        given = convert_to_tensor(transform_matrices, float32, name="matrices")
        if given.shape.rank not in (2, 3):
            raise ValueError(f"Matrices should be 2D or 3D, got: {given}")
        flat = reshape(given, [-1, 9])
        return (flat / flat[:, 8:9])[:, :8]


def compose_transforms(*transforms: Any) -> Tensor:
    """Return the transform of several: pictures go through the first one first.

    Raises
    ------
    ValueError : there is none.
    """
    if not transforms:
        raise ValueError("expected a transform, got none")
    with name_scope(None, "compose_transforms"):
        composed = flat_transforms_to_matrices(transforms[0])
        for other in transforms[1:]:
            composed = matmul(composed, flat_transforms_to_matrices(other))
        return matrices_to_flat_transforms(composed)


# ---- pictures


def _read(pictures: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Pixels at whole rows and columns, [batch, height, width]; zero outside."""
    sizes = shape_of(pictures)
    batch = zeros_like(rows, int32) + reshape(range_of(sizes[0]), [-1, 1, 1])
    inside = None
    places = [batch]
    for place, size in ((rows, sizes[1]), (columns, sizes[2])):
        limit = cast(size, float32) - 1.0
        there = logical_and(greater_equal(place, 0.0), less(place, limit + 1.0))
        inside = there if inside is None else logical_and(inside, there)
        places.append(cast(minimum(maximum(place, 0.0), limit), int32))
    found = gather_nd(pictures, stack(places, axis=-1))
    return where_v2(expand_dims(inside, -1), found, zeros_like(found))


def _rounded(x: Tensor) -> Tensor:
    """The nearest whole number, halves away from zero."""
    return sign(x) * floor(absolute(x) + 0.5)


def _projected(pictures: Tensor, transforms: Tensor, sizes: Any, interpolation: str) -> Tensor:
    rows, columns = (cast(range_of(sizes[k]), float32) for k in (0, 1))
    x, y = (expand_dims(grid, 0) for grid in meshgrid(columns, rows))
    a = [reshape(transforms[:, k], [-1, 1, 1]) for k in range(8)]
    depth = a[6] * x + a[7] * y + 1.0
    x, y = (a[0] * x + a[1] * y + a[2]) / depth, (a[3] * x + a[4] * y + a[5]) / depth
    # Each picture has a place of its own, also where all have one transform.
    each = zeros([shape_of(pictures)[0], 1, 1])
    x, y = (where_v2(equal(depth, 0.0), zeros_like(v) - 2.0, v) + each for v in (x, y))
    if interpolation == "NEAREST":
        return _read(pictures, _rounded(y), _rounded(x))
    left, top = floor(x), floor(y)
    right, bottom = left + 1.0, top + 1.0

    def mixed(row: Tensor) -> Any:
        one, other = (cast(_read(pictures, row, c), float32) for c in (left, right))
        return expand_dims(right - x, -1) * one + expand_dims(x - left, -1) * other

    found = expand_dims(bottom - y, -1) * mixed(top) + expand_dims(y - top, -1) * mixed(bottom)
    return cast(found, pictures.dtype.base_dtype)


def _in_batch(pictures: Any) -> tuple[Tensor, int]:
    """Pictures with a batch and channels, and how many axes they had.

    Raises
    ------
    TypeError : the rank is not known, or none of 2 to 4.
    """
    given = convert_to_tensor(pictures, name="images")
    rank = given.shape.rank
    if rank is None:
        raise TypeError("image_or_images rank must be statically known")
    if rank not in (2, 3, 4):
        raise TypeError("Images should have rank between 2 and 4.")
    if rank == 2:
        return given[None, :, :, None], rank
    return (given[None] if rank == 3 else given), rank


def transform(
    images: Any, transforms: Any, interpolation: str = "NEAREST", output_shape: Any = None,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return pictures projected by transforms.

    Its gradient is what TensorFlow takes for it: the inverse transform of the outputs' gradient.

    Parameters
    ----------
    images : of shape [pictures, height, width, channels], without the first axis, or without the
        first and the last.
    transforms : one, [8], or one for each, [pictures, 8]; float32.
    interpolation : ``"NEAREST"`` or ``"BILINEAR"``.
    output_shape : height and width of the result; the pictures' when None.

    Raises
    ------
    TypeError : pictures or transforms have another number of axes.
    ValueError : another interpolation, or transforms of a known shape that does not fit.
    errors.InvalidArgumentError : in the run, transforms are not of eight numbers, or not as many as
        pictures.
    """
    if interpolation.upper() not in ("NEAREST", "BILINEAR"):
        raise ValueError(f"expected interpolation NEAREST or BILINEAR, got {interpolation!r}")
    with name_scope(name, "transform"):
        batch, rank = _in_batch(images)
        given = convert_to_tensor(transforms, float32, name="transforms")
        if given.shape.rank not in (1, 2):
            raise TypeError("Transforms should have rank 1 or 2.")
        flat = given[None] if given.shape.rank == 1 else given
        message = "Input transform should be num_images x 8 or 1 x 8"
        rows, width = shape_of(flat)[0], shape_of(flat)[1]
        fits = (rows - 1) * (rows - shape_of(batch)[0])
        checks = [
            assert_equal(width, 8, message=message), assert_equal(fits, 0, message=message)
        ]  # fmt: skip
        flat = with_dependencies(checks, flat)
        sizes = shape_of(batch)[1:3] if output_shape is None else convert_to_tensor(output_shape)

        @custom_gradient
        def projected(pictures: Tensor) -> Any:
            def gradient(dy: Tensor) -> Tensor:
                inverse = matrices_to_flat_transforms(
                    matrix_inverse(flat_transforms_to_matrices(flat))
                )
                return _projected(dy, inverse, shape_of(pictures)[1:3], interpolation.upper())

            return _projected(pictures, flat, sizes, interpolation.upper()), gradient

        found = projected(batch)
        if output_shape is None:
            found.set_shape(batch.shape)
        if rank == 2:
            return squeeze(found, [0, 3])
        return squeeze(found, [0]) if rank == 3 else identity(found)


def rotate(
    images: Any, angles: Any, interpolation: str = "NEAREST", name: str | None = None
) -> Tensor:
    """Return pictures turned counterclockwise about their middle, by angles in radians.

    For parameters and errors see `transform` and `angles_to_projective_transforms`.
    """
    with name_scope(name, "rotate"):
        batch, _ = _in_batch(images)
        height, width = (cast(shape_of(batch)[k], float32) for k in (1, 2))
        turned = angles_to_projective_transforms(angles, height, width)
        return transform(images, turned, interpolation)


def translate(
    images: Any, translations: Any, interpolation: str = "NEAREST", name: str | None = None
) -> Tensor:
    """Return pictures moved right and down by pairs (dx, dy).

    For parameters and errors see `transform` and `translations_to_projective_transforms`.
    """
    with name_scope(name, "translate"):
        moved = translations_to_projective_transforms(translations)
        return transform(images, moved, interpolation)
