"""Products of vectors, matrices and tensors."""

from __future__ import annotations

from typing import Any

import graphflow as gf
from graphflow.theano.tensor import elementwise as el
from graphflow.theano.tensor.var import Op, TensorVariable, apply, as_tensor_variable


class Dot(Op):
    """The product of two matrices."""


def dot(a: Any, b: Any) -> TensorVariable:
    """Return NumPy's `dot`: over the last axis of `a` and the last but one of `b`."""
    (first, second), _ = el.promoted(a, b)
    if first.ndim == 0 or second.ndim == 0:
        return el.mul(first, second)
    return apply("dot", _product, first, second, kind=Dot)


def _product(a: Any, b: Any) -> Any:
    ranks = a.shape.ndims, b.shape.ndims
    if ranks == (2, 2):
        return gf.matmul(a, b)
    if ranks == (1, 1):
        return gf.reduce_sum(a * b)
    if ranks == (2, 1):
        return gf.squeeze(gf.matmul(a, gf.expand_dims(b, 1)), [1])
    if ranks == (1, 2):
        return gf.squeeze(gf.matmul(gf.expand_dims(a, 0), b), [0])
    return gf.tensordot(a, b, [[ranks[0] - 1], [max(ranks[1] - 2, 0)]])


def tensordot(a: Any, b: Any, axes: Any = 2) -> TensorVariable:
    """Return the sums of products over axes of both."""
    (first, second), _ = el.promoted(a, b)
    pair = axes if isinstance(axes, int) else [_as_list(x) for x in axes]
    return apply("tensordot", lambda x, y: gf.tensordot(x, y, pair), first, second)


def _as_list(axes: Any) -> list[int]:
    return [int(a) for a in axes] if isinstance(axes, (list, tuple)) else [int(axes)]


def batched_dot(a: Any, b: Any) -> TensorVariable:
    """Return the product of each element of `a` with that of `b`."""
    (first, second), _ = el.promoted(a, b)

    def build(x: Any, y: Any) -> Any:
        left = x if x.shape.ndims >= 3 else gf.expand_dims(x, 1)
        right = y if y.shape.ndims >= 3 else gf.expand_dims(y, 2)
        made: Any = gf.matmul(left, right)
        if x.shape.ndims == 2:
            made = gf.squeeze(made, [1])
        return made if y.shape.ndims >= 3 else gf.squeeze(made, [made.shape.ndims - 1])

    return apply("batched_dot", build, first, second)


def batched_tensordot(a: Any, b: Any, axes: Any = 2) -> TensorVariable:
    """Return `tensordot` of each element of `a` with that of `b`."""
    (first, second), _ = el.promoted(a, b)
    if isinstance(axes, int):
        count = axes
        axes = [list(range(first.ndim - count, first.ndim)), list(range(1, count + 1))]
    left, right = (_as_list(x) for x in axes)
    letters = "abcdefghijklmnopqrstuvw"
    names_a = list("z" + letters[: first.ndim - 1])
    names_b = list("z" + letters[first.ndim - 1 : first.ndim + second.ndim - 2])
    for x, y in zip(left, right, strict=True):
        names_b[y] = names_a[x]
    kept = [n for k, n in enumerate(names_a) if k not in left]
    kept += [n for k, n in enumerate(names_b) if k and k not in right]
    equation = f"{''.join(names_a)},{''.join(names_b)}->{''.join(kept)}"
    return apply("batched_tensordot", lambda x, y: gf.einsum(equation, x, y), first, second)


def outer(x: Any, y: Any) -> TensorVariable:
    """Return the products of all elements of `x` with all of `y`."""
    first, second = as_tensor_variable(x).flatten(), as_tensor_variable(y).flatten()
    return el.mul(first.dimshuffle(0, "x"), second.dimshuffle("x", 0))


def matrix_inverse(a: Any) -> TensorVariable:
    """Return the inverse."""
    return apply("MatrixInverse", gf.matrix_inverse, a)


def det(a: Any) -> TensorVariable:
    """Return the determinant."""
    return apply("Det", gf.matrix_determinant, a)


def trace(a: Any) -> TensorVariable:
    """Return the sum of the diagonal."""
    return apply("Trace", gf.trace, a)


def cholesky(a: Any) -> TensorVariable:
    """Return the lower Cholesky factor."""
    return apply("Cholesky", gf.cholesky, a)


def solve(a: Any, b: Any) -> TensorVariable:
    """Return `x` with ``a x = b``."""
    value = as_tensor_variable(b)
    if value.ndim == 1:
        return solve(a, value.dimshuffle(0, "x")).flatten()
    return apply("Solve", gf.matrix_solve, a, value)
