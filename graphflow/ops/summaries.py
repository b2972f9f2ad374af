"""Summaries: operations that give `Summary` messages, serialised, for event files.

They run in Python between the native parts of a run. Values are put into messages as TensorFlow
does it, so that TensorBoard shows the same.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np

from graphflow.errors import InvalidArgumentError
from graphflow.graph.apply import Signature
from graphflow.graph.collections import GraphKeys
from graphflow.graph.constants import constant
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import get_default_graph, name_scope
from graphflow.graph.dtypes import string
from graphflow.graph.graph_def import tensor_proto
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor
from graphflow.ops.audio import wav_bytes
from graphflow.ops.strings import object_array
from graphflow.protos import message

Array = np.ndarray[Any, Any]

__all__ = ["audio", "histogram", "image", "merge", "merge_all", "scalar", "tensor_summary", "text"]


# ---- messages


def scalar_summary(tag: str, value: Any) -> Any:
    """A Summary of a number."""
    found = message("Summary")()
    found.value.add(tag=tag, simple_value=float(value))
    return found


@lru_cache(maxsize=1)
def _bucket_limits() -> Array:
    """TensorFlow's: powers of 1.1 from 1e-12 up, mirrored, and the largest number."""
    positive, limit = [], 1e-12
    while limit < 1e20:
        positive.append(limit)
        limit *= 1.1
    positive.append(np.finfo(np.float64).max)
    return np.array([-v for v in reversed(positive)] + [0.0] + positive)


def histogram_proto(values: Array) -> Any:
    """A HistogramProto of the values; empty buckets between others are joined."""
    values = np.asarray(values, np.float64).ravel()
    limits = _bucket_limits()
    counts = np.bincount(np.searchsorted(limits, values, side="right"), minlength=len(limits))
    found = message("HistogramProto")()
    if values.size:
        found.min, found.max = float(values.min()), float(values.max())
        found.num, found.sum = float(values.size), float(values.sum())
        found.sum_squares = float((values * values).sum())
    k = 0
    while k < len(limits):
        end, count = limits[k], counts[k]
        k += 1
        if count <= 0:
            while k < len(limits) and counts[k] <= 0:
                end, count = limits[k], counts[k]
                k += 1
        found.bucket_limit.append(float(end))
        found.bucket.append(float(count))
    return found


def histogram_summary(tag: str, values: Array, op: Operation | None = None) -> Any:
    """A Summary of the values' distribution.

    Raises
    ------
    InvalidArgumentError : a value is not finite.
    """
    values = np.asarray(values)
    if not np.isfinite(values.astype(np.float64)).all():
        kind = "Nan" if np.isnan(values.astype(np.float64)).any() else "Infinity"
        raise InvalidArgumentError(None, op, f"{kind} in summary histogram for: {tag}")
    found = message("Summary")()
    found.value.add(tag=tag).histo.CopyFrom(histogram_proto(values))
    return found


def png_bytes(pixels: Array) -> bytes:
    """A PNG file of uint8 pixels [height, width, 1, 3 or 4]."""
    height, width, depth = pixels.shape
    color = {1: 0, 2: 4, 3: 2, 4: 6}[depth]

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    rows = np.zeros((height, 1 + width * depth), np.uint8)  # each begins with its filter: none
    rows[:, 1:] = pixels.reshape(height, width * depth)
    header = struct.pack(">IIBBBBB", width, height, 8, color, 0, 0, 0)
    data = zlib.compress(rows.tobytes())
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


def _as_pixels(image: Array, bad_color: Array) -> Array:
    """Float pixels scaled to 0..255: around 128 if some are negative; others as they are."""
    if image.dtype == np.uint8:
        return image
    image = image.astype(np.float32)
    finite = np.isfinite(image).all(axis=-1)
    low = float(image[finite].min()) if finite.any() else 0.0
    high = float(image[finite].max()) if finite.any() else 0.0
    if low < 0:
        largest = max(abs(low), abs(high))
        scale, offset = (0.0 if largest < 1e-6 else 127.0 / largest), 128.0
    else:
        scale, offset = (0.0 if high < 1e-6 else 255.0 / high), 0.0
    with np.errstate(invalid="ignore"):
        pixels = (image * scale + offset).astype(np.uint8)
    pixels[~finite] = bad_color[: image.shape[-1]]
    return pixels


def image_summary(tag: str, images: Array, max_images: int, bad_color: Any = None) -> Any:
    """A Summary of the first images of [batch, height, width, 1, 3 or 4], as PNG files."""
    bad = np.array([255, 0, 0, 255] if bad_color is None else bad_color, np.uint8)
    found = message("Summary")()
    for k in range(min(max_images, len(images))):
        pixels = _as_pixels(images[k], bad)
        value = found.value.add(tag=f"{tag}/image" if max_images == 1 else f"{tag}/image/{k}")
        value.image.height, value.image.width = pixels.shape[:2]
        value.image.colorspace = pixels.shape[2]
        value.image.encoded_image_string = png_bytes(pixels)
    return found


