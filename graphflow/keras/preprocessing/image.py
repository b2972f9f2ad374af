"""Images as arrays, and batches of images that are changed at random (Pillow reads files)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphflow.keras import backend
from graphflow.keras.preprocessing.affine import matrix_of, resampled
from graphflow.keras.preprocessing.image_batches import (
    DirectoryIterator,
    Iterator,
    NumpyArrayIterator,
)
from graphflow.keras.preprocessing.image_files import array_to_img, img_to_array, load_img, save_img

__all__ = [
    "DirectoryIterator", "ImageDataGenerator", "Iterator", "NumpyArrayIterator",
    "apply_affine_transform", "apply_brightness_shift", "apply_channel_shift", "array_to_img",
    "img_to_array", "load_img", "random_brightness", "random_channel_shift", "random_rotation",
    "random_shear", "random_shift", "random_zoom", "save_img",
]  # fmt: skip


def apply_affine_transform(
    x: Any, theta: float = 0, tx: float = 0, ty: float = 0, shear: float = 0, zx: float = 1,
    zy: float = 1, row_axis: int = 0, col_axis: int = 1, channel_axis: int = 2,
    fill_mode: str = "nearest", cval: float = 0.0, order: int = 1,
) -> Any:  # fmt: skip
    """An image turned, moved, sheared and zoomed about its centre; angles in degrees."""
    if (theta, tx, ty, shear, zx, zy) == (0, 0, 0, 0, 1, 1):
        return x
    given = np.transpose(x, (row_axis, col_axis, channel_axis))
    matrix = matrix_of(theta, tx, ty, shear, zx, zy, *given.shape[:2])
    made = resampled(given, matrix, fill_mode, cval, order)
    return np.transpose(made, np.argsort((row_axis, col_axis, channel_axis)))


def apply_channel_shift(x: Any, intensity: float, channel_axis: int = 0) -> Any:
    """An image with a number added to all channels, within the range that it has."""
    return np.clip(x + intensity, np.min(x), np.max(x))


def apply_brightness_shift(x: Any, brightness: float) -> Any:
    """An image made darker or brighter, by a factor."""
    from PIL import ImageEnhance

    changed = ImageEnhance.Brightness(array_to_img(x)).enhance(brightness)
    return img_to_array(changed)


def _axes(row_axis: int, col_axis: int, channel_axis: int) -> dict[str, int]:
    return {"row_axis": row_axis, "col_axis": col_axis, "channel_axis": channel_axis}


def random_rotation(
    x: Any, rg: float, row_axis: int = 1, col_axis: int = 2, channel_axis: int = 0,
    fill_mode: str = "nearest", cval: float = 0.0, interpolation_order: int = 1,
) -> Any:  # fmt: skip
    """An image turned by up to `rg` degrees."""
    theta = np.random.uniform(-rg, rg)  # noqa: NPY002
    return apply_affine_transform(
        x,
        theta=theta,
        **_axes(row_axis, col_axis, channel_axis),
        fill_mode=fill_mode,
        cval=cval,
        order=interpolation_order,
    )


def random_shift(
    x: Any, wrg: float, hrg: float, row_axis: int = 1, col_axis: int = 2, channel_axis: int = 0,
    fill_mode: str = "nearest", cval: float = 0.0, interpolation_order: int = 1,
) -> Any:  # fmt: skip
    """An image moved by up to these shares of its width and height."""
    tx = np.random.uniform(-hrg, hrg) * x.shape[row_axis]  # noqa: NPY002
    ty = np.random.uniform(-wrg, wrg) * x.shape[col_axis]  # noqa: NPY002
    return apply_affine_transform(
        x,
        tx=tx,
        ty=ty,
        **_axes(row_axis, col_axis, channel_axis),
        fill_mode=fill_mode,
        cval=cval,
        order=interpolation_order,
    )


def random_shear(
    x: Any, intensity: float, row_axis: int = 1, col_axis: int = 2, channel_axis: int = 0,
    fill_mode: str = "nearest", cval: float = 0.0, interpolation_order: int = 1,
) -> Any:  # fmt: skip
    """An image sheared by up to so many degrees."""
    shear = np.random.uniform(-intensity, intensity)  # noqa: NPY002
    return apply_affine_transform(
        x,
        shear=shear,
        **_axes(row_axis, col_axis, channel_axis),
        fill_mode=fill_mode,
        cval=cval,
        order=interpolation_order,
    )


def random_zoom(
    x: Any, zoom_range: tuple[float, float], row_axis: int = 1, col_axis: int = 2,
    channel_axis: int = 0, fill_mode: str = "nearest", cval: float = 0.0,
    interpolation_order: int = 1,
) -> Any:  # fmt: skip
    """An image zoomed by factors of a range."""
    low, high = zoom_range
    zx, zy = (1, 1) if low == high == 1 else np.random.uniform(low, high, 2)  # noqa: NPY002
    return apply_affine_transform(
        x,
        zx=zx,
        zy=zy,
        **_axes(row_axis, col_axis, channel_axis),
        fill_mode=fill_mode,
        cval=cval,
        order=interpolation_order,
    )


def random_channel_shift(x: Any, intensity_range: float, channel_axis: int = 0) -> Any:
    """An image with up to this added to all channels."""
    shift = np.random.uniform(-intensity_range, intensity_range)  # noqa: NPY002
    return apply_channel_shift(x, shift, channel_axis)


def random_brightness(x: Any, brightness_range: tuple[float, float]) -> Any:
    """An image made darker or brighter, by a factor of a range."""
    return apply_brightness_shift(x, np.random.uniform(*brightness_range))  # noqa: NPY002


def _shift(given: Any, size: int) -> Any:
    """A drawn shift: of a share of the size, of up to so many elements, or one of a list."""
    if not given if np.ndim(given) == 0 else not len(given):
        return 0
    if np.ndim(given) or isinstance(given, int):
        drawn = np.random.choice(given) * np.random.choice([-1, 1])  # noqa: NPY002
    else:
        drawn = np.random.uniform(-given, given)  # noqa: NPY002
    return drawn * size if np.max(given) < 1 else drawn


class ImageDataGenerator:
    """Batches of images that are changed at random, then normalised.

    Parameters
    ----------
    featurewise_center, featurewise_std_normalization, zca_whitening : by what `fit` computed.
    samplewise_center, samplewise_std_normalization : by each image's own mean and deviation.
    rotation_range, shear_range : in degrees.
    width_shift_range, height_shift_range : a share of the size, a number of elements, or a list.
    brightness_range, zoom_range : factors; one number z means from 1 - z to 1 + z.
    channel_shift_range : what may be added to all channels.
    fill_mode, cval : what lies outside; see `apply_affine_transform`.
    rescale : a factor for what comes out.
    preprocessing_function : applied to each image after it was changed.
    validation_split : the share of examples that is the subset ``validation``.
    """

    def __init__(
        self, featurewise_center: bool = False, samplewise_center: bool = False,
        featurewise_std_normalization: bool = False, samplewise_std_normalization: bool = False,
        zca_whitening: bool = False, zca_epsilon: float = 1e-6, rotation_range: float = 0,
        width_shift_range: Any = 0.0, height_shift_range: Any = 0.0, brightness_range: Any = None,
        shear_range: float = 0.0, zoom_range: Any = 0.0, channel_shift_range: float = 0.0,
        fill_mode: str = "nearest", cval: float = 0.0, horizontal_flip: bool = False,
        vertical_flip: bool = False, rescale: float | None = None,
        preprocessing_function: Callable[[Any], Any] | None = None,
        data_format: str | None = None, validation_split: float = 0.0,
        interpolation_order: int = 1, dtype: str | None = None,
    ) -> None:  # fmt: skip
        self.featurewise_std_normalization = featurewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening, self.zca_epsilon = zca_whitening, zca_epsilon
        self.featurewise_center = featurewise_center or featurewise_std_normalization
        self.featurewise_center |= zca_whitening
        self.samplewise_center = samplewise_center or samplewise_std_normalization
        self.rotation_range, self.shear_range = rotation_range, shear_range
        self.width_shift_range, self.height_shift_range = width_shift_range, height_shift_range
        self.brightness_range, self.channel_shift_range = brightness_range, channel_shift_range
        self.fill_mode, self.cval = fill_mode, cval
        self.interpolation_order = interpolation_order
        self.horizontal_flip, self.vertical_flip = horizontal_flip, vertical_flip
        self.rescale, self.preprocessing_function = rescale, preprocessing_function
        self.validation_split = validation_split
        self.data_format = data_format or backend.image_data_format()
        if self.data_format not in ("channels_last", "channels_first"):
            raise ValueError(f"expected channels_last or channels_first, got {data_format!r}")
        first = self.data_format == "channels_first"
        self.row_axis, self.col_axis, self.channel_axis = (2, 3, 1) if first else (1, 2, 3)
        zooms = [1 - zoom_range, 1 + zoom_range] if np.ndim(zoom_range) == 0 else zoom_range
        if len(zooms) != 2:
            raise ValueError(f"`zoom_range` should be a float or two of them, got {zoom_range}")
        self.zoom_range = tuple(zooms)
        if validation_split and not 0 < validation_split < 1:
            raise ValueError(f"`validation_split` must be between 0 and 1, got {validation_split}")
        self.dtype = dtype or backend.floatx()
        self.mean: Any = None
        self.std: Any = None
        self.principal_components: Any = None

    def flow(
        self, x: Any, y: Any = None, batch_size: int = 32, shuffle: bool = True,
        sample_weight: Any = None, seed: int | None = None, subset: str | None = None, **_: Any,
    ) -> NumpyArrayIterator:  # fmt: skip
        """Batches of arrays of images, with labels and weights."""
        return NumpyArrayIterator(
            x, y, self, batch_size, shuffle, sample_weight, seed, subset=subset
        )

    def flow_from_directory(
        self, directory: str, target_size: tuple[int, int] = (256, 256), color_mode: str = "rgb",
        classes: Any = None, class_mode: str | None = "categorical", batch_size: int = 32,
        shuffle: bool = True, seed: int | None = None, follow_links: bool = False,
        subset: str | None = None, interpolation: str = "nearest", **_: Any,
    ) -> DirectoryIterator:  # fmt: skip
        """Batches of the images in a folder that has a folder for each class."""
        return DirectoryIterator(
            directory, self, target_size, color_mode, classes, class_mode, batch_size, shuffle,
            seed, subset=subset, interpolation=interpolation, follow_links=follow_links,
        )  # fmt: skip

    def get_random_transform(self, img_shape: Any, seed: int | None = None) -> dict[str, Any]:
        """What `apply_transform` does to an image, drawn by NumPy's global generator."""
        uniform = np.random.uniform
        if seed is not None:
            np.random.seed(seed)  # noqa: NPY002
        found: dict[str, Any] = {"theta": 0, "shear": 0, "zx": 1, "zy": 1}
        if self.rotation_range:
            found["theta"] = uniform(-self.rotation_range, self.rotation_range)
        found["tx"] = _shift(self.height_shift_range, img_shape[self.row_axis - 1])
        found["ty"] = _shift(self.width_shift_range, img_shape[self.col_axis - 1])
        if self.shear_range:
            found["shear"] = uniform(-self.shear_range, self.shear_range)
        if self.zoom_range != (1, 1):
            found["zx"], found["zy"] = uniform(self.zoom_range[0], self.zoom_range[1], 2)
        random = np.random.random
        found["flip_horizontal"] = (random() < 0.5) and self.horizontal_flip
        found["flip_vertical"] = (random() < 0.5) and self.vertical_flip
        found["channel_shift_intensity"] = found["brightness"] = None
        if self.channel_shift_range:
            limit = self.channel_shift_range
            found["channel_shift_intensity"] = uniform(-limit, limit)
        if self.brightness_range is not None:
            found["brightness"] = uniform(*self.brightness_range)
        return found

    def apply_transform(self, x: Any, transform_parameters: dict[str, Any]) -> Any:
        """An image changed as `get_random_transform` says."""
        given = transform_parameters
        places = {k: given.get(k, 1 if k[0] == "z" else 0)
                  for k in ("theta", "tx", "ty", "shear", "zx", "zy")}  # fmt: skip
        axes = _axes(self.row_axis - 1, self.col_axis - 1, self.channel_axis - 1)
        x = apply_affine_transform(
            x, **places, **axes, fill_mode=self.fill_mode, cval=self.cval,
            order=self.interpolation_order,
        )  # fmt: skip
        if given.get("channel_shift_intensity") is not None:
            x = apply_channel_shift(x, given["channel_shift_intensity"])
        if given.get("flip_horizontal"):
            x = np.flip(x, self.col_axis - 1)
        if given.get("flip_vertical"):
            x = np.flip(x, self.row_axis - 1)
        if given.get("brightness") is not None:
            x = apply_brightness_shift(x, given["brightness"])
        return x

    def random_transform(self, x: Any, seed: int | None = None) -> Any:
        """An image changed at random."""
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))

    def standardize(self, x: Any) -> Any:
        """An image, or a batch, normalised."""
        if self.preprocessing_function:
            x = self.preprocessing_function(x)
        if self.rescale:
            x = x * self.rescale
        if self.samplewise_center:
            x = x - np.mean(x, keepdims=True)
        if self.samplewise_std_normalization:
            x = x / (np.std(x, keepdims=True) + 1e-6)
        if self.featurewise_center and self._is_fitted(self.mean):
            x = x - self.mean
        if self.featurewise_std_normalization and self._is_fitted(self.std):
            x = x / (self.std + 1e-6)
        if self.zca_whitening and self._is_fitted(self.principal_components):
            flat = np.reshape(x, (-1, np.prod(x.shape[-3:])))
            x = np.reshape(flat @ self.principal_components, x.shape)
        return x

    def _is_fitted(self, value: Any) -> bool:
        if value is None:
            raise ValueError("Expected a generator that was fitted: call `fit(images)` first")
        return True

    def fit(self, x: Any, augment: bool = False, rounds: int = 1, seed: int | None = None) -> None:
        """Compute what the normalisation by all images needs.

        Parameters
        ----------
        augment : whether the images are first changed at random, `rounds` times each.
        """
        x = np.array(x, dtype=self.dtype)
        if x.ndim != 4:
            raise ValueError(
                f"Input to `.fit()` should have rank 4. Got array with shape: {x.shape}"
            )
        if seed is not None:
            np.random.seed(seed)  # noqa: NPY002
        if augment:
            x = np.array([self.random_transform(image) for _ in range(rounds) for image in x])
        axes = (0, self.row_axis, self.col_axis)
        if self.featurewise_center:
            self.mean = x.mean(axes, keepdims=True)[0]
            x = x - self.mean
        if self.featurewise_std_normalization:
            self.std = x.std(axes, keepdims=True)[0]
            x = x / (self.std + 1e-6)
        if self.zca_whitening:
            flat = x.reshape(len(x), -1)
            u, s, _ = np.linalg.svd(flat.T @ flat / len(flat))
            scale = 1.0 / np.sqrt(s + self.zca_epsilon)
            self.principal_components = (u * scale) @ u.T
