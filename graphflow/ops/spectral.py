"""Fourier transforms over the last one, two or three axes. NumPy computes them, in the run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import shape_from_tuple
from graphflow.graph.tensor import Tensor
from graphflow.ops.casting import cast
from graphflow.ops.host import define_host_op
from graphflow.ops.joining import stack
from graphflow.ops.kinds import COMPLEX
from graphflow.ops.reductions import reduce_prod
from graphflow.ops.rolling import roll
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.shape_rules import (
    Types,
    all_known_ints,
    output,
    shape_of_value,
    with_rank_at_least,
)

__all__ = [
    "fft", "fft2d", "fft3d", "fftshift", "ifft", "ifft2d", "ifft3d", "ifftshift", "irfft",
    "irfft2d", "irfft3d", "rfft", "rfft2d", "rfft3d",
]  # fmt: skip

_SUFFIX = {1: "", 2: "2D", 3: "3D"}


def _axes(rank: int) -> tuple[int, ...]:
    return tuple(range(-rank, 0))


# ---- complex to complex


def _transform(x: Any, rank: int, inverse: bool) -> Any:
    if x.size == 0:
        return x
    function = np.fft.ifftn if inverse else np.fft.fftn
    return function(x, axes=_axes(rank)).astype(x.dtype)


def _transform_gradient(rank: int, inverse: bool) -> Callable[..., Any]:
    """The other transform; of the two, the inverse has the factor of one over the size."""

    def gradient(op: Operation, gradient: Any) -> list[Any]:
        sizes: Any = shape_of(gradient)
        count = cast(cast(reduce_prod(sizes[-rank:]), gradient.dtype.real_dtype), gradient.dtype)
        back: Any = _COMPLEX[f"{'' if inverse else 'I'}FFT{_SUFFIX[rank]}"](gradient).outputs[0]
        return [back / count if inverse else back * count]

    return gradient


_COMPLEX: dict[str, Signature] = {}


def _define_complex(rank: int, inverse: bool) -> None:
    name = f"{'I' if inverse else ''}FFT{_SUFFIX[rank]}"
    define_host_op(
        name,
        lambda op: output(op, with_rank_at_least(op.inputs[0].shape, rank)),
        lambda x: _transform(x, rank, inverse),
        lambda op, x: [x.shape],
        gradient=_transform_gradient(rank, inverse),
    )
    _COMPLEX[name] = Signature(name, "input: Tcomplex = complex64", Tcomplex=COMPLEX)


for _rank in (1, 2, 3):
    _define_complex(_rank, False)
    _define_complex(_rank, True)


def _complex_function(op_type: str, document: str) -> Callable[..., Tensor]:
    def function(input: Any, name: str | None = None) -> Tensor:
        return _COMPLEX[op_type](input, name=name).outputs[0]

    function.__doc__ = document
    return function


fft = _complex_function("FFT", "Return the Fourier transform over the last axis.")
ifft = _complex_function("IFFT", "Return the inverse Fourier transform over the last axis.")
fft2d = _complex_function("FFT2D", "Return the Fourier transform over the last two axes.")
ifft2d = _complex_function("IFFT2D", "Return the inverse of `fft2d`.")
fft3d = _complex_function("FFT3D", "Return the Fourier transform over the last three axes.")
ifft3d = _complex_function("IFFT3D", "Return the inverse of `fft3d`.")

# ---- real to complex, and back


def _infer_real(rank: int, inverse: bool) -> Callable[[Operation], Types]:
    dtype = dtypes.float32 if inverse else dtypes.complex64

    def infer(op: Operation) -> Types:
        source = with_rank_at_least(op.inputs[0].shape, rank)
        sizes = all_known_ints(op.inputs[1])
        if source is None:
            return output(op, None, dtype)
        last: list[Any] = [None] * rank if sizes is None else list(sizes)
        if not inverse and last[-1] is not None:
            last[-1] = last[-1] // 2 + 1 if last[-1] else 0
        return output(op, (*source[:-rank], *last), dtype)

    return infer


def _real_transform(x: Any, sizes: Any, rank: int) -> Any:
    return np.fft.rfftn(x, s=tuple(int(d) for d in sizes), axes=_axes(rank)).astype(np.complex64)


def _real_inverse(x: Any, sizes: Any, rank: int) -> Any:
    return np.fft.irfftn(x, s=tuple(int(d) for d in sizes), axes=_axes(rank)).astype(np.float32)


def _fitted(x: Any, shape: Any) -> Any:
    """`x` cut, or filled up with zeros, to a shape."""
    found = np.zeros(tuple(int(d) for d in shape), x.dtype)
    part = tuple(slice(0, min(a, b)) for a, b in zip(x.shape, found.shape, strict=True))
    found[part] = x[part]
    return found


def _real_adjoint(gradient: Any, sizes: Any, shape: Any, rank: int) -> Any:
    """From the gradient of a real transform's result: the sum of waves that it stands for."""
    sizes = tuple(int(d) for d in sizes)
    whole = _fitted(gradient, (*gradient.shape[:-1], sizes[-1]))
    waves = np.fft.ifftn(whole, axes=_axes(rank)) * np.prod(sizes)
    return _fitted(waves.real.astype(np.float32), shape)


