"""Sparse tensors and dense ones: sparse_to_dense, sparse_tensor_dense_matmul, reductions.

Dense results are native scatters; only what has as many elements as the data says cuts the run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import as_dtype, int64, string
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import shape_from_tuple, unknown_shape
from graphflow.graph.sparse_tensor import SparseTensor, as_sparse, components
from graphflow.graph.tensor import Tensor
from graphflow.ir.dims import product
from graphflow.ir.prims.reductions import neutral_element
from graphflow.ops.gathering import flat_places, gather, gather_nd
from graphflow.ops.host import compute, define_host_op
from graphflow.ops.kinds import ALL_NUMBERS, INDEX, ORDERED
from graphflow.ops.reductions import reduce_sum
from graphflow.ops.shape import reshape
from graphflow.ops.shape_rules import Types, all_known_ints, output, shape_of_value, with_rank
from graphflow.ops.transposing import conjugate, transpose

__all__ = [
    "sparse_reduce_max", "sparse_reduce_max_sparse", "sparse_reduce_sum",
    "sparse_reduce_sum_sparse", "sparse_tensor_dense_matmul", "sparse_tensor_to_dense",
    "sparse_to_dense",
]  # fmt: skip

# ---- to dense


@dataclass(frozen=True)
class _NoPlace:
    shape: tuple[Any, ...]

    def __call__(self, indices: Any) -> str:
        rows = indices.reshape(-1, len(self.shape))
        first = int(np.flatnonzero(((rows < 0) | (rows >= np.array(self.shape))).any(axis=1))[0])
        place, sizes = (",".join(str(v) for v in part) for part in (rows[first], self.shape))
        return f"indices[{first}] = [{place}] is out of bounds: need 0 <= index < [{sizes}]"


class _OutOfOrder:
    """The message about the first place that is not after the one before."""

    def __call__(self, indices: Any) -> str:
        rows = indices.reshape(len(indices), -1).tolist()
        for k in range(1, len(rows)):
            if rows[k] <= rows[k - 1]:
                shown = ",".join(str(v) for v in rows[k])
                again = (
                    "is repeated"
                    if rows[k] == rows[k - 1]
                    else ("is out of order. Many sparse ops require sorted indices.")
                )
                return f"indices[{k}] = [{shown}] {again}"
        return "indices are out of order"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _OutOfOrder)

    def __hash__(self) -> int:
        return 3


def _infer_to_dense(op: Operation) -> Types:
    return [(op.inputs[2].dtype.base_dtype, shape_from_tuple(shape_of_value(op.inputs[1])))]


def _dense_texts(indices: Any, shape: Any, values: Any, default: Any) -> Any:
    found = np.full(tuple(shape.tolist()), default.item(), object)
    places = indices.reshape(len(indices), -1)
    if ((places < 0) | (places >= shape)).any():
        raise ValueError(_NoPlace(found.shape)(indices))
    found[tuple(places.T)] = values
    return (found,)


def _lower_to_dense(
    b: Any, op: Operation, indices: Any, shape: Any, values: Any, default: Any
) -> Any:
    sizes = tuple(b.static_ints(shape))
    if any(isinstance(size, int) and size < 0 for size in sizes):
        raise ValueError(f"output_shape must not be negative, got {list(sizes)}")
    if op.inputs[2].dtype.base_dtype is string:
        return compute(b, op, _dense_texts, (indices, shape, values, default), [sizes])
    if indices.rank < 2:
        indices = b.reshape(indices, (product(indices.shape), 1))
    if indices.shape[1] != len(sizes):
        raise ValueError(f"output_shape has incorrect number of elements: {len(sizes)} should be: "
                         f"{indices.shape[1]}")  # fmt: skip
    if 0 in (*sizes, *indices.shape):
        return b.broadcast_to(default, sizes)
    places = flat_places(b, indices, sizes, _NoPlace(sizes))
    count = indices.shape[0]
    if op.attrs["validate_indices"] and count != 1:
        later, earlier = b.slice(places, [1], [count - 1]), b.slice(places, [0], [count - 1])
        ordered = b.reduce("and", b.gt(later, earlier), [0])
        b.check(ordered, "InvalidArgumentError", _OutOfOrder(), (indices,))
    whole = b.broadcast_to(default, (product(sizes),))
    rows = b.broadcast_to(values, (count,))
    return b.reshape(b.scatter("set", whole, places, rows), sizes)


def _to_dense_gradient(op: Operation, gradient: Any) -> list[Any]:
    at_values = gather_nd(gradient, op.inputs[0])
    total: Any = reduce_sum(gradient)
    return [None, None, at_values, total - reduce_sum(at_values)]


define_op("SparseToDense", _infer_to_dense, _lower_to_dense, _to_dense_gradient)
_TO_DENSE = Signature(
    "SparseToDense", "sparse_indices: Tindices", "output_shape: Tindices", "sparse_values: T",
    "default_value: T", Tindices=INDEX,
)  # fmt: skip


def sparse_to_dense(
    sparse_indices: Any, output_shape: Any, sparse_values: Any, default_value: Any = 0,
    validate_indices: bool = True, name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return a dense tensor with values at some places.

    Parameters
    ----------
    sparse_indices : a place in each row; a vector for a vector, a scalar for one place of it.
    sparse_values : a value for each place, or one for all.
    default_value : of all other places.
    validate_indices : let the run fail unless the places are in order and none occurs twice.
    """
    return _TO_DENSE(
        sparse_indices, output_shape, sparse_values, default_value, name=name,
        validate_indices=validate_indices,
    ).outputs[0]  # fmt: skip


