"""Primitives that do something, or that run in Python: host calls, checks, random draws."""

from __future__ import annotations

from typing import Any

from graphflow.graph import dtypes
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

__all__ = ["TOKEN", "HostFunction"]
