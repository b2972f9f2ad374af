"""Checks of tensors' elements: ``tf.assert_equal``, ``tf.assert_positive``, ``tf.assert_near``.

Each makes an `Assert` operation, which fails the run with InvalidArgumentError; what constants
decide is checked at once, with the same error. Ranks, shapes and types are checked in
`shape_assertions`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphflow import errors
from graphflow.graph.constants import constant_value
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ops import comparison
from graphflow.ops.checks import Assert, check_numerics
from graphflow.ops.elementwise import add, multiply, subtract
from graphflow.ops.identity import no_op, with_dependencies
from graphflow.ops.reductions import reduce_all
from graphflow.ops.unary import abs as absolute

__all__ = [
    "assert_equal",
    "assert_greater",
    "assert_greater_equal",
    "assert_less",
    "assert_less_equal",
    "assert_near",
    "assert_negative",
    "assert_non_negative",
    "assert_non_positive",
    "assert_none_equal",
    "assert_positive",
    "verify_tensor_all_finite",
]


# Results of these are what TensorFlow knows when a graph is made; other failures are of the run.
_KNOWN_EARLY = {
    "Cast", "Concat", "ConcatV2", "Const", "Equal", "Fill", "NotEqual", "Pack", "Range", "Rank",
    "Shape", "Size",
}  # fmt: skip


def _fail_now(data: Sequence[Any]) -> None:
    """Raise the error that an assertion of constants ends in."""
    lines = []
    for item in data:
        value = constant_value(item) if isinstance(item, Tensor) else item
        lines.append(str(item if value is None else value))
    raise errors.InvalidArgumentError(None, None, "\n".join(lines))


def _compare(
    sign: str, compare: Callable[..., Tensor], reference: Callable[..., Any], scope: str,
    x: Any, y: Any, data: Any, summarize: int | None, message: str | None, name: str | None,
) -> Operation:  # fmt: skip
    with name_scope(name, scope, [x, y, data]):
        x, y = convert_to_tensor(x, name="x"), convert_to_tensor(y, name="y")
        if data is None:
            data = [
                f"Condition x {sign} y did not hold element-wise:",
                f"x ({x.name}) = ", x, f"y ({y.name}) = ", y,
            ]  # fmt: skip
        if message is not None:
            data = [message, *data]
        condition = reduce_all(compare(x, y))
        known = [constant_value(t) if t.op.type in _KNOWN_EARLY else None for t in (x, y)]
        if known[0] is not None and known[1] is not None and not np.all(reference(*known)):
            _fail_now(data)
        return Assert(condition, data, summarize=summarize)


def assert_equal(
    x: Any, y: Any, data: Any = None, summarize: int | None = None, message: str | None = None,
    name: str | None = None,
) -> Operation:  # fmt: skip
    """Return an operation that fails unless ``x == y`` everywhere.

    Parameters
    ----------
    x, y : tensors of one type that broadcast.
    data : what the message shows; both tensors when None.
    summarize : how many elements of each it shows.
    message : what the message begins with.

    Raises
    ------
    InvalidArgumentError : both are constants and differ.
    """
    with name_scope(name, "assert_equal", [x, y, data]):  # TensorFlow uses this name up, too
        if x is y:
            return no_op()
    return _compare(
        "==", comparison.equal, np.equal, "assert_equal", x, y, data, summarize, message, name
    )


def assert_none_equal(
    x: Any, y: Any, data: Any = None, summarize: int | None = None, message: str | None = None,
    name: str | None = None,
) -> Operation:  # fmt: skip
    """Return an operation that fails unless ``x != y`` everywhere; see `assert_equal`."""
    return _compare(
        "!=", comparison.not_equal, np.not_equal, "assert_none_equal", x, y, data, summarize,
        message, name,
    )  # fmt: skip


def assert_less(
    x: Any, y: Any, data: Any = None, summarize: int | None = None, message: str | None = None,
    name: str | None = None,
) -> Operation:  # fmt: skip
    """Return an operation that fails unless ``x < y`` everywhere; see `assert_equal`."""
    return _compare(
        "<", comparison.less, np.less, "assert_less", x, y, data, summarize, message, name
    )


def assert_less_equal(
    x: Any, y: Any, data: Any = None, summarize: int | None = None, message: str | None = None,
    name: str | None = None,
) -> Operation:  # fmt: skip
    """Return an operation that fails unless ``x <= y`` everywhere; see `assert_equal`."""
    return _compare(
        "<=", comparison.less_equal, np.less_equal, "assert_less_equal", x, y, data, summarize,
        message, name,
    )  # fmt: skip


def assert_greater(
    x: Any, y: Any, data: Any = None, summarize: int | None = None, message: str | None = None,
    name: str | None = None,
) -> Operation:  # fmt: skip
    """Return an operation that fails unless ``x > y`` everywhere; see `assert_equal`."""
    return _compare(
        ">", comparison.greater, np.greater, "assert_greater", x, y, data, summarize, message, name
    )


def assert_greater_equal(
    x: Any, y: Any, data: Any = None, summarize: int | None = None, message: str | None = None,
    name: str | None = None,
) -> Operation:  # fmt: skip
    """Return an operation that fails unless ``x >= y`` everywhere; see `assert_equal`."""
    return _compare(
        ">=", comparison.greater_equal, np.greater_equal, "assert_greater_equal", x, y, data,
        summarize, message, name,
    )  # fmt: skip


def _against_zero(
    sign: str, assertion: Callable[..., Operation], scope: str, zero_first: bool,
    x: Any, data: Any, summarize: int | None, message: str | None, name: str | None,
) -> Operation:  # fmt: skip
    with name_scope(name, scope, [x, data]):
        x = convert_to_tensor(x, name="x")
        if data is None:
            shown = f"Condition x {sign} 0 did not hold element-wise:"
            data = [message or "", shown, f"x ({x.name}) = ", x]
        zero = convert_to_tensor(0, dtype=x.dtype)
        pair = (zero, x) if zero_first else (x, zero)
        return assertion(*pair, data=data, summarize=summarize)


def assert_negative(
    x: Any, data: Any = None, summarize: int | None = None, message: str | None = None,
    name: str | None = None,
) -> Operation:  # fmt: skip
    """Return an operation that fails unless ``x < 0`` everywhere; see `assert_equal`."""
    return _against_zero(
        "<", assert_less, "assert_negative", False, x, data, summarize, message, name
    )


def assert_positive(
    x: Any, data: Any = None, summarize: int | None = None, message: str | None = None,
    name: str | None = None,
) -> Operation:  # fmt: skip
    """Return an operation that fails unless ``x > 0`` everywhere; see `assert_equal`."""
    return _against_zero(
        ">", assert_less, "assert_positive", True, x, data, summarize, message, name
    )


def assert_non_negative(
    x: Any, data: Any = None, summarize: int | None = None, message: str | None = None,
    name: str | None = None,
) -> Operation:  # fmt: skip
    """Return an operation that fails unless ``x >= 0`` everywhere; see `assert_equal`."""
    return _against_zero(
        ">=", assert_less_equal, "assert_non_negative", True, x, data, summarize, message, name
    )


def assert_non_positive(
    x: Any, data: Any = None, summarize: int | None = None, message: str | None = None,
    name: str | None = None,
) -> Operation:  # fmt: skip
    """Return an operation that fails unless ``x <= 0`` everywhere; see `assert_equal`."""
    return _against_zero(
        "<=", assert_less_equal, "assert_non_positive", False, x, data, summarize, message, name
    )


def assert_near(
    x: Any, y: Any, rtol: Any = None, atol: Any = None, data: Any = None,
    summarize: int | None = None, message: str | None = None, name: str | None = None,
) -> Operation:  # fmt: skip
    """Return an operation that fails unless ``|x - y| < atol + rtol * |y|`` everywhere.

    Parameters
    ----------
    x, y : floating tensors of one type that broadcast.
    rtol, atol : the tolerances; ten times the type's precision when None.
    data, summarize, message : as of `assert_equal`.
    """
    with name_scope(name, "assert_near", [x, y, rtol, atol, data]):
        x = convert_to_tensor(x, name="x")
        y = convert_to_tensor(y, name="y", dtype=x.dtype)
        precision = np.finfo(x.dtype.as_numpy_dtype).eps
        rtol = convert_to_tensor(10 * precision if rtol is None else rtol, x.dtype, "rtol")
        atol = convert_to_tensor(10 * precision if atol is None else atol, x.dtype, "atol")
        if data is None:
            data = [
                message or "", f"x and y not equal to tolerance rtol = {rtol}, atol = {atol}",
                f"x ({x.name}) = ", x, f"y ({y.name}) = ", y,
            ]  # fmt: skip
        tolerance = add(atol, multiply(rtol, absolute(y)))
        near = comparison.less(absolute(subtract(x, y)), tolerance)
        return Assert(reduce_all(near), data, summarize=summarize)


def verify_tensor_all_finite(
    t: Any = None, msg: str | None = None, name: str | None = None, x: Any = None,
    message: str | None = None,
) -> Tensor:  # fmt: skip
    """Return `x`; the run fails with InvalidArgumentError when it has a nan or an infinity.

    Parameters
    ----------
    t, msg : the names that `x` and `message` had before.
    """
    if (t is None) == (x is None) or (msg is None) == (message is None):
        raise ValueError("verify_tensor_all_finite expected one of x and t, one of message and msg")
    value, text = x if t is None else t, message if msg is None else msg
    with name_scope(name, "VerifyFinite", [value]):
        value = convert_to_tensor(value, name="t")
        checked = check_numerics(value, str(text))
        return with_dependencies([checked], value)
