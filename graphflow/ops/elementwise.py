"""Elementwise operations: arithmetic."""

from __future__ import annotations

from typing import Any

from graphflow.graph.apply import Signature
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import broadcast_shape
from graphflow.graph.tensor import Tensor
from graphflow.graph.dtypes import NUMERIC


def infer_broadcast(op: Operation) -> list[Any]:
    x, y = op.inputs
    return [(x.dtype.base_dtype, broadcast_shape(x.shape, y.shape))]

for _name, _prim in [("AddV2", "add"), ("Sub", "sub"), ("Mul", "mul")]:
    define_op(_name, infer_broadcast, lambda b, op, x, y, p=_prim: b.pointwise(p, x, y))
_ADD = Signature("AddV2", "x: T", "y: T", T=NUMERIC)
_MUL = Signature("Mul", "x: T", "y: T", T=NUMERIC)
def add(x, y, name=None): return _ADD(x, y, name=name or "add").outputs[0]
def multiply(x, y, name=None): return _MUL(x, y, name=name or "mul").outputs[0]
Tensor._override_operator("__add__", add)
Tensor._override_operator("__mul__", multiply)
