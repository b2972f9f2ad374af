"""Primitives that do something, or that run in Python: host calls, checks, random draws."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.arrays import as_array
from graphflow.ir import philox
from graphflow.ir.prims.registry import define, require
from graphflow.ir.types import TensorType

Attrs = dict[str, Any]
TOKEN = TensorType(dtypes.resource, ())

# attrs: function (a HostFunction), number (makes stateful calls unlike each other). Gives a token;
# `result` nodes take the arrays out of it. Operands that are tokens only order the calls.
define("host_call", "host", lambda attrs, *types: TOKEN, None)
define("effect_call", "host", lambda attrs, *types: TOKEN, None, effect=True)

define(
    "result",  # attrs: index, type; one of the arrays that a call gave
    "host",
    infer=lambda attrs, call: attrs["type"],
    reference=None,
    cost=0.0,
)


class HostFunction:
    """A Python function of arrays that a Program calls: ``function(*arrays) -> list of arrays``.

    Its arrays are its own; a function with an attribute ``reads_only`` gets the memory of the run
    instead, which it neither changes nor keeps.
    """

    __slots__ = ("function", "name", "reads_only")

    def __init__(self, name: str, function: Any) -> None:
        self.name = name
        self.function = function
        self.reads_only: bool = getattr(function, "reads_only", False)

    def __repr__(self) -> str:
        return self.name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HostFunction) and self.function == other.function

    def __hash__(self) -> int:
        return hash(self.function)


class Tape:
    """The results of a run's calls that have effects, so that the run can be computed once more.

    Calls are known by their function and number; of a loop's, each round has its turn.
    """

    def __init__(self) -> None:
        self._results: dict[Any, deque[list[Any]]] = {}

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Keep what the calls made inside give."""
        with _taping(self._call):
            yield

    @contextmanager
    def replaying(self) -> Iterator[None]:
        """Give what was kept, in place of calling."""
        with _taping(self._give):
            yield

    def _call(self, function: HostFunction, number: Any, arrays: Sequence[Any]) -> list[Any]:
        found: list[Any] = function.function(*arrays)
        kept = [np.array(value, copy=True) for value in map(as_array, found)]
        self._results.setdefault((function, number), deque()).append(kept)
        return found

    def _give(self, function: HostFunction, number: Any, arrays: Sequence[Any]) -> list[Any]:
        kept = self._results.get((function, number))
        if not kept:
            raise NotOnTape(function.name)
        return kept.popleft()


class NotOnTape(Exception):
    """A call is asked for that the run that was recorded did not make."""


_tape: ContextVar[Callable[[HostFunction, Any, Sequence[Any]], list[Any]] | None] = ContextVar(
    "tape", default=None
)


@contextmanager
def _taping(call: Callable[[HostFunction, Any, Sequence[Any]], list[Any]] | None) -> Iterator[None]:
    token = _tape.set(call)
    try:
        yield
    finally:
        _tape.reset(token)


def call_function(node: Any, arrays: Sequence[Any]) -> list[Any]:
    """Call the function of a `host_call` or an `effect_call`; give the arrays that it gives."""
    function: HostFunction = node["function"]
    tape = _tape.get()
    if tape is None:
        found: list[Any] = function.function(*arrays)
        return found
    with _taping(None):  # what the function runs itself is another run
        if node.op == "host_call":  # without effects: it can be called again
            return list(function.function(*arrays))
        return tape(function, node.attrs.get("number"), arrays)


def _infer_check(attrs: Attrs, ok: TensorType, *data: TensorType) -> TensorType:
    require(ok == TensorType(dtypes.bool_, ()), "check", "a bool scalar", ok)
    return TOKEN


# attrs: error (a class of graphflow.errors), describe (data arrays -> message), number.
# operands: the condition that must hold, then the data that the message needs.
define("check", "check", _infer_check, None, effect=True)


def _infer_random(attrs: Attrs, state: TensorType, *bounds: TensorType) -> TensorType:
    expected = TensorType(dtypes.uint64, (4,))
    require(state == expected, "random", "a state of key and counter", state)
    return TensorType(attrs["dtype"], attrs["shape"])


def _random(attrs: Attrs, state: Any, *bounds: Any) -> Any:
    return philox.draw(attrs["kind"], attrs["dtype"], attrs["shape"], state, bounds)


# attrs: kind (uniform, normal, truncated_normal, uniform_int), dtype, shape.
# operands: state u64[4] = key low, key high, counter low, counter high; bounds for uniform_int.
define("random", "nest", _infer_random, _random, cost=20.0)

__all__ = ["TOKEN", "HostFunction", "NotOnTape", "Tape", "call_function"]
