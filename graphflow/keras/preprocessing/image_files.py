"""Images between files, Pillow's objects and arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.keras import backend

_MODES = {"rgb": "RGB", "rgba": "RGBA", "grayscale": "L"}


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("Expected the package Pillow for images, which is missing") from error
    return Image


def load_img(
    path: Any, grayscale: bool = False, color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None, interpolation: str = "nearest",
) -> Any:  # fmt: skip
    """An image of a file, as Pillow's object.

    Parameters
    ----------
    color_mode : ``rgb``, ``rgba`` or ``grayscale``.
    target_size : rows and columns to resize to.
    """
    library = _pillow()
    mode = "grayscale" if grayscale else color_mode
    if mode not in _MODES:
        raise ValueError(f'color_mode must be "grayscale", "rgb", or "rgba", got {color_mode!r}')
    ways = {"nearest": library.NEAREST, "bilinear": library.BILINEAR, "bicubic": library.BICUBIC,
            "lanczos": library.LANCZOS, "box": library.BOX, "hamming": library.HAMMING}  # fmt: skip
    if interpolation not in ways:
        raise ValueError(f"Invalid interpolation method {interpolation}, known: {sorted(ways)}")
    with library.open(path) as file:
        image = file.convert(_MODES[mode])
    if target_size is not None and image.size != (target_size[1], target_size[0]):
        image = image.resize((target_size[1], target_size[0]), ways[interpolation])
    return image


def img_to_array(img: Any, data_format: str | None = None, dtype: Any = None) -> Any:
    """An image as an array with an axis of channels."""
    x = np.asarray(img, dtype=dtype or backend.floatx())
    x = x[..., None] if x.ndim == 2 else x
    if x.ndim != 3:
        raise ValueError(f"Unsupported image shape: {x.shape}")
    is_first = (data_format or backend.image_data_format()) == "channels_first"
    return x.transpose(2, 0, 1) if is_first else x


def array_to_img(
    x: Any, data_format: str | None = None, scale: bool = True, dtype: Any = None
) -> Any:
    """An array as Pillow's image.

    Parameters
    ----------
    scale : bring the values to between 0 and 255.
    """
    x = np.asarray(x, dtype=dtype or backend.floatx())
    if x.ndim != 3:
        raise ValueError(
            f"Expected image array to have rank 3 (single image). Got shape: {x.shape}"
        )
    if (data_format or backend.image_data_format()) == "channels_first":
        x = x.transpose(1, 2, 0)
    if scale:
        x = x - np.min(x)
        x = x / (np.max(x) or 1.0) * 255
    modes = {1: "L", 3: "RGB", 4: "RGBA"}
    if x.shape[2] not in modes:
        raise ValueError(f"Unsupported channel number: {x.shape[2]}")
    flat = x[:, :, 0] if x.shape[2] == 1 else x
    return _pillow().fromarray(flat.astype("uint8"), modes[x.shape[2]])


def save_img(
    path: Any, x: Any, data_format: str | None = None, file_format: str | None = None,
    scale: bool = True, **kwargs: Any,
) -> None:  # fmt: skip
    """Write an array as an image file."""
    array_to_img(x, data_format, scale).save(path, format=file_format, **kwargs)
