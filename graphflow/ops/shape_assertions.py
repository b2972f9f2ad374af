"""Checks of tensors' ranks, shapes and types: ``tf.assert_rank``, ``tf.debugging.assert_shapes``.

What is known when the graph is made is checked at once, with a ValueError or TypeError; else the
result is an operation that checks in the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.constants import constant_value
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import control_dependencies, name_scope
from graphflow.graph.dtypes import DType
from graphflow.graph.operation import Operation
from graphflow.graph.sparse_tensor import SparseTensor
from graphflow.graph.tensor import Tensor
from graphflow.ops import comparison
from graphflow.ops.checks import Assert
from graphflow.ops.conditionals import cond
from graphflow.ops.identity import group, no_op, with_dependencies
from graphflow.ops.shape import rank as rank_of
from graphflow.ops.shape import shape as shape_of

__all__ = [
    "assert_integer",
    "assert_proper_iterable",
    "assert_rank",
    "assert_rank_at_least",
    "assert_rank_in",
    "assert_same_float_dtype",
    "assert_scalar",
    "assert_shapes",
    "assert_type",
]


def assert_type(
    tensor: Any, tf_type: Any, message: str | None = None, name: str | None = None
) -> Operation:
    """Return an operation that does nothing; TypeError unless the tensor has the type."""
    with name_scope(name, "assert_type", [tensor]):
        tensor = convert_to_tensor(tensor, name="tensor")
        if tensor.dtype != tf_type:
            raise TypeError(f"{message or ''}  {tensor.name} must be of type {tf_type}")
        return no_op("statically_determined_correct_type")


def assert_integer(x: Any, message: str | None = None, name: str | None = None) -> Operation:
    """Return an operation that does nothing; TypeError unless the tensor is of integers."""
    with name_scope(name, "assert_integer", [x]):
        x = convert_to_tensor(x, name="x")
        if not x.dtype.is_integer:
            raise TypeError(
                f'{message or ""}  Expected "x" to be integer type.  '
                f"Found: {x.name} of dtype {x.dtype}"
            )
        return no_op("statically_determined_was_integer")


def assert_scalar(tensor: Any, name: str | None = None, message: str | None = None) -> Tensor:
    """Return the value as a tensor; ValueError unless it is known to be a scalar."""
    with name_scope(name, "assert_scalar", [tensor]) as scope:
        made = convert_to_tensor(tensor, name=scope)
        if made.shape.rank != 0:
            raise ValueError(
                f"{message or ''}Expected scalar shape for {made.name}, saw shape: {made.shape}."
            )
        return made


def assert_same_float_dtype(tensors: Sequence[Any] | None = None, dtype: Any = None) -> DType:
    """Return the one floating type of tensors; float32 when nothing says which.

    Raises
    ------
    ValueError : the types differ, from one another or from `dtype`, or are not floating.
    """
    first = None
    for item in tensors or ():
        if item is None:
            continue
        if dtype and item.dtype.base_dtype != dtype:
            whose = f" as {first.name}" if first is not None else ""
            raise ValueError(
                f"{item.name}, type={item.dtype.base_dtype}, must be of the same type "
                f"({dtype}){whose}."
            )
        if not dtype:
            first, dtype = item, item.dtype.base_dtype
    found: DType = dtype or dtypes.float32
    if not found.is_floating:
        raise ValueError(f"Expected floating point type, got {found}.")
    return found


def assert_proper_iterable(values: Any) -> None:
    """Raise TypeError for what is no iterable, or a tensor, an array or a text."""
    if isinstance(values, (Tensor, SparseTensor, np.ndarray, str, bytes)):
        raise TypeError(
            f'Expected argument "values" to be a "proper" iterable.  Found: {type(values)}'
        )
    if not hasattr(values, "__iter__"):
        raise TypeError(f'Expected argument "values" to be iterable.  Found: {type(values)}')


# ---- ranks


def _check_rank(
    x: Tensor, ranks: Sequence[Tensor], holds: Callable[[int, Sequence[int]], bool],
    condition: Callable[[Tensor], Tensor], wanted: str, data: Any, summarize: int | None,
    message: str | None,
) -> Operation:  # fmt: skip
    """Check a rank against others, now if all are known."""
    for one in ranks:
        assert_type(one, dtypes.int32)
    known = [constant_value(one) for one in ranks]
    if any(value is not None and np.ndim(value) != 0 for value in known):
        raise ValueError("Rank must be a scalar.")
    if x.shape.rank is not None and all(value is not None for value in known):
        numbers = tuple(int(value) for value in known)
        if not holds(x.shape.rank, numbers):
            shown = numbers if wanted.endswith("in") else numbers[0]
            raise ValueError(
                f"{message or ''}.  Tensor {x.name} must have rank {wanted}{' ' if wanted else ''}"
                f"{shown}.  Received rank {x.shape.rank}, shape {x.shape}"
            )
        return no_op("static_checks_determined_all_ok")
    if data is None:
        heading = f"Tensor {x.name} must have rank{' ' if wanted else ''}{wanted}"
        data = [message or "", heading, *ranks, "Received shape: ", shape_of(x)]
    holding = condition(rank_of(x))
    for one, value in zip(ranks, known, strict=True):
        if value is None:
            seen = ["Rank must be a scalar. Received rank: ", one]
            holding = with_dependencies([assert_rank(one, 0, data=seen)], holding)
    return Assert(holding, data, summarize=summarize)


def assert_rank(
    x: Any, rank: Any, data: Any = None, summarize: int | None = None,
    message: str | None = None, name: str | None = None,
) -> Operation:  # fmt: skip
    """Return an operation that fails unless `x` has a rank.

    Parameters
    ----------
    rank : int32 scalar.
    data, summarize, message : what the message shows, how much of it, what it begins with.

    Raises
    ------
    ValueError : the rank is known to be another one.
    """
    with name_scope(name, "assert_rank", [x, rank, *(data or ())]):
        x = convert_to_tensor(x, name="x")
        wanted = convert_to_tensor(rank, name="rank")
        return _check_rank(
            x, [wanted], lambda has, given: has == given[0],
            lambda has: comparison.equal(has, wanted), "", data, summarize, message,
        )  # fmt: skip


def assert_rank_at_least(
    x: Any, rank: Any, data: Any = None, summarize: int | None = None,
    message: str | None = None, name: str | None = None,
) -> Operation:  # fmt: skip
    """Return an operation that fails unless `x` has at least a rank; see `assert_rank`."""
    with name_scope(name, "assert_rank_at_least", [x, rank, *(data or ())]):
        x = convert_to_tensor(x, name="x")
        wanted = convert_to_tensor(rank, name="rank")
        return _check_rank(
            x, [wanted], lambda has, given: has >= given[0],
            lambda has: comparison.greater_equal(has, wanted), "at least", data, summarize,
            message,
        )  # fmt: skip


def assert_rank_in(
    x: Any, ranks: Iterable[Any], data: Any = None, summarize: int | None = None,
    message: str | None = None, name: str | None = None,
) -> Operation:  # fmt: skip
    """Return an operation that fails unless `x` has one of some ranks; see `assert_rank`."""
    ranks = tuple(ranks)
    with name_scope(name, "assert_rank_in", [x, *ranks, *(data or ())]):
        x = convert_to_tensor(x, name="x")
        given = [convert_to_tensor(rank, name="rank") for rank in ranks]

        def is_one(has: Tensor) -> Tensor:
            result = convert_to_tensor(False)
            for rank in given:
                result = comparison.logical_or(result, comparison.equal(rank, has))
            return result

        return _check_rank(
            x, given, lambda has, numbers: has in numbers, is_one, "in", data, summarize, message
        )


# ---- shapes


class _Sizes(NamedTuple):
    """A tensor, its sizes, and what they should be (behind any number of others if `open`)."""

    tensor: Tensor
    actual: Any
    wanted: tuple[Any, ...]
    open: bool


def assert_shapes(
    shapes: Any, data: Any = None, summarize: int | None = None, message: str | None = None,
    name: str | None = None,
) -> Operation:  # fmt: skip
    """Return an operation that fails unless tensors have sizes, and share those that they should.

    Parameters
    ----------
    shapes : pairs of a tensor and its shape, or a dictionary of them. A shape is a sequence of
        numbers, of symbols, which stand for one size wherever they occur, and of ``None`` or
        ``'.'`` for any size; ``...`` or ``'*'`` in front stands for any sizes. A scalar counts as
        a vector of one element.
    data, summarize, message : what the message shows, how much of it, what it begins with.

    Raises
    ------
    ValueError : a shape is known to be another one, or is not given as a sequence.
    """
    pairs = shapes.items() if isinstance(shapes, dict) else shapes
    message = message or ""
    with name_scope(name, "assert_shapes", [shapes, data]):
        table = [
            _parse(convert_to_tensor(tensor), shape, message)
            for tensor, shape in pairs if shape is not None
        ]  # fmt: skip
        ranks = [
            check for sizes in table
            if (check := _check_sizes_rank(sizes, data, summarize, message, name)) is not None
        ]  # fmt: skip
        checks = _check_sizes(table, data, summarize, message)
        with control_dependencies(ranks):
            return group(*checks)


def _parse(tensor: Tensor, shape: Any, message: str) -> _Sizes:
    if not hasattr(shape, "__iter__") and not hasattr(shape, "__getitem__"):
        raise ValueError(
            f"{message}.  Tensor {tensor.name}.  Specified shape must be an iterable.  An iterable "
            f"has the attribute `__iter__` or `__getitem__`.  Received specified shape: {shape}"
        )
    wanted = tuple(shape)
    is_rest = [symbol is Ellipsis or symbol == "*" for symbol in wanted]
    if any(is_rest[1:]):
        raise ValueError(
            f"{message}.  Tensor {tensor.name} specified shape index {is_rest.index(True, 1)}.  "
            "Symbol `...` or `*` for a variable number of unspecified dimensions is only allowed "
            "as the first entry"
        )
    begins_open = is_rest[:1] == [True]
    return _Sizes(tensor, _sizes(tensor), wanted[begins_open:] or (1,), begins_open)


def _sizes(x: Tensor) -> Any:
    """Return sizes, numbers where they are known; those of a scalar are ``[1]``."""
    found = shape_of(x)
    if x.shape.rank is None:
        is_scalar = comparison.equal(rank_of(x), 0)
        return cond(is_scalar, lambda: convert_to_tensor([1]), lambda: found)
    if x.shape.rank == 0:
        return (1,)
    return [found[k] if n is None else n for k, n in enumerate(x.shape.as_list())]


def _check_sizes_rank(
    sizes: _Sizes, data: Any, summarize: int | None, message: str, name: str | None
) -> Operation | None:
    rank = len(sizes.wanted)
    options = {"data": data, "summarize": summarize, "message": message, "name": name}
    if sizes.open:
        return assert_rank_at_least(sizes.tensor, rank, **options) if rank > 1 else None
    if rank == 1:
        return assert_rank_in(sizes.tensor, [0, 1], **options)
    return assert_rank(sizes.tensor, rank, **options)


def _as_number(size: Any) -> int | None:
    """Return a size as a number if it is one, or the text of one."""
    if isinstance(size, (int, np.integer)) or (isinstance(size, str) and size.isdigit()):
        return int(size)
    return None


def _check_sizes(
    table: Sequence[_Sizes], data: Any, summarize: int | None, message: str
) -> list[Operation]:
    checks = []
    first: dict[Any, tuple[Any, str]] = {}  # of a symbol: its size, and where that comes from
    for sizes in table:
        for k, symbol in enumerate(sizes.wanted):
            if symbol is None or symbol == ".":
                continue
            axis = k - len(sizes.wanted) if sizes.open else k
            actual, number = sizes.actual[axis], _as_number(symbol)
            if number is None and symbol not in first:
                origin = f"Specified by tensor {sizes.tensor.name} dimension {axis}"
                first[symbol] = actual, origin
                continue
            wanted, origin = first[symbol] if number is None else (number, "Specified explicitly")
            if isinstance(actual, int) and isinstance(wanted, int):
                if actual != wanted:
                    raise ValueError(
                        f"{message}.  {origin}.  Tensor {sizes.tensor.name} dimension {axis} must "
                        f"have size {wanted}.  Received size {actual}, shape {sizes.tensor.shape}"
                    )
                continue
            shown = data if data is not None else [
                message, origin, f"Tensor {sizes.tensor.name} dimension", axis, "must have size",
                wanted, "Received shape: ", shape_of(sizes.tensor),
            ]  # fmt: skip
            equal = comparison.equal(convert_to_tensor(actual), convert_to_tensor(wanted))
            checks.append(Assert(equal, shown, summarize=summarize))
    return checks
