"""Signals cut into frames and put together again, windows, cosine transforms, mel frequencies."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.constants import constant, constant_value
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import as_dtype
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import shape_from_tuple
from graphflow.graph.tensor import Tensor
from graphflow.ops import sequences
from graphflow.ops.casting import cast
from graphflow.ops.comparison import equal, where
from graphflow.ops.creation import ones, zeros
from graphflow.ops.elementwise import maximum, pow
from graphflow.ops.gathering import gather
from graphflow.ops.host import define_host_op
from graphflow.ops.joining import concat
from graphflow.ops.linear import matmul
from graphflow.ops.padding import pad
from graphflow.ops.reductions import reduce_sum
from graphflow.ops.segments import unsorted_segment_sum
from graphflow.ops.shape import expand_dims, rank, reshape
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.shape_rules import Types, known_int, with_rank
from graphflow.ops.slicing import tile
from graphflow.ops.spectral import irfft, rfft
from graphflow.ops.transposing import transpose
from graphflow.ops.unary import ceil, cos, log, rsqrt, square

__all__ = [
    "dct", "frame", "hamming_window", "hann_window", "idct", "inverse_stft",
    "inverse_stft_window_fn", "linear_to_mel_weight_matrix", "mfccs_from_log_mel_spectrograms",
    "overlap_and_add", "stft",
]  # fmt: skip

_HERTZ, _MELS = 700.0, 1127.0  # of the mel scale: mel = 1127 log(1 + hertz / 700)

# ---- frames


def _size(tensor: Tensor, axis: int) -> Any:
    """The size of an axis: a number when it is known."""
    known = tensor.shape.as_list()[axis]
    if known is not None:
        return known
    sizes: Any = shape_of(tensor)
    return sizes[axis]


def _scalar(value: Any, name: str) -> Any:
    """An integer: a number when it is known while the graph is built, else a scalar tensor."""
    tensor = convert_to_tensor(value, name=name)
    tensor.shape.assert_has_rank(0)
    known = constant_value(tensor)
    return tensor if known is None else int(known)


def _frame_count(samples: Any, length: Any, step: Any, pad_end: bool) -> Any:
    if pad_end:
        return -(-samples // step)
    count = 1 + (samples - length) // step
    return maximum(count, 0) if isinstance(count, Tensor) else max(count, 0)


def frame(
    signal: Any, frame_length: Any, frame_step: Any, pad_end: bool = False, pad_value: Any = 0,
    axis: int = -1, name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return frames of a signal: the axis becomes two, of frames and of their samples.

    Parameters
    ----------
    frame_length, frame_step : integers, samples in a frame and between the beginnings of two.
    pad_end : whether frames that begin in the signal and end after it are given, filled up with
        `pad_value`.
    """
    with name_scope(name, "frame", [signal, frame_length, frame_step, pad_value]):
        signal = convert_to_tensor(signal, name="signal")
        length, step = _scalar(frame_length, "frame_length"), _scalar(frame_step, "frame_step")
        axes = signal.shape.rank
        if axes is None:
            raise ValueError("expected a signal of known rank, got unknown")
        axis = axis % axes
        samples = _size(signal, axis)
        count = _frame_count(samples, length, step, pad_end)
        if pad_end:
            missing = (count - 1) * step + length - samples
            short = maximum(missing, 0) if isinstance(missing, Tensor) else max(missing, 0)
            amounts = [[0, short if k == axis else 0] for k in range(axes)]
            fill = convert_to_tensor(pad_value, signal.dtype)
            signal = pad(signal, convert_to_tensor(amounts, dtypes.int32), constant_values=fill)
        starts: Any = sequences.range(count) * step
        places = expand_dims(starts, 1) + expand_dims(sequences.range(length), 0)
        return gather(signal, places, axis=axis)


