"""Operators that are made of others: products, blocks, adjoints, inverses, small updates."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.shapes import TensorShape, broadcast
from graphflow.graph.tensor import Tensor
from graphflow.linear_operators.base import (
    LinearOperator,
    dense_product,
    same_batch,
    turned,
    with_batch,
)
from graphflow.linear_operators.kinds import (
    LinearOperatorDiag,
    LinearOperatorIdentity,
    joined_shape,
)
from graphflow.ops.casting import cast
from graphflow.ops.complex import real
from graphflow.ops.decompositions import cholesky, cholesky_solve
from graphflow.ops.elementwise import add, multiply
from graphflow.ops.joining import concat, stack
from graphflow.ops.padding import pad
from graphflow.ops.reductions import reduce_prod, reduce_sum
from graphflow.ops.shape import broadcast_dynamic_shape, expand_dims, reshape
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.solving import log_matrix_determinant, matrix_determinant, matrix_solve
from graphflow.ops.transposing import conjugate, transpose
from graphflow.ops.unary import abs as absolute
from graphflow.ops.unary import log

Promise = bool | None


def _all_or_none(values: Sequence[Promise]) -> Promise:
    """True when all are; otherwise nothing is known."""
    return True if all(values) else None


def _shared_promises(
    operators: Sequence[LinearOperator], given: Sequence[Promise]
) -> list[Promise]:
    """Non-singular, self-adjoint, positive definite: as given, or as all operators promise."""
    keys = ("is_non_singular", "is_self_adjoint", "is_positive_definite")
    return [
        _all_or_none([getattr(o, key) for o in operators]) if promise is None else promise
        for key, promise in zip(keys, given, strict=True)
    ]


class _OfSeveral(LinearOperator):
    """An operator that is made of a list of others."""

    operators: list[LinearOperator]

    def _set_operators(
        self, operators: Sequence[LinearOperator], promises: Sequence[Promise], name: str | None
    ) -> None:
        if not operators:
            raise ValueError(f"Expected a non-empty list of operators. Found: {operators}")
        self.operators = list(operators)
        kinds = {o.dtype for o in operators}
        if len(kinds) > 1:
            names = ", ".join(sorted(kind.name for kind in kinds))
            raise TypeError(f"Expected all operators of the same dtype.  Found {names}")
        parents = [p for o in operators for p in o.graph_parents]
        own: Any = (*promises, name)
        super().__init__(operators[0].dtype, parents, *own)

    def _batch(self) -> Tensor:
        sizes = [o.batch_shape_tensor() for o in self.operators]
        return functools.reduce(broadcast_dynamic_shape, sizes)


class LinearOperatorComposition(_OfSeveral):
    """The product of operators.

    Parameters
    ----------
    operators : the last one is applied first.
    """

    def __init__(
        self, operators: Sequence[LinearOperator], is_non_singular: Promise = None,
        is_self_adjoint: Promise = None, is_positive_definite: Promise = None,
        is_square: Promise = None, name: str | None = None,
    ) -> None:  # fmt: skip
        if is_non_singular is None:
            is_non_singular = _all_or_none([o.is_non_singular for o in operators])
        joined = name or "_o_".join(o.name for o in operators)
        promises = [is_non_singular, is_self_adjoint, is_positive_definite, is_square]
        self._set_operators(operators, promises, joined)
        for first, second in zip(operators, list(operators)[1:], strict=False):
            first.domain_dimension.assert_is_compatible_with(second.range_dimension)

    def _shape(self) -> TensorShape:
        ends = TensorShape([self.operators[0].range_dimension, self.operators[-1].domain_dimension])
        return joined_shape(self.operators).concatenate(ends)

    def _shape_tensor(self) -> Tensor:
        first, last = self.operators[0], self.operators[-1]
        ends = [first.range_dimension_tensor(), last.domain_dimension_tensor()]
        return concat([self._batch(), stack(ends)], 0)

    def _matmul(self, x: Tensor, adjoint: bool = False, adjoint_arg: bool = False) -> Tensor:
        found = turned(x) if adjoint_arg else x
        for operator in self.operators if adjoint else reversed(self.operators):
            found = operator.matmul(found, adjoint=adjoint)
        return found

    def _solve(self, rhs: Tensor, adjoint: bool = False, adjoint_arg: bool = False) -> Tensor:
        found = turned(rhs) if adjoint_arg else rhs
        for operator in reversed(self.operators) if adjoint else self.operators:
            found = operator.solve(found, adjoint=adjoint)
        return found

    def _determinant(self) -> Tensor:
        if not all(o.is_square for o in self.operators):
            return super()._determinant()
        return functools.reduce(multiply, [o.determinant() for o in self.operators])

    def _log_abs_determinant(self) -> Tensor:
        if not all(o.is_square for o in self.operators):
            return super()._log_abs_determinant()
        return functools.reduce(add, [o.log_abs_determinant() for o in self.operators])


class LinearOperatorKronecker(_OfSeveral):
    """The Kronecker product of operators.

    Parameters
    ----------
    operators : the first one's elements are the factors of the blocks.
    """

    def __init__(
        self, operators: Sequence[LinearOperator], is_non_singular: Promise = None,
        is_self_adjoint: Promise = None, is_positive_definite: Promise = None,
        is_square: Promise = None, name: str | None = None,
    ) -> None:  # fmt: skip
        joined = name or "_x_".join(o.name for o in operators)
        given = (is_non_singular, is_self_adjoint, is_positive_definite)
        self._set_operators(operators, [*_shared_promises(operators, given), is_square], joined)

    def _shape(self) -> TensorShape:
        sizes: list[int | None] = [1, 1]
        for operator in self.operators:
            own = (operator.range_dimension.value, operator.domain_dimension.value)
            sizes = [None if a is None or b is None else a * b
                     for a, b in zip(sizes, own, strict=True)]  # fmt: skip
        return joined_shape(self.operators).concatenate(TensorShape(sizes))

    def _shape_tensor(self) -> Tensor:
        rows = reduce_prod(stack([o.range_dimension_tensor() for o in self.operators]))
        columns = reduce_prod(stack([o.domain_dimension_tensor() for o in self.operators]))
        return concat([self._batch(), stack([rows, columns])], 0)

    def _applied(self, x: Tensor, adjoint: bool, adjoint_arg: bool, method: str) -> Tensor:
        """One operator after another, each along its own axis of the columns of `x`.

        Columns are kept as (..., operators' axes, n); the axis of the operator is in front of
        all others, and goes to their end when it is done.
        """
        found: Any = turned(x) if adjoint_arg else x
        for operator in self.operators:
            sizes: Any = shape_of(found)
            size = _inner_size(operator, adjoint != (method == "solve"))
            split = concat([sizes[:-2], stack([size, -1])], 0)  # this axis, the rest with n
            made = getattr(operator, method)(reshape(found, split), adjoint=adjoint)
            shape: Any = shape_of(made)
            n = sizes[-1]
            parts = reshape(made, concat([shape[:-1], stack([-1, n])], 0))
            rank = parts.shape.rank
            assert rank is not None
            order = [*range(rank - 3), rank - 2, rank - 3, rank - 1]
            moved = transpose(parts, order)
            found = reshape(moved, concat([shape[:-2], stack([-1, n])], 0))
        return found

    def _matmul(self, x: Tensor, adjoint: bool = False, adjoint_arg: bool = False) -> Tensor:
        return self._with_shape(self._applied(x, adjoint, adjoint_arg, "matmul"), x, adjoint,
                                adjoint_arg)  # fmt: skip

    def _solve(self, rhs: Tensor, adjoint: bool = False, adjoint_arg: bool = False) -> Tensor:
        return self._with_shape(self._applied(rhs, adjoint, adjoint_arg, "solve"), rhs, adjoint,
                                adjoint_arg)  # fmt: skip

    def _with_shape(self, found: Tensor, x: Tensor, adjoint: bool, adjoint_arg: bool) -> Tensor:
        rows = self.domain_dimension if adjoint else self.range_dimension
        if x.shape.rank is not None and found.shape.rank is not None:
            lead: list[Any] = [None] * (found.shape.rank - 2)
            found.set_shape([*lead, rows, x.shape[-2 if adjoint_arg else -1]])
        return found

    def _diag_part(self) -> Tensor:
        found: Any = self.operators[0].diag_part()
        for operator in self.operators[1:]:
            own: Any = operator.diag_part()
            product = expand_dims(found, -1) * expand_dims(own, -2)
            sizes: Any = shape_of(product)
            found = reshape(product, concat([sizes[:-2], [-1]], 0))
        return found

    def _trace(self) -> Tensor:
        return functools.reduce(multiply, [o.trace() for o in self.operators])

    def _power(self, operator: LinearOperator) -> Any:
        whole: Any = self.domain_dimension_tensor()
        return cast(whole // operator.domain_dimension_tensor(), self.dtype)

    def _determinant(self) -> Tensor:
        if not all(o.is_square for o in self.operators):
            return super()._determinant()
        parts: list[Any] = [o.determinant() for o in self.operators]
        powers = [p ** self._power(o) for p, o in zip(parts, self.operators, strict=True)]
        return functools.reduce(multiply, powers)

    def _log_abs_determinant(self) -> Tensor:
        if not all(o.is_square for o in self.operators):
            return super()._log_abs_determinant()
        parts: list[Any] = [o.log_abs_determinant() for o in self.operators]
        shares = [p * self._power(o) for p, o in zip(parts, self.operators, strict=True)]
        return functools.reduce(add, shares)


def _inner_size(operator: LinearOperator, turned_round: bool) -> Any:
    known = operator.range_dimension if turned_round else operator.domain_dimension
    if known.value is not None:
        return known.value
    sizes = operator.range_dimension_tensor if turned_round else operator.domain_dimension_tensor
    return sizes()


class LinearOperatorBlockDiag(_OfSeveral):
    """Operators as blocks along the diagonal, zeros elsewhere.

    Parameters
    ----------
    operators : the blocks.
    """

    def __init__(
        self, operators: Sequence[LinearOperator], is_non_singular: Promise = None,
        is_self_adjoint: Promise = None, is_positive_definite: Promise = None,
        is_square: Promise = True, name: str | None = None,
    ) -> None:  # fmt: skip
        joined = name or "_ds_".join(o.name for o in operators)
        given = (is_non_singular, is_self_adjoint, is_positive_definite)
        self._set_operators(operators, [*_shared_promises(operators, given), is_square], joined)

    def _shape(self) -> TensorShape:
        sizes = []
        for key in ("range_dimension", "domain_dimension"):
            own = [getattr(o, key).value for o in self.operators]
            sizes.append(None if None in own else sum(own))
        return joined_shape(self.operators).concatenate(TensorShape(sizes))

    def _shape_tensor(self) -> Tensor:
        rows = reduce_sum(stack([o.range_dimension_tensor() for o in self.operators]))
        columns = reduce_sum(stack([o.domain_dimension_tensor() for o in self.operators]))
        return concat([self._batch(), stack([rows, columns])], 0)

    def _applied(self, x: Tensor, adjoint: bool, adjoint_arg: bool, method: str) -> Tensor:
        right: Any = turned(x) if adjoint_arg else x
        start: Any = 0
        found = []
        for operator in self.operators:
            size = _inner_size(operator, adjoint != (method == "solve"))
            part = right[..., start : start + size, :]
            found.append(getattr(operator, method)(part, adjoint=adjoint))
            start = start + size
        batch = self._batch()
        return concat([with_batch(f, batch) for f in found], -2)

    def _matmul(self, x: Tensor, adjoint: bool = False, adjoint_arg: bool = False) -> Tensor:
        return self._applied(x, adjoint, adjoint_arg, "matmul")

    def _solve(self, rhs: Tensor, adjoint: bool = False, adjoint_arg: bool = False) -> Tensor:
        return self._applied(rhs, adjoint, adjoint_arg, "solve")

    def _to_dense(self) -> Tensor:
        batch, rows, start = self._batch(), [], 0
        columns: Any = self.domain_dimension_tensor()
        for operator in self.operators:
            block = with_batch(operator.to_dense(), batch)
            own: Any = _inner_size(operator, False)
            sides = stack([start, columns - start - own])
            rank = block.shape.rank or 2
            paddings = concat([[[0, 0]] * (rank - 1), expand_dims(sides, 0)], 0)
            rows.append(pad(block, paddings))
            start = start + own
        found = concat(rows, -2)
        found.set_shape(self.shape)
        return found

    def _diag_part(self) -> Tensor:
        if not all(o.is_square for o in self.operators):
            return super()._diag_part()
        batch: Any = self._batch()
        parts = [expand_dims(o.diag_part(), -1) for o in self.operators]
        joined = concat([with_batch(p, batch) for p in parts], -2)
        return joined[..., 0]

    def _determinant(self) -> Tensor:
        return functools.reduce(multiply, [o.determinant() for o in self.operators])

    def _log_abs_determinant(self) -> Tensor:
        return functools.reduce(add, [o.log_abs_determinant() for o in self.operators])


class LinearOperatorAdjoint(LinearOperator):
    """The conjugate transpose of an operator."""

    def __init__(
        self, operator: LinearOperator, is_non_singular: Promise = None,
        is_self_adjoint: Promise = None, is_positive_definite: Promise = None,
        is_square: Promise = None, name: str | None = None,
    ) -> None:  # fmt: skip
        given = (is_non_singular, is_self_adjoint, is_positive_definite, is_square)
        own = (operator.is_non_singular, operator.is_self_adjoint, operator.is_positive_definite,
               operator.is_square)  # fmt: skip
        promises = [a if b is None else b for a, b in zip(own, given, strict=True)]
        options: Any = (*promises, name or f"{operator.name}_adjoint")
        super().__init__(operator.dtype, operator.graph_parents, *options)
        self.operator = operator

    def adjoint(self, name: str = "adjoint") -> LinearOperator:
        """The operator itself."""
        return self.operator

    def _shape(self) -> TensorShape:
        shape = self.operator.shape
        return (
            shape
            if shape.rank is None
            else shape[:-2].concatenate(shape[-1:]).concatenate(shape[-2:-1])
        )

    def _shape_tensor(self) -> Tensor:
        sizes: Any = self.operator.shape_tensor()
        return concat([sizes[:-2], sizes[-1:], sizes[-2:-1]], 0)

    def _matmul(self, x: Tensor, adjoint: bool = False, adjoint_arg: bool = False) -> Tensor:
        found: Tensor = self.operator.matmul(x, adjoint=not adjoint, adjoint_arg=adjoint_arg)
        return found

    def _solve(self, rhs: Tensor, adjoint: bool = False, adjoint_arg: bool = False) -> Tensor:
        found: Tensor = self.operator.solve(rhs, adjoint=not adjoint, adjoint_arg=adjoint_arg)
        return found

    def _to_dense(self) -> Tensor:
        return turned(self.operator.to_dense())

    def _determinant(self) -> Tensor:
        return conjugate(self.operator.determinant())

    def _log_abs_determinant(self) -> Tensor:
        return self.operator.log_abs_determinant()


class LinearOperatorInversion(LinearOperator):
    """The inverse of an operator."""

    def __init__(
        self, operator: LinearOperator, is_non_singular: Promise = None,
        is_self_adjoint: Promise = None, is_positive_definite: Promise = None,
        is_square: Promise = None, name: str | None = None,
    ) -> None:  # fmt: skip
        if is_non_singular is False or operator.is_non_singular is False:
            raise ValueError("An inverse operator is never singular: expected is_non_singular "
                             "None or True.")  # fmt: skip
        given = (is_self_adjoint, is_positive_definite)
        own = (operator.is_self_adjoint, operator.is_positive_definite)
        promises = [a if b is None else b for a, b in zip(own, given, strict=True)]
        options: Any = (*promises, True, name or f"{operator.name}_inverse")
        super().__init__(operator.dtype, operator.graph_parents, True, *options)
        self.operator = operator

    def inverse(self, name: str = "inverse") -> LinearOperator:
        """The operator itself."""
        return self.operator

    def _shape(self) -> TensorShape:
        return self.operator.shape

    def _shape_tensor(self) -> Tensor:
        return self.operator.shape_tensor()

    def _matmul(self, x: Tensor, adjoint: bool = False, adjoint_arg: bool = False) -> Tensor:
        found: Tensor = self.operator.solve(x, adjoint=adjoint, adjoint_arg=adjoint_arg)
        return found

    def _solve(self, rhs: Tensor, adjoint: bool = False, adjoint_arg: bool = False) -> Tensor:
        found: Tensor = self.operator.matmul(rhs, adjoint=adjoint, adjoint_arg=adjoint_arg)
        return found

    def _determinant(self) -> Tensor:
        found: Any = self.operator.determinant()
        return 1.0 / found

    def _log_abs_determinant(self) -> Tensor:
        found: Any = self.operator.log_abs_determinant()
        return -found


class LinearOperatorLowRankUpdate(LinearOperator):
    """An operator plus a product of few columns: ``L + U D V^H``.

    Parameters
    ----------
    base_operator : L.
    u : U, of shape (..., rows, k).
    diag_update : the diagonal of D, of shape (..., k); ones when None.
    v : V, of shape (..., columns, k); U when None.
    is_diag_update_positive : whether D is positive.
    """

    def __init__(
        self, base_operator: LinearOperator, u: Any, diag_update: Any = None, v: Any = None,
        is_diag_update_positive: Promise = None, is_non_singular: Promise = None,
        is_self_adjoint: Promise = None, is_positive_definite: Promise = None,
        is_square: Promise = None, name: str = "LinearOperatorLowRankUpdate",
    ) -> None:  # fmt: skip
        kind = base_operator.dtype
        self.base_operator = base_operator
        self._u = convert_to_tensor(u, dtype=kind, name="u")
        self._v = self._u if v is None else convert_to_tensor(v, dtype=kind, name="v")
        self._diag = None
        if diag_update is not None:
            self._diag = convert_to_tensor(diag_update, dtype=kind, name="diag_update")
        is_positive = diag_update is None or bool(is_diag_update_positive)
        if v is None and base_operator.is_self_adjoint and not kind.is_complex:
            is_self_adjoint = True if is_self_adjoint is None else is_self_adjoint
        if v is None and is_positive and base_operator.is_positive_definite:
            is_positive_definite = True if is_positive_definite is None else is_positive_definite
        super().__init__(
            kind, [*base_operator.graph_parents, self._u, self._v], is_non_singular,
            is_self_adjoint, is_positive_definite, is_square, name,
        )  # fmt: skip

    @property
    def u(self) -> Tensor:
        """U."""
        return self._u

    @property
    def v(self) -> Tensor:
        """V."""
        return self._v

    @property
    def diag_operator(self) -> LinearOperator:
        """D."""
        if self._diag is not None:
            return LinearOperatorDiag(self._diag)
        sizes: Any = shape_of(self._u)
        return LinearOperatorIdentity(sizes[-1], dtype=self.dtype)

    def _shape(self) -> TensorShape:
        shape = joined_shape([self.base_operator])
        for part in (self._u, self._v):
            if part.shape.rank is None:
                return TensorShape(None)
            shape = broadcast(shape, part.shape[:-2])
        return shape.concatenate(self.base_operator.shape[-2:])

    def _shape_tensor(self) -> Tensor:
        sizes: Any = shape_of(self._u)
        base: Any = self.base_operator.shape_tensor()
        return concat([broadcast_dynamic_shape(base[:-2], sizes[:-2]), base[-2:]], 0)

    def _matmul(self, x: Tensor, adjoint: bool = False, adjoint_arg: bool = False) -> Tensor:
        left, right = (self._v, self._u) if adjoint else (self._u, self._v)
        inner = dense_product(right, x, True, adjoint_arg)
        scaled = self.diag_operator.matmul(inner, adjoint=adjoint)
        found: Any = self.base_operator.matmul(x, adjoint=adjoint, adjoint_arg=adjoint_arg)
        return found + dense_product(left, scaled, False, False)

    def _capacitance(self) -> Tensor:
        """``D^-1 + V^H L^-1 U``, of the size of the update."""
        inner: Any = dense_product(self._v, self.base_operator.solve(self._u), True, False)
        found: Tensor = inner + self.diag_operator.inverse().to_dense()
        return found

    def _solve(self, rhs: Tensor, adjoint: bool = False, adjoint_arg: bool = False) -> Tensor:
        """By Woodbury's identity: a system of the base, and one of the size of the update."""
        left, right = (self._v, self._u) if adjoint else (self._u, self._v)
        first: Any = self.base_operator.solve(rhs, adjoint=adjoint, adjoint_arg=adjoint_arg)
        small, inner = same_batch(self._capacitance(), dense_product(right, first, True, False))
        if self._uses_cholesky():
            solved = cholesky_solve(cholesky(small), inner)
        else:
            solved = matrix_solve(small, inner, adjoint=adjoint)
        update = self.base_operator.solve(
            dense_product(left, solved, False, False), adjoint=adjoint
        )
        return first - update

    def _uses_cholesky(self) -> bool:
        return bool(self._has_cholesky() and self.base_operator.is_positive_definite
                    and self._u is self._v)  # fmt: skip

    def _determinant(self) -> Tensor:
        parts: list[Any] = [
            matrix_determinant(self._capacitance()), self.diag_operator.determinant(),
            self.base_operator.determinant(),
        ]  # fmt: skip
        return functools.reduce(multiply, parts)

    def _log_abs_determinant(self) -> Tensor:
        parts = [
            log_matrix_determinant(self._capacitance())[1],
            real(reduce_sum(log(absolute(self.diag_operator.diag_part())), axis=-1)),
            self.base_operator.log_abs_determinant(),
        ]
        return functools.reduce(add, parts)
