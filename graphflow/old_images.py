"""The image functions that ``scipy.misc`` had until SciPy 1.2, by Pillow.

Source of the behaviour: docs.scipy.org/doc/scipy-1.1.0/reference/misc.html.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
__all__ = ["bytescale", "fromimage", "imread", "imresize", "imrotate", "imsave", "toimage"]
_FILTERS = ("nearest", "lanczos", "bilinear", "bicubic", "cubic")


def bytescale(
    data: Any, cmin: Any = None, cmax: Any = None, high: int = 255, low: int = 0
) -> Array:
    """Bytes from `low` to `high` for values from `cmin` to `cmax`; bytes stay as they are."""
    data = np.asarray(data)
    if data.dtype == np.uint8:
        return data
    if not 0 <= low <= high <= 255:
        raise ValueError(f"expected 0 <= low <= high <= 255, got low={low}, high={high}")
    cmin = data.min() if cmin is None else cmin
    cmax = data.max() if cmax is None else cmax
    if cmax < cmin:
        raise ValueError(f"expected cmin <= cmax, got {cmin} and {cmax}")
    scaled = (data - cmin) * ((high - low) / ((cmax - cmin) or 1)) + low
    return (scaled.clip(low, high) + 0.5).astype(np.uint8)


def toimage(
    arr: Any, high: int = 255, low: int = 0, cmin: Any = None, cmax: Any = None,
    pal: Any = None, mode: str | None = None, channel_axis: int | None = None,
) -> Any:  # fmt: skip
    """An image of Pillow's: grey of two dimensions, colours of three, one of them 3 or 4 long."""
    from PIL import Image

    data = np.asarray(arr)
    if np.iscomplexobj(data):
        raise ValueError("expected real numbers for an image, got complex ones")
    if data.ndim == 2:
        if mode == "F":
            return Image.fromarray(data.astype(np.float32))
        image = Image.fromarray(bytescale(data, cmin, cmax, high, low))
        if pal is not None:
            image.putpalette(np.asarray(pal, np.uint8).tobytes())
        return image if mode in (None, "L", "P") else image.convert(mode)
    if data.ndim != 3 or not {3, 4} & set(data.shape):
        raise ValueError(f"expected an image's shape, with 3 or 4 channels, got {data.shape}")
    if channel_axis is None:
        sizes = 3 if 3 in data.shape else 4
        channel_axis = next(axis for axis in (2, 1, 0) if data.shape[axis] == sizes)
    data = np.moveaxis(bytescale(data, cmin, cmax, high, low), channel_axis, 2)
    return Image.fromarray(np.ascontiguousarray(data), mode or ("RGB", "RGBA")[data.shape[2] - 3])


def fromimage(im: Any, flatten: bool = False, mode: str | None = None) -> Array:
    """An image of Pillow's as an array; `flatten` gives grey floats."""
    if mode is None and im.mode == "P":
        mode = "RGBA" if "transparency" in im.info else "RGB"
    if mode is not None and mode != im.mode:
        im = im.convert(mode)
    if flatten:
        im = im.convert("F")
    elif im.mode == "1":
        im = im.convert("L")
    return np.array(im)


def imread(name: Any, flatten: bool = False, mode: str | None = None) -> Array:
    """Read an image file as an array ``[rows, columns(, channels)]``."""
    from PIL import Image

    with Image.open(name) as image:
        return fromimage(image, flatten, mode)


def imsave(name: Any, arr: Any, format: str | None = None) -> None:
    """Write an array as an image file; values that are no bytes are scaled to them."""
    toimage(arr, channel_axis=2 if np.ndim(arr) == 3 else None).save(name, format)


def imresize(arr: Any, size: Any, interp: str = "bilinear", mode: str | None = None) -> Array:
    """Resize to ``(rows, columns)``, to an integer percentage, or by a float factor."""
    image = toimage(arr, mode=mode)
    if isinstance(size, (int, np.integer)):
        wanted = tuple(int(extent * (size / 100)) for extent in image.size)
    elif np.ndim(size) == 0:
        wanted = tuple(int(extent * size) for extent in image.size)
    else:
        wanted = (int(size[1]), int(size[0]))
    return fromimage(image.resize(wanted, _filter(interp)))


def imrotate(arr: Any, angle: float, interp: str = "bilinear") -> Array:
    """Turn an image counter-clockwise by degrees; its size stays."""
    return fromimage(toimage(arr).rotate(angle, resample=_filter(interp)))


def _filter(name: str) -> Any:
    from PIL import Image

    if name not in _FILTERS:
        raise ValueError(f"expected an interpolation of {', '.join(_FILTERS)}, got {name!r}")
    return Image.Resampling["BICUBIC" if name == "cubic" else name.upper()]
