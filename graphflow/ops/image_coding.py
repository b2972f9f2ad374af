"""Images in files' formats: JPEG, PNG, GIF, BMP. Pillow reads and writes them, in the run.

JPEG leaves decoders some freedom: pixels differ by little from what TensorFlow's decoder gives.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import as_dtype
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import shape_from_tuple
from graphflow.graph.tensor import Tensor
from graphflow.ops.host import define_host_op
from graphflow.ops.image_colors import convert_image_dtype
from graphflow.ops.random import random_uniform
from graphflow.ops.shape_rules import Types, output, with_rank
from graphflow.ops.strings import object_array

__all__ = [
    "adjust_jpeg_quality", "decode_and_crop_jpeg", "decode_bmp", "decode_gif", "decode_image",
    "decode_jpeg", "decode_png", "encode_jpeg", "encode_png", "extract_jpeg_shape", "is_jpeg",
    "random_jpeg_quality",
]  # fmt: skip

_NONE = "pixels are integers"
_STARTS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8")
_FORMATS = ("JPEG", "PNG", "GIF")  # each decoder takes them all
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
Array = np.ndarray[Any, Any]


def _pillow() -> Any:
    """The package that reads and writes images.

    Raises
    ------
    ImportError : it is not installed.
    """
    try:
        import PIL.Image  # a package that only these ops need
    except ImportError:
        raise ImportError(
            "reading and writing images needs Pillow: pip install 'graphflow[images]'"
        ) from None
    return PIL.Image


def _open(contents: Array, expected: str, formats: tuple[str, ...]) -> Any:
    pillow, text = _pillow(), contents.item()
    if expected != "BMP" and not text.startswith(_STARTS):
        raise ValueError(
            "Expected image (JPEG, PNG, or GIF), got unknown format starting with "
            f"'{text[:16].decode('latin-1')}'"
        )
    with _reading(expected, len(text)):
        image = pillow.open(io.BytesIO(text), formats=formats)
        image.load()
    return image


@contextmanager
def _reading(expected: str, size: int) -> Iterator[None]:
    """Pillow's errors, an image too large to be meant among them, become one about the data."""
    faults = (OSError, SyntaxError, ValueError, EOFError, _pillow().DecompressionBombError)
    try:
        yield
    except faults:
        raise ValueError(f"Invalid {expected} data, size {size}") from None


def _pixels(image: Any, channels: int) -> Array:
    """Pixels as (height, width, channels); as many channels as the image has when 0."""
    if not channels:
        own = {"1": 1, "L": 1, "I;16": 1, "I": 1, "LA": 2, "RGBA": 4}
        channels = own.get(image.mode, 3)
        if image.mode == "P":
            channels = 4 if "transparency" in image.info else 3
    found = np.asarray(image if image.mode == _MODES[channels] else image.convert(_MODES[channels]))
    return found.reshape(image.height, image.width, channels)


