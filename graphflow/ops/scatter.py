"""Ops that change rows of a variable: ScatterUpdate, ScatterAdd, ScatterSub, ScatterMul, ...

Rows come in the order of the indices, so repeated ones give the same result every time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.graph.apply import Signature
from graphflow.graph.dtypes import NUMERIC, int32, int64
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import merge_in_op
from graphflow.graph.tensor import Tensor
from graphflow.ops.host import compute
from graphflow.ops.identity import Types
from graphflow.ops.state import variable_of

__all__ = [
    "scatter_add",
    "scatter_div",
    "scatter_max",
    "scatter_min",
    "scatter_mul",
    "scatter_sub",
    "scatter_update",
]


class IndexMessage:
    """The text of an index out of range, for a number of rows."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IndexMessage) and self.rows == other.rows

    def __hash__(self) -> int:
        return hash(self.rows)

    def __call__(self, indices: Any) -> str:
        indices = np.asarray(indices)
        place = tuple(np.argwhere((indices < 0) | (indices >= self.rows))[0])
        shown = ",".join(str(k) for k in place)
        return f"indices[{shown}] = {indices[place]} is not in [0, {self.rows})"


def check_indices(b: Any, indices: Any, rows: Any) -> None:
    """Let the run fail with InvalidArgumentError when an index names no row."""
    limit = b.runtime(b.dim(rows, indices.dtype))
    inside = b.and_(b.ge(indices, 0), b.lt(indices, limit))
    inside = b.reduce("and", inside, range(indices.rank))
    b.check(inside, "InvalidArgumentError", IndexMessage(rows), (indices,))


def infer_rows(op: Operation, values: int, indices: int) -> Types:
    """Shape rule: the first input's reference; the updates are rows of it at the indices."""
    reference = op.inputs[0]
    if reference.shape.rank is not None and op.inputs[indices].shape.rank is not None:
        if op.inputs[values].shape.rank != 0:
            wanted = op.inputs[indices].shape.concatenate(reference.shape[1:])
            merge_in_op(op.inputs[values].shape, wanted)
    return [(reference.dtype, reference.shape)]


def _lower_scatter(mode: str) -> Any:
    def lower(b: Any, op: Operation, _: Any, indices: Any, updates: Any) -> Any:
        variable = variable_of(op.inputs[0])
        value = b.read_variable(variable)
        check_indices(b, indices, value.shape[0])
        updates = b.broadcast_to(updates, (*indices.shape, *value.shape[1:]))
        if mode == "div":
            quotient = compute(b, op, _divided, (value, indices, updates), [value.shape])
            return b.write_variable(variable, quotient)
        if mode == "sub":
            return b.write_variable(variable, b.scatter("add", value, indices, b.neg(updates)))
        return b.write_variable(variable, b.scatter(mode, value, indices, updates))

    return lower


def _divided(value: Any, indices: Any, updates: Any) -> Any:
    """Row after row, since a row that occurs twice is divided twice."""
    found = value.copy()
    rows = updates.reshape(-1, *value.shape[1:])
    for row, update in zip(indices.reshape(-1), rows, strict=True):
        if not 0 <= row < len(found):  # the run fails: `check_indices`
            continue
        quotient = found[row] / update
        found[row] = np.trunc(quotient) if found.dtype.kind in "iu" else quotient
    return found


_SIGNATURES = {}
for _name, _mode in [
    ("ScatterUpdate", "set"), ("ScatterAdd", "add"), ("ScatterSub", "sub"), ("ScatterMul", "mul"),
    ("ScatterMax", "max"), ("ScatterMin", "min"), ("ScatterDiv", "div"),
]:  # fmt: skip
    define_op(
        name=_name,
        infer=lambda op: infer_rows(op, 2, 1),
        lower=_lower_scatter(_mode),
        no_gradient="an assignment",
        stateful=True,
        takes_reference=True,
    )
    _types = {} if _name == "ScatterUpdate" else {"T": NUMERIC}
    _SIGNATURES[_name] = Signature(
        _name, "ref: Ref(T)", "indices: Tindices", "updates: T", Tindices=(int32, int64), **_types
    )


def _scatter(
    op_type: str, ref: Any, indices: Any, updates: Any, use_locking: bool, name: str | None
) -> Tensor:
    signature = _SIGNATURES[op_type]
    return signature(ref, indices, updates, name=name, use_locking=use_locking).outputs[0]


def scatter_update(
    ref: Any, indices: Any, updates: Any, use_locking: bool = True, name: str | None = None
) -> Tensor:
    """Set rows of a variable; return its reference as it is then.

    Parameters
    ----------
    ref : a variable.
    indices : numbers of rows, of any shape.
    updates : of shape ``indices.shape + ref.shape[1:]``, or a scalar.
    """
    return _scatter("ScatterUpdate", ref, indices, updates, use_locking, name)


def scatter_add(
    ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None
) -> Tensor:
    """Add to rows of a variable; see `scatter_update`."""
    return _scatter("ScatterAdd", ref, indices, updates, use_locking, name)


def scatter_sub(
    ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None
) -> Tensor:
    """Subtract from rows of a variable; see `scatter_update`."""
    return _scatter("ScatterSub", ref, indices, updates, use_locking, name)


def scatter_mul(
    ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None
) -> Tensor:
    """Multiply rows of a variable; see `scatter_update`."""
    return _scatter("ScatterMul", ref, indices, updates, use_locking, name)


def scatter_div(
    ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None
) -> Tensor:
    """Divide rows of a variable; see `scatter_update`."""
    return _scatter("ScatterDiv", ref, indices, updates, use_locking, name)


def scatter_max(
    ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None
) -> Tensor:
    """Replace rows of a variable by the larger of each and its update; see `scatter_update`."""
    return _scatter("ScatterMax", ref, indices, updates, use_locking, name)


def scatter_min(
    ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None
) -> Tensor:
    """Replace rows of a variable by the smaller of each and its update; see `scatter_update`."""
    return _scatter("ScatterMin", ref, indices, updates, use_locking, name)
