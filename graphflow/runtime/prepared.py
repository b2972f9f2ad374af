"""A request that is compiled and bound to memory, for feeds of one signature."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphflow.graph.tensor import Tensor
from graphflow.ir.node import Node
from graphflow.runtime.context import running
from graphflow.runtime.executable import Instance, Unread
from graphflow.runtime.feeds import convert_feed
from graphflow.runtime.fetches import FetchPlan
from graphflow.runtime.stepstats import Event, TracedCall

Array = np.ndarray[Any, Any]


@dataclass(eq=False)
class Prepared:
    """A request compiled for one signature: its callable takes the arrays of `arguments`.

    `is_shared` where its code serves other sizes too, so that it is made again in no time; `on_gpu`
    where it is run through Python, which launches kernels. `arrays` are results that are known
    without a run, by position: arrays of tensors without elements.
    """

    arguments: list[int]  # positions of the Program's feeds among the request's
    instance: Instance
    assumed: dict[str, bool]
    run: Callable[..., Any]  # gives the list of the request's tensors
    initializes: list[str]
    layout: int = 0
    fed: list[tuple[np.dtype[Any], tuple[int, ...]]] = field(default_factory=list)
    after: Callable[[], None] = lambda: None
    arrays: dict[int, Any] = field(default_factory=dict)
    is_shared: bool = False
    on_gpu: bool = False
    newest: tuple[FetchPlan, Callable[..., Any]] | None = None

    def stepwise(self, *arguments: Array) -> tuple[list[Any], list[Event]]:
        """Run step by step: the results, and when each step began and ended."""
        instance = self.instance
        call = instance.callable(instance.feeds(), [], "list", None, kind=TracedCall)
        assert isinstance(call, TracedCall)
        results = call(*arguments)
        self.after()
        return results, call.events

    def bound(self, fetch_plan: FetchPlan, fallback: Callable[..., Any]) -> Callable[..., Any]:
        """A native callable that gives the fetches in their simple form."""
        assert fetch_plan.form is not None
        if self.newest is not None and self.newest[0] is fetch_plan:
            return self.newest[1]
        instance = self.instance
        read: dict[int, Node | Unread] = dict(zip(self.arguments, instance.feeds(), strict=True))
        feeds = [read.get(k, Unread(*known)) for k, known in enumerate(self.fed)]
        made = instance.callable(feeds, fetch_plan.items, fetch_plan.form, fallback)
        self.newest = fetch_plan, made
        return made

    def bound_in_python(
        self, fed: Sequence[Tensor], fetch_plan: FetchPlan, fallback: Callable[..., Any]
    ) -> Callable[..., Any]:
        """What `bound` gives, in Python, for a run that launches kernels or calls Python."""
        run, arguments, types = self.run, self.arguments, self.fed
        store = self.instance.store

        def call(*values: Any) -> Any:
            if len(values) != len(fed):
                return fallback(*values)
            arrays = [convert_feed(t, v) for t, v in zip(fed, values, strict=True)]
            if [(a.dtype, a.shape) for a in arrays] != types:
                return fallback(*values)
            running.store = store
            return fetch_plan.build(run(*[arrays[k] for k in arguments]))

        return call
