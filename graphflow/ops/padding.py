"""Padding: by a constant, or by the tensor mirrored at its edges."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.graph.apply import Signature
from graphflow.graph.constants import constant_value
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ir.dims import Dim
from graphflow.ops.joining import stack
from graphflow.ops.shape import INDEX, reshape
from graphflow.ops.shape import rank as rank_of
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.shape_rules import Types, output, with_rank

__all__ = ["mirror_pad", "pad"]


_PADDINGS = "paddings: Tpaddings = int32"
_PAD = Signature("Pad", "input: T", _PADDINGS, Tpaddings=INDEX)
_PAD_V2 = Signature("PadV2", "input: T", _PADDINGS, "constant_values: T", Tpaddings=INDEX)
_MIRROR_PAD = Signature("MirrorPad", "input: T", _PADDINGS, Tpaddings=INDEX)
_MIRROR_PAD_GRAD = Signature("MirrorPadGrad", "input: T", _PADDINGS, Tpaddings=INDEX)
_SLICE = Signature("Slice", "input: T", "begin: Index", "size: Index", Index=INDEX)


def _known_paddings(op: Operation) -> list[list[int | None]] | None:
    """The amounts as pairs, None for those that the graph does not know."""
    value = constant_value(op.inputs[1], partial=True)
    if value is None:
        return None
    return [[None if v is None else int(v) for v in pair] for pair in np.asarray(value)]


def _infer_padded(op: Operation, sign: int = 1) -> Types:
    x, paddings = op.inputs[:2]
    count, columns = with_rank(paddings.shape, 2)
    if columns not in (None, 2):
        raise ValueError(f"Dimension must be 2 but is {columns}")
    known = _known_paddings(op)
    if count is not None:
        source = with_rank(x.shape, count)
    elif x.shape.extents is None:
        return output(op, None)
    else:
        source = x.shape.extents
    if known is None:
        return output(op, (None,) * len(source))
    if any(amount is not None and amount < 0 for pair in known for amount in pair):
        raise ValueError("Paddings must be non-negative")
    pairs = zip(source, known, strict=True)
    return output(op, tuple(_padded_size(d, a, z, sign) for d, (a, z) in pairs))


def _padded_size(size: int | None, low: int | None, high: int | None, sign: int) -> int | None:
    return None if size is None or low is None or high is None else size + sign * (low + high)


def _paddings(b: Any, node: Any, rank: int) -> list[tuple[Dim, Dim]]:
    if node.shape != (rank, 2):
        raise ValueError(
            f"The first dimension of paddings must be the rank of inputs: {list(node.shape)}, "
            f"{rank}"
        )
    flat = b.static_ints(node)
    pairs = list(zip(flat[::2], flat[1::2], strict=True))
    for low, high in pairs:
        if low < 0 or high < 0:
            raise ValueError(f"Paddings must be non-negative: {low} {high}")
    return pairs


def _lower_pad(b: Any, op: Operation, x: Any, paddings: Any, value: Any = None) -> Any:
    pairs = _paddings(b, paddings, x.rank)
    fill = b.const(0, x.dtype) if value is None else value
    return b.pad(x, [low for low, _ in pairs], [high for _, high in pairs], fill)


def _pad_gradient(op: Operation, gradient: Any) -> list[Any]:
    x, paddings = op.inputs[:2]
    before = _SLICE(paddings, [0, 0], stack([rank_of(x), 1])).outputs[0]
    begin = reshape(before, [-1])
    inner = _SLICE(gradient, begin, shape_of(x, out_type=begin.dtype)).outputs[0]
    return [inner, *[None] * (len(op.inputs) - 1)]


define_op(name="Pad", infer=_infer_padded, lower=_lower_pad, gradient=_pad_gradient)
define_op(name="PadV2", infer=_infer_padded, lower=_lower_pad, gradient=_pad_gradient)


# ---- mirrored


def _mirrored_paddings(b: Any, op: Operation, node: Any, shape: Any) -> list[tuple[Dim, Dim]]:
    """The paddings of a mirrored tensor whose unpadded shape is `shape`."""
    pairs = _paddings(b, node, len(shape))
    reflect = op.attrs["mode"] == "REFLECT"
    for (low, high), size in zip(pairs, shape, strict=True):
        if reflect and (low >= size or high >= size):
            if low or high:
                raise ValueError(
                    "paddings must be less than the dimension size: "
                    f"{low}, {high} not less than {size}"
                )
        elif low > size or high > size:
            raise ValueError(
                "paddings must be no greater than the dimension size: "
                f"{low}, {high} greater than {size}"
            )
    return pairs


def _lower_mirror_pad(b: Any, op: Operation, x: Any, paddings: Any) -> Any:
    edge = 1 if op.attrs["mode"] == "REFLECT" else 0
    for axis, (low, high) in enumerate(_mirrored_paddings(b, op, paddings, x.shape)):
        size = x.shape[axis]
        parts = [x]
        if low != 0:
            parts.insert(0, _strip(b, x, axis, low - 1 + edge, low, -1))
        if high != 0:
            parts.append(_strip(b, x, axis, size - 1 - edge, high, -1))
        x = b.concat(parts, axis)
    return x


def _strip(b: Any, x: Any, axis: int, start: Dim, size: Dim, stride: int = 1) -> Any:
    """Part of a node along one axis."""
    starts = [start if k == axis else 0 for k in range(x.rank)]
    sizes = [size if k == axis else d for k, d in enumerate(x.shape)]
    return b.slice(x, starts, sizes, [stride if k == axis else 1 for k in range(x.rank)])


def _lower_mirror_gradient(b: Any, op: Operation, gradient: Any, paddings: Any) -> Any:
    """Each strip that was mirrored adds to where it came from."""
    edge = 1 if op.attrs["mode"] == "REFLECT" else 0
    pairs = _paddings(b, paddings, gradient.rank)
    for axis, (low, high) in enumerate(pairs):
        size = gradient.shape[axis] - low - high
        total = _strip(b, gradient, axis, low, size)
        if low != 0:
            strip = _strip(b, gradient, axis, low - 1, low, -1)
            total = b.add(total, _at(b, strip, axis, edge, size - low - edge))
        if high != 0:
            strip = _strip(b, gradient, axis, low + size + high - 1, high, -1)
            total = b.add(total, _at(b, strip, axis, size - high - edge, edge))
        gradient = total
    return gradient


def _at(b: Any, strip: Any, axis: int, low: Dim, high: Dim) -> Any:
    return b.pad(
        strip,
        [low if k == axis else 0 for k in range(strip.rank)],
        [high if k == axis else 0 for k in range(strip.rank)],
    )


def _mirror_pad_gradient(op: Operation, gradient: Any) -> list[Any]:
    made = _MIRROR_PAD_GRAD(gradient, op.inputs[1], mode=op.attrs["mode"])
    return [made.outputs[0], None]


define_op(
    name="MirrorPad",
    infer=_infer_padded,
    lower=_lower_mirror_pad,
    gradient=lambda op, gradient: [
        _MIRROR_PAD_GRAD(gradient, op.inputs[1], mode=op.attrs["mode"]).outputs[0], None,
    ],
)  # fmt: skip
define_op(
    name="MirrorPadGrad",
    infer=lambda op: _infer_padded(op, sign=-1),
    lower=_lower_mirror_gradient,
    gradient=lambda op, gradient: [
        mirror_pad(gradient, op.inputs[1], op.attrs["mode"]), None,
    ],
)  # fmt: skip


def mirror_pad(input: Any, paddings: Any, mode: str, name: str | None = None) -> Tensor:
    """Return a tensor continued beyond its edges by its mirror image; see `pad`."""
    if mode not in ("REFLECT", "SYMMETRIC"):
        raise ValueError(
            f"Value for attr 'mode' of \"{mode}\" is not in the list of allowed values: "
            '"REFLECT", "SYMMETRIC"'
        )
    return _MIRROR_PAD(input, paddings, name=name, mode=mode).outputs[0]


def pad(
    tensor: Any,
    paddings: Any,
    mode: str = "CONSTANT",
    name: str | None = None,
    constant_values: Any = 0,
) -> Tensor:
    """Return a tensor made larger at its edges.

    Parameters
    ----------
    paddings : integer matrix; row k says how many elements go before and after axis k.
    mode : what they are. ``CONSTANT``: `constant_values`. ``REFLECT``: the mirror image without the
        edge itself. ``SYMMETRIC``: the mirror image with the edge.

    Raises
    ------
    ValueError : there is no such mode.
    """
    mode = mode.upper()
    if mode == "CONSTANT":
        # Numbers are compared by value: zero needs no operand of its own.
        if not isinstance(constant_values, Tensor) and np.all(np.asarray(constant_values) == 0):
            return _PAD(tensor, paddings, name=name).outputs[0]
        return _PAD_V2(tensor, paddings, constant_values, name=name).outputs[0]
    if mode not in ("REFLECT", "SYMMETRIC"):
        raise ValueError(f"Unknown padding mode: {mode}")
    return mirror_pad(tensor, paddings, mode, name)
