"""Running sums and products along an axis: Cumsum, Cumprod, CumulativeLogsumexp."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.graph.apply import Signature
from graphflow.graph.constants import constant
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ops.comparison import greater, where
from graphflow.ops.creation import fill, zeros_like
from graphflow.ops.host import define_host_op
from graphflow.ops.identity import same_as_input
from graphflow.ops.kinds import ALL_NUMBERS, FLOATS, INDEX
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.unary import exp, log, negative

__all__ = ["cumprod", "cumsum", "cumulative_logsumexp"]


def _axis_of(b: Any, x: Any, axis_node: Any) -> int:
    axis = b.static_int(axis_node)
    if not -x.rank <= axis < x.rank:
        raise ValueError(
            f"ScanOp: Expected scan axis in the range [{-x.rank}, {x.rank}), but got {axis}"
        )
    return axis % x.rank


def _lower_scan(mode: str) -> Any:
    def lower(b: Any, op: Operation, x: Any, axis_node: Any) -> Any:
        axis, reverse = _axis_of(b, x, axis_node), op.attrs["reverse"]
        if op.attrs["exclusive"]:
            x = _shifted(b, x, axis, reverse, 0 if mode == "add" else 1)
        return b.scan(mode, x, axis, reverse)

    return lower


def _shifted(b: Any, x: Any, axis: int, reverse: bool, neutral: int) -> Any:
    """`x` moved by one along the axis: the last element goes, a neutral one comes first."""
    if x.shape[axis] == 0:
        return x
    edge = [int(k == axis) for k in range(x.rank)]
    none = [0] * x.rank
    sizes = [d - e for d, e in zip(x.shape, edge, strict=True)]
    kept = b.slice(x, edge if reverse else none, sizes)
    return b.pad(kept, none if reverse else edge, edge if reverse else none, neutral)


def _cumsum_gradient(op: Operation, gradient: Any) -> list[Any]:
    options = {"exclusive": op.attrs["exclusive"], "reverse": not op.attrs["reverse"]}
    return [cumsum(gradient, op.inputs[1], **options), None]


def _cumprod_gradient(op: Operation, gradient: Any) -> list[Any]:
    """As TensorFlow: nan where an element is zero."""
    x, axis = op.inputs
    options = {"exclusive": op.attrs["exclusive"], "reverse": op.attrs["reverse"]}
    products = cumprod(x, axis, **options)
    options["reverse"] = not options["reverse"]
    return [cumsum(products * gradient, axis, **options) / x, None]


for _name, _mode, _gradient in [
    ("Cumsum", "add", _cumsum_gradient),
    ("Cumprod", "mul", _cumprod_gradient),
]:
    define_op(_name, same_as_input, _lower_scan(_mode), gradient=_gradient)


def _logarithms(x: Any, axis: Any, exclusive: bool, reverse: bool) -> Any:
    """``log(cumsum(exp(x)))``; of no elements, the logarithm is that of 0."""
    along = np.moveaxis(x, int(axis), 0)
    along = along[::-1] if reverse else along
    sums = np.logaddexp.accumulate(along.astype(np.float64), axis=0) if along.size else along
    if exclusive and along.size:
        sums = np.concatenate([np.full_like(sums[:1], -np.inf), sums[:-1]])
    return np.moveaxis(sums[::-1] if reverse else sums, 0, int(axis))


def _logsumexp_gradient(op: Operation, gradient: Any) -> list[Any]:
    """Positive and negative parts apart, as each goes through logarithms."""
    x, axis = op.inputs
    options = {"exclusive": op.attrs["exclusive"], "reverse": not op.attrs["reverse"]}
    lowest: Any = fill(shape_of(gradient), constant(gradient.dtype.min, gradient.dtype))
    parts = []
    for signed in (gradient, negative(gradient)):
        logarithm: Any = where(greater(signed, zeros_like(signed)), log(signed), lowest)
        sums: Any = cumulative_logsumexp(logarithm - op.outputs[0], axis, **options)
        parts.append(exp(sums + x))
    return [parts[0] - parts[1], None]


define_host_op(
    "CumulativeLogsumexp", same_as_input, _logarithms, lambda op, x, axis: [x.shape],
    ("exclusive", "reverse"), gradient=_logsumexp_gradient,
)  # fmt: skip
_INPUTS = ("x: T", "axis: Tidx = int32")
_LOGSUMEXP = Signature("CumulativeLogsumexp", *_INPUTS, T=FLOATS, Tidx=INDEX)
_CUMSUM = Signature("Cumsum", *_INPUTS, T=ALL_NUMBERS, Tidx=INDEX)
_CUMPROD = Signature("Cumprod", *_INPUTS, T=ALL_NUMBERS, Tidx=INDEX)


def _scanned(
    signature: Signature, x: Any, axis: Any, exclusive: bool, reverse: bool, name: str | None
) -> Tensor:
    with name_scope(name, signature.op_type, [x]) as scope:
        x = convert_to_tensor(x, name="x")
        attrs = {"exclusive": exclusive, "reverse": reverse}
        return signature(x, axis, name=scope, **attrs).outputs[0]


def cumsum(
    x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None
) -> Tensor:
    """Return the sums of all elements along `axis` up to each.

    Parameters
    ----------
    exclusive : leave each element itself out.
    reverse : sum from the end.
    """
    return _scanned(_CUMSUM, x, axis, exclusive, reverse, name)


def cumprod(
    x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None
) -> Tensor:
    """Return the products of all elements along `axis` up to each; see `cumsum`."""
    return _scanned(_CUMPROD, x, axis, exclusive, reverse, name)


def cumulative_logsumexp(
    x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None
) -> Tensor:
    """Return ``log(cumsum(exp(x)))`` without overflow; see `cumsum`."""
    return _scanned(_LOGSUMEXP, x, axis, exclusive, reverse, name)