def audio_summary(tag: str, audio: Array, rate: Any, max_outputs: int) -> Any:
    """A Summary of the first clips of [batch, frames, channels] or [batch, frames]."""
    audio = audio if audio.ndim == 3 else audio[..., None]
    found = message("Summary")()
    for k in range(min(max_outputs, len(audio))):
        value = found.value.add(tag=f"{tag}/audio" if max_outputs == 1 else f"{tag}/audio/{k}")
        clip = value.audio
        clip.sample_rate, clip.content_type = float(rate), "audio/wav"
        clip.length_frames, clip.num_channels = audio.shape[1:]
        clip.encoded_audio_string = wav_bytes(audio[k], int(rate))
    return found


# ---- operations


def _bytes(proto: Any) -> list[Array]:
    return [object_array((), [proto.SerializeToString()])]


def _tag(array: Any) -> str:
    value = np.asarray(array, dtype=object).ravel()[0]
    return value.decode() if isinstance(value, bytes) else str(value)


def _define(name: str, make: Callable[[Operation], Callable[..., list[Array]]]) -> None:
    def lower(b: Any, op: Operation, *inputs: Any) -> Any:
        return b.call_python(make(op), inputs, [(string, ())], stateful=False)[0]

    define_op(
        name=name,
        infer=lambda op: [(string, TensorShape([]))],
        lower=lower,
        no_gradient="a message",
    )


def _scalars(op: Operation) -> Callable[..., list[Array]]:
    def make(tags: Array, values: Array) -> list[Array]:
        found = message("Summary")()
        names = np.asarray(tags, object).ravel()
        if np.shape(tags) != np.shape(values):
            raise InvalidArgumentError(
                None, op, f"tags and values are not the same shape: {np.shape(tags)} != "
                f"{np.shape(values)} (tag '{_tag(tags)}')",
            )  # fmt: skip
        for name, value in zip(names, np.ravel(values), strict=True):
            found.MergeFrom(scalar_summary(_tag(name), value))
        return _bytes(found)

    return make


def _merged(*parts: Array) -> list[Array]:
    found = message("Summary")()
    seen: set[str] = set()
    for part in parts:
        for data in np.asarray(part, object).ravel():
            found.MergeFromString(data)
    for value in found.value:
        if value.tag in seen:
            text = f"Duplicate tag {value.tag} found in summary inputs"
            raise InvalidArgumentError(None, None, text)
        seen.add(value.tag)
    return _bytes(found)


def _tensors(op: Operation) -> Callable[..., list[Array]]:
    def make(tag: Array, tensor: Array, metadata: Array) -> list[Array]:
        found = message("Summary")()
        value = found.value.add(tag=_tag(tag))
        value.metadata.ParseFromString(np.asarray(metadata, object).ravel()[0])
        value.tensor.CopyFrom(tensor_proto(tensor, op.inputs[1].dtype.base_dtype))
        return _bytes(found)

    return make


_define("ScalarSummary", _scalars)
_define(
    "HistogramSummary",
    lambda op: lambda tag, values: _bytes(histogram_summary(_tag(tag), values, op)),
)
_define(
    "ImageSummary",
    lambda op: lambda tag, images: _bytes(image_summary(_tag(tag), images, op.attrs["max_images"])),
)
_define(
    "AudioSummaryV2",
    lambda op: (
        lambda tag, audio, rate: _bytes(
            audio_summary(_tag(tag), audio, rate, op.attrs["max_outputs"])
        )
    ),
)
_define("TensorSummaryV2", _tensors)
_define("MergeSummary", lambda op: _merged)

_SCALAR = Signature("ScalarSummary", "tags: string", "values: T")
_HISTOGRAM = Signature("HistogramSummary", "tag: string", "values: T")
_IMAGE = Signature("ImageSummary", "tag: string", "tensor: T")
_AUDIO = Signature("AudioSummaryV2", "tag: string", "tensor: float32", "sample_rate: float32")
_TENSOR = Signature(
    "TensorSummaryV2", "tag: string", "tensor: T", "serialized_summary_metadata: string"
)
_MERGE = Signature("MergeSummary", "inputs: N * string")

_INVALID = re.compile(r"[^-/\w\.]")