def overlap_and_add(signal: Any, frame_step: Any, name: str | None = None) -> Tensor:
    """Return the signal of which frames, (..., frames, length), are taken at every `frame_step`.

    Where frames overlap they are added.
    """
    with name_scope(name, "overlap_and_add", [signal, frame_step]):
        signal = convert_to_tensor(signal, name="signal")
        axes = signal.shape.rank
        if axes is None or axes < 2:
            raise ValueError(f"Shape {signal.shape} must have rank at least 2")
        step_tensor = convert_to_tensor(frame_step, name="frame_step")
        if not step_tensor.dtype.is_integer:
            raise ValueError(f"frame_step must be an integer. Got {step_tensor.dtype}")
        step = _scalar(step_tensor, "frame_step")
        count, length = _size(signal, -2), _size(signal, -1)
        starts: Any = sequences.range(count) * step
        places = expand_dims(starts, 1) + expand_dims(sequences.range(length), 0)
        lead = list(range(axes - 2))
        rows = transpose(signal, [axes - 2, axes - 1, *lead])
        total = unsorted_segment_sum(rows, places, (count - 1) * step + length)
        result = transpose(total, [*(k + 1 for k in lead), 0])
        samples = (count - 1) * step + length
        known = signal.shape.as_list()[:-2]
        result.set_shape([*known, None if isinstance(samples, Tensor) else samples])
        return result


# ---- windows


def _raised_cosine(
    name: str | None, label: str, window_length: Any, periodic: Any, dtype: Any, a: float, b: float
) -> Tensor:
    dtype = as_dtype(dtype)
    if not dtype.is_floating:
        raise ValueError(f"dtype must be a floating point type. Found {dtype}")
    with name_scope(name, label, [window_length, periodic]):
        length: Any = convert_to_tensor(window_length, dtype=dtypes.int32, name="window_length")
        length.shape.assert_has_rank(0)
        known = constant_value(length)
        if known is not None and int(known) == 1:
            return ones([1], dtype=dtype)
        whole: Any = cast(convert_to_tensor(periodic, dtype=dtypes.bool_, name="periodic"),
                          dtypes.int32)  # fmt: skip
        period = cast(length + whole * (1 - length % 2) - 1, dtype)
        angles: Any = constant(2 * np.pi, dtype=dtype) * cast(sequences.range(length), dtype)
        wave = a - b * cos(angles / period)
        if known is not None:
            return wave
        return _or_one(wave, length)


def _or_one(wave: Any, length: Any) -> Any:
    """The wave, but for a window of one sample, which is one."""
    is_one = tile(reshape(equal(length, 1), [1]), reshape(length, [1]))
    return where(is_one, ones(reshape(length, [1]), wave.dtype), wave)


def hann_window(
    window_length: Any, periodic: Any = True, dtype: Any = dtypes.float32, name: str | None = None
) -> Tensor:
    """Return Hann's window; `periodic` for spectra, not for filters."""
    return _raised_cosine(name, "hann_window", window_length, periodic, dtype, 0.5, 0.5)


def hamming_window(
    window_length: Any, periodic: Any = True, dtype: Any = dtypes.float32, name: str | None = None
) -> Tensor:
    """Return Hamming's window; `periodic` for spectra, not for filters."""
    return _raised_cosine(name, "hamming_window", window_length, periodic, dtype, 0.54, 0.46)


# ---- spectra of frames


def _power_of_two(value: Any) -> Any:
    """The next power of two."""
    if not isinstance(value, Tensor):
        return int(2 ** np.ceil(np.log(value) / np.log(2.0)))
    exponent = ceil(log(cast(value, dtypes.float32)) / math.log(2.0))
    return cast(pow(2.0, exponent), value.dtype)


