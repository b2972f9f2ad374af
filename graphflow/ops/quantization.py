"""Rounding to few levels, as a quantised model would: fake_quant, quantize_and_dequantize."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphflow.graph.apply import Signature
from graphflow.graph.dtypes import float32
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ops.identity import same_as_input
from graphflow.ops.kinds import FLOATS
from graphflow.ops.shape_rules import Types, merge_size, with_rank, with_rank_at_least

__all__ = [
    "fake_quant_with_min_max_args", "fake_quant_with_min_max_args_gradient",
    "fake_quant_with_min_max_vars", "fake_quant_with_min_max_vars_gradient",
    "fake_quant_with_min_max_vars_per_channel",
    "fake_quant_with_min_max_vars_per_channel_gradient",
]  # fmt: skip

# ---- the range, moved so that zero is a level


def _nudged(b: Any, op: Operation, low: Any, high: Any) -> tuple[Any, Any, Any]:
    """The moved ends and the distance of levels, as nodes of the shape of the ends."""
    first = 1.0 if op.attrs["narrow_range"] else 0.0
    last = float(2 ** op.attrs["num_bits"] - 1)
    scale = b.div(b.sub(high, low), last - first)
    zero = b.sub(first, b.div(low, scale))
    whole = b.floor(b.add(zero, 0.5))
    zero = b.select(b.lt(zero, first), b.const(first, float32),
                    b.select(b.gt(zero, last), b.const(last, float32), whole))  # fmt: skip
    return b.mul(b.sub(first, zero), scale), b.mul(b.sub(last, zero), scale), scale


def _ends(b: Any, op: Operation, x: Any, ends: Sequence[Any]) -> list[Any]:
    """The ends of the range in the shape of `x`: of the attributes, or of nodes."""
    if not ends:
        return [b.full(x.shape, op.attrs[key], float32) for key in ("min", "max")]
    axes = (x.rank - 1,) if ends[0].rank else ()
    return [b.broadcast(end, x.shape, axes) for end in ends]


def _lower_fake(b: Any, op: Operation, x: Any, *ends: Any) -> Any:
    low, high = _ends(b, op, x, ends)
    nudged_low, nudged_high, scale = _nudged(b, op, low, high)
    inside = b.min(b.max(x, nudged_low), nudged_high)
    level = b.floor(b.add(b.mul(b.sub(inside, nudged_low), b.div(1, scale)), 0.5))
    found = b.add(b.mul(level, scale), nudged_low)
    nothing = b.and_(b.eq(low, 0), b.eq(high, 0))
    return b.select(nothing, b.full(x.shape, 0, float32), found)


def _lower_fake_gradient(b: Any, op: Operation, gradient: Any, x: Any, *ends: Any) -> Any:
    low, high = _ends(b, op, x, ends)
    nudged_low, nudged_high, _ = _nudged(b, op, low, high)
    below, above = b.lt(x, nudged_low), b.gt(x, nudged_high)
    nothing = b.and_(b.eq(low, 0), b.eq(high, 0))
    below, above = (b.and_(side, b.not_(nothing)) for side in (below, above))
    zero = b.full(x.shape, 0, float32)
    inside = b.select(b.or_(below, above), zero, gradient)
    if not ends:
        return inside
    axes = range(x.rank - 1) if ends[0].rank else range(x.rank)
    parts = [b.reduce("sum", b.select(side, gradient, zero), axes) for side in (below, above)]
    return (inside, *parts)


def _infer_channels(op: Operation) -> Types:
    place = len(op.inputs) - 2
    extents = with_rank_at_least(op.inputs[place - 1].shape, 1)
    for end in op.inputs[place:]:
        size = with_rank(end.shape, 1)[0]
        if extents is not None:
            merge_size(extents[-1], size)
    return same_as_input(op)


def _infer_scalars(op: Operation) -> Types:
    for end in op.inputs[-2:]:
        with_rank(end.shape, 0)
    return same_as_input(op)


def _infer_gradient(op: Operation) -> Types:
    found = same_as_input(op)
    return found + [(float32, end.shape) for end in op.inputs[2:]]


_KEYS = ("num_bits", "narrow_range")
_FORMS: list[tuple[str, list[str], Callable[[Operation], Types]]] = [
    ("Args", [], same_as_input),
    ("Vars", ["min: float32", "max: float32"], _infer_scalars),
    ("VarsPerChannel", ["min: float32", "max: float32"], _infer_channels),
]
_FAKE: dict[str, Signature] = {}


def _define_fake(form: str, ends: list[str], infer: Callable[[Operation], Types]) -> None:
    name = f"FakeQuantWithMinMax{form}"
    keys = (*_KEYS, "min", "max") if form == "Args" else _KEYS

    def gradient(op: Operation, gradient: Any) -> list[Any]:
        attrs = {key: op.attrs[key] for key in keys}
        return list(_FAKE[f"{name}Gradient"](gradient, *op.inputs, **attrs).outputs)

    define_op(name, infer, _lower_fake, gradient)
    define_op(
        f"{name}Gradient", _infer_gradient, _lower_fake_gradient,
        no_gradient="TensorFlow has none for it",
    )  # fmt: skip
    _FAKE[name] = Signature(name, "inputs: float32", *ends)
    _FAKE[f"{name}Gradient"] = Signature(
        f"{name}Gradient", "gradients: float32", "inputs: float32", *ends
    )


for _form in _FORMS:
    _define_fake(*_form)


def _attrs(num_bits: int, narrow_range: bool) -> dict[str, Any]:
    if not 2 <= num_bits <= 16:
        raise ValueError(f"num_bits must be between 2 and 16, inclusive, got {num_bits}")
    return {"num_bits": num_bits, "narrow_range": narrow_range}


def fake_quant_with_min_max_args(
    inputs: Any, min: float = -6, max: float = 6, num_bits: int = 8, narrow_range: bool = False,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return `inputs` rounded to ``2**num_bits`` levels between `min` and `max`."""
    attrs = {"min": float(min), "max": float(max), **_attrs(num_bits, narrow_range)}
    return _FAKE["FakeQuantWithMinMaxArgs"](inputs, name=name, **attrs).outputs[0]


