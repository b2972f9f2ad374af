"""Softmax, its logarithm, and the cross entropies that are computed with it.

All are compositions of ``reduce_max``, ``exp`` and ``reduce_sum`` over the last axis: the scheduler
makes one row kernel of a loss together with its gradient. 16-bit floats are computed in float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow import errors
from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.constants import constant_value
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import control_dependencies, name_scope
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import TensorShape, broadcast_shape, shape_from_tuple
from graphflow.graph.tensor import Tensor
from graphflow.ops import indexing as indexing
from graphflow.ops import operators as operators  # formulas are written with them
from graphflow.ops.casting import cast
from graphflow.ops.checks import Assert
from graphflow.ops.comparison import where
from graphflow.ops.identity import Types, prevent_gradient, same_as_input, stop_gradient
from graphflow.ops.joining import concat
from graphflow.ops.linear import matmul
from graphflow.ops.reductions import reduce_all, reduce_sum
from graphflow.ops.sequences import range as range_op
from graphflow.ops.shape import expand_dims, one_of, rank, reshape, squeeze
from graphflow.ops.shape import shape as shape_op
from graphflow.ops.slicing import slice as slice_op
from graphflow.ops.transposing import transpose
from graphflow.ops.unary import exp

__all__ = [
    "log_softmax",
    "softmax",
    "softmax_cross_entropy_with_logits",
    "softmax_cross_entropy_with_logits_v2",
    "sparse_softmax_cross_entropy_with_logits",
]

_FLOATS = (dtypes.float16, dtypes.bfloat16, dtypes.float32, dtypes.float64)
_LABELS = (dtypes.int32, dtypes.int64)


# ---- the ops


def _infer_softmax(op: Operation) -> Types:
    if op.inputs[0].shape.rank == 0:
        raise ValueError("Shape must be at least rank 1 but is rank 0")
    return same_as_input(op)


def _wide(b: Any, x: Any) -> Any:
    return b.cast(x, dtypes.float32) if x.dtype.size == 2 else x


def _over_rows(b: Any, name: str, x: Any) -> Any:
    return b.reduce(name, x, [x.rank - 1], keepdims=True)


def _shifted(b: Any, x: Any) -> tuple[Any, Any, Any]:
    """Return ``z = x - max(x)``, ``exp(z)`` and its sum, over the last axis."""
    z = b.sub(x, _over_rows(b, "max", x))
    e = b.exp(z)
    return z, e, _over_rows(b, "sum", e)


def _lower_softmax(b: Any, op: Operation, x: Any) -> Any:
    _, e, total = _shifted(b, _wide(b, x))
    return b.cast(b.div(e, total), x.dtype)


def _lower_log_softmax(b: Any, op: Operation, x: Any) -> Any:
    z, _, total = _shifted(b, _wide(b, x))
    return b.cast(b.sub(z, b.log(total)), x.dtype)


def _infer_cross_entropy(op: Operation) -> Types:
    logits, labels = op.inputs
    shape = broadcast_shape(logits.shape, labels.shape)
    if shape.rank not in (None, 2):
        raise ValueError(f"Shape must be rank 2 but is rank {shape.rank}")
    rows = shape_from_tuple((None,)) if shape.rank is None else TensorShape(shape.as_list()[:1])
    return [(logits.dtype.base_dtype, rows), (logits.dtype.base_dtype, shape.with_rank(2))]


def _lower_cross_entropy(b: Any, op: Operation, logits: Any, labels: Any) -> Any:
    dtype = logits.dtype
    logits, labels = b.broadcast_operands(_wide(b, logits), _wide(b, labels))
    z, e, total = _shifted(b, logits)
    terms = b.mul(labels, b.sub(b.log(total), z))
    loss = b.reduce("sum", terms, [1])
    return b.cast(loss, dtype), b.cast(b.sub(b.div(e, total), labels), dtype)


def _infer_sparse(op: Operation) -> Types:
    logits, labels = op.inputs
    if logits.shape.rank not in (None, 2):
        raise ValueError(f"Shape must be rank 2 but is rank {logits.shape.rank}")
    if labels.shape.rank not in (None, 1):
        raise ValueError(f"Shape must be rank 1 but is rank {labels.shape.rank}")
    sizes = logits.shape.as_list() if logits.shape.rank is not None else [None, None]
    rows = TensorShape(sizes[:1]).merge_with(labels.shape)
    dtype = logits.dtype.base_dtype
    return [(dtype, rows), (dtype, TensorShape([rows.as_list()[0], sizes[1]]))]


class _LabelMessage:
    """The text of a label out of range, for a number of classes."""

    def __init__(self, classes: Any) -> None:
        self.classes = classes

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _LabelMessage) and self.classes == other.classes

    def __hash__(self) -> int:
        return hash(self.classes)

    def __call__(self, labels: Any) -> str:
        flat = np.asarray(labels).ravel()
        wrong = flat[(flat < 0) | (flat >= self.classes)][0]
        listed = " ".join(str(label) for label in flat)
        return (
            f"Received a label value of {wrong} which is outside the valid range of "
            f"[0, {self.classes}).  Label values: {listed}"
        )


def _lower_sparse(b: Any, op: Operation, logits: Any, labels: Any) -> Any:
    dtype, classes = logits.dtype, logits.shape[1]
    limit = b.runtime(b.dim(classes, labels.dtype))
    inside = b.and_(b.ge(labels, 0), b.lt(labels, limit))
    message = _LabelMessage(classes)
    b.check(b.reduce("and", inside, [0]), "InvalidArgumentError", message, (labels,))
    logits = _wide(b, logits)
    z, e, total = _shifted(b, logits)
    # A comparison with the class's number rather than a gather: it fuses with the other rows.
    column = b.iota(logits.shape, 1, labels.dtype)
    chosen = b.eq(column, b.expand_dims(labels, 1))
    own = b.reduce("sum", b.select(chosen, z, 0), [1])
    loss = b.sub(b.reshape(b.log(total), (logits.shape[0],)), own)
    gradient = b.sub(b.div(e, total), b.cast(chosen, logits.dtype))
    return b.cast(loss, dtype), b.cast(gradient, dtype)


# ---- gradients


def _softmax_gradient(op: Operation, gradient: Any) -> list[Any]:
    y = op.outputs[0]
    return [(gradient - reduce_sum(gradient * y, -1, keepdims=True)) * y]


def _log_softmax_gradient(op: Operation, gradient: Any) -> list[Any]:
    y = exp(op.outputs[0])
    return [gradient - reduce_sum(gradient, -1, keepdims=True) * y]


def _is_zero(tensor: Any) -> bool:
    """Whether a gradient stands for one that nobody asked for."""
    if tensor is None or tensor.op.type == "ZerosLike":
        return True
    if tensor.op.type == "Fill":
        tensor = tensor.op.inputs[1]
    if tensor.op.type != "Const":
        return False
    return not np.any(tensor.op.attrs["value"])


def _cross_entropy_gradient(op: Operation, loss: Any, backprop: Any) -> list[Any]:
    """Return the gradients for logits and labels, the loss's own gradient's among them."""
    logits = op.inputs[0]
    loss = expand_dims(loss, -1)
    gradient = loss * op.outputs[1]
    if not _is_zero(backprop):
        y = softmax(logits)
        along = squeeze(matmul(expand_dims(backprop, 1), expand_dims(y, 2)), axis=1)
        gradient += (backprop - along) * y
    return [gradient, loss * -log_softmax(logits)]


def _sparse_gradient(op: Operation, loss: Any, _: Any) -> list[Any]:
    backprop = prevent_gradient(
        op.outputs[1],
        message="Currently there is no way to take the second derivative of "
        "sparse_softmax_cross_entropy_with_logits due to the fused implementation's interaction "
        "with tf.gradients()",
    )
    return [expand_dims(loss, -1) * backprop, None]


define_op(
    name="Softmax",
    infer=_infer_softmax,
    lower=_lower_softmax,
    gradient=_softmax_gradient,
)
define_op(
    name="LogSoftmax",
    infer=_infer_softmax,
    lower=_lower_log_softmax,
    gradient=_log_softmax_gradient,
)
define_op(
    name="SoftmaxCrossEntropyWithLogits",
    infer=_infer_cross_entropy,
    lower=_lower_cross_entropy,
    gradient=_cross_entropy_gradient,
)
define_op(
    name="SparseSoftmaxCrossEntropyWithLogits",
    infer=_infer_sparse,
    lower=_lower_sparse,
    gradient=_sparse_gradient,
)

_SOFTMAX = Signature("Softmax", "logits: T", T=_FLOATS)
_LOG_SOFTMAX = Signature("LogSoftmax", "logits: T", T=_FLOATS)
_CROSS_ENTROPY = Signature("SoftmaxCrossEntropyWithLogits", "features: T", "labels: T", T=_FLOATS)
_SPARSE_CROSS_ENTROPY = Signature(
    "SparseSoftmaxCrossEntropyWithLogits", "features: T", "labels: Tlabels", T=_FLOATS,
    Tlabels=_LABELS,
)  # fmt: skip


_EQUAL = Signature("Equal", "x: T", "y: T")

# ---- softmax over any axis


def _swap_axes(x: Tensor, axis: Any, last: Any, name: str = "transpose") -> Tensor:
    order = [range_op(0, axis), [last], range_op(axis + 1, last), [axis]]
    return transpose(x, concat(order, 0), name=name)


def _over_axis(signature: Signature, logits: Any, axis: Any, name: str | None) -> Tensor:
    logits = convert_to_tensor(logits)
    shape = logits.shape
    if isinstance(axis, int) and (axis == -1 or axis == (shape.rank or 0) - 1):
        return signature(logits, name=name).outputs[0]
    known = constant_value(axis) if isinstance(axis, Tensor) else axis
    if known is not None and not -shape.rank <= known < shape.rank:
        raise errors.InvalidArgumentError(
            None, None,
            f"Dimension ({int(known)}) must be in the range [{-shape.rank}, {shape.rank}) where "
            f"{shape.rank} is the number of dimensions in the input.",
        )  # fmt: skip
    axes = rank(logits)
    if isinstance(axis, Tensor):
        axis = where(axis < 0, axis + axes, axis)
    elif axis < 0:
        axis += axes
    axis = axis % shape.rank
    swapped = _swap_axes(logits, axis, rank(logits) - 1)
    result = _swap_axes(signature(swapped).outputs[0], axis, rank(logits) - 1, name or "transpose")
    result.set_shape(shape)
    return result


def softmax(logits: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Tensor:
    """Return ``exp(logits) / reduce_sum(exp(logits), axis)``.

    Parameters
    ----------
    logits : floating, of rank 1 at least.
    axis : the axis that is summed over, the last when None; `dim` is its old name.

    Raises
    ------
    errors.InvalidArgumentError : the axis is out of range.
    """
    axis = one_of("axis", axis, "dim", dim)
    return _over_axis(_SOFTMAX, logits, -1 if axis is None else axis, name)


def log_softmax(logits: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Tensor:
    """Return ``logits - log(reduce_sum(exp(logits), axis))``; see `softmax`."""
    axis = one_of("axis", axis, "dim", dim)
    return _over_axis(_LOG_SOFTMAX, logits, -1 if axis is None else axis, name)


# ---- cross entropies


def _check_arguments(function: str, sentinel: Any, labels: Any, logits: Any) -> None:
    if sentinel is not None:
        raise ValueError(
            f"Only call `{function}` with named arguments (labels=..., logits=..., ...)"
        )
    if labels is None or logits is None:
        raise ValueError("Both labels and logits must be provided.")


def _move_to_end(x: Tensor, axis: Any, axes: Any) -> Tensor:
    return transpose(x, concat([range_op(0, axis), range_op(axis + 1, axes), [axis]], 0))


def _flatten_outer(x: Tensor) -> Tensor:
    """Return a matrix whose rows are those of `x`."""
    last = slice_op(shape_op(x), [rank(x) - 1], [1])
    flat = reshape(x, concat([[-1], last], 0))
    sizes = x.shape.as_list() if x.shape.rank is not None else None
    if sizes is not None and None not in sizes:
        flat.set_shape([x.shape[:-1].num_elements(), sizes[-1]])
    return flat


def softmax_cross_entropy_with_logits_v2(
    labels: Any, logits: Any, axis: Any = None, name: str | None = None, dim: Any = None
) -> Tensor:
    """Return ``-reduce_sum(labels * log_softmax(logits), axis)``.

    Parameters
    ----------
    labels : probabilities of the classes, of the shape of `logits`; gradients reach them.
    logits : unscaled logarithms of probabilities.
    axis : the axis of the classes, the last when None; `dim` is its old name.
    """
    axis = one_of("axis", axis, "dim", dim)
    axis = -1 if axis is None else axis
    with name_scope(name, "softmax_cross_entropy_with_logits", [logits, labels]) as scope:
        logits = convert_to_tensor(logits, name="logits")
        labels = convert_to_tensor(labels, name="labels")
        narrow = logits.dtype.size == 2
        precise = cast(logits, dtypes.float32) if narrow else logits
        labels = cast(labels, precise.dtype)
        axes = rank(precise)
        if axis != -1:
            precise, labels = (_move_to_end(x, axis, axes) for x in (precise, labels))
        sizes = shape_op(precise)
        precise, labels = _flatten_outer(precise), _flatten_outer(labels)
        cost = _CROSS_ENTROPY(precise, labels, name=scope).outputs[0]
        cost = reshape(cost, slice_op(sizes, [0], [axes - 1]))
        if logits.shape.rank is not None:
            static = logits.shape.as_list()
            del static[axis]
            cost.set_shape(static)
        return cast(cost, logits.dtype) if narrow else cost


def softmax_cross_entropy_with_logits(
    _sentinel: Any = None,
    labels: Any = None,
    logits: Any = None,
    dim: Any = -1,
    name: str | None = None,
    axis: Any = None,
) -> Tensor:
    """Return the cross entropy as `softmax_cross_entropy_with_logits_v2`; labels are constants."""
    if axis is not None and dim != -1:
        raise ValueError("Cannot specify both 'axis' and 'dim'")
    _check_arguments("softmax_cross_entropy_with_logits", _sentinel, labels, logits)
    with name_scope(name, "softmax_cross_entropy_with_logits_sg", [logits, labels]):
        labels = stop_gradient(labels, name="labels_stop_gradient")
    axis = dim if axis is None else axis
    return softmax_cross_entropy_with_logits_v2(labels, logits, axis=axis, name=name)


def sparse_softmax_cross_entropy_with_logits(
    _sentinel: Any = None, labels: Any = None, logits: Any = None, name: str | None = None
) -> Tensor:
    """Return the cross entropy of classes given by number.

    Parameters
    ----------
    labels : numbers of classes, int32 or int64, of the shape of `logits` but for its last axis.
    logits : unscaled logarithms of probabilities.

    Raises
    ------
    ValueError : ranks or shapes do not fit.
    """
    _check_arguments("sparse_softmax_cross_entropy_with_logits", _sentinel, labels, logits)
    with name_scope(name, "SparseSoftmaxCrossEntropyWithLogits", [labels, logits]):
        labels = convert_to_tensor(labels)
        logits = convert_to_tensor(logits)
        narrow = logits.dtype == dtypes.float16
        precise = cast(logits, dtypes.float32) if narrow else logits
        labels_shape = shape_op(labels)
        known = _check_sparse_shapes(labels.shape, logits.shape)
        if logits.shape.rank == 2:
            cost = _SPARSE_CROSS_ENTROPY(precise, labels, name=name).outputs[0]
            return cast(cost, dtypes.float16) if narrow else cost
        checks = [] if known else [_assert_equal_shapes(labels, logits)]
        with control_dependencies(checks):
            classes = shape_op(logits)[rank(logits) - 1]
            rows = reshape(precise, [-1, classes])
            flat = reshape(labels, [-1])
            cost = _SPARSE_CROSS_ENTROPY(rows, flat, name=name).outputs[0]
            cost = reshape(cost, labels_shape)
            cost.set_shape(labels.shape)
            return cast(cost, dtypes.float16) if narrow else cost


def _check_sparse_shapes(labels: TensorShape, logits: TensorShape) -> bool:
    """Check what is known of the shapes; whether that is all."""
    if logits.rank == 0:
        raise ValueError(f"Logits cannot be scalars - received shape {logits}.")
    if logits.rank is not None and labels.rank not in (None, logits.rank - 1):
        raise ValueError(
            f"Rank mismatch: Rank of labels (received {labels.rank}) should equal rank of logits "
            f"minus 1 (received {logits.rank})."
        )
    known = labels.is_fully_defined() and logits[:-1].is_fully_defined()
    if known and labels != logits[:-1]:
        raise ValueError(
            f"Shape mismatch: The shape of labels (received {labels}) should equal the shape of "
            f"logits except for the last dimension (received {logits})."
        )
    return known


def _assert_equal_shapes(labels: Tensor, logits: Tensor) -> Operation:
    wanted, found = shape_op(logits)[:-1], shape_op(labels)
    same = reduce_all(_EQUAL(found, wanted).outputs[0])
    return Assert(same, ["Condition x == y did not hold element-wise:", found, wanted])
