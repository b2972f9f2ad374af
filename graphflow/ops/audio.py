"""Sound: WAV files, spectra of windows, cepstra. NumPy computes, in the run."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import shape_from_tuple
from graphflow.graph.tensor import Tensor
from graphflow.ops.host import define_host_op
from graphflow.ops.shape_rules import Types, output, with_rank
from graphflow.ops.strings import object_array

__all__ = ["audio_spectrogram", "decode_wav", "encode_wav", "mfcc"]

Array = np.ndarray[Any, Any]
_NONE = "sound as a file has no gradient"

# ---- WAV files


def _chunks(text: bytes) -> tuple[bytes, bytes]:
    """The contents of a file's format and data chunks."""
    for start, wanted in ((0, b"RIFF"), (8, b"WAVE")):
        found = text[start : start + 4]
        if found != wanted:
            shown = found.decode("latin-1")
            raise ValueError(f"Header mismatch: Expected {wanted.decode()} but found {shown}")
    form, place = b"", 12
    while place + 8 <= len(text):
        kind, size = text[place : place + 4], struct.unpack_from("<I", text, place + 4)[0]
        content = text[place + 8 : place + 8 + size]
        if kind == b"data":
            if not form:
                raise ValueError("expected a format chunk before the data in a WAV file")
            return form, content
        form = content if kind == b"fmt " else form
        place += 8 + size + size % 2
    raise ValueError("Data too short: expected a data chunk in a WAV file")


def _decoded(contents: Array, desired_channels: int, desired_samples: int) -> tuple[Array, Array]:
    form, data = _chunks(contents.item())
    if len(form) < 16:
        raise ValueError("Bad format chunk size for WAV: Expected 16 or 18, got "
                         f"{len(form)}")  # fmt: skip
    kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", form)
    if kind != 1:
        raise ValueError(f"Bad audio format for WAV: Expected 1 (PCM), but got{kind}")
    if bits != 16:
        raise ValueError(f"Can only read 16-bit WAV files, but received {bits}")
    whole = np.frombuffer(data[: len(data) - len(data) % (2 * channels)], "<i2")
    found = (whole.astype(np.float32) / np.float32(32768)).reshape(-1, channels)
    wanted = desired_channels if desired_channels > 0 else channels
    count = desired_samples if desired_samples > 0 else len(found)
    # As many channels as there are, and the last one again for what is missing.
    result = np.zeros((count, wanted), np.float32)
    part = found[:count, np.minimum(np.arange(wanted), channels - 1)]
    result[: len(part)] = part
    return result, np.array(rate, np.int32)


def _encoded(audio: Array, sample_rate: Array) -> Array:
    return object_array((), [wav_bytes(audio, int(sample_rate))])


def wav_bytes(audio: Array, rate: int) -> bytes:
    """A WAV file of 16 bit from samples [frames, channels] in -1..1; ValueError otherwise."""
    if audio.ndim != 2:
        raise ValueError(f"audio must be 2-dimensional, got shape {list(audio.shape)}")
    channels = audio.shape[1]
    if channels <= 0 or rate <= 0:
        raise ValueError(f"expected channels and a rate above 0, got {channels} and {rate}")
    scaled = audio * np.float32(32768)
    samples = np.clip(np.trunc(scaled + np.copysign(np.float32(0.5), scaled)), -32768, 32767)
    data = samples.astype("<i2").tobytes()
    form = struct.pack("<HHIIHH", 1, channels, rate, 2 * channels * rate, 2 * channels, 16)
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(data))
    return b"RIFF" + struct.pack("<I", len(body) + len(data)) + body + data


def _infer_decoded(op: Operation) -> Types:
    with_rank(op.inputs[0].shape, 0)
    sizes = [op.attrs[k] for k in ("desired_samples", "desired_channels")]
    shape = shape_from_tuple(tuple(s if s >= 0 else None for s in sizes))
    return [(dtypes.float32, shape), (dtypes.int32, shape_from_tuple(()))]


def _infer_encoded(op: Operation) -> Types:
    with_rank(op.inputs[0].shape, 2)
    with_rank(op.inputs[1].shape, 0)
    return [(dtypes.string, shape_from_tuple(()))]


define_host_op(
    "DecodeWav", _infer_decoded, _decoded, None, ("desired_channels", "desired_samples"),
    no_gradient=_NONE,
)  # fmt: skip
define_host_op(
    "EncodeWav", _infer_encoded, _encoded, lambda op, audio, rate: [()], no_gradient=_NONE
)
_DECODE = Signature("DecodeWav", "contents: string")
_ENCODE = Signature("EncodeWav", "audio: float32", "sample_rate: int32")


def decode_wav(
    contents: Any, desired_channels: int = -1, desired_samples: int = -1, name: str | None = None
) -> tuple[Tensor, Tensor]:
    """Return samples in [-1, 1), (samples, channels), and their rate, of a WAV file of 16 bits.

    Parameters
    ----------
    desired_channels, desired_samples : sizes to which the sound is cut or filled up.
    """
    attrs: dict[str, Any] = {
        "desired_channels": desired_channels, "desired_samples": desired_samples
    }  # fmt: skip
    audio, rate = _DECODE(contents, name=name, **attrs).outputs
    return audio, rate


