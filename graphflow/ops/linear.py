"""Matrix products: matmul with its flags and batches, matvec, tensordot.

MatMul is for two matrices, BatchMatMulV2 for stacks of them, whose leading axes broadcast. Both are
the Program's one product primitive, which has float32 and float64. The narrow floats go through
float32 and are rounded once; integers are multiplied and summed by a fused loop, since they need
exact wrap-around arithmetic.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import (
    bfloat16,
    complex64,
    complex128,
    float16,
    float32,
    float64,
    int32,
    int64,
)
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import broadcast, shape_from_tuple
from graphflow.graph.tensor import Tensor
from graphflow.ir.builder import broadcast_shapes
from graphflow.ir.dims import dims_equal, product
from graphflow.ops.shape import INDEX, expand_dims, reshape, squeeze
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.shape_rules import Types, merge_size, output, with_rank, with_rank_at_least
from graphflow.ops.strided_slice import strided_slice
from graphflow.ops.transposing import conjugate, conjugate_node

__all__ = ["matmul", "matvec", "sparse_matmul"]

# ---- lowering


def product_node(b: Any, x: Any, y: Any, trans_x: bool, trans_y: bool) -> Any:
    """The product of the last two axes of two nodes of one type; leading axes broadcast."""
    dtype = x.dtype
    if dtype.is_complex:
        shape = _product_shape(x, y, trans_x, trans_y)
        (result,) = b.call_python(
            _NumpyProduct(trans_x, trans_y), (x, y), [(dtype, shape)], stateful=False
        )
        return result
    if dtype.is_integer:
        return _integer_product(b, x, y, trans_x, trans_y)
    if dtype.size == 2:
        wide = product_node(b, b.cast(x, float32), b.cast(y, float32), trans_x, trans_y)
        return b.cast(wide, dtype)
    if x.rank > 2 and y.rank == 2 and not trans_x:
        # One matrix for a whole batch: the batch is more rows of a single product.
        rows = product(x.shape[:-1])
        flat = b.matmul(b.reshape(x, (rows, x.shape[-1])), y, False, trans_y)
        return b.reshape(flat, (*x.shape[:-1], flat.shape[-1]))
    return b.matmul(x, y, trans_x, trans_y)


def _product_shape(x: Any, y: Any, trans_x: bool, trans_y: bool) -> tuple[Any, ...]:
    batch = broadcast_shapes(x.shape[:-2], y.shape[:-2])
    return (*batch, x.shape[-1 if trans_x else -2], y.shape[-2 if trans_y else -1])


def _integer_product(b: Any, x: Any, y: Any, trans_x: bool, trans_y: bool) -> Any:
    """Rows times columns as a sum over a third axis; the product array is never stored."""
    rows = _swapped(b, x) if trans_x else x
    columns = y if trans_y else _swapped(b, y)
    rows = b.reshape(rows, (*rows.shape[:-1], 1, rows.shape[-1]))
    columns = b.reshape(columns, (*columns.shape[:-2], 1, *columns.shape[-2:]))
    terms = b.mul(rows, columns)
    return b.reduce("sum", terms, [terms.rank - 1])


def _swapped(b: Any, x: Any) -> Any:
    return b.transpose(x, (*range(x.rank - 2), x.rank - 1, x.rank - 2))


class _NumpyProduct:
    """The product by NumPy, in the run: complex numbers have no native form."""

    def __init__(self, trans_x: bool, trans_y: bool) -> None:
        self.flags = trans_x, trans_y

    def __call__(self, x: Any, y: Any) -> list[Any]:
        trans_x, trans_y = self.flags
        x = x.swapaxes(-1, -2) if trans_x else x
        y = y.swapaxes(-1, -2) if trans_y else y
        return [np.matmul(x, y)]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _NumpyProduct) and self.flags == other.flags

    def __hash__(self) -> int:
        return hash(self.flags)


# ---- MatMul


def _flags(op: Operation) -> tuple[bool, bool]:
    return op.attrs["transpose_a"], op.attrs["transpose_b"]


def _infer_matmul(op: Operation) -> Types:
    a, b = (with_rank(t.shape, 2) for t in op.inputs)
    trans_a, trans_b = _flags(op)
    a = a[::-1] if trans_a else a
    b = b[::-1] if trans_b else b
    merge_size(a[1], b[0])
    return output(op, (a[0], b[1]))


def _lower_matmul(b: Any, op: Operation, x: Any, y: Any) -> Any:
    trans_x, trans_y = _flags(op)
    for name, node in (("a", x), ("b", y)):
        if node.rank != 2:
            raise ValueError(f"In[{'ab'.index(name)}] is not a matrix")
    _check_inner(x, y, trans_x, trans_y)
    return product_node(b, x, y, trans_x, trans_y)


def _check_inner(x: Any, y: Any, trans_x: bool, trans_y: bool) -> None:
    inner = x.shape[-2 if trans_x else -1], y.shape[-1 if trans_y else -2]
    if not dims_equal(*inner):
        shapes = [",".join(str(d) for d in node.shape) for node in (x, y)]
        raise ValueError(f"Matrix size-incompatible: In[0]: [{shapes[0]}], In[1]: [{shapes[1]}]")


def _matmul_gradient(op: Operation, gradient: Any) -> list[Any]:
    a, b = (conjugate(t) for t in op.inputs)
    trans_a, trans_b = _flags(op)
    g = gradient
    if not trans_a and not trans_b:
        return [_product(g, b, False, True), _product(a, g, True, False)]
    if not trans_a:
        return [_product(g, b, False, False), _product(g, a, True, False)]
    if not trans_b:
        return [_product(b, g, False, True), _product(a, g, False, False)]
    return [_product(b, g, True, True), _product(g, a, True, True)]


def _product(a: Any, b: Any, trans_a: bool, trans_b: bool) -> Tensor:
    return _MATMUL(a, b, transpose_a=trans_a, transpose_b=trans_b).outputs[0]


define_op(name="MatMul", infer=_infer_matmul, lower=_lower_matmul, gradient=_matmul_gradient)


def _sparse_gradient(op: Operation, gradient: Any) -> list[Any]:
    found = _matmul_gradient(op, gradient)
    return [
        g if g.dtype is t.dtype.base_dtype else _CAST(g, DstT=t.dtype.base_dtype).outputs[0]
        for g, t in zip(found, op.inputs, strict=True)
    ]


# Called sparse for the hint that many elements are zero. The hint is of no use here, where the
# dense product is faster than looking for them.
define_op(
    name="SparseMatMul",
    infer=lambda op: [(float32, _infer_matmul(op)[0][1])],
    lower=lambda b, op, x, y: _lower_matmul(b, op, b.cast(x, float32), b.cast(y, float32)),
    gradient=_sparse_gradient,
)

# ---- BatchMatMulV2


def _adjoints(op: Operation) -> tuple[bool, bool]:
    return op.attrs["adj_x"], op.attrs["adj_y"]


def _infer_batch_matmul(op: Operation) -> Types:
    x, y = (with_rank_at_least(t.shape, 2) for t in op.inputs)
    if x is None or y is None:
        return output(op, None)
    adj_x, adj_y = _adjoints(op)
    rows, inner_x = x[-2:][::-1] if adj_x else x[-2:]
    inner_y, columns = y[-2:][::-1] if adj_y else y[-2:]
    merge_size(inner_x, inner_y)
    batch = broadcast(shape_from_tuple(x[:-2]), shape_from_tuple(y[:-2])).extents
    assert batch is not None
    return output(op, (*batch, rows, columns))


def _lower_batch_matmul(b: Any, op: Operation, x: Any, y: Any) -> Any:
    adj_x, adj_y = _adjoints(op)
    _check_inner(x, y, adj_x, adj_y)
    x, y = (
        conjugate_node(b, node) if adjoint else node for node, adjoint in ((x, adj_x), (y, adj_y))
    )
    return product_node(b, x, y, adj_x, adj_y)


def _batch_matmul_gradient(op: Operation, gradient: Any) -> list[Any]:
    x, y = op.inputs
    adj_x, adj_y = _adjoints(op)
    g = gradient
    if not adj_x and not adj_y:
        grads = matmul(g, y, adjoint_b=True), matmul(x, g, adjoint_a=True)
    elif not adj_x:
        grads = matmul(g, y), matmul(g, x, adjoint_a=True)
    elif not adj_y:
        grads = matmul(y, g, adjoint_b=True), matmul(x, g)
    else:
        grads = (
            matmul(y, g, adjoint_a=True, adjoint_b=True),
            matmul(g, x, adjoint_a=True, adjoint_b=True),
        )
    shapes = [t.shape.extents for t in (x, y)]
    if shapes[0] and shapes[1] and shapes[0][:-2] == shapes[1][:-2] and None not in shapes[0][:-2]:
        return list(grads)
    sizes = [shape_of(t) for t in (x, y)]
    batches = [strided_slice(s, [0], [-2], [1], begin_mask=1) for s in sizes]
    axes = _GRADIENT_ARGS(*batches).outputs
    return [
        reshape(_SUM(part, a, keep_dims=False).outputs[0], s)
        for part, a, s in zip(grads, axes, sizes, strict=True)
    ]


define_op(
    name="BatchMatMulV2",
    infer=_infer_batch_matmul,
    lower=_lower_batch_matmul,
    gradient=_batch_matmul_gradient,
)

_TYPES = (bfloat16, float16, float32, float64, int32, int64, complex64, complex128)
_MATMUL = Signature("MatMul", "a: T", "b: T", T=_TYPES)
_BATCH_MATMUL = Signature("BatchMatMulV2", "x: T", "y: T", T=_TYPES)
_SPARSE_MATMUL = Signature(
    "SparseMatMul", "a: Ta", "b: Tb", Ta=(float32, bfloat16), Tb=(float32, bfloat16)
)
_CAST = Signature("Cast", "x: SrcT")
_SUM = Signature("Sum", "input: T", "reduction_indices: Tidx = int32", Tidx=INDEX)
_GRADIENT_ARGS = Signature("BroadcastGradientArgs", "s0: T", "s1: T", T=INDEX)


def matmul(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    name: str | None = None,
) -> Tensor:
    """Return the matrix product of the last two axes of `a` and `b`; leading axes broadcast.

    Parameters
    ----------
    transpose_a, transpose_b : take the transposed matrices.
    adjoint_a, adjoint_b : take the transposed and conjugated matrices.
    a_is_sparse, b_is_sparse : hints that many elements are zero.

    Raises
    ------
    ValueError : a matrix is to be transposed and adjoint; shapes do not fit.
    """
    with name_scope(name, "MatMul", [a, b]) as scope:
        if transpose_a and adjoint_a:
            raise ValueError("Only one of transpose_a and adjoint_a can be True.")
        if transpose_b and adjoint_b:
            raise ValueError("Only one of transpose_b and adjoint_b can be True.")
        a = convert_to_tensor(a, name="a")
        b = convert_to_tensor(b, name="b")
        sparse = a_is_sparse or b_is_sparse
        batched = any(t.shape.rank is None or t.shape.rank > 2 for t in (a, b))
        if batched and not sparse:
            # The batched product knows adjoints only: the transpose is the adjoint's conjugate.
            a = conjugate(a) if transpose_a else a
            b = conjugate(b) if transpose_b else b
            return _BATCH_MATMUL(
                a, b, name=scope, adj_x=transpose_a or adjoint_a, adj_y=transpose_b or adjoint_b
            ).outputs[0]
        a = conjugate(a) if adjoint_a else a
        b = conjugate(b) if adjoint_b else b
        flags = {
            "transpose_a": transpose_a or adjoint_a, "transpose_b": transpose_b or adjoint_b,
        }  # fmt: skip
        types = {t.dtype.base_dtype for t in (a, b)}
        mixed = bfloat16 in types and len(types) > 1
        if mixed or (sparse and types <= {bfloat16, float32}):
            hints = {"a_is_sparse": a_is_sparse, "b_is_sparse": b_is_sparse}
            result = _SPARSE_MATMUL(a, b, name=scope, **flags, **hints).outputs[0]
            if types == {bfloat16}:
                return _CAST(result, DstT=bfloat16, Truncate=False).outputs[0]
            return result
        return _MATMUL(a, b, name=scope, **flags).outputs[0]


def matvec(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    adjoint_a: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    name: str | None = None,
) -> Tensor:
    """Return the product of a matrix, or a stack of them, and a vector; see `matmul`."""
    with name_scope(name, "MatVec", [a, b]):
        column = expand_dims(b, axis=-1)
        result = matmul(
            a, column, transpose_a=transpose_a, adjoint_a=adjoint_a, a_is_sparse=a_is_sparse,
            b_is_sparse=b_is_sparse,
        )  # fmt: skip
        return squeeze(result, axis=-1)


def sparse_matmul(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    name: str | None = None,
) -> Tensor:
    """Return the product of two dense float32 or bfloat16 matrices of which many elements are 0."""
    flags = {"transpose_a": transpose_a, "transpose_b": transpose_b}
    hints = {"a_is_sparse": a_is_sparse, "b_is_sparse": b_is_sparse}
    return _SPARSE_MATMUL(a, b, name=name, **flags, **hints).outputs[0]