@contextmanager
def _scope(name: str, family: str | None, default: str, values: Sequence[Any]) -> Iterator[Any]:
    """The tag and the name scope of a summary."""
    name = _INVALID.sub("_", str(name)).lstrip("/")
    family = None if family is None else _INVALID.sub("_", family)
    base = name if family is None else f"{family}/{name}"
    with name_scope(base, default, values) as scope:
        tag = scope.rstrip("/") if family is None else f"{family}/{scope.rstrip('/')}"
        yield tag, scope


def _collected(value: Tensor, collections: Sequence[str] | None) -> Tensor:
    for name in [GraphKeys.SUMMARIES] if collections is None else collections:
        get_default_graph().add_to_collection(name, value)
    return value


def scalar(
    name: str, tensor: Any, collections: Sequence[str] | None = None, family: str | None = None
) -> Tensor:
    """A summary of a number.

    Parameters
    ----------
    name : its name, and its tag in TensorBoard.
    collections : where to add it; ``SUMMARIES`` when None.
    family : a prefix of the tag.
    """
    with _scope(name, family, "", [tensor]) as (tag, scope):
        made = _SCALAR(constant(tag, name="tags"), tensor, name=scope)
    return _collected(made.outputs[0], collections)


def histogram(
    name: str, values: Any, collections: Sequence[str] | None = None, family: str | None = None
) -> Tensor:
    """A summary of the distribution of values; see `scalar`."""
    with _scope(name, family, "HistogramSummary", [values]) as (tag, scope):
        made = _HISTOGRAM(constant(tag, name="tag"), values, name=scope)
    return _collected(made.outputs[0], collections)


def image(
    name: str, tensor: Any, max_outputs: int = 3, collections: Sequence[str] | None = None,
    family: str | None = None,
) -> Tensor:  # fmt: skip
    """A summary of images [batch, height, width, 1, 3 or 4]; see `scalar`."""
    with _scope(name, family, "", [tensor]) as (tag, scope):
        made = _IMAGE(constant(tag, name="tag"), tensor, name=scope, max_images=max_outputs)
    return _collected(made.outputs[0], collections)


def audio(
    name: str, tensor: Any, sample_rate: Any, max_outputs: int = 3,
    collections: Sequence[str] | None = None, family: str | None = None,
) -> Tensor:  # fmt: skip
    """A summary of sound [batch, frames] or [batch, frames, channels] in -1..1; see `scalar`."""
    with _scope(name, family, "", [tensor]) as (tag, scope):
        rate = convert_to_tensor(sample_rate, dtype="float32", name="sample_rate")
        made = _AUDIO(constant(tag, name="tag"), tensor, rate, name=scope, max_outputs=max_outputs)
    return _collected(made.outputs[0], collections)


def tensor_summary(
    name: str, tensor: Any, summary_description: str | None = None,
    collections: Sequence[str] | None = None, summary_metadata: Any = None,
    family: str | None = None, display_name: str | None = None,
) -> Tensor:  # fmt: skip
    """A summary with a tensor as it is; see `scalar`."""
    metadata = message("SummaryMetadata")()
    if summary_metadata is not None:
        metadata.CopyFrom(summary_metadata)
    if display_name is not None:
        metadata.display_name = display_name
    if summary_description is not None:
        metadata.summary_description = summary_description
    with _scope(name, family, "", [tensor]) as (tag, scope):
        made = _TENSOR(
            constant(tag, name="tag"), tensor,
            constant(metadata.SerializeToString(), name="serialized_summary_metadata"), name=scope,
        )  # fmt: skip
    return _collected(made.outputs[0], collections)


def text(name: str, tensor: Any, collections: Sequence[str] | None = None) -> Tensor:
    """A summary of text; see `scalar`."""
    tensor = convert_to_tensor(tensor)
    if tensor.dtype.base_dtype is not string:
        raise ValueError(f"Expected tensor {tensor.name} to have dtype string, got {tensor.dtype}")
    metadata = message("SummaryMetadata")()
    metadata.plugin_data.plugin_name = "text"
    return tensor_summary(name, tensor, collections=collections, summary_metadata=metadata)


def merge(
    inputs: Sequence[Any], collections: Sequence[str] | None = None, name: str | None = None
) -> Tensor:
    """One summary with the values of several.

    Raises
    ------
    InvalidArgumentError : in a run, if two values have one tag.
    """
    name = None if name is None else _INVALID.sub("_", name)
    with name_scope(name, "Merge", list(inputs)):
        made = _MERGE(list(inputs), name=name).outputs[0]
    return _collected(made, [] if collections is None else collections)


def merge_all(
    key: str = GraphKeys.SUMMARIES, scope: str | None = None, name: str | None = None
) -> Tensor | None:
    """One summary with the values of all that a collection has; None when it is empty."""
    found = get_default_graph().get_collection(key, scope)
    return merge(found, name=name) if found else None
