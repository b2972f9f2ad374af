"""The table of primitives and the function that adds to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphflow.ir.node import Infer, Prim

PRIMS: dict[str, Prim] = {}


def define(
    name: str,
    kind: str,
    infer: Infer,
    reference: Callable[..., Any] | None,
    effect: bool = False,
    cost: float = 1.0,
) -> Prim:
    """Declare a primitive; a second one of the same name is a mistake."""
    if name in PRIMS:
        raise ValueError(f"primitive {name!r} is declared twice")
    PRIMS[name] = Prim(name, kind, infer, reference, effect, cost)
    return PRIMS[name]


def require(condition: bool, prim: str, expected: str, *got: object) -> None:
    """Raise ValueError ``prim requires expected, got ...`` unless `condition` holds."""
    if not condition:
        raise ValueError(f"{prim} requires {expected}, got {', '.join(map(str, got))}")