def _decode_jpeg(contents: Array, channels: int, ratio: int) -> Array:
    image = _open(contents, "JPEG", _FORMATS)
    found = _pixels(image, channels)
    if ratio > 1:
        size = (-(-image.width // ratio), -(-image.height // ratio))
        reduced = image.resize(size, _pillow().Resampling.BOX)
        found = _pixels(reduced, channels)
    return found


def _wide_png(image: Any, channels: int) -> Array:
    """A PNG with 16 bits; Pillow has these for images with one channel only."""
    if not image.mode.startswith("I"):
        return _pixels(image, channels).astype(np.uint16) * 257
    found = np.asarray(image).astype(np.uint16).reshape(image.height, image.width, 1)
    if channels in (0, 1):
        return found
    full = [np.full_like(found, 65535)] if channels in (2, 4) else []
    return np.concatenate([found] * (3 if channels > 2 else 1) + full, axis=2)


def _decode_png(contents: Array, channels: int, dtype: Any) -> Array:
    image = _open(contents, "PNG", _FORMATS)
    if dtype == dtypes.uint16:
        return _wide_png(image, channels)
    if image.mode.startswith("I"):
        return (_wide_png(image, channels) >> 8).astype(np.uint8)
    return _pixels(image, channels)


def _frames(image: Any) -> Array:
    """All frames of a GIF, RGB, as they show one after the other."""
    found = []
    with _reading("GIF", image.width * image.height):
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            found.append(np.asarray(image.convert("RGB")))
    return np.stack(found)


def _decode_gif(contents: Array) -> Array:
    return _frames(_open(contents, "GIF", ("GIF",)))


def _decode_bmp(contents: Array, channels: int) -> Array:
    """Rows of bytes as they lie in the file, as TensorFlow reads them: no colour tables."""
    data = contents.item()
    if len(data) < 32:
        raise ValueError(
            "Incomplete bmp content, requires at least 32 bytes to find the header size, width, "
            f"height, and bpp, got {len(data)} bytes"
        )
    begin, width, height, bits = (
        int.from_bytes(data[at : at + size], "little", signed=True)
        for at, size in ((10, 4), (18, 4), (22, 4), (28, 2))
    )
    depth = bits // 8
    if channels not in (0, depth):
        raise ValueError(
            f"channels attribute {channels} does not match bits per pixel from file {depth}"
        )
    if depth not in (1, 3, 4):
        raise ValueError(f"Number of channels inherent in the image must be 1, 3 or 4, was {depth}")
    row_size = (8 * depth * width + 31) // 32 * 4
    if width <= 0 or height == 0 or begin < 0 or len(data) < begin + row_size * abs(height):
        raise ValueError(f"Invalid BMP data, size {len(data)}")
    rows = np.frombuffer(data, np.uint8, row_size * abs(height), begin)
    pixels = rows.reshape(abs(height), row_size)[:, : width * depth]
    pixels = pixels.reshape(abs(height), width, depth)
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[depth]
    return pixels[:: 1 if height < 0 else -1, :, order]


def _decode_any(contents: Array, channels: int, expand_animations: bool) -> Array:
    text = contents.item()
    if text.startswith(b"GIF"):
        found = _decode_gif(contents)
        return found if expand_animations else found[0]
    if text.startswith(b"\xff\xd8\xff"):
        return _decode_jpeg(contents, channels, 1)
    if text.startswith(b"BM"):
        return _decode_bmp(contents, channels)
    try:
        return _decode_png(contents, channels, dtypes.uint8)
    except ValueError:
        raise ValueError("Unable to decode bytes as JPEG, PNG, GIF, or BMP") from None


def _infer_decoded(op: Operation) -> Types:
    with_rank(op.inputs[0].shape, 0)
    channels = op.attrs.get("channels", 0) or None
    dtype = op.attrs.get("dtype", dtypes.uint8)
    return output(op, (None, None, channels), dtype)


def _infer_any(op: Operation) -> Types:
    with_rank(op.inputs[0].shape, 0)
    if op.attrs["expand_animations"]:
        return output(op, None, dtypes.uint8)
    return _infer_decoded(op)


define_host_op(
    "DecodeJpeg", _infer_decoded, _decode_jpeg, None, ("channels", "ratio"), no_gradient=_NONE
)
define_host_op(
    "DecodePng", _infer_decoded, _decode_png, None, ("channels", "dtype"), no_gradient=_NONE
)
define_host_op(
    "DecodeGif", lambda op: output(op, (None, None, None, 3), dtypes.uint8), _decode_gif, None,
    no_gradient=_NONE,
)  # fmt: skip
define_host_op("DecodeBmp", _infer_decoded, _decode_bmp, None, ("channels",), no_gradient=_NONE)
# TensorFlow makes conditionals of the other ops here.
define_host_op(
    "DecodeAnyImage", _infer_any, _decode_any, None, ("channels", "expand_animations"),
    no_gradient=_NONE,
)  # fmt: skip
_CONTENTS = "contents: string"
_JPEG, _PNG = Signature("DecodeJpeg", _CONTENTS), Signature("DecodePng", _CONTENTS)
_GIF, _BMP = Signature("DecodeGif", _CONTENTS), Signature("DecodeBmp", _CONTENTS)
_ANY = Signature("DecodeAnyImage", _CONTENTS)


def _check_channels(channels: int | None, allowed: tuple[int, ...]) -> int:
    if channels not in (None, *allowed):
        raise ValueError(f"expected channels in {allowed}, got {channels}")
    return channels or 0


def decode_jpeg(
    contents: Any, channels: int = 0, ratio: int = 1, fancy_upscaling: bool = True,
    try_recover_truncated: bool = False, acceptable_fraction: float = 1, dct_method: str = "",
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return the pixels, uint8 of shape (height, width, channels), of a JPEG file.

    Parameters
    ----------
    contents : the file's content, a scalar text.
    channels : 1 for gray, 3 for RGB; what the file has when 0.
    ratio : 1, 2, 4 or 8, by which the image is made smaller.
    fancy_upscaling, try_recover_truncated, acceptable_fraction, dct_method : not used.
    """
    attrs: dict[str, Any] = {"channels": _check_channels(channels, (0, 1, 3)), "ratio": ratio}
    return _JPEG(contents, name=name, **attrs).outputs[0]


def decode_png(
    contents: Any, channels: int = 0, dtype: Any = dtypes.uint8, name: str | None = None
) -> Tensor:
    """Return the pixels, uint8 or uint16, of a PNG file; `channels` is 0 to 4."""
    attrs: dict[str, Any] = {"channels": _check_channels(channels, (0, 1, 2, 3, 4))}
    return _PNG(contents, name=name, dtype=as_dtype(dtype), **attrs).outputs[0]


def decode_gif(contents: Any, name: str | None = None) -> Tensor:
    """Return the pixels, uint8 of shape (frames, height, width, 3), of a GIF file."""
    return _GIF(contents, name=name).outputs[0]


def decode_bmp(contents: Any, channels: int = 0, name: str | None = None) -> Tensor:
    """Return the pixels, uint8, of a BMP file; `channels` is 0, 1, 3 or 4."""
    attrs: dict[str, Any] = {"channels": _check_channels(channels, (0, 1, 3, 4))}
    return _BMP(contents, name=name, **attrs).outputs[0]


def decode_image(
    contents: Any, channels: int | None = None, dtype: Any = dtypes.uint8,
    name: str | None = None, expand_animations: bool = True,
) -> Tensor:  # fmt: skip
    """Return the pixels of a JPEG, PNG, GIF or BMP file.

    Parameters
    ----------
    dtype : of the result, to which pixels are scaled by `convert_image_dtype`.
    expand_animations : give all frames of a GIF, with four axes; else the first one. When True,
        nothing is known of the shape.
    """
    with name_scope(name, "decode_image"):
        attrs: dict[str, Any] = {
            "channels": _check_channels(channels, (0, 1, 3, 4)),
            "expand_animations": expand_animations,
        }
        found = _ANY(contents, **attrs).outputs[0]
        return convert_image_dtype(found, dtype) if as_dtype(dtype) != dtypes.uint8 else found


# ---- parts and sizes of JPEG files


def _decode_part(contents: Array, window: Array, channels: int) -> Array:
    top, left, height, width = (int(v) for v in window)
    whole = _decode_jpeg(contents, channels, 1)
    if top < 0 or left < 0 or top + height > whole.shape[0] or left + width > whole.shape[1]:
        raise ValueError("Invalid JPEG data or crop window, data size "
                         f"{len(contents.item())}")  # fmt: skip
    return whole[top : top + height, left : left + width]


def _jpeg_shape(contents: Array) -> Array:
    image = _open(contents, "JPEG", _FORMATS)
    return np.array([image.height, image.width, len(image.getbands())])


define_host_op(
    "DecodeAndCropJpeg", _infer_decoded, _decode_part, None, ("channels",), no_gradient=_NONE
)
define_host_op(
    "ExtractJpegShape", lambda op: output(op, (3,), op.attrs["output_type"]), _jpeg_shape,
    no_gradient=_NONE,
)  # fmt: skip
_PART = Signature("DecodeAndCropJpeg", _CONTENTS, "crop_window: int32")
_SHAPE = Signature("ExtractJpegShape", _CONTENTS)
_SUBSTR = Signature("Substr", "input: string", "pos: T", "len: T")
_EQUAL = Signature("Equal", "x: T", "y: T")


def decode_and_crop_jpeg(
    contents: Any, crop_window: Any, channels: int = 0, ratio: int = 1,
    fancy_upscaling: bool = True, try_recover_truncated: bool = False,
    acceptable_fraction: float = 1, dct_method: str = "", name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return `decode_jpeg`'s pixels in a window (top, left, height, width)."""
    attrs: dict[str, Any] = {"channels": _check_channels(channels, (0, 1, 3))}
    return _PART(contents, crop_window, name=name, **attrs).outputs[0]


def extract_jpeg_shape(
    contents: Any, output_type: Any = dtypes.int32, name: str | None = None
) -> Tensor:
    """Return height, width and channels of a JPEG file."""
    return _SHAPE(contents, name=name, output_type=as_dtype(output_type)).outputs[0]


def is_jpeg(contents: Any, name: str | None = None) -> Tensor:
    """Return whether a text begins as JPEG files do."""
    with name_scope(name, "is_jpeg"):
        start = _SUBSTR(contents, 0, 3, unit="BYTE").outputs[0]
        return _EQUAL(start, b"\xff\xd8\xff", name=name).outputs[0]


# ---- writing


def _saved(image: Array, kind: str, **options: Any) -> Array:
    if image.dtype == np.uint16 and image.shape[2] != 1:
        raise ValueError("expected one channel for a PNG of 16 bits, got "
                         f"{image.shape[2]}")  # fmt: skip
    shown = image[..., 0] if image.shape[2] == 1 else image
    target = io.BytesIO()
    if image.dtype == np.uint16:
        wide = np.ascontiguousarray(shown, "<u2")
        made = _pillow().frombytes("I;16", wide.shape[::-1], wide.tobytes())
    else:
        made = _pillow().fromarray(np.ascontiguousarray(shown))
    made.save(target, kind, **options)
    return object_array((), [target.getvalue()])


def _encode_jpeg(
    image: Array, format: str, quality: int, progressive: bool, optimize_size: bool,
    chroma_downsampling: bool, density_unit: str, x_density: int, y_density: int,
) -> Array:  # fmt: skip
    wanted = {"": (1, 3), "grayscale": (1,), "rgb": (3,)}[format]
    if image.ndim != 3 or image.shape[2] not in wanted:
        raise ValueError(f"image must have 1 or 3 channels, got shape {list(image.shape)}")
    factor = 2.54 if density_unit == "cm" else 1.0
    return _saved(
        image, "JPEG", quality=max(quality, 1), progressive=progressive, optimize=optimize_size,
        subsampling=2 if chroma_downsampling else 0, dpi=(x_density * factor, y_density * factor),
    )  # fmt: skip


def _encode_png(image: Array, compression: int) -> Array:
    if image.ndim != 3 or image.shape[2] not in _MODES:
        raise ValueError(f"image must have 1, 2, 3, or 4 channels, got shape {list(image.shape)}")
    return _saved(image, "PNG", compress_level=6 if compression < 0 else compression)


def _infer_encoded(op: Operation) -> Types:
    with_rank(op.inputs[0].shape, 3)
    return [(dtypes.string, shape_from_tuple(()))]


_JPEG_ATTRS = (
    "format", "quality", "progressive", "optimize_size", "chroma_downsampling", "density_unit",
    "x_density", "y_density",
)  # fmt: skip
define_host_op("EncodeJpeg", _infer_encoded, _encode_jpeg, None, _JPEG_ATTRS, no_gradient=_NONE)
define_host_op("EncodePng", _infer_encoded, _encode_png, None, ("compression",), no_gradient=_NONE)
_ENCODE_JPEG = Signature("EncodeJpeg", "image: uint8")
_ENCODE_PNG = Signature("EncodePng", "image: T = uint8", T=(dtypes.uint8, dtypes.uint16))


def encode_jpeg(
    image: Any, format: str = "", quality: int = 95, progressive: bool = False,
    optimize_size: bool = False, chroma_downsampling: bool = True, density_unit: str = "in",
    x_density: int = 300, y_density: int = 300, xmp_metadata: str = "", name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return an image, uint8 of shape (height, width, 1 or 3), as the text of a JPEG file.

    Parameters
    ----------
    format : ``""``, ``"grayscale"`` or ``"rgb"``.
    quality : 0 to 100.
    progressive, optimize_size, chroma_downsampling : how the file is made.
    density_unit, x_density, y_density : pixels per ``"in"`` or ``"cm"``.
    xmp_metadata : not used.
    """
    if format not in ("", "grayscale", "rgb"):
        raise ValueError(f"expected a format of '', 'grayscale' or 'rgb', got {format!r}")
    attrs: dict[str, Any] = {
        "format": format, "quality": quality, "progressive": progressive,
        "optimize_size": optimize_size, "chroma_downsampling": chroma_downsampling,
        "density_unit": density_unit, "x_density": x_density, "y_density": y_density,
    }  # fmt: skip
    return _ENCODE_JPEG(image, name=name, **attrs).outputs[0]


def encode_png(image: Any, compression: int = -1, name: str | None = None) -> Tensor:
    """Return an image, uint8 of 1 to 4 channels or uint16 of one, as the text of a PNG file."""
    return _ENCODE_PNG(image, name=name, compression=compression).outputs[0]


# ---- the loss of JPEG


def _recoded(image: Array, quality: Array) -> Array:
    whole = np.clip(image * 255.5, 0, 255).astype(np.uint8)
    text = _saved(whole, "JPEG", quality=max(int(quality), 1))
    return _decode_jpeg(text, 3, 1).astype(np.float32) / np.float32(255)


define_host_op(
    "RecodeJpeg", lambda op: output(op, op.inputs[0].shape.extents), _recoded,
    lambda op, x, _: [x.shape], no_gradient="pixels are made integers",
)  # fmt: skip
_RECODE = Signature("RecodeJpeg", "image: float32", "quality: int32")


def adjust_jpeg_quality(image: Any, jpeg_quality: Any, name: str | None = None) -> Tensor:
    """Return an RGB image as it is after a JPEG file of this quality."""
    with name_scope(name, "adjust_jpeg_quality", [image]):
        image = convert_to_tensor(image, name="image")
        pixels = convert_image_dtype(image, dtypes.float32)
        changed = _RECODE(pixels, jpeg_quality).outputs[0]
        return convert_image_dtype(changed, image.dtype, saturate=True)


def random_jpeg_quality(
    image: Any, min_jpeg_quality: int, max_jpeg_quality: int, seed: int | None = None
) -> Tensor:
    """Return `adjust_jpeg_quality` by a quality in ``[min_jpeg_quality, max_jpeg_quality)``."""
    if not 0 <= min_jpeg_quality <= 100 or not 0 <= max_jpeg_quality <= 100:
        raise ValueError("jpeg encoding range must be between 0 and 100.")
    if min_jpeg_quality >= max_jpeg_quality:
        raise ValueError("`min_jpeg_quality` must be less than `max_jpeg_quality`.")
    drawn = random_uniform([], min_jpeg_quality, max_jpeg_quality, dtypes.int32, seed=seed)
    return adjust_jpeg_quality(image, drawn)