def stft(
    signals: Any, frame_length: Any, frame_step: Any, fft_length: Any = None,
    window_fn: Callable[..., Any] | None = hann_window, pad_end: bool = False,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return the Fourier transforms of frames, complex64 of shape (..., frames, frequencies).

    Parameters
    ----------
    signals : float32 of shape (..., samples).
    frame_length, frame_step, pad_end : as `frame`'s.
    fft_length : of the transforms; the next power of two from `frame_length` when None.
    window_fn : makes the window of a length and ``dtype=``; none when None.
    """
    with name_scope(name, "stft", [signals, frame_length, frame_step]):
        signals = convert_to_tensor(signals, name="signals")
        length, step = _scalar(frame_length, "frame_length"), _scalar(frame_step, "frame_step")
        size = _power_of_two(length) if fft_length is None else _scalar(fft_length, "fft_length")
        framed: Any = frame(signals, length, step, pad_end=pad_end)
        if window_fn is not None:
            framed = framed * window_fn(length, dtype=framed.dtype)
        return rfft(framed, convert_to_tensor([size], dtypes.int32))


def inverse_stft_window_fn(
    frame_step: Any, forward_window_fn: Callable[..., Any] = hann_window, name: str | None = None
) -> Callable[..., Any]:
    """Return the window with which `inverse_stft` gives back what `stft` took."""
    step = _scalar(frame_step, "frame_step")

    def window(frame_length: Any, dtype: Any) -> Tensor:
        with name_scope(name, "inverse_stft_window_fn"):
            length = _scalar(frame_length, "frame_length")
            forward: Any = forward_window_fn(length, dtype=dtype)
            overlaps = -(-length // step)
            padded = pad(square(forward), [[0, overlaps * step - length]])
            total = reduce_sum(reshape(padded, [overlaps, step]), 0, keepdims=True)
            weights: Any = reshape(tile(total, [overlaps, 1]), [overlaps * step])
            return forward / weights[:length]

    return window


def inverse_stft(
    stfts: Any, frame_length: Any, frame_step: Any, fft_length: Any = None,
    window_fn: Callable[..., Any] | None = hann_window, name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return the signals, float32 of shape (..., samples), of what `stft` gives.

    The parameters are those of `stft`; the window is applied once more, see
    `inverse_stft_window_fn`.
    """
    with name_scope(name, "inverse_stft", [stfts]):
        stfts = convert_to_tensor(stfts, name="stfts")
        stfts.shape.with_rank_at_least(2)
        length, step = _scalar(frame_length, "frame_length"), _scalar(frame_step, "frame_step")
        size = _power_of_two(length) if fft_length is None else _scalar(fft_length, "fft_length")
        frames: Any = irfft(stfts, convert_to_tensor([size], dtypes.int32))
        frames = frames[..., :length]
        missing = length - size
        short = maximum(missing, 0) if isinstance(missing, Tensor) else max(missing, 0)
        if isinstance(short, Tensor) or short:
            lead = zeros(concat([reshape(rank(frames) - 1, [1]), [2]], 0), dtypes.int32)
            frames = pad(frames, concat([lead, convert_to_tensor([[0, short]])], 0))
        if window_fn is not None:
            frames = frames * window_fn(length, dtype=stfts.dtype.real_dtype)
        return overlap_and_add(frames, step)


# ---- cosine transforms


def _cosines(count: Any, type: int, ortho: bool) -> Any:
    """The matrix of a cosine transform: rows are inputs, columns are outputs."""
    size = int(count)
    n, k = np.arange(size)[:, None], np.arange(size)[None, :]
    if type == 1:
        found = 2 * np.cos(np.pi * n * k / max(size - 1, 1))
        found[[0, -1]] /= 2
        return found
    if type == 2:
        found = 2 * np.cos(np.pi * (2 * n + 1) * k / (2 * size))
        scale = np.where(k == 0, 0.5, 0.5 * np.sqrt(2)) / np.sqrt(size)
    else:
        found = np.where(n == 0, 1, 2) * np.cos(np.pi * n * (2 * k + 1) / (2 * size))
        scale = np.where(n == 0, 1, np.sqrt(0.5)) / np.sqrt(size)
    return found * scale if ortho else found


def _infer_cosines(op: Operation) -> Types:
    with_rank(op.inputs[0].shape, 0)
    size = known_int(op.inputs[0])
    return [(dtypes.float32, shape_from_tuple((size, size)))]


define_host_op(
    "CosineMatrix", _infer_cosines, _cosines, None, ("type", "ortho"), no_gradient="integer input"
)
_COSINES = Signature("CosineMatrix", "count: int32")


def dct(
    input: Any, type: int = 2, n: Any = None, axis: int = -1, norm: str | None = None,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return a cosine transform over the last axis, float32.

    Parameters
    ----------
    type : 1, 2 or 3.
    n : the length to which the axis is cut or filled up with zeros first.
    axis : -1.
    norm : ``"ortho"`` for a transform that is orthogonal, of types 2 and 3.
    """
    if axis != -1:
        raise NotImplementedError(f"axis must be -1. Got: {axis}")
    if n is not None and n < 1:
        raise ValueError("n should be a positive integer or None")
    if type not in (1, 2, 3):
        raise ValueError("Only Types I, II and III (I)DCT are supported.")
    if norm not in (None, "ortho"):
        raise ValueError(f"Unknown normalization. Expected None or 'ortho', got: {norm}")
    if type == 1 and norm == "ortho":
        raise ValueError("Normalization is not supported for the Type-I DCT.")
    with name_scope(name, "dct", [input]):
        values: Any = convert_to_tensor(input, dtype=dtypes.float32)
        count = _size(values, -1)
        if type == 1 and not isinstance(count, Tensor) and (n or count) < 2:
            raise ValueError("DCT-I requires the dimension to be greater than one.")
        if n is not None:
            values = values[..., :n]
            missing = n - count
            short = maximum(missing, 0) if isinstance(missing, Tensor) else max(missing, 0)
            amounts = [[0, 0]] * (values.shape.rank - 1) + [[0, short]]
            values = pad(values, convert_to_tensor(amounts, dtypes.int32))
            count = n
        table = _COSINES(count, type=type, ortho=norm == "ortho").outputs[0]
        sizes: Any = shape_of(values)
        product = matmul(reshape(values, [-1, count]), table)
        result = reshape(product, sizes)
        result.set_shape(values.shape)
        return result


def idct(
    input: Any, type: int = 2, n: Any = None, axis: int = -1, norm: str | None = None,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return the inverse of `dct`, times twice the length unless `norm` is ``"ortho"``."""
    if type not in (1, 2, 3):
        raise ValueError("Only Types I, II and III (I)DCT are supported.")
    return dct(input, {1: 1, 2: 3, 3: 2}[type], n, axis, norm, name)


# ---- mel frequencies


def _mels(hertz: Any) -> Any:
    return _MELS * np.log1p(np.asarray(hertz) / _HERTZ)


def _number(value: Any, name: str) -> float:
    known = constant_value(value) if isinstance(value, Tensor) else value
    if known is None:
        raise ValueError(
            f"`{name}` was a non-constant Tensor. Must be a Python float or a constant Tensor."
        )
    return float(known)


def linear_to_mel_weight_matrix(
    num_mel_bins: int = 20, num_spectrogram_bins: int = 129, sample_rate: Any = 8000,
    lower_edge_hertz: float = 125.0, upper_edge_hertz: float = 3800.0,
    dtype: Any = dtypes.float32, name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return a matrix, (num_spectrogram_bins, num_mel_bins), from linear frequencies to mel bands.

    Parameters
    ----------
    sample_rate : of the signal, per second.
    lower_edge_hertz, upper_edge_hertz : from where to where the bands go.
    """
    rate, dtype = _number(sample_rate, "sample_rate"), as_dtype(dtype)
    if num_mel_bins <= 0:
        raise ValueError(f"num_mel_bins must be positive. Got: {num_mel_bins}")
    if lower_edge_hertz < 0.0:
        raise ValueError(f"lower_edge_hertz must be non-negative. Got: {lower_edge_hertz}")
    if lower_edge_hertz >= upper_edge_hertz:
        raise ValueError(
            f"lower_edge_hertz {lower_edge_hertz:.1f} >= upper_edge_hertz {upper_edge_hertz:.1f}"
        )
    if rate <= 0.0:
        raise ValueError(f"sample_rate must be positive. Got: {rate}")
    if upper_edge_hertz > rate / 2:
        raise ValueError(
            "upper_edge_hertz must not be larger than the Nyquist frequency (sample_rate / 2). "
            f"Got {upper_edge_hertz} for sample_rate: {rate}"
        )
    if not dtype.is_floating:
        raise ValueError(f"dtype must be a floating point type. Got: {dtype}")
    bins = _mels(np.linspace(0.0, rate / 2, num_spectrogram_bins))[1:, None]
    edges = np.linspace(_mels(lower_edge_hertz), _mels(upper_edge_hertz), num_mel_bins + 2)
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    weights = np.minimum((bins - lower) / (centre - lower), (upper - bins) / (upper - centre))
    whole = np.pad(np.maximum(weights, 0), [(1, 0), (0, 0)])  # the constant is in no band
    return constant(whole, dtype=dtype, name=name or "linear_to_mel_weight_matrix")


def mfccs_from_log_mel_spectrograms(log_mel_spectrograms: Any, name: str | None = None) -> Tensor:
    """Return the cepstrum's coefficients of logarithms of energies in mel bands (last axis)."""
    with name_scope(name, "mfccs_from_log_mel_spectrograms", [log_mel_spectrograms]):
        logs = convert_to_tensor(log_mel_spectrograms, dtype=dtypes.float32)
        if logs.shape.rank and logs.shape.as_list()[-1] == 0:
            raise ValueError(f"num_mel_bins must be positive. Got: {logs}")
        bands: Any = cast(_size(logs, -1), dtypes.float32)
        return dct(logs, type=2) * rsqrt(bands * 2.0)
