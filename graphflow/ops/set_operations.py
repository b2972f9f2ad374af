"""Sets in the rows of tensors: intersection, union, difference, size. NumPy computes them."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import shape_from_tuple
from graphflow.graph.sparse_tensor import SparseTensor, as_sparse, components
from graphflow.graph.tensor import Tensor
from graphflow.ops.host import define_host_op
from graphflow.ops.shape_rules import Types
from graphflow.ops.sparse import sparse_types

__all__ = ["set_difference", "set_intersection", "set_size", "set_union"]

_TYPES = (
    dtypes.int8, dtypes.int16, dtypes.int32, dtypes.int64, dtypes.uint8, dtypes.uint16,
    dtypes.string,
)  # fmt: skip
Rows = dict[tuple[int, ...], set[Any]]


def _dense_rows(values: Any) -> Rows:
    return {place: set(values[place].tolist()) for place in np.ndindex(values.shape[:-1])}


def _sparse_rows(indices: Any, values: Any) -> Rows:
    rows: Rows = {}
    for place, value in zip(indices.tolist(), values.tolist(), strict=True):
        rows.setdefault(tuple(place[:-1]), set()).add(value)
    return rows


_OPERATIONS: dict[str, Any] = {
    "a-b": lambda a, b: a - b,
    "b-a": lambda a, b: b - a,
    "intersection": lambda a, b: a & b,
    "union": lambda a, b: a | b,
}


def _operate(first: Rows, second: Rows, sizes: Any, dtype: Any, set_operation: str) -> Any:
    """The elements of each row's result in order, as a sparse tensor."""
    places: list[tuple[int, ...]] = []
    values: list[Any] = []
    longest = 0
    for row in sorted({**first, **second}):
        found = sorted(_OPERATIONS[set_operation](first.get(row, set()), second.get(row, set())))
        places += [(*row, k) for k in range(len(found))]
        values += found
        longest = max(longest, len(found))
    indices = np.array(places, np.int64).reshape(len(places), len(sizes))
    array = np.empty(len(values), dtype)
    array[:] = values
    return indices, array, np.array([*sizes[:-1], longest], np.int64)


def _check_groups(first: Any, second: Any) -> None:
    if list(first[:-1]) != list(second[:-1]):
        raise ValueError(f"Mismatched group shapes: {list(first[:-1])} vs {list(second[:-1])}")


def _dense_dense(a: Any, b: Any, set_operation: str) -> Any:
    _check_groups(a.shape, b.shape)
    return _operate(_dense_rows(a), _dense_rows(b), a.shape, a.dtype, set_operation)


def _dense_sparse(a: Any, i: Any, v: Any, s: Any, set_operation: str) -> Any:
    _check_groups(a.shape, s)
    return _operate(_dense_rows(a), _sparse_rows(i, v), a.shape, a.dtype, set_operation)


def _sparse_sparse(i: Any, v: Any, s: Any, j: Any, w: Any, t: Any, set_operation: str) -> Any:
    _check_groups(s, t)
    return _operate(_sparse_rows(i, v), _sparse_rows(j, w), s, v.dtype, set_operation)


def _infer(values: int) -> Any:
    def infer(op: Operation) -> Types:
        dense = op.inputs[0].shape.rank if values == 0 else None
        return sparse_types(op.inputs[values].dtype.base_dtype, None, dense)

    return infer


_FIRST = ("set1_indices: int64", "set1_values: T", "set1_shape: int64")
_SECOND = ("set2_indices: int64", "set2_values: T", "set2_shape: int64")
_SIGNATURES: dict[str, Signature] = {}
_FORMS: list[tuple[str, Any, int, tuple[str, ...]]] = [
    ("DenseToDense", _dense_dense, 0, ("set1: T", "set2: T")),
    ("DenseToSparse", _dense_sparse, 0, ("set1: T", *_SECOND)),
    ("SparseToSparse", _sparse_sparse, 1, (*_FIRST, *_SECOND)),
]
for _name, _function, _place, _inputs in _FORMS:
    define_host_op(
        f"{_name}SetOperation", _infer(_place), _function, attrs=("set_operation",),
        no_gradient="values picked by equality",
    )  # fmt: skip
    _SIGNATURES[_name] = Signature(f"{_name}SetOperation", *_inputs, T=_TYPES)


def _set_operation(a: Any, b: Any, kind: str, validate: bool) -> SparseTensor:
    a, b = (x if isinstance(x, SparseTensor) else convert_to_tensor(x) for x in (a, b))
    if isinstance(a, SparseTensor) and not isinstance(b, SparseTensor):
        a, b = b, a
        kind = {"a-b": "b-a", "b-a": "a-b"}.get(kind, kind)
    attrs: dict[str, Any] = {"set_operation": kind, "validate_indices": validate}
    if isinstance(a, SparseTensor):
        made = _SIGNATURES["SparseToSparse"](*components(a), *components(b), **attrs)
    elif isinstance(b, SparseTensor):
        made = _SIGNATURES["DenseToSparse"](a, *components(b), **attrs)
    else:
        made = _SIGNATURES["DenseToDense"](a, b, **attrs)
    return SparseTensor(*made.outputs)


def set_intersection(a: Any, b: Any, validate_indices: bool = True) -> SparseTensor:
    """Return what the rows of `a` and `b`, dense or sparse, have in common."""
    return _set_operation(a, b, "intersection", validate_indices)


def set_union(a: Any, b: Any, validate_indices: bool = True) -> SparseTensor:
    """Return what the rows of `a` or `b`, dense or sparse, have."""
    return _set_operation(a, b, "union", validate_indices)


def set_difference(
    a: Any, b: Any, aminusb: bool = True, validate_indices: bool = True
) -> SparseTensor:
    """Return what only the rows of `a` have; only those of `b` when `aminusb` is False."""
    return _set_operation(a, b, "a-b" if aminusb else "b-a", validate_indices)


def _sizes(indices: Any, values: Any, sizes: Any) -> Any:
    found = np.zeros(tuple(int(d) for d in sizes[:-1]), np.int32)
    for row, elements in _sparse_rows(indices, values).items():
        found[row] = len(elements)
    return found


def _infer_size(op: Operation) -> Types:
    rank = op.inputs[0].shape.extents
    count = None if rank is None else rank[1]
    return [(dtypes.int32, shape_from_tuple(None if count is None else (None,) * (count - 1)))]


define_host_op("SetSize", _infer_size, _sizes, no_gradient="counts")
_SET_SIZE = Signature(
    "SetSize", "set_indices: int64", "set_values: T", "set_shape: int64", T=_TYPES
)


def set_size(a: Any, validate_indices: bool = True) -> Tensor:
    """Return how many different elements each row of a sparse tensor has."""
    sparse = as_sparse(a)
    return _SET_SIZE(*components(sparse), validate_indices=validate_indices).outputs[0]
