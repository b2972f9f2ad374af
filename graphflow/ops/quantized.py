"""Numbers as parts of a range, in few bits: quantize, dequantize, quantized_concat.

A quantised tensor goes with two numbers, the ends of the range that its integers stand for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.dtypes import as_dtype, float32
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import TensorShape, shape_from_tuple
from graphflow.graph.tensor import Tensor
from graphflow.ops.host import compute, define_host_op
from graphflow.ops.shape_rules import Types, known_int, merge_size, output, with_rank

__all__ = ["dequantize", "quantize", "quantize_v2", "quantized_concat"]

Array = np.ndarray[Any, Any]
_HALF = np.float32(0.5)
_TYPES = (dtypes.qint8, dtypes.quint8, dtypes.qint16, dtypes.quint16, dtypes.qint32)
_MODES = ("MIN_COMBINED", "MIN_FIRST", "SCALED")
_ROUNDINGS = ("HALF_AWAY_FROM_ZERO", "HALF_TO_EVEN")
_NONE = "TensorFlow has none for it"


class QuantizeV2(NamedTuple):
    """Integers, and the ends of the range that they stand for."""

    output: Tensor
    output_min: Tensor
    output_max: Tensor


class QuantizedConcat(NamedTuple):
    """Integers, and the ends of the range that they stand for."""

    output: Tensor
    output_min: Tensor
    output_max: Tensor


def _rounded(x: Any) -> Any:
    """The nearest integers, halves away from zero."""
    return np.trunc(x + np.copysign(_HALF, x))


def _limits(dtype: Any) -> tuple[np.float32, np.float32]:
    info = np.iinfo(dtype.numpy)
    return np.float32(info.min), np.float32(info.max)


def _step(dtype: Any, low: Any, high: Any) -> float:
    """How far apart the numbers are that the integers stand for."""
    return float(high - low) / (2.0 ** (8 * dtype.size) - 1)


def _ends(low: Array, high: Array) -> tuple[np.float32, np.float32]:
    """A range with zero in it that is not too narrow."""
    for end, label in ((low, "min_range"), (high, "max_range")):
        if end.size != 1:
            raise ValueError(f"{label} must be a scalar, got shape {list(end.shape)}")
    first, last = np.float32(low.reshape(())), np.float32(high.reshape(()))
    if first > last:
        raise ValueError("min_range must be <= max_range")
    least = np.float32(max(1.0, abs(float(first)), abs(float(last))) / 100)
    first = min(np.float32(0), first)
    return first, max(np.float32(0), last, first + least)


def _to_steps(x: Array, low: Any, high: Any, dtype: Any) -> Array:
    """Numbers of steps from the first one, which is moved so that zero is a step."""
    lowest, highest = _limits(dtype)
    if dtype.size > 2:  # the largest integer that float32 has
        highest = np.nextafter(highest, np.float32(0))
    scale = np.float32(1.0 / _step(dtype, low, high))
    found = _rounded(x * scale) - (_rounded(np.float32(low * scale)) - lowest)
    return np.clip(found, lowest, highest)


def _from_steps(x: Array, low: Any, high: Any, dtype: Any) -> Array:
    lowest, _ = _limits(dtype)
    step = np.float32(_step(dtype, low, high))
    first = _rounded(np.float32(low / step)) * step
    found: Array = (first - lowest * step) + x.astype(np.float32) * step
    return found


def _quantized(
    x: Array, low: Array, high: Array, T: Any, mode: str, round_mode: str
) -> tuple[Array, Any, Any]:
    first, last = _ends(low, high)
    lowest, highest = _limits(T)
    if mode == "MIN_FIRST":
        found = _to_steps(x, first, last, T)
    elif mode == "MIN_COMBINED":
        scale = (highest - lowest) / (last - first)
        scaled = (np.clip(x, first, last) - first) * scale
        found = _rounded(scaled + lowest) if lowest < 0 else np.floor(scaled + _HALF)
    else:
        scales = [limit / end for limit, end in ((lowest, first), (highest, last))
                  if limit * end > 0]  # fmt: skip
        scale = np.float32(min(scales))
        first, last = lowest / scale, highest / scale
        scaled = np.clip(x, first, last) * scale
        found = np.rint(scaled) if round_mode == "HALF_TO_EVEN" else _rounded(scaled)
    return found.astype(T.numpy), first, last


def _dequantized(x: Array, low: Array, high: Array, T: Any, mode: str) -> Array:
    first, last = np.float32(low.reshape(())), np.float32(high.reshape(()))
    lowest, highest = _limits(T)
    if mode == "MIN_FIRST":
        return _from_steps(x, first, last, T)
    if mode == "MIN_COMBINED":
        return (x.astype(np.float32) - lowest) * ((last - first) / (highest - lowest)) + first
    scale = last / highest if lowest == 0 else max(first / lowest, last / highest)
    return x.astype(np.float32) * scale


def _joined(axis: Array, *arrays: Array, T: Any) -> tuple[Array, Any, Any]:
    """Arrays of several ranges in one range that has all of them."""
    count = len(arrays) // 3
    values, lows, highs = arrays[:count], arrays[count : 2 * count], arrays[2 * count :]
    low, high = np.float32(np.min(lows)), np.float32(np.max(highs))
    if _limits(T)[0] < 0:  # a signed range is the same on both sides
        high = max(abs(low), abs(high))
        low = -high
    else:
        low = min(np.float32(0), low)
    parts = []
    for value, own_low, own_high in zip(values, lows, highs, strict=True):
        if own_low == low and own_high == high:
            parts.append(value)
        else:
            plain = _from_steps(value, np.float32(own_low), np.float32(own_high), T)
            parts.append(_to_steps(plain, low, high, T).astype(T.numpy))
    return np.concatenate(parts, axis=int(axis)), low, high


# ---- the ops


def _infer_quantized(op: Operation) -> Types:
    for end in op.inputs[1:]:
        with_rank(end.shape, 0)
    scalar = (float32, TensorShape([]))
    return [(op.attrs["T"], op.inputs[0].shape), scalar, scalar]


def _infer_dequantized(op: Operation) -> Types:
    for end in op.inputs[1:]:
        with_rank(end.shape, 0)
    return output(op, op.inputs[0].shape.extents, float32)


def _infer_joined(op: Operation) -> Types:
    count = op.attrs["N"]
    values, axis = op.inputs[1 : 1 + count], known_int(op.inputs[0])
    for end in op.inputs[1 + count :]:
        with_rank(end.shape, 0)
    rank = next((t.shape.rank for t in values if t.shape.rank is not None), None)
    scalar = (float32, TensorShape([]))
    kind = values[0].dtype.base_dtype
    if rank is None:
        return [(kind, TensorShape(None)), scalar, scalar]
    rows = [with_rank(t.shape, rank) for t in values]
    if axis is None:
        return [(kind, shape_from_tuple((None,) * rank)), scalar, scalar]
    if not -rank <= axis < rank:
        raise ValueError(f"expected concat_dim in [{-rank}, {rank}), got {axis}")
    sizes = list(rows[0])
    for row in rows[1:]:
        sizes = [merge_size(a, b) if k != axis % rank else None
                 for k, (a, b) in enumerate(zip(sizes, row, strict=True))]  # fmt: skip
    own = [row[axis % rank] for row in rows]
    sizes[axis % rank] = None if None in own else sum(n or 0 for n in own)
    return [(kind, shape_from_tuple(tuple(sizes))), scalar, scalar]


def _lower_dequantize(b: Any, op: Operation, x: Any, low: Any, high: Any) -> Any:
    kind = op.inputs[0].dtype.base_dtype
    return compute(b, op, _dequantized, (x, low, high), [x.shape], T=kind, mode=op.attrs["mode"])


def _lower_joined(b: Any, op: Operation, *inputs: Any) -> Any:
    return compute(b, op, _joined, inputs, None, T=op.inputs[1].dtype.base_dtype)


define_host_op(
    "QuantizeV2", _infer_quantized, _quantized, lambda op, x, low, high: [x.shape, (), ()],
    ("T", "mode", "round_mode"), no_gradient=_NONE,
)  # fmt: skip
define_op("Dequantize", _infer_dequantized, _lower_dequantize, no_gradient=_NONE)
define_op("QuantizedConcat", _infer_joined, _lower_joined, no_gradient=_NONE)
_QUANTIZE = Signature("QuantizeV2", "input: float32", "min_range: float32", "max_range: float32")
_DEQUANTIZE = Signature(
    "Dequantize", "input: T", "min_range: float32", "max_range: float32", T=_TYPES
)
_JOIN = Signature(
    "QuantizedConcat", "concat_dim: int32", "values: N * T", "input_mins: N * float32",
    "input_maxes: N * float32",
)  # fmt: skip


def _check(value: str, allowed: Sequence[str], label: str) -> str:
    if value not in allowed:
        raise ValueError(f"expected {label} one of {', '.join(allowed)}, got {value!r}")
    return value


def quantize(
    input: Any, min_range: Any, max_range: Any, T: Any, mode: str = "MIN_COMBINED",
    round_mode: str = "HALF_AWAY_FROM_ZERO", name: str | None = None,
) -> QuantizeV2:  # fmt: skip
    """Return float32 numbers as integers that stand for parts of a range.

    Parameters
    ----------
    min_range, max_range : the ends of the range; zero is taken in.
    T : the type of the integers, such as ``tf.quint8``.
    mode : ``"MIN_COMBINED"``, the ends are the first and the last integer; ``"MIN_FIRST"``, moved
        so that zero is an integer; ``"SCALED"``, zero is 0.
    round_mode : what becomes of halves in mode ``"SCALED"``.

    https://www.tensorflow.org/versions/r1.15/api_docs/python/tf/quantization/quantize
    """
    kind = as_dtype(T)
    if kind not in _TYPES:
        raise TypeError(f"expected a quantised type, got {kind.name}")
    made = _QUANTIZE(
        input, min_range, max_range, name=name, T=kind, mode=_check(mode, _MODES, "mode"),
        round_mode=_check(round_mode, _ROUNDINGS, "round_mode"),
    )  # fmt: skip
    return QuantizeV2(*made.outputs)


def quantize_v2(
    input: Any, min_range: Any, max_range: Any, T: Any, mode: str = "MIN_COMBINED",
    name: str | None = None, round_mode: str = "HALF_AWAY_FROM_ZERO",
) -> QuantizeV2:  # fmt: skip
    """Return `quantize` under its old name."""
    return quantize(input, min_range, max_range, T, mode, round_mode, name)


def dequantize(
    input: Any, min_range: Any, max_range: Any, mode: str = "MIN_COMBINED", name: str | None = None
) -> Tensor:
    """Return the float32 numbers that quantised integers stand for; see `quantize`."""
    mode = _check(mode, _MODES, "mode")
    return _DEQUANTIZE(input, min_range, max_range, name=name, mode=mode).outputs[0]


def quantized_concat(
    concat_dim: Any, values: Sequence[Any], input_mins: Sequence[Any], input_maxes: Sequence[Any],
    name: str | None = None,
) -> QuantizedConcat:  # fmt: skip
    """Return quantised tensors joined along an axis, in a range that has all of theirs."""
    made = _JOIN(concat_dim, values, input_mins, input_maxes, name=name)
    return QuantizedConcat(*made.outputs)
