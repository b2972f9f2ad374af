"""Conversions of element types: Cast, Bitcast, and the functions made of them."""

from __future__ import annotations

from typing import Any

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import DType, as_dtype
from graphflow.graph.indexed_slices import IndexedSlices
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import TensorShape, shape_from_tuple, unknown_shape
from graphflow.graph.sparse_tensor import SparseTensor
from graphflow.graph.tensor import Tensor
from graphflow.ir.dims import dims_equal
from graphflow.ops.kinds import BITS

__all__ = [
    "bitcast",
    "cast",
    "saturate_cast",
    "to_bfloat16",
    "to_complex64",
    "to_complex128",
    "to_double",
    "to_float",
    "to_int32",
    "to_int64",
]

_UNSIGNED = {1: dtypes.uint8, 2: dtypes.uint16, 4: dtypes.uint32, 8: dtypes.uint64}


def _infer_cast(op: Operation) -> list[Any]:
    return [(op.attrs["DstT"], op.inputs[0].shape)]


def _lower_cast(b: Any, op: Operation, x: Any) -> Any:
    target = op.attrs["DstT"]
    if dtypes.string in (x.dtype, target) and x.dtype is not target:
        raise ValueError(f"Cast {x.dtype.name} to {target.name} is not supported")
    return b.cast(x, target)


def _cast_gradient(op: Operation, gradient: Any) -> list[Any]:
    source = op.inputs[0].dtype.base_dtype
    kinds = ("float", "complex")
    if source.kind in kinds and gradient.dtype.base_dtype.kind in kinds:
        return [cast(gradient, source)]
    return [None]


define_op("Cast", _infer_cast, _lower_cast, gradient=_cast_gradient)
_CAST = Signature("Cast", "x: SrcT")


def cast(x: Any, dtype: Any, name: str | None = None) -> Any:
    """Return `x` converted to another element type; a tensor of that type as itself.

    Floats are truncated towards zero when they become integers, integers wrap around, and every
    number but 0 becomes True.

    Parameters
    ----------
    x : tensor, what converts to one, or `IndexedSlices`.
    """
    target = as_dtype(dtype).base_dtype
    if isinstance(x, Tensor) and x.dtype == target:
        return x
    with name_scope(name, "Cast", [x]) as scope:
        if isinstance(x, SparseTensor):
            return SparseTensor(x.indices, cast(x.values, target, name=scope), x.dense_shape)
        if isinstance(x, IndexedSlices):
            return IndexedSlices(cast(x.values, target, name=scope), x.indices, x.dense_shape)
        x = convert_to_tensor(x, name="x")
        if x.dtype.base_dtype is target:
            return x
        return _CAST(x, name=scope, DstT=target, Truncate=False).outputs[0]


def saturate_cast(value: Any, dtype: Any, name: str | None = None) -> Tensor:
    """Return `value` converted to another element type; what does not fit becomes its limit."""
    with name_scope(name, "saturate_cast", [value]) as scope:
        value = convert_to_tensor(value, name="value")
        target, source = as_dtype(dtype).base_dtype, value.dtype.base_dtype
        for bound, op_type, beyond in (("min", "Maximum", -1), ("max", "Minimum", 1)):
            limit = getattr(target, bound)
            # Python's numbers compare exactly, whatever the types.
            if beyond * _exact(getattr(source, bound)) > beyond * _exact(limit):
                edge = convert_to_tensor(_exact(limit), dtype=source, name=bound)
                value = Signature(op_type, "x: T", "y: T")(value, edge).outputs[0]
        return cast(value, target, name=scope)


def _exact(limit: Any) -> Any:
    return limit.item() if limit.dtype.kind in "iub" else float(limit)


def to_float(x: Any, name: str = "ToFloat") -> Any:
    """Return `x` as float32."""
    return cast(x, dtypes.float32, name=name)


def to_double(x: Any, name: str = "ToDouble") -> Any:
    """Return `x` as float64."""
    return cast(x, dtypes.float64, name=name)


def to_int32(x: Any, name: str = "ToInt32") -> Any:
    """Return `x` as int32."""
    return cast(x, dtypes.int32, name=name)


def to_int64(x: Any, name: str = "ToInt64") -> Any:
    """Return `x` as int64."""
    return cast(x, dtypes.int64, name=name)


def to_bfloat16(x: Any, name: str = "ToBFloat16") -> Any:
    """Return `x` as bfloat16."""
    return cast(x, dtypes.bfloat16, name=name)


# ---- bits


def _infer_bitcast(op: Operation) -> list[Any]:
    source, target = op.inputs[0].dtype.base_dtype, op.attrs["type"]
    return [(target, _bitcast_shape(op.inputs[0].shape, source, target))]


def _bitcast_shape(shape: TensorShape, source: DType, target: DType) -> TensorShape:
    """A larger type than `source` takes the last axis away, a smaller one adds one."""
    if shape.extents is None:
        return unknown_shape()
    if source.size >= target.size:
        parts = source.size // target.size
        return shape if parts == 1 else shape_from_tuple((*shape.extents, parts))
    parts = target.size // source.size
    if not shape.extents:
        raise ValueError("Shape must be at least rank 1 but is rank 0")
    last = shape.extents[-1]
    if last is not None and last != parts:
        raise ValueError(f"Cannot bitcast due to shape. {last} does not match {parts}")
    return shape_from_tuple(shape.extents[:-1])


def _lower_bitcast(b: Any, op: Operation, x: Any) -> Any:
    target = op.attrs["type"]
    if x.dtype.size == target.size:
        return b.bitcast(x, target)
    bits = b.bitcast(x, _UNSIGNED[x.dtype.size])
    small, large = sorted((x.dtype.size, target.size))
    parts = range(large // small)
    if x.dtype.size > target.size:  # the low bits come first
        pieces = [b.cast(b.shr(bits, 8 * small * k), _UNSIGNED[small]) for k in parts]
        joined = b.concat([b.expand_dims(piece, x.rank) for piece in pieces], x.rank)
        return b.bitcast(joined, target)
    if not x.rank or not dims_equal(x.shape[-1], len(parts)):
        raise ValueError(f"Cannot bitcast from {x.dtype.name} to {target.name}: shape {x.shape}")
    whole = None
    for k in parts:
        piece = b.slice(bits, (*[0] * (x.rank - 1), k), (*x.shape[:-1], 1))
        piece = b.cast(b.reshape(piece, x.shape[:-1]), _UNSIGNED[large])
        piece = b.shl(piece, 8 * small * k)
        whole = piece if whole is None else b.or_(whole, piece)
    return b.bitcast(whole, target)


define_op("Bitcast", _infer_bitcast, _lower_bitcast, no_gradient="bits have no derivative")
_BITCAST = Signature("Bitcast", "input: T", T=BITS)


def bitcast(input: Any, type: Any, name: str | None = None) -> Tensor:
    """Return the bits of `input` read as another element type.

    From a larger type to a smaller one, a new last axis holds the parts, the low bits first; from a
    smaller to a larger one, the last axis must hold the parts and goes.
    """
    return _BITCAST(input, name=name, type=as_dtype(type).base_dtype).outputs[0]


def to_complex64(x: Any, name: str = "ToComplex64") -> Any:
    """Return `x` as complex64."""
    return cast(x, dtypes.complex64, name=name)


def to_complex128(x: Any, name: str = "ToComplex128") -> Any:
    """Return `x` as complex128."""
    return cast(x, dtypes.complex128, name=name)
