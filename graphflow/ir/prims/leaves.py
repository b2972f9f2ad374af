"""Primitives without operands: inputs, constants, index ramps, symbolic sizes, empty arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.ir.prims.registry import define
from graphflow.ir.types import TensorType

INPUT = define(
    "input",  # attrs: name, source ('feed' or 'variable'), type
    "leaf",
    infer=lambda attrs: attrs["type"],
    reference=None,
    cost=0.0,
)


def _infer_const(attrs: dict[str, Any]) -> TensorType:
    return TensorType(attrs["dtype"], attrs["value"].array.shape)


CONST = define(
    "const",  # attrs: value (a Literal), dtype
    "leaf",
    infer=_infer_const,
    reference=lambda attrs: attrs["value"].array,
    cost=0.0,
)


def _iota(attrs: dict[str, Any]) -> np.ndarray[Any, Any]:
    shape, axis = attrs["shape"], attrs["axis"]
    ramp = np.arange(shape[axis]).astype(attrs["dtype"].numpy)
    column = ramp.reshape([-1 if k == axis else 1 for k in range(len(shape))])
    return np.broadcast_to(column, shape)


IOTA = define(
    "iota",  # attrs: dtype, shape, axis; element = its index along `axis`
    "leaf",
    infer=lambda attrs: TensorType(attrs["dtype"], attrs["shape"]),
    reference=_iota,
)

EMPTY = define(
    "empty",  # attrs: dtype, shape; elements that nothing reads before they are written
    "leaf",
    infer=lambda attrs: TensorType(attrs["dtype"], attrs["shape"]),
    reference=lambda attrs: np.zeros(attrs["shape"], attrs["dtype"].numpy),
    cost=0.0,
)

DIM_VALUE = define(
    "dim_value",  # attrs: dim, dtype; a symbolic size as a run-time scalar
    "leaf",
    infer=lambda attrs: TensorType(attrs["dtype"], ()),
    reference=None,  # the interpreter knows the symbols' values
)
