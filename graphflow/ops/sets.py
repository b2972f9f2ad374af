"""Values that occur: unique, unique_with_counts, setdiff1d. NumPy finds them: runs are cut."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from graphflow.graph.apply import Signature
from graphflow.graph.dtypes import as_dtype, int32
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import shape_from_tuple
from graphflow.graph.tensor import Tensor
from graphflow.ops.host import define_host_op
from graphflow.ops.shape_rules import Types, output, with_rank

__all__ = ["listdiff", "setdiff1d", "unique", "unique_with_counts"]


def _infer_unique(op: Operation) -> Types:
    count = with_rank(op.inputs[0].shape, 1)
    found = output(op, (None,))
    found.append((op.attrs["out_idx"], shape_from_tuple(count)))
    if op.type == "UniqueWithCounts":
        found.append((op.attrs["out_idx"], shape_from_tuple((None,))))
    return found


def _unique(x: Any) -> Any:
    """The values in the order in which they come first, and which of them each element is."""
    seen: dict[Any, int] = {}
    places = np.array([seen.setdefault(v, len(seen)) for v in x.tolist()], np.int64)
    values = np.empty(len(seen), x.dtype)
    values[:] = list(seen)
    return values, places


def _unique_with_counts(x: Any) -> Any:
    values, places = _unique(x)
    return values, places, np.bincount(places, minlength=len(values))


define_host_op("Unique", _infer_unique, _unique, no_gradient="values picked by equality")
define_host_op(
    "UniqueWithCounts", _infer_unique, _unique_with_counts, no_gradient="values picked by equality"
)
_UNIQUE = Signature("Unique", "x: T")
_UNIQUE_WITH_COUNTS = Signature("UniqueWithCounts", "x: T")


class Unique(NamedTuple):
    """What `unique` returns."""

    y: Tensor
    idx: Tensor


class UniqueWithCounts(NamedTuple):
    """What `unique_with_counts` returns."""

    y: Tensor
    idx: Tensor
    count: Tensor  # type: ignore[assignment]  # TensorFlow's name


def unique(x: Any, out_idx: Any = int32, name: str | None = None) -> Unique:
    """Return the values of a vector, each once, and which of them each element is.

    Parameters
    ----------
    out_idx : the type of the second result.
    """
    return Unique(*_UNIQUE(x, out_idx=as_dtype(out_idx), name=name).outputs)


def unique_with_counts(x: Any, out_idx: Any = int32, name: str | None = None) -> UniqueWithCounts:
    """Return what `unique` does, and how often each value occurs."""
    outputs = _UNIQUE_WITH_COUNTS(x, out_idx=as_dtype(out_idx), name=name).outputs
    return UniqueWithCounts(*outputs)


class ListDiff(NamedTuple):
    """What `setdiff1d` returns."""

    out: Tensor
    idx: Tensor


def _infer_difference(op: Operation) -> Types:
    for vector in op.inputs:
        with_rank(vector.shape, 1)
    return output(op, (None,)) + output(op, (None,), op.attrs["out_idx"])


def _difference(x: Any, y: Any) -> Any:
    missing = set(y.tolist())
    places = np.array([k for k, v in enumerate(x.tolist()) if v not in missing], np.int64)
    return x[places], places


define_host_op("ListDiff", _infer_difference, _difference, no_gradient="values picked by equality")
_LIST_DIFF = Signature("ListDiff", "x: T", "y: T")


def setdiff1d(x: Any, y: Any, index_dtype: Any = int32, name: str | None = None) -> ListDiff:
    """Return the elements of `x` that `y` has not, and where they are in `x`."""
    return ListDiff(*_LIST_DIFF(x, y, out_idx=as_dtype(index_dtype), name=name).outputs)


def listdiff(x: Any, y: Any, out_idx: Any = None, name: str | None = None) -> ListDiff:
    """Return `setdiff1d` under its old name."""
    return setdiff1d(x, y, int32 if out_idx is None else out_idx, name)
