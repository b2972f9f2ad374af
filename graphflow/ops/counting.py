"""Counts: bincount, histogram_fixed_width, confusion_matrix; and image patches, ensure_shape."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import as_dtype
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import as_shape, merge_in_op
from graphflow.graph.tensor import Tensor
from graphflow.ops.assertions import assert_less, assert_non_negative
from graphflow.ops.casting import cast
from graphflow.ops.clip import clip_by_value
from graphflow.ops.comparison import greater, greater_equal
from graphflow.ops.creation import ones_like
from graphflow.ops.elementwise import maximum, minimum, truediv
from graphflow.ops.gathering import scatter_nd
from graphflow.ops.identity import with_dependencies
from graphflow.ops.joining import stack
from graphflow.ops.kinds import ALL_NUMBERS
from graphflow.ops.reductions import reduce_all, reduce_max
from graphflow.ops.segments import unsorted_segment_sum
from graphflow.ops.shape import reshape
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.shape_rules import Types, known_int, output, with_rank
from graphflow.ops.unary import floor
from graphflow.ops.weights import remove_squeezable_dimensions

__all__ = [
    "bincount",
    "confusion_matrix",
    "ensure_shape",
    "guarantee_const",
    "histogram_fixed_width",
    "histogram_fixed_width_bins",
    "is_non_decreasing",
    "is_numeric_tensor",
    "is_strictly_increasing",
]

# ---- bincount


def _infer_bincount(op: Operation) -> Types:
    with_rank(op.inputs[1].shape, 0)
    size = known_int(op.inputs[1])
    if size is not None and size < 0:
        raise ValueError(f"size ({size}) must be non-negative")
    return output(op, (size,), op.inputs[2].dtype.base_dtype)


def _lower_bincount(b: Any, op: Operation, values: Any, size: Any, weights: Any) -> Any:
    if b.static_int(size) < 0:
        raise ValueError(f"size ({b.static_int(size)}) must be non-negative")
    if 0 not in values.shape:
        positive = b.reduce("and", b.ge(values, 0), range(values.rank))
        b.check(positive, "InvalidArgumentError", _NegativeValue())
    dtype = op.outputs[0].dtype.base_dtype
    zeros = b.full((b.static_int(size),), 0, dtype)
    if 0 in (*values.shape, *zeros.shape):
        return zeros
    if 0 in weights.shape:
        weights = b.full(values.shape, 1, dtype)
    return b.scatter("add", zeros, values, weights)  # larger values are left out


class _NegativeValue:
    def __call__(self, *data: Any) -> str:
        return "Input arr must be non-negative!"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _NegativeValue)

    def __hash__(self) -> int:
        return 1


define_op("Bincount", _infer_bincount, _lower_bincount, no_gradient="counts")
_BINCOUNT = Signature(
    "Bincount", "arr: int32", "size: int32", "weights: T",
    T=(dtypes.int32, dtypes.int64, dtypes.float32, dtypes.float64),
)  # fmt: skip
_PROD = Signature("Prod", "input: T", "reduction_indices: Tidx = int32")


def bincount(
    arr: Any, weights: Any = None, minlength: Any = None, maxlength: Any = None,
    dtype: Any = dtypes.int32,
) -> Tensor:  # fmt: skip
    """Return how often each number from 0 up occurs.

    Parameters
    ----------
    weights : what each occurrence counts; 1 when None.
    minlength, maxlength : bounds of the result's length.
    dtype : the result's type, without weights.
    """
    with name_scope(None, "bincount"):
        arr = convert_to_tensor(arr, name="arr", dtype=dtypes.int32)
        some = cast(_count(arr) > 0, dtypes.int32)
        length: Any = some * (reduce_max(arr) + 1)
        if minlength is not None:
            length = maximum(convert_to_tensor(minlength, dtypes.int32, name="minlength"), length)
        if maxlength is not None:
            length = minimum(convert_to_tensor(maxlength, dtypes.int32, name="maxlength"), length)
        if weights is not None:
            return unsorted_segment_sum(convert_to_tensor(weights, name="weights"), arr, length)
        none = convert_to_tensor(np.zeros([0], as_dtype(dtype).as_numpy_dtype))
        return _BINCOUNT(arr, length, none).outputs[0]


def _count(x: Tensor) -> Any:
    """The number of elements, as the product of the sizes."""
    sizes = shape_of(x)
    return _PROD(sizes, convert_to_tensor(np.array([0], np.int32)), keep_dims=False).outputs[0]


# ---- histograms


def _infer_histogram(op: Operation) -> Types:
    with_rank(op.inputs[1].shape, 1)
    with_rank(op.inputs[2].shape, 0)
    count = known_int(op.inputs[2])
    if count is not None and count <= 0:
        raise ValueError(f"Requires nbins > 0: {count}")
    return output(op, (count,), op.attrs["dtype"])


def _lower_histogram(b: Any, op: Operation, values: Any, bounds: Any, count_node: Any) -> Any:
    """Bins of equal width; what lies outside counts in the first or the last."""
    count = b.static_int(count_node)
    dtype = op.attrs["dtype"]
    if count <= 0:
        raise ValueError(f"nbins should be a positive number, but got '{count}'")
    zeros = b.full((count,), 0, dtype)
    if 0 in values.shape:
        return zeros
    low, high = (b.reshape(b.slice(bounds, [k], [1]), ()) for k in (0, 1))
    b.check(b.lt(low, high), "InvalidArgumentError", _EmptyRange(), (low, high))
    kind = values.dtype if values.dtype.is_floating else dtypes.float64
    low, high, wide = (b.cast(v, kind) for v in (low, high, values))
    place = b.floor(b.mul(b.div(b.sub(wide, low), b.sub(high, low)), count))
    place = b.cast(b.min(b.max(place, 0), count - 1), dtypes.int32)
    return b.scatter("add", zeros, place, b.full(place.shape, 1, dtype))


class _EmptyRange:
    def __call__(self, low: Any, high: Any) -> str:
        return (
            f"value_range should satisfy value_range[0] < value_range[1], but got '[{low}, {high}]'"
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _EmptyRange)

    def __hash__(self) -> int:
        return 2


define_op("HistogramFixedWidth", _infer_histogram, _lower_histogram, no_gradient="counts")
_HISTOGRAM = Signature(
    "HistogramFixedWidth", "values: T", "value_range: T", "nbins: int32",
    T=(dtypes.int32, dtypes.int64, dtypes.float32, dtypes.float64),
)  # fmt: skip


def histogram_fixed_width(
    values: Any, value_range: Any, nbins: Any = 100, dtype: Any = dtypes.int32,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return how many values lie in each of `nbins` bins of equal width.

    Parameters
    ----------
    value_range : the two ends; what lies outside counts in the first or last bin.
    """
    with name_scope(name, "histogram_fixed_width", [values, value_range, nbins]) as scope:
        return _HISTOGRAM(values, value_range, nbins, dtype=as_dtype(dtype), name=scope).outputs[0]