def fake_quant_with_min_max_args_gradient(
    gradients: Any, inputs: Any, min: float = -6, max: float = 6, num_bits: int = 8,
    narrow_range: bool = False, name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return the gradient of `fake_quant_with_min_max_args`: zero outside the range."""
    attrs = {"min": float(min), "max": float(max), **_attrs(num_bits, narrow_range)}
    signature = _FAKE["FakeQuantWithMinMaxArgsGradient"]
    return signature(gradients, inputs, name=name, **attrs).outputs[0]


def fake_quant_with_min_max_vars(
    inputs: Any, min: Any, max: Any, num_bits: int = 8, narrow_range: bool = False,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return `inputs` rounded to levels between two scalars, which have gradients too."""
    signature = _FAKE["FakeQuantWithMinMaxVars"]
    return signature(inputs, min, max, name=name, **_attrs(num_bits, narrow_range)).outputs[0]


def fake_quant_with_min_max_vars_gradient(
    gradients: Any, inputs: Any, min: Any, max: Any, num_bits: int = 8,
    narrow_range: bool = False, name: str | None = None,
) -> list[Tensor]:  # fmt: skip
    """Return the gradients of `fake_quant_with_min_max_vars` by its three inputs."""
    signature = _FAKE["FakeQuantWithMinMaxVarsGradient"]
    attrs = _attrs(num_bits, narrow_range)
    return signature(gradients, inputs, min, max, name=name, **attrs).outputs


def fake_quant_with_min_max_vars_per_channel(
    inputs: Any, min: Any, max: Any, num_bits: int = 8, narrow_range: bool = False,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return `inputs` rounded to levels between two vectors, one element per last index."""
    signature = _FAKE["FakeQuantWithMinMaxVarsPerChannel"]
    return signature(inputs, min, max, name=name, **_attrs(num_bits, narrow_range)).outputs[0]


def fake_quant_with_min_max_vars_per_channel_gradient(
    gradients: Any, inputs: Any, min: Any, max: Any, num_bits: int = 8,
    narrow_range: bool = False, name: str | None = None,
) -> list[Tensor]:  # fmt: skip
    """Return the gradients of `fake_quant_with_min_max_vars_per_channel` by its inputs."""
    signature = _FAKE["FakeQuantWithMinMaxVarsPerChannelGradient"]
    attrs = _attrs(num_bits, narrow_range)
    return signature(gradients, inputs, min, max, name=name, **attrs).outputs


# ---- quantize_and_dequantize


def _lower_both(b: Any, op: Operation, x: Any, low: Any, high: Any) -> Any:
    """The scale is the smaller of what the two ends ask for; zero stays zero."""
    signed, bits = op.attrs["signed_input"], op.attrs["num_bits"]
    last = 2 ** (bits - 1) - 1 if signed else 2**bits - 1
    first = (-last if op.attrs["narrow_range"] else -last - 1) if signed else 0
    if not op.attrs["range_given"]:
        low, high = (b.reduce(name, x, range(x.rank)) for name in ("min", "max"))
    largest = b.const(float(x.dtype.max), x.dtype)
    from_low = b.select(b.gt(b.mul(low, first), 0), b.div(b.const(first, x.dtype), low), largest)
    from_high = b.select(b.gt(b.mul(high, last), 0), b.div(b.const(last, x.dtype), high), largest)
    by_low = b.lt(from_low, from_high)
    scale = b.select(by_low, from_low, from_high)
    step = b.select(by_low, b.div(low, first or 1), b.div(high, last))
    if op.attrs["range_given"]:
        x = b.min(b.max(x, b.select(by_low, low, b.mul(step, first))),
                  b.select(by_low, b.mul(step, last), high))  # fmt: skip
    scaled = b.mul(x, scale)
    if op.attrs["round_mode"] == "HALF_UP":
        return b.mul(b.floor(b.add(scaled, 0.5)), step)
    return b.mul(b.rint(scaled), step)


define_op(
    "QuantizeAndDequantizeV2", same_as_input, _lower_both,
    gradient=lambda op, gradient: [gradient, None, None],
)  # fmt: skip
_BOTH = Signature("QuantizeAndDequantizeV2", "input: T", "input_min: T", "input_max: T", T=FLOATS)


def quantize_and_dequantize(
    input: Any, input_min: Any, input_max: Any, signed_input: bool = True, num_bits: int = 8,
    range_given: bool = False, round_mode: str = "HALF_TO_EVEN", name: str | None = None,
    narrow_range: bool = False,
) -> Tensor:  # fmt: skip
    """Return `input` rounded to levels of which zero is one; the gradient passes unchanged.

    Parameters
    ----------
    signed_input : whether levels are below zero too.
    range_given : use `input_min` and `input_max`; otherwise the range of the input itself.
    """
    attrs = {
        "signed_input": signed_input, "num_bits": num_bits, "range_given": range_given,
        "round_mode": round_mode, "narrow_range": narrow_range,
    }  # fmt: skip
    return _BOTH(input, input_min, input_max, name=name, **attrs).outputs[0]