def sparse_tensor_to_dense(
    sp_input: Any, default_value: Any = None, validate_indices: bool = True,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return a sparse tensor as a dense one; see `sparse_to_dense`."""
    sparse = as_sparse(sp_input)
    if default_value is None:
        text = sparse.dtype.kind == "string"
        default_value = convert_to_tensor("") if text else _zero_of(sparse)
    return sparse_to_dense(
        sparse.indices, sparse.dense_shape, sparse.values, default_value, validate_indices, name
    )


def _zero_of(sparse: SparseTensor) -> Tensor:
    zero = np.zeros([], sparse.dtype.as_numpy_dtype)
    return convert_to_tensor(zero, dtype=sparse.dtype.base_dtype, name="zeros")


# ---- products


@dataclass(frozen=True)
class _NoColumn:
    limits: tuple[Any, Any]
    flipped: bool

    def __call__(self, indices: Any) -> str:
        order = ((1, "k"), (0, "m")) if not self.flipped else ((0, "k"), (1, "m"))
        for column, letter in order:
            bad = np.flatnonzero(
                (indices[:, column] < 0) | (indices[:, column] >= self.limits[column])
            )
            if bad.size:
                found = indices[bad[0], column]
                return (
                    f"{letter} ({found}) from index[{bad[0]},{column}] out of bounds "
                    f"(>={self.limits[column]})"
                )
        return "an index is out of bounds"


def _infer_product(op: Operation) -> Types:
    with_rank(op.inputs[0].shape, 2)
    with_rank(op.inputs[1].shape, 1)
    dense = with_rank(op.inputs[3].shape, 2)
    sizes = shape_of_value(op.inputs[2])
    sizes = (None, None) if sizes is None else sizes
    if len(sizes) != 2:
        raise ValueError(f"Shape must be rank 2 but is rank {len(sizes)}")
    rows, inner = sizes[::-1] if op.attrs["adjoint_a"] else sizes
    inner_dense, columns = dense[::-1] if op.attrs["adjoint_b"] else dense
    if None not in (inner, inner_dense) and inner != inner_dense:
        raise ValueError(f"Dimensions must be equal, but are {inner} and {inner_dense}")
    return [(op.inputs[1].dtype.base_dtype, shape_from_tuple((rows, columns)))]


def _lower_product(b: Any, op: Operation, indices: Any, values: Any, shape: Any, dense: Any) -> Any:
    """Rows of the dense matrix, each times its value, added to the rows of the result."""
    rows, inner = b.static_ints(shape)
    flipped = op.attrs["adjoint_a"]
    dense = b.transpose(dense, (1, 0)) if op.attrs["adjoint_b"] else dense
    count = indices.shape[0]
    if (rows if flipped else inner) != dense.shape[0]:
        raise ValueError(f"Cannot multiply A and B because inner dimension does not match: "
                         f"{rows if flipped else inner} vs. {dense.shape[0]}.  Did you forget a "
                         "transpose?")  # fmt: skip
    result = (inner if flipped else rows, dense.shape[1])
    zeros = b.full(result, 0, values.dtype)
    if 0 in (count, *result, dense.shape[0]):
        return zeros
    columns = [b.reshape(b.slice(indices, [0, k], [count, 1]), (count,)) for k in (0, 1)]
    inside = b.and_(b.ge(columns[0], 0), b.lt(columns[0], rows))
    inside = b.and_(inside, b.and_(b.ge(columns[1], 0), b.lt(columns[1], inner)))
    message = _NoColumn((rows, inner), flipped)
    b.check(b.reduce("and", inside, [0]), "InvalidArgumentError", message, (indices,))
    target, source = columns[::-1] if flipped else columns
    picked = b.gather(dense, source, axis=0)
    weights = b.broadcast(values, picked.shape, (0,))
    return b.scatter("add", zeros, target, b.mul(picked, weights))


def _product_gradient(op: Operation, gradient: Any) -> list[Any]:
    indices, values, shape, dense = op.inputs
    flipped, other = op.attrs["adjoint_a"], op.attrs["adjoint_b"]
    sparse = SparseTensor(indices, values, shape)
    to_dense = sparse_tensor_dense_matmul(sparse, gradient, adjoint_a=not flipped)
    if other:
        to_dense = transpose(to_dense)
    places: Any = indices
    first, second = places[:, 0], places[:, 1]
    rows = gather(gradient, second if flipped else first)
    whole = transpose(dense) if other else dense
    columns = gather(whole, first if flipped else second)
    return [None, reduce_sum(rows * conjugate(columns), 1), None, to_dense]


define_op("SparseTensorDenseMatMul", _infer_product, _lower_product, _product_gradient)
_PRODUCT = Signature(
    "SparseTensorDenseMatMul", "a_indices: Tindices", "a_values: T", "a_shape: int64", "b: T",
    Tindices=INDEX,
)  # fmt: skip


def sparse_tensor_dense_matmul(
    sp_a: Any, b: Any, adjoint_a: bool = False, adjoint_b: bool = False, name: str | None = None
) -> Tensor:
    """Return the product of a sparse matrix and a dense one.

    Parameters
    ----------
    adjoint_a, adjoint_b : take the conjugate transposes.
    """
    sparse = as_sparse(sp_a)
    with name_scope(name, "SparseTensorDenseMatMul", [sparse.indices, sparse.values, b]):
        dense = convert_to_tensor(b, name="b")
        dense = conjugate(dense) if adjoint_b else dense
        attrs: dict[str, Any] = {"adjoint_a": adjoint_a, "adjoint_b": adjoint_b}
        return _PRODUCT(*components(sparse), dense, **attrs).outputs[0]


# ---- reductions


def _reduced_axes(axes: Any, rank: int) -> list[int]:
    for axis in np.ravel(axes):
        if not -rank <= axis < rank:
            raise ValueError(
                f"Invalid reduction dimension {axis}, for input with {rank} dimensions."
            )
    return sorted({int(a) % rank for a in np.ravel(axes)}) or list(range(rank))


def _infer_reduction(op: Operation) -> Types:
    sizes, axes = shape_of_value(op.inputs[2]), all_known_ints(op.inputs[3])
    dtype = op.inputs[1].dtype.base_dtype
    if sizes is None or axes is None:
        return [(dtype, unknown_shape())]
    return [(dtype, shape_from_tuple(_kept(sizes, axes, op.attrs["keep_dims"])))]


def _kept(sizes: Any, axes: Any, keep: bool) -> tuple[Any, ...]:
    gone = _reduced_axes(axes, len(sizes))
    if keep:
        return tuple(1 if k in gone else d for k, d in enumerate(sizes))
    return tuple(d for k, d in enumerate(sizes) if k not in gone)


def _totals(indices: Any, values: Any, sizes: Any, axes: Any, mode: str) -> tuple[Any, Any, Any]:
    """The places of the axes that remain, in order, and the reductions there."""
    gone = _reduced_axes(axes, len(sizes))
    left = [k for k in range(len(sizes)) if k not in gone]
    places, which = np.unique(indices[:, left], axis=0, return_inverse=True)
    which = which.reshape(-1)
    found = np.zeros(len(places), values.dtype)
    if mode == "max":
        found[:] = neutral_element("reduce_max", as_dtype(values.dtype))
        np.fmax.at(found, which, values)
    else:
        np.add.at(found, which, values)
    return places, found, left


def _reduced(indices: Any, values: Any, sizes: Any, axes: Any, mode: str, keep_dims: bool) -> Any:
    places, found, left = _totals(indices, values, sizes, axes, mode)
    whole = np.zeros(tuple(int(sizes[k]) for k in left), values.dtype)
    whole[tuple(places.T) if left else ...] = found if left or not len(found) else found[0]
    return whole.reshape(_kept(tuple(int(d) for d in sizes), axes, keep_dims))


def _reduced_sparse(
    indices: Any, values: Any, sizes: Any, axes: Any, mode: str, keep_dims: bool
) -> Any:
    places, found, left = _totals(indices, values, sizes, axes, mode)
    if not keep_dims:
        return places, found, sizes[left]
    whole = np.zeros((len(places), len(sizes)), np.int64)
    whole[:, left] = places
    return whole, found, np.array(_kept(tuple(sizes), axes, True))


def _lower_reduction(function: Any, mode: str) -> Any:
    def lower(b: Any, op: Operation, *nodes: Any) -> Any:
        return compute(b, op, function, nodes, mode=mode, keep_dims=op.attrs["keep_dims"])

    return lower


def _sum_gradient(op: Operation, gradient: Any) -> list[Any]:
    """The sum's gradient repeated along the axes, at the places of the values."""
    sizes, axes = op.inputs[2], op.inputs[3]
    kept = _REDUCED(sizes, axes).outputs[0]
    scale = sizes // kept
    places: Any = op.inputs[0] // scale
    return [None, gather_nd(reshape(gradient, kept), places), None, None]


def _kept_sizes(sizes: Any, axes: Any) -> Any:
    return np.array(_kept(tuple(sizes), axes, True), np.int64)


define_host_op(
    "SparseReducedShape", lambda op: output(op, op.inputs[0].shape.extents), _kept_sizes,
    lambda op, sizes, axes: [sizes.shape], no_gradient="integer output",
)  # fmt: skip
_REDUCED = Signature("SparseReducedShape", "shape: int64", "axes: int32")


def _infer_sparse_reduction(op: Operation) -> Types:
    dtype = op.inputs[1].dtype.base_dtype
    return [(int64, unknown_shape()), (dtype, unknown_shape()), (int64, unknown_shape())]


_REDUCTIONS: dict[str, Signature] = {}
for _mode, _types in (("sum", ALL_NUMBERS), ("max", ORDERED)):
    _title = f"SparseReduce{_mode.title()}"
    define_op(
        _title, _infer_reduction, _lower_reduction(_reduced, _mode),
        _sum_gradient if _mode == "sum" else None,
        "" if _mode == "sum" else "TensorFlow has none for it",
    )  # fmt: skip
    define_op(
        f"{_title}Sparse", _infer_sparse_reduction, _lower_reduction(_reduced_sparse, _mode),
        no_gradient="TensorFlow has none for it",
    )  # fmt: skip
    for _name in (_title, f"{_title}Sparse"):
        _REDUCTIONS[_name] = Signature(
            _name, "input_indices: int64", "input_values: T", "input_shape: int64",
            "reduction_axes: int32", T=_types,
        )  # fmt: skip


def _reduce(
    op_type: str, sp_input: Any, axis: Any, keepdims: Any, reduction_axes: Any, keep_dims: Any
) -> list[Tensor]:
    for new, old, names in (
        (axis, reduction_axes, ("reduction_axes", "axis")),
        (keepdims, keep_dims, ("keep_dims", "keepdims")),
    ):
        if new is not None and old is not None:
            raise ValueError(f"Cannot specify both '{names[0]}' and '{names[1]}'")
    axis = reduction_axes if axis is None else axis
    keep = bool(keep_dims if keepdims is None else keepdims)
    sparse = as_sparse(sp_input)
    axes = _every_axis(sparse) if axis is None else axis
    return _REDUCTIONS[op_type](*components(sparse), axes, keep_dims=keep).outputs


def _every_axis(sparse: SparseTensor) -> Tensor:
    rank = sparse.shape.rank
    if rank is None:
        rank = sparse.dense_shape.shape.as_list()[0]
    if rank is None:
        count = _SIZE(sparse.dense_shape, out_type=_INT32).outputs[0]
        return _RANGE(0, count, 1).outputs[0]
    return convert_to_tensor(np.arange(rank, dtype=np.int32))


_INT32 = INDEX[0]
_SIZE = Signature("Size", "input: T")
_RANGE = Signature("Range", "start: Tidx = int32", "limit: Tidx = int32", "delta: Tidx = int32")


def sparse_reduce_sum(
    sp_input: Any, axis: Any = None, keepdims: Any = None, reduction_axes: Any = None,
    keep_dims: Any = None,
) -> Tensor:  # fmt: skip
    """Return the sums over axes as a dense tensor; over all axes when `axis` is None."""
    return _reduce("SparseReduceSum", sp_input, axis, keepdims, reduction_axes, keep_dims)[0]


def sparse_reduce_max(
    sp_input: Any, axis: Any = None, keepdims: Any = None, reduction_axes: Any = None,
    keep_dims: Any = None,
) -> Tensor:  # fmt: skip
    """Return the largest present elements over axes as a dense tensor; see `sparse_reduce_sum`."""
    return _reduce("SparseReduceMax", sp_input, axis, keepdims, reduction_axes, keep_dims)[0]


def sparse_reduce_sum_sparse(
    sp_input: Any, axis: Any = None, keepdims: Any = None, reduction_axes: Any = None,
    keep_dims: Any = None,
) -> SparseTensor:  # fmt: skip
    """Return the sums over axes as a sparse tensor."""
    return SparseTensor(
        *_reduce("SparseReduceSumSparse", sp_input, axis, keepdims, reduction_axes, keep_dims)
    )


def sparse_reduce_max_sparse(
    sp_input: Any, axis: Any = None, keepdims: Any = None, reduction_axes: Any = None,
    keep_dims: Any = None,
) -> SparseTensor:  # fmt: skip
    """Return the largest present elements over axes as a sparse tensor."""
    return SparseTensor(
        *_reduce("SparseReduceMaxSparse", sp_input, axis, keepdims, reduction_axes, keep_dims)
    )