def encode_wav(audio: Any, sample_rate: Any, name: str | None = None) -> Tensor:
    """Return samples in [-1, 1], (samples, channels), as the text of a WAV file of 16 bits."""
    return _ENCODE(audio, sample_rate, name=name).outputs[0]


# ---- spectra


def _spectrogram(audio: Array, window_size: int, stride: int, magnitude_squared: bool) -> Array:
    size = 1 << int(np.ceil(np.log2(window_size)))
    count = 1 + (len(audio) - window_size) // stride if len(audio) >= window_size else 0
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window_size) / window_size)
    places = np.arange(count)[:, None] * stride + np.arange(window_size)
    frames = audio.T[:, places] * window
    found = np.abs(np.fft.rfft(frames, size)) ** 2
    return found if magnitude_squared else np.sqrt(found)


def _infer_spectrogram(op: Operation) -> Types:
    samples, channels = with_rank(op.inputs[0].shape, 2)
    window, stride = op.attrs["window_size"], op.attrs["stride"]
    count = None
    if samples is not None:
        count = 1 + (samples - window) // stride if samples >= window else 0
    bins = 1 + (1 << int(np.ceil(np.log2(window)))) // 2
    return output(op, (channels, count, bins))


define_host_op(
    "AudioSpectrogram", _infer_spectrogram, _spectrogram, None,
    ("window_size", "stride", "magnitude_squared"),
)  # fmt: skip
_SPECTROGRAM = Signature("AudioSpectrogram", "input: float32")


def audio_spectrogram(
    input: Any, window_size: int, stride: int, magnitude_squared: bool = False,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return the strengths of frequencies, (channels, windows, frequencies).

    Parameters
    ----------
    input : float32 samples, (samples, channels).
    window_size, stride : samples in a window and between the beginnings of two.
    magnitude_squared : energies in place of strengths.
    """
    attrs: dict[str, Any] = {
        "window_size": window_size, "stride": stride, "magnitude_squared": magnitude_squared
    }  # fmt: skip
    return _SPECTROGRAM(input, name=name, **attrs).outputs[0]


# ---- cepstra


def _mel(hertz: Any) -> Any:
    return 1127.0 * np.log1p(np.asarray(hertz) / 700.0)


def _filters(bins: int, rate: float, lower: float, upper: float, count: int) -> Array:
    """By how much each frequency counts in each mel band, (frequencies, bands)."""
    low = _mel(lower)
    centres = low + (_mel(upper) - low) / (count + 1) * np.arange(1, count + 2)
    edges = np.concatenate([[low], centres])
    step = 0.5 * rate / (bins - 1)
    first, last = int(1.5 + lower / step), int(upper / step)
    found = np.zeros((bins, count))
    for k in range(first, min(last, bins - 1) + 1):
        place = _mel(k * step)
        band = int(np.searchsorted(centres[:-1], place, "left")) - 1
        part = (edges[band + 2] - place) / (edges[band + 2] - edges[band + 1])
        if band >= 0:
            found[k, band] += part
        if band + 1 < count:
            found[k, band + 1] += 1 - part
    return found


def _cepstra(
    spectrogram: Array, sample_rate: Array, upper_frequency_limit: float,
    lower_frequency_limit: float, filterbank_channel_count: int, dct_coefficient_count: int,
) -> Array:  # fmt: skip
    bins, count = spectrogram.shape[2], filterbank_channel_count
    weights = _filters(
        bins, float(sample_rate), lower_frequency_limit, upper_frequency_limit, count
    )
    bands = np.log(np.maximum(np.sqrt(spectrogram) @ weights, 1e-12))
    angles = np.arange(dct_coefficient_count)[:, None] * (np.arange(count) + 0.5)
    return bands @ (np.sqrt(2 / count) * np.cos(angles * (np.pi / count))).T


def _infer_cepstra(op: Operation) -> Types:
    channels, count, _ = with_rank(op.inputs[0].shape, 3)
    with_rank(op.inputs[1].shape, 0)
    return output(op, (channels, count, op.attrs["dct_coefficient_count"]))


define_host_op(
    "Mfcc", _infer_cepstra, _cepstra, None,
    ("upper_frequency_limit", "lower_frequency_limit", "filterbank_channel_count",
     "dct_coefficient_count"),
)  # fmt: skip
_MFCC = Signature("Mfcc", "spectrogram: float32", "sample_rate: int32")


def mfcc(
    spectrogram: Any, sample_rate: Any, upper_frequency_limit: float = 4000,
    lower_frequency_limit: float = 20, filterbank_channel_count: int = 40,
    dct_coefficient_count: int = 13, name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return the cepstra, (channels, windows, coefficients), of an `audio_spectrogram`'s energies.

    Parameters
    ----------
    spectrogram : energies: made with `magnitude_squared`.
    sample_rate : of the sound, per second.
    upper_frequency_limit, lower_frequency_limit : from where to where the mel bands go.
    filterbank_channel_count, dct_coefficient_count : the numbers of bands and of results.
    """
    attrs: dict[str, Any] = {
        "upper_frequency_limit": float(upper_frequency_limit),
        "lower_frequency_limit": float(lower_frequency_limit),
        "filterbank_channel_count": filterbank_channel_count,
        "dct_coefficient_count": dct_coefficient_count,
    }
    return _MFCC(spectrogram, sample_rate, name=name, **attrs).outputs[0]