def histogram_fixed_width_bins(
    values: Any, value_range: Any, nbins: Any = 100, dtype: Any = dtypes.int32,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return the bin of each value, int32 whatever `dtype` says; see `histogram_fixed_width`."""
    with name_scope(name, "histogram_fixed_width_bins", [values, value_range, nbins]):
        values = convert_to_tensor(values, name="values")
        sizes = shape_of(values)
        values = reshape(values, [-1])
        bounds: Any = convert_to_tensor(value_range, name="value_range")
        count = convert_to_tensor(nbins, dtype=dtypes.int32, name="nbins")
        wide = cast(count, values.dtype)
        scaled: Any = truediv(values - bounds[0], bounds[1] - bounds[0], name="scaled_values")
        places = floor(wide * scaled, name="indices")
        places = clip_by_value(places, 0, wide - 1)
        return reshape(cast(places, dtypes.int32), sizes)


# ---- confusion matrices


def confusion_matrix(
    labels: Any, predictions: Any, num_classes: Any = None, dtype: Any = dtypes.int32,
    name: str | None = None, weights: Any = None,
) -> Tensor:  # fmt: skip
    """Return how often each class, a row, was predicted as each class, a column.

    Parameters
    ----------
    num_classes : one more than the largest class when None.
    weights : what each example counts.
    """
    with name_scope(name, "confusion_matrix", [predictions, labels, num_classes, weights]):
        rows, columns = remove_squeezable_dimensions(
            convert_to_tensor(labels, name="labels"),
            convert_to_tensor(predictions, name="predictions"),
        )
        rows, columns = cast(rows, dtypes.int64), cast(columns, dtypes.int64)
        rows = _checked(rows, assert_non_negative, "`labels` contains negative values")
        columns = _checked(columns, assert_non_negative, "`predictions` contains negative values")
        if num_classes is None:
            largest: Any = maximum(reduce_max(columns), reduce_max(rows))
            count = largest + 1
        else:
            count = cast(num_classes, dtypes.int64)
            rows = _checked(rows, assert_less, "`labels` out of bound", count)
            columns = _checked(columns, assert_less, "`predictions` out of bound", count)
        places = stack([rows, columns], axis=1)
        if weights is None:
            values = ones_like(columns, dtype)
        else:
            weights, _ = remove_squeezable_dimensions(weights, columns)
            values = cast(weights, dtype)
        return scatter_nd(places, values, cast(stack([count, count]), dtypes.int64))


def _checked(values: Tensor, assertion: Any, message: str, *limits: Any) -> Tensor:
    """The values, which exist once an assertion about them holds."""
    made: Tensor = with_dependencies([assertion(values, *limits, message=message)], values)
    return made


# ---- shapes that the user knows


def _infer_ensured(op: Operation) -> Types:
    return [(op.inputs[0].dtype.base_dtype, merge_in_op(op.attrs["shape"], op.inputs[0].shape))]


def _lower_ensured(b: Any, op: Operation, x: Any) -> Any:
    expected = op.attrs["shape"]
    if not expected.is_compatible_with(list(x.shape)):
        have = ",".join(str(d) for d in x.shape)
        want = ",".join("?" if d is None else str(d) for d in expected.as_list())
        raise ValueError(
            f"Shape of tensor {op.inputs[0].op.name} [{have}] is not compatible with expected "
            f"shape [{want}]."
        )
    return x


define_op("EnsureShape", _infer_ensured, _lower_ensured, gradient=lambda op, gradient: [gradient])
define_op(
    "GuaranteeConst", lambda op: output(op, op.inputs[0].shape.extents), lambda b, op, x: x,
    no_gradient="it is promised to be constant",
)  # fmt: skip
_ENSURE = Signature("EnsureShape", "input: T")
_GUARANTEE = Signature("GuaranteeConst", "input: T")


def ensure_shape(x: Any, shape: Any, name: str | None = None) -> Tensor:
    """Return `x`; the run fails with InvalidArgumentError when its shape does not fit `shape`."""
    return _ENSURE(x, shape=as_shape(shape), name=name).outputs[0]


def guarantee_const(input: Any, name: str | None = None) -> Tensor:
    """Return `input`, which the caller promises never to change."""
    return _GUARANTEE(input, name=name).outputs[0]


# ---- order


def is_non_decreasing(x: Any, name: str | None = None) -> Tensor:
    """Return whether no element of the flattened tensor is smaller than the one before."""
    with name_scope(name, "is_non_decreasing", [x]):
        flat: Any = reshape(convert_to_tensor(x, name="x"), [-1])
        return reduce_all(greater_equal(flat[1:], flat[:-1]))


def is_strictly_increasing(x: Any, name: str | None = None) -> Tensor:
    """Return whether each element of the flattened tensor is larger than the one before."""
    with name_scope(name, "is_strictly_increasing", [x]):
        flat: Any = reshape(convert_to_tensor(x, name="x"), [-1])
        return reduce_all(greater(flat[1:], flat[:-1]))


def is_numeric_tensor(tensor: Any) -> bool:
    """Return whether it is a tensor of numbers."""
    return isinstance(tensor, Tensor) and tensor.dtype.base_dtype in ALL_NUMBERS
