"""Complex numbers: parts, angles, absolute values.

Generated code moves complex numbers but does not compute with them: the builder turns every
primitive with a complex operand or result into a call of its NumPy reference
(`graphflow.ir.builder`). So the ops of other families need nothing of their own for these types;
only their gradients are conjugated where TensorFlow's formulas are (`graphflow.gradients.reverse`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import broadcast
from graphflow.graph.tensor import Tensor
from graphflow.ir.builder import broadcast_shapes
from graphflow.ops.broadcasting import sum_to_shape
from graphflow.ops.creation import zeros_like
from graphflow.ops.host import define_host_op
from graphflow.ops.kinds import COMPLEX
from graphflow.ops.shape_rules import Types

__all__ = ["angle", "complex", "conj", "imag", "real"]


def _infer_part(op: Operation) -> Types:
    return [(op.attrs["Tout"], op.inputs[0].shape)]


def _same(op: Operation, x: Any) -> list[Any]:
    return [x.shape]


def _infer_complex(op: Operation) -> Types:
    return [(op.attrs["Tout"], broadcast(op.inputs[0].shape, op.inputs[1].shape))]


def _complex_shape(op: Operation, x: Any, y: Any) -> list[Any]:
    return [broadcast_shapes(x.shape, y.shape)]


def _joined(x: Any, y: Any) -> Any:
    """``x + iy``, without the products that would make nan of infinities."""
    x, y = np.broadcast_arrays(x, y)
    found = np.empty(x.shape, np.complex128 if x.dtype == np.float64 else np.complex64)
    found.real, found.imag = x, y
    return found


def _zero_with(gradient: Any, imaginary: bool) -> Tensor:
    zero = zeros_like(gradient)
    return complex(zero, gradient) if imaginary else complex(gradient, zero)


def _complex_gradient(op: Operation, gradient: Any) -> list[Any]:
    return [sum_to_shape(real(gradient), op.inputs[0]), sum_to_shape(imag(gradient), op.inputs[1])]


def _angle_gradient(op: Operation, gradient: Any) -> list[Any]:
    x = op.inputs[0]
    turned = complex(imag(x), real(x))
    return [-(_zero_with(gradient, False) / turned)]


def _abs_gradient(op: Operation, gradient: Any) -> list[Any]:
    """``g x / |x|``, and 0 at 0."""
    x: Any = op.inputs[0]
    return [
        _DIV_NO_NAN(_zero_with(gradient, False) * x, _zero_with(op.outputs[0], False)).outputs[0]
    ]


define_host_op("Complex", _infer_complex, _joined, _complex_shape, gradient=_complex_gradient)
define_host_op(
    "Real", _infer_part, np.real, _same,
    gradient=lambda op, gradient: [_zero_with(gradient, False)],
)  # fmt: skip
define_host_op(
    "Imag", _infer_part, np.imag, _same,
    gradient=lambda op, gradient: [_zero_with(gradient, True)],
)  # fmt: skip
define_host_op("Angle", _infer_part, np.angle, _same, gradient=_angle_gradient)
define_host_op("ComplexAbs", _infer_part, np.abs, _same, gradient=_abs_gradient)

_REALS = (dtypes.float32, dtypes.float64)
_COMPLEX = Signature("Complex", "real: T", "imag: T", T=_REALS)
_PARTS = {
    name: Signature(name, "input: T" if name != "ComplexAbs" else "x: T", T=COMPLEX)
    for name in ("Real", "Imag", "Angle", "ComplexAbs")
}
_CONJ = Signature("Conj", "input: T")
_DIV_NO_NAN = Signature("DivNoNan", "x: T", "y: T")


def complex(real: Any, imag: Any, name: str | None = None) -> Tensor:
    """Return complex numbers with the given parts.

    Raises
    ------
    TypeError : the parts are not both float32 or both float64.
    """
    real = convert_to_tensor(real, name="real")
    imag = convert_to_tensor(imag, name="imag")
    with name_scope(name, "Complex", [real, imag]) as scope:
        types = real.dtype.base_dtype, imag.dtype.base_dtype
        if types == (dtypes.float64, dtypes.float64):
            target = dtypes.complex128
        elif types == (dtypes.float32, dtypes.float32):
            target = dtypes.complex64
        else:
            raise TypeError(f"real and imag have incorrect types: {types[0].name} {types[1].name}")
        return _COMPLEX(real, imag, Tout=target, name=scope).outputs[0]


def _part(op_type: str, x: Tensor, name: str | None) -> Tensor:
    return _PARTS[op_type](x, Tout=x.dtype.real_dtype, name=name).outputs[0]


def complex_abs(x: Tensor, name: str | None = None) -> Tensor:
    """Return the absolute values of complex numbers."""
    return _part("ComplexAbs", x, name)


def real(input: Any, name: str | None = None) -> Tensor:
    """Return the real part: real numbers as they are."""
    with name_scope(name, "Real", [input]) as scope:
        tensor = convert_to_tensor(input, name="input")
        return _part("Real", tensor, scope) if tensor.dtype.is_complex else tensor


def imag(input: Any, name: str | None = None) -> Tensor:
    """Return the imaginary part: zeros for real numbers."""
    with name_scope(name, "Imag", [input]) as scope:
        tensor = convert_to_tensor(input, name="input")
        return _part("Imag", tensor, scope) if tensor.dtype.is_complex else zeros_like(tensor)


def angle(input: Any, name: str | None = None) -> Tensor:
    """Return the angle of complex numbers in radians; 0 for real ones, as TensorFlow does."""
    with name_scope(name, "Angle", [input]) as scope:
        tensor = convert_to_tensor(input, name="input")
        return _part("Angle", tensor, scope) if tensor.dtype.is_complex else zeros_like(tensor)


def conj(x: Any, name: str | None = None) -> Tensor:
    """Return the complex conjugate: real numbers as they are."""
    tensor = x
    if not isinstance(x, Tensor) or x.dtype.is_complex:
        with name_scope(name, "Conj", [x]) as scope:
            tensor = convert_to_tensor(x, name="x")
            if tensor.dtype.is_complex:
                return _CONJ(tensor, name=scope).outputs[0]
    if tensor.dtype.kind not in ("float", "int", "uint"):
        raise TypeError(f"Expected numeric or variant tensor, got dtype {tensor.dtype!r}")
    return tensor