def _inverse_adjoint(gradient: Any, sizes: Any, shape: Any, rank: int) -> Any:
    """Frequencies stand for themselves and their mirror images, but for the first and middle."""
    count = int(sizes[-1])
    weights = np.full(count // 2 + 1, 2.0)
    weights[0] = 1
    if count % 2 == 0:
        weights[-1] = 1
    found = np.fft.rfftn(gradient, axes=_axes(rank)) * weights / np.prod(sizes)
    return _fitted(found.astype(np.complex64), shape)


_REAL: dict[str, Signature] = {}
_ADJOINT: dict[str, Signature] = {}


def _define_real(rank: int, inverse: bool) -> None:
    name = f"{'I' if inverse else ''}RFFT{_SUFFIX[rank]}"
    forward, adjoint = (
        (_real_inverse, _inverse_adjoint) if inverse else (_real_transform, _real_adjoint)
    )
    source, target = ("complex64", "float32") if inverse else ("float32", "complex64")

    def gradient(op: Operation, gradient: Any) -> list[Any]:
        x, sizes = op.inputs
        return [_ADJOINT[name](gradient, sizes, shape_of(x)).outputs[0], None]

    def second(op: Operation, gradient: Any) -> list[Any]:
        return [_REAL[name](gradient, op.inputs[1]).outputs[0], None, None]

    define_host_op(
        name, _infer_real(rank, inverse), lambda x, sizes: forward(x, sizes, rank),
        gradient=gradient,
    )  # fmt: skip
    define_host_op(
        f"{name}Grad",
        lambda op: [(dtypes.as_dtype(source), shape_from_tuple(shape_of_value(op.inputs[2])))],
        lambda g, sizes, shape: adjoint(g, sizes, shape, rank), gradient=second,
    )  # fmt: skip
    _REAL[name] = Signature(name, f"input: {source}", "fft_length: int32")
    _ADJOINT[name] = Signature(
        f"{name}Grad", f"gradient: {target}", "fft_length: int32", "shape: int32"
    )


for _rank in (1, 2, 3):
    _define_real(_rank, False)
    _define_real(_rank, True)


def _real_function(label: str, rank: int, document: str) -> Callable[..., Tensor]:
    inverse = label.startswith("i")
    dtype = dtypes.complex64 if inverse else dtypes.float32

    def function(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Tensor:
        with name_scope(name, label, [input_tensor, fft_length]) as scope:
            x = convert_to_tensor(input_tensor, dtype)
            with_rank_at_least(x.shape, rank)
            if fft_length is None:
                sizes = _length_of(x, rank, inverse)
            else:
                sizes = convert_to_tensor(fft_length, dtypes.int32)
            return _REAL[label.upper()](x, sizes, name=scope).outputs[0]

    function.__doc__ = document
    return function


def _length_of(x: Tensor, rank: int, inverse: bool) -> Tensor:
    """The sizes of the transform when none are given: those of the real tensor."""
    extents = x.shape.extents
    if extents is not None and None not in extents[-rank:]:
        last = [int(d or 0) for d in extents[-rank:]]
        if inverse and last[-1]:
            last[-1] = max(0, 2 * (last[-1] - 1))
        return convert_to_tensor(np.array(last, np.int32))
    sizes: Any = shape_of(x)
    sizes = sizes[-rank:]
    if not inverse:
        return sizes
    lead = sizes[:-1]
    doubled: Any = _MAXIMUM(0, (sizes[-1:] - 1) * 2).outputs[0]
    return _CONCAT([lead, doubled], 0).outputs[0]


_MAXIMUM = Signature("Maximum", "x: T", "y: T")
_CONCAT = Signature("ConcatV2", "values: N * T", "axis: Tidx = int32")

rfft = _real_function(
    "rfft", 1, "Return the half of a real tensor's Fourier transform that the other mirrors."
)
irfft = _real_function("irfft", 1, "Return the inverse of `rfft`; of the length `fft_length`.")
rfft2d = _real_function("rfft2d", 2, "Return `rfft` over the last two axes.")
irfft2d = _real_function("irfft2d", 2, "Return the inverse of `rfft2d`.")
rfft3d = _real_function("rfft3d", 3, "Return `rfft` over the last three axes.")
irfft3d = _real_function("irfft3d", 3, "Return the inverse of `rfft3d`.")

# ---- the zero frequency in the middle


def _shifted(x: Any, axes: Any, sign: int, name: str) -> Tensor:
    with name_scope(name):
        x = convert_to_tensor(x)
        rank = x.shape.rank
        if axes is None and rank is None:
            raise ValueError("expected axes for a tensor of unknown rank, got None")
        chosen = list(range(rank or 0)) if axes is None else np.ravel(axes).tolist()
        sizes: Any = shape_of(x)
        if sign < 0:
            shifts = [-(sizes[k] // 2) for k in chosen]
        else:
            shifts = [sizes[k] // 2 for k in chosen]
        return roll(x, stack(shifts), chosen)


def fftshift(x: Any, axes: Any = None, name: str | None = None) -> Tensor:
    """Return a spectrum with the zero frequency moved to the middle of axes, of all when None."""
    return _shifted(x, axes, 1, name or "fftshift")


def ifftshift(x: Any, axes: Any = None, name: str | None = None) -> Tensor:
    """Return what `fftshift` made of this."""
    return _shifted(x, axes, -1, name or "ifftshift")
