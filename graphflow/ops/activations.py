"""Activation functions: Relu, Relu6, LeakyRelu, Elu, Selu, Softsign and their gradients.

The gradients of TensorFlow 1.15 are ops of their own (``ReluGrad`` and so on), with gradients in
turn. At the kinks they are TensorFlow's: zero for relu at 0 and for relu6 at 0 and 6, `alpha` for
leaky relu at 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import merge_in_op
from graphflow.graph.tensor import Tensor
from graphflow.ops.casting import cast
from graphflow.ops.comparison import less, where
from graphflow.ops.creation import zeros_like
from graphflow.ops.elementwise import multiply
from graphflow.ops.identity import Types, same_as_input
from graphflow.ops.joining import concat
from graphflow.ops.unary import negative, sigmoid

__all__ = [
    "crelu",
    "elu",
    "leaky_relu",
    "relu",
    "relu6",
    "selu",
    "softsign",
    "swish",
]

# Klambauer et al., Self-normalizing neural networks, 2017.
SELU_SCALE = 1.0507009873554804934193349852946
SELU_SCALE_ALPHA = 1.7580993408473768599402175208123

_FLOATS = (dtypes.bfloat16, dtypes.float16, dtypes.float32, dtypes.float64)
_REALS = (
    dtypes.float32, dtypes.float64, dtypes.int32, dtypes.uint8, dtypes.int16, dtypes.int8,
    dtypes.int64, dtypes.bfloat16, dtypes.uint16, dtypes.float16, dtypes.uint32, dtypes.uint64,
)  # fmt: skip


def _infer_gradient(op: Operation) -> Types:
    first, second = op.inputs
    return [(first.dtype.base_dtype, merge_in_op(first.shape, second.shape))]


def _lower_relu6(b: Any, op: Operation, x: Any) -> Any:
    return b.min(b.max(x, 0), 6)


def _lower_relu_grad(b: Any, op: Operation, gradient: Any, features: Any) -> Any:
    return b.select(b.gt(features, 0), gradient, 0)


def _lower_relu6_grad(b: Any, op: Operation, gradient: Any, features: Any) -> Any:
    return b.select(b.and_(b.gt(features, 0), b.lt(features, 6)), gradient, 0)


def _lower_leaky_relu(b: Any, op: Operation, x: Any) -> Any:
    return b.select(b.gt(x, 0), x, b.mul(x, op.attrs["alpha"]))


def _lower_leaky_relu_grad(b: Any, op: Operation, gradient: Any, features: Any) -> Any:
    return b.select(b.gt(features, 0), gradient, b.mul(gradient, op.attrs["alpha"]))


def _lower_elu(b: Any, op: Operation, x: Any) -> Any:
    return b.select(b.lt(x, 0), b.expm1(x), x)


def _lower_elu_grad(b: Any, op: Operation, gradient: Any, activations: Any) -> Any:
    return b.select(b.lt(activations, 0), b.mul(b.add(activations, 1), gradient), gradient)


def _lower_selu(b: Any, op: Operation, x: Any) -> Any:
    return b.select(b.lt(x, 0), b.mul(b.expm1(x), SELU_SCALE_ALPHA), b.mul(x, SELU_SCALE))


def _lower_selu_grad(b: Any, op: Operation, gradient: Any, activations: Any) -> Any:
    below = b.mul(gradient, b.add(activations, SELU_SCALE_ALPHA))
    return b.select(b.lt(activations, 0), below, b.mul(gradient, SELU_SCALE))


def _lower_softsign(b: Any, op: Operation, x: Any) -> Any:
    return b.div(x, b.add(b.abs(x), 1))


def _lower_softsign_grad(b: Any, op: Operation, gradient: Any, x: Any) -> Any:
    return b.div(gradient, b.square(b.add(b.abs(x), 1)))


def _same_mask(grad: Signature) -> Any:
    """Return the gradient of a gradient that only masks or scales: it does so to its own."""

    def gradient(op: Operation, g: Any) -> list[Any]:
        masked = grad(g, op.inputs[1], **_alpha(op)).outputs[0]
        return [masked, zeros_like(op.inputs[1])]

    return gradient


def _exponential_gradient(grad: Signature) -> Any:
    """Return the gradient of EluGrad and SeluGrad, whose slope depends on the activation."""

    def gradient(op: Operation, g: Any) -> list[Any]:
        activations = op.inputs[1]
        slope = where(less(activations, 0), multiply(g, op.inputs[0]), zeros_like(activations))
        return [grad(g, activations).outputs[0], slope]

    return gradient


def _alpha(op: Operation) -> dict[str, Any]:
    return {"alpha": op.attrs["alpha"]} if "alpha" in op.attrs else {}


_RELU = Signature("Relu", "features: T", T=_REALS)
_RELU6 = Signature("Relu6", "features: T", T=_REALS)
_LEAKY_RELU = Signature("LeakyRelu", "features: T", T=_FLOATS)
_ELU = Signature("Elu", "features: T", T=_FLOATS)
_SELU = Signature("Selu", "features: T", T=_FLOATS)
_SOFTSIGN = Signature("Softsign", "features: T", T=_FLOATS)
_RELU_GRAD = Signature("ReluGrad", "gradients: T", "features: T", T=_REALS)
_RELU6_GRAD = Signature("Relu6Grad", "gradients: T", "features: T", T=_REALS)
_LEAKY_RELU_GRAD = Signature("LeakyReluGrad", "gradients: T", "features: T", T=_FLOATS)
_ELU_GRAD = Signature("EluGrad", "gradients: T", "outputs: T", T=_FLOATS)
_SELU_GRAD = Signature("SeluGrad", "gradients: T", "outputs: T", T=_FLOATS)
_SOFTSIGN_GRAD = Signature("SoftsignGrad", "gradients: T", "features: T", T=_FLOATS)

define_op(
    name="Relu",
    infer=same_as_input,
    lower=lambda b, op, x: b.max(x, 0),
    gradient=lambda op, g: [_RELU_GRAD(g, op.outputs[0]).outputs[0]],
)
define_op(
    name="ReluGrad",
    infer=_infer_gradient,
    lower=_lower_relu_grad,
    gradient=_same_mask(_RELU_GRAD),
)
define_op(
    name="Relu6",
    infer=same_as_input,
    lower=_lower_relu6,
    gradient=lambda op, g: [_RELU6_GRAD(g, op.outputs[0]).outputs[0]],
)
define_op(
    name="Relu6Grad",
    infer=_infer_gradient,
    lower=_lower_relu6_grad,
    gradient=_same_mask(_RELU6_GRAD),
)
define_op(
    name="LeakyRelu",
    infer=same_as_input,
    lower=_lower_leaky_relu,
    gradient=lambda op, g: [_LEAKY_RELU_GRAD(g, op.inputs[0], **_alpha(op)).outputs[0]],
)
define_op(
    name="LeakyReluGrad",
    infer=_infer_gradient,
    lower=_lower_leaky_relu_grad,
    gradient=_same_mask(_LEAKY_RELU_GRAD),
)
define_op(
    name="Elu",
    infer=same_as_input,
    lower=_lower_elu,
    gradient=lambda op, g: [_ELU_GRAD(g, op.outputs[0]).outputs[0]],
)
define_op(
    name="EluGrad",
    infer=_infer_gradient,
    lower=_lower_elu_grad,
    gradient=_exponential_gradient(_ELU_GRAD),
)
define_op(
    name="Selu",
    infer=same_as_input,
    lower=_lower_selu,
    gradient=lambda op, g: [_SELU_GRAD(g, op.outputs[0]).outputs[0]],
)
define_op(
    name="SeluGrad",
    infer=_infer_gradient,
    lower=_lower_selu_grad,
    gradient=_exponential_gradient(_SELU_GRAD),
)
define_op(
    name="Softsign",
    infer=same_as_input,
    lower=_lower_softsign,
    gradient=lambda op, g: [_SOFTSIGN_GRAD(g, op.inputs[0]).outputs[0]],
)
define_op(
    name="SoftsignGrad",
    infer=_infer_gradient,
    lower=_lower_softsign_grad,  # TensorFlow 1.15 has no gradient of it either
)


def relu(features: Any, name: str | None = None) -> Tensor:
    """Return ``max(features, 0)``."""
    return _RELU(features, name=name).outputs[0]


def relu6(features: Any, name: str | None = None) -> Tensor:
    """Return ``min(max(features, 0), 6)``."""
    with name_scope(name, "Relu6", [features]) as scope:
        features = convert_to_tensor(features, name="features")
        return _RELU6(features, name=scope).outputs[0]


def leaky_relu(features: Any, alpha: Any = 0.2, name: str | None = None) -> Tensor:
    """Return `features`, times `alpha` where negative; integers become float32."""
    with name_scope(name, "LeakyRelu", [features, alpha]) as scope:
        features = convert_to_tensor(features, name="features")
        if features.dtype.is_integer:
            features = cast(features, dtypes.float32)
        if isinstance(alpha, np.ndarray):
            alpha = alpha.item()
        return _LEAKY_RELU(features, name=scope, alpha=float(np.float32(alpha))).outputs[0]


def elu(features: Any, name: str | None = None) -> Tensor:
    """Return `features`, or ``exp(features) - 1`` where negative."""
    return _ELU(features, name=name).outputs[0]


def selu(features: Any, name: str | None = None) -> Tensor:
    """Return the scaled exponential linear function, which keeps mean 0 and variance 1."""
    return _SELU(features, name=name).outputs[0]


def crelu(features: Any, name: str | None = None, axis: int = -1) -> Tensor:
    """Return ``relu`` of `features` and of ``-features``, joined along `axis`."""
    with name_scope(name, "CRelu", [features]) as scope:
        features = convert_to_tensor(features, name="features")
        return relu(concat([features, negative(features)], axis, name=scope))


def softsign(features: Any, name: str | None = None) -> Tensor:
    """Return ``features / (abs(features) + 1)``."""
    return _SOFTSIGN(features, name=name).outputs[0]


def swish(features: Any) -> Tensor:
    """Return ``features * sigmoid(features)``."""
    with name_scope(None, "swish", [features]):
        features = convert_to_tensor(features, name="features")
        return multiply(features, sigmoid(features))
