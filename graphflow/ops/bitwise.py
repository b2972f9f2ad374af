"""Operations on the bits of integers: the functions of ``tf.bitwise``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphflow.graph.apply import Signature
from graphflow.graph.opdef import define_op
from graphflow.graph.tensor import Tensor
from graphflow.ops.broadcasting import define_binary
from graphflow.ops.identity import same_as_input
from graphflow.ops.kinds import INTEGERS

__all__ = [
    "bitwise_and", "bitwise_or", "bitwise_xor", "invert", "left_shift", "right_shift",
]  # fmt: skip


def _define(op_type: str, primitive: str, document: str) -> Callable[..., Tensor]:
    return define_binary(
        op_type,
        lambda b, op, x, y: b.pointwise(primitive, x, y),
        INTEGERS,
        document,
        no_gradient="integer output",
    )


bitwise_and = _define("BitwiseAnd", "and", "Return the bits that are set in both.")
bitwise_or = _define("BitwiseOr", "or", "Return the bits that are set in at least one.")
bitwise_xor = _define("BitwiseXor", "xor", "Return the bits that are set in exactly one.")
left_shift = _define(
    "LeftShift", "shl", "Return ``x`` shifted left by ``y`` bits, at most its width less one."
)
right_shift = _define(
    "RightShift",
    "shr",
    "Return ``x`` shifted right by ``y`` bits, at most its width less one; the sign is kept.",
)

define_op(
    name="Invert",
    infer=same_as_input,
    lower=lambda b, op, x: b.invert(x),
    no_gradient="integer output",
)
_INVERT = Signature("Invert", "x: T", T=INTEGERS)


def invert(x: Any, name: str | None = None) -> Tensor:
    """Return `x` with every bit flipped."""
    return _INVERT(x, name=name).outputs[0]
