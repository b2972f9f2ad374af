"""Accumulators of gradients that change some rows only, as `IndexedSlices` do."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow import errors
from graphflow.data.accumulators import AccumulatorBase, Content, content_of
from graphflow.data.queue_contents import maker_of
from graphflow.data.queues import define_call, define_handle
from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.dtypes import int64, string
from graphflow.graph.indexed_slices import IndexedSlices
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import TensorShape
from graphflow.ops.casting import cast

Array = np.ndarray[Any, Any]
Rows = tuple[Array, Array, Array]


class _Sparse(Content):
    """Sums of rows by index, and in how many gradients each index was."""

    def __init__(self, maker: Operation) -> None:
        super().__init__(maker)
        self.rows: dict[int, list[Any]] = {}  # by index: the sum, and the number of gradients
        self.sizes = np.zeros(0, np.int64)
        self.rest: tuple[int, ...] = ()  # the shape of a row

    def add_rows(self, indices: Array, values: Array, sizes: Array, step: int) -> None:
        """Add a gradient, unless it was made for a step that is over."""
        with self.changed:
            if step < self.step:
                return
            own: dict[int, Array] = {}
            for index, value in zip(indices.tolist(), values, strict=True):
                own[index] = own[index] + value if index in own else value.copy()
            for index, value in own.items():
                entry = self.rows.setdefault(index, [0, 0])
                entry[0], entry[1] = entry[0] + value, entry[1] + 1
            self.sizes = sizes if len(sizes) else self.sizes
            self.rest = values.shape[1:]
            self.count += 1
            self.changed.notify_all()

    def take_rows(self, required: int, op: Operation) -> Rows:
        """Wait for enough gradients; return their sum or mean and begin the next step.

        The mean of a row is over those gradients that have it.
        """
        attrs = maker_of(op).attrs
        dtype, shape = attrs["dtype"].numpy, attrs["shape"]
        is_mean = attrs["reduction_type"] == "MEAN"
        with self.changed:
            self.wait_for(required, op)
            indices = np.array(sorted(self.rows), np.int64)
            entries = [self.rows[k] for k in indices.tolist()]
            rows = [total / dtype.type(n) if is_mean else total for total, n in entries]
            sizes = self.sizes
            if not len(sizes) and shape.rank:
                first = shape.as_list()[0]
                sizes = np.array([-1 if first is None else first, *self.rest], np.int64)
            values = np.array(rows, dtype) if rows else np.zeros((0, *self.rest), dtype)
            self.rows, self.count = {}, 0
            self.step += 1
            return indices, values, sizes


def _invalid(op: Operation, text: str) -> errors.InvalidArgumentError:
    return errors.InvalidArgumentError(None, op, text)


def _apply(op: Operation, step: Array, indices: Array, values: Array, sizes: Array) -> list[Array]:
    content: Any = content_of(op)
    if values.ndim < 1 or indices.ndim != 1:
        raise _invalid(op, f"Input indices should be vector but received shape: "
                           f"{list(indices.shape)}")  # fmt: skip
    if len(indices) != len(values):
        raise _invalid(op, f"Number of values {len(values)} and number of indices {len(indices)} "
                           "do not match")  # fmt: skip
    if len(indices) == 0 and not len(sizes):
        raise _invalid(op, "Empty indices and no shape")
    wanted: TensorShape = maker_of(op).attrs["shape"]
    shapes = [wanted.as_list()] if wanted.rank is not None else []
    if len(content.sizes):
        shapes.append([None if n < 0 else int(n) for n in content.sizes])
    given = [*sizes.tolist()] if len(sizes) else [None, *values.shape[1:]]
    for shape in shapes:
        _check_shape(op, shape, given)
    _check_shape(op, given, [None, *values.shape[1:]])
    limit = given[0] if given[0] is not None else next((s[0] for s in shapes if s), None)
    if (indices < 0).any() or (limit is not None and (indices >= limit).any()):
        raise _invalid(
            op, f"Index of row is out of range: indices {indices.tolist()}, {limit} rows"
        )
    content.add_rows(indices, values, sizes, int(step))
    return []


def _check_shape(op: Operation, wanted: list[Any], given: list[Any]) -> None:
    # As far as both go: TensorFlow lets a gradient have more axes than were declared, or fewer.
    pairs = zip(wanted, given, strict=False)
    same = all(a is None or b is None or a < 0 or b < 0 or a == b for a, b in pairs)
    if not same:
        shown = [[-1 if n is None else n for n in sizes] for sizes in (wanted, given)]
        raise _invalid(op, f"Shape mismatch: expected {shown[0]}, got {shown[1]}")


def _take(op: Operation, required: Array) -> list[Array]:
    if required < 1:
        raise _invalid(op, f"Argument num_required must be positive, got {int(required)}")
    content: Any = content_of(op)
    return list(content.take_rows(int(required), op))


def _taken(op: Operation) -> list[Any]:
    attrs = maker_of(op).attrs
    shape: TensorShape = attrs["shape"]
    rows = TensorShape(None if shape.rank is None else [None, *shape.as_list()[1:]])
    return [(int64, TensorShape([None])), (attrs["dtype"], rows), (int64, TensorShape([None]))]


define_handle("SparseConditionalAccumulator", _Sparse, string, TensorShape([2]))
define_call("SparseAccumulatorApplyGradient", _apply)
define_call("SparseAccumulatorTakeGradient", _take, _taken)
_APPLY = Signature(
    "SparseAccumulatorApplyGradient", "handle: string", "local_step: int64",
    "gradient_indices: int64", "gradient_values: dtype", "gradient_shape: int64",
)  # fmt: skip
_TAKE = Signature("SparseAccumulatorTakeGradient", "handle: string", "num_required: int32")


class SparseConditionalAccumulator(AccumulatorBase):
    """Sums of the rows of sparse gradients, which can be taken once enough of them are there.

    Parameters
    ----------
    dtype, shape : of the gradients as dense tensors; any shape when None.
    shared_name : accumulators of one name are one.
    reduction_type : ``"MEAN"`` or ``"SUM"``, what is taken; a row's mean is over the gradients
        that have it.
    """

    def __init__(
        self, dtype: Any, shape: Any = None, shared_name: str | None = None,
        name: str = "sparse_conditional_accumulator", reduction_type: str = "MEAN",
    ) -> None:  # fmt: skip
        super().__init__(
            "SparseConditionalAccumulator", dtype, shape, shared_name, name, reduction_type
        )

    def apply_grad(
        self, grad_indices: Any, grad_values: Any, grad_shape: Any = None, local_step: Any = 0,
        name: str | None = None,
    ) -> Operation:  # fmt: skip
        """An operation that adds a gradient, unless `local_step` is before the global step.

        Parameters
        ----------
        grad_indices, grad_values : numbers of rows, and the rows.
        grad_shape : the shape of the whole, where it is known.
        """
        sizes = np.zeros(0, np.int64) if grad_shape is None else cast(grad_shape, int64)
        values = convert_to_tensor(grad_values, self.dtype)
        step, indices = cast(local_step, int64), cast(grad_indices, int64)
        return _APPLY(
            self.accumulator_ref, step, indices, values, sizes, name=name,
            has_known_shape=grad_shape is not None,
        )  # fmt: skip

    def apply_indexed_slices_grad(
        self, grad: IndexedSlices, local_step: Any = 0, name: str | None = None
    ) -> Operation:
        """`apply_grad` of `IndexedSlices`."""
        return self.apply_grad(grad.indices, grad.values, grad.dense_shape, local_step, name)

    def take_grad(self, num_required: Any, name: str | None = None) -> list[Any]:
        """Indices, rows and shape, once there are `num_required`; the step goes up by one."""
        made = _TAKE(self.accumulator_ref, num_required, name=name, dtype=self.dtype)
        return list(made.outputs)

    def take_indexed_slices_grad(self, num_required: Any, name: str | None = None) -> IndexedSlices:
        """`take_grad` as `IndexedSlices`."""
        indices, values, sizes = self.take_grad(num_required, name)
        return IndexedSlices(values, indices, sizes)
