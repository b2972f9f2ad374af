"""A run with its fetches and fed tensors fixed: what `make_callable` and `function` call.

The first call compiles; later ones go straight to the direct callable for as long as the session's
variables lie where they lay. A call with other types or shapes falls back to the engine, which
compiles for them, and the newest one stays at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphflow import errors, observe
from graphflow.graph.tensor import Tensor
from graphflow.runtime.engine import Engine
from graphflow.runtime.feeds import convert_feed
from graphflow.runtime.fetches import FetchPlan
from graphflow.runtime.requests import Request


class BoundRun:
    """Call it with one value per fed tensor; it returns the fetches."""

    __slots__ = ("engine", "fast", "layout", "plan", "request")

    def __init__(
        self, engine: Engine, plan: FetchPlan, fed: Sequence[Tensor],
        givens: Sequence[tuple[Tensor, Tensor]] = (),
    ) -> None:  # fmt: skip
        self.engine, self.plan = engine, plan
        self.request = Request(
            tuple(plan.tensors), tuple(plan.operations), tuple(fed), givens=tuple(givens)
        )
        self.fast: Callable[..., Any] = self.run
        self.layout = -1

    def __call__(self, *values: Any) -> Any:
        """Run; the values in the order of the fed tensors."""
        if self.layout == self.engine.store.layout:
            try:
                return self.fast(*values)
            except errors.SpeculationError:
                pass
        return self.run(*values)

    def run(self, *values: Any) -> Any:
        """The slow way: convert, find or compile, and keep a direct callable for the next call."""
        fed = self.request.fed
        if len(values) != len(fed):
            raise TypeError(f"expected {len(fed)} arguments, got {len(values)}")
        with observe.timed("run"):
            arrays = [convert_feed(t, v) for t, v in zip(fed, values, strict=True)]
            results = self.engine.run(self.request, arrays)
        self.bind()
        return self.plan.build(results)

    def bind(self) -> None:
        """Take the callable of the newest compilation, if it can be called directly."""
        bound = self.engine.direct(self.request, self.plan, self.run)
        if bound is not None:
            self.fast, self.layout = bound, self.engine.store.layout
